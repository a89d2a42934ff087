"""Which topics the recorder keeps: those that the dictionary declares as recorded."""

from __future__ import annotations

from flight.dictionary.registry import Telemetry, items

RECORDED: tuple[type[Telemetry], ...] = tuple(e.type for e in items("telemetry") if e.recorded)
