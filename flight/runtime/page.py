"""Status page: counters of one process in shared memory, exact even after kill -9.

A page is an array of 64-bit words. Its process writes it on every message; the executive, the
ledger and `flight bus stats` read it without asking the process.
"""

from __future__ import annotations

import mmap
import os
from enum import IntEnum, unique
from pathlib import Path

WORDS = 8192
TOPICS = 64  # words reserved for the last published sequence, by topic id
ROW_SIZE = 12
_TOPIC_BASE = 16
_ROW_BASE = _TOPIC_BASE + TOPICS
ROWS = (WORDS - _ROW_BASE) // ROW_SIZE


@unique
class Word(IntEnum):
    """Fixed words at the start of a page."""

    PID = 0
    BOOT = 1
    BEATS = 2
    PROGRESS = 3
    ROWS = 4
    CORRUPT = 5
    FOREIGN = 6
    REFUSED = 7


class Page:
    """One page. ``words`` is a view of 64-bit counters."""

    def __init__(self, memory: memoryview) -> None:
        self.words: memoryview = memory.cast("Q")

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Page:
        """Map a page from a file. Raises OSError; ValueError when it is no whole page."""
        if create:
            # A new file, never the old one cut to nothing: others still have that one mapped.
            path.unlink(missing_ok=True)
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if create:
                # Reserved now: a full tmpfs is an OSError here, not a SIGBUS later.
                os.posix_fallocate(descriptor, 0, WORDS * 8)
            return cls(memoryview(mmap.mmap(descriptor, WORDS * 8)))
        finally:
            os.close(descriptor)

    @classmethod
    def anonymous(cls) -> Page:
        """A page that no other process reads."""
        return cls(memoryview(bytearray(WORDS * 8)))

    def sequence_word(self, topic: int) -> int:
        """Index of the word that holds the last published sequence of a topic."""
        if not 0 <= topic < TOPICS:
            raise ValueError(f"topic id {topic} is not below {TOPICS}")
        return _TOPIC_BASE + topic

    def row(self, index: int) -> memoryview:
        """Ledger row as a view of ROW_SIZE words."""
        if not 0 <= index < ROWS:
            raise ValueError(f"ledger row {index} is not below {ROWS}")
        start = _ROW_BASE + index * ROW_SIZE
        return self.words[start : start + ROW_SIZE]

    def rows(self) -> list[memoryview]:
        """All rows in use."""
        return [self.row(index) for index in range(self.words[Word.ROWS])]
