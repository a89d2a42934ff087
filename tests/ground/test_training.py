"""The training code against the script that trained the model which ships.

The script and the labelled scenes are not part of the repository; torch is the extra ``train``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ground.training.metrics import metrics
from ground.training.scenes import read_scene, renderings, to_8bit

ROOT = Path(__file__).parents[2]
ORIGINAL = ROOT.parent / "shared" / "cloudnet"
STEPS = 3
SAMPLES = 200


@pytest.fixture(scope="module")
def data() -> Path:
    if not (ORIGINAL / "scenes.npz").exists():
        pytest.skip("the labelled scenes are not part of the repository")
    return ORIGINAL


@pytest.fixture(scope="module")
def original(data: Path) -> ModuleType:
    pytest.importorskip("torch", reason="torch is not installed (extra 'train')")
    spec = importlib.util.spec_from_file_location("original_train", data / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digest(arrays: tuple[Any, ...]) -> str:
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def test_samples_are_byte_identical_to_the_original_script(
    original: ModuleType, data: Path
) -> None:
    from ground.training import augment, scenes

    ours = list(scenes.load_scenes(data).values())
    with np.load(data / "scenes.npz") as arrays:
        theirs = [original.Scene(arrays, name) for name in original.SCENES]
    a, b = np.random.default_rng(11), np.random.default_rng(11)
    for n in range(SAMPLES):
        assert digest(augment.sample(a, ours)) == digest(original.sample(b, theirs)), n
    assert a.random() == b.random(), "the generators must have drawn equally often"


def test_batches_are_byte_identical_to_the_original_script(
    original: ModuleType, data: Path
) -> None:
    from ground.training import augment, scenes

    ours = list(scenes.load_scenes(data).values())[:2]
    with np.load(data / "scenes.npz") as arrays:
        theirs = [original.Scene(arrays, name) for name in original.SCENES[:2]]
    a = augment.batch(np.random.default_rng(5), ours)
    b = original.batch(np.random.default_rng(5), theirs)
    assert digest(tuple(t.numpy() for t in a)) == digest(tuple(t.numpy() for t in b))


def test_a_short_run_gives_the_same_model_and_scores(
    original: ModuleType, data: Path, tmp_path: Path
) -> None:
    import torch

    from ground.training import train

    torch.set_num_threads(1)
    (tmp_path / "theirs").mkdir()
    argv = ["--data", str(data), "--out", str(tmp_path / "ours"), "--seed", "4"]
    argv += ["--steps", str(STEPS), "--runs", "landsat5"]
    assert train.main(argv) == 0
    original.train("landsat5", data, tmp_path / "theirs", 4, STEPS)
    name = "cloudnet_rgb_landsat5.onnx"
    model = (tmp_path / "ours" / name).read_bytes()
    assert model == (tmp_path / "theirs" / name).read_bytes()
    ours = json.loads((tmp_path / "ours" / "report_landsat5.json").read_text())
    theirs = json.loads((tmp_path / "theirs" / "report_landsat5.json").read_text())
    for field in ("held_out", "seed", "steps", "parameters", "onnx_sha256", "scores"):
        assert ours[field] == theirs[field], field
    assert ours["roles"]["landsat5"] == "held out"
    assert ours["roles"]["landsat7"] == "training"


def test_the_int8_form_is_the_one_that_was_measured(
    original: ModuleType, data: Path, tmp_path: Path
) -> None:
    del original  # asks for torch
    from ground.training.quantize import quantize
    from ground.training.scenes import load_scenes

    out = tmp_path / "int8.onnx"
    quantize(data / "cloudnet_rgb_fp32.onnx", out, load_scenes(data).values())
    assert out.read_bytes() == (data / "cloudnet_rgb_int8.onnx").read_bytes()


def test_a_scene_keeps_shadow_as_clear_and_derives_its_reflectances(data: Path) -> None:
    with np.load(data / "scenes.npz") as arrays:
        scene = read_scene(arrays, "landsat7")
        label, rgb = arrays["landsat7_label"], arrays["landsat7_rgb"]
    assert np.allclose(scene.soft.sum(0), 1)
    assert float(scene.alpha.min()) >= 0
    assert float(scene.alpha.max()) <= 1
    expected = np.percentile(rgb[:, label == 1] / 1e4, 50, axis=1)
    assert np.allclose(scene.cloud50, expected, atol=1e-6)
    assert list(renderings(scene)) == ["pct_1_99", "hard", "common_white", "refl_0_1"]


def test_rendering_maps_black_to_0_and_white_to_255_and_clips() -> None:
    rgb = np.array([0.05, 0.1, 0.35, 0.5, 0.9]).reshape(1, 1, 5).repeat(3, axis=0)
    picture = to_8bit(rgb, [0.1] * 3, [0.5] * 3)
    assert picture[0, 0].tolist() == [0, 0, 159, 255, 255]


def test_metrics_agree_with_hand_counts() -> None:
    label = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], bool)
    mask = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 0], bool)
    found = metrics(label, mask)
    assert found["acc"] == 0.8
    assert found["iou"] == [round(5 / 7, 4), 0.6]
    assert found["kappa"] == round((0.8 - 0.52) / 0.48, 4)
