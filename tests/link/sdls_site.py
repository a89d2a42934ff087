"""Both ends of a protected link in memory, with disks that can be cut off."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from flight.link.sdls import Direction, Keyring, LinkEnd
from flight.link.sdls.keyring import NAME, first_record, wrap

SPACECRAFT = 0xA5
KEK = bytes(range(32))
MASTER = bytes(range(32, 64))


class PowerCut(Exception):
    """The machine stops at this write."""


@dataclass
class Disk:
    """Ring and counters of one side. ``cut_in`` writes from now the power goes; ``torn`` says
    whether the write that it meets is on the medium. ``error`` makes writes fail."""

    files: dict[str, bytes] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    cut_in: int = -1
    torn: bool = False
    error: OSError | None = None
    writes: int = 0

    def _write(self, do: object) -> None:
        assert callable(do)
        if self.error is not None:
            raise self.error
        self.writes += 1
        if self.cut_in == 0:
            self.cut_in = -1
            if self.torn:
                do()
            raise PowerCut
        self.cut_in -= self.cut_in > 0
        do()

    def write(self, name: str, data: bytes) -> None:
        self._write(lambda: self.files.__setitem__(name, data))

    def load(self, name: str) -> int:
        return self.counters.get(name, 0)

    def close(self) -> None:
        pass

    def save(self, name: str, value: int) -> None:
        self._write(lambda: self.counters.__setitem__(name, value))


def fresh_disk(*, clear: bool = False, strict: bool = False) -> Disk:
    return Disk({NAME: first_record(KEK, MASTER, SPACECRAFT, clear, strict)})


def boot(disk: Disk, sends: Direction) -> LinkEnd:
    """The end as it comes up from what is on its disk."""
    return LinkEnd(Keyring(KEK, disk.files[NAME], disk), sends, disk)


def pair(*, clear: bool = False, strict: bool = False) -> tuple[LinkEnd, LinkEnd]:
    """Ground and node."""
    disks = (fresh_disk(clear=clear, strict=strict) for _ in range(2))
    ground, node = disks
    return boot(ground, Direction.UP), boot(node, Direction.DOWN)


def wrapped(seed: int, kek: bytes = KEK) -> bytes:
    return wrap(kek, random.Random(seed).randbytes(32))
