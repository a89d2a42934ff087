"""Receptions whose sender is gone: what they still ask for does not fill the link."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from cfdp_bench import EOF, METADATA, SETTINGS, Bench, segment

from flight.link.cfdp import Settings, parse, patience
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.patience import LONGEST

DEAD, STEP, HOUR = 64, 0.05, 3600.0
PER_MINUTE = DEAD * 60 / LONGEST  # questions, in the long run


def dead_receptions(
    dead: int = DEAD, gaps: int = 0, until: float = HOUR
) -> list[tuple[float, bytes]]:
    """What a receiver says, and when, after that many senders have died in their first PDUs."""
    bench = Bench(Settings(round_trip=0.2, segment=592))
    for number in range(dead):
        header = Header(1, 2, number)
        if gaps:
            bench.receiver.engine.receive(Metadata(header, 10_000, "f", "f").pack(), 0.0)
        for gap in range(max(gaps, 1)):
            bench.receiver.engine.receive(FileData(header, 10 * gap, b"x").pack(), 0.0)
    said: list[tuple[float, bytes]] = []
    now = 0.0
    while now < until:
        said += [(now, raw) for raw in bench.receiver.tick(now)]
        wanted = bench.receiver.next_time()
        assert wanted is not None
        now = max(now + STEP, wanted)
    return said


def test_dead_receptions_ask_less_and_less() -> None:
    said = dead_receptions()
    assert {type(parse(raw)) for _, raw in said} == {Nak}
    late = [raw for at, raw in said if at >= HOUR / 2]
    assert 0.9 * PER_MINUTE <= len(late) / 30 <= 1.1 * PER_MINUTE
    assert sum(map(len, late)) * 8 / (HOUR / 2) < 1000, "bit/s"
    assert len(said) <= 2 * HOUR / 60 * PER_MINUTE


def test_without_pauses_they_would_fill_a_slow_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """The damage, with the protection off."""
    monkeypatch.setattr(patience, "_SHARE", 0.0)
    said = dead_receptions(until=60.0)
    assert sum(len(raw) for _, raw in said) * 8 / 60 > 50_000, "bit/s"


def test_the_largest_questions_are_bounded_too() -> None:
    """Receptions with more gaps than a batch of NAK PDUs can name."""
    said = dead_receptions(4, gaps=600, until=1200.0)
    late = sum(len(raw) for at, raw in said if at >= 600.0)
    assert 0 < late * 8 / 600 <= 4 * 8 * 512 * 8 / LONGEST * 1.1


def test_a_sender_that_comes_back_is_asked_at_once() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(0), segment(900))
    silence = 400.0
    for step in range(int(10 * silence)):
        bench.tick(0.1 * step)
    (nak, *_) = bench.give(silence, segment(500))
    assert isinstance(nak, Nak)
    assert nak.requests == ((100, 500), (600, 900))


def test_an_absence_that_nobody_was_told_of_costs_an_eighth_of_it_at_most() -> None:
    for absence in (10.0, 60.0, 200.0):
        bench = Bench()
        bench.give(0.0, METADATA, segment(0), segment(900))
        now = 0.0
        while now < absence:
            wanted = bench.receiver.next_time()
            assert wanted is not None
            now = max(now, wanted)
            if now < absence:
                bench.tick(now)
        assert now <= absence * 9 / 8 + 1.05 * SETTINGS.round_trip + 0.2


def test_after_an_outage_that_it_was_told_of_it_asks_at_once() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(0), segment(900))
    for step in range(4000):
        bench.tick(0.1 * step)
    engine = bench.receiver.engine
    engine.freeze(400.0)
    engine.thaw(1000.0)
    wanted = engine.next_time()
    assert wanted is not None
    assert wanted <= 1000.0 + 1.05 * SETTINGS.round_trip
    assert bench.tick(wanted)


def test_a_finished_pdu_is_repeated_with_pauses_until_inactivity() -> None:
    bench = Bench(replace(SETTINGS, inactivity=1000.0))
    bench.give(0.0, METADATA, *map(segment, range(0, 1000, 100)), EOF)
    at = []
    for step in range(12_000):
        if answers := bench.tick(0.1 * step):
            assert [type(each) for each in answers] == [Finished]
            at.append(0.1 * step)
    pauses = [later - sooner for sooner, later in pairwise(at)]
    assert pauses[0] < 1.3
    assert max(pauses) <= LONGEST + 0.2
    assert len(at) < 80
    assert at[-1] > 1000.0 - 2 * LONGEST
    assert bench.receiver.next_time() is None
