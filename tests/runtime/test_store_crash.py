"""The store when its process dies, or the power goes, at every step of a write."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flight.runtime import files
from flight.runtime import store as module
from flight.runtime.store import FileStore

SYSCALLS = ("open", "write", "fsync", "close", "replace", "mkdir", "fstat", "unlink")
OLDER, OLD, NEW = b"older" * 9, b"old" * 30, b"new"
FINISHED, KILLED = 0, 9
Body = Callable[[FileStore], None]


@pytest.fixture(autouse=True)
def _no_wait_for_the_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls are what counts here; what they order on the medium cannot be seen anyway."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Death:
    """Ends this process at the n-th system call from now on.

    ``how``: before the call, after it, half-way through a write, or "power": after it, and every
    file loses what was not synced.
    """

    def __init__(self, step: int, how: str) -> None:
        self.left, self.how = step, how
        self.unsynced: dict[int, int] = {}
        for name in SYSCALLS:
            setattr(os, name, self.wrap(name, getattr(os, name)))

    def wrap(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: Any, **named: Any) -> object:
            last, self.left = self.left == 0, self.left - 1
            if last and self.how == "half" and name == "write":
                octets = bytes(arguments[1])
                real(arguments[0], octets[: len(octets) // 2])
            if last and self.how in ("before", "half"):
                os._exit(KILLED)
            try:
                result = real(*arguments, **named)
                if name in ("write", "fsync"):
                    self.note(name, arguments[0])
            finally:  # also when the call failed, as that of a file that is not there
                if last:
                    self.end()
            return result

        return call

    def note(self, name: str, fd: int) -> None:
        inode = Path(f"/proc/self/fd/{fd}").stat().st_ino
        if name == "fsync":
            self.unsynced.pop(inode, None)
        else:
            self.unsynced.setdefault(inode, os.dup(fd))

    def end(self) -> None:
        if self.how == "power":
            for fd in self.unsynced.values():
                os.ftruncate(fd, 0)
        os._exit(KILLED)


def fork(body: Callable[[], object]) -> int:
    """Run in a process of its own, which ends with 0 when ``body`` does well; return its id."""
    pid = os.fork()
    if not pid:
        try:
            body()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return pid


def exit_code(pid: int) -> int:
    """Wait for a process; its exit code, or the signal negated."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(root: Path, body: Body, step: int, how: str) -> int:
    """Run ``body`` in a process that dies at ``step``; return how it ended."""

    def doomed() -> None:
        store = FileStore(root)
        Death(step, how)
        body(store)
        os._exit(FINISHED)

    return exit_code(fork(doomed))


def prepare(root: Path, state: str) -> None:
    """Leave ``a`` in the named state."""
    store = FileStore(root)
    for value in {"none": (), "one": (OLD,)}.get(state, (OLDER, OLD)):
        store.write("a", value)
    if state == "damaged":
        (root / "a~0").write_bytes(OLD)
    if state == "gap":
        (root / "a~0").replace(root / "a~1")


def crashes(tmp_path: Path, state: str, body: Body, how: str) -> Iterator[tuple[int, Path]]:
    """Every step at which ``body`` can die, with the files that it leaves."""
    template = tmp_path / "template"
    prepare(template, state)
    step = 0
    while True:
        root = tmp_path / f"{step}"
        shutil.copytree(template, root)
        ended = run(root, body, step, how)
        assert ended in (FINISHED, KILLED), "the child failed by itself"
        if ended == FINISHED:
            return
        yield step, root
        step += 1


def write(store: FileStore) -> None:
    store.write("a", NEW)


STATES = {"none": None, "one": OLD, "two": OLD, "damaged": OLDER, "gap": OLD}


@pytest.mark.parametrize("how", ["before", "half", "after", "power"])
@pytest.mark.parametrize("state", STATES)
def test_write_leaves_the_old_or_the_new(tmp_path: Path, state: str, how: str) -> None:
    old, outcomes = STATES[state], []
    for step, root in crashes(tmp_path, state, write, how):
        store = FileStore(root)
        result = store.read("a")
        assert result in (old, NEW), f"died {how} step {step}"
        assert not list(root.glob("*.tmp")), f"died {how} step {step}"
        outcomes.append(result)
        store.write("a", b"next")
        assert store.generations("a")[0] == b"next"
        assert len(store.generations("a")) == (1 if result is None else 2)
    assert len(outcomes) > 5, f"only {len(outcomes)} steps"
    turn = outcomes.index(NEW)
    assert outcomes == [old] * turn + [NEW] * (len(outcomes) - turn)


