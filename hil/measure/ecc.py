"""Bit-sliced SECDED against a code word by word, zlib's CRC and a copy, all of the same 32 MiB."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable
from functools import partial

import numpy as np

from flight.radiation.ecc import Protected
from flight.radiation.secded import Geometry, Secded
from flight.runtime.clock import SystemClock
from hil.measure.hsiao import Hsiao
from hil.measure.result import Result, at_least, interleave, ratio, spread

SIZE, ROUNDS = 32 << 20, 9
GEOMETRY = Geometry(256, 1024)
CLOCK = SystemClock()


def _rate(work: Callable[[], object]) -> float:
    """Octets of data per s."""
    began = CLOCK.now()
    work()
    return SIZE / (CLOCK.now() - began)


class _Memory:
    """Page-aligned, as shared memory is."""

    def __init__(self) -> None:
        self.data = np.frombuffer(mmap.mmap(-1, SIZE), np.uint8)
        self.data[:] = np.random.default_rng(1).integers(0, 256, SIZE, np.uint8)
        self.copy = np.frombuffer(mmap.mmap(-1, SIZE), np.uint8)
        checks = mmap.mmap(-1, GEOMETRY.check_size(SIZE))
        self._code, self._hsiao = Secded(GEOMETRY), Hsiao()
        self._protected = Protected(self._code, self.data, checks)
        self._rows = self.data.view(np.uint64).reshape(-1, GEOMETRY.rows, GEOMETRY.words)
        self._check_rows = np.frombuffer(checks, np.uint64).reshape(
            -1, GEOMETRY.check_rows, GEOMETRY.words
        )
        self._hsiao_checks = np.zeros((2, SIZE // 8), np.uint8)
        self.hsiao_encode()
        self._crcs = self.encode_with_crc()

    def encode(self) -> None:
        """Check rows."""
        for rows, checks in zip(self._rows, self._check_rows, strict=True):
            self._code.encode(rows, checks)

    def encode_with_crc(self) -> list[int]:
        """Check rows, and a CRC-32C for each block."""
        return [self._protected.encode(block) for block in range(self._protected.blocks)]

    def scrub(self) -> None:
        """Full scrub of sound memory."""
        found = [self._protected.find(block, crc) for block, crc in enumerate(self._crcs)]
        if any(found):
            raise AssertionError("flips in memory that nobody touched")

    def light(self) -> None:
        """Light scrub of sound memory."""
        if not all(self._protected.light(block) for block in range(self._protected.blocks)):
            raise AssertionError("flips in memory that nobody touched")

    def hsiao_encode(self) -> None:
        """Check bits of all words."""
        self._hsiao.encode(self.data.view(np.uint64), self._hsiao_checks[0])

    def hsiao_scrub(self) -> None:
        """Syndromes of all words."""
        checks, syndromes = self._hsiao_checks
        if not self._hsiao.syndromes(self.data.view(np.uint64), checks, syndromes):
            raise AssertionError("flips in memory that nobody touched")


def measure() -> list[Result]:
    """All figures of the code."""
    memory = _Memory()
    arms: list[Callable[[], object]] = [
        memory.encode,
        memory.encode_with_crc,
        memory.scrub,
        memory.light,
        memory.hsiao_encode,
        memory.hsiao_scrub,
        partial(zlib.crc32, memory.data),
        partial(np.copyto, memory.copy, memory.data),
    ]
    figures = interleave([partial(_rate, arm) for arm in arms], ROUNDS)
    encode, with_crc, scrub, light, naive_encode, naive_scrub, crc, copy = figures
    hsiao, crc32, copyto = "Hsiao (72,64), bitwise_count", "zlib.crc32", "np.copyto"
    rows = [
        ("ecc.encode_vs_hsiao", encode, naive_encode, 8.0, hsiao),
        ("ecc.scrub_vs_hsiao", scrub, naive_scrub, 8.0, hsiao),
        ("ecc.encode_vs_crc32", encode, crc, 1.2, crc32),
        ("ecc.scrub_vs_crc32", scrub, crc, 1.2, crc32),
        ("ecc.encode_vs_copyto", encode, copy, 0.6, copyto),
        ("ecc.light_vs_copyto", light, copy, 1.4, copyto),
    ]
    shape = f"{ROUNDS} interleaved rounds, 32 MiB, {GEOMETRY.rows} rows of {GEOMETRY.width} octets"
    sealed = f"encoding with CRC-32C {spread(with_crc, max, 1e-9)}"
    return [
        at_least(
            name, ratio(mine, floor), target, anchor,
            f"GB/s {spread(mine, max, 1e-9)} against {spread(floor, max, 1e-9)}; {shape}; {sealed}",
        )
        for name, mine, floor, target, anchor in rows
    ]  # fmt: skip
