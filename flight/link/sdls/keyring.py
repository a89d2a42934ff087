"""The master keys of a link and their states, kept wrapped (AES-KW, RFC 3394) over restarts.

Rotation: ``load`` at the node, ``activate`` at the node, ``switch`` on the ground. Once activated,
the node takes frames under both keys; the first genuine one under the new key makes it send under
that key too and puts the old one out of use, and so does the first answer on the ground. Each step
is on disk before it is confirmed, and each may be repeated: after a crash at any instant both sides
still have a key in common.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from flight.dictionary.enums import Reason
from flight.dictionary.security import KeyState
from flight.link.sdls.derivation import KEY_SIZE, MOST_EPOCH, fingerprint
from flight.link.sdls.errors import KeyringError

NAME = "keyring"
MOST_KEYS = 16


class RingStore(Protocol):
    """Where the ring is kept: a store of files that are replaced as one step."""

    def write(self, name: str, data: bytes) -> None:
        """Replace. Raises OSError."""


class Entry(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """One master key; ``wrapped`` is empty once it is destroyed."""

    epoch: int
    state: KeyState
    wrapped: bytes


class Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The ring as it is kept. ``kek`` is the fingerprint of the key that wraps the others;
    ``clear`` says that data are authenticated and not encrypted, ``strict`` that the whole primary
    header is authenticated; ``sending`` is the epoch that this side sends under."""

    version: int
    spacecraft: int
    clear: bool
    strict: bool
    kek: str
    sending: int
    entries: list[Entry]


class Keyring:
    """Raises KeyringError when the record is none of this key encryption key."""

    def __init__(self, kek: bytes, raw: bytes, store: RingStore, name: str = NAME) -> None:
        self._kek, self._store, self._name = kek, store, name
        self._record = _parse(kek, raw)
        self._masters = _masters(kek, self._record)

    def renew(self, kek: bytes, raw: bytes) -> None:
        """Make the keys in memory anew: from the record in memory, which shows an upset when it is
        unwrapped, else from the one on disk. Raises KeyringError; then nothing changes."""
        try:
            masters, record = _masters(kek, self._record), self._record
        except KeyringError:
            record = _parse(kek, raw)
            masters = _masters(kek, record)
        self._kek, self._record, self._masters = kek, record, masters

    @property
    def spacecraft(self) -> int:
        """The spacecraft that the keys are for."""
        return self._record.spacecraft

    @property
    def clear(self) -> bool:
        """True when data are authenticated only."""
        return self._record.clear

    @property
    def strict(self) -> bool:
        """True when the whole primary header is authenticated."""
        return self._record.strict

    @property
    def sending(self) -> int:
        """Epoch that frames are sent under."""
        return self._record.sending

    @property
    def newest(self) -> int:
        """Highest epoch ever known."""
        return self._record.entries[-1].epoch

    def states(self) -> dict[int, KeyState]:
        """State by epoch, oldest first."""
        return {entry.epoch: entry.state for entry in self._record.entries}

    def fingerprints(self) -> dict[int, str]:
        """Fingerprints of the keys that still exist."""
        return {epoch: fingerprint(master) for epoch, master in self._masters.items()}

    def master(self, epoch: int) -> bytes | None:
        """A key in operation, else None."""
        active = self.states().get(epoch) is KeyState.ACTIVE
        return self._masters[epoch] if active else None

    def wrapped(self, epoch: int) -> bytes:
        """A key as it may travel. Raises KeyringError."""
        return self._entry(epoch).wrapped

    def encoded(self) -> bytes:
        """The ring as it is kept."""
        return msgspec.msgpack.encode(self._record)

    def load(self, epoch: int, wrapped: bytes) -> None:
        """Take a key over, PRE_ACTIVE; again is no change. Raises KeyringError, OSError."""
        master = _unwrap(self._kek, wrapped)
        known = self.states().get(epoch)
        if known is not None and known is not KeyState.DESTROYED:
            if self._masters[epoch] != master:
                raise KeyringError(Reason.RANGE, f"epoch {epoch} holds another key")
            return
        if not self.newest < epoch <= MOST_EPOCH:
            raise KeyringError(Reason.RANGE, f"epoch {epoch} is not above {self.newest}")
        if len(self._masters) >= MOST_KEYS:
            raise KeyringError(Reason.NO_SPACE, f"{MOST_KEYS} keys; revoke old ones")
        self._keep([*self._record.entries, Entry(epoch, KeyState.PRE_ACTIVE, wrapped)])
        self._masters[epoch] = master

    def activate(self, epoch: int) -> None:
        """Take frames under a key; again is no change. Raises KeyringError, OSError."""
        entry = self._entry(epoch)
        if entry.state is KeyState.DEACTIVATED:
            raise KeyringError(Reason.RANGE, f"epoch {epoch} is out of use")
        if entry.state is KeyState.PRE_ACTIVE:
            self._keep(self._with(epoch, KeyState.ACTIVE))

    def switch(self, epoch: int) -> None:
        """Send under a key that the other side takes; again is no change. Raises as activate."""
        entry = self._entry(epoch)
        if epoch < self.sending or entry.state is KeyState.DEACTIVATED:
            raise KeyringError(Reason.RANGE, f"epoch {epoch} is out of use")
        self._keep(self._with(epoch, KeyState.ACTIVE), epoch)

    def confirm(self, epoch: int) -> bool:
        """A genuine frame came under this key: older ones go out of use. True when that changed
        anything. Raises OSError; the change then counts until the next restart."""
        older = [
            entry.epoch
            for entry in self._record.entries
            if entry.epoch < epoch and entry.state is KeyState.ACTIVE
        ]
        if not older and epoch <= self.sending:
            return False
        entries = [
            Entry(each.epoch, KeyState.DEACTIVATED, each.wrapped) if each.epoch in older else each
            for each in self._record.entries
        ]
        record = msgspec.structs.replace(
            self._record, entries=entries, sending=max(epoch, self.sending)
        )
        self._record = record
        self._write(record)
        return True

    def revoke(self, epoch: int) -> None:
        """Destroy a key; again is no change. Raises KeyringError, OSError."""
        if epoch == self.sending:
            raise KeyringError(Reason.BUSY, f"epoch {epoch} is in use")
        if self.states().get(epoch) is KeyState.DESTROYED:
            return
        self._entry(epoch)
        entries = self._with(epoch, KeyState.DESTROYED, wiped=True)
        self._keep(entries)
        self._masters.pop(epoch, None)
        self._write(self._record)  # the generation before still had it

    def _entry(self, epoch: int) -> Entry:
        for entry in self._record.entries:
            if entry.epoch == epoch and entry.state is not KeyState.DESTROYED:
                return entry
        raise KeyringError(Reason.UNKNOWN, f"no key of epoch {epoch}")

    def _with(self, epoch: int, state: KeyState, wiped: bool = False) -> list[Entry]:
        return [
            Entry(epoch, state, b"" if wiped else each.wrapped) if each.epoch == epoch else each
            for each in self._record.entries
        ]

    def _keep(self, entries: list[Entry], sending: int | None = None) -> None:
        """Write, then adopt. The oldest destroyed ones are forgotten."""
        while len(entries) > MOST_KEYS and (gone := _oldest_destroyed(entries)) is not None:
            entries = [entry for entry in entries if entry is not gone]
        record = msgspec.structs.replace(
            self._record,
            entries=entries,
            sending=self.sending if sending is None else sending,
        )
        self._write(record)
        self._record = record

    def _write(self, record: Record) -> None:
        self._store.write(self._name, msgspec.msgpack.encode(record))


