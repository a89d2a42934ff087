"""The bus: publishers and subscribers over ZeroMQ. No broker, one frame per message."""

from __future__ import annotations

from pathlib import Path

from flight.runtime.frame import Identity
from flight.runtime.publisher import HIGH_WATER, RING, Publisher
from flight.runtime.subscriber import Repair, Subscriber

__all__ = ["HIGH_WATER", "RING", "Identity", "Publisher", "Repair", "Subscriber", "address"]


def address(run_dir: Path, process: str, kind: str) -> str:
    """ZeroMQ address of a process: kind is ``pub`` or ``cmd``. Raises ValueError when too long."""
    path = run_dir / f"{process}.{kind}"
    if len(str(path)) > 100:  # sun_path holds 107 octets
        raise ValueError(f"socket path is longer than 100 characters: {path}")
    return f"ipc://{path}"
