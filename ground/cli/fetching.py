"""Having the node send a file down, and following it into the inbox."""

from __future__ import annotations

from typing import Any

from ground.cli.display import Display
from ground.cli.follow import Follower
from ground.jsonlines import ControlClient


def fetch(
    client: ControlClient,
    shown: Display,
    command: str,
    arguments: dict[str, str],
    name: str,
    timeout: float,
) -> None:
    """Send a telecommand and wait until a file of this name has come because of it.

    Raises Stop: 4 or 7 when the board refused, 5 when it did not answer, 6 when the link is down.
    """
    follower = Follower(client, shown)
    follower.send(command, arguments)

    share = ""

    def come(line: dict[str, Any]) -> bool:
        nonlocal share
        if line["happening"] == "progress" and line["name"] == name:
            share = f"; {line['received']} of {line['size']} octets are here, and it goes on"
        return bool(line["happening"] == "file" and line["name"] == name)

    follower.until(come, timeout, lambda: f"{name} has not come whole{share}")
