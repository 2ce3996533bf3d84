"""Definitions of metrics: formulas, filters, what is refused and where; those that are saved."""

import json

import apsw
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_store import NOW, YEAR, condition, errors_of, metric, term

import streamlined_lite as lite
from streamlined_lite import Invalid, trim, validate

# Formulas

NUMBERS_AND_KEYS = st.one_of(
    st.integers(0, 99).map(str), st.sampled_from(["A", "B_2", "1.25", ".5", "2e1"])
)
FORMULAS = st.recursive(
    NUMBERS_AND_KEYS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", " *", "/ "]), inner).map("".join),
        inner.map("({})".format),
        inner.map(" -{}".format),
    ),
)


@settings(max_examples=300, deadline=None)
@given(FORMULAS)
def test_a_formula_has_the_value_that_arithmetic_gives_it(text):
    terms = {"A": 3, "B_2": -0.5}
    try:
        ours = lite.Formula(text, terms).value(terms)
    except (ZeroDivisionError, OverflowError):
        ours = None
    theirs = oracle.evaluate(text, terms)
    assert ours == theirs


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("A +", 4),
        ("A + Z", 5),
        ("(A", 1),
        ("A)", 2),
        ("A + (B * (A)", 5),
        ("()", 2),
        ("A B", 3),
        ("2A", 2),
        ("A ^ 2", 3),
        ("+A", 1),
        ("A // B", 4),
        ("1e999", 1),
        ("A + \u00a0B", 5),
        ("__import__('os')", 1),
        ("A.real", 2),
        ("A if B else A", 3),
        ("\U0001f600", 1),
        ("(" * 10_000 + "A" + ")" * 10_000, 101),
        ("-" * 10_000 + "A", 101),
        ("A" + " + A" * 10_000, 2_001),
        ("9" * 1_500, 1),
        (" ", 2),
    ],
)
def test_a_wrong_formula_names_the_column(text, column):
    error = errors_of(lite.Definition, {"terms": [term(), term(key="B")], "formula": text})[
        "/formula"
    ]
    assert (
        error["code"] == "formula"
        and error["column"] == column
        and f"column {column}" in error["message"]
    )


def test_ninety_nested_parentheses_are_calculated():
    assert lite.Formula("(" * 90 + "A" + ")" * 90, {"A"}).value({"A": 7}) == 7


