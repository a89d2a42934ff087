"""Files between Yamcs and the node, each way once."""

from __future__ import annotations

from typing import Any

from flight_and_yamcs import FlightAndYamcs, wait_for

SIXTY = bytes((7 * index + (index >> 8)) % 256 for index in range(60_000))
SECONDS = 90.0  # that a transfer may take, repairs included


def send_up(peer: FlightAndYamcs, name: str) -> None:
    """Have Yamcs send 60,000 octets up, class 2, until the node says that it has them."""
    storage = peer.client.get_storage_client()
    storage.get_bucket("sent", create=True).upload_object(name, SIXTY)
    service = peer.client.get_file_transfer_client("tardigrade").get_service("files")
    transfer = service.upload("sent", name, name, options={"reliable": True})
    transfer.await_complete(timeout=SECONDS)
    assert transfer.is_success(), transfer.error

    def uplinked() -> bool:
        messages = [each.message for each in peer.events() if each.event_type == "FileUplinked"]
        return any(name in each and "60000" in each for each in messages)

    wait_for(uplinked, "event FileUplinked", SECONDS)


def send_down(peer: FlightAndYamcs, name: str) -> None:
    """Have the node send the file back; Yamcs must hold the same octets."""
    peer.complete("file_send", name=name, priority=9)
    bucket = peer.client.get_storage_client().get_bucket("received", create=True)

    def received() -> list[Any]:
        return [o for o in bucket.list_objects().objects if o.name.endswith(name)]

    found = wait_for(received, "the file on the ground", SECONDS)[0]
    assert bucket.download_object(found.name) == SIXTY
