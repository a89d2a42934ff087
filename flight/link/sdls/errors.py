"""Why a protected frame is refused, and why one cannot be made."""

from __future__ import annotations

from enum import StrEnum, unique

from flight.dictionary.enums import Reason
from flight.link.errors import Fault, LinkError


@unique
class SecurityFault(StrEnum):
    """Why a frame of right form was refused; also the name of its counter."""

    SPI = "spi"  # no such security association, or it is not in operation
    TAG = "tag"  # the tag is wrong
    REPLAY = "replay"  # its counter was used before
    AHEAD = "ahead"  # its counter lies beyond what a key lives
    STALE = "stale"  # genuine, but as good as used since the last restart, and nothing came since


ATTACKS = (SecurityFault.SPI, SecurityFault.TAG, SecurityFault.REPLAY, SecurityFault.AHEAD)
"""What many of are no accident. Stale frames come from a peer that has not heard of the restart."""


class SecurityError(LinkError):
    """A frame that the security layer refuses. Nothing has changed because of it."""

    reason: SecurityFault  # type: ignore[assignment]  # a fault of security, not of framing

    def __init__(self, reason: SecurityFault, detail: str = "") -> None:
        super().__init__(Fault.TYPE, detail or str(reason))
        self.reason = reason


class NotProtected(Exception):
    """A frame that must not be sent: its counter could not be reserved, or none is left."""


class KeyringError(ValueError):
    """A change of keys that is refused; ``reason`` is what service 1 reports."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
