"""``ground station``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser
from ground.cli.parser import address, station_argument


def _identifier(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1024:
        raise argparse.ArgumentTypeError(f"spacecraft {text!r} is no number of 10 bits")
    return number


def station_arguments(parser: Parser) -> None:
    """Arguments of ``station``."""
    parser.add_argument(
        "--listen", type=address, required=True, metavar="[HOST:]PORT", help="telemetry frames in"
    )
    parser.add_argument(
        "--node", type=address, required=True, metavar="HOST:PORT", help="telecommand frames out"
    )
    parser.add_argument(
        "--spacecraft", type=_identifier, default=0xA5, metavar="N", help="identifier (0xA5)"
    )
    parser.add_argument("--link", type=Path, metavar="FILE", help="rates and delays of the link")
    station_argument(parser)


def station(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    from ground.linkfile import Link, LinkFileError, load_link
    from ground.station import daemon
    from ground.station.settings import StationSettings

    try:
        link = load_link(options.link) if options.link is not None else Link()
    except LinkFileError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.link}: {error.strerror}") from error
    settings = StationSettings.of(link, options.spacecraft)
    daemon.run(options.dir, settings, options.listen, options.node)
    return Exit.OK
