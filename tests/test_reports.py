"""Reports: when they are due, what they say, to whom they go, and how one leaves."""

import json
import re
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from conftest import Api, errors, event, exchange, request_bytes, wait_until
from test_alerts import DAY, HOUR, MINUTE, Watched

import streamlined_lite as lite

ANN, BOB, HOOK = "ann@example.com", "Bob@example.com", "https://hooks.example.com/reports"
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
SOLD = {
    "name": "Sold",
    "format": {"style": "currency", "decimals": 2, "currency": "EUR"},
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
RATE = {
    "name": "Rate <1>",
    "format": {"style": "percent", "decimals": 1},
    "terms": [
        {"key": "A", "event": "Paid", "type": "account"},
        {"key": "B", "event": "Offered", "type": "account"},
    ],
    "formula": "A / B",
}


def pay(api, day: str, value: float, location_id="loc-1", name="Paid") -> None:
    body = event(f"{day} {value} {name} {location_id}", event_name=name, location_id=location_id)
    assert api.post(body | {"timestamp": day, "properties": {"value": value}}).status_int == 201


def set_up(api, recipients=None, **rest) -> dict:
    report = {"name": "Weekly", "dashboard_id": 1, "recipients": recipients or [{"mail": [ANN]}]}
    answer = api("POST", "/reports/v1", report | rest)
    assert answer.status_int == 201, answer.text
    return answer.json


def sent(api) -> list[tuple[int, str, dict]]:
    """When, to whom, and what."""
    found = api.rows("select created_at, recipient, content from messages order by message_id")
    return [(at, recipient, json.loads(content)) for at, recipient, content in found]


@pytest.fixture
def watched(clock):
    """The server's zone is Berlin's, and people find it under a name."""
    api = Api(clock=clock, time_zone="Europe/Berlin", public_url="https://numbers.example.com")
    yield Watched(api)
    api.app.close()


# A year

REPORTS = {
    "daily": {"every": "day", "hour": 8, "timezone": "Europe/Berlin"},
    "early": {"every": "day", "hour": 2, "timezone": "America/New_York"},
    "weekly": {"every": "week", "weekday": 3, "hour": 2, "timezone": "Europe/Berlin"},
    "monthly": {"every": "month", "day": 31, "hour": 23, "timezone": "America/New_York"},
}
OFF = ((700, 1), (1_000, 3), (1_600, 30), (2_500, 200), (6_000, 12), (7_500, 26))


def due_hours(every: str, hour: int, zone: ZoneInfo, weekday=0, day=0) -> list[tuple]:
    """Each due day of the year, and when it is due: in the first full hour, in UTC, in which the
    clock of the zone shows the hour or a later one of that day."""
    due = []
    found = set()
    first = datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))
    for number in range(365 * 24):
        at = first + timedelta(hours=number)
        clock = at.astimezone(zone)
        last_of_month = (clock.date().replace(day=28) + timedelta(days=4)).replace(day=1)
        last_day = (last_of_month - timedelta(days=1)).day
        is_day = (
            every == "day"
            or (every == "week" and clock.isoweekday() == weekday)
            or (every == "month" and clock.day == min(day, last_day))
        )
        if is_day and clock.hour >= hour and clock.date() not in found:
            found.add(clock.date())
            due.append((clock.date(), number))
    return due


def expected_reports(name: str) -> list[tuple]:
    """Of each the hour at which it is sent, its first and following day, whether it is late, and
    how many were missed before it."""
    settings = dict(REPORTS[name])
    zone = ZoneInfo(settings.pop("timezone"))
    due = due_hours(zone=zone, **settings)
    is_off = {hour for start, length in OFF for hour in range(start, start + length)}
    sent_reports = []
    waiting = []
    for hour in range(365 * 24):
        waiting += [each for each in due if each[1] == hour and hour > 0]
        if hour in is_off or not waiting:
            continue
        day, due_hour = waiting[-1]
        first = {"day": day - timedelta(days=1), "week": day - timedelta(days=7)}.get(
            settings["every"], (day.replace(day=1) - timedelta(days=1)).replace(day=1)
        )
        following = day.replace(day=1) if settings["every"] == "month" else day
        sent_reports.append((hour, first, following, hour - due_hour > 1, len(waiting) - 1))
        waiting = []
    return sent_reports


