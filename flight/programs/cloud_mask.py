"""Cloud mask of an 8-bit RGB scene, one tile per step."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flight.dictionary.programs import CLOUD_MASK
from flight.programs.tiling import Tiling, with_nodata

MODEL = "cloudnet-rgb"
TILE, HALO, BANDS = 256, 32, 3


class Model(Protocol):
    """The model as this program uses it."""

    def run(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return masks uint8 [N,256,256] of tiles uint8 [N,256,256,3]."""


class Inputs(Protocol):
    """What the program computes on."""

    @property
    def scene(self) -> NDArray[np.uint8]:
        """The scene, uint8 [H,W,3]."""

    def model(self, name: str) -> Model:
        """Return a model by name. Raises when it is not active."""


class CloudMask:
    """State: the next tile, and the mask so far with tiles not yet computed at 0."""

    name = CLOUD_MASK.name
    version = 1
    declaration = CLOUD_MASK

    def __init__(self, inputs: Inputs) -> None:
        """Raises ValueError when the scene is not uint8 [H,W,3] with pixels."""
        scene = inputs.scene
        if scene.dtype != np.uint8 or scene.ndim != 3 or scene.shape[2] != BANDS or not scene.size:
            raise ValueError(f"scene is {scene.dtype} {list(scene.shape)}, not uint8 [H,W,3]")
        self._scene = scene
        self._model = inputs.model(MODEL)
        self._tiling = Tiling(scene.shape[0], scene.shape[1], TILE, HALO)

    def steps(self) -> int:
        """Number of tiles."""
        return len(self._tiling)

    def start(self) -> dict[str, Any]:
        """Return the state before the first tile."""
        return {"tile": 0, "mask": np.zeros(self._scene.shape[:2], np.uint8)}

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state after one more tile; the argument is not changed."""
        tile: int = state["tile"]
        mask: NDArray[np.uint8] = state["mask"].copy()
        self._tiling.write(mask, tile, self._model.run(self._tiling.read(self._scene, tile)))
        return {"tile": tile + 1, "mask": mask}

    def done(self, state: dict[str, Any]) -> bool:
        """True when no tile is left."""
        return bool(state["tile"] >= len(self._tiling))

    def result(self, state: dict[str, Any]) -> NDArray[np.uint8]:
        """Return the mask uint8 [H,W]: 0 clear, 1 cloud, 255 no data."""
        return with_nodata(state["mask"], self._scene)
