"""Management information of one link (727.0-B-5, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flight.link.cfdp.codes import ChecksumType, ConditionCode, FaultHandler

TIMER_MARGIN = 1.05
"""Timers run this much longer than the round trip they wait for."""

_LARGEST_PDU = 0xFFFF
_NAK_WITHOUT_HEADER = 35
CONFIGURABLE = {
    ConditionCode.POSITIVE_ACK_LIMIT_REACHED: FaultHandler.ABANDON,
    ConditionCode.KEEP_ALIVE_LIMIT_REACHED: FaultHandler.SUSPEND,
    ConditionCode.NAK_LIMIT_REACHED: FaultHandler.CANCEL,
    ConditionCode.INACTIVITY_DETECTED: FaultHandler.IGNORE,
    ConditionCode.CHECK_LIMIT_REACHED: FaultHandler.CANCEL,
}
"""Faults whose handler can be chosen, and the handler if it is not; others always cancel."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, sizes in octets.

    - `segment`: file octets in one File Data PDU.
    - `round_trip`: time from a PDU to its answer, queues of the link included.
    - `nak_delay`: how long a new gap may be mere reordering; least time between NAK batches
      before the EOF.
    - `retry_limit`: repetitions of an EOF, NAK or Finished that stays without effect; 0 = no limit.
    - `nak_pdu`: largest NAK PDU.
    - `inactivity`: silence of the peer after which Inactivity Detected is declared.
    - `crc`: PDUs carry a CRC, and PDUs that carry none are refused.
    - `checksum`: file checksum of transmitted files.
    - `sha256`: transmitted files carry their SHA-256 as a message to the user, which a receiver
      of this kind verifies and others ignore.
    - `entity_width`, `sequence_width`: octets of ids in transactions that are begun here.
    - `closure`: files sent in class 1 ask for a Finished PDU.
    - `check_interval`, `check_limit`: class 1: time between looks for late data, or for the
      Finished PDU that closes, and how many; 0 = no limit.
    - `keep_alive`: time between Keep Alive PDUs of the receiver; 0 = only when prompted.
    - `keep_alive_limit`: file octets by which a Keep Alive may be behind; 0 = no limit.
    - `save_octets`, `save_interval`: progress that a crash may cost, whichever comes first.
    - `faults`: handlers of the conditions in `CONFIGURABLE` that differ from the defaults.
    """

    segment: int = 592
    round_trip: float = 0.2
    nak_delay: float = 0.05
    retry_limit: int = 0
    nak_pdu: int = 512
    inactivity: float = 600.0
    crc: bool = True
    checksum: ChecksumType = ChecksumType.CRC_32C
    sha256: bool = True
    entity_width: int = 2
    sequence_width: int = 4
    closure: bool = False
    check_interval: float = 5.0
    check_limit: int = 10
    keep_alive: float = 0.0
    keep_alive_limit: int = 0
    save_octets: int = 256 << 10
    save_interval: float = 1.0
    faults: Mapping[ConditionCode, FaultHandler] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises `ValueError` for values that no transfer can work with."""
        if not 1 <= self.segment <= _LARGEST_PDU - 32:
            raise ValueError(f"segment of {self.segment} octets does not fit a PDU")
        if not {1, 2, 3, 4, 5, 6, 7, 8} >= {self.entity_width, self.sequence_width}:
            raise ValueError("ids have 1 to 8 octets")
        least = 4 + 2 * self.entity_width + self.sequence_width + _NAK_WITHOUT_HEADER
        if not least <= self.nak_pdu <= _LARGEST_PDU:
            raise ValueError(f"NAK PDU of {self.nak_pdu} octets is out of range")
        times = (self.round_trip, self.nak_delay, self.keep_alive, self.save_interval)
        if min(*times, self.retry_limit, self.check_limit, self.keep_alive_limit) < 0:
            raise ValueError("times and limits of CFDP must not be negative")
        if min(self.inactivity, self.check_interval, self.save_octets) <= 0:
            raise ValueError("intervals of CFDP must be positive")
        if not self.faults.keys() <= CONFIGURABLE.keys():
            raise ValueError("a fault whose handler cannot be chosen")

    def handler(self, condition: ConditionCode) -> FaultHandler:
        """What `condition` leads to."""
        default = CONFIGURABLE.get(condition, FaultHandler.CANCEL)
        return self.faults.get(condition, default)
