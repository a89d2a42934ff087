"""Storage: records the bus, keeps products, and says what is to be downlinked next."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import msgspec

from flight.dictionary.bundle import BundleError
from flight.dictionary.commands import (
    ActivateProgram,
    FileDelivered,
    InstallProgram,
    ResendProduct,
    RollBackProgram,
    StoreProduct,
)
from flight.dictionary.enums import ProgramState, Reason
from flight.dictionary.files import CancelFile, ListFiles, RemoveFile, SendFile
from flight.dictionary.parameters import StorageParameters
from flight.dictionary.product import Provenance
from flight.dictionary.registry import Telemetry
from flight.dictionary.shelf import Installed, ShelfError
from flight.dictionary.uploads import (
    ProgramActivated,
    ProgramInstalled,
    ProgramRefused,
    ProgramStatus,
)
from flight.runtime.service import Context, Refused, Service, Timer, handles, subscribes
from flight.storage.files import Files
from flight.storage.products import Products, product_name
from flight.storage.programs import ProgramStore
from flight.storage.queue import QueueFull
from flight.storage.recorded import RECORDED
from flight.storage.recorder import Recorder

PROGRAM_PERIOD = 10.0  # s between reports of the installed programs


class Storage(Service):
    """Recorder, product store, downlink queue and installed programs."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = Recorder(context)
        self._products = Products(context.store)
        self._files = Files(context.store, self._products)
        keys = [bytes.fromhex(key) for key in context.settings.get("program_keys", ())]
        self._programs = ProgramStore(context.store, keys)
        self._sync: Timer | None = None
        self._sync_period = math.nan

    def start(self) -> None:
        """Offer the head of the queue; look whether the installed programs may be used."""
        self.context.every(1.0, self._tick)
        self.context.every(PROGRAM_PERIOD, self._tell_programs)
        self._load_programs()
        self._pace()
        self._offer()

    def stop(self) -> None:
        """Everything recorded is on the medium."""
        self._recorder.close()

    def _tick(self) -> None:
        self._recorder.follow()
        self._pace()
        self.context.publish(self._recorder.status())

    def _pace(self) -> None:
        """Follow a change of the period parameter."""
        period = self.context.parameters(StorageParameters).sync_period
        if period != self._sync_period:
            if self._sync is not None:
                self._sync.cancel()
            self._sync = self.context.every(period, self._recorder.sync)
            self._sync_period = period

    def _record(self, message: Telemetry) -> None:
        self._recorder.record(message)

    for _kind in RECORDED:
        _record = subscribes(_kind)(_record)

    @handles(StoreProduct)
    def _store_product(self, command: StoreProduct) -> None:
        try:
            result = self.context.fetch_array(command.array)
            provenance = msgspec.msgpack.decode(command.provenance, type=Provenance)
            self._products.keep(command.task, result, provenance, command.priority)
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"product: {error.strerror}") from error
        except QueueFull as error:
            raise Refused(Reason.BUSY, str(error)) from error
        except (LookupError, ValueError) as error:
            raise Refused(Reason.CORRUPT, f"product: {error}") from error
        self._offer()

    @handles(FileDelivered)
    def _delivered(self, command: FileDelivered) -> None:
        try:
            self._products.delivered(command.path)
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"downlink queue: {error.strerror}") from error
        self._offer()

    # Files at the hands of the ground.

    @handles(ResendProduct)
    def _resend(self, command: ResendProduct) -> None:
        self._change(lambda: self._files.send(product_name(command.task).rpartition("/")[2], 5))

    @handles(ListFiles)
    def _list(self, _command: ListFiles) -> None:
        self._change(self._files.list)

    @handles(SendFile)
    def _send(self, command: SendFile) -> None:
        self._change(lambda: self._files.send(command.name, command.priority))

    @handles(CancelFile)
    def _cancel(self, command: CancelFile) -> None:
        self._change(lambda: self._files.cancel(command.name))

    @handles(RemoveFile)
    def _remove(self, command: RemoveFile) -> None:
        self._change(lambda: self._files.remove(command.name))

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"files: {error.strerror}") from error
        except QueueFull as error:
            raise Refused(Reason.BUSY, str(error)) from error
        self._offer()

    def _offer(self) -> None:
        self.context.publish(self._products.downlinks.head())

    # Programs.

    def _load_programs(self) -> None:
        try:
            faulty = self._programs.load()
        except ShelfError as error:
            self.context.event(ProgramRefused("shelf", error.reason, error.detail))
            return
        except OSError as error:
            self.context.event(ProgramRefused("shelf", Reason.NO_SPACE, _line(error)))
            return
        for installed, fault in faulty:
            name = f"{installed.manifest.name} {installed.version}"
            self.context.event(ProgramRefused(name, Reason.CORRUPT, fault))
        self._tell_programs()

    @handles(InstallProgram)
    def _install(self, command: InstallProgram) -> None:
        with self._refusing(command.file):
            installed = self._programs.install(command.file)
        name, sha = installed.manifest.name, installed.sha256[:16]
        self.context.event(ProgramInstalled(name, installed.version, sha))
        self._tell_programs()

    @handles(ActivateProgram)
    def _activate(self, command: ActivateProgram) -> None:
        with self._refusing(f"{command.name} {command.version}"):
            self._turned(self._programs.activate(command.name, command.version))

    @handles(RollBackProgram)
    def _roll_back(self, command: RollBackProgram) -> None:
        with self._refusing(command.name):
            self._turned(self._programs.roll_back(command.name))

    def _turned(self, installed: Installed) -> None:
        self.context.event(ProgramActivated(installed.manifest.name, installed.version))
        self._tell_programs()

    @contextlib.contextmanager
    def _refusing(self, what: str) -> Iterator[None]:
        """Turn whatever prevents a change into an event and a refusal."""
        try:
            yield
        except (BundleError, ShelfError) as error:
            reason, detail = error.reason, error.detail
        except OSError as error:
            reason, detail = Reason.NO_SPACE, _line(error)
        else:
            return
        self.context.event(ProgramRefused(what, reason, detail))
        raise Refused(reason, detail)

    def _tell_programs(self) -> None:
        for installed, active in self._programs.shelf.installed():
            manifest = installed.manifest
            state = ProgramState.QUARANTINED if installed.fault else ProgramState.INSTALLED
            sha, size = installed.sha256[:16], installed.size
            self.context.publish(
                ProgramStatus(manifest.name, installed.version, state, active, size, sha)
            )


def _line(error: OSError) -> str:
    return error.strerror or str(error)
