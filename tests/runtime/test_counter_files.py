"""Counters on disk: what they read after damage, tears and kills, on a full disk too."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.runtime.counters import STEP, CounterFiles

BLOCK = 4096


def damage(path: Path, copy: int, data: bytes = b"\xff") -> None:
    with path.open("r+b") as file:
        file.seek(copy * BLOCK + 10)
        file.write(data)


def reopened(folder: Path) -> int:
    files = CounterFiles(folder)
    try:
        return files.load("x")
    finally:
        files.close()


def test_a_new_counter_is_zero_and_a_saved_one_comes_back(tmp_path: Path) -> None:
    assert reopened(tmp_path / "new") == 0
    files = CounterFiles(tmp_path / "new")
    for value in (5, 1000, 900, 2**96):  # an orderly end gives back what was reserved
        files.save("x", value)
        assert reopened(tmp_path / "new") == value
    assert (tmp_path / "new" / "x").stat().st_mode & 0o777 == 0o600
    files.close()


@given(
    st.lists(st.integers(1, STEP), min_size=1, max_size=12), st.sets(st.integers(0, 3), max_size=3)
)
@settings(max_examples=60)
def test_damage_never_takes_a_counter_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], damaged: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("counters")
    files = CounterFiles(folder)
    value = 0
    for step in steps:
        value += step
        files.save("x", value)
    files.close()
    for copy in damaged:
        damage(folder / "x", copy)
    try:
        assert reopened(folder) >= value
    except OSError as error:
        assert error.errno == errno.EBADMSG  # noqa: PT017
        assert len(steps) < 4


def test_a_leap_survives_the_loss_of_the_newest_copy(tmp_path: Path) -> None:
    files = CounterFiles(tmp_path)
    files.save("x", 10)
    files.save("x", 1 << 40)
    files.close()
    damage(tmp_path / "x", 3)
    assert reopened(tmp_path) >= 1 << 40


def test_a_counter_without_a_whole_copy_is_lost_and_says_so(tmp_path: Path) -> None:
    files = CounterFiles(tmp_path)
    for value in range(4):
        files.save("x", value)
    files.close()
    for copy in range(4):
        damage(tmp_path / "x", copy)
    with pytest.raises(OSError, match="counter lost"):
        reopened(tmp_path)


PROGRAM = """
import sys
from pathlib import Path
from flight.runtime.counters import CounterFiles
files = CounterFiles(Path(sys.argv[1]))
value = files.load("x")
while True:
    value += 1
    files.save("x", value)
    print(value, flush=True)
"""


def test_kill_9_never_takes_a_confirmed_value_back(tmp_path: Path) -> None:
    for life in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        last = 0
        for _ in range(20 + 7 * life):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        last = int(rest[-1]) if rest else last
        assert last <= reopened(tmp_path) <= last + 1


def test_a_full_disk_does_not_stop_a_counter_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = CounterFiles(tmp_path)
    files.save("x", 1)
    size = (tmp_path / "x").stat()
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "")))
    for value in range(2, 20):
        files.save("x", value)  # no file is made, none grows
    monkeypatch.undo()
    after = (tmp_path / "x").stat()
    assert (after.st_size, after.st_blocks) == (size.st_size, size.st_blocks)
    files.close()
    assert reopened(tmp_path) == 19
