"""What a worker process may use: memory, processor time, files, one core, no network.

A task is the least trusted code on board. The limits are the kernel's (setrlimit(2),
network_namespaces(7)); they bound damage, they are no sandbox against a hostile program.
"""

from __future__ import annotations

import os
import resource

import msgspec

from flight.runtime import kernel

_UNLIMITED = resource.RLIM_INFINITY


class Confinement(msgspec.Struct, array_like=True, frozen=True):
    """Limits of one process; 0 leaves a resource as it is, ``core`` -1 leaves the placement."""

    memory: int = 0  # octets of address space; allocation fails beyond
    cpu: int = 0  # s of processor time; SIGXCPU, then SIGKILL
    files: int = 0  # open descriptors
    core: int = -1  # index into the cores that this process may use, modulo their number
    network: bool = True


UNCONFINED = Confinement()


def enter(limits: Confinement) -> bool:
    """Confine this process, for good. False when it still has a network that it should not have.

    Raises OSError when a limit cannot be set.
    """
    if limits.memory:
        _limit(resource.RLIMIT_AS, limits.memory)
    if limits.cpu:
        _limit(resource.RLIMIT_CPU, limits.cpu)
    if limits.files:
        _limit(resource.RLIMIT_NOFILE, limits.files)
    if limits.core >= 0:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[limits.core % len(cores)]})
    return limits.network or kernel.leave_network()


def _limit(resource_id: int, value: int) -> None:
    _, hard = resource.getrlimit(resource_id)
    value = value if hard == _UNLIMITED else min(value, hard)
    resource.setrlimit(resource_id, (value, value))
