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
from flight.inference.pool import GOLDEN, LIVE, WeightPool
from flight.inference.session import open_on_pool

MAX_RERUNS = 3


class Runner(Protocol):
    """A session that computes on the live pool."""

    def run(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the mask of tiles."""


class GuardedModel:
    """A model whose every mask was computed on weights that verified afterwards.

    ``corrected`` counts blocks repaired, ``reruns`` runs repeated for it, ``reloads`` times the
    file was read again because the golden copy was damaged too. Activations, the graph and the
    code of onnxruntime are not covered: redundant execution is.
    """

    def __init__(
        self, session: Runner, live: WeightPool, golden: WeightPool, reload: Callable[[], bytes]
    ) -> None:
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

    def scrub(self) -> int:
        """Verify and repair both copies from each other, when idle; return the blocks repaired.

        An upset of the golden copy would otherwise stay unseen until it is needed. Raises
        ModelDamaged.
        """
        repaired = self._repair()
        found = self._golden.repair(self._live)
        self.corrected += found
        return repaired + found

    def _repair(self) -> int:
        """Repair the live weights; return the number of blocks that were damaged."""
        try:
            repaired = self._live.repair(self._golden)
        except GoldenDamaged as lost:
            repaired = self._restore(lost)
        self.corrected += repaired
        return repaired

    def _restore(self, lost: GoldenDamaged) -> int:
        """Replace both copies by the verified file; return the number of damaged blocks."""
        damaged = len(self._live.verify())
        try:
            data = self._reload()
            self._golden.restore(data)
            self._live.restore(data)
        except (InferenceError, ValueError) as error:
            raise ModelDamaged(f"{lost.detail}; reload failed: {error}") from error
        self.reloads += 1
        return damaged


def guarded(compiled: Compiled, reload: Callable[[], bytes]) -> GuardedModel:
    """Open a compiled model. ``reload`` returns its pool anew, from a file that it verifies."""
    live = WeightPool(LIVE + compiled.model, compiled.pool)
    golden = WeightPool(GOLDEN + compiled.model, compiled.pool)
    return GuardedModel(open_on_pool(compiled, live), live, golden, reload)


def open_model(name: str, folder: str) -> GuardedModel:
    """Open the compiled form in ``folder``. Raises InferenceError."""
    path = Path(folder) / COMPILED_FILE
    compiled = read_compiled(path)
    if compiled.model != name:
        detail = f"{path.name} holds {compiled.model}, not {name}"
        raise InferenceError(Fault.COMPILED_CORRUPT, detail)
    return guarded(compiled, partial(_read_pool, path, compiled.key, compiled.tensors))


def _read_pool(path: Path, key: str, tensors: tuple[TensorSpec, ...]) -> bytes:
    """Return the pool in a file that must still hold the model that was opened."""
    compiled = read_compiled(path)
    if (compiled.key, compiled.tensors) != (key, tensors):
        raise InferenceError(Fault.COMPILED_CORRUPT, f"{path.name} holds another model now")
    return compiled.pool
