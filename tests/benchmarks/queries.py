"""Measures metric queries beside DuckDB, on the same rows: `python tests/benchmarks/queries.py [--events 10000000] [--folder PATH] [--keep]`.

1,000 event names over 50 locations and two years, evenly, in the order of their time. One location has
100,000 contacts, the others 2,000 each; every second contact has a tag. Beside the even names, one name
takes a tenth of all events, all in the large location: what a query costs when it meets many.

Both run in this process, in alternating rounds: ours as a reading thread of the server does (one thread, 2 MB of
page cache), DuckDB with its own table format, 2 threads and as much memory as it likes. Each query is of another
name in each round, of the same range, which ours splits into buckets in the first alone; both must give the same numbers.
Prints the medians of the rounds, of the clock and of the processors (which a busy machine changes less), with DuckDB's
ratio to ours, then what each index on events costs an insert. Without DuckDB (`pip install duckdb`) it says so and measures
ours alone.
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
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import apsw

import streamlined_lite as m

try:
    import duckdb
except ImportError:
    duckdb = None

NAMES, LOCATIONS, DAY = 1_000, 50, 86_400_000
NOW = 1_767_225_600_000  # 2026-01-01
BERLIN = ZoneInfo("Europe/Berlin")
START = NOW - 730 * DAY
BIG = "location-00"


def generate(path, events):
    connection = apsw.Connection(path)
    for name, setting in (
        ("journal_mode", "off"),
        ("synchronous", "off"),
        ("cache_size", -3_000_000),
    ):
        connection.pragma(name, setting)
    m.migrate(connection, path)
    later = [
        sql
        for (sql,) in connection.execute(
            "select sql from sqlite_schema where sql is not null and tbl_name in ('events', 'contacts') "
            "and type in ('index', 'trigger')"
        ).fetchall()
    ]
    for kind, name in connection.execute(
        "select type, name from sqlite_schema where sql is not null and tbl_name in ('events', 'contacts') "
        "and type in ('index', 'trigger')"
    ).fetchall():
        connection.execute(f"drop {kind} {name}")
    connection.execute("begin")
    connection.executemany(
        "insert into locations (location_id, first_seen_at) values (?, 0)",
        [(f"location-{n:02}",) for n in range(LOCATIONS)],
    )
    connection.executemany(
        "insert into contacts (location_id, contact_id, name, source, date_created, created_at, updated_at) "
        "values (?, ?, ?, ?, ?, 0, 0)",
        contacts(),
    )
    connection.executemany("insert into contact_tags values (?, ?, ?)", tags())
    connection.executemany(
        "insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at, updated_at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)",
        rows(events),
    )
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
        yield (
            location,
            contact,
            f"Contact {c}",
            ("web", "ads", "referral")[c % 3],
            START + (c * 7919 % 730) * DAY,
        )


def tags():
    return (
        (location, contact, ("vip", "lead")[c // 2 % 2]) for location, contact, c in ids() if c % 2
    )


def rows(events, first=0):
    chance = random.Random(first + 1)
    for n in range(first, first + events):
        popular = n % 10 == 0
        location = BIG if popular else f"location-{chance.randrange(LOCATIONS):02}"
        name = "Popular Event" if popular else f"Event Name {chance.randrange(NAMES):03}"
        contact = (
            f"contact{chance.randrange(100_000 if location == BIG else 2_000):013}"
            if chance.random() < 0.9
            else None
        )
        moment = START + int((n - first) / events * 730 * DAY)
        yield (
            location,
            f"delivery-{n:010}",
            name,
            contact,
            moment,
            json.dumps({"value": chance.randrange(10_000) / 4, "source": "web"}),
            moment,
            moment,
        )


TAG = {"field": "contact.tags", "op": "has_any", "value": ["vip"]}
CREATED = {"field": "contact.date_created", "op": "in_last", "value": "365d"}
EVERYWHERE = "all"


def query(event, locations, interval, aggregation="count", filters=(), **rest):
    term = {
        "key": "A",
        "event": event,
        "type": "contact" if filters else "account",
        "aggregation": aggregation,
        "filters": {"all": list(filters)},
    } | rest
    day = lambda ago: time.strftime("%Y-%m-%d", time.gmtime((NOW - ago * DAY) / 1000))
    return m.MetricQuery(
        **{
            "metric": {"terms": [term]},
            "locations": locations,
            "from": day(90),
            "to": day(0),
            "interval": interval,
            "timezone": "Europe/Berlin",
        }
    )


# What is asked: (what, arguments of query, what DuckDB selects, with contacts filtered)
COUNT, UNIQUE, MEDIAN = (
    "count(*)",
    "count(distinct (e.location_id, e.contact_id)) filter (where e.contact_id is not null)",
    "quantile_cont((e.properties ->> '$.value')::double, 0.5)",
)
CASES = [
    ("daily count", ([BIG], "day"), COUNT, False),
    ("hourly count", ([BIG], "hour"), COUNT, False),
    ("daily count, all locations", (EVERYWHERE, "day"), COUNT, False),
    ("daily unique contacts", ([BIG], "day", "unique_contacts"), UNIQUE, False),
    ("daily count, tag and created filter", ([BIG], "day", "count", (TAG, CREATED)), COUNT, True),
    (
        "daily count, both filters, all locations",
        (EVERYWHERE, "day", "count", (TAG, CREATED)),
        COUNT,
        True,
    ),
    (
        "daily uniques, tag and created filter",
        ([BIG], "day", "unique_contacts", (TAG, CREATED)),
        UNIQUE,
        True,
    ),
    ("daily median of a property", ([BIG], "day", "median"), MEDIAN, False),
]


def ask_ours(connection, name, arguments):
    rest = {"property": "value"} if arguments[-1] == "median" else {}
    asked = query(name, *arguments, **rest)
    with connection:
        return m.calculate(connection, asked.metric, m.frame(connection, asked, NOW, "UTC", None))


def numbers_of_ours(answer):
    """The total, and the buckets in which there is something."""
    return answer["total"]["value"], {
        m.read_timestamp(bucket["start"]): bucket["value"]
        for bucket in answer["buckets"]
        if bucket["value"]
    }


def fill_duckdb(path, events):
    """The same rows in tables of DuckDB's own, by way of CSV files, which it reads fastest."""
    database = duckdb.connect(path)
    database.execute(
        "create table contacts (location_id varchar, contact_id varchar, name varchar, source varchar, date_created bigint)"
    )
    database.execute(
        "create table contact_tags (location_id varchar, contact_id varchar, tag varchar)"
    )
    database.execute(
        "create table events (location_id varchar, distinct_id varchar, event_name varchar, contact_id varchar, timestamp bigint, "
        "properties json, received_at bigint, updated_at bigint)"
    )
    for table, filled in (
        ("contacts", contacts()),
        ("contact_tags", tags()),
        ("events", rows(events)),
    ):
        while chunk := list(itertools.islice(filled, 500_000)):
            with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
                csv.writer(file).writerows(chunk)
                file.flush()
                database.execute(f"copy {table} from '{file.name}' (header false)")
    database.execute("checkpoint")
    database.close()


