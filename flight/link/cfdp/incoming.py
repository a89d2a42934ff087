"""All incoming transactions of one entity: admission, memory of closed ones, records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import inf

from flight.link.cfdp.ack import Ack, acknowledge
from flight.link.cfdp.codes import ConditionCode, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filestore import Filestore
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.inbound import revive, snapshot
from flight.link.cfdp.keeper import Keeper
from flight.link.cfdp.pdu import Pdu, parse
from flight.link.cfdp.prompt import Prompt
from flight.link.cfdp.reception import Reception
from flight.link.cfdp.records import CLOSED, VERSION, Closed, Inbound, key_of
from flight.link.cfdp.reports import Ended, Reports, State, TransactionId
from flight.link.cfdp.settings import Settings

REMEMBERED = 128
"""Closed transactions remembered, in memory and over a restart."""


class Incoming:
    """Receives files.

    At most `limit` transactions are open. One more takes the place of one whose Finished PDU is
    merely unacknowledged, or of one silent for `inactivity` seconds (Inactivity Detected, its file
    is discarded); otherwise its PDUs are dropped and the sender, whose EOF stays unanswered, tries
    again. A transaction number may not be used twice while it is remembered.
    """

    def __init__(
        self,
        filestore: Filestore,
        keeper: Keeper,
        counters: Counter[str],
        reports: Reports,
        limit: int,
    ) -> None:
        self._filestore = filestore
        self._keeper = keeper
        self._counters = counters
        self._reports = reports
        self._limit = limit
        self._open: dict[TransactionId, Reception] = {}
        self._closed: dict[TransactionId, bytes] = {}
        self._wake = inf  # when `tick` has something to do, for all but the touched ones
        self._touched: dict[TransactionId, Reception] = {}
        self._now = 0.0

    def restore_closed(self, record: Closed) -> None:
        """Remember transactions of an earlier life; raises `ValueError`."""
        for raw in record.finished:
            pdu = parse(raw, require_crc=False)
            if isinstance(pdu, Finished):
                self._closed[TransactionId(pdu.header.source, pdu.header.transaction)] = raw

    def restore(self, record: Inbound, settings: Callable[[int], Settings], now: float) -> None:
        """Go on with a reception, after `restore_closed`; raises `ValueError`."""
        self._now = now
        reception = revive(record, self._filestore, settings, self._counters, self._keep, now)
        self._open[reception.id] = reception
        reception.outcome.closed = reception.id in self._closed
        self._run(reception, [], now)

    def get(self, transaction: TransactionId) -> Reception | None:
        """An open reception."""
        return self._open.get(transaction)

    def receive(self, pdu: Pdu, settings: Settings, now: float) -> list[bytes]:
        """Take one PDU and return the PDUs to send back. Raises `CfdpError`."""
        self._now = now
        header = pdu.header
        key = TransactionId(header.source, header.transaction)
        reception = self._open.get(key)
        if reception is None:
            if key in self._closed:
                return self._answer_closed(pdu, self._closed[key])
            reception = self._admit(key, pdu, settings, now)
            if reception is None:
                return self._answer_unknown(pdu, settings)
        else:
            reception.header.agree(header)
            if header.acknowledged is not reception.header.acknowledged:
                self._counters["unexpected"] += 1
                return []
        return self._run(reception, reception.receive(pdu, now), now)

    def tick(self, now: float) -> list[bytes]:
        """Run the timers that are due; returns the PDUs to send."""
        self._now = now
        if self._touched:
            self._wake = min(self._wake, *map(_wake, self._touched.values()))
            self._touched.clear()
        if now < self._wake:
            return []
        self._wake = inf
        pdus: list[bytes] = []
        for reception in list(self._open.values()):
            pdus += self._run(reception, reception.tick(now), now)
        return pdus

    def next_time(self) -> float:
        """When `tick` must be called next."""
        return min((_wake(reception) for reception in self._open.values()), default=inf)

    def renew(self) -> None:
        """The peers are in view again: whoever was silent is asked at once."""
        for reception in self._open.values():
            reception.patience.renew()
        self._wake = -inf

    def touch(self, reception: Reception, now: float) -> None:
        """The owner changed the state of a reception."""
        self._run(reception, [], now)

    def states(self) -> list[State]:
        """Transactions whose file is not yet finished."""
        return [
            State(
                reception.id,
                sending=False,
                name=reception.intake.name,
                size=reception.intake.size or 0,
                done=reception.intake.assembly.received.total,
                resent=reception.intake.assembly.repeated,
                priority=0,
                suspended=reception.suspended,
                acknowledged=reception.header.acknowledged,
            )
            for reception in self._open.values()
            if reception.finished is None
        ]

    def save(self, now: float) -> None:
        """Write all records that are behind."""
        for reception in self._open.values():
            if reception.changed or reception.intake.assembly.unsaved:
                self._keep(reception)

    def told(self, transaction: TransactionId) -> None:
        """The owner acted on the report of a transaction."""
        reception = self._open.get(transaction)
        if reception is None:
            self._keeper.remove(key_of(transaction, sending=False))
        else:
            reception.told = True

    def _admit(
        self, key: TransactionId, pdu: Pdu, settings: Settings, now: float
    ) -> Reception | None:
        """Open a transaction for a PDU of an unknown one, if it may open one."""
        if isinstance(pdu, Ack | Prompt) or (
            isinstance(pdu, Eof) and pdu.condition is not ConditionCode.NO_ERROR
        ):
            self._counters["unknown"] += 1
            return None
        if len(self._open) >= self._limit and not self._evict(now):
            self._counters["over_limit"] += 1
            return None
        reception = Reception(
            pdu.header, self._filestore, settings, self._counters, self._keep, now
        )
        self._open[key] = reception
        return reception

    def _evict(self, now: float) -> bool:
        """Make room: a finished transaction first, else an inactive one, the longest silent."""
        if not self._open:
            return False
        reception = min(self._open.values(), key=lambda r: (r.finished is None, r.heard))
        if reception.finished is None and now - reception.heard < reception.settings.inactivity:
            return False
        reception.abandon()
        self._run(reception, [], now)
        return True

    def _run(self, reception: Reception, pdus: list[bytes], now: float) -> list[bytes]:
        """Book what became of a transaction; passes `pdus` on."""
        if reception.finished is not None and not reception.reported:
            reception.reported = True
            self._reports.add(_ended(reception, reception.finished))
        if _save_due(reception, now):
            self._keep(reception)
        if reception.outcome.closed and reception.finished is not None:
            self._close(reception, reception.finished)
        else:
            self._touched[reception.id] = reception
        return pdus

    def _close(self, reception: Reception, finished: Finished) -> None:
        del self._open[reception.id]
        if reception.id not in self._closed:
            self._closed[reception.id] = finished.pack()
            while len(self._closed) > REMEMBERED:
                del self._closed[next(iter(self._closed))]
            self._keeper.write(CLOSED, Closed(VERSION, list(self._closed.values())))
        if reception.told:
            self._keeper.remove(key_of(reception.id, sending=False))

    def _keep(self, reception: Reception) -> None:
        """Data first, then the record that claims them."""
        reception.changed = False
        reception.saved = self._now
        try:
            reception.intake.assembly.save()
        except OSError:
            reception.cancel(ConditionCode.FILESTORE_REJECTION)
        record = snapshot(reception)
        if record is not None:
            self._keeper.write(key_of(reception.id, sending=False), record)

    def _answer_closed(self, pdu: Pdu, finished: bytes) -> list[bytes]:
        """A late EOF is acknowledged, with the outcome in case the sender missed it."""
        header = parse(finished, require_crc=False).header
        header.agree(pdu.header)
        if not isinstance(pdu, Eof) or not header.acknowledged:
            self._counters["late"] += 1
            return []
        return [acknowledge(header, pdu, TransactionStatus.TERMINATED), finished]

    def _answer_unknown(self, pdu: Pdu, settings: Settings) -> list[bytes]:
        """The cancellation of a transaction never seen needs an ACK to end."""
        cancelled = isinstance(pdu, Eof) and pdu.condition is not ConditionCode.NO_ERROR
        if not cancelled or not pdu.header.acknowledged:
            return []
        assert isinstance(pdu, Eof)
        header = replace(pdu.header, crc=settings.crc)
        return [acknowledge(header, pdu, TransactionStatus.UNRECOGNIZED)]


def _wake(reception: Reception) -> float:
    """When a reception has something to do, or its record waited long enough."""
    return min(reception.next_time(), _save_at(reception))


def _save_at(reception: Reception) -> float:
    """When octets that came have waited long enough for their record."""
    unsaved = reception.intake.assembly.unsaved
    return reception.saved + reception.settings.save_interval if unsaved else inf


def _save_due(reception: Reception, now: float) -> bool:
    """Whether the record is behind by more than a crash may cost."""
    behind = reception.intake.assembly.unsaved >= reception.settings.save_octets
    return reception.changed or behind or now >= _save_at(reception)


def _ended(reception: Reception, finished: Finished) -> Ended:
    intake = reception.intake
    return Ended(
        reception.id,
        sending=False,
        name=intake.name,
        size=intake.size or 0,
        condition=finished.condition,
        delivery=finished.delivery,
        status=finished.status,
        sent=intake.assembly.received.total,
        resent=intake.assembly.repeated,
    )
