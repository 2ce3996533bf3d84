"""Events in the bodies that HighLevel sends: what counts, from where, and what is refused."""

import json
from urllib.parse import urlencode

import pytest
from conftest import BODIES, errors, event, sample

FORM = "application/x-www-form-urlencoded"
WORKFLOWS = [
    path.stem.removeprefix("highlevel-")
    for path in sorted(BODIES.glob("highlevel-workflow-*.json"))
    if "headers" not in path.name
]
PLACE, PERSON = "LOCATIONidPLACEHLD01", "CONTACTidPLACEHOLD01"


def workflow(custom: dict | None = None, **around) -> dict:
    """A small body of the Webhook action; what is given as None is not there."""
    body = {
        "contact_id": "c-1",
        "full_name": "Ann",
        "tags": "",
        "location": {"id": "loc-1", "name": "Main Street"},
        "workflow": {"id": "w", "name": "W"},
        "triggerData": {},
        "customData": {"event_name": "Offer Made", "distinct_id": "d-1"} | (custom or {}),
    } | around
    return {name: value for name, value in body.items() if value is not None}


def codes(answer) -> list[str]:
    return [each["code"] for each in answer.json["warnings"]]


def stored(answer, *names: str) -> tuple:
    assert answer.status_int in (200, 201), answer.text
    return tuple(answer.json["event"][name] for name in names)


# Bodies as they come


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize(
    "custom", [{}, {"location_id": PLACE, "contact_id": PERSON}], ids=["ids around", "ids inside"]
)
def test_a_workflow_body_is_an_event_of_its_location_and_contact(api, name, custom):
    body = sample(name)
    others = {key: value for key, value in body["customData"].items() if key != "event_name"}
    answer = api.post(sample(name, event_name="Offer Made", distinct_id="d-1", **custom))
    assert answer.status_int == 201
    assert stored(
        answer, "event_name", "distinct_id", "location_id", "contact_id", "properties"
    ) == ("Offer Made", "d-1", PLACE, PERSON, others)
    assert codes(answer) == ([] if custom else ["contact_from_body"])
    assert api.get("/rejections/v1")["rejections"] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_body_without_a_location_takes_the_one_of_customdata(api, name):
    body = sample(name, event_name="Offer Made", distinct_id="d-1", location_id="loc-9")
    del body["location"]
    assert stored(api.post(body), "location_id", "contact_id") == ("loc-9", PERSON)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_repeated_workflow_body_changes_nothing(api, clock, name):
    body = sample(name, event_name="Offer Made", distinct_id="d-1")
    tables = [
        f"select * from {table}"
        for table in ("events", "contacts", "contact_tags", "locations", "rejections")
    ]
    api.post(body)
    before = [api.rows(each) for each in tables]
    clock.advance(60_000)
    assert api.post(body).json["status"] == "unchanged"
    assert [api.rows(each) for each in tables] == before


def test_a_body_with_an_event_name_of_its_own_keeps_it(api):
    assert stored(
        api.post(sample("workflow-webhook-opportunity", distinct_id="d-1")), "event_name"
    ) == ("crm_stage_change",)


@pytest.mark.parametrize(
    "name, found",
    [
        (
            "workflow-webhook-minimal",
            {"/customData/event_name": "required", "/customData/distinct_id": "required"},
        ),
        (
            "custom-webhook",
            {"/event_name": "required", "/location_id": "required", "/distinct_id": "required"},
        ),
        (
            "app-ContactCreate",
            {"/event_name": "required", "/location_id": "required", "/distinct_id": "required"},
        ),
    ],
)
def test_a_body_without_an_event_is_kept_and_says_where_its_fields_belong(api, name, found):
    answer = api.post(sample(name))
    assert errors(answer) == found
    kept = api.get("/rejections/v1")["rejections"]
    assert [json.loads(each["body"]) for each in kept] == [sample(name)]


@pytest.mark.parametrize(
    "before, kind",
    [
        (b"\xef\xbb\xbf", "application/json"),
        (b" \r\n", "text/plain"),
        (b"", FORM),
        (b"\xef\xbb\xbf", "application/octet-stream"),
        (b"", "application/vnd.api+json"),
    ],
)
def test_a_byte_order_mark_is_skipped_and_a_brace_means_json(api, before, kind):
    answer = api.post(before + json.dumps(workflow()).encode(), kind=kind)
    assert stored(answer, "location_id", "contact_id") == ("loc-1", "c-1")


