"""The node sends files through the fountain; the ground takes them with what is left of them."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest
from cfdp_files import MemoryStore
from files_node import SIZE, SPACECRAFT, Site

from flight.dictionary.enums import Reason
from flight.dictionary.events import (
    DownlinkConfirmed,
    DownlinkEnded,
    DownlinkStarted,
    FramesDropped,
)
from flight.dictionary.files import (
    CancelFile,
    FountainMissing,
    ResumeFile,
    SendFile,
    SuspendFile,
)
from flight.link.cfdp.codes import ConditionCode
from flight.link.channels import Apid
from flight.link.fountain.codec import Report, Verdict
from flight.link.fountain.downlink import FountainDownlink, Gone
from flight.link.spacepacket import SpacePacket
from flight.link.tm import TmDeframer
from ground.station.fountain import FountainDesk
from ground.station.happenings import FileDelivered

OCTETS = 60_000


class LongWay(Site):
    """A ground that is ``delay`` s away and loses a share of the frames; ``one_way``: it only
    listens. It takes files by CFDP, too."""

    def __init__(
        self, root: Path, loss: float, delay: float, one_way: bool = False, **parameters: Any
    ) -> None:
        super().__init__(root, fountain_loss=max(loss, 0.01), round_trip=2 * delay, **parameters)
        self.ground = MemoryStore()
        self.desk, self.kept = FountainDesk(self.ground), list[FileDelivered]()  # type: ignore[arg-type]
        self._loss, self._delay, self._one_way = loss, delay, one_way
        self._source, self._frames = random.Random(7), TmDeframer(SPACECRAFT, SIZE)
        self.octets: dict[int, int] = {}

    def _later(self, what: Any, *values: Any) -> None:
        due = self.time.clock.now() + self._delay
        self.time.timers.add(due, None, lambda: what(*values))

    def _down(self, frame: bytes) -> None:
        if not self.deaf and self._source.random() >= self._loss:
            self._later(self._arrived, frame)

    def _arrived(self, frame: bytes) -> None:
        for _, raw in self._frames.feed(frame):
            packet = SpacePacket.unpack(raw)
            self.octets[packet.apid] = self.octets.get(packet.apid, 0) + len(packet.data)
            if packet.apid == Apid.FOUNTAIN:
                self.desk.take(packet.data, self.time.clock.now())
            elif packet.apid == Apid.FILES:
                self.engine.receive(packet.data, self.time.clock.now())

    def _tick(self) -> None:
        super()._tick()
        for each in self.desk.changed(self.time.clock.now()):
            if isinstance(each, FileDelivered):
                self.kept.append(each)
        while (told := self.desk.next_report()) is not None:
            if not self._one_way:
                self._later(self.up, Apid.FOUNTAIN, told)


def test_files_come_over_a_long_way_that_loses_frames(tmp_path: Path) -> None:
    pytest.importorskip("raptorq")
    site = LongWay(tmp_path, 0.1, 300.0)
    data = {name: site.uplinked(name, OCTETS) for name in ("a", "b")}
    for name in data:
        assert site.ask(SendFile(name)) is Reason.NONE
    assert site.run(700.0, lambda: len(site.events(DownlinkConfirmed)) == 2)
    assert site.ground.files == data
    assert [each.size for each in site.kept] == [OCTETS] * 2
    sent = site.octets[Apid.FOUNTAIN] / (2 * OCTETS)
    assert sent < 1.4, f"{sent}: one burst each, no second round"
    assert Apid.FILES not in site.octets


def test_too_little_is_made_up_for(tmp_path: Path) -> None:
    """Twice the frames are lost that the fountain was told to cover."""
    pytest.importorskip("raptorq")
    site = LongWay(tmp_path, 0.1, 5.0)
    site._loss = 0.3
    data = site.uplinked("a", OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(120.0, lambda: site.events(DownlinkConfirmed))
    assert site.ground.files == {"a": data}


def test_on_a_pass_without_a_way_back_all_files_come_in_turn(tmp_path: Path) -> None:
    pytest.importorskip("raptorq")
    site = LongWay(tmp_path, 0.1, 0.01, one_way=True)
    data = {f"f{number}": site.uplinked(f"f{number}", 20_000) for number in range(10)}
    for name in data:
        assert site.ask(SendFile(name)) is Reason.NONE
    assert site.run(200.0, lambda: site.ground.files == data)
    assert not site.events(DownlinkConfirmed)


def test_a_withdrawn_file_is_not_sent_on(tmp_path: Path) -> None:
    pytest.importorskip("raptorq")
    site = LongWay(tmp_path, 0.0, 0.01)
    site.uplinked("a", 40 * OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(5.0, lambda: site.octets.get(Apid.FOUNTAIN, 0))
    assert site.ask(CancelFile("a")) is Reason.NONE
    site.run(1.0)
    before = site.octets[Apid.FOUNTAIN]
    site.run(10.0)
    assert site.octets[Apid.FOUNTAIN] == before


def test_without_the_library_files_go_by_cfdp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "raptorq", None)
    site = Site(tmp_path, fountain_loss=0.1)
    data = site.uplinked("a", OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(30.0, lambda: site.events(DownlinkConfirmed))
    assert site.inbox.files == {"a": data}
    assert len(site.events(FountainMissing)) == 1
    assert len(site.events(DownlinkStarted)) == 1
    assert FountainDesk(MemoryStore()).counters == {}  # type: ignore[arg-type]


def test_a_station_without_the_library_gets_files_by_cfdp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("raptorq")
    site = LongWay(tmp_path, 0.0, 0.01)
    monkeypatch.setattr(site.desk, "_receiver", None)
    data = {name: site.uplinked(name, OCTETS) for name in ("a", "b")}
    for name in data:
        assert site.ask(SendFile(name)) is Reason.NONE
    assert site.run(60.0, lambda: len(site.events(DownlinkConfirmed)) == 2)
    assert site.inbox.files == data
    assert len(site.events(FountainMissing)) == 1
    assert site.octets[Apid.FOUNTAIN] < OCTETS


def test_what_the_ground_cannot_keep_stays_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("raptorq")
    site = LongWay(tmp_path, 0.0, 0.01)

    def full(*_: object) -> None:
        raise OSError(28, "no space")

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
def test_an_outage_costs_no_second_pour(tmp_path: Path, away: float) -> None:
    """With a contact timeout: without one, the node cannot tell it from a pass one way."""
    pytest.importorskip("raptorq")
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


def test_what_was_given_up_is_put_to_use(tmp_path: Path) -> None:
    """The ground says nothing for long, and has most of it."""
    pytest.importorskip("raptorq")
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


def test_files_are_held_and_let_go(tmp_path: Path) -> None:
    pytest.importorskip("raptorq")
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


def test_an_answer_of_another_life_means_no_file_of_this_one() -> None:
    """Not even when the clock of the node was set back between them."""
    pytest.importorskip("raptorq")
    words = []
    for data in (b"one" * 500, b"two" * 500):
        downlink = FountainDownlink(1000)
        downlink.put(str(data[:3]), data, "x", 5, 600, 0.1, 0.0)
        words += [Report(each.transfer, Verdict.DELIVERED) for each in downlink.progress()]
    downlink.receive(words[0].pack(), 0.1, 100.0)
    assert downlink.ended() == []
    downlink.receive(words[1].pack(), 0.1, 100.0)
    assert downlink.ended() == [Gone("b'two'", "x", Verdict.DELIVERED)]


def test_one_file_is_encoded_at_a_time() -> None:
    pytest.importorskip("raptorq")
    downlink = FountainDownlink(1)
    downlink.put("a", bytes(5000), "a", 5, 600, 0.1, 0.0)
    assert not downlink.ready(1)
    while downlink.next_packet(0.0) is not None:
        continue
    assert downlink.ready(1)
    assert not downlink.ready(1 << 30)
