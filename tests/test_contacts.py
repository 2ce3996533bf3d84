"""Contacts and locations: how they come, what changes them, what goes with them."""

import json
import shutil
import signal
import subprocess
import threading
from contextlib import closing
from itertools import permutations
from urllib.parse import quote

import apsw
import pytest
from conftest import (
    INGEST,
    NOW,
    PERSON,
    PLACE,
    TABLES,
    Answers,
    Api,
    broken_relations,
    errors,
    event,
    exchange,
    ingest,
    offer,
    request_bytes,
    sample,
    store_events,
    tables,
    wait_until,
    workflow,
)
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import streamlined_lite as lite

APP = ["ContactCreate", "ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"]


def dated(second: int) -> str:
    """A moment of the day before, as an app's webhook dates itself."""
    return f"2025-12-31T00:{second // 60:02}:{second % 60:02}.000Z"


def webhook(kind: str = "ContactUpdate", **fields) -> dict:
    return {"type": kind, "locationId": "loc-1", "id": "c-1"} | fields


def put(api, body, path: str = "loc-1/c-1", **rest):
    answer = api("PUT", f"/contacts/v1/{path}", body, **rest)
    assert answer.status_int in (200, 201), answer.text
    return answer.json


def contact(api, path: str = "loc-1/c-1") -> dict:
    return api.get(f"/contacts/v1/{path}")


def found(api, path: str) -> list[str]:
    return [each["contact_id"] for each in api.get(path)["contacts"]]


def known(api, location: str = "loc-1") -> dict:
    """All that bodies decided about the location's contacts; when they arrived is not it."""
    stored = api.rows(
        "select contact_id, c.name, email, phone, source, type, date_created, as_of, fields, "
        "field_times, (select group_concat(tag order by tag) from contact_tags "
        "where contact_key = c.contact_key) "
        "from contacts as c join locations using (location_key) where location_id = ?",
        [location],
    )
    return {
        contact_id: (*columns, json.loads(fields), json.loads(field_times), tags)
        for contact_id, *columns, fields, field_times, tags in stored
    }


# Around an event


def test_an_event_brings_its_contact(api):
    answer = api.post(
        sample("workflow-webhook-custom-fields", event_name="Offer Made", distinct_id="d-1")
    )
    assert [each["code"] for each in answer.json["warnings"]] == ["contact_from_body"]
    got = contact(api, f"{PLACE}/{PERSON}")
    assert {
        name: got[name]
        for name in (
            "name",
            "email",
            "phone",
            "source",
            "type",
            "date_created",
            "tags",
            "as_of",
            "events",
        )
    } == {
        "name": "test",
        "email": "person@example.com",
        "phone": "+15555550100",
        "source": "initial wedding form",
        "type": "lead",
        "date_created": "2025-04-07T17:30:43.734Z",
        "tags": [],
        "as_of": None,
        "events": 1,
    }
    assert got["fields"] == {
        "Wedding Date": "2025-05-09",
        "Wedding Venue": "1 Example Place, Exampleville FL 00000",
        "Last Invoice ID": "000000000000000000000001",
        "How would you like to pay?": "Payment Plan",
        "How many instalments would you like to pay in?": "4",
        "Spouse's Name": "e",
        "Initial Venue Date": "2025-05-09",
        "Initial Payment": "4525",
        "Due Amount": "1131.0",
        "Payment Discounts": "0",
        "Total Distance Miles": "Miles (0): $0",
        "Product Items": '{"subtotal":4525,"milesPrice":0,'
        '"items":[{"title":"Package","price":2500,"quantity":1}]}',
        "No of Photographer": 1,
        "No of VideoGrapher": 1,
        "Wedding Package": "PEARL",
        "first_name": "test",
        "address1": "1 Example Place",
        "city": "Exampleville",
        "state": "FL",
        "country": "US",
        "timezone": "Asia/Karachi",
        "postal_code": "00000",
        "full_address": "1 Example Place, Exampleville FL 00000",
    }
    assert api.get("/locations/v1")["locations"] == [
        {
            "location_id": PLACE,
            "name": "Example Location",
            "timezone": None,
            "first_seen_at": "2026-01-01T00:00:00.000Z",
        }
    ]


def test_the_opportunity_and_other_objects_are_not_the_contacts(api):
    api.post(
        sample("workflow-webhook-opportunity", distinct_id="d-1")
        | {
            "user": {"firstName": "x"},
            "invoice": {"name": "y"},
            "calendar": {"id": "z"},
            "lead_value": 5,
            "list": [{"a": 1}],
            "none": None,
        }
    )
    got = contact(api, f"{PLACE}/{PERSON}")
    assert (got["name"], got["source"]) == ("Fname Lname", "internal - testing")
    assert got["fields"] == {"first_name": "Fname", "last_name": "Lname", "country": "AU"}


@pytest.mark.parametrize(
    "body, expected",
    [
        ({"full_name": "Ann Lee", "first_name": "A"}, {"name": "Ann Lee"}),
        ({"full_name": " ", "name": "Ann"}, {"name": "Ann"}),
        ({"first_name": " Ann ", "last_name": "Lee"}, {"name": "Ann Lee"}),
        ({"first_name": "", "last_name": "Lee"}, {"name": "Lee"}),
        ({"first_name": {"a": 1}, "last_name": None}, {"name": None}),
        ({"full_name": 7}, {"name": "7"}),
        ({"date_created": 1735689600}, {"date_created": "2025-01-01T00:00:00.000Z"}),
        (
            {"date_created": "2025-01-01T02:00:00+02:00"},
            {"date_created": "2025-01-01T00:00:00.000Z"},
        ),
        ({"tags": "vip, new ,,vip, "}, {"tags": ["new", "vip"]}),
        ({"tags": ["b", "a", "b", ""]}, {"tags": ["a", "b"]}),
        ({"tags": "ü, 5, it's"}, {"tags": ["5", "it's", "ü"]}),
        (
            {"Bride's Name ": "E", 'the "best" /~ day': 3, " rate": 0.5, "vegan": True},
            {"fields": {"Bride's Name": "E", 'the "best" /~ day': 3, "rate": 0.5, "vegan": True}},
        ),
        (
            {"Colours": ["red", "blue", 3], "None": [], "Files": [{"url": "x"}]},
            {"fields": {"Colours": "red, blue, 3"}},
        ),
        (
            {"Email": "mine", "Timezone": "mine", "": "x", " ": "x"},
            {"email": None, "fields": {"Email": "mine", "Timezone": "mine"}},
        ),
    ],
)
@pytest.mark.parametrize("around", [True, False], ids=["around an event", "alone"])
def test_contact_fields_are_read(api, body, expected, around):
    api.post(offer(**body)) if around else ingest(api, workflow(**body))
    got = contact(api)
    assert {name: got[name] for name in expected} == expected


def test_blanks_erase_nothing_and_tags_are_the_full_set(api):
    full = {
        "full_name": "Ann",
        "email": "a@b.c",
        "phone": "1",
        "contact_source": "s",
        "contact_type": "lead",
        "tags": "a,b",
        "date_created": "2025-01-01T00:00:00Z",
        "timezone": "Europe/Berlin",
        "Plan": "gold",
    }
    ingest(api, workflow(**full))
    before = tables(api)
    for blank in ("", "  ", None):
        assert (
            ingest(api, workflow(**dict.fromkeys(full, blank) | {"tags": "b,a"}))["status"]
            == "unchanged"
        )
    assert (
        ingest(api, workflow())["status"]
        == ingest(api, workflow(tags=None))["status"]
        == "unchanged"
    )
    assert tables(api) == before
    assert ingest(api, workflow(tags="b, c"))["contact"]["tags"] == ["b", "c"]
    assert ingest(api, workflow(tags=""))["contact"]["tags"] == []
    assert contact(api)["name"] == "Ann"


@pytest.mark.parametrize(
    "body, pointers",
    [
        ({"tags": [1, 2]}, ["/tags"]),
        ({"tags": {"a": 1}, "date_created": "2026-02-30"}, ["/date_created", "/tags"]),
        ({"tags": [f"t{n}" for n in range(10_000)]}, ["/tags"]),
        ({"timezone": "Mars/Olympus"}, ["/timezone"]),
        (
            {"email": {"a": 1}, "phone": "\0", "Big": 10**30, "a/b": "\0"},
            ["/email", "/phone", "/Big", "/a~1b"],
        ),
        ({"contact_type": "x" * 10_001, "timestamp": "soon"}, ["/contact_type", "/timestamp"]),
        ({f"f{n}": n for n in range(2_001)} | {"f7": 10**30}, None),
        (
            {"location": {"id": "loc-1", "name": ["x"], "timezone": "Mars/Olympus"}},
            ["/location/name", "/location/timezone"],
        ),
    ],
)
def test_a_wrong_contact_field_does_not_lose_the_event(api, body, pointers):
    put(api, {"name": "Old", "tags": ["old"], "date_created": "2020-01-01"})
    answer = api.post(offer(full_name="New", **body))
    assert answer.status_int == 201
    told = [
        each["message"].partition(": ")[0]
        for each in answer.json["warnings"]
        if each["code"] == "contact_field_ignored"
    ]
    assert told and (pointers is None or sorted(told) == sorted(pointers))
    got = contact(api)
    assert (got["name"], got["tags"], got["date_created"], got["email"], got["events"]) == (
        "New",
        ["old"],
        "2020-01-01T00:00:00.000Z",
        None,
        1,
    )
    assert not got["fields"].keys() & {"Big", "a/b", "f7", "timezone"}
    assert api.get("/rejections/v1")["rejections"] == []


