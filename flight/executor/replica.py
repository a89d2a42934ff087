"""A replica: computes steps of one task from its slab into its slab. Runs in its own process."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Reason
from flight.executor.protocol import Act, Answer, Assignment, Order
from flight.executor.slab import Slab
from flight.executor.state import StateError, decode, encode_into
from flight.executor.task import Program, State
from flight.runtime.crc import crc32c
from flight.runtime.worker import Tools
from flight.runtime.zygote import resolve

REDO = 3  # times a step is redone because its inputs were found damaged
DETAIL = 200  # characters of an error that are reported
LARGEST = 1 << 28  # octets of a scene's pixels


class GuardedModel(Protocol):
    """A model that repairs its own weights; counts what it corrected."""

    corrected: int

    def run(self, tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Masks of tiles."""


class InputError(Exception):
    """A scene or model cannot be used."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class StateDamaged(StateError):
    """The state that a step read was not the voted one."""

    reason = Reason.CORRUPT


class ReplicaInputs:
    """Scene and models of one replica: its own copies, so that one upset hits one vote."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._models: dict[str, GuardedModel] = {}
        self.scene = self._load()
        self._crc = crc32c(self.scene)
        self.scene_corrections = 0

    def _load(self) -> npt.NDArray[np.uint8]:
        scene = read_scene(Path(self._assignment.scene), self._assignment.scene_sha256)
        scene.flags.writeable = False
        return scene

    def model(self, name: str) -> GuardedModel:
        """Open a model on first use."""
        if name not in self._assignment.models:
            raise InputError(Reason.UNKNOWN, f"model {name!r} is not active")
        if name not in self._models:
            open_model: Callable[[str, str], GuardedModel] = resolve(  # type: ignore[assignment]
                self._assignment.open_model
            )
            self._models[name] = open_model(name, self._assignment.models[name])
        return self._models[name]

    def damaged(self) -> bool:
        """Verify after use: True when the scene had changed; it is loaded again then."""
        if crc32c(self.scene) == self._crc:
            return False
        self.scene.flags.writeable = True
        self.scene[...] = self._load()
        self.scene.flags.writeable = False
        self.scene_corrections += 1
        return True

    def opened(self) -> tuple[str, ...]:
        """Names of the models opened so far, sorted."""
        return tuple(sorted(self._models))

    def corrections(self) -> dict[str, int]:
        """Corrections so far by memory region."""
        counts = {f"weights {name}": model.corrected for name, model in self._models.items()}
        return counts | {"scene": self.scene_corrections}


def read_scene(path: Path, sha256: str) -> npt.NDArray[np.uint8]:
    """Load ``rgb`` uint8 [H,W,3] of an .npz whose bytes have this SHA-256. Raises InputError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(Reason.UNKNOWN, f"scene {path.stem}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputError(Reason.CORRUPT, f"scene {path.stem}: SHA-256 differs")
    return parse_scene(path.stem, data)


def parse_scene(name: str, data: bytes) -> npt.NDArray[np.uint8]:
    """The picture in the bytes of an .npz file. Raises InputError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            size = archive.zip.getinfo("rgb.npy").file_size
            if size > LARGEST:
                raise InputError(Reason.RANGE, f"scene {name}: {size} octets, {LARGEST} at most")
            rgb: Any = archive["rgb"]
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise what they like
        raise InputError(Reason.CORRUPT, f"scene {name}: {error}") from error
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise InputError(Reason.FORMAT, f"scene {name}: {rgb.dtype} {rgb.shape}, not uint8 [H,W,3]")
    return np.array(rgb)


class Replica:
    """The worker class (flight.runtime.worker.Handler)."""

    def __init__(self, config: bytes, tools: Tools) -> None:
        self._assignment = msgspec.msgpack.decode(config, type=Assignment)
        self._slab = Slab(tools.region(self._assignment.region))
        self._program: Program | None = None
        self._inputs: ReplicaInputs | None = None
        self._damaged_states = 0

    def handle(self, message: bytes) -> bytes:
        """Carry out one Order."""
        order = msgspec.msgpack.decode(message, type=Order)
        before = self._corrections()
        try:
            answer = self._carry_out(order)
        except InputError as error:
            answer = Answer(order.ticket, error.reason, str(error)[:DETAIL], inputs=True)
        except Exception as error:
            answer = Answer(order.ticket, _reason(error), _line(error))
        after = self._corrections()
        corrected = {k: n - before.get(k, 0) for k, n in after.items() if n > before.get(k, 0)}
        return msgspec.msgpack.encode(msgspec.structs.replace(answer, corrected=corrected))

    def _corrections(self) -> dict[str, int]:
        """Corrections so far by memory region."""
        inputs = {} if self._inputs is None else self._inputs.corrections()
        return inputs | {"state": self._damaged_states}

    def _open(self) -> tuple[Program, ReplicaInputs]:
        if self._program is None or self._inputs is None:
            self._inputs = ReplicaInputs(self._assignment)
            kind: Any = resolve(self._assignment.program)
            self._program = kind(self._inputs)
        return self._program, self._inputs

    def _carry_out(self, order: Order) -> Answer:
        program, inputs = self._open()
        target = 0 if order.act is Act.START else order.generation + 1
        self._slab.retract(target)
        for _ in range(REDO):
            state = self._compute(program, order)
            if not (self._assignment.verify and inputs.damaged()):
                break
        else:
            raise InputError(Reason.CORRUPT, f"scene damaged in {REDO} runs of one step")
        done = order.act is Act.RESULT or program.done(state)
        self._slab.commit(target, encode_into(state, self._slab.space(target)))
        return Answer(order.ticket, done=done, steps=program.steps(), models=inputs.opened())

    def _compute(self, program: Program, order: Order) -> State:
        if order.act is Act.START:
            return program.start()
        source = self._slab.answer(order.generation)
        if source is None:
            self._damaged_states += 1
            raise StateDamaged(f"generation {order.generation} is not in the slab")
        try:
            state = decode(source)
            if order.act is Act.RESULT:
                return {"result": program.result(state)}
            return program.step(state)
        finally:
            # Whatever came of it: a step counts only if its source was sound when it ended.
            if self._assignment.verify and crc32c(source) != order.crc:
                self._damaged_states += 1
                raise StateDamaged(f"generation {order.generation} changed in memory")


def _reason(error: Exception) -> Reason:
    """The reason that an error carries, as those of the model guard do."""
    reason = getattr(error, "reason", Reason.INTERNAL)
    return reason if isinstance(reason, Reason) else Reason.INTERNAL


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:DETAIL]
