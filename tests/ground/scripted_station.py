"""A station whose words are given: what it answers to requests, then the lines of its watch."""

from __future__ import annotations

from collections import deque
from typing import Any, Self

import pytest

from ground.cli import follow

Line = dict[str, Any]
REQUEST = 7


class ScriptedStation:
    """In place of the control client. When its lines have run out, the time has too."""

    def __init__(self, *lines: Line, link: bool = True, **reply: Any) -> None:
        self.asked: list[Line] = []
        self._lines = deque(lines)
        self._reply: Line = {"link": link, "request": REQUEST, "transaction": 3, "downlink": {}}
        self._reply |= reply

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def request(self, request: Line, timeout: float = 5.0) -> Line:
        self.asked.append(request)
        return self._reply

    def receive(self, timeout: float) -> Line | None:
        return self._lines.popleft() if self._lines else None

    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Self:
        """What verbs connect to."""
        monkeypatch.setattr(follow, "ControlClient", lambda path, what: self)
        return self


def stage(command: str, reached: str, reason: str = "NONE") -> Line:
    about = {"happening": "stage", "request": REQUEST, "command": command, "utc_ns": 0, "step": 0}
    return about | {"stage": reached, "reason": reason}


def progress(name: str, received: int, size: int) -> Line:
    counts = {"received": received, "size": size, "resent": 0, "rate": 0}
    return {"happening": "progress", "name": name} | counts


def sent(outcome: str) -> Line:
    """The end of a file on its way up."""
    counts = {"sent": 1000, "size": 1000, "resent": 0, "rate": 0}
    about = {"happening": "uplink", "transaction": 3, "name": "b1.bin"}
    return about | {"outcome": outcome} | counts


def link(up: bool) -> Line:
    return {"happening": "link", "up": up}


def value(name: str, number: float) -> Line:
    message = {"name": name, "value": number}
    return {"happening": "packet", "packet": "parameter.value", "message": message}
