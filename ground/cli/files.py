"""``ground file ls``, ``status``, ``rm``, ``pause``, ``resume`` and ``cancel``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table, utc
from flight.console.parser import Parser, json_argument, seconds
from flight.dictionary.enums import Stage
from ground.cli.display import display, time_left
from ground.cli.fetching import fetch
from ground.cli.follow import Follower, connect
from ground.cli.parser import station_argument
from ground.jsonlines import ControlClient

LISTING = "files.json"
Row = dict[str, Any]


def ls_arguments(parser: Parser) -> None:
    """Arguments of ``file ls``."""
    parser.add_argument("--node", action="store_true", help="the node's files, not the inbox")
    _common(parser)


def ls(options: argparse.Namespace) -> int:
    """List received files, or ask the node for its own."""
    table: list[tuple[str, ...]]
    if options.node:
        with connect(options.dir) as client, display(options.json) as shown:
            fetch(client, shown, "file.list", {}, LISTING, options.timeout)
        rows = json.loads((options.dir / "inbox" / LISTING).read_bytes())
        table = [(each["name"], each["kind"], str(each["octets"])) for each in rows]
        headings: tuple[str, ...] = ("name", "kind", "octets")
    else:
        from ground.station.records import Records

        with Records(options.dir) as records:
            rows = records.files()
        table = [
            (each["name"], each["verdict"], str(each["size"]), utc(each["utc_ns"])) for each in rows
        ]
        headings = ("name", "verdict", "octets", "received")
    if options.json:
        print_json(rows)
    else:
        print_table(headings, table)
    return Exit.OK


def status_arguments(parser: Parser) -> None:
    """Arguments of ``file status``."""
    station_argument(parser)
    json_argument(parser)


def status(options: argparse.Namespace) -> int:
    """List what is on its way, both directions, as the station sees it."""
    with connect(options.dir) as client:
        transfers = client.request({"verb": "transfers"})["transfers"]
    if options.json:
        print_json(transfers)
        return Exit.OK
    headings = (
        *("name", "way", "class", "priority", "octets", "done", "again"),
        *("octets/s", "left", "state"),
    )
    print_table(headings, [_row(each) for each in transfers])
    return Exit.OK


def _row(each: Row) -> tuple[str, ...]:
    share = f"{100 * each['done'] // each['size']} %" if each["size"] else "?"
    state = "held" if each["held"] else "open"
    numbers = (each["class"], each["priority"], each["size"])
    return (
        each["name"] or "?",
        each["direction"],
        *(str(number) for number in numbers),
        share,
        str(each["resent"]),
        str(each["rate"]),
        time_left(each["size"] - each["done"], each),
        state,
    )


def rm_arguments(parser: Parser) -> None:
    """Arguments of ``file rm``."""
    _named(parser, "file on board")


def rm(options: argparse.Namespace) -> int:
    """Remove a file on board."""
    return _command(options, "file.remove", "removed")


def pause_arguments(parser: Parser) -> None:
    """Arguments of ``file pause``."""
    _named(parser, "file on its way")


def pause(options: argparse.Namespace) -> int:
    """Hold all transfers of a name where they stand."""
    return _change(options, "hold", "file.suspend", "held")


def resume_arguments(parser: Parser) -> None:
    """Arguments of ``file resume``."""
    _named(parser, "file that is held")


def resume(options: argparse.Namespace) -> int:
    """Go on with all transfers of a name."""
    return _change(options, "go", "file.resume", "goes on")


def cancel_arguments(parser: Parser) -> None:
    """Arguments of ``file cancel``."""
    _named(parser, "file on its way")


def cancel(options: argparse.Namespace) -> int:
    """Give up all transfers of a name; the file stays where it was."""
    return _change(options, "cancel", "file.cancel", "given up")


def _change(options: argparse.Namespace, verb: str, command: str, done: str) -> int:
    """Change all transfers of a name: those that go up here, those that come down on board."""
    with connect(options.dir) as client:
        ways = _ways(client, options.name)
        if "up" in ways:
            client.request({"verb": verb, "name": options.name})
    if ways == {"up"}:
        return _say(options, done)
    return _command(options, command, done)  # also of a file of which nothing has come yet


def _ways(client: ControlClient, name: str) -> set[str]:
    transfers = client.request({"verb": "transfers"})["transfers"]
    return {each["direction"] for each in transfers if each["name"] == name}


def _command(options: argparse.Namespace, command: str, done: str) -> int:
    with connect(options.dir) as client, display(options.json) as shown:
        follower = Follower(client, shown)
        follower.send(command, {"name": options.name})
        try:
            follower.reach(Stage.COMPLETED, options.timeout)
        except Stop as stop:
            raise Stop(stop.code, f"{options.name}: {stop}") from stop
    return _say(options, done)


def _say(options: argparse.Namespace, done: str) -> int:
    if options.json:
        print_json({"name": options.name, "done": done})
    else:
        print(f"{options.name} {done}")
    return Exit.OK


def _named(parser: Parser, what: str) -> None:
    parser.add_argument("name", metavar="NAME", help=what)
    _common(parser)


def _common(parser: Parser) -> None:
    parser.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="longest wait (60 s)"
    )
    station_argument(parser)
    json_argument(parser)
