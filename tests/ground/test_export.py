"""``ground export``: every linked item once, offsets that agree with the packets on the link."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.config import default_path, load
from flight.dictionary import layout
from flight.dictionary.fieldspec import FieldSpec, fields
from flight.dictionary.registry import BY_NAME, Item, items
from flight.link import services
from flight.link.pus import Report
from flight.link.tc import MAX_SIZE
from ground.__main__ import main
from ground.export.xtce import database

X = "{http://www.omg.org/spec/XTCE/20180204}"
ROOT = ElementTree.fromstring(database(load(default_path())))
REPORTED = [e for e in items("telemetry") if e.linked and e.name != "parameter.value"]
COMMANDS = [e for e in items("command") if e.linked]
HEAD = 11  # octets of a telecommand's headers


class Reader:
    """As little of XTCE as the export uses, from the schema: one packet to values by path."""

    def __init__(self, root: Element) -> None:
        self.types: dict[str, Element] = {}
        self.parameters: dict[str, str] = {}
        self.children: dict[str, list[tuple[str, Element]]] = {}
        self._walk(root, f"/{root.get('name')}/")

    def _walk(self, system: Element, path: str) -> None:
        metadata = system.find(f"{X}TelemetryMetaData")
        if metadata is not None:
            for kind in metadata.findall(f"{X}ParameterTypeSet/*"):
                self.types[path + kind.attrib["name"]] = kind
            for each in metadata.findall(f"{X}ParameterSet/*"):
                name = path + each.attrib["name"]
                assert name not in self.parameters
                self.parameters[name] = path + each.attrib["parameterTypeRef"]
            for container in metadata.findall(f"{X}ContainerSet/*"):
                base = container.find(f"{X}BaseContainer")
                parent = "" if base is None else absolute(base.attrib["containerRef"], path)
                self.children.setdefault(parent, []).append((path, container))
        for below in system.findall(f"{X}SpaceSystem"):
            self._walk(below, f"{path}{below.attrib['name']}/")

    def read(self, packet: bytes) -> tuple[list[str], dict[str, Any], int]:
        """Containers that the packet is, values by parameter, and the bits that were used."""
        values: dict[str, Any] = {}
        named: list[str] = []
        level, bit = self.children[""], 0
        while True:
            fitting = [(p, c) for p, c in level if self._fits(p, c, values)]
            if not fitting:
                return named, values, bit
            assert len(fitting) == 1, [c.get("name") for _, c in fitting]
            path, container = fitting[0]
            for entry in container.findall(f"{X}EntryList/{X}ParameterRefEntry"):
                place = entry.find(f"{X}LocationInContainerInBits/{X}FixedValue")
                bit = bit if place is None else int(str(place.text))
                name = absolute(entry.attrib["parameterRef"], path)
                values[name], width = value(self.types[self.parameters[name]], packet, bit)
                bit += width
            named.append(path + container.attrib["name"])
            level = self.children.get(named[-1], [])

    def _fits(self, path: str, container: Element, values: dict[str, Any]) -> bool:
        compared = container.iter(f"{X}Comparison")
        return all(
            values[absolute(c.attrib["parameterRef"], path)] == int(c.attrib["value"])
            for c in compared
        )


def absolute(name: str, path: str) -> str:
    return name if name.startswith("/") else path + name


def value(kind: Element, packet: bytes, bit: int) -> tuple[Any, int]:
    """Raw value of a type at a bit, and its width."""
    text = kind.find(f"{X}StringDataEncoding/{X}SizeInBits/{X}Fixed/{X}FixedValue")
    if text is not None:
        size = int(str(text.text))
        octets = packet[bit // 8 : (bit + size) // 8]
        return octets.split(b"\0")[0].decode("ascii"), size
    real = kind.find(f"{X}FloatDataEncoding")
    encoding = real if real is not None else next(kind.iter(f"{X}IntegerDataEncoding"))
    size = int(encoding.attrib["sizeInBits"])
    whole = int.from_bytes(packet, "big") >> (8 * len(packet) - bit - size) & (1 << size) - 1
    if real is not None:
        form = {32: ">f", 64: ">d"}[size]
        return struct.unpack(form, whole.to_bytes(size // 8, "big"))[0], size
    if encoding.attrib["encoding"] == "twosComplement" and whole >> (size - 1):
        whole -= 1 << size
    return whole, size


READER = Reader(ROOT)


def field_values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values that a field may have."""
    if spec.enum is not None:
        return st.sampled_from(list(spec.enum))
    if spec.wire == "text":
        return st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=spec.size)
    if spec.wire == "?":
        return st.booleans()
    if spec.wire in ("f", "d"):
        width = 32 if spec.wire == "f" else 64
        return st.floats(spec.lo, spec.hi, allow_nan=False, allow_infinity=False, width=width)
    return st.integers(int(spec.lo or 0), int(spec.hi or 0))


