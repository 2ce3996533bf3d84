"""Kills the server with SIGKILL under load: every event that got a 2xx must be there.

    python tests/benchmarks/kill9.py [ROUNDS]

32 connections, and one file for all of the rounds (100), so that each start also recovers from the
kill before.
"""

import itertools
import selectors
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import is_whole, post_bytes
from benchmarks.progress import report
from benchmarks.soak import processor_seconds

TOKEN = "an-admin-key-for-tests"


class Posting:
    """Keep-alive connections that each post, wait for the answer and post again."""

    def __init__(self, port: int, token: str, connections: int):
        self.port = port
        self.token = token
        self.sockets = [
            socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(connections)
        ]

    def post_all(self, requests: list[bytes]) -> list[bytes]:
        """Every answer, in the order of the requests."""
        answers = [b""] * len(requests)
        waiting = iter(enumerate(requests))
        self._run(lambda: next(waiting, None), answers.__setitem__)
        return answers

    def post_until_closed(self, after_each: Callable[[int], object]) -> tuple[Counter, Counter]:
        """How often each distinct_id was sent, and how often acknowledged, until the server ended.

        Each is sent twice, the second time with another value. `after_each` is called with the
        number of posts that are acknowledged.
        """
        sent = Counter()
        acknowledged = Counter()
        run = time.time_ns()
        numbers = itertools.count()

        def next_post() -> tuple[str, bytes]:
            number, value = divmod(next(numbers), 2)
            distinct_id = f"{run}-{number}"
            sent[distinct_id] += 1
            return distinct_id, post_bytes(self.port, self.token, distinct_id, number, value)

        def on_answer(distinct_id: str, answer: bytes) -> None:
            assert answer.startswith(b"HTTP/1.1 20"), answer
            acknowledged[distinct_id] += 1
            after_each(acknowledged.total())

        self._run(next_post, on_answer)
        return sent, acknowledged

    def _run(self, next_post: Callable, on_answer: Callable) -> None:
        """Until there is nothing more to send, or every connection has ended."""
        self.next_post = next_post
        self.on_answer = on_answer
        # Of each connection that waits for an answer: what it posted, and the answer so far.
        self.waiting: dict[socket.socket, tuple[object, bytes]] = {}
        with selectors.DefaultSelector() as self.selector:
            for connection in self.sockets:
                self.selector.register(connection, selectors.EVENT_READ)
                self._send(connection)
            while self.waiting:
                for key, _ in self.selector.select(30):
                    self._receive(key.fileobj)

    def _send(self, connection: socket.socket) -> None:
        post = self.next_post()
        if post is None:
            self._finish(connection)
            return
        name, request = post
        self.waiting[connection] = (name, b"")
        try:
            connection.sendall(request)
        except OSError:
            self._finish(connection)

    def _receive(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65_536)
        except OSError:
            data = b""
        if not data:
            self._finish(connection)
            return
        name, before = self.waiting[connection]
        answer = before + data
        self.waiting[connection] = (name, answer)
        if is_whole(answer):
            self.on_answer(name, answer)
            self._send(connection)

    def _finish(self, connection: socket.socket) -> None:
        self.selector.unregister(connection)
        self.waiting.pop(connection, None)
        connection.close()


def stored_ids(database: str | Path) -> list[str]:
    """The distinct_ids in the file, in the order in which they were stored."""
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as look:
        return [row[0] for row in look.execute("select distinct_id from events order by event_id")]


def losses(database: str | Path, sent: Counter, acknowledged: Counter) -> list[str]:
    """What is missing, there twice, or updated too often or not often enough.

    Raises where the file is damaged.
    """
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as look:
        assert look.pragma("integrity_check") == "ok"
        stored = Counter()
        for distinct_id, updates in look.execute("select distinct_id, update_count from events"):
            stored[distinct_id] += updates + 1
    return [
        f"{name}: {acknowledged[name]} acknowledged, {stored[name]} stored, {sent[name]} sent"
        for name in sent
        if not acknowledged[name] <= stored[name] <= sent[name]
    ]


def kill_and_look(
    start: Callable, database: Path, token: str, after: int
) -> tuple[int, list[str], float, float]:
    """One round: (posts acknowledged before the kill, what is wrong after it, seconds of the next
    start, and how many of them the processor worked, which says more on a busy machine)."""
    server = start(database)
    posting = Posting(server.port, token, 32)
    sent, acknowledged = posting.post_until_closed(
        lambda count: count == after and server.process.send_signal(signal.SIGKILL)
    )
    server.stop(signal.SIGKILL)
    began = time.monotonic()
    again = start(database)
    seconds = time.monotonic() - began
    worked = processor_seconds(again.process.pid)
    again.stop(signal.SIGTERM)
    return acknowledged.total(), losses(database, sent, acknowledged), seconds, worked


def main(rounds: int = 100) -> int:
    from conftest import ServerProcess

    wrong = []
    starts = []
    most = 0.0
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "events.db"
        for number in range(rounds):
            after = 50 + number * 97 % 2_000
            acknowledged, lost, seconds, worked = kill_and_look(
                ServerProcess, database, TOKEN, after
            )
            report(
                f"round {number + 1} of {rounds}: {acknowledged} acknowledged, "
                f"started again in {seconds:.2f} s"
            )
            for line in lost:
                print(line, flush=True)
            wrong += lost
            starts.append(seconds)
            most = max(most, worked)
    print(
        f"{rounds} kills: {len(wrong)} events lost, there twice or miscounted; "
        f"a start took {statistics.median(starts):.2f} s, {max(starts):.2f} s at most, "
        f"of which the processor worked {most:.2f} s at most"
    )
    return 1 if wrong or most >= 1 else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
