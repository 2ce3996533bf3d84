"""How long honest senders and readers wait while one attack goes on, and the server's memory.

    python tests/benchmarks/siege.py [ATTACK ...] [--seconds 6] [--before FOLDER]

Each attack meets a server of its own: 32 honest senders post, one after the other newcomers open a
connection and post, and a reader asks for health, the page and the session. Exit code 1 where one
of them waited for a second or longer, or the server took 300 MB or more; or where viewers, who
attack nobody, left less than 0.8 of the senders' rate ("rate").
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.hostile import allow_many_files, megabytes
from benchmarks.load import LENGTH, Load
from conftest import ServerProcess

TOKEN = "a-key-for-the-benchmark"
PATH = "/events/ingestion/v1"
MOST_SECONDS = 1.0
MOST_MEGABYTES = 300
LEAST_RATE_BESIDE_VIEWERS = 0.8
TURNS = 10
TURN_SECONDS = 2
LARGE = 3_900_000
EVENTS = 200_000  # which a metric reads
PAUSE = 0.05


def request(key: str, data: bytes, path: str = PATH, method: str = "POST", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"X-API-Key: {key}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode() + data


REFUSED = json.dumps(
    {
        "event_name": "Offer Made",
        "location_id": "loc-1",
        "distinct_id": "refused",
        "properties": {f"p{number}": [] for number in range(75_000)},
    }
).encode()
METRIC = {
    "metric": {
        "terms": [
            {
                "key": "A",
                "event": "Sale",
                "type": "account",
                "aggregation": "median",
                "property": "note",
                "filters": {"all": [{"field": "property.note", "op": "contains", "value": "zz"}]},
            }
        ]
    },
    "locations": "all",
    "from": "2020-01-01",
    "to": "2027-01-01",
    "interval": "day",
}
# Of three months with most of these events
VIEWED = "interval=day&compare=previous_period&from=2023-12-15&to=2024-03-15"


class Attacker:
    """A connection that comes back when it is closed."""

    def __init__(self, port: int, key: str):
        self.port = port
        self.key = key

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, path: str) -> None:
        """Reads the answer to a GET."""
        await self.send(request(self.key, b"", path, "GET"))
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(int(LENGTH.search(head)[1]))

    async def hold(self) -> None:
        """Until the server ends the connection."""
        while await self.reader.read(65_536):
            pass

    async def attack(self, kind: Callable[["Attacker"], Awaitable[None]]) -> None:
        while True:
            try:
                await self.connect()
                try:
                    await kind(self)
                finally:
                    self.writer.close()
            except (OSError, EOFError):
                pass
            await asyncio.sleep(PAUSE)


async def large_body(attacker: Attacker) -> None:
    """All of it but the last byte."""
    await attacker.send(request(attacker.key, b" " * LARGE)[:-1])
    await attacker.hold()


async def half_head(attacker: Attacker) -> None:
    await attacker.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 31_000)
    await attacker.hold()


async def silence(attacker: Attacker) -> None:
    await attacker.hold()


async def unread_answers(attacker: Attacker) -> None:
    path = "/openapi.json" if attacker.key.startswith("unknown") else "/events/v1?limit=500"
    await attacker.send(request(attacker.key, b"", path, "GET"))
    attacker.writer.transport.pause_reading()
    await asyncio.sleep(3600)


async def abandoned_query(attacker: Attacker) -> None:
    await attacker.send(request(attacker.key, json.dumps(METRIC).encode(), "/metrics/v1/query"))
    await asyncio.sleep(PAUSE)
    attacker.writer.close()
    await asyncio.sleep(2)


async def refused_properties(attacker: Attacker) -> None:
    while True:
        await attacker.send(request(attacker.key, REFUSED))
        await attacker.reader.readuntil(b"\r\n\r\n")


async def view_dashboard(attacker: Attacker) -> None:
    """Opens a shared dashboard, and looks at it again each second, where the page does so each
    minute."""
    for path in ("/share/" + "0" * 20, "/static/style.css", "/static/share.js"):
        await attacker.ask(path)
    await attacker.ask("/shares/v1/current")
    for _ in range(5):
        await attacker.ask("/shares/v1/current/data?" + VIEWED)
        await asyncio.sleep(1)


# Each with how many connections, and whether they have a valid key.
ATTACKS: dict[str, tuple[Callable[[Attacker], Awaitable[None]], int, bool]] = {
    "bodies": (large_body, 300, False),
    "bodies of a key": (large_body, 300, True),
    "heads": (half_head, 900, False),
    "silence": (silence, 1_200, False),
    "unread answers": (unread_answers, 300, False),
    "unread answers of a key": (unread_answers, 60, True),
    "abandoned queries": (abandoned_query, 12, True),
    "refused properties": (refused_properties, 30, True),
    "viewers": (view_dashboard, 200, True),
}


async def attack(port: int, name: str, *keys: str) -> None:
    """Until it is killed. The keys are taken in turn."""
    kind, number, has_key = ATTACKS[name]
    allow_many_files()
    if not has_key:
        keys = tuple(f"unknown-{place}" for place in range(number))
    attackers = [Attacker(port, keys[place % len(keys)]) for place in range(number)]
    print("begun", flush=True)
    await asyncio.gather(*(each.attack(kind) for each in attackers))


def call(port: int, method: str, path: str, body: object = None, timeout: float = 60) -> bytes:
    """A request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(
            method, path, data, {"X-API-Key": TOKEN, "Content-Type": "application/json"}
        )
        return connection.getresponse().read()
    finally:
        connection.close()


