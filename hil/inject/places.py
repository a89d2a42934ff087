"""Where in a replica an upset falls: its state, inputs, weights, heap, or anywhere it may write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from flight.executor.slab import HEADER, HEADER_SIZE
from hil.inject.memory import InjectionRefused, Mapping, Victim, mappings
from hil.inject.pages import Span, by_mapping, resident

NEEDLE = 64  # octets by which a copy of a scene is found before all of it is compared
TELLING = 8  # different octets among them, so that cleared memory is no copy
_NODE = "tardigrade-"  # in the names of shared memory of a node
_LABELS = (
    ("-scene.ecc", "shared"),
    ("-second.ecc", "shared"),
    (".ecc", "protected"),
    ("executor-t", "slab"),
    ("tardigrade-weights-", "weights"),
    ("[heap]", "heap"),
    ("[stack]", "stack"),
)


class Places:
    """The memory of one replica of ``task`` that computes on ``scenes`` (their pixels).

    What all its replicas share is found in their executor, which alone may write it.
    """

    def __init__(self, victim: Victim, task: int, scenes: Sequence[bytes]) -> None:
        self._victim, self._task, self._scenes = victim, task, scenes
        self.pagemap = True  # False once /proc/PID/pagemap was refused
        self._found: list[Span] = []  # copies of the scenes; a search takes some 20 ms

    def spans(self, target: str) -> list[Span]:
        """What belongs to one of TARGETS now; nothing while the replica has not got that far.

        Raises ProcessLookupError when it has ended, InjectionRefused.
        """
        match target:
            case "state":
                return self._states()
            case "inputs":
                if not self._found and self._states():  # it has opened them by then
                    self._found = self._copies()
                return self._found
            case "shared":
                return self._resident(
                    each
                    for each in self._writable(f"executor-t{self._task}-")
                    if label(each) == target
                )
            case "weights" | "heap":
                return self._resident(each for each in self._writable() if label(each) == target)
            case _:
                return self._resident(self._writable())

    def _writable(self, part: str = "") -> list[Mapping]:
        """What the replica may write, but for files that are not the node's own memory."""
        found = mappings(self._victim.pid, part)
        return [each for each in found if "w" in each.permissions and _ours(each)]

    def _resident(self, chosen: Iterable[Mapping]) -> list[Span]:
        named = [(each, label(each)) for each in chosen]
        if self.pagemap:
            try:
                parts = (resident(self._victim.pid, each, name) for each, name in named)
                return [span for part in parts for span in part]
            except InjectionRefused:
                self.pagemap = False
        return by_mapping(self._victim.pid, {each.start: name for each, name in named})

    def _states(self) -> list[Span]:
        """The states that lie in the slots of the replica's slab, headers left out."""
        slabs = self._writable(f"executor-t{self._task}-r")
        return [span for slab in slabs for span in states(self._victim, slab)]

    def _copies(self) -> list[Span]:
        """Every whole copy of a scene in private memory, found by its content."""
        found = []
        private = [each for each in self._writable() if label(each) in ("heap", "anonymous")]
        for scene in self._scenes:
            middle = len(scene) // 2
            needle = scene[middle : middle + NEEDLE]
            for start, data in self._contents(private, len(scene)):
                place = data.find(needle)
                while place >= 0:
                    first = place - middle
                    if first >= 0 and data[first : first + len(scene)] == scene:
                        begin = start + first
                        found.append(Span(begin, begin + len(scene), "inputs", len(scene)))
                    place = data.find(needle, place + 1)
        return found

    def _contents(self, chosen: Iterable[Mapping], least: int) -> Iterable[tuple[int, bytes]]:
        """Address and octets of each run of resident memory of ``least`` octets and more."""
        for start, end in _runs(self._resident(chosen)):
            if end - start >= least:
                with contextlib.suppress(ProcessLookupError):  # it has just been unmapped
                    yield start, self._victim.read(start, end - start)

    def part(self, address: int) -> str:
        """What of the task lies at an address: state, inputs, or nothing that can be told.

        Raises ProcessLookupError.
        """
        if any(span.start <= address < span.end for span in self._states()):
            return "state"
        before = self._victim.read(max(address - NEEDLE, 0), NEEDLE)
        telling = len(set(before)) > TELLING
        return "inputs" if telling and any(before in scene for scene in self._scenes) else ""


def states(victim: Victim, slab: Mapping) -> list[Span]:
    """Where a slab holds states now. Raises ProcessLookupError."""
    try:
        size = Path(slab.name).stat().st_size  # the mapping ends with a page, the slab need not
    except OSError as error:
        raise ProcessLookupError(f"{slab.name} is gone") from error
    half, found = size // 2, []
    for base in (slab.start, slab.start + half):
        stamp, length = HEADER.unpack(victim.read(base, HEADER.size))
        if stamp and 0 < length <= half - HEADER_SIZE:
            start = base + HEADER_SIZE
            found.append(Span(start, start + length, "state", length))
    return found


def _ours(mapping: Mapping) -> bool:
    return mapping.permissions.endswith("p") or _NODE in mapping.name


def _runs(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Start and end of memory without gaps: one object may lie in two mappings."""
    found: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda span: span.start):
        if found and found[-1][1] == span.start:
            found[-1] = found[-1][0], span.end
        else:
            found.append((span.start, span.end))
    return found


def label(mapping: Mapping) -> str:
    """Name of the region that a mapping is counted under."""
    for part, name in _LABELS:
        if part in mapping.name:
            return name
    if not mapping.name or mapping.name.startswith("[anon"):
        return "anonymous"
    return "library data" if ".so" in mapping.name else "other"


def choose(spans: Sequence[Span], share: float) -> tuple[Span, int]:
    """The span and the address at ``share`` (0 to 1) of all resident octets of ``spans``."""
    rest = share * sum(span.weight for span in spans)
    for span in spans:
        if rest < span.weight:
            return span, span.start + int(rest * (span.end - span.start) / span.weight)
        rest -= span.weight
    return spans[-1], spans[-1].end - 1
