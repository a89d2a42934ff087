"""Run as a process: scrub the region in a file without a pause until the file is gone."""

from __future__ import annotations

import itertools
import mmap
import sys
from pathlib import Path

from flight.radiation.period import Depth
from flight.radiation.region import Region

path = Path(sys.argv[1])
with path.open("r+b") as file:
    region = Region.attach(memoryview(mmap.mmap(file.fileno(), 0)))
print("attached", flush=True)
for number in itertools.count():
    region.scrub(Depth(number % 2), float(number))
    if not path.exists():
        break
