"""A bench on this machine: node, link emulator and station as separate processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from flight.config import default_path, load
from flight.console.exits import Stop
from flight.runtime import kernel
from flight.runtime.clock import SystemClock
from flight.runtime.directory import run_dir
from ground.jsonlines import ControlClient
from hil.bench.keys import make_pair

Line = dict[str, Any]


class BenchError(RuntimeError):
    """The bench could not be brought to a state in time; the message says which."""


def free_ports(count: int) -> list[int]:
    """UDP ports of the loopback interface that nobody holds now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for endpoint in sockets:
            endpoint.bind(("127.0.0.1", 0))
        return [endpoint.getsockname()[1] for endpoint in sockets]
    finally:
        for endpoint in sockets:
            endpoint.close()


class LocalBench:
    """Starts the three processes below ``folder``; ends them, however the test ends."""

    def __init__(
        self,
        folder: Path,
        *,
        config: Path | None = None,
        link: Path | None = None,
        seed: int = 1,
    ) -> None:
        configs = default_path().parent
        self.folder, self.seed = folder, seed
        self.config = config or configs / "node.toml"
        self.link = link or configs / "links" / "leo.toml"
        self.node_dir, self.station_dir = folder / "node", folder / "station"
        self.report_path = folder / "emulator.json"
        # Not below ``folder``: its path may be longer than a socket path may be.
        self._sockets = Path(tempfile.mkdtemp(prefix="tardigrade-bench-"))
        self.clock = SystemClock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = free_ports(4)
        self.keys = folder / "keys"  # of the station, and below "node" a copy for the node
        self._client: ControlClient | None = None

    def __enter__(self) -> LocalBench:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.keys.exists():
            make_pair(self.keys, self.spacecraft)
        kernel.adopt_orphans()  # as init would: what a killed node leaves is ours to reap
        try:
            self.start_emulator()
            self.start_node()
            self.start_station()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
        for name in ("station", "emulator", "node"):
            if name in self._processes:
                self.stop(name)
        shutil.rmtree(self._sockets, ignore_errors=True)

    # Processes.

    def _start(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def start_node(self) -> None:
        """Start the node (also again, after it was killed)."""
        up, _, down, _ = self._ports
        self._start(
            "node", "flight", "run", "--dir", str(self.node_dir), "--config", str(self.config),
            "--listen", f"127.0.0.1:{up}", "--peer", f"127.0.0.1:{down}",
            "--keys", str(self.keys / "node"), "--seed", str(self.seed), "--allow-injection",
        )  # fmt: skip

    def restart_node(self) -> None:
        """What systemd does when the executive was killed: reap it and start it again."""
        self._processes.pop("node").wait(10)
        self.start_node()

    def start_emulator(self) -> None:
        """Start the link emulator."""
        node, up, down, station = self._ports
        self._start(
            "emulator", "ground", "emu", "run", str(self.link),
            "--up-listen", f"127.0.0.1:{up}", "--up-to", f"127.0.0.1:{node}",
            "--down-listen", f"127.0.0.1:{down}", "--down-to", f"127.0.0.1:{station}",
            "--control", str(self._sockets / "emulator.sock"), "--seed", str(self.seed),
            "--report", str(self.report_path),
        )  # fmt: skip

    def start_station(self) -> None:
        """Start the station and connect to it."""
        _, up, _, station = self._ports
        self._start(
            "station", "ground", "station", "--dir", str(self.station_dir),
            "--listen", f"127.0.0.1:{station}", "--node", f"127.0.0.1:{up}",
            "--link", str(self.link), "--keys", str(self.keys / "station"),
        )  # fmt: skip
        if self._client is not None:  # of a station that was killed
            self._client.close()
        self._client = self._connect()
        kinds = ["stage", "packet", "progress", "event", "file", "link"]
        self._client.request({"verb": "watch", "kinds": kinds})

    def _connect(self) -> ControlClient:
        deadline = self.clock.now() + 20
        while True:
            try:
                return ControlClient(self.station_dir / "control.sock", "station")
            except Stop as error:
                code = self._processes["station"].poll()
                if code is not None or self.clock.now() > deadline:
                    raise BenchError(f"station did not start ({error}); see station.log") from error
                self._wait("station", 0.05)

    def _wait(self, name: str, seconds: float) -> None:
        try:
            self._processes[name].wait(seconds)
        except subprocess.TimeoutExpired:
            return

    @property
    def spacecraft(self) -> int:
        """Identifier of the node."""
        return int(load(self.config)["link"]["spacecraft"])

    @property
    def node_port(self) -> int:
        """UDP port on which the node listens, past the emulator."""
        return self._ports[0]

    def pid(self, name: str) -> int:
        """Process id of ``node``, ``emulator`` or ``station``."""
        return self._processes[name].pid

    def running(self, name: str) -> bool:
        """True while the process lives."""
        return self._processes[name].poll() is None

    def stop(self, name: str, seconds: float = 10.0) -> int:
        """SIGTERM, wait, SIGKILL; return the exit code."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def node_processes(self) -> dict[int, str]:
        """All live processes of the node by pid: executive, services, fork servers, replicas."""
        try:
            root = psutil.Process(self.pid("node"))
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return {}
        found = {}
        for process in family:
            try:
                if process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = Path(f"/proc/{process.pid}/comm").read_text().strip()
            except (psutil.NoSuchProcess, OSError):
                continue
        return found

    def named(self, name: str) -> int:
        """Pid of the node's process with this name. Raises LookupError."""
        for pid, found in self.node_processes().items():
            if found == name:
                return pid
        raise LookupError(f"no process {name!r} in the node")

    # Operations through the station.

    def send(self, command: str, **arguments: str) -> int:
        """Send a telecommand; return its request id."""
        assert self._client is not None
        reply = self._client.request({"verb": "send", "command": command, "arguments": arguments})
        return int(reply["request"])

    def next_line(self, seconds: float) -> Line | None:
        """Next happening, None when none came in time."""
        assert self._client is not None
        return self._client.receive(seconds)

    def follow(self, done: Callable[[Line], bool], seconds: float, what: str) -> Line:
        """Read happenings until ``done(line)``. Raises BenchError naming ``what``."""
        assert self._client is not None
        deadline = self.clock.now() + seconds
        while (left := deadline - self.clock.now()) > 0:
            line = self._client.receive(left)
            if line is not None and done(line):
                return line
        raise BenchError(f"{what}: not within {seconds:g} s")

    def nominal(self, seconds: float = 60.0) -> None:
        """Wait until the node reports nominal mode. Raises BenchError."""
        self.follow(
            lambda line: (
                line.get("packet") == "node.state" and line["message"]["mode"] == "NOMINAL"
            ),
            seconds,
            "nominal mode",
        )

    def outage(self, seconds: float) -> None:
        """Cut the link in both directions."""
        with ControlClient(self._sockets / "emulator.sock", "emulator") as client:
            client.request({"outage": seconds})

    def station_statistics(self) -> Line:
        """Counters of the station's link session."""
        assert self._client is not None
        return self._client.request({"verb": "status"})

    def emulator_report(self) -> Line:
        """Final counters of the emulator, once it has ended."""
        report: Line = json.loads(self.report_path.read_text())
        return report

    def leftovers(self) -> list[str]:
        """What a stopped node left behind: its run directory and anything in it."""
        folder = run_dir(self.node_dir)
        return [str(path) for path in (folder, *folder.glob("*"))] if folder.exists() else []
