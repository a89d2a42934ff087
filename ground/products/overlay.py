"""Colouring of a mask over its scene. Class 0 is clear and stays untouched, 255 is nodata."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NODATA = 255
PALETTE = np.array(
    [[255, 92, 92], [255, 196, 61], [72, 209, 204], [186, 120, 255], [124, 214, 92]], np.float32
)
_TINT = 0.62
_DIM = 0.82
_HATCH = np.array([38, 44, 54], np.float32), np.array([26, 30, 38], np.float32)
_HATCH_PERIOD = 8

Image = NDArray[np.uint8]


def colour(value: int) -> tuple[int, int, int]:
    """Colour of a class."""
    red, green, blue = PALETTE[(value - 1) % len(PALETTE)]
    return int(red), int(green), int(blue)


def outline(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of an area that have a neighbour outside it: bool [H, W]."""
    inner = np.pad(area, 1, mode="edge")
    enclosed = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    return area & ~enclosed


def overlay(scene: Image, mask: NDArray[np.uint8]) -> Image:
    """Return uint8 [H, W, 3]: the scene dimmed, classes tinted and outlined, nodata hatched.

    ``scene`` is uint8 [H, W, 3], ``mask`` uint8 [H, W].
    """
    picture = scene.astype(np.float32) * _DIM
    for value in np.unique(mask):
        if value in (0, NODATA):
            continue
        area = mask == value
        tint = np.array(colour(int(value)), np.float32)
        picture[area] = picture[area] * (1 - _TINT) + tint * _TINT
        picture[outline(area)] = tint
    rows, columns = np.indices(mask.shape)
    stripes = (rows + columns) % _HATCH_PERIOD < _HATCH_PERIOD // 3
    picture[(mask == NODATA) & stripes] = _HATCH[0]
    picture[(mask == NODATA) & ~stripes] = _HATCH[1]
    return picture.clip(0, 255).astype(np.uint8)


def shares(mask: NDArray[np.uint8]) -> dict[int, float]:
    """Share of each class above 0 in the valid pixels, 0 to 1."""
    counts = np.bincount(mask.ravel(), minlength=256)
    valid = int(counts[:NODATA].sum())
    found = np.flatnonzero(counts[1:NODATA]) + 1
    return {int(value): float(counts[value] / valid) for value in found}
