"""``ground file put``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flight.console.exits import Exit
from flight.console.output import print_json
from flight.console.parser import Parser, json_argument, seconds
from ground.cli.display import display
from ground.cli.follow import connect
from ground.cli.parser import station_argument
from ground.cli.sending import Sending


def put_arguments(parser: Parser) -> None:
    """Arguments of ``file put``."""
    parser.add_argument("path", type=Path, metavar="PATH", help="file on this machine")
    parser.add_argument("--name", metavar="NAME", help="name on board (that of PATH)")
    parser.add_argument(
        "--class",
        dest="acknowledged",
        type=int,
        choices=(1, 2),
        default=2,
        help="CFDP class: 1 sends once, unacknowledged; 2 repairs what is lost (2)",
    )
    parser.add_argument(
        "--priority", type=int, choices=range(10), default=5, metavar="0-9", help="higher first (5)"
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="return when the node has kept it; of class 1, which it does not confirm, when sent",
    )
    parser.add_argument(
        "--timeout", type=seconds, default=600.0, metavar="S", help="longest wait (600 s)"
    )
    station_argument(parser)
    json_argument(parser)


def put(options: argparse.Namespace) -> int:
    """Queue a file for the node; with ``--wait`` follow it until it is kept, or sent."""
    name = options.name or options.path.name
    with connect(options.dir) as client, display(options.json) as shown:
        sending = Sending(client, options.path, name, options.priority, options.acknowledged)
        if options.wait:
            sending.finish(shown, options.timeout)
    number, confirmed = sending.transaction, options.acknowledged == 2
    if options.json:
        known = {"sent": options.wait, "delivered": options.wait if confirmed else None}
        print_json({"name": name, "transaction": number} | known)
    elif options.wait:
        said = "on board" if confirmed else "sent; nothing is confirmed: class 1 is unacknowledged"
        print(f"file {name}: {sending.size} octets {said}")
    else:
        link = "" if sending.link else "; link down, it waits for acquisition"
        print(f"file {name} queued as transaction {number}{link}")
    return Exit.OK
