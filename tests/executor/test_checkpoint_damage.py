"""Damage to the files of checkpoints: never a bad state accepted, always the best one that is left.

What is left is worked out from the layout of the slots and the damaged octets alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest
from checkpoint_states import (
    CHUNK,
    NAME,
    Saved,
    checkpoint,
    parse,
    save,
    slot_path,
    small_chunks,
    state,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.executor import chain as chain_module
from flight.runtime.store import FileStore, MemoryStore

SAVED = (1, 2, 3, 4, 5, 6, 7)
BASES = {1: 1, 5: 5, 6: 5, 7: 5}  # what the slots hold at last, and the whole state of each
SHA256 = checkpoint(7).sha256
Slots = list[bytes]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


class Slotted:
    """The four slots as they were written, and as they are after some damage."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root
        self.store: FileStore | MemoryStore = FileStore(root) if root else MemoryStore()
        save(self.store, *SAVED)
        self.sound: Slots = [self._get(slot) for slot in range(4)]
        self.layout = [parse(data) for data in self.sound]
        self.slot_of = {generation: slot for slot, (generation, _, _) in enumerate(self.layout)}
        assert sorted(self.slot_of) == sorted(BASES)

    def _get(self, slot: int) -> bytes:
        file = self.store.open_slot(NAME, slot)
        assert file is not None
        with file:
            return file.read()

    def put(self, slots: Slots) -> None:
        for slot, data in enumerate(slots):
            if self.root:
                slot_path(self.root, slot).write_bytes(data)
            else:
                self.store.write_slot(NAME, slot, [(0, data)])

    def best(self, slots: Slots) -> int:
        """The newest generation whose octets are all there; 0 when none is."""
        return max((g for g in BASES if self._intact(g, slots)), default=0)

    def _intact(self, generation: int, slots: Slots) -> bool:
        own, base = self.slot_of[generation], self.slot_of[BASES[generation]]
        needed = [(own, number, place) for number, place in self.layout[own][2].items()]
        held = self.layout[own][2]
        needed += [(base, n, p) for n, p in self.layout[base][2].items() if n not in held]
        return all(self._front_intact(slot, slots[slot]) for slot in (own, base)) and all(
            slots[slot][start:end] == self.sound[slot][start:end]
            for slot, _, (start, end) in needed
        )

    def _front_intact(self, slot: int, data: bytes) -> bool:
        end = self.layout[slot][1]
        return len(data) == len(self.sound[slot]) and data[:end] == self.sound[slot][:end]

    def check(self, slots: Slots) -> int:
        self.put(slots)
        restored = Saved(self.store).generation()
        assert restored == self.best(slots), "not the best one that is left"
        return restored


def truncated(sound: Slots) -> Iterator[Slots]:
    """Every slot cut after every octet."""
    for slot, data in enumerate(sound):
        for size in range(len(data)):
            yield [*sound[:slot], data[:size], *sound[slot + 1 :]]


def flipped(sound: Slots) -> Iterator[Slots]:
    """One bit in every octet of every slot."""
    for slot, data in enumerate(sound):
        for at in range(len(data)):
            wrong = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
            yield [*sound[:slot], wrong, *sound[slot + 1 :]]


def smeared(sound: Slots) -> Iterator[Slots]:
    """Several faults at once: bursts, lost chunks, chunks of another slot, stretches of zeros."""
    draw = random.Random(5)
    while True:
        slots = [bytearray(data) for data in sound]
        for slot in draw.sample(range(4), draw.choice((1, 2, 2, 3))):
            data = slots[slot]
            at = draw.randrange(len(data))
            size = min(draw.choice((1, 4, CHUNK)), len(data) - at)
            source = draw.choice((bytes(size), draw.randbytes(size), sound[slot - 1][at:][:size]))
            data[at : at + len(source)] = source
        yield [bytes(data) for data in slots]


def report(what: str, restored: list[int]) -> None:
    fallen = sum(generation != 7 for generation in restored)
    print(f"{what}: n = {len(restored)}, 0 bad ones accepted, {fallen} fell back")
    assert {7, 6, 1} <= set(restored), "some kinds of fallback were never taken"


@pytest.mark.parametrize("damage", [truncated, flipped, smeared])
def test_damage_is_never_restored(damage: Callable[[Slots], Iterator[Slots]]) -> None:
    slotted = Slotted()
    restored = [slotted.check(slots) for slots in islice(damage(slotted.sound), 3200)]
    report(damage.__name__, restored)
    assert len(restored) > 2500


def test_damage_to_files_is_never_restored(tmp_path: Path) -> None:
    slotted = Slotted(tmp_path)
    some = islice(flipped(slotted.sound), 0, None, 80)
    report("files", [slotted.check(s) for s in [*some, *islice(smeared(slotted.sound), 40)]])


def test_without_verification_a_damaged_state_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """CRC and SHA-256 of the chunks switched off: the same flips then reach the task."""

    def unverified(file: BinaryIO, _: int, offset: int, size: int, __: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    slotted = Slotted()
    believed = SimpleNamespace(hexdigest=lambda: SHA256)
    monkeypatch.setattr(chain_module, "_verified", unverified)
    monkeypatch.setattr(chain_module, "hashlib", SimpleNamespace(sha256=lambda _: believed))
    slot, wrong = slotted.slot_of[7], 0
    for start, end in slotted.layout[slot][2].values():
        for at in range(start, end):
            data = bytearray(slotted.sound[slot])
            data[at] ^= 8
            slotted.put([*slotted.sound[:slot], bytes(data), *slotted.sound[slot + 1 :]])
            found = Saved(slotted.store).restore()
            assert found is not None
            wrong += found.state != state(7)
    held = slotted.layout[slot][2].values()
    assert wrong == sum(end - start for start, end in held) > CHUNK


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2000), st.binary(min_size=1, max_size=99)),
        max_size=6,
    ),
    st.lists(st.integers(0, 3), max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_any_damage_and_lost_files(damage: list[tuple[int, int, bytes]], lost: list[int]) -> None:
    slotted = Slotted()
    slots = [bytearray(data) for data in slotted.sound]
    for slot, at, octets in damage:
        slots[slot][at : at + len(octets)] = octets
    for slot in lost:
        slots[slot] = bytearray()
    slotted.check([bytes(data) for data in slots])


def test_stale_slots() -> None:
    """Any slot holds again what any slot held earlier, as if a file system had lost a rename."""
    slotted, store = Slotted(), MemoryStore()
    earlier: set[bytes] = {b""}
    saved = Saved(store)
    for generation in SAVED:
        saved.chain.save(checkpoint(generation))
        for slot in range(4):
            file = store.open_slot(NAME, slot)
            earlier |= set() if file is None else {file.read()}
    restored = []
    for slot in range(4):
        for stale in sorted(earlier - set(slotted.sound)):
            slotted.put([*slotted.sound[:slot], stale, *slotted.sound[slot + 1 :]])
            restored.append(Saved(slotted.store).generation())
            lost = [g for g in BASES if slot in (slotted.slot_of[g], slotted.slot_of[BASES[g]])]
            assert restored[-1] >= max(set(BASES) - set(lost)), (slot, stale[:60])
    print(f"stale: n = {len(restored)}")
    assert len(restored) == 4 * 4
    assert set(restored) == {1, 2, 3, 4, 6, 7}
