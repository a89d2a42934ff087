"""What happens to files, told as happenings."""

from __future__ import annotations

import math

from flight.link.cfdp import Ended, Engine, State, TransactionId
from ground.station.happenings import FileDelivered, FileProgress, FileUplink, Happening

PERIOD = 0.25  # s between reports of progress
_GAIN = 0.2  # of the newest measurement in the rate


class FileWatch:
    """Looks at an engine; ``changed`` returns what is new since the last call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: dict[TransactionId, int] = {}
        self._rates: dict[TransactionId, float] = {}
        self._looked = -math.inf

    def changed(self, now: float) -> list[Happening]:
        """Progress, at intervals, and what has ended, at once."""
        found: list[Happening] = []
        if now >= self._looked + PERIOD:
            found += self._progress(now - self._looked)
            self._looked = now
        for ended in self._engine.ended():
            found += _end(ended)
        return found

    def rate(self, transaction: TransactionId) -> float:
        """Octets of the file in a second, repeated ones left out, as of late."""
        return self._rates.get(transaction, 0.0)

    def _progress(self, elapsed: float) -> list[Happening]:
        states = [state for state in self._engine.progress() if state.name]
        self._rates = {state.id: self._measured(state, elapsed) for state in states}
        found = [self._state(each) for each in states if self._told.get(each.id) != each.done]
        self._told = {state.id: state.done for state in states}
        return found

    def _measured(self, state: State, elapsed: float) -> float:
        if state.id not in self._told:
            return 0.0
        newest = (state.done - self._told[state.id]) / elapsed
        before = self._rates.get(state.id, 0.0)
        return before + _GAIN * (newest - before) if before else newest

    def _state(self, state: State) -> Happening:
        rate = round(self.rate(state.id))
        if not state.sending:
            return FileProgress(state.name, state.done, state.size, state.resent, rate)
        number = state.id.number
        return FileUplink(number, state.name, state.done, state.size, "", state.resent, rate)


def _end(ended: Ended) -> list[Happening]:
    name, size, resent = ended.name, ended.size, ended.resent
    if ended.sending:
        outcome = ended.condition.name
        return [FileUplink(ended.id.number, name, ended.sent, size, outcome, resent)]
    if not ended.delivered:
        return []
    return [FileProgress(name, size, size, resent), FileDelivered(name, size)]
