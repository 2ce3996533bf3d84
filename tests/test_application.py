"""The application: who may do what on every route, what it answers, and the OpenAPI document."""

import hashlib
import hmac
import json
import re
from datetime import datetime

import pytest
from conftest import PNG, Api, event, exchange, request_bytes, sample
from jsonschema import Draft202012Validator, FormatChecker
from test_http import tables

import streamlined_lite as lite

# Every route: what it answers, and to whom


OTHER = "another-location"
KEYS = ("nothing", "unknown", "revoked", "ingest", "sync", "read", "admin", "share", "other")
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
CARD = {
    "metric_id": 1,
    "chart": "stacked",
    "size": "wide",
    "interval": "day",
    "breakdown": "property.value",
    "target": {"value": 5, "locations": {"loc-1": 2}},
}
QUESTION = {
    "metric": METRIC,
    "from": "1970-01-01",
    "to": "1970-01-04",
    "interval": "day",
    "compare": "previous_period",
    "breakdown": "property.value",
}
ALERT = {
    "name": "Offers stopped",
    "watch": {"kind": "silence", "event": "Offer Made", "for": "24h", "each": True},
    "mail": ["ann@example.com"],
    "webhooks": ["https://hooks.example.com/1"],
}
REPORT = {
    "name": "Weekly",
    "dashboard_id": 1,
    "recipients": [
        {"mail": ["ann@example.com"]},
        {"location_id": "loc-1", "mail": ["b@c.example"]},
    ],
}
DATABASE_ID = "0" * 32
SIGNATURE = hmac.new(
    DATABASE_ID.encode(), b"unsubscribe\0" + b"1\0ann@example.com", hashlib.sha256
).hexdigest()[:40]
LINK = f"?report=1&address=ann%40example.com&signature={SIGNATURE}"
CALLS = {
    ("POST", "/events/ingestion/v1"): (
        403,
        [
            ("", event("new", contact_id="c-2", foo=1), 201),
            ("", event(timestamp="1970-01-01"), 200),
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
    ("PATCH", "/event-names/v1"): (
        403,
        [
            ("", {"event_name": "Offer Made", "new_name": "Offer"}, 200),
            ("?dry_run=true", {"event_name": "Offer", "new_name": "Viewed"}, 200),
            ("", {"event_name": "Offer", "new_name": "Viewed"}, 200),
            ("", {"event_name": "Offer", "new_name": "Paid"}, 409),
            ("", {"event_name": "Never seen", "new_name": "Paid"}, 404),
            ("", {"event_name": "Offer"}, 422),
        ],
    ),
    ("DELETE", "/event-names/v1"): (
        403,
        [
            ("?event_name=Seen", None, 200),
            ("?event_name=Seen", None, 404),
            ("?event_name=Viewed&dry_run=true", None, 409),
            ("", None, 422),
        ],
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
                    "date_created": 1_700_000_000,
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
            ("", {"metric": METRIC, "term": "A", "from": "1970-01-01", "to": "2026-01-02"}, 200),
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
    ("GET", "/dashboards/v1"): (200, [("", None, 200)]),
    ("POST", "/dashboards/v1"): (
        403,
        [
            ("", {"name": "Sales", "cards": [CARD]}, 201),
            ("", {"name": "Dashboard"}, 409),
            ("", {"name": "", "cards": [{"metric_id": 9}]}, 422),
        ],
    ),
    ("GET", "/dashboards/v1/{dashboard_id}"): (
        200,
        [("/dashboards/v1/1", None, 200), ("/dashboards/v1/9", None, 404)],
    ),
    ("PUT", "/dashboards/v1/{dashboard_id}"): (
        403,
        [
            ("/dashboards/v1/1", {"name": "Renamed", "cards": [CARD], "position": 1}, 200),
            ("/dashboards/v1/9", {"name": "Renamed"}, 404),
            ("/dashboards/v1/1", {"cards": [CARD | {"metric_id": 9}]}, 422),
        ],
    ),
    ("DELETE", "/dashboards/v1/{dashboard_id}"): (
        403,
        [
            ("/dashboards/v1/2", None, 200),
            ("/dashboards/v1/1", None, 409),
            ("/dashboards/v1/9", None, 404),
        ],
    ),
    ("GET", "/dashboards/v1/{dashboard_id}/data"): (
        200,
        [
            ("/dashboards/v1/1/data", None, 200),
            ("/dashboards/v1/2/data?cards=0&compare=previous_period", None, 200),
            ("/dashboards/v1/2/data?cards=7", None, 422),
            ("/dashboards/v1/9/data", None, 404),
        ],
    ),
    ("GET", "/dashboards/v1/{dashboard_id}/locations"): (
        200,
        [
            ("/dashboards/v1/2/locations?compare=previous_year", None, 200),
            ("/dashboards/v1/2/locations?interval=day", None, 422),
            ("/dashboards/v1/9/locations", None, 404),
        ],
    ),
    ("GET", "/contact-fields/v1"): (200, [("", None, 200), ("?location_id=loc-1", None, 200)]),
    ("GET", "/rejections/v1"): (
        403,
        [("", None, 200), ("?limit=1&location_id=loc-1", None, 200), ("?cursor=x", None, 422)],
    ),
    ("GET", "/messages/v1"): (
        403,
        [("", None, 200), ("?about=test&limit=1", None, 200), ("?cursor=x", None, 422)],
    ),
    ("POST", "/messages/v1/test"): (
        403,
        [
            ("", {"mail": "ana@example.com"}, 201),
            ("", {"webhook": "https://hooks.example.com/x"}, 201),
            ("", {"webhook": "http://127.0.0.1/"}, 422),
            ("", {}, 422),
        ],
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
    ("GET", "/alerts/v1"): (403, [("", None, 200)]),
    ("POST", "/alerts/v1"): (
        403,
        [
            ("", ALERT | {"name": "Another", "webhooks": []}, 201),
            ("", ALERT, 409),
            ("", {"name": "A", "watch": {"kind": "none"}}, 422),
        ],
    ),
    ("GET", "/alerts/v1/suggestions"): (403, [("", None, 200)]),
    ("POST", "/alerts/v1/preview"): (
        403,
        [("", ALERT, 200), ("", {"name": "A", "watch": {"kind": "health"}}, 200), ("", {}, 422)],
    ),
    ("GET", "/alerts/v1/{alert_id}"): (
        403,
        [("/alerts/v1/1", None, 200), ("/alerts/v1/9", None, 404)],
    ),
    ("PUT", "/alerts/v1/{alert_id}"): (
        403,
        [
            ("/alerts/v1/1", ALERT | {"watch": {"kind": "refusals", "more_than": 1}}, 200),
            ("/alerts/v1/1", {}, 422),
            ("/alerts/v1/9", ALERT, 404),
        ],
    ),
    ("DELETE", "/alerts/v1/{alert_id}"): (
        403,
        [("/alerts/v1/1", None, 200), ("/alerts/v1/1", None, 404)],
    ),
    ("POST", "/alerts/v1/{alert_id}/pause"): (
        403,
        [
            ("/alerts/v1/1/pause", {"until": "2100-01-01"}, 200),
            ("/alerts/v1/1/pause", {"until": None}, 200),
            ("/alerts/v1/1/pause", {"until": "soon"}, 422),
            ("/alerts/v1/9/pause", {"until": None}, 404),
        ],
    ),
    ("GET", "/reports/v1"): (403, [("", None, 200)]),
    ("POST", "/reports/v1"): (
        403,
        [
            ("", REPORT | {"name": "Another", "every": "day"}, 201),
            ("", REPORT, 409),
            ("", REPORT | {"recipients": []}, 422),
        ],
    ),
    ("POST", "/reports/v1/preview"): (
        403,
        [("", REPORT, 200), ("", REPORT | {"location_id": "loc-1"}, 200), ("", {}, 422)],
    ),
    ("GET", "/reports/v1/{report_id}"): (
        403,
        [("/reports/v1/1", None, 200), ("/reports/v1/9", None, 404)],
    ),
    ("PUT", "/reports/v1/{report_id}"): (
        403,
        [
            ("/reports/v1/1", REPORT | {"paused": True}, 200),
            ("/reports/v1/1", {}, 422),
            ("/reports/v1/9", REPORT, 404),
        ],
    ),
    ("DELETE", "/reports/v1/{report_id}"): (
        403,
        [("/reports/v1/1", None, 200), ("/reports/v1/1", None, 404)],
    ),
    ("POST", "/reports/v1/{report_id}/send"): (
        403,
        [
            ("/reports/v1/1/send", {}, 202),
            ("/reports/v1/1/send", {"mail": ["me@example.com"]}, 202),
            ("/reports/v1/1/send", {"mail": []}, 422),
            ("/reports/v1/9/send", {}, 404),
        ],
    ),
    ("GET", "/unsubscribe/v1"): (
        200,
        [(LINK, None, 200), (LINK + "0", None, 404), ("", None, 422)],
    ),
    ("POST", "/unsubscribe/v1"): (
        200,
        [(LINK, None, 200), (LINK + "&again=true", None, 200), (LINK + "0", None, 404)],
    ),
    ("GET", "/branding/v1"): (200, [("", None, 200)]),
    ("PUT", "/branding/v1"): (
        403,
        [
            ("", {"title": "Acme", "accent": "#1a56db", "frame_hosts": ["https://a.example"]}, 200),
            ("", {"accent": "#eee"}, 422),
        ],
    ),
    ("PUT", "/branding/v1/logo"): (403, [("", PNG, 200), ("", b"<svg/>", 422)]),
    ("DELETE", "/branding/v1/logo"): (403, [("", None, 200)]),
    ("GET", "/shares/v1"): (
        403,
        [("", None, 200), ("?limit=1", None, 200), ("?limit=0", None, 422)],
    ),
    ("POST", "/shares/v1"): (
        403,
        [("", {"dashboard_id": 1, "locations": "all"}, 201), ("", {}, 422)],
    ),
    ("DELETE", "/shares/v1/{share_id}"): (
        403,
        [("/shares/v1/9", None, 200), ("/shares/v1/1", None, 404)],
    ),
    ("GET", "/shares/v1/current"): (403, [("", None, 200), ("?x=1", None, 422)]),
    ("GET", "/shares/v1/current/data"): (
        403,
        [
            ("", None, 200),
            ("?interval=day&compare=previous_year&cards=0&from=2025-01-01", None, 200),
            ("?cards=9", None, 422),
        ],
    ),
    ("GET", "/shares/v1/current/events"): (
        403,
        [
            ("?card=0&from=1970-01-01", None, 200),
            ("?card=0&term=Z", None, 422),
        ],
    ),
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
    api.post(event(contact_id="c-1", properties={"value": 1, "note": "x"}, timestamp="1970-01-01"))
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
    api.post(event("d-3", event_name="Seen"))
    api("PATCH", "/event-names/v1", {"event_name": "Seen", "new_name": "Viewed"})
    api("DELETE", "/events/v1?event_name=Viewed")
    api("POST", "/metrics/v1", METRIC)
    api("POST", "/dashboards/v1", {"name": "With a target", "cards": [CARD]})
    api("POST", "/alerts/v1", ALERT)
    api("POST", "/reports/v1", REPORT)
    api.app.database.writer.execute("update identity set database_id = ?", (DATABASE_ID,))
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
    share = {"dashboard_id": 1, "locations": ["loc-1"], "may": {"events": True}}
    keys["share"] = api("POST", "/shares/v1", share).json["token"]
    api("POST", "/shares/v1", share)
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
            else not route.knows_key or name not in ("unknown", "revoked", "share")
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
def document() -> dict:
    api = Api()
    document = api.get("/openapi.json", key=None)
    api.app.close()
    return document


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
    content = answer.text if answer.content_type == lite.HTML else answer.json
    Draft202012Validator(whole, format_checker=FORMATS).validate(content)


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
    page = {("GET", path) for path in ("/", "/static/{name}", "/share/logo", "/share/{public_id}")}
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
    api, keys = world()
    key = keys["share" if route.scope == "share" else "admin"]
    met = set()
    for path, body, status in CALLS[route.method, route.path][1]:
        answer = api(route.method, url(route, path), body, key=key)
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
        (event(properties={"a": None}), True),
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
        body = None if method == "GET" else event()
        assert api(method, path, body, key=None).status_int in (404, 405)
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


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("POST", "/events/ingestion/v1/", "not_found"),
        ("POST", "/events//ingestion/v1", "not_found"),
        ("PUT", "/events/ingestion/v1", "method_not_allowed"),
        ("PATCH", "/events/ingestion/v1", "method_not_allowed"),
    ],
)
@pytest.mark.parametrize("in_url", [False, True])
def test_what_is_posted_beside_the_path_is_kept_and_can_be_replayed(
    api, method, path, code, in_url
):
    key = api.key(scope="ingest")
    answer = api(
        method, f"{path}?api_key={key}" if in_url else path, event(), key=None if in_url else key
    )
    assert answer.status_int in (404, 405) and answer.json["code"] == code
    (kept,) = api.get("/rejections/v1")["rejections"]
    assert kept["rejection_id"] == answer.json["rejection_id"]
    assert json.loads(kept["body"]) == event() and key not in json.dumps(kept)
    assert api.get("/attempts/v1")["attempts"] == []
    replay = api("POST", f"/rejections/v1/{kept['rejection_id']}/replay", b"")
    assert replay.status_int == 201


@pytest.mark.parametrize("method, path", [("POST", "/nothing"), ("PUT", "/events/ingestion/v1")])
def test_what_is_posted_beside_the_path_is_kept_of_senders_alone(api, method, path):
    for key in (None, "unknown", api.key(scope="read")):
        answer = api(method, path, event(), key=key)
        assert answer.status_int in (404, 405) and "rejection_id" not in answer.json
    assert api.get("/rejections/v1")["rejections"] == []
    assert [each["path"] for each in api.get("/attempts/v1")["attempts"]] == [path] * 3


def test_a_server_keeps_what_is_posted_beside_the_path(server):
    refused, listed = exchange(
        server,
        request_bytes(event(), path="/events/ingestion/v1/"),
        request_bytes(b"", path="/rejections/v1", method="GET"),
    )
    assert refused[0] == 404
    kept = json.loads(listed[2])["rejections"]
    assert [each["path"] for each in kept] == ["/events/ingestion/v1/"]
