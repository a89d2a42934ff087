"""What a malicious or broken sender can do to a receiver: a typed fault, nothing written."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field, replace

import pytest
from cfdp_bench import Receiver
from cfdp_files import MemorySink, MemoryStore

from flight.link.cfdp import ConditionCode, Settings, crc32c, parse
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
from flight.link.cfdp.tlv import Tlv

HEADER = Header(1, 2, 7)
DATA = bytes(range(200))
METADATA = Metadata(HEADER, 200, "file.bin", "file.bin")
WHOLE = FileData(HEADER, 0, DATA)
EOF = Eof(HEADER, ConditionCode.NO_ERROR, crc32c(DATA), 200)
NO_SPACE = OSError(errno.ENOSPC, "no space left on device")
CODE = ConditionCode


@dataclass
class Case:
    """PDUs of a sender and the condition code they must end with."""

    pdus: list[Pdu]
    condition: ConditionCode
    status: FileStatus = FileStatus.DISCARDED_DELIBERATELY
    faults: dict[str, OSError] = field(default_factory=dict)


def named(name: str) -> Case:
    metadata = Metadata(HEADER, 200, "file.bin", name)
    rejected = FileStatus.DISCARDED_FILESTORE_REJECTION
    return Case([metadata, WHOLE, EOF], CODE.FILESTORE_REJECTION, rejected)


def failing(operation: str, error: OSError) -> Case:
    rejected = FileStatus.DISCARDED_FILESTORE_REJECTION
    pdus = [METADATA, WHOLE, EOF]
    return Case(pdus, CODE.FILESTORE_REJECTION, rejected, {operation: error})


def eof(checksum: int = crc32c(DATA), size: int = 200) -> Eof:
    return Eof(HEADER, ConditionCode.NO_ERROR, checksum, size)


CANCELLED = Eof(HEADER, CODE.CANCEL_REQUEST_RECEIVED, 0, 100, 1)

CASES: dict[str, Case] = {
    "name with a folder": named("a/b"),
    "absolute name": named("/etc/passwd"),
    "parent folder": named(".."),
    "name climbing up": named("../../etc/passwd"),
    "dots inside": named("a..b"),
    "hidden name": named(".profile"),
    "name with NUL": named("a\0.bin"),
    "name with line feed": named("a\n.bin"),
    "name with escape sequence": named("\x1b[2Jx"),
    "no name": named(""),
    "name that is not UTF-8": named("\udcff\udcfe"),
    "storage refuses": failing("open", PermissionError("denied")),
    "storage full at opening": failing("open", NO_SPACE),
    "storage full while writing": failing("write", NO_SPACE),
    "storage fails when read back": failing("read", OSError(errno.EIO, "i/o error")),
    "storage fails at delivery": failing("commit", OSError(errno.EIO, "i/o error")),
    "storage fails twice": Case(
        [METADATA, WHOLE],
        CODE.FILESTORE_REJECTION,
        FileStatus.DISCARDED_FILESTORE_REJECTION,
        {"write": NO_SPACE, "discard": NO_SPACE},
    ),
    "wrong checksum": Case([METADATA, WHOLE, eof(checksum=1)], CODE.FILE_CHECKSUM_FAILURE),
    "data beyond the size of the metadata": Case(
        [METADATA, FileData(HEADER, 150, bytes(51))], CODE.FILE_SIZE_ERROR
    ),
    "data far beyond": Case([METADATA, FileData(HEADER, 2**32 - 1, b"x")], CODE.FILE_SIZE_ERROR),
    "data beyond the EOF": Case([eof(size=100), FileData(HEADER, 150, b"x")], CODE.FILE_SIZE_ERROR),
    "EOF smaller than the data": Case([WHOLE, eof(size=199)], CODE.FILE_SIZE_ERROR),
    "EOF smaller than the metadata": Case([METADATA, eof(size=199)], CODE.FILE_SIZE_ERROR),
    "EOF larger than the metadata": Case([METADATA, eof(size=2**32 - 1)], CODE.FILE_SIZE_ERROR),
    "metadata smaller than the EOF": Case([eof(size=201), METADATA], CODE.FILE_SIZE_ERROR),
    "metadata smaller than the data": Case(
        [WHOLE, Metadata(HEADER, 100, "a", "a")], CODE.FILE_SIZE_ERROR
    ),
    "data of an empty file": Case(
        [Metadata(HEADER, 0, "a", "a"), FileData(HEADER, 0, b"x")], CODE.FILE_SIZE_ERROR
    ),
    "second metadata, another size": Case(
        [METADATA, replace(METADATA, size=100)], CODE.INVALID_FILE_STRUCTURE
    ),
    "second metadata, another name": Case(
        [METADATA, replace(METADATA, destination_name="b")], CODE.INVALID_FILE_STRUCTURE
    ),
    "overlapping data that differ": Case(
        [METADATA, FileData(HEADER, 0, DATA[:100]), FileData(HEADER, 50, bytes(100))],
        CODE.INVALID_FILE_STRUCTURE,
    ),
    "overlapping data that differ, before the metadata": Case(
        [FileData(HEADER, 0, DATA[:100]), FileData(HEADER, 99, bytes(2))],
        CODE.INVALID_FILE_STRUCTURE,
    ),
    "another SHA-256": Case(
        [replace(METADATA, options=(digest_option(bytes(32)),)), WHOLE, EOF],
        CODE.FILE_CHECKSUM_FAILURE,
    ),
    "second EOF, another checksum": Case(
        [METADATA, EOF, eof(checksum=1)], CODE.INVALID_FILE_STRUCTURE
    ),
    "second EOF, another size": Case([EOF, eof(size=100)], CODE.INVALID_FILE_STRUCTURE),
    "unknown checksum type": Case(
        [replace(METADATA, checksum_type=9)], CODE.UNSUPPORTED_CHECKSUM_TYPE
    ),
    "cancelled": Case(
        [METADATA, FileData(HEADER, 0, DATA[:100]), CANCELLED], CODE.CANCEL_REQUEST_RECEIVED
    ),
    "cancelled after the EOF": Case([METADATA, EOF, CANCELLED], CODE.CANCEL_REQUEST_RECEIVED),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_fault_closes_the_transaction_and_discards_the_file(case: Case) -> None:
    store = MemoryStore()
    store.faults = case.faults
    receiver = Receiver(2, store, Settings())
    raw = [answer for pdu in case.pdus for answer in receiver.receive(pdu.pack(), 0.0)]
    (finished,) = (pdu for pdu in map(parse, raw) if isinstance(pdu, Finished))
    assert (finished.condition, finished.status) == (case.condition, case.status)
    located = case.condition is not CODE.UNSUPPORTED_CHECKSUM_TYPE
    assert (finished.fault_location is not None) is located
    assert store.files == {}
    assert store.open_sinks == 0
    assert receiver.delivered() == []
    assert receiver.counters[f"finished_{case.condition.name.lower()}"] == 1
    for pdu in (METADATA, WHOLE, EOF):
        receiver.receive(pdu.pack(), 0.1)
    assert store.files == {}
    acknowledgement = Ack(HEADER, Directive.FINISHED, case.condition, TransactionStatus.ACTIVE)
    receiver.receive(acknowledgement.pack(), 0.2)
    assert receiver.next_time() is None


def test_storage_that_lost_octets_rejects_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemorySink, "read", lambda _self, _offset, _n: b"")
    store = MemoryStore()
    receiver = Receiver(2, store, Settings())
    raw = [answer for pdu in (METADATA, WHOLE, EOF) for answer in receiver.receive(pdu.pack(), 0.0)]
    finished = parse(raw[-1])
    assert isinstance(finished, Finished)
    assert finished.condition is CODE.FILESTORE_REJECTION
    assert store.discarded == 1


HARMLESS: dict[str, tuple[Pdu, str]] = {
    "NAK": (Nak(HEADER, 0, 1, ((0, 1),)), "other_entity"),
    "Finished": (Finished(HEADER, CODE.NO_ERROR, 0, 2), "other_entity"),
    "ACK of EOF": (
        Ack(HEADER, Directive.EOF, CODE.NO_ERROR, TransactionStatus.ACTIVE),
        "other_entity",
    ),
    "other entity": (replace(METADATA, header=Header(1, 9, 7)), "other_entity"),
    "ACK of a Finished never sent": (
        Ack(Header(1, 2, 99), Directive.FINISHED, CODE.NO_ERROR, TransactionStatus.ACTIVE),
        "unknown",
    ),
    "ACK of a Finished not yet sent": (
        Ack(HEADER, Directive.FINISHED, CODE.NO_ERROR, TransactionStatus.ACTIVE),
        "unexpected",
    ),
    "metadata again": (METADATA, "duplicate"),
    "data again": (FileData(HEADER, 0, DATA[:50]), "duplicate"),
    "data of no length": (FileData(HEADER, 10, b""), "duplicate"),
}


@pytest.mark.parametrize(("pdu", "counter"), HARMLESS.values(), ids=HARMLESS.keys())
def test_misplaced_pdus_are_counted_and_change_nothing(pdu: Pdu, counter: str) -> None:
    store = MemoryStore()
    receiver = Receiver(2, store, Settings())
    receiver.receive(METADATA.pack(), 0.0)
    receiver.receive(FileData(HEADER, 0, DATA[:100]).pack(), 0.0)
    assert receiver.receive(pdu.pack(), 0.0) == []
    assert receiver.counters[counter] == 1
    receiver.receive(WHOLE.pack(), 0.0)
    receiver.receive(EOF.pack(), 0.0)
    assert store.files == {"file.bin": DATA}


SMALL, LARGE = METADATA.header, replace(METADATA.header, large=True)
OTHER_FLAG: dict[str, tuple[Header, Header]] = {"small": (SMALL, LARGE), "large": (LARGE, SMALL)}


@pytest.mark.parametrize(("own", "other"), OTHER_FLAG.values(), ids=OTHER_FLAG.keys())
@pytest.mark.parametrize("later", [METADATA, FileData(HEADER, 150, DATA[150:]), EOF])
@pytest.mark.parametrize("known", [True, False], ids=["metadata first", "data first"])
def test_the_other_large_file_flag_is_refused(
    own: Header, other: Header, later: Pdu, known: bool
) -> None:
    """Numbers that the transaction's own PDUs cannot say must not get into it."""
    store = MemoryStore()
    receiver = Receiver(2, store, Settings())
    if known:
        receiver.receive(replace(METADATA, header=own).pack(), 0.0)
    receiver.receive(FileData(own, 0, DATA[:100]).pack(), 0.0)
    before = receiver.progress()
    assert receiver.receive(replace(later, header=other).pack(), 0.0) == []
    assert receiver.counters["refused_large_file"] == 1
    assert receiver.progress() == before
    for second in range(100):
        receiver.tick(0.1 * second)
    for pdu in (METADATA, WHOLE, EOF):
        receiver.receive(replace(pdu, header=own).pack(), 10.0)
    assert store.files == {"file.bin": DATA}
    assert receiver.receive(replace(EOF, header=other).pack(), 10.0) == []
    assert receiver.counters["refused_large_file"] == 2


