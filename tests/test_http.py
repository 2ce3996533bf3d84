"""The API from outside: bad input, headers, methods, OpenAPI; who may do what on every route."""

import gzip
import json
import re
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

import pytest
from conftest import ADMIN, Answers, Api, event, exchange, request_bytes, sample
from jsonschema import Draft202012Validator, FormatChecker

import streamlined_lite as lite

FORM = "application/x-www-form-urlencoded"
DATA = ("events", "contacts", "contact_tags", "locations", "keys", "metrics")


def tables(api) -> dict[str, list]:
    return {name: api.rows(f"select * from {name}") for name in DATA}


def check_problem(answer, status: int | None = None) -> dict:
    """It is problem+json, of this status or of some 4xx."""
    problem = answer.json
    assert (
        answer.content_type == "application/problem+json" and problem["status"] == answer.status_int
    )
    assert answer.status_int == status if status else 400 <= answer.status_int < 500
    assert {"type", "title", "status", "detail", "code"} <= problem.keys() and problem["detail"]
    return problem


# Bad input


def raw(text: str) -> bytes:
    """A good event with this text behind its distinct_id."""
    return (
        b'{"event_name": "Offer Made", "location_id": "loc-1", "distinct_id": "d-9", '
        + text.encode()
        + b"}"
    )


def with_property(text: str) -> bytes:
    return raw('"properties": {"a": ' + text + "}")


DEEP = 10_000
BAD = {
    "broken JSON": (b'{"event_name": "a"', 400),
    "no JSON at all": (b"{hello}", 400),
    "two documents": (b"{}{}", 400),
    "trailing comma": (raw('"a": 1,'), 400),
    "single quotes": (b"{'event_name': 'a'}", 400),
    "empty": (b"", 400),
    "blanks": (b" \r\n\t", 400),
    "byte order mark alone": (b"\xef\xbb\xbf", 400),
    "a list": ([event()], 422),
    "a text": ("event", 422),
    "a number": (1, 422),
    "true": (True, 422),
    "null": (b"null", 422),
    "an empty object": ({}, 422),
    **{
        f"{name} {what}": (event(**{name: value}), 422)
        for name in ("event_name", "location_id", "distinct_id")
        for what, value in (
            ("empty", ""),
            ("blank", " \t\u00a0"),
            ("null", None),
            ("boolean", False),
            ("object", {"id": 1}),
            ("list", ["a"]),
            ("fraction", 1.5),
            ("with NUL", "a\0b"),
            ("too long", "x" * 10_001),
            ("unresolved", "{{contact.id}}"),
        )
    },
    **{
        f"contact_id {what}": (event(contact_id=value), 422)
        for what, value in (
            ("boolean", True),
            ("object", {}),
            ("with NUL", "\0"),
            ("too long", "x" * 1001),
            ("unresolved", "{{ contact.id }}"),
        )
    },
    "NaN": (with_property("NaN"), 400),
    "Infinity": (with_property("Infinity"), 400),
    "-Infinity": (with_property("-Infinity"), 400),
    "a float too large": (with_property("1e400"), 422),
    "an integer too large": (with_property("9223372036854775808"), 422),
    "an integer of 5,000 digits": (with_property("9" * 5000), 400),
    "a hexadecimal number": (with_property("0x10"), 400),
    "true as property": (with_property("true"), 422),
    "null as property": (with_property("null"), 422),
    "a nested property": (with_property('{"b": 1}'), 422),
    "a list as property": (with_property("[1]"), 422),
    "NUL in a property": (with_property('"\\u0000"'), 422),
    "NUL in a property's name": (raw('"properties": {"\\u0000": 1}'), 422),
    "a lone surrogate": (with_property('"\\ud800"'), 400),
    "a lone surrogate in a name": (raw('"properties": {"\\udc00": 1}'), 400),
    "surrogates in the wrong order": (with_property('"\\udc00\\ud800"'), 400),
    "a raw NUL": (raw('"a": "\0"'), 400),
    "invalid UTF-8": (raw('"a": "') + b'\xff"}', 400),
    "UTF-8 cut short": (b'{"event_name": "\xc3', 400),
    "a surrogate in UTF-8": (b'{"event_name": "\xed\xa0\x80"}', 400),
    "UTF-16": (json.dumps(event()).encode("utf-16"), 400),
    "properties a list": (event(properties=[]), 422),
    "properties a number": (event(properties=1), 422),
    "properties a broken text": (event(properties='{"a": '), 422),
    "properties a text with NaN": (event(properties='{"a": NaN}'), 422),
    "properties a text that is no object": (event(properties="[1]"), 422),
    "a property's name too long": (event(properties={"x" * 10_001: 1}), 422),
    "deep lists": (b"[" * DEEP + b"]" * DEEP, 400),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 400),
    "deep unclosed": (b"[" * DEEP, 400),
    "a deep property": (with_property("[" * DEEP + "]" * DEEP), 400),
    "deep text": (event(properties="[" * DEEP + "]" * DEEP), 422),
    **{
        f"timestamp {what}": (event(timestamp=value), 422)
        for what, value in (
            ("in the year 0", "0000-01-01T00:00:00Z"),
            ("in the year 1", "0001-01-01"),
            ("in the year 60000", "60000-01-01T00:00:00Z"),
            ("in 1969", -1),
            ("in 2200", "2200-01-01"),
            ("unreadable", "tomorrow"),
            ("in the American order", "12/31/2026"),
            ("boolean", True),
            ("object", {}),
            ("list", [1]),
            ("of 400 digits", 10**400),
            ("unresolved", "{{right_now}}"),
            ("too large", 1e300),
        )
    },
    "too long a body": (b'{"a": "' + b"x" * lite.BODY_LIMIT + b'"}', 413),
}
KINDS = {
    "neither JSON nor form": (b"hello", "text/plain", 415),
    "no type": (b"hello", "", 415),
    "XML": (b"<event/>", "application/xml", 415),
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="event_name"\r\n\r\na\r\n--x--',
        "multipart/form-data; boundary=x",
        415,
    ),
    "gzip without saying so": (
        gzip.compress(json.dumps(event()).encode()),
        "application/json",
        400,
    ),
    "gzip as a file": (gzip.compress(b"{}"), "application/gzip", 415),
    "a form that is not UTF-8": (b"event_name=%ff&location_id=a&distinct_id=b", FORM, 400),
    "a form with raw bytes": (b"event_name=\xff", FORM, 400),
    "a form with NUL": (b"event_name=%00&location_id=a&distinct_id=b", FORM, 422),
    "a form of too many fields": (b"&".join(b"a=1" for _ in range(2001)), FORM, 400),
    "an empty form": (b"", FORM, 400),
    "a form of one word": (b"hello", FORM, 422),
    "an unresolved form": (b"event_name=a&location_id={{location.id}}&distinct_id=b", FORM, 422),
    "JSON that says form": (b'{"event_name": ', FORM, 400),
    "JSON that says text": (b"[]", "text/plain", 422),
    "a type that only begins well": (b"hello", "application/jsonx", 415),
}


