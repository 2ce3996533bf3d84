"""Streamlined Lite beside what a user would pick instead: durable events a second and their cost.

    python tests/benchmarks/compare.py [--rounds 5] [--seconds 4] [--peers ours,constant] [--json]
    python tests/benchmarks/compare.py --before FOLDER

Each round starts every server anew on an empty database, warms it up, loads it and counts what it
has stored; the rounds alternate, so that a slow minute of the machine meets all. Nothing is
installed: what is lacking is named with the command that gets it, and left out. About ten minutes.

With --before another checkout of this project is measured, too, in the same rounds, and a second
table has the ratios. Unless --peers names others, those two are the only servers then. `sqlite`, in
--peers, is no server: the same statements with nothing around them, which is the limit.
"""

import argparse
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import Load, posts
from benchmarks.peer import ALL, TOKEN, Ours, Peer, other_checkout, running
from benchmarks.progress import report

BATCH = 1_000
BATCH_CONNECTIONS = 4
WARM_SECONDS = 0.7
COLUMNS = (
    "load",
    "server",
    "durable",
    "events/s",
    "ours is × as fast",
    "p50 ms",
    "p99 ms",
    "CPU µs/event",
    "memory MB",
)
ALONE = "sqlite"
EVERYTHING = [*ALL, ALONE]
CHANGE_COLUMNS = ("load, now ÷ before", "events/s", "p50", "p99", "CPU", "memory")


def percentile(ordered: list[float], share: float) -> float:
    """The value that `share` of the ordered ones do not exceed."""
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def measure(peer: Peer, load: Load, seconds: float, events: int = 1) -> dict:
    """One load on one server. Raises where no event was stored."""
    before = peer.processor_seconds()
    rate, took = load.run(seconds)
    if not took:
        raise SystemExit(f"{peer.name}: of {load.refused} requests none got a 2xx")
    return {
        "rate": rate * events,
        "p50": percentile(took, 0.5) * 1000,
        "p99": percentile(took, 0.99) * 1000,
        "processor": (peer.processor_seconds() - before) / (len(took) * events) * 1e6,
        "generator": load.processor_share,
    }


def batches(peer: Peer) -> Callable[[], bytes]:
    """Requests of many events each."""
    chance = random.Random()
    head = peer.head(peer.bulk_path)
    numbers = iter(range(10**9))

    def next_request() -> bytes:
        events = [peer.body(b"%016x" % chance.getrandbits(64), next(numbers)) for _ in range(BATCH)]
        content = peer.bulk(events)
        return head % len(content) + content

    return next_request


def loads(peer: Peer, connections: list[int]) -> dict[str, tuple[Load, int]]:
    """By name: (the load, events of a request)."""
    single = posts(peer.head(peer.path), peer.body)
    by_name = {}
    for number in connections:
        by_name[name_of(number)] = (Load(peer.port, TOKEN, number, single, refusable=True), 1)
    if peer.bulk_path:
        load = Load(peer.port, TOKEN, BATCH_CONNECTIONS, batches(peer), refusable=True)
        by_name[f"{name_of(BATCH_CONNECTIONS)}, {BATCH:,} a request"] = (load, BATCH)
    return by_name


