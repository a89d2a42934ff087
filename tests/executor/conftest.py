"""Scripted replicas for whoever asks for ``script``."""

from __future__ import annotations

import pytest
from scripted_replica import SCRIPT, Script


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr("flight.executor.seat.REPLICA", "scripted_replica:ScriptedReplica")
    SCRIPT.__init__()  # type: ignore[misc]
    return SCRIPT
