"""Bad input to the node's uplink, row by row of the reference's table: what drops, what counts.

Every row is driven through the node as it flies: port, framing, SDLS, FARM, packets, commanding.
The counters are those that the ground sees, the events those that come down.

Rows 1 to 7 are here; 8 to 10 and 13 in ``test_bad_input_genuine``; 11 and 12 in
``test_bad_input_files``; what of 1, 2 and 10 concerns streams and the ground in
``test_bad_input_streams``. Row 14, models, is asserted elsewhere: hash and size in
``tests/inference/test_model_files`` (every flipped bit, a file longer than its manifest), what the
node cannot run in ``test_model_install`` (rejected by name), quarantine with the node flying on in
``tests/system/test_bad_input``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from bad_input_node import REPORT, SPACECRAFT, Site, flipped, rise

from flight.dictionary.events import FramesDropped
from flight.dictionary.security import LinkAttacked
from flight.link import fecf
from flight.link.tc import UNLOCK, TcFrame


@dataclass(frozen=True)
class Bad:
    """Datagrams made of a genuine frame that is still to come, and where each is counted: in
    telemetry, and by kind in events. Empty events: those that the alarm has instead."""

    make: Callable[[Site, bytes], list[bytes]]
    counted: str
    kind: str


def resealed(raw: bytes, at: int, *octets: int) -> bytes:
    """Other octets at an offset, under a right FECF."""
    return fecf.append(raw[:at] + bytes(octets) + raw[at + len(octets) : -fecf.SIZE])


def length(raw: bytes, octets: int) -> bytes:
    """A header that says another length, under a right FECF."""
    return resealed(raw, 2, raw[2] & 0xFC | (octets - 1) >> 8, (octets - 1) & 0xFF)


def clear(data: bytes = b"x" * 20, channel: int = 0, *, control: bool = False) -> bytes:
    """A BD or BC frame without protection."""
    return TcFrame(SPACECRAFT, channel, 0, data, bypass=True, control=control).pack()


def noise(first: int) -> Callable[[Site, bytes], list[bytes]]:
    """Random octets behind a first one."""
    source = random.Random(first)
    return lambda _s, _g: [
        bytes((first,)) + source.randbytes(source.randrange(8, 1400)) for _ in range(50)
    ]


def controls(_site: Site, _good: bytes) -> list[bytes]:
    """Control commands of COP-1 that there are not."""
    return [clear(data, control=True) for data in (b"\1", b"\x82\0", b"\x82\1\5", b"\xff" * 40)]


FRAMES: dict[str, Bad] = {
    # Row 1: random bytes / empty / 1 byte.
    "nothing": Bad(lambda _s, _g: [b""], "tc_garbage", "garbage"),
    "one octet": Bad(lambda _s, _g: [b"\0", b"\xff"], "tc_garbage", "garbage"),
    "less than a header": Bad(lambda _s, g: [g[:7]], "tc_garbage", "garbage"),
    "noise of another version": Bad(noise(0x40), "tc_garbage", "version"),
    # Row 2: truncated.
    "truncated": Bad(
        lambda _s, g: [g[:size] for size in range(8, len(g))], "tc_garbage", "truncated"
    ),
    "a claim of 1024 octets": Bad(
        lambda _s, g: [g[:2] + b"\x03\xff" + g[4:12]], "tc_garbage", "truncated"
    ),
    # Row 3: oversized datagram, or valid frame and trailing junk.
    "trailing junk": Bad(
        lambda _s, g: [g + bytes(n) for n in (1, 2, 80, 900)], "tc_garbage", "oversize"
    ),
    "two frames in a datagram": Bad(lambda _s, g: [g + g], "tc_garbage", "oversize"),
    "the largest datagram": Bad(
        lambda _s, g: [g + bytes(65507 - len(g))], "tc_garbage", "oversize"
    ),
    # Row 4: header length is not the received length.
    "header says more": Bad(
        lambda _s, g: [length(g, len(g) + 1), length(g, 1024)], "tc_garbage", "truncated"
    ),
    "header says less": Bad(
        lambda _s, g: [length(g, len(g) - 1), length(g, 1)], "tc_garbage", "oversize"
    ),
    # Row 5: FECF wrong.
    "one bit": Bad(
        lambda _s, g: [flipped(g, [bit]) for bit in range(32, 8 * len(g), 3)], "tc_crc", "crc"
    ),
    "N(S) far away in a damaged frame": Bad(
        lambda _s, g: [g[:4] + b"\x80" + g[5:], g[:4] + b"\x05" + g[5:]], "tc_crc", "crc"
    ),
    "spacecraft in a damaged frame": Bad(
        lambda _s, g: [flipped(g, [bit]) for bit in range(6, 16)], "tc_crc", "crc"
    ),
    # Row 6: wrong version, spacecraft, virtual channel, MAP.
    "version": Bad(
        lambda _s, g: [resealed(g, 0, g[0] | bits) for bits in (0x40, 0x80, 0xC0)],
        "tc_garbage",
        "version",
    ),
    "spacecraft": Bad(
        lambda _s, g: [resealed(g, 1, g[1] ^ 1), resealed(g, 0, g[0] ^ 2)],
        "tc_spacecraft",
        "spacecraft",
    ),
    "virtual channel": Bad(
        lambda _s, g: [resealed(g, 2, g[2] & 3 | vc << 2) for vc in (2, 3, 7, 63)],
        "tc_garbage",
        "channel",
    ),
    "virtual channel, control command": Bad(
        lambda _s, _g: [clear(UNLOCK, channel=vc, control=True) for vc in (1, 2, 63)],
        "tc_garbage",
        "channel",
    ),
    "MAP": Bad(
        lambda _s, g: [resealed(g, 5, 0xC0 | m) for m in (1, 5, 63)], "tc_garbage", "channel"
    ),
    "segmented": Bad(
        lambda _s, g: [resealed(g, 5, flags) for flags in (0, 0x40, 0x80)], "tc_garbage", "type"
    ),
    "spare bits, control without bypass": Bad(
        lambda _s, g: [resealed(g, 0, g[0] | bits) for bits in (4, 8, 0x10)], "tc_garbage", "type"
    ),
    "no data": Bad(lambda _s, g: [fecf.append(length(g, 8)[:6])], "tc_garbage", "length"),
    # Row 7: unknown SPI, bad tag, replayed, too far ahead.
    "no protection": Bad(lambda _s, _g: [clear(), resealed(clear(), 0, 0)], "spi", "spi"),
    "unknown SPI": Bad(
        lambda _s, g: [resealed(g, 6, *spi) for spi in ((0, 0), (0x0F, 0xF0), (0xFF, 0xFF))],
        "spi",
        "spi",
    ),
    "the SPI of telemetry, of files": Bad(
        lambda _s, g: [resealed(g, 7, g[7] | bits) for bits in (8, 1)], "spi", "spi"
    ),
    "wrong tag": Bad(
        lambda _s, g: [fecf.append(flipped(g, [8 * len(g) - 17 - n])[:-2]) for n in range(9)],
        "tag",
        "tag",
    ),
    "forged content": Bad(
        lambda _s, g: [fecf.append(flipped(g, [160 + n])[:-2]) for n in range(9)], "tag", "tag"
    ),
    "too far ahead": Bad(
        lambda _s, g: [resealed(g, 8, 1, 0), resealed(g, 12, 9)], "ahead", "ahead"
    ),
    "no room for a tag": Bad(
        lambda _s, g: [fecf.append(length(g, 32)[:30])], "tc_garbage", "length"
    ),
    # Row 8: N(S), of frames that are not genuine.
    "N(S) far away in a forged frame": Bad(
        lambda _s, g: [
            fecf.append(flipped(resealed(g, 4, n), [8 * len(g) - 20])[:-2]) for n in (5, 100, 250)
        ],
        "tag",
        "tag",
    ),
    "control commands that there are not": Bad(controls, "tc_sequence", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One node for the whole table, as in flight."""
    return Site(tmp_path_factory.mktemp("node"))


