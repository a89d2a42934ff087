"""Bad input to a flying node: one typed reason or one line each, and the node stays up."""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flying_node import CONFIGS, SPACECRAFT, FlyingNode, configuration, flight
from small_scenes import small_scene

from flight.dictionary.commands import Ping, RunTask, SetParameter
from flight.dictionary.enums import Level, Reason, Stage
from flight.dictionary.events import ModelQuarantined
from flight.dictionary.registry import item
from flight.link import services
from flight.link.channels import VirtualChannel
from flight.link.pus import Telecommand
from flight.link.tc import TcFrame

OPCODE = struct.Struct(">H")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlyingNode]:
    folder = tmp_path_factory.mktemp("flying")
    payload = folder / "payload"
    payload.mkdir()
    small_scene(payload / "good.npz")
    (payload / "truncated.npz").write_bytes((payload / "good.npz").read_bytes()[:500])
    np.savez(payload / "grey.npz", rgb=np.zeros((10, 10), np.uint8))
    with FlyingNode(folder, configuration(folder, payload=str(payload))) as flying:
        yield flying
    assert flying.leftovers() == []


def test_unknown_opcode_truncated_arguments_and_ranges(node: FlyingNode) -> None:
    run = services.telecommand(RunTask("cloud-mask", "good", Level.TMR))
    cases = [
        ((8, 1, OPCODE.pack(999)), Reason.UNKNOWN),
        ((99, 1, b""), Reason.UNKNOWN),
        ((8, 1, b""), Reason.FORMAT),
        ((8, 1, run[2][:-1]), Reason.FORMAT),
        ((8, 1, run[2].replace(b"\x03\x05\x00", b"\x09\x05\x00")), Reason.RANGE),
        ((8, 1, OPCODE.pack(7) + bytes(10)), Reason.UNKNOWN),  # on-board requests stay on board
    ]
    for packet, reason in cases:
        request = node.raw_command(*packet)
        assert node.outcome(request) == (Stage.FAILED, reason), packet
        assert not node.stages[request][0].accepted
    assert node.answers()


@pytest.mark.parametrize(
    ("scene", "program", "reason"),
    [
        ("nowhere", "cloud-mask", Reason.UNKNOWN),
        ("../good", "cloud-mask", Reason.UNKNOWN),
        ("good", "tea", Reason.UNKNOWN),
        ("truncated", "cloud-mask", Reason.CORRUPT),
        ("grey", "cloud-mask", Reason.FORMAT),
    ],
)
def test_unknown_or_corrupt_scene_or_program(
    node: FlyingNode, scene: str, program: str, reason: Reason
) -> None:
    assert node.outcome(node.run_task(scene, program=program)) == (Stage.FAILED, reason)
    assert node.answers()


def test_a_good_task_completes_beside_the_bad_ones(node: FlyingNode) -> None:
    assert node.outcome(node.run_task("good")) == (Stage.COMPLETED, Reason.NONE)


def test_parameters_are_checked(node: FlyingNode) -> None:
    for name, value, reason in (
        ("executor.redo_limit", 2.0, Reason.NONE),
        ("executor.redo_limit", 99.0, Reason.RANGE),
        ("executor.redo_limit", 2.5, Reason.RANGE),
    ):
        stage = Stage.FAILED if reason else Stage.COMPLETED
        assert node.outcome(node.command(SetParameter(name, value))) == (stage, reason), name


def test_a_repeated_telecommand_is_executed_once(node: FlyingNode) -> None:
    packet = Telecommand(100, 9000, *services.telecommand(RunTask("cloud-mask", "good"))).pack()
    node.transmit(node.frame(packet))
    request = Telecommand.unpack(packet).request_id
    assert node.outcome(request) == (Stage.COMPLETED, Reason.NONE)
    before = len(node.tasks)
    node.transmit(node.frame(packet))
    count = len(node.stages[request])
    node.until(lambda: len(node.stages[request]) > count, "the repeated report")
    assert node.answers()
    assert len(node.tasks) == before


