"""A process with known memory, for injectors: prints where things lie, then what became of them.

Arguments: path of a slab file, number of pages to map. Reads one line from stdin, then answers
with the hexadecimal octets of its buffer and leaves.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np

from flight.executor.slab import Slab
from flight.runtime.shm import SharedRegion

TOUCHED = (3, 4, 9)  # pages
CAPACITY = 1000  # octets of a slot: the slab ends in the middle of a page
STATES = {6: b"even state " * 20, 7: b"odd state " * 30}  # generation to state
HALF = 1 << 18  # octets before the place where a scene goes on in another mapping
SCENE = np.random.default_rng(5).integers(0, 256, (300, 400, 3), np.uint8).tobytes()


def main(slab_path: str, pages: int) -> None:
    """Run."""
    buffer = ctypes.create_string_buffer(b"\x55" * 64, 64)
    memory = mmap.mmap(-1, pages * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for page in TOUCHED:
        memory[page * mmap.PAGESIZE] = 1
    slab = Slab(SharedRegion(Path(slab_path), Slab.size(CAPACITY), create=True).memory)
    for generation, state in STATES.items():
        slab.load(generation, state)
    scene = mmap.mmap(-1, 2 * HALF, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    scene.madvise(mmap.MADV_DONTFORK, HALF)  # from here on it is another mapping
    scene[HALF // 2 : HALF // 2 + len(SCENE)] = SCENE
    stranger = SharedRegion(Path(slab_path).with_name("stranger"), HALF, create=True).memory
    stranger[:] = b"\x01" * HALF
    places = _address(buffer), _address(memory), _address(scene) + HALF // 2
    print(*places, flush=True)
    sys.stdin.readline()
    print(buffer.raw.hex(), flush=True)


def _address(octets: Any) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(octets))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
