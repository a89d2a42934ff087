"""Damage for decoders: every truncation, every bit flip, octets at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from flight.link.errors import LinkError

RANDOM = 3000


def flips(raw: bytes) -> Iterator[bytes]:
    """``raw`` with one bit inverted, for every bit."""
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit >> 3] ^= 0x80 >> (bit & 7)
        yield bytes(damaged)


def truncations(raw: bytes) -> Iterator[bytes]:
    """Every proper beginning of ``raw``."""
    for length in range(len(raw)):
        yield raw[:length]


def noise(seed: int, longest: int, count: int = RANDOM) -> Iterator[bytes]:
    """Random octets of random length."""
    source = random.Random(seed)
    for _ in range(count):
        yield source.randbytes(source.randint(0, longest))


def accepted(decode: Callable[[bytes], object], inputs: Iterator[bytes]) -> list[bytes]:
    """Inputs that the decoder takes. Anything it raises but LinkError goes through."""
    taken = []
    for raw in inputs:
        try:
            decode(raw)
        except LinkError:
            continue
        taken.append(raw)
    return taken
