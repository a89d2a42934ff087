"""Blocks of a buffer under SECDED: encode, scrub, repair and update in place.

Data and check rows lie in memory that the caller gives, so that both can be shared and another
process can scrub them. Each block also has a CRC-32C, kept by the caller and consulted only when a
correction was found: three flips in one codeword can look like one elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flight.radiation.secded import Located, Rows, Secded
from flight.runtime.crc import crc32c, extend

Octets = npt.NDArray[np.uint8]
Buffer = bytes | bytearray | memoryview | npt.NDArray[Any]

_ONES = 0xFFFFFFFF
_ZEROS = bytes(1 << 16)


class Uncorrectable(Exception):
    """A block holds errors that the code can see but not undo. Nothing in it was changed."""

    def __init__(self, block: int, syndromes: tuple[int, ...], cause: str) -> None:
        super().__init__(f"block {block}: {cause}")
        self.block = block
        self.syndromes = syndromes


@dataclass(frozen=True, slots=True)
class Repair:
    """Flips found in a block, verified on a copy: positions, masks, and the octets as found."""

    data: npt.NDArray[np.int64]
    checks: npt.NDArray[np.int64]
    masks: Octets  # of the data, then of the checks
    before: Octets

    @property
    def bits(self) -> int:
        """Number of flips."""
        return len(self.masks)


def octets(buffer: Buffer) -> Octets:
    """Octets of a C-contiguous buffer, not copied. Raises ValueError for any other, or none."""
    view = memoryview(buffer)  # type: ignore[arg-type]
    if not view.c_contiguous:
        raise ValueError(f"buffer with strides {view.strides}: not C-contiguous")
    if view.nbytes == 0:
        raise ValueError(f"buffer of shape {view.shape}: no octets")
    types = view.format.split(":")[::2]  # the rest are names of fields
    if any("O" in each for each in types):
        raise ValueError(f"buffer of format {view.format}: holds references")
    return np.frombuffer(view, np.uint8)


class Protected:
    """A buffer in blocks. The last block may be cut short; it counts as filled up with zeros."""

    def __init__(self, code: Secded, data: Buffer, checks: Buffer) -> None:
        """Raises ValueError when a buffer is not usable or there are not as many check rows."""
        geometry = code.geometry
        self._code, self._geometry = code, geometry
        self._data, self._checks = octets(data), octets(checks)
        self.blocks = geometry.blocks(self._data.size)
        wanted = geometry.check_size(self._data.size)
        if self._checks.size != wanted:
            raise ValueError(f"check rows of {self._checks.size} octets: {wanted} needed")
        shape = (self.blocks, geometry.check_rows, geometry.words)
        self._check_rows = self._checks.view(np.uint64).reshape(shape)

    def content(self, index: int) -> Octets:
        """Octets of one block, not a copy."""
        size = self._geometry.block_size
        return self._data[index * size : (index + 1) * size]

    def encode(self, index: int) -> int:
        """Check rows from the data as it is; return the CRC-32C of the block."""
        self._code.encode(self._rows(index), self._check_rows[index])
        return crc32c(self.content(index))

    def light(self, index: int) -> bool:
        """Light scrub: False when there is an odd number of flips in some codeword."""
        content = self.content(index)
        full = content.size - content.size % self._geometry.width
        rows = content[:full].view(np.uint64).reshape(-1, self._geometry.words)
        return self._code.even(rows, content[full:], self._check_rows[index])

    def find(self, index: int, crc: int) -> Repair | None:
        """Full scrub: the flips of a block, None when it is sound. Changes nothing.

        The corrections are tried on a copy first. Raises Uncorrectable when flips are seen but
        cannot be told, or when the corrected copy does not have the CRC of the block.
        """
        checks = self._check_rows[index]
        if not _any(self._code.syndrome(self._rows(index), checks)):
            return None
        spare = self._copy(index, slice(None))
        syndrome = self._code.syndrome(spare, checks)
        if not _any(syndrome):  # it was damaged while it was read the first time
            return None
        located = self._code.locate(syndrome)
        if located.syndromes:
            raise Uncorrectable(index, located.syndromes, "two flips in one codeword, or more")
        return self._tried(index, located, crc)

    def _tried(self, index: int, located: Located, crc: int) -> Repair:
        geometry, content = self._geometry, self.content(index)
        spare = self._code.spare.reshape(-1).view(np.uint8)
        positions = located.rows * geometry.width + located.octets
        of_data = located.rows < geometry.rows
        data, checks = positions[of_data], positions[~of_data] - geometry.block_size
        checks += index * geometry.check_rows * geometry.width
        before = np.concatenate((spare[data], self._checks[checks]))
        masks = np.concatenate((located.masks[of_data], located.masks[~of_data]))
        np.bitwise_xor.at(spare, data, located.masks[of_data])
        if (data >= content.size).any() or crc32c(spare[: content.size]) != crc:
            raise Uncorrectable(index, (), "corrected, but its CRC differs")
        return Repair(data + index * geometry.block_size, checks, masks, before)

    def apply(self, repair: Repair) -> bool:
        """Flip back what was found; False, with nothing done, when the memory is not as found.

        Raises ValueError when the memory may not be written.
        """
        if not (self._data.flags.writeable and self._checks.flags.writeable):
            raise ValueError("data or check rows are read-only")  # which ``ufunc.at`` ignores
        now = np.concatenate((self._data[repair.data], self._checks[repair.checks]))
        if not np.array_equal(now, repair.before):
            return False
        # Not ``^=`` on a fancy index: it would lose all but one of two flips in an octet.
        np.bitwise_xor.at(self._data, repair.data, repair.masks[: len(repair.data)])
        np.bitwise_xor.at(self._checks, repair.checks, repair.masks[len(repair.data) :])
        return True

    def update(self, index: int, start: int, new: Octets) -> int | None:
        """Write ``new`` at octet ``start`` of a block; check rows follow by what changed.

        Returns what the CRC of the block is to be XORed with. None, with nothing written, when the
        columns concerned hold a flip: it would pass for data.
        """
        content = self.content(index)
        old, delta = content[start : start + new.size], self._code.delta[: new.size]
        np.bitwise_xor(old, new, out=delta)
        # After the old octets were used: a flip in them is still there now.
        columns = self._columns(start, new.size)
        checks = self._check_rows[index][:, columns]
        if _any(self._code.syndrome(self._rows(index, columns), checks)):
            return None
        self._add(index, start, delta)
        old[:] = new
        return _shifted(extend(_ONES, delta) ^ _ONES, content.size - start - new.size)

    def _columns(self, start: int, size: int) -> slice:
        """Words of a row that the octets from ``start`` touch."""
        column = start % self._geometry.width
        if column + size > self._geometry.width:
            return slice(0, self._geometry.words)
        return slice(column // 8, -(-(column + size) // 8))

    def _add(self, index: int, start: int, delta: Octets) -> None:
        """Let a change of the data enter the check rows."""
        width = self._geometry.width
        rows = self._check_rows[index].view(np.uint8)
        done = 0
        while done < delta.size:
            row, column = divmod(start + done, width)
            piece = delta[done : done + width - column]
            for check in self._code.checks_of(row):
                target = rows[check, column : column + piece.size]
                np.bitwise_xor(target, piece, out=target)
            done += piece.size

    def _rows(self, index: int, columns: slice = slice(None)) -> Rows:
        """Some columns of a block, in place; a block that is cut short is copied."""
        content, geometry = self.content(index), self._geometry
        if content.size < geometry.block_size:
            return self._copy(index, columns)
        return content.view(np.uint64).reshape(geometry.rows, geometry.words)[:, columns]

    def _copy(self, index: int, columns: slice) -> Rows:
        """Some columns of a block in the spare one, filled up with zeros."""
        content, spare = self.content(index), self._code.spare[:, columns]
        full, rest = divmod(content.size, self._geometry.width)
        whole = content[: content.size - rest].view(np.uint64)
        spare[:full] = whole.reshape(full, self._geometry.words)[:, columns]
        spare[full:] = 0
        if rest:
            last = np.zeros(self._geometry.words, np.uint64)
            last.view(np.uint8)[:rest] = content[content.size - rest :]
            spare[full] = last[columns]
        return spare


def _any(syndrome: Rows) -> bool:
    return bool(np.bitwise_or.reduce(syndrome, axis=None))


def _shifted(register: int, zeros: int) -> int:
    """CRC register, without initial or final inversion, after that many zero octets."""
    while zeros > 0:
        step = min(zeros, len(_ZEROS))
        register = extend(register ^ _ONES, _ZEROS[:step]) ^ _ONES
        zeros -= step
    return register
