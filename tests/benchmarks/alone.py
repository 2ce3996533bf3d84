"""SQLite alone: the statements of our posts in turns of 32, with nothing before or behind them.

    python tests/benchmarks/alone.py FOLDER SECONDS

What a server that stores as Streamlined Lite does could reach at most. Prints one line of JSON, for
compare.py.
"""

import contextlib
import json
import random
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.compare import percentile
from benchmarks.load import event_bytes

import streamlined_lite as lite

NAME = "SQLite alone, the same statements, 32 a commit"
TURN = 32  # events of a transaction
WARM_SECONDS = 0.7


def rows():
    """What is bound for the events that the load posts: (event, row)."""
    chance = random.Random()
    number = 0
    while True:
        sent = json.loads(event_bytes(b"%016x" % chance.getrandbits(64), number))
        event = lite.Event.model_construct(
            **{name: sent.get(name) for name in lite.Event.model_fields}
        )
        yield event, lite.new_event(event, sent["timestamp"], sent["timestamp"])
        number += 1


def insert(connection, event, row):
    """As store_event does."""
    if lite.scalar(connection, "events.insert", **row) is None:
        lite.insert_missing(connection, event, row["received_at"])
        lite.scalar(connection, "events.insert", **row)


def store_turn(database, turn):
    database.begin()
    for event, row in turn:
        insert(database.writer, event, row)
    database.commit()


def run(database, source, seconds):
    """(seconds of each turn, seconds of the processor); what is bound is made beforehand."""
    took = []
    worked = 0.0
    while sum(took) < seconds:
        turn = [next(source) for _ in range(TURN)]
        began = time.perf_counter()
        busy = time.process_time()
        store_turn(database, turn)
        worked += time.process_time() - busy
        took.append(time.perf_counter() - began)
    return took, worked


def main(folder, seconds):
    source = rows()
    config = lite.Config(database=str(Path(folder) / "events.db"))
    with contextlib.closing(lite.Database(config)) as database:
        run(database, source, WARM_SECONDS)
        took, worked = run(database, source, float(seconds))
    events = TURN * len(took)
    ordered = sorted(took)
    measured = {
        "load": "32 connections",
        "server": NAME,
        "durable": "yes",
        "rate": events / sum(took),
        "p50": percentile(ordered, 0.5) * 1000,
        "p99": percentile(ordered, 0.99) * 1000,
        "processor": worked / events * 1e6,
        "generator": 0.0,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "refused": 0,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(*sys.argv[1:])
