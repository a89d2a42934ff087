"""``ground tlm watch``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from flight.console.exits import Exit
from flight.console.output import print_json, terminal, utc
from flight.console.parser import Parser, json_argument, positive
from flight.dictionary.fieldspec import fields
from flight.dictionary.registry import BY_NAME
from ground.cli.follow import connect
from ground.cli.parser import station_argument

LISTEN = 3600.0
_COLOURS = {"WARNING": "yellow", "CRITICAL": "red", "FATAL": "bold red", "ACTIVITY": "cyan"}


def watch_arguments(parser: Parser) -> None:
    """Arguments of ``tlm watch``."""
    parser.add_argument("--count", type=positive, metavar="N", help="end after N lines")
    station_argument(parser)
    json_argument(parser)


def watch(options: argparse.Namespace) -> int:
    """Print telemetry, events and link changes until interrupted."""
    show = print_json if options.json else printer()
    left = options.count
    with connect(options.dir) as client:
        client.request({"verb": "watch", "kinds": ["packet", "event", "link", "file"]})
        while left is None or left > 0:
            line = client.receive(LISTEN)
            if line is None:
                continue
            show(line)
            left = None if left is None else left - 1
    return Exit.OK


def printer() -> Callable[[dict[str, Any]], None]:
    """What prints one line of a watch, in colours on a terminal."""
    if not terminal():
        return lambda line: print(utc(line["utc_ns"]), *_text(line), flush=True)
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)

    def show(line: dict[str, Any]) -> None:
        style = _COLOURS.get(line.get("severity", ""), "")
        name, text = _text(line)
        console.print(Text.assemble((utc(line["utc_ns"]), "dim"), f" {name} ", (text, style)))

    return show


def _text(line: dict[str, Any]) -> tuple[str, str]:
    match line["happening"]:
        case "packet":
            return line["packet"], _fields(line["packet"], line["message"])
        case "event":
            return line["severity"], line["text"]
        case "file":
            return "FILE", f"{line['name']}: {line['size']} octets, {line['verdict']}"
        case _:
            return "LINK", "up" if line["up"] else "down"


def _fields(packet: str, message: dict[str, Any]) -> str:
    units = {spec.name: spec.unit for spec in fields(BY_NAME["telemetry", packet].type)}
    return " ".join(f"{name}={_figure(each, units[name])}" for name, each in message.items())


def _figure(value: Any, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}".rstrip()  # a unit may begin with a digit: 1/cm2/s
