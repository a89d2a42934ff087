"""The stages of a direction, in the order in which frames pass them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ground.emulator import disturbances as happens
from ground.emulator.attacker import Injector
from ground.emulator.budget import EnergyErrors
from ground.emulator.errors import Bursts, Errors
from ground.emulator.stages import Delay, Stage, generator
from ground.emulator.track import Rates, Track
from ground.emulator.transmitter import Gate, Serialiser
from ground.linkfile import Direction, Sample, Window


@dataclass(frozen=True, slots=True)
class Chain:
    """The transmitter, the stages behind it, and what comes past all of them but ``delay``."""

    transmitter: Serialiser
    stages: list[Stage]
    delay: Delay
    injector: Injector


def build(
    settings: Direction,
    seed: int,
    direction: str,
    contacts: tuple[Window, ...],
    samples: tuple[Sample, ...],
) -> Chain:
    """Gate, transmitter, errors, disturbances, propagation, attacker.

    Each draws from a stream of its own, so that none changes what another one does and those that
    stay off can be left out. The attacker's (garble, replay, inject) are always there: they may be
    switched on at any time.
    """

    def stream(stage: str) -> Random:
        return generator(seed, direction, stage)

    track = Track(samples) if samples else None
    rates = Rates(settings, track)
    stages: list[Stage] = [
        Errors(settings.ber, stream("errors"))
        if settings.ebn0 is None
        else EnergyErrors(settings, rates, track, stream("errors")),
    ]
    if settings.burst_ber:
        lengths = settings.burst, settings.calm
        streams = stream("bursts"), stream("burst errors")
        stages.append(Bursts(settings.burst_ber, lengths, rates, *streams))
    chances = (
        (happens.Truncate, settings.truncate),
        (happens.Merge, settings.merge),
        (happens.Noise, settings.noise),
        (happens.Duplicate, settings.duplicate),
    )
    for kind, chance in chances:
        if chance:
            stages.append(kind(chance, stream(kind.__name__.lower())))
    stages.append(happens.Garble(settings.garble, stream("garble")))
    delay = Delay(settings, track, stream("delay"))
    stages.append(delay)
    stages.append(happens.Replay(settings.replay, settings.replay_after, stream("replay")))
    return Chain(
        Serialiser(rates, settings.queue, Gate(contacts, settings.hold)),
        stages,
        delay,
        Injector(settings.inject, settings.inject_frames, stream("inject")),
    )
