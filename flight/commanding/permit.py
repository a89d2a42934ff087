"""Whether a telecommand may be carried out: by mode, by the frame it came in, by arm and fire."""

from __future__ import annotations

from math import inf

from flight.dictionary.commands import RunTask
from flight.dictionary.enums import CommandClass, Mode, Reason
from flight.dictionary.registry import BY_ID, Command, item
from flight.runtime.service import Refused


class Permit:
    """``mode`` is set from outside. One hazardous telecommand at most is armed at a time; a restart
    disarms it."""

    def __init__(self) -> None:
        self.mode = Mode.BOOT
        self._armed = 0
        self._until = -inf

    def arm(self, opcode: int, until: float) -> str:
        """Arm a telecommand until a time in s; return its name. Raises Refused."""
        entry = BY_ID.get(("command", opcode))
        if entry is None or entry.category is not CommandClass.HAZARDOUS:
            raise Refused(Reason.UNKNOWN, f"opcode {opcode} is no hazardous telecommand")
        self._armed, self._until = opcode, until
        return entry.name

    def check(self, command: Command, bypass: bool, now: float) -> None:
        """Raises Refused: not in this mode, not outside the sequence, not armed.

        A frame outside the sequence is one that an attacker may have turned into one: the flag is
        not authenticated by the standard's mask.
        """
        entry = item(command)
        if self.mode is Mode.SAFE and isinstance(command, RunTask):
            raise Refused(Reason.MODE, "safe mode runs no tasks")
        if bypass and entry.category is not CommandClass.SAFE:
            raise Refused(Reason.PERMISSION, f"{entry.name} must come in sequence")
        if entry.category is CommandClass.HAZARDOUS and not self._fire(entry.id, now):
            raise Refused(Reason.NOT_ARMED, f"{entry.name} is hazardous and not armed")

    def _fire(self, opcode: int, now: float) -> bool:
        if opcode != self._armed or now > self._until:
            return False
        self._until = -inf
        return True
