"""Stored events: lists, deletion, names, and whose they are."""

import json
import random
import signal
import threading
import time
from contextlib import closing
from urllib.parse import quote

import apsw
import pytest
from conftest import NOW, Api, event, exchange, request_bytes, store_events, wait_until

import streamlined_lite as lite

TS = "2026-01-01T00:00:00.000Z"


def insert(api, *events: dict) -> None:
    """Many events without a request each."""
    with api.app.database.turn():
        for each in events:
            lite.store_event(
                api.app.database.writer, lite.validate(lite.Event, each), api.clock(), api.clock()
            )


def everything(api, path: str, cursor: str | None = "", **rest) -> list[dict]:
    """All pages of a list, or those behind a cursor."""
    found = []
    while cursor is not None:
        answer = api.get(path + (f"&cursor={cursor}" if cursor else ""), **rest)
        found += answer["events"]
        cursor = answer["next"]
    return found


def distinct_ids(found: list[dict]) -> list[str]:
    return [each["distinct_id"] for each in found]


# Lists


@pytest.fixture
def many(api):
    """Events of three locations, many of them at one time, in no order.

    The distinct_id is the location and the number.
    """
    made = [
        event(
            f"{location}-{number}",
            location_id=location,
            event_name=f"name-{number % 2}",
            timestamp=NOW - number // 4 * 1000,
            contact_id=None if number % 3 == 0 else f"c-{number % 3}",
        )
        for location in ("a", "b", "c")
        for number in range(20)
    ]
    random.Random(7).shuffle(made)
    insert(api, *made)
    api.made = made
    return api


FILTERS = {
    "": lambda each: True,
    "location_id=b": lambda each: each["location_id"] == "b",
    "event_name=name-1": lambda each: each["event_name"] == "name-1",
    "contact_id=c-1": lambda each: each["contact_id"] == "c-1",
    "contact_id=c-2&event_name=name-0": lambda each: (
        (each["contact_id"], each["event_name"]) == ("c-2", "name-0")
    ),
    f"from={NOW - 2000}": lambda each: each["timestamp"] >= NOW - 2000,
    f"to={NOW - 2000}": lambda each: each["timestamp"] < NOW - 2000,
    f"from={NOW - 3000}&to={NOW - 1000}&location_id=c&event_name=name-0": lambda each: (
        each["location_id"] == "c"
        and each["event_name"] == "name-0"
        and NOW - 3000 <= each["timestamp"] < NOW - 1000
    ),
    "from=2026-01-01": lambda each: each["timestamp"] >= NOW,
    "to=2025-12-31T23:59:59Z&contact_id=c-1": lambda each: (
        each["timestamp"] < NOW - 1000 and each["contact_id"] == "c-1"
    ),
    "from=2100-01-01": lambda each: False,
    "event_name=never": lambda each: False,
}


@pytest.mark.parametrize("where", FILTERS)
@pytest.mark.parametrize("limit", [1, 3, 500])
def test_a_list_holds_what_matches_newest_first_on_pages_of_any_size(many, where, limit):
    found = everything(many, f"/events/v1?limit={limit}&{where}")
    expected = {each["distinct_id"] for each in many.made if FILTERS[where](each)}
    assert (len(found), set(distinct_ids(found))) == (len(expected), expected)
    assert [(each["timestamp"], each["event_id"]) for each in found] == sorted(
        ((each["timestamp"], each["event_id"]) for each in found), reverse=True
    )


def test_a_page_in_the_middle_of_ties_goes_on_where_it_ended_though_events_arrive(many):
    first = many.get("/events/v1?limit=5")
    insert(
        many,
        event("new", location_id="a", timestamp=NOW + 1),
        event("older", location_id="b", timestamp=NOW - 100_000),
    )
    rest = everything(many, "/events/v1?limit=7", first["next"])
    found = distinct_ids(first["events"] + rest)
    assert (len(found), len(set(found)), "new" in found, found[-1]) == (61, 61, False, "older")


@pytest.mark.parametrize(
    "where", ["", "location_id=b", "event_name=name-1", "contact_id=c-1", f"from={NOW - 3000}"]
)
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_an_event_that_changes_while_the_list_is_paged_is_on_exactly_one_page(
    many, clock, where, limit
):
    """After each page, one that is on it changes, and one that is still to come."""
    expected = distinct_ids(everything(many, f"/events/v1?limit=500&{where}"))
    sent = {each["distinct_id"]: each for each in many.made}
    found = []
    cursor = ""
    while cursor is not None:
        page = many.get(
            f"/events/v1?limit={limit}&{where}" + (f"&cursor={cursor}" if cursor else "")
        )
        found += distinct_ids(page["events"])
        cursor = page["next"]
        clock.advance(1000)
        for distinct_id in (found[-1], expected[-1]):
            many.post(sent[distinct_id] | {"properties": {"changed": clock.now}})
    assert found == expected


def test_a_full_last_page_has_no_next(many):
    assert many.get("/events/v1?limit=20&location_id=a")["next"] is None
    assert many.get("/events/v1?limit=19&location_id=a")["next"] is not None
    assert len(many.get("/events/v1")["events"]) == 50


@pytest.mark.parametrize(
    "where", ["", "&location_id=b", "&event_name=name-1", "&location_id=a&event_name=name-0"]
)
def test_a_list_by_arrival_has_the_last_created_or_updated_first(many, clock, where):
    clock.advance(1000)
    many.post(many.made[17] | {"properties": {"new": 1}})
    found = everything(many, f"/events/v1?order=arrival&limit=7{where}")
    assert [(each["updated_at"], each["event_id"]) for each in found] == sorted(
        ((each["updated_at"], each["event_id"]) for each in found), reverse=True
    )
    assert set(distinct_ids(found)) == {
        each["distinct_id"]
        for each in many.made
        if FILTERS.get(
            where[1:], lambda each: (each["location_id"], each["event_name"]) == ("a", "name-0")
        )(each)
    }


