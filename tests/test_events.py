"""Events: stored once, updated in place, read back newest first, deleted on purpose only."""

import json
import random

import pytest

import streamlined_lite as lite
from conftest import NOW, Api, event

TS = "2026-01-01T00:00:00.000Z"
FIRST = event(contact_id="c-1", timestamp=NOW - 1000, properties={"value": 100, "source": "a"})


def codes(answer) -> list[str]:
    return [each["code"] for each in answer.json["warnings"]]


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


def test_a_new_event_is_created_and_answered_as_it_is_stored(api):
    answer = api.post(FIRST)
    assert (answer.status_int, answer.json) == (
        201,
        {
            "status": "created",
            "warnings": [],
            "event": FIRST
            | {
                "event_id": 1,
                "timestamp": "2025-12-31T23:59:59.000Z",
                "received_at": TS,
                "updated_at": TS,
                "update_count": 0,
            },
        },
    )
    assert api.get("/events/v1/1") == answer.json["event"] | {"warnings": []}
    assert api.get("/events/v1")["events"] == [answer.json["event"]]


def test_the_same_again_is_unchanged_and_writes_nothing(api, clock):
    api.post(FIRST)
    clock.advance(1000)
    answer = api.post(FIRST)
    assert (
        answer.status_int,
        answer.json["status"],
        answer.json["event"]["updated_at"],
        codes(answer),
    ) == (200, "unchanged", TS, [])
    assert api.get("/events/v1/1")["update_count"] == 0


@pytest.mark.parametrize(
    "sent, status, stored, warned",
    [
        ({}, "unchanged", {}, []),
        ({"contact_id": None, "properties": None, "timestamp": None}, "unchanged", {}, []),
        ({"contact_id": " ", "properties": "", "timestamp": ""}, "unchanged", {}, []),
        ({"timestamp": NOW - 1000}, "unchanged", {}, []),
        ({"timestamp": NOW}, "unchanged", {}, ["timestamp_kept"]),
        ({"timestamp": 0}, "unchanged", {}, ["timestamp_kept"]),
        ({"properties": {"source": "a", "value": 100}}, "unchanged", {}, []),
        ({"properties": {"value": 100.0, "source": "a"}}, "unchanged", {}, []),
        ({"properties": {"value": 5}}, "updated", {"properties": {"value": 5}}, []),
        (
            {"properties": {"value": "100", "source": "a"}},
            "updated",
            {"properties": {"value": "100", "source": "a"}},
            [],
        ),
        ({"properties": {}}, "updated", {"properties": {}}, []),
        ({"contact_id": "c-2"}, "updated", {"contact_id": "c-2"}, ["contact_changed"]),
        ({"event_name": "Paid"}, "updated", {"event_name": "Paid"}, ["event_name_changed"]),
        (
            {"event_name": "Paid", "contact_id": "c-2", "timestamp": 7, "properties": {}},
            "updated",
            {"event_name": "Paid", "contact_id": "c-2", "properties": {}},
            ["timestamp_kept", "event_name_changed", "contact_changed"],
        ),
    ],
)
def test_a_second_request_updates_what_it_sends_and_never_the_timestamp(
    api, clock, sent, status, stored, warned
):
    first = api.post(FIRST).json["event"]
    clock.advance(5000)
    answer = api.post(event(**sent))
    changed = (
        {"updated_at": "2026-01-01T00:00:05.000Z", "update_count": 1} if status == "updated" else {}
    )
    assert (answer.status_int, answer.json["status"], codes(answer)) == (200, status, warned)
    assert answer.json["event"] == first | stored | changed
    detail = api.get("/events/v1/1")
    assert detail == first | stored | changed | {"warnings": answer.json["warnings"]}
    assert len(api.rows("select * from rejections")) == bool(
        {"event_name_changed", "contact_changed"} & set(warned)
    )


def test_the_timestamp_left_out_is_that_of_the_first_request(api, clock):
    api.post(event())
    clock.advance(60_000)
    answer = api.post(event(timestamp=clock.now))
    assert (answer.json["event"]["timestamp"], codes(answer)) == (TS, ["timestamp_kept"])
    assert TS in answer.json["warnings"][0]["message"]


def test_an_account_event_gets_its_contact_later_and_keeps_it(api):
    api.post(event())
    assert codes(api.post(event(contact_id="c-1"))) == []
    assert api.post(event()).json["event"]["contact_id"] == "c-1"


def test_one_distinct_id_in_two_locations_is_two_events(api):
    assert [api.post(event(location_id=each)).status_int for each in ("a", "b", "a")] == [
        201,
        201,
        200,
    ]


def test_unknown_fields_are_no_error_and_a_warning_names_them(api):
    answer = api.post(event(value=100, Timestamp="now", nested={"a": 1}))
    assert (answer.status_int, codes(answer)) == (201, ["unknown_fields"])
    assert all(
        name in answer.json["warnings"][0]["message"] for name in ("value", "Timestamp", "nested")
    )
    assert answer.json["event"]["properties"] == {}


