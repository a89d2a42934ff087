"""Memory under SECDED: the side that owns it and writes."""

from __future__ import annotations

import os

from flight.radiation.ecc import Buffer, Octets, Uncorrectable, octets
from flight.radiation.layout import MAGIC, VERSION, Block, Head, Layout, Role, Tally, packed, tally
from flight.radiation.region import PATIENCE, Busy, Region, fence

ATTEMPTS = 3  # to correct a block before part of it is written


class OwnedRegion(Region):
    """The owner's side: ``begin``, write in place, ``seal``; or ``write`` into what is sealed."""

    @classmethod
    def create(cls, memory: memoryview, layout: Layout, name: str, pid: int) -> OwnedRegion:
        """Make a region of memory of ``layout.size`` octets, begun and with nothing sealed.

        Raises ValueError naming field and value.
        """
        if len(memory) != layout.size:
            raise ValueError(f"size = {len(memory)}: {layout.size} needed")
        words = packed(name)
        region = cls(memory, layout, Role.OWNER)
        for each in (region._head, region._blocks, *region._roles):
            each.clear()
        head, geometry = region._head, layout.geometry
        head.write(Head.VERSION, VERSION)
        head.write(Head.ROWS, geometry.rows)
        head.write(Head.WORDS, geometry.words)
        head.write(Head.CAPACITY, layout.capacity)
        for index, word in enumerate(words):
            head.write(Head.NAME + index, word)
        head.write(Head.PID, pid)
        head.write(Head.SEQUENCE, 1)
        head.write(Head.MAGIC, MAGIC)  # last: from here on it can be attached
        return region

    def begin(self) -> memoryview:
        """Memory to write into; nothing is scrubbed until ``seal``, which vouches for all of it.

        Raises Busy when the other side's claim is not given back.
        """
        sequence = self._head.read(Head.SEQUENCE)
        self._head.write(Head.SEQUENCE, sequence | 1)
        fence()
        for _ in range(PATIENCE):
            if not self._other.read(Tally.CLAIM):
                return self._memory[self.layout.data]
            os.sched_yield()
        self._head.write(Head.SEQUENCE, sequence)
        raise Busy(f"{self.name}: claimed by the other side")

    def seal(self, length: int | None = None) -> None:
        """Encode the first ``length`` octets (default all) as they were written since ``begin``.

        Raises ValueError when nothing was begun or so much is not there.
        """
        length = self.layout.capacity if length is None else length
        if not self.suspended:
            raise ValueError(f"generation = {self.generation}: sealed already")
        if not 0 < length <= self.layout.capacity:
            raise ValueError(f"length = {length}: 1 to {self.layout.capacity}")
        self._head.write(Head.LENGTH, length)
        for block in range(self.blocks):
            self._encode(block)
        self._end()

    def write(self, offset: int, data: Buffer) -> None:
        """Change sealed data. Check rows and CRC follow by what changed, or anew for whole blocks.

        Raises ValueError outside of what is sealed, Busy, and Uncorrectable for a block that is
        quarantined or turns out to be so and is not written whole; blocks before it are written.
        """
        new = octets(data)
        stop = self._stop(offset, new.size)
        if self.suspended:
            raise Busy(f"{self.name}: being written")
        self.begin()
        try:
            size = self.layout.geometry.block_size
            for block in range(offset // size, (stop - 1) // size + 1):
                base = block * size
                start = max(offset, base)
                self._write(block, start - base, new[start - offset : base + size - offset])
        finally:
            self._end()

    def _write(self, block: int, start: int, new: Octets) -> None:
        protected = self._protected()
        content = protected.content(block)
        if new.size == content.size:
            content[:] = new
            self._encode(block)
            return
        if self.quarantined(block):
            raise Uncorrectable(block, (), "quarantined")
        crc = self._crc(block)
        for _ in range(ATTEMPTS):
            change = protected.update(block, start, new)
            if change is not None:
                self._blocks.write(len(Block) * block + Block.CRC, crc ^ change)
                return
            self._repair(block, crc)
        raise Uncorrectable(block, (), f"damaged again after {ATTEMPTS} corrections")

    def _repair(self, block: int, crc: int) -> None:
        """Correct a block during a write, when the other side keeps off."""
        try:
            repair = self._protected().find(block, crc)
        except Uncorrectable:
            self._mine.write(tally(Tally.QUARANTINED, block), self._epoch(block))
            raise
        if repair is not None:
            self._correct(block, repair)

    def _encode(self, block: int) -> None:
        crc = self._protected().encode(block)
        self._blocks.write(len(Block) * block + Block.CRC, crc)
        self._blocks.write(len(Block) * block + Block.EPOCH, self._epoch(block) + 1)

    def _end(self) -> None:
        fence()
        self._head.write(Head.SEQUENCE, (self._head.read(Head.SEQUENCE) | 1) + 1)