@pytest.mark.parametrize(
    "query", ["contact_id=c-1", "from=100000000", "to=100000000", "order=arrival&order=timestamp"]
)
def test_a_list_by_arrival_refuses_what_it_cannot_filter_by(many, query):
    assert many("GET", f"/events/v1?order=arrival&{query}").status_int == 422


@pytest.mark.parametrize(
    "query, pointer",
    [
        ("order=newest", "?order"),
        ("limit=0", "?limit"),
        ("limit=501", "?limit"),
        ("limit=x", "?limit"),
        ("limit=", "?limit"),
        ("cursor=x", "?cursor"),
        ("from=soon", "?from"),
        ("to=3000-01-01", "?to"),
        ("location_id=", "?location_id"),
        ("event_name=%00", "?event_name"),
        ("contact_id={{x}}", "?contact_id"),
        ("location=a", "?location"),
        ("limit=1&limit=2", "?limit"),
        ("dry_run=true", "?dry_run"),
        ("cursor=WzEsMV0=&cursor=WzEsMV0=", "?cursor"),
        ("from=2026-02-30", "?from"),
        ("to=", "?to"),
        ("from=2026-01-01&timezone=Mars/Olympus", "?timezone"),
    ],
)
def test_a_wrong_filter_of_a_list_is_an_error_and_never_ignored(many, query, pointer):
    answer = many("GET", f"/events/v1?{query}")
    assert (answer.status_int, [error["pointer"] for error in answer.json["errors"]]) == (
        422,
        [pointer],
    )


# Days and times without an offset


@pytest.fixture
def zoned():
    """Events of every hour around the first days of 2026, in locations of three zones, of which
    one is the server's."""
    api = Api(time_zone="Asia/Tokyo")
    zones = {"berlin": "Europe/Berlin", "ny": "America/New_York", "none": None, "odd": "Mars/X"}
    insert(
        api,
        *(
            event(f"{location} {hour}", location_id=location, timestamp=NOW + hour * 3_600_000)
            for location in zones
            for hour in range(-12, 48)
        ),
    )
    for location, zone in zones.items():
        api.rows("update locations set timezone = ? where location_id = ?", (zone, location))
    yield api
    api.app.close()


def hours(api, query):
    """The events that a list has: by their hours since 2026 began in UTC."""
    events = api.get(f"/events/v1?limit=500&{query}")["events"]
    return sorted(int(each["distinct_id"].split()[-1]) for each in events)


DAYS = [
    ("location_id=berlin&from=2026-01-01&to=2026-01-02", range(-1, 23)),
    ("location_id=berlin&from=2026-01-01T00:00&to=2026-01-01T12:00:00", range(-1, 11)),
    ("location_id=berlin&from=2026-01-01T00:00Z&to=2026-01-02", range(23)),
    ("location_id=berlin&from=1767225600&to=2026-01-02", range(23)),
    ("location_id=ny&from=2026-01-01&to=2026-01-02", range(5, 29)),
    ("location_id=ny&from=2026-01-01&to=2026-01-02&timezone=Europe/Berlin", range(-1, 23)),
    ("location_id=ny&from=2026-01-01&to=2026-01-02&event_name=Offer%20Made", range(5, 29)),
    ("location_id=none&from=2026-01-01&to=2026-01-02", range(-9, 15)),  # the server's
    ("location_id=odd&from=2026-01-01&to=2026-01-02", range(-9, 15)),
]


@pytest.mark.parametrize(("query", "found"), DAYS)
def test_a_day_of_a_list_or_a_deletion_is_one_of_the_location(zoned, query, found):
    assert hours(zoned, query) == list(found)
    assert zoned("DELETE", f"/events/v1?{query}&dry_run=true").json["events"] == len(found)
    assert zoned("DELETE", f"/events/v1?{query}").json == {"events": len(found), "remaining": 0}
    assert hours(zoned, query) == []
    assert zoned.rows("select count(*) from events") == [(4 * 60 - len(found),)]


@pytest.mark.parametrize(
    ("times", "pointers"),
    [
        ("from=2026-01-01", ["?from"]),
        ("to=2026-01-01T00:00:00", ["?to"]),
        ("from=2026-01-01&to=2026-01-02", ["?from", "?to"]),
        ("from=2026-01-01T00:00:00Z&to=2026-01-02&event_name=Offer%20Made", ["?to"]),
    ],
)
def test_a_day_that_depends_on_the_location_is_refused_until_a_zone_is_named(
    zoned, times, pointers
):
    for method, dry_run in (("GET", ""), ("DELETE", ""), ("DELETE", "&dry_run=true")):
        answer = zoned(method, f"/events/v1?{times}{dry_run}")
        assert answer.status_int == 422
        errors = [(each["pointer"], each["code"]) for each in answer.json["errors"]]
        assert errors == [(pointer, "timezone_required") for pointer in pointers]
        assert "add a timezone" in answer.json["errors"][0]["message"]
    assert zoned.rows("select count(*) from events") == [(240,)]
    assert zoned("DELETE", f"/events/v1?{times}&timezone=UTC").json["events"] > 0


def test_times_with_an_offset_need_no_zone_over_many_locations(zoned):
    for start in ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00%2B01:00", "1767225600"):
        assert len(hours(zoned, f"from={start}")) == 4 * 48


