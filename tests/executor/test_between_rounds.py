"""A run that waits or rests has no vote at which it could yield: what reaches it all the same."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from executor_node import FULL, ExecutorNode, at_step, digest, golden, scene, state

from flight.dictionary.commands import CancelTask, SuspendTask
from flight.dictionary.enums import BudgetLevel, Level, Mode, Reason, TaskState
from flight.dictionary.events import TaskStarted
from flight.dictionary.telemetry import Budget, NodeState
from flight.runtime.store import MemoryStore

GOLDEN = golden(scene())


def grant(node: ExecutorNode, budget: Budget) -> None:
    node.probe.budget = budget
    node.probe.speak()
    node.run(0.01)


def slow(node: ExecutorNode) -> None:
    """A hundredth of the time: a step of 2 s is followed by 198 s of rest."""
    grant(node, Budget(BudgetLevel.REDUCED, 1.0, 4, 0.01, True, True, 3.0, "slow"))


def dark(node: ExecutorNode) -> None:
    grant(node, Budget(BudgetLevel.SURVIVAL, 0.0, 1, 1.0, False, False, 3.0, "dark"))


def resting(node: ExecutorNode, deadline: int = 0) -> int:
    slow(node)
    task = node.submit(Level.NONE, deadline=deadline)
    assert node.run(9, lambda: node.events(TaskStarted))
    return task


def test_work_that_may_not_be_begun_does_not_stop_what_may_go_on(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=0.5)
    first = node.submit(Level.NONE)
    at_step(node, first, 2)
    grant(node, Budget(BudgetLevel.REDUCED, 10.0, 4, 1.0, False, True, 3.0, "no new work"))
    second = node.submit(Level.NONE, priority=9)
    assert node.complete(first).resumes == 0
    assert state(node, second) is TaskState.QUEUED
    grant(node, FULL)
    node.complete(second)


def test_begun_work_goes_on_past_what_may_not_be_begun(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=0.5)
    first = node.submit(Level.NONE)
    at_step(node, first, 2)
    begin = node.time.clock.now()
    node = ExecutorNode(tmp_path, node.store, begin=begin, work_time=0.5)
    grant(node, Budget(BudgetLevel.REDUCED, 10.0, 4, 1.0, False, True, 3.0, "no new work"))
    node.submit(Level.NONE, priority=9)
    node.complete(first)


def test_a_deadline_passes_while_the_budget_forbids_work(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=0.5)
    task = node.submit(Level.NONE, deadline=20)
    at_step(node, task, 2)
    dark(node)
    assert node.run(5, lambda: state(node, task) is TaskState.WAITING)
    assert node.finish(task, 25).reason is Reason.TIMED_OUT
    assert not node.node.regions


def test_a_deadline_passes_while_a_task_is_suspended(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=0.5)
    task = node.submit(Level.NONE, deadline=20)
    at_step(node, task, 2)
    node.command(SuspendTask(task))
    assert node.finish(task, 25).reason is Reason.TIMED_OUT


def test_a_deadline_passes_while_a_task_rests(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=2.0)
    assert node.finish(resting(node, 20), 25).reason is Reason.TIMED_OUT


def test_a_task_that_rests_is_put_aside_when_suspended(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=2.0)
    node.command(SuspendTask(resting(node)))
    assert node.run(1, lambda: not node.node.regions)


def test_a_task_that_rests_is_put_aside_in_safe_mode(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=2.0)
    task = resting(node)
    executive = next(h for h in node.node.hosts if h.berth.process == "executive")
    executive.publish(NodeState(Mode.SAFE, 1, 0.0, 0, 0, 0))
    assert node.run(0.9, lambda: state(node, task) is TaskState.QUEUED)


def test_a_task_that_rests_makes_room_for_a_more_urgent_one(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, work_time=2.0)
    first = resting(node)
    second = node.submit(Level.NONE, priority=9)
    assert node.run(5, lambda: state(node, second) is TaskState.RUNNING)
    grant(node, FULL)
    node.complete(second)
    node.complete(first)
    assert digest(node, first) == digest(node, second) == GOLDEN


@pytest.mark.parametrize("duty", [1.0, 0.5])
def test_rest_follows_the_duty_that_is_granted_now(tmp_path: Path, duty: float) -> None:
    node = ExecutorNode(tmp_path, work_time=2.0)
    task = resting(node)
    grant(node, Budget(BudgetLevel.FULL, 10.0, 4, duty, True, True, 3.0, "light"))
    began = node.time.clock.now()
    at_step(node, task, 4)
    took = node.time.clock.now() - began
    assert abs(took - 4 * 2.0 / duty) < 2.5, "it rests on an old duty, or not at all"


def test_a_result_that_storage_does_not_take_can_be_cancelled(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, table="executor_node:STUBBORN")
    storage = node.service("core")
    storage.refusals = [Reason.NO_SPACE] * 4
    first = node.submit(Level.NONE)
    assert node.run(20, lambda: storage.offers)
    assert node.command(SuspendTask(first)).reason is Reason.BUSY
    assert node.command(CancelTask(first)).reason is Reason.NONE
    status = node.finish(first)
    assert (status.state, status.reason) == (TaskState.FAILED, Reason.CANCELLED)
    storage.refusals.clear()
    node.complete(node.submit(Level.NONE))
    assert len(storage.kept) == 1, "the result that was given up was offered again"


class Sick(MemoryStore):
    """A medium on which what executor and parameters keep cannot be read."""

    def generations(self, name: str) -> list[bytes]:
        if name.startswith(("executor/", "parameters/")):
            raise OSError(errno.EIO, "Input/output error")
        return super().generations(name)


def test_a_sick_medium_does_not_keep_the_node_from_starting(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, Sick(tmp_path / "state"))
    node.complete(node.submit(Level.TMR))
