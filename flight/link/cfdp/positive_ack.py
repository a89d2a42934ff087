"""A PDU that is repeated until it is acknowledged (727.0-B-5, 4.7.1)."""

from __future__ import annotations


class PositiveAck:
    """Repeats a PDU every `interval` s, `limit` times without effect; 0 = no limit."""

    def __init__(self, interval: float, limit: int) -> None:
        self.acknowledged = False
        self.due = 0.0
        self._interval = interval
        self._limit = limit
        self._pdu: bytes | None = None
        self._sent = 0

    @property
    def started(self) -> bool:
        """Whether there is a PDU to repeat."""
        return self._pdu is not None

    def start(self, pdu: bytes, now: float) -> None:
        """Send `pdu` as soon as may be."""
        self._pdu = pdu
        self.due = now
        self.renew()

    def stop(self) -> None:
        """Forget the PDU."""
        self._pdu = None
        self.acknowledged = False
        self.renew()

    def renew(self) -> None:
        """Count the repetitions from zero again."""
        self._sent = 0

    def acknowledge(self, until: float) -> None:
        """The peer has it; send it again only at `until`."""
        self.acknowledged = True
        self.due = until

    def exhausted(self, now: float) -> bool:
        """Whether a repetition is due, and one too many."""
        return now >= self.due and 0 < self._limit < self._sent

    def take(self, now: float) -> bytes | None:
        """The PDU, if it is due."""
        if self._pdu is None or now < self.due:
            return None
        self._sent += 1
        self.due = now + self._interval
        return self._pdu
