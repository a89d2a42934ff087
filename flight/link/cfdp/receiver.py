"""All incoming transactions of one entity: admission, memory of closed ones, counters."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from math import inf

from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import (
    CfdpError,
    ConditionCode,
    Direction,
    TransactionStatus,
)
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filestore import Filestore, Sink
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.pdu import Pdu, parse
from flight.link.cfdp.reception import Reception, acknowledge
from flight.link.cfdp.reports import Delivery, Progress
from flight.link.cfdp.settings import Settings

__all__ = ["CLOSED", "Delivery", "Filestore", "Progress", "Receiver", "Settings", "Sink"]

CLOSED = 1024
"""Closed transactions remembered, and deliveries kept until they are fetched."""

_Key = tuple[int, int]


class Receiver:
    """Receives files in acknowledged mode.

    At most `limit` transactions are open. One more takes the place of one whose Finished PDU is
    merely unacknowledged, or of one silent for `inactivity` seconds (Inactivity Detected, its file
    is discarded); otherwise its PDUs are dropped and the sender, whose EOF stays unanswered, tries
    again. A transaction number may not be used twice while it is remembered.

    `counters`: `pdus`, `delivered`, `refused_*` (malformed, by `Reason`), `finished_*` (outcome,
    by condition code), `misdirected`, `other_entity`, `unknown`, `over_limit`, `late`,
    `duplicate`, `unexpected`, `overflow`, `inactivity_detected`, `positive_ack_limit_reached`,
    `discard_failed`, `deliveries_dropped`.
    """

    def __init__(
        self, entity: int, filestore: Filestore, settings: Settings, limit: int = 64
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._entity = entity
        self._filestore = filestore
        self._settings = settings
        self._limit = limit
        self._open: dict[_Key, Reception] = {}
        self._closed: dict[_Key, Finished] = {}
        self._deliveries: deque[Delivery] = deque()

    def receive(self, raw: bytes, now: float) -> list[bytes]:
        """Take one PDU and return the PDUs to send back; what is refused is counted."""
        self.counters["pdus"] += 1
        try:
            pdu = parse(raw, self._settings.crc)
        except CfdpError as error:
            self.counters[f"refused_{error.reason.value}"] += 1
            return []
        header = pdu.header
        if pdu.direction is not Direction.TOWARDS_RECEIVER:
            self.counters["misdirected"] += 1
            return []
        if header.destination != self._entity:
            self.counters["other_entity"] += 1
            return []
        key = (header.source, header.transaction)
        if key in self._closed:
            return self._answer_closed(pdu, self._closed[key])
        if key not in self._open and not self._admit(key, pdu, now):
            return self._answer_unknown(pdu)
        return self._run(key, self._open[key].receive(pdu, now))

    def tick(self, now: float) -> list[bytes]:
        """Run the timers of all transactions; returns the PDUs to send."""
        pdus: list[bytes] = []
        for key, reception in list(self._open.items()):
            pdus += self._run(key, reception.tick(now))
        return pdus

    def next_time(self) -> float | None:
        """When `tick` must be called next; nothing while no transaction is open."""
        soonest = min((reception.next_time() for reception in self._open.values()), default=inf)
        return None if soonest == inf else soonest

    def delivered(self) -> list[Delivery]:
        """Files committed since the last call."""
        fetched = list(self._deliveries)
        self._deliveries.clear()
        return fetched

    def progress(self) -> list[Progress]:
        """Transactions whose file is not yet finished."""
        return [item.progress() for item in self._open.values() if item.finished is None]

    def _admit(self, key: _Key, pdu: Pdu, now: float) -> bool:
        """Open a transaction for a PDU of an unknown one, if it may open one."""
        if isinstance(pdu, Ack) or (
            isinstance(pdu, Eof) and pdu.condition is not ConditionCode.NO_ERROR
        ):
            self.counters["unknown"] += 1
            return False
        if len(self._open) >= self._limit and not self._evict(now):
            self.counters["over_limit"] += 1
            return False
        self._open[key] = Reception(pdu.header, self._filestore, self._settings, self.counters, now)
        return True

    def _evict(self, now: float) -> bool:
        """Make room: a finished transaction first, else an inactive one, the longest silent."""
        if not self._open:
            return False
        key = min(self._open, key=self._worth)
        reception = self._open[key]
        if reception.finished is None:
            if now - reception.heard < self._settings.inactivity:
                return False
            reception.abandon()
        reception.closed = True
        self._run(key, [])
        return True

    def _worth(self, key: _Key) -> tuple[bool, float]:
        reception = self._open[key]
        return reception.finished is None, reception.heard

    def _run(self, key: _Key, pdus: list[bytes]) -> list[bytes]:
        """Book what became of a transaction; passes `pdus` on."""
        reception = self._open[key]
        if reception.delivery is not None:
            self._deliver(reception.delivery)
            reception.delivery = None
        if reception.closed and reception.finished is not None:
            del self._open[key]
            self._closed[key] = reception.finished
            if len(self._closed) > CLOSED:
                del self._closed[next(iter(self._closed))]
        return pdus

    def _deliver(self, delivery: Delivery) -> None:
        self.counters["delivered"] += 1
        if len(self._deliveries) == CLOSED:
            self._deliveries.popleft()
            self.counters["deliveries_dropped"] += 1
        self._deliveries.append(delivery)

    def _answer_closed(self, pdu: Pdu, finished: Finished) -> list[bytes]:
        """A late EOF is acknowledged, with the outcome in case the sender missed it."""
        if not isinstance(pdu, Eof):
            self.counters["late"] += 1
            return []
        status = TransactionStatus.TERMINATED
        return [acknowledge(finished.header, pdu, status), finished.pack()]

    def _answer_unknown(self, pdu: Pdu) -> list[bytes]:
        """The cancellation of a transaction never seen needs an ACK to end."""
        if not isinstance(pdu, Eof) or pdu.condition is ConditionCode.NO_ERROR:
            return []
        header = replace(pdu.header, crc=self._settings.crc)
        return [acknowledge(header, pdu, TransactionStatus.UNRECOGNIZED)]
