"""Files on their way up: one at a time, in the order in which they were handed in."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

from flight.link.cfdp import Pdu, Sender, Settings
from flight.link.cfdp.filestore import StoredFile
from flight.link.cfdp.settings import TIMER_MARGIN
from flight.link.channels import Entity
from flight.link.staging import LARGEST, stageable
from ground.station.happenings import FileUplink

QUEUE = 8
SILENCE = 120.0  # s on a live link without an answer until a file is given up
INACTIVITY = 30.0  # s until a node that said it has everything is asked what became of it
_ENDED = 4  # transfers whose Finished PDU is still answered, in case the answer got lost


class OutboxFull(Exception):
    """Too many files wait."""


@dataclass(slots=True)
class _Transfer:
    """A file that waits or is sent; ``told`` is what was last said of it."""

    number: int
    name: str
    data: bytes
    told: int = -1


class Outbox:
    """Transaction numbers count up from ``first``; the node must not have heard them before."""

    def __init__(self, round_trip: float, first: int) -> None:
        """``round_trip`` in s from a file PDU to the answer to it."""
        timers = Settings(round_trip=round_trip, inactivity=INACTIVITY)
        retries = math.ceil(SILENCE / (TIMER_MARGIN * round_trip + timers.nak_delay))
        self._settings = replace(timers, retry_limit=retries)
        self._next = first
        self._waiting: deque[_Transfer] = deque()
        self._current: tuple[_Transfer, Sender] | None = None
        self._ended: deque[Sender] = deque(maxlen=_ENDED)
        self._over: list[FileUplink] = []

    def add(self, name: str, data: bytes) -> int:
        """Queue a file; return its transaction number. Raises OutboxFull; ValueError for a name or
        a size that no node takes."""
        if not stageable(name):
            raise ValueError(f"{name!r} is no name for a file on board")
        if len(data) > LARGEST:
            raise ValueError(f"{name}: {len(data)} octets, {LARGEST} at most")
        if len(self._waiting) >= QUEUE:
            raise OutboxFull(f"{QUEUE} files wait for the link")
        number, self._next = self._next, (self._next + 1) % (1 << 32)
        self._waiting.append(_Transfer(number, name, data))
        return number

    def receive(self, pdu: Pdu, now: float) -> None:
        """Take a PDU of the node's receiver."""
        for sender in self._senders():
            sender.receive(pdu, now)

    def next_pdu(self, now: float) -> bytes | None:
        """What is to be sent next, None when there is nothing now."""
        self._turn()
        for sender in self._senders():
            pdu = sender.next_pdu(now)
            if pdu is not None:
                return pdu
        return None

    def _senders(self) -> list[Sender]:
        current = [] if self._current is None else [self._current[1]]
        return [*self._ended, *current]

    def _turn(self) -> None:
        """Book the end of a transfer and begin the next one."""
        if self._current is not None and self._current[1].finished:
            transfer, sender = self._current
            self._over.append(_state(transfer, sender, sender.condition.name))
            self._ended.append(sender)
            self._current = None
        if self._current is None and self._waiting:
            transfer = self._waiting.popleft()
            source, destination = Entity.GROUND, Entity.NODE
            file = StoredFile(transfer.data)
            number, name = transfer.number, transfer.name
            sender = Sender(source, destination, number, name, file, self._settings)
            self._current = transfer, sender

    def ended(self) -> list[FileUplink]:
        """Transfers that ended since the last call."""
        over, self._over = self._over, []
        return over

    def progress(self) -> list[FileUplink]:
        """The transfer in progress, when it went on since the last call."""
        if self._current is None:
            return []
        transfer, sender = self._current
        if sender.sent == transfer.told:
            return []
        transfer.told = sender.sent
        return [_state(transfer, sender, "")]


def _state(transfer: _Transfer, sender: Sender, outcome: str) -> FileUplink:
    size = len(transfer.data)
    return FileUplink(transfer.number, transfer.name, sender.sent, size, outcome)
