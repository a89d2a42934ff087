"""The station's archive: what was sent, what was heard. SQLite in WAL mode, one writer."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS commands (
    id INTEGER PRIMARY KEY, request INTEGER NOT NULL, name TEXT NOT NULL,
    arguments TEXT NOT NULL, utc_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS commands_request ON commands (request);
CREATE TABLE IF NOT EXISTS stages (
    id INTEGER PRIMARY KEY, command INTEGER NOT NULL REFERENCES commands (id),
    stage TEXT NOT NULL, step INTEGER NOT NULL, reason TEXT NOT NULL,
    source TEXT NOT NULL, utc_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS stages_command ON stages (command);
CREATE TABLE IF NOT EXISTS packets (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, fields TEXT NOT NULL,
    board_ns INTEGER NOT NULL, utc_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS packets_name ON packets (name);
CREATE TABLE IF NOT EXISTS tasks (
    task INTEGER PRIMARY KEY, fields TEXT NOT NULL, utc_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS programs (
    name TEXT NOT NULL, version INTEGER NOT NULL, fields TEXT NOT NULL, utc_ns INTEGER NOT NULL,
    PRIMARY KEY (name, version));
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, severity TEXT NOT NULL, source TEXT NOT NULL,
    text TEXT NOT NULL, fields TEXT NOT NULL, board_ns INTEGER NOT NULL, utc_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    verdict TEXT NOT NULL, product TEXT NOT NULL, utc_ns INTEGER NOT NULL);
"""
RELEASE = "@release"  # argument of a telecommand that the node keeps until this UTC in ns
SEQUENCES = 1 << 14
ROWS_KEPT = 1_000_000


class Archive:
    """Writer of the archive. Durable and visible to readers after ``commit``."""

    def __init__(self, path: Path, utc_ns: int) -> None:
        """Open or create. A fresh archive begins its sequence count at a place given by UTC,
        so that the node does not take its commands for repeats of those of an older archive."""
        self._database = sqlite3.connect(path, timeout=5.0)
        self._database.execute("PRAGMA journal_mode=WAL")
        # A sequence count that a power cut takes back would make a new command look like a repeat.
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(SCHEMA)
        seed = utc_ns // 1_000_000_000 % SEQUENCES
        self._database.execute("INSERT OR IGNORE INTO state VALUES ('sequence', ?)", (seed,))
        self._database.commit()

    def take_sequence(self) -> int:
        """Return the next telecommand sequence count, 0 to 16383, durable before it is used."""
        query = "SELECT value FROM state WHERE key = 'sequence'"
        value = int(self._database.execute(query).fetchone()[0])
        following = (value + 1) % SEQUENCES
        self._database.execute("UPDATE state SET value = ? WHERE key = 'sequence'", (following,))
        self._database.commit()
        return value

    def add_command(self, request: int, name: str, arguments: dict[str, Any], utc_ns: int) -> None:
        """Record a telecommand."""
        self._database.execute(
            "INSERT INTO commands (request, name, arguments, utc_ns) VALUES (?, ?, ?, ?)",
            (request, name, json.dumps(arguments), utc_ns),
        )

    def add_stage(
        self, request: int, stage: str, step: int, reason: str, source: str, utc_ns: int
    ) -> None:
        """Record a stage of the newest telecommand with this request id."""
        self._database.execute(
            "INSERT INTO stages (command, stage, step, reason, source, utc_ns)"
            " SELECT max(id), ?, ?, ?, ?, ? FROM commands WHERE request = ?"
            " HAVING max(id) IS NOT NULL",
            (stage, step, reason, source, utc_ns, request),
        )

    def add_packet(self, name: str, fields: dict[str, Any], board_ns: int, utc_ns: int) -> None:
        """Record a housekeeping packet; the oldest go beyond one million."""
        cursor = self._database.execute(
            "INSERT INTO packets (name, fields, board_ns, utc_ns) VALUES (?, ?, ?, ?)",
            (name, json.dumps(fields), board_ns, utc_ns),
        )
        self._trim("packets", cursor)

    def _trim(self, table: str, cursor: sqlite3.Cursor) -> None:
        oldest = (cursor.lastrowid or 0) - ROWS_KEPT
        self._database.execute(f"DELETE FROM {table} WHERE id <= ?", (oldest,))

    def set_task(self, task: int, fields: dict[str, Any], utc_ns: int) -> None:
        """Record the last known status of a task."""
        self._database.execute(
            "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?)", (task, json.dumps(fields), utc_ns)
        )

    def set_program(self, name: str, version: int, fields: dict[str, Any], utc_ns: int) -> None:
        """Record the last known status of a version of a program."""
        self._database.execute(
            "INSERT OR REPLACE INTO programs VALUES (?, ?, ?, ?)",
            (name, version, json.dumps(fields), utc_ns),
        )

    def add_event(
        self,
        name: str,
        severity: str,
        source: str,
        text: str,
        fields: dict[str, Any],
        board_ns: int,
        utc_ns: int,
    ) -> None:
        """Record an event; the oldest go beyond one million."""
        cursor = self._database.execute(
            "INSERT INTO events (name, severity, source, text, fields, board_ns, utc_ns)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, severity, source, text, json.dumps(fields), board_ns, utc_ns),
        )
        self._trim("events", cursor)

    def add_file(
        self,
        name: str,
        size: int,
        sha256: str,
        verdict: str,
        product: dict[str, Any],
        utc_ns: int,
    ) -> None:
        """Record a received file."""
        self._database.execute(
            "INSERT INTO files (name, size, sha256, verdict, product, utc_ns)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (name, size, sha256, verdict, json.dumps(product), utc_ns),
        )

    def commit(self) -> None:
        """Make what was recorded durable and visible to readers."""
        self._database.commit()

    def close(self) -> None:
        """Commit and close."""
        self._database.commit()
        self._database.close()
