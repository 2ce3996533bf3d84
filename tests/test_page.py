"""The page, as people use it: Debian's Chromium against a real server on a real file.

Whatever a browser reports (errors on the console, violations of the Content-Security-Policy, failed
scripts) fails the test in which it happens. Screenshots of every view go to tests/screenshots/, for
a person to look at.
"""

import csv
import gzip
import json
import math
import re
import shlex
import subprocess
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import pytest
from browser import Visit, expect
from conftest import ADMIN, PNG, ServerProcess, event

import streamlined_lite as lite

STATIC = Path(lite.__file__).parent / "static"
SCREENSHOTS = Path(__file__).parent / "screenshots"
WIDTHS = (360, 768, 1280)
DAY = 86_400_000
LOOKS_AGAIN = 3000  # milliseconds after which Activity does, by the page's clock
HOSTILE = [
    "<img src=x onerror=alert(1)>\"'`&amp;</script>",
    "Zahlung 💶👩‍👩‍👧 erhalten",
    "عرض مقدم \u202e[reversed]",
    "x" * 10_000,
]

# The servers, the browser and its pages


def fill(path: Path) -> None:
    """Three locations, contacts, four months of events and five metrics, without a server."""
    database = lite.Database(lite.Config(database=str(path)))
    now = lite.system_clock()
    with database.turn():
        for number, (location, name, zone) in enumerate(
            [
                ("loc-ny", "Sunrise Dental", "America/New_York"),
                ("loc-berlin", "Zahnarzt Mitte", "Europe/Berlin"),
                ("loc-bare", None, None),
            ]
        ):
            for each in range(8):
                said = {
                    "location_id": location,
                    "contact_id": f"contact-{each}",
                    "name": f"Person {each} of {number}",
                    "email": f"p{each}@example.com",
                    "tags": ["vip", "new"][: each % 3],
                    "source": "google",
                    "date_created": now - each * 30 * DAY,
                    "fields": {"Colour": "red", "email": "another"},
                }
                lite.store_contact(database.writer, lite.Contact.model_validate(said), now)
            if name:
                lite.learn_location(
                    database.writer,
                    lite.SentLocation(
                        location_id=location, location_name=name, location_timezone=zone
                    ),
                    now,
                )
            for day in range(120):
                for each in range(1 + (day + number) % 4):
                    at = now - day * DAY - each * 3_600_000 - 60_000
                    for kind in ("Offer Made", "Payment Received")[: 1 + each % 2]:
                        fields = {
                            "properties": {
                                "value": 10.5 * each + day,
                                "product": ["Gold", "Silver"][day % 2],
                            },
                            "timestamp": at,
                        }
                        made = lite.Event.model_validate(
                            event(
                                f"{kind} {day} {each}",
                                event_name=kind,
                                location_id=location,
                                contact_id=f"contact-{each}",
                            )
                            | fields
                        )
                        lite.store_event(database.writer, made, at, at)
        for definition in DEFINITIONS:
            lite.store_metric(database.writer, None, lite.NewMetric.model_validate(definition), now)
        looks = {"name": "Looks", "cards": CARDS}
        lite.store_dashboard(database.writer, None, lite.Dashboard.model_validate(looks), now)
    database.close()


def term(key="A", name="Offer Made", kind="account", **fields) -> dict:
    return {"key": key, "event": name, "type": kind} | fields


DEFINITIONS = [
    {
        "name": "Close rate",
        "format": {"style": "percent", "decimals": 1},
        "terms": [term("A", "Payment Received", "contact"), term("B", kind="contact")],
        "formula": "A / B",
    },
    {
        "name": "Revenue",
        "format": {"style": "currency", "currency": "EUR"},
        "terms": [term("A", "Payment Received", aggregation="sum", property="value")],
    },
    {"name": "Average offer", "terms": [term(aggregation="avg", property="value")]},
    {
        "name": "VIPs",
        "terms": [
            term(
                kind="contact",
                aggregation="unique_contacts",
                filters={"all": [{"field": "contact.tags", "op": "has_any", "value": ["vip"]}]},
            )
        ],
    },
    {"name": "Nothing yet", "terms": [term(name="Never seen")]},
]

# The second dashboard: a card of each look
CARDS = [
    {"metric_id": 2, "chart": "number", "target": {"value": 100, "locations": {"loc-ny": 100}}},
    {
        "metric_id": 2,
        "chart": "stacked",
        "size": "wide",
        "breakdown": "location",
        "interval": "week",
        "target": {"value": 20_000},
    },
    {"metric_id": 3, "chart": "line", "target": {"value": 5, "better": "lower"}},
    {"metric_id": 3, "chart": "bar", "breakdown": "location"},
    {"metric_id": 2, "chart": "table", "interval": "week"},
    {"metric_id": 2, "chart": "table", "breakdown": "property.product"},
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A server with data, for tests that change nothing in them."""
    path = tmp_path_factory.mktemp("page") / "filled.db"
    fill(path)
    started = ServerProcess(path)
    yield started
    started.stop()


def ask(server, method: str, path: str, body=None, key=ADMIN) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        server.url + path,
        data,
        {"X-API-Key": key, "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return json.loads(error.read())


def make_key(server, scope: str, **fields) -> dict:
    return ask(server, "POST", "/keys/v1", {"name": f"a {scope} key", "scope": scope} | fields)


def send(server, **fields) -> dict:
    return ask(server, "POST", "/events/ingestion/v1", event(**fields))


def heading(page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def open_options(page) -> None:
    """Shows the controls of a range that are not always in sight."""
    page.get_by_role("button", name=re.compile("^Options")).click()


# What is served


def test_nothing_makes_html_from_text_or_asks_anybody_else():
    texts = {path.name: path.read_text("utf-8") for path in STATIC.iterdir()}
    for name, text in texts.items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text
        ), name
    for name, text in texts.items():
        if name != "help.html":  # whose examples show addresses
            assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}, name
    for name in ("index.html", "help.html", "share.html"):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src)", texts[name])


def test_is_cached_by_content_and_packed(server):
    with urllib.request.urlopen(server.url + "/static/app.js") as first:
        tag = first.headers["ETag"]
        whole = first.read()
    request = urllib.request.Request(
        server.url + "/static/app.js", headers={"Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(request) as packed:
        small = packed.read()
    assert gzip.decompress(small) == whole and len(small) < len(whole) / 2
    request = urllib.request.Request(server.url + "/static/app.js", headers={"If-None-Match": tag})
    with pytest.raises(urllib.error.HTTPError) as unchanged:
        urllib.request.urlopen(request)
    assert unchanged.value.code == 304
    unchanged.value.close()


FIRST_VIEW_BYTES = 60_000  # gzipped


def first_modules() -> set[str]:
    """The scripts that app.js needs before it can begin, by its imports."""
    found, left = set(), ["app.js"]
    while left:
        name = left.pop()
        found.add(name)
        text = (STATIC / name).read_text("utf-8")
        left += set(re.findall(r'^(?:import|\}) .*?from "\./(.+)";$', text, re.M)) - found
    return found


class Traffic:
    """What a browser's page fetches from static/: names, and bytes as they travel."""

    def __init__(self, opened: Visit):
        self.answers = []
        opened.page.on("response", self.hear)

    def hear(self, answer) -> None:
        if "/static/" in answer.url or answer.url.endswith("/"):
            self.answers.append(answer)

    @property
    def names(self) -> list[str]:
        return [each.url.rpartition("/")[2] or "index.html" for each in self.answers]

    @property
    def size(self) -> int:
        return sum(each.request.sizes()["responseBodySize"] for each in self.answers)


def test_little_travels_for_the_first_view_and_each_script_once(filled, visit):
    with urllib.request.urlopen(filled.url + "/") as page:
        preloaded = re.findall(r"</static/([\w.-]+)>; rel=modulepreload", page.headers["Link"])
    assert len(preloaded) == len(set(preloaded)) and set(preloaded) == first_modules()
    for key in (None, ADMIN):
        opened = visit(filled.url)
        traffic = Traffic(opened)
        if key:
            opened.sign_in(key)
            expect(opened.page.locator(".metric .value")).to_have_count(5)
        else:
            opened.open("")
            expect(opened.page.get_by_label("API key", exact=True)).to_be_visible()
        opened.page.wait_for_load_state("networkidle")
        scripts = sorted(name for name in traffic.names if name.endswith(".js"))
        assert scripts == sorted(preloaded)
        assert {"index.html", "style.css"} <= set(traffic.names)
        assert 10_000 < traffic.size <= FIRST_VIEW_BYTES


def test_what_a_view_alone_needs_is_fetched_when_it_is_opened(filled, visit):
    opened = visit(filled.url)
    traffic = Traffic(opened)
    opened.sign_in()
    for address, name in {
        "#/activity": "activity.js",
        "#/contacts": "contacts.js",
        "#/metrics/1": "metric.js",
        "#/metrics/1/edit": "builder.js",
        "#/dashboard/2/edit": "arrangement.js",
        "#/dashboard/2/locations": "locationtable.js",
        "#/settings/integrations": "integrations.js",
        "#/settings/locations": "locations.js",
        "#/settings/alerts": "alerts.js",
        "#/settings/alerts/new": "watch.js",
        "#/settings/reports": "reports.js",
        "#/settings/reports/new": "mailing.js",
        "#/settings/sharing": "shares.js",
        "#/settings/events": "names.js",
        "#/settings/api": "reference.js",
        "#/help": "help.js",
    }.items():
        assert name not in traffic.names
        opened.open(address)
        expect(opened.page.get_by_role("heading", level=1)).not_to_have_text("Dashboard")
        expect(opened.page.locator("[aria-busy]")).to_have_count(0)
        assert name in traffic.names
    scripts = [name for name in traffic.names if name.endswith(".js")]
    of_viewers = {"share.js", "sources.js", "report.js", "endings.js"}
    assert sorted(scripts) == sorted({path.name for path in STATIC.glob("*.js")} - of_viewers)


def test_a_view_whose_script_comes_late_does_not_take_the_place_of_another(filled, visit):
    page = visit(filled.url).sign_in()
    held = []
    page.route("**/activity.js", lambda route: held.append(route))
    page.get_by_role("link", name="Activity").click()
    expect(page.locator(".loading")).to_be_visible()
    page.get_by_role("link", name="Contacts").click()
    heading(page, "Contacts")
    with page.expect_response("**/activity.js"):
        held.pop().continue_()
    page.wait_for_load_state("networkidle")
    page.evaluate("() => new Promise((done) => setTimeout(done))")
    heading(page, "Contacts")


def test_a_view_whose_script_cannot_be_fetched_is_tried_again(filled, visit):
    opened = visit(filled.url)
    opened.allow("Failed to load resource: net::ERR_FAILED")
    page = opened.sign_in()
    page.route("**/contacts.js", lambda route: route.abort())
    page.get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.unroute("**/contacts.js")
    page.get_by_role("button", name="Try again").click()
    heading(page, "Contacts")


# Signing in


def test_the_link_signs_in_and_leaves_no_key_behind(server, visit):
    page = visit(server.url).sign_in()
    heading(page, "Dashboard")
    expect(page.get_by_role("link", name="Dashboard")).to_have_attribute("aria-current", "page")
    assert ADMIN not in page.url and ADMIN not in page.evaluate("JSON.stringify(localStorage)")
    page.go_back()
    assert ADMIN not in page.url
    page.go_forward()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key", exact=True)).to_be_visible()
    assert ADMIN not in page.evaluate("JSON.stringify(sessionStorage)")


def test_signing_out_ends_what_a_view_was_about_to_ask(server, visit):
    page = visit(server.url).sign_in(address="#/settings/api")
    held = []
    page.route("**/metrics/v1", lambda route: held.append(route))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_request("**/metrics/v1"):
        page.get_by_role("link", name="Dashboard").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key", exact=True)).to_be_visible()
    with page.expect_request_finished(lambda request: request.url.endswith("/metrics/v1")):
        held[0].continue_()
    page.evaluate("fetch('/healthz')")
    assert server.url + "/metrics/v1" in asked and server.url + "/locations/v1" not in asked


def test_a_pasted_key_signs_in_and_stays_by_choice(server, visit):
    opened = visit(server.url)
    opened.allow(401, 403)
    page = opened.open("")
    page.get_by_text("Lost your API key?").click()
    command = page.get_by_role("region", name="Command").inner_text()
    assert command == "streamlined-lite keys create admin --scope admin"
    page.get_by_label("API key", exact=True).fill("not-a-key")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That key isn’t valid.")
    page.get_by_label("API key", exact=True).fill(make_key(server, "ingest")["token"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("may post events, but not read")
    page.get_by_label("API key", exact=True).fill(ADMIN)
    page.get_by_label("Stay signed in on this computer").check()
    page.keyboard.press("Enter")
    heading(page, "Dashboard")
    other = opened.context.new_page()
    page.close()
    other.goto(server.url)
    heading(other, "Dashboard")


def test_another_tab_is_signed_in_while_one_is_and_signed_out_with_it(server, visit):
    key = make_key(server, "read")["token"]
    send(server, contact_id="c-1")
    opened = visit(server.url)
    page = opened.sign_in(address="#/contacts")
    with opened.context.expect_page() as opening:
        page.get_by_role("link", name="c-1").click(modifiers=["ControlOrMeta"])
    other = opening.value
    heading(other, "c-1")
    expect(other.get_by_text("You are signed in until")).to_be_hidden()
    third = opened.context.new_page()
    third.goto(f"{server.url}/#key={key}")
    heading(third, "Dashboard")
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(third.get_by_text("Read only")).to_be_visible()


def test_who_came_by_a_link_may_stay_signed_in(server, visit):
    opened = visit(server.url)
    page = opened.sign_in()
    expect(page.get_by_text("You are signed in until you close this page.")).to_be_visible()
    assert opened.axe() == []
    page.get_by_role("button", name="Stay signed in on this computer").click()
    expect(page.get_by_text("You are signed in until")).to_be_hidden()
    other = opened.context.new_page()
    page.close()
    other.goto(server.url)
    heading(other, "Dashboard")
    expect(other.get_by_text("You are signed in until")).to_be_hidden()
    other.get_by_role("button", name="Sign out").click()
    other.reload()
    expect(other.get_by_label("API key")).to_be_visible()
    assert ADMIN not in other.evaluate("JSON.stringify([localStorage, sessionStorage])")


def test_a_revoked_key_is_told_so(server, visit):
    key = make_key(server, "read")
    opened = visit(server.url)
    opened.allow(401, 403)
    page = opened.sign_in(key["token"])
    ask(server, "DELETE", f"/keys/v1/{key['key_id']}")
    page.get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("alert")).to_contain_text("was revoked")
    expect(page.get_by_label("API key", exact=True)).to_be_visible()


def test_a_read_key_sees_and_changes_nothing(filled, visit):
    opened = visit(filled.url)
    opened.allow(403)
    page = opened.sign_in(make_key(filled, "read")["token"])
    expect(page.get_by_text("Read only")).to_be_visible()
    expect(page.get_by_role("link", name="Close rate")).to_be_visible()
    for address in (
        "#/dashboard",
        "#/metrics/1",
        "#/metrics/1/edit",
        "#/activity",
        "#/contacts/loc-ny/contact-1",
        "#/settings/integrations",
        "#/settings/locations",
        "#/settings/events",
    ):
        opened.open(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(
            page.get_by_role("button", name=re.compile("Delete|Save|Rename|Revoke|Remove (?!term)"))
        ).to_have_count(0)
        expect(page.get_by_role("link", name=re.compile("New "))).to_have_count(0)


# Integrations


def copy_all(page) -> list[str]:
    """What each button of the page that copies puts into the clipboard."""
    copied = []
    for each in page.get_by_role("button", name=re.compile("Copy$")).all():
        each.click()
        copied.append(page.evaluate("navigator.clipboard.readText()"))
    return copied


def test_an_integration_is_made_shown_once_and_revoked(server, visit):
    send(server, location_id="loc-7")
    opened = visit(server.url)
    opened.allow(422)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened.sign_in(address="#/settings/integrations")
    page.get_by_role("link", name="New integration").first.click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.get_by_role("button", name="Create integration").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_accessible_description("Enter a name.")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.get_by_role("textbox", name="Name").fill("Workflows <b>")
    assert (
        max(map(len, page.get_by_label("Scope").locator("option").all_inner_texts())) < 28
    )  # what a phone has room for
    page.get_by_label("Scope").select_option("sync")
    page.get_by_label("Locations").click()
    page.get_by_role("option", name="loc-7").click()
    page.get_by_label("Locations").fill("loc-8")
    page.get_by_label("An event without distinct_id").select_option("generate")
    page.get_by_role("button", name="Create integration").click()
    token = page.get_by_role("region", name="Token").first.inner_text()
    assert token.startswith("sl_") and len(token) == 43
    expect(page.get_by_text("It cannot be shown again")).to_be_visible()
    expect(page.get_by_text("HighLevel cannot reach this address")).to_be_visible()
    page.get_by_text("HighLevel, API key in the URL").click()
    expect(page.get_by_text(f"{server.url}/events/ingestion/v1?api_key={token}")).to_be_visible()
    page.get_by_text("curl", exact=True).click()
    expect(page.get_by_role("region", name="curl command")).to_contain_text(f"X-API-Key: {token}")
    copied = copy_all(page)
    assert copied[:4] == [token, f"{server.url}/events/ingestion/v1", "X-API-Key", token]
    assert copied[4:8] == ["event_name", "Offer Made", "distinct_id", "Offer Made {{contact.id}}"]
    assert copied[12] == f"{server.url}/events/ingestion/v1?api_key={token}"
    assert f"X-API-Key: {token}" in copied[13]
    page.get_by_role("button", name="Send a test event").click()
    expect(page.get_by_text("It is stored, in loc-7.")).to_be_visible()
    page.get_by_role("button", name="Remove it …").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("It is stored, in loc-7.")).to_have_count(0)
    assert [each["event_name"] for each in ask(server, "GET", "/events/v1")["events"]] == [
        "Offer Made"
    ]
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name="Workflows <b>")
    expect(row).to_contain_text("loc-7, loc-8")
    assert token not in page.content()
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog")).to_contain_text("It was last used")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row", name="Workflows <b>")).to_contain_text("revoked")
    kept = ask(server, "GET", "/keys/v1")["keys"][0]
    assert (kept["scope"], kept["locations"], kept["distinct_id_rule"]) == (
        "sync",
        ["loc-7", "loc-8"],
        "generate",
    ) and kept["revoked_at"]


