"""Keys for a Yamcs that flies the node: each association's key as 32 raw octets in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.link.channels import VirtualChannel
from flight.link.sdls import Direction, Keyring
from flight.link.sdls.derivation import association_key, spi
from flight.runtime.counters import CounterFiles
from ground.keys.holder import COUNTERS
from ground.keys.make import write_key

_UP = (VirtualChannel.COMMANDS, VirtualChannel.FILES)


def export_yamcs(ring: Keyring, folder: Path, out: Path) -> list[dict[str, Any]]:
    """Write the keys of the epoch in use below ``out``; return for each what Yamcs' entry under
    ``encryption`` needs. ``initialSeqNum`` goes on where the station stopped.

    Raises Stop (3) for a ring that Yamcs does not speak; OSError, FileExistsError.
    """
    if ring.clear or ring.strict:
        what = "authentication only" if ring.clear else "the whole header authenticated"
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: Yamcs knows no {what}")
    epoch = ring.sending
    master = ring.master(epoch)
    assert master is not None  # the epoch in use is in operation
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    counters = CounterFiles(folder / COUNTERS)
    found = []
    try:
        for direction, channels in ((Direction.UP, _UP), (Direction.DOWN, tuple(VirtualChannel))):
            for channel in channels:
                index = spi(epoch, direction, channel)
                key = association_key(master, ring.spacecraft, epoch, direction, channel, False)
                path = out / f"{'tc' if direction is Direction.UP else 'tm'}-vc{channel}.key"
                write_key(path, key)
                entry = {"direction": direction.name, "vcId": int(channel), "spi": index}
                entry["keyFile"] = str(path)
                if direction is Direction.UP:
                    entry["initialSeqNum"] = f"{counters.load(f'{index:04x}'):024x}"
                found.append(entry)
    finally:
        counters.close()
    return found
