"""The checkpoints of one task: two slots for whole states, two for deltas, each pair in turn.

A delta holds the chunks that differ from the last whole state, so one delta and that state are
enough to go on. Before a slot is replaced the newest one has been read back from the medium: one
that is known to be good always stays.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import BinaryIO

from flight.executor.checkpoint import Checkpoint, CheckpointError, checkpoint_name
from flight.executor.slotfile import Base, Front, chunk, chunk_count, draft, read_front
from flight.executor.survey import THREADS, Survey
from flight.runtime.crc import crc32c
from flight.runtime.files import Piece
from flight.runtime.service import Store

WHOLE, DELTAS = (0, 1), (2, 3)  # slots
DELTA_ABOVE = 64 << 20  # octets; below, a delta saves little
WHOLE_EVERY = 8  # checkpoints


class Chain:
    """Saves and restores. ``refused(why)`` is called for every slot that cannot be used.

    Besides the state that is saved it holds on to the last whole one, of which deltas are made:
    one copy more than the task needs, and only above DELTA_ABOVE.
    """

    def __init__(self, store: Store, task: int, refused: Callable[[str], None]) -> None:
        self.task = task
        self._store, self._name, self._refused = store, checkpoint_name(task), refused
        self._fronts: dict[int, Front] = {}
        self._saved: tuple[int, int] | None = None  # generation and CRC of the newest state
        self._base: tuple[int, bytes] | None = None  # slot and state
        self._deltas = 0  # since the base
        self._unread: deque[tuple[int, int, int]] = deque()  # places in the newest slot
        self._unread_slot: int | None = None
        self.found = sum(self._look(slot) for slot in (*WHOLE, *DELTAS))

    def _look(self, slot: int) -> bool:
        """True when there is something in a slot."""
        try:
            file = self._store.open_slot(self._name, slot)
            if file is None:
                return False
            with file:
                front = read_front(file)
            if front.task != self.task:
                raise CheckpointError(f"of task {front.task}")
            self._fronts[slot] = front
        except (CheckpointError, OSError) as error:
            self._drop(slot, error)
        return True

    def _drop(self, slot: int, why: Exception) -> None:
        """Never use a slot again, but for the next state that is saved."""
        self._forget(slot)
        self._saved = None
        reason = why.strerror if isinstance(why, OSError) else why
        self._refused(f"slot {slot}: {reason}")

    def _forget(self, slot: int) -> None:
        self._fronts.pop(slot, None)
        if self._base is not None and self._base[0] == slot:
            self._base = None

    def _open(self, slot: int) -> BinaryIO:
        file = self._store.open_slot(self._name, slot)
        if file is None:
            raise CheckpointError("is gone")
        return file

    # Going on.

    def restore(self, check: Callable[[Front], None]) -> Checkpoint | None:
        """The newest state that verifies and that ``check`` (raises CheckpointError) lets pass."""
        ages = {slot: front.generation for slot, front in self._fronts.items()}
        for slot in sorted(ages, key=lambda slot: (-ages[slot], slot)):
            try:
                check(self._fronts[slot])
                found = self._load(slot)
            except (CheckpointError, OSError) as error:
                self._drop(slot, error)
                continue
            self._saved = found.generation, found.crc
            return found
        return None

    def _load(self, slot: int) -> Checkpoint:
        front = self._fronts[slot]
        meta, state = front.meta, bytearray(front.length)
        if meta.base is not None:
            clean = [not stored for stored in front.stored]
            self._read(self._slot_of(meta.base), state, clean, front.crcs)
        self._read(slot, state, front.stored, front.crcs)
        if hashlib.sha256(state).hexdigest() != meta.sha256:
            raise CheckpointError("state does not match its SHA-256")
        return Checkpoint(
            meta.origin,
            front.generation,
            meta.done,
            meta.steps,
            meta.counters,
            meta.sha256,
            crc32c(state),
            bytes(state),
        )

    def _slot_of(self, base: Base) -> int:
        for slot, front in self._fronts.items():
            if front.whole and Base(front.generation, crc32c(front.table)) == base:
                return slot
        raise CheckpointError(f"its whole state, generation {base.generation}, is gone")

    def _read(
        self, slot: int, state: bytearray, wanted: Sequence[bool], crcs: Sequence[int]
    ) -> None:
        with self._open(slot) as file, memoryview(state) as view:
            for number, offset, size in self._fronts[slot].places():
                if wanted[number]:
                    chunk(view, number)[:] = _verified(file, number, offset, size, crcs[number])

    # Saving.

    def holds(self, checkpoint: Checkpoint) -> bool:
        """True when this very state is saved already, and has been read back."""
        self.read_back()
        return self._saved == (checkpoint.generation, checkpoint.crc)

    def save(self, checkpoint: Checkpoint) -> None:
        """Save a state in place of the oldest of its kind; the newest is read back before.

        While it is written it is checked against the CRC taken at the vote, before it replaces
        anything. Raises OSError; CheckpointError when it is no longer the state that was voted.
        """
        self.read_back()
        state = memoryview(checkpoint.state)
        with ThreadPoolExecutor(THREADS) as pool:
            survey = Survey(pool, state, self._reference(len(state)))
            front = self._draft(checkpoint, survey)
            slot = self._oldest(WHOLE if front.whole else DELTAS)

            def summed() -> Front:
                found = replace(front, crcs=survey.crcs)
                if found.crc != checkpoint.crc:
                    raise CheckpointError("state is no longer the one that was voted")
                return found

            self._forget(slot)  # until it is known what is there now
            self._store.write_slot(self._name, slot, _pieces(state, front, summed))
            self._note(slot, summed(), checkpoint)

    def _note(self, slot: int, front: Front, checkpoint: Checkpoint) -> None:
        self._fronts[slot] = front
        self._saved = checkpoint.generation, checkpoint.crc
        self._unread, self._unread_slot = deque(front.places()), slot
        self._deltas += 1
        if front.whole:
            self._base = (slot, checkpoint.state) if front.length > DELTA_ABOVE else None
            self._deltas = 0

    def _reference(self, length: int) -> memoryview | None:
        """The state that a delta may be made of now."""
        if self._base is None or self._deltas + 1 >= WHOLE_EVERY or len(self._base[1]) != length:
            return None
        return memoryview(self._base[1])

    def _draft(self, checkpoint: Checkpoint, survey: Survey) -> Front:
        """A delta where that saves at least half of the octets, else the whole state."""
        if self._base is not None and survey.compares:
            dirty, base = survey.dirty, self._fronts[self._base[0]]
            if 2 * sum(dirty) <= len(dirty):
                return draft(checkpoint, dirty, Base(base.generation, crc32c(base.table)))
        return draft(checkpoint, [True] * chunk_count(len(checkpoint.state)), None)

    def _oldest(self, slots: tuple[int, int]) -> int:
        """The slot of these that cannot be used, else the older one."""
        ages = {slot: front.generation for slot, front in self._fronts.items()}
        return min(slots, key=lambda slot: ages.get(slot, -1))

    # Reading back.

    def read_back(self, chunks: int | None = None) -> bool:
        """Read at most so many chunks of the newest slot from the medium; True when none is left.

        A slot that does not read back is dropped, and is the next to be replaced.
        """
        slot = self._unread_slot
        if slot is None:
            return True
        front, left = self._fronts[slot], self._unread
        try:
            with self._open(slot) as file:
                if len(left) == sum(front.stored) and read_front(file) != front:
                    raise CheckpointError("header does not read back")
                for _ in range(len(left) if chunks is None else min(chunks, len(left))):
                    number, offset, size = left.popleft()
                    _verified(file, number, offset, size, front.crcs[number])
        except (CheckpointError, OSError) as error:
            self._unread_slot = None
            self._drop(slot, error)
            return True
        if not left:
            self._unread_slot = None
        return not left


def _verified(file: BinaryIO, number: int, offset: int, size: int, crc: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) != size or crc32c(data) != crc:
        raise CheckpointError(f"chunk {number} does not verify")
    return data


def _pieces(state: memoryview, front: Front, summed: Callable[[], Front]) -> Iterator[Piece]:
    for number, offset, _ in front.places():
        yield offset, chunk(state, number)
    yield 0, summed().encode()
