"""The task book: every task known on board, kept on disk, next one first."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from flight.dictionary.commands import RunTask
from flight.dictionary.enums import Reason, TaskState
from flight.dictionary.events import WriteFailed
from flight.dictionary.parameters import ExecutorParameters
from flight.executor import record as records
from flight.executor.checkpoint import checkpoint_name
from flight.executor.record import TaskRecord
from flight.executor.schedule import in_order
from flight.runtime.service import Context, Refused

KEPT = 100  # ended tasks remembered, so that a repeated telecommand is known as one
SAME = attrgetter("request", "program", "scene", "second", "parameters", "level")
TOLD = 4  # ended tasks whose state is repeated, for whoever missed it


class TaskBook:
    """The records. Task ids are never given twice, even when a record cannot be read."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._records: dict[int, TaskRecord] = {}
        self._last = 0

    def load(self) -> None:
        """Take up what an earlier life left; a task that was running waits again."""
        self._last = records.last_task(self._context.store)
        for record in records.load_records(self._context.store):
            if record.state is TaskState.RUNNING:
                record.state = TaskState.QUEUED
            self._records[record.task] = record

    def get(self, task: int) -> TaskRecord | None:
        """A task by its id."""
        return self._records.get(task)

    def repeated(self, command: RunTask) -> TaskRecord | None:
        """The task that this very telecommand has started already."""
        for record in self._records.values():
            if command.request and SAME(record) == SAME(command):
                return record
        return None

    def check_room(self) -> None:
        """Raises Refused BUSY when no further task can wait."""
        waiting = len(self.unended())
        if waiting >= self._context.parameters(ExecutorParameters).queue_limit:
            raise Refused(Reason.BUSY, f"{waiting} tasks wait already")

    def admit(
        self,
        command: RunTask,
        scene_sha256: str,
        second_sha256: str,
        afford: Callable[[TaskRecord], None],
    ) -> TaskRecord:
        """Enter a new task. Raises Refused: NO_SPACE, or what ``afford(record)`` raises."""
        record = TaskRecord(
            self._last + 1,
            command.request,
            command.program,
            command.scene,
            scene_sha256,
            command.level,
            command.priority,
            parameters=command.parameters,
            second=command.second,
            second_sha256=second_sha256,
            criticality=command.criticality,
            deadline=command.deadline,
            calm=command.calm,
            accepted_utc=self._context.clock.utc_ns(),
        )
        afford(record)
        try:
            records.save_record(self._context.store, record)
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"task record: {error.strerror}") from error
        self._last = record.task
        self._records[record.task] = record
        return record

    def waiting(self) -> list[TaskRecord]:
        """Tasks that wait for their start, most urgent first; not the suspended ones."""
        queued = (r for r in self._records.values() if r.state is TaskState.QUEUED)
        return in_order(record for record in queued if not record.suspended)

    def unended(self) -> list[TaskRecord]:
        """Tasks that wait, run or are suspended."""
        return [record for record in self._records.values() if not record.state.ended]

    def active(self) -> list[TaskRecord]:
        """Tasks that wait or run, not the suspended ones."""
        return [record for record in self.unended() if not record.suspended]

    def told(self) -> list[TaskRecord]:
        """Tasks whose state is repeated: the active ones and the last that ended."""
        ordered = [self._records[task] for task in sorted(self._records)]
        ended = [record for record in ordered if record.state.ended]
        return [*ended[-TOLD:], *(record for record in ordered if not record.state.ended)]

    def save(self, record: TaskRecord) -> bool:
        """Persist a record; False, with an event, when it cannot be."""
        try:
            records.save_record(self._context.store, record)
        except OSError as error:
            self._context.event(WriteFailed("task record", str(error.strerror)))
            return False
        return True

    def end(self, record: TaskRecord, state: TaskState) -> None:
        """A task ended. Its checkpoint goes once that is on disk; the oldest ended go too."""
        record.state = state
        if not self.save(record):
            return
        try:
            self._context.store.remove(checkpoint_name(record.task))
            ended = sorted(task for task, each in self._records.items() if each.state.ended)
            for task in ended[:-KEPT]:
                records.forget(self._context.store, task)
                del self._records[task]
        except OSError as error:
            self._context.event(WriteFailed("task removal", str(error.strerror)))
