"""What a link session tells its owner, in the order in which it became known."""

from __future__ import annotations

from dataclasses import dataclass

from flight.dictionary.enums import Reason, Severity, Stage
from flight.dictionary.registry import Event, Telemetry


@dataclass(frozen=True, slots=True)
class StageChanged:
    """A telecommand reached a verification stage. ``healed``: known from the ledger telemetry."""

    request: int
    command: str
    stage: Stage
    reason: Reason = Reason.NONE
    step: int = 0
    healed: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The board said nothing about a telecommand, which was sent ``attempts`` times.

    Not a failure: a later report still counts.
    """

    request: int
    command: str
    attempts: int


@dataclass(frozen=True, slots=True)
class PacketReceived:
    """A housekeeping report of the node. ``board_ns`` is its UTC on board."""

    packet: str
    message: Telemetry
    board_ns: int


@dataclass(frozen=True, slots=True)
class EventReceived:
    """An event report of the node. ``board_ns`` is its UTC on board, ``source`` the service."""

    event: str
    severity: Severity
    source: str
    text: str
    message: Event
    board_ns: int


@dataclass(frozen=True, slots=True)
class FileProgress:
    """Octets of a file that have arrived; ``resent`` came more than once, ``rate`` is octets/s."""

    name: str
    received: int
    size: int
    resent: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class FileDelivered:
    """A whole file has arrived, passed its checksum and lies in the inbox."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class FileUplink:
    """Octets of a file that were sent up at least once, ``resent`` again; ``rate`` is octets/s.

    ``outcome`` is empty until the transfer has ended, then the condition code of CFDP by name:
    NO_ERROR when the node has kept the file.
    """

    transaction: int
    name: str
    sent: int
    size: int
    outcome: str
    resent: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """Telemetry frames began to arrive, or ceased."""

    up: bool


Happening = (
    StageChanged
    | NoAnswer
    | PacketReceived
    | EventReceived
    | FileProgress
    | FileDelivered
    | FileUplink
    | LinkChanged
)
