"""Receiving entity of one transaction, class 1 or 2 (727.0-B-5, 4.6.1.2, 4.6.3, 4.6.4, 4.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import inf

from flight.link.cfdp.ack import Ack, acknowledge
from flight.link.cfdp.codes import ConditionCode, FaultHandler, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.filestore import Filestore
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.intake import GOOD, Intake
from flight.link.cfdp.keepalive import KeepAlive
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.missing import Missing
from flight.link.cfdp.nak import Nak, pack_request
from flight.link.cfdp.outcome import Outcome
from flight.link.cfdp.patience import Patience
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.prompt import Prompt
from flight.link.cfdp.reports import TransactionId
from flight.link.cfdp.settings import Settings
from flight.link.cfdp.stopwatch import Stopwatch


class Reception:
    """One file on its way in, until its Finished PDU is acknowledged.

    Faults of the file end the transaction: the sink is discarded and the Finished PDU carries the
    condition. Faults of the peer lead to what the settings say; inactivity is merely counted
    unless they say otherwise, because out of view every peer is silent, but it ends the repetition
    of the Finished PDU, and a reception in class 1, which nobody else would end.

    `keep` makes the state durable before the file is committed; `changed` asks for it.
    """

    def __init__(
        self,
        header: Header,
        filestore: Filestore,
        settings: Settings,
        counters: Counter[str],
        keep: Callable[[Reception], None],
        now: float,
    ) -> None:
        self.header = replace(header, crc=settings.crc)
        self.id = TransactionId(header.source, header.transaction)
        self.intake = Intake(self.id, filestore, settings.segment, counters)
        self.outcome = Outcome(self.header, settings)
        self.changed = self.reported = self.told = False
        self.heard = self.saved = now
        self.settings = settings
        self._counters = counters
        self._keep = keep
        self._missing = Missing(self.header, settings)
        if header.acknowledged:
            self._missing.lost_metadata(now)
        self.patience = Patience(settings.round_trip)
        self._watch = Stopwatch()
        self._inactive_at = now + settings.inactivity
        keeps = settings.keep_alive and header.acknowledged
        self._keep_alive_at = now + settings.keep_alive if keeps else inf
        self._check_at, self._checks = inf, 0

    @property
    def finished(self) -> Finished | None:
        """The Finished PDU, once the file is delivered or given up."""
        return self.outcome.finished

    @property
    def suspended(self) -> bool:
        """Whether timers stand still and only acknowledgements leave."""
        return self._watch.stopped

    def suspend(self, now: float) -> None:
        """Suspend.request."""
        self._watch.stop(now)
        self.changed = True

    def resume(self, now: float) -> None:
        """Resume.request; a fault that suspended the transaction is given another chance."""
        self._watch.go(now)
        self.patience.renew()
        self._missing.rounds = self._checks = 0
        self.outcome.renew()
        self._inactive_at = self._watch.read(now) + self.settings.inactivity
        self.changed = True

    def cancel(self, condition: ConditionCode = ConditionCode.CANCEL_REQUEST_RECEIVED) -> None:
        """Cancel.request (4.11.2)."""
        if self.finished is None:
            self._fail(condition)

    def abandon(self, condition: ConditionCode = ConditionCode.INACTIVITY_DETECTED) -> None:
        """Give the transaction up without a word to the peer."""
        self.cancel(condition)
        self.outcome.closed = True

    def receive(self, pdu: Pdu, now: float) -> list[bytes]:
        """Take one PDU of this transaction and return the PDUs to answer."""
        self.heard = now
        now = self._watch.read(now)
        self.patience.renew()
        self._inactive_at = now + self.settings.inactivity
        answers = self._answers(pdu)
        if self.finished is None:
            self._on_open(pdu, now)
        elif isinstance(pdu, Ack):
            self.outcome.closed = True
        elif not isinstance(pdu, Eof):
            self._counters["late"] += 1
        return answers + self._outgoing(now)

    def tick(self, now: float) -> list[bytes]:
        """Run the timers that are due."""
        time = self._watch.read(now)
        if not self._watch.stopped:
            if time >= self._inactive_at:
                self._on_inactivity(time, now)
            if time >= self._check_at:
                self._on_check(time, now)
            if 0 < self.settings.retry_limit < self._missing.rounds and self.finished is None:
                self._fault(ConditionCode.NAK_LIMIT_REACHED, now)
            if self.outcome.exhausted(time):
                self._counters["positive_ack_limit_reached"] += 1
                self._fault(ConditionCode.POSITIVE_ACK_LIMIT_REACHED, now)
        self._complete(time)
        return self._outgoing(time)

    def next_time(self) -> float:
        """When `tick` must be called next."""
        if self.finished is None and self.intake.whole:
            return self.heard
        if self._watch.stopped:
            return inf
        waits = self.outcome.due
        if self.finished is None:
            waits = min(self._missing.next_time(), self._keep_alive_at)
        waits = max(waits, self.patience.until)
        return max(self.heard, self._watch.real(min(waits, self._check_at, self._inactive_at)))

    def restored(self, now: float) -> None:
        """Ask for what is missing, after the intake was put back."""
        intake = self.intake
        if self.finished is not None:
            return
        if intake.metadata is not None:
            self._missing.found_metadata()
        for start, end in intake.assembly.received.gaps(0, intake.assembly.end):
            self._lost(start, end, now)
        if intake.eof is not None:
            self._ends(intake.eof.size, now)

    def deliver(self) -> None:
        """The file was committed."""
        self.outcome.delivered()
        self._conclude(GOOD)

    def _answers(self, pdu: Pdu) -> list[bytes]:
        """What is answered whatever the state."""
        if isinstance(pdu, Eof) and self.header.acknowledged:
            return [acknowledge(self.header, pdu, TransactionStatus.ACTIVE)]
        if isinstance(pdu, Prompt) and self.finished is None:
            if pdu.keep_alive:
                return [self._keep_alive()]
            self._missing.prompt()
            if self._missing.next_time() == inf:
                return [Nak(self.header, 0, self.intake.assembly.end, ()).pack()]
        return []

    def _on_open(self, pdu: Pdu, now: float) -> None:
        if isinstance(pdu, FileData):
            self._on_data(pdu, now)
        elif isinstance(pdu, Metadata):
            self._on_metadata(pdu)
        elif isinstance(pdu, Eof):
            self._on_eof(pdu, now)
        elif not isinstance(pdu, Prompt):
            self._counters["unexpected"] += 1
        self._complete(now)

    def _on_metadata(self, pdu: Metadata) -> None:
        self.changed |= self.intake.metadata is None
        self._missing.found_metadata()
        condition = self.intake.on_metadata(pdu)
        if condition is not GOOD:
            self._fail(condition)

    def _on_data(self, pdu: FileData, now: float) -> None:
        before = self.intake.assembly.end
        condition, fresh = self.intake.on_data(pdu)
        self._missing.observe(len(pdu.data), now)
        for start, end in fresh:
            self._missing.arrived(start, end)
            if start > before:
                self._lost(before, start, now)
        if condition is not GOOD:
            self._fail(condition)

    def _on_eof(self, pdu: Eof, now: float) -> None:
        if pdu.condition is not ConditionCode.NO_ERROR:
            self._fail(pdu.condition, by_sender=True)
            return
        first = self.intake.eof is None
        condition = self.intake.on_eof(pdu)
        if condition is not GOOD:
            self._fail(condition)
        elif first:
            self.changed = True
            self._ends(pdu.size, now)

    def _ends(self, size: int, now: float) -> None:
        """All was sent once: ask for the rest at once, or wait for what is late."""
        self._lost(self.intake.assembly.end, size, now)
        self._keep_alive_at = inf
        if self.header.acknowledged:
            self._missing.hurry()
        else:
            self._check_at = now + self.settings.check_interval

    def _lost(self, start: int, end: int, now: float) -> None:
        if self.header.acknowledged and start < end:
            self._missing.lost(start, end, now)

    def _complete(self, now: float) -> None:
        """Verify and commit the file once all of it is there."""
        if self.finished is None and self.intake.whole:
            condition = self.intake.complete(lambda: self._keep(self))
            if condition is GOOD:
                self.deliver()
            elif condition is not None:
                self._fail(condition)

    def _on_inactivity(self, time: float, now: float) -> None:
        self._inactive_at = time + self.settings.inactivity
        self._counters["inactivity_detected"] += 1
        if self.finished is not None:
            self.outcome.closed = True
        else:
            self._fault(ConditionCode.INACTIVITY_DETECTED, now)

    def _on_check(self, time: float, now: float) -> None:
        """Class 1: data may still be late."""
        self._check_at = time + self.settings.check_interval
        self._checks += 1
        if self.finished is None and 0 < self.settings.check_limit < self._checks:
            self._fault(ConditionCode.CHECK_LIMIT_REACHED, now)

    def _fault(self, condition: ConditionCode, now: float) -> None:
        """Do what the settings say of a fault of the peer (4.8)."""
        handler = self.settings.handler(condition)
        hopeless = condition is ConditionCode.INACTIVITY_DETECTED and not self.header.acknowledged
        if handler is FaultHandler.SUSPEND:
            self.suspend(now)
        elif handler is FaultHandler.IGNORE and not hopeless:
            self._missing.rounds = self._checks = 0
            self.outcome.renew()
        elif handler is FaultHandler.ABANDON or self.finished is not None:
            self.abandon(condition)
        else:
            self._fail(condition)

    def _fail(self, condition: ConditionCode, *, by_sender: bool = False) -> None:
        """Notice of cancellation (4.11): discard the file and report `condition`."""
        self.intake.discard()
        self.outcome.failed(condition, by_sender)
        self._conclude(condition)

    def _conclude(self, condition: ConditionCode) -> None:
        self._counters[f"finished_{condition.name.lower()}"] += 1
        self.patience.renew()
        self.changed = True

    def _outgoing(self, now: float) -> list[bytes]:
        """The Finished, Keep Alive and NAK PDUs that are due."""
        if self._watch.stopped or now < self.patience.until:
            return []
        pdus = self._due(now)
        if pdus:
            self.patience.spoke(now)
        return pdus

    def _due(self, now: float) -> list[bytes]:
        if self.finished is not None:
            metadata = self.intake.metadata
            return self.outcome.take(now, metadata is not None and metadata.closure_requested)
        pdus = [pack_request(self.header, batch) for batch in self._missing.requests(now)]
        self._counters["naks"] += len(pdus)
        if now >= self._keep_alive_at:
            self._keep_alive_at = now + self.settings.keep_alive
            pdus.append(self._keep_alive())
        return pdus

    def _keep_alive(self) -> bytes:
        return KeepAlive(self.header, self.intake.assembly.end).pack()
