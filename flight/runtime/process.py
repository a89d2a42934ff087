"""Child processes: forked from a preloaded zygote, reaped by pidfd, ended with their owner."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

import msgspec

from flight.runtime import kernel
from flight.runtime.loop import Loop
from flight.runtime.zygote import Order

MESSAGE = 1 << 18  # largest message on a channel, octets
BURST = 64  # messages taken per loop turn, so that a babbling child cannot starve the rest
FORK = 30.0  # s for a fork server to answer, its imports included; then it is replaced


class Child:
    """A running child: its channel carries whole messages both ways."""

    def __init__(self, name: str, pid: int, channel: socket.socket) -> None:
        self.name = name
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self._channel = channel
        self.alive = True

    def send(self, message: bytes) -> None:
        """Send one message; a dead child's exit is reported by its pidfd instead."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, BlockingIOError):
            self._channel.send(message)

    def receive(self) -> bytes | None:
        """Next message, None when there is none, empty when the child closed the channel."""
        try:
            return self._channel.recv(MESSAGE)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return b""

    def fileno(self) -> int:
        """Descriptor of the channel."""
        return self._channel.fileno()

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask for an orderly end."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        """Nothing to a child that was reaped: its descriptor may be another's by now."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def reap(self) -> str:
        """Collect the exit status; return the reason in words."""
        status = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        self.alive = False
        self._channel.close()
        os.close(self.pidfd)
        if status is None:
            return "gone"
        if status.si_code == os.CLD_EXITED:
            return f"exit code {status.si_status}"
        return f"signal {signal.Signals(status.si_status).name}"


class Nursery:
    """Starts children from one zygote and watches them in the loop.

    Must live on the main thread: the kernel's parent-death signal follows the thread.
    """

    def __init__(self, loop: Loop, preload: Sequence[str], *, traceable: bool) -> None:
        kernel.adopt_orphans()
        self._loop = loop
        self._preload = preload
        self._traceable = traceable
        self.children: dict[int, Child] = {}
        self._start_zygote()

    def _start_zygote(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(FORK)
        arguments = [str(theirs.fileno()), str(os.getpid()), *self._preload]
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "flight.runtime.zygote", *arguments],
            pass_fds=(theirs.fileno(),),
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        theirs.close()

    def renew(self) -> None:
        """Start a new zygote, which imports everything again; children that run stay."""
        self._zygote.kill()
        self._zygote.wait()
        self.sweep()

    def sweep(self) -> None:
        """Replace a dead zygote; reap adopted children that we never heard of."""
        if self._zygote.poll() is not None:
            self._control.close()
            self._start_zygote()
        known = {*self.children, self._zygote.pid}
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in known:
                    return
                os.waitpid(ended.si_pid, 0)

    def spawn(
        self,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
    ) -> Child:
        """Start a child. Raises OSError when it cannot be forked."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = msgspec.msgpack.encode(Order(name, entry, config, self._traceable))
        try:
            with theirs:
                pid = self._order(order, theirs) or self._order(order, theirs)
            if pid is None or pid < 0:
                why = "no room for a process" if pid else "the fork server ended twice in a row"
                raise OSError(errno.EAGAIN, why)
        except OSError:
            ours.close()
            raise
        child = Child(name, pid, ours)
        ours.setblocking(False)
        self.children[child.pid] = child
        self._loop.add_reader(child.fileno(), lambda: self._messages(child, on_message))
        self._loop.add_reader(child.pidfd, lambda: self._exited(child, on_message, on_exit))
        return child

    def _order(self, order: bytes, channel: socket.socket) -> int | None:
        """Have the zygote fork; None when it died or hangs, in which case a new one was started."""
        answer = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            socket.send_fds(self._control, [order], [channel.fileno()])
            answer = self._control.recv(64)
        if answer:
            return msgspec.msgpack.decode(answer, type=int)
        self.renew()
        return None

    def _messages(self, child: Child, on_message: Callable[[bytes], None]) -> None:
        for _ in range(BURST):
            message = child.receive() if child.alive else None
            if message is None:
                return
            if not message:
                self._loop.remove_reader(child.fileno())
                return
            on_message(message)

    def _exited(
        self, child: Child, on_message: Callable[[bytes], None], on_exit: Callable[[str], None]
    ) -> None:
        if not child.alive:
            return
        # What it said before it ended still counts.
        while child.alive and (message := child.receive()):
            on_message(message)
        self._loop.remove_reader(child.fileno())
        self._loop.remove_reader(child.pidfd)
        del self.children[child.pid]
        on_exit(child.reap())

    def close(self) -> None:
        """Kill and reap what is left, then the zygote."""
        for child in list(self.children.values()):
            self._loop.remove_reader(child.fileno())
            self._loop.remove_reader(child.pidfd)
            child.kill()
            child.reap()
        self.children.clear()
        self._control.close()
        self._zygote.kill()
        self._zygote.wait()
