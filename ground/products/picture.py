"""Decoding of a compressed picture, from the description of its stream alone.

The stream is big-endian: ``TGP1``, u32 height, u32 width, u16 side of a tile, u32 CRC-32 of these.
Then the tiles, row by row, each: u8 largest error e, u8 coding (0 stored, 1 coded), u32 length,
data, and the u32 CRC-32 over its number (u32) and all that, begun with the CRC-32 of the head.
Stored data are the values uint8 [h,w,3].

Coded data are bits, most significant first, zero padded to octets. Values come in blocks of 32,
plane by plane and row by row, the last block filled with zeros. First the options of all blocks, 4
bits each: k of 0 to 10, or 15 for a block of zeros that has no more bits. Then for all other values
the high parts, n zeros and a one; then their low parts, k bits each. n * 2**k + low part is the
folded error of a prediction: 0, 1, 2, 3 … stand for 0, -1, 1, -2 …. The prediction is the median of
west, north, and west + north - north-west, 0 outside of the tile. The planes are green, red less
green, blue less green, in units of 2e+1 grey levels.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.dictionary.product import ProductError

MAGIC = b"TGP1"
LARGEST = 1 << 28  # octets of a picture
BANDS = 3
BLOCK = 32
HIGHEST_K = 10
ZERO_BLOCK = 15


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture uint8 [H,W,3] and the largest error that any of its values may have."""

    pixels: NDArray[np.uint8]
    error: int


def decode_picture(stream: bytes) -> Picture:
    """Return the picture in a stream. Raises ProductError when it is none, cut or damaged."""
    reader = _Reader(stream)
    magic, height, width, side = reader.take(">4sIIH")
    head = zlib.crc32(stream[:14])
    (check,) = reader.take(">I")
    if magic != MAGIC or check != head:
        raise ProductError("the result is no compressed picture")
    if not (height and width and side) or height * width * BANDS > LARGEST:
        raise ProductError(f"picture of {height} x {width} in tiles of {side}")
    pixels = np.empty((height, width, BANDS), np.uint8)
    largest = number = 0
    for row in range(0, height, side):
        for column in range(0, width, side):
            target = pixels[row : row + side, column : column + side]
            try:
                error, target[:] = _tile(reader, number, head, target.shape)
            except ProductError as fault:
                raise ProductError(f"picture tile {number}: {fault}") from fault
            largest, number = max(largest, error), number + 1
    if reader.left:
        raise ProductError(f"{reader.left} octets after the last tile of the picture")
    return Picture(pixels, largest)


class _Reader:
    """Takes octets off the front. Raises ProductError when there are too few."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        """Octets not yet taken."""
        return len(self._data) - self._at

    def octets(self, count: int) -> bytes:
        """Take some octets."""
        if count > self.left:
            raise ProductError(f"{count} octets wanted, {self.left} are left")
        self._at += count
        return self._data[self._at - count : self._at]

    def take(self, layout: str) -> tuple[int, ...]:
        """Take the values of a struct layout."""
        return struct.unpack(layout, self.octets(struct.calcsize(layout)))


def _tile(
    reader: _Reader, number: int, head: int, shape: tuple[int, ...]
) -> tuple[int, NDArray[np.uint8]]:
    """Return the error and the values, uint8 [h,w,3], of the next tile."""
    front = reader.octets(6)
    error, coding, length = struct.unpack(">BBI", front)
    data = reader.octets(length)
    (check,) = reader.take(">I")
    if zlib.crc32(struct.pack(">I", number) + front + data, head) != check:
        raise ProductError("CRC-32 differs")
    if coding == 0 and error == 0 and length == shape[0] * shape[1] * BANDS:
        return 0, np.frombuffer(data, np.uint8).reshape(shape)
    if coding != 1 or error > 127:
        raise ProductError(f"coding {coding} of {length} octets with error {error}")
    errors = _residuals(np.unpackbits(np.frombuffer(data, np.uint8)), shape)
    return error, _values(_unpredicted(errors), error)


def _residuals(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Errors of prediction, int64 [3,h,w], from the bits of a tile."""
    count = shape[0] * shape[1] * BANDS
    blocks = -(-count // BLOCK)
    if bits.size < 4 * blocks:
        raise ProductError(f"{bits.size} bits hold no options of {blocks} blocks")
    options = bits[: 4 * blocks].reshape(-1, 4) @ np.array([8, 4, 2, 1], np.uint8)
    coded = options != ZERO_BLOCK
    if (options[coded] > HIGHEST_K).any():
        raise ProductError("a block has no known option")
    folded = np.zeros((blocks, BLOCK), np.int64)
    folded[coded] = _rice(bits[4 * blocks :], np.repeat(options[coded], BLOCK)).reshape(-1, BLOCK)
    flat = folded.reshape(-1)
    if flat[count:].any():
        raise ProductError("the last block is not filled with zeros")
    signed = np.where(flat & 1, -(flat + 1) // 2, flat // 2)
    return signed[:count].reshape(BANDS, shape[0], shape[1])


def _rice(bits: NDArray[np.uint8], k: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Values, as many as ``k``, from the high parts and then the low parts: int64 [N]."""
    ends = np.flatnonzero(bits)[: k.size]
    if ends.size < k.size:
        raise ProductError(f"{ends.size} high parts, {k.size} expected")
    values = np.diff(ends, prepend=-1) - 1
    begin = int(ends[-1]) + 1 if ends.size else 0
    offsets = begin + np.cumsum(k, dtype=np.int64) - k
    end = begin + int(k.sum(dtype=np.int64))
    if not 0 <= bits.size - end < 8 or bits[end:].any():
        raise ProductError(f"{bits.size} bits, {end} and zero padding expected")
    for place in range(HIGHEST_K):
        deep = k > place
        values[deep] = 2 * values[deep] + bits[offsets[deep] + place]
    return values


def _unpredicted(errors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Planes [3,h,w] from their errors of prediction, one diagonal at a time."""
    _, height, width = errors.shape
    planes = np.zeros((BANDS, height + 1, width + 1), np.int64)
    for diagonal in range(height + width - 1):
        row = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        column = diagonal - row
        west, north = planes[:, row + 1, column], planes[:, row, column + 1]
        slope = west + north - planes[:, row, column]
        middle = np.median(np.stack((west, north, slope)), axis=0).astype(np.int64)
        planes[:, row + 1, column + 1] = errors[:, row, column] + middle
    return planes[:, 1:, 1:]


def _values(planes: NDArray[np.int64], error: int) -> NDArray[np.uint8]:
    """Values uint8 [h,w,3] of planes in units of 2e+1 levels."""
    green, red, blue = planes
    levels = np.stack((red + green, green, blue + green), -1)
    if levels.min() < 0 or levels.max() > (255 + error) // (2 * error + 1):
        raise ProductError("values beyond 0 to 255")
    return (levels * (2 * error + 1)).clip(0, 255).astype(np.uint8)
