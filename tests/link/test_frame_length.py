"""The length of frames follows the errors of the channel."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.link.framelength import WINDOW, FrameLength, best, bit_errors

OVERHEAD = 29


def efficiency(length: int, ber: float) -> float:
    return float((1 - ber) ** (8 * length) * (1 - OVERHEAD / length))


@given(st.floats(1e-7, 1e-2))
def test_no_other_length_carries_more(ber: float) -> None:
    length = best(OVERHEAD, ber, OVERHEAD + 1, 1 << 20)
    found = efficiency(length, ber)
    assert all(efficiency(other, ber) <= found * 1.0001 for other in range(30, 3 * length, 7))


@pytest.mark.parametrize(("ber", "length"), [(1e-6, 1918), (1e-5, 617), (1e-4, 205), (1e-3, 76)])
def test_it_agrees_with_the_published_optimum(ber: float, length: int) -> None:
    assert best(OVERHEAD, ber, 30, 4096) == pytest.approx(length, rel=0.01)


@given(st.floats(1e-6, 1e-3), st.integers(40, 2048))
def test_frame_errors_tell_bit_errors(ber: float, length: int) -> None:
    assert bit_errors(1 - (1 - ber) ** (8 * length), length) == pytest.approx(ber, rel=1e-6)


@pytest.mark.parametrize("ber", [1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize("first", [64, 640, 2048])
def test_it_finds_the_best_length_from_any_first_one(ber: float, first: int) -> None:
    source = random.Random(first)
    length = FrameLength(first, OVERHEAD, 64, 2048)
    for _ in range(40 * WINDOW):
        length.observe(1, source.random() > (1 - ber) ** (8 * length.octets))
    ideal = best(OVERHEAD, ber, 64, 2048)
    assert efficiency(length.octets, ber) > 0.97 * efficiency(ideal, ber)


def test_a_clean_channel_gets_the_longest_and_a_dead_one_the_shortest() -> None:
    length = FrameLength(640, OVERHEAD, 64, 2048)
    for _ in range(60 * WINDOW):
        length.observe(1, 0)
    assert length.octets > 1000
    for _ in range(40 * WINDOW):
        length.observe(1, 1)
    assert length.octets == 64


def test_it_rests_when_nothing_changes() -> None:
    source = random.Random(4)
    length = FrameLength(205, OVERHEAD, 64, 2048)
    p = (1 - 1e-4) ** (8 * 205)
    changes = sum(length.observe(1, source.random() > p) for _ in range(200 * WINDOW))
    assert changes <= 2
