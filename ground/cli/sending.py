"""Handing a file to the station and following it to the node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.runtime.clock import SystemClock
from ground.cli.display import Display
from ground.cli.follow import unheard
from ground.jsonlines import ControlClient

DELIVERED = "NO_ERROR"
COPYING = 300.0  # s that the station may take to copy a file


class Sending:
    """One file on its way up."""

    def __init__(
        self, client: ControlClient, path: Path, name: str, priority: int = 5, acknowledged: int = 2
    ) -> None:
        """Queue it; the watch begins first, so that its end is not missed. Raises Stop: 2 when
        the station cannot read the file, 3 when no node would take it."""
        self._client = client
        client.request({"verb": "watch", "kinds": ["uplink", "link"]})
        wanted = {"verb": "put", "path": str(path.resolve()), "name": name}
        reply = client.request(wanted | {"priority": priority, "class": acknowledged}, COPYING)
        self.name = name
        self.transaction: int = reply["transaction"]
        self.link: bool = reply["link"]
        self.size = 0
        self._wanted = "on board" if acknowledged == 2 else "all sent"

    def finish(self, display: Display, timeout: float) -> None:
        """Follow the file until the node has kept it or, of class 1, until all of it was sent.

        Raises Stop: 4 when the node refused it, 5 when it did not answer, 6 when the link is down.
        """
        if not self.link:
            display.link(False)
        clock = SystemClock()
        deadline = clock.now() + timeout
        while (remaining := deadline - clock.now()) > 0:
            line = self._client.receive(remaining)
            if line is None:
                break
            if self._ended(line, display):
                return
        why = unheard(self._client)
        if not self.link:
            raise Stop(Exit.DOWN, f"link down for {timeout:g} s{why}; {self.name} waits")
        late = f"{self.name} is not {self._wanted} after {timeout:g} s{why}"
        raise Stop(Exit.NO_ANSWER, late)

    def _ended(self, line: dict[str, Any], display: Display) -> bool:
        if line["happening"] == "link":
            self.link = line["up"]
            display.link(self.link)
            return False
        if line["transaction"] != self.transaction:
            return False
        self.size = line["size"]
        display.file(line | {"received": line["sent"]})
        if line["outcome"] in ("", DELIVERED):
            return bool(line["outcome"])
        raise Stop(Exit.REFUSED_ON_BOARD, f"{self.name} is not {self._wanted}: {line['outcome']}")
