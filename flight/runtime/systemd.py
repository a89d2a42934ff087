"""Notifications to systemd (sd_notify(3)), which owns the layer above the executive."""

from __future__ import annotations

import contextlib
import os
import socket

PATIENCE = 0.5  # s for a socket that is full


class Notifier:
    """Sends state changes to the socket that systemd names; silent when there is none."""

    def __init__(self, environment: dict[str, str]) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environment.get("WATCHDOG_USEC", "") if mine else ""
        micros = int(period) if period.isdecimal() else 0
        self.watchdog = micros / 2e6 if micros else None  # s between WATCHDOG=1

    def send(self, state: str) -> None:
        """Send one assignment, e.g. READY=1."""
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
        ):
            channel.settimeout(PATIENCE)
            channel.sendto(state.encode(), self._address)
