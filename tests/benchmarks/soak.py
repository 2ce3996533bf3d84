"""Whether memory, latency and WAL stay as they are under mixed load, for as long as you like.

    python tests/benchmarks/soak.py [MINUTES [REQUESTS A SECOND]]

Without a rate it sends as fast as it is answered. All events that there may be are there from the
beginning, so that what grows is not their number. Posts (new events, updates, contacts, refused
bodies), reads and metrics, and deletions. Prints a line a minute and a verdict. Exit code 0 when
memory, the processor's time for a request and latency stay flat, the first minute aside, and the
WAL stays bounded. On a busy machine latency tells of the others; the processor's time does not.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.hostile import megabytes
from benchmarks.progress import report
from conftest import ServerProcess

TOKEN = "a-key-for-the-benchmark"
CLIENTS = 8  # connections at work
EVENTS = 20_000  # how many there may be
BATCH = 1_000
# At most so many times what it was in the beginning.
LIMITS = {"memory": 1.15, "cpu": 1.25, "p50": 1.5, "p99": 2.0}
WAL_MEGABYTES = 128
METRIC = {
    "terms": [
        {
            "key": "A",
            "event": "Sale",
            "type": "contact",
            "aggregation": "sum",
            "property": "value",
            "filters": {"all": [{"field": "contact.tags", "op": "has_any", "value": ["vip"]}]},
        }
    ]
}


def make_event(draw: random.Random, number: int) -> dict:
    return {
        "event_name": draw.choice(["Sale", "Offer"]),
        "location_id": f"loc-{number % 5}",
        "distinct_id": f"d-{number}",
        "contact_id": f"c-{number % 500}",
        "properties": {"value": number, "note": "x" * draw.randrange(200)},
    }


def choose(draw: random.Random) -> tuple[str, str, object, set[int]]:
    """One request of the mix: method, path, body and the statuses that are right."""
    number = draw.randrange(EVENTS)
    location = f"loc-{number % 5}"
    event = make_event(draw, number)
    kind = draw.random()
    if kind < 0.70:
        return "POST", "/events/ingestion/v1", event, {200, 201}
    if kind < 0.80:
        contact = {
            "name": "Ann",
            "tags": draw.sample(["vip", "new", "old"], 2),
            "fields": {"Age": number},
        }
        return "PUT", f"/contacts/v1/{location}/c-{number % 500}", contact, {200, 201}
    if kind < 0.82:
        return "POST", "/events/ingestion/v1", event | {"timestamp": "soon"}, {422}
    if kind < 0.92:
        return "GET", f"/events/v1?location_id={location}&limit=50", None, {200}
    if kind < 0.95:
        return "GET", "/contacts/v1?q=an&limit=50", None, {200}
    if kind < 0.98:
        return "POST", "/metrics/v1/query", {"metric": METRIC, "interval": "day"}, {200}
    return "DELETE", f"/events/v1?location_id={location}&event_name=Offer", None, {200}


class Client(threading.Thread):
    """One connection, which sends one request after the other until it is stopped."""

    def __init__(self, port: int, number: int, pause: float):
        super().__init__()
        self.pause = pause
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.draw = random.Random(number)
        self.took: list[float] = []
        self.wrong: list[str] = []
        self.stopped = False

    def run(self) -> None:
        try:
            while not self.stopped:
                self.send(*choose(self.draw))
                time.sleep(self.pause)
        except OSError as error:
            self.wrong.append(repr(error))
        self.connection.close()

    def send(self, method: str, path: str, body: object, right: set[int]) -> None:
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
    """What a minute was like: requests a second, milliseconds and megabytes."""
    pid = server.process.pid
    counts = [len(client.took) for client in clients]
    worked = processor_seconds(pid)
    time.sleep(seconds)
    worked = processor_seconds(pid) - worked
    took = []
    for client, count in zip(clients, counts, strict=True):
        took += client.took[count:]
    took.sort()
    return {
        "requests": len(took) / seconds,
        "cpu": worked / len(took) * 1000,
        "p50": took[len(took) // 2] * 1000,
        "p99": took[len(took) * 99 // 100] * 1000,
        "memory": megabytes(pid, "VmRSS"),
        "wal": Path(server.database + "-wal").stat().st_size / 2**20,
    }


def verdict(minutes: list[dict[str, float]], wrong: list[str]) -> list[str]:
    """What is not as it should be: the last third of the minutes beside as many at the beginning.

    The very first, which warms up, does not count.
    """
    third = max(1, len(minutes) // 3)
    faults = [f"{len(wrong)} wrong answers, such as {wrong[0]}"] if wrong else []
    for name, times in LIMITS.items():
        first = statistics.median(minute[name] for minute in minutes[1 : 1 + third])
        last = statistics.median(minute[name] for minute in minutes[-third:])
        if last > times * first:
            faults.append(f"{name} grew from {first:.1f} to {last:.1f}")
    largest = max(minute["wal"] for minute in minutes)
    if largest > WAL_MEGABYTES:
        faults.append(f"the WAL had {largest:.0f} MB")
    return faults


def fill(client: Client) -> None:
    report(f"filling with {EVENTS:,} events")
    for first in range(0, EVENTS, BATCH):
        events = [make_event(client.draw, number) for number in range(first, first + BATCH)]
        client.send("POST", "/events/ingestion/v1/batch", events, {200})


def watch(server: ServerProcess, clients: list[Client], length: float) -> list[dict[str, float]]:
    """Each minute of `length`, which are three parts at least."""
    number_of_parts = max(3, round(length))
    minutes = []
    for number in range(number_of_parts):
        report(f"minute {number + 1} of {number_of_parts}")
        minutes.append(minute(server, clients, 60 * length / number_of_parts))
        values = "   ".join(f"{name} {value:.2f}" for name, value in minutes[-1].items())
        print(f"minute {number + 1:2}: {values}", flush=True)
    return minutes


def main(length: float = 30, rate: float = 0) -> int:
    pause = CLIENTS / rate if rate else 0
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(f"{folder}/events.db", admin_key=TOKEN, keep_rejections="1000")
        clients = [Client(server.port, number, pause) for number in range(CLIENTS)]
        fill(clients[0])
        for client in clients:
            client.start()
        try:
            minutes = watch(server, clients, length)
        finally:
            for client in clients:
                client.stopped = True
            for client in clients:
                client.join()
            code, errors = server.stop()
    faults = verdict(minutes, [line for client in clients for line in client.wrong])
    if code or errors:
        faults.append(f"exit code {code}: {errors}")
    flat = "flat: memory, latency and WAL stayed as they were, and every answer was right"
    print("; ".join(faults) or flat)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
