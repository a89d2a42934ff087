"""UDP datagram port of a process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from flight.runtime.loop import Loop

_BURST = 64  # datagrams taken per loop turn, so that a flood cannot starve the rest
_BUFFER = 1 << 20


def parse_endpoint(text: str) -> tuple[str, int]:
    """``host:port`` as a pair. Raises ValueError naming the text."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port")
    return host, int(port)


class UdpPort:
    """Receives on ``listen`` and sends to ``peer``; settings {"listen": "host:port", "peer": …}."""

    def __init__(
        self, loop: Loop, settings: dict[str, Any], receive: Callable[[bytes], None]
    ) -> None:
        self._peer = parse_endpoint(settings["peer"])
        self._receive = receive
        self.unsent = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.setblocking(False)
        try:
            self._socket.bind(parse_endpoint(settings["listen"]))
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, f"{settings['listen']}: {error.strerror}") from error
        loop.add_reader(self._socket.fileno(), self._read)

    def send(self, datagram: bytes) -> None:
        """Send one datagram; a full socket or an absent peer costs the datagram, counted."""
        try:
            self._socket.sendto(datagram, self._peer)
        except OSError:
            self.unsent += 1

    def _read(self) -> None:
        for _ in range(_BURST):
            try:
                datagram = self._socket.recv(65536)
            except BlockingIOError:
                return
            except ConnectionError:  # an ICMP answer to an earlier send
                continue
            self._receive(datagram)

    def close(self) -> None:
        """Release the port."""
        self._socket.close()
