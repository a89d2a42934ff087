"""States that can be told apart, checkpoints of them, and an independent reading of slot files."""

from __future__ import annotations

import hashlib
import os
import random
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec
import pytest

from flight.executor import chain as chain_module
from flight.executor import slotfile
from flight.executor.chain import Chain
from flight.executor.checkpoint import Checkpoint, Counters, Origin, checkpoint_name
from flight.executor.slotfile import Front
from flight.runtime.crc import crc32c
from flight.runtime.files import Piece
from flight.runtime.service import Store
from flight.runtime.store import FileStore

TASK = 7
CHUNK, CHUNKS = 64, 9  # of the small states; the last chunk is short
LENGTH = CHUNK * CHUNKS - 20
EVERY = 4  # checkpoints of which one is whole
NAME = checkpoint_name(TASK)


def small_chunks(patch: pytest.MonkeyPatch, *, sync: bool = False) -> None:
    """Slots so small that every octet of them can be damaged; no wait for the medium."""
    if not sync:
        patch.setattr(os, "fsync", lambda _: None)
    patch.setattr(slotfile, "CHUNK", CHUNK)
    patch.setattr(slotfile, "PAGE", 64)
    patch.setattr(chain_module, "DELTA_ABOVE", 0)
    patch.setattr(chain_module, "WHOLE_EVERY", EVERY)


@cache
def _noise(length: int) -> bytes:
    return random.Random(1).randbytes(length)


def state(generation: int, length: int = LENGTH) -> bytes:
    """Each generation changes two octets: no two have the same state, most chunks stay."""
    octets = bytearray(_noise(length))
    for step in range(1, generation + 1):
        octets[step * 53 % length] ^= step
        octets[-1] = step % 256
    return bytes(octets)


def checkpoint(generation: int, octets: bytes | None = None, task: int = TASK) -> Checkpoint:
    octets = state(generation) if octets is None else octets
    return Checkpoint(
        Origin(task, "rows 1", "scene", {"toy": "ab"}),
        generation,
        False,
        100,
        Counters(votes=generation),
        hashlib.sha256(octets).hexdigest(),
        crc32c(octets),
        octets,
    )


def refuse_nothing(front: Front) -> None:
    del front


class Saved:
    """A chain in a store, what it refused, and what it restores."""

    def __init__(self, store: Store, task: int = TASK) -> None:
        self.refusals: list[str] = []
        self.chain = Chain(store, task, self.refusals.append)

    def restore(self) -> Checkpoint | None:
        return self.chain.restore(refuse_nothing)

    def generation(self) -> int:
        """Generation restored, whose state must be the right one; 0 for a cold start."""
        found = self.restore()
        if found is None:
            return 0
        right = state(found.generation, len(found.state))
        assert found.state == right, f"a bad state was accepted for generation {found.generation}"
        assert (found.crc, found.counters.votes) == (crc32c(right), found.generation)
        return found.generation


def save(store: Store, *generations: int) -> Saved:
    """Save these in one life of a process."""
    saved = Saved(store)
    for generation in generations:
        saved.chain.save(checkpoint(generation))
    return saved


def slot_path(root: Path, slot: int, task: int = TASK) -> Path:
    return root / f"{checkpoint_name(task)}~s{slot}"


def parse(data: bytes) -> tuple[int, int, dict[int, tuple[int, int]]]:
    """Generation, end of what is checked in front, and (start, end) of each chunk held.

    From the layout as flight/executor/slotfile.py describes it, by other means.
    """
    magic, version, packed, chunks, task, generation, length, _, _ = struct.unpack_from(
        "<4sIIIQQQII", data
    )
    assert (magic, version, task) == (b"TGCK", slotfile.FORMAT, TASK)
    bits_at = 48 + packed + 4 * chunks
    end = bits_at + (chunks + 7) // 8
    offset = (end + 63) // 64 * 64
    held = {}
    for number in range(chunks):
        if data[bits_at + number // 8] >> (7 - number % 8) & 1:
            size = min(CHUNK, length - number * CHUNK)
            held[number] = offset, offset + size
            offset += size
    assert offset == len(data)
    return generation, end, held


def generations(store: Store) -> list[int]:
    """Generation in each slot, 0 for an empty one, as the octets say."""
    found = []
    for slot in range(4):
        file = store.open_slot(NAME, slot)
        if file is None:
            found.append(0)
            continue
        with file:
            found.append(parse(file.read())[0])
    return found


def upset(generation: int, at: int) -> Checkpoint:
    """A state in which one bit flipped after it was voted."""
    octets = bytearray(state(generation))
    octets[at] ^= 0x40
    return msgspec.structs.replace(checkpoint(generation), state=bytes(octets))


class LyingDisk(FileStore):
    """Takes every octet, and keeps another one, in the slots written while it ``lies``."""

    lies = False

    def write_slot(self, name: str, slot: int, pieces: Iterable[Piece]) -> None:
        super().write_slot(name, slot, pieces)
        if self.lies:
            path = self._slot(name, slot)
            data = bytearray(path.read_bytes())
            data[-3] ^= 1
            path.write_bytes(data)