# What customData says, and what is taken from around it


@pytest.mark.parametrize(
    "custom, around, location, contact, warnings",
    [
        ({}, {}, "loc-1", "c-1", ["contact_from_body"]),
        ({"location_id": "loc-1"}, {}, "loc-1", "c-1", ["contact_from_body"]),
        ({"location_id": " loc-1 "}, {}, "loc-1", "c-1", ["contact_from_body"]),
        ({"location_id": "", "contact_id": "c-2"}, {}, "loc-1", "c-2", []),
        ({"contact_id": "c-1"}, {}, "loc-1", "c-1", []),
        ({" contact_id ": "c-2"}, {}, "loc-1", "c-2", []),
        ({"contact_id": ""}, {}, "loc-1", None, []),
        ({"contact_id": "  "}, {}, "loc-1", None, []),
        ({"contact_id": None}, {}, "loc-1", None, []),
        ({" contact_id": ""}, {}, "loc-1", None, []),
        ({"location_id": "loc-2"}, {}, "loc-2", None, []),
        ({"location_id": "loc-2", "contact_id": "c-2"}, {}, "loc-2", "c-2", []),
        ({"location_id": 7}, {"location": {"id": 7}}, "7", "c-1", ["contact_from_body"]),
        ({"location_id": "loc-2"}, {"location": {}}, "loc-2", "c-1", ["contact_from_body"]),
        ({"location_id": "loc-2"}, {"location": {"id": ""}}, "loc-2", "c-1", ["contact_from_body"]),
        ({"location_id": "loc-2"}, {"location": {"id": "{{location.id}}"}}, "loc-2", None, []),
        ({}, {"contact_id": ""}, "loc-1", None, []),
        ({}, {"contact_id": None}, "loc-1", None, []),
        ({}, {"contact_id": 12}, "loc-1", "12", ["contact_from_body"]),
    ],
)
def test_customdata_wins_and_the_body_around_fills_in(
    api, custom, around, location, contact, warnings
):
    answer = api.post(workflow(custom, **around))
    assert stored(answer, "location_id", "contact_id") == (location, contact)
    assert codes(answer) == warnings


def test_no_contact_of_another_location_is_stored(api):
    api.post(workflow({"location_id": "loc-2"}))
    assert api.get("/contacts/v1")["contacts"] == []
    assert [
        (each["location_id"], each["name"]) for each in api.get("/locations/v1")["locations"]
    ] == [("loc-2", None)]


def test_an_account_event_still_brings_the_contact_and_the_name_of_the_location(api):
    api.post(workflow({"contact_id": ""}))
    assert [each["name"] for each in api.get("/contacts/v1")["contacts"]] == ["Ann"]
    assert [each["name"] for each in api.get("/locations/v1")["locations"]] == ["Main Street"]


@pytest.mark.parametrize("contact_id", [None, "", "{{contact.id}}", {"a": 1}])
def test_the_location_is_learned_without_a_contact(api, contact_id):
    answer = api.post(workflow({"contact_id": ""}, contact_id=contact_id))
    assert stored(answer, "contact_id") == (None,)
    assert codes(answer) == (["contact_field_ignored"] if contact_id else [])
    assert [each["name"] for each in api.get("/locations/v1")["locations"]] == ["Main Street"]
    assert api.get("/contacts/v1")["contacts"] == []


def test_a_timestamp_comes_from_customdata_only(api, clock):
    assert stored(api.post(workflow(timestamp="2020-01-01T00:00:00Z")), "timestamp") == (
        "2026-01-01T00:00:00.000Z",
    )
    answer = api.post(workflow({"distinct_id": "d-2", "timestamp": " 1735689600 "}))
    assert stored(answer, "timestamp") == ("2025-01-01T00:00:00.000Z",)