def test_the_warnings_of_the_last_request_stay_with_the_event(api):
    api.post(event(foo=1))
    assert api.get("/events/v1/1")["warnings"][0]["code"] == "unknown_fields"
    api.post(event())
    assert api.get("/events/v1/1")["warnings"] == []


# Lists


@pytest.fixture
def many(api):
    """Events of three locations and many epochs, many of them at one time, in no order: distinct_id tells location and number."""
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
    api.rows("update events set event_id = event_id * 10000")
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


def test_a_request_deletes_at_most_a_thousand_newest_first_and_says_how_many_remain(api):
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
        left = (
            (NOW - 2299, NOW - 2300 + answer["remaining"]) if answer["remaining"] else (None, None)
        )
        assert api.rows("select min(timestamp), max(timestamp) from events") == [left]


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
    both = lambda key, *kinds: {"key": key, "kinds": list(kinds)}
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
        "select min(event_id) from events where location_id = 'c' union all select min(event_id) from events where location_id = 'a'"
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


# What was hardly meant


def test_a_merge_field_that_nobody_filled_in_is_told_of_in_a_property(api):
    answer = api.post(
        event(properties={"value": "{{opportunity.lead_value}}", "note": "{{ fine"})
    ).json
    assert answer["status"] == "created" and [each["code"] for each in answer["warnings"]] == [
        "unresolved_merge_field"
    ]
    assert (
        "value" in answer["warnings"][0]["message"]
        and "note" not in answer["warnings"][0]["message"]
    )


def test_a_distinct_id_that_ends_in_an_empty_merge_field_is_told_of(api):
    answer = api.post(event("Offer Made ")).json
    assert answer["event"]["distinct_id"] == "Offer Made" and [
        each["code"] for each in answer["warnings"]
    ] == ["distinct_id_trimmed"]


def test_a_delete_with_a_body_is_refused_since_a_dry_run_in_it_would_be_overlooked(api):
    api.post(event())
    answer = api("DELETE", "/events/v1?location_id=loc-1", {"dry_run": True})
    assert (answer.status_int, answer.json["errors"][0]["code"]) == (422, "body_unused") and len(
        api.rows("select * from events")
    ) == 1


# Batches


def batch(api, items, query="", **rest):
    return api("POST", "/events/ingestion/v1/batch" + query, items, **rest)


def statuses(answer) -> list[str]:
    return [each["status"] for each in answer.json["results"]]


def test_a_batch_is_what_its_events_would_be_one_by_one(clock):
    items = [
        event(
            f"d-{number % 7}",
            contact_id=f"c-{number % 3}" if number % 2 else None,
            timestamp=NOW + number,
            event_name=["Offer Made", "Paid"][number % 2],
            properties={
                "n": number // 4,
                "x": 1.5,
                "ü": "\n\"'{}",
                "\\": "\u2028😀\\",
                "e": 1e-7,
                "long": -(2**63),
            },
        )
        for number in range(40)
    ]
    together, alone = Api(clock=clock), Api(clock=clock)
    answer = batch(together, items)
    singly = [alone.post(each).json for each in items]
    assert answer.status_int == 200 and statuses(answer) == [each["status"] for each in singly]
    assert [each.get("warnings", []) for each in answer.json["results"]] == [
        each["warnings"] for each in singly
    ]
    assert [each["event_id"] for each in answer.json["results"]] == [
        each["event"]["event_id"] for each in singly
    ]
    for table in ("events", "contacts", "locations"):
        assert together.rows(f"select * from {table}") == alone.rows(f"select * from {table}")
    assert together.rows("select code, body from rejections") == alone.rows(
        "select code, body from rejections"
    )


def test_a_batch_tells_the_ids_under_which_its_events_are_stored(api):
    for distinct_ids, expected in (
        (("d-1", "d-2", "d-3"), [1, 2, 3]),
        (("d-4", "d-5"), [4, 5]),
        (("d-6", "d-5", "d-6", "d-7", "d-1"), None),
    ):
        answer = batch(
            api, [event(each, properties={"of": len(distinct_ids)}) for each in distinct_ids]
        )
        told, stored = (
            [each["event_id"] for each in answer.json["results"]],
            dict(api.rows("select distinct_id, event_id from events")),
        )
        assert told == [stored[each] for each in distinct_ids] == (expected or told)
        api.rows(
            "delete from events where distinct_id = 'd-3'"
        )  # the newest, at first: its id is not given again
    assert statuses(answer) == ["created", "updated", "unchanged", "created", "updated"]


