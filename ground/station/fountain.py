"""Files that come down through the fountain: into the inbox, and the node is told."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from flight.link.channels import Entity
from flight.link.errors import LinkError
from flight.link.fountain.codec import Incoming, Kind, Report, Verdict, parse
from ground.station.happenings import FileDelivered, FileProgress, Happening
from ground.station.inbox import Inbox

if TYPE_CHECKING:
    from flight.link.fountain.receiver import FountainReceiver

PERIOD = 0.5  # s between looks at what came
SILENCE = 1.0  # s without a symbol, after which the node is told what lacks


class FountainDesk:
    """The receiving end. Without the extra ``[fec]`` its packets are counted as ``unread``, and the
    node is told so."""

    def __init__(self, inbox: Inbox) -> None:
        self._receiver = _receiver(inbox)
        self._unread: Counter[str] = Counter()
        self._reports: dict[int, Report] = {}  # the newest of each transfer that the receiver has
        self._told: dict[int, int] = {}
        self._due = -math.inf

    @property
    def counters(self) -> Counter[str]:
        """What came, and what became of it."""
        return self._unread if self._receiver is None else self._receiver.counters

    def take(self, packet: bytes, now: float) -> None:
        """Take the data of one packet. Never raises; what is refused is counted."""
        if self._receiver is None:
            self._unread["unread"] += 1
            if now >= self._due:
                self._due = now + PERIOD
                self._refuse(packet)
        else:
            self._receiver.receive(packet, now)

    def next_report(self) -> bytes | None:
        """What the node is to be told next."""
        if not self._reports:
            return None
        return self._reports.pop(next(iter(self._reports))).pack()

    def changed(self, now: float) -> list[Happening]:
        """What is new since the last call; makes reports when their time has come."""
        if self._receiver is None or now < self._due:
            return []
        self._due = now + PERIOD
        for report in self._receiver.reports(SILENCE, now):
            self._reports[report.transfer] = report
        states = self._receiver.progress()
        found: list[Happening] = [
            FileProgress(each.name, each.received, each.size)
            for each in states
            if self._told.get(each.transfer) != each.received
        ]
        self._told = {each.transfer: each.received for each in states}
        for name, size in self._receiver.delivered:
            found += [FileProgress(name, size, size), FileDelivered(name, size)]
        self._receiver.delivered.clear()
        return found

    def incoming(self) -> list[Incoming]:
        """Files of which a part is there."""
        return [] if self._receiver is None else self._receiver.progress()

    def _refuse(self, packet: bytes) -> None:
        try:
            kind, transfer = parse(packet)
        except LinkError:
            return
        if kind is not Kind.REPORT:
            self._reports[transfer] = Report(transfer, Verdict.UNREADABLE)


def _receiver(inbox: Inbox) -> FountainReceiver | None:
    from flight.link.fountain.receiver import FountainReceiver

    try:
        return FountainReceiver(inbox, Entity.NODE)
    except ImportError:
        return None
