"""Description of a link, read from ``configs/links/*.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


class LinkFileError(ValueError):
    """The file is no description of a link."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction. ``rate`` in bit/s, ``delay`` one way in s, ``queue`` in octets."""

    rate: float = 1e6
    delay: float = 0.0
    ber: float = 0.0
    queue: int = 1 << 18

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise LinkFileError(f"rate must be above 0 bit/s, not {self.rate}")
        if not self.delay >= 0:
            raise LinkFileError(f"delay must not be below 0 s, not {self.delay}")
        if not 0 <= self.ber < 1:
            raise LinkFileError(f"ber must lie in 0 to 1, not {self.ber}")
        if self.queue < 1:
            raise LinkFileError(f"queue must be above 0 octets, not {self.queue}")


@dataclass(frozen=True, slots=True)
class Link:
    """Both directions: ``up`` from station to node, ``down`` from node to station."""

    up: Direction = Direction()
    down: Direction = Direction()

    @property
    def round_trip(self) -> float:
        """Propagation there and back in s."""
        return self.up.delay + self.down.delay


def _direction(name: str, table: Any) -> Direction:
    if not isinstance(table, dict):
        raise LinkFileError(f"[{name}] is missing")
    known = {field.name: int if field.name == "queue" else float for field in fields(Direction)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise LinkFileError(f"[{name}] has no key {key!r}; it knows {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LinkFileError(f"[{name}] {key} must be a number")
        values[key] = known[key](value)
    return Direction(**values)


def load_link(path: Path) -> Link:
    """Return the link that a TOML file describes. Raises LinkFileError, OSError."""
    try:
        tables = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LinkFileError(f"{path}: {error}") from error
    unknown = set(tables) - {"up", "down"}
    if unknown:
        raise LinkFileError(f"{path}: unknown table {min(unknown)!r}, expected [up] and [down]")
    try:
        return Link(_direction("up", tables.get("up")), _direction("down", tables.get("down")))
    except LinkFileError as error:
        raise LinkFileError(f"{path}: {error}") from error
