"""A vote on three equal answers of 64 MiB against their bitwise majority."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from flight.radiation.vote import Verdict, vote
from flight.runtime.clock import SystemClock
from hil.measure.result import Result, at_least, interleave, ratio, spread

SIZE, ROUNDS = 64 << 20, 9
CLOCK = SystemClock()


def _rate(work: Callable[[], object]) -> float:
    """Octets of one answer per s."""
    began = CLOCK.now()
    work()
    return SIZE / (CLOCK.now() - began)


class _Answers:
    """Three equal ones, each in memory of its own."""

    def __init__(self) -> None:
        octets = bytearray(np.random.default_rng(1).bytes(SIZE))
        self._answers = [bytes(octets) for _ in range(3)]
        self._words = [np.frombuffer(answer, np.uint64) for answer in self._answers]

    def vote(self) -> None:
        """Ours."""
        if vote(self._answers, 2) != Verdict(0, ()):
            raise AssertionError("three equal answers, and no majority")

    def bitwise(self) -> None:
        """An answer made of majorities of bits."""
        a, b, c = self._words
        _ = (a & b) | (b & c) | (a & c)

    def read(self) -> None:
        """What no voter can do without: reading all three once."""
        for words in self._words:
            np.bitwise_xor.reduce(words)


def measure() -> list[Result]:
    """The figure of a clean vote."""
    answers = _Answers()
    arms = [answers.vote, answers.bitwise, answers.read]
    ours, bitwise, read = interleave([partial(_rate, arm) for arm in arms], ROUNDS)
    return [
        at_least(
            "vote.clean_vs_bitwise", ratio(ours, bitwise), 8.0, "(a & b) | (b & c) | (a & c)",
            f"GB/s of one answer {spread(ours, max, 1e-9)} against {spread(bitwise, max, 1e-9)};"
            f" {ROUNDS} interleaved rounds, 3 x 64 MiB, without the digest; reading all three once"
            f" is {ratio(read, bitwise):.3g} times as fast as the floor",
        )
    ]  # fmt: skip