def test_a_day_over_locations_of_one_zone_is_one_of_that(zoned):
    zoned.rows("update locations set timezone = null where location_id = 'berlin'")
    zoned.rows("update locations set timezone = 'Asia/Tokyo' where location_id = 'ny'")
    assert hours(zoned, "from=2026-01-01&to=2026-01-01T01:00:00") == [-9] * 4
    bound = zoned.key(scope="read", locations=["none", "berlin"])
    zoned.rows("update locations set timezone = 'Europe/Berlin' where location_id = 'ny'")
    listed = zoned("GET", "/events/v1?from=2026-01-01&to=2026-01-01T01:00:00", key=bound).json
    assert len(listed["events"]) == 2
    assert zoned("GET", "/events/v1?from=2026-01-01").status_int == 422


# Many locations, of which a page can come from few


@pytest.fixture(scope="module")
def crowded():
    """In 60 locations: a, once each; b, in each third; c-7, in two."""
    made = Api()
    for number in range(60):
        fields = {"location_id": f"location-{number:02}", "timestamp": NOW - number * 1000}
        insert(made, event("a", event_name="a", contact_id=f"c-{number % 30}", **fields))
        if number % 3 == 0:
            insert(made, event("b", event_name="b", **(fields | {"timestamp": NOW - 500_000})))
    yield made
    made.app.close()


@pytest.mark.parametrize(
    "filters",
    [
        "",
        "&event_name=a",
        "&event_name=b",
        "&event_name=c",
        "&contact_id=c-7",
        "&contact_id=c-7&event_name=a",
        "&order=arrival",
        "&order=arrival&event_name=b",
        "&from=2025-12-31T23:59:30Z",
    ],
)
@pytest.mark.parametrize("limit", [1, 7])
def test_small_pages_over_many_locations_are_parts_of_the_large_one(crowded, filters, limit):
    whole = crowded.get(f"/events/v1?limit=500{filters}")["events"]
    paged = everything(crowded, f"/events/v1?limit={limit}{filters}")
    assert paged == whole


@pytest.mark.parametrize("filters", ["", "&q=nobody", "&tag=none"])
def test_small_pages_of_contacts_over_many_locations_are_parts_of_the_large_one(crowded, filters):
    whole = crowded.get(f"/contacts/v1?limit=500{filters}")["contacts"]
    found, cursor = [], ""
    while cursor is not None:
        answer = crowded.get(f"/contacts/v1?limit=7{filters}{cursor}")
        found += answer["contacts"]
        cursor = answer["next"] and f"&cursor={answer['next']}"
    assert found == whole
    assert len(found) == (0 if filters else 60)


# Deletion


def test_one_event_is_deleted_by_its_id_and_a_dry_run_deletes_none(api):
    api.post(event())
    assert api("DELETE", "/events/v1/1?dry_run=true").json == {"events": 1, "remaining": 1}
    assert api("DELETE", "/events/v1/1?dry_run=false").json == {"events": 1, "remaining": 0}
    assert (api("DELETE", "/events/v1/1").status_int, api("GET", "/events/v1/1").status_int) == (
        404,
        404,
    )
    assert api.post(event()).json["event"]["event_id"] == 2  # an id is never given twice


@pytest.mark.parametrize("where", [each for each in FILTERS if each])
def test_a_deletion_by_filter_removes_what_matches_and_its_dry_run_counts_that(many, where):
    expected = {each["distinct_id"] for each in many.made if FILTERS[where](each)}
    assert many("DELETE", f"/events/v1?{where}&dry_run=true").json == {
        "events": len(expected),
        "remaining": len(expected),
    }
    assert len(many.rows("select * from events")) == 60
    assert many("DELETE", f"/events/v1?{where}").json == {"events": len(expected), "remaining": 0}
    assert {each for (each,) in many.rows("select distinct_id from events")} == {
        each["distinct_id"] for each in many.made
    } - expected


@pytest.mark.parametrize(
    "query",
    [
        "",
        "dry_run=true",
        "dry_run=false",
        "dry_run=perhaps&location_id=a",
        "dry_run=&location_id=a",
        "location=a",
        "location_id=",
        "location_id=%20",
        "from=soon",
        "event_name=a&event_name=b",
        "limit=1",
        "cursor=x",
        "location_id=a&foo=1",
        "%ff=1",
        "timezone=UTC",
        "to=",
    ],
)
def test_a_deletion_without_a_clear_filter_deletes_nothing(many, query):
    answer = many("DELETE", f"/events/v1?{query}")
    assert (answer.status_int in (400, 422), len(many.rows("select * from events"))) == (True, 60)


def test_a_request_deletes_at_most_a_thousand_and_says_how_many_remain(api):
    insert(
        api,
        *(
            event(str(number), location_id="ab"[number % 2], timestamp=NOW - number)
            for number in range(2_300)
        ),
    )
    expected = [
        {"events": 1000, "remaining": 1300},
        {"events": 1000, "remaining": 300},
        {"events": 300, "remaining": 0},
        {"events": 0, "remaining": 0},
    ]
    assert api("DELETE", "/events/v1?event_name=Offer%20Made&dry_run=true").json == {
        "events": 2300,
        "remaining": 2300,
    }
    for answer in expected:
        assert api("DELETE", "/events/v1?event_name=Offer%20Made").json == answer
        assert api.rows("select count(*) from events") == [(answer["remaining"],)]


def test_a_deletion_leaves_contacts_and_locations(many):
    before = many.rows("select * from contacts"), many.rows("select * from locations")
    many("DELETE", "/events/v1?location_id=a")
    assert (many.rows("select * from contacts"), many.rows("select * from locations")) == before


# Event names


