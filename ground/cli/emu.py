"""``ground emu run``, ``outage``, ``set`` and ``status``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table
from flight.console.parser import Parser, json_argument, seconds
from ground.cli.parser import address


def run_arguments(parser: Parser) -> None:
    """Arguments of ``emu run``."""
    parser.add_argument("link", type=Path, metavar="LINK.toml", help="description of the link")
    for name, text in (
        ("--up-listen", "where the station's telecommand frames arrive"),
        ("--up-to", "where the node listens for them"),
        ("--down-listen", "where the node's telemetry frames arrive"),
        ("--down-to", "where the station listens for them"),
    ):
        parser.add_argument(name, type=address, required=True, metavar="[HOST:]PORT", help=text)
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all errors")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write final counters as JSON")


def run(options: argparse.Namespace) -> int:
    """Emulate until SIGTERM or SIGINT."""
    from ground.emulator import udp
    from ground.linkfile import LinkFileError, load_link

    try:
        link = load_link(options.link)
    except LinkFileError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.link}: {error.strerror}") from error
    ports = udp.Ports(options.up_listen, options.up_to, options.down_listen, options.down_to)
    udp.run(link, options.seed, ports, options.control, options.report)
    return Exit.OK


def outage_arguments(parser: Parser) -> None:
    """Arguments of ``emu outage``."""
    parser.add_argument("seconds", type=seconds, metavar="SECONDS", help="length of the outage")
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")


def outage(options: argparse.Namespace) -> int:
    """Interrupt both directions from now on."""
    from ground.jsonlines import ControlClient

    with ControlClient(options.control, "emulator") as client:
        client.request({"outage": options.seconds})
    print(f"outage of {options.seconds:g} s started")
    return Exit.OK


def change_arguments(parser: Parser) -> None:
    """Arguments of ``emu set``."""
    parser.add_argument("--ber", type=float, required=True, metavar="RATE", help="bit error rate")
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")


def change(options: argparse.Namespace) -> int:
    """Change the rate of independent bit errors, both directions."""
    from ground.jsonlines import ControlClient

    with ControlClient(options.control, "emulator") as client:
        client.request({"ber": options.ber})
    print(f"bit error rate {options.ber:g}")
    return Exit.OK


def status_arguments(parser: Parser) -> None:
    """Arguments of ``emu status``."""
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")
    json_argument(parser)


def status(options: argparse.Namespace) -> int:
    """Print the counters of both directions."""
    from ground.jsonlines import ControlClient

    with ControlClient(options.control, "emulator") as client:
        reply = client.request({"counters": True})
    ways = {name: reply[name] for name in ("up", "down")}
    if options.json:
        print_json(ways)
    else:
        names = list(dict.fromkeys((*ways["up"], *ways["down"])))
        rows = [(n, str(ways["up"].get(n, "")), str(ways["down"].get(n, ""))) for n in names]
        print_table(("counter", "up", "down"), rows)
    return Exit.OK
