"""The parameters of the node at the hands of the ground: set, kept, told."""

from __future__ import annotations

import msgspec

from flight.dictionary.codec import ENCODER
from flight.dictionary.commands import SetParameter
from flight.dictionary.enums import Reason
from flight.dictionary.operations import ParameterValue, ReportParameters
from flight.dictionary.registry import BY_NAME, item
from flight.dictionary.telemetry import ParameterTable
from flight.runtime.parameters import ParameterError, Parameters
from flight.runtime.service import Context, Refused


class ParameterDesk:
    """Owns the sets that all processes take over."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._parameters = Parameters(context.settings["parameters"], context.store)

    def table(self) -> ParameterTable:
        """All sets, for the other processes."""
        return self._parameters.table()

    def set(self, command: SetParameter) -> None:
        """Check, keep and put into force. Raises Refused, OSError."""
        try:
            value = self._parameters.changed(command.name, command.value)
        except ParameterError as error:
            reason = Reason.RANGE if _exists(command.name) else Reason.UNKNOWN
            raise Refused(reason, str(error)) from error
        self._context.store.write(f"parameters/{item(value).name}", ENCODER.encode(value))
        self._parameters.adopt(value)

    def report(self, command: ReportParameters) -> list[ParameterValue]:
        """The value of one, or of all of a set. Raises Refused."""
        owner, _, field = command.name.partition(".")
        entry = BY_NAME.get(("parameter", owner))
        if entry is None or (field and not _exists(command.name)):
            raise Refused(Reason.UNKNOWN, f"no parameter named {command.name!r}")
        values = msgspec.structs.asdict(self._parameters.get(entry.type))
        names = [field] if field else list(values)
        return [ParameterValue(f"{owner}.{name}", float(values[name])) for name in names]


def _exists(parameter: str) -> bool:
    owner, _, field = parameter.partition(".")
    entry = BY_NAME.get(("parameter", owner))
    return entry is not None and field in entry.type.__struct_fields__
