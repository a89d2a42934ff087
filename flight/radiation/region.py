"""Memory under SECDED that another process can scrub.

A region has one owner, who writes (flight.radiation.owned), and at most one process that attaches
to scrub it. A scrub that meets a write is given up and counted. Before it corrects, either side
raises its claim and looks whether the other has, or has written since: new data are never
"corrected" to old. There are only loads and stores of words; should their order be lost all the
same, a late correction is a flip in the other's data that the next scrub takes back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flight.radiation.ecc import Protected, Repair, Uncorrectable
from flight.radiation.layout import Head, Layout, Role, Tally, parse, tally
from flight.radiation.period import Depth
from flight.radiation.record import RegionRecord
from flight.radiation.secded import Secded

ATTEMPTS = 1000  # to look at a block while the other side corrects, which takes microseconds
PATIENCE = 100_000  # looks at the other side's claim: some 0.1 s, a thousand times what it is held
_FENCE = threading.Lock()


class Busy(Exception):
    """The owner is writing, or the other side's claim was not given back."""


@dataclass(frozen=True, slots=True)
class Scrub:
    """Outcome of a scrub."""

    blocks: int  # that were looked at
    skipped: int  # that were being written
    corrected: int  # flips
    uncorrectable: tuple[int, ...]  # blocks newly quarantined


