"""A file larger than a pass goes on in the next one, and nothing is sent in between."""

from __future__ import annotations

import pytest

from hil.measure.emulator import RATE, fly, windows


def test_a_file_spans_passes() -> None:
    contacts = [(1.0, 9.0), (500.0, 508.0), (4000.0, 4010.0)]
    size = round(0.8 * 26 * RATE / 8)
    flight = fly(contacts, size)
    assert flight.size == size > 2 * 8 * RATE / 8
    assert flight.seconds < 26
    assert flight.ratio > 0.9


def test_two_days_hold_the_passes_of_a_low_orbit() -> None:
    contacts = windows(2.0)
    assert 10 <= len(contacts) <= 12
    assert sum(end - begin for begin, end in contacts) == pytest.approx(2 * 2274, rel=0.15)
