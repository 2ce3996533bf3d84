"""Kills the server with SIGKILL under load, again and again: every event that got a 2xx must be there.

    python tests/benchmarks/kill9.py [ROUNDS]

One file for all of the rounds (20), so that each start also recovers from the kill before.
"""

import selectors
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from benchmarks.load import is_whole, post_bytes  # noqa: E402

TOKEN = "an-admin-key-for-tests"


class Posting:
    """Keep-alive connections that each post, wait for the answer and post again."""

    def __init__(self, port: int, token: str, connections: int):
        self.port, self.token = port, token
        self.sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(connections)]

    def post_all(self, requests: list[bytes]) -> list[bytes]:
        """Every answer, in the order of the requests."""
        answers, waiting = [b""] * len(requests), list(enumerate(requests))[::-1]
        self._run(lambda: waiting.pop() if waiting else None, answers.__setitem__)
        return answers

    def post_until_closed(self, told: Callable[[int], object]) -> list[str]:
        """The distinct_ids of all events that got a 2xx before the server ended; `told` learns of their number."""
        acknowledged: list[str] = []
        run = f"{id(acknowledged)}-{self.port}"
        sent = iter(range(10**9))

        def following() -> tuple[str, bytes]:
            number = next(sent)
            return f"{run}-{number}", post_bytes(self.port, self.token, f"{run}-{number}", number)

        def answered(distinct_id: str, answer: bytes) -> None:
            assert answer.startswith(b"HTTP/1.1 201"), answer
            acknowledged.append(distinct_id)
            told(len(acknowledged))

        self._run(following, answered)
        return acknowledged

    def _run(self, following: Callable, answered: Callable) -> None:
        """Until there is nothing more to send, or every connection has ended."""
        selector = selectors.DefaultSelector()
        running: dict[socket.socket, tuple] = {}  # connection -> (what it posted, the answer so far)

        def send(connection: socket.socket) -> None:
            try:
                if (each := following()) is None:
                    return finish(connection)
                running[connection] = (each[0], b"")
                connection.sendall(each[1])
            except OSError:
                finish(connection)

        def finish(connection: socket.socket) -> None:
            selector.unregister(connection)
            running.pop(connection, None)
            connection.close()

        for each in self.sockets:
            selector.register(each, selectors.EVENT_READ)
            send(each)
        while running:
            for key, _ in selector.select(30):
                self._receive(key.fileobj, running, answered, send, finish)
        selector.close()

    def _receive(self, connection, running, answered, send, finish) -> None:
        try:
            data = connection.recv(65_536)
        except OSError:
            data = b""
        if not data:
            return finish(connection)
        name, before = running[connection]
        running[connection] = (name, before + data)
        if is_whole(before + data):
            answered(name, before + data)
            send(connection)


def stored_ids(database: str | Path) -> list[str]:
    """The distinct_ids in the file, in the order in which they were stored."""
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as look:
        return [row[0] for row in look.execute("select distinct_id from events order by event_id")]


def kill_and_look(start: Callable, database: Path, token: str, after: int) -> tuple[int, list[str]]:
    """One round: (how many events were acknowledged before the kill, those of them that are not there after it)."""
    server = start(database)
    posting = Posting(server.port, token, 16)
    acknowledged = posting.post_until_closed(lambda count: count == after and server.process.send_signal(signal.SIGKILL))
    server.stop(signal.SIGKILL)
    again = start(database)
    again.stop(signal.SIGTERM)
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as look:
        assert look.pragma("integrity_check") == "ok"
    return len(acknowledged), sorted(set(acknowledged) - set(stored_ids(database)))


def main(rounds: int = 20) -> int:
    from conftest import ServerProcess

    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            acknowledged, missing = kill_and_look(ServerProcess, Path(folder) / "events.db", TOKEN, after=50 + number * 97 % 2_000)
            lost += len(missing)
            print(f"round {number + 1}: {acknowledged} acknowledged, {len(missing)} missing", flush=True)
    print(f"{lost} acknowledged events were lost in {rounds} kills")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
