"""Scenes in the memory of a replica: its own copy, or a read-only view of a protected one."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Reason
from flight.executor.protocol import Bulk
from flight.executor.task import InputError
from flight.runtime.crc import crc32c

LARGEST = 1 << 28  # octets of a scene's pixels


class BulkDamaged(RuntimeError):
    """Memory that all replicas share is damaged; its owner has to repair it."""

    reason = Reason.CORRUPT


class Scene(Protocol):
    """Pixels uint8 [H,W,3], read-only, that can be verified after use."""

    pixels: npt.NDArray[np.uint8]
    corrections: int

    def damaged(self) -> bool:
        """True when the pixels had changed and are repaired now. Raises BulkDamaged if not."""


class OwnScene:
    """A copy for this replica alone, so that one upset hits one vote. Raises InputError."""

    def __init__(self, path: str, sha256: str) -> None:
        self._path, self._sha256 = Path(path), sha256
        self.pixels = read_scene(self._path, sha256)
        self.pixels.flags.writeable = False
        self._crc = crc32c(self.pixels)
        self.corrections = 0

    def damaged(self) -> bool:
        """True when the pixels had changed; they are loaded again then."""
        if crc32c(self.pixels) == self._crc:
            return False
        self.pixels.flags.writeable = True
        self.pixels[...] = read_scene(self._path, self._sha256)
        self.pixels.flags.writeable = False
        self.corrections += 1
        return True


class SharedScene:
    """A view of protected memory: for scenes of which each replica cannot have a copy."""

    corrections = 0  # its owner counts them

    def __init__(self, memory: memoryview, bulk: Bulk) -> None:
        count = int(np.prod(bulk.shape))
        flat = np.frombuffer(memory, np.uint8, count, bulk.start)
        self.pixels = flat.reshape(bulk.shape)
        self._crc = bulk.crc

    def damaged(self) -> bool:
        """Never True: what is damaged is not ours to repair. Raises BulkDamaged."""
        if crc32c(self.pixels) != self._crc:
            raise BulkDamaged("a shared scene changed in memory")
        return False


def read_scene(path: Path, sha256: str) -> npt.NDArray[np.uint8]:
    """Load ``rgb`` uint8 [H,W,3] of an .npz whose bytes have this SHA-256. Raises InputError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(Reason.UNKNOWN, f"scene {path.stem}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputError(Reason.CORRUPT, f"scene {path.stem}: SHA-256 differs")
    return parse_scene(path.stem, data)


def parse_scene(name: str, data: bytes) -> npt.NDArray[np.uint8]:
    """The picture in the bytes of an .npz file. Raises InputError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            size = archive.zip.getinfo("rgb.npy").file_size
            if size > LARGEST:
                raise InputError(Reason.RANGE, f"scene {name}: {size} octets, {LARGEST} at most")
            rgb: Any = archive["rgb"]
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise what they like
        raise InputError(Reason.CORRUPT, f"scene {name}: {error}") from error
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise InputError(Reason.FORMAT, f"scene {name}: {rgb.dtype} {rgb.shape}, not uint8 [H,W,3]")
    return np.array(rgb)
