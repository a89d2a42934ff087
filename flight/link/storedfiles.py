"""What a CFDP entity sees of the disk: files to send, and its records."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable
from pathlib import Path

from flight.link.cfdp.checksum import crc32c
from flight.link.cfdp.filestore import Readable, StoredFile
from flight.runtime.partial import SourceFile
from flight.runtime.service import Store, kept

RECORDS = "cfdp/"
STEP = 1 << 20  # octets that are hashed at once; 2 ms, or 8 ms on a slow processor


class FileSource(SourceFile):
    """A file on disk (flight.link.cfdp.filestore.Readable), hashed once."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        super().__init__(path)
        self._crc, self._digest, self._hashed = 0, hashlib.sha256(), 0

    def step(self) -> bool:
        """Hash ``STEP`` octets more; whether all are hashed. Raises OSError."""
        if self._hashed < self.size:
            block = self.read(self._hashed, min(STEP, self.size - self._hashed))
            if not block:
                raise OSError(errno.EIO, "the file has become shorter")
            self._crc = crc32c(block, self._crc)
            self._digest.update(block)
            self._hashed += len(block)
        return self._hashed == self.size

    def checksum(self) -> int:
        """CRC-32C of the whole. Raises OSError."""
        self._hash()
        return self._crc

    def sha256(self) -> bytes:
        """SHA-256 of the whole. Raises OSError."""
        self._hash()
        return self._digest.digest()

    def _hash(self) -> None:
        while not self.step():
            pass


def to_send(store: Store, path: str, *, in_place: bool) -> Readable | None:
    """A file of a store, None when it cannot be read: read where it lies, which may be long, or
    whole and verified."""
    try:
        if in_place:
            return FileSource(store.path(path))
        data = store.read(path)
    except (OSError, ValueError):
        return None
    return None if data is None else StoredFile(data)


class Records:
    """Records of an entity in a store (flight.link.cfdp.records.Memory)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, key: str, data: bytes) -> None:
        """Replace a record. Raises OSError."""
        self._store.write(RECORDS + key, data)

    def remove(self, key: str) -> None:
        """Forget a record. Raises OSError."""
        self._store.remove(RECORDS + key)

    def items(self) -> Iterable[tuple[str, bytes]]:
        """All records that verify."""
        for name in self._store.names(RECORDS):
            for data in kept(self._store, name)[:1]:
                yield name.removeprefix(RECORDS), data
