"""CFDP PDUs: round trips, and an independent implementation both ways."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacepackets.cfdp import ConditionCode as PeerCondition
from spacepackets.cfdp import CrcFlag, LargeFileFlag, PduConfig, TransmissionMode
from spacepackets.cfdp import pdu as peer
from spacepackets.cfdp.defs import ChecksumType as PeerChecksum
from spacepackets.cfdp.defs import DeliveryCode as PeerDelivery
from spacepackets.cfdp.defs import FileStatus as PeerStatus
from spacepackets.cfdp.pdu.ack import TransactionStatus as PeerTransactionStatus
from spacepackets.cfdp.pdu.file_data import FileDataParams
from spacepackets.cfdp.pdu.finished import FinishedParams
from spacepackets.cfdp.pdu.helper import PduFactory
from spacepackets.cfdp.pdu.metadata import MetadataParams
from spacepackets.cfdp.pdu.prompt import ResponseRequired
from spacepackets.cfdp.tlv import CfdpTlv, EntityIdTlv
from spacepackets.cfdp.tlv.defs import TlvType as PeerTlvType
from spacepackets.util import ByteFieldU16, ByteFieldU32

from flight.link.cfdp import parse, towards_sender
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    Direction,
    Directive,
    FileStatus,
    TransactionStatus,
)
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.keepalive import KeepAlive
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak, capacity
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.prompt import Prompt
from flight.link.cfdp.tlv import Tlv

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
HEADERS = st.builds(Header, U16, U16, U32, st.booleans(), st.booleans())
SIZES = U32
NO_LOCATION = (ConditionCode.NO_ERROR, ConditionCode.UNSUPPORTED_CHECKSUM_TYPE)
KNOWN_TO_PEER = st.sampled_from(
    [code for code in ConditionCode if code is not ConditionCode.INVALID_FILE_STRUCTURE]
)
NAMES = st.text(min_size=1, max_size=60)
MESSAGES = st.lists(st.builds(Tlv, st.just(2), st.binary(min_size=1, max_size=40)), max_size=3)
TLVS = st.lists(st.builds(Tlv, st.integers(0, 255), st.binary(max_size=255)), max_size=4)
ANY_NAME = st.binary(max_size=255).map(lambda octets: octets.decode("utf-8", "surrogateescape"))


def located(code: ConditionCode, location: int) -> int | None:
    return None if code in NO_LOCATION else location


METADATA = st.builds(
    Metadata,
    HEADERS,
    SIZES,
    NAMES,
    NAMES,
    st.sampled_from([0, 1, 2, 3, 15]),
    st.booleans(),
    MESSAGES.map(tuple),
)
FILE_DATA = st.builds(FileData, HEADERS, SIZES, st.binary(min_size=1, max_size=700))
EOFS = st.builds(
    lambda header, code, checksum, size, location: Eof(
        header, code, checksum, size, located(code, location)
    ),
    HEADERS,
    KNOWN_TO_PEER,
    U32,
    SIZES,
    U16,
)
FINISHED = st.builds(
    lambda header, code, delivery, status, location: Finished(
        header, code, delivery, status, located(code, location)
    ),
    HEADERS,
    KNOWN_TO_PEER,
    st.sampled_from(DeliveryCode),
    st.sampled_from(FileStatus),
    U16,
)
ACKS = st.builds(
    Ack,
    HEADERS,
    st.sampled_from([Directive.EOF, Directive.FINISHED]),
    KNOWN_TO_PEER,
    st.sampled_from(TransactionStatus),
)
NAKS = st.builds(
    Nak, HEADERS, SIZES, SIZES, st.lists(st.tuples(SIZES, SIZES), max_size=70).map(tuple)
)
KEEP_ALIVES = st.builds(KeepAlive, HEADERS, SIZES)
PROMPTS = st.builds(Prompt, HEADERS, st.booleans())
PDUS = st.one_of(METADATA, FILE_DATA, EOFS, FINISHED, ACKS, NAKS, KEEP_ALIVES, PROMPTS)


def configuration(header: Header) -> PduConfig:
    return PduConfig(
        source_entity_id=ByteFieldU16(header.source),
        dest_entity_id=ByteFieldU16(header.destination),
        transaction_seq_num=ByteFieldU32(header.transaction),
        trans_mode=TransmissionMode.ACKNOWLEDGED,
        file_flag=LargeFileFlag(int(header.large)),
        crc_flag=CrcFlag(int(header.crc)),
    )


def entity_tlv(location: int | None) -> EntityIdTlv | None:
    return None if location is None else EntityIdTlv(location.to_bytes(2, "big"))


def peer_metadata(pdu: Metadata) -> peer.MetadataPdu:
    options = [CfdpTlv(PeerTlvType(tlv.kind), tlv.value) for tlv in pdu.options]
    parameters = MetadataParams(
        pdu.closure_requested,
        PeerChecksum(pdu.checksum_type),
        pdu.size,
        pdu.source_name,
        pdu.destination_name,
    )
    return peer.MetadataPdu(configuration(pdu.header), parameters, options or None)


def peer_finished(pdu: Finished) -> peer.FinishedPdu:
    parameters = FinishedParams(
        PeerCondition(pdu.condition),
        PeerDelivery(pdu.delivery),
        PeerStatus(pdu.status),
        [],
        entity_tlv(pdu.fault_location),
    )
    return peer.FinishedPdu(configuration(pdu.header), parameters)


def peer_pdu(pdu: Pdu) -> peer.AbstractFileDirectiveBase | peer.FileDataPdu:
    """The same PDU, built by the independent implementation."""
    if isinstance(pdu, Metadata):
        return peer_metadata(pdu)
    if isinstance(pdu, Finished):
        return peer_finished(pdu)
    header = configuration(pdu.header)
    if isinstance(pdu, FileData):
        return peer.FileDataPdu(header, FileDataParams(pdu.data, pdu.offset))
    if isinstance(pdu, Eof):
        location = entity_tlv(pdu.fault_location)
        condition = PeerCondition(pdu.condition)
        return peer.EofPdu(header, pdu.checksum, pdu.size, location, condition)
    if isinstance(pdu, Ack):
        return peer.AckPdu(
            header,
            peer.DirectiveType(pdu.directive),
            PeerCondition(pdu.condition),
            PeerTransactionStatus(pdu.status),
        )
    if isinstance(pdu, KeepAlive):
        return peer.KeepAlivePdu(header, pdu.progress)
    if isinstance(pdu, Prompt):
        kind = ResponseRequired.KEEP_ALIVE if pdu.keep_alive else ResponseRequired.NAK
        return peer.PromptPdu(header, kind)
    return peer.NakPdu(header, pdu.start_of_scope, pdu.end_of_scope, list(pdu.requests))


@settings(max_examples=400)
@given(PDUS)
def test_packed_like_the_peer_and_parsed_back(pdu: Pdu) -> None:
    raw = pdu.pack()
    assert raw == bytes(peer_pdu(pdu).pack())
    assert parse(raw, require_crc=pdu.header.crc) == pdu
    assert towards_sender(raw) is (pdu.direction is Direction.TOWARDS_SENDER)


@settings(max_examples=300)
@given(PDUS)
def test_the_peer_reads_what_was_packed(pdu: Pdu) -> None:
    read = PduFactory.from_raw(pdu.pack())
    if isinstance(pdu, Eof):
        # The peer leaves the condition code in the upper half of its octet.
        assert read.condition_code >> 4 == pdu.condition
        read.condition_code = PeerCondition(pdu.condition)
    assert read.pack() == pdu.pack()


@settings(max_examples=200)
@given(
    st.builds(Metadata, HEADERS, U32, ANY_NAME, ANY_NAME, st.integers(0, 15), st.booleans(), TLVS)
)
def test_metadata_keeps_any_name_and_option(pdu: Metadata) -> None:
    parsed = parse(pdu.pack(), require_crc=False)
    assert isinstance(parsed, Metadata)
    assert (parsed.source_name, parsed.destination_name) == (pdu.source_name, pdu.destination_name)
    assert list(parsed.options) == pdu.options
    assert parsed.pack() == pdu.pack()


@given(st.builds(Header, U16, U16, U32, st.just(True)), st.integers(0, 2**64 - 1))
def test_large_file_fields_have_eight_octets(header: Header, number: int) -> None:
    for pdu in (
        FileData(header, number, b"x"),
        Eof(header, ConditionCode.NO_ERROR, 1, number),
        Metadata(header, number, "a", "b"),
        Nak(header, 0, number, ((0, number),)),
    ):
        assert parse(pdu.pack()) == pdu


@st.composite
def wide_headers(draw: st.DrawFn) -> Header:
    entity, sequence = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    ids = st.integers(0, 2 ** (8 * entity) - 1)
    return Header(
        draw(ids),
        draw(ids),
        draw(st.integers(0, 2 ** (8 * sequence) - 1)),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
        entity,
        sequence,
    )


@given(wide_headers(), U32)
def test_headers_of_any_width_and_class(header: Header, number: int) -> None:
    pdus = [FileData(header, number, b"x"), Metadata(header, number, "a", "b")]
    pdus.append(Eof(header, ConditionCode.FILE_SIZE_ERROR, 1, number, header.source))
    for pdu in pdus:
        raw = pdu.pack()
        assert parse(raw, require_crc=header.crc) == pdu
        if {header.entity_width, header.sequence_width} <= {1, 2, 4, 8}:  # what the peer can
            read = PduFactory.from_raw(raw).pdu_header
            assert read.transaction_seq_num.value == header.transaction
            assert read.source_entity_id.value == header.source
            assert read.dest_entity_id.value == header.destination


@given(HEADERS, st.integers(47, 2000))
def test_nak_of_full_capacity_fits(header: Header, octets: int) -> None:
    count = capacity(octets, header)
    largest = Nak(header, 0, 1, ((0, 1),) * count)
    assert len(largest.pack()) <= octets
    assert len(Nak(header, 0, 1, ((0, 1),) * (count + 1)).pack()) > octets


def test_too_long_name_and_option_cannot_be_packed() -> None:
    with pytest.raises(ValueError):
        Metadata(Header(1, 2, 7), 0, "a" * 256, "b").pack()
    with pytest.raises(ValueError):
        Tlv(2, bytes(256)).pack()
