"""The fork server: modules imported once, then a fork per child. Run as ``-m``, owns no thread.

A child is forked twice, so that it becomes a child of the owner (a subreaper): the owner reaps it
by pidfd and the kernel ends it with the owner.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import socket
import sys
from types import FrameType

import msgspec

from flight.runtime import kernel

SOFTWARE = 70  # EX_SOFTWARE of sysexits.h: an exception that nobody caught


class Order(msgspec.Struct, array_like=True):
    """What to run: ``entry`` is "module:function", called with (config, channel)."""

    name: str
    entry: str
    config: bytes
    traceable: bool


def resolve(entry: str) -> object:
    """Import what "module:attribute" names."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _run(order: Order, channel: int, middle: int, owner: int) -> None:
    while os.getppid() == middle:
        os.sched_yield()
    kernel.die_with_parent(owner)
    kernel.set_name(order.name)
    kernel.set_traceable(order.traceable)
    code = SOFTWARE
    try:
        entry = resolve(order.entry)
        code = entry(order.config, socket.socket(fileno=channel)) or 0  # type: ignore[operator]
    except SystemExit as leave:
        code = _code(leave)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _code(leave: SystemExit) -> int:
    """Exit code as the interpreter itself would choose it."""
    if isinstance(leave.code, str):
        print(leave.code, file=sys.stderr)
        return 1
    return leave.code or 0


def _fork() -> int:
    """Process id, 0 in the child, -1 when the system has no room for another process."""
    try:
        return os.fork()
    except OSError:
        return -1


def _spawn(order: Order, channel: int, control: socket.socket, owner: int) -> None:
    """Fork twice; tell the owner the process id of the child, or that there is none."""
    told, tell = os.pipe()
    middle = _fork()
    if middle == 0:
        here = os.getpid()
        child = _fork()
        if child == 0:
            for descriptor in (told, tell, control.detach()):
                os.close(descriptor)
            _run(order, channel, here, owner)
        os.write(tell, msgspec.msgpack.encode(child))
        os._exit(0)
    answer = msgspec.msgpack.encode(middle)
    if middle > 0:
        # Only when the one in the middle has ended is the child the owner's to wait for.
        os.waitpid(middle, 0)
        answer = os.read(told, 64)
    for descriptor in (told, tell, channel):
        os.close(descriptor)
    with contextlib.suppress(OSError):  # the owner has just ended
        control.send(answer)


def main(arguments: list[str]) -> None:
    """``zygote FD OWNER MODULE…``: serve orders from the socket until the owner closes it."""
    descriptor, owner = int(arguments[0]), int(arguments[1])
    kernel.die_with_parent(owner)
    kernel.set_name("flight-zygote")
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    for module in arguments[2:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, the shared pages
    orders = msgspec.msgpack.Decoder(Order)
    while True:
        data, channels, _, _ = socket.recv_fds(control, 1 << 18, 1)
        if not data:
            return
        _spawn(orders.decode(data), channels[0], control, owner)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    """A terminal's Ctrl-C goes to the whole group; the owner decides when we end."""


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, _interrupted)
    main(sys.argv[1:])
