"""The journal's writer: layout, sequence, ring, restarts, kill -9."""

from __future__ import annotations

import errno
import os
import signal
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.runtime import journal as module
from flight.runtime.journal import HEADER_SIZE, MARK, SYNC, Journal, Record, read, scan, segments

SIZE = 1 << 20


@pytest.fixture(autouse=True)
def _no_wait_for_the_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these files has to last, and a killed process leaves its page cache."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


def contents(directory: Path, name: str = "journal") -> list[Record]:
    return [record for path in segments(directory, name) for record in read(path)]


def filled(directory: Path, count: int, **settings_: int) -> Journal:
    journal = Journal(directory, **{"segment_size": SIZE, "segments": 4, **settings_})
    for number in range(count):
        assert journal.append(b"record %d" % number, 1000 + number) == number
    return journal


def test_round_trip(tmp_path: Path) -> None:
    journal = filled(tmp_path / "new" / "directory", 3)
    assert journal.append_many([(b"", -5), (SYNC * 3, 2**63 - 1)]) == range(3, 5)
    assert journal.append_many([]) == range(5, 5)
    assert journal.sequence == 5
    expected = [Record(n, 1000 + n, b"record %d" % n) for n in range(3)]
    expected += [Record(3, -5, b""), Record(4, 2**63 - 1, SYNC * 3)]
    assert contents(tmp_path / "new" / "directory") == expected
    journal.close()


def test_record_on_disk(tmp_path: Path) -> None:
    """The layout, read by hand: other programs on the ground do."""
    filled(tmp_path, 1).append(b"x" + MARK + b"y", -1)
    data = segments(tmp_path)[0].read_bytes()[HEADER_SIZE + len(b"record 0") :]
    sync, length, sequence, utc_ns, crc = struct.unpack("<4sIQqI", data[:28])
    assert (sync, length, sequence, utc_ns) == (SYNC, 6, 1, -1)
    assert data[28:] == b"x" + MARK + b"\0y"
    assert crc == module.crc32c(data[:24] + data[28:])


PAYLOADS = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([SYNC, MARK, MARK[:2], b"\0", SYNC[3:]]), max_size=9).map(b"".join),
)


