"""Telecommands for later in PUS service 11 (ECSS-E-ST-70-41C, 8.11), one activity at a time."""

from __future__ import annotations

import struct

from flight.dictionary.enums import Reason
from flight.dictionary.operations import Schedule, Unschedule
from flight.link import cuc
from flight.link.errors import CommandError, LinkError
from flight.link.pus import Telecommand

_COUNT = struct.Struct(">H")
_REQUEST = struct.Struct(">HI")  # how many, request id
_INSERT, _SERVICE = 4, 11


def insertion(command: Schedule) -> bytes:
    """Data of 11,4: count u16, release time (CUC), telecommand packet. Raises LinkError."""
    return _COUNT.pack(1) + cuc.pack(command.release) + command.packet


def parse_insertion(data: bytes) -> Schedule:
    """The activity in 11,4. Raises CommandError: more than one, no time, or no telecommand that
    may wait (one that schedules another may not)."""
    _single(data, _COUNT.size + cuc.SIZE)
    packet = bytes(data[_COUNT.size + cuc.SIZE :])
    try:
        release = cuc.unpack(data[_COUNT.size : _COUNT.size + cuc.SIZE])
        inner = Telecommand.unpack(packet)
    except LinkError as error:
        raise CommandError(Reason.FORMAT, f"activity: {error}") from error
    if inner.service == _SERVICE:
        raise CommandError(Reason.RANGE, "an activity that concerns the schedule")
    return Schedule(release, packet)


def deletion(command: Unschedule) -> bytes:
    """Data of 11,5: count u16, request id u32."""
    return _REQUEST.pack(1, command.request)


def parse_deletion(data: bytes) -> Unschedule:
    """The activity to give up. Raises CommandError."""
    _single(data, _REQUEST.size)
    if len(data) != _REQUEST.size:
        raise CommandError(Reason.FORMAT, f"11,5 with {len(data)} octets")
    return Unschedule(_REQUEST.unpack(data)[1])


def _single(data: bytes, least: int) -> None:
    if len(data) < least:
        raise CommandError(Reason.FORMAT, f"{len(data)} octets, at least {least} expected")
    (count,) = _COUNT.unpack_from(data)
    if count != 1:
        raise CommandError(Reason.RANGE, f"{count} activities in one telecommand, not one")