def test_another_contact_of_customdata_leaves_the_fields_where_they_belong(api):
    body = offer(full_name="Ann")
    body["customData"]["contact_id"] = "c-2"
    api.post(body)
    assert (contact(api)["name"], contact(api)["events"]) == ("Ann", 0)
    assert (contact(api, "loc-1/c-2")["name"], contact(api, "loc-1/c-2")["events"]) == (None, 1)


def test_an_event_may_come_before_its_contact(api, clock):
    api.post(event(contact_id=PERSON, location_id=PLACE))
    assert contact(api, f"{PLACE}/{PERSON}")["name"] is None
    clock.advance(1000)
    assert ingest(api, sample("app-ContactCreate"))["status"] == "updated"
    got = contact(api, f"{PLACE}/{PERSON}")
    assert (got["name"], got["events"], got["created_at"], got["updated_at"]) == (
        "Example Person",
        1,
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:01.000Z",
    )


# App webhooks and sync steps


@pytest.mark.parametrize("kind", APP)
def test_an_apps_webhook_is_the_contact(api, kind):
    body = sample("app-ContactTagUpdate") | {
        "type": kind,
        "timestamp": "2025-12-29T13:52:04.212Z",
        "timezone": "Etc/GMT+12",
    }
    answer = ingest(api, body)
    assert answer["status"] == "created" and answer["warnings"] == []
    assert answer["contact"] == {
        "location_id": PLACE,
        "contact_id": PERSON,
        "name": "Example Person",
        "email": "person@example.com",
        "phone": "+15555550100",
        "source": "xyz form",
        "type": None,
        "tags": ["tag one", "tag two"],
        "fields": {
            "address1": "1 Example St",
            "city": "Exampleville",
            "state": "AL",
            "company_name": "Example Co",
            "country": "DE",
            "date_of_birth": "2000-01-05T00:00:00.000Z",
            "dnd": True,
            "first_name": "Example",
            "last_name": "Person",
            "postal_code": "00000",
            "website": "https://www.example.com/",
            "assigned_to": "USERidPLACEHOLDER001",
            "CUSTOMFIELDidPLACE01": "XYZ Corp",
            "timezone": "Etc/GMT+12",
        },
        "date_created": "2021-11-26T12:41:02.193Z",
        "as_of": "2025-12-29T13:52:04.212Z",
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }
    assert api.get("/locations/v1")["locations"][0]["timezone"] is None


def test_custom_fields_of_an_app_go_by_their_ids(api):
    given = [
        {"id": "a", "value": "1"},
        {"id": "b", "value": ["x", "y"]},
        {"id": "c", "value": {"url": 1}},
        {"id": "d", "value": ""},
        {"id": "e", "fieldValue": 2},
        {"value": "no id"},
        "no object",
    ]
    assert ingest(api, webhook(customFields=given))["contact"]["fields"] == {
        "a": "1",
        "b": "x, y",
        "e": 2,
    }
    assert ingest(api, webhook(customFields=None, tags=None))["status"] == "unchanged"


@pytest.mark.parametrize(
    "body",
    [
        webhook("ContactDelete"),
        sample("app-ContactDelete") | {"locationId": "loc-1", "id": "c-1"},
        webhook("ContactDelete", tags=5, timestamp="soon"),
        workflow(customData={"action": "delete"}),
        workflow(customData={" action ": " Delete "}, tags=5),
        workflow(customData={"action": "delete", "note": "x"}, location={}, location_id="loc-1"),
        {"contact_id": "c-1", "location_id": "loc-1", "customData": {"action": "delete"}},
    ],
)
def test_a_deletion_takes_the_contact_and_all_that_is_its(api, body):
    put(api, {"tags": ["a", "b"]})
    for n in range(3):
        api.post(event(f"d-{n}", contact_id="c-1"))
    before, key = tables(api), api.key(scope="ingest")
    refused = api("POST", INGEST, body, key=key)
    assert (refused.status_int, refused.json["code"]) == (403, "scope")
    assert tables(api) == before and api.get("/rejections/v1")["rejections"][0]["code"] == "scope"
    assert ingest(api, body, key=api.key(scope="sync")) == {
        "status": "deleted",
        "events": 3,
        "tags": 2,
        "rejections": 1,
        "warnings": [],
    }
    again = ingest(api, body)
    assert again["status"] == "unchanged" and again["warnings"][0]["code"] == "contact_unknown"
    assert tables(api, "contacts", "contact_tags", "events", "rejections") == [[], [], [], []]


@pytest.mark.parametrize(
    "body",
    [
        webhook("OpportunityCreate"),
        webhook("ContactMerge"),
        webhook("contactcreate"),
        webhook("x" * 200),
        {
            "type": "LocationCreate",
            "id": "loc-1",
            "companyId": "co",
            "name": "Shop",
            "timezone": "Europe/Berlin",
        },
        {"type": "INSTALL", "appId": "app", "companyId": "co"},
        {"type": "AppointmentCreate", "locationId": "loc-1", "appointment": {"id": 1}},
    ],
)
def test_other_webhook_types_are_ignored_and_named(api, body):
    assert ingest(api, body, key=api.key()) == {
        "status": "ignored",
        "type": body["type"][:100],
        "warnings": [],
    }
    assert tables(api) == [[], [], [], []] and api.get("/rejections/v1")["rejections"] == []


def test_another_action_than_delete_is_refused_since_nobody_would_see_it_ignored(api):
    answer = api("POST", INGEST, sample("workflow-webhook-minimal", **{" Action": "deleted"}))
    assert answer.status_int == 422 and answer.json["errors"][0]["pointer"] == "/customData/ Action"
    assert api.rows("select * from contacts") == [] and answer.json["rejection_id"]


def test_the_contact_that_the_workflow_names_is_deleted_and_not_the_one_around(api):
    ingest(api, workflow(contact_id="c-1"))
    ingest(api, workflow(contact_id="c-2"))
    assert (
        ingest(
            api,
            workflow(contact_id="c-1") | {"customData": {"action": "delete", "contact_id": "c-2"}},
        )["status"]
        == "deleted"
    )
    assert api.rows("select contact_id from contacts") == [("c-1",)]


def test_what_customdata_holds_is_not_stored_and_named(api):
    answer = ingest(api, sample("workflow-webhook-opportunity", action=""))
    assert answer["status"] == "created" and answer["warnings"][0]["code"] == "unknown_fields"
    assert "customData.event_name" in answer["warnings"][0]["message"]
    assert api.rows("select * from events") == []


def test_a_form_is_a_contact_too(api):
    answer = ingest(
        api,
        b"contact_id=c-1&location_id=loc-1&full_name=Ann+Lee&tags=a%2Cb&Plan=gold",
        kind="application/x-www-form-urlencoded",
    )
    assert (answer["contact"]["name"], answer["contact"]["tags"], answer["contact"]["fields"]) == (
        "Ann Lee",
        ["a", "b"],
        {"Plan": "gold"},
    )


def test_a_key_may_stand_in_the_url_and_is_kept_nowhere(api):
    key = api.key(scope="sync")
    answer = api("POST", f"{INGEST}?api_key={key}&x=1", workflow(contact_id={}), key=None)
    assert answer.status_int == 422 and api.get("/rejections/v1")["rejections"][0]["query"] == "x=1"


