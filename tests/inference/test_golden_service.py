"""Store, scrubber and a replica's guard on one simulated node: the life of a golden copy."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from golden_memory import flip, flip_region

from flight.config import default_path
from flight.dictionary.codec import decode
from flight.dictionary.enums import BudgetLevel, ModelState
from flight.dictionary.events import WriteFailed
from flight.dictionary.radiation import (
    EnvironmentStatus,
    RegionQuarantined,
    ScrubCorrected,
    ScrubMap,
    ScrubStatus,
)
from flight.dictionary.registry import BY_ID
from flight.dictionary.telemetry import (
    BoardReadings,
    Budget,
    EventReport,
    ModelStatus,
    NodeState,
)
from flight.inference.guard import GuardedModel, open_model
from flight.inference.install import probe_tile
from flight.inference.manifest import Manifest
from flight.inference.service import TEND
from flight.radiation.layout import parse
from flight.runtime.service import Context, Service, subscribes
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import MemoryStore
from flight.runtime.table import EXECUTIVE, Row, Table

MODEL = "cloudnet-rgb"
REGION = f"inference-{MODEL}.ecc"


class Probe(Service):
    """Plays the governor, and keeps what is told."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.heard: list[Any] = []

    def start(self) -> None:
        self.context.every(0.5, self.speak)

    def speak(self) -> None:
        self.context.publish(Budget(BudgetLevel.FULL, 1.0, 1, 1.0, True, True, 3.0, "test"))

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        self.heard.append(decode(BY_ID["event", report.event].type, report.body))

    @subscribes(ScrubMap)
    def _map(self, status: ScrubMap) -> None:
        self.heard.append(status)

    @subscribes(ModelStatus)
    def _status(self, status: ModelStatus) -> None:
        self.heard.append(status)


TABLE = Table(
    (
        Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState,)),
        Row("inference", "flight.inference.service:ModelStore", "inference", (ModelStatus,)),
        Row(
            "radiation",
            "flight.radiation.service:Radiation",
            "radiation",
            (EnvironmentStatus, ScrubStatus, ScrubMap),
            (BoardReadings, Budget, EventReport),
        ),
        Row(
            "probe",
            "test_golden_service:Probe",
            "probe",
            (Budget, BoardReadings),
            (EventReport, ModelStatus, ScrubMap),
        ),
    )
)


class Rig:
    """A node whose scrubber passes each second, every third time in full."""

    def __init__(self, folder: Path) -> None:
        parameters = {"radiation": {"scrub_shortest": 1.0, "scrub_longest": 1.0, "full_every": 3}}
        models = str(default_path().parent / "models")
        settings = {"inference": {"models": models, "active": [MODEL]}, "parameters": parameters}
        self.time, self.store = VirtualTime(), MemoryStore(folder)
        self.node = SimulatedNode(self.time, "test_golden_service:TABLE", settings, self.store, 1)
        self.probe: Any = self.service("probe")

    def host(self, process: str) -> Any:
        return next(host for host in self.node.hosts if host.berth.process == process)

    def service(self, process: str) -> Any:
        return self.host(process).services[0]

    def run(self, seconds: float, done: Callable[[], object] = lambda: False) -> bool:
        return self.time.run(self.time.clock.now() + seconds, lambda: bool(done()))

    def heard(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.probe.heard if isinstance(each, kind)]

    def active(self) -> bool:
        return any(each.state is ModelState.ACTIVE for each in self.heard(ModelStatus))

    def replica(self) -> GuardedModel:
        folder = self.store.path(f"models/{MODEL}/compiled.bin").parent
        return open_model(MODEL, str(folder), self.host("probe").view)

    @property
    def memory(self) -> memoryview:
        return self.node.regions[REGION].memory


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    assert made.run(20.0, made.active)
    return made


def use(model: GuardedModel, manifest: Manifest) -> tuple[int, int]:
    """Flip a live bit and run; corrections and reloads that it took."""
    before = model.corrected, model.reloads
    flip(model._live, 30)
    model.run(probe_tile(manifest.input))
    return model.corrected - before[0], model.reloads - before[1]


def test_the_scrubber_keeps_the_copy_that_replicas_repair_from(
    rig: Rig, manifest: Manifest
) -> None:
    model = rig.replica()
    flip_region(rig.memory, 30)
    assert use(model, manifest) == (1, 1), "not scrubbed yet: the file is read"
    assert rig.run(10.0, lambda: rig.heard(ScrubCorrected))
    assert rig.heard(ScrubCorrected) == [ScrubCorrected(REGION, 1)]
    assert use(model, manifest) == (1, 0)
    assert rig.run(10.0, lambda: rig.heard(ScrubMap))
    (cells,) = {(each.region, each.blocks, each.hits) for each in rig.heard(ScrubMap)}
    assert cells == (REGION, 2, "10")


def test_a_copy_that_is_lost_is_told_and_made_anew_from_the_file(
    rig: Rig, manifest: Manifest
) -> None:
    model = rig.replica()
    rig.run(2.0)  # the scrubber finds the region
    before = rig.node.regions[REGION]
    flip_region(rig.memory, 0, 8 * parse(rig.memory).geometry.width)
    assert rig.run(10.0, lambda: rig.heard(RegionQuarantined))
    assert rig.heard(RegionQuarantined) == [RegionQuarantined(REGION, 0)]
    if rig.node.regions[REGION] is before:
        assert use(model, manifest) == (1, 1)
    assert rig.run(TEND + 1.0, lambda: rig.node.regions[REGION] is not before)
    assert use(model, manifest) == (1, 0)
    rig.run(10.0)
    assert len(rig.heard(RegionQuarantined)) == 1, "the new one is sound"


def test_without_memory_for_the_copy_the_model_is_used_all_the_same(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path)

    def full(_name: str, _size: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(rig.service("inference").context, "region", full)
        assert rig.run(20.0, rig.active)
        model = rig.replica()
        assert REGION not in rig.node.regions
        assert use(model, manifest) == (1, 1)
    assert [each.name for each in rig.heard(WriteFailed)] == ["golden weights"]
    assert rig.run(TEND + 1.0, lambda: REGION in rig.node.regions)
    assert use(model, manifest) == (1, 0)
