"""One task being run: a round of orders to the panel, a vote on its answers, then the next."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Level, Reason
from flight.dictionary.events import TaskResumed, TaskStarted
from flight.dictionary.parameters import ExecutorParameters
from flight.dictionary.telemetry import Budget
from flight.executor.ballot import Ballot, commonest, tally
from flight.executor.bulk import SharedScenes
from flight.executor.checkpoint import Checkpoint
from flight.executor.duty import Duty
from flight.executor.incidents import Incidents
from flight.executor.memory import RunMemory, rescued
from flight.executor.panel import Panel
from flight.executor.protocol import Act, Assignment, Order
from flight.executor.record import TaskRecord
from flight.executor.seat import Seat
from flight.executor.state import StateError, result_in
from flight.executor.voted import VotedState
from flight.runtime.service import Context

SEATS = {Level.NONE: 1, Level.VERIFY: 1, Level.DMR: 2, Level.TMR: 3}
RECHECK = 0.2  # s between looks at a budget that forbids work, or has it wait
STRIKES = 2  # votes in a row that a replica may lose: damage that lasts is not healed by a state


class TaskRun:
    """The state machine of a running task. It owns the voted state; the seats compute.

    ``voted(run)`` is called after every vote on a state, and when the run begins to wait: there
    the run may be closed, or its ``level`` changed. ``finished(run, result)`` is called once, with
    None when the task failed. Raises OSError when there is no memory for the slabs.
    """

    def __init__(
        self,
        context: Context,
        record: TaskRecord,
        level: Level,
        assign: Callable[[int], Assignment],
        capacity: int,
        shared: SharedScenes,
        budget: Callable[[], Budget],
        voted: Callable[[TaskRun], None],
        finished: Callable[[TaskRun, npt.NDArray[np.uint8] | None], None],
    ) -> None:
        self.record, self.level, self.capacity = record, level, capacity
        self.incidents = Incidents(context, record)
        told = functools.partial(self._corrected, 0, "voted state")
        self.state = VotedState(context, record.task, capacity, told)
        self._memory = RunMemory(self.state, shared, self.incidents)
        self.models: tuple[str, ...] = ()  # that the replicas have opened
        self.done = False
        self.waiting = False
        self.idle = False  # between two rounds
        self.lost = False  # given up for damaged memory
        self._context = context
        self._budget, self._voted, self._finished = budget, voted, finished
        self._act = Act.START
        self._redos = 0
        self._duty = Duty(context.clock)
        self._aside: bytes | None = None  # DMR: what seat 0 said before the tie-break
        self._over = False
        self._panel = Panel(
            context,
            assign,
            capacity,
            lambda: self._budget().cores,
            self._note_corrections,
            self._vote,
            self._crashed,
        )
        try:
            self._panel.resize(SEATS[level])
        except OSError:
            self.state.close()
            raise

    @property
    def generation(self) -> int:
        """Of the voted state; -1 before there is one."""
        return self.state.generation

    @property
    def alive(self) -> bool:
        """False when nothing will ever call it again, after an error of our own."""
        return self.idle or self._panel.busy

    @rescued
    def begin(self, checkpoint: Checkpoint | None) -> None:
        """Start from nothing, or go on from a checkpoint."""
        if checkpoint is not None:
            self._keep(checkpoint.state, checkpoint.sha256, checkpoint.generation)
            self.done, self.models = checkpoint.done, tuple(sorted(checkpoint.origin.models))
            self._memory.load(self._panel.seats)
            written = self.record.counters.checkpoints
            self._context.event(TaskResumed(self.record.task, self.generation, written))
        self._next()

    def close(self) -> None:
        """End the replicas and free their memory."""
        self._over = True
        self._panel.close()
        self._memory.close()

    def give_up(self, why: str) -> None:
        """End this run for the damage done to its memory; another can be begun."""
        if not self._over:
            self.lost = True
            self.incidents.state_lost(self.generation, why)
            self._finished(self, None)

    def fail(self, reason: Reason, detail: str) -> None:
        """End without a result."""
        self.record.reason, self.record.detail = reason, detail
        self._finished(self, None)

    def _keep(self, state: bytes, digest: str, generation: int) -> None:
        self.state.keep(state, digest, generation, self.level is not Level.NONE)
        self.incidents.crashes.clear()

    def _parameters(self) -> ExecutorParameters:
        return self._context.parameters(ExecutorParameters)

    # Rounds.

    @rescued
    def _next(self) -> None:
        """Begin the next round as soon as the budget allows it."""
        if self._over:
            return
        budget = self._budget()
        if not budget.may_continue:
            self._look_again(RECHECK)
            if not self.waiting:
                self.waiting = True
                self._voted(self)
            return
        self.waiting = False
        if rest := self._duty.rest(budget.duty):
            self._look_again(min(rest, RECHECK))
            return
        self.idle = False
        if self.generation < 0:
            self._act = Act.START
        else:
            self._act = Act.RESULT if self.done else Act.STEP
        self._redos = 0
        self._duty.begin()
        self._resize()
        self._round(self._panel.seats)

    def _resize(self) -> None:
        """Follow a change of level; without memory for more seats the run goes on with fewer."""
        try:
            self._memory.load(self._panel.resize(SEATS[self.level]))
        except OSError as error:
            self.incidents.no_seat(str(error.strerror))

    def _round(self, seats: Sequence[Seat]) -> None:
        verify = self.level is not Level.NONE
        order = Order(self._act, self.generation, 0, self.state.crc, verify)
        self._memory.begin_round(verify)
        self._panel.round(seats, order, self._parameters().step_deadline)

    def _note_corrections(self, seat: Seat) -> None:
        for region, count in (seat.answer.corrected if seat.answer else {}).items():
            self._corrected(seat.index, region, count)

    def _corrected(self, seat: int, region: str, flips: int) -> None:
        self.incidents.corrected(self.generation + 1, seat, flips, region)

    @rescued
    def _crashed(self, seat: Seat, why: str) -> None:
        """A replica ended by itself, or was late. A step that ends them all is poison."""
        count = self.incidents.crashed(seat.index, why)
        self._replaced(seat, why)
        if count >= self._parameters().poison_limit and not self._over:
            step = self.generation + 1
            self.fail(Reason.POISON, f"step {step} ended {count} replicas, {why}")

    def _renew(self, seat: Seat, why: str) -> None:
        if seat.renew():
            self._replaced(seat, why)

    def _replaced(self, seat: Seat, why: str) -> None:
        """The successor starts from the voted state."""
        self.incidents.replaced(seat.index, why)
        self._memory.load([seat])

    def _look_again(self, after: float) -> None:
        """Between two rounds: the next begins when the budget allows it."""
        self.idle = True
        self._context.after(after, self._next)

    # Votes.

    @rescued
    def _vote(self) -> None:
        if self._over:
            return
        seats = self._panel.seats
        sound = self._memory.sound(seats) or self.level is Level.NONE
        answers = [self._memory.answer(seat) if sound else None for seat in seats]
        ballot = tally([seat.answer for seat in seats], answers, self._aside)
        self.record.counters.votes += 1
        if ballot is None:
            self._no_majority(answers)
        else:
            self._accept(ballot)

    def _accept(self, ballot: Ballot) -> None:
        self.incidents.masked(self.generation + 1, ballot.outvoted, ballot.masked)
        self._aside = None
        self._keep(ballot.state, ballot.digest, self.generation + 1)
        self.done, self.models = ballot.report.done, ballot.report.models
        self.record.steps = ballot.report.steps
        self._resynchronise(ballot.odd)
        self._go_on()

    def _resynchronise(self, odd: frozenset[int]) -> None:
        for seat in self._panel.seats:
            if seat.index not in odd:
                seat.strikes = 0
                continue
            self._memory.load([seat])
            seat.strikes += 1
            if seat.strikes >= STRIKES:
                self._renew(seat, f"outvoted {STRIKES} times in a row")

    def _go_on(self) -> None:
        record = self.record
        if self._act is Act.RESULT:
            self._finish()
            return
        record.step = self.generation
        if self._act is Act.START:
            started = TaskStarted(record.task, record.program, record.scene, record.steps)
            self._context.event(started)
        self.record.counters.busy += self._duty.end()
        self._look_again(0.0)
        self._voted(self)

    def _finish(self) -> None:
        try:
            result = result_in(self.state.octets())
        except StateError as error:
            self.fail(Reason.CORRUPT, f"result: {error}")
        except TypeError as error:
            self.fail(Reason.FORMAT, str(error))
        else:
            self._finished(self, result)

    # No majority.

    def _no_majority(self, answers: list[bytes | None]) -> None:
        seats = self._panel.seats
        failures = [s.answer for s in seats if s.answer and s.answer.reason]
        blamed = [answer for answer in failures if answer.inputs]
        # One replica alone may be damaged: a fresh one has to say the same.
        if 2 * len(blamed) > len(seats) and (len(blamed) > 1 or self._redos):
            self.fail(*commonest(blamed))
            return
        if vacant := [seat.vacant for seat in seats if seat.vacant]:
            self.incidents.no_seat(vacant[0])  # nobody was asked, so nobody is at fault
            self._redo(answers)
            return
        given = sum(answer is not None for answer in answers)
        self._redos += 1
        if self._redos > self._parameters().redo_limit:
            if failures and not given:
                self.fail(*commonest(failures))
            else:
                self.fail(Reason.NO_MAJORITY, f"step {self.generation + 1}: {self._redos} rounds")
            return
        if given > 1:
            self.incidents.no_majority(self.generation + 1)
        self._redo(answers)

    def _redo(self, answers: list[bytes | None]) -> None:
        """Once more from the voted state. Two that differ: only one computes, as tie-break.

        Whoever computes again is a fresh replica: one that is damaged would repeat its answer, and
        in a tie-break outvote the sound one with it.
        """
        seats = self._panel.seats
        tie = len(answers) == 2 and None not in answers and self._aside is None
        self._aside = answers[0] if tie else None
        again = seats[:1] if tie else seats
        self._memory.load(seats)
        for seat in again:
            self._renew(seat, "step redone")
        self._round(again)
