"""Installed programs when the disk is full, or the process dies, at every step of a change."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from program_site import KEYS, opened, prepared, state

from flight.dictionary.shelf import NAME
from flight.runtime import files
from flight.runtime.store import FileStore
from flight.storage import programs as module
from flight.storage.programs import ProgramStore

FINISHED, KILLED = 0, 9
CHANGES: dict[str, Callable[[ProgramStore], object]] = {
    "install": lambda programs: programs.install("up.bundle"),
    "activate": lambda programs: programs.activate("rows", 1),
    "rollback": lambda programs: programs.roll_back("rows"),
}
AFTER = {"install": ([1, 2, 3], 2), "activate": ([1, 2], 1), "rollback": ([1, 2], 1)}
BEFORE = ([1, 2], 2)
SYSCALLS = ("open", "write", "fsync", "close", "replace", "mkdir", "fstat", "unlink")


@pytest.fixture(autouse=True)
def _no_wait_for_the_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.mark.parametrize("change", CHANGES)
def test_a_full_disk_refuses_each_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    store, calls, refused = prepared(tmp_path), 0, 0
    programs = opened(store)
    real = files.write_all

    def full(fd: int, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls > refused:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd, data)

    for owner in ("flight.runtime.files", "flight.runtime.store"):
        monkeypatch.setattr(f"{owner}.write_all", full)
    while True:
        calls = 0
        try:
            CHANGES[change](programs)
        except OSError:
            pass
        else:
            break
        assert state(programs) == state(opened(FileStore(tmp_path))) == BEFORE
        assert not list(tmp_path.rglob("*.tmp"))
        refused += 1
    assert refused >= (2 if change == "install" else 1)
    assert state(programs) == state(opened(FileStore(tmp_path))) == AFTER[change]


def dies(root: Path, change: str, step: int, after: bool) -> int:
    """Make a change in a process that dies at its n-th system call; how it ended."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        programs = opened(FileStore(root))
        left = step

        def wrap(real: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **named: object) -> object:
                nonlocal left
                last, left = left == 0, left - 1
                if last and not after:
                    os._exit(KILLED)
                try:
                    return real(*arguments, **named)
                finally:
                    if last:
                        os._exit(KILLED)

            return call

        for name in SYSCALLS:
            setattr(os, name, wrap(getattr(os, name)))
        CHANGES[change](programs)
        os._exit(FINISHED)
    except BaseException:
        os._exit(1)


def crashes(tmp_path: Path, change: str, after: bool) -> Iterator[tuple[int, Path]]:
    """Every step at which a change can die, with what it leaves."""
    template, step = tmp_path / "template", 0
    prepared(template)
    while True:
        root = tmp_path / str(step)
        shutil.copytree(template, root)
        ended = dies(root, change, step, after)
        assert ended in (FINISHED, KILLED), "the child failed by itself"
        if ended == FINISHED:
            return
        yield step, root
        step += 1


@pytest.mark.parametrize(
    ("change", "after"),
    [("install", False), ("install", True), ("activate", True), ("rollback", False)],
)
def test_death_at_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, change: str, after: bool
) -> None:
    outcomes = []
    for step, root in crashes(tmp_path, change, after):
        programs = opened(FileStore(root))  # every bundle on the shelf is whole
        found = state(programs)
        assert found in (BEFORE, AFTER[change]), f"died at step {step}"
        outcomes.append(found)
        named = {Path(each.file).name for each, _ in programs.shelf.installed()}
        left = {path.name for path in (root / "programs").iterdir() if "~" not in path.name}
        assert left == named, f"died at step {step}"
        if found == BEFORE:  # it can be done again
            CHANGES[change](programs)
        assert state(opened(FileStore(root))) == AFTER[change]
    assert len(outcomes) > 8, f"only {len(outcomes)} steps"
    turn = outcomes.index(AFTER[change])
    assert outcomes == [BEFORE] * turn + [AFTER[change]] * (len(outcomes) - turn)


def test_a_shelf_that_names_a_bundle_before_it_is_there_would_be_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the two writes is what protects: the other way round leaves a hole."""
    late: list[tuple[Path, bytes]] = []
    real = FileStore.write

    def swapped(store: FileStore, name: str, data: bytes) -> None:
        real(store, name, data)
        for path, octets in late if name == NAME else ():
            files.replace_pieces(path, [(0, octets)])
        late.clear()

    monkeypatch.setattr(module, "replace_file", lambda path, data: late.append((path, data)))
    monkeypatch.setattr(FileStore, "write", swapped)
    left = (root for _, root in crashes(tmp_path, "install", True))
    assert any(ProgramStore(FileStore(root), KEYS).load() for root in left)
