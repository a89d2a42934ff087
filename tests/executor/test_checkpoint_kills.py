"""A process killed while it writes checkpoints, and a full disk: real files, real signals."""

from __future__ import annotations

import errno
import os
import random
import resource
import select
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checkpoint_states import Saved, checkpoint, small_chunks, state

from flight.executor import slotfile
from flight.executor.checkpoint import Checkpoint
from flight.runtime.store import FileStore

KILLS = 40
LONGEST = 0.03  # s from the first checkpoint of a life to its end
LENGTH = 1 << 20
DEADLINE = 30.0  # s


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 64 KiB, so that most of a life is spent writing; the medium is waited for."""
    small_chunks(monkeypatch, sync=True)
    monkeypatch.setattr(slotfile, "CHUNK", 1 << 16)


class Life:
    """A child that goes on from the newest checkpoint, and tells of each that it has saved."""

    def __init__(self, root: Path) -> None:
        self._told, child = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(self._told)
                self._live(root, child)
            finally:
                os._exit(1)
        os.close(child)

    @staticmethod
    def _live(root: Path, told: int) -> None:
        saved = Saved(FileStore(root))
        generation = saved.generation()
        while True:
            generation += 1
            saved.chain.save(checkpoint(generation, state(generation, LENGTH)))
            os.write(told, struct.pack("<I", generation))

    def last_told(self, wait: float) -> int:
        """Kill it ``wait`` s after its first checkpoint; the newest that it told of."""
        ready, _, _ = select.select([self._told], [], [], DEADLINE)
        assert ready, "the child saved nothing"
        signal.sigtimedwait([], wait)
        os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it ended by itself"
        told = b""
        while piece := os.read(self._told, 1 << 16):
            told += piece
        os.close(self._told)
        return int(struct.unpack("<I", told[-4:])[0])


def test_kill_9_at_any_instant(tmp_path: Path) -> None:
    """What a life has saved the next one goes on from, and at most one more."""
    draw = random.Random(11)
    interrupted = 0
    for _ in range(KILLS):
        told = Life(tmp_path).last_told(draw.uniform(0, LONGEST))
        interrupted += any(tmp_path.rglob("*.tmp"))
        saved = Saved(FileStore(tmp_path))
        assert saved.generation() in (told, told + 1)
        assert saved.refusals == []
        assert not any(tmp_path.rglob("*.tmp"))
    print(f"kills: n = {KILLS}, {interrupted} in the middle of a write, 0 bad ones accepted")
    assert interrupted > 2
    assert told > KILLS


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


@pytest.mark.parametrize("before", [1, 2, 4])
def test_refusal_after_any_number_of_octets(tmp_path: Path, before: int) -> None:
    """The next one, whole or a delta, meets a limit at every 60th of a state until it fits."""
    new = checkpoint(before + 1, state(before + 1, LENGTH))

    def body() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        saved = Saved(FileStore(tmp_path))
        for generation in range(1, before + 1):
            saved.chain.save(checkpoint(generation, state(generation, LENGTH)))
        refused = 0
        for limit in range(1, 2 * LENGTH, LENGTH // 60):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            if refusal(saved, new) is None:
                break
            assert refusal(saved, new) == errno.EFBIG
            assert Saved(FileStore(tmp_path)).generation() == before
            assert not any(tmp_path.rglob("*.tmp"))
            refused += 1
        assert refused >= (60 if before == 4 else 4)

    in_child(body)
    assert Saved(FileStore(tmp_path)).generation() == before + 1


def refusal(saved: Saved, new: Checkpoint) -> int | None:
    """Error number with which a checkpoint is refused."""
    try:
        saved.chain.save(new)
    except OSError as error:
        return error.errno
    return None


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for two and a half states."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={5 * LENGTH // 2}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no mount: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_full_disk(tmp_path: Path, tiny_disk: Path) -> None:
    """No room for a third whole state beside two: it is refused again and again, deltas go on."""
    saved = Saved(FileStore(tiny_disk))
    refused = []
    for generation in range(1, 10):
        code = refusal(saved, checkpoint(generation, state(generation, LENGTH)))
        assert code in (None, errno.ENOSPC)
        refused += [generation] if code else []
        newest = max(set(range(1, generation + 1)) - set(refused))
        assert Saved(FileStore(tiny_disk)).generation() == newest
    assert refused == [9]
    assert not any(tiny_disk.rglob("*.tmp"))