# Bad input


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        (condition("colour", "is", "x"), "/field", "unknown_field"),
        (condition("property.", "is", "x"), "/field", "unknown_field"),
        (condition("property. \t", "is_set"), "/field", "unknown_field"),
        (condition("contact.", "is", "x"), "/field", "unknown_field"),
        (condition("contact.fields.", "is", "x"), "/field", "unknown_field"),
        (condition("contact.fields. ", "is", "x"), "/field", "unknown_field"),
        (condition("property.x", "like", "x"), "/op", "unknown_operator"),
        (condition("contact.tags", "is", "x"), "/op", "unknown_operator"),
        (condition("contact.date_created", "eq", 1), "/op", "unknown_operator"),
        (condition("contact.email", "gt", 1), "/op", "unknown_operator"),
        (condition("contact_id", "contains", "x"), "/op", "unknown_operator"),
        (condition("property.x", "gt", "many"), "/value", "not_a_number"),
        (condition("property.x", "gt"), "/value", "property_type"),
        (condition("property.x", "between", [1]), "/value", "list"),
        (condition("property.x", "between", [1, "x"]), "/value/1", "not_a_number"),
        (condition("contact.date_created", "between", ["", "2026-01-01"]), "/value/0", "timestamp"),
        (condition("property.x", "in", []), "/value", "list"),
        (condition("property.x", "in", ["a", "b", True]), "/value/2", "property_type"),
        (condition("contact.tags", "has_any", ""), "/value", "blank"),
        (condition("property.x", "is", True), "/value", "property_type"),
        (condition("property.x", "is", {}), "/value", "property_type"),
        (condition("property.x", "contains", ""), "/value", "blank"),
        (condition("property.x", "contains", "x" * 1_001), "/value", "too_long"),
        (condition("property.x", "is", "a\0b"), "/value", "nul_character"),
        (condition("property.x", "is_set", 1), "/value", "value"),
        (condition("contact.tags", "has_any", []), "/value", "list"),
        (condition("contact.date_created", "in_last", "soon"), "/value", "duration"),
        (condition("contact.date_created", "in_last", 30), "/value", "duration"),
        (condition("contact.date_created", "before", "2025-02-30"), "/value", "date"),
        (condition("contact.date_created", "before", "yesterday"), "/value", "timestamp"),
        (condition("property.x", "is", "x") | {"values": 1}, "/values", "unknown"),
        ({"all": [], "any": []}, "", "all_or_any"),
        ({"any": []}, "/any", "too_short"),
        ({"field": "property.x"}, "/op", "required"),
        (7, "", "object_type"),
    ],
)
def test_a_wrong_filter_is_pointed_at(body, place, code):
    definition = metric(
        term(type="contact", filters={"all": [{"any": [condition("property.ok", "is_set"), body]}]})
    )
    assert (
        errors_of(lite.Definition, definition)[f"/terms/0/filters/all/0/any/1{place}"]["code"]
        == code
    )


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"aggregation": "mode"}, "/terms/0/aggregation", "literal_error"),
        *(
            ({"aggregation": aggregation} | blank, "/terms/0/property", "required")
            for aggregation in lite.AGGREGATES.keys() - lite.WITHOUT_PROPERTY
            for blank in ({}, {"property": None}, {"property": ""}, {"property": " \u00a0"})
        ),
        ({"numbers": "1 234,5"}, "/terms/0/numbers", "literal_error"),
        ({"numbers": "1,234.5"}, "/terms/0/numbers", "numbers_unused"),
        (
            {"aggregation": "count_distinct", "property": "x", "numbers": "1,234.5"},
            "/terms/0/numbers",
            "numbers_unused",
        ),
        ({"property": "x"}, "/terms/0/property", "property_unused"),
        ({"type": "person"}, "/terms/0/type", "literal_error"),
        ({"event": " "}, "/terms/0/event", "blank"),
        ({"key": "1A"}, "/terms/0/key", "string_pattern_mismatch"),
        ({"filter": {}}, "/terms/0/filter", "unknown"),
        ({"filters": []}, "/terms/0/filters", "object_type"),
        (
            {"filters": {"all": [condition("contact.tags", "has_any", "x")]}},
            "/terms/0/filters/all/0/field",
            "contact_field",
        ),
        (
            {"filters": {"all": [condition("contact.tags", "is_set")] * 101}, "type": "contact"},
            "/terms/0/filters/all",
            "too_long",
        ),
        (
            {
                "filters": {"all": [{"any": [condition("contact.tags", "is_set")] * 51}] * 2},
                "type": "contact",
            },
            "/terms/0/filters",
            "too_many",
        ),
    ],
)
def test_a_wrong_term_is_pointed_at(change, pointer, code):
    assert errors_of(lite.Definition, metric(term() | change))[pointer]["code"] == code


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"to": "2024-01-01"}, "/to", "range"),
        ({"to": "2025-01-01"}, "/to", "range"),
        ({"from": "tomorrow"}, "/from", "timestamp"),
        ({"timezone": "Mars/Olympus"}, "/timezone", "time_zone"),
        ({"interval": "minute"}, "/interval", "literal_error"),
        ({"interval": "hour", "to": "2027-01-01"}, "/interval", "too_many_buckets"),
        ({"locations": []}, "/locations", "list"),
        ({"locations": "loc"}, "/locations", "list"),
        ({"compare": "other"}, "/compare", "literal_error"),
        ({"breakdown": "colour"}, "/breakdown", "unknown_field"),
        ({"breakdown": ""}, "/breakdown", "unknown_field"),
        ({"breakdown": "property."}, "/breakdown", "unknown_field"),
        ({"breakdown": "contact.fields."}, "/breakdown", "unknown_field"),
        ({"breakdown": "contact.date_created"}, "/breakdown", "unknown_field"),
        ({"breakdown": "tag"}, "/breakdown", "contact_field"),
        ({"metrics": 1}, "/metrics", "unknown"),
        ({"metric": None}, "/metric", "object_type"),
    ],
)
def test_a_wrong_query_is_pointed_at(change, pointer, code):
    assert (
        errors_of(lite.MetricQuery, {"metric": metric()} | YEAR | change)[pointer]["code"] == code
    )


def test_a_wrong_then_is_pointed_at_with_all_that_is_wrong():
    then = {"event": "Reply", "within": "7d"}
    of_contacts = {"type": "contact"}
    definition = metric(
        term("conversion", "A", type="account", then={"within": "0d", "by": 1}),
        term("median", "B", **of_contacts, then=then | {"event": " ", "within": "367d"}),
        term("contact_conversion", "C", **of_contacts),
        term("sum", "D", **of_contacts, then=then | {"within": "7"}),
        term("p90", "E", **of_contacts, property="x", then=then),
        term("count", "F", **of_contacts, then=then | {"filters": {"all": [{"field": "colour"}]}}),
        term("avg", "G", **of_contacts, numbers="1,234.5", then=then),
        term("max", "H", **of_contacts, then=[]),
        formula="A",
    )
    found = errors_of(lite.Definition, definition)
    assert {pointer.removeprefix("/terms"): each["code"] for pointer, each in found.items()} == {
        "/0/then": "then_of_contacts",
        "/0/then/event": "required",
        "/0/then/within": "duration",
        "/0/then/by": "unknown",
        "/1/then/event": "blank",
        "/1/then/within": "duration",
        "/2/then": "required",
        "/3/then/within": "duration",
        "/3/aggregation": "not_with_then",
        "/4/property": "property_unused",
        "/5/aggregation": "not_with_then",
        "/5/then/filters/all/0/field": "unknown_field",
        "/5/then/filters/all/0/op": "required",
        "/6/numbers": "numbers_unused",
        "/7/then": "object_type",
    }


