"""Fixture trees that stand in for a machine's sysfs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Grow = Callable[[dict[str, str | None]], Path]


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Write attributes below a root; None puts a directory where a file belongs (a read error)."""

    def build(attributes: dict[str, str | None]) -> Path:
        for name, content in attributes.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink(missing_ok=True)
                path.mkdir()
            else:
                path.write_bytes(content.encode())
        return tmp_path

    return build
