"""A node: takes its directory, runs the executive, leaves nothing behind."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from flight.runtime.directory import NodeDirectory
from flight.runtime.dispatch import ServiceContext, wire
from flight.runtime.executive import STARTS_PER_BOOT, Executive
from flight.runtime.host import Berth
from flight.runtime.onboard import ProcessHost
from flight.runtime.process import Nursery
from flight.runtime.store import FileStore
from flight.runtime.systemd import Notifier
from flight.runtime.table import EXECUTIVE, Table
from flight.runtime.zygote import resolve

PRELOAD = ("flight.runtime.onboard",)


def run(state_dir: Path, settings: dict[str, Any], table: str, seed: int, traceable: bool) -> int:
    """Run a node until it is told to stop; return its exit code.

    Raises DirectoryInUse when another node holds ``state_dir``, OSError when it cannot be used,
    ParameterError when the settings do not fit the dictionary.
    """
    directory = NodeDirectory(state_dir)
    try:
        return _run(directory, settings, table, seed, traceable)
    finally:
        directory.release()


def _run(
    directory: NodeDirectory, settings: dict[str, Any], table: str, seed: int, traceable: bool
) -> int:
    boots = _count_boot(FileStore(directory.state))
    rows = resolve(table)
    assert isinstance(rows, Table)
    berth = Berth(
        EXECUTIVE,
        table,
        str(directory.run),
        str(directory.state),
        settings,
        boots * STARTS_PER_BOOT,
        seed,
        (EXECUTIVE,),
        traceable,
    )
    host = ProcessHost(berth)
    modules = {row.service.partition(":")[0] for row in rows.rows if row.service}
    nursery = Nursery(host.loop, (*PRELOAD, *sorted(modules)), traceable=traceable)
    context = ServiceContext(host, EXECUTIVE, settings, seed)
    executive = Executive(context, host, nursery, Notifier(dict(os.environ)), boots)
    wire(executive, context, host.subscriber.subscribe, host.responder.serve)
    host.loop.catch_signals()
    host.loop.on_signal = executive.shut_down
    try:
        host.add_services()
        host.start()
        executive.start()
        host.loop.run()
    finally:
        nursery.close()
        host.stop()
    if executive.failure:
        print(f"flight: {executive.failure}", file=sys.stderr)
        return 1
    return 0


def _count_boot(store: FileStore) -> int:
    saved = store.read("executive/boots")
    boots = int.from_bytes(saved or b"\0", "big") + 1
    try:
        store.write("executive/boots", boots.to_bytes(4, "big"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # A full disk must not keep the node from starting; the next boot has this number again.
        print(f"flight: boots not counted: {error.strerror}", file=sys.stderr)
    return boots
