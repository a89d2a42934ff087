"""THE table: one row per service. What runs where, what it says, what it hears."""

from __future__ import annotations

from flight.dictionary.files import FileTransfer
from flight.dictionary.operations import AuditStatus, ParameterValue, ScheduleStatus
from flight.dictionary.radiation import EnvironmentStatus, ScrubMap, ScrubStatus
from flight.dictionary.security import LinkSecurity
from flight.dictionary.telemetry import (
    BoardReadings,
    Budget,
    CommandLedger,
    CommandStage,
    DownlinkQueue,
    EventReport,
    HealthStatus,
    Housekeeping,
    LinkStatus,
    ModelStatus,
    NodeState,
    ParameterTable,
    ProcessReport,
    RecorderStatus,
    TaskStatus,
    TelecommandReceived,
)
from flight.dictionary.uploads import ProgramStatus
from flight.runtime.table import EXECUTIVE, Row, Table
from flight.storage.recorded import RECORDED

PROGRAMS = {
    "cloud-mask": "flight.programs.cloud_mask:CloudMask",
    "change-detection": "flight.programs.change_detection:ChangeDetection",
    "compress": "flight.programs.compress:Compress",
}

TABLE = Table(
    (
        Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState, ProcessReport), essential=True),
        Row(
            "link",
            "flight.link.service:Link",
            process="link",
            publishes=(FileTransfer, LinkSecurity, LinkStatus, TelecommandReceived),
            subscribes=(
                AuditStatus,
                BoardReadings,
                Budget,
                CommandLedger,
                CommandStage,
                DownlinkQueue,
                EnvironmentStatus,
                EventReport,
                Housekeeping,
                NodeState,
                ParameterValue,
                ProgramStatus,
                ScheduleStatus,
                ScrubMap,
                ScrubStatus,
                TaskStatus,
            ),
            essential=True,
        ),
        Row(
            "commanding",
            "flight.commanding.service:Commanding",
            process="core",
            publishes=(
                AuditStatus,
                CommandLedger,
                CommandStage,
                ParameterTable,
                ParameterValue,
                ScheduleStatus,
            ),
            subscribes=(TelecommandReceived, TaskStatus, NodeState),
            essential=True,
        ),
        Row(
            "storage",
            "flight.storage.service:Storage",
            process="core",
            publishes=(DownlinkQueue, ProgramStatus, RecorderStatus),
            subscribes=RECORDED,
            essential=True,
        ),
        Row(
            "health",
            "flight.health.service:Health",
            process="core",
            publishes=(Housekeeping, HealthStatus),
            subscribes=(
                BoardReadings,
                Budget,
                DownlinkQueue,
                EventReport,
                NodeState,
                RecorderStatus,
                TaskStatus,
            ),
            essential=True,
        ),
        Row(
            "governor",
            "flight.governor.service:Governor",
            process="governor",
            publishes=(BoardReadings, Budget),
            essential=True,
        ),
        Row(
            "radiation",
            "flight.radiation.service:Radiation",
            process="radiation",
            publishes=(EnvironmentStatus, ScrubStatus, ScrubMap),
            subscribes=(BoardReadings, Budget, EventReport),
        ),
        Row(
            "inference",
            "flight.inference.service:ModelStore",
            process="inference",
            publishes=(ModelStatus,),
            preload=("flight.inference.installer",),
        ),
        Row(
            "executor",
            "flight.executor.service:Executor",
            process="executor",
            publishes=(TaskStatus,),
            subscribes=(BoardReadings, Budget, EnvironmentStatus, ModelStatus, NodeState),
            preload=(
                "flight.executor.replica",
                "flight.inference.guard",
                *(entry.partition(":")[0] for entry in PROGRAMS.values()),
            ),
            bindings=(
                ("model", "flight.inference.guard:open_model"),
                *((f"program {name}", entry) for name, entry in PROGRAMS.items()),
            ),
        ),
    )
)
