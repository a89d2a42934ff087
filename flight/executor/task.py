"""The task interface: all that a program sees of the executor."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Reason
from flight.dictionary.programs import Declaration, ProgramParameters

State = dict[str, Any]  # scalars, strings, bytes, lists, and NumPy arrays


class InputError(ValueError):
    """A scene or model cannot be used. A program raises it for inputs that do not suit it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Model(Protocol):
    """A model that a program may run; its weights are checked after every run."""

    def run(self, tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Class masks [N,H,W] of uint8 tiles [N,H,W,3]."""


class Inputs(Protocol):
    """What a program computes on."""

    @property
    def parameters(self) -> ProgramParameters:
        """Of the kind that the program declares."""

    @property
    def scene(self) -> npt.NDArray[np.uint8]:
        """The scene, uint8 [H,W,3], read-only."""

    @property
    def second(self) -> npt.NDArray[np.uint8]:
        """The second scene, uint8 [H,W,3], read-only; only programs that declare two have one."""

    def model(self, name: str) -> Model:
        """A model by name. Raises LookupError when it is not active."""


class Program(Protocol):
    """A program: pure step functions between which the state is voted and checkpointed.

    ``step`` must not change its argument, read a clock or draw random numbers: replicas must
    agree to the bit.
    """

    name: str
    version: int
    declaration: Declaration

    def steps(self) -> int:
        """How many steps there are."""

    def start(self) -> State:
        """The state before the first step."""

    def step(self, state: State) -> State:
        """The state after one more step."""

    def done(self, state: State) -> bool:
        """True when no step is left."""

    def result(self, state: State) -> npt.NDArray[np.uint8]:
        """The result of a state that is done."""
