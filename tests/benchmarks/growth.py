"""How Streamlined Lite grows: posts, file, start-up and memory at 0, 1 and 10 million events, beside Bottle with a commit a request.

    python tests/benchmarks/growth.py [--sizes 0,1000000,10000000] [--rounds 3] [--seconds 5] [--files FOLDER] [--json]

The files are filled by inserts into the real schema with its triggers and indexes, in the order of arrival and
with random distinct_ids; the posts go to all locations and contacts alike. The last lines are posts while a
metric reads every event. Filling 10 million takes about ten minutes and 8 GB, which are deleted at the end; with
--files they stay in that folder, and the next run begins with what it finds there.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import random
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.compare import machine, measure, spread  # noqa: E402
from benchmarks.load import Load, posts  # noqa: E402
from benchmarks.peer import TOKEN, BottleSQLite, Ours, Peer, running  # noqa: E402

LOCATIONS, NAMES, CONTACTS = 50, 10, 4_000  # contacts of each location
FIRST, STEP = 1_735_689_600_000, 3_000  # 2025, an event every 3 seconds: ten million are a year
NOW = 1_767_225_600_000  # 2026
CONNECTIONS, WARM_SECONDS = 32, 2
PROPERTIES = '{"value":99.5,"product":"Gold plan"}'
SCAN = {
    "locations": "all",
    "from": "2025-01-01",
    "to": "2027-01-01",
    "metric": {
        "terms": [
            {
                "key": f"T{n}",
                "event": f"Payment Received {n}",
                "type": "account",
                "aggregation": "sum",
                "property": "value",
            }
            for n in range(NAMES)
        ],
        "formula": "+".join(f"T{n}" for n in range(NAMES)),
    },
}
COLUMNS = (
    "events",
    "server",
    "posts/s",
    "× its own at the smallest",
    "ours is × as fast",
    "p50 ms",
    "p99 ms",
    "bytes written a post",
    "file bytes an event",
    "start s",
    "memory MB",
)


def choose(chance: random.Random) -> tuple[str, str, str]:
    """(location_id, event_name, contact_id), as long as those of HighLevel."""
    location = chance.randrange(LOCATIONS)
    return (
        f"ve9EPM428h8vShlRW1{location:02}",
        f"Payment Received {chance.randrange(NAMES)}",
        f"ocQHyuzHvysM{location:02}5{chance.randrange(CONTACTS):05}",
    )


def events(first: int, last: int) -> Iterator[tuple]:
    chance = random.Random(first)
    for number in range(first, last):
        location_id, event_name, contact_id = choose(chance)
        yield (
            location_id,
            f"{chance.getrandbits(64):016x}",
            event_name,
            contact_id,
            FIRST + number * STEP,
            PROPERTIES,
        )


def body(distinct_id: bytes, number: int, chance: random.Random = random.Random()) -> bytes:
    location_id, event_name, contact_id = choose(chance)
    return (
        f'{{"event_name":"{event_name}","location_id":"{location_id}","distinct_id":"{distinct_id.decode()}",'
        f'"contact_id":"{contact_id}","timestamp":{NOW + number},"properties":{PROPERTIES}}}'
    ).encode()


def fill(database: Path, last: int) -> None:
    """Events up to the number `last`, into the schema that the server made: what as many posts would have left."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        columns = [column[1] for column in connection.execute("pragma table_info(events)")]
        moments = [name for name in ("received_at", "updated_at") if name in columns]
        insert = (
            f"insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, {', '.join(moments)}) "
            f"values (?1, ?2, ?3, ?4, ?5, ?6, {', '.join(['?5'] * len(moments))})"
        )
        for setting in (
            "journal_mode = off",
            "synchronous = off",
            "locking_mode = exclusive",
            "cache_size = -4000000",
            "recursive_triggers = on",
        ):
            connection.execute(f"pragma {setting}").fetchall()
        following = events(count(connection), last)
        while part := list(itertools.islice(following, 100_000)):
            connection.execute("begin")
            connection.executemany(insert, part)
            connection.execute("commit")


def count(connection: sqlite3.Connection) -> int:
    """Nothing is deleted here, so that the newest id is the number of events."""
    return connection.execute("select coalesce(max(event_id), 0) from events").fetchone()[0]


def make(peer: type[Peer], folder: Path, size: int) -> float | None:
    """The file in this folder has as many events; of how many bytes each is then."""
    with running(peer, folder):
        pass  # makes the schema
    fill(folder / "events.db", size)
    with contextlib.closing(sqlite3.connect(folder / "events.db")) as look:
        return (folder / "events.db").stat().st_size / count(look) if size else None


def time_start(peer: type[Peer], folder: Path) -> float:
    """Seconds from its start to its first answer."""
    began = time.perf_counter()
    with running(peer, folder) as started:
        started.wait_until(lambda: started.request("GET", "/healthz"))
        return time.perf_counter() - began


