"""Both ends of a fountain in memory."""

from __future__ import annotations

import random

from flight.link.fountain.sender import FountainSender


class Memory:
    """A file store that keeps what was committed."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def open(self, name: str, size: int, *_: object) -> Memory:
        self.name, self.data = name, bytearray(size)
        return self

    def write(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data

    def commit(self) -> None:
        self.files[self.name] = bytes(self.data)

    def discard(self) -> None:
        pass


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def packets(sender: FountainSender) -> list[bytes]:
    found = []
    while (packet := sender.next_packet()) is not None:
        found.append(packet)
    return found
