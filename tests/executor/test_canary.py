"""Known-answer runs: when they run, what a wrong answer does, what is learnt."""

from __future__ import annotations

from pathlib import Path

import pytest
from executor_node import ExecutorNode, digest, golden, scene, surround
from scripted_replica import Script

from flight.dictionary.enums import Environment, Level
from flight.dictionary.events import TaskStarted
from flight.dictionary.radiation import CanaryRight, CanaryUnable, CanaryWrong

GOLDEN = golden(scene())
CANARY = {"program": "Rows", "scene": "hills"}


def test_the_canary_runs_at_start_every_few_tasks_and_when_the_environment_changes(
    tmp_path: Path,
) -> None:
    node = ExecutorNode(tmp_path, canary=CANARY, canary_every=3)
    assert node.run(5, lambda: len(node.events(CanaryRight)) == 1)
    for _ in range(3):
        node.complete(node.submit(Level.NONE))
    assert node.run(5, lambda: len(node.events(CanaryRight)) == 2)
    surround(node, Environment.SAA)
    assert node.run(5, lambda: len(node.events(CanaryRight)) == 3)
    node.run(30)
    assert len(node.events(CanaryRight)) == 3
    assert [s.task for s in node.probe.statuses if s.task == 0] == []


def test_an_urgent_task_waits_for_the_canary(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, canary=CANARY)
    task = node.submit(Level.NONE, priority=9, deadline=30)
    node.complete(task)
    assert len(node.events(CanaryRight)) == 1


def test_while_the_canary_is_wrong_no_task_starts(tmp_path: Path, script: Script) -> None:
    node = ExecutorNode(tmp_path, canary=CANARY)
    assert node.run(5, lambda: node.events(CanaryRight)), "it did not learn the answer"
    renewed: list[float] = []
    node.service("executor").context.renew_workers = lambda: renewed.append(1.0)
    script.acts[0, 4] = ["odd", "odd", "odd"]
    surround(node, Environment.SAA)
    task = node.submit(Level.NONE)
    assert node.run(20, lambda: len(node.events(CanaryWrong)) == 2)
    assert node.events(CanaryWrong)[1].count == len(renewed) == 2
    tried = len(node.events(TaskStarted))
    node.run(20)
    assert len(node.events(TaskStarted)) == tried, "a task was started on bad replicas"
    assert node.run(60, lambda: len(node.events(CanaryRight)) == 2)
    assert len(node.events(CanaryWrong)) == 3
    node.complete(task)
    assert digest(node, task) == GOLDEN


def test_the_answer_is_known_over_a_reboot_and_learnt_anew_for_another_program(
    tmp_path: Path, script: Script
) -> None:
    node = ExecutorNode(tmp_path, canary=CANARY)
    assert node.run(5, lambda: node.events(CanaryRight))
    script.acts[0, 4] = ["odd"]
    again = ExecutorNode(tmp_path, node.store, begin=node.time.clock.now(), canary=CANARY)
    assert again.run(5, lambda: again.events(CanaryWrong))
    other = CANARY | {"program": "Rows2"}
    later = ExecutorNode(tmp_path, again.store, begin=again.time.clock.now(), canary=other)
    assert later.run(9, lambda: later.events(CanaryRight))
    assert not later.events(CanaryWrong)


@pytest.mark.parametrize("odd", [{"scene": "gone"}, {"program": "Orphan"}, {"program": "gone"}])
def test_a_canary_that_cannot_be_run_does_not_stop_the_node(
    tmp_path: Path, odd: dict[str, str]
) -> None:
    node = ExecutorNode(tmp_path, canary=CANARY | odd)
    task = node.submit(Level.NONE)
    node.complete(task)
    assert len(node.events(CanaryUnable)) == 1
    assert not node.events(CanaryWrong)
    assert node.run(400, lambda: len(node.events(CanaryUnable)) == 2), "it is not tried again"


def test_a_canary_whose_replicas_do_not_agree_is_a_wrong_one(
    tmp_path: Path, script: Script
) -> None:
    for seat in range(3):
        script.acts[seat, 3] = ["odd"] * 9
    node = ExecutorNode(tmp_path, canary=CANARY)
    assert node.run(9, lambda: node.events(CanaryWrong))
