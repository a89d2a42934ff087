"""``flight run`` on the flight topology with less patience: supervision shows in seconds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from flight.__main__ import main
from flight.runtime import node
from flight.runtime.table import Table
from flight.topology import TABLE as FLIGHT

RESTARTS = 2
HANG = 3.0  # s, of the core process; the others keep theirs
TABLE = Table(
    tuple(
        replace(row, restarts=RESTARTS, hang=HANG if row.process == "core" else row.hang)
        for row in FLIGHT.rows
    )
)


def _impatient(run: Any) -> Any:
    def substitute(state: Path, settings: dict[str, Any], _table: str, *rest: Any) -> Any:
        return run(state, settings, "impatient:TABLE", *rest)

    return substitute


if __name__ == "__main__":
    node.run = _impatient(node.run)
    sys.exit(main())
