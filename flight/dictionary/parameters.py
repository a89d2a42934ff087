"""Parameters: one set per subsystem, every field with unit, range, description and default."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.fields import f64, u8, u32
from flight.dictionary.registry import ParameterSet, parameters


@parameters(1, "executor")
class ExecutorParameters(ParameterSet, frozen=True):
    """How tasks are run."""

    redo_limit: Annotated[int, u8("", "Redos of one step before the task fails", lo=1, hi=9)] = 3
    step_deadline: Annotated[
        float, f64("s", "A replica later than this loses its vote", lo=0.1, hi=600)
    ] = 20.0
    checkpoint_interval: Annotated[
        float, f64("s", "Least time between checkpoints", lo=0.0, hi=3600)
    ] = 0.5
    queue_limit: Annotated[int, u8("", "Tasks that may wait", lo=1, hi=200)] = 32
    task_memory: Annotated[int, u32("MiB", "Address space of one replica", lo=256, hi=1 << 20)] = (
        4096
    )
    task_cpu: Annotated[
        int, u32("s", "Processor time of one replica, then it is replaced", lo=1, hi=1 << 20)
    ] = 3600
    poison_limit: Annotated[
        int, u8("", "Replicas that one step may end before its task is given up", lo=2, hi=200)
    ] = 4
    energy_limit: Annotated[
        float, f64("J", "Most that one task may take, 0 is any", lo=0, hi=1e9)
    ] = 0.0
    canary_every: Annotated[int, u8("", "Tasks between known-answer runs, 0 never", hi=200)] = 16


@parameters(2, "governor")
class GovernorParameters(ParameterSet, frozen=True):
    """Limits and hysteresis of the governor."""

    period: Annotated[float, f64("s", "Sense and decide", lo=0.05, hi=10)] = 0.5
    lease: Annotated[float, f64("s", "Validity of a budget", lo=0.5, hi=60)] = 3.0
    temperature_limit: Annotated[
        float, f64("degC", "Chip temperature never to pass", lo=40, hi=110)
    ] = 80.0
    temperature_margin: Annotated[
        float, f64("degC", "Reduced this far below the limit", lo=1, hi=40)
    ] = 8.0
    temperature_hysteresis: Annotated[
        float, f64("degC", "Cooling before a level is given back", lo=0.5, hi=20)
    ] = 4.0
    charge_limit: Annotated[float, f64("", "State of charge never to pass", lo=0, hi=1)] = 0.80
    charge_margin: Annotated[float, f64("", "Reduced this far above the limit", lo=0, hi=0.5)] = (
        0.05
    )
    charge_hysteresis: Annotated[
        float, f64("", "Recharge before a level is given back", lo=0, hi=0.5)
    ] = 0.01
    dwell: Annotated[float, f64("s", "Least time before a level is given back", lo=0, hi=3600)] = (
        5.0
    )


@parameters(3, "health")
class HealthParameters(ParameterSet, frozen=True):
    """Housekeeping and events."""

    housekeeping_period: Annotated[
        float, f64("s", "Between housekeeping packets", lo=0.1, hi=3600)
    ] = 1.0


@parameters(4, "link")
class LinkParameters(ParameterSet, frozen=True):
    """Rates and timers of the link."""

    downlink_rate: Annotated[float, f64("bit/s", "TM rate", lo=100, hi=1e9)] = 4e6
    frame_size: Annotated[int, u32("B", "TM frame length, FECF included", lo=128, hi=2048)] = 640
    idle_period: Annotated[
        float, f64("s", "Longest silence before an idle frame carries the CLCW", lo=0.01, hi=60)
    ] = 0.1
    file_segment: Annotated[int, u32("B", "CFDP file data per PDU", lo=64, hi=4096)] = 592
    round_trip: Annotated[float, f64("s", "Expected round trip, for timers", lo=0.001, hi=5000)] = (
        0.2
    )
    fountain_loss: Annotated[
        float,
        f64("", "Frame loss that a fountain of files down covers, 0: CFDP", lo=0, hi=0.5),
    ] = 0.0
    contact_timeout: Annotated[
        float, f64("s", "Out of view after this silence of the ground, 0 is never", lo=0, hi=86400)
    ] = 0.0
    uplink_largest: Annotated[int, u32("MiB", "Largest file that comes up", lo=1, hi=4095)] = 256
    uplink_quota: Annotated[
        int, u32("MiB", "Uplinked files together, and those on their way up", lo=1, hi=1 << 20)
    ] = 1024
    uplink_files: Annotated[int, u8("", "Uplinked files kept, the oldest makes room", lo=1)] = 32


@parameters(5, "storage")
class StorageParameters(ParameterSet, frozen=True):
    """Recorder and product store."""

    sync_period: Annotated[
        float, f64("s", "Between fdatasync calls of the recorder", lo=0.05, hi=60)
    ] = 0.5
    segment_size: Annotated[int, u32("B", "Recorder segment", lo=65536, hi=2**30)] = 16 * 2**20
    segments: Annotated[int, u8("", "Recorder segments kept", lo=2, hi=255)] = 16


@parameters(6, "radiation")
class RadiationParameters(ParameterSet, frozen=True):
    """Scrubbing and the radiation environment."""

    upset_rate: Annotated[
        float, f64("1/bit/day", "Upsets expected where it is quiet", lo=0, hi=1)
    ] = 4e-7
    double_hit: Annotated[
        float, f64("1/day", "Two upsets in one codeword that are accepted", lo=1e-12, hi=1)
    ] = 1e-6
    scrub_shortest: Annotated[float, f64("s", "Between passes at least", lo=0.1, hi=86400)] = 2.0
    scrub_longest: Annotated[float, f64("s", "Between passes at most", lo=0.1, hi=86400)] = 60.0
    full_every: Annotated[int, u8("", "Every so many passes is a full one", lo=1)] = 4
    slice: Annotated[float, f64("s", "Longest scrub at one time", lo=0.0005, hi=0.2)] = 0.005
    corrections_background: Annotated[
        float, f64("1/s", "Corrections to expect anywhere", lo=0, hi=1e3)
    ] = 1e-5
    corrections_section: Annotated[
        float, f64("cm2", "Cross-section of all protected memory", lo=0, hi=1)
    ] = 1e-8
    failure_background: Annotated[
        float, f64("1/s", "Failures of the node to expect anywhere", lo=0, hi=1)
    ] = 1e-5
    failure_section: Annotated[
        float, f64("cm2", "Cross-section for failures of the node", lo=0, hi=1)
    ] = 1.6e-10


@parameters(7, "commanding")
class CommandingParameters(ParameterSet, frozen=True):
    """Arming of hazardous telecommands, and telecommands for later."""

    arm_window: Annotated[
        int, u8("s", "A hazardous telecommand comes this soon after it was armed", lo=1)
    ] = 60
    late_limit: Annotated[
        float, f64("s", "Later than this a scheduled telecommand is given up", lo=0, hi=86400)
    ] = 10.0
