"""How verbs print: JSON, plain lines, or tables and colours when stdout is a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def terminal() -> bool:
    """True when a person watches."""
    return sys.stdout.isatty()


def utc(ns: int) -> str:
    """UTC in ISO 8601 with milliseconds."""
    seconds, rest = divmod(ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def print_json(value: Any) -> None:
    """Print one JSON value on one line."""
    print(json.dumps(value), flush=True)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows: a table on a terminal, else columns separated by two blanks."""
    if terminal():
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(*headings, box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
