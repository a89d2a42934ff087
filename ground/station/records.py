"""Reading the archive: by the command line, also while a station writes it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop

Record = dict[str, Any]


class Records:
    """Queries on the archive of a station directory."""

    def __init__(self, folder: Path) -> None:
        """Open. Raises Stop (6) when no station has ever run in this directory."""
        path = folder / "archive.sqlite"
        if not path.is_file():
            raise Stop(Exit.DOWN, f"no station archive in {folder}")
        self._database = sqlite3.connect(path, timeout=5.0)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA query_only=1")

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def _all(self, query: str, *values: Any) -> list[Record]:
        return [dict(row) for row in self._database.execute(query, values)]

    def commands(self, limit: int) -> list[Record]:
        """Newest telecommands first, each with its stages in order of their coming."""
        found = self._all("SELECT * FROM commands ORDER BY id DESC LIMIT ?", limit)
        for command in found:
            command["arguments"] = json.loads(command["arguments"])
            command["stages"] = self._all(
                "SELECT stage, step, reason, source, utc_ns FROM stages"
                " WHERE command = ? ORDER BY id",
                command["id"],
            )
        return found

    def unfinished(self) -> list[Record]:
        """Telecommands whose last stage is neither final nor "no answer", oldest first."""
        found = self._all(
            "SELECT commands.request, commands.name, commands.arguments, stages.stage FROM commands"
            " JOIN stages"
            " ON stages.id = (SELECT max(id) FROM stages WHERE command = commands.id)"
            " WHERE stages.stage NOT IN ('COMPLETED', 'FAILED', 'NO_ANSWER')"
            " ORDER BY commands.id"
        )
        return [each | {"arguments": json.loads(each["arguments"])} for each in found]

    def command(self, request: int) -> Record | None:
        """The newest telecommand of a request id, with its stages; None when there is none."""
        return next((each for each in self.commands(1 << 30) if each["request"] == request), None)

    def tasks(self) -> list[Record]:
        """Last known status of all tasks, newest task first."""
        rows = self._all("SELECT fields, utc_ns FROM tasks ORDER BY task DESC")
        return [json.loads(row["fields"]) | {"utc_ns": row["utc_ns"]} for row in rows]

    def newest(self, packet: str, limit: int) -> list[Record]:
        """The newest packets of a kind, newest first."""
        rows = self._all(
            "SELECT fields, utc_ns FROM packets WHERE name = ? ORDER BY id DESC LIMIT ?",
            packet,
            limit,
        )
        return [json.loads(row["fields"]) | {"utc_ns": row["utc_ns"]} for row in rows]

    def programs(self) -> list[Record]:
        """Last known status of all versions of uplinked programs, by name and version."""
        rows = self._all("SELECT fields, utc_ns FROM programs ORDER BY name, version")
        return [json.loads(row["fields"]) | {"utc_ns": row["utc_ns"]} for row in rows]

    def files(self) -> list[Record]:
        """Received files, newest first; a name received twice is listed once."""
        rows = self._all(
            "SELECT name, size, sha256, verdict, product, utc_ns FROM files WHERE id IN"
            " (SELECT max(id) FROM files GROUP BY name) ORDER BY id DESC"
        )
        return [row | {"product": json.loads(row["product"])} for row in rows]
