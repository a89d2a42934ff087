"""When checkpoints are written and read back, and which of them fits: the keeper by itself."""

from __future__ import annotations

import errno
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from checkpoint_states import (
    NAME,
    TASK,
    LyingDisk,
    checkpoint,
    generations,
    small_chunks,
    upset,
)

from flight.dictionary.events import CheckpointRefused, WriteFailed
from flight.dictionary.parameters import ExecutorParameters
from flight.dictionary.registry import Event
from flight.executor import chain as chain_module
from flight.executor.checkpoint import Checkpoint
from flight.executor.interval import Interval
from flight.executor.keeper import PAUSE, SLICE, Checkpoints
from flight.radiation.policy import checkpoint_interval
from flight.runtime.service import Store
from flight.runtime.simulation import VirtualTime
from flight.runtime.store import FileStore, MemoryStore

LEAST = 0.5
ROOM = 1 << 20


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


class Bench:
    """What a keeper is given; plays the part of its Context."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.time = VirtualTime()
        self.clock = self.time.clock
        self.events: list[Event] = []
        self.keeper = Checkpoints(self)  # type: ignore[arg-type]
        self.keeper.begin()

    def parameters(self, kind: type[Any]) -> Any:
        assert kind is ExecutorParameters
        return ExecutorParameters(checkpoint_interval=LEAST)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def after(self, seconds: float, call: Any) -> Any:
        return self.time.timers.add(self.clock.now() + seconds, None, call)

    def find(self, **other: Any) -> int:
        fits = {"program": "rows 1", "scene_sha256": "scene", "models": {"toy": "ab"}, "room": ROOM}
        found = self.keeper.find(TASK, **(fits | other))
        return found.generation if found else 0

    @property
    def reasons(self) -> list[str]:
        return [event.why for event in self.events if isinstance(event, CheckpointRefused)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(FileStore(tmp_path))


def counted(bench: Bench, new: Checkpoint) -> int:
    before = new.counters.checkpoints
    bench.keeper.write(new)
    return new.counters.checkpoints - before


def test_a_task_without_checkpoints_starts_without_an_event(bench: Bench) -> None:
    assert bench.find() == 0
    assert bench.events == []


def test_what_was_written_is_found(bench: Bench) -> None:
    assert bench.find() == 0
    assert [counted(bench, checkpoint(generation)) for generation in (1, 2, 2, 3)] == [1, 1, 0, 1]
    again = Bench(bench.store)
    assert again.find() == 3
    assert again.events == bench.events == []


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"program": "rows 2"}, "of program 'rows 1', this is 'rows 2'"),
        ({"scene_sha256": "x"}, "of another scene"),
        ({"models": {"toy": "cd"}}, "made with another model toy"),
        ({"models": {}}, "made with another model toy"),
        ({"room": 100}, "state of 556 octets, the slab holds 100"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(
    bench: Bench, other: dict[str, Any], why: str
) -> None:
    bench.keeper.write(checkpoint(1))
    assert bench.find(**other) == 0
    assert bench.reasons == [f"slot 0: {why}", "cold start: no slot is left"]
    bench.keeper.write(checkpoint(1))
    assert bench.find() == 1


def test_the_older_one_is_taken_when_only_that_fits(bench: Bench) -> None:
    bench.find()
    bench.keeper.write(checkpoint(1))
    newer = checkpoint(2)
    origin = msgspec.structs.replace(newer.origin, dictionary=bytes(32))
    bench.keeper.write(msgspec.structs.replace(newer, origin=origin))
    assert bench.find() == 1
    assert len(bench.reasons) == 1
    assert bench.reasons[0].startswith("slot 2: of dictionary 00000000, this is ")


def test_a_slot_of_another_process_is_looked_at_before_it_is_replaced(bench: Bench) -> None:
    """Written without a search first: the newest one there is still the one that stays."""
    other = Bench(bench.store)
    for generation in (1, 2, 3, 4, 5):
        other.keeper.write(checkpoint(generation))
    bench.keeper.write(checkpoint(6))
    assert sorted(generations(bench.store)) == [3, 4, 5, 6]


# What goes wrong.


def test_an_upset_state_is_not_written_and_the_next_one_soon(bench: Bench) -> None:
    bench.keeper.expect(1e-9)
    bench.find()
    bench.keeper.write(checkpoint(1))
    assert counted(bench, upset(2, 5)) == 0
    assert bench.reasons == ["state is no longer the one that was voted, not written"]
    bench.time.run(LEAST * 1.01)
    assert bench.keeper.due(2, 100)
    assert Bench(bench.store).find() == 1


def test_a_full_disk_is_an_event_and_the_next_one_is_tried_soon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bench.keeper.expect(1e-9)
    bench.find()
    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "write_slot", refuse)
        assert counted(bench, checkpoint(1)) == 0
        assert bench.events == [WriteFailed("checkpoint", "No space left on device")]
        assert not bench.keeper.due(1, 100)
        bench.time.run(LEAST * 1.01)
        assert bench.keeper.due(1, 100)
        assert counted(bench, checkpoint(2)) == 0
        assert len(bench.events) == 1, "critical events are not rate-limited by anyone else"
        bench.time.run(bench.time.clock.now() + 61)
        assert counted(bench, checkpoint(3)) == 0
        assert len(bench.events) == 2
    assert counted(bench, checkpoint(4)) == 1
    assert not bench.keeper.due(4, 100)


def test_a_lying_disk_is_found_between_the_steps(tmp_path: Path) -> None:
    """In slices, each a pause after the other; then the next checkpoint is due at once."""
    disk = LyingDisk(tmp_path)
    bench = Bench(disk)
    bench.keeper.expect(1e-9)
    bench.find()
    disk.lies = True
    bench.keeper.write(checkpoint(1))
    slices = -(-9 // SLICE)
    bench.time.run(PAUSE * (slices - 1) - 0.01)
    assert bench.events == []
    bench.time.run(PAUSE * (slices - 1) + 0.01)
    assert bench.reasons == ["slot 0: chunk 8 does not verify"]
    bench.time.run(LEAST * 1.01)
    assert bench.keeper.due(2, 100)


def test_what_was_not_read_back_yet_is_read_before_the_next_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_module, "WHOLE_EVERY", 1)
    disk = LyingDisk(tmp_path)
    bench = Bench(disk)
    bench.keeper.write(checkpoint(1))
    disk.lies = True
    bench.keeper.write(checkpoint(2))
    assert bench.reasons == []
    bench.keeper.write(checkpoint(3))
    assert bench.reasons == ["slot 1: chunk 8 does not verify"]
    assert generations(disk) == [1, 3, 0, 0]


def test_the_end_of_a_task_lets_go_of_it(bench: Bench) -> None:
    """Neither its states nor its files are looked at any more."""
    bench.keeper.write(checkpoint(1))
    bench.keeper.end()
    bench.store.remove(NAME)
    bench.time.run(60)
    assert bench.events == []
    assert bench.keeper._chain is None


def test_one_keeper_serves_tasks_in_turn(bench: Bench) -> None:
    for task in (1, 2, 1):
        bench.keeper.write(checkpoint(1 if task == 2 else task + 4, task=task))
    for task, generation in ((1, 5), (2, 1)):
        found = bench.keeper.find(task, "rows 1", "scene", {"toy": "ab"}, ROOM)
        assert found is not None
        assert (found.origin.task, found.generation) == (task, generation)


# The interval.


def test_without_a_prediction_the_least_interval_counts() -> None:
    interval = Interval()
    interval.begin(100.0)
    assert not interval.due(100.4, 1, 10, LEAST)
    assert interval.due(100.5, 1, 10, LEAST)
    interval.wrote(100.5, 101.0)
    assert not interval.due(101.4, 2, 10, LEAST)
    assert interval.due(101.5, 2, 10, LEAST)


@pytest.mark.parametrize("rate", [1e-4, 1e-2, 1.0])
def test_the_interval_is_young_s_between_least_and_the_length_of_the_task(rate: float) -> None:
    """One step a second, a checkpoint costs 0.3 s, the task takes 200 s."""
    interval, now, written = Interval(), 0.0, []
    interval.expect(rate)
    interval.begin(now)
    for step in range(200):
        now += 1.0
        if interval.due(now, step, 200, LEAST):
            written.append(now)
            interval.wrote(now, now + 0.3)
            now += 0.3
    expected = checkpoint_interval(0.3, rate, LEAST, 200.0)
    gaps = [b - a for a, b in itertools.pairwise(written[2:])]
    assert all(expected + 0.3 <= gap <= expected + 1.4 for gap in gaps)
    assert bool(gaps) == (expected < 70)


def test_the_cost_is_smoothed() -> None:
    interval = Interval()
    interval.begin(0.0)
    interval.wrote(0.0, 1.0)
    assert interval.cost == 1.0
    for _ in range(40):
        interval.wrote(0.0, 3.0)
    assert interval.cost == pytest.approx(3.0, rel=1e-4)
    interval.wrote(0.0, 13.0)
    assert 4.0 < interval.cost < 8.0


def test_memory_is_held_only_where_deltas_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for above, held in ((0, True), (1 << 20, False)):
        monkeypatch.setattr(chain_module, "DELTA_ABOVE", above)
        bench = Bench(MemoryStore())
        bench.keeper.write(checkpoint(1))
        assert bench.keeper._chain is not None
        assert (bench.keeper._chain._base is not None) == held
