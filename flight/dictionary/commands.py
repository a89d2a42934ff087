"""Telecommands and on-board requests. Opcodes are never reused (ledger.json)."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.arrays import ArrayRef
from flight.dictionary.enums import CommandClass, Level, Reason
from flight.dictionary.fields import choice, f64, flag, internal, text, u8, u16, u32
from flight.dictionary.registry import Command, Message, command


class Reply(Message, frozen=True):
    """Answer to a command on the bus: NONE and a result, or the reason and a detail."""

    reason: Annotated[Reason, choice("NONE when done, else why not")] = Reason.NONE
    detail: Annotated[str, internal("One line for a person")] = ""
    result: Annotated[bytes, internal("MessagePack of the result, if any")] = b""


@command(1, "ping", "commanding", category=CommandClass.SAFE)
class Ping(Command, frozen=True):
    """Connection test (PUS 17,1)."""


@command(2, "task.run", "executor")
class RunTask(Command, frozen=True):
    """Run a program on a scene and downlink its product."""

    program: Annotated[str, text(32, "Registered program")]
    scene: Annotated[str, text(32, "Scene in the payload store")]
    level: Annotated[Level, choice("Redundancy")] = Level.VERIFY
    priority: Annotated[int, u8("", "Higher runs first", hi=9)] = 5
    request: Annotated[int, u32("", "Telecommand request id; filled on board, 0 from ground")] = 0
    parameters: Annotated[str, text(128, "Program's own, name=value,name=value")] = ""
    second: Annotated[str, text(32, "Second scene, for programs that compare two")] = ""
    criticality: Annotated[int, u8("", "Higher is given up later", hi=3)] = 1
    deadline: Annotated[int, u32("s", "Result wanted this long after acceptance, 0 is none")] = 0
    calm: Annotated[bool, flag("Run it only between crossings of the anomaly, outside storms")] = (
        False
    )


@command(3, "task.cancel", "executor", category=CommandClass.SAFE)
class CancelTask(Command, frozen=True):
    """Cancel a queued or running task."""

    task: Annotated[int, u32("", "Task id")]


@command(10, "task.suspend", "executor")
class SuspendTask(Command, frozen=True):
    """Put a task aside at its next step: its state goes to disk, its processes end."""

    task: Annotated[int, u32("", "Task id")]


@command(11, "task.resume", "executor")
class ResumeTask(Command, frozen=True):
    """Let a suspended task go on."""

    task: Annotated[int, u32("", "Task id")]


@command(12, "orbit.set", "radiation")
class SetOrbit(Command, frozen=True):
    """Fly on new two-line elements; checked, kept over restarts, in force at once."""

    first: Annotated[str, text(69, "First line")]
    second: Annotated[str, text(69, "Second line")]


@command(4, "node.safe", "executive", category=CommandClass.SAFE)
class SetSafeMode(Command, frozen=True):
    """Enter or leave safe mode."""

    on: Annotated[bool, flag("True enters, False leaves")]


@command(5, "parameter.set", "commanding")
class SetParameter(Command, frozen=True):
    """Set one parameter; checked against its range, persisted, active at once."""

    name: Annotated[str, text(48, "owner.field, e.g. executor.redo_limit")]
    value: Annotated[float, f64("", "New value")]


@command(6, "node.shutdown", "executive", category=CommandClass.HAZARDOUS)
class Shutdown(Command, frozen=True):
    """Stop the node in order."""


@command(7, "product.store", "storage", linked=False)
class StoreProduct(Command, frozen=True):
    """Keep a task's result and queue it for downlink. Idempotent by task."""

    task: Annotated[int, u32("", "Task id")]
    array: Annotated[ArrayRef, internal("Result bytes in shared memory")]
    provenance: Annotated[bytes, internal("MessagePack of Provenance")]
    priority: Annotated[int, internal("Of the task, and so of its downlink")] = 5


@command(8, "file.delivered", "storage", linked=False)
class FileDelivered(Command, frozen=True):
    """The ground confirmed a whole file (CFDP Finished, no error)."""

    path: Annotated[str, text(96, "Path in the downlink queue")]


@command(9, "product.resend", "storage")
class ResendProduct(Command, frozen=True):
    """Queue a stored product for downlink again."""

    task: Annotated[int, u32("", "Task id")]


@command(20, "program.install", "storage")
class InstallProgram(Command, frozen=True):
    """Verify an uplinked program bundle and keep it, not yet active."""

    file: Annotated[str, text(64, "Uplinked file")]


@command(21, "program.activate", "storage")
class ActivateProgram(Command, frozen=True):
    """Have new tasks run this version of an installed program."""

    name: Annotated[str, text(32, "Program")]
    version: Annotated[int, u16("", "Version", lo=1)]


@command(22, "program.rollback", "storage")
class RollBackProgram(Command, frozen=True):
    """Have new tasks run the version that was active before."""

    name: Annotated[str, text(32, "Program")]