def ask_duckdb(database, name, arguments, selected, filtered):
    where, interval = arguments[:2]
    place = "" if where == EVERYWHERE else f"e.location_id = '{where[0]}' and"
    contact = (
        "join contacts c on c.location_id = e.location_id and c.contact_id = e.contact_id"
        if filtered
        else ""
    )
    tests = (
        f"""and c.date_created between {NOW - 365 * DAY} and {NOW} and exists (
        select 1 from contact_tags t where t.location_id = e.location_id and t.contact_id = e.contact_id and t.tag = 'vip')"""
        if filtered
        else ""
    )
    bucket = (
        "e.timestamp // 3600000 * 3600000"
        if interval == "hour"
        else "epoch_ms(date_trunc('day', make_timestamptz(e.timestamp * 1000)))"
    )
    start, end = (
        m.day_start(m.local(NOW - 90 * DAY, ZoneInfo("UTC")).date(), BERLIN),
        m.day_start(m.local(NOW, ZoneInfo("UTC")).date(), BERLIN),
    )
    return database.execute(
        f"""
        select bucket, value from (
            select {bucket} as bucket, {selected} as value
            from events e {contact}
            where {place} e.event_name = ? and e.timestamp >= {start} and e.timestamp < {end} {tests}
            group by grouping sets ((), (bucket)))""",
        [name],
    ).fetchall()


