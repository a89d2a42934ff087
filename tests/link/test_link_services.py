"""The dictionary in PUS services: every message there and back, every refusal with its reason."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_damage import accepted, noise, truncations

from flight.dictionary import layout
from flight.dictionary.codec import encode
from flight.dictionary.commands import CancelTask, Ping, RunTask, SetParameter, StoreProduct
from flight.dictionary.enums import Level, Mode, Reason, Severity, Stage
from flight.dictionary.events import NodeStarted
from flight.dictionary.fieldspec import FieldSpec, fields
from flight.dictionary.layout import LayoutError
from flight.dictionary.operations import ParameterValue, ReportParameters
from flight.dictionary.registry import Item, Message, items
from flight.dictionary.telemetry import CommandStage, EventReport, Heartbeat, NodeState
from flight.link import services
from flight.link.errors import CommandError, LinkError
from flight.link.pus import Report, Telecommand
from flight.link.services import EventRecord, Pong, parse_report, parse_telecommand
from flight.link.tc import TcFrame

UTC = 1_767_225_600_500_000_000  # whole and half seconds are exact in CUC
REQUEST = Telecommand(100, 5, 8, 1, b"").request_id
COMMANDS = [item for item in items("command") if item.linked]
PACKETS = [item for item in items("telemetry") if item.linked]
EVENTS = items("event")
PARAMETERS = [f"{e.name}.{field}" for e in items("parameter") for field in e.type.__struct_fields__]


def values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values of a linked field, reals among those that binary32 holds exactly."""
    if spec.enum is not None:
        return st.sampled_from(spec.enum)
    if spec.wire == "?":
        return st.booleans()
    if spec.wire == "text":
        return st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=spec.size)
    if spec.wire in ("f", "d"):
        low, high = spec.lo, spec.hi
        whole = st.integers(0 if low is None else int(low), 1000 if high is None else int(high))
        return whole.map(float)
    return st.integers(spec.lo, spec.hi)


def messages(kind: type[Message]) -> st.SearchStrategy[Any]:
    drawn = {spec.name: values(spec) for spec in fields(kind)}
    if kind in (SetParameter, ReportParameters, ParameterValue):  # these go by number
        drawn["name"] = st.sampled_from(PARAMETERS)
    return st.builds(kind, **drawn)


def received(content: services.Content) -> Any:
    """What the ground reads from a report, carried in a packet."""
    service, subtype, data = content
    return parse_report(Report.unpack(Report(100, 1, service, subtype, UTC, data).pack()))


def refused(service: int, subtype: int, data: bytes) -> Reason:
    with pytest.raises(CommandError) as caught:
        parse_telecommand(service, subtype, data)
    assert isinstance(caught.value, LinkError)
    assert str(caught.value) == caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize("item", COMMANDS, ids=lambda item: item.name)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_commands_through_packet_and_frame(item: Item[Any], data: st.DataObject) -> None:
    command = data.draw(messages(item.type))
    service, subtype, octets = services.telecommand(command)
    packet = Telecommand(100, 5, service, subtype, octets)
    raw = TcFrame(77, 0, 3, packet.pack()).pack()
    packet = Telecommand.unpack(TcFrame.unpack(raw, 77).data)
    assert parse_telecommand(packet.service, packet.subtype, packet.data) == command


def test_services_of_commands() -> None:
    assert services.telecommand(Ping()) == (17, 1, b"")
    assert services.telecommand(CancelTask(7)) == (8, 1, bytes.fromhex("000300000007"))


def test_commands_that_do_not_go_up() -> None:
    with pytest.raises(LayoutError):
        services.telecommand(CancelTask(1 << 32))
    with pytest.raises(LayoutError):
        services.telecommand(StoreProduct(1, None, b""))  # type: ignore[arg-type]


