"""The executive with real processes: kills, hangs, quarantine, and an orderly or abrupt end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from flying_node import CLOCK, CONFIGS, FlyingNode, configuration
from impatient import HANG, RESTARTS
from small_scenes import small_scene

from flight.dictionary.commands import Ping
from flight.dictionary.enums import Level, Mode, Reason, Stage, TaskState
from flight.dictionary.events import (
    ModeChanged,
    ProcessEnded,
    ProcessQuarantined,
    ProcessReady,
    TaskStarted,
)
from flight.dictionary.telemetry import Housekeeping, NodeState
from flight.link import services
from flight.link.channels import Apid
from flight.link.pus import Telecommand
from flight.runtime.supervision import FIRST_DELAY

IMPATIENT = ("-m", "impatient")


def shared_memory(node: FlyingNode) -> set[str]:
    """Files below /dev/shm that processes of the node have mapped."""
    found = set()
    for pid in node.processes():
        with suppress(OSError):  # ended in between
            maps = Path(f"/proc/{pid}/maps").read_text()
            found |= {line.split()[5] for line in maps.splitlines() if " /dev/shm/" in line}
    return found


def running(node: FlyingNode, request: int) -> bool:
    """True when the task of a telecommand has taken its first step."""
    return any(
        status.request == request and status.state is TaskState.RUNNING and status.step > 0
        for status in node.tasks.values()
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlyingNode]:
    folder = tmp_path_factory.mktemp("supervised")
    (folder / "bahamas.npz").symlink_to(CONFIGS / "payload" / "bahamas.npz")
    small_scene(folder / "small.npz")
    with FlyingNode(folder, configuration(folder, payload=str(folder))) as flying:
        yield flying


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[FlyingNode]:
    with FlyingNode(tmp_path, configuration(tmp_path), program=IMPATIENT) as flying:
        yield flying


@pytest.mark.parametrize("name", ["governor", "link", "executor"])
def test_a_killed_process_comes_back_and_the_ground_hears_why(node: FlyingNode, name: str) -> None:
    killed = node.kill(name)
    node.until(lambda: node.saw(ProcessEnded, process=name, why="signal SIGKILL"), "its end")
    node.until(lambda: node.saw(ProcessReady, process=name, count=2), "its return")
    assert node.pid(name) not in (0, killed)
    assert node.answers()
    assert node.mode is Mode.NOMINAL


def kill_commanding(node: FlyingNode, request: int) -> None:
    """Kill the process of commanding before a telecommand has ended; wait until it is back."""
    assert not [stage for stage in node.stages[request] if stage.stage.final]
    starts = sum(node.saw(ProcessReady, process="core", count=count) for count in range(1, 9))
    node.kill("core")
    node.until(lambda: node.saw(ProcessReady, process="core", count=starts + 1), "commanding")


def assert_done_once(node: FlyingNode, request: int) -> None:
    assert node.outcome(request) == (Stage.COMPLETED, Reason.NONE)
    (task,) = (status.task for status in node.tasks.values() if status.request == request)
    started = [each.event for each in node.events if isinstance(each.event, TaskStarted)]
    assert [event.task for event in started].count(task) == 1
    assert len(started) == len(node.tasks)
    assert len(list((node.state / "products").glob("*~0"))) == len(node.tasks)


def test_a_task_is_done_once_though_commanding_is_killed_while_it_runs(node: FlyingNode) -> None:
    request = node.run_task("bahamas", Level.NONE)
    node.until(lambda: running(node, request), "the first step")
    kill_commanding(node, request)
    assert_done_once(node, request)


def test_a_task_is_done_once_though_commanding_is_killed_before_it_is_known(
    node: FlyingNode,
) -> None:
    seen = {0}
    for _ in range(2):  # then the executor stays away for a while
        node.until(lambda: node.pid("executor") not in seen, "the executor")
        seen.add(node.kill("executor"))
    request = node.run_task("small")
    node.until(lambda: bool(node.stages[request]), "the acceptance")
    kill_commanding(node, request)
    assert_done_once(node, request)


@contextmanager
def governor_stopped(node: FlyingNode) -> Iterator[None]:
    """Whoever starts meanwhile waits for its subscriptions, and is up but not started."""
    governor = node.kill("governor", signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(governor, signal.SIGCONT)


def test_a_task_that_comes_while_the_executor_starts_gets_an_id_of_its_own(
    node: FlyingNode,
) -> None:
    assert node.outcome(node.run_task("small")) == (Stage.COMPLETED, Reason.NONE)
    with governor_stopped(node):
        killed = node.kill("executor")
        node.until(lambda: node.pid("executor") not in (0, killed), "the next executor")
        request = node.run_task("small")
        node.until(lambda: bool(node.stages[request]), "the acceptance")
        now = node.newest(Housekeeping).sequence
        node.until(lambda: node.newest(Housekeeping).sequence > now + 1, "time for the damage")
    assert_done_once(node, request)


def test_a_telecommand_that_comes_while_commanding_starts_is_executed(node: FlyingNode) -> None:
    packet = Telecommand(Apid.NODE, 5000, *services.telecommand(Ping()))
    reports = node.stages[packet.request_id]

    def repeated() -> bool:
        node.transmit(node.frame(packet.pack()))
        return bool(reports)

    with governor_stopped(node):
        killed = node.kill("core")
        node.until(lambda: node.pid("core") not in (0, killed), "commanding")
        node.until(repeated, "the acceptance")
    assert node.outcome(packet.request_id) == (Stage.COMPLETED, Reason.NONE)


def test_one_killed_too_often_is_left_out_and_the_rest_flies_on(impatient: FlyingNode) -> None:
    node, born = impatient, dict[int, float]()
    for _ in range(RESTARTS + 1):
        node.until(lambda: node.pid("executor") not in {0, *born}, "the next executor")
        pid = node.pid("executor")
        born[pid] = psutil.Process(pid).create_time()
        os.kill(pid, signal.SIGKILL)
    # The first restart comes at once. Stamps are in hundredths; load only adds to a pause.
    _, second, third = born.values()
    assert third - second > 0.8 * FIRST_DELAY - 0.02
    node.until(lambda: node.saw(ProcessQuarantined, process="executor"), "the quarantine")
    node.until(lambda: node.saw(ModeChanged, mode=Mode.SAFE), "safe mode")
    node.until(lambda: not node.pid("inference"), "the end of what is not essential")
    assert node.answers()
    assert node.outcome(node.run_task("bahamas")) == (Stage.FAILED, Reason.MODE)
    state = node.newest(NodeState)
    assert (state.mode, state.quarantined) == (Mode.SAFE, 1)
    node.until(lambda: node.newest(Housekeeping).mode is Mode.SAFE, "housekeeping of safe mode")
    assert not node.pid("executor")


def test_a_process_that_hangs_is_replaced(impatient: FlyingNode) -> None:
    node = impatient
    stopped = node.kill("core", signal.SIGSTOP)
    deaf = node.command(Ping())
    why = f"no beat for {HANG:g} s"
    node.until(lambda: node.saw(ProcessEnded, process="core", why=why), "the hang is seen")
    assert not node.stages[deaf]  # so much for the damage
    node.until(lambda: node.saw(ProcessReady, process="core", count=2), "its successor")
    assert stopped not in node.processes()
    assert node.answers()


def test_without_an_essential_process_the_node_ends(impatient: FlyingNode) -> None:
    node, pids = impatient, set[int]()
    for _ in range(RESTARTS + 1):
        node.until(lambda: node.pid("governor") not in {0} | pids, "the next governor")
        pids.add(node.kill("governor"))
    assert node.wait() == 1
    assert node.saw(ProcessQuarantined, process="governor", why="signal SIGKILL")
    assert node.log.read_text().splitlines() == [
        "flight: essential process governor is in quarantine, a reboot is needed"
    ]
    assert node.processes() == {}
    assert node.leftovers() == []


def test_sigterm_in_the_middle_of_a_task_leaves_nothing(tmp_path: Path) -> None:
    with FlyingNode(tmp_path, configuration(tmp_path)) as node:
        request = node.run_task("bahamas", Level.TMR)
        node.until(lambda: running(node, request), "the first step")
        mapped = shared_memory(node)
        assert len([path for path in mapped if "executor-t1-r" in path]) == 3
        assert node.stop() == 0
        assert node.log.read_text() == ""
    assert node.processes() == {}
    assert node.leftovers() == []
    assert not [path for path in mapped if Path(path).exists()]


def test_a_killed_executive_takes_all_with_it_and_the_next_one_sweeps(tmp_path: Path) -> None:
    small_scene(tmp_path / "large.npz", side=900)  # so that the run outlives the look at it
    config = configuration(tmp_path, payload=str(tmp_path))
    with FlyingNode(tmp_path, config) as node:
        node.run_task("large", Level.TMR)
        node.until(lambda: node.pid("replica-2") != 0, "the replicas")
        # Whoever sees the executive go before the kernel ends it would tidy up.
        node.kill("executor", signal.SIGSTOP)
        os.kill(node.process.pid, signal.SIGKILL)
        node.process.wait()
        deadline = CLOCK.now() + 10
        while node.processes():
            assert CLOCK.now() < deadline, f"orphans: {node.processes()}"
    stale = {path: Path(path).stat().st_ino for path in node.leftovers()}
    assert any(path.endswith(".cmd") for path in stale)
    assert any("executor-t1-r0" in path for path in stale)
    with FlyingNode(tmp_path, config) as again:
        assert again.newest(NodeState).boots == 2
        for path, inode in stale.items():
            assert not Path(path).exists() or Path(path).stat().st_ino != inode, path
        assert again.answers()
    assert again.leftovers() == []
