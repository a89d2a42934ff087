"""What levels of redundancy cost: processor time of the whole node, against an unprotected task.

The figure is the processor time of all processes of the node over a task, less what the node takes
when idle for as long. It holds everything: start of the replicas, votes, ECC, checkpoints.
"""

from __future__ import annotations

import contextlib
import tempfile
from functools import partial
from pathlib import Path

import psutil

from flight.config import default_path
from flight.dictionary.commands import RunTask
from flight.dictionary.enums import BudgetLevel, Level, TaskState
from flight.dictionary.telemetry import Budget, TaskStatus
from flight.runtime.tool import Tool
from hil.bench.local import BenchError, LocalBench
from hil.measure.result import Result, at_most, interleave, ratio, spread

ROUNDS = 5
IDLE = 3.0  # s over which the idle node is watched
PROGRAMS = {"model": "cloud-mask", "numpy": "compress"}
TARGETS = {Level.VERIFY: 1.2, Level.DMR: 2.1, Level.TMR: 3.1}


class _Node:
    """A node whose board grants everything, and its processor time."""

    def __init__(self, bench: LocalBench, tool: Tool) -> None:
        self._bench, self._tool = bench, tool
        self._state: dict[int, TaskState] = {}
        self._full = False
        self._idle = 0.0  # processor time per s
        self._task = 0
        tool.subscribe(TaskStatus, self._status)
        tool.subscribe(Budget, self._budget)
        self._turns = tool.turns(600)

    def _budget(self, budget: Budget) -> None:
        self._full = budget.level is BudgetLevel.FULL

    def _status(self, status: TaskStatus) -> None:
        self._state[status.task] = status.state
        if status.state is TaskState.FAILED:
            raise BenchError(f"task {status.task} failed: {status.reason.name}")

    def settle(self) -> None:
        """Until everything is granted and one task is through; then watch the idle node."""
        while not self._full:
            next(self._turns)
        self.cost("cloud-mask", Level.NONE)
        began, clock = self._used(), self._bench.clock
        end = clock.now() + IDLE
        while clock.now() < end:
            next(self._turns)
        self._idle = (self._used() - began) / IDLE

    def cost(self, program: str, level: Level) -> float:
        """Processor time of one task in s."""
        self._task += 1
        began, used = self._bench.clock.now(), self._used()
        # Criticality 0: the environment does not raise what is to be measured.
        self._tool.request(RunTask(program, "bahamas", level, criticality=0), 10)
        while self._state.get(self._task) is not TaskState.COMPLETED:
            next(self._turns)
        seconds = self._bench.clock.now() - began
        return self._used() - used - self._idle * seconds

    def _used(self) -> float:
        """Processor time of all processes of the node so far, those that have ended included."""
        root, total = psutil.Process(self._bench.pid("node")), 0.0
        for process in (root, *root.children(recursive=True)):  # zombies too, until reaped
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
        return total


def measure() -> list[Result]:
    """Each level of each workload."""
    configs = default_path().parent
    found: list[Result] = []
    with (
        tempfile.TemporaryDirectory(prefix="tg-bench-") as folder,
        LocalBench(Path(folder), config=configs / "node.toml") as bench,
    ):
        bench.follow(lambda line: line["happening"] == "packet", 30, "first telemetry")
        with Tool(bench.node_dir) as tool:
            node = _Node(bench, tool)
            node.settle()
            for name, program in PROGRAMS.items():
                found += _levels(node, name, program)
    return found


def _levels(node: _Node, name: str, program: str) -> list[Result]:
    levels = (Level.NONE, *TARGETS)
    floor, *costs = interleave([partial(node.cost, program, each) for each in levels], ROUNDS)
    return [
        at_most(
            f"executor.{level.name.lower()}_{name}", ratio(cost, floor), target,
            f"{program} on bahamas, level none",
            f"CPU s {spread(cost, min, 1)} against {spread(floor, min, 1)};"
            f" {ROUNDS} interleaved rounds, whole node less idle",
        )
        for cost, (level, target) in zip(costs, TARGETS.items(), strict=True)
    ]  # fmt: skip
