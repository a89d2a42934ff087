"""From octets to the PDU they are, or one typed refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import CfdpError, Directive, Reason
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header, unpack
from flight.link.cfdp.keepalive import KeepAlive
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.prompt import Prompt

__all__ = ["CfdpError", "Pdu", "parse"]

Pdu: TypeAlias = Metadata | FileData | Eof | Finished | Ack | Nak | Prompt | KeepAlive

_DIRECTIVES: dict[int, Callable[[Header, bytes], Pdu]] = {
    Directive.EOF: Eof.unpack,
    Directive.FINISHED: Finished.unpack,
    Directive.ACK: Ack.unpack,
    Directive.METADATA: Metadata.unpack,
    Directive.NAK: Nak.unpack,
    Directive.PROMPT: Prompt.unpack,
    Directive.KEEP_ALIVE: KeepAlive.unpack,
}
_UNACKNOWLEDGED = (Directive.METADATA, Directive.EOF, Directive.FINISHED)


def parse(raw: bytes, require_crc: bool = True) -> Pdu:
    """The PDU that fills `raw` exactly; raises only `CfdpError`.

    A PDU without the CRC flag is refused unless `require_crc` is off, because one flipped bit
    turns the flag off.
    """
    (header, data, direction), field = unpack(bytes(raw), require_crc)
    pdu: Pdu = FileData.unpack(header, field) if data else _directive(header, field)
    if pdu.direction is not direction:
        raise CfdpError(Reason.DIRECTION)
    return pdu


def _directive(header: Header, field: bytes) -> Pdu:
    if not field:
        raise CfdpError(Reason.LENGTH)
    reader = _DIRECTIVES.get(field[0])
    if reader is None:
        raise CfdpError(Reason.DIRECTIVE)
    if not header.acknowledged and field[0] not in _UNACKNOWLEDGED:
        raise CfdpError(Reason.MODE)
    return reader(header, field[1:])
