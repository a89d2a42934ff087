"""What the engines need from storage, and which file names they accept."""

from __future__ import annotations

import hashlib
from typing import Protocol

from flight.link.cfdp.checksum import Checksum, crc32c
from flight.link.cfdp.reports import TransactionId

_BLOCK = 1 << 16
_MAX_NAME = 255


class Readable(Protocol):
    """A file that is sent; it must not change meanwhile."""

    @property
    def size(self) -> int:
        """Length in octets."""

    def read(self, offset: int, n: int) -> bytes:
        """Exactly `n` octets from `offset`; raises `OSError`."""

    def checksum(self) -> int:
        """CRC-32C of the whole file; raises `OSError`."""

    def sha256(self) -> bytes:
        """SHA-256 of the whole file, 32 octets; raises `OSError`."""


class StoredFile:
    """A file that is held in memory, as a sender reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """Length in octets."""
        return len(self._data)

    def read(self, offset: int, n: int) -> bytes:
        """``n`` octets from ``offset``."""
        return self._data[offset : offset + n]

    def checksum(self) -> int:
        """CRC-32C of the whole."""
        return crc32c(self._data)

    def sha256(self) -> bytes:
        """SHA-256 of the whole."""
        return hashlib.sha256(self._data).digest()


class Sink(Protocol):
    """A file under construction; invisible until `commit`. All raise `OSError`."""

    def write(self, offset: int, data: bytes) -> None:
        """Place `data` at `offset`."""

    def read(self, offset: int, n: int) -> bytes:
        """Octets written before, at most `n` and at least one."""

    def sync(self) -> None:
        """Make durable what was written, so that `Filestore.reopen` finds it after a crash."""

    def commit(self) -> None:
        """Deliver the file atomically under its name, durable on return."""

    def discard(self) -> None:
        """Forget the file."""


class Filestore(Protocol):
    """Where received files go."""

    def open(self, name: str, size: int, transaction: TransactionId) -> Sink:
        """Reserve `size` octets for file `name`; raises `OSError` to reject it.

        What an earlier crash left under this transaction is replaced.
        """

    def reopen(self, name: str, size: int, transaction: TransactionId) -> Sink | None:
        """The file under construction as it was synced, None if it is not there; raises `OSError`.

        None means never opened, or already committed or discarded.
        """


def acceptable(name: str) -> bool:
    """Whether `name` is a plain file name: printable, no path, not hidden, <= 255 octets."""
    return (
        bool(name)
        and name.isprintable()
        and "/" not in name
        and ".." not in name
        and not name.startswith(".")
        and len(name.encode()) <= _MAX_NAME
    )


def stored_checksum(kind: int, sink: Sink, size: int) -> int:
    """Checksum of `size` octets read back from `sink`; raises `OSError` if some are missing."""
    checksum = Checksum(kind)
    position = 0
    while position < size:
        block = sink.read(position, min(_BLOCK, size - position))
        if not block:
            raise OSError("storage lost octets that were written")
        checksum.update(block)
        position += len(block)
    return checksum.value()
