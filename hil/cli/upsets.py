"""``hil campaign upsets``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, positive, seed

LEVELS = ("none", "verify", "dmr", "tmr")
PROGRESS = 50  # trials between lines that tell how far it is


def upsets_arguments(parser: Parser) -> None:
    """Arguments of ``hil campaign upsets``."""
    from hil.inject.faults import FAULTS, TARGETS

    parser.add_argument("--level", choices=LEVELS, default="dmr", help="protection (default dmr)")
    parser.add_argument("--target", choices=TARGETS, default="all", help="memory (default all)")
    parser.add_argument("--fault", choices=FAULTS, default="bit", help="shape (default bit)")
    parser.add_argument("--program", default="", help="the only one to run (default all in turn)")
    parser.add_argument("--trials", type=positive, default=1000, help="seeds (default 1000)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the first trial")
    parser.add_argument(
        "--out", type=Path, default=Path("build/upsets"), help="results; seeds found there are kept"
    )


def upsets(options: argparse.Namespace) -> int:
    """Upset one replica per trial, unprotected and protected; exit 0 when the level holds."""
    from flight.console.output import print_table
    from flight.console.parser import suggestion
    from flight.dictionary.enums import Level
    from flight.dictionary.programs import PROGRAMS
    from hil.bench.local import BenchError
    from hil.campaign import results
    from hil.campaign.trial import Setting
    from hil.campaign.verdict import Outcome
    from hil.cli.results import claim
    from hil.inject.memory import InjectionRefused

    if options.program and options.program not in PROGRAMS:
        hint = suggestion(options.program, [*PROGRAMS])
        raise Stop(Exit.USAGE, f"no program {options.program!r}{hint}")
    claim(options.out, results.NAMES)
    options.out.mkdir(parents=True, exist_ok=True)
    level = Level[options.level.upper()]
    arms, names = {}, {}
    for each in dict.fromkeys((Level.NONE, level)):
        setting = Setting(each, options.target, options.fault, options.program)
        names[each] = setting.name
        try:
            arms[each] = _fly(options, setting)
        except (BenchError, InjectionRefused) as error:
            raise Stop(Exit.CHECK_FAILED, f"{setting.name}: {error}") from error
    table = [row for each, found in arms.items() for row in results.rows(names[each], found)]
    skipped = {
        names[each]: sum(trial.outcome is Outcome.NOT_INJECTED for trial in found)
        for each, found in arms.items()
    }
    ok, said = results.verdict(level, arms[Level.NONE], arms[level])
    results.save_summary(options.out / f"{names[level]}.summary.json", level, table, skipped, ok)
    print_table(results.HEADINGS, [row.line() for row in table])
    print("not injected, not counted:", ", ".join(f"{n} {name}" for name, n in skipped.items()))
    print(results.SCOPE)
    print(*said, sep="\n")
    return Exit.OK if ok else Exit.CHECK_FAILED


def _fly(options: argparse.Namespace, setting: Any) -> list[Any]:
    """The trials of one arm; only those that are not there yet are flown."""
    from flight.runtime.clock import SystemClock
    from hil.campaign import results
    from hil.campaign.scenes import scenes_for
    from hil.campaign.standing import StandingNode
    from hil.campaign.upsets import PARAMETERS, Arm
    from hil.campaign.verdict import Outcome

    seeds = range(options.seed, options.seed + options.trials)
    log, golden = results.Log(options.out, setting), results.load_golden(options.out)
    left = [each for each in seeds if each not in log.trials]
    if not left:
        return log.of(seeds)
    folder, scenes, clock = options.out / "node", scenes_for(setting.target), SystemClock()
    shutil.rmtree(folder, ignore_errors=True)
    with StandingNode(folder, scenes, options.seed, PARAMETERS) as node:
        arm = Arm(node, setting, scenes, golden.digests)
        results.save_golden(options.out, golden)
        began = clock.now()
        for count, trial in enumerate(arm.run(left), 1):
            log.add(trial)
            if count % PROGRESS == 0 or count == len(left):
                wrong = sum(each.outcome is Outcome.SDC for each in log.trials.values())
                rate = count / (clock.now() - began)
                print(f"{setting.name} {count}/{len(left)}, {rate:.1f}/s, {wrong} SDC", flush=True)
    if not arm.pagemap:
        print("pages weighted by Rss of smaps: /proc/PID/pagemap may not be read here")
    if node.leftovers():
        raise Stop(Exit.CHECK_FAILED, f"left behind: {' '.join(node.leftovers())}")
    shutil.rmtree(folder)
    return log.of(seeds)
