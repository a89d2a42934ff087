"""Node, station and emulator as processes under keys, with somebody else on the node's port."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flying_node import FlyingNode, flight

from flight.dictionary.commands import Ping, SetSafeMode
from flight.dictionary.enums import Mode, Reason, Stage
from flight.dictionary.security import LinkSecurity, LinkUnprotected
from flight.link import services
from flight.link.channels import Apid
from flight.link.pus import Telecommand
from flight.link.tc import TcFrame
from hil.bench.keys import make_pair
from hil.bench.local import Line, LocalBench

SPACECRAFT = 0xA5


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[LocalBench]:
    with LocalBench(tmp_path / "bench") as running:
        running.follow(lambda line: line["happening"] == "packet", 30, "first telemetry")
        yield running


def security(bench: LocalBench, **wanted: int) -> Line:
    """Wait until the node reports these values."""

    def reported(line: Line) -> bool:
        message = line.get("message", {})
        return line.get("packet") == "link.security" and all(
            message[name] >= value for name, value in wanted.items()
        )

    found: Line = bench.follow(reported, 30, f"link.security {wanted}")["message"]
    return found


def completed(bench: LocalBench, command: str, **arguments: str) -> None:
    request = bench.send(command, **arguments)
    line = bench.follow(
        lambda line: line.get("request") == request and line["stage"] in ("COMPLETED", "FAILED"),
        30,
        command,
    )
    assert line["stage"] == "COMPLETED"


def forged(number: int) -> bytes:
    """A telecommand to enter safe mode, by somebody who knows the dictionary and no key."""
    content = services.telecommand(SetSafeMode(True))
    packet = Telecommand(Apid.NODE, number, *content).pack()
    return TcFrame(SPACECRAFT, 0, 0, packet, bypass=True).pack()


def test_a_protected_node_takes_nothing_forged_or_replayed(bench: LocalBench) -> None:
    status = security(bench, epoch=1)
    assert status["secured"] is True
    assert (status["spi"], status["tag"], status["replay"], status["ahead"]) == (0, 0, 0, 0)
    completed(bench, "ping")
    node = ("127.0.0.1", bench.node_port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        for number in range(20):
            attacker.sendto(forged(number), node)
    assert security(bench, spi=20)["spi"] == 20
    bench.follow(lambda line: line.get("event") == "linkattacked", 30, "the alarm")
    completed(bench, "ping")  # the ground goes on
    assert bench.station_statistics()["secured"] is True


def test_an_unprotected_node_takes_what_anybody_sends(tmp_path: Path) -> None:
    """The damage, with the protection off."""
    with FlyingNode(tmp_path) as node:
        assert not node.newest(LinkSecurity).secured
        node.until(lambda: node.saw(LinkUnprotected), "the banner")
        node.transmit(forged(77))
        node.until(lambda: node.mode is Mode.SAFE, "safe mode by a forged telecommand")


def test_keys_rotate_over_the_link_and_outlive_restarts(bench: LocalBench) -> None:
    station = ("--dir", str(bench.station_dir))
    done = flight("ground", "key", "rotate", *station, "--json")
    assert done.returncode == 0, done.stderr
    new = json.loads(done.stdout)
    assert new["epoch"] == 2
    assert security(bench, epoch=2)["fingerprint"] == new["fingerprint"]
    bench.stop("node")
    bench.start_node()
    assert security(bench, epoch=2)["fingerprint"] == new["fingerprint"]
    completed(bench, "ping")
    done = flight("ground", "key", "revoke", "1", *station)
    assert done.returncode == 0, done.stderr
    done = flight("ground", "key", "revoke", "2", *station)
    assert done.returncode == 4
    assert "BUSY" in done.stderr
    listed = flight("ground", "key", "list", "--keys", str(bench.keys / "station"), "--json")
    states = [(each["epoch"], each["state"]) for each in json.loads(listed.stdout)["keys"]]
    assert states == [(1, "DESTROYED"), (2, "ACTIVE")]


def test_a_node_that_flies_without_keys_refuses_them(tmp_path: Path) -> None:
    from flight.dictionary.security import LoadKey

    with FlyingNode(tmp_path) as node:
        request = node.command(LoadKey(2, "00" * 40))
        assert node.outcome(request) == (Stage.FAILED, Reason.PERMISSION)
        assert node.outcome(node.command(Ping())) == (Stage.COMPLETED, Reason.NONE)


def test_a_damaged_keyring_is_refused_in_one_line(tmp_path: Path) -> None:
    _, keys = make_pair(tmp_path / "keys", SPACECRAFT)
    for ring in keys.glob("keyring~?"):
        ring.write_bytes(bytes(range(50)))
    refused = flight("flight", "run", "--keys", str(keys), "--dir", str(tmp_path / "node"))
    assert refused.returncode == 1
    assert refused.stderr.startswith("flight: refused: ")
    assert refused.stderr.count("\n") == 1
