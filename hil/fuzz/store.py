"""A file store and a memory for fuzzed receivers: small, and it knows what it must not be told."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from flight.link.cfdp import TransactionId, acceptable
from hil.fuzz.subject import Harmed

QUOTA = 1 << 16  # octets of a file
_MOST_RECORDS = 512


class Store:
    """Filestore and Memory. ``delivered`` has whole files by name; the owner takes them out."""

    def __init__(self) -> None:
        self.delivered: dict[str, bytes] = {}
        self._records: dict[str, bytes] = {}

    def open(self, name: str, size: int, transaction: TransactionId) -> Sink:
        """Reserve."""
        del transaction
        if not acceptable(name):
            raise Harmed(f"a file may be called {name!r}")
        if size > QUOTA:
            raise OSError(errno.ENOSPC, "quota")
        return Sink(self, name, size)

    def reopen(self, name: str, size: int, transaction: TransactionId) -> None:
        """Nothing survives here."""

    def write(self, key: str, data: bytes) -> None:
        """Keep a record."""
        self._records[key] = data
        if len(self._records) > _MOST_RECORDS:
            raise Harmed("records without end")

    def remove(self, key: str) -> None:
        """Forget a record."""
        self._records.pop(key, None)

    def items(self) -> Iterable[tuple[str, bytes]]:
        """Nothing survives here."""
        return ()


class Sink:
    """A file under construction."""

    def __init__(self, store: Store, name: str, size: int) -> None:
        self._store, self._name, self._data = store, name, bytearray(size)

    def write(self, offset: int, data: bytes) -> None:
        """Place data."""
        if offset + len(data) > len(self._data):
            raise Harmed("octets behind the end of a file")
        self._data[offset : offset + len(data)] = data

    def read(self, offset: int, n: int) -> bytes:
        """Read back."""
        return bytes(self._data[offset : offset + n])

    def sync(self) -> None:
        """Nothing to do."""

    def commit(self) -> None:
        """Deliver."""
        self._store.delivered[self._name] = bytes(self._data)

    discard = sync
