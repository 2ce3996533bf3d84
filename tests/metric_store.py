"""What the tests of metrics share: a file of events, and short ways to write definitions."""

import json
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import apsw
import pytest

import streamlined_lite as lite
from streamlined_lite import Invalid, validate

BERLIN = ZoneInfo("Europe/Berlin")
NOW = 1_767_225_600_000  # 2026-01-01
CONTACT_COLUMNS = ("name", "email", "phone", "source", "type", "date_created")


def ms(text):
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000)


class Store:
    """A database file, filled with rows, which it also keeps for the oracle."""

    def __init__(self, path):
        self.writer = apsw.Connection(str(path))
        self.writer.pragma("journal_mode", "wal")
        self.writer.pragma("synchronous", "off")
        lite.migrate(self.writer, str(path))
        self.reader = lite.open_connection(str(path), apsw.SQLITE_OPEN_READONLY)
        self.events = []
        self.contacts = {}

    def contact(self, location_id, contact_id, tags=(), fields=None, **columns):
        columns = dict.fromkeys(CONTACT_COLUMNS) | columns
        location_key = self.location_key(location_id)
        self.writer.execute(
            f"insert into contacts (location_key, contact_id, {', '.join(columns)}, fields, "
            "created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
            (location_key, contact_id, *columns.values(), json.dumps(fields or {})),
        )
        contact_key = self.contact_key(location_id, contact_id)
        for tag in tags:
            self.tag(contact_key, tag, location_key)
        self.contacts[location_id, contact_id] = columns | {
            "tags": set(tags),
            "fields": fields or {},
        }

    def tag(self, contact_key, tag, location_key):
        self.writer.execute(
            "insert into contact_tags (contact_key, tag, location_key) values (?, ?, ?)",
            (contact_key, tag, location_key),
        )

    def location_key(self, location_id):
        """Of a location, which is there from then on."""
        self.writer.execute(
            "insert into locations (location_id, first_seen_at) values (?, 0) "
            "on conflict do nothing",
            (location_id,),
        )
        return self.writer.execute(
            "select location_key from locations where location_id = ?", (location_id,)
        ).get

    def contact_key(self, location_id, contact_id):
        """Of a contact, who is there from then on."""
        location_key = self.location_key(location_id)
        self.writer.execute(
            "insert into contacts (location_key, contact_id, created_at, updated_at) "
            "values (?, ?, 0, 0) on conflict do nothing",
            (location_key, contact_id),
        )
        return self.writer.execute(
            "select contact_key from contacts where location_key = ? and contact_id = ?",
            (location_key, contact_id),
        ).get

    def name_key(self, name):
        self.writer.execute(
            "insert into event_names (event_name) values (?) on conflict do nothing", (name,)
        )
        return self.writer.execute(
            "select name_key from event_names where event_name = ?", (name,)
        ).get

    def event(self, name, timestamp, contact_id=None, location_id="loc", **properties):
        number = len(self.events) + 1
        timestamp = ms(timestamp) if isinstance(timestamp, str) else timestamp
        contact_key = None
        if contact_id is not None:
            contact_key = self.contact_key(location_id, contact_id)
        self.writer.execute(
            "insert into events (event_id, location_key, distinct_id, name_key, contact_key, "
            "timestamp, properties, received_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, 0, 0)",
            (
                number,
                self.location_key(location_id),
                f"d{number}",
                self.name_key(name),
                contact_key,
                timestamp,
                json.dumps(properties),
            ),
        )
        contact = None
        if contact_id is not None:
            bare = dict.fromkeys(CONTACT_COLUMNS) | {"tags": set(), "fields": {}}
            contact = self.contacts.setdefault((location_id, contact_id), bare)
        self.events.append(
            {
                "event_id": number,
                "location_id": location_id,
                "distinct_id": f"d{number}",
                "event_name": name,
                "contact_id": contact_id,
                "timestamp": timestamp,
                "properties": properties,
                "contact": contact,
            }
        )

    def query(self, now=NOW, allowed=None, default_zone="UTC", **query):
        with self.reader:
            asked = validate(lite.MetricQuery, query)
            return lite.calculate(
                self.reader,
                asked.metric,
                lite.resolve_frame(self.reader, asked, now, default_zone, allowed),
                asked.breakdown,
            )

    def evidence(self, now=NOW, allowed=None, **query):
        with self.reader:
            asked = validate(lite.EvidenceQuery, query)
            return lite.list_evidence(
                self.reader, asked, lite.resolve_frame(self.reader, asked, now, "UTC", allowed)
            )

    def close(self):
        self.reader.close()
        self.writer.close()


def term(aggregation="count", key="A", event="Paid", type="account", **rest):
    return {"key": key, "event": event, "type": type, "aggregation": aggregation} | rest


def metric(*terms, formula=None):
    definition = {"terms": list(terms or [term()])}
    if formula:
        definition["formula"] = formula
    return definition


YEAR = {"from": "2025-01-01", "to": "2026-01-01"}


def errors_of(model, body):
    with pytest.raises(Invalid) as caught:
        validate(model, body)
    return {error["pointer"]: error for error in caught.value.errors}


def value(store, *terms, formula=None, **rest):
    return store.query(metric=metric(*terms, formula=formula), **(YEAR | rest))["total"]["value"]


def condition(field, op, *value):
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})
