"""A trace holds enough to do a run again bit for bit, and one that was changed is found out."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.__main__ import main
from ground.emulator.trace import EmulatedLink, TraceError, replay, summary
from ground.linkfile import Direction, Link, load_link

LINKS = Path(__file__).parents[2] / "configs" / "links"
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
    assert replay(lines) == (400, False)


# SHA-256 of all lines behind the first, as the first version of the emulator wrote them.
KNOWN = {
    1: "8651483ed08a36ffdb5d5b6ee08141b90fd7ffbfbfa54fa2f68f1a38dea8f05e",
    2: "3469c1e8c8a98c4e305a862897cab2515f533d17959fb4ca8509daa68bb2321c",
    3: "864e996f2e43720ad0c7ff87bf569c3b87f8eac7c335f962b0a8558d74d09e3b",
    4: "c993e45ccc9f446d3aadbed06d2516afa783e0902e23fbbf2488e6ba045edbc8",
}


@pytest.mark.parametrize("seed", KNOWN)
def test_a_seed_gives_what_it_always_gave(seed: int) -> None:
    quiet = replace(WAY, replay=0.0, inject=0.0)
    lines = record(seed, replace(LINK, up=quiet, down=quiet))
    assert hashlib.sha256("\n".join(lines[1:]).encode()).hexdigest() == KNOWN[seed]


def test_a_trace_of_a_link_that_could_do_less_is_still_replayed() -> None:
    first, *rest = record(4)
    fields = json.loads(first)
    del fields["link"]["track"]
    for way in ("up", "down"):
        for name in ("inject_frames", "merge", "hold", "pressure", "rate_steps", "ebn0",
                     "coding_gain", "ebn0_range"):  # fmt: skip
            del fields["link"][way][name]
    assert replay([json.dumps(fields), *rest]) == (400, False)


def test_a_run_with_all_that_elements_bring_comes_out_again() -> None:
    link = load_link(LINKS / "leo-passes.toml")
    more = {"merge": 0.1, "inject": 5.0, "inject_frames": ("00ff", "abcd")}
    link = replace(link, up=replace(link.up, **more), down=replace(link.down, **more)).shifted(1e3)
    lines: list[str] = []
    emulated, now = EmulatedLink(link, 9, lines.append), 1000.0
    for number in range(600):  # it begins 2 s before a pass and ends behind it
        now += 1.0
        for way in ("up", "down"):
            emulated.ways[way].offer(number.to_bytes(100), now)
        if number == 100:
            emulated.ways["up"].inject(b"forged", now)
        if number == 200:
            emulated.set("down", "ebn0", -6.0, now)
        if number == 300:
            emulated.set("down", "rate", 32e3, now)
    fates = Counter(json.loads(line).get("fate") for line in lines)
    assert min(fates[name] for name in ("merged", "joined", "injected", "dropped_contact")) > 0
    assert emulated.ways["up"].counters["held"] > 0
    assert emulated.ways["down"].counters["flipped_bits"] > 0
    assert replay(lines) == (1200, False)


def test_a_merged_frame_is_lost_as_such() -> None:
    lines: list[str] = []
    way = Direction(merge=0.5)
    channel = EmulatedLink(Link(way, way), 1, lines.append).ways["down"]
    for number in range(200):
        channel.offer(bytes(10), float(number))
    found = summary(lines).ways["down"]
    assert found["loss"] == found["merged"] / 200 > 0.2
    assert found["fer"] == pytest.approx(found["joined"] / (200 - found["merged"]))


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
    assert arrived == gone[: len(arrived)]
    rest = len(channel.due(math.inf))  # the attacker's, behind all that was offered
    assert len(arrived) + rest == len(gone)
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
    found = summary(lines).ways
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