TAGS_10_000 = [f"t{n}" for n in range(10_000)]
WRONG = [
    ("POST", {}, {"/location_id": "required", "/contact_id": "required"}),
    (
        "POST",
        {"email": "a@b.c", "tags": 5},
        {"/location_id": "required", "/contact_id": "required", "/tags": "tags"},
    ),
    (
        "POST",
        workflow(contact_id=" ", location={"id": None}),
        {"/location/id": "required", "/contact_id": "required"},
    ),
    ("POST", sample("custom-webhook"), {"/location_id": "required", "/contact_id": "required"}),
    (
        "POST",
        workflow(contact_id="{{contact.id}}", location={"id": "{{location.id}}"}),
        {"/location/id": "unresolved_merge_field", "/contact_id": "unresolved_merge_field"},
    ),
    (
        "POST",
        workflow(contact_id=["x"], location={"id": True}),
        {"/location/id": "not_text", "/contact_id": "not_text"},
    ),
    ("POST", {"type": "ContactCreate"}, {"/locationId": "required", "/id": "required"}),
    (
        "POST",
        {"type": "ContactDelete", "locationId": "{{location.id}}", "id": "x" * 1001},
        {"/locationId": "unresolved_merge_field", "/id": "too_long"},
    ),
    (
        "POST",
        {"contact_id": "", "location": 5, "customData": {"action": "delete"}},
        {"/location_id": "required", "/contact_id": "required"},
    ),
    ("POST", [workflow()], {"": "object_type"}),
    ("PUT", [], {"": "object_type"}),
    (
        "PUT",
        {
            "name": "",
            "email": 1.5,
            "tags": [1],
            "date_created": "2026-02-30",
            "fields": {"timezone": "Mars/Olympus", "x": [1]},
        },
        {
            "/name": "blank",
            "/email": "not_text",
            "/tags": "tags",
            "/date_created": "timestamp",
            "/fields/timezone": "time_zone",
            "/fields/x": "property_type",
        },
    ),
    ("PUT", {"tags": TAGS_10_000, "fields": 5}, {"/tags": "too_many", "/fields": "object_type"}),
    (
        "PUT",
        {"tags": 5, "fields": {"timezone": 5}},
        {"/tags": "tags", "/fields/timezone": "time_zone"},
    ),
]


# Of a body that says whose contact it is, what is right is stored.
UNREADABLE = [
    (workflow(tags=[1, 2]), {"/tags": "tags"}),
    (workflow(tags=12), {"/tags": "tags"}),
    (workflow(tags=False), {"/tags": "tags"}),
    (workflow(tags={"a": 1}), {"/tags": "tags"}),
    (workflow(tags=[{"name": "a"}]), {"/tags": "tags"}),
    (workflow(tags=["a", None]), {"/tags": "tags"}),
    (workflow(tags=TAGS_10_000), {"/tags": "too_many"}),
    (workflow(tags=",".join(TAGS_10_000)), {"/tags": "too_many"}),
    (workflow(tags=["x" * 1001]), {"/tags": "too_long"}),
    (workflow(tags="a\0"), {"/tags": "nul_character"}),
    (workflow(date_created="2026-02-30T00:00:00Z"), {"/date_created": "timestamp"}),
    (workflow(date_created="yesterday"), {"/date_created": "timestamp"}),
    (workflow(date_created="0000-01-01"), {"/date_created": "timestamp"}),
    (workflow(date_created="1900-01-01"), {"/date_created": "timestamp_range"}),
    (workflow(date_created=[2026]), {"/date_created": "timestamp"}),
    (workflow(timezone="Mars/Olympus"), {"/timezone": "time_zone"}),
    (workflow(timezone=5), {"/timezone": "time_zone"}),
    (workflow(timezone="../../etc/passwd"), {"/timezone": "time_zone"}),
    (
        workflow(location={"id": "loc-1", "timezone": "Europe"}),
        {"/location/timezone": "time_zone"},
    ),
    (workflow(**{f"f{n}": n for n in range(2_001)}), {"/fields": "too_long"}),
    (
        workflow(
            email=["x"],
            phone={},
            full_name=True,
            timestamp="soon",
            tags=[1],
            date_created="x",
            timezone="x",
            **{"a/b": 10**30},
        ),
        {
            "/email": "not_text",
            "/phone": "not_text",
            "/full_name": "not_text",
            "/timestamp": "timestamp",
            "/tags": "tags",
            "/date_created": "timestamp",
            "/timezone": "time_zone",
            "/a~1b": "number_too_large",
        },
    ),
    (
        webhook(
            tags=[5],
            dateAdded="x",
            timezone="x",
            timestamp="x",
            name=[],
            postalCode=10**30,
            customFields=[{"id": "q", "value": "\0"}],
        ),
        {
            "/tags": "tags",
            "/dateAdded": "timestamp",
            "/timezone": "time_zone",
            "/timestamp": "timestamp",
            "/name": "not_text",
            "/postalCode": "number_too_large",
            "/customFields/0/value": "nul_character",
        },
    ),
]


@pytest.mark.parametrize("body, wrong", UNREADABLE)
def test_what_cannot_be_read_of_a_contact_is_named_and_the_rest_is_stored(api, body, wrong):
    put(api, {"name": "Old", "tags": ["old"], "fields": {"Plan": "gold"}})
    answer = ingest(api, {"country": "US", "Colour": "red"} | body)
    told = [each["message"].partition(": ") for each in answer["warnings"]]
    assert {each["code"] for each in answer["warnings"]} == {"contact_field_ignored"}
    assert sorted(pointer for pointer, _, _ in told) == sorted(wrong)
    assert all(message for _, _, message in told)
    got = contact(api)
    assert (got["name"], got["tags"], got["date_created"]) == ("Old", ["old"], None)
    too_many = wrong == {"/fields": "too_long"}
    right = {} if too_many else {"country": "US", "Colour": "red"}
    assert got["fields"] == {"Plan": "gold"} | right
    assert api.get("/rejections/v1")["rejections"] == []


@pytest.mark.parametrize("method, body, wrong", WRONG)
def test_a_wrong_contact_is_refused_with_all_errors_kept_and_changes_nothing(
    api, method, body, wrong
):
    put(api, {"name": "Old", "tags": ["old"], "fields": {"Plan": "gold"}})
    before = tables(api)
    answer = api(method, INGEST if method == "POST" else "/contacts/v1/loc-1/c-1", body)
    assert errors(answer) == wrong
    assert tables(api) == before
    (kept,) = api.get("/rejections/v1")["rejections"]
    assert (
        kept["rejection_id"] == answer.json["rejection_id"]
        and kept["problem"]["errors"] == answer.json["errors"]
    )
    assert kept["truncated"] or json.loads(kept["body"]) == body


@pytest.mark.parametrize(
    "data, status",
    [(b"", 400), (b"{", 400), (b'{"tags": [NaN]}', 400), (b"\xff\xfe", 400), (b"[" * 10_000, 400)],
)
def test_a_contact_body_that_cannot_be_read_is_kept(api, data, status):
    assert api("POST", INGEST, data).status_int == status
    assert len(api.get("/rejections/v1")["rejections"]) == 1 and tables(api) == [[], [], [], []]


def test_a_refused_contact_can_be_mended_and_sent_again(api, clock):
    refused = api("POST", INGEST, workflow(contact_id={})).json["rejection_id"]
    clock.advance(1000)
    put(api, {"name": "Ann"})
    assert api("POST", f"/rejections/v1/{refused}/replay", workflow(tags=["a"])).status_int == 200
    assert (contact(api)["tags"], contact(api)["updated_at"]) == (["a"], "2026-01-01T00:00:01.000Z")


# Order and repeats

DATED = [
    sample("app-ContactCreate") | {"timestamp": "2025-12-29T13:52:04.212Z"},
    sample("app-ContactTagUpdate") | {"timestamp": "2025-12-29T13:50:00.000Z"},
    sample("app-ContactTagUpdate")
    | {
        "type": "ContactUpdate",
        "timestamp": "2025-12-29T13:55:00.000Z",
        "city": "Newtown",
        "tags": ["three"],
    },
]


def test_dated_sample_bodies_end_in_one_state_in_whatever_order_and_number(api, clock):
    ends = []
    for n, order in enumerate(sorted(set(permutations([0, 0, 1, 1, 2, 2])))):
        for index in order:
            clock.advance(1)
            ingest(api, DATED[index] | {"locationId": f"loc-{n}"})
        ends.append(known(api, f"loc-{n}"))
        for _ in range(2):
            ingest(api, sample("app-ContactDelete") | {"locationId": f"loc-{n}"})
    assert len(ends) == 90 and all(each == ends[0] for each in ends)
    assert tables(api, "contacts", "contact_tags") == [[], []]
    assert ends[0][PERSON][-1] == "three" and ends[0][PERSON][-3]["city"] == "Newtown"


SUBSETS = [
    webhook(timestamp=dated(10), name="A", tags=["a"], city="A"),
    webhook(timestamp=dated(20), email="b@b", city="B"),
    webhook(timestamp=dated(30), tags=[], phone="3", city=""),
    webhook(timestamp=dated(40), firstName="D", customFields=[{"id": "city", "value": "D"}]),
    webhook(timestamp=dated(25), source="E", name="E"),
]


def test_dated_bodies_with_different_fields_end_in_one_state_in_every_order(api, clock):
    ends = []
    for n, order in enumerate(permutations(SUBSETS)):
        for body in order:
            clock.advance(1)
            ingest(api, body | {"locationId": f"loc-{n}"})
        ends.append(known(api, f"loc-{n}"))
    assert len(ends) == 120 and all(each == ends[0] for each in ends)
    got = contact(api, "loc-7/c-1")
    assert (
        got["name"],
        got["email"],
        got["phone"],
        got["source"],
        got["tags"],
        got["fields"]["city"],
        got["as_of"],
    ) == ("D", "b@b", "3", "E", [], "D", dated(40))


