"""Pseudo-randomisers: an exclusive or with a fixed sequence, the same to put on and take off."""

from __future__ import annotations

LONGEST = 1 << 14  # octets; longer than any code block


class Randomiser:
    """``taps``: which of the last eight bits make the next one, the oldest being bit 0."""

    def __init__(self, taps: tuple[int, ...]) -> None:
        bits = [1] * 8
        while len(bits) < 255 * 8:  # the sequence repeats after 255 bits, its octets after 255
            window = bits[-8:]
            bits.append(sum(window[tap] for tap in taps) % 2)
        octets = bytes(
            int("".join(map(str, bits[start : start + 8])), 2) for start in range(0, len(bits), 8)
        )
        self._sequence = octets * (LONGEST // len(octets) + 1)

    def apply(self, data: bytes) -> bytes:
        """Randomised or, if it was, plain octets. Raises ValueError beyond 16 KiB."""
        if len(data) > LONGEST:
            raise ValueError(f"{len(data)} octets to randomise, {LONGEST} at most")
        mask = int.from_bytes(self._sequence[: len(data)], "big")
        return (int.from_bytes(data, "big") ^ mask).to_bytes(len(data), "big")


TELECOMMAND = Randomiser((0, 1, 2, 3, 4, 6))  # x8 + x6 + x4 + x3 + x2 + x + 1 (231.0-B-4, 6)
TELEMETRY = Randomiser((0, 3, 5, 7))  # x8 + x7 + x5 + x3 + 1 (131.0-B-5, 10)
