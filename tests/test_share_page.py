"""The page of a shared dashboard, and where links are made: Debian's Chromium on a real server.

As in test_page.py, whatever the browser complains of fails the test.
"""

import csv
import io
import re
import urllib.request
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from browser import expect
from conftest import ADMIN, PNG, ServerProcess
from test_page import STATIC, Traffic, ask, fill, heading, look, send

import streamlined_lite as lite

FIRST_VIEW_BYTES = 30_000  # gzipped
REFRESHES = 66_000  # milliseconds of the page's clock in which it does so once
CARDS = [
    {"metric_id": 1, "chart": "number"},
    {
        "metric_id": 2,
        "chart": "line",
        "target": {"value": 20_000, "per": "month", "better": "higher"},
    },
    {"metric_id": 3, "chart": "bar"},
    {"metric_id": 4, "chart": "table"},
    {"metric_id": 2, "chart": "stacked", "size": "wide", "breakdown": "property.product"},
]
ALLOWED = {"dates": True, "events": True, "download": True}


def paint(server) -> None:
    """Gives the server a brand."""
    brand = {"title": "Bright Agency", "accent": "#a51c5d"}
    ask(server, "PUT", "/branding/v1", brand)
    request = urllib.request.Request(
        server.url + "/branding/v1/logo",
        PNG,
        {"X-API-Key": ADMIN, "Content-Type": "image/png"},
        method="PUT",
    )
    urllib.request.urlopen(request).close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A server with data and a brand, for tests that change neither."""
    path = tmp_path_factory.mktemp("share") / "filled.db"
    fill(path)
    started = ServerProcess(path)
    ask(started, "PUT", "/dashboards/v1/1", {"name": "Sales", "cards": CARDS})
    paint(started)
    yield started
    started.stop()


def share(server, locations="all", **fields) -> dict:
    body = {"dashboard_id": 1, "locations": locations} | fields
    made = ask(server, "POST", "/shares/v1", body)
    assert "url" in made, made
    return made


def set_up(server) -> dict:
    """An event and a metric on the first dashboard; returns the metric."""
    send(server, distinct_id="first")
    terms = [{"key": "A", "event": "Offer Made", "type": "account", "aggregation": "count"}]
    return ask(server, "POST", "/metrics/v1", {"name": "Offers", "terms": terms})


def card(page, name: str):
    return page.locator("section.metric").filter(
        has=page.get_by_role("heading", name=re.compile(f"^{name}"))
    )


def modules(first: str, pattern: str) -> set[str]:
    """The scripts that one imports, directly or not."""
    found, left = set(), [first]
    while left:
        name = left.pop()
        found.add(name)
        left += set(re.findall(pattern, (STATIC / name).read_text("utf-8"), re.M)) - found
    return found


NEEDED = r'^(?:import|export|\}) .*?from "\./(.+)";$'
LOADED = r'(?:from |import\()"\./(.+?)"'


# What it is made of


def test_no_script_of_a_shared_dashboard_knows_of_a_stored_key():
    scripts = modules("share.js", LOADED)
    assert {"sources.js", "report.js", "endings.js", "dialog.js"} < scripts
    assert not scripts & {"api.js", "app.js", "navigation.js"}
    for name in scripts:
        text = (STATIC / name).read_text("utf-8")
        assert not re.search(
            r"localStorage|sessionStorage|indexedDB|BroadcastChannel|cookie|caches\.", text
        ), name


def test_little_travels_for_the_first_view_of_a_shared_dashboard(filled, visit):
    link = share(filled)["url"]
    with urllib.request.urlopen(link) as page:
        preloaded = re.findall(r"</static/([\w.-]+)>; rel=modulepreload", page.headers["Link"])
    assert set(preloaded) == modules("share.js", NEEDED)
    opened = visit(filled.url)
    traffic = Traffic(opened)
    documents = []
    opened.page.on(
        "response", lambda answer: documents.append(answer) if "/share/" in answer.url else 0
    )
    opened.page.goto(link)
    expect(opened.page.locator(".metric .value")).to_have_count(len(CARDS))
    opened.page.wait_for_load_state("networkidle")
    scripts = sorted(name for name in traffic.names if name.endswith(".js"))
    assert scripts == sorted(preloaded)
    [document] = [each for each in documents if "logo" not in each.url]
    size = traffic.size + document.request.sizes()["responseBodySize"]
    assert 10_000 < size <= FIRST_VIEW_BYTES


# What viewers see


def test_a_client_sees_its_numbers_under_the_brand_of_its_agency_and_no_more(filled, visit):
    opened = visit(filled.url, color_scheme="light")
    page = opened.page
    link = share(filled, ["loc-ny"])["url"]
    page.goto(link)
    heading(page, "Sales")
    expect(page).to_have_title("Sales – Bright Agency")
    expect(page.locator(".masthead")).to_have_text("Bright Agency")
    assert page.locator(".masthead img").evaluate("image => image.naturalWidth") == 2
    expect(page.get_by_text("Sunrise Dental", exact=True)).to_be_visible()
    expect(page.get_by_text("Updated just now")).to_be_visible()
    revenue = card(page, "Revenue").first
    expect(revenue.locator(".value")).to_have_text(re.compile(r"^€[\d,]+$"))
    expect(revenue.locator("svg .s0 .line").first).to_have_css("stroke", "rgb(165, 28, 93)")
    first_of_groups = card(page, "Revenue").last.locator(".legend .s0 *").first
    expect(first_of_groups).to_have_css("fill", "rgb(26, 86, 219)")  # where others have theirs
    expect(page.locator("nav, a, .opens")).to_have_count(0)
    expect(page.get_by_role("button")).to_have_text(["Print"])
    expect(page.get_by_text("By location")).to_have_count(0)
    for hidden in ("loc-ny", "Zahnarzt", "loc-bare", "Payment Received", "Person", "owered"):
        assert hidden not in page.content()
    words = page.locator(".told")
    expect(words).to_contain_text("America/New_York · compared with the previous period")
    before = revenue.locator(".value").inner_text()
    page.get_by_label("Dates").select_option("Last 7 days")
    page.get_by_label("Compare with").select_option("Nothing")
    expect(words).not_to_contain_text("compared")
    expect(revenue.locator(".value")).not_to_have_text(before)
    page.get_by_label("Dates").select_option("Custom range")
    page.get_by_label("Through").fill("2020-01-01")
    expect(page.get_by_text("Must not be before From.")).to_be_visible()
    page.emulate_media(color_scheme="dark")
    expect(revenue.locator("svg .s0 .line").first).not_to_have_css("stroke", "rgb(165, 28, 93)")
    page.reload()
    expect(revenue.locator(".value")).to_have_text(before)
    assert page.url == link


def test_several_locations_have_a_table_and_what_is_allowed_opens_and_is_saved(filled, visit):
    opened = visit(filled.url)
    opened.allow(401)
    page = opened.page
    made = share(filled, ["loc-ny", "loc-berlin"], may=ALLOWED)
    page.goto(made["url"])
    expect(page.get_by_text("Sunrise Dental, Zahnarzt Mitte")).to_be_visible()
    rows = page.get_by_role("region", name="By location").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Sunrise Dental")
    page.get_by_role("button", name="Close rate: show its events").press("Enter")
    events = page.get_by_role("dialog")
    expect(events.locator("tbody tr")).to_have_count(50)
    told = events.get_by_text(re.compile(r"^\d+ events, newest first\. Times in UTC"))
    paid = int(told.inner_text().split()[0])
    events.get_by_label("Event", exact=True).select_option("Offer Made")
    expect(told).not_to_have_text(re.compile(f"^{paid} events"))
    events.get_by_role("button", name="Show more").click()
    expect(events.locator("tbody tr")).to_have_count(100)
    expect(events.locator("tbody tr").first).to_contain_text(re.compile("Person . of [01]"))
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Revenue: show its events").last.click()
    events.get_by_label("Group").select_option("Gold")
    expect(told).not_to_have_text(re.compile(f"^{paid} events"))
    expect(events.get_by_text("Silver", exact=False)).to_have_count(1)  # the choice alone
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "Sales.csv"
    text = download.value.path().read_text("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert {line["Metric"] for line in lines} == {"Close rate", "Revenue", "Average offer", "VIPs"}
    revenue = [line for line in lines if line["Metric"] == "Revenue"]
    assert {line["Location"] for line in revenue} == {"", "Sunrise Dental", "Zahnarzt Mitte"}
    by_group = {
        group: sum(
            float(line["Value"])
            for line in revenue
            if line["Group"] == group and len(line["Time"]) == 10
        )
        for group in ("Gold", "Silver")
    }
    [whole] = {
        float(line["Value"])
        for line in revenue
        if not line["Location"] and not line["Group"] and " to " in line["Time"]
    }
    assert sum(by_group.values()) == pytest.approx(whole) and min(by_group.values()) > 0
    page.get_by_role("button", name="Close rate: show its events").click()
    expect(events.locator("tbody tr")).to_have_count(50)
    ask(filled, "DELETE", f"/shares/v1/{made['share_id']}")
    events.get_by_label("Event", exact=True).select_option("Offer Made")
    heading(page, "This link was revoked")
    expect(events).to_have_count(0)


def test_where_dates_are_fixed_there_is_nothing_to_choose(filled, visit):
    page = visit(filled.url).page
    page.goto(share(filled, may={"dates": False})["url"])
    expect(page.locator(".metric .value")).to_have_count(len(CARDS))
    expect(page.locator("select, input")).to_have_count(0)
    expect(page.locator(".told")).to_contain_text("compared with the previous period")


def test_the_key_that_an_admin_has_stored_is_never_used_there_and_nothing_is_kept(filled, visit):
    opened = visit(filled.url)
    opened.sign_in()
    page = opened.page
    page.get_by_role("button", name="Stay signed in on this computer").click()
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    before = page.evaluate(kept)
    assert ADMIN in before
    made = share(filled, ["loc-ny"])
    keys = []
    page.on("request", lambda request: keys.append(request.headers.get("x-api-key")))
    page.goto(made["url"])
    expect(page.locator(".metric .value")).to_have_count(len(CARDS))
    assert set(keys) == {None, made["token"]}
    assert page.evaluate(kept) == before
    opened.allow(401)
    page.goto("about:blank")
    page.goto(made["url"].replace("#", "#x"))
    heading(page, "This link is not valid")
    assert ADMIN not in keys


def test_a_token_is_sent_in_no_address_and_stays_with_the_page_on_reload(start, visit):
    server = start(log_requests="1")
    set_up(server)
    made = share(server)
    path, token = made["url"].split("#")
    opened = visit(server.url)
    page = opened.page
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(made["url"])
    expect(page.locator(".value")).to_have_text("1")
    page.reload()
    expect(page.locator(".value")).to_have_text("1")
    # The address of a document has its fragment here, which no request has.
    assert not [url for url in asked if token in urlsplit(url)._replace(fragment="").geturl()]
    for link in (f"{path}%23{token}", f"{path}?token={token}"):
        page.goto(link)
        expect(page.locator(".value")).to_have_text("1")
        asked.clear()
        page.reload()
        expect(page.locator(".value")).to_have_text("1")
        assert page.url == made["url"]
        assert not [url for url in asked if token in urlsplit(url)._replace(fragment="").geturl()]
    page.goto("about:blank")
    page.goto(f"{made['url']} ?x=1")  # as it was pasted, and with what a CRM appends
    expect(page.locator(".value")).to_have_text("1")
    assert page.url == made["url"]
    _, log = server.stop()
    assert log.count(f'"/share/{made["public_id"]}" 200') == 7 and token not in log


# While it is open


def test_it_brings_itself_up_to_date_while_in_sight_and_ends_when_it_is_revoked(
    serve, visit, monkeypatch
):
    monkeypatch.setattr(lite, "NUMBERS_SECONDS", 0)
    served = serve()
    served.url = f"http://127.0.0.1:{served.port}"
    set_up(served)
    made = share(served)
    opened = visit(served.url)
    page = opened.page
    page.clock.install()
    page.goto(made["url"])
    number = page.locator(".value")
    expect(number).to_have_text("1")
    send(served, distinct_id="second")
    page.clock.run_for(30_000)
    expect(number).to_have_text("1")
    hide(page, True)
    page.clock.run_for(REFRESHES)
    expect(page.get_by_text("Updated 1 minute ago")).to_be_visible()
    expect(number).to_have_text("1")
    hide(page, False)
    expect(number).to_have_text("2")
    expect(page.get_by_text("Updated just now")).to_be_visible()
    opened.allow("Failed to load resource: net::ERR_FAILED", 401)
    page.route("**/shares/v1/**", lambda route: route.abort())
    page.clock.run_for(REFRESHES)
    expect(page.get_by_role("status")).to_contain_text("cannot be reached at the moment")
    expect(number).to_have_text("2")
    expect(page.locator(".cards")).to_have_css("opacity", "0.35")
    page.unroute("**/shares/v1/**")
    send(served, distinct_id="third")
    page.clock.run_for(6000)
    expect(number).to_have_text("3")
    expect(page.locator(".cards")).to_have_css("opacity", "1")
    metric = ask(served, "GET", "/metrics/v1")["metrics"][0]["metric_id"]
    ask(
        served,
        "PUT",
        "/dashboards/v1/1",
        {"name": "New name", "cards": [{"metric_id": metric}] * 2},
    )
    page.clock.run_for(REFRESHES)
    heading(page, "New name")
    expect(number).to_have_text(["3", "3"])
    ask(served, "DELETE", f"/shares/v1/{made['share_id']}")
    page.clock.run_for(REFRESHES)
    heading(page, "This link was revoked")
    expect(page.locator(".value")).to_have_count(0)


def hide(page, is_hidden: bool) -> None:
    """What a browser says of a tab that is not in sight."""
    page.evaluate(
        """isHidden => {
          const get = () => (isHidden ? "hidden" : "visible");
          Object.defineProperty(document, "visibilityState", { get, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_a_link_that_shows_nothing_says_why_and_whom_to_ask(start, visit):
    server = start()
    set_up(server)
    gone = share(server)
    ask(server, "DELETE", f"/shares/v1/{gone['share_id']}")
    local = share(server, ["loc-1"])
    short = ask(server, "POST", "/dashboards/v1", {"name": "Short", "cards": []})
    deleted = share(server, dashboard_id=short["dashboard_id"])
    good = share(server)
    opened = visit(server.url, viewport={"width": 390, "height": 800})
    opened.allow(401, 403)
    page = opened.page
    page.goto(deleted["url"])
    expect(page.get_by_text("There is nothing on this dashboard yet.")).to_be_visible()
    ask(server, "DELETE", f"/dashboards/v1/{short['dashboard_id']}")
    ask(server, "DELETE", "/locations/v1/loc-1")
    path, token = good["url"].split("#")
    custom_value = f"{server.url}/share/%7B%7Bcustom_values.dashboard%7D%7D"
    for link, title in {
        gone["url"]: "This link was revoked",
        deleted["url"]: "This link was revoked",
        local["url"]: "There are no more numbers for this account",
        path: "This link is incomplete",
        f"{path}#{token}x": "This link is not valid",
        f"{path}#{ADMIN}": "This link is not valid",
        f"{server.url}/share/0123456789abcdef0123#{token}": "This link is not valid",
        f"{server.url}/share/": "No dashboard is set up here yet",
        custom_value: "No dashboard is set up here yet",
    }.items():
        page.goto("about:blank")
        page.goto(link)
        heading(page, title)
        expect(page.locator("main")).to_contain_text("Please ask")
        assert opened.axe() == []


# On paper, on a phone, by keyboard


def test_paper_has_a_report_without_controls(filled, visit):
    opened = visit(filled.url, color_scheme="dark")
    page = opened.page
    page.goto(share(filled, may=ALLOWED)["url"])
    expect(page.locator(".metric .value")).to_have_count(len(CARDS))
    expect(page.get_by_role("region", name="By location")).to_be_visible()
    assert page.evaluate("() => { window.print = () => { window.isPrinted = true } }") is None
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.isPrinted")
    page.set_viewport_size({"width": 718, "height": 1000})  # the width of A4 without its margins
    page.emulate_media(media="print")
    for control in ("select", "input", ".actions", ".updated"):
        for each in page.locator(control).all():
            expect(each).to_be_hidden()
    heading(page, "Sales")
    expect(page.get_by_text("Bright Agency")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^As of \d+ \w+ \d{4}, \d\d:\d\d$"))).to_be_visible()
    expect(page.locator(".told")).to_contain_text("compared with the previous period")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("h1")).to_have_css("color", "rgb(27, 31, 39)")
    for each in page.locator("section.metric").all():
        expect(each).to_have_css("break-inside", "avoid")
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    for drawn in page.locator(".spark svg").all():
        box, card_box = drawn.bounding_box(), drawn.locator("xpath=..").bounding_box()
        assert box["width"] <= card_box["width"] + 1 and box["height"] <= card_box["height"] + 1
    assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_a_shared_dashboard_is_accessible_fits_and_is_pictured(filled, visit):
    opened = visit(filled.url, reduced_motion="reduce")
    page = opened.page
    page.goto(share(filled, may=ALLOWED)["url"])
    expect(page.locator(".metric .value")).to_have_count(len(CARDS))
    troubles = look(opened, "shared")
    page.get_by_role("button", name="Close rate: show its events").click()
    page.get_by_role("dialog").locator("tbody tr").first.wait_for()
    troubles += look(opened, "shared-events")
    assert not troubles, "\n".join(troubles)


# Making links


def test_a_link_is_made_for_one_location_shown_once_listed_and_revoked(start, tmp_path, visit):
    fill(tmp_path / "mine.db")
    server = start(tmp_path / "mine.db", public_url="https://events.example.com")
    opened = visit(server.url, permissions=["clipboard-read", "clipboard-write"])
    opened.allow(422)
    page = opened.sign_in(address="#/settings/sharing")
    expect(page.get_by_text("No links yet")).to_be_visible()
    page.get_by_role("button", name="Share a dashboard").click()
    page.get_by_role("button", name="Create link").click()
    expect(page.get_by_text("Choose a location.")).to_be_visible()
    page.get_by_role("combobox", name="Locations").click()
    page.get_by_role("option", name="Sunrise Dental").click()
    page.get_by_label("Download the numbers as CSV").check()
    assert page.get_by_label("The link works").locator("option").first.inner_text() == (
        "until it is revoked"
    )
    page.get_by_label("The link works").select_option("through a day …")
    page.get_by_label("Last day").fill("2020-01-01")
    page.get_by_label("Last day").blur()
    page.get_by_role("button", name="Create link").click()
    expect(page.get_by_text("must be in the future")).to_be_visible()
    page.get_by_label("The link works").select_option("for 90 days")
    page.get_by_role("button", name="Create link").click()
    expect(page.get_by_role("heading", name="Your link")).to_be_focused()
    dialog = page.get_by_role("dialog")
    edge = dialog.bounding_box()
    page.mouse.click(edge["x"] + 6, edge["y"] + 100)
    page.mouse.move(edge["x"] + 60, edge["y"] + 100)
    page.mouse.down()
    page.mouse.move(edge["x"] - 60, edge["y"] + 100)
    page.mouse.up()  # as who selects it: what is shown once stays
    shown = dialog.get_by_role("region", name="Link", exact=True).inner_text()
    [made] = ask(server, "GET", "/shares/v1")["shares"]
    assert made["may"] == {"dates": True, "events": False, "download": True}
    assert made["locations"] == ["loc-ny"]
    lasting = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(
        made["created_at"]
    )
    assert abs(lasting - timedelta(days=90)) < timedelta(minutes=1)
    link = re.fullmatch(r"https://events\.example\.com/share/(\w{20}#sl_[\w-]+)", shown)
    assert link[1].startswith(made["public_id"])
    copied = {}
    for name in ("The client’s part of the link", "URL of the custom menu link"):
        part = dialog.locator(".snippet", has=page.get_by_role("region", name=name))
        part.get_by_role("button", name="Copy").click()
        copied[name] = page.evaluate("navigator.clipboard.readText()")
    assert list(copied.values()) == [
        link[1],
        "https://events.example.com/share/{{custom_values.dashboard}}",
    ]
    # As the CRM puts one into the other, it is the link.
    address = copied["URL of the custom menu link"].replace("{{custom_values.dashboard}}", link[1])
    assert address == shown
    assert opened.axe() == []
    dialog.get_by_role("button", name="Done").click()
    row = page.get_by_role("row", name="Sunrise Dental")
    expect(row).to_contain_text("change dates, download")
    expect(row).to_contain_text("never")
    assert link[1] not in page.content()
    share(server, ["loc-bare"])
    client = visit(server.url)
    client.page.goto(f"{server.url}/share/{link[1]}")
    heading(client.page, "Dashboard")
    expect(client.page.get_by_role("button", name="Download CSV")).to_be_visible()
    page.reload()
    lasting = page.get_by_role("row", name="loc-bare")
    expect(lasting.get_by_role("cell", name="never")).to_have_count(2)  # neither used nor to expire
    row.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text("It was last used")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    reader = ask(server, "POST", "/keys/v1", {"name": "reader", "scope": "read"})["token"]
    page = visit(server.url).sign_in(reader, "#/settings/sharing")
    expect(page.get_by_text("Only for admins")).to_be_visible()


def test_every_location_gets_a_link_of_its_own_and_later_only_new_ones(start, tmp_path, visit):
    fill(tmp_path / "mine.db")
    server = start(tmp_path / "mine.db")
    share(server, ["loc-berlin"])
    share(server, ["loc-berlin", "loc-ny"])
    opened = visit(server.url)
    page = opened.sign_in()
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_label("Whose numbers").select_option("Every location: a link for each")
    expect(page.get_by_label("Leave out 1 location with a link already")).to_be_checked()
    refused = []
    held = []
    opened.allow(503)

    def refuse_second(route) -> None:
        refused.append(route.request.post_data_json["locations"])
        if len(refused) == 2:
            route.fulfill(status=503, json={"detail": "The disk is full."})
        elif len(refused) == 3:
            held.append(route)
        else:
            route.continue_()

    page.route(
        "**/shares/v1",
        lambda route: refuse_second(route) if route.request.method == "POST" else route.continue_(),
    )
    with page.expect_download() as download:  # of those that were made
        page.get_by_role("button", name="Create link").click()
    expect(page.get_by_role("alert")).to_contain_text("The disk is full.")
    assert download.value.path().read_text("utf-8-sig").count("/share/") == 1
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("progressbar", name="Links")).to_be_visible()
    expect(page.get_by_text("1 of 2 links …")).to_be_visible()
    with page.expect_download() as download:
        held[0].continue_()
    assert refused == [["loc-bare"], ["loc-ny"], ["loc-ny"]]
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [(line["Location"], line["Name"]) for line in lines] == [
        ("loc-bare", "loc-bare"),
        ("loc-ny", "Sunrise Dental"),
    ]
    for line in lines:
        assert line["Link"] == f"{server.url}/share/{line['Link part']}"
        token = line["Link part"].split("#")[1]
        current = ask(server, "GET", "/shares/v1/current", key=token)
        assert current["locations"] == [line["Name"]]
    expect(page.get_by_text("HighLevel cannot show this address.")).to_be_visible()
    assert opened.axe() == []
    page.keyboard.press("Escape")
    assert len(ask(server, "GET", "/shares/v1")["shares"]) == 4
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_label("Whose numbers").select_option("Every location: a link for each")
    page.get_by_role("button", name="Create link").click()
    expect(page.get_by_text("Every location has a link already.")).to_be_visible()


def test_the_brand_is_tried_on_before_it_is_saved_and_told_what_is_wrong(server, visit, tmp_path):
    opened = visit(server.url)
    opened.allow(422)
    page = opened.sign_in(address="#/settings/sharing")
    sample = page.get_by_role("img", name="What it looks like")
    page.get_by_label("Title").fill("Bright Agency")
    expect(sample).to_contain_text("Bright Agency")
    page.get_by_label("Colour", exact=True).fill("#ff8800")
    expect(page.get_by_text("Contrast on white 2.3 : 1: too light")).to_be_visible()
    hosts = page.get_by_label("Addresses of your own CRM")
    hosts.fill("crm.example.com\nhttps://*\nhttp://crm.example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("Line 2 may have one star.*Line 3 must"))).to_be_visible()
    expect(page.get_by_text(re.compile("#[0-9a-f]{6} would do"))).to_be_visible()
    assert ask(server, "GET", "/branding/v1")["title"] is None
    page.get_by_label("Choose the colour").fill("#a51c5d")
    expect(page.get_by_label("Colour", exact=True)).to_have_value("#a51c5d")
    expect(page.get_by_text("Contrast on white 7.1 : 1: easy to read.")).to_be_visible()
    expect(sample.locator(".line")).to_have_css("color", "rgb(165, 28, 93)")
    hosts.fill("crm.example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_have_text("Saved")
    (tmp_path / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "logo.png").write_bytes(PNG)
    for name in ("logo.svg", "logo.png"):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Add a logo …").click()
        chooser.value.set_files(tmp_path / name)
        if name == "logo.svg":
            expect(page.get_by_role("alert")).to_contain_text("This file is no PNG, JPEG")
    expect(sample.locator("img")).to_be_visible()
    branding = ask(server, "GET", "/branding/v1")
    assert branding["logo"] and branding["frame_hosts"] == ["https://crm.example.com"]
    assert (branding["title"], branding["accent"]) == ("Bright Agency", "#a51c5d")
    page.get_by_role("button", name="Remove the logo").click()
    expect(sample.locator("img")).to_have_count(0)
    assert ask(server, "GET", "/branding/v1")["logo"] is None
    assert look(opened, "sharing") == []
