"""Requests that a machine made up: from the OpenAPI document (Schemathesis), and from bytes, texts
and definitions (Hypothesis).

    FUZZ_EXAMPLES=2000 .venv-test/bin/pytest -s tests/test_fuzz.py

makes up so many for each test and says how many passed; the suite takes a few of each. All of them
must be answered as the document says, leave no line in the log, and leave the data as they were
unless the answer is a 2xx.
"""

import functools
import json
import logging
import os
import socket
from collections import Counter
from contextlib import suppress

import pytest
import schemathesis
from conftest import ADMIN, BODIES, Answers, event, request_bytes
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from test_application import CALLS, FORMATS, METRIC, closed, url, world
from test_http import DATA, FORM

import streamlined_lite as lite

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 5))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT = json.loads(lite.to_json(lite.openapi("")))


def without_recursion(document: dict) -> dict:
    """Schemathesis may descend without end into a schema that contains itself, as filters do."""
    itself = '"$ref": "#/components/schemas/%s"'
    schemas = {
        name: json.loads(json.dumps(each).replace(itself % name, '"type": "object"'))
        for name, each in document["components"]["schemas"].items()
    }
    return document | {"components": document["components"] | {"schemas": schemas}}


OPERATIONS = {
    each.ok().label: each.ok()
    for each in schemathesis.openapi.from_dict(without_recursion(DOCUMENT)).get_all_operations()
}
passed: Counter = Counter()


@pytest.fixture(scope="module", autouse=True)
def say_how_many():
    yield
    print(f"\n{passed.total():,} made-up requests passed: {dict(passed)}")


def make_up(number: int = EXAMPLES):
    """So many examples; few are the same each time, many are others each time."""
    few = EXAMPLES <= 100
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=few,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate] if few else [Phase.generate, Phase.shrink],
    )


class Target:
    """An app with something of everything, new now and then, and what a request does to it."""

    def __init__(self):
        self.uses, self.api = 0, None

    def fresh(self):
        if self.uses % 100 == 0:
            self.close()
            self.api, _ = world()
        self.uses += 1
        return self.api

    def close(self) -> None:
        if self.api:
            self.api.app.close()

    def state(self) -> dict[str, list]:
        return {name: self.api.rows(f"select * from {name}") for name in DATA}

    def send(
        self,
        route: lite.Route,
        path: str,
        body: bytes | None = None,
        kind: str = lite.JSON,
        **headers,
    ):
        """The answer, which is true to the document; what is no 2xx has changed nothing."""
        api = self.fresh()
        before = self.state()
        answer = api(route.method, url(route, path), body, kind=kind, headers=headers)
        content = answer.text
        if answer.content_type != lite.HTML:
            content = json.loads(answer.body, parse_constant=pytest.fail)
        validator(route.path, route.method, answer.status_int, answer.content_type).validate(
            content
        )
        assert answer.status_int < 500 and (answer.status_int < 400 or self.state() == before)
        passed[f"{answer.status_int // 100}xx"] += 1
        return answer


@functools.cache
def validator(path: str, method: str, status: int, kind: str) -> Draft202012Validator:
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    declared = responses.get(str(status)) or responses[f"{status // 100}XX"]
    return Draft202012Validator(
        closed(declared["content"][kind]["schema"])
        | {"components": closed(DOCUMENT["components"])},
        format_checker=FORMATS,
    )


@pytest.fixture
def target(caplog):
    made = Target()
    with caplog.at_level(logging.WARNING):
        yield made
    made.close()
    assert caplog.records == []


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_document_allows_and_what_it_forbids_is_answered_as_it_says(target, label):
    operation = OPERATIONS[label]
    modes = [GenerationMode.POSITIVE] + [GenerationMode.NEGATIVE] * bool(
        operation.body or operation.query or operation.path_parameters
    )

    @make_up()
    @given(case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes)))
    def fuzz(case):
        case.operation.app = target.fresh().app
        before = target.state()
        response = case.call(headers={"X-API-Key": ADMIN})
        case.validate_response(response, checks=CHECKS)
        assert response.status_code < 400 or target.state() == before
        passed[f"{response.status_code // 100}xx"] += 1

    fuzz()


