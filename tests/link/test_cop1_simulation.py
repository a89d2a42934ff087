"""COP-1 end to end: whatever the link loses and however often the node restarts, data arrive."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from cop1_channel import CHANNEL, SPACECRAFT, Conditions, Run, drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.farm import Verdict
from flight.link.tc import TcFrame
from ground.station.commandlink import CommandLink, LinkState

RUNS = 40


def complete(run: Run) -> bool:
    """True when all data came in order, none left out; what came may have come again."""
    steps = pairwise([-1, *run.delivered])
    return all(after <= before + 1 for before, after in steps) and set(run.delivered) == set(
        range(run.conditions.units)
    )


def exact(run: Run) -> bool:
    """True when all data came in order and once."""
    return run.delivered == list(range(run.conditions.units))


def test_a_lossy_link_neither_loses_nor_repeats() -> None:
    for seed in range(RUNS):
        source = random.Random(seed)
        run = Run(drawn(source), source).go()
        assert exact(run), f"run {seed} of {RUNS}: {run.conditions}"
        assert run.fop.frames.acknowledged == run.conditions.units


def test_a_restarting_node_loses_nothing() -> None:
    for seed in range(RUNS):
        source = random.Random(1000 + seed)
        times = tuple(source.uniform(0, 40) for _ in range(source.randint(1, 6)))
        run = Run(drawn(source, restarts=times), source).go()
        assert complete(run), f"run {seed} of {RUNS}: {run.conditions}"


def outage(seed: int, fop: type[CommandLink] = CommandLink, **fixed: Any) -> Run:
    """A run with an outage that outlasts the transmission limit."""
    source = random.Random(2000 + seed)
    start = source.uniform(0, 8)
    conditions = drawn(source, limit=2, outages=((start, start + source.uniform(5, 40)),), **fixed)
    sender = fop(SPACECRAFT, CHANNEL, conditions.timeout, conditions.limit, conditions.window)
    return Run(conditions, source, sender).go()


def test_an_outage_neither_loses_nor_repeats() -> None:
    for seed in range(RUNS):
        assert exact(outage(seed)), f"run {seed} of {RUNS}"


def test_a_sender_that_initialises_at_the_limit_repeats_after_an_outage() -> None:
    class Hasty(CommandLink):
        def tick(self, now: float) -> list[TcFrame]:
            frames = super().tick(now)
            if self.state is LinkState.SUSPENDED:
                self.initialise()
            return frames

    calm = {"delay": 0.1, "up_loss": 0.05, "down_loss": 0.05}
    runs = [outage(seed, Hasty, **calm) for seed in range(RUNS // 2)]
    assert all(complete(run) for run in runs)
    assert not all(exact(run) for run in runs), "the protection by suspension shows nothing"


def test_a_restart_during_an_outage_loses_nothing() -> None:
    for seed in range(RUNS):
        assert complete(outage(seed, restarts=(9.0,))), f"run {seed} of {RUNS}"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32),
    st.sampled_from((0.0, 0.1, 0.5)),
    st.sampled_from((0.0, 0.1, 0.5)),
    st.lists(st.floats(0, 30), max_size=3),
    st.integers(1, 140),
)
def test_any_run(seed: int, up: float, down: float, restarts: list[float], units: int) -> None:
    conditions = Conditions(units, up, down, restarts=tuple(restarts), submit_period=0.05)
    run = Run(conditions, random.Random(seed)).go()
    assert complete(run)
    assert exact(run) or restarts


def test_a_restart_at_any_moment_of_two_number_ranges_is_no_acknowledgement() -> None:
    moments = [0.5 + 0.35 * step for step in range(60)]
    for moment in moments:
        conditions = Conditions(260, 0.1, submit_period=0.05, delay=0.2, restarts=(moment,))
        run = Run(conditions, random.Random(5000)).go()
        assert complete(run), f"restart at {moment} s, {len(moments)} moments tried"


def test_frames_that_overtake_each_other_lose_nothing() -> None:
    for seed in range(RUNS):
        source = random.Random(4000 + seed)
        run = Run(drawn(source, delay=0.1, jitter=0.3), source).go()
        # A late Set V(R) may bring late frames of an older range in again, between newer ones.
        first_times = list(dict.fromkeys(run.delivered))
        assert first_times == list(range(run.conditions.units)), f"run {seed} of {RUNS}"


def test_a_clean_link_repeats_no_frame_and_refuses_none() -> None:
    run = Run(Conditions(units=400), random.Random(1)).go()
    assert exact(run)
    assert set(run.verdicts) == {Verdict.CONTROL, Verdict.ACCEPTED}
    frames, counters = run.fop.frames, run.fop.counters
    assert (frames.sent, frames.retransmitted, counters.reinitialised) == (400, 0, 0)
    assert counters.renewed == 3  # ranges of 126 frame numbers used up


@pytest.mark.parametrize("lost", [(4,), (6, 9), (2, 30)])
def test_the_retransmit_flag_repairs_a_loss_long_before_t1(lost: tuple[int, ...]) -> None:
    conditions = Conditions(units=20, timeout=30.0, delay=0.2, lost=lost)
    run = Run(conditions, random.Random(1)).go()
    assert exact(run)
    assert run.duration < 10.0
    assert run.fop.frames.retransmitted <= len(lost) * 10
