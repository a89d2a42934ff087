"""A checkpoint that is saved when its process dies, or the power goes, at every step of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from test_store_crash import FINISHED, KILLED, Death, exit_code, fork

from flight.executor import chain as chain_module
from flight.executor import slotfile
from flight.executor.chain import Chain
from flight.executor.checkpoint import Checkpoint, Counters, Origin
from flight.runtime import store as module
from flight.runtime.crc import crc32c
from flight.runtime.store import FileStore

ORIGIN = Origin(1, "rows 1", "scene", {})


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slotfile, "CHUNK", 64)
    monkeypatch.setattr(chain_module, "DELTA_ABOVE", 0)
    monkeypatch.setattr(chain_module, "WHOLE_EVERY", 3)
    monkeypatch.setattr(os, "fsync", lambda _: None)


def state(generation: int) -> bytes:
    return bytes(64) + bytes([generation]) * 64 + bytes(range(200))


def save(chain: Chain, generation: int) -> None:
    octets = state(generation)
    digest = hashlib.sha256(octets).hexdigest()
    rest = Counters(), digest, crc32c(octets), octets
    chain.save(Checkpoint(ORIGIN, generation, False, 9, *rest))


def restored(root: Path) -> int:
    found = Chain(FileStore(root), 1, lambda why: None).restore(lambda front: None)
    assert found is None or found.state == state(found.generation), "a bad state was accepted"
    return found.generation if found else 0


def die(root: Path, chain: Chain, step: int, how: str) -> int:
    def doomed() -> None:
        Death(step, how)
        save(chain, 10)
        os._exit(FINISHED)

    return exit_code(fork(doomed))


def outcomes(tmp_path: Path, before: int, how: str) -> list[int]:
    """Generation restored after death at each step of saving number 10."""
    found: list[int] = []
    while True:
        root = tmp_path / str(len(found))
        chain = Chain(FileStore(root), 1, lambda why: None)
        for generation in range(10 - before, 10):
            save(chain, generation)
        ended = die(root, chain, len(found), how)
        assert ended in (FINISHED, KILLED), "the child failed by itself"
        if ended == FINISHED:
            return found
        found.append(restored(root))
        again = Chain(FileStore(root), 1, lambda why: None)
        again.restore(lambda front: None)
        save(again, 11)
        assert restored(root) == 11
        shutil.rmtree(root)


@pytest.mark.parametrize("how", ["before", "half", "power"])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_the_old_or_the_new_is_restored(tmp_path: Path, before: int, how: str) -> None:
    """The first one; a delta; a whole state that replaces the older one."""
    old = 9 if before else 0
    found = outcomes(tmp_path, before, how)
    turn = found.index(10)
    assert found == [old] * turn + [10] * (len(found) - turn)
    assert turn > 4


def test_without_the_temporary_file_the_oldest_is_lost_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written in place, the only checkpoint of a task goes with the process."""

    def in_place(path: Path, pieces: list[tuple[int, bytes]]) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for offset, data in pieces:
            os.lseek(fd, offset, os.SEEK_SET)
            os.write(fd, data)
        os.close(fd)

    monkeypatch.setattr(module, "replace_pieces", in_place)
    monkeypatch.setattr(Chain, "_oldest", lambda *_: 0)
    assert 0 in outcomes(tmp_path, 1, "after")