@pytest.fixture
def site(flown: Site) -> Site:
    """It, in order."""
    flown.run(10.0)  # the last alarm is over
    flown.events.clear()
    return flown


@pytest.mark.parametrize("bad", FRAMES.values(), ids=FRAMES.keys())
def test_what_is_no_frame_of_ours_is_dropped_and_counted_and_changes_nothing(
    site: Site, bad: Bad
) -> None:
    good = site.command()
    datagrams = bad.make(site, good)
    before, counters = site.state(), site.counters()
    site.give(*datagrams)
    site.run(REPORT)
    assert rise(counters, site.counters()) == {bad.counted: len(datagrams)}
    assert site.dropped() == ({bad.kind: len(datagrams)} if bad.kind else {})
    assert site.state() == before
    assert site.takes(good)
    assert site.delivers()


def test_noise_of_any_kind_is_counted_to_the_last_datagram(site: Site) -> None:
    source, good = random.Random(3), site.command()
    datagrams = [source.randbytes(source.randrange(1400)) for _ in range(500)]
    before, counters = site.state(), site.counters()
    site.give(*datagrams)
    site.run(REPORT)
    assert sum(rise(counters, site.counters()).values()) == len(datagrams)
    assert site.state() == before
    assert site.takes(good)


# Row 7: replayed; the alarm; no oracle.


def test_a_frame_that_was_heard_before_is_a_replay_and_is_not_run_again(site: Site) -> None:
    good = site.command()
    assert site.takes(good)
    site.run(REPORT)
    before, counters = site.state(), site.counters()
    site.give(*[good] * 5)
    site.run(REPORT)
    assert rise(counters, site.counters()) == {"replay": 5}
    assert site.dropped() == {"replay": 5}
    assert site.state() == before
    assert site.takes(site.command())


def test_many_refusals_are_an_alarm_that_tells_counts_and_no_more(site: Site) -> None:
    good = site.command()
    before = site.state()
    for number in range(6):
        site.give(*[resealed(good, 6, 0xFF, 0xFF), flipped(good, [170]), resealed(good, 8, 1)])
        site.give(fecf.append(flipped(good, [160 + number])[:-2]))
    site.run(REPORT)
    assert site.of(LinkAttacked) == [LinkAttacked(6, 6, 0, 6)]
    assert {type(event) for event in site.events} == {FramesDropped, LinkAttacked}
    assert site.state() == before
    assert site.takes(good)


# All rows: events are rate-limited, and a flood holds up nothing.


def test_a_flood_of_every_kind_is_one_event_of_a_kind_each_second(site: Site) -> None:
    good = site.command()
    before, counters = site.state(), site.counters()
    flood = [b"", good[:40], good + b"x", flipped(good, [200]), resealed(good, 6, 0xFF, 0xFF)]
    site.run(1.0)
    for _ in range(400):
        site.give(*flood)
    site.run(REPORT)
    kinds = [event.kind for event in site.of(FramesDropped)]
    assert sorted(kinds) == ["crc", "garbage", "oversize", "spi", "truncated"]
    assert set(site.dropped().values()) == {400}
    assert rise(counters, site.counters()) == {"tc_garbage": 1200, "tc_crc": 400, "spi": 400}
    assert site.state() == before
    assert site.takes(good)
