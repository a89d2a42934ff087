"""What a CFDP entity needs, in memory: files, parts, records. Lives as long as the object."""

from __future__ import annotations

from collections.abc import Iterable

from flight.link.cfdp import TransactionId


class Records:
    """Durable records."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def write(self, key: str, data: bytes) -> None:
        self.kept[key] = data

    def remove(self, key: str) -> None:
        self.kept.pop(key, None)

    def items(self) -> Iterable[tuple[str, bytes]]:
        return list(self.kept.items())


class NoFiles:
    """A file store that takes none."""

    def open(self, name: str, size: int, transaction: TransactionId) -> None:
        raise OSError(f"{name} is not wanted")

    def reopen(self, name: str, size: int, transaction: TransactionId) -> None:
        return None
