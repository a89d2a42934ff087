"""Compression of a scene, without loss or with a bounded error, one tile per step.

The stream is big-endian: MAGIC, height, width, side of a tile, CRC-32 of these; then the tiles, row
by row, each the error it was coded with, its coding, the length of its data, the data, and the
CRC-32 over its number and all that, begun with that of the head. A tile is stored as it is when
coding would not make it smaller.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flight.dictionary.programs import COMPRESS, ERROR_LIMIT, CompressParameters
from flight.programs.tilecoding import Tile, coded, options, predicted_blocks

MAGIC = b"TGP1"
HEAD = struct.Struct(">4sIIH")
RECORD = struct.Struct(">BBI")
CHECK = struct.Struct(">I")
STORED, CODED = 0, 1


class Inputs(Protocol):
    """What the program computes on."""

    @property
    def parameters(self) -> CompressParameters:
        """Largest error, rate, side of a tile."""

    @property
    def scene(self) -> NDArray[np.uint8]:
        """The scene, uint8 [H,W,3]."""


class Compress:
    """State: the next tile, and the stream so far as uint8 [N]."""

    name = COMPRESS.name
    version = 1
    declaration = COMPRESS

    def __init__(self, inputs: Inputs) -> None:
        self._scene = inputs.scene
        self._parameters = inputs.parameters
        height, width = self._scene.shape[:2]
        side = self._parameters.tile
        self._columns = -(-width // side)
        self._count: int = -(-height // side) * self._columns
        head = HEAD.pack(MAGIC, height, width, side)
        self._crc = zlib.crc32(head)
        self._head = head + CHECK.pack(self._crc)

    def steps(self) -> int:
        """Number of tiles."""
        return self._count

    def start(self) -> dict[str, Any]:
        """Return the state before the first tile."""
        return {"tile": 0, "stream": np.frombuffer(self._head, np.uint8)}

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state after one more tile; the argument is not changed."""
        number: int = state["tile"]
        side = self._parameters.tile
        row, column = (side * place for place in divmod(number, self._columns))
        tile = self._scene[row : row + side, column : column + side]
        record = self._record(number, np.ascontiguousarray(tile))
        added = np.frombuffer(record, np.uint8)
        return {"tile": number + 1, "stream": np.concatenate((state["stream"], added))}

    def _record(self, number: int, tile: Tile) -> bytes:
        error = self._error(tile)
        blocks = predicted_blocks(tile, error)
        chosen, size = options(blocks)
        if size < tile.nbytes:
            data = coded(blocks, chosen)
            record = RECORD.pack(error, CODED, len(data)) + data
        else:
            record = RECORD.pack(0, STORED, tile.nbytes) + tile.tobytes()
        return record + CHECK.pack(zlib.crc32(CHECK.pack(number) + record, self._crc))

    def _error(self, tile: Tile) -> int:
        """The least error allowed that keeps the rate, or the limit."""
        least, rate = self._parameters.max_error, self._parameters.rate
        if not rate:
            return least
        budget = rate * tile.shape[0] * tile.shape[1] / 8 - RECORD.size - CHECK.size
        return bisect_left(
            range(ERROR_LIMIT),
            True,
            lo=least,
            key=lambda error: options(predicted_blocks(tile, error))[1] <= budget,
        )

    def done(self, state: dict[str, Any]) -> bool:
        """True when no tile is left."""
        return bool(state["tile"] >= self._count)

    def result(self, state: dict[str, Any]) -> NDArray[np.uint8]:
        """Return the stream, uint8 [N]."""
        stream: NDArray[np.uint8] = state["stream"]
        return stream
