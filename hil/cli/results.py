"""Folders of results: cleared for each run, but only of what an earlier run left there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flight.console.exits import Exit, Stop


def claim(folder: Path, ours: Iterable[str]) -> None:
    """Raise Stop (2) when a folder that is to be cleared holds more than names like ``ours``."""
    patterns = tuple(ours)
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise Stop(Exit.USAGE, f"--out {folder}: {error.strerror}") from error
    for path in found:
        if not any(path.match(pattern) for pattern in patterns):
            reason = f"holds {path.name!r}, which is no result of an earlier run"
            raise Stop(Exit.USAGE, f"--out {folder} {reason}; name another folder")
