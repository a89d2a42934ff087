"""Bus codec: round trips, an independent MessagePack, damage."""

from __future__ import annotations

import random
from enum import IntEnum
from typing import Any

import msgpack
import msgspec
import pytest
from dictionary_strategies import ITEMS, label, messages, sample
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.dictionary import codec
from flight.dictionary.commands import Reply
from flight.dictionary.events import ProcessReady
from flight.dictionary.fieldspec import fields
from flight.dictionary.registry import Message

KINDS = [pytest.param(item.type, id=label(item)) for item in ITEMS] + [Reply]
DRAWS = 20_000


def plain(value: Any) -> Any:
    """What MessagePack must carry for a value: messages and tuples as arrays, members as ints."""
    if isinstance(value, Message):
        return [plain(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, IntEnum) else value


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_agrees_with_an_independent_messagepack(kind: type[Message]) -> None:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(messages(kind))
    def check(message: Message) -> None:
        data = codec.encode(message)
        assert codec.decode(kind, data) == message
        assert msgpack.unpackb(data, strict_map_key=False) == plain(message)
        assert codec.decode(kind, msgpack.packb(plain(message))) == message

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_and_any_extra_octet_is_refused(kind: type[Message]) -> None:
    @settings(max_examples=3, deadline=None, derandomize=True)
    @given(messages(kind))
    def check(message: Message) -> None:
        data = codec.encode(message)
        for damaged in [*(data[:length] for length in range(len(data))), data + b"\0"]:
            with pytest.raises(msgspec.DecodeError):
                codec.decode(kind, damaged)

    check()


def test_random_octets_raise_nothing_but_decode_error() -> None:
    rng = random.Random(20260101)
    other: list[str] = []
    for _ in range(DRAWS):
        kind = rng.choice(ITEMS).type
        data = bytes([0x90 + len(kind.__struct_fields__) & 0xFF]) + rng.randbytes(rng.randrange(40))
        try:
            codec.decode(kind, data)
        except msgspec.DecodeError:
            pass
        except Exception as error:
            other.append(f"{kind.__name__} {data.hex()}: {error!r}")
    assert not other, f"{len(other)} of n={DRAWS} random bodies: {other[:3]}"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(ITEMS).flatmap(lambda item: messages(item.type)), st.data())
def test_a_flipped_bit_gives_a_message_in_range_or_decode_error(
    message: Message, data: st.DataObject
) -> None:
    body = bytearray(codec.encode(message))
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    body[bit // 8] ^= 1 << bit % 8
    try:
        received = codec.decode(type(message), body)
    except msgspec.DecodeError:
        return
    assert codec.decode(type(message), codec.encode(received)) is not None


def test_text_that_is_not_utf8_is_a_decode_error_and_not_what_msgspec_raises() -> None:
    body = b"\x92\xa1\xff\x01"
    with pytest.raises(msgspec.DecodeError, match="UTF-8"):
        codec.decode(ProcessReady, body)
    with pytest.raises(UnicodeDecodeError):
        msgspec.msgpack.decode(body, type=ProcessReady)


@pytest.mark.parametrize("item", [item for item in ITEMS if item.kind == "parameter"], ids=label)
def test_ranges_hold_on_the_bus(item: Any) -> None:
    for index, spec in enumerate(fields(item.type)):
        for bound, step in ((spec.lo, -1), (spec.hi, 1)):
            values = plain(sample(item.type))
            values[index] = bound
            assert getattr(codec.decode(item.type, msgpack.packb(values)), spec.name) == bound
            values[index] = bound + step
            with pytest.raises(msgspec.DecodeError):
                codec.decode(item.type, msgpack.packb(values))


def test_trailing_fields_with_defaults_may_be_missing() -> None:
    assert codec.decode(Reply, b"\x90") == Reply()


def test_a_decoder_is_made_once() -> None:
    assert codec.decoder(Reply) is codec.decoder(Reply)
    assert codec.decoder(Reply).decode(codec.ENCODER.encode(Reply(detail="x"))).detail == "x"
