"""Where things lie in a protected region.

    head, tables | data | head, tables | check rows | tables, head

The three copies of the head (what the region is) and of the tables (what is known of its blocks)
lie apart, each in pages of its own. The first and the last copy of the head can be found without
knowing the geometry, so that a region can be attached after either was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from flight.radiation.counters import Words
from flight.radiation.secded import Geometry

MAGIC = int.from_bytes(b"TG-ECC\r\n", "little")
VERSION = 1
PAGE = 4096
NAME_SIZE = 32  # octets
_NAME_WORDS = NAME_SIZE // 8


class Head(IntEnum):
    """Words of the head. The owner writes them."""

    MAGIC = 0
    VERSION = 1
    ROWS = 2
    WORDS = 3
    CAPACITY = 4  # octets of data at most
    NAME = 5  # four words of UTF-8
    PID = 9
    SEQUENCE = 10  # twice the generation, plus one while the owner writes
    LENGTH = 11  # octets of data that are sealed


class Role(IntEnum):
    """Who scrubs: each role has words of its own, so that every word has one writer."""

    OWNER = 0
    SCRUBBER = 1


class Block(IntEnum):
    """Words of a block that the owner writes."""

    CRC = 0
    EPOCH = 1  # times that the whole block was written anew


class Tally(IntEnum):
    """Words of a role: two, then three for each block."""

    CLAIM = 0  # set while the role corrects
    SKIPPED = 1  # blocks not scrubbed because they were being written
    SCRUBBED = 2  # time of the last scrub in ns
    CORRECTED = 3  # flips
    QUARANTINED = 4  # epoch in which the block was found uncorrectable


_PER_BLOCK = len(Block)
_PER_ROLE, _PER_ROLE_BLOCK = 2, 3


def tally(word: Tally, block: int) -> int:
    """Index of a block's word in the table of a role."""
    return word + _PER_ROLE_BLOCK * block


@dataclass(frozen=True, slots=True)
class Layout:
    """Offsets for a geometry and a capacity in octets. Raises ValueError naming field and value."""

    geometry: Geometry
    capacity: int

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"capacity = {self.capacity}: at least 1 octet")

    @property
    def blocks(self) -> int:
        """Blocks when the region is full."""
        return self.geometry.blocks(self.capacity)

    @property
    def size(self) -> int:
        """Octets of the whole region: what the caller has to map."""
        return self._tables[2] + self._table + PAGE

    @property
    def data(self) -> slice:
        """Octets of the data; they begin on a page."""
        start = PAGE + self._table
        return slice(start, start + self.capacity)

    def checks(self, length: int) -> slice:
        """Octets of the check rows of so much data."""
        start = self._tables[1] + self._table
        return slice(start, start + self.geometry.check_size(length))

    def heads(self, memory: memoryview, *, writer: bool) -> Words:
        """The head."""
        starts = (0, self._tables[1] - PAGE, self.size - PAGE)
        return Words([memory[at : at + PAGE] for at in starts], writer=writer)

    def block_words(self, memory: memoryview, *, writer: bool) -> Words:
        """What the owner knows of the blocks."""
        return self._part(memory, 0, _PER_BLOCK * self.blocks, writer)

    def role_words(self, memory: memoryview, role: Role, *, writer: bool) -> Words:
        """What a role found in the blocks."""
        size = _PER_ROLE + _PER_ROLE_BLOCK * self.blocks
        return self._part(memory, _PER_BLOCK * self.blocks + role * size, size, writer)

    def _part(self, memory: memoryview, start: int, size: int, writer: bool) -> Words:
        spans = [slice(at + 8 * start, at + 8 * (start + size)) for at in self._tables]
        return Words([memory[span] for span in spans], writer=writer)

    @property
    def _table(self) -> int:
        words = _PER_BLOCK * self.blocks + 2 * (_PER_ROLE + _PER_ROLE_BLOCK * self.blocks)
        return _pages(8 * words)

    @property
    def _tables(self) -> tuple[int, int, int]:
        # No less than a row between two copies: a burst that the data survive takes one of them.
        room = _pages(max(self.capacity, self.geometry.width))
        second = self.data.start + room + PAGE
        checks = second + self._table
        return PAGE, second, checks + _pages(self.geometry.check_size(self.capacity))


def parse(memory: memoryview) -> Layout:
    """Layout of a region, from the head that is found first or last.

    Raises ValueError naming field and value when both are damaged, or there is none.
    """
    if len(memory) < 2 * PAGE:
        raise ValueError(f"size = {len(memory)}: no room for a head")
    try:
        return _parse(memory, 0)
    except ValueError as error:
        try:
            return _parse(memory, len(memory) - PAGE)
        except ValueError:
            raise error from None


def _parse(memory: memoryview, at: int) -> Layout:
    guess = _described(memory, memory[at : at + PAGE].cast("Q"))
    # One copy is enough to find the three; what counts is their vote.
    heads = guess.heads(memory, writer=False)
    return _described(memory, [heads.read(field) for field in range(Head.NAME)])


def _described(memory: memoryview, words: Sequence[int]) -> Layout:
    for field, wanted in ((Head.MAGIC, MAGIC), (Head.VERSION, VERSION)):
        if words[field] != wanted:
            raise ValueError(f"{field.name.lower()} = {words[field]:#x}: not {wanted:#x}")
    layout = Layout(Geometry(words[Head.ROWS], words[Head.WORDS]), words[Head.CAPACITY])
    if layout.size != len(memory):
        raise ValueError(f"capacity = {layout.capacity}: not for {len(memory)} octets")
    return layout


def packed(name: str) -> list[int]:
    """Words of a name. Raises ValueError when it is empty or too long."""
    octets = name.encode()
    if not 0 < len(octets) <= NAME_SIZE:
        raise ValueError(f"name = {name!r}: 1 to {NAME_SIZE} octets")
    octets = octets.ljust(NAME_SIZE, b"\0")
    return [int.from_bytes(octets[8 * i : 8 * i + 8], "little") for i in range(_NAME_WORDS)]


def unpacked(head: Words) -> str:
    """Name in a head. Raises ValueError when it is no UTF-8."""
    words = [head.read(Head.NAME + word) for word in range(_NAME_WORDS)]
    octets = b"".join(word.to_bytes(8, "little") for word in words).rstrip(b"\0")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ValueError(f"name = {octets!r}: no UTF-8") from None


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE
