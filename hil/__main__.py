"""The ``hil`` command."""

from __future__ import annotations

import sys

from flight.console.verbs import Verbs
from flight.console.verbs import main as dispatch

VERBS: Verbs = {
    ("demo",): ("hil.cli.demo", "demo", "fly the main job under upsets, a kill and an outage"),
    ("bench",): ("hil.cli.bench", "bench", "measure against named floors"),
    ("fuzz",): ("hil.cli.fuzz", "fuzz", "give every decoder of the link damaged input"),
    ("inject",): ("hil.cli.inject", "inject", "flip bits in live memory of a process"),
    ("campaign", "kills"): ("hil.cli.kills", "kills", "kill node processes during the main job"),
    ("campaign", "upsets"): ("hil.cli.upsets", "upsets", "flip bits in replicas, judge products"),
    ("campaign", "mixed"): ("hil.cli.mixed", "mixed", "kill and stop processes under many tasks"),
}


def main() -> int:
    """Entry point of the console command."""
    return dispatch("hil", VERBS, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
