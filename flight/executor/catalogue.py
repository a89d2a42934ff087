"""The programs on board by name, and what a task may ask of each.

Those that ship are classes that the topology binds. Of those that came up only the manifests are
known here, from the shelf that storage keeps; their code is imported by replicas alone.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from flight.dictionary.commands import RunTask
from flight.dictionary.enums import Reason, ResultKind
from flight.dictionary.manifest import declaration
from flight.dictionary.programs import (
    Declaration,
    check_scenes,
    parameters_text,
    parse_parameters,
)
from flight.dictionary.shelf import NAME, Installed, Shelf, decode_shelf
from flight.dictionary.values import LayoutError
from flight.executor.record import TaskRecord
from flight.executor.task import InputError
from flight.runtime.service import Refused, Store
from flight.runtime.zygote import resolve

PREFIX = "program "  # of a binding that names a program
REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Listing:
    """A program as a task needs it: ``entry`` is "module:Class", inside the bundle if ``bundle``
    names one."""

    entry: str
    version: str  # name and version
    declaration: Declaration
    bundle: str = ""  # path
    bundle_sha256: str = ""


class Catalogue:
    """Programs that ship, then those on the shelf."""

    def __init__(self, bindings: dict[str, str], store: Store) -> None:
        self._entries = {
            name.removeprefix(PREFIX): entry
            for name, entry in bindings.items()
            if name.startswith(PREFIX)
        }
        self._store = store
        # What a task began with is known until it ends, even when its version makes room.
        self._begun: dict[tuple[str, int], Listing] = {}

    def check(self, command: RunTask) -> None:
        """Raises Refused: UNKNOWN (program, parameter), CORRUPT, FORMAT or RANGE, with one line."""
        try:
            found = self._find(command.program, 0).declaration
            check_scenes(found, command.second)
            parse_parameters(found, command.parameters)
        except LayoutError as error:
            raise Refused(error.reason, error.detail) from error
        except InputError as error:
            raise Refused(error.reason, str(error)) from error

    def pin(self, record: TaskRecord) -> None:
        """Have a task keep the version that is active now, from its first start to its end."""
        if record.version == 0 and record.program not in self._entries:
            with contextlib.suppress(InputError):  # of which the start will fail
                record.version = self._shelf().active(record.program)

    def listing(self, record: TaskRecord) -> Listing:
        """The program of a task that is about to run.

        Raises InputError when there is none, or when a task of another software version does not
        fit the program here.
        """
        found = self._find(record.program, record.version)
        try:
            parse_parameters(found.declaration, record.parameters)
        except LayoutError as error:
            raise InputError(error.reason, error.detail) from error
        self._begun[record.program, record.version] = found
        if len(self._begun) > REMEMBERED:
            del self._begun[next(iter(self._begun))]
        return found

    def version(self, record: TaskRecord) -> str:
        """Name and version of a task's program."""
        return self._known(record).version

    def parameters(self, record: TaskRecord) -> str:
        """All parameters of a task, defaults included. Raises LayoutError."""
        return parameters_text(parse_parameters(self._known(record).declaration, record.parameters))

    def kind(self, record: TaskRecord) -> ResultKind:
        """Kind of a task's result."""
        return self._known(record).declaration.result

    def _known(self, record: TaskRecord) -> Listing:
        begun = self._begun.get((record.program, record.version))
        return begun or self._find(record.program, record.version)

    def _find(self, name: str, version: int) -> Listing:
        """A program, by default in its active version. Raises InputError UNKNOWN or CORRUPT."""
        if name in self._entries:
            entry = self._entries[name]
            program: Any = resolve(entry)
            return Listing(entry, f"{program.name} {program.version}", program.declaration)
        found = self._shelf().find(name, version)
        if found is None:
            which = f"{name} {version}" if version else repr(name)
            raise InputError(Reason.UNKNOWN, f"no program {which}")
        if found.fault:
            raise InputError(Reason.CORRUPT, f"program {name} {found.version}: {found.fault}")
        return self._uplinked(found)

    def _uplinked(self, found: Installed) -> Listing:
        manifest = found.manifest
        return Listing(
            manifest.entry,
            f"{manifest.name} {manifest.version}",
            declaration(manifest),
            str(self._store.path(found.file)),
            found.sha256,
        )

    def _shelf(self) -> Shelf:
        try:
            return decode_shelf(self._store.generations(NAME)) or Shelf()
        except OSError as error:
            raise InputError(Reason.CORRUPT, f"program shelf: {error.strerror}") from error
