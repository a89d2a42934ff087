"""Storage: records the bus, keeps products, and says what is to be downlinked next."""

from __future__ import annotations

import math

import msgspec

from flight.dictionary.commands import FileDelivered, ResendProduct, StoreProduct
from flight.dictionary.enums import Reason
from flight.dictionary.parameters import StorageParameters
from flight.dictionary.product import Provenance
from flight.dictionary.registry import Telemetry
from flight.runtime.service import Context, Refused, Service, Timer, handles, subscribes
from flight.storage.products import Products, product_name
from flight.storage.queue import QueueFull
from flight.storage.recorded import RECORDED
from flight.storage.recorder import Recorder


class Storage(Service):
    """Recorder, product store and downlink queue."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = Recorder(context)
        self._products = Products(context.store)
        self._sync: Timer | None = None
        self._sync_period = math.nan

    def start(self) -> None:
        """Offer the head of the queue."""
        self.context.every(1.0, self._tick)
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
            self._products.keep(command.task, result, provenance)
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
            self._products.delivered(command.name)
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"downlink queue: {error.strerror}") from error
        self._offer()

    @handles(ResendProduct)
    def _resend(self, command: ResendProduct) -> None:
        try:
            if self._products.find(command.task) is None:
                raise Refused(Reason.UNKNOWN, f"no product of task {command.task}")
            self._products.downlinks.add(product_name(command.task))
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"downlink queue: {error.strerror}") from error
        except QueueFull as error:
            raise Refused(Reason.BUSY, str(error)) from error
        self._offer()

    def _offer(self) -> None:
        self.context.publish(self._products.downlinks.head())
