"""The proof that goes to ground with a result: what was computed, on what, and how."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from flight.dictionary.content import content_hash
from flight.dictionary.product import Provenance
from flight.executor.catalogue import Catalogue
from flight.executor.record import TaskRecord


def provenance(
    record: TaskRecord,
    programs: Catalogue,
    models: dict[str, str],
    result: npt.NDArray[np.uint8],
    utc_ns: int,
) -> Provenance:
    """Provenance of a result; ``models`` are those that it used, name to SHA-256."""
    counters = record.counters
    return Provenance(
        record.task,
        record.request,
        programs.version(record),
        record.scene,
        record.scene_sha256,
        ", ".join(models),
        ", ".join(models.values()),
        content_hash().hex(),
        record.level,
        record.steps,
        counters.votes,
        counters.masked,
        counters.corrected,
        counters.replaced,
        counters.checkpoints,
        counters.resumes,
        record.started_utc,
        (utc_ns - record.started_utc) / 1e9,
        counters.energy,
        hashlib.sha256(result.tobytes()).hexdigest(),
        programs.kind(record),
        programs.parameters(record),
        record.second,
        record.second_sha256,
    )
