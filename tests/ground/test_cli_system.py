"""Station, emulator, node double and command line as real processes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import node_double
import pytest
from PIL import Image

from ground.__main__ import main
from ground.jsonlines import ControlClient
from ground.products.render import Layout

DEADLINE = 30.0
ROOT = Path(__file__).parents[2]
GROUND = [sys.executable, "-m", "ground"]
BANNER = "ground: THE LINK IS NOT PROTECTED (--insecure-dev)\n"
LINK = """
[up]
rate = 1e6
delay = 0.01
ber = 1e-5
[down]
rate = 4e6
delay = 0.01
ber = 1e-5
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(words: list[str], ready: str) -> subprocess.Popen[str]:
    """Start a process and wait for its first line."""
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found, _, _ = select.select([process.stdout], [], [], DEADLINE)
    line = process.stdout.readline() if found else "nothing"
    assert line == ready + "\n", (line, process.stderr)
    return process


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    """Stop a process; return its exit code and stderr."""
    if process.poll() is None:
        process.send_signal(number)
    _, errors = process.communicate(timeout=DEADLINE)
    return process.returncode, errors


class Site:
    """A station directory and the processes around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "station"
        self.control = folder / "emu.sock"
        self.link = folder / "link.toml"
        self.link.write_text(LINK)
        ports = ("node_up", "station_down", "emu_up", "emu_down")
        self.port = {name: free_port() for name in ports}
        self.running: list[subprocess.Popen[str]] = []

    def emulator(self) -> subprocess.Popen[str]:
        port = self.port
        words = [
            *(*GROUND, "emu", "run", str(self.link), "--control", str(self.control)),
            *("--up-listen", str(port["emu_up"]), "--up-to", str(port["node_up"])),
            *("--down-listen", str(port["emu_down"]), "--down-to", str(port["station_down"])),
        ]
        self.running.append(launch(words, "emulator ready"))
        return self.running[-1]

    def node(self, *more: str) -> subprocess.Popen[str]:
        words = [sys.executable, node_double.__file__, "--listen", str(self.port["node_up"])]
        words += ["--to", str(self.port["emu_down"]), *more]
        self.running.append(launch(words, "node ready"))
        return self.running[-1]

    def station_words(self) -> list[str]:
        listen, node = str(self.port["station_down"]), f"127.0.0.1:{self.port['emu_up']}"
        words = [*GROUND, "station", "--insecure-dev", "--listen", listen, "--node", node]
        return [*words, "--dir", str(self.folder), "--link", str(self.link)]

    def station(self) -> subprocess.Popen[str]:
        self.running.append(launch(self.station_words(), "station ready"))
        return self.running[-1]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command line in this process: the same code, without the interpreter's start."""
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = main([*words, *([] if words[0] == "station" else ["--dir", str(self.folder)])])
        return subprocess.CompletedProcess(words, code, out.getvalue(), errors.getvalue())

    def link_up(self) -> bool:
        with ControlClient(self.folder / "control.sock") as client:
            return bool(client.request({"verb": "status"})["link"])

    def until(self, done: Callable[[], bool]) -> None:
        limit = time.monotonic() + DEADLINE
        while not done():
            assert time.monotonic() < limit


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for process in made.running:
        end(process, signal.SIGKILL)


