"""Measures metric queries beside DuckDB, on the same rows.

    python tests/benchmarks/queries.py [--events 10000000] [--rounds 9] [--folder PATH] [--keep]

1,000 event names over 50 locations and two years, evenly, in the order of their time. One location
has 100,000 contacts, the others 2,000 each; every second contact has a tag. Beside the even names,
one name takes a tenth of all events, all in the large location: what a query costs when it meets
many.

Both run in this process, in alternating rounds: ours as a reading thread of the server does (one
thread, 2 MB of page cache), DuckDB with its own table format, 2 threads and as much memory as it
likes. Each query is of another name in each round, of the same range, which ours splits into
buckets in the first alone; both must give the same numbers. Prints the medians of the rounds, of
the clock and of the processors (which a busy machine changes less), with DuckDB's ratio to ours,
then what each index on events costs an insert. Without DuckDB (`pip install duckdb`) ours is
measured alone.
"""

import argparse
import contextlib
import csv
import itertools
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import apsw
from benchmarks.progress import report
from benchmarks.rows import INSERT_CONTACT, INSERT_EVENT, INSERT_LOCATION, INSERT_NAME, INSERT_TAG

import streamlined_lite as lite

try:
    import duckdb
except ImportError:
    duckdb = None

NAMES = 1_000
EVENT_NAMES = [f"Event Name {number:03}" for number in range(NAMES)]
POPULAR = "Popular Event"
LOCATIONS = 50
DAY = 86_400_000
NOW = 1_767_225_600_000  # 2026-01-01
BERLIN = ZoneInfo("Europe/Berlin")
START = NOW - 730 * DAY
BIG = "location-00"
UTC = ZoneInfo("UTC")
INDEXES_AND_TRIGGERS = (
    "select type, name, sql from sqlite_schema where sql is not null "
    "and tbl_name = 'events' and type in ('index', 'trigger')"
)


def generate(path: str, events: int) -> None:
    """Our file; its indexes and triggers come back when all is there, which is faster."""
    connection = apsw.Connection(path)
    for name, setting in (
        ("journal_mode", "off"),
        ("synchronous", "off"),
        ("cache_size", -3_000_000),
    ):
        connection.pragma(name, setting)
    lite.migrate(connection, path)
    dropped = connection.execute(INDEXES_AND_TRIGGERS).fetchall()
    for kind, name, _ in dropped:
        connection.execute(f"drop {kind} {name}")
    connection.execute("begin")
    connection.executemany(INSERT_LOCATION, [(f"location-{n:02}",) for n in range(LOCATIONS)])
    connection.executemany(INSERT_NAME, [(name,) for name in (POPULAR, *EVENT_NAMES)])
    connection.executemany(INSERT_CONTACT, contacts())
    connection.executemany(INSERT_TAG, tags())
    connection.executemany(INSERT_EVENT, rows(events))
    for _, _, sql in dropped:
        connection.execute(sql)
    connection.execute("commit")
    connection.close()


def contacts_of(location):
    return 100_000 if location == BIG else 2_000


def ids():
    for place in range(LOCATIONS):
        location = f"location-{place:02}"
        for number in range(contacts_of(location)):
            yield location, f"contact{number:013}", number


def contacts():
    for location, contact, number in ids():
        source = ("web", "ads", "referral")[number % 3]
        created = START + (number * 7919 % 730) * DAY
        yield location, contact, f"Contact {number}", source, created


