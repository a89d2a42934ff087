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
    ("task", "programs"): ("ground.cli.task", "programs", "list programs and their parameters"),
    ("file", "get"): (
        "ground.cli.file",
        "get",
        "take a file out of the inbox, or draw it",
    ),
    ("file", "put"): ("ground.cli.put", "put", "send a file up to the node"),
    ("program", "key"): ("ground.cli.program", "key", "make a key pair that signs programs"),
    ("program", "pack"): ("ground.cli.program", "pack", "pack and sign a program"),
    ("program", "push"): ("ground.cli.program", "push", "send a program up and install it"),
    ("program", "list"): ("ground.cli.program", "listing", "show the programs sent up"),
    ("program", "activate"): ("ground.cli.program", "activate", "put a version into use"),
    ("program", "rollback"): ("ground.cli.program", "rollback", "put the version before into use"),
    ("tlm", "watch"): ("ground.cli.tlm", "watch", "print telemetry and events as they arrive"),
    ("radiation",): (
        "ground.cli.radiation",
        "radiation",
        "show the radiation environment and how memory is scrubbed",
    ),
    ("environment", "build"): (
        "ground.cli.environment",
        "build",
        "compute the flux table that a node carries",
    ),
    ("audit", "show"): ("ground.cli.audit", "show", "list who asked for what, and what came of it"),
    ("audit", "verify"): ("ground.cli.audit", "verify", "prove that the audit log is as written"),
    ("emu", "run"): ("ground.cli.emu", "run", "run the link emulator between station and node"),
    ("emu", "outage"): ("ground.cli.emu", "outage", "interrupt an emulated link"),
}


def main(words: list[str] | None = None) -> int:
    """Entry point of the console command."""
    return dispatch("ground", VERBS, sys.argv[1:] if words is None else words)


if __name__ == "__main__":
    sys.exit(main())
