"""Enumerations shared by commands, telemetry, events and parameters. Values are never reused."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Severity(IntEnum):
    """Event severity; maps to PUS service 5 subtypes 1 to 4 (ECSS-E-ST-70-41C, 6.5)."""

    DIAGNOSTIC = 0
    ACTIVITY = 1
    WARNING = 2
    CRITICAL = 3
    FATAL = 4


@unique
class Level(IntEnum):
    """Redundancy of a task: how many replicas compute each step."""

    NONE = 0
    VERIFY = 1
    DMR = 2
    TMR = 3


@unique
class ResultKind(IntEnum):
    """What the result of a program is, and so how the ground draws it."""

    MASK = 0  # classes, uint8 of the scene's height and width
    CHANGE = 1  # classes of change, uint8, one per tile
    PICTURE = 2  # a compressed picture, a stream of octets
    EVIDENCE = 3  # no result: MessagePack of Evidence, of a task that was given up


@unique
class Environment(IntEnum):
    """Radiation environment of the node; a higher one asks for more redundancy."""

    QUIET = 0
    SAA = 1
    STORM = 2


@unique
class TaskState(IntEnum):
    """Life of a task on board."""

    QUEUED = 0
    RUNNING = 1
    WAITING = 2
    COMPLETED = 3
    FAILED = 4
    SUSPENDED = 5

    @property
    def ended(self) -> bool:
        """True once the task can no longer change."""
        return self in (TaskState.COMPLETED, TaskState.FAILED)


@unique
class Stage(IntEnum):
    """Verification stage of a telecommand; the last four map to PUS service 1 reports."""

    QUEUED = 0
    RELEASED = 1
    SENT = 2
    ACCEPTED = 3
    STARTED = 4
    PROGRESS = 5
    COMPLETED = 6
    FAILED = 7

    @property
    def final(self) -> bool:
        """True when no later stage can follow."""
        return self in (Stage.COMPLETED, Stage.FAILED)


@unique
class CommandClass(IntEnum):
    """What a telecommand may do, and so how it must come."""

    SAFE = 0  # also in frames that bypass the sequence, for emergencies
    NORMAL = 1
    HAZARDOUS = 2  # armed first, then sent: one telecommand alone never does it


@unique
class Reason(IntEnum):
    """Why something was refused or failed. NONE means it was not."""

    NONE = 0
    UNKNOWN = 1
    FORMAT = 2
    RANGE = 3
    MODE = 4
    NOT_ARMED = 5
    AUTHENTICATION = 6
    REPLAY = 7
    BUSY = 8
    BUDGET = 9
    TIMED_OUT = 10
    INTERNAL = 11
    CORRUPT = 12
    NO_MAJORITY = 13
    NO_SPACE = 14
    PERMISSION = 15
    UNREACHABLE = 16
    CANCELLED = 17
    POISON = 18


@unique
class Mode(IntEnum):
    """Mode of the node. SAFE runs only the services marked essential in the topology."""

    BOOT = 0
    NOMINAL = 1
    SAFE = 2


@unique
class ProcessState(IntEnum):
    """Life of a supervised process."""

    STOPPED = 0
    STARTING = 1
    READY = 2
    BACKOFF = 3
    QUARANTINED = 4


@unique
class BudgetLevel(IntEnum):
    """How much the governor grants, from survival to everything."""

    SURVIVAL = 0
    CONSERVATIVE = 1
    REDUCED = 2
    FULL = 3


@unique
class Quality(IntEnum):
    """Trust in one reading. LOST readings carry NaN, never a number."""

    GOOD = 0
    SUSPECT = 1
    LOST = 2


@unique
class ModelState(IntEnum):
    """Life of a model in the store."""

    STAGED = 0
    VERIFIED = 1
    COMPILED = 2
    TESTED = 3
    ACTIVE = 4
    QUARANTINED = 5


@unique
class ProgramState(IntEnum):
    """Whether an installed version of a program may be used."""

    INSTALLED = 0
    QUARANTINED = 1
