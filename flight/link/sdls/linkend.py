"""One end of a protected link: it protects what it sends and verifies what it receives."""

from __future__ import annotations

from contextlib import suppress

from flight.link.channels import VirtualChannel
from flight.link.errors import Fault, LinkError
from flight.link.sdls.association import (
    OVERHEAD,
    SPI_SIZE,
    WORN,
    CounterStore,
    Receiver,
    Sender,
)
from flight.link.sdls.cipher import IV_SIZE, Cipher, Gcm, Hmac
from flight.link.sdls.derivation import (
    MOST_CHANNEL,
    Direction,
    association_key,
    meaning,
    spi,
)
from flight.link.sdls.errors import NotProtected, SecurityError, SecurityFault
from flight.link.sdls.keyring import Keyring

_BODY = SPI_SIZE + IV_SIZE
REORDERED = 64  # counters that a frame may come late, where order does not matter


class LinkEnd:
    """``sends`` is the direction of the frames that this end sends.

    A frame is given as the virtual channel, its ``header`` up to the security header, the same
    ``masked`` as the standard authenticates it, and data.
    """

    overhead = OVERHEAD

    def __init__(self, ring: Keyring, sends: Direction, counters: CounterStore) -> None:
        self.ring = ring
        self.unsaved = ""  # why keys or counters could not be kept the last time
        self.confirmed = 0  # newest epoch of which a genuine frame came
        self._sends, self._receives = sends, Direction(1 - sends)
        self._counters = counters
        self._strict = ring.strict
        self._senders: dict[int, Sender] = {}  # by virtual channel, all of one epoch
        self._senders_epoch = 0
        self._receivers: dict[bytes, Receiver] = {}  # by SPI as on the wire

    def ready(self, channel: int) -> bool:
        """True when a frame can be protected: its counter is reserved."""
        try:
            self._sender(channel).prepare()
        except NotProtected as error:
            self.unsaved = str(error)
            return False
        return True

    def protect(self, channel: int, header: bytes, masked: bytes, data: bytes) -> bytes:
        """Security header, data and trailer for one frame. Raises NotProtected."""
        sender = self._senders.get(channel)
        if sender is None or self._senders_epoch != self.ring.sending:
            sender = self._sender(channel)
        return sender.protect(header if self._strict else masked, data)

    def verify(self, channel: int, header: bytes, masked: bytes, field: bytes) -> bytes:
        """Data of a genuine frame. Raises LinkError; then nothing has changed."""
        receiver = self._receivers.get(field[:SPI_SIZE])
        if receiver is None:
            receiver = self._admit(field[:SPI_SIZE])
        if receiver.channel != channel:
            raise SecurityError(SecurityFault.SPI)
        if len(field) <= OVERHEAD:
            raise LinkError(Fault.LENGTH, "no data between security header and trailer")
        iv = field[SPI_SIZE:_BODY]
        data = receiver.verify(header if self._strict else masked, iv, field[_BODY:])
        epoch = field[0] << 4 | field[1] >> 4
        if epoch > self.confirmed:
            self._confirm(epoch)
        return data

    def _sender(self, channel: int) -> Sender:
        epoch = self.ring.sending
        if self._senders_epoch != epoch:
            self._close_senders()
            self._senders_epoch = epoch
        sender = self._senders.get(channel)
        if sender is None:
            index = spi(epoch, self._sends, channel)
            try:
                sender = Sender(index, self._cipher(index), self._counters)
            except OSError as error:
                raise NotProtected(f"counters cannot be read: {error.strerror}") from error
            self._senders[channel] = sender
        return sender

    def _admit(self, index: bytes) -> Receiver:
        """The receiver of an association in operation. Raises SecurityError."""
        epoch, direction, channel = meaning(int.from_bytes(index, "big"))
        known = len(index) == SPI_SIZE and direction is self._receives and channel <= MOST_CHANNEL
        if not known or self.ring.master(epoch) is None:
            raise SecurityError(SecurityFault.SPI)
        number = spi(epoch, direction, channel)
        strict = direction is Direction.UP and channel == VirtualChannel.COMMANDS
        reach = 0 if strict else REORDERED
        try:
            receiver = Receiver(number, self._cipher(number), self._counters, reach, channel)
        except OSError as error:
            self.unsaved = f"counters cannot be read: {error.strerror}"
            raise SecurityError(SecurityFault.SPI, self.unsaved) from error
        self._receivers[index] = receiver
        return receiver

    def _cipher(self, index: int) -> Cipher:
        epoch, direction, channel = meaning(index)
        master = self.ring.master(epoch)
        if master is None:
            raise NotProtected(f"key {epoch} is not in operation")
        clear = self.ring.clear
        key = association_key(master, self.ring.spacecraft, epoch, direction, channel, clear)
        raw = index.to_bytes(SPI_SIZE, "big")
        return Hmac(key, raw) if clear else Gcm(key, raw)

    def _confirm(self, epoch: int) -> None:
        self.confirmed = epoch
        try:
            self.ring.confirm(epoch)
        except OSError as error:
            self.unsaved = f"keys cannot be kept: {error.strerror}"
        self.forget()

    def renew(self) -> None:
        """Make all ciphers anew from the ring: an upset in a key would end the link otherwise."""
        self.forget()
        if self._senders_epoch == self.ring.sending:
            for channel, sender in self._senders.items():
                sender.renew(self._cipher(spi(self._senders_epoch, self._sends, channel)))
        for index, receiver in self._receivers.items():
            receiver.renew(self._cipher(int.from_bytes(index, "big")))

    def forget(self) -> None:
        """Give up receivers whose key is no longer in operation."""
        for index in list(self._receivers):
            if self.ring.master(int.from_bytes(index, "big") >> 4) is None:
                del self._receivers[index]

    def skip(self, channel: int, floor: int) -> None:
        """Send no counter below ``floor``, which the other end has said it will refuse."""
        with suppress(NotProtected):
            self._sender(channel).skip(floor)

    def floor(self, channel: int) -> int:
        """Least counter that a frame of a channel may have under the key in use."""
        index = spi(self.ring.sending, self._receives, channel).to_bytes(SPI_SIZE, "big")
        try:
            return (self._receivers.get(index) or self._admit(index)).floor
        except SecurityError:
            return 0

    def second(self) -> str:
        """Called each second; why keys or counters cannot be kept, or nothing."""
        for receiver in self._receivers.values():
            receiver.relax()
            self.unsaved = self.unsaved or receiver.unsaved
        unsaved, self.unsaved = self.unsaved, ""
        return unsaved

    @property
    def worn(self) -> bool:
        """True when a key has protected as many frames as it should."""
        return any(sender.next >= WORN for sender in self._senders.values())

    def close(self) -> None:
        """Keep all floors as they are now, so that nothing is skipped or refused after a restart.
        Where that fails the reserved ones stand."""
        self._close_senders()
        for receiver in self._receivers.values():
            with suppress(OSError):
                receiver.close()
        self._receivers.clear()
        self._counters.close()

    def _close_senders(self) -> None:
        for sender in self._senders.values():
            with suppress(OSError):
                sender.close()
        self._senders.clear()
