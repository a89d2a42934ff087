"""Events: arguments here, text in the template, rendered on the ground and in logs."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.enums import BudgetLevel, Mode, Reason, Severity
from flight.dictionary.fields import choice, text, u8, u16, u32
from flight.dictionary.registry import Event, event

Name = Annotated[str, text(32, "Name")]
Why = Annotated[str, text(64, "Reason")]
Task = Annotated[int, u32("", "Task id")]
Count = Annotated[int, u32("", "Count")]
Replica = Annotated[int, u8("", "Replica")]


@event(1, Severity.ACTIVITY, "node up, boot {boots}")
class NodeStarted(Event, frozen=True):
    """The executive started."""

    boots: Count


@event(2, Severity.WARNING, "process {process} ended: {why}")
class ProcessEnded(Event, frozen=True):
    """A supervised process ended."""

    process: Name
    why: Why


@event(3, Severity.ACTIVITY, "process {process} ready, start {count}")
class ProcessReady(Event, frozen=True):
    """A supervised process is ready."""

    process: Name
    count: Count


@event(4, Severity.CRITICAL, "process {process} quarantined: {why}")
class ProcessQuarantined(Event, frozen=True):
    """A process used up its restart budget."""

    process: Name
    why: Why


@event(5, Severity.WARNING, "mode {mode.name}: {why}")
class ModeChanged(Event, frozen=True):
    """The node changed its mode."""

    mode: Annotated[Mode, choice("New mode")]
    why: Why


@event(6, Severity.WARNING, "{source}: {count} events suppressed")
class EventsSuppressed(Event, frozen=True):
    """A token bucket ran dry."""

    source: Name
    count: Count


@event(7, Severity.WARNING, "handler {handler} failed: {why}")
class HandlerFailed(Event, frozen=True):
    """A handler raised; the service goes on."""

    handler: Name
    why: Why


@event(10, Severity.ACTIVITY, "task {task} started: {program} on {scene}, {steps} steps")
class TaskStarted(Event, frozen=True):
    """A task began to run."""

    task: Task
    program: Name
    scene: Name
    steps: Count


@event(11, Severity.WARNING, "task {task} resumed at step {step} from generation {generation}")
class TaskResumed(Event, frozen=True):
    """A task went on from a checkpoint."""

    task: Task
    step: Count
    generation: Count


@event(12, Severity.ACTIVITY, "task {task} completed: {votes} votes, {masked} masked")
class TaskCompleted(Event, frozen=True):
    """A task ended with a result."""

    task: Task
    votes: Count
    masked: Count


@event(13, Severity.WARNING, "task {task} failed: {reason.name} {why}")
class TaskFailed(Event, frozen=True):
    """A task ended without a result."""

    task: Task
    reason: Annotated[Reason, choice("Reason")]
    why: Why


@event(14, Severity.WARNING, "task {task} step {step}: replica {replica} outvoted")
class ReplicaOutvoted(Event, frozen=True):
    """A replica's answer differed from the majority and was masked."""

    task: Task
    step: Count
    replica: Replica


@event(15, Severity.WARNING, "task {task}: replica {replica} lost ({why}), replaced")
class ReplicaLost(Event, frozen=True):
    """A replica ended or was late; its vote is lost and it is replaced."""

    task: Task
    replica: Replica
    why: Why


@event(
    16, Severity.WARNING, "task {task} step {step}: replica {replica} corrected {count} in {region}"
)
class MemoryCorrected(Event, frozen=True):
    """Protected memory was found damaged after use, repaired, and the step was redone."""

    task: Task
    step: Count
    replica: Replica
    count: Count
    region: Name


@event(17, Severity.CRITICAL, "task {task} step {step}: no majority")
class NoMajority(Event, frozen=True):
    """No two replicas agreed; the step is redone from the last voted state."""

    task: Task
    step: Count


@event(18, Severity.WARNING, "checkpoint {name} refused: {why}")
class CheckpointRefused(Event, frozen=True):
    """A checkpoint did not verify; the older generation is tried."""

    name: Name
    why: Why


@event(20, Severity.ACTIVITY, "budget {level.name}: {why}")
class BudgetChanged(Event, frozen=True):
    """The governor changed its grant."""

    level: Annotated[BudgetLevel, choice("New level")]
    why: Why


@event(21, Severity.WARNING, "budget lease expired, conservative level")
class BudgetExpired(Event, frozen=True):
    """The executor heard no governor within the lease."""


@event(22, Severity.WARNING, "sensor {sensor} lost: {why}")
class SensorLost(Event, frozen=True):
    """A sensor gives no trustworthy reading."""

    sensor: Name
    why: Why


@event(30, Severity.WARNING, "telecommand {request} refused: {reason.name} {why}")
class CommandRefused(Event, frozen=True):
    """A telecommand failed its verification."""

    request: Count
    reason: Annotated[Reason, choice("Reason")]
    why: Why


@event(31, Severity.WARNING, "link: {count} {kind} frames dropped")
class FramesDropped(Event, frozen=True):
    """The link dropped bad input."""

    kind: Name
    count: Count


@event(32, Severity.ACTIVITY, "downlink of {name} started, {size} octets")
class DownlinkStarted(Event, frozen=True):
    """A file transfer began."""

    name: Name
    size: Count


@event(33, Severity.ACTIVITY, "downlink of {name} confirmed")
class DownlinkConfirmed(Event, frozen=True):
    """The ground confirmed a whole file."""

    name: Name


@event(34, Severity.WARNING, "downlink of {name} ended: condition {condition}")
class DownlinkEnded(Event, frozen=True):
    """A file transfer ended without confirmation; the file stays queued."""

    name: Name
    condition: Annotated[int, u8("", "CFDP condition code")]


@event(40, Severity.ACTIVITY, "model {model} active, SHA-256 {sha}")
class ModelActive(Event, frozen=True):
    """A model passed its checks and may run."""

    model: Name
    sha: Annotated[str, text(16, "First octets of the SHA-256, hexadecimal")]


@event(41, Severity.CRITICAL, "model {model} quarantined: {why}")
class ModelQuarantined(Event, frozen=True):
    """A model failed a check and will not run."""

    model: Name
    why: Why


@event(50, Severity.CRITICAL, "{name} not written: {why}")
class WriteFailed(Event, frozen=True):
    """A persistent file could not be written; the old generation stays."""

    name: Name
    why: Why


@event(51, Severity.WARNING, "{name}: {count} messages lost on the bus")
class MessagesLost(Event, frozen=True):
    """The loss ledger of a subscriber grew."""

    name: Name
    count: Annotated[int, u16("", "Messages")]
