"""Decides when a checkpoint of the running task is written, and from which one a task goes on."""

from __future__ import annotations

from collections.abc import Mapping

from flight.dictionary.events import CheckpointRefused, WriteFailed
from flight.dictionary.parameters import ExecutorParameters
from flight.executor.chain import Chain
from flight.executor.checkpoint import (
    Checkpoint,
    CheckpointError,
    checkpoint_name,
    dictionary_hash,
)
from flight.executor.interval import Interval
from flight.executor.slotfile import Front
from flight.runtime.service import Context, Timer

SLICE = 4  # chunks read back at once
SILENCE = 60.0  # s between events of writes that failed: nothing else limits critical ones
PAUSE = 0.05  # s between slices, so that reading back leaves time and disk to the others


class Checkpoints:
    """Checkpoints of one task at a time. Whatever prevents one becomes an event.

    A checkpoint is read back from the medium after it was written, in slices between the steps;
    what is left of that is done before the next one is written.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._interval = Interval()
        self._chain: Chain | None = None
        self._timer: Timer | None = None
        self._silent_until = 0.0

    def expect(self, rate: float) -> None:
        """Failures per s predicted from now on (flight.radiation.policy.failure_rate)."""
        self._interval.expect(rate)

    def begin(self) -> None:
        """A task begins to run now."""
        self.end()
        self._interval.begin(self._context.clock.now())

    def find(
        self, task: int, program: str, scene_sha256: str, models: Mapping[str, str], room: int
    ) -> Checkpoint | None:
        """The newest that fits, with an event for each that does not; None for a cold start.

        ``models`` are those that are active; ``room`` is what a slab holds, in octets.
        """

        def check(front: Front) -> None:
            _check_origin(front, program, scene_sha256)
            _check_fit(front, models, room)

        chain = self._open(task)
        found = chain.restore(check)
        if found is None and chain.found:
            self._refused(task, "cold start: no slot is left")
        return found

    def due(self, step: int, steps: int) -> bool:
        """True when it is time for the next one, at ``step`` of ``steps``."""
        least = self._context.parameters(ExecutorParameters).checkpoint_interval
        return self._interval.due(self._context.clock.now(), step, steps, least)

    def write(self, checkpoint: Checkpoint) -> None:
        """Write one, unless this very state is on disk already."""
        chain, task = self._chain, checkpoint.origin.task
        if chain is None or chain.task != task:
            chain = self._open(task)
        began = self._context.clock.now()
        if self._timer is not None:
            self._timer.cancel()
        if chain.holds(checkpoint):
            return
        if self._save(chain, checkpoint):
            self._interval.wrote(began, self._context.clock.now())
        else:
            self._interval.failed(self._context.clock.now())
        self._read_back()

    def end(self) -> None:
        """The task runs no more: let go of its states."""
        if self._timer is not None:
            self._timer.cancel()
        self._chain = self._timer = None

    def _open(self, task: int) -> Chain:
        self.end()
        self._chain = Chain(self._context.store, task, lambda why: self._refused(task, why))
        return self._chain

    def _save(self, chain: Chain, checkpoint: Checkpoint) -> bool:
        checkpoint.counters.checkpoints += 1
        try:
            chain.save(checkpoint)
        except CheckpointError as error:
            self._refused(chain.task, f"{error}, not written")
        except OSError as error:
            self._write_failed(str(error.strerror))
        else:
            self._silent_until = 0.0
            return True
        checkpoint.counters.checkpoints -= 1
        return False

    def _write_failed(self, why: str) -> None:
        now = self._context.clock.now()
        if now >= self._silent_until:
            self._silent_until = now + SILENCE
            self._context.event(WriteFailed("checkpoint", why))

    def _read_back(self) -> None:
        """Read a slice of the newest checkpoint, and the next one later."""
        self._timer = None
        if self._chain is not None and not self._chain.read_back(SLICE):
            self._timer = self._context.after(PAUSE, self._read_back)

    def _refused(self, task: int, why: str) -> None:
        self._interval.hurry()
        self._context.event(CheckpointRefused(checkpoint_name(task), why))


def _check_origin(front: Front, program: str, scene_sha256: str) -> None:
    origin = front.meta.origin
    mine, theirs = dictionary_hash(), origin.dictionary
    if mine != theirs:
        raise CheckpointError(f"of dictionary {theirs.hex()[:8]}, this is {mine.hex()[:8]}")
    if origin.program != program:
        raise CheckpointError(f"of program {origin.program!r}, this is {program!r}")
    if origin.scene_sha256 != scene_sha256:
        raise CheckpointError("of another scene")


def _check_fit(front: Front, models: Mapping[str, str], room: int) -> None:
    for model, sha256 in front.meta.origin.models.items():
        if models.get(model) != sha256:
            raise CheckpointError(f"made with another model {model}")
    if front.length > room:
        raise CheckpointError(f"state of {front.length} octets, the slab holds {room}")
