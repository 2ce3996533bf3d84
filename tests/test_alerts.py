"""Alerts: what they find, what they tell and how often, and that they tell nothing else."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from conftest import NOW, Api, errors, event, exchange, request_bytes, wait_until

import streamlined_lite as lite

HOUR = 3_600_000
DAY = 24 * HOUR
MINUTE = 60_000
HOOK = "https://hooks.example.com/alerts"
MAIL = "ann@example.com"


class Watched:
    """An app whose watcher looks when a test says so."""

    def __init__(self, api: Api):
        self.api = api
        self.clock = api.clock
        self.restart()

    def restart(self) -> None:
        self.watcher = lite.Watcher(self.api.app.database)

    def alert(self, name="Alert", **watch) -> int:
        body = {"name": name, "watch": watch, "webhooks": [HOOK]}
        answer = self.api("POST", "/alerts/v1", body)
        assert answer.status_int == 201, answer.text
        return answer.json["alert_id"]

    def look(self, after: int = MINUTE) -> None:
        """So much later."""
        self.clock.advance(after)
        self.watcher.next_round = 0.0
        self.watcher.tick()

    def told(self, alert_id=1) -> list[tuple[int, dict]]:
        """When, and what of which subject."""
        found = self.api.rows(
            "select created_at, content from messages where about = ? and channel = 'webhook' "
            "order by message_id",
            (f"alert {alert_id}",),
        )
        return [(at, kinds_of(json.loads(content)["body"])) for at, content in found]

    def kinds(self, alert_id=1) -> list[dict]:
        return [kinds for _, kinds in self.told(alert_id)]

    def state(self, alert_id=1) -> dict:
        return self.api.get(f"/alerts/v1/{alert_id}")


def kinds_of(body: dict) -> dict[str, str]:
    return {each["subject"] or "": each["change"] for each in body["changes"]}


@pytest.fixture
def watched(api):
    return Watched(api)


def post(api, location_id="loc-1", name="Paid", **fields) -> None:
    distinct_id = f"{location_id} {name} {api.clock.now} {random.random()}"
    body = event(distinct_id, location_id=location_id, event_name=name) | fields
    assert api.post(body).status_int == 201


# A year

BERLIN, NEW_YORK, UTC = (ZoneInfo(each) for each in ("Europe/Berlin", "America/New_York", "UTC"))
ZONES = {"berlin": BERLIN, "york": NEW_YORK, "quiet": UTC}
WORKDAYS = [1, 2, 3, 4, 5]
WATCHES = {
    "office": {
        "kind": "silence",
        "event": "Paid",
        "for": "20h",
        "each": True,
        "hours": {"from": 8, "to": 18},
        "weekdays": WORKDAYS,
    },
    "all": {"kind": "silence", "for": "30h"},
    "few": {
        "kind": "threshold",
        "metric_id": 1,
        "period": "yesterday",
        "below": 2,
        "each": True,
    },
}


class Expectation:
    """What should be told, hour by hour, from the description of alerts alone."""

    def __init__(self):
        self.hours = []  # through which the server listened, by their beginnings
        self.heard = {}  # (location, name) -> when
        self.events = defaultdict(Counter)  # of each location, by the days of its zone
        self.told = {name: [] for name in WATCHES}
        self.state = {name: {} for name in WATCHES}
        self.said = {name: {} for name in WATCHES}

    def counted(self, since: int, zone: ZoneInfo, hours: range, weekdays) -> int:
        count = 0
        for start in reversed(self.hours):
            if start < since:
                break
            clock = datetime.fromtimestamp(start / 1000, zone)
            if clock.hour in hours and clock.isoweekday() in weekdays:
                count += 1
            if count > 40:
                break
        return count

    def find(self, name: str, now: int, there: set[str]) -> dict[str, str]:
        if name == "all":
            last = max(
                (at for (place, _), at in self.heard.items() if place in there), default=None
            )
            return {"": self.silence(last, UTC, range(24), range(1, 8), 30)}
        if name == "office":
            return {
                place: self.silence(
                    self.heard.get((place, "Paid")), ZONES[place], range(8, 18), WORKDAYS, 20
                )
                for place in there
            }
        return {place: self.yesterday(place, now) for place in there}

    def silence(self, last, zone, hours, weekdays, most) -> str:
        if last is None:
            return "no_data"
        return "firing" if self.counted(last, zone, hours, weekdays) >= most else "ok"

    def yesterday(self, place: str, now: int) -> str:
        if (place, "Paid") not in self.heard:
            return "no_data"
        day = day_in(place, now) - timedelta(days=1)
        return "firing" if self.events[place][day] < 2 else "ok"

    def look(self, now: int, there: set[str], paused: set[str]) -> None:
        for name in WATCHES:
            found = self.find(name, now, there)
            said = self.said[name]
            for place in set(said) - set(found):
                del said[place]
            if name in paused:
                continue
            changes = {}
            for place, state in found.items():
                before = said.get(place, "ok")
                if state == "firing" and before != "firing":
                    changes[place] = "firing"
                elif state == "ok" and before != "ok":
                    changes[place] = "recovered"
                elif state == "no_data" and before == "firing":
                    changes[place] = "no_data"
                else:
                    continue
                said[place] = state
            told = self.told[name]
            lately = [at for at, _ in told if now - DAY < at <= now]
            if not changes and not lately:
                changes = {
                    place: "reminder"
                    for place, state in found.items()
                    if state == "firing" and said.get(place) == "firing"
                }
            if changes:
                told.append((now, changes))


class Year:
    """What happens, hour by hour, to the alerts and to what is expected of them."""

    def __init__(self, watched: Watched):
        self.watched = watched
        self.expected = Expectation()
        self.ids = {name: watched.alert(name, **watch) for name, watch in WATCHES.items()}
        self.chance = random.Random(22)
        self.there = set()
        self.off_until = 0
        self.looked_at = None  # in the same reckoning, without a break
        self.wrong_since = None  # when the clock was set ahead
        self.was_set = False

    def pass_hour(self, hour: int) -> None:
        now = self.watched.clock.now
        if hour == self.off_until:
            self.watched.restart()
            self.looked_at = None
        if hour >= self.off_until:
            self.look(hour, now)
            if self.wrong_since is None:
                self.receive(hour, now)
        self.intervene(hour, now)
        self.watched.clock.advance(HOUR)

    def look(self, hour: int, now: int) -> None:
        if self.looked_at is not None:
            self.expected.hours.append(self.looked_at)
        self.looked_at = now
        self.watched.watcher.tick()
        if not self.was_set:
            self.expected.look(now, self.there, {"office"} if 3_000 <= hour < 3_200 else set())
        self.was_set = False

    def receive(self, hour: int, now: int) -> None:
        for place, zone in ZONES.items():
            local = datetime.fromtimestamp(now / 1000, zone)
            is_work = local.isoweekday() < 6 and 7 <= local.hour < 19
            often = (0.25 if is_work else 0.02) * (0.3 if place == "quiet" else 1)
            if places_are_silent(place, hour) or self.chance.random() >= often:
                continue
            post(self.watched.api, place)
            if place not in self.there:
                self.watched.api("PATCH", f"/locations/v1/{place}", {"timezone": zone.key})
            self.there.add(place)
            self.expected.heard[place, "Paid"] = now
            self.expected.events[place][day_in(place, now)] += 1

    def intervene(self, hour: int, now: int) -> None:
        if hour in DOWNTIMES:
            self.off_until = hour + DOWNTIMES[hour]
        if hour == 3_000:
            path = f"/alerts/v1/{self.ids['office']}/pause"
            self.watched.api("POST", path, {"until": lite.iso(now + 200 * HOUR)})
        if hour == 5_000:
            self.watched.api("DELETE", "/locations/v1/quiet")
            self.there.discard("quiet")
            self.expected.heard.pop(("quiet", "Paid"), None)
            self.expected.events["quiet"].clear()
        if hour in (2_500, 6_500):
            self.watched.clock.set_ahead(50 * HOUR)
            self.wrong_since, self.was_set, self.looked_at = now, True, None
        if hour in (2_503, 6_503):
            self.watched.clock.set_ahead(-50 * HOUR)
            right = [start for start in self.expected.hours if start < self.wrong_since]
            self.expected.hours = right
            self.wrong_since, self.was_set, self.looked_at = None, True, None


def test_a_year_of_alerts_is_told_exactly_as_often_as_it_should_be(watched):
    """With both changes of the clock, restarts, downtimes of hours and days, a clock that is set
    ahead and back, a location that is removed, and a pause."""
    watched.api("POST", "/metrics/v1", {"name": "Paid", "terms": [PAID_TERM]})
    year = Year(watched)
    for hour in range(365 * 24):
        year.pass_hour(hour)
    for name, alert_id in year.ids.items():
        told = watched.told(alert_id)
        assert told == year.expected.told[name], name
        kinds = {kind for _, each in told for kind in each.values()}
        assert kinds >= {"firing", "recovered"} and len(told) > 10


PAID_TERM = {"key": "A", "event": "Paid", "type": "account", "aggregation": "count"}
DOWNTIMES = {400: 1, 1_000: 1, 1_500: 30, 4_000: 120, 5_500: 1, 7_000: 49, 8_000: 2}


def day_in(place: str, now: int) -> date:
    return datetime.fromtimestamp(now / 1000, ZONES[place]).date()


def places_are_silent(place: str, hour: int) -> bool:
    """Weeks in which nothing comes."""
    return 2_000 <= hour < 2_120 or (place != "york" and hour % 1_700 > 1_450)


# Silence


def test_the_length_of_a_silence_is_told_in_its_own_unit(watched):
    for unit in lite.DURATION_UNITS:
        watched.alert(unit, kind="silence", **{"for": f"2{unit}"})
    alerts = watched.api.get("/alerts/v1")["alerts"]
    told = {alert["name"]: alert["description"] for alert in alerts}
    assert told == {
        "m": "No event for 2 minutes.",
        "h": "No event for 2 hours.",
        "d": "No event for 2 days.",
        "w": "No event for 2 weeks.",
    }


def test_silence_arms_with_the_first_event_and_sleeps_for_what_is_removed(watched):
    api = watched.api
    watched.alert(kind="silence", event="Paid", each=True, **{"for": "3h"})
    for _ in range(5):
        watched.look(HOUR)
    assert (watched.kinds(), watched.state()["state"]) == ([], "waiting")
    post(api)
    post(api, "loc-2", name="Offered")
    for _ in range(3):
        watched.look(HOUR)
    assert watched.kinds() == [{"loc-1": "firing"}]
    assert watched.state()["states"] == {"ok": 0, "firing": 1, "no_data": 1}
    api("DELETE", "/locations/v1/loc-1")
    watched.look(30 * HOUR)
    assert (watched.kinds(), watched.state()["states"]["firing"]) == ([{"loc-1": "firing"}], 0)
    post(api)
    for _ in range(3):
        watched.look(HOUR)
    assert watched.kinds() == [{"loc-1": "firing"}] * 2


def test_silence_is_of_arrivals_whatever_their_timestamps_and_under_every_name(watched):
    api = watched.api
    post(api, name="Payment")
    api("PATCH", "/event-names/v1", {"event_name": "Payment", "new_name": "Paid"})
    watched.alert(kind="silence", event="Paid", **{"for": "3h"})
    watched.look()
    for number in range(4):
        post(api, name="Payment", timestamp="2020-01-01" if number % 2 else "2199-01-01")
        watched.look(2 * HOUR)
    assert watched.kinds() == []
    watched.look(HOUR)
    [(at, kinds)] = watched.told()
    assert (at, kinds) == (watched.clock.now, {"": "firing"})
    # An update of what came before is no news of the name, but of whatever comes.
    watched.alert("Any", kind="silence", **{"for": "3h"})
    again = event("again", event_name="Other")
    api.post(again)
    for _ in range(3):
        watched.look(2 * HOUR)
        assert api.post(again | {"properties": {"x": watched.clock.now}}).status_int == 200
    assert watched.kinds(2) == []


def test_silence_of_a_key_counts_from_its_last_use(watched):
    api = watched.api
    token = api.key(scope="ingest")
    watched.alert(kind="silence", key_id=1, **{"for": "2h"})
    watched.look()
    assert watched.state()["state"] == "no_data"
    api.post(event(), key=token)
    watched.look(HOUR)
    assert watched.state()["state"] == "ok"
    watched.look(HOUR)
    assert watched.kinds() == [{"": "firing"}]
    api.post(event("d-2"), key=token)
    watched.look()
    api("DELETE", "/keys/v1/1")
    watched.look()
    assert watched.kinds() == [{"": "firing"}, {"": "recovered"}, {"": "problem"}]
    assert watched.state()["problem"] == "key 1 was revoked"


def test_silence_is_not_counted_while_nothing_could_be_stored(watched):
    api = watched.api
    post(api)
    watched.alert(kind="silence", event="Paid", **{"for": "3h"})
    watched.look()
    watched.look(2 * HOUR)
    api.app.database.trouble = lite.TryLater("the disk is full", "disk_full")
    watched.clock.advance(10 * HOUR)
    watched.watcher.watch_trouble()
    api.app.database.trouble = None
    watched.look()
    watched.look(30 * MINUTE)
    assert watched.kinds() == []
    watched.look(30 * MINUTE)
    assert watched.kinds() == [{"": "firing"}]


def test_silence_is_not_counted_while_the_process_was_stopped(watched):
    post(watched.api)
    watched.alert(kind="silence", event="Paid", **{"for": "3h"})
    watched.look()
    watched.look(2 * HOUR)
    watched.watcher.has_ended = SimpleNamespace(
        wait=lambda seconds: watched.clock.advance(10 * HOUR), is_set=bool
    )
    watched.watcher.pause()
    watched.look(0)
    watched.look(30 * MINUTE)
    assert watched.kinds() == []
    watched.look(30 * MINUTE)
    assert watched.kinds() == [{"": "firing"}]


def test_what_came_by_a_clock_that_was_ahead_came_before_it_was_set_back(watched):
    """Within the hours that the clock shows twice, and a year later."""
    api = watched.api
    watched.alert(kind="silence", event="Paid", each=True, **{"for": "4h"})
    post(api)
    post(api, "loc-2")
    watched.look()
    watched.look(3 * HOUR)
    post(api)
    watched.look(30 * MINUTE)
    watched.clock.set_ahead(-2 * HOUR)
    for _ in range(3):
        watched.look(70 * MINUTE)
        post(api)
    assert [kinds for kinds in watched.kinds() if "loc-1" in kinds] == []
    watched.clock.set_ahead(365 * DAY)
    watched.look(20 * MINUTE)
    post(api)
    watched.clock.set_ahead(-365 * DAY)
    watched.look(20 * MINUTE)
    watched.look(20 * MINUTE)
    post(api, "loc-2")
    watched.look(3 * HOUR)
    before = [kinds for kinds in watched.kinds() if "loc-1" in kinds]
    watched.look(HOUR)
    after = [kinds for kinds in watched.kinds() if "loc-1" in kinds]
    assert (before, [each["loc-1"] for each in after]) == ([], ["firing"])


def test_a_file_of_before_is_read_in_steps_and_nothing_fires_meanwhile(watched, monkeypatch):
    monkeypatch.setattr(lite, "ARRIVALS_STEP", 3)
    api = watched.api
    for number in range(8):
        post(api, f"loc-{number}")
    watched.alert(kind="silence", event="Paid", each=True, **{"for": "1h"})
    for _ in range(2):
        watched.look()
        assert watched.state()["state"] == "waiting"
    watched.look()
    assert watched.state()["states"]["ok"] == 8
    post(api, "loc-0")
    watched.look(58 * MINUTE)
    assert [sorted(kinds) for kinds in watched.kinds()] == [[f"loc-{n}" for n in range(1, 8)]]


def test_an_alert_looks_at_so_many_locations_by_themselves_and_says_so_beyond(watched, monkeypatch):
    monkeypatch.setattr(lite, "EACH_LIMIT", 2)
    for number in range(3):
        post(watched.api, f"loc-{number}")
    silence = {"kind": "silence", "event": "Paid", "each": True, "for": "1h"}
    watched.alert(**silence)
    watched.alert("Two", **silence, locations=["loc-0", "loc-2"])
    watched.look()
    watched.look(HOUR)
    assert watched.kinds() == [{"": "problem"}]
    assert watched.kinds(2) == [{"loc-0": "firing", "loc-2": "firing"}]
    answer = watched.api("POST", "/alerts/v1/preview", {"name": "A", "watch": silence})
    assert errors(answer) == {"/watch": "cannot_evaluate"}


# Thresholds, refusals, health


def test_a_threshold_speaks_of_the_period_in_the_zone_of_each_location(watched):
    api = watched.api
    api("POST", "/metrics/v1", {"name": "Paid", "terms": [PAID_TERM]})
    for place, zone in (("loc-1", "Pacific/Auckland"), ("loc-2", "America/Los_Angeles")):
        post(api, place)
        api("PATCH", f"/locations/v1/{place}", {"timezone": zone})
    post(api, "loc-3", name="Offered")
    watched.alert(kind="threshold", metric_id=1, period="today", above=0, each=True)
    watched.look()
    assert watched.kinds() == [{"loc-1": "firing", "loc-2": "firing"}]
    assert watched.state()["states"] == {"ok": 0, "firing": 2, "no_data": 1}
    watched.look(9 * HOUR)  # 2026-01-01 09:01 UTC: in Los Angeles it is a day later
    watched.look(3 * HOUR)  # and now in Auckland
    assert watched.kinds()[1:] == [{"loc-2": "recovered"}, {"loc-1": "recovered"}]


def test_a_threshold_is_told_in_the_unit_of_its_metric_and_with_its_hours(watched):
    style = {"style": "currency", "currency": "EUR", "decimals": 2}
    watched.api("POST", "/metrics/v1", {"name": "Paid", "terms": [PAID_TERM], "format": style})
    post(watched.api)
    hours = {"hours": {"from": 0, "to": 12}, "weekdays": [4, 5]}
    watched.alert(kind="threshold", metric_id=1, period="today", below=1000.5, **hours)
    watched.look()
    words = "Paid, today, is below €1,000.5, looked at from 0:00 to 12:00, on Thu, Fri."
    assert watched.state()["description"] == words
    [(title, content)] = watched.api.rows("select title, content from messages")
    assert title == "Alert"
    assert json.loads(content)["body"]["text"].endswith("Firing:\n- €1.00")


def test_an_average_without_numbers_is_a_state_of_its_own(watched):
    api = watched.api
    term = PAID_TERM | {"aggregation": "avg", "property": "value"}
    api("POST", "/metrics/v1", {"name": "Average", "terms": [term]})
    watched.alert(kind="threshold", metric_id=1, period="today", above=10)
    post(api, properties={"value": "none"})
    watched.look()
    assert (watched.kinds(), watched.state()["state"]) == ([], "no_data")
    post(api, properties={"value": 11})
    watched.look()
    watched.look(DAY)
    post(api, properties={"value": 9})
    watched.look()
    assert watched.kinds() == [{"": "firing"}, {"": "no_data"}, {"": "recovered"}]


def test_a_deleted_metric_is_told_once_and_its_alert_goes_on_with_another(watched):
    api = watched.api
    for name in ("Paid", "Again"):
        api("POST", "/metrics/v1", {"name": name, "terms": [PAID_TERM]})
    watched.alert(kind="threshold", metric_id=1, period="today", above=0)
    api("DELETE", "/metrics/v1/1")
    for _ in range(3):
        watched.look(DAY)
    assert watched.kinds() == [{"": "problem"}]
    [text] = api.rows("select content ->> '$.body.text' from messages")[0]
    assert "Its metric was deleted" in text
    assert (watched.state()["state"], watched.state()["problem"]) == (
        "problem",
        "its metric was deleted",
    )
    body = {"name": "Alert", "webhooks": [HOOK]}
    watch = {"kind": "threshold", "metric_id": 2, "period": "today", "above": 0}
    assert api("PUT", "/alerts/v1/1", body | {"watch": watch}).json["problem"] is None
    post(api)
    watched.look()
    assert watched.kinds() == [{"": "problem"}, {"": "firing"}]


def test_a_metric_that_takes_too_long_is_told_after_an_hour(watched, monkeypatch):
    api = watched.api
    api("POST", "/metrics/v1", {"name": "Paid", "terms": [PAID_TERM]})
    post(api)
    watched.alert(kind="threshold", metric_id=1, period="today", above=0)
    monkeypatch.setattr(lite, "ALERT_SECONDS", -1)
    for _ in range(3):
        watched.look(30 * MINUTE)
    assert watched.kinds() == [{"": "problem"}]
    monkeypatch.undo()
    monkeypatch.setattr(
        lite,
        "time",
        SimpleNamespace(**vars(lite.time) | {"monotonic": watched.clock.monotonic}),
    )
    watched.look()
    assert watched.kinds() == [{"": "problem"}, {"": "firing"}]


def test_a_defect_at_one_alert_holds_up_no_other(watched, monkeypatch, caplog):
    post(watched.api)
    watched.alert("A", kind="refusals", more_than=0)
    watched.alert("B", kind="silence", event="Paid", **{"for": "1h"})
    monkeypatch.setattr(lite, "evaluate_refusals", None)
    watched.look()
    watched.look(2 * HOUR)
    assert watched.state(1)["problem"] == "the server failed at it; its log says where"
    assert watched.kinds(2) == [{"": "firing"}]
    assert "TypeError" in caplog.text


def test_refusals_are_counted_within_an_hour(watched):
    api = watched.api
    watched.alert(kind="refusals", more_than=2)
    for _ in range(2):
        api.post({})
    watched.look()
    assert watched.kinds() == []
    api.post({})
    watched.look()
    watched.look(57 * MINUTE)
    assert watched.kinds() == [{"": "firing"}]
    watched.look(2 * MINUTE)
    assert watched.kinds() == [{"": "firing"}, {"": "recovered"}]


def test_health_tells_of_a_full_disk_old_backups_and_a_database_in_trouble(tmp_path, clock):
    folder = tmp_path / "backups"
    folder.mkdir()
    api = Api(str(tmp_path / "events.db"), clock, backup_folder=str(folder))
    watched = Watched(api)
    watched.alert(kind="health", free_mb=100_000_000, backup_age="2d")
    watched.look()
    assert watched.kinds() == [{"disk": "firing", "backups": "firing"}]
    for name in ("other", "events"):
        api.rows("vacuum into ?", (str(folder / f"{name}.db"),))
    backup = folder / "events-20260101T000000.000Z.db"
    (folder / "events.db").rename(backup)
    os.utime(backup, (clock.now // 1000, clock.now // 1000))
    api.app.database.trouble = lite.TryLater("the disk is full", "disk_full")
    watched.watcher.watch_trouble()
    api.app.database.trouble = None
    watched.look()
    watched.look()
    watched.look(2 * DAY)
    assert watched.kinds()[1:] == [
        {"backups": "recovered", "database": "firing"},
        {"database": "recovered"},
        {"backups": "firing"},
    ]
    # Looking for backups has left SQLite its locks: who comes and goes takes no WAL away
    visit = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('select * from alerts')"
    subprocess.run([sys.executable, "-c", visit, str(tmp_path / "events.db")], check=True)
    post(api)
    api.app.close()


# What is told


def test_many_locations_are_in_one_message_whose_words_are_for_people(watched):
    api = watched.api
    body = {
        "name": "Payments <stopped>",
        "watch": {"kind": "silence", "event": "Paid", "each": True, "for": "2h"},
        "mail": [MAIL, MAIL],
        "webhooks": [HOOK],
    }
    assert api("POST", "/alerts/v1", body).status_int == 201
    for number in range(60):
        post(api, f"loc-{number:02}")
    api("PATCH", "/locations/v1/loc-00", {"name": "Acme\n& Sons"})
    watched.look()
    watched.look(2 * HOUR)
    messages = api.rows("select channel, recipient, about, content from messages")
    assert [each[:3] for each in messages] == [
        ("mail", MAIL, "alert 1"),
        ("webhook", HOOK, "alert 1"),
    ]
    mail, hook = (json.loads(content) for *_, content in messages)
    assert mail["subject"] == "Firing: Payments <stopped> (60 locations)"
    assert mail["text"].splitlines()[:5] == [
        "Payments <stopped>",
        "No Paid in a location for 2 hours.",
        "",
        "Firing:",
        "- Acme & Sons (loc-00): Paid last came on Thu 1 Jan 2026 at 00:00 (UTC)",
    ]
    assert mail["text"].endswith("- and 10 more") and mail["unsubscribe"] is None
    assert "Acme &amp; Sons" in mail["html"] and "<stopped>" not in mail["html"]
    assert hook["body"]["text"] == mail["text"] and len(hook["body"]["changes"]) == 60


def test_an_event_is_told_by_its_name_whatever_words_that_has(watched):
    for name in ("Lead came in", "an order"):
        post(watched.api, name=name)
        preview = {"name": "?", "watch": {"kind": "silence", "event": name, "for": "1h"}}
        watched.clock.advance(2 * HOUR)
        found = watched.api("POST", "/alerts/v1/preview", preview).json
        assert found["description"] == f"No {name} for 1 hour."
        assert f"- {name[:1].upper()}{name[1:]} last came on Thu " in found["message"]["text"]


def test_an_alert_speaks_at_once_and_then_once_an_hour_and_a_reminder_daily(watched):
    """Each location stops at a time of its own: a message a minute without that."""
    api = watched.api
    watched.alert(kind="silence", event="Paid", each=True, **{"for": "1h"})
    for number in range(120):
        post(api, f"loc-{number:03}")
        watched.look()
    for _ in range(70):
        watched.look()
    told = watched.told()
    times = [at for at, _ in told]
    assert sum(len(kinds) for _, kinds in told) == 120
    assert len(told) == 4 + 2
    assert all(later - at >= HOUR for at, later in zip(times[3:], times[4:], strict=False))
    for _ in range(50):
        watched.look(HOUR)
    reminders = watched.told()[len(told) :]
    assert [set(kinds.values()) for _, kinds in reminders] == [{"reminder"}] * 2
    assert reminders[1][0] - reminders[0][0] == DAY


def test_without_reminders_there_is_one_message_a_change(watched):
    api = watched.api
    watched.alert(kind="silence", event="Paid", **{"for": "1h"})
    shown = watched.state()
    body = {name: shown[name] for name in ("name", "watch", "webhooks")} | {"reminders": False}
    assert api("PUT", "/alerts/v1/1", body).status_int == 200
    post(api)
    for _ in range(100):
        watched.look(HOUR)
    assert watched.kinds() == [{"": "firing"}]


def test_a_webhook_that_ends_what_its_alert_tells_of_does_not_loop_endlessly(watched):
    """Each message makes an event come, as where its URL leads to a workflow that posts here."""
    api = watched.api
    watched.alert(kind="silence", event="Paid", **{"for": "2h"})
    post(api)
    answered = 0
    for _ in range(5 * 24 * 6):
        watched.look(10 * MINUTE)
        if len(watched.told()) > answered:
            answered = len(watched.told())
            post(api)
    kinds = watched.kinds()
    assert kinds == [{"": "firing"}, {"": "recovered"}] * lite.FIRINGS_LIMIT + [{"": "unsteady"}]
    assert watched.told()[-1][0] < NOW + DAY
    # Well for a day, and it is a good alert again.
    for _ in range(26):
        post(api)
        watched.look(HOUR)
    for _ in range(4):
        watched.look(HOUR)
    assert watched.kinds()[len(kinds) :] == [{"": "firing"}]


def test_a_pause_keeps_quiet_and_what_is_still_so_is_told_afterwards(watched):
    api = watched.api
    watched.alert(kind="silence", event="Paid", each=True, **{"for": "2h"})
    post(api)
    post(api, "loc-2")
    watched.look()
    assert watched.state()["since"] == lite.iso(watched.clock.now)
    paused = api("POST", "/alerts/v1/1/pause", {"until": lite.iso(watched.clock.now + DAY)}).json
    assert paused["paused_until"] == lite.iso(watched.clock.now + DAY)
    for _ in range(20):
        watched.look(HOUR)
    assert (watched.kinds(), watched.state()["states"]["firing"]) == ([], 2)
    since = watched.state()["since"]
    post(api)
    watched.look()
    watched.look(4 * HOUR)
    assert watched.state()["since"] == since < lite.iso(watched.clock.now - DAY + 5 * HOUR)
    assert watched.kinds() == [{"loc-1": "firing", "loc-2": "firing"}]
    assert watched.state()["paused_until"] is None
    assert errors(api("POST", "/alerts/v1/1/pause", {"until": "2020-01-01"})) == {"/until": "past"}
    assert api("POST", "/alerts/v1/1/pause", {"until": None}).status_int == 200


def test_an_alert_that_is_edited_while_it_is_looked_at_is_not_told_the_old_way(watched):
    api = watched.api
    watched.alert(kind="silence", event="Paid", **{"for": "2h"})
    post(api)
    watched.look()
    watched.clock.advance(3 * HOUR)
    database = api.app.database
    with database.read() as connection:
        around = lite.surroundings_of(database, connection, watched.clock.now)
        around.times = [(0, watched.clock.now)]
        outcome = lite.look_at_alert(lite.find_alert(connection, 1), around)
    assert len(outcome.messages) == 1
    body = {"name": "Alert", "watch": {"kind": "silence", "event": "Paid", "for": "9h"}}
    assert api("PUT", "/alerts/v1/1", body).status_int == 200
    with database.turn():
        lite.write_outcome(database.writer, outcome, watched.clock.now)
    assert (watched.kinds(), watched.state()["state"]) == ([], "waiting")


# What is set up


def test_what_cannot_be_watched_is_refused_all_at_once(api):
    assert (
        errors(
            api(
                "POST",
                "/alerts/v1",
                {
                    "name": " ",
                    "watch": {
                        "kind": "silence",
                        "key_id": 9,
                        "event": "Paid",
                        "for": "93d",
                        "hours": {"from": 5, "to": 5},
                        "weekdays": [0],
                    },
                    "mail": ["ann@example.com\nBcc: all@example.com"],
                    "webhooks": ["ftp://example.com"],
                    "colour": 1,
                },
            )
        )
        == {
            "/name": "blank",
            "/watch/event": "key_alone",
            "/watch/for": "duration",
            "/watch/hours/to": "range",
            "/watch/weekdays/0": "greater_than_equal",
            "/mail/0": "line_break",
            "/webhooks/0": "webhook_url",
            "/colour": "unknown",
        }
        | {}
    )
    for watch, expected in (
        ({"kind": "silence", "for": "2d", "key_id": 9}, {"/watch/key_id": "unknown_key"}),
        (
            {"kind": "silence", "for": "2d", "locations": ["loc-1"]},
            {"/watch/locations/0": "unknown_location"},
        ),
        (
            {"kind": "threshold", "metric_id": 10**30, "period": "today", "above": 1},
            {"/watch/metric_id": "unknown_metric"},
        ),
        (
            {"kind": "threshold", "metric_id": 1, "period": "today", "above": 1, "below": 1},
            {"/watch": "above_or_below"},
        ),
        ({"kind": "health", "backup_age": "2d"}, {"/watch/backup_age": "no_backup_folder"}),
        ({"kind": "storm"}, {"/watch": "unknown_kind"}),
    ):
        assert errors(api("POST", "/alerts/v1", {"name": "A", "watch": watch})) == expected
    assert api.rows("select count(*) from alerts") == [(0,)]


def test_a_preview_shows_what_would_fire_and_stores_nothing(api):
    post(api)
    api.clock.advance(2 * HOUR)
    post(api, "loc-2")
    alert = {
        "name": "Alert",
        "watch": {"kind": "silence", "event": "Paid", "each": True, "for": "2h"},
        "webhooks": [HOOK],
    }
    seen = api("POST", "/alerts/v1/preview", alert).json
    assert seen["description"] == "No Paid in a location for 2 hours."
    assert [(each["subject"], each["state"]) for each in seen["subjects"]] == [
        ("loc-1", "firing"),
        ("loc-2", "ok"),
    ]
    assert seen["message"]["subject"] == "Firing: Alert"
    for table in ("alerts", "alert_states", "messages", "uptimes"):
        assert api.rows(f"select count(*) from {table}") == [(0,)]


def test_alerts_are_suggested_from_what_has_come_regularly(watched):
    api = watched.api
    start = datetime(2025, 11, 1, 12, tzinfo=timezone.utc)
    for number in range(61):
        day = start + timedelta(days=number)
        post(api, name="Daily", timestamp=day.isoformat())
        if day.isoweekday() < 6:
            post(api, name="Office", timestamp=day.isoformat())
        if day.isoweekday() == 2:
            post(api, name="Weekly", timestamp=day.isoformat())
        if number in (40, 41):
            post(api, name="Seldom", timestamp=day.isoformat())
    found = api.get("/alerts/v1/suggestions")["suggestions"]
    assert [each["text"] for each in found[:3]] == [
        "Daily has come daily; tell me when a day is without.",
        "Office has come on every working day; tell me when one is without.",
        "Weekly has come every week; tell me when a week is without.",
    ]
    assert [each["alert"]["watch"]["kind"] for each in found[3:]] == ["refusals", "health"]
    for each in found:
        assert api("POST", "/alerts/v1", each["alert"]).status_int == 201
    assert api.get("/alerts/v1/suggestions") == {"suggestions": []}


# In the server


def test_the_server_looks_on_a_thread_of_its_own_and_writes_in_a_turn(serve):
    served = serve()
    alert = {"name": "A", "watch": {"kind": "refusals", "more_than": 0}, "webhooks": [HOOK]}
    made, refused = exchange(
        served, request_bytes(alert, path="/alerts/v1"), request_bytes(event(timestamp="soon"))
    )
    assert (made[0], refused[0]) == (201, 422)
    served.server.watcher.next_round = 0.0

    def told():
        [(_, _, body)] = exchange(
            served, request_bytes(b"", path="/alerts/v1/1", method="GET", Content_Type=None)
        )
        return json.loads(body)["told_at"]

    wait_until(told)
    assert served.server.watcher.thread.is_alive()
    served.close()
    assert not served.server.watcher.thread.is_alive()


def test_a_step_that_was_given_up_while_it_was_written_ends_no_other(watched):
    watcher = watched.watcher
    other = lite.Step(lambda _: None)

    def write(_) -> None:
        watcher.steps.clear()
        watcher.steps.append(other)

    watcher.steps.append(lite.Step(write))
    watcher.write_next()
    assert list(watcher.steps) == [other] and not other.is_done.is_set()
    watcher.write_next()
    assert not watcher.steps and other.is_written


def test_a_look_that_goes_on_for_long_does_not_keep_the_server_from_stopping(serve, monkeypatch):
    served = serve()
    watcher = served.server.watcher
    looking = threading.Event()
    ended = []

    def look(alert, around):
        looking.set()
        try:
            around.connection.execute(
                "with recursive n (x) as (select 1 union all select x + 1 from n) "
                "select max(x) from n"
            ).fetchall()
        finally:
            ended.append(time.monotonic())

    monkeypatch.setattr(lite, "look_at_alert", look)
    alert = {"name": "A", "watch": {"kind": "refusals", "more_than": 0}}
    [(status, *_)] = exchange(served, request_bytes(alert, path="/alerts/v1"))
    assert status == 201
    watcher.next_round = 0.0
    assert looking.wait(30)
    served.close()
    assert len(ended) == 1 and not watcher.thread.is_alive()


def test_the_cost_of_looking_is_a_hundredth_of_a_core_at_most(watched):
    """After a look that took long, the next one waits a hundred times as long."""
    watched.alert(kind="silence", **{"for": "2h"})
    watcher = watched.watcher
    spent = iter([10.0, 17.0])
    lite.time.thread_time = lambda: next(spent)
    watcher.take_round()
    assert watcher.next_round - lite.time.monotonic() == pytest.approx(700, abs=5)
