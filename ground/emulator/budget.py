"""Bit errors from the energy per bit: a link budget that follows range and rate."""

from __future__ import annotations

import math
import random

from ground.emulator.stages import Transmission
from ground.emulator.track import Rates, Track
from ground.linkfile import Direction


def bit_error_rate(ebn0: float) -> float:
    """Of coherent BPSK and QPSK, at Eb/N0 in dB: erfc(sqrt(Eb/N0)) / 2 (Proakis, Digital
    Communications, eq. 4.3-13)."""
    return 0.5 * math.erfc(math.sqrt(10 ** (ebn0 / 10)))


class EnergyErrors:
    """Independent errors, as often as Eb/N0 says when the last bit of a frame leaves.

    Free-space loss goes with the square of the range; at a constant power the energy of a bit is
    one over the rate. What is drawn is the sum of the hazard of bits up to the next flip, which is
    exponential with mean 1 whatever their error rates, so the work is O(flips).
    """

    def __init__(
        self, settings: Direction, rates: Rates, track: Track | None, source: random.Random
    ) -> None:
        self.counters = {"flipped_frames": 0, "flipped_bits": 0}
        self._rates, self._track, self._source = rates, track, source
        self._rate, self._range = settings.rate, settings.ebn0_range
        self._left = source.expovariate(1.0)
        self.configure(settings)

    def configure(self, settings: Direction) -> None:
        """Another Eb/N0, at the rate of the beginning."""
        assert settings.ebn0 is not None
        self._ebn0 = settings.ebn0 + settings.coding_gain

    def ebn0(self, time: float) -> float:
        """In dB, with the coding gain."""
        found = self._ebn0 - 10 * math.log10(self._rates.at(time) / self._rate)
        if self._track is not None and self._range:
            found -= 20 * math.log10(self._track.range(time) / self._range)
        return found

    def apply(self, item: Transmission) -> list[Transmission]:
        """Flip the bits that the stream hits."""
        bits = len(item.frame) * 8
        hazard = -math.log1p(-bit_error_rate(self.ebn0(item.time)))  # per bit
        if self._left >= bits * hazard:
            self._left -= bits * hazard
            return [item]
        damaged, position, flips = bytearray(item.frame), 0, 0
        while self._left < (bits - position) * hazard:
            position += int(self._left / hazard)
            damaged[position >> 3] ^= 0x80 >> (position & 7)
            flips += 1
            position += 1
            self._left = self._source.expovariate(1.0)
        self._left -= (bits - position) * hazard
        self.counters["flipped_frames"] += 1
        self.counters["flipped_bits"] += flips
        return [Transmission(item.time, bytes(damaged), item.fate, item.flips + flips)]
