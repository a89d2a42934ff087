"""What an entity tells about its transactions."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import NamedTuple

from flight.link.cfdp.codes import ConditionCode, DeliveryCode, FileStatus

_REPORTS = 1024


class TransactionId(NamedTuple):
    """Source entity and transaction sequence number (727.0-B-5, 3.2.4)."""

    source: int
    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A transaction that is over; octets count file data.

    Sender: `sent` first transmissions, `resent` repetitions; `delivery` and `status` as the
    receiver reported them, DATA_INCOMPLETE and UNREPORTED if it did not. Receiver: `sent` octets
    that arrived for the first time, `resent` those that arrived again. After
    FILE_CHECKSUM_FAILURE the file must be put again, as a new transaction.
    """

    id: TransactionId
    sending: bool
    name: str
    size: int
    condition: ConditionCode
    delivery: DeliveryCode
    status: FileStatus
    sent: int
    resent: int
    origin: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the file lies whole and verified at the receiver, as far as is known here."""
        return (
            self.condition is ConditionCode.NO_ERROR and self.delivery is DeliveryCode.DATA_COMPLETE
        )


@dataclass(frozen=True, slots=True)
class State:
    """An open transaction: `done` of `size` octets are sent or received once.

    Name empty and size 0 until known; `resent` as in `Ended`.
    """

    id: TransactionId
    sending: bool
    name: str
    size: int
    done: int
    resent: int
    priority: int
    suspended: bool
    acknowledged: bool
    origin: str = ""


class Reports:
    """Ends of transactions until they are fetched; the oldest of too many is dropped."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._waiting: deque[Ended] = deque()

    def add(self, ended: Ended) -> None:
        """Keep a report."""
        if len(self._waiting) == _REPORTS:
            self._waiting.popleft()
            self._counters["reports_dropped"] += 1
        self._waiting.append(ended)

    def take(self) -> list[Ended]:
        """All reports."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken
