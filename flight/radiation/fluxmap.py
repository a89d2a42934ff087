"""Look-up of the expected flux of trapped protons at a place. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flight.dictionary.fluxtable import FluxTable

# The field of AP8-min is that of 1960 and the South Atlantic Anomaly has moved west since, by some
# 0.3 deg a year with irregularities (Fürst et al. 2009, arXiv 0902.2873): about 20 deg.
DRIFT = 20.0


class FluxMap:
    """Bilinear interpolation in a table, widened to the west.

    At each longitude the map holds the largest flux of the table from there to ``drift`` deg
    further east, so that it covers an anomaly that has moved by any part of ``drift``. With 0 it
    is the table itself. Raises ValueError unless 0 <= drift < 180.
    """

    def __init__(self, table: FluxTable, drift: float = DRIFT) -> None:
        if not 0 <= drift < 180:
            raise ValueError(f"drift = {drift}: 0 to 180 deg is allowed")
        self._step = table.step
        self._columns = table.flux.shape[1]
        cells = math.ceil(drift / table.step)
        rolled = [np.roll(table.flux, -shift, axis=1) for shift in range(cells + 1)]
        self._grid = np.max(rolled, axis=0)

    def flux(self, latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.float64]:
        """Flux [n] in cm^-2 s^-1 at geocentric latitudes and east longitudes [n] in deg.

        Longitudes may be counted from anywhere. Raises ValueError when a latitude is beyond 90
        deg or a coordinate is not finite.
        """
        north, east = np.asarray(latitude, np.float64), np.asarray(longitude, np.float64)
        if not (np.abs(north) <= 90).all():
            raise ValueError("latitude: -90 to 90 deg is allowed")
        if not np.isfinite(east).all():
            raise ValueError("longitude: not finite")
        y, x = (north + 90) / self._step, np.remainder(east + 180, 360) / self._step
        row = np.minimum(y.astype(np.intp), self._grid.shape[0] - 2)
        column = x.astype(np.intp)
        up, right = y - row, x - column
        column %= self._columns  # the remainder of a tiny negative angle is 360 itself
        beside = (column + 1) % self._columns
        grid = self._grid
        below = grid[row, column] * (1 - right) + grid[row, beside] * right
        above = grid[row + 1, column] * (1 - right) + grid[row + 1, beside] * right
        return np.asarray(below * (1 - up) + above * up)
