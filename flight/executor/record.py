"""What the executor keeps on disk of a task: one record each."""

from __future__ import annotations

import contextlib

import msgspec

from flight.dictionary.codec import ENCODER
from flight.dictionary.enums import Level, Reason, TaskState
from flight.dictionary.telemetry import TaskStatus
from flight.executor.checkpoint import Counters, checkpoint_name
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


def status(record: TaskRecord, waiting: bool) -> TaskStatus:
    """What the node tells of a task; ``waiting`` when it runs but may not go on."""
    counters = record.counters
    return TaskStatus(
        record.task,
        record.request,
        record.program,
        record.scene,
        record.level,
        TaskState.WAITING if waiting else record.state,
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
