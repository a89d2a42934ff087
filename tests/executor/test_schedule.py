"""Order, preemption and admission, pure: against brute force over all orders."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import Level, Reason
from flight.executor.checkpoint import Counters
from flight.executor.estimate import Estimate
from flight.executor.record import TaskRecord
from flight.executor.schedule import NEVER, admit, due_utc, in_order, overdue, preempts
from flight.runtime.service import Refused
from flight.runtime.store import MemoryStore

S = 1_000_000_000


def record(task: int, priority: int = 5, deadline: int = 0, program: str = "p") -> TaskRecord:
    return TaskRecord(
        task, 0, program, "s", "", Level.TMR, priority, deadline=deadline, accepted_utc=0
    )


RECORDS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 5, 9, 30])), max_size=5).map(
    lambda rows: [record(n + 1, *row) for n, row in enumerate(rows)]
)


def test_a_lost_power_sensor_does_not_lift_the_energy_limit(tmp_path: Path) -> None:
    estimate, now = estimate_of(tmp_path, 1.0, joules=100.0), 0
    blind = record(2)
    blind.step = blind.steps = 4
    blind.counters = Counters(busy=4.0, energy=math.nan)
    estimate.learn(blind)
    assert estimate.energy("p", Level.TMR) == 400.0
    with pytest.raises(Refused, match="are allowed"):
        admit(record(3), [], estimate, 399.0, now)


def test_counts_only_grow_and_what_is_unknown_stays_so() -> None:
    disk, checkpoint = Counters(votes=3, resumes=2, energy=5.0), Counters(votes=9, energy=math.nan)
    for united in (disk.united(checkpoint), checkpoint.united(disk)):
        assert (united.votes, united.resumes, math.isnan(united.energy)) == (9, 2, True)


@given(RECORDS)
def test_order_is_by_priority_then_deadline_then_age(records: list[TaskRecord]) -> None:
    ordered = in_order(reversed(records))
    for first, second in itertools.pairwise(ordered):
        assert first.priority >= second.priority
        if first.priority == second.priority:
            assert due_utc(first) <= due_utc(second)
            if due_utc(first) == due_utc(second):
                assert first.task < second.task
                assert not preempts(second, first)
                assert not preempts(first, second)
    for late, early in itertools.combinations(reversed(ordered), 2):
        assert not preempts(late, early)


def estimate_of(folder: Path, seconds: float, joules: float = 1.0, steps: int = 4) -> Estimate:
    estimate = Estimate(MemoryStore(folder))
    done = record(99)
    done.step = done.steps = steps
    done.counters = Counters(busy=seconds * steps, energy=joules * steps)
    estimate.learn(done)
    return estimate


@given(rows=st.lists(st.sampled_from([0, 6, 8, 12, 30]), min_size=1, max_size=4))
def test_what_is_admitted_meets_every_deadline_and_what_is_refused_could_not(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int]
) -> None:
    """Equal priorities: earliest deadline first is optimal, so brute force must agree."""
    estimate = estimate_of(tmp_path_factory.mktemp("s"), seconds=1.0)  # 4 s a task
    active: list[TaskRecord] = []
    for number, deadline in enumerate(rows, 1):
        new = record(number, deadline=deadline)
        feasible = any(
            all(4 * S * (place + 1) <= due_utc(each) for place, each in enumerate(order))
            for order in itertools.permutations([*active, new])
        )
        if feasible:
            admit(new, active, estimate, 0.0, 0)
            active.append(new)
            continue
        with pytest.raises(Refused) as refused:
            admit(new, active, estimate, 0.0, 0)
        assert refused.value.reason is Reason.BUDGET


def test_a_program_that_never_ran_is_admitted(tmp_path: Path) -> None:
    admit(record(1, deadline=1), [], Estimate(MemoryStore(tmp_path)), 1e-9, 0)


def test_energy(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, 1.0, joules=2.5)
    admit(record(1), [], estimate, 10.0, 0)
    with pytest.raises(Refused, match=r"about 10 J, 9\.99 J"):
        admit(record(1), [], estimate, 9.99, 0)


def test_estimates_survive_a_restart_and_follow_what_is_seen(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path)
    estimate = Estimate(store)
    done = record(1)
    for seconds in (1.0, 2.0):
        done.step = done.steps = 10
        done.counters = Counters(busy=10 * seconds, energy=0.0)
        estimate.learn(done)
    again = Estimate(store)
    assert again.remaining(record(2)) == estimate.remaining(record(2)) == 10 * 1.25
    assert again.remaining(record(2, program="q")) == 0.0
    other = record(2)
    other.level = Level.NONE
    assert again.remaining(other) == 0.0
    done.step = 4
    assert again.remaining(done) == pytest.approx(6 * 1.25)


def test_damaged_estimates_are_forgotten(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path)
    store.write("executor/estimates", b"\xc1 nonsense")
    assert Estimate(store).remaining(record(1)) == 0.0


def test_deadlines() -> None:
    assert due_utc(record(1)) == NEVER
    assert not overdue(record(1), NEVER - 1)
    assert overdue(record(1, deadline=3), 3 * S)
    assert not overdue(record(1, deadline=3), 3 * S - 1)
