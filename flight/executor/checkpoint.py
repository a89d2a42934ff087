"""Checkpoints: voted states on disk, of which a task goes on after a kill or a reboot."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec

from flight.dictionary.codec import ENCODER
from flight.dictionary.content import content_hash
from flight.dictionary.events import CheckpointRefused, WriteFailed
from flight.dictionary.parameters import ExecutorParameters
from flight.runtime.service import Context, Store

FORMAT = 1
GENERATIONS = 2  # that the store keeps


class Counters(msgspec.Struct):
    """What happened to a task so far; goes into its provenance."""

    votes: int = 0
    masked: int = 0
    corrected: int = 0
    replaced: int = 0
    checkpoints: int = 0
    resumes: int = 0
    energy: float = 0.0


class Origin(msgspec.Struct, frozen=True):
    """What a state was computed by and on; a task only goes on from a state of the same origin."""

    task: int
    program: Annotated[str, "name and version"]
    scene_sha256: str
    models: Annotated[dict[str, str], "those in use, name to SHA-256"]
    dictionary: bytes = msgspec.field(default_factory=content_hash)


class Checkpoint(msgspec.Struct, frozen=True):
    """A voted state and all that is needed to go on from it."""

    format: int
    origin: Origin
    generation: int
    done: bool
    steps: int
    counters: Counters
    sha256: Annotated[str, "of the state, taken when it was voted"]
    state: bytes


class CheckpointError(ValueError):
    """A checkpoint does not fit this task or this software."""


def checkpoint_name(task: int) -> str:
    """Store name of a task's checkpoint."""
    return f"tasks/{task:010d}/checkpoint"


def save_checkpoint(store: Store, checkpoint: Checkpoint) -> None:
    """Persist a checkpoint; the store keeps the previous one.

    Raises OSError; CheckpointError when the state is no longer the one that was voted: a checkpoint
    of a corrupt state is worse than none.
    """
    _verify_state(checkpoint)
    store.write(checkpoint_name(checkpoint.origin.task), ENCODER.encode(checkpoint))


def read_checkpoint(data: bytes, task: int, program: str, scene_sha256: str) -> Checkpoint:
    """Decode a checkpoint and check that it fits. Raises CheckpointError."""
    try:
        checkpoint = msgspec.msgpack.decode(data, type=Checkpoint)
    except ValueError as error:  # msgspec's DecodeError, or text not in UTF-8
        raise CheckpointError(f"not a checkpoint: {error}") from error
    origin = checkpoint.origin
    if checkpoint.format != FORMAT or origin.dictionary != content_hash():
        raise CheckpointError("written by another software version")
    if (origin.task, origin.program) != (task, program):
        raise CheckpointError("of another task or program version")
    if origin.scene_sha256 != scene_sha256:
        raise CheckpointError("of another scene")
    _verify_state(checkpoint)
    return checkpoint


def _verify_state(checkpoint: Checkpoint) -> None:
    if hashlib.sha256(checkpoint.state).hexdigest() != checkpoint.sha256:
        raise CheckpointError("state does not match its SHA-256")


class Checkpoints:
    """Writes checkpoints of the running task, and finds the one to go on from."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._last = context.clock.now()

    def begin(self) -> None:
        """A task begins to run now."""
        self._last = self._context.clock.now()

    @property
    def due(self) -> bool:
        """True when the interval since the last one is over."""
        interval = self._context.parameters(ExecutorParameters).checkpoint_interval
        return self._context.clock.now() - self._last >= interval

    def write(self, checkpoint: Checkpoint) -> None:
        """Write one; whatever prevents it becomes an event, and the task goes on."""
        self.begin()
        checkpoint.counters.checkpoints += 1
        try:
            save_checkpoint(self._context.store, checkpoint)
        except CheckpointError as error:
            checkpoint.counters.checkpoints -= 1
            name = checkpoint_name(checkpoint.origin.task)
            self._context.event(CheckpointRefused(name, f"{error}, not written"))
        except OSError as error:
            checkpoint.counters.checkpoints -= 1
            self._context.event(WriteFailed("checkpoint", str(error.strerror)))

    def find(
        self, task: int, program: str, scene_sha256: str, models: dict[str, str], room: int
    ) -> Checkpoint | None:
        """The newest that fits, with an event for each that does not; None for a cold start.

        ``models`` are those that are active; ``room`` is what a slab holds, in octets.
        """
        name = checkpoint_name(task)
        kept = self._generations(name)
        for data in kept:
            try:
                found = read_checkpoint(data, task, program, scene_sha256)
                _check_fit(found, models, room)
            except CheckpointError as error:
                self._context.event(CheckpointRefused(name, str(error)))
                continue
            if len(kept) < min(GENERATIONS, found.counters.checkpoints):
                self._context.event(CheckpointRefused(name, "one generation does not verify"))
            return found
        if not kept and name in self._context.store.names(name):
            self._context.event(CheckpointRefused(name, "no generation verifies"))
        return None

    def _generations(self, name: str) -> list[bytes]:
        try:
            return self._context.store.generations(name)
        except OSError as error:
            self._context.event(CheckpointRefused(name, str(error.strerror)))
            return []


def _check_fit(checkpoint: Checkpoint, models: dict[str, str], room: int) -> None:
    for model, sha256 in checkpoint.origin.models.items():
        if models.get(model) != sha256:
            raise CheckpointError(f"made with another model {model}")
    if len(checkpoint.state) > room:
        raise CheckpointError(f"state of {len(checkpoint.state)} octets, the slab holds {room}")
