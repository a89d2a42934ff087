"""The few calls of the Linux kernel that the standard library does not offer."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PTRACER = 0x59616D61
_PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: object) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def die_with_parent(parent: int) -> None:
    """Get SIGKILL when ``parent`` ends; exit now when it is gone already (prctl(2))."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Name shown by ps and top; 15 octets."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]))


def set_traceable(allowed: bool) -> None:
    """Let other processes of this user trace this one (fault injection), or nobody but root."""
    _prctl(_PR_SET_DUMPABLE, int(allowed))
    if allowed:
        # Only there under the Yama security module; without it the same user may trace anyway.
        _libc.prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)


def leave_network() -> bool:
    """Move this process into a network of its own without interfaces; False when not permitted.

    Without privilege that takes a user namespace (user_namespaces(7)), whose creation cancels the
    parent-death signal and tracing, so both are set again. Only while there is a single thread.
    """
    if _libc.unshare(_CLONE_NEWNET) == 0:
        return True
    parent, traceable = os.getppid(), _libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    die_with_parent(parent)
    set_traceable(traceable)
    return True
