"""The registry: every command, telemetry packet, event and parameter set, by type and by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Generic, TypeVar

import msgspec

from flight.dictionary.enums import CommandClass, Severity

KEY_SIZE = 16


@unique
class Delivery(Enum):
    """Delivery classes of the bus (DESIGN: bus). Commands are a class of their own, see Command."""

    LATEST = "latest"  # latched; a late joiner gets exactly one, older ones are superseded
    QUEUE = "queue"  # bounded; drops the oldest and counts it
    EVENT = "event"  # bounded; gaps are repaired from the publisher's ring


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of everything in the dictionary. Positional: fields are only ever appended."""


class Telemetry(Message, frozen=True):
    """A message that is published."""


class Command(Message, frozen=True):
    """A message that is sent to one service and answered."""


class Event(Message, frozen=True):
    """The arguments of an event; its text lives in the registry."""


class ParameterSet(Message, frozen=True):
    """The parameters of one subsystem; every field has a default."""


M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Item(Generic[M]):
    """One entry. ``linked`` items have a fixed big-endian layout and may cross the link."""

    kind: str
    id: int
    name: str
    type: type[M]
    linked: bool = False
    delivery: Delivery = Delivery.QUEUE
    depth: int = 1
    recorded: bool = False
    severity: Severity = Severity.DIAGNOSTIC
    template: str = ""
    service: str = ""
    category: CommandClass = CommandClass.NORMAL

    @property
    def key(self) -> bytes:
        """Fixed-width topic key: prefix matching of ZeroMQ then matches whole topics only."""
        return self.name.encode().ljust(KEY_SIZE, b"\0")

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (self.type.__doc__ or "").strip().splitlines()[0]


ITEMS: dict[type[Message], Item[Any]] = {}
BY_ID: dict[tuple[str, int], Item[Any]] = {}
BY_NAME: dict[tuple[str, str], Item[Any]] = {}


def _register(item: Item[Any]) -> None:
    if (item.kind, item.id) in BY_ID or (item.kind, item.name) in BY_NAME:
        raise ValueError(f"{item.kind} {item.id} {item.name!r} is declared twice")
    if len(item.name) > KEY_SIZE:
        raise ValueError(f"{item.name!r} is longer than the {KEY_SIZE}-octet topic key")
    ITEMS[item.type] = item
    BY_ID[item.kind, item.id] = item
    BY_NAME[item.kind, item.name] = item


def telemetry(
    id: int,  # noqa: A002
    topic: str,
    delivery: Delivery,
    depth: int = 1,
    *,
    linked: bool = False,
    recorded: bool = True,
) -> Callable[[type[M]], type[M]]:
    """Declare a telemetry packet: its id, topic and delivery contract."""

    def declare(cls: type[M]) -> type[M]:
        _register(Item("telemetry", id, topic, cls, linked, delivery, depth, recorded))
        return cls

    return declare


def command(
    id: int,  # noqa: A002
    name: str,
    service: str,
    *,
    linked: bool = True,
    category: CommandClass = CommandClass.NORMAL,
) -> Callable[[type[M]], type[M]]:
    """Declare a command: its opcode, its name, the service that executes it, and its class."""

    def declare(cls: type[M]) -> type[M]:
        _register(Item("command", id, name, cls, linked, service=service, category=category))
        return cls

    return declare


def event(
    id: int,  # noqa: A002
    severity: Severity,
    template: str,
) -> Callable[[type[M]], type[M]]:
    """Declare an event: its severity and the ``str.format`` template that the ground renders."""

    def declare(cls: type[M]) -> type[M]:
        name = cls.__name__.lower()[:KEY_SIZE]
        item = Item("event", id, name, cls, True, severity=severity, template=template)
        _register(item)
        return cls

    return declare


def parameters(id: int, owner: str) -> Callable[[type[M]], type[M]]:  # noqa: A002
    """Declare the parameter set of one subsystem."""

    def declare(cls: type[M]) -> type[M]:
        _register(Item("parameter", id, owner, cls, True))
        return cls

    return declare


def item(message: Message | type[Message]) -> Item[Any]:
    """Return the entry of a message or message type. Raises KeyError when it is not declared."""
    return ITEMS[message if isinstance(message, type) else type(message)]


def items(kind: str) -> list[Item[Any]]:
    """Return all entries of one kind, ordered by id."""
    return [BY_ID[key] for key in sorted(BY_ID) if key[0] == kind]
