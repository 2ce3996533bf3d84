"""What the evaluation of alerts takes of the processor, and what single posts keep of their rate.

    python tests/benchmarks/alerts.py [EVENTS] [SECONDS]

300 locations in four zones, 50 alerts (silence in each location within office hours, thresholds
over today to this month in each location and over all, refusals, health), and a million events of
90 days, or EVENTS. First rounds of evaluation one after another, by the thread's processor time;
then one connection posts to a real server for SECONDS (40, in which there is a round) with alerts
and as long without, three times in turn.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import Load
from conftest import ADMIN, Api, ServerProcess

import streamlined_lite as lite

LOCATIONS = 300
ALERTS = 50
NAMES = [f"Event {number}" for number in range(20)]
ZONES = ("Europe/Berlin", "America/New_York", "America/Los_Angeles", "UTC")
PERIODS = ("today", "yesterday", "last_7_days", "this_month")
DAYS = 90
PART = 1_000  # events of a transaction


def fill(api: Api, number: int) -> None:
    chance = random.Random(1)
    now = lite.system_clock()
    database = api.app.database
    database.writer.pragma("synchronous", "off")
    for first in range(0, number, PART):
        events = []
        for index in range(first, first + PART):
            at = now - DAYS * lite.DAY_MS * (number - index) // number
            events.append(
                lite.Event.model_construct(
                    event_name=NAMES[int(chance.random() ** 2 * len(NAMES))],
                    location_id=f"location-{chance.randrange(LOCATIONS):03}",
                    distinct_id=str(index),
                    timestamp=at,
                    properties={"value": chance.random()},
                    contact_id=None,
                )
            )
        with database.turn():
            lite.insert_events(database.writer, events, at)
    for index in range(LOCATIONS):
        zone = {"timezone": ZONES[index % len(ZONES)]}
        api("PATCH", f"/locations/v1/location-{index:03}", zone)


def set_up(api: Api) -> None:
    for index in range(6):
        terms = [
            {
                "key": "A",
                "event": NAMES[index],
                "type": "account",
                "aggregation": "sum",
                "property": "value",
            },
            {"key": "B", "event": NAMES[index + 6], "type": "account"},
        ]
        metric = {"name": f"Metric {index}", "terms": terms, "formula": "A / B"}
        assert api("POST", "/metrics/v1", metric).status_int == 201
    for index in range(ALERTS):
        alert = {"name": f"Alert {index}", "watch": watch(index), "mail": ["ann@example.com"]}
        assert api("POST", "/alerts/v1", alert).status_int == 201


def watch(index: int) -> dict:
    kind = index % 10
    if kind < 5:
        return {
            "kind": "silence",
            "event": NAMES[index % len(NAMES)],
            "for": "24h",
            "each": True,
            "hours": {"from": 8, "to": 18},
            "weekdays": [1, 2, 3, 4, 5],
        }
    if kind < 6:
        return {"kind": "silence", "for": "4h"}
    if kind < 9:
        return {
            "kind": "threshold",
            "metric_id": 1 + index % 6,
            "period": PERIODS[index % len(PERIODS)],
            "below": 0.1,
            "each": kind < 8,
        }
    return {"kind": "refusals", "more_than": 10} if index % 20 < 10 else {"kind": "health"}


def measure_rounds(api: Api, events: int) -> None:
    watcher = lite.Watcher(api.app.database)
    while watcher.event_id < events:
        watcher.next_round = 0.0
        watcher.tick()
    for _ in range(5):
        began, began_at = time.thread_time(), time.monotonic()
        watcher.next_round = 0.0
        watcher.tick()
        took = time.thread_time() - began
        pause = watcher.next_round - time.monotonic()
        print(
            f"a round: {took * 1000:.0f} ms of the processor in "
            f"{time.monotonic() - began_at:.2f} s, the next one after {pause:.0f} s: "
            f"{100 * took / (took + pause):.2f} % of a core"
        )


def measure_posts(path: Path, seconds: float, about: str) -> None:
    server = ServerProcess(path)
    load = Load(server.port, ADMIN, 1)
    before = processor_seconds(server)
    rate, took = load.run(seconds)
    busy = processor_seconds(server) - before
    load.close()
    server.stop()
    print(
        f"{about}: {rate:,.0f} posts/s of one sender, {busy / len(took) * 1e6:,.0f} µs of the "
        f"processor a post, p99 {took[len(took) * 99 // 100] * 1000:.1f} ms, "
        f"the slowest {took[-1] * 1000:.0f} ms"
    )


def processor_seconds(server: ServerProcess) -> float:
    """Of all threads of the server, on Linux."""
    stat = Path(f"/proc/{server.process.pid}/stat").read_text("utf-8")
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main(events: int = 1_000_000, seconds: int = 40) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        without = Path(folder) / "without.db"
        api = Api(str(path), clock=lite.system_clock)
        fill(api, events)
        set_up(api)
        measure_rounds(api, events)
        api.app.close()
        shutil.copy(path, without)
        api = Api(str(without), clock=lite.system_clock)
        for alert in api.get("/alerts/v1")["alerts"]:
            api("DELETE", f"/alerts/v1/{alert['alert_id']}")
        api.app.close()
        for _ in range(3):
            measure_posts(path, seconds, "with alerts")
            measure_posts(without, seconds, "without")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
