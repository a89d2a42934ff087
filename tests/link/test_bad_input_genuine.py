"""Genuine frames whose place or content is wrong: FARM, duplicates, packets (rows 6, 8 to 10, 13).

As in ``test_bad_input_rows``, through the node as it flies and as the ground sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bad_input_node import REPORT, SPACECRAFT, Site, flipped, rise

from flight.dictionary.enums import Stage
from flight.link.channels import Apid
from flight.link.pus import Telecommand
from flight.link.spacepacket import SpacePacket, idle_packet
from flight.link.tc import TcFrame, set_vr


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One node for the whole file, as in flight."""
    return Site(tmp_path_factory.mktemp("node"))


@pytest.fixture
def site(flown: Site) -> Site:
    """It, in order."""
    flown.run(10.0)
    flown.events.clear()
    return flown


# Row 6, of genuine frames.


def test_files_do_not_come_in_sequence(site: Site) -> None:
    before, counters = site.state(), site.counters()
    site.give(site.command(channel=1), site.command(channel=1, ahead=100))
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"tc_garbage": 2}
    assert site.dropped() == {"channel": 2}
    assert site.state()[:4] == before[:4]
    assert site.delivers()


# Row 8: N(S) of genuine frames.


def test_a_frame_ahead_asks_for_the_one_that_is_missing(site: Site) -> None:
    missing, later = site.command(), site.command(ahead=5)
    before, counters = site.state(), site.counters()
    site.give(later)
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"tc_sequence": 1}
    clcw = site.state().clcw
    assert clcw is not None
    assert (clcw.retransmit, clcw.lockout) == (True, False)
    assert site.state().received == before.received
    again = site.command()  # the counter of the first is too old now: VC0 goes strictly up
    site.give(missing)
    assert site.takes(again)
    clcw = site.state().clcw
    assert clcw is not None
    assert not clcw.retransmit


def test_a_frame_behind_is_discarded(site: Site) -> None:
    before, counters = site.state(), site.counters()
    site.give(site.command(ahead=-1), site.command(ahead=-31))
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"tc_sequence": 2}
    after = site.state()
    assert (after.clcw, after.received) == (before.clcw, before.received)
    assert site.takes(site.command())


def test_a_frame_far_away_is_a_lockout_that_the_clcw_tells(site: Site) -> None:
    counters, before = site.counters(), site.state()
    site.give(site.command(ahead=100), site.command())
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"tc_sequence": 2}
    clcw = site.state().clcw
    assert clcw is not None
    assert clcw.lockout
    assert site.state().received == before.received
    site.unlock()
    assert site.takes(site.command())


def test_control_commands_come_at_a_rate(site: Site) -> None:
    """The standard sends them in clear: a flood moves V(R) no faster than a few a second."""
    site.run(30.0)
    counters = site.counters()
    for _ in range(500):
        site.give(TcFrame(SPACECRAFT, 0, 0, set_vr(77), bypass=True, control=True).pack())
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"tc_garbage": 480}
    assert site.dropped() == {"control": 480}
    site.run(3.0)
    site.unlock()
    site.run(REPORT)
    assert site.takes(site.command())


# Row 9: duplicate command id. Duplicate frames are replays; duplicate PDUs are files.


def test_the_same_telecommand_under_a_new_frame_runs_once_and_is_acknowledged_again(
    site: Site,
) -> None:
    assert site.takes(site.command())
    request = site.watcher.received[-1].request
    before = [each for each in site.stages if each.request == request]
    packet = newest_packet(site)
    for _ in range(3):
        site.give(site.command(data=packet))
        site.took()
        site.run(0.5)
    told = [each for each in site.stages if each.request == request]
    assert len(told) > len(before)
    assert [each.stage for each in before].count(Stage.STARTED) == 1
    assert {each.stage for each in told[len(before) :]} <= {Stage.ACCEPTED, Stage.COMPLETED}
    assert site.takes(site.command())


def newest_packet(site: Site) -> bytes:
    """The newest telecommand packet that the node handed on."""
    got = site.watcher.received[-1]
    sequence = got.request & 0x3FFF
    return Telecommand(Apid.NODE, sequence, got.service, got.subtype, got.data).pack()


# Row 10: packets.

PACKETS: dict[str, Callable[[bytes], bytes]] = {
    "length field of the most": lambda p: p[:4] + b"\xff\xff" + p[6:],
    "length field of less": lambda p: p[:4] + b"\0\0" + p[6:],
    "length field of one more": lambda p: p[:5] + bytes((p[5] + 1,)) + p[6:],
    "packet CRC": lambda p: flipped(p, [70]),
    "version": lambda p: flipped(p, [0]),
    "telemetry": lambda p: flipped(p, [3]),
    "another process": lambda p: p[:1] + b"\x65" + p[2:],
    "idle packet": lambda _: idle_packet(20),
    "less than a header": lambda p: p[:5],
    "PDU of a file": lambda _: SpacePacket(Apid.FILES, True, 0, b"pdu", secondary=False).pack(),
}


@pytest.mark.parametrize("change", PACKETS.values(), ids=PACKETS.keys())
def test_a_bad_packet_in_a_genuine_frame_is_dropped(
    site: Site, change: Callable[[bytes], bytes]
) -> None:
    """The frame is genuine and has its number; nothing of the packet goes further."""
    site.takes(site.command())
    site.run(REPORT)
    packet = newest_packet(site)
    before, counters = site.state(), site.counters()
    site.give(site.command(data=change(packet)))
    site.took()
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"packets_bad": 1}
    assert site.dropped() == {"packet": 1}
    assert (site.state().received, site.state().files) == (before.received, before.files)
    assert site.takes(site.command())


def test_idle_packets_on_the_channel_of_files_are_what_the_ground_sends(site: Site) -> None:
    before, counters = site.state(), site.counters()
    idle = SpacePacket(0x7FF, True, 0, b"\0", secondary=False).pack()
    site.give(site.command(channel=1, bypass=True, data=idle))
    site.run(REPORT)
    assert rise(counters, site.counters()) == {}
    assert site.state()[:4] == before[:4]


# Row 13.


def test_the_node_refuses_nothing_by_its_own_time(tmp_path: Path) -> None:
    """Row 13: a clock that is wrong locks nobody out; the ground queues (``test_session``,
    ``test_commands_wait_for_the_link``) and the emulator drops (``test_emulator_stages``,
    ``test_contacts_are_the_only_times``) what is outside a contact."""
    for years in (0, 10, 30):
        site = Site(tmp_path / f"{years}", begin=years * 3.16e7)
        assert site.takes(site.command())
