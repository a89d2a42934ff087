"""Upsets in the memory of a run: shared scenes and the voted state, with and without protection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executor_node import ExecutorNode, golden, scene
from scripted_replica import Script
from toy_programs import STEPS, Rows

from flight.dictionary.enums import Level
from flight.dictionary.events import MemoryCorrected, TaskResumed
from flight.dictionary.radiation import StateLost
from flight.dictionary.telemetry import TaskStatus
from flight.executor import bulk
from flight.radiation.layout import Tally, parse, tally
from flight.radiation.period import Depth
from flight.radiation.region import Region

GOLDEN = golden(scene())
SCENE, STATE = "executor-t1-scene.ecc", "executor-t1-state.ecc"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "LEAST", 1)


def digest(node: ExecutorNode, task: int = 1) -> str:
    return node.product(task).provenance.result_sha256


def fly(node: ExecutorNode, level: Level, act: Callable[[], None], step: int = 3) -> TaskStatus:
    """Run a task; ``act`` once, as soon as ``step`` is done."""
    task = node.submit(level)
    acted = False

    def look() -> bool:
        nonlocal acted
        status = node.status(task)
        if status is not None and status.step >= step and not acted:
            acted = True
            act()
        return node.ended(task)

    assert node.run(60, look)
    assert acted
    return node.complete(task)


def flip(node: ExecutorNode, name: str, *bits: int) -> None:
    """Flip bits of a region's data."""
    memory = node.node.regions[name].memory
    start = parse(memory).data.start
    for bit in bits:
        memory[start + bit // 8] ^= 1 << bit % 8


ROW = 8 * 3 * 8 * 5  # first bit of scene row 5, which step 5 reads


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("level", [Level.VERIFY, Level.DMR, Level.TMR])
def test_a_flip_in_the_scene_that_all_replicas_read(tmp_path: Path, level: Level) -> None:
    """Redundancy alone is blind to it: all replicas would compute the same wrong answer."""
    node = ExecutorNode(tmp_path)
    status = fly(node, level, lambda: flip(node, SCENE, ROW))
    assert status.corrected == 1
    assert node.events(MemoryCorrected)[0].region == "shared scene"
    assert digest(node) == GOLDEN


@pytest.mark.usefixtures("shared")
def test_the_same_flip_without_protection(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    assert fly(node, Level.NONE, lambda: flip(node, SCENE, ROW)).corrected == 0
    assert digest(node) != GOLDEN


@pytest.mark.usefixtures("shared")
def test_a_scrub_that_corrects_it_before_the_replica_looks_does_not_hide_it(
    tmp_path: Path, script: Script
) -> None:
    """Verify after use sees sound memory then, but what was computed is not."""
    node = ExecutorNode(tmp_path)

    def upset_and_scrub() -> None:
        flip(node, SCENE, ROW)
        scrubber = Region.attach(node.node.regions[SCENE].memory)
        due = node.time.clock.now() + 0.01  # while the replicas compute
        node.time.timers.add(due, None, lambda: scrubber.scrub(Depth.FULL, due))

    status = fly(node, Level.TMR, upset_and_scrub, 4)
    assert status.corrected == 1
    assert not node.events(MemoryCorrected), "the scrubber tells of it: one upset would be two"
    assert digest(node) == GOLDEN
    assert len([order for order in script.orders if order[2] == 5]) > 3, "it was not redone"


@pytest.mark.usefixtures("shared")
def test_a_round_does_not_begin_in_the_middle_of_a_correction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scrubber has counted it and lost the processor; it makes it while the replica computes,
    so that verify after use sees sound memory and no count grows."""
    node = ExecutorNode(tmp_path)

    def upset_half_corrected() -> None:
        flip(node, SCENE, ROW)
        scrubber = Region.attach(node.node.regions[SCENE].memory)
        scrubber._mine.write(Tally.CLAIM, 1)
        scrubber._mine.add(tally(Tally.CORRECTED, 0), 1)

        def go_on() -> None:
            if scrubber._mine.read(Tally.CLAIM):
                monkeypatch.undo()
                flip(node, SCENE, ROW)
                scrubber._mine.write(Tally.CLAIM, 0)

        step = Rows.step

        def step_then_correct(program: Rows, state: dict[str, Any]) -> dict[str, Any]:
            after = step(program, state)
            if state["step"] == 5:
                go_on()
            return after

        monkeypatch.setattr("os.sched_yield", go_on)
        monkeypatch.setattr(Rows, "step", step_then_correct)

    fly(node, Level.VERIFY, upset_half_corrected, 5)
    assert digest(node) == GOLDEN


def crush(node: ExecutorNode, name: str) -> None:
    """Two flips in one codeword."""
    geometry = Region.attach(node.node.regions[name].memory).layout.geometry
    flip(node, name, 0, 8 * geometry.width)


@pytest.mark.usefixtures("shared")
def test_a_scene_beyond_correction_is_read_again_from_its_file(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    picture = scene(side=64)
    np.savez(node.payload / "hills.npz", rgb=picture)
    status = fly(node, Level.TMR, lambda: crush(node, SCENE))
    assert digest(node) == golden(picture)
    assert len(node.events(StateLost)) == status.resumes == len(node.events(TaskResumed)) == 1


def test_a_flip_in_the_voted_state_is_corrected_before_a_seat_is_loaded(
    tmp_path: Path, script: Script
) -> None:
    script.acts[1, 5] = ["silent"]  # so that it is replaced, and loaded, late
    node = ExecutorNode(tmp_path, checkpoint_interval=99.0)
    status = fly(node, Level.TMR, lambda: flip(node, STATE, 321), 4)
    assert digest(node) == GOLDEN
    assert status.corrected == 1
    assert [event.region for event in node.events(MemoryCorrected)] == ["voted state"]
    assert not node.events(StateLost)


def test_a_voted_state_beyond_correction_costs_the_run_not_the_task(
    tmp_path: Path, script: Script
) -> None:
    script.acts[1, 6] = ["silent"]  # so that it is replaced, and loaded, late
    node = ExecutorNode(tmp_path)
    picture = scene(side=160)
    np.savez(node.payload / "hills.npz", rgb=picture)
    status = fly(node, Level.TMR, lambda: crush(node, STATE), 5)
    assert len(node.events(StateLost)) == status.resumes == 1
    assert digest(node) == golden(picture)
    assert status.step == STEPS


@pytest.mark.parametrize("level", list(Level))
def test_a_flip_in_an_answer_between_its_writing_and_its_vote(
    tmp_path: Path, script: Script, level: Level
) -> None:
    script.acts[0, 4] = ["smudged"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(level))
    assert (digest(node) == GOLDEN) is (level is not Level.NONE)
    assert status.corrected == (level is not Level.NONE)