def messages(entry: Item[Any]) -> st.SearchStrategy[Any]:
    return st.builds(entry.type, *(field_values(spec) for spec in fields(entry.type)))


def agrees(data: st.DataObject, entry: Item[Any], service: int, subtype: int, head: bytes) -> None:
    """A packet with a generated message is read to the values that layout.unpack gives."""
    body = layout.pack(data.draw(messages(entry)))
    packet = Report(100, 7, service, subtype, 1_800_000_000_000_000_000, head + body).pack()
    named, values, bits = READER.read(packet)
    system = named[-1].rpartition("/")[0]
    wanted = layout.unpack(entry.type, body)
    for spec in fields(entry.type):
        assert values[f"{system}/{spec.name}"] == getattr(wanted, spec.name), spec.name
    assert bits == 8 * (len(packet) - 2), "octets are left over"


@pytest.mark.parametrize("entry", REPORTED, ids=lambda e: e.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_housekeeping_offsets_agree_with_the_layout(entry: Item[Any], data: st.DataObject) -> None:
    agrees(data, entry, 3, 25, struct.pack(">H", entry.id))


@pytest.mark.parametrize("entry", items("event"), ids=lambda e: e.name)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_event_offsets_agree_with_the_layout(entry: Item[Any], data: st.DataObject) -> None:
    agrees(data, entry, 5, 2, struct.pack(">HB16s", entry.id, entry.severity, b"health"))


def test_every_parameter_is_told_under_its_own_name() -> None:
    for entry in items("parameter"):
        for spec in fields(entry.type):
            kind = BY_NAME["telemetry", "parameter.value"].type
            content = services.housekeeping(kind(f"{entry.name}.{spec.name}", 0.5))
            _, values, _ = READER.read(Report(100, 1, content[0], content[1], 0, content[2]).pack())
            assert values[f"/tardigrade/parameters_{entry.name}/{spec.name}"] == 0.5


def test_request_of_a_verification_report() -> None:
    data = struct.pack(">IH", 0x1864C123, 3)
    named, values, _ = READER.read(Report(100, 1, 1, 8, 0, data).pack())
    assert named[-1] == "/tardigrade/failed"
    assert values["/tardigrade/request_apid"] == 100
    assert values["/tardigrade/request_sequence"] == 0x123
    assert values["/tardigrade/reason"] == 3


def test_every_linked_item_is_there_exactly_once() -> None:
    containers = [c for level in READER.children.values() for _, c in level]
    matched = [
        (c.attrib["parameterRef"].rpartition("/")[2], int(c.attrib["value"]))
        for container in containers
        for c in container.iter(f"{X}Comparison")
    ]
    for key, entries in (("packet_id", REPORTED), ("event_id", items("event"))):
        found = sorted(number for name, number in matched if name == key)
        assert found == [entry.id for entry in entries]
    numbers = sorted(number for name, number in matched if name == "parameter_number")
    assert numbers == [
        entry.id << 8 | place
        for entry in items("parameter")
        for place, _ in enumerate(fields(entry.type))
    ]
    commands = [
        c.attrib["name"] for c in ROOT.iter(f"{X}MetaCommand") if "abstract" not in c.attrib
    ]
    assert sorted(commands) == sorted(entry.name.replace(".", "_") for entry in COMMANDS)


def encoded(name: str, arguments: dict[str, Any]) -> bytes:
    """Octets of a telecommand before length, count and CRC are filled in."""
    chain: list[Element] = []
    step = name
    while step:
        element = next(c for c in ROOT.iter(f"{X}MetaCommand") if c.attrib["name"] == step)
        chain.insert(0, element)
        base = element.find(f"{X}BaseMetaCommand")
        step = "" if base is None else base.attrib["metaCommandRef"]
    bits = ""
    for element in chain:
        kinds = {
            a.attrib["name"]: a.attrib["argumentTypeRef"]
            for a in element.findall(f"{X}ArgumentList/{X}Argument")
        }
        for entry in element.findall(f"{X}CommandContainer/{X}EntryList/*"):
            if entry.tag == f"{X}FixedValueEntry":
                width = int(entry.attrib["sizeInBits"])
                bits += f"{int(entry.attrib['binaryValue'], 16):0{width}b}"
            else:
                argument = entry.attrib["argumentRef"]
                bits += argument_bits(kinds[argument], arguments[argument])
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def argument_bits(kind: str, given_value: Any) -> str:
    types = ROOT.find(f"{X}CommandMetaData/{X}ArgumentTypeSet")
    assert types is not None
    element = next(t for t in types if t.attrib["name"] == kind)
    text = element.find(f"{X}StringDataEncoding/{X}SizeInBits/{X}Fixed/{X}FixedValue")
    if text is not None:
        octets = given_value.encode().ljust(int(str(text.text)) // 8, b"\0")
    elif (real := element.find(f"{X}FloatDataEncoding")) is not None:
        octets = struct.pack({"32": ">f", "64": ">d"}[real.attrib["sizeInBits"]], given_value)
    else:
        width = int(element.find(f"{X}IntegerDataEncoding").attrib["sizeInBits"])  # type: ignore[union-attr]
        return f"{int(given_value):0{width}b}"
    return f"{int.from_bytes(octets, 'big'):0{8 * len(octets)}b}"


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda e: e.name)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_telecommands_are_what_the_node_parses(entry: Item[Any], data: st.DataObject) -> None:
    message = data.draw(messages(entry))
    arguments = {spec.name: getattr(message, spec.name) for spec in fields(entry.type)}
    assert not {"apid"} & set(arguments)
    packet = encoded(entry.name.replace(".", "_"), {"apid": 100} | arguments)
    assert packet[:2] == b"\x18\x64"
    assert packet[6] == 0x2F
    parsed = services.parse_telecommand(packet[7], packet[8], packet[HEAD:])
    assert parsed == layout.unpack(entry.type, layout.pack(message))
    assert len(packet) < MAX_SIZE - 64


def test_alarm_limits_are_those_of_the_governor(tmp_path: Path) -> None:
    shipped = load(default_path())
    shipped["parameters"]["governor"] = {"temperature_limit": 60.0, "temperature_margin": 5.0}
    root = ElementTree.fromstring(database(shipped))
    housekeeping = next(s for s in root.iter(f"{X}SpaceSystem") if s.get("name") == "housekeeping")
    kind = next(
        t for t in housekeeping.iter(f"{X}FloatParameterType") if t.get("name") == "temperature"
    )
    assert next(kind.iter(f"{X}WarningRange")).attrib == {"maxInclusive": "55"}
    assert next(kind.iter(f"{X}CriticalRange")).attrib == {"maxInclusive": "60"}


def test_folder_for_yamcs_has_the_keys_for_their_owner_only(tmp_path: Path) -> None:
    assert main(["key", "init", "--keys", str(tmp_path / "keys")]) == 0
    words = ["export", "yamcs", str(tmp_path / "y"), "--keys", str(tmp_path / "keys"), "--cltu"]
    assert main(words) == 0
    text = (tmp_path / "y/etc/yamcs.tardigrade.yaml").read_text()
    assert 'keyFile: "keys/tc-vc0.key"' in text
    assert "mapId: 0" in text
    assert 'cltuEncoding: "BCH"' in text
    assert "frameLength: 640" in text
    files = list((tmp_path / "y/keys").iterdir())
    assert len(files) == 6
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert main(words) == 3, "keys are never written over"


def test_xtce_is_written_or_the_folder_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "xtce", str(tmp_path / "t.xml")]) == 0
    assert (tmp_path / "t.xml").read_bytes() == database(load(default_path()))
    assert main(["export", "xtce", str(tmp_path / "none" / "t.xml")]) == 2
    assert "none" in capsys.readouterr().err
