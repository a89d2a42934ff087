"""What a checkpoint is: a voted state on disk, from which a task goes on after a kill or reboot."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import msgspec

from flight.dictionary.content import content_hash


class Counters(msgspec.Struct):
    """What happened to a task so far; goes into its provenance."""

    votes: int = 0
    masked: int = 0
    corrected: int = 0
    replaced: int = 0
    checkpoints: int = 0
    resumes: int = 0
    energy: float = 0.0
    busy: float = 0.0  # s in which steps were computed, votes included

    def united(self, other: Counters) -> Counters:
        """The later of each: counts of one task, taken at different times, only grow. What was
        not a number once stays none."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Counters(*(max(pair, key=lambda each: (each != each, each)) for pair in pairs))


@cache
def dictionary_hash() -> bytes:
    """Content hash of this software's dictionary; it takes milliseconds to compute."""
    return content_hash()


class Origin(msgspec.Struct, frozen=True):
    """What a state was computed by and on; a task only goes on from a state of the same origin."""

    task: int
    program: Annotated[str, "name and version"]
    scene_sha256: str
    models: Annotated[dict[str, str], "those in use, name to SHA-256"]
    dictionary: bytes = msgspec.field(default_factory=dictionary_hash)


class Checkpoint(msgspec.Struct, frozen=True):
    """A voted state and all that is needed to go on from it."""

    origin: Origin
    generation: int
    done: bool
    steps: int
    counters: Counters
    sha256: Annotated[str, "of the state, taken when it was voted"]
    crc: Annotated[int, "CRC-32C of the state, taken when it was voted"]
    state: bytes


class CheckpointError(ValueError):
    """A checkpoint does not fit this task or this software."""


def checkpoint_name(task: int) -> str:
    """Store name of a task's checkpoint."""
    return f"tasks/{task:010d}/checkpoint"
