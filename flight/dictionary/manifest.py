"""The manifest of a program bundle: what the program is called, takes and gives, and its files.

It stands for the program wherever the code itself must not be loaded: the executor checks tasks
against it, and only replicas import what it describes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from flight.dictionary.enums import ResultKind
from flight.dictionary.fields import f64, u8, u16, u32
from flight.dictionary.fieldspec import DeclarationError, fields
from flight.dictionary.programs import Declaration, ProgramParameters

MOST_FILES = 64
MOST_PARAMETERS = 16
ENTRY = r"\A[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*\Z"

Name = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,31}\Z")]
Version = Annotated[int, Meta(ge=1, le=65535)]
# No other kind of file and no other character: such a name cannot leave a folder.
FileName = Annotated[
    str, Meta(pattern=r"\A([a-z_][a-z0-9_]*/)*[a-z_][a-z0-9_]*\.py\Z", max_length=96)
]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Line = Annotated[str, Meta(pattern=r"\A[ -~]*\Z", max_length=80)]
Number = int | float

_FIELD: dict[str, tuple[type, Callable[..., Meta]]] = {
    "u8": (int, u8),
    "u16": (int, u16),
    "u32": (int, u32),
    "f64": (float, f64),
}


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the parts of a manifest."""


class Parameter(_Strict, frozen=True):
    """One parameter of the program, as a field of the dictionary."""

    name: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,15}\Z")]
    type: Literal["u8", "u16", "u32", "f64"]
    lo: Number
    hi: Number
    default: Number
    unit: Annotated[str, Meta(pattern=r"\A[!-~]*\Z", max_length=12)] = ""
    description: Line = ""


class File(_Strict, frozen=True):
    """One file of the bundle; ``size`` in octets."""

    name: FileName
    size: Annotated[int, Meta(ge=0)]
    sha256: Sha256


class Manifest(_Strict, frozen=True):
    """A program. ``entry`` is "module:Class" inside the bundle, ``result`` a ResultKind by name,
    ``dictionary`` the content hash of the dictionary that it was made with."""

    name: Name
    version: Version
    entry: Annotated[str, Meta(pattern=ENTRY, max_length=96)]
    summary: Annotated[Line, Meta(min_length=1)]
    result: str
    scenes: Literal[1, 2]
    parameters: Annotated[tuple[Parameter, ...], Meta(max_length=MOST_PARAMETERS)]
    dictionary: Sha256
    files: Annotated[tuple[File, ...], Meta(min_length=1, max_length=MOST_FILES)]

    def __post_init__(self) -> None:
        names = [file.name for file in self.files]
        for each in (names, [parameter.name for parameter in self.parameters]):
            if len(set(each)) < len(each):
                raise ValueError(f"a name is given twice: {', '.join(each)}")
        if self.entry_file not in names:
            raise ValueError(f"no file {self.entry_file} for entry {self.entry}")
        if self.result not in ResultKind.__members__:
            raise ValueError(f"no kind of result {self.result!r}")
        declaration(self)

    @property
    def entry_file(self) -> str:
        """Name of the file that defines the entry."""
        return self.entry.partition(":")[0].replace(".", "/") + ".py"


@lru_cache(maxsize=256)
def declaration(manifest: Manifest) -> Declaration:
    """What the program takes and gives, as of one that ships. Raises ValueError."""
    described: list[tuple[str, Any, Any]] = []
    for each in manifest.parameters:
        python, field = _FIELD[each.type]
        meta = field(each.unit, each.description, lo=each.lo, hi=each.hi)
        described.append((each.name, Annotated[python, meta], each.default))
    try:
        kind: Any = msgspec.defstruct(
            "Parameters", described, bases=(ProgramParameters,), frozen=True
        )
        fields(kind)
    except (DeclarationError, TypeError) as error:
        raise ValueError(f"parameters: {error}") from error
    result = ResultKind[manifest.result]
    return Declaration(manifest.name, manifest.summary, kind, result, manifest.scenes)
