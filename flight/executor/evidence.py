"""What goes to ground of a task that was given up as poison, in place of a result."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from flight.dictionary.product import Evidence
from flight.executor.record import TaskRecord

MOST_STATE = 1 << 20  # octets of the voted state that go along


def evidence(
    record: TaskRecord, crashes: Sequence[str], digest: str, state: bytes
) -> npt.NDArray[np.uint8]:
    """Evidence as octets: how replicas ended, and the state that the step began from."""
    kept = state if len(state) <= MOST_STATE else b""
    found = Evidence(record.detail, record.step, tuple(crashes), digest, kept)
    return np.frombuffer(msgspec.msgpack.encode(found), np.uint8)
