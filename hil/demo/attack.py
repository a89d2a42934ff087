"""What the demonstration does to the node from outside, at given steps of the task."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from flight.dictionary.commands import SetSafeMode
from flight.link.channels import Apid, VirtualChannel
from flight.link.pus import Telecommand
from flight.link.services import telecommand
from flight.link.tc import TcFrame
from hil.bench.local import LocalBench
from hil.inject import memory
from hil.inject.places import states

STATE_FLIPS = 8
WEIGHT_FLIPS = 4
OUTAGE = 3.0  # s
FORGED = 4


@dataclass(slots=True)
class Injected:
    """What was done."""

    state_flips: int = 0
    weight_flips: int = 0
    kills: int = 0
    forged: int = 0
    outage: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """True when every planned attack hit a running task."""
        done = (self.state_flips, self.weight_flips, self.kills, self.forged, self.outage)
        return all(done)


class Attack:
    """Fires each attack once, at its step."""

    def __init__(self, bench: LocalBench, task: int, tell: Callable[[str], None]) -> None:
        self.injected = Injected()
        self._bench, self._task, self._tell = bench, task, tell
        self._plan: list[tuple[int, Callable[[], None]]] = [
            (2, self._flip_state),
            (5, self._flip_weights),
            (7, self._forge),
            (8, self._kill),
            (11, self._cut),
        ]

    def at_step(self, step: int) -> None:
        """Called with every progress report of the task."""
        while self._plan and step >= self._plan[0][0]:
            _, act = self._plan.pop(0)
            try:
                act()
            except (LookupError, ProcessLookupError) as error:
                self.injected.notes.append(str(error))
                self._tell(f"attack missed: {error}")

    def _flip_state(self) -> None:
        pid = self._bench.named("replica-1")
        name = f"executor-t{self._task}-r1"
        mapping = memory.find(pid, name)
        with memory.Victim(pid) as victim:  # one slot is read next, the other is being written
            spans = states(victim, mapping)
        for span in spans:
            offsets = range(span.start - mapping.start, span.end - mapping.start)
            count, seed = STATE_FLIPS // len(spans), self._bench.seed + span.start
            self.injected.state_flips += len(memory.flip(pid, name, count, seed, offsets))
        count = self.injected.state_flips
        self._tell(f"flipped {count} bits in the state of replica 1 (pid {pid})")

    def _flip_weights(self) -> None:
        pid = self._bench.named("replica-2")
        flips = memory.flip(pid, "tardigrade-weights-", WEIGHT_FLIPS, self._bench.seed)
        self.injected.weight_flips += len(flips)
        self._tell(f"flipped {len(flips)} bits in the model weights of replica 2 (pid {pid})")

    def _kill(self) -> None:
        pid = self._bench.named("replica-0")
        os.kill(pid, signal.SIGKILL)
        self.injected.kills += 1
        self._tell(f"killed replica 0 (pid {pid}) with SIGKILL")

    def _forge(self) -> None:
        """Telecommands in clear and under a key that is not ours, straight to the node's port."""
        command = Telecommand(Apid.NODE, 1, *telecommand(SetSafeMode(True))).pack()
        spacecraft = self._bench.spacecraft
        clear = TcFrame(spacecraft, VirtualChannel.COMMANDS, 0, command).pack()
        random = Random(self._bench.seed)
        body = bytes((0, 0x10)) + random.randbytes(12) + command + random.randbytes(16)
        sealed = TcFrame(spacecraft, VirtualChannel.COMMANDS, 0, body).pack()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
            for frame in (clear, sealed) * (FORGED // 2):
                port.sendto(frame, ("127.0.0.1", self._bench.node_port))
                self.injected.forged += 1
        self._tell(f"forged {FORGED} telecommands that order safe mode")

    def _cut(self) -> None:
        self._bench.outage(OUTAGE)
        self.injected.outage = OUTAGE
        self._tell(f"cut the link for {OUTAGE:g} s")
