"""What the ground says, or does not say, of files that go through the fountain."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from files_node import Site
from long_way import LongWay, needs_fountain

from flight.dictionary.enums import Reason
from flight.dictionary.events import (
    DownlinkConfirmed,
    DownlinkEnded,
    FramesDropped,
)
from flight.dictionary.files import (
    FountainMissing,
    ResumeFile,
    SendFile,
    SuspendFile,
)
from flight.link.cfdp.codes import ConditionCode
from flight.link.channels import Apid
from flight.link.fountain.codec import Report, Verdict
from flight.link.fountain.downlink import FountainDownlink, Gone
from flight.link.storedfiles import FileSource

OCTETS = 60_000


def full(*_: object) -> None:
    """A store without room."""
    raise OSError(28, "no space")


@needs_fountain
def test_a_station_without_the_library_gets_files_by_cfdp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = LongWay(tmp_path, 0.0, 0.01)
    monkeypatch.setattr(site.desk, "_receiver", None)
    data = {name: site.uplinked(name, OCTETS) for name in ("a", "b")}
    for name in data:
        assert site.ask(SendFile(name)) is Reason.NONE
    assert site.run(60.0, lambda: len(site.events(DownlinkConfirmed)) == 2)
    assert site.inbox.files == data
    assert len(site.events(FountainMissing)) == 1
    assert site.octets[Apid.FOUNTAIN] < OCTETS


@needs_fountain
def test_what_the_ground_cannot_keep_stays_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = LongWay(tmp_path, 0.0, 0.01)

    data = site.uplinked("a", OCTETS)
    with monkeypatch.context() as patched:
        patched.setattr(site.ground, "open", full)
        assert site.ask(SendFile("a")) is Reason.NONE
        assert site.run(30.0, lambda: site.events(DownlinkEnded))
        (ended,) = site.events(DownlinkEnded)
        assert ended.condition == ConditionCode.FILESTORE_REJECTION
        assert not site.events(DownlinkConfirmed)
    assert site.run(30.0, lambda: site.events(DownlinkConfirmed))
    assert site.ground.files == {"a": data}


@pytest.mark.parametrize("away", [8.0, 600.0])
@needs_fountain
def test_an_outage_costs_no_second_pour(tmp_path: Path, away: float) -> None:
    """With a contact timeout: without one, the node cannot tell it from a pass one way."""
    site = LongWay(tmp_path, 0.0, 0.01, contact_timeout=15.0)
    site.hails = True
    data = site.uplinked("a", 10 * OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(60.0, lambda: site.octets.get(Apid.FOUNTAIN, 0) > 9.5 * OCTETS)
    site.deaf = site.mute = True
    site.run(away)
    before = site.octets[Apid.FOUNTAIN]
    site.deaf = site.mute = False
    assert site.run(30.0, lambda: site.events(DownlinkConfirmed))
    assert site.ground.files == {"a": data}
    assert site.octets[Apid.FOUNTAIN] - before < 2 * OCTETS
    assert not site.events(DownlinkEnded)


@needs_fountain
def test_what_was_given_up_is_put_to_use(tmp_path: Path) -> None:
    """The ground says nothing for long, and has most of it."""
    site = LongWay(tmp_path, 0.0, 0.01)
    data = site.uplinked("a", 10 * OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(60.0, lambda: site.octets.get(Apid.FOUNTAIN, 0) > 5 * OCTETS)
    site.deaf = site.mute = True
    assert site.run(60.0, lambda: site.events(DownlinkEnded))
    before, site.deaf = site.octets[Apid.FOUNTAIN], False
    assert site.run(120.0, lambda: site.ground.files)
    assert site.ground.files == {"a": data}
    assert site.octets[Apid.FOUNTAIN] - before < 6 * OCTETS


@needs_fountain
def test_files_are_held_and_let_go(tmp_path: Path) -> None:
    site = LongWay(tmp_path, 0.0, 0.01)
    data = {name: site.uplinked(name, 5 * OCTETS) for name in ("a", "b")}
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(5.0, lambda: site.octets.get(Apid.FOUNTAIN, 0))
    assert site.ask(SuspendFile("a")) is Reason.NONE
    assert site.ask(SendFile("b")) is Reason.NONE
    assert site.run(60.0, lambda: site.events(DownlinkConfirmed))
    site.run(30.0)
    assert list(site.ground.files) == ["b"]
    assert site.ask(ResumeFile("a")) is Reason.NONE
    assert site.run(60.0, lambda: site.ground.files == data)


def test_reports_of_nonsense_are_told(tmp_path: Path) -> None:
    site = Site(tmp_path, fountain_loss=0.1)
    site.run(1.0)
    for _ in range(3):
        site.up(Apid.FOUNTAIN, b"\xff" * 10)
    assert site.run(3.0, lambda: site.events(FramesDropped))
    assert [(e.kind, e.count) for e in site.events(FramesDropped)] == [("fountain_bad", 3)]


@needs_fountain
def test_an_answer_of_another_life_means_no_file_of_this_one() -> None:
    """Not even when the clock of the node was set back between them."""
    words = []
    for data in (b"one" * 500, b"two" * 500):
        downlink = FountainDownlink(1000)
        downlink.put(str(data[:3]), data, "x", 5, 600, 0.1, 0.0)
        words += [Report(each.transfer, Verdict.DELIVERED) for each in downlink.progress()]
    downlink.receive(words[0].pack())
    assert downlink.ended() == []
    downlink.receive(words[1].pack())
    assert downlink.ended() == [Gone("b'two'", "x", Verdict.DELIVERED)]


@needs_fountain
def test_one_file_is_encoded_at_a_time() -> None:
    downlink = FountainDownlink(1)
    downlink.put("a", bytes(5000), "a", 5, 600, 0.1, 0.0)
    assert not downlink.ready(1, 5)
    while downlink.next_packet(0.0) is not None:
        continue
    assert downlink.ready(1, 5)
    assert not downlink.ready(1 << 30, 5)


@pytest.mark.parametrize(("delay", "lossy"), [(0.6, 0.0), (1.28, 0.0), (120.0, 0.15)])
@needs_fountain
def test_a_ground_that_only_hails_makes_no_transfer_endless(
    tmp_path: Path, delay: float, lossy: float
) -> None:
    """It hails every few seconds; too little was poured, and much of its words is lost."""
    site = LongWay(tmp_path, 0.1, delay)
    site.hails, site._loss, words, up = True, 0.2, random.Random(5), site.up
    site.up = lambda *word: None if words.random() < lossy else up(*word)  # type: ignore[method-assign]
    data = site.uplinked("a", OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(60 + 12 * delay, lambda: site.events(DownlinkConfirmed))
    assert site.ground.files == {"a": data}


@needs_fountain
def test_an_urgent_file_overtakes_and_what_waits_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = LongWay(tmp_path, 0.0, 0.01)
    data = {name: site.uplinked(name, 20 * OCTETS) for name in ("a", "b", "c")}
    data["urgent"] = site.uplinked("urgent", 5000)
    assert site.ask(SendFile("a", 0)) is Reason.NONE
    assert site.run(5.0, lambda: site.octets.get(Apid.FOUNTAIN, 0))
    reads: list[str] = []
    opened = FileSource.__init__
    monkeypatch.setattr(
        FileSource, "__init__", lambda self, path: (reads.append(path.name), opened(self, path))[1]
    )
    for name in ("b", "c"):
        assert site.ask(SendFile(name, 0)) is Reason.NONE
    assert site.ask(SendFile("urgent", 9)) is Reason.NONE
    assert site.run(10.0, lambda: site.ground.files)
    assert list(site.ground.files) == ["urgent"]
    assert reads == ["urgent"]
    assert site.run(400.0, lambda: site.ground.files == data)


@needs_fountain
def test_a_ground_without_room_says_so_before_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = LongWay(tmp_path, 0.0, 0.01)

    monkeypatch.setattr(site.ground, "open", full)
    site.uplinked("a", 20 * OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(30.0, lambda: site.events(DownlinkEnded))
    assert site.octets[Apid.FOUNTAIN] < 3 * OCTETS
