"""Space Data Link Security (CCSDS 355.0-B-2): what is sent is protected, what comes is verified."""

from flight.link.sdls.derivation import Direction, fingerprint
from flight.link.sdls.errors import KeyringError, NotProtected, SecurityError, SecurityFault
from flight.link.sdls.keyring import Keyring
from flight.link.sdls.linkend import LinkEnd

__all__ = [
    "Direction",
    "Keyring",
    "KeyringError",
    "LinkEnd",
    "NotProtected",
    "SecurityError",
    "SecurityFault",
    "fingerprint",
]
