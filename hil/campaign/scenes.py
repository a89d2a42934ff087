"""Small scenes for campaigns, cut from the payload that ships: a task on one takes about 0.1 s."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flight.config import default_path

Scenes = Mapping[str, NDArray[np.uint8]]
SOURCE = "bahamas"
HEIGHT, WIDTH = 400, 300  # pixels; six tiles of the cloud mask
ORIGINS = {"crop-a": (60, 100), "crop-b": (300, 420)}  # row, column in the source


def crops() -> dict[str, NDArray[np.uint8]]:
    """The small scenes by name, uint8 [400,300,3]."""
    with np.load(default_path().parent / "payload" / f"{SOURCE}.npz") as archive:
        picture = archive["rgb"]
    return {
        name: np.ascontiguousarray(picture[row : row + HEIGHT, column : column + WIDTH])
        for name, (row, column) in ORIGINS.items()
    }


def write(scenes: Scenes, folder: Path) -> None:
    """Put scenes into a payload folder. Compressed, so that no file holds a copy of the pixels."""
    for name, pixels in scenes.items():
        np.savez_compressed(folder / f"{name}.npz", rgb=pixels)
