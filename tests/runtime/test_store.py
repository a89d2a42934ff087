"""The store: generations, names, damage to its files, readers beside a writer."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flight.runtime.crc import crc32c
from flight.runtime.store import FileStore, MemoryStore

OLD = b"old generation " * 3
NEW = b"new"
HEADER = 24


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore | MemoryStore:
    return FileStore(tmp_path) if request.param == "file" else MemoryStore(tmp_path)


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name[-2:] not in "~0~1"]


def test_two_generations_newest_first(store: FileStore | MemoryStore) -> None:
    assert store.read("a/b") is None
    assert store.generations("a/b") == []
    for value in (b"1", b"22" * 5000, b"", b"4"):
        store.write("a/b", value)
        assert store.read("a/b") == value
    assert store.generations("a/b") == [b"4", b""]


def test_names_and_remove(store: FileStore | MemoryStore) -> None:
    for name in ("task/2", "task/1", "task", "boot", "task/1"):
        store.write(name, b"x")
    store.path("task/raw").write_bytes(b"not ours")
    assert store.names() == ["boot", "task", "task/1", "task/2"]
    assert store.names("task/") == ["task/1", "task/2"]
    store.remove("task/1")
    store.remove("never/was")
    assert store.names("task") == ["task", "task/2"]
    assert store.generations("task/1") == []
    assert store.path("task/raw").read_bytes() == b"not ours"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/.",
        "a b",
        "a~0",
        "a\n",
        "é",
        "a\0",
    ],
)
def test_bad_names(store: FileStore | MemoryStore, name: str) -> None:
    for call in (store.read, store.generations, store.remove, store.path):
        with pytest.raises(ValueError):
            call(name)
    with pytest.raises(ValueError):
        store.write(name, b"")
    assert store.names() == []


@given(name=st.text("aZ9._-/~ \\", min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_leads_out_of_the_root(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    try:
        path = FileStore(root).path(name)
    except (ValueError, OSError):
        return
    assert path.resolve() != root.resolve()
    assert path.resolve().is_relative_to(root.resolve())


def test_memory_store_without_a_root_has_no_paths() -> None:
    with pytest.raises(OSError):
        MemoryStore().path("recorder")


def test_path_and_name_do_not_meet(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.path("a").write_bytes(b"raw")
    store.write("a", b"framed")
    store.write("b/c", b"framed")
    store.write("b", b"framed")
    assert (store.read("a"), store.path("a").read_bytes()) == (b"framed", b"raw")
    assert store.names() == ["a", "b", "b/c"]


NAMES = st.sampled_from(["a", "b", "d/a"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NAMES, st.binary(max_size=40)),
        st.tuples(st.just("remove"), NAMES),
        st.tuples(st.just("restart")),
    ),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_file_store_does_as_memory_store(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, ...]]
) -> None:
    root = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # hundreds of writes, none of them to last
        compare(root, steps)


def compare(root: Path, steps: list[tuple[str, ...]]) -> None:
    file, memory = FileStore(root), MemoryStore()
    for step, *arguments in steps:
        if step == "restart":
            file = FileStore(root)
            continue
        for each in (file, memory):
            getattr(each, step)(*arguments)
        assert file.names() == memory.names()
        for name in ("a", "b", "d/a"):
            assert file.generations(name) == memory.generations(name)


def damaged(data: bytes) -> list[bytes]:
    """Every truncation, every octet with one bit flipped, and octets added."""
    cut = [data[:size] for size in range(len(data))]
    flipped = [
        data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(len(data))
    ]
    return [*cut, *flipped, data + b"\0", data * 2, bytes(len(data))]


def test_damage_to_the_current_generation_falls_back(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("a", OLD)
    store.write("a", NEW)
    current = tmp_path / "a~0"
    variants = damaged(current.read_bytes())
    for variant in variants:
        current.write_bytes(variant)
        assert store.generations("a") == [OLD], f"1 of {len(variants)} variants"
        assert store.read("a") == OLD
    assert len(variants) == 2 * (HEADER + len(NEW)) + 3


def test_damage_to_the_previous_generation_is_not_seen(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("a", OLD)
    store.write("a", NEW)
    previous = tmp_path / "a~1"
    for variant in damaged(previous.read_bytes()):
        previous.write_bytes(variant)
        assert store.generations("a") == [NEW]
    (tmp_path / "a~0").write_bytes(b"")
    assert store.read("a") is None
    assert store.names() == ["a"]
    store.write("a", NEW)
    assert store.generations("a") == [NEW]


@pytest.mark.parametrize("fields", [(b"TGSU", 1, 3), (b"TGST", 2, 3), (b"TGST", 1, 4)])
def test_another_format_is_not_read(tmp_path: Path, fields: tuple[bytes, int, int]) -> None:
    head = struct.pack("<4sIQI", *fields, crc32c(NEW))
    (tmp_path / "a~0").write_bytes(head + struct.pack("<I", crc32c(head)) + NEW)
    assert FileStore(tmp_path).read("a") is None


def test_without_the_crc_a_flipped_octet_is_returned(tmp_path: Path) -> None:
    """The damage that the CRC masks: a reader that trusts the length alone returns it."""
    store = FileStore(tmp_path)
    store.write("a", OLD)
    raw = (tmp_path / "a~0").read_bytes()
    wrong = [variant[HEADER:] for variant in damaged(raw) if len(variant) == len(raw)]
    assert sum(data != OLD for data in wrong) == len(OLD) + 1
    assert raw[HEADER:] == OLD


def test_a_damaged_current_generation_does_not_push_out_the_good_one(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("a", OLD)
    store.write("a", b"to be damaged")
    (tmp_path / "a~0").write_bytes(b"damaged")
    store.write("a", NEW)
    assert store.generations("a") == [NEW, OLD]


def test_what_does_not_read_back_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    store.write("a", OLD)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data).replace(b"n", b"m")))
    with pytest.raises(OSError, match="does not read back"):
        store.write("a", NEW)
    assert store.generations("a") == [OLD]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("code", [errno.EIO, errno.EBADMSG, errno.EUCLEAN])
def test_an_unreadable_generation_counts_as_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store = FileStore(tmp_path)
    store.write("a", OLD)
    store.write("a", NEW)
    real = Path.open

    def refuse(path: Path, *arguments: object, **named: object) -> object:
        if path.name == "a~0":
            raise OSError(code, "medium")
        return real(path, *arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert store.read("a") == OLD


def test_readers_beside_a_writer_see_whole_generations(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("a", b"0:")
    pid = os.fork()
    if not pid:
        try:
            for number in range(1, 201):
                store.write("a", b"%d:" % number + bytes([number % 251]) * (number * 37 % 9001))
        finally:
            os._exit(0)
    last, reads, seen, ended = 0, 0, set(), False
    while not ended:
        ended = os.waitpid(pid, os.WNOHANG)[0] == pid
        data = store.read("a")
        assert data is not None, f"neither generation in read {reads}"
        head, _, body = data.partition(b":")
        number = int(head)
        assert body == bytes([number % 251]) * (number * 37 % 9001), f"a mix in read {reads}"
        assert last <= number <= 200
        last, reads = number, reads + 1
        seen.add(number)
    assert last == 200
    assert len(seen) > 5, f"{reads} reads saw only {len(seen)} of 201 generations"
