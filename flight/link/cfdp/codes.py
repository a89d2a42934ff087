"""Code points of CFDP (CCSDS 727.0-B-5, section 5) and the typed refusal of a PDU."""

from __future__ import annotations

from enum import IntEnum, StrEnum, unique


@unique
class PduType(IntEnum):
    """PDU type bit (table 5-1)."""

    FILE_DIRECTIVE = 0
    FILE_DATA = 1


@unique
class Direction(IntEnum):
    """Direction bit (table 5-1)."""

    TOWARDS_RECEIVER = 0
    TOWARDS_SENDER = 1


@unique
class Directive(IntEnum):
    """File directive codes (table 5-4)."""

    EOF = 0x04
    FINISHED = 0x05
    ACK = 0x06
    METADATA = 0x07
    NAK = 0x08
    PROMPT = 0x09
    KEEP_ALIVE = 0x0C


@unique
class ConditionCode(IntEnum):
    """Condition codes (table 5-5)."""

    NO_ERROR = 0
    POSITIVE_ACK_LIMIT_REACHED = 1
    KEEP_ALIVE_LIMIT_REACHED = 2
    INVALID_TRANSMISSION_MODE = 3
    FILESTORE_REJECTION = 4
    FILE_CHECKSUM_FAILURE = 5
    FILE_SIZE_ERROR = 6
    NAK_LIMIT_REACHED = 7
    INACTIVITY_DETECTED = 8
    INVALID_FILE_STRUCTURE = 9
    CHECK_LIMIT_REACHED = 10
    UNSUPPORTED_CHECKSUM_TYPE = 11
    SUSPEND_REQUEST_RECEIVED = 14
    CANCEL_REQUEST_RECEIVED = 15


@unique
class FaultHandler(IntEnum):
    """What a fault leads to (5.4.4)."""

    CANCEL = 1
    SUSPEND = 2
    IGNORE = 3
    ABANDON = 4


@unique
class DeliveryCode(IntEnum):
    """Delivery codes of the Finished PDU (table 5-7)."""

    DATA_COMPLETE = 0
    DATA_INCOMPLETE = 1


@unique
class FileStatus(IntEnum):
    """File status of the Finished PDU (table 5-7)."""

    DISCARDED_DELIBERATELY = 0
    DISCARDED_FILESTORE_REJECTION = 1
    RETAINED = 2
    UNREPORTED = 3


@unique
class TransactionStatus(IntEnum):
    """Transaction status of the ACK PDU (table 5-8)."""

    UNDEFINED = 0
    ACTIVE = 1
    TERMINATED = 2
    UNRECOGNIZED = 3


@unique
class ChecksumType(IntEnum):
    """File checksum identifiers (SANA registry) that this entity can compute."""

    MODULAR = 0
    CRC_32C = 2
    NULL = 15


@unique
class TlvType(IntEnum):
    """TLV types (5.4)."""

    FILESTORE_REQUEST = 0x00
    FILESTORE_RESPONSE = 0x01
    MESSAGE_TO_USER = 0x02
    FAULT_HANDLER_OVERRIDE = 0x04
    FLOW_LABEL = 0x05
    ENTITY_ID = 0x06


@unique
class Reason(StrEnum):
    """Why a PDU is refused; the value is the suffix of a counter."""

    LENGTH = "length"
    VERSION = "version"
    CRC = "crc"
    CRC_ABSENT = "crc_absent"
    MODE = "mode"
    LARGE_FILE = "large_file"
    DIRECTION = "direction"
    DIRECTIVE = "directive"
    SEGMENT_METADATA = "segment_metadata"
    CODE = "code"
    TLV = "tlv"


class CfdpError(ValueError):
    """A PDU that is refused; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"CFDP PDU refused: {reason.value}")
        self.reason = reason