def first_record(kek: bytes, master: bytes, spacecraft: int, clear: bool, strict: bool) -> bytes:
    """A ring with one key, epoch 1, in operation."""
    entry = Entry(1, KeyState.ACTIVE, wrap(kek, master))
    record = Record(1, spacecraft, clear, strict, fingerprint(kek), 1, [entry])
    return msgspec.msgpack.encode(record)


def wrap(kek: bytes, master: bytes) -> bytes:
    """A key of 32 octets in 40."""
    return aes_key_wrap(kek, master)


def _unwrap(kek: bytes, wrapped: bytes) -> bytes:
    try:
        master = aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise KeyringError(Reason.CORRUPT, "no key under this encryption key") from error
    if len(master) != KEY_SIZE:
        raise KeyringError(Reason.CORRUPT, f"key of {len(master)} octets")
    return master


def _masters(kek: bytes, record: Record) -> dict[int, bytes]:
    wrapped = {entry.epoch: entry.wrapped for entry in record.entries if entry.wrapped}
    return {epoch: _unwrap(kek, each) for epoch, each in wrapped.items()}


def _parse(kek: bytes, raw: bytes) -> Record:
    try:
        record = msgspec.msgpack.decode(raw, type=Record)
    except msgspec.MsgspecError as error:
        raise KeyringError(Reason.CORRUPT, f"no keyring: {error}") from error
    epochs = [entry.epoch for entry in record.entries]
    if record.version != 1 or epochs != sorted(set(epochs)) or record.sending not in epochs:
        raise KeyringError(Reason.CORRUPT, "no keyring of this version")
    if record.kek != fingerprint(kek):
        raise KeyringError(Reason.AUTHENTICATION, "keyring of another key encryption key")
    return record


def _oldest_destroyed(entries: list[Entry]) -> Entry | None:
    """The oldest that may be forgotten: never the newest of all, which bounds the next epoch."""
    return next((each for each in entries[:-1] if each.state is KeyState.DESTROYED), None)
