"""Texts of events for Yamcs: the dictionary's templates with the parameters of the XTCE."""

from __future__ import annotations

from string import Formatter
from typing import Any

from flight.dictionary.registry import Item, items
from ground.export.reports import system_name
from ground.export.xtce import NAME


def event_texts() -> list[dict[str, str]]:
    """One template an event, as ``org.yamcs.pus.PusEventDecoder`` reads them."""
    return [
        {"eventId": system_name(entry), "template": _template(entry)} for entry in items("event")
    ]


def _template(entry: Item[Any]) -> str:
    text = ""
    for words, place, form, _ in Formatter().parse(entry.template):
        text += words
        if place is not None:
            field = place.partition(".")[0]
            text += f"{{/{NAME}/{system_name(entry)}/{field}{_form(form or '')}}}"
    return text


def _form(form: str) -> str:
    """A format of Python's as Java has it: ``#010x`` is ``%#010x``."""
    return f"; %{form}" if form else ""
