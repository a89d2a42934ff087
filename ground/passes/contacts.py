"""Contacts of an emulated link from elements, station and mask."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

from ground.linkfile import Sample, Window
from ground.passes.geometry import PassError, Site, Sky
from ground.passes.predict import check_age, passes

KEYS = ("tle", "station", "mask", "begin", "hours")
SPACING = 2.0  # s at most; between them a straight line is at most 0.1 km off the range


def contacts(table: dict[str, Any], folder: Path) -> tuple[tuple[Window, ...], tuple[Sample, ...]]:
    """Passes in s from ``begin``, for ``hours``, and where the satellite stands during them:
    ``{tle = "FILE", station = [LAT, LON, M], mask = DEG, begin = 2024-01-01T12:00:00Z, hours =
    48}``. Raises PassError, which names the key."""
    if sorted(table) != sorted(KEYS):
        raise PassError(f"contacts need the keys {', '.join(KEYS)}")
    begin = table["begin"]
    if not isinstance(begin, datetime) or begin.tzinfo is None:
        raise PassError("contacts begin must be a time with Z or an offset")
    try:
        site = Site(*map(float, table["station"]))
        mask, hours = float(table["mask"]), float(table["hours"])
        text = (folder / table["tle"]).read_text(errors="replace")
    except (TypeError, ValueError) as error:
        raise PassError(f"contacts: {error}") from error
    except OSError as error:
        raise PassError(f"contacts tle {table['tle']}: {error.strerror}") from error
    if not 0 < hours <= 24 * 28:
        raise PassError(f"contacts hours must lie in 0 to {24 * 28}, not {hours:g}")
    try:
        sky = Sky.of(text, site)
    except PassError as error:
        raise PassError(f"contacts tle {table['tle']}: {error}") from error
    utc = begin.timestamp()
    check_age(sky, utc)
    found = tuple(
        (max(0.0, each.aos - utc), each.los - utc)
        for each in passes(sky, utc, utc + 3600 * hours, mask)
    )
    if not found:
        raise PassError(f"contacts: no pass above {mask:g} deg")
    return found, tuple(sample for window in found for sample in _samples(sky, utc, window))


def _samples(sky: Sky, utc: float, window: Window) -> list[Sample]:
    """To the millimetre and the tenth of a milli-degree: a trace holds them all."""
    begin, end = window
    count = math.ceil((end - begin) / SPACING)
    times = [begin + (end - begin) * number / count for number in range(count + 1)]
    looks = [sky.look(utc + time) for time in times]
    return [
        (time, round(look.range, 6), round(look.elevation, 4))
        for time, look in zip(times, looks, strict=True)
    ]
