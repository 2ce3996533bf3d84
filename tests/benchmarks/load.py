"""A load of posts over keep-alive connections, from one process.

Each connection posts, waits for the answer and posts again.
"""

import random
import re
import select
import socket
import time
from collections.abc import Callable
from typing import NoReturn

EVENT = (
    b'{"event_name":"Payment Received","location_id":"ve9EPM428h8vShlRW1KT","distinct_id":"%s",'
    b'"contact_id":"ocQHyuzHvysMo5N%05d","timestamp":%d,'
    b'"properties":{"value":%.1f,"product":"Gold plan"}}'
)
SILENCE = 60  # seconds
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


def event_bytes(distinct_id: bytes, number: int, value: float = 99.5) -> bytes:
    """One event of the usual size, as a sender would post it."""
    return EVENT % (distinct_id, number % 5000, 1767225600000 + number, value)


def head_bytes(port: int, path: str, kind: str = "application/json", **headers: str) -> bytes:
    """All of a request but its body, with a hole (%d) for the body's length."""
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    text = "\r\n".join(lines)
    return text.replace("%", "%%").encode() + b"\r\nContent-Length: %d\r\n\r\n"


def post_bytes(port: int, token: str, distinct_id: str, number: int, value: float = 99.5) -> bytes:
    """One event to Streamlined Lite."""
    body = event_bytes(distinct_id.encode(), number, value)
    return head_bytes(port, "/events/ingestion/v1", X_API_Key=token) % len(body) + body


def posts(head: bytes, body: Callable[[bytes, int], bytes] = event_bytes) -> Callable[[], bytes]:
    """Requests of one event each, with random distinct_ids, as the ids of a CRM come."""
    chance = random.Random()
    numbers = iter(range(10**9))

    def next_request() -> bytes:
        content = body(b"%016x" % chance.getrandbits(64), next(numbers))
        return head % len(content) + content

    return next_request


def is_whole(answer: bytes) -> bool:
    """Some servers send the head and the body in two packets."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = LENGTH.search(answer, 0, end)
    if length:
        return len(answer) >= end + 4 + int(length[1])
    # Without a length nothing follows, or chunks do.
    return answer.startswith(b"HTTP/1.1 204") or answer.endswith(b"0\r\n\r\n")


def end(reason: str) -> NoReturn:
    raise SystemExit(reason)


class Load:
    """`run(seconds)` -> (answers a second, sorted seconds of each).

    Ends the program where an answer is no 2xx, unless `refusable`: `refused` counts those then.
    """

    def __init__(
        self,
        port: int,
        token: str,
        connections: int,
        next_request: Callable[[], bytes] | None = None,
        refusable: bool = False,
    ):
        usual_head = head_bytes(port, "/events/ingestion/v1", X_API_Key=token)
        self.next_request = next_request or posts(usual_head)
        self.refusable = refusable
        self.stored = 0
        self.refused = 0
        self.processor_share = 0.0
        self.sockets = [
            socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(connections)
        ]
        for connection in self.sockets:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections = {connection.fileno(): connection for connection in self.sockets}

    def run(self, seconds: float) -> tuple[float, list[float]]:
        self.began: dict[int, float] = {}
        self.parts: dict[int, bytes] = {}
        self.took: list[float] = []
        self.poll = select.epoll()
        for number in self.connections:
            self.poll.register(number, select.EPOLLIN)
        started = time.perf_counter()
        busy = time.process_time()
        for number in self.connections:
            self.post(number)
        while self.began:
            ready = self.poll.poll(SILENCE)
            if not ready:
                end(f"the server has not answered for {SILENCE} seconds")
            for number, _ in ready:
                if self.receive(number) and time.perf_counter() - started < seconds:
                    self.post(number)
        elapsed = time.perf_counter() - started
        self.processor_share = (time.process_time() - busy) / elapsed
        self.poll.close()
        self.stored += len(self.took)
        return len(self.took) / elapsed, sorted(self.took)

    def post(self, number: int) -> None:
        request = self.next_request()
        self.began[number] = time.perf_counter()
        self.connections[number].sendall(request)

    def receive(self, number: int) -> bool:
        """Whether the answer is whole; it counts where it is a 2xx."""
        received = self.connections[number].recv(65536)
        if not received:
            end("the server closed a connection")
        answer = self.parts.pop(number, b"") + received
        if not is_whole(answer):
            self.parts[number] = answer
            return False
        took = time.perf_counter() - self.began.pop(number)
        if self.accepts(answer):
            self.took.append(took)
        return True

    def accepts(self, answer: bytes) -> bool:
        if answer.startswith(b"HTTP/1.1 2"):
            return True
        if not self.refusable:
            end(f"not a 2xx: {answer[:300]!r}")
        self.refused += 1
        return False

    def close(self) -> None:
        for connection in self.sockets:
            connection.close()