@pytest.mark.parametrize(
    "custom, properties",
    [
        ({"properties": {"value": 1, "plan": "gold"}}, {"value": 1, "plan": "gold"}),
        ({"properties": '{"value": 1.5, "plan": "gold"}'}, {"value": 1.5, "plan": "gold"}),
        ({" properties ": ' {"value": 1}\n'}, {"value": 1}),
        ({"properties.value": "1", "properties[plan]": "gold"}, {"value": "1", "plan": "gold"}),
        (
            {" properties[ value ] ": "1", " properties. plan ": "gold"},
            {"value": "1", "plan": "gold"},
        ),
        ({"properties.a.b": "1", "properties[c][d]": "2"}, {"a.b": "1", "c][d": "2"}),
        ({"properties": {"value": 1}, "properties.value": "2"}, {"value": "2"}),
        ({"value": "3", "properties": '{"value": 1}'}, {"value": 1}),
        ({"value": "3", "properties[value]": "2"}, {"value": "2"}),
        (
            {" amount ": " 12 ", "Deal Name ": "x", "ümläut ☂": ""},
            {"amount": " 12 ", "Deal Name": "x", "ümläut ☂": ""},
        ),
        ({"amount": 12, "rate": 0.5}, {"amount": 12, "rate": 0.5}),
        ({"properties": "", "value": "3"}, {"value": "3"}),
        ({"properties": None, "value": "3"}, {"value": "3"}),
        ({"properties": "null", "value": "3"}, {"value": "3"}),
        ({"properties": {}, "properties.value": "3"}, {"value": "3"}),
        (
            {"type": "appointment", "source": "x", "tags": "a", "name": "n"},
            {"type": "appointment", "source": "x", "tags": "a", "name": "n"},
        ),
        ({}, {}),
    ],
)
def test_properties_are_gathered_from_every_form_they_come_in(api, custom, properties):
    assert stored(api.post(workflow(custom)), "properties") == (properties,)


@pytest.mark.parametrize(
    "custom, found",
    [
        ({"event_name": ""}, {"/customData/event_name": "required"}),
        (
            {"event_name": "", "distinct_id": None},
            {"/customData/event_name": "required", "/customData/distinct_id": "required"},
        ),
        (
            {" distinct_id ": "{{contact.id}}-offer"},
            {"/customData/ distinct_id ": "unresolved_merge_field"},
        ),
        (
            {"contact_id": {"id": "c"}, "event_name": ["x"]},
            {"/customData/contact_id": "not_text", "/customData/event_name": "not_text"},
        ),
        ({"location_id": "{{location.id}}"}, {"/customData/location_id": "unresolved_merge_field"}),
        (
            {"timestamp": "soon", "event_name": True},
            {"/customData/timestamp": "timestamp", "/customData/event_name": "not_text"},
        ),
        (
            {"properties": "{broken", "event_name": ""},
            {"/customData/properties": "object_type", "/customData/event_name": "required"},
        ),
        ({"properties": "[1]", "value": "1"}, {"/customData/properties": "object_type"}),
        ({"properties": [1], "properties.a": "1"}, {"/customData/properties": "object_type"}),
        (
            {"properties": {"a": None, "b": [1], "c": 1}},
            {
                "/customData/properties/a": "property_type",
                "/customData/properties/b": "property_type",
            },
        ),
        ({"properties": '{"a": true}'}, {"/customData/properties/a": "property_type"}),
        ({"properties.a": None}, {"/customData/properties.a": "property_type"}),
        (
            {"a": None, "b": {"c": 1}, "d": [1], "e": True, "ok": 1},
            {f"/customData/{name}": "property_type" for name in "abde"},
        ),
        (
            {"a": 10**30, "properties.b": -(10**30)},
            {"/customData/a": "number_too_large", "/customData/properties.b": "number_too_large"},
        ),
        (
            {" a/b ": None, "m~n": {}},
            {"/customData/ a~1b ": "property_type", "/customData/m~0n": "property_type"},
        ),
        (
            {"a\0b": "x", "c": "\0"},
            {"/customData/a\0b": "nul_character", "/customData/c": "nul_character"},
        ),
    ],
)
def test_what_is_wrong_in_customdata_is_named_there_all_at_once(api, custom, found):
    assert errors(api.post(workflow(custom))) == found
    assert (
        api.rows("select count(*) from events")
        == api.rows("select count(*) from contacts")
        == [(0,)]
    )


@pytest.mark.parametrize(
    "around, found",
    [
        ({"location": {"id": "{{location.id}}"}}, {"/location/id": "unresolved_merge_field"}),
        (
            {"location": {"id": ["x"]}, "contact_id": ["y"]},
            {"/location/id": "not_text", "/contact_id": "not_text"},
        ),
        ({"contact_id": "{{ contact.id }}"}, {"/contact_id": "unresolved_merge_field"}),
        ({"location": None}, {"/customData/location_id": "required"}),
        ({"location": {"id": " "}}, {"/customData/location_id": "required"}),
        ({"location": "loc-1"}, {"/customData/location_id": "required"}),
    ],
)
def test_an_identifier_taken_from_around_is_named_where_it_stands(api, around, found):
    assert errors(api.post(workflow(**around))) == found


