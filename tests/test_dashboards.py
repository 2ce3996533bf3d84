"""Saved metrics, dashboards of their cards, and targets."""

import contextlib
import json
import time

import pytest
from conftest import Api, event
from metric_store import NOW, YEAR, Store, condition, errors_of, metric, ms, term

import streamlined_lite as lite
from streamlined_lite import Conflict, NotFound, iso, validate

# Saved metrics

PAID = metric(term(filters={"all": [{"field": "property.x", "op": "is_set"}]})) | {"name": "Paid"}


def saved(name, **rest):
    return validate(
        lite.NewMetric,
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
    where = lite.resolve_frame(store.reader, validate(lite.MetricsQuery, YEAR), NOW, "UTC", None)
    with store.reader, lite.time_limit(store.reader, 1) as deadline:
        first, second = lite.calculate_metrics(store.reader, None, where, deadline)
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
        "updated": 2,  # a metric and the dashboard
        "unchanged": 0,
    }
    assert lite.import_metrics(other.writer, definitions, NOW) == {
        "created": 0,
        "updated": 0,
        "unchanged": 3,
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


# Dashboards


def add_metrics(api, *names, **definition):
    for name in names:
        body = {"name": name} | metric() | definition
        assert api("POST", "/metrics/v1", body).status_int == 201


def dashboard(api, dashboard_id=1, key="admin"):
    return api.get(f"/dashboards/v1/{dashboard_id}")


def shown(api, dashboard_id=1):
    return [card["metric_id"] for card in dashboard(api, dashboard_id)["cards"]]


def test_a_new_metric_has_a_card_where_its_body_says(api):
    api("POST", "/dashboards/v1", {"name": "Second"})
    add_metrics(api, "At the end of the first")
    add_metrics(api, "On none", card=None)
    add_metrics(api, "On the second", card={"dashboard_id": 2, "chart": "bar", "size": "wide"})
    assert (shown(api), shown(api, 2)) == ([1], [3])
    body = {"name": "On the second"} | metric() | {"card": {"dashboard_id": 2, "interval": "week"}}
    api("PUT", "/metrics/v1/3", body)
    assert dashboard(api, 2)["cards"] == [
        {
            "metric_id": 3,
            "chart": "line",
            "size": "small",
            "interval": "week",
            "breakdown": None,
            "target": None,
        }
    ]
    api("PUT", "/metrics/v1/3", {"name": "Without a word of its card"} | metric())
    assert dashboard(api, 2)["cards"][0]["interval"] == "week"


def test_a_card_that_cannot_be_leaves_metric_and_dashboard_as_they_were(api):
    add_metrics(api, "One")
    for card, pointer in (
        ({"dashboard_id": 9}, "/card/dashboard_id"),
        ({"dashboard_id": 10**30}, "/card/dashboard_id"),
        ({"dashboard_id": 1, "chart": "stacked"}, "/card/breakdown"),
        ({"dashboard_id": 1, "breakdown": "contact.source"}, "/card/breakdown"),
    ):
        body = {"name": "Two", "card": card} | metric()
        answer = api("POST", "/metrics/v1", body)
        assert answer.status_int == 422
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert (len(api.get("/metrics/v1")["metrics"]), shown(api)) == (1, [1])


def test_all_that_is_wrong_with_a_dashboard_is_said_at_once(api):
    add_metrics(api, "One")
    answer = api(
        "POST",
        "/dashboards/v1",
        {
            "name": " ",
            "cards": [
                {"metric_id": "x", "chart": "pie", "size": "huge"},
                {"metric_id": 1, "chart": "stacked", "target": {"value": "much", "per": "day"}},
            ],
            "colour": "red",
        },
    )
    assert {error["pointer"] for error in answer.json["errors"]} == {
        "/name",
        "/cards/0/metric_id",
        "/cards/0/chart",
        "/cards/0/size",
        "/cards/1/breakdown",
        "/cards/1/target/value",
        "/cards/1/target/per",
        "/colour",
    }


def test_cards_of_metrics_that_are_not_there_are_named(api):
    add_metrics(api, "One")
    cards = [{"metric_id": metric_id} for metric_id in (1, 2, 10**30)]
    answer = api("POST", "/dashboards/v1", {"name": "Second", "cards": cards})
    assert {error["pointer"]: error["code"] for error in answer.json["errors"]} == {
        "/cards/1/metric_id": "unknown_metric",
        "/cards/2/metric_id": "unknown_metric",
    }


def test_the_cards_of_a_deleted_metric_go_and_the_dashboard_says_so(api):
    add_metrics(api, "One", "Two")
    api("DELETE", "/metrics/v1/1")
    seen = dashboard(api)
    assert ([card["metric_id"] for card in seen["cards"]], seen["removed"]) == ([2], 1)
    data = api.get("/dashboards/v1/1/data")["cards"]
    assert [(card["card"], card["metric_id"]) for card in data] == [(0, 2)]
    api("PUT", "/dashboards/v1/1", {"name": seen["name"], "cards": seen["cards"]})
    assert dashboard(api)["removed"] == 0


def test_dashboards_keep_their_order_and_one_of_them_stays(api):
    for name in ("Second", "Third"):
        api("POST", "/dashboards/v1", {"name": name})
    api("PUT", "/dashboards/v1/3", {"name": "Third", "position": 1})

    def names():
        return [each["name"] for each in api.get("/dashboards/v1")["dashboards"]]

    assert names() == ["Third", "Dashboard", "Second"]
    assert api("PUT", "/dashboards/v1/3", {"name": "Second"}).json["code"] == "name_taken"
    for dashboard_id in (1, 2):
        assert api("DELETE", f"/dashboards/v1/{dashboard_id}").json == {
            "dashboards": 1,
            "shares": 0,
        }
    assert api("DELETE", "/dashboards/v1/3").json["code"] == "last_dashboard"
    assert names() == ["Third"]


def test_dashboards_and_their_cards_have_a_limit(api, monkeypatch):
    monkeypatch.setattr(lite, "DASHBOARDS_LIMIT", 2)
    monkeypatch.setattr(lite, "CARDS_LIMIT", 2)
    assert api("POST", "/dashboards/v1", {"name": "Second"}).status_int == 201
    assert api("POST", "/dashboards/v1", {"name": "Third"}).json["code"] == "too_many"
    add_metrics(api, "One", "Two", "Three")
    assert shown(api) == [1, 2]
    body = {"name": "Three", "card": {"dashboard_id": 1}} | metric()
    assert api("PUT", "/metrics/v1/3", body).json["errors"][0]["code"] == "too_many"


def test_an_export_has_dashboards_by_the_names_of_metrics(api, tmp_path):
    add_metrics(api, "One", "Two")
    target = {"value": 5.0, "better": "lower", "locations": {"loc-1": 2.0}}
    cards = [{"metric_id": 2, "chart": "bar"}, {"metric_id": 1, "target": target}]
    api("POST", "/dashboards/v1", {"name": "Sales", "cards": cards})
    exported = api.get("/metrics/v1/export")
    assert exported["dashboards"] == [
        {"name": "Dashboard", "cards": [{"metric": "One"}, {"metric": "Two"}]},
        {
            "name": "Sales",
            "cards": [{"metric": "Two", "chart": "bar"}, {"metric": "One", "target": target}],
        },
    ]
    other = Api()
    with contextlib.closing(other.app):
        add_metrics(other, "Two", "Another")
        counts = other("POST", "/metrics/v1/import", exported).json
        assert counts == {"created": 2, "updated": 1, "unchanged": 1}
        again = other("POST", "/metrics/v1/import", exported).json
        assert again == {"created": 0, "updated": 0, "unchanged": 4}
        imported = other.get("/metrics/v1/export")["dashboards"]
        # an import removes nothing
        assert imported[0]["cards"] == [{"metric": name} for name in ("One", "Two", "Another")]
        assert imported[1] == exported["dashboards"][1]


def test_a_card_of_an_unknown_metric_imports_nothing(api):
    body = {
        "metrics": [{"name": "One"} | metric()],
        "dashboards": [{"name": "Sales", "cards": [{"metric": "One"}, {"metric": "Two"}]}],
    }
    answer = api("POST", "/metrics/v1/import", body)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/dashboards/0/cards/1/metric"]
    assert api.get("/metrics/v1")["metrics"] == []


# Numbers of dashboards


def store_sales(api):
    """A sale a day of 10 in January 2026, at noon UTC, in each of two locations."""
    for day in range(1, 32):
        for location_id in ("loc-1", "loc-2"):
            api.post(
                event(
                    f"{location_id}-{day}",
                    event_name="Sale",
                    location_id=location_id,
                    timestamp=f"2026-01-{day:02}T12:00:00Z",
                    properties={"value": 10, "kind": f"kind {day % 3}"},
                )
            )


SALES = {"terms": [term("sum", event="Sale", property="value")]}
AVERAGE = {"terms": [term("avg", event="Sale", property="value")]}
JANUARY = "from=2026-01-01&to=2026-02-01&timezone=UTC"


def test_each_card_has_its_own_interval_breakdown_and_problem(api):
    store_sales(api)
    cards = [
        {"chart": "number"},
        {"chart": "bar", "interval": "week"},
        {"chart": "stacked", "breakdown": "property.kind"},
        {"chart": "line", "interval": "hour"},
    ]
    add_metrics(api, "Sales", **SALES)
    body = {"name": "Cards", "cards": [{"metric_id": 1} | card for card in cards]}
    api("POST", "/dashboards/v1", body)
    url = "/dashboards/v1/2/data?from=2024-01-01&to=2026-02-01&interval=month&timezone=UTC"
    number, weeks, months, hours = api.get(url)["cards"]
    assert number["data"]["total"]["value"] == 620
    assert [each["data"]["interval"] for each in (number, weeks, months)] == [
        "total",
        "week",
        "month",
    ]
    groups = {group["key"]: group["value"] for group in months["data"]["breakdown"]["groups"]}
    assert groups == {"kind 0": 200, "kind 1": 220, "kind 2": 200}
    assert hours["problem"]["code"] == "invalid"
    chosen = api.get(f"{url}&cards=2,0")["cards"]
    assert [card["card"] for card in chosen] == [2, 0]
    refused = api("GET", f"{url}&cards=4").json
    assert refused["errors"][0]["pointer"] == "?cards"


@pytest.mark.parametrize(
    "now, where, target, expected",
    [
        # 31 days of a month's target, of which 10.5 are over
        ("2026-01-11T12:00", "", {"value": 310}, (310, 105, "ahead")),
        ("2026-01-11T12:00", "", {"value": 930}, (930, 315, "behind")),
        ("2026-01-11T12:00", "", {"value": 200}, (200, 67.742, "reached")),
        ("2026-02-01T00:00", "", {"value": 621}, (621, 621, "missed")),
        ("2026-02-01T00:00", "", {"value": 620}, (620, 620, "reached")),
        ("2026-02-01T00:00", "", {"value": 620, "better": "lower"}, (620, 620, "within")),
        ("2026-01-11T12:00", "", {"value": 930, "better": "lower"}, (930, 315, "within")),
        ("2026-01-11T12:00", "", {"value": 310, "better": "lower"}, (310, 105, "behind")),
        ("2026-01-11T12:00", "", {"value": 155, "better": "lower"}, (155, 52.5, "exceeded")),
        # four weeks and three days of them
        ("2026-02-01T00:00", "", {"value": 70, "per": "week"}, (310, 310, "reached")),
        # 31 of 90 and of 365 days
        ("2026-02-01T00:00", "", {"value": 900, "per": "quarter"}, (310, 310, "reached")),
        ("2026-02-01T00:00", "", {"value": 3650, "per": "year"}, (310, 310, "reached")),
        # of one location, and of two that each have one
        ("2026-02-01T00:00", "loc-1", {"locations": {"loc-1": 310}}, (310, 310, "reached")),
        ("2026-02-01T00:00", "loc-2", {"locations": {"loc-1": 310}}, (None, None, None)),
        (
            "2026-02-01T00:00",
            "loc-1,loc-2",
            {"locations": {"loc-1": 9, "loc-2": 1}},
            (10, 10, "reached"),
        ),
        ("2026-02-01T00:00", "loc-1", {"value": 5}, (None, None, None)),
    ],
)
def test_a_target_of_amounts_is_shared_out_by_the_calendar(api, now, where, target, expected):
    store_sales(api)
    api.clock.now = ms(now)
    api("DELETE", f"/events/v1?from={now}Z&to=2027-01-01&event_name=Sale")
    add_metrics(api, "Sales", **SALES, card={"dashboard_id": 1, "target": target})
    url = f"/dashboards/v1/1/data?{JANUARY}&interval=day&locations={where or 'all'}"
    [card] = api.get(url)["cards"]
    found = card["target"]
    value, due, status = expected
    assert found["status"] == status
    if value is None:
        assert (found["value"], found["due"], found["share"], found["buckets"]) == (None,) * 4
        return
    assert (round(found["value"], 3), round(found["due"], 3)) == (value, due)
    assert found["share"] == pytest.approx(card["data"]["total"]["value"] / value)
    assert (len(found["buckets"]), sum(found["buckets"])) == (31, pytest.approx(value))


def test_a_target_of_rates_holds_for_any_range(api):
    store_sales(api)
    cards = {"dashboard_id": 1, "target": {"value": 9, "better": "lower"}}
    add_metrics(api, "Average", **AVERAGE, card=cards)
    api.clock.now = ms("2026-01-11T12:00")
    [card] = api.get(f"/dashboards/v1/1/data?{JANUARY}&interval=week")["cards"]
    assert card["target"] == {
        "better": "lower",
        "per": "month",
        "value": 9,
        "due": 9,
        "share": pytest.approx(10 / 9),
        "status": "exceeded",
        "buckets": [9] * 5,
    }


@pytest.mark.parametrize(
    "terms, formula, is_amount",
    [
        ([term("count")], None, True),
        ([term("unique_contacts")], "A * 2 - A", True),
        ([term("sum", property="x"), term("count", "B")], "-A + B / 2", True),
        ([term("count"), term("avg", "B", property="x")], "A * B", True),
        ([term("count"), term("count", "B")], "A / B", False),
        ([term("count"), term("count", "B")], "A * B", False),
        ([term("count")], "A + 5", False),
        ([term("median", property="x")], None, False),
        ([term("count"), term("count", "B")], "A / (B - B)", False),
    ],
)
def test_amounts_are_told_from_rates(terms, formula, is_amount):
    assert lite.is_amount(validate(lite.Definition, metric(*terms, formula=formula))) is is_amount


def test_a_target_without_a_number_tells_the_direction(api):
    store_sales(api)
    card = {"dashboard_id": 1, "target": {"better": "lower"}}
    add_metrics(api, "Sales", **SALES, card=card)
    [card] = api.get(f"/dashboards/v1/1/data?{JANUARY}")["cards"]
    assert (card["target"]["better"], card["target"]["status"]) == ("lower", None)


def test_the_table_has_a_row_a_location_and_a_column_a_metric(api):
    store_sales(api)
    api.post(event("late", event_name="Sale", location_id="loc-3", timestamp="2025-12-31"))
    api("PATCH", "/locations/v1/loc-1", {"name": "Miller Roofing"})
    target = {"value": 1000, "locations": {"loc-1": 310, "loc-2": 311}}
    add_metrics(api, "Sales", **SALES, card={"dashboard_id": 1, "target": target})
    add_metrics(api, "Average", **AVERAGE)
    add_metrics(api, "Broken", terms=[term("count", type="contact")])
    again = {"name": "Dashboard", "cards": [*dashboard(api)["cards"], {"metric_id": 1}]}
    assert api("PUT", "/dashboards/v1/1", again).status_int == 200
    api.rows("update metrics set definition = '{\"terms\": []}' where name = 'Broken'")
    api.clock.now = ms("2026-02-01")
    found = api.get(f"/dashboards/v1/1/locations?{JANUARY}&compare=previous_period")
    assert [(each["name"], "problem" in each) for each in found["metrics"]] == [
        ("Sales", False),
        ("Average", False),
        ("Broken", True),
    ]
    sales = found["total"][0]
    assert (sales["value"], sales["compare"], sales["target"]["status"]) == (
        620,
        {"value": 0},
        "missed",
    )
    first, second, third = found["locations"]
    assert (first["location_id"], first["name"]) == ("loc-1", "Miller Roofing")
    assert [cell["value"] for cell in first["numbers"]] == [310, 10, None]
    assert first["numbers"][0]["target"]["status"] == "reached"
    assert second["numbers"][0]["target"]["status"] == "missed"
    assert third["numbers"][0]["target"]["status"] is None
    assert third["last_event_at"] == iso(NOW)
    one = api.get(f"/dashboards/v1/1/locations?{JANUARY}&locations=loc-1")
    assert one["total"][0]["target"]["value"] == 310
    assert [each["location_id"] for each in one["locations"]] == ["loc-1"]


def test_a_key_for_some_locations_sees_their_targets_alone(api):
    store_sales(api)
    target = {"value": 5000, "locations": {"loc-1": 310, "loc-2": 311}}
    add_metrics(api, "Sales", **SALES, card={"dashboard_id": 1, "target": target})
    key = api.key(scope="read", locations=["loc-1"])
    for path in ("/dashboards/v1", "/dashboards/v1/1", "/metrics/v1/export"):
        answer = api("GET", path, key=key)
        assert "loc-1" in answer.text
        assert "loc-2" not in answer.text
    [card] = api.get(f"/dashboards/v1/1/data?{JANUARY}", key=key)["cards"]
    assert card["target"]["value"] == 310
