"""Augmented crops. The augmentation does most of the work of this small training set:

* nearest-neighbour zoom 0.7 to 9 (browse products are often decimated), flips, quarter turns;
* clear ground partly replaced by synthetic water and sand, sometimes with no cloud at all; clouds
  are blended in by an opacity estimate, and rims below 25 % opacity count as clear there;
* sensor saturation at a random level (Landsat-5 and -7 saturate over cloud at about 0.4);
* a random black point, white point and gamma per band: the picture is stretched for viewing, so
  that thick cloud comes out near white (white point 0.35 to 1.15 of the median cloud);
* random black (nodata) half planes, which do not count in the loss.

The order of draws from ``rng`` is part of the recipe: a seed stands for one training run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ground.training.scenes import CLEAR, CLOUD, SHADOW, Image, Scene, per_band, to_8bit
from ground.training.synthetic import CROP, ground, smooth_noise

IGNORE = 255  # label of pixels that do not count in the loss
BATCH = 16

Sample = tuple[NDArray[np.uint8], NDArray[np.uint8], Image]


@dataclass(slots=True)
class Crop:
    """A crop under augmentation; label and teacher are its own and edited in place."""

    rgb: NDArray[Any]  # reflectance [3, CROP, CROP]
    label: NDArray[np.uint8]  # [CROP, CROP], CLEAR, CLOUD or IGNORE
    teacher: Image  # [2, CROP, CROP]
    alpha: Image  # opacity of cloud [CROP, CROP]
    shadow: NDArray[np.bool_]
    coarse: bool  # pixels are coarser than the labels were drawn for


@dataclass(frozen=True, slots=True)
class Stretch:
    """Black and white point per band, and the reflectance at which the sensor saturates."""

    black: NDArray[Any]
    white: NDArray[Any]
    top: NDArray[Any]


def reflect(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Mirror indices at the borders into 0 .. size - 1."""
    index = np.abs(index) % (2 * size - 2)
    return np.where(index >= size, 2 * size - 2 - index, index)


def cut(rng: np.random.Generator, scene: Scene) -> Crop:
    """Take a zoomed, turned, perhaps mirrored crop."""
    size = scene.label.shape[0]
    zoom = 1.0 if rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(0.7), np.log(9.0))))
    oy, ox = rng.integers(0, size, 2)
    if zoom * CROP < size:
        oy, ox = (int(v * (size - zoom * CROP) / size) for v in (oy, ox))
    steps = np.floor(np.arange(CROP) * zoom).astype(int)
    rows, columns = np.ix_(reflect(oy + steps, size), reflect(ox + steps, size))
    layers = (scene.rgb[:, rows, columns], scene.label[rows, columns])
    layers += (scene.soft[:, rows, columns], scene.alpha[rows, columns])
    turns, mirrored = rng.integers(4), rng.random() < 0.5
    layers = tuple(np.rot90(layer, turns, (-2, -1)) for layer in layers)
    if mirrored:
        layers = tuple(layer[..., ::-1] for layer in layers)
    rgb, label, teacher, alpha = layers
    shadow = label == SHADOW
    label = np.where(shadow, np.uint8(CLEAR), label)
    return Crop(rgb.astype(np.float32), label, teacher.copy(), alpha, shadow, zoom > 1.5)


def recalibrate(rng: np.random.Generator, crop: Crop) -> None:
    """Vary atmosphere and calibration: gain of all bands, gain and offset of each."""
    gain = 1 + 0.10 * rng.standard_normal() + 0.05 * rng.standard_normal((3, 1, 1))
    crop.rgb = crop.rgb * gain + 0.01 * rng.standard_normal((3, 1, 1))


def choose_stretch(rng: np.random.Generator, scene: Scene, crop: Crop) -> Stretch:
    """Saturate the sensor at times, and choose the stretch that a viewer would choose."""
    low, top = np.maximum(1.25 * scene.clear95, 0.12), scene.cloud50
    if rng.random() < 0.45:
        level = rng.uniform(0.3, 0.8) * (1 + 0.12 * rng.standard_normal(3))
        level = np.maximum(low, level)
        crop.rgb, top = np.minimum(crop.rgb, per_band(level)), np.minimum(top, level)
    black = scene.low * rng.uniform(0, 1.15) * (1 + 0.1 * rng.standard_normal(3))
    # the whitest stretch that leaves ground unsaturated
    low = np.minimum(np.maximum(low, 0.35 * top), top)
    white = np.exp(np.log(low) + rng.random() * (np.log(1.15 * top) - np.log(low)))
    if rng.random() < 0.2:  # one white point for all bands: tinted clouds
        white = np.full(3, white.max())
    white = white * (1 + 0.06 * rng.standard_normal(3))
    return Stretch(black, np.maximum(white, black + 0.06), top)


