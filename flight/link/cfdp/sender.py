"""Sending entity of one transaction, class 1 or 2 (727.0-B-5, 4.6.1, 4.6.3, 4.6.4, 4.7)."""

from __future__ import annotations

from math import inf

from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    Direction,
    Directive,
    FaultHandler,
    FileStatus,
    PduType,
    TransactionStatus,
)
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filestore import Readable, acceptable
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.integrity import digest_option
from flight.link.cfdp.keepalive import KeepAlive
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import METADATA, Nak
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.positive_ack import PositiveAck
from flight.link.cfdp.prompt import Prompt
from flight.link.cfdp.repairs import Repairs
from flight.link.cfdp.settings import TIMER_MARGIN, Settings
from flight.link.cfdp.source import Source
from flight.link.cfdp.stopwatch import Stopwatch

_SMALL = 0xFFFFFFFF


class Sender:
    """Transmits one file; the caller asks for PDUs at the pace of the link.

    Faults lead to what the settings say; a source that cannot be read cancels the transaction with
    `FILESTORE_REJECTION`. After an ignored Inactivity Detected the EOF is sent again, so that a
    receiver that lost its state can report or start over. In class 1 the transaction ends with
    the EOF, or with the Finished PDU or the check limit if closure is requested.

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
        *,
        acknowledged: bool = True,
        digest: bytes = b"",
        done: int = 0,
    ) -> None:
        """`digest` is the SHA-256 of the file, `done` octets were sent in an earlier life.

        Raises `ValueError` for a name no receiver accepts, `OverflowError` for ids too wide,
        `OSError` if what was sent cannot be read again.
        """
        if not acceptable(name):
            raise ValueError(f"not a plain file name: {name!r}")
        self.finished = False
        self.condition = ConditionCode.NO_ERROR
        self.delivery, self.status = DeliveryCode.DATA_INCOMPLETE, FileStatus.UNREPORTED
        self.resent = self.ignored = self.inactive = 0
        self._source = Source(data, settings.checksum)
        self._source.skip(done)
        self._settings = settings
        widths = settings.entity_width, settings.sequence_width
        large = data.size > _SMALL
        self.header = Header(
            source, destination, transaction, large, settings.crc, acknowledged, *widths
        )
        self._closes = acknowledged or settings.closure
        options = (digest_option(digest),) if digest else ()
        closure = settings.closure and not acknowledged
        self._metadata = Metadata(
            self.header, data.size, name, name, settings.checksum, closure, options
        ).pack()
        self._pack_data = self.header.packer(PduType.FILE_DATA, Direction.TOWARDS_RECEIVER)
        self._metadata_due = done == 0
        self._metadata_in_flight_until = -inf
        self._opened = done > 0
        self.repairs = Repairs(settings.round_trip, settings.segment)
        interval = TIMER_MARGIN * settings.round_trip + settings.nak_delay
        self._limit_reached = ConditionCode.POSITIVE_ACK_LIMIT_REACHED
        self._eof = PositiveAck(interval, settings.retry_limit)
        if not acknowledged:
            self._limit_reached = ConditionCode.CHECK_LIMIT_REACHED
            self._eof = PositiveAck(settings.check_interval, settings.check_limit)
        self._answer: bytes | None = None
        self._prompt: bytes | None = None
        self._watch = Stopwatch()
        self._now = 0.0

    @property
    def sent(self) -> int:
        """File octets sent at least once."""
        return self._source.sent

    @property
    def suspended(self) -> bool:
        """Whether timers stand still and only answers leave."""
        return self._watch.stopped

    def suspend(self, now: float) -> None:
        """Suspend.request."""
        self._watch.stop(now)

    def resume(self, now: float) -> None:
        """Resume.request; a fault that suspended the transaction is given another chance."""
        self._watch.go(now)
        self._eof.renew()

    def cancel(self, condition: ConditionCode = ConditionCode.CANCEL_REQUEST_RECEIVED) -> None:
        """Cancel.request (4.11.2): stop the data and send EOF (cancel) until acknowledged."""
        if self.finished or self.condition is not ConditionCode.NO_ERROR:
            return
        self.condition = condition
        self._eof.stop()

    def prompt(self, keep_alive: bool) -> None:
        """Prompt.request: ask for a Keep Alive or a NAK with the next PDU."""
        self._prompt = Prompt(self.header, keep_alive).pack()

    def next_pdu(self, now: float) -> bytes | None:
        """The most urgent PDU, or nothing before `next_time`.

        Order: ACK (Finished), Prompt, metadata, repairs, new data, EOF.
        """
        self._now = now
        if self._answer is not None:
            answer, self._answer = self._answer, None
            return answer
        if self.finished or self._watch.stopped:
            return None
        if self._prompt is not None:
            prompt, self._prompt = self._prompt, None
            return prompt
        now = self._watch.read(now)
        if self.condition is ConditionCode.NO_ERROR:
            pdu = self._next_of_file(now)
            if pdu is not None:
                return pdu
        return self._next_eof(now)

    def receive(self, pdu: Pdu, now: float) -> None:
        """Take an answer of the receiver; others are counted in `ignored`."""
        self._now = now
        now = self._watch.read(now)
        if not self._concerns(pdu):
            self.ignored += 1
        elif isinstance(pdu, Finished):
            self._on_finished(pdu)
        elif isinstance(pdu, Nak):
            self._on_nak(pdu, now)
        elif isinstance(pdu, Ack) and pdu.directive is Directive.EOF:
            self._on_acknowledged(pdu, now)
        elif isinstance(pdu, KeepAlive):
            self._on_keep_alive(pdu)
        else:
            self.ignored += 1

    def next_time(self) -> float | None:
        """When `next_pdu` must be asked next; nothing once finished and answered, or suspended."""
        if self._answer is not None:
            return self._now
        if self.finished or self._watch.stopped:
            return None
        file_waits = self.condition is ConditionCode.NO_ERROR and (
            self._metadata_due or bool(self.repairs) or self._source.sent < self._source.size
        )
        if file_waits or not self._eof.started or self._prompt is not None:
            return self._now
        return self._watch.real(self._eof.due)

    def _next_of_file(self, now: float) -> bytes | None:
        """Metadata, a repair or new data."""
        if self._metadata_due:
            self._metadata_due = False
            if self._opened:
                self._metadata_in_flight_until = now + self._settings.round_trip
            self._opened = True
            return self._metadata
        source = self._source
        try:
            repair = self.repairs.take(now)
            if repair is not None:
                start, end = repair
                data = source.read(start, end - start)
                self.resent += len(data)
            elif source.sent < source.size:
                start = source.sent
                data = source.advance(self.repairs.segment)
            else:
                return None
        except OSError:
            self.cancel(ConditionCode.FILESTORE_REJECTION)
            return None
        return self._pack_data(self.header.fss.pack(start) + data)

    def _next_eof(self, now: float) -> bytes | None:
        """The EOF when it is due: first, unacknowledged, or after inactivity."""
        eof, first = self._eof, not self._eof.started
        if first:
            eof.start(self._make_eof(), now)
        elif eof.acknowledged and now >= eof.due:
            self.inactive += 1
            if not self._fault(ConditionCode.INACTIVITY_DETECTED):
                return None
        elif eof.exhausted(now) and not self._fault(self._limit_reached):
            return None
        pdu = eof.take(now)
        if pdu is not None and eof.acknowledged:
            eof.acknowledge(now + self._settings.inactivity)
        if self.header.acknowledged:
            return pdu
        # Class 1: one EOF, then the end or the wait for closure (4.6.3).
        self.finished = not self._closes or self.condition is not ConditionCode.NO_ERROR
        return pdu if first else None

    def _fault(self, condition: ConditionCode) -> bool:
        """Do what the settings say of a fault (4.8); whether the transaction goes on."""
        handler = self._settings.handler(condition)
        if handler is FaultHandler.IGNORE:
            self._eof.renew()
            return True
        if handler is FaultHandler.SUSPEND:
            self._watch.stop(self._now)
        elif handler is FaultHandler.CANCEL and self.condition is ConditionCode.NO_ERROR:
            self.cancel(condition)
        else:  # abandoned; so is what was cancelled before and stays unheard
            self.condition = condition
            self.finished = True
        return False

    def _make_eof(self) -> bytes:
        """EOF of the file, or of the part sent before it was cancelled."""
        if self.condition is ConditionCode.NO_ERROR:
            try:
                checksum = self._source.checksum()
            except OSError:
                self.cancel(ConditionCode.FILESTORE_REJECTION)
        if self.condition is not ConditionCode.NO_ERROR:
            checksum = self._source.partial_checksum()
        cancelled = self.condition is not ConditionCode.NO_ERROR
        location = self.header.source if cancelled else None
        return Eof(self.header, self.condition, checksum, self.sent, location).pack()

    def _concerns(self, pdu: Pdu) -> bool:
        theirs, mine = pdu.header, self.header
        same = (theirs.source, theirs.transaction) == (mine.source, mine.transaction)
        return same and theirs.destination == mine.destination

    def _on_acknowledged(self, pdu: Ack, now: float) -> None:
        cancelled = self.condition is not ConditionCode.NO_ERROR
        if not self._eof.started or cancelled is (pdu.condition is ConditionCode.NO_ERROR):
            self.ignored += 1
            return
        self._eof.acknowledge(now + self._settings.inactivity)
        self.finished |= cancelled

    def _on_finished(self, pdu: Finished) -> None:
        """Close; answer every time, since the receiver repeats until it hears (4.7.2)."""
        if pdu.condition is ConditionCode.NO_ERROR and not self._eof.started:
            self.ignored += 1
            return
        if self.header.acknowledged:
            self._answer = Ack(
                self.header, Directive.FINISHED, pdu.condition, TransactionStatus.TERMINATED
            ).pack()
        if not self.finished:
            self.delivery, self.status = pdu.delivery, pdu.status
            if self.condition is ConditionCode.NO_ERROR:
                self.condition = pdu.condition
        self.finished = True

    def _on_nak(self, pdu: Nak, now: float) -> None:
        for start, end in pdu.requests:
            if (start, end) == METADATA:
                self._metadata_due |= now >= self._metadata_in_flight_until
            elif start < min(end, self.sent):
                self.repairs.request(start, min(end, self.sent), now)
            else:
                self.ignored += 1
        if self._eof.acknowledged:
            self._eof.acknowledge(now + self._settings.inactivity)

    def _on_keep_alive(self, pdu: KeepAlive) -> None:
        """A receiver too far behind is a fault."""
        limit = self._settings.keep_alive_limit
        if 0 < limit < self.sent - pdu.progress and self.condition is ConditionCode.NO_ERROR:
            self._fault(ConditionCode.KEEP_ALIVE_LIMIT_REACHED)
