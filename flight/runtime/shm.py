"""Named shared memory below the run directory, and the ring in which arrays travel."""

from __future__ import annotations

import math
import mmap
import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flight.dictionary.arrays import ArrayRef
from flight.runtime.crc import crc32c

_SLOT_HEADER = 64  # one cache line: generation, odd while the slot is being written
PROTECTED = ".ecc"  # ending of the names of regions that the scrubber is to find
_GENERATION = struct.Struct("<Q")


class SharedRegion:
    """A mapped file. The owner creates it zeroed and removes its name on close."""

    def __init__(self, path: Path, size: int, *, create: bool) -> None:
        """Raises OSError; ValueError when there is nothing to map."""
        self.name = path.name
        self._path = path if create else None
        if create:
            # A new file, never the old one cut to nothing: others may still have that one mapped.
            path.unlink(missing_ok=True)
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if create:
                # Reserved now: a full tmpfs is an OSError here, not a SIGBUS later.
                os.posix_fallocate(descriptor, 0, size)
            self._map: mmap.mmap | None = mmap.mmap(
                descriptor, size or os.fstat(descriptor).st_size
            )
            self.memory = memoryview(self._map)
        except (OSError, ValueError):
            self.close()
            raise
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Remove the name if we own it, and let go; the mapping goes with the last view of it."""
        self.memory, self._map = memoryview(b""), None
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def read_only(path: Path) -> memoryview:
    """Map a file for reading. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)


class RingWriter:
    """Slots that are overwritten in turn; a reader that is lapped sees it by the generation."""

    def __init__(self, path: Path, slots: int, slot_size: int) -> None:
        stride = -(-slot_size // 64) * 64 + _SLOT_HEADER
        self._region = SharedRegion(path, slots * stride, create=True)
        self._name = path.name
        self._slots, self._stride = slots, stride
        self._next = 0
        self._generations = [0] * slots

    @property
    def slot_size(self) -> int:
        """Largest array in octets."""
        return self._stride - _SLOT_HEADER

    def put(self, array: npt.NDArray[np.generic]) -> ArrayRef:
        """Copy an array into the next slot. Raises ValueError when it does not fit."""
        if array.nbytes > self.slot_size:
            raise ValueError(f"array of {array.nbytes} octets, slots hold {self.slot_size}")
        slot, self._next = self._next, (self._next + 1) % self._slots
        base = slot * self._stride
        memory = self._region.memory
        generation = self._generations[slot] + 2
        _GENERATION.pack_into(memory, base, generation - 1)
        start = base + _SLOT_HEADER
        target = np.frombuffer(memory, np.uint8, array.nbytes, start)
        source = np.ascontiguousarray(array)
        np.copyto(target, source.reshape(-1).view(np.uint8))
        _GENERATION.pack_into(memory, base, generation)
        self._generations[slot] = generation
        return ArrayRef(self._name, base, generation, array.dtype.str, array.shape, crc32c(target))

    def close(self) -> None:
        """Remove the ring."""
        self._region.close()


class StaleArray(LookupError):
    """The slot was overwritten, or its bytes do not match the descriptor."""


class RingReader:
    """Maps the rings of other processes on first use."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._regions: dict[str, SharedRegion] = {}

    def view(self, ref: ArrayRef) -> npt.NDArray[np.generic]:
        """Read-only view, CRC-checked now; call ``check`` after use. Raises StaleArray."""
        array = self._map(ref)
        array.flags.writeable = False
        return self._checked(array, ref)

    def fetch(self, ref: ArrayRef) -> npt.NDArray[np.generic]:
        """A copy that is known to be the array meant. Raises StaleArray."""
        return self._checked(self._map(ref).copy(), ref)

    def check(self, ref: ArrayRef) -> None:
        """Raise StaleArray when the slot no longer holds what the reference names."""
        self._map(ref)
        (generation,) = _GENERATION.unpack_from(self._region(ref).memory, ref.slot)
        if generation != ref.generation:
            raise StaleArray(f"slot in {ref.region} was overwritten")

    def _checked(self, array: npt.NDArray[np.generic], ref: ArrayRef) -> npt.NDArray[np.generic]:
        if crc32c(array) != ref.crc:
            raise StaleArray(f"slot in {ref.region} does not match its CRC")
        self.check(ref)
        return array

    def _map(self, ref: ArrayRef) -> npt.NDArray[np.generic]:
        memory = self._region(ref).memory
        count, start = math.prod(ref.shape), ref.slot + _SLOT_HEADER
        try:
            dtype = np.dtype(ref.dtype)
            if min(ref.slot, *ref.shape, 0) < 0 or start + count * dtype.itemsize > len(memory):
                raise ValueError("it points outside the region")
            return np.frombuffer(memory, dtype, count, start).reshape(ref.shape)
        except (TypeError, ValueError, SyntaxError, OverflowError) as error:
            raise StaleArray(f"descriptor of {ref.region}: {error}") from error

    def _region(self, ref: ArrayRef) -> SharedRegion:
        region = self._regions.get(ref.region)
        if region is None:
            if "/" in ref.region:
                raise StaleArray(f"region name {ref.region!r} is not plain")
            self._forget_removed()
            try:
                region = SharedRegion(self._run_dir / ref.region, 0, create=False)
            except (OSError, ValueError) as error:
                raise StaleArray(f"region {ref.region!r}: {error}") from error
            self._regions[ref.region] = region
        return region

    def _forget_removed(self) -> None:
        """Unmap rings of processes that ended: the mapping alone keeps their memory."""
        gone = [name for name in self._regions if not (self._run_dir / name).exists()]
        for name in gone:
            del self._regions[name]
