"""What the executor keeps on disk of a task: one record each."""

from __future__ import annotations

import contextlib

import msgspec

from flight.dictionary.codec import ENCODER
from flight.dictionary.enums import Level, Reason, TaskState
from flight.dictionary.telemetry import TaskStatus
from flight.executor.checkpoint import Checkpoint, Counters, checkpoint_name
from flight.runtime.service import Store


class TaskRecord(msgspec.Struct):
    """A task as it is kept over restarts."""

    task: int
    request: int
    program: str
    scene: str
    scene_sha256: str
    level: Level
    priority: int
    state: TaskState = TaskState.QUEUED
    reason: Reason = Reason.NONE
    detail: str = ""
    started_utc: int = 0
    step: int = 0
    steps: int = 0
    counters: Counters = msgspec.field(default_factory=Counters)
    parameters: str = ""  # of the program, as the telecommand gave them
    second: str = ""  # second scene, empty for none
    second_sha256: str = ""
    criticality: int = 1
    deadline: int = 0  # s from acceptance, 0 for none
    accepted_utc: int = 0
    calm: bool = False  # only between crossings of the anomaly, outside storms
    suspended: bool = False
    lives: int = 0  # times that it was begun at step ``begun_at``
    begun_at: int = 0
    version: int = 0  # of an uplinked program, from the first start on

    def begun(self) -> None:
        """It is begun once more, from the step that it has reached."""
        self.lives = self.lives + 1 if self.step == self.begun_at else 1
        self.begun_at = self.step

    def resumed(self, checkpoint: Checkpoint) -> None:
        """It goes on from a checkpoint: an earlier life came that far, and may have seen more."""
        if checkpoint.generation != self.begun_at:
            self.lives, self.begun_at = 1, checkpoint.generation
        self.step, self.steps = checkpoint.generation, checkpoint.steps
        self.counters = self.counters.united(checkpoint.counters)
        self.counters.resumes += 1


def status(record: TaskRecord, level: Level, waiting: bool) -> TaskStatus:
    """What the node tells of a task; ``waiting`` when it runs but may not go on."""
    counters, state = record.counters, record.state
    if not state.ended and (record.suspended or waiting):
        state = TaskState.SUSPENDED if record.suspended else TaskState.WAITING
    return TaskStatus(
        record.task,
        record.request,
        record.program,
        record.scene,
        level,
        state,
        record.step,
        record.steps,
        counters.votes,
        counters.masked,
        counters.corrected,
        counters.replaced,
        counters.checkpoints,
        counters.resumes,
        record.reason,
    )


def save_record(store: Store, record: TaskRecord) -> None:
    """Persist a task record. Raises OSError."""
    store.write(_record_name(record.task), ENCODER.encode(record))


def load_records(store: Store) -> list[TaskRecord]:
    """All task records that can be read, by id."""
    found = (
        _load_record(store, name) for name in store.names("tasks/") if name.endswith("/record")
    )
    return [record for record in found if record is not None]


def _load_record(store: Store, name: str) -> TaskRecord | None:
    with contextlib.suppress(OSError):
        for data in store.generations(name):
            with contextlib.suppress(ValueError):  # msgspec's DecodeError, or text not in UTF-8
                return msgspec.msgpack.decode(data, type=TaskRecord)
    return None


def last_task(store: Store) -> int:
    """The highest task id that has left files, whether or not they can still be read; else 0."""
    ids = (name.split("/")[1] for name in store.names("tasks/"))
    return max((int(each) for each in ids if each.isdecimal()), default=0)


def forget(store: Store, task: int) -> None:
    """Remove all files of a task. Raises OSError."""
    store.remove(checkpoint_name(task))
    store.remove(_record_name(task))


def _record_name(task: int) -> str:
    return f"tasks/{task:010d}/record"
