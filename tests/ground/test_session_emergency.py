"""Telecommands outside the sequence, and what COP-1 alone cannot keep: both end at the session."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_double import SPACECRAFT
from world import World

from flight.dictionary.commands import Ping, RunTask
from flight.dictionary.enums import Level, Stage
from flight.link.channels import VirtualChannel
from flight.link.tc import TcFrame, set_vr
from ground.station.happenings import NoAnswer
from ground.station.settings import ATTEMPTS


def spied(world: World) -> list[TcFrame]:
    """Telecommand frames that reach the node."""
    taken: list[TcFrame] = []
    receive = world.node.receive

    def spy(datagram: bytes, now: float) -> None:
        frame = TcFrame.unpack(datagram, SPACECRAFT)
        if frame.channel == VirtualChannel.COMMANDS and not frame.control:
            taken.append(frame)
        receive(datagram, now)

    world.node.receive = spy  # type: ignore[method-assign]
    return taken


def warm(world: World) -> None:
    request = world.session.send_command(Ping())
    world.run(lambda: world.reached(request, Stage.COMPLETED), 20.0)


def test_a_telecommand_that_bypasses_is_executed_once_and_takes_no_number(tmp_path: Path) -> None:
    world = World(tmp_path)
    taken = spied(world)
    warm(world)
    request = world.session.send_command(Ping(), bypass=True)
    world.run(lambda: world.reached(request, Stage.COMPLETED), 5.0)
    assert [frame.bypass for frame in taken] == [False, True]
    assert world.node.executed == [Ping(), Ping()]
    after = world.session.send_command(Ping())
    world.run(lambda: world.reached(after, Stage.COMPLETED), 5.0)
    assert taken[2].sequence == taken[0].sequence + 1
    assert world.session.statistics()["uplink"]["reinitialised"] == 0


def test_it_reaches_a_locked_node_before_the_sequence_does(tmp_path: Path) -> None:
    world = World(tmp_path)
    warm(world)
    world.node.receive(TcFrame(SPACECRAFT, 0, 200, b"x").pack(), world.now)
    request = world.session.send_command(Ping(), bypass=True)
    taken = spied(world)
    world.run(lambda: world.reached(request, Stage.COMPLETED), 5.0)
    assert [frame.bypass for frame in taken] == [True]


def test_only_what_bypasses_goes_to_a_node_that_is_not_heard(tmp_path: Path) -> None:
    world = World(tmp_path)
    warm(world)
    world.down.outage(world.now, 20.0)
    world.wait(6.0)
    assert not world.session.link_up
    taken = spied(world)
    normal = world.session.send_command(Ping())
    blind = world.session.send_command(Ping(), bypass=True)
    world.wait(5.0)
    assert [frame.bypass for frame in taken] == [True]
    assert world.reached(blind, Stage.SENT)
    assert not world.reached(normal, Stage.SENT)
    assert len(world.node.executed) == 2
    done = (normal, blind)
    world.run(lambda: all(world.reached(each, Stage.COMPLETED) for each in done), 40.0)
    assert len(world.node.executed) == 3


def test_without_an_answer_it_is_repeated_outside_the_sequence(tmp_path: Path) -> None:
    world = World(tmp_path)
    warm(world)
    world.node._mute = True
    taken = spied(world)
    request = world.session.send_command(Ping(), bypass=True)
    world.run(lambda: bool(world.of(NoAnswer)), 40.0)
    assert [frame.bypass for frame in taken] == [True] * ATTEMPTS
    assert world.of(NoAnswer) == [NoAnswer(request, "ping", ATTEMPTS)]


def test_what_the_node_takes_in_sequence_only_is_refused_on_the_ground(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(ValueError, match="in sequence"):
        world.session.send_command(RunTask("p", "scene", Level.TMR), bypass=True)
    assert world.session.happenings() == []


def test_a_foreign_set_vr_that_passes_for_an_acknowledgement_loses_no_telecommand(
    tmp_path: Path,
) -> None:
    """COP-1 takes N(R) on trust. The station repeats what the node has not answered."""
    world = World(tmp_path, delay=0.3)
    taken = spied(world)
    warm(world)
    number = taken[-1].sequence
    world.up.outage(world.now, 0.7)  # the frames are lost, so that the node is behind
    requests = [world.session.send_command(Ping()) for _ in range(3)]
    world.wait(0.1)
    forged = TcFrame(SPACECRAFT, 0, 0, set_vr(number + 4), bypass=True, control=True)
    world.node.receive(forged.pack(), world.now)
    world.wait(2.0)
    assert world.session._fop.idle, "COP-1 has taken it for an acknowledgement"
    assert len(world.node.executed) == 1
    world.run(lambda: all(world.reached(each, Stage.COMPLETED) for each in requests), 60.0)
    assert len(world.node.executed) == 4
