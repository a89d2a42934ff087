"""Bit flips in the live memory of another process, through /proc/PID/mem."""

from __future__ import annotations

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


def mappings(pid: int) -> list[Mapping]:
    """All mappings of a process. Raises ProcessLookupError when it is gone."""
    try:
        text = Path(f"/proc/{pid}/maps").read_text()
    except FileNotFoundError as error:
        raise ProcessLookupError(f"no process {pid}") from error
    except PermissionError as error:
        raise InjectionRefused(f"process {pid} may not be traced (--allow-injection)") from error
    found = []
    for line in text.splitlines():
        span, permissions, _, _, _, *name = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in span.split("-"))
        found.append(Mapping(start, end, permissions, name[0] if name else ""))
    return found


def find(pid: int, part: str) -> Mapping:
    """The writable mapping whose name contains ``part``. Raises LookupError."""
    for mapping in mappings(pid):
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
    try:
        with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
            for offset, bit in _places(offsets, count, random.Random(seed)):
                address = mapping.start + offset
                memory.seek(address)
                before = memory.read(1)[0]
                memory.seek(address)
                memory.write(bytes((before ^ 1 << bit,)))
                flips.append(Flip(pid, mapping.name, address, bit, before))
    except PermissionError as error:
        raise InjectionRefused(f"process {pid} may not be traced (--allow-injection)") from error
    except OSError as error:
        raise ProcessLookupError(f"process {pid}: {error.strerror}") from error
    return flips


def _places(offsets: range, count: int, generator: random.Random) -> list[tuple[int, int]]:
    """Different (offset, bit) pairs: a bit that is flipped twice would not be an upset."""
    places: dict[tuple[int, int], None] = {}
    while len(places) < count:
        places[generator.choice(offsets), generator.randrange(8)] = None
    return list(places)


def read(pid: int, mapping: Mapping, offset: int, size: int) -> bytes:
    """Octets of a mapping of another process."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(mapping.start + offset)
        return memory.read(size)
