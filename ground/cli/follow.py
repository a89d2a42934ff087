"""Sending a telecommand through the station and following what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.dictionary.enums import Stage
from flight.runtime.clock import SystemClock
from ground.cli.display import Display
from ground.jsonlines import ControlClient

Line = dict[str, Any]
MANY = 100  # good frames for one refused: idle ones are in clear, whatever the keys
_MEANING = {
    "UNKNOWN": ": the node knows no such task, scene, active program or name",
    "MODE": ": the node is in safe mode",
    "NOT_ARMED": ": it is hazardous and was not armed, or too long ago",
    "BUDGET": ": it would miss its deadline, or take more energy than is allowed",
    "AUTHENTICATION": ": no key in program_keys of node.toml has signed it",
}


def connect(folder: Path) -> ControlClient:
    """Connect to the station of a directory. Raises Stop (6)."""
    return ControlClient(folder / "control.sock", "station")


def unheard(client: ControlClient) -> str:
    """What to add when nothing is heard of a node: frames that came and were not genuine."""
    counters = client.request({"verb": "status"})["downlink"]
    refused = sum(counters.get(name, 0) for name in ("tag", "spi"))
    if not refused or refused * MANY < counters.get("good", 0):
        return ""
    return f" ({refused} frames refused by the security layer: other keys?)"


def _range(parameter: str) -> str:
    from ground.cli.parameters import allowed

    span = allowed(parameter)
    return f": {parameter} may be {span}" if span else ""


class Follower:
    """One telecommand, from sending to its end. Raises Stop with the exit code of the outcome."""

    def __init__(self, client: ControlClient, display: Display) -> None:
        self._client = client
        self._display = display
        self._clock = SystemClock()
        self.stages: list[Line] = []
        self.link = False
        self.request = self.scheduled = 0
        self._arguments: dict[str, str] = {}

    def send(
        self,
        command: str,
        arguments: dict[str, str],
        confirm: str | None = None,
        release: int | None = None,
        bypass: bool = False,
    ) -> int:
        """Send and return the request id; the watch begins first, so that no stage is missed.

        ``confirm`` names a hazardous command, ``release`` is the UTC in ns until which the node
        keeps it; ``scheduled`` is then its own request id. ``bypass`` sends it outside COP-1.
        """
        kinds = ["stage", "packet", "progress", "file", "link"]
        self._client.request({"verb": "watch", "kinds": kinds})
        wanted: Line = {"verb": "send", "command": command, "arguments": arguments}
        how = {"confirm": confirm, "release": release, "bypass": bypass}
        reply = self._client.request(wanted | how)
        self.request, self.link = reply["request"], reply["link"]
        self.scheduled, self.stages = reply.get("scheduled", 0), []
        self._arguments = arguments
        return self.request

    @property
    def waits(self) -> str:
        """What to add to "queued" when the link is down, or nothing."""
        return "" if self.link else "; link down, it waits for acquisition"

    @property
    def completed(self) -> bool:
        """Whether the board has carried it out."""
        return any(stage["stage"] == "COMPLETED" for stage in self.stages)

    def until(
        self, done: Callable[[Line], bool], timeout: float, lacks: Callable[[], str] | None = None
    ) -> Line:
        """Show lines until one fulfils ``done`` and return it. ``lacks`` says what has not come of
        a command that is completed.

        Raises Stop: 4 or 7 when the board refused, 5 when it did not answer, 6 when the link is
        down.
        """
        if not self.link:
            self._display.link(False)
        deadline = self._clock.now() + timeout
        while (remaining := deadline - self._clock.now()) > 0:
            line = self._client.receive(remaining)
            if line is None:
                break
            self._show(line)
            if done(line):
                return line
            self._judge(line)
        raise self._late(f"{round(timeout, 3):g} s", lacks)

    def _late(self, waited: str, lacks: Callable[[], str] | None) -> Stop:
        last = self.stages[-1]["stage"] if self.stages else "QUEUED"
        state = f"the command is at {last}"
        if lacks is not None and self.completed:
            state = lacks()
            if self.link:
                return Stop(Exit.NO_ANSWER, f"waited {waited}: {state}")
        why = unheard(self._client)
        if not self.link:
            return Stop(Exit.DOWN, f"link down for {waited}{why}; {state}")
        return Stop(Exit.NO_ANSWER, f"no answer within {waited}{why}; {state}")

    def reach(self, stage: Stage, timeout: float) -> None:
        """Follow the command to a stage."""
        self.until(lambda line: self._reached(line, stage), timeout)

    def _reached(self, line: Line, stage: Stage) -> bool:
        if not self._ours(line) or line["stage"] not in Stage.__members__:
            return False
        reached = Stage[line["stage"]]
        return reached >= stage and reached != Stage.FAILED

    def _ours(self, line: Line) -> bool:
        return bool(line["happening"] == "stage" and line["request"] == self.request)

    def _show(self, line: Line) -> None:
        match line:
            case {"happening": "stage"} if self._ours(line):
                self.stages.append(line)
                self._display.stage(line)
            case {"packet": "task.status", "message": {"request": self.request} as fields}:
                self._display.task(fields)
            case {"happening": "progress"}:
                self._display.file(line)
            case {"happening": "link", "up": bool(up)}:
                self.link = up
                self._display.link(up)

    def _judge(self, line: Line) -> None:
        if not self._ours(line):
            return
        if line["stage"] == "NO_ANSWER":
            raise Stop(Exit.NO_ANSWER, f"no answer after {line['attempts']} attempts")
        if line["stage"] == "FAILED":
            code = Exit.SAFE_MODE if line["reason"] == "MODE" else Exit.REFUSED_ON_BOARD
            meaning = _MEANING.get(line["reason"], "")
            if (line["command"], line["reason"]) == ("parameter.set", "RANGE"):
                meaning = _range(self._arguments["name"])
            raise Stop(code, f"{line['command']} failed on board: {line['reason']}{meaning}")
