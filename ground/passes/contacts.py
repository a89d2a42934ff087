"""Contacts of an emulated link from elements, station and mask."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ground.passes.geometry import PassError, Site, Sky
from ground.passes.predict import check_age, passes

KEYS = ("tle", "station", "mask", "begin", "hours")


def contacts(table: dict[str, Any], folder: Path) -> tuple[tuple[float, float], ...]:
    """Passes in s from ``begin``, for ``hours``: ``{tle = "FILE", station = [LAT, LON, M], mask =
    DEG, begin = 2024-01-01T12:00:00Z, hours = 48}``. Raises PassError, OSError."""
    if sorted(table) != sorted(KEYS):
        raise PassError(f"contacts need the keys {', '.join(KEYS)}")
    begin = table["begin"]
    if not isinstance(begin, datetime) or begin.tzinfo is None:
        raise PassError("contacts begin must be a time with Z or an offset")
    try:
        site = Site(*map(float, table["station"]))
        mask, hours = float(table["mask"]), float(table["hours"])
        text = (folder / table["tle"]).read_text()
    except (TypeError, ValueError) as error:
        raise PassError(f"contacts: {error}") from error
    if not 0 < hours <= 24 * 28:
        raise PassError(f"contacts hours must lie in 0 to {24 * 28}, not {hours:g}")
    first, second = ([x for x in text.splitlines() if x.startswith(n)][-1:] for n in ("1 ", "2 "))
    if not first or not second:
        raise PassError(f"contacts tle {table['tle']}: no two-line elements")
    sky, utc = Sky(first[0].rstrip(), second[0].rstrip(), site), begin.timestamp()
    check_age(sky, utc)
    found = tuple(
        (max(0.0, each.aos - utc), each.los - utc)
        for each in passes(sky, utc, utc + 3600 * hours, mask)
    )
    if not found:
        raise PassError(f"contacts: no pass above {mask:g} deg")
    return found
