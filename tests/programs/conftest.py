"""The scene and the model that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flight.inference.guard import GuardedModel, guarded
from flight.inference.install import install, probe_tile
from flight.inference.manifest import Manifest, load_model

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="session")
def payload() -> Path:
    return CONFIGS / "payload" / "bahamas.npz"


@pytest.fixture(scope="session")
def model_folder() -> Path:
    return CONFIGS / "models" / "cloudnet-rgb"


@pytest.fixture(scope="session")
def scene(payload: Path) -> NDArray[np.uint8]:
    with np.load(payload) as arrays:
        rgb: NDArray[np.uint8] = arrays["rgb"]
    rgb.flags.writeable = False
    return rgb


@pytest.fixture(scope="session")
def manifest(model_folder: Path) -> Manifest:
    return load_model(model_folder)[0]


@pytest.fixture(scope="session")
def model(model_folder: Path) -> GuardedModel:
    manifest, data = load_model(model_folder)
    compiled = install(manifest, data, probe_tile(manifest.input), "test").compiled
    return guarded(compiled, lambda: memoryview(compiled.pool), lambda: compiled.pool)


@pytest.fixture(scope="session")
def expected(model_folder: Path, manifest: Manifest) -> NDArray[np.uint8]:
    with np.load(model_folder / manifest.golden.mask_file) as arrays:
        mask: NDArray[np.uint8] = arrays["mask"]
    return mask
