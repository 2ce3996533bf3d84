"""Shares: a link shows one dashboard, to whom it is given, inside the pages that may frame it."""

import base64
import functools
import http.server
import json
import re
import struct
import threading
import zlib
from types import SimpleNamespace
from urllib.parse import quote, unquote, urlencode

import pytest
from browser import needs_browser
from conftest import (
    ADMIN,
    PNG,
    Answers,
    Api,
    Served,
    errors,
    event,
    exchange,
    request_bytes,
    wait_until,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import streamlined_lite as lite

HIGHLEVEL = [
    "https://*.gohighlevel.com",
    "https://*.leadconnectorhq.com",
    "https://*.msgsndr.com",
]
REVENUE = {
    "name": "Revenue",
    "terms": [
        {
            "key": "A",
            "event": "Paid",
            "type": "account",
            "aggregation": "sum",
            "property": "value",
        }
    ],
}
TOTALS = "/shares/v1/current/data?interval=total"


def paid(distinct_id: str, location_id: str = "loc-1", value: float = 1, **fields) -> dict:
    properties = {"value": value, "plan": "gold"} | fields.pop("properties", {})
    return event(
        distinct_id,
        event_name="Paid",
        location_id=location_id,
        properties=properties,
        **fields,
    )


def set_up(api: Api, **card) -> None:
    """Two named locations with an event each, and a dashboard of a metric over them."""
    api.post(paid("d-1", "loc-1", 5, contact_id="c-1"))
    api.post(paid("d-2", "loc-2", 700, contact_id="c-1"))
    api("PUT", "/contacts/v1/loc-1/c-1", {"name": "Ann", "email": "ann@example.com"})
    api("PATCH", "/locations/v1/loc-1", {"name": "One Inc."})
    api("PATCH", "/locations/v1/loc-2", {"name": "Two Inc."})
    metric = REVENUE | {"card": {"dashboard_id": 1} | card}
    assert api("POST", "/metrics/v1", metric).status_int == 201


def share(api: Api, **fields) -> dict:
    body = {"dashboard_id": 1, "locations": ["loc-1"]} | fields
    answer = api("POST", "/shares/v1", body)
    assert answer.status_int == 201, answer.text
    return answer.json


def value_for(api: Api, token: str, query: str = TOTALS) -> float:
    [card] = api.get(query, key=token)["cards"]
    return card["data"]["total"]["value"]


def refusal(answer) -> tuple[int, str]:
    return answer.status_int, answer.json["code"]


# Created, listed, revoked


def test_a_new_share_is_answered_whole_and_listed_without_its_token(api, clock):
    set_up(api)
    made = share(api, expires_at="2026-02-01T00:00:00Z", may={"events": True})
    token, url = made.pop("token"), made.pop("url")
    assert url == f"http://localhost:80/share/{made['public_id']}#{token}"
    assert made == {
        "share_id": 1,
        "public_id": made["public_id"],
        "name": "Dashboard · One Inc.",
        "dashboard_id": 1,
        "locations": ["loc-1"],
        "may": {"dates": True, "events": True, "download": False},
        "expires_at": "2026-02-01T00:00:00.000Z",
        "frame_hosts": HIGHLEVEL,
        "token_prefix": token[:9],
        "created_at": "2026-01-01T00:00:00.000Z",
        "last_used_at": None,
        "revoked_at": None,
    }
    assert api.get("/shares/v1") == {"shares": [made], "next": None}
    clock.advance(1_000)
    api("GET", "/shares/v1/current", key=token)
    assert api.get("/shares/v1")["shares"][0]["last_used_at"] == "2026-01-01T00:00:01.000Z"
    revoked = api("DELETE", "/shares/v1/1").json
    assert (revoked["revoked_at"], revoked["last_used_at"]) == ("2026-01-01T00:00:01.000Z",) * 2
    assert refusal(api("GET", "/shares/v1/current", key=token)) == (401, "key_revoked")
    assert api("DELETE", "/shares/v1/1").json == revoked == api.get("/shares/v1")["shares"][0]


@pytest.mark.parametrize(
    "settings, headers, origin",
    [
        ({"public_url": "https://a.example"}, {"Origin": "https://b.example"}, "https://a.example"),
        ({}, {"Origin": "https://b.example", "Host": "c.example"}, "https://b.example"),
        ({}, {"Origin": "null", "Host": "c.example:81"}, "http://c.example:81"),
        ({}, {"Host": 'c.example/"x'}, ""),
    ],
)
def test_a_link_leads_to_where_the_server_is_found(settings, headers, origin):
    api = Api(**settings)
    made = api("POST", "/shares/v1", {"dashboard_id": 1, "locations": "all"}, headers=headers).json
    assert made["url"] == f"{origin}/share/{made['public_id']}#{made['token']}"
    api.app.close()


@pytest.mark.parametrize(
    "body, expected",
    [
        ({}, {"/dashboard_id": "required", "/locations": "required"}),
        ({"dashboard_id": 9}, {"/dashboard_id": "unknown_dashboard"}),
        ({"dashboard_id": 10**30}, {"/dashboard_id": "unknown_dashboard"}),
        ({"dashboard_id": True}, {"/dashboard_id": "int_type"}),
        ({"locations": []}, {"/locations": "list"}),
        ({"locations": "loc-1"}, {"/locations": "list"}),
        ({"locations": None}, {"/locations": "list"}),
        (
            {"locations": ["loc-1", "loc-9"], "expires_at": "2025-01-01", "dashboard_id": 9},
            {
                "/locations/1": "unknown_location",
                "/expires_at": "past",
                "/dashboard_id": "unknown_dashboard",
            },
        ),
        (
            {"may": {"dates": "yes", "all": True}},
            {"/may/dates": "bool_type", "/may/all": "unknown"},
        ),
        ({"frame_hosts": ["*", "https://a.example"]}, {"/frame_hosts/0": "frame_host"}),
        ({"frame_hosts": ["https://a.example"] * 21}, {"/frame_hosts": "too_long"}),
        ({"name": " "}, {"/name": "blank"}),
        ({"scope": "admin"}, {"/scope": "unknown"}),
    ],
)
def test_a_wrong_share_is_not_made(api, body, expected):
    set_up(api)
    sent = body and {"dashboard_id": 1, "locations": ["loc-1"]} | body
    assert errors(api("POST", "/shares/v1", sent)) == expected
    assert api.rows("select * from shares") == api.rows("select * from keys") == []


def test_without_a_name_it_says_whose_numbers_it_shows(api):
    set_up(api)
    for locations in ("all", ["loc-2", "loc-1", "loc-2"], ["loc-2"]):
        share(api, locations=locations)
    share(api, name="For Ann")
    found = [(each["name"], each["locations"]) for each in api.get("/shares/v1")["shares"]]
    assert found == [
        ("For Ann", ["loc-1"]),
        ("Dashboard · Two Inc.", ["loc-2"]),
        ("Dashboard · 2 locations", ["loc-1", "loc-2"]),
        ("Dashboard · all locations", "all"),
    ]
    first = api.get("/shares/v1?limit=3")
    rest = api.get(f"/shares/v1?limit=3&cursor={first['next']}")
    assert [each["share_id"] for each in first["shares"] + rest["shares"]] == [4, 3, 2, 1]
    assert rest["next"] is None


def test_the_number_of_shares_has_a_limit_and_those_that_have_ended_make_room(
    api, clock, monkeypatch
):
    monkeypatch.setattr(lite, "SHARES_LIMIT", 2)
    set_up(api)
    key = api.key(scope="read")
    short = share(api, expires_at="2026-01-01T00:00:05Z")
    lasting = share(api)
    body = {"dashboard_id": 1, "locations": "all"}
    assert refusal(api("POST", "/shares/v1", body)) == (409, "too_many")
    clock.advance(5_000)
    third = share(api)
    assert [each["share_id"] for each in api.get("/shares/v1")["shares"]] == [
        third["share_id"],
        lasting["share_id"],
    ]
    assert refusal(api("GET", TOTALS, key=short["token"])) == (401, "key_unknown")
    api("DELETE", f"/shares/v1/{lasting['share_id']}")
    share(api)
    assert refusal(api("GET", TOTALS, key=lasting["token"])) == (401, "key_unknown")
    assert api("GET", "/events/v1", key=key).status_int == 200


def test_the_lists_of_keys_and_of_shares_are_apart_but_a_terminal_knows_both(tmp_path, capsys):
    api = Api(str(tmp_path / "events.db"))
    set_up(api)
    key, made = api.key(), share(api)
    assert [each["key_id"] for each in api.get("/keys/v1")["keys"]] == [1]
    assert [each["share_id"] for each in api.get("/shares/v1")["shares"]] == [2]
    assert api("DELETE", "/keys/v1/2").status_int == api("DELETE", "/shares/v1/1").status_int == 404
    assert api("POST", "/keys/v1", {"name": "a", "scope": "share"}).status_int == 422
    assert value_for(api, made["token"]) == 5 and api.post(event("x"), key=key).status_int == 201
    database = ["--database", str(tmp_path / "events.db")]
    assert lite.main(["keys", "list", *database]) == 0
    assert re.search(r"^2 .*Dashboard · One Inc\. .* share ", capsys.readouterr().out, re.MULTILINE)
    assert lite.main(["keys", "revoke", "2", *database]) == 0
    assert refusal(api("GET", TOTALS, key=made["token"])) == (401, "key_revoked")
    api.app.close()


def test_a_dashboard_takes_its_shares_along_and_says_so_before(api):
    set_up(api)
    made = api("POST", "/dashboards/v1", {"name": "Sales", "cards": [{"metric_id": 1}]}).json
    gone = [share(api, dashboard_id=made["dashboard_id"]) for _ in range(3)]
    kept = share(api)
    api("DELETE", f"/shares/v1/{gone[0]['share_id']}")
    path = f"/dashboards/v1/{made['dashboard_id']}"
    for query in ("?dry_run=true", ""):
        assert api("DELETE", path + query).json == {"dashboards": 1, "shares": 2}
    assert refusal(api("GET", TOTALS, key=gone[1]["token"])) == (401, "key_revoked")
    assert value_for(api, kept["token"]) == 5


# What viewers see


def test_a_viewer_sees_the_dashboard_and_whose_numbers_it_shows(api):
    set_up(api, chart="bar", size="wide", breakdown="property.plan")
    api("PUT", "/branding/v1", {"title": "Acme", "accent": "#1a56db"})
    made = share(api, locations=["loc-2", "loc-1"], expires_at="2026-02-01")
    card = {"card": 0, "name": "Revenue", "chart": "bar", "size": "wide", "format": None}
    current = {
        "title": "Acme",
        "logo": None,
        "accent": "#1a56db",
        "accent_dark": api.get("/branding/v1")["accent_dark"],
        "dashboard": {"name": "Dashboard", "cards": [card | {"breakdown": True}]},
        "may": {"dates": True, "events": False, "download": False},
        "locations": ["One Inc.", "Two Inc."],
        "timezone": "UTC",
        "expires_at": "2026-02-01T00:00:00.000Z",
    }
    assert api.get("/shares/v1/current", key=made["token"]) == current
    api("PATCH", "/locations/v1/loc-1", {"name": "First", "timezone": "Europe/Berlin"})
    one = api.get("/shares/v1/current", key=share(api, may={"events": True})["token"])
    assert (one["locations"], one["timezone"]) == (["First"], "Europe/Berlin")
    assert one["dashboard"]["cards"][0]["terms"] == [{"key": "A", "event": "Paid"}]
    everywhere = api.get("/shares/v1/current", key=share(api, locations="all")["token"])
    assert everywhere["locations"] is None


def test_its_numbers_are_those_of_the_dashboard_without_what_they_are_made_of(api):
    target = {"value": 1e6, "locations": {"loc-1": 31}, "per": "month"}
    set_up(api, breakdown="location", target=target)
    api.post(paid("d-3", "loc-1", properties={"value": "much"}))
    query = "interval=day&compare=previous_period"
    [whole] = api.get(f"/dashboards/v1/1/data?locations=loc-1&{query}")["cards"]
    answer = api("GET", f"/shares/v1/current/data?{query}", key=share(api)["token"])
    [card] = answer.json["cards"]
    assert card["target"] == whole["target"] and card["target"]["value"] == 30
    shown, data = card["data"], whole["data"]
    for name in ("name", "format", "timezone", "interval", "from", "to", "calculated_at"):
        assert shown[name] == data[name]
    assert shown["total"] == {"value": 5, "complete": False}
    assert shown["values_missing"] is True
    names = ("start", "end", "complete", "value")
    for mine, theirs in zip(shown["buckets"], data["buckets"], strict=True):
        partner = theirs["compare"]
        assert mine == {name: theirs[name] for name in names} | {
            "compare": partner and {name: partner[name] for name in ("start", "end", "value")}
        }
    assert shown["compare"]["total"] == {"value": 0, "complete": True}
    [group] = shown["breakdown"]["groups"]
    assert (group["key"], group["value"], group["compare"]) == ("One Inc.", 5, {"value": 0})
    assert "locations" not in shown
    for secret in (
        "loc-1",
        "loc-2",
        "Two",
        "metric_id",
        "terms",
        "Paid",
        "plan",
        "warnings",
        "d-1",
    ):
        assert secret not in answer.text, secret


def test_several_locations_are_shown_by_their_names(api):
    set_up(api, breakdown="location")
    made = share(api, locations=["loc-1", "loc-2"])
    [card] = api.get(TOTALS, key=made["token"])["cards"]
    assert card["data"]["locations"] == [
        {"name": "One Inc.", "value": 5},
        {"name": "Two Inc.", "value": 700},
    ]
    groups = [(each["key"], each["value"]) for each in card["data"]["breakdown"]["groups"]]
    assert groups == [("Two Inc.", 700), ("One Inc.", 5)]


def test_a_card_that_cannot_be_calculated_says_no_more(api, monkeypatch):
    set_up(api)
    api("POST", "/metrics/v1", REVENUE | {"name": "Again"})
    monkeypatch.setattr(lite, "NUMBERS_LIMIT", 12)
    cards = api.get(TOTALS, key=share(api)["token"])["cards"]
    assert cards[0]["data"]["total"]["value"] == 5
    assert cards[1] == {"card": 1, "problem": {"title": "could not be calculated"}}


@pytest.mark.parametrize(
    "query, pointer, code",
    [
        ("cards=1", "?cards", "unknown_card"),
        ("cards=-1", "?cards", "card"),
        ("locations=loc-2", "?locations", "unknown"),
        ("locations=all", "?locations", "unknown"),
        ("location_id=loc-2", "?location_id", "unknown"),
        ("breakdown=location", "?breakdown", "unknown"),
        ("from=2026-01-02&to=2026-01-01", "?to", "range"),
        ("interval=hour&from=1980-01-01", "?interval", "too_many_buckets"),
        ("timezone=Mars", "?timezone", "time_zone"),
        ("compare=all", "?compare", "literal_error"),
    ],
)
def test_what_viewers_may_not_ask_for_is_refused(api, query, pointer, code):
    set_up(api)
    answer = api("GET", f"/shares/v1/current/data?{query}", key=share(api)["token"])
    assert errors(answer) == {pointer: code}
    assert "loc-2" not in answer.text


def test_where_dates_are_fixed_no_other_range_is_shown(api):
    set_up(api)
    token = share(api, may={"dates": False, "events": True})["token"]
    for path in ("/shares/v1/current/data?", "/shares/v1/current/events?card=0&"):
        for query in ("from=2020-01-01", "to=2026-01-01", "timezone=Asia/Tokyo"):
            assert refusal(api("GET", path + query, key=token)) == (403, "dates_fixed")
    assert value_for(api, token, TOTALS + "&compare=previous_year") == 5


def test_a_share_ends_when_it_expires_also_while_its_numbers_are_kept(api, clock):
    set_up(api)
    token = share(api, expires_at="2026-01-01T00:00:05Z")["token"]
    assert value_for(api, token) == 5
    clock.advance(5_000)
    for path in ("/shares/v1/current", TOTALS, "/shares/v1/current/events?card=0"):
        assert refusal(api("GET", path, key=token)) == (403, "share_expired")


def test_a_share_follows_its_locations_and_says_when_none_is_left(api):
    set_up(api, breakdown="location")
    one, both = share(api)["token"], share(api, locations=["loc-1", "loc-2"])["token"]
    assert value_for(api, both) == 705 and value_for(api, one) == 5
    api("PATCH", "/locations/v1/loc-2", {"name": "Renamed"})
    api("DELETE", "/locations/v1/loc-1")
    assert refusal(api("GET", TOTALS, key=one)) == (403, "location_deleted")
    assert value_for(api, both) == 700
    assert api.get("/shares/v1/current", key=both)["locations"] == ["Renamed"]


def test_the_card_of_a_deleted_metric_goes(api):
    set_up(api)
    api("POST", "/metrics/v1", REVENUE | {"name": "Other"})
    token = share(api)["token"]
    api("DELETE", "/metrics/v1/1")
    cards = api.get("/shares/v1/current", key=token)["dashboard"]["cards"]
    assert [each["name"] for each in cards] == ["Other"]
    assert len(api.get(TOTALS, key=token)["cards"]) == 1
    api("DELETE", "/metrics/v1/2")
    assert api.get(TOTALS, key=token) == {"cards": []}
    api.rows("delete from dashboards")
    assert refusal(api("GET", TOTALS, key=token)) == (403, "dashboard_deleted")


# Events behind a number

EVENTS = "/shares/v1/current/events?card=0"


def test_the_events_behind_a_number_are_shown_where_that_is_allowed(api):
    set_up(api)
    assert refusal(api("GET", EVENTS, key=share(api)["token"])) == (403, "events_not_shown")
    answer = api("GET", EVENTS, key=share(api, may={"events": True})["token"])
    assert answer.json == {
        "count": 1,
        "events": [
            {
                "time": "2026-01-01T00:00:00.000Z",
                "event_name": "Paid",
                "contact_name": "Ann",
                "properties": {"value": 5, "plan": "gold"},
                "location": "One Inc.",
            }
        ],
        "next": None,
    }


def test_pages_of_events_lose_and_repeat_none_and_their_cursors_tell_no_ids(api):
    set_up(api)
    for number in range(5):
        api.post(paid(f"same-{number}", value=100 + number, timestamp="2025-12-31T12:00:00Z"))
        api.post(paid(f"other-{number}", value=200 + number, timestamp=f"2025-12-{20 + number}"))
    token = share(api, may={"events": True})["token"]
    found, query = [], ""
    while query is not None:
        listed = api.get(f"{EVENTS}&limit=2{query}", key=token)
        found += [each["properties"]["value"] for each in listed["events"]]
        query = None
        if listed["next"]:
            query = f"&cursor={listed['next']}"
            place = json.loads(base64.urlsafe_b64decode(listed["next"]))
            assert place[0] >= 1_766_000_000_000 and 1 <= place[1] <= 5
    assert found == [5, 104, 103, 102, 101, 100, 204, 203, 202, 201, 200]
    for cursor in ((10**15, 10**15), (0, 0), (1_767_225_600_000, -(10**15))):
        answer = api("GET", f"{EVENTS}&cursor={lite.write_cursor(cursor)}", key=token)
        assert answer.status_int == 200
        assert {each["location"] for each in answer.json["events"]} <= {"One Inc."}


def test_a_bucket_a_group_and_the_comparison_have_their_events(api):
    set_up(api, breakdown="location")
    api.post(paid("before", value=3, timestamp="2025-11-20"))
    api.post(paid("unnamed", "loc-3", 9))
    token = share(api, locations="all", may={"events": True})["token"]

    def values(query: str) -> list[float]:
        answer = api("GET", f"{EVENTS}&{query}", key=token)
        assert answer.status_int == 200, answer.text
        return sorted(each["properties"]["value"] for each in answer.json["events"])

    assert values("term=A") == [5, 9, 700]
    assert values("group=Two%20Inc.") == [700] and values("group=loc-3") == [9]
    assert values("group=nobody") == values("group=loc-1") == values("other=true") == []
    assert values("interval=day&bucket=2026-01-01") == [5, 9, 700]
    assert values("interval=day&bucket=2025-12-31") == []
    assert values("compare=previous_period&compared=true") == [3]
    refused = api("GET", f"{EVENTS}&term=B&compared=true", key=token)
    assert errors(refused) == {"?term": "unknown_term", "?compare": "required"}
    assert errors(api("GET", "/shares/v1/current/events?card=7", key=token)) == {
        "?card": "unknown_card"
    }
    api("PUT", "/metrics/v1/1", REVENUE | {"card": {"dashboard_id": 1, "chart": "number"}})
    assert errors(api("GET", f"{EVENTS}&group=x", key=token)) == {"?group": "no_groups"}


# What viewers do not get


def requests_of(route: lite.Route) -> list[tuple[str, str]]:
    """Methods and paths by which somebody could try to reach a route."""
    path = re.sub(r"\{\w+\}", "1", route.path)
    tried = [(route.method, path)]
    tried.append((route.method, path + "?location_id=loc-1&locations=loc-1&dry_run=true"))
    if route.method == "GET":
        tried.append(("HEAD", path))
    return tried


def test_a_share_opens_no_other_route_by_no_method(api):
    set_up(api)
    token = share(api, locations="all", may={"events": True, "download": True})["token"]
    api.post(event("refused", timestamp="soon"))
    tables = ("events", "contacts", "locations", "metrics", "dashboards", "rejections", "branding")
    everything = [f"select * from {table}" for table in tables]
    before = [api.rows(each) for each in everything]
    for route in lite.ROUTES:
        body = None if route.body is None else {}
        for method, path in requests_of(route):
            answer = api(method, path, body, key=token)
            if route.scope == "share" or route.scope is None and not route.knows_key:
                assert answer.status_int in (200, 422), path
            else:
                assert answer.status_int == 403, path
            in_url = f"{path}{'&' if '?' in path else '?'}api_key={token}"
            answer = api(method, in_url, body, key=None)
            if route.scope is not None:
                assert answer.status_int == 401, path
            answer = api(method, in_url.replace("api_key=", "token="), body, key=None)
            assert route.scope is None or answer.status_int == 401, path
        for method in ("OPTIONS", "PATCH", "PUT", "DELETE"):
            if method != route.method:
                answer = api(method, re.sub(r"\{\w+\}", "1", route.path), body, key=token)
                assert answer.status_int in (403, 405), (method, route.path)
    for path in ("/events/ingestion/v1/", "/custom-events//ingestion/v1", "/shares/v1/current"):
        answer = api("POST", path, event("stolen"), key=token)
        assert answer.status_int in (404, 405) and "rejection_id" not in answer.json
    assert [api.rows(each) for each in everything] == before


def test_on_the_wire_doubled_slashes_lead_no_further_and_the_body_of_a_viewer_is_not_kept(serve):
    """Nor does a body that comes late make the answer another one."""
    served = serve()
    made = exchange(
        served, request_bytes({"dashboard_id": 1, "locations": "all"}, path="/shares/v1")
    )
    token = json.loads(made[0][2])["token"]
    closed = [each for each in lite.ROUTES if each.scope not in (None, "share")]
    sent = [
        request_bytes(b"", token, "//" + re.sub(r"\{\w+\}", "1", each.path), each.method)
        for each in closed
    ]
    assert {status for status, *_ in exchange(served, *sent)} == {403}
    posted = request_bytes(event(properties={"note": "x" * 100_000}), key=token)
    with served.connect() as connection:
        head, _, body = posted.partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        connection.sendall(body)
        answer = connection.makefile("rb").readline()
    assert answer.split()[1] == b"403"
    assert served.server.buffers.total == 0


SECRETS = {
    "interval": st.sampled_from(["total", "day", "hour"]),
    "compare": st.sampled_from(["previous_period", "previous_year"]),
    "from": st.sampled_from(["1999-01-01", "2025-12-01", "2025-12-31T12:00:00Z"]),
    "to": st.sampled_from(["2026-01-02", "2030-01-01"]),
    "timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
    "cards": st.sampled_from(["0", "1", "2", "0,1", "5"]),
    "card": st.sampled_from(["0", "1", "2", "9"]),
    "term": st.sampled_from(["A", "B"]),
    "bucket": st.sampled_from(["2026-01-01", "2025-12-31"]),
    "group": st.sampled_from(["", "One Inc.", "Secret Inc.", "loc-2", "secret", "gold"]),
    "other": st.sampled_from(["true", "false"]),
    "compared": st.sampled_from(["true", "false"]),
    "limit": st.sampled_from(["1", "500"]),
    "cursor": st.sampled_from(
        [lite.write_cursor(each) for each in ((10**15, 0), (1_767_225_600_000, 1), (1, 10**9))]
    ),
    "locations": st.sampled_from(["loc-2", "all", "loc-1,loc-2"]),
}
CURRENT = [route for route in lite.ROUTES if route.scope == "share"]


def world(secrets: bool) -> tuple[Api, list[str]]:
    """With or without what lies in another location; and shares of the first one."""
    api = Api()
    for number in range(3):
        api.post(paid(f"d-{number}", value=number, contact_id=f"c-{number}"))
    api("PATCH", "/locations/v1/loc-1", {"name": "One Inc."})
    metric = REVENUE | {
        "card": {"dashboard_id": 1, "breakdown": "location", "target": {"value": 9}}
    }
    api("POST", "/metrics/v1", metric)
    by_plan = {"dashboard_id": 1, "breakdown": "property.plan", "chart": "stacked"}
    api("POST", "/metrics/v1", REVENUE | {"name": "By plan", "card": by_plan})
    tokens = [share(api, may={"events": each})["token"] for each in (True, False)]
    if secrets:
        for number in range(30):
            plan = {"plan": f"secret {number}"}
            api.post(paid(f"d-{number}", "loc-2", 1e6, contact_id="c-1", properties=plan))
        api("PUT", "/contacts/v1/loc-2/c-1", {"name": "A secret"})
        api("PATCH", "/locations/v1/loc-2", {"name": "Secret Inc.", "timezone": "Asia/Tokyo"})
        api("POST", "/dashboards/v1", {"name": "Secret", "cards": [{"metric_id": 1}]})
        share(api, locations="all", may={"events": True})
        api(
            "GET",
            TOTALS,
            key=api("POST", "/shares/v1", {"dashboard_id": 1, "locations": "all"}).json["token"],
        )
    return api, tokens


@pytest.fixture(scope="module")
def worlds():
    both = world(True), world(False)
    yield both
    for api, _ in both:
        api.app.close()


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def look_around(worlds, data):
    route = data.draw(st.sampled_from(CURRENT))
    fields = data.draw(st.fixed_dictionaries({}, optional=SECRETS))
    if data.draw(st.booleans()):
        known = route.query.model_json_schema().get("properties", {})
        fields = {name: value for name, value in fields.items() if name in known}
    number = data.draw(st.integers(0, 1))
    path = f"{route.path}?{urlencode(fields)}"
    answers = [api("GET", path, key=tokens[number]) for api, tokens in worlds]
    assert answers[0].status_int == answers[1].status_int < 500
    assert answers[0].json == answers[1].json
    assert not re.search("ecret|loc-2|Two Inc|metric_id|event_id|contact_id", answers[0].text)


def test_what_another_location_holds_changes_nothing_for_a_viewer(worlds):
    """Through no parameter, cursor, card or group; not even what others have just calculated."""
    known = {name for route in CURRENT for name in route.query.model_json_schema()["properties"]}
    assert known <= set(SECRETS)
    look_around(worlds)


# Kept answers


def calculations(monkeypatch) -> list[dict]:
    """The dashboards that were calculated from now on."""
    made = []
    calculate = lite.calculate_cards

    def calculate_and_note(connection, dashboard, *rest):
        made.append(dashboard)
        return calculate(connection, dashboard, *rest)

    monkeypatch.setattr(lite, "calculate_cards", calculate_and_note)
    return made


def test_who_asks_the_same_within_fifteen_seconds_gets_the_same(api, clock, monkeypatch):
    set_up(api)
    made = calculations(monkeypatch)
    tokens = [share(api)["token"] for _ in range(3)]
    other = share(api, locations="all")["token"]
    assert [value_for(api, token) for token in tokens] == [5, 5, 5] and len(made) == 1
    api.post(paid("more", value=10))
    clock.advance(14_000)
    assert value_for(api, tokens[0]) == 5 and value_for(api, other) == 715 and len(made) == 2
    clock.advance(1_000)
    assert value_for(api, tokens[1]) == 15 and len(made) == 3
    api("DELETE", "/shares/v1/1")
    assert refusal(api("GET", TOTALS, key=tokens[0])) == (401, "key_revoked")
    api("PUT", "/dashboards/v1/1", {"name": "Dashboard", "cards": [{"metric_id": 1}] * 2})
    assert len(api.get(TOTALS, key=tokens[1])["cards"]) == 2  # a change is seen at once


def test_kept_answers_have_a_total(monkeypatch, clock):
    kept = lite.KeptAnswers()
    for number in range(50):
        content = bytes(lite.NUMBERS_BYTES // 10)
        assert kept.answer(b"%d" % number, lambda content=content: content, 1e12) is content
        assert kept.size <= lite.NUMBERS_BYTES
    assert list(kept.answers) == [b"%d" % number for number in range(41, 50)]
    large = bytes(lite.NUMBERS_BYTES // 8 + 1)
    assert kept.answer(b"large", lambda: large, 1e12) is large and b"large" not in kept.answers
    clock.advance(15_000)
    kept.answer(b"new", lambda: b"", 1e12)
    assert list(kept.answers) == [b"new"] and kept.size == lite.ANSWER_OVERHEAD


def test_who_asks_while_it_is_calculated_waits_for_that_and_one_that_fails_is_made_again():
    kept = lite.KeptAnswers()
    begun, go_on = threading.Event(), threading.Event()
    made = []

    def calculate(content: bytes | None) -> bytes:
        made.append(content)
        begun.set()
        assert go_on.wait(30)
        if content is None:
            raise lite.Invalid([])
        return content

    answers = []

    def ask(content: bytes | None) -> None:
        calculate_this = functools.partial(calculate, content)
        deadline = lite.time.monotonic() + 30
        try:
            answers.append(kept.answer(b"question", calculate_this, deadline))
        except lite.Invalid:
            answers.append(None)

    with pytest.raises(lite.TooSlow):
        kept.under_way.add(b"other")
        kept.answer(b"other", bytes, deadline=0)
    threads = [threading.Thread(target=ask, args=(content,)) for content in (None, b"1", b"2")]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert len(made) == 2 and made[0] is None
    assert sorted(answers, key=str) == sorted([None, made[1], made[1]], key=str)


class Waiting:
    """A read in a queue."""

    def __init__(self, sender):
        self.sender = sender


def test_while_viewers_wait_for_their_numbers_others_read_on(serve, connect, monkeypatch):
    served = serve(read_threads=2)
    go_on = threading.Event()
    body = {"dashboard_id": 1, "locations": "all"}
    made = [request_bytes(body | {"name": f"{n}"}, path="/shares/v1") for n in range(4)]
    tokens = [json.loads(content)["token"] for *_, content in exchange(served, *made)]
    made = []

    def calculate(connection, dashboard, query, *_):
        made.append(query.interval)
        assert go_on.wait(30)
        return []

    monkeypatch.setattr(lite, "calculate_cards", calculate)
    viewers = connect(served, 16)
    for number, viewer in enumerate(viewers):
        interval = ("total", "day", "week", "month")[number % 4]
        path = f"/shares/v1/current/data?interval={interval}"
        viewer.sendall(request_bytes(b"", tokens[number % 4], path, "GET"))
    wait_until(lambda: made)
    read = request_bytes(b"", path="/events/v1", method="GET")
    post = request_bytes(event())
    assert [status for status, *_ in exchange(served, read, post, read)] == [200, 201, 200]
    assert len(made) == 1
    go_on.set()
    assert [Answers(viewer).next()[0] for viewer in viewers] == [200] * 16
    assert sorted(made) == ["day", "month", "total", "week"]


def test_what_viewers_do_not_take_counts_as_that_of_strangers():
    buffers = lite.Buffers(100)
    for sender, size in ((lite.Viewers(1), 5), (None, 7), (lite.Viewers(2), 9), (3, 11)):
        buffers.hold(SimpleNamespace(sender=sender, held_bytes=0, holder=None), size)
    assert buffers.by_sender == {None: 21, 3: 11}


def test_viewers_take_half_of_the_readers_at_most_and_of_one_share_one():
    queue = lite.FairQueue(at_once=2)
    for share_id in (1, 1, 1, 2, 2, 3):
        queue.append(Waiting(lite.Viewers(share_id)))
    taken = [queue.popleft(), queue.popleft()]
    assert [each.sender for each in taken] == [lite.Viewers(1), lite.Viewers(2)]
    assert not queue and len(queue) == 4
    for _ in range(3):
        queue.append(Waiting(7))
    assert [queue.popleft().sender, queue.popleft().sender] == [7, 7] and not queue
    queue.finish(lite.Viewers(1), 0.5)
    assert queue.popleft().sender == lite.Viewers(3) and not queue
    queue.finish(lite.Viewers(3), 0.1)
    queue.finish(lite.Viewers(2), 0.2)
    assert [queue.popleft().sender, queue.popleft().sender] == [lite.Viewers(2), lite.Viewers(1)]
    assert not queue and len(queue) == 2


# The page of a link


def ancestors(answer) -> list[str]:
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    return policy.partition("frame-ancestors ")[2].split()


def test_the_page_of_a_link_may_be_framed_by_its_hosts_alone(api, clock):
    api("PUT", "/branding/v1", {"frame_hosts": ["https://crm.example.com"]})
    api.post(event())
    usual, own = share(api), share(api, frame_hosts=["https://*.a.example", "http://localhost:99"])
    never, short = share(api, frame_hosts=[]), share(api, expires_at="2026-01-01T00:00:09Z")

    def page(public_id: str, **rest):
        answer = api("GET", "/share/" + public_id, key=None, **rest)
        state = re.search('data-link="(.*?)"', answer.text)[1]
        return answer.status_int, state, ancestors(answer)

    assert page(usual["public_id"]) == (200, "works", [*HIGHLEVEL, "https://crm.example.com"])
    hosts = ["https://*.a.example", "http://localhost:99"]
    assert page(own["public_id"]) == (200, "works", hosts)
    assert page(never["public_id"]) == (200, "works", ["'none'"])
    clock.advance(9_000)
    assert page(short["public_id"])[:2] == (403, "expired")
    api("DELETE", f"/shares/v1/{own['share_id']}")
    assert page(own["public_id"]) == (403, "revoked", hosts)
    for unknown in (
        "",
        "x",
        "0" * 20,
        "a" * 21,
        "{{custom_values.dashboard}}",
        "v1/current",
        "../",
    ):
        found = page(quote(unknown))
        assert found == (401, "unknown", [*HIGHLEVEL, "https://crm.example.com"]), unknown
    for path in ("/", "/static/share.html", "/static/share.js", "/no-such", "/healthz"):
        assert ancestors_of_others(api, path) == ["'none'"]
    assert api("HEAD", "/share/" + usual["public_id"], key=None).status_int == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert api(method, "/share/" + usual["public_id"]).status_int == 405


def ancestors_of_others(api, path: str) -> list[str]:
    policy = api("GET", path).headers["Content-Security-Policy"]
    return policy.partition("frame-ancestors ")[2].split()


TOKEN = "sl_a-token-that-nobody-should-read"


@pytest.mark.parametrize(
    "behind",
    [
        "%23{}",
        "?token={}",
        "%2523{}",
        "%3Ftoken={}",
        "/%23{}",
        "/{}",
        "%26{}",
        "%00{}",
        "%0a{}",
        "%ff{}",
        "?api_key={}",
    ],
)
def test_a_token_behind_a_link_is_noted_nowhere(capsys, behind):
    api = Api(log_requests=True)
    public_id = api("POST", "/shares/v1", {"dashboard_id": 1, "locations": "all"}).json["public_id"]
    key = api.key(scope="ingest")
    for start in ("/share/", "//share/", "/share//", "/%73hare/", "/Share/"):
        for name, status in ((public_id, 200), ("unknown", 401), ("", 401)):
            path = start + name + behind.format(TOKEN)
            found = api("GET", path, key=None).status_int
            assert found == status, path
            api("POST", path, {}, key=key)
    api("POST", "/share" + behind.format(TOKEN), {}, key=key)
    log = capsys.readouterr().err
    attempts = api("GET", "/attempts/v1").text
    rejections = api("GET", "/rejections/v1").text
    assert f'"/share/{public_id}" 200' in log and "/share/unknown" in attempts
    assert json.loads(rejections)["rejections"]
    for noted in (log, attempts, rejections):
        assert TOKEN not in noted
    api.app.close()


def test_a_server_answers_links_itself_and_compressed(serve):
    served = serve(read_threads=1)
    made = exchange(
        served, request_bytes({"dashboard_id": 1, "locations": "all"}, path="/shares/v1")
    )
    made = json.loads(made[0][2])
    public_id = made["public_id"]
    asked = [
        request_bytes(b"", path=path, method="GET", X_API_Key=None, Accept_Encoding="gzip")
        for path in (f"/share/{public_id}", f"//share/{public_id}%23x", "/share/logo")
    ]
    answers = exchange(served, *asked)
    assert [status for status, *_ in answers] == [200, 200, 404]
    assert answers[0][1]["content-encoding"] == "gzip"
    lines = (lite.data_folder() / "static" / "share.html").read_bytes()
    assert zlib.decompress(answers[0][2], 31) == lines
    numbers = functools.partial(request_bytes, b"", made["token"], TOTALS, "GET")
    plain, sent = exchange(served, numbers(), numbers(Accept_Encoding="gzip"))
    assert sent[1]["content-encoding"] == "gzip" and "content-encoding" not in plain[1]
    assert zlib.decompress(sent[2], 31) == plain[2] and plain[1]["vary"] == "Accept-Encoding"


# Hosts, colours, logos


@pytest.mark.parametrize(
    "host, stored",
    [
        ("https://crm.example.com", "https://crm.example.com"),
        (" HTTPS://CRM.Example.com/ ", "https://crm.example.com"),
        ("https://*.example.com:8443", "https://*.example.com:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_a_host_that_may_frame(api, host, stored):
    assert api("PUT", "/branding/v1", {"frame_hosts": [host]}).json["frame_hosts"] == [stored]


@pytest.mark.parametrize(
    "host, reason",
    [
        ("*", "must be one host"),
        ("'self'", "must be one host"),
        ("'self' https:", "must be one host"),
        ("https:", "must be one host"),
        ("https://", "must be one host"),
        ("data:", "must be one host"),
        ("javascript://a.example", "must be one host"),
        ("https://a.example https://b.example", "must be one host"),
        ("https://a.example; script-src *", "must be one host"),
        ("https://a.example;", "must be one host"),
        ("https://a.example,https://b.example", "must be one host"),
        ("https://a.example\r\nX: y", "must be one host"),
        ("https://a.example\x0bb", "must be one host"),
        ("https://*", "may have one star"),
        ("https://*.com", "may have one star"),
        ("https://*.*.example.com", "may have one star"),
        ("https://a*.example.com", "may have one star"),
        ("https://crm.*.com", "may have one star"),
        ("https://a.example:*", "may have one star"),
        ("https://user@a.example", "must have no user name"),
        ("https://a.example/path", "must be a host alone"),
        ("https://a.example//", "must be a host alone"),
        ("https://a.example?x", "must be a host alone"),
        ("https://a.example#x", "must be a host alone"),
        ("http://a.example", "must begin with https://"),
        ("http://localhost.a.example", "must begin with https://"),
        ("http://127.0.0.1.a.example", "must begin with https://"),
        ("https://a.example:0", "must be a host, perhaps"),
        ("https://a.example:65536", "must be a host, perhaps"),
        ("https://a.example:x", "must be a host, perhaps"),
        ("https://-a.example", "must be a host, perhaps"),
        ("https://a..example", "must be a host, perhaps"),
        ("https://" + "a" * 64 + ".example", "must be a host, perhaps"),
        ("https://" + "a." * 61 + "example", "must be a host, perhaps"),
        ("https://[::1]", "must be a host, perhaps"),
        ("https://bücher.example", "must be written in ASCII"),
        ("https://\u212aey.example", "must be written in ASCII"),
        ("https://a\u3002example", "must be written in ASCII"),
        ("https://a.example\x00", "must not contain the NUL"),
        (7, "must be one host"),
    ],
)
def test_a_host_that_is_none_or_more_is_refused_with_its_reason(api, host, reason):
    answer = api("PUT", "/branding/v1", {"frame_hosts": [host]})
    assert list(errors(answer)) == ["/frame_hosts/0"]
    assert answer.json["errors"][0]["message"].startswith(reason)
    assert api.rows("select * from branding") == []


def test_a_colour_must_be_readable_and_a_refusal_names_one_that_is(api):
    for accent, stored in (("#1a56db", "#1a56db"), ("#ABC", None), ("#036", "#003366")):
        answer = api("PUT", "/branding/v1", {"accent": accent})
        if stored:
            assert answer.json["accent"] == stored
            dark = lite.colour_of(answer.json["accent_dark"])
            assert lite.contrast(dark, lite.DARK) >= 4.5
    message = api("PUT", "/branding/v1", {"accent": "#ffcc00"}).json["errors"][0]["message"]
    assert message.startswith("is too light to be read on white: its contrast is 1.5 : 1")
    darker = re.search("#[0-9a-f]{6}", message)[0]
    assert 4.5 <= lite.contrast(lite.colour_of(darker), lite.WHITE) < 4.8
    assert api("PUT", "/branding/v1", {"accent": darker}).status_int == 200
    assert round(lite.contrast((0, 0, 0), lite.WHITE), 2) == 21
    assert round(lite.contrast(lite.colour_of("#767676"), lite.WHITE), 2) == 4.54  # as WCAG says
    for wrong in ("red", "#12345", "#1234567", "1a56db", "#gggggg", "url(x)", "#1a56db;}", 7):
        assert list(errors(api("PUT", "/branding/v1", {"accent": wrong}))) == ["/accent"]
    style = (lite.data_folder() / "static" / "style.css").read_text("utf-8")
    assert f"--card: light-dark(#fff, {lite.colour_text(lite.DARK)});" in style


def test_branding_is_replaced_as_a_whole_but_for_the_logo(api):
    unset = {"title": None, "logo": None, "accent": None, "accent_dark": None, "frame_hosts": []}
    assert api.get("/branding/v1") == unset | {"updated_at": None}
    api("PUT", "/branding/v1/logo", PNG)
    api("PUT", "/branding/v1", {"title": "<b>Acme</b>", "accent": "#1a56db"})
    full = api("PUT", "/branding/v1", {"title": "Acme"}).json
    logo = f"/share/logo?v={lite.logo_tag(PNG)}"
    now = "2026-01-01T00:00:00.000Z"
    assert full == unset | {"title": "Acme", "logo": logo, "updated_at": now}
    assert api("DELETE", "/branding/v1/logo").json == full | {"logo": None}
    hosts = {"frame_hosts": ["https://a.example"] * 18}
    assert errors(api("PUT", "/branding/v1", hosts)) == {"/frame_hosts": "too_long"}
    assert errors(api("PUT", "/branding/v1", {"title": "a" * 101})) == {"/title": "too_long"}


def test_a_logo_is_sent_as_a_file_of_its_own_that_is_nothing_else(api):
    assert api("GET", "/share/logo", key=None).status_int == 404
    stored = api("PUT", "/branding/v1/logo", PNG, kind="image/svg+xml").json["logo"]
    answer = api("GET", stored, key=None)
    assert (answer.status_int, answer.body, answer.content_type) == (200, PNG, "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    tag = answer.headers["ETag"]
    again = api("GET", stored, key=None, headers={"If-None-Match": tag})
    assert (again.status_int, again.body) == (304, b"")
    api("PUT", "/branding/v1/logo", png_of(1, 1))
    assert api("GET", stored, key=None, headers={"If-None-Match": tag}).status_int == 200


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_of(width: int, height: int, *more: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(8)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + data + chunk(b"IEND", b"")


JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R"
    "V19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
    "Y2NjY2NjY2NjY2NjY2P/wAARCAADAAIDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAUEAEAAAAAAAAAAAAA"
    "AAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAABQb/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwCQApBj/9k="
)
SIZE_OF_JPEG = JPEG.index(b"\xff\xc0") + 5  # height and width
VP8 = base64.b64decode("VlA4ICoAAACQAQCdASoCAAMAAsBMJaACdLoAA5gA/uy9j/zNH6TfSbvx/xbSOhP3AAA=")
VP8L = b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", 1 | 2 << 14) + b"\0"


def webp_of(*chunks: bytes) -> bytes:
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def canvas(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X" + struct.pack("<I", 10) + bytes(4) + size


@pytest.mark.parametrize(
    "image, media_type",
    [
        (PNG, "image/png"),
        (png_of(2000, 2000), "image/png"),
        (png_of(1, 1, chunk(b"tEXt", b"a\0b")), "image/png"),
        (JPEG, "image/jpeg"),
        (webp_of(VP8), "image/webp"),
        (webp_of(VP8L), "image/webp"),
        (webp_of(canvas(2, 3), VP8), "image/webp"),
    ],
)
def test_an_image_is_known_by_its_own_bytes(image, media_type):
    assert lite.image_type(image) == media_type


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "data, code",
    [
        (SVG, "not_an_image"),
        (b"", "not_an_image"),
        (b"GIF89a" + bytes(40), "not_an_image"),
        (b"BM" + bytes(60), "not_an_image"),
        (b"\xef\xbb\xbf" + SVG, "not_an_image"),
        (b" " + PNG, "not_an_image"),
        (b"RIFF\x04\0\0\0WAVE", "not_an_image"),
        (PNG[:8] + SVG, "damaged_image"),
        (PNG + SVG, "damaged_image"),
        (PNG + b"PK\x05\x06" + bytes(18), "damaged_image"),
        (PNG[:8], "damaged_image"),
        (PNG[:8] + PNG[-12:], "damaged_image"),
        (PNG.replace(b"IDAT", b"IDAt"), "damaged_image"),
        (png_of(1, 1, chunk(b"IHDR", bytes(13))), "damaged_image"),
        (png_of(0, 1), "damaged_image"),
        (png_of(2001, 1), "too_many_pixels"),
        (png_of(1, 2**31 - 1), "too_many_pixels"),
        (png_of(1, 1, chunk(b"acTL", bytes(8))), "animated_image"),
        (JPEG + b"<?php", "damaged_image"),
        (JPEG[:-2], "damaged_image"),
        (JPEG[:3] + SVG, "damaged_image"),
        (JPEG[:2] + b"\xff\xd9", "damaged_image"),
        (JPEG[:SIZE_OF_JPEG] + b"\xff\xff\xff\xff" + JPEG[SIZE_OF_JPEG + 4 :], "too_many_pixels"),
        (JPEG[:SIZE_OF_JPEG] + b"\0\0\0\0" + JPEG[SIZE_OF_JPEG + 4 :], "damaged_image"),
        (JPEG[: SIZE_OF_JPEG - 5] + JPEG[SIZE_OF_JPEG - 5 :] * 2, "damaged_image"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xc3"), "damaged_image"),
        (webp_of(VP8)[:-1], "damaged_image"),
        (webp_of(VP8) + SVG, "damaged_image"),
        (webp_of(), "damaged_image"),
        (webp_of(canvas(2, 3)), "damaged_image"),
        (webp_of(canvas(2, 3), VP8, VP8), "animated_image"),
        (webp_of(canvas(2, 3), b"ANIM" + struct.pack("<I", 6) + bytes(6)), "animated_image"),
        (webp_of(canvas(2001, 1), VP8), "too_many_pixels"),
        (webp_of(VP8[:14] + b"\xff\x3f" + VP8[16:]), "too_many_pixels"),
        (webp_of(b"VP8 " + struct.pack("<I", 10) + bytes(10)), "damaged_image"),
        (webp_of(b"VP8L" + struct.pack("<I", 2**32 - 1) + VP8L[8:]), "damaged_image"),
    ],
)
def test_what_is_no_whole_image_of_modest_size_is_refused(api, data, code):
    answer = api("PUT", "/branding/v1/logo", data, kind="image/png")
    assert (answer.status_int, answer.json["errors"][0]["code"]) == (422, code)
    assert api.rows("select * from branding") == []


@pytest.mark.parametrize("image", [PNG, JPEG, webp_of(canvas(2, 3), VP8)])
def test_an_image_that_is_cut_off_anywhere_is_damaged(image):
    for length in range(len(image)):
        with pytest.raises(lite.Invalid):
            lite.image_type(image[:length])


def test_a_logo_has_64_kilobytes_at_most(api):
    def padded(size: int) -> bytes:
        return png_of(1, 1, chunk(b"tEXt", bytes(size - len(png_of(1, 1)) - 12)))

    assert api("PUT", "/branding/v1/logo", padded(65_536)).status_int == 200
    assert refusal(api("PUT", "/branding/v1/logo", padded(65_537))) == (413, "too_large")


# In a browser


@pytest.fixture
def crm():
    """crm(address of a frame) is a page of another site that frames it."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            frame = unquote(self.path.partition("?")[2])
            page = f"<!doctype html><link rel=icon href=data:,><iframe src='{frame}'></iframe>"
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever).start()
        yield site.server_address[1]
        site.shutdown()


@needs_browser
def test_a_link_shows_its_numbers_in_the_frame_of_its_host_and_in_no_other(
    serve, browser, crm, tmp_path
):
    """However its token comes."""
    served: Served = serve()
    origin = f"http://127.0.0.1:{served.port}"
    api = functools.partial(call_over_the_wire, served)
    api("POST", "/events/ingestion/v1", paid("d-1", value=42))
    api("POST", "/metrics/v1", REVENUE)
    made = api(
        "POST",
        "/shares/v1",
        {
            "dashboard_id": 1,
            "locations": ["loc-1"],
            "frame_hosts": [f"http://localhost:{crm}"],
        },
    )
    path, token = f"{origin}/share/{made['public_id']}", made["token"]
    context = browser.new_context()
    try:
        page = context.new_page()
        for link in (f"#{token}", f"%23{token}", f"?token={token}"):
            page.goto(f"http://localhost:{crm}/?{quote(path + link)}")
            page.frame_locator("iframe").get_by_text("42", exact=True).wait_for()
            assert page.frames[1].evaluate("document.cookie") == ""
        page.goto(f"http://127.0.0.1:{crm}/?{quote(path + '#' + token)}")
        page.frames[1].wait_for_url("chrome-error://chromewebdata/")
        api("DELETE", f"/shares/v1/{made['share_id']}")
        page.goto(f"http://localhost:{crm}/?{quote(path + '#' + token)}")
        page.frame_locator("iframe").get_by_text("was revoked").wait_for()
    finally:
        context.close()


def call_over_the_wire(served: Served, method: str, path: str, body=b"") -> dict:
    [(status, _, content)] = exchange(served, request_bytes(body, ADMIN, path, method))
    assert status < 300, content
    return json.loads(content)


def test_a_new_metric_appears_on_no_dashboard_that_clients_see(api):
    api.post(paid("d-1"))
    for name in ("Second", "Third"):
        api("POST", "/dashboards/v1", {"name": name})
    for dashboard_id in (1, 2):
        body = {"dashboard_id": dashboard_id, "locations": "all"}
        assert api("POST", "/shares/v1", body).status_int == 201
    terms = [{"key": "A", "event": "Payment Received", "type": "account"}]
    assert api("POST", "/metrics/v1", {"name": "New", "terms": terms}).status_int == 201
    counts = [len(each["cards"]) for each in api.get("/dashboards/v1")["dashboards"]]
    assert counts == [0, 0, 1]


def test_while_the_database_cannot_be_read_the_page_of_a_link_says_so_itself(api, monkeypatch):
    def fail():
        raise lite.TryLater("the database cannot be read")

    monkeypatch.setattr(api.app.database, "read", fail)
    answer = api("GET", f"/share/{'0' * 20}", key=None)
    assert (answer.status_int, answer.content_type) == (503, "text/html")
    assert 'data-link="works"' in answer.text
    assert "frame-ancestors https://*.gohighlevel.com" in answer.headers["Content-Security-Policy"]
