"""The whole dictionary as one XTCE 1.2 space system, as Yamcs reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from flight.dictionary.fieldspec import fields
from flight.dictionary.registry import items
from ground.export import reports
from ground.export.fieldtypes import Limits
from ground.export.telecommands import telecommands

NAME = "tardigrade"
_NAMESPACE = "http://www.omg.org/spec/XTCE/20180204"


def alarms(settings: Mapping[str, Any]) -> dict[str, Limits]:
    """Alarm limits by packet and field: those that the governor keeps to, as the node's
    configuration has them. A warning where it reduces the budget, critical where it ends it."""
    entry = next(each for each in items("parameter") if each.name == "governor")
    known = {spec.name: float(spec.default) for spec in fields(entry.type)}
    known |= settings.get("parameters", {}).get("governor", {})
    hot, low = known["temperature_limit"], known["charge_limit"]
    temperature = Limits(warning_above=hot - known["temperature_margin"], critical_above=hot)
    charge = Limits(warning_below=low + known["charge_margin"], critical_below=low)
    packets = ("housekeeping", "board.readings")
    return {f"{packet}.temperature": temperature for packet in packets} | {
        f"{packet}.charge": charge for packet in packets
    }


def database(settings: Mapping[str, Any]) -> bytes:
    """XTCE of every linked item, UTF-8; ``settings`` as ``flight.config.load`` returns them."""
    root = Element("SpaceSystem", {"name": NAME, "xmlns": _NAMESPACE})
    SubElement(root, "Header", version="1", date="1958-01-01", validationStatus="Working")
    reports.headers(root)
    telecommands(root)
    limits = alarms(settings)
    for entry in items("telemetry"):
        # A parameter's value has a service of its own, 20,2, see below.
        if entry.linked and entry.name != "parameter.value":
            reports.telemetry(root, entry, limits)
    for entry in items("event"):
        reports.event(root, entry)
    for entry in items("parameter"):
        reports.parameter_set(root, entry)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True)) + b"\n"
