"""The sending side on board: rate, priority, and a CLCW at least every idle period."""

from __future__ import annotations

import itertools
import random

from flight.link.cfdp import Sender, Settings
from flight.link.channels import Entity, VirtualChannel
from flight.link.clcw import Clcw
from flight.link.downlink import BURST, Downlink
from flight.link.service import StoredFile
from flight.link.tm import TmDeframer

SPACECRAFT, SIZE, RATE, IDLE = 0xA5, 640, 1e6, 0.1
CLCW = Clcw(0, 0, False, False, False, 0)


def downlink() -> Downlink:
    return Downlink(SPACECRAFT, SIZE, RATE, IDLE)


def with_file(octets: int) -> Downlink:
    link = downlink()
    data = random.Random(1).randbytes(octets)
    link.sender = Sender(Entity.NODE, Entity.GROUND, 1, "file", StoredFile(data), Settings())
    return link


def test_the_rate_is_never_exceeded_beyond_one_burst() -> None:
    link = with_file(1 << 20)
    sent = 0
    for step in range(1, 500):
        now = step * 0.01
        sent += len(link.due(now, CLCW))
        assert sent * 8 * SIZE <= RATE * (now + BURST) + 8 * SIZE
    assert sent * 8 * SIZE > 0.98 * RATE * 4.99


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
