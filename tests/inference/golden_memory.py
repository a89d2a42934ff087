"""A golden copy in plain memory, with the store on one side and a replica on the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from flight.inference.compiled import Compiled
from flight.inference.copies import GoldenCopies
from flight.inference.golden import region_name
from flight.inference.pool import WeightPool
from flight.inference.session import Session
from flight.radiation.layout import parse
from flight.radiation.period import Depth
from flight.radiation.region import Region, Scrub


@dataclass
class Memory:
    """A region; its name goes when it is closed."""

    name: str
    memory: memoryview
    shelf: dict[str, Memory]

    def close(self) -> None:
        if self.shelf.get(self.name) is self:
            del self.shelf[self.name]


@dataclass
class Shelf:
    """Plays the context of the store and the tools of a replica."""

    regions: dict[str, Memory] = field(default_factory=dict)

    def region(self, name: str, size: int) -> Memory:
        self.regions[name] = Memory(name, memoryview(bytearray(size)), self.regions)
        return self.regions[name]

    def view(self, name: str) -> memoryview:
        if name not in self.regions:
            raise FileNotFoundError(f"no {name}")
        return self.regions[name].memory.toreadonly()


class Golden:
    """The golden copy of one model."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.shelf = Shelf()
        self.copies = GoldenCopies(cast(Any, self.shelf))
        self.copies.keep(compiled)

    @property
    def memory(self) -> memoryview:
        return self.shelf.regions[region_name(self.compiled.model)].memory

    def flip(self, *bits: int) -> None:
        """Flip bits of the weights."""
        flip_region(self.memory, *bits)

    def spoil(self, bit: int = 0) -> None:
        """Two flips in one codeword."""
        self.flip(bit, bit + 8 * parse(self.memory).geometry.width)

    def scrub(self, depth: Depth = Depth.FULL) -> Scrub:
        return Region.attach(self.memory).scrub(depth, 1.0)

    def data(self) -> bytes:
        return bytes(self.memory[parse(self.memory).data])


def flip_region(memory: memoryview, *bits: int) -> None:
    """Flip bits of the data of a region."""
    start = parse(memory).data.start
    for bit in bits:
        memory[start + (bit >> 3)] ^= 1 << (bit & 7)


def flip(pool: WeightPool, bit: int) -> None:
    pool.octets[bit >> 3] ^= 1 << (bit & 7)


class Still(Session):
    """Stands for a session that computes nothing."""

    def __init__(self) -> None:
        pass

    def run(self, tiles: Any) -> Any:
        return tiles[..., 0]