def test_event_names_have_counts_contacts_the_last_time_and_property_kinds(api):
    insert(
        api,
        event(
            "1",
            contact_id="c-1",
            timestamp="1970-01-01T00:00:01Z",
            properties={"value": 1, "note": "x"},
        ),
        event("2", contact_id="c-1", timestamp="1970-01-01T00:00:09Z", properties={"value": "1"}),
        event("3", contact_id="c-2", timestamp="1970-01-01T00:00:05Z"),
        event("4", timestamp="1970-01-01T00:00:05Z", properties={"a.b": 1.5, "": "x", "é": "x"}),
        event("5", event_name="Paid"),
        event("6", event_name="éa", location_id="loc-2"),
    )

    def both(key, *kinds):
        return {"key": key, "kinds": list(kinds)}

    offer = {
        "event_name": "Offer Made",
        "location_id": "loc-1",
        "count": 4,
        "contact_count": 2,
        "last_seen": "1970-01-01T00:00:09.000Z",
        "alias_of": None,
        "aliases": [],
        "properties": [
            both("", "text"),
            both("a.b", "number"),
            both("note", "text"),
            both("value", "number", "text"),
            both("é", "text"),
        ],
    }
    paid, other = (
        {
            "event_name": name,
            "location_id": location,
            "count": 1,
            "contact_count": 0,
            "last_seen": TS,
            "alias_of": None,
            "aliases": [],
            "properties": [],
        }
        for name, location in (("Paid", "loc-1"), ("éa", "loc-2"))
    )
    assert api.get("/event-names/v1") == {"event_names": [offer, paid, other]}
    assert api.get("/event-names/v1?location_id=loc-2") == {"event_names": [other]}
    assert api.get("/event-names/v1?location_id=loc-3") == {"event_names": []}
    api("DELETE", "/events/v1?event_name=Offer%20Made")
    assert api.get("/event-names/v1?location_id=loc-1") == {"event_names": [paid]}


# A key for some locations sees only theirs


@pytest.fixture
def bound(many):
    """A read key for the locations a and b (and one without events)."""
    return many.key(scope="read", locations=["a", "b", "empty"])


@pytest.mark.parametrize(
    "where", ["", "event_name=name-1", "contact_id=c-1", f"from={NOW - 2000}", "location_id=a"]
)
def test_a_bound_key_lists_only_its_locations(many, bound, where):
    found = distinct_ids(everything(many, f"/events/v1?limit=7&{where}", key=bound))
    assert set(found) == {
        each["distinct_id"]
        for each in many.made
        if FILTERS[where if where in FILTERS else ""](each)
        and each["location_id"] in "ab"
        and (where != "location_id=a" or each["location_id"] == "a")
    }


@pytest.mark.parametrize(
    "path",
    [
        "/events/v1?location_id=c",
        "/event-names/v1?location_id=c",
        "/contacts/v1?location_id=c",
        "/contacts/v1/c/c-1",
        "/events/v1?location_id=never-seen",
        "/contacts/v1/never-seen/c-1",
    ],
)
def test_a_bound_key_is_refused_by_name_of_another_location_known_or_not(many, bound, path):
    answer = many("GET", path, key=bound)
    assert (answer.status_int, answer.json["code"]) == (403, "location_not_allowed")


def test_a_bound_key_cannot_tell_an_event_of_another_location_from_none(many, bound):
    (other,), (own,) = many.rows(
        "select min(event_id) from events_with_texts where location_id = 'c' union all "
        "select min(event_id) from events_with_texts where location_id = 'a'"
    )
    assert many("GET", f"/events/v1/{own}", key=bound).status_int == 200
    answers = [many("GET", f"/events/v1/{event_id}", key=bound) for event_id in (other, 999)]
    assert [each.status_int for each in answers] == [404, 404]
    assert answers[0].text.replace(str(other), "X") == answers[1].text.replace("999", "X")


def test_a_cursor_of_another_location_opens_nothing(many, bound):
    for cursor in (
        many.get("/events/v1?location_id=c&limit=3")["next"],
        lite.write_cursor((lite.YEAR_2200, 2**62)),
        lite.write_cursor((0, 0)),
    ):
        answer = many.get(f"/events/v1?limit=500&cursor={cursor}", key=bound)
        assert {each["location_id"] for each in answer["events"]} <= {"a", "b"}


def test_a_bound_key_sees_names_contacts_and_locations_of_its_own_only(many, bound):
    for path, noun in (
        ("/event-names/v1", "event_names"),
        ("/contacts/v1", "contacts"),
        ("/locations/v1", "locations"),
    ):
        assert {each["location_id"] for each in many.get(path, key=bound)[noun]} == {"a", "b"}


def test_a_bound_key_can_neither_read_nor_change_by_posting_elsewhere(many):
    key = many.key(scope="sync", locations=["a"])
    before = many.rows("select * from events"), many.rows("select * from contacts")
    webhook = {"type": "ContactDelete", "locationId": "b", "id": "c-1"}
    answers = [
        many.post(event("b-1", location_id="b"), key=key),
        many("POST", "/contacts/ingestion/v1", webhook, key=key),
        many("PUT", "/contacts/v1/b/c-1", {"name": "x"}, key=key),
        many("DELETE", "/contacts/v1/b/c-1", key=key),
    ]
    assert [(each.status_int, each.json["code"]) for each in answers] == [
        (403, "location_not_allowed")
    ] * 4
    assert (many.rows("select * from events"), many.rows("select * from contacts")) == before


# Renaming and merging event names


def rename(api, event_name: str, new_name: str, query="", **rest):
    body = {"event_name": event_name, "new_name": new_name}
    return api("PATCH", f"/event-names/v1{query}", body, **rest)


def remove_alias(api, event_name: str, query=""):
    return api("DELETE", f"/event-names/v1?event_name={quote(event_name)}{query}")


