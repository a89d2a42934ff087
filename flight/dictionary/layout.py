"""The fixed big-endian packet layout of linked items, derived from their field annotations.

No padding: integers and reals as in ``struct``, an enumeration or a boolean one octet, text NUL
padded to its size. What ``unpack`` accepts ``pack`` turns into the same octets again, payloads of
NaN aside. A binary32 field keeps its range through rounding: a received value that lies beyond a
bound because the bound was rounded becomes the bound. NaN and infinities pass only where no range
forbids them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from string import Formatter
from typing import Any, Generic

from flight.dictionary.enums import Reason
from flight.dictionary.fieldspec import DeclarationError, FieldSpec, fields
from flight.dictionary.registry import BY_ID, ITEMS, Item, M, Message
from flight.dictionary.values import LayoutError, checked, parsed, received, suggestion

__all__ = [
    "DeclarationError",
    "FieldSpec",
    "Layout",
    "LayoutError",
    "build",
    "check",
    "fields",
    "pack",
    "size",
    "unpack",
]


def _code(spec: FieldSpec) -> str:
    # A boolean travels as "B": struct would take any octet but 0 for True.
    return (
        f"{spec.size}s"
        if spec.wire == "text"
        else {"enum": "B", "?": "B"}.get(str(spec.wire), str(spec.wire))
    )


class Layout(Generic[M]):
    """Packer of one kind of message. Raises DeclarationError when a field stays on the bus."""

    __slots__ = ("_kind", "_specs", "_struct", "size")

    def __init__(self, kind: type[M]) -> None:
        self._kind = kind
        self._specs = fields(kind)
        for spec in self._specs:
            if spec.wire is None:
                raise DeclarationError(f"{kind.__name__}.{spec.name}: internal, has no wire type")
        self._struct = struct.Struct(">" + "".join(_code(spec) for spec in self._specs))
        self.size = self._struct.size

    def pack(self, message: M) -> bytes:
        """Return the ``size`` octets of a message. Raises LayoutError."""
        values = [checked(spec, getattr(message, spec.name)) for spec in self._specs]
        wired = [each.encode("ascii") if isinstance(each, str) else each for each in values]
        return self._struct.pack(*wired)

    def unpack(self, data: bytes | bytearray | memoryview) -> M:
        """Return the message in exactly ``size`` octets. Raises LayoutError."""
        if len(data) != self.size:
            detail = f"{self._kind.__name__}: {len(data)} octets, {self.size} expected"
            raise LayoutError(Reason.FORMAT, detail)
        raw = self._struct.unpack(data)
        values = [received(spec, each) for spec, each in zip(self._specs, raw, strict=True)]
        return self._kind(*values)

    def build(self, values: dict[str, str]) -> M:
        """Return the message that an operator typed as ``field=value``. Raises LayoutError."""
        known = {spec.name: spec for spec in self._specs}
        for name in values:
            if name not in known:
                listed = ", ".join(known) or "none"
                hint = suggestion(name, known)
                detail = f"{self._kind.__name__} has no field {name!r}{hint} (fields: {listed})"
                raise LayoutError(Reason.FORMAT, detail)
        for spec in self._specs:
            if spec.required and spec.name not in values:
                detail = f"{spec.name} is missing ({spec.description}); allowed is {spec.allowed}"
                raise LayoutError(Reason.FORMAT, detail)
        return self._kind(**{name: parsed(known[name], text) for name, text in values.items()})


_LAYOUTS: dict[type[Message], Layout[Any]] = {}


def _layout(kind: type[M]) -> Layout[M]:
    found = _LAYOUTS.get(kind)
    if found is None:
        item = ITEMS.get(kind)
        if item is None or not item.linked:
            raise LayoutError(Reason.UNKNOWN, f"{kind.__name__} does not cross the link")
        found = _LAYOUTS[kind] = Layout(kind)
    return found


def size(kind: type[Message]) -> int:
    """Return the octets of a linked kind. Raises LayoutError UNKNOWN when it is not linked."""
    return _layout(kind).size


def pack(message: Message) -> bytes:
    """Return the octets of a linked message. Raises LayoutError: FORMAT, RANGE, UNKNOWN."""
    return _layout(type(message)).pack(message)


def unpack(kind: type[M], data: bytes | bytearray | memoryview) -> M:
    """Return the linked message in ``data``. Raises LayoutError: FORMAT, RANGE, UNKNOWN."""
    return _layout(kind).unpack(data)


def build(kind: type[M], values: dict[str, str]) -> M:
    """Return a linked message from operator input: numbers (0x too), on/off, member names.

    Raises LayoutError that names the field, the value and what is allowed.
    """
    return _layout(kind).build(values)


def _check_template(item: Item[Any]) -> None:
    known = {spec.name: spec for spec in fields(item.type)}
    for _, place, _, _ in Formatter().parse(item.template):
        if place is None:
            continue
        name, _, attribute = place.partition(".")
        spec = known.get(name)
        if spec is None or (attribute and (attribute != "name" or spec.enum is None)):
            raise DeclarationError(f"{item.type.__name__}: template names {place!r}")


def check(entries: Iterable[Item[Any]] | None = None) -> None:
    """Check declarations, of the whole dictionary by default. Raises DeclarationError.

    Every field is annotated and its default in range, linked items have a layout, parameters have
    defaults, templates name fields.
    """
    for item in BY_ID.values() if entries is None else entries:
        specs = fields(item.type)
        if item.linked:
            Layout(item.type)
        if item.kind == "parameter" and any(spec.required for spec in specs):
            raise DeclarationError(f"{item.type.__name__}: a parameter has no default")
        _check_template(item)
