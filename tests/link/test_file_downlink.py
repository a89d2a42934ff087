"""The node's downlink of files: order, held files, refusals, and what leaves out of view."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from files_node import RATE, SIZE, Site

from flight.dictionary.enums import Reason
from flight.dictionary.events import DownlinkConfirmed, DownlinkEnded, DownlinkStarted
from flight.dictionary.files import (
    CancelFile,
    GroundHeard,
    GroundLost,
    ListFiles,
    RemoveFile,
    ResumeFile,
    SendFile,
    SuspendFile,
)

OCTETS = 40_000  # 1.8 s of the link


def test_the_most_urgent_goes_first_also_before_those_under_way(tmp_path: Path) -> None:
    site = Site(tmp_path)
    data = {f"f{number}": site.uplinked(f"f{number}", OCTETS) for number in range(6)}
    for number in range(5):
        assert site.ask(SendFile(f"f{number}", number)) is Reason.NONE
    site.run(1.0)
    assert site.ask(SendFile("f5", 9)) is Reason.NONE
    assert site.run(30.0, lambda: len(site.order) == 6)
    assert site.order == ["f5", "f4", "f3", "f2", "f1", "f0"]
    assert site.inbox.files == data
    assert site.run(1.0, lambda: len(site.events(DownlinkConfirmed)) == 6)
    assert site.operator.queue.waiting == 0
    assert [each.resent for each in site.ended] == [0] * 6


def test_held_files_do_not_hold_up_the_others(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number in range(8):
        site.uplinked(f"held{number}", OCTETS)
        assert site.ask(SendFile(f"held{number}", 9)) is Reason.NONE
        assert site.run(1.0, lambda n=number: len(site.events(DownlinkStarted)) > n)
        assert site.ask(SuspendFile(f"held{number}")) is Reason.NONE
    site.uplinked("last", OCTETS)
    assert site.ask(SendFile("last", 0)) is Reason.NONE
    assert site.run(10.0, lambda: site.order == ["last"])
    assert site.ask(SuspendFile("other")) is Reason.UNKNOWN
    for number in range(8):
        assert site.ask(ResumeFile(f"held{number}")) is Reason.NONE
    assert site.run(30.0, lambda: len(site.order) == 9)


def test_a_file_that_the_ground_refuses_is_tried_ever_less_often(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.inbox.faults["open"] = OSError(errno.ENOSPC, "full")
    site.uplinked("a", OCTETS)
    site.uplinked("b", OCTETS)
    assert site.ask(SendFile("a", 5)) is Reason.NONE
    site.run(60.0)
    assert 4 <= len(site.events(DownlinkEnded)) <= 7
    assert site.sent * SIZE * 8 < 0.5 * RATE * 60, "the link is free meanwhile"
    del site.inbox.faults["open"]
    assert site.run(70.0, lambda: "a" in site.inbox.files)


def test_a_file_that_is_withdrawn_is_not_sent_on(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for name in ("a", "b"):
        site.uplinked(name, OCTETS)
        assert site.ask(SendFile(name, 5)) is Reason.NONE
    site.run(0.5)
    assert site.ask(CancelFile("a")) is Reason.NONE
    assert site.run(10.0, lambda: "b" in site.inbox.files)
    site.run(5.0)
    assert sorted(site.inbox.files) == ["b"]
    assert site.ask(CancelFile("a")) is Reason.UNKNOWN
    assert (tmp_path / "uplink" / "a").exists(), "it is kept"
    assert site.ask(RemoveFile("a")) is Reason.NONE
    assert not (tmp_path / "uplink" / "a").exists()
    assert site.ask(SendFile("a", 5)) is Reason.UNKNOWN


@pytest.mark.parametrize("name", ["../node", "a/b", "", "nothing", "a~0", "."])
def test_names_of_no_file_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "node").write_text("secret")
    site = Site(tmp_path / "state")
    for kind in (SendFile, RemoveFile, CancelFile):
        assert site.ask(kind(name)) in (Reason.UNKNOWN, Reason.FORMAT)
    assert (tmp_path / "node").read_text() == "secret"


def test_a_link_among_the_files_is_neither_sent_nor_listed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    site = Site(tmp_path / "state")
    site.uplinked("plain", 10)
    (tmp_path / "state" / "uplink" / "trap").symlink_to(tmp_path / "secret")
    assert site.ask(SendFile("trap")) is Reason.UNKNOWN
    assert site.ask(ListFiles()) is Reason.NONE
    assert site.run(5.0, lambda: "files.json" in site.inbox.files)
    listed = json.loads(site.inbox.files["files.json"])
    assert [each["name"] for each in listed] == ["plain"]


def missed(site: Site) -> float:
    """Octets that were sent while nobody heard, per second."""
    site.hails = True
    site.uplinked("a", 300_000)
    assert site.ask(SendFile("a", 5)) is Reason.NONE
    site.run(3.0)
    before, site.deaf, site.mute = site.sent, True, True
    site.run(60.0)
    lost = (site.sent - before) * SIZE / 60
    site.deaf = site.mute = False
    assert site.run(60.0, lambda: "a" in site.inbox.files)
    return lost


def test_out_of_view_no_file_data_leave(tmp_path: Path) -> None:
    watching = Site(tmp_path / "watching", contact_timeout=5.0)
    lost = missed(watching)
    (gone,) = watching.events(GroundLost)
    assert 5.0 < gone.silence < 5.1
    assert len(watching.events(GroundHeard)) == 1
    (ended,) = watching.ended
    assert ended.resent == 0
    sending = 300_000 / SIZE
    assert watching.sent < 1.35 * sending + 10 * 130, "the file, what the void got, idle frames"
    blind = Site(tmp_path / "blind")
    assert not blind.events(GroundLost)
    assert missed(blind) > 1.3 * lost, (
        "without the time-out the rest of the file went into the void"
    )
