"""What is to be ended with the module that made it: simulated nodes are dropped, not shut down."""

from __future__ import annotations

from collections.abc import Callable

from flight.runtime.simulation import SimulatedNode

_WAITING: list[Callable[[], object]] = []


def end_with_module(node: SimulatedNode, *more: Callable[[], object]) -> None:
    """Have the services of a node stopped, and ``more`` called, when the test module has run."""
    _WAITING.extend((*(host.stop_services for host in node.hosts), *more))


def end_all() -> None:
    """End what waits for it."""
    while _WAITING:
        _WAITING.pop()()
