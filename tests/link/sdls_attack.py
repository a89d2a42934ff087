"""A stream of telecommands with an attacker on the link: what of all that does the node take?"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field

from sdls_site import SPACECRAFT, pair

from flight.link import fecf
from flight.link.channels import Apid
from flight.link.pus import Telecommand
from flight.link.sdls import LinkEnd
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame
from flight.link.uplink import FilePdu, Uplink


@dataclass
class Outcome:
    """``accepted`` of the attacker's: must be none. ``sent`` and ``taken`` of the ground's."""

    attacks: int = 0
    accepted: int = 0
    sent: list[bytes] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)


class Attacker:
    """Knows everything but the keys; makes every FECF right, so that security has to refuse."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._heard: deque[bytes] = deque(maxlen=400)

    def hear(self, raw: bytes) -> None:
        self._heard.append(raw)

    def strike(self) -> bytes:
        kinds = (self._forged, self._replayed, self._altered, self._truncated, self._moved)
        return self._random.choice(kinds)()

    def _forged(self) -> bytes:
        """A clear frame, or one with a security header of the right form."""
        channel = self._random.randrange(2)
        data = _packet(channel, self._random.randrange(1 << 14), b"forged").pack()
        if self._random.random() < 0.5:
            head = (0x10 | channel).to_bytes(2, "big") + self._random.randrange(1 << 20).to_bytes(
                12, "big"
            )
            data = head + data + self._random.randbytes(16)
        return TcFrame(SPACECRAFT, channel, self._random.randrange(256), data, bypass=True).pack()

    def _replayed(self) -> bytes:
        return self._random.choice(self._heard)

    def _altered(self) -> bytes:
        """A frame that was heard with a few bits of what is protected turned over."""
        raw = bytearray(self._random.choice(self._heard)[:-2])
        for _ in range(self._random.randint(1, 4)):
            raw[self._random.randrange(6, len(raw))] ^= 1 << self._random.randrange(8)
        return fecf.append(bytes(raw))

    def _truncated(self) -> bytes:
        """Cut anywhere, with the length field to match."""
        raw = self._random.choice(self._heard)[:-2]
        cut = bytearray(raw[: self._random.randrange(8, len(raw))])
        cut[2:4] = (cut[2] >> 2 << 10 | (len(cut) + 1)).to_bytes(2, "big")
        return fecf.append(bytes(cut))

    def _moved(self) -> bytes:
        """Onto the other virtual channel, or with other flags and sequence number."""
        raw = bytearray(self._random.choice(self._heard)[:-2])
        if self._random.random() < 0.5:
            raw[2] ^= 1 << 2
        raw[0] ^= self._random.choice((0, 0x20))
        raw[4] = self._random.randrange(256)
        return fecf.append(bytes(raw))


def _packet(channel: int, number: int, data: bytes) -> Telecommand | SpacePacket:
    if channel:
        return SpacePacket(Apid.FILES, True, number, data, secondary=False)
    return Telecommand(Apid.NODE, number, 8, 1, data)


def campaign(attacks: int, seed: int = 1, *, secured: bool = True, per_frame: int = 9) -> Outcome:
    """Interleave ``attacks`` frames of an attacker with a legitimate stream."""
    ground, node = pair()
    ends: tuple[LinkEnd | None, LinkEnd | None] = (ground, node) if secured else (None, None)
    uplink, attacker, dice = Uplink(SPACECRAFT, ends[1]), Attacker(seed), random.Random(seed)
    outcome = Outcome(counters=uplink.counters)
    sequence = number = 0
    while outcome.attacks < attacks:
        channel = dice.randrange(2)
        data = f"legitimate {number}".encode()
        packet = _packet(channel, number % (1 << 14), data)
        frame = TcFrame(SPACECRAFT, channel, sequence, packet.pack(), bypass=bool(channel))
        sequence = sequence if channel else (sequence + 1) % 256
        number += 1
        raw = frame.pack(ends[0])
        attacker.hear(raw)
        outcome.sent.append(data)
        outcome.taken.append(_data(uplink.feed(raw)))
        for _ in range(per_frame):
            before = uplink.farm.clcw()
            outcome.attacks += 1
            outcome.accepted += uplink.feed(attacker.strike()) is not None
            outcome.accepted += uplink.farm.clcw() != before
    return outcome


def _data(taken: Telecommand | FilePdu | None) -> bytes:
    return b"" if taken is None else taken.data
