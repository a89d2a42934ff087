"""The shelf of installed programs: versions side by side, and which of them is active.

One record, replaced as a whole, so that every change is one step. Storage writes it; the executor
reads it, and so knows all about a program without its code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import msgspec

from flight.dictionary.codec import ENCODER
from flight.dictionary.enums import Reason
from flight.dictionary.manifest import Manifest

NAME = "programs/shelf"  # of the record in the store
KEPT = 4  # versions of one program
MOST = 16  # programs


class ShelfError(ValueError):
    """A change is refused: UNKNOWN, REPLAY, CORRUPT or NO_SPACE."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Installed(msgspec.Struct, frozen=True):
    """One version: its manifest, size in octets and SHA-256 of the bundle.

    ``fault`` says why it may not be used any more, empty when it may.
    """

    manifest: Manifest
    size: int
    sha256: str
    fault: str = ""

    @property
    def version(self) -> int:
        """Version of the program."""
        return self.manifest.version

    @property
    def file(self) -> str:
        """Where the bundle lies below the store."""
        return f"programs/{self.manifest.name}-{self.version}.bundle"


class Program(msgspec.Struct, frozen=True):
    """One program: versions in ascending order, and those that were active, the active one last."""

    versions: tuple[Installed, ...]
    history: tuple[int, ...] = ()

    @property
    def active(self) -> int:
        """The active version, 0 when none is."""
        return self.history[-1] if self.history else 0

    def find(self, version: int) -> Installed | None:
        """One version."""
        return next((each for each in self.versions if each.version == version), None)

    def added(self, new: Installed) -> Program:
        """With a new version. Beyond KEPT the oldest goes that is not active, nor was before."""
        versions = (*self.versions, new)
        spare = [each for each in self.versions if each.version not in self.history[-2:]]
        if len(versions) > KEPT and spare:
            versions = tuple(each for each in versions if each is not spare[0])
        kept = [each.version for each in versions]
        return Program(versions, tuple(each for each in self.history if each in kept))


class Shelf(msgspec.Struct, frozen=True):
    """All programs by name. Changes give a new shelf."""

    programs: dict[str, Program] = {}

    def find(self, name: str, version: int = 0) -> Installed | None:
        """A version of a program, by default the active one."""
        program = self.programs.get(name)
        return None if program is None else program.find(version or program.active)

    def active(self, name: str) -> int:
        """The active version of a program, 0 when there is none."""
        program = self.programs.get(name)
        return 0 if program is None else program.active

    def installed(self) -> list[tuple[Installed, bool]]:
        """All versions, and whether each is active."""
        return [
            (each, each.version == program.active)
            for _, program in sorted(self.programs.items())
            for each in program.versions
        ]

    def with_installed(self, new: Installed) -> Shelf:
        """With a new version, not yet active; the same shelf when it is there already.

        An older version than the newest is refused, so that nobody can bring back what was
        replaced: going back takes a command. Raises ShelfError: REPLAY, NO_SPACE.
        """
        name = new.manifest.name
        program = self.programs.get(name, Program(()))
        newest = program.versions[-1].version if program.versions else 0
        known = program.find(new.version)
        if known is not None and known.sha256 == new.sha256:
            return self.with_fault(name, new.version, "")
        if new.version <= newest:
            detail = f"{name} {new.version} is not newer than {newest}, which is installed"
            raise ShelfError(Reason.REPLAY, detail)
        if not program.versions and len(self.programs) >= MOST:
            raise ShelfError(Reason.NO_SPACE, f"{MOST} programs are installed already")
        return self._with(name, program.added(new))

    def with_active(self, name: str, version: int) -> Shelf:
        """With another active version. Raises ShelfError: UNKNOWN, CORRUPT."""
        found = self.find(name, version)
        if found is None or version == 0:
            raise ShelfError(Reason.UNKNOWN, f"no program {name} {version} is installed")
        if found.fault:
            raise ShelfError(Reason.CORRUPT, f"{name} {version}: {found.fault}")
        program = self.programs[name]
        before = tuple(each for each in program.history if each != version)
        return self._with(name, Program(program.versions, (*before, version)))

    def rolled_back(self, name: str) -> Shelf:
        """With the version active that was before. Raises ShelfError: UNKNOWN, CORRUPT."""
        program = self.programs.get(name)
        if program is None:
            raise ShelfError(Reason.UNKNOWN, f"no program {name} is installed")
        if len(program.history) < 2:
            raise ShelfError(Reason.UNKNOWN, f"no version of {name} was active before")
        shorter = Program(program.versions, program.history[:-1])
        return self._with(name, shorter).with_active(name, shorter.active)

    def with_fault(self, name: str, version: int, fault: str) -> Shelf:
        """With a version that may not be used, or with an empty fault may again."""
        program = self.programs[name]
        versions = tuple(
            msgspec.structs.replace(each, fault=fault) if each.version == version else each
            for each in program.versions
        )
        return self._with(name, Program(versions, program.history))

    def _with(self, name: str, program: Program) -> Shelf:
        return Shelf(self.programs | {name: program})


def encode_shelf(shelf: Shelf) -> bytes:
    """Octets of the record."""
    return ENCODER.encode(shelf)


def decode_shelf(generations: Iterable[bytes]) -> Shelf | None:
    """The first of the generations that can be read; None when none can."""
    for data in generations:
        with contextlib.suppress(ValueError):  # msgspec's DecodeError, or text not in UTF-8
            return msgspec.msgpack.decode(data, type=Shelf)
    return None
