"""The node sends files through the fountain; the ground takes them with what is left of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cfdp_files import MemoryStore
from files_node import Site
from long_way import LongWay, needs_fountain

from flight.dictionary.enums import Reason
from flight.dictionary.events import (
    DownlinkConfirmed,
    DownlinkStarted,
)
from flight.dictionary.files import (
    CancelFile,
    FountainMissing,
    SendFile,
)
from flight.link.channels import Apid
from ground.station.fountain import FountainDesk

OCTETS = 60_000


@needs_fountain
def test_files_come_over_a_long_way_that_loses_frames(tmp_path: Path) -> None:
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


@needs_fountain
def test_too_little_is_made_up_for(tmp_path: Path) -> None:
    """Twice the frames are lost that the fountain was told to cover."""
    site = LongWay(tmp_path, 0.1, 5.0)
    site._loss = 0.3
    data = site.uplinked("a", OCTETS)
    assert site.ask(SendFile("a")) is Reason.NONE
    assert site.run(120.0, lambda: site.events(DownlinkConfirmed))
    assert site.ground.files == {"a": data}


@needs_fountain
def test_on_a_pass_without_a_way_back_all_files_come_in_turn(tmp_path: Path) -> None:
    site = LongWay(tmp_path, 0.1, 0.01, one_way=True)
    data = {f"f{number}": site.uplinked(f"f{number}", 20_000) for number in range(10)}
    for name in data:
        assert site.ask(SendFile(name)) is Reason.NONE
    assert site.run(200.0, lambda: site.ground.files == data)
    assert not site.events(DownlinkConfirmed)


@needs_fountain
def test_a_withdrawn_file_is_not_sent_on(tmp_path: Path) -> None:
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
