"""Many tasks of all kinds under kill -9 and SIGSTOP of replicas, executor and node."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

import msgspec

from flight.dictionary.commands import RunTask
from flight.dictionary.enums import Level, TaskState
from flight.dictionary.telemetry import TaskStatus
from hil.bench.local import BenchError
from hil.campaign.jobs import digest, jobs, undisturbed
from hil.campaign.scenes import Scenes, crops
from hil.campaign.standing import StandingNode
from hil.campaign.statistics import upper_bound
from hil.campaign.upsets import PARAMETERS

WAITING = 4  # tasks that are kept in the queue while faults are still to come
MOST = 10  # faults per node; many more would use up restart budgets, which is another test
PAUSE = 0.05, 1.2  # s between the end of one fault and the next, least and most
FIRE = 30.0  # s for a victim to appear
DEADLINE = 120.0  # s for all tasks to end after the last fault


@unique
class Fault(StrEnum):
    """What is done to the node."""

    KILL_REPLICA = "replica killed"
    STOP_REPLICA = "replica stopped"
    KILL_EXECUTOR = "executor killed"
    STOP_EXECUTOR = "executor stopped"
    KILL_NODE = "node killed"


DECK = (
    *(Fault.KILL_REPLICA,) * 4,
    *(Fault.STOP_REPLICA,) * 2,
    *(Fault.KILL_EXECUTOR,) * 2,
    Fault.STOP_EXECUTOR,
    Fault.KILL_NODE,
)


class Sortie(msgspec.Struct):
    """One node's faults and what became of its tasks."""

    seed: int
    faults: list[str] = []
    tasks: int = 0
    completed: int = 0
    failed: dict[str, int] = {}  # reason to count
    node_restarts: int = 0
    seconds: float = 0.0
    wrong: list[str] = []  # whatever must not be

    @property
    def ok(self) -> bool:
        """True when every task ended once, rightly or for a reason, and nothing was left."""
        return not self.wrong


class WatchedNode(StandingNode):
    """A node whose task reports are checked as they come: what has ended must not change."""

    def __init__(self, folder: Path, scenes: Scenes, seed: int) -> None:
        super().__init__(folder, scenes, seed, PARAMETERS)
        self.violations: list[str] = []

    def _task(self, status: TaskStatus) -> None:
        before = self.tasks.get(status.task)
        if before is not None and before.state.ended and before.state is not status.state:
            self.violations.append(
                f"task {status.task} was {before.state.name}, then {status.state.name}"
            )
        super()._task(status)


class Barrage:
    """Applies the faults that a seed says, with tasks in the queue all the while."""

    def __init__(self, node: WatchedNode, scenes: Scenes, sortie: Sortie, count: int) -> None:
        self.submitted: dict[int, RunTask] = {}
        self._node, self._sortie = node, sortie
        self._jobs = [*jobs(scenes).values()]
        self._random = random.Random(sortie.seed)
        deck = list(DECK)
        self._random.shuffle(deck)
        self._faults = deck[:count]

    def run(self) -> None:
        """All faults, then wait for the end of all tasks. Raises BenchError."""
        for fault in self._faults:
            self._linger(self._random.uniform(*PAUSE))
            self._apply(fault)
        deadline = self._node.clock.now() + DEADLINE
        while left := self._open():
            self._node.turn(0.05)
            if self._node.clock.now() > deadline:
                raise BenchError(f"tasks {left} did not end within {DEADLINE:g} s")

    def _open(self) -> list[int]:
        return [task for task in self.submitted if not self._node.ended(task)]

    def _linger(self, seconds: float) -> None:
        until = self._node.clock.now() + seconds
        while (left := until - self._node.clock.now()) > 0:
            self._fill()
            self._node.turn(min(0.02, left))

    def _fill(self) -> None:
        while len(self._open()) < WAITING:
            job = self._random.choice(self._jobs)
            level = self._random.choice([*Level])
            priority = self._random.randrange(10)
            command = job.command(level, self._node.request(), priority)
            task = self._node.submit(command)
            if task in self.submitted:
                raise BenchError(f"task {task} was given to two requests")
            self.submitted[task] = command

    def _apply(self, fault: Fault) -> None:
        number = signal.SIGSTOP if fault in _STOPS else signal.SIGKILL
        deadline = self._node.clock.now() + FIRE
        while True:
            victims = self._victims(fault)
            if victims:
                try:
                    os.kill(self._random.choice(victims), number)
                    self._sortie.faults.append(fault.value)
                    return
                except ProcessLookupError:
                    pass  # it ended by itself just now
            if self._node.clock.now() > deadline:
                raise BenchError(f"{fault.value}: no victim within {FIRE:g} s")
            self._linger(0.01)

    def _victims(self, fault: Fault) -> list[int]:
        if fault is Fault.KILL_NODE:
            return [self._node.process.pid]
        if fault in (Fault.KILL_REPLICA, Fault.STOP_REPLICA):
            return sorted(self._node.running())
        names = self._node.census.note(self._node.process.pid)
        return [pid for pid, name in names.items() if name == "executor"]


