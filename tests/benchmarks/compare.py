"""Streamlined Lite beside what a user would pick instead: one table of durable events a second, latency, CPU and memory.

    python tests/benchmarks/compare.py [--rounds 5] [--seconds 4] [--peers ours,constant,bottle] [--json]

Each round starts every server anew on an empty database, warms it up, loads it and counts what it has
stored; the rounds alternate, so that a slow minute of the machine meets all. Nothing is installed: what
is lacking is named with the command that gets it, and left out. About ten minutes.
"""

import argparse
import json
import os
import platform
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import Load, posts  # noqa: E402
from benchmarks.peer import ALL, TOKEN, Ours, Peer, running  # noqa: E402

BATCH, BATCH_CONNECTIONS = 1_000, 4
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
    chance, head, sent = random.Random(), peer.head(peer.bulk_path), iter(range(10**9))

    def following() -> bytes:
        content = peer.bulk(
            [peer.body(b"%016x" % chance.getrandbits(64), next(sent)) for _ in range(BATCH)]
        )
        return head % len(content) + content

    return following


def loads(peer: Peer, connections: list[int]) -> dict[str, tuple[Load, int]]:
    """By name: (the load, events of a request)."""
    single = posts(peer.head(peer.path), peer.body)
    made = {
        name_of(number): (Load(peer.port, TOKEN, number, single, refusable=True), 1)
        for number in connections
    }
    if peer.bulk_path:
        name = f"{name_of(BATCH_CONNECTIONS)}, {BATCH:,} a request"
        made[name] = (
            Load(peer.port, TOKEN, BATCH_CONNECTIONS, batches(peer), refusable=True),
            BATCH,
        )
    return made


def name_of(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"


def measure_peer(peer: Peer, connections: list[int], seconds: float) -> list[dict]:
    """All loads, one after the other. Raises where it did not store what it acknowledged."""
    measured = []
    made = loads(peer, connections)
    for name, (load, events) in made.items():
        load.run(WARM_SECONDS)
        load.refused = 0
        found = measure(
            peer, load, seconds if name == name_of(connections[0]) else seconds / 2, events
        )
        measured.append(
            found
            | {
                "load": name,
                "server": peer.name,
                "durable": peer.durable,
                "memory": peer.megabytes(),
                "refused": load.refused,
            }
        )
        load.close()
    acknowledged = sum(load.stored * events for load, events in made.values())
    if peer.stores and (stored := peer.stored()) != acknowledged:
        raise SystemExit(f"{peer.name} acknowledged {acknowledged:,} events and holds {stored:,}")
    return measured


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
    peers: list[type[Peer]], connections: list[int], rounds: int, seconds: float, folder: Path
) -> tuple[list[list[dict]], float]:
    """(what was measured in each round, the time of a sync). Each round begins with another server."""
    measured, syncs = [], []
    for number in range(rounds):
        turn = number % len(peers)
        measured.append([])
        for peer in peers[turn:] + peers[:turn]:
            syncs.append(sync_milliseconds(folder))
            print(
                f"round {number + 1} of {rounds}: {peer.name.strip('*')}",
                file=sys.stderr,
                flush=True,
            )
            with running(peer, folder / f"{number}-{peer.__name__}") as started:
                measured[-1] += measure_peer(started, connections, seconds)
    return measured, statistics.median(syncs)


def summarize(rounds: list[list[dict]]) -> list[dict]:
    """Medians of the rounds, and how many times as fast ours was in the same round, by load and then by rate."""
    cells = {(each["load"], each["server"]): [] for each in rounds[0]}
    for measured in rounds:
        ours = {each["load"]: each["rate"] for each in measured if each["server"] == Ours.name}
        for each in measured:
            times = ours[each["load"]] / each["rate"] if each["load"] in ours else None
            cells[each["load"], each["server"]].append(each | {"times": times})
    order = list(dict.fromkeys(load for load, _ in cells))
    return sorted(
        map(summary, cells.values()), key=lambda row: (order.index(row["load"]), -row["rate"][0])
    )


def summary(measured: list[dict]) -> dict:
    row = {name: measured[0][name] for name in ("load", "server", "durable")} | {
        "refused": sum(each["refused"] for each in measured)
    }
    names = ["rate", "p50", "p99", "processor", "memory", "generator"] + ["times"] * (
        measured[0]["times"] is not None
    )
    return row | {name: spread([each[name] for each in measured]) for name in names}


def spread(values: list[float]) -> tuple[float, float, float]:
    """(median, least, most)."""
    return statistics.median(values), min(values), max(values)


def table(rows: list[dict]) -> str:
    """Markdown."""
    lines = [
        "| " + " | ".join(COLUMNS) + " |",
        "| " + " | ".join(["---"] * 3 + ["---:"] * 6) + " |",
    ]
    for row in rows:
        rate, least, most = row["rate"]
        times = (
            ""
            if "times" not in row or row["server"] == Ours.name
            else "{:.2f} ({:.2f}–{:.2f})".format(*row["times"])
        )
        refused = f", {row['refused']:,} refused" if row["refused"] else ""
        lines.append(
            f"| {row['load']} | {row['server']} | {row['durable']} | {rate:,.0f} ({least:,.0f}–{most:,.0f}{refused}) | {times} | "
            f"{row['p50'][0]:.1f} | {row['p99'][0]:.1f} | {row['processor'][0]:,.0f} | {row['memory'][0]:,.0f} |"
        )
    return "\n".join(lines)


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, Python {platform.python_version()}"


def find_peers(wanted: list[str]) -> tuple[list[type[Peer]], list[str]]:
    """(those that can be measured here, a line for each that cannot be). Ours is always among those wanted."""
    chosen = [peer for name, peer in ALL.items() if name in wanted or peer is Ours]
    lacking = [
        f"{peer.name.strip('*')} is left out, get it with: {peer.lacks()}"
        for peer in chosen
        if peer.lacks()
    ]
    return [peer for peer in chosen if not peer.lacks()], lacking


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
        "--peers",
        type=lambda text: text.split(","),
        default=list(ALL),
        help=f"default: {','.join(ALL)}",
    )
    parser.add_argument(
        "--folder",
        default="/var/tmp",
        help="where the databases are, on a disk and not in memory (default: /var/tmp)",
    )
    parser.add_argument(
        "--json", action="store_true", help="all that was measured, instead of the table"
    )
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.peers) - set(ALL)):
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(ALL)}")
    if (
        options.rounds < 1
        or options.seconds <= 0
        or not all(number > 0 for number in options.connections)
    ):
        parser.error("--rounds, --seconds and --connections must be greater than 0")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    peers, lacking = find_peers(options.peers)
    print("\n".join(lacking), file=sys.stderr)
    if Ours not in peers:
        return 1
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rounds, sync = run(
            peers, options.connections, options.rounds, options.seconds, Path(folder)
        )
    rows = summarize(rounds)
    if options.json:
        print(
            json.dumps(
                {
                    "machine": machine(),
                    "sync_ms": sync,
                    "lacking": lacking,
                    "rounds": rounds,
                    "rows": rows,
                },
                indent=1,
            )
        )
        return 0
    share = max(row["generator"][0] for row in rows)
    print(
        "\n".join(
            [
                table(rows),
                "",
                f"Medians of {options.rounds} alternating rounds (least–most). {machine()}; one sync of 4 kB: "
                f"{sync:.2f} ms; the load generator took up to {share:.0%} of one CPU.",
                *lacking,
            ]
        )
    )
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all servers are stopped
    sys.exit(main())
