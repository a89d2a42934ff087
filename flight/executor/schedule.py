"""Which task runs next: priorities, and earliest deadline first inside a priority.

Liu and Layland 1973: among tasks of one processor that can meet their deadlines at all, earliest
deadline first meets them. Admission refuses what the estimates say cannot be met.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flight.dictionary.enums import Environment, Reason
from flight.dictionary.radiation import EnvironmentStatus
from flight.executor.estimate import Estimate
from flight.executor.record import TaskRecord
from flight.runtime.service import Refused

NEVER = 1 << 63  # ns; later than every deadline
Urgency = tuple[int, int]


def due_utc(record: TaskRecord) -> int:
    """UTC in ns by which the result is wanted; NEVER without a deadline."""
    return record.accepted_utc + record.deadline * 1_000_000_000 if record.deadline else NEVER


def urgency(record: TaskRecord) -> Urgency:
    """Less is more urgent. Equal urgency runs in the order of acceptance, without preemption."""
    return -record.priority, due_utc(record)


def in_order(records: Iterable[TaskRecord]) -> list[TaskRecord]:
    """Records by urgency, then by task id."""
    return sorted(records, key=lambda record: (urgency(record), record.task))


def preempts(waiting: TaskRecord, running: TaskRecord) -> bool:
    """True when the running task is to yield at its next step."""
    return urgency(waiting) < urgency(running)


def overdue(record: TaskRecord, utc_ns: int) -> bool:
    """True when the deadline has passed: nobody wants the result any more."""
    return utc_ns >= due_utc(record)


def admit(
    record: TaskRecord,
    active: Sequence[TaskRecord],
    estimate: Estimate,
    energy_limit: float,
    utc_ns: int,
) -> None:
    """Raises Refused BUDGET when the task, or one already accepted, would miss its deadline.

    Only what has been estimated counts: a program that never ran on this node is admitted.
    ``energy_limit`` in J, 0 for none.
    """
    joules = estimate.energy(record.program, record.level)
    if energy_limit and joules > energy_limit:
        raise Refused(
            Reason.BUDGET, f"needs about {joules:.3g} J, {energy_limit:.3g} J are allowed"
        )
    ends = float(utc_ns)
    for each in in_order([*active, record]):
        ends += 1e9 * estimate.remaining(each)
        if ends > due_utc(each) and urgency(each) >= urgency(record):
            late = (ends - due_utc(each)) / 1e9
            who = "it" if each is record else f"task {each.task}"
            raise Refused(Reason.BUDGET, f"{who} would miss its deadline by {late:.3g} s")


def fits(record: TaskRecord, surroundings: EnvironmentStatus | None, estimate: Estimate) -> bool:
    """Whether a task may run now: one that wants calm, only if it ends before the next crossing."""
    if not record.calm or surroundings is None:
        return True
    if surroundings.mode is not Environment.QUIET:
        return False
    ahead = surroundings.next_saa_in
    return ahead < 0 or estimate.remaining(record) < ahead
