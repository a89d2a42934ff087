"""Non-blocking UDP on the event loop. What cannot be sent at once is dropped and counted."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from flight.console.exits import Exit, Stop

Address = tuple[str, int]

BUFFER = 1 << 22
LONGEST = 65_535
BATCH = 64


def parse_address(text: str) -> Address:
    """Return (host, port) of ``PORT`` or ``HOST:PORT``; the host defaults to this machine.

    A name is resolved here, once, because sending must not wait for a resolver. Raises ValueError.
    """
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"{text!r} is no PORT or HOST:PORT")
    try:
        return socket.gethostbyname(host or "127.0.0.1"), int(port)
    except OSError as error:
        raise ValueError(f"host {host!r}: {error.strerror}") from error


class DatagramSocket:
    """A bound UDP port. ``receive`` is called with each datagram."""

    def __init__(self, listen: Address, receive: Callable[[bytes], None]) -> None:
        self.dropped = 0
        self._receive = receive
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        try:
            self._socket.bind(listen)
        except OSError as error:
            self._socket.close()
            why = "is in use" if error.errno == errno.EADDRINUSE else f"failed: {error.strerror}"
            raise Stop(Exit.DOWN, f"UDP port {listen[0]}:{listen[1]} {why}") from error
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        # Bounded, so that a flood cannot starve timers.
        for _ in range(BATCH):
            try:
                datagram = self._socket.recv(LONGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # a peer that is not there yet reports itself here
            self._receive(datagram)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send one datagram; a full buffer or an unreachable peer drops and counts it."""
        try:
            self._socket.sendto(datagram, to)
        except OSError:
            self.dropped += 1

    def close(self) -> None:
        """Release the port."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
