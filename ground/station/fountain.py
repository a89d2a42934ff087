"""Files that come down through the fountain: into the inbox, and the node is told."""

from __future__ import annotations

import math
from collections import Counter, deque
from typing import TYPE_CHECKING

from flight.link.channels import Entity
from ground.station.happenings import FileDelivered, FileProgress, Happening
from ground.station.inbox import Inbox

if TYPE_CHECKING:
    from flight.link.fountain.receiver import FountainReceiver

PERIOD = 0.5  # s between looks at what came
SILENCE = 1.0  # s without a symbol, after which the node is told what lacks


class FountainDesk:
    """The receiving end. Without the extra ``[fec]`` its packets are counted as ``unread``."""

    def __init__(self, inbox: Inbox) -> None:
        self._receiver = _receiver(inbox)
        self._unread: Counter[str] = Counter()
        self._reports: deque[bytes] = deque()
        self._told: dict[str, int] = {}
        self._due = -math.inf

    @property
    def counters(self) -> Counter[str]:
        """What came, and what became of it."""
        return self._unread if self._receiver is None else self._receiver.counters

    def take(self, packet: bytes, now: float) -> None:
        """Take the data of one packet. Never raises; what is refused is counted."""
        if self._receiver is None:
            self._unread["unread"] += 1
        else:
            self._receiver.receive(packet, now)

    def next_report(self) -> bytes | None:
        """What the node is to be told next."""
        return self._reports.popleft() if self._reports else None

    def changed(self, now: float) -> list[Happening]:
        """What is new since the last call; makes reports when their time has come."""
        if self._receiver is None or now < self._due:
            return []
        self._due = now + PERIOD
        self._reports += self._receiver.reports(SILENCE, now)
        found: list[Happening] = []
        states = self._receiver.progress()
        for name, received, size in states:
            if self._told.get(name) != received:
                found.append(FileProgress(name, received, size))
        self._told = {name: received for name, received, _ in states}
        for name, size in self._receiver.delivered:
            found += [FileProgress(name, size, size), FileDelivered(name, size)]
        self._receiver.delivered.clear()
        return found


def _receiver(inbox: Inbox) -> FountainReceiver | None:
    from flight.link.fountain.receiver import FountainReceiver

    try:
        return FountainReceiver(inbox, Entity.NODE)
    except ImportError:
        return None
