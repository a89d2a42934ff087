"""Keys of a bench: made for the station, copied to the node, as an operator would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ground.keys.make import make


def make_pair(
    folder: Path, spacecraft: int, entropy: Callable[[int], bytes] = os.urandom
) -> tuple[Path, Path]:
    """Folders of keys below a new ``folder``: the station's and the node's. Raises OSError."""
    station, node = folder / "station", folder / "node"
    make(station, spacecraft, entropy=entropy)
    shutil.copytree(station, node)
    return station, node
