"""Real children of a real fork server: ended, reaped, told once, and left alone afterwards."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from flight.runtime.clock import SystemClock
from flight.runtime.loop import Loop
from flight.runtime.process import Nursery

DEADLINE = 20.0


def echo(config: bytes, channel: socket.socket) -> int:
    """Entry of the children here: answer until the owner is gone."""
    while message := channel.recv(100):
        channel.send(config + message)
    return 3


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop(SystemClock())
    yield loop
    loop.close()


@pytest.fixture
def nursery(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nursery]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    nursery = Nursery(loop, (), traceable=False)
    yield nursery
    nursery.close()


def turn(loop: Loop, found: list[str], count: int) -> None:
    end = SystemClock.now() + DEADLINE
    while len(found) < count:
        assert SystemClock.now() < end
        loop.round(0.05)


def test_the_exit_is_told_once_and_a_late_kill_hits_nobody(loop: Loop, nursery: Nursery) -> None:
    said: list[str] = []
    child = nursery.spawn(
        "echo", "test_children:echo", b"a", lambda m: said.append(m.decode()), said.append
    )
    child.send(b"b")
    turn(loop, said, 1)
    os.kill(child.pid, signal.SIGKILL)
    turn(loop, said, 2)
    assert said == ["ab", "signal SIGKILL"]
    other = os.open("/dev/null", os.O_RDONLY)  # it may get the number that the pidfd had
    child.kill()
    child.terminate()
    os.close(other)
    assert not nursery.children


def test_a_renewed_fork_server_leaves_running_children_alone(loop: Loop, nursery: Nursery) -> None:
    said: list[str] = []
    first = nursery.spawn(
        "one", "test_children:echo", b"1", lambda m: said.append(m.decode()), said.append
    )
    nursery.renew()
    second = nursery.spawn(
        "two", "test_children:echo", b"2", lambda m: said.append(m.decode()), said.append
    )
    first.send(b"x")
    turn(loop, said, 1)
    second.send(b"y")
    turn(loop, said, 2)
    assert said == ["1x", "2y"]


def test_a_child_that_was_just_started_can_be_killed_and_reaped_at_once(nursery: Nursery) -> None:
    """Nursery.close does: the child must be ours by the time that we are told of it."""
    for _ in range(30):
        nursery.spawn("brief", "test_children:echo", b"", lambda m: None, lambda why: None)
