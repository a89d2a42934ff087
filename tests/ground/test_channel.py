"""The emulator's channel: flips, rate, delay, queue, outage and determinism in virtual time."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.emulator.channel import Channel
from ground.linkfile import Direction, LinkFileError, load_link

CLEAN = Direction(rate=1e6, delay=0.025, ber=0.0, queue=1 << 30)


def carry(channel: Channel, frames: list[bytes], start: float = 0.0) -> list[bytes]:
    for frame in frames:
        channel.offer(frame, start)
    return channel.due(math.inf)


def distance(sent: list[bytes], received: list[bytes]) -> int:
    """Bits that differ."""
    joined = int.from_bytes(b"".join(sent)) ^ int.from_bytes(b"".join(received))
    return joined.bit_count()


@pytest.mark.parametrize("ber", [1e-5, 1e-4, 1e-2, 0.3])
def test_flips_follow_the_binomial(ber: float) -> None:
    frames = [random.Random(5).randbytes(500)] * round(min(2000, 20 / ber))
    channel = Channel(replace(CLEAN, ber=ber), 1, "up")
    received = carry(channel, frames)
    bits = sum(map(len, frames)) * 8
    flips = distance(frames, received)
    sigma = math.sqrt(bits * ber * (1 - ber))
    assert abs(flips - bits * ber) < 5 * sigma, f"{flips} flips in n={bits} bits"
    assert flips == channel.counters["flipped_bits"]
    damaged = sum(a != b for a, b in zip(frames, received, strict=True))
    assert damaged == channel.counters["flipped_frames"]


def test_flips_are_spread_over_all_bit_positions() -> None:
    channel = Channel(replace(CLEAN, ber=0.01), 2, "down")
    received = carry(channel, [bytes(4)] * 20_000)
    counts = [sum(int.from_bytes(f) >> bit & 1 for f in received) for bit in range(32)]
    assert all(abs(count - 200) < 5 * math.sqrt(200) for count in counts), counts


def test_errors_do_not_depend_on_where_frames_are_cut() -> None:
    data = random.Random(9).randbytes(60_000)
    parts = [data[i : i + 100] for i in range(0, len(data), 100)]
    noisy = replace(CLEAN, ber=1e-4)
    whole = b"".join(carry(Channel(noisy, 3, "up"), [data]))
    assert b"".join(carry(Channel(noisy, 3, "up"), parts)) == whole != data


def test_same_seed_repeats_and_other_streams_differ() -> None:
    frames = [bytes(1000)] * 200
    noisy = replace(CLEAN, ber=1e-4)
    first = carry(Channel(noisy, 7, "up"), frames)
    assert carry(Channel(noisy, 7, "up"), frames) == first
    assert carry(Channel(noisy, 8, "up"), frames) != first
    assert carry(Channel(noisy, 7, "down"), frames) != first


@settings(deadline=None, max_examples=50)
@given(
    rate=st.floats(1e2, 1e8),
    delay=st.floats(0, 10),
    sizes=st.lists(st.integers(1, 2000), min_size=1, max_size=20),
    gaps=st.lists(st.floats(0, 0.1), min_size=20, max_size=20),
)
def test_arrival_is_end_of_transmission_plus_delay(
    rate: float, delay: float, sizes: list[int], gaps: list[float]
) -> None:
    channel = Channel(Direction(rate, delay, 0.0, 1 << 30), 1, "up")
    now = free = 0.0
    expected = []
    for size, gap in zip(sizes, gaps, strict=False):
        now += gap
        channel.offer(bytes(size), now)
        free = max(free, now) + size * 8 / rate
        expected.append(free + delay)
    for instant, size in zip(expected, sizes, strict=True):
        due = channel.next_time()
        assert due == pytest.approx(instant, rel=1e-12)
        assert channel.due(math.nextafter(due, 0)) == []
        assert channel.due(due) == [bytes(size)]
    assert channel.next_time() is None


def test_long_run_keeps_the_rate() -> None:
    channel = Channel(replace(CLEAN, delay=0.0), 1, "up")
    for _ in range(10_000):
        channel.offer(bytes(125), 0.0)
    assert len(channel.due(5.0 + 1e-6)) == 5000
    assert len(channel.due(10.0 + 1e-6)) == 5000


def test_full_queue_drops_the_tail_and_counts_it() -> None:
    channel = Channel(Direction(rate=8000, delay=0.0, queue=1000), 1, "up")
    for number in range(20):
        channel.offer(bytes([number]) * 100, 0.0)
    assert [frame[0] for frame in channel.due(math.inf)] == list(range(10))
    assert channel.counters["dropped_queue"] == 10
    channel.offer(bytes(100), 0.5)  # half of the second's queue has left
    assert channel.counters["dropped_queue"] == 10


def test_frame_longer_than_the_queue_passes_an_idle_transmitter() -> None:
    channel = Channel(Direction(rate=8000, delay=0.0, queue=10), 1, "up")
    assert carry(channel, [bytes(100)]) == [bytes(100)]


def test_outage_drops_offers_but_not_what_is_in_flight() -> None:
    channel = Channel(CLEAN, 1, "up")
    channel.offer(b"before", 0.0)
    channel.outage(0.01, 1.0)
    channel.offer(b"inside", 0.5)
    assert channel.due(0.9) == [b"before"]
    channel.offer(b"after", 1.01)
    assert channel.due(2.0) == [b"after"]
    assert channel.counters["dropped_outage"] == 1


@settings(deadline=None, max_examples=50)
@given(st.integers(0), st.integers(0, 400))
def test_no_frame_is_unaccounted(seed: int, count: int) -> None:
    source = random.Random(seed)
    channel = Channel(Direction(rate=1e5, delay=0.5, ber=1e-4, queue=2000), 4, "down")
    channel.outage(1.0, 1.0)
    now = 0.0
    for _ in range(count):
        now += source.random() * 0.02
        channel.offer(source.randbytes(source.randrange(1, 300)), now)
    early = len(channel.due(now))
    counts = channel.counters
    flight = len(channel.due(math.inf))
    assert counts["offered"] == count
    assert counts["dropped_outage"] + counts["dropped_queue"] + early + flight == counts["offered"]
    assert channel.counters["delivered"] == early + flight


def test_shipped_link_loads(pytestconfig: pytest.Config) -> None:
    link = load_link(pytestconfig.rootpath / "configs/links/leo.toml")
    assert (link.up.rate, link.down.rate, link.round_trip) == (1e6, 4e6, 0.05)
    assert link.up.ber == link.down.ber == 1e-5


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[up]\nrate = 1\n", "[down] is missing"),
        ("[up]\nspeed = 1\n[down]\n", "no key 'speed'"),
        ("[up]\nber = 1.5\n[down]\n", "ber must lie"),
        ("[up]\nrate = 'fast'\n[down]\n", "must be a number"),
        ("[up\n", "line 1"),
        ("[up]\n[down]\n[sideways]\n", "'sideways'"),
    ],
)
def test_wrong_link_files_say_what_is_wrong(tmp_path, text: str, hint: str) -> None:
    path = tmp_path / "link.toml"
    path.write_text(text)
    with pytest.raises(LinkFileError) as caught:
        load_link(path)
    assert hint in str(caught.value)