def test_reasons_of_refusal() -> None:
    _, _, good = services.telecommand(RunTask("cloud", "scene", Level.TMR, 9))
    assert refused(17, 1, b"x") is Reason.FORMAT
    assert refused(17, 2, b"") is Reason.UNKNOWN
    assert refused(8, 2, good) is Reason.UNKNOWN
    assert refused(8, 1, b"\x7f\xff") is Reason.UNKNOWN
    assert refused(8, 1, b"\0\7" + bytes(20)) is Reason.UNKNOWN  # StoreProduct stays on board
    assert refused(8, 1, good + b"\0") is Reason.FORMAT
    for short in truncations(good):
        assert refused(8, 1, short) is Reason.FORMAT
    assert refused(8, 1, good[:67] + b"\x0a" + good[68:]) is Reason.RANGE  # priority 10
    assert refused(8, 1, good[:-6] + b"\x09" + good[-5:]) is Reason.RANGE  # level 9
    named = layout.pack(SetParameter("executor.redo_limit", 3.0))
    assert parse_telecommand(8, 1, b"\0\5" + named) == SetParameter("executor.redo_limit", 3.0)
    assert refused(8, 1, b"\0\5\x80" + named[1:]) is Reason.RANGE  # not ASCII


def test_random_telecommands_raise_nothing_else() -> None:
    source = random.Random(12)
    opcodes = [item.id for item in items("command")]
    reasons = set()
    for _ in range(3000):
        kind = source.choice([(8, 1), (8, 1), (17, 1), (source.randrange(256), 1)])
        data = source.choice(opcodes).to_bytes(2, "big") + source.randbytes(source.randint(0, 80))
        try:
            parse_telecommand(*kind, data[: source.randint(0, len(data))])
        except CommandError as error:
            reasons.add(error.reason)
    assert reasons <= {Reason.UNKNOWN, Reason.FORMAT, Reason.RANGE}, "of 3000 telecommands"


@pytest.mark.parametrize("item", PACKETS, ids=lambda item: item.name)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_housekeeping(item: Item[Any], data: st.DataObject) -> None:
    message = data.draw(messages(item.type))
    content = services.housekeeping(message)
    if item.type is ParameterValue:
        assert content[:2] == (20, 2)
    else:
        assert content[:2] == (3, 25)
        assert content[2] == item.id.to_bytes(2, "big") + layout.pack(message)
    assert received(content) == message


def test_telemetry_that_stays_on_board() -> None:
    with pytest.raises(LayoutError):
        services.housekeeping(Heartbeat("link", 1, 0.0, {}))


@pytest.mark.parametrize("item", EVENTS, ids=lambda item: item.name)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_events(item: Item[Any], data: st.DataObject) -> None:
    event = data.draw(messages(item.type))
    report = EventReport(item.id, item.severity, "executor", UTC, encode(event))
    content = services.event(report)
    assert content[:2] == (5, max(1, item.severity))
    assert received(content) == EventRecord(item.id, item.severity, "executor", UTC, event)


def test_known_octets_of_an_event() -> None:
    report = EventReport(1, Severity.FATAL, "executive", UTC, encode(NodeStarted(9)))
    head = b"\0\1" + b"\4" + b"executive".ljust(16, b"\0")
    assert services.event(report) == (5, 4, head + b"\0\0\0\x09")


@pytest.mark.parametrize(("given_name", "name"), [("s" * 20, "s" * 16), ("ü", "?"), ("", "")])
def test_source_names_are_made_to_fit(given_name: str, name: str) -> None:
    report = EventReport(1, Severity.ACTIVITY, given_name, UTC, encode(NodeStarted(1)))
    assert received(services.event(report)).source == name


@pytest.mark.parametrize(
    "report",
    [
        EventReport(999, Severity.ACTIVITY, "x", UTC, encode(NodeStarted(1))),
        EventReport(1, Severity.ACTIVITY, "x", UTC, b""),
        EventReport(1, Severity.ACTIVITY, "x", UTC, encode(NodeStarted(-1))),
        EventReport(2, Severity.ACTIVITY, "x", UTC, encode(NodeStarted(1))),
    ],
)
def test_events_that_are_not_as_declared(report: EventReport) -> None:
    with pytest.raises(LinkError):
        services.event(report)


