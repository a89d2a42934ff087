"""Scores of a model on a labelled scene: accuracy, Cohen's kappa, and IoU per class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ground.training.export import THRESHOLD
from ground.training.metrics import Metrics, metrics
from ground.training.network import Net
from ground.training.scenes import CLOUD, Image, Scene, renderings

TILE = 256
DECIMATION = 8
PHASES = tuple((row, column) for row in (0, 3) for column in (0, 5))


@torch.no_grad()
def cloud_logit(net: Net, picture: NDArray[np.uint8]) -> Image:
    """Return logit(cloud) - logit(clear) [H, W] of an 8-bit picture [3, H, W]."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture[None])).float()
    out = net(tensor)[0].numpy()
    difference: Image = out[1] - out[0]
    return difference


def tiled_logit(net: Net, picture: NDArray[np.uint8]) -> Image:
    """Return the logit of a 512 x 512 picture, computed in four tiles."""
    out = np.empty(picture.shape[1:], np.float32)
    for row in (0, TILE):
        for column in (0, TILE):
            window = np.s_[row : row + TILE, column : column + TILE]
            out[window] = cloud_logit(net, picture[(slice(None), *window)])
    return out


def score(net: Net, scene: Scene) -> dict[str, dict[str, Any]]:
    """Score each rendering at full resolution and decimated, at THRESHOLD and at 0.5."""
    cut = np.log(THRESHOLD / (1 - THRESHOLD))
    coarse_label = np.stack([scene.label[i::DECIMATION, j::DECIMATION] for i, j in PHASES]) == CLOUD
    label = scene.label == CLOUD
    scores = {}
    for name, picture in renderings(scene).items():
        full = tiled_logit(net, picture)
        coarse = np.stack(
            [cloud_logit(net, picture[:, i::DECIMATION, j::DECIMATION]) for i, j in PHASES]
        )
        row: Metrics = metrics(label, full > cut)
        scores[name] = {
            **row,
            "at_0.5": metrics(label, full > 0),
            "decimated8": metrics(coarse_label, coarse > cut),
            "decimated8_at_0.5": metrics(coarse_label, coarse > 0),
        }
    return scores
