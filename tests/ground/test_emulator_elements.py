"""Delay, bit errors and rate from where the satellite stands; the queue and the attacker."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skyfield import api

from ground.emulator.budget import bit_error_rate
from ground.emulator.channel import Channel
from ground.emulator.track import Rates, Track
from ground.linkfile import LIGHT, Direction, LinkFileError, load_link

PASSES = Path(__file__).parents[2] / "configs" / "links" / "leo-passes.toml"
CLEAN = Direction(rate=1e6, delay=0.0, queue=1 << 30)
# A straight flight: 2000 km away at 0 and 200 s, 500 km and 80 deg in the middle.
FLIGHT = ((0.0, 2000.0, 0.0), (100.0, 500.0, 80.0), (200.0, 2000.0, 0.0))


def flips(channel: Channel, bits: int, now: float) -> int:
    """Of so many bits sent at one time."""
    before = channel.counters["flipped_bits"]
    for _ in range(bits // 80_000):
        channel.offer(bytes(10_000), now)
    received = channel.due(math.inf)
    found = sum(int.from_bytes(frame).bit_count() for frame in received)
    assert found == channel.counters["flipped_bits"] - before
    return found


def close(found: int, bits: int, chance: float) -> bool:
    """Within 5 standard deviations of the binomial, and a flip."""
    return abs(found - bits * chance) <= 5 * math.sqrt(bits * chance * (1 - chance)) + 1


def test_error_rates_are_those_of_the_tables() -> None:
    # Coherent BPSK: 7.8e-2 at 0 dB, 1e-3 at 6.79 dB, 1e-5 at 9.59 dB, 1e-6 at 10.53 dB.
    for ebn0, wanted in ((0.0, 0.0786), (6.79, 1e-3), (9.59, 1e-5), (10.53, 1e-6)):
        assert bit_error_rate(ebn0) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize(("ebn0", "gain"), [(0.0, 0.0), (4.0, 0.0), (7.0, 0.0), (2.5, 5.0)])
def test_bits_flip_as_often_as_the_energy_says(ebn0: float, gain: float) -> None:
    channel = Channel(replace(CLEAN, ebn0=ebn0, coding_gain=gain), 3, "down")
    bits, chance = 8_000_000, 0.5 * math.erfc(math.sqrt(10 ** ((ebn0 + gain) / 10)))
    assert close(flips(channel, bits, 0.0), bits, chance)


def test_gaps_between_flips_do_not_depend_on_how_frames_are_cut() -> None:
    noisy = replace(CLEAN, ebn0=3.0)

    def air(size: int) -> bytes:
        channel = Channel(noisy, 5, "down")
        for _ in range(60_000 // size):
            channel.offer(bytes(size), 0.0)
        return b"".join(channel.due(math.inf))

    whole = air(60_000)
    differ = int.from_bytes(air(100)) ^ int.from_bytes(whole)
    assert any(whole)
    # Rounding may move a flip by one bit at the end of a frame, but no more.
    assert differ.bit_count() <= 4


@pytest.mark.parametrize("distance", [500.0, 1000.0, 2000.0])
def test_energy_falls_with_the_square_of_the_range(distance: float) -> None:
    settings = replace(CLEAN, rate=1e12 - 1, ebn0=8.0, ebn0_range=500.0)
    channel = Channel(settings, 7, "down", samples=FLIGHT)
    bits, now = 8_000_000, 100.0 + (distance - 500.0) / 15.0
    chance = bit_error_rate(8.0 - 20 * math.log10(distance / 500.0))
    assert close(flips(channel, bits, now), bits, chance)


def test_energy_falls_with_the_rate_and_live_changes_count() -> None:
    steps = replace(CLEAN, rate=1e9, rate_steps=((10.0, 4e9),), ebn0=6.0)
    channel, bits = Channel(steps, 7, "down", samples=FLIGHT), 8_000_000
    assert close(flips(channel, bits, 0.0), bits, bit_error_rate(6.0))
    assert close(flips(channel, bits, 100.0), bits, bit_error_rate(6.0 - 10 * math.log10(4)))
    channel.set("ebn0", 3.0, 190.0)
    assert close(flips(channel, bits, 195.0), bits, bit_error_rate(3.0))
    channel.set("rate", 5e8, 195.0)  # half the rate of the file: a bit has twice the energy
    assert close(flips(channel, bits, 198.0), bits, bit_error_rate(3.0 + 10 * math.log10(2)))


def test_what_cannot_be_changed_is_refused() -> None:
    channel = Channel(replace(CLEAN, ebn0=6.0), 1, "up")
    with pytest.raises(LinkFileError, match="exclude"):
        channel.set("ber", 1e-5, 0.0)
    with pytest.raises(LinkFileError, match="ebn0"):
        Channel(CLEAN, 1, "up").set("ebn0", 3.0, 0.0)


def test_light_time_is_that_of_an_independent_implementation() -> None:
    scale = api.load.timescale(builtin=True)
    _, first, second = PASSES.with_suffix(".tle").read_text().splitlines()
    satellite = api.EarthSatellite(first, second, "test", scale)
    difference = satellite - api.wgs84.latlon(52.0, 4.36, 20)
    link = load_link(PASSES)
    begin = datetime(2024, 1, 1, 13, 28, 45, tzinfo=UTC).timestamp()
    fast = replace(link.up, rate=1e11, ebn0=None, ebn0_range=0.0)
    channel = Channel(fast, 1, "up", link.contacts, None, link.track)
    aos, los = link.contacts[0]
    seen = []
    for number in range(50):
        now = aos + (los - aos) * number / 50
        channel.offer(b"frame", now)
        arrival = channel.next_time()
        assert arrival is not None
        channel.due(arrival)
        moment = scale.utc(datetime.fromtimestamp(begin + now, UTC))
        seen.append(difference.at(moment).altaz()[2].km / LIGHT)
        assert arrival - now == pytest.approx(seen[-1] + fast.delay, abs=5e-6)
    assert max(seen) > 0.006 > 0.0015 > min(seen)


def test_order_is_kept_when_the_satellite_comes_nearer() -> None:
    channel = Channel(replace(CLEAN, rate=1e12 - 1), 1, "up", samples=((0, 3e5, 5), (1, 300, 80)))
    for number in range(100):
        channel.offer(bytes([number]), number / 100)
    assert [frame[0] for frame in channel.due(math.inf)] == list(range(100))


STEPS = replace(CLEAN, rate=8e3, rate_steps=((20.0, 16e3), (40.0, 80e3)))


def test_the_rate_follows_the_elevation() -> None:
    rates = Rates(STEPS, Track(FLIGHT))
    edges = (-9, 24.9, 25.1, 49.9, 50.1, 149.9, 150.1, 174.9, 175.1, 999)
    found = [rates.at(time) for time in edges]
    assert found == [8e3, 8e3, 16e3, 16e3, 80e3, 80e3, 16e3, 16e3, 8e3, 8e3]


def test_a_frame_that_is_sent_across_a_step_takes_its_time_at_both_rates() -> None:
    channel = Channel(STEPS, 1, "up", samples=FLIGHT)
    channel.offer(bytes(3000), 24.0)  # 1000 octets in the first second, 2000 in the next
    assert channel.next_time() == pytest.approx(26.0 + (2000 - 15 * 26) / LIGHT)


@settings(max_examples=60, deadline=None)
@given(st.floats(-10, 210), st.integers(1, 10**8))
def test_end_and_bits_of_a_rate_agree(begin: float, bits: int) -> None:
    rates = Rates(STEPS, Track(FLIGHT))
    end = rates.end(begin, bits)
    assert rates.bits(begin, end) == pytest.approx(bits, rel=1e-6, abs=1e-6)
    middle = (begin + end) / 2
    assert rates.bits(begin, middle) + rates.bits(middle, end) == pytest.approx(bits, rel=1e-6)


HELD = replace(CLEAN, rate=8e3, queue=1000, hold=True)
WINDOWS = ((10.0, 20.0), (50.0, 60.0))


def test_frames_are_held_for_the_next_contact_and_no_longer_than_the_queue() -> None:
    channel = Channel(HELD, 1, "up", WINDOWS)
    for number in range(15):
        channel.offer(bytes([number]) * 100, number / 10)
    assert channel.gauges(1.5) == {"queued": 1000, "pressure": 1}
    assert channel.due(10.0999) == []
    assert channel.gauges(10.05) == {"queued": 950, "pressure": 1}
    got = []
    while (due := channel.next_time()) is not None:
        got.append((round(due, 6), channel.due(due)[0][0]))
    assert got == [(round(10.1 + number / 10, 6), number) for number in range(10)]
    assert channel.counters["dropped_queue"] == 5
    assert channel.counters["held"] == 15
    assert channel.counters["dropped_contact"] == 0
    channel.offer(b"between", 30.0)
    channel.offer(b"after the last", 60.0)
    assert channel.due(50.1) == [b"between"]
    assert channel.counters["dropped_contact"] == 1


def test_without_holding_the_same_frames_are_lost() -> None:
    channel = Channel(replace(HELD, hold=False), 1, "up", WINDOWS)
    for number in range(15):
        channel.offer(bytes(100), number / 10)
    assert channel.due(math.inf) == []
    assert channel.counters["dropped_contact"] == 15


def test_an_outage_at_the_time_of_contact_takes_what_was_to_be_held() -> None:
    channel = Channel(HELD, 1, "up", WINDOWS)
    channel.outage(0.0, 12.0)
    channel.offer(b"lost", 5.0)
    channel.offer(b"held", 25.0)
    assert channel.due(math.inf) == [b"held"]
    assert channel.counters["dropped_outage"] == 1


def test_back_pressure_begins_at_the_mark_and_ends_below_it() -> None:
    channel = Channel(replace(CLEAN, rate=8e3, queue=1000, pressure=0.5), 1, "up")
    assert channel.gauges(0.0) == {"queued": 0, "pressure": 0}
    for number in range(1, 11):
        channel.offer(bytes(100), 0.0)
        assert channel.gauges(0.0) == {"queued": 100 * number, "pressure": int(number >= 5)}
    assert channel.gauges(0.49) == {"queued": 510, "pressure": 1}
    assert channel.gauges(0.51) == {"queued": 490, "pressure": 0}
    assert channel.gauges(99.0) == {"queued": 0, "pressure": 0}


def test_two_frames_come_in_one_datagram() -> None:
    channel = Channel(replace(CLEAN, merge=0.2), 1, "down")
    sent = [number.to_bytes(4) for number in range(2000)]
    for number, frame in enumerate(sent):
        channel.offer(frame, number / 100)
    received = channel.due(math.inf)
    merged = channel.counters["merged"]
    assert abs(merged - 2000 * 0.2 / 1.2) < 5 * math.sqrt(2000 / 6)
    assert sum(len(each) == 8 for each in received) == merged
    assert len(received) == 2000 - merged
    assert b"".join(received) == b"".join(sent)


def test_frames_of_the_attacker_come_as_given_and_in_turn() -> None:
    forged = ("c0ffee", "0badf00d")
    channel = Channel(replace(CLEAN, inject=50.0, inject_frames=forged), 1, "up")
    for number in range(1000):
        channel.offer(bytes(50), number / 100)
    foreign = [frame for frame in channel.due(math.inf) if frame != bytes(50)]
    assert abs(len(foreign) - 500) < 5 * math.sqrt(500)
    assert foreign == [bytes.fromhex(forged[n % 2]) for n in range(len(foreign))]


def test_a_frame_sent_by_hand_needs_no_traffic_and_disturbs_none() -> None:
    noisy = replace(CLEAN, ber=1e-3, jitter=0.01, delay=0.02, rate=8e3, duplicate=0.1)

    def run(attacked: bool) -> list[bytes]:
        channel = Channel(noisy, 4, "up", WINDOWS)
        if attacked:
            channel.inject(b"forged", 1.0)  # nobody else is on the air
            assert channel.next_time() == 1.02
        for number in range(200):
            channel.offer(bytes(100), 10.0)
            if attacked and number == 100:
                channel.inject(b"forged", 10.0)  # overtakes what waits for the transmitter
        return channel.due(math.inf)

    plain, attacked = run(False), run(True)
    assert [frame for frame in attacked if frame != b"forged"] == plain
    assert attacked.count(b"forged") == 2
    assert attacked[:2] == [b"forged", b"forged"]
