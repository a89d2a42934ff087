"""A sender on the bench: its PDUs are drained and unpacked."""

from __future__ import annotations

import random

from cfdp_files import MemoryFile

from flight.link.cfdp import ConditionCode, Sender, Settings, parse
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import DeliveryCode, Directive, FileStatus, TransactionStatus
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.pdu import Pdu

SETTINGS = Settings(segment=100, round_trip=1.0, nak_delay=0.1, inactivity=60.0)
EOF_INTERVAL = 1.05 * 1.0 + 0.1
HEADER = Header(1, 2, 7)
DATA = random.Random(0).randbytes(1050)
EOF_ACK = Ack(HEADER, Directive.EOF, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE)
FINISHED = Finished(HEADER, ConditionCode.NO_ERROR, DeliveryCode.DATA_COMPLETE, FileStatus.RETAINED)


def make(data: bytes = DATA, settings: Settings = SETTINGS) -> Sender:
    return Sender(1, 2, 7, "file.bin", MemoryFile(data), settings)


def drain(sender: Sender, now: float) -> list[Pdu]:
    """All PDUs that may be sent at `now`."""
    pdus: list[Pdu] = []
    while (raw := sender.next_pdu(now)) is not None:
        pdus.append(parse(raw, require_crc=False))
        assert len(pdus) < 10_000
    return pdus


def nak(*requests: tuple[int, int]) -> Nak:
    return Nak(HEADER, 0, len(DATA), requests)


def ranges(pdus: list[Pdu]) -> list[tuple[int, int]]:
    return [(pdu.offset, pdu.offset + len(pdu.data)) for pdu in pdus if isinstance(pdu, FileData)]
