"""The model store under the simulated hosting: a full medium costs time, not the model."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from flight.config import default_path
from flight.dictionary.enums import ModelState
from flight.dictionary.telemetry import ModelStatus, NodeState
from flight.inference import installer
from flight.runtime.service import Context, Service, subscribes
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import MemoryStore
from flight.runtime.table import EXECUTIVE, Row, Table


class Listener(Service):
    """Hears what the store says of its models."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.states: list[ModelState] = []

    @subscribes(ModelStatus)
    def _status(self, status: ModelStatus) -> None:
        self.states.append(status.state)


TABLE = Table(
    (
        Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState,)),
        Row("inference", "flight.inference.service:ModelStore", "inference", (ModelStatus,)),
        Row("listener", "test_model_store:Listener", "listener", (), (ModelStatus,)),
    )
)


def store_of(folder: Path) -> tuple[VirtualTime, list[ModelState]]:
    """A model store that begins to install, and the states that it tells of."""
    settings = {
        "inference": {"models": str(default_path().parent / "models"), "active": ["cloudnet-rgb"]}
    }
    time = VirtualTime()
    node = SimulatedNode(time, "test_model_store:TABLE", settings, MemoryStore(folder), 1)
    listener: Any = next(h for h in node.hosts if h.berth.process == "listener").services[0]
    return time, listener.states


@pytest.mark.parametrize(
    ("number", "then"),
    [(errno.ENOSPC, ModelState.ACTIVE), (errno.EACCES, ModelState.QUARANTINED)],
)
def test_what_time_can_cure_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, then: ModelState
) -> None:
    refusals = [OSError(number, "as told")] * 2
    write = installer.replace_file

    def refuse(*arguments: Any) -> None:
        if refusals:
            raise refusals.pop()
        write(*arguments)

    monkeypatch.setattr(installer, "replace_file", refuse)
    time, states = store_of(tmp_path)
    assert time.run(5.0, lambda: ModelState.QUARANTINED in states) is (number == errno.EACCES)
    time.run(60.0, lambda: states[-1] is then)
    assert states[-1] is then


@pytest.mark.parametrize(("ends", "then"), [(2, ModelState.ACTIVE), (3, ModelState.QUARANTINED)])
def test_an_installer_that_is_killed_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: int, then: ModelState
) -> None:
    handle, killed = installer.Installer.handle, [0]

    def die(self: installer.Installer, message: bytes) -> bytes:
        killed[0] += 1
        if killed[0] <= ends:
            raise RuntimeError("killed")
        return handle(self, message)

    monkeypatch.setattr(installer.Installer, "handle", die)
    time, states = store_of(tmp_path)
    time.run(20.0, lambda: bool(states) and states[-1] is then)
    assert states[-1] is then
