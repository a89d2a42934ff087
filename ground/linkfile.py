"""Description of a link, read from ``configs/links/*.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

_CHANCES = ("reorder", "truncate", "noise", "duplicate", "garble", "replay")
Window = tuple[float, float]  # begin and end of a contact, s


class LinkFileError(ValueError):
    """The file is no description of a link."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction. Times in s, ``rate`` in bit/s, ``queue`` in octets, chances per frame.

    - ``ber``: bit error rate; while a burst lasts, it is ``burst_ber``. Bursts last ``burst`` and
      come ``calm`` apart, both exponential with these means, in time: longer frames meet more.
    - ``delay``: one way; up to ``jitter`` more, in order; a frame is overtaken, by ``displace`` at
      most, with chance ``reorder``.
    - ``truncate``, ``noise``, ``duplicate``, ``garble``: the frame is cut, gets octets of noise
      before it, comes twice, or is overwritten with noise.
    - ``replay``: a frame is kept and sent again, ``replay_after`` later. ``inject``: frames of
      noise from elsewhere, per second.
    """

    rate: float = 1e6
    delay: float = 0.0
    ber: float = 0.0
    queue: int = 1 << 18
    burst_ber: float = 0.0
    burst: float = 0.0
    calm: float = 0.0
    jitter: float = 0.0
    reorder: float = 0.0
    displace: float = 0.05
    truncate: float = 0.0
    noise: float = 0.0
    duplicate: float = 0.0
    garble: float = 0.0
    replay: float = 0.0
    replay_after: float = 5.0
    inject: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1e12:
            raise LinkFileError(f"rate must lie in 0 to 1e12 bit/s, not {self.rate}")
        if self.queue < 1:
            raise LinkFileError(f"queue must be above 0 octets, not {self.queue}")
        for name in ("delay", "burst", "calm", "jitter", "displace", "replay_after", "inject"):
            if not 0 <= getattr(self, name) < 1e6:
                raise LinkFileError(f"{name} must not be below 0 s, not {getattr(self, name)}")
        for name in ("ber", "burst_ber", *_CHANCES):
            if not 0 <= getattr(self, name) < 1:
                raise LinkFileError(f"{name} must lie in 0 to 1, not {getattr(self, name)}")
        if self.burst_ber and not (self.burst and self.calm):
            raise LinkFileError("burst_ber needs the lengths burst and calm")


@dataclass(frozen=True, slots=True)
class Link:
    """Both directions: ``up`` from station to node, ``down`` from node to station.

    ``contacts`` are the only times at which frames pass, in s from the start; none is always.
    """

    up: Direction = Direction()
    down: Direction = Direction()
    contacts: tuple[Window, ...] = ()

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
    unknown = set(tables) - {"up", "down", "contacts"}
    if unknown:
        raise LinkFileError(f"{path}: unknown table {min(unknown)!r}, expected [up] and [down]")
    try:
        return Link(
            _direction("up", tables.get("up")),
            _direction("down", tables.get("down")),
            _contacts(tables.get("contacts", []), path.parent),
        )
    except LinkFileError as error:
        raise LinkFileError(f"{path}: {error}") from error


def _contacts(listed: Any, folder: Path) -> tuple[Window, ...]:
    """``contacts = [[begin, end], …]``, in order and apart; a table: see ``passes.contacts``."""
    if isinstance(listed, dict):
        from ground.passes.contacts import contacts
        from ground.passes.geometry import PassError

        try:
            return contacts(listed, folder)
        except PassError as error:
            raise LinkFileError(str(error)) from error
    found: list[Window] = []
    for each in listed if isinstance(listed, list) else [listed]:
        numbers = isinstance(each, list) and all(isinstance(n, int | float) for n in each)
        if not numbers or len(each) != 2 or not (found[-1][1] if found else 0) <= each[0] < each[1]:
            raise LinkFileError(f"contacts: {each!r} is no [begin, end] in s behind the one before")
        found.append((float(each[0]), float(each[1])))
    return tuple(found)
