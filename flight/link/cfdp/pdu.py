"""From octets to the PDU they are, or one typed refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import CfdpError, Directive, PduType, Reason
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header, unpack
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak

__all__ = ["CfdpError", "Pdu", "parse"]

Pdu: TypeAlias = Metadata | FileData | Eof | Finished | Ack | Nak

_DIRECTIVES: dict[int, Callable[[Header, bytes], Pdu]] = {
    Directive.EOF: Eof.unpack,
    Directive.FINISHED: Finished.unpack,
    Directive.ACK: Ack.unpack,
    Directive.METADATA: Metadata.unpack,
    Directive.NAK: Nak.unpack,
}


def parse(raw: bytes, require_crc: bool = True) -> Pdu:
    """The PDU that fills `raw` exactly; raises only `CfdpError`.

    A PDU without the CRC flag is refused unless `require_crc` is off, because one flipped bit
    turns the flag off.
    """
    unpacked = unpack(bytes(raw), require_crc)
    pdu: Pdu
    if unpacked.kind is PduType.FILE_DATA:
        pdu = FileData.unpack(unpacked.header, unpacked.field)
    else:
        pdu = _directive(unpacked.header, unpacked.field)
    if pdu.direction is not unpacked.direction:
        raise CfdpError(Reason.DIRECTION)
    return pdu


def _directive(header: Header, field: bytes) -> Pdu:
    if not field:
        raise CfdpError(Reason.LENGTH)
    reader = _DIRECTIVES.get(field[0])
    if reader is None:
        raise CfdpError(Reason.DIRECTIVE)
    return reader(header, field[1:])
