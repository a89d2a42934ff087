"""Exit codes of the command line, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Exit(IntEnum):
    """Exit codes; the same for ``flight``, ``ground`` and ``hil``."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    REFUSED_ON_GROUND = 3
    REFUSED_ON_BOARD = 4
    NO_ANSWER = 5
    DOWN = 6
    SAFE_MODE = 7


MEANING = {
    Exit.OK: "done",
    Exit.CHECK_FAILED: "a check failed",
    Exit.USAGE: "wrong use of the command line",
    Exit.REFUSED_ON_GROUND: "refused on the ground, nothing was sent",
    Exit.REFUSED_ON_BOARD: "refused or failed on board",
    Exit.NO_ANSWER: "no answer in time; the outcome is not known",
    Exit.DOWN: "link or station down",
    Exit.SAFE_MODE: "the node is in safe mode and refused",
}


class Stop(Exception):
    """Ends a verb with one line on stderr and an exit code."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code
