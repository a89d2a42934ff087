"""Parameters of the node: what they may be, and the values that it tells."""

from __future__ import annotations

from typing import Any

from flight.dictionary.fieldspec import FieldSpec, fields
from flight.dictionary.registry import BY_NAME


def allowed(name: str) -> str:
    """What ``owner.field`` may be; nothing when there is no such parameter."""
    return next((_allowed(spec) for spec in _specs(name).values()), "")


def _allowed(spec: FieldSpec) -> str:
    return f"{spec.allowed}, a whole number" if spec.annotation is int else spec.allowed


def _specs(name: str) -> dict[str, FieldSpec]:
    """Of one parameter, ``owner.field``, or of all of a set, ``owner``; none without any."""
    owner, _, field = name.partition(".")
    entry = BY_NAME.get(("parameter", owner))
    specs = fields(entry.type) if entry is not None else ()
    return {f"{owner}.{spec.name}": spec for spec in specs if field in ("", spec.name)}


class ParameterReport:
    """Collects the values of one parameter, ``owner.field``, or of all of a set, ``owner``.

    They come as telemetry of their own, before or after the command is completed.
    """

    def __init__(self, name: str) -> None:
        self._wanted = _specs(name)  # none: the node refuses the command
        self.values: dict[str, float] = {}

    def take(self, line: dict[str, Any]) -> None:
        """Take a line of a watch."""
        if line.get("packet") == "parameter.value" and line["message"]["name"] in self._wanted:
            self.values[line["message"]["name"]] = line["message"]["value"]

    @property
    def whole(self) -> bool:
        """Whether all have come."""
        return len(self.values) == len(self._wanted)

    def lacks(self) -> str:
        """How many have not come."""
        return f"{len(self._wanted) - len(self.values)} of {len(self._wanted)} values have not come"

    def rows(self) -> list[tuple[str, ...]]:
        """Parameter, value and what is allowed, in the order of the dictionary."""
        return [
            (name, f"{self.values[name]:.12g} {spec.unit}".rstrip(), _allowed(spec))
            for name, spec in self._wanted.items()
            if name in self.values
        ]
