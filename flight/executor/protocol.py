"""What executor and replica tell each other. States never travel here, only generations."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Annotated

import msgspec
from msgspec import Meta

from flight.dictionary.enums import Reason

Flips = Annotated[int, Meta(ge=0, le=0xFFFF)]  # a replica that runs wild says anything


@unique
class Act(IntEnum):
    """What a replica is to do."""

    START = 0  # write generation 0
    STEP = 1  # read generation g, write g + 1
    RESULT = 2  # read generation g, write the result as g + 1


class Bulk(msgspec.Struct, array_like=True, frozen=True):
    """A scene in protected shared memory."""

    region: str
    start: int  # octet of the region at which the pixels begin
    shape: tuple[int, ...]
    crc: int  # CRC-32C of the pixels


class Assignment(msgspec.Struct, frozen=True):
    """What a replica computes."""

    program: str  # "module:Class"
    scene: str  # path
    scene_sha256: str
    models: dict[str, str]  # model name to folder of the compiled form
    open_model: str  # "module:function" of (name, folder, view)
    region: str
    parameters: str = ""  # of the program, as text
    second: str = ""  # path of the second scene, empty for none
    second_sha256: str = ""
    bulk: dict[str, Bulk] = {}  # scenes that are shared, by "scene" or "second"
    bundle: str = ""  # path of the bundle that holds the program, empty for one that ships
    bundle_sha256: str = ""

    def scenes(self) -> dict[str, tuple[str, str]]:
        """Path and SHA-256 of each scene."""
        second = {"second": (self.second, self.second_sha256)} if self.second else {}
        return {"scene": (self.scene, self.scene_sha256)} | second


class Order(msgspec.Struct, array_like=True, frozen=True):
    """One piece of work. ``ticket`` tells a repeated order from a late answer."""

    act: Act
    generation: int
    ticket: int
    crc: int = 0  # CRC-32C of the voted octets of ``generation``
    verify: bool = True  # check inputs and state after use


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """Outcome of an order. The state, if any, lies in the slab."""

    ticket: int
    reason: Reason = Reason.NONE
    detail: str = ""
    inputs: bool = False  # the inputs are at fault: any other replica will say the same
    done: bool = False
    steps: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 0
    models: tuple[str, ...] = ()  # opened so far, in name order
    corrected: dict[str, Flips] = {}  # memory region to corrections in this order
    crc: int = 0  # CRC-32C of the octets in the slab, taken when they were written
