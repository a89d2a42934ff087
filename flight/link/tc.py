"""Telecommand transfer frames (CCSDS 232.0-B-4, 4.1)."""

from __future__ import annotations

import struct
from collections.abc import Container
from dataclasses import dataclass

from flight.link import fecf
from flight.link.errors import Fault, LinkError, require
from flight.link.sdls.linkend import LinkEnd

MAX_SIZE = 1024
OVERHEAD = 8  # header 5, segment header 1, FECF 2
MAX_DATA = MAX_SIZE - OVERHEAD

UNLOCK = b"\x00"
_SET_VR = b"\x82\x00"

_HEADER = struct.Struct(">HHB")
_SMALLEST = _HEADER.size + 1 + fecf.SIZE
_SEGMENT = 0xC0  # unsegmented, MAP 0
_SPARE = 0x0C00


def set_vr(n: int) -> bytes:
    """Data of the Set V(R) control command (4.1.3.3.3). Raises LinkError."""
    require(n, 8, "V(R)")
    return _SET_VR + bytes((n,))


def parse_control(data: bytes) -> int | None:
    """V(R) of a Set V(R) command, None for Unlock. Raises LinkError for anything else."""
    if data == UNLOCK:
        return None
    if len(data) == len(_SET_VR) + 1 and data.startswith(_SET_VR):
        return data[-1]
    raise LinkError(Fault.TYPE, f"control command {data[:3].hex()}")


@dataclass(frozen=True, slots=True)
class TcFrame:
    """One frame: AD with neither flag, BD with ``bypass``, BC with ``bypass`` and ``control``."""

    spacecraft: int
    channel: int
    sequence: int
    data: bytes
    bypass: bool = False
    control: bool = False

    def size(self, security: LinkEnd | None = None) -> int:
        """Octets of the frame, protected or not; control commands always go in clear."""
        if self.control:
            return _HEADER.size + len(self.data) + fecf.SIZE
        return OVERHEAD + len(self.data) + (security.overhead if security else 0)

    def pack(self, security: LinkEnd | None = None) -> bytes:
        """Octets with FECF, protected under a new counter each time when ``security`` is given.

        Raises LinkError when a field does not fit; NotProtected.
        """
        require(self.spacecraft, 10, "spacecraft")
        require(self.channel, 6, "channel")
        require(self.sequence, 8, "N(S)")
        if self.control and not self.bypass:
            raise LinkError(Fault.TYPE, "control frame without bypass")
        length = self.size(security)
        if not self.data:
            raise LinkError(Fault.LENGTH, "TC frame without data")
        if length > MAX_SIZE:
            raise LinkError(Fault.OVERSIZE, f"TC frame of {length} octets")
        first = self.bypass << 13 | self.control << 12 | self.spacecraft
        second = self.channel << 10 | (length - 1)
        head = _HEADER.pack(first, second, self.sequence)
        return fecf.append(head + self._body(head, security))

    def _body(self, head: bytes, security: LinkEnd | None) -> bytes:
        if self.control:
            return self.data
        segment = bytes((_SEGMENT,))
        if security is None:
            return segment + self.data
        masked = _masked(self.channel, segment)
        return segment + security.protect(self.channel, head + segment, masked, self.data)

    @classmethod
    def unpack(
        cls,
        raw: bytes,
        spacecraft: int,
        security: LinkEnd | None = None,
        channels: Container[int] = range(64),
    ) -> TcFrame:
        """The frame for ``spacecraft`` on one of ``channels`` that a datagram is, exactly. Raises
        LinkError.

        With ``security`` it is genuine and new, unless it is a control command, which the standard
        leaves in clear (355.0-B-2, 2.3.1); bypass flag and N(S) are authenticated only where the
        whole header is. Nothing but version and length is taken from the header before the FECF has
        proved it, so that a damaged frame is not counted as one for another spacecraft.
        """
        first, second, sequence = _verified(raw)
        if first & 0x3FF != spacecraft:
            raise LinkError(Fault.SPACECRAFT, f"for spacecraft {first & 0x3FF}")
        if second >> 10 not in channels:
            raise LinkError(Fault.CHANNEL, f"no virtual channel {second >> 10}")
        bypass, control = bool(first & 0x2000), bool(first & 0x1000)
        if first & _SPARE or (control and not bypass):
            raise LinkError(Fault.TYPE, f"frame header {first:#06x}")
        body = bytes(raw[_HEADER.size : -fecf.SIZE])
        if not control:
            segment, body = body[:1], _unsegmented(body)
            if security is not None:
                masked = _masked(second >> 10, segment)
                head = bytes(raw[: _HEADER.size]) + segment
                body = security.verify(second >> 10, head, masked, body)
        return cls(spacecraft, second >> 10, sequence, body, bypass, control)


def _verified(raw: bytes) -> tuple[int, int, int]:
    """Header words of a frame whose version, length and FECF are right."""
    if len(raw) < _SMALLEST:
        raise LinkError(Fault.GARBAGE, f"TC datagram of {len(raw)} octets")
    first, second, sequence = _HEADER.unpack_from(raw)
    if first >> 14:
        raise LinkError(Fault.VERSION, f"TC frame version {first >> 14}")
    length = (second & 0x3FF) + 1
    if len(raw) != length:
        fault = Fault.TRUNCATED if len(raw) < length else Fault.OVERSIZE
        raise LinkError(fault, f"TC frame of {len(raw)} octets, header says {length}")
    if not fecf.intact(raw):
        raise LinkError(Fault.CRC, "FECF")
    return first, second, sequence


def _unsegmented(body: bytes) -> bytes:
    """Data behind a segment header that says unsegmented, MAP 0."""
    if body[0] & 0x3F:
        raise LinkError(Fault.CHANNEL, f"MAP {body[0] & 0x3F}")
    if body[0] != _SEGMENT:
        raise LinkError(Fault.TYPE, f"segment header {body[0]:#04x}")
    if len(body) == 1:
        raise LinkError(Fault.LENGTH, "TC frame without data")
    return body[1:]


def _masked(channel: int, segment: bytes) -> bytes:
    """Header as the standard authenticates it: virtual channel and segment header only."""
    return bytes((0, 0, channel << 2, 0, 0)) + segment
