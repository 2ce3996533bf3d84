"""The API from outside: bad input, methods, paths and headers."""

import functools
import gzip
import json
import re
from dataclasses import replace
from urllib.parse import quote

import pytest
from conftest import ADMIN, Answers, Api, event, exchange, request_bytes

import streamlined_lite as lite

FORM = "application/x-www-form-urlencoded"
DATA = (
    *("events", "contacts", "contact_tags", "locations", "keys", "metrics"),
    *("alerts", "reports", "unsubscribed"),
)


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
    "properties a list": (event(properties=[1]), 422),
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
    "a multipart form without a boundary": (b"--x--", "multipart/form-data", 400),
    "a multipart form that lacks fields": (
        b'--x\r\nContent-Disposition: form-data; name="event_name"\r\n\r\na\r\n--x--',
        "multipart/form-data; boundary=x",
        422,
    ),
    "a multipart form without an end": (
        b'--x\r\nContent-Disposition: form-data; name="event_name"\r\n\r\na\r\n--x',
        "multipart/form-data; boundary=x",
        400,
    ),
    "a multipart form of another boundary": (
        b"--y\r\n\r\n\r\n--y--",
        "multipart/form-data; boundary=x",
        400,
    ),
    "a multipart field without a name": (
        b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
        "multipart/form-data; boundary=x",
        400,
    ),
    "a multipart form that is not UTF-8": (
        b'--x\r\nContent-Disposition: form-data; name="event_name"\r\n\r\n\xff\r\n--x--',
        "multipart/form-data; boundary=x",
        400,
    ),
    "a multipart form of too many fields": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n' * 2001 + b"--x--",
        "multipart/form-data; boundary=x",
        400,
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
        status != 401,
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


def test_an_encoded_slash_belongs_to_an_id_and_blanks_at_its_ends_do_not(server):
    def call(method, path, body=b""):
        status, _, content = exchange(server, request_bytes(body, path=path, method=method))[0]
        return status, json.loads(content)

    for sent, wanted in [
        ("a%2Fb", "a/b"),
        ("a%2fb%2F", "a/b/"),
        ("%2E", "."),
        ("..", ".."),
        ("%2E%2E%20", ".."),
        ("%252E", "%2E"),
    ]:
        path = f"/contacts/v1/{sent}/{sent}"
        assert call("PUT", path, b'{"tags": 1}')[0] == 422
        (kept,) = call("GET", "/rejections/v1")[1]["rejections"]
        assert kept["location_id"] == wanted
        call("PUT", path, b'{"name": "Ann"}')
        found = call("GET", path)[1]
        assert (found["location_id"], found["contact_id"]) == (wanted, wanted)
        assert call("DELETE", path)[1]["rejections"] == 1
        assert call("PATCH", f"/locations/v1/{sent}", b'{"name": "B"}')[1]["location_id"] == wanted
        assert call("DELETE", f"/locations/v1/{sent}")[0] == 200
    call("PUT", "/contacts/v1/loc/c/1", b"{}")
    assert call("GET", "/contacts/v1/loc/c%2F1")[1]["contact_id"] == "c/1"


STRICT = [route for route in lite.ROUTES if route.query.model_config.get("extra") == "forbid"]


@pytest.mark.parametrize("route", STRICT, ids=lambda route: f"{route.method} {route.path}")
def test_an_unknown_query_parameter_is_refused_and_so_is_one_that_comes_twice_or_is_not_utf8(
    filled, route
):
    key = ADMIN
    if route.scope == "share":
        key = filled("POST", "/shares/v1", {"dashboard_id": 1, "locations": "all"}).json["token"]
    call = functools.partial(filled, route.method, key=key)
    path, before = re.sub(r"\{\w+\}", "1", route.path), tables(filled)
    body = {} if route.body is not None else None
    schema = route.query.model_json_schema()
    known = list(schema.get("properties", {}))
    required = "".join(f"{name}=1&" for name in schema.get("required", []))
    address = f"{path}?{required}nonsense=1&api_key=x"
    problem = check_problem(call(address, body), 422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("?nonsense", "unknown"),
        ("?api_key", "unknown"),
    ][: 2 - route.url_key]
    for name in known[:1]:
        assert (
            check_problem(call(f"{path}?{name}=1&{name}=1", body), 422)["errors"][0]["code"]
            == "twice"
        )
    check_problem(call(f"{path}?a=%ff", body), 400)
    check_problem(call(f"{path}?{'a=1&' * 101}", body), 400)
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


def test_a_compressed_body_without_its_header_is_recognized(api):
    answer = api.post(gzip.compress(b"{}"), kind="text/plain")
    assert answer.status_int == 415 and "gzip" in answer.json["detail"]
