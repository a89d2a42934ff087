"""Reading of configs/node.toml: checked as a whole before a node starts, relative paths made
absolute. Every refusal names file, field and value."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flight.dictionary.fieldspec import fields
from flight.dictionary.registry import items
from flight.dictionary.values import LayoutError, checked, suggestion
from flight.governor.levels import levels
from flight.hal.board import open_board
from flight.link.coding.ends import Coding
from flight.runtime.port import parse_endpoint

MOST_SEED = 2**32 - 1
_MODEL = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KEY = re.compile(r"[0-9a-f]{64}")


class ConfigError(ValueError):
    """A configuration file cannot be used; the message names file, field and value."""


def _whole(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value <= most


def _endpoint(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_endpoint(value))
    except ValueError:
        return False


def _coding(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(Coding.parse(value))
    except ValueError:
        return False


def _path(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _table(value: Any) -> bool:
    return isinstance(value, dict)


def _models(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(name, str) and _MODEL.fullmatch(name) for name in value
    )


def _keys(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(key, str) and _KEY.fullmatch(key) for key in value
    )


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seed": (_whole(MOST_SEED), f"a whole number from 0 to {MOST_SEED}"),
    "link.spacecraft": (_whole(1023), "a whole number from 0 to 1023"),
    "link.keys": (_path, "a folder of keys"),
    "link.cfdp_crc": (lambda value: type(value) is bool, "true or false"),
    "link.coding": (_coding, "words of cltu or cltu-randomised, rs1 to rs5 or rs8"),
    "link.space.listen": (_endpoint, "HOST:PORT"),
    "link.space.peer": (_endpoint, "HOST:PORT"),
    "executor.payload": (_path, "a folder"),
    "executor.canary.program": (_name, "a program"),
    "executor.canary.scene": (_name, "a scene of the payload folder"),
    "inference.models": (_path, "a folder"),
    "inference.active": (_models, "a list of model names of a-z, 0-9 and -"),
    "governor.board": (_path, "a file"),
    "governor.levels": (_table, "a table"),
    "storage.program_keys": (_keys, "a list of public keys of 64 hexadecimal digits"),
    "radiation.tle": (_path, "a file"),
    "radiation.flux": (_path, "a file"),
    "parameters": (_table, "a table"),
}
_OPTIONAL = {
    "seed",
    "link.keys",
    "link.cfdp_crc",
    "link.coding",
    "executor.canary.program",
    "executor.canary.scene",
    "governor.levels",
    "radiation.tle",
    "radiation.flux",
    "storage.program_keys",
    "parameters",
}
_TABLES = {name.rpartition(".")[0] for name in _RULES if "." in name} | {"link"}
_SHOWN = 60


def default_path() -> Path:
    """configs/node.toml of the checkout, or the copy inside the installed package."""
    package = Path(__file__).parent
    inside = package / "configs" / "node.toml"
    return inside if inside.exists() else package.parent / "configs" / "node.toml"


def load(path: Path) -> dict[str, Any]:
    """Settings of a node. Raises ConfigError."""
    settings = read_toml(path)
    try:
        _check(settings)
        _check_levels(settings["governor"].get("levels", {}))
        for owner, values in settings.get("parameters", {}).items():
            _check_parameters(owner, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    base = path.resolve().parent
    for service, field in (("executor", "payload"), ("inference", "models")):
        settings[service][field] = str(base / settings[service][field])
    if "keys" in settings["link"]:
        settings["link"]["keys"] = str(base / settings["link"]["keys"])
    radiation = settings.setdefault("radiation", {})
    if len(radiation) == 1:
        raise ConfigError(f"{path}: radiation needs both tle and flux, or neither")
    settings["radiation"] = {name: str(base / value) for name, value in radiation.items()}
    settings["governor"]["board"] = _board(base / settings["governor"]["board"])
    return settings


def read_toml(path: Path) -> dict[str, Any]:
    """One TOML file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError, or UnicodeDecodeError
        raise ConfigError(f"{path}: {error}") from error


def _check(settings: Mapping[str, Any]) -> None:
    found = dict(_flat(settings))
    for name, value in found.items():
        if name not in _RULES:
            raise _unknown(name, value)
        accepts, allowed = _RULES[name]
        if not accepts(value):
            raise ConfigError(f"{name} = {_shown(value)}: {allowed} is allowed")
    for name, (_, needed) in _RULES.items():
        if name not in found and name not in _OPTIONAL:
            raise ConfigError(f"{name} is missing: {needed} is needed")


def _unknown(name: str, value: Any) -> ConfigError:
    if name in _TABLES:
        return ConfigError(f"{name} = {_shown(value)}: a table is allowed")
    if isinstance(value, dict):
        return ConfigError(f"unknown table {name}{suggestion(name, _TABLES)}")
    return ConfigError(f"unknown field {name} = {_shown(value)}{suggestion(name, _RULES)}")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values, tables opened as far as the rules name what is in them."""
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict) and name in _TABLES:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _check_levels(table: Mapping[str, Any]) -> None:
    try:
        levels(table)
    except ValueError as error:
        raise ConfigError(f"governor.levels: {error}") from error


def _check_parameters(owner: str, values: Any) -> None:
    known = {entry.name: entry.type for entry in items("parameter")}
    if owner not in known:
        raise ConfigError(f"unknown table parameters.{owner}{suggestion(owner, known)}")
    if not isinstance(values, dict):
        raise ConfigError(f"parameters.{owner} = {_shown(values)}: a table is allowed")
    specs = {spec.name: spec for spec in fields(known[owner])}
    for field, value in values.items():
        if field not in specs:
            name = f"parameters.{owner}.{field}"
            near = suggestion(field, specs)
            raise ConfigError(f"unknown field {name} = {_shown(value)}{near}")
        try:
            checked(specs[field], value)
        except LayoutError as error:
            raise ConfigError(f"parameters.{owner}.{error.detail}") from error


def _board(path: Path) -> dict[str, Any]:
    """Settings of a board that opens."""
    board = read_toml(path)
    try:
        open_board(board, lambda: 0.0, 0)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    return board
