"""The executor: admits tasks, runs one at a time under the budget, hands results to storage."""

from __future__ import annotations

from pathlib import Path

from flight.dictionary.codec import ENCODER
from flight.dictionary.commands import CancelTask, Reply, ResumeTask, RunTask, SuspendTask
from flight.dictionary.enums import Mode, Reason
from flight.dictionary.events import BudgetExpired
from flight.dictionary.parameters import ExecutorParameters
from flight.dictionary.radiation import EnvironmentStatus
from flight.dictionary.telemetry import BoardReadings, Budget, ModelStatus, NodeState
from flight.executor import schedule
from flight.executor.book import TaskBook
from flight.executor.canary import Canary
from flight.executor.catalogue import Catalogue
from flight.executor.dispatcher import Dispatcher
from flight.executor.estimate import Estimate
from flight.executor.launch import Launcher
from flight.executor.lease import BudgetLease
from flight.executor.models import Models
from flight.executor.payload import Payload
from flight.executor.record import TaskRecord
from flight.runtime.service import Context, Refused, Service, handles, subscribes


class Executor(Service):
    """Task queue and the run in progress."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        bindings, settings = context.settings["bindings"], context.settings
        self._programs = Catalogue(bindings, context.store)
        self._payload = Payload(Path(settings["payload"]))
        self._models = Models()
        self._book = TaskBook(context)
        self._estimate = Estimate(context.store)
        self._lease = BudgetLease()
        self._expired = False
        self._readings: tuple[float, float] | None = None  # time, power
        self._dispatcher = Dispatcher(
            context,
            self._book,
            self._estimate,
            Launcher(context, self._programs, self._payload, self._models, bindings["model"]),
            self._payload,
            Canary(context, settings.get("canary")),
            self._current,
        )

    def start(self) -> None:
        """Take up the tasks that had not ended."""
        self._book.load()
        self.context.every(1.0, self._beat)
        self.context.every(0.2, self._pump)

    def stop(self) -> None:
        """Keep the newest voted state of the running task."""
        self._dispatcher.stop()

    def _pump(self) -> None:
        self._dispatcher.drop_overdue()
        if self._models.ready:
            self._dispatcher.pump()

    def _beat(self) -> None:
        """Repeat the state of active tasks and of the last ended ones, for whoever missed it."""
        self._current()
        for record in self._book.told():
            self._dispatcher.tell(record)

    # Commands.

    @handles(RunTask)
    def _run_task(self, command: RunTask) -> Reply:
        record = self._book.repeated(command) or self._admit(command)
        self._dispatcher.tell(record)
        self.context.after(0.0, self._pump)
        return Reply(result=ENCODER.encode(record.task))

    def _admit(self, command: RunTask) -> TaskRecord:
        if self._dispatcher.safe:
            raise Refused(Reason.MODE, "safe mode runs no tasks")
        self._programs.check(command)
        self._book.check_room()
        second = self._payload.digest(command.second) if command.second else ""
        return self._book.admit(command, self._payload.digest(command.scene), second, self._afford)

    def _afford(self, record: TaskRecord) -> None:
        limit = self.context.parameters(ExecutorParameters).energy_limit
        active, now = self._book.active(), self.context.clock.utc_ns()
        schedule.admit(record, active, self._estimate, limit, now)

    @handles(CancelTask)
    def _cancel(self, command: CancelTask) -> None:
        """Also a task whose result storage does not take: it holds up all others."""
        self._dispatcher.fail(self._unended(command.task), Reason.CANCELLED, "by command")

    @handles(SuspendTask)
    def _suspend(self, command: SuspendTask) -> None:
        self._set_suspended(command.task, True)
        self._dispatcher.reconsider()

    @handles(ResumeTask)
    def _resume(self, command: ResumeTask) -> None:
        self._set_suspended(command.task, False)

    def _set_suspended(self, task: int, suspended: bool) -> None:
        record = self._active(task)
        record.suspended = suspended
        if not self._book.save(record):
            record.suspended = not suspended
            raise Refused(Reason.NO_SPACE, "task record")
        self._dispatcher.tell(record)

    def _active(self, task: int) -> TaskRecord:
        """A task that has not ended, and whose result is not on its way yet. Raises Refused."""
        record, handover = self._unended(task), self._dispatcher.handover
        if handover is not None and handover.task == task:
            raise Refused(Reason.BUSY, f"the result of task {task} goes to storage")
        return record

    def _unended(self, task: int) -> TaskRecord:
        record = self._book.get(task)
        if record is None or record.state.ended:
            raise Refused(Reason.UNKNOWN, f"no active task {task}")
        return record

    # What the node tells.

    @subscribes(Budget)
    def _budget(self, budget: Budget) -> None:
        self._lease.renew(budget, self.context.clock.now())
        self._expired = False

    @subscribes(NodeState)
    def _node_state(self, state: NodeState) -> None:
        self._dispatcher.safe = state.mode is Mode.SAFE
        self._dispatcher.reconsider()

    @subscribes(EnvironmentStatus)
    def _surroundings(self, status: EnvironmentStatus) -> None:
        self._dispatcher.surroundings(status)

    @subscribes(ModelStatus)
    def _model(self, status: ModelStatus) -> None:
        self._models.take(status)

    @subscribes(BoardReadings)
    def _board(self, readings: BoardReadings) -> None:
        now, run = self.context.clock.now(), self._dispatcher.run
        if run is not None and self._readings is not None:
            before, power = self._readings
            run.record.counters.energy += (now - before) * (power + readings.power) / 2
        self._readings = now, readings.power

    def _current(self) -> Budget:
        now = self.context.clock.now()
        if self._lease.expired(now) and not self._expired:
            self._expired = True
            self.context.event(BudgetExpired())
        return self._lease.current(now)