def test_a_year_of_reports_is_sent_exactly_as_often_as_it_should_be(watched):
    """Over both changes of the clocks, with restarts: nothing twice, nothing left out but what
    came too close after a downtime, and what is late says so."""
    api, clock = watched.api, watched.clock
    start = clock.now
    for name, settings in REPORTS.items():
        set_up(api, [{"webhooks": [HOOK + "/" + name]}], name=name, **settings)
    off_until = -1
    downtimes = dict(OFF)
    for hour in range(365 * 24):
        if hour in downtimes:
            off_until = hour + downtimes[hour]
        if hour == off_until:
            watched.restart()
        if hour >= off_until:
            watched.watcher.send_reports()
            if hour % 50 == 0:
                watched.restart()
        clock.advance(HOUR)
    for name in REPORTS:
        found = []
        for at, recipient, content in sent(api):
            body = content["body"]
            if recipient == f"{HOOK}/{name}":
                missed = re.search(r"(\d+) earlier", body["text"])
                found.append(
                    (
                        (at - start) // HOUR,
                        date.fromisoformat(body["from"]),
                        date.fromisoformat(body["to"]),
                        "This report is late: it was due on " in body["text"],
                        int(missed[1]) if missed else 0,
                    )
                )
        assert found == expected_reports(name), name


def test_a_clock_that_was_ahead_neither_sends_early_nor_keeps_the_next_report(watched):
    api, clock = watched.api, watched.clock
    set_up(api, every="day")
    watched.look(HOUR)
    clock.set_ahead(400 * DAY)
    watched.look()
    assert sent(api) == []
    clock.advance(20 * 60_000)
    watched.look()
    assert len(sent(api)) == 1  # it is believed by now
    clock.set_ahead(-400 * DAY)
    for _ in range(48):
        watched.look(HOUR)
    assert len(sent(api)) == 3


# What it says


def test_a_report_has_numbers_changes_and_targets_as_a_plain_table(watched):
    api = watched.api
    for each in (SOLD, RATE):
        api("POST", "/metrics/v1", each | {"card": None})
    target = {"value": 100, "per": "week"}
    cards = [{"metric_id": 1, "target": target}, {"metric_id": 2}]
    api("PUT", "/dashboards/v1/1", {"name": "Sales & more", "cards": cards})
    for day, value in (("2025-12-16", 40), ("2025-12-23", 1_000), ("2025-12-24", 234.5)):
        pay(api, day, value)
        pay(api, day, value, name="Offered")
    pay(api, "2025-12-24", 1, name="Offered")
    pay(api, "2025-12-25", 7, "loc-2")
    api("PATCH", "/locations/v1/loc-1", {"name": "Acme"})
    link = "https://numbers.example.com/share/0123?a=1&b=2"
    recipients = [
        {"mail": [ANN], "link": link},
        {"location_id": "loc-1", "mail": [BOB], "webhooks": [HOOK]},
    ]
    set_up(api, recipients, weekday=1)
    watched.clock.now = lite.read_timestamp("2025-12-29T06:59:00Z")
    api("PUT", "/reports/v1/1", {**settings_of(api), "paused": False})
    watched.look()
    [(_, to_ann, all_of_them), (_, to_bob, acme), (_, to_hook, hook)] = sent(api)
    assert (to_ann, to_bob, to_hook) == (ANN, BOB, HOOK)
    assert all_of_them["subject"] == "Sales & more: Mon 22 Dec 2025 to Sun 28 Dec 2025"
    assert acme["subject"] == "Sales & more · Acme: Mon 22 Dec 2025 to Sun 28 Dec 2025"
    lines = all_of_them["text"].splitlines()
    assert lines[:3] == [
        "Sales & more",
        "Mon 22 Dec 2025 to Sun 28 Dec 2025, compared with the 7 days before (Europe/Berlin)",
        "",
    ]
    assert lines[6] == ""
    table = [re.split(r" {2,}", line) for line in lines[3:6]]
    assert table == [
        ["Metric", "Now", "Before", "Change", "Target"],
        ["Sold", "€1,241.50", "€40.00", "+3,004 %", "€100.00, reached (1,242 %)"],
        ["Rate <1>", "100.0 %", "100.0 %", "+0.0 points"],
    ]
    assert lines[7] == f"See it: {link}"
    assert [re.split(r" {2,}", line)[1] for line in acme["text"].splitlines()[4:6]] == [
        "€1,234.50",
        "66.7 %",
    ]
    page = all_of_them["html"]
    assert "Rate &lt;1&gt;" in page and "Sales &amp; more" in page and link not in page
    assert link.replace("&", "&amp;") in page
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", page)
    assert cells[5:10] == table[1] and len(cells) == 15
    assert hook["body"]["metrics"][0]["value"] == 1234.5
    assert (hook["body"]["from"], hook["body"]["to"]) == ("2025-12-22", "2025-12-29")


