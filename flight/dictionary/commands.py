"""Telecommands and on-board requests. Opcodes are never reused (ledger.json)."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.arrays import ArrayRef
from flight.dictionary.enums import Level, Reason
from flight.dictionary.fields import choice, f64, flag, internal, text, u8, u32
from flight.dictionary.registry import Command, Message, command


class Reply(Message, frozen=True):
    """Answer to a command on the bus: NONE and a result, or the reason and a detail."""

    reason: Annotated[Reason, choice("NONE when done, else why not")] = Reason.NONE
    detail: Annotated[str, internal("One line for a person")] = ""
    result: Annotated[bytes, internal("MessagePack of the result, if any")] = b""


@command(1, "ping", "commanding")
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


@command(3, "task.cancel", "executor")
class CancelTask(Command, frozen=True):
    """Cancel a queued or running task."""

    task: Annotated[int, u32("", "Task id")]


@command(4, "node.safe", "executive")
class SetSafeMode(Command, frozen=True):
    """Enter or leave safe mode."""

    on: Annotated[bool, flag("True enters, False leaves")]


@command(5, "parameter.set", "commanding")
class SetParameter(Command, frozen=True):
    """Set one parameter; checked against its range, persisted, active at once."""

    name: Annotated[str, text(48, "owner.field, e.g. executor.redo_limit")]
    value: Annotated[float, f64("", "New value")]


@command(6, "node.shutdown", "executive")
class Shutdown(Command, frozen=True):
    """Stop the node in order."""


@command(7, "product.store", "storage", linked=False)
class StoreProduct(Command, frozen=True):
    """Keep a task's result and queue it for downlink. Idempotent by task."""

    task: Annotated[int, u32("", "Task id")]
    array: Annotated[ArrayRef, internal("Result bytes in shared memory")]
    provenance: Annotated[bytes, internal("MessagePack of Provenance")]


@command(8, "file.delivered", "storage", linked=False)
class FileDelivered(Command, frozen=True):
    """The ground confirmed a whole file (CFDP Finished, no error)."""

    name: Annotated[str, text(64, "File name in the downlink queue")]


@command(9, "product.resend", "storage")
class ResendProduct(Command, frozen=True):
    """Queue a stored product for downlink again."""

    task: Annotated[int, u32("", "Task id")]
