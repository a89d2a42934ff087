"""The emulator in real time: two UDP ports, one channel behind each."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ground.datagram import Address, DatagramSocket
from ground.emulator.channel import Channel
from ground.emulator.hexframes import HexFrameError, parse_frame
from ground.emulator.trace import EmulatedLink
from ground.jsonlines import ControlServer, Peer
from ground.linkfile import Link, LinkFileError


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each direction is received and forwarded to."""

    up_listen: Address
    up_to: Address
    down_listen: Address
    down_to: Address


class Way:
    """One direction: a bound port, a channel and the timer of what happens next in it."""

    def __init__(self, channel: Channel, listen: Address, to: Address) -> None:
        self.channel = channel
        self._to = to
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.socket = DatagramSocket(listen, self._receive)
        self.channel.advance(self._loop.time())
        self.arm()

    def _receive(self, datagram: bytes) -> None:
        self.channel.offer(datagram, self._loop.time())
        self.arm()

    def inject(self, frame: bytes) -> None:
        """Have the attacker send a frame."""
        self.channel.inject(frame, self._loop.time())
        self.arm()

    def arm(self) -> None:
        """Set the timer to the deadline itself, so that lateness does not add up."""
        due = self.channel.wake_time()
        if self._timer is not None:
            if due is not None and self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._forward)

    def _forward(self) -> None:
        self._timer = None
        for frame in self.channel.due(self._loop.time()):
            self.socket.send(frame, self._to)
        self.arm()

    @property
    def counters(self) -> dict[str, int]:
        """The channel's counters and gauges, and datagrams that the socket would not take."""
        gauges = self.channel.gauges(self._loop.time())
        return self.channel.counters | gauges | {"dropped_socket": self.socket.dropped}

    def close(self) -> None:
        """Stop; what is in flight is lost."""
        if self._timer is not None:
            self._timer.cancel()
        self.socket.close()


class UdpEmulator:
    """Both directions and the control socket."""

    def __init__(
        self, link: Link, seed: int, ports: Ports, control: Path, trace: TextIO | None = None
    ) -> None:
        begin = asyncio.get_running_loop().time()
        write = None if trace is None else lambda line: print(line, file=trace)
        self._link = EmulatedLink(link.shifted(begin), seed, write)
        self._ports = ports
        self._control = ControlServer(control, self._handle)
        self._ways: dict[str, Way] = {}

    async def start(self) -> None:
        """Bind everything. Raises Stop (6) when a port or the socket path is in use."""
        try:
            ports = self._ports
            self._open("up", ports.up_listen, ports.up_to)
            self._open("down", ports.down_listen, ports.down_to)
            await self._control.start()
        except BaseException:
            await self.stop()
            raise

    def _open(self, name: str, listen: Address, to: Address) -> None:
        self._ways[name] = Way(self._link.ways[name], listen, to)

    def _handle(self, request: dict[str, Any], _: Peer) -> dict[str, Any]:
        match request:
            case {"outage": float() | int() as seconds} if 0 < seconds < 1e6:
                now = asyncio.get_running_loop().time()
                for way in self._ways:
                    self._link.outage(way, now, seconds)
                return {"ok": True, "outage": seconds}
            case {"set": str() as name, "value": float() | int() as value, **rest}:
                ways = tuple(self._ways)
                if rest.get("way", ways[0]) in ways:
                    return self._set(name, value, (rest["way"],) if "way" in rest else ways)
            case {"inject": str() as frame, "way": "up" | "down" as way}:
                return self._inject(frame, way)
            case {"counters": True}:
                return {"ok": True, **self.counters()}
        known = (
            '{"outage": seconds}, {"set": name, "value": number} with or without "way", {"inject":'
            ' hex, "way": "up" or "down"} or {"counters": true}'
        )
        return {"ok": False, "error": f"expected {known}"}

    def _inject(self, frame: str, way: str) -> dict[str, Any]:
        try:
            self._ways[way].inject(parse_frame(frame))
        except HexFrameError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "inject": way}

    def _set(self, name: str, value: float, ways: tuple[str, ...]) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        try:
            for way in ways:  # both or none
                self._link.ways[way].changed(name, value)
            for way in ways:
                self._link.set(way, name, value, now)
                self._ways[way].arm()
        except LinkFileError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "set": name, "value": value}

    def counters(self) -> dict[str, dict[str, int]]:
        """Counters of both directions."""
        return {name: way.counters for name, way in self._ways.items()}

    async def stop(self) -> None:
        """Release ports and socket."""
        for way in self._ways.values():
            way.close()
        await self._control.stop()


async def _serve(
    link: Link, seed: int, ports: Ports, control: Path, report: Path | None, trace: TextIO | None
) -> None:
    emulator = UdpEmulator(link, seed, ports, control, trace)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await emulator.start()
    print("emulator ready", flush=True)
    await stopping.wait()
    await emulator.stop()
    if report is not None:
        write_report(report, emulator.counters())


def write_report(path: Path, counters: dict[str, dict[str, int]]) -> None:
    """Write the counters as JSON; a reader never sees half a file."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(counters, indent=2) + "\n")
    os.replace(part, path)  # noqa: PTH105


def run(
    link: Link,
    seed: int,
    ports: Ports,
    control: Path,
    report: Path | None = None,
    trace: Path | None = None,
) -> None:
    """Emulate until SIGTERM or SIGINT, then write the report. Raises OSError for a trace that
    cannot be written."""
    with nullcontext() if trace is None else trace.open("w") as file:
        asyncio.run(_serve(link, seed, ports, control, report, file))
