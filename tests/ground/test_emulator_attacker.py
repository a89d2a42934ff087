"""Frames of an attacker come at times of their own, also where nobody else sends."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from ground.__main__ import main
from ground.emulator.channel import Channel
from ground.emulator.trace import EmulatedLink, TraceError, replay, summary
from ground.linkfile import Direction, Link

FORGED = Direction(delay=0.02, inject=50.0, inject_frames=("c0ffee",))
NOISY = Direction(delay=0.02, inject=50.0, ber=1e-3, replay=0.2, replay_after=0.5)


def followed(channel: Channel, end: float) -> list[float]:
    """Arrivals on a channel that is asked when it wants to be."""
    found: list[float] = []
    while (now := channel.wake_time()) is not None and now < end:
        found += [now] * len(channel.due(now))
    return found


def test_an_idle_link_is_injected_into_one_by_one() -> None:
    channel = Channel(FORGED, 1, "up")
    assert channel.wake_time() is None  # it does not know the time yet
    channel.advance(1000.0)
    found = followed(channel, 1020.0)
    assert abs(len(found) - 1000) < 5 * math.sqrt(1000)
    assert len(set(found)) == len(found)
    assert found[0] > 1000.02
    assert channel.next_time() is None


def test_it_is_the_same_however_often_it_is_asked() -> None:
    def run(step: float) -> list[bytes]:
        channel, found = Channel(NOISY, 7, "up"), []
        channel.due(0.0)
        for number in range(1, round(8 / step) + 1):
            found += channel.due(number * step)
        return found

    assert run(0.125) == run(0.5) == run(4.0) != []


def test_hours_without_asking_are_not_made_up_for() -> None:
    channel = Channel(FORGED, 1, "up")
    channel.offer(bytes(100), 0.0)
    channel.offer(bytes(100), 6 * 3600.0)
    assert channel.counters["injected"] == 0
    channel.due(6 * 3600.0 + 4)
    assert 100 < channel.counters["injected"] < 300
    channel.due(1e9)
    assert channel.counters["injected"] < 300
    channel.due(1e9 + 4)
    assert channel.counters["injected"] < 600


def test_asking_for_the_rest_ends() -> None:
    channel = Channel(Direction(delay=600.0, inject=50.0), 1, "up")
    for number in range(100):
        channel.offer(bytes(100), number / 10)
    last = None
    while (due := channel.next_time()) is not None:
        channel.due(due)
        last = due
    assert last == pytest.approx(609.9, abs=0.1)
    count = channel.counters
    assert count["injected"] > 20_000
    channel.due(math.inf)
    channel.due(math.inf)
    assert channel.counters["injected"] == count["injected"]
    assert channel.counters["delivered"] == count["injected"] + 100


def test_frames_of_the_attacker_come_between_those_of_others_in_time() -> None:
    channel = Channel(FORGED, 1, "up")
    for second in range(3):
        channel.offer(b"real", float(second * 2))
    gaps, before = [], 0.0
    while (due := channel.next_time()) is not None:
        for _ in channel.due(due):
            gaps.append(due - before)
            before = due
    assert len(gaps) > 150
    assert max(gaps) < 0.3


def test_a_change_counts_from_its_time_on() -> None:
    channel = Channel(Direction(), 1, "up")
    channel.due(50.0)
    assert channel.wake_time() is None
    channel.set("inject", 20.0, 100.0)
    assert 100.0 < channel.wake_time() < 101.0
    assert abs(len(channel.due(110.0)) - 200) < 5 * math.sqrt(200)
    channel.set("inject", 0.0, 120.0)  # nobody has asked since 110 s
    assert abs(len(channel.due(1000.0)) - 200) < 5 * math.sqrt(200)
    assert channel.wake_time() is None


def test_noise_is_as_long_as_the_last_real_frame() -> None:
    channel = Channel(Direction(inject=50.0), 1, "up")
    channel.due(0.0)
    assert {len(frame) for frame in channel.due(1.0)} == {200}
    channel.offer(bytes(33), 1.0)
    assert {len(frame) for frame in channel.due(2.0)} == {33}


def test_a_kept_frame_comes_again_at_its_time_and_needs_no_other() -> None:
    channel = Channel(Direction(rate=8000.0, delay=1.0, replay=0.999, replay_after=5.0), 1, "up")
    channel.offer(b"order me", 0.0)
    assert channel.next_time() == pytest.approx(1.008)
    assert channel.due(1.01) == [b"order me"]
    assert channel.next_time() == pytest.approx(6.008)
    channel.offer(b"later one", 4.9)  # neither overtakes, nor waits for, the replayed one
    assert channel.due(5.92) == [b"later one"]
    assert channel.due(6.1) == [b"order me"]


def test_no_more_frames_are_kept_than_fit() -> None:
    channel = Channel(Direction(rate=1e9, replay=0.999, replay_after=1e5), 1, "up")
    for number in range(3000):
        channel.offer(bytes(100), number / 10)
    assert channel.counters["replayed"] == 1000
    channel.offer(bytes(100), 2e5)  # those are gone
    assert channel.counters["replayed"] == 1001


def recorded() -> list[str]:
    """An attack on a link that is idle for the most part, asked in real time's uneven steps."""
    lines: list[str] = []
    link = EmulatedLink(Link(NOISY, FORGED), 3, lines.append)
    for way in link.ways.values():
        way.due(500.0)
    for number in range(1, 80):
        now = 500 + number * 0.09
        link.ways["up"].due(now)
        if number % 20 == 0:
            link.ways["up"].offer(bytes(30), now)
            link.outage("down", now, 0.05)
            link.set("down", "inject", number / 2, now)
    link.ways["up"].due(1000.0)  # begins anew
    link.ways["up"].due(1002.0)
    return lines


