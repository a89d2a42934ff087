"""Archive, records and inbox on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flight.console.exits import Stop
from flight.link.cfdp import TransactionId
from ground.station.archive import ROWS_KEPT, Archive
from ground.station.inbox import LARGEST, Inbox
from ground.station.receipt import inspect
from ground.station.records import Records

NOON = 1_767_225_600_000_000_000

ID = TransactionId(2, 7)


def test_sequence_count_goes_on_where_it_was_and_wraps(tmp_path: Path) -> None:
    path = tmp_path / "archive.sqlite"
    archive = Archive(path, 16_382 * 10**9)
    assert [archive.take_sequence() for _ in range(3)] == [16_382, 16_383, 0]
    archive.close()
    archive = Archive(path, 5 * 10**9)
    assert archive.take_sequence() == 1
    archive.close()


def test_sequence_count_is_durable_before_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "archive.sqlite"
    child = os.fork()
    if not child:
        os._exit(Archive(path, 7 * 10**9).take_sequence())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    archive = Archive(path, 0)
    assert archive.take_sequence() == 8
    archive.close()


def test_history_while_the_station_writes(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive.sqlite", NOON)
    archive.add_command(1, "ping", {}, NOON)
    archive.add_stage(1, "QUEUED", 0, "NONE", "station", NOON)
    archive.add_command(2, "task.run", {"program": "p"}, NOON + 1)
    for stage in ("QUEUED", "SENT"):
        archive.add_stage(2, stage, 0, "NONE", "station", NOON + 2)
    archive.add_command(1, "ping", {}, NOON + 3)  # the request id came round again
    archive.add_stage(1, "COMPLETED", 0, "NONE", "report", NOON + 4)
    archive.add_stage(99, "COMPLETED", 0, "NONE", "report", NOON + 4)
    archive.commit()
    with Records(tmp_path) as records:
        newest, middle, oldest = records.commands(10)
        assert [each["stage"] for each in middle["stages"]] == ["QUEUED", "SENT"]
        assert middle["arguments"] == {"program": "p"}
        assert [each["stage"] for each in newest["stages"]] == ["COMPLETED"]
        assert [each["stage"] for each in oldest["stages"]] == ["QUEUED"]
        assert len(records.commands(1)) == 1
        assert [each["request"] for each in records.unfinished()] == [1, 2]
    archive.close()


def test_packets_and_events_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ROWS_KEPT == 1_000_000
    monkeypatch.setattr("ground.station.archive.ROWS_KEPT", 10)
    archive = Archive(tmp_path / "archive.sqlite", NOON)
    for number in range(25):
        archive.add_packet("housekeeping", {"sequence": number}, NOON, NOON)
        archive.add_event("nodestarted", "ACTIVITY", "executive", "up", {}, NOON, NOON)
    archive.commit()
    with Records(tmp_path) as records:
        for table in ("packets", "events"):
            rows = records._all(f"SELECT min(id) AS low, count(*) AS n FROM {table}")
            assert rows == [{"low": 16, "n": 10}]
    archive.close()


def test_files_are_listed_once_newest_first(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive.sqlite", NOON)
    for name, digest in (("a", "1"), ("b", "2"), ("a", "3")):
        archive.add_file(name, 1, digest, "plain", {}, NOON)
    archive.commit()
    with Records(tmp_path) as records:
        assert [(each["name"], each["sha256"]) for each in records.files()] == [
            ("a", "3"),
            ("b", "2"),
        ]
    archive.close()


def test_directory_without_archive_is_exit_6(tmp_path: Path) -> None:
    with pytest.raises(Stop) as stop:
        Records(tmp_path)
    assert stop.value.code == 6
    assert list(tmp_path.iterdir()) == []


def test_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    sink = inbox.open("result.bin", 6, ID)
    sink.write(3, b"def")
    sink.write(0, b"abc")
    assert sink.read(2, 2) == b"cd"
    assert not inbox.path("result.bin").exists()
    sink.commit()
    assert inbox.path("result.bin").read_bytes() == b"abcdef"
    assert [each.name for each in tmp_path.iterdir()] == ["result.bin"]


def test_a_restart_finds_what_is_wanted_and_removes_the_rest(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    inbox.open("one", 3, ID).discard()
    assert list(tmp_path.iterdir()) == []
    left = inbox.open("two", 3, ID)
    assert len(list(tmp_path.iterdir())) == 1
    left.write(0, b"ab")
    left.sync()
    again = Inbox(tmp_path)
    again.sweep([ID])
    found = again.reopen("two", 3, ID)
    assert found is not None
    assert found.read(0, 2) == b"ab"
    assert again.reopen("two", 3, TransactionId(2, 8)) is None
    again.sweep([])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "/etc/x", "a/b", ".hidden", "a\0b", "a\nb", "x" * 256]
)
def test_names_that_leave_the_inbox_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):
        Inbox(tmp_path / "inbox").open(name, 1, ID)
    assert list((tmp_path / "inbox").iterdir()) == []


def test_files_beyond_the_limit_or_the_disk_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(tmp_path)
    with pytest.raises(OSError):
        inbox.open("huge", LARGEST + 1, ID)

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError):
        inbox.open("big", 1000, ID)
    assert list(tmp_path.iterdir()) == []


def test_receipt_of_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe text")
    receipt = inspect(tmp_path / "log")
    assert (receipt.verdict, receipt.size, receipt.product) == ("plain", 7, {})
