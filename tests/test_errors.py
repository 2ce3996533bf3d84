"""Errors are problem+json: one shape, a pointer for each offender, no words of a stranger."""

import itertools
import json
import time

import apsw
import pytest
from conftest import INGEST, errors, event, workflow
from pydantic import BaseModel

import streamlined_lite as lite

CLASSES = [
    (400, lite.Malformed),
    (401, lite.Unauthorized),
    (403, lite.Forbidden),
    (404, lite.NotFound),
    (405, lite.MethodNotAllowed),
    (408, lite.TooSlowly),
    (409, lite.Conflict),
    (413, lite.TooLarge),
    (415, lite.UnsupportedType),
    (429, lite.TryLater),
    (500, lite.Broken),
]


@pytest.mark.parametrize("status, kind", CLASSES)
def test_each_class_owns_its_status_and_code(status, kind):
    body = kind("why").as_dict()
    assert body == {
        "type": "about:blank",
        "title": kind.title,
        "status": status,
        "detail": "why",
        "code": kind.code,
    }
    assert kind("why", "a_code").as_dict()["code"] == "a_code"
    assert kind.__name__ in lite.Problem.__doc__


def test_every_class_is_in_the_tree_of_the_docstring():
    assert {kind for _, kind in CLASSES} | {lite.Invalid} == set(lite.Problem.__subclasses__())


def test_invalid_names_five_in_its_sentence_and_all_in_its_list():
    problem = lite.Invalid([lite.field_error(f"/f{n}", "c", "m") for n in range(7)])
    assert problem.detail == "/f0: m; /f1: m; /f2: m; /f3: m; /f4: m; and 2 more"
    assert len(problem.as_dict()["errors"]) == 7


@pytest.mark.parametrize(
    "part, pointer",
    [
        ("a", "/a"),
        ("a/b", "/a~1b"),
        ("a~b", "/a~0b"),
        ("~1", "/~01"),
        ("", "/"),
        (0, "/0"),
        ("[key]", "/[key]"),
    ],
)
def test_pointers_escape_as_rfc_6901_says(api, part, pointer):
    assert lite.pointer_part(part) == pointer
    if isinstance(part, str):
        (error,) = api.post(event(properties={part: True})).json["errors"]
        assert error == {
            "pointer": "/properties" + pointer,
            "code": "property_type",
            "message": "must be text or a number, not true or false",
        }


def test_an_offender_is_named_once_and_all_are_named(api):
    problem = api.post(
        {
            "event_name": " ",
            "location_id": {},
            "distinct_id": "{{contact.id}}",
            "contact_id": True,
            "timestamp": "soon",
            "properties": {
                "good": 1,
                "a/b": True,
                "c~d": False,
                "nested": {"x": 1},
                "list": [1],
                "": [],
                "x" * 10_001: False,
            },
        }
    )
    assert problem.status_int == 422
    found = [(error["pointer"][:20], error["code"]) for error in problem.json["errors"]]
    assert found == [
        ("/event_name", "required"),
        ("/location_id", "not_text"),
        ("/distinct_id", "unresolved_merge_field"),
        ("/contact_id", "not_text"),
        ("/timestamp", "timestamp"),
        ("/properties/a~1b", "property_type"),
        ("/properties/c~0d", "property_type"),
        ("/properties/nested", "property_type"),
        ("/properties/list", "property_type"),
        ("/properties/", "property_type"),
        ("/properties/xxxxxxxx", "too_long"),
    ]


