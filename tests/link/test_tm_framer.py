"""TM frames as sent: headers against an independent reader, pointers, filling, priorities."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tm_traffic import CLCW, IDLE_APID, SPACECRAFT, drained, field, mixed, packet, peer

from flight.link.errors import LinkError
from flight.link.spacepacket import SMALLEST
from flight.link.tm import IDLE_CHANNEL, LARGEST, OVERHEAD, TmFramer

SIZES = [OVERHEAD + SMALLEST, 64, 640, 1115, 2047]


def starts(stream: bytes) -> set[int]:
    """Offsets at which packets begin in the data fields of one channel laid end to end."""
    found, position = set(), 0
    while position < len(stream):
        found.add(position)
        if position + 6 > len(stream):
            break
        position += 7 + int.from_bytes(stream[position + 4 : position + 6], "big")
    return found


@pytest.mark.parametrize("size", SIZES)
def test_headers_and_pointers_as_another_reader_sees_them(size: int) -> None:
    framer = TmFramer(SPACECRAFT, size, limit=1 << 24)
    for channel, raw in mixed(random.Random(size), size - OVERHEAD, 120):
        assert framer.add(channel, raw)
    frames = drained(framer)
    frames.append(framer.frame(CLCW))
    streams: dict[int, bytes] = {}
    counts: dict[int, int] = {}
    pointers: dict[int, list[tuple[int, int]]] = {}
    for number, raw in enumerate(frames):
        frame = peer(raw)
        header, status = frame.primary_header, frame.primary_header.frame_datafield_status
        assert header.master_channel_id.spacecraft_id == SPACECRAFT
        assert header.master_channel_id.transfer_frame_version == 0
        assert header.master_ch_frame_count == number % 256
        assert header.vc_frame_count == counts.get(header.vc_id, 0) % 256
        counts[header.vc_id] = counts.get(header.vc_id, 0) + 1
        assert frame.op_ctrl_field == CLCW.pack()
        assert (status.secondary_header_flag, status.sync_flag, status.packet_order_flag) == (
            False,
            False,
            False,
        )
        assert status.segment_len_id == 3
        stream = streams.setdefault(header.vc_id, b"")
        pointers.setdefault(header.vc_id, []).append((len(stream), status.first_header_pointer))
        streams[header.vc_id] = stream + frame.data_field
    assert pointers.pop(IDLE_CHANNEL) == [(0, 0x7FE)]
    space = size - OVERHEAD
    for channel, found in pointers.items():
        begin = starts(streams[channel])
        for offset, pointer in found:
            inside = [each - offset for each in begin if 0 <= each - offset < space]
            assert pointer == min(inside, default=0x7FF)


def test_lowest_channel_first_and_packets_stay_in_order() -> None:
    framer = TmFramer(SPACECRAFT, 64)
    for channel in (3, 1, 2, 0):
        framer.add(channel, packet(channel, 0, 200))
    frames = [framer.frame(CLCW) for _ in range(5)]
    framer.add(0, packet(0, 1, 20))  # comes in while channel 1 is in the middle of a packet
    frames += drained(framer)
    channels = [peer(raw).primary_header.vc_id for raw in frames]
    assert channels == [0] * 4 + [1, 0] + [1] * 3 + [2] * 4 + [3] * 4


@pytest.mark.parametrize("gap", range(1, 14))
def test_the_rest_of_a_frame_is_one_idle_packet_that_may_go_on(gap: int) -> None:
    framer = TmFramer(SPACECRAFT, 64)
    space = framer.space
    framer.add(0, packet(0, 0, space - gap))
    first = field(framer.frame(CLCW))
    assert not framer.has_data
    assert framer.pending(0) == 0
    assert first[space - gap :][:2] == b"\x07\xff"[:gap]  # APID 0x7FF
    over = max(0, SMALLEST - gap)
    # What is left of the idle packet waits for the next data and makes no frame of its own.
    assert peer(framer.frame(CLCW)).primary_header.vc_id == IDLE_CHANNEL
    framer.add(0, packet(0, 1, 20))
    raw = framer.frame(CLCW)
    assert peer(raw).primary_header.frame_datafield_status.first_header_pointer == over
    assert field(raw)[over : over + 20] == packet(0, 1, 20)
    assert starts(first + field(raw)) >= {0, space - gap, space + over}


def test_pending_counts_every_octet_once() -> None:
    framer = TmFramer(SPACECRAFT, 64)
    framer.add(2, packet(2, 0, 130))
    framer.add(2, packet(2, 1, 10))
    seen = []
    while framer.has_data:
        seen.append(framer.pending(2))
        framer.frame(CLCW)
    space = framer.space
    assert seen == [140, 140 - space, 140 - 2 * space]
    assert framer.pending(2) == 0


def test_a_full_queue_refuses_and_counts() -> None:
    framer = TmFramer(SPACECRAFT, 64, limit=100)
    assert framer.add(1, packet(1, 0, 60))
    assert not framer.add(1, packet(1, 1, 41))
    assert framer.add(1, packet(1, 1, 40))
    assert framer.add(2, packet(2, 0, 100))
    assert not framer.add(2, packet(2, 1, 7))
    assert not framer.add(3, packet(3, 0, 101))
    assert framer.dropped == {1: 1, 2: 1, 3: 1}
    assert framer.pending(1) == 100
    drained(framer)
    assert framer.add(1, packet(1, 2, 100))


@pytest.mark.parametrize("channel", [-1, 7, 8])
def test_channels_that_carry_no_packets(channel: int) -> None:
    with pytest.raises(LinkError):
        TmFramer(SPACECRAFT, 64).add(channel, packet(0, 0, 10))


@given(st.binary(max_size=40))
def test_only_whole_packets_are_taken(raw: bytes) -> None:
    framer = TmFramer(SPACECRAFT, 64)
    whole = len(raw) > 6 and raw[0] < 0x20 and len(raw) == 7 + int.from_bytes(raw[4:6], "big")
    if whole:
        assert framer.add(0, raw)
    else:
        with pytest.raises(LinkError):
            framer.add(0, raw)
        assert not framer.has_data


@pytest.mark.parametrize("size", [0, OVERHEAD + SMALLEST - 1, LARGEST + 1])
def test_frame_sizes_that_cannot_be(size: int) -> None:
    with pytest.raises(ValueError, match="frame size"):
        TmFramer(SPACECRAFT, size)


def test_spacecraft_that_cannot_be() -> None:
    with pytest.raises(LinkError):
        TmFramer(1 << 10, 64)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(7, 300), max_size=30), st.integers(OVERHEAD + SMALLEST, 200))
def test_frames_carry_nothing_but_the_packets_and_idle_ones(sizes: list[int], size: int) -> None:
    framer = TmFramer(SPACECRAFT, size)
    packets = [packet(0, number, each) for number, each in enumerate(sizes)]
    for raw in packets:
        framer.add(0, raw)
    frames = drained(framer)
    assert all(len(raw) == size for raw in frames)
    stream, found = b"".join(map(field, frames)), []
    for begin in sorted(starts(stream)):
        header = stream[begin : begin + 6]
        if int.from_bytes(header[:2], "big") & 0x7FF != IDLE_APID and len(header) == 6:
            found.append(stream[begin : begin + 7 + int.from_bytes(header[4:], "big")])
    assert found[: len(packets)] == packets
    assert len(found) - len(packets) <= 1  # the header of a last idle packet may be cut
