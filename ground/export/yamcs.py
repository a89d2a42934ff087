"""A folder from which a stock Yamcs 5.12 flies a node: configuration, streams, database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flight.link.channels import Apid, Entity
from flight.link.tc import MAX_SIZE
from ground.datagram import parse_address
from ground.export import links
from ground.export.eventtext import event_texts
from ground.export.telecommands import FILE_PDU
from ground.export.xtce import NAME, database
from ground.export.yaml import dump

_STREAMS = (
    "create stream cfdp_in as select substring(packet, 6) as pdu from tm_files"
    " where extract_short(packet, 0) = {telemetry}\n"
    "create stream cfdp_out (gentime TIMESTAMP, entityId long, seqNum int, pdu binary)\n"
    "insert into tc_files select gentime, 'cfdp-service' as origin, seqNum,"
    " '/{system}/{command}' as cmdName, unhex('{telecommand:04X}C0000000') + pdu as binary"
    " from cfdp_out\n"
)
_ARCHIVE = "org.yamcs.archive."
_README = """\
A Yamcs 5.12 that flies this node. Start it from this folder:

  java -Djava.net.preferIPv4Stack=true -cp 'LIB/*' org.yamcs.YamcsServer \\
    --etc-dir etc --data-dir data --cache-dir cache

LIB is the folder of Yamcs' jars. The web pages are on http://127.0.0.1:{web}/.
Telecommand frames go to {node}, telemetry frames are awaited on UDP port {port}.
Files need [link] cfdp_crc = false in the node's configuration: Yamcs knows no CRC of a PDU.
{security}
Frame length, spacecraft and ports are those of the node's configuration when this was made; make
it again when they change. Yamcs listens for telemetry on every interface of the machine.
"""
_SECURED = """\
The folder holds copies of the link's keys: whoever reads them commands the node. The station must
not send while Yamcs does, and Yamcs' data folder must be kept: it has the frame counters.
"""
_CLEAR = "No keys: the node must run with --insecure-dev.\n"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is written; ``keys`` as ``ground.keys.export.export_yamcs`` returns them."""

    settings: Mapping[str, Any]
    web: int
    cltu: bool = False
    keys: list[dict[str, Any]] = field(default_factory=list)


def files(setup: Setup) -> dict[str, str]:
    """Texts of the files by path below the folder. Raises ValueError for a bad address."""
    settings = setup.settings
    node = parse_address(settings["link"]["space"]["listen"])
    _, port = parse_address(settings["link"]["space"]["peer"])
    head = {
        "services": [
            {
                "class": "org.yamcs.http.HttpServer",
                "args": {"address": "127.0.0.1", "port": setup.web},
            }
        ],
        "instances": [NAME],
        "dataDir": "data",
    }
    told = _README.format(
        web=setup.web,
        node=f"{node[0]}:{node[1]}",
        port=port,
        security=_SECURED if setup.keys else _CLEAR,
    )
    return {
        "README": told,
        "etc/yamcs.yaml": dump(head),
        f"etc/yamcs.{NAME}.yaml": dump(_instance(setup, node, port)),
        "etc/processor.yaml": dump(_processor()),
        "etc/events.yaml": dump(event_texts()),
        "streams.sql": _streams(),
        f"mdb/{NAME}.xml": database(settings).decode(),
    }


def write(setup: Setup, folder: Path) -> list[Path]:
    """Write the files below ``folder``; return their paths. Raises OSError, ValueError."""
    found = files(setup)
    for name, text in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [folder / name for name in found]


def _streams() -> str:
    telecommand = 1 << 12 | Apid.FILES  # packet id: telecommand, no secondary header
    return _STREAMS.format(
        telemetry=int(Apid.FILES), telecommand=telecommand, system=NAME, command=FILE_PDU
    )


def _instance(setup: Setup, node: tuple[str, int], port: int) -> dict[str, Any]:
    settings = setup.settings
    return {
        "services": _services(),
        "dataLinks": [
            links.downlink(settings, port, setup.keys),
            links.uplink(settings, node, setup.keys, setup.cltu),
        ],
        "mdb": [{"type": "xtce", "args": {"file": f"mdb/{NAME}.xml"}}],
        "streamConfig": {
            "tm": [{"name": "tm_realtime", "processor": "realtime"}, {"name": "tm_files"}],
            "cmdHist": ["cmdhist_realtime"],
            "event": ["events_realtime"],
            "param": ["pp_realtime", "sys_param"],
            "parameterAlarm": ["alarms_realtime"],
            "tc": [{"name": "tc_realtime", "processor": "realtime"}, {"name": "tc_files"}],
            "sqlFile": "streams.sql",
        },
    }


def _services() -> list[dict[str, Any]]:
    archive = ("ParameterRecorder", "AlarmRecorder", "EventRecorder", "ReplayServer")
    tm = {"streams": ["tm_realtime"]}
    return [
        {"class": _ARCHIVE + "XtceTmRecorder", "args": tm},
        *({"class": _ARCHIVE + name} for name in archive),
        {"class": _ARCHIVE + "CommandHistoryRecorder"},
        {"class": _ARCHIVE + "CcsdsTmIndex", "args": tm},
        {
            "class": "org.yamcs.parameterarchive.ParameterArchive",
            "args": {"realtimeFiller": {"enabled": True}},
        },
        {
            "class": "org.yamcs.ProcessorCreatorService",
            "args": {"name": "realtime", "type": "realtime"},
        },
        {
            "class": "org.yamcs.pus.PusEventDecoder",
            "args": {
                "eventIdParameter": f"/{NAME}/event_id",
                "eventTemplateFile": "etc/events.yaml",
                "realtimeStreams": ["tm_realtime"],
            },
        },
        {"class": "org.yamcs.cfdp.CfdpService", "name": "files", "args": _cfdp()},
    ]


def _cfdp() -> dict[str, Any]:
    return {
        "inStream": "cfdp_in",
        "outStream": "cfdp_out",
        "incomingBucket": "received",
        "sequenceNrLength": 4,
        "entityIdLength": 2,
        "maxPduSize": MAX_SIZE // 2,
        "sleepBetweenPdus": 20,
        "eofAckTimeout": 3000,
        "eofAckLimit": 10,
        "nakTimeout": 3000,
        "immediateNak": False,
        "localEntities": [{"name": "ground", "id": int(Entity.GROUND)}],
        "remoteEntities": [{"name": "node", "id": int(Entity.NODE)}],
    }


def _processor() -> dict[str, Any]:
    return {
        "realtime": {
            "services": [
                {"class": f"org.yamcs.{name}"}
                for name in (
                    "StreamTmPacketProvider",
                    "StreamTcCommandReleaser",
                    "tctm.StreamParameterProvider",
                    "algorithms.AlgorithmManager",
                    "parameter.LocalParameterManager",
                )
            ],
            "config": {
                "subscribeAll": True,
                "alarm": {"parameterCheck": True, "parameterServer": "enabled"},
            },
        }
    }