def names_and_counts(api, **rest) -> list[tuple]:
    return [
        (name["event_name"], name["count"], name["aliases"], name["alias_of"])
        for name in api.get("/event-names/v1", **rest)["event_names"]
    ]


def names_and_aliases(api) -> dict[str, str | None]:
    sql = "select event_name, alias_of from event_names order by name_key"
    return dict(api.rows(sql))


def states(api) -> list[tuple]:
    """All of the events but their names."""
    return api.rows(
        "select event_id, distinct_id, contact_key, timestamp, properties, received_at, "
        "updated_at, update_count, warnings from events order by event_id"
    )


def metric(name: str, *events: str) -> dict:
    terms = [
        {"key": f"T{index}", "event": event_name, "type": "account"}
        for index, event_name in enumerate(events)
    ]
    return {"name": name, "terms": terms, "formula": " + ".join(term["key"] for term in terms)}


@pytest.fixture
def misspelt(api):
    """2,300 events under a wrong name and three under the right one, in two locations."""
    insert(
        api,
        *(
            event(
                str(number),
                location_id="ab"[number % 2],
                event_name="Ofer Made",
                timestamp=NOW - number,
            )
            for number in range(2_300)
        ),
        *(event(f"right-{number}", location_id="a", contact_id="c-1") for number in range(3)),
        event("other", location_id="a", event_name="Paid"),
    )
    return api


def test_a_rename_is_one_row_and_leaves_an_alias(api, clock):
    api.post(event("1", event_name="Ofer Made", contact_id="c-1"))
    before = states(api)
    clock.advance(1000)
    assert rename(api, "Ofer Made", "Offer Made", "?dry_run=true").json == {
        "events": 1,
        "remaining": 1,
        "metrics": [],
        "merged": False,
    }
    assert names_and_aliases(api) == {"Ofer Made": None}
    answer = rename(api, " Ofer Made ", "Offer Made")
    assert (answer.status_int, answer.json) == (
        200,
        {"events": 0, "remaining": 0, "metrics": [], "merged": False},
    )
    assert names_and_aliases(api) == {"Offer Made": None, "Ofer Made": 1}
    assert names_and_counts(api) == [("Offer Made", 1, ["Ofer Made"], None)]
    assert (states(api), api.rows("select * from rejections")) == (before, [])


@pytest.mark.parametrize("again", [1, 2])
def test_a_rename_that_is_sent_again_changes_nothing(api, again):
    api.post(event("1", event_name="Ofer Made"))
    rename(api, "Ofer Made", "Offer Made")
    for _ in range(again):
        answer = rename(api, "Ofer Made", "Offer Made").json
        assert (answer["events"], answer["remaining"]) == (0, 0)
    assert names_and_counts(api) == [("Offer Made", 1, ["Ofer Made"], None)]


def test_what_is_posted_under_an_alias_is_stored_under_its_name_and_says_so(api):
    api.post(event("1", event_name="Ofer Made"))
    rename(api, "Ofer Made", "Offer Made")
    warned = [
        {"code": "event_name_alias", "message": "events of this name are stored as “Offer Made”"}
    ]
    created = api.post(event("2", event_name="Ofer Made"))
    unchanged = api.post(event("2", event_name="Ofer Made"))
    updated = api.post(event("1", event_name="Ofer Made", properties={"value": 1}))
    for answer, status in ((created, "created"), (unchanged, "unchanged"), (updated, "updated")):
        assert (answer.json["status"], answer.json["event"]["event_name"]) == (status, "Offer Made")
        assert answer.json["warnings"] == warned
    event_id = created.json["event"]["event_id"]
    assert api.get(f"/events/v1/{event_id}")["warnings"] == warned
    assert api.post(event("2")).json["warnings"] == []
    form = b"event_name=Ofer+Made&location_id=loc-1&distinct_id=3"
    answer = api.post(form, kind="application/x-www-form-urlencoded")
    assert answer.json["warnings"] == warned
    assert api.rows("select count(*) from rejections") == [(0,)]
    assert names_and_counts(api) == [("Offer Made", 3, ["Ofer Made"], None)]


def test_a_listed_event_has_the_name_of_its_contact_and_the_warnings_of_its_sender(api):
    api.post(event("1", contact_id="c-1", foo=1))
    api("PUT", "/contacts/v1/loc-1/c-1", {"name": "Ann"})
    api.post(event("2"))
    for order in ("arrival", "timestamp"):
        plain, warned = api.get(f"/events/v1?order={order}")["events"]
        assert (plain["contact_name"], plain["warnings"]) == (None, [])
        assert warned["contact_name"] == "Ann"
        assert [note["code"] for note in warned["warnings"]] == ["unknown_fields"]
        assert warned == api.get(f"/events/v1/{warned['event_id']}")


def test_a_batch_under_an_alias_is_warned_event_by_event(api):
    api.post(event("1", event_name="Ofer Made"))
    rename(api, "Ofer Made", "Offer Made")
    batch = [
        event("1", event_name="Ofer Made"),
        event("2", event_name="Ofer Made", foo=1),
        event("3"),
        event("4", event_name="Paid"),
    ]
    results = api("POST", "/events/ingestion/v1/batch", batch).json["results"]
    assert [
        (each["status"], [note["code"] for note in each.get("warnings", [])]) for each in results
    ] == [
        ("unchanged", ["event_name_alias"]),
        ("created", ["unknown_fields", "event_name_alias"]),
        ("created", []),
        ("created", []),
    ]
    assert [(name, count) for name, count, _, _ in names_and_counts(api)] == [
        ("Offer Made", 3),
        ("Paid", 1),
    ]