def test_an_older_body_fills_in_only_what_newer_ones_did_not_say(api):
    ingest(api, webhook(timestamp=dated(20), name="New"))
    answer = ingest(api, webhook(timestamp=dated(10), name="Old", email="a@b.c"))
    assert (answer["status"], answer["contact"]["name"], answer["contact"]["email"]) == (
        "updated",
        "New",
        "a@b.c",
    )
    assert answer["contact"]["as_of"] == dated(20)


def test_an_undated_body_applies_on_arrival_and_moves_no_clock(api):
    ingest(api, webhook(timestamp=dated(20), name="Dated"))
    assert ingest(api, workflow(full_name="Undated"))["contact"]["name"] == "Undated"
    assert contact(api)["as_of"] == dated(20)
    assert ingest(api, webhook(timestamp=dated(19), name="Older"))["contact"]["name"] == "Undated"
    assert ingest(api, webhook(timestamp=dated(20), name="Dated"))["status"] == "unchanged"
    assert put(api, {"name": "Put"})["contact"]["name"] == "Put"
    assert ingest(api, webhook(timestamp=dated(21), name="Newer"))["contact"]["name"] == "Newer"


@pytest.mark.parametrize(
    "body",
    [
        DATED[0],
        sample("app-ContactTagUpdate"),
        sample("workflow-webhook-minimal"),
        sample("workflow-webhook-custom-fields"),
        sample("workflow-webhook-opportunity"),
        webhook(timestamp=dated(5)),
        workflow(n=0.5, b=False, d=-0.0),
    ],
)
def test_a_repeated_body_changes_nothing(api, clock, body):
    assert ingest(api, body)["status"] == "created"
    before = tables(api)
    clock.advance(60_000)
    for _ in range(2):
        assert ingest(api, body)["status"] == "unchanged"
    assert tables(api) == before


# Clocks that are ahead


def codes(answer: dict) -> list[str]:
    return [each["code"] for each in answer["warnings"]]


@pytest.mark.parametrize("way", ["app", "sync", "event", "put", "import"])
def test_a_body_of_a_clock_that_is_ahead_is_dated_at_its_arrival(api, clock, way):
    """Else the contact would be deaf until then."""
    ahead = "2036-01-01T00:00:00Z"
    if way == "app":
        answer = ingest(api, webhook(timestamp=ahead, name="Ahead"))
    elif way == "sync":
        answer = ingest(api, workflow(timestamp=ahead, full_name="Ahead"))
    elif way == "event":
        answer = api.post(offer(timestamp=ahead, full_name="Ahead")).json
    elif way == "put":
        answer = put(api, {"name": "Ahead", "as_of": ahead})
    else:
        fields = {"location_id": "loc-1", "contact_id": "c-1", "name": "Ahead", "as_of": ahead}
        with api.app.database.turn():
            answer = lite.store_contact_record(api.app.database.writer, fields, NOW)
    dated_ahead = way != "put"  # which has no date, whatever the body of a GET says
    assert ("date_ahead" in codes(answer)) is dated_ahead
    assert contact(api)["as_of"] == ("2026-01-01T00:00:00.000Z" if dated_ahead else None)
    clock.advance(1000)
    later = ingest(api, webhook(timestamp="2026-01-01T00:00:00.500Z", name="Later"))
    assert (later["contact"]["name"], codes(later)) == ("Later", [])


def test_clocks_that_differ_by_seconds_are_no_news(api, clock):
    answer = ingest(api, webhook(timestamp="2026-01-01T00:00:59Z", name="A"))
    assert answer["warnings"] == [] and answer["contact"]["as_of"] == "2026-01-01T00:00:00.000Z"
    assert codes(ingest(api, webhook(timestamp="2026-01-01T00:02:00Z"))) == ["date_ahead"]


def test_a_replayed_body_of_a_clock_that_is_ahead_is_dated_at_its_refusal(api, clock):
    body = webhook(timestamp="2036-01-01T00:00:00Z", name="Ahead")
    refused = api("POST", INGEST, body, key=api.key(locations=["x"])).json["rejection_id"]
    clock.advance(60_000)
    ingest(api, webhook(timestamp="2026-01-01T00:00:30Z", name="Later"))
    answer = api("POST", f"/rejections/v1/{refused}/replay").json
    assert (answer["contact"]["name"], codes(answer)) == ("Later", ["date_ahead"])


def test_a_contact_that_an_earlier_release_made_deaf_hears_again(api, clock):
    ingest(api, webhook(timestamp=dated(1), name="Ahead", email="a@b.c", tags=["old"]))
    api.rows(
        "update contacts set as_of = 2082758400000, "
        "field_times = json_set(field_times, '$.name', 2082758400000, '$.tags', 2082758400000)"
    )
    clock.advance(60_000)
    heard = ingest(api, webhook(timestamp="2026-01-01T00:00:30Z", name="Heard", tags=["new"]))
    assert (heard["status"], heard["contact"]["name"], heard["contact"]["tags"]) == (
        "updated",
        "Heard",
        ["new"],
    )
    assert heard["contact"]["as_of"] == "2026-01-01T00:00:30.000Z"
    older = ingest(api, webhook(timestamp=dated(0), name="Older", email="old@b.c"))
    assert (older["contact"]["name"], older["contact"]["email"]) == ("Heard", "a@b.c")


def test_an_event_of_the_future_keeps_its_time(api):
    stored = api.post(event(timestamp="2036-01-01T00:00:00Z")).json
    assert (stored["event"]["timestamp"], stored["warnings"]) == ("2036-01-01T00:00:00.000Z", [])


def test_true_is_not_one(api):
    put(api, {"fields": {"a": 1}})
    assert put(api, {"fields": {"a": True}})["contact"]["fields"]["a"] is True
    assert put(api, {"fields": {"a": 1}})["contact"]["fields"]["a"] is not True


def test_a_custom_field_has_a_clock_of_its_own(api):
    ingest(
        api,
        webhook(
            timestamp=dated(20), email="a@b.c", customFields=[{"id": "phone", "value": "custom"}]
        ),
    )
    got = ingest(
        api,
        webhook(timestamp=dated(10), phone="1", customFields=[{"id": "email", "value": "custom"}]),
    )["contact"]
    assert (got["email"], got["phone"], got["fields"]) == (
        "a@b.c",
        "1",
        {"phone": "custom", "email": "custom"},
    )


def test_a_delete_always_deletes_and_later_arrivals_make_the_contact_anew(api):
    late, early = sample("app-ContactCreate"), sample("app-ContactDelete")
    ingest(api, late | {"tags": ["a"]})
    assert ingest(api, early)["status"] == "deleted"  # though it is dated before
    ingest(api, late | {"timestamp": "2020-01-01T00:00:00Z", "firstName": "Anew"})
    got = contact(api, f"{PLACE}/{PERSON}")
    assert (got["name"], got["tags"], got["as_of"]) == (
        "Anew Person",
        [],
        "2020-01-01T00:00:00.000Z",
    )


# /contacts/v1


@pytest.fixture
def people(api, clock):
    """Five people in three locations, the last one of whom came last."""
    ann = {"name": "Ann Lee", "email": "ann@example.com", "phone": "+1 555 1"}
    bodies = {
        "loc-1/ann": ann | {"tags": ["vip", "new"]},
        "loc-1/bob": {"name": "Bob 100%", "email": "bob_1@example.com", "tags": ["vip"]},
        "loc-2/ann": {"name": "Anna", "phone": "+1 555 2", "tags": ["new"]},
        "loc-2/cyd": {"name": "Cyd \\o/"},
        "loc-3/dee": {"name": "Dee", "tags": ["vip,new"]},
    }
    for path, body in bodies.items():
        clock.advance(1000)
        put(api, body, path)
    return api


@pytest.mark.parametrize(
    "query, ids",
    [
        ("", ["dee", "cyd", "ann", "bob", "ann"]),
        ("location_id=loc-1", ["bob", "ann"]),
        ("q=ANN", ["ann", "ann"]),
        ("q=ann&location_id=loc-2", ["ann"]),
        ("q=%40EXAMPLE", ["bob", "ann"]),
        ("q=555", ["ann", "ann"]),
        ("q=%2B1 555 2", ["ann"]),
        ("q=100%25", ["bob"]),
        ("q=%25", ["bob"]),
        ("q=_", ["bob"]),
        ("q=%5C", ["cyd"]),
        ("q=nobody", []),
        ("tag=vip", ["bob", "ann"]),
        ("tag=VIP", ["bob", "ann"]),
        ("tag=vi", []),
        ("tag=vip&q=lee", ["ann"]),
        ("tag=new&location_id=loc-2", ["ann"]),
        ("tag=vip,new", ["dee"]),
        ("location_id=nowhere", []),
    ],
)
def test_contacts_are_listed_and_searched_the_newest_first(people, clock, query, ids):
    clock.advance(1000)
    put(people, {"source": "a change moves nobody"}, "loc-1/ann")
    assert found(people, f"/contacts/v1?{query}") == ids


