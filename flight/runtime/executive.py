"""The executive: starts one process per topology process, supervises, and owns the node's mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from flight.dictionary.codec import ENCODER
from flight.dictionary.commands import SetSafeMode, Shutdown
from flight.dictionary.content import hash32
from flight.dictionary.enums import Mode, ProcessState
from flight.dictionary.events import (
    ModeChanged,
    NodeStarted,
    ProcessEnded,
    ProcessQuarantined,
    ProcessReady,
)
from flight.dictionary.telemetry import EventReport, NodeState, ProcessReport
from flight.runtime.announcements import Announcements
from flight.runtime.host import Berth
from flight.runtime.onboard import EXIT_CONFIG, ProcessHost
from flight.runtime.page import Page, Word
from flight.runtime.process import Child, Nursery
from flight.runtime.service import Context, Service, handles
from flight.runtime.supervision import Supervised
from flight.runtime.systemd import Notifier
from flight.runtime.table import EXECUTIVE

LINGER = 2.0  # s from the decision to end to SIGTERM: the link sends what is to be said of it
DRAIN = 3.0  # s between SIGTERM and SIGKILL
CHECK = 0.1  # s between looks at the children
STARTS_PER_BOOT = 1 << 12


class Executive(Service):
    """Supervisor of the service processes."""

    def __init__(
        self, context: Context, host: ProcessHost, nursery: Nursery, notifier: Notifier, boots: int
    ) -> None:
        super().__init__(context)
        self.mode = Mode.BOOT
        self.failure: str = ""
        self._host, self._nursery, self._notifier, self._boots = host, nursery, notifier, boots
        self._born = context.clock.now()
        self._children: dict[str, Child] = {}
        self._pages: dict[str, Page] = {}
        self._wanted: set[str] = set()
        self._leaving: set[str] = set()  # told to end
        self._hanging: set[str] = set()  # killed because their loops stood still
        self._announced = False
        self._stopping: Callable[[], None] | None = None
        self._supervised = {name: self._policy(name) for name in host.table.processes[1:]}
        self._audience = {
            name for name in self._supervised if EventReport in host.table.subscriptions(name)
        }
        self._announcements = Announcements(context, self._heard)

    def _policy(self, process: str) -> Supervised:
        rows = self._host.table.of_process(process)
        return Supervised(
            process,
            restarts=min(row.restarts for row in rows),
            window=max(row.window for row in rows),
            hang=max(row.hang for row in rows),
            seed=self.context.seed,
        )

    def start(self) -> None:
        """Start every process of the topology, unless told to stop already."""
        if self._stopping is not None:
            return
        self._wanted = set(self._supervised)
        self._announcements.event(NodeStarted(self._boots))
        for process in self._supervised:
            self._spawn(process)
        self.context.every(CHECK, self._check)
        self.context.every(1.0, self._report)
        if self._notifier.watchdog is not None:
            self.context.every(self._notifier.watchdog, self._pet)

    def _spawn(self, process: str) -> None:
        policy = self._supervised[process]
        if process not in self._wanted:  # given up while others were being started
            return
        try:
            child = self._nursery.spawn(
                process,
                "flight.runtime.onboard:main",
                ENCODER.encode(self._berth(policy)),
                lambda _: self._ready(process),
                lambda reason: self._ended(process, reason),
            )
        except OSError as error:
            policy.started(self.context.clock.now(), 0)
            self._failed(policy, f"not started: {error.strerror}")
            return
        self._children[process] = child
        self._pages.pop(process, None)
        policy.started(self.context.clock.now(), child.pid)
        self._tell(policy)

    def _berth(self, policy: Supervised) -> Berth:
        berth = self._host.berth
        # Those in back-off come later: nobody waits for their subscriptions.
        running = {
            name
            for name in self._wanted
            if self._supervised[name].state is not ProcessState.BACKOFF
        }
        return Berth(
            policy.process,
            berth.table,
            berth.run_dir,
            berth.state_dir,
            berth.settings,
            self._boots * STARTS_PER_BOOT + policy.starts + 1,
            berth.seed,
            (EXECUTIVE, *sorted(running | {policy.process})),
            berth.traceable,
        )

    def _ready(self, process: str) -> None:
        policy = self._supervised[process]
        policy.ready()
        self._announcements.event(ProcessReady(process, policy.starts))
        self._tell(policy)
        self._announce()

    def _heard(self) -> bool:
        """True when an event reaches all of its audience; of one that ended traces linger."""
        present, source = self._host.publisher.present, self._host.table.source
        return all(
            self._supervised[name].state is ProcessState.READY and present(source(name))
            for name in self._audience & self._wanted
        )

    def _announce(self) -> None:
        """Tell systemd, once, that all that is wanted runs: in safe mode as well."""
        wanted = [self._supervised[name].state for name in self._wanted]
        if self._announced or not wanted or any(s is not ProcessState.READY for s in wanted):
            return
        self._announced = True
        self._notifier.send("READY=1")
        if self.mode is Mode.BOOT:
            self._enter(Mode.NOMINAL, "all processes ready")

    def _ended(self, process: str, reason: str) -> None:
        policy = self._supervised[process]
        del self._children[process]
        self._sweep(process)
        if process in self._hanging:
            reason = f"no beat for {policy.hang:g} s"
        told = process in self._leaving
        self._hanging.discard(process)
        self._leaving.discard(process)
        if not told and process in self._wanted:
            self._failed(policy, reason)
            return
        policy.stopped()
        self._tell(policy)
        if process in self._wanted:  # wanted again while it was ending
            self._spawn(process)

    def _failed(self, policy: Supervised, reason: str) -> None:
        policy.ended(self.context.clock.now(), reason)
        self._announcements.event(ProcessEnded(policy.process, reason))
        self._judge(policy.process, policy)
        self._tell(policy)

    def _judge(self, process: str, policy: Supervised) -> None:
        if policy.reason == f"exit code {EXIT_CONFIG}":
            self.failure = f"process {process} refused its configuration"
            self.shut_down()
        elif policy.state is ProcessState.QUARANTINED:
            self._announcements.event(ProcessQuarantined(process, policy.reason))
            self._wanted.discard(process)
            if process in self._host.table.essential():
                self.failure = f"essential process {process} is in quarantine, a reboot is needed"
                self._wind_up()
            else:
                self._enter(Mode.SAFE, f"{process} in quarantine")

    def _sweep(self, process: str) -> None:
        """Remove the shared memory of a process that ended, however it ended."""
        for path in self._host.run_dir.glob(f"{process}-*"):
            path.unlink(missing_ok=True)

    def _check(self) -> None:
        now = self.context.clock.now()
        self._nursery.sweep()
        self._announcements.flush()
        for process, policy in self._supervised.items():
            if policy.state is ProcessState.BACKOFF and now >= policy.due:
                self._spawn(process)
            elif policy.pid and policy.hangs(now, self._beats(process)):
                self._hanging.add(process)
                self._children[process].kill()

    def _beats(self, process: str) -> int:
        page = self._pages.get(process)
        if page is None or page.words[Word.PID] != self._supervised[process].pid:
            with contextlib.suppress(OSError, ValueError):
                self._pages[process] = Page.open(self._host.run_dir / f"{process}.page")
            return 0
        return page.words[Word.BEATS] + page.words[Word.PROGRESS]

    def _enter(self, mode: Mode, why: str) -> None:
        if mode is self.mode or self._stopping is not None:
            return
        self.mode = mode
        self._announcements.event(ModeChanged(mode, why))
        if mode is Mode.SAFE:
            self._wanted &= set(self._host.table.essential())
        elif mode is Mode.NOMINAL:
            healthy = {
                name
                for name, policy in self._supervised.items()
                if policy.state is not ProcessState.QUARANTINED
            }
            self._wanted |= healthy
        self._follow()
        self._report()
        self._announce()

    def _follow(self) -> None:
        """Make what runs match what is wanted."""
        for process, policy in self._supervised.items():
            if process in self._wanted:
                if policy.state is ProcessState.STOPPED:
                    self._spawn(process)
            elif process in self._children:
                self._leaving.add(process)
                self._children[process].terminate()
            elif policy.state is ProcessState.BACKOFF:
                policy.stopped()

    @handles(SetSafeMode)
    def _safe_mode(self, command: SetSafeMode) -> None:
        if command.on:
            self._enter(Mode.SAFE, "commanded")
        elif self.mode is Mode.SAFE:  # at start-up there is nothing to leave
            self._enter(Mode.NOMINAL, "commanded")

    @handles(Shutdown)
    def _shutdown(self, _command: Shutdown) -> None:
        self._wind_up()

    def _wind_up(self) -> None:
        """Shut down, but not before the reports and events of why have left."""
        self.context.after(LINGER, self.shut_down)

    def shut_down(self) -> None:
        """Stop all children, then the loop: SIGTERM, DRAIN seconds, SIGKILL."""
        if self._stopping is not None:
            return
        self._notifier.send("STOPPING=1")
        deadline = self.context.clock.now() + DRAIN

        def finish() -> None:
            if not self._children:
                self._host.loop.stop()
            elif self.context.clock.now() > deadline:
                for child in self._children.values():
                    child.kill()

        self._stopping = finish
        self._wanted.clear()
        self._announcements.flush()
        self._follow()
        self.context.every(0.02, finish)

    def _tell(self, policy: Supervised) -> None:
        report = ProcessReport(
            policy.process, policy.state, policy.pid, max(0, policy.starts - 1), policy.reason
        )
        self.context.publish(report)

    def _report(self) -> None:
        policies = self._supervised.values()
        self.context.publish(
            NodeState(
                self.mode,
                self._boots,
                self.context.clock.now() - self._born,
                sum(max(0, policy.starts - 1) for policy in policies),
                sum(policy.state is ProcessState.QUARANTINED for policy in policies),
                hash32(),
            )
        )
        for policy in policies:
            self._tell(policy)

    def _pet(self) -> None:
        """Feed systemd's watchdog only while every essential process turns its loop."""
        essential = (self._supervised.get(name) for name in self._host.table.essential())
        if all(policy.state is ProcessState.READY for policy in essential if policy):
            self._notifier.send("WATCHDOG=1")
