"""The weight pool: upsets are located by block and repaired from a copy that verifies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.inference.compiled import TensorSpec
from flight.inference.errors import GoldenDamaged
from flight.inference.pool import BLOCK, WeightPool

SIZE = 4 * BLOCK + 1000
CONTENT = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8).tobytes()
POOL = WeightPool("pool", CONTENT)

bits = st.sets(st.integers(0, 8 * SIZE - 1), max_size=12)


def hit(positions: set[int]) -> None:
    for bit in positions:
        POOL.octets[bit >> 3] ^= np.uint8(1 << (bit & 7))


def golden(positions: set[int]) -> memoryview:
    """The golden copy, with these bits flipped."""
    octets = bytearray(CONTENT)
    for bit in positions:
        octets[bit >> 3] ^= 1 << (bit & 7)
    return memoryview(octets).toreadonly()


def blocks(positions: set[int]) -> set[int]:
    return {bit // (8 * BLOCK) for bit in positions}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    POOL.restore(CONTENT)


@settings(deadline=None, max_examples=60)
@given(bits)
def test_upsets_are_found_in_their_blocks_and_repaired(positions: set[int]) -> None:
    POOL.restore(CONTENT)
    hit(positions)
    assert POOL.verify() == sorted(blocks(positions))
    POOL.repair(POOL.verify(), golden(set()))
    assert POOL.octets.tobytes() == CONTENT
    assert POOL.verify() == []


@settings(deadline=None, max_examples=60)
@given(bits, bits)
def test_a_block_lost_in_both_is_never_copied(live: set[int], copy: set[int]) -> None:
    POOL.restore(CONTENT)
    hit(live)
    before = POOL.octets.tobytes()
    if blocks(live) & blocks(copy):
        with pytest.raises(GoldenDamaged):
            POOL.repair(POOL.verify(), golden(copy))
        assert POOL.octets.tobytes() == before, "nothing is copied when one block is lost"
    else:
        POOL.repair(POOL.verify(), golden(copy))
        assert POOL.octets.tobytes() == CONTENT


@pytest.mark.parametrize("length", [2, 4, 64, 4096, BLOCK])
def test_bursts_and_zeroed_areas_are_found(length: int) -> None:
    missed = 0
    for start in range(0, SIZE - length, 9973):
        POOL.octets[start : start + length] ^= np.uint8(0xFF)
        missed += not POOL.verify()
        POOL.octets[start : start + length] ^= np.uint8(0xFF)
    assert missed == 0, f"{missed} bursts of {length} octets missed"
    POOL.octets[:length] = 0
    assert POOL.verify() == [0]


def test_a_crc_that_was_hit_is_no_reason_to_trust_a_copy() -> None:
    POOL._crcs[2] ^= 1 << 13
    assert POOL.verify() == [2]
    with pytest.raises(GoldenDamaged, match=r"pool: golden blocks \[2\] do not verify"):
        POOL.repair([2], golden(set()))
    POOL.restore(CONTENT)
    assert POOL.verify() == []


def test_the_pool_is_named_in_the_process_map_and_page_aligned() -> None:
    pool = WeightPool("tardigrade-weights-named", CONTENT)
    line = next(
        line
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "tardigrade-weights-named" in line
    )
    start, end = (int(edge, 16) for edge in line.split()[0].split("-"))
    assert start == pool.octets.ctypes.data
    assert start + SIZE <= end
    assert line.split()[1].startswith("rw")


def test_the_memory_goes_with_the_pool_and_views_keep_it() -> None:
    pool = WeightPool("tardigrade-weights-brief", CONTENT)
    view = pool.view(TensorSpec("w", "<f4", (4, 4), 64))
    assert view.tobytes() == CONTENT[64:128]
    del pool
    maps = Path("/proc/self/maps")
    assert "tardigrade-weights-brief" in maps.read_text()
    del view
    assert "tardigrade-weights-brief" not in maps.read_text()


def test_a_forked_child_does_not_share_the_weights() -> None:
    pool = WeightPool("tardigrade-weights-alone", CONTENT)
    child = os.fork()
    if child == 0:
        inherited = b"tardigrade-weights-alone" in Path("/proc/self/maps").read_bytes()
        os._exit(1 if inherited else 0)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.verify() == []


def test_content_of_another_size_is_refused() -> None:
    for data in (b"", b"\0", CONTENT[:-1], CONTENT + b"\0"):
        with pytest.raises(ValueError, match=f"for a pool of {SIZE}"):
            POOL.restore(data)
    assert POOL.verify() == []
