"""Parameters and second scene of a task: checked at admission, verified after use, proven."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from executor_node import ExecutorNode, scene
from toy_programs import Pair, PairParameters

from flight.dictionary.commands import RunTask
from flight.dictionary.enums import Level, Reason, ResultKind, TaskState
from flight.dictionary.events import CheckpointRefused, MemoryCorrected, TaskResumed
from flight.executor.record import load_records, save_record

LATER = scene(seed=1)


def expected(add: int, later: Any = LATER) -> str:
    """Digest of the result, computed without executor or replicas."""

    class Inputs:
        scene = scene()
        second = later
        parameters = PairParameters(add)

    program = Pair(Inputs())
    state = program.start()
    while not program.done(state):
        state = program.step(state)
    return hashlib.sha256(program.result(state).tobytes()).hexdigest()


def node_with_two(folder: Path, **settings: Any) -> ExecutorNode:
    node = ExecutorNode(folder, **settings)
    if not (node.payload / "later.npz").exists():
        np.savez(node.payload / "later.npz", rgb=LATER)
    return node


def pair(level: Level = Level.VERIFY, **more: Any) -> RunTask:
    wanted = {"second": "later", "parameters": "add=3"} | more
    return RunTask("Pair", "hills", level, **wanted)


def submit(node: ExecutorNode, command: RunTask) -> int:
    reply = node.command(command)
    assert reply.reason is Reason.NONE, reply
    return int(msgspec.msgpack.decode(reply.result))


def test_parameters_and_second_scene_reach_result_and_proof(tmp_path: Path) -> None:
    node = node_with_two(tmp_path)
    node.complete(submit(node, pair(Level.TMR)))
    node.complete(submit(node, pair(parameters="")))
    first, second = node.product(1).provenance, node.product(2).provenance
    assert (first.result_sha256, second.result_sha256) == (expected(3), expected(0))
    assert (first.parameters, second.parameters) == ("add=3", "add=0")
    assert (first.second, first.kind) == ("later", ResultKind.CHANGE)
    file = (node.payload / "later.npz").read_bytes()
    assert first.second_sha256 == hashlib.sha256(file).hexdigest()


@pytest.mark.parametrize(
    ("command", "reason", "detail"),
    [
        (pair(parameters="ad=3"), Reason.UNKNOWN, "no parameter 'ad'; did you mean add?"),
        (pair(parameters="add=10"), Reason.RANGE, "add=10: allowed is 0 to 9"),
        (pair(parameters="add"), Reason.FORMAT, "'add' is no name=value"),
        (pair(second=""), Reason.FORMAT, "pair takes two scenes, second is missing"),
        (pair(second="never"), Reason.UNKNOWN, "no scene 'never'"),
        (pair(second="../hills"), Reason.UNKNOWN, "no scene '../hills'"),
        (RunTask("Rows", "hills", second="later"), Reason.FORMAT, "takes one scene"),
        (RunTask("Rows", "hills", parameters="add=1"), Reason.UNKNOWN, "it takes: none"),
    ],
)
def test_what_the_program_does_not_take_is_refused(
    tmp_path: Path, command: RunTask, reason: Reason, detail: str
) -> None:
    node = node_with_two(tmp_path)
    reply = node.command(command)
    assert reply.reason is reason
    assert detail in reply.detail
    assert load_records(node.store) == []


def test_criticality_and_deadline_are_kept_over_a_reboot(tmp_path: Path) -> None:
    node = node_with_two(tmp_path)
    submit(node, pair(criticality=3, deadline=90))
    (record,) = load_records(node.store)
    assert (record.criticality, record.deadline) == (3, 90)
    assert (record.parameters, record.second) == ("add=3", "later")
    assert 0 < record.accepted_utc <= node.time.clock.utc_ns()


def test_the_same_request_with_other_parameters_is_another_task(tmp_path: Path) -> None:
    node = node_with_two(tmp_path)
    first = submit(node, pair(request=9))
    assert submit(node, pair(request=9)) == first
    assert submit(node, pair(request=9, parameters="add=4")) != first


def upset_in_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of the second scene flips in memory while step 3 computes."""
    plain, left = Pair.step, [1]

    def step(self: Pair, state: dict[str, Any]) -> dict[str, Any]:
        if state["step"] == 3 and left:
            left.pop()
            pixels = self.inputs.second
            pixels.flags.writeable = True
            pixels[3, 2, 1] ^= 16
            pixels.flags.writeable = False
        return plain(self, state)

    monkeypatch.setattr(Pair, "step", step)


def test_a_flip_in_the_second_scene_is_found_after_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upset_in_second(monkeypatch)
    node = node_with_two(tmp_path)
    assert node.complete(submit(node, pair())).corrected == 1
    assert node.events(MemoryCorrected)[0].region == "second"
    assert node.product(1).provenance.result_sha256 == expected(3)


def test_the_same_flip_without_verification_reaches_the_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upset_in_second(monkeypatch)
    node = node_with_two(tmp_path)
    node.complete(submit(node, pair(Level.NONE)))
    assert node.product(1).provenance.result_sha256 != expected(3)


def half_done(folder: Path) -> ExecutorNode:
    """A life that ended at step 4 of the task, with checkpoints."""
    node = node_with_two(folder, work_time=0.1)
    submit(node, pair())
    assert node.run(60, lambda: (s := node.status(1)) and s.step == 4)
    return node


def test_a_task_resumes_on_the_same_scenes_with_the_same_parameters(tmp_path: Path) -> None:
    first = half_done(tmp_path)
    node = node_with_two(tmp_path, store=first.store, begin=100.0)
    node.complete(1)
    assert len(node.events(TaskResumed)) == 1
    assert node.product(1).provenance.result_sha256 == expected(3)


@pytest.mark.parametrize("changed", ["parameters", "second"])
def test_a_state_of_other_inputs_is_not_gone_on_from(tmp_path: Path, changed: str) -> None:
    first = half_done(tmp_path)
    (record,) = load_records(first.store)
    later, add = LATER, 3
    if changed == "parameters":
        record.parameters, add = "add=5", 5
    else:
        later = scene(seed=2)
        np.savez(first.payload / "later.npz", rgb=later)
        file = (first.payload / "later.npz").read_bytes()
        record.second_sha256 = hashlib.sha256(file).hexdigest()
    save_record(first.store, record)
    node = node_with_two(tmp_path, store=first.store, begin=100.0)
    node.complete(1)
    assert node.events(CheckpointRefused)
    assert node.events(TaskResumed) == []
    assert node.product(1).provenance.result_sha256 == expected(add, later)


def test_a_second_scene_that_changed_since_admission_fails_the_task(tmp_path: Path) -> None:
    first = half_done(tmp_path)
    np.savez(first.payload / "later.npz", rgb=scene(seed=2))
    node = node_with_two(tmp_path, store=first.store, begin=100.0)
    status = node.finish(1)
    assert (status.state, status.reason) == (TaskState.FAILED, Reason.CORRUPT)
