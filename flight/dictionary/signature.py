"""Signatures of program bundles: Ed25519 (RFC 8032), raw public keys of 32 octets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from flight.dictionary.bundle import KEY_ID_SIZE, Bundle, BundleError, parse_bundle, read_seal
from flight.dictionary.content import content_hash
from flight.dictionary.enums import Reason
from flight.dictionary.manifest import Manifest


def key_id(public: bytes) -> bytes:
    """By what a bundle names the key that signed it."""
    return hashlib.sha256(public).digest()[:KEY_ID_SIZE]


def check_signature(data: bytes, keys: Sequence[bytes]) -> None:
    """Raises BundleError unless one of the keys has signed the bundle.

    No octet beyond the header is interpreted.
    """
    seal = read_seal(data)
    if not keys:
        raise BundleError(Reason.AUTHENTICATION, "this node has no program key")
    known = {key_id(public): public for public in keys}
    if seal.key_id not in known:
        raise BundleError(Reason.AUTHENTICATION, f"signed with unknown key {seal.key_id.hex()}")
    public = Ed25519PublicKey.from_public_bytes(known[seal.key_id])
    try:
        public.verify(seal.signature, seal.covered)
    except InvalidSignature:
        raise BundleError(Reason.AUTHENTICATION, "signature does not match") from None


def check_dictionary(manifest: Manifest) -> None:
    """Raises BundleError FORMAT when the program was made with another dictionary."""
    ours, theirs = content_hash().hex(), manifest.dictionary
    if theirs != ours:
        detail = f"made with dictionary {theirs[:8]}, this is {ours[:8]}"
        raise BundleError(Reason.FORMAT, detail)


def verify_bundle(data: bytes, keys: Sequence[bytes]) -> Bundle:
    """The content of a bundle that one of the keys has signed. Raises BundleError."""
    check_signature(data, keys)
    bundle = parse_bundle(data)
    check_dictionary(bundle.manifest)
    return bundle
