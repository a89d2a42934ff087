"""Sending entity: faults, cancellation, senseless answers."""

from __future__ import annotations

import pytest
from cfdp_files import MemoryFile
from cfdp_source import (
    DATA,
    EOF_ACK,
    EOF_INTERVAL,
    FINISHED,
    HEADER,
    SETTINGS,
    drain,
    make,
    nak,
)

from flight.link.cfdp import ConditionCode, FaultHandler, Sender, Settings, crc32c
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import DeliveryCode, Directive, FileStatus, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.pdu import Pdu


def test_fault_at_the_receiver_stops_the_data() -> None:
    sender = make()
    sender.next_pdu(0.0)
    sender.next_pdu(0.0)
    fault = Finished(
        HEADER,
        ConditionCode.FILESTORE_REJECTION,
        DeliveryCode.DATA_INCOMPLETE,
        FileStatus.DISCARDED_FILESTORE_REJECTION,
        2,
    )
    sender.receive(fault, 0.1)
    assert sender.finished
    assert sender.condition is ConditionCode.FILESTORE_REJECTION
    assert [type(pdu) for pdu in drain(sender, 0.1)] == [Ack]
    assert sender.sent == 100


def test_success_before_the_eof_is_not_believed() -> None:
    sender = make()
    sender.next_pdu(0.0)
    sender.receive(FINISHED, 0.0)
    assert not sender.finished
    assert sender.ignored == 1
    assert isinstance(drain(sender, 0.0)[-1], Eof)


def test_retry_limit_abandons() -> None:
    sender = make(settings=Settings(segment=100, round_trip=1.0, nak_delay=0.1, retry_limit=3))
    drain(sender, 0.0)
    repeats = 0
    for step in range(1, 10):
        repeats += len(drain(sender, step * 2.0))
    assert repeats == 3
    assert sender.finished
    assert sender.condition is ConditionCode.POSITIVE_ACK_LIMIT_REACHED
    assert sender.next_time() is None


def test_cancel_reports_what_was_sent() -> None:
    sender = make()
    for _ in range(4):
        sender.next_pdu(0.0)
    sender.cancel()
    assert sender.next_time() == 0.0
    expected = Eof(HEADER, ConditionCode.CANCEL_REQUEST_RECEIVED, crc32c(DATA[:300]), 300, 1)
    assert drain(sender, 0.0) == [expected]
    assert drain(sender, EOF_INTERVAL) == [expected]
    sender.receive(EOF_ACK, 2.0)
    assert not sender.finished, "an ACK of the earlier EOF does not end the cancellation"
    sender.receive(
        Ack(
            HEADER,
            Directive.EOF,
            ConditionCode.CANCEL_REQUEST_RECEIVED,
            TransactionStatus.UNRECOGNIZED,
        ),
        2.0,
    )
    assert sender.finished
    assert sender.condition is ConditionCode.CANCEL_REQUEST_RECEIVED
    sender.cancel()
    assert sender.next_time() is None


class FailingFile(MemoryFile):
    """A source that fails from octet `good` on, by an error or by short reads."""

    def __init__(self, data: bytes, good: int, short: bool) -> None:
        super().__init__(data)
        self.good, self.short = good, short

    def read(self, offset: int, n: int) -> bytes:
        if offset + n > self.good:
            if self.short:
                return self.data[offset : self.good]
            raise OSError("read error")
        return super().read(offset, n)

    def checksum(self) -> int:
        raise OSError("read error")


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("good", [0, 450, 1050])
def test_unreadable_source_cancels(good: int, short: bool) -> None:
    sender = Sender(1, 2, 7, "file.bin", FailingFile(DATA, good, short), SETTINGS)
    *data, eof = drain(sender, 0.0)
    complete = good // 100 * 100 if good < 1050 else 1050
    expected = ConditionCode.FILESTORE_REJECTION
    assert eof == Eof(HEADER, expected, crc32c(DATA[:complete]), complete, 1)
    assert sum(len(pdu.data) for pdu in data if isinstance(pdu, FileData)) == complete


def test_unreadable_repair_cancels() -> None:
    source = FailingFile(DATA, 1050, short=False)
    sender = Sender(1, 2, 7, "file.bin", source, SETTINGS)
    for _ in range(6):
        sender.next_pdu(0.0)
    source.good = 0
    sender.receive(nak((100, 200)), 0.1)
    (eof,) = drain(sender, 0.1)
    assert isinstance(eof, Eof)
    assert eof.condition is ConditionCode.FILESTORE_REJECTION


OTHER = Header(1, 2, 8)
SENSELESS: dict[str, Pdu] = {
    "NAK beyond what was sent": nak((5000, 6000)),
    "NAK backwards": nak((300, 200)),
    "empty NAK range": nak((200, 200)),
    "NAK of another transaction": Nak(OTHER, 0, 100, ((0, 100),)),
    "NAK of another source": Nak(Header(9, 2, 7), 0, 100, ((0, 100),)),
    "NAK of another destination": Nak(Header(1, 9, 7), 0, 100, ((0, 100),)),
    "ACK of Finished": Ack(
        HEADER, Directive.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE
    ),
    "metadata": Metadata(HEADER, 1, "a", "a"),
    "file data": FileData(HEADER, 0, b"x"),
    "EOF": Eof(HEADER, ConditionCode.NO_ERROR, 0, 0),
    "Finished of another transaction": Finished(
        OTHER, ConditionCode.NO_ERROR, DeliveryCode.DATA_COMPLETE, FileStatus.RETAINED
    ),
    "ACK of a cancellation never sent": Ack(
        HEADER, Directive.EOF, ConditionCode.CANCEL_REQUEST_RECEIVED, TransactionStatus.ACTIVE
    ),
}


@pytest.mark.parametrize("pdu", SENSELESS.values(), ids=SENSELESS.keys())
def test_senseless_answers_are_counted_and_change_nothing(pdu: Pdu) -> None:
    sender = make()
    drain(sender, 0.0)
    sender.receive(pdu, 0.1)
    assert sender.ignored == 1
    assert drain(sender, 0.1) == []
    assert not sender.finished


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "/etc/x", "a\0b", "a..b", "é" * 128]
)
def test_unacceptable_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError):
        Sender(1, 2, 7, name, MemoryFile(b""), SETTINGS)


@pytest.mark.parametrize("ids", [(70_000, 2, 7), (1, -1, 7), (1, 2, 2**32)])
def test_ids_out_of_range_are_refused(ids: tuple[int, int, int]) -> None:
    with pytest.raises(OverflowError):
        Sender(*ids, "file.bin", MemoryFile(b""), SETTINGS)


@pytest.mark.parametrize(
    "values",
    [
        {"segment": 0},
        {"segment": 65_530},
        {"nak_pdu": 46},
        {"nak_pdu": 70_000},
        {"round_trip": -1.0},
        {"nak_delay": -0.1},
        {"retry_limit": -1},
        {"inactivity": 0.0},
        {"check_interval": 0.0},
        {"save_octets": 0},
        {"entity_width": 0},
        {"sequence_width": 9},
        {"faults": {ConditionCode.FILE_SIZE_ERROR: FaultHandler.IGNORE}},
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Settings(**values)  # type: ignore[arg-type]