def refusal(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line of a refusal."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("ground: ")
    return done.stderr


def test_pass_from_command_to_picture(site: Site, tmp_path: Path) -> None:
    site.emulator()
    site.node()
    station = site.station()

    done = subprocess.run(
        [*GROUND, "cmd", "send", "ping", "--wait", "COMPLETED", "--json"],
        cwd=ROOT,
        env=os.environ | {"TARDIGRADE_STATION": str(site.folder)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["stage"] == "COMPLETED"
    assert [each["stage"] for each in answer["stages"]][:3] == ["QUEUED", "RELEASED", "SENT"]

    done = site.run("task", "submit", "cloudmask", "demo", "--level", "tmr", "--wait", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["product"]["verdict"] == "verified"
    assert answer["product"]["product"]["request"] == answer["request"]

    done = site.run("task", "status", "--json")
    assert [(each["state"], each["level"]) for each in json.loads(done.stdout)] == [
        ("COMPLETED", "TMR")
    ]
    assert "COMPLETED" in site.run("task", "status", "1").stdout

    history = json.loads(site.run("cmd", "history", "--json").stdout)
    assert [each["name"] for each in history] == ["task.run", "ping"]
    assert history[0]["stages"][-1]["stage"] == "COMPLETED"
    assert "task.run program=cloudmask" in site.run("cmd", "history").stdout

    scene, picture = tmp_path / "scene.npz", tmp_path / "out.png"
    scene.write_bytes(node_double.scene())
    done = site.run(
        *("file", "get", "--latest", "--out", str(tmp_path / "copy"), "--json"),
        *("--render", str(picture), "--scene", str(scene)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert record["name"] == node_double.PRODUCT
    data = node_double.product(answer["request"], node_double.Level.TMR)
    assert (tmp_path / "copy").read_bytes() == Path(record["path"]).read_bytes() == data
    with Image.open(picture) as image:
        assert image.size == Layout(40, 50).size

    lines = site.run("tlm", "watch", "--count", "2", "--json").stdout.splitlines()
    assert {json.loads(line)["happening"] for line in lines} <= {"packet", "event"}
    lines = site.run("tlm", "watch", "--count", "1").stdout.splitlines()
    assert len(lines) == 1
    assert all(" housekeeping " in line or " command.ledger " in line for line in lines)

    Path(record["path"]).write_bytes(data[:-1] + b"x")
    assert "SHA-256 differs" in refusal(site.run("file", "get", "--latest"), 1)
    assert end(station) == (0, BANNER)


def test_outcomes_have_their_exit_codes(site: Site) -> None:
    site.emulator()
    node = site.node("--mute")
    site.station()
    wait = ("--wait", "ACCEPTED", "--timeout", "0.5")
    site.until(lambda: site.run("cmd", "send", "ping", "--wait", "SENT").returncode == 0)
    assert "no answer within 0.5 s" in refusal(site.run("cmd", "send", "ping", *wait), 5)
    end(node, signal.SIGKILL)

    node = site.node("--refuse", "BUDGET")
    done = site.run("cmd", "send", "ping", "--wait", "COMPLETED")
    assert "ping failed on board: BUDGET" in refusal(done, 4)
    assert "FAILED (BUDGET)" in done.stdout
    end(node, signal.SIGKILL)
    node = site.node("--refuse", "MODE")
    refusal(site.run("cmd", "send", "ping", "--wait", "COMPLETED"), 7)
    end(node, signal.SIGKILL)

    site.until(lambda: not site.link_up())
    assert "link down" in site.run("cmd", "send", "ping").stdout
    assert "link down for 0.5 s" in refusal(site.run("cmd", "send", "ping", *wait), 6)


def test_only_a_safe_telecommand_that_bypasses_goes_to_a_node_that_is_not_heard(site: Site) -> None:
    site.station()
    ping = ("cmd", "send", "ping", "--wait", "SENT", "--timeout", "2")
    assert "link down" in refusal(site.run(*ping), 6)
    done = site.run(*ping, "--bypass")
    assert done.returncode == 0, done.stderr
    enabled = site.run("cmd", "send", "schedule.enable", "--bypass")
    assert "only safe telecommands bypass it" in refusal(enabled, 3)
    later = site.run("cmd", "send", "ping", "--bypass", "--at", "2999-01-01T00:00:00")
    assert "goes in sequence" in refusal(later, 3)


def test_second_station_and_busy_port_are_refused(site: Site, tmp_path: Path) -> None:
    station = site.station()
    words = site.station_words()[3:]
    line = refusal(site.run(*words), 6)
    assert line == f"ground: station {station.pid} already runs on {site.folder}\n"
    other = [str(tmp_path / "other") if word == str(site.folder) else word for word in words]
    port = site.port["station_down"]
    assert refusal(site.run(*other), 6) == f"ground: UDP port 127.0.0.1:{port} is in use\n"
    end(station, signal.SIGKILL)
    assert end(site.station()) == (0, BANNER)


def stages_of(site: Site, request: int) -> list[str]:
    done = site.run("cmd", "status", hex(request), "--json")
    return [each["stage"] for each in json.loads(done.stdout)["stages"]]


def test_telecommands_wait_through_the_death_of_the_station(site: Site) -> None:
    site.emulator()
    station = site.station()
    kept, withdrawn, late = (
        json.loads(site.run("cmd", "send", "ping", "--json").stdout)["request"] for _ in range(3)
    )
    end(station, signal.SIGKILL)
    site.station()
    assert stages_of(site, kept) == ["QUEUED"]
    assert site.run("cmd", "cancel", hex(withdrawn)).returncode == 0
    assert "does not wait for the link" in refusal(site.run("cmd", "cancel", hex(withdrawn)), 3)
    site.node()
    done = site.run("cmd", "send", "ping", "--wait", "COMPLETED", "--json")
    assert done.returncode == 0, done.stderr
    for request in (kept, late):  # sent before the new one, under the ids that they had
        assert stages_of(site, request)[-1] == "COMPLETED"
    assert stages_of(site, withdrawn) == ["QUEUED", "FAILED"]
    assert "(CANCELLED)" in site.run("cmd", "status", hex(withdrawn)).stdout
    assert site.run("cmd", "status", hex(withdrawn)).returncode == 4
    assert json.loads(done.stdout)["request"] == late + 1
    refusal(site.run("cmd", "status", "0x1"), 1)


def test_what_was_sent_is_sent_again_by_the_next_station(site: Site) -> None:
    """The node never heard it, and the station that sent it was killed before it noticed."""
    site.emulator()
    mute = site.node("--mute")
    station = site.station()
    site.until(lambda: site.run("cmd", "send", "ping", "--wait", "SENT").returncode == 0)
    request = json.loads(site.run("cmd", "history", "--json").stdout)[0]["request"]
    end(station, signal.SIGKILL)
    end(mute, signal.SIGKILL)
    site.node()
    site.station()
    site.until(lambda: stages_of(site, request)[-1] == "COMPLETED")
