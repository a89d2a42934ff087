"""Description of a link, read from ``configs/links/*.toml``."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ground.emulator.hexframes import HexFrameError, parse_frames

LIGHT = 299_792.458  # km/s
_CHANCES = ("reorder", "truncate", "merge", "noise", "duplicate", "garble", "replay")
_DECIBELS = (-50.0, 100.0)
Window = tuple[float, float]  # begin and end of a contact, s
Sample = tuple[float, float, float]  # time in s, range in km, elevation in deg


class LinkFileError(ValueError):
    """The file is no description of a link."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction. Times in s, ``rate`` in bit/s, ``queue`` in octets, chances per frame.

    - ``hold``: frames that do not begin to be sent within a contact wait in the queue for the next
      one; else they are dropped. ``pressure``: share of the queue from which on the transmitter
      asks for less.
    - ``rate_steps``: ``(deg, bit/s)``, the rate from an elevation on; ``rate`` is that below.
    - ``ber``: bit error rate; while a burst lasts, it is ``burst_ber``. Bursts last ``burst`` and
      come ``calm`` apart, both exponential with these means, in time: longer frames meet more.
    - ``ebn0``: dB, in place of ``ber``; that of BPSK or QPSK follows, as if ``coding_gain`` dB were
      added. It holds at ``rate``, and falls with steps of the rate; with ``ebn0_range`` in km it
      holds at that range, and falls with its square.
    - ``delay``: one way; with contacts from elements range over c comes on top. Up to ``jitter``
      more, in order; a frame is overtaken, by ``displace`` at most, with chance ``reorder``.
    - ``truncate``, ``merge``, ``noise``, ``duplicate``, ``garble``: the frame is cut, comes in one
      datagram with the next, gets octets of noise before it, comes twice, or is overwritten with
      noise.
    - ``replay``: a frame is kept and sent again, ``replay_after`` later. ``inject``: frames from
      elsewhere, per second: those of ``inject_frames`` (hex) in turn, else noise. Both come from a
      transmitter of its own, out of contact too.
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
    inject_frames: tuple[str, ...] = ()
    merge: float = 0.0
    hold: bool = False
    pressure: float = 0.75
    rate_steps: tuple[tuple[float, float], ...] = ()
    ebn0: float | None = None
    coding_gain: float = 0.0
    ebn0_range: float = 0.0

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
        if not 0 < self.pressure <= 1:
            raise LinkFileError(f"pressure must lie in 0 to 1, not {self.pressure}")
        self._check_steps()
        self._check_ebn0()

    def _check_steps(self) -> None:
        before = -90.0
        for angle, rate in self.rate_steps:
            if not (before <= angle <= 90 and 0 < rate < 1e12):
                raise LinkFileError(
                    f"rate_steps: [{angle:g}, {rate:g}] is no elevation in deg above the one before"
                    " and rate in bit/s"
                )
            before = math.nextafter(angle, math.inf)

    def _check_ebn0(self) -> None:
        if not 0 <= self.ebn0_range < 1e10:
            raise LinkFileError(f"ebn0_range must not be below 0 km, not {self.ebn0_range}")
        if self.ebn0 is None:
            if self.coding_gain or self.ebn0_range:
                raise LinkFileError("coding_gain and ebn0_range need ebn0")
            return
        if self.ber:
            raise LinkFileError("ber and ebn0 exclude each other")
        least, most = _DECIBELS
        for name in ("ebn0", "coding_gain"):
            if not least <= getattr(self, name) <= most:
                raise LinkFileError(
                    f"{name} must lie in {least:g} to {most:g} dB, not {getattr(self, name)}"
                )


