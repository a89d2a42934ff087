"""Whole states and deltas in turn: which slot is replaced, and what is restored."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from checkpoint_states import (
    CHUNK,
    LENGTH,
    Saved,
    checkpoint,
    generations,
    parse,
    save,
    slot_path,
    small_chunks,
    state,
)

from flight.runtime.store import FileStore, MemoryStore


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore | MemoryStore:
    return FileStore(tmp_path) if request.param == "file" else MemoryStore()


def test_slots_are_replaced_in_turn(store: FileStore | MemoryStore) -> None:
    """Every fourth is whole; a delta replaces the older delta, a whole state the older one."""
    saved = Saved(store)
    seen = []
    for generation in range(1, 12):
        saved.chain.save(checkpoint(generation))
        seen.append(generations(store))
        assert Saved(store).generation() == generation
    assert seen == [
        [1, 0, 0, 0],
        [1, 0, 2, 0],
        [1, 0, 2, 3],
        [1, 0, 4, 3],
        [1, 5, 4, 3],
        [1, 5, 4, 6],
        [1, 5, 7, 6],
        [1, 5, 7, 8],
        [9, 5, 7, 8],
        [9, 5, 10, 8],
        [9, 5, 10, 11],
    ]
    assert saved.refusals == []


def test_a_delta_holds_what_differs_from_the_last_whole_state(tmp_path: Path) -> None:
    save(FileStore(tmp_path), 5, 6, 7)
    _, _, held = parse(slot_path(tmp_path, 3).read_bytes())
    old, new = state(5), state(7)
    differ = {n for n in range(9) if old[n * CHUNK :][:CHUNK] != new[n * CHUNK :][:CHUNK]}
    assert set(held) == differ
    assert 1 < len(differ) < 5


def test_a_state_that_changed_in_most_chunks_is_saved_whole(
    store: FileStore | MemoryStore,
) -> None:
    saved = save(store, 1)
    new = bytes(255 - octet for octet in state(2))
    saved.chain.save(checkpoint(2, new))
    assert generations(store) == [1, 2, 0, 0]
    found = Saved(store).restore()
    assert found is not None
    assert found.state == new


def test_a_state_of_another_length_is_saved_whole(store: FileStore | MemoryStore) -> None:
    saved = save(store, 1, 2)
    saved.chain.save(checkpoint(3, state(3, LENGTH + 8)))
    assert generations(store) == [1, 3, 2, 0]
    assert Saved(store).generation() == 3


def test_after_a_restart_the_first_is_whole(store: FileStore | MemoryStore) -> None:
    save(store, 1, 2, 3)
    saved = Saved(store)
    assert saved.generation() == 3
    saved.chain.save(checkpoint(4))
    assert generations(store) == [1, 4, 2, 3]


def test_an_empty_state(store: FileStore | MemoryStore) -> None:
    Saved(store).chain.save(checkpoint(1, b""))
    found = Saved(store).restore()
    assert found is not None
    assert found.state == b""


def test_what_was_saved_is_not_saved_again(store: FileStore | MemoryStore) -> None:
    saved = save(store, 1)
    assert saved.chain.holds(checkpoint(1))
    assert not saved.chain.holds(checkpoint(1, state(2)))
    again = Saved(store)
    assert not again.chain.holds(checkpoint(1)), "not looked at yet"
    again.restore()
    assert again.chain.holds(checkpoint(1))


def test_slots_that_were_swapped_are_still_found(tmp_path: Path) -> None:
    save(FileStore(tmp_path), 1, 2, 3, 4, 5, 6, 7)
    octets = [slot_path(tmp_path, slot).read_bytes() for slot in range(4)]
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        for slot, source in enumerate(order):
            slot_path(tmp_path, slot).write_bytes(octets[source])
        saved = Saved(FileStore(tmp_path))
        assert saved.generation() == 7, order
        saved.chain.save(checkpoint(8))
        assert Saved(FileStore(tmp_path)).generation() == 8, order
    assert len(orders) == 24


def test_slots_of_another_task_are_refused(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    save(store, 1, 2, 3, 4, 5)
    other = Saved(store, 8)
    other.chain.save(checkpoint(9, state(9), task=8))
    slot_path(tmp_path, 2).write_bytes(slot_path(tmp_path, 0, task=8).read_bytes())
    saved = Saved(store)
    assert saved.refusals == ["slot 2: of task 8"]
    assert saved.generation() == 5


def test_a_delta_whose_whole_state_was_replaced_is_refused(tmp_path: Path) -> None:
    """A stale slot: an older whole state of the same task would make a wrong state of it."""
    save(FileStore(tmp_path), 1, 2, 3, 4, 5, 6)
    stale = slot_path(tmp_path, 0).read_bytes()
    slot_path(tmp_path, 1).write_bytes(stale)
    saved = Saved(FileStore(tmp_path))
    assert saved.generation() == 4
    assert saved.refusals == ["slot 3: its whole state, generation 5, is gone"]
