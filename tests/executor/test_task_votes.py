"""Rounds and votes: what one bad replica does to a task, and what it must not do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from executor_node import FULL, ExecutorNode, golden, scene
from scripted_replica import Script
from toy_programs import STEPS, ToyModel

from flight.dictionary.enums import Level, Reason, TaskState
from flight.dictionary.events import (
    MemoryCorrected,
    NoMajority,
    ReplicaLost,
    ReplicaOutvoted,
    TaskStarted,
)
from flight.executor.seat import Seat
from flight.executor.slab import HEADER, HEADER_SIZE

GOLDEN = golden(scene())
FIRST_ROW = -60  # of the grid, which stands last in the state
VOTES = STEPS + 2  # start and result are voted too


def digest(node: ExecutorNode, task: int) -> str:
    return node.product(task).provenance.result_sha256


@pytest.mark.parametrize("level", list(Level))
def test_every_level_gives_the_same_result(tmp_path: Path, level: Level) -> None:
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(level))
    assert digest(node, 1) == GOLDEN
    assert (status.votes, status.masked, status.replaced) == (VOTES, 0, 0)
    assert status.step == status.steps == STEPS
    assert node.events(TaskStarted)[0].steps == STEPS


@pytest.mark.parametrize("seat", [0, 1, 2])
@pytest.mark.parametrize("generation", [0, 3, STEPS, STEPS + 1])
def test_one_odd_answer_is_masked_and_its_seat_resynchronised(
    tmp_path: Path, script: Script, seat: int, generation: int
) -> None:
    script.acts[seat, generation] = ["odd"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.TMR))
    assert digest(node, 1) == GOLDEN
    assert (status.votes, status.masked, status.replaced) == (VOTES, 1, 0)
    outvoted = [(e.step, e.replica) for e in node.events(ReplicaOutvoted)]
    assert outvoted == [(generation, seat)]


@pytest.mark.parametrize("act", ["dead", "absurd"])
def test_a_dead_replica_loses_its_vote_and_is_replaced(
    tmp_path: Path, script: Script, act: str
) -> None:
    script.acts[1, 4] = [act]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.TMR))
    assert digest(node, 1) == GOLDEN
    assert (status.votes, status.masked, status.replaced) == (VOTES, 1, 1)
    assert script.hired == [0, 1, 2, 1]
    assert [e.replica for e in node.events(ReplicaLost)] == [1]


def test_a_late_replica_is_killed(tmp_path: Path, script: Script) -> None:
    script.acts[2, 2] = ["silent"]
    node = ExecutorNode(tmp_path, step_deadline=0.5)
    status = node.complete(node.submit(Level.TMR))
    assert digest(node, 1) == GOLDEN
    assert (status.masked, status.replaced) == (1, 1)
    assert node.events(ReplicaLost)[0].why == "signal SIGKILL"
    third = [t for t, _, generation in script.orders if generation == 3]
    second = [t for t, _, generation in script.orders if generation == 2]
    assert 0.5 <= min(third) - min(second) < 0.6


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("generation", [0, 5, STEPS + 1])
def test_two_that_differ_are_decided_by_a_third_run(
    tmp_path: Path, script: Script, wrong: int, generation: int
) -> None:
    script.acts[wrong, generation] = ["odd"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.DMR))
    assert digest(node, 1) == GOLDEN
    assert (status.votes, status.masked) == (VOTES + 1, 1)
    assert [e.replica for e in node.events(ReplicaOutvoted)] == [wrong]
    computed = [seat for _, seat, target in script.orders if target == generation]
    assert sorted(computed) == [0, 0, 1]


@pytest.mark.parametrize("rotten", [0, 1])
def test_a_replica_that_stays_damaged_does_not_win_the_tie_break(
    tmp_path: Path, script: Script, rotten: int
) -> None:
    script.acts[rotten, 3] = ["rot"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.DMR))
    assert digest(node, 1) == GOLDEN
    assert 1 <= status.masked <= 2


def test_without_a_fresh_replica_the_damaged_one_wins(
    tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Seat, "renew", lambda *_: None)
    script.acts[0, 3] = ["rot"]
    node = ExecutorNode(tmp_path)
    node.complete(node.submit(Level.DMR))
    assert digest(node, 1) != GOLDEN


def test_an_answer_never_votes_twice(tmp_path: Path, script: Script) -> None:
    """The tie-break replica dies: seat 1's wrong answer must not become a majority by itself."""
    script.acts[1, 3] = ["odd"]
    script.acts[0, 3] = ["", "dead", "odd"]
    node = ExecutorNode(tmp_path)
    node.complete(node.submit(Level.DMR))
    assert digest(node, 1) == GOLDEN


def test_a_replica_outvoted_again_and_again_is_replaced(tmp_path: Path, script: Script) -> None:
    script.acts[2, 2] = ["rot"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.TMR))
    assert digest(node, 1) == GOLDEN
    assert (status.masked, status.replaced) == (2, 1)
    assert "2 times in a row" in node.events(ReplicaLost)[0].why


def test_three_different_answers_are_no_answer(tmp_path: Path, script: Script) -> None:
    script.acts[0, 4] = ["odd"]
    script.acts[1, 4] = ["odd"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.TMR))
    assert digest(node, 1) == GOLDEN
    assert status.votes == VOTES + 1
    assert [e.step for e in node.events(NoMajority)] == [4]


