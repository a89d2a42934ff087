"""Security associations: one virtual channel, one direction, one key (CCSDS 355.0-B-2, 2.3).

On the wire: SPI (2), counter (12, big-endian), data, tag (16). A counter is used once under a key,
whatever happens to the machine: both ends keep, before they use or accept counters, the lowest one
that is free, ``floor``.
"""

from __future__ import annotations

from typing import Protocol

from flight.link.sdls.cipher import IV_SIZE, TAG_SIZE, Cipher
from flight.link.sdls.errors import NotProtected, SecurityError, SecurityFault
from flight.link.sdls.window import Window

SPI_SIZE = 2
OVERHEAD = SPI_SIZE + IV_SIZE + TAG_SIZE
RESERVE = 1000  # counters that a sender reserves at a time
LAST = (1 << 96) - 1  # never used: a counter that rolled over would begin to repeat
WORN = 1 << 32  # frames after which a key is due for rotation
DOUBT = 60  # s after the first stale frame: by then its sender has heard how far to skip
_LEAST_BLOCK, _LARGEST_BLOCK = 16, 4096


class CounterStore(Protocol):
    """Where floors are kept."""

    def load(self, name: str) -> int:
        """The floor, 0 when there is none yet. Raises OSError."""

    def save(self, name: str, value: int) -> None:
        """Keep a floor, durable on return. Raises OSError."""

    def close(self) -> None:
        """Release what is open; the next call opens it again."""


class Sender:
    """Protects the frames of one association."""

    __slots__ = ("_cipher", "_counters", "_name", "_next", "_reserve", "_reserved", "_spi")

    def __init__(
        self, spi: int, cipher: Cipher, counters: CounterStore, reserve: int = RESERVE
    ) -> None:
        """Raises OSError when the floor cannot be read."""
        self._spi, self._name = spi.to_bytes(SPI_SIZE, "big"), f"{spi:04x}"
        self._cipher, self._counters, self._reserve = cipher, counters, reserve
        self._next = self._reserved = counters.load(self._name)

    @property
    def next(self) -> int:
        """The counter of the next frame."""
        return self._next

    def prepare(self) -> None:
        """Reserve counters when none is left. Raises NotProtected when that is not possible."""
        if self._next < self._reserved:
            return
        if self._next >= LAST:
            raise NotProtected("no counter is left under this key")
        reserved = min(self._next + self._reserve, LAST)
        try:
            self._counters.save(self._name, reserved)
        except OSError as error:
            raise NotProtected(f"counters cannot be kept: {error.strerror}") from error
        self._reserved = reserved

    def renew(self, cipher: Cipher) -> None:
        """Use a cipher that was made anew."""
        self._cipher = cipher

    def protect(self, header: bytes, data: bytes) -> bytes:
        """Security header, data and tag. Raises NotProtected."""
        if self._next >= self._reserved:
            self.prepare()
        iv = self._next.to_bytes(IV_SIZE, "big")
        self._next += 1
        return self._spi + iv + self._cipher.seal(iv, header, data)

    def skip(self, floor: int) -> None:
        """Use no counter below ``floor``: the other end would refuse it."""
        self._next = max(self._next, min(floor, LAST))

    def close(self) -> None:
        """Give back what was reserved and not used; the sender is not used afterwards."""
        if self._next < self._reserved:
            self._reserved = self._next
            self._counters.save(self._name, self._next)


class Receiver:
    """Verifies the frames of one association."""

    def __init__(
        self, spi: int, cipher: Cipher, counters: CounterStore, reach: int, channel: int
    ) -> None:
        """Frames that come up to ``reach`` counters late are taken. Raises OSError."""
        self.channel = channel
        self.unsaved = ""  # why the floor could not be kept the last time
        self._name, self._cipher, self._counters = f"{spi:04x}", cipher, counters
        self._floor = counters.load(self._name)
        self._window = Window(self._floor, reach)
        # Counters below may be unused: the floor was kept ahead. The doubt ends with a newer frame.
        self._doubtful = self._floor
        self._stale, self._doubt = False, DOUBT
        self._block = _LEAST_BLOCK

    @property
    def floor(self) -> int:
        """Counters below are used, or count as used after a restart."""
        return self._window.highest + 1

    def verify(self, header: bytes, iv: bytes, sealed: bytes) -> bytes:
        """Data of a genuine frame that comes for the first time. Raises SecurityError."""
        counter = int.from_bytes(iv, "big")
        stale = counter < self._doubtful
        if not stale:
            self._window.check(counter)
        data = self._cipher.open(iv, header, sealed)
        if stale:
            self._stale = True
            raise SecurityError(SecurityFault.STALE)
        if counter >= self._floor:
            self._keep(counter + self._block)
        self._window.accept(counter)
        self._doubtful = 0
        return data

    def _keep(self, floor: int) -> None:
        """Raise the floor on disk ahead of what is accepted, in blocks that grow with the traffic.

        A frame is not refused because the disk is: a node that cannot write must stay in command.
        """
        try:
            self._counters.save(self._name, floor)
        except OSError as error:
            self.unsaved = error.strerror or type(error).__name__
            return
        self._floor, self.unsaved = floor, ""
        self._block = min(2 * self._block, _LARGEST_BLOCK)

    def renew(self, cipher: Cipher) -> None:
        """Use a cipher that was made anew."""
        self._cipher = cipher

    def relax(self) -> None:
        """Called each second: smaller blocks while little comes, so that a restart costs little."""
        self._block = max(self._block // 2, _LEAST_BLOCK)
        self._doubt -= self._stale
        if self._doubt <= 0:
            self._doubtful = 0

    def close(self) -> None:
        """Keep where the window stands; the receiver is not used afterwards."""
        if self.floor != self._floor:
            self._counters.save(self._name, self.floor)
