"""``ground radiation``: environment and scrubbing as the node last reported them."""

from __future__ import annotations

import argparse
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, terminal, utc
from flight.console.parser import Parser, json_argument
from ground.cli.parser import station_argument

_STALE = "mnopqrstuvwxyz-"  # an hour or more since the last scrub
_OLD = "ghijkl"  # a minute or more
Packet = dict[str, Any]


def radiation_arguments(parser: Parser) -> None:
    """Arguments of ``radiation``."""
    station_argument(parser)
    json_argument(parser)


def radiation(options: argparse.Namespace) -> int:
    """Print environment, scrubber and the map of each region."""
    from ground.station.records import Records

    with Records(options.dir) as records:
        environment = records.newest("environment", 1)
        scrubs = records.newest("scrub.status", 1)
        maps = records.newest("scrub.map", 200)
    if not environment or not scrubs:
        raise Stop(Exit.CHECK_FAILED, "the node has reported no environment yet")
    newest = _newest_maps(maps, scrubs[0]["regions"])
    if options.json:
        print_json({"environment": environment[0], "scrub": scrubs[0], "maps": newest})
        return Exit.OK
    print(_place(environment[0]))
    print(_scrub(scrubs[0]))
    for each in newest:
        cells = f"{each['blocks']} blocks, {each['per_cell']} per cell"
        print(f"\n{each['region']}: {cells}; map of {utc(each['utc_ns'])}")
        _draw(each)
    if newest:
        print("\nage of the oldest block of a cell: a below 1 s, b below 2 s, then doubling")
    return Exit.OK


def _newest_maps(maps: list[Packet], regions: int) -> list[Packet]:
    """The newest map of each region that was told of last, by name."""
    found: dict[str, Packet] = {}
    for each in maps:  # newest first
        if len(found) < regions:
            found.setdefault(each["region"], each)
    return [found[name] for name in sorted(found)]


def _place(status: Packet) -> str:
    where = "no orbit configured, or no position"
    if status["valid"]:
        where = (
            f"{status['latitude']:+.1f} deg {status['longitude']:+.1f} deg,"
            f" {status['flux']:.3g} protons/cm2/s"
        )
        ahead = status["next_saa_in"]
        if ahead >= 0:
            length = status["saa_length"] / 60
            where += f"; next anomaly in {ahead / 60:.0f} min for {length:.0f} min"
    return f"{utc(status['utc_ns'])}  {status['mode']}: {where}"


def _scrub(status: Packet) -> str:
    return (
        f"regions {status['regions']}, octets {status['size']};"
        f" passes {status['passes']}, every {status['period']:.0f} s;"
        f" {status['corrected']} corrected, {status['uncorrectable']} uncorrectable,"
        f" {status['quarantined']} quarantined; oldest block {status['oldest']:.0f} s"
        + ("; memory has hardware ECC" if status["hardware"] else "")
    )


def _draw(each: Packet) -> None:
    """Two lines per region: ages, and corrections under the cells that had some."""
    hits = "".join("." if digit == "0" else digit for digit in each["hits"])
    if not terminal():
        print(f"  age  {each['ages']}\n  hits {hits}")
        return
    from rich.console import Console
    from rich.text import Text

    ages, counts = Text("  age  "), Text("  hits ")
    for letter in each["ages"]:
        style = "red" if letter in _STALE else "yellow" if letter in _OLD else "green"
        ages.append(letter, style)
    for digit in hits:
        counts.append(digit, "dim" if digit == "." else "bold red")
    Console(highlight=False).print(ages, counts, sep="\n")
