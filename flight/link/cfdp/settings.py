"""Management information of one link (727.0-B-5, section 8)."""

from __future__ import annotations

from dataclasses import dataclass

from flight.link.cfdp.codes import ChecksumType

TIMER_MARGIN = 1.05
"""Timers run this much longer than the round trip they wait for."""

_LARGEST_PDU = 0xFFFF
_SMALLEST_NAK = 47


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
    """

    segment: int = 592
    round_trip: float = 0.2
    nak_delay: float = 0.05
    retry_limit: int = 0
    nak_pdu: int = 512
    inactivity: float = 600.0
    crc: bool = True
    checksum: ChecksumType = ChecksumType.CRC_32C

    def __post_init__(self) -> None:
        """Raises `ValueError` for values that no transfer can work with."""
        if not 1 <= self.segment <= _LARGEST_PDU - 32:
            raise ValueError(f"segment of {self.segment} octets does not fit a PDU")
        if not _SMALLEST_NAK <= self.nak_pdu <= _LARGEST_PDU:
            raise ValueError(f"NAK PDU of {self.nak_pdu} octets is out of range")
        if min(self.round_trip, self.nak_delay, self.retry_limit) < 0 or self.inactivity <= 0:
            raise ValueError("times and limits of CFDP must not be negative")
