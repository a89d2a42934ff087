"""The ``ground`` command."""

from __future__ import annotations

import sys

from flight.console.verbs import Verbs
from flight.console.verbs import main as dispatch

VERBS: Verbs = {
    ("station",): (
        "ground.cli.station",
        "station",
        "run the station: link, archive, inbox",
    ),
    ("cmd", "send"): ("ground.cli.cmd", "send", "send a telecommand and follow its verification"),
    ("cmd", "history"): ("ground.cli.cmd", "history", "list telecommands and their stages"),
    ("task", "submit"): ("ground.cli.task", "submit", "run a program on a scene on board"),
    ("task", "status"): ("ground.cli.task", "status", "show tasks as the node last reported them"),
    ("file", "get"): (
        "ground.cli.file",
        "get",
        "take a file out of the inbox, or draw it",
    ),
    ("tlm", "watch"): ("ground.cli.tlm", "watch", "print telemetry and events as they arrive"),
    ("emu", "run"): ("ground.cli.emu", "run", "run the link emulator between station and node"),
    ("emu", "outage"): ("ground.cli.emu", "outage", "interrupt an emulated link"),
}


def main(words: list[str] | None = None) -> int:
    """Entry point of the console command."""
    return dispatch("ground", VERBS, sys.argv[1:] if words is None else words)


if __name__ == "__main__":
    sys.exit(main())
