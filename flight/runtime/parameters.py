"""The parameter sets in force in one process: defaults, configuration, then persisted changes."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from flight.dictionary.codec import ENCODER, decode
from flight.dictionary.registry import BY_NAME, ParameterSet, items
from flight.dictionary.telemetry import ParameterTable
from flight.runtime.service import P, Store


class ParameterError(ValueError):
    """A parameter does not exist or its value is out of range; names field and value."""


class Parameters:
    """All parameter sets, by type."""

    def __init__(self, configured: dict[str, Any], store: Store | None = None) -> None:
        self._sets: dict[type[ParameterSet], ParameterSet] = {}
        if not isinstance(configured, dict):
            raise ParameterError("parameters are not a table of sets")
        unknown = set(configured) - {entry.name for entry in items("parameter")}
        if unknown:
            raise ParameterError(f"no parameter set named {sorted(unknown)[0]!r}")
        for entry in items("parameter"):
            value = _convert(entry.type, entry.name, configured.get(entry.name, {}))
            self._sets[entry.type] = self._persisted(entry.type, entry.name, store) or value

    @staticmethod
    def _persisted(
        kind: type[ParameterSet], owner: str, store: Store | None
    ) -> ParameterSet | None:
        for saved in store.generations(f"parameters/{owner}") if store else ():
            try:
                return decode(kind, saved)
            except msgspec.DecodeError:
                continue  # of another dictionary or out of range: the older one, else defaults
        return None

    def get(self, kind: type[P]) -> P:
        """Current value of a set."""
        value = self._sets[kind]
        assert isinstance(value, kind)
        return value

    def changed(self, name: str, value: float) -> ParameterSet:
        """The set with ``owner.field`` set to ``value``. Raises ParameterError."""
        owner, _, field = name.partition(".")
        entry = BY_NAME.get(("parameter", owner))
        if entry is None or field not in entry.type.__struct_fields__:
            raise ParameterError(f"no parameter named {name!r}")
        current = msgspec.structs.asdict(self._sets[entry.type])
        whole = isinstance(current[field], int)
        if whole and not float(value).is_integer():
            raise ParameterError(f"{name} is a whole number, not {value}")
        return _convert(entry.type, owner, current | {field: int(value) if whole else value})

    def adopt(self, value: ParameterSet) -> None:
        """Put a set into force."""
        self._sets[type(value)] = value

    def table(self) -> ParameterTable:
        """All sets, for the other processes."""
        ids = {entry.type: entry.id for entry in items("parameter")}
        return ParameterTable({ids[k]: ENCODER.encode(v) for k, v in self._sets.items()})

    def take_over(self, table: ParameterTable) -> None:
        """Adopt a published table; a set that does not decode leaves the one in force."""
        for entry in items("parameter"):
            if entry.id in table.sets:
                with contextlib.suppress(msgspec.DecodeError):
                    self.adopt(decode(entry.type, table.sets[entry.id]))


def _convert(kind: type[ParameterSet], owner: str, fields: dict[str, Any]) -> ParameterSet:
    if not isinstance(fields, dict):
        raise ParameterError(f"{owner}: not a table of parameters")
    names = kind.__struct_fields__
    for field in fields:
        if field not in names:
            raise ParameterError(f"no parameter named {owner}.{field}")
    defaults = msgspec.structs.asdict(kind())
    values = [fields.get(name, defaults[name]) for name in names]
    try:
        return msgspec.convert(values, type=kind)
    except msgspec.ValidationError as error:
        raise ParameterError(f"{owner}: {error} (fields {', '.join(names)})") from error
