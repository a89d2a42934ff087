"""From what an operator typed to a telecommand, checked against the dictionary before sending."""

from __future__ import annotations

from flight.console.exits import Exit, Stop
from flight.dictionary.commands import RunTask
from flight.dictionary.layout import LayoutError, build
from flight.dictionary.programs import PROGRAMS, check_scenes, parse_parameters
from flight.dictionary.registry import BY_NAME, Command, items
from flight.dictionary.values import suggestion


def command_names() -> list[str]:
    """Names of the telecommands that may be sent."""
    return [item.name for item in items("command") if item.linked]


def build_command(name: str, values: dict[str, str]) -> Command:
    """Return the telecommand ``name`` with arguments as typed. Raises Stop (3)."""
    item = BY_NAME.get(("command", name))
    if item is None or not item.linked:
        hint = suggestion(name, command_names()) or f"; known: {', '.join(command_names())}"
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: unknown command {name!r}{hint}")
    try:
        command: Command = build(item.type, values)
        if isinstance(command, RunTask) and command.program in PROGRAMS:  # others may be on board
            declaration = PROGRAMS[command.program]
            check_scenes(declaration, command.second)
            parse_parameters(declaration, command.parameters)
    except LayoutError as error:
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {name}: {error.detail}") from error
    return command
