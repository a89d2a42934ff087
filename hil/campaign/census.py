"""Every process that a node was seen to have, and which of them it left behind."""

from __future__ import annotations

import contextlib
import os

import psutil

from flight.runtime import kernel


def family(root: int) -> dict[int, str]:
    """Live processes of a node by pid, from its executive's pid: pid to process name."""
    try:
        top = psutil.Process(root)
        processes = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return {}
    found = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = process.name()
    return found


class Census:
    """Remembers processes by pid and time of birth. Adopts the orphans of a killed node."""

    def __init__(self) -> None:
        kernel.adopt_orphans()
        self._seen: dict[int, float] = {}

    def note(self, root: int) -> dict[int, str]:
        """Remember the processes below ``root`` and return them by pid."""
        processes = family(root)
        for pid in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._seen[pid] = psutil.Process(pid).create_time()
        return processes

    def survivors(self) -> list[str]:
        """Those that still exist, zombies included."""
        found = []
        for pid, born in self._seen.items():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # an orphan of the killed executive, adopted by us
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.create_time() == born:
                    found.append(f"process {pid} {process.name()} {process.status()}")
        return found
