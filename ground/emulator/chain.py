"""The stages of a direction, in the order in which frames pass them."""

from __future__ import annotations

from random import Random

from ground.emulator import disturbances as happens
from ground.emulator.errors import Bursts, Errors
from ground.emulator.stages import Delay, Gate, Serialiser, Stage, generator
from ground.linkfile import Direction, Window


def build(
    settings: Direction, seed: int, direction: str, contacts: tuple[Window, ...]
) -> list[Stage]:
    """Gate, transmitter, errors, disturbances, propagation. Those that are off are left out: each
    draws from a stream of its own, so that none changes what another one does."""

    def stream(stage: str) -> Random:
        return generator(seed, direction, stage)

    stages: list[Stage] = [
        Gate(contacts),
        Serialiser(settings.rate, settings.queue),
        Errors(settings.ber, stream("errors")),
    ]
    if settings.burst_ber:
        lengths = settings.burst, settings.calm
        streams = stream("bursts"), stream("burst errors")
        stages.append(Bursts(settings.burst_ber, lengths, settings.rate, *streams))
    chances = (
        (happens.Truncate, settings.truncate),
        (happens.Garble, settings.garble),
        (happens.Noise, settings.noise),
        (happens.Duplicate, settings.duplicate),
    )
    for kind, chance in chances:
        if chance:
            stages.append(kind(chance, stream(kind.__name__.lower())))
    if settings.replay:
        stages.append(happens.Replay(settings.replay, settings.replay_after, stream("replay")))
    if settings.inject:
        stages.append(happens.Inject(settings.inject, stream("inject")))
    order = settings.jitter, settings.reorder, settings.displace
    stages.append(Delay(settings.delay, *order, stream("delay")))
    return stages
