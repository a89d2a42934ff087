"""The main job, flown: telecommand up, task under attack, product down and verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flight.dictionary.events import (
    MemoryCorrected,
    NoMajority,
    ProcessEnded,
    ReplicaLost,
    ReplicaOutvoted,
    TaskResumed,
)
from flight.dictionary.radiation import CanaryRight, CanaryWrong, ScrubCorrected, StateLost
from flight.dictionary.registry import item
from hil.bench.local import LocalBench
from hil.demo.account import Account

Line = dict[str, Any]
PROGRAM, SCENE = "cloud-mask", "bahamas"
_MASKED = (
    ReplicaOutvoted,
    ReplicaLost,
    MemoryCorrected,
    NoMajority,
    TaskResumed,
    ProcessEnded,
    CanaryWrong,
    ScrubCorrected,
    StateLost,
)
TOLD = {item(kind).name: "masked" for kind in _MASKED} | {item(CanaryRight).name: "info"}
COUNTERS = ("masked", "corrected", "replaced")
TASK_DEADLINE = 40.0  # s from submission to the product on the ground


@dataclass(slots=True)
class Flight:
    """One submission of the main job and what came of it."""

    request: int = 0
    task: int = 0
    stages: list[str] = field(default_factory=list)
    status: Line = field(default_factory=dict)
    product: Path | None = None
    events: list[str] = field(default_factory=list)
    link: Line = field(default_factory=dict)


def fly(
    bench: LocalBench,
    account: Account,
    level: str,
    on_step: Callable[[Flight, int], None] = lambda flight, step: None,
) -> Flight:
    """Submit the main job and follow it until its product is in the inbox.

    Raises BenchError when it does not get there in time or fails on board.
    """
    flight = Flight()
    account.say(f"uplink: run {PROGRAM} on {SCENE}, protection {level}")
    flight.request = bench.send("task.run", program=PROGRAM, scene=SCENE, level=level)

    def done(line: Line) -> bool:
        _note(flight, line, account, on_step)
        ended = "COMPLETED" in flight.stages or "FAILED" in flight.stages
        return "FAILED" in flight.stages or (ended and flight.product is not None)

    def note(line: Line) -> bool:
        if line["happening"] == "file" and line["name"].startswith(f"task-{flight.task:06d}"):
            flight.product = bench.station_dir / "inbox" / line["name"]
            account.say(f"received {line['name']}, {line['size']} octets, verified", "good")
        return done(line)

    bench.follow(note, TASK_DEADLINE, f"task {level}")
    return flight


def _note(
    flight: Flight, line: Line, account: Account, on_step: Callable[[Flight, int], None]
) -> None:
    match line:
        case {"happening": "stage", "request": flight.request, "stage": stage}:
            if stage != "PROGRESS" and stage not in flight.stages:
                flight.stages.append(stage)
                account.say(f"telecommand {line['command']}: {stage}")
        case {"happening": "packet", "packet": "task.status", "message": status}:
            if status["request"] == flight.request:
                _task(flight, status, account, on_step)
        case {"happening": "packet", "packet": "link.status", "message": status}:
            flight.link = status
        case {"happening": "progress", "name": name, "received": received, "size": size}:
            account.bar(f"downlink {name}", received, size)
        case {"happening": "event", "event": event, "text": text}:
            flight.events.append(event)
            if event in TOLD:
                account.say(f"node: {text}", TOLD[event])
        case {"happening": "link", "up": up}:
            account.say("station: link up" if up else "station: link lost")


def _task(
    flight: Flight, status: Line, account: Account, on_step: Callable[[Flight, int], None]
) -> None:
    before, flight.task, flight.status = flight.status, status["task"], status
    counts = [status[name] for name in COUNTERS]
    if any(counts) and counts != [before.get(name) for name in COUNTERS]:
        # Events are sent once and may be lost on the link; these counters come again and again.
        told = ", ".join(f"{n} {name}" for n, name in zip(counts, COUNTERS, strict=True))
        account.say(f"node: task {status['task']} so far: {told}", "masked")
    if status["steps"]:
        account.bar(f"task {status['task']} tiles", status["step"], status["steps"])
    if status["state"] == "RUNNING":
        on_step(flight, status["step"])
