"""The code, exhaustively where a block is small, and against a decoder that tries every flip."""

from __future__ import annotations

import itertools
import random

import hamming
import numpy as np
import pytest
from sealed_memory import Sealed

from flight.radiation.ecc import Uncorrectable
from flight.radiation.secded import ROWS, Geometry, columns

SMALL = Geometry(64, 1)


@pytest.mark.parametrize("rows", ROWS)
def test_check_rows_are_those_of_the_slow_encoder(rows: int) -> None:
    memory = Sealed(Geometry(rows, 1), seed=rows)
    data, checks = memory.data.reshape(rows, 8), memory.checks.reshape(-1, 8)
    for place in range(64):
        expected = hamming.check_bits(hamming.codeword(data, place))
        assert hamming.codeword(checks, place) == expected


def test_damaged_codewords_are_read_as_the_slow_decoder_reads_them() -> None:
    rng = random.Random(1)
    read = []
    for seed in range(2):
        memory = Sealed(SMALL, seed=seed)
        for place in range(64):
            for row in rng.sample(range(72), rng.choice([0, 1, 2, 3, 4])):
                memory.flip(row, place)
        located = memory.code.locate(memory.syndrome())
        bits = located.octets * 8 + np.log2(located.masks).astype(int)
        found = dict(zip(bits.tolist(), located.rows.tolist(), strict=True))
        data, checks = memory.data.reshape(64, 8), memory.checks.reshape(-1, 8)
        for place in range(64):
            slow = hamming.decode(hamming.codeword(data, place), hamming.codeword(checks, place))
            read.append(slow)
            assert found.get(place) == (None if slow == -1 else slow)
    assert None in read
    assert -1 in read
    assert any(row is not None and row >= 64 for row in read)


def test_every_single_flip_of_a_block_is_seen_and_corrected() -> None:
    memory = Sealed(SMALL)
    for row, place in itertools.product(range(72), range(64)):
        memory.flip(row, place)
        assert not memory.protected.light(0)
        assert memory.heal() == 1
        assert memory.intact(), (row, place)


@pytest.mark.parametrize("geometry", [Geometry(256, 1024), Geometry(1024, 256), Geometry(64, 2048)])
def test_single_flips_of_a_large_block_are_corrected(geometry: Geometry) -> None:
    memory, rng = Sealed(geometry), random.Random(2)
    rows = geometry.rows + geometry.check_rows
    for row in [0, 1, geometry.rows - 1, geometry.rows, rows - 1, *rng.sample(range(rows), 20)]:
        memory.flip(row, rng.randrange(64 * geometry.words))
        assert not memory.protected.light(0)
        assert memory.heal() == 1
    assert memory.intact()


