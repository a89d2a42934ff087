"""The audit log: who asked for what, in a chain of hashes on top of a journal.

Each entry holds the SHA-256 of the entry before it, so that none can be changed, taken out or put
in between without all later ones being made anew. What a rewritten chain ends in is not what its
owner has told others before: the head (`AuditLog.head`) is meant to be told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flight.runtime.journal import Journal, Record, read, segments

NAME = "audit"
SEGMENT, SEGMENTS = 1 << 20, 8
_GENESIS = hashlib.sha256(b"tardigrade audit").digest()


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry: what happened, to what, on whose word; ``before`` is the hash before, hex."""

    before: str
    what: str
    subject: str
    who: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it lies in a log; ``digest`` is its own SHA-256, hex."""

    sequence: int
    utc_ns: int
    entry: Entry
    digest: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a log is worth: entries that are there, and what is wrong with it, in words.

    ``first`` is the number of the first one kept: the ring gives up the oldest. ``head`` is the
    hash of the last one, hex.
    """

    entries: int
    first: int
    head: str
    faults: tuple[str, ...]


class AuditLog:
    """The writer, one per directory."""

    def __init__(self, directory: Path) -> None:
        """Go on behind what is there. Raises OSError."""
        self._journal = Journal(directory, SEGMENT, SEGMENTS, NAME)
        last = [record for path in segments(directory, NAME)[-2:] for record in read(path)][-1:]
        self._head = _digest(last[0]) if last else _GENESIS

    @property
    def entries(self) -> int:
        """Number of the next entry."""
        return self._journal.sequence

    @property
    def head(self) -> str:
        """Hash of the last entry, hex."""
        return self._head.hex()

    def add(self, utc_ns: int, what: str, subject: str, who: str = "", detail: str = "") -> None:
        """Append an entry and make it durable. Raises OSError."""
        payload = msgspec.json.encode(Entry(self._head.hex(), what, subject, who, detail))
        sequence = self._journal.append(payload, utc_ns)
        self._head = _digest(Record(sequence, utc_ns, payload))
        self._journal.sync()

    def close(self) -> None:
        """Raises OSError."""
        self._journal.close()


def _digest(record: Record) -> bytes:
    stamp = record.sequence.to_bytes(8) + record.utc_ns.to_bytes(8, signed=True)
    return hashlib.sha256(stamp + record.payload).digest()


def entries(directory: Path) -> Iterator[Kept]:
    """Entries of a log that can be read, oldest first; they are not verified. Raises OSError."""
    for path in segments(directory, NAME):
        for record in read(path):
            try:
                entry = msgspec.json.decode(record.payload, type=Entry)
            except msgspec.DecodeError:
                continue
            yield Kept(record.sequence, record.utc_ns, entry, _digest(record).hex())


def verify(directory: Path, told: dict[int, str] | None = None) -> Verdict:
    """Follow the chain. ``told`` are heads told before, by number of entries. Raises OSError."""
    faults: list[str] = []
    before, number, first, count = _GENESIS.hex(), 0, 0, 0
    for kept in entries(directory):
        if not count and kept.sequence:
            first, number, before = kept.sequence, kept.sequence, kept.entry.before
        if kept.sequence != number:
            faults.append(f"entries {number} to {kept.sequence - 1} are missing")
        elif kept.entry.before != before:
            faults.append(f"entry {number} does not follow the one before it")
        if told and told.get(kept.sequence + 1, kept.digest) != kept.digest:
            faults.append(f"entry {kept.sequence} is not the one that was told of")
        before, number, count = kept.digest, kept.sequence + 1, count + 1
    if told and max(told) > number:
        faults.append(f"it ends at entry {number}, {max(told)} were told of")
    faults += _damage(directory)
    return Verdict(count, first, before, tuple(faults))


def _damage(directory: Path) -> list[str]:
    found = []
    for path in segments(directory, NAME):
        scan = read(path)
        for _ in scan:
            pass
        if scan.skipped:
            found.append(f"{path.name}: {scan.skipped} octets are damaged")
    return found
