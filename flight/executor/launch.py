"""From a task's record to a run of it: program, scenes, models, slabs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Level, ResultKind
from flight.dictionary.product import Provenance
from flight.dictionary.telemetry import Budget
from flight.executor import bulk
from flight.executor.bulk import SharedScenes
from flight.executor.catalogue import Catalogue
from flight.executor.checkpoint import Checkpoint, Origin
from flight.executor.evidence import evidence
from flight.executor.keeper import Checkpoints
from flight.executor.models import Models
from flight.executor.payload import Payload
from flight.executor.protocol import Assignment
from flight.executor.provenance import provenance
from flight.executor.record import TaskRecord
from flight.executor.run import TaskRun
from flight.executor.slab import Slab
from flight.radiation.ecc import Uncorrectable
from flight.radiation.region import Busy
from flight.runtime.service import Context

STATE_MARGIN = 1 << 20  # octets of a slot beyond three planes of the scene

Voted = Callable[[TaskRun], None]
Finished = Callable[[TaskRun, npt.NDArray[np.uint8] | None], None]


class Launcher:
    """Knows what a run needs, and what its states and results are to say of their origin."""

    def __init__(
        self,
        context: Context,
        programs: Catalogue,
        payload: Payload,
        models: Models,
        open_model: str,
    ) -> None:
        self._context, self._open_model = context, open_model
        self._programs, self._payload, self._models = programs, payload, models

    def prepare(
        self,
        record: TaskRecord,
        level: Level,
        budget: Callable[[], Budget],
        voted: Voted,
        finished: Finished,
    ) -> TaskRun:
        """A run that has not begun. Raises InputError, OSError."""
        program = self._programs.listing(record)
        template = Assignment(
            program.entry,
            self._payload.path(record.scene),
            record.scene_sha256,
            self._models.folders(self._context.store),
            self._open_model,
            "",
            record.parameters,
            self._payload.path(record.second),
            record.second_sha256,
            bundle=program.bundle,
            bundle_sha256=program.bundle_sha256,
        )
        room, shared = self._share(record)

        def assign(seat: int) -> Assignment:
            region = f"executor-t{record.task}-r{seat}"
            return msgspec.structs.replace(template, region=region, bulk=shared.given)

        try:
            return TaskRun(
                self._context, record, level, assign, room, shared, budget, voted, finished
            )
        except OSError:
            shared.close()
            raise

    def _share(self, record: TaskRecord) -> tuple[int, SharedScenes]:
        """Octets that a state may take, and the scenes that replicas share."""
        shared = SharedScenes(self._context, record.task)
        first = self._payload.load(record.scene, record.scene_sha256)
        scenes = {"scene": first}
        if record.second:
            scenes["second"] = self._payload.load(record.second, record.second_sha256)
        try:
            for name, pixels in scenes.items():
                if pixels.nbytes >= bulk.LEAST:
                    shared.share(name, pixels)
        except OSError:
            shared.close()
            raise
        return Slab.capacity(3 * first.shape[0] * first.shape[1] + STATE_MARGIN), shared

    def pin(self, record: TaskRecord) -> None:
        """Fix what a task runs from its first start to its end."""
        self._programs.pin(record)

    def resume(self, run: TaskRun, checkpoints: Checkpoints) -> Checkpoint | None:
        """The newest checkpoint that fits a run, None for a cold start."""
        return checkpoints.find(*self._source(run.record), self._models.digests(), run.capacity)

    def checkpoint(self, run: TaskRun) -> Checkpoint:
        """The voted state of a run with its origin."""
        record = run.record
        origin = Origin(*self._source(record), self._models.used(run.models))
        return Checkpoint(
            origin,
            run.generation,
            run.done,
            record.steps,
            record.counters,
            run.state.digest,
            run.state.crc,
            run.state.octets(),
        )

    def origin(self, run: TaskRun) -> str:
        """Program, scenes and models that a run's result depends on."""
        _, program, scenes = self._source(run.record)
        return " ".join((program, scenes, *self._models.used(run.models).values()))

    def provenance(self, run: TaskRun, result: npt.NDArray[np.uint8]) -> Provenance:
        """How a result was computed."""
        models, now = self._models.used(run.models), self._context.clock.utc_ns()
        return provenance(run.record, self._programs, models, result, now)

    def evidence(self, run: TaskRun) -> tuple[npt.NDArray[np.uint8], Provenance]:
        """What is known of a run that was given up, in place of a result."""
        try:
            digest, state = run.state.digest, run.state.octets()
        except (Uncorrectable, Busy):
            digest, state = "", b""
        octets = evidence(run.record, run.incidents.crashes, digest, state)
        proof = self.provenance(run, octets)
        return octets, msgspec.structs.replace(proof, kind=ResultKind.EVIDENCE)

    def _source(self, record: TaskRecord) -> tuple[int, str, str]:
        """Task, program with its parameters, and SHA-256 of the scenes: what a state depends on."""
        program = f"{self._programs.version(record)} {self._programs.parameters(record)}"
        scenes = f"{record.scene_sha256} {record.second_sha256}"
        return record.task, program.rstrip(), scenes.rstrip()