def test_an_event_without_distinct_id_is_the_choice_of_its_key(api):
    body = workflow({"distinct_id": ""})
    assert errors(api.post(body, key=api.key())) == {"/customData/distinct_id": "required"}
    answers = [api.post(body, key=api.key(distinct_id_rule="generate")) for _ in range(2)]
    assert [each.status_int for each in answers] == [201, 201]
    assert codes(answers[0]) == ["contact_from_body", "distinct_id_generated"]


@pytest.mark.parametrize("custom_data", ["x", [], None, 5])
def test_without_an_object_under_customdata_the_body_is_a_plain_event(api, custom_data):
    answer = api.post(
        event(customData=custom_data, contact_id="c-1", tags="a", location={"id": "loc-2"})
    )
    assert stored(answer, "location_id", "contact_id", "properties") == ("loc-1", "c-1", {})
    assert codes(answer) == ["unknown_fields"]
    assert api.rows("select count(*) from contact_tags") == [(0,)]


def test_a_refused_body_can_be_mended_and_sent_again(api):
    refused = api.post(workflow({"event_name": ""})).json["rejection_id"]
    assert [each["location_id"] for each in api.get("/rejections/v1")["rejections"]] == ["loc-1"]
    answer = api("POST", f"/rejections/v1/{refused}/replay", workflow({"event_name": "Mended"}))
    assert stored(answer, "event_name", "contact_id") == ("Mended", "c-1")


def test_a_key_of_one_location_posts_no_bodies_of_another(api):
    key = api.key(locations=["loc-1"])
    assert api.post(workflow(), key=key).status_int == 201
    assert api.post(workflow({"location_id": "loc-2"}), key=key).status_int == 403
    assert (
        api.post(
            workflow({"location_id": "loc-1"}, location={"id": "loc-2", "name": "No"}), key=key
        ).status_int
        == 200
    )
    assert [each["name"] for each in api.get("/locations/v1")["locations"]] == ["Main Street"]


# Forms


@pytest.mark.parametrize(
    "entries, properties",
    [
        ({"properties[value]": "1"}, {"value": "1"}),
        ({"properties.value": "1"}, {"value": "1"}),
        (
            {"properties": '{"value": 1}', "properties[note]": "a+b & c"},
            {"value": 1, "note": "a+b & c"},
        ),
        ({"properties[ü ber]": "ö", "properties[empty]": ""}, {"ü ber": "ö", "empty": ""}),
        ({"contact_id": "", "timestamp": ""}, {}),
    ],
)
def test_a_form_is_an_event(api, entries, properties):
    answer = api.post(urlencode(event() | entries).encode(), kind=FORM + "; charset=utf-8")
    assert stored(answer, "event_name", "contact_id", "properties") == (
        "Offer Made",
        None,
        properties,
    )
    assert codes(answer) == []


def test_a_form_names_what_it_has_too_much(api):
    answer = api.post(urlencode(event(value="1", **{"properties.": "2"})).encode(), kind=FORM)
    assert "value, properties." in answer.json["warnings"][0]["message"]


@pytest.mark.parametrize(
    "data, kind, status, code",
    [
        (b"", FORM, 400, "empty"),
        (b"event_name=%ff", FORM, 400, "not_utf8"),
        (b"event_name=\xff", FORM, 400, "not_utf8"),
        (b"a=1&" * 3000, FORM, 400, "too_many"),
        (b"{'event_name': 1}", FORM, 400, "not_json"),
        (b"event_name=x", "text/plain", 415, "unsupported_content"),
        (b"event_name=x", "application/json", 400, "not_json"),
        (b"<event/>", "application/xml", 415, "unsupported_content"),
        (b"[]", "application/json", 422, "invalid"),
        (b'"text"', "application/json", 422, "invalid"),
        (b'{"customData": {"event_name": NaN}}', "application/json", 400, "not_json"),
        (b"[" * 10_000, "application/json", 400, "not_json"),
        (b'{"customData":' * 10_000, "application/json", 400, "not_json"),
    ],
)
def test_a_body_that_cannot_be_read_is_kept(api, data, kind, status, code):
    answer = api.post(data, kind=kind)
    assert (answer.status_int, answer.json["code"]) == (status, code)
    assert [each["code"] for each in api.get("/rejections/v1")["rejections"]] == [code]