# Bodies


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from(
        ["1e999", "-1e-999", "0" * 50, "9" * 4_000, "1" + "0" * 400, "-0", "01", "0x1", "1e", "NaN"]
    ),
)
TEXTS = st.text()
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    TEXTS,
    st.sampled_from(["{{contact.id}}", "\ud800", "\0", " ", "x" * 10_001, "2026-01-01", "-1"]),
)


@st.composite
def json_texts(draw, names=TEXTS, depth: int = 4) -> str:
    """JSON as text: names may come twice, numbers have any length; sometimes deep or broken."""
    kind = draw(st.integers(0, 5 if depth else 3))
    if kind <= 1:
        return json.dumps(draw(SCALARS))
    if kind <= 3:
        number = draw(NUMBERS)
        return number if isinstance(number, str) else json.dumps(number)
    parts = draw(st.lists(json_texts(names, depth - 1), max_size=5))
    if kind == 4:
        return f"[{','.join(parts)}]"
    return "{" + ",".join(f"{json.dumps(draw(names))}:{part}" for part in parts) + "}"


@st.composite
def mutated(draw, samples: list[bytes]) -> bytes:
    """One of these with some places cut, doubled or overwritten."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        middle = draw(
            st.one_of(
                st.just(b""),
                st.just(data[at : at + length] * 2),
                st.binary(max_size=8),
                st.sampled_from(
                    [b'"', b"{", b"]", b"null", b"\xff", b"\0", b"\\ud800", b"1e999", b"\r\n"]
                ),
            )
        )
        data = data[:at] + middle + data[at + length :]
    return data


FIELDS = st.sampled_from(
    [
        "event_name",
        "location_id",
        "distinct_id",
        "contact_id",
        "timestamp",
        "properties",
        "customData",
        "location",
        "id",
        "type",
        "locationId",
        "tags",
        "name",
        "email",
        "phone",
        "date_created",
        "fields",
        "action",
        "timezone",
        "scope",
        "locations",
        "metrics",
        "terms",
        "formula",
        "position",
        "metric",
        "from",
        "to",
        "interval",
        "breakdown",
        "properties.a",
        "properties[a]",
    ]
)
SAMPLES = [
    json.dumps(body).encode()
    for _, calls in CALLS.values()
    for _, body, _ in calls
    if isinstance(body, (dict, list))
] + [path.read_bytes() for path in sorted(BODIES.glob("*.json"))]
BODIES_MADE_UP = st.one_of(
    st.binary(max_size=300),
    st.text().map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text().map(lambda text: text.encode("utf-16", "surrogatepass")),
    json_texts(FIELDS).map(lambda text: text.encode("utf-8", "surrogatepass")),
    mutated(SAMPLES),
    st.integers(1, 5_000).map(lambda depth: b'{"properties":' * depth + b"1" + b"}" * depth),
    st.integers(1, 50_000).map(lambda depth: b"[" * depth),
    st.lists(st.tuples(FIELDS, st.text()), max_size=6).map(
        lambda fields: lite.urlencode(fields, errors="surrogatepass").encode()
    ),
)
KINDS = st.one_of(
    st.sampled_from(
        [
            lite.JSON,
            FORM,
            "text/plain",
            "",
            "application/x-ndjson",
            "application/json; charset=utf-16",
            "multipart/form-data",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20).map(
        lambda text: text.encode("latin-1").decode("latin-1")
    ),
)
TAKING = [each for each in lite.ROUTES if each.method in ("POST", "PUT", "PATCH")]


@pytest.mark.parametrize("route", TAKING, ids=lambda route: f"{route.method} {route.path}")
def test_any_body_is_taken_or_refused(target, route):
    path = CALLS[route.method, route.path][1][0][0]

    @make_up()
    @given(body=BODIES_MADE_UP, kind=KINDS)
    def fuzz(body, kind):
        target.send(route, path, body, kind)

    fuzz()


@make_up(EXAMPLES * 5)
@given(data=st.data())
def fuzz_headers(target, data):
    route = data.draw(st.sampled_from(lite.ROUTES))
    texts = st.text(
        st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60
    )
    names = st.sampled_from(
        [
            "X-API-Key",
            "Content-Encoding",
            "Content-Type",
            "Accept-Encoding",
            "If-None-Match",
            "Host",
            "X-Forwarded-For",
            "Expect",
            "Origin",
        ]
    )
    path, body, _ = CALLS[route.method, route.path][1][0]
    target.send(route, path, body, **data.draw(st.dictionaries(names, texts)))


def test_any_header_is_taken_or_refused(target):
    fuzz_headers(target)


QUERIES = [each for each in lite.ROUTES if each.query.model_fields]


@pytest.mark.parametrize("route", QUERIES, ids=lambda route: f"{route.method} {route.path}")
def test_any_query_is_taken_or_refused(target, route):
    path, body, _ = CALLS[route.method, route.path][1][0]
    cursors = [
        lite.write_cursor(place) for place in ((1,), (1, 2), ("a", 1), (2**70, "x"), (None,), ([],))
    ]
    values = st.one_of(
        st.text(),
        st.integers().map(str),
        st.sampled_from(
            cursors + ["all", "day", "location", "arrival", "timestamp", "2026-01-01", "true"]
        ),
        mutated([each.encode() for each in cursors]).map(lambda data: data.decode("latin-1")),
    )

    @make_up()
    @given(
        fields=st.dictionaries(
            st.sampled_from(sorted(route.query.model_fields)), values, max_size=4
        ),
        rest=st.sampled_from(["", "&%ff", "&a=1&a=2", "&&", "&="]),
    )
    def fuzz(fields, rest):
        query = lite.urlencode(fields, errors="surrogatepass") + rest
        target.send(
            route,
            f"{url(route, path.partition('?')[0])}?{query}",
            json.dumps(body).encode() if body is not None else None,
        )

    fuzz()


# Definitions


NAMES_OF_FIELDS = st.one_of(
    st.sampled_from(
        [
            "contact.tags",
            "contact.date_created",
            "contact.name",
            "contact.Age",
            "contact_id",
            "distinct_id",
            "property.value",
            "property.note",
            "property.",
            "contact.",
            "property.a'b\"c",
            "property.$[0]",
            "timestamp",
        ]
    ),
    st.text(max_size=10),
)
OPS = st.sampled_from(
    [
        "is",
        "is_not",
        "contains",
        "not_contains",
        "in",
        "not_in",
        "eq",
        "neq",
        "gt",
        "gte",
        "lt",
        "lte",
        "between",
        "before",
        "after",
        "in_last",
        "has_any",
        "has_all",
        "has_none",
        "is_set",
        "is_not_set",
    ]
)
OPERANDS = st.one_of(
    SCALARS,
    st.integers(),
    st.floats(),
    st.lists(st.one_of(SCALARS, st.floats()), max_size=4),
    st.sampled_from(["30d", "vip", [1, 2], ["2026-01-01", "2026-02-01"]]),
)
CONDITIONS = st.fixed_dictionaries(
    {"field": NAMES_OF_FIELDS, "op": OPS}, optional={"value": OPERANDS}
)
GROUPS = st.recursive(
    CONDITIONS,
    lambda inner: st.dictionaries(
        st.sampled_from(["all", "any"]), st.lists(inner, max_size=3), min_size=1, max_size=2
    ),
    max_leaves=8,
)
TERMS = st.fixed_dictionaries(
    {
        "key": st.sampled_from("ABCZa"),
        "event": st.sampled_from(["Offer Made", "Paid", "'; drop table events; --"]),
        "type": st.sampled_from(["account", "contact"]),
    },
    optional={
        "aggregation": st.sampled_from(
            [
                "count",
                "unique_contacts",
                "count_distinct",
                "sum",
                "avg",
                "min",
                "max",
                "median",
                "p90",
                "p95",
                "latest",
            ]
        ),
        "property": st.one_of(st.just("value"), st.text(max_size=10)),
        "filters": GROUPS,
    },
)
FORMULAS = st.one_of(
    st.text("ABC()+-*/. 0123456789e", max_size=30),
    st.just("A / B"),
    st.integers(1, 3_000).map(lambda depth: "(" * depth + "A" + ")" * depth),
    st.integers(1, 3_000).map(lambda depth: "-" * depth + "A"),
    st.text(max_size=10),
)
MOMENTS = st.one_of(
    st.sampled_from(
        [
            "2026-01-01",
            "1970-01-01",
            "2199-12-31",
            "2026-02-30",
            0,
            1767225600000,
            "2026-01-01T00:00:00+14:00",
        ]
    ),
    st.integers(),
    st.text(max_size=12),
)
CHOICES = {
    "locations": st.sampled_from(["all", ["loc-1"], [], ["none"], 1]),
    "from": MOMENTS,
    "to": MOMENTS,
    "interval": st.sampled_from(["total", "hour", "day", "week", "month", "year"]),
    "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "../x", ""]),
    "compare": st.sampled_from(["previous_period", "previous_year", "x"]),
    "breakdown": st.one_of(
        st.sampled_from(["location", "contact.tags", "property.value", "contact.name"]),
        NAMES_OF_FIELDS,
    ),
}
DEFINITIONS = st.fixed_dictionaries(
    {"terms": st.lists(TERMS, min_size=1, max_size=3, unique_by=lambda term: term["key"])},
    optional={"formula": FORMULAS, "name": st.text(max_size=5)},
)


@pytest.mark.parametrize("path", ["/metrics/v1/query", "/metrics/v1/events", "/metrics/v1"])
def test_any_definition_is_calculated_or_refused(target, path):
    route = next(each for each in lite.ROUTES if (each.method, each.path) == ("POST", path))
    asked = (
        DEFINITIONS
        if path == "/metrics/v1"
        else st.fixed_dictionaries(
            {"metric": DEFINITIONS} | ({"term": st.just("A")} if path.endswith("events") else {}),
            optional=CHOICES,
        )
    )

    @make_up(EXAMPLES * 10)
    @given(asked=asked)
    def fuzz(asked):
        target.send(route, "", json.dumps(asked).encode())

    fuzz()


# The wire


HEAD_SAMPLES = [
    request_bytes(event()),
    request_bytes(b"", path="/events/v1?limit=1", method="GET"),
    request_bytes(b"", method="DELETE", path="/keys/v1/99"),
    request_bytes(b"4\r\n{}  \r\n0\r\n\r\n", Content_Length=None, Transfer_Encoding="chunked"),
    request_bytes(METRIC, path="/metrics/v1"),
    request_bytes(event(), Expect="100-continue", version="1.0"),
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]


def test_any_bytes_on_the_wire_are_answered_or_end_the_connection(serve, caplog):
    served = serve(":memory:")

    @make_up(EXAMPLES * 10)
    @given(
        sent=st.one_of(
            mutated(HEAD_SAMPLES),
            st.binary(max_size=200),
            st.lists(mutated(HEAD_SAMPLES), min_size=2, max_size=3).map(b"".join),
        )
    )
    def fuzz(sent):
        with served.connect() as connection, suppress(ConnectionResetError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answers = Answers(connection)
            while (answer := answers.next())[0]:
                assert answer[0] < 500 or answer[0] in (501, 505)
                assert "content-security-policy" in answer[1] or answer[0] == 100
        passed["wire"] += 1

    with caplog.at_level(logging.INFO):
        fuzz()
    assert caplog.records == []