def replace_ground(rng: np.random.Generator, crop: Crop, stretch: Stretch) -> NDArray[np.bool_]:
    """Put synthetic ground under the clouds of 60 % of the crops; return where."""
    kind = rng.random()
    replaced = np.zeros((CROP, CROP), bool)
    if kind >= 0.60:
        return replaced
    base = per_band(stretch.black)
    span = per_band(np.minimum(stretch.top, stretch.white) - stretch.black)
    field = base + ground(rng) * np.maximum(span, 0.03)
    if kind < 0.12:  # no cloud at all
        crop.alpha = np.zeros_like(crop.alpha)
        replaced[:] = True
    elif kind < 0.35:
        replaced[:] = True
    else:  # one side of a synthetic coast
        replaced = smooth_noise(rng, 1, int(rng.integers(2, 6)))[0] > rng.normal()
    field = base + (field - base) * np.where(crop.shadow, rng.uniform(0.35, 0.8), 1.0)
    blended = crop.alpha * crop.rgb + (1 - crop.alpha) * field
    crop.rgb = np.where(replaced, blended, crop.rgb).astype(np.float32)
    crop.label[replaced & (crop.label == CLEAR) & (crop.alpha > 0.15)] = IGNORE
    return replaced


def sharpen_rims(crop: Crop, where: NDArray[np.bool_]) -> None:
    """Call thin cloud rims clear: the labels are generous there."""
    thin = where & (crop.label == CLOUD) & (crop.alpha < 0.40)
    crop.label[thin] = IGNORE
    thin &= crop.alpha < 0.25
    crop.label[thin] = CLEAR
    certain = thin | (where & (crop.label == CLEAR) & (crop.alpha < 0.15))
    crop.teacher[0][certain] = 1
    crop.teacher[1][certain] = 0


def degrade(rng: np.random.Generator, crop: Crop, picture: Image) -> None:
    """Add noise at times, and black out a half plane as nodata."""
    if rng.random() < 0.3:
        noise = rng.uniform(0, 4) * rng.standard_normal(picture.shape)
        picture[:] = np.clip(np.rint(picture + noise), 0, 255)
    if rng.random() < 0.35:
        angle = rng.uniform(0, 2 * np.pi)
        axis = np.arange(CROP) - CROP / 2
        distance = np.cos(angle) * axis[:, None] + np.sin(angle) * axis[None]
        outside = distance > rng.uniform(-10, CROP / 2)
        picture[:, outside] = 0
        crop.label[outside] = IGNORE


def sample(rng: np.random.Generator, scenes: Sequence[Scene]) -> Sample:
    """Return one augmented crop: uint8 [3, C, C], label [C, C], teacher [2, C, C]."""
    scene = scenes[rng.integers(len(scenes))]
    crop = cut(rng, scene)
    recalibrate(rng, crop)
    stretch = choose_stretch(rng, scene, crop)
    where = np.full((CROP, CROP), crop.coarse)
    where |= replace_ground(rng, crop, stretch)
    sharpen_rims(crop, where)
    gamma = float(np.exp(np.clip(0.3 * rng.standard_normal(), -0.7, 0.7)))
    picture = to_8bit(crop.rgb, stretch.black, stretch.white, gamma).astype(np.float32)
    degrade(rng, crop, picture)
    return picture.astype(np.uint8), crop.label, crop.teacher


def batch(
    rng: np.random.Generator, scenes: Sequence[Scene]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return BATCH crops as float pictures, int64 labels and float teacher probabilities."""
    pictures, labels, teachers = zip(*(sample(rng, scenes) for _ in range(BATCH)), strict=True)
    return (
        torch.from_numpy(np.stack(pictures)).float(),
        torch.from_numpy(np.stack(labels).astype(np.int64)),
        torch.from_numpy(np.stack(teachers).astype(np.float32)),
    )
