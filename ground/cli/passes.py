"""``ground pass next``, ``list`` and ``watch``."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table
from flight.console.parser import Parser, json_argument, positive
from flight.runtime.clock import SystemClock
from ground.cli.skyview import SECOND, iso, view

if TYPE_CHECKING:
    from ground.passes.geometry import Sky
    from ground.passes.predict import Pass

HOURS = 48.0


def _common(parser: Parser) -> None:
    parser.add_argument(
        "--tle", type=Path, required=True, metavar="FILE", help="two-line elements, last two lines"
    )
    parser.add_argument(
        "--station", type=_site, required=True, metavar="LAT,LON[,M]", help="deg, deg, m"
    )
    parser.add_argument(
        "--mask", type=_mask, default=5.0, metavar="DEG", help="least elevation (5 deg)"
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


def _mask(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 90:
        raise argparse.ArgumentTypeError(f"{text!r} is no elevation from 0 to 90 deg")
    return number


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
    """Show where the satellite stands, at each full second."""
    import threading

    from ground.passes.geometry import PassError
    from ground.passes.sight import Watch

    seen, clock, pause = Watch(_sky(options), options.mask), SystemClock(), threading.Event()
    looks = itertools.count() if options.count is None else range(options.count)
    with view(seen.name, options.json) as shown:
        for number in looks:
            if number:
                pause.wait(1.0 - clock.utc_ns() % SECOND / SECOND)
            try:
                shown.show(seen.at(clock.utc_ns() / SECOND))
            except PassError as error:
                raise Stop(Exit.CHECK_FAILED, str(error)) from error
    return Exit.OK


def _sky(options: argparse.Namespace) -> Sky:
    """Raises Stop: 2 for elements that cannot be read, 3 for old ones."""
    from ground.passes.geometry import PassError, Site, Sky
    from ground.passes.predict import check_age

    try:
        site = Site(*options.station)
    except PassError as error:
        raise Stop(Exit.USAGE, f"--station: {error}") from error
    try:
        sky = Sky.of(options.tle.read_text(errors="replace"), site)
    except PassError as error:
        raise Stop(Exit.USAGE, f"{options.tle}: {error}") from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.tle}: {error.strerror}") from error
    if not options.stale:
        try:
            check_age(sky, SystemClock().utc_ns() / SECOND)
        except PassError as error:
            raise Stop(Exit.REFUSED_ON_GROUND, f"{options.tle}: {error} (or --stale)") from error
    return sky


def _found(options: argparse.Namespace, hours: float, most: int | None) -> list[Pass]:
    from ground.passes.geometry import PassError
    from ground.passes.predict import passes

    now = SystemClock().utc_ns() / SECOND
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
            iso(each.aos),
            iso(each.los),
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
        "aos": iso(each.aos),
        "los": iso(each.los),
        "duration": each.duration,
        "culmination": iso(each.culmination),
        "elevation": each.elevation,
        "azimuth_aos": each.azimuth_aos,
        "azimuth_los": each.azimuth_los,
    }