def test_what_pydantic_finds_is_told_in_plain_words(api):
    def messages(answer) -> dict[str, str]:
        return {error["pointer"]: error["message"] for error in answer.json["errors"]}

    key = {"scope": "all", "locations": [], "distinct_id_rule": "refuse"}
    assert messages(api("POST", "/keys/v1", key)) == {
        "/name": "is required",
        "/scope": "must be 'ingest', 'sync', 'read' or 'admin'",
        "/locations": "must have at least 1 item, not 0",
    }
    term = {"key": 1, "event": " ", "type": "person"}
    format = {"style": "currency", "decimals": "two", "currency": "Euro"}
    assert messages(
        api("POST", "/metrics/v1", {"name": "A", "terms": [term], "format": format})
    ) == {
        "/terms/0/key": "must be text",
        "/terms/0/event": "must not be blank",
        "/terms/0/type": "must be 'account' or 'contact'",
        "/format/decimals": "must be a whole number",
        "/format/currency": "must be three capital letters, such as USD",
    }
    assert messages(api("GET", "/events/v1?limit=501&order=size")) == {
        "?limit": "must be 500 or less",
        "?order": "must be 'timestamp' or 'arrival'",
    }
    assert messages(api("DELETE", "/events/v1?event_name=x&dry_run=perhaps")) == {
        "?dry_run": "must be true or false"
    }


WRONG = {f"p{number}": [] for number in range(1_000)}


@pytest.fixture
def properties_read(monkeypatch):
    """The properties that were looked at."""
    seen = []
    read = lite.read_property
    monkeypatch.setattr(lite, "read_property", lambda value: seen.append(value) or read(value))
    return seen


@pytest.mark.parametrize(
    "body",
    [
        event(properties=WRONG),
        event(properties=json.dumps(WRONG)),
        {"customData": event(**{f"p{number}": [] for number in range(1_000)})},
    ],
    ids=["properties", "JSON text", "customData"],
)
def test_checking_stops_at_a_hundred_errors_and_says_so(api, properties_read, body):
    problem = api.post(body).json
    *listed, last = problem["errors"]
    assert {each["code"] for each in listed} == {"property_type"}
    assert len(listed) == lite.ERRORS_LIMIT == len(properties_read) - 1
    assert (last["pointer"], last["code"]) == ("", lite.MORE_ERRORS)
    assert problem["detail"].endswith("there are more errors; checking stopped here")


def test_a_hundred_errors_are_all_told(api):
    errors = api.post(event(properties=dict(list(WRONG.items())[:100]))).json["errors"]
    assert len(errors) == 100 and lite.MORE_ERRORS not in {each["code"] for each in errors}


def test_in_a_batch_too_yet_what_is_right_behind_them_is_stored(api, properties_read):
    """Each event that is refused has an error of its own at least."""
    batch = [event(str(number), properties=WRONG) for number in range(5)]
    answer = api("POST", lite.BATCH_PATH, [*batch, event("right", properties={"a": 1})])
    first, *others, right = answer.json["results"]
    assert (answer.status_int, right["status"]) == (207, "created")
    assert len(first["errors"]) == lite.ERRORS_LIMIT + 1
    assert [[error["code"] for error in each["errors"]] for each in others] == [
        ["property_type", lite.MORE_ERRORS]
    ] * 4
    assert len(properties_read) == lite.ERRORS_LIMIT + 1 + 4 * 2 + 1


BLANKS = [" ", "\t", "\xa0", "\xad", "\u2002", "\u200b", "\u2060", "\u3000", "\ufeff"]
ENDS = ["".join(blanks) for blanks in itertools.product(BLANKS, repeat=4)]


def spellings(name: str) -> dict[str, int]:
    return {name + end: number for number, end in enumerate(ENDS)}


@pytest.mark.parametrize(
    "path, body",
    [
        ("/events/ingestion/v1", event(properties=spellings("a"))),
        ("/events/ingestion/v1", event() | spellings("contact_id")),
        (INGEST, workflow(customData=spellings("contact_id") | {"action": "delete"})),
    ],
    ids=["properties", "an event's own field", "a deletion"],
)
def test_thousands_of_spellings_of_one_name_are_read_in_no_time(api, path, body):
    """A value is not compared with each that came before it, which takes ten seconds here."""
    started = time.thread_time()
    assert "twice" in errors(api("POST", path, body)).values()
    assert time.thread_time() - started < 3


