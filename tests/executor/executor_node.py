"""The executor under the simulated hosting, with storage, scripted replicas and a probe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from toy_programs import Rows

from flight.dictionary.codec import decode
from flight.dictionary.commands import Reply, RunTask, StoreProduct
from flight.dictionary.enums import (
    BudgetLevel,
    Environment,
    Level,
    ModelState,
    Reason,
    TaskState,
)
from flight.dictionary.product import Product, decode_product
from flight.dictionary.radiation import EnvironmentStatus
from flight.dictionary.registry import BY_ID, Command, Event
from flight.dictionary.telemetry import (
    BoardReadings,
    Budget,
    EventReport,
    ModelStatus,
    NodeState,
    TaskStatus,
)
from flight.runtime.service import Context, Refused, Service, Store, handles, subscribes
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import MemoryStore
from flight.runtime.table import EXECUTIVE, Row, Table
from flight.storage.products import product_name

FULL = Budget(BudgetLevel.FULL, 10.0, 4, 1.0, True, True, 3.0, "test")
PROGRAMS = ("Rows", "Rows2", "Modelled", "Orphan", "Broken", "Greedy", "Real", "Wide", "Pair")


class Probe(Service):
    """Plays governor and model store, hears what the executor tells, and sends commands."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.budget: Budget | None = FULL
        self.model = ModelStatus("toy", ModelState.ACTIVE, "ab" * 32, "models/toy/compiled", "")
        self.statuses: list[TaskStatus] = []
        self.events: list[Event] = []

    def start(self) -> None:
        self.speak()
        self.context.every(0.5, self.speak)

    def speak(self) -> None:
        if self.budget is not None:
            self.context.publish(self.budget)
        self.context.publish(self.model)

    @subscribes(TaskStatus)
    def _status(self, status: TaskStatus) -> None:
        self.statuses.append(status)

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        self.events.append(decode(BY_ID["event", report.event].type, report.body))


class StubbornStorage(Service):
    """Refuses, or answers late, as often as told; then keeps digests of what it was given."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.refusals: list[Reason] = []
        self.offers = 0
        self.kept: list[str] = []

    @handles(StoreProduct)
    def _store(self, command: StoreProduct) -> None:
        self.offers += 1
        if self.refusals:
            raise Refused(self.refusals.pop(0), "as told")
        result = self.context.fetch_array(command.array)
        self.kept.append(hashlib.sha256(result.tobytes()).hexdigest())


def _table(storage: str) -> Table:
    bindings = (
        ("model", "toy_programs:open_model"),
        *((f"program {name}", f"toy_programs:{name}") for name in PROGRAMS),
    )
    heard = (BoardReadings, Budget, EnvironmentStatus, ModelStatus, NodeState)
    executor = "flight.executor.service:Executor"
    return Table(
        (
            Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState,)),
            Row("executor", executor, "executor", (TaskStatus,), heard, bindings=bindings),
            Row("storage", storage, "core"),
            Row("probe", "executor_node:Probe", "probe", (Budget, EnvironmentStatus, ModelStatus)),
        )
    )


TABLE = _table("flight.storage.service:Storage")
STUBBORN = _table("executor_node:StubbornStorage")


def scene(seed: int = 0, side: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 255, (side, side, 3), np.uint8)


def golden(picture: NDArray[np.uint8]) -> str:
    """Digest of the result, computed without executor or replicas."""

    class Inputs:
        scene = picture

    program = Rows(Inputs())
    state = program.start()
    while not program.done(state):
        state = program.step(state)
    return hashlib.sha256(program.result(state).tobytes()).hexdigest()


class ExecutorNode:
    """One life of the node. The same ``store`` in a second one is a reboot."""

    def __init__(
        self,
        folder: Path,
        store: Store | None = None,
        table: str = "executor_node:TABLE",
        work_time: float = 0.02,
        begin: float = 0.0,
        canary: dict[str, str] | None = None,
        **executor: Any,
    ) -> None:
        self.payload = folder / "payload"
        self.payload.mkdir(exist_ok=True)
        if not (self.payload / "hills.npz").exists():
            np.savez(self.payload / "hills.npz", rgb=scene())
        self.store: Store = MemoryStore(folder / "state") if store is None else store
        self.time = VirtualTime()
        self.time.clock.advance_to(begin)
        settings = {
            "executor": {"payload": str(self.payload)} | ({"canary": canary} if canary else {}),
            "parameters": {"executor": {"checkpoint_interval": 0.0, "redo_limit": 3} | executor},
        }
        self.node = SimulatedNode(self.time, table, settings, self.store, 1, work_time)
        self.probe: Probe = self.service("probe")

    def service(self, process: str) -> Any:
        return next(h for h in self.node.hosts if h.berth.process == process).services[0]

    def run(self, seconds: float, done: Callable[[], object] = lambda: False) -> bool:
        return self.time.run(self.time.clock.now() + seconds, lambda: bool(done()))

    def command(self, command: Command) -> Reply:
        replies: list[Reply] = []
        self.probe.context.request(command, replies.append, 5.0)
        assert self.run(6.0, lambda: replies), f"no answer to {command}"
        return replies[0]

    def submit(
        self,
        level: Level = Level.TMR,
        program: str = "Rows",
        request: int = 0,
        priority: int = 5,
        name: str = "hills",
        **more: Any,
    ) -> int:
        reply = self.command(RunTask(program, name, level, priority, request, **more))
        assert reply.reason is Reason.NONE, reply
        return int(msgspec.msgpack.decode(reply.result))

    def status(self, task: int) -> TaskStatus | None:
        return next((s for s in reversed(self.probe.statuses) if s.task == task), None)

    def ended(self, task: int) -> bool:
        status = self.status(task)
        return status is not None and status.state.ended

    def finish(self, task: int, seconds: float = 60.0) -> TaskStatus:
        assert self.run(seconds, lambda: self.ended(task)), self.status(task)
        status = self.status(task)
        assert status is not None
        self.run(0.1)  # events take a turn more
        return status

    def complete(self, task: int, seconds: float = 60.0) -> TaskStatus:
        status = self.finish(task, seconds)
        assert status.state is TaskState.COMPLETED, (status, self.probe.events)
        return status

    def product(self, task: int) -> Product:
        data = self.store.read(product_name(task))
        assert data is not None
        return decode_product(data)

    def events(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.probe.events if isinstance(event, kind)]


def digest(node: ExecutorNode, task: int) -> str:
    return node.product(task).provenance.result_sha256


def state(node: ExecutorNode, task: int) -> TaskState | None:
    status = node.status(task)
    return None if status is None else status.state


def at_step(node: ExecutorNode, task: int, step: int) -> None:
    def there() -> bool:
        status = node.status(task)
        return status is not None and status.step >= step

    assert node.run(60, there)


def surround(node: ExecutorNode, mode: Environment, ahead: float = -1.0) -> None:
    node.probe.context.publish(EnvironmentStatus(mode, True, 0.0, 0, 0.0, 0.0, ahead, 0.0))
    node.run(0.001)
