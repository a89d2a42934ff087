"""The executor with several tasks: preemption, suspension, deadlines, poison, levels, canary."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from executor_node import FULL, ExecutorNode, at_step, digest, golden, scene, state, surround
from scripted_replica import Script
from toy_programs import STEPS

from flight.dictionary.commands import CancelTask, ResumeTask, RunTask, SuspendTask
from flight.dictionary.enums import (
    BudgetLevel,
    Environment,
    Level,
    Mode,
    Reason,
    ResultKind,
    TaskState,
)
from flight.dictionary.events import (
    ReplicaLost,
    TaskFailed,
    TaskResumed,
)
from flight.dictionary.product import decode_evidence, inflate
from flight.dictionary.telemetry import Budget, NodeState
from flight.executor.record import load_records

GOLDEN = golden(scene())


def test_a_more_urgent_task_takes_over_at_a_step_and_the_other_goes_on_after_it(
    tmp_path: Path,
) -> None:
    node = ExecutorNode(tmp_path)
    first = node.submit(Level.TMR)
    at_step(node, first, 3)
    second = node.submit(Level.DMR, priority=9)
    node.complete(second)
    assert not node.ended(first)
    status = node.complete(first)
    assert status.resumes == 1
    assert node.events(TaskResumed)[0].step >= 3
    assert digest(node, first) == digest(node, second) == GOLDEN


@pytest.mark.parametrize(
    "more", [{"priority": 5}, {"priority": 4}, {"priority": 5, "deadline": 99}]
)
def test_only_what_is_more_urgent_takes_over(tmp_path: Path, more: dict[str, int]) -> None:
    node = ExecutorNode(tmp_path)
    first = node.submit(Level.NONE, deadline=50)
    at_step(node, first, 2)
    second = node.submit(Level.NONE, **more)
    assert node.complete(first).resumes == 0
    node.complete(second)


def test_suspended_survives_a_reboot_and_goes_on_when_told(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    task = node.submit(Level.TMR)
    at_step(node, task, 3)
    assert node.command(SuspendTask(task)).reason is Reason.NONE
    assert node.run(5, lambda: not node.node.regions)
    status = node.status(task)
    assert status is not None
    assert status.state is TaskState.SUSPENDED
    again = ExecutorNode(tmp_path, node.store, begin=node.time.clock.now())
    again.run(10)
    assert not again.ended(task)
    assert again.command(ResumeTask(task)).reason is Reason.NONE
    assert again.complete(task).resumes == 1
    assert digest(again, task) == GOLDEN


def test_a_task_that_waits_for_the_budget_can_be_suspended(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    task = node.submit(Level.TMR)
    at_step(node, task, 2)
    node.probe.budget = Budget(BudgetLevel.SURVIVAL, 0.0, 1, 1.0, False, False, 3.0, "dark")
    node.probe.speak()
    assert node.run(5, lambda: state(node, task) is TaskState.WAITING)
    node.command(SuspendTask(task))
    assert node.run(1, lambda: not node.node.regions), "it keeps memory and processes"
    node.probe.budget = FULL
    node.probe.speak()
    node.command(ResumeTask(task))
    node.complete(task)
    assert digest(node, task) == GOLDEN


def test_unknown_and_ended_tasks_cannot_be_suspended_resumed_or_cancelled(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    task = node.submit(Level.NONE)
    node.complete(task)
    for command in (SuspendTask(task), ResumeTask(task), CancelTask(task), SuspendTask(77)):
        assert node.command(command).reason is Reason.UNKNOWN


def test_safe_mode_puts_the_running_task_aside(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    executive = next(h for h in node.node.hosts if h.berth.process == "executive")
    task = node.submit(Level.TMR)
    at_step(node, task, 3)
    executive.publish(NodeState(Mode.SAFE, 1, 0.0, 0, 0, 0))
    assert node.run(0.9, lambda: state(node, task) is TaskState.QUEUED)
    assert not node.node.regions, "it keeps memory and processes"
    assert node.complete(task).resumes == 1  # the simulated executive says NOMINAL each second


def test_a_deadline_that_passes_ends_the_task(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=1.0)
    running, queued = node.submit(Level.NONE, deadline=4), node.submit(Level.NONE, deadline=5)
    for task in (running, queued):
        status = node.finish(task)
        assert (status.state, status.reason) == (TaskState.FAILED, Reason.TIMED_OUT)
    status = node.status(queued)
    assert status is not None
    assert status.step == 0


def test_admission_knows_what_the_program_took(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=1.0)
    assert node.command(RunTask("Rows", "hills", Level.NONE, deadline=2)).reason is Reason.NONE
    node.finish(1)  # it did not make it, so nothing was learnt
    node.complete(node.submit(Level.NONE))
    refused = node.command(RunTask("Rows", "hills", Level.NONE, deadline=2))
    assert refused.reason is Reason.BUDGET
    assert "miss its deadline" in refused.detail
    node.complete(node.submit(Level.NONE, deadline=60))


def test_a_step_that_ends_its_replicas_is_poison(tmp_path: Path, script: Script) -> None:
    for seat in range(3):
        script.acts[seat, 3] = ["dead"] * 99
    node = ExecutorNode(tmp_path, poison_limit=4)
    status = node.finish(node.submit(Level.TMR))
    assert (status.state, status.reason) == (TaskState.FAILED, Reason.POISON)
    assert "step 3 ended 4 replicas" in node.events(TaskFailed)[0].why
    assert len(node.events(ReplicaLost)) == 4
    product = node.product(1)
    assert product.provenance.kind is ResultKind.EVIDENCE
    found = decode_evidence(inflate(product.packed, product.shape[0]))
    assert (found.step, len(found.crashes)) == (2, 4)
    assert hashlib.sha256(found.state).hexdigest() == found.state_sha256
    script.acts.clear()
    node.complete(node.submit(Level.NONE))  # and the executor goes on


def test_kills_at_different_steps_are_no_poison(tmp_path: Path, script: Script) -> None:
    for generation in range(STEPS):
        script.acts[generation % 3, generation] = ["dead"]
    node = ExecutorNode(tmp_path, poison_limit=2)
    status = node.complete(node.submit(Level.TMR))
    assert status.replaced == STEPS
    assert digest(node, 1) == GOLDEN


def test_a_task_that_takes_the_node_with_it_is_given_up(tmp_path: Path) -> None:
    """Each life begins it, has no step to show for it, and ends without a word."""
    node = ExecutorNode(tmp_path, work_time=99.0, poison_limit=2)
    node.submit(Level.NONE)
    lives = []
    while len(lives) < 9 and not node.ended(1):
        node.run(1.0)
        lives.append(load_records(node.store)[0].lives)
        begin = node.time.clock.now()
        node = ExecutorNode(tmp_path, node.store, begin=begin, work_time=99.0, poison_limit=2)
        node.run(1.0)
    status = node.status(1)
    assert status is not None
    assert status.reason is Reason.POISON
    assert lives == sorted(lives)
    assert max(lives) <= 5


def test_the_environment_raises_the_level_between_steps_and_lets_it_fall(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    task = node.submit(Level.VERIFY)
    levels = []
    for step, mode in ((2, Environment.STORM), (4, Environment.QUIET), (6, Environment.SAA)):
        at_step(node, task, step)
        surround(node, mode)
        at_step(node, task, step + 1)
        status = node.status(task)
        assert status is not None
        levels.append(status.level)
        seats = [name for name in node.node.regions if not name.endswith(".ecc")]
        assert len(seats) == {Level.TMR: 3, Level.DMR: 2, Level.VERIFY: 1}[status.level]
    assert levels == [Level.TMR, Level.VERIFY, Level.DMR]
    node.complete(task)
    assert digest(node, task) == GOLDEN


def test_fragile_work_waits_for_calm_and_leaves_before_a_crossing(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=1.0)
    node.complete(node.submit(Level.NONE))  # so that what it takes is known: some ten seconds
    surround(node, Environment.QUIET, ahead=5.0)
    fragile, sturdy = node.submit(Level.NONE, priority=9, calm=True), node.submit(Level.NONE)
    node.complete(sturdy)
    assert state(node, fragile) is TaskState.QUEUED
    surround(node, Environment.QUIET, ahead=60.0)
    at_step(node, fragile, 2)
    surround(node, Environment.SAA)
    assert node.run(3, lambda: state(node, fragile) is TaskState.QUEUED)
    node.run(30)
    assert not node.ended(fragile)
    surround(node, Environment.QUIET)
    assert node.complete(fragile).resumes == 1
    assert digest(node, fragile) == GOLDEN


def test_an_upset_in_a_storm_is_masked_though_nobody_asked_for_redundancy(
    tmp_path: Path, script: Script
) -> None:
    script.acts[0, 5] = ["odd"]
    calm = ExecutorNode(tmp_path)
    calm.complete(calm.submit(Level.NONE))
    assert digest(calm, 1) != GOLDEN, "the protection makes no difference"
    script.acts[0, 5] = ["odd"]
    (tmp_path / "storm").mkdir()
    node = ExecutorNode(tmp_path / "storm")
    task = node.submit(Level.NONE)
    surround(node, Environment.STORM)
    status = node.complete(task)
    assert status.masked == 1
    assert digest(node, task) == GOLDEN


def test_criticality_zero_keeps_what_it_asked_for(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path)
    surround(node, Environment.STORM)
    task = node.submit(Level.NONE, criticality=0)
    assert node.complete(task).level is Level.NONE
