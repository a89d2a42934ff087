"""The model store: installs the configured models at start and says which may be used."""

from __future__ import annotations

from pathlib import Path

import msgspec

from flight.dictionary.enums import ModelState
from flight.dictionary.events import ModelActive, ModelQuarantined, WriteFailed
from flight.dictionary.telemetry import ModelStatus
from flight.inference.compiled import COMPILED_FILE, read_compiled
from flight.inference.copies import GoldenCopies
from flight.inference.errors import InferenceError
from flight.inference.installer import InstallAnswer, InstallOrder
from flight.runtime.service import Context, Service, Timer, Worker

INSTALLER = "flight.inference.installer:Installer"
DEADLINE = 120.0  # s for one model
ATTEMPTS = 3  # times that the installer may end on one model
SOON = 0.5  # s until it is tried again then
RETRY = 10.0  # s until a model is installed for which there was no room
TEND = 10.0  # s between looks at the golden copies


class ModelStore(Service):
    """Installs one model after the other, each in a worker of its own."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._folder = Path(context.settings["models"])
        self._waiting: list[str] = list(context.settings["active"])
        self._status = {
            name: ModelStatus(name, ModelState.STAGED, "", "", "") for name in self._waiting
        }
        self._golden = GoldenCopies(context)
        self._worker: Worker | None = None
        self._ends = 0  # of the installer on the model that waits first
        self._deadline: Timer | None = None

    def start(self) -> None:
        """Install what is configured."""
        self.context.every(1.0, self._report)
        self.context.every(TEND, self._tend)
        self._install_next()

    def _install_next(self) -> None:
        if not self._waiting:
            return
        name = self._waiting[0]
        try:
            target = self.context.store.path(self._compiled(name))
            self._worker = self._hire()
        except (OSError, ValueError) as error:  # no room, or no name for a file
            self._settle(ModelState.QUARANTINED, "", f"not installed: {error}")
            return
        order = InstallOrder(str(self._folder / name), str(target))
        self._worker.send(msgspec.msgpack.encode(order))
        self._deadline = self.context.after(DEADLINE, self._overdue)

    def _hire(self) -> Worker:
        worker: Worker | None = None

        def message(data: bytes) -> None:
            if worker is not None and worker is self._worker:
                self._installed(data)

        def ended(reason: str) -> None:
            if worker is not None and worker is self._worker:
                self._ended(reason)

        worker = self.context.worker("installer", INSTALLER, b"", message, ended)
        return worker

    def _ended(self, reason: str) -> None:
        """An upset may have ended it; a model that ends it each time is at fault itself."""
        self._ends += 1
        if self._ends < ATTEMPTS:
            self._try_later(f"installer ended: {reason}", SOON)
        else:
            self._settle(ModelState.QUARANTINED, "", f"installer ended: {reason}")

    @staticmethod
    def _compiled(name: str) -> str:
        return f"models/{name}/{COMPILED_FILE}"

    def _overdue(self) -> None:
        self._settle(ModelState.QUARANTINED, "", f"not installed within {DEADLINE:g} s")

    def _installed(self, data: bytes) -> None:
        try:
            answer = msgspec.msgpack.decode(data, type=InstallAnswer)
        except ValueError as error:  # msgspec's DecodeError, or text not in UTF-8
            self._settle(ModelState.QUARANTINED, "", f"installer said nonsense: {error}")
            return
        if answer.state is ModelState.STAGED:
            self._try_later(answer.detail, RETRY)
        else:
            self._settle(answer.state, answer.sha256, answer.detail)

    def _try_later(self, why: str, pause: float) -> None:
        """Not the model's fault, as far as we know: tasks that need it wait meanwhile."""
        self._dismiss()
        self.context.event(WriteFailed("compiled model", why))
        self.context.after(pause, self._install_next)

    def _settle(self, state: ModelState, sha256: str, detail: str) -> None:
        self._dismiss()
        self._ends = 0
        name = self._waiting.pop(0)
        compiled = self._compiled(name) if state is ModelState.ACTIVE else ""
        self._status[name] = ModelStatus(name, state, sha256, compiled, detail)
        self._golden.release(name)
        if state is ModelState.ACTIVE:
            self._protect(name)
            self.context.event(ModelActive(name, sha256[:16]))
        else:
            self.context.event(ModelQuarantined(name, detail))
        self._report()
        self._install_next()

    def _protect(self, name: str) -> None:
        """Replicas read the file instead for as long as this cannot be done."""
        try:
            self._golden.keep(read_compiled(self.context.store.path(self._compiled(name))))
        except (OSError, InferenceError) as error:
            self.context.event(WriteFailed("golden weights", str(error)))

    def _tend(self) -> None:
        """Make anew what could not be made before, or cannot be corrected any more."""
        for name, status in self._status.items():
            if status.state is ModelState.ACTIVE and self._golden.lost(name):
                self._protect(name)

    def _dismiss(self) -> None:
        """End the worker; nothing that it still says counts."""
        worker, self._worker = self._worker, None
        if self._deadline is not None:
            self._deadline.cancel()
        if worker is not None:
            worker.kill()

    def _report(self) -> None:
        for status in self._status.values():
            self.context.publish(status)
