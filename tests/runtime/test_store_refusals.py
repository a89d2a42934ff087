"""The store when the file system refuses: at every system call, at a limit, without permission."""

from __future__ import annotations

import errno
import os
import resource
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flight.runtime import files
from flight.runtime.store import FileStore

OLD = b"old generation " * 3
NEW = b"new"


@pytest.fixture(autouse=True)
def _no_wait_for_the_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls are what counts here; what they order on the medium cannot be seen anyway."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name[-2:] not in "~0~1"]


SYSCALLS = ("open", "write", "fsync", "close", "replace", "mkdir", "fstat")


def refuse_call(monkeypatch: pytest.MonkeyPatch, refused: int, code: int) -> list[str]:
    """Make the n-th system call fail; a write first takes some octets. Returns the calls made."""
    seen: list[str] = []

    def wrap(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            seen.append(name)
            if len(seen) - 1 != refused:
                return real(*arguments, **named)
            if name == "write":
                real(arguments[0], bytes(arguments[1])[:2])  # type: ignore[call-overload]
            if name == "close":
                real(*arguments)
            raise OSError(code, os.strerror(code))

        return call

    for name in SYSCALLS:
        monkeypatch.setattr(os, name, wrap(name, getattr(os, name)))
    monkeypatch.setattr(files.fcntl, "flock", wrap("flock", files.fcntl.flock))
    return seen


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE])
def test_refusal_of_each_system_call_keeps_the_old_generation(tmp_path: Path, code: int) -> None:
    refused = 0
    while True:
        root = tmp_path / str(refused)
        store = FileStore(root)
        store.write("a", OLD)
        raised = None
        with pytest.MonkeyPatch.context() as patch:
            seen = refuse_call(patch, refused, code)
            try:
                store.write("a", NEW)
            except OSError as error:
                raised = error.errno
        if refused == len(seen):
            break
        assert raised == code or masked(code, refused, seen)
        # Closing the file and syncing the directory come after the new one is in place.
        done = raised is None or seen[:refused].count("replace") == 2
        assert store.read("a") == (NEW if done else OLD), f"call {refused}, {seen[refused]}"
        assert leftovers(root) == [], f"call {refused}"
        store.write("a", NEW)
        assert store.read("a") == NEW
        refused += 1
    assert refused > 10, f"only {refused} system calls were refused"


def masked(code: int, refused: int, seen: list[str]) -> bool:
    """A current generation that cannot be read is damaged; it is replaced and not kept."""
    return code == errno.EIO and seen[: refused + 1].count("fstat") == 3


def in_child(body: Callable[[], None]) -> None:
    """Run in a forked process; fail unless it ends well."""
    pid = os.fork()
    if not pid:
        try:
            body()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_real_refusal_in_the_middle_of_a_write(tmp_path: Path) -> None:
    def body() -> None:
        store = FileStore(tmp_path)
        store.write("a", OLD)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        with pytest.raises(OSError, match="File too large"):
            store.write("a", bytes(5000))
        assert store.generations("a") == [OLD]
        assert leftovers(tmp_path) == []
        store.write("a", bytes(900))
        assert store.generations("a") == [bytes(900), OLD]

    in_child(body)


def test_read_only_directory() -> None:
    def body() -> None:
        if os.geteuid() == 0:  # permissions do not bind root
            os.chown(root, 65534, 65534)
            os.setuid(65534)
        store = FileStore(root)
        store.write("a", OLD)
        root.chmod(0o500)
        with pytest.raises(PermissionError):
            store.write("a", NEW)
        assert FileStore(root).generations("a") == [OLD]
        root.chmod(0o700)
        store.write("a", NEW)
        assert store.generations("a") == [NEW, OLD]

    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        in_child(body)
        assert FileStore(root).read("a") == NEW
