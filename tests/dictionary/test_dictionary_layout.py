"""Link layout: round trips, an independent encoder, every truncation, every octet, every bound."""

from __future__ import annotations

import math
import random
import struct
from typing import Annotated, Any

import msgspec
import pytest
from dictionary_strategies import LINKED, declare, equal, label, messages, sample
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.dictionary import codec, layout
from flight.dictionary.commands import FileDelivered, RunTask, SetSafeMode
from flight.dictionary.enums import Level, Mode, Reason
from flight.dictionary.fields import f32, f64, u64
from flight.dictionary.fieldspec import FieldSpec, fields
from flight.dictionary.registry import Item, Message
from flight.dictionary.telemetry import BoardReadings, Budget

DRAWS = 20_000
WIDTH = {"B": 1, "H": 2, "I": 4, "Q": 8, "i": 4, "q": 8, "enum": 1, "?": 1}
each_linked = pytest.mark.parametrize("item", LINKED, ids=label)


def encoded(spec: FieldSpec, value: Any) -> bytes:
    """Second implementation of one wire field."""
    if spec.wire == "text":
        return value.encode() + bytes(spec.size - len(value))
    if spec.wire in ("f", "d"):
        return struct.pack(f">{spec.wire}", value)
    return int(value).to_bytes(WIDTH[str(spec.wire)], "big", signed=spec.wire in ("i", "q"))


def offsets(kind: type[Message]) -> list[tuple[FieldSpec, int]]:
    """Fields with the octet at which each begins."""
    sizes = [spec.size for spec in fields(kind)]
    return [(spec, sum(sizes[:index])) for index, spec in enumerate(fields(kind))]


def refusal(kind: type[Message], data: bytes) -> Reason:
    """Reason with which octets are refused; they must be."""
    with pytest.raises(layout.LayoutError) as caught:
        layout.unpack(kind, data)
    return caught.value.reason


@each_linked
def test_round_trip_agrees_with_a_second_encoder(item: Item[Any]) -> None:
    @settings(max_examples=30, deadline=None, derandomize=True)
    @given(messages(item.type))
    def check(message: Message) -> None:
        data = layout.pack(message)
        assert len(data) == layout.size(item.type)
        specs = fields(item.type)
        assert data == b"".join(encoded(spec, getattr(message, spec.name)) for spec in specs)
        received = layout.unpack(item.type, data)
        assert layout.pack(received) == data
        assert codec.decode(item.type, codec.encode(received)) == received
        for spec in specs:
            before, after = getattr(message, spec.name), getattr(received, spec.name)
            near = spec.wire == "f" and math.isclose(before, after, rel_tol=2e-7, abs_tol=1e-44)
            assert type(after) is spec.annotation
            assert before == after or near

    check()


def test_octets_of_a_command_are_what_the_reference_page_says() -> None:
    message = RunTask("cloud", "demo", Level.TMR, 7, 0x01020304, "tile=16", "later", 3, 90, True)
    expected = b"cloud".ljust(32, b"\0") + b"demo".ljust(32, b"\0") + b"\x03\x07\x01\x02\x03\x04"
    expected += b"tile=16".ljust(128, b"\0") + b"later".ljust(32, b"\0") + b"\x03\0\0\0\x5a\x01"
    assert layout.pack(message) == expected


@each_linked
def test_every_other_length_is_refused(item: Item[Any]) -> None:
    data = layout.pack(sample(item.type))
    for damaged in [*(data[:length] for length in range(len(data))), data + b"\0"]:
        assert refusal(item.type, damaged) is Reason.FORMAT


@each_linked
def test_every_octet_outside_an_enumeration_or_boolean_is_refused(item: Item[Any]) -> None:
    good = layout.pack(sample(item.type))
    for spec, offset in offsets(item.type):
        if spec.wire not in ("enum", "?"):
            continue
        allowed = set(spec.enum) if spec.enum else {0, 1}
        for octet in range(256):
            data = good[:offset] + bytes([octet]) + good[offset + 1 :]
            if octet in allowed:
                assert getattr(layout.unpack(item.type, data), spec.name) == octet
            else:
                assert refusal(item.type, data) is Reason.RANGE
    assert struct.unpack(">?", b"\x02") == (True,), "the damage without the check"