def settings_of(api, report_id=1) -> dict:
    names = ("name", "dashboard_id", "every", "weekday", "day", "hour", "timezone", "recipients")
    shown = api.get(f"/reports/v1/{report_id}")
    return {name: shown[name] for name in names}


def test_a_preview_is_what_is_sent_and_sending_now_is_beside_the_times(watched):
    api = watched.api
    api("POST", "/metrics/v1", SOLD)
    pay(api, "2025-12-31", 5)
    report = {
        "name": "Daily",
        "dashboard_id": 1,
        "every": "day",
        "recipients": [{"mail": [ANN]}, {"location_id": "loc-1", "mail": [BOB]}],
    }
    seen = api("POST", "/reports/v1/preview", report | {"location_id": "loc-1"}).json
    assert (seen["location_id"], seen["next_at"]) == ("loc-1", "2026-01-01T07:00:00.000Z")
    assert "Change" in seen["text"] and "Target" not in seen["text"] + seen["html"]
    assert sent(api) == [] and api.get("/reports/v1") == {"reports": []}
    api("POST", "/reports/v1", report)
    watched.look()
    for body in ({}, {"mail": ["me@example.com"]}):
        asked = api("POST", "/reports/v1/1/send", body)
        assert (asked.status_int, asked.json["is_asked"]) == (202, True)
        watched.look()
        watched.look()
    assert [to for _, to, _ in sent(api)] == [ANN, BOB, "me@example.com", "me@example.com"]
    content = sent(api)[1][2]
    assert content["subject"] == seen["subject"]
    without_link = re.compile(r"https://numbers\S+/unsubscribe/v1\S*")
    assert without_link.sub("", content["text"]) == without_link.sub("", seen["text"])
    shown = api.get("/reports/v1/1")
    assert (shown["is_asked"], shown["next_at"]) == (False, "2026-01-01T07:00:00.000Z")
    watched.look(8 * HOUR)
    assert [to for _, to, _ in sent(api)[4:]] == [ANN, BOB]


def test_a_period_is_sent_once_whatever_is_set_up_anew(watched):
    api = watched.api
    set_up(api, every="day", hour=9)
    watched.look(9 * HOUR)
    assert len(sent(api)) == 1
    for hour in (12, 15):
        api("PUT", "/reports/v1/1", settings_of(api) | {"hour": hour})
        watched.look(3 * HOUR)
    assert len(sent(api)) == 1
    watched.look(DAY)
    assert len(sent(api)) == 2


def test_a_report_that_ended_in_the_middle_is_written_to_its_end(watched, monkeypatch):
    """A turn has so many messages; the one that notes that all are written never came."""
    api = watched.api
    monkeypatch.setattr(lite, "MESSAGES_STEP", 2)
    addresses = [f"{number}@example.com" for number in range(5)]
    set_up(api, [{"mail": addresses}], every="day")
    watched.clock.advance(9 * HOUR)
    database = api.app.database
    with database.read() as connection:
        report = lite.find_report(connection, 1)
        mailing = lite.prepare_report(connection, report, database.config, watched.clock.now)
    steps = list(lite.mailing_steps(mailing, watched.clock.now))
    assert len(steps) == 4
    for step in steps[:2]:
        watched.watcher.write(step)
    watched.restart()
    watched.look()
    watched.look()
    assert [to for _, to, _ in sent(api)] == addresses


