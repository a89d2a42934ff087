"""What runs now: starts the most urgent task, lets it yield between steps, ends it once."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Environment, Level, Reason, TaskState
from flight.dictionary.events import TaskCompleted, TaskFailed, WriteFailed
from flight.dictionary.parameters import ExecutorParameters, RadiationParameters
from flight.dictionary.product import Provenance
from flight.dictionary.radiation import EnvironmentStatus
from flight.dictionary.telemetry import Budget
from flight.executor import schedule
from flight.executor.book import TaskBook
from flight.executor.canary import TASK, Canary
from flight.executor.estimate import Estimate
from flight.executor.handover import Handover
from flight.executor.keeper import Checkpoints
from flight.executor.launch import Launcher
from flight.executor.payload import Payload
from flight.executor.record import TaskRecord, status
from flight.executor.run import TaskRun
from flight.executor.task import InputError
from flight.radiation.ecc import Uncorrectable
from flight.radiation.policy import failure_rate, raised_level
from flight.radiation.region import Busy
from flight.runtime.service import Context, Refused

# Why a known-answer run fails that should not fail; any other reason is one of its inputs.
DAMAGE = (Reason.NO_MAJORITY, Reason.POISON, Reason.CORRUPT, Reason.INTERNAL)
LIVES = 2  # times the poison limit that a task may be begun without a step to show for it


class Dispatcher:
    """One task at a time, under the budget. ``safe`` is set from outside."""

    def __init__(
        self,
        context: Context,
        book: TaskBook,
        estimate: Estimate,
        launcher: Launcher,
        payload: Payload,
        canary: Canary,
        budget: Callable[[], Budget],
    ) -> None:
        self.run: TaskRun | None = None
        self.handover: Handover | None = None
        self.safe = False
        self._surroundings: EnvironmentStatus | None = None
        self._context, self._book, self._estimate = context, book, estimate
        self._launcher, self._payload, self._canary = launcher, payload, canary
        self._budget = budget
        self._checkpoints = Checkpoints(context)

    def stop(self) -> None:
        """Keep the newest voted state of the running task."""
        if (run := self.run) is not None:
            self._keep(run)
            run.close()

    def surroundings(self, status: EnvironmentStatus) -> None:
        """The environment as it is now; levels follow at the next step."""
        expected = self._context.parameters(RadiationParameters)
        flux = status.flux if status.valid else 0.0
        rate = failure_rate(flux, expected.failure_section, expected.failure_background)
        self._checkpoints.expect(rate)
        if status.mode is not self._environment:
            self._canary.ask()
        self._surroundings = status

    @property
    def _environment(self) -> Environment:
        return Environment.QUIET if self._surroundings is None else self._surroundings.mode

    # Starting.

    def pump(self) -> None:
        """Start the most urgent task, or the canary when it is due, if the budget allows."""
        self._take_up_stranded()
        self.reconsider()
        if self.run is not None or self.handover is not None or self.safe:
            return
        budget = self._budget()
        if self._canary.due and budget.may_start:
            self._begin_canary()
        elif self._canary.trusted:
            for record in self._next():
                self._begin_task(record)

    def _next(self) -> list[TaskRecord]:
        """The most urgent task that may be begun in these surroundings; none, or one."""
        budget = self._budget()
        fitting = (
            each
            for each in self._book.waiting()
            if self._fits(each) and (budget.may_start or (each.started_utc and budget.may_continue))
        )
        return list(itertools.islice(fitting, 1))

    def _fits(self, record: TaskRecord) -> bool:
        return schedule.fits(record, self._surroundings, self._estimate)

    def _take_up_stranded(self) -> None:
        """Begin again what an error of our own left with nobody to work on it."""
        if self.run is not None:
            if not self.run.alive:
                self.run.give_up("nobody works on it")
        elif self.handover is None:
            for record in self._book.unended():
                if record.state is TaskState.RUNNING:
                    self._again(record)

    def drop_overdue(self) -> None:
        """End what nobody wants any more, but for a result that is on its way already."""
        now = self._context.clock.utc_ns()
        leaving = None if self.handover is None else self.handover.task
        for record in self._book.unended():
            if record.task != leaving and schedule.overdue(record, now):
                self.fail(record, Reason.TIMED_OUT, "its deadline passed")

    def _begin_canary(self) -> None:
        try:
            self._begin(self._canary.record(self._payload.digest(self._canary.scene)))
        except (Refused, InputError, OSError) as error:
            self._canary.unable(str(error))

    def _begin_task(self, record: TaskRecord) -> None:
        record.begun()
        if record.lives > LIVES * self._limit():
            self.fail(record, Reason.POISON, f"begun {record.lives} times at step {record.step}")
            return
        record.state = TaskState.RUNNING
        record.started_utc = record.started_utc or self._context.clock.utc_ns()
        self._launcher.pin(record)
        self._book.save(record)  # before it runs: it may take this process with it
        try:
            self._begin(record)
        except InputError as error:
            self.fail(record, error.reason, str(error))
            return
        except OSError as error:
            self.fail(record, Reason.NO_SPACE, f"shared memory: {error.strerror}")
            return
        self.tell(record)

    def _begin(self, record: TaskRecord) -> None:
        level = self._level(record)
        run = self._launcher.prepare(record, level, self._budget, self._voted, self._finished)
        self._checkpoints.begin()
        self.run = run
        found = self._launcher.resume(run, self._checkpoints) if record.task != TASK else None
        if found is not None:
            record.resumed(found)
            self._book.save(record)
        run.begin(found)

    def _limit(self) -> int:
        return self._context.parameters(ExecutorParameters).poison_limit

    def _level(self, record: TaskRecord) -> Level:
        return raised_level(record.level, self._environment, record.criticality)

    # Between two steps.

    def _voted(self, run: TaskRun) -> None:
        """Yield, follow the environment, write a checkpoint when it is time."""
        run.level = self._level(run.record)
        self.tell(run.record)
        if self._yields(run.record):
            self._put_aside(run)
        elif run.waiting or self._checkpoints.due(run.record.step, run.record.steps):
            self._keep(run)

    def _yields(self, running: TaskRecord) -> bool:
        if self.safe or running.suspended or not self._fits(running):
            return True
        # The canary comes before all tasks: it would only be begun again.
        waiting = self._next() if running.task != TASK else []
        return any(schedule.preempts(each, running) for each in waiting)

    def reconsider(self) -> None:
        """Look again at a run between two rounds: there may be long no vote at which to yield."""
        if self.run is not None and self.run.idle and self._yields(self.run.record):
            self._put_aside(self.run)

    def _put_aside(self, run: TaskRun) -> None:
        """Keep the voted state on disk and free memory and processes; the task waits again."""
        self._keep(run)
        if run.lost:  # just now, and begun anew already
            return
        run.close()
        self._checkpoints.end()
        self.run = None
        self._again(run.record)

    def _again(self, record: TaskRecord) -> None:
        """Begin a task anew later, or the canary."""
        if record.task == TASK:
            self._canary.ask()
            return
        record.state = TaskState.QUEUED
        self._book.save(record)
        self.tell(record)

    def _keep(self, run: TaskRun) -> None:
        if run.generation < 0 or run.record.task == TASK:
            return
        try:
            self._checkpoints.write(self._launcher.checkpoint(run))
        except (Uncorrectable, Busy) as error:
            run.give_up(str(error))

    # Ending.

    def _finished(self, run: TaskRun, result: npt.NDArray[np.uint8] | None) -> None:
        record = run.record
        poison = record.reason is Reason.POISON and record.task != TASK
        found = self._launcher.evidence(run) if poison else None  # while its memory is there
        run.close()
        self._checkpoints.end()
        self.run = None
        if record.task == TASK:
            self._judge(run, result)
        elif run.lost:
            self._again(record)
        elif result is not None:
            kept = np.array(result)
            self._hand_over(record, kept, self._launcher.provenance(run, kept))
        elif found is not None:
            self._hand_over(record, *found)
        else:
            self._end(record, TaskState.FAILED)

    def _judge(self, run: TaskRun, result: npt.NDArray[np.uint8] | None) -> None:
        if run.lost:
            self._canary.unable("its memory was lost")
        elif result is None and run.record.reason not in DAMAGE:
            self._canary.unable(f"{run.record.reason.name}: {run.record.detail}")
        else:
            self._canary.judge(result, self._launcher.origin(run))

    def _hand_over(
        self, record: TaskRecord, result: npt.NDArray[np.uint8], proof: Provenance
    ) -> None:
        """Give a result, or the evidence of a task that failed, to storage; then end the task."""
        failed = record.reason is not Reason.NONE

        def ended(reason: Reason, detail: str) -> None:
            self.handover = None
            if failed or reason is Reason.NONE:
                self._end(record, TaskState.FAILED if failed else TaskState.COMPLETED)
            elif reason is Reason.CORRUPT:  # in our memory, while it waited: compute it again
                self._again(record)
            else:
                self.fail(record, reason, detail)

        self.handover = Handover(self._context, record, result, proof, ended)
        self.handover.offer()

    def fail(self, record: TaskRecord, reason: Reason, detail: str) -> None:
        """End a task that may be running, without a result."""
        if self.run is not None and self.run.record is record:
            self.run.fail(reason, detail)
            return
        if self.handover is not None and self.handover.task == record.task:
            self.handover.drop()
            self.handover = None
        record.reason, record.detail = reason, detail
        self._end(record, TaskState.FAILED)

    def _end(self, record: TaskRecord, state: TaskState) -> None:
        self._book.end(record, state)
        self._canary.count()
        if state is TaskState.COMPLETED:
            self._learn(record)
            counters = record.counters
            self._context.event(TaskCompleted(record.task, counters.votes, counters.masked))
        else:
            self._context.event(TaskFailed(record.task, record.reason, record.detail))
        self.tell(record)
        self._context.after(0.0, self.pump)  # not within what ended it

    def _learn(self, record: TaskRecord) -> None:
        try:
            self._estimate.learn(record)
        except OSError as error:
            self._context.event(WriteFailed("estimates", str(error.strerror)))

    def tell(self, record: TaskRecord) -> None:
        """Publish the state of a task."""
        if record.task == TASK:
            return
        run = self.run if self.run is not None and self.run.record is record else None
        level = record.level if run is None else run.level
        self._context.publish(status(record, level, run is not None and run.waiting))