@pytest.mark.parametrize("path", ["/events/v1?limit=500&", "/events/v1?order=arrival&limit=500&"])
def test_who_asks_for_an_alias_gets_the_events_of_its_name(misspelt, path):
    before = everything(misspelt, f"{path}event_name=Offer%20Made")
    rename(misspelt, "Offer Made", "Offer")
    after = everything(misspelt, f"{path}event_name=Offer%20Made")
    assert [each | {"event_name": "Offer Made"} for each in after] == before
    assert everything(misspelt, f"{path}event_name=Offer") == after
    assert misspelt("DELETE", "/events/v1?event_name=Offer%20Made").json["events"] == 3
    assert [(name, count) for name, count, _, _ in names_and_counts(misspelt)] == [
        ("Ofer Made", 1150),
        ("Paid", 1),
        ("Ofer Made", 1150),
    ]


def test_a_merge_moves_a_thousand_events_a_request_and_none_counts_as_replaced(misspelt, clock):
    api = misspelt
    before = states(api)
    listed = {each["distinct_id"] for each in everything(api, "/events/v1?limit=500")}
    clock.advance(60_001)
    merging = {"metrics": [], "merged": True}
    assert (
        rename(api, "Ofer Made", "Offer Made", "?dry_run=true").json
        == {
            "events": 2300,
            "remaining": 2300,
        }
        | merging
    )
    assert api.rows("select max(alias_of) from event_names") == [(None,)]
    for events, remaining in [(1000, 1300), (1000, 300), (300, 0), (0, 0)]:
        answer = rename(api, "Ofer Made", "Offer Made").json
        assert answer == {"events": events, "remaining": remaining} | merging
        waiting = [
            name["count"]
            for name in api.get("/event-names/v1")["event_names"]
            if name["alias_of"] == "Offer Made"
        ]
        assert sum(waiting) == remaining
        dry = rename(api, "Ofer Made", "Offer Made", "?dry_run=true").json
        assert dry == {"events": remaining, "remaining": remaining} | merging
    assert names_and_counts(api) == [
        ("Offer Made", 1153, ["Ofer Made"], None),
        ("Paid", 1, [], None),
        ("Offer Made", 1150, ["Ofer Made"], None),
    ]
    assert states(api) == before
    assert {each["distinct_id"] for each in everything(api, "/events/v1?limit=500")} == listed
    assert api.rows("select * from rejections") == []


def test_events_that_arrive_again_in_the_middle_of_a_merge_are_what_they_were(misspelt):
    api = misspelt
    rename(api, "Ofer Made", "Offer Made")
    ((still, location),) = api.rows(
        "select distinct_id, location_id from events_with_texts "
        "where event_name = 'Ofer Made' order by event_id limit 1"
    )
    for name, codes in (("Ofer Made", ["event_name_alias"]), ("Offer Made", [])):
        sent = event(still, location_id=location, event_name=name)
        answer = api.post(sent).json
        assert (answer["status"], answer["event"]["event_name"]) == ("unchanged", "Offer Made")
        assert [note["code"] for note in answer["warnings"]] == codes
    answer = api.post(sent | {"properties": {"value": 2}}).json
    assert (answer["status"], answer["warnings"]) == ("updated", [])
    (row,) = api.rows("select event_name from events_with_texts where properties <> '{}'")
    assert row == ("Offer Made",)
    for number in range(20):
        posted = event(f"new-{number}", event_name=["Ofer Made", "Offer Made"][number % 2])
        assert api.post(posted).json["event"]["event_name"] == "Offer Made"
    assert rename(api, "Ofer Made", "Offer Made").json["remaining"] == 299
    assert rename(api, "Ofer Made", "Offer Made").json["remaining"] == 0
    assert sum(count for name, count, _, _ in names_and_counts(api) if name == "Offer Made") == 2323
    assert api.rows("select * from rejections") == []
    # Still a replacement:
    assert api.post(sent | {"event_name": "Paid"}).json["warnings"][0]["code"] == (
        "event_name_changed"
    )
    assert len(api.rows("select * from rejections")) == 1


def test_aliases_follow_their_name_into_a_merge(api):
    api.post(event("1", event_name="a"))
    api.post(event("2", event_name="d"))
    rename(api, "a", "b")
    rename(api, "b", "c")
    assert names_and_counts(api)[0] == ("c", 1, ["a", "b"], None)
    assert rename(api, "c", "d").json["remaining"] == 0
    assert names_and_counts(api) == [("d", 2, ["a", "b", "c"], None)]
    assert api.post(event("3", event_name="a")).json["event"]["event_name"] == "d"


def test_saved_metrics_follow_a_name_in_the_same_transaction(api, clock):
    saved = [
        metric("One", "Ofer Made"),
        metric("Two", "Paid", "Ofer Made", "Ofer Made"),
        metric("Other", "Paid"),
    ]
    saved[0]["terms"][0]["filters"] = {
        "all": [{"field": "property.event", "op": "is", "value": "Ofer Made"}]
    }
    for each in saved:
        assert api("POST", "/metrics/v1", each).status_int == 201
    texts = [text for (text,) in api.rows("select definition from metrics")]
    api.post(event("1", event_name="Ofer Made"))
    api.post(event("2", event_name='Say "é"\\'))
    clock.advance(1000)
    dry = rename(api, "Ofer Made", "Offer Made", "?dry_run=true").json
    assert dry["metrics"] == ["One", "Two"]
    assert [text for (text,) in api.rows("select definition from metrics")] == texts
    assert rename(api, "Ofer Made", "Offer Made").json["metrics"] == ["One", "Two"]
    after = api.rows("select definition, updated_at from metrics")
    expected = [text.replace('"event":"Ofer Made"', '"event":"Offer Made"') for text in texts]
    assert after == [(expected[0], NOW + 1000), (expected[1], NOW + 1000), (texts[2], NOW)]
    answer = rename(api, "Offer Made", 'Say "é"\\').json
    assert (answer["metrics"], answer["merged"]) == (["One", "Two"], True)
    terms = api.get("/metrics/v1/2")["terms"]
    assert [each["event"] for each in terms] == ["Paid", 'Say "é"\\', 'Say "é"\\']
    # What an import would store is what is stored.
    exported = api.get("/metrics/v1/export")
    assert api("POST", "/metrics/v1/import", exported).json["unchanged"] == 3 + 1  # a dashboard