def test_an_attack_on_an_idle_link_comes_out_again() -> None:
    lines = recorded()
    told = [json.loads(line) for line in lines]
    assert sum("begin" in fields for fields in told) == 3
    assert sum(fields.get("fate") == "injected" for fields in told) > 400
    times = [fields["t_in"] for fields in told[1:] if fields["dir"] == "down"]
    assert times == sorted(times)
    assert replay(lines) == (3, False)
    found = summary(lines).ways
    assert (found["up"]["offered"], found["up"]["passed"]) == (3, 3)


def _no_first(lines: list[str]) -> list[str]:
    """Without the first frame that was injected."""
    place = next(n for n, line in enumerate(lines) if '"injected"' in line)
    return [*lines[:place], *lines[place + 1 :]]


def _no_begin(lines: list[str]) -> list[str]:
    return [line for line in lines if '"begin"' not in line]


@pytest.mark.parametrize("damage", [_no_first, _no_begin])
def test_a_changed_attack_is_found_out(damage: Callable[[list[str]], list[str]]) -> None:
    with pytest.raises(TraceError):
        replay(damage(recorded()))


def test_of_a_trace_that_was_cut_anywhere_in_a_line_the_rest_is_replayed() -> None:
    lines = recorded()
    whole = [line + "\n" for line in lines]
    for last in range(1, len(lines)):
        if last > 20 and '"offer"' not in lines[last] + lines[last - 1]:
            continue  # the first ones, and those around offers, are enough
        for end in (1, 5, len(lines[last]) // 2, len(lines[last]) - 1):
            assert replay([*whole[:last], lines[last][:end]]).cut, (last, end)
    assert summary([*whole[:-1], lines[-1][:9]]).cut


def test_a_cut_that_lies_is_found_out() -> None:
    whole = [line + "\n" for line in recorded()]
    place = next(n for n, line in enumerate(whole) if '"offer"' in line)
    for wrong in ([*whole[:place + 1], '{"t_in":7'], [*whole[:3], '{"t_in', *whole[3:]],
                  [*whole[:3], '{"t_in\n'], ['{"seed']):  # fmt: skip
        with pytest.raises(TraceError):
            replay(wrong)


def test_command_line_takes_a_cut_trace_and_says_so(tmp_path, capsys) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("\n".join(recorded())[:-10])
    for verb, said in (("replay", "3 frames came out again"), ("trace", "offered")):
        assert main(["emu", verb, str(path)]) == 0
        printed = capsys.readouterr()
        assert said in printed.out
        assert printed.err == "the last line was cut, and left out\n"
