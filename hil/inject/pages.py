"""Which pages of a process are in memory: only those can be hit by a particle."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hil.inject.memory import InjectionRefused, Mapping

_ENTRY = 8  # octets per page in /proc/PID/pagemap
_PRESENT = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class Span:
    """Memory that may be hit; ``weight`` octets of it are resident."""

    start: int
    end: int
    region: str
    weight: int


def resident(pid: int, mapping: Mapping, region: str) -> list[Span]:
    """The resident parts of a mapping, from bit 63 of /proc/PID/pagemap.

    Raises ProcessLookupError when the process has ended, InjectionRefused.
    """
    first, count = mapping.start // mmap.PAGESIZE, (mapping.end - mapping.start) // mmap.PAGESIZE
    try:
        with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as pagemap:
            pagemap.seek(first * _ENTRY)
            entries = np.frombuffer(pagemap.read(count * _ENTRY), np.uint64)
    except PermissionError as error:
        raise InjectionRefused(f"/proc/{pid}/pagemap may not be read") from error
    except OSError as error:
        raise ProcessLookupError(f"process {pid}: {error.strerror}") from error
    present = np.zeros(len(entries) + 2, bool)
    present[1:-1] = entries & _PRESENT != 0
    edges = mapping.start + mmap.PAGESIZE * np.flatnonzero(present[1:] != present[:-1])
    return [
        Span(int(start), int(end), region, int(end - start)) for start, end in edges.reshape(-1, 2)
    ]


def by_mapping(pid: int, regions: dict[int, str]) -> list[Span]:
    """Whole mappings weighted by the Rss of /proc/PID/smaps, where pagemap may not be read.

    ``regions`` names the mappings that count by their start. A place in them may be one that is
    not resident. Raises ProcessLookupError, InjectionRefused.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
    except PermissionError as error:
        raise InjectionRefused(f"/proc/{pid}/smaps may not be read") from error
    except OSError as error:
        raise ProcessLookupError(f"process {pid}: {error.strerror}") from error
    found, start, end = [], 0, 0
    for line in lines:
        head, *rest = line.split()
        if not head.endswith(":"):
            start, end = (int(part, 16) for part in head.split("-"))
        elif head == "Rss:" and start in regions and rest[0] != "0":
            found.append(Span(start, end, regions[start], 1024 * int(rest[0])))
    return found
