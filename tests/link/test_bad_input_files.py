"""Files from a sender that is broken or malicious, but has the keys (rows 9, 11 and 12).

As in ``test_bad_input_rows``: through the node as it flies, and as the ground sees it. Every such
fault at the engine alone is in ``test_cfdp_bad_input``; room for a new file when all transactions
are taken and idle in ``test_cfdp_engine``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from bad_input_node import REPORT, Site

from flight.dictionary.enums import Reason
from flight.dictionary.files import SendFile
from flight.dictionary.uploads import FileUplinked, UplinkRefused
from flight.link import services
from flight.link.cfdp import ConditionCode, crc32c
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import Directive, FileStatus, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.integrity import digest_option
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.pdu import Pdu
from flight.link.channels import Apid, Entity
from flight.link.pus import Telecommand

NUMBERS = itertools.count(1)
DATA = bytes(range(200))
LARGEST, QUOTA = 2, 3  # MiB
CODE = ConditionCode


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One node for the whole file, as in flight."""
    folder = tmp_path_factory.mktemp("node")
    return Site(folder, uplink_largest=LARGEST, uplink_quota=QUOTA)


def header() -> Header:
    return Header(Entity.GROUND, Entity.NODE, next(NUMBERS))


def metadata(own: Header, name: str = "file.bin", size: int = 200) -> Metadata:
    return Metadata(own, size, "file.bin", name)


def eof(own: Header, checksum: int = crc32c(DATA), size: int = 200) -> Eof:
    return Eof(own, CODE.NO_ERROR, checksum, size)


def whole(own: Header) -> list[Pdu]:
    return [metadata(own), FileData(own, 0, DATA), eof(own)]


@dataclass(frozen=True)
class Bad:
    """PDUs of a transaction, and what the node says of it."""

    make: Callable[[Header], list[Pdu]]
    condition: ConditionCode
    reason: Reason = Reason.CORRUPT


def named(name: str, reason: Reason = Reason.CORRUPT) -> Bad:
    return Bad(lambda own: [metadata(own, name), *whole(own)[1:]], CODE.FILESTORE_REJECTION, reason)


FILES: dict[str, Bad] = {
    "offset + length > size": Bad(
        lambda own: [metadata(own), FileData(own, 150, bytes(51))], CODE.FILE_SIZE_ERROR
    ),
    "far beyond the size": Bad(
        lambda own: [metadata(own), FileData(own, 2**32 - 1, b"x")], CODE.FILE_SIZE_ERROR
    ),
    "EOF of another size": Bad(
        lambda own: [metadata(own), eof(own, size=199)], CODE.FILE_SIZE_ERROR
    ),
    "larger than files may be": Bad(
        lambda own: [metadata(own, size=(LARGEST << 20) + 1)],
        CODE.FILESTORE_REJECTION,
        Reason.RANGE,
    ),
    "the largest that can be said": Bad(
        lambda own: [metadata(own, size=2**32 - 1)], CODE.FILESTORE_REJECTION, Reason.RANGE
    ),
    "overlapping data that differ": Bad(
        lambda own: [metadata(own), FileData(own, 0, DATA[:100]), FileData(own, 50, bytes(100))],
        CODE.INVALID_FILE_STRUCTURE,
    ),
    "second metadata, another name": Bad(
        lambda own: [metadata(own), metadata(own, "other.bin")], CODE.INVALID_FILE_STRUCTURE
    ),
    "second metadata, another size": Bad(
        lambda own: [metadata(own), metadata(own, size=100)], CODE.INVALID_FILE_STRUCTURE
    ),
    "wrong checksum": Bad(
        lambda own: [*whole(own)[:2], eof(own, checksum=1)], CODE.FILE_CHECKSUM_FAILURE
    ),
    "wrong SHA-256": Bad(
        lambda own: [
            replace(metadata(own), options=(digest_option(bytes(32)),)),
            *whole(own)[1:],
        ],
        CODE.FILE_CHECKSUM_FAILURE,
    ),
    "checksum of an unknown type": Bad(
        lambda own: [replace(metadata(own), checksum_type=9)], CODE.UNSUPPORTED_CHECKSUM_TYPE
    ),
    "name with /": named("a/b"),
    "absolute name": named("/etc/passwd"),
    "name with ..": named("../../node/x"),
    "name that is ..": named(".."),
    "no name": named(""),
    "name of a part": named(".part-1-1"),
    "name that is not UTF-8": named("\udcff\udcfe"),
    "255 octets": named("n" * 255, Reason.FORMAT),
    "65 octets": named("n" * 65, Reason.FORMAT),
    "a space": named("a b", Reason.FORMAT),
}


def everything(site: Site) -> set[Path]:
    """All files there are but records and counters of the link."""
    root = site.store.path("x").parent
    return {
        path
        for path in root.parent.rglob("*")
        if path.is_file() and not {"cfdp", "sdls", "keys"} & set(path.parts)
    }


@pytest.mark.parametrize("bad", FILES.values(), ids=FILES.keys())
def test_a_bad_file_ends_its_transaction_and_nothing_is_written(site: Site, bad: Bad) -> None:
    own, before, there = header(), site.state(), everything(site)
    site.events.clear()
    said = site.say(*bad.make(own))
    finished = {pdu for pdu in said if isinstance(pdu, Finished)}
    assert {(each.header.transaction, each.condition) for each in finished} == {
        (own.transaction, bad.condition)
    }
    assert FileStatus.RETAINED not in {each.status for each in finished}
    known = bad.make(own)[0]
    assert isinstance(known, Metadata)
    if known.destination_name:
        assert bad.reason in {event.reason for event in site.of(UplinkRefused)}
    assert site.of(FileUplinked) == []
    site.say(Ack(own, Directive.FINISHED, bad.condition, TransactionStatus.TERMINATED))
    after = site.state()
    assert (after.clcw, after.files, after.transactions) == (
        before.clcw,
        before.files,
        before.transactions,
    )
    assert everything(site) == there
    assert site.say(FileData(own, 0, DATA), metadata(own)) == []
    assert site.takes(site.command())
    assert site.delivers()


