"""``hil bench``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flight.console.exits import Exit
from flight.console.parser import Parser

PARTS = (
    "cli",
    "bus",
    "link",
    "codec",
    "cfdp",
    "fountain",
    "emulator",
    "inference",
    "redundancy",
    "environment",
    "checkpoint",
    "ecc",
    "vote",
)


def bench_arguments(parser: Parser) -> None:
    """Arguments of ``hil bench``."""
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (default all)")
    parser.add_argument("--out", type=Path, default=Path("build/bench/results.json"))


def bench(options: argparse.Namespace) -> int:
    """Measure and write results; a missed target is a row, not an error."""
    import importlib

    import msgspec

    from flight.console.output import print_table
    from flight.console.parser import suggestion

    for part in options.parts:
        if part not in PARTS:
            from flight.console.exits import Stop

            raise Stop(Exit.USAGE, f"no part {part!r}{suggestion(part, PARTS)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    results = []
    for part in options.parts or PARTS:
        found = importlib.import_module(f"hil.measure.{part}").measure()
        results += found
        for row in found:
            mark = "met" if row.met else "MISSED"
            print(f"{row.name} {row.value:g} {row.unit}, target {row.target:g}: {mark}", flush=True)
    options.out.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    print_table(("name", "value", "target", "how"), [
        (row.name, f"{row.value:g}", f"{row.target:g}", row.how) for row in results
    ])  # fmt: skip
    print(options.out)
    return Exit.OK
