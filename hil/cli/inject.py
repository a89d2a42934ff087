"""``hil inject``."""

from __future__ import annotations

import argparse

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, json_argument, positive, seed


def inject_arguments(parser: Parser) -> None:
    """Arguments of ``hil inject``."""
    parser.add_argument("pid", type=positive, help="process to hit")
    parser.add_argument("mapping", help="part of a mapping's name in /proc/PID/maps")
    parser.add_argument("--bits", type=positive, default=1, help="bits to flip (default 1)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the places")
    json_argument(parser)


def inject(options: argparse.Namespace) -> int:
    """Flip bits in live memory and say where."""
    from dataclasses import asdict

    from flight.console.output import print_json
    from hil.inject.memory import InjectionRefused, flip

    try:
        flips = flip(options.pid, options.mapping, options.bits, options.seed)
    except (LookupError, ProcessLookupError, InjectionRefused, ValueError) as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error
    if options.json:
        print_json([asdict(each) for each in flips])
    else:
        for each in flips:
            print(f"{each.mapping} {each.address:#x} bit {each.bit}, octet was {each.before:#04x}")
    return Exit.OK