@pytest.fixture(scope="module")
def filled():
    """One app for all bad input, with something stored that could be harmed."""
    api = Api()
    api.post(event("d-9", contact_id="c-1", properties={"value": 1}))
    yield api
    api.app.close()


@pytest.mark.parametrize(
    "body, kind, status",
    [
        pytest.param(body, "application/json", status, id=name)
        for name, (body, status) in BAD.items()
    ]
    + [pytest.param(*case, id=name) for name, case in KINDS.items()],
)
def test_bad_input_is_a_clear_4xx_stores_nothing_and_is_kept(filled, body, kind, status):
    before = tables(filled)
    problem = check_problem(filled.post(body, kind=kind), status)
    assert tables(filled) == before
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert filled.rows(
        "select body, code from rejections where rejection_id = ?", (problem["rejection_id"],)
    ) == [(sent[:65_536], problem["code"])]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "x"])
def test_an_encoded_body_is_refused_and_kept(filled, coding):
    body, before = gzip.compress(json.dumps(event()).encode()), tables(filled)
    problem = check_problem(filled.post(body, headers={"Content-Encoding": coding}), 415)
    assert (problem["code"], tables(filled)) == ("content_encoding", before)
    assert filled.rows(
        "select body from rejections where rejection_id = ?", (problem["rejection_id"],)
    ) == [(body,)]


@pytest.mark.parametrize(
    "what",
    [
        "no key",
        "a wrong key",
        "a revoked key",
        "a key for another location",
        "the wrong method",
        "an unknown path",
    ],
)
def test_a_request_at_the_wrong_door_is_a_4xx(filled, what):
    revoked, bound = filled.key(), filled.key(locations=["loc-2"])
    filled("DELETE", f"/keys/v1/{filled.get('/keys/v1')['keys'][1]['key_id']}")
    key, method, path, status, code = {
        "no key": (None, "POST", "/events/ingestion/v1", 401, "key_missing"),
        "a wrong key": ("sl_wrong", "POST", "/events/ingestion/v1", 401, "key_unknown"),
        "a revoked key": (revoked, "POST", "/events/ingestion/v1", 401, "key_revoked"),
        "a key for another location": (
            bound,
            "POST",
            "/events/ingestion/v1",
            403,
            "location_not_allowed",
        ),
        "the wrong method": (ADMIN, "PUT", "/events/ingestion/v1", 405, "method_not_allowed"),
        "an unknown path": (ADMIN, "POST", "/events/ingestion/v2", 404, "not_found"),
    }[what]
    before = tables(filled)
    problem = check_problem(filled(method, path, event(), key=key), status)
    assert (problem["code"], "rejection_id" in problem, tables(filled)) == (
        code,
        status == 403,
        before,
    )


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.api+json",
        "text/plain",
        FORM,
        "",
        "nonsense",
    ],
)
def test_an_object_is_json_whatever_its_content_type_says(api, kind):
    assert api.post(b"\xef\xbb\xbf \n" + json.dumps(event()).encode(), kind=kind).status_int == 201


