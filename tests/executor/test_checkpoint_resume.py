"""A task over the end of its node: what it goes on from, and what it computes again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from checkpoint_states import slot_path
from executor_node import ExecutorNode, golden, scene
from scripted_replica import Script
from toy_programs import STEPS, Rows

from flight.dictionary.enums import Level
from flight.dictionary.events import CheckpointRefused, TaskResumed
from flight.executor.checkpoint import checkpoint_name, dictionary_hash
from flight.runtime.service import Store
from flight.runtime.store import FileStore, MemoryStore

GOLDEN = golden(scene())
KILLED_AT = 5  # step that is voted and saved when the node ends


@pytest.fixture(autouse=True)
def _no_wait_for_the_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def killed(folder: Path, store: Store, at: int = KILLED_AT) -> ExecutorNode:
    """A node that ends when a step has been voted, with no word to anyone."""
    node = ExecutorNode(folder, store)
    assert node.submit(Level.DMR) == 1
    await_step(node, at)
    return node


def await_step(node: ExecutorNode, step: int) -> None:
    assert node.run(60, lambda: (s := node.status(1)) and s.step == step and s.steps)


def next_life(folder: Path, store: Store, before: ExecutorNode) -> ExecutorNode:
    return ExecutorNode(folder, store, begin=before.time.clock.now() + 100)


def computed(script: Script, began: float) -> set[int]:
    """Generations computed since then, the result left out."""
    return {target for at, _, target in script.orders if at >= began and target <= STEPS}


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_after_a_reboot_nothing_saved_is_computed_again(
    tmp_path: Path, script: Script, kind: str
) -> None:
    def opened() -> Store:
        return FileStore(tmp_path / "state") if kind == "file" else memory

    memory = MemoryStore(tmp_path / "state")
    node = killed(tmp_path, opened())
    again = next_life(tmp_path, opened(), node)
    began = again.time.clock.now()
    status = again.complete(1)
    assert again.product(1).provenance.result_sha256 == GOLDEN
    assert status.resumes == 1
    assert computed(script, began) == set(range(KILLED_AT + 1, STEPS + 1))
    assert [e.step for e in again.events(TaskResumed)] == [KILLED_AT]
    assert again.events(CheckpointRefused) == []
    assert checkpoint_name(1) not in again.store.names()


def test_without_a_checkpoint_all_is_computed_again(tmp_path: Path, script: Script) -> None:
    store = MemoryStore(tmp_path / "state")
    node = killed(tmp_path, store)
    store.remove(checkpoint_name(1))
    again = next_life(tmp_path, store, node)
    began = again.time.clock.now()
    assert again.complete(1).resumes == 0
    assert computed(script, began) == set(range(STEPS + 1))


def test_over_many_lives(tmp_path: Path) -> None:
    """A node that ends after every step gets there, with the right result."""
    store = FileStore(tmp_path / "state")
    node = killed(tmp_path, store, 1)
    for step in range(2, STEPS + 1):
        node = next_life(tmp_path, FileStore(tmp_path / "state"), node)
        await_step(node, step)
    status = node.complete(1)
    assert node.product(1).provenance.result_sha256 == GOLDEN
    assert status.resumes == STEPS - 1


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x20
    path.write_bytes(data)


@pytest.mark.parametrize(("at", "why"), [(20, "header does not verify"), (-5, "chunk 0 does not")])
def test_a_damaged_checkpoint_gives_way_to_the_older_one(
    tmp_path: Path, script: Script, at: int, why: str
) -> None:
    root = tmp_path / "state"
    node = killed(tmp_path, FileStore(root))
    newest = max(range(2), key=lambda slot: slot_path(root, slot, 1).stat().st_mtime_ns)
    flip(slot_path(root, newest, 1), at)
    again = next_life(tmp_path, FileStore(root), node)
    began = again.time.clock.now()
    again.complete(1)
    assert again.product(1).provenance.result_sha256 == GOLDEN
    assert min(computed(script, began)) == KILLED_AT
    (event,) = again.events(CheckpointRefused)
    assert event.name == checkpoint_name(1)
    assert event.why.startswith(f"slot {newest}: {why}")


def test_when_none_verifies_the_task_starts_anew_and_says_so(
    tmp_path: Path, script: Script
) -> None:
    root = tmp_path / "state"
    node = killed(tmp_path, FileStore(root))
    for slot in range(2):
        flip(slot_path(root, slot, 1), -5)
    again = next_life(tmp_path, FileStore(root), node)
    began = again.time.clock.now()
    status = again.complete(1)
    assert again.product(1).provenance.result_sha256 == GOLDEN
    assert status.resumes == 0
    assert computed(script, began) == set(range(STEPS + 1))
    reasons = [event.why for event in again.events(CheckpointRefused)]
    assert len(reasons) == 3
    assert reasons[-1] == "cold start: no slot is left"


def other_dictionary(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("flight.executor.keeper.dictionary_hash", lambda: bytes(32))


def other_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rows, "version", 2)


def other_format(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("flight.executor.slotfile.FORMAT", 3)


@pytest.mark.parametrize(
    ("upgrade", "why"),
    [
        (other_dictionary, f"of dictionary {dictionary_hash().hex()[:8]}, this is 00000000"),
        (other_version, "of program 'rows 1', this is 'rows 2'"),
        (other_format, "of format 2, this software reads 3"),
    ],
)
def test_a_checkpoint_of_other_software_is_refused_with_its_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    upgrade: Callable[[pytest.MonkeyPatch], None],
    why: str,
) -> None:
    store = MemoryStore(tmp_path / "state")
    node = killed(tmp_path, store)
    upgrade(monkeypatch)
    again = next_life(tmp_path, store, node)
    status = again.complete(1)
    assert (status.resumes, status.step) == (0, STEPS)
    reasons = [event.why for event in again.events(CheckpointRefused)]
    assert sum(why in reason for reason in reasons) == 2
    assert reasons[-1] == "cold start: no slot is left"


def test_software_that_was_upgraded_and_rolled_back_goes_on_from_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer slot is of the other version; the older one still fits."""
    store = MemoryStore(tmp_path / "state")
    node = killed(tmp_path, store)
    with monkeypatch.context() as patch:
        other_version(patch)
        other = next_life(tmp_path, store, node)
        await_step(other, 0)
    again = next_life(tmp_path, store, other)
    again.complete(1)
    assert again.product(1).provenance.result_sha256 == GOLDEN
    assert again.events(TaskResumed)[0].step in (KILLED_AT - 1, KILLED_AT)