@pytest.mark.parametrize("query", ["", "tag=vip", "q=a", "q=e&tag=new", "location_id=loc-1"])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_follow_each_other_without_gap_or_repeat(people, query, limit):
    for path in ("loc-1/eve", "loc-2/eve", "loc-3/eve"):  # in the same millisecond
        put(people, {"name": "Eve", "tags": ["vip", "new"]}, path)
    whole = people.get(f"/contacts/v1?{query}")
    pages = list(pages_of(people, f"/contacts/v1?{query}&limit={limit}"))
    assert max(map(len, pages)) <= limit
    assert sum(pages, []) == whole["contacts"] and len(whole["contacts"]) >= 2


def pages_of(api, path: str):
    """Page after page, each asked for when it is wanted."""
    cursor = ""
    while cursor is not None:
        page = api.get(path + (f"&cursor={cursor}" if cursor else ""))
        yield page["contacts"]
        cursor = page["next"]


@pytest.mark.parametrize("where", ["", "&location_id=loc-1", "&tag=vip", "&q=a", "&q=a&tag=vip"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_contact_that_changes_while_the_list_is_paged_is_on_exactly_one_page(
    api, clock, where, limit
):
    """After each page, one that is on it changes, and one that is still to come."""
    people = [("loc-1", f"c-{number}") for number in range(6)]
    if "location_id" not in where:
        people += [(f"loc-{number}", "c-1") for number in range(2, 5)]
    for location, person in people:
        put(api, {"name": "Ann", "tags": ["vip"]}, f"{location}/{person}")
    seen = []
    for page in pages_of(api, f"/contacts/v1?limit={limit}{where}"):
        seen += [(each["location_id"], each["contact_id"]) for each in page]
        clock.advance(1000)
        for location, person in (seen[-1], people[0]):
            put(api, {"name": "Anna", "source": str(clock.now)}, f"{location}/{person}")
    assert seen == people[::-1]


@pytest.mark.parametrize("asked", ["ñandú", "Ñandú", "ÑANDÚ"])
def test_contacts_are_found_in_whatever_case_their_letters_have(api, asked):
    for number, written in enumerate(("Ñandú", "ÑANDÚ", "ñandú", "nandu")):
        body = {"name": f"Rosa {written} SL", "tags": [written, f"x {written}"]}
        put(api, body, f"loc-{number % 2}/c-{number}")
    put(api, {"name": "Two", "tags": ["Ñandú", "ñandú"]}, "loc-0/two")
    assert found(api, f"/contacts/v1?q={quote(asked)}") == ["c-2", "c-1", "c-0"]
    assert found(api, f"/contacts/v1?tag={quote(asked)}") == ["two", "c-2", "c-1", "c-0"]
    assert found(api, f"/contacts/v1?tag={quote(asked)}&q=ROSA") == ["c-2", "c-1", "c-0"]
    both = f"tag={quote(asked)}&q={quote(asked)}"
    assert found(api, f"/contacts/v1?{both}&location_id=loc-0") == ["c-2", "c-0"]
    for query in (f"tag={quote(asked)}", f"q={quote(asked)}", both):
        whole = api.get(f"/contacts/v1?{query}")["contacts"]
        assert sum(pages_of(api, f"/contacts/v1?{query}&limit=1"), []) == whole


@pytest.mark.parametrize("query", ["q=x", "q=ñ", "q=x&tag=vip", "limit=1&q=x"])
def test_a_search_through_long_texts_looks_at_the_clock(api, monkeypatch, query):
    for number in range(2):
        path = f"/contacts/v1/loc-{number}/c-1"
        api("PUT", path, {"name": "y" * lite.LARGE_TEXT, "tags": ["vip"]})
    assert api.get(f"/contacts/v1?{query}")["contacts"] == []
    monkeypatch.setattr(lite, "QUERY_SECONDS", -1)
    answer = api("GET", f"/contacts/v1?{query}")
    assert (answer.status_int, answer.json["code"]) == (422, "query_too_slow")


def test_a_contact_that_comes_while_the_list_is_paged_is_on_none_of_the_further_pages(people):
    seen = []
    for number, page in enumerate(pages_of(people, "/contacts/v1?limit=2")):
        seen += [each["contact_id"] for each in page]
        put(people, {"name": "New"}, f"loc-1/new-{number}")
        people("DELETE", f"/contacts/v1/{page[-1]['location_id']}/{page[-1]['contact_id']}")
    assert seen == ["dee", "cyd", "ann", "bob", "ann"]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=WyJ4Il0=",  # ["x"]
        "cursor=WzEsImEiLCJiIl0=",  # [1, "a", "b"]
        "cursor=WzFlM10=",  # [1e3]
        "limit=0",
        "limit=501",
        "tag=",
        "q=%00",
        "q=" + "x" * 1_001,
        "name=Ann",
        "location_id={{location.id}}",
    ],
)
def test_a_wrong_query_is_refused(people, query):
    assert people("GET", f"/contacts/v1?{query}").status_int == 422


def test_a_key_for_some_locations_sees_and_changes_only_those(people):
    read, ingesting, sync = (
        people.key(scope=scope, locations=["loc-1", "loc-3"])
        for scope in ("read", "ingest", "sync")
    )
    assert [each["contact_id"] for each in people.get("/contacts/v1", key=read)["contacts"]] == [
        "dee",
        "bob",
        "ann",
    ]
    assert [each["location_id"] for each in people.get("/locations/v1", key=read)["locations"]] == [
        "loc-1",
        "loc-3",
    ]
    before = tables(people)
    for method, path, body, key in [
        ("GET", "/contacts/v1?location_id=loc-2", None, read),
        ("GET", "/contacts/v1/loc-2/ann", None, read),
        ("PUT", "/contacts/v1/loc-2/ann", {"name": "x"}, ingesting),
        ("DELETE", "/contacts/v1/loc-2/ann", None, sync),
        ("POST", INGEST, workflow(location={"id": "loc-2"}), ingesting),
        ("POST", INGEST, webhook("ContactDelete", locationId="loc-2", id="ann"), sync),
    ]:
        answer = people(method, path, body, key=key)
        assert (answer.status_int, answer.json["code"]) == (403, "location_not_allowed")
    assert tables(people) == before
    assert people("DELETE", "/contacts/v1/loc-1/ann", key=sync).status_int == 200


@pytest.mark.parametrize(
    "method, path, scope",
    [
        ("GET", "/contacts/v1", "ingest"),
        ("GET", "/contacts/v1/loc-1/c-1", "sync"),
        ("PUT", "/contacts/v1/loc-1/c-1", "read"),
        ("DELETE", "/contacts/v1/loc-1/c-1", "ingest"),
        ("PATCH", "/locations/v1/loc-1", "sync"),
        ("DELETE", "/locations/v1/loc-1", "sync"),
        ("POST", INGEST, "read"),
    ],
)
def test_a_key_of_another_scope_does_nothing(api, method, path, scope):
    put(api, {"name": "Ann"})
    before = tables(api)
    assert (
        api(method, path, {} if method != "GET" else None, key=api.key(scope=scope)).status_int
        == 403
    )
    assert tables(api) == before


def test_put_replaces_what_is_sent_keeps_what_is_left_out_and_clears_null(api, clock):
    made = api(
        "PUT",
        "/contacts/v1/loc-1/c-1",
        {
            "name": "Ann",
            "email": "a@b.c",
            "date_created": 1735689600,
            "tags": ["b", "a"],
            "fields": {"Plan": "gold", "Age": 40, "timezone": "Europe/Berlin"},
        },
    )
    assert (made.status_int, made.json["status"]) == (201, "created")
    clock.advance(1000)
    got = put(api, {"email": None, "fields": {"Age": None, "city": "Rome"}})
    assert got["status"] == "updated" and got["contact"] == made.json["contact"] | {
        "email": None,
        "fields": {"Plan": "gold", "city": "Rome", "timezone": "Europe/Berlin"},
        "updated_at": "2026-01-01T00:00:01.000Z",
    }
    assert put(api, {})["status"] == put(api, {"fields": {"Gone": None}})["status"] == "unchanged"
    assert put(api, {"tags": ["c"]})["contact"]["tags"] == ["c"]
    assert put(api, {"tags": None, "date_created": None, "fields": {"timezone": None}})[
        "contact"
    ] | {"updated_at": ""} == got["contact"] | {
        "tags": [],
        "date_created": None,
        "fields": {"Plan": "gold", "city": "Rome"},
        "updated_at": "",
    }
    answer = put(api, {"nmae": "Ann", "timezone": "Europe/Rome"})
    assert answer["status"] == "unchanged" and "nmae, timezone" in answer["warnings"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        sample("workflow-webhook-custom-fields"),
        sample("app-ContactTagUpdate"),
        sample("app-ContactCreate"),
    ],
)
def test_what_get_answered_can_be_put_again(api, clock, body):
    ingest(api, body)
    before, got = tables(api), contact(api, f"{PLACE}/{PERSON}")
    clock.advance(1000)
    assert put(api, got, f"{PLACE}/{PERSON}") == {
        "status": "unchanged",
        "warnings": [],
        "contact": {name: value for name, value in got.items() if name != "events"},
    }
    assert tables(api) == before
    put(api, got, "loc-2/copy")
    assert contact(api, "loc-2/copy")["fields"] == got["fields"]


