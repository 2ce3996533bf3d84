"""How much of their rate 32 honest senders keep while strangers misuse the server, and its memory.

    python tests/benchmarks/hostile.py [ROUNDS [CONNECTION_LIMIT]]

A process of its own holds 1,000 idle and 200 slow connections (a byte a second of a head or a body)
and 40 that pipeline reads and read no answer, send bodies without end, heads too large, request
smuggling, or hang up in the middle. Rounds with and without them alternate; the last line has the
ratio of the medians. Exit code 1 below 0.4, or from 150 MB on.
"""

import heapq
import itertools
import re
import resource
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import Load
from benchmarks.progress import report

TOKEN = "a-key-for-the-benchmark"
SECONDS = 3.0
LEAST_RATIO = 0.4
MOST_MEGABYTES = 150
Pieces = Iterator[tuple[bytes, float]]  # what a connection sends next, and how long it waits then


def head(path: str = "/events/ingestion/v1", method: str = "POST", *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def idle() -> Pieces:
    yield b"", 1e9


def drip(data: bytes, at_once: int) -> Pieces:
    """The beginning at once, then a byte a second."""
    yield data[:at_once], 1.0
    for byte in data[at_once:]:
        yield bytes([byte]), 1.0


def slow_head() -> Pieces:
    return drip(
        head("/events/ingestion/v1", "POST", *(f"X-{number}: y" for number in range(500))), 20
    )


def slow_body() -> Pieces:
    sent = head("/events/ingestion/v1", "POST", "Content-Length: 100000")
    return drip(sent + b" " * 100_000, len(sent) + 50_000)


def unread_answers() -> Pieces:
    while True:
        yield head("/openapi.json", "GET") * 200, 0.05


def endless_body() -> Pieces:
    yield head("/events/ingestion/v1", "POST", "Transfer-Encoding: chunked"), 0.0
    while True:
        yield b"10000\r\n" + b"x" * 65_536 + b"\r\n", 0.05


def endless_chunk_size() -> Pieces:
    yield head("/events/ingestion/v1", "POST", "Transfer-Encoding: chunked"), 0.0
    while True:
        yield b"0" * 4_096, 0.02


def huge_head() -> Pieces:
    while True:
        yield b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, 0.05


def hung_up() -> Pieces:
    yield head("/events/ingestion/v1", "POST", "Content-Length: 1000") + b"{", 0.02


def smuggling() -> Pieces:
    inner = head("/events/ingestion/v1", "POST", "X-API-Key: x", "Content-Length: 0")
    for lines in itertools.cycle(
        (
            ["Content-Length: 5", "Transfer-Encoding: chunked"],
            ["Content-Length: 1", "Content-Length: 2"],
            ["Content-Length: -1"],
            ["Transfer-Encoding:", " chunked"],
            ["Transfer-Encoding: xchunked"],
        )
    ):
        yield head("/events/ingestion/v1", "POST", *lines) + b"0\r\n\r\n" + inner, 0.05


KINDS: dict[Callable[[], Pieces], int] = {
    idle: 1000,
    slow_head: 100,
    slow_body: 100,
    unread_answers: 8,
    endless_body: 4,
    endless_chunk_size: 4,
    huge_head: 8,
    hung_up: 8,
    smuggling: 8,
}


class Stranger:
    """One connection of a kind; when the server closes it, it comes back."""

    def __init__(self, port: int, kind: Callable[[], Pieces]):
        self.port = port
        self.kind = kind
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setblocking(False)
        self.pieces = self.kind()
        # What of a piece is not yet sent, and how long to wait then.
        self.unsent = (b"", 0.0)

    def go_on(self) -> float:
        """Sends its next piece, and returns after how many seconds to go on."""
        try:
            if self.kind is not unread_answers and self.socket.recv(65_536) == b"":
                raise ConnectionError
        except BlockingIOError:
            pass
        except OSError:
            return self.come_back()
        try:
            data, pause = self.unsent if self.unsent[0] else next(self.pieces)
            sent = self.socket.send(data) if data else 0
            self.unsent = (data[sent:], pause)
            return 0.05 if self.unsent[0] else pause
        except BlockingIOError:
            self.unsent = (data, pause)
            return 0.1
        except (OSError, StopIteration):
            return self.come_back()

    def come_back(self) -> float:
        """Its end is abrupt, as that of a client that has crashed."""
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
            self.connect()
        return 0.05


def attack(port: int, part: int) -> None:
    """With one in `part` of all strangers, until it is killed; says so when all are connected."""
    allow_many_files()
    strangers = [
        Stranger(port, kind)
        for kind, number in KINDS.items()
        for _ in range(max(1, number // part))
    ]
    now = time.monotonic()
    # Not all in one moment.
    due = [(now + index / len(strangers), index) for index in range(len(strangers))]
    heapq.heapify(due)
    print("connected", flush=True)
    while True:
        at, index = heapq.heappop(due)
        time.sleep(max(0.0, at - time.monotonic()))
        heapq.heappush(due, (time.monotonic() + strangers[index].go_on(), index))


def allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_000)), hard))


class Strangers:
    """with Strangers(port): the attack goes on, from a process of its own."""

    def __init__(self, port: int, part: int = 1):
        self.numbers = str(port), str(part)

    def __enter__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "attack", *self.numbers], stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline() != "connected\n":
            raise SystemExit("the strangers could not connect")
        time.sleep(1.0)  # until each has sent its first piece

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def megabytes(pid: int, which: str) -> float:
    """Of a process's memory: VmRSS is what it has now, VmHWM the most that it ever had."""
    return int(re.search(rf"{which}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def main(rounds: int = 5, limit: int = 2000) -> int:
    from conftest import ServerProcess

    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(f"{folder}/events.db", connection_limit=str(limit), admin_key=TOKEN)
        try:
            honest = Load(server.port, TOKEN, 32)
            honest.run(0.5)  # warm
            quiet = []
            hostile = []
            took = []
            for number in range(rounds):
                report(f"round {number + 1} of {rounds}: alone")
                quiet.append(honest.run(SECONDS)[0])
                report(f"round {number + 1} of {rounds}: amid strangers")
                with Strangers(server.port):
                    rate, times = honest.run(SECONDS)
                hostile.append(rate)
                took += times
            return verdict(quiet, hostile, sorted(took), megabytes(server.process.pid, "VmHWM"))
        finally:
            server.stop()


def verdict(quiet: list[float], hostile: list[float], took: list[float], memory: float) -> int:
    ratio = statistics.median(hostile) / statistics.median(quiet)
    p50 = took[len(took) // 2] * 1000
    p99 = took[len(took) * 99 // 100] * 1000
    print(f"alone    {statistics.median(quiet):7,.0f} events/s")
    print(
        f"attacked {statistics.median(hostile):7,.0f} events/s   "
        f"p50 {p50:.1f} ms   p99 {p99:.1f} ms   longest {took[-1] * 1000:.0f} ms"
    )
    print(f"memory   {memory:7.0f} MB at most")
    print(f"ratio    {ratio:7.2f}")
    return 0 if ratio >= LEAST_RATIO and memory < MOST_MEGABYTES else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["attack"]:
        attack(*map(int, sys.argv[2:]))
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
