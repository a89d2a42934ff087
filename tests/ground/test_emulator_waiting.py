"""Frames that wait for the transmitter meet the contacts and outages of the time they are sent."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.emulator.channel import Channel
from ground.emulator.errors import Bursts
from ground.emulator.stages import Transmission
from ground.emulator.trace import EmulatedLink, replay, summary
from ground.emulator.track import Rates
from ground.linkfile import Direction, Link

SLOW = Direction(rate=8000.0, hold=True, queue=65_536)  # 100 octets take 0.1 s
LOST = Direction(rate=8000.0, queue=65_536)
WINDOWS = ((10.0, 11.95), (100.0, 100.95), (200.0, 300.0))


def arrivals(channel: Channel) -> list[tuple[float, int]]:
    """Time and first octet of all that is in flight."""
    found = []
    while (due := channel.next_time()) is not None:
        found += [(due, frame[0]) for frame in channel.due(due)]
    return found


def numbered(channel: Channel, count: int, now: float) -> None:
    for number in range(count):
        channel.offer(bytes([number]) * 100, now)


def test_what_is_not_sent_by_the_end_of_a_contact_waits_for_the_next() -> None:
    channel = Channel(SLOW, 1, "up", WINDOWS)
    numbered(channel, 60, 0.0)
    begins = [10.0 + n / 10 for n in range(20)] + [100.0 + n / 10 for n in range(10)]
    begins += [200.0 + n / 10 for n in range(30)]
    assert channel.gauges(0.0)["queued"] == 6000
    assert channel.gauges(50.0)["queued"] == 4000
    assert channel.gauges(100.25)["queued"] == 3750
    assert arrivals(channel) == [
        (pytest.approx(begin + 0.1, abs=1e-6), number) for number, begin in enumerate(begins)
    ]
    assert channel.gauges(300.0)["queued"] == 0
    assert channel.counters["held"] == 60


def test_the_queue_is_bounded_over_contacts_together() -> None:
    channel = Channel(Direction(rate=8000.0, hold=True, queue=3000), 1, "up", WINDOWS)
    numbered(channel, 60, 0.0)
    assert channel.counters["dropped_queue"] == 30
    assert len(channel.due(12.2)) == 20
    numbered(channel, 60, 50.0)  # the 2000 octets that were sent are free again
    assert channel.counters["dropped_queue"] == 30 + 40


def test_a_frame_offered_in_contact_and_sent_in_the_next_was_held() -> None:
    channel = Channel(SLOW, 1, "up", WINDOWS)
    numbered(channel, 10, 11.4)
    assert channel.counters["held"] == 4
    assert [time > 100 for time, _ in arrivals(channel)] == [False] * 6 + [True] * 4


def test_without_holding_what_waits_at_the_end_of_a_contact_is_lost() -> None:
    channel = Channel(LOST, 1, "up", WINDOWS)
    numbered(channel, 10, 11.4)
    assert [number for _, number in arrivals(channel)] == list(range(6))
    assert channel.counters["dropped_contact"] == 4
    channel.offer(bytes([77]), 100.0)
    assert arrivals(channel) == [(pytest.approx(100.001), 77)]


def test_an_outage_takes_what_waits_and_leaves_what_is_being_sent() -> None:
    channel = Channel(SLOW, 1, "up")
    numbered(channel, 10, 0.0)
    channel.outage(0.25, 0.5)  # the third is on the air; the eighth begins at 0.7
    assert [number for _, number in arrivals(channel)] == [0, 1, 2, 8, 9]
    assert channel.counters["dropped_outage"] == 5


def test_what_began_to_be_sent_when_an_outage_is_set_passes_and_what_will_then_does_not() -> None:
    channel = Channel(SLOW, 1, "up")
    numbered(channel, 2, 5.0)
    channel.outage(5.0, 9.0)
    assert [number for _, number in arrivals(channel)] == [0]
    channel = Channel(SLOW, 1, "up", WINDOWS)
    numbered(channel, 2, 5.0)
    channel.outage(10.0, 9.0)
    assert arrivals(channel) == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_it_makes_no_difference_whether_an_outage_was_known_before(data: st.DataObject) -> None:
    hold, contacts = data.draw(st.booleans()), data.draw(st.sampled_from([(), WINDOWS]))
    start = data.draw(st.sampled_from([0.03, 5.03, 10.55, 11.97, 99.0, 100.52]))
    duration = data.draw(st.sampled_from([0.001, 0.2, 1.0, 90.0]))
    way = Direction(rate=8000.0, hold=hold, queue=data.draw(st.sampled_from([1500, 65_536])))

    def run(known: bool) -> tuple[list[tuple[float, int]], dict[str, int]]:
        channel = Channel(way, 1, "up", contacts)
        if known:
            channel.outage(start, duration)
        for now in (0.0, 10.5, 11.0):
            if now < start:
                numbered(channel, 20, now)
        if not known:
            channel.outage(start, duration)
        return arrivals(channel), channel.counters

    early, late = run(True), run(False)
    # Offers behind the beginning of the outage are left out, so that both see the same ones.
    assert early == late
    counts = early[1]
    lost = sum(count for name, count in counts.items() if name.startswith("dropped"))
    assert counts["offered"] == counts["delivered"] + lost


def test_a_trace_tells_what_an_outage_took_and_comes_out_again() -> None:
    way = Direction(rate=8000.0, ber=1e-3, duplicate=0.3, noise=0.3, replay=0.3, queue=1 << 20)
    lines: list[str] = []
    link = EmulatedLink(Link(way, way), 2, lines.append)
    numbered(link.ways["up"], 100, 0.0)
    link.outage("up", 1.95, 3.0)
    told = [json.loads(line) for line in lines]
    taken = by_fate(told)
    assert {"delivered", "noise", "duplicated", "replayed"} <= set(taken)
    assert sum(taken.values()) == link.ways["up"].counters["dropped_outage"]
    assert replay(lines) == (100, False)
    found = summary(lines).ways["up"]
    assert (found["loss"], found["passed"]) == (0.3, 70)
    received = link.ways["up"].due(math.inf)
    assert found["replayed"] + found["noise"] + found["duplicated"] + 70 == len(received)


def by_fate(told: list[dict[str, object]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for fields in told:
        if "was" in fields:
            assert (fields["fate"], fields["t_out"]) == ("dropped_outage", None)
            was = str(fields["was"])
            found[was] = found.get(was, 0) + 1
    return found


class Counting(random.Random):
    """Counts its draws of lengths."""

    draws = 0

    def expovariate(self, lambd: float = 1.0) -> float:
        self.draws += 1
        assert self.draws < 2100
        return super().expovariate(lambd)


def test_bursts_before_the_first_frame_cost_nothing_and_keep_their_share() -> None:
    states, month = Counting(3), 30 * 86_400.0
    rates = Rates(Direction(rate=1e6), None)
    bursts = Bursts(0.5, (0.02, 0.06), rates, states, random.Random(4))
    hit = sum(
        any(bursts.apply(Transmission(month * n, bytes(10)))[0].frame) for n in range(1, 2001)
    )
    assert states.draws > 2000
    assert abs(hit - 2000 * 0.25) < 5 * math.sqrt(2000 * 0.25 * 0.75)
