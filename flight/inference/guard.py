"""Verify after use: weights are checked after the run that used them, before its mask leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flight.inference.compiled import COMPILED_FILE, Compiled, TensorSpec, read_compiled
from flight.inference.errors import (
    Fault,
    GoldenDamaged,
    InferenceError,
    InputRefused,
    ModelDamaged,
)
from flight.inference.golden import golden_octets
from flight.inference.pool import LIVE, WeightPool
from flight.inference.session import open_on_pool

MAX_RERUNS = 3


class Runner(Protocol):
    """A session that computes on the live pool."""

    def run(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the mask of tiles."""


class GuardedModel:
    """A model whose every mask was computed on weights that verified afterwards.

    ``corrected`` counts blocks repaired, ``reruns`` runs repeated for it, ``reloads`` times the
    file was read again because the golden copy was damaged too, or not there. Activations, the
    graph and the code of onnxruntime are not covered: redundant execution is.
    """

    def __init__(
        self,
        session: Runner,
        live: WeightPool,
        golden: Callable[[], memoryview],
        reload: Callable[[], bytes],
    ) -> None:
        """``golden`` returns the octets to repair from, or raises GoldenDamaged; ``reload`` a
        verified copy of them, or raises InferenceError."""
        self._session = session
        self._live = live
        self._golden = golden
        self._reload = reload
        self.corrected = 0
        self.reruns = 0
        self.reloads = 0

    def run(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the mask uint8 [N,H,W] of tiles uint8 [N,H,W,bands].

        Raises InputRefused; ModelDamaged when the weights stay damaged; InferenceError with
        OUTPUT_RANGE or RUN_FAILED when a run fails on weights that verify.
        """
        for attempt in range(1 + MAX_RERUNS):
            self.reruns += attempt > 0
            failure: InferenceError | None = None
            try:
                mask = self._session.run(tiles)
            except InputRefused:
                raise
            except InferenceError as error:
                failure = error
            if self._repair() == 0:
                if failure is not None:
                    raise failure
                return mask
        raise ModelDamaged(f"{self._live.label}: damaged in each of {1 + MAX_RERUNS} runs")

    def _repair(self) -> int:
        """Repair the live weights; return the number of blocks that were damaged."""
        damaged = self._live.verify()
        if damaged:
            try:
                self._live.repair(damaged, self._golden())
            except GoldenDamaged as lost:
                self._restore(lost)
        self.corrected += len(damaged)
        return len(damaged)

    def _restore(self, lost: GoldenDamaged) -> None:
        """Replace the live weights by the verified file."""
        try:
            self._live.restore(self._reload())
        except (InferenceError, ValueError) as error:
            raise ModelDamaged(f"{lost.detail}; reload failed: {error}") from error
        self.reloads += 1


def guarded(
    compiled: Compiled, golden: Callable[[], memoryview], reload: Callable[[], bytes]
) -> GuardedModel:
    """Open a compiled model; ``golden`` and ``reload`` as in GuardedModel."""
    live = WeightPool(LIVE + compiled.model, compiled.pool)
    return GuardedModel(open_on_pool(compiled, live), live, golden, reload)


def open_model(name: str, folder: str, view: Callable[[str], memoryview]) -> GuardedModel:
    """Open the compiled form in ``folder``; ``view`` maps shared memory for reading.

    Raises InferenceError.
    """
    path = Path(folder) / COMPILED_FILE
    compiled = read_compiled(path)
    if compiled.model != name:
        detail = f"{path.name} holds {compiled.model}, not {name}"
        raise InferenceError(Fault.COMPILED_CORRUPT, detail)
    return guarded(
        compiled,
        partial(golden_octets, name, len(compiled.pool), view),
        partial(_read_pool, path, compiled.key, compiled.tensors),
    )


def _read_pool(path: Path, key: str, tensors: tuple[TensorSpec, ...]) -> bytes:
    """Return the pool in a file that must still hold the model that was opened."""
    compiled = read_compiled(path)
    if (compiled.key, compiled.tensors) != (key, tensors):
        raise InferenceError(Fault.COMPILED_CORRUPT, f"{path.name} holds another model now")
    return compiled.pool
