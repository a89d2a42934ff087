"""Known-answer runs: what a heartbeat cannot tell, namely that answers are still right.

A process that answers on time can be wrong many times running (arXiv 2609.05249: 39 inputs). The
canary is a task on a scene that ships; it runs every so many tasks and after each change of the
environment. Its answer is learnt once, on this processor and from three replicas that agree,
because floating point differs between processors; the model behind it has passed its golden test by
then. A wrong answer later means that what all replicas share is damaged, the image that they are
forked from or the files behind it, so that image is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from flight.dictionary.enums import Level
from flight.dictionary.events import WriteFailed
from flight.dictionary.parameters import ExecutorParameters
from flight.dictionary.radiation import CanaryRight, CanaryUnable, CanaryWrong
from flight.executor.record import TaskRecord
from flight.runtime.service import Context, kept

NAME = "executor/canary"
TASK = 0  # id of no task in the book
RETRY = 30.0  # s between runs while the answer stays wrong
UNABLE = 300.0  # s until a run is tried again that was not possible
TRUST = 2  # wrong answers in a row after which no task starts until one is right


class Canary:
    """When to run it and what its answer means. Without settings there is none."""

    def __init__(self, context: Context, settings: Mapping[str, Any] | None) -> None:
        """``settings``: program and scene."""
        self._context = context
        self._settings = settings
        self._answer = self._load()  # of which origin, and its SHA-256
        self._learning = self._answer is None
        self._tasks = 0
        self._asked = True  # at the start of a life, too
        self._wrong = 0
        self._not_before = context.clock.now()

    def _load(self) -> tuple[str, str] | None:
        for data in kept(self._context.store, NAME):
            with contextlib.suppress(ValueError):  # msgspec's DecodeError, or text not in UTF-8
                return msgspec.msgpack.decode(data, type=tuple[str, str])
        return None

    @property
    def due(self) -> bool:
        """True when the next run is to be the canary's."""
        if self._settings is None or self._context.clock.now() < self._not_before:
            return False
        every = self._context.parameters(ExecutorParameters).canary_every
        return self._asked or (0 < every <= self._tasks)

    @property
    def trusted(self) -> bool:
        """False while too many answers in a row were wrong: results would mean nothing."""
        return self._wrong < TRUST

    def ask(self) -> None:
        """Something changed: run it next."""
        self._asked = True

    def count(self) -> None:
        """A task ended."""
        self._tasks += 1

    @property
    def scene(self) -> str:
        """Name of its scene."""
        return str((self._settings or {})["scene"])

    def record(self, scene_sha256: str) -> TaskRecord:
        """The task to run."""
        level = Level.TMR if self._learning else Level.VERIFY
        program = (self._settings or {})["program"]
        return TaskRecord(TASK, 0, program, self.scene, scene_sha256, level, 9, criticality=0)

    def unable(self, why: str) -> None:
        """It cannot be run: that says nothing of the replicas, so tasks go on."""
        self._tasks, self._asked = 0, True
        self._not_before = self._context.clock.now() + UNABLE
        self._context.event(CanaryUnable(self.scene, why[:64]))

    def judge(self, result: npt.NDArray[np.uint8] | None, origin: str) -> None:
        """Take the answer, None for a run that failed. ``origin``: program, scene and models."""
        self._tasks, self._asked = 0, False
        digest = None if result is None else hashlib.sha256(result.tobytes()).hexdigest()
        known = None if self._answer is None or self._answer[0] != origin else self._answer[1]
        if digest is None or (known is not None and digest != known):
            self._is_wrong()
        elif known is not None:
            self._is_right()
        elif self._learning:
            self._learn(origin, digest)
        else:  # of another program or model than the answer that we know
            self._learning = self._asked = True

    def _is_right(self) -> None:
        self._wrong = 0
        self._context.event(CanaryRight(self.scene))

    def _is_wrong(self) -> None:
        self._wrong += 1
        self._asked = True
        if not self.trusted:
            self._not_before = self._context.clock.now() + RETRY
        self._context.event(CanaryWrong(self.scene, self._wrong))
        self._context.renew_workers()

    def _learn(self, origin: str, digest: str) -> None:
        self._answer, self._learning = (origin, digest), False
        try:
            self._context.store.write(NAME, msgspec.msgpack.encode(self._answer))
        except OSError as error:
            self._context.event(WriteFailed("canary", str(error.strerror)))
        self._is_right()
