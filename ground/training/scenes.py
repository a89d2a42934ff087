"""The labelled scenes: how they are stored, read and rendered to 8 bits.

``scenes.npz`` holds, for each name in SCENES,

* ``<name>_rgb``: uint16 [3, 512, 512], top-of-atmosphere reflectance * 1e4, red, green, blue;
* ``<name>_label``: uint8 [512, 512], 0 clear, 1 cloud, 2 cloud shadow (shadow counts as clear:
  from 8-bit RGB alone it was not reliable);
* ``<name>_soft``: uint8 [2, 512, 512], probability * 255 of cloud and of shadow given by a larger
  4-band teacher; clear is the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCENES = ("sentinel2", "landsat5", "landsat7")
CLEAR, CLOUD, SHADOW = 0, 1, 2

Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """One labelled scene and the reflectances that its rendering is derived from."""

    rgb: Image  # reflectance [3, H, W]
    label: NDArray[np.uint8]  # [H, W]
    soft: Image  # teacher probability of clear and cloud [2, H, W]
    low: Image  # darkest ground per band: 1 % of all pixels
    clear95: Image  # brightest ground per band
    cloud50: Image  # median cloud per band
    alpha: Image  # opacity estimate of cloud 0..1 [H, W]


def read_scene(arrays: Mapping[str, NDArray[Any]], name: str) -> Scene:
    """Return one scene of an opened ``scenes.npz``. Raises KeyError when it is not there."""
    rgb = arrays[f"{name}_rgb"].astype(np.float32) / 1e4
    label = arrays[f"{name}_label"]
    teacher = arrays[f"{name}_soft"].astype(np.float32) / 255
    soft = np.stack([1 - teacher[0], teacher[0]])
    clear, cloud = rgb[:, label == CLEAR], rgb[:, label == CLOUD]
    thin, thick = np.percentile(clear[0], 70), np.percentile(cloud[0], 60)
    return Scene(
        rgb=rgb,
        label=label,
        soft=soft,
        low=np.percentile(rgb.reshape(3, -1), 1, axis=1).astype(np.float32),
        clear95=np.percentile(clear, 95, axis=1).astype(np.float32),
        cloud50=np.percentile(cloud, 50, axis=1).astype(np.float32),
        alpha=np.clip((rgb[0] - thin) / (thick - thin), 0, 1) * np.sqrt(soft[1]),
    )


def load_scenes(folder: Path) -> dict[str, Scene]:
    """Return all scenes of ``folder/scenes.npz``. Raises OSError or KeyError."""
    with np.load(folder / "scenes.npz") as arrays:
        return {name: read_scene(arrays, name) for name in SCENES}


def per_band(values: Any) -> NDArray[Any]:
    """Shape three numbers so that they multiply the bands of [3, H, W]."""
    return np.reshape(values, (3, 1, 1))


def to_8bit(rgb: NDArray[Any], black: Any, white: Any, gamma: float = 1.0) -> NDArray[np.uint8]:
    """Render reflectance [3, H, W] as a viewer's stretch does: black and white per band, gamma."""
    v = (rgb - per_band(black)) / (per_band(white) - per_band(black))
    return np.rint(np.clip(v, 0, 1) ** gamma * 255).astype(np.uint8)


def renderings(scene: Scene) -> dict[str, NDArray[np.uint8]]:
    """The fixed 8-bit renderings that models are scored on.

    The last one, ``refl_0_1``, is dim and outside the contract of the picture (stretched for
    viewing); it is scored to show what happens there.
    """
    p1, p2, p99 = np.percentile(scene.rgb.reshape(3, -1), [1, 2, 99], axis=1)
    zero = np.zeros(3)
    return {
        "pct_1_99": to_8bit(scene.rgb, p1, p99),
        "hard": to_8bit(scene.rgb, p2, 1.4 * scene.clear95),
        "common_white": to_8bit(scene.rgb, zero, zero + p99.max()),
        "refl_0_1": to_8bit(scene.rgb, zero, zero + 1.0),
    }
