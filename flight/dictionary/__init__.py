"""Everything the node can say or be told: commands, telemetry, events and parameters, typed."""

from flight.dictionary import (
    commands,
    events,
    files,
    operations,
    parameters,
    radiation,
    security,
    telemetry,
    uploads,
)
from flight.dictionary.layout import check

__all__ = [
    "commands",
    "events",
    "files",
    "operations",
    "parameters",
    "radiation",
    "security",
    "telemetry",
    "uploads",
]

check()
