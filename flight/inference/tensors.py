"""Checks of what goes into a model and of what comes out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight.inference.errors import Fault, InferenceError, InputRefused
from flight.inference.manifest import InputSpec, OutputSpec


def accept_tiles(tiles: Any, spec: InputSpec) -> NDArray[np.uint8]:
    """Return the tiles C-contiguous, copied when they were not. Raises InputRefused.

    onnxruntime itself takes a batch of 0, and reads arrays of foreign byte order as if they
    were native; both are refused here.
    """
    if not isinstance(tiles, np.ndarray) or tiles.dtype.str != np.dtype(spec.dtype).str:
        found = tiles.dtype.str if isinstance(tiles, np.ndarray) else type(tiles).__name__
        raise InputRefused(Fault.INPUT_DTYPE, f"{spec.name} is {found}, the model takes uint8")
    fits = tiles.ndim == 4 and tiles.shape[1:] == spec.shape and 1 <= tiles.shape[0] <= spec.batch
    if not fits:
        wanted = f"[1..{spec.batch}, {', '.join(map(str, spec.shape))}]"
        detail = f"{spec.name} is {list(tiles.shape)}, the model takes {wanted}"
        raise InputRefused(Fault.INPUT_SHAPE, detail)
    return np.ascontiguousarray(tiles)


def accept_mask(mask: Any, tiles: NDArray[np.uint8], spec: OutputSpec) -> NDArray[np.uint8]:
    """Return the mask of ``tiles`` when all its values are classes. Raises InferenceError."""
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8:
        raise InferenceError(Fault.OUTPUT_RANGE, f"{spec.name} is not uint8")
    if mask.shape != tiles.shape[:3]:
        detail = f"{spec.name} is {list(mask.shape)} for tiles {list(tiles.shape)}"
        raise InferenceError(Fault.OUTPUT_RANGE, detail)
    highest = int(mask.max())
    if highest >= len(spec.classes):
        detail = f"{spec.name} holds {highest}, the model has {len(spec.classes)} classes"
        raise InferenceError(Fault.OUTPUT_RANGE, detail)
    return mask
