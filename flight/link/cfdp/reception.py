"""Receiving entity of one transaction in acknowledged mode (727.0-B-5, 4.6.1.2, 4.6.4, 4.7)."""

from __future__ import annotations

from collections import Counter

from flight.link.cfdp.ack import Ack
from flight.link.cfdp.checksum import SUPPORTED
from flight.link.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    Directive,
    FileStatus,
    TransactionStatus,
)
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.filestore import Filestore, Sink, acceptable, stored_checksum
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.missing import Missing
from flight.link.cfdp.nak import METADATA, Nak
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.reports import Delivery, Progress
from flight.link.cfdp.segments import Segments
from flight.link.cfdp.settings import TIMER_MARGIN, Settings

HELD = 1 << 17
"""File octets kept in memory while the metadata is missing."""

RANGES = 1 << 16
"""Disjoint ranges of received octets that are kept track of, per transaction."""

_WITHOUT_LOCATION = (ConditionCode.NO_ERROR, ConditionCode.UNSUPPORTED_CHECKSUM_TYPE)


class Reception:
    """One file on its way in, until its Finished PDU is acknowledged.

    Any fault but inactivity ends the transaction: the sink is discarded and the Finished PDU
    carries the condition. Inactivity is counted and the transaction kept, because out of view
    every peer is silent; only the repetition of the Finished PDU ends with it.
    """

    def __init__(
        self,
        header: Header,
        filestore: Filestore,
        settings: Settings,
        counters: Counter[str],
        now: float,
    ) -> None:
        self.header = Header(
            header.source, header.destination, header.transaction, header.large, settings.crc
        )
        self.finished: Finished | None = None
        self.delivery: Delivery | None = None
        self.closed = False
        self.heard = now
        self._filestore = filestore
        self._settings = settings
        self._counters = counters
        self._metadata: Metadata | None = None
        self._eof: Eof | None = None
        self._sink: Sink | None = None
        self._received = Segments()
        self._held: list[tuple[int, bytes]] = []
        self._end = 0
        self._missing = Missing(self.header, settings)
        self._missing.lost_metadata(now)
        self._naks = 0
        self._inactive_at = now + settings.inactivity
        self._finish_at = now
        self._finish_retries = 0

    def receive(self, pdu: Pdu, now: float) -> list[bytes]:
        """Take one PDU of this transaction and return the PDUs to answer."""
        self.heard = now
        self._inactive_at = now + self._settings.inactivity
        answers: list[bytes] = []
        if isinstance(pdu, Eof):
            answers.append(acknowledge(self.header, pdu, TransactionStatus.ACTIVE))
        if self.finished is not None:
            self._on_finishing(pdu)
        else:
            self._on_open(pdu, now)
        return answers + self._outgoing(now)

    def tick(self, now: float) -> list[bytes]:
        """Run the timers that are due."""
        if now >= self._inactive_at:
            self._inactive_at = now + self._settings.inactivity
            self._counters["inactivity_detected"] += 1
            self.closed = self.finished is not None
        return self._outgoing(now)

    def next_time(self) -> float:
        """When `tick` must be called next."""
        waits = self._missing.next_time() if self.finished is None else self._finish_at
        return min(waits, self._inactive_at)

    def abandon(self) -> None:
        """Give the transaction up without a word to the peer."""
        self._fail(ConditionCode.INACTIVITY_DETECTED, FileStatus.DISCARDED_DELIBERATELY)

    def progress(self) -> Progress:
        """State of the transfer."""
        name = self._metadata.destination_name if self._metadata else ""
        size = self._size() or 0
        return Progress(name, self.header.transaction, size, self._received.total, self._naks)

    def _size(self) -> int | None:
        """File size, from whichever of metadata and EOF is known."""
        known = self._metadata or self._eof
        return known.size if known else None

    def _on_finishing(self, pdu: Pdu) -> None:
        if isinstance(pdu, Ack):
            self.closed = True
        elif not isinstance(pdu, Eof):
            self._counters["late"] += 1

    def _on_open(self, pdu: Pdu, now: float) -> None:
        """Take a PDU; storage that fails rejects the file."""
        try:
            if isinstance(pdu, FileData):
                self._on_data(pdu, now)
            elif isinstance(pdu, Metadata):
                self._on_metadata(pdu)
            elif isinstance(pdu, Eof):
                self._on_eof(pdu, now)
            else:
                self._counters["unexpected"] += 1
            if self.finished is None:
                self._complete()
        except OSError:
            self._reject()

    def _on_metadata(self, pdu: Metadata) -> None:
        if self._metadata is not None:
            if pdu == self._metadata:
                self._counters["duplicate"] += 1
            else:
                self._fail(ConditionCode.INVALID_FILE_STRUCTURE)
            return
        self._metadata = pdu
        self._missing.found_metadata()
        if pdu.checksum_type not in SUPPORTED:
            self._fail(ConditionCode.UNSUPPORTED_CHECKSUM_TYPE)
        elif (self._eof is not None and self._eof.size != pdu.size) or self._end > pdu.size:
            self._fail(ConditionCode.FILE_SIZE_ERROR)
        elif not acceptable(pdu.destination_name):
            self._reject()
        else:
            self._sink = self._filestore.open(pdu.destination_name, pdu.size)
            for offset, data in self._held:
                self._sink.write(offset, data)
            self._held.clear()

    def _on_data(self, pdu: FileData, now: float) -> None:
        """Store the octets that are new; the first to arrive win."""
        start, end = pdu.offset, pdu.offset + len(pdu.data)
        size = self._size()
        if size is not None and end > size:
            self._fail(ConditionCode.FILE_SIZE_ERROR)
            return
        if self._overflows(start, end):
            self._counters["overflow"] += 1
            return
        self._missing.observe(len(pdu.data), now)
        pieces = self._received.add(start, end)
        if not pieces:
            self._counters["duplicate"] += 1
        for begin, stop in pieces:
            self._missing.arrived(begin, stop)
            self._store(begin, pdu.data[begin - start : stop - start])
        self._extend(start, end, now)

    def _overflows(self, start: int, end: int) -> bool:
        """Whether data exceeds a bound of memory; dropped here, it is asked for later."""
        if self._sink is None:
            held = self._received.total + end - start
            return held > HELD or len(self._held) * self._settings.segment > HELD
        isolated = [(start - 1, end + 1)]
        return len(self._received) >= RANGES and self._received.gaps(*isolated[0]) == isolated

    def _store(self, offset: int, data: bytes) -> None:
        if self._sink is None:
            self._held.append((offset, data))
        else:
            self._sink.write(offset, data)

    def _extend(self, start: int, end: int, now: float) -> None:
        """Move the highest octet seen to `end`; what it skips is a gap."""
        if start > self._end:
            self._missing.lost(self._end, start, now)
        self._end = max(self._end, end)

    def _on_eof(self, pdu: Eof, now: float) -> None:
        if pdu.condition is not ConditionCode.NO_ERROR:
            self._fail(pdu.condition, location=self.header.source)
        elif self._eof is not None:
            if (pdu.checksum, pdu.size) != (self._eof.checksum, self._eof.size):
                self._fail(ConditionCode.INVALID_FILE_STRUCTURE)
        elif self._end > pdu.size or (self._metadata and self._metadata.size != pdu.size):
            self._fail(ConditionCode.FILE_SIZE_ERROR)
        else:
            self._eof = pdu
            self._extend(pdu.size, pdu.size, now)
            self._missing.hurry()

    def _complete(self) -> None:
        """Verify and commit the file once all of it is there."""
        metadata, eof, sink = self._metadata, self._eof, self._sink
        if metadata is None or eof is None or sink is None or self._received.total < eof.size:
            return
        if stored_checksum(metadata.checksum_type, sink, metadata.size) != eof.checksum:
            self._fail(ConditionCode.FILE_CHECKSUM_FAILURE)
            return
        sink.commit()
        self._sink = None
        source, transaction = self.header.source, self.header.transaction
        self.delivery = Delivery(metadata.destination_name, source, transaction, metadata.size)
        self._finish(ConditionCode.NO_ERROR, DeliveryCode.DATA_COMPLETE, FileStatus.RETAINED, None)

    def _reject(self) -> None:
        self._fail(ConditionCode.FILESTORE_REJECTION, FileStatus.DISCARDED_FILESTORE_REJECTION)

    def _fail(
        self,
        condition: ConditionCode,
        status: FileStatus = FileStatus.DISCARDED_DELIBERATELY,
        location: int | None = None,
    ) -> None:
        """Notice of cancellation (4.11): discard the file and report `condition`."""
        sink, self._sink = self._sink, None
        self._held.clear()
        if sink is not None:
            try:
                sink.discard()
            except OSError:
                self._counters["discard_failed"] += 1
        if condition in _WITHOUT_LOCATION:
            location = None
        elif location is None:
            location = self.header.destination
        self._finish(condition, DeliveryCode.DATA_INCOMPLETE, status, location)

    def _finish(
        self,
        condition: ConditionCode,
        delivery: DeliveryCode,
        status: FileStatus,
        location: int | None,
    ) -> None:
        self.finished = Finished(self.header, condition, delivery, status, location)
        self._counters[f"finished_{condition.name.lower()}"] += 1

    def _outgoing(self, now: float) -> list[bytes]:
        """The Finished PDU or the NAK PDUs that are due."""
        limit = self._settings.retry_limit
        if self.finished is None and 0 < limit < self._missing.rounds:
            self._fail(ConditionCode.NAK_LIMIT_REACHED)
        if self.finished is None:
            return self._requests(now)
        if self.closed or now < self._finish_at:
            return []
        if 0 < limit < self._finish_retries:
            self._counters["positive_ack_limit_reached"] += 1
            self.closed = True
            return []
        self._finish_retries += 1
        self._finish_at = now + TIMER_MARGIN * self._settings.round_trip + self._settings.nak_delay
        return [self.finished.pack()]

    def _requests(self, now: float) -> list[bytes]:
        pdus = []
        for batch in self._missing.requests(now):
            data = [request for request in batch if request != METADATA]
            scope = (data[0][0], data[-1][1]) if data else METADATA
            pdus.append(Nak(self.header, *scope, batch).pack())
        self._naks += len(pdus)
        return pdus


def acknowledge(header: Header, eof: Eof, status: TransactionStatus) -> bytes:
    """ACK of an EOF, due for every EOF whatever became of the transaction (4.7.2)."""
    return Ack(header, Directive.EOF, eof.condition, status).pack()
