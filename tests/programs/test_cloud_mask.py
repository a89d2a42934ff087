"""The cloud mask program: the golden mask, purity of its steps, and resumption."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flight.inference.guard import GuardedModel
from flight.inference.manifest import Manifest
from flight.programs.cloud_mask import HALO, MODEL, TILE, CloudMask
from flight.programs.tiling import NODATA

Mask = NDArray[np.uint8]


class Inputs:
    """A scene and one model."""

    def __init__(self, scene: Any, model: Any) -> None:
        self.scene = scene
        self._model = model

    def model(self, name: str) -> Any:
        assert name == MODEL
        return self._model


class Red:
    """Stands for the model: the parity of the red band."""

    def run(self, tiles: Mask) -> Mask:
        return tiles[..., 0] & 1


def run(program: CloudMask, state: dict[str, Any] | None = None) -> Mask:
    state = state or program.start()
    while not program.done(state):
        state = program.step(state)
    return program.result(state)


def digest(state: dict[str, Any]) -> bytes:
    return hashlib.sha256(repr(state["tile"]).encode() + state["mask"].tobytes()).digest()


def test_the_golden_mask_of_the_demonstration_scene(
    scene: Mask, model: GuardedModel, manifest: Manifest, expected: Mask
) -> None:
    mask = run(CloudMask(Inputs(scene, model)))
    golden = manifest.golden
    found = hashlib.sha256(mask.tobytes()).hexdigest()
    differ = int((mask != expected).sum())
    assert mask.dtype == np.uint8
    assert mask.flags.c_contiguous
    assert (found == golden.mask_sha256) == (differ == 0)
    assert differ <= golden.tolerance * expected.size, f"{differ} of {expected.size} pixels differ"
    assert np.array_equal(mask == NODATA, (scene == 0).all(-1))


def test_the_program_uses_the_tiling_and_nodata_of_the_manifest(manifest: Manifest) -> None:
    assert (manifest.tile, manifest.halo, manifest.nodata) == (TILE, HALO, NODATA)
    assert manifest.name == MODEL


def test_a_step_does_not_change_its_argument_and_repeats(scene: Mask) -> None:
    program = CloudMask(Inputs(scene, Red()))
    state = program.start()
    for count in range(program.steps()):
        assert not program.done(state), count
        state["mask"].flags.writeable = False
        before = digest(state)
        after = program.step(state)
        assert digest(state) == before, "the argument changed"
        assert digest(program.step(state)) == digest(after), "the step does not repeat"
        assert after["tile"] == count + 1
        state = after
    assert program.done(state)
    with pytest.raises(IndexError):
        program.step(state)


def test_a_run_resumed_after_any_step_gives_the_same_result(scene: Mask) -> None:
    program = CloudMask(Inputs(scene, Red()))
    right = run(program)
    state = program.start()
    while not program.done(state):
        state = program.step(state)
        copy = {"tile": int(state["tile"]), "mask": np.array(state["mask"].tolist(), np.uint8)}
        resumed = CloudMask(Inputs(scene.copy(), Red()))
        assert np.array_equal(run(resumed, copy), right)


def test_the_result_is_the_parity_with_nodata(scene: Mask) -> None:
    mask = run(CloudMask(Inputs(scene, Red())))
    valid = (scene != 0).any(-1)
    assert np.array_equal(mask[valid], scene[valid][:, 0] & 1)
    assert (mask[~valid] == NODATA).all()


@pytest.mark.parametrize("size", [(1, 1), (192, 192), (193, 1), (5, 600)])
def test_scenes_of_any_size(size: tuple[int, int]) -> None:
    scene = np.random.default_rng(1).integers(1, 256, (*size, 3), np.uint8)
    program = CloudMask(Inputs(scene, Red()))
    assert program.steps() == -(-size[0] // 192) * -(-size[1] // 192)
    assert np.array_equal(run(program), scene[..., 0] & 1)


@pytest.mark.parametrize(
    "scene",
    [
        np.zeros((10, 10, 3), np.float32),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_what_is_no_scene_is_refused(scene: Any) -> None:
    with pytest.raises(ValueError, match=r"not uint8 \[H,W,3\]"):
        CloudMask(Inputs(scene, Red()))
