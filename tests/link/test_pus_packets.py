"""PUS-C packets: round trips, an independent implementation, damage of every kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from link_damage import accepted, flips, noise, truncations
from spacepackets.ecss.tc import PusTc
from spacepackets.ecss.tm import PusTm

from flight.link import cuc, fecf
from flight.link.errors import Fault, LinkError
from flight.link.pus import Report, Telecommand
from flight.link.spacepacket import SpacePacket

U8, U16 = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
APIDS, COUNTS = st.integers(0, 0x7FE), st.integers(0, 0x3FFF)
DATA = st.binary(max_size=200)
TIMES = st.binary(min_size=6, max_size=6).map(lambda ticks: cuc.unpack(b"\x1e" + ticks))
TELECOMMANDS = st.builds(Telecommand, APIDS, COUNTS, U8, U8, DATA, U16, st.integers(0, 15))
REPORTS = st.builds(Report, APIDS, COUNTS, U8, U8, TIMES, DATA, U16, U16)
COMMAND = Telecommand(100, 5, 8, 1, b"\0\2data")
REPORT = Report(100, 6, 3, 25, cuc.unpack(bytes.fromhex("1e7fe817a58000")), b"values")


@given(TELECOMMANDS)
def test_telecommands_equal_the_peers(command: Telecommand) -> None:
    raw = command.pack()
    peer = PusTc(
        service=command.service,
        message_subtype=command.subtype,
        apid=command.apid,
        app_data=command.data,
        seq_count=command.sequence,
        source_id=command.source,
        ack_flags=command.acknowledge,
    )
    assert raw == bytes(peer.pack())
    assert Telecommand.unpack(raw) == command
    assert command.request_id == int.from_bytes(raw[:4], "big")


@given(REPORTS)
def test_reports_equal_the_peers(report: Report) -> None:
    raw = report.pack()
    peer = PusTm(
        service=report.service,
        message_subtype=report.subtype,
        timestamp=cuc.pack(report.utc_ns),
        source_data=report.data,
        apid=report.apid,
        seq_count=report.sequence,
        message_counter=report.counter,
        destination_id=report.destination,
    )
    assert raw == bytes(peer.pack())
    assert Report.unpack(raw) == report


@pytest.mark.parametrize("packet", [COMMAND, REPORT])
def test_every_truncation_tail_and_bit_flip_is_refused(packet: Telecommand | Report) -> None:
    raw, decode = packet.pack(), type(packet).unpack
    assert accepted(decode, truncations(raw)) == []
    assert accepted(decode, iter([raw + b"\0", raw + raw])) == []
    assert accepted(decode, flips(raw)) == [], f"{8 * len(raw)} flips"


@pytest.mark.parametrize("kind", [Telecommand, Report])
def test_random_octets_raise_nothing_else(kind: type[Telecommand | Report]) -> None:
    taken = accepted(kind.unpack, noise(3, 60))
    assert taken == [], "a CRC right by chance is possible but does not happen with this seed"


@pytest.mark.parametrize("kind", [Telecommand, Report])
def test_random_data_fields_behind_a_good_header_raise_nothing_else(
    kind: type[Telecommand | Report],
) -> None:
    def sealed(body: bytes) -> bytes:
        packet = SpacePacket(100, kind is Telecommand, 0, body + b"\0\0").pack()
        return fecf.append(packet[:-2])

    for raw in accepted(kind.unpack, (sealed(body) for body in noise(4, 30))):
        packet = kind.unpack(raw)
        assert packet.pack()[7:] == raw[7:] or isinstance(packet, Report)


def refused(raw: bytes, kind: type[Telecommand | Report]) -> Fault:
    with pytest.raises(LinkError) as caught:
        kind.unpack(raw)
    return caught.value.reason


def test_reasons() -> None:
    assert refused(REPORT.pack(), Telecommand) is Fault.TYPE
    assert refused(COMMAND.pack(), Report) is Fault.TYPE
    bare = fecf.append(SpacePacket(1, True, 0, bytes(9), secondary=False).pack()[:-2])
    assert refused(bare, Telecommand) is Fault.TYPE
    first = fecf.append(SpacePacket(1, True, 0, b"\x20" + bytes(8), flags=1).pack()[:-2])
    assert refused(first, Telecommand) is Fault.TYPE
    old = fecf.append(SpacePacket(1, True, 0, b"\x10" + bytes(8)).pack()[:-2])
    assert refused(old, Telecommand) is Fault.VERSION
    short = fecf.append(SpacePacket(1, True, 0, b"\x20\1\1\0\0\0").pack()[:-2])
    assert refused(short, Telecommand) is Fault.LENGTH
    damaged = COMMAND.pack()[:-1] + b"\0"
    assert refused(damaged, Telecommand) is Fault.CRC


@pytest.mark.parametrize(
    "packet",
    [
        Telecommand(100, 0, 8, 1, b"", acknowledge=16),
        Telecommand(100, 0, 256, 1, b""),
        Telecommand(100, 0, 8, -1, b""),
        Telecommand(100, 0, 8, 1, b"", source=1 << 16),
        Telecommand(1 << 11, 0, 8, 1, b""),
        Telecommand(100, 0, 8, 1, bytes(65536)),
        Report(100, 0, 3, 256, 0, b""),
        Report(100, 0, 3, 25, -(10**19), b""),
        Report(100, 0, 3, 25, 0, b"", destination=-1),
    ],
)
def test_values_that_do_not_fit(packet: Telecommand | Report) -> None:
    with pytest.raises(LinkError):
        packet.pack()


def test_counters_wrap() -> None:
    report = Report.unpack(Report(100, 1 << 14, 3, 25, 0, b"", counter=1 << 16).pack())
    assert (report.sequence, report.counter) == (0, 0)
