"""A reception as a record, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from flight.link.cfdp.codes import ConditionCode
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filestore import Filestore
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.pdu import Pdu, parse
from flight.link.cfdp.reception import Reception
from flight.link.cfdp.records import VERSION, Inbound, pack_ranges, unpack_ranges
from flight.link.cfdp.settings import Settings


def snapshot(reception: Reception) -> Inbound | None:
    """The record of a reception; None as long as nothing is known but octets."""
    intake = reception.intake
    if intake.metadata is None and intake.eof is None and reception.finished is None:
        return None
    ranges = pack_ranges(intake.assembly.received) if intake.metadata else []
    return Inbound(
        VERSION,
        reception.id,
        _pack(intake.metadata),
        _pack(intake.eof),
        _pack(reception.finished),
        ranges,
        intake.assembly.repeated,
        reception.suspended,
        intake.committing,
    )


def revive(
    record: Inbound,
    filestore: Filestore,
    settings: Callable[[int], Settings],
    counters: Counter[str],
    keep: Callable[[Reception], None],
    now: float,
) -> Reception:
    """The reception of a record; raises `ValueError` for one that makes no sense."""
    metadata, eof, finished = map(_parse, (record.metadata, record.eof, record.finished))
    known = metadata or eof or finished
    if known is None:
        raise ValueError("record of a reception without a PDU")
    chosen = settings(known.header.source)
    reception = Reception(known.header, filestore, chosen, counters, keep, now)
    intake = reception.intake
    if isinstance(metadata, Metadata):
        intake.metadata = metadata
    if isinstance(eof, Eof):
        intake.eof = eof
    if isinstance(finished, Finished):
        reception.outcome.restore(finished)
    intake.committing = record.committing
    intake.assembly.repeated = record.repeated
    ranges = list(unpack_ranges(record.ranges))
    if reception.finished is not None:
        intake.assembly.claim(ranges)
    elif intake.metadata is not None:
        try:
            _reopen(reception, filestore, ranges)
        except OSError:
            reception.cancel(ConditionCode.FILESTORE_REJECTION)
    reception.restored(now)
    if record.suspended:
        reception.suspend(now)
    return reception


def _reopen(reception: Reception, filestore: Filestore, ranges: list[tuple[int, int]]) -> None:
    """Find the file under construction; it is delivered if it is gone while it was committed."""
    intake, metadata = reception.intake, reception.intake.metadata
    assert metadata is not None
    name, size = metadata.destination_name, metadata.size
    sink = filestore.reopen(name, size, reception.id)
    if sink is not None:
        intake.assembly.claim(ranges)
        intake.assembly.open(sink)
    elif intake.committing:
        intake.assembly.claim(ranges)
        reception.deliver()
    else:
        intake.assembly.open(filestore.open(name, size, reception.id))


def _pack(pdu: Pdu | None) -> bytes:
    return pdu.pack() if pdu else b""


def _parse(raw: bytes) -> Pdu | None:
    return parse(raw, require_crc=False) if raw else None