def name_of(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"


def measure_peer(peer: Peer, connections: list[int], seconds: float) -> list[dict]:
    """All loads, one after the other. Raises where it did not store what it acknowledged."""
    rows = []
    acknowledged = 0
    for name, (load, events) in loads(peer, connections).items():
        load.run(WARM_SECONDS)
        load.refused = 0
        first = name == name_of(connections[0])
        rows.append(
            measure(peer, load, seconds if first else seconds / 2, events)
            | {
                "load": name,
                "server": peer.name,
                "durable": peer.durable,
                "memory": peer.megabytes(),
                "refused": load.refused,
            }
        )
        load.close()
        acknowledged += load.stored * events
    if peer.stores:
        stored = peer.stored()
        if stored != acknowledged:
            raise SystemExit(
                f"{peer.name} acknowledged {acknowledged:,} events and holds {stored:,}"
            )
    return rows


def measure_alone(folder: Path, seconds: float) -> dict:
    """SQLite without a server, in a process of its own."""
    folder.mkdir(parents=True)
    program = Path(__file__).with_name("alone.py")
    command = [sys.executable, program, folder, str(seconds)]
    ended = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
    return json.loads(ended.stdout)


def sync_milliseconds(folder: Path) -> float:
    """What the disk takes to have 4 kB for good: the median of 50."""
    took = []
    with open(folder / "sync", "wb") as file:
        for _ in range(50):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def run(
    peers: list[type[Peer]],
    connections: list[int],
    rounds: int,
    seconds: float,
    folder: Path,
    alone: bool = False,
) -> tuple[list[list[dict]], float]:
    """(the rows of each round, milliseconds of a sync). Each round begins with another server."""
    measured = []
    syncs = []
    for number in range(rounds):
        first = number % len(peers)
        rows = []
        for place, peer in enumerate(peers[first:] + peers[:first], 1):
            syncs.append(sync_milliseconds(folder))
            report(
                f"round {number + 1} of {rounds}, server {place} of {len(peers)}: "
                + peer.name.strip("*")
            )
            with running(peer, folder / f"{number}-{peer.__name__}") as started:
                rows += measure_peer(started, connections, seconds)
        if alone:
            report(f"round {number + 1} of {rounds}: SQLite alone")
            rows.append(measure_alone(folder / f"{number}-alone", seconds))
        measured.append(rows)
    return measured, statistics.median(syncs)


def summarize(rounds: list[list[dict]]) -> list[dict]:
    """A row for each load and server, by load and then by rate: medians of the rounds, and how many
    times as fast ours was in the same round."""
    cells: dict[tuple[str, str], list[dict]] = {}
    for rows in rounds:
        ours = {row["load"]: row["rate"] for row in rows if row["server"] == Ours.name}
        for row in rows:
            cell = cells.setdefault((row["load"], row["server"]), [])
            cell.append(row | {"times": ours[row["load"]] / row["rate"]})
    loads_in_order = list(dict.fromkeys(load for load, _ in cells))
    return sorted(
        map(summarize_cell, cells.values()),
        key=lambda row: (loads_in_order.index(row["load"]), -row["rate"][0]),
    )


def summarize_cell(rows: list[dict]) -> dict:
    summary = {name: rows[0][name] for name in ("load", "server", "durable")}
    summary["refused"] = sum(row["refused"] for row in rows)
    for name in ("rate", "times", "p50", "p99", "processor", "memory", "generator"):
        summary[name] = spread([row[name] for row in rows])
    return summary


def spread(values: list[float]) -> tuple[float, float, float]:
    """(median, least, most)."""
    return statistics.median(values), min(values), max(values)


def ratio_text(ratio: tuple[float, float, float]) -> str:
    return "{:.2f} ({:.2f}–{:.2f})".format(*ratio)


def table(rows: list[dict]) -> str:
    """Markdown."""
    lines = [table_line(COLUMNS), table_line(["---"] * 3 + ["---:"] * 6)]
    for row in rows:
        rate, least, most = row["rate"]
        refused = f", {row['refused']:,} refused" if row["refused"] else ""
        lines.append(
            table_line(
                [
                    row["load"],
                    row["server"],
                    row["durable"],
                    f"{rate:,.0f} ({least:,.0f}–{most:,.0f}{refused})",
                    "" if row["server"] == Ours.name else ratio_text(row["times"]),
                    f"{row['p50'][0]:.1f}",
                    f"{row['p99'][0]:.1f}",
                    f"{row['processor'][0]:,.0f}",
                    f"{row['memory'][0]:,.0f}",
                ]
            )
        )
    return "\n".join(lines)


def table_of_changes(rounds: list[list[dict]], before: str) -> str:
    """What was measured of ours, divided by that of the server `before` in the same round."""
    lines = [table_line(CHANGE_COLUMNS), table_line(["---"] + ["---:"] * 5)]
    for load in dict.fromkeys(row["load"] for row in rounds[0]):
        ratios = []
        for rows in rounds:
            by_server = {row["server"]: row for row in rows if row["load"] == load}
            ratios.append((by_server[Ours.name], by_server[before]))
        cells = [
            ratio_text(spread([now[name] / then[name] for now, then in ratios]))
            for name in ("rate", "p50", "p99", "processor", "memory")
        ]
        lines.append(table_line([load, *cells]))
    return "\n".join(lines)


def table_line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return (
        f"{os.cpu_count()} × {model}, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def find_peers(names: list[str]) -> tuple[list[type[Peer]], list[str]]:
    """(those that can be measured here, a line for each that cannot). Ours is always among them."""
    available = []
    lacking = []
    for name, peer in ALL.items():
        if name not in names and peer is not Ours:
            continue
        command = peer.lacks()
        if command is None:
            available.append(peer)
        else:
            lacking.append(f"{peer.name.strip('*')} is left out, get it with: {command}")
    return available, lacking


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds",
        type=float,
        default=4,
        help="of the first load in each round; the others take half of it (default: 4)",
    )
    parser.add_argument(
        "--connections",
        type=lambda text: list(map(int, text.split(","))),
        default=[32, 1],
        help="default: 32,1",
    )
    parser.add_argument(
        "--peers", type=lambda text: text.split(","), help=f"default: {','.join(EVERYTHING)}"
    )
    parser.add_argument(
        "--before",
        type=Path,
        metavar="FOLDER",
        help="another checkout of this project, to be measured beside this one",
    )
    parser.add_argument(
        "--folder",
        default="/var/tmp",
        help="where the databases are, on a disk and not in memory (default: /var/tmp)",
    )
    parser.add_argument(
        "--json", action="store_true", help="all that was measured, instead of the tables"
    )
    options = parser.parse_args(arguments)
    if options.peers is None:
        options.peers = ["ours"] if options.before else EVERYTHING
    unknown = sorted(set(options.peers) - set(EVERYTHING))
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(EVERYTHING)}")
    if options.before and not (options.before / "streamlined_lite.py").is_file():
        parser.error(f"--before: there is no streamlined_lite.py in {options.before}")
    if options.rounds < 1 or options.seconds <= 0 or min(options.connections) < 1:
        parser.error("--rounds, --seconds and --connections must be greater than 0")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    peers, lacking = find_peers(options.peers)
    for line in lacking:
        print(line, file=sys.stderr)
    if Ours not in peers:
        return 1
    before = other_checkout(options.before) if options.before else None
    if before:
        peers.append(before)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rounds, sync = run(
            peers,
            options.connections,
            options.rounds,
            options.seconds,
            Path(folder),
            ALONE in options.peers,
        )
    rows = summarize(rounds)
    if options.json:
        found = {"machine": machine(), "sync_ms": sync, "lacking": lacking}
        print(json.dumps(found | {"rounds": rounds, "rows": rows}, indent=1))
        return 0
    print(table(rows))
    if before:
        print("\n" + table_of_changes(rounds, before.name))
    generator = max(row["generator"][0] for row in rows)
    print(
        f"\nMedians of {options.rounds} alternating rounds (least–most). {machine()}; "
        f"one sync of 4 kB: {sync:.2f} ms; "
        f"the load generator took up to {generator:.0%} of one CPU."
    )
    for line in lacking:
        print(line)
    return 0


if __name__ == "__main__":
    # So that all servers are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
