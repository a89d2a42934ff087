"""The model that ships, installed once per run of the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flight.inference.install import Installed, install, probe_tile
from flight.inference.manifest import Manifest, load_model

CONFIGS = Path(__file__).parents[2] / "configs"
FOLDER = CONFIGS / "models" / "cloudnet-rgb"


@pytest.fixture(scope="session")
def folder() -> Path:
    return FOLDER


@pytest.fixture(scope="session")
def shipped() -> tuple[Manifest, bytes]:
    return load_model(FOLDER)


@pytest.fixture(scope="session")
def manifest(shipped: tuple[Manifest, bytes]) -> Manifest:
    return shipped[0]


@pytest.fixture(scope="session")
def probe(manifest: Manifest) -> NDArray[np.uint8]:
    return probe_tile(manifest.input)


@pytest.fixture(scope="session")
def installed(shipped: tuple[Manifest, bytes], probe: NDArray[np.uint8]) -> Installed:
    return install(*shipped, probe, "test-processor")


@pytest.fixture(scope="session")
def scene() -> NDArray[np.uint8]:
    with np.load(CONFIGS / "payload" / "bahamas.npz") as arrays:
        rgb: NDArray[np.uint8] = arrays["rgb"]
    rgb.flags.writeable = False
    return rgb


@pytest.fixture(scope="session")
def tile(scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A tile with land, sea and cumulus."""
    return np.ascontiguousarray(scene[None, 200:456, 180:436])
