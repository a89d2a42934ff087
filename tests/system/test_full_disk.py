"""A node whose disk is full: it stays in command, says so, and goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flying_node import FlyingNode, configuration
from small_scenes import small_scene

from flight.dictionary.commands import SetParameter
from flight.dictionary.enums import Level, Reason, Stage
from flight.dictionary.events import (
    CommandRefused,
    ModelActive,
    ProcessReady,
    TaskStarted,
    WriteFailed,
)
from flight.dictionary.product import decode_product
from flight.dictionary.telemetry import Housekeeping
from flight.runtime.journal import read, segments
from flight.runtime.store import FileStore

SIZE = "32m"
FULL = "No space left on device"
REFUSED, DONE = (Stage.FAILED, Reason.NO_SPACE), (Stage.COMPLETED, Reason.NONE)


class Disk:
    """A small file system of its own, filled up and emptied again."""

    def __init__(self, root: Path) -> None:
        self.state = root / "node"
        self._filling = root / "filling"

    def fill(self) -> None:
        """Take what room there is, to the last page."""
        fd = os.open(self._filling, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for block in (bytes(1 << 20), bytes(1 << 12)):
                with suppress(OSError):
                    while True:
                        os.write(fd, block)
        finally:
            os.close(fd)

    def kept_full(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        """The condition; while it is waited for, room that was given back is taken again."""

        def fill_and_look() -> bool:
            self.fill()
            return condition()

        return fill_and_look

    def free(self) -> None:
        """Give the room back."""
        self._filling.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "disk"
    root.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(root)]
    mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield Disk(root)
    subprocess.run(["umount", str(root)], check=True)


def assert_whole(state: Path) -> None:
    """Every file that was written is whole, and nothing that was begun lies about."""
    assert not list(state.rglob("*.tmp"))
    store = FileStore(state)
    for name in store.names():
        files = list(state.glob(f"{name}~[01]"))
        assert len(store.generations(name)) == len(files), name
    for path in segments(state / "recorder"):
        scan = read(path)
        assert list(scan)
        assert (scan.skipped, scan.lost) == (0, 0), path
    for path in (state / "products").glob("*~0"):
        data = store.read(f"products/{path.name.removesuffix('~0')}")
        assert data is not None
        assert decode_product(data)


def test_a_full_disk_refuses_tasks_and_leaves_the_node_in_command(
    tmp_path: Path, disk: Disk
) -> None:
    small_scene(tmp_path / "small.npz")
    config = configuration(tmp_path, payload=str(tmp_path))
    config.write_text(config.read_text() + "[parameters.health]\nhousekeeping_period = 0.2\n")
    with FlyingNode(tmp_path, config, state=disk.state) as node:
        node.until(lambda: node.saw(ModelActive), "the model")
        node.until(disk.kept_full(lambda: node.saw(WriteFailed, name="recorder")), "the refusal")
        before = node.newest(Housekeeping).sequence
        for _ in range(3):
            request = node.run_task("small")
            assert node.outcome(request) == REFUSED
            assert not node.stages[request][0].accepted
        node.until(lambda: node.saw(CommandRefused, request=request), "the event")
        assert node.outcome(node.command(SetParameter("executor.redo_limit", 2.0))) == REFUSED
        assert node.answers()
        node.until(lambda: node.newest(Housekeeping).sequence > before + 1, "housekeeping")
        told = [each.event for each in node.events if isinstance(each.event, WriteFailed)]
        assert sorted(told, key=lambda event: event.name) == [
            WriteFailed("command ledger", FULL), WriteFailed("recorder", FULL)
        ]  # fmt: skip
        assert not node.tasks
        disk.free()
        recorded = node.newest(Housekeeping).recorded
        node.until(lambda: node.newest(Housekeeping).recorded > recorded, "the recorder again")
        assert node.outcome(node.run_task("small")) == DONE
        assert node.stop() == 0
    assert_whole(disk.state)


def test_a_result_waits_for_room(tmp_path: Path, disk: Disk) -> None:
    with FlyingNode(tmp_path, configuration(tmp_path), state=disk.state) as node:
        request = node.run_task("bahamas", Level.NONE)
        node.until(lambda: node.saw(TaskStarted), "the first step")
        node.until(disk.kept_full(lambda: node.saw(WriteFailed, name="product")), "the refusal")
        node.kill("core")
        back = disk.kept_full(lambda: node.saw(ProcessReady, process="core", count=2))
        node.until(back, "core on a full disk")
        assert node.answers()
        assert not [stage for stage in node.stages[request] if stage.stage.final]
        assert not list((disk.state / "products").glob("*"))
        disk.free()
        assert node.outcome(request) == DONE
        assert node.stop() == 0
    assert [path.name for path in (disk.state / "products").iterdir()] == ["task-000001.product~0"]
    assert_whole(disk.state)


def test_a_node_starts_on_a_full_disk(tmp_path: Path, disk: Disk) -> None:
    disk.fill()
    with FlyingNode(tmp_path, configuration(tmp_path), state=disk.state) as node:
        assert node.answers()
        assert node.outcome(node.run_task("bahamas")) == REFUSED
        assert node.stop() == 0
        assert node.log.read_text() == f"flight: boots not counted: {FULL}\n"
    disk.free()
    assert not list(disk.state.rglob("*~*"))
