"""Files, partial files and records in memory that survive a crash as a disk would."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from flight.link.cfdp import TransactionId, crc32c


class MemoryFile:
    """A source in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, n: int) -> bytes:
        return self.data[offset : offset + n]

    def checksum(self) -> int:
        return crc32c(self.data)

    def sha256(self) -> bytes:
        return hashlib.sha256(self.data).digest()


class Killed(BaseException):
    """The process ends here."""


class Fuse:
    """Kills the process at the operation of a number, before or after its effect."""

    def __init__(self) -> None:
        self.count = 0
        self.blow_at: int | None = None
        self.after = False

    def arm(self, operations: int, after: bool) -> None:
        self.blow_at, self.after = self.count + operations, after

    def __enter__(self) -> None:
        self.count += 1
        if self.count == self.blow_at and not self.after:
            raise Killed

    def __exit__(self, *error: object) -> None:
        if self.count == self.blow_at and self.after and error[0] is None:
            raise Killed


@dataclass
class Partial:
    """What a disk holds of a file under construction."""

    octets: bytearray
    written: bytearray


class MemorySink:
    """A file under construction; every octet may be written once per life."""

    def __init__(self, store: MemoryStore, name: str, transaction: TransactionId) -> None:
        self._store = store
        self._name = name
        self._transaction = transaction
        disk = store.partials[transaction]
        self._octets, self._written = bytearray(disk.octets), bytearray(disk.written)
        self._fresh = bytearray(len(self._octets))

    def write(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        assert 0 <= offset <= end <= len(self._octets), "write outside of the file"
        assert not any(self._fresh[offset:end]), "octets written twice"
        self._store.fault("write")
        self._octets[offset:end] = data
        self._written[offset:end] = self._fresh[offset:end] = b"\1" * len(data)

    def read(self, offset: int, n: int) -> bytes:
        self._store.fault("read")
        return bytes(self._octets[offset : offset + n])

    def sync(self) -> None:
        self._store.fault("sync")
        with self._store.fuse:
            disk = self._store.partials[self._transaction]
            disk.octets[:], disk.written[:] = self._octets, self._written

    def commit(self) -> None:
        self._store.fault("commit")
        assert all(self._written), "incomplete file committed"
        with self._store.fuse:
            self._store.files[self._name] = bytes(self._octets)
            self._store.commits.append(self._name)
            del self._store.partials[self._transaction]

    def discard(self) -> None:
        with self._store.fuse:
            del self._store.partials[self._transaction]
        self._store.discarded += 1
        self._store.fault("discard")


class MemoryStore:
    """A filestore in memory that fails on demand: `faults[operation]` is raised."""

    def __init__(self, fuse: Fuse | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.commits: list[str] = []
        self.opened: list[str] = []
        self.partials: dict[TransactionId, Partial] = {}
        self.discarded = 0
        self.faults: dict[str, OSError] = {}
        self.fuse = fuse or Fuse()

    @property
    def open_sinks(self) -> int:
        return len(self.partials)

    def fault(self, operation: str) -> None:
        if operation in self.faults:
            raise self.faults[operation]

    def open(self, name: str, size: int, transaction: TransactionId) -> MemorySink:
        self.fault("open")
        with self.fuse:
            self.opened.append(name)
            self.partials[transaction] = Partial(bytearray(size), bytearray(size))
        return MemorySink(self, name, transaction)

    def reopen(self, name: str, size: int, transaction: TransactionId) -> MemorySink | None:
        self.fault("reopen")
        if transaction not in self.partials:
            return None
        assert len(self.partials[transaction].octets) == size
        return MemorySink(self, name, transaction)


@dataclass
class Records:
    """The memory of an engine."""

    fuse: Fuse = field(default_factory=Fuse)
    content: dict[str, bytes] = field(default_factory=dict)
    fault: OSError | None = None

    def write(self, key: str, data: bytes) -> None:
        if self.fault:
            raise self.fault
        with self.fuse:
            self.content[key] = data

    def remove(self, key: str) -> None:
        if self.fault:
            raise self.fault
        with self.fuse:
            self.content.pop(key, None)

    def items(self) -> Iterable[tuple[str, bytes]]:
        return list(self.content.items())
