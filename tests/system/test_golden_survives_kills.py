"""Real processes: replicas repair their weights while the owner of the golden copy is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flying_node import FlyingNode, configuration
from small_scenes import small_scene

from flight.dictionary.enums import Level, Reason, Stage
from flight.dictionary.events import MemoryCorrected, ProcessReady
from flight.dictionary.product import decode_product
from flight.runtime.directory import run_dir
from flight.runtime.store import FileStore
from hil.inject import memory
from hil.inject.memory import InjectionRefused

REGION = "inference-cloudnet-rgb.ecc"
LIVE = "tardigrade-weights-"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[FlyingNode]:
    small_scene(tmp_path / "large.npz", side=900)  # so that a run outlives what is done to it
    with FlyingNode(tmp_path, configuration(tmp_path, payload=str(tmp_path))) as flying:
        yield flying
    assert flying.processes() == {}
    assert flying.leftovers() == []


def digests(node: FlyingNode) -> list[str]:
    """SHA-256 of the results so far."""
    store = FileStore(node.state)
    kept = [store.read(name) for name in store.names("products/")]
    return [decode_product(data).provenance.result_sha256 for data in kept if data]


def golden(node: FlyingNode) -> Path:
    return run_dir(node.state) / REGION


def corrections(node: FlyingNode) -> int:
    events = [record.event for record in node.events]
    return sum(isinstance(each, MemoryCorrected) and "weights" in each.region for each in events)


def hit(node: FlyingNode, request: int, seed: int) -> None:
    """Flip a bit of a replica's weights; wait until it has told of the correction."""
    before = corrections(node)
    node.until(
        lambda: any(each.request == request and each.step > 0 for each in node.tasks.values()),
        "replicas that have opened the model",
    )
    try:
        memory.flip(node.pid("replica-1"), LIVE, 1, seed, range(1 << 19))
    except InjectionRefused as refused:
        pytest.skip(str(refused))
    node.until(lambda: corrections(node) > before, "the correction")


def test_tasks_end_right_though_the_owner_of_the_golden_copy_is_killed(node: FlyingNode) -> None:
    node.until(lambda: golden(node).exists(), "the golden copy")
    assert node.outcome(node.run_task("large", Level.NONE)) == (Stage.COMPLETED, Reason.NONE)
    assert corrections(node) == 0
    first = golden(node).stat().st_ino

    request = node.run_task("large", Level.TMR)
    hit(node, request, 1)
    maps = Path(f"/proc/{node.pid('replica-1')}/maps").read_text().splitlines()
    assert not any(REGION in line and "w" in line.split()[1] for line in maps)
    node.kill("inference")
    node.until(lambda: not golden(node).exists(), "the sweep")
    hit(node, request, 2)
    assert node.outcome(request) == (Stage.COMPLETED, Reason.NONE)

    node.until(lambda: node.saw(ProcessReady, process="inference", count=2), "its successor")
    node.until(lambda: golden(node).exists(), "the next golden copy")
    assert golden(node).stat().st_ino != first
    undisturbed, attacked = digests(node)
    assert undisturbed == attacked
