"""Posting events: one, many, again, and what their senders are told."""

import json

import pytest
from conftest import NOW, Api, broken_relations, event

TS = "2026-01-01T00:00:00.000Z"
FIRST = event(contact_id="c-1", timestamp=NOW - 1000, properties={"value": 100, "source": "a"})


def codes(answer) -> list[str]:
    return [each["code"] for each in answer.json["warnings"]]


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
    listed = answer.json["event"] | {"contact_name": None, "warnings": []}
    assert api.get("/events/v1/1") == listed
    assert api.get("/events/v1")["events"] == [listed]


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
        ({"timestamp": 1_000_000_000}, "unchanged", {}, ["timestamp_kept"]),
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
            {
                "event_name": "Paid",
                "contact_id": "c-2",
                "timestamp": "1970-01-01",
                "properties": {},
            },
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
    details = {"contact_name": None, "warnings": answer.json["warnings"]}
    assert detail == first | stored | changed | details
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
    for table in ("events_with_texts", "contacts_with_texts", "locations", "event_names"):
        assert together.rows(f"select * from {table}") == alone.rows(f"select * from {table}")
    assert broken_relations(together.app.database.writer) == []
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
        # The newest, at first: its id is not given again.
        api.rows("delete from events where distinct_id = 'd-3'")
    assert statuses(answer) == ["created", "updated", "unchanged", "created", "updated"]


def test_a_batch_stores_what_is_right_and_keeps_the_rest_one_by_one(api):
    answer = batch(
        api,
        [
            event("d-1"),
            event("d-2", timestamp="soon", properties=[1]),
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
        json.loads(mine["body"]) == event("d-2", timestamp="soon", properties=[1])
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
    assert api.rows("select location_id from events_with_texts") == [("loc-1",)]


def test_a_key_may_generate_the_distinct_ids_of_a_batch(api):
    item = {"event_name": "Offer Made", "location_id": "loc-1"}
    answer = batch(api, [item, item], key=api.key(distinct_id_rule="generate"))
    assert (
        statuses(answer) == ["created", "created"]
        and answer.json["results"][0]["warnings"][0]["code"] == "distinct_id_generated"
    )
    assert len({each["distinct_id"] for each in answer.json["results"]}) == 2
    stored = [json.loads(warnings) for (warnings,) in api.rows("select warnings from events")]
    assert [warnings[0]["code"] for warnings in stored] == ["distinct_id_generated"] * 2
