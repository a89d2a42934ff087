"""Packets out of the frames of one virtual channel (CCSDS 132.0-B-3, 4.1.4 and 4.3)."""

from __future__ import annotations

from flight.link.spacepacket import HEADER_SIZE, SMALLEST, packet_length

NO_PACKET_START = 0x7FF  # first header pointer of a frame in which no packet starts
ONLY_IDLE = 0x7FE  # first header pointer of a frame without data
FRAME_COUNTS = 256


def expected(data: bytes) -> int:
    """Octets of the packet that ``data`` begins, the least while unknown; 0 when it is none."""
    if data and data[0] >> 5:
        return 0
    return packet_length(data) if len(data) >= HEADER_SIZE else SMALLEST


class Reassembly:
    """Packets that span frames. ``resyncs`` counts partial packets that were given up, and
    pointers beyond the data of their frame.

    The field of one packet at most is kept. A pointer is protected by the FECF of its frame, a
    packet's length may be wrong from the start: where the two contradict, the pointer is right.
    """

    def __init__(self) -> None:
        self.resyncs = 0
        self._counter: int | None = None
        self._partial: bytes | None = None  # None: waiting for the first packet start

    def advance(self, counter: int, first: int, octets: bytes) -> list[bytes]:
        """Packets completed by the next good frame: its count, pointer and data field."""
        if self._counter is None or counter != (self._counter + 1) % FRAME_COUNTS:
            self._resync()
        self._counter = counter
        if first < len(octets):  # as a rule; the two special pointers lie beyond any frame
            packets = self._resume(octets[:first], ends=True) if self._partial or first else []
            return packets + self._split(octets, first)
        if first == NO_PACKET_START:
            return self._resume(octets, ends=False)
        if first != ONLY_IDLE:
            self.resyncs += self._partial is None  # the packet that it was to point at is lost
            self._resync()
        return []

    def _resync(self) -> None:
        """Drop the partial packet and wait for the next packet start."""
        self.resyncs += self._partial is not None
        self._partial = None

    def _resume(self, octets: bytes, ends: bool) -> list[bytes]:
        """Go on with the partial packet; it must end with ``octets`` when another starts there."""
        if self._partial is None or not (self._partial or octets):
            return []
        data = self._partial + octets
        total = expected(data) if self._partial else 0
        if total == len(data):
            self._partial = b""
            return [data]
        if total > len(data) and not ends:
            self._partial = data
        else:
            self._resync()
        return []

    def _split(self, octets: bytes, at: int) -> list[bytes]:
        """Whole packets from an offset on; what is left is the partial packet."""
        packets: list[bytes] = []
        # Spelled out, not through expected(): on the ground each packet passes here.
        while at + HEADER_SIZE <= len(octets) and not octets[at] >> 5:
            end = at + HEADER_SIZE + 1 + (octets[at + 4] << 8 | octets[at + 5])
            if end > len(octets):
                break
            packets.append(octets[at:end])
            at = end
        self._partial = octets[at:]
        if self._partial and self._partial[0] >> 5:
            self._resync()
        return packets
