"""Slots: large files written in pieces, replaced as one step, read back from the medium."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store_crash import Death, exit_code, fork

from flight.runtime import files
from flight.runtime.files import Piece
from flight.runtime.store import SLOTS, FileStore, MemoryStore

OLD, NEW = [(0, b"old" * 100)], [(8, b"chunk"), (40, b"tail"), (0, b"head")]
WRITTEN = b"head\0\0\0\0chunk" + bytes(27) + b"tail"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore | MemoryStore:
    return FileStore(tmp_path) if request.param == "file" else MemoryStore(tmp_path)


def content(store: FileStore | MemoryStore, slot: int, name: str = "a/b") -> bytes | None:
    file = store.open_slot(name, slot)
    if file is None:
        return None
    with file:
        return file.read()


def test_pieces_come_in_any_order_with_zeros_between(store: FileStore | MemoryStore) -> None:
    assert content(store, 1) is None
    store.write_slot("a/b", 1, OLD)
    store.write_slot("a/b", 1, iter(NEW))
    assert content(store, 1) == WRITTEN
    assert [content(store, slot) for slot in (0, 2, 3)] == [None] * 3
    store.write_slot("a/b", 1, [])
    assert content(store, 1) == b""


@given(st.lists(st.tuples(st.integers(0, 99), st.binary(max_size=50)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_file_and_memory_hold_the_same(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[Piece]
) -> None:
    file, memory = FileStore(tmp_path_factory.mktemp("store")), MemoryStore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        for each in (file, memory):
            each.write_slot("a/b", 3, pieces)
    assert content(file, 3) == content(memory, 3)


def test_parts_of_a_slot_are_read_by_offset(store: FileStore | MemoryStore) -> None:
    store.write_slot("a/b", 0, NEW)
    file = store.open_slot("a/b", 0)
    assert file is not None
    with file:
        assert file.seek(0, os.SEEK_END) == len(WRITTEN)
        file.seek(40)
        assert file.read(2) == b"ta"
        assert file.read(100) == b"il"


def test_slots_have_names_and_go_with_them(store: FileStore | MemoryStore) -> None:
    store.write("a/b", b"generation")
    store.write_slot("a/b", 2, NEW)
    store.write_slot("a/c", 0, NEW)
    assert store.names("a/") == ["a/b", "a/c"]
    assert store.read("a/b") == b"generation"
    assert store.read("a/c") is None
    store.remove("a/c")
    assert store.names() == ["a/b"]
    store.remove("a/b")
    assert (store.names(), content(store, 2)) == ([], None)


@pytest.mark.parametrize("name", ["", "../a", "a~s0", "/a"])
def test_bad_names(store: FileStore | MemoryStore, name: str) -> None:
    with pytest.raises(ValueError):
        store.write_slot(name, 0, NEW)
    with pytest.raises(ValueError):
        store.open_slot(name, 0)


@pytest.mark.parametrize("slot", [SLOTS, 99])
def test_there_are_so_many_slots_and_no_more(store: FileStore | MemoryStore, slot: int) -> None:
    with pytest.raises(IndexError):
        store.write_slot("a", slot, NEW)
    with pytest.raises(IndexError):
        store.open_slot("a", slot)


def test_pieces_that_fail_leave_the_slot_as_it_was(
    store: FileStore | MemoryStore, tmp_path: Path
) -> None:
    def failing() -> Iterator[Piece]:
        yield 0, b"half"
        raise LookupError("state is corrupt")

    store.write_slot("a/b", 0, NEW)
    with pytest.raises(LookupError):
        store.write_slot("a/b", 0, failing())
    assert content(store, 0) == WRITTEN
    assert not any(tmp_path.rglob("*.tmp"))


# The device.


def octets_from_the_device() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["read_bytes"])


def test_a_slot_is_read_from_the_device_and_not_from_the_page_cache(tmp_path: Path) -> None:
    """As the kernel counts it. Whether the device has a cache of its own, no one can see here."""
    store, size = FileStore(tmp_path), 4 << 20
    store.write_slot("a", 0, [(0, os.urandom(size))])
    before = octets_from_the_device()
    assert (tmp_path / "a~s0").stat().st_size == len((tmp_path / "a~s0").read_bytes())
    cached = octets_from_the_device() - before
    content(store, 0, "a")
    from_device = octets_from_the_device() - before - cached
    if not from_device:
        pytest.skip("the file system of this machine reports no device")
    assert (cached, from_device >= size) == (0, True)


def test_the_device_is_given_the_first_pieces_while_the_next_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, written = threading.Event(), []
    monkeypatch.setattr(files, "SYNC_EVERY", 1000)
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.set())

    def pieces() -> Iterator[Piece]:
        for number in range(3):
            yield 1000 * number, bytes(1000)
            written.append(synced.wait(10))

    FileStore(tmp_path).write_slot("a", 0, pieces())
    assert written == [True] * 3


def test_an_error_of_the_device_that_a_thread_was_told_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel reports it once: fsync afterwards says that all is well."""

    def refuse(fd: int) -> None:
        raise OSError(errno.EIO, "medium")

    store = FileStore(tmp_path)
    store.write_slot("a", 0, OLD)
    monkeypatch.setattr(files, "SYNC_EVERY", 10)
    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(OSError, match="medium"):
        store.write_slot("a", 0, [(0, bytes(50))])
    assert content(store, 0, "a") == OLD[0][1]
    assert not any(tmp_path.rglob("*.tmp"))


# Death in the middle.


def crashes(root: Path, how: str) -> Iterator[tuple[int, bytes | None]]:
    """What slot 1 holds after a process died at each step of replacing it."""
    step = 0
    while True:
        store = FileStore(root / str(step))
        store.write_slot("a/b", 0, OLD)
        store.write_slot("a/b", 1, OLD)

        def doomed(store: FileStore = store, step: int = step) -> None:
            Death(step, how)
            store.write_slot("a/b", 1, NEW)
            os._exit(0)

        ended = exit_code(fork(doomed))
        if ended == 0:
            return
        assert ended == 9, "the child failed by itself"
        again = FileStore(root / str(step))
        assert content(again, 0) == OLD[0][1], "another slot was touched"
        assert not any((root / str(step)).rglob("*.tmp"))
        yield step, content(again, 1)
        again.write_slot("a/b", 1, NEW)
        assert content(again, 1) == WRITTEN
        step += 1


@pytest.mark.parametrize("how", ["before", "half", "power"])
def test_death_at_every_step_leaves_the_old_or_the_new(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    outcomes = [found for _, found in crashes(tmp_path, how)]
    turn = outcomes.index(WRITTEN)
    assert outcomes == [OLD[0][1]] * turn + [WRITTEN] * (len(outcomes) - turn)
    assert 4 < turn < len(outcomes)
