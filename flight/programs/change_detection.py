"""Change between two scenes of one place by the statistics of tiles, one row of tiles per step.

Each tile is compared by the mean and the variance of each band over the pixels that have data in
both scenes. The median over all tiles of the change of the mean is light or calibration, not change
on the ground, and is taken off. What remains is divided by the deviation inside the tile (the
standardised mean difference, d of Cohen 1988); the band with the largest decides. A tile whose
mean holds but whose variance does not has changed its texture.

The state holds integer sums only, so that replicas agree to the bit.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flight.dictionary.enums import Reason
from flight.dictionary.programs import CHANGE_DETECTION, ChangeParameters
from flight.executor.task import InputError
from flight.programs.tiling import NODATA

SAME, BRIGHTER, DARKER, TEXTURE = 0, 1, 2, 3
BANDS, SATURATED = 3, 255
FLOOR = 25.0  # grey levels squared that no variance is below: noise, rounding, coding
LEAST = 4  # a tile of which less than a quarter has data in both scenes has none


class Inputs(Protocol):
    """What the program computes on."""

    @property
    def parameters(self) -> ChangeParameters:
        """Side of a tile, and thresholds."""

    @property
    def scene(self) -> NDArray[np.uint8]:
        """The earlier scene, uint8 [H,W,3]."""

    @property
    def second(self) -> NDArray[np.uint8]:
        """The later scene, uint8 [H,W,3]."""


def _comparable(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels that tell of change: with data in both, and no band saturated in both."""
    data = np.logical_and(first.any(-1), second.any(-1))
    saturated = np.logical_and(first == SATURATED, second == SATURATED).any(-1)
    comparable: NDArray[np.bool_] = np.logical_and(data, ~saturated)
    return comparable


class ChangeDetection:
    """State: the next row of tiles, and per tile the valid pixels and sums int64.

    ``count`` is [R,C], ``sums`` and ``squares`` are [2,R,C,3].
    """

    name = CHANGE_DETECTION.name
    version = 1
    declaration = CHANGE_DETECTION

    def __init__(self, inputs: Inputs) -> None:
        """Raises InputError FORMAT when the scenes differ in size."""
        self._scenes = inputs.scene, inputs.second
        first, second = (scene.shape for scene in self._scenes)
        if first != second:
            sizes = f"{list(first)} and {list(second)}"
            raise InputError(Reason.FORMAT, f"scenes of {sizes} cannot be compared")
        self._parameters = inputs.parameters
        tile = self._parameters.tile
        self._shape: tuple[int, int] = -(-first[0] // tile), -(-first[1] // tile)

    def steps(self) -> int:
        """Rows of tiles."""
        return self._shape[0]

    def start(self) -> dict[str, Any]:
        """Return the state before the first row."""
        sums = np.zeros((2, *self._shape, BANDS), np.int64)
        return {
            "row": 0,
            "count": np.zeros(self._shape, np.int64),
            "sums": sums,
            "squares": sums.copy(),
        }

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state after one more row of tiles; the argument is not changed."""
        row, tile = state["row"], self._parameters.tile
        strips = [scene[row * tile : (row + 1) * tile].astype(np.int64) for scene in self._scenes]
        valid = _comparable(*strips)
        count, sums, squares = (state[name].copy() for name in ("count", "sums", "squares"))
        count[row] = self._columns(valid.astype(np.int64))
        for number, strip in enumerate(strips):
            strip[~valid] = 0
            sums[number, row] = self._columns(strip)
            squares[number, row] = self._columns(strip * strip)
        return {"row": row + 1, "count": count, "sums": sums, "squares": squares}

    def _columns(self, strip: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sums over the tiles of a strip [tile, W, …]: [C, …]."""
        starts = np.arange(0, strip.shape[1], self._parameters.tile)
        sums: NDArray[np.int64] = np.add.reduceat(strip.sum(0), starts, 0)
        return sums

    def done(self, state: dict[str, Any]) -> bool:
        """True when no row is left."""
        return bool(state["row"] >= self._shape[0])

    def result(self, state: dict[str, Any]) -> NDArray[np.uint8]:
        """Return the map uint8 [R,C]: SAME, BRIGHTER, DARKER, TEXTURE, or 255 for no data."""
        count = state["count"]
        valid = LEAST * count >= self._areas()
        if not valid.any():
            return np.full(self._shape, NODATA, np.uint8)
        pixels = np.maximum(count, 1)[..., None]
        means = state["sums"] / pixels
        variances = np.maximum(state["squares"] / pixels - means**2, FLOOR)
        change = means[1] - means[0]
        change -= np.median(change[valid], axis=0)
        classes = self._classes(change / np.sqrt(variances.mean(0)), variances[1] / variances[0])
        classes[~valid] = NODATA
        return classes

    def _areas(self) -> NDArray[np.int64]:
        """Pixels of each tile: those at the lower and right edge may be smaller."""
        tile = self._parameters.tile
        height, width = (
            np.minimum(tile, side - tile * np.arange(count))
            for side, count in zip(self._scenes[0].shape[:2], self._shape, strict=True)
        )
        areas: NDArray[np.int64] = np.multiply.outer(height, width)
        return areas

    def _classes(
        self, difference: NDArray[np.float64], ratio: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        """Classes of tiles: standardised differences and ratios of the variances, both [R,C,3]."""
        band = np.abs(difference).argmax(-1)[..., None]
        strongest = np.take_along_axis(difference, band, -1)[..., 0]
        texture = np.maximum(ratio, 1 / ratio).max(-1) > self._parameters.texture
        classes = np.where(texture, TEXTURE, SAME).astype(np.uint8)
        classes[strongest > self._parameters.threshold] = BRIGHTER
        classes[strongest < -self._parameters.threshold] = DARKER
        return classes
