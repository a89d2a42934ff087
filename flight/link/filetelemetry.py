"""What the ground is told of files on their way."""

from __future__ import annotations

from collections.abc import Iterable

from flight.dictionary.files import FileTransfer
from flight.link.cfdp import State
from flight.link.fountain.downlink import Sending


def by_cfdp(states: Iterable[State]) -> list[FileTransfer]:
    """Transactions of CFDP, both directions."""
    return [
        FileTransfer(
            state.name[:64],
            state.sending,
            state.size,
            state.done,
            state.resent,
            min(max(state.priority, 0), 9),
            state.suspended,
            state.id.number % (1 << 32),
        )
        for state in states
    ]


def by_fountain(sendings: Iterable[Sending]) -> list[FileTransfer]:
    """Files that go down through the fountain."""
    return [
        FileTransfer(
            each.name[:64],
            True,
            each.size,
            each.done,
            each.resent,
            min(max(each.priority, 0), 9),
            each.suspended,
            each.transfer,
        )
        for each in sendings
    ]
