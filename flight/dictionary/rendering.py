"""Text of events, from their templates. Whatever arrives, a line comes out."""

from __future__ import annotations

import msgspec

from flight.dictionary import codec
from flight.dictionary.registry import BY_ID, ITEMS, Event

_SHOWN = 32  # octets of an unreadable body


def _line(text: str) -> str:
    # A control character from the far side must not reach a terminal or split a log line.
    return "".join(each if each.isprintable() else "?" for each in text)


def render_event(event: Event) -> str:
    """Return the line of an event, or a plain listing when its values do not fit the template."""
    item = ITEMS.get(type(event))
    try:
        if item is not None:
            return _line(item.template.format(**msgspec.structs.asdict(event)))
    except (AttributeError, LookupError, TypeError, ValueError):
        pass
    return _line(f"event {event!r}")


def render(event_id: int, body: bytes) -> str:
    """Return the line of an event as it travels on the bus: id and MessagePack of its arguments."""
    item = BY_ID.get(("event", event_id))
    octets = f"{len(body)} octets {body[:_SHOWN].hex()}{'...' if len(body) > _SHOWN else ''}"
    if item is None:
        return f"event {event_id} is not in this dictionary: {octets}"
    try:
        event = codec.decode(item.type, body)
    except msgspec.DecodeError as error:
        return _line(f"event {event_id} ({item.name}) is not readable ({error}): {octets}")
    return render_event(event)