@pytest.mark.parametrize(
    "body",
    [
        b"event_name=Offer+Made&location_id=loc-1&distinct_id=d-1&properties[value]=1&properties.note=%C3%A9&timestamp=1767225600",
        b"event_name=Offer%20Made&location_id=loc-1&distinct_id=d-1&properties=%7B%22value%22%3A%221%22%2C%22note%22%3A%22%C3%A9%22%7D&timestamp=2026-01-01&contact_id=",
    ],
)
def test_a_form_is_an_event(api, body):
    answer = api.post(body, kind=FORM + "; charset=utf-8")
    assert (
        answer.status_int,
        answer.json["event"]["properties"],
        answer.json["event"]["contact_id"],
    ) == (201, {"value": "1", "note": "é"}, None)


# Methods, paths and queries


PATHS = sorted({re.sub(r"\{\w+\}", "1", route.path) for route in lite.ROUTES})


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_a_path_does_not_know_is_405_and_names_those_it_knows(filled, path):
    known = {route.method for route in lite.ROUTES if re.sub(r"\{\w+\}", "1", route.path) == path}
    before = tables(filled)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - known:
        answer = filled(method, path)
        check_problem(answer, 405)
        assert set(re.split(r",\s*", answer.headers["Allow"])) >= known - {"HEAD"}
        assert not any(name.startswith("Access-Control") for name in answer.headers)
    assert tables(filled) == before


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/events",
        "/events/v1/",
        "/events/v1/abc",
        "/events/v1/-1",
        "/events/v1/1.0",
        "/events/v1/1/2",
        "/events/v1/999",
        "/events/v1/" + "9" * 400,
        "/events/v1/%D9%A1",
        "/events/v1/1%0A",
        "/keys/v1/x",
        "/static/../streamlined_lite.py",
        "/static/%2e%2e/pyproject.toml",
        "/static/nothing.js",
        "/contacts/v1/loc-1",
        "/EVENTS/v1",
        "/.git/config",
        "/streamlined-lite.db",
    ],
)
def test_an_unknown_path_is_404(filled, path):
    check_problem(filled("GET", path), 404)


def test_of_the_folder_of_the_page_only_what_a_browser_needs_is_served(tmp_path):
    for name in ("index.html", "app.js", "README.md", "notes.txt", ".hidden"):
        (tmp_path / name).write_text(name)
    assert set(lite.load_assets(tmp_path)) == {"index.html", "app.js"}


@pytest.mark.parametrize(
    "method, path",
    [
        (method, path)
        for method in ("GET", "PUT", "DELETE")
        for path in (
            "/contacts/v1/loc-1/%ff",
            "/contacts/v1/loc-1/c-1%ff",
            "/contacts/v1/loc-1%c3/c-1",
            "/contacts/v1/loc-1/c%00-1",
            "/contacts/v1/loc-1/c-1%0A",
            "/contacts/v1/loc-1/%ed%a0%80",
        )
    ]
    + [
        ("POST", "/events/ingestion/v1%ff"),
        ("DELETE", "/locations/v1/loc-1%ff"),
        ("PATCH", "/locations/v1/%80loc-1"),
    ],
)
def test_a_path_that_is_not_utf8_or_ends_a_line_is_404_and_no_other_path(filled, method, path):
    before = tables(filled)
    check_problem(
        filled(
            method,
            path,
            {} if method in ("PUT", "PATCH") else event() if method == "POST" else None,
        ),
        404,
    )
    assert tables(filled) == before


@pytest.mark.parametrize("contact_id", ["a/b", "a%2Fb", "ü n?c", "..", "%25", "a;b", "日本"])
def test_a_senders_id_in_a_path_is_that_very_id(api, contact_id):
    wanted = contact_id.replace("%2F", "/").replace("%25", "%")
    path = "/contacts/v1/loc-1/" + re.sub(r"[^/]+", lambda part: quote(part[0]), wanted)
    assert api("PUT", path, {"name": "x"}).status_int == 201
    assert (
        api.rows("select contact_id from contacts") == [(wanted,)]
        and api.get(path)["contact_id"] == wanted
    )


STRICT = [route for route in lite.ROUTES if route.query.model_config.get("extra") == "forbid"]


