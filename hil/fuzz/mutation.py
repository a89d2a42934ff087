"""Inputs for a decoder: noise, and good input damaged in the ways that links and attackers have."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST = 4096  # octets of an input
NOISE = 0.05  # share of inputs that have nothing of a sample
SEALED = 0.5  # share of damaged samples whose lengths and checks are made right again
_EDGES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)


class Mutator:
    """An endless, seeded series of inputs. ``seal`` makes lengths and checks right."""

    def __init__(
        self, samples: Sequence[bytes], seal: Callable[[bytes], bytes], seed: int | str
    ) -> None:
        self._samples, self._seal = samples, seal
        self._draw = random.Random(seed)
        self._longest = max(map(len, samples))
        self._kinds = (
            self._flip, self._flip, self._edge, self._octets, self._cut, self._drop, self._insert,
            self._repeat, self._splice,
        )  # fmt: skip

    def next(self) -> bytes:
        """The next input."""
        draw = self._draw
        if draw.random() < NOISE:
            return draw.randbytes(draw.randrange(2 * self._longest + 2))[:LONGEST]
        raw = draw.choice(self._samples)
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            raw = draw.choice(self._kinds)(raw)[:LONGEST]
        return self._seal(raw) if draw.random() < SEALED else raw

    def _flip(self, raw: bytes) -> bytes:
        """One to eight bits."""
        octets = bytearray(raw)
        for _ in range(self._draw.randint(1, 8) if raw else 0):
            octets[self._draw.randrange(len(raw))] ^= 1 << self._draw.randrange(8)
        return bytes(octets)

    def _edge(self, raw: bytes) -> bytes:
        """An octet at the edge of what it can say."""
        at = self._draw.randrange(len(raw) + 1)
        return raw[:at] + bytes((self._draw.choice(_EDGES),)) + raw[at + 1 :]

    def _octets(self, raw: bytes) -> bytes:
        """A few octets at random; most often where headers are."""
        octets = bytearray(raw)
        reach = len(raw) if self._draw.random() < 0.5 else min(len(raw), 16)
        for _ in range(self._draw.randint(1, 4) if raw else 0):
            octets[self._draw.randrange(reach)] = self._draw.randrange(256)
        return bytes(octets)

    def _cut(self, raw: bytes) -> bytes:
        """Only the beginning."""
        return raw[: self._draw.randrange(len(raw) + 1)]

    def _drop(self, raw: bytes) -> bytes:
        """A gap."""
        first, last = sorted(self._draw.randrange(len(raw) + 1) for _ in range(2))
        return raw[:first] + raw[last:]

    def _insert(self, raw: bytes) -> bytes:
        """Something between."""
        at = self._draw.randrange(len(raw) + 1)
        return raw[:at] + self._draw.randbytes(self._draw.randint(1, 16)) + raw[at:]

    def _repeat(self, raw: bytes) -> bytes:
        """A part twice."""
        first, last = sorted(self._draw.randrange(len(raw) + 1) for _ in range(2))
        return raw[:last] + raw[first:]

    def _splice(self, raw: bytes) -> bytes:
        """The beginning of one sample, the end of another."""
        other = self._draw.choice(self._samples)
        return raw[: self._draw.randrange(len(raw) + 1)] + other[self._draw.randrange(len(other)) :]
