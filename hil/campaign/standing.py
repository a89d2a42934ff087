"""A node without a link that stands for a whole campaign and is commanded over its own bus."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec

from flight.config import default_path
from flight.dictionary.codec import decoder
from flight.dictionary.commands import FileDelivered, Reply, RunTask, SetParameter
from flight.dictionary.enums import BudgetLevel, Mode, ModelState, Reason
from flight.dictionary.events import ReplicaLost
from flight.dictionary.product import Product, decode_product
from flight.dictionary.registry import Command, item
from flight.dictionary.telemetry import Budget, EventReport, ModelStatus, NodeState, TaskStatus
from flight.runtime import kernel
from flight.runtime.clock import SystemClock
from flight.runtime.directory import run_dir
from flight.runtime.store import FileStore
from flight.runtime.tool import NodeDown, Tool
from hil.bench.local import BenchError, free_ports
from hil.campaign.census import Census
from hil.campaign.replicas import Replicas
from hil.campaign.scenes import Scenes, write

START = 40.0  # s until a node has its models and its full budget
ANSWER = 5.0  # s for a command to be answered
ATTEMPTS = 12  # of a command whose executor may just be starting again
POLL = 0.002  # s between two looks at the node
_LOST = item(ReplicaLost).id


class StandingNode:
    """``flight run --allow-injection`` below ``folder``, which must not hold one yet.

    Use as a context manager. ``parameters`` are set once it is up. When the executive has ended,
    ``turn`` starts it again, as systemd would.
    """

    def __init__(
        self, folder: Path, scenes: Scenes, seed: int, parameters: dict[str, float]
    ) -> None:
        self.folder, self.state_dir = folder, folder / "node"
        self.tasks: dict[int, TaskStatus] = {}
        self.lost: dict[int, list[str]] = defaultdict(list)
        self.restarts = 0
        self._requests = 0
        self.census = Census()
        self.clock = SystemClock()
        self._parameters = parameters
        self._mode, self._budget, self._model = Mode.BOOT, BudgetLevel.SURVIVAL, ModelState.STAGED
        self._replicas = Replicas()
        configs = folder / "configs"
        shutil.copytree(default_path().parent, configs)
        write(scenes, configs / "payload")
        up, down = free_ports(2)
        self._words = [
            sys.executable, "-m", "flight", "run", "--dir", str(self.state_dir),
            "--config", str(configs / default_path().name), "--seed", str(seed),
            "--listen", f"127.0.0.1:{up}", "--peer", f"127.0.0.1:{down}", "--allow-injection",
            "--insecure-dev",
        ]  # fmt: skip

    def __enter__(self) -> StandingNode:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        parent = os.getpid()
        with (self.folder / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                preexec_fn=lambda: kernel.die_with_parent(parent),
            )
        try:
            self._join()
        except BaseException:
            self.stop()
            raise

    def _join(self) -> None:
        self._mode, self._budget, self._model = Mode.BOOT, BudgetLevel.SURVIVAL, ModelState.STAGED
        deadline = self.clock.now() + START
        tool = None
        while tool is None:
            try:
                tool = Tool(self.state_dir)
            except NodeDown as error:
                if self.process.poll() is not None or self.clock.now() > deadline:
                    raise BenchError(f"{error}; see {self.folder / 'node.log'}") from error
                self._linger(0.05)
        self._tool = tool
        for kind, handler in (
            (NodeState, self._state), (Budget, self._grant), (ModelStatus, self._installed),
            (TaskStatus, self._task), (EventReport, self._event),
        ):  # fmt: skip
            tool.subscribe(kind, handler)
        self._until(lambda: self._mode is Mode.NOMINAL, "nominal mode", deadline)
        for name, value in self._parameters.items():
            self.command(SetParameter(name, value))
        ready = (BudgetLevel.FULL, ModelState.ACTIVE)
        self._until(lambda: (self._budget, self._model) == ready, "budget and model", deadline)
        self.store = FileStore(self.state_dir)
        self.census.note(self.process.pid)

    def _linger(self, seconds: float) -> None:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _until(self, condition: Callable[[], bool], what: str, deadline: float) -> None:
        while not condition():
            if self.process.poll() is not None or self.clock.now() > deadline:
                raise BenchError(f"node: no {what}; see {self.folder / 'node.log'}")
            self._take(0.05)

    def stop(self) -> int:
        """SIGTERM, wait, SIGKILL; return the exit code."""
        self._leave()
        if self.process.poll() is None:
            self.census.note(self.process.pid)
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _leave(self) -> None:
        tool, self._tool = getattr(self, "_tool", None), None  # type: ignore[assignment]
        if tool is not None:
            tool.__exit__()

    def leftovers(self) -> list[str]:
        """What the stopped node left: run directory, anything in it, processes."""
        folder = run_dir(self.state_dir)
        files = [str(path) for path in (folder, *folder.glob("*"))] if folder.exists() else []
        return files + self.census.survivors()

    # What the node tells.

    def _state(self, state: NodeState) -> None:
        self._mode = state.mode

    def _grant(self, budget: Budget) -> None:
        self._budget = budget.level

    def _installed(self, status: ModelStatus) -> None:
        self._model = status.state

    def _task(self, status: TaskStatus) -> None:
        self.tasks[status.task] = status

    def _event(self, report: EventReport) -> None:
        if report.event == _LOST:
            event = decoder(ReplicaLost).decode(report.body)
            self.lost[event.task].append(event.why)

    # Operations.

    def turn(self, seconds: float = POLL) -> None:
        """Take what the node tells for a while; start it again when it has ended."""
        if self.process.poll() is not None:
            self._leave()
            self.restarts += 1
            self._start()
        self._take(seconds)

    def _take(self, seconds: float) -> None:
        for _ in self._tool.turns(seconds):
            pass

    def command(self, command: Command) -> Reply:
        """Send a command until it is answered. Raises BenchError when it is refused."""
        reply = Reply(Reason.TIMED_OUT)
        for _ in range(ATTEMPTS):
            reply = self._tool.request(command, ANSWER)
            if reply.reason is not Reason.TIMED_OUT:
                break
            self.turn()
        if reply.reason is not Reason.NONE:
            raise BenchError(f"{command}: {reply.reason.name} {reply.detail}")
        return reply

    def request(self) -> int:
        """A request id that this node has not had."""
        self._requests += 1
        return self._requests

    def submit(self, task: RunTask) -> int:
        """Queue a task; a repeat with the same request id is the same task. Its id."""
        return int(msgspec.msgpack.decode(self.command(task).result, type=int))

    def ended(self, task: int) -> bool:
        """True once the node said that a task has ended."""
        status = self.tasks.get(task)
        return status is not None and status.state.ended

    def product(self, task: int) -> Product | None:
        """The stored product of a task. Raises ProductError when it is none."""
        data = self.store.read(f"products/task-{task:06d}.product")
        return None if data is None else decode_product(data)

    def deliver(self, task: int) -> None:
        """Confirm a product as the ground would: nobody listens here, the queue would fill."""
        command, requester = (
            FileDelivered(f"products/task-{task:06d}.product"),
            self._tool.requester,
        )
        requester.send(self._tool.table.executes(command), command, lambda _: None, ANSWER)

    def replicas(self, task: int) -> dict[int, int]:
        """Replicas of a task: seat to pid."""
        return {seat: pid for pid, (owner, seat) in self.running().items() if owner == task}

    @property
    def executor(self) -> int:
        """Pid of the executor, once replicas were looked for."""
        return self._replicas.executor

    def running(self) -> dict[int, tuple[int, int]]:
        """All replicas that run: pid to task and seat."""
        return self._replicas.running(self.process.pid)
