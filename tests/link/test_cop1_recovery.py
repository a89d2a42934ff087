"""COP-1 end to end with a node that is full, locked, restarted or attacked, and over the wrap."""

from __future__ import annotations

import random

import pytest
from cop1_channel import CHANNEL, SPACECRAFT, Conditions, Run, drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.clcw import Clcw
from flight.link.farm import Farm, Verdict
from flight.link.fop import Fop, FopCounters
from flight.link.tc import UNLOCK, TcFrame, set_vr
from ground.station.commandlink import CommandLink, LinkState

RUNS = 25
STANDING = 9080  # a run in which a late frame ends the wait after the timer has run out
T1 = 1.0


def exact(run: Run) -> bool:
    """True when all data came in order and once."""
    return run.delivered == list(range(run.conditions.units))


def in_order(run: Run) -> bool:
    """True when nothing is missing, and what came again came in order too."""
    reached = -1
    for unit in run.delivered:
        if unit > reached + 1:
            return False
        reached = max(reached, unit)
    return reached == run.conditions.units - 1


def full_node(source: random.Random) -> dict[str, float | int]:
    return {
        "room": source.choice((1, 2, 5)),
        "take_period": source.choice((0.1, 0.4, 1.0)),
        "units": source.randint(1, 60),
    }


def test_a_node_that_is_full_gets_everything_once() -> None:
    waits = 0
    for seed in range(RUNS):
        source = random.Random(100 + seed)
        run = Run(drawn(source, **full_node(source)), source).go()
        assert exact(run), f"run {seed} of {RUNS}: {run.conditions}"
        waits += Verdict.WAIT in run.verdicts
    assert waits > RUNS / 3


def test_a_node_that_is_full_during_an_outage_gets_everything_once() -> None:
    for seed in range(RUNS):
        source = random.Random(200 + seed)
        start = source.uniform(0, 8)
        outage = ((start, start + source.uniform(5, 40)),)
        run = Run(drawn(source, outages=outage, **full_node(source)), source).go()
        assert exact(run), f"run {seed} of {RUNS}: {run.conditions}"


class Untimed(Fop):
    """Without the timer that goes on when E6 ends the state of wait."""

    def _remove(self) -> None:
        running = self._due
        super()._remove()
        self._due = running


def test_a_full_node_and_frames_that_overtake_each_other_leave_nothing_standing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(seed: int) -> Run:
        source = random.Random(seed)
        values = full_node(source)
        return Run(drawn(source, delay=0.1, jitter=0.5, **values), source).go()

    for seed in range(STANDING - RUNS + 1, STANDING + 1):
        first_times = list(dict.fromkeys((done := run(seed)).delivered))
        assert first_times == list(range(done.conditions.units)), f"run {seed}: {done.conditions}"
    monkeypatch.setattr("ground.station.commandlink.Fop", Untimed)
    monkeypatch.setattr("cop1_channel.LONGEST", 300.0)
    with pytest.raises(AssertionError, match="not done"):
        run(STANDING)


def test_a_node_that_is_full_and_restarts_misses_nothing() -> None:
    for seed in range(RUNS):
        source = random.Random(300 + seed)
        times = tuple(source.uniform(0, 30) for _ in range(3))
        run = Run(drawn(source, restarts=times, **full_node(source)), source).go()
        assert in_order(run), f"run {seed} of {RUNS}: {run.conditions}"


def test_a_station_that_restarts_goes_on_behind_what_was_acknowledged() -> None:
    for seed in range(RUNS):
        source = random.Random(400 + seed)
        times = tuple(source.uniform(0, 30) for _ in range(3))
        run = Run(drawn(source, station_restarts=times), source).go()
        assert in_order(run), f"run {seed} of {RUNS}: {run.conditions}"


def test_a_sender_whose_window_is_too_wide_for_the_node_is_unlocked_again_and_again() -> None:
    locked = 0
    for seed in range(RUNS):
        source = random.Random(500 + seed)
        conditions = drawn(source, farm_window=8, window=32, up_loss=0.3)
        run = Run(conditions, source).go()
        assert in_order(run), f"run {seed} of {RUNS}: {run.conditions}"
        locked += Verdict.LOCKOUT in run.verdicts
    assert locked > RUNS / 3


def test_an_attacker_with_unlock_delays_and_takes_nothing() -> None:
    for seed in range(RUNS):
        source = random.Random(600 + seed)
        forged = tuple((source.uniform(0, 30), UNLOCK) for _ in range(9))
        run = Run(drawn(source, forged=forged), source).go()
        assert in_order(run), f"run {seed} of {RUNS}: {run.conditions}"