@pytest.mark.parametrize(
    "event_name, new_name, query, status, code, pointer",
    [
        ("Never seen", "x", "", 404, "not_found", None),
        ("Never seen", "x", "?dry_run=true", 404, "not_found", None),
        ("new", "new", "", 409, "same_name", "/new_name"),
        ("new", "old", "", 409, "is_alias", "/new_name"),
        ("new", "old", "?dry_run=true", 409, "is_alias", "/new_name"),
        ("other", "old", "", 409, "is_alias", "/new_name"),
        ("old", "other", "", 409, "is_alias", "/event_name"),
        ("old", "a third", "", 409, "is_alias", "/event_name"),
        ("old", "old", "", 409, "same_name", "/new_name"),
        ("wrong", "other", "", 409, "merge_running", "/event_name"),
        ("right", "other", "", 409, "merge_running", "/event_name"),
        ("right", "a third", "", 409, "merge_running", "/event_name"),
        ("other", "wrong", "", 409, "is_alias", "/new_name"),
        ("new", " ", "", 422, "invalid", "/new_name"),
        ("new", None, "", 422, "invalid", "/new_name"),
        ("new", "x" * 10_001, "", 422, "invalid", "/new_name"),
        ("new", "{{name}}", "", 422, "invalid", "/new_name"),
        ("", "x", "", 422, "invalid", "/event_name"),
        ("new", "x", "?dryrun=true", 422, "invalid", "?dryrun"),
    ],
)
def test_a_rename_that_cannot_be_is_refused_in_clear_words(
    api, monkeypatch, event_name, new_name, query, status, code, pointer
):
    for number, name in enumerate(["old", "other", "wrong", "wrong", "right"]):
        api.post(event(str(number), event_name=name))
    rename(api, "old", "new")
    monkeypatch.setattr(lite, "MOVE_STEP", 1)
    assert rename(api, "wrong", "right").json["remaining"] == 1
    before = api.rows("select * from event_names")
    answer = rename(api, event_name, new_name, query)
    assert (answer.status_int, answer.json["code"]) == (status, code)
    if pointer is not None:
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert api.rows("select * from event_names") == before


def test_an_alias_is_removed_and_its_name_is_then_one_of_its_own(api, clock):
    api.post(event("1", event_name="Ofer Made"))
    rename(api, "Ofer Made", "Offer Made")
    api("POST", "/metrics/v1", metric("Of the alias", "Ofer Made"))
    clock.advance(1000)
    removed = {"aliases": 1, "metrics": ["Of the alias"]}
    assert remove_alias(api, "Ofer Made", "&dry_run=true").json == removed
    assert names_and_counts(api) == [("Offer Made", 1, ["Ofer Made"], None)]
    assert remove_alias(api, "Ofer Made").json == removed
    assert names_and_counts(api) == [("Offer Made", 1, [], None)]
    saved = api.get("/metrics/v1/1")
    assert (saved["terms"][0]["event"], saved["updated_at"]) == (
        "Offer Made",
        "2026-01-01T00:00:01.000Z",
    )
    assert remove_alias(api, "Ofer Made").status_int == 404
    answer = api.post(event("2", event_name="Ofer Made")).json
    assert (answer["event"]["event_name"], answer["warnings"]) == ("Ofer Made", [])


def test_what_is_no_alias_or_still_has_events_is_not_removed(api, monkeypatch):
    for number, name in enumerate(["wrong", "wrong", "right"]):
        api.post(event(str(number), event_name=name))
    monkeypatch.setattr(lite, "MOVE_STEP", 1)
    rename(api, "wrong", "right")
    answers = [remove_alias(api, "right"), remove_alias(api, "wrong"), remove_alias(api, "none")]
    assert [(answer.status_int, answer.json["code"]) for answer in answers] == [
        (409, "not_an_alias"),
        (409, "merge_running"),
        (404, "not_found"),
    ]
    assert api("DELETE", "/event-names/v1").status_int == 422
    assert api("DELETE", "/event-names/v1?event_name=").status_int == 422


def test_a_bound_key_sees_no_alias_and_may_rename_nothing(misspelt):
    rename(misspelt, "Paid", "Bought")
    bound = misspelt.key(scope="read", locations=["a"])
    assert names_and_counts(misspelt, key=bound) == [
        ("Bought", 1, [], None),
        ("Ofer Made", 1150, [], None),
        ("Offer Made", 3, [], None),
    ]
    for scope in ("read", "ingest", "sync"):
        key = misspelt.key(scope=scope)
        assert rename(misspelt, "Bought", "x", key=key).status_int == 403


def test_a_merged_metric_is_what_both_names_were_and_the_old_name_asks_for_the_same(misspelt):
    def numbers(*events: str) -> tuple:
        query = {
            "metric": metric("Any", *events),
            "from": "1970-01-01",
            "to": "2026-01-02",
            "interval": "month",
        }
        answer = misspelt("POST", "/metrics/v1/query", query).json
        values = [bucket["value"] for bucket in answer["buckets"]]
        locations = [location["value"] for location in answer["locations"]]
        return answer["total"]["value"], values, locations

    before = numbers("Ofer Made", "Offer Made")
    assert before[0] == 2303
    remaining = None
    while remaining != 0:
        remaining = rename(misspelt, "Ofer Made", "Offer Made").json["remaining"]
    assert numbers("Offer Made") == numbers("Ofer Made") == before
    rename(misspelt, "Offer Made", "Offer")
    assert numbers("Offer") == numbers("Ofer Made") == before