@pytest.mark.parametrize("route", STRICT, ids=lambda route: f"{route.method} {route.path}")
def test_an_unknown_query_parameter_is_refused_and_so_is_one_that_comes_twice_or_is_not_utf8(
    filled, route
):
    path, before = re.sub(r"\{\w+\}", "1", route.path), tables(filled)
    body = {} if route.body is not None else None
    known = list(route.query.model_json_schema().get("properties", {}))
    problem = check_problem(filled(route.method, f"{path}?nonsense=1&api_key=x", body), 422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("?nonsense", "unknown"),
        ("?api_key", "unknown"),
    ][: 2 - route.url_key]
    for name in known[:1]:
        assert (
            check_problem(filled(route.method, f"{path}?{name}=1&{name}=1", body), 422)["errors"][
                0
            ]["code"]
            == "twice"
        )
    check_problem(filled(route.method, f"{path}?a=%ff", body), 400)
    check_problem(filled(route.method, f"{path}?{'a=1&' * 101}", body), 400)
    assert tables(filled) == before


@pytest.mark.parametrize(
    "query",
    ["utm_source=x", "a=1&a=2", "%ff=%ff", "=", "&&", "event_name=other", "a=" + "x" * 5000],
)
def test_what_a_sender_appends_to_its_url_does_no_harm(api, query):
    answer = api("POST", f"/events/ingestion/v1?{query}", event())
    assert (answer.status_int, answer.json["event"]["event_name"]) == (201, "Offer Made")


def test_the_older_path_is_the_same(api):
    (newer,) = [route for route in lite.ROUTES if route.path == "/events/ingestion/v1"]
    assert replace(newer, path="/custom-events/ingestion/v1") in lite.ROUTES
    assert api("POST", "/custom-events/ingestion/v1", event()).json["status"] == "created"
    assert api.post(event()).json["status"] == "unchanged"


# Headers


@pytest.mark.parametrize(
    "method, path, key, status",
    [
        ("GET", "/healthz", None, 200),
        ("GET", "/openapi.json", None, 200),
        ("GET", "/events/v1", ADMIN, 200),
        ("GET", "/events/v1", None, 401),
        ("GET", "/nothing", None, 404),
        ("PATCH", "/events/v1", None, 405),
        ("GET", "/events/v1?x=1", ADMIN, 422),
        ("GET", "/events/v1/99", ADMIN, 404),
        ("GET", "/static/none", None, 404),
        ("GET", "/", None, None),
    ],
)
def test_every_answer_has_the_security_headers(filled, method, path, key, status):
    answer = filled(method, path, key=key)
    assert status in (None, answer.status_int)
    wanted = dict(lite.SECURITY_HEADERS) | (
        {"Cache-Control": "no-cache"} if path == "/" and answer.status_int == 200 else {}
    )
    assert {name: answer.headers.get(name) for name in wanted} == wanted
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Referrer-Policy"]) == (
        "nosniff",
        "no-referrer",
    )
    assert path == "/" or answer.headers["Cache-Control"] == "no-store"
    assert (
        "default-src 'none'" in answer.headers["Content-Security-Policy"]
        and "unsafe" not in answer.headers["Content-Security-Policy"]
    )
    assert (
        "Set-Cookie" not in answer.headers and "Access-Control-Allow-Origin" not in answer.headers
    )