def test_a_foreign_set_vr_outside_what_was_sent_takes_nothing() -> None:
    """One that hits what was sent is an acknowledgement to COP-1: see test_session_emergency."""
    for seed in range(RUNS):
        source = random.Random(700 + seed)
        forged = tuple((source.uniform(0, 30), set_vr(source.choice((0, 255)))) for _ in range(6))
        run = Run(drawn(source, forged=forged), source).go()
        assert in_order(run), f"run {seed} of {RUNS}: {run.conditions}"


class Bare:
    """FOP-1 alone, with all 256 numbers: what the policy above it avoids must work too."""

    def __init__(self, window: int) -> None:
        self._fop = Fop(SPACECRAFT, CHANNEL, T1, limit=50, window=window)
        self._fop.initiate()
        self._waiting: list[bytes] = []

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._fop.held

    @property
    def frames(self) -> FopCounters:
        return self._fop.counters

    def submit(self, data: bytes) -> bool:
        self._waiting.append(data)
        return True

    def on_clcw(self, clcw: Clcw, now: float) -> None:
        self._fop.on_clcw(clcw, now)
        assert self._fop.alert is None

    def tick(self, now: float) -> list[TcFrame]:
        frames = self._fop.tick(now)
        while self._waiting and self._fop.request(self._waiting[0]):
            self._waiting.pop(0)
            frames += self._fop.tick(now)
        return frames


@pytest.mark.parametrize("window", [1, 2, 32, 127])
@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_fop_and_farm_alone_over_the_wrap_of_numbers(window: int, loss: float) -> None:
    conditions = Conditions(
        700, loss, loss, delay=0.1, window=window, submit_period=0.0, report_period=0.05
    )
    run = Run(conditions, random.Random(window), Bare(window)).go()
    assert exact(run)
    assert run.fop.frames.acknowledged == 700
    assert Verdict.LOCKOUT not in run.verdicts


patterns = st.lists(st.booleans(), max_size=120)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    up=patterns,
    down=patterns,
    units=st.integers(1, 40),
    window=st.integers(1, 12),
    delay=st.integers(0, 8),
    room=st.integers(1, 6),
)
def test_any_pattern_of_losses(
    up: list[bool], down: list[bool], units: int, window: int, delay: int, room: int
) -> None:
    """Frames and reports that are lost are drawn one by one, so that a failure shrinks to few."""
    conditions = Conditions(
        units,
        delay=delay * 0.05,
        window=window,
        limit=3,
        submit_period=0.0,
        room=room,
        take_period=0.05,
        lost=tuple(number for number, lost in enumerate(up) if lost),
        reports_lost=tuple(number for number, lost in enumerate(down) if lost),
    )
    assert exact(Run(conditions, random.Random(0)).go())


def test_frames_of_before_a_set_vr_that_come_after_it_take_no_place() -> None:
    """The race of Set V(R): old frames under way meet a node that waits for the new numbers."""
    fop, farm, taken = CommandLink(SPACECRAFT, CHANNEL, T1), Farm(CHANNEL), []

    def give(frames: list[TcFrame]) -> None:
        taken.extend(f.data for f in frames if farm.accept(f) is Verdict.ACCEPTED and not f.control)

    give(fop.tick(0.0))
    fop.on_clcw(farm.clcw(), 0.1)
    for unit in range(6):
        fop.submit(bytes((unit,)))
    late = fop.tick(0.1)
    fop.initialise()
    give(fop.tick(0.2))  # Set V(R) overtakes the six
    give(late)
    assert taken == []
    unlocked = 0.3
    while fop.state is not LinkState.ACTIVE or not fop.idle:
        fop.on_clcw(farm.clcw(), unlocked)
        give(fop.tick(unlocked))
        unlocked += 0.1
        assert unlocked < 60.0
    assert taken == [bytes((unit,)) for unit in range(6)]


def test_a_node_that_restarts_while_it_is_unlocked_is_not_waited_for() -> None:
    fop = CommandLink(SPACECRAFT, CHANNEL, T1)
    fop.submit(b"data")
    (first,) = fop.tick(0.0)
    fop.on_clcw(Clcw(CHANNEL, 9, lockout=True), 0.1)
    assert [frame.data for frame in fop.tick(0.1)] == [UNLOCK]
    fop.on_clcw(Clcw(CHANNEL, 0), 0.2)  # not the V(R) that was locked
    assert fop.tick(0.2) == [first]


def test_a_node_that_stays_locked_is_asked_every_t1() -> None:
    fop = CommandLink(SPACECRAFT, CHANNEL, T1)
    fop.tick(0.0)
    told = []
    for step in range(1, 60):
        fop.on_clcw(Clcw(CHANNEL, 9, lockout=True), step * T1 / 2)
        told += [frame.data for frame in fop.tick(step * T1 / 2)]
    assert 20 <= told.count(UNLOCK) <= 32
