"""XTCE of the downlink: PUS headers, verification, housekeeping, events, parameter values.

Every first entry of a container has its place from the start of the packet; what follows, follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from flight.dictionary.enums import Reason, Severity
from flight.dictionary.fieldspec import FieldSpec, fields
from flight.dictionary.registry import Item, items
from flight.link.channels import Apid
from ground.export import fieldtypes
from ground.export.fieldtypes import Limits, legal

DATA = 160  # bits before the source data: primary header 6 octets, secondary 7, CUC time 7
_EVENT_DATA = DATA + 8 * 19  # id u16, severity u8, source of 16 octets
_TICK = 2**-16  # s, of the 48 bits of CUC time

Place = int | None


class Database:
    """One space system under construction: its types, parameters and containers."""

    def __init__(self, system: Element) -> None:
        metadata = SubElement(system, "TelemetryMetaData")
        self.types = SubElement(metadata, "ParameterTypeSet")
        self._parameters = SubElement(metadata, "ParameterSet")
        self.containers = SubElement(metadata, "ContainerSet")

    def parameter(self, name: str, kind: str = "", description: str = "") -> None:
        """Append a parameter of the type ``kind``, by default that of its own name."""
        attributes = {"name": name, "parameterTypeRef": kind or name}
        if description:
            attributes["shortDescription"] = description
        SubElement(self._parameters, "Parameter", attributes)

    def container(
        self,
        name: str,
        entries: Mapping[str, Place],
        base: str = "",
        criteria: Mapping[str, object] | None = None,
        description: str = "",
    ) -> None:
        """Append a container: entries by parameter, with their bit from the start, or None."""
        attributes = {"name": name}
        if description:
            attributes["shortDescription"] = description
        element = SubElement(self.containers, "SequenceContainer", attributes)
        listed = SubElement(element, "EntryList")
        for parameter, place in entries.items():
            entry = SubElement(listed, "ParameterRefEntry", parameterRef=parameter)
            if place is not None:
                located = SubElement(
                    entry, "LocationInContainerInBits", referenceLocation="containerStart"
                )
                SubElement(located, "FixedValue").text = str(place)
        if base:
            parent = SubElement(element, "BaseContainer", containerRef=base)
            restriction = SubElement(parent, "RestrictionCriteria")
            compared = SubElement(restriction, "ComparisonList")
            for parameter, value in (criteria or {}).items():
                SubElement(
                    compared,
                    "Comparison",
                    parameterRef=parameter,
                    value=str(value),
                    useCalibratedValue="false",
                )


def headers(system: Element) -> None:
    """What all packets share, and the reports that are not of the dictionary (1,x and 17,2)."""
    base = Database(system)
    for name, bits in (("u11", 11), ("u14", 14), ("u8", 8), ("u16", 16), ("u32", 32)):
        fieldtypes.integer(base.types, "Parameter", name, bits)
    fieldtypes.enumerated(base.types, "Parameter", "reason", Reason, 16)
    fieldtypes.enumerated(base.types, "Parameter", "severity", Severity)
    fieldtypes.text(base.types, "Parameter", "event_source", 16)
    known = {legal(each.type.__name__): each.id for each in items("event")}
    fieldtypes.enumerated(base.types, "Parameter", "event_id", known, 16)
    _time(base.types)
    for name, kind in _HEADER_PARAMETERS.items():
        base.parameter(name, kind)
    base.container("packet", {"apid": 5, "sequence": 18})
    base.container(
        "report",
        {"service": 56, "subtype": 64, "counter": 72, "destination": 88, "time_code": 104}
        | {"time": 112},
        "packet",
        {"apid": int(Apid.NODE)},
    )
    request = {"request": DATA, "request_apid": DATA + 5, "request_sequence": DATA + 18}
    base.container("verification", request, "report", {"service": 1})
    for name, subtype in (("accepted", 1), ("started", 3), ("completed", 7)):
        base.container(name, {}, "verification", {"subtype": subtype})
    base.container("progress", {"step": DATA + 32}, "verification", {"subtype": 5})
    for name, subtype in (("refused", 2), ("start_failed", 4), ("failed", 8)):
        base.container(name, {"reason": DATA + 32}, "verification", {"subtype": subtype})
    criteria = {"service": 3, "subtype": 25}
    base.container("housekeeping_report", {"packet_id": DATA}, "report", criteria)
    event = {"event_id": DATA, "event_severity": DATA + 16, "event_source": DATA + 24}
    base.container("event_report", event, "report", {"service": 5})
    count = {"parameter_count": DATA, "parameter_number": DATA + 16}
    base.container("parameter_report", count, "report", {"service": 20, "subtype": 2})
    base.container("pong", {}, "report", {"service": 17, "subtype": 2})


_HEADER_PARAMETERS = {
    "apid": "u11", "sequence": "u14", "service": "u8", "subtype": "u8", "counter": "u16",
    "destination": "u16", "time_code": "u8", "time": "time", "request": "u32",
    "request_apid": "u11", "request_sequence": "u14", "step": "u16", "reason": "reason",
    "packet_id": "u16", "event_id": "event_id", "event_severity": "severity",
    "event_source": "event_source", "parameter_count": "u16", "parameter_number": "u16",
}  # fmt: skip


def _time(types: Element) -> None:
    element = SubElement(types, "AbsoluteTimeParameterType", name="time")
    encoding = SubElement(element, "Encoding", units="seconds", scale=repr(_TICK))
    SubElement(encoding, "IntegerDataEncoding", sizeInBits="48", encoding="unsigned")
    SubElement(SubElement(element, "ReferenceTime"), "Epoch").text = "TAI"


def telemetry(parent: Element, entry: Item[Any], limits: Mapping[str, Limits]) -> None:
    """A housekeeping packet (3,25) as a space system: one parameter a field."""
    _report(parent, entry, "housekeeping_report", "packet_id", DATA + 16, limits)


def event(parent: Element, entry: Item[Any]) -> None:
    """An event (5,1 to 5,4) as a space system: one parameter an argument."""
    _report(parent, entry, "event_report", "event_id", _EVENT_DATA, {})


def _report(
    parent: Element,
    entry: Item[Any],
    base: str,
    key: str,
    start: int,
    limits: Mapping[str, Limits],
) -> None:
    name = system_name(entry)
    system = SubElement(parent, "SpaceSystem", name=name, shortDescription=entry.summary)
    database, entries = Database(system), {}
    place: Place = start
    for spec in fields(entry.type):
        fieldtypes.field_type(
            database.types, "Parameter", spec.name, spec, limits.get(f"{entry.name}.{spec.name}")
        )
        database.parameter(spec.name, description=spec.description)
        entries[spec.name], place = place, None
    root = f"/{parent.get('name')}/"
    database.container(name, entries, root + base, {root + key: entry.id}, entry.summary)


def system_name(entry: Item[Any]) -> str:
    """Name of an item's space system; an event's is that of its class."""
    return entry.type.__name__ if entry.kind == "event" else legal(entry.name)


def parameter_set(parent: Element, entry: Item[Any]) -> None:
    """The parameters of one set (20,2) as a space system: values as they are in force."""
    name = "parameters_" + legal(entry.name)
    system = SubElement(parent, "SpaceSystem", name=name, shortDescription=entry.summary)
    database = Database(system)
    root = f"/{parent.get('name')}/"
    for place, spec in enumerate(fields(entry.type)):
        fieldtypes.real(database.types, "Parameter", spec.name, as_real(spec))
        database.parameter(spec.name, description=spec.description)
        criteria = {root + "parameter_number": entry.id << 8 | place}
        database.container(spec.name, {spec.name: DATA + 32}, root + "parameter_report", criteria)


def as_real(spec: FieldSpec) -> FieldSpec:
    """The field as service 20 carries it: binary64, whatever its type on board."""
    return replace(spec, wire="d", size=8)
