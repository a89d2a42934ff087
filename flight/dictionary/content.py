"""The whole dictionary as data: for people, for other tools, and as a hash of what must agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, IntEnum
from functools import cache
from typing import Any, get_args, get_origin

from flight.dictionary.commands import Reply
from flight.dictionary.fieldspec import FieldSpec, fields, shown
from flight.dictionary.registry import BY_ID, Item, Message

TITLES = {
    "command": "Commands",
    "telemetry": "Telemetry",
    "event": "Events",
    "parameter": "Parameters",
}


def _listed(items: Iterable[Item[Any]] | None) -> list[Item[Any]]:
    chosen = BY_ID.values() if items is None else items
    return sorted(chosen, key=lambda item: (item.kind, item.id))


def _types(kind: type[Message]) -> Iterator[type]:
    """Yield the enumerations and structures in a message's fields, at any depth."""
    waiting = [spec.annotation for spec in fields(kind)]
    while waiting:
        annotation = waiting.pop()
        waiting += get_args(annotation)
        if not isinstance(annotation, type) or get_origin(annotation) is not None:
            continue
        if issubclass(annotation, Message):
            yield annotation
            waiting += [spec.annotation for spec in fields(annotation)]
        elif issubclass(annotation, IntEnum):
            yield annotation


def _reached(items: Iterable[Item[Any]]) -> list[type]:
    found = {each for item in items for each in _types(item.type)}
    return sorted(found | {Reply, *_types(Reply)}, key=lambda each: each.__name__)


def enumerations(items: Iterable[Item[Any]] | None = None) -> list[type[IntEnum]]:
    """Return the enumerations that fields of these items or of replies use, by name."""
    return [each for each in _reached(_listed(items)) if issubclass(each, IntEnum)]


def _structures(items: Iterable[Item[Any]]) -> list[type[Message]]:
    return [each for each in _reached(items) if issubclass(each, Message)]


def _members(enum: type[IntEnum]) -> dict[str, int]:
    return {member.name: member.value for member in enum}


def _default(spec: FieldSpec) -> Any:
    if isinstance(spec.default, Enum):
        return spec.default.name
    return spec.default.hex() if isinstance(spec.default, bytes) else spec.default


def _field(spec: FieldSpec, offset: int | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": spec.name,
        "type": spec.type_name,
        "wire": spec.wire,
        "offset": offset,
        "size": spec.size,
        "unit": spec.unit,
        "lo": spec.lo,
        "hi": spec.hi,
        "members": None if spec.enum is None else _members(spec.enum),
        "description": spec.description,
        "required": spec.required,
    }
    return described if spec.required else described | {"default": _default(spec)}


def _fields(kind: type[Message], linked: bool) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = []
    offset = 0
    for spec in fields(kind):
        described.append(_field(spec, offset if linked else None))
        offset += spec.size
    return described


