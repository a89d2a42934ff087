"""The sending side on board: rate, priority, and a CLCW at least every idle period."""

from __future__ import annotations

import itertools
import random

import pytest

from flight.link.cfdp import Sender, Settings, StoredFile
from flight.link.channels import Apid, Entity, VirtualChannel
from flight.link.clcw import Clcw
from flight.link.downlink import BURST, HOLD, Downlink
from flight.link.tm import TmDeframer

SPACECRAFT, SIZE, RATE, IDLE = 0xA5, 640, 1e6, 0.1
CLCW = Clcw(0, 0, False, False, False, 0)


def downlink(rate: float = RATE) -> Downlink:
    return Downlink(SPACECRAFT, SIZE, rate, IDLE, lambda _: None)


def with_file(octets: int, rate: float = RATE, segment: int = 592) -> Downlink:
    source = StoredFile(random.Random(1).randbytes(octets))
    settings = Settings(segment=segment)
    sender = Sender(Entity.NODE, Entity.GROUND, 1, "file", source, settings)

    def files(now: float) -> tuple[Apid, bytes] | None:
        pdu = sender.next_pdu(now)
        return None if pdu is None else (Apid.FILES, pdu)

    return Downlink(SPACECRAFT, SIZE, rate, IDLE, files)


def test_the_rate_is_never_exceeded_beyond_one_burst() -> None:
    link = with_file(1 << 20)
    sent = 0
    for step in range(1, 500):
        now = step * 0.01
        sent += len(link.due(now, CLCW))
        assert sent * 8 * SIZE <= RATE * (now + BURST) + 8 * SIZE
    assert sent * 8 * SIZE > 0.98 * RATE * 4.99


def test_idle_frames_do_not_come_on_top_of_a_slow_link() -> None:
    """A frame of 0.5 s takes longer than the idle period."""
    link = with_file(1 << 20, 9600.0)
    sent = sum(len(link.due(step * 0.01, CLCW)) for step in range(1, 2000))
    assert sent * 8 * SIZE <= 9600 * (20 + BURST) + 8 * SIZE


def test_a_pause_does_not_save_up_more_than_a_burst() -> None:
    link = with_file(1 << 20)
    link.due(0.01, CLCW)
    frames = link.due(100.0, CLCW)
    assert 1 <= len(frames) <= BURST * RATE / (8 * SIZE) + 1


def test_reports_overtake_the_file() -> None:
    link = with_file(100_000)
    link.due(0.0, CLCW)
    link.report((3, 25, b"\0\1"), 0, VirtualChannel.HOUSEKEEPING)
    link.report((1, 1, b"abcd"), 0, VirtualChannel.COMMANDS)
    deframer = TmDeframer(SPACECRAFT, SIZE)
    channels = []
    for step in range(1, 300):
        for raw in link.due(step * 0.01, CLCW):
            channels += [channel for channel, _ in deframer.feed(raw)]
    first_report = channels.index(VirtualChannel.COMMANDS)
    assert first_report < 8
    assert channels.count(VirtualChannel.FILES) > 100


@pytest.mark.parametrize("rate", [9600.0, 1e6])
def test_housekeeping_and_a_file_share_the_link(rate: float) -> None:
    """Neither waits for the end of the other, also where housekeeping alone would fill the link."""
    link = with_file(1 << 22, rate)
    deframer = TmDeframer(SPACECRAFT, SIZE)
    frame_time = 8 * SIZE / rate
    report, taken, offered = bytes(300), {1: 0, 2: 0}, 0
    due = 0.0
    for step in range(1, 2000):
        now = step * 0.01
        while due <= now:  # as much as the whole of the slow link, 1.2 % of the fast one
            link.report((3, 25, report), offered, VirtualChannel.HOUSEKEEPING)
            offered, due = offered + 1, due + 0.25
        for raw in link.due(now, CLCW):
            for channel, _ in deframer.feed(raw):
                taken[channel] += 1
    slots = 20 / frame_time
    if rate == 9600.0:
        assert 0.4 * slots < taken[1] < 0.6 * slots, "every second frame"
        assert taken[2] > 0.4 * slots
    else:
        assert taken[2] >= offered - 2, "all but what has come just now"
        assert taken[1] * 592 > 0.9 * rate / 8 * 20 * 592 / SIZE, "the file has the rest"


def test_housekeeping_waits_for_a_file_no_longer_than_its_hold() -> None:
    link = with_file(1 << 20)
    deframer = TmDeframer(SPACECRAFT, SIZE)
    link.due(0.0, CLCW)
    link.report((3, 25, bytes(10)), 0, VirtualChannel.HOUSEKEEPING)
    for step in range(1, 100):
        channels = [
            channel for raw in link.due(step * 0.01, CLCW) for channel, _ in deframer.feed(raw)
        ]
        if VirtualChannel.HOUSEKEEPING in channels:
            break
    assert step * 0.01 <= HOLD + 0.02


def test_pdus_larger_than_a_frame_leave_no_room_unused() -> None:
    link = with_file(1 << 20, segment=650)
    deframer = TmDeframer(SPACECRAFT, SIZE)
    pdus = 0
    for step in range(1, 500):
        for raw in link.due(step * 0.01, CLCW):
            pdus += len(deframer.feed(raw))
    assert pdus * (650 + 25) * 8 > 0.97 * RATE * 4.99 * (SIZE - 12) / SIZE


def test_idle_frames_carry_the_clcw() -> None:
    link = downlink()
    deframer = TmDeframer(SPACECRAFT, SIZE)
    times = []
    for step in range(1000):
        for raw in link.due(step * 0.01, Clcw(0, 42, False, False, False, 0)):
            assert deframer.feed(raw) == []
            times.append(step * 0.01)
    assert deframer.clcw is not None
    assert deframer.clcw.report_value == 42
    assert 90 <= len(times) <= 101
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) <= IDLE + 0.0101