STAGES = [
    (CommandStage(REQUEST, Stage.ACCEPTED), 1, ""),
    (CommandStage(REQUEST, Stage.FAILED, 0, Reason.RANGE, accepted=False), 2, "0003"),
    (CommandStage(REQUEST, Stage.STARTED), 3, ""),
    (CommandStage(REQUEST, Stage.PROGRESS, 258), 5, "0102"),
    (CommandStage(REQUEST, Stage.COMPLETED), 7, ""),
    (CommandStage(REQUEST, Stage.FAILED, 0, Reason.NO_MAJORITY), 8, "000d"),
]


@pytest.mark.parametrize(("stage", "subtype", "rest"), STAGES)
def test_stages(stage: CommandStage, subtype: int, rest: str) -> None:
    content = services.stage(stage)
    assert content == (1, subtype, REQUEST.to_bytes(4, "big") + bytes.fromhex(rest))
    assert received(content) == stage
    # A request id alone is a whole report where nothing follows it.
    assert accepted(lambda raw: received((1, subtype, raw)), truncations(content[2])) == []
    with pytest.raises(LinkError):
        received((1, subtype, content[2] + b"\0"))


def test_failed_start_is_a_failure_after_acceptance() -> None:
    data = REQUEST.to_bytes(4, "big") + b"\0\x0b"
    assert received((1, 4, data)) == CommandStage(REQUEST, Stage.FAILED, 0, Reason.INTERNAL)


def test_steps_that_do_not_fit_stay_at_the_last() -> None:
    content = services.stage(CommandStage(REQUEST, Stage.PROGRESS, 1 << 20))
    assert received(content).step == 0xFFFF


@pytest.mark.parametrize("stage", [Stage.QUEUED, Stage.RELEASED, Stage.SENT])
def test_stages_of_the_ground_do_not_go_down(stage: Stage) -> None:
    with pytest.raises(LinkError):
        services.stage(CommandStage(REQUEST, stage))


def test_pong() -> None:
    assert received(services.PONG) == Pong()


EVENT = services.event(EventReport(1, Severity.ACTIVITY, "a", UTC, encode(NodeStarted(1))))[2]
STATE = services.housekeeping(NodeState(Mode.NOMINAL, 1, 2.0, 3, 4, 5))[2]


@pytest.mark.parametrize(
    ("service", "subtype", "data"),
    [
        (1, 9, bytes(4)),
        (1, 6, bytes(6)),
        (1, 8, bytes(4) + b"\xff\xff"),  # no such reason
        (3, 24, STATE),
        (3, 25, b""),
        (3, 25, b"\0\1" + bytes(20)),  # Heartbeat stays on board
        (3, 25, b"\x7f\xff"),
        (3, 25, STATE + b"\0"),
        (5, 2, EVENT),  # severity says 5,1
        (5, 9, EVENT),
        (5, 1, EVENT[:2] + b"\x09" + EVENT[3:]),  # no such severity
        (5, 1, EVENT[:3] + b"\x1b" + EVENT[4:]),  # control character in the source
        (5, 1, EVENT[:3] + b"\xfc" + EVENT[4:]),
        (5, 1, b"\x03\xe7" + EVENT[2:]),
        (17, 1, b""),
        (17, 2, b"x"),
        (99, 1, b""),
    ],
)
def test_reports_that_are_none(service: int, subtype: int, data: bytes) -> None:
    with pytest.raises(LinkError):
        received((service, subtype, data))


def test_truncated_reports() -> None:
    assert accepted(lambda raw: received((3, 25, raw)), truncations(STATE)) == []
    assert accepted(lambda raw: received((5, 1, raw)), truncations(EVENT)) == []


def test_random_reports_raise_nothing_else() -> None:
    source = random.Random(13)
    kinds = [(1, each) for each in range(10)] + [(3, 25), (5, 1), (5, 2), (5, 3), (5, 4), (17, 2)]
    for raw in noise(14, 120):
        service, subtype = source.choice(kinds)
        identifier = source.randrange(60).to_bytes(2, "big")
        accepted(lambda data, kind=(service, subtype): received((*kind, data)), iter([raw]))
        accepted(
            lambda data, kind=(service, subtype): received((*kind, data)), iter([identifier + raw])
        )
