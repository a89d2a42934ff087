"""Flux tables for the tests: the shipped one, and forged ones with a CRC that fits."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import google_crc32c
import msgspec
import numpy as np

from flight.dictionary.fluxtable import Description, FluxTable
from flight.dictionary.orbit import Elements

PATH = Path(__file__).parents[2] / "configs" / "environment" / "sso-550.npz"
SSO = Elements.circular(550, 97.6, 1_767_225_600.0)
DESCRIPTION = Description(
    model="TEST", energy=30.0, altitude=550.0, elements=SSO, software="none"
)  # fmt: skip


def small(seed: int = 1, rows: int = 13) -> FluxTable:
    """A table of random fluxes."""
    flux = np.random.default_rng(seed).uniform(0, 100, (rows, 2 * rows - 2)).astype(np.float32)
    return FluxTable(DESCRIPTION, np.full(rows, 6928, np.float32), flux)


def forged(description: dict[str, Any] | bytes | None = None, **arrays: Any) -> bytes:
    """A file as its format describes it, with some parts replaced; the CRC fits what is in it."""
    described = msgspec.to_builtins(DESCRIPTION) | (
        description if isinstance(description, dict) else {}
    )
    text = description if isinstance(description, bytes) else msgspec.json.encode(described)
    table = small()
    parts: dict[str, Any] = {"radius": table.radius, "flux": table.flux} | arrays
    parts["description"] = np.frombuffer(text, np.uint8)
    octets = text + parts["radius"].tobytes() + parts["flux"].tobytes()
    parts.setdefault("crc", np.uint32(google_crc32c.value(octets)))
    file = io.BytesIO()
    np.savez(file, **{name: part for name, part in parts.items() if part is not None})
    return file.getvalue()