@pytest.mark.parametrize(
    "path, contact_id", [("c%2F1", "c/1"), ("c%201%3F", "c 1?"), ("%C3%BC", "ü"), ("42", "42")]
)
def test_any_identifier_can_stand_in_the_path(api, path, contact_id):
    assert put(api, {"name": "x"}, f"loc-1/{path}")["contact"]["contact_id"] == contact_id
    assert contact(api, f"loc-1/{path}")["name"] == "x"
    assert api("DELETE", f"/contacts/v1/loc-1/{path}").status_int == 200


def test_an_unknown_contact_is_not_found(api):
    put(api, {"name": "Ann"})
    for path in ("loc-1/c-2", "loc-2/c-1", "loc-1/C-1"):
        for method, query in (("GET", ""), ("DELETE", ""), ("DELETE", "?dry_run=true")):
            answer = api(method, f"/contacts/v1/{path}{query}")
            assert (answer.status_int, answer.json["code"]) == (404, "not_found")
    assert api("DELETE", "/contacts/v1/loc-1/c-1?dryrun=true").status_int == 422
    assert contact(api)["name"] == "Ann"


# What goes with a contact


def test_exactly_the_contacts_tags_and_events_in_its_location_go(api):
    for location, person in (("loc-1", "c-1"), ("loc-1", "c-2"), ("loc-2", "c-1")):
        put(api, {"tags": ["a", "b"]}, f"{location}/{person}")
        for n in range(3):
            api.post(event(f"{person}-{n}", location_id=location, contact_id=person))
    api.post(event("account"))
    before = tables(api)
    ((gone,),) = api.rows(
        "select contact_key from contacts_with_texts where (location_id, contact_id) = (?, ?)",
        ("loc-1", "c-1"),
    )
    assert api("DELETE", "/contacts/v1/loc-1/c-1?dry_run=true").json == {
        "events": 3,
        "tags": 2,
        "rejections": 0,
    }
    assert tables(api) == before
    assert api("DELETE", "/contacts/v1/loc-1/c-1").json == {
        "events": 3,
        "tags": 2,
        "rejections": 0,
    }
    expected = []
    for table, rows in zip(TABLES, before, strict=True):
        columns = [name for (name,) in api.rows(f"select name from pragma_table_info('{table}')")]
        if "contact_key" in columns:
            place = columns.index("contact_key")
            rows = [row for row in rows if row[place] != gone]
        expected.append(rows)
    assert sum(map(len, before)) - sum(map(len, expected)) == 6
    assert tables(api) == expected


def test_what_a_contact_gathers_has_a_limit_and_may_shrink(api):
    half = {"a": "x" * 70_000}
    put(api, {"fields": half})
    before = tables(api)
    answer = api("PUT", "/contacts/v1/loc-1/c-1", {"fields": {"b": "x" * 70_000}})
    assert errors(answer) == {"/fields": "too_large"} and tables(api, "contacts") == [before[1]]
    many = {f"field {number}": 1 for number in range(1_500)}
    assert put(api, {"fields": many})["status"] == "updated"
    other = {f"other {number}": 1 for number in range(1_500)}
    answer = api("PUT", "/contacts/v1/loc-1/c-1", {"fields": other})
    assert errors(answer) == {"/fields": "too_large"}
    # One that is too large already, of an earlier version
    api.app.database.writer.execute(
        "update contacts set fields = json_set(fields, '$.old', printf('%.*c', 200000, 'x'))"
    )
    assert put(api, {"fields": {"a": None}})["status"] == "updated"
    assert put(api, {"name": "Ann"})["status"] == "updated"
    assert put(api, {"fields": {"old": None}})["status"] == "updated"


def test_the_clocks_of_fields_that_were_cleared_have_a_limit_too(api):
    for number in range(5):
        cleared = {f"field {number} {index} {'x' * 40}": None for index in range(900)}
        body = workflow(email="a@example.com", timestamp=f"2026-01-01T00:00:0{number}Z")
        contact = {"type": "ContactUpdate", "locationId": "loc-1", "id": "c-1"}
        api("POST", INGEST, contact | {"timestamp": body["timestamp"]} | cleared)
    assert api.rows("select max(length(field_times)) < 131072 from contacts") == [(1,)]


def test_beside_an_event_what_a_contact_cannot_hold_is_left_out_with_a_warning(api):
    put(api, {"fields": {"a": "x" * 100_000}})
    answer = api.post(offer(b="x" * 50_000, email="ann@example.com"))
    assert (answer.status_int, api.rows("select email from contacts")) == (
        201,
        [("ann@example.com",)],
    )
    (told,) = (each for each in answer.json["warnings"] if each["code"] == "contact_field_ignored")
    assert "131,072" in told["message"]
    sent = webhook("ContactUpdate", email="b@example.com", b="x" * 50_000)
    assert ingest(api, sent)["warnings"][0]["code"] == "contact_field_ignored"
    assert api.rows("select email from contacts") == [("b@example.com",)]


def test_all_tags_together_have_a_limit(api):
    tags = [f"{number} {'x' * 900}" for number in range(80)]
    answer = api("PUT", "/contacts/v1/loc-1/c-1", {"tags": tags})
    assert errors(answer) == {"/tags": "too_long"}


def contact_events(path) -> dict[str | None, int]:
    with closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)) as file:
        return dict(
            file.execute("select contact_id, count(*) from events_with_texts group by contact_id")
        )


def contact_ids(path) -> list[str]:
    with closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)) as file:
        return [contact_id for (contact_id,) in file.execute("select contact_id from contacts")]


def test_a_contact_with_many_events_is_gone_at_once_and_the_rest_after_a_kill(start, tmp_path):
    path = tmp_path / "events.db"
    api = Api(database=str(path))
    put(api, {"name": "Ann", "tags": ["vip"]})
    with api.app.database.turn():
        many = (event(f"d-{number}", contact_id="c-1") for number in range(10_000))
        store_events(api.app.database.writer, many)
    assert api("DELETE", "/contacts/v1/loc-1/c-1").json["events"] == 10_000
    assert tables(api, "contact_tags") == [[]] and "Ann" not in str(tables(api, "contacts"))
    assert api("DELETE", "/contacts/v1/loc-1/c-1").status_int == 404
    api.post(event("new", contact_id="c-1"))
    assert api.get("/contacts/v1/loc-1/c-1")["events"] == 1
    api.app.close()
    first = start(path)
    wait_until(lambda: sum(contact_events(path).values()) < 9_000)
    first.stop(signal.SIGKILL)
    assert sum(contact_events(path).values()) > 1
    second = start(path)
    wait_until(lambda: contact_ids(path) == ["c-1"])
    second.stop()
    assert contact_events(path) == {"c-1": 1}


def test_ten_thousand_events_go_in_one_request_while_another_client_posts(start, tmp_path):
    path = tmp_path / "events.db"
    seed = Api(database=str(path))
    with seed.app.database.turn():
        for location, person in (("loc-1", "c-1"), ("loc-2", "c-1"), ("loc-1", "c-2")):
            store_events(
                seed.app.database.writer,
                (
                    event(f"{person}-{number}", location_id=location, contact_id=person)
                    for number in range(10_000)
                ),
            )
    seed.app.close()
    server, stored, one_more, done = start(path), [], threading.Semaphore(0), threading.Event()

    def post() -> None:
        with server.connect() as connection:
            answers = Answers(connection)
            while not done.is_set():
                connection.sendall(request_bytes(event(f"live-{len(stored)}", contact_id="c-2")))
                if answers.next()[0] != 201:
                    break
                stored.append(f"live-{len(stored)}")
                one_more.release()

    def wait_for(number: int) -> None:
        while len(stored) < number:
            assert one_more.acquire(timeout=20)

    poster = threading.Thread(target=post)
    poster.start()
    try:
        wait_for(10)
        ((status, _, body),) = exchange(
            server, request_bytes(b"", method="DELETE", path="/contacts/v1/loc-1/c-1")
        )
        wait_for(len(stored) + 10)
        wait_until(lambda: set(contact_events(path)) == {"c-1", "c-2"})
    finally:
        done.set()
        poster.join(30)
    assert (status, json.loads(body)) == (200, {"events": 10_000, "tags": 0, "rejections": 0})
    assert server.stop() == (0, "")
    file = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    left = list(
        file.execute(
            "select location_id, contact_id, count(*) from events_with_texts "
            "where distinct_id not like 'live-%' group by 1, 2"
        )
    )
    assert left == [("loc-1", "c-2", 10_000), ("loc-2", "c-1", 10_000)]
    assert {
        each
        for (each,) in file.execute(
            "select distinct_id from events where distinct_id like 'live-%'"
        )
    } == set(stored)
    assert file.pragma("integrity_check") == "ok" and broken_relations(file) == []
    file.close()


