"""Stored events: lists, deletion, names, and whose they are."""

import random

import pytest
from conftest import NOW, Api, event

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
    "query", ["contact_id=c-1", "from=1", "to=1", "order=arrival&order=timestamp"]
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
    ],
)
def test_a_wrong_filter_of_a_list_is_an_error_and_never_ignored(many, query, pointer):
    answer = many("GET", f"/events/v1?{query}")
    assert (answer.status_int, [error["pointer"] for error in answer.json["errors"]]) == (
        422,
        [pointer],
    )


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
        event("1", contact_id="c-1", timestamp=1, properties={"value": 1, "note": "x"}),
        event("2", contact_id="c-1", timestamp=9, properties={"value": "1"}),
        event("3", contact_id="c-2", timestamp=5),
        event("4", timestamp=5, properties={"a.b": 1.5, "": "x", "é": "x"}),
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
