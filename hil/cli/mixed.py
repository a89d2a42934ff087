"""``hil campaign mixed``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, positive, seed

RESULTS = ("node-*", "mixed.json")


def mixed_arguments(parser: Parser) -> None:
    """Arguments of ``hil campaign mixed``."""
    parser.add_argument("--kills", type=positive, default=200, help="faults in all (default 200)")
    parser.add_argument("--nodes", type=positive, default=20, help="nodes in turn (default 20)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the first node")
    parser.add_argument("--out", type=Path, default=Path("build/mixed"), help="results")


def mixed(options: argparse.Namespace) -> int:
    """Kill and stop processes under a queue of tasks; exit 0 when each task ended once, rightly."""
    import msgspec

    from flight.runtime.store import replace_file
    from hil.campaign.mixed import MOST, conclude, fly
    from hil.cli.results import claim

    shares = [len(range(n, options.kills, options.nodes)) for n in range(options.nodes)]
    if shares[0] > MOST:
        raise Stop(Exit.USAGE, f"{shares[0]} kills on one node, {MOST} at most: raise --nodes")
    claim(options.out, RESULTS)
    shutil.rmtree(options.out, ignore_errors=True)
    golden: dict[str, str] = {}
    sorties = []
    for number, share in enumerate(shares, options.seed):
        folder = options.out / f"node-{number:04d}"
        sortie = fly(number, folder, share, golden)
        sorties.append(sortie)
        if sortie.ok:
            shutil.rmtree(folder)
        reasons = ", ".join(f"{count} {reason}" for reason, count in sortie.failed.items())
        print(
            f"node {number}: {len(sortie.faults)} faults, {sortie.completed} of {sortie.tasks}"
            f" tasks completed{f', failed: {reasons}' if reasons else ''},"
            f" {sortie.seconds:.0f} s {'; '.join(sortie.wrong)}".rstrip(),
            flush=True,
        )
    summary = conclude(sorties)
    replace_file(options.out / "mixed.json", msgspec.json.format(msgspec.json.encode(summary)))
    print(msgspec.json.format(msgspec.json.encode(summary)).decode())
    return Exit.OK if summary["ok"] else Exit.CHECK_FAILED
