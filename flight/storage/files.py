"""The files of the node that the ground may ask for: products and what it sent up."""

from __future__ import annotations

import json

from flight.dictionary.enums import Reason
from flight.link.staging import Staging, staged
from flight.runtime.service import Refused, Store
from flight.storage.products import FOLDER as PRODUCTS
from flight.storage.products import Products

LISTING = "listing/files.json"
URGENT = 9


class Files:
    """Finds files by name, without folder; a product goes before an uplinked file."""

    def __init__(self, store: Store, products: Products) -> None:
        self._store, self._products = store, products
        self._staging = Staging(store)

    def list(self) -> None:
        """Write the list and queue it, before everything else. Raises OSError, QueueFull."""
        listed = [
            {"name": path.rpartition("/")[2], "kind": "product", "octets": size}
            for path in self._store.names(PRODUCTS)
            if (size := self._products.size(path)) is not None
        ]
        for name, size in self._staging.names():
            listed.append({"name": name, "kind": "uplinked", "octets": size})
        self._store.write(LISTING, json.dumps(listed).encode())
        self._products.forget_size(LISTING)
        self._products.downlinks.add(LISTING, URGENT)

    def send(self, name: str, priority: int) -> None:
        """Queue a file. Raises Refused, OSError, QueueFull."""
        self._products.downlinks.add(self._path(name), priority)

    def cancel(self, name: str) -> None:
        """Withdraw a file from the downlink. Raises Refused, OSError."""
        if not self._products.downlinks.withdraw(self._path(name)):
            raise Refused(Reason.UNKNOWN, f"{name} does not wait for downlink")

    def remove(self, name: str) -> None:
        """Withdraw and remove a file. Raises Refused, OSError."""
        path = self._path(name)
        self._products.downlinks.withdraw(path)
        if path.startswith(PRODUCTS):
            self._store.remove(path)
        else:
            self._staging.remove(name)

    def _path(self, name: str) -> str:
        product = f"{PRODUCTS}{name}"
        try:
            if self._products.size(product) is not None:
                return product
            path = staged(name)
        except ValueError as error:
            raise Refused(Reason.FORMAT, str(error)) from error
        if name in (each for each, _ in self._staging.names()):
            return path
        raise Refused(Reason.UNKNOWN, f"no file {name!r}")