@pytest.mark.parametrize("how", ["before", "after"])
def test_remove_never_brings_an_older_one_back(tmp_path: Path, how: str) -> None:
    steps = 0
    for step, root in crashes(tmp_path, "two", lambda store: store.remove("a"), how):
        assert FileStore(root).read("a") in (OLD, None), f"died {how} step {step}"
        steps += 1
    assert steps > 4


def test_first_write_below_a_new_directory(tmp_path: Path) -> None:
    for step, root in crashes(tmp_path, "none", lambda store: store.write("d/e/a", NEW), "after"):
        store = FileStore(root)
        assert store.read("d/e/a") in (None, NEW), f"died after step {step}"
        store.write("d/e/a", OLD)
        assert store.read("d/e/a") == OLD


def in_place(store: FileStore) -> None:
    """A write without the protection: the file is opened and overwritten."""
    fd = os.open(store._root / "a~0", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(fd, module._header(NEW))
    os.write(fd, NEW)
    os.close(fd)


def unsynced(store: FileStore) -> None:
    """A write whose file is not synced before it is renamed."""
    real = os.fsync
    os.fsync = lambda fd: None if Path(f"/proc/self/fd/{fd}").is_file() else real(fd)
    store.write("a", NEW)
    os.open("/", os.O_RDONLY)  # one more step: the write has returned


def unchecked(store: FileStore) -> None:
    """A write that makes the current generation the previous one without looking at it."""
    real = module._verifies
    module._verifies = lambda path: path.suffix != ".tmp" or real(path)
    store.write("a", NEW)


def test_without_the_new_file_a_crash_leaves_neither(tmp_path: Path) -> None:
    results = [FileStore(root).read("a") for _, root in crashes(tmp_path, "one", in_place, "after")]
    assert None in results


def test_without_fsync_a_power_cut_takes_a_finished_write(tmp_path: Path) -> None:
    results = [FileStore(root).read("a") for _, root in crashes(tmp_path, "one", unsynced, "power")]
    assert results[-1] == OLD, "the write had returned, and its data are gone"


def test_without_the_check_a_crash_after_damage_leaves_neither(tmp_path: Path) -> None:
    results = [
        FileStore(root).read("a") for _, root in crashes(tmp_path, "damaged", unchecked, "after")
    ]
    assert None in results


def test_data_then_names_become_durable_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    trace: list[str] = []

    def spy(name: str, real: Callable[..., object]) -> None:
        def call(*arguments: object, **named: object) -> object:
            where = arguments[0]
            path = Path(f"/proc/self/fd/{where}") if isinstance(where, int) else Path(str(where))
            kind = path.resolve().relative_to(tmp_path).as_posix() if path.is_dir() else "file"
            trace.append(f"{name} {kind}")
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)

    for name in ("write", "fsync", "replace"):
        spy(name, getattr(os, name))
    first = ["write file", "write file", "fsync file", "replace file", "fsync d/e"]
    store.write("d/e/a", OLD)
    assert trace == ["fsync .", "fsync d", *first]
    trace.clear()
    store.write("d/e/a", NEW)
    assert trace == [*first[:3], "replace file", *first[3:]]


def test_sweep_spares_the_file_of_a_living_writer(tmp_path: Path) -> None:
    """Another process starts while one is in the middle of a write; the write is not disturbed."""
    store = FileStore(tmp_path)
    reached, go_on = os.pipe(), os.pipe()

    def pause(_: int) -> None:
        os.write(reached[1], b".")
        os.read(go_on[0], 1)

    def slow() -> None:
        os.close(go_on[1])
        os.fsync = pause
        store.write("a", NEW)

    pid = fork(slow)
    os.read(reached[0], 1)
    FileStore(tmp_path)
    spared = len(list(tmp_path.glob("a~*.tmp")))
    os.write(go_on[1], b"..")
    assert (exit_code(pid), spared) == (FINISHED, 1)
    assert FileStore(tmp_path).generations("a") == [NEW]
    for fd in (*reached, *go_on):
        os.close(fd)


def test_sweep_takes_the_file_of_a_killed_writer(tmp_path: Path) -> None:
    store = FileStore(tmp_path)

    def killed() -> None:
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        store.write("a", NEW)

    assert exit_code(fork(killed)) == -signal.SIGKILL
    assert len(list(tmp_path.rglob("*.tmp"))) == 1
    assert FileStore(tmp_path).names() == []
    assert len(list(tmp_path.rglob("*.tmp"))) == 0


def test_a_temporary_file_swept_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    real = files.fcntl.flock
    swept: list[Path] = []

    def flock(fd: int, operation: int) -> None:
        if not swept:
            swept.extend(tmp_path.glob("*.tmp"))
            swept[0].unlink()
        real(fd, operation)

    monkeypatch.setattr(files.fcntl, "flock", flock)
    store.write("a", NEW)
    assert len(swept) == 1
    assert store.read("a") == NEW
