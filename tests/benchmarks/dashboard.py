"""Measures how long the dashboard takes: `python tests/benchmarks/dashboard.py [--events 1000000] [--rounds 5]`.

A million events of 20 names over 90 days in 3 locations, and 50 saved metrics of the usual kinds. The file is filled directly;
all else is as a user has it: the server is a process of its own, the metrics are saved through its API, and Chromium opens the
dashboard, signed in. A round is a new tab with an empty cache; its time goes from the navigation to the frame that shows
the last of the cards. Prints the median for the first and the last card, and where the server's part of it lies.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from conftest import ADMIN, ServerProcess
from playwright.sync_api import sync_playwright

import streamlined_lite as lite

LOCATIONS = ["location-a", "location-b", "location-c"]
NAMES = [f"Event Name {number:02}" for number in range(20)]
CONTACTS, DAYS, DAY = 5_000, 90, 86_400_000
METRICS = 50

# Resolves with the times, in milliseconds since the navigation, at which the first and the last card showed their number.
WATCH = """() => new Promise((resolve) => {
  let first = null;
  const look = () => {
    const cards = document.querySelectorAll(".metric").length;
    const drawn = document.querySelectorAll(".metric .value, .metric .failure").length;
    if (drawn && first === null) first = performance.now();
    if (cards && drawn === cards && document.querySelectorAll(".metric svg").length === cards) resolve([first, performance.now()]);
    else requestAnimationFrame(look);
  };
  look();
})"""


def fill(path: Path, events: int) -> None:
    """Rows as a server would have stored them, without the cost of a request each."""
    database = lite.Database(lite.Config(database=str(path)))
    chance, now = random.Random(1), lite.system_clock()
    with database.turn():
        write = database.writer.executemany
        write(
            "insert into locations (location_id, first_seen_at) values (?, 0)",
            [(location,) for location in LOCATIONS],
        )
        write(
            "insert into contacts (location_id, contact_id, name, source, date_created, created_at, updated_at) values (?, ?, ?, ?, ?, 0, 0)",
            (
                (
                    location,
                    f"contact-{number}",
                    f"Contact {number}",
                    ("web", "ads")[number % 2],
                    now - number % 365 * DAY,
                )
                for location in LOCATIONS
                for number in range(CONTACTS)
            ),
        )
        write(
            "insert into contact_tags values (?, ?, 'vip')",
            (
                (location, f"contact-{number}")
                for location in LOCATIONS
                for number in range(0, CONTACTS, 10)
            ),
        )
        write(
            "insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row(chance, number, now - int((1 - number / events) * DAYS * DAY))
                for number in range(events)
            ),
        )
    database.close()


def row(chance: random.Random, number: int, moment: int) -> tuple:
    properties = json.dumps(
        {
            "value": chance.randrange(10_000) / 4,
            "product": chance.choice(["Gold", "Silver", "Bronze"]),
        }
    )
    return (
        chance.choice(LOCATIONS),
        f"delivery-{number}",
        chance.choice(NAMES),
        f"contact-{chance.randrange(CONTACTS)}" if number % 10 else None,
        moment,
        properties,
        moment,
        moment,
    )


def definitions() -> list[dict]:
    """Counts and rates mostly, then sums and averages, people, and a few with filters."""
    vip = {"all": [{"field": "contact.tags", "op": "has_any", "value": ["vip"]}]}
    gold = {"all": [{"field": "property.product", "op": "is", "value": "Gold"}]}
    kinds = [
        lambda a, b: {"terms": [term("A", a)]},
        lambda a, b: {
            "terms": [term("A", a, "contact"), term("B", b, "contact")],
            "formula": "A / B",
            "format": {"style": "percent", "decimals": 1},
        },
        lambda a, b: {
            "terms": [term("A", a, aggregation="sum", property="value")],
            "format": {"style": "currency", "decimals": 2, "currency": "USD"},
        },
        lambda a, b: {"terms": [term("A", a)]},
        lambda a, b: {"terms": [term("A", a, "contact", aggregation="unique_contacts")]},
        lambda a, b: {"terms": [term("A", a), term("B", b)], "formula": "A / B"},
        lambda a, b: {"terms": [term("A", a, aggregation="avg", property="value")]},
        lambda a, b: {"terms": [term("A", a, "contact", filters=vip)]},
        lambda a, b: {"terms": [term("A", a)]},
        lambda a, b: {"terms": [term("A", a, aggregation="sum", property="value", filters=gold)]},
    ]
    return [
        kinds[number % len(kinds)](NAMES[number % 20], NAMES[(number + 7) % 20])
        | {"name": f"Metric {number + 1}"}
        for number in range(METRICS)
    ]


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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(rounds):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.add_init_script(f"sessionStorage.setItem('streamlined-lite', '{ADMIN}')")
            page = context.new_page()
            page.goto(server.url + "/#/dashboard", wait_until="commit")
            times.append(page.evaluate(WATCH))
            context.close()
        browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        fill(path, options.events)
        server = ServerProcess(path)
        try:
            ask(server, "/metrics/v1/import", {"metrics": definitions()})
            began = time.perf_counter()
            answer = ask(server, "/metrics/v1/data?interval=day&compare=previous_period")
            taken = time.perf_counter() - began
            assert len(answer["metrics"]) == METRICS and all(
                "data" in each for each in answer["metrics"]
            ), "a metric was not calculated"
            times = measure(server, options.rounds)
        finally:
            server.stop()
    first, last = (statistics.median(each) / 1000 for each in zip(*times, strict=True))
    print(
        f"{options.events:,} events, {METRICS} metrics, last 30 days by day beside the 30 days before; {options.rounds} rounds"
    )
    print(
        f"first card {first:.2f} s, all cards {last:.2f} s (slowest {max(each[1] for each in times) / 1000:.2f} s); "
        f"one request for all metrics {taken:.2f} s"
    )


if __name__ == "__main__":
    main()
