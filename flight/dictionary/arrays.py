"""Descriptor of an array that lies in shared memory instead of in a message."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.fields import internal
from flight.dictionary.registry import Message

THRESHOLD = 64 * 1024


class ArrayRef(Message, frozen=True):
    """Where an array lies and how to know that it is still the one that was meant."""

    region: Annotated[str, internal("Shared-memory region")]
    slot: Annotated[int, internal("Slot in the ring")]
    generation: Annotated[int, internal("Generation of the slot when it was written")]
    dtype: Annotated[str, internal("NumPy dtype, little-endian")]
    shape: Annotated[tuple[int, ...], internal("Dimensions")]
    crc: Annotated[int, internal("CRC-32C of the bytes")]
