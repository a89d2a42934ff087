"""Replicas that do what a script says: odd, rotten, silent, dead, absurd, blind, early, smudged."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
import numpy as np

from flight.dictionary.enums import Reason
from flight.executor.protocol import Act, Answer, Order
from flight.executor.replica import Replica
from flight.executor.state import decode as decode_state
from flight.executor.state import encode_into
from flight.runtime.crc import crc32c


class Script:
    """What scripted replicas do, by (seat, generation), one act per attempt; and what they did."""

    def __init__(self) -> None:
        self.acts: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        self.orders: list[tuple[float, int, int]] = []
        self.hired: list[int] = []


SCRIPT = Script()


class ScriptedReplica(Replica):
    """A replica that is odd, rotten, silent, dead, absurd, blind or early when told."""

    def __init__(self, config: bytes, tools: Any) -> None:
        super().__init__(config, tools)
        self._clock = tools.clock
        self.index = int(self._assignment.region[-1])
        self._rotten = False
        SCRIPT.hired.append(self.index)

    def handle(self, message: bytes) -> bytes:
        order = msgspec.msgpack.decode(message, type=Order)
        target = 0 if order.act is Act.START else order.generation + 1
        SCRIPT.orders.append((self._clock.now(), self.index, target))
        acts = SCRIPT.acts[self.index, target]
        act = acts.pop(0) if acts else ""
        answer = super().handle(message)
        self._rotten |= act == "rot"
        if act == "dead":
            raise RuntimeError("killed by the script")
        if self._rotten or act == "odd":
            self._spoil(target, 1000 + self.index)
        if act == "common":
            self._spoil(target, 7)
        if act == "smudged":
            self._spoil(target, 9)
        else:
            answer = self._signed(answer, target)
        return self._say(act, order.ticket, answer)

    def _signed(self, answer: bytes, target: int) -> bytes:
        """The answer of a replica that has written what now lies in the slab."""
        octets = self._slab.answer(target)
        said = msgspec.msgpack.decode(answer, type=Answer)
        crc = said.crc if octets is None else crc32c(octets)
        return msgspec.msgpack.encode(msgspec.structs.replace(said, crc=crc))

    def _say(self, act: str, ticket: int, answer: bytes) -> bytes:
        if act == "silent":
            return b""
        if act == "absurd":
            return b"\xc1 nonsense"
        if act == "blind":
            refusal = Answer(ticket, Reason.FORMAT, "scene is blind", inputs=True)
            return msgspec.msgpack.encode(refusal)
        if act == "early":
            said = msgspec.msgpack.decode(answer, type=Answer)
            return msgspec.msgpack.encode(msgspec.structs.replace(said, done=True))
        return answer

    def _spoil(self, target: int, by: int) -> None:
        octets = self._slab.answer(target)
        if octets is None:
            return
        state = decode_state(memoryview(bytes(octets)))
        name = "grid" if "grid" in state else "result"
        state[name] = state[name] + np.uint8(by % 251)
        length, _ = encode_into(state, self._slab.space(target))
        self._slab.commit(target, length)