def test_a_read_integration_has_a_link_that_signs_in_copied_also_without_https(server, visit):
    opened = visit(server.url)
    opened.context.add_init_script("Object.defineProperty(navigator, 'clipboard', {})")
    page = opened.sign_in(address="#/settings/integrations/new")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("textbox", name="Name").fill("One client")
    page.get_by_label("Scope").select_option("read")
    page.get_by_role("button", name="Create integration").click()
    link = page.get_by_role("region", name="Sign-in link")
    address = link.inner_text()
    page.locator(".snippet", has=link).get_by_role("button", name="Copy").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    opened.open("#/contacts")
    page.get_by_label("Name, e-mail or phone").focus()
    page.keyboard.press("ControlOrMeta+V")
    expect(page.get_by_label("Name, e-mail or phone")).to_have_value(address)
    page.goto(address)
    expect(page.get_by_text("Read only")).to_be_visible()


# Activity


def test_the_first_event_shows_itself(server, visit):
    opened = visit(server.url)
    opened.page.clock.install()
    page = opened.sign_in(address="#/activity")
    expect(page.get_by_role("heading", name="Waiting for your first event")).to_be_visible()
    expect(page.get_by_text("HighLevel cannot reach this address")).to_be_visible()
    page.get_by_role("button", name="Send a test event").click()
    page.get_by_role("button", name="Remove it …").click()
    expect(page.get_by_role("dialog")).to_contain_text("test-location goes with it.1 event")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ask(server, "GET", "/locations/v1") == {"locations": []}
    send(server, event_name="First of all", properties={"value": 7})
    page.clock.fast_forward(LOOKS_AGAIN)
    entry = page.get_by_role("button", name=re.compile("First of all"))
    expect(entry).to_contain_text("accepted")
    send(server, event_name="Second", distinct_id="d-2")
    page.clock.fast_forward(LOOKS_AGAIN)
    expect(page.get_by_role("button", name=re.compile("Second"))).to_be_visible()
    send(server, event_name="First of all", properties={"value": 8})
    page.clock.fast_forward(LOOKS_AGAIN)
    expect(entry).to_contain_text("updated")
    entry.click()
    expect(page.get_by_role("dialog")).to_contain_text("d-1")
    expect(page.get_by_role("dialog").locator("dt:has-text('value') + dd")).to_have_text("8")
    page.get_by_role("button", name="Delete this event …").click()
    expect(page.get_by_role("dialog").last).to_contain_text(re.compile("First of all.*1 event"))
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(entry).to_have_count(0)


def test_a_row_of_the_feed_stands_out_once_and_says_who_and_how_long_ago(server, visit):
    opened = visit(server.url)
    opened.page.clock.install()
    send(server, event_name="Old", contact_id="c-1", foo=1)
    page = opened.sign_in(address="#/activity")
    feed = page.locator(".feed")
    row = feed.locator("li", has_text="Old")
    expect(row).to_contain_text("⚠ Not known here and not stored: foo")
    row.evaluate(
        """row => {
            const feed = row.parentElement;
            feed.dataset.begun = "";
            feed.addEventListener("animationstart", ({ target }) => {
                feed.dataset.begun += target.querySelector(".strong").innerText;
            });
            row.isTheSame = true;
        }"""
    )
    ask(server, "PUT", "/contacts/v1/loc-1/c-1", {"name": "Ann"})
    send(server, event_name="New", distinct_id="d-2")
    for _ in range(3):
        with page.expect_response(re.compile("/attempts/")):
            page.clock.fast_forward(LOOKS_AGAIN)
        expect(feed).to_have_attribute("data-begun", "New")
    expect(page.locator(".feed > li").first).to_contain_text(re.compile("New.*seconds ago", re.S))
    expect(row).to_contain_text("Ann")
    expect(page.locator(".feed > .new")).to_have_count(0)
    expect(feed).to_have_attribute("data-begun", "New")
    assert row.evaluate("row => row.isTheSame")


def test_a_filter_by_name_suggests_names_and_says_that_it_takes_them_whole(server, visit):
    for number, name in enumerate(("Offer Made", "Offer Sent", "Payment")):
        send(server, event_name=name, distinct_id=str(number))
    ask(server, "PUT", "/contacts/v1/loc-1/c-1", {"tags": ["VIP"]})
    opened = visit(server.url)
    page = opened.sign_in(address="#/activity")
    page.get_by_label("Event name").fill("off")
    expect(page.locator(".combobox li")).to_have_text(["Offer Made", "Offer Sent"])
    expect(page.locator(".feed > li")).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is called exactly “off”. Choose a name")).to_be_visible()
    page.get_by_label("Event name").click()
    page.get_by_role("option", name="Offer Sent").click()
    expect(page.locator(".feed > li")).to_have_count(1)
    page.get_by_label("Event name").fill("")
    expect(page.locator(".feed > li")).to_have_count(3)
    opened.open("#/contacts")
    page.get_by_label("Tag").fill("vi")
    expect(page.locator(".combobox li")).to_have_text(["VIP1 contact"])
    page.keyboard.press("Tab")
    expect(page.get_by_text("A tag is taken whole")).to_be_visible()
    page.get_by_role("link", name="Show all contacts").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_label("Tag")).to_have_value("")


def test_a_refused_event_is_corrected_and_sent_again(server, visit):
    send(server, event_name="Good")
    ask(server, "POST", "/events/ingestion/v1", {"event_name": "Bad", "location_id": "loc-1"})
    ask(server, "POST", "/events/ingestion/v1", {"event_name": "Worse"})
    send(server, event_name="Replacing")
    ask(server, "GET", "/events/v1", key="a-wrong-key")
    for path in ("/nowhere", "/session/v1"):
        ask(server, "POST", path, {}, key="a-wrong-key")
    page = visit(server.url)
    page.allow(400)
    page = page.sign_in(address="#/activity")
    page.get_by_role("button", name=re.compile("refused.*Bad")).click()
    expect(page.get_by_role("alert")).to_have_text(
        "distinct_id is required"
    )  # by its name, not by its pointer
    page.get_by_label("Body").fill("{")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "not JSON"
    )  # and no longer what was wrong before
    page.get_by_label("Body").fill(json.dumps(event("d-9", event_name="Bad")))
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("refused.*Bad")).click()
    expect(page.get_by_label("Body")).to_have_value(
        re.compile("d-9")
    )  # what was written is not lost
    page.get_by_role("button", name="Send again").click()
    expect(page.locator(".toast")).to_contain_text("Sent again: created.")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("(accepted|updated).*Bad"))).to_be_visible()
    again = page.get_by_role("button", name=re.compile("sent again.*Bad")).locator(".badge")
    assert again.evaluate("each => getComputedStyle(each).color") == page.locator("body").evaluate(
        "each => getComputedStyle(each).color"
    )  # not red
    ask(server, "POST", "/events/ingestion/v1/batch", {})
    page.get_by_role("button", name=re.compile("refused.*batch")).click()
    expect(page.get_by_label("Body")).to_have_accessible_description(
        "Only its sender can send it again."
    )
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("refused.*Worse")).click()
    page.get_by_role("button", name="Dismiss …").click()
    page.get_by_role("button", name="Dismiss", exact=True).click()
    expect(page.get_by_role("button", name=re.compile("Worse"))).to_have_count(0)
    expect(
        page.locator(".feed > li", has_text="the key sent is not known here").locator(".badge")
    ).to_have_text("wrong key")
    for path, label in (("/nowhere", "wrong path"), ("/session/v1", "wrong method")):
        expect(page.locator(".feed > li", has_text=path).locator(".badge")).to_have_text(label)
    page.get_by_label("Outcome").select_option("replaced")
    page.get_by_role("button", name=re.compile("replaced.*Good")).click()
    expect(page.get_by_label("Body")).to_have_value(re.compile('"event_name": "Good"'))
    page.keyboard.press("Escape")
    page.get_by_label("Outcome").select_option("")
    page.get_by_label("Event name").fill("Replacing")
    page.keyboard.press("Enter")
    page.wait_for_url("**name=Replacing*")
    expect(page.locator(".feed > li")).to_have_count(1)


def test_events_are_deleted_by_filter_with_a_preview(server, visit):
    for number in range(3):
        send(server, distinct_id=f"d-{number}", event_name="Gone" if number else "Kept")
    ask(server, "PATCH", "/locations/v1/loc-1", {"name": "Name of loc-1"})
    page = visit(server.url).sign_in(address="#/activity")
    page.get_by_role("button", name="Delete events …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete …").click()
    expect(dialog.get_by_role("alert")).to_have_text("Fill in at least one of these.")
    dialog.get_by_label("From").fill("2026-02-01T00:00")
    dialog.get_by_label("Before").fill("2026-01-01T00:00")
    dialog.get_by_role("button", name="Delete …").click()
    expect(dialog.get_by_label("Before")).to_have_accessible_description("Must be later than From.")
    dialog.get_by_label("Before").fill("2099-01-01T00:00")
    expect(dialog.get_by_label("Before")).to_have_accessible_description("")
    dialog.get_by_label("Location").select_option("loc-1")
    dialog.get_by_label("From").fill("")
    dialog.get_by_label("Event name").fill("Gone")
    dialog.get_by_role("button", name="Delete …").click()
    expect(page.get_by_role("dialog").last).to_contain_text(
        "Location: Name of loc-1, Event name: Gone, Before: 2099-01-01T00:00. "
        "They are gone for good.2 events"
    )
    page.get_by_role("button", name="Delete them").click()
    expect(page.locator(".feed > li")).to_have_count(1)
    assert [each["event_name"] for each in ask(server, "GET", "/events/v1")["events"]] == ["Kept"]


# Builder