@each_linked
def test_every_octet_that_is_not_printable_is_refused_in_text(item: Item[Any]) -> None:
    good = layout.pack(sample(item.type))
    for spec, offset in offsets(item.type):
        if spec.wire != "text":
            continue
        for octet in range(1, 256):
            data = good[:offset] + bytes([octet]) + good[offset + 1 :]
            if 32 <= octet <= 126:
                assert getattr(layout.unpack(item.type, data), spec.name) == chr(octet)
            else:
                assert refusal(item.type, data) is Reason.RANGE
        data = good[:offset] + b"\0a" + good[offset + 2 :]
        assert refusal(item.type, data) is Reason.RANGE


@each_linked
def test_integer_bounds_hold_both_ways(item: Item[Any]) -> None:
    good = sample(item.type)
    octets = layout.pack(good)
    for spec, offset in offsets(item.type):
        if spec.wire not in ("B", "H", "I", "Q", "i", "q"):
            continue
        for bound, step in ((spec.lo, -1), (spec.hi, 1)):
            values = {each.name: getattr(good, each.name) for each in fields(item.type)}
            assert layout.pack(item.type(**values | {spec.name: bound}))
            with pytest.raises(layout.LayoutError) as caught:
                layout.pack(item.type(**values | {spec.name: bound + step}))
            assert caught.value.reason is Reason.RANGE
            if 0 <= bound + step < 256**spec.size:
                wrong = (bound + step).to_bytes(spec.size, "big")
                data = octets[:offset] + wrong + octets[offset + spec.size :]
                assert refusal(item.type, data) is Reason.RANGE


@each_linked
def test_nan_passes_only_without_a_range(item: Item[Any]) -> None:
    good = layout.pack(sample(item.type))
    for spec, offset in offsets(item.type):
        if spec.wire not in ("f", "d"):
            continue
        nan = struct.pack(f">{spec.wire}", math.nan)
        data = good[:offset] + nan + good[offset + spec.size :]
        if spec.ranged:
            assert refusal(item.type, data) is Reason.RANGE
        else:
            message = layout.unpack(item.type, data)
            assert math.isnan(getattr(message, spec.name))
            assert layout.pack(message) == data


def test_random_octets_are_refused_or_come_back_the_same() -> None:
    rng = random.Random(20260102)
    kept = 0
    for _ in range(DRAWS):
        item = rng.choice(LINKED)
        data = bytearray(layout.pack(sample(item.type)))
        for _ in range(rng.randrange(1, 4) if data else 0):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            message = layout.unpack(item.type, bytes(data))
        except layout.LayoutError:
            continue
        kept += 1
        values = [getattr(message, spec.name) for spec in fields(item.type)]
        if not any(isinstance(value, float) and math.isnan(value) for value in values):
            assert layout.pack(message) == data
            again = codec.decode(item.type, codec.encode(message))
            assert all(
                map(equal, values, [getattr(again, spec.name) for spec in fields(item.type)])
            )
    assert 1000 < kept < DRAWS, f"{kept} of n={DRAWS} accepted: the test does not tell"


