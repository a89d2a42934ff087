"""Trace of an emulated link, and its replay bit for bit.

JSON lines. The first holds seed and link. Then, in the order of time, the inputs: ``{t_in, dir,
offer}`` and ``{t_in, dir, inject}`` with the frame in hex, ``{t_in, dir, set, value}`` and ``{t_in,
dir, outage}``. Behind each frame a line ``{t_in, t_out, dir, len, flips, fate, sha8}`` for all that
becomes of it; ``sha8`` are the first 8 hex digits of SHA-256 of what leaves the channel, ``t_out``
is null for what is lost, or went into the datagram of the next frame. Behind an outage one with
``was``, the fate so far, for each frame that still waited and is lost by it. ``{t_in, dir, begin}``
says that an attacker begins to inject; what it injects has the line of its fate alone. A channel is
a pure function of seed, settings, inputs and those times, so these are enough to do it all again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ground.emulator.channel import Channel
from ground.emulator.stages import Transmission, ends
from ground.linkfile import Link, LinkFileError, direction

_MADE = ("noise", "duplicated", "replayed", "injected")


class TraceError(ValueError):
    """No trace, or one that does not come out again."""


class EmulatedLink:
    """Both directions of a link; ``write`` gets the lines of a trace, without line ends."""

    def __init__(self, link: Link, seed: int, write: Callable[[str], None] | None = None) -> None:
        self._write = write
        self._line({"seed": seed, "link": asdict(link)})
        self.ways: dict[str, Channel] = {}
        for name, way in (("up", link.up), ("down", link.down)):
            fates = None if write is None else partial(self._fates, name)
            self.ways[name] = Channel(way, seed, name, link.contacts, fates, link.track)

    def set(self, way: str, name: str, value: float, now: float) -> None:
        """Change a setting of a direction. Raises LinkFileError."""
        self.ways[way].set(name, value, now)
        self._line({"t_in": now, "dir": way, "set": name, "value": value})

    def outage(self, way: str, now: float, duration: float) -> None:
        """Interrupt a direction for ``duration`` s."""
        self.ways[way].advance(now)
        lost = self.ways[way].outage(now, duration)
        self._line({"t_in": now, "dir": way, "outage": duration})
        for item in lost:
            self._fate(way, now, replace(item, fate="dropped_outage"), {"was": item.fate})

    def _fates(
        self, way: str, now: float, cause: dict[str, str], items: list[Transmission]
    ) -> None:
        if cause:
            self._line({"t_in": now, "dir": way} | cause)
        for item in items:
            self._fate(way, now, item, {})

    def _fate(self, way: str, now: float, item: Transmission, more: dict[str, str]) -> None:
        line = {"t_in": now, "t_out": None if ends(item.fate) else item.time, "dir": way}
        line |= {"len": len(item.frame), "flips": item.flips, "fate": item.fate}
        self._line(line | {"sha8": hashlib.sha256(item.frame).hexdigest()[:8]} | more)

    def _line(self, fields: dict[str, Any]) -> None:
        if self._write is not None:
            self._write(json.dumps(fields, separators=(",", ":")))


class _Lines:
    """Lines of a trace with their numbers and fields. ``cut`` is what there is of a last one that
    was not written to its end, and is not given."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.cut = ""
        self.last = 0

    def __iter__(self) -> Iterator[tuple[int, str, Any]]:
        for number, text in enumerate(self._lines, 1):
            if self.cut:
                raise TraceError(f"line {self.last + 1} is none of a trace")
            try:
                fields = json.loads(text)
            except ValueError as error:
                if text.endswith("\n"):
                    raise TraceError(f"line {number} is none of a trace: {error}") from error
                self.cut = text
                continue
            self.last = number
            yield number, text.rstrip("\n"), fields


class Replay(NamedTuple):
    """Number of frames offered, and True for a trace whose last line was cut."""

    offers: int
    cut: bool


