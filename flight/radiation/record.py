"""What a protected region says of itself and of its blocks; readable from both sides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from flight.radiation.layout import Block, Head, Layout, Role, Tally, tally, unpacked


class State(IntEnum):
    """What has happened to a region."""

    CLEAN = 0
    CORRECTED = 1  # flips were corrected since it was created
    QUARANTINED = 2  # a block is uncorrectable and was not written anew yet


@dataclass(frozen=True, slots=True)
class BlockStatus:
    """What both sides know of a block. ``scrubbed`` is the caller's time in s, 0.0 for never."""

    scrubbed: float
    corrected: int
    quarantined: bool


class RegionRecord:
    """Head and tables of a region, seen by one of its two sides."""

    def __init__(self, memory: memoryview, layout: Layout, role: Role) -> None:
        owner = role is Role.OWNER
        self.layout = layout
        self._memory = memory
        self._head = layout.heads(memory, writer=owner)
        self._blocks = layout.block_words(memory, writer=owner)
        self._roles = [layout.role_words(memory, each, writer=each is role) for each in Role]
        self._mine, self._other = self._roles[role], self._roles[1 - role]

    @property
    def name(self) -> str:
        """Name that the owner gave. Raises ValueError when it is damaged."""
        return unpacked(self._head)

    @property
    def pid(self) -> int:
        """Process id of the owner."""
        return self._head.read(Head.PID)

    @property
    def generation(self) -> int:
        """Times that content was sealed or written."""
        return self._head.read(Head.SEQUENCE) >> 1

    @property
    def suspended(self) -> bool:
        """True while the owner writes: nothing is scrubbed then."""
        return bool(self._head.read(Head.SEQUENCE) & 1)

    @property
    def length(self) -> int:
        """Octets of data that are sealed."""
        return self._head.read(Head.LENGTH)

    @property
    def blocks(self) -> int:
        """Blocks that are sealed."""
        return self.layout.geometry.blocks(self.length)

    @property
    def corrections(self) -> int:
        """Flips corrected by either side since the region was created.

        They are counted before they are corrected: whoever used the data compares the figure from
        before the use with that after ``verify``, and throws the outcome away if it has grown.
        """
        counts = [words.voted()[Tally.CORRECTED :: 3] for words in self._roles]
        return sum(int(each.sum()) for each in counts)

    @property
    def repaired(self) -> int:
        """Flips that this side corrected since the region was created."""
        return int(self._mine.voted()[Tally.CORRECTED :: 3].sum())

    @property
    def skipped(self) -> int:
        """Blocks that either side did not scrub because they were being written."""
        return sum(words.read(Tally.SKIPPED) for words in self._roles)

    @property
    def mended(self) -> int:
        """Words of head and tables that this side found with one copy damaged, and mended."""
        return self._head.mended + self._blocks.mended + self._mine.mended

    @property
    def state(self) -> State:
        """Worst of what happened."""
        if any(self.quarantined(block) for block in range(self.layout.blocks)):
            return State.QUARANTINED
        return State.CORRECTED if self.corrections else State.CLEAN

    def status(self, block: int) -> BlockStatus:
        """What is known of a block."""
        scrubbed = max(words.read(tally(Tally.SCRUBBED, block)) for words in self._roles)
        corrected = sum(words.read(tally(Tally.CORRECTED, block)) for words in self._roles)
        return BlockStatus(scrubbed / 1e9, corrected, self.quarantined(block))

    def quarantined(self, block: int) -> bool:
        """True when a block was found uncorrectable and was not written anew since."""
        epoch = self._epoch(block)
        marks = [words.read(tally(Tally.QUARANTINED, block)) for words in self._roles]
        return epoch != 0 and epoch in marks

    def _epoch(self, block: int) -> int:
        return self._blocks.read(len(Block) * block + Block.EPOCH)

    def _crc(self, block: int) -> int:
        return self._blocks.read(len(Block) * block + Block.CRC)
