"""The emulator as a real process between real sockets."""

from __future__ import annotations

import json
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DEADLINE = 20.0
LINK = """
[up]
{more}rate = 8e6
delay = 0.02
ber = {ber}
queue = 10_000_000
[down]
rate = 8e6
delay = 0.0
ber = 0.0
queue = 10_000_000
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def node() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(DEADLINE)
        yield bound


class Emulator:
    """A running ``ground emu run`` and a socket that plays the station."""

    def __init__(self, folder: Path, node: socket.socket, ber: float, seed: int, more: str) -> None:
        link = folder / "link.toml"
        link.write_text(LINK.format(ber=ber, more=more))
        self.up, self.down = free_port(), free_port()
        self.control = folder / "emu.sock"
        self.report = folder / "report.json"
        self.trace = folder / "trace.jsonl"
        self.words = [
            *(sys.executable, "-m", "ground", "emu", "run", str(link), "--seed", str(seed)),
            *("--up-listen", str(self.up), "--up-to", str(node.getsockname()[1])),
            *("--down-listen", str(self.down), "--down-to", str(free_port())),
            *("--control", str(self.control), "--report", str(self.report)),
            *("--trace", str(self.trace)),
        ]
        self.process = subprocess.Popen(
            self.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE)
        assert ready
        assert self.process.stdout.readline() == "emulator ready\n"

    def ask(self, line: bytes) -> dict[str, object]:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(DEADLINE)
            control.connect(str(self.control))
            control.sendall(line + b"\n")
            return json.loads(control.makefile().readline())

    def wait_for(self, name: str, count: int) -> None:
        limit = time.monotonic() + DEADLINE
        while self.ask(b'{"counters": true}')["up"][name] < count:
            assert time.monotonic() < limit, f"{name} never reached {count}"

    def stop(self) -> dict[str, dict[str, int]]:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=DEADLINE)
        assert (self.process.returncode, errors) == (0, "")
        return json.loads(self.report.read_text())


@pytest.fixture
def emulators(tmp_path: Path, node: socket.socket) -> Iterator[object]:
    started: list[Emulator] = []

    def start(ber: float = 0.0, seed: int = 1, more: str = "") -> Emulator:
        started.append(Emulator(tmp_path, node, ber, seed, more))
        return started[-1]

    yield start
    for emulator in started:
        emulator.process.kill()
        emulator.process.communicate()


def transmit(emulator: Emulator, frames: list[bytes]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as station:
        for frame in frames:
            station.sendto(frame, ("127.0.0.1", emulator.up))


def test_frames_arrive_delayed_unharmed_in_order(emulators, node) -> None:
    emulator = emulators()
    wrong = (b"", b"junk", b"[]", b"\xff", b'{"outage": -1}', b'{"outage": "x"}', b"7" * 100_000)
    for line in (*wrong, b'{"counters": 0}'):
        assert emulator.ask(line)["ok"] is False, line[:20]
    frames = [random.Random(i).randbytes(200) for i in range(50)]
    start = time.monotonic()
    transmit(emulator, frames)
    assert [node.recv(2048) for _ in frames] == frames
    assert time.monotonic() - start >= 0.02 + 50 * 200 * 8 / 8e6
    report = emulator.stop()
    assert report["up"]["delivered"] == report["up"]["offered"] == 50
    assert report["up"]["octets"] == 10_000
    assert report["down"]["offered"] == 0
    assert not emulator.control.exists()


def test_bits_flip_on_the_way_and_the_report_knows_how_many(emulators, node) -> None:
    emulator = emulators(ber=1e-3)
    frames = [bytes(500)] * 60
    transmit(emulator, frames)
    flips = sum(int.from_bytes(node.recv(2048)).bit_count() for _ in frames)
    assert flips == emulator.stop()["up"]["flipped_bits"] > 0


def test_outage_is_taken_from_the_command_line_and_ends(emulators, node) -> None:
    emulator = emulators()
    words = [sys.executable, "-m", "ground", "emu", "outage", "30", "--control"]
    done = subprocess.run([*words, str(emulator.control)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "outage of 30 s started\n")
    transmit(emulator, [b"lost"])
    emulator.wait_for("dropped_outage", 1)
    assert emulator.stop()["up"]["delivered"] == 0
    emulator = emulators()
    assert emulator.ask(b'{"outage": 0.001}')["ok"]
    limit = time.monotonic() + DEADLINE
    while emulator.ask(b'{"counters": true}')["up"]["delivered"] == 0:
        transmit(emulator, [b"again"])
        assert time.monotonic() < limit
    assert node.recv(100) == b"again"


def test_what_is_in_use_is_refused_and_a_dead_socket_replaced(emulators) -> None:
    first = emulators()
    words = list(first.words)
    words[words.index(str(first.control))] += "2"
    second = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE)
    assert second.returncode == 6
    assert second.stderr == f"ground: UDP port 127.0.0.1:{first.up} is in use\n"
    words = list(first.words)
    words[words.index(str(first.up))] = str(free_port())
    words[words.index(str(first.down))] = str(free_port())
    second = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE)
    assert second.returncode == 6
    assert second.stderr == f"ground: control socket {first.control} is in use\n"
    first.process.kill()
    first.process.wait()
    assert first.control.exists()
    assert emulators().ask(b'{"counters": true}')["ok"] is True


def test_an_attack_and_a_change_by_hand_come_out_again_from_the_trace(emulators, node) -> None:
    emulator = emulators()

    def emu(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "ground", "emu", *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=DEADLINE)

    control = ("--control", str(emulator.control))
    assert emu("set", "--ber", "1e-2", "--delay", "0.001", *control).returncode == 0
    assert emu("attack", "garble", "0.5", *control).stdout == "garble 0.5\n"
    assert emu("set", "--rate", "-1", *control).returncode != 0
    assert emulator.ask(b'{"set": "queue", "value": 1}')["ok"] is False
    transmit(emulator, [bytes(300)] * 40)
    got = [node.recv(2048) for _ in range(40)]
    report = emulator.stop()
    assert any(any(frame) for frame in got)
    assert report["up"]["garbled"] > 0
    assert report["up"]["flipped_bits"] > 0
    assert emu("replay", str(emulator.trace)).stdout == "40 frames came out again, bit for bit\n"


def test_frames_of_a_file_are_sent_as_they_are(emulators, node, tmp_path: Path) -> None:
    emulator = emulators()

    def emu(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "ground", "emu", *words, "--control", str(emulator.control)]
        return subprocess.run(line, capture_output=True, text=True, timeout=DEADLINE)

    forged = tmp_path / "forged.hex"
    forged.write_text("# two frames\n20 53 ff\n\nc0ffee  # and one more\n")
    assert emu("attack", "send", str(forged)).stdout == "2 frames sent up\n"
    assert [node.recv(2048), node.recv(2048)] == [b"\x20\x53\xff", b"\xc0\xff\xee"]
    assert emu("attack", "send", str(forged), "--way", "down").returncode == 0
    forged.write_text("20 5")
    failed = emu("attack", "send", str(forged))
    assert (failed.returncode, "line 1" in failed.stderr) == (2, True)
    failed = emu("attack", "send", str(tmp_path / "gone"))
    assert (failed.returncode, "gone" in failed.stderr) == (2, True)
    assert emu("attack", "inject", "many").returncode == 2
    assert emulator.ask(b'{"inject": "xyz", "way": "up"}')["ok"] is False
    assert emulator.ask(b'{"inject": "00", "way": "sideways"}')["ok"] is False
    counts = emulator.stop()
    assert counts["up"]["injected"] == counts["down"]["injected"] == 2
    assert emu("replay", str(emulator.trace)).returncode == 2  # takes no --control
    line = [sys.executable, "-m", "ground", "emu", "replay", str(emulator.trace)]
    assert subprocess.run(line, capture_output=True, timeout=DEADLINE).returncode == 0


def test_an_idle_link_is_attacked_in_the_direction_that_was_asked_for(emulators, node) -> None:
    emulator = emulators()

    def attack(*words: str) -> int:
        line = [sys.executable, "-m", "ground", "emu", "attack", *words]
        line += ["--control", str(emulator.control)]
        return subprocess.run(line, capture_output=True, timeout=DEADLINE).returncode

    assert attack("inject", "200", "--way", "up") == 0
    assert all(len(node.recv(2048)) == 200 for _ in range(20))
    assert emulator.ask(b'{"counters": true}')["down"]["injected"] == 0
    assert attack("inject", "0") == 0
    counts = emulator.stop()
    assert counts["up"]["injected"] == counts["up"]["delivered"] >= 20
    assert (counts["up"]["offered"], counts["down"]["injected"]) == (0, 0)
    line = [sys.executable, "-m", "ground", "emu", "replay", str(emulator.trace)]
    assert subprocess.run(line, capture_output=True, timeout=DEADLINE).returncode == 0


def test_what_the_file_of_the_link_injects_comes_from_the_beginning(emulators, node) -> None:
    emulator = emulators(more="inject = 100.0\n")
    assert all(node.recv(2048) for _ in range(10))
    assert emulator.stop()["up"]["offered"] == 0


def test_back_pressure_is_seen_while_it_lasts(emulators, node) -> None:
    emulator = emulators()
    assert emulator.ask(b'{"set": "rate", "value": 8000, "way": "up"}')["ok"]
    pressure = []
    for number in range(1, 151):  # 9 of the 10 MB that fit; it would take hours to send them
        transmit(emulator, [bytes(60_000)])
        emulator.wait_for("offered", number)
        counts = emulator.ask(b'{"counters": true}')
        pressure.append(counts["up"]["pressure"])
    assert 8_900_000 < counts["up"]["queued"] <= 9_000_000
    assert pressure == [0] * 124 + [1] * 26 or pressure == [0] * 125 + [1] * 25
    assert counts["down"]["pressure"] == 0
    assert emulator.ask(b'{"set": "ebn0", "value": 9}')["ok"] is False
    assert emulator.ask(b'{"set": "ber", "value": 0, "way": "across"}')["ok"] is False
