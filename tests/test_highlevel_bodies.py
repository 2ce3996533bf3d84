"""Events in the bodies that HighLevel sends: what counts, from where, and what is refused."""

import json
from functools import partial
from urllib.parse import urlencode

import pytest
from conftest import BODIES, INGEST, errors, event, ingest, sample, tables

import streamlined_lite as lite

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
            {"properties": {"a": True, "b": [1], "c": 1, "d": None}},
            {
                "/customData/properties/a": "property_type",
                "/customData/properties/b": "property_type",
            },
        ),
        ({"properties": '{"a": true}'}, {"/customData/properties/a": "property_type"}),
        ({"properties.a": True, "b": None}, {"/customData/properties.a": "property_type"}),
        (
            {"a": False, "b": {"c": 1}, "d": [1], "e": True, "ok": 1},
            {f"/customData/{name}": "property_type" for name in "abde"},
        ),
        (
            {"a": 10**30, "properties.b": -(10**30)},
            {"/customData/a": "number_too_large", "/customData/properties.b": "number_too_large"},
        ),
        (
            {" a/b ": True, "m~n": {}},
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


# One name, several values


def form(*pairs: tuple[str, str], multipart: bool = False) -> dict:
    """The pairs as the body of a post, in one of the two ways of forms."""
    if not multipart:
        return {"body": urlencode(pairs).encode(), "kind": FORM}
    parts = [
        f'--xYz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    ]
    return {
        "body": ("".join(parts) + "--xYz--\r\n").encode(),
        "kind": "multipart/form-data; boundary=xYz",
    }


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize(
    "pairs, properties",
    [
        ([("properties.service", "roof"), ("properties.service", "gutter")], "roof, gutter"),
        ([("properties[service]", "roof"), ("properties[service]", "gutter")], "roof, gutter"),
        ([("properties.service", "roof"), ("properties[service]", "gutter")], "roof, gutter"),
        ([("properties.service", "a"), (" properties. service ", "b")], "a, b"),
        ([("properties.service", each) for each in "abcb"], "a, b, c"),
        ([("properties[service][]", each) for each in "ab"], "a, b"),
        ([("properties.service[]", each) for each in "ab"], "a, b"),
        ([("properties[service][0]", "a"), ("properties[service][1]", "b")], "a, b"),
        ([("properties.service", "roof"), ("properties.service", "roof")], "roof"),
        ([("properties.service", ""), ("properties.service", "roof")], "roof"),
        ([("properties.service", "roof"), ("properties.service", " ")], "roof"),
    ],
)
def test_a_property_given_several_times_in_a_form_is_a_list_with_commas(
    api, pairs, properties, multipart
):
    answer = api.post(**form(*event().items(), *pairs, multipart=multipart))
    assert stored(answer, "properties") == ({"service": properties},)
    assert codes(answer) == []


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize("name", [*lite.Event.model_fields])
def test_a_field_of_the_event_given_twice_in_a_form_is_refused_unless_it_is_the_same(
    api, name, multipart
):
    one, two = '{"a": 1}', '{"a": "2"}'
    if name == "timestamp":
        one, two = "1767225600", "1767225601"
    pairs = [*(event() | {name: one}).items(), (name, two)]
    answer = api.post(**form(*pairs, multipart=multipart))
    pointer = "/properties/a" if name == "properties" else "/" + name
    assert errors(answer) == {pointer: "twice"}
    assert answer.json["rejection_id"] and tables(api, "events", "contacts") == [[], []]
    again = api.post(**form(*pairs[:-1], (name, one), (name, ""), multipart=multipart))
    assert stored(again) == () and codes(again) == []


def test_a_contact_field_given_several_times_in_a_form_is_a_list_where_that_makes_sense(api):
    ids = [("contact_id", "c-1"), ("location_id", "loc-1")]
    pairs = [("tags", "a"), ("tags", "b,c"), ("Colours", "red"), ("Colours ", "blue")]
    pairs += [("tags[]", "d"), ("Colours[]", "green"), ("phone", "1"), ("phone", "1")]
    pairs += [("email", "a@b.c"), ("email", "d@e.f")]
    answer = ingest(api, **form(*ids, *pairs))
    got = answer["contact"]
    assert got["tags"] == ["a", "b", "c", "d"]
    assert sorted(got["fields"]["Colours"].split(", ")) == ["blue", "green", "red"]
    assert (got["email"], got["phone"]) == (None, "1")
    assert [each["message"].partition(": ")[0] for each in answer["warnings"]] == ["/email"]
    twice = api("POST", INGEST, **form(*ids, ("contact_id", "c-2")))
    assert errors(twice) == {"/contact_id": "twice"}


DOUBLED = {
    "plain": ('{"event_name": "A", "event_name": "B", %s}', "/event_name"),
    "loosely": ('{"event_name" : "A", "event_name"\n: "B", %s}', "/event_name"),
    "escaped": ('{"event_name": "A", "event\\u005fname": "B", %s}', "/event_name"),
    "masked": (
        '{"properties": {"a": "1", "a": "2", "b": "\\u0022\\u0022\\u0022\\u0022"}, %s}',
        "/properties/a",
    ),
    "nested": ('{"properties": {"a/b": 1, "a/b": 2}, %s}', "/properties/a~1b"),
    "kinds": ('{"properties": {"a": 1, "a": "1"}, %s}', "/properties/a"),
    "objects": ('{"properties": {"a": 1}, "properties": {"b": 2}, %s}', "/properties"),
    "unknown": ('{"list": [0, {"a": 1, "a": null}], %s}', "/list/1/a"),
    "text": ('{"properties": "{\\"a\\": 1, \\"a\\": 2}", %s}', "/properties/a"),
    "with a line break": ('{"event_name": "A\n", "event_name": "B", %s}', "/event_name"),
}
PLAIN = json.dumps(event())[1:-1]


@pytest.mark.parametrize("body, pointer", DOUBLED.values(), ids=DOUBLED)
def test_a_name_that_json_has_twice_is_refused_and_named(api, body, pointer):
    for custom in (False, True):
        data = body % PLAIN.replace('"event_name": "Offer Made", ', "")
        if custom:
            data = '{"contact_id": "c-1", "customData": ' + data + "}"
        answer = api.post(data.encode())
        assert errors(answer) == {("/customData" if custom else "") + pointer: "twice"}
        (kept, *_) = api.get("/rejections/v1")["rejections"]
        assert (kept["body"], kept["location_id"]) == (data, "loc-1")
    assert tables(api, "events", "contacts") == [[], []]


def test_all_names_that_json_has_twice_are_named_wherever_it_is_posted(api):
    doubled = b'{"name": "A", "name": "B", "tags": [], "fields": {"x": 1, "x": 2}}'
    answer = api("PUT", "/contacts/v1/loc-1/c-1", doubled)
    assert (
        errors(answer) == {"/name": "twice", "/fields/x": "twice"} and answer.json["rejection_id"]
    )
    sync = api("POST", INGEST, b'{"contact_id": "c-1", "location_id": "l", "Plan": 1, "Plan": 2}')
    assert errors(sync) == {"/Plan": "twice"} and sync.json["rejection_id"]
    key = api("POST", "/keys/v1", b'{"name": "a", "scope": "read", "scope": "ingest"}')
    assert errors(key) == {"/scope": "twice"}
    rejection = api.post({}).json["rejection_id"]
    replay = api(
        "POST",
        f"/rejections/v1/{rejection}/replay",
        b'{"event_name": "A", "event_name": "B"}',
    )
    assert errors(replay) == {"/event_name": "twice"}
    assert tables(api, "contacts", "events") == [[], []]


def import_lines(api, file):
    read = partial(lite.SourceFile, columns={}, defaults={}, separator="")
    return lite.import_file(api.app.database, str(file), read, 1_000_000)


def test_a_record_of_an_import_with_a_name_twice_is_rejected(api, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_text('{"properties": {"a": 1, "a": 2}, ' + PLAIN + "}\n{" + PLAIN + "}\n")
    result = import_lines(api, file)
    assert (result["created"], result["rejected"]) == (1, 1)
    rejected = json.loads((tmp_path / "events.ndjson.rejected").read_text())
    assert [each["pointer"] for each in rejected["reasons"]] == ["/properties/a"]


@pytest.mark.parametrize(
    "properties",
    [
        '{"a": "\\"b\\": 1, \\"b\\": 2", "c": ":"}',
        '{"a" : 1, "b"\t:\n2}',
        '{"a\\\\": "x\\\\", "a": "\\\\\\""}',
        '{"a": "\\u0022", "\\u0022": "a"}',
        '{"a": 1, "a": 1}',
        '{"a": "x", "\\u0061": "x"}',
        "{}",
    ],
)
def test_names_that_are_once_or_have_one_value_are_no_trouble(api, properties):
    expected = json.loads(properties)
    body = '{"properties": ' + properties + ", " + PLAIN + "}"
    assert stored(api.post(body.encode()), "properties") == (expected,)


@pytest.mark.parametrize("place", ["plain", "customData"])
@pytest.mark.parametrize("name", ["event_name", "location_id", "distinct_id", "contact_id"])
@pytest.mark.parametrize("spelling", ["{} ", " {}", "{}\u200b", "\ufeff{}"])
def test_a_field_under_two_spellings_of_its_name_is_refused_unless_it_is_the_same(
    api, place, name, spelling
):
    def post(value):
        fields = event(contact_id="c-1") | {spelling.format(name): value}
        return api.post(fields if place == "plain" else {"customData": fields})

    same = event(contact_id="c-1")[name]
    pointer = {"plain": "/", "customData": "/customData/"}[place] + spelling.format(name)
    assert errors(post("another")) == {pointer: "twice"}
    for value in (same, f" {same}", "", None):
        answer = post(value)
        assert stored(answer, name) == (same,) and codes(answer) == []


@pytest.mark.parametrize("place", ["plain", "customData"])
def test_a_field_whose_name_ends_in_a_blank_is_that_field(api, place):
    fields = {f"{name} ": value for name, value in event().items()} | {"properties ": {"a": 1}}
    answer = api.post(fields if place == "plain" else {"customData": fields})
    assert stored(answer, *event(), "properties") == (*event().values(), {"a": 1})
    assert codes(answer) == []


@pytest.mark.parametrize(
    "custom, properties, repeated",
    [
        ({"service": "roof", "service ": "gutter"}, {"service": "roof, gutter"}, False),
        ({"properties.a": "1", "properties[a]": "2"}, {"a": "1, 2"}, False),
        ({"properties": {"a": "1"}, "properties ": '{"a": "2", "b": 3}'}, {"a": "1, 2", "b": 3}, 0),
        ({"a": "1", "properties.a": "2"}, {"a": "2"}, True),
        ({"a": "1", "properties": {"a": 2}}, {"a": 2}, True),
        ({"properties": {"a": 2}, "properties.a": "3"}, {"a": "3"}, True),
        ({"a": "1", "properties": {"a": 1}, "properties.a": " 1 "}, {"a": " 1 "}, False),
        ({"a": "1", "properties.a": ""}, {"a": "1"}, False),
        ({"a": "", "properties": {"a": None}}, {"a": ""}, False),
    ],
)
def test_no_value_of_a_property_in_customdata_vanishes_without_a_word(
    api, custom, properties, repeated
):
    answer = api.post(workflow(custom))
    assert stored(answer, "properties") == (properties,)
    told = [each for each in answer.json["warnings"] if each["code"] == "property_repeated"]
    assert bool(told) == bool(repeated) and all(each["message"].endswith(": a") for each in told)


def test_values_of_two_kinds_under_one_name_are_refused(api):
    assert errors(api.post(workflow({"value": 1, "value ": "x"}))) == {
        "/customData/value ": "twice"
    }
    ids = {"action": "delete", "contact_id": "c-1", "contact_id ": "c-2"}
    ingest(api, workflow())
    assert errors(api("POST", INGEST, workflow(ids))) == {"/customData/contact_id ": "twice"}
    answer = api("POST", INGEST, workflow({"action": "delete", "Action": "keep"}))
    assert errors(answer) == {"/customData/Action": "unknown_action"}
    assert len(tables(api, "contacts")[0]) == 1


def test_contact_fields_of_one_name_but_for_blanks_are_one(api):
    answer = ingest(api, workflow({}, **{"Plan": "a", "Plan ": "b", "Age": 1, "Age\u200b": 2}))
    assert answer["contact"]["fields"] == {"Plan": "a, b"}
    assert "/Age" in answer["warnings"][0]["message"]
    put = api("PUT", "/contacts/v1/loc-1/c-1", {"fields": {"Age": 1, "Age\u200b": 2}})
    assert errors(put) == {"/fields/Age": "twice"}


# Nothing, as automations write it


@pytest.mark.parametrize(
    "body",
    [
        event(properties={"a": None, "b": 1, "c": None}),
        event(properties='{"a": null, "b": 1, "c": null}'),
        event(**{"properties.a": None, "properties.b": 1, "properties[c]": None}),
        {"customData": event(a=None, b=1, c=None)},
        {"customData": event(properties={"a": None, "b": 1}, c=None)},
    ],
)
def test_a_property_that_is_null_counts_as_left_out_and_is_named(api, body):
    answer = api.post(body)
    assert (answer.status_int, *stored(answer, "properties")) == (201, {"b": 1})
    (told,) = [each for each in answer.json["warnings"] if each["code"] == "property_null"]
    assert told["message"].endswith("a, c")
    assert api.post(body).json["status"] == "unchanged"
    batch = api("POST", "/events/ingestion/v1/batch", [event("d-2", properties={"a": None})])
    assert batch.json["results"][0]["warnings"][0]["code"] == "property_null"


def test_what_is_wrong_beside_a_null_is_still_refused_and_kept_whole(api):
    answer = api.post(event(properties={"a": None, "b": [1]}, timestamp="soon"))
    assert errors(answer) == {"/properties/b": "property_type", "/timestamp": "timestamp"}
    (kept,) = api.get("/rejections/v1")["rejections"]
    assert json.loads(kept["body"])["properties"] == {"a": None, "b": [1]}


@pytest.mark.parametrize("nothing", [[], "[]", " [] ", {}, "{}"])
@pytest.mark.parametrize("others", [{}, {"properties.a": "1"}])
def test_the_empty_list_of_php_is_an_empty_object(api, nothing, others):
    api.post(event(properties={"old": 1}))
    api.post({"customData": event("d-2", properties={"old": 1})})
    expected = {name.partition(".")[2]: value for name, value in others.items()}
    for answer in (
        api.post(event(properties=nothing, **others)),
        api.post({"customData": event("d-2", properties=nothing, **others)}),
    ):
        assert stored(answer, "properties") == (expected,) and codes(answer) == []


def test_the_empty_fields_of_php_are_no_fields(api):
    path = "/contacts/v1/loc-1/c-1"
    api("PUT", path, {"fields": {"Plan": "gold"}})
    assert api("PUT", path, {"fields": []}).json["status"] == "unchanged"
    assert errors(api("PUT", path, {"fields": ["x"]})) == {"/fields": "object_type"}


# What people paste, and what merge fields bring

UNSEEN = [
    "\u200b",
    "\u00a0",
    "\ufeff",
    "\u00ad",
    "\u2060",
    "\u200e",
    "\u202a",
    "\u3164",
    " \u2800",
    " \u200d\u3000 ",
    "\n\u200b\t",
]


@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("place", ["plain", "customData", "batch", "form", "import"])
def test_what_cannot_be_seen_at_the_ends_of_names_and_identifiers_is_trimmed(
    api, tmp_path, unseen, place
):
    clean = event(contact_id="c-1")
    sent = {name: f"{unseen}{value}{unseen}" for name, value in clean.items()}
    sent[f"properties.plan{unseen}"] = f"{unseen}gold{unseen}"
    if place == "batch":
        key = f"{unseen}plan{unseen}" if unseen.strip() == unseen else "plan"
        sent = sent | {"properties": {key: sent.popitem()[1]}}
        api("POST", "/events/ingestion/v1/batch", [sent])
    elif place == "form":
        api.post(**form(*sent.items()))
    elif place == "import":
        file = tmp_path / "events.ndjson"
        file.write_text(json.dumps(sent))
        import_lines(api, file)
    else:
        api.post(sent if place == "plain" else {"customData": sent})
    found = api.get("/events/v1/1")
    assert {name: found[name] for name in clean} == clean
    assert found["properties"] == {"plan": f"{unseen}gold{unseen}"}
    assert [each["code"] for each in found["warnings"]] == ["distinct_id_trimmed"]


@pytest.mark.parametrize("inside", ["a\u200bb", "a b", "👩\u200d👩", "❤\ufe0f", "می\u200cخواهم"])
def test_nothing_inside_a_name_is_touched(api, inside):
    sent = dict.fromkeys(event(contact_id=""), inside)
    answer = api.post(sent | {"properties": {inside: inside}})
    assert stored(answer, *sent, "properties") == (*sent.values(), {inside: inside})


def test_the_plain_blanks_of_a_propertys_name_stay_its_own(api):
    """As they always have: saved metrics name them."""
    keys = {"Deal ": 1, " größe ": 2}
    assert stored(api.post(event(properties=keys)), "properties") == (keys,)


def test_two_names_that_are_one_without_what_cannot_be_seen_are_one_property(api):
    answer = api.post(event(properties={"service": "roof", "service\u200b": "gutter", "x": 1}))
    assert stored(answer, "properties") == ({"service": "roof, gutter", "x": 1},)
    answer = api.post(event(properties={"value": 1, "value\u00a0": 2}))
    assert errors(answer) == {"/properties/value": "twice"}


@pytest.mark.parametrize("blank", ["\u200b", " \ufeff\u00a0", "\u200b \u200b"])
def test_a_field_in_which_nothing_can_be_seen_is_blank(api, blank):
    answer = api.post(event(contact_id=blank, timestamp=blank, properties=blank))
    assert stored(answer, "contact_id", "properties") == (None, {}) and codes(answer) == []
    assert errors(api.post(event(event_name=blank))) == {"/event_name": "required"}


def test_a_contacts_names_are_trimmed_too(api):
    unseen = "\u200b"
    body = {
        "contact_id": f"c-1{unseen}",
        "location": {"id": f"\ufeffloc-1{unseen}", "name": f"Main Street{unseen}"},
        "full_name": f"Ann{unseen}",
        "email": f"\u202aann@example.com{unseen}",
        "tags": f"vip{unseen},\u00a0new,{unseen}",
        f"Plan{unseen}": "gold",
        "customData": {},
    }
    got = ingest(api, body)["contact"]
    assert (got["location_id"], got["contact_id"], got["name"]) == ("loc-1", "c-1", "Ann")
    assert (got["email"], got["tags"]) == ("ann@example.com", ["new", "vip"])
    assert got["fields"] == {"Plan": "gold"}
    assert api.get("/locations/v1")["locations"][0]["name"] == "Main Street"
    event_in = api.post(body | {"customData": event(location_id="loc-1", contact_id="c-1")})
    assert stored(event_in, "location_id") == ("loc-1",)
    assert len(tables(api, "contacts")[0]) == 1
    put = api("PUT", "/contacts/v1/loc-1/c-1", {"tags": [f"a{unseen}"], "fields": {"b\u200b": 1}})
    assert put.json["contact"]["tags"] == ["a"] and put.json["contact"]["fields"]["b"] == 1


def test_what_was_stored_with_its_unseen_ends_can_still_be_asked_for(api):
    api.post(event())
    api.rows("update event_names set event_name = 'Offer Made\u200b'")
    api.rows("update locations set location_id = 'loc-1\u200b'")
    asked = "location_id=loc-1%E2%80%8B&event_name=Offer%20Made%E2%80%8B"
    assert len(api.get(f"/events/v1?{asked}")["events"]) == 1
    renamed = {"event_name": "Offer Made\u200b", "new_name": "Offer\u200b"}
    assert api("PATCH", "/event-names/v1", renamed).status_int == 200
    assert [each["event_name"] for each in api.get("/events/v1")["events"]] == ["Offer"]


RAW = 'first line\r\nsecond\tcolumn\n\x0b"'


@pytest.mark.parametrize(
    "body",
    [
        '{%s, "properties": {"note": "RAW"}}' % PLAIN,
        '{%s, "properties.note": "RAW"}' % PLAIN,
        '{"customData": {%s, "note": "RAW"}}' % PLAIN,
        '\ufeff {%s,\n\t"properties" : {"note":\t"RAW"}}\n' % PLAIN,
        '{%s, "properties": "{\\"note\\": \\"first line\r\nsecond\tcolumn\n\x0b\\\\\\"\\"}"}'
        % PLAIN,
    ],
)
def test_line_breaks_and_tabs_that_stand_in_a_text_as_they_are_are_kept(api, body):
    """So a merge field of several lines arrives in the raw body of a Custom Webhook."""
    answer = api.post(body.replace("RAW", RAW.replace('"', '\\"')).encode())
    assert stored(answer, "properties") == ({"note": RAW},) and codes(answer) == []


@pytest.mark.parametrize(
    "body",
    [
        '{%s, "properties": {"note": "a\nb" "c"}}',
        '{%s, "properties": {"note": "a\nb\\\n"}}',
        '{%s, "properties": {"note": "a\nb", "x": NaN}}',
        '{%s, "properties": {"note": "a\nb", "x": 01}}',
        '{%s, "properties": {"note": "a\nb", "x": "\\ud800"}}',
        '{%s, "properties": {"note": "a\nb\0"}}',
        '{%s, "properties": {"note": "a\nb"}',
        '{%s, "note": "\n", "x": ' + "[" * 10_000 + "]" * 10_000 + "}",
    ],
)
def test_all_else_that_is_no_json_is_refused_as_ever(api, body):
    answer = api.post((body % PLAIN).encode())
    assert (answer.status_int, answer.json["code"]) == (400, "not_json")
    assert "at line" in answer.json["detail"] and answer.json["rejection_id"]


# Forms with files


def test_a_multipart_form_is_an_event(api):
    fields = event(**{"properties[ü]": "a\r\nb", "properties.note": "", "timestamp": "2026-01-01"})
    sent = form(*fields.items(), multipart=True)
    answer = api.post(sent["body"], kind=sent["kind"].replace("xYz", '"xYz"; charset=utf-8'))
    assert stored(answer, "distinct_id", "properties") == ("d-1", {"ü": "a\r\nb", "note": ""})
    assert codes(answer) == []


@pytest.mark.parametrize("path", ["/events/ingestion/v1", INGEST])
def test_the_files_of_a_form_are_ignored_and_named(api, path):
    fields = event(contact_id="c-1") if path != INGEST else {"location_id": "l", "contact_id": "c"}
    sent = form(*fields.items(), ("Plan", "gold"), multipart=True)
    file = (
        '--xYz\r\nContent-Type: image/png\r\ncontent-disposition: form-data; name="photo"; '
        'filename="a \\"name=b\\".png"\r\n\r\n'
    ).encode() + b"\x89PNG\r\n\xff\0\r\n"
    answer = api("POST", path, file + sent["body"], kind=sent["kind"])
    assert answer.status_int in (200, 201)
    (told,) = [each for each in answer.json["warnings"] if each["code"] == "file_ignored"]
    assert told["message"].endswith(": photo")


def test_a_refused_multipart_form_is_kept_and_replayed(api):
    sent = form(*event().items(), multipart=True)
    refused = api.post(**sent, key=api.key(locations=["x"])).json["rejection_id"]
    assert api("POST", f"/rejections/v1/{refused}/replay").status_int == 201


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