def test_what_is_reserved_counts_for_the_quota(site: Site) -> None:
    first, second = header(), header()
    site.say(metadata(first, "first.bin", LARGEST << 20))
    said = site.say(metadata(second, "second.bin", LARGEST << 20))
    (condition,) = {pdu.condition for pdu in said if isinstance(pdu, Finished)}
    assert condition is CODE.FILESTORE_REJECTION
    assert Reason.NO_SPACE in {event.reason for event in site.of(UplinkRefused)}
    for own in (first, second):
        cancelled = Eof(own, CODE.CANCEL_REQUEST_RECEIVED, 0, 0, Entity.GROUND)
        code = CODE.CANCEL_REQUEST_RECEIVED if own is first else condition
        site.say(cancelled, Ack(own, Directive.FINISHED, code, TransactionStatus.TERMINATED))
    assert site.state().transactions == []
    assert site.delivers()


def test_a_symbolic_link_in_the_way_is_replaced_and_not_followed(
    site: Site, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"untouched")
    link = site.store.path("uplink/link.bin")
    link.symlink_to(target)
    assert site.delivers("link.bin")
    assert target.read_bytes() == b"untouched"
    assert not link.is_symlink()


def test_repeated_pdus_make_one_file_and_each_eof_is_acknowledged(site: Site) -> None:
    """Row 9, PDUs."""
    own = header()
    site.events.clear()
    said = site.say(*[pdu for pdu in whole(own) for _ in range(3)])
    assert sum(isinstance(pdu, Ack) for pdu in said) == 3
    assert {pdu.condition for pdu in said if isinstance(pdu, Finished)} == {CODE.NO_ERROR}
    assert site.state().files["file.bin"] == DATA
    done = Ack(own, Directive.FINISHED, CODE.NO_ERROR, TransactionStatus.TERMINATED)
    assert [type(pdu) for pdu in site.say(done, done, eof(own))] == [Ack, Finished]
    assert len(site.of(FileUplinked)) == 1
    assert site.state().transactions == []


def test_an_eof_before_all_data_is_answered_with_what_is_missing(site: Site) -> None:
    own = header()
    said = site.say(eof(own))
    assert isinstance(said[0], Ack)
    assert isinstance(said[1], Nak)
    assert said[1].requests == ((0, 0), (0, 200))
    said = site.say(FileData(own, 0, DATA), metadata(own))
    assert {pdu.condition for pdu in said if isinstance(pdu, Finished)} == {CODE.NO_ERROR}
    site.say(Ack(own, Directive.FINISHED, CODE.NO_ERROR, TransactionStatus.TERMINATED))


def test_a_finished_pdu_of_an_unknown_transaction_is_acknowledged_as_such(site: Site) -> None:
    before = site.state()
    own = Header(Entity.NODE, Entity.GROUND, 77)
    said = site.say(Finished(own, CODE.NO_ERROR, 0, FileStatus.RETAINED))
    assert said == [Ack(own, Directive.FINISHED, CODE.NO_ERROR, TransactionStatus.UNRECOGNIZED)]
    assert site.state()[:4] == before[:4]


def test_a_nak_for_octets_that_were_never_sent_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, downlink_rate=100_000.0)  # so that a file is on its way for a while
    assert site.delivers("down.bin", 20_000)
    data = site.state().files["down.bin"]
    send = Telecommand(Apid.NODE, 9000, *services.telecommand(SendFile("down.bin"))).pack()
    assert site.takes(site.command(data=send))
    engine = site.link._files.engine
    assert site.run(5.0, lambda: any(each.sending and each.done for each in engine.progress()))
    (mine,) = [each for each in engine.progress() if each.sending]
    own = Header(Entity.NODE, Entity.GROUND, mine.id.number)
    beyond = mine.size - 1000
    for requests in (((beyond, mine.size),), ((mine.size, mine.size + 9),), ((9, 3),)):
        site.give(site.file_frame(Nak(own, 0, mine.size, requests).pack()))
    assert engine.counters["ignored"] == 3
    assert site.run(60.0, lambda: not engine.progress())
    (ended,) = site.engine.ended()
    assert (ended.name, ended.delivered, ended.size) == ("down.bin", True, len(data))
    assert site.ground_files() == {"down.bin": data}


def test_ten_thousand_transactions_are_capped_and_commands_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight.link.files.SILENCE", 60.0)
    site = Site(tmp_path)
    own = Header(Entity.GROUND, Entity.NODE, 0)
    for number in range(10_000):
        pdu = FileData(replace(own, transaction=number), 0, b"x").pack()
        site.give(site.file_frame(pdu))
    site.run(REPORT)
    engine = site.link._files.engine
    assert len(site.state().transactions) == 64
    assert engine.counters["over_limit"] == 10_000 - 64
    assert site.state().files == {}
    assert site.takes(site.command())
    first = [pdu.header.transaction for pdu in site.pdus]
    assert set(first) <= set(range(64))
    assert not site.delivers("too-soon.bin")
    site.run(60.0)  # silence after which they make room
    assert site.delivers()
