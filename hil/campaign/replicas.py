"""The replicas of a running node, found from outside by the slab that each has mapped."""

from __future__ import annotations

import re
from pathlib import Path

from hil.campaign.census import family
from hil.inject.memory import mappings

_SLAB = re.compile(r"executor-t(\d+)-r(\d+)")


class Replicas:
    """Looks at the executor's children; quick enough to be asked every millisecond."""

    def __init__(self) -> None:
        self._executive = self.executor = 0  # pids
        self._known: dict[int, tuple[int, int]] = {}

    def running(self, executive: int) -> dict[int, tuple[int, int]]:
        """Pid to task and seat, of those that are not on their way out.

        Raises InjectionRefused when they may not be traced.
        """
        pids = self._children(executive)
        self._known = {pid: found for pid, found in self._known.items() if pid in pids}
        for pid in pids - set(self._known):
            found = _seat(pid)
            if found is not None:
                self._known[pid] = found
        return {pid: found for pid, found in self._known.items() if _has_memory(pid)}

    def _children(self, executive: int) -> set[int]:
        """Children of the executor (proc(5), /proc/PID/task/TID/children)."""
        pid = self.executor
        try:
            if executive != self._executive:  # that executor may be a zombie still
                raise ProcessLookupError(f"no executor of {executive} known")
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:  # it was replaced
            names = family(executive)
            self._executive = executive
            self.executor = next((pid for pid, name in names.items() if name == "executor"), 0)
            return set()
        return {int(each) for each in children.split()}


def _seat(pid: int) -> tuple[int, int] | None:
    try:
        names = [each.name for each in mappings(pid, "executor-t")]
    except ProcessLookupError:
        return None
    found = next((match for name in names if (match := _SLAB.search(name))), None)
    return (int(found[1]), int(found[2])) if found else None


def _has_memory(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/statm").read_text().startswith("0 ")
    except OSError:
        return False
