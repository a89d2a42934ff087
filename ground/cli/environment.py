"""``ground environment build``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flight.console.exits import Exit, Stop
from flight.console.output import print_json
from flight.console.parser import Parser, json_argument

if TYPE_CHECKING:
    from flight.dictionary.orbit import Elements

EPOCH = 1_767_225_600.0  # 2026-01-01T00:00:00Z, of an orbit given by altitude and inclination


def _orbit(text: str) -> tuple[float, float]:
    try:
        altitude, inclination = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no ALT_KM,INC_DEG") from error
    return altitude, inclination


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


def build_arguments(parser: Parser) -> None:
    """Arguments of ``environment build``."""
    orbit = parser.add_mutually_exclusive_group(required=True)
    orbit.add_argument("--tle", type=Path, metavar="FILE", help="two-line elements of the mission")
    orbit.add_argument(
        "--orbit", type=_orbit, metavar="ALT_KM,INC_DEG", help="a circle, as 550,97.6"
    )
    parser.add_argument(
        "--energy", type=_number, default=30.0, metavar="MEV", help="protons above this (30 MeV)"
    )
    parser.add_argument(
        "--step", type=_number, default=2.0, metavar="DEG", help="width of a cell (2 deg)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="NPZ", help="table to write")
    json_argument(parser)


def build(options: argparse.Namespace) -> int:
    """Compute the table, read it back, write it, say what is in it."""
    from flight.dictionary.fluxtable import decode_table, encode_table
    from ground.environment import ap8
    from ground.environment.build import build as build_table

    try:
        table = build_table(_elements(options), options.energy, options.step)
    except ap8.MissingExtra as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    data = encode_table(table)
    decode_table(data)
    options.out.write_bytes(data)
    rows, columns = table.flux.shape
    summary = {
        "table": str(options.out),
        "octets": len(data),
        "rows": rows,
        "columns": columns,
        "model": table.description.model,
        "energy_mev": table.description.energy,
        "altitude_km": table.description.altitude,
        "inclination_deg": table.description.elements.inclination,
        "peak": float(table.flux.max()),
        "unit": table.description.unit,
    }
    if options.json:
        print_json(summary)
    else:
        print(
            f"{options.out}: {rows} x {columns} cells, {len(data)} octets;"
            f" {summary['model']} above {summary['energy_mev']:g} MeV"
            f" at {summary['altitude_km']:.0f} km, {summary['inclination_deg']:g} deg;"
            f" peak {summary['peak']:.0f} {summary['unit']}"
        )
    return Exit.OK


def _elements(options: argparse.Namespace) -> Elements:
    from flight.dictionary.orbit import Elements, parse_tle

    if options.tle is None:
        altitude, inclination = options.orbit
        return Elements.circular(altitude, inclination, epoch=EPOCH)
    try:
        return parse_tle(options.tle.read_text("ascii", errors="replace"))
    except ValueError as error:
        raise ValueError(f"{options.tle}: {error}") from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.tle}: {error.strerror}") from error
