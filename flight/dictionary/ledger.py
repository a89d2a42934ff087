"""The ledger of ids: what an id once meant it means for ever, also after the item is gone.

``ledger.json`` holds kind -> id -> name, for commands, telemetry, events, parameter sets and for
the members of every enumeration in their fields. It is only ever appended to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flight.dictionary.content import enumerations
from flight.dictionary.registry import Item

Ledger = dict[str, dict[int, str]]


def load() -> Ledger:
    """Return the checked-in ledger."""
    raw = json.loads(Path(__file__).with_name("ledger.json").read_text("utf-8"))
    return {kind: {int(number): name for number, name in ids.items()} for kind, ids in raw.items()}


def entries(items: Iterable[Item[Any]]) -> Ledger:
    """Return what the ledger must hold for these items."""
    listed = list(items)
    found: Ledger = {}
    for item in sorted(listed, key=lambda each: (each.kind, each.id)):
        found.setdefault(item.kind, {})[item.id] = item.name
    for enum in enumerations(listed):
        found[f"enum {enum.__name__}"] = {member.value: member.name for member in enum}
    return found


def _violation(ids: dict[int, str], kind: str, number: int, name: str) -> str:
    known = ids.get(number)
    if known is not None:
        return "" if known == name else f"{kind} {number} was {known!r}, it cannot become {name!r}"
    moved = [old for old, old_name in ids.items() if old_name == name]
    if moved:
        return f"{kind} {name!r} was {moved[0]}, it cannot become {number}"
    return f"{kind} {number} {name!r} is not in ledger.json"


def check(ledger: Ledger, items: Iterable[Item[Any]]) -> list[str]:
    """Return what the items do against the ledger; empty when nothing. Retired ids are fine."""
    found = [
        _violation(ledger.get(kind, {}), kind, number, name)
        for kind, ids in entries(items).items()
        for number, name in ids.items()
    ]
    return [each for each in found if each]
