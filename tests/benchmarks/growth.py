"""How Streamlined Lite grows, beside Bottle with a commit a request.

    python tests/benchmarks/growth.py [--sizes 0,1000000,10000000] [--rounds 3] [--seconds 5]
                                      [--files FOLDER] [--json]

Posts, file, start-up and memory at 0, 1 and 10 million events.

The files are filled by inserts into the real schema with its triggers and indexes, in the order of
arrival and with random distinct_ids; the posts go to all locations and contacts alike. The last
lines are posts while a metric reads every event. Filling 10 million takes about ten minutes and
8 GB, which are deleted at the end; with --files they stay in that folder, and the next run begins
with what it finds there.
"""

import argparse
import contextlib
import http.client
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

from benchmarks.compare import machine, measure, ratio_text, spread, table_line
from benchmarks.load import Load, posts
from benchmarks.peer import TOKEN, BottleSQLite, Ours, Peer, running
from benchmarks.progress import report
from benchmarks.rows import INSERT_BARE_CONTACT, INSERT_EVENT, INSERT_LOCATION, INSERT_NAME

LOCATIONS = 50
NAMES = 10
CONTACTS = 4_000  # of each location
FIRST = 1_735_689_600_000  # 2025
STEP = 3_000  # an event every 3 seconds: ten million are a year
NOW = 1_767_225_600_000  # 2026
CONNECTIONS = 32
WARM_SECONDS = 2
PART = 100_000  # events of a transaction
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


def choose(chance) -> tuple[str, str, str]:
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
        moment = FIRST + number * STEP
        yield (
            location_id,
            f"{chance.getrandbits(64):016x}",
            event_name,
            contact_id,
            moment,
            PROPERTIES,
            moment,
            moment,
        )


def body(distinct_id: bytes, number: int) -> bytes:
    """A random event, as a sender would post it."""
    location_id, event_name, contact_id = choose(random)
    return (
        f'{{"event_name":"{event_name}","location_id":"{location_id}",'
        f'"distinct_id":"{distinct_id.decode()}","contact_id":"{contact_id}",'
        f'"timestamp":{NOW + number},"properties":{PROPERTIES}}}'
    ).encode()


