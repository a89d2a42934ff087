"""Bus against raw pyzmq and against the naive bus: throughput and latency, two processes."""

from __future__ import annotations

import mmap
import multiprocessing
import shutil
import statistics
import struct
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from flight.runtime.clock import SystemClock
from hil.measure.buses import KINDS
from hil.measure.result import Result, at_least, at_most, interleave, ratio, spread

MESSAGES, ARRAYS, PINGS, ROUNDS = 60_000, 600, 1200, 11
WINDOW, ARRAY_WINDOW = 1000, 8  # messages under way: far below high-water marks and the ring
PERIOD = 0.0005  # s between latency messages
PAUSE = 0.0001  # s: a sender that spins takes a core from the threads that carry the messages
_COUNT = struct.Struct("<Q")
CLOCK = SystemClock()


def _counter(folder: Path, create: bool) -> mmap.mmap:
    path = folder / "count"
    if create:
        path.write_bytes(bytes(8))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 8)


def _receiver(kind: str, folder: Path, total: int, latency: bool, answer: Any) -> None:
    """Child: receive ``total`` messages; answer seconds, or the median latency."""
    count = _counter(folder, create=False)
    bus = KINDS[kind](folder, False)
    received, began, delays = 0, 0.0, []
    while received < total:
        found = bus.receive()
        if not began and found:
            began = CLOCK.now()
        delays += found if latency else ()
        received += len(found)
        _COUNT.pack_into(count, 0, received)
    answer.send(statistics.median(delays) if latency else CLOCK.now() - began)


def _measure(kind: str, total: int, window: int, latency: bool = False) -> float:
    """Messages per s, or median latency in s."""
    folder = Path(tempfile.mkdtemp(prefix="tg-bench-"))
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe()
    count = _counter(folder, create=True)
    child = processes.Process(target=_receiver, args=(kind, folder, total, latency, there))
    child.start()
    try:
        bus = KINDS[kind](folder, True)
        due = CLOCK.now()
        for sent in range(total):
            if latency:
                due += PERIOD
                time.sleep(max(0.0, due - CLOCK.now()))
            elif sent % 50 == 0 or window < 50:
                while sent - _COUNT.unpack_from(count)[0] > window:
                    time.sleep(PAUSE)
            bus.send()
        if not here.poll(60):
            raise RuntimeError(f"{kind}: the receiver did not get all of {total} messages")
        figure: float = here.recv()
        return figure if latency else total / figure
    finally:
        child.kill()
        child.join()
        shutil.rmtree(folder, ignore_errors=True)


def measure() -> list[Result]:
    """All figures of the bus."""
    small = [partial(_measure, kind, MESSAGES, WINDOW) for kind in ("raw", "typed", "naive")]
    raw, typed, naive = interleave(small, ROUNDS)
    pings = [partial(_measure, kind, PINGS, 0, True) for kind in ("raw", "typed")]
    raw_delay, typed_delay = interleave(pings, ROUNDS)
    large = [partial(_measure, kind, ARRAYS, ARRAY_WINDOW) for kind in ("raw-array", "typed-array")]
    raw_array, typed_array = interleave(large, ROUNDS)
    rounds = f"{ROUNDS} interleaved rounds, two processes, ipc"
    return [
        at_least(
            "bus.typed_vs_raw", ratio(typed, raw), 0.5, "raw pyzmq, 1 frame, 256 B",
            f"msg/s {spread(typed, max, 1)} against {spread(raw, max, 1)}; {rounds}",
        ),
        at_least(
            "bus.typed_vs_naive", ratio(typed, naive), 3.0, "3 frames, msgpack dictionaries",
            f"msg/s {spread(typed, max, 1)} against {spread(naive, max, 1)}; {rounds}",
        ),
        at_most(
            "bus.latency_vs_raw", ratio(typed_delay, raw_delay), 1.3, "raw pyzmq p50 at 2 kHz",
            f"us {spread(typed_delay, min, 1e6)} against {spread(raw_delay, min, 1e6)}; {rounds}",
        ),
        at_least(
            "bus.array_vs_raw", ratio(typed_array, raw_array), 1.5, "raw pyzmq, 1 MiB frame",
            f"1/s {spread(typed_array, max, 1)} against {spread(raw_array, max, 1)};"
            f" CRC-32C at both ends; {rounds}",
        ),
    ]  # fmt: skip
