"""The tasks of a campaign, and the right product of each from an undisturbed run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flight.dictionary.commands import RunTask
from flight.dictionary.enums import Level, TaskState
from flight.dictionary.product import ProductError
from flight.dictionary.programs import PROGRAMS
from ground.products.unpack import unpack
from hil.bench.local import BenchError
from hil.campaign.scenes import LARGE, Scenes
from hil.campaign.standing import StandingNode

DEADLINE = 60.0  # s for an undisturbed task
PARAMETERS = {"change-detection": "tile=8,threshold=0.5", "compress": "tile=60"}
LARGE_PARAMETERS = {"change-detection": "tile=32", "compress": "tile=256"}  # steps as long


@dataclass(frozen=True, slots=True)
class Job:
    """A program on the small scenes."""

    program: str
    scene: str
    second: str
    parameters: str

    def command(self, level: Level, request: int, priority: int = 5) -> RunTask:
        """The telecommand. Criticality 0: the environment must not raise the level asked for."""
        return RunTask(
            self.program,
            self.scene,
            level,
            priority,
            request,
            self.parameters,
            self.second,
            criticality=0,
        )

    def pixels(self, scenes: Scenes) -> list[bytes]:
        """Octets of the scenes that it computes on."""
        return [scenes[name].tobytes() for name in (self.scene, self.second) if name]


def jobs(scenes: Scenes) -> dict[str, Job]:
    """One job for each program that ships."""
    first, second = sorted(scenes)
    chosen = LARGE_PARAMETERS if len(scenes[first]) == LARGE else PARAMETERS
    return {
        name: Job(name, first, second if declaration.scenes == 2 else "", chosen.get(name, ""))
        for name, declaration in PROGRAMS.items()
    }


def digest(node: StandingNode, task: int) -> str:
    """SHA-256 of the unpacked product of a task, taken here; empty when none verifies."""
    try:
        product = node.product(task)
        return "" if product is None else hashlib.sha256(unpack(product).tobytes()).hexdigest()
    except ProductError:
        return ""


def undisturbed(node: StandingNode, job: Job, level: Level) -> tuple[str, float]:
    """Digest of an undisturbed run, and how long its first replica lived in s.

    Raises BenchError when it does not complete at this level with nothing masked.
    """
    task = node.submit(job.command(level, node.request()))
    deadline = node.clock.now() + DEADLINE
    seen: list[float] = []
    while not node.ended(task):
        node.turn()
        if node.replicas(task):
            seen.append(node.clock.now())
        if node.clock.now() > deadline:
            raise BenchError(f"undisturbed {job.program}: not within {DEADLINE:g} s")
    status, found = node.tasks[task], digest(node, task)
    told = (status.state, status.level, status.masked + status.corrected + status.replaced)
    if told != (TaskState.COMPLETED, level, 0) or not found:
        raise BenchError(f"undisturbed {job.program}: {status}")
    node.deliver(task)
    return found, seen[-1] - seen[0] if seen else 0.0
