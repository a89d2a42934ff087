"""A trace holds enough to do a run again bit for bit, and one that was changed is found out."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.__main__ import main
from ground.emulator.trace import EmulatedLink, TraceError, replay, summary
from ground.linkfile import Direction, Link

WAY = Direction(
    rate=1e6, delay=0.02, ber=1e-4, queue=20_000, burst_ber=0.01, burst=0.01, calm=0.1,
    jitter=0.01, reorder=0.1, truncate=0.05, noise=0.05, duplicate=0.05, garble=0.05,
    replay=0.05, replay_after=0.02, inject=20.0,
)  # fmt: skip
LINK = Link(WAY, WAY, ((0.0, 0.5), (0.7, 9.0)))


def record(seed: int, link: Link = LINK, down: bool = True) -> list[str]:
    lines: list[str] = []
    emulated, source, now = EmulatedLink(link, seed, lines.append), random.Random(seed), 0.0
    for number in range(400):
        now += source.random() * 0.006
        frame, way = source.randbytes(source.randint(0, 400)), source.choice(("up", "down"))
        if way == "up" or down:
            emulated.ways[way].offer(frame, now)
        if number == 200:
            emulated.set("up", "ber", 1e-3, now)
            emulated.set("up", "inject", 0.0, now)
            emulated.outage("down", now, 0.1)
    return lines


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_a_run_comes_out_again_bit_for_bit(seed: int) -> None:
    lines = record(seed)
    assert record(seed) == lines
    assert replay(lines) == 400


def test_traffic_of_one_direction_does_not_change_the_other() -> None:
    def up(lines: list[str]) -> list[str]:
        return [line for line in lines if '"dir":"up"' in line]

    assert up(record(3)) == up(record(3, down=False))
    assert up(record(3)) == up(record(3, replace(LINK, down=Direction())))


def test_all_that_was_offered_has_a_fate_and_arrives_when_told() -> None:
    lines: list[str] = []
    emulated = EmulatedLink(LINK, 5, lines.append)
    channel = emulated.ways["up"]
    for number in range(500):
        channel.offer(bytes(200), number * 0.002)
    told = [fields for fields in map(json.loads, lines) if "fate" in fields]
    gone = sorted(each["t_out"] for each in told if each["t_out"] is not None)
    arrived = []
    while (due := channel.next_time()) is not None:
        arrived += [due] * len(channel.due(due))
    assert arrived == gone
    lost = sum(each["t_out"] is None for each in told)
    counts = channel.counters
    made = sum(counts[name] for name in ("noise", "duplicated", "replayed", "injected"))
    assert len(told) == 500 + made
    assert lost == sum(count for name, count in counts.items() if name.startswith("dropped")) > 0


def _without_last(lines: list[str]) -> list[str]:
    return lines[:-1]


def _other_seed(lines: list[str]) -> list[str]:
    return [lines[0].replace('"seed":2', '"seed":3'), *lines[1:]]


def _junk(lines: list[str]) -> list[str]:
    return [*lines[:7], "[]", *lines[7:]]


def _nothing(_lines: list[str]) -> list[str]:
    return []


@pytest.mark.parametrize("damage", [_without_last, _other_seed, _junk, _nothing])
def test_a_changed_trace_is_found_out(damage: Callable[[list[str]], list[str]]) -> None:
    with pytest.raises(TraceError):
        replay(damage(record(2)))


def test_rates_are_those_of_the_channel() -> None:
    lines: list[str] = []
    way = Direction(ber=1e-4, queue=1 << 30)
    channel = EmulatedLink(Link(way, way), 1, lines.append).ways["down"]
    for _ in range(4000):
        channel.offer(bytes(250), 0.0)
    found = summary(lines)
    received = channel.due(math.inf)
    hit = sum(any(frame) for frame in received)
    assert found["down"]["flips"] == sum(int.from_bytes(f).bit_count() for f in received)
    assert found["down"]["fer"] == hit / 4000
    assert abs(found["down"]["ber"] - 1e-4) < 5 * math.sqrt(1e-4 / 8e6)
    assert found["down"]["loss"] == found["up"]["loss"] == 0.0


def test_command_line_replays_and_sums_up(tmp_path: Path, capsys) -> None:
    path = tmp_path / "trace.jsonl"
    lines = record(4)
    path.write_text("\n".join(lines) + "\n")
    assert main(["emu", "replay", str(path)]) == 0
    assert "400 frames came out again" in capsys.readouterr().out
    assert main(["emu", "trace", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["up"]["fer"] > 0
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert main(["emu", "replay", str(path)]) == 1
    assert str(path) in capsys.readouterr().err
