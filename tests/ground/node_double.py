"""A node without a flight computer: the flight end of the link, canned answers, one product.

In virtual time it is stepped by a test; run as a script it is a process on UDP.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import select
import socket
import sys
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

import numpy as np
from memory_files import NoFiles, Records

from flight.dictionary.codec import encode
from flight.dictionary.commands import RunTask
from flight.dictionary.enums import BudgetLevel, Level, Mode, Reason, Stage, TaskState
from flight.dictionary.events import NodeStarted
from flight.dictionary.product import Product, Provenance, encode_product
from flight.dictionary.registry import Command, Telemetry, item
from flight.dictionary.telemetry import (
    CommandLedger,
    CommandStage,
    EventReport,
    Housekeeping,
    TaskStatus,
)
from flight.link import services
from flight.link.cfdp import Engine, Filestore, Settings, StoredFile
from flight.link.channels import Apid, Entity, VirtualChannel
from flight.link.errors import LinkError
from flight.link.farm import Farm, Verdict
from flight.link.pus import Report, Telecommand
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame
from flight.link.tm import TmFramer

SPACECRAFT = 0xA5
SIZE = 640
RATE = 4e6
PRODUCT = "task-1.product"
SCENE = np.full((40, 50, 3), 90, np.uint8)


def scene() -> bytes:
    """File of the scene; NPZ files carry no time, so that it is the same in every process."""
    stream = io.BytesIO()
    np.savez(stream, rgb=SCENE)
    return stream.getvalue()


def product(request: int, level: Level, height: int = 40, width: int = 50) -> bytes:
    """File of a product: rows of 0 and 1, the first row nodata."""
    result = bytes([255] * width) + bytes(i % 7 == 0 for i in range((height - 1) * width))
    codes = "".join(f"{(0, 1, 255).index(value):02b}" for value in result)
    packed = zlib.compress(int(codes, 2).to_bytes(len(codes) // 8))
    digest, taken = (hashlib.sha256(each).hexdigest() for each in (result, scene()))
    proof = Provenance(
        *(1, request, "cloudmask 1", "demo", taken, "cloudnet", "cd" * 32, "0123", level),
        *(4, 4, 1, 0, 0, 1, 0, 1_767_225_600_000_000_000, 1.5, float("nan"), digest),
    )
    return encode_product(Product(1, proof, (0, 1, 255), (height, width), packed))


class NodeDouble:
    """``lose(stage)`` says which verification reports get lost; ``mute`` answers no command."""

    def __init__(
        self,
        lose: Callable[[Stage], bool] = lambda stage: False,
        mute: bool = False,
        refuse: Reason = Reason.NONE,
        files: Filestore | None = None,
        records: Records | None = None,
    ) -> None:
        self.executed: list[Command] = []
        self.ledger: OrderedDict[int, tuple[Stage, Reason]] = OrderedDict()
        store = files or cast("Filestore", NoFiles())
        self.records = records or Records()
        self.engine = Engine(Entity.NODE, store, self.records, Settings(round_trip=0.2))
        self.sources: dict[str, bytes] = {}
        self.bad = 0
        self._lose, self._mute, self._refuse = lose, mute, refuse
        self._framer = TmFramer(SPACECRAFT, SIZE)
        self._farm = Farm(VirtualChannel.COMMANDS)
        self._counts: dict[int, int] = {}
        self._free = self._idle_due = self._report_due = 0.0
        self._started = False

    def downlink_file(self, name: str, data: bytes) -> None:
        self.sources[name] = data
        self.engine.put(name, StoredFile(data), Entity.GROUND)

    @property
    def sending(self) -> bool:
        return any(state.sending for state in self.engine.progress())

    def receive(self, datagram: bytes, now: float) -> None:
        try:
            frame = TcFrame.unpack(datagram, SPACECRAFT)
            if frame.channel == VirtualChannel.FILES:
                self._file_pdu(SpacePacket.unpack(frame.data).data, now)
            elif self._farm.accept(frame) is Verdict.ACCEPTED:
                self._telecommand(Telecommand.unpack(frame.data))
        except (LinkError, ValueError):
            self.bad += 1

    def _file_pdu(self, raw: bytes, now: float) -> None:
        self.engine.receive(raw, now)

    def _telecommand(self, packet: Telecommand) -> None:
        if self._mute:
            return
        if packet.request_id in self.ledger:
            self._stage(packet.request_id, *self.ledger[packet.request_id])
            return
        self._stage(packet.request_id, Stage.ACCEPTED)
        command = services.parse_telecommand(packet.service, packet.subtype, packet.data)
        if self._refuse:
            self._stage(packet.request_id, Stage.FAILED, self._refuse)
            return
        self.executed.append(command)
        self._stage(packet.request_id, Stage.STARTED)
        if isinstance(command, RunTask):
            self._task(packet.request_id, command)
        self._stage(packet.request_id, Stage.COMPLETED)

    def _task(self, request: int, command: RunTask) -> None:
        for step in range(5):
            state = TaskState.COMPLETED if step == 4 else TaskState.RUNNING
            names = (1, request, command.program, command.scene, command.level, state)
            self._telemetry(TaskStatus(*names, step, 4, step, 1, 0, 0, 1, 0, Reason.NONE))
        self.downlink_file(PRODUCT, product(request, command.level))

    def _stage(self, request: int, stage: Stage, reason: Reason = Reason.NONE) -> None:
        self.ledger[request] = (stage, reason)
        if not self._lose(stage):
            self._report(services.stage(CommandStage(request, stage, 0, reason)))

    def _telemetry(self, message: Telemetry) -> None:
        self._report(services.housekeeping(message))

    def _report(self, content: services.Content) -> None:
        packet = Report(Apid.NODE, self._count(Apid.NODE), *content[:2], 10**18, content[2])
        self._framer.add(VirtualChannel.HOUSEKEEPING, packet.pack())

    def _count(self, apid: int) -> int:
        self._counts[apid] = self._counts.get(apid, -1) + 1
        return self._counts[apid]

    def frames(self, now: float) -> list[bytes]:
        """Frames whose time has come, at 4 Mbit/s; an idle one after 0.1 s of silence."""
        self._periodic(now)
        found: list[bytes] = []
        self._free = max(self._free, now - 0.005)
        while self._free <= now:
            self._fill(now)
            if not self._framer.has_data and now < self._idle_due:
                break
            found.append(self._framer.frame(self._farm.clcw()))
            self._free += SIZE * 8 / RATE
            self._idle_due = now + 0.1
        return found

    def _fill(self, now: float) -> None:
        while self._framer.pending(VirtualChannel.PRODUCTS) < SIZE:
            pdu = self.engine.next_pdu(now)
            if pdu is None:
                return
            count = self._count(Apid.FILES)
            packet = SpacePacket(Apid.FILES, False, count, pdu, secondary=False)
            self._framer.add(VirtualChannel.PRODUCTS, packet.pack())

    def _periodic(self, now: float) -> None:
        if now < self._report_due:
            return
        self._report_due = now + 1.0
        if not self._started:
            event = NodeStarted(3)
            about = item(event)
            report = EventReport(about.id, about.severity, "executive", 10**18, encode(event))
            self._report(services.event(report))
        self._started = True
        self._telemetry(
            Housekeeping(
                *(1, Mode.NOMINAL, now, 0, 41.5, float("nan"), 0.9, BudgetLevel.FULL),
                *(0, 1, 0, 10, int(self.sending)),
            )
        )
        rows = [(request, *entry) for request, entry in reversed(self.ledger.items())][:4]
        self._telemetry(CommandLedger(*(value for row in rows for value in row)))


def main() -> None:
    """Run on UDP until the parent closes stdin."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--mute", action="store_true")
    parser.add_argument("--refuse", default="NONE")
    options = parser.parse_args()
    node = NodeDouble(mute=options.mute, refuse=Reason[options.refuse])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", options.listen))
        print("node ready", flush=True)
        while True:
            ready, _, _ = select.select([port, sys.stdin], [], [], 0.005)
            if sys.stdin in ready:
                return
            if port in ready:
                node.receive(port.recv(2048), time.monotonic())
            for frame in node.frames(time.monotonic()):
                port.sendto(frame, ("127.0.0.1", options.to))


if __name__ == "__main__":
    main()
