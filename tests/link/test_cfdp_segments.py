"""Interval set against a model made of a Python set."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.cfdp.segments import Range, Segments

LIMIT = 48
BOUND = st.integers(0, LIMIT)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), BOUND, BOUND), max_size=40)


def ranges_of(octets: set[int]) -> list[Range]:
    """Maximal runs of `octets`."""
    starts = sorted(octet for octet in octets if octet - 1 not in octets)
    ends = sorted(octet + 1 for octet in octets if octet + 1 not in octets)
    return list(zip(starts, ends, strict=True))


@settings(max_examples=400)
@given(STEPS, BOUND, BOUND)
def test_against_model(steps: list[tuple[str, int, int]], start: int, end: int) -> None:
    segments, model = Segments(), set[int]()
    for action, begin, stop in steps:
        octets = set(range(begin, stop))
        if action == "add":
            assert segments.add(begin, stop) == ranges_of(octets - model)
            model |= octets
        else:
            gone = segments.remove(begin, stop)
            assert {octet for low, high in gone for octet in range(low, high)} == octets & model
            model -= octets
        assert list(segments) == ranges_of(model)
        assert segments.total == len(model)
        assert len(segments) == len(ranges_of(model))
    assert segments.gaps(start, end) == ranges_of(set(range(start, end)) - model)
    assert segments.complete(LIMIT) is (set(range(LIMIT)) <= model)
    assert segments.first() == next(iter(ranges_of(model)), None)


@given(STEPS, st.integers(0, 6))
def test_take_removes_the_lowest_ranges(steps: list[tuple[str, int, int]], count: int) -> None:
    segments = Segments()
    for _, begin, stop in steps:
        segments.add(begin, stop)
    before = list(segments)
    assert segments.take(count) == before[:count]
    assert list(segments) == before[count:]
    assert segments.total == sum(end - start for start, end in before[count:])


def test_in_order_arrival_stays_one_range() -> None:
    segments = Segments()
    for offset in range(0, 1000, 10):
        assert segments.add(offset, offset + 10) == [(offset, offset + 10)]
    assert list(segments) == [(0, 1000)]
    assert segments.complete(1000)
    assert not segments.complete(1001)


def test_an_empty_file_is_complete() -> None:
    assert Segments().complete(0)
