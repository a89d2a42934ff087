"""File delivery, classes 1 and 2 of CCSDS 727.0-B-5, without sockets, clock or files.

An `Engine` runs all transactions of one entity; it is asked for PDUs and told the time. It keeps
what a restart needs in a `Memory`, and received files in a `Filestore`.
"""

from __future__ import annotations

from flight.link.cfdp.checksum import accelerated, crc32c
from flight.link.cfdp.codes import (
    CfdpError,
    ConditionCode,
    DeliveryCode,
    FaultHandler,
    FileStatus,
)
from flight.link.cfdp.engine import Engine
from flight.link.cfdp.filestore import Filestore, Readable, Sink, StoredFile, acceptable
from flight.link.cfdp.header import towards_sender
from flight.link.cfdp.pdu import Pdu, parse
from flight.link.cfdp.records import Memory
from flight.link.cfdp.reports import Ended, State, TransactionId
from flight.link.cfdp.sender import Sender
from flight.link.cfdp.settings import Settings

__all__ = [
    "CfdpError",
    "ConditionCode",
    "DeliveryCode",
    "Ended",
    "Engine",
    "FaultHandler",
    "FileStatus",
    "Filestore",
    "Memory",
    "Pdu",
    "Readable",
    "Sender",
    "Settings",
    "Sink",
    "State",
    "StoredFile",
    "TransactionId",
    "accelerated",
    "acceptable",
    "crc32c",
    "parse",
    "towards_sender",
]
