"""``flight bus``: looks at the bus from outside."""

from __future__ import annotations

import argparse
import contextlib
import math
from typing import Any

from flight.cli.run import node_argument
from flight.cli.status import open_tool, plain
from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, json_argument, positive, seconds, suggestion

SETTLE = 1.0  # s within which a message under way arrives


def echo_arguments(parser: Parser) -> None:
    """Arguments of ``flight bus echo``."""
    node_argument(parser)
    json_argument(parser)
    parser.add_argument("topic", help="topic name, or 'all'")
    parser.add_argument("--count", type=positive, help="stop after so many messages")
    parser.add_argument("--seconds", type=seconds, default=86400.0, help="stop after this time")


def echo(options: argparse.Namespace) -> int:
    """Print messages as they pass; exit 5 when fewer came than were asked for."""
    from flight.dictionary.registry import items

    known = {entry.name: entry.type for entry in items("telemetry")}
    if options.topic != "all" and options.topic not in known:
        near = suggestion(options.topic, list(known))
        raise Stop(Exit.USAGE, f"no topic {options.topic!r}{near}")
    wanted = options.count or math.inf
    seen = 0

    def show(message: Any) -> None:
        nonlocal seen
        if seen < wanted:
            seen += 1
            _show(message, options.json)

    with open_tool(options) as tool:
        for name, kind in known.items():
            if options.topic in (name, "all"):
                tool.subscribe(kind, show)
        for _ in tool.turns(options.seconds):
            if seen >= wanted:
                return Exit.OK
    return Exit.OK if seen and not options.count else Exit.NO_ANSWER


def _show(message: Any, as_json: bool) -> None:
    from flight.console.output import print_json
    from flight.dictionary.registry import item
    from flight.dictionary.rendering import render

    name = item(message).name
    text = {"text": render(message.event, message.body)} if name == "event" else {}
    if as_json:
        print_json({"topic": name} | plain(message) | text)
    elif text:
        print(f"{name}: {message.source}: {text['text']}", flush=True)
    else:
        values = " ".join(f"{field}={value}" for field, value in plain(message).items())
        print(f"{name}: {values}", flush=True)


def hz_arguments(parser: Parser) -> None:
    """Arguments of ``flight bus hz``."""
    node_argument(parser)
    json_argument(parser)
    parser.add_argument("--seconds", type=seconds, default=5.0, help="time to measure (default 5)")


def hz(options: argparse.Namespace) -> int:
    """Measure message rates from the publishers' sequence counters; costs the node nothing."""
    from flight.console.output import print_json, print_table

    with open_tool(options) as tool:
        began, before = tool.clock.now(), _sequences(tool)
        for _ in tool.turns(options.seconds):
            pass
        elapsed, after = tool.clock.now() - began, _sequences(tool)
    rates = [
        {"process": key[0], "topic": key[1], "hz": (n - before.get(key, 0)) / elapsed}
        for key, n in after.items()
        if n > before.get(key, 0)
    ]
    if options.json:
        print_json(rates)
    else:
        lines = [[r["process"], r["topic"], f"{r['hz']:.2f}"] for r in rates]
        print_table(("process", "topic", "Hz"), lines)
    return Exit.OK


def stats_arguments(parser: Parser) -> None:
    """Arguments of ``flight bus stats``."""
    node_argument(parser)
    json_argument(parser)


def stats(options: argparse.Namespace) -> int:
    """Show the loss ledger: published = delivered + queued + the named drops; exit 1 on loss."""
    from flight.console.output import print_json, print_table

    with open_tool(options) as tool:
        rows, corrupt = _ledger(tool)
        for _ in tool.turns(SETTLE):
            # A row is read while it is written, and events are repaired: a loss is what stays.
            if not any(row["lost"] for row in rows):
                break
            rows, corrupt = _ledger(tool)
    if options.json:
        print_json({"ledger": rows, "corrupt": corrupt})
    else:
        columns = list(rows[0]) if rows else ["subscriber"]
        print_table(columns, [[str(row[column]) for column in columns] for row in rows])
    return Exit.CHECK_FAILED if any(row["lost"] for row in rows) else Exit.OK


def _ledger(tool: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """One row per subscriber and stream; frames with a wrong CRC per subscriber."""
    from flight.dictionary.registry import BY_ID
    from flight.runtime.ledger import accounts
    from flight.runtime.page import Word

    rows: list[dict[str, Any]] = []
    corrupt: dict[str, int] = {}
    for name, page in _pages(tool):
        corrupt[name] = page.words[Word.CORRUPT]
        rows += [
            {
                "subscriber": name,
                "publisher": tool.table.process_name(a.source),
                "topic": BY_ID["telemetry", a.topic].name,
                "published": a.published,
                "delivered": a.delivered,
                "queued": a.queued,
                "overflow": a.overflow,
                "superseded": a.superseded,
                "undecodable": a.undecodable,
                "lost": a.lost,
                "repaired": a.repaired,
            }
            for a in accounts(page)
        ]
    return rows, corrupt


def _pages(tool: Any) -> list[tuple[str, Any]]:
    from flight.runtime.page import Page

    found = []
    for name in tool.table.processes:
        # A process that is being restarted has no page, or no whole one.
        with contextlib.suppress(OSError, ValueError):
            found.append((name, Page.open(tool.run_dir / f"{name}.page")))
    return found


def _sequences(tool: Any) -> dict[tuple[str, str], int]:
    from flight.dictionary.registry import items

    return {
        (name, entry.name): page.words[page.sequence_word(entry.id)]
        for name, page in _pages(tool)
        for entry in items("telemetry")
        if page.words[page.sequence_word(entry.id)]
    }
