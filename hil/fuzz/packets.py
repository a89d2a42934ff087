"""Decoders without state: packets, control words, times, and the dictionary in services."""

from __future__ import annotations

import struct
from typing import Any

from flight.dictionary import layout
from flight.dictionary.codec import encode
from flight.dictionary.commands import Ping, SetParameter
from flight.dictionary.enums import Reason, Stage
from flight.dictionary.fieldspec import fields
from flight.dictionary.operations import ParameterValue, ReportParameters, Schedule
from flight.dictionary.registry import BY_ID, Message, items
from flight.dictionary.telemetry import CommandStage, EventReport
from flight.dictionary.values import LayoutError
from flight.link import cuc, fecf, services
from flight.link.clcw import Clcw
from flight.link.errors import CommandError, Fault, LinkError
from flight.link.pus import Report, Telecommand
from flight.link.spacepacket import HEADER_SIZE, SpacePacket, idle_packet
from flight.link.tc import UNLOCK, parse_control, set_vr
from hil.fuzz.subject import Codec, Harmed, has_nan

UTC = 1_700_000_000_000_000_000
_LINKED = [BY_ID[key] for key in sorted(BY_ID) if BY_ID[key].linked]
_NUMBER = struct.Struct(">H")


_PARAMETER = "executor.redo_limit"
_NAMED: dict[type[Message], Message] = {  # whose name must be one that there is
    SetParameter: SetParameter(_PARAMETER, 2.0),
    ReportParameters: ReportParameters("executor"),
    ParameterValue: ParameterValue(_PARAMETER, 2.0),
}


def least(kind: type[Message]) -> Any:
    """A message of a linked kind with the least value in every field."""
    if kind in _NAMED:
        return _NAMED[kind]
    zero: dict[str, Any] = {"?": False, "text": "", "f": 0.0, "d": 0.0}
    return kind(*(
        next(iter(spec.enum)) if spec.enum
        else spec.lo if spec.lo is not None
        else zero[str(spec.wire)]
        for spec in fields(kind)
    ))  # fmt: skip


def sized(raw: bytes) -> bytes:
    """A space packet whose header says how long it is."""
    if len(raw) <= HEADER_SIZE:
        return raw
    return raw[:4] + (len(raw) - HEADER_SIZE - 1).to_bytes(2, "big") + raw[HEADER_SIZE:]


def sealed_packet(raw: bytes) -> bytes:
    """The same with the CRC of a PUS packet."""
    return fecf.append(sized(raw)[: -fecf.SIZE])


def packet() -> Codec:
    """Space packets."""
    samples = [
        SpacePacket(100, True, 7, b"\x2f\x11\1\0\0abc").pack(),
        SpacePacket(300, False, 16383, bytes(range(200)), secondary=False, flags=1).pack(),
        idle_packet(20),
    ]
    return Codec(samples, SpacePacket.unpack, LinkError, SpacePacket.pack, sized)


def _commands() -> list[services.Content]:
    found = [services.telecommand(least(each.type)) for each in items("command") if each.linked]
    later = Telecommand(100, 9, *services.telecommand(Ping())).pack()
    return [*found, services.telecommand(Schedule(UTC, later))]


def telecommand() -> Codec:
    """Telecommand packets."""
    samples = [Telecommand(100, n, *each).pack() for n, each in enumerate(_commands())]
    return Codec(samples, Telecommand.unpack, LinkError, Telecommand.pack, sealed_packet)


def report() -> Codec:
    """Report packets."""
    samples = [Report(100, n, *kind[:2], UTC, kind[2]).pack() for n, kind in enumerate(_reports())]
    return Codec(samples, Report.unpack, LinkError, None, sealed_packet)


def _reports() -> list[services.Content]:
    found = [services.housekeeping(least(each.type)) for each in items("telemetry") if each.linked]
    for each in items("event"):
        body = encode(least(each.type))
        found.append(services.event(EventReport(each.id, each.severity, "link", UTC, body)))
    request = 0x1864C007
    stages = [CommandStage(request, each) for each in (Stage.ACCEPTED, Stage.STARTED)]
    stages += [CommandStage(request, Stage.PROGRESS, 3), CommandStage(request, Stage.COMPLETED)]
    stages += [CommandStage(request, Stage.FAILED, reason=Reason.RANGE)]
    return [*found, *map(services.stage, stages), services.PONG]


def command() -> Codec:
    """Services: a telecommand as service, subtype and application data."""

    def parse(raw: bytes) -> Any:
        if len(raw) < 2:
            raise CommandError(Reason.FORMAT, "no service")
        return services.parse_telecommand(raw[0], raw[1], raw[2:])

    def checked(raw: bytes) -> Any:
        value = parse(raw)
        # Not the octets: what has a service of its own is taken as a function (8,1) too.
        if parse(_octets(services.telecommand(value))) != value and not has_nan(value):
            raise Harmed("a command comes back as another")
        return value

    return Codec([_octets(each) for each in _commands()], checked, CommandError)


def telemetry() -> Codec:
    """Services: a report as service, subtype and source data."""

    def parse(raw: bytes) -> Any:
        if len(raw) < 2:
            raise LinkError(Fault.LENGTH)
        return services.parse_report(Report(100, 0, raw[0], raw[1], UTC, raw[2:]))

    return Codec([_octets(each) for each in _reports()], parse, LinkError)


def _octets(content: services.Content) -> bytes:
    return bytes(content[:2]) + content[2]


def dictionary() -> Codec:
    """Layouts of all linked items, chosen by the first two octets."""

    def unpack(raw: bytes) -> Any:
        number = int.from_bytes(raw[:2], "big")
        if len(raw) < 2 or number >= len(_LINKED):
            raise LayoutError(Reason.UNKNOWN, f"no item {number}")
        return layout.unpack(_LINKED[number].type, raw[2:])

    def pack(value: Any) -> bytes:
        number = next(n for n, each in enumerate(_LINKED) if each.type is type(value))
        return _NUMBER.pack(number) + layout.pack(value)

    def seal(raw: bytes) -> bytes:
        number = int.from_bytes(raw[:2], "big") % len(_LINKED)
        size = 2 + layout.size(_LINKED[number].type)
        return (_NUMBER.pack(number) + raw[2:])[:size].ljust(size, b"\0")

    samples = [pack(least(each.type)) for each in _LINKED]
    return Codec(samples, unpack, LayoutError, pack, seal)


def time() -> Codec:
    """CUC times."""
    samples = [cuc.pack(UTC), cuc.pack(0)]
    return Codec(samples, cuc.unpack, LinkError, cuc.pack)


def clcw() -> Codec:
    """Control words."""
    samples = [Clcw(0, 17).pack(), Clcw(1, 255, True, True, True, 3, True, True).pack()]
    return Codec(samples, Clcw.unpack, LinkError)


def control() -> Codec:
    """Control commands of COP-1."""

    def pack(value: int | None) -> bytes:
        return UNLOCK if value is None else set_vr(value)

    return Codec([UNLOCK, set_vr(0), set_vr(255)], parse_control, LinkError, pack)
