"""Tasks of programs that came up: which version runs, from the first start to the product."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from executor_node import ExecutorNode, scene
from numpy.typing import NDArray

from flight.dictionary.bundle import listing, pack_bundle
from flight.dictionary.commands import ActivateProgram, InstallProgram, RollBackProgram, RunTask
from flight.dictionary.content import content_hash
from flight.dictionary.enums import Level, ProgramState, Reason, TaskState
from flight.dictionary.events import CheckpointRefused, TaskResumed
from flight.dictionary.manifest import Manifest, Parameter
from flight.dictionary.shelf import KEPT, NAME, decode_shelf
from flight.dictionary.signature import key_id
from flight.dictionary.uploads import ProgramActivated, ProgramInstalled, ProgramRefused
from flight.link.staging import staged
from flight.runtime.store import MemoryStore
from flight.storage.programs import ProgramStore

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
STEPS = 8

SOURCE = """
import numpy as np
from flight.dictionary.enums import Reason
from flight.executor.task import InputError

VERSION = {version}

class Bright:
    def __init__(self, inputs):
        self.inputs = inputs
        if inputs.parameters.threshold == 13:
            raise InputError(Reason.RANGE, "13 brings bad luck")

    def steps(self):
        return {steps}

    def start(self):
        return {{"step": 0, "mask": np.zeros(self.inputs.scene.shape[:2], np.uint8)}}

    def step(self, state):
        row, mask = state["step"], state["mask"].copy()
        mask[row] = VERSION * (self.inputs.scene[row].mean(-1) > self.inputs.parameters.threshold)
        return {{"step": row + 1, "mask": mask}}

    def done(self, state):
        return state["step"] >= {steps}

    def result(self, state):
        return state["mask"]