def test_a_burst_as_long_as_a_row_is_corrected_wherever_it_starts() -> None:
    memory, rng = Sealed(SMALL), random.Random(3)
    for start in range(8 * SMALL.block_size - 64 + 1):
        inner = rng.getrandbits(62) if start % 2 else (1 << 62) - 1
        pattern = 1 << 63 | inner << 1 | 1
        flips = (pattern << start % 8).to_bytes(9, "little")[: SMALL.block_size - start // 8]
        memory.data[start // 8 :][: len(flips)] ^= np.frombuffer(flips, np.uint8)
        assert memory.heal() == pattern.bit_count(), start
    assert memory.intact()


def test_a_burst_one_bit_longer_than_a_row_is_seen_and_nothing_is_touched() -> None:
    memory = Sealed(SMALL)
    for start in range(0, 8 * SMALL.block_size - 65, 7):
        for place in range(start, start + 65):
            memory.flip(place // 64, place % 64)
        damaged = memory.data.copy()
        with pytest.raises(Uncorrectable):
            memory.heal()
        assert np.array_equal(memory.data, damaged)
        memory.restore()


def test_a_burst_over_the_border_of_two_blocks_is_corrected() -> None:
    geometry = Geometry(64, 4)
    memory = Sealed(geometry, 2 * geometry.block_size)
    for start in range(geometry.block_size - geometry.width + 1, geometry.block_size):
        memory.data[start : start + geometry.width] ^= 0xFF
        assert memory.heal(0) + memory.heal(1) == 8 * geometry.width
    assert memory.intact()


@pytest.mark.parametrize("rows", ROWS)
def test_a_lost_row_is_restored_whichever_it_is(rows: int) -> None:
    geometry = Geometry(rows, 8)
    memory, rng = Sealed(geometry), np.random.default_rng(4)
    both = [memory.data.reshape(-1, geometry.width), memory.checks.reshape(-1, geometry.width)]
    lost = [(part, row) for part in both for row in range(len(part))]
    for number, (part, row) in enumerate(lost):
        kind = number % 3
        part[row] = rng.integers(0, 256, geometry.width) if kind == 0 else 255 * (kind == 1)
        assert memory.heal() > 100
        assert memory.intact(), row


@pytest.mark.parametrize("rows", ROWS)
def test_every_double_in_a_codeword_is_detected_and_none_is_corrected(rows: int) -> None:
    """All pairs of rows; together 573 931 doubles, spread over all codewords of blocks."""
    geometry = Geometry(rows, 1024)
    memory = Sealed(geometry)
    pairs = np.array(list(itertools.combinations(range(rows + geometry.check_rows), 2)))
    pairs = np.random.default_rng(5).permutation(pairs)
    codewords = 64 * geometry.words
    for start in range(0, len(pairs), codewords):
        part = pairs[start : start + codewords]
        flip_all(memory, part, np.arange(len(part)))
        located = memory.code.locate(memory.syndrome())
        assert located.rows.size == 0
        with pytest.raises(Uncorrectable) as caught:
            memory.heal()
        assert all(syndrome.bit_count() % 2 == 0 for syndrome in caught.value.syndromes)
        flip_all(memory, part, np.arange(len(part)))
    assert memory.intact()


def test_the_crc_catches_every_triple_that_looks_like_a_single_flip() -> None:
    memory, rng = Sealed(SMALL, seed=6), random.Random(6)
    miscorrected = 0
    for _ in range(10_000):
        place = rng.randrange(64)
        for row in rng.sample(range(72), 3):
            memory.flip(row, place)
        with pytest.raises(Uncorrectable) as caught:
            memory.heal()
        miscorrected += not caught.value.syndromes  # the code alone saw one flip
        memory.restore()
    assert miscorrected > 3000


def flip_all(memory: Sealed, rows: np.ndarray, bits: np.ndarray) -> None:
    """In codeword ``bits[i]`` flip all of ``rows[i]``."""
    geometry = memory.geometry
    octets = rows * geometry.width + (bits // 8)[:, None]
    masks = np.broadcast_to((1 << bits % 8).astype(np.uint8)[:, None], rows.shape)
    of_data = rows < geometry.rows
    np.bitwise_xor.at(memory.data, octets[of_data], masks[of_data])
    checks = octets[~of_data] - geometry.block_size
    np.bitwise_xor.at(memory.checks, checks, masks[~of_data])


@pytest.mark.parametrize(
    ("rows", "words", "field"),
    [(65, 1, "rows = 65"), (0, 1, "rows = 0"), (64, 3, "words = 3"), (64, 0, "words = 0"),
     (64, -2, "words = -2"), (64, 8192, "words = 8192")],
)  # fmt: skip
def test_a_geometry_that_cannot_be_is_refused_by_field(rows: int, words: int, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Geometry(rows, words)


def test_columns_of_the_check_matrix_keep_a_distance_of_four() -> None:
    for rows in ROWS:
        found = columns(rows)
        assert len(set(found)) == len(found)
        assert all(column.bit_count() % 2 for column in found)
        singles = set(found)
        sample = random.Random(7).sample(found, 60)
        assert not any(a ^ b in singles for a, b in itertools.combinations(sample, 2))


def test_a_matrix_with_equal_columns_is_refused() -> None:
    """Row 1 of two would take the vector that row 0 has."""
    with pytest.raises(ValueError, match="rows = 2"):
        columns(2)


@pytest.mark.parametrize(
    ("size", "words"), [(1, 1), (512, 1), (513, 2), (40_000, 128), (1 << 30, 1024)]
)
def test_a_fitting_geometry_is_no_wider_than_needed(size: int, words: int) -> None:
    assert Geometry.fitting(size) == Geometry(64, words)