def tags():
    for location, contact, number in ids():
        if number % 2:
            yield location, contact, ("vip", "lead")[number // 2 % 2]


def rows(events, first=0):
    """As INSERT_EVENT takes them."""
    chance = random.Random(first + 1)
    for number in range(first, first + events):
        if number % 10 == 0:
            location = BIG
            name = POPULAR
        else:
            location = f"location-{chance.randrange(LOCATIONS):02}"
            name = EVENT_NAMES[chance.randrange(NAMES)]
        contact = None
        if chance.random() < 0.9:
            contact = f"contact{chance.randrange(contacts_of(location)):013}"
        moment = START + int((number - first) / events * 730 * DAY)
        properties = json.dumps({"value": chance.randrange(10_000) / 4, "source": "web"})
        yield (
            location,
            f"delivery-{number:010}",
            name,
            contact,
            moment,
            properties,
            moment,
            moment,
        )


TAG = {"field": "contact.tags", "op": "has_any", "value": ["vip"]}
CREATED = {"field": "contact.date_created", "op": "in_last", "value": "365d"}
EVERYWHERE = "all"


def day(ago):
    return time.strftime("%Y-%m-%d", time.gmtime((NOW - ago * DAY) / 1000))


def query(event, locations, interval, aggregation="count", filters=(), **more):
    term = {
        "key": "A",
        "event": event,
        "type": "contact" if filters else "account",
        "aggregation": aggregation,
        "filters": {"all": list(filters)},
    }
    return lite.MetricQuery(
        **{
            "metric": {"terms": [term | more]},
            "locations": locations,
            "from": day(90),
            "to": day(0),
            "interval": interval,
            "timezone": "Europe/Berlin",
        }
    )


class Case(NamedTuple):
    """What is measured: arguments of query(), and what DuckDB selects for the same numbers."""

    name: str
    locations: list[str] | str
    interval: str
    selected: str
    aggregation: str = "count"
    filters: tuple[dict, ...] = ()


COUNT = "count(*)"
UNIQUE = "count(distinct (e.location_id, e.contact_id)) filter (where e.contact_id is not null)"
MEDIAN = "quantile_cont((e.properties ->> '$.value')::double, 0.5)"
SUM = "coalesce(sum((e.properties ->> '$.value')::double), 0)"
BOTH = (TAG, CREATED)
CASES = [
    Case("daily count", [BIG], "day", COUNT),
    Case("hourly count", [BIG], "hour", COUNT),
    Case("daily count, all locations", EVERYWHERE, "day", COUNT),
    Case("daily unique contacts", [BIG], "day", UNIQUE, "unique_contacts"),
    Case("daily count, tag and created filter", [BIG], "day", COUNT, "count", BOTH),
    Case("daily count, both filters, all locations", EVERYWHERE, "day", COUNT, "count", BOTH),
    Case("daily uniques, tag and created filter", [BIG], "day", UNIQUE, "unique_contacts", BOTH),
    Case("daily sum of a property", [BIG], "day", SUM, "sum"),
    Case("daily median of a property", [BIG], "day", MEDIAN, "median"),
]


def ask_ours(connection, event, case):
    more = {"property": "value"} if case.aggregation in ("sum", "median") else {}
    asked = query(event, case.locations, case.interval, case.aggregation, case.filters, **more)
    with connection:
        frame = lite.resolve_frame(connection, asked, NOW, "UTC", None)
        return lite.calculate(connection, asked.metric, frame)


def numbers_of_ours(answer):
    """The total, and the buckets in which there is something."""
    buckets = {}
    for bucket in answer["buckets"]:
        if bucket["value"]:
            buckets[lite.read_timestamp(bucket["start"])] = bucket["value"]
    return answer["total"]["value"], buckets


def fill_duckdb(path, events):
    """The same rows in tables of DuckDB's own, by way of CSV files, which it reads fastest."""
    database = duckdb.connect(path)
    database.execute(
        "create table contacts (location_id varchar, contact_id varchar, name varchar, "
        "source varchar, date_created bigint)"
    )
    database.execute(
        "create table contact_tags (location_id varchar, contact_id varchar, tag varchar)"
    )
    database.execute(
        "create table events (location_id varchar, distinct_id varchar, event_name varchar, "
        "contact_id varchar, timestamp bigint, properties json, received_at bigint, "
        "updated_at bigint)"
    )
    tables = {"contacts": contacts(), "contact_tags": tags(), "events": rows(events)}
    for table, remaining in tables.items():
        while chunk := list(itertools.islice(remaining, 500_000)):
            with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
                csv.writer(file).writerows(chunk)
                file.flush()
                database.execute(f"copy {table} from '{file.name}' (header false)")
    database.execute("checkpoint")
    database.close()


def ask_duckdb(database, event, case):
    if case.interval == "hour":
        bucket = "e.timestamp // 3600000 * 3600000"
    else:
        bucket = "epoch_ms(date_trunc('day', make_timestamptz(e.timestamp * 1000)))"
    start = lite.day_start(lite.local_time(NOW - 90 * DAY, UTC).date(), BERLIN)
    end = lite.day_start(lite.local_time(NOW, UTC).date(), BERLIN)
    conditions = ["e.event_name = ?", f"e.timestamp >= {start}", f"e.timestamp < {end}"]
    if case.locations != EVERYWHERE:
        conditions.append(f"e.location_id = '{case.locations[0]}'")
    contact = ""
    if case.filters:
        contact = "join contacts c on c.location_id = e.location_id and c.contact_id = e.contact_id"
        conditions.append(f"c.date_created between {NOW - 365 * DAY} and {NOW}")
        conditions.append(
            "exists (select 1 from contact_tags t where t.location_id = e.location_id "
            "and t.contact_id = e.contact_id and t.tag = 'vip')"
        )
    return database.execute(
        f"""
        select bucket, value from (
            select {bucket} as bucket, {case.selected} as value
            from events e {contact}
            where {" and ".join(conditions)}
            group by grouping sets ((), (bucket)))""",
        [event],
    ).fetchall()


def numbers_of_duckdb(found):
    total = None
    buckets = {}
    for bucket, value in found:
        if bucket is None:
            total = value
        elif value:
            buckets[bucket] = value
    return total, buckets


def timed(ask, *arguments):
    """Milliseconds on the clock, milliseconds of the processors, and the answer."""
    began = time.perf_counter()
    worked = time.process_time()
    answer = ask(*arguments)
    return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000, answer


def are_close(one, other):
    if one is None or other is None:
        return one is other
    return one == other or math.isclose(one, other, rel_tol=1e-9)


def same(ours, theirs):
    """Whether both have the same total and the same buckets but for empty ones."""
    total, buckets = ours
    their_total, their_buckets = theirs
    if not are_close(total, their_total) or buckets.keys() != their_buckets.keys():
        return False
    return all(are_close(value, their_buckets[start]) for start, value in buckets.items())


def compare(connection, database, rounds):
    heading = f"medians of {rounds} alternating rounds, ms"
    columns = f"{'ours':>7} {'DuckDB':>7} {'ratio':>6}   {'CPU':>7} {'DuckDB':>7} {'ratio':>6}"
    print(f"{heading:56} {columns}  value")
    for event in ("Event Name", POPULAR):
        for case in CASES:
            name = f"{event}: {case.name}"
            times, value = measure_case(connection, database, event, case, rounds)
            ours, ours_cpu, theirs, theirs_cpu = times
            print(
                f"{name:56} {ours:7.1f} {theirs:7.1f} {theirs / ours:6.1f}   "
                f"{ours_cpu:7.1f} {theirs_cpu:7.1f} {theirs_cpu / ours_cpu:6.1f}  "
                f"{'none' if value is None else format(value, ',')}",
                flush=True,
            )


def measure_case(connection, database, event, case, rounds):
    """(the medians of the clock and of the processors, of ours and of DuckDB's; the last total)."""
    times = []
    for turn in range(rounds + 1):  # the first warms both up
        report(f"{event}: {case.name}, round {turn} of {rounds}")
        name = event
        if event == "Event Name":
            name = EVENT_NAMES[(500 + 37 * turn) % NAMES]
        ours, ours_cpu, answer = timed(ask_ours, connection, name, case)
        numbers = numbers_of_ours(answer)
        theirs = theirs_cpu = math.nan
        if database:
            theirs, theirs_cpu, found = timed(ask_duckdb, database, name, case)
            their_numbers = numbers_of_duckdb(found)
            if not same(numbers, their_numbers):
                sys.exit(f"{name}: {case.name}: ours {numbers[0]}, DuckDB {their_numbers[0]}")
        times.append((ours, ours_cpu, theirs, theirs_cpu))
    medians = [statistics.median(column) for column in zip(*times[1:], strict=True)]
    return medians, numbers[0]


def measure_inserts(path, events):
    """Microseconds of one insert of many in a transaction, with all indexes and without each."""
    connection = apsw.Connection(path)
    connection.pragma("journal_mode", "wal")
    connection.pragma("cache_size", -16_000)
    for without in (None, "events_by_name", "events_by_time", "events_by_contact"):
        report(f"inserting, {'without ' + without if without else 'with all indexes'}")
        connection.execute("begin")
        if without:
            connection.execute(f"drop index {without}")
        new = list(rows(40_000, events))
        connection.executemany(INSERT_EVENT, new[::2])  # warms up
        began = time.perf_counter()
        connection.executemany(INSERT_EVENT, new[1::2])
        took = (time.perf_counter() - began) / len(new[1::2]) * 1e6
        print(f"insert, {'without ' + without if without else 'all indexes':<26} {took:8.1f} µs")
        connection.execute("rollback")
    connection.close()


def make_file(fill, path, events):
    if os.path.exists(path):
        return
    report(f"filling {path} with {events:,} events")
    took, *_ = timed(fill, path, events)
    print(
        f"{path}: {events:,} events in {took / 1000:.0f} s, {os.path.getsize(path) / 1e6:,.0f} MB"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--folder", default=os.path.join(tempfile.gettempdir(), "queries-benchmark")
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--keep",
        action="store_true",
        help="leave the files there, and use them if they are there already",
    )
    options = parser.parse_args()
    folder = Path(options.folder)
    folder.mkdir(exist_ok=True)
    ours = str(folder / f"{options.events}.db")
    theirs = str(folder / f"{options.events}.duckdb")
    make_file(generate, ours, options.events)
    if duckdb:
        make_file(fill_duckdb, theirs, options.events)
        other = f"DuckDB {duckdb.__version__}, 2 threads"
    else:
        other = "and no DuckDB: pip install duckdb"
    print(f"SQLite {apsw.sqlite_lib_version()}, {other}")
    with contextlib.closing(lite.open_connection(ours, apsw.SQLITE_OPEN_READONLY)) as connection:
        database = None
        if duckdb:
            database = duckdb.connect(theirs, read_only=True, config={"threads": 2})
            database.execute("set timezone = 'Europe/Berlin'")
        compare(connection, database, options.rounds)
    measure_inserts(ours, options.events)
    if not options.keep:
        for path in (ours, theirs):
            for suffix in ("", "-wal", "-shm", ".wal"):
                Path(path + suffix).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