def test_what_may_follow_in_a_saved_metric_takes_the_new_name(misspelt):
    then = {"event": "Ofer Made", "within": "7d"}
    asked = {"aggregation": "conversions", "type": "contact", "then": then}
    for name, event_name in (("Follows", "Paid"), ("Twice", "Ofer Made"), ("Other", "Paid")):
        definition = {"name": name, "terms": [{"key": "A", "event": event_name} | asked]}
        if name == "Other":
            definition["terms"][0]["then"] = then | {"event": "Paid"}
        assert misspelt("POST", "/metrics/v1", definition).status_int == 201
    steps = [("Ofer Made", "Offer Made", True), ("Offer Made", "Offer", False)]
    for name, new_name, is_merge in steps:
        tried = rename(misspelt, name, new_name, "?dry_run=true").json
        answer = rename(misspelt, name, new_name).json
        assert tried["metrics"] == answer["metrics"] == ["Follows", "Twice"]
        assert tried["merged"] == answer["merged"] == is_merge
        while answer["remaining"]:
            answer = rename(misspelt, name, new_name).json
        terms = [each["terms"][0] for each in misspelt.get("/metrics/v1")["metrics"]]
        assert [(each["event"], each["then"]["event"]) for each in terms] == [
            ("Paid", new_name),
            (new_name, new_name),
            ("Paid", "Paid"),
        ]
        assert all(each["then"]["within"] == "7d" for each in terms)


# A merge under a server


def count_names(path) -> dict[str, int]:
    with closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)) as connection:
        return dict(
            connection.execute("select event_name, count(*) from events_with_texts group by 1")
        )


def test_a_deletion_that_must_search_for_too_long_is_stopped_before_it(api, monkeypatch):
    store_events(api.app.database.writer, (event(f"d-{number}") for number in range(8_000)))
    monkeypatch.setattr(lite, "SEARCH_SECONDS", 0)
    for query in ("location_id=loc-1", "location_id=loc-1&dry_run=true"):
        answer = api("DELETE", f"/events/v1?{query}")
        assert (answer.status_int, answer.json["code"]) == (422, "query_too_slow")
    assert api.rows("select count(*) from events") == [(8_000,)]


def fill_names(path, wrong: int, right: int) -> None:
    database = lite.Database(lite.Config(database=str(path)))
    names = ["wrong"] * wrong + ["right"] * right
    with database.turn():
        for number, name in enumerate(names):
            sent = event(str(number), event_name=name, location_id=f"loc-{number % 7}")
            lite.store_event(database.writer, lite.validate(lite.Event, sent), NOW, NOW)
    database.close()


MERGE = {"event_name": "wrong", "new_name": "right"}


def merge_request() -> bytes:
    return request_bytes(MERGE, method="PATCH", path="/event-names/v1")


def test_a_server_ends_a_merge_by_itself(serve, tmp_path):
    fill_names(tmp_path / "events.db", 3_500, 10)
    served = serve(tmp_path / "events.db")
    ((status, _, body),) = exchange(served, merge_request())
    assert (status, json.loads(body)["events"]) == (200, 1000)
    wait_until(lambda: count_names(tmp_path / "events.db") == {"right": 3510})
    wait_until(lambda: not served.server.has_begun)
    served.close()


def test_a_merge_goes_on_after_the_server_was_killed(start, tmp_path):
    path = tmp_path / "events.db"
    fill_names(path, 5_500, 10)
    first = start(path)
    exchange(first, merge_request())
    first.stop(signal.SIGKILL)
    counts = count_names(path)
    assert counts["wrong"] > 0 and sum(counts.values()) == 5510
    second = start(path)
    wait_until(lambda: count_names(path) == {"right": 5510})
    ((status, _, body),) = exchange(second, merge_request())
    assert (status, json.loads(body)["remaining"]) == (200, 0)
    second.stop()
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.execute("select count(*) from rejections").get == 0


def test_posts_under_both_names_during_a_merge_are_all_stored_once(start, tmp_path):
    path = tmp_path / "events.db"
    fill_names(path, 8_000, 10)
    server = start(path)
    statuses = []

    def send(sender: int) -> None:
        for number in range(60):
            name = ["wrong", "right"][number % 2]
            # New ones, and those that the merge has or has not moved yet.
            ids = (f"{sender}-{number}", str(sender * 60 + number))
            posts = [
                request_bytes(
                    event(
                        distinct_id,
                        event_name=name,
                        location_id=f"loc-{(sender * 60 + number) % 7}",
                        properties={"sender": sender},
                    )
                )
                for distinct_id in ids
            ]
            statuses.extend(status for status, _, _ in exchange(server, *posts))

    # Before the merge has begun, a post under the other name would rightly replace the event.
    ((status, _, body),) = exchange(server, merge_request())
    remaining = json.loads(body)["remaining"]
    assert status == 200 and remaining > 0
    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    while remaining != 0:
        ((status, _, body),) = exchange(server, merge_request())
        assert status == 200
        remaining = json.loads(body)["remaining"]
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert sorted(set(statuses)) == [200, 201]
    assert count_names(path) == {"right": 8_010 + 4 * 60}
    server.stop()
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.execute("select count(*) from rejections").get == 0
        updated = "select count(*) from events where update_count > 0"
        assert connection.execute(updated).get == 4 * 60