@pytest.mark.parametrize("error", [lite.TooSlow, ZeroDivisionError])
def test_a_report_that_cannot_be_written_is_tried_again_and_holds_up_no_other(
    watched, monkeypatch, error
):
    api = watched.api
    pay(api, "2025-12-31", 5)
    api("POST", "/dashboards/v1", {"name": "Other", "cards": []})
    set_up(api, every="day")
    set_up(api, [{"mail": [BOB]}], name="Second", dashboard_id=2, every="day")
    calculate = lite.calculate_table

    def fail(connection, dashboard, *rest):
        if dashboard["dashboard_id"] == 1:
            raise error
        return calculate(connection, dashboard, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(lite, "calculate_table", fail)
        watched.look(9 * HOUR)
        assert [to for _, to, _ in sent(api)] == [BOB]
    assert api.get("/reports/v1/1")["problem"]
    assert api.get("/reports/v1/1")["next_at"] == "2026-01-01T09:15:00.000Z"
    watched.look(14 * MINUTE)
    assert [to for _, to, _ in sent(api)] == [BOB]
    watched.look(MINUTE)
    watched.look(MINUTE)
    assert [to for _, to, _ in sent(api)] == [BOB, ANN]
    assert api.get("/reports/v1/1")["problem"] is None
    assert api.get("/reports/v1/1")["next_at"] == "2026-01-02T07:00:00.000Z"


def test_what_a_report_needs_may_be_gone(watched):
    api = watched.api
    api("POST", "/metrics/v1", SOLD)
    pay(api, "2025-12-31", 5)
    pay(api, "2025-12-31", 5, "loc-2")
    api("POST", "/dashboards/v1", {"name": "Other", "cards": []})
    set_up(
        api,
        [{"location_id": "loc-1", "mail": [ANN]}, {"location_id": "loc-2", "mail": [BOB]}],
        every="day",
    )
    set_up(api, name="Other", dashboard_id=2, every="day")
    api("DELETE", "/locations/v1/loc-1")
    watched.look(9 * HOUR)
    texts = {to: content["text"] for _, to, content in sent(api)}
    assert set(texts) == {ANN, BOB}
    assert "This dashboard has no metrics." in texts[ANN]
    api("DELETE", "/locations/v1/loc-2")
    api("DELETE", "/dashboards/v1/2")
    watched.look(DAY)
    assert len(sent(api)) == 2
    assert [each["problem"] for each in api.get("/reports/v1")["reports"]] == [
        "its locations were removed",
        "its dashboard was deleted",
    ]
    assert [each["next_at"] for each in api.get("/reports/v1")["reports"]] == [
        "2026-01-03T07:00:00.000Z"
    ] * 2


# Unsubscribing


def test_a_mail_carries_a_signed_link_to_unsubscribe_without_a_login(watched):
    api = watched.api
    set_up(api, [{"mail": [ANN, BOB]}], every="day", name="Daily <1>")
    watched.look(9 * HOUR)
    [(_, _, to_ann), (_, _, to_bob)] = sent(api)
    link = to_bob["unsubscribe"]
    assert link.startswith("https://numbers.example.com/unsubscribe/v1?report=1&address=bob%40")
    assert link in to_bob["text"] and link.replace("&", "&amp;") in to_bob["html"]
    path = link.removeprefix("https://numbers.example.com")
    shown = api("GET", path, key=None)
    assert (shown.status_int, shown.content_type) == (200, "text/html")
    assert "“Daily &lt;1&gt;” is sent to bob@example.com." in shown.text
    assert api.get("/reports/v1/1")["unsubscribed"] == []
    for forged in (
        path[:-1] + "0",
        path.replace("report=1", "report=2"),
        path.replace("bob", "ann"),
    ):
        if forged != path:
            shown = api("GET", forged, key=None)
            assert (shown.status_int, shown.content_type) == (404, "text/html")
            assert "This link is not complete" in shown.text and "<form" not in shown.text
            assert api("POST", forged, b"", key=None).status_int == 404
    # As mail programs do with one click
    click = {"kind": "application/x-www-form-urlencoded", "key": None}
    done = api("POST", path, b"List-Unsubscribe=One-Click", **click)
    assert "no longer sent to bob@example.com" in done.text
    watched.look(DAY)
    assert [to for _, to, _ in sent(api)[2:]] == [ANN]
    [undo] = re.findall(r"action='([^']+)'", done.text)
    assert api("POST", undo.replace("&amp;", "&"), b"", **click).status_int == 200
    watched.look(DAY)
    assert [to for _, to, _ in sent(api)[3:]] == [ANN, BOB]
    assert len({urlsplit(each["unsubscribe"]).query for each in (to_ann, to_bob)}) == 2


def test_a_server_under_a_name_of_other_letters_sends_links_that_a_header_takes(clock):
    api = Api(clock=clock, public_url="https://Zahlen.Bücher.example/")
    watched = Watched(api)
    set_up(api, every="day")
    watched.look(9 * HOUR)
    [(_, _, content)] = sent(api)
    assert content["unsubscribe"].startswith("https://zahlen.xn--bcher-kva.example/unsubscribe/")
    api.app.close()


def test_the_page_to_unsubscribe_and_the_mail_work_in_a_browser(serve, visit):
    served = serve()
    report = {
        "name": "Daily",
        "dashboard_id": 1,
        "every": "day",
        "recipients": [{"mail": [ANN]}],
    }
    made, asked = exchange(
        served,
        request_bytes(report, path="/reports/v1", Host=f"127.0.0.1:{served.port}"),
        request_bytes({}, path="/reports/v1/1/send"),
    )
    assert (made[0], asked[0]) == (201, 202)
    reader = lite.open_reader(served.config.database)
    wait_until(lambda: reader.execute("select 1 from messages").get)
    link = reader.execute("select content ->> '$.unsubscribe' from messages").get
    mail = reader.execute("select content ->> '$.html' from messages").get
    visitor = visit(f"http://127.0.0.1:{served.port}")
    page = visitor.page
    page.goto(link)
    assert visitor.axe() == []
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_text("no longer sent to ann@example.com").wait_for()
    assert reader.execute("select address from unsubscribed").get == ANN
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("sent to ann@example.com again").wait_for()
    assert reader.execute("select count(*) from unsubscribed").get == 0
    page = visit("about:blank").page
    page.set_content(mail)
    assert page.get_by_role("link", name="Unsubscribe").get_attribute("href") == link
    reader.close()


# What is set up


def test_what_cannot_be_sent_is_refused_all_at_once(watched):
    api = watched.api
    body = {
        "name": "",
        "dashboard_id": 1,
        "every": "year",
        "hour": 24,
        "timezone": "Mars",
        "recipients": [{"mail": ["a@b.c\r\nBcc: d@e.f"]}, {"link": "javascript:alert(1)"}],
    }
    assert errors(api("POST", "/reports/v1", body)) == {
        "/name": "blank",
        "/every": "literal_error",
        "/hour": "less_than_equal",
        "/timezone": "time_zone",
        "/recipients/0/mail/0": "line_break",
        "/recipients/1/link": "link",
        "/recipients/1/mail": "required",
    }
    gone = {"name": "A", "dashboard_id": 9, "recipients": [{"location_id": "no", "mail": [ANN]}]}
    expected = {
        "/dashboard_id": "unknown_dashboard",
        "/recipients/0/location_id": "unknown_location",
    }
    assert errors(api("POST", "/reports/v1", gone)) == expected
    assert errors(api("POST", "/reports/v1/preview", gone)) == expected
    set_up(api)
    taken = {"name": "Weekly", "dashboard_id": 1, "recipients": [{"mail": [ANN]}]}
    assert api("POST", "/reports/v1", taken).status_int == 409
    paused = api("PUT", "/reports/v1/1", taken | {"paused": True}).json
    assert paused["next_at"] is None
    watched.look(30 * DAY)
    assert sent(api) == []
    assert api("DELETE", "/reports/v1/1").json == {"reports": 1}


def test_durations_are_told_as_on_the_page():
    told = {
        0: "0 s",
        9.25: "9.2 s",
        59.6: "1 m",
        252: "4 m 12 s",
        3_599.7: "1 h",
        5_400: "1 h 30 m",
        90_061: "1 d 1 h",
        -70: "-1 m 10 s",
    }
    style = {"style": "duration"}
    assert {value: lite.number_words(value, style) for value in told} == told
