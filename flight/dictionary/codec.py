"""Bus codec: every message as a MessagePack array of its field values, in order of declaration."""

from __future__ import annotations

from typing import Any

import msgspec

from flight.dictionary.registry import M, Message

ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[type[Message], msgspec.msgpack.Decoder[Any]] = {}


def encode(message: Message) -> bytes:
    """Return the MessagePack of a message. Ranges are checked by whoever decodes."""
    return ENCODER.encode(message)


def decoder(kind: type[M]) -> msgspec.msgpack.Decoder[M]:
    """Return the typed decoder of a kind, made once.

    Its ``decode`` raises ValueError: msgspec.DecodeError, or UnicodeDecodeError for text that is
    not UTF-8.
    """
    found = _DECODERS.get(kind)
    if found is None:
        found = _DECODERS[kind] = msgspec.msgpack.Decoder(kind)
    return found


def decode(kind: type[M], data: bytes | bytearray | memoryview) -> M:
    """Return the message in ``data``, types and ranges checked. Raises msgspec.DecodeError."""
    try:
        return decoder(kind).decode(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"text is not UTF-8: {error.reason}") from error
