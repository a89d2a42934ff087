"""Any sequence of valid PDUs, and random octets, at a receiving entity."""

from __future__ import annotations

import errno
import random

from cfdp_bench import Receiver
from cfdp_files import MemorySink, MemoryStore
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.cfdp import ConditionCode, Settings, TransactionId, parse
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import Directive, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.header import Header
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.pdu import Pdu

NO_SPACE = OSError(errno.ENOSPC, "no space left on device")
CODE = ConditionCode

NUMBERS = st.one_of(st.integers(0, 260), st.sampled_from([2**31, 2**32 - 2, 2**32 - 1]))
HEADERS = st.builds(Header, st.just(1), st.integers(1, 2), st.integers(0, 3))
CHAOS = st.one_of(
    st.builds(Metadata, HEADERS, NUMBERS, st.just("s"), st.sampled_from(["a", "b", "..", "x/y"])),
    st.builds(FileData, HEADERS, NUMBERS, st.binary(max_size=80)),
    st.builds(
        Eof,
        HEADERS,
        st.sampled_from([CODE.NO_ERROR] * 3 + [CODE.CANCEL_REQUEST_RECEIVED]),
        st.integers(0, 1),
        NUMBERS,
    ),
    st.builds(
        Ack,
        HEADERS,
        st.sampled_from([Directive.EOF, Directive.FINISHED]),
        st.just(CODE.NO_ERROR),
        st.just(TransactionStatus.ACTIVE),
    ),
    st.builds(
        Nak, HEADERS, NUMBERS, NUMBERS, st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4).map(tuple)
    ),
)
STEPS = st.lists(st.tuples(CHAOS, st.floats(0, 0.5)), max_size=40)


class BoundedStore(MemoryStore):
    """Refuses files above 1000 octets, as a filestore without the space would."""

    def open(self, name: str, size: int, transaction: TransactionId) -> MemorySink:
        if size > 1000:
            raise NO_SPACE
        return super().open(name, size, transaction)


@settings(max_examples=150)
@given(STEPS, st.integers(1, 4), st.integers(0, 3))
def test_any_sequence_of_valid_pdus_keeps_the_invariants(
    steps: list[tuple[Pdu, float]], limit: int, retries: int
) -> None:
    """No exception, no write outside a file, no sink leaked, timers always in the future."""
    store, now = BoundedStore(), 0.0
    receiver = Receiver(2, store, Settings(retry_limit=retries, inactivity=3.0), limit)
    for pdu, pause in steps:
        now += pause
        for raw in receiver.receive(pdu.pack(), now) + receiver.tick(now):
            parse(raw)
        wanted = receiver.next_time()
        assert wanted is None or wanted > now
        assert len(receiver.engine._incoming._open) <= limit
        assert store.open_sinks <= len(receiver.progress())
    for _ in range(200):
        wanted = receiver.next_time()
        if wanted is None:
            break
        now = wanted
        receiver.tick(now)
    assert store.open_sinks <= len(receiver.progress())


def test_random_octets_never_raise() -> None:
    draw = random.Random(4)
    receiver = Receiver(2, MemoryStore(), Settings())
    trials = 20_000
    for _ in range(trials):
        assert receiver.receive(draw.randbytes(draw.randrange(64)), 0.0) == []
    refused = sum(count for name, count in receiver.counters.items() if name.startswith("refused"))
    assert refused == trials, f"{trials - refused} of {trials} random inputs accepted"
