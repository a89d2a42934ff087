"""The ``flight`` command."""

from __future__ import annotations

import sys

from flight.console.verbs import Verbs
from flight.console.verbs import main as dispatch

VERBS: Verbs = {
    ("run",): ("flight.cli.run", "run", "run the node until it is told to stop"),
    ("status",): ("flight.cli.status", "status", "show the state of a running node"),
    ("doctor",): ("flight.cli.doctor", "doctor", "check this machine and installation"),
    ("bus", "echo"): ("flight.cli.bus", "echo", "print messages of a topic as they pass"),
    ("bus", "hz"): ("flight.cli.bus", "hz", "measure the rate of every topic"),
    ("bus", "stats"): ("flight.cli.bus", "stats", "show the loss ledger of every process"),
    ("dictionary",): ("flight.cli.dictionary", "dictionary", "print the dictionary"),
}


def main() -> int:
    """Entry point of the console command."""
    return dispatch("flight", VERBS, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
