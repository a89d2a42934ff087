"""Words in three copies, damaged in one of them at a time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.radiation.counters import Words

U64 = st.integers(0, 2**64 - 1)


def copies(count: int) -> list[memoryview]:
    return [memoryview(bytearray(8 * count)) for _ in range(3)]


@given(st.lists(st.tuples(U64, st.integers(0, 2), U64), min_size=1, max_size=8), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_word_survives_anything_in_one_copy(
    words: list[tuple[int, int, int]], at_once: bool
) -> None:
    memory = copies(len(words))
    mine, theirs = Words(memory, writer=True), Words(memory, writer=False)
    for index, (value, odd, damage) in enumerate(words):
        mine.write(index, value)
        memory[odd].cast("Q")[index] = damage
    single = [memory[0].cast("Q")[index] for index in range(len(words))]
    values = [value for value, _, _ in words]
    assert [theirs.read(index) for index in range(len(words))] == values
    assert theirs.voted().tolist() == values
    damaged = sum(value != damage for value, _, damage in words)
    lone = sum(value != damage for value, odd, damage in words if odd == 0)
    assert sum(got != value for got, value in zip(single, values, strict=True)) == lone
    assert theirs.mended == 0
    if at_once:
        assert mine.mend() == damaged
    else:
        assert [mine.read(index) for index in range(len(words))] == values
    assert mine.mended == damaged
    assert memory[0] == memory[1] == memory[2]


def test_damage_in_different_bits_of_all_copies_is_outvoted_bit_by_bit() -> None:
    memory = copies(1)
    words = Words(memory, writer=True)
    words.write(0, 0xF0F0)
    for copy, bit in zip(memory, (1, 2, 4), strict=True):
        copy.cast("Q")[0] ^= bit
    assert words.read(0) == 0xF0F0
    assert memory[0] == memory[1] == memory[2]


def test_a_reader_that_comes_in_between_two_stores_mends_nothing() -> None:
    """Its writer is at work: what looks like damage is the new value."""
    memory = copies(1)
    reader = Words(memory, writer=False)
    memory[0].cast("Q")[0] = 7
    assert reader.read(0) == 0
    assert memory[0].cast("Q")[0] == 7


def test_counters_only_rise() -> None:
    words = Words(copies(2), writer=True)
    for count in (3, 0, 4):
        words.add(1, count)
    assert words.voted().tolist() == [0, 7]
    with pytest.raises(ValueError, match="count = -1"):
        words.add(1, -1)
    words.clear()
    assert words.read(1) == 0
    assert len(words) == 2


@pytest.mark.parametrize("sizes", [(8, 8), (8, 8, 16), (7, 7, 7), (8, 8, 8, 8)])
def test_copies_that_do_not_match_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="copies"):
        Words([memoryview(bytearray(size)) for size in sizes], writer=True)
