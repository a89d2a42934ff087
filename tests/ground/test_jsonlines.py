"""Control sockets: bounded backlog, long paths, order of lines."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

from ground.jsonlines import LONGEST_BACKLOG, ControlClient, ControlServer, Peer


def serve(path: Path, handle: Any, client: Any) -> None:
    """Run a server on this thread's loop while ``client(path)`` runs on another."""

    async def run() -> None:
        server = ControlServer(path, handle)
        await server.start()
        failures: list[BaseException] = []

        def call() -> None:
            try:
                client(path)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        await asyncio.wait_for(asyncio.to_thread(thread.join), 20)
        await server.stop()
        assert not failures, failures

    asyncio.run(run())
    assert not path.exists()


def test_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()

    def client(path: Path) -> None:
        with ControlClient(path) as connection:
            assert connection.request({"n": 1}) == {"ok": True, "n": 1}

    serve(folder / "control.sock", lambda request, _: {"ok": True, **request}, client)


def test_lines_of_a_watch_do_not_hide_a_reply(tmp_path: Path) -> None:
    def handle(request: dict[str, Any], peer: Peer) -> dict[str, Any]:
        for number in range(3):
            peer.send({"happening": request["n"] * 10 + number})
        return {"ok": True, "n": request["n"]}

    def client(path: Path) -> None:
        with ControlClient(path) as connection:
            assert [connection.request({"n": n})["n"] for n in (1, 2)] == [1, 2]
            lines = [connection.receive(1.0) for _ in range(6)]
            assert [line["happening"] for line in lines if line] == [10, 11, 12, 20, 21, 22]
            assert connection.receive(0.01) is None

    serve(tmp_path / "s", handle, client)


def test_client_that_does_not_read_loses_lines_and_blocks_nobody(tmp_path: Path) -> None:
    count = 20_000
    peers: list[Peer] = []

    def handle(request: dict[str, Any], peer: Peer) -> dict[str, Any]:
        if "flood" in request:
            peers.append(peer)
            for _ in range(count):
                peer.send({"text": "x" * 1000})
        return {"ok": True}

    def client(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(str(path))
            deaf.sendall(b'{"flood": 1}\n')
            with ControlClient(path) as other:
                while not peers or peers[0].lost == 0:
                    assert other.request({})["ok"]

    serve(tmp_path / "s", handle, client)
    assert peers[0].lost > count - 2 * LONGEST_BACKLOG // 1000
