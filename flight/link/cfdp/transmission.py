"""A sender with what the owner said of its file, as a record and back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flight.link.cfdp.codes import ConditionCode, DeliveryCode, FileStatus
from flight.link.cfdp.filestore import Readable
from flight.link.cfdp.records import Outbound
from flight.link.cfdp.reports import Ended, State
from flight.link.cfdp.sender import Sender
from flight.link.cfdp.settings import Settings


class _Gone:
    """A source that is not there any more."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, offset: int, n: int) -> bytes:
        """Raises `OSError`."""
        raise FileNotFoundError(f"no octets {offset} to {offset + n}")

    def checksum(self) -> int:
        """Raises `OSError`."""
        raise FileNotFoundError("no checksum")

    def sha256(self) -> bytes:
        """Raises `OSError`."""
        raise FileNotFoundError("no digest")


class Transmission:
    """One file on its way out."""

    def __init__(self, record: Outbound, settings: Settings, source: Readable) -> None:
        """Raises `ValueError` for a name no receiver accepts or ids too wide, `OSError`."""
        self._record = record
        self._settings = settings
        self._saved = 0.0
        self.id = record.id
        try:
            self.sender = Sender(
                record.id.source,
                record.destination,
                record.id.number,
                record.name,
                source,
                settings,
                acknowledged=record.acknowledged,
                digest=record.digest,
                done=record.sent,
            )
        except OverflowError as error:
            raise ValueError("an id is wider than its field") from error
        self.sender.resent = record.resent

    @classmethod
    def revived(
        cls,
        record: Outbound,
        settings: Settings,
        sources: Callable[[str], Readable | None],
        now: float,
    ) -> Transmission:
        """Of a record; a source that is gone or not the same cancels. Raises `ValueError`."""
        source = sources(record.origin or record.name)
        try:
            if source is None or (source.size, source.checksum()) != (record.size, record.checksum):
                raise FileNotFoundError(record.name)
            transmission = cls(record, settings, source)
        except OSError:
            lost = msgspec.structs.replace(record, sent=0)
            transmission = cls(lost, settings, _Gone(record.size))
            transmission.sender.cancel(ConditionCode.FILESTORE_REJECTION)
        if record.condition != ConditionCode.NO_ERROR:
            transmission.sender.cancel(ConditionCode(record.condition))
        if record.suspended:
            transmission.sender.suspend(now)
        return transmission

    def urgency(self) -> tuple[int, int]:
        """The least goes first."""
        return -self._record.priority, self._record.order

    def record(self, now: float) -> Outbound:
        """As it is now, to be written."""
        sender = self.sender
        self._saved = now
        self._record = msgspec.structs.replace(
            self._record,
            suspended=sender.suspended,
            sent=sender.sent,
            resent=sender.resent,
            condition=sender.condition,
            delivery=sender.delivery,
            status=sender.status,
            ended=sender.finished,
        )
        return self._record

    @property
    def changed(self) -> bool:
        """Whether the record is behind."""
        record, sender = self._record, self.sender
        return (record.sent, record.suspended, record.condition) != (
            sender.sent,
            sender.suspended,
            sender.condition,
        )

    def behind(self, now: float) -> bool:
        """Whether the record is behind by more than a crash may cost."""
        sender, record = self.sender, self._record
        lag = sender.sent - record.sent
        if lag >= self._settings.save_octets or sender.sent == record.size != record.sent:
            return True
        if record.condition != sender.condition or record.suspended != sender.suspended:
            return True
        return lag > 0 and now >= self._saved + self._settings.save_interval

    def state(self) -> State:
        """How far it is."""
        record, sender = self._record, self.sender
        return State(
            self.id,
            sending=True,
            name=record.name,
            size=record.size,
            done=sender.sent,
            resent=sender.resent,
            priority=record.priority,
            suspended=sender.suspended,
            acknowledged=record.acknowledged,
            origin=record.origin,
        )


def report(record: Outbound) -> Ended:
    """What became of a file; raises `ValueError` for codes that make no sense."""
    return Ended(
        record.id,
        sending=True,
        name=record.name,
        size=record.size,
        condition=ConditionCode(record.condition),
        delivery=DeliveryCode(record.delivery),
        status=FileStatus(record.status),
        sent=record.sent,
        resent=record.resent,
        origin=record.origin,
    )
