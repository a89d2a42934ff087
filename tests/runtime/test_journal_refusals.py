"""The journal's writer when the file system refuses, for a while or in the middle of a record."""

from __future__ import annotations

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from flight.runtime.journal import Journal, Record, read, segments

SIZE = 1 << 20


def contents(directory: Path) -> list[Record]:
    return [record for path in segments(directory) for record in read(path)]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal of three records."""
    opened = Journal(tmp_path, SIZE, 4)
    opened.append_many([(b"record %d" % number, number) for number in range(3)])
    return opened


def in_order(records: list[Record]) -> bool:
    numbers = [record.sequence for record in records]
    return numbers == sorted(set(numbers))


@pytest.mark.parametrize("taken", range(0, 200, 9))
def test_refused_write_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: Journal, taken: int
) -> None:
    """The file system takes some octets and then no more, as a full one does."""
    real, room = os.write, [taken]

    def full(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "full")
        count = real(fd, data[: room[0]])
        room[0] -= count
        return count

    before = segments(tmp_path)[0].read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="full"):
            journal.append_many([(bytes(60), 0)] * 3)
    assert segments(tmp_path)[0].read_bytes() == before
    assert journal.sequence == 3
    assert journal.append(b"space again", 0) == 3
    assert [record.sequence for record in contents(tmp_path)] == [0, 1, 2, 3]


def test_refused_write_that_cannot_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    real = os.write

    def write(fd: int, data: bytes) -> int:
        real(fd, data[:100])
        raise OSError(errno.EIO, "medium")

    def truncate(fd: int, size: int) -> None:
        raise OSError(errno.EIO, f"medium {fd} {size}")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        patch.setattr(os, "ftruncate", truncate)
        with pytest.raises(OSError):
            journal.append_many([(bytes(60), 0)] * 3)
    assert journal.append(b"next", 0) == 6, "numbers that may be on disk were given again"
    assert in_order(contents(tmp_path))
    assert contents(tmp_path)[-1].payload == b"next"
    assert len(segments(tmp_path)) == 2, "the spoilt segment was written on"


@pytest.mark.parametrize("call", ["open", "fsync", "fdatasync", "write", "unlink"])
def test_refusal_at_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    journal = Journal(tmp_path, 100, 2)
    appended = [journal.append(bytes([n]) * 40, n) for n in range(4)]

    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, f"{arguments} {named}")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        for _ in range(3):
            with pytest.raises(OSError):
                journal.append_many([(b"refused" * 8, 0)] * 2)
    expected = journal.sequence
    assert journal.append(b"space again", 0) == expected
    records = contents(tmp_path)
    assert in_order(records)
    assert records[-1] == Record(expected, 0, b"space again")
    assert len(segments(tmp_path)) <= 2
    assert appended == [0, 1, 2, 3]


def test_refused_sync_of_the_directory_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, 100, 2)
    journal.append(bytes(60), 0)
    answers = [OSError(errno.EIO, "medium"), OSError(errno.EIO, "medium"), None]

    def fsync(_: int) -> None:
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(os, "fsync", fsync)
    for _ in range(2):
        with pytest.raises(OSError, match="medium"):
            journal.append(bytes(60), 0)
    assert journal.append(bytes(60), 0) == 1
    assert answers == []
    assert [record.sequence for record in contents(tmp_path)] == [0, 1], "evicted too early"


def test_real_refusal_in_the_middle_of_a_record(tmp_path: Path) -> None:
    def body() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        journal = Journal(tmp_path, SIZE, 2)
        for number in range(1000 // 128):
            journal.append(bytes(100), number)
        with pytest.raises(OSError, match="File too large"):
            journal.append(bytes(100), 0)
        assert journal.sequence == 1000 // 128
        assert segments(tmp_path)[0].stat().st_size == 1000 // 128 * 128
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
        assert journal.append(b"space again", 0) == 1000 // 128

    pid = os.fork()
    if not pid:
        try:
            body()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [record.sequence for record in contents(tmp_path)] == list(range(8))
