"""Inference through the node, weights checked after every run, against a stock onnxruntime session.

The figure is the time from one voted step to the next as the bus shows it: order, tile, weight
check, state into shared memory, vote. Both sides compute the same tiles in turn.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from flight.config import default_path
from flight.dictionary.commands import RunTask
from flight.dictionary.enums import BudgetLevel, Level, TaskState
from flight.dictionary.telemetry import Budget, TaskStatus
from flight.runtime.tool import Tool
from hil.bench.local import BenchError, LocalBench
from hil.measure.result import Result, at_most, interleave, ratio, spread

ROUNDS = 7
RAW = """
import json, sys, time
import numpy as np, onnxruntime as ort
from flight.programs.tiling import Tiling
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
rgb = np.load(sys.argv[2])["rgb"]
tiling = Tiling(rgb.shape[0], rgb.shape[1], 256, 32)
tiles = [tiling.read(rgb, number).reshape(1, 256, 256, 3) for number in range(len(tiling))]
session.run(None, {"rgb": tiles[0]})
for line in sys.stdin:
    times = []
    for tile in tiles:
        began = time.perf_counter()
        session.run(None, {"rgb": tile})
        times.append(time.perf_counter() - began)
    print(json.dumps(times), flush=True)
"""


class _Raw:
    """A process with nothing but onnxruntime, one thread."""

    def __init__(self, configs: Path) -> None:
        model = configs / "models" / "cloudnet-rgb" / "model.onnx"
        scene = configs / "payload" / "bahamas.npz"
        self._process = subprocess.Popen(
            [sys.executable, "-c", RAW, str(model), str(scene)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def median_tile(self) -> float:
        """Median time of the scene's tiles in s."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write("go\n")
        stdin.flush()
        return statistics.median(json.loads(stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class _Node:
    """A node whose board grants everything."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._steps: dict[int, float] = {}
        self._ended = self._full = False
        tool.subscribe(TaskStatus, self._status)
        tool.subscribe(Budget, self._budget)
        self._task = 0
        self._turns = tool.turns(600)

    def _budget(self, budget: Budget) -> None:
        self._full = budget.level is BudgetLevel.FULL

    def _status(self, status: TaskStatus) -> None:
        head = self._tool.subscriber.last
        if status.task != self._task or head is None:
            return
        self._steps.setdefault(status.step, head.monotonic)
        self._ended = status.state is TaskState.COMPLETED
        if status.state is TaskState.FAILED:
            raise BenchError(f"task failed: {status.reason.name}")

    def await_full(self) -> None:
        """Until the governor grants everything."""
        while not self._full:
            next(self._turns)

    def median_step(self) -> float:
        """Median time between voted steps of one task without redundancy, in s."""
        self._task += 1
        self._steps, self._ended = {}, False
        self._tool.request(RunTask("cloud-mask", "bahamas", Level.NONE), 10)
        while not self._ended:
            next(self._turns)
        times = [self._steps[step] for step in sorted(self._steps)]
        return statistics.median(b - a for a, b in itertools.pairwise(times[1:]))


def measure() -> list[Result]:
    """The figure of the default model."""
    configs = default_path().parent
    with (
        tempfile.TemporaryDirectory(prefix="tg-bench-") as folder,
        LocalBench(Path(folder), config=configs / "node.toml") as bench,
    ):
        bench.follow(lambda line: line["happening"] == "packet", 30, "first telemetry")
        raw = _Raw(configs)
        try:
            with Tool(bench.node_dir) as tool:
                node = _Node(tool)
                node.await_full()
                node.median_step()
                through, floor = interleave([node.median_step, raw.median_tile], ROUNDS)
        finally:
            raw.close()
    return [
        at_most(
            "inference.node_vs_raw", ratio(through, floor), 1.15, "onnxruntime, 1 thread",
            f"ms/tile {spread(through, min, 1e3)} against {spread(floor, min, 1e3)};"
            f" {ROUNDS} interleaved rounds of 20 tiles",
        )
    ]  # fmt: skip
