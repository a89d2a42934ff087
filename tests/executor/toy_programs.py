"""Small programs for tests, and a model that they may use."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from flight.dictionary.enums import Reason, ResultKind
from flight.dictionary.fields import u8
from flight.dictionary.programs import Declaration, ProgramParameters

STEPS = 8


class Rows:
    """One row of the scene per step; every row depends on all before it."""

    name = "rows"
    version = 1
    declaration = Declaration("rows", "Adds up rows", ProgramParameters, ResultKind.MASK)

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs

    def steps(self) -> int:
        return STEPS

    def start(self) -> dict[str, Any]:
        return {"step": 0, "total": 0, "grid": np.zeros(self.inputs.scene.shape[:2], np.uint8)}

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        index, grid = state["step"], state["grid"].copy()
        row = self.inputs.scene[index % len(grid), :, 0]
        total = state["total"] + int(row.sum())
        grid[index % len(grid)] = row + np.uint8(total % 251)
        return {"step": index + 1, "total": total, "grid": grid}

    def done(self, state: dict[str, Any]) -> bool:
        return bool(state["step"] >= STEPS)

    def result(self, state: dict[str, Any]) -> NDArray[np.uint8]:
        grid: NDArray[np.uint8] = state["grid"].copy()
        grid[0, 0] = state["total"] % 251
        return grid


class Rows2(Rows):
    """The next version of the same program."""

    version = 2


class Modelled(Rows):
    """A program that uses a model."""

    name = "modelled"

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        after = super().step(state)
        tile = self.inputs.scene[None]
        after["total"] += int(self.inputs.model("toy").run(tile).sum())
        return after


class Orphan(Rows):
    """A program that asks for a model that nobody has."""

    name = "orphan"

    def __init__(self, inputs: Any) -> None:
        super().__init__(inputs)
        inputs.model("missing")


class Broken(Rows):
    """A program with a bug in step 3."""

    name = "broken"

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        if state["step"] == 3:
            raise ZeroDivisionError("a bug")
        return super().step(state)


class Greedy(Rows):
    """A program whose state does not fit its slab."""

    name = "greedy"

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        return super().step(state) | {"heap": np.zeros(4 << 20, np.uint8)}


class Real(Rows):
    """A program whose result is not an array of octets."""

    name = "real"

    def result(self, state: dict[str, Any]) -> NDArray[Any]:
        return state["grid"].astype(np.float32)


class Wide(Rows):
    """A program whose result is larger than any slot of the ring."""

    name = "wide"

    def result(self, state: dict[str, Any]) -> NDArray[np.uint8]:
        return np.zeros((1, 17 << 20), np.uint8)


class PairParameters(ProgramParameters, frozen=True):
    """Of a program that takes one."""

    add: Annotated[int, u8("", "Added to every value", hi=9)] = 0


class Pair(Rows):
    """A program that takes two scenes and a parameter."""

    name = "pair"
    declaration = Declaration("pair", "Adds up", PairParameters, ResultKind.CHANGE, scenes=2)

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        after = super().step(state)
        row = state["step"] % len(after["grid"])
        after["grid"][row] += self.inputs.second[row, :, 1] + np.uint8(self.inputs.parameters.add)
        return after


class ToyModel:
    """Adds up the tile; repairs itself when ``damage`` says so."""

    damage = 0

    def __init__(self) -> None:
        self.corrected = 0

    def run(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.corrected += ToyModel.damage
        ToyModel.damage = 0
        return (tiles.sum(-1) % 3).astype(np.uint8)


class ModelRefused(Exception):
    """As the model guard's errors do, this one carries a reason."""

    reason = Reason.CORRUPT


def open_model(name: str, folder: str, _view: object) -> ToyModel:
    if "damaged" in folder:
        raise ModelRefused(f"{name} in {folder}")
    return ToyModel()
