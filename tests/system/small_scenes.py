"""Scenes that take no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def small_scene(path: Path, side: int = 150) -> None:
    """A scene of one tile."""
    picture = np.random.default_rng(1).integers(1, 255, (side, side, 3), np.uint8)
    np.savez(path, rgb=picture)
