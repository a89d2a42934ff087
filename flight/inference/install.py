"""Installation: verify, compile, and prove on this processor that the guard reaches the weights.

onnxruntime promises nowhere that it computes on our memory. The flip test is the proof: a changed
weight must change the very next mask, and a restored one must restore it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.inference.compile import compile_model
from flight.inference.compiled import Compiled
from flight.inference.errors import Fault, InferenceError
from flight.inference.manifest import InputSpec, Manifest, verify_model
from flight.inference.pool import LIVE, WeightPool
from flight.inference.session import Session, open_on_pool, open_stock

_PROBE_SEED = 0
_PROBE_CELLS = (4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class FlipReport:
    """Weight tensors whose change was seen in the next mask, and those whose was not."""

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    restored: bool  # with all weights back, the mask is the first one to the bit


@dataclass(frozen=True, slots=True)
class Installed:
    """A compiled model that passed, and what was seen."""

    compiled: Compiled
    flips: FlipReport


def probe_tile(spec: InputSpec) -> NDArray[np.uint8]:
    """Return a synthetic tile [1,H,W,bands] of bright and dark patches of all sizes."""
    height, width, bands = spec.shape
    rng = np.random.default_rng(_PROBE_SEED)
    field = np.zeros(spec.shape)
    for cells in _PROBE_CELLS:
        grid = rng.uniform(-1, 1, (cells, cells, 1)) + rng.uniform(
            -0.25, 0.25, (cells, cells, bands)
        )
        rows = np.arange(height) * cells // height
        columns = np.arange(width) * cells // width
        field += grid[rows[:, None], columns[None, :]]
    tile: NDArray[np.uint8] = np.clip(128 + 70 * field, 0, 255).astype(np.uint8)[None]
    return tile


def flip_test(
    session: Session, pool: WeightPool, compiled: Compiled, probe: NDArray[np.uint8]
) -> FlipReport:
    """Negate each weight tensor in the pool in turn, run the probe, and put it back."""
    first = session.run(probe)
    seen: list[str] = []
    unseen: list[str] = []
    for spec in compiled.tensors:
        weights = pool.view(spec)
        np.negative(weights, out=weights)
        try:
            changed = not np.array_equal(session.run(probe), first)
        finally:
            np.negative(weights, out=weights)
        (seen if changed else unseen).append(spec.name)
    restored = np.array_equal(session.run(probe), first) and not pool.verify()
    return FlipReport(tuple(seen), tuple(unseen), restored)


def install(manifest: Manifest, data: bytes, probe: NDArray[np.uint8], cpu_flags: str) -> Installed:
    """Verify, compile and test a model file. Raises InferenceError with the step that failed."""
    verify_model(manifest, data)
    compiled = compile_model(manifest, data, cpu_flags)
    pool = WeightPool(LIVE + compiled.model, compiled.pool)
    session = open_on_pool(compiled, pool)
    stock = open_stock(data, manifest.input, manifest.output)
    if not np.array_equal(session.run(probe), stock.run(probe)):
        raise InferenceError(Fault.SELFTEST_FAILED, "mask differs from that of a stock session")
    flips = flip_test(session, pool, compiled, probe)
    if flips.unseen or not flips.restored:
        detail = f"flips of {list(flips.unseen)} not seen, weights restored: {flips.restored}"
        raise InferenceError(Fault.SELFTEST_FAILED, detail)
    return Installed(compiled, flips)
