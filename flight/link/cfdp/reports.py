"""What a receiver tells about its transactions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file that was verified and committed; `size` in octets."""

    name: str
    source: int
    transaction: int
    size: int


@dataclass(frozen=True, slots=True)
class Progress:
    """An active transaction; name empty and size 0 until known, `naks` = NAK PDUs sent."""

    name: str
    transaction: int
    size: int
    received: int
    naks: int
