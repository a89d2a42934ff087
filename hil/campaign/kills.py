"""Kill -9 of one process of the node at a random time during the main job, many seeded times."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from flight.config import default_path
from flight.dictionary.product import decode_product
from ground.products.unpack import unpack
from hil.bench.local import BenchError, Line, LocalBench
from hil.campaign.census import Census
from hil.campaign.statistics import upper_bound

SPAN = 5.5  # s after submission within which the kill falls; the undisturbed job takes about 6
DEADLINE = 90.0  # s from submission to the product on the ground, recovery included
POLL = 0.05


class Trial(msgspec.Struct):
    """One trial and its outcome."""

    seed: int
    victim: str = ""
    at: float = 0.0
    restarted_node: bool = False
    completed: bool = False
    digest: str = ""
    seconds: float = 0.0
    leftovers: list[str] = []
    error: str = ""


class Watch:
    """Follows one job, kills when it is time, remembers every process it saw."""

    def __init__(self, bench: LocalBench, trial: Trial) -> None:
        self.bench, self.trial = bench, trial
        self._random = random.Random(trial.seed)
        self.trial.at = round(self._random.uniform(0.0, SPAN), 3)
        self.census = Census()
        self.stages: set[str] = set()
        self.product: Path | None = None
        self._request = 0
        self._began = 0.0

    def run(self) -> None:
        """Submit, kill, wait for the end. Raises BenchError."""
        bench = self.bench
        bench.follow(lambda line: line["happening"] == "packet", 30, "first telemetry")
        self.census.note(self.bench.pid("node"))
        self._began = bench.clock.now()
        self._request = bench.send("task.run", program="cloud-mask", scene="bahamas", level="tmr")
        while not (self.product and "COMPLETED" in self.stages):
            elapsed = bench.clock.now() - self._began
            if not self.trial.victim and elapsed >= self.trial.at:
                self._kill()
            if "FAILED" in self.stages or elapsed > DEADLINE:
                raise BenchError(f"stages {sorted(self.stages)} after {elapsed:.0f} s")
            line = bench.next_line(POLL)
            if line is not None:
                self._note(line)
        self.trial.seconds = round(bench.clock.now() - self._began, 2)
        if self.trial.restarted_node:
            bench.follow(_rebooted, 30, "housekeeping of the restarted node")
        self.census.note(self.bench.pid("node"))

    def _note(self, line: Line) -> None:
        match line:
            case {"happening": "stage", "request": self._request, "stage": stage}:
                self.stages.add(stage)
            case {"happening": "file", "name": name}:
                self.product = self.bench.station_dir / "inbox" / name

    def _kill(self) -> None:
        processes = self.census.note(self.bench.pid("node"))
        pid = self._random.choice(sorted(processes))
        self.trial.victim = processes[pid]
        os.kill(pid, signal.SIGKILL)
        if pid == self.bench.pid("node"):
            self.trial.victim = "executive"
            self.trial.restarted_node = True
            self.bench.restart_node()


def _rebooted(line: Line) -> bool:
    return line.get("packet") == "node.state" and line["message"]["boots"] > 1


def trial(seed: int, folder: Path) -> Trial:
    """Fly the main job once with one kill. Never raises: the outcome is in the trial."""
    outcome = Trial(seed)
    configs = default_path().parent
    bench = LocalBench(folder, config=configs / "demo.toml", seed=seed)
    watch = Watch(bench, outcome)
    try:
        with bench:
            watch.run()
            for name in ("station", "emulator", "node"):
                bench.stop(name)
        assert watch.product is not None
        product = decode_product(watch.product.read_bytes())
        unpack(product)
        outcome.digest, outcome.completed = product.provenance.result_sha256, True
    except (BenchError, OSError, ValueError, subprocess.SubprocessError) as error:
        outcome.error = f"{type(error).__name__}: {error}"
    outcome.leftovers = bench.leftovers() + watch.census.survivors()
    return outcome


def conclude(trials: list[Trial]) -> dict[str, Any]:
    """Counts, and the one-sided 95 % bound on the failure rate."""
    spared = [each.seed for each in trials if not each.victim and each.completed]
    trials = [each for each in trials if each.seed not in spared]  # nothing was done to those
    digests = {each.digest for each in trials if each.completed}
    bad = [each for each in trials if not each.completed or each.leftovers]
    count = len(trials)
    return {
        "trials": count,
        "ended_before_the_kill": spared,
        "completed": sum(each.completed for each in trials),
        "digests": sorted(digests),
        "failures": [msgspec.to_builtins(each) for each in bad],
        "failure_rate_below_95": round(upper_bound(len(bad), count), 4) if count else None,
        "victims": {
            name: sum(each.victim == name for each in trials)
            for name in sorted({each.victim for each in trials})
        },
        "ok": not bad and len(digests) == 1,
    }
