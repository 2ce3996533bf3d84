"""Definitions of metrics: formulas, filters, what is refused and where; those that are saved."""

import json
import time

import apsw
import oracle
import pytest
from conftest import event
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_store import NOW, YEAR, Store, condition, errors_of, metric, term

import streamlined_lite as lite
from streamlined_lite import Conflict, Invalid, NotFound, iso, trim, validate

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


# Saved metrics

PAID = metric(term(filters={"all": [{"field": "property.x", "op": "is_set"}]})) | {"name": "Paid"}


def saved(name, **rest):
    return validate(
        lite.SavedDefinition,
        {
            "name": name,
            "format": {"style": "currency", "decimals": 2, "currency": "EUR"},
            "terms": [term(filters={"all": [condition("property.x", "is_set")]})],
        }
        | rest,
    )


def test_a_saved_metric_is_read_as_it_was_written(store):
    made = lite.store_metric(store.writer, None, saved("Paid"), NOW)
    assert made["metric_id"] == 1 and made["position"] == 1 and made["created_at"] == iso(NOW)
    assert made["terms"] == [term(filters={"all": [condition("property.x", "is_set")]})]
    replaced = lite.store_metric(store.writer, 1, saved("Paid 2", formula="A * 2"), NOW + 1)
    assert (
        replaced["name"],
        replaced["formula"],
        replaced["updated_at"],
        replaced["created_at"],
    ) == ("Paid 2", "A * 2", iso(NOW + 1), iso(NOW))
    assert lite.definition_out(lite.find_metric(store.writer, 1))["formula"] == "A * 2"
    for missing in (
        lambda: lite.find_metric(store.writer, 2),
        lambda: lite.store_metric(store.writer, 2, saved("Paid"), NOW),
    ):
        with pytest.raises(NotFound):
            missing()


def test_a_saved_metric_is_calculated_by_a_url(api):
    for location, day in (("loc", "2025-05-05"), ("two", "2025-05-06")):
        api.post(event(location_id=location, event_name="Paid", timestamp=day, properties={"x": 1}))
    api("POST", "/metrics/v1", PAID)
    answer = api.get(
        "/metrics/v1/1/data?locations=loc,two&from=2025-05-01&to=2025-06-01&interval=week&breakdown=location"
    )
    assert (answer["name"], answer["total"]["value"], len(answer["buckets"])) == ("Paid", 2, 5)
    assert [group["key"] for group in answer["breakdown"]["groups"]] == ["loc", "two"]


def test_a_metric_that_was_saved_with_a_blank_property_is_a_problem_of_its_own(api):
    """An older version took it, and showed 0."""
    for name in ("Paid", "Revenue"):
        api("POST", "/metrics/v1", PAID | {"name": name})
    api.app.database.writer.execute(
        "update metrics set definition = json_set(definition, '$.terms[0].aggregation', 'sum', "
        "'$.terms[0].property', '') where name = 'Revenue'"
    )
    paid, revenue = api.get("/metrics/v1/data")["metrics"]
    assert paid["data"]["total"]["value"] == 0
    assert [error["pointer"] for error in revenue["problem"]["errors"]] == ["/terms/0/property"]


def test_saved_metrics_are_calculated_together_as_each_alone(api):
    for number in range(5):
        api.post(
            event(
                f"d{number}",
                event_name=("Paid", "Offer")[number % 2],
                timestamp=f"2025-05-0{number + 1}",
                properties={"x": number},
            )
        )
    for name, each in (("Paid", term()), ("Sum", term("sum", event="Offer", property="x"))):
        api("POST", "/metrics/v1", metric(each) | {"name": name})
    api(
        "PUT",
        "/metrics/v1/2",
        metric(term("sum", event="Offer", property="x")) | {"name": "Sum", "position": 1},
    )
    query = (
        "locations=loc-1&from=2025-05-03&to=2025-05-06&interval=day"
        "&timezone=Europe/Berlin&compare=previous_period"
    )
    alone = {
        number: {"metric_id": number, "data": api.get(f"/metrics/v1/{number}/data?{query}")}
        for number in (1, 2)
    }
    assert (alone[1]["data"]["total"]["value"], alone[2]["data"]["compare"]["total"]["value"]) == (
        2,
        1,
    )
    assert api.get(f"/metrics/v1/data?{query}") == {"metrics": [alone[2], alone[1]]}
    assert api.get(f"/metrics/v1/data?{query}&ids=1,2,1") == {"metrics": [alone[1], alone[2]]}


def test_a_metric_that_cannot_be_calculated_does_not_keep_others_back(api):
    api("POST", "/metrics/v1", PAID)
    api("POST", "/metrics/v1", metric() | {"name": "Broken"})
    api.app.database.writer.execute("update metrics set definition = '{}' where metric_id = 2")
    first, broken, missing = api.get("/metrics/v1/data?ids=1,2,9")["metrics"]
    assert first["data"]["total"]["value"] == 0 and (
        missing["metric_id"],
        missing["problem"]["status"],
    ) == (9, 404)
    assert (broken["problem"]["status"], broken["problem"]["errors"][0]["pointer"]) == (
        422,
        "/terms",
    )
    assert api.get("/metrics/v1/data?ids=")["errors"][0]["pointer"] == "?ids"
    assert [
        error["pointer"]
        for error in api.get("/metrics/v1/data?from=2025-01-02&to=2025-01-01")["errors"]
    ] == ["?to"]


