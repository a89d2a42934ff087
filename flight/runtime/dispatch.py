"""Context and dispatch, shared by both hostings: handlers are called here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from flight.dictionary import layout
from flight.dictionary.arrays import ArrayRef
from flight.dictionary.codec import ENCODER
from flight.dictionary.commands import Reply
from flight.dictionary.enums import Reason, Severity
from flight.dictionary.events import EventsSuppressed, HandlerFailed
from flight.dictionary.registry import Command, Event, Telemetry, item
from flight.dictionary.telemetry import EventReport
from flight.runtime.clock import Clock
from flight.runtime.confine import UNCONFINED, Confinement
from flight.runtime.parameters import Parameters
from flight.runtime.service import P, Port, Refused, Region, Service, Store, Timer, Worker, handlers

BURST = 20  # events of one service and severity that may come at once
REFILL = 2.0  # events per s thereafter
SETTLE = 2.0  # s after which what was suppressed is reported, whether or not an event follows


class Hosting(Protocol):
    """What a hosting provides to the contexts of its services."""

    clock: Clock
    store: Store
    parameters: Parameters

    def publish(self, message: Telemetry) -> None: ...
    def request(self, command: Command, then: Callable[[Reply], None], deadline: float) -> None: ...
    def timer(self, due: float, period: float | None, call: Callable[[], None]) -> Timer: ...
    def port(self, settings: dict[str, Any], receive: Callable[[bytes], None]) -> Port: ...
    def region(self, name: str, size: int) -> Region: ...
    def protected(self) -> dict[str, int]: ...
    def attach(self, name: str) -> memoryview: ...
    def worker(
        self,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
        confinement: Confinement = UNCONFINED,
    ) -> Worker: ...
    def renew_workers(self) -> None: ...
    def put_array(self, array: Any) -> ArrayRef: ...
    def fetch_array(self, ref: ArrayRef) -> Any: ...


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float
    suppressed: int = 0


class EventGate:
    """Token bucket per severity of one service; CRITICAL and above always pass."""

    def __init__(self) -> None:
        self._buckets: dict[Severity, _Bucket] = {}

    def admit(self, severity: Severity, now: float) -> tuple[bool, int]:
        """Whether an event passes, and how many were suppressed before it."""
        if severity >= Severity.CRITICAL:
            return True, 0
        bucket = self._buckets.setdefault(severity, _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.filled) * REFILL)
        bucket.filled = now
        if bucket.tokens < 1:
            bucket.suppressed += 1
            return False, 0
        bucket.tokens -= 1
        suppressed, bucket.suppressed = bucket.suppressed, 0
        return True, suppressed

    def settle(self) -> int:
        """How many were suppressed and not reported yet; they now count as reported."""
        count = sum(bucket.suppressed for bucket in self._buckets.values())
        for bucket in self._buckets.values():
            bucket.suppressed = 0
        return count


class ServiceContext:
    """The Context of one service (flight.runtime.service.Context)."""

    def __init__(self, host: Hosting, name: str, settings: dict[str, Any], seed: int) -> None:
        self.name = name
        self.clock = host.clock
        self.store = host.store
        self.settings = settings
        self.seed = seed
        self._host = host
        self._gate = EventGate()
        self._settling = False
        self.publish = host.publish
        self.region = host.region
        self.protected = host.protected
        self.attach = host.attach
        self.renew_workers = host.renew_workers
        self.publish_array = host.put_array
        self.fetch_array = host.fetch_array

    def parameters(self, kind: type[P]) -> P:
        """Current value of a parameter set."""
        return self._host.parameters.get(kind)

    def event(self, event: Event) -> None:
        """Report an event, unless its token bucket is dry."""
        passes, suppressed = self._gate.admit(item(event).severity, self.clock.now())
        if suppressed:
            self._report(EventsSuppressed(self.name, suppressed))
        if passes:
            self._report(event)
        elif not self._settling:
            self._settling = True
            self.after(SETTLE, self._settle)

    def _settle(self) -> None:
        self._settling = False
        if suppressed := self._gate.settle():
            self._report(EventsSuppressed(self.name, suppressed))

    def _report(self, event: Event) -> None:
        entry = item(event)
        body = ENCODER.encode(_printable(event))
        utc = self.clock.utc_ns()
        self.publish(EventReport(entry.id, entry.severity, self.name, utc, body))

    def request(
        self,
        command: Command,
        then: Callable[[Reply], None] = lambda reply: None,
        deadline: float = 2.0,
    ) -> None:
        """Send a command; ``then`` is called exactly once."""
        self._host.request(command, self.guarded("reply", then), deadline)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once, that much later."""
        return self._host.timer(self.clock.now() + seconds, None, self.guarded("timer", call))

    def every(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call again and again."""
        return self._host.timer(self.clock.now() + seconds, seconds, self.guarded("timer", call))

    def port(self, name: str, receive: Callable[[bytes], None]) -> Port:
        """Open the datagram port that the settings of this name describe."""
        return self._host.port(self.settings[name], self.guarded(name, receive))

    def worker(
        self,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
        confinement: Confinement = UNCONFINED,
    ) -> Worker:
        """Start a worker; what the service does with its messages is guarded."""
        heard, ended = self.guarded(name, on_message), self.guarded(name, on_exit)
        return self._host.worker(name, entry, config, heard, ended, confinement)

    def guarded(self, name: str, call: Callable[..., Any]) -> Callable[..., None]:
        """A call whose exceptions become an event: one bad message does not end a service."""

        def guard(*arguments: Any) -> None:
            try:
                call(*arguments)
            except Exception as error:
                self.event(HandlerFailed(name, _line(error)))

        return guard


def _printable(event: Event) -> Event:
    """The event with its texts cut to size and in ASCII: what happened must never be refused."""
    texts = {
        field.name: _ascii(getattr(event, field.name), field.size)
        for field in layout.fields(type(event))
        if field.wire == "text"
    }
    return msgspec.structs.replace(event, **texts) if texts else event


def _ascii(text: str, size: int) -> str:
    line = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    return line.encode("ascii", "replace").decode()[:size]


def executor_of(
    context: ServiceContext, method: Callable[[Any], Any]
) -> Callable[[Command], Reply]:
    """Wrap a command handler so that every outcome is an answer."""

    def execute(command: Command) -> Reply:
        try:
            answer = method(command)
        except Refused as refusal:
            return Reply(refusal.reason, refusal.detail)
        except Exception as error:
            context.event(HandlerFailed(item(command).name, _line(error)))
            return Reply(Reason.INTERNAL, _line(error))
        if isinstance(answer, Reply):
            return answer
        return Reply(result=answer if isinstance(answer, bytes) else b"")

    return execute


def wire(
    service: Service,
    context: ServiceContext,
    subscribe: Callable[[type[Telemetry], Callable[[Any], None]], None],
    serve: Callable[[type[Command], Callable[[Command], Reply]], None],
) -> None:
    """Connect the marked handlers of a service to a hosting."""
    for kind, method in handlers(service, "_subscribes").items():
        subscribe(kind, context.guarded(item(kind).name, method))  # type: ignore[arg-type]
    for kind, method in handlers(service, "_handles").items():
        serve(kind, executor_of(context, method))  # type: ignore[arg-type]


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
