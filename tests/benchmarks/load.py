"""A load of posts over keep-alive connections, from one process: each connection posts, waits, posts again."""

import random
import re
import select
import socket
import time
from collections.abc import Callable
from typing import NoReturn

EVENT = (
    b'{"event_name":"Payment Received","location_id":"ve9EPM428h8vShlRW1KT","distinct_id":"%s",'
    b'"contact_id":"ocQHyuzHvysMo5N%05d","timestamp":%d,"properties":{"value":%.1f,"product":"Gold plan"}}'
)
SILENCE = 60  # seconds
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


def event_bytes(distinct_id: bytes, number: int, value: float = 99.5) -> bytes:
    """One event of the usual size, as a sender would post it."""
    return EVENT % (distinct_id, number % 5000, 1767225600000 + number, value)


def head_bytes(port: int, path: str, kind: str = "application/json", **headers: str) -> bytes:
    """All of a request but its body, with a place for the body's length."""
    lines = {"Host": f"127.0.0.1:{port}", "Content-Type": kind} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    text = f"POST {path} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in lines.items()
    )
    return text.replace("%", "%%").encode() + b"Content-Length: %d\r\n\r\n"


def post_bytes(port: int, token: str, distinct_id: str, number: int, value: float = 99.5) -> bytes:
    """One event to Streamlined Lite."""
    body = event_bytes(distinct_id.encode(), number, value)
    return head_bytes(port, "/events/ingestion/v1", X_API_Key=token) % len(body) + body


def posts(head: bytes, body: Callable[[bytes, int], bytes] = event_bytes) -> Callable[[], bytes]:
    """Requests of one event each, with random distinct_ids, as the ids of a CRM come."""
    chance, sent = random.Random(), iter(range(10**9))

    def following() -> bytes:
        content = body(b"%016x" % chance.getrandbits(64), next(sent))
        return head % len(content) + content

    return following


def is_whole(answer: bytes) -> bool:
    """Some servers send the head and the body in two packets."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    if length := LENGTH.search(answer, 0, end):
        return len(answer) >= end + 4 + int(length[1])
    return answer.startswith(b"HTTP/1.1 204") or answer.endswith(
        b"0\r\n\r\n"
    )  # nothing follows, or chunks


def end(reason: str) -> NoReturn:
    raise SystemExit(reason)


class Load:
    """`run(seconds)` -> (answers a second, sorted seconds of each). Raises where an answer is no 2xx.

    With `following`, which makes the requests, and `refusable`, other answers are counted in `refused`.
    """

    def __init__(
        self,
        port: int,
        token: str,
        connections: int,
        following: Callable[[], bytes] | None = None,
        refusable: bool = False,
    ):
        self.following = following or posts(
            head_bytes(port, "/events/ingestion/v1", X_API_Key=token)
        )
        self.refusable, self.stored, self.refused, self.processor_share = refusable, 0, 0, 0.0
        self.sockets = [
            socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(connections)
        ]
        for each in self.sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections = {each.fileno(): each for each in self.sockets}

    def run(self, seconds: float) -> tuple[float, list[float]]:
        self.began, self.parts, self.took, self.poll = {}, {}, [], select.epoll()
        for each in self.sockets:
            self.poll.register(each, select.EPOLLIN)
        started, busy = time.perf_counter(), time.process_time()
        for number in self.connections:
            self.post(number)
        while self.began:
            for number, _ in self.poll.poll(SILENCE) or end(
                f"the server has not answered for {SILENCE} seconds"
            ):
                if self.receive(number) and time.perf_counter() - started < seconds:
                    self.post(number)
        elapsed = time.perf_counter() - started
        self.processor_share = (time.process_time() - busy) / elapsed
        self.poll.close()
        self.stored += len(self.took)
        return len(self.took) / elapsed, sorted(self.took)

    def post(self, number: int) -> None:
        request = self.following()
        self.began[number] = time.perf_counter()
        self.connections[number].sendall(request)

    def receive(self, number: int) -> bool:
        """Whether the answer is whole; it counts where it is a 2xx."""
        received = self.connections[number].recv(65536) or end("the server closed a connection")
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
        for each in self.sockets:
            each.close()
