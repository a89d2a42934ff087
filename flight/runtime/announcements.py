"""Events that wait until the processes that record and downlink them are there to hear them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from flight.dictionary.registry import Event
from flight.runtime.service import Context

PATIENCE = 5.0  # s; then they are published for whoever hears them
LIMIT = 64  # events kept; when full they are published as after PATIENCE


class Announcements:
    """Keeps events in order while ``heard()`` is False. They are stamped when published."""

    def __init__(self, context: Context, heard: Callable[[], bool]) -> None:
        self._context = context
        self._heard = heard
        self._waiting: deque[tuple[float, Event]] = deque()

    def event(self, event: Event) -> None:
        """Report an event, now or as soon as it is heard."""
        self._waiting.append((self._context.clock.now(), event))
        self.flush()

    def flush(self) -> None:
        """Publish what waits, if it is heard or has waited long enough."""
        if not self._waiting:
            return
        overdue = self._waiting[0][0] + PATIENCE <= self._context.clock.now()
        if overdue or len(self._waiting) >= LIMIT or self._heard():
            while self._waiting:
                self._context.event(self._waiting.popleft()[1])
