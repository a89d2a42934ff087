"""Operations: arming of hazardous telecommands, telecommands for later, parameters told, audit."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.enums import Severity
from flight.dictionary.fields import f64, flag, internal, text, u8, u16, u32, u64
from flight.dictionary.registry import (
    Command,
    Delivery,
    Event,
    Telemetry,
    command,
    event,
    telemetry,
)

Request = Annotated[int, u32("", "Request id of the telecommand")]
Opcode = Annotated[int, u16("", "Opcode of the telecommand")]
Parameter = Annotated[str, text(48, "owner.field, or owner for all of a set")]


@command(30, "command.arm", "commanding")
class Arm(Command, frozen=True):
    """Arm a hazardous telecommand: it is carried out once, if it comes soon."""

    opcode: Opcode


@command(31, "schedule.insert", "commanding", linked=False)
class Schedule(Command, frozen=True):
    """Keep a telecommand until its time (PUS 11,4)."""

    release: Annotated[int, internal("UTC", "ns")]
    packet: Annotated[bytes, internal("The telecommand packet")]


@command(32, "schedule.enable", "commanding")
class EnableSchedule(Command, frozen=True):
    """Release telecommands at their time (PUS 11,1)."""


@command(33, "schedule.disable", "commanding")
class DisableSchedule(Command, frozen=True):
    """Release none; those whose time passes meanwhile are given up (PUS 11,2)."""


@command(34, "schedule.reset", "commanding")
class ResetSchedule(Command, frozen=True):
    """Give up all telecommands that wait for their time (PUS 11,3)."""


@command(35, "schedule.delete", "commanding")
class Unschedule(Command, frozen=True):
    """Give up one telecommand that waits for its time (PUS 11,5)."""

    request: Request


@command(36, "parameter.report", "commanding")
class ReportParameters(Command, frozen=True):
    """Tell the value of one parameter, or of all of a set (PUS 20,1)."""

    name: Parameter


@telemetry(31, "audit.status", Delivery.LATEST, linked=True)
class AuditStatus(Telemetry, frozen=True):
    """Where the audit log on board stands: what a rewritten one could not end in."""

    entries: Annotated[int, u32("", "Entries ever made")]
    head: Annotated[str, text(64, "SHA-256 of the last one, hexadecimal")]


@telemetry(32, "schedule.status", Delivery.LATEST, linked=True)
class ScheduleStatus(Telemetry, frozen=True):
    """Telecommands that wait for their time."""

    enabled: Annotated[bool, flag("They are released at their time")]
    waiting: Annotated[int, u8("", "How many")]
    request: Annotated[int, u32("", "The next one, 0 is none")]
    release: Annotated[int, u64("ns", "Its time, UTC")]


@telemetry(37, "parameter.value", Delivery.QUEUE, 64, linked=True)
class ParameterValue(Telemetry, frozen=True):
    """One parameter as it is in force (PUS 20,2)."""

    name: Parameter
    value: Annotated[float, f64("", "Value, in the parameter's unit")]


@event(80, Severity.WARNING, "{command} armed for {seconds} s")
class CommandArmed(Event, frozen=True):
    """A hazardous telecommand will be carried out if it comes next."""

    command: Annotated[str, text(16, "Telecommand")]
    seconds: Annotated[int, u16("s", "How long")]


@event(81, Severity.WARNING, "scheduled telecommand {request:#010x} given up: {why}")
class ScheduledMissed(Event, frozen=True):
    """A telecommand that waited for its time was not carried out."""

    request: Request
    why: Annotated[str, text(32, "Reason")]
