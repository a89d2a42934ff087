"""The payload that ships is what its papers say, and a damaged scene file is refused."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flight.dictionary.enums import Reason
from flight.executor.scene import parse_scene, read_scene
from flight.executor.task import InputError
from flight.inference.manifest import Manifest

FLIPS = 200


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_papers_name_the_files_that_are_there(
    payload: Path, model_folder: Path, scene: NDArray[np.uint8], manifest: Manifest
) -> None:
    paper = (payload.parent / "PROVENANCE.md").read_text()
    assert sha(payload.read_bytes()) in paper
    assert sha(scene.tobytes()) in paper
    assert sha(scene.tobytes()) == manifest.golden.scene_sha256
    assert payload.stem == manifest.golden.scene
    assert (model_folder / manifest.provenance).exists()


def test_the_expected_mask_is_the_golden_mask(
    expected: NDArray[np.uint8], scene: NDArray[np.uint8], manifest: Manifest
) -> None:
    assert sha(expected.tobytes()) == manifest.golden.mask_sha256
    assert expected.shape == scene.shape[:2]
    assert set(np.unique(expected).tolist()) == {0, 1, manifest.nodata}


def test_accuracy_is_held_out_and_agrees_with_the_paper(
    model_folder: Path, manifest: Manifest
) -> None:
    paper = (model_folder / manifest.provenance).read_text()
    for name, rendering in manifest.accuracy.renderings.items():
        (row,) = [line for line in paper.splitlines() if line.startswith(f"| `{name}`")]
        cells = [cell.strip(" *").split(" / ") for cell in row.split("|")[2:-1]]
        scores = [rendering.held_out[s] for s in ("sentinel2", "landsat5", "landsat7")]
        figures = [(s.acc, s.kappa, s.iou_cloud) for s in scores]
        figures += [(rendering.mean_acc, rendering.mean_kappa)]
        figures += [(rendering.rule_mean_acc, rendering.rule_mean_kappa)]
        for cell, figure in zip(cells, figures, strict=True):
            digits = [float(text) for text in cell]
            steps = [0.0006, 0.0006, 0.006]
            assert all(abs(a - b) < s for a, b, s in zip(digits, figure, steps, strict=False))
        mean = sum(s.acc for s in scores) / len(scores)
        assert abs(mean - rendering.mean_acc) < 1e-4


def test_every_bit_flip_in_a_scene_file_is_refused(payload: Path, tmp_path: Path) -> None:
    data, file = payload.read_bytes(), tmp_path / "scene.npz"
    rng, missed = random.Random(4), 0
    for _ in range(FLIPS):
        bit = rng.randrange(8 * len(data))
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        file.write_bytes(damaged)
        try:
            read_scene(file, sha(data))
            missed += 1
        except InputError as error:
            missed += error.reason is not Reason.CORRUPT
    assert missed == 0, f"{missed} of {FLIPS} flipped scene files passed"


def test_truncated_and_foreign_scene_files_give_a_typed_reason(payload: Path) -> None:
    data = payload.read_bytes()
    for bad in (b"", b"PK", data[:-1], data[: len(data) // 2], bytes(4096) + data[4096:]):
        with pytest.raises(InputError) as caught:
            parse_scene("scene", bad)
        assert caught.value.reason is Reason.CORRUPT
