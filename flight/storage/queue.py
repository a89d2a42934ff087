"""The downlink queue: names of stored files in the order they are sent, kept over restarts."""

from __future__ import annotations

import contextlib

import msgspec

from flight.dictionary.telemetry import DownlinkQueue
from flight.runtime.service import Store

NAME = "downlink/queue"
LIMIT = 1000


class QueueFull(RuntimeError):
    """No more files can wait."""


class Downlinks:
    """First in, first out; the head leaves when the ground has confirmed it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: list[str] = []
        for data in store.generations(NAME):
            with contextlib.suppress(ValueError):  # msgspec's DecodeError, or text not in UTF-8
                self._names = msgspec.msgpack.decode(data, type=list[str])
                break

    def __contains__(self, name: str) -> bool:
        """True while a file waits."""
        return name in self._names

    def add(self, name: str) -> None:
        """Append a file unless it waits already. Raises QueueFull or OSError."""
        if name in self._names:
            return
        if len(self._names) >= LIMIT:
            raise QueueFull(f"{LIMIT} files wait already")
        self._save([*self._names, name])

    def delivered(self, name: str) -> None:
        """Remove a file; unknown ones are ignored. Raises OSError."""
        if name in self._names:
            self._save([other for other in self._names if other != name])

    def _save(self, names: list[str]) -> None:
        self._store.write(NAME, msgspec.msgpack.encode(names))
        self._names = names

    def head(self) -> DownlinkQueue:
        """What the link is to send next. Files that cannot be read are skipped."""
        for name in self._names:
            with contextlib.suppress(OSError):
                data = self._store.read(name)
                if data is not None:
                    file = name.rpartition("/")[2]
                    return DownlinkQueue(len(self._names), file, name, len(data))
        return DownlinkQueue(len(self._names))
