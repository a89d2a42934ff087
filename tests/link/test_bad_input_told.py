"""What the ground is told of PDUs that are refused in genuine frames (rows 9, 11 and 12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from bad_input_node import REPORT, Site, rise

from flight.dictionary.events import FramesDropped, HandlerFailed
from flight.dictionary.uploads import UplinkRefused
from flight.link.cfdp import ConditionCode
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import Directive, TransactionStatus
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.header import Header
from flight.link.cfdp.metadata import Metadata
from flight.link.channels import Entity

OWN = Header(Entity.GROUND, Entity.NODE, 7)
DATA = FileData(OWN, 0, bytes(100))
GOOD = DATA.pack()


@dataclass(frozen=True)
class Bad:
    """PDUs, and the kind that an event tells of them."""

    make: Callable[[], list[bytes]]
    kind: str


def of(**changes: object) -> Callable[[], list[bytes]]:
    """Data under another header."""
    return lambda: [replace(DATA, header=replace(OWN, **changes)).pack()]  # type: ignore[arg-type]


PDUS: dict[str, Bad] = {
    "truncated": Bad(lambda: [GOOD[:size] for size in range(1, 40)], "refused_length"),
    "trailing junk": Bad(lambda: [GOOD + bytes(9)], "refused_length"),
    "version": Bad(lambda: [bytes((GOOD[0] & 0x1F | 0x40,)) + GOOD[1:]], "refused_version"),
    "CRC": Bad(lambda: [GOOD[:40] + b"\1" + GOOD[41:]], "refused_crc"),
    "no CRC": Bad(of(crc=False), "refused_crc_absent"),
    "the other large-file flag": Bad(lambda: [GOOD, *of(large=True)()], "refused_large_file"),
    "for another entity": Bad(of(destination=9), "other_entity"),
    "from an unknown entity": Bad(of(source=9), "unknown_entity"),
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("bad", PDUS.values(), ids=PDUS.keys())
def test_a_refused_pdu_is_counted_and_told(site: Site, bad: Bad) -> None:
    *first, last = bad.make()
    refused = 1 if bad.kind == "refused_large_file" else 1 + len(first)
    counters = site.counters()
    site.give(*map(site.file_frame, [*first, last]))
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"packets_bad": refused}
    assert site.dropped() == {f"cfdp_{bad.kind}": refused}
    assert len(site.of(FramesDropped)) == 1
    opened = [state.id.source for state in site.state().transactions]
    assert opened == [Entity.GROUND] * (bad.kind == "refused_large_file")
    assert site.state().files == {}
    assert site.takes(site.command())
    assert site.delivers()


def test_one_transaction_too_many_is_told_once_a_second(site: Site) -> None:
    for number in range(1000):
        pdu = replace(DATA, header=replace(OWN, transaction=number)).pack()
        site.give(site.file_frame(pdu))
    site.run(REPORT)
    assert site.dropped() == {"cfdp_over_limit": 1000 - 64}
    assert len(site.of(FramesDropped)) == 1


def test_what_a_genuine_peer_says_late_is_no_bad_input(site: Site) -> None:
    late = Ack(OWN, Directive.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE)
    assert site.delivers()
    site.say(late)
    assert site.dropped() == {}
    assert site.counters()["packets_bad"] == 0


@pytest.mark.parametrize(
    "name", ["a\0b", "\x1b[2J", "a\rb", "\x7f", "caf\u00e9", "\u202e", "\udcff"]
)
def test_a_refused_name_is_told_in_what_may_be_printed(site: Site, name: str) -> None:
    """Control characters of the far side reach no terminal, and end no handler."""
    own = replace(OWN, transaction=9)
    site.say(Metadata(own, 200, "f", name), FileData(own, 0, bytes(200)))
    assert site.of(HandlerFailed) == []
    told = site.of(UplinkRefused)
    assert told
    assert all(event.name.isascii() and event.name.isprintable() for event in told)
    assert site.takes(site.command())


def test_a_file_that_ends_before_its_name_is_known_is_told(site: Site) -> None:
    small, large = FileData(OWN, 0, b"a" * 90), FileData(OWN, 50, b"b" * 90)
    site.say(small, large)
    (event,) = site.of(UplinkRefused)
    assert (event.name, event.why) == ("", "invalid file structure")
    assert site.state().transactions == []