@pytest.fixture
def shell(tmp_path):
    """Statements in the shell of SQLite, on three contacts with two events and a tag each."""
    if (tool := shutil.which("sqlite3")) is None:
        pytest.skip("sqlite3, the command-line shell of SQLite, is not installed")
    path = str(tmp_path / "events.db")
    api = Api(database=path)
    for location, person in (("loc-1", "c-1"), ("loc-1", "c-2"), ("loc-2", "c-1")):
        put(api, {"name": "Ann", "tags": ["a"]}, f"{location}/{person}")
        for n in range(2):
            api.post(event(f"{person}-{n}", location_id=location, contact_id=person))
    api.app.close()

    def run(*statements: str, error: str = "") -> list[str]:
        done = subprocess.run(
            [tool, "-bail", path, *statements], capture_output=True, text=True, timeout=30
        )
        assert (done.returncode == 0) == (error == "") == (done.stderr == ""), done.stderr
        assert error in done.stderr
        return done.stdout.splitlines()

    return run


COUNTS = (
    "select count(*) from locations",
    "select count(*) from contacts",
    "select count(*) from contact_tags",
    "select count(*) from events",
)
KEY_OF = (
    "(select contact_key from contacts_with_texts "
    "where location_id = 'loc-1' and contact_id = '{}')"
)
OTHER_NAME = "insert into event_names (event_name) values ('Other')"
NAME_KEY = "(select name_key from event_names where event_name = 'Other')"


@pytest.mark.parametrize(
    "statement, counts",
    [
        ("select 1", "2 3 3 6"),
        (f"delete from contacts where contact_key = {KEY_OF.format('c-1')}", "2 2 2 4"),
        ("delete from contacts where contact_id = 'c-1'", "2 1 1 2"),
        ("delete from locations where location_id = 'loc-1'", "1 1 1 2"),
        ("delete from locations", "0 0 0 0"),
        ("delete from events", "2 3 3 0"),
        (f"update events set contact_key = {KEY_OF.format('c-1')}", "2 3 3 6"),
    ],
)
@pytest.mark.parametrize("foreign_keys", [0, 1])  # some programs set it, SQLite itself does not
def test_the_file_protects_itself_in_sqlites_own_shell(shell, foreign_keys, statement, counts):
    enforced = f"pragma foreign_keys = {foreign_keys}"
    assert shell(enforced, statement, *COUNTS)[-4:] == counts.split()
    if "update" not in statement:
        assert shell("pragma foreign_key_check") == []


def test_what_is_named_by_others_is_not_deleted_where_foreign_keys_are_enforced(shell):
    refused = "FOREIGN KEY constraint failed"
    shell("pragma foreign_keys = 1", "delete from event_names", error=refused)
    assert shell(*COUNTS) == ["2", "3", "3", "6"]


def test_the_file_is_sound_to_sqlites_own_shell(shell):
    assert shell("pragma integrity_check", "pragma foreign_key_check") == ["ok"]


def test_the_views_show_the_texts_in_sqlites_own_shell(shell):
    events = shell(
        "select location_id, distinct_id, event_name, contact_id, timestamp, properties "
        "from events_with_texts order by event_id"
    )
    assert events == [
        f"{location}|{person}-{number}|Offer Made|{person}|{NOW}|{{}}"
        for location, person in (("loc-1", "c-1"), ("loc-1", "c-2"), ("loc-2", "c-1"))
        for number in range(2)
    ]
    contacts = shell(
        "select location_id, contact_id, name, tags from contacts_with_texts order by contact_key"
    )
    assert contacts == [
        'loc-1|c-1|Ann|["a"]',
        'loc-1|c-2|Ann|["a"]',
        'loc-2|c-1|Ann|["a"]',
    ]


@pytest.mark.parametrize(
    "change", [f"name_key = {NAME_KEY}", f"contact_key = {KEY_OF.format('c-1')}"]
)
def test_an_event_replaced_in_the_shell_is_kept(shell, change):
    shell(OTHER_NAME, f"update events set {change} where distinct_id = 'c-2-0'")
    (kept,) = shell("select code || ' ' || body from rejections")
    code, _, body = kept.partition(" ")
    assert code == "event_replaced"
    assert json.loads(body) == event(
        "c-2-0", contact_id="c-2", timestamp="2026-01-01T00:00:00.000Z", properties={}
    )


# Contact fields


def test_contact_fields_and_tags_in_use_are_listed(store):
    store.contact("loc", "c1", ["vip", "new"], {"Budget": 5, "ok": True}, source="web")
    store.contact("two", "c1", ["vip"], {"Budget": "high"}, date_created=5)
    assert lite.list_contact_fields(store.reader, ["loc", "two"]) == {
        "fields": [
            {"field": "contact.Budget", "kinds": ["number", "text"]},
            {"field": "contact.date_created", "kinds": ["date"]},
            {"field": "contact.ok", "kinds": ["text"]},
            {"field": "contact.source", "kinds": ["text"]},
        ],
        "tags": [{"tag": "vip", "contacts": 2}, {"tag": "new", "contacts": 1}],
    }
    store.contact("two", "c2", fields={"email": "x", "tags": 1, "fields.x": 2, "fields": 3})
    fields = lite.list_contact_fields(store.reader, ["two"])["fields"]
    assert [each["field"] for each in fields] == [
        "contact.Budget",
        "contact.date_created",
        "contact.fields",
        "contact.fields.email",
        "contact.fields.fields.x",
        "contact.fields.tags",
    ]
    assert lite.list_contact_fields(store.reader, ["loc"])["tags"] == [
        {"tag": "new", "contacts": 1},
        {"tag": "vip", "contacts": 1},
    ]


# Against a plain model

LOCATIONS, PEOPLE, DISTINCT, NAMES = (
    ("loc-1", "loc-2"),
    ("c-1", "c-2"),
    ("d-1", "d-2", "d-3"),
    ("Offer Made", "Payment Received"),
)
WORDS, TAGS = (
    st.sampled_from(["x", "y", 1, True, 0.5]),
    st.lists(st.sampled_from("abc"), unique=True).map(sorted),
)
TEXTS = ("name", "email", "Plan")
WHERE, WHO = st.sampled_from(LOCATIONS), st.sampled_from(PEOPLE)


def optional(strategy):
    return st.one_of(st.none(), strategy)


def claims(blank: bool = False):
    """What a body says: a part of the fields, maybe the tags; None clears."""
    text = st.sampled_from(["Ann", "Bob", "Cyd"])
    values = {"name": text, "email": text, "Plan": WORDS, "tags": TAGS}
    return st.fixed_dictionaries(
        {}, optional={name: optional(each) if blank else each for name, each in values.items()}
    )