def _item(item: Item[Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "kind": item.kind,
        "id": item.id,
        "name": item.name,
        "type": item.type.__name__,
        "summary": item.summary,
        "linked": item.linked,
        "size": sum(spec.size for spec in fields(item.type)) if item.linked else None,
        "fields": _fields(item.type, item.linked),
    }
    if item.kind == "command":
        described |= {"service": item.service, "class": item.category.name}
    elif item.kind == "telemetry":
        described |= {
            "delivery": item.delivery.value,
            "depth": item.depth,
            "recorded": item.recorded,
        }
    elif item.kind == "event":
        described |= {"severity": item.severity.name, "template": item.template}
    return described


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def describe(items: Iterable[Item[Any]] | None = None) -> dict[str, Any]:
    """Return the dictionary as JSON-able data: items by kind, enumerations, structures, hash.

    Offsets and sizes are octets of the link layout, None for what stays on the bus.
    """
    listed = _listed(items)
    return {
        "hash": content_hash(listed).hex(),
        "items": {kind: [_item(each) for each in listed if each.kind == kind] for kind in TITLES},
        "enumerations": {
            enum.__name__: {"summary": _summary(enum), "members": _members(enum)}
            for enum in enumerations(listed)
        },
        "structures": {
            kind.__name__: {"summary": _summary(kind), "fields": _fields(kind, linked=False)}
            for kind in _structures(listed)
        },
    }


def _shape(annotation: Any) -> Any:
    if get_args(annotation):
        return [get_origin(annotation).__name__, *map(_shape, get_args(annotation))]
    if annotation is Ellipsis:
        return "..."
    if issubclass(annotation, IntEnum):
        return _members(annotation)
    if issubclass(annotation, Message):
        return _wire_shape(annotation)
    return annotation.__name__


def _wire_shape(kind: type[Message]) -> list[Any]:
    return [
        [spec.name, spec.wire, spec.size, spec.unit, spec.lo, spec.hi, _shape(spec.annotation)]
        for spec in fields(kind)
    ]


def content_hash(items: Iterable[Item[Any]] | None = None) -> bytes:
    """Return the SHA-256 of what both ends of bus and link must agree on.

    That is ids, names, what crosses the link, and the order, names, types, units, ranges and
    members of the fields. Descriptions, defaults, templates and delivery may change freely.
    """
    shape = [
        [item.kind, item.id, item.name, item.linked, _wire_shape(item.type)]
        for item in _listed(items)
    ]
    text = json.dumps([shape, _wire_shape(Reply)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).digest()


@cache
def hash32() -> int:
    """Return the first 32 bits of the content hash, as beacon and bus header carry it."""
    return int.from_bytes(content_hash()[:4], "big")


def to_json() -> str:
    """Return ``describe()`` as JSON text."""
    return json.dumps(describe(), indent=2, allow_nan=False) + "\n"


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> list[str]:
    return [_row(*head), _row(*("---" for _ in head)), *(_row(*row) for row in rows), ""]


def _field_table(described: list[dict[str, Any]]) -> list[str]:
    if not described:
        return ["No fields.", ""]
    rows: list[tuple[object, ...]] = []
    for each in described:
        bounds = "" if each["lo"] is None and each["hi"] is None else _span(each)
        offset = "" if each["offset"] is None else each["offset"]
        default = "required" if each["required"] else f"`{json.dumps(each['default'])}`"
        name, kind, unit = f"`{each['name']}`", f"`{each['type']}`", each["unit"]
        rows.append((offset, name, kind, unit, bounds, default, each["description"]))
    return _table(("Offset", "Field", "Type", "Unit", "Range", "Default", "Description"), rows)


def _span(field: dict[str, Any]) -> str:
    low, high = ("" if field[end] is None else shown(field[end]) for end in ("lo", "hi"))
    return f"{low} .. {high}".strip()


def _properties(item: dict[str, Any]) -> str:
    crosses = f"link layout {item['size']} B" if item["linked"] else "on the bus only"
    if item["kind"] == "command":
        return f"Class {item['class']}, executed by `{item['service']}`; {crosses}."
    if item["kind"] == "telemetry":
        recorded = "recorded" if item["recorded"] else "not recorded"
        return f"Delivery {item['delivery']}, depth {item['depth']}, {recorded}; {crosses}."
    if item["kind"] == "event":
        return f"{item['severity']}: `{item['template']}`; {crosses}."
    return f"{crosses.capitalize()}."


def to_markdown() -> str:
    """Return the reference page: one table per item, then enumerations and structures."""
    whole = describe()
    lines = ["# Dictionary", "", f"Content hash `{whole['hash']}`.", ""]
    for kind, listed in whole["items"].items():
        lines += [f"## {TITLES[kind]}", ""]
        for item in listed:
            lines += [f"### {item['id']} `{item['name']}`", "", item["summary"], ""]
            lines += [_properties(item), "", *_field_table(item["fields"])]
    lines += ["## Enumerations", ""]
    for name, enum in whole["enumerations"].items():
        rows = [(value, f"`{member}`") for member, value in enum["members"].items()]
        lines += [f"### `{name}`", "", enum["summary"], "", *_table(("Value", "Name"), rows)]
    lines += ["## Structures", ""]
    for name, structure in whole["structures"].items():
        lines += [f"### `{name}`", "", structure["summary"], ""]
        lines += _field_table(structure["fields"])
    return "\n".join(lines)