def fill(database: Path, last: int) -> None:
    """Events up to the number `last`, as posts would have left them in the server's schema."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        tables = connection.execute("select name from sqlite_schema where type = 'table'")
        insert = insert_ours if ("event_names",) in tables.fetchall() else insert_peers
        for setting in (
            "journal_mode = off",
            "synchronous = off",
            "locking_mode = exclusive",
            "cache_size = -4000000",
            "recursive_triggers = on",
        ):
            connection.execute(f"pragma {setting}").fetchall()
        for first in range(count(connection), last, PART):
            report(f"{last:,} events: filling, {first:,} are there")
            connection.execute("begin")
            insert(connection, list(events(first, min(first + PART, last))))
            connection.execute("commit")


def insert_ours(connection: sqlite3.Connection, part: list[tuple]) -> None:
    """With what the events name, in the order in which they do, as posts insert it."""
    locations = dict.fromkeys(location_id for location_id, *_ in part)
    names = dict.fromkeys(event_name for _, _, event_name, *_ in part)
    contacts: dict[tuple[str, str], int] = {}
    for location_id, _, _, contact_id, moment, *_ in part:
        contacts.setdefault((location_id, contact_id), moment)
    connection.executemany(INSERT_LOCATION, [(location_id,) for location_id in locations])
    connection.executemany(INSERT_NAME, [(event_name,) for event_name in names])
    connection.executemany(
        INSERT_BARE_CONTACT, [(*contact, moment) for contact, moment in contacts.items()]
    )
    connection.executemany(INSERT_EVENT, part)


def insert_peers(connection: sqlite3.Connection, part: list[tuple]) -> None:
    """Into the one table of a peer, schema.sql."""
    connection.executemany(
        "insert into events (location_id, distinct_id, event_name, contact_id, timestamp, "
        "properties, received_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [event[:7] for event in part],
    )


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
        self.port = port
        self.stopped = False
        self.answers: list[tuple[int, float]] = []
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
            answer.read()
            self.answers.append((answer.status, time.perf_counter() - began))
            connection.close()


def bytes_written(peer: Peer) -> int:
    """By all its processes into files; answers are sent and do not count.

    The kernel's own write_bytes is of no use: it counts whole large folios for a page.
    """
    written = 0
    for pid in peer.pids():
        fields = Path(f"/proc/{pid}/io").read_text().split()
        written += int(fields[fields.index("wchar:") + 1])
    return written


def measure_posts(peer: Peer, seconds: float) -> dict:
    load = Load(peer.port, TOKEN, CONNECTIONS, posts(peer.head(peer.path), body), True)
    load.run(WARM_SECONDS)
    before = bytes_written(peer)
    stored = load.stored
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
        for number in range(rounds):
            for peer, server in started.items():
                report(f"posting, round {number + 1} of {rounds}: {peer.name.strip('*')}")
                found[peer].append(measure_posts(server, seconds) | {"memory": server.megabytes()})
    return found


def measure_scan(
    folder: Path, rounds: int, seconds: float
) -> tuple[list[dict], list[dict], list[tuple]]:
    """Posts alone, posts while every event is read, and the answers of the readings."""
    alone = []
    beside = []
    answers = []
    with running(Ours, folder) as server:
        for number in range(rounds):
            report(f"posting, round {number + 1} of {rounds}: alone, then beside the metric")
            alone.append(measure_posts(server, seconds) | {"memory": server.megabytes()})
            with Scanning(server.port) as scanning:
                beside.append(measure_posts(server, seconds) | {"memory": server.megabytes()})
            answers += scanning.answers
    return alone, beside, answers


def row(
    events: int,
    name: str,
    rounds: list[dict],
    smallest: list[dict],
    ours: list[dict],
    **others: float | None,
) -> dict:
    """Medians with the least and the most; the ratio to ours is of the same round."""
    row = {"events": events, "server": name} | others
    for part in ("rate", "p50", "p99", "written", "memory"):
        row[part] = spread([measured[part] for measured in rounds])
    row["own"] = row["rate"][0] / statistics.median(measured["rate"] for measured in smallest)
    row["times"] = spread(
        [mine["rate"] / measured["rate"] for mine, measured in zip(ours, rounds, strict=True)]
    )
    return row


def table(rows: list[dict]) -> str:
    """Markdown."""
    lines = [
        table_line(COLUMNS),
        table_line(["---:", "---"] + ["---:"] * (len(COLUMNS) - 2)),
    ]
    for row in rows:
        rate, least, most = row["rate"]
        size = row.get("size")
        start = row.get("start")
        lines.append(
            table_line(
                [
                    f"{row['events']:,}",
                    row["server"],
                    f"{rate:,.0f} ({least:,.0f}–{most:,.0f})",
                    f"{row['own']:.2f}",
                    "" if row["times"] == (1, 1, 1) else ratio_text(row["times"]),
                    f"{row['p50'][0]:.1f}",
                    f"{row['p99'][0]:.1f}",
                    f"{row['written'][0]:,.0f}",
                    f"{size:,.0f}" if size else "",
                    f"{start:.2f}" if start else "",
                    f"{row['memory'][0]:,.0f}",
                ]
            )
        )
    return "\n".join(lines)


def grow(folder: Path, sizes: list[int], rounds: int, seconds: float) -> Iterator[dict]:
    """A row for each server at each size, then one for posts beside a reading of all."""
    peers = [peer for peer in (Ours, BottleSQLite) if not peer.lacks()]
    smallest: dict[type[Peer], list[dict]] = {}
    for size in sizes:
        folders = {peer: folder / f"{peer.__name__}-{size}" for peer in peers}
        bytes_an_event = {peer: make(peer, files, size) for peer, files in folders.items()}
        report(f"{size:,} events: starting")
        start = statistics.median(time_start(Ours, folders[Ours]) for _ in range(3))
        measured = measure_size(folders, rounds, seconds)
        smallest = smallest or measured
        for peer in peers:
            yield row(
                size,
                peer.name,
                measured[peer],
                smallest[peer],
                measured[Ours],
                size=bytes_an_event[peer],
                start=start if peer is Ours else None,
            )
    alone, beside, answers = measure_scan(folders[Ours], rounds, seconds)
    statuses = ", ".join(f"{status} after {took:.1f} s" for status, took in answers)
    yield row(size, f"{Ours.name}, while a metric reads all ({statuses})", beside, alone, beside)


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
        report(f"{BottleSQLite.name} is left out, get it with: {BottleSQLite.lacks()}")
    with contextlib.ExitStack() as stack:
        folder = Path(
            options.files or stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder))
        )
        rows = list(grow(folder, options.sizes, options.rounds, options.seconds))
    if options.json:
        print(json.dumps({"machine": machine(), "rows": rows}, indent=1))
        return 0
    print(
        f"{table(rows)}\n\nMedians of {options.rounds} alternating rounds (least–most), "
        f"{CONNECTIONS} connections. {machine()}."
    )
    return 0


if __name__ == "__main__":
    # So that all servers are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
