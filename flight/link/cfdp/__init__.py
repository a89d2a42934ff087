"""File delivery in acknowledged mode, class 2 of CCSDS 727.0-B-5, without sockets, clock or files.

A `Sender` transmits one file, a `Receiver` takes all files sent to one entity; both are asked for
PDUs and told the time. `parse` reads a PDU, `towards_sender` routes one.
"""

from __future__ import annotations

from flight.link.cfdp.checksum import accelerated, crc32c
from flight.link.cfdp.codes import CfdpError, ConditionCode
from flight.link.cfdp.filestore import Filestore, Readable, Sink, acceptable
from flight.link.cfdp.header import towards_sender
from flight.link.cfdp.pdu import Pdu, parse
from flight.link.cfdp.receiver import Receiver
from flight.link.cfdp.reports import Delivery, Progress
from flight.link.cfdp.sender import Sender
from flight.link.cfdp.settings import Settings

__all__ = [
    "CfdpError",
    "ConditionCode",
    "Delivery",
    "Filestore",
    "Pdu",
    "Progress",
    "Readable",
    "Receiver",
    "Sender",
    "Settings",
    "Sink",
    "accelerated",
    "acceptable",
    "crc32c",
    "parse",
    "towards_sender",
]
