"""Kills the server with SIGKILL under load, again and again: every event that got a 2xx must be there.

    python tests/benchmarks/kill9.py [ROUNDS]

32 connections, and one file for all of the rounds (100), so that each start also recovers from the kill before.
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

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from benchmarks.load import is_whole, post_bytes  # noqa: E402
from benchmarks.soak import processor_seconds  # noqa: E402

TOKEN = "an-admin-key-for-tests"


class Posting:
    """Keep-alive connections that each post, wait for the answer and post again."""

    def __init__(self, port: int, token: str, connections: int):
        self.port, self.token = port, token
        self.sockets = [
            socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(connections)
        ]

    def post_all(self, requests: list[bytes]) -> list[bytes]:
        """Every answer, in the order of the requests."""
        answers, waiting = [b""] * len(requests), list(enumerate(requests))[::-1]
        self._run(lambda: waiting.pop() if waiting else None, answers.__setitem__)
        return answers

    def post_until_closed(self, told: Callable[[int], object]) -> tuple[Counter, Counter]:
        """How often each distinct_id was sent, and how often acknowledged, before the server ended; each is sent twice, the second
        time with another value. `told` learns how many posts are acknowledged."""
        sent, acknowledged = Counter(), Counter()
        run, numbers = f"{time.time_ns()}-", itertools.count()

        def following() -> tuple[str, bytes]:
            number, value = divmod(next(numbers), 2)
            sent[f"{run}{number}"] += 1
            return f"{run}{number}", post_bytes(
                self.port, self.token, f"{run}{number}", number, value
            )

        def answered(distinct_id: str, answer: bytes) -> None:
            assert answer.startswith(b"HTTP/1.1 20"), answer
            acknowledged[distinct_id] += 1
            told(acknowledged.total())

        self._run(following, answered)
        return sent, acknowledged

    def _run(self, following: Callable, answered: Callable) -> None:
        """Until there is nothing more to send, or every connection has ended."""
        selector = selectors.DefaultSelector()
        running: dict[
            socket.socket, tuple
        ] = {}  # connection -> (what it posted, the answer so far)

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


def losses(database: str | Path, sent: Counter, acknowledged: Counter) -> list[str]:
    """What is missing, there twice, or updated too often or not often enough. Raises where the file is damaged."""
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as look:
        assert look.pragma("integrity_check") == "ok"
        stored = Counter()
        for distinct_id, updates in look.execute("select distinct_id, update_count from events"):
            stored[distinct_id] += updates + 1
    return [
        f"{each}: {acknowledged[each]} acknowledged, {stored[each]} stored, {sent[each]} sent"
        for each in sent
        if not acknowledged[each] <= stored[each] <= sent[each]
    ]


def kill_and_look(
    start: Callable, database: Path, token: str, after: int
) -> tuple[int, list[str], float, float]:
    """One round: (how many posts were acknowledged before the kill, what is wrong after it, seconds of the next start, and how many of
    them the processor worked, which says more where others use the machine, too)."""
    server = start(database)
    posting = Posting(server.port, token, 32)
    sent, acknowledged = posting.post_until_closed(
        lambda count: count == after and server.process.send_signal(signal.SIGKILL)
    )
    server.stop(signal.SIGKILL)
    began = time.monotonic()
    again = start(database)
    seconds, worked = time.monotonic() - began, processor_seconds(again.process.pid)
    again.stop(signal.SIGTERM)
    return acknowledged.total(), losses(database, sent, acknowledged), seconds, worked


def main(rounds: int = 100) -> int:
    from conftest import ServerProcess

    wrong, starts, most = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            after = 50 + number * 97 % 2_000
            acknowledged, found, seconds, worked = kill_and_look(
                ServerProcess, Path(folder) / "events.db", TOKEN, after
            )
            wrong, starts, most = wrong + found, [*starts, seconds], max(most, worked)
            print(
                "\n".join(
                    [
                        f"round {number + 1}: {acknowledged} acknowledged, started again in {seconds:.2f} s",
                        *found,
                    ]
                ),
                flush=True,
            )
    print(
        f"{rounds} kills: {len(wrong)} events lost, there twice or miscounted; a start took {statistics.median(starts):.2f} s, "
        f"{max(starts):.2f} s at most, of which the processor worked {most:.2f} s at most"
    )
    return 1 if wrong or most >= 1 else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
