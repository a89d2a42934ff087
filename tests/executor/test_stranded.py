"""Whatever fails in the executor itself, no task is left hanging and none is lost for it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import toy_programs
from executor_node import ExecutorNode, at_step, digest, golden, scene
from numpy.typing import NDArray
from scripted_replica import Script, ScriptedReplica
from toy_programs import STEPS, Rows

from flight.dictionary.commands import ResumeTask, SuspendTask
from flight.dictionary.enums import Level, Reason, TaskState
from flight.dictionary.events import HandlerFailed, MemoryCorrected, ReplicaLost
from flight.dictionary.radiation import CanaryUnable, StateLost
from flight.executor.protocol import Answer
from flight.executor.state import encode_into
from flight.radiation.region import Region

GOLDEN = golden(scene())
STATE = "executor-t1-state.ecc"


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("a bug of ours")


def crush(node: ExecutorNode, name: str = STATE) -> None:
    """Two flips in one codeword."""
    memory = node.node.regions[name].memory
    layout = Region.attach(memory).layout
    for row in range(2):
        memory[layout.data.start + row * layout.geometry.width] ^= 1


def broad(node: ExecutorNode) -> NDArray[np.uint8]:
    """A scene whose states have many rows."""
    picture = scene(side=160)
    np.savez(node.payload / "hills.npz", rgb=picture)
    return picture


@pytest.mark.parametrize(
    "where", ["run.tally", "launch.provenance", "launch.TaskRun", "keeper._check_origin"]
)
def test_an_error_of_our_own_costs_a_run_not_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    node = ExecutorNode(tmp_path)
    task = node.submit(Level.TMR)
    at_step(node, task, 2)
    node.command(SuspendTask(task))
    node.run(1)
    with monkeypatch.context() as patch:
        patch.setattr(f"flight.executor.{where}", fail)
        node.command(ResumeTask(task))
        assert node.run(9, lambda: node.events(HandlerFailed)), "nothing has failed"
    node.complete(task)
    assert digest(node, task) == GOLDEN
    assert not node.node.regions


def test_an_error_that_stays_ends_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = ExecutorNode(tmp_path)
    task = node.submit(Level.TMR)
    at_step(node, task, 2)
    monkeypatch.setattr("flight.executor.run.tally", fail)
    assert node.finish(task).reason is Reason.POISON
    assert len(node.events(StateLost)) < 12


def test_a_canary_whose_memory_is_lost_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight.executor.run.tally", fail)
    node = ExecutorNode(tmp_path, canary={"program": "Rows", "scene": "hills"})
    node.run(60)
    assert len(node.events(CanaryUnable)) == len(node.events(StateLost)) == 1


def test_a_node_that_cannot_fork_for_a_while_loses_no_task(tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EAGAIN, "no room for a process")

    node = ExecutorNode(tmp_path)
    context = node.service("executor").context
    start, context.worker = context.worker, refuse
    task = node.submit(Level.TMR)
    node.run(60)
    assert "no room" in node.events(ReplicaLost)[0].why
    assert len(node.events(ReplicaLost)) < 60
    context.worker = start
    node.complete(task)
    assert digest(node, task) == GOLDEN


def test_counts_that_no_replica_can_mean_are_nonsense(
    tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = ScriptedReplica._say

    def boast(replica: ScriptedReplica, act: str, ticket: int, answer: bytes) -> bytes:
        said = msgspec.msgpack.decode(say(replica, "", ticket, answer), type=Answer)
        wild = {"boast": {"state": 1 << 63}, "owe": {"state": -5}}.get(act, {})
        return msgspec.msgpack.encode(msgspec.structs.replace(said, corrected=wild))

    monkeypatch.setattr(ScriptedReplica, "_say", boast)
    script.acts[1, 3], script.acts[2, 5] = ["boast"], ["owe"]
    node = ExecutorNode(tmp_path)
    status = node.complete(node.submit(Level.TMR))
    assert (status.corrected, status.masked, status.replaced) == (0, 2, 2)
    assert digest(node, 1) == GOLDEN


@pytest.mark.parametrize("beyond", [-8, 0, 16, 24])
def test_states_of_any_length_that_a_slab_takes_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beyond: int
) -> None:
    """Slots are whole cache lines; 3 planes of 7 x 5 pixels and the margin are not."""
    capacity = 3 * 7 * 5 + (1 << 20)
    bare: dict[str, Any] = {"step": 9, "total": 999, "grid": np.zeros((7, 5), np.uint8)}
    room = memoryview(bytearray(2 << 20))
    pad = (1 << 19) + capacity - encode_into(bare | {"pad": np.zeros(1 << 19, np.uint8)}, room)[0]

    class Padded(Rows):
        def step(self, state: dict[str, Any]) -> dict[str, Any]:
            return super().step(state) | {"pad": np.zeros(pad + beyond, np.uint8)}

    monkeypatch.setattr(toy_programs, "Wide", Padded)
    node = ExecutorNode(tmp_path)
    np.savez(node.payload / "odd.npz", rgb=np.ones((7, 5, 3), np.uint8))
    status = node.finish(node.submit(Level.VERIFY, "Wide", name="odd"))
    assert not node.events(HandlerFailed)
    assert status.state is (TaskState.COMPLETED if beyond < 24 else TaskState.FAILED)


def test_the_end_of_the_process_with_a_lost_state_frees_everything(tmp_path: Path) -> None:
    node = ExecutorNode(tmp_path, checkpoint_interval=99.0)
    broad(node)
    task = node.submit(Level.TMR)
    at_step(node, task, 3)
    crush(node)
    node.service("executor").stop()
    assert not node.node.regions


def test_a_result_that_is_damaged_while_it_waits_for_storage_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    node = ExecutorNode(tmp_path)
    dispatcher = node.service("executor")._dispatcher
    with monkeypatch.context() as patch:
        task = node.submit(Level.VERIFY)
        at_step(node, task, STEPS)
        patch.setattr(node.store, "write", refuse)
        assert node.run(9, lambda: dispatcher.handover is not None)
        dispatcher.handover._result[3, 3] ^= 4
        node.run(9)
        assert not node.ended(task)
    node.complete(task)
    assert digest(node, task) == GOLDEN


def test_kills_with_steps_between_them_are_no_poison(tmp_path: Path) -> None:
    """A long task on a node that reboots again and again, each time a little further."""
    more: dict[str, Any] = {"work_time": 1.0, "poison_limit": 2}
    node = ExecutorNode(tmp_path, **more)
    task = node.submit(Level.NONE)
    for step in range(1, STEPS):
        at_step(node, task, step)
        node.run(0.2)
        node = ExecutorNode(tmp_path, node.store, begin=node.time.clock.now(), **more)
    assert node.complete(task).resumes == STEPS - 1
    assert digest(node, task) == GOLDEN


def test_what_was_counted_is_not_lost_with_the_state(tmp_path: Path, script: Script) -> None:
    script.acts[2, 3], script.acts[1, 6] = ["odd"], ["silent"]
    node = ExecutorNode(tmp_path, checkpoint_interval=99.0)
    picture = broad(node)
    task = node.submit(Level.TMR)
    at_step(node, task, 1)
    node.command(SuspendTask(task))
    node.run(1)
    node.command(ResumeTask(task))
    at_step(node, task, 5)
    crush(node)
    status = node.complete(task)
    assert len(node.events(StateLost)) == 1
    assert (status.masked, status.resumes) == (1, 2)
    assert node.product(task).provenance.masked == 1
    assert digest(node, task) == golden(picture)


def test_a_state_that_is_corrected_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scrubber has counted its correction before we look, and makes it after we have copied."""
    node = ExecutorNode(tmp_path, checkpoint_interval=99.0)
    task = node.submit(Level.VERIFY)
    at_step(node, task, STEPS)
    memory = node.node.regions[STATE].memory
    view, flips = Region.view, [1, 1]

    def slow_copy(region: Region, *part: Any) -> memoryview:
        if not flips:
            return view(region, *part)
        place = region.layout.data.start + region.length - 4  # a pixel of the result
        memory[place] ^= flips.pop()
        copy = memoryview(bytes(view(region, *part)))
        memory[place] ^= flips.pop()
        return copy

    monkeypatch.setattr(Region, "view", slow_copy)
    node.complete(task)
    assert not flips
    assert not node.events(StateLost)
    assert not node.events(MemoryCorrected)
    assert digest(node, task) == GOLDEN
