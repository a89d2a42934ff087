"""Checkpoints against a plain write and fsync of the same octets, on the disk of this machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from flight.executor.chain import Chain
from flight.executor.checkpoint import Checkpoint, Counters, Origin
from flight.executor.slotfile import CHUNK
from flight.runtime.clock import SystemClock
from flight.runtime.crc import crc32c
from flight.runtime.store import FileStore
from hil.measure.result import Result, at_most, interleave, ratio, spread

ROUNDS = 5
CHUNKS = 256
DIRTY = 16  # one chunk in so many
CLOCK = SystemClock()


class _Bench:
    """The same state written plainly, as a whole checkpoint and as a delta, each into its place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = FileStore(folder / "state")
        self._state = np.random.default_rng(1).integers(0, 256, CHUNKS * CHUNK, np.uint8)
        self._generation = 0
        self._chain = self._fresh(1)
        self._chain.save(self._checkpoint(1))
        self.read_back: list[float] = []

    def _fresh(self, task: int) -> Chain:
        def refused(why: str) -> None:
            raise AssertionError(f"a checkpoint was refused: {why}")

        return Chain(self._store, task, refused)

    def _checkpoint(self, task: int) -> Checkpoint:
        """A state with one chunk in DIRTY changed since the last one."""
        self._generation += 1
        self._state[:: DIRTY * CHUNK] += 1
        state = self._state.tobytes()
        origin = Origin(task, "bench", "", {})
        digest, crc = hashlib.sha256(b"").hexdigest(), crc32c(state)  # the digest is not looked at
        return Checkpoint(origin, self._generation, False, 0, Counters(), digest, crc, state)

    def plain(self) -> float:
        """Overwrite a file, in the same pieces, and fsync."""
        state = memoryview(self._state.tobytes())
        began = CLOCK.now()
        fd = os.open(self._folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for start in range(0, len(state), CHUNK):
            os.write(fd, state[start : start + CHUNK])
        os.fsync(fd)
        os.close(fd)
        return CLOCK.now() - began

    def whole(self) -> float:
        """A whole state: a chain that was just opened has nothing to make deltas of."""
        return self._save(self._fresh(2), 2)

    def delta(self) -> float:
        """What differs from the whole state written at the beginning."""
        return self._save(self._chain, 1)

    def _save(self, chain: Chain, task: int) -> float:
        checkpoint = self._checkpoint(task)
        began = CLOCK.now()
        chain.save(checkpoint)
        saved = CLOCK.now()
        chain.read_back()
        if task == 2:
            self.read_back.append(CLOCK.now() - saved)
        return saved - began


def _result(name: str, mine: list[float], floor: list[float], target: float, what: str) -> Result:
    return at_most(
        f"checkpoint.{name}", ratio(mine, floor), target, "256 MiB in place, fsync",
        f"{what}; ms {spread(mine, min, 1e3)} against {spread(floor, min, 1e3)};"
        f" {ROUNDS} interleaved rounds",
    )  # fmt: skip


def measure() -> list[Result]:
    """Whole state and delta of one chunk in sixteen, 256 MiB."""
    beside = Path("build/bench")  # not /tmp: that may be memory
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tg-bench-", dir=beside) as folder:
        bench = _Bench(Path(folder))
        arms: list[Callable[[], float]] = [bench.plain, bench.whole, bench.delta]
        plain, whole, delta = interleave(arms, ROUNDS)
    back = (
        f"reading it back from the medium later, in slices: ms {spread(bench.read_back, min, 1e3)}"
    )
    return [
        _result("write_vs_raw", whole, plain, 1.3, f"CRCs, header, rename; {back}"),
        _result("delta_vs_raw", delta, plain, 0.5, f"1 chunk in {DIRTY} differs"),
    ]