def test_a_batch_stores_what_is_right_and_keeps_the_rest_one_by_one(api):
    answer = batch(
        api,
        [
            event("d-1"),
            event("d-2", timestamp="soon", properties=[]),
            5,
            event("d-3"),
            {"customData": {}},
        ],
    )
    assert answer.status_int == 207
    assert statuses(answer) == ["created", "refused", "refused", "created", "refused"]
    refused = answer.json["results"][1]
    assert refused["distinct_id"] == "d-2" and [each["pointer"] for each in refused["errors"]] == [
        "/timestamp",
        "/properties",
    ]
    kept = {each["rejection_id"]: each for each in api.get("/rejections/v1")["rejections"]}
    assert set(kept) == {
        each["rejection_id"] for each in answer.json["results"] if each["status"] == "refused"
    }
    mine = kept[refused["rejection_id"]]
    assert (
        json.loads(mine["body"]) == event("d-2", timestamp="soon", properties=[])
        and mine["problem"]["errors"] == refused["errors"]
    )
    again = api("POST", f"/rejections/v1/{refused['rejection_id']}/replay", event("d-2"))
    assert again.status_int == 201 and api.rows("select distinct_id from events order by 1") == [
        ("d-1",),
        ("d-2",),
        ("d-3",),
    ]


def test_a_batch_of_which_nothing_is_right_is_a_422(api):
    answer = batch(api, [{}, {"event_name": "x"}])
    assert (answer.status_int, statuses(answer)) == (422, ["refused", "refused"])
    assert api.rows("select count(*) from rejections") == [(2,)] and api.rows(
        "select count(*) from events"
    ) == [(0,)]


def test_an_atomic_batch_stores_all_or_nothing(api):
    answer = batch(api, [event("d-1"), {}, event("d-2")], "?atomic=true")
    assert (answer.status_int, statuses(answer)) == (422, ["not_stored", "refused", "not_stored"])
    assert api.rows("select count(*) from events") == [(0,)] and api.rows(
        "select count(*) from rejections"
    ) == [(1,)]
    assert batch(api, [event("d-1"), event("d-2")], "?atomic=true").status_int == 200
    assert api.rows("select count(*) from events") == [(2,)]


def test_a_batch_with_a_misspelt_option_stores_no_part(api):
    answer = batch(api, [event("d-1"), {}], "?atmic=true")
    assert answer.status_int == 422 and [
        (each["pointer"], each["code"]) for each in answer.json["errors"]
    ] == [("?atmic", "unknown")]
    assert api.rows("select count(*) from events") == [(0,)]


@pytest.mark.parametrize(
    "kind", ["application/x-ndjson", "application/x-www-form-urlencoded", "text/plain", ""]
)
def test_lines_are_a_batch_too(api, kind):
    lines = [
        json.dumps(event("d-1")),
        "",
        json.dumps(event("d-2")),
        '{"event_name": ',
        "  ",
        '"text"',
    ]
    answer = batch(api, ("\ufeff" + "\r\n".join(lines)).encode(), kind=kind)
    assert (answer.status_int, statuses(answer)) == (
        207,
        ["created", "created", "refused", "refused"],
    )
    assert [each["errors"][0]["code"] for each in answer.json["results"][2:]] == [
        "not_json",
        "object_type",
    ]
    assert api.rows("select cast(body as text) from rejections") == [
        ('{"event_name": \r',),
        ('"text"',),
    ]


@pytest.mark.parametrize(
    "body, status, code",
    [
        (b"", 400, "empty"),
        (b"[", 400, "not_json"),
        (b"{}", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"\xff", 400, "not_json"),
        (json.dumps([event()] * 1001).encode(), 422, "invalid"),
        (b"[" + b" " * (4 << 20) + b"]", 413, "too_large"),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(api, body, status, code):
    answer = batch(api, body)
    assert (answer.status_int, answer.json["code"]) == (status, code)
    assert api.rows("select count(*) from events") == [(0,)] and api.rows(
        "select count(*) from rejections"
    ) == [(1,)]


def test_a_batch_of_1000_events_may_be_larger_than_one_event(api):
    answer = batch(
        api, [event(f"d-{number}", properties={"text": "x" * 3_000}) for number in range(1000)]
    )
    assert answer.status_int == 200 and api.rows("select count(*) from events") == [(1000,)]


def test_a_key_for_one_location_stores_only_its_events_of_a_batch(api):
    answer = batch(
        api, [event("d-1"), event("d-1", location_id="loc-2")], key=api.key(locations=["loc-1"])
    )
    assert (answer.status_int, statuses(answer)) == (207, ["created", "refused"])
    assert answer.json["results"][1]["errors"][0]["code"] == "location_not_allowed"
    assert api.rows("select location_id from events") == [("loc-1",)]


def test_a_key_may_generate_the_distinct_ids_of_a_batch(api):
    item = {"event_name": "Offer Made", "location_id": "loc-1"}
    answer = batch(api, [item, item], key=api.key(distinct_id_rule="generate"))
    assert (
        statuses(answer) == ["created", "created"]
        and answer.json["results"][0]["warnings"][0]["code"] == "distinct_id_generated"
    )
    assert len({each["distinct_id"] for each in answer.json["results"]}) == 2
    assert [
        each["warnings"][0]["code"]
        for each in map(
            lambda row: {"warnings": json.loads(row[0])}, api.rows("select warnings from events")
        )
    ] == ["distinct_id_generated"] * 2
