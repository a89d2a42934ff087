"""The radio path between Yamcs and the node: forwards, records, and drops on demand."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable

Frame = Callable[[bytes], bool]


class Radio:
    """Two UDP relays in one thread; what ``drop_up`` or ``drop_down`` says yes to is lost."""

    def __init__(self, node: int, yamcs: int) -> None:
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.drop_up: Frame = lambda frame: False
        self.drop_down: Frame = lambda frame: False
        self._node, self._yamcs = ("127.0.0.1", node), ("127.0.0.1", yamcs)
        self._ground, self._space = _port(), _port()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def ground_port(self) -> int:
        """Where Yamcs sends telecommand frames."""
        return int(self._ground.getsockname()[1])

    @property
    def space_port(self) -> int:
        """Where the node sends telemetry frames."""
        return int(self._space.getsockname()[1])

    def __enter__(self) -> Radio:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)
        self._ground.close()
        self._space.close()

    def to_node(self, frame: bytes) -> None:
        """Send as an attacker would, past Yamcs."""
        self._ground.sendto(frame, self._node)

    def to_yamcs(self, frame: bytes) -> None:
        """Send as an attacker would, past the node."""
        self._space.sendto(frame, self._yamcs)

    def _run(self) -> None:
        while not self._end.is_set():
            ready, _, _ = select.select([self._ground, self._space], [], [], 0.1)
            for side in ready:
                frame = side.recv(65535)
                if side is self._ground:
                    self.up.append(frame)
                    if not self.drop_up(frame):
                        self.to_node(frame)
                else:
                    self.down.append(frame)
                    if not self.drop_down(frame):
                        self.to_yamcs(frame)


def _port() -> socket.socket:
    side = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    side.bind(("127.0.0.1", 0))
    return side


def sealed(frame: bytes) -> bytes:
    """A frame with the right CRC-16/CCITT-FALSE, bit by bit: independent of the node's."""
    crc = 0xFFFF
    for octet in frame:
        crc ^= octet << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return frame + crc.to_bytes(2, "big")
