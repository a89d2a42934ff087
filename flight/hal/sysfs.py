"""Tolerant readers of sysfs attributes: what cannot be read or believed is never a number."""

from __future__ import annotations

import os
import re
from pathlib import Path

from flight.hal.reading import Reading, lost, measured

_SIZE = 4096  # sysfs attributes are at most one page
_NUMBER = re.compile(r"([+-]?\d{1,20}(?:\.\d{1,9})?)\s*[A-Za-z%]{0,3}")


def _content(path: Path) -> str:
    # Non-blocking: a powered-down sensor answers EAGAIN instead of stalling the governor.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        octets = os.read(descriptor, _SIZE)
    finally:
        os.close(descriptor)
    return octets.decode("ascii", "replace").replace("\0", " ").strip()


def text(path: Path) -> str:
    """Content of an attribute without blanks and NULs at its ends; empty when unreadable."""
    try:
        return _content(path)
    except OSError:
        return ""


def number(path: Path, scale: float, lo: float, hi: float) -> float:
    """Number in an attribute times ``scale``; a unit behind it ("32760 ma") is ignored.

    Raises OSError when it cannot be read (BlockingIOError from a powered-down sensor) and
    ValueError when it is no number or, scaled, lies outside ``lo`` to ``hi``.
    """
    content = _content(path)
    match = _NUMBER.fullmatch(content)
    if match is None:
        raise ValueError(f"no number: {content[:16]!r}" if content else "empty")
    value = float(match[1]) * scale
    if not lo <= value <= hi:
        raise ValueError(f"implausible: {value:.6g}")
    return value


def measure(path: Path, unit: str, scale: float, lo: float, hi: float, source: str) -> Reading:
    """Like ``number``, as a Reading: LOST with the reason instead of an exception."""
    try:
        return measured(number(path, scale, lo, hi), unit, source)
    except OSError as error:
        return lost(unit, source, error.strerror or "unreadable")
    except ValueError as error:
        return lost(unit, source, str(error))


def entries(folder: Path, pattern: str) -> list[Path]:
    """Paths below ``folder`` that match, sorted; empty when the folder cannot be read."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
