"""Upsets in the live memory of another process, through /proc/PID/mem."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path


class InjectionRefused(PermissionError):
    """The kernel does not let us trace the process; the node needs ``--allow-injection``."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/PID/maps."""

    start: int
    end: int
    permissions: str
    name: str


@dataclass(frozen=True, slots=True)
class Flip:
    """One upset: where, which bit, and the octet before it."""

    pid: int
    mapping: str
    address: int
    bit: int
    before: int


class Victim:
    """The memory of a process, held open: one that ends meanwhile is seen, never mistaken.

    A context manager. Raises ProcessLookupError when there is no such process, InjectionRefused.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        except PermissionError as error:
            raise _refused(pid) from error
        except OSError as error:
            raise ProcessLookupError(f"process {pid}: {error.strerror}") from error

    def __enter__(self) -> Victim:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._memory)

    def read(self, address: int, size: int) -> bytes:
        """Octets from ``address``. Raises ProcessLookupError when they are not there any more."""
        try:
            found = os.pread(self._memory, size, address)
        except OSError as error:
            raise ProcessLookupError(f"process {self.pid}: {error.strerror}") from error
        if len(found) != size:
            raise ProcessLookupError(f"process {self.pid} has ended, or unmapped {address:#x}")
        return found

    def upset(self, address: int, mask: bytes) -> bytes:
        """Flip the bits of ``mask`` from ``address``; return the octets before.

        Raises ProcessLookupError when the process has ended: nothing was injected then.
        """
        before = self.read(address, len(mask))
        after = bytes(old ^ flip for old, flip in zip(before, mask, strict=True))
        try:
            written = os.pwrite(self._memory, after, address)
        except OSError as error:
            raise ProcessLookupError(f"process {self.pid}: {error.strerror}") from error
        if written != len(after):
            raise ProcessLookupError(f"process {self.pid} has ended")
        return before


def _refused(pid: int) -> InjectionRefused:
    return InjectionRefused(f"process {pid} may not be traced (--allow-injection)")


def mappings(pid: int, part: str = "") -> list[Mapping]:
    """Mappings of a process whose name contains ``part``.

    Raises ProcessLookupError when it is gone, InjectionRefused.
    """
    try:
        text = Path(f"/proc/{pid}/maps").read_text()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(f"no process {pid}") from error
    except PermissionError as error:
        raise _refused(pid) from error
    found = []
    for line in text.splitlines():
        if part not in line:
            continue
        span, permissions, _, _, _, *name = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in span.split("-"))
        found.append(Mapping(start, end, permissions, name[0] if name else ""))
    return found


def find(pid: int, part: str) -> Mapping:
    """The writable mapping whose name contains ``part``. Raises LookupError."""
    for mapping in mappings(pid, part):
        if part in mapping.name and "w" in mapping.permissions:
            return mapping
    raise LookupError(f"process {pid} has no writable mapping named {part!r}")


def flip(pid: int, part: str, count: int, seed: int, span: range | None = None) -> list[Flip]:
    """Flip ``count`` different random bits of a mapping; ``span`` restricts the offsets.

    Raises LookupError, ProcessLookupError, InjectionRefused; ValueError when there are not as many
    bits.
    """
    mapping = find(pid, part)
    offsets = span or range(mapping.end - mapping.start)
    bits = 8 * len(offsets)
    if not 0 < count <= bits:
        raise ValueError(f"{count} bits of {bits} in {mapping.name} cannot be flipped")
    flips = []
    with Victim(pid) as victim:
        for offset, bit in _places(offsets, count, random.Random(seed)):
            address = mapping.start + offset
            (before,) = victim.upset(address, bytes((1 << bit,)))
            flips.append(Flip(pid, mapping.name, address, bit, before))
    return flips


def _places(offsets: range, count: int, generator: random.Random) -> list[tuple[int, int]]:
    """Different (offset, bit) pairs: a bit that is flipped twice would not be an upset."""
    places: dict[tuple[int, int], None] = {}
    while len(places) < count:
        places[generator.choice(offsets), generator.randrange(8)] = None
    return list(places)


def read(pid: int, mapping: Mapping, offset: int, size: int) -> bytes:
    """Octets of a mapping of another process. Raises ProcessLookupError, InjectionRefused."""
    with Victim(pid) as victim:
        return victim.read(mapping.start + offset, size)
