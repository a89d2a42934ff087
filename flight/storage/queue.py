"""The downlink queue: stored files in the order in which they are sent, kept over restarts."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

import msgspec

from flight.dictionary.files import Offer
from flight.dictionary.telemetry import DownlinkQueue
from flight.runtime.service import Store

NAME = "downlink/queue"
LIMIT = 1000
OFFERS = 32  # told to the link, which passes over those that it holds or may not send yet
_WITHDRAWN = 16

Size = Callable[[str], int | None]


class QueueFull(RuntimeError):
    """No more files can wait."""


class Downlinks:
    """The highest priority first, then first in, first out; a file leaves when the ground has
    confirmed it. ``size`` gives the octets of a file by its path, None when it cannot be read."""

    def __init__(self, store: Store, size: Size) -> None:
        self._store, self._size = store, size
        self._waiting: list[tuple[str, int]] = []
        self._withdrawn: deque[str] = deque(maxlen=_WITHDRAWN)
        for data in store.generations(NAME):
            with contextlib.suppress(ValueError):  # msgspec's DecodeError, or text not in UTF-8
                self._waiting = msgspec.msgpack.decode(data, type=list[tuple[str, int]])
                break

    def __contains__(self, path: str) -> bool:
        """True while a file waits."""
        return any(path == other for other, _ in self._waiting)

    def add(self, path: str, priority: int) -> None:
        """Queue a file unless it waits already. Raises QueueFull or OSError."""
        if path in self:
            return
        if len(self._waiting) >= LIMIT:
            raise QueueFull(f"{LIMIT} files wait already")
        ordered = [*self._waiting, (path, priority)]
        self._save(sorted(ordered, key=lambda each: -each[1]))
        with contextlib.suppress(ValueError):
            self._withdrawn.remove(path)

    def delivered(self, path: str) -> None:
        """Remove a file; unknown ones are ignored. Raises OSError."""
        if path in self:
            self._save([each for each in self._waiting if each[0] != path])

    def withdraw(self, path: str) -> bool:
        """Remove a file that may be on its way; False when it does not wait. Raises OSError."""
        if path not in self:
            return False
        self.delivered(path)
        self._withdrawn.append(path)
        return True

    def _save(self, waiting: list[tuple[str, int]]) -> None:
        self._store.write(NAME, msgspec.msgpack.encode(waiting))
        self._waiting = waiting

    def head(self) -> DownlinkQueue:
        """What the link is to send. Files that cannot be read are skipped."""
        offers: list[Offer] = []
        for path, priority in self._waiting:
            size = self._size(path)
            if size is not None:
                offers.append(Offer(path, size, priority))
            if len(offers) == OFFERS:
                break
        return DownlinkQueue(len(self._waiting), tuple(offers), tuple(self._withdrawn))