class Scanning:
    """Asks, again and again, for a metric that reads every event."""

    def __init__(self, port: int):
        self.port, self.stopped, self.answers = port, False, []
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.thread.join()

    def run(self) -> None:
        while not self.stopped:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            began = time.perf_counter()
            connection.request(
                "POST",
                "/metrics/v1/query",
                json.dumps(SCAN),
                {"X-API-Key": TOKEN, "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            self.answers.append(
                (answer.status, time.perf_counter() - began, json.loads(answer.read()))
            )
            connection.close()


def bytes_written(peer: Peer) -> int:
    """By all its processes into files (answers are sent); the kernel's write_bytes counts whole large folios for a page."""
    found = (Path(f"/proc/{pid}/io").read_text().split() for pid in peer.pids())
    return sum(int(fields[fields.index("wchar:") + 1]) for fields in found)


def measure_posts(peer: Peer, seconds: float) -> dict:
    load = Load(peer.port, TOKEN, CONNECTIONS, posts(peer.head(peer.path), body), True)
    load.run(WARM_SECONDS)
    before, stored = bytes_written(peer), load.stored
    found = measure(peer, load, seconds)
    load.close()
    return found | {
        "written": (bytes_written(peer) - before) / (load.stored - stored),
        "refused": load.refused,
    }


def measure_size(
    peers: dict[type[Peer], Path], rounds: int, seconds: float
) -> dict[type[Peer], list[dict]]:
    """Alternating rounds of posts to all, on the files as they are."""
    found = {peer: [] for peer in peers}
    with contextlib.ExitStack() as stack:
        started = {
            peer: stack.enter_context(running(peer, folder)) for peer, folder in peers.items()
        }
        for _ in range(rounds):
            for peer, server in started.items():
                found[peer].append(measure_posts(server, seconds) | {"memory": server.megabytes()})
    return found


def measure_scan(
    folder: Path, rounds: int, seconds: float
) -> tuple[list[dict], list[dict], list[tuple]]:
    """Posts alone, posts while every event is read, and the answers of the readings."""
    alone, beside, answers = [], [], []
    with running(Ours, folder) as server:
        for _ in range(rounds):
            alone.append(measure_posts(server, seconds) | {"memory": server.megabytes()})
            with Scanning(server.port) as scanning:
                beside.append(measure_posts(server, seconds) | {"memory": server.megabytes()})
            answers += scanning.answers
    return alone, beside, answers


def row(
    held: int, name: str, rounds: list[dict], smallest: list[dict], ours: list[dict], **more: float
) -> dict:
    """Medians with the least and the most; the ratio to ours is of the same round."""
    rates = spread([each["rate"] for each in rounds])
    return (
        more
        | {
            "events": held,
            "server": name,
            "rate": rates,
            "own": rates[0] / statistics.median(each["rate"] for each in smallest),
            "times": spread([mine["rate"] / each["rate"] for mine, each in zip(ours, rounds)]),
        }
        | {
            part: spread([each[part] for each in rounds])
            for part in ("p50", "p99", "written", "memory")
        }
    )


def table(rows: list[dict]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "| ---: | --- |" + " ---: |" * (len(COLUMNS) - 2)]
    for each in rows:
        rate, least, most = each["rate"]
        times = (
            "{:.2f} ({:.2f}–{:.2f})".format(*each["times"]) if each["times"] != (1, 1, 1) else ""
        )
        size, start = (
            f"{each[name]:{form}}" if each.get(name) else ""
            for name, form in (("size", ",.0f"), ("start", ".2f"))
        )
        lines.append(
            f"| {each['events']:,} | {each['server']} | {rate:,.0f} ({least:,.0f}–{most:,.0f}) | {each['own']:.2f} | {times} | "
            f"{each['p50'][0]:.1f} | {each['p99'][0]:.1f} | {each['written'][0]:,.0f} | {size} | {start} | "
            f"{each['memory'][0]:,.0f} |"
        )
    return "\n".join(lines)


def grow(folder: Path, sizes: list[int], rounds: int, seconds: float) -> Iterator[dict]:
    """A row for each server at each size, then one for posts beside a reading of all."""
    peers = [peer for peer in (Ours, BottleSQLite) if not peer.lacks()]
    smallest: dict[type[Peer], list[dict]] = {}
    for size in sizes:
        folders = {peer: folder / f"{peer.__name__}-{size}" for peer in peers}
        tell(f"{size:,} events: filling")
        bytes_each = {peer: make(peer, files, size) for peer, files in folders.items()}
        start = statistics.median(time_start(Ours, folders[Ours]) for _ in range(3))
        tell(f"{size:,} events: posting")
        found = measure_size(folders, rounds, seconds)
        smallest = smallest or found
        for peer, measured in found.items():
            yield row(
                size,
                peer.name,
                measured,
                smallest[peer],
                found[Ours],
                size=bytes_each[peer],
                start=start if peer is Ours else None,
            )
    tell(f"{size:,} events: posting while a metric reads them all")
    alone, beside, answers = measure_scan(folders[Ours], rounds, seconds)
    told = ", ".join(f"{status} after {took:.1f} s" for status, took, _ in answers)
    yield row(size, f"{Ours.name}, while a metric reads all ({told})", beside, alone, beside)


def tell(text: str) -> None:
    print(text.replace("*", ""), file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--sizes",
        type=lambda text: sorted(map(int, text.split(","))),
        default=[0, 1_000_000, 10_000_000],
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument(
        "--folder",
        default="/var/tmp",
        help="where the files are, on a disk and not in memory (default: /var/tmp)",
    )
    parser.add_argument(
        "--files",
        metavar="FOLDER",
        help="a folder for files to use again, made if need be; they stay there",
    )
    parser.add_argument(
        "--json", action="store_true", help="all that was measured, instead of the table"
    )
    options = parser.parse_args(arguments)
    if BottleSQLite.lacks():
        tell(f"{BottleSQLite.name} is left out, get it with: {BottleSQLite.lacks()}")
    with contextlib.ExitStack() as stack:
        folder = Path(
            options.files or stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder))
        )
        found = list(grow(folder, options.sizes, options.rounds, options.seconds))
    print(
        json.dumps({"machine": machine(), "rows": found}, indent=1)
        if options.json
        else f"{table(found)}\n\nMedians of {options.rounds} alternating rounds (least–most), {CONNECTIONS} connections. {machine()}."
    )
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all servers are stopped
    sys.exit(main())
