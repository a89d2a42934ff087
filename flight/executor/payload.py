"""The payload store as the executor sees it: scenes by name, each a file that holds a picture."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Reason
from flight.executor.scene import parse_scene, read_scene
from flight.executor.task import InputError
from flight.runtime.service import Refused


class Payload:
    """Scenes below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, scene: str) -> str:
        """Path of a scene; empty for no scene."""
        return str(self._folder / f"{scene}.npz") if scene else ""

    def digest(self, scene: str) -> str:
        """SHA-256 of a scene's file, which must be a picture. Raises Refused."""
        if not scene or "/" in scene or scene.startswith("."):
            raise Refused(Reason.UNKNOWN, f"no scene {scene!r}")
        try:
            data = Path(self.path(scene)).read_bytes()
            parse_scene(scene, data)
        except PermissionError as error:
            raise Refused(Reason.PERMISSION, f"scene {scene!r} may not be read") from error
        except OSError as error:
            raise Refused(Reason.UNKNOWN, f"no scene {scene!r}") from error
        except InputError as error:
            raise Refused(error.reason, str(error)) from error
        return hashlib.sha256(data).hexdigest()

    def load(self, scene: str, sha256: str) -> npt.NDArray[np.uint8]:
        """Pixels uint8 [H,W,3] of a scene whose file has this SHA-256. Raises InputError."""
        return read_scene(Path(self.path(scene)), sha256)
