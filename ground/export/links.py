"""Yamcs' two links to a node: UDP frames as flight.link has them, secured where keys are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flight.dictionary.fieldspec import fields
from flight.dictionary.registry import items
from flight.link.channels import VirtualChannel
from flight.link.tc import MAX_SIZE
from flight.link.tm import IDLE_CHANNEL

_FACTORY = "org.yamcs.security.sdls.SecurityAssociationAes256Gcm128Factory"
_WINDOW = 2**31 - 2  # Yamcs goes only forward in it; whatever is lost or jumped in a pass fits
_CRC = {"type": "CRC-16-CCIIT"}  # Yamcs spells it so
_LONGEST_PACKET = 65_542  # octets, CCSDS 133.0-B-2, 4.1.3.5
_FILES = (VirtualChannel.FILES, VirtualChannel.PRODUCTS)


def frame_length(settings: Mapping[str, Any]) -> int:
    """TM frame length in octets, from the node's configuration or the dictionary's default."""
    entry = next(each for each in items("parameter") if each.name == "link")
    default = next(spec.default for spec in fields(entry.type) if spec.name == "frame_size")
    return int(settings.get("parameters", {}).get("link", {}).get("frame_size", default))


def downlink(settings: Mapping[str, Any], port: int, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """TM frames on a UDP port of this machine."""
    down = [each for each in keys if each["direction"] == "DOWN"]
    return {
        "name": "tm",
        "class": "org.yamcs.tctm.ccsds.UdpTmFrameLink",
        "port": port,
        "frameType": "TM",
        "spacecraftId": settings["link"]["spacecraft"],
        "frameLength": frame_length(settings),
        "errorDetection": "CRC16",
        "clcwStream": "clcw",
        "goodFrameStream": "good_frames",
        "badFrameStream": "bad_frames",
        **_associations(down),
        "virtualChannels": [
            *(_tm_channel(channel, down) for channel in VirtualChannel),
            # No packets come on it, but CLCWs do: Yamcs drops a frame whole on an unknown channel.
            _tm_channel(IDLE_CHANNEL, down),
        ],
    }


def _tm_channel(channel: int, keys: list[dict[str, Any]]) -> dict[str, Any]:
    files = channel in _FILES
    spis = [each["spi"] for each in keys if each["vcId"] == channel]
    return {
        "vcId": int(channel),
        "service": "PACKET",
        "maxPacketLength": _LONGEST_PACKET,
        "stream": "tm_files" if files else "tm_realtime",
        **(_FILE_PACKETS if files else _REPORTS),
        **({"encryptionSpis": spis} if spis else {}),
    }


_FILE_PACKETS = {
    "packetPreprocessorClassName": "org.yamcs.tctm.GenericPacketPreprocessor",
    "packetPreprocessorArgs": {"timestampOffset": -1, "seqCountOffset": 2},
}
_REPORTS = {
    "packetPreprocessorClassName": "org.yamcs.pus.PusPacketPreprocessor",
    "packetPreprocessorArgs": {
        "errorDetection": _CRC,
        "timeEncoding": {"type": "CUC", "epoch": "TAI"},
    },
}


def uplink(
    settings: Mapping[str, Any], node: tuple[str, int], keys: list[dict[str, Any]], cltu: bool
) -> dict[str, Any]:
    """TC frames to the node: telecommands under COP-1 on VC 0, files outside of it on VC 1."""
    up = [each for each in keys if each["direction"] == "UP"]
    return {
        "name": "tc",
        "class": "org.yamcs.tctm.ccsds.UdpTcFrameLink",
        "host": node[0],
        "port": node[1],
        "spacecraftId": settings["link"]["spacecraft"],
        "maxFrameLength": MAX_SIZE,
        "errorDetection": "CRC16",
        **({"cltuEncoding": "BCH", "randomizeCltu": True} if cltu else {}),
        "priorityScheme": "FIFO",
        **_associations(up),
        "virtualChannels": [
            _tc_channel(VirtualChannel.COMMANDS, up) | _COMMANDS,
            _tc_channel(VirtualChannel.FILES, up) | _FILE_PDUS,
        ],
    }


_COMMANDS = {
    "stream": "tc_realtime",
    "commandPostprocessorClassName": "org.yamcs.tctm.pus.PusCommandPostprocessor",
    "commandPostprocessorArgs": {"errorDetection": _CRC},
    "useCop1": True,
    "clcwStream": "clcw",
    "initialClcwWait": 86_400,  # s; Yamcs starts no AD service without
    "cop1T1": 3,  # s; Yamcs takes whole seconds only
    "cop1TxLimit": 10,
    "slidingWindowWidth": 10,
}
_FILE_PDUS = {
    "stream": "tc_files",
    "commandPostprocessorClassName": "org.yamcs.tctm.pus.PusCommandPostprocessor",
    "commandPostprocessorArgs": {"errorDetection": {"type": "NONE"}},  # length and count only
    "useCop1": False,
    "tcQueueSize": 1000,
}


def _tc_channel(channel: VirtualChannel, keys: list[dict[str, Any]]) -> dict[str, Any]:
    spi = next((each["spi"] for each in keys if each["vcId"] == channel), None)
    return {
        "vcId": int(channel),
        "service": "PACKET",
        "mapId": 0,  # Yamcs leaves the segment header out without it
        "multiplePacketsPerFrame": False,
        **({} if spi is None else {"encryptionSpi": spi}),
    }


def _associations(keys: list[dict[str, Any]]) -> dict[str, Any]:
    """The security associations of one direction; nothing for a link in clear."""
    if not keys:
        return {}
    return {"encryption": [_association(each) for each in keys]}


def _association(key: dict[str, Any]) -> dict[str, Any]:
    arguments = {"keyFile": key["keyFile"], "seqNumWindow": _WINDOW, "verifySeqNum": True}
    if "initialSeqNum" in key:
        arguments["initialSeqNum"] = key["initialSeqNum"]
    return {"spi": key["spi"], "class": _FACTORY, "args": arguments}
