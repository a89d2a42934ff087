"""Sending entity of one transaction in acknowledged mode (727.0-B-5, 4.6.1, 4.6.4, 4.7)."""

from __future__ import annotations

from math import inf

from flight.link.cfdp.ack import Ack
from flight.link.cfdp.checksum import Checksum
from flight.link.cfdp.codes import (
    ChecksumType,
    ConditionCode,
    Directive,
    TransactionStatus,
)
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.filestore import Readable, acceptable
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import METADATA, Nak
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.repairs import Repairs
from flight.link.cfdp.settings import TIMER_MARGIN, Settings

__all__ = ["Readable", "Sender", "Settings"]

_SMALL = 0xFFFFFFFF


class Sender:
    """Transmits one file; the caller asks for PDUs at the pace of the link.

    Fault handlers: a source that cannot be read cancels the transaction with
    `FILESTORE_REJECTION`; the EOF repeated `retry_limit` times without ACK abandons it with
    `POSITIVE_ACK_LIMIT_REACHED`; Inactivity Detected is ignored, but the EOF is sent again, so
    that a receiver that lost its state can report or start over.

    `sent` and `resent` count file octets of first transmissions and of repetitions, `ignored`
    received PDUs and segment requests that made no sense, `inactive` declared inactivities.
    """

    def __init__(
        self,
        source: int,
        destination: int,
        transaction: int,
        name: str,
        data: Readable,
        settings: Settings,
    ) -> None:
        """Raises `ValueError` for a name no receiver accepts, `struct.error` for ids too wide."""
        if not acceptable(name):
            raise ValueError(f"not a plain file name: {name!r}")
        self.finished = False
        self.condition = ConditionCode.NO_ERROR
        self.sent = self.resent = self.ignored = self.inactive = 0
        self._data = data
        self._size = data.size
        self._settings = settings
        self._header = Header(source, destination, transaction, self._size > _SMALL, settings.crc)
        self._metadata = Metadata(self._header, self._size, name, name, settings.checksum).pack()
        self._metadata_due = True
        self._metadata_in_flight_until = -inf
        self._opened = False
        self._repairs = Repairs(settings.round_trip, settings.segment)
        self._checksum = Checksum(settings.checksum)
        self._eof: bytes | None = None
        self._eof_due = 0.0
        self._eof_retries = 0
        self._eof_acknowledged = False
        self._answer: bytes | None = None
        self._now = 0.0

    def cancel(self) -> None:
        """Cancel.request (4.11.2): stop the data and send EOF (cancel) until acknowledged."""
        self._cancel(ConditionCode.CANCEL_REQUEST_RECEIVED)

    def next_pdu(self, now: float) -> bytes | None:
        """The most urgent PDU, or nothing before `next_time`.

        Order: ACK (Finished), metadata, repairs, new data, EOF.
        """
        self._now = now
        if self._answer is not None:
            answer, self._answer = self._answer, None
            return answer
        if self.finished:
            return None
        if self.condition is ConditionCode.NO_ERROR:
            pdu = self._next_of_file(now)
            if pdu is not None:
                return pdu
        return self._next_eof(now)

    def receive(self, pdu: Pdu, now: float) -> None:
        """Take an answer of the receiver; others are counted in `ignored`."""
        self._now = now
        if not self._concerns(pdu):
            self.ignored += 1
        elif isinstance(pdu, Finished):
            self._on_finished(pdu)
        elif isinstance(pdu, Nak):
            self._on_nak(pdu, now)
        elif isinstance(pdu, Ack) and pdu.directive is Directive.EOF:
            self._on_acknowledged(pdu, now)
        else:
            self.ignored += 1

    def next_time(self) -> float | None:
        """When `next_pdu` must be asked next; nothing once finished and answered."""
        if self._answer is not None:
            return self._now
        if self.finished:
            return None
        file_waits = self.condition is ConditionCode.NO_ERROR and (
            self._metadata_due or bool(self._repairs) or self.sent < self._size
        )
        return self._now if file_waits or self._eof is None else self._eof_due

    def _next_of_file(self, now: float) -> bytes | None:
        """Metadata, a repair or new data."""
        if self._metadata_due:
            self._metadata_due = False
            if self._opened:
                self._metadata_in_flight_until = now + self._settings.round_trip
            self._opened = True
            return self._metadata
        repair = self._repairs.take(now)
        if repair is not None:
            data = self._read(*repair)
            self.resent += len(data)
            return FileData(self._header, repair[0], data).pack() if data else None
        if self.sent < self._size:
            start = self.sent
            data = self._read(start, min(start + self._settings.segment, self._size))
            self._checksum.update(data)
            self.sent += len(data)
            return FileData(self._header, start, data).pack() if data else None
        return None

    def _read(self, start: int, end: int) -> bytes:
        """Octets [start, end) of the file; none of them, and a cancellation, if it fails."""
        try:
            data = self._data.read(start, end - start)
        except OSError:
            data = b""
        if len(data) == end - start:
            return data
        self._cancel(ConditionCode.FILESTORE_REJECTION)
        return b""

    def _next_eof(self, now: float) -> bytes | None:
        """The EOF when it is due: first, unacknowledged, or after inactivity."""
        if self._eof is None:
            self._eof = self._make_eof()
        elif now < self._eof_due:
            return None
        elif self._eof_acknowledged:
            self.inactive += 1
        elif self._exhausted():
            return None
        interval = TIMER_MARGIN * self._settings.round_trip + self._settings.nak_delay
        self._eof_due = now + (self._settings.inactivity if self._eof_acknowledged else interval)
        return self._eof

    def _exhausted(self) -> bool:
        """Count one more repetition of the EOF; abandon the transaction beyond the limit."""
        self._eof_retries += 1
        if not 0 < self._settings.retry_limit < self._eof_retries:
            return False
        self.condition = ConditionCode.POSITIVE_ACK_LIMIT_REACHED
        self.finished = True
        return True

    def _make_eof(self) -> bytes:
        """EOF of the file, or of the part sent before it was cancelled."""
        checksum = self._checksum.value()
        if self._settings.checksum is ChecksumType.CRC_32C:
            checksum = self._checksum_of_source(checksum)
        cancelled = self.condition is not ConditionCode.NO_ERROR
        location = self._header.source if cancelled else None
        return Eof(self._header, self.condition, checksum, self.sent, location).pack()

    def _checksum_of_source(self, sent: int) -> int:
        """Checksum of the whole file, so that octets misread on the way out are noticed."""
        if self.condition is ConditionCode.NO_ERROR:
            try:
                return self._data.checksum()
            except OSError:
                self._cancel(ConditionCode.FILESTORE_REJECTION)
        return sent

    def _cancel(self, condition: ConditionCode) -> None:
        if self.finished or self.condition is not ConditionCode.NO_ERROR:
            return
        self.condition = condition
        self._eof = None
        self._eof_retries = 0
        self._eof_acknowledged = False

    def _concerns(self, pdu: Pdu) -> bool:
        header = pdu.header
        return (header.source, header.destination, header.transaction) == (
            self._header.source,
            self._header.destination,
            self._header.transaction,
        )

    def _on_acknowledged(self, pdu: Ack, now: float) -> None:
        cancelled = self.condition is not ConditionCode.NO_ERROR
        if self._eof is None or cancelled is (pdu.condition is ConditionCode.NO_ERROR):
            self.ignored += 1
            return
        self._eof_acknowledged = True
        self._eof_due = now + self._settings.inactivity
        self.finished |= cancelled

    def _on_finished(self, pdu: Finished) -> None:
        """Close; answer every time, since the receiver repeats until it hears (4.7.2)."""
        if pdu.condition is ConditionCode.NO_ERROR and self._eof is None:
            self.ignored += 1
            return
        self._answer = Ack(
            self._header, Directive.FINISHED, pdu.condition, TransactionStatus.TERMINATED
        ).pack()
        if not self.finished and self.condition is ConditionCode.NO_ERROR:
            self.condition = pdu.condition
        self.finished = True

    def _on_nak(self, pdu: Nak, now: float) -> None:
        for start, end in pdu.requests:
            if (start, end) == METADATA:
                self._metadata_due |= now >= self._metadata_in_flight_until
            elif start < min(end, self.sent):
                self._repairs.request(start, min(end, self.sent), now)
            else:
                self.ignored += 1
        if self._eof_acknowledged:
            self._eof_due = now + self._settings.inactivity