def replay(lines: Iterable[str]) -> Replay:
    """Do it all again. Raises TraceError at the first line that is wrong or comes out otherwise; of
    a last line that was cut, what there is must come out."""
    again: list[str] = []
    link: EmulatedLink | None = None
    whole = _Lines(lines)
    offers = done = 0
    for number, text, fields in whole:
        try:
            if link is None:
                link = EmulatedLink(_link(fields["link"]), int(fields["seed"]), again.append)
            else:
                offers += "offer" in fields
                _input(link, fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TraceError(f"line {number} is none of a trace: {error}") from error
        # The first line is all input. It may lack what a link could not yet do when it was written.
        if done >= len(again) or (done and again[done] != text):
            raise TraceError(f"line {number} does not come out again")
        done += 1
    if link is None or (done != len(again) and not whole.cut):
        raise TraceError(f"ends behind line {whole.last}, before all that became of its last frame")
    if done != len(again) and not again[done].startswith(whole.cut):
        raise TraceError(f"line {whole.last + 1} does not come out again")
    return Replay(offers, bool(whole.cut))


def _link(fields: dict[str, Any]) -> Link:
    contacts = tuple((float(begin), float(end)) for begin, end in fields["contacts"])
    track = tuple((float(t), float(far), float(high)) for t, far, high in fields.get("track", ()))
    up, down = (
        direction({key: each for key, each in fields[way].items() if each is not None}, Path())
        for way in ("up", "down")
    )
    return Link(up, down, contacts, track)


def _input(link: EmulatedLink, fields: dict[str, Any]) -> None:
    now, way = float(fields["t_in"]), fields["dir"]
    match fields:
        case {"fate": _} | {"begin": _}:
            link.ways[way].advance(now)
        case {"offer": str() as frame}:
            link.ways[way].offer(bytes.fromhex(frame), now)
        case {"inject": str() as frame}:
            link.ways[way].inject(bytes.fromhex(frame), now)
        case {"set": str() as name, "value": float() | int() as value}:
            link.set(way, name, value, now)
        case {"outage": float() | int() as duration}:
            link.outage(way, now, duration)
        case _:
            raise LinkFileError("no input")


class Summary(NamedTuple):
    """Counts and rates of each direction, and True for a trace whose last line was cut."""

    ways: dict[str, dict[str, float]]
    cut: bool


def summary(lines: Iterable[str]) -> Summary:
    """Counts of each direction, and ``loss`` (frames that never leave), ``fer`` (of those that do,
    the share with wrong bits or length) and ``ber`` (flips per bit). Raises TraceError."""
    counts: dict[str, Counter[str]] = {"up": Counter(), "down": Counter()}
    whole = _Lines(lines)
    for number, _, fields in whole:
        try:
            if number > 1:
                _tally(counts[fields["dir"]], fields)
        except (ValueError, KeyError, TypeError) as error:
            raise TraceError(f"line {number} is none of a trace: {error}") from error
    return Summary({way: _rates(count) for way, count in counts.items()}, bool(whole.cut))


def _tally(count: Counter[str], fields: dict[str, Any]) -> None:
    count["offered"] += "offer" in fields
    if "fate" not in fields:
        return
    before = fields.get("was")
    if before is not None:
        _count(count, fields, before, -1)
    if before not in _MADE:  # else no frame that was offered is lost with it
        _count(count, fields, fields["fate"], 1)


def _count(count: Counter[str], fields: dict[str, Any], fate: str, number: int) -> None:
    count[fate] += number
    if fate not in _MADE and not ends(fate):
        count["passed"] += number
        count["bits"] += number * 8 * fields["len"]
        count["flips"] += number * fields["flips"]
        count["damaged"] += number * (bool(fields["flips"]) or fate != "delivered")


def _rates(count: Counter[str]) -> dict[str, float]:
    passed, bits = max(count["passed"], 1), max(count["bits"], 1)
    lost = sum(number for fate, number in count.items() if ends(fate))
    rates = {"loss": lost / max(count["offered"], 1), "fer": count["damaged"] / passed}
    return dict(count) | rates | {"ber": count["flips"] / bits}