def test_one_slow_metric_takes_at_most_half_of_the_time(store, monkeypatch):
    for name in ("Slow", "Quick"):
        lite.store_metric(store.writer, None, saved(name), NOW)
    calculate = lite.calculate

    def slow(connection, metric, where, breakdown, deadline, most):
        while metric.name == "Slow":
            if time.monotonic() > deadline:
                raise lite.TooSlow
        return calculate(connection, metric, where, breakdown, deadline, most)

    monkeypatch.setattr(lite, "calculate", slow)
    where = lite.resolve_frame(store.reader, validate(lite.DashboardQuery, YEAR), NOW, "UTC", None)
    with store.reader, lite.time_limit(store.reader, 1) as deadline:
        first, second = lite.calculate_dashboard(store.reader, None, where, deadline)
    assert (first["problem"]["code"], second["data"]["total"]["value"]) == ("query_too_slow", 0)


def test_names_are_unique(store):
    lite.store_metric(store.writer, None, saved("One"), NOW)
    lite.store_metric(store.writer, None, saved("Two"), NOW)
    with pytest.raises(Conflict) as taken:
        lite.store_metric(store.writer, None, saved(" One "), NOW)
    assert taken.value.errors == [
        {"pointer": "/name", "code": "name_taken", "message": taken.value.detail}
    ]
    with pytest.raises(Conflict):
        lite.store_metric(store.writer, 2, saved("One"), NOW)
    assert lite.store_metric(store.writer, 2, saved("Two"), NOW)["name"] == "Two"


def test_metrics_keep_their_order(store):
    def names():
        listed = lite.rows(store.writer, "metrics.list")
        return [(metric["name"], metric["position"]) for metric in listed]

    for name in "abc":
        lite.store_metric(store.writer, None, saved(name), NOW)
    lite.store_metric(store.writer, 3, saved("c", position=1), NOW)
    assert names() == [("c", 1), ("a", 2), ("b", 3)]
    lite.store_metric(store.writer, 3, saved("c", position=99), NOW)
    lite.store_metric(store.writer, None, saved("new", position=2), NOW)
    assert names() == [("a", 1), ("new", 2), ("b", 3), ("c", 4)]
    lite.change(store.writer, "metrics.delete", metric_id=2)
    lite.store_metric(store.writer, 1, saved("a"), NOW)
    assert [name for name, _ in names()] == ["a", "new", "c"]


def test_an_import_upserts_by_name_and_an_export_can_be_imported(store, tmp_path):
    for name in ("one", "two"):
        lite.store_metric(store.writer, None, saved(name), NOW)
    exported = lite.export_metrics(store.writer)
    other = Store(tmp_path / "other.db")
    lite.store_metric(other.writer, None, saved("two", formula="A * 3"), NOW)
    definitions = validate(lite.DefinitionList, json.loads(json.dumps(exported)))
    assert lite.import_metrics(other.writer, definitions, NOW) == {
        "created": 1,
        "updated": 1,
        "unchanged": 0,
    }
    assert lite.import_metrics(other.writer, definitions, NOW) == {
        "created": 0,
        "updated": 0,
        "unchanged": 2,
    }
    assert [
        (each["name"], "formula" in each) for each in lite.export_metrics(other.writer)["metrics"]
    ] == [("two", False), ("one", False)]
    other.close()


def test_an_import_with_a_name_twice_is_refused():
    body = {"metrics": [{"name": "x", "terms": [term()]}, {"name": "x", "terms": [term()]}]}
    assert errors_of(lite.DefinitionList, body)["/metrics/1/name"]["code"] == "duplicate"


def test_saved_metrics_have_a_limit_in_number_and_in_size(api, monkeypatch):
    monkeypatch.setattr(lite, "METRICS_LIMIT", 2)
    codes = [api("POST", "/metrics/v1", {"name": name} | metric()).status_int for name in "abc"]
    assert codes == [201, 201, 409]
    more = {"metrics": [{"name": name} | metric() for name in "bc"]}
    assert api("POST", "/metrics/v1/import", more).status_int == 409
    assert len(api.get("/metrics/v1")["metrics"]) == 2
    values = [f"{number} {'x' * 100}" for number in range(1_000)]
    condition = {"field": "property.x", "op": "in", "value": values}
    large = {"name": "a"} | metric()
    large["terms"][0]["filters"] = {"all": [condition]}
    answer = api("PUT", "/metrics/v1/1", large)
    assert (answer.status_int, answer.json["errors"][0]["code"]) == (422, "too_long")
