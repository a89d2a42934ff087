"""Limits of worker processes, each seen to bite, and seen not to without it."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from flight.runtime import kernel
from flight.runtime.confine import UNCONFINED, Confinement, enter

NOBODY = 65534


def in_child(limits: Confinement, body: Callable[[], int], user: int = 0) -> int:
    """Wait status of a confined child that exits with what ``body`` returns."""
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if user:
                os.setuid(user)
            enter(limits)
            os._exit(body())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(99)
    return os.waitpid(pid, 0)[1]


def code(status: int) -> int:
    assert os.WIFEXITED(status), status
    return os.WEXITSTATUS(status)


def hog() -> int:
    try:
        return len(bytearray(1 << 30)) >> 30
    except MemoryError:
        return 7


def open_many() -> int:
    try:
        [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
    except OSError:
        return 7
    return 1


def spin() -> int:
    signal.alarm(60)
    while sum(os.times()[:2]) < 1.6:
        pass
    return 1


def ask_the_network() -> int:
    """1 when a datagram to loopback leaves, 7 when there is no way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        try:
            endpoint.sendto(b"?", ("127.0.0.1", 9))
        except OSError:
            return 7
    return 1


def test_memory() -> None:
    assert code(in_child(UNCONFINED, hog)) == 1
    assert code(in_child(Confinement(memory=1 << 30), hog)) == 7


def test_open_files() -> None:
    assert code(in_child(UNCONFINED, open_many)) == 1
    assert code(in_child(Confinement(files=64), open_many)) == 7


def test_processor_time() -> None:
    assert code(in_child(UNCONFINED, spin)) == 1
    status = in_child(Confinement(cpu=1), spin)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)


def test_core() -> None:
    cores = sorted(os.sched_getaffinity(0))
    for index in range(3):
        there = cores[index % len(cores)]
        limits = Confinement(core=index)
        assert code(in_child(limits, lambda: len(os.sched_getaffinity(0)))) == 1
        assert code(in_child(limits, lambda: min(os.sched_getaffinity(0)))) == there


@pytest.mark.parametrize("user", [0, NOBODY])
def test_network(user: int) -> None:
    if os.getuid() != 0 and user:
        pytest.skip("only root can become another user")
    if code(in_child(UNCONFINED, lambda: 0 if kernel.leave_network() else 1, user)):
        pytest.skip("this kernel lets no such process leave the network")
    assert code(in_child(UNCONFINED, ask_the_network, user)) == 1
    assert code(in_child(Confinement(network=False), ask_the_network, user)) == 7


def test_without_network_it_still_dies_with_its_parent_and_keeps_what_may_trace_it() -> None:
    """A user namespace, which a process without privilege needs, cancels both silently."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:
        if os.fork() == 0:
            os.setuid(NOBODY)
            kernel.die_with_parent(os.getppid())
            kernel.set_traceable(True)
            enter(Confinement(network=False))
            readable = os.access("/proc/self/mem", os.W_OK)
            os.write(write, f"{os.getpid()} {int(readable)}".encode())
            signal.pause()
        signal.pause()
    os.close(write)
    try:
        pid, readable = map(int, os.read(read, 64).split())
        descriptor = os.pidfd_open(pid)
        try:
            assert readable
            assert Path(f"/proc/{pid}/mem").stat().st_uid == NOBODY  # root's when not traceable
            os.kill(middle, signal.SIGKILL)
            assert select.select([descriptor], [], [], 10)[0], "it outlived its parent"
        finally:
            os.close(descriptor)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(middle, signal.SIGKILL)
        os.waitpid(middle, 0)
        os.close(read)