SECRET = "hunter2-of-a-stranger"


@pytest.mark.parametrize(
    "body",
    [
        event(location_id=[SECRET]),
        event(distinct_id=SECRET + "{{x}}"),
        event(timestamp=SECRET),
        event(timestamp={"a": SECRET}),
        event(properties=SECRET),
        event(properties=[SECRET]),
        event(properties={"a": [SECRET]}),
        event(properties={"a": {"b": SECRET}}),
        event(properties={"a": SECRET + "\0"}),
        event(event_name=SECRET + "\0"),
        event(contact_id=SECRET * 100),
        [SECRET],
        SECRET,
        f'{{"event_name": "{SECRET}'.encode(),
        f"{{{SECRET}}}".encode(),
        f"[{SECRET}".encode(),
        SECRET.encode(),
        SECRET.encode("utf-16"),
        event(distinct_id=SECRET, timestamp=-1, location_id="\ud800"),
    ],
    ids=lambda body: repr(body)[:40],
)
def test_no_error_repeats_a_value(api, body):
    answer = api.post(body)
    assert 400 <= answer.status_int < 500
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/events/v1?limit={SECRET}",
        f"/events/v1?cursor={SECRET}",
        f"/events/v1?from={SECRET}",
        f"/events/v1/{SECRET}",
        f"/{SECRET}",
        f"/events/v1?api_key={SECRET}",
    ],
)
def test_no_error_repeats_a_value_of_the_url(api, path):
    answer = api("GET", path)
    assert 400 <= answer.status_int < 500
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "error, code", [(kind("x"), code) for kind, (code, _) in lite.STORAGE_TROUBLES.items()]
)
def test_a_temporary_trouble_is_429_to_a_writer_with_its_cause(error, code):
    problem = lite.problem_of(error)
    assert (problem.status, problem.code, problem.headers) == (429, code, {"Retry-After": "5"})
    assert SECRET not in lite.problem_of(type(error)(SECRET)).detail
    assert lite.respond(problem, reading=True).status == 503


@pytest.mark.parametrize("kind", [apsw.ConstraintError, apsw.SQLError, apsw.MismatchError])
def test_what_sqlite_says_of_our_own_defects_stays_in_the_log_without_its_words(kind, caplog):
    problem = lite.problem_of(kind(SECRET))
    assert (
        problem.status,
        SECRET in problem.detail,
        SECRET in caplog.text,
        kind.__name__ in caplog.text,
    ) == (500, False, False, True)


def test_a_defect_is_a_problem_too_and_stores_nothing(api, caplog, monkeypatch):
    monkeypatch.setattr(lite, "store_event", lambda *_: {}[SECRET])
    answer = api.post(event())
    assert (answer.status_int, answer.content_type, answer.json["code"]) == (
        500,
        "application/problem+json",
        "internal_error",
    )
    assert SECRET not in answer.text + caplog.text and "KeyError" in caplog.text
    assert api.rows("select * from events") == []


def test_pydantics_errors_keep_no_context_of_the_input():
    class Strange(BaseModel):
        number: int
        texts: dict[str, int]

    with pytest.raises(lite.Invalid) as error:
        lite.validate(
            Strange, {"number": SECRET, "texts": {"a": SECRET}}, {("texts",): "/elsewhere"}
        )
    assert [each["pointer"] for each in error.value.errors] == ["/number", "/elsewhere/a"]
    assert SECRET not in str(error.value.as_dict())


def test_the_log_of_a_defect_has_its_place(caplog):
    try:
        raise RuntimeError(SECRET)
    except RuntimeError as error:
        lite.log_defect(error)
    assert (
        "test_errors.py" in caplog.text
        and "RuntimeError" in caplog.text
        and SECRET not in caplog.text.replace("raise RuntimeError(SECRET)", "")
    )
