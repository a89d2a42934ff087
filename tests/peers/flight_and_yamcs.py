"""A node, a radio path and a Yamcs: separate processes on the loopback, ended by process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radio import Radio

from flight.runtime.clock import SystemClock
from hil.bench.keys import make_pair

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
INSTANCE = "tardigrade"
SPACECRAFT = 0xA5
START = 90.0  # s
CLOCK = SystemClock()


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of the loopback that nobody holds now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """What the condition returns as soon as it is true; fails when it is not in time."""
    deadline = CLOCK.now() + seconds
    pause = subprocess.Popen(["sleep", str(seconds)])  # something to wait on, with a time limit
    try:
        while not (found := condition()):
            assert CLOCK.now() < deadline, f"{what}: not within {seconds:g} s"
            try:
                pause.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        return found
    finally:
        pause.kill()
        pause.wait()


class FlightAndYamcs:
    """``ground export yamcs`` and ``flight run`` below ``folder``, secured when ``keys``."""

    def __init__(self, folder: Path, keys: bool) -> None:
        from yamcs.client import YamcsClient

        self.folder, self.keys = folder, keys
        self.node_port, self.tm_port = free_port(), free_port()
        self.web = free_port(socket.SOCK_STREAM)
        self.radio = Radio(self.node_port, self.tm_port)
        self.client = YamcsClient(f"127.0.0.1:{self.web}")
        self._commands: Any = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> FlightAndYamcs:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.radio.__enter__()
        try:
            self._configure()
            self._start_yamcs()
            self._start_node()
            self.processor = self.client.get_processor(INSTANCE, "realtime")
            self.archive = self.client.get_archive(INSTANCE)
            self._commands = self.processor.create_command_connection()
            wait_for(lambda: self.value("housekeeping/mode") == "NOMINAL", "nominal mode", START)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._commands is not None:
            self._commands.cancel()
        self.client.close()
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.radio.__exit__()

    def _configure(self) -> None:
        self.config = self.folder / "node.toml"
        self.config.write_text(
            f"seed = 1\n[link]\nspacecraft = {SPACECRAFT}\ncfdp_crc = false\n"
            f'[link.space]\nlisten = "127.0.0.1:{self.radio.ground_port}"\n'
            f'peer = "127.0.0.1:{self.tm_port}"\n'
            f'[executor]\npayload = "{CONFIGS / "payload"}"\n'
            f'[inference]\nmodels = "{CONFIGS / "models"}"\nactive = ["cloudnet-rgb"]\n'
            f'[governor]\nboard = "{CONFIGS / "boards" / "simulated.toml"}"\n'
            "[parameters.governor]\ncharge_limit = 0.6\ncharge_margin = 0.5\n"
        )
        words = ["export", "yamcs", str(self.folder / "yamcs"), "--config", str(self.config)]
        words += ["--web", str(self.web)]
        if self.keys:
            ground, self.node_keys = make_pair(self.folder / "keys", SPACECRAFT)
            words += ["--keys", str(ground)]
        subprocess.run([sys.executable, "-m", "ground", *words], cwd=ROOT, check=True)

    def _start(self, name: str, words: list[str], folder: Path) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    ["nice", "-n", "5", *words],
                    cwd=folder,
                    env=os.environ | {"PYTHONPATH": str(ROOT)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _start_node(self) -> None:
        words = [sys.executable, "-m", "flight", "run", "--dir", str(self.folder / "node")]
        words += ["--config", str(self.config), "--listen", f"127.0.0.1:{self.node_port}"]
        words += ["--peer", f"127.0.0.1:{self.radio.space_port}"]
        words += ["--keys", str(self.node_keys)] if self.keys else ["--insecure-dev"]
        self._start("node", words, ROOT)

    def _start_yamcs(self) -> None:
        from fprime_yamcs_bundle import LIB_DIR

        java = shutil.which("java")
        assert java is not None
        words = [java, "-Xmx512m", "-Djava.net.preferIPv4Stack=true", "-cp", f"{LIB_DIR}/*"]
        words += ["org.yamcs.YamcsServer", "--etc-dir", "etc", "--data-dir", "data"]
        words += ["--cache-dir", "cache", "--no-color"]
        self._start("yamcs", words, self.folder / "yamcs")
        wait_for(self._runs, "Yamcs", START)

    def _runs(self) -> bool:
        from yamcs.client import YamcsError

        log = (self.folder / "yamcs.log").read_text()
        assert self._processes[0].poll() is None, log[-6000:]
        try:
            found = [each for each in self.client.list_instances() if each.name == INSTANCE]
        except (YamcsError, OSError):
            return False
        state = found[0].state if found else ""
        assert state != "FAILED", log[-6000:]
        return bool(state == "RUNNING")

    # What an operator does.

    def latest(self, name: str) -> Any:
        """Newest value of a parameter with its times, or None."""
        return self.processor.get_parameter_value(f"/{INSTANCE}/{name}", from_cache=True)

    def value(self, name: str) -> Any:
        """Newest engineering value of a parameter, None when there is none."""
        found = self.latest(name)
        return None if found is None else found.eng_value

    def issue(self, command: str, /, **arguments: Any) -> Any:
        """Send a telecommand under COP-1; what Yamcs knows about it."""
        return self._commands.issue(f"/{INSTANCE}/{command}", args=arguments)

    def issue_bypass(self, command: str, /, **arguments: Any) -> Any:
        """Send a telecommand in a frame outside the sequence."""
        extra = {"cop1Bypass": True}
        return self._commands.issue(f"/{INSTANCE}/{command}", args=arguments, extra=extra)

    def complete(self, command: str, /, **arguments: Any) -> Any:
        """Send a telecommand and await its end; it must have succeeded."""
        issued = self.issue(command, **arguments)
        issued.await_complete(timeout=30)
        assert issued.is_success(), (issued.error, issued.acknowledgments)
        return issued

    def said(self, text: str) -> int:
        """How often a text is in Yamcs' log."""
        return (self.folder / "yamcs.log").read_text().count(text)

    def events(self) -> list[Any]:
        """Events in Yamcs' archive."""
        return list(self.archive.list_events())
