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
    ("cmd", "status"): ("ground.cli.cmd", "status", "show where one telecommand stands"),
    ("cmd", "cancel"): ("ground.cli.cmd", "cancel", "withdraw a telecommand that waits"),
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
    ("file", "ls"): ("ground.cli.files", "ls", "list received files, or those on board"),
    ("file", "status"): ("ground.cli.files", "status", "show files on their way, both directions"),
    ("file", "rm"): ("ground.cli.files", "rm", "remove a file on board"),
    ("file", "pause"): ("ground.cli.files", "pause", "hold a file on its way"),
    ("file", "resume"): ("ground.cli.files", "resume", "go on with a file that is held"),
    ("file", "cancel"): ("ground.cli.files", "cancel", "give up a file on its way"),
    ("program", "key"): ("ground.cli.program", "key", "make a key pair that signs programs"),
    ("program", "pack"): ("ground.cli.program", "pack", "pack and sign a program"),
    ("program", "push"): ("ground.cli.program", "push", "send a program up and install it"),
    ("program", "list"): ("ground.cli.program", "listing", "show the programs sent up"),
    ("program", "activate"): ("ground.cli.program", "activate", "put a version into use"),
    ("program", "rollback"): ("ground.cli.program", "rollback", "put the version before into use"),
    ("key", "init"): ("ground.cli.key", "init", "make keys for a protected link"),
    ("key", "list"): ("ground.cli.key", "listing", "show keys: state and fingerprint"),
    ("key", "fingerprint"): ("ground.cli.key", "fingerprint", "print that of the key in use"),
    ("key", "rotate"): ("ground.cli.key", "rotate", "give the node a new key and change over"),
    ("key", "revoke"): ("ground.cli.key", "revoke", "destroy a key on board and here"),
    ("key", "export-yamcs"): ("ground.cli.key", "export", "write the keys as files for Yamcs"),
    ("export", "xtce"): ("ground.cli.export", "xtce", "write the dictionary as XTCE"),
    ("export", "yamcs"): (
        "ground.cli.export",
        "yamcs",
        "write a folder from which Yamcs flies the node",
    ),
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
    ("pass", "next"): ("ground.cli.passes", "coming", "show the next pass over a station"),
    ("pass", "list"): ("ground.cli.passes", "listing", "list the passes to come"),
    ("pass", "watch"): ("ground.cli.passes", "watch", "show where the satellite stands"),
    ("emu", "run"): ("ground.cli.emu", "run", "run the link emulator between station and node"),
    ("emu", "status"): ("ground.cli.emu", "status", "print the counters of an emulated link"),
    ("emu", "set"): ("ground.cli.emu", "change", "change the settings of an emulated link"),
    ("emu", "attack"): ("ground.cli.emu", "attack", "inject, replay or garble frames on the link"),
    ("emu", "replay"): ("ground.cli.emu", "replay", "do a recorded run again, bit for bit"),
    ("emu", "trace"): ("ground.cli.emu", "trace", "print error rates of a recorded run"),
    ("emu", "outage"): ("ground.cli.emu", "outage", "interrupt an emulated link"),
}


def main(words: list[str] | None = None) -> int:
    """Entry point of the console command."""
    return dispatch("ground", VERBS, sys.argv[1:] if words is None else words)


if __name__ == "__main__":
    sys.exit(main())
