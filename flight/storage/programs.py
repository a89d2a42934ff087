"""Installed programs: uplinked bundles that verified, and the shelf that says which are in use.

A bundle is one file, written whole before the shelf names it; the shelf is one record of the
store. So an interruption anywhere leaves the programs as they were, or as they should be.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence

from flight.dictionary.bundle import LARGEST, BundleError
from flight.dictionary.enums import Reason
from flight.dictionary.programs import PROGRAMS
from flight.dictionary.shelf import (
    NAME,
    Installed,
    Shelf,
    ShelfError,
    decode_shelf,
    encode_shelf,
)
from flight.dictionary.signature import check_dictionary, check_signature, verify_bundle
from flight.link.staging import staged
from flight.runtime.service import Store
from flight.runtime.store import replace_file


class ProgramStore:
    """Every change is refused with ShelfError or BundleError, or raises OSError."""

    def __init__(self, store: Store, keys: Sequence[bytes]) -> None:
        self._store, self._keys = store, keys
        self.shelf = Shelf()

    def load(self) -> list[tuple[Installed, str]]:
        """Take up the shelf and verify every bundle on it again.

        Returns those that may not be used any more, and why: damaged, or signed with a key that
        this node no longer has. Raises ShelfError CORRUPT when the shelf cannot be read, OSError.
        """
        shelf = decode_shelf(self._store.generations(NAME))
        if shelf is None:
            if NAME in self._store.names(NAME):
                raise ShelfError(Reason.CORRUPT, "no generation of the shelf can be read")
            shelf = Shelf()
        self.shelf = shelf
        self._sweep()
        faulty = []
        for installed, _ in shelf.installed():
            fault = self._fault(installed)
            if fault != installed.fault:
                shelf = shelf.with_fault(installed.manifest.name, installed.version, fault)
            if fault:
                faulty.append((installed, fault))
        if shelf != self.shelf:
            self._write(shelf)
        return faulty

    def _sweep(self) -> None:
        """Remove bundles that an interrupted change has left, which the shelf does not name."""
        kept = {self._store.path(installed.file) for installed, _ in self.shelf.installed()}
        for path in self._store.path(NAME).parent.glob("*.bundle"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def _fault(self, installed: Installed) -> str:
        """Why a bundle may not be used, empty when it may."""
        try:
            data = self._store.path(installed.file).read_bytes()
            if hashlib.sha256(data).hexdigest() != installed.sha256:
                return "SHA-256 differs"
            check_signature(data, self._keys)
            check_dictionary(installed.manifest)
        except OSError as error:
            return f"unreadable: {error.strerror}"
        except BundleError as error:
            return error.detail
        return ""

    def install(self, file: str) -> Installed:
        """Verify an uplinked bundle and keep it; once more is the same as once."""
        data = self._staged(file)
        manifest = verify_bundle(data, self._keys).manifest
        if manifest.name in PROGRAMS:
            detail = f"{manifest.name} ships with the software"
            raise BundleError(Reason.PERMISSION, detail)
        installed = Installed(manifest, len(data), hashlib.sha256(data).hexdigest())
        shelf = self.shelf.with_installed(installed)
        replace_file(self._store.path(installed.file), data)
        self._write(shelf)
        return installed

    def _staged(self, file: str) -> bytes:
        try:
            with self._store.path(staged(file)).open("rb") as bundle:
                return bundle.read(LARGEST + 1)
        except ValueError as error:
            raise BundleError(Reason.FORMAT, str(error)) from error
        except FileNotFoundError as error:
            raise BundleError(Reason.UNKNOWN, f"no file {file} has been uplinked") from error

    def activate(self, name: str, version: int) -> Installed:
        """Have new tasks run a version; returns it."""
        return self._turn(name, self.shelf.with_active(name, version))

    def roll_back(self, name: str) -> Installed:
        """Have new tasks run the version that was active before; returns it."""
        return self._turn(name, self.shelf.rolled_back(name))

    def _turn(self, name: str, shelf: Shelf) -> Installed:
        found = shelf.find(name)
        assert found is not None
        if shelf != self.shelf:
            self._write(shelf)
        return found

    def _write(self, shelf: Shelf) -> None:
        """Put a new shelf into force; the files that it no longer names go."""
        if shelf != self.shelf:
            self._store.write(NAME, encode_shelf(shelf))
        self.shelf = shelf
        with contextlib.suppress(OSError):  # they are found again at the next start
            self._sweep()