def test_a_metric_is_built_with_the_keyboard_and_saved(server, visit):
    for number in range(6):
        send(
            server,
            distinct_id=f"d-{number}",
            event_name="Payment" if number % 3 == 0 else "Offer",
            contact_id="c-1",
            properties={"value": number, "product": "Gold"},
        )
    page = visit(server.url).sign_in()
    page.get_by_role("link", name="New metric").focus()
    page.keyboard.press("Enter")
    heading(page, "New metric")
    page.get_by_role("textbox", name="Name").focus()
    page.keyboard.type("Close rate")
    page.get_by_role("combobox", name="Event").focus()
    page.keyboard.type("pay")
    expect(page.get_by_role("option", name=re.compile("Payment.*2 events"))).to_be_visible()
    page.keyboard.press("Enter")  # takes the only one
    expect(page.locator(".notes").get_by_text("2 events, last just now")).to_be_visible()
    expect(page.get_by_role("button", name="2: show its events").first).to_be_visible()
    page.get_by_role("button", name="Add a term").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Event").last).to_be_focused()
    page.keyboard.type("Not seen at all")
    expect(page.get_by_text("No such event yet.")).to_be_visible()
    page.get_by_role("combobox", name="Event").last.fill("Offer")
    page.get_by_label("Format").select_option("percent")
    expect(page.locator(".headline")).to_contain_text("50.0%")
    expect(
        page.get_by_text(
            "“Close rate” is A divided by B, where A is the number of “Payment” events, and B is"
        )
    ).to_be_visible()
    page.get_by_role("button", name="50.0%: show its events").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("2 events, newest first")
    page.get_by_label("Term", exact=True).select_option("B")
    expect(page.get_by_role("dialog")).to_contain_text("4 events, newest first")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save").click()
    heading(page, "Close rate")
    page.get_by_role("link", name="Dashboard").click()
    expect(page.locator(".metric")).to_contain_text("50.0%")
    assert ask(server, "GET", "/metrics/v1")["metrics"][0]["formula"] == "A / B"


def test_filters_properties_and_groups_are_edited(filled, visit):
    opened = visit(filled.url)
    opened.allow(422)  # a slow machine may ask for a sum before its property is filled in
    page = opened.sign_in(address="#/metrics/new")
    page.get_by_role("combobox", name="Event").fill("Offer Made")
    page.get_by_label("Type", exact=True).select_option("contact")
    page.get_by_label("Calculate").select_option("sum")
    expect(page.get_by_text("Choose the property")).to_be_hidden()
    page.get_by_label("Property").fill("value")
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("Field").click()
    page.get_by_role("option", name="contact’s tags").click()
    page.get_by_label("Value", exact=True).click()
    page.get_by_role("option", name=re.compile("vip")).click()
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("Field").last.fill("product")
    page.get_by_label("Value").last.click()
    page.get_by_role("option", name=re.compile("Gold")).click()
    page.get_by_role("button", name="Add a group").click()
    page.get_by_label("Field").last.fill("contact’s date created")
    page.get_by_label("How many").fill("12")
    page.get_by_label("Unit").select_option("w")
    expect(
        page.get_by_text(
            "where the contact’s tags include any of “vip” and “product” is “Gold” "
            "and (the contact’s date created is in the last 12 weeks)"
        )
    ).to_be_visible()
    expect(page.locator(".headline")).to_be_visible()
    page.get_by_text("As JSON and curl").click()
    built = json.loads(page.get_by_label("Definition").input_value())
    assert built["terms"] == [
        term(
            kind="contact",
            aggregation="sum",
            property="value",
            filters={
                "all": [
                    {"field": "contact.tags", "op": "has_any", "value": ["vip"]},
                    {"field": "property.product", "op": "is", "value": "Gold"},
                    {"any": [{"field": "contact.date_created", "op": "in_last", "value": "12w"}]},
                ]
            },
        )
    ]
    expect(page.get_by_role("region", name="curl command")).to_contain_text("/metrics/v1/query")
    assert ADMIN not in page.get_by_role("region", name="curl command").inner_text()
    page.get_by_label("Definition").fill(json.dumps({"name": "By hand", "terms": [term()]}))
    expect(page.get_by_role("textbox", name="Name")).to_have_value("By hand")
    page.get_by_label("Definition").fill("{")
    expect(page.get_by_text("Not a definition yet")).to_be_visible()


def test_a_wrong_formula_is_marked_at_its_column(filled, visit):
    opened = visit(filled.url)
    opened.allow(422)
    page = opened.sign_in(address="#/metrics/1/edit")
    shown = page.locator(".headline .value")
    before = shown.inner_text()
    formula = page.get_by_role("textbox", name="Formula")
    formula.fill("A / ")
    expect(formula).to_have_accessible_description("Unfinished after /")
    expect(formula).to_have_attribute("aria-invalid", "false")  # not yet: it is being typed
    expect(page.get_by_text("New numbers appear once it is.")).to_be_visible()
    expect(page.locator(".preview .old .headline .value")).to_have_text(before)
    formula.fill("A / (B")
    expect(formula).to_have_accessible_description("This ( is never closed.")
    expect(page.locator(".formula-error mark")).to_have_text("(")
    formula.press("Tab")
    expect(formula).to_have_attribute("aria-invalid", "true")
    formula.press("End")
    page.get_by_role("button", name="close parenthesis").click()
    expect(page.locator(".formula-error mark")).to_have_count(0)
    expect(page.locator(".headline")).to_be_visible()


def test_a_wrong_value_of_a_filter_is_told_at_its_field(filled, visit):
    opened = visit(filled.url)
    opened.allow(422)
    page = opened.sign_in(address="#/metrics/2/edit")
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_role("combobox", name="Field").fill("product")
    page.get_by_role(
        "button", name="Add a group"
    ).click()  # which is not sent while it is empty, and counts for no pointer
    page.get_by_role("button", name="Add a filter").last.click()
    page.get_by_role("combobox", name="Field").last.fill("value")
    page.get_by_label("Operator").last.select_option("between")
    page.get_by_label("From", exact=True).fill("1")
    page.get_by_label("To", exact=True).fill("many")
    page.keyboard.press("Tab")
    expect(page.get_by_label("To", exact=True)).to_have_accessible_description("Enter a number.")
    expect(page.get_by_label("To", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("From", exact=True)).to_have_attribute("aria-invalid", "false")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("To", exact=True)).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("To", exact=True).fill("9")
    expect(page.locator(".headline")).to_be_visible()
    page.get_by_label("Type", exact=True).select_option("contact")
    page.get_by_role("combobox", name="Field").last.fill("contact’s date created")
    page.get_by_label("Operator").last.select_option("after")
    expect(page.get_by_label("Value", exact=True).last).to_have_accessible_description(
        "Must be a day such as 2026-01-31, or a time."
    )


def test_the_preview_and_save_stay_in_sight(filled, visit):
    page = visit(filled.url).sign_in(address="#/metrics/1/edit")
    save = page.get_by_role("button", name="Save")
    number = page.locator(".preview .headline .value").first
    expect(number).to_be_visible()
    text = number.inner_text()
    page.get_by_text("As JSON and curl").click()
    page.get_by_role("region", name="curl command").scroll_into_view_if_needed()
    expect(save).to_be_in_viewport()
    expect(number).to_be_in_viewport()
    phone = {"width": 390, "height": 740}
    page = visit(filled.url, viewport=phone).sign_in(address="#/metrics/1/edit")
    expect(page.locator(".glance")).to_contain_text(text)
    page.get_by_text("As JSON and curl").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Save")).to_be_in_viewport()
    expect(page.locator(".glance")).to_be_in_viewport()


def test_leaving_with_unsaved_changes_asks(filled, visit):
    page = visit(filled.url).sign_in(address="#/metrics/1/edit")
    page.get_by_role("textbox", name="Name").fill("Another name")
    page.get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("dialog")).to_contain_text("not saved")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Another name")
    assert page.url.endswith("#/metrics/1/edit")
    page.get_by_role("link", name="Contacts").click()
    page.get_by_role("button", name="Leave without saving").click()
    heading(page, "Contacts")
    assert ask(filled, "GET", "/metrics/v1/1")["name"] == "Close rate"


def test_a_contact_filter_is_found_in_any_term_and_an_unknown_property_is_marked(filled, visit):
    page = visit(filled.url).sign_in(address="#/metrics/3/edit")
    page.get_by_role("button", name="Add a filter").click()
    field = page.get_by_role("combobox", name="Field")
    field.fill("tag")
    expect(page.get_by_label("Type", exact=True)).to_have_value("account")
    expect(field).to_have_accessible_description("None of the newest events has it.")
    field.press("Enter")  # takes the only suggestion
    expect(page.get_by_role("combobox", name="Field")).to_have_value("contact’s tags")
    expect(page.get_by_label("Type", exact=True)).to_have_value("contact")
    expect(page.locator(".toast")).to_have_text("Term A takes events with a contact now")
    expect(
        page.get_by_text(
            "“Offer Made” events that have a contact, where the contact’s tags include any of"
        )
    ).to_be_visible()
    page.get_by_role("combobox", name="Field").fill("product")
    expect(page.get_by_role("combobox", name="Field")).to_have_accessible_description("")
    page.get_by_role("combobox", name="Event").fill(
        "Offer"
    )  # typed, and left: a name that has not come yet is possible
    page.get_by_label("Decimals").focus()
    expect(page.get_by_role("combobox", name="Event")).to_have_value("Offer")


def test_a_name_that_is_taken_is_told_at_its_field(filled, visit):
    opened = visit(filled.url)
    opened.allow(409, 422)
    page = opened.sign_in(address="#/metrics/2/copy")
    name = page.get_by_role("textbox", name="Name")
    name.fill("")
    page.get_by_role("button", name="Save").click()
    expect(name).to_have_accessible_description("Enter a name.")
    name.fill("Revenue")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_accessible_description(
        "Another metric has this name already."
    )
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_time_zones_begin_with_the_own_one_over_the_dialog(filled, visit):
    page = visit(filled.url).sign_in(address="#/settings/locations")
    page.get_by_role("button", name="Edit Sunrise Dental").click()
    zone = page.get_by_label("Time zone")
    zone.click()
    zones = page.get_by_role("option")
    expect(zones.first).to_have_text("America/New_York")  # what is chosen, ...
    zone.fill("")
    expect(zones.first).to_have_text("Europe/Berlin")  # ... and the browser's own
    dialog, suggestions = (page.get_by_role(role).bounding_box() for role in ("dialog", "listbox"))
    assert suggestions["y"] + suggestions["height"] > dialog["y"] + dialog["height"]
    assert page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).closest('[role=listbox]') !== null",
        [suggestions["x"] + 20, suggestions["y"] + suggestions["height"] - 10],
    )  # nothing cuts it off
    zone.fill("reykj")
    expect(zones).to_have_count(1)
    zone.press("Enter")
    expect(zone).to_have_value("Atlantic/Reykjavik")
    expect(page.get_by_role("dialog")).to_be_visible()
    zone.fill("Nowhere")
    zone.press("Enter")
    expect(zone).to_have_accessible_description(re.compile("There is no such zone."))
    zone.fill("Nowhe")
    expect(zone).not_to_have_accessible_description(re.compile("There is no such zone."))
    page.keyboard.press("Escape")


# Event names


def send_many(server, name: str, amount: int) -> None:
    for start in range(0, amount, 1000):
        batch = [
            event(f"{name}-{number}", event_name=name)
            for number in range(start, min(start + 1000, amount))
        ]
        ask(server, "POST", "/events/ingestion/v1/batch", batch)


def name_rows(page) -> list[str]:
    return [re.sub(r"\s+", " ", each) for each in page.locator("tbody tr").all_inner_texts()]


def open_renaming(page, name: str, new_name: str):
    page.get_by_role("button", name=f"Rename {name}").click()
    page.get_by_label("New name").fill(new_name)
    page.keyboard.press("Tab")
    page.get_by_role("dialog").get_by_role("button", name="Rename …").click()
    return page.get_by_role("dialog").last


def test_a_misspelt_event_name_is_renamed_and_its_alias_removed(server, visit):
    send(server, event_name="Ofer Made")
    send(server, event_name="Paid", distinct_id="d-2")
    page = visit(server.url).sign_in(address="#/settings/events")
    heading(page, "Events")
    ask(server, "POST", "/metrics/v1", {"name": "Offers", "terms": [term(name="Ofer Made")]})
    question = open_renaming(page, "Ofer Made", "Offer Made")
    expect(question).to_contain_text("Rename to “Offer Made”?")
    expect(question).to_contain_text("1 event. These metrics follow: Offers.")
    question.get_by_role("button", name="Rename", exact=True).click()
    expect(page.locator("tbody tr").first).to_contain_text("Offer Made")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ask(server, "GET", "/metrics/v1/1")["terms"][0]["event"] == "Offer Made"
    assert send(server, event_name="Ofer Made", distinct_id="d-3")["event"]["event_name"] == (
        "Offer Made"
    )
    page.get_by_role("button", name="Remove alias Ofer Made").click()
    page.get_by_role("button", name="Remove alias", exact=True).click()
    expect(page.get_by_role("button", name="Remove alias Ofer Made")).to_have_count(0)
    assert [name["aliases"] for name in ask(server, "GET", "/event-names/v1")["event_names"]] == [
        [],
        [],
    ]


def test_two_event_names_are_merged_with_progress(server, visit):
    send_many(server, "Ofer Made", 2_500)
    send_many(server, "Offer Made", 10)
    page = visit(server.url).sign_in(address="#/settings/events")
    page.get_by_role("button", name="Rename Ofer Made").click()
    page.get_by_label("New name").fill("offer")
    page.get_by_role("option", name="Offer Made").click()
    page.get_by_role("dialog").get_by_role("button", name="Rename …").click()
    question = page.get_by_role("dialog").last
    expect(question).to_contain_text("Merge into “Offer Made”?")
    expect(question).to_contain_text("2,500 events.")
    steps = []

    def hold_the_second(route) -> None:
        is_step = route.request.method == "PATCH"
        if is_step:
            steps.append(route)
        if not is_step or len(steps) != 2:
            route.continue_()

    page.route("**/event-names/v1", hold_the_second)
    question.get_by_role("button", name="Merge").click()
    expect(question.get_by_role("status")).to_contain_text("1,000 of 2,500 events moved …")
    steps[1].continue_()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("tbody tr")).to_have_count(1)
    assert name_rows(page)[0].startswith("Offer Made 2,510")


