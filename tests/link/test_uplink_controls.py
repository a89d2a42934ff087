"""Control commands of COP-1, which the standard sends in clear: what an attacker gets from them."""

from __future__ import annotations

from flight.dictionary.commands import Ping
from flight.link import services
from flight.link.channels import Apid
from flight.link.pus import Telecommand
from flight.link.tc import UNLOCK, TcFrame, set_vr
from flight.link.uplink import CONTROLS, Uplink

SPACECRAFT = 0xA5


def control(data: bytes) -> bytes:
    return TcFrame(SPACECRAFT, 0, 0, data, bypass=True, control=True).pack()


def ping(sequence: int, bypass: bool = False) -> bytes:
    packet = Telecommand(Apid.NODE, sequence, *services.telecommand(Ping()))
    return TcFrame(SPACECRAFT, 0, sequence % 256, packet.pack(), bypass=bypass).pack()


def test_a_flood_is_refused_and_counted_beyond_the_limit() -> None:
    uplink = Uplink(SPACECRAFT)
    for _ in range(1000):
        uplink.feed(control(UNLOCK))
    assert uplink.counters == {"good": CONTROLS, "control": 1000 - CONTROLS}
    assert uplink.farm.clcw().farm_b == CONTROLS % 4


def test_a_minute_of_flood_gets_one_through_each_second() -> None:
    uplink = Uplink(SPACECRAFT)
    for second in range(60):
        for value in range(50):
            uplink.feed(control(set_vr((second + value) % 256)))
        uplink.second()
    assert uplink.counters["good"] == CONTROLS + 59
    assert uplink.counters["good"] + uplink.counters["control"] == 60 * 50


def test_after_the_limit_data_still_come_and_the_limit_recovers() -> None:
    uplink = Uplink(SPACECRAFT)
    for _ in range(CONTROLS):
        uplink.feed(control(UNLOCK))
    assert uplink.feed(control(set_vr(9))) is None
    assert uplink.farm.clcw().report_value == 0
    assert uplink.feed(ping(0)) is not None
    assert uplink.feed(ping(1, bypass=True)) is not None
    assert uplink.bypassed
    uplink.second()
    uplink.feed(control(set_vr(9)))
    assert uplink.farm.clcw().report_value == 9
    for _ in range(10 * CONTROLS):
        uplink.second()
    before = uplink.counters["good"]
    for _ in range(10 * CONTROLS):
        uplink.feed(control(UNLOCK))
    assert uplink.counters["good"] - before == CONTROLS


def test_unknown_control_commands_change_nothing_and_count_as_refused() -> None:
    uplink = Uplink(SPACECRAFT)
    before = uplink.farm.clcw()
    for data in (b"\1", b"\x82\0", b"\x82\1\5", b"\x82\0\5\0", b"\xff" * 40):
        assert uplink.feed(control(data)) is None
    assert uplink.farm.clcw() == before
    assert uplink.counters == {"sequence": 5}


def test_a_node_without_room_says_so_and_takes_what_bypasses() -> None:
    room = False
    uplink = Uplink(SPACECRAFT, room=lambda: room)
    assert uplink.feed(ping(0)) is None
    assert (uplink.farm.clcw().wait, uplink.farm.clcw().retransmit) == (True, True)
    assert uplink.feed(ping(5, bypass=True)) is not None
    uplink.second()
    assert uplink.farm.clcw().wait
    room = True
    uplink.second()
    assert not uplink.farm.clcw().wait
    assert uplink.feed(ping(0)) is not None
