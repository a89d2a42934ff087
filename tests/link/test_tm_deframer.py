"""TM frames as received: packets arrive unchanged, losses cost no more than they touch."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_damage import flips, noise, truncations
from tm_traffic import (
    CLCW,
    SPACECRAFT,
    by_channel,
    drained,
    genuine,
    mixed,
    packet,
    place,
)

from flight.link import fecf
from flight.link.clcw import Clcw
from flight.link.reassembly import Reassembly
from flight.link.spacepacket import SMALLEST
from flight.link.tm import OVERHEAD, TmDeframer, TmFramer

SIZES = [OVERHEAD + SMALLEST, 40, 64, 640, 2048]


def framed(
    source: random.Random, size: int, count: int
) -> tuple[list[bytes], dict[int, list[bytes]]]:
    """Frames of mixed traffic that is added while frames are taken, and its packets."""
    framer = TmFramer(SPACECRAFT, size, limit=1 << 24)
    frames, traffic = [], mixed(source, size - OVERHEAD, count)
    for channel, raw in traffic:
        assert framer.add(channel, raw)
        frames += [framer.frame(CLCW) for _ in range(source.choice((0, 0, 1, 3)))]
    return frames + drained(framer), by_channel(traffic)


def fed(deframer: TmDeframer, frames: list[bytes]) -> dict[int, list[bytes]]:
    return by_channel([each for raw in frames for each in deframer.feed(raw)])


@pytest.mark.parametrize("size", SIZES)
def test_packets_arrive_unchanged_and_in_order(size: int) -> None:
    frames, packets = framed(random.Random(size), size, 150)
    deframer = TmDeframer(SPACECRAFT, size)
    assert fed(deframer, frames) == packets
    counters = deframer.counters
    assert counters["good"] == len(frames)
    assert counters["packets"] == 150
    assert counters["gaps"] + counters["packet_resync"] + counters["disorder"] == 0
    assert deframer.clcw == CLCW


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(7, 500), max_size=40), st.integers(OVERHEAD + SMALLEST, 300))
def test_any_sizes(sizes: list[int], size: int) -> None:
    framer, deframer = TmFramer(SPACECRAFT, size), TmDeframer(SPACECRAFT, size)
    packets = [packet(2, number, each) for number, each in enumerate(sizes)]
    for raw in packets:
        assert framer.add(2, raw)
    assert fed(deframer, drained(framer)).get(2, []) == packets


def test_the_largest_packet_spans_a_hundred_frames() -> None:
    framer, deframer = TmFramer(SPACECRAFT, 640), TmDeframer(SPACECRAFT, 640)
    raw = packet(1, 0, 6 + 65536)
    framer.add(1, raw)
    assert fed(deframer, drained(framer)) == {1: [raw]}


def touched(frames: list[bytes], lost: set[int], size: int) -> set[tuple[int, int]]:
    """Packets of which a lost frame carried some octet: found by sending each frame alone."""
    position: dict[int, int] = {}
    spans: dict[int, list[tuple[int, int, int]]] = {}
    for index, raw in enumerate(frames):
        channel = raw[1] >> 1 & 7
        begin = position.get(channel, 0)
        position[channel] = begin + size - OVERHEAD
        spans.setdefault(channel, []).append((begin, position[channel], index))
    harmed = set()
    for channel, pieces in spans.items():
        if channel == 7:
            continue
        stream = b"".join(frames[index][6:-6] for _, _, index in pieces)
        begin = 0
        while begin + 6 <= len(stream):
            end = begin + 7 + int.from_bytes(stream[begin + 4 : begin + 6], "big")
            if any(index in lost and low < end and begin < high for low, high, index in pieces):
                harmed.add(place(stream[begin:end]))
            begin = end
    return harmed


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("loss", [0.02, 0.2, 0.6])
def test_lost_frames_cost_only_the_packets_they_touch(size: int, loss: float) -> None:
    source = random.Random(size * 1000 + int(loss * 100))
    frames, packets = framed(source, size, 200)
    lost = {index for index in range(1, len(frames) - 1) if source.random() < loss}
    deframer = TmDeframer(SPACECRAFT, size)
    found = fed(deframer, [raw for index, raw in enumerate(frames) if index not in lost])
    harmed = touched(frames, lost, size)
    assert all(genuine(raw) for each in found.values() for raw in each)
    for channel, sent in packets.items():
        expected = [raw for raw in sent if place(raw) not in harmed]
        assert found.get(channel, []) == expected, f"{len(lost)} of {len(frames)} frames lost"
    if size == 640:  # no 128 frames in a row are lost, so the count is exact
        assert deframer.counters["gaps"] == len(lost)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.9), st.integers(OVERHEAD + SMALLEST, 200))
def test_any_loss_delivers_genuine_packets_in_order(seed: int, loss: float, size: int) -> None:
    source = random.Random(seed)
    frames, _ = framed(source, size, 30)
    found = fed(TmDeframer(SPACECRAFT, size), [raw for raw in frames if source.random() >= loss])
    for channel, packets in found.items():
        assert all(genuine(raw) for raw in packets)
        places = [place(raw) for raw in packets]
        assert places == sorted(set(places))
        assert {number for number, _ in places} <= {channel}


@pytest.mark.parametrize("counted", [True, False])
def test_the_frame_count_keeps_halves_of_two_packets_apart(
    counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Reassembly.advance

    def blind(stream: Reassembly, counter: int, first: int, octets: bytes) -> list[bytes]:
        stream._counter = counter - 1
        return advance(stream, counter, first, octets)

    if not counted:
        monkeypatch.setattr(Reassembly, "advance", blind)
    framer, deframer = TmFramer(SPACECRAFT, 64), TmDeframer(SPACECRAFT, 64)
    for number in range(3):
        framer.add(0, packet(0, number, 2 * framer.space))
    frames = drained(framer)
    found = fed(deframer, frames[:1] + frames[3:])[0]  # the end of one, the start of the next
    assert all(genuine(raw) for raw in found) is counted
    assert deframer.counters["packet_resync"] == counted


def test_every_truncation_and_bit_flip_is_refused_and_counted() -> None:
    framer, deframer = TmFramer(SPACECRAFT, 64), TmDeframer(SPACECRAFT, 64)
    framer.add(0, packet(0, 0, 30))
    raw = framer.frame(CLCW)
    assert all(deframer.feed(damaged) == [] for damaged in truncations(raw))
    assert all(deframer.feed(damaged) == [] for damaged in flips(raw))
    assert deframer.feed(raw + b"\0") == []
    assert deframer.counters == {"length": 65, "crc": 512}
    assert deframer.clcw is None
    assert deframer.feed(raw) == [(0, packet(0, 0, 30))]


def test_random_octets_raise_nothing() -> None:
    deframer = TmDeframer(SPACECRAFT, 30)
    for raw in noise(8, 60):
        deframer.feed(raw)
    source = random.Random(9)
    for _ in range(3000):
        assert deframer.feed(source.randbytes(30)) == [] or deframer.counters["good"]
    assert deframer.counters["crc"] > 2900


def test_random_fields_behind_a_right_header_raise_nothing_and_keep_little() -> None:
    source, size = random.Random(10), 200
    deframer = TmDeframer(SPACECRAFT, size)
    for count in range(3000):
        first = source.choice((0, 0x7FF, 0x7FE, source.randrange(2048)))
        head = (SPACECRAFT << 4 | 1).to_bytes(2, "big") + bytes((count % 256, count % 256))
        body = source.randbytes(size - 8)
        for channel, raw in deframer.feed(
            fecf.append(head + (0x1800 | first).to_bytes(2, "big") + body)
        ):
            assert channel == 0
            assert len(raw) == 7 + int.from_bytes(raw[4:6], "big")
    assert deframer.counters["good"] == 3000
    assert deframer.counters["packet_resync"] > 100


@pytest.mark.parametrize(
    ("change", "counter"),
    [
        (b"\x40\0\0\0\0\0", "version"),
        (b"\0\x10\0\0\0\0", "spacecraft"),
        (b"\0\0\0\0\x80\0", "version"),  # secondary header
        (b"\0\0\0\0\x40\0", "version"),  # no packets
    ],
)
def test_frames_that_are_not_ours(change: bytes, counter: str) -> None:
    framer, deframer = TmFramer(SPACECRAFT, 64), TmDeframer(SPACECRAFT, 64)
    framer.add(0, packet(0, 0, 30))
    raw = framer.frame(CLCW)[:-2]
    changed = bytes(a ^ b for a, b in zip(raw[:6], change, strict=True)) + raw[6:]
    assert deframer.feed(fecf.append(changed)) == []
    assert deframer.counters == {counter: 1}


def raw_frame(count: int, first: int, octets: bytes) -> bytes:
    """A frame of 20 octets of data on channel 0 as no framer of ours would make it."""
    head = (SPACECRAFT << 4).to_bytes(2, "big") + bytes((count, count))
    return fecf.append(head + (0x1800 | first).to_bytes(2, "big") + octets.ljust(20, b"\0"))


LONG, SHORT = packet(0, 0, 30), packet(0, 1, 10)


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ((10, LONG[20:] + SHORT), [LONG, SHORT]),  # as it should be
        ((9, LONG[20:29] + SHORT), [SHORT]),  # ends before the length says so
        ((11, LONG[20:] + b"x" + SHORT[:9]), []),  # goes on behind its end
        ((0, SHORT + SHORT), [SHORT, SHORT]),  # does not go on
        ((20, LONG[20:] + SHORT), []),  # the next starts behind the frame
        ((0x7FD, LONG[20:] + SHORT), []),
        ((0x7FF, LONG[20:] + SHORT), []),  # ends, and nothing starts
        ((10, LONG[20:] + b"\x20" + SHORT[1:]), [LONG]),  # the next is no packet
    ],
)
def test_a_pointer_that_contradicts_a_length_wins(
    second: tuple[int, bytes], found: list[bytes]
) -> None:
    deframer = TmDeframer(SPACECRAFT, 28)
    assert deframer.feed(raw_frame(0, 0, LONG[:20])) == []
    assert fed(deframer, [raw_frame(1, *second)]).get(0, []) == found
    assert deframer.counters["packet_resync"] == (found != [LONG, SHORT])
    again = packet(0, 2, 20)
    assert deframer.feed(raw_frame(2, 0, again)) == [(0, again)]


@pytest.mark.parametrize(("first", "whole"), [(0x7FF, True), (20, False), (0x7FD, False)])
def test_a_packet_that_ends_with_its_frame(first: int, whole: bool) -> None:
    deframer, raw = TmDeframer(SPACECRAFT, 28), packet(0, 0, 40)
    frames = [raw_frame(0, 0, raw[:20]), raw_frame(1, first, raw[20:])]
    assert fed(deframer, frames) == ({0: [raw]} if whole else {})
    assert deframer.counters["packet_resync"] == (not whole)


def test_a_frame_without_packet_start_needs_a_packet_that_goes_on() -> None:
    deframer, whole = TmDeframer(SPACECRAFT, 28), packet(0, 0, 20)
    assert deframer.feed(raw_frame(0, 0, whole)) == [(0, whole)]
    assert deframer.feed(raw_frame(1, 0x7FF, whole)) == []
    assert deframer.counters["packet_resync"] == 1
    assert deframer.feed(raw_frame(2, 0x7FF, whole)) == []
    assert deframer.feed(raw_frame(3, 0, whole)) == [(0, whole)]


def test_a_frame_without_ocf_has_four_octets_more() -> None:
    deframer, raw = TmDeframer(SPACECRAFT, 64), packet(0, 0, 56)
    head = (SPACECRAFT << 4).to_bytes(2, "big") + bytes.fromhex("00001800")
    assert deframer.feed(fecf.append(head + raw)) == [(0, raw)]
    assert deframer.clcw is None


def test_a_control_word_that_is_no_clcw_costs_no_packet() -> None:
    framer, deframer = TmFramer(SPACECRAFT, 64), TmDeframer(SPACECRAFT, 64)
    framer.add(0, packet(0, 0, 20))
    raw = framer.frame(CLCW)
    assert len(deframer.feed(fecf.append(raw[:-6] + b"\x80" + raw[-5:-2]))) == 1
    assert (deframer.counters["clcw"], deframer.clcw) == (1, None)


def test_the_newest_clcw_is_kept() -> None:
    framer, deframer = TmFramer(SPACECRAFT, 64), TmDeframer(SPACECRAFT, 64)
    for value in range(3):
        deframer.feed(framer.frame(Clcw(0, value)))
    assert deframer.clcw == Clcw(0, 2)
    assert deframer.counters["idle"] == 3


def test_repeated_and_late_frames_are_counted_and_repeat_no_packet_twice_in_a_row() -> None:
    frames, packets = framed(random.Random(11), 64, 60)
    deframer = TmDeframer(SPACECRAFT, 64)
    assert fed(deframer, [raw for raw in frames for _ in range(2)]) == packets
    assert deframer.counters["duplicate"] == len(frames)
    deframer.feed(frames[len(frames) // 2])
    assert deframer.counters["disorder"] == 1
    assert deframer.counters["gaps"] == 0


def test_service_goes_on_when_the_sender_restarts() -> None:
    deframer = TmDeframer(SPACECRAFT, 64)
    for life in range(4):
        frames, packets = framed(random.Random(20 + life), 64, 40)
        found = fed(deframer, frames)
        assert found == packets, f"life {life}"
