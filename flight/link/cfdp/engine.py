"""All transactions of one CFDP entity, both directions and classes, without sockets or clock."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from math import inf
from typing import TypeVar

from flight.link.cfdp.codes import CfdpError, Direction, Reason
from flight.link.cfdp.filestore import Filestore, Readable
from flight.link.cfdp.incoming import Incoming
from flight.link.cfdp.keeper import Keeper
from flight.link.cfdp.outgoing import Outgoing, Sources
from flight.link.cfdp.pdu import Pdu, parse
from flight.link.cfdp.reception import Reception
from flight.link.cfdp.records import CLOSED, SEQUENCE, Closed, Inbound, Memory, Outbound, Sequence
from flight.link.cfdp.records import decode as decode_record
from flight.link.cfdp.reports import Ended, Reports, State, TransactionId
from flight.link.cfdp.sender import Sender
from flight.link.cfdp.settings import Settings
from flight.link.cfdp.stopwatch import Stopwatch

ANSWERS = 256
"""PDUs to send that wait for the link; the oldest of more is dropped, and repeated later."""

_SENSELESS = {"ignored", "other_entity", "over_limit", "unexpected", "unknown_entity"}

_T = TypeVar("_T")


class Engine:
    """Sends and receives files; everything is told the time (monotonic s).

    `peers` gives the settings of each remote entity; without it every entity is taken and
    `settings` hold for all. At most `limit` transactions are open in each direction.

    `counters`: `pdus`, `refused_*` (malformed, by `Reason`), `other_entity`, `unknown_entity`,
    `unknown` (transaction), `over_limit`, `late`, `duplicate`, `unexpected`, `overflow`,
    `ignored` (answers that made no sense to a sender), `finished_*` (receptions, by condition),
    `naks`, `inactivity_detected`, `positive_ack_limit_reached`, `discard_failed`,
    `answers_dropped`, `reports_dropped`, `save_failed`, `records_refused`.
    """

    def __init__(
        self,
        entity: int,
        filestore: Filestore,
        memory: Memory,
        settings: Settings,
        *,
        peers: Mapping[int, Settings] | None = None,
        first: int = 1,
        limit: int = 64,
    ) -> None:
        """`first` is the least transaction number used if memory knows no larger one."""
        self.counters: Counter[str] = Counter()
        self._entity = entity
        self._memory = memory
        self._settings = settings
        self._peers = peers
        self._keeper = Keeper(memory, self.counters)
        self._reports = Reports(self.counters)
        self._told: list[Ended] = []
        self._answers: deque[bytes] = deque()
        self._watch = Stopwatch()
        self._now = 0.0
        self._incoming = Incoming(filestore, self._keeper, self.counters, self._reports, limit)
        self._outgoing = Outgoing(entity, self._keeper, self.counters, self._reports, first, limit)

    def configure(self, settings: Settings) -> None:
        """Use other settings for transactions that begin from now on, of whatever peer; `segment`
        for all."""
        self._settings = settings
        if self._peers is not None:
            self._peers = dict.fromkeys(self._peers, settings)
        self._outgoing.cut(settings.segment)

    def restore(self, sources: Sources, now: float) -> None:
        """Take up what the records in memory say; once, before anything else. Never raises.

        `sources` gives the file of an origin (see `put`), None if it is gone; a file that is gone
        or changed cancels its transaction with FILESTORE_REJECTION. Files under construction
        that belong to no transaction of `progress` afterwards may be removed.
        """
        records = dict(self._memory.items())
        self._load(records, SEQUENCE, Sequence, self._outgoing.restore_sequence)
        self._load(records, CLOSED, Closed, self._incoming.restore_closed)
        for key in [key for key in records if key.startswith("in-")]:
            self._load(
                records,
                key,
                Inbound,
                lambda record: self._incoming.restore(record, self._settings_of, now),
            )
        for key in [key for key in records if key.startswith("out-")]:
            self._load(
                records,
                key,
                Outbound,
                lambda record: self._outgoing.restore(
                    record, self._settings_of(record.destination), sources, now
                ),
            )

    def put(
        self,
        name: str,
        source: Readable,
        destination: int,
        *,
        origin: str = "",
        acknowledged: bool = True,
        priority: int = 0,
    ) -> TransactionId:
        """Begin to send a file under `name`; among files the larger priority goes first, then FIFO.

        `origin` is what `sources` is asked for after a restart, `name` if empty.
        Raises ValueError (name no receiver takes, ids too wide, `limit` transactions open), OSError
        (memory or source fails); nothing is begun then.
        """
        return self._outgoing.put(
            name,
            source,
            destination,
            self._settings_of(destination),
            origin=origin,
            acknowledged=acknowledged,
            priority=priority,
        )

    def receive(self, raw: bytes, now: float) -> None:
        """Take any PDU of a peer, of either direction. Never raises; what is refused is counted."""
        time = self._read(now)
        self.counters["pdus"] += 1
        try:
            self._take(parse(raw, require_crc=False), time)
        except CfdpError as error:
            self.counters[f"refused_{error.reason.value}"] += 1

    def _take(self, pdu: Pdu, time: float) -> None:
        """Give a PDU to the side that it is for. Raises `CfdpError`."""
        header = pdu.header
        incoming = pdu.direction is Direction.TOWARDS_RECEIVER
        mine, peer = header.source, header.destination
        if incoming:
            mine, peer = peer, mine
        if mine != self._entity:
            self.counters["other_entity"] += 1
        elif self._peers is not None and peer not in self._peers:
            self.counters["unknown_entity"] += 1
        else:
            settings = self._settings_of(peer)
            if settings.crc and not header.crc:
                raise CfdpError(Reason.CRC_ABSENT)
            side = self._incoming if incoming else self._outgoing
            self._answer(side.receive(pdu, settings, time))

    def next_pdu(self, now: float) -> bytes | None:
        """The most urgent PDU to send now: answers, then files by priority. None while frozen."""
        time = self._read(now)
        if self._watch.stopped:
            return None
        self._answer(self._incoming.tick(time))
        if self._answers:
            return self._answers.popleft()
        return self._outgoing.next_pdu(time)

    def next_time(self) -> float | None:
        """When `next_pdu` must be asked next; None if never or frozen."""
        if self._watch.stopped:
            return None
        if self._answers:
            return self._now
        time = min(self._incoming.next_time(), self._outgoing.next_time())
        return None if time == inf else self._watch.real(time)

    def refused(self) -> dict[str, int]:
        """Bad input by counter: malformed PDUs, and those that no genuine peer sends here."""
        return {
            name: count
            for name, count in self.counters.items()
            if name in _SENSELESS or name.startswith("refused_")
        }

    def suspend(self, transaction: TransactionId, now: float) -> bool:
        """Suspend.request: timers stop, only answers leave. False if unknown or ended."""
        return self._change(transaction, now, lambda entity, time: entity.suspend(time))

    def resume(self, transaction: TransactionId, now: float) -> bool:
        """Resume.request: timers go on with the time that was left."""
        return self._change(transaction, now, lambda entity, time: entity.resume(time))

    def cancel(self, transaction: TransactionId, now: float) -> bool:
        """Cancel.request (4.11.2): EOF (cancel) or Finished (cancel) until acknowledged."""
        return self._change(transaction, now, lambda entity, _: entity.cancel())

    def prompt(self, transaction: TransactionId, *, keep_alive: bool = False) -> bool:
        """Prompt.request: ask the receiver for a NAK or for a Keep Alive. False if unknown."""
        transmission = self._outgoing.get(transaction)
        if transmission is None:
            return False
        transmission.sender.prompt(keep_alive)
        return True

    def freeze(self, now: float) -> None:
        """Loss of signal: all timers stand still, nothing is sent; what arrives is still taken."""
        self._watch.stop(now)
        self.save(now)

    def thaw(self, now: float) -> None:
        """Acquisition of signal: timers go on with the time that was left."""
        self._watch.go(now)
        self._incoming.renew()

    def ended(self) -> list[Ended]:
        """Transactions that ended since the last call, both directions.

        A report is repeated after a restart unless `ended` was called once more after it, so that
        none is lost; act on it before the next call.
        """
        for each in self._told:
            (self._outgoing if each.sending else self._incoming).told(each.id)
        self._told = self._reports.take()
        return list(self._told)

    def progress(self) -> list[State]:
        """Open transactions, those sent first."""
        return self._outgoing.states() + self._incoming.states()

    def save(self, now: float) -> None:
        """Write all records that are behind."""
        self._incoming.save(self._read(now))
        self._outgoing.save(self._read(now))

    def _read(self, now: float) -> float:
        self._now = now
        return self._watch.read(now)

    def _settings_of(self, peer: int) -> Settings:
        return self._settings if self._peers is None else self._peers.get(peer, self._settings)

    def _answer(self, pdus: list[bytes]) -> None:
        for pdu in pdus:
            if len(self._answers) == ANSWERS:
                self._answers.popleft()
                self.counters["answers_dropped"] += 1
            self._answers.append(pdu)

    def _change(
        self,
        transaction: TransactionId,
        now: float,
        change: Callable[[Sender | Reception, float], None],
    ) -> bool:
        """Do what the owner asks of an open transaction; whether there is one."""
        time = self._read(now)
        transmission = self._outgoing.get(transaction)
        if transmission is not None:
            change(transmission.sender, time)
            self._outgoing.touch(transmission, time)
            return True
        reception = self._incoming.get(transaction)
        if reception is None or reception.finished is not None:
            return False
        change(reception, time)
        self._incoming.touch(reception, time)
        return True

    def _load(
        self, records: dict[str, bytes], key: str, kind: type[_T], take: Callable[[_T], None]
    ) -> None:
        """Hand a record on; one that makes no sense is removed."""
        if key not in records:
            return
        try:
            take(decode_record(records[key], kind))
        except ValueError:  # msgspec's and the codecs' errors are of this kind
            self.counters["records_refused"] += 1
            self._keeper.remove(key)
