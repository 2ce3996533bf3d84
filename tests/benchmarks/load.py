"""A load of single posts over keep-alive connections, from one process: each connection posts, waits, posts again."""

import json
import re
import selectors
import socket
import time


def post_bytes(port: int, token: str, distinct_id: str, number: int) -> bytes:
    """One event of the usual size, as a sender would post it."""
    body = json.dumps({
        "event_name": "Payment Received", "location_id": "ve9EPM428h8vShlRW1KT", "distinct_id": distinct_id,
        "contact_id": f"ocQHyuzHvysMo5N{number % 5000:05}", "timestamp": 1767225600000 + number,
        "properties": {"value": 99.5, "product": "Gold plan"}}).encode()
    head = (f"POST /events/ingestion/v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def is_whole(answer: bytes) -> bool:
    """Some servers send the head and the body in two packets."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head) if found else None
    return length is not None and len(body) >= int(length[1])


class Load:
    """`run(seconds)` -> (answers a second, sorted seconds of each). Raises where an answer is no 2xx."""

    def __init__(self, port: int, token: str, connections: int):
        self.port, self.token, self.sent = port, token, 0
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        self.run_id = time.time_ns()

    def post(self, connection: socket.socket) -> None:
        self.sent += 1
        connection.sendall(post_bytes(self.port, self.token, f"{self.run_id}-{self.sent}", self.sent))

    def run(self, seconds: float) -> tuple[float, list[float]]:
        selector, began, took = selectors.DefaultSelector(), {}, []
        parts: dict[socket.socket, bytes] = {}
        for each in self.sockets:
            selector.register(each, selectors.EVENT_READ)
            began[each] = time.perf_counter()
            self.post(each)
        started = time.perf_counter()
        while began:
            for key, _ in selector.select():
                answer = parts[key.fileobj] = parts.get(key.fileobj, b"") + key.fileobj.recv(65536)
                if not is_whole(answer):
                    continue
                if not answer.startswith(b"HTTP/1.1 2"):
                    raise SystemExit(f"not a 2xx: {answer[:300]!r}")
                now, parts[key.fileobj] = time.perf_counter(), b""
                took.append(now - began.pop(key.fileobj))
                if now - started < seconds:
                    began[key.fileobj] = now
                    self.post(key.fileobj)
        return len(took) / (time.perf_counter() - started), sorted(took)

    def close(self) -> None:
        for each in self.sockets:
            each.close()
