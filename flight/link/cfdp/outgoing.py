"""All outgoing transactions of one entity: numbers, order, records."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable
from math import inf

from flight.link.cfdp.ack import acknowledge
from flight.link.cfdp.codes import ConditionCode, DeliveryCode, FileStatus, TransactionStatus
from flight.link.cfdp.filestore import Readable
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.keeper import Keeper
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.records import SEQUENCE, VERSION, Outbound, Sequence, key_of
from flight.link.cfdp.reports import Reports, State, TransactionId
from flight.link.cfdp.settings import Settings
from flight.link.cfdp.transmission import Transmission, report

_BLOCK = 64
"""Transaction numbers reserved at once; a restart skips what is left of them."""

Sources = Callable[[str], Readable | None]


class Outgoing:
    """Sends files, those of larger priority first, then in the order in which they were put."""

    def __init__(
        self,
        entity: int,
        keeper: Keeper,
        counters: Counter[str],
        reports: Reports,
        first: int,
        limit: int,
    ) -> None:
        self._entity = entity
        self._keeper = keeper
        self._counters = counters
        self._reports = reports
        self._limit = limit
        self._next = self._reserved = first
        self._order = 0
        self._open: dict[TransactionId, Transmission] = {}
        self._queue: list[Transmission] = []

    def restore_sequence(self, record: Sequence) -> None:
        """Use no transaction number of an earlier life."""
        self._next = self._reserved = max(self._next, record.reserved)

    def restore(self, record: Outbound, settings: Settings, sources: Sources, now: float) -> None:
        """Go on with a file of an earlier life."""
        if record.ended:
            self._reports.add(report(record))
            return
        self._order = max(self._order, record.order + 1)
        self._enter(Transmission.revived(record, settings, sources, now))

    def get(self, transaction: TransactionId) -> Transmission | None:
        """A file on its way."""
        return self._open.get(transaction)

    def put(
        self,
        name: str,
        source: Readable,
        destination: int,
        settings: Settings,
        *,
        origin: str,
        acknowledged: bool,
        priority: int,
    ) -> TransactionId:
        """Begin a file; raises `ValueError` and `OSError` as `Engine.put` does."""
        if len(self._open) >= self._limit:
            raise ValueError(f"{self._limit} files are on their way")
        if self._next >= 1 << 8 * settings.sequence_width:
            raise ValueError("the transaction numbers are used up")
        record = Outbound(
            VERSION,
            TransactionId(self._entity, self._next),
            self._order,
            destination,
            name,
            origin,
            source.size,
            source.checksum(),
            source.sha256() if settings.sha256 else b"",
            acknowledged,
            priority,
            suspended=False,
            sent=0,
            resent=0,
            condition=ConditionCode.NO_ERROR,
            delivery=DeliveryCode.DATA_INCOMPLETE,
            status=FileStatus.UNREPORTED,
            ended=False,
        )
        transmission = Transmission(record, settings, source)
        if self._next >= self._reserved:
            self._keeper.require(SEQUENCE, Sequence(VERSION, self._next + _BLOCK))
            self._reserved = self._next + _BLOCK
        self._next += 1
        self._keeper.require(key_of(record.id, sending=True), record)
        self._order += 1
        self._enter(transmission)
        return record.id

    def receive(self, pdu: Pdu, settings: Settings, now: float) -> list[bytes]:
        """Take an answer of a receiver and return what it needs to hear. Raises `CfdpError`."""
        transmission = self._open.get(TransactionId(pdu.header.source, pdu.header.transaction))
        if transmission is None:
            return self._answer_unknown(pdu)
        transmission.sender.header.agree(pdu.header)
        ignored = transmission.sender.ignored
        transmission.sender.receive(pdu, now)
        self._counters["ignored"] += transmission.sender.ignored - ignored
        return self._book(transmission, now)

    def next_pdu(self, now: float) -> bytes | None:
        """The PDU of the most urgent file that has one."""
        for transmission in self._queue:
            pdu = transmission.sender.next_pdu(now)
            if transmission.behind(now):
                self._keep(transmission, now)
            if transmission.sender.finished:
                self._end(transmission, now)
            if pdu is not None:
                return pdu
            if transmission.sender.finished:
                return self.next_pdu(now)
        return None

    def cut(self, segment: int) -> None:
        """Put no more than `segment` octets of a file into one PDU from now on."""
        for transmission in self._queue:
            transmission.sender.repairs.segment = segment

    def next_time(self) -> float:
        """When `next_pdu` must be asked next."""
        times = [each.sender.next_time() for each in self._queue]
        return min((time for time in times if time is not None), default=inf)

    def touch(self, transmission: Transmission, now: float) -> None:
        """The owner changed the state of a file."""
        self._keep(transmission, now)

    def states(self) -> list[State]:
        """Files on their way, the most urgent first."""
        return [transmission.state() for transmission in self._queue]

    def save(self, now: float) -> None:
        """Write all records that are behind."""
        for transmission in self._queue:
            if transmission.changed:
                self._keep(transmission, now)

    def told(self, transaction: TransactionId) -> None:
        """The owner acted on the report of a file."""
        self._keeper.remove(key_of(transaction, sending=True))

    def _enter(self, transmission: Transmission) -> None:
        self._open[transmission.id] = transmission
        insort(self._queue, transmission, key=Transmission.urgency)

    def _keep(self, transmission: Transmission, now: float) -> None:
        record = transmission.record(now)
        self._keeper.write(key_of(transmission.id, sending=True), record)

    def _book(self, transmission: Transmission, now: float) -> list[bytes]:
        """Note what an answer led to; returns the answer to it."""
        if not transmission.sender.finished:
            return []
        answer = transmission.sender.next_pdu(now)
        self._end(transmission, now)
        return [] if answer is None else [answer]

    def _end(self, transmission: Transmission, now: float) -> None:
        """The record stays until the owner has acted on the report."""
        del self._open[transmission.id]
        self._queue.remove(transmission)
        self._keep(transmission, now)
        self._reports.add(report(transmission.record(now)))

    def _answer_unknown(self, pdu: Pdu) -> list[bytes]:
        """A Finished PDU of a transaction that is over here: its receiver waits for the ACK."""
        self._counters["unknown"] += 1
        if not isinstance(pdu, Finished) or not pdu.header.acknowledged:
            return []
        return [acknowledge(pdu.header, pdu, TransactionStatus.UNRECOGNIZED)]
