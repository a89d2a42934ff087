"""What protects the data of a frame: AES-256-GCM, or HMAC-SHA-256 over clear data.

Both use the 12-octet counter of the security header and leave a tag of 16 octets behind the data.
``header`` is the part of the frame before the security header as it is authenticated.
"""

from __future__ import annotations

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flight.link.sdls.errors import SecurityError, SecurityFault

IV_SIZE = 12
TAG_SIZE = 16


class Gcm:
    """Authenticated encryption (CCSDS 355.0-B-2, annex E1; NIST SP 800-38D).

    The mask of the standard authenticates the security parameter index and leaves the IV out, which
    GCM covers by itself.
    """

    __slots__ = ("_aes", "_index")

    def __init__(self, key: bytes, spi: bytes) -> None:
        self._aes = AESGCM(key)
        self._index = spi + bytes(IV_SIZE)

    def seal(self, iv: bytes, header: bytes, data: bytes) -> bytes:
        """Ciphertext and tag."""
        return self._aes.encrypt(iv, data, header + self._index)

    def open(self, iv: bytes, header: bytes, sealed: bytes) -> bytes:
        """Data. Raises SecurityError."""
        try:
            return self._aes.decrypt(iv, sealed, header + self._index)
        except InvalidTag:
            raise SecurityError(SecurityFault.TAG) from None


class Hmac:
    """Authentication only, for bands where encryption is not allowed (FIPS 198-1)."""

    __slots__ = ("_key", "_spi")

    def __init__(self, key: bytes, spi: bytes) -> None:
        self._key, self._spi = key, spi

    def _tag(self, iv: bytes, header: bytes, data: bytes) -> bytes:
        return hmac.digest(self._key, header + self._spi + iv + data, "sha256")[:TAG_SIZE]

    def seal(self, iv: bytes, header: bytes, data: bytes) -> bytes:
        """Data and tag."""
        return data + self._tag(iv, header, data)

    def open(self, iv: bytes, header: bytes, sealed: bytes) -> bytes:
        """Data. Raises SecurityError."""
        data = sealed[:-TAG_SIZE]
        if not hmac.compare_digest(self._tag(iv, header, data), sealed[-TAG_SIZE:]):
            raise SecurityError(SecurityFault.TAG)
        return data


Cipher = Gcm | Hmac
