"""The store's side of the golden copies: it makes them, and makes them anew."""

from __future__ import annotations

import os

from flight.inference.compiled import Compiled
from flight.inference.golden import golden_layout, region_name
from flight.radiation.owned import OwnedRegion
from flight.radiation.record import State
from flight.runtime.service import Context, Region


class GoldenCopies:
    """Those of the active models, by name."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: dict[str, tuple[Region, OwnedRegion]] = {}

    def keep(self, compiled: Compiled) -> None:
        """Protect the weights of a verified model. Raises OSError when there is no memory."""
        self.release(compiled.model)
        layout = golden_layout(len(compiled.pool))
        memory = self._context.region(region_name(compiled.model), layout.size)
        region = OwnedRegion.create(memory.memory, layout, compiled.model, os.getpid())
        region.begin()[:] = compiled.pool
        region.seal()
        self._kept[compiled.model] = memory, region

    def lost(self, model: str) -> bool:
        """True when there is none, or a block of it is quarantined."""
        kept = self._kept.get(model)
        return kept is None or kept[1].state is State.QUARANTINED

    def release(self, model: str) -> None:
        """Free the memory, if there is any."""
        kept = self._kept.pop(model, None)
        if kept is not None:
            kept[0].close()
