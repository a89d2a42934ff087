"""The models on board as the executor hears of them."""

from __future__ import annotations

from collections.abc import Iterable

from flight.dictionary.enums import ModelState
from flight.dictionary.telemetry import ModelStatus
from flight.runtime.service import Store


class Models:
    """The newest status of each model."""

    def __init__(self) -> None:
        self._known: dict[str, ModelStatus] = {}

    def take(self, status: ModelStatus) -> None:
        """A status arrived."""
        self._known[status.model] = status

    @property
    def ready(self) -> bool:
        """True once every model is either usable or given up."""
        settled = (ModelState.ACTIVE, ModelState.QUARANTINED)
        states = [model.state for model in self._known.values()]
        return bool(states) and all(state in settled for state in states)

    def _active(self) -> list[ModelStatus]:
        return [each for each in self._known.values() if each.state is ModelState.ACTIVE]

    def digests(self) -> dict[str, str]:
        """SHA-256 of each model that may be used."""
        return {each.model: each.sha256 for each in self._active()}

    def folders(self, store: Store) -> dict[str, str]:
        """Folder of the compiled form of each model that may be used."""
        return {each.model: str(store.path(each.compiled).parent) for each in self._active()}

    def used(self, names: Iterable[str]) -> dict[str, str]:
        """SHA-256 of these models, as far as they are known."""
        return {name: self._known[name].sha256 for name in names if name in self._known}
