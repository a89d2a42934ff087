"""What a node takes from somebody without the keys: nothing, and the ground does not notice."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdls_attack import campaign
from sdls_site import SPACECRAFT, boot, fresh_disk, pair

from flight.dictionary.security import LinkAttacked
from flight.link import fecf
from flight.link.clcw import Clcw
from flight.link.errors import LinkError
from flight.link.sdls import Direction, SecurityError, SecurityFault
from flight.link.sdls.alarm import Alarm
from flight.link.sdls.window import FORWARD, Window
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame
from flight.link.tm import TmDeframer, TmFramer
from flight.link.uplink import Uplink

ATTACKS = 5000


def test_nothing_forged_is_taken_and_the_legitimate_stream_is_unharmed() -> None:
    outcome = campaign(ATTACKS)
    assert outcome.attacks >= ATTACKS
    assert outcome.accepted == 0
    assert outcome.taken == outcome.sent
    for fault in (SecurityFault.SPI, SecurityFault.TAG, SecurityFault.REPLAY):
        assert outcome.counters[fault] > ATTACKS / 50, fault


def test_without_keys_forged_frames_are_taken() -> None:
    outcome = campaign(500, secured=False)
    assert outcome.accepted > 50
    assert outcome.taken != outcome.sent


@pytest.mark.parametrize("clear", [False, True])
def test_every_single_bit_of_a_frame_is_protected(clear: bool) -> None:
    ground, node = pair(clear=clear, strict=True)
    uplink = Uplink(SPACECRAFT, node)
    packet = SpacePacket(300, True, 0, b"file data", secondary=False).pack()
    raw = TcFrame(SPACECRAFT, 1, 0, packet, bypass=True).pack(ground)
    for bit in range(8 * (len(raw) - 2)):
        flipped = bytearray(raw[:-2])
        flipped[bit // 8] ^= 0x80 >> bit % 8
        assert uplink.feed(fecf.append(bytes(flipped))) is None, bit
        assert uplink.feed(bytes(flipped) + raw[-2:]) is None, bit
    assert uplink.feed(raw) is not None  # and none of that has used its counter up


def test_every_single_bit_of_telemetry_data_is_protected() -> None:
    ground, node = pair(strict=True)
    framer = TmFramer(SPACECRAFT, 128, security=node)
    framer.add(2, SpacePacket(100, False, 1, bytes(60), secondary=False).pack())
    raw, deframer = framer.frame(Clcw(0, 0)), TmDeframer(SPACECRAFT, 128, ground)
    for bit in range(8 * (len(raw) - 6)):  # the control word is clear by the standard
        flipped = bytearray(raw[:-2])
        flipped[bit // 8] ^= 0x80 >> bit % 8
        assert deframer.feed(fecf.append(bytes(flipped))) == [], bit
    assert deframer.counters["good"] == 0
    assert len(deframer.feed(raw)) == 1


def test_each_refusal_has_its_counter_and_leaves_the_clcw_alone() -> None:
    ground, node = pair()
    uplink = Uplink(SPACECRAFT, node)
    first, second = (TcFrame(SPACECRAFT, 0, 0, bytes(20)).pack(ground) for _ in range(2))
    before = uplink.farm.clcw()

    def changed(at: int, data: bytes) -> bytes:
        return fecf.append(second[:at] + data + second[at + len(data) : -2])

    uplink.feed(changed(6, b"\xff\xf0"))
    uplink.feed(changed(30, b"\xff"))
    uplink.feed(changed(8, (FORWARD + 1).to_bytes(12, "big")))
    uplink.feed(changed(8, b"\xff" * 12))
    assert uplink.farm.clcw() == before
    uplink.feed(second)
    after = uplink.farm.clcw()
    assert after != before
    uplink.feed(first)  # older than the newest: the command channel keeps its order
    uplink.feed(second)
    assert uplink.farm.clcw() == after
    assert {fault: uplink.counters[fault] for fault in SecurityFault} == {
        SecurityFault.SPI: 1, SecurityFault.TAG: 1, SecurityFault.REPLAY: 2, SecurityFault.AHEAD: 2,
        SecurityFault.STALE: 0,
    }  # fmt: skip


@given(
    st.lists(st.integers(0, 300), max_size=120),
    st.sampled_from([0, 1, 5, 64]),
    st.integers(0, 20),
)
def test_the_window_is_a_set_of_what_was_taken(counters: list[int], reach: int, floor: int) -> None:
    window, taken = Window(floor, reach, forward=100), set(range(floor))
    highest = floor - 1
    for counter in counters:
        late = counter <= highest
        fresh = counter not in taken and not (late and highest - counter >= reach)
        if counter - highest > 100 or not fresh:
            with pytest.raises(SecurityError) as caught:
                window.check(counter)
            ahead = counter - highest > 100
            assert caught.value.reason is (SecurityFault.AHEAD if ahead else SecurityFault.REPLAY)
            continue
        window.check(counter)
        window.accept(counter)
        taken.add(counter)
        highest = max(highest, counter)
        assert window.highest == highest


def test_files_may_come_out_of_order() -> None:
    ground, node = pair()
    frames = [
        TcFrame(SPACECRAFT, 1, 0, bytes((n % 256, 7)), bypass=True).pack(ground) for n in range(300)
    ]
    order = sorted(range(300), key=lambda n: n + random.Random(n).randrange(50))
    found = [TcFrame.unpack(frames[n], SPACECRAFT, node).data[0] for n in order]
    assert found == [n % 256 for n in order]
    for n in order:
        with pytest.raises(SecurityError):
            TcFrame.unpack(frames[n], SPACECRAFT, node)


@given(st.binary(max_size=80), st.integers(0, 7), st.booleans())
def test_the_security_layer_raises_link_errors_only(
    field: bytes, channel: int, known: bool
) -> None:
    _, node = pair()
    field = (b"\x00\x10" + field) if known else field
    with pytest.raises(LinkError):
        node.verify(channel, bytes(6), bytes(6), field)


def test_an_alarm_comes_after_many_refusals_and_not_again_at_once() -> None:
    alarm = Alarm(threshold=10, period=10.0)
    counters = {"spi": 0, "tag": 9}
    assert alarm.due(counters, 0.0) == {}
    counters["spi"] = 1
    assert LinkAttacked(**alarm.due(counters, 1.0)) == LinkAttacked(1, 9, 0, 0)
    counters["replay"] = 50
    assert alarm.due(counters, 2.0) == {}
    assert alarm.due(counters, 11.0) == {"spi": 0, "tag": 0, "replay": 50, "ahead": 0}
    for second in range(30, 200):  # one now and then is no attack
        counters["tag"] += second % 2
        assert alarm.due(counters, float(second)) == {}


def test_a_counter_is_never_rolled_over() -> None:
    disk = fresh_disk()
    disk.counters["0010"] = (1 << 96) - 3
    ground = boot(disk, Direction.UP)
    frame = TcFrame(SPACECRAFT, 0, 0, b"last")
    assert [frame.pack(ground)[8:20].hex()[-1] for _ in range(2)] == ["d", "e"]
    assert not ground.ready(0)
