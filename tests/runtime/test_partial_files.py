"""Files in parts: reserved at once, found again after a kill, never seen before they are whole."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flight.runtime.partial import PartialFolder, SourceFile

KEY, NAME = "1-7", "scene.bin"


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_file_is_seen_when_it_is_whole(tmp_path: Path) -> None:
    folder = PartialFolder(tmp_path / "in")
    part = folder.open(KEY, NAME, 6)
    assert folder.reserved() == 6
    part.write(3, b"def")
    part.write(0, b"abc")
    assert part.read(2, 10) == b"cdef"
    assert [path.name for path in folder.whole()] == []
    part.commit()
    assert names(folder.folder) == [NAME]
    assert (folder.folder / NAME).read_bytes() == b"abcdef"
    assert folder.reserved() == 0


def test_space_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    """The medium itself refuses; nothing is left of the attempt, and the old file stays."""
    folder = PartialFolder(tmp_path / "in")
    (folder.folder / NAME).write_bytes(b"old")
    with pytest.raises(OSError):
        folder.open(KEY, NAME, 1 << 60)
    assert names(folder.folder) == [NAME]
    assert folder.reopen(KEY, NAME, 1 << 60) is None
    assert (folder.folder / NAME).read_bytes() == b"old"


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_killed_process_finds_what_it_synced(tmp_path: Path, size: int) -> None:
    child = os.fork()
    if child == 0:
        part = PartialFolder(tmp_path).open(KEY, NAME, size)
        part.write(0, b"x" * (size // 2))
        part.sync()
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    folder = PartialFolder(tmp_path)
    assert folder.reopen("1-8", NAME, size) is None
    part = folder.reopen(KEY, NAME, size)
    assert part is not None
    assert part.read(0, size) == b"x" * (size // 2) + bytes(size - size // 2)
    part.write(size // 2, b"y" * (size - size // 2))
    part.commit()
    assert (tmp_path / NAME).read_bytes() == b"x" * (size // 2) + b"y" * (size - size // 2)
    assert folder.reopen(KEY, NAME, size) is None, "it is delivered"


def test_a_part_of_another_size_is_no_part(tmp_path: Path) -> None:
    folder = PartialFolder(tmp_path)
    folder.open(KEY, NAME, 10)
    assert folder.reopen(KEY, NAME, 11) is None
    assert names(tmp_path) == []


def test_what_belongs_to_nothing_is_swept(tmp_path: Path) -> None:
    folder = PartialFolder(tmp_path)
    for number in range(4):
        folder.open(f"1-{number}", NAME, 10)
    (tmp_path / "whole").write_bytes(b"w")
    folder.sweep({"1-2"})
    assert names(tmp_path) == [".part-1-2", "whole"]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    """Whoever can plant a link in the folder cannot have a file outside written or sent."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = PartialFolder(tmp_path / "in")
    (folder.folder / f".part-{KEY}").symlink_to(secret)
    with pytest.raises(OSError):
        folder.reopen(KEY, NAME, 6)
    (folder.folder / NAME).symlink_to(secret)
    with pytest.raises(OSError):
        SourceFile(folder.folder / NAME)
    part = folder.open(KEY, NAME, 3)
    part.write(0, b"new")
    part.commit()
    assert not (folder.folder / NAME).is_symlink()
    assert (folder.folder / NAME).read_bytes() == b"new"
    assert secret.read_bytes() == b"secret"


def test_a_source_that_cannot_be_opened_says_so_quietly(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SourceFile(tmp_path / "none")
