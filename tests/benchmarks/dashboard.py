"""Measures how long the dashboard takes.

    python tests/benchmarks/dashboard.py [--events 1000000] [--locations 3] [--rounds 5]

A million events of 20 names over 90 days in 3 locations, and 50 saved metrics of the usual kinds.
The file is filled directly; all else is as a user has it: the server is a process of its own, the
metrics are saved through its API, and Chromium opens the dashboard, signed in. A round is a new tab
with an empty cache; its time goes from the navigation to the frame that shows the last of the
cards. Prints the median for the first and the last card, and the server's part of it.
"""

import argparse
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.progress import report
from benchmarks.rows import INSERT_CONTACT, INSERT_EVENT, INSERT_LOCATION, INSERT_NAME, INSERT_TAG
from browser import launch_browser
from conftest import ADMIN, ServerProcess

import streamlined_lite as lite

NAMES = [f"Event Name {number:02}" for number in range(20)]
CONTACTS = 5_000
DAYS = 90
DAY = 86_400_000
METRICS = 50
PART = 100_000  # events of a transaction

# Resolves with the times at which the first and the last card showed their number, in milliseconds
# since the navigation.
WATCH = """() => new Promise((resolve) => {
  let first = null;
  const look = () => {
    const cards = document.querySelectorAll(".metric").length;
    const drawn = document.querySelectorAll(".metric .value, .metric .failure").length;
    if (drawn && first === null) first = performance.now();
    const charts = document.querySelectorAll(".metric svg").length;
    if (cards && drawn === cards && charts === cards) resolve([first, performance.now()]);
    else requestAnimationFrame(look);
  };
  look();
})"""


def fill(path: Path, events: int, locations: list[str]) -> None:
    """Rows as a server would have stored them, without the cost of a request each."""
    database = lite.Database(lite.Config(database=str(path)))
    now = lite.system_clock()
    with database.turn():
        write = database.writer.executemany
        write(INSERT_LOCATION, [(location,) for location in locations])
        write(INSERT_NAME, [(name,) for name in NAMES])
        write(INSERT_CONTACT, contacts(now, locations))
        write(INSERT_TAG, vips(locations))
    rows = event_rows(events, now, locations)
    while part := list(itertools.islice(rows, PART)):
        with database.turn():
            database.writer.executemany(INSERT_EVENT, part)
    database.close()


def contacts(now: int, locations: list[str]) -> Iterator[tuple]:
    for location in locations:
        for number in range(CONTACTS):
            source = ("web", "ads")[number % 2]
            created = now - number % 365 * DAY
            yield location, f"contact-{number}", f"Contact {number}", source, created


def vips(locations: list[str]) -> Iterator[tuple[str, str, str]]:
    """Every tenth contact."""
    for location in locations:
        for number in range(0, CONTACTS, 10):
            yield location, f"contact-{number}", "vip"


def event_rows(events: int, now: int, locations: list[str]) -> Iterator[tuple]:
    chance = random.Random(1)
    for number in range(events):
        moment = now - int((1 - number / events) * DAYS * DAY)
        properties = {
            "value": chance.randrange(10_000) / 4,
            "product": chance.choice(["Gold", "Silver", "Bronze"]),
        }
        yield (
            chance.choice(locations),
            f"delivery-{number}",
            chance.choice(NAMES),
            f"contact-{chance.randrange(CONTACTS)}" if number % 10 else None,
            moment,
            json.dumps(properties),
            moment,
            moment,
        )


def definitions() -> list[dict]:
    """Counts and rates mostly, then sums and averages, people, and a few with filters."""
    return [
        definition(number % 10, NAMES[number % 20], NAMES[(number + 7) % 20])
        | {"name": f"Metric {number + 1}"}
        for number in range(METRICS)
    ]


def definition(kind: int, event: str, other: str) -> dict:
    vip = {"all": [{"field": "contact.tags", "op": "has_any", "value": ["vip"]}]}
    gold = {"all": [{"field": "property.product", "op": "is", "value": "Gold"}]}
    terms = {
        1: [term("A", event, "contact"), term("B", other, "contact")],
        2: [term("A", event, aggregation="sum", property="value")],
        4: [term("A", event, "contact", aggregation="unique_contacts")],
        5: [term("A", event), term("B", other)],
        6: [term("A", event, aggregation="avg", property="value")],
        7: [term("A", event, "contact", filters=vip)],
        9: [term("A", event, aggregation="sum", property="value", filters=gold)],
    }
    more = {
        1: {"formula": "A / B", "format": {"style": "percent", "decimals": 1}},
        2: {"format": {"style": "currency", "decimals": 2, "currency": "USD"}},
        5: {"formula": "A / B"},
    }
    return {"terms": terms.get(kind, [term("A", event)])} | more.get(kind, {})


def term(key: str, event: str, kind: str = "account", **fields) -> dict:
    return {"key": key, "event": event, "type": kind, "aggregation": "count"} | fields


def ask(server: ServerProcess, path: str, body: dict | None = None) -> dict:
    request = urllib.request.Request(
        server.url + path,
        body and json.dumps(body).encode(),
        {"X-API-Key": ADMIN, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def measure(server: ServerProcess, rounds: int) -> list[list[float]]:
    times = []
    with launch_browser() as browser:
        for number in range(rounds):
            report(f"round {number + 1} of {rounds}")
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.add_init_script(f"sessionStorage.setItem('streamlined-lite', '{ADMIN}')")
            page = context.new_page()
            page.goto(server.url + "/#/dashboard", wait_until="commit")
            times.append(page.evaluate(WATCH))
            context.close()
    return times


def time_data(server: ServerProcess) -> float:
    """Seconds of one request for the numbers of all metrics."""
    began = time.perf_counter()
    answer = ask(server, "/metrics/v1/data?interval=day&compare=previous_period")
    seconds = time.perf_counter() - began
    assert len(answer["metrics"]) == METRICS
    assert all("data" in metric for metric in answer["metrics"]), "a metric was not calculated"
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--locations", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        report(f"filling with {options.events:,} events")
        fill(path, options.events, [f"location-{n:02}" for n in range(options.locations)])
        server = ServerProcess(path)
        try:
            ask(server, "/metrics/v1/import", {"metrics": definitions()})
            server_seconds = time_data(server)
            times = measure(server, options.rounds)
        finally:
            server.stop()
    first_cards, last_cards = zip(*times, strict=True)
    print(
        f"{options.events:,} events in {options.locations} locations, {METRICS} metrics, last 30 "
        f"days by day beside the 30 days before; {options.rounds} rounds"
    )
    print(
        f"first card {statistics.median(first_cards) / 1000:.2f} s, "
        f"all cards {statistics.median(last_cards) / 1000:.2f} s "
        f"(slowest {max(last_cards) / 1000:.2f} s); "
        f"one request for all metrics {server_seconds:.2f} s"
    )


if __name__ == "__main__":
    main()
