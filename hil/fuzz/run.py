"""Fuzzing of one target: so many inputs, and what came of them."""

from __future__ import annotations

import traceback

import msgspec

from flight.runtime.clock import SystemClock
from hil.fuzz.mutation import Mutator
from hil.fuzz.targets import TARGETS

SETTLE_EVERY = 500  # inputs
MOST_FAULTS = 10  # kept of a target, one of each place
_SHOWN = 2048  # octets of an input that are kept
CLOCK = SystemClock()


class Fault(msgspec.Struct, frozen=True):
    """Something that should not be: the error, where, and the input that brought it about.

    For a decoder with state it took the inputs before, too: the same seed brings them again.
    """

    error: str
    place: str
    number: int
    octets: str  # hexadecimal


class Outcome(msgspec.Struct, frozen=True):
    """A target after its inputs. ``slowest`` is the longest time for one, in s."""

    target: str
    inputs: int
    taken: int
    seconds: float
    slowest: float
    faults: list[Fault]


def fuzz(target: str, inputs: int, seed: int) -> Outcome:
    """Give a target its inputs; a fault does not end it."""
    subject = TARGETS[target]()
    source = Mutator(subject.samples, subject.seal, f"{seed}/{target}")
    faults: dict[tuple[str, str], Fault] = {}
    taken, slowest, raw = 0, 0.0, b""
    began = before = CLOCK.now()
    for number in range(1, inputs + 1):
        try:
            raw = source.next()
            taken += subject.take(raw)
            if number % SETTLE_EVERY == 0 or number == inputs:
                subject.settle()
        except Exception as error:  # whatever it is, it is what is looked for
            place = str(traceback.extract_tb(error.__traceback__)[-1])
            key = (type(error).__name__, place)
            if key not in faults and len(faults) < MOST_FAULTS:
                octets = raw[:_SHOWN].hex()
                faults[key] = Fault(f"{key[0]}: {error}", place, number, octets)
        now = CLOCK.now()
        slowest, before = max(slowest, now - before), now
    return Outcome(target, inputs, taken, before - began, slowest, list(faults.values()))
