"""The shared memory of one replica: the state it reads and the state it writes, in turn.

Generation g lies in slot g mod 2, so that a step leaves its input untouched until it is voted.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct("<QQ")  # generation + 1, so that zeroed memory is no generation; length
HEADER_SIZE = 64
LINE = 64  # octets that slots are multiples of


class Slab:
    """Two slots in one region."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._half = len(memory) // 2

    @staticmethod
    def capacity(octets: int) -> int:
        """What slots hold that are made for at least so many octets."""
        return -(-octets // LINE) * LINE

    @staticmethod
    def size(capacity: int) -> int:
        """Octets of a region whose slots hold ``capacity`` octets each."""
        return 2 * (HEADER_SIZE + Slab.capacity(capacity))

    def space(self, generation: int) -> memoryview:
        """Where the bytes of a generation are to be written."""
        base = (generation % 2) * self._half
        return self._memory[base + HEADER_SIZE : base + self._half]

    def commit(self, generation: int, length: int) -> None:
        """Declare that ``length`` octets of a generation are complete."""
        HEADER.pack_into(self._memory, (generation % 2) * self._half, generation + 1, length)

    def retract(self, generation: int) -> None:
        """Make the slot of a generation empty before it is written again."""
        HEADER.pack_into(self._memory, (generation % 2) * self._half, 0, 0)

    def load(self, generation: int, data: bytes | memoryview) -> None:
        """Put the voted bytes of a generation into its slot."""
        self.space(generation)[: len(data)] = data
        self.commit(generation, len(data))

    def answer(self, generation: int) -> memoryview | None:
        """Bytes of a generation, None when the slot does not hold it."""
        stamp, length = HEADER.unpack_from(self._memory, (generation % 2) * self._half)
        if stamp != generation + 1 or length > self._half - HEADER_SIZE:
            return None
        return self.space(generation)[:length].toreadonly()
