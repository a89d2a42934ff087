"""What comes up after an outage that the node was told nothing of."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from files_node import TICK, Site

from flight.dictionary.uploads import FileUplinked
from flight.link.cfdp import StoredFile
from flight.link.channels import HAIL, Entity

NAK = 35  # octets; acknowledgements are shorter
DATA = random.Random(4).randbytes(20_000)


@pytest.mark.parametrize("away", [60.0, 300.0])
def test_a_reception_is_asked_for_when_the_ground_is_heard_again(
    tmp_path: Path, away: float
) -> None:
    site = Site(tmp_path)
    site.hails, receive = True, site.engine.receive
    site.engine.receive = lambda pdu, now: receive(pdu, now) if len(pdu) < NAK else None  # type: ignore[method-assign]
    site.engine.put("up.bin", StoredFile(DATA), Entity.NODE)
    site.mute = True  # some of the data are lost, and all that asks for them
    site.run(2 * TICK)
    site.mute = False
    site.run(2.0)
    site.mute = site.deaf = True
    site.engine.receive = receive  # type: ignore[method-assign]
    site.engine.freeze(site.time.clock.now())
    site.run(away)
    site.mute = site.deaf = False
    site.engine.thaw(site.time.clock.now())
    assert site.run(HAIL + 1.0, lambda: site.events(FileUplinked)), "within the next hail and a NAK"
