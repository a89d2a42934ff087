"""What a service is, and what it is given. A service owns no thread, socket, clock or loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from flight.dictionary.commands import Reply
from flight.dictionary.enums import Reason
from flight.dictionary.registry import Command, Event, Message, ParameterSet, Telemetry
from flight.runtime.clock import Clock
from flight.runtime.confine import UNCONFINED, Confinement
from flight.runtime.files import Piece

P = TypeVar("P", bound=ParameterSet)
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Refused(Exception):
    """Raised by a command handler: the command is answered with this reason, that is all."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Timer(Protocol):
    """A pending or repeating call."""

    def cancel(self) -> None:
        """Never call again."""


class Port(Protocol):
    """A datagram port of the node: UDP in flight, a wire to the emulator in simulation."""

    def send(self, datagram: bytes) -> None:
        """Send one datagram; drops and counts when the far side cannot take it."""


class Worker(Protocol):
    """A computation beside the service: a process in flight, a call in simulation."""

    name: str
    pid: int

    def send(self, message: bytes) -> None:
        """Send one message of at most 64 KiB to the worker's ``handle``."""

    def kill(self) -> None:
        """End it at once; ``on_exit`` follows."""


class Region(Protocol):
    """Named shared memory that the node owns."""

    name: str
    memory: memoryview

    def close(self) -> None:
        """Unmap; the owner also removes the name."""


class Store(Protocol):
    """Persistent files: atomic, CRC-checked, with the previous generation kept."""

    def write(self, name: str, data: bytes) -> None:
        """Replace a file as one step. Raises OSError when it cannot; the old one then stays."""

    def read(self, name: str) -> bytes | None:
        """Newest generation that verifies, or None. Never bytes that fail their CRC."""

    def generations(self, name: str) -> list[bytes]:
        """All generations that verify, newest first."""

    def write_slot(self, name: str, slot: int, pieces: Iterable[Piece]) -> None:
        """Replace one of the SLOTS of a large file as one step, by pieces of (offset, data).

        Raises OSError, and whatever ``pieces`` raises: the slot is then as it was, but for an
        error in the last step, syncing the directory. The slot carries its own checks.
        """

    def open_slot(self, name: str, slot: int) -> BinaryIO | None:
        """A slot to be read from the medium, None when absent. Raises OSError."""

    def remove(self, name: str) -> None:
        """Remove all generations and slots."""

    def names(self, prefix: str = "") -> list[str]:
        """Names that have at least one generation or slot, sorted."""

    def path(self, name: str) -> Path:
        """A path below the store for files that are not CRC-framed (recorder, products)."""


def kept(store: Store, name: str) -> list[bytes]:
    """All generations that verify, newest first; none where the medium refuses to be read.

    For what a service can do without: it must not keep a node from starting.
    """
    try:
        return store.generations(name)
    except OSError:
        return []


class Context(Protocol):
    """All that a service may touch. The same in both hostings (DESIGN, section 2)."""

    name: str
    clock: Clock
    store: Store
    settings: dict[str, Any]  # the service's table of node.toml
    seed: int

    def parameters(self, kind: type[P]) -> P:
        """Current value of a parameter set."""

    def publish(self, message: Telemetry) -> None:
        """Publish on the message's topic."""

    def publish_array(self, array: Any) -> Any:
        """Put an array into this process's ring; return its ArrayRef."""

    def fetch_array(self, ref: Any) -> Any:
        """Copy of the array a reference names. Raises LookupError when it was overwritten."""

    def event(self, event: Event) -> None:
        """Report an event; rate-limited per service and severity, CRITICAL and above never."""

    def request(
        self,
        command: Command,
        then: Callable[[Reply], None] = lambda reply: None,
        deadline: float = 2.0,
    ) -> None:
        """Send a command to the service that executes it; ``then`` is called exactly once,
        with TIMED_OUT when no answer came within ``deadline`` s. Repeats are de-duplicated."""

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once, that much later."""

    def every(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call again and again, without drift."""

    def port(self, name: str, receive: Callable[[bytes], None]) -> Port:
        """Open the datagram port that the settings of this name describe."""

    def region(self, name: str, size: int) -> Region:
        """Create (owner) named shared memory, zeroed."""

    def protected(self) -> dict[str, int]:
        """The protected regions of all processes of the node: names ending in ``.ecc``, each with
        a number that is another one when the region was made anew."""

    def attach(self, name: str) -> memoryview:
        """Map a region that another process owns. Raises OSError when it is gone."""

    def worker(
        self,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
        confinement: Confinement = UNCONFINED,
    ) -> Worker:
        """Start ``entry`` ("module:class") with ``config``, within these limits.

        Death of this process ends it too.
        """

    def renew_workers(self) -> None:
        """Start workers from a fresh image from now on; those that run are left alone."""


class Service:
    """Base of all services: handlers are methods marked by the decorators below."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def start(self) -> None:
        """Called once, when every expected subscriber is connected."""

    def stop(self) -> None:
        """Called once, at an orderly end."""


def subscribes(kind: type[Telemetry]) -> Callable[[Handler], Handler]:
    """Mark ``method(self, message)`` as the handler of a topic."""

    def mark(method: Handler) -> Handler:
        method.__dict__.setdefault("_subscribes", []).append(kind)
        return method

    return mark


def handles(kind: type[Command]) -> Callable[[Handler], Handler]:
    """Mark ``method(self, command) -> Reply | bytes | None`` as the executor of a command.

    The runtime answers: with the result, with the reason of a Refused, or with INTERNAL when the
    handler raised. A handler cannot forget to answer.
    """

    def mark(method: Handler) -> Handler:
        method.__dict__.setdefault("_handles", []).append(kind)
        return method

    return mark


def handlers(service: Service, mark: str) -> dict[type[Message], Callable[[Any], Any]]:
    """Collect the bound methods of a service that carry a mark, by message type."""
    found: dict[type[Message], Callable[[Any], Any]] = {}
    for name in dir(type(service)):
        for kind in getattr(getattr(type(service), name), mark, ()):
            found[kind] = getattr(service, name)
    return found
