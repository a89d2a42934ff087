"""The parameter sets in force in one process: defaults, configuration, then persisted changes.

A parameter lives as long as the process, and a wrong one steers everything: each set is kept as
three copies of its octets, voted bit by bit and mended whenever it is read.
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from flight.dictionary.codec import ENCODER, decode
from flight.dictionary.registry import BY_NAME, ParameterSet, items
from flight.dictionary.telemetry import ParameterTable
from flight.runtime.service import P, Store, kept


class ParameterError(ValueError):
    """A parameter does not exist or its value is out of range; names field and value."""


class Parameters:
    """All parameter sets, by type."""

    def __init__(self, configured: dict[str, Any], store: Store | None = None) -> None:
        self._copies: dict[type[ParameterSet], list[bytes]] = {}
        if not isinstance(configured, dict):
            raise ParameterError("parameters are not a table of sets")
        unknown = set(configured) - {entry.name for entry in items("parameter")}
        if unknown:
            raise ParameterError(f"no parameter set named {sorted(unknown)[0]!r}")
        for entry in items("parameter"):
            value = _convert(entry.type, entry.name, configured.get(entry.name, {}))
            self.adopt(self._persisted(entry.type, entry.name, store) or value)

    @staticmethod
    def _persisted(
        kind: type[ParameterSet], owner: str, store: Store | None
    ) -> ParameterSet | None:
        for saved in kept(store, f"parameters/{owner}") if store else ():
            try:
                return decode(kind, saved)
            except msgspec.DecodeError:
                continue  # of another dictionary or out of range: the older one, else defaults
        return None

    def get(self, kind: type[P]) -> P:
        """Current value of a set."""
        return decode(kind, self._voted(kind))

    def _voted(self, kind: type[ParameterSet]) -> bytes:
        a, b, c = copies = self._copies[kind]
        if not a == b == c:
            x, y, z = (int.from_bytes(copy) for copy in copies)
            a = ((x & y) | (y & z) | (x & z)).to_bytes(len(a))
            self._copies[kind] = [bytes(bytearray(a)) for _ in range(3)]
        return a

    def changed(self, name: str, value: float) -> ParameterSet:
        """The set with ``owner.field`` set to ``value``. Raises ParameterError."""
        owner, _, field = name.partition(".")
        entry = BY_NAME.get(("parameter", owner))
        if entry is None or field not in entry.type.__struct_fields__:
            raise ParameterError(f"no parameter named {name!r}")
        current = msgspec.structs.asdict(self.get(entry.type))
        whole = isinstance(current[field], int)
        if whole and not float(value).is_integer():
            raise ParameterError(f"{name} is a whole number, not {value}")
        return _convert(entry.type, owner, current | {field: int(value) if whole else value})

    def adopt(self, value: ParameterSet) -> None:
        """Put a set into force."""
        # Encoded three times: copies of one object would be the same memory.
        self._copies[type(value)] = [ENCODER.encode(value) for _ in range(3)]

    def table(self) -> ParameterTable:
        """All sets, for the other processes."""
        ids = {entry.type: entry.id for entry in items("parameter")}
        return ParameterTable({ids[kind]: self._voted(kind) for kind in self._copies})

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
