"""The product store: one product per task, verified before it is kept, old ones removed."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from flight.dictionary.product import (
    Product,
    ProductError,
    Provenance,
    decode_product,
    encode_product,
)
from flight.link.staging import FOLDER as UPLINKED
from flight.runtime.service import Store
from flight.storage.packing import pack
from flight.storage.queue import Downlinks

FOLDER = "products/"
KEPT = 1000  # delivered products kept, for product.resend


class ResultDamaged(ValueError):
    """The result is not the one that its provenance names."""


def product_name(task: int) -> str:
    """Store name of a task's product."""
    return f"{FOLDER}task-{task:06d}.product"


class Products:
    """Products and their place in the downlink queue."""

    def __init__(self, store: Store) -> None:
        self.downlinks = Downlinks(store, self.size)
        self._store = store
        self._sizes: dict[str, int] = {}

    def keep(
        self, task: int, result: npt.NDArray[np.uint8], provenance: Provenance, priority: int
    ) -> None:
        """Queue and store a product; nothing when this very result is stored already.

        Raises ResultDamaged, QueueFull, OSError. It is queued first: what is stored has been
        queued, so that a repeat after a kill does not send a delivered product again.
        """
        name = product_name(task)
        stored = self.find(task)
        if stored and stored.provenance.result_sha256 == provenance.result_sha256:
            return
        data = encode_product(pack(result, provenance))
        if hashlib.sha256(result.tobytes()).hexdigest() != provenance.result_sha256:
            raise ResultDamaged("result does not match the SHA-256 in its provenance")
        self.downlinks.add(name, priority)
        self._store.write(name, data)
        self.forget_size(name)

    def find(self, task: int) -> Product | None:
        """A stored product, None when there is none that can be read. Raises OSError."""
        data = self._store.read(product_name(task))
        try:
            return None if data is None else decode_product(data)
        except ProductError:
            return None

    def size(self, path: str) -> int | None:
        """Octets of a stored file, None when it cannot be read. Raises ValueError for no path."""
        if path not in self._sizes:
            try:
                if path.startswith(UPLINKED):
                    self._sizes[path] = self._store.path(path).stat().st_size
                elif (data := self._store.read(path)) is not None:
                    self._sizes[path] = len(data)
            except OSError:
                return None
        return self._sizes.get(path)

    def forget_size(self, path: str) -> None:
        """The file is another one now."""
        self._sizes.pop(path, None)

    def delivered(self, path: str) -> None:
        """The ground has a file; the oldest products of those it has make room. Raises OSError."""
        self.downlinks.delivered(path)
        self.forget_size(path)
        done = [name for name in self._store.names(FOLDER) if name not in self.downlinks]
        for name in done[:-KEPT]:
            self._store.remove(name)
