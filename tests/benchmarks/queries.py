"""Measures metric queries on a generated file: `python tests/benchmarks/queries.py [--events 10000000] [--file PATH] [--keep]`.

1,000 event names over 50 locations and two years, evenly, in the order of their time. One location has
100,000 contacts, the others 2,000 each; every second contact has a tag. Beside the even names, one name
takes a tenth of all events, all in the large location: what a query costs when it meets many.
Prints the median and the slowest of the runs, then what each index on events costs an insert.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import apsw

import streamlined_lite as m

NAMES, LOCATIONS, DAY = 1_000, 50, 86_400_000
NOW = 1_767_225_600_000  # 2026-01-01
START = NOW - 730 * DAY
BIG = "location-00"


def generate(path, events):
    connection = apsw.Connection(path)
    for name, setting in (("journal_mode", "off"), ("synchronous", "off"), ("cache_size", -3_000_000)):
        connection.pragma(name, setting)
    m.migrate(connection, path)
    later = [sql for (sql,) in connection.execute("select sql from sqlite_schema where sql is not null and tbl_name in ('events', 'contacts') "
                                                  "and type in ('index', 'trigger')").fetchall()]
    for kind, name in connection.execute("select type, name from sqlite_schema where sql is not null and tbl_name in ('events', 'contacts') "
                                         "and type in ('index', 'trigger')").fetchall():
        connection.execute(f"drop {kind} {name}")
    connection.execute("begin")
    connection.executemany("insert into locations (location_id, first_seen_at) values (?, 0)", [(f"location-{n:02}",) for n in range(LOCATIONS)])
    connection.executemany("insert into contacts (location_id, contact_id, name, source, date_created, created_at, updated_at) "
                           "values (?, ?, ?, ?, ?, 0, 0)", contacts())
    connection.executemany("insert into contact_tags values (?, ?, ?)", tags())
    connection.executemany("insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at, updated_at) "
                           "values (?, ?, ?, ?, ?, ?, ?, ?)", rows(events))
    for statement in later:
        connection.execute(statement)
    connection.execute("commit")
    connection.close()


def ids():
    for n in range(LOCATIONS):
        location = f"location-{n:02}"
        for c in range(100_000 if location == BIG else 2_000):
            yield location, f"contact{c:013}", c


def contacts():
    for location, contact, c in ids():
        yield location, contact, f"Contact {c}", ("web", "ads", "referral")[c % 3], START + (c * 7919 % 730) * DAY


def tags():
    return ((location, contact, ("vip", "lead")[c // 2 % 2]) for location, contact, c in ids() if c % 2)


def rows(events, first=0):
    chance = random.Random(first + 1)
    for n in range(first, first + events):
        popular = n % 10 == 0
        location = BIG if popular else f"location-{chance.randrange(LOCATIONS):02}"
        name = "Popular Event" if popular else f"Event Name {chance.randrange(NAMES):03}"
        contact = f"contact{chance.randrange(100_000 if location == BIG else 2_000):013}" if chance.random() < 0.9 else None
        moment = START + int((n - first) / events * 730 * DAY)
        yield location, f"delivery-{n:010}", name, contact, moment, json.dumps({"value": chance.randrange(10_000) / 4, "source": "web"}), moment, moment


TAG = {"field": "contact.tags", "op": "has_any", "value": ["vip"]}
CREATED = {"field": "contact.date_created", "op": "in_last", "value": "365d"}


def query(event, locations=(BIG,), interval="day", aggregation="count", filters=(), breakdown=None, **rest):
    term = {"key": "A", "event": event, "type": "contact" if filters or breakdown else "account", "aggregation": aggregation,
            "filters": {"all": list(filters)}} | rest
    day = lambda ago: time.strftime("%Y-%m-%d", time.gmtime((NOW - ago * DAY) / 1000))
    return m.MetricQuery(**{"metric": {"terms": [term]}, "locations": locations if locations == "all" else list(locations), "from": day(90),
                            "to": day(0), "interval": interval, "timezone": "Europe/Berlin", "breakdown": breakdown})


def queries():
    for event in ("Event Name 500", "Popular Event"):
        for where, locations in (("one location", (BIG,)), ("all locations", "all")):
            yield f"{event}, {where}: daily count", query(event, locations)
            yield f"{event}, {where}: daily count, tag and created filter", query(event, locations, filters=(TAG, CREATED))
        yield f"{event}: hourly count", query(event, interval="hour")
        yield f"{event}: daily unique contacts", query(event, aggregation="unique_contacts")
        yield f"{event}: daily median of a property", query(event, aggregation="median", property="value")
        yield f"{event}: daily count by tag", query(event, breakdown="tag")


def measure(connection, asked, runs):
    """The case itself differs from run to run: names in turn, so that no run finds the pages of the one before."""
    times = []
    for run in range(runs):
        term = asked.metric.terms[0]
        term.event = f"Event Name {(500 + 37 * run) % NAMES:03}" if term.event.startswith("Event Name") else term.event
        began = time.perf_counter()
        with connection:
            answer = m.calculate(connection, asked, NOW, "UTC", None, seconds=600)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), max(times), answer["total"]["value"]


def measure_inserts(path, events):
    """Microseconds of one insert of many in a transaction, with all indexes and without each."""
    connection = apsw.Connection(path)
    connection.pragma("journal_mode", "wal")
    connection.pragma("cache_size", -16_000)
    insert = ("insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at, updated_at) "
              "values (?, ?, ?, ?, ?, ?, ?, ?)")
    for without in (None, "events_by_name", "events_by_time", "events_by_contact"):
        connection.execute("begin")
        if without:
            connection.execute(f"drop index {without}")
        new = list(rows(40_000, events))
        connection.executemany(insert, new[::2])  # warms up
        began = time.perf_counter()
        connection.executemany(insert, new[1::2])
        took = (time.perf_counter() - began) / len(new[1::2]) * 1e6
        print(f"insert, {'without ' + without if without else 'all indexes':<26} {took:8.1f} µs")
        connection.execute("rollback")
    connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--file", default=os.path.join(tempfile.gettempdir(), "metrics-benchmark.db"))
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--keep", action="store_true", help="leave the file there, and use it if it is there already")
    options = parser.parse_args()
    if not os.path.exists(options.file):
        began = time.perf_counter()
        generate(options.file, options.events)
        print(f"generated {options.events:,} events in {time.perf_counter() - began:.0f} s, {os.path.getsize(options.file) / 1e6:,.0f} MB")
    connection = apsw.Connection(options.file, flags=apsw.SQLITE_OPEN_READONLY)
    connection.pragma("cache_size", -4_000)
    print(f"{'':64} {'median':>9} {'slowest':>9}  value")
    for name, asked in queries():
        median, slowest, value = measure(connection, asked, options.runs)
        print(f"{name:64} {median:6.1f} ms {slowest:6.1f} ms  {value}")
    connection.close()
    measure_inserts(options.file, options.events)
    if not options.keep:
        for suffix in ("", "-wal", "-shm"):
            Path(options.file + suffix).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
