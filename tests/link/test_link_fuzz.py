"""Every decoder of the link under damaged input; and that the fuzzer finds what is there."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flight.link.errors import Fault, LinkError
from hil.fuzz import run
from hil.fuzz.mutation import LONGEST, Mutator
from hil.fuzz.subject import Codec
from hil.fuzz.targets import TARGETS

INPUTS, MEASURED = 2000, 150
MOST = 2 << 20  # octets that a decoder may hold at once; its tables are older


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_input_does_no_harm(target: str) -> None:
    outcome = run.fuzz(target, INPUTS, seed=7)
    assert outcome.faults == []
    assert outcome.taken > INPUTS // 100 or target.endswith("-protected")


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_allocated_because_a_header_says_so(target: str) -> None:
    subject = TARGETS[target]()
    source = Mutator(subject.samples, subject.seal, 3)
    inputs = [source.next() for _ in range(MEASURED)]
    subject.settle()
    with peak() as measured:
        for raw in inputs:
            subject.take(raw)
    assert measured[0] < MOST


@contextmanager
def peak() -> Iterator[list[int]]:
    """Octets that were allocated at once, in the block."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


SAMPLE = b"\x05hello"


def naive(raw: bytes) -> bytes:
    """Length and text, with all the usual mistakes."""
    text = raw[1 : 1 + raw[0]]
    if len(text) != raw[0]:
        struct.unpack_from(">I", text)
    if b"\xff" in text:
        raise LinkError(Fault.TYPE)
    return text


def careful(raw: bytes) -> bytes:
    """The same without them."""
    if not raw or len(raw) != 1 + raw[0]:
        raise LinkError(Fault.LENGTH)
    return raw[1:]


def packed(text: bytes) -> bytes:
    return bytes((len(text),)) + text


def outcome(monkeypatch: pytest.MonkeyPatch, subject: Codec, inputs: int = 500) -> run.Outcome:
    monkeypatch.setitem(TARGETS, "toy", lambda: subject)
    return run.fuzz("toy", inputs, seed=1)


def test_a_careless_decoder_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome(monkeypatch, Codec([SAMPLE], naive, LinkError, packed))
    kinds = {fault.error.partition(":")[0] for fault in found.faults}
    assert kinds == {"IndexError", "error", "Harmed"}
    assert outcome(monkeypatch, Codec([SAMPLE], careful, LinkError, packed)).faults == []


def test_a_fault_names_an_input_that_shows_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Codec([SAMPLE], naive, LinkError)
    for fault in outcome(monkeypatch, subject).faults:
        with pytest.raises((IndexError, struct.error)):
            subject.take(bytes.fromhex(fault.octets))


def test_a_decoder_that_good_input_no_longer_passes_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = 0

    def poisoned(raw: bytes) -> bytes:
        nonlocal seen
        seen += raw == b""
        if seen > 3:
            raise LinkError(Fault.GARBAGE)
        return careful(raw)

    faults = outcome(monkeypatch, Codec([SAMPLE], poisoned, LinkError)).faults
    assert [fault.error for fault in faults] == ["Harmed: a good sample is refused"]


def test_inputs_follow_from_the_seed_and_stay_short() -> None:
    def series(seed: int) -> list[bytes]:
        source = Mutator([SAMPLE, bytes(LONGEST)], bytes, seed)
        return [source.next() for _ in range(300)]

    assert series(1) == series(1) != series(2)
    assert max(map(len, series(1))) == LONGEST
