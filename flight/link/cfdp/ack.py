"""ACK PDU of an EOF or a Finished PDU (727.0-B-5, 5.2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from flight.link.cfdp.codes import (
    CfdpError,
    ConditionCode,
    Direction,
    Directive,
    PduType,
    Reason,
    TransactionStatus,
)
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header

_SUBTYPE = {Directive.EOF: 0, Directive.FINISHED: 1}


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledges `directive`, which is EOF or FINISHED, with the condition it carried."""

    header: Header
    directive: Directive
    condition: ConditionCode
    status: TransactionStatus

    @property
    def direction(self) -> Direction:
        """Opposite to the direction of the acknowledged PDU."""
        if self.directive is Directive.EOF:
            return Direction.TOWARDS_SENDER
        return Direction.TOWARDS_RECEIVER

    def pack(self) -> bytes:
        """Octets of the PDU."""
        field = bytes(
            (
                Directive.ACK,
                self.directive << 4 | _SUBTYPE[self.directive],
                self.condition << 4 | self.status,
            )
        )
        return self.header.pack(PduType.FILE_DIRECTIVE, self.direction, field)

    @classmethod
    def unpack(cls, header: Header, field: bytes) -> Ack:
        """From the data field after the directive code; raises `CfdpError`."""
        if len(field) != 2:
            raise CfdpError(Reason.LENGTH)
        try:
            directive = Directive(field[0] >> 4)
            condition = ConditionCode(field[1] >> 4)
        except ValueError:
            raise CfdpError(Reason.CODE) from None
        if directive not in _SUBTYPE:
            raise CfdpError(Reason.CODE)
        return cls(header, directive, condition, TransactionStatus(field[1] & 3))


def acknowledge(header: Header, pdu: Eof | Finished, status: TransactionStatus) -> bytes:
    """ACK of a PDU, due every time whatever became of the transaction (4.7.2)."""
    directive = Directive.EOF if isinstance(pdu, Eof) else Directive.FINISHED
    return Ack(header, directive, pdu.condition, status).pack()