def test_a_new_name_that_cannot_be_is_said_beside_its_field(server, visit):
    opened = visit(server.url)
    opened.allow(409, 422)
    send(server, event_name="Ofer Made")
    page = opened.sign_in(address="#/settings/events")
    open_renaming(page, "Ofer Made", "Ofer Made")
    field = page.get_by_label("New name")
    expect(field).to_have_accessible_description(
        re.compile("Must be another name than the present one.")
    )
    field.fill("")
    page.keyboard.press("Tab")
    page.get_by_role("dialog").get_by_role("button", name="Rename …").click()
    expect(field).to_have_accessible_description(re.compile("Enter a new name."))


def test_a_breakdown_by_a_property_that_is_called_like_a_field_is_by_the_property(server, visit):
    send(server, event_name="Paid", properties={"location": "Berlin"})
    metric = ask(
        server,
        "POST",
        "/metrics/v1",
        {"name": "Paid", "terms": [{"key": "A", "event": "Paid", "type": "account"}]},
    )
    page = visit(server.url).sign_in(address=f"#/metrics/{metric['metric_id']}")
    page.get_by_label("Break down by").click()
    page.get_by_role("option", name="location", exact=True).click()
    page.wait_for_url("**by=property.location*")
    expect(page.get_by_role("row", name="Berlin")).to_be_visible()


def test_suggestions_that_come_late_are_not_shown(filled, visit):
    page = visit(filled.url).sign_in(address="#/metrics/2?table=time")
    expect(page.locator(".headline")).to_be_visible()
    held = []
    page.route("**/event-names/v1", lambda route: held.append(route), times=1)
    with page.expect_request("**/event-names/v1"):
        page.get_by_label("Break down by").fill("location")
    page.keyboard.press("Enter")
    expect(page.locator(".legend")).to_contain_text("Sunrise Dental")
    with page.expect_response("**/event-names/v1"):
        held.pop().continue_()
    page.get_by_label("Dates").select_option("7d")
    expect(page.locator("table tbody tr")).to_have_count(8)
    expect(page.locator(".combobox li:visible")).to_have_count(0)


def test_no_slow_answer_is_taken_for_a_new_one(filled, visit):
    opened = visit(filled.url)
    page = opened.sign_in(address="#/metrics/3")
    old = page.locator(".headline .value").inner_text()
    held = []
    page.route("**/metrics/v1/query", lambda route: held.append(route))
    page.get_by_label("Dates").select_option("90d")
    expect(page.locator(".headline")).to_have_count(0)
    page.get_by_label("Dates").select_option("7d")
    expect(page.get_by_text(old, exact=True)).to_have_count(0)
    while len(held) < 2:
        page.wait_for_event("request", timeout=3000)
    for route in reversed(held):
        route.continue_()
    expect(page.locator(".headline")).to_contain_text("– ")
    days = page.locator("table tbody tr").count() - 1
    assert days == 7


# Dashboard and metric


def test_the_dashboard_keeps_its_state_in_the_address(filled, visit):
    opened = visit(filled.url)
    page = opened.sign_in()
    expect(page.locator(".metric .value")).to_have_count(5)
    expect(page.locator(".metric .spark svg:visible")).to_have_count(4)
    expect(page.locator(".metric").last).to_contain_text(
        "No event named “Never seen” has arrived in these locations yet"
    )
    page.get_by_label("Dates").select_option("last-month")
    expect(page.get_by_label("Compare with")).to_be_hidden()
    open_options(page)
    page.get_by_label("Compare with").select_option("previous_year")
    expect(page.get_by_role("button", name="Options 1 changed")).to_be_visible()
    expect(page.get_by_role("group", name="Range")).to_contain_text(
        "compared with the previous year"
    )
    page.get_by_label("Locations").click()
    page.get_by_role("option", name="Zahnarzt Mitte").click()
    page.get_by_label("Locations").fill("sun")
    page.get_by_role("option", name="Sunrise Dental").click()
    expect(page.get_by_role("button", name="Remove Sunrise Dental")).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    assert re.search(
        r"locations=loc-berlin%2Cloc-ny&range=last-month&compare=previous_year", page.url
    )
    seen = page.locator(".metric .value").all_inner_texts()
    page.reload()
    expect(page.get_by_label("Dates")).to_have_value("last-month")
    expect(page.locator(".metric .value")).to_have_text(seen)
    revenue = page.locator(".metric", has_text="Revenue")
    page.keyboard.press("Tab")
    revenue.get_by_role("link").focus()
    assert (
        revenue.evaluate("card => getComputedStyle(card).outlineStyle") == "solid"
    )  # of all of it
    page.keyboard.press("Enter")
    heading(page, "Revenue")
    assert "range=last-month" in page.url
    expect(page.locator(".headline .value")).to_have_text(seen[1])


def rows_of(page, table: str = "Values by time") -> list[list[str]]:
    """The rows of a table as they are read, each cell a text."""
    expect(page.locator("[aria-busy]")).to_have_count(0)
    found = page.get_by_role("table", name=table).locator("tbody tr")
    expect(found.first).to_be_visible()
    return [
        [re.sub(r"\s*–\s*(?=\d)", "–", cell) for cell in row.locator("th, td").all_inner_texts()]
        for row in found.all()
    ]