def test_data_beyond_4_gib_of_a_small_transaction_do_not_end_the_receiver() -> None:
    receiver = Receiver(2, MemoryStore(), Settings())
    receiver.receive(FileData(SMALL, 0, b"abc").pack(), 0.0)
    receiver.receive(FileData(LARGE, 1 << 40, b"x").pack(), 0.0)
    for second in range(100):
        receiver.tick(0.1 * second)
    assert receiver.counters["refused_large_file"] == 1


def test_cancellation_of_an_unknown_transaction_is_acknowledged() -> None:
    receiver = Receiver(2, MemoryStore(), Settings())
    (raw,) = receiver.receive(CANCELLED.pack(), 0.0)
    expected = TransactionStatus.UNRECOGNIZED
    assert parse(raw) == Ack(HEADER, Directive.EOF, CODE.CANCEL_REQUEST_RECEIVED, expected)
    assert receiver.next_time() is None


def test_options_of_the_metadata_are_skipped() -> None:
    store = MemoryStore()
    receiver = Receiver(2, store, Settings())
    options = (Tlv(0, b"\x10\x05a.txt"), Tlv(2, b"cfdp"), Tlv(0xEE, b"?"))
    for pdu in (replace(METADATA, options=options), WHOLE, EOF):
        receiver.receive(pdu.pack(), 0.0)
    assert store.files == {"file.bin": DATA}


def test_malformed_pdus_are_counted_by_reason() -> None:
    receiver = Receiver(2, MemoryStore(), Settings())
    damaged = bytearray(WHOLE.pack())
    damaged[40] ^= 1
    for raw in (
        b"",
        b"\x24",
        WHOLE.pack() + b"\0",
        bytes(damaged),
        replace(WHOLE, header=Header(1, 2, 7, crc=False)).pack(),
    ):
        assert receiver.receive(raw, 0.0) == []
    assert dict(receiver.counters) == {
        "pdus": 5,
        "refused_length": 3,
        "refused_crc": 1,
        "refused_crc_absent": 1,
    }
    assert receiver.next_time() is None
