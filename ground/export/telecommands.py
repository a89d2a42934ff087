"""XTCE of the uplink: telecommands with arguments, ranges, defaults, and PUS-1 verifiers."""

from __future__ import annotations

from enum import IntEnum
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import msgspec

from flight.dictionary.enums import CommandClass
from flight.dictionary.fieldspec import FieldSpec, fields, shown
from flight.dictionary.registry import Item, items
from flight.link.channels import Apid
from ground.export import fieldtypes
from ground.export.fieldtypes import legal

_VERIFIER = 'org.yamcs.pus.Pus1Verifier({stage: %d, template: "{reason}"})'
FILE_PDU = "file_pdu"
_STAGES = (
    ("AcceptedVerifier", "Accepted", 1, "PT60S"),
    ("ExecutionVerifier", "Started", 3, "PT600S"),
    ("CompleteVerifier", "Complete", 7, "PT86400S"),
)
_INPUTS = (
    ("/yamcs/cmd/arg/apid", "sentApid"),
    ("/yamcs/cmdHist/ccsds-seqcount", "sentSeq"),
    ("request_apid", "rcvdApid"),
    ("request_sequence", "rcvdSeq"),
    ("subtype", "subtype"),
    ("reason", "reason"),
)


def telecommands(system: Element) -> None:
    """Append all linked telecommands: ping as 17,1, the others as 8,1."""
    metadata = SubElement(system, "CommandMetaData")
    types = SubElement(metadata, "ArgumentTypeSet")
    fieldtypes.integer(types, "Argument", "apid", 11)
    commands = SubElement(metadata, "MetaCommandSet")
    _packet(commands, system)
    # Yamcs' frame link ends with a fault on a packet that names no telecommand of the database.
    SubElement(
        commands,
        "MetaCommand",
        {"name": FILE_PDU, "abstract": "true", "shortDescription": "A file PDU, sent by Yamcs"},
    )
    _abstract(commands, "function", service=8, subtype=1)
    for entry in items("command"):
        if entry.name == "ping":
            _concrete(commands, types, entry, "telecommand", _service(17, 1))
        elif entry.linked:
            opcode = [("opcode", f"{entry.id:04x}", 16)]
            _concrete(commands, types, entry, "function", opcode)


Fixed = list[tuple[str, str, int]]  # name, hexadecimal value, bits


def _service(service: int, subtype: int) -> Fixed:
    return [
        ("service", f"{service:02x}", 8),
        ("subtype", f"{subtype:02x}", 8),
        ("source", "0000", 16),
    ]


def _fixed(entries: Element, values: Fixed) -> None:
    for name, value, bits in values:
        SubElement(entries, "FixedValueEntry", name=name, binaryValue=value, sizeInBits=str(bits))


def _packet(commands: Element, system: Element) -> None:
    """Headers of every telecommand; length, sequence count and CRC are filled in by Yamcs."""
    element = SubElement(commands, "MetaCommand", {"name": "telecommand", "abstract": "true"})
    arguments = SubElement(element, "ArgumentList")
    SubElement(arguments, "Argument", name="apid", argumentTypeRef="apid")
    container = SubElement(element, "CommandContainer", name="telecommand")
    entries = SubElement(container, "EntryList")
    _fixed(entries, [("version", "00", 3), ("type", "01", 1), ("secondary", "01", 1)])
    SubElement(entries, "ArgumentRefEntry", argumentRef="apid")
    flags: Fixed = [("flags", "03", 2), ("sequence", "0000", 14), ("length", "0000", 16)]
    _fixed(entries, [*flags, ("pus_version", "02", 4), ("acknowledge", "0f", 4)])
    verifiers = SubElement(element, "VerifierSet")
    for kind, name, stage, window in _STAGES:
        _verifier(verifiers, f"/{system.get('name')}/", kind, name, stage, window)


def _verifier(verifiers: Element, root: str, kind: str, name: str, stage: int, window: str) -> None:
    element = SubElement(verifiers, kind, name=name)
    algorithm = SubElement(element, "CustomAlgorithm", name=f"verify_{name.lower()}")
    SubElement(algorithm, "AlgorithmText", language="Java").text = _VERIFIER % stage
    inputs = SubElement(algorithm, "InputSet")
    for parameter, label in _INPUTS:
        place = parameter if parameter.startswith("/") else root + parameter
        SubElement(inputs, "InputParameterInstanceRef", parameterRef=place, inputName=label)
    window_of = {"timeToStopChecking": window, "timeWindowIsRelativeTo": "commandRelease"}
    SubElement(element, "CheckWindow", window_of)


def _derived(element: Element, base: str) -> None:
    parent = SubElement(element, "BaseMetaCommand", metaCommandRef=base)
    if base == "telecommand":
        assigned = SubElement(parent, "ArgumentAssignmentList")
        SubElement(
            assigned, "ArgumentAssignment", argumentName="apid", argumentValue=str(int(Apid.NODE))
        )


def _abstract(commands: Element, name: str, service: int, subtype: int) -> None:
    element = SubElement(commands, "MetaCommand", {"name": name, "abstract": "true"})
    _derived(element, "telecommand")
    container = SubElement(element, "CommandContainer", name=name)
    _fixed(SubElement(container, "EntryList"), _service(service, subtype))
    SubElement(container, "BaseContainer", containerRef="telecommand")


def _concrete(commands: Element, types: Element, entry: Item[Any], base: str, head: Fixed) -> None:
    name, specs = legal(entry.name), fields(entry.type)
    element = SubElement(commands, "MetaCommand", name=name, shortDescription=entry.summary)
    _derived(element, base)
    arguments = SubElement(element, "ArgumentList") if specs else None
    container = SubElement(element, "CommandContainer", name=name)
    entries = SubElement(container, "EntryList")
    _fixed(entries, head)
    for spec in specs:
        assert arguments is not None
        kind = f"{name}_{spec.name}"
        fieldtypes.field_type(types, "Argument", kind, spec)
        attributes = {"name": spec.name, "argumentTypeRef": kind}
        attributes["shortDescription"] = spec.description
        if spec.default is not msgspec.NODEFAULT:
            attributes["initialValue"] = _initial(spec)
        SubElement(arguments, "Argument", attributes)
        SubElement(entries, "ArgumentRefEntry", argumentRef=spec.name)
    SubElement(container, "BaseContainer", containerRef=base)
    if entry.category is CommandClass.HAZARDOUS:
        SubElement(
            element,
            "DefaultSignificance",
            consequenceLevel="critical",
            reasonForWarning="hazardous: send command_arm with its opcode first",
        )


def _initial(spec: FieldSpec) -> str:
    value = spec.default
    if isinstance(value, IntEnum):
        return value.name
    return str(value) if isinstance(value, bool) else shown(value)
