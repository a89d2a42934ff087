"""Scenes for campaigns, made of the payload that ships: a task on a small one takes about 0.1 s."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flight.config import default_path

Scenes = Mapping[str, NDArray[np.uint8]]
SOURCE = "bahamas"
HEIGHT, WIDTH = 400, 300  # pixels; six tiles of the cloud mask
LARGE = 2400  # pixels a side: 17 MB, which replicas share instead of having a copy each
ORIGINS = {"crop-a": (60, 100), "crop-b": (300, 420)}  # row, column in the source


def scenes_for(target: str) -> Scenes:
    """The scenes on which upsets of this target are flown."""
    return large() if target == "shared" else crops()


def _picture() -> NDArray[np.uint8]:
    with np.load(default_path().parent / "payload" / f"{SOURCE}.npz") as archive:
        picture: NDArray[np.uint8] = archive["rgb"]
    return picture


def large() -> Scenes:
    """The source repeated, and the same moved by a few pixels, uint8 [2400,2400,3]."""
    picture = np.tile(_picture(), (4, 4, 1))
    return {
        f"large-{name}": np.ascontiguousarray(picture[shift : shift + LARGE, shift : shift + LARGE])
        for name, shift in (("a", 0), ("b", 37))
    }


def crops() -> dict[str, NDArray[np.uint8]]:
    """The small scenes by name, uint8 [400,300,3]."""
    picture = _picture()
    return {
        name: np.ascontiguousarray(picture[row : row + HEIGHT, column : column + WIDTH])
        for name, (row, column) in ORIGINS.items()
    }


def write(scenes: Scenes, folder: Path) -> None:
    """Put scenes into a payload folder. Compressed, so that no file holds a copy of the pixels."""
    for name, pixels in scenes.items():
        np.savez_compressed(folder / f"{name}.npz", rgb=pixels)
