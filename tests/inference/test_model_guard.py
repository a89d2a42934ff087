"""The guard: what upsets do without it, and that no mask of damaged weights leaves with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from golden_memory import Golden, Shelf
from numpy.typing import NDArray

from flight.inference.compiled import COMPILED_FILE, encode_compiled
from flight.inference.errors import (
    Fault,
    InferenceError,
    InputRefused,
    ModelDamaged,
)
from flight.inference.golden import golden_octets
from flight.inference.guard import MAX_RERUNS, GuardedModel, guarded, open_model
from flight.inference.install import Installed
from flight.inference.pool import BLOCK, WeightPool
from flight.inference.session import Session, open_on_pool

MODEL = "cloudnet-rgb"
WORST_BITS = 40
UPSETS = 100
CONTENT = bytes(range(256)) * 512  # two blocks
Mask = NDArray[np.uint8]


def flip(octets: NDArray[np.uint8], bit: int) -> None:
    octets[bit >> 3] ^= np.uint8(1 << (bit & 7))


def exponent_bit(rng: random.Random, installed: Installed) -> int:
    """Most significant exponent bit of a random weight."""
    spec = rng.choice(installed.compiled.tensors)
    return 8 * (spec.offset + 4 * rng.randrange(spec.size // 4)) + 30


def test_guard_off_upsets_change_masks_guard_on_none_does(installed: Installed, tile: Mask) -> None:
    compiled = installed.compiled
    pool = WeightPool("bare", compiled.pool)
    bare = open_on_pool(compiled, pool)
    model = guarded(compiled, lambda: memoryview(compiled.pool), lambda: compiled.pool)
    right = bare.run(tile)
    rng = random.Random(7)
    damaged = escaped = 0
    for _ in range(WORST_BITS):
        bit = exponent_bit(rng, installed)
        flip(pool.octets, bit)
        damaged += not np.array_equal(bare.run(tile), right)
        flip(pool.octets, bit)
        flip(model._live.octets, bit)
        escaped += not np.array_equal(model.run(tile), right)
    assert damaged > WORST_BITS // 4, f"guard off: only {damaged} of {WORST_BITS} masks changed"
    assert escaped == 0, f"guard on: {escaped} of {WORST_BITS} masks changed"
    assert (model.corrected, model.reruns, model.reloads) == (WORST_BITS, WORST_BITS, 0)


def test_upsets_anywhere_in_the_guarded_state_leave_masks_unchanged(
    installed: Installed, tile: Mask
) -> None:
    """Live weights, the whole golden region and the CRC table, one to four bits at a time."""
    golden = Golden(installed.compiled)
    read = partial(golden_octets, MODEL, len(installed.compiled.pool), golden.shelf.view)
    model = guarded(installed.compiled, read, lambda: installed.compiled.pool)
    right = model.run(tile)
    region = np.frombuffer(golden.memory, np.uint8)
    memories = [model._live.octets, region, model._live._crcs.view(np.uint8)]
    rng, escaped, hits = random.Random(8), 0, 0
    for _ in range(UPSETS):
        memory = rng.choices(memories, [8, 8, 2])[0]
        for _ in range(rng.randrange(1, 5)):
            flip(memory, rng.randrange(8 * memory.size))
            hits += 1
        escaped += not np.array_equal(model.run(tile), right)
    bound = f"0 of {UPSETS} would mean less than {3 / UPSETS:.1%} at 95 % confidence"
    assert escaped == 0, f"{escaped} of {UPSETS} masks changed ({hits} bits); {bound}"
    assert model.corrected > 0
    assert model.reloads > 0, "some upsets met a golden copy that was damaged before"


def test_an_upset_during_the_run_voids_it(installed: Installed, tile: Mask) -> None:
    compiled = installed.compiled
    live = WeightPool("live", compiled.pool)
    session = open_on_pool(compiled, live)
    right = session.run(tile)

    class Struck(Runner):
        def run(self, tiles: Mask) -> Mask:
            self.runs += 1
            if self.runs == 1:
                live.octets[: BLOCK // 2] ^= np.uint8(0x40)
            return session.run(tiles)

    struck = Struck()
    model = GuardedModel(struck, live, lambda: memoryview(compiled.pool), lambda: b"")
    assert np.array_equal(model.run(tile), right)
    assert (struck.runs, model.corrected, model.reruns) == (2, 1, 1)


class Runner(Session):
    """Stands for a session; counts runs, strikes the pool or fails as told."""

    def __init__(self, each: Callable[[], None] = lambda: None) -> None:
        self.runs = 0
        self.each = each

    def run(self, tiles: Mask) -> Mask:
        self.runs += 1
        self.each()
        return tiles[..., 0]


def fake(
    each: Callable[[], None] = lambda: None, reload: Callable[[], bytes] = lambda: CONTENT
) -> tuple[GuardedModel, Runner, WeightPool, bytearray]:
    live, golden = WeightPool("live", CONTENT), bytearray(CONTENT)
    runner = Runner(each)
    return GuardedModel(runner, live, lambda: memoryview(golden), reload), runner, live, golden


TILE = np.zeros((1, 2, 2, 3), np.uint8)


def test_weights_that_are_struck_in_every_run_end_in_a_typed_error() -> None:
    model, runner, live, _ = fake()
    runner.each = lambda: flip(live.octets, runner.runs)
    with pytest.raises(ModelDamaged, match="damaged in each of 4 runs") as caught:
        model.run(TILE)
    assert caught.value.fault is Fault.MODEL_DAMAGED
    assert runner.runs == 1 + MAX_RERUNS
    assert (model.reruns, model.corrected) == (MAX_RERUNS, 1 + MAX_RERUNS)
    assert live.verify() == []


def failing(fault: Fault) -> Callable[[], None]:
    def fail() -> None:
        raise InferenceError(fault, "as told")

    return fail


def test_a_failure_on_sound_weights_is_passed_on_at_once() -> None:
    model, runner, _, _ = fake(failing(Fault.OUTPUT_RANGE))
    with pytest.raises(InferenceError, match="OUTPUT_RANGE"):
        model.run(TILE)
    assert runner.runs == 1


def test_a_failure_on_damaged_weights_is_repaired_and_run_again() -> None:
    model, runner, live, _ = fake()

    def strike() -> None:
        if runner.runs == 1:
            flip(live.octets, 5)
            failing(Fault.RUN_FAILED)()

    runner.each = strike
    assert model.run(TILE).shape == (1, 2, 2)
    assert (runner.runs, model.corrected) == (2, 1)


def test_refused_input_costs_no_run_and_no_check(installed: Installed) -> None:
    pool = installed.compiled.pool
    model = guarded(installed.compiled, lambda: memoryview(pool), lambda: pool)
    flip(model._live.octets, 0)
    with pytest.raises(InputRefused):
        model.run(TILE)
    assert model._live.verify() == [0], "the weights were not looked at"


def test_for_a_damaged_golden_copy_the_file_is_read() -> None:
    model, _, live, golden = fake()
    flip(live.octets, 8 * BLOCK + 3)
    golden[BLOCK + 1] ^= 2
    model.run(TILE)
    assert (model.corrected, model.reruns, model.reloads) == (1, 1, 1)
    assert live.octets.tobytes() == CONTENT


def test_without_the_file_a_damaged_golden_copy_ends_in_a_typed_error() -> None:
    def gone() -> bytes:
        raise InferenceError(Fault.COMPILED_CORRUPT, "SHA-256 differs")

    for reload in (gone, lambda: CONTENT[:-1]):
        model, runner, live, golden = fake(reload=reload)
        flip(live.octets, 3)
        golden[0] ^= 16
        with pytest.raises(ModelDamaged, match=r"golden blocks \[0\] do not verify; reload failed"):
            model.run(TILE)
        assert runner.runs == 1, "no second run on weights that are known to be damaged"


@pytest.fixture
def folder_of(tmp_path: Path, installed: Installed) -> Path:
    (tmp_path / COMPILED_FILE).write_bytes(encode_compiled(installed.compiled))
    return tmp_path


def test_open_model_reloads_from_its_file(folder_of: Path, tile: Mask) -> None:
    model = open_model(MODEL, str(folder_of), Shelf().view)
    right = model.run(tile)
    flip(model._live.octets, 30)
    assert np.array_equal(model.run(tile), right)
    assert model.reloads == 1


def test_a_file_that_changed_since_is_not_reloaded(
    folder_of: Path, installed: Installed, tile: Mask
) -> None:
    def struck() -> GuardedModel:
        model = open_model(MODEL, str(folder_of), Shelf().view)
        flip(model._live.octets, 30)
        return model

    file = folder_of / COMPILED_FILE
    data, first, second, third = file.read_bytes(), struck(), struck(), struck()
    file.write_bytes(encode_compiled(msgspec.structs.replace(installed.compiled, key="other")))
    with pytest.raises(ModelDamaged, match="holds another model now"):
        first.run(tile)
    file.write_bytes(data[:-1])
    with pytest.raises(ModelDamaged, match="SHA-256 differs"):
        second.run(tile)
    file.unlink()
    with pytest.raises(ModelDamaged, match="No such file"):
        third.run(tile)


def test_open_model_refuses_a_folder_of_another_model(folder_of: Path) -> None:
    with pytest.raises(InferenceError, match="holds cloudnet-rgb, not other"):
        open_model("other", str(folder_of), Shelf().view)
    with pytest.raises(InferenceError, match="No such file"):
        open_model(MODEL, str(folder_of / "none"), Shelf().view)
