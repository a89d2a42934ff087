"""The row type of the topology table, and what follows from a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flight.dictionary.registry import Command, Telemetry, item
from flight.dictionary.telemetry import EventReport, Heartbeat, ParameterTable

EXECUTIVE = "executive"
TOOL = 0xFFFF  # source number of command-line tools

EVERY_PROCESS_PUBLISHES: tuple[type[Telemetry], ...] = (EventReport, Heartbeat)
EVERY_PROCESS_SUBSCRIBES: tuple[type[Telemetry], ...] = (Heartbeat, ParameterTable)


@dataclass(frozen=True, slots=True)
class Row:
    """One service. Rows of one ``process`` share it; ``essential`` ones run in safe mode."""

    name: str
    service: str  # "module:Class"
    process: str
    publishes: tuple[type[Telemetry], ...] = ()
    subscribes: tuple[type[Telemetry], ...] = ()
    essential: bool = False
    hang: float = 10.0  # s without a loop turn before the process is killed
    restarts: int = 5  # within ``window`` s, then quarantine
    window: float = 60.0
    preload: tuple[str, ...] = ()  # modules for the fork server of the service's workers
    bindings: tuple[tuple[str, str], ...] = ()  # name to "module:attribute", for workers


@dataclass(frozen=True, slots=True)
class Table:
    """The topology: which services there are and in which processes they run."""

    rows: tuple[Row, ...]

    @property
    def processes(self) -> tuple[str, ...]:
        """All processes in order of first mention."""
        return tuple(dict.fromkeys(row.process for row in self.rows))

    def of_process(self, process: str) -> tuple[Row, ...]:
        """Rows that run in a process."""
        return tuple(row for row in self.rows if row.process == process)

    def source(self, process: str) -> int:
        """Source number in bus frames."""
        return self.processes.index(process) + 1

    def process_name(self, source: int) -> str:
        """Process of a source number, ``tool`` for anything that is not in the table."""
        names = self.processes
        return names[source - 1] if 0 < source <= len(names) else "tool"

    def executes(self, command: Command) -> str:
        """Process of the service that executes a command. Raises KeyError."""
        service = item(command).service
        for row in self.rows:
            if row.name == service:
                return row.process
        raise KeyError(f"no service {service!r} in the topology")

    def essential(self) -> tuple[str, ...]:
        """Processes with at least one essential service."""
        return tuple(dict.fromkeys(row.process for row in self.rows if row.essential))

    def expected(self, process: str, running: Iterable[str]) -> dict[bytes, int]:
        """Subscriptions that a process sees, by topic key, once all ``running`` are connected."""
        published: set[type[Telemetry]] = set(EVERY_PROCESS_PUBLISHES)
        for row in self.of_process(process):
            published |= set(row.publishes)
        counts: dict[bytes, int] = {}
        for kind in published:
            readers = {other for other in running if kind in self.subscriptions(other)}
            counts[item(kind).key] = len(readers)
        return counts

    def subscriptions(self, process: str) -> set[type[Telemetry]]:
        """Topics that a process subscribes to."""
        own = {kind for row in self.of_process(process) for kind in row.subscribes}
        return own | set(EVERY_PROCESS_SUBSCRIBES)
