"""What a checkpoint is made of, and what became of it: nothing is believed unseen."""

from __future__ import annotations

import errno
import tracemalloc
from pathlib import Path

import pytest
from checkpoint_states import (
    CHUNK,
    LENGTH,
    LyingDisk,
    Saved,
    checkpoint,
    generations,
    save,
    slot_path,
    small_chunks,
    upset,
)

from flight.executor import chain as chain_module
from flight.executor import slotfile, survey
from flight.executor.chain import Chain
from flight.executor.checkpoint import CheckpointError
from flight.executor.slotfile import Front
from flight.runtime.crc import crc32c
from flight.runtime.store import FileStore, MemoryStore

MIB = 1 << 20


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, small: None) -> FileStore | MemoryStore:
    return FileStore(tmp_path) if request.param == "file" else MemoryStore()


# The state in memory.


@pytest.mark.parametrize("at", [0, CHUNK, LENGTH - 1])
@pytest.mark.parametrize("before", [(), (1,), (1, 2, 3, 4)])
def test_a_state_that_changed_since_the_vote_is_not_saved(
    store: FileStore | MemoryStore, before: tuple[int, ...], at: int
) -> None:
    saved = save(store, *before)
    kept = generations(store)
    with pytest.raises(CheckpointError, match="no longer the one that was voted"):
        saved.chain.save(upset(5, at))
    assert generations(store) == kept
    assert Saved(store).generation() == max(before, default=0)
    saved.chain.save(checkpoint(6))
    assert Saved(store).generation() == 6


def test_without_that_check_corrupt_states_push_out_the_good_ones(
    store: FileStore | MemoryStore,
) -> None:
    saved = save(store, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain_module, "WHOLE_EVERY", 1)
        for generation in (2, 3):
            trusted = upset(generation, 9)
            patch.setattr(Front, "crc", trusted.crc)
            saved.chain.save(trusted)
    assert generations(store) == [3, 2, 0, 0]
    later = Saved(store)
    assert later.restore() is None
    assert [why[8:] for why in later.refusals] == ["state does not match its SHA-256"] * 2


def test_chunks_are_compared_by_their_octets(
    store: FileStore | MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two chunks with the same CRC: a change of five octets by a multiple of the polynomial."""
    old, new = bytearray(LENGTH), bytearray(LENGTH)
    for octet, pattern in enumerate((0x11EDC6F41 << 7).to_bytes(5, "big")):
        new[100 + octet] = int(f"{pattern:08b}"[::-1], 2)
    chunk = slice(CHUNK, 2 * CHUNK)
    assert old != new
    assert collide(old[chunk], new[chunk])
    saved = Saved(store)
    saved.chain.save(checkpoint(1, bytes(old)))
    saved.chain.save(checkpoint(2, bytes(new)))
    found = Saved(store).restore()
    assert found is not None
    assert (found.generation, found.state) == (2, bytes(new))
    monkeypatch.setattr(survey, "same", collide)
    by_crc = Saved(store)
    by_crc.chain.save(checkpoint(4, bytes(old)))
    by_crc.chain.save(checkpoint(5, bytes(new)))
    later = Saved(store)
    found = later.restore()
    assert found is not None
    assert found.generation == 4, "the change was lost, and only the SHA-256 tells"


def collide(left: bytes | bytearray | memoryview, right: bytes | bytearray | memoryview) -> bool:
    return crc32c(left) == crc32c(right)


# Reading back.


@pytest.mark.usefixtures("small")
def test_what_does_not_read_back_is_replaced_and_not_the_good_one(tmp_path: Path) -> None:
    disk = LyingDisk(tmp_path)
    saved = save(disk, 1)
    disk.lies = True
    for generation in (2, 3, 4, 5, 6):
        saved.chain.save(checkpoint(generation))
        assert Saved(disk).generation() == 1
    assert not saved.chain.holds(checkpoint(6))
    assert len(saved.refusals) == 5
    assert all("chunk 8 does not verify" in why for why in saved.refusals)
    disk.lies = False
    saved.chain.save(checkpoint(7))
    assert Saved(disk).generation() == 7


@pytest.mark.usefixtures("small")
def test_without_reading_back_the_good_one_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chain, "read_back", lambda *_: True)
    monkeypatch.setattr(chain_module, "WHOLE_EVERY", 1)
    disk = LyingDisk(tmp_path)
    saved = save(disk, 1)
    disk.lies = True
    saved.chain.save(checkpoint(2))
    saved.chain.save(checkpoint(3))
    assert Saved(disk).restore() is None


def test_reading_back_goes_in_slices(store: FileStore | MemoryStore) -> None:
    saved = save(store, 1)
    turns = [saved.chain.read_back(2) for _ in range(6)]
    assert turns == [False, False, False, False, True, True]
    assert saved.refusals == []


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOENT])
def test_a_slot_that_cannot_be_read_back_is_not_trusted(
    store: FileStore | MemoryStore, code: int
) -> None:
    saved = save(store, 1, 2)

    def refuse(name: str, slot: int) -> None:
        if code != errno.ENOENT:
            raise OSError(code, "medium")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "open_slot", refuse)
        saved.chain.read_back()
    assert saved.refusals == ["slot 2: medium" if code == errno.EIO else "slot 2: is gone"]
    saved.chain.save(checkpoint(3))
    assert generations(store)[2] == 3


def test_a_thread_that_cannot_start_is_an_error_of_the_machine(
    store: FileStore | MemoryStore,
) -> None:
    saved = save(store, 1)

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("concurrent.futures.ThreadPoolExecutor.submit", refuse)
        with pytest.raises(OSError, match="can't start new thread"):
            saved.chain.save(checkpoint(2))
    saved.chain.save(checkpoint(3))
    assert Saved(store).generation() == 3


# Real sizes.


def test_one_copy_of_the_state_is_enough(tmp_path: Path) -> None:
    """66 MiB with chunks of 1 MiB, as in flight: whole, delta, restored."""
    assert slotfile.CHUNK == MIB
    store = FileStore(tmp_path)
    old = checkpoint(1, bytes(65 * MIB) + bytes(range(256)) * 4000)
    changed = bytearray(old.state)
    changed[3 * MIB] = changed[-1] = 7
    new = checkpoint(2, bytes(changed))
    del changed
    saved = Saved(store)
    tracemalloc.start()
    try:
        saved.chain.save(old)
        saved.chain.save(new)
        peak = tracemalloc.get_traced_memory()[1]
        assert peak < 8 * MIB, f"{peak} octets more than the two states"
        tracemalloc.reset_peak()
        found = Saved(store).restore()
        peak = tracemalloc.get_traced_memory()[1]
        assert found is not None
        assert peak < len(new.state) + len(found.state) + 8 * MIB
    finally:
        tracemalloc.stop()
    assert (found.generation, found.state == new.state) == (2, True)
    sizes = [slot_path(tmp_path, slot).stat().st_size // MIB for slot in (0, 2)]
    assert sizes == [65, 1]
    assert saved.refusals == []
