"""Databases as earlier releases left them, and what a database of any schema holds."""

import json
import re
from contextlib import closing
from pathlib import Path

import apsw

import streamlined_lite as lite

# A database of each release, as `sqlite3 FILE .dump` and the two pragmas show it: a new release
# adds its own, and none is ever changed.
RELEASES = {
    each.stem: each
    for each in sorted(
        Path(__file__).with_name("releases").iterdir(),
        key=lambda each: [*map(int, each.stem.split("."))],
    )
}
NARROW_CONTACTS = """
    (select * from main.contacts join locations using (location_key))
"""
NARROW_TAGS = """
    (select location_id, contact_id, tag
     from main.contact_tags join main.contacts using (contact_key) join locations
     on locations.location_key = contacts.location_key)
"""


def of_release(path: Path, release: str = "0.2.0") -> dict:
    """A database as that release left it; what it holds."""
    with closing(apsw.Connection(str(path))) as made:
        made.execute(RELEASES[release].read_text("utf-8"))
    return dump(path)


def of_today(path: Path) -> dict:
    """A database of the newest schema with something in each table; what it holds."""
    of_release(path)
    lite.Database(lite.Config(database=str(path))).close()
    for kept in path.parent.glob(f"{path.name}.schema-*"):
        kept.unlink()
    return dump(path)


def dump(path: Path) -> dict:
    """All that it holds, in the same words for every schema, but for what a made-up step adds."""
    with closing(apsw.Connection(str(path))) as connection:
        return dump_of(connection)


def dump_of(connection: apsw.Connection) -> dict:
    version = connection.pragma("user_version")
    is_narrow = version not in lite.WIDE_SCHEMAS
    events = "events_with_texts" if is_narrow else "events"
    contacts = NARROW_CONTACTS if is_narrow else "contacts"
    tags = NARROW_TAGS if is_narrow else "contact_tags"
    queries = {
        "locations": "select location_id, name, timezone, name_edited, timezone_edited, "
        "first_seen_at from locations order by 1",
        "contacts": "select location_id, contact_id, name, email, phone, source, type, "
        "date_created, fields, field_times, as_of, created_at, updated_at "
        f"from {contacts} order by 1, 2",
        "contact_tags": f"select location_id, contact_id, tag from {tags} order by 1, 2, 3",
        "events": "select event_id, location_id, distinct_id, event_name, contact_id, timestamp, "
        f"properties, received_at, updated_at, update_count, warnings from {events} order by 1",
        "keys": "select * from keys order by 1",
        "rejections": "select rejection_id, received_at, code, path, query, content_type, body, "
        "truncated, problem, key_id, location_id, replayed_at from rejections order by 1",
        "metrics": "select * from metrics order by 1",
        "sqlite_sequence": "select name, seq from sqlite_sequence where name <> 'dashboards' "
        "order by 1",
    }
    schema = connection.execute(
        "select name, sql from sqlite_schema where sql is not null and name not like '%note%'"
    )
    rows = {noun: list(connection.execute(query)) for noun, query in queries.items()}
    rows["contacts"] = [named_today(contact) for contact in rows["contacts"]]
    return {
        "version": version,
        "schema": {name: " ".join(re.sub("--.*", "", sql).split()) for name, sql in schema},
        "rows": rows,
    }


def named_today(contact: tuple) -> tuple:
    """The contact, its fields by the names under which bodies store them today."""
    *before, fields, field_times, as_of, created_at, updated_at = contact
    named = json.dumps(lite.name_fields(json.loads(fields)), sort_keys=True)
    return (*before, named, field_times, as_of, created_at, updated_at)
