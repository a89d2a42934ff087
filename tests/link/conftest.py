"""Ends what the tests of a module have left open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from endings import end_all


@pytest.fixture(autouse=True, scope="module")
def _ended() -> Iterator[None]:
    yield
    end_all()