class Interleavings(RuleBasedStateMachine):
    """The API beside dictionaries: a contact is the list of all that was sent of it."""

    def __init__(self):
        super().__init__()
        self.api = Api()
        self.locations, self.contacts, self.events, self.replaced = {}, {}, {}, []

    def teardown(self):
        self.api.app.close()

    # The model

    def say(self, place, person, said, dated=None) -> str:
        before = self.facts(place, person)
        self.locations.setdefault(place, {})
        self.contacts.setdefault((place, person), []).append((dated, said))
        return (
            "created"
            if before is None
            else "updated"
            if repr(self.facts(place, person)) != repr(before)
            else "unchanged"
        )

    def facts(self, place, person) -> dict | None:
        """The newest dated word on each field counts, and every undated one when it came."""
        if (place, person) not in self.contacts:
            return None
        facts, dates = dict.fromkeys(TEXTS) | {"tags": []}, {}
        for dated, said in self.contacts[place, person]:
            for name, value in said.items():
                if dated is None or dated > dates.get(name, -1):
                    facts[name] = value if name != "tags" else value or []
                    dates |= {name: dated} if dated is not None else {}
        return facts

    def remember(self, place, distinct, sent):
        """The event as the model has it after a request; the first timestamp stays."""
        old = self.events.get((place, distinct))
        new = (
            {
                "timestamp": sent.get("timestamp") or self.api.clock.now,
                "contact_id": None,
                "properties": {},
            }
            if old is None
            else dict(old)
        )
        new |= {
            name: value for name, value in sent.items() if name != "timestamp" and value is not None
        }
        if old and (
            old["event_name"] != new["event_name"]
            or old["contact_id"] not in (None, new["contact_id"])
        ):
            self.replaced.append((place, old["contact_id"]))
        self.events[place, distinct] = new
        self.locations.setdefault(place, {})
        if new["contact_id"]:
            self.contacts.setdefault((place, new["contact_id"]), [])
        return "created" if old is None else "unchanged" if new == old else "updated"

    def forget(self, place, person):
        del self.contacts[place, person]
        gone = [
            key
            for key, each in self.events.items()
            if key[0] == place and each["contact_id"] == person
        ]
        for key in gone:
            del self.events[key]
        return len(gone)

    # What happens

    @rule(milliseconds=st.integers(1, 10_000))
    def time_passes(self, milliseconds):
        self.api.clock.advance(milliseconds)

    @rule(
        place=WHERE,
        distinct=st.sampled_from(DISTINCT),
        name=st.sampled_from(NAMES),
        person=optional(WHO),
        timestamp=optional(st.integers(10**11, 10**12)),
        properties=optional(st.dictionaries(st.sampled_from("pq"), st.integers(0, 2))),
    )
    def post_event(self, place, distinct, name, person, timestamp, properties):
        sent = {
            "event_name": name,
            "contact_id": person,
            "timestamp": timestamp,
            "properties": properties,
        }
        answer = self.api.post(sent | {"location_id": place, "distinct_id": distinct}).json
        assert answer["status"] == self.remember(place, distinct, sent)

    @rule(
        place=WHERE,
        distinct=st.sampled_from(DISTINCT),
        name=st.sampled_from(NAMES),
        person=WHO,
        inside=optional(st.sampled_from((*PEOPLE, ""))),
        said=claims(),
        elsewhere=st.booleans(),
        called=optional(st.sampled_from(["One", "Two"])),
    )
    def post_workflow(self, place, distinct, name, person, inside, said, elsewhere, called):
        custom = {"event_name": name, "distinct_id": distinct, "location_id": place} | (
            {} if inside is None else {"contact_id": inside}
        )
        around = "loc-9" if elsewhere else place
        answer = self.api.post(self.workflow(around, person, said, custom, called)).json
        if not elsewhere:
            self.say(place, person, said)
            self.learn(place, called)
        taken = (None if elsewhere else person) if inside is None else inside or None
        assert answer["status"] == self.remember(
            place, distinct, {"event_name": name, "contact_id": taken}
        )

    def workflow(self, place, person, said, custom, called=None):
        moved = {"name": "full_name", "Plan": "Plan "}
        said = {
            moved.get(name, name): ", ".join(value) if name == "tags" else value
            for name, value in said.items()
        }
        return {
            "contact_id": person,
            "location": {"id": place, "name": called},
            "customData": custom,
            "payment": {"id": 1},
        } | said

    def learn(self, place, called):
        known = self.locations.setdefault(place, {})
        if called and not known.get("edited"):
            known["name"] = called

    @rule(place=WHERE, person=WHO, said=claims(), called=optional(st.sampled_from(["One", "Two"])))
    def sync(self, place, person, said, called):
        answer = self.api("POST", INGEST, self.workflow(place, person, said, {}, called)).json
        assert answer["status"] == self.say(place, person, said)
        self.learn(place, called)

    @rule(
        place=WHERE,
        person=WHO,
        said=claims(),
        dated=optional(st.integers(1, 6)),
        kind=st.sampled_from(APP),
        twice=st.booleans(),
    )
    def app_webhook(self, place, person, said, dated, kind, twice):
        body = {"type": kind, "locationId": place, "id": person} | {
            name: value for name, value in said.items() if name != "Plan"
        }
        body |= {"customFields": [{"id": "Plan", "value": said["Plan"]}]} if "Plan" in said else {}
        body |= {"timestamp": NOW - 10 + dated} if dated else {}
        for _ in range(1 + twice):
            expected = self.say(place, person, said, dated)
            assert self.api("POST", INGEST, body).json["status"] == expected

    @rule(place=WHERE, person=WHO, tags=TAGS, dated=optional(st.integers(1, 6)))
    def retag(self, place, person, tags, dated):
        self.app_webhook(place, person, {"tags": tags}, dated, "ContactTagUpdate", False)

    @rule(place=WHERE, person=WHO, said=claims(blank=True))
    def put(self, place, person, said):
        body = {name: value for name, value in said.items() if name != "Plan"} | (
            {"fields": {"Plan": said["Plan"]}} if "Plan" in said else {}
        )
        assert put(self.api, body, f"{place}/{person}")["status"] == self.say(place, person, said)

    @rule(place=WHERE, person=WHO, way=st.sampled_from(["delete", "app", "workflow"]))
    def delete_contact(self, place, person, way):
        dry = f"/contacts/v1/{place}/{person}?dry_run=true"
        rejections = self.replaced.count((place, person))
        known = (place, person) in self.contacts or rejections > 0
        promised = self.api("DELETE", dry)
        answer = (
            self.api("DELETE", f"/contacts/v1/{place}/{person}")
            if way == "delete"
            else self.api(
                "POST",
                INGEST,
                {
                    "app": {
                        "type": "ContactDelete",
                        "locationId": place,
                        "id": person,
                        "timestamp": 1,
                    },
                    "workflow": self.workflow(place, person, {}, {"action": "delete"}),
                }[way],
            )
        )
        assert promised.status_int == (200 if known else 404) and (answer.status_int == 404) == (
            not known and way == "delete"
        )
        if known:
            tags = events = 0
            if (place, person) in self.contacts:
                tags = len(self.facts(place, person)["tags"])
                events = self.forget(place, person)
            self.replaced = [each for each in self.replaced if each != (place, person)]
            expected = {"events": events, "tags": tags, "rejections": rejections}
            assert promised.json == expected == {noun: answer.json[noun] for noun in expected}

    @rule(place=WHERE, distinct=st.sampled_from(DISTINCT))
    def delete_event(self, place, distinct):
        ids = self.api.rows(
            "select event_id from events_with_texts where location_id = ? and distinct_id = ?",
            (place, distinct),
        )
        assert bool(ids) == (self.events.pop((place, distinct), None) is not None)
        for (event_id,) in ids:
            assert self.api("DELETE", f"/events/v1/{event_id}").status_int == 200

    @rule(place=WHERE, person=optional(WHO), name=optional(st.sampled_from(NAMES)))
    def delete_events(self, place, person, name):
        wanted = (
            {"location_id": place}
            | ({"contact_id": person} if person else {})
            | ({"event_name": name} if name else {})
        )
        answer = self.api(
            "DELETE", "/events/v1?" + "&".join(f"{key}={value}" for key, value in wanted.items())
        )
        gone = [
            key
            for key, each in self.events.items()
            if key[0] == place
            and person in (None, each["contact_id"])
            and name in (None, each["event_name"])
        ]
        for key in gone:
            del self.events[key]
        assert answer.json == {"events": len(gone), "remaining": 0}

    @rule(place=WHERE)
    def delete_location(self, place):
        answer = self.api("DELETE", f"/locations/v1/{place}")
        assert answer.status_int == (404 if self.locations.pop(place, None) is None else 200)
        self.contacts = {key: each for key, each in self.contacts.items() if key[0] != place}
        self.events = {key: each for key, each in self.events.items() if key[0] != place}
        self.replaced = [each for each in self.replaced if each[0] != place]

    @rule(place=WHERE, name=optional(st.just("Mine")))
    def rename_location(self, place, name):
        if self.api("PATCH", f"/locations/v1/{place}", {"name": name}).status_int == 404:
            assert place not in self.locations
        else:
            self.locations[place] = {"name": name, "edited": name is not None}

    # And what must hold

    @invariant()
    def the_tables_are_the_model(self):
        rows = self.api.rows
        assert dict(rows("select location_id, name from locations")) == {
            place: each.get("name") for place, each in self.locations.items()
        }
        contacts = {
            (place, person): {
                "name": name,
                "email": email,
                "Plan": json.loads(fields).pop("Plan", None),
                "tags": sorted(json.loads(tags)),
            }
            for place, person, name, email, fields, tags in rows(
                "select location_id, contact_id, name, email, fields, tags from contacts_with_texts"
            )
        }
        expected = {key: self.facts(*key) for key in self.contacts}
        assert contacts == expected and {
            key: repr(each["Plan"]) for key, each in contacts.items()
        } == {key: repr(each["Plan"]) for key, each in expected.items()}
        assert broken_relations(self.api.app.database.writer) == []
        events = {
            (location_id, distinct_id): {
                "event_name": name,
                "contact_id": contact_id,
                "timestamp": timestamp,
                "properties": json.loads(properties),
            }
            for location_id, distinct_id, name, contact_id, timestamp, properties in rows(
                "select location_id, distinct_id, event_name, contact_id, timestamp, properties "
                "from events_with_texts"
            )
        }
        assert events == self.events
        kept = rows("select location_id, contact_id from rejections order by rejection_id")
        assert kept == self.replaced


def test_random_interleavings_agree_with_a_plain_model_in_every_state():
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            database=None,
            derandomize=True,
            print_blob=False,
            phases=(Phase.generate, Phase.shrink),
        ),
    )
