"""build/run/summary.json: what was done to the node, what it masked, and both digests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from flight.dictionary.product import Product, decode_product
from ground.products.unpack import unpack
from ground.station.records import Records
from hil.bench.local import LocalBench
from hil.demo.attack import Injected
from hil.demo.flight import SCENE, Flight


def load_product(flight: Flight) -> tuple[Product, int]:
    """The product of a flight, unpacked once so that it is known to verify, and its size."""
    assert flight.product is not None
    data = flight.product.read_bytes()
    product = decode_product(data)
    unpack(product)
    return product, len(data)


def summarise(
    bench: LocalBench,
    station: dict[str, Any],
    calm: Flight,
    hit: Flight,
    injected: Injected,
    seconds: float,
    payload: Path,
) -> dict[str, Any]:
    """All figures of the demonstration; ``ok`` is the conclusion."""
    reference, _ = load_product(calm)
    product, size = load_product(hit)
    proof = product.provenance
    digests = reference.provenance.result_sha256, proof.result_sha256
    refused = _refused(bench)
    return {
        "ok": digests[0] == digests[1] and injected.complete and refused >= injected.forged,
        "digest_undisturbed": digests[0],
        "digest_under_attack": digests[1],
        "identical": digests[0] == digests[1],
        "stages": hit.stages,
        "upsets": {
            "injected": {
                "state_bits": injected.state_flips,
                "weight_bits": injected.weight_flips,
                "kills": injected.kills,
                "outage_s": injected.outage,
                "missed": injected.notes,
            },
            "masked": proof.masked,
            "corrected": proof.corrected,
            "replicas_replaced": proof.replaced,
        },
        "forged_telecommands": {"sent": injected.forged, "refused": refused},
        "frames": _frames(bench.emulator_report(), station, hit),
        "bytes": {
            "scene_file": (payload / f"{SCENE}.npz").stat().st_size,
            "scene_pixels": int(3 * product.shape[0] * product.shape[1]),
            "downlinked_product": size,
            "ratio": round(3 * product.shape[0] * product.shape[1] / size, 1),
        },
        "provenance": msgspec.to_builtins(proof),
        "seconds": round(seconds, 2),
    }


def _refused(bench: LocalBench) -> int:
    """Frames that the node's security layer refused, as it last told the station."""
    with Records(bench.station_dir) as records:
        (newest,) = records.newest("link.security", 1)
    return sum(newest[name] for name in ("spi", "tag", "replay", "ahead"))


def _frames(emulator: Any, station: Any, hit: Flight) -> dict[str, Any]:
    """Frames sent, corrupted on the way, lost in the outage, and octets repaired by CFDP."""
    return {
        direction: {
            "sent": counters["offered"],
            "corrupted": counters["flipped_frames"],
            "bits_flipped": counters["flipped_bits"],
            "lost_in_outage": counters["dropped_outage"],
            "delivered": counters["delivered"],
        }
        for direction, counters in emulator.items()
    } | {
        "commands_retransmitted": station["uplink"]["commands_retransmitted"],
        "file_octets_repaired": hit.link.get("file_resent", 0),
        "station": station,
    }


def write(summary: dict[str, Any], path: Path) -> None:
    """Write the summary as JSON, a NaN as null."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
