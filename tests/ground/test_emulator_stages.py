"""What stages of the emulator do, by their statistics, and that none disturbs another."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.emulator.channel import Channel
from ground.linkfile import Direction, LinkFileError, load_link

LINKS = Path(__file__).parents[2] / "configs" / "links"
CLEAN = Direction(rate=1e6, delay=0.025, queue=1 << 30)
FRAME = bytes(250)  # 2 ms at 1 Mb/s


def carried(settings: Direction, frames: int = 4000, seed: int = 1) -> tuple[list[bytes], Channel]:
    """Frames back to back."""
    channel = Channel(settings, seed, "down")
    for number in range(frames):
        channel.offer(FRAME, number * 0.002)
    return channel.due(math.inf), channel


@pytest.mark.parametrize("path", sorted(LINKS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_link_that_ships_loads_and_carries(path: Path) -> None:
    link = load_link(path)
    for direction in (link.up, link.down):
        channel = Channel(direction, 1, "up", link.contacts, None, link.track)
        begin = link.contacts[0][0] if link.contacts else 0.0
        light = link.track[0][1] / 299_792.458 if link.track else 0.0
        channel.offer(bytes(8), begin)
        arrival = begin + direction.delay + light + 64 / direction.rate
        assert channel.next_time() == pytest.approx(arrival)


def test_bursts_follow_the_clock() -> None:
    noisy = replace(CLEAN, burst_ber=0.01, burst=0.02, calm=0.18)
    received, channel = carried(noisy, 20_000)
    seconds = 20_000 * 0.002
    flips = sum(int.from_bytes(frame).bit_count() for frame in received)
    expected = seconds * 1e6 * 0.1 * 0.01
    bursts = seconds / 0.2
    sigma = expected * math.sqrt(2 / bursts)  # of the sum of exponential lengths, roughly
    assert abs(flips - expected) < 5 * sigma
    assert flips == channel.counters["burst_bits"]
    # Errors come together: far fewer frames are hit than by as many independent errors.
    hit = channel.counters["burst_frames"]
    assert 0.05 * 20_000 < hit < 0.2 * 20_000
    runs = sum(a != FRAME and b == FRAME for a, b in pairwise(received))
    assert hit / runs > 4


def test_bursts_do_not_depend_on_how_frames_are_cut() -> None:
    noisy = replace(CLEAN, burst_ber=0.3, burst=0.01, calm=0.05)

    def shares(size: int) -> list[float]:
        """Flips in each 10 ms of air time."""
        channel, found = Channel(noisy, 5, "down"), [0.0] * 200
        for _ in range(250_000 // size):
            channel.offer(bytes(size), 0.0)
        for index, frame in enumerate(channel.due(math.inf)):
            for bit in range(size * 8):
                if frame[bit >> 3] & 0x80 >> (bit & 7):
                    found[int((index * size * 8 + bit) / 1e6 / 0.01)] += 1
        return found

    short, long = shares(50), shares(500)
    assert [a > 0 for a in short] == [b > 0 for b in long]


CHANCES = ("truncate", "garble", "noise", "duplicate", "replay")


@pytest.mark.parametrize("name", CHANCES)
def test_a_chance_is_taken_as_often_as_it_says(name: str) -> None:
    counter = {"truncate": "truncated", "garble": "garbled", "noise": "noise"}
    counter |= {"duplicate": "duplicated", "replay": "replayed"}
    chance = {name: 0.1, "replay_after": 0.01}
    _, channel = carried(replace(CLEAN, **chance))
    assert abs(channel.counters[counter[name]] - 400) < 5 * math.sqrt(4000 * 0.1 * 0.9) + 5


def test_frames_are_injected_at_the_rate() -> None:
    received, channel = carried(replace(CLEAN, inject=50.0))
    assert abs(channel.counters["injected"] - 400) < 5 * 20
    assert sum(frame != FRAME for frame in received) == channel.counters["injected"]


def test_jitter_keeps_the_order_and_reordering_is_bounded() -> None:
    def order(settings: Direction) -> list[int]:
        channel = Channel(settings, 3, "up")
        for number in range(2000):
            channel.offer(number.to_bytes(250), number * 0.002)
        return [int.from_bytes(frame) for frame in channel.due(math.inf)]

    assert order(replace(CLEAN, jitter=0.5)) == list(range(2000))
    mixed = order(replace(CLEAN, reorder=0.1, displace=0.02))
    assert mixed != sorted(mixed) == list(range(2000))
    assert max(abs(place - number) for place, number in enumerate(mixed)) <= 11


def test_contacts_are_the_only_times() -> None:
    channel = Channel(CLEAN, 1, "down", ((1.0, 2.0), (5.0, 6.0)))
    for tenth in range(80):
        channel.offer(FRAME, tenth / 10)
    arrivals = []
    while (due := channel.next_time()) is not None:
        arrivals += [due] * len(channel.due(due))
    assert len(arrivals) == 20
    assert channel.counters["dropped_contact"] == 60
    assert all(1.0 < each < 2.03 or 5.0 < each < 6.03 for each in arrivals)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_nothing_comes_from_nowhere(data: st.DataObject) -> None:
    chosen = {name: data.draw(st.sampled_from([0.0, 0.2, 0.9]), label=name) for name in CHANCES}
    chosen |= {"reorder": data.draw(st.sampled_from([0.0, 0.5])), "ber": 1e-4, "jitter": 0.01}
    chosen |= {"inject": data.draw(st.sampled_from([0.0, 100.0])), "replay_after": 0.05}
    channel = Channel(replace(CLEAN, queue=3000, **chosen), data.draw(st.integers(0, 99)), "up")
    source = random.Random(data.draw(st.integers(0, 99)))
    now = 0.0
    for _ in range(200):
        now += source.random() * 0.004
        channel.offer(source.randbytes(source.randint(1, 400)), now)
    channel.outage(now, 0.1)
    for _ in range(20):
        channel.offer(FRAME, now)
    channel.due(math.inf)
    count = channel.counters
    made = sum(count.get(name, 0) for name in ("noise", "duplicated", "replayed", "injected"))
    lost = sum(count[name] for name in ("dropped_contact", "dropped_outage", "dropped_queue"))
    assert count["offered"] + made == lost + count["delivered"]


def test_a_stage_draws_the_same_whatever_the_others_do() -> None:
    plain, _ = carried(replace(CLEAN, ber=1e-4))
    for more in ({"jitter": 0.1}, {"duplicate": 0.5}, {"replay": 0.3}, {"inject": 30.0}):
        _, channel = carried(replace(CLEAN, ber=1e-4, **more))
        again, _ = carried(replace(CLEAN, ber=1e-4))
        assert again == plain
        flips = sum(int.from_bytes(frame).bit_count() for frame in plain)
        assert channel.counters["flipped_bits"] == flips


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("contacts = [[5, 1]]", "contacts"), ("contacts = [[1, 2], [1.5, 3]]", "contacts"),
        ("contacts = 3", "contacts"), ("[up]\nburst_ber = 0.1", "burst"),
        ("[up]\nduplicate = 2", "duplicate"), ("[up]\njitter = -1", "jitter"),
        ("[up]\nwind = 1", "wind"), ("[down]\nmerge = 1.5", r"\[down\] merge"),
        ("[up]\nhold = 1", r"\[up\] hold must be true or false"),
        ("[up]\npressure = 0", r"\[up\] pressure"), ("[up]\nrate = nan", "rate must be finite"),
        ("[up]\nrate_steps = 5", "rate_steps must be a list"),
        ("[up]\nrate_steps = [[5]]", "rate_steps"), ("[up]\nrate_steps = [[5, -1]]", "rate_steps"),
        ("[up]\nrate_steps = [[20, 1e5], [10, 1e6]]", "rate_steps"),
        ("[up]\nrate_steps = [[20, 1e5]]", r"\[up\] rate_steps needs contacts from elements"),
        ("[down]\nebn0 = 9\nebn0_range = 5", r"\[down\] ebn0_range needs contacts"),
        ("[up]\nebn0 = 'x'", "ebn0 must be a number"), ("[up]\nebn0 = 500", "ebn0 must lie"),
        ("[up]\nebn0 = 9\nber = 1e-5", "ber and ebn0"), ("[up]\ncoding_gain = 3", "need ebn0"),
        ("[up]\ninject_frames = 7", "inject_frames"),
        ("[up]\ninject_frames = ['0g']", "inject_frames: line 1"),
        ("[up]\ninject_frames = [7]", "inject_frames"),
        ("[up]\ninject_frames = 'gone.hex'", r"inject_frames: .*gone\.hex"),
    ],
)  # fmt: skip
def test_a_faulty_description_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    tables = [f"[{way}]" for way in ("up", "down") if f"[{way}]" not in text]
    path.write_text("\n".join((text, *tables)))
    with pytest.raises(LinkFileError, match=said) as caught:
        load_link(path)
    assert str(path) in str(caught.value)