def numbers_of_duckdb(found):
    return next(value for bucket, value in found if bucket is None), {
        bucket: value for bucket, value in found if bucket is not None and value
    }


def timed(ask, *arguments):
    """Milliseconds on the clock, milliseconds of the processors, and the answer."""
    began, used = time.perf_counter(), time.process_time()
    answer = ask(*arguments)
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000, answer


def same(ours, theirs):
    """Whether both have the same total and the same buckets, of which an empty one may be left out."""
    close = lambda a, b: (
        a == b or (a is not None and b is not None and abs(a - b) < 1e-9 * max(abs(a), abs(b)))
    )
    return (
        close(ours[0], theirs[0])
        and ours[1].keys() == theirs[1].keys()
        and all(close(ours[1][key], theirs[1][key]) for key in ours[1])
    )


def compare(connection, database, rounds):
    print(
        f"{'medians of ' + str(rounds) + ' alternating rounds, ms':56} {'ours':>7} {'DuckDB':>7} {'ratio':>6}   {'CPU':>7} {'DuckDB':>7} {'ratio':>6}  value"
    )
    for event in ("Event Name", "Popular Event"):
        for what, arguments, selected, filtered in CASES:
            times = []
            for turn in range(rounds + 1):  # the first warms both up
                name = f"{event} {(500 + 37 * turn) % NAMES:03}" if event == "Event Name" else event
                *ours, answer = timed(ask_ours, connection, name, arguments)
                *theirs, found = (
                    timed(ask_duckdb, database, name, arguments, selected, filtered)
                    if database
                    else (math.nan, math.nan, None)
                )
                answer = numbers_of_ours(answer)
                if database and not same(answer, other := numbers_of_duckdb(found)):
                    sys.exit(f"{name}: {what}: ours {answer[0]}, DuckDB {other[0]}")
                times.append((*ours, *theirs))
            ours, ours_cpu, theirs, theirs_cpu = (
                statistics.median(each) for each in zip(*times[1:])
            )
            print(
                f"{event + ': ' + what:56} {ours:7.1f} {theirs:7.1f} {theirs / ours:6.1f}   {ours_cpu:7.1f} {theirs_cpu:7.1f} "
                f"{theirs_cpu / ours_cpu:6.1f}  {answer[0]:,}"
            )


def measure_inserts(path, events):
    """Microseconds of one insert of many in a transaction, with all indexes and without each."""
    connection = apsw.Connection(path)
    connection.pragma("journal_mode", "wal")
    connection.pragma("cache_size", -16_000)
    insert = (
        "insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at, updated_at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)"
    )
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
    ours, theirs = str(folder / f"{options.events}.db"), str(folder / f"{options.events}.duckdb")
    for path, fill in ((ours, generate), (theirs, fill_duckdb))[: 2 if duckdb else 1]:
        if not os.path.exists(path):
            took, *_ = timed(fill, path, options.events)
            print(
                f"{path}: {options.events:,} events in {took / 1000:.0f} s, {os.path.getsize(path) / 1e6:,.0f} MB"
            )
    print(
        f"SQLite {apsw.sqlite_lib_version()}, "
        + (
            f"DuckDB {duckdb.__version__}, 2 threads"
            if duckdb
            else "and no DuckDB: pip install duckdb"
        )
    )
    with contextlib.closing(m.open_connection(ours, apsw.SQLITE_OPEN_READONLY)) as connection:
        database = duckdb.connect(theirs, read_only=True, config={"threads": 2}) if duckdb else None
        if database:
            database.execute("set timezone = 'Europe/Berlin'")
        compare(connection, database, options.rounds)
    measure_inserts(ours, options.events)
    if not options.keep:
        for path in (ours, theirs):
            for suffix in ("", "-wal", "-shm", ".wal"):
                Path(path + suffix).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