"""


def bundle(version: int, extra: str = "") -> bytes:
    files = {"bright.py": (SOURCE.format(version=version, steps=STEPS) + extra).encode()}
    manifest = Manifest(
        *("bright", version, "bright:Bright", "Pixels above a threshold", "MASK", 1),
        (Parameter("threshold", "u8", 0, 255, 128, "level"),),
        content_hash().hex(),
        listing(files),
    )
    return pack_bundle(manifest, files, key_id(PUBLIC), KEY.sign)


def mask(version: int, threshold: int = 128) -> NDArray[np.uint8]:
    """The result, computed without the program."""
    found: NDArray[np.uint8] = version * (scene().mean(-1) > threshold).astype(np.uint8)
    return found


class Node(ExecutorNode):
    """A node that has the key, and what its storage says."""

    def __init__(self, folder: Path, store: Any = None, **more: Any) -> None:
        super().__init__(folder, store, **more)
        storage = self.service("core")
        storage._programs = ProgramStore(self.store, [PUBLIC])
        storage._load_programs()

    def install(self, version: int, data: bytes = b"") -> Reason:
        self.store.path(staged("up")).write_bytes(data or bundle(version))
        return self.command(InstallProgram("up")).reason

    def active(self, version: int) -> None:
        assert self.install(version) is Reason.NONE
        assert self.command(ActivateProgram("bright", version)).reason is Reason.NONE

    def bright(self, level: Level = Level.NONE, parameters: str = "") -> int:
        return self.submit(level, "bright", parameters=parameters)

    def version_of(self, task: int) -> str:
        return self.product(task).provenance.program


def result_of(node: Node, task: int) -> bytes:
    return bytes.fromhex(node.product(task).provenance.result_sha256)


def digest(result: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(result.tobytes()).digest()


@pytest.mark.parametrize("level", [Level.NONE, Level.TMR])
def test_an_uplinked_program_gives_the_right_result(tmp_path: Path, level: Level) -> None:
    node = Node(tmp_path)
    node.active(1)
    task = node.bright(level, "threshold=90")
    status = node.complete(task)
    assert status.steps == STEPS
    assert result_of(node, task) == digest(mask(1, 90))
    proof = node.product(task).provenance
    assert (proof.program, proof.parameters) == ("bright 1", "threshold=90")
    assert [e.version for e in node.events(ProgramInstalled)] == [1]
    assert [e.version for e in node.events(ProgramActivated)] == [1]


def test_parameters_are_checked_against_the_manifest(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.active(1)
    for text, reason in (
        ("threshold=256", Reason.RANGE),
        ("treshold=1", Reason.UNKNOWN),
        ("threshold=x", Reason.FORMAT),
    ):
        reply = node.command(RunTask("bright", "hills", parameters=text))
        assert reply.reason is reason, reply
    assert node.command(RunTask("bright", "hills", second="hills")).reason is Reason.FORMAT


def test_only_an_active_version_runs(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.command(RunTask("bright", "hills")).reason is Reason.UNKNOWN
    assert node.install(1) is Reason.NONE
    assert node.command(RunTask("bright", "hills")).reason is Reason.UNKNOWN
    assert node.command(ActivateProgram("bright", 2)).reason is Reason.UNKNOWN
    assert node.command(RollBackProgram("bright")).reason is Reason.UNKNOWN
    refused = [(event.name, event.reason) for event in node.events(ProgramRefused)]
    assert refused == [("bright 2", Reason.UNKNOWN), ("bright", Reason.UNKNOWN)]


def test_activation_and_rollback_are_for_new_tasks(tmp_path: Path) -> None:
    node = Node(tmp_path, work_time=0.2)
    node.active(1)
    running, waiting = node.bright(), node.bright()
    assert node.run(5.0, lambda: (s := node.status(running)) and s.step > 2)
    node.active(2)
    node.complete(running)
    node.complete(waiting)
    assert node.version_of(running) == "bright 1", "it had begun"
    assert result_of(node, running) == digest(mask(1))
    assert node.version_of(waiting) == "bright 2", "it had not"
    assert node.command(RollBackProgram("bright")).reason is Reason.NONE
    last = node.bright()
    node.complete(last)
    assert result_of(node, last) == digest(mask(1))


def test_a_task_keeps_its_version_over_a_reboot(tmp_path: Path) -> None:
    node = Node(tmp_path, work_time=0.2)
    node.active(1)
    task = node.bright(Level.DMR)
    assert node.run(9.0, lambda: (s := node.status(task)) and s.step > 2 and s.checkpoints)
    node.active(2)
    again = Node(tmp_path, node.store, begin=node.time.clock.now())
    assert again.complete(task).resumes == 1
    assert again.events(TaskResumed)
    assert not again.events(CheckpointRefused)
    assert again.version_of(task) == "bright 1"
    assert result_of(again, task) == digest(mask(1))


def test_a_running_task_ends_with_its_version_even_when_that_made_room(tmp_path: Path) -> None:
    node = Node(tmp_path, work_time=0.5)
    node.active(1)
    task = node.bright()
    assert node.run(9.0, lambda: (s := node.status(task)) and s.step > 1)
    for version in range(2, 2 + KEPT):
        node.active(version)
    shelf = decode_shelf(node.store.generations(NAME))
    assert shelf is not None
    assert shelf.find("bright", 1) is None
    node.complete(task)
    assert node.version_of(task) == "bright 1"
    assert result_of(node, task) == digest(mask(1))


def test_a_program_that_does_not_load_fails_its_task_for_that_reason(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.install(1, bundle(1, "import nothing_of_this_name\n")) is Reason.NONE
    assert node.command(ActivateProgram("bright", 1)).reason is Reason.NONE
    status = node.finish(node.bright(Level.TMR))
    assert (status.state, status.reason, status.replaced) == (TaskState.FAILED, Reason.FORMAT, 0)


def test_a_program_may_refuse_its_inputs(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.active(1)
    status = node.finish(node.bright(Level.TMR, "threshold=13"))
    assert (status.state, status.reason) == (TaskState.FAILED, Reason.RANGE)


def test_a_rotten_bundle_is_not_run(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.active(1)
    path = node.store.path("programs/bright-1.bundle")
    path.write_bytes(path.read_bytes().replace(b"VERSION = 1", b"VERSION = 3"))
    status = node.finish(node.bright(Level.TMR))  # the replicas see it themselves
    assert (status.state, status.reason) == (TaskState.FAILED, Reason.CORRUPT)
    again = Node(tmp_path, node.store, begin=node.time.clock.now())
    assert again.command(RunTask("bright", "hills")).reason is Reason.CORRUPT


def test_a_shelf_that_cannot_be_opened_is_a_refusal(tmp_path: Path) -> None:
    class Locked(MemoryStore):
        locked = False

        def generations(self, name: str) -> list[bytes]:
            if self.locked and name == NAME:
                raise PermissionError(13, "Permission denied")
            return super().generations(name)

    store = Locked(tmp_path / "state")
    node = Node(tmp_path, store)
    node.active(1)
    store.locked = True
    assert node.command(RunTask("bright", "hills")).reason is Reason.CORRUPT


def test_status_tells_of_every_version(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.active(1)
    assert node.install(2) is Reason.NONE
    told: list[Any] = []
    storage = node.service("core")
    publish = storage.context.publish
    storage.context.publish = lambda message: (told.append(message), publish(message))
    node.run(11.0)
    found = {(s.version, s.state, s.active) for s in told if type(s).__name__ == "ProgramStatus"}
    installed = ProgramState.INSTALLED
    assert found == {(1, installed, True), (2, installed, False)}
