"""The little YAML that a configuration needs: mappings, lists, and JSON scalars."""

from __future__ import annotations

import json
from typing import Any


def dump(value: Any) -> str:
    """Return block YAML of nested dicts, lists and scalars; strings are quoted as in JSON."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for name, each in value.items() for line in _member(f"{name}:", each)]
    if isinstance(value, list) and value:
        return [line for each in value for line in _item(each)]
    return [json.dumps(value)]


def _member(head: str, value: Any) -> list[str]:
    if isinstance(value, (dict, list)) and value:
        return [head, *("  " + line for line in _lines(value))]
    return [f"{head} {json.dumps(value)}"]


def _item(value: Any) -> list[str]:
    first, *rest = _lines(value)
    return [f"- {first}", *("  " + line for line in rest)]
