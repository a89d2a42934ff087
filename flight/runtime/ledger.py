"""Loss ledger: every message a subscriber was entitled to is delivered or in one named counter.

A row belongs to one (source, boot, topic). Sequences start where the publisher took the
subscription (frame.JOIN), else at the first one seen; the last one is learnt from messages and, for
the tail, from heartbeats or from the publisher's status page.

    last - first + 1 = delivered + queued + overflow + superseded + undecodable + lost

``lost`` is what never arrived intact. Frames with a wrong CRC cannot be attributed, because their
header is not to be trusted; they are counted per subscriber and are part of ``lost``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, unique

from flight.runtime.page import ROW_SIZE, ROWS, Page, Word


@unique
class Cell(IntEnum):
    """Words of a ledger row."""

    SOURCE = 0
    BOOT = 1
    TOPIC = 2
    FIRST = 3
    LAST = 4
    DELIVERED = 5
    QUEUED = 6
    OVERFLOW = 7
    SUPERSEDED = 8
    UNDECODABLE = 9
    DUPLICATE = 10
    REPAIRED = 11


_NUMBERS = struct.Struct("=8Q")  # from LAST to REPAIRED
_NUMBERS_AT = 8 * Cell.LAST


@dataclass(frozen=True, slots=True)
class Account:
    """One ledger row, read out."""

    source: int
    boot: int
    topic: int
    published: int
    delivered: int
    queued: int
    overflow: int
    superseded: int
    undecodable: int
    duplicate: int
    repaired: int

    @property
    def lost(self) -> int:
        """Messages that never arrived intact."""
        kept = self.delivered + self.queued
        return self.published - kept - self.overflow - self.superseded - self.undecodable


class Stream:
    """What a subscriber knows of one (source, boot, topic). Plain numbers on the hot path; they
    reach the status page by ``flush``, once per batch."""

    __slots__ = (
        "asked", "boot", "delivered", "duplicate", "last", "missing", "overflow", "queued",
        "repaired", "retired", "row", "source", "superseded", "undecodable",
    )  # fmt: skip

    def __init__(self, row: memoryview, source: int, boot: int, topic: int, first: int) -> None:
        self.row, self.source, self.boot = row, source, boot
        self.last = first - 1
        self.delivered = self.queued = self.overflow = self.superseded = 0
        self.undecodable = self.duplicate = self.repaired = 0
        self.missing: set[int] = set()  # events that may still be repaired
        self.asked = 0
        self.retired = False
        row[Cell.SOURCE], row[Cell.BOOT], row[Cell.TOPIC] = source, boot, topic
        row[Cell.FIRST] = first
        self.flush()

    def flush(self) -> None:
        """Write the numbers to the page."""
        _NUMBERS.pack_into(
            self.row, _NUMBERS_AT, self.last, self.delivered, self.queued, self.overflow,
            self.superseded, self.undecodable, self.duplicate, self.repaired,
        )  # fmt: skip

    def retire(self) -> memoryview:
        """Give the row away; messages still queued are counted where nobody looks."""
        self.retired = True
        row, self.row = self.row, memoryview(bytearray(ROW_SIZE * 8)).cast("Q")
        return row


class Ledger:
    """The streams of one subscriber, on its status page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._streams: dict[tuple[int, int, int], Stream] = {}

    def stream(self, source: int, boot: int, topic: int, sequence: int) -> Stream:
        """A stream; a new one is entitled to everything from ``sequence`` on."""
        key = (source, boot, topic)
        found = self._streams.get(key)
        if found is None:
            found = self._streams[key] = Stream(self._row(), *key, sequence)
        return found

    def known(self, source: int, boot: int, topic: int) -> Stream | None:
        """A stream, or None before anything of it was seen."""
        return self._streams.get((source, boot, topic))

    def _row(self) -> memoryview:
        """The next free row; when none is left, that of a stream whose boot is over."""
        index = self._page.words[Word.ROWS]
        if index == ROWS:
            return self._streams.pop(self._over()).retire()
        self._page.words[Word.ROWS] = index + 1
        return self._page.row(index)

    def _over(self) -> tuple[int, int, int]:
        """The oldest stream that a later boot of its source continues, else the oldest."""
        newest = {(source, topic): boot for source, boot, topic in self._streams}
        over = (key for key in self._streams if newest[key[0], key[2]] != key[1])
        return next(over, next(iter(self._streams)))

    def accounts(self) -> list[Account]:
        """All rows, read out."""
        return accounts(self._page)


def accounts(page: Page) -> list[Account]:
    """Read the ledger of a page, of this process or another."""
    return [_read(row) for row in page.rows()]


def _read(row: memoryview) -> Account:
    return Account(
        source=row[Cell.SOURCE],
        boot=row[Cell.BOOT],
        topic=row[Cell.TOPIC],
        published=row[Cell.LAST] - row[Cell.FIRST] + 1,
        delivered=row[Cell.DELIVERED],
        queued=row[Cell.QUEUED],
        overflow=row[Cell.OVERFLOW],
        superseded=row[Cell.SUPERSEDED],
        undecodable=row[Cell.UNDECODABLE],
        duplicate=row[Cell.DUPLICATE],
        repaired=row[Cell.REPAIRED],
    )
