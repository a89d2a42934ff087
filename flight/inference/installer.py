"""The worker that makes a model ready: verify, compile, flip test, in a process of its own.

A model file that crashes or hangs onnxruntime takes this process with it, not the node.
"""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec

from flight.dictionary.enums import ModelState
from flight.inference.compiled import encode_compiled
from flight.inference.errors import Fault, InferenceError
from flight.inference.install import install, probe_tile
from flight.inference.manifest import load_model
from flight.runtime.store import replace_file
from flight.runtime.worker import Tools


class InstallOrder(msgspec.Struct, array_like=True, frozen=True):
    """Which model folder to install, and where its compiled form goes."""

    source: str
    target: str


class InstallAnswer(msgspec.Struct, array_like=True, frozen=True):
    """Outcome: ACTIVE, or QUARANTINED with the reason."""

    state: ModelState
    sha256: str
    detail: str


def cpu_flags() -> str:
    """Instruction set of this processor: a compiled graph suits only one."""
    with Path("/proc/cpuinfo").open() as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return value.strip()
    return ""


class Installer:
    """The worker class (flight.runtime.worker.Handler)."""

    def __init__(self, config: bytes, tools: Tools) -> None:
        del config, tools  # everything is in the order

    def handle(self, message: bytes) -> bytes:
        """Install one model."""
        order = msgspec.msgpack.decode(message, type=InstallOrder)
        sha256 = ""
        try:
            folder = Path(order.source)
            manifest, data = load_model(folder)
            sha256 = manifest.sha256
            if manifest.name != folder.name:  # tasks would ask for the one and open the other
                detail = f"folder {folder.name} holds model {manifest.name}"
                raise InferenceError(Fault.MANIFEST_INVALID, detail)
            installed = install(manifest, data, probe_tile(manifest.input), cpu_flags())
            replace_file(Path(order.target), encode_compiled(installed.compiled))
            answer = InstallAnswer(ModelState.ACTIVE, sha256, "")
        except InferenceError as error:
            answer = InstallAnswer(ModelState.QUARANTINED, sha256, str(error))
        except OSError as error:
            # A full medium says nothing of the model: once there is room it can be installed.
            room = error.errno in (errno.ENOSPC, errno.EDQUOT)
            state = ModelState.STAGED if room else ModelState.QUARANTINED
            answer = InstallAnswer(state, sha256, str(error))
        return msgspec.msgpack.encode(answer)