@dataclass(frozen=True, slots=True)
class Link:
    """Both directions: ``up`` from station to node, ``down`` from node to station.

    ``contacts`` are the only times at which frames pass, in s from the start; none is always.
    ``track`` says where the satellite stands meanwhile, when they come from elements.
    """

    up: Direction = Direction()
    down: Direction = Direction()
    contacts: tuple[Window, ...] = ()
    track: tuple[Sample, ...] = ()

    def __post_init__(self) -> None:
        for name, way in (("up", self.up), ("down", self.down)):
            for key in ("rate_steps", "ebn0_range"):
                if getattr(way, key) and not self.track:
                    raise LinkFileError(f"[{name}] {key} needs contacts from elements")

    @property
    def round_trip(self) -> float:
        """Propagation there and back in s; the longest, where it changes."""
        farthest = max((distance for _, distance, _ in self.track), default=0.0)
        return self.up.delay + self.down.delay + 2 * farthest / LIGHT

    def shifted(self, start: float) -> Link:
        """The same link, counted from another time."""
        contacts = tuple((start + begin, start + end) for begin, end in self.contacts)
        track = tuple((start + time, far, high) for time, far, high in self.track)
        return Link(self.up, self.down, contacts, track)


def direction(table: Any, folder: Path) -> Direction:
    """Return the direction that a table of TOML describes; files lie in ``folder``. Raises
    LinkFileError, which names the key."""
    if not isinstance(table, dict):
        raise LinkFileError("is missing")
    known = [field.name for field in fields(Direction)]
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise LinkFileError(f"has no key {key!r}; it knows {', '.join(known)}")
        if key == "inject_frames":
            values[key] = _frames(value, folder)
        elif key == "rate_steps":
            values[key] = tuple(_pair(key, each) for each in _listed(key, value))
        elif key == "hold":
            values[key] = _flag(key, value)
        else:
            values[key] = int(_number(key, value)) if key == "queue" else _number(key, value)
    return Direction(**values)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LinkFileError(f"{key} must be a number")
    if not math.isfinite(value):
        raise LinkFileError(f"{key} must be finite")
    return float(value)


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise LinkFileError(f"{key} must be true or false")
    return value


def _listed(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise LinkFileError(f"{key} must be a list")
    return value


def _pair(key: str, value: Any) -> tuple[float, float]:
    if len(_listed(f"{key}: each", value)) != 2:
        raise LinkFileError(f"{key}: {value!r} is no pair")
    return _number(key, value[0]), _number(key, value[1])


def _frames(value: Any, folder: Path) -> tuple[str, ...]:
    """Of a list of frames in hex, or of the name of a file with one a line."""
    if value == []:
        return ()
    try:
        text = (folder / value).read_text() if isinstance(value, str) else _joined(value)
        return tuple(frame.hex() for frame in parse_frames(text))
    except (OSError, UnicodeDecodeError, HexFrameError) as error:
        raise LinkFileError(f"inject_frames: {error}") from error


def _joined(value: Any) -> str:
    if not all(isinstance(line, str) for line in _listed("inject_frames", value)):
        raise LinkFileError("inject_frames must be frames in hex, or the name of a file with them")
    return "\n".join(value)


def load_link(path: Path) -> Link:
    """Return the link that a TOML file describes. Raises LinkFileError, OSError."""
    try:
        tables = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LinkFileError(f"{path}: {error}") from error
    unknown = set(tables) - {"up", "down", "contacts"}
    if unknown:
        raise LinkFileError(f"{path}: unknown table {min(unknown)!r}, expected [up] and [down]")
    ways = {}
    for name in ("up", "down"):
        try:
            ways[name] = direction(tables.get(name), path.parent)
        except LinkFileError as error:
            raise LinkFileError(f"{path}: [{name}] {error}") from error
    try:
        contacts, track = _contacts(tables.get("contacts", []), path.parent)
        return Link(ways["up"], ways["down"], contacts, track)
    except LinkFileError as error:
        raise LinkFileError(f"{path}: {error}") from error


def _contacts(listed: Any, folder: Path) -> tuple[tuple[Window, ...], tuple[Sample, ...]]:
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
    return tuple(found), ()
