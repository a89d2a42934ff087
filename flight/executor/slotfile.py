"""One checkpoint as the octets of one slot: a whole state, or what differs from a whole one.

Layout, little-endian: magic, format, length of the meta data, number of chunks, task, generation,
length of the state, CRC of the table, CRC of the header (all before it, and the meta data); the
meta data as MessagePack; the table: a CRC-32C of each chunk of the state, and a bit for each that
this slot holds; zeros to a page; then those chunks. A delta has the table of its whole state, so
every chunk that is restored is checked against the same table, whichever slot it came from.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec
import numpy as np

from flight.dictionary.codec import ENCODER
from flight.executor.checkpoint import Checkpoint, CheckpointError, Counters, Origin
from flight.runtime.crc import crc32c, joined

FORMAT = 2
CHUNK = 1 << 20
PAGE = 4096  # so that chunks begin where a device's blocks do

_MAGIC = b"TGCK"
_HEADER = struct.Struct("<4sIIIQQQII")
_CRC = struct.Struct("<I")


class Base(msgspec.Struct, frozen=True):
    """The whole state that a delta differs from."""

    generation: int
    table_crc: int


class Meta(msgspec.Struct, frozen=True):
    """What is needed to go on from a state, besides the state."""

    origin: Origin
    done: bool
    steps: int
    counters: Counters
    sha256: str
    base: Base | None = None


@dataclass(frozen=True, slots=True)
class Front:
    """All of a slot but its chunks. ``stored`` tells which chunks of the state the slot holds."""

    task: int
    generation: int
    length: int  # of the state in octets
    meta: Meta = field(compare=False)  # the counters in it go on counting
    packed: bytes  # the meta data as they were written
    crcs: Sequence[int]
    stored: Sequence[bool]

    @property
    def start(self) -> int:
        """Offset of the first chunk."""
        table = _table_size(len(self.crcs))
        return -(-(_HEADER.size + len(self.packed) + table) // PAGE) * PAGE

    @property
    def table(self) -> bytes:
        """CRCs and bits of the chunks."""
        bits = np.packbits(np.array(self.stored, bool)).tobytes()
        return struct.pack(f"<{len(self.crcs)}I", *self.crcs) + bits

    @property
    def crc(self) -> int:
        """CRC-32C of the whole state."""
        crc = 0
        for number, other in enumerate(self.crcs):
            crc = joined(crc, other, min(CHUNK, self.length - number * CHUNK))
        return crc

    @property
    def whole(self) -> bool:
        """False for a delta."""
        return self.meta.base is None

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Number, offset and size of each chunk in the slot."""
        offset = self.start
        for number, stored in enumerate(self.stored):
            if stored:
                size = min(CHUNK, self.length - number * CHUNK)
                yield number, offset, size
                offset += size

    def encode(self) -> bytes:
        """The octets before the first chunk."""
        table = self.table
        counts = FORMAT, len(self.packed), len(self.crcs), self.task, self.generation, self.length
        head = _HEADER.pack(_MAGIC, *counts, crc32c(table), 0)[: -_CRC.size]
        head += _CRC.pack(crc32c(head + self.packed))
        return (head + self.packed + table).ljust(self.start, b"\0")


def draft(checkpoint: Checkpoint, stored: Sequence[bool], base: Base | None) -> Front:
    """Front of a slot that is to hold these chunks of a checkpoint; its CRCs are still 0."""
    meta = Meta(
        checkpoint.origin,
        checkpoint.done,
        checkpoint.steps,
        checkpoint.counters,
        checkpoint.sha256,
        base,
    )
    return Front(
        checkpoint.origin.task,
        checkpoint.generation,
        len(checkpoint.state),
        meta,
        ENCODER.encode(meta),
        [0] * len(stored),
        stored,
    )


def chunk_count(length: int) -> int:
    """Chunks of a state of so many octets."""
    return -(-length // CHUNK)


def chunk(state: memoryview, number: int) -> memoryview:
    """One chunk of a state; the last may be shorter."""
    return state[number * CHUNK : (number + 1) * CHUNK]


def read_front(file: BinaryIO) -> Front:
    """Read and check all but the chunks. Raises CheckpointError, OSError."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise CheckpointError(f"cut to {size} octets")
    magic, version, packed_size, chunks, task, generation, length, table_crc, crc = _HEADER.unpack(
        head
    )
    if magic != _MAGIC:
        raise CheckpointError("not a checkpoint")
    if version != FORMAT:
        raise CheckpointError(f"of format {version}, this software reads {FORMAT}")
    if size < _HEADER.size + packed_size + _table_size(chunks):
        raise CheckpointError(f"cut to {size} octets")
    packed = file.read(packed_size)
    if crc32c(head[: -_CRC.size] + packed) != crc:
        raise CheckpointError("header does not verify")
    table = file.read(_table_size(chunks))
    if crc32c(table) != table_crc:
        raise CheckpointError("table of chunks does not verify")
    if chunks != chunk_count(length):
        raise CheckpointError(f"{chunks} chunks for {length} octets")
    front = Front(task, generation, length, _unpack(packed), packed, *_columns(table, chunks))
    held = front.start + sum(octets for _, _, octets in front.places())
    if size != held:
        raise CheckpointError(f"{size} octets instead of {held}")
    return front


def _table_size(chunks: int) -> int:
    return _CRC.size * chunks + -(-chunks // 8)


def _columns(table: bytes, chunks: int) -> tuple[list[int], list[bool]]:
    crcs = struct.unpack_from(f"<{chunks}I", table)
    bits = np.frombuffer(table, np.uint8, offset=_CRC.size * chunks)
    return list(crcs), np.unpackbits(bits, count=chunks).astype(bool).tolist()


def _unpack(packed: bytes) -> Meta:
    try:
        return msgspec.msgpack.decode(packed, type=Meta)
    except ValueError as error:  # msgspec's DecodeError, or text not in UTF-8
        raise CheckpointError(f"header of other software: {error}") from error
