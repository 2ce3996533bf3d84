"""Whether it stays as it is: mixed load for as long as you like, with a line a minute and a verdict.

    python tests/benchmarks/soak.py [MINUTES [REQUESTS A SECOND]]

Without a rate it asks as fast as it is answered. All events that there may be are there from the beginning, so that what
grows is not their number. Posts (new events, updates, contacts, refused bodies), reads and metrics, and deletions. Exit code
0 when memory, the processor's time for a request and latency stay flat, the first minute aside, and the WAL stays bounded.
On a machine that others use, too, latency tells of them; the processor's time does not.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from benchmarks.hostile import megabytes  # noqa: E402
from conftest import ServerProcess  # noqa: E402

TOKEN = "a-key-for-the-benchmark"
CLIENTS, EVENTS = 8, 20_000  # connections at work, and how many events there may be
LIMITS = {
    "memory": 1.15,
    "cpu": 1.25,
    "p50": 1.5,
    "p99": 2.0,
}  # at most so many times what it was in the beginning; ...
WAL = 128  # ... and megabytes
METRIC = {"terms": [{"key": "A", "event": "Sale", "type": "contact", "aggregation": "sum", "property": "value",
                     "filters": {"all": [{"field": "contact.tags", "op": "has_any", "value": ["vip"]}]}}]}  # fmt: skip


def make_event(draw: random.Random, number: int) -> dict:
    return {"event_name": draw.choice(["Sale", "Offer"]), "location_id": f"loc-{number % 5}", "distinct_id": f"d-{number}",
            "contact_id": f"c-{number % 500}", "properties": {"value": number, "note": "x" * draw.randrange(200)}}  # fmt: skip


def choose(draw: random.Random) -> tuple[str, str, object, set[int]]:
    """One request of the mix: method, path, body and the statuses that are right."""
    number = draw.randrange(EVENTS)
    location, made = f"loc-{number % 5}", make_event(draw, number)
    kind = draw.random()
    if kind < 0.70:
        return "POST", "/events/ingestion/v1", made, {200, 201}
    if kind < 0.80:
        contact = {
            "name": "Ann",
            "tags": draw.sample(["vip", "new", "old"], 2),
            "fields": {"Age": number},
        }
        return "PUT", f"/contacts/v1/{location}/c-{number % 500}", contact, {200, 201}
    if kind < 0.82:
        return "POST", "/events/ingestion/v1", made | {"timestamp": "soon"}, {422}
    if kind < 0.92:
        return "GET", f"/events/v1?location_id={location}&limit=50", None, {200}
    if kind < 0.95:
        return "GET", "/contacts/v1?q=an&limit=50", None, {200}
    if kind < 0.98:
        return "POST", "/metrics/v1/query", {"metric": METRIC, "interval": "day"}, {200}
    return "DELETE", f"/events/v1?location_id={location}&event_name=Offer", None, {200}


class Client(threading.Thread):
    """One connection, which sends one request after the other until it is told to stop."""

    def __init__(self, port: int, number: int, pause: float):
        super().__init__()
        self.pause = pause
        self.connection, self.draw = (
            HTTPConnection("127.0.0.1", port, timeout=60),
            random.Random(number),
        )
        self.took: list[float] = []
        self.wrong: list[str] = []
        self.stopped = False

    def run(self) -> None:
        try:
            while not self.stopped:
                self.ask(*choose(self.draw))
                time.sleep(self.pause)
        except OSError as error:
            self.wrong.append(repr(error))
        self.connection.close()

    def ask(self, method: str, path: str, body: object, right: set[int]) -> None:
        began = time.perf_counter()
        data = None if body is None else json.dumps(body)
        self.connection.request(
            method, path, data, {"X-API-Key": TOKEN, "Content-Type": "application/json"}
        )
        answer = self.connection.getresponse()
        content = answer.read()
        self.took.append(time.perf_counter() - began)
        if answer.status not in right:
            self.wrong.append(f"{method} {path}: {answer.status} {content[:200]!r}")


def processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def minute(server: ServerProcess, clients: list[Client], seconds: float) -> dict[str, float]:
    """What a minute was like."""
    before, spent = [len(each.took) for each in clients], processor_seconds(server.process.pid)
    time.sleep(seconds)
    took = sorted(second for each, start in zip(clients, before) for second in each.took[start:])
    wal = Path(server.database + "-wal")
    spent = processor_seconds(server.process.pid) - spent
    return {"requests": len(took) / seconds, "cpu": spent / len(took) * 1000, "p50": took[len(took) // 2] * 1000,
            "p99": took[len(took) * 99 // 100] * 1000, "memory": megabytes(server.process.pid, "VmRSS"), "wal": wal.stat().st_size / 2**20}  # fmt: skip


def verdict(minutes: list[dict[str, float]], wrong: list[str]) -> list[str]:
    """What is not as it should be: the last third of the minutes beside the first, without the very first, which warms up."""
    usual, last = minutes[1 : 1 + max(1, len(minutes) // 3)], minutes[-max(1, len(minutes) // 3) :]
    median = lambda lines, name: statistics.median(each[name] for each in lines)
    faults = [f"{len(wrong)} wrong answers, such as {wrong[0]}"] if wrong else []
    for name, times in LIMITS.items():
        if median(last, name) > times * median(usual, name):
            faults.append(f"{name} grew from {median(usual, name):.1f} to {median(last, name):.1f}")
    if (largest := max(each["wal"] for each in minutes)) > WAL:
        faults.append(f"the WAL had {largest:.0f} MB")
    return faults


def main(length: float = 30, rate: float = 0) -> int:
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(f"{folder}/events.db", admin_key=TOKEN, keep_rejections="1000")
        clients = [
            Client(server.port, number, rate and CLIENTS / rate) for number in range(CLIENTS)
        ]
        for first in range(0, EVENTS, 1_000):
            numbers = range(first, first + 1_000)
            clients[0].ask(
                "POST",
                "/events/ingestion/v1/batch",
                [make_event(clients[0].draw, number) for number in numbers],
                {200},
            )
        for each in clients:
            each.start()
        minutes = []
        try:
            for number in range(max(3, round(length))):
                minutes.append(minute(server, clients, 60 * length / max(3, round(length))))
                print(
                    f"minute {number + 1:2}: "
                    + "   ".join(f"{name} {value:.2f}" for name, value in minutes[-1].items()),
                    flush=True,
                )
        finally:
            for each in clients:
                each.stopped = True
            for each in clients:
                each.join()
            code, errors = server.stop()
    faults = verdict(minutes, [each for client in clients for each in client.wrong]) + (
        [f"exit code {code}: {errors}"] if code or errors else []
    )
    print(
        "; ".join(faults)
        or "flat: memory, latency and WAL stayed as they were, and every answer was right"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
