"""One upset in a running replica per trial, many seeded times; the product judged from outside."""

from __future__ import annotations

import contextlib
import random
from collections import deque
from collections.abc import Iterable, Iterator

from flight.dictionary.commands import CancelTask
from flight.dictionary.enums import Level, TaskState
from flight.dictionary.telemetry import TaskStatus
from hil.bench.local import BenchError
from hil.campaign.jobs import Job, digest, jobs, undisturbed
from hil.campaign.scenes import Scenes
from hil.campaign.shot import Shot
from hil.campaign.standing import StandingNode
from hil.campaign.trial import Setting, Trial
from hil.campaign.verdict import Evidence, judge

SEATS = {Level.NONE: 1, Level.VERIFY: 1, Level.DMR: 2, Level.TMR: 3}
HANG = 40.0  # s from submission to the end of a task; twenty times what any takes
AHEAD = 1  # tasks that wait behind the one under fire, so that the executor never does
RECENT = 9  # the shortest of so many lives is expected of the next: few shots come too late
ENDED = ("signal ", "exit code ", "gone")  # a replica that was lost, not one that was exchanged
# The program that shows it best: the only one with weights; each pixel it reads in its product.
ONLY = {"weights": "cloud-mask", "shared": "compress"}
# A late replica is replaced soon, no known-answer runs in between, the full budget at once.
PARAMETERS = {"executor.step_deadline": 2.0, "executor.canary_every": 0.0, "governor.dwell": 0.0}


class Arm:
    """All trials at one level, on one node.

    ``golden`` holds digests by program of an earlier arm; those that are missing are added.
    Raises BenchError when undisturbed runs do not agree with it.
    """

    def __init__(
        self, node: StandingNode, setting: Setting, scenes: Scenes, golden: dict[str, str]
    ) -> None:
        self.golden = golden
        self.pagemap = True  # False once places were chosen without it
        self._node, self._setting = node, setting
        known = jobs(scenes)
        only = setting.program or ONLY.get(setting.target, "")
        self._jobs = [known[only]] if only else [*known.values()]
        self._scenes = {job.program: job.pixels(scenes) for job in self._jobs}
        self._lives: dict[str, deque[float]] = {}
        for job in self._jobs:
            self._calibrate(job)

    def _calibrate(self, job: Job) -> None:
        """The right product, and how long a replica lives when it is left alone."""
        first = () if job.program in self.golden else (Level.TMR,)
        for level in (*first, self._setting.level):
            found, life = undisturbed(self._node, job, level)
            if self.golden.setdefault(job.program, found) != found:
                raise BenchError(f"{job.program}: undisturbed runs differ, {found[:16]} now")
        self._lives[job.program] = deque((life,), RECENT)

    def run(self, seeds: Iterable[int]) -> Iterator[Trial]:
        """Fly one trial for each seed. Raises InjectionRefused, BenchError."""
        queue: deque[tuple[Trial, random.Random]] = deque()
        for seed in seeds:
            queue.append(self._submit(seed))
            if len(queue) > AHEAD:
                yield self._fly(*queue.popleft())
        while queue:
            yield self._fly(*queue.popleft())

    def _submit(self, seed: int) -> tuple[Trial, random.Random]:
        level, generator = self._setting.level, random.Random(seed)
        job = self._jobs[seed % len(self._jobs)]
        trial = Trial(seed, self._setting.name, job.program, int(generator.random() * SEATS[level]))
        trial.task = self._node.submit(job.command(level, self._node.request()))
        return trial, generator

    def _fly(self, trial: Trial, generator: random.Random) -> Trial:
        lives, node = self._lives[trial.program], self._node
        shot = Shot(node, trial, self._scenes[trial.program], min(lives), generator)
        deadline = node.clock.now() + HANG
        injected = shot.fire(self._setting.target, self._setting.fault, deadline)
        self.pagemap &= shot.pagemap
        self._conclude(trial, injected, node.tasks.pop(trial.task, None))
        if shot.lived and not trial.replaced:
            lives.append(shot.lived)
        return trial

    def _conclude(self, trial: Trial, injected: bool, status: TaskStatus | None) -> None:
        node, lost = self._node, self._node.lost.pop(trial.task, [])
        ended = status is not None and status.state.ended
        completed = ended and status.state is TaskState.COMPLETED
        if status is not None:
            self._note(trial, status)
        found = digest(node, trial.task) if completed else ""
        repaired = trial.masked + trial.corrected + trial.replaced
        golden = self.golden[trial.program]
        crashed = any(why.startswith(ENDED) for why in lost)
        evidence = Evidence(injected, ended, completed, found, golden, crashed, repaired)
        trial.outcome = judge(evidence)
        trial.detail = " ".join(part for part in (trial.detail, *lost) if part)
        if completed:
            node.deliver(trial.task)
        elif not ended:
            with contextlib.suppress(BenchError):  # it has ended after all
                node.command(CancelTask(trial.task))

    def _note(self, trial: Trial, status: TaskStatus) -> None:
        if status.level is not self._setting.level:
            raise BenchError(f"task {trial.task} ran at level {status.level.name}")
        trial.masked, trial.corrected = status.masked, status.corrected
        trial.replaced = status.replaced
        if status.reason:
            trial.detail = f"{trial.detail} {status.reason.name}".strip()
