"""The golden copy under ECC: what scrubbing saves, what it cannot, and life without the copy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from golden_memory import Golden, Still, flip
from numpy.typing import NDArray

from flight.inference.errors import Fault, GoldenDamaged, InferenceError, ModelDamaged
from flight.inference.golden import golden_octets, region_name
from flight.inference.guard import GuardedModel
from flight.inference.install import Installed
from flight.inference.pool import BLOCK, WeightPool
from flight.radiation.layout import parse
from flight.radiation.period import Depth
from flight.radiation.secded import Geometry

MODEL = "cloudnet-rgb"
TILE = np.zeros((1, 2, 2, 3), np.uint8)


@pytest.fixture
def golden(installed: Installed) -> Golden:
    return Golden(installed.compiled)


@pytest.fixture
def replica(golden: Golden) -> Callable[..., GuardedModel]:
    """Opens the model on a session that computes nothing; ``file=False`` when it cannot be read."""

    def open_replica(file: bool = True) -> GuardedModel:
        pool = golden.compiled.pool

        def reload() -> bytes:
            if not file:
                raise InferenceError(Fault.COMPILED_CORRUPT, "no file")
            return pool

        read = partial(golden_octets, MODEL, len(pool), golden.shelf.view)
        return GuardedModel(Still(), WeightPool("live", pool), read, reload)

    return open_replica


def hit_and_run(model: GuardedModel, golden: Golden, bit: int = 0) -> tuple[int, int]:
    """Flip a live bit and use the model; blocks corrected and reloads."""
    before = model.corrected, model.reloads
    flip(model._live, bit)
    model.run(TILE)
    assert model._live.octets.tobytes() == golden.compiled.pool
    return model.corrected - before[0], model.reloads - before[1]


def test_a_replica_repairs_from_the_region_alone(
    golden: Golden, replica: Callable[..., GuardedModel]
) -> None:
    model = replica(file=False)
    for bit in range(0, 8 * len(golden.compiled.pool), 8 * BLOCK):
        assert hit_and_run(model, golden, bit) == (1, 0)


def one_flip_per_codeword(golden: Golden, seed: int = 4) -> int:
    """Hit every codeword of the first block once, each in a row of its own; the flips."""
    geometry: Geometry = parse(golden.memory).geometry
    rng = np.random.default_rng(seed)
    start = parse(golden.memory).data.start
    flat = np.frombuffer(golden.memory, np.uint8)[start : start + geometry.block_size]
    block: NDArray[np.uint8] = flat.reshape(geometry.rows, geometry.width)
    for column in range(geometry.width):
        for bit in range(8):
            block[rng.integers(geometry.rows), column] ^= np.uint8(1 << bit)
    return 8 * geometry.width


def test_one_flip_in_every_codeword_is_taken_back_by_the_scrubber(
    golden: Golden, replica: Callable[..., GuardedModel]
) -> None:
    """Without the scrub, the same flips leave a replica nothing to repair from."""
    model, poor = replica(file=False), replica(file=False)
    flips = one_flip_per_codeword(golden)
    with pytest.raises(ModelDamaged, match="golden blocks"):
        hit_and_run(poor, golden)
    found = golden.scrub(Depth.LIGHT)
    assert (found.corrected, found.uncorrectable) == (flips, ())
    assert golden.data() == golden.compiled.pool
    assert hit_and_run(model, golden) == (1, 0)


def test_a_flip_that_was_not_scrubbed_yet_costs_a_reload(
    golden: Golden, replica: Callable[..., GuardedModel]
) -> None:
    golden.flip(5)
    model = replica()
    assert hit_and_run(model, golden, 8 * BLOCK) == (1, 0), "another block is still good"
    assert hit_and_run(model, golden) == (1, 1)
    golden.scrub()
    assert hit_and_run(model, golden) == (1, 0)


def test_what_cannot_be_corrected_is_quarantined_and_made_anew(
    golden: Golden, replica: Callable[..., GuardedModel]
) -> None:
    model = replica()
    golden.spoil()
    assert not golden.copies.lost(MODEL), "nobody has looked yet"
    assert golden.scrub().uncorrectable == (0,)
    assert golden.copies.lost(MODEL)
    assert hit_and_run(model, golden) == (1, 1)
    before = golden.shelf.regions[region_name(MODEL)]
    golden.copies.keep(golden.compiled)
    assert golden.shelf.regions[region_name(MODEL)] is not before
    assert not golden.copies.lost(MODEL)
    assert hit_and_run(model, golden) == (1, 0), "the replica finds the new one"


def test_without_a_region_the_file_is_read(
    golden: Golden, replica: Callable[..., GuardedModel]
) -> None:
    model = replica()
    golden.copies.release(MODEL)
    golden.copies.release(MODEL)
    assert golden.copies.lost(MODEL)
    assert golden.shelf.regions == {}
    assert hit_and_run(model, golden) == (1, 1)
    with pytest.raises(ModelDamaged, match=r"cannot be mapped.*reload failed"):
        hit_and_run(replica(file=False), golden)


def test_a_region_of_another_model_is_never_copied(golden: Golden) -> None:
    size = len(golden.compiled.pool)
    with pytest.raises(GoldenDamaged, match="holds another model"):
        golden_octets(MODEL, size - 4096, golden.shelf.view)
    with pytest.raises(GoldenDamaged, match="cannot be mapped"):
        golden_octets("other", size, golden.shelf.view)
    other = WeightPool("live", bytes(size))
    other.octets[0] = 1
    with pytest.raises(GoldenDamaged, match="do not verify"):
        other.repair(other.verify(), golden_octets(MODEL, size, golden.shelf.view))
    assert other.octets[0] == 1


def test_a_replica_cannot_write_into_the_golden_copy(golden: Golden) -> None:
    octets = golden_octets(MODEL, len(golden.compiled.pool), golden.shelf.view)
    assert octets.readonly
    assert bytes(octets) == golden.compiled.pool


def test_a_region_that_was_replaced_stays_readable_where_it_is_mapped(golden: Golden) -> None:
    octets = golden_octets(MODEL, len(golden.compiled.pool), golden.shelf.view)
    golden.copies.keep(golden.compiled)
    assert bytes(octets) == golden.compiled.pool
