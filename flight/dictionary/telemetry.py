"""Telemetry packets. Those marked ``linked`` go to ground as PUS 3,25 reports."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.enums import (
    BudgetLevel,
    Level,
    Mode,
    ModelState,
    ProcessState,
    Quality,
    Reason,
    Severity,
    Stage,
    TaskState,
)
from flight.dictionary.fields import choice, f32, f64, flag, internal, text, u8, u16, u32, u64
from flight.dictionary.files import Offer
from flight.dictionary.registry import Delivery, Telemetry, telemetry


@telemetry(1, "node.heartbeat", Delivery.LATEST, recorded=False)
class Heartbeat(Telemetry, frozen=True):
    """Life sign of one process; carries the last sequence per topic so that tail loss is seen."""

    process: Annotated[str, internal("Process name")]
    progress: Annotated[int, internal("Loop iterations that did work")]
    slip: Annotated[float, internal("Worst lateness of a timer since the last beat", "s")]
    sequences: Annotated[dict[int, int], internal("Topic id to last published sequence")]


@telemetry(2, "node.state", Delivery.LATEST, linked=True)
class NodeState(Telemetry, frozen=True):
    """Mode of the node as the executive sees it."""

    mode: Annotated[Mode, choice("Mode")]
    boots: Annotated[int, u32("", "Boot counter")]
    uptime: Annotated[float, f64("s", "Time since the executive started")]
    restarts: Annotated[int, u32("", "Process restarts since boot")]
    quarantined: Annotated[int, u8("", "Processes in quarantine")]
    dictionary: Annotated[int, u32("", "Dictionary hash, first 32 bits")]


@telemetry(3, "process.state", Delivery.QUEUE, 64)
class ProcessReport(Telemetry, frozen=True):
    """State of one supervised process."""

    process: Annotated[str, internal("Process name")]
    state: Annotated[ProcessState, internal("State")]
    pid: Annotated[int, internal("Process id, 0 when stopped")]
    restarts: Annotated[int, internal("Restarts since boot")]
    reason: Annotated[str, internal("Why it last ended")]


@telemetry(4, "board.readings", Delivery.LATEST, linked=True)
class BoardReadings(Telemetry, frozen=True):
    """Sensors of the board; a lost sensor is NaN with quality LOST."""

    board: Annotated[str, text(16, "Board driver")]
    temperature: Annotated[float, f32("degC", "Hottest chip sensor")]
    temperature_quality: Annotated[Quality, choice("Trust in the temperature")]
    power: Annotated[float, f32("W", "Node input power")]
    power_quality: Annotated[Quality, choice("Trust in the power")]
    charge: Annotated[float, f32("", "Battery state of charge, 0 to 1")]
    charge_quality: Annotated[Quality, choice("Trust in the charge")]
    load: Annotated[float, f32("", "Mean CPU use, 0 to 1")]
    memory: Annotated[float, f32("", "Memory in use, 0 to 1")]
    disk: Annotated[float, f32("", "Disk in use, 0 to 1")]
    sunlit: Annotated[bool, flag("Array in sunlight")]
    edac: Annotated[bool, flag("Main memory has hardware ECC that counts")] = False
    edac_corrected: Annotated[int, u32("", "Errors that it corrected, since boot")] = 0
    edac_uncorrected: Annotated[int, u32("", "Errors that it could not correct, since boot")] = 0


@telemetry(5, "governor.budget", Delivery.LATEST, linked=True)
class Budget(Telemetry, frozen=True):
    """What work may use until the lease ends; an expired budget means CONSERVATIVE."""

    level: Annotated[BudgetLevel, choice("Grant")]
    watts: Annotated[float, f32("W", "Power granted to work", lo=0)]
    cores: Annotated[int, u8("", "Replicas that may compute at the same time", lo=0, hi=64)]
    duty: Annotated[float, f32("", "Share of time that work may compute", lo=0, hi=1)]
    may_start: Annotated[bool, flag("New tasks may start")]
    may_continue: Annotated[bool, flag("Running tasks may go on")]
    lease: Annotated[float, f32("s", "Validity from reception", lo=0)]
    reason: Annotated[str, text(48, "Why this level")]


@telemetry(6, "task.status", Delivery.QUEUE, 256, linked=True)
class TaskStatus(Telemetry, frozen=True):
    """Progress and outcome of one task."""

    task: Annotated[int, u32("", "Task id")]
    request: Annotated[int, u32("", "Telecommand request id")]
    program: Annotated[str, text(32, "Program")]
    scene: Annotated[str, text(32, "Scene")]
    level: Annotated[Level, choice("Redundancy in use")]
    state: Annotated[TaskState, choice("State")]
    step: Annotated[int, u32("", "Steps done")]
    steps: Annotated[int, u32("", "Steps in all, 0 when unknown")]
    votes: Annotated[int, u32("", "Votes taken")]
    masked: Annotated[int, u32("", "Replica answers outvoted or lost")]
    corrected: Annotated[int, u32("", "Memory corrections inside replicas")]
    replaced: Annotated[int, u32("", "Replicas replaced")]
    checkpoints: Annotated[int, u32("", "Checkpoints written")]
    resumes: Annotated[int, u32("", "Resumes from a checkpoint")]
    reason: Annotated[Reason, choice("NONE unless failed")]


@telemetry(7, "link.status", Delivery.LATEST, linked=True)
class LinkStatus(Telemetry, frozen=True):
    """Counters of the link as seen on board."""

    tc_good: Annotated[int, u32("", "TC frames accepted")]
    tc_garbage: Annotated[int, u32("", "Datagrams that are no frame")]
    tc_crc: Annotated[int, u32("", "TC frames with a wrong FECF")]
    tc_spacecraft: Annotated[int, u32("", "TC frames for another spacecraft")]
    tc_sequence: Annotated[int, u32("", "TC frames outside the FARM window")]
    packets_bad: Annotated[int, u32("", "Packets refused after framing")]
    tm_sent: Annotated[int, u32("", "TM frames sent")]
    file_active: Annotated[bool, flag("A file is being downlinked")]
    file_sent: Annotated[int, u64("B", "File octets sent first time")]
    file_resent: Annotated[int, u64("B", "File octets sent again")]


@telemetry(8, "housekeeping", Delivery.LATEST, linked=True)
class Housekeeping(Telemetry, frozen=True):
    """One-second summary for the beacon."""

    sequence: Annotated[int, u32("", "Counts packets since boot")]
    mode: Annotated[Mode, choice("Mode")]
    uptime: Annotated[float, f64("s", "Time since boot")]
    dictionary: Annotated[int, u32("", "Dictionary hash, first 32 bits")]
    temperature: Annotated[float, f32("degC", "Hottest chip sensor")]
    power: Annotated[float, f32("W", "Node input power")]
    charge: Annotated[float, f32("", "Battery state of charge")]
    budget: Annotated[BudgetLevel, choice("Budget level")]
    tasks_active: Annotated[int, u16("", "Tasks queued or running")]
    events: Annotated[int, u32("", "Events since boot")]
    suppressed: Annotated[int, u32("", "Events suppressed by the token bucket")]
    recorded: Annotated[int, u32("", "Messages recorded since boot")]
    queued_files: Annotated[int, u16("", "Files waiting for downlink")]


@telemetry(9, "command.ledger", Delivery.LATEST, linked=True)
class CommandLedger(Telemetry, frozen=True):
    """The newest telecommand stages, repeated each second so that a lost report heals."""

    request_a: Annotated[int, u32("", "Newest request id, 0 when none")] = 0
    stage_a: Annotated[Stage, choice("Its stage")] = Stage.QUEUED
    reason_a: Annotated[Reason, choice("Its reason")] = Reason.NONE
    request_b: Annotated[int, u32("", "Second newest request id")] = 0
    stage_b: Annotated[Stage, choice("Its stage")] = Stage.QUEUED
    reason_b: Annotated[Reason, choice("Its reason")] = Reason.NONE
    request_c: Annotated[int, u32("", "Third newest request id")] = 0
    stage_c: Annotated[Stage, choice("Its stage")] = Stage.QUEUED
    reason_c: Annotated[Reason, choice("Its reason")] = Reason.NONE
    request_d: Annotated[int, u32("", "Fourth newest request id")] = 0
    stage_d: Annotated[Stage, choice("Its stage")] = Stage.QUEUED
    reason_d: Annotated[Reason, choice("Its reason")] = Reason.NONE


@telemetry(10, "command.stage", Delivery.EVENT, 256)
class CommandStage(Telemetry, frozen=True):
    """One verification stage of a telecommand (PUS 1,1 to 1,8)."""

    request: Annotated[int, internal("Request id: packet id << 16 | sequence control")]
    stage: Annotated[Stage, internal("Stage")]
    step: Annotated[int, internal("Step number for PROGRESS")] = 0
    reason: Annotated[Reason, internal("Why it failed")] = Reason.NONE
    accepted: Annotated[bool, internal("Whether it had been accepted before it failed")] = True


@telemetry(11, "event", Delivery.EVENT, 1024)
class EventReport(Telemetry, frozen=True):
    """An event on the bus."""

    event: Annotated[int, internal("Event id")]
    severity: Annotated[Severity, internal("Severity")]
    source: Annotated[str, internal("Service")]
    utc: Annotated[int, internal("UTC", "ns")]
    body: Annotated[bytes, internal("MessagePack of the event's arguments")]


@telemetry(12, "downlink.queue", Delivery.LATEST)
class DownlinkQueue(Telemetry, frozen=True):
    """What is to be sent, most urgent first; the link confirms each with FileDelivered."""

    waiting: Annotated[int, internal("Files waiting")]
    offers: Annotated[tuple[Offer, ...], internal("The first of them")] = ()
    withdrawn: Annotated[tuple[str, ...], internal("Paths that were to be sent and are not")] = ()


@telemetry(13, "model.status", Delivery.QUEUE, 16)
class ModelStatus(Telemetry, frozen=True):
    """State of one model in the store; repeated each second."""

    model: Annotated[str, internal("Model name")]
    state: Annotated[ModelState, internal("State")]
    sha256: Annotated[str, internal("SHA-256 of the model file")]
    compiled: Annotated[str, internal("Store name of the compiled form, empty unless ACTIVE")]
    detail: Annotated[str, internal("Reason when quarantined")]


@telemetry(14, "recorder.status", Delivery.LATEST, recorded=False)
class RecorderStatus(Telemetry, frozen=True):
    """What the recorder wrote and what it missed."""

    records: Annotated[int, internal("Messages written since boot")]
    size: Annotated[int, internal("Octets written since boot", "B")]
    lost: Annotated[int, internal("Messages that the ledger names as dropped")]


@telemetry(15, "health.status", Delivery.LATEST)
class HealthStatus(Telemetry, frozen=True):
    """Event counts of the whole node since boot."""

    events: Annotated[int, internal("Events seen")]
    suppressed: Annotated[int, internal("Events suppressed by token buckets")]


@telemetry(16, "command.request", Delivery.EVENT, 256)
class TelecommandReceived(Telemetry, frozen=True):
    """A telecommand packet that passed the link's checks, for commanding to verify."""

    request: Annotated[int, internal("Request id")]
    service: Annotated[int, internal("PUS service type")]
    subtype: Annotated[int, internal("PUS service subtype")]
    data: Annotated[bytes, internal("Application data")]
    bypass: Annotated[bool, internal("It came in a frame outside the sequence")] = False


@telemetry(17, "parameter.table", Delivery.LATEST)
class ParameterTable(Telemetry, frozen=True):
    """All parameter sets as they are in force; each process takes over its own."""

    sets: Annotated[dict[int, bytes], internal("Parameter set id to MessagePack of the set")]
