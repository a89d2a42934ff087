"""Records of one entity in memory, written when they are behind."""

from __future__ import annotations

from collections import Counter

import msgspec

from flight.link.cfdp.records import Memory, encode


class Keeper:
    """Writes records and counts in `save_failed` what memory refuses; the transfer goes on then,
    and a restart costs more."""

    def __init__(self, memory: Memory, counters: Counter[str]) -> None:
        self._memory = memory
        self._counters = counters

    def write(self, key: str, record: msgspec.Struct) -> None:
        """Replace a record."""
        try:
            self._memory.write(key, encode(record))
        except OSError:
            self._counters["save_failed"] += 1

    def require(self, key: str, record: msgspec.Struct) -> None:
        """Replace a record without which nothing may begin; raises `OSError`."""
        self._memory.write(key, encode(record))

    def remove(self, key: str) -> None:
        """Forget a record."""
        try:
            self._memory.remove(key)
        except OSError:
            self._counters["save_failed"] += 1
