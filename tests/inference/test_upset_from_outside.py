"""Bits flipped by another process in the live weights of a process that runs the model."""

from __future__ import annotations

import random
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flight.inference.compiled import COMPILED_FILE, encode_compiled
from flight.inference.install import Installed
from flight.inference.pool import LIVE

ROOT = Path(__file__).parents[2]
UPSETS = 12
DEADLINE_S = 60.0
CHILD = """
import hashlib, sys
import numpy as np
from flight.inference.guard import open_model
def view(name):
    raise FileNotFoundError(name)
model = open_model("cloudnet-rgb", sys.argv[1], view)
runner = model if sys.argv[2] == "guarded" else model._session
tile = np.load(sys.argv[3])
assert "onnx" not in sys.modules, "a worker needs no onnx"
print("ready", flush=True)
for _ in sys.stdin:
    print(hashlib.sha256(runner.run(tile).tobytes()).hexdigest(), model.corrected, flush=True)
"""


class Worker:
    """A process that answers each line with the hash of the mask and the corrections so far."""

    def __init__(self, folder: Path, guard: str) -> None:
        command = [sys.executable, "-c", CHILD, str(folder), guard, str(folder / "tile.npy")]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.answer() == ["ready"]

    def answer(self) -> list[str]:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], DEADLINE_S)[0], "no answer in time"
        return self.process.stdout.readline().split()

    def run(self) -> list[str]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def start_of(self, label: str) -> int:
        maps = Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        (line,) = [line for line in maps if label in line]
        return int(line.split("-")[0], 16)

    def flip(self, label: str, bit: int) -> None:
        address = self.start_of(label) + (bit >> 3)
        with Path(f"/proc/{self.process.pid}/mem").open("r+b", buffering=0) as memory:
            memory.seek(address)
            octet = memory.read(1)[0]
            memory.seek(address)
            memory.write(bytes([octet ^ 1 << (bit & 7)]))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def model_folder(tmp_path: Path, installed: Installed, tile: NDArray[np.uint8]) -> Path:
    (tmp_path / COMPILED_FILE).write_bytes(encode_compiled(installed.compiled))
    np.save(tmp_path / "tile.npy", tile)
    return tmp_path


def changed_masks(folder: Path, guard: str, installed: Installed) -> tuple[int, int]:
    """Return how many masks changed under UPSETS single flips, and the corrections."""
    rng, worker = random.Random(5), Worker(folder, guard)
    spec = max(installed.compiled.tensors, key=lambda t: t.size)
    try:
        right, changed, corrected = worker.run()[0], 0, "0"
        for _ in range(UPSETS):
            bit = 8 * (spec.offset + 4 * rng.randrange(spec.size // 4)) + 30
            worker.flip(LIVE, bit)
            mask, corrected = worker.run()
            changed += mask != right
            if guard == "bare":
                worker.flip(LIVE, bit)
    finally:
        worker.close()
    return changed, int(corrected)


def test_flips_by_another_process_are_masked_by_the_guard_only(
    model_folder: Path, installed: Installed
) -> None:
    damaged, _ = changed_masks(model_folder, "bare", installed)
    escaped, corrected = changed_masks(model_folder, "guarded", installed)
    assert damaged > 0, f"guard off: 0 of {UPSETS} masks changed"
    assert escaped == 0, f"guard on: {escaped} of {UPSETS} masks changed"
    assert corrected == UPSETS
