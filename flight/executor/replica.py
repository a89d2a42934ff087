"""A replica: computes steps of one task from its slab into its slab. Runs in its own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Reason
from flight.dictionary.programs import ProgramParameters, parse_parameters
from flight.executor.bundled import open_program
from flight.executor.protocol import Act, Answer, Assignment, Order
from flight.executor.scene import OwnScene, Scene, SharedScene
from flight.executor.slab import Slab
from flight.executor.state import StateError, decode, encode_into
from flight.executor.task import InputError, Program, State
from flight.runtime.crc import crc32c
from flight.runtime.worker import Tools
from flight.runtime.zygote import resolve

REDO = 3  # times a step is redone because its inputs were found damaged
DETAIL = 200  # characters of an error that are reported


class GuardedModel(Protocol):
    """A model that repairs its own weights; counts what it corrected."""

    corrected: int

    def run(self, tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Masks of tiles."""


View = Callable[[str], memoryview]
OpenModel = Callable[[str, str, View], GuardedModel]


class StateDamaged(StateError):
    """The state that a step read was not the voted one."""

    reason = Reason.CORRUPT


class ReplicaInputs:
    """Scenes and models of one replica. ``view`` maps shared memory for reading."""

    def __init__(
        self,
        assignment: Assignment,
        parameters: ProgramParameters,
        view: View,
    ) -> None:
        self._assignment = assignment
        self._models: dict[str, GuardedModel] = {}
        self._view = view
        self.parameters = parameters
        self._scenes: dict[str, Scene] = {}
        for name, (path, sha256) in assignment.scenes().items():
            bulk = assignment.bulk.get(name)
            shared = None if bulk is None else SharedScene(view(bulk.region), bulk)
            self._scenes[name] = shared or OwnScene(path, sha256)

    @property
    def scene(self) -> npt.NDArray[np.uint8]:
        """The scene."""
        return self._scenes["scene"].pixels

    @property
    def second(self) -> npt.NDArray[np.uint8]:
        """The second scene, which a program that declares two was given."""
        return self._scenes["second"].pixels

    def model(self, name: str) -> GuardedModel:
        """Open a model on first use."""
        if name not in self._assignment.models:
            raise InputError(Reason.UNKNOWN, f"model {name!r} is not active")
        if name not in self._models:
            open_model: OpenModel = resolve(self._assignment.open_model)  # type: ignore[assignment]
            folder = self._assignment.models[name]
            self._models[name] = open_model(name, folder, self._view)
        return self._models[name]

    def damaged(self) -> bool:
        """Verify after use: True when a scene had changed; it is loaded again then."""
        return sum(scene.damaged() for scene in self._scenes.values()) > 0

    def opened(self) -> tuple[str, ...]:
        """Names of the models opened so far, sorted."""
        return tuple(sorted(self._models))

    def corrections(self) -> dict[str, int]:
        """Corrections so far by memory region."""
        counts = {f"weights {name}": model.corrected for name, model in self._models.items()}
        return counts | {name: scene.corrections for name, scene in self._scenes.items()}


class Replica:
    """The worker class (flight.runtime.worker.Handler)."""

    def __init__(self, config: bytes, tools: Tools) -> None:
        self._assignment = msgspec.msgpack.decode(config, type=Assignment)
        self._slab = Slab(tools.region(self._assignment.region))
        self._view = tools.view
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
            kind, declared = open_program(self._assignment)
            parameters = parse_parameters(declared, self._assignment.parameters)
            self._inputs = ReplicaInputs(self._assignment, parameters, self._view)
            self._program = kind(self._inputs)
        return self._program, self._inputs

    def _carry_out(self, order: Order) -> Answer:
        program, inputs = self._open()
        target = 0 if order.act is Act.START else order.generation + 1
        self._slab.retract(target)
        for _ in range(REDO):
            state = self._compute(program, order)
            if not (order.verify and inputs.damaged()):
                break
        else:
            raise InputError(Reason.CORRUPT, f"scene damaged in {REDO} runs of one step")
        done = order.act is Act.RESULT or program.done(state)
        length, crc = encode_into(state, self._slab.space(target))
        self._slab.commit(target, length)
        steps, models = program.steps(), inputs.opened()
        return Answer(order.ticket, done=done, steps=steps, models=models, crc=crc)

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
            if order.verify and crc32c(source) != order.crc:
                self._damaged_states += 1
                raise StateDamaged(f"generation {order.generation} changed in memory")


def _reason(error: Exception) -> Reason:
    """The reason that an error carries, as those of the model guard do."""
    reason = getattr(error, "reason", Reason.INTERNAL)
    return reason if isinstance(reason, Reason) else Reason.INTERNAL


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:DETAIL]
