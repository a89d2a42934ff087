"""Two processes in one region: a scrub that meets a write, a claim, a kill."""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from region_memory import Shared

import flight
from flight.radiation import owned
from flight.radiation.ecc import Protected
from flight.radiation.layout import Layout, Role, Tally, tally
from flight.radiation.owned import OwnedRegion
from flight.radiation.period import Depth
from flight.radiation.region import Busy, Region, Scrub
from flight.radiation.secded import Geometry, Secded

SMALL = Geometry(64, 2)
SCRUBBER = Path(__file__).with_name("scrub_forever.py")


def naive(shared: Shared) -> Protected:
    """The code over the same memory, without a look at who else is at work."""
    layout, length = shared.layout, len(shared.data)
    checks = shared.memory[layout.checks(length)]
    return Protected(Secded(layout.geometry), shared.memory[layout.data][:length], checks)


def test_new_data_are_not_corrected_to_old() -> None:
    shared = Shared(SMALL, 1000)
    crc = shared.owner._crc(0)
    shared.owner.begin()[:16] = bytes(16)
    assert shared.scrubber.scrub(Depth.FULL, 1.0) == Scrub(0, 1, 0, ())
    assert shared.raw()[:16] == bytes(16)
    repair = naive(shared).find(0, crc)  # nothing speaks against it: even the CRC agrees
    assert repair is not None
    assert naive(shared).apply(repair)
    assert shared.raw() == shared.data


def half_way(scrubber: Region, correct: Callable[[], None]) -> Callable[[], None]:
    """It has claimed and counted a correction and lost the processor; return what goes on."""
    scrubber._mine.write(Tally.CLAIM, 1)
    scrubber._mine.add(tally(Tally.CORRECTED, 0), 1)

    def go_on() -> None:
        if scrubber._mine.read(Tally.CLAIM):
            correct()
            scrubber._mine.write(Tally.CLAIM, 0)

    return go_on


def test_a_correction_that_was_counted_before_a_read_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the copy is damaged, what is verified after it is not, and no count has grown."""
    shared = Shared(SMALL, 1000)
    shared.flip(20)
    monkeypatch.setattr("os.sched_yield", half_way(shared.scrubber, lambda: shared.flip(20)))
    assert shared.owner.read() == shared.data


@pytest.mark.parametrize("write", ["begun", "written", "sealed shorter"])
@pytest.mark.parametrize("flips", [1, 2])
def test_a_write_during_a_scrub_makes_its_findings_void(
    write: str, flips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Shared(SMALL, 1000)
    found = Protected.find
    if flips == 1:
        shared.flip(20)
    else:
        shared.spoil(0)

    def find(self: Protected, index: int, crc: int) -> object:
        try:
            return found(self, index, crc)
        finally:  # the owner comes in here, before the scrubber acts on what it saw
            monkeypatch.undo()
            shared.owner.begin()[:] = bytes(1000)
            if write != "begun":
                shared.owner.seal(1000 if write == "written" else 300)

    monkeypatch.setattr(Protected, "find", find)
    assert shared.scrubber.scrub(Depth.FULL, 1.0) == Scrub(0, 1, 0, ())
    assert not shared.scrubber.quarantined(0)
    assert shared.scrubber.corrections == 0
    if write == "begun":
        shared.owner.seal()
    assert not any(shared.owner.read())


def test_two_sides_that_find_the_same_flip_do_not_put_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = Shared(SMALL, 1000)
    shared.flip(20)
    found = Protected.find

    def find(self: Protected, index: int, crc: int) -> object:
        repair = found(self, index, crc)
        monkeypatch.undo()
        assert shared.owner.verify() == 1
        return repair

    monkeypatch.setattr(Protected, "find", find)
    assert shared.scrubber.scrub(Depth.FULL, 1.0) == Scrub(0, 1, 0, ())
    assert shared.raw() == shared.data


def test_while_one_side_corrects_the_other_keeps_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned, "PATIENCE", 10)
    shared = Shared(SMALL, 1000)
    for mine, side in ((Role.OWNER, shared.scrubber), (Role.SCRUBBER, shared.owner)):
        shared.flip(20)
        shared.owner._roles[mine].write(Tally.CLAIM, 1)
        assert side.scrub(Depth.FULL, 1.0) == Scrub(0, 1, 0, ())
        with pytest.raises(Busy):
            side.verify()
        if side is shared.owner:
            with pytest.raises(Busy):
                side.begin()
            assert not side.suspended
        shared.owner._roles[mine].write(Tally.CLAIM, 0)
        assert side.verify() == 1


def test_the_claim_of_a_scrubber_that_died_ends_with_its_successor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owned, "PATIENCE", 10)
    shared = Shared(SMALL, 1000)
    shared.scrubber._mine.write(Tally.CLAIM, 1)
    with pytest.raises(Busy):
        shared.owner.write(0, b"new")
    Region.attach(shared.memory)
    shared.owner.write(0, b"new")
    assert shared.owner.read(0, 3) == b"new"


def test_a_write_that_is_refused_leaves_the_region_in_use() -> None:
    shared = Shared(SMALL, 3000)
    shared.spoil(1)
    with pytest.raises(Exception, match="two flips"):
        shared.owner.write(900, bytes(200))
    assert not shared.owner.suspended
    assert shared.owner.read(0, 1024) == shared.data[:900] + bytes(124)


@contextmanager
def scrubbing(path: Path) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, str(SCRUBBER), str(path)],
        env={**os.environ, "PYTHONPATH": str(Path(flight.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "attached\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def test_an_owner_writes_while_a_process_scrubs_and_is_killed(tmp_path: Path) -> None:
    """Every octet is as the model has it, whoever corrected what, and whenever."""
    layout = Layout(Geometry(64, 16), 20_000)
    path = tmp_path / "region"
    path.write_bytes(bytes(layout.size))
    with path.open("r+b") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0))
    owner = OwnedRegion.create(memory, layout, "state", 1)
    owner.seal()
    rng, model = random.Random(5), bytearray(20_000)
    for life in range(2):
        with scrubbing(path) as child:
            for _ in range(400):
                memory[layout.data.start + rng.randrange(20_000)] ^= 1 << rng.randrange(8)
                write(owner, rng, model)
                assert owner.read() == model
            if life:
                path.unlink()
                assert child.wait(30) == 0
    states = [owner.status(block) for block in range(owner.blocks)]
    assert all(state.scrubbed for state in states)
    assert owner.corrections >= 800


def write(owner: OwnedRegion, rng: random.Random, model: bytearray) -> None:
    offset = rng.randrange(len(model))
    data = rng.randbytes(min(rng.choice([1, 64, 3000]), len(model) - offset))
    owner.write(offset, data)
    model[offset : offset + len(data)] = data
