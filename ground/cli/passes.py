"""``ground pass next``, ``list`` and ``watch``."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table, utc
from flight.console.parser import Parser, json_argument, positive
from flight.runtime.clock import SystemClock

if TYPE_CHECKING:
    from ground.passes.geometry import Sky
    from ground.passes.predict import Pass

HOURS = 48.0
_SECOND = 1_000_000_000


def _common(parser: Parser) -> None:
    parser.add_argument(
        "--tle", type=Path, required=True, metavar="FILE", help="two-line elements, last two lines"
    )
    parser.add_argument(
        "--station", type=_site, required=True, metavar="LAT,LON[,M]", help="deg, deg, m"
    )
    parser.add_argument(
        "--mask", type=float, default=5.0, metavar="DEG", help="least elevation (5 deg)"
    )
    parser.add_argument(
        "--stale", action="store_true", help="use elements that are more than 14 days off"
    )
    json_argument(parser)


def _site(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(each) for each in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (2, 3):
        raise argparse.ArgumentTypeError(f"{text!r} is no LAT,LON or LAT,LON,HEIGHT")
    return numbers


def coming_arguments(parser: Parser) -> None:
    """Arguments of ``pass next``."""
    _common(parser)


def coming(options: argparse.Namespace) -> int:
    """Print the next pass, or the one that is on."""
    found = _found(options, HOURS, 1)
    if not found:
        raise Stop(Exit.CHECK_FAILED, f"no pass above {options.mask:g} deg within {HOURS:g} h")
    return _show(options, found)


def listing_arguments(parser: Parser) -> None:
    """Arguments of ``pass list``."""
    parser.add_argument(
        "--hours", type=positive, default=int(HOURS), metavar="H", help="how far ahead (48)"
    )
    _common(parser)


def listing(options: argparse.Namespace) -> int:
    """Print the passes to come."""
    return _show(options, _found(options, float(options.hours), None))


def watch_arguments(parser: Parser) -> None:
    """Arguments of ``pass watch``."""
    parser.add_argument(
        "--count", type=positive, metavar="N", help="looks, one a second (for ever)"
    )
    _common(parser)


def watch(options: argparse.Namespace) -> int:
    """Print where the satellite stands, once a second."""
    import threading

    from ground.passes.geometry import PassError

    sky, clock, pause = _sky(options), SystemClock(), threading.Event()
    looks = itertools.count() if options.count is None else range(options.count)
    for number in looks:
        if number:
            pause.wait(1.0)
        now = clock.utc_ns()
        try:
            look = sky.look(now / _SECOND)
        except PassError as error:
            raise Stop(Exit.CHECK_FAILED, str(error)) from error
        if options.json:
            row = {"utc_ns": now, "azimuth": look.azimuth, "elevation": look.elevation}
            print_json(row | {"range": look.range})
        else:
            seen = "in view" if look.elevation > options.mask else "below the mask"
            place = f"azimuth {look.azimuth:6.2f}  elevation {look.elevation:6.2f}"
            print(f"{utc(now)}  {place}  range {look.range:8.1f} km  {seen}", flush=True)
    return Exit.OK


def _sky(options: argparse.Namespace) -> Sky:
    """Raises Stop: 2 for elements that cannot be read, 3 for old ones."""
    from ground.passes.geometry import PassError, Site, Sky
    from ground.passes.predict import check_age

    lines = options.tle.read_text().split("\n")
    first, second = ([line for line in lines if line.startswith(mark)][-1:] for mark in "12")
    if not first or not second:
        raise Stop(Exit.USAGE, f"{options.tle}: no two-line elements")
    try:
        sky = Sky(first[0].rstrip(), second[0].rstrip(), Site(*options.station))
    except PassError as error:
        raise Stop(Exit.USAGE, f"{options.tle}: {error}") from error
    if not options.stale:
        try:
            check_age(sky, SystemClock().utc_ns() / _SECOND)
        except PassError as error:
            raise Stop(Exit.REFUSED_ON_GROUND, f"{options.tle}: {error} (or --stale)") from error
    return sky


def _found(options: argparse.Namespace, hours: float, most: int | None) -> list[Pass]:
    from ground.passes.geometry import PassError
    from ground.passes.predict import passes

    now = SystemClock().utc_ns() / _SECOND
    try:
        found = passes(_sky(options), now, now + 3600 * hours, options.mask)
        return list(itertools.islice(found, most))
    except PassError as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error


def _show(options: argparse.Namespace, found: list[Pass]) -> int:
    if options.json:
        print_json([_json(each) for each in found])
        return Exit.OK
    rows = [
        (
            utc(round(each.aos * _SECOND)),
            utc(round(each.los * _SECOND)),
            f"{each.duration:.0f} s",
            f"{each.elevation:.1f}",
            f"{each.azimuth_aos:.0f}",
            f"{each.azimuth_los:.0f}",
        )
        for each in found
    ]
    headings = ("AOS", "LOS", "lasts", "highest, deg", "from, deg", "to, deg")
    print_table(headings, rows)
    return Exit.OK


def _json(each: Pass) -> dict[str, Any]:
    return {
        "aos_ns": round(each.aos * _SECOND),
        "los_ns": round(each.los * _SECOND),
        "duration": each.duration,
        "culmination_ns": round(each.culmination * _SECOND),
        "elevation": each.elevation,
        "azimuth_aos": each.azimuth_aos,
        "azimuth_los": each.azimuth_los,
    }
