"""What an upset may hit, and its shapes: what one particle may do to neighbouring bits."""

from __future__ import annotations

import random

# Parts of a replica's memory; "shared" is the scene under ECC that all replicas of a task read.
TARGETS = ("state", "inputs", "weights", "heap", "shared", "all")
FAULTS = ("bit", "burst", "line")
BURST = range(2, 9)  # adjacent bits of a multi-bit upset
LINE = 64  # octets of a cache line


def draw(fault: str, address: int, end: int, generator: random.Random) -> tuple[int, bytes]:
    """Address and mask of an upset at ``address`` in memory that ends before ``end``.

    ``bit`` flips one bit, ``burst`` 2 to 8 adjacent ones (the first in the octet at ``address``),
    ``line`` garbles an aligned cache line: every bit of it flips with probability 1/2.
    """
    if fault == "line":
        start = address - address % LINE
        return start, bytes(generator.randrange(1, 256) for _ in range(min(LINE, end - start)))
    bits = 1 if fault == "bit" else generator.choice(BURST)
    mask = ((1 << bits) - 1) << generator.randrange(8)
    octets = mask.to_bytes(-(-mask.bit_length() // 8), "little")
    return address, octets[: end - address]
