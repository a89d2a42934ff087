"""What a CFDP entity keeps over a restart: one record per open transaction, and two more.

Records are MessagePack of typed structs; the owner's store adds atomicity and CRC. A record claims
octets of a file only after `Sink.sync` made them durable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec

from flight.link.cfdp.reports import TransactionId
from flight.link.cfdp.segments import Range, Segments

VERSION = 1
SEQUENCE = "sequence"
CLOSED = "closed"
RANGES = 4096
"""Ranges in one record; octets of further ones are asked for again after a restart."""

_T = TypeVar("_T")


class Memory(Protocol):
    """Durable records under short keys of letters, digits and ``-``."""

    def write(self, key: str, data: bytes) -> None:
        """Replace a record in one step, durable on return; raises `OSError`."""

    def remove(self, key: str) -> None:
        """Forget a record, which may be absent; raises `OSError`."""

    def items(self) -> Iterable[tuple[str, bytes]]:
        """All records, in any order; those that are damaged are left out."""


class Outbound(msgspec.Struct, array_like=True, frozen=True):
    """A file on its way out; `sent` octets need not be sent again unless they are asked for.

    `checksum` is the CRC-32C of the file, by which a change is noticed. With `ended` nothing is
    left to do but to report; `delivery` and `status` say what the receiver reported.
    """

    version: int
    id: TransactionId
    order: int
    destination: int
    name: str
    origin: str
    size: int
    checksum: int
    digest: bytes
    acknowledged: bool
    priority: int
    suspended: bool
    sent: int
    resent: int
    condition: int
    delivery: int
    status: int
    ended: bool


class Inbound(msgspec.Struct, array_like=True, frozen=True):
    """A file on its way in; PDUs as they were packed, empty if they are not known.

    `ranges` are the lengths of octets that are absent and present in turn. With `committing` the
    file is whole and verified, and is delivered if it is no longer under construction.
    """

    version: int
    id: TransactionId
    metadata: bytes
    eof: bytes
    finished: bytes
    ranges: list[int]
    repeated: int
    suspended: bool
    committing: bool


class Sequence(msgspec.Struct, array_like=True, frozen=True):
    """Transaction numbers below `reserved` may have been used."""

    version: int
    reserved: int


class Closed(msgspec.Struct, array_like=True, frozen=True):
    """Finished PDUs of receptions that are over, oldest first."""

    version: int
    finished: list[bytes]


def key_of(transaction: TransactionId, sending: bool) -> str:
    """Key of the record of a transaction."""
    return f"{'out' if sending else 'in'}-{transaction.source}-{transaction.number}"


def encode(record: msgspec.Struct) -> bytes:
    """Octets of a record."""
    return msgspec.msgpack.encode(record)


def decode(data: bytes, kind: type[_T]) -> _T:
    """Record of `kind`; raises `ValueError`, also for another version."""
    record = msgspec.msgpack.decode(data, type=kind)
    if getattr(record, "version", None) != VERSION:
        raise ValueError("record of another version")
    return record


def pack_ranges(received: Segments) -> list[int]:
    """At most `RANGES` ranges as differences."""
    packed: list[int] = []
    position = 0
    for (start, end), _ in zip(received, range(RANGES), strict=False):
        packed += (start - position, end - start)
        position = end
    return packed


def unpack_ranges(packed: list[int]) -> Iterator[Range]:
    """Ranges of their differences; raises `ValueError` for negative ones."""
    if len(packed) % 2 or min(packed, default=0) < 0:
        raise ValueError("ranges of a record make no sense")
    position = 0
    for gap, length in zip(packed[::2], packed[1::2], strict=True):
        yield position + gap, position + gap + length
        position += gap + length