def test_a_page_that_has_not_changed_keeps_the_security_headers(filled):
    """A browser takes those of a 304 in place of the ones that it has."""
    first = filled("GET", "/static/style.css")
    again = filled("GET", "/static/style.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_int, again.status_int, again.body) == (200, 304, b"")
    assert {name: again.headers.get(name) for name in lite.SECURITY_HEADERS} == {
        name: first.headers[name] for name in lite.SECURITY_HEADERS
    }


@pytest.mark.parametrize(
    "path",
    [route.path for route in lite.ROUTES if route.method == "GET" and "{" not in route.path]
    + ["/events/v1/1", "/events/v1/99", "/nothing"],
)
def test_head_is_get_without_the_body(filled, path):
    get, head = filled("GET", path), filled("HEAD", path)
    assert (head.status, head.body, dict(head.headers)) == (get.status, b"", dict(get.headers))


def test_on_the_wire_doubled_slashes_and_heads_and_refusals_of_the_server_itself_are_the_same(
    serve,
):
    served = serve()
    with served.connect() as connection:
        connection.sendall(
            request_bytes(event(), path="//events/ingestion/v1")
            + request_bytes(b"", method="HEAD", path="/events/v1", Connection="close")
        )
        status, _, body = (answers := Answers(connection)).next()
        assert (status, json.loads(body)["status"]) == (201, "created")
        head = answers.file.read()
        assert head.startswith(b"HTTP/1.1 200 ") and head.endswith(b"\r\n\r\n")
    big, none = b'{"a": "' + b"x" * lite.BODY_LIMIT + b'"}', b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"
    for sent, expected in (
        (request_bytes(big), 413),
        (none, 400),
        (request_bytes({}, Transfer_Encoding="gzip", Content_Length=None), 501),
    ):
        ((status, headers, body),) = exchange(served, sent)
        problem = json.loads(body)
        assert (status, problem["status"], headers["content-type"]) == (
            expected,
            expected,
            "application/problem+json",
        )
        assert {name.lower(): headers.get(name.lower()) for name in lite.SECURITY_HEADERS} == {
            name.lower(): value for name, value in lite.SECURITY_HEADERS.items()
        }


# Every route: what it answers, and to whom


OTHER = "another-location"
KEYS = ("nothing", "unknown", "revoked", "ingest", "sync", "read", "admin", "other")
REJECTED = event("refused", timestamp="soon")
WEBHOOK = {
    "type": "ContactCreate",
    "locationId": "loc-1",
    "id": "c-9",
    "email": "a@example.com",
    "timestamp": "2026-01-01T00:00:00.000Z",
}

# (method, path of the route) -> (what a key that is bound to another location gets,
# calls: (path, body, status) ...); the first call is the one of the matrix.
METRIC = {
    "name": "Offers",
    "format": {"style": "percent", "decimals": 1},
    "terms": [{"key": "A", "event": "Offer Made", "type": "contact"}],
    "formula": "A / 2",
}
QUESTION = {
    "metric": METRIC,
    "from": "1970-01-01",
    "to": "1970-01-04",
    "interval": "day",
    "compare": "previous_period",
    "breakdown": "property.value",
}
CALLS = {
    ("POST", "/events/ingestion/v1"): (
        403,
        [
            ("", event("new", contact_id="c-2", foo=1), 201),
            ("", event(timestamp=5), 200),
            ("", event(event_name="Paid"), 200),
            ("", sample("workflow-webhook-minimal", **event("w", location_id="loc-1")), 201),
            ("", {}, 422),
            ("", b"{", 400),
        ],
    ),
    ("POST", "/custom-events/ingestion/v1"): (
        403,
        [("", event("new"), 201), ("", event(), 200), ("", {}, 422)],
    ),
    ("POST", "/events/ingestion/v1/batch"): (
        422,
        [
            ("", [event("new"), event()], 200),
            ("", [event("new"), {}, event(contact_id=" ", foo=1)], 207),
            ("?atomic=true", [event("new"), {}], 422),
            ("", [], 200),
            ("", {}, 422),
            ("", b"[", 400),
        ],
    ),
    ("GET", "/events/v1"): (
        200,
        [
            ("", None, 200),
            ("?limit=1&location_id=loc-1&order=arrival", None, 200),
            ("?event_name=none", None, 200),
            ("?limit=0", None, 422),
        ],
    ),
    ("DELETE", "/events/v1"): (
        403,
        [
            ("?location_id=loc-1", None, 200),
            ("?event_name=Offer%20Made&dry_run=true", None, 200),
            ("", None, 422),
        ],
    ),
    ("GET", "/events/v1/{event_id}"): (
        404,
        [("/events/v1/1", None, 200), ("/events/v1/2", None, 200), ("/events/v1/99", None, 404)],
    ),
    ("DELETE", "/events/v1/{event_id}"): (
        403,
        [
            ("/events/v1/1", None, 200),
            ("/events/v1/2?dry_run=1", None, 200),
            ("/events/v1/99", None, 404),
        ],
    ),
    ("GET", "/event-names/v1"): (
        200,
        [("", None, 200), ("?location_id=loc-1", None, 200), ("?x=1", None, 422)],
    ),
    ("POST", "/contacts/ingestion/v1"): (
        403,
        [
            ("", WEBHOOK, 200),
            ("", WEBHOOK | {"email": "b@example.com", "timestamp": "2026-01-02"}, 200),
            ("", WEBHOOK | {"type": "Other"}, 200),
            ("", WEBHOOK | {"type": "ContactDelete", "id": "c-1"}, 200),
            ("", WEBHOOK | {"type": "ContactDelete", "id": "no"}, 200),
            ("", sample("workflow-webhook-custom-fields"), 200),
            ("", [], 422),
        ],
    ),
    ("GET", "/contacts/v1"): (
        200,
        [
            ("", None, 200),
            ("?limit=1&q=a&location_id=loc-1&tag=vip", None, 200),
            ("?limit=0", None, 422),
        ],
    ),
    ("GET", "/contacts/v1/{location_id}/{contact_id}"): (
        403,
        [("/contacts/v1/loc-1/c-1", None, 200), ("/contacts/v1/loc-1/no", None, 404)],
    ),
    ("PUT", "/contacts/v1/{location_id}/{contact_id}"): (
        403,
        [
            (
                "/contacts/v1/loc-1/new",
                {
                    "name": "A",
                    "tags": ["x"],
                    "date_created": 1,
                    "fields": {"a": True, "b": 1.5},
                    "foo": 1,
                },
                201,
            ),
            ("/contacts/v1/loc-1/c-1", {"email": None}, 200),
            ("/contacts/v1/loc-1/c-1", {"tags": 1}, 422),
        ],
    ),
    ("DELETE", "/contacts/v1/{location_id}/{contact_id}"): (
        403,
        [("/contacts/v1/loc-1/c-1", None, 200), ("/contacts/v1/loc-1/no", None, 404)],
    ),
    ("GET", "/locations/v1"): (200, [("", None, 200)]),
    ("PATCH", "/locations/v1/{location_id}"): (
        403,
        [
            ("/locations/v1/loc-1", {"name": "One", "timezone": "Europe/Berlin"}, 200),
            ("/locations/v1/loc-1", {"x": 1}, 422),
            ("/locations/v1/no", {}, 404),
        ],
    ),
    ("DELETE", "/locations/v1/{location_id}"): (
        403,
        [("/locations/v1/loc-1", None, 200), ("/locations/v1/no", None, 404)],
    ),
    ("GET", "/metrics/v1"): (200, [("", None, 200)]),
    ("POST", "/metrics/v1"): (
        403,
        [
            ("", METRIC | {"name": "New", "position": 1}, 201),
            ("", METRIC, 409),
            ("", {"terms": []}, 422),
        ],
    ),
    ("GET", "/metrics/v1/export"): (200, [("", None, 200)]),
    ("POST", "/metrics/v1/import"): (
        403,
        [("", {"metrics": [METRIC, METRIC | {"name": "New"}]}, 200), ("", {}, 422)],
    ),
    ("POST", "/metrics/v1/query"): (
        200,
        [
            ("", {"metric": METRIC}, 200),
            ("", QUESTION, 200),
            ("", {"metric": METRIC | {"formula": "A +"}}, 422),
        ],
    ),
    ("POST", "/metrics/v1/events"): (
        200,
        [
            ("", {"metric": METRIC, "term": "A", "from": 1, "to": "2026-01-02"}, 200),
            ("", QUESTION | {"term": "A", "compared": True, "group": {"key": "1"}}, 200),
            ("", {"metric": METRIC, "term": "B"}, 422),
        ],
    ),
    ("GET", "/metrics/v1/{metric_id}"): (
        200,
        [("/metrics/v1/1", None, 200), ("/metrics/v1/9", None, 404)],
    ),
    ("PUT", "/metrics/v1/{metric_id}"): (
        403,
        [
            ("/metrics/v1/1", METRIC | {"name": "Renamed"}, 200),
            ("/metrics/v1/9", METRIC, 404),
            ("/metrics/v1/1", {}, 422),
        ],
    ),
    ("DELETE", "/metrics/v1/{metric_id}"): (
        403,
        [("/metrics/v1/1", None, 200), ("/metrics/v1/1", None, 404)],
    ),
    ("GET", "/metrics/v1/{metric_id}/data"): (
        200,
        [
            ("/metrics/v1/1/data", None, 200),
            ("/metrics/v1/9/data", None, 404),
            (
                "/metrics/v1/1/data?from=2025-12-30&to=2026-01-02&interval=day&locations=all&compare=previous_year",
                None,
                200,
            ),
            ("/metrics/v1/1/data?interval=fortnight", None, 422),
        ],
    ),
    ("GET", "/metrics/v1/data"): (
        200,
        [
            ("", None, 200),
            ("?ids=1,9&interval=day&compare=previous_year", None, 200),
            ("?ids=x", None, 422),
        ],
    ),
    ("GET", "/contact-fields/v1"): (200, [("", None, 200), ("?location_id=loc-1", None, 200)]),
    ("GET", "/rejections/v1"): (
        403,
        [("", None, 200), ("?limit=1&location_id=loc-1", None, 200), ("?cursor=x", None, 422)],
    ),
    ("POST", "/rejections/v1/{rejection_id}/replay"): (
        403,
        [
            ("/rejections/v1/1/replay", event("refused"), 201),
            ("/rejections/v1/2/replay", event("refused"), 200),
            ("/rejections/v1/1/replay", None, 409),
            ("/rejections/v1/9/replay", None, 404),
        ],
    ),
    ("DELETE", "/rejections/v1/{rejection_id}"): (
        403,
        [("/rejections/v1/1", None, 200), ("/rejections/v1/1", None, 404)],
    ),
    ("GET", "/attempts/v1"): (403, [("", None, 200)]),
    ("GET", "/keys/v1"): (403, [("", None, 200)]),
    ("POST", "/keys/v1"): (
        403,
        [("", {"name": "new", "locations": ["loc-1"]}, 201), ("", {}, 422)],
    ),
    ("DELETE", "/keys/v1/{key_id}"): (403, [("/keys/v1/1", None, 200), ("/keys/v1/99", None, 404)]),
    ("GET", "/session/v1"): (200, [("", None, 200), ("?x=1", None, 422)]),
    ("GET", "/healthz"): (200, [("", None, 200)]),
    ("GET", "/openapi.json"): (200, [("", None, 200)]),
}
EACH_ROUTE = pytest.mark.parametrize(
    "route", lite.ROUTES, ids=lambda route: f"{route.method} {route.path}"
)


def url(route: lite.Route, path: str) -> str:
    """A call's path stands alone, or is the query behind that of its route."""
    return path if path.startswith("/") else route.path + path


def world() -> tuple[Api, dict[str, str | None]]:
    """An app with something of everything, and keys of all kinds; "other" has the route's scope."""
    api = Api()
    api.post(event(contact_id="c-1", properties={"value": 1, "note": "x"}, timestamp=1))
    api.post(event("d-2", foo=1))
    api(
        "PUT",
        "/contacts/v1/loc-1/c-1",
        {
            "name": "Ann",
            "email": "a@example.com",
            "tags": ["vip"],
            "date_created": "2025-01-01",
            "fields": {"Age": 44},
        },
    )
    api("POST", "/metrics/v1", METRIC)
    api.post(REJECTED)
    api.post(b"\xff")
    api.post(event(), key=None)
    keys = {scope: api.key(scope=scope) for scope in ("ingest", "sync", "read", "admin")} | {
        "revoked": api.key(),
        "unknown": "sl_unknown",
        "nothing": None,
    }
    keys |= {
        f"other {scope}": api.key(scope=scope, locations=[OTHER]) for scope in ("sync", "read")
    }
    api("DELETE", "/keys/v1/5")
    api("GET", "/events/v1", key=keys["read"])
    return api, keys


def test_every_route_has_its_calls_here():
    assert set(CALLS) == {(route.method, route.path) for route in lite.ROUTES}


@EACH_ROUTE
def test_who_may_call_a_route(route):
    bound_status, calls = CALLS[route.method, route.path]
    path, body, good = calls[0]
    api, keys = world()
    for name in KEYS:
        allowed = (
            name in lite.ALLOWED[route.scope]
            if route.scope
            else not route.knows_key or name not in ("unknown", "revoked")
        )
        if allowed and route.scope is not None:  # each on data that no other has changed
            api.app.close()
            api, keys = world()
        expected = (
            good
            if allowed
            else 401
            if name in ("nothing", "unknown", "revoked")
            else bound_status
            if name == "other"
            else 403
        )
        key = (
            keys[name]
            if name != "other"
            else keys["other read" if route.scope in ("read", None) else "other sync"]
        )
        before = tables(api)
        answer = api(route.method, url(route, path), body, key=key)
        assert (name, answer.status_int) == (name, expected)
        assert allowed or tables(api) == before
        assert name != "other" or "loc-1" not in answer.text or route.path == "/openapi.json"
    api.app.close()


# OpenAPI


FORMATS = FormatChecker()
FORMATS.checks("date-time", ValueError)(
    lambda text: not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None
)


@pytest.fixture(scope="module")
def document(filled) -> dict:
    return filled.get("/openapi.json", key=None)


def closed(schema):
    """The schema, where objects hold nothing that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closing = (
        {"additionalProperties": False}
        if isinstance(schema.get("properties"), dict) and "type" in schema
        else {}
    )
    return closing | {name: closed(each) for name, each in schema.items()}


def check_answer(document: dict, route: lite.Route, answer) -> None:
    """The answer's status, type and content are as the document declares them."""
    responses = document["paths"][route.path][route.method.lower()]["responses"]
    declared = responses.get(str(answer.status_int)) or responses[f"{answer.status_int // 100}XX"]
    schema = declared["content"][answer.content_type]["schema"]
    whole = closed(schema) | {"components": closed(document["components"])}
    Draft202012Validator(whole, format_checker=FORMATS).validate(answer.json)


def test_the_document_is_openapi_3_1(document):
    assert (
        document["openapi"].startswith("3.1.")
        and document["info"]["version"] == lite.__version__
        and document["info"]["title"]
    )
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(
        operation["summary"] and "\n" not in operation["summary"] for operation in operations
    )
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            inside = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
            assert inside == re.findall(r"\{(\w+)\}", path) and all(
                each["required"] for each in operation["parameters"] if each["in"] == "path"
            )
            assert len({(each["in"], each["name"]) for each in operation["parameters"]}) == len(
                operation["parameters"]
            )
            for each in operation["parameters"]:
                Draft202012Validator.check_schema(each["schema"])
            assert all(
                re.fullmatch("[1-5](XX|[0-9]{2})", status) and answer["description"]
                for status, answer in operation["responses"].items()
            )
            assert all(
                set(need) <= set(document["components"]["securitySchemes"])
                for need in operation["security"]
            )
    for reference in re.findall(r'"\$ref":\s*"([^"]+)"', json.dumps(document)):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_the_document_has_every_route_of_the_app_and_no_other(document):
    asked = {
        (route.method, re.sub(r"<(\w+)(:[^>]*)?>", r"{\1}", route.rule))
        for route in lite.create_app(lite.Config(database=":memory:")).routes
    }
    page = {("GET", "/"), ("GET", "/static/{name}")}
    assert (
        asked - page
        == {
            (method.upper(), path)
            for path, methods in document["paths"].items()
            for method in methods
        }
        and page <= asked
    )


@EACH_ROUTE
def test_a_route_declares_its_key_its_query_and_its_body(document, route):
    operation = document["paths"][route.path][route.method.lower()]
    optional = [{"key": []}, {}] if route.knows_key else []
    assert operation["security"] == (
        optional if route.scope is None else [{"key": []}] + [{"url_key": []}] * route.url_key
    )
    queries = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
    assert queries == set(route.query.model_json_schema().get("properties", {})) - {"api_key"}
    assert (
        ("requestBody" in operation)
        == (route.body is not None)
        == any(body is not None for _, body, _ in CALLS[route.method, route.path][1])
    )


@EACH_ROUTE
def test_real_answers_are_what_the_document_declares(document, route):
    api, _ = world()
    met = set()
    for path, body, status in CALLS[route.method, route.path][1]:
        answer = api(route.method, url(route, path), body)
        assert (path, answer.status_int) == (path, status), answer.text
        check_answer(document, route, answer)
        met.add(status)
    declared = {
        int(status)
        for status in document["paths"][route.path][route.method.lower()]["responses"]
        if status.isdigit()
    }
    assert declared - {503} <= met
    api.app.close()


def test_health_is_true_to_the_document_in_trouble_too(document, api):
    api.app.database.trouble = lite.TryLater("x", "disk_full")
    answer = api("GET", "/healthz", key=None)
    assert (answer.status_int, answer.json) == (
        503,
        {"status": "failing", "version": lite.__version__, "writer": "disk_full"},
    )
    check_answer(document, next(route for route in lite.ROUTES if route.path == "/healthz"), answer)


@pytest.mark.parametrize(
    "body, good",
    [
        (event(), True),
        (event(contact_id=None, timestamp=None, properties=None), True),
        (event(timestamp="2026-01-01", properties={"a": 1.5, "b": "c"}), True),
        ({}, False),
        (event(event_name=""), False),
        (event(properties={"a": True}), False),
        (event(properties={"a": None}), False),
        (event(timestamp=[]), False),
    ],
)
def test_the_schema_of_an_event_agrees_with_what_is_taken(document, api, body, good):
    schema = {"$ref": "#/components/schemas/Event", "components": document["components"]}
    assert Draft202012Validator(schema).is_valid(body) is good is (api.post(body).status_int == 201)


def test_the_document_names_the_public_address():
    api = Api(public_url="https://events.example.com")
    assert api.get("/openapi.json")["servers"] == [{"url": "https://events.example.com"}]
    api.app.close()


def test_a_sender_with_a_wrong_url_or_method_is_shown_to_an_admin(api):
    for method, path in (
        ("POST", "/event/ingestion/v1"),
        ("PUT", "/events/ingestion/v1"),
        ("GET", "/nothing"),
    ):
        assert api(method, path, event() if method != "GET" else None).status_int in (404, 405)
    assert [
        (each["path"], "/events/ingestion/v1" in each["reason"])
        for each in api.get("/attempts/v1")["attempts"]
    ] == [("/events/ingestion/v1", False), ("/event/ingestion/v1", True)]


def test_every_answer_has_its_line_where_that_is_wished(capsys):
    api = Api(log_requests=True)
    for method, path in (
        ("GET", "/healthz"),
        ("POST", "/no-such-path"),
        ("PUT", "/events/v1"),
        ("GET", "/"),
    ):
        api(method, path)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        'GET "/healthz" 200',
        'POST "/no-such-path" 404',
        'PUT "/events/v1" 405',
        'GET "/" 200',
    ]
    api.app.close()


def test_a_compressed_body_without_its_header_is_recognized(api):
    answer = api.post(gzip.compress(b"{}"), kind="text/plain")
    assert answer.status_int == 415 and "gzip" in answer.json["detail"]
