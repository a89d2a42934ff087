"""The task programs that ship, as both ends of the link know them.

A declaration says what a program takes and what it gives. The node checks a task's parameters
against it, the ground draws its help and refuses from the same one. On the link the parameters of
a task are one text, ``name=value,name=value``; what is not named keeps its default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from flight.dictionary.enums import Reason, ResultKind
from flight.dictionary.fields import f64, u8, u16
from flight.dictionary.fieldspec import fields
from flight.dictionary.layout import Layout
from flight.dictionary.registry import Message
from flight.dictionary.values import LayoutError, suggestion

ERROR_LIMIT = 63  # grey levels; the largest error that lossy compression may make


class ProgramParameters(Message, frozen=True):
    """Parameters of a program; this one takes none. Every field has a range and a default."""


class ChangeParameters(ProgramParameters, frozen=True):
    """What counts as a change between two scenes."""

    tile: Annotated[int, u16("pixel", "Side of a tile", lo=8, hi=256)] = 16
    threshold: Annotated[
        float, f64("", "Change of the mean, in deviations inside the tile", lo=0.1, hi=100)
    ] = 2.0
    texture: Annotated[
        float, f64("", "Ratio of the variances that is a change by itself", lo=1.5, hi=1000)
    ] = 8.0


class CompressParameters(ProgramParameters, frozen=True):
    """How much a picture may lose."""

    max_error: Annotated[
        int, u8("level", "Largest error of any value, 0 is lossless", hi=ERROR_LIMIT)
    ] = 0
    rate: Annotated[
        float,
        f64("bit/pixel", "Raise the error of a tile until it takes no more, 0 never", lo=0, hi=24),
    ] = 0.0
    tile: Annotated[int, u16("pixel", "Side of a tile", lo=16, hi=256)] = 128


@dataclass(frozen=True, slots=True)
class Declaration:
    """A program: its parameters, how many scenes it takes, and the kind of its result."""

    name: str
    summary: str
    parameters: type[ProgramParameters]
    result: ResultKind
    scenes: int = 1


CLOUD_MASK = Declaration(
    "cloud-mask", "Mask of the clouds in a scene", ProgramParameters, ResultKind.MASK
)
CHANGE_DETECTION = Declaration(
    "change-detection",
    "Map of the tiles that differ between two scenes of one place",
    ChangeParameters,
    ResultKind.CHANGE,
    scenes=2,
)
COMPRESS = Declaration(
    "compress",
    "The scene itself, compressed without loss or with a bounded error",
    CompressParameters,
    ResultKind.PICTURE,
)
PROGRAMS = {each.name: each for each in (CLOUD_MASK, CHANGE_DETECTION, COMPRESS)}


def parse_parameters(declaration: Declaration, text: str) -> ProgramParameters:
    """Return the parameters that a text names. Raises LayoutError: FORMAT, RANGE, UNKNOWN."""
    known = [spec.name for spec in fields(declaration.parameters)]
    values: dict[str, str] = {}
    for pair in text.split(",") if text else ():
        name, sign, value = pair.partition("=")
        if not sign or name in values:
            fault = "is given twice" if sign else "is no name=value"
            raise LayoutError(Reason.FORMAT, f"parameter {pair!r} {fault}")
        if name not in known:
            hint = suggestion(name, known) or f" (it takes: {', '.join(known) or 'none'})"
            detail = f"{declaration.name} has no parameter {name!r}{hint}"
            raise LayoutError(Reason.UNKNOWN, detail)
        values[name] = value
    return Layout(declaration.parameters).build(values)


def parameters_text(parameters: ProgramParameters) -> str:
    """Return the text of all parameters, defaults included; ``parse_parameters`` inverts it."""
    return ",".join(f"{name}={value}" for name, value in msgspec.structs.asdict(parameters).items())


def check_scenes(declaration: Declaration, second: str) -> None:
    """Raises LayoutError FORMAT when a second scene is missing, or named for nothing."""
    if (declaration.scenes == 2) != bool(second):
        wanted = "two scenes, second is missing" if not second else "one scene, not a second one"
        raise LayoutError(Reason.FORMAT, f"{declaration.name} takes {wanted}")