@given(st.lists(st.tuples(PAYLOADS, st.integers(-(2**63), 2**63 - 1)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_payload_comes_back(
    tmp_path_factory: pytest.TempPathFactory, batch: list[tuple[bytes, int]]
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    journal = Journal(directory, 400, 100)
    journal.append_many(batch[:7])
    for payload, utc_ns in batch[7:]:
        journal.append(payload, utc_ns)
    assert contents(directory) == [Record(n, t, p) for n, (p, t) in enumerate(batch)]
    for path in segments(directory):
        data = path.read_bytes()
        assert len(data) <= 400
        assert data.count(SYNC) == len(list(scan(data))), "a payload on disk holds the sync word"


def test_ring(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 300, 3)
    other = Journal(tmp_path, 300, 3, "journal-2")
    other.append(b"beside", 0)
    for number in range(100):
        journal.append(b"%d" % number * 20, number)
        paths = segments(tmp_path)
        assert len(paths) <= 3
        assert all(path.stat().st_size <= 300 for path in paths)
    kept = [record.sequence for record in contents(tmp_path)]
    assert kept == list(range(kept[0], 100))
    assert len(kept) > 8
    assert [r.payload for r in contents(tmp_path, "journal-2")] == [b"beside"]


def test_batch_over_several_segments_equals_single_appends(tmp_path: Path) -> None:
    batch = [(bytes([n]) * (n % 50), n) for n in range(60)]
    Journal(tmp_path / "a", 200, 50).append_many(batch)
    single = Journal(tmp_path / "b", 200, 50)
    for payload, utc_ns in batch:
        single.append(payload, utc_ns)
    one, other = segments(tmp_path / "a"), segments(tmp_path / "b")
    assert [path.name for path in one] == [path.name for path in other]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_payload_that_fits_no_segment(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 100, 2)
    largest = bytes(100 - HEADER_SIZE)
    with pytest.raises(ValueError, match="exceed"):
        journal.append_many([(b"fits", 0), (largest + b"x", 0)])
    with pytest.raises(ValueError, match="exceed"):
        journal.append(largest[:-3] + MARK, 0)
    assert contents(tmp_path) == []
    assert journal.append_many([(largest, 0), (largest, 1)]) == range(2)
    assert [record.payload for record in contents(tmp_path)] == [largest] * 2


@pytest.mark.parametrize(
    ("size", "count", "name"),
    [(HEADER_SIZE, 2, "a"), (2**31 + 1, 2, "a"), (SIZE, 1, "a"), (SIZE, 2, "a/b"), (SIZE, 2, "*")],
)
def test_bad_settings(tmp_path: Path, size: int, count: int, name: str) -> None:
    with pytest.raises(ValueError):
        Journal(tmp_path, size, count, name)


def test_sequence_goes_on_over_restarts_and_rotation(tmp_path: Path) -> None:
    for start in range(0, 60, 5):
        journal = Journal(tmp_path, 250, 100)
        assert journal.sequence == start
        for number in range(5):
            journal.append(b"x" * 30, number)
        if start % 2:
            journal.close()
    assert [record.sequence for record in contents(tmp_path)] == list(range(60))
    assert len(segments(tmp_path)) == 60 // 4, "4 records fit a segment; a restart wastes none"


def test_close_and_go_on(tmp_path: Path) -> None:
    journal = filled(tmp_path, 2)
    journal.close()
    journal.close()
    journal.sync()
    assert journal.append(b"later", 0) == 2
    assert [record.sequence for record in contents(tmp_path)] == [0, 1, 2]


@pytest.mark.parametrize("cut", range(1, HEADER_SIZE + len(b"record 4")))
def test_restart_behind_a_torn_tail(tmp_path: Path, cut: int) -> None:
    filled(tmp_path, 5)
    (torn,) = segments(tmp_path)
    os.truncate(torn, torn.stat().st_size - cut)
    left = torn.read_bytes()
    journal = Journal(tmp_path, SIZE, 4)
    assert journal.append(b"after", 0) == 5, "the number of the torn record was given again"
    assert torn.read_bytes() == left, "the torn tail was touched"
    assert [record.sequence for record in contents(tmp_path)] == [0, 1, 2, 3, 5]
    assert len(segments(tmp_path)) == 2


def test_restart_behind_damage_gives_no_number_twice(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    (path,) = segments(tmp_path)
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        assert Journal(tmp_path, SIZE, 4).sequence == 5, f"octet {at} of {len(good)} damaged"
    for tail in range(1, 6):
        size = len(good) // 5 * tail
        path.write_bytes(good[:-size] + good[-size:].replace(b"record", b"damage"))
        assert Journal(tmp_path, SIZE, 4).sequence == 5, f"{tail} of 5 records damaged"


def test_restart_behind_a_segment_without_a_record(tmp_path: Path) -> None:
    """The name of the segment still tells which numbers were given before it."""
    filled(tmp_path, 5, segment_size=80)
    last = segments(tmp_path)[-1]
    last.write_bytes(bytes(last.stat().st_size))
    assert Journal(tmp_path, 80, 4).append(b"x", 0) == 5
    assert [record.sequence for record in contents(tmp_path)] == [0, 1, 2, 3, 5]


def test_restart_behind_an_unreadable_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, 5)

    def refuse(path: Path) -> bytes:
        raise OSError(errno.EIO, "medium", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        journal = Journal(tmp_path, SIZE, 4)
        assert journal.append(b"x", 0) >= 5
    assert [record.payload for record in contents(tmp_path)][-1] == b"x"


@pytest.mark.parametrize("batch", [1, 50])
def test_kill_of_the_writer_loses_nothing_acknowledged(tmp_path: Path, batch: int) -> None:
    acknowledged, pipe = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(acknowledged)
            journal = Journal(tmp_path, 20_000, 1000)
            while True:
                numbers = range(journal.sequence, journal.sequence + batch)
                journal.append_many([(b"%d" % n * (n % 60), n) for n in numbers])
                os.write(pipe, struct.pack("<Q", journal.sequence))
        finally:
            os._exit(1)
    os.close(pipe)
    data = b""
    while len(data) < 8 * 3000 // batch:
        chunk = os.read(acknowledged, 65536)
        assert chunk, "the writer failed by itself"
        data += chunk
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while chunk := os.read(acknowledged, 65536):
        data += chunk
    os.close(acknowledged)
    (count,) = struct.unpack("<Q", data[len(data) // 8 * 8 - 8 : len(data) // 8 * 8])
    records = contents(tmp_path)
    assert count >= 3000
    assert len(records) >= count, f"{count} records were acknowledged"
    assert records == [Record(n, n, b"%d" % n * (n % 60)) for n in range(len(records))]
    assert Journal(tmp_path, 20_000, 1000).sequence >= len(records)


def test_what_reaches_the_medium_and_when(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotation syncs the segment it leaves, and the directory after the new name is there."""
    trace: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: trace.append("data"))
    monkeypatch.setattr(
        os, "fsync", lambda _: trace.append(f"directory of {len(segments(tmp_path))}")
    )
    journal = Journal(tmp_path, 100, 4)
    for number in range(3):
        journal.append(bytes(40), number)
    journal.sync()
    assert trace == ["directory of 1", "data", "directory of 2", "data", "directory of 3", "data"]
