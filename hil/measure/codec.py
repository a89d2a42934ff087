"""Codecs of the link against spacepackets and reedsolo: the same octets, in turn, in one run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import fastcrc
import reedsolo
from spacepackets.ccsds.spacepacket import PacketType, SpacePacketHeader
from spacepackets.ccsds.spacepacket import SpacePacket as PeerPacket
from spacepackets.ccsds.tm_frame import (
    MasterChannelId,
    TmFramePrimaryHeader,
    TmTransferFrame,
    TransferFrameDataFieldStatus,
)
from spacepackets.ecss.tc import PusTc
from spacepackets.ecss.tm import PusTm

from flight.link import cuc
from flight.link.clcw import Clcw
from flight.link.coding.cltu import CltuDecoder, encode_cltu
from flight.link.coding.codeblock import CodeblockDecoder, CodeblockEncoder, Shape
from flight.link.coding.galois import FROM_DUAL
from flight.link.coding.reed_solomon import CORRECTABLE, PARITY
from flight.link.pus import Report, Telecommand
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame
from flight.link.tm import OVERHEAD, TmDeframer, TmFramer
from flight.runtime.clock import SystemClock
from hil.measure.result import Result, at_least, interleave, ratio, spread

ROUNDS, PACKETS, FRAMES, BLOCKS, FLOOR_BLOCKS = 9, 4000, 2000, 100, 4
DATA, TIME, SPACECRAFT, SIZE, DEPTH = 64, 10**18, 77, 1115, 5
COUNTS = 256  # frame counts, after which the octets of a frame repeat
CLOCK = SystemClock()
Job = Callable[[], int]
Parse = Callable[[bytes], object]
_POOL = random.Random(1).randbytes(1 << 16)


def _rate(job: Job) -> float:
    """What a job says it did, per s."""
    began = CLOCK.now()
    done = job()
    return done / (CLOCK.now() - began)


def _each(work: Callable[[Any], object], items: Iterable[Any]) -> int:
    """Work for each of some items; returns how many there were."""
    done = 0
    for item in items:
        work(item)
        done += 1
    return done


def _same(mine: bytes, theirs: bytes | bytearray) -> bytes:
    if mine != theirs:
        raise AssertionError("the two implementations make other octets of the same")
    return mine


# Packets: each pair makes the same octets from the same fields, and fields from the octets.


def _data(number: int) -> bytes:
    return _POOL[number : number + DATA]


def _packet(number: int) -> bytes:
    return SpacePacket(5, True, number, _data(number)).pack()


def _peer_packet(number: int) -> Any:
    head = SpacePacketHeader(PacketType.TC, 5, number, DATA - 1, sec_header_flag=True)
    return PeerPacket(head, b"", _data(number)).pack()


def _peer_parse(raw: bytes) -> Any:
    head = SpacePacketHeader.unpack(raw)
    return PeerPacket(head, b"", raw[6 : 7 + head.data_len])


def _command(number: int) -> bytes:
    return Telecommand(5, number, 8, 1, _data(number)).pack()


def _peer_command(number: int) -> Any:
    return PusTc(8, 1, apid=5, seq_count=number, app_data=_data(number)).pack()


def _report(number: int) -> bytes:
    return Report(5, number, 3, 25, TIME, _data(number)).pack()


def _peer_report(number: int, time: bytes) -> Any:
    return PusTm(3, 25, time, source_data=_data(number), apid=5, seq_count=number).pack()


def _packets() -> list[tuple[str, Job, Job]]:
    time = cuc.pack(TIME)
    peer_report = partial(_peer_report, time=time)
    kinds: list[tuple[str, Callable[[int], bytes], Callable[[int], Any], Parse, Parse]] = [
        ("packet", _packet, _peer_packet, SpacePacket.unpack, _peer_parse),
        ("telecommand", _command, _peer_command, Telecommand.unpack, PusTc.unpack),
        ("report", _report, peer_report, Report.unpack, partial(PusTm.unpack, timestamp_len=7)),
    ]
    pairs: list[tuple[str, Job, Job]] = []
    for name, pack, peer_pack, parse, peer_parse in kinds:
        raws = [_same(pack(number), peer_pack(number)) for number in range(PACKETS)]
        numbers = range(PACKETS)
        pairs += [
            (f"{name}_pack", partial(_each, pack, numbers), partial(_each, peer_pack, numbers)),
            (f"{name}_unpack", partial(_each, parse, raws), partial(_each, peer_parse, raws)),
        ]
    return pairs


# Frames: a packet fills each. It goes in on one side and comes out on the other.


def _peer_frame(number: int, packet: bytes, clcw: bytes) -> Any:
    status = TransferFrameDataFieldStatus(False, False, False, 3, 0)
    count = number % COUNTS
    identifier = MasterChannelId(0, SPACECRAFT)
    head = TmFramePrimaryHeader(identifier, 2, True, count, count, status)
    raw = TmTransferFrame(SIZE - 2, head, None, packet, clcw, None).pack()
    return raw + fastcrc.crc16.ibm_3740(raw).to_bytes(2, "big")


def _frames() -> list[tuple[str, Job, Job]]:
    packet = SpacePacket(5, False, 0, _POOL[: SIZE - OVERHEAD - 6], secondary=False).pack()
    clcw = Clcw(0, 17)
    framer, deframer = TmFramer(SPACECRAFT, SIZE), TmDeframer(SPACECRAFT, SIZE)

    def frame(_number: int) -> bytes:
        framer.add(2, packet)
        return framer.frame(clcw)

    def peer_frame(number: int) -> Any:
        return _peer_frame(number, packet, clcw.pack())

    def parse(number: int) -> None:
        if deframer.feed(raws[number % COUNTS]) != [(2, packet)]:
            raise AssertionError("a frame without its packet")

    def peer_parse(number: int) -> None:
        field = TmTransferFrame.unpack(raws[number % COUNTS], SIZE, True).data_field
        if field[: 7 + SpacePacketHeader.unpack(field).data_len] != packet:
            raise AssertionError("a frame without its packet")

    raws = [_same(frame(number), peer_frame(number)) for number in range(COUNTS)]
    numbers = range(FRAMES)
    return [
        ("tm_frame_pack", partial(_each, frame, numbers), partial(_each, peer_frame, numbers)),
        ("tm_frame_unpack", partial(_each, parse, numbers), partial(_each, peer_parse, numbers)),
    ]


# Channel coding, in octets of frames. The peer codes single code words.


class _Blocks:
    """Frames of five code words: clean, with 8 wrong octets in each word, and the peer's words."""

    def __init__(self) -> None:
        shape, source = Shape(SIZE, DEPTH, False), random.Random(2)
        self._encoder, self._decoder = CodeblockEncoder(shape), CodeblockDecoder(shape)
        self._frame = source.randbytes(SIZE)
        self._coded = self._encoder.encode(self._frame)
        dirty = bytearray(self._coded)
        for row in range(DEPTH):
            for place in source.sample(range(255), CORRECTABLE // 2):
                dirty[4 + row + DEPTH * place] ^= source.randrange(1, 256)
        self._dirty = bytes(dirty)
        self._peer = reedsolo.RSCodec(
            PARITY, nsize=255, fcr=112, prim=0x187, generator=173, c_exp=8
        )
        self._data = self._frame[::DEPTH].translate(FROM_DUAL)
        self._word = self._coded[4::DEPTH].translate(FROM_DUAL)
        self._dirty_word = self._dirty[4::DEPTH].translate(FROM_DUAL)
        _same(self._word, self._peer.encode(self._data))

    def encode(self) -> int:
        """Frames into code blocks."""
        return SIZE * _each(lambda _: self._encoder.encode(self._frame), range(BLOCKS))

    def _decode(self, coded: bytes, count: int) -> int:
        for _ in range(count):
            _same(self._decoder.feed(coded)[0], self._frame)
        return SIZE * count

    def clean(self) -> int:
        """Clean code blocks into frames."""
        return self._decode(self._coded, BLOCKS)

    def dirty(self) -> int:
        """Damaged code blocks into frames."""
        return self._decode(self._dirty, BLOCKS // 4)

    def peer_encode(self) -> int:
        """Code words of the peer."""
        return 223 * _each(lambda _: self._peer.encode(self._data), range(FLOOR_BLOCKS))

    def _peer_decode(self, word: bytes) -> int:
        for _ in range(FLOOR_BLOCKS):
            _same(self._data, self._peer.decode(word)[0])
        return 223 * FLOOR_BLOCKS

    def peer_clean(self) -> int:
        """Clean code words through the peer."""
        return self._peer_decode(self._word)

    def peer_dirty(self) -> int:
        """Damaged code words through the peer."""
        return self._peer_decode(self._dirty_word)


def _units() -> list[Result]:
    """CLTUs of the longest frames."""
    frame = TcFrame(SPACECRAFT, 0, 1, _POOL[:1016]).pack()
    unit, decoder = encode_cltu(frame, True), CltuDecoder(True)

    def encode() -> int:
        return len(frame) * _each(lambda _: encode_cltu(frame, True), range(BLOCKS))

    def decode() -> int:
        for _ in range(BLOCKS):
            _same(decoder.feed(unit)[0], frame)
        return len(frame) * BLOCKS

    figures = interleave([partial(_rate, encode), partial(_rate, decode)], ROUNDS)
    return [
        at_least(
            f"codec.cltu_{name}", sorted(figure)[len(figure) // 2] * 1e-6, 10.0,
            "a table look-up for each octet",
            f"{spread(figure, max, 1e-6)}; BCH(63,56), randomised, frames of {len(frame)} octets;"
            f" {ROUNDS} interleaved rounds", "MB/s",
        )
        for name, figure in zip(("encode", "decode"), figures, strict=True)
    ]  # fmt: skip


def measure() -> list[Result]:
    """All figures of the codecs."""
    rows = []
    pairs = _packets() + _frames()
    arms = [partial(_rate, job) for _, mine, theirs in pairs for job in (mine, theirs)]
    figures = interleave(arms, ROUNDS)
    for (name, _, _), mine, theirs in zip(pairs, figures[::2], figures[1::2], strict=True):
        what = f"frames of {SIZE} octets" if "frame" in name else f"{DATA} octets of data"
        rows.append(at_least(
            f"codec.{name}", ratio(mine, theirs), 1.0, "spacepackets 0.32",
            f"thousands/s {spread(mine, max, 1e-3)} against {spread(theirs, max, 1e-3)}; {what};"
            f" {ROUNDS} interleaved rounds",
        ))  # fmt: skip
    blocks = _Blocks()
    coding: list[tuple[str, Job, Job, float]] = [
        ("encode", blocks.encode, blocks.peer_encode, 10.0),
        ("clean_decode", blocks.clean, blocks.peer_clean, 10.0),
        ("dirty_decode", blocks.dirty, blocks.peer_dirty, 5.0),
    ]
    arms = [partial(_rate, job) for _, mine, theirs, _ in coding for job in (mine, theirs)]
    figures = interleave(arms, ROUNDS)
    for (name, _, _, target), mine, theirs in zip(coding, figures[::2], figures[1::2], strict=True):
        rows.append(at_least(
            f"codec.rs_{name}", ratio(mine, theirs), target, "reedsolo 1.7",
            f"MB/s {spread(mine, max, 1e-6)} against {spread(theirs, max, 1e-6)}; RS(255,223),"
            f" interleave {DEPTH}, frames of {SIZE} octets; {ROUNDS} interleaved rounds",
        ))  # fmt: skip
    return rows + _units()
