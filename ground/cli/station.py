"""``ground station``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, positive
from flight.link.coding.ends import Coding
from ground.cli.key import keys_argument
from ground.cli.parser import address, station_argument

if TYPE_CHECKING:
    from ground.keys.holder import KeyHolder


def _identifier(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1024:
        raise argparse.ArgumentTypeError(f"spacecraft {text!r} is no number of 10 bits")
    return number


def _coding(text: str) -> Coding:
    try:
        return Coding.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def spacecraft_argument(parser: Parser) -> None:
    """Add ``--spacecraft``."""
    parser.add_argument(
        "--spacecraft", type=_identifier, default=0xA5, metavar="N", help="identifier (0xA5)"
    )


def station_arguments(parser: Parser) -> None:
    """Arguments of ``station``."""
    parser.add_argument(
        "--listen", type=address, required=True, metavar="[HOST:]PORT", help="telemetry frames in"
    )
    parser.add_argument(
        "--node", type=address, required=True, metavar="HOST:PORT", help="telecommand frames out"
    )
    spacecraft_argument(parser)
    keys_argument(parser)
    parser.add_argument(
        "--insecure-dev",
        action="store_true",
        help="no keys: telecommands go in clear, anybody may forge them; for development only",
    )
    parser.add_argument(
        "--coding",
        type=_coding,
        default=_coding(""),
        metavar="WORDS",
        help="as in the node's [link] coding: cltu, cltu-randomised, rs1 to rs5 (none)",
    )
    parser.add_argument(
        "--frame-size",
        type=positive,
        default=640,
        metavar="OCTETS",
        help="the node's link.frame_size at its start (640)",
    )
    parser.add_argument(
        "--adapt-frames",
        action="store_true",
        help="ask the node for frames of the length that carries most, by the errors counted",
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
    settings = replace(
        StationSettings.of(link, options.spacecraft),
        adapts=options.adapt_frames,
        frame_size=options.frame_size,
    )
    try:
        daemon.run(
            options.dir, settings, options.listen, options.node, _keys(options), options.coding
        )
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    return Exit.OK


def _keys(options: argparse.Namespace) -> KeyHolder | None:
    from ground.keys.holder import KeyHolder

    if options.insecure_dev:
        return None
    if options.keys is None:
        hint = "--keys DIR or $TARDIGRADE_KEYS (ground key init makes them), or --insecure-dev"
        raise Stop(Exit.USAGE, f"no keys for the link: {hint}")
    return KeyHolder(options.keys, options.spacecraft)
