"""The one error that decoders of the link raise, whatever the bytes."""

from __future__ import annotations

from enum import StrEnum, unique

from flight.dictionary.enums import Reason


@unique
class Fault(StrEnum):
    """Why input was refused; also the name of its counter."""

    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    CRC = "crc"
    VERSION = "version"
    SPACECRAFT = "spacecraft"
    CHANNEL = "channel"
    LENGTH = "length"
    TYPE = "type"
    CONTROL = "control"


class LinkError(ValueError):
    """Octets that are not what they should be, or values that no octets can carry."""

    def __init__(self, reason: Fault, detail: str = "") -> None:
        super().__init__(detail or str(reason))
        self.reason = reason


class CommandError(LinkError):
    """A telecommand that the board refuses before it is accepted: UNKNOWN, FORMAT, RANGE."""

    reason: Reason  # type: ignore[assignment]  # what service 1 reports, not a fault of framing

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(Fault.TYPE, detail)
        self.reason = reason
        self.detail = detail


def require(value: int, bits: int, name: str) -> None:
    """Raise LinkError when ``value`` would spill out of its field of ``bits`` bits."""
    if not 0 <= value < 1 << bits:
        raise LinkError(Fault.TYPE, f"{name} {value} does not fit {bits} bits")