class TestBinary32:
    """A range survives the rounding to binary32: 0.1 and 1.1 round up, 0.7 rounds down."""

    KIND = declare(("x", Annotated[float, f32("", "", lo=0.1, hi=0.7)]))
    LAYOUT: layout.Layout[Any] = layout.Layout(KIND)
    OUTWARDS = declare(("x", Annotated[float, f32("", "", lo=0.7, hi=1.1)]))

    @pytest.mark.parametrize("bound", [0.7, 1.1])
    def test_a_bound_that_rounds_outwards_comes_back_as_the_bound(self, bound: float) -> None:
        data = struct.pack(">f", bound)
        (raw,) = struct.unpack(">f", data)
        assert not 0.7 <= raw <= 1.1
        with pytest.raises(msgspec.DecodeError):
            codec.decode(self.OUTWARDS, codec.encode(self.OUTWARDS(raw)))  # the damage without it
        assert layout.Layout(self.OUTWARDS).unpack(data).x == bound
        assert layout.Layout(self.OUTWARDS).pack(self.OUTWARDS(bound)) == data

    @pytest.mark.parametrize("bound", [0.1, 0.7])
    def test_a_bound_that_rounds_inwards_stays_in_range(self, bound: float) -> None:
        message = self.LAYOUT.unpack(self.LAYOUT.pack(self.KIND(bound)))
        assert 0.1 <= message.x <= 0.7
        assert message.x == pytest.approx(bound, rel=1e-7)

    @pytest.mark.parametrize(("bound", "step"), [(0.7, -1), (1.1, 1)])
    def test_the_next_value_beyond_a_bound_is_refused(self, bound: float, step: int) -> None:
        (bits,) = struct.unpack(">I", struct.pack(">f", bound))
        for distance in (1, 2, 1000):
            data = struct.pack(">I", bits + step * distance)
            with pytest.raises(layout.LayoutError) as caught:
                layout.Layout(self.OUTWARDS).unpack(data)
            assert caught.value.reason is Reason.RANGE

    @settings(deadline=None, derandomize=True)
    @given(st.floats(0.1, 0.7))
    def test_every_value_in_range_comes_back_in_range(self, value: float) -> None:
        message = self.LAYOUT.unpack(self.LAYOUT.pack(self.KIND(value)))
        assert 0.1 <= message.x <= 0.7
        assert codec.decode(self.KIND, codec.encode(message)) == message

    @pytest.mark.parametrize("value", [math.inf, -math.inf])
    def test_infinity_needs_an_open_range(self, value: float) -> None:
        with pytest.raises(layout.LayoutError):
            self.LAYOUT.unpack(struct.pack(">f", value))
        kind = declare(("x", Annotated[float, f32("", "")]))
        assert layout.Layout(kind).unpack(struct.pack(">f", value)).x == value

    @pytest.mark.parametrize("value", [1e39, -1e39, 10**400])
    def test_what_binary32_cannot_hold_is_refused(self, value: float) -> None:
        kind = declare(("x", Annotated[float, f32("", "")]))
        with pytest.raises(layout.LayoutError) as caught:
            layout.Layout(kind).pack(kind(value))
        assert caught.value.reason is Reason.RANGE


@pytest.mark.parametrize(
    "message",
    [
        RunTask(5, "s"),
        RunTask("p", b"s"),
        RunTask("p", "s", 1),
        RunTask("p", "s", Mode.NOMINAL),
        RunTask("p", "s", priority=True),
        RunTask("p", "s", priority=5.0),
        RunTask("p", "s", priority=None),
        SetSafeMode(1),
        Budget(Mode.SAFE, 0.0, 1, 0.0, True, True, 0.0, ""),
        BoardReadings("b", True, *[None] * 9),
        BoardReadings("b", "hot", *[None] * 9),
    ],
)
def test_a_value_of_another_type_is_refused(message: Message) -> None:
    with pytest.raises(layout.LayoutError) as caught:
        layout.pack(message)
    assert caught.value.reason is Reason.FORMAT


@pytest.mark.parametrize(
    "text", ["x" * 33, "a\n", "a\0", "é", "\x7f", "日本", "\N{NO-BREAK SPACE}"]
)
def test_text_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(layout.LayoutError) as caught:
        layout.pack(RunTask(text, "s"))
    assert caught.value.reason is Reason.RANGE


def test_integers_too_long_to_print_are_refused_in_words() -> None:
    kind = declare(("x", Annotated[int, u64("", "")]), ("y", Annotated[float, f64("", "")], 0.0))
    for message in (kind(10**5000), kind(0, 10**5000), kind(2**63)):
        with pytest.raises(layout.LayoutError, match=r"bit|9223372036854775808") as caught:
            layout.Layout(kind).pack(message)
        assert caught.value.reason is Reason.RANGE


def test_what_stays_on_the_bus_does_not_cross_the_link() -> None:
    for call in (
        lambda: layout.unpack(FileDelivered, bytes(64)),
        lambda: layout.pack(FileDelivered("f")),
        lambda: layout.size(declare(("x", Annotated[int, u64("", "")]))),
        lambda: layout.build(FileDelivered, {"name": "f"}),
    ):
        with pytest.raises(layout.LayoutError) as caught:
            call()
        assert caught.value.reason is Reason.UNKNOWN


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview])
def test_any_buffer_unpacks(view: Any) -> None:
    data = layout.pack(RunTask("p", "s"))
    assert layout.unpack(RunTask, view(data)) == RunTask("p", "s")
