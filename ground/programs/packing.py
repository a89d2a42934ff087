"""From a folder with ``program.toml`` and Python files to a signed bundle. Nothing in it is run."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from flight.dictionary.bundle import LARGEST, BundleError, listing, pack_bundle
from flight.dictionary.content import content_hash
from flight.dictionary.manifest import Manifest, Parameter
from flight.dictionary.programs import PROGRAMS
from flight.dictionary.signature import key_id
from flight.dictionary.values import suggestion
from ground.programs.keys import SigningKey

DESCRIPTION = "program.toml"
_KEYS = ("name", "version", "entry", "summary", "result", "scenes", "parameters")
_PARAMETER_KEYS = tuple(name for name in Parameter.__struct_fields__ if name != "name")


class PackError(ValueError):
    """A folder is no program that a node would take."""


def pack(folder: Path, key: SigningKey) -> tuple[Manifest, bytes]:
    """The manifest and the octets of a bundle. Raises PackError, OSError."""
    files = _sources(folder)
    manifest = _manifest(folder / DESCRIPTION, files)
    try:
        return manifest, pack_bundle(manifest, files, key_id(key.public), key.sign)
    except BundleError as error:
        raise PackError(f"{folder}: {error.detail}") from error


def _sources(folder: Path) -> dict[str, bytes]:
    """Python files below a folder by name, in order of their names."""
    files: dict[str, bytes] = {}
    room = LARGEST
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        files[name] = path.read_bytes()
        room -= len(files[name])
        if room < 0:
            raise PackError(f"{folder}: more than {LARGEST} octets of Python files")
        _compile(path, files[name])
    return files


def _compile(path: Path, source: bytes) -> None:
    try:
        compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PackError(f"{path} does not compile: {error}") from error


def _manifest(path: Path, files: dict[str, bytes]) -> Manifest:
    try:
        described = tomllib.loads(path.read_text())
    except ValueError as error:  # TOMLDecodeError, or UnicodeDecodeError
        raise PackError(f"{path}: {error}") from error
    _check_keys(path, described, _KEYS)
    parameters = described.get("parameters", {})
    if not isinstance(parameters, dict) or not all(
        isinstance(each, dict) for each in parameters.values()
    ):
        raise PackError(f"{path}: parameters are tables, [parameters.NAME]")
    for each in parameters.values():
        _check_keys(path, each, _PARAMETER_KEYS)
    if described.get("name") in PROGRAMS:
        raise PackError(f"{path}: {described['name']} ships with the software; choose another name")
    whole: dict[str, Any] = {
        "scenes": 1,
        **described,
        "parameters": [{"name": name, **each} for name, each in parameters.items()],
        "dictionary": content_hash().hex(),
        "files": listing(files),
    }
    try:
        return msgspec.convert(whole, Manifest)
    except msgspec.ValidationError as error:
        raise PackError(f"{path}: {error}") from error


def _check_keys(path: Path, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            hint = suggestion(key, known) or f"; known: {', '.join(known)}"
            raise PackError(f"{path}: unknown key {key!r}{hint}")
