"""Inputs for programs under test, and a run from start to result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass
class Given:
    """Scenes and parameters."""

    scene: Pixels
    parameters: Any
    second: Any = None


def frozen(state: dict[str, Any]) -> dict[str, Any]:
    """A copy that cannot be changed, as the executor decodes it from memory."""
    copies = {name: np.array(v) if isinstance(v, np.ndarray) else v for name, v in state.items()}
    for value in copies.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return copies


def run(program: Any) -> Pixels:
    """Result of all steps; no step may change its argument, and each must repeat to the bit."""
    state = frozen(program.start())
    for _ in range(program.steps()):
        assert not program.done(state)
        after, again = program.step(state), program.step(state)
        for name, value in after.items():
            assert np.array_equal(value, again[name]), name
        state = frozen(after)
    assert program.done(state)
    result: Pixels = program.result(state)
    assert np.array_equal(program.result(state), result)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    return result


def later_scene(
    scene: Pixels, shift: float, noise: float = 2.0
) -> tuple[Pixels, NDArray[np.bool_]]:
    """The same place in other light, and where something changed: bool [H,W].

    Planted on tiles of 16: a dark pond on land, a bright field, and a patch of new texture.
    """
    rng = np.random.default_rng(7)
    pixels = scene + shift + rng.normal(0, noise, scene.shape)
    changed = np.zeros(scene.shape[:2], bool)
    for top, left, size in ((400, 480, 32), (320, 320, 48), (240, 400, 32)):
        changed[top : top + size, left : left + size] = True
    pixels[400:432, 480:512] -= 50
    pixels[320:368, 320:368] += 90
    pixels[240:272, 400:432] += rng.choice([-60.0, 60.0], (32, 32, 1))
    later = pixels.round().clip(1, 255).astype(np.uint8)
    later[~scene.any(-1)] = 0
    return later, changed
