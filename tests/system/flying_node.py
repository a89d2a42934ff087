"""A node as a process; the test itself is the radio, on the node's UDP port, without a station."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from flight.dictionary.commands import Ping, RunTask
from flight.dictionary.enums import Level, Mode, Reason, Stage
from flight.dictionary.registry import Command, Telemetry
from flight.dictionary.telemetry import CommandStage, LinkStatus, NodeState, TaskStatus
from flight.link import services
from flight.link.channels import Apid, VirtualChannel
from flight.link.coding.ends import Coding, GroundCoding
from flight.link.errors import LinkError
from flight.link.pus import Report, Telecommand
from flight.link.services import EventRecord
from flight.link.tc import TcFrame
from flight.link.tm import TmDeframer
from flight.runtime.clock import SystemClock
from flight.runtime.directory import run_dir

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
SPACECRAFT = 0xA5
DEADLINE = 60.0  # s; generous, the machine may be loaded
CLOCK = SystemClock()

T = TypeVar("T", bound=Telemetry)


def configuration(folder: Path, **replaced: str) -> Path:
    """A node.toml in ``folder``; ``payload``, ``models``, ``board`` and ``active`` may be given."""
    values = {
        "payload": CONFIGS / "payload",
        "models": CONFIGS / "models",
        "board": CONFIGS / "boards" / "simulated.toml",
        "active": "cloudnet-rgb",
    } | replaced
    path = folder / "node.toml"
    path.write_text(
        "seed = 1\n[link]\nspacecraft = 0xA5\n"
        '[link.space]\nlisten = "127.0.0.1:52001"\npeer = "127.0.0.1:52002"\n'
        f'[executor]\npayload = "{values["payload"]}"\n'
        f'[inference]\nmodels = "{values["models"]}"\nactive = ["{values["active"]}"]\n'
        f'[governor]\nboard = "{values["board"]}"\n'
        "[parameters.executor]\ncheckpoint_interval = 0.5\n"
    )
    return path


class FlyingNode:
    """``flight run`` below ``folder``. Use as a context manager; ends the node however it ends."""

    def __init__(
        self,
        folder: Path,
        config: Path | None = None,
        *,
        state: Path | None = None,
        prefix: Sequence[str] = (),
        program: Sequence[str] = ("-m", "flight"),
        arguments: Sequence[str] = ("--allow-injection",),
        coding: str = "",
        frame_size: int = 640,
    ) -> None:
        self.state = state or folder / "node"
        self.log = folder / "node.log"
        self.stages: dict[int, list[CommandStage]] = defaultdict(list)
        self.events: list[EventRecord] = []
        self.tasks: dict[int, TaskStatus] = {}
        self.latest: dict[type, Telemetry] = {}
        self._radio = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._radio.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._radio.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        self._coding = GroundCoding(Coding.parse(coding), frame_size)
        self._deframer = TmDeframer(SPACECRAFT, frame_size)
        self._sequence = 0
        self._number, self._numbered = 0, -1.0  # N(S), and when it was taken
        self._words = [
            *prefix, sys.executable, *program, "run", "--dir", str(self.state),
            *(() if "--keys" in arguments else ("--insecure-dev",)),
            *(("--config", str(config)) if config else ()),
            "--listen", f"127.0.0.1:{self.address[1]}",
            "--peer", f"127.0.0.1:{self._radio.getsockname()[1]}", *arguments,
        ]  # fmt: skip

    def __enter__(self) -> FlyingNode:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._words,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.until(lambda: self.mode is Mode.NOMINAL, "nominal mode")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._radio.close()

    def stop(self) -> int:
        """SIGTERM, then SIGKILL; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    @property
    def running(self) -> bool:
        """True while the executive lives."""
        return self.process.poll() is None

    def newest(self, kind: type[T]) -> T:
        """Newest packet of a kind; the first one is waited for."""
        self.until(lambda: kind in self.latest, kind.__name__)
        packet = self.latest[kind]
        assert isinstance(packet, kind)
        return packet

    @property
    def mode(self) -> Mode | None:
        """Newest mode reported."""
        state = self.latest.get(NodeState)
        return state.mode if isinstance(state, NodeState) else None

    @property
    def link(self) -> LinkStatus:
        """Newest counters of the link."""
        status = self.latest.get(LinkStatus, LinkStatus(0, 0, 0, 0, 0, 0, 0, False, 0, 0))
        assert isinstance(status, LinkStatus)
        return status

    def processes(self) -> dict[int, str]:
        """Processes of the node's session that are no zombies: process id to name."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, tail = path.read_text().rpartition(")")
            except OSError:  # ended in between
                continue
            state, _, _, session = tail.split()[:4]
            if int(session) == self.process.pid and state != "Z":
                found[int(path.parent.name)] = head.partition("(")[2]
        return found

    def pid(self, name: str) -> int:
        """Process id of a service process, 0 while there is none."""
        return next((pid for pid, known in self.processes().items() if known == name), 0)

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a service process as soon as there is one; its process id."""
        self.until(lambda: self.pid(name) != 0, f"process {name}")
        pid = self.pid(name)
        os.kill(pid, number)
        if name == "link":
            self._number = 0  # what its next life expects
        return pid

    def leftovers(self) -> list[str]:
        """What lies in the run directory."""
        folder = run_dir(self.state)
        return [str(path) for path in (folder, *folder.glob("*"))] if folder.exists() else []

    # Downlink.

    def until(self, condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
        """Take telemetry until the condition holds; fails when it does not in time."""
        deadline = CLOCK.now() + seconds
        while not condition():
            running = self.running  # before the look: what an ended node has sent still counts
            assert CLOCK.now() < deadline, f"{what}: not within {seconds} s {self.latest}"
            ready, _, _ = select.select([self._radio], [], [], 0.02)
            if ready:
                self._take(self._radio.recv(4096))
            else:
                assert running, f"{what}: the node ended: {self.log.read_text()}"

    def wait(self) -> int:
        """Take telemetry until the node has ended by itself; the exit code."""
        self.until(lambda: not self.running, "the end of the node")
        while select.select([self._radio], [], [], 0)[0]:
            self._take(self._radio.recv(4096))
        return self.process.wait()

    def _take(self, datagram: bytes) -> None:
        for frame in self._coding.received(datagram):
            for _, packet in self._deframer.feed(frame):
                try:
                    self._note(services.parse_report(Report.unpack(packet)))
                except LinkError:  # a packet with a file PDU
                    continue

    def _note(self, report: object) -> None:
        if isinstance(report, CommandStage):
            self.stages[report.request].append(report)
        elif isinstance(report, EventRecord):
            self.events.append(report)
        elif isinstance(report, Telemetry):
            self.latest[type(report)] = report
            if isinstance(report, TaskStatus):
                self.tasks[report.task] = report

    def saw(self, kind: type, **fields: object) -> bool:
        """True when an event of this kind with these arguments came down."""
        return any(
            isinstance(record.event, kind)
            and all(getattr(record.event, name) == value for name, value in fields.items())
            for record in self.events
        )

    # Uplink.

    def transmit(self, datagram: bytes) -> None:
        """Send one datagram to the node's port."""
        self._radio.sendto(datagram, self.address)

    def unread(self) -> tuple[int, int]:
        """Octets that wait in the node's socket, and datagrams that the kernel dropped there."""
        port = f":{self.address[1]:04X}"
        for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
            words = line.split()
            if words[1].endswith(port):
                return int(words[4].partition(":")[2], 16), int(words[-1])
        raise AssertionError("the node does not listen")

    def raw_command(self, service: int, subtype: int, data: bytes) -> int:
        """Send a telecommand packet in an AD frame; its request id."""
        self._sequence += 1
        packet = Telecommand(Apid.NODE, self._sequence, service, subtype, data)
        self.transmit(self._coding.sent(self.frame(packet.pack())))
        return packet.request_id

    def frame(self, packet: bytes) -> bytes:
        """An AD frame for the command channel. Its number is the next one, or what a link that has
        started again asks for."""
        clcw, now = self._deframer.clcw, CLOCK.now()
        if clcw is not None and now - self._numbered > 0.5:
            self._number = clcw.report_value
        number, self._number, self._numbered = self._number, (self._number + 1) % 256, now
        return TcFrame(SPACECRAFT, VirtualChannel.COMMANDS, number, packet).pack()

    def command(self, command: Command) -> int:
        """Send a telecommand; its request id."""
        return self.raw_command(*services.telecommand(command))

    def run_task(self, scene: str, level: Level = Level.NONE, program: str = "cloud-mask") -> int:
        """Request a task; the request id."""
        return self.command(RunTask(program, scene, level))

    def outcome(self, request: int) -> tuple[Stage, Reason]:
        """Wait for the last stage of a telecommand."""
        reached = self.stages[request]
        self.until(lambda: any(s.stage.final for s in reached), f"end of {request:#x}")
        last = next(s for s in reached if s.stage.final)
        return last.stage, last.reason

    def answers(self) -> bool:
        """True when the node still executes telecommands."""
        return self.outcome(self.command(Ping())) == (Stage.COMPLETED, Reason.NONE)


def flight(*words: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """One command line of ``flight``, ``ground`` or ``hil`` as its own process."""
    return subprocess.run(
        [*prefix, sys.executable, "-m", *words],
        cwd=ROOT,
        env=os.environ | {"CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
