"""``hil demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, seed

RESULTS = (
    *("node", "station", "keys", "node.log", "emulator.log", "station.log", "emulator.json"),
    *("summary.json", "product.png"),
)


def demo_arguments(parser: Parser) -> None:
    """Arguments of ``hil demo``."""
    parser.add_argument("--out", type=Path, default=Path("build/run"), help="where results go")
    parser.add_argument("--seed", type=seed, default=1, help="seed of node, link and upsets")


def demo(options: argparse.Namespace) -> int:
    """Fly the main job twice, undisturbed and under attack; exit 0 when the masks agree."""
    from hil.bench.local import BenchError
    from hil.cli.results import claim
    from hil.demo.run import run

    claim(options.out, RESULTS)
    try:
        return Exit.OK if run(options.out, options.seed) else Exit.CHECK_FAILED
    except BenchError as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error
