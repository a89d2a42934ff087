"""Events become one printable line, whatever arrives."""

from __future__ import annotations

import random
from typing import Annotated, Any

import msgpack
import pytest
from dictionary_strategies import ITEMS, declare, label, messages
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.dictionary import codec, events
from flight.dictionary.enums import Mode, Reason
from flight.dictionary.fields import u8
from flight.dictionary.registry import Item
from flight.dictionary.rendering import render, render_event

EVENTS = [item for item in ITEMS if item.kind == "event"]
DRAWS = 20_000


@pytest.mark.parametrize("item", EVENTS, ids=label)
def test_every_event_renders_its_values(item: Item[Any]) -> None:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(messages(item.type))
    def check(event: Any) -> None:
        line = render_event(event)
        assert line.isprintable()
        assert line == render(item.id, codec.encode(event))
        for name in event.__struct_fields__:
            if f"{{{name}}}" in item.template:
                assert str(getattr(event, name)) in line

    check()


def test_lines_read_as_written() -> None:
    assert render_event(events.ModeChanged(Mode.SAFE, "heat")) == "mode SAFE: heat"
    failed = events.TaskFailed(7, Reason.NO_MAJORITY, "step 3")
    assert render_event(failed) == "task 7 failed: NO_MAJORITY step 3"
    assert render(21, b"\x90") == "budget lease expired, conservative level"


def test_an_unknown_id_shows_what_came() -> None:
    assert render(9999, b"\x91\x01") == "event 9999 is not in this dictionary: 2 octets 9101"
    assert render(-1, b"") == "event -1 is not in this dictionary: 0 octets "
    assert len(render(9999, bytes(10**6))) < 200


@pytest.mark.parametrize(
    "body", [b"", b"\x90", b"\xc1", b"\x92\xa1\xff\x01", b"\x92\xa1x\x01\x00", b"\x92\x01\x01"]
)
def test_an_unreadable_body_shows_what_came(body: bytes) -> None:
    line = render(3, body)
    assert line.startswith("event 3 (processready) is not readable")
    assert line.endswith(f"{len(body)} octets {body.hex()}")


def test_random_bodies_never_raise_and_always_print() -> None:
    rng = random.Random(20260103)
    for _ in range(DRAWS):
        item = rng.choice(EVENTS)
        body = bytes([0x90 + len(item.type.__struct_fields__)]) + rng.randbytes(rng.randrange(20))
        line = render(item.id, body)
        assert line, f"n={DRAWS}"
        assert line.isprintable(), f"n={DRAWS}"


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=64), st.integers(-5, 70))
def test_any_body_under_any_id_renders(body: bytes, event_id: int) -> None:
    assert render(event_id, body).isprintable()


@pytest.mark.parametrize(
    "event",
    [
        events.ModeChanged(2, "heat"),
        events.ModeChanged(None, None),
        declare(("x", Annotated[int, u8("", "")]))(5),
    ],
)
def test_values_that_do_not_fit_the_template_are_listed(event: Any) -> None:
    assert render_event(event) == f"event {event!r}"


def test_control_characters_do_not_reach_a_terminal() -> None:
    hostile = events.ProcessEnded("p\x1b[2J", "a\nb")
    assert render_event(hostile) == "process p?[2J ended: a?b"
    assert "\n" not in render(2, msgpack.packb(["p", "a\n"]))
