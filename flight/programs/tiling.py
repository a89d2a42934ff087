"""A scene in overlapping tiles: each is read with a halo, and only its inside is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NODATA = 255


@dataclass(frozen=True, slots=True)
class Tiling:
    """Tiles of ``tile`` pixels that keep all but ``halo`` at each side, row by row."""

    height: int
    width: int
    tile: int
    halo: int

    @property
    def step(self) -> int:
        """Pixels kept in each direction."""
        return self.tile - 2 * self.halo

    @property
    def columns(self) -> int:
        """Tiles in one row."""
        return -(-self.width // self.step)

    def __len__(self) -> int:
        return -(-self.height // self.step) * self.columns

    def origin(self, index: int) -> tuple[int, int]:
        """Row and column of the first pixel that a tile keeps. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(f"tile {index} of {len(self)}")
        row, column = divmod(index, self.columns)
        return row * self.step, column * self.step

    def read(self, scene: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Return a tile [1, tile, tile, bands] of a scene [H,W,bands], zero outside of it."""
        row, column = self.origin(index)
        top, left = row - self.halo, column - self.halo
        part = scene[max(top, 0) : top + self.tile, max(left, 0) : left + self.tile]
        padded = np.zeros((1, self.tile, self.tile, scene.shape[2]), np.uint8)
        y, x = max(-top, 0), max(-left, 0)
        padded[0, y : y + part.shape[0], x : x + part.shape[1]] = part
        return padded

    def write(self, mask: NDArray[np.uint8], index: int, tile_mask: NDArray[np.uint8]) -> None:
        """Put the inside of a tile's mask [1, tile, tile] into the scene's mask [H,W]."""
        row, column = self.origin(index)
        target = mask[row : row + self.step, column : column + self.step]
        inside = tile_mask[0, self.halo :, self.halo :]
        target[:] = inside[: target.shape[0], : target.shape[1]]


def with_nodata(mask: NDArray[np.uint8], scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask with NODATA where a scene [H,W,bands] is 0 in all bands."""
    marked = mask.copy()
    marked[(scene == 0).all(-1)] = NODATA
    return marked
