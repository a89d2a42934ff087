"""The recorder: every message of a recorded topic into a journal, losses counted."""

from __future__ import annotations

from flight.dictionary.codec import ENCODER
from flight.dictionary.events import WriteFailed
from flight.dictionary.parameters import StorageParameters
from flight.dictionary.registry import Telemetry, item
from flight.dictionary.telemetry import RecorderStatus
from flight.runtime.journal import Journal
from flight.runtime.service import Context


class Recorder:
    """Goes on when the medium refuses.

    A refusal is an event only when it begins: the event is recorded too, so one for each refusal
    would breed the next.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._journal: Journal | None = None
        self._shape = (0, 0)
        self._failing = False
        self._refused = False  # something since the last sync
        self._records = self._size = self._lost = 0
        self.follow()

    def follow(self) -> None:
        """Open the journal, again when its parameters have changed or it could not be opened."""
        parameters = self._context.parameters(StorageParameters)
        shape = parameters.segment_size, parameters.segments
        if self._journal is not None and shape == self._shape:
            return
        self.close()
        self._shape = shape
        try:
            self._journal = Journal(self._context.store.path("recorder"), *shape)
        except OSError as error:
            self._refuse(error)

    def record(self, message: Telemetry) -> None:
        """Append one message."""
        data = ENCODER.encode((item(message).id, message))
        if self._journal is None:
            self._lost += 1
            return
        try:
            self._journal.append(data, self._context.clock.utc_ns())
        except (OSError, ValueError) as error:  # no room on the medium, or in any segment
            self._lost += 1
            self._refuse(error)
            return
        self._records += 1
        self._size += len(data)

    def sync(self) -> None:
        """Make durable what was appended."""
        refused, self._refused = self._refused, False
        try:
            if self._journal is not None:
                self._journal.sync()
                self._failing = self._failing and refused
        except OSError as error:
            self._refuse(error)

    def _refuse(self, error: OSError | ValueError) -> None:
        self._refused = True
        if not self._failing:
            self._failing = True
            why = getattr(error, "strerror", None) or str(error)
            self._context.event(WriteFailed("recorder", why))

    def status(self) -> RecorderStatus:
        """Counters since boot."""
        return RecorderStatus(self._records, self._size, self._lost)

    def close(self) -> None:
        """Everything appended is on the medium, if it takes it."""
        journal, self._journal = self._journal, None
        try:
            if journal is not None:
                journal.close()
        except OSError as error:
            self._refuse(error)
