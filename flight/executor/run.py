"""One task being run: rounds of orders to the seats, a vote after each, checkpoints between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Level, Reason
from flight.dictionary.events import (
    MemoryCorrected,
    NoMajority,
    ReplicaLost,
    ReplicaOutvoted,
    TaskResumed,
    TaskStarted,
)
from flight.dictionary.parameters import ExecutorParameters
from flight.dictionary.telemetry import Budget
from flight.executor.ballot import Ballot, tally
from flight.executor.checkpoint import Checkpoint
from flight.executor.protocol import Act, Answer, Assignment
from flight.executor.record import TaskRecord
from flight.executor.seat import Seat
from flight.executor.state import StateError, decode
from flight.runtime.crc import crc32c
from flight.runtime.service import Context

SEATS = {Level.NONE: 1, Level.VERIFY: 1, Level.DMR: 2, Level.TMR: 3}
RECHECK = 0.2  # s between looks at a budget that forbids work
STRIKES = 2  # votes in a row that a replica may lose: damage that lasts is not healed by a state


class TaskRun:
    """The state machine of a running task. It owns the voted state; the seats compute.

    ``voted(run)`` is called after every vote on a state, and when the run begins to wait;
    ``finished(run, result)`` once, with None when the task failed. Raises OSError when there is no
    memory for the slabs.
    """

    def __init__(
        self,
        context: Context,
        record: TaskRecord,
        assignments: list[Assignment],
        capacity: int,
        budget: Callable[[], Budget],
        voted: Callable[[TaskRun], None],
        finished: Callable[[TaskRun, npt.NDArray[np.uint8] | None], None],
    ) -> None:
        self.record = record
        self.generation = -1
        self.state = b""
        self.digest = ""  # SHA-256 of the state, taken when it was voted
        self.models: tuple[str, ...] = ()  # that the replicas have opened
        self.done = False
        self.waiting = False
        self._context = context
        self._budget, self._voted, self._finished = budget, voted, finished
        self._act = Act.START
        self._crc = 0
        self._redos = 0
        self._began = 0.0
        self._pending: list[Seat] = []
        self._aside: bytes | None = None  # DMR: what seat 0 said before the tie-break
        self._over = False
        self._seats: list[Seat] = []
        try:
            for index, assignment in enumerate(assignments):
                seat = Seat(context, index, assignment, capacity, self._concluded, self._lost)
                self._seats.append(seat)
        except OSError:
            self.close()
            raise

    @property
    def pids(self) -> list[int]:
        """Process ids of the replicas."""
        return [seat.pid for seat in self._seats]

    def begin(self, checkpoint: Checkpoint | None) -> None:
        """Start from nothing, or go on from a checkpoint."""
        if checkpoint is not None:
            self._keep(checkpoint.state, checkpoint.sha256, checkpoint.generation)
            self.done, self.models = checkpoint.done, tuple(sorted(checkpoint.origin.models))
            counters = self.record.counters = checkpoint.counters
            counters.resumes += 1
            self.record.step, self.record.steps = self.generation, checkpoint.steps
            self._load(self._seats)
            self._context.event(
                TaskResumed(self.record.task, self.generation, counters.checkpoints)
            )
        self._next()

    def close(self) -> None:
        """End the replicas."""
        self._over = True
        for seat in self._seats:
            seat.close()

    def fail(self, reason: Reason, detail: str) -> None:
        """End without a result."""
        self.record.reason, self.record.detail = reason, detail
        self._finished(self, None)

    def _keep(self, state: bytes, digest: str, generation: int) -> None:
        self.state, self.digest, self.generation = state, digest, generation
        self._crc = crc32c(state)

    def _load(self, seats: list[Seat]) -> None:
        """Put the voted state, if there is one yet, into the slabs of these seats."""
        if self.generation >= 0:
            for seat in seats:
                seat.slab.load(self.generation, self.state)

    def _parameters(self) -> ExecutorParameters:
        return self._context.parameters(ExecutorParameters)

    # Rounds.

    def _next(self) -> None:
        """Begin the next round as soon as the budget allows it."""
        if self._over:
            return
        if not self._budget().may_continue:
            if not self.waiting:
                self.waiting = True
                self._voted(self)
            self._context.after(RECHECK, self._next)
            return
        self.waiting = False
        if self.generation < 0:
            self._act = Act.START
        else:
            self._act = Act.RESULT if self.done else Act.STEP
        self._redos = 0
        self._began = self._context.clock.now()
        self._round(self._seats)

    def _round(self, seats: list[Seat]) -> None:
        self._pending = list(seats)
        self._feed()

    def _feed(self) -> None:
        """Give orders to as many seats at once as the budget grants cores."""
        cores = max(1, self._budget().cores)
        busy = sum(seat.busy for seat in self._seats)
        while self._pending and busy < cores:
            seat = self._pending.pop(0)
            deadline = self._parameters().step_deadline
            seat.order(self._act, self.generation, self._crc, deadline)
            busy += 1

    def _concluded(self, seat: Seat) -> None:
        if self._over:
            return
        self._note_corrections(seat)
        self._feed()
        if not self._pending and not any(other.busy for other in self._seats):
            self._vote()

    def _note_corrections(self, seat: Seat) -> None:
        task, step = self.record.task, self.generation + 1
        for region, count in (seat.answer.corrected if seat.answer else {}).items():
            self.record.counters.corrected += count
            self._context.event(MemoryCorrected(task, step, seat.index, count, region))

    def _lost(self, seat: Seat, reason: str) -> None:
        """A replica ended; its successor starts from the voted state."""
        self.record.counters.replaced += 1
        self._context.event(ReplicaLost(self.record.task, seat.index, reason))
        self._load([seat])

    def _pause(self) -> None:
        """Idle long enough to keep the duty that the budget grants."""
        busy = self._context.clock.now() - self._began
        duty = max(0.01, self._budget().duty)
        self._context.after(busy * (1 / duty - 1), self._next)

    # Votes.

    def _vote(self) -> None:
        answers = [self._answer(seat) for seat in self._seats]
        ballot = tally([seat.answer for seat in self._seats], answers, self._aside)
        self.record.counters.votes += 1
        if ballot is None:
            self._no_majority(answers)
        else:
            self._accept(ballot)

    def _answer(self, seat: Seat) -> bytes | None:
        """A copy: a replica that runs wild must not change what was compared."""
        if seat.answer is None or seat.answer.reason is not Reason.NONE:
            return None
        octets = seat.slab.answer(self.generation + 1)
        return None if octets is None else bytes(octets)

    def _accept(self, ballot: Ballot) -> None:
        record = self.record
        record.counters.masked += ballot.masked
        for seat in ballot.outvoted:
            self._context.event(ReplicaOutvoted(record.task, self.generation + 1, seat))
        self._aside = None
        self._keep(ballot.state, ballot.digest, self.generation + 1)
        self.done, self.models = ballot.report.done, ballot.report.models
        record.steps = ballot.report.steps
        self._resynchronise(ballot.odd)
        self._go_on()

    def _resynchronise(self, odd: frozenset[int]) -> None:
        for seat in self._seats:
            if seat.index not in odd:
                seat.strikes = 0
                continue
            self._load([seat])
            seat.strikes += 1
            if seat.strikes >= STRIKES:
                seat.renew(f"outvoted {STRIKES} times in a row")

    def _go_on(self) -> None:
        record = self.record
        if self._act is Act.RESULT:
            self._finish()
            return
        record.step = self.generation
        if self._act is Act.START:
            self._context.event(
                TaskStarted(record.task, record.program, record.scene, record.steps)
            )
        self._voted(self)
        self._pause()

    def _finish(self) -> None:
        try:
            result = decode(memoryview(self.state))["result"]
        except (StateError, LookupError) as error:
            self.fail(Reason.CORRUPT, f"result: {error}")
            return
        if not (isinstance(result, np.ndarray) and result.dtype == np.uint8 and result.size):
            self.fail(Reason.FORMAT, "the result is no array of octets")
            return
        self._finished(self, result)

    # No majority.

    def _no_majority(self, answers: list[bytes | None]) -> None:
        failures = [s.answer for s in self._seats if s.answer and s.answer.reason]
        blamed = [answer for answer in failures if answer.inputs]
        if 2 * len(blamed) > len(self._seats):
            self._fail_as(blamed)
            return
        given = sum(answer is not None for answer in answers)
        self._redos += 1
        if self._redos > self._parameters().redo_limit:
            if failures and not given:
                self._fail_as(failures)
            else:
                detail = f"step {self.generation + 1}: {self._redos} rounds"
                self.fail(Reason.NO_MAJORITY, detail)
            return
        if given > 1:
            self._context.event(NoMajority(self.record.task, self.generation + 1))
        self._redo(answers)

    def _fail_as(self, failures: list[Answer]) -> None:
        """Fail for the reason that most replicas gave."""
        reason, _ = Counter(answer.reason for answer in failures).most_common(1)[0]
        self.fail(reason, next(a.detail for a in failures if a.reason is reason))

    def _redo(self, answers: list[bytes | None]) -> None:
        """Once more from the voted state. Two that differ: only one computes, as tie-break.

        Whoever computes again is a fresh replica: one that is damaged would repeat its answer, and
        in a tie-break outvote the sound one with it.
        """
        tie = len(answers) == 2 and None not in answers and self._aside is None
        self._aside = answers[0] if tie else None
        again = self._seats[:1] if tie else self._seats
        self._load(self._seats)
        for seat in again:
            seat.renew("step redone")
        self._round(again)
