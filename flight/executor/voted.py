"""The voted state of a run, under ECC: what seats are loaded from and checkpoints are made of."""

from __future__ import annotations

import os
from collections.abc import Callable

from flight.radiation.ecc import Uncorrectable
from flight.radiation.layout import Layout
from flight.radiation.owned import OwnedRegion
from flight.radiation.region import Busy
from flight.radiation.secded import Geometry
from flight.runtime.crc import crc32c
from flight.runtime.service import Context
from flight.runtime.shm import PROTECTED

ATTEMPTS = 3  # to read the state while the scrubber corrects it


class VotedState:
    """One generation of octets. The scrubber finds it by the ending of its name."""

    def __init__(
        self, context: Context, task: int, capacity: int, repaired: Callable[[int], None]
    ) -> None:
        """``repaired(flips)`` is called when some were corrected here. Raises OSError when there
        is no memory."""
        self._repaired = repaired
        layout = Layout(Geometry.fitting(capacity), capacity)
        self._memory = context.region(f"executor-t{task}-state{PROTECTED}", layout.size)
        name = f"t{task} state"
        self._region: OwnedRegion | None = OwnedRegion.create(
            self._memory.memory, layout, name, os.getpid()
        )
        self._bare: bytes | None = b""
        self.generation = -1
        self.digest = ""  # SHA-256, taken when it was voted
        self.crc = 0

    def keep(self, state: bytes, digest: str, generation: int, protect: bool) -> None:
        """Take over what was voted. Without ``protect`` it stays as it is: the level NONE."""
        self.digest, self.generation, self.crc = digest, generation, crc32c(state)
        self._bare = state
        if protect and self._region is not None:
            try:
                self._region.begin()[: len(state)] = state
                self._region.seal(len(state))
                self._bare = None
            except Busy:  # a scrubber that was killed has not given back its claim yet
                return

    def octets(self) -> bytes:
        """The state. Raises Uncorrectable, never returns what is damaged beyond repair."""
        if self._bare is not None:
            return self._bare
        region = self._region
        if region is None:
            raise Uncorrectable(0, (), "its memory was freed")
        before = region.repaired
        try:
            for _ in range(ATTEMPTS):
                # A correction that was counted before we looked may still be made while we copy.
                octets = region.read()
                if crc32c(octets) == self.crc:
                    return octets
            raise Uncorrectable(0, (), "not what was voted")
        finally:
            if flips := region.repaired - before:
                self._repaired(flips)

    def close(self) -> None:
        """Free the memory; nothing can be read any more."""
        self._memory.close()
        self._region = None
