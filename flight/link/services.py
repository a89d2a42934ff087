"""The dictionary in PUS services 1 (verification), 3, 5 (events), 8 (functions), 11 (schedule),
17 (test) and 20 (parameters)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from flight.dictionary import layout
from flight.dictionary.codec import decode
from flight.dictionary.commands import Ping, SetParameter
from flight.dictionary.enums import Reason, Severity, Stage
from flight.dictionary.layout import LayoutError
from flight.dictionary.operations import (
    DisableSchedule,
    EnableSchedule,
    ParameterValue,
    ReportParameters,
    ResetSchedule,
    Schedule,
    Unschedule,
)
from flight.dictionary.registry import BY_ID, Command, Event, Telemetry, item
from flight.dictionary.telemetry import CommandStage, EventReport
from flight.link import onboard_parameters as parameters
from flight.link import schedule
from flight.link.errors import CommandError, Fault, LinkError
from flight.link.pus import Report

Content = tuple[int, int, bytes]  # service, subtype, application or source data
Parse = Callable[[bytes], Command]

VERIFICATION, HOUSEKEEPING, EVENTS, FUNCTION, SCHEDULE, TEST, PARAMETERS = 1, 3, 5, 8, 11, 17, 20
PONG: Content = (TEST, 2, b"")

_ID = struct.Struct(">H")
_EVENT = struct.Struct(">HB16s")
_REQUEST = struct.Struct(">I")
_LAST_STEP = 0xFFFF

_EVENT_SUBTYPE = {
    Severity.DIAGNOSTIC: 1,
    Severity.ACTIVITY: 1,
    Severity.WARNING: 2,
    Severity.CRITICAL: 3,
    Severity.FATAL: 4,
}
_REFUSED, _START_FAILED, _FAILED = 2, 4, 8
_STAGE_SUBTYPE = {
    Stage.ACCEPTED: 1,
    Stage.STARTED: 3,
    Stage.PROGRESS: 5,
    Stage.COMPLETED: 7,
    Stage.FAILED: _FAILED,
}
_STAGE = {subtype: stage for stage, subtype in _STAGE_SUBTYPE.items()} | {
    _REFUSED: Stage.FAILED,
    _START_FAILED: Stage.FAILED,
}


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as received; ``event`` holds its arguments."""

    id: int
    severity: Severity
    source: str
    utc_ns: int
    event: Event


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to a connection test (17,2)."""


# Telecommands that a standard service has; all others are functions (8,1).
_BARE: dict[tuple[int, int], type[Command]] = {
    (TEST, 1): Ping,
    (SCHEDULE, 1): EnableSchedule,
    (SCHEDULE, 2): DisableSchedule,
    (SCHEDULE, 3): ResetSchedule,
}
_CODECS: dict[tuple[int, int], tuple[type[Command], Callable[..., bytes], Parse]] = {
    (SCHEDULE, 4): (Schedule, schedule.insertion, schedule.parse_insertion),
    (SCHEDULE, 5): (Unschedule, schedule.deletion, schedule.parse_deletion),
    (PARAMETERS, 1): (ReportParameters, parameters.inquiry, parameters.parse_inquiry),
    (PARAMETERS, 3): (SetParameter, parameters.setting, parameters.parse_setting),
}
_BARE_KIND = {kind: number for number, kind in _BARE.items()}
_CODED_KIND = {kind: (number, pack) for number, (kind, pack, _) in _CODECS.items()}


def telecommand(command: Command) -> Content:
    """A command as the standard has it, else as 8,1: opcode u16, then the arguments.

    Raises LayoutError, LinkError for a time that no packet can carry.
    """
    kind = type(command)
    if kind in _BARE_KIND:
        return *_BARE_KIND[kind], b""
    if kind in _CODED_KIND:
        number, pack = _CODED_KIND[kind]
        return *number, pack(command)
    return FUNCTION, 1, _ID.pack(item(command).id) + layout.pack(command)


def parse_telecommand(service: int, subtype: int, data: bytes) -> Command:
    """The command in a telecommand packet. Raises CommandError."""
    number = (service, subtype)
    if number in _BARE:
        if data:
            raise CommandError(Reason.FORMAT, f"{service},{subtype} with {len(data)} octets")
        return _BARE[number]()
    if number in _CODECS:
        return _CODECS[number][2](data)
    if number != (FUNCTION, 1):
        raise CommandError(Reason.UNKNOWN, f"no service {service},{subtype}")
    if len(data) < _ID.size:
        raise CommandError(Reason.FORMAT, "no opcode")
    (opcode,) = _ID.unpack_from(data)
    entry = BY_ID.get(("command", opcode))
    if entry is None:
        raise CommandError(Reason.UNKNOWN, f"no opcode {opcode}")
    try:
        command: Command = layout.unpack(entry.type, data[_ID.size :])
    except LayoutError as error:
        raise CommandError(error.reason, error.detail) from error
    return command


def housekeeping(message: Telemetry) -> Content:
    """Telemetry as 3,25: id u16, then the fields; parameters as 20,2. Raises LayoutError."""
    if isinstance(message, ParameterValue):
        return PARAMETERS, 2, parameters.value(message)
    return HOUSEKEEPING, 25, _ID.pack(item(message).id) + layout.pack(message)


def event(report: EventReport) -> Content:
    """Event as 5,1 to 5,4: id u16, severity u8, source of 16 octets, then the arguments.

    The time of the event is the time of the packet. Raises LinkError when it is not as declared.
    """
    entry = BY_ID.get(("event", report.event))
    if entry is None:
        raise LinkError(Fault.TYPE, f"no event {report.event}")
    try:
        arguments = layout.pack(decode(entry.type, report.body))
    except ValueError as error:
        raise LinkError(Fault.TYPE, f"event {report.event}: {error}") from error
    source = report.source.encode("ascii", "replace")
    head = _EVENT.pack(report.event, report.severity, source)
    return EVENTS, _EVENT_SUBTYPE[report.severity], head + arguments


def stage(report: CommandStage) -> Content:
    """Stage as 1,1 to 1,8: request u32; for PROGRESS the step u16, for FAILED the reason u16.

    Steps beyond 65535 stay there. Raises LinkError for the stages that only the ground knows.
    """
    subtype = _STAGE_SUBTYPE.get(report.stage)
    if subtype is None:
        raise LinkError(Fault.TYPE, f"{report.stage.name} is no stage on board")
    data = _REQUEST.pack(report.request)
    if report.stage is Stage.PROGRESS:
        data += _ID.pack(min(report.step, _LAST_STEP))
    elif report.stage is Stage.FAILED:
        subtype = _FAILED if report.accepted else _REFUSED
        data += _ID.pack(report.reason)
    return VERIFICATION, subtype, data


def parse_report(report: Report) -> Telemetry | CommandStage | EventRecord | Pong:
    """What a telemetry packet says. Raises LinkError."""
    kind = (report.service, report.subtype)
    try:
        if report.service == VERIFICATION:
            return _parse_stage(report)
        if kind == (HOUSEKEEPING, 25):
            return _parse_housekeeping(report.data)
        if kind == (PARAMETERS, 2):
            return parameters.parse_value(report.data)
        if report.service == EVENTS:
            return _parse_event(report)
    except (struct.error, ValueError) as error:
        raise LinkError(Fault.TYPE, f"report {kind[0]},{kind[1]}: {error}") from error
    if (*kind, report.data) != PONG:
        raise LinkError(Fault.TYPE, f"no report {kind[0]},{kind[1]}")
    return Pong()


def _parse_stage(report: Report) -> CommandStage:
    reached = _STAGE.get(report.subtype)
    if reached is None:
        raise ValueError("no such stage")
    (request,) = _REQUEST.unpack(report.data[: _REQUEST.size])
    rest = report.data[_REQUEST.size :]
    if reached is Stage.FAILED:
        (reason,) = _ID.unpack(rest)
        accepted = report.subtype != _REFUSED
        return CommandStage(request, reached, reason=Reason(reason), accepted=accepted)
    if reached is Stage.PROGRESS:
        (step,) = _ID.unpack(rest)
        return CommandStage(request, reached, step)
    if rest:
        raise ValueError(f"{len(rest)} octets too many")
    return CommandStage(request, reached)


def _parse_housekeeping(data: bytes) -> Telemetry:
    (identifier,) = _ID.unpack(data[: _ID.size])
    entry = BY_ID.get(("telemetry", identifier))
    if entry is None:
        raise ValueError(f"no telemetry {identifier}")
    message: Telemetry = layout.unpack(entry.type, data[_ID.size :])
    return message


def _parse_event(report: Report) -> EventRecord:
    identifier, severity, source = _EVENT.unpack(report.data[: _EVENT.size])
    entry = BY_ID.get(("event", identifier))
    if entry is None:
        raise ValueError(f"no event {identifier}")
    arguments: Event = layout.unpack(entry.type, report.data[_EVENT.size :])
    if _EVENT_SUBTYPE[Severity(severity)] != report.subtype:
        raise ValueError(f"severity {severity} contradicts the subtype")
    name = source.rstrip(b"\0").decode("ascii")
    if not name.isprintable():
        raise ValueError("source is not printable")
    return EventRecord(identifier, Severity(severity), name, report.utc_ns, arguments)
