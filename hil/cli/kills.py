"""``hil campaign kills``."""

from __future__ import annotations

import argparse
import itertools
import shutil
from pathlib import Path

from flight.console.exits import Exit
from flight.console.parser import Parser, positive, seed

RESULTS = ("trial-*", "kills.json")


def kills_arguments(parser: Parser) -> None:
    """Arguments of ``hil campaign kills``."""
    parser.add_argument("--runs", type=positive, default=50, help="trials (default 50)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the first trial")
    parser.add_argument("--out", type=Path, default=Path("build/campaign"), help="results")


def kills(options: argparse.Namespace) -> int:
    """Kill one process per trial; exit 0 when every job completed with the same digest."""
    import msgspec

    from hil.campaign.kills import conclude, trial
    from hil.cli.results import claim

    claim(options.out, RESULTS)
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    trials = []
    numbers = itertools.count(options.seed)
    killed = 0
    while killed < options.runs:
        number = next(numbers)
        folder = options.out / f"trial-{number:04d}"
        outcome = trial(number, folder)
        trials.append(outcome)
        killed += bool(outcome.victim or not outcome.completed)
        result = outcome.digest[:16] if outcome.completed else outcome.error
        print(
            f"trial {number}: {outcome.victim or 'nobody'} at {outcome.at:.2f} s,"
            f" done after {outcome.seconds:.1f} s, {result} {' '.join(outcome.leftovers)}",
            flush=True,
        )
        if outcome.completed and not outcome.leftovers:
            shutil.rmtree(folder)
    summary = conclude(trials)
    (options.out / "kills.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    print(
        f"{summary['completed']} of {summary['trials']} completed, digests {summary['digests']},"
        f" failure rate below {summary['failure_rate_below_95']} (95 %)"
    )
    return Exit.OK if summary["ok"] else Exit.CHECK_FAILED
