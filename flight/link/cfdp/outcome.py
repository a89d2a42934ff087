"""How a reception ended, and the Finished PDU that tells the sender (727.0-B-5, 4.6.4, 4.7)."""

from __future__ import annotations

from flight.link.cfdp.codes import ConditionCode, DeliveryCode, FileStatus
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.positive_ack import PositiveAck
from flight.link.cfdp.settings import TIMER_MARGIN, Settings

_WITHOUT_LOCATION = (ConditionCode.NO_ERROR, ConditionCode.UNSUPPORTED_CHECKSUM_TYPE)


class Outcome:
    """Nothing until the reception is over; `closed` when the sender knows or cannot be told."""

    def __init__(self, header: Header, settings: Settings) -> None:
        self.finished: Finished | None = None
        self.closed = False
        self._header = header
        interval = TIMER_MARGIN * settings.round_trip + settings.nak_delay
        self._repetition = PositiveAck(interval, settings.retry_limit)

    @property
    def due(self) -> float:
        """When the Finished PDU is to be sent again."""
        return self._repetition.due

    def delivered(self) -> None:
        """The file was committed."""
        self.restore(
            Finished(
                self._header,
                ConditionCode.NO_ERROR,
                DeliveryCode.DATA_COMPLETE,
                FileStatus.RETAINED,
            )
        )

    def failed(self, condition: ConditionCode, by_sender: bool) -> None:
        """The file was discarded because of `condition`, which the sender may have declared."""
        status = FileStatus.DISCARDED_DELIBERATELY
        if condition is ConditionCode.FILESTORE_REJECTION and not by_sender:
            status = FileStatus.DISCARDED_FILESTORE_REJECTION
        location = self._header.source if by_sender else self._header.destination
        self.restore(
            Finished(
                self._header,
                condition,
                DeliveryCode.DATA_INCOMPLETE,
                status,
                None if condition in _WITHOUT_LOCATION else location,
            )
        )

    def restore(self, finished: Finished) -> None:
        """It ended like this."""
        self.finished = finished
        self._repetition.start(finished.pack(), float("-inf"))

    def exhausted(self, now: float) -> bool:
        """Whether the Finished PDU was repeated in vain as often as may be."""
        return not self.closed and self._repetition.exhausted(now)

    def renew(self) -> None:
        """Count the repetitions from zero again."""
        self._repetition.renew()

    def take(self, now: float, closure: bool) -> list[bytes]:
        """The Finished PDU if it is due; in class 1 once, if `closure` was requested."""
        if self.closed:
            return []
        pdu = self._repetition.take(now)
        if not self._header.acknowledged:
            self.closed = True
            return [pdu] if pdu and closure else []
        return [pdu] if pdu else []