@pytest.mark.parametrize("level", [Level.DMR, Level.TMR])
def test_answers_that_never_agree_fail_the_task(
    tmp_path: Path, script: Script, level: Level
) -> None:
    for seat in (0, 1):
        script.acts[seat, 4] = ["odd"] * 20
    script.acts[0, 4] = ["odd", "common"] * 10
    node = ExecutorNode(tmp_path, redo_limit=2)
    status = node.finish(node.submit(level))
    assert (status.state, status.reason) == (TaskState.FAILED, Reason.NO_MAJORITY)
    assert node.store.names("products/") == []
    assert status.votes == 4 + 1 + 2  # generations 0 to 3, then one try and two redos


@pytest.mark.parametrize("level", list(Level))
def test_inputs_at_fault_fail_the_task_with_their_reason(
    tmp_path: Path, script: Script, level: Level
) -> None:
    for seat in range(3):
        script.acts[seat, 2] = ["blind"] * 2
    node = ExecutorNode(tmp_path)
    status = node.finish(node.submit(level))
    assert (status.state, status.reason) == (TaskState.FAILED, Reason.FORMAT)
    assert status.votes == 3 + (level <= Level.VERIFY)  # another replica says the same


def test_one_replica_alone_does_not_condemn_the_inputs(tmp_path: Path, script: Script) -> None:
    script.acts[0, 2] = ["blind"]
    node = ExecutorNode(tmp_path)
    assert node.complete(node.submit(Level.VERIFY)).replaced == 1
    assert digest(node, 1) == GOLDEN


def test_one_blind_replica_of_three_is_masked(tmp_path: Path, script: Script) -> None:
    script.acts[1, 2] = ["blind"]
    node = ExecutorNode(tmp_path)
    assert node.complete(node.submit(Level.TMR)).masked == 1
    assert digest(node, 1) == GOLDEN


def test_one_replica_that_says_done_too_early_is_not_believed(
    tmp_path: Path, script: Script
) -> None:
    script.acts[1, 2] = ["early"]
    node = ExecutorNode(tmp_path)
    node.complete(node.submit(Level.TMR))
    assert digest(node, 1) == GOLDEN


def test_two_replicas_that_agree_but_for_done_are_asked_again(
    tmp_path: Path, script: Script
) -> None:
    script.acts[1, 2] = ["early"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.DMR))
    assert digest(node, 1) == GOLDEN
    assert status.votes > VOTES


@pytest.mark.parametrize("level", [Level.NONE, Level.VERIFY])
def test_a_single_replica_that_fails_once_is_redone_by_a_fresh_one(
    tmp_path: Path, script: Script, level: Level
) -> None:
    script.acts[0, 3] = ["dead", "absurd"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(level))
    assert digest(node, 1) == GOLDEN
    assert status.replaced == 2


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("Broken", Reason.INTERNAL),
        ("Greedy", Reason.INTERNAL),
        ("Orphan", Reason.UNKNOWN),
        ("Real", Reason.FORMAT),
        ("Wide", Reason.RANGE),
    ],
)
@pytest.mark.parametrize("level", [Level.VERIFY, Level.TMR])
def test_programs_at_fault_fail_with_a_reason_and_the_node_goes_on(
    tmp_path: Path, program: str, reason: Reason, level: Level
) -> None:
    node = ExecutorNode(tmp_path)
    if program == "Wide":  # its result must fit the slab, or that is the reason
        picture = scene(side=2400)
        np.savez(node.payload / "hills.npz", rgb=picture)
    status = node.finish(node.submit(level, program))
    assert (status.state, status.reason) == (TaskState.FAILED, reason)
    node.complete(node.submit(Level.NONE))
    assert node.node.regions == {}, "a slab was left behind"


def test_corrections_are_counted_once(tmp_path: Path, script: Script) -> None:
    """Also in a round that only one of two seats is asked again in."""
    ToyModel.damage = 0
    node = ExecutorNode(tmp_path)
    script.acts[0, 2] = ["odd"]
    task = node.submit(Level.DMR, "Modelled")
    node.run(60, lambda: (s := node.status(task)) and s.step == 1)
    ToyModel.damage = 1
    status = node.complete(task)
    assert status.corrected == 1
    assert [e.region for e in node.events(MemoryCorrected)] == ["weights toy"]


def flip(node: ExecutorNode, task: int, seat: int, offset: int) -> None:
    """One bit in the state that a replica reads next, in the pause after step 3."""
    node.probe.budget = msgspec.structs.replace(FULL, duty=0.2)
    node.probe.speak()
    node.run(60, lambda: (s := node.status(task)) and s.step == 3)
    region: memoryview = node.node.regions[f"executor-t1-r{seat}"].memory
    status = node.status(1)
    assert status is not None
    base = (status.step % 2) * (len(region) // 2) + HEADER_SIZE
    _, length = HEADER.unpack_from(region, base - HEADER_SIZE)
    region[base + offset % length] ^= 0x10


@pytest.mark.parametrize("offset", [2, 9, 40, FIRST_ROW])
def test_a_flip_in_the_state_between_steps_is_found_after_use(tmp_path: Path, offset: int) -> None:
    node = ExecutorNode(tmp_path, work_time=0.1)
    task = node.submit(Level.VERIFY)
    flip(node, task, 0, offset)
    status = node.complete(task)
    assert digest(node, 1) == GOLDEN
    assert (status.corrected, status.masked) == (1, 0)
    assert node.events(MemoryCorrected)[0].region == "state"


def test_the_same_flip_without_verification_reaches_the_product(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=0.1)
    task = node.submit(Level.NONE)
    flip(node, task, 0, FIRST_ROW)
    node.complete(task)
    assert digest(node, 1) != GOLDEN


def test_a_flip_in_one_slab_of_three_is_masked(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=0.1)
    task = node.submit(Level.TMR)
    flip(node, task, 1, FIRST_ROW)
    status = node.complete(task)
    assert digest(node, 1) == GOLDEN
    assert status.masked == 1
