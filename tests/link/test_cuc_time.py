"""CUC time against calendar arithmetic, its own resolution, and fields that are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from link_damage import accepted, noise, truncations

from flight.link import cuc
from flight.link.errors import LinkError

# TAI as a zone that is 37 s ahead of UTC, so that the calendar does the arithmetic.
TAI = timezone(timedelta(seconds=37))
EPOCH = datetime(1958, 1, 1, tzinfo=TAI)
TIMES = st.datetimes(datetime(1958, 1, 2), datetime(2094, 1, 1), timezones=st.just(UTC))
TICK_NS = 1e9 / 65536


def nanoseconds(time: datetime) -> int:
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000


@given(TIMES)
def test_equals_calendar_arithmetic(time: datetime) -> None:
    ticks = round((time - EPOCH) / timedelta(microseconds=1) * 65536 / 1e6)
    assert abs(int.from_bytes(cuc.pack(nanoseconds(time))[1:], "big") - ticks) <= 1


def test_a_known_instant() -> None:
    # 2026-01-01T00:00:00 UTC is 2145916837 s of TAI after 1958.
    instant = nanoseconds(datetime(2026, 1, 1, tzinfo=UTC))
    assert cuc.pack(instant) == bytes.fromhex("1e7fe817a50000")
    assert cuc.unpack(bytes.fromhex("1e7fe817a58000")) == instant + 500_000_000


def test_one_tick_to_the_nearest_nanosecond() -> None:
    origin = cuc.unpack(bytes.fromhex("1e000000000000"))
    assert origin == nanoseconds(datetime(1957, 12, 31, 23, 59, 23, tzinfo=UTC))
    assert cuc.unpack(bytes.fromhex("1e000000000001")) == origin + 15259


@given(st.integers(-(10**17), 3 * 10**18))
def test_round_trip_within_half_a_tick(utc_ns: int) -> None:
    assert abs(cuc.unpack(cuc.pack(utc_ns)) - utc_ns) <= TICK_NS / 2 + 1


@given(st.binary(min_size=6, max_size=6))
def test_every_field_keeps_its_octets(field: bytes) -> None:
    raw = bytes((cuc.P_FIELD,)) + field
    assert cuc.pack(cuc.unpack(raw)) == raw


@given(st.integers(0, 10**18), st.integers(0, 10**10))
def test_order_is_kept(utc_ns: int, later: int) -> None:
    assert cuc.pack(utc_ns) <= cuc.pack(utc_ns + later)


@pytest.mark.parametrize("utc_ns", [-(10**19), 5 * 10**18])
def test_times_outside_the_field(utc_ns: int) -> None:
    with pytest.raises(LinkError):
        cuc.pack(utc_ns)


def test_what_is_no_such_time() -> None:
    raw = cuc.pack(0)
    assert accepted(cuc.unpack, truncations(raw)) == []
    assert accepted(cuc.unpack, iter([raw + b"\0"])) == []
    others = (bytes((first,)) + raw[1:] for first in range(256) if first != cuc.P_FIELD)
    assert accepted(cuc.unpack, others) == []
    assert all(raw[0] == cuc.P_FIELD for raw in accepted(cuc.unpack, noise(2, 8)))
