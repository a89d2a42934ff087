"""What commanding writes down: the ledger of telecommands and the audit log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from flight.commanding.ledger import Ledger
from flight.dictionary.events import WriteFailed
from flight.dictionary.operations import AuditStatus
from flight.runtime.audit import AuditLog
from flight.runtime.service import Context

DIRECTORY = "audit"


class Book:
    """A full disk must not take the node out of command: what cannot be written is an event when
    that begins. ``unsaved`` says why the ledger on disk is behind, if it is."""

    def __init__(self, context: Context) -> None:
        self.ledger = Ledger(context.store)
        self.unsaved: OSError | None = None
        self._context = context
        self._audit: AuditLog | None = None
        self._silent = False

    def save(self, write: Callable[[], None] | None = None) -> None:
        """Persist the ledger, by ``write`` when it is also changed."""
        try:
            (write or self.ledger.save)()
        except OSError as error:
            began, self.unsaved = self.unsaved is None, error
            if began:
                self._context.event(WriteFailed("command ledger", str(error.strerror)))
        else:
            self.unsaved = None

    def note(self, what: str, subject: str, who: str = "", detail: str = "") -> None:
        """Make an entry in the audit log."""
        utc_ns = self._context.clock.utc_ns()
        try:
            if self._audit is None:
                self._audit = AuditLog(self._context.store.path(DIRECTORY))
            self._audit.add(utc_ns, what, subject, who, detail)
        except OSError as error:
            if not self._silent:
                self._context.event(WriteFailed("audit log", str(error.strerror)))
            self._silent = True
        else:
            self._silent = False
            self._context.publish(AuditStatus(self._audit.entries, self._audit.head))

    def close(self) -> None:
        """Everything is on the medium, if it takes it."""
        if self._audit is not None:
            with contextlib.suppress(OSError):
                self._audit.close()
