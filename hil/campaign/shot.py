"""One upset into one replica of a task, at the time and place that a seed says."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence

from hil.campaign.standing import POLL, StandingNode
from hil.campaign.trial import Trial
from hil.inject import faults
from hil.inject.memory import Victim
from hil.inject.places import Places, choose


class Shot:
    """Follows the task of a trial to its end, and upsets one replica on the way.

    ``life`` is how long a replica of this program is expected to live, in s. Afterwards ``lived``
    says how long this one did, 0 when it was not seen. The time of the upset is uniform over the
    rest of that life once the target is there.
    """

    def __init__(
        self,
        node: StandingNode,
        trial: Trial,
        scenes: Sequence[bytes],
        life: float,
        generator: random.Random,
    ) -> None:
        self.lived = 0.0
        self.pagemap = True
        self._node, self._trial, self._scenes, self._life = node, trial, scenes, life
        self._when, self._where, self._generator = generator.random(), generator.random(), generator
        self._seen = 0.0

    def fire(self, target: str, fault: str, deadline: float) -> bool:
        """Follow the task until it has ended or ``deadline``; False when nothing was injected.

        Raises InjectionRefused when the kernel does not let us.
        """
        try:
            injected = self._disturb(target, fault, deadline)
        except ProcessLookupError as error:
            injected, self._trial.detail = False, str(error)
        while not self._over(deadline):
            self._turn(POLL)
        return injected

    def _over(self, deadline: float) -> bool:
        return self._node.ended(self._trial.task) or self._node.clock.now() >= deadline

    def _turn(self, seconds: float) -> int:
        """Pid of the replica, 0 when there is none, after a look at what the node tells."""
        self._node.turn(seconds)
        pid = self._node.replicas(self._trial.task).get(self._trial.replica, 0)
        if pid:
            now = self._node.clock.now()
            self._seen = self._seen or now
            self.lived = now - self._seen
        return pid

    def _disturb(self, target: str, fault: str, deadline: float) -> bool:
        pid = 0
        while not pid:
            if self._over(deadline):
                self._trial.detail = "no replica seen"
                return False
            pid = self._turn(POLL)
        with Victim(self._node.executor if target == "shared" else pid) as victim:
            places = Places(victim, self._trial.task, self._scenes)
            while not places.spans(target) and not self._over(deadline):
                self._turn(POLL)
            now = self._node.clock.now()
            until = now + self._when * max(0.0, self._seen + self._life - now)
            while (left := until - self._node.clock.now()) > 0 and not self._over(deadline):
                self._turn(min(POLL, left))
            return self._flip(victim, places, target, fault)

    def _flip(self, victim: Victim, places: Places, target: str, fault: str) -> bool:
        trial, spans = self._trial, places.spans(target)
        self.pagemap = places.pagemap
        if not spans:
            trial.detail = f"no {target} in memory"
            return False
        span, address = choose(spans, self._where)
        start, mask = faults.draw(fault, address, span.end, self._generator)
        at = self._node.clock.now() - self._seen
        victim.upset(start, mask)
        trial.at = round(at, 4)
        trial.region, trial.address, trial.mask = span.region, start, mask.hex()
        if target == "all":
            with contextlib.suppress(ProcessLookupError):  # injected all the same
                trial.region = places.part(start) or span.region
        return True
