"""Import of a program out of the bytes of its bundle. Only replicas do that.

The modules of a bundle are a package whose name holds its digest, so that versions never meet and
nothing of Python or of this software can be shadowed; they import each other relatively.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from flight.dictionary.bundle import Bundle, BundleError, parse_bundle
from flight.dictionary.enums import Reason
from flight.dictionary.manifest import declaration
from flight.dictionary.programs import Declaration
from flight.executor.protocol import Assignment
from flight.executor.task import InputError
from flight.runtime.zygote import resolve


class _Modules(MetaPathFinder, InspectLoader):
    """Finds and loads the modules of one bundle."""

    def __init__(self, package: str, bundle: Bundle) -> None:
        self.package = package
        self._files = bundle.files
        self._label = f"{bundle.manifest.name}-{bundle.manifest.version}"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module of the bundle, None for any other."""
        if fullname != self.package and not fullname.startswith(f"{self.package}."):
            return None
        if not self.is_package(fullname) and self._file(fullname) not in self._files:
            return None
        return spec_from_loader(fullname, self, is_package=self.is_package(fullname))

    def _file(self, fullname: str) -> str:
        module = fullname.removeprefix(self.package).lstrip(".").replace(".", "/")
        return f"{module}/__init__.py".lstrip("/") if self.is_package(fullname) else f"{module}.py"

    def is_package(self, fullname: str) -> bool:
        """True for the bundle itself and for its folders."""
        folder = fullname.removeprefix(self.package).lstrip(".").replace(".", "/") + "/"
        return folder == "/" or any(name.startswith(folder) for name in self._files)

    def get_source(self, fullname: str) -> str:
        """Text of a module; a folder need not have one."""
        return self._files.get(self._file(fullname), b"").decode()

    def get_code(self, fullname: str) -> CodeType:
        """Code of a module, which tracebacks name after the program."""
        place = f"<{self._label}>/{self._file(fullname)}"
        return self.source_to_code(self.get_source(fullname), place)


def open_program(assignment: Assignment) -> tuple[Any, Declaration]:
    """Class and declaration of a task's program, one that ships or one that came up.

    Raises InputError when the bundle is not the one that was installed, or does not load.
    """
    if not assignment.bundle:
        shipped: Any = resolve(assignment.program)
        return shipped, shipped.declaration
    try:
        data = Path(assignment.bundle).read_bytes()
    except OSError as error:
        raise InputError(Reason.UNKNOWN, f"program bundle: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != assignment.bundle_sha256:
        raise InputError(Reason.CORRUPT, "program bundle: SHA-256 differs")
    try:
        bundle = parse_bundle(data)
    except BundleError as error:
        raise InputError(error.reason, f"program bundle: {error.detail}") from error
    package = f"bundle_{assignment.bundle_sha256[:16]}"
    if not any(getattr(finder, "package", "") == package for finder in sys.meta_path):
        sys.meta_path.append(_Modules(package, bundle))
    try:
        return resolve(f"{package}.{assignment.program}"), declaration(bundle.manifest)
    except Exception as error:  # whatever its code raises when it is imported
        line = f"{type(error).__name__}: {error}"
        raise InputError(Reason.FORMAT, f"program does not load: {line}") from error
