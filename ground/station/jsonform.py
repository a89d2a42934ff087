"""Messages and happenings as JSON objects: enumerations by name, NaN as null, octets as hex."""

from __future__ import annotations

import math
from dataclasses import fields
from enum import IntEnum
from typing import Any

import msgspec

from flight.dictionary.registry import Message
from ground.station.happenings import (
    EventReceived,
    FileDelivered,
    FileProgress,
    FileUplink,
    Happening,
    LinkChanged,
    NoAnswer,
    PacketReceived,
    StageChanged,
)

KIND: dict[type, str] = {
    StageChanged: "stage",
    NoAnswer: "stage",
    PacketReceived: "packet",
    EventReceived: "event",
    FileProgress: "progress",
    FileDelivered: "file",
    FileUplink: "uplink",
    LinkChanged: "link",
}


def _value(value: Any) -> Any:
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Message):
        return message_json(value)
    return value


def message_json(message: Message) -> dict[str, Any]:
    """Return the fields of a message by name."""
    return {name: _value(value) for name, value in msgspec.structs.asdict(message).items()}


def happening_json(happening: Happening, utc_ns: int) -> dict[str, Any]:
    """Return a happening with its kind and the station's UTC."""
    names = [field.name for field in fields(happening)]
    form = {name: _value(getattr(happening, name)) for name in names}
    if isinstance(happening, NoAnswer):
        form |= {"stage": "NO_ANSWER", "reason": "NONE"}
    return {"happening": KIND[type(happening)], "utc_ns": utc_ns, **form}
