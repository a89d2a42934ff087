"""``ground audit show`` and ``ground audit verify``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table, utc
from flight.console.parser import Parser, json_argument, positive
from ground.cli.parser import station_argument

if TYPE_CHECKING:
    from flight.runtime.audit import Verdict

DIRECTORY = "audit"  # below a station directory, and below a node's


def _node_argument(parser: Parser) -> None:
    parser.add_argument(
        "--node", type=Path, metavar="DIR", help="the log of this node directory, not the station's"
    )
    station_argument(parser)
    json_argument(parser)


def show_arguments(parser: Parser) -> None:
    """Arguments of ``audit show``."""
    parser.add_argument("--limit", type=positive, default=50, metavar="N", help="newest N (50)")
    _node_argument(parser)


def show(options: argparse.Namespace) -> int:
    """Print the newest entries, oldest first."""
    from flight.runtime.audit import entries

    newest = list(entries(_directory(options)))[-options.limit :]
    if options.json:
        print_json(
            [
                {"entry": kept.sequence, "utc_ns": kept.utc_ns, "sha256": kept.digest}
                | {name: getattr(kept.entry, name) for name in kept.entry.__struct_fields__}
                for kept in newest
            ]
        )
        return Exit.OK
    rows = [
        (
            str(kept.sequence),
            utc(kept.utc_ns),
            kept.entry.what,
            kept.entry.subject,
            kept.entry.who,
            kept.entry.detail,
        )
        for kept in newest
    ]
    print_table(("entry", "time", "what", "subject", "by", "detail"), rows)
    return Exit.OK


def verify_arguments(parser: Parser) -> None:
    """Arguments of ``audit verify``."""
    _node_argument(parser)


def verify(options: argparse.Namespace) -> int:
    """Follow the chain of hashes; a node's also against the heads that it has told the station."""
    from flight.runtime.audit import verify as follow

    told = _told(options.dir) if options.node else {}
    verdict = follow(_directory(options), told)
    if options.json:
        print_json(
            {
                "entries": verdict.entries,
                "first": verdict.first,
                "head": verdict.head,
                "told": len(told),
                "faults": verdict.faults,
            }
        )
    else:
        _print(verdict, len(told))
    return Exit.CHECK_FAILED if verdict.faults else Exit.OK


def _print(verdict: Verdict, told: int) -> None:
    for fault in verdict.faults:
        print(f"fault: {fault}")
    last = verdict.first + verdict.entries - 1
    print(f"entries {verdict.first} to {last}, head {verdict.head}")
    if told:
        print(f"compared with {told} heads that the node told of")
    print("the chain does not hold" if verdict.faults else "the chain holds")


def _directory(options: argparse.Namespace) -> Path:
    """Where the log lies. Raises Stop (1) when there is none."""
    directory: Path = (options.node or options.dir) / DIRECTORY
    if not directory.is_dir():
        raise Stop(Exit.CHECK_FAILED, f"no audit log in {directory}")
    return directory


def _told(station: Path) -> dict[int, str]:
    """Heads that the node has told, by number of entries; empty without an archive."""
    from ground.station.records import Records

    if not (station / "archive.sqlite").exists():
        return {}
    with Records(station) as records:
        heads = records.newest("audit.status", 100_000)
    return {each["entries"]: each["head"] for each in heads}
