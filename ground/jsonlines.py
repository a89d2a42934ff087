"""Control sockets: JSON lines over a unix stream socket, server and client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop

Answer = dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]
LONGEST_LINE = 1 << 16
LONGEST_BACKLOG = 1 << 20
_CREDENTIALS = struct.Struct("iii")  # pid, user, group of a peer
PATH_LIMIT = 100


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield a name of ``path`` that fits into sockaddr_un, which ends at 108 octets."""
    if len(os.fsencode(path)) <= PATH_LIMIT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Peer(asyncio.Protocol):
    """One client of a control socket. One that does not read loses lines, counted in ``lost``."""

    def __init__(self, server: ControlServer) -> None:
        self.lost = 0
        self._server = server
        self._buffer = b""
        self._tasks: set[asyncio.Future[dict[str, Any]]] = set()  # answers that are on their way
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.peers.add(self)

    @property
    def user(self) -> str:
        """Who asks, on the word of the kernel: name, or number of a user without one."""
        if self._transport is None:
            return ""
        connection = self._transport.get_extra_info("socket")
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, user, _ = _CREDENTIALS.unpack(raw)
        try:
            return pwd.getpwuid(user).pw_name
        except KeyError:
            return str(user)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._server.peers.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Called by the loop: answer each complete line."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._reply(self._answer(line))
        if len(self._buffer) > LONGEST_LINE:
            self.send({"ok": False, "error": f"line longer than {LONGEST_LINE} octets"})
            self.close()

    def _reply(self, answer: Answer) -> None:
        """Send an answer, at once or when it is there."""
        if isinstance(answer, dict):
            self.send(answer)
            return
        task = asyncio.ensure_future(answer)
        self._tasks.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Future[dict[str, Any]]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self.send(task.result())

    def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
        except ValueError:
            return {"ok": False, "error": "not JSON"}
        if not isinstance(request, dict):
            return {"ok": False, "error": "not a JSON object"}
        return self._server.handle(request, self)

    def send(self, message: dict[str, Any]) -> None:
        """Queue one line; drop and count it when the peer's backlog is full."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > LONGEST_BACKLOG:
            self.lost += 1
            return
        self._transport.write(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Send what is queued and close."""
        if self._transport is not None:
            self._transport.close()


class ControlServer:
    """Serves ``handle(request, peer) -> reply`` on a socket path."""

    def __init__(self, path: Path, handle: Callable[[dict[str, Any], Peer], Answer]) -> None:
        self.handle = handle
        self.peers: set[Peer] = set()
        self._path = path
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind. A socket that a dead process left is replaced; a live one raises Stop."""
        if _alive(self._path):
            raise Stop(Exit.DOWN, f"control socket {self._path} is in use")
        self._path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        try:
            with reachable(self._path) as name:
                self._server = await loop.create_unix_server(lambda: Peer(self), name)
        except OSError as error:
            raise Stop(
                Exit.DOWN, f"control socket {self._path} failed: {error.strerror}"
            ) from error

    async def stop(self) -> None:
        """Close all peers and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for peer in list(self.peers):
            peer.close()
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)


def _alive(path: Path) -> bool:
    """True when somebody listens at ``path``."""
    try:
        ControlClient(path).close()
    except Stop:
        return False
    return True


class ControlClient:
    """Blocking client of a control socket."""

    def __init__(self, path: Path, what: str = "control socket") -> None:
        """Connect. Raises Stop (6) when nobody listens."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(5.0)
        self._buffer = b""
        self._kept: deque[dict[str, Any]] = deque()
        try:
            with reachable(path) as name:
                self._socket.connect(name)
        except OSError as error:
            self._socket.close()
            raise Stop(Exit.DOWN, f"{what} is down: nobody listens at {path}") from error

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, request: dict[str, Any]) -> None:
        """Send one request. Raises Stop (6) when the server is gone."""
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise Stop(Exit.DOWN, "the control connection was closed") from error

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """Return the next line, or None when none came within ``timeout`` s.

        Raises Stop (6) when the server is gone.
        """
        if self._kept:
            return self._kept.popleft()
        self._socket.settimeout(max(timeout, 0.001))
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                return None
            except OSError:
                data = b""
            if not data:
                raise Stop(Exit.DOWN, "the control connection was closed")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def request(self, request: dict[str, Any], timeout: float = 5.0) -> dict[str, Any]:
        """Send a request and return its reply; lines of a watch that come first are kept.

        Raises Stop: 6 when no reply comes, or with the code of a refusal.
        """
        self.send(request)
        kept: list[dict[str, Any]] = []
        while (reply := self.receive(timeout)) is not None and "ok" not in reply:
            kept.append(reply)
        self._kept.extend(kept)
        if reply is None:
            raise Stop(Exit.DOWN, f"no reply on the control socket within {timeout:g} s")
        if not reply["ok"]:
            raise Stop(Exit(reply.get("code", Exit.USAGE)), reply["error"])
        return reply
