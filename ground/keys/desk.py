"""Verbs about keys at the station's control socket."""

from __future__ import annotations

from typing import Any

from flight.console.exits import Exit
from flight.link.sdls import KeyringError
from ground.keys.holder import KeyHolder


def answer(holder: KeyHolder | None, request: dict[str, Any]) -> dict[str, Any]:
    """``do``: ``prepare``, ``states``, ``switch`` or ``revoke`` with an ``epoch``."""
    if holder is None:
        return _refused("the station runs without keys")
    try:
        match request:
            case {"do": "prepare"}:
                return {"ok": True, **holder.prepare()}
            case {"do": "states"}:
                states = holder.ring.states()
                return {"ok": True, "states": {str(n): state.name for n, state in states.items()}}
            case {"do": "switch", "epoch": int(epoch)}:
                holder.switch(epoch)
                return {"ok": True, "epoch": epoch}
            case {"do": "revoke", "epoch": int(epoch)}:
                holder.revoke(epoch)
                return {"ok": True, "epoch": epoch}
    except KeyringError as error:
        return _refused(f"refused: {error.detail}")
    except OSError as error:
        return _refused(f"keyring: {error.strerror}")
    return {"ok": False, "code": Exit.USAGE, "error": "key: prepare, states, switch, revoke"}


def _refused(text: str) -> dict[str, Any]:
    return {"ok": False, "code": Exit.REFUSED_ON_GROUND, "error": text}
