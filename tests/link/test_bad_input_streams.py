"""Bad input to streams, and to the ground: rows 1 to 3, 5 to 7 and 10 of ``test_bad_input_rows``.

Of the coding alone there is more in ``test_cltu`` and ``test_codeblocks``, of the deframer alone in
``test_tm_deframer``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from bad_input_node import REPORT, Site, flipped, rise
from cfdp_files import MemoryStore, Records
from sdls_site import SPACECRAFT, pair

from flight.dictionary.codec import encode
from flight.dictionary.events import FramesDropped
from flight.dictionary.registry import item
from flight.dictionary.telemetry import EventReport
from flight.link import fecf, services
from flight.link.cfdp import Engine, Settings
from flight.link.channels import Apid, Entity
from flight.link.clcw import Clcw
from flight.link.pus import Report
from flight.link.spacepacket import SpacePacket, idle_packet
from flight.link.tm import TmFramer
from ground.station.happenings import EventReceived, LinkChanged
from ground.station.session import LinkSession
from ground.station.settings import StationSettings

# The node's uplink as a stream of CLTUs.

CODING = "cltu-randomised"


def noise(source: random.Random, _unit: bytes) -> bytes:
    return source.randbytes(source.randrange(1, 2000))


def cut(source: random.Random, unit: bytes) -> bytes:
    """A unit that breaks off."""
    return unit[: source.randrange(1, len(unit) - 16)]


def claim(source: random.Random, _unit: bytes) -> bytes:
    """The beginning of the largest unit."""
    return b"\xeb\x90" + source.randbytes(source.randrange(8, 64))


@pytest.mark.parametrize("garbage", [noise, cut, claim])
@pytest.mark.parametrize("glued", [False, True])
def test_the_frame_behind_garbage_is_taken(
    tmp_path: Path, garbage: Callable[[random.Random, bytes], bytes], glued: bool
) -> None:
    """Nothing that stays in the buffer hides it, so that no time-out is needed to be rid of it."""
    site, source = Site(tmp_path, coding=CODING), random.Random(5)
    for _ in range(20):
        good = site.coded(site.command())
        bad = garbage(source, site.coded(site.command()))
        site.run(REPORT)
        before = site.state()
        if glued:
            assert site.takes(bad + good)
        else:
            site.give(bad)
            site.run(REPORT)
            assert site.state() == before
            assert site.takes(good)


def test_crafted_starts_cost_one_frame_at_most(tmp_path: Path) -> None:
    """What the decoder reads again is bounded, so the frame right behind them may be lost: COP-1
    sends it again."""
    site, source = Site(tmp_path, coding=CODING), random.Random(6)
    for _ in range(20):
        before, lost, good = site.state(), site.command(), site.command()
        site.give(b"\xeb\x90" * source.randrange(1, 400) + site.coded(lost))
        site.run(REPORT)
        if site.state().received > before.received:
            site.took()
        else:
            assert site.takes(site.coded(good))
    assert site.state().received == 20


def test_a_unit_beyond_repair_is_counted_and_a_wrong_fecf_in_a_whole_one_too(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, coding=CODING)
    frame = site.command()
    unit, counters = site.coded(frame), site.counters()
    site.give(flipped(unit, [16, 17, 30]))
    site.give(site.coded(flipped(frame, [200])))
    site.run(REPORT)
    rose = rise(counters, site.counters())
    assert rose["tc_garbage"] >= 1
    assert rose["tc_crc"] == 1
    assert site.takes(unit)


# The ground's downlink.

SIZE = 300
CLCW = Clcw(0, 0)


class Station:
    """The station's session, and frames as a node makes them, or does not."""

    def __init__(self) -> None:
        self.end, self._node = pair()
        files = Engine(Entity.GROUND, MemoryStore(), Records(), Settings())
        settings = StationSettings(SPACECRAFT, 1e6, 0.05)
        self.session = LinkSession(settings, files, lambda: 1, self.end)
        self.framer = TmFramer(SPACECRAFT, SIZE, security=self._node)
        self._count = 0

    def frame(self, first: int, octets: bytes = b"") -> bytes:
        """A genuine frame of any pointer and data."""
        field = octets.ljust(self.framer.space, b"\0")[: self.framer.space]
        return self.framer._close(2, first, field, CLCW)

    def report(self) -> bytes:
        """A genuine frame with a report that has not been before."""
        self._count += 1
        said = FramesDropped("garbage", self._count)
        event = EventReport(item(said).id, item(said).severity, "link", 0, encode(said))
        service, subtype, data = services.event(event)
        packet = Report(Apid.NODE, self._count, service, subtype, 0, data).pack()
        self.framer.add(2, packet)
        return self.framer.frame(CLCW)

    def give(self, *frames: bytes) -> list[object]:
        for frame in frames:
            self.session.on_frame(frame, 0.0)
        return self.session.happenings()

    def takes(self) -> bool:
        """Whether the next genuine report is understood."""
        return self.heard(self.report()) == [self._count]

    def heard(self, *frames: bytes) -> list[int]:
        """What reports say."""
        events = [each.message for each in self.give(*frames) if isinstance(each, EventReceived)]
        return [each.count for each in events if isinstance(each, FramesDropped)]

    def counted(self) -> dict[str, int]:
        statistics = self.session.statistics()
        kept = statistics["downlink"] | statistics["packets"]
        return {name: n for name, n in kept.items() if name not in ("good", "packets")}


