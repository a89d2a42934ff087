"""What is fuzzed: a decoder with good samples, and what shows that it is unharmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Harmed(AssertionError):
    """A decoder took what it should not, or no longer takes what it should."""


class Subject(Protocol):
    """A decoder, or a chain of them with state."""

    samples: Sequence[bytes]

    def seal(self, raw: bytes) -> bytes:
        """Octets with lengths and checks made right, so that they get further. Never raises."""

    def take(self, raw: bytes) -> bool:
        """Give it an input; True when it was not refused. Whatever this raises is a fault."""

    def settle(self) -> None:
        """Check that good input still passes and that nothing has grown. Raises Harmed."""


class Codec:
    """A decoder without state. What it takes, ``encode`` makes again, where it is given."""

    def __init__(
        self,
        samples: Sequence[bytes],
        decode: Callable[[bytes], Any],
        refusal: type[Exception],
        encode: Callable[[Any], bytes] | None = None,
        seal: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self.samples = samples
        self.seal = seal
        self._decode, self._refusal, self._encode = decode, refusal, encode

    def take(self, raw: bytes) -> bool:
        """Decode and, where it goes, encode again."""
        try:
            value = self._decode(raw)
        except self._refusal:
            return False
        if self._encode is not None and self._encode(value) != raw and not has_nan(value):
            raise Harmed("it takes octets that it would not make")
        return True

    def settle(self) -> None:
        """All samples are taken."""
        if not all(map(self.take, self.samples)):
            raise Harmed("a good sample is refused")


def has_nan(value: Any) -> bool:
    """True when a field is NaN, of which there are many in octets."""
    fields = getattr(value, "__struct_fields__", ())
    return any(getattr(value, name) != getattr(value, name) for name in fields)
