"""Synthetic ground for augmentation: water, sand and coast lines that the labelled scenes lack."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ground.training.scenes import Image

CROP = 96


def smooth_noise(rng: np.random.Generator, count: int, cells: int) -> Image:
    """Return smooth fields of about N(0, 1), [count, CROP, CROP], with ``cells`` periods across."""
    grid = rng.standard_normal((count, 1, cells + 1, cells + 1)).astype(np.float32)
    field = functional.interpolate(
        torch.from_numpy(grid), size=(CROP, CROP), mode="bicubic", align_corners=True
    )
    array: Image = field[:, 0].numpy()
    return array


def colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return one ground colour [3, 1, 1] in display units, where 1 is as bright as cloud."""
    kind = rng.random()
    if kind < 0.25:  # deep blue
        blue = rng.uniform(0.03, 0.25)
        bands = np.array((blue * rng.uniform(0.2, 0.8), blue * rng.uniform(0.4, 0.95), blue))
    elif kind < 0.45:  # dark, nearly neutral
        grey = rng.uniform(0.0, 0.3)
        bands = grey * rng.uniform(0.8, 1.0, 3)
    elif kind < 0.65:  # sand: tan, never white
        red = rng.uniform(0.25, 0.8)
        bands = np.array((red, red * rng.uniform(0.85, 1.02), red * rng.uniform(0.5, 0.85)))
    else:  # shallow water: red is absorbed first
        green = rng.uniform(0.15, 0.8)
        red = green * rng.uniform(0.1, 0.75)
        bands = np.array((red, green, min(0.95, green * rng.uniform(0.75, 1.35))))
    return bands[:, None, None]


def ground(rng: np.random.Generator) -> Image:
    """Return smooth ground [3, CROP, CROP] in display units: a mixture of two colours."""
    noise = smooth_noise(rng, 1, int(rng.integers(1, 9)))
    if rng.random() < 0.3:  # thin curved lines: reefs, beaches, sand bars
        share = np.exp(-((noise / rng.uniform(0.05, 0.3)) ** 2))
    else:
        share = 1 / (1 + np.exp(-rng.uniform(1, 6) * noise))
    field = colour(rng) * share + colour(rng) * (1 - share)
    texture = 1 + rng.uniform(0, 0.15) * smooth_noise(rng, 1, 32)
    grain = 1 + rng.uniform(0, 0.12) * rng.standard_normal((1, CROP, CROP))
    field = field * texture * grain
    field = field + 0.004 * rng.standard_normal((3, CROP, CROP))
    return np.clip(field, 0, 0.97).astype(np.float32)
