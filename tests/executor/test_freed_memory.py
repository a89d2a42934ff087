"""What a run held is freed when it ends, not when the collector happens to come by."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flight.executor.bulk import SharedScenes
from flight.executor.slab import Slab
from flight.executor.voted import VotedState
from flight.runtime.shm import SharedRegion


class Memory:
    """A context that has nothing but shared memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def region(self, name: str, size: int) -> SharedRegion:
        return SharedRegion(self._folder / name, size, create=True)


def mapped(folder: Path) -> int:
    return Path("/proc/self/maps").read_text().count(str(folder))


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_state_scenes_and_slabs(tmp_path: Path) -> None:
    context: Any = Memory(tmp_path)
    state = VotedState(context, 1, 50_000, lambda flips: None)
    state.keep(bytes(40_000), "", 0, protect=True)
    assert state.octets() == bytes(40_000)
    scenes = SharedScenes(context, 1)
    scenes.share("scene", np.zeros((100, 100, 3), np.uint8))
    scenes.begin()
    region = context.region("r0", Slab.size(1000))
    slab = Slab(region.memory)
    slab.load(3, b"abc")
    assert mapped(tmp_path) == 3
    held = [state, scenes]  # whoever still knows them does not keep the memory
    for each in held:
        each.close()
    region.close()
    del slab
    assert mapped(tmp_path) == 0
    assert not list(tmp_path.iterdir())
