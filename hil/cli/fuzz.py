"""``hil fuzz``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, positive, seed


def fuzz_arguments(parser: Parser) -> None:
    """Arguments of ``hil fuzz``."""
    parser.add_argument("targets", nargs="*", help="decoders (default all)")
    parser.add_argument("--inputs", type=positive, default=100_000, help="for each decoder")
    parser.add_argument("--seed", type=seed, default=1, help="of the inputs")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count(), help="processes")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz/results.json"))


def fuzz(options: argparse.Namespace) -> int:
    """Give every decoder of the link damaged input; exit 1 when one does what it should not."""
    from concurrent.futures import ProcessPoolExecutor, as_completed

    import msgspec

    from flight.console.output import print_table
    from flight.console.parser import suggestion
    from hil.fuzz.run import fuzz as run
    from hil.fuzz.targets import TARGETS

    for name in options.targets:
        if name not in TARGETS:
            raise Stop(Exit.USAGE, f"no decoder {name!r}{suggestion(name, list(TARGETS))}")
    names = options.targets or list(TARGETS)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    outcomes = {}
    with ProcessPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(run, name, options.inputs, options.seed) for name in names]
        for job in as_completed(jobs):
            outcome = job.result()
            outcomes[outcome.target] = outcome
            print(f"{outcome.target}: {outcome.inputs} inputs, {len(outcome.faults)} faults")
            for fault in outcome.faults:
                print(f"  {fault.error} at {fault.place}, input {fault.number}: {fault.octets}")
    found = [outcomes[name] for name in names]
    options.out.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    print_table(("decoder", "inputs", "taken", "us/input", "slowest ms", "faults"), [
        (
            each.target, str(each.inputs), str(each.taken),
            f"{1e6 * each.seconds / each.inputs:.1f}", f"{1e3 * each.slowest:.1f}",
            str(len(each.faults)),
        )
        for each in found
    ])  # fmt: skip
    print(options.out)
    return Exit.CHECK_FAILED if any(each.faults for each in found) else Exit.OK