class Region(RegionRecord):
    """One side of a region. Not for two threads at once."""

    def __init__(self, memory: memoryview, layout: Layout, role: Role) -> None:
        super().__init__(memory, layout, role)
        self._code = Secded(layout.geometry)
        self._cut: tuple[int, Protected] | None = None  # the data by their length

    @classmethod
    def attach(cls, memory: memoryview) -> Region:
        """Attach as the one that scrubs; a predecessor must have ended.

        Raises ValueError naming field and value when this is no region, or a damaged one.
        """
        region = Region(memory, parse(memory), Role.SCRUBBER)
        if region.length > region.layout.capacity:
            raise ValueError(f"length = {region.length}: capacity is {region.layout.capacity}")
        if not region.name:
            raise ValueError("name = '': a region has one")
        region._mine.write(Tally.CLAIM, 0)
        return region

    def view(self, offset: int = 0, size: int | None = None) -> memoryview:
        """Sealed data in place, read-only; to be verified after use.

        Raises Busy while they are being written, Uncorrectable when a block is quarantined,
        ValueError when there are not so many.
        """
        stop = self._stop(offset, size)
        self._touched(offset, stop)
        return self._memory[self.layout.data][offset:stop].toreadonly()

    def verify(self, offset: int = 0, size: int | None = None) -> int:
        """Full scrub of what was used; return the flips corrected. Raises as ``view`` does."""
        touched = self._touched(offset, self._stop(offset, size))
        return sum(self._verified(block) for block in touched)

    def settled(self) -> int:
        """``corrections`` as it is to be compared after a use that begins now.

        One that the other side has counted but not made yet would go unnoticed: it is waited for.
        A claim that is never given back is that of a process that has died.
        """
        for _ in range(PATIENCE):
            counted = self.corrections
            fence()
            if not self._other.read(Tally.CLAIM):
                break
            os.sched_yield()
        return counted

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        """A copy of sealed data, sound after it was taken. Raises as ``view`` does."""
        for _ in range(ATTEMPTS):
            before = self._head.read(Head.SEQUENCE), self.settled()
            data = bytes(self.view(offset, size))
            self.verify(offset, size)
            if (self._head.read(Head.SEQUENCE), self.corrections) == before:
                return data
        raise Busy(f"{self.name}: changed each time it was read")

    def scrub(self, depth: Depth, now: float, blocks: Iterable[int] | None = None) -> Scrub:
        """Look at blocks (default all), correct what can be, quarantine the rest. ``now`` in s.

        A light scrub that finds something is followed by a full one of that block. Blocks that are
        quarantined or not sealed are passed over.
        """
        self._mend()
        looked = skipped = corrected = 0
        lost: list[int] = []
        for block in range(self.layout.blocks) if blocks is None else blocks:
            if block >= self.blocks or self.quarantined(block):
                continue
            try:
                found = self._examine(block, depth)
            except Uncorrectable:
                lost.append(block)
                found = 0
            if found is None:
                skipped += 1
                continue
            looked, corrected = looked + 1, corrected + found
            self._mine.write(tally(Tally.SCRUBBED, block), int(now * 1e9))
        self._mine.add(Tally.SKIPPED, skipped)
        return Scrub(looked, skipped, corrected, tuple(lost))

    def _stop(self, offset: int, size: int | None) -> int:
        stop = self.length if size is None else offset + size
        if not 0 <= offset < stop <= self.length:
            raise ValueError(f"offset, size = {offset, size}: {self.length} octets are sealed")
        return stop

    def _touched(self, offset: int, stop: int) -> range:
        """Blocks of some octets, none quarantined. Raises Busy or Uncorrectable."""
        if self.suspended:
            raise Busy(f"{self.name}: being written")
        size = self.layout.geometry.block_size
        touched = range(offset // size, (stop - 1) // size + 1)
        for block in touched:
            if self.quarantined(block):
                raise Uncorrectable(block, (), "quarantined")
        return touched

    def _protected(self) -> Protected:
        length = self.length
        if self._cut is None or self._cut[0] != length:
            data = self._memory[self.layout.data][:length]
            checks = self._memory[self.layout.checks(length)]
            self._cut = length, Protected(self._code, data, checks)
        return self._cut[1]

    def _verified(self, block: int) -> int:
        for _ in range(ATTEMPTS):
            found = self._examine(block, Depth.FULL)
            if found is not None:
                return found
            if self.suspended:
                raise Busy(f"{self.name}: being written")
            os.sched_yield()
        raise Busy(f"{self.name}: claimed by the other side")

    def _examine(self, block: int, depth: Depth) -> int | None:
        """Flips corrected in a block; None when it was being written. Raises Uncorrectable."""
        sequence = self._head.read(Head.SEQUENCE)
        if sequence & 1:
            return None
        epoch, crc = self._epoch(block), self._crc(block)
        protected = self._protected()
        if block >= protected.blocks:
            return None
        try:
            light = depth is Depth.LIGHT and protected.light(block)
            repair = None if light else protected.find(block, crc)
        except Uncorrectable:
            if self._head.read(Head.SEQUENCE) != sequence:
                return None
            self._mine.write(tally(Tally.QUARANTINED, block), epoch)
            raise
        if repair is None:
            return 0 if self._head.read(Head.SEQUENCE) == sequence else None
        with self._claim(sequence) as granted:
            return repair.bits if granted and self._correct(block, repair) else None

    def _correct(self, block: int, repair: Repair) -> bool:
        self._mine.add(tally(Tally.CORRECTED, block), repair.bits)
        fence()
        return self._protected().apply(repair)

    @contextmanager
    def _claim(self, sequence: int) -> Iterator[bool]:
        """True when the other side neither corrects nor has written since ``sequence``."""
        self._mine.write(Tally.CLAIM, 1)
        try:
            fence()
            claimed = self._other.read(Tally.CLAIM)
            yield not claimed and self._head.read(Head.SEQUENCE) == sequence
        finally:
            fence()
            self._mine.write(Tally.CLAIM, 0)

    def _mend(self) -> None:
        """Bring copies of words into line, also the owner's: it may not look for months."""
        self._mine.mend()
        sequence = self._head.read(Head.SEQUENCE)
        if not sequence & 1 and self._head.odd().size + self._blocks.odd().size:
            with self._claim(sequence) as granted:
                if granted:
                    self._head.mend()
                    self._blocks.mend()


def fence() -> None:
    """Let what was stored be seen before what follows is loaded: a lock is a memory barrier."""
    with _FENCE:
        pass