_STOPS = (Fault.STOP_REPLICA, Fault.STOP_EXECUTOR)


def fly(seed: int, folder: Path, count: int, golden: dict[str, str]) -> Sortie:
    """One node under ``count`` faults. Never raises: the outcome is in the sortie.

    ``golden`` holds the right digests by program; it is filled by the first node, undisturbed.
    """
    sortie, scenes = Sortie(seed), crops()
    folder.mkdir(parents=True)
    node = WatchedNode(folder, scenes, seed)
    began = node.clock.now()
    try:
        with node:
            if not golden:
                _calibrate(node, scenes, golden)
            barrage = Barrage(node, scenes, sortie, count)
            barrage.run()
            sortie.node_restarts = node.restarts
            _check(node, barrage.submitted, golden, sortie)
    except (BenchError, OSError) as error:
        sortie.wrong.append(f"{type(error).__name__}: {error}")
    sortie.wrong += node.violations + node.leftovers()
    sortie.seconds = round(node.clock.now() - began, 1)
    return sortie


def _calibrate(node: StandingNode, scenes: Scenes, golden: dict[str, str]) -> None:
    for job in jobs(scenes).values():
        golden[job.program], _ = undisturbed(node, job, Level.TMR)


def _check(
    node: StandingNode, submitted: dict[int, RunTask], golden: dict[str, str], sortie: Sortie
) -> None:
    """Every task ended once: the book knows it by its request, and has no other."""
    reasons: Counter[str] = Counter()
    sortie.tasks = len(submitted)
    for task, command in submitted.items():
        if node.submit(command) != task:
            sortie.wrong.append(f"task {task} is another one after its end")
        status, found = node.tasks[task], digest(node, task)
        if status.state is TaskState.COMPLETED:
            sortie.completed += 1
            if found != golden[command.program]:
                what = f"product {found[:16] or 'missing'}"
                sortie.wrong.append(f"task {task} {command.program} {command.level.name}: {what}")
        else:
            reasons[status.reason.name] += 1
            if found:
                sortie.wrong.append(f"task {task} failed, yet has a product")
    if max(node.tasks) != max(submitted):
        sortie.wrong.append(f"tasks up to {max(node.tasks)}, submitted up to {max(submitted)}")
    sortie.failed = dict(reasons)


def conclude(sorties: Sequence[Sortie]) -> dict[str, Any]:
    """Totals, and the one-sided 95 % bound on the rate of faults that did harm."""
    faults = Counter(fault for sortie in sorties for fault in sortie.faults)
    failed: Counter[str] = Counter()
    for sortie in sorties:
        failed.update(sortie.failed)
    bad = [sortie for sortie in sorties if not sortie.ok]
    count = faults.total()
    harmed = min(count, sum(len(sortie.wrong) for sortie in bad))
    return {
        "nodes": len(sorties),
        "faults": dict(faults),
        "tasks": sum(sortie.tasks for sortie in sorties),
        "completed_with_the_right_product": sum(sortie.completed for sortie in sorties),
        "failed_for_a_reason": dict(failed),
        "harm_below_95": round(upper_bound(harmed, count), 4) if count else None,
        "wrong": [msgspec.to_builtins(sortie) for sortie in bad],
        "ok": not bad and count > 0,
    }
