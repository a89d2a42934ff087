"""Verb dispatch: finds the verb and imports only the module that it needs."""

from __future__ import annotations

import importlib
import os
import sys

from flight.console.exits import MEANING, Exit, Stop

# Plain tuples: importing dataclasses or typing would cost as much as the interpreter's start.
Verb = tuple[str, str, str]  # module, function in it, one line of help
Verbs = dict[tuple[str, ...], Verb]


def usage(command: str, verbs: Verbs, group: str = "") -> str:
    """Help text: of all verbs, or of one group."""
    lines = [f"usage: {command} {group or 'VERB'} … [--help]", "", "verbs:"]
    shown = {names: verb for names, verb in verbs.items() if group in ("", names[0])}
    width = max(len(" ".join(names)) for names in shown)
    lines += [f"  {' '.join(names):<{width}}  {verb[2]}" for names, verb in shown.items()]
    lines += ["", "exit codes:", *(f"  {code:d}  {text}" for code, text in MEANING.items())]
    return "\n".join(lines)


def find(command: str, verbs: Verbs, words: list[str]) -> tuple[str, ...]:
    """The verb that a command line begins with. Raises Stop (2)."""
    for length in (2, 1):
        if tuple(words[:length]) in verbs:
            return tuple(words[:length])
    from flight.console.parser import suggestion

    groups = sorted({names[0] for names in verbs})
    if words[0] not in groups:
        raise Stop(Exit.USAGE, f"unknown verb {words[0]!r}{suggestion(words[0], groups)}")
    known = [names[1] for names in verbs if names[0] == words[0]]
    if len(words) < 2:
        raise Stop(Exit.USAGE, f"{command} {words[0]} needs a verb: {', '.join(known)}")
    near = suggestion(words[1], known)
    raise Stop(Exit.USAGE, f"unknown verb '{words[0]} {words[1]}'{near}")


def run(command: str, verbs: Verbs, words: list[str]) -> int:
    """Run one command line and return its exit code. Raises Stop."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(command, verbs))
        return Exit.OK if words else Exit.USAGE
    if len(words) == 2 and words[1] in ("-h", "--help") and (words[0],) not in verbs:
        print(usage(command, verbs, words[0]))
        return Exit.OK
    names = find(command, verbs, words)
    place, function, summary = verbs[names]
    module = importlib.import_module(place)
    from flight.console.parser import Parser

    parser = Parser(prog=f"{command} {' '.join(names)}", description=summary)
    getattr(module, f"{function}_arguments")(parser)
    options = parser.parse_verb(words[len(names) :])
    return int(getattr(module, function)(options))


def main(command: str, verbs: Verbs, words: list[str]) -> int:
    """Entry of a console command: every refusal is one line on stderr and an exit code."""
    try:
        code = run(command, verbs, words)
        sys.stdout.flush()
    except Stop as stop:
        print(f"{command}: {stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _abandon_stdout()
        return Exit.OK
    except OSError as error:  # a file that a verb was given, or stdout on a full disk
        place = f"{error.filename}: " if error.filename else ""
        print(f"{command}: {place}{error.strerror or error}", file=sys.stderr)
        _abandon_stdout()
        return Exit.CHECK_FAILED
    return code


def _abandon_stdout() -> None:
    """Nobody takes our output any more; leave nothing for the interpreter to flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
