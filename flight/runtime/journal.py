"""An append-only log in a ring of segment files, made to be read after damage.

Record, little-endian: sync word (4 octets), length of the stored payload (u32), sequence number
(u64), UTC in ns (i64), CRC-32C over all of the record but itself (u32), stored payload. A stored
payload never holds the sync word: an octet is stuffed after each ``MARK`` in it. So a reader that
has lost its place finds it at the next sync word, and is never drawn into a record that was the
payload of another one, such as a piece of a recorded segment.

Segments are named by the first sequence number they may hold: they sort, and the one to come is
known even when the last one cannot be read. One process appends; any number may read.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flight.runtime.crc import crc32c, extend
from flight.runtime.files import make_directories, sync_directory, write_all

SYNC = b"\xb5\x7a\xe4\x13"
MARK = SYNC[:3]
_STUFFED = MARK + b"\x00"
_FIELDS = struct.Struct("<4sIQq")
_HEADER = struct.Struct("<4sIQqI")
HEADER_SIZE = _HEADER.size
_MAX_SEGMENT = 2**31
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_FIRST = re.compile(r"-(\d{20})\.log\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Record:
    """One entry."""

    sequence: int
    utc_ns: int
    payload: bytes


class Scan(Iterator[Record]):
    """The records of a segment that verify, in order.

    ``skipped`` counts the octets passed over so far; ``lost`` the sequence numbers missing so far
    before a record that verified (from ``first`` on, when it is known).
    """

    def __init__(self, data: bytes, first: int | None = None) -> None:
        self.skipped = 0
        self.lost = 0
        self._data = data
        self._position = 0
        self._expected = first

    def __next__(self) -> Record:
        """Return the next record that verifies."""
        while (start := self._data.find(SYNC, self._position)) >= 0:
            found = _record_at(self._data, start)
            end = start + 1 if found is None else start
            self.skipped += end - self._position
            self._position = end
            if found is not None:
                record, self._position = found
                self._count_lost(record.sequence)
                return record
        self.skipped += len(self._data) - self._position
        self._position = len(self._data)
        raise StopIteration

    def _count_lost(self, sequence: int) -> None:
        if self._expected is not None:
            self.lost += max(0, sequence - self._expected)
        self._expected = sequence + 1


def scan(data: bytes) -> Scan:
    """Records in the octets of a segment, or of a part of one."""
    return Scan(data)


def read(path: Path) -> Scan:
    """Records of a segment file; under its own name, losses at its start count. Raises OSError."""
    return Scan(path.read_bytes(), _first(path))


def segments(directory: Path, name: str = "journal") -> list[Path]:
    """Segment files of a journal, oldest first."""
    return sorted(directory.glob(f"{name}-{'[0-9]' * 20}.log"))


class Journal:
    """The writer. At most ``segments`` files of at most ``segment_size`` octets each.

    What has been appended survives the end of this process, however it comes; what has been synced
    survives a power cut. A sequence number is never given twice: behind a damaged tail the numbers
    of the records that were begun there are passed over, and a new segment is begun.
    """

    def __init__(
        self, directory: Path, segment_size: int, segments: int, name: str = "journal"
    ) -> None:
        """Create the directory, find the place to go on. Raises ValueError, OSError."""
        if not HEADER_SIZE < segment_size <= _MAX_SEGMENT:
            raise ValueError(f"segment size {segment_size} is not in ({HEADER_SIZE}, 2^31]")
        if segments < 2:
            raise ValueError(f"a ring needs 2 segments or more, not {segments}")
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name for a journal: {name!r}")
        self._directory = directory
        self._segment_size = segment_size
        self._segments = segments
        self._name = name
        self._fd: int | None = None
        self._size = 0
        self._sequence = 0
        make_directories(directory)
        self._resume()

    @property
    def sequence(self) -> int:
        """Sequence number of the next record."""
        return self._sequence

    def append(self, payload: bytes, utc_ns: int) -> int:
        """Append one record; return its sequence number. Raises as ``append_many`` does."""
        return self.append_many(((payload, utc_ns),))[0]

    def append_many(self, batch: Iterable[tuple[bytes, int]]) -> range:
        """Append (payload, UTC in ns) pairs; return their sequence numbers.

        Raises ValueError, with nothing appended, when a payload does not fit a segment. Raises
        OSError when the file system refuses: the records of the batch below ``sequence`` are in the
        journal then, the others are not, and the next append tries afresh.
        """
        first = self._sequence
        pending: list[bytes] = []
        room = self._segment_size - self._size
        for record in self._encoded(batch):
            if len(record) > room:
                self._write(pending)
                self._end_segment()
                pending = []
                room = self._segment_size
            pending.append(record)
            room -= len(record)
        self._write(pending)
        return range(first, self._sequence)

    def sync(self) -> None:
        """Make all that was appended durable. Raises OSError."""
        if self._fd is not None:
            os.fdatasync(self._fd)

    def close(self) -> None:
        """Sync and close; a later append opens a new segment. Raises OSError."""
        self._end_segment()

    def _resume(self) -> None:
        """Take the next sequence number, and the file if it is sound, from the last segment."""
        for path in segments(self._directory, self._name)[-1:]:
            self._sequence = _first(path) or 0
            try:
                data = path.read_bytes()
            except OSError:
                self._sequence += path.stat().st_size // HEADER_SIZE + 1
                return
            last, end = _last_record(data)
            if last is not None:
                self._sequence = last.sequence + 1
            if end == len(data):
                self._open(path)
            else:
                self._sequence += max(1, data.count(SYNC, end))

    def _encoded(self, batch: Iterable[tuple[bytes, int]]) -> list[bytes]:
        records = []
        limit = self._segment_size - HEADER_SIZE
        for sequence, (payload, utc_ns) in enumerate(batch, self._sequence):
            stored = payload.replace(MARK, _STUFFED)
            if len(stored) > limit:
                raise ValueError(f"{len(stored)} octets of payload exceed the {limit} of a segment")
            fields = _FIELDS.pack(SYNC, len(stored), sequence, utc_ns)
            crc = extend(crc32c(fields), stored)
            records.append(fields + crc.to_bytes(4, "little") + stored)
        return records

    def _write(self, records: list[bytes]) -> None:
        """Write records that fit the segment: all of them or none."""
        if not records:
            return
        fd = self._begin_segment() if self._fd is None else self._fd
        block = b"".join(records)
        try:
            write_all(fd, block)
        except BaseException:
            self._take_back(fd, len(records))
            raise
        self._size += len(block)
        self._sequence += len(records)

    def _take_back(self, fd: int, count: int) -> None:
        try:
            os.ftruncate(fd, self._size)
        except OSError:
            # Some of these records may stay readable, so their numbers are spent.
            self._sequence += count
            self._abandon()

    def _begin_segment(self) -> int:
        """Make room in the ring, then open the segment of the next sequence number."""
        path = self._directory / f"{self._name}-{self._sequence:020d}.log"
        others = [each for each in segments(self._directory, self._name) if each != path]
        for oldest in others[: max(0, len(others) - self._segments + 1)]:
            oldest.unlink(missing_ok=True)
        fd = self._open(path)
        try:
            sync_directory(self._directory)
        except OSError:
            self._abandon()
            raise
        return fd

    def _open(self, path: Path) -> int:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._fd = fd
        self._size = os.fstat(fd).st_size
        return fd

    def _end_segment(self) -> None:
        """Sync and leave the segment; the next write begins another."""
        try:
            self.sync()
        finally:
            self._abandon()

    def _abandon(self) -> None:
        fd, self._fd, self._size = self._fd, None, 0
        if fd is not None:
            with suppress(OSError):
                os.close(fd)


def _first(path: Path) -> int | None:
    """First sequence number that a segment may hold, from its name."""
    match = _FIRST.search(path.name)
    return int(match[1]) if match else None


def _record_at(data: bytes, start: int) -> tuple[Record, int] | None:
    """The record that begins at ``start`` and the offset behind it, or None if it is damaged."""
    body = start + HEADER_SIZE
    if body > len(data):
        return None
    _, length, sequence, utc_ns, crc = _HEADER.unpack_from(data, start)
    end = body + length
    if end > len(data):
        return None
    stored = data[body:end]
    if extend(crc32c(data[start : body - 4]), stored) != crc:
        return None
    return Record(sequence, utc_ns, stored.replace(_STUFFED, MARK)), end


def _last_record(data: bytes) -> tuple[Record | None, int]:
    """The last record that verifies and the offset behind it; (None, 0) when none does."""
    start = data.rfind(SYNC)
    while start >= 0:
        if (found := _record_at(data, start)) is not None:
            return found
        start = data.rfind(SYNC, 0, start)
    return None, 0