def test_a_range_that_is_not_over_stands_beside_what_belongs_to_it(start, visit):
    server = start(fixed_time="2025-06-03T09:00:00Z")
    days = [f"2025-{month}-{day:02}T08:00:00Z" for month in ("05", "06") for day in range(1, 31)]
    for number, moment in enumerate([*days, "2024-06-05T08:00:00Z", "2025-06-03T08:30:00Z"]):
        send(server, distinct_id=str(number), timestamp=moment)
    ask(server, "POST", "/metrics/v1", {"name": "Offers", "terms": [term()]})
    range_of = "#/metrics/1?range={}&interval={}&zone=UTC"
    page = visit(server.url).sign_in(address=range_of.format("2025-06-01..2025-06-30", "day"))
    headline = page.locator(".headline")
    said = re.compile(r"4▲ 33%3 in 1\s–\s3 May 2025, up to the same time")
    expect(headline).to_contain_text(said)
    assert rows_of(page) == [
        ["Whole range", "4", "3", "▲ 33%"],
        ["Tue, 3 Jun 2025 (in progress)", "2", "1", "▲ 100%"],
        ["Mon, 2 Jun 2025", "1", "1", "no change"],
        ["Sun, 1 Jun 2025", "1", "1", "no change"],
    ]
    expect(page.locator("main")).to_contain_text("27 events are dated in the future and left out")
    chart = page.get_by_role("application")
    chart.focus()
    page.keyboard.press("End")
    expect(page.locator(".tip")).to_contain_text(
        "Tue, 3 Jun 2025in progressOffers2Sat, 3 May 20251"
    )
    # Two dots and the open one, and nothing to their right.
    expect(page.locator(".plot .s0 .dot")).to_have_count(3)
    page.get_by_role("button", name="1: show its events").nth(0).click()
    expect(page.get_by_role("dialog")).to_contain_text("1 event, newest first")
    expect(page.get_by_role("dialog")).to_contain_text("3 May 2025")
    page.keyboard.press("Escape")
    open_options(page)
    page.get_by_label("Interval").select_option("week")
    expect(headline).to_contain_text("up to the same time")
    # The part of a week before June stands beside no part of one in May.
    assert rows_of(page)[1:] == [
        ["2–8 Jun 2025 (in progress)", "3", "–", ""],
        ["1 Jun 2025", "1", "–", ""],
    ]
    page.get_by_label("Compare with").select_option("none")
    expect(headline).not_to_contain_text("May")
    assert [row[:2] for row in rows_of(page)][:3] == [
        ["Whole range", "31"],
        ["30 Jun 2025 (in progress)", "1"],
        ["23–29 Jun 2025 (in progress)", "7"],
    ]
    opened = visit(server.url, viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = opened.sign_in(address="#/dashboard?range=2025-06-01..2025-06-30&zone=UTC")
    card = page.locator(".metric")
    expect(card).to_contain_text("4▲ 33%")
    expect(card).to_contain_text("27 events dated in the future")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert opened.axe() == []


def test_a_day_that_the_zone_skipped_is_shown_as_one_without_events(start, visit):
    server = start()
    ask(server, "POST", "/metrics/v1", {"name": "Offers", "terms": [term()]})
    send(server, distinct_id="1", timestamp="2011-12-31T12:00:00+14:00")
    address = "#/metrics/1?range={}&interval=hour&zone=Pacific/Apia&by=location&table=time"
    page = visit(server.url).sign_in(address=address.format("2011-12-30..2011-12-30"))
    expect(page.locator(".headline .value").first).to_have_text("0")
    assert rows_of(page) == [["Whole range", "0", "0", "no change"]]
    page = visit(server.url).sign_in(address=address.format("2011-12-31..2011-12-31"))
    expect(page.locator(".headline")).to_contain_text("1▲ from 0")
    assert len(rows_of(page)) == 25


def downloaded_csv(page) -> tuple[str, list[list[str]]]:
    """A file's name, and its rows."""
    with page.expect_download() as file:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(file.value.path()).read_text("utf-8")
    assert text.startswith("\ufeff")
    return file.value.suggested_filename, list(csv.reader(text[1:].splitlines()))


def test_one_metric_has_breakdown_tables_files_and_evidence(filled, visit):
    page = visit(filled.url).sign_in(address="#/metrics/2")
    chart = page.get_by_role("application", name=re.compile("Chart of Revenue"))
    chart.focus()
    page.keyboard.press("End")
    expect(page.locator(".tip")).to_contain_text("in progress")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_contain_text("Revenue")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("newest first")
    page.keyboard.press("Escape")
    expect(chart).to_be_focused()
    chart.hover()
    expect(page.locator(".tip")).to_be_visible()
    page.get_by_label("Table", exact=True).select_option("location")
    expect(page.get_by_role("table", name="Values by location").locator("tbody tr")).to_have_count(
        3
    )
    page.get_by_label("Break down by").click()
    page.get_by_role("option", name="product", exact=True).click()
    expect(page.locator(".legend")).to_contain_text("Silver")
    assert "by=property.product" in page.url
    page.get_by_role("application").hover()
    expect(page.locator(".tip")).to_contain_text("Silver")
    expect(page.get_by_label("Table", exact=True)).to_have_value("location")  # as chosen
    page.get_by_label("Table", exact=True).select_option("group")
    page.get_by_role("row", name="Silver").get_by_role("button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("product: Silver")
    expect(page.get_by_role("dialog")).not_to_contain_text("product: Gold")
    page.keyboard.press("Escape")
    file, by_product = downloaded_csv(page)
    assert file == "Revenue-By-product.csv"
    assert by_product[0] == ["product", "Revenue", "Previous period", "Change in %"]
    page.get_by_label("Table", exact=True).select_option("time")
    _, by_time = downloaded_csv(page)
    [whole] = [row for row in by_time if row[0] == "Whole range"]
    groups = {row[0]: row[1] for row in by_product[1:]}
    assert by_time[0] == [
        "Time", "Revenue", "Previous period", "Change in %", *groups, "In progress",
    ]  # fmt: skip
    assert whole[4:6] == list(groups.values()) and whole[6] == "yes"
    assert math.isclose(sum(map(float, groups.values())), float(whole[1]))
    assert math.isclose(float(whole[3]), 100 * (float(whole[1]) / float(whole[2]) - 1))
    days = [row[0] for row in by_time[2:]]
    assert len(days) == 30 and days == sorted(days, reverse=True)
    assert all(re.fullmatch(r"2\d{3}-\d\d-\d\d", day) for day in days)
    shown = page.get_by_role("table", name="Values by time").get_by_role("columnheader")
    expect(shown).to_have_text(["Time", "Revenue", "Previous period", "Change", *groups])
    with page.expect_download() as svg:
        page.get_by_role("button", name="Download SVG").click()
    drawn = Path(svg.value.path()).read_text("utf-8")
    assert drawn.startswith("<svg") and 'stroke="rgb' in drawn and "class=" not in drawn
    open_options(page)
    page.get_by_label("Chart", exact=True).select_option("bar")
    full_bars = page.locator(".plot .bar:not([height='0'])")  # a group's first day may be empty
    expect(full_bars.first).to_be_visible()
    expect(page.locator(".legend rect")).to_have_count(2)
    expect(page.locator(".legend path")).to_have_count(0)
    page.get_by_label("Compare with").select_option("none")
    expect(page.get_by_role("columnheader", name="Change")).to_have_count(0)
    expect(full_bars.first).to_be_visible()


def bars_of(page, group: int):
    return page.locator(f".plot .s{group} .bar")


def test_bars_of_groups_are_stacked_where_they_add_up(filled, visit):
    page = visit(filled.url).sign_in(address="#/metrics/2?by=location&chart=bar")
    edges = "bars => bars.map(bar => ['x', 'y', 'height'].map(each => +bar.getAttribute(each)))"
    expect(bars_of(page, 0).first).to_be_visible()
    lower, upper = (bars_of(page, each).evaluate_all(edges) for each in (0, 1))
    pairs = [(low, up) for low, up in zip(lower, upper, strict=True) if low[2] and up[2]]
    assert pairs
    for (x, y, _), (x_above, y_above, height) in pairs:
        assert x == x_above and math.isclose(y_above + height, y, abs_tol=1)
    expect(page.get_by_label("Table", exact=True).get_by_role("option")).to_have_text(
        ["By location", "By time"]
    )  # the groups are the locations
    page = visit(filled.url).sign_in(address="#/metrics/3?by=location&chart=bar")
    expect(bars_of(page, 0).first).to_be_visible()
    left, right = (bars_of(page, each).first.evaluate_all(edges) for each in (0, 1))
    assert left[0][0] < right[0][0]  # averages stand side by side


def test_what_has_no_value_is_told_quietly_and_once(server, visit):
    day = lite.system_clock() - 2 * DAY
    send(server, distinct_id="p", event_name="Paid")
    send(server, distinct_id="o", event_name="Offer", timestamp=day)
    send(server, distinct_id="q", event_name="Paid", timestamp=day)
    ask(
        server,
        "POST",
        "/metrics/v1",
        {
            "name": "Rate",
            "format": {"style": "percent", "decimals": 1},
            "formula": "A / B",
            "terms": [term("A", "Paid"), term("B", "Offer")],
        },
    )
    page = visit(server.url).sign_in(address="#/metrics/1?range=7d&table=time")
    expect(
        page.get_by_text("No value in 6 days, where A / B would divide by zero.")
    ).to_be_visible()
    expect(page.get_by_role("list", name="Warnings")).to_have_count(0)
    expect(page.locator(".headline")).to_have_text(
        re.compile("^200.0%[^%–]*In progress$")
    )  # and no comparison
    expect(page.locator(".legend")).to_have_text(
        ""
    )  # neither a line before this, nor today, has a point
    cells = page.get_by_role("row", name="Whole range").get_by_role("cell")
    expect(cells).to_have_text(["200.0%", "–", "", "2", "1"])
    page.get_by_label("Dates").select_option("yesterday")
    open_options(page)
    page.get_by_label("Compare with").select_option("none")
    page.get_by_label("Dates").select_option("custom")
    for label, date in (("From", "2026-02-01"), ("Through", "2026-01-01")):
        page.get_by_label(label, exact=True).fill(date)
    expect(page.get_by_label("Through", exact=True)).to_have_accessible_description(
        "Must not be before From."
    )
    heights = page.locator(".range input, .range select").evaluate_all(
        "each => each.map((one) => one.offsetHeight)"
    )
    tops = page.locator(".range input, .range select").evaluate_all(
        "each => each.map((one) => one.getBoundingClientRect().top)"
    )
    assert len(set(heights)) == 1 and len(set(tops)) <= 2
    page.get_by_label("Through", exact=True).fill("2026-03-01")
    expect(page.get_by_label("Through", exact=True)).to_have_accessible_description("")
    page.wait_for_url("**range=2026-02-01..2026-03-01*")


def test_a_small_number_is_no_zero_and_what_has_not_begun_is_not_drawn(server, visit):
    now = lite.system_clock()
    many = [
        event(f"b-{number}", event_name="Big", timestamp=now + 2 * DAY * (number == 7))
        for number in range(400)
    ]  # one is to come
    ask(
        server,
        "POST",
        "/events/ingestion/v1/batch",
        [*many, event("t", event_name="Tiny", timestamp=now)],
    )
    ask(
        server,
        "POST",
        "/metrics/v1",
        {"name": "Tiny rate", "terms": [term("A", "Tiny"), term("B", "Big")], "formula": "A / B"},
    )
    ask(server, "POST", "/metrics/v1", {"name": "All", "terms": [term("A", "Big")]})
    first, last = (lite.iso(now + days * DAY)[:10] for days in (-2, 3))
    page = visit(server.url).sign_in(address=f"#/dashboard?range={first}..{last}")
    card = page.locator(".metric", has_text="Tiny rate")
    expect(card.locator(".value")).to_have_text("0.00251")  # 1 / 399: what is to come is left out
    expect(card).to_contain_text("In progress")
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.locator(".plot .s0 .dot")).to_have_count(3)
    open_options(page)
    page.get_by_label("Chart", exact=True).select_option("bar")
    expect(page.locator(".plot .s0 .bar")).to_have_count(3)


def test_events_that_a_sum_leaves_out_are_told_and_shown(server, visit):
    for number, value in enumerate((1234.5, "$5", "1,000")):
        send(
            server,
            distinct_id=f"d-{number}",
            event_name="Paid",
            location_id=f"loc-{number}",
            properties={"value": value},
        )
    ask(
        server,
        "POST",
        "/metrics/v1",
        {"name": "Revenue", "terms": [term("A", "Paid", aggregation="sum", property="value")]},
    )
    page = visit(server.url).sign_in()
    expect(page.locator(".metric")).to_contain_text("2 events skipped")
    expect(page.locator(".metric")).not_to_contain_text(
        "in progress"
    )  # today is not, which needs no word
    expect(page.locator(".metric .value")).to_have_text("1,234.5")
    page.get_by_role("link", name="Revenue").click()
    page.get_by_role(
        "button", name="Term A skipped 2 events whose property is not a number"
    ).click()
    table = page.get_by_role("dialog", name="Skipped events").get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(3)
    expect(table.get_by_role("row", name="$5")).to_contain_text("loc-1")


def test_a_term_is_told_how_its_property_writes_numbers(server, visit):
    for number, value in enumerate((1234.5, "$5", "1,000")):
        send(server, distinct_id=f"d-{number}", event_name="Paid", properties={"value": value})
    revenue = term("A", "Paid", aggregation="sum", property="value")
    ask(server, "POST", "/metrics/v1", {"name": "Revenue", "terms": [revenue]})
    opened = visit(server.url)
    opened.allow(422)
    page = opened.sign_in(address="#/metrics/1")
    expect(page.get_by_text("to say how numbers such as “$5” are written")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    writing = page.get_by_label("Numbers in texts")
    writing.select_option("1,234.5")
    expect(
        page.get_by_text("is the sum of “value” (written like 1,234.5) over “Paid” events.")
    ).to_be_visible()
    expect(page.locator(".headline .value")).to_have_text("2,239.5")
    expect(page.get_by_text("skipped")).to_have_count(0)
    page.get_by_label("Property").fill("")
    expect(page.get_by_label("Property")).to_have_accessible_description(
        "Choose the property to calculate the sum from."
    )
    page.get_by_label("Property").fill("value")
    page.get_by_label("Calculate").select_option("count_distinct")
    expect(writing).to_have_count(0)
    expect(page.locator(".headline .value")).to_have_text("3")
    page.get_by_label("Calculate").select_option("max")
    expect(page.locator(".headline .value")).to_have_text("1,234.5")
    page.get_by_role("button", name="Save").click()
    heading(page, "Revenue")
    assert ask(server, "GET", "/metrics/v1/1")["terms"] == [
        revenue | {"aggregation": "max", "numbers": "1,234.5"}
    ]


def test_what_is_too_large_is_told_as_that_and_not_as_a_division(server, visit):
    for number, name in enumerate(("Paid", "Offer")):
        send(server, distinct_id=f"d-{number}", event_name=name, properties={"x": 1.7e308})
    terms = [term(key, "Paid", aggregation="max", property="x") for key in ("A", "B")]
    ask(server, "POST", "/metrics/v1", {"name": "Huge", "terms": terms, "formula": "A + B"})
    page = visit(server.url).sign_in(address="#/metrics/1")
    expect(page.get_by_role("list", name="Warnings")).to_have_text(
        "A result was too large for a number, so it has no value"
    )
    expect(page.get_by_text("divide by zero")).to_have_count(0)


def test_a_control_keeps_what_else_is_in_the_address(filled, visit):
    page = visit(filled.url).sign_in(address='#/metrics/3?by=property.Größe/50% "x" 😀')
    open_options(page)
    page.get_by_label("Chart", exact=True).select_option("bar")
    page.wait_for_url("**by=property.Gr%C3%B6%C3%9Fe%2F50%25+%22x%22+%F0%9F%98%80&chart=bar")
    page.reload()
    open_options(page)
    page.get_by_label("Chart", exact=True).select_option("line")
    page.wait_for_url("**by=property.Gr%C3%B6%C3%9Fe%2F50%25+%22x%22+%F0%9F%98%80")
    page.goto("about:blank")
    page.goto(
        f"{filled.url}/#nowhere"
    )  # where no view is none is shown that could not keep its state there
    heading(page, "Nothing is at this address")


def test_what_was_typed_last_does_not_bring_a_view_back_that_was_left(server, visit):
    send(server, event_name="Paid", properties={"product": "Gold"})
    page = visit(server.url).sign_in(address="#/metrics/new")
    page.get_by_label("Name").fill("Sales")
    page.get_by_label("Event", exact=True).fill("Paid")
    open_options(page)
    page.get_by_label("Chart", exact=True).select_option("bar")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    held = []
    page.route("**/contact-fields/v1*", lambda route: held.append(route))
    for leave, title in (
        (page.get_by_role("button", name="Save"), "Sales"),
        (page.get_by_role("link", name="Activity"), "Activity"),
    ):
        page.get_by_label("Break down by").fill("product")
        leave.click()
        heading(page, title)
        address = page.url
        with page.expect_response("**/contact-fields/v1*"):
            while held:
                held.pop().continue_()
        page.evaluate(
            "() => new Promise((done) => setTimeout(done))"
        )  # whatever waited for it has gone on
        assert page.url == address
        heading(page, title)
        assert ("chart=bar" in address) == (title == "Sales")  # a metric is shown as it was built


def test_a_breakdown_is_called_as_in_filters_and_by_its_name_in_the_address(filled, visit):
    page = visit(filled.url).sign_in(address="#/metrics/4?by=contact.source")
    by = page.get_by_label("Break down by")
    expect(by).to_have_value("contact’s source")
    by.press("Enter")  # before any suggestion has come
    expect(page.get_by_role("table", name="Values by group")).to_be_visible()
    page.get_by_label("Table", exact=True).select_option("group")
    expect(page.get_by_role("row", name="google")).to_be_visible()
    expect(page.get_by_role("columnheader", name="contact’s source")).to_be_visible()
    assert "by=contact.source" in page.url
    by.click()
    expect(page.get_by_role("option", name="event’s location", exact=True)).to_be_visible()
    page.get_by_role("option", name="contact’s tags", exact=True).click()
    expect(page.locator(".legend")).to_contain_text("vip")
    assert "by=tag&" in page.url
    expect(by).to_have_value("contact’s tags")
    for typed, name in {
        "location": "location",
        "contact.name": "contact.name",
        "contact’s Colour": "contact.Colour",
        "contact’s custom field “email”": "contact.fields.email",
        "product": "property.product",
        "property.value": "property.value",
        "Unheard of": "property.Unheard+of",
    }.items():
        by.fill(typed)
        by.press("Enter")
        page.wait_for_url(f"**by={name}&*")
        expect(page.locator("[aria-busy]")).to_have_count(0)
    by.fill("")
    by.press("Enter")
    expect(page.locator(".legend")).to_contain_text("Previous period")
    assert "by=" not in page.url


def test_a_metric_is_duplicated_and_deleted(start, tmp_path, visit):
    server = start()
    for name in ("One", "Two"):
        ask(server, "POST", "/metrics/v1", {"name": name, "terms": [term()]})
    page = visit(server.url).sign_in(address="#/metrics/1")
    page.get_by_role("link", name="Duplicate").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("One (copy)")
    save = page.get_by_role("button", name="Save")
    place = save.bounding_box()
    save.click()
    heading(page, "One (copy)")
    right = page.get_by_role("link", name="Edit").bounding_box()  # where Save was
    assert round(right["x"] + right["width"]) == round(place["x"] + place["width"])
    page.get_by_role("link", name="Dashboard").click()
    expect(page.locator(".metric h2")).to_have_text(["One", "Two", "One (copy)"])
    page.get_by_role("link", name="Two").click()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete metric").click()
    heading(page, "Dashboard")
    expect(page.locator(".metric h2")).to_have_text(["One", "One (copy)"])


def add_metrics(server, *definitions: dict) -> None:
    for definition in definitions:
        body = {"terms": [term()]} | definition
        assert "metric_id" in ask(server, "POST", "/metrics/v1", body)


def cards_of(server, dashboard_id: int) -> list[dict]:
    return ask(server, "GET", f"/dashboards/v1/{dashboard_id}")["cards"]


def test_dashboards_are_made_arranged_by_keyboard_and_pointer_and_deleted(start, visit):
    server = start()
    add_metrics(server, {"name": "One"}, {"name": "Two"}, {"name": "Three"})
    page = visit(server.url).sign_in(address="#/dashboard?range=7d")
    expect(page.get_by_role("navigation", name="Dashboards")).to_have_count(0)
    page.get_by_role("link", name="Edit dashboard").click()
    page.get_by_role("button", name="Move Three up").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move Three up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move Three down")).to_be_focused()
    rows = page.locator(".arrange > li")
    expect(rows).to_contain_text(["Three", "One", "Two"])
    rows.nth(2).locator(".grip").drag_to(rows.nth(1).locator(".grip"))
    expect(rows).to_contain_text(["Three", "Two", "One"])
    is_free = "row => row.dispatchEvent(new DragEvent('dragover', {cancelable: true}))"
    assert rows.nth(1).evaluate(is_free)  # for what is not one of the cards, such as a file
    page.get_by_role("button", name="Remove Two").click()
    expect(page.get_by_role("button", name="Look and target of One")).to_be_focused()
    page.get_by_role("textbox", name="Name").fill("Offers")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel").click()  # leaving would lose it
    page.get_by_role("button", name="Save").click()
    heading(page, "Offers")
    assert page.url.endswith("#/dashboard/1?range=7d")
    expect(page.locator(".metric h2")).to_have_text(["Three", "One"])
    page.get_by_role("link", name="New dashboard").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_accessible_description("Enter a name.")
    page.get_by_role("textbox", name="Name").fill("Second")
    expect(page.get_by_text("Enter a name.")).to_have_count(0)
    expect(page.get_by_label("Place").locator("option:checked")).to_have_text("After Offers")
    page.get_by_label("Place").select_option("First")
    page.get_by_label("Add a metric").fill("tw")
    page.get_by_role("option", name="Two").click()
    expect(page.get_by_role("button", name="Look and target of Two")).to_be_focused()
    page.get_by_role("button", name="Save").click()
    heading(page, "Second")
    tabs = page.get_by_role("navigation", name="Dashboards").get_by_role("link")
    expect(tabs).to_have_text(["Second", "Offers"])
    expect(tabs.first).to_have_attribute("aria-current", "page")
    ask(server, "DELETE", "/metrics/v1/2")
    page.reload()
    expect(page.locator(".removed")).to_contain_text("1 card is gone, as its metric was deleted.")
    add_metrics(server, {"name": "Four", "card": {"dashboard_id": 2}})  # by somebody else
    page.get_by_role("button", name="OK").click()
    expect(page.locator(".removed")).to_have_count(0)
    expect(page.locator(".metric h2")).to_have_text(["Four"])
    expect(page.locator(".metric .headline")).to_be_visible()
    ask(server, "PUT", "/dashboards/v1/2", {"name": "Second"})
    page.reload()
    expect(page.get_by_role("heading", name="No cards yet")).to_be_visible()
    for number in range(5):
        ask(server, "POST", "/dashboards/v1", {"name": f"Another {number}"})
    page.reload()
    page.get_by_label("Dashboard").select_option("Offers")  # of so many, a list
    heading(page, "Offers")
    share = ask(server, "POST", "/shares/v1", {"dashboard_id": 1, "locations": "all"})
    page.get_by_role("link", name="Edit dashboard").click()
    page.get_by_role("button", name="Delete …").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 link shares it.")
    expect(page.get_by_role("dialog")).to_contain_text(
        "“Offers” goes, and links that share it stop working at once. Its metrics stay."
    )
    page.get_by_role("button", name="Delete dashboard").click()
    heading(page, "Second")
    refused = ask(server, "GET", "/shares/v1/current", key=share["token"])
    assert refused["code"] == "key_revoked"
    assert len(ask(server, "GET", "/metrics/v1")["metrics"]) == 3


def test_the_look_and_the_target_of_a_card_are_edited_and_saved(start, visit):
    server = start()
    send(server, properties={"source": "Google"}, location_id="loc-1")
    add_metrics(server, {"name": "Leads"}, {"name": "Rate", "format": {"style": "percent"}})
    page = visit(server.url).sign_in(address="#/dashboard/1/edit")
    opener = page.get_by_role("button", name="Look and target of Leads")
    opener.click()
    page.get_by_label("Shown as").select_option("Stacked bars")
    page.get_by_role("button", name="Save").click()
    by = page.get_by_label("Break down by")
    expect(by).to_be_focused()
    expect(by).to_have_accessible_description("Choose what the bars are stacked by.")
    by.fill("sou")
    page.get_by_role("option", name="source").first.click()
    page.get_by_label("Size").select_option("Wide")
    page.get_by_label("Interval").select_option("Week")
    page.get_by_label("All locations together").fill("1200")
    expect(page.get_by_label("Better is")).to_have_value("higher")
    page.get_by_label("Each").select_option("Quarter")
    page.get_by_label("Target of one location").fill("loc-1")
    page.keyboard.press("Enter")
    page.keyboard.type("400")
    expect(page.locator(".arrange > li").first).to_contain_text(
        "Stacked bars by source · wide · by week · target 1,200 a quarter · targets of locations"
    )
    page.get_by_role("button", name="Look and target of Rate").click()
    page.get_by_label("All locations together in %").fill("12.5")
    page.get_by_label("Better is").last.select_option("Lower")
    page.get_by_role("button", name="Save").click()
    heading(page, "Dashboard")
    leads, rate = cards_of(server, 1)
    assert leads == {
        "metric_id": 1,
        "chart": "stacked",
        "size": "wide",
        "interval": "week",
        "breakdown": "property.source",
        "target": {
            "value": 1200,
            "per": "quarter",
            "better": "higher",
            "locations": {"loc-1": 400},
        },
    }
    assert (rate["target"]["value"], rate["target"]["better"]) == (0.125, "lower")
    page.get_by_role("link", name="Edit dashboard").click()
    page.get_by_role("button", name="Look and target of Rate").click()
    expect(page.get_by_label("All locations together in %")).to_have_value("12.5")


def test_cards_look_as_they_are_saved_and_lead_to_that_view_of_their_metric(filled, visit):
    page = visit(filled.url).sign_in(address="#/dashboard/2?range=2020-01-01..2020-01-31")
    cards = page.locator(".metric")
    expect(cards.locator(".value")).to_have_count(6)
    page.get_by_label("Dates").select_option("last-month")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    number, stacked, line, bars, weeks, groups = cards.all()
    expect(number.locator(".spark")).to_have_count(0)
    # In words, with a sign and a colour
    expect(number.locator(".progress")).to_contain_text(
        re.compile(r"€[\d,]+ of €100 · .*✓ reached")
    )
    expect(number.locator(".delta")).to_have_text(re.compile("▼ .*% worse"))
    expect(stacked.locator(".progress span.worse")).to_have_text("✗ missed")
    expect(stacked.locator(".spark .target .line")).to_have_count(1)
    expect(stacked.locator(".spark .target text")).to_have_text("Target")
    expect(stacked.locator(".legend li")).to_have_count(3)
    assert stacked.bounding_box()["width"] > 1.9 * line.bounding_box()["width"]
    expect(line.locator(".progress span.worse")).to_have_text("✗ over the limit")
    expect(line.locator(".delta")).to_have_text(re.compile("▼ .*% better"))
    expect(line.locator(".spark .target text")).to_have_text("Target 5")
    expect(bars.locator(".delta.better, .delta.worse")).to_have_count(0)  # nobody told
    expect(bars.locator(".spark .target")).to_have_count(0)
    assert bars.locator(".spark .s2 .bar").count() > 20
    expect(weeks.locator("thead th")).to_have_text(["Week", "Value", "Change"])
    expect(weeks.locator("tbody tr")).to_have_count(5)
    expect(groups.locator("tbody th").first).to_have_text(re.compile("Gold|Silver"))
    stacked.get_by_role("link").click()
    heading(page, "Revenue")
    expect(page.get_by_label("Break down by")).to_have_value("event’s location")
    expect(page.locator(".plot .s0 .bar")).to_have_count(5)
    expect(page.locator(".plot .target text")).to_have_text("Target")
    expect(page.locator(".progress span.worse")).to_have_text("✗ missed")
    assert all(each in page.url for each in ("interval=week", "by=location", "chart=bar"))


def test_saving_a_metric_keeps_how_it_was_looked_at_on_its_card(start, visit):
    server = start()
    send(server, properties={"source": "Google"})
    add_metrics(server, {"name": "Leads"})
    target = {"value": 10, "per": "week", "better": "higher", "locations": {}}
    card = {"metric_id": 1, "chart": "number", "size": "wide", "target": target}
    ask(server, "POST", "/dashboards/v1", {"name": "Second", "cards": [card]})
    page = visit(server.url).sign_in(address="#/dashboard/2")
    page.get_by_role("link", name="Leads").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Save").click()
    heading(page, "Leads")
    assert cards_of(server, 2)[0]["chart"] == "number"  # nothing was changed
    open_options(page)
    page.get_by_label("Chart", exact=True).select_option("Bars")
    page.get_by_label("Interval").select_option("Week")
    page.get_by_label("Break down by").fill("source")
    page.keyboard.press("Enter")
    expect(page.locator(".plot .s0 .bar").last).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Break down by")).to_have_value("source")
    page.get_by_role("button", name="Save").click()
    heading(page, "Leads")
    assert cards_of(server, 2) == [
        {
            "metric_id": 1,
            "chart": "stacked",
            "size": "wide",
            "interval": "week",
            "breakdown": "property.source",
            "target": target,
        }
    ]
    assert cards_of(server, 1)[0]["chart"] == "line"  # of the dashboard that it was not opened from


def test_a_new_metric_begins_with_what_has_come(start, visit):
    server = start()
    send(server, event_name="Lead Created", properties={"utm_source": "Google"})
    paid = {"event_name": "Payment Received", "properties": {"product": "Gold", "amount": "250"}}
    send(server, distinct_id="p", **paid)  # workflows send texts
    page = visit(server.url).sign_in(address="#/metrics/new?range=7d")
    start_with = page.get_by_role("navigation", name="Start with").get_by_role("link")
    expect(start_with).to_have_text(
        ["Blank", "Leads by source", "Revenue", "Average sale", "Revenue by client", "Close rate"]
    )
    page.get_by_role("link", name="Revenue by client").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Revenue by client")
    expect(page.locator(".lead")).to_have_text(
        "“Revenue by client” is the sum of “amount” over “Payment Received” events."
    )
    expect(page.locator(".headline .value")).to_have_text("250")
    expect(page.get_by_label("Break down by")).to_have_value("event’s location")
    page.get_by_role("link", name="Leads by source").click()  # nothing would be lost
    expect(page.get_by_label("Break down by")).to_have_value("utm_source")
    page.get_by_role("button", name="Save").click()
    heading(page, "Leads by source")
    assert "range=7d" in page.url
    [card] = cards_of(server, 1)
    assert (card["chart"], card["breakdown"]) == ("stacked", "property.utm_source")


def test_speed_to_lead_is_built_from_its_template_and_tells_whom_to_call(start, tmp_path, visit):
    path = tmp_path / "demo.db"
    database = lite.Database(lite.Config(database=str(path)))
    with database.turn():
        lite.fill_demo(database, lite.system_clock())
    database.close()
    server = start(path)
    opened = visit(server.url, reduced_motion="reduce")
    opened.allow(422)
    page = opened.sign_in(address="#/metrics/new")
    page.get_by_role("link", name="Speed to lead").click()
    expect(page.locator(".lead")).to_have_text(
        "“Speed to lead” is the median time from “Lead” to the next “Reply Sent” "
        "of the same contact, within 3 days."
    )
    expect(page.get_by_label("Format")).to_have_value("duration")
    minutes = re.compile(r"^\d+\sm(\s\d+\ss)?$")
    expect(page.locator(".headline .value")).to_have_text(minutes)
    page.get_by_label("Calculate").select_option("conversion")
    expect(page.get_by_label("Format")).to_have_value("percent")
    expect(page.locator(".headline .value")).to_have_text(re.compile(r"^9\d\.\d%$"))
    page.get_by_label("Within").select_option("other")
    page.get_by_label("How many").fill("400")
    page.get_by_label("How many").blur()
    expect(page.get_by_label("How many")).to_have_accessible_description(
        "Enter a time of 366 days at most."
    )
    page.get_by_label("How many").fill("2")
    expect(page.locator(".lead")).to_contain_text("of the same contact within 2 days.")
    page.get_by_label("Calculate").select_option("median")
    expect(page.locator(".headline .value")).to_have_text(minutes)
    page.get_by_role("textbox", name="Name").fill("Time to answer")
    page.get_by_role("button", name="Save").click()
    heading(page, "Time to answer")
    expect(page.get_by_text("are younger than 2 days;")).to_contain_text("nobody knows")
    expect(page.get_by_text("Dashed: in progress")).to_be_visible()
    assert downloaded_csv(page)[1][0][1] == "Time to answer (seconds)"

    [metric] = [
        each
        for each in ask(server, "GET", "/metrics/v1")["metrics"]
        if each["name"] == "Time to answer"
    ]
    [term] = metric["terms"]
    assert term["then"] == {"event": "Reply Sent", "within": "2d"}
    page.locator("button.value").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Order").select_option("slowest")
    after = dialog.locator("tbody tr").first.locator("td").nth(2)
    expect(after).to_have_text(re.compile(r"\d\sh"))
    dialog.get_by_label("Show", exact=True).select_option("never")
    told = dialog.get_by_text(re.compile("events, newest first"))
    number = int(told.inner_text().split()[0])
    expect(dialog.locator("tbody tr").first).to_contain_text("never")
    assert opened.axe() == []
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "Time-to-answer-Never-converted.csv"
    text = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == number > 20
    assert {row["Outcome"] for row in rows} == {"never"} and rows[0]["Phone"].startswith("'+1555")
    quiet = ask(server, "GET", f"/events/v1?contact_id={rows[0]['contact_id']}&limit=50")["events"]
    assert "Reply Sent" not in {each["event_name"] for each in quiet}
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Dashboard").click()
    card = page.locator(".metric", has_text="Time to answer")
    waiting = re.compile(r"Not over yet: \d+ of \d+ so far")
    expect(card).to_contain_text(waiting)
    page.get_by_role("link", name="Edit dashboard").click()
    page.get_by_role("button", name="Look and target of Time to answer").click()
    target = page.get_by_label("All locations together")
    target.fill("soon")
    page.get_by_role("button", name="Save").click()
    expect(target).to_have_accessible_description("Enter a time such as 5 m, 1 h 30 m or 2 d.")
    target.fill("1 h 30 m")
    page.get_by_role("button", name="Save").click()
    expect(card).to_contain_text(re.compile(r"of 1\sh\s30\sm"))
    assert cards_of(server, 1)[-1]["target"]["value"] == 5400
    assert cards_of(server, 1)[-1]["target"]["better"] == "lower"

    may = {"dates": True, "events": True, "download": True}
    link = ask(server, "POST", "/shares/v1", {"dashboard_id": 1, "locations": "all", "may": may})
    viewed = visit(server.url).page
    viewed.goto(link["url"].replace(link["url"].partition("/share")[0], server.url))
    expect(viewed.locator(".metric", has_text="Time to answer")).to_contain_text(waiting)
    viewed.get_by_role("button", name="Close rate: show its events").click()
    followed = viewed.get_by_role("dialog").locator("tbody tr td:nth-child(3)")
    expect(followed.filter(has_text="later").first).to_be_visible()
    expect(followed.filter(has_text="never").first).to_be_visible()


def test_a_dashboard_refreshes_itself_calmly_while_it_is_in_sight(start, visit):
    server = start()
    add_metrics(server, {"name": "Offers"})
    send(server)
    opened = visit(server.url)
    page = opened.page
    page.clock.install()
    opened.sign_in()
    value = page.locator(".metric .value")
    expect(value).to_have_text("1")
    page.clock.run_for(1000)
    expect(page.locator(".age")).to_have_text("Updated just now")
    title = page.locator(".metric a")
    title.focus()
    page.evaluate(
        """() => {
            window.dimmed = 0;
            const busy = document.getElementsByClassName('stack');
            const count = () => { window.dimmed += [...busy].filter(each => each.ariaBusy).length };
            const what = {subtree: true, attributes: true, attributeFilter: ['aria-busy']};
            new MutationObserver(count).observe(document.querySelector('main'), what);
            Object.defineProperty(document, 'hidden', {get: () => window.isHidden});
            window.isHidden = true;
        }"""
    )
    send(server, distinct_id="another")
    page.clock.run_for(130_000)
    expect(page.locator(".age")).to_have_text("Updated 2 minutes ago")
    expect(value).to_have_text("1")  # nobody could see it
    page.evaluate("window.isHidden = false")
    page.clock.run_for(1000)
    expect(value).to_have_text("2")
    expect(title).to_be_focused()
    page.clock.run_for(1000)
    expect(page.locator(".age")).to_have_text("Updated just now")
    assert page.evaluate("window.dimmed") == 0


def test_locations_stand_in_a_table_that_is_sorted_and_downloaded(filled, visit):
    page = visit(filled.url).sign_in(address="#/dashboard/2?range=last-month")
    page.get_by_role("link", name="By location").click()
    table = page.get_by_role("table", name="Metrics by location")
    names = table.locator("tbody th")
    expect(names).to_have_text(["All locations", "loc-bare", "Sunrise Dental", "Zahnarzt Mitte"])
    page.get_by_role("columnheader", name="Location").get_by_role("button").click()
    expect(names.last).to_have_text("loc-bare")
    revenue = table.get_by_role("columnheader", name="Revenue")
    revenue.get_by_role("button").click()
    expect(revenue).to_have_attribute("aria-sort", "descending")
    column = revenue.evaluate("head => head.cellIndex")
    cells = table.locator(f"tbody tr > :nth-child({column + 1})")

    def numbers():
        found = [text.split("\n")[0] for text in cells.all_inner_texts()]
        return [float(text.strip("€").replace(",", "")) for text in found]

    everywhere, *each = numbers()
    assert each == sorted(each, reverse=True) and abs(sum(each) - everywhere) <= 2
    revenue.get_by_role("button").click()
    assert numbers()[1:] == sorted(each)
    page.reload()
    expect(revenue).to_have_attribute("aria-sort", "ascending")  # the address keeps it
    row = table.get_by_role("row", name=re.compile("Sunrise Dental"))
    expect(row).to_contain_text(re.compile(r"% of €100.*✓ reached", re.S))
    expect(row).to_contain_text("ago")
    name, [heads, *lines] = downloaded_csv(page)
    assert name == "Looks-by-location.csv"
    assert heads[:3] == ["Location", "location_id", "Last event seen"]
    assert {"Revenue", "Revenue: change in %", "Revenue: target"} <= set(heads)
    assert [line[0] for line in lines] == names.all_inner_texts()
    values = [float(line[heads.index("Revenue")]) for line in lines]
    assert [round(value) for value in values] == numbers()
    page.get_by_role("link", name="Sunrise Dental").click()
    expect(page.get_by_role("button", name="Remove Sunrise Dental")).to_be_visible()
    assert "locations=loc-ny&range=last-month" in page.url


def test_a_table_of_300_locations_and_10_metrics_is_sorted_at_once(start, visit):
    server = start()
    items = [
        event(f"d-{number}", location_id=f"loc-{number:03}", properties={"value": number})
        for number in range(300)
    ]
    ask(server, "POST", "/events/ingestion/v1/batch", items)
    value = term(aggregation="sum", property="value")
    add_metrics(server, *({"name": f"Metric {each}", "terms": [value]} for each in range(10)))
    cards = [{"metric_id": each + 1, "target": {"value": 1e6}} for each in range(10)]
    ask(server, "PUT", "/dashboards/v1/1", {"name": "Dashboard", "cards": cards})
    opened = visit(server.url, viewport={"width": 390, "height": 844})
    page = opened.sign_in(address="#/dashboard/1/locations")
    names = page.locator("tbody th")
    expect(names).to_have_count(301)
    seconds = page.evaluate(
        """() => {
            const begun = performance.now();
            document.querySelectorAll('thead button')[5].click();
            document.body.offsetHeight;
            return (performance.now() - begun) / 1000;
        }"""
    )
    expect(names.nth(1)).to_have_text("loc-299")
    assert seconds < 1  # a twentieth on an idle machine
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.get_by_role("region", name="Metrics by location")
    box.evaluate("box => box.scrollTo(500, 2000)")
    assert box.evaluate("box => [box.scrollLeft, box.scrollTop]") == [500, 2000]
    left, top = (box.bounding_box()[side] for side in "xy")
    assert names.nth(40).bounding_box()["x"] == left
    assert page.locator("thead th").first.bounding_box()["y"] == top


def test_definitions_are_exported_and_imported(server, visit, tmp_path):
    add_metrics(server, {"name": "One"}, {"name": "Two"})
    page = visit(server.url).sign_in()
    with page.expect_download() as exported:
        page.get_by_role("button", name="Export definitions").click()
    whole = json.loads(Path(exported.value.path()).read_text("utf-8"))
    assert [each["name"] for each in whole["metrics"]] == ["One", "Two"]
    whole["metrics"] += [{"name": "Four", "terms": [term(name="Another")]}]
    (tmp_path / "more.json").write_text(json.dumps(whole))
    page.locator("input[type=file]").set_input_files(tmp_path / "more.json")
    expect(page.get_by_text("Imported: 1 new, 0 replaced, 3 unchanged").last).to_be_visible()
    page.locator("input[type=file]").set_input_files(tmp_path / "more.json")
    expect(page.locator(".toast")).to_have_text(
        "Imported: 0 new, 0 replaced, 4 unchanged"
    )  # the earlier one is not below it
    expect(page.locator(".metric h2")).to_have_text(["One", "Two", "Four"])


def test_a_file_that_is_no_export_is_refused_with_the_reason(server, visit, tmp_path):
    opened = visit(server.url)
    opened.allow(422)
    page = opened.sign_in()
    (tmp_path / "wrong.json").write_text('{"metrics": [{"name": "No terms"}]}')
    page.locator("input[type=file]").set_input_files(tmp_path / "wrong.json")
    expect(page.get_by_role("dialog")).to_have_text(re.compile("metrics/0/terms is required"))


def test_the_comparison_and_the_rest_of_a_breakdown_show_their_events(server, visit):
    day = lite.system_clock() - 35 * DAY
    for number in range(14):
        send(server, distinct_id=f"d-{number}", properties={"shop": f"shop {min(number, 11)}"})
    for number in range(3):
        send(server, distinct_id=f"old-{number}", timestamp=day)
    ask(server, "POST", "/metrics/v1", {"name": "Offers", "terms": [term()]})
    page = visit(server.url).sign_in(address="#/metrics/1?by=property.shop&table=group")
    expect(page.locator(".legend")).to_contain_text("Dashed: in progress")
    page.locator(".change").get_by_role("button", name="3: show its events").click()
    expect(page.get_by_role("dialog")).to_contain_text("3 events, newest first")
    page.keyboard.press("Escape")
    expect(page.locator(".legend .rest")).to_have_count(1)  # which is grey, unlike all others
    page.get_by_role("row", name="Other").get_by_role("button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("2 events, newest first")
    expect(page.get_by_role("dialog")).to_contain_text("shop: shop 8")


def test_a_finger_walks_through_a_chart_and_a_second_tap_shows_the_events(filled, visit):
    page = visit(
        filled.url, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    ).sign_in(address="#/metrics/2")
    plot = page.get_by_role("application")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    at = {"x": box["width"] / 2, "y": box["height"] / 2}
    plot.tap(position=at)
    expect(page.locator(".tip")).to_contain_text("Revenue")
    shown = page.locator(".tip strong").inner_text()
    plot.tap(position=at | {"x": at["x"] + 60})
    expect(page.locator(".tip strong")).not_to_have_text(shown)
    expect(page.get_by_role("dialog")).to_have_count(0)
    plot.tap(position=at | {"x": at["x"] + 60})
    expect(page.get_by_role("dialog")).to_contain_text("newest first")


def test_a_table_stays_one_on_a_phone_and_the_names_of_its_rows_in_sight(filled, visit):
    page = visit(filled.url, viewport={"width": 360, "height": 740}).sign_in(address="#/metrics/1")
    row = page.locator("tbody tr").nth(3)
    expect(row).to_be_visible()
    expect(page.locator("tbody .delta", has_text="points").first).to_have_text(
        re.compile(r"^[▲▼] \d\.\d points$")
    )  # with the value's decimals
    cells = row.locator("th, td")
    assert len({cell.bounding_box()["y"] for cell in cells.all()}) == 1 and cells.count() == 6
    name = cells.first.bounding_box()
    cells.last.scroll_into_view_if_needed()
    assert page.locator(".scroll").evaluate("box => box.scrollLeft") > 0
    assert cells.first.bounding_box()["x"] == name["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_no_word_of_the_navigation_is_broken_on_a_phone(filled, visit):
    page = visit(filled.url, viewport={"width": 320, "height": 740}).sign_in()
    for name in ("Dashboard", "Activity", "Contacts", "Settings", "Help"):
        page.locator("#top").get_by_role("link", name=name, exact=True).click()
        heights = page.locator("#top nav a").evaluate_all(
            "each => each.map(one => one.getClientRects().length * one.offsetHeight)"
        )
        assert max(heights) < 45, name


def test_the_page_fits_at_200_percent_and_moves_nothing_for_those_who_ask_so(server, filled, visit):
    page = visit(
        filled.url, viewport={"width": 640, "height": 450}, reduced_motion="reduce"
    ).sign_in()  # 1280 by 900 at 200 %
    for address in (
        "#/dashboard",
        "#/metrics/1",
        "#/metrics/4/edit",
        "#/activity",
        "#/settings/locations",
        "#/settings/events",
    ):
        page.goto(f"{filled.url}/{address}")
        page.locator("h1").wait_for()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 640, address
    page = visit(server.url, reduced_motion="reduce").sign_in(address="#/activity")
    expect(page.locator(".pulse")).to_be_visible()
    assert page.locator(".pulse").evaluate("each => getComputedStyle(each).animationName") == "none"


def test_a_newcomer_gets_from_the_printed_link_to_a_metric_on_the_dashboard(tmp_path, visit, start):
    server = start(tmp_path / "new.db")
    opened = visit(server.url)
    opened.page.clock.install()
    page = opened.sign_in()
    page.get_by_role("link", name="Send your first event").click()
    page.get_by_role("link", name="New integration").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("textbox", name="Name").fill("My workflows")
    page.get_by_role("button", name="Create integration").click()
    page.get_by_text("curl", exact=True).click()
    command = page.get_by_role("region", name="curl command").inner_text()
    page.get_by_role("link", name="Watch events arrive").click()
    expect(page.get_by_role("heading", name="Waiting for your first event")).to_be_visible()
    url, key, body = re.fullmatch(
        r"curl (\S+) -H 'X-API-Key: (\S+)' -H 'Content-Type: application/json' -d '(.*)'", command
    ).groups()
    request = urllib.request.Request(
        url, body.encode(), {"X-API-Key": key, "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    page.clock.fast_forward(LOOKS_AGAIN)
    expect(page.get_by_role("button", name=re.compile("accepted.*Offer Made"))).to_be_visible()
    page.get_by_role("link", name="Dashboard").click()
    page.get_by_role("link", name="New metric").click()
    page.get_by_role("textbox", name="Name").fill("Offers")
    page.get_by_role("combobox", name="Event").click()
    page.get_by_role("option", name=re.compile("Offer Made.*1 event")).click()
    expect(page.locator(".headline .value")).to_have_text("1")
    page.get_by_role("button", name="Save").click()
    heading(page, "Offers")
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("link", name="Offers")).to_be_visible()
    expect(page.locator(".metric .value")).to_have_text("1")


# The API reference


def test_the_reference_has_every_operation_and_its_curl_lines_work(start, tmp_path, visit):
    fill(tmp_path / "mine.db")
    server = start(tmp_path / "mine.db")
    described = ask(server, "GET", "/openapi.json")["paths"]
    operations = {
        f"{method.upper()} {path}": each
        for path, methods in described.items()
        for method, each in methods.items()
    }
    page = visit(server.url).sign_in(address="#/settings/api")
    page.locator("details.noun").first.wait_for()
    sections = page.locator("[data-operation]")
    commands = dict(
        sections.evaluate_all(
            "each => each.map(one => [one.dataset.operation, one.querySelector('pre').textContent])"
        )
    )
    assert commands.keys() == operations.keys()
    texts = dict(
        sections.evaluate_all("each => each.map(one => [one.dataset.operation, one.textContent])")
    )
    for name, operation in operations.items():
        assert operation["summary"] in texts[name]
        assert f"Scope: {operation.get('x-scope')}" in texts[name] or "x-scope" not in operation
        for parameter in operation["parameters"]:
            assert parameter["in"] == "path" or parameter["name"] in texts[name]
        for status in operation["responses"]:
            assert status in texts[name]
    share = {"dashboard_id": 1, "locations": "all", "may": {"events": True}}
    (tmp_path / "logo.png").write_bytes(PNG)
    for name, command in commands.items():
        key = ADMIN
        if operations[name].get("x-scope") == "share":
            key = ask(server, "POST", "/shares/v1", share)["token"]
        words = shlex.split(command.replace("YOUR_API_KEY", key))
        silent = [*words, "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
        status = subprocess.run(silent, capture_output=True, text=True, cwd=tmp_path).stdout
        # What the example names may not exist, or be called as the one that was saved just before;
        # what it names in the query is no alias.
        names_one = any(parameter["required"] for parameter in operations[name]["parameters"])
        assert status in ("200", "201") or (status in ("404", "409") and names_one), command


def test_the_reference_shows_fields_and_is_filtered(filled, visit):
    page = visit(filled.url).sign_in(address="#/settings/api")
    noun = page.locator("details.noun", has_text="/custom-events/ingestion/v1")
    expect(noun.get_by_role("table")).to_have_count(0)  # collapsed
    noun.locator("summary").first.click()
    body = noun.get_by_role("table", name="Body of POST /custom-events/ingestion/v1")
    expect(body.get_by_role("row", name="event_name")).to_contain_text("required")
    expect(body.get_by_role("row", name="timestamp")).to_contain_text("optional")
    noun.get_by_text("200, 201").click()
    answer = noun.get_by_role("table", name=re.compile("^Answer 200, 201"))
    expect(answer.get_by_role("row", name="event.distinct_id")).to_contain_text("text")
    expect(answer.get_by_role("row", name="warnings[].code")).to_be_visible()
    page.get_by_label("Filter").fill("dry_run")
    # contacts, dashboards, events, their names, locations
    expect(page.locator("details.noun:visible")).to_have_count(5)
    expect(page.locator(".operation:visible")).to_have_count(7)
    page.get_by_label("Filter").fill("nothing like it")
    expect(page.get_by_text("No route matches.")).to_be_visible()
    page.get_by_label("Filter").fill("")
    expect(page.locator(".operation:visible")).to_have_count(0)
    query = page.locator("details.noun", has_text="/metrics/v1/query")
    query.locator("summary").first.click()
    body = page.get_by_role("table", name="Body of POST /metrics/v1/query")
    row = body.get_by_role("row", name="metric.terms[].aggregation")
    expect(row).to_contain_text('"p95"')


# Help


class Tables(HTMLParser):
    """The texts of help.html: of each table its rows, of each row the texts in <code> of its cells;
    and all terms of lists."""

    def __init__(self):
        super().__init__()
        self.tables, self.terms, self.ids, self.links = {}, [], [], []
        self.table = None
        self.tag = ""
        self.feed((STATIC / "help.html").read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if tag == "a" else []
        if tag == "tbody":
            self.table = self.tables.setdefault(named.get("id"), [])
        elif tag == "tr" and self.table is not None:
            self.table.append([])
        elif tag == "td":
            self.table[-1].append([])
        elif tag in ("dt", "code"):
            self.tag = tag if tag == "dt" or self.tag != "dt" else "term"

    def handle_endtag(self, tag):
        if tag == "table":
            self.table = None
        self.tag = ""

    def handle_data(self, text):
        if self.tag == "term":
            self.terms.append(text)
        elif self.tag == "code" and self.table and self.table[-1]:
            self.table[-1][-1].append(text)


def test_help_names_every_setting():
    expected = {}
    for name, field in lite.Config.model_fields.items():
        flag = [] if name in lite.SECRETS else [f"--{name.replace('_', '-')}"]
        variable = f"STREAMLINED_{name.upper()}"
        expected[variable] = (flag, [] if field.default == "" else [str(field.default)])
    rows = Tables().tables["setting-table"]
    assert {row[1][0]: (row[0], row[2]) for row in rows} == expected
    assert len(rows) == len(expected)


def test_help_names_every_code():
    tables = Tables().tables
    source = Path(lite.__file__).read_text("utf-8")
    warnings = set(re.findall(r'\bwarning\(\s*"(\w+)"', source))
    assert len(warnings) >= 14 and set(Tables().terms) == warnings
    firsts = {name: [row[0][0] for row in rows if row[0]] for name, rows in tables.items() if name}
    exit_codes = ", ".join(lite.EXIT_CODES).split(", ")
    assert firsts["exit-code-table"] == exit_codes == ["0", "1", "2", "3", "130", "143", "141"]
    assert firsts["scope-table"] == list(get_args(lite.Scope))
    assert firsts["aggregation-table"] == list(get_args(lite.Aggregation))
    refusals = {each.status for each in lite.Problem.__subclasses__()} | {503}
    assert {int(status) for status in firsts["status-table"]} == refusals | {200, 201, 207}


def test_help_names_every_filter_operator():
    text = (STATIC / "help.html").read_text("utf-8")
    rows = Tables().tables["operator-table"]
    kinds = re.findall(r"<tr><td>(\w+)</td>", text.split('id="operator-table"')[1])[: len(rows)]
    operators = {kind: set(row[2]) for kind, row in zip(kinds, rows, strict=True)}
    assert operators == lite.OPS
    fields = {name: kind for kind, row in zip(kinds, rows, strict=True) for name in row[1]}
    wildcards = dict.fromkeys(
        ("property.<key>", "contact.<custom field>", "contact.fields.<custom field>"), "value"
    )
    assert fields == lite.FIELD_KINDS | wildcards


def test_the_contents_of_help_lead_to_all_of_its_chapters():
    help_ = Tables()
    assert len(help_.ids) == len(set(help_.ids))
    inside = [each.removeprefix("#") for each in help_.links if each.startswith("#")]
    chapters = re.findall(r'<h2 id="([\w-]+)"', (STATIC / "help.html").read_text("utf-8"))
    assert inside == chapters
    used = set()
    for path in STATIC.glob("*.js"):
        used |= set(re.findall(r"#/help/([\w-]+)", path.read_text("utf-8")))
    assert used and used <= set(help_.ids)


def test_help_is_a_view_and_a_document_of_its_own(filled, visit):
    page = visit(filled.url).sign_in()
    page.locator("#top").get_by_role("link", name="Help").click()
    heading(page, "Help")
    page.get_by_role("link", name="Settings", exact=True).last.click()
    page.wait_for_url("**/#/help/settings")
    expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_focused()
    expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_in_viewport()
    expect(page.locator("#top").get_by_role("link", name="Help")).to_have_attribute(
        "aria-current", "page"
    )
    chapters = page.locator("main h2").all_inner_texts()
    examples = page.locator("main .snippet")
    expect(examples.get_by_role("button", name="Copy")).to_have_count(examples.count())
    expect(examples.filter(has_text=f"curl {filled.url}/events/ingestion/v1").first).to_be_visible()
    expect(page.get_by_text("http://127.0.0.1:8080")).to_have_count(0)
    settings = page.get_by_role("region", name="Flag")
    expect(settings.get_by_role("row", name="STREAMLINED_PORT")).to_be_visible()
    alone = visit(filled.url, viewport={"width": 360, "height": 740})
    alone.page.goto(f"{filled.url}/static/help.html#settings")
    assert alone.page.locator("main h2").all_inner_texts() == chapters
    expect(alone.page.get_by_role("heading", name="Settings", exact=True)).to_be_in_viewport()
    assert alone.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert alone.axe() == []


# Contacts and locations


def test_contacts_and_locations_are_found_changed_and_deleted(start, tmp_path, visit):
    fill(tmp_path / "mine.db")
    server = start(tmp_path / "mine.db")
    page = visit(server.url).sign_in(address="#/contacts")
    page.get_by_label("Name, e-mail or phone").fill("Person 3")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_label("Location").select_option("loc-ny")
    page.get_by_role("link", name="Person 3 of 0").click()
    heading(page, "Person 3 of 0")
    expect(page.get_by_text("p3@example.com")).to_be_visible()
    expect(page.locator("dt:has-text('Colour') + dd")).to_have_text("red")
    events = int(
        page.get_by_role("heading", name=re.compile(r"\d+ events")).inner_text().split()[0]
    )
    page.get_by_role("button", name="Delete …").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{events} events, 0 tags")
    page.get_by_role("button", name="Delete contact").click()
    heading(page, "Contacts")
    expect(page.get_by_label("Name, e-mail or phone")).to_have_value("Person 3")
    expect(page.get_by_label("Location")).to_have_value("loc-ny")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Locations").click()
    page.get_by_role("button", name="Edit Sunrise Dental").click()
    page.get_by_role("textbox", name="Name").fill("Sunset Dental")
    page.get_by_label("Time zone").fill("Asia/Kathmandu")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="Sunset Dental")).to_contain_text("Asia/Kathmandu")
    page.get_by_role("button", name="Remove Zahnarzt Mitte").click()
    expect(page.get_by_role("dialog")).to_contain_text("8 contacts")
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_role("row", name="Zahnarzt Mitte")).to_have_count(0)
    assert [each["location_id"] for each in ask(server, "GET", "/locations/v1")["locations"]] == [
        "loc-bare",
        "loc-ny",
    ]


def test_ids_that_look_like_parts_of_a_path_lead_to_their_views(server, visit):
    for number, name in enumerate((".", "..", "a/b")):
        send(server, location_id=name, contact_id=name, distinct_id=str(number))
    opened = visit(server.url)
    page = opened.sign_in(address="#/contacts")
    for name in (".", "..", "a/b"):
        page.get_by_role("link", name=name, exact=True).click()
        heading(page, name)
        expect(page.get_by_role("heading", name="1 event")).to_be_visible()
        opened.open("#/settings/locations")
        page.get_by_role("button", name=f"Edit {name}", exact=True).click()
        page.get_by_role("textbox", name="Name").fill(f"Named {name}")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("row", name=f"Named {name}")).to_be_visible()
        opened.open("#/contacts")


# Strangers' texts, a server that is away, and every view as it looks


def test_hostile_texts_do_nothing_but_appear(server, visit):
    for number, text in enumerate(HOSTILE):
        short = text[:900]
        ask(
            server,
            "POST",
            "/events/ingestion/v1",
            {
                "event_name": text,
                "location_id": short,
                "distinct_id": f"d-{number}",
                "contact_id": short,
                "properties": {text: text},
            },
        )
        ask(
            server,
            "PUT",
            f"/contacts/v1/{quote(short, safe='')}/c-{number}",
            {"name": text, "tags": [short], "fields": {text: text}},
        )
        ask(server, "PATCH", f"/locations/v1/{quote(short, safe='')}", {"name": text})
        ask(
            server,
            "POST",
            "/events/ingestion/v1",
            {"event_name": text, "location_id": short, "properties": {text: None}},
        )
        ask(
            server,
            "POST",
            "/metrics/v1",
            {
                "name": text,
                "terms": [
                    term(
                        name=text,
                        kind="contact",
                        filters={
                            "all": [{"field": f"property.{short}", "op": "is", "value": text}]
                        },
                    )
                ],
            },
        )
        make_key(server, "ingest", name=text)
        cards = [{"metric_id": number + 1, "target": {"value": 1, "locations": {short: 1}}}]
        ask(server, "POST", "/dashboards/v1", {"name": short, "cards": cards})
    opened = visit(server.url)
    page = opened.sign_in()
    views = [
        "#/dashboard",
        "#/dashboard/2",
        "#/dashboard/2/edit",
        "#/dashboard/2/locations",
        "#/metrics/new",
        "#/activity",
        "#/contacts",
        "#/settings/integrations",
        "#/settings/locations",
        "#/settings/events",
    ]
    views += [
        f"#/metrics/{number}{end}" for number in range(1, 5) for end in ("?by=location", "/edit")
    ]
    for address in views:
        opened.open(address)
        page.locator("h1").wait_for()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        shown = page.locator("main").inner_text() + " ".join(
            page.locator("input").evaluate_all("each => each.map(one => one.value)")
        )
        assert "<img src=x" in shown or "metrics" in address
        assert (
            page.evaluate("document.querySelectorAll('main img, main script, main style').length")
            == 0
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, address
    opened.open("#/activity")
    page.get_by_role("button", name=re.compile("^accepted <img")).click()
    expect(page.get_by_role("dialog")).to_contain_text("<img src=x onerror")


def test_a_server_that_is_away_is_said_once_and_found_again(filled, visit):
    opened = visit(filled.url)
    opened.allow("Failed to load resource: net::ERR_FAILED")
    opened.page.clock.install()
    page = opened.sign_in()
    values = page.locator(".metric .value")
    expect(values).to_have_count(5)
    seen = values.all_inner_texts()
    page.route(re.compile("/v1"), lambda route: route.abort())
    page.get_by_label("Dates").select_option("90d")
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator(".metric [aria-busy=true]")).to_have_count(5)
    expect(values).to_have_text(seen)  # the last ones, dimmed
    expect(page.get_by_role("alert")).to_have_count(0)
    page.unroute(re.compile("/v1"))
    page.clock.fast_forward(3000)
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    expect(values).not_to_have_text(seen)
    opened.open("#/contacts")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.route(re.compile("/v1"), lambda route: route.abort())
    page.get_by_label("Tag").fill("vip")
    page.keyboard.press("Enter")
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("tbody tr").first).to_be_visible()


VIEWS = {
    "dashboard": "#/dashboard",
    "dashboard-looks": "#/dashboard/2",
    "dashboard-locations": "#/dashboard/2/locations",
    "metric": "#/metrics/1",
    "metric-breakdown": "#/metrics/2?by=location&chart=bar",
    "builder-new": "#/metrics/new",
    "builder": "#/metrics/4/edit",
    "activity": "#/activity",
    "contacts": "#/contacts",
    "contact": "#/contacts/loc-ny/contact-1",
    "integrations": "#/settings/integrations",
    "integration-new": "#/settings/integrations/new",
    "locations": "#/settings/locations",
    "events": "#/settings/events",
    "api": "#/settings/api",
    "help": "#/help",
    "nothing": "#/nowhere",
}


def test_every_view_is_accessible_fits_and_is_pictured(filled, server, visit):
    make_key(filled, "ingest", name="Workflows")
    opened = visit(filled.url, reduced_motion="reduce")
    page = opened.open("")
    troubles = look(opened, "sign-in")
    opened.sign_in()
    for name, address in VIEWS.items():
        opened.open(address)
        page.locator("h1").wait_for()
        troubles += look(opened, name)
    opened.open("#/metrics/1")
    page.locator("button.value").click()
    page.get_by_role("dialog").locator("tbody tr").first.wait_for()
    troubles += look(opened, "evidence")
    opened.open("#/dashboard/2/edit")
    page.get_by_role("button", name="Look and target of Revenue").nth(1).click()
    troubles += look(opened, "dashboard-edit")
    opened.open("#/settings/events")
    page.get_by_role("button", name="Rename Offer Made").click()
    troubles += look(opened, "rename")
    page.get_by_label("New name").fill("Payment Received")
    page.get_by_role("button", name="Rename …").last.click()
    page.get_by_text("These metrics follow").wait_for()
    troubles += look(opened, "merge")
    opened.open("#/settings/api")
    batch = page.locator("details.noun", has_text="/events/ingestion/v1/batch")
    batch.locator("summary").first.click()
    troubles += look(opened, "api-events")
    waiting = visit(server.url, reduced_motion="reduce")
    waiting.sign_in(address="#/activity")
    waiting.page.locator("details").first.wait_for()
    troubles += look(waiting, "waiting")
    assert not troubles, "\n".join(troubles)


def look(opened: Visit, name: str) -> list[str]:
    """Nothing has to be scrolled sideways at any width; pictures of the narrowest and the widest,
    light and dark, and axe."""
    page = opened.page
    SCREENSHOTS.mkdir(exist_ok=True)
    expect(page.locator("[aria-busy]")).to_have_count(0)
    troubles = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            troubles.append(f"{name} is {wide} wide at {width}")
        if width not in (WIDTHS[0], WIDTHS[-1]):
            continue
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            # As JPEG, which is made sooner than PNG.
            picture = SCREENSHOTS / f"{name}-{scheme}-{width}.jpeg"
            page.screenshot(path=picture, quality=90, full_page=True, timeout=30_000)
            if (scheme, width) in (("dark", WIDTHS[0]), ("light", WIDTHS[-1])):
                troubles += [f"{name} at {width}, {scheme}: {each}" for each in opened.axe()]
    return troubles