class Visitor(threading.Thread):
    """Comes anew for each request and asks for one path after the other; `took` has how long."""

    def __init__(self, port: int, paths: tuple[str, ...]):
        super().__init__()
        self.port = port
        self.paths = paths
        self.took: list[float] = []
        self.failed = 0
        self.stopped = False

    def run(self) -> None:
        number = 0
        while not self.stopped:
            path = self.paths[number % len(self.paths)]
            number += 1
            body = None
            if path == PATH:
                body = {"event_name": "x", "location_id": "loc-1", "distinct_id": str(number)}
            began = time.perf_counter()
            try:
                call(self.port, "POST" if body else "GET", path, body)
            except (OSError, HTTPException):
                self.failed += 1
            self.took.append(time.perf_counter() - began)
            time.sleep(PAUSE)


def fill(port: int, name: str) -> None:
    """What the attack reads."""
    if name in ("abandoned queries", "viewers"):
        for first in range(0, EVENTS, 1_000):
            events = [
                {
                    "event_name": "Sale",
                    "location_id": f"loc-{number % 10}",
                    "distinct_id": str(number),
                    "timestamp": 1_700_000_000 + number * 60,
                    "properties": {"note": "y" * 400},
                }
                for number in range(first, first + 1_000)
            ]
            call(port, "POST", PATH + "/batch", events)
    if name == "unread answers of a key":
        for number in range(60):
            event = {"event_name": "Sale", "location_id": "loc-1", "distinct_id": f"large-{number}"}
            call(port, "POST", PATH, event | {"properties": {"note": "x" * 200_000}})


def attackers_keys(port: int, name: str) -> list[str]:
    """An admin's, or those of shares: one for each location, and two for all."""
    if name != "viewers":
        key = call(port, "POST", "/keys/v1", {"name": "bad", "scope": "admin"})
        return [json.loads(key)["token"]]
    for number in range(6):
        term = {"key": "A", "event": "Sale", "type": "account"}
        metric = {"name": f"Sales {number}", "terms": [term]}
        call(port, "POST", "/metrics/v1", metric)
    tokens = []
    for locations in ["all"] * 2 + [[f"loc-{number}"] for number in range(10)]:
        share = {"dashboard_id": 1, "locations": locations}
        tokens.append(json.loads(call(port, "POST", "/shares/v1", share))["token"])
    return tokens


def besiege(name: str, seconds: float, program: Path | None) -> dict[str, float]:
    """How long honest clients waited at most, in seconds, and the server's megabytes."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        if program:
            ServerProcess.program = [sys.executable, str(program)]
        server = ServerProcess(f"{folder}/events.db", admin_key=TOKEN)
        besieger = None
        try:
            fill(server.port, name)
            keys = attackers_keys(server.port, name)
            honest = Load(server.port, TOKEN, 32)
            honest.run(0.5)
            besieger = subprocess.Popen(
                [sys.executable, __file__, "attack", str(server.port), name, *keys],
                stdout=subprocess.PIPE,
                text=True,
            )
            besieger.stdout.readline()
            time.sleep(1)
            visitors = [
                Visitor(server.port, (PATH,)),
                Visitor(server.port, ("/healthz", "/", "/session/v1")),
            ]
            for visitor in visitors:
                visitor.start()
            rate, took = honest.run(seconds)
            for visitor in visitors:
                visitor.stopped = True
            for visitor in visitors:
                visitor.join()
            return {
                "events/s": rate,
                **({"rate": share_of_rate(honest, besieger)} if name == "viewers" else {}),
                "senders": took[-1],
                "newcomers": max(visitors[0].took),
                "readers": max(visitors[1].took),
                "failed": sum(visitor.failed for visitor in visitors),
                "MB": megabytes(server.process.pid, "VmHWM"),
                "MB of files": temporary_megabytes(server.process.pid),
            }
        finally:
            if besieger:
                besieger.kill()
                besieger.wait()
                besieger.stdout.close()
            server.stop()


def share_of_rate(honest: Load, besieger: subprocess.Popen) -> float:
    """The honest senders' rate beside the others, of what it is while those pause.

    In short turns, since other work on this machine comes and goes.
    """
    rates = {signal.SIGSTOP: 0.0, signal.SIGCONT: 0.0}
    for _ in range(TURNS):
        for number in rates:
            besieger.send_signal(number)
            time.sleep(PAUSE)
            rates[number] += honest.run(TURN_SECONDS)[0]
    return rates[signal.SIGCONT] / rates[signal.SIGSTOP]


def temporary_megabytes(pid: int) -> float:
    """In files that are open and have no name, which are in memory where /tmp is."""
    size = 0
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if path.readlink().name.endswith("(deleted)"):
                size += path.stat().st_size
        except OSError:
            pass
    return size / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("attacks", nargs="*", default=list(ATTACKS), metavar="ATTACK")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--before", type=Path, help="another checkout, to besiege instead")
    options = parser.parse_args()
    program = options.before and options.before / "streamlined_lite.py"
    fell = False
    for name in options.attacks:
        try:
            found = besiege(name, options.seconds, program)
        except (SystemExit, OSError) as error:
            print(f"{name}: the server fell: {error}", flush=True)
            fell = True
            continue
        print(name, "; ".join(f"{key} {value:,.2f}" for key, value in found.items()), flush=True)
        waited = max(found["senders"], found["newcomers"], found["readers"])
        memory = found["MB"] + found["MB of files"]
        fell = fell or found.get("rate", 1) < LEAST_RATE_BESIDE_VIEWERS
        fell = fell or waited >= MOST_SECONDS or memory >= MOST_MEGABYTES or found["failed"] > 0
    return 1 if fell else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["attack"]:
        asyncio.run(attack(int(sys.argv[2]), *sys.argv[3:]))
    else:
        sys.exit(main())