@dataclass(frozen=True)
class Bad:
    """Frames made at the station of a genuine one that is still to come, and their counters."""

    make: Callable[[Station, bytes], list[bytes]]
    counted: dict[str, int]


def resealed(raw: bytes, at: int, octet: int) -> bytes:
    return fecf.append(raw[:at] + bytes((octet,)) + raw[at + 1 : -fecf.SIZE])


def claims(size: int) -> bytes:
    """A space packet whose header says a size that does not come."""
    return b"\x08\x64\xc0\x00" + (size - 7).to_bytes(2, "big") + bytes(20)


DOWN: dict[str, Bad] = {
    "nothing, one octet, too much": Bad(lambda _s, g: [b"", b"\0", g * 7], {"length": 3}),
    "noise": Bad(
        lambda _s, _g: [random.Random(n).randbytes(SIZE) for n in range(50)], {"crc": 50}
    ),
    "truncated": Bad(lambda _s, g: [g[:n] for n in range(20, SIZE)], {"crc": SIZE - 20}),
    # Octets of zero leave the FECF right, and no header says how long a frame is.
    "trailing junk": Bad(lambda _s, g: [g + bytes(80), g + g], {"crc": 1, "tag": 1}),
    "FECF": Bad(lambda _s, g: [flipped(g, [bit]) for bit in range(0, 8 * SIZE, 7)], {"crc": 343}),
    "version": Bad(lambda _s, g: [resealed(g, 0, g[0] | 0x40)], {"version": 1}),
    "spacecraft": Bad(lambda _s, g: [resealed(g, 1, g[1] ^ 0x10)], {"spacecraft": 1}),
    "unknown SPI": Bad(lambda _s, g: [resealed(g, 6, 0xFF)], {"spi": 1}),
    "another channel": Bad(lambda _s, g: [resealed(g, 1, g[1] ^ 2)], {"spi": 1}),
    "wrong tag": Bad(lambda _s, g: [resealed(g, SIZE - 10, g[SIZE - 10] ^ 1)], {"tag": 1}),
    "too far ahead": Bad(lambda _s, g: [resealed(g, 8, 1)], {"ahead": 1}),
    "data in an idle frame": Bad(
        lambda s, _g: [s.framer._close(7, 0, bytes(SIZE - 12), CLCW)], {"channel": 1}
    ),
    "pointer beyond the data": Bad(
        lambda s, _g: [s.frame(1500), s.frame(s.framer.space)], {"packet_resync": 2}
    ),
    "packet of the largest size that does not come": Bad(
        lambda s, _g: [s.frame(0, claims(65542))], {"packet_resync": 1}
    ),
    "packet that spans frames without end": Bad(
        lambda s, _g: [s.frame(0, claims(65542)), *(s.frame(0x7FF) for _ in range(300))],
        {"packet_resync": 1},
    ),
    "pointer that contradicts a length": Bad(
        lambda s, _g: [s.frame(0, claims(1000)), s.frame(50, bytes(50) + _idle(s, 50))],
        {"packet_resync": 1, "idle_packets": 1},
    ),
    "octets that are no packet": Bad(
        lambda s, _g: [s.frame(0, b"\xff" * 500)], {"packet_resync": 1}
    ),
    "idle packets": Bad(
        lambda s, _g: [s.frame(0, _idle(s))], {"idle_packets": 1}
    ),
    "packet of a process that there is not": Bad(
        lambda s, _g: [s.frame(0, _filling(s, 55))], {"packets_other": 1}
    ),
    "packet with a wrong CRC": Bad(
        lambda s, _g: [s.frame(0, _filling(s, Apid.NODE))], {"packets_bad": 1}
    ),
}  # fmt: skip


def _idle(station: Station, begin: int = 0) -> bytes:
    return idle_packet(station.framer.space - begin)


def _filling(station: Station, apid: int) -> bytes:
    size = station.framer.space - 6
    return SpacePacket(apid, False, 0, b"\x20" * size, secondary=True).pack()


@pytest.mark.parametrize("bad", DOWN.values(), ids=DOWN.keys())
def test_the_ground_drops_and_counts_it_and_takes_the_next_frame(bad: Bad) -> None:
    station = Station()
    before = station.counted()
    frames = bad.make(station, station.report())
    assert {type(each) for each in station.give(*frames)} <= {LinkChanged}
    assert station.takes()
    rose = {n: c - before.get(n, 0) for n, c in station.counted().items() if c > before.get(n, 0)}
    rose.pop("gaps", None)  # the frame that is still to come
    rose["idle_packets"] = rose.get("idle_packets", 0) - 1  # of the good frame
    rose = {name: count for name, count in rose.items() if count}
    assert rose == bad.counted


def test_a_frame_that_comes_again_is_told_from_a_replay_and_neither_is_taken() -> None:
    station = Station()
    frames = [station.report() for _ in range(100)]
    assert station.heard(*frames) == list(range(1, 101))
    assert station.give(frames[-1]) == []
    assert station.counted()["duplicate"] == 1
    assert station.give(frames[3], frames[50]) == []
    assert station.counted()["replay"] == 2
    assert station.takes()