def test_a_window_has_a_unit_and_at_most_366_days():
    for within in ("5m", "1h", "366d", "52w", "8784h", "527040m"):
        then = {"event": "Reply", "within": within}
        found = validate(lite.Definition, metric(term("conversions", type="contact", then=then)))
        assert found.terms[0].then.milliseconds == oracle.window(within)
    for within in ("", "d", "0m", "-1d", "1.5h", "1 d", "7D", "1s", "53w", 7, None, True, "9" * 30):
        then = {"event": "Reply", "within": within}
        found = errors_of(lite.Definition, metric(term("min", type="contact", then=then)))
        assert {pointer: each["code"] for pointer, each in found.items()} == {
            "/terms/0/then/within": "duration"
        }


def test_all_errors_come_at_once():
    definition = {
        "terms": [
            term(
                "sum",
                filters={"all": [condition("contact.tags", "is", 1), condition("colour", "is", 1)]},
            ),
            term(key="A", bla=1),
        ],
        "formula": "A + (B",
    }
    found = errors_of(
        lite.MetricQuery,
        {
            "metric": definition,
            "from": "2025-02-01",
            "to": "2025-01-01",
            "timezone": "?",
            "interval": "day",
        },
    )
    assert set(found) == {
        "/timezone",
        "/to",
        "/metric/formula",
        "/metric/terms/0/property",
        "/metric/terms/0/filters/all/0/op",
        "/metric/terms/0/filters/all/0/field",
        "/metric/terms/0/filters/all/1/field",
        "/metric/terms/1/bla",
        "/metric/terms/1/key",
    }


def test_what_a_zone_decides_is_not_refused_too_early(store):
    """In Tokyo this day ends before the time given for `to`."""
    body = {"metric": metric(), "from": "2025-06-02", "to": "2025-06-01T20:00:00Z"}
    validate(lite.MetricQuery, body)
    assert store.query(default_zone="Asia/Tokyo", **body)["from"] == "2025-06-01T15:00:00.000Z"
    with pytest.raises(Invalid) as caught:
        store.query(default_zone="UTC", **body)
    assert caught.value.errors[0]["pointer"] == "/to"


TRICKY = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
) | st.sampled_from(
    [
        "a.b",
        "[0]",
        "$",
        "$.a",
        "'",
        "''",
        '"',
        '\\"',
        "]",
        ":v1",
        "?",
        "%",
        "-- ",
        "x') or 1=1 --",
        "#-1",
        "\\u0041",
        "\n",
        "😀",
        "0",
    ]
)


@settings(max_examples=150, deadline=None)
@given(*[TRICKY.filter(lambda text: trim(text) == text.strip())] * 3)  # others are trimmed
def test_any_name_is_data(key, other, wanted):
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = lite.open_connection(":memory:", flags)
    lite.migrate(connection, ":memory:")
    key = key if key.strip() else "empty"
    name, place = key.strip(), other.strip() or "empty"
    for ascii in (True, False):
        properties = json.dumps({other: "other", key: wanted}, ensure_ascii=ascii)
        event = lite.Event(
            location_id=place, event_name=name, contact_id="c", distinct_id=str(ascii)
        )
        lite.insert_missing(connection, event, 0)
        connection.execute(
            "insert into events (location_key, name_key, contact_key, distinct_id, timestamp, "
            "properties, received_at, updated_at) "
            "select location_key, name_key, contact_key, ?, 1000, ?, 0, 0 "
            "from locations, event_names, contacts using (location_key)",
            (str(ascii), properties),
        )
        connection.execute("update contacts set fields = ?", (properties,))
    tests = [condition("contact.tags", "has_none", [key.strip()])]
    for field in (f"property.{key}", f"contact.fields.{key}"):
        if wanted.strip():
            tests += [condition(field, "is", wanted), condition(field, "in", [wanted])]
        else:
            tests += [condition(field, "is_not_set"), condition(field, "not_in", [wanted])]
    query = lite.MetricQuery(
        metric=metric(term(event=name, type="contact", filters={"all": tests})),
        from_="1970-01-01T00:00:00Z",
        to="1970-01-01T00:00:05Z",
        breakdown=f"property.{key}",
    )
    answer = lite.calculate(
        connection,
        query.metric,
        lite.resolve_frame(connection, query, NOW, "UTC", None),
        query.breakdown,
    )
    assert answer["total"]["value"] == 2 and [
        group["key"] for group in answer["breakdown"]["groups"]
    ] == [oracle.as_key(wanted)]
    connection.close()
