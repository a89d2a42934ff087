"""Arguments that several verbs of ``ground`` share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from flight.console.parser import Parser


def station_argument(parser: Parser) -> None:
    """Add ``--dir``."""
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(os.environ.get("TARDIGRADE_STATION", "build/station")),
        help="station directory (default: $TARDIGRADE_STATION, else ./build/station)",
    )


def pair(text: str) -> tuple[str, str]:
    """Argument type: name=value."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no name=value")
    return name, value


def request_id(text: str) -> int:
    """Argument type: request id of a telecommand, 32 bits, decimal or 0x…."""
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is no request id, as 0x1825c0e6")
    return number


def address(text: str) -> tuple[str, int]:
    """Argument type: PORT or HOST:PORT."""
    from ground.datagram import parse_address

    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def utc_time(text: str) -> int:
    """Argument type: UTC in ISO 8601, as nanoseconds since 1970."""
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in ISO 8601") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1e6) * 1000
