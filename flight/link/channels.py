"""Identifiers of the link: application processes, virtual channels, CFDP entities."""

from __future__ import annotations

from enum import IntEnum, unique

HAIL = 4.0  # s of silence after which a ground with nothing to say shows that it is there


@unique
class Apid(IntEnum):
    """Application process identifiers (CCSDS 133.0-B-2, 4.1.3.3.4)."""

    NODE = 100
    FILES = 300
    FOUNTAIN = 301


@unique
class VirtualChannel(IntEnum):
    """Virtual channels, highest priority first."""

    COMMANDS = 0
    FILES = 1
    HOUSEKEEPING = 2
    PRODUCTS = 3


@unique
class Entity(IntEnum):
    """CFDP entity identifiers."""

    GROUND = 1
    NODE = 2
