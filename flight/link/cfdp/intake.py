"""The file of one reception: what its PDUs say of it, and whether they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from flight.link.cfdp.assembly import Assembly
from flight.link.cfdp.checksum import SUPPORTED
from flight.link.cfdp.codes import ConditionCode
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.filestore import Filestore, acceptable
from flight.link.cfdp.integrity import digest_of
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.reports import TransactionId
from flight.link.cfdp.segments import Range

GOOD: Final = ConditionCode.NO_ERROR


class Intake:
    """Takes metadata, data and EOF in any order and returns the condition that they lead to.

    Storage that fails is FILESTORE_REJECTION. `counters`: `duplicate`, `overflow`.
    """

    def __init__(
        self, transaction: TransactionId, filestore: Filestore, segment: int, counters: Counter[str]
    ) -> None:
        self.metadata: Metadata | None = None
        self.eof: Eof | None = None
        self.assembly = Assembly(segment)
        self.committing = False
        self._transaction = transaction
        self._filestore = filestore
        self._counters = counters

    @property
    def name(self) -> str:
        """Name under which the file will be delivered, empty until known."""
        return self.metadata.destination_name if self.metadata else ""

    @property
    def size(self) -> int | None:
        """File size, from whichever of metadata and EOF is known."""
        known = self.metadata or self.eof
        return known.size if known else None

    @property
    def whole(self) -> bool:
        """Whether all of the file is there, not yet verified."""
        eof, assembly = self.eof, self.assembly
        return eof is not None and assembly.opened and assembly.received.total >= eof.size

    def on_metadata(self, pdu: Metadata) -> ConditionCode:
        """Reserve space for the file."""
        if self.metadata is not None:
            if pdu != self.metadata:
                return ConditionCode.INVALID_FILE_STRUCTURE
            self._counters["duplicate"] += 1
            return GOOD
        self.metadata = pdu
        if pdu.checksum_type not in SUPPORTED:
            return ConditionCode.UNSUPPORTED_CHECKSUM_TYPE
        if (self.eof is not None and self.eof.size != pdu.size) or self.assembly.end > pdu.size:
            return ConditionCode.FILE_SIZE_ERROR
        if not acceptable(pdu.destination_name):
            return ConditionCode.FILESTORE_REJECTION
        try:
            sink = self._filestore.open(pdu.destination_name, pdu.size, self._transaction)
            self.assembly.open(sink)
        except OSError:
            return ConditionCode.FILESTORE_REJECTION
        return GOOD

    def on_data(self, pdu: FileData) -> tuple[ConditionCode, list[Range]]:
        """Keep what is new; returns the ranges as well."""
        start, data = pdu.offset, pdu.data
        end = start + len(data)
        size = self.size
        if size is not None and end > size:
            return ConditionCode.FILE_SIZE_ERROR, []
        if self.assembly.overflows(start, end):
            self._counters["overflow"] += 1
            return GOOD, []
        try:
            fresh = self.assembly.add(start, data)
        except OSError:
            return ConditionCode.FILESTORE_REJECTION, []
        if fresh is None:
            return ConditionCode.INVALID_FILE_STRUCTURE, []
        if not fresh:
            self._counters["duplicate"] += 1
        return GOOD, fresh

    def on_eof(self, pdu: Eof) -> ConditionCode:
        """Take the size and the checksum; a repeated EOF must be the same."""
        if self.eof is not None:
            same = (pdu.checksum, pdu.size) == (self.eof.checksum, self.eof.size)
            return GOOD if same else ConditionCode.INVALID_FILE_STRUCTURE
        if self.assembly.end > pdu.size or (self.metadata and self.metadata.size != pdu.size):
            return ConditionCode.FILE_SIZE_ERROR
        self.eof = pdu
        return GOOD

    def complete(self, keep: Callable[[], None]) -> ConditionCode | None:
        """Verify a whole file step by step and commit it; None until that is done.

        `keep` makes it known, durably, that the file is about to be committed.
        """
        if not self.whole:
            return None
        assert self.metadata is not None
        assert self.eof is not None
        metadata = self.metadata
        try:
            good = self.assembly.verified(
                metadata.size,
                metadata.checksum_type,
                self.eof.checksum,
                digest_of(metadata.options),
            )
            if good is None:
                return None
            if not good:
                return ConditionCode.FILE_CHECKSUM_FAILURE
            self.committing = True
            keep()
            self.assembly.commit()
        except OSError:
            self.committing = False
            return ConditionCode.FILESTORE_REJECTION
        return GOOD

    def discard(self) -> None:
        """Forget the file; what cannot be forgotten is counted in `discard_failed`."""
        try:
            self.assembly.discard()
        except OSError:
            self._counters["discard_failed"] += 1
