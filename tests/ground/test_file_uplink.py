"""Files up: station and the node's receiver through two noisy channels, in virtual time."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
from memory_files import Records
from node_double import NodeDouble
from world import STEP, World

from flight.dictionary.commands import Ping
from flight.dictionary.enums import Reason, Stage
from flight.link.staging import LARGEST, Staging, staged
from flight.runtime.store import MemoryStore
from ground.station.filedesk import LIMIT
from ground.station.happenings import FileUplink, LinkChanged, PacketReceived

DATA = random.Random(9).randbytes(200_000)


class Node(NodeDouble):
    """A node double that takes files into the staging place of flight."""

    def __init__(self, folder: Path, deaf: bool = False, records: Records | None = None) -> None:
        self.store = MemoryStore(folder)
        self.staging = Staging(self.store)
        super().__init__(files=self.staging, records=records)
        self.engine.restore(lambda name: None, 0.0)
        self._deaf = deaf

    def _file_pdu(self, raw: bytes, now: float) -> None:
        if not self._deaf:
            super()._file_pdu(raw, now)

    def file(self, name: str) -> bytes | None:
        path = self.store.path(staged(name))
        return path.read_bytes() if path.exists() else None


def world_of(folder: Path, ber: float = 0.0, node: Node | None = None) -> tuple[World, Node]:
    node = node or Node(folder / "node")
    world = World(folder, ber, node)
    world.run(lambda: bool(world.of(PacketReceived)))
    return world, node


def outcomes(world: World) -> list[str]:
    return [each.outcome for each in world.of(FileUplink) if each.outcome]  # type: ignore[attr-defined]


def quiet(node: Node) -> bool:
    """No transaction is left open on board."""
    return not node.engine.progress()


@pytest.mark.parametrize("ber", [0.0, 1e-5, 1e-4])
def test_a_file_arrives_identical(tmp_path: Path, ber: float) -> None:
    world, node = world_of(tmp_path, ber)
    number = world.put("scene.bin", DATA)
    began = world.now
    world.run(lambda: bool(outcomes(world)), 30.0)
    assert node.file("scene.bin") == DATA
    assert outcomes(world) == ["NO_ERROR"]
    told = [each for each in world.of(FileUplink) if isinstance(each, FileUplink)]
    assert {each.transaction for each in told} == {number}
    assert [each.sent for each in told] == sorted(each.sent for each in told)
    size, resent = len(DATA), told[-1].resent
    assert told[-1] == FileUplink(number, "scene.bin", size, size, "NO_ERROR", resent)
    assert (resent > 0) == (ber > 0)
    rates = [each.rate for each in told if each.rate]
    assert 0.4e6 / 8 < min(rates) <= max(rates) < 1e6 / 8
    assert len(told) > 4, "progress on the way"
    # Frames of 628 octets at 1 Mbit/s; a frame is lost with 1 - (1 - ber)**(8 * 628).
    ideal = len(DATA) / 592 * 628 * 8 / 1e6 / (1 - ber) ** (8 * 628)
    assert ideal <= world.now - began < 2 * ideal + 0.6
    assert (world.up.counters["flipped_frames"] > 0) == (ber > 0)
    world.run(lambda: quiet(node), 5.0)


@pytest.mark.parametrize("both", [False, True])
def test_an_outage_of_3_s_costs_3_s(tmp_path: Path, both: bool) -> None:
    world, node = world_of(tmp_path, 1e-5)
    world.put("scene.bin", DATA)
    began = world.now
    world.wait(0.7)
    for channel in (world.up, world.down) if both else (world.up,):
        channel.outage(world.now, 3.0)
    world.run(lambda: bool(outcomes(world)), 30.0)
    assert node.file("scene.bin") == DATA
    assert world.up.counters["dropped_outage"] > 0
    assert world.now - began < 3.0 + 3.0


def test_a_loss_of_signal_stops_the_timers(tmp_path: Path) -> None:
    world, node = world_of(tmp_path)
    world.put("scene.bin", DATA)
    world.wait(0.7)
    for channel in (world.up, world.down):
        channel.outage(world.now, 400.0)
    world.wait(5.0)
    before = world.up.counters["offered"]
    world.tick += round(390 / STEP)  # nothing moves meanwhile
    world.wait(1.0)
    assert world.of(LinkChanged)[-1] == LinkChanged(False)
    assert world.up.counters["offered"] == before, "it sends while nobody hears"
    assert outcomes(world) == []
    world.run(lambda: bool(outcomes(world)), 10.0)
    assert node.file("scene.bin") == DATA


def test_telecommands_go_before_files(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path)
    warm = world.session.send_command(Ping())
    world.run(lambda: world.reached(warm, Stage.COMPLETED))
    world.put("scene.bin", DATA)
    world.wait(0.5)
    began = world.now
    request = world.session.send_command(Ping())
    world.run(lambda: world.reached(request, Stage.COMPLETED))
    assert not outcomes(world), "the file is still on its way"
    assert world.now - began < 0.2


def test_files_go_up_one_after_the_other(tmp_path: Path) -> None:
    world, node = world_of(tmp_path, 1e-4)
    files = {f"part-{number}": DATA[: 3000 * number] for number in range(6)}
    for name, data in files.items():
        world.put(name, data)
    world.run(lambda: len(outcomes(world)) == len(files), 60.0)
    assert outcomes(world) == ["NO_ERROR"] * len(files)
    assert {name: node.file(name) for name in files} == files
    world.run(lambda: quiet(node), 5.0)


def test_both_directions_at_once(tmp_path: Path) -> None:
    world, node = world_of(tmp_path, 1e-5)
    node.downlink_file("down.bin", DATA)
    world.put("up.bin", DATA)
    down = tmp_path / "inbox" / "down.bin"
    world.run(lambda: bool(outcomes(world)) and down.exists(), 30.0)
    assert node.file("up.bin") == DATA
    assert down.read_bytes() == DATA


def test_a_rebooted_node_goes_on_from_its_disk(tmp_path: Path) -> None:
    world, node = world_of(tmp_path, 1e-5)
    world.put("scene.bin", DATA)
    world.wait(1.3)
    before = node.engine.progress()[0].done
    sent = world.up.counters["octets"]
    assert before > len(DATA) // 4
    world.node = again = Node(tmp_path / "node", records=node.records)
    world.run(lambda: bool(outcomes(world)), 60.0)
    assert outcomes(world) == ["NO_ERROR"]
    assert again.file("scene.bin") == DATA
    assert world.up.counters["octets"] - sent < 1.5 * len(DATA), "what it had comes again"


def test_a_node_that_lost_its_disk_gets_the_whole_file(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path, 1e-5)
    world.put("scene.bin", DATA)
    world.wait(0.7)
    world.node = again = Node(tmp_path / "other")
    world.run(lambda: bool(outcomes(world)), 60.0)
    assert outcomes(world) == ["NO_ERROR"]
    assert again.file("scene.bin") == DATA


def test_a_restarted_station_goes_on_where_it_was(tmp_path: Path) -> None:
    world, node = world_of(tmp_path)
    number = world.put("scene.bin", DATA)
    world.wait(1.5)  # what was sent is written down each second
    (tmp_path / "to-send").unlink()  # the station has its own copy
    sent = world.up.counters["octets"]
    world.restart_station(300)
    world.run(lambda: bool(outcomes(world)), 30.0)
    assert node.file("scene.bin") == DATA
    last = world.of(FileUplink)[-1]
    assert isinstance(last, FileUplink)
    assert last.transaction == number
    assert world.up.counters["octets"] - sent < 0.8 * len(DATA)
    world.wait(3.0)
    world.files.tidy()
    assert list((tmp_path / "outgoing").iterdir()) == []


def test_a_node_that_takes_no_files_is_never_a_failure(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path, node=Node(tmp_path / "node", deaf=True))
    world.put("a", b"a")
    world.wait(60.0)
    assert outcomes(world) == []
    (state,) = world.files.find("a")
    world.files.engine.cancel(state.id, world.now)
    world.wait(1.0)
    assert world.files.find("a")  # nobody has heard of it
    world.node._deaf = False  # type: ignore[attr-defined]
    world.run(lambda: bool(outcomes(world)), 60.0)
    assert outcomes(world) == ["CANCEL_REQUEST_RECEIVED"]


def test_a_higher_priority_goes_first(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path)
    world.put("slow", DATA, priority=1)
    world.wait(0.3)
    world.put("urgent", DATA[:20_000], priority=7)
    world.run(lambda: len(outcomes(world)) == 2, 30.0)
    ended = [e.name for e in world.of(FileUplink) if isinstance(e, FileUplink) and e.outcome]
    assert ended == ["urgent", "slow"]


def test_a_file_is_held_and_goes_on(tmp_path: Path) -> None:
    world, node = world_of(tmp_path)
    world.put("scene.bin", DATA)
    world.wait(0.5)
    (state,) = world.files.find("scene.bin")
    world.files.engine.suspend(state.id, world.now)
    world.wait(0.5)
    before = world.up.counters["offered"]
    world.wait(30.0)
    assert world.up.counters["offered"] - before < 20
    world.files.engine.resume(state.id, world.now)
    world.run(lambda: bool(outcomes(world)), 10.0)
    assert node.file("scene.bin") == DATA


def test_no_room_on_board_is_a_refusal_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, node = world_of(tmp_path)
    world.put("a", b"old")
    world.run(lambda: len(outcomes(world)) == 1, 10.0)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    world.put("a", b"new")
    world.run(lambda: len(outcomes(world)) == 2, 10.0)
    assert outcomes(world) == ["NO_ERROR", "FILESTORE_REJECTION"]
    assert [(each.name, each.reason) for each in node.staging.refusals] == [("a", Reason.NO_SPACE)]
    assert node.file("a") == b"old"
    assert not list((tmp_path / "node").rglob(".part-*"))


def test_the_ground_refuses_what_no_node_takes(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path)
    for name in ("../a", "a/b", ".a", "", "a\0", "x" * 65):
        with pytest.raises(ValueError, match="no name for a file"):
            world.put(name, b"")
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(ValueError, match="at most"):
        world.files.put(big, "a", 0, acknowledged=True)
    for number in range(LIMIT):
        world.put(f"a{number}", b"")
    with pytest.raises(ValueError):
        world.put("b", b"")
    assert len(list((tmp_path / "outgoing").iterdir())) == LIMIT
