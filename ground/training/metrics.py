"""Agreement of a mask with labels."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

CLASSES = 2


class Metrics(TypedDict):
    """Accuracy, Cohen's kappa, intersection over union per class; each rounded to 4 places."""

    acc: float
    kappa: float
    iou: list[float]


def metrics(label: NDArray[Any], mask: NDArray[Any]) -> Metrics:
    """Compare two arrays of classes 0 and 1 of the same shape."""
    pairs = label.ravel().astype(int) * CLASSES + mask.ravel().astype(int)
    table = np.bincount(pairs, minlength=CLASSES * CLASSES).reshape(CLASSES, CLASSES)
    accuracy = np.trace(table) / table.sum()
    chance = (table.sum(0) * table.sum(1)).sum() / table.sum() ** 2
    iou = [
        float(table[i, i] / max(1, table[i].sum() + table[:, i].sum() - table[i, i]))
        for i in range(CLASSES)
    ]
    return {
        "acc": round(float(accuracy), 4),
        "kappa": round(float((accuracy - chance) / (1 - chance)), 4),
        "iou": [round(v, 4) for v in iou],
    }
