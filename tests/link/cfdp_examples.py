"""One example of every PDU."""

from __future__ import annotations

from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    Directive,
    FileStatus,
    TransactionStatus,
)
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.keepalive import KeepAlive
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.prompt import Prompt
from flight.link.cfdp.tlv import Tlv

HEADER = Header(1, 2, 77)
EXAMPLES: tuple[Pdu, ...] = (
    Metadata(HEADER, 1234, "a.bin", "b.bin", 2, True, (Tlv(2, b"note"),)),
    FileData(HEADER, 592, bytes(range(64))),
    Eof(HEADER, ConditionCode.NO_ERROR, 0xE3069283, 1234),
    Eof(HEADER, ConditionCode.CANCEL_REQUEST_RECEIVED, 1, 600, 1),
    Finished(HEADER, ConditionCode.NO_ERROR, DeliveryCode.DATA_COMPLETE, FileStatus.RETAINED),
    Finished(
        HEADER,
        ConditionCode.FILESTORE_REJECTION,
        DeliveryCode.DATA_INCOMPLETE,
        FileStatus.DISCARDED_FILESTORE_REJECTION,
        2,
        (Tlv(1, b"\x10\x01a\x00\x00"),),
    ),
    Ack(HEADER, Directive.EOF, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE),
    Ack(HEADER, Directive.FINISHED, ConditionCode.FILE_SIZE_ERROR, TransactionStatus.TERMINATED),
    Nak(HEADER, 0, 5000, ((0, 0), (592, 1184), (4000, 5000))),
    Prompt(HEADER, keep_alive=True),
    Prompt(HEADER, keep_alive=False),
    KeepAlive(HEADER, 77_000),
)
IDS = [f"{type(pdu).__name__}{index}" for index, pdu in enumerate(EXAMPLES)]
