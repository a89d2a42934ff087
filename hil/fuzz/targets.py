"""The table of what is fuzzed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from hil.fuzz import coded, files, frames, packets
from hil.fuzz.subject import Subject

TARGETS: dict[str, Callable[[], Subject]] = {
    "tc-frame": frames.tc_frame,
    "tc-control": packets.control,
    "clcw": packets.clcw,
    "uplink": frames.uplink,
    "uplink-protected": frames.uplink_protected,
    "tm-frames": frames.downlink,
    "tm-protected": frames.downlink_protected,
    "reassembly": frames.reassembly,
    "cltu": coded.cltu,
    "cltu-randomised": coded.cltu_randomised,
    "code-block": coded.code_block,
    "space-packet": packets.packet,
    "telecommand": packets.telecommand,
    "report": packets.report,
    "cuc": packets.time,
    "services-up": packets.command,
    "services-down": packets.telemetry,
    "dictionary": packets.dictionary,
    "cfdp-pdu": files.pdu,
    "cfdp": files.cfdp,
    "bundle": files.bundle,
    "product": files.product,
}
if find_spec("raptorq") is not None:  # the extra [fec]
    TARGETS["fountain"] = files.fountain
