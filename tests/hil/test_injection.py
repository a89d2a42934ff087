"""Injectors against a live process whose memory is known."""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_memory import CAPACITY, SCENE, STATES, TOUCHED

from flight.executor.slab import Slab
from hil.inject import faults
from hil.inject.memory import InjectionRefused, Victim, mappings
from hil.inject.pages import Span, by_mapping, resident
from hil.inject.places import Places, choose

PAGES = 16
ROOT = Path(__file__).parents[2]


class Live:
    """The process of live_memory.py."""

    def __init__(self, folder: Path) -> None:
        self.slab = folder / "tardigrade-executor-t7-r0"
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("live_memory.py"), self.slab, str(PAGES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert self.process.stdout is not None
        self.buffer, self.pages, self.scene = map(int, self.process.stdout.readline().split())

    def answer(self) -> bytes:
        """What it finds in its buffer; it ends with that."""
        out, _ = self.process.communicate(b"\n", timeout=20)
        return bytes.fromhex(out.decode())


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    process = Live(tmp_path)
    try:
        Victim(process.process.pid).__exit__()
    except InjectionRefused as refused:
        process.process.kill()
        process.process.communicate()
        pytest.skip(str(refused))
    yield process
    process.process.kill()
    process.process.communicate()


def test_the_victim_itself_finds_exactly_the_bits_that_were_flipped(live: Live) -> None:
    with Victim(live.process.pid) as victim:
        assert victim.upset(live.buffer + 10, b"\x01\x00\x80") == b"\x55" * 3
        assert victim.read(live.buffer + 9, 5) == b"\x55\x54\x55\xd5\x55"
    found = live.answer()
    assert found == b"\x55" * 10 + b"\x54\x55\xd5" + b"\x55" * 51


def test_a_victim_that_has_ended_is_never_taken_for_a_hit(live: Live) -> None:
    with Victim(live.process.pid) as victim:
        live.answer()
        with pytest.raises(ProcessLookupError):
            victim.upset(live.buffer, b"\x01")
    with pytest.raises(ProcessLookupError):
        Victim(live.process.pid)


def test_only_touched_pages_are_resident(live: Live) -> None:
    pid = live.process.pid
    (mapping,) = (m for m in mappings(pid) if m.start <= live.pages < m.end)
    spans = resident(pid, mapping, "pages")
    end = live.pages + PAGES * mmap.PAGESIZE
    mine = {
        (address - live.pages) // mmap.PAGESIZE
        for span in spans
        for address in range(span.start, span.end, mmap.PAGESIZE)
        if live.pages <= address < end
    }
    assert mine == set(TOUCHED)
    (whole,) = by_mapping(pid, {mapping.start: "pages"})
    assert whole.weight == sum(span.weight for span in spans)  # the other witness: smaps
    assert (whole.start, whole.end) == (mapping.start, mapping.end)


def test_states_and_scenes_are_found_and_nothing_else(live: Live) -> None:
    assert Slab.size(CAPACITY) % mmap.PAGESIZE  # the second slot is not half-way in the mapping
    with Victim(live.process.pid) as victim:
        places = Places(victim, 7, [SCENE])
        found = {victim.read(span.start, span.end - span.start) for span in places.spans("state")}
        assert found == set(STATES.values())
        assert any(live.scene < m.start < live.scene + len(SCENE) for m in mappings(victim.pid))
        copies = places.spans("inputs")
        assert live.scene in {span.start for span in copies}
        for span in copies:
            assert victim.read(span.start, span.end - span.start) == SCENE
        assert places.part(copies[0].start + 5000) == "inputs"
        assert places.part(places.spans("state")[1].start + 3) == "state"
        assert places.part(live.buffer) == ""
        assert Places(victim, 8, [SCENE]).spans("state") == []


def test_all_is_every_writable_page_and_nothing_that_cannot_be_written(live: Live) -> None:
    pid = live.process.pid
    with Victim(pid) as victim:
        spans = Places(victim, 7, []).spans("all")
    writable = [m for m in mappings(pid) if "w" in m.permissions]
    assert {"slab", "heap", "stack", "anonymous", "library data"} <= {s.region for s in spans}
    for span in spans:
        assert any(m.start <= span.start < span.end <= m.end for m in writable)
    (stranger,) = (m for m in writable if m.name.endswith("/stranger"))  # a file, not memory
    assert not any(stranger.start <= span.start < stranger.end for span in spans)


@given(
    st.sampled_from(faults.FAULTS),
    st.integers(0, 1 << 20),
    st.integers(1, 200),
    st.integers(0, 1 << 32),
)
def test_shapes_of_faults(fault: str, address: int, room: int, seed: int) -> None:
    start, mask = faults.draw(fault, address, address + room, random.Random(seed))
    bits = [8 * (start - address) + i for i in range(8 * len(mask)) if mask[i // 8] >> i % 8 & 1]
    assert bits
    assert start + len(mask) <= address + room
    if fault == "bit":
        assert len(bits) == 1
        assert 0 <= bits[0] < 8
    elif fault == "burst":
        assert 0 <= bits[0] < 8
        assert bits[-1] - bits[0] == len(bits) - 1 <= 7
        assert len(bits) >= 2 or bits[0] + 1 == 8 * room  # cut off where the memory ends
    else:
        assert start % 64 == 0
        assert len(mask) <= 64
        assert 0 not in mask


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5))
def test_every_octet_of_a_span_is_as_likely_as_its_weight(sizes: list[tuple[int, int]]) -> None:
    spans = [
        Span(1000 * n, 1000 * n + size, str(n), min(weight, size))
        for n, (size, weight) in enumerate(sizes)
    ]
    total = sum(span.weight for span in spans)
    hits = [choose(spans, (step + 0.5) / (4 * total)) for step in range(4 * total)]
    for span in spans:
        mine = [address for found, address in hits if found is span]
        assert len(mine) == 4 * span.weight
        assert all(span.start <= address < span.end for address in mine)
    assert choose(spans, 1.0)[0] is spans[-1]