def test_garbage_is_counted_to_the_last_datagram(node: FlyingNode) -> None:
    node.answers()
    node.until(lambda: node.unread()[0] == 0, "an empty socket")
    before = node.link
    generator = random.Random(11)
    # Built here, for none of them takes a number: the node accepts none.
    ping = Telecommand(100, 1, *services.telecommand(Ping())).pack()
    good = TcFrame(SPACECRAFT, VirtualChannel.COMMANDS, 0, ping).pack()
    foreign = TcFrame(0x33, VirtualChannel.COMMANDS, 0, b"packet").pack()
    count = 600
    for number in range(count):
        kind = number % 4
        if kind == 0:
            node.transmit(generator.randbytes(generator.randrange(1, 1400)))
        elif kind == 1:
            node.transmit(good[: generator.randrange(1, len(good))])
        elif kind == 2:
            node.transmit(good + b"junk")
        else:
            node.transmit(foreign)
        node.until(lambda: node.unread()[0] < 100_000, "room in the socket")

    def refused() -> int:
        now = node.link
        return (
            now.tc_garbage + now.tc_crc + now.tc_spacecraft
            - before.tc_garbage - before.tc_crc - before.tc_spacecraft
        )  # fmt: skip

    node.until(lambda: refused() >= count, f"{count} refusals")
    assert refused() == count
    assert node.link.tc_spacecraft - before.tc_spacecraft == count // 4
    assert node.answers()


def test_a_corrupt_model_is_quarantined_and_the_node_flies(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(CONFIGS / "models", models)
    damaged = bytearray((models / "cloudnet-rgb" / "model.onnx").read_bytes())
    damaged[400_000] ^= 1
    (models / "cloudnet-rgb" / "model.onnx").write_bytes(damaged)
    with FlyingNode(tmp_path, configuration(tmp_path, models=str(models))) as flying:
        request = flying.run_task("bahamas")
        assert flying.outcome(request)[0] is Stage.FAILED
        assert flying.saw(ModelQuarantined, model="cloudnet-rgb")
        assert flying.answers()


def test_a_second_node_and_a_busy_port_get_one_line(node: FlyingNode, tmp_path: Path) -> None:
    second = flight("flight", "run", "--insecure-dev", "--dir", str(node.state))
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert "another node" in second.stderr
    busy = flight(
        "flight", "run", "--insecure-dev", "--dir", str(tmp_path / "other"),
        "--listen", f"127.0.0.1:{node.address[1]}",
    )  # fmt: skip
    assert busy.returncode == 1
    assert str(node.address[1]) in busy.stderr
    assert "Traceback" not in busy.stderr
    assert node.answers()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("[parameters.executor]\nredo_limit = 99\n", "redo_limit"),
        ("[parameters.executor]\nredo = 1\n", "redo"),
        ("[parameters.kitchen]\nsink = 1\n", "kitchen"),
        ("not toml", "node.toml"),
    ],
)
def test_a_wrong_configuration_gets_one_line(tmp_path: Path, line: str, word: str) -> None:
    path = configuration(tmp_path)
    path.write_text(path.read_text().partition("[parameters")[0] + line)
    done = flight(
        "flight", "run", "--insecure-dev", "--dir", str(tmp_path / "node"), "--config", str(path)
    )
    assert done.returncode in (1, 2)
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 2


def test_an_unusable_state_directory_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = flight("flight", "run", "--insecure-dev", "--dir", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_ground_refuses_before_it_sends(tmp_path: Path) -> None:
    assert item(Ping).name == "ping"
    for words, code in (
        (("cmd", "send", "pnig"), 3),
        (("cmd", "send", "task.cancel", "task=many"), 3),
        (("cmd", "sned", "ping"), 2),
        (("task", "status"), 6),
    ):
        done = flight("ground", *words, "--dir", str(tmp_path))
        assert done.returncode == code, done.stderr
        assert done.stderr.count("\n") == 1
