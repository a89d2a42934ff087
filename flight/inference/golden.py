"""The golden copy of a model's weights: one protected region that all replicas repair from.

The model store owns it (``copies``) and the radiation service scrubs it. A replica maps it for
reading when it has something to repair: so it finds the newest one, and computes without any.
"""

from __future__ import annotations

from collections.abc import Callable

from flight.inference.errors import GoldenDamaged
from flight.radiation.layout import Layout
from flight.radiation.secded import Geometry
from flight.runtime.shm import PROTECTED


def region_name(model: str) -> str:
    """Name of the region; as it begins with that of its process, it ends with its process."""
    return f"inference-{model}{PROTECTED}"


def golden_layout(size: int) -> Layout:
    """Layout of the region of so many octets of weights."""
    return Layout(Geometry.fitting(size), size)


def golden_octets(model: str, size: int, view: Callable[[str], memoryview]) -> memoryview:
    """The ``size`` golden octets in place: to be copied, and the copy to be verified.

    ``view`` maps shared memory for reading. Raises GoldenDamaged when there is no such region.
    """
    name, layout = region_name(model), golden_layout(size)
    try:
        memory = view(name)
    except (OSError, ValueError) as error:
        raise GoldenDamaged(f"{name} cannot be mapped: {error}") from error
    if len(memory) != layout.size:
        raise GoldenDamaged(f"{name} holds another model")
    return memory[layout.data]
