"""The executor: admits tasks, runs one at a time under the budget, hands results to storage."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flight.dictionary.codec import ENCODER
from flight.dictionary.commands import CancelTask, Reply, RunTask
from flight.dictionary.enums import Level, Mode, ModelState, Reason, TaskState
from flight.dictionary.events import BudgetExpired, TaskCompleted, TaskFailed
from flight.dictionary.telemetry import BoardReadings, Budget, ModelStatus, NodeState
from flight.executor.book import TaskBook
from flight.executor.checkpoint import FORMAT, Checkpoint, Checkpoints, Origin
from flight.executor.handover import Handover
from flight.executor.lease import BudgetLease
from flight.executor.protocol import Assignment
from flight.executor.provenance import provenance
from flight.executor.record import TaskRecord, status
from flight.executor.replica import InputError, parse_scene, read_scene
from flight.executor.run import SEATS, TaskRun
from flight.runtime.service import Context, Refused, Service, handles, subscribes
from flight.runtime.zygote import resolve

STATE_MARGIN = 1 << 20  # octets of a slot beyond three planes of the scene


class Executor(Service):
    """Task queue and the run in progress."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        bindings = context.settings["bindings"]
        self._programs: dict[str, str] = {
            name.removeprefix("program "): entry
            for name, entry in bindings.items()
            if name.startswith("program ")
        }
        self._open_model: str = bindings["model"]
        self._payload = Path(context.settings["payload"])
        self._book = TaskBook(context)
        self._checkpoints = Checkpoints(context)
        self._models: dict[str, ModelStatus] = {}
        self._lease = BudgetLease()
        self._expired = False
        self._safe = False
        self._run: TaskRun | None = None
        self._handover: Handover | None = None
        self._readings: tuple[float, float] | None = None  # time, power

    def start(self) -> None:
        """Take up the tasks that had not ended."""
        self._book.load()
        self.context.every(1.0, self._beat)
        self.context.every(0.2, self._pump)

    def stop(self) -> None:
        """Keep the newest voted state of the running task."""
        if self._run is not None:
            self._keep(self._run)
            self._run.close()

    # Commands.

    @handles(RunTask)
    def _run_task(self, command: RunTask) -> Reply:
        record = self._book.repeated(command) or self._admit(command)
        self._tell(record)
        return Reply(result=ENCODER.encode(record.task))

    def _admit(self, command: RunTask) -> TaskRecord:
        if self._safe:
            raise Refused(Reason.MODE, "safe mode runs no tasks")
        if command.program not in self._programs:
            raise Refused(Reason.UNKNOWN, f"no program {command.program!r}")
        self._book.check_room()
        return self._book.admit(command, self._check_scene(command.scene))

    def _scene_path(self, scene: str) -> Path:
        return self._payload / f"{scene}.npz"

    def _check_scene(self, scene: str) -> str:
        """SHA-256 of the scene file, which must be a picture."""
        if not scene or "/" in scene or scene.startswith("."):
            raise Refused(Reason.UNKNOWN, f"no scene {scene!r}")
        try:
            data = self._scene_path(scene).read_bytes()
            parse_scene(scene, data)
        except OSError as error:
            raise Refused(Reason.UNKNOWN, f"no scene {scene!r}") from error
        except InputError as error:
            raise Refused(error.reason, str(error)) from error
        return hashlib.sha256(data).hexdigest()

    @handles(CancelTask)
    def _cancel(self, command: CancelTask) -> None:
        record = self._book.get(command.task)
        if record is None or record.state.ended:
            raise Refused(Reason.UNKNOWN, f"no active task {command.task}")
        if self._handover is not None and self._handover.task == record.task:
            raise Refused(Reason.BUSY, f"the result of task {command.task} goes to storage")
        if self._run is not None and self._run.record is record:
            self._run.fail(Reason.CANCELLED, "by command")
        else:
            self._fail(record, Reason.CANCELLED, "by command")

    # What the node tells.

    @subscribes(Budget)
    def _budget(self, budget: Budget) -> None:
        self._lease.renew(budget, self.context.clock.now())
        self._expired = False

    @subscribes(NodeState)
    def _node_state(self, state: NodeState) -> None:
        self._safe = state.mode is Mode.SAFE

    @subscribes(ModelStatus)
    def _model(self, status: ModelStatus) -> None:
        self._models[status.model] = status

    @subscribes(BoardReadings)
    def _board(self, readings: BoardReadings) -> None:
        now = self.context.clock.now()
        if self._run is not None and self._readings is not None:
            before, power = self._readings
            self._run.record.counters.energy += (now - before) * (power + readings.power) / 2
        self._readings = now, readings.power

    def _current(self) -> Budget:
        now = self.context.clock.now()
        if self._lease.expired(now) and not self._expired:
            self._expired = True
            self.context.event(BudgetExpired())
        return self._lease.current(now)

    def _active_models(self) -> dict[str, ModelStatus]:
        return {n: s for n, s in self._models.items() if s.state is ModelState.ACTIVE}

    def _models_ready(self) -> bool:
        states = [model.state for model in self._models.values()]
        return bool(states) and all(
            state in (ModelState.ACTIVE, ModelState.QUARANTINED) for state in states
        )

    # Running.

    def _pump(self) -> None:
        """Start the next task when there is one, its models are ready, and the budget allows."""
        if self._run is not None or self._handover is not None or self._safe:
            return
        budget = self._current()
        for record in self._book.waiting():
            begun = record.started_utc != 0
            if budget.may_start or (begun and budget.may_continue):
                if self._models_ready():
                    self._begin(record)
                return

    def _begin(self, record: TaskRecord) -> None:
        try:
            run, room = self._prepare(record)
        except InputError as error:
            self._fail(record, error.reason, str(error))
            return
        except OSError as error:
            self._fail(record, Reason.NO_SPACE, f"shared memory: {error.strerror}")
            return
        record.state = TaskState.RUNNING
        record.started_utc = record.started_utc or self.context.clock.utc_ns()
        self._checkpoints.begin()
        self._run = run
        models = {name: model.sha256 for name, model in self._active_models().items()}
        version = self._version(record)
        run.begin(self._checkpoints.find(record.task, version, record.scene_sha256, models, room))
        self._book.save(record)
        self._tell(record)

    def _prepare(self, record: TaskRecord) -> tuple[TaskRun, int]:
        """A run of the task, and the octets its slabs hold. Raises InputError, OSError."""
        if record.program not in self._programs:  # of another software version
            raise InputError(Reason.UNKNOWN, f"no program {record.program!r}")
        scene = read_scene(self._scene_path(record.scene), record.scene_sha256)
        room = 3 * scene.shape[0] * scene.shape[1] + STATE_MARGIN
        folders = {
            name: str(self.context.store.path(model.compiled).parent)
            for name, model in self._active_models().items()
        }
        assignments = [
            Assignment(
                self._programs[record.program],
                str(self._scene_path(record.scene)),
                record.scene_sha256,
                folders,
                self._open_model,
                f"executor-t{record.task}-r{index}",
                record.level is not Level.NONE,
            )
            for index in range(SEATS[record.level])
        ]
        hooks = self._current, self._voted, self._finished
        return TaskRun(self.context, record, assignments, room, *hooks), room

    def _version(self, record: TaskRecord) -> str:
        program: Any = resolve(self._programs[record.program])
        return f"{program.name} {program.version}"

    def _models_of(self, run: TaskRun) -> dict[str, str]:
        """Models that a run uses, name to SHA-256."""
        return {name: self._models[name].sha256 for name in run.models if name in self._models}

    def _voted(self, run: TaskRun) -> None:
        """Report, and write a checkpoint when the interval is over or the run must wait."""
        self._tell(run.record)
        if run.waiting or self._checkpoints.due:
            self._keep(run)

    def _keep(self, run: TaskRun) -> None:
        if run.generation < 0:
            return
        record = run.record
        version = self._version(record)
        origin = Origin(record.task, version, record.scene_sha256, self._models_of(run))
        self._checkpoints.write(
            Checkpoint(
                FORMAT,
                origin,
                run.generation,
                run.done,
                record.steps,
                record.counters,
                run.digest,
                run.state,
            )
        )

    def _finished(self, run: TaskRun, result: npt.NDArray[np.uint8] | None) -> None:
        run.close()
        self._run = None
        record = run.record
        if result is None:
            self._end(record, TaskState.FAILED)
            return

        def ended(reason: Reason, detail: str) -> None:
            self._handover = None
            if reason is Reason.NONE:
                self._end(record, TaskState.COMPLETED)
            else:
                self._fail(record, reason, detail)

        models, now = self._models_of(run), self.context.clock.utc_ns()
        proof = provenance(record, self._version(record), models, result, now)
        self._handover = Handover(self.context, record.task, np.array(result), proof, ended)
        self._handover.offer()

    # Ending and reporting.

    def _fail(self, record: TaskRecord, reason: Reason, detail: str) -> None:
        record.reason, record.detail = reason, detail
        self._end(record, TaskState.FAILED)

    def _end(self, record: TaskRecord, state: TaskState) -> None:
        self._book.end(record, state)
        if state is TaskState.COMPLETED:
            counters = record.counters
            self.context.event(TaskCompleted(record.task, counters.votes, counters.masked))
        else:
            self.context.event(TaskFailed(record.task, record.reason, record.detail))
        self._tell(record)

    def _beat(self) -> None:
        """Repeat the state of active tasks and of the last ended ones, for whoever missed it."""
        self._current()
        for record in self._book.told():
            self._tell(record)

    def _tell(self, record: TaskRecord) -> None:
        waiting = self._run is not None and self._run.record is record and self._run.waiting
        self.context.publish(status(record, waiting))
