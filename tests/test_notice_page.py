"""Settings > Alerts and Settings > Reports: Debian's Chromium, a real server that sends, and a mail
server.

As in test_page.py, whatever the browser complains of fails the test.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import apsw
import pytest
from browser import expect
from conftest import ServerProcess
from test_outbox import Post
from test_page import ask, fill, heading, look, make_key, term

import streamlined_lite as lite

HOUR = 3_600_000


@pytest.fixture(scope="module")
def post():
    # On a thread: the browser's is busy with a loop of its own.
    with ThreadPoolExecutor(1) as thread:
        started = thread.submit(Post).result(30)
    yield started
    started.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory, post):
    """A server with data that sends, for tests that name what they make."""
    path = tmp_path_factory.mktemp("notices") / "filled.db"
    fill(path)
    started = ServerProcess(
        path,
        "--send",
        smtp_url=f"smtp://127.0.0.1:{post.port}?tls=off",
        mail_from="Acme <reports@acme.test>",
    )
    yield started
    started.stop()


def fire(server, alert_id: int, subjects: list[str], hours: int) -> None:
    """As if a look had found it so. The server looks again once a minute."""
    state = {
        "state": "firing",
        "since": lite.system_clock() - hours * HOUR,
        "told": "firing",
        "fired": [],
        "detail": {},
    }
    states = json.dumps([state | {"subject": subject} for subject in subjects])
    with closing(apsw.Connection(server.database)) as connection:
        connection.set_busy_timeout(10_000)
        lite.change(connection, "alert_states.upsert", alert_id=alert_id, states=states)


def test_an_alert_begins_with_a_suggestion_fires_and_is_paused(filled, visit):
    opened = visit(filled.url, reduced_motion="reduce")
    opened.allow(422)
    page = opened.sign_in(address="#/settings/alerts")
    offer = page.get_by_role("listitem").filter(has_text="Payment Received has come daily")
    offer.get_by_role("link", name="Set up").click()
    heading(page, "New alert")
    expect(page.get_by_label("Name", exact=True)).to_have_value("No Payment Received")
    expect(page.get_by_role("combobox", name="Event name")).to_have_value("Payment Received")
    page.get_by_label("Where").select_option("Each location by itself")
    page.get_by_label("Time counts").select_option("Within some hours")
    page.get_by_label("Sunday").uncheck()
    page.get_by_label("Recipients").fill("ann@example.com, bob@\nhttp://127.0.0.1/x")
    page.get_by_role("button", name="Save").click()
    wrong = page.locator(".field", has=page.get_by_label("Recipients")).locator(".error")
    expect(wrong).to_contain_text("“bob@” ")
    expect(page.get_by_label("Recipients")).to_be_focused()
    assert ask(filled, "GET", "/alerts/v1")["alerts"] == []
    page.get_by_label("Recipients").fill("ann@example.com\nbob@example.com")
    page.get_by_role("button", name="Preview").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("No Payment Received in a location for 24 hours")
    dialog.get_by_role("button", name="Close").click()
    troubles = look(opened, "alert-new")
    page.get_by_role("button", name="Save").click()
    heading(page, "Alerts")
    [alert] = ask(filled, "GET", "/alerts/v1")["alerts"]
    assert alert["mail"] == ["ann@example.com", "bob@example.com"]
    assert alert["watch"]["each"] and alert["watch"]["hours"] == {"from": 8, "to": 18}
    assert alert["watch"]["weekdays"] == [1, 2, 3, 4, 5, 6]
    fire(filled, alert["alert_id"], ["loc-ny", "loc-berlin"], 3)
    page.reload()
    row = page.get_by_role("row", name="No Payment Received")
    expect(row).to_contain_text(re.compile("firing since .*, 3 hours ago: .*Sunrise Dental"))
    expect(page.get_by_text("Payment Received has come daily")).to_have_count(0)
    troubles += look(opened, "alerts")
    row.get_by_role("button", name="Pause").click()
    dialog.get_by_label("Pause it").select_option("for a week")
    dialog.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused until")
    paused = ask(filled, "GET", f"/alerts/v1/{alert['alert_id']}")["paused_until"]
    assert abs(lite.read_timestamp(paused) - lite.system_clock() - 7 * 24 * HOUR) < HOUR
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("firing since")
    row.get_by_role("link").click()
    page.get_by_label("It tells you when").select_option("A metric is too high or too low")
    page.get_by_label("Metric").select_option("Close rate")
    page.get_by_label("Percent").fill("12.5")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Close rate, yesterday, is below 12.5 % in a location")
    watch = ask(filled, "GET", f"/alerts/v1/{alert['alert_id']}")["watch"]
    assert (watch["below"], watch["metric_id"]) == (0.125, 1)
    row.get_by_role("link").click()
    expect(page.get_by_label("Percent")).to_have_value("12.5")
    opened.open("#/settings/alerts")
    row.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No alerts yet")).to_be_visible()
    assert not troubles, "\n".join(troubles)


def test_a_test_tells_what_the_mail_server_answered(filled, post, visit):
    page = visit(filled.url).sign_in(address="#/settings/alerts")
    post.replies["gone@example.com"] = "550 5.1.1 no such mailbox"
    page.get_by_label("Address, or URL of a webhook").fill("gone@example.com")
    page.get_by_role("button", name="Send a test").click()
    answered = page.get_by_role("status").filter(has_text="mail server")
    expect(answered).to_contain_text("550 5.1.1 no such mailbox", timeout=20_000)
    expect(answered).to_contain_text("failed")
    page.reload()
    expect(page.get_by_text("The last message was not sent.")).to_be_visible()
    page.get_by_label("Address, or URL of a webhook").fill("ann@example.com")
    page.get_by_role("button", name="Send a test").click()
    expect(answered).to_contain_text("queued as 4F2", timeout=20_000)
    page.get_by_role("button", name="Look again at the messages").click()
    row = page.get_by_role("row").filter(has_text="ann@example.com")
    expect(row).to_contain_text("sent The mail server took it: 250 2.0.0 queued as 4F2.")
    assert post.mails[-1][1] == ["ann@example.com"]


def test_a_report_goes_to_each_location_is_previewed_and_sent_now(filled, post, visit):
    opened = visit(filled.url, reduced_motion="reduce")
    opened.allow(422)
    name = "<script>alert(1)</script> style='display:none'"
    cards = [{"metric_id": 2, "chart": "number"}]
    made = ask(filled, "POST", "/dashboards/v1", {"name": name, "cards": cards})
    page = opened.sign_in(address=f"#/dashboard/{made['dashboard_id']}")
    page.get_by_role("link", name="Send …").click()
    heading(page, "New report")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    page.get_by_label("How often").select_option("Every month")
    page.get_by_label("On day").fill("31")
    page.get_by_label("At", exact=True).select_option("7:00")
    page.get_by_role("combobox", name="Time zone").fill("America/New_York")
    page.get_by_label("Whose numbers").select_option("Each location by itself")
    client = page.get_by_role("group", name="Sunrise Dental")
    client.get_by_label("Recipients").fill("client@")
    client.get_by_label("Link in the mail").fill("example.com")
    page.get_by_role("button", name="Preview").click()
    expect(client.locator(".error").first).to_contain_text("“client@” ")
    expect(client.locator(".error").nth(1)).to_contain_text("begins with https://")
    client.get_by_label("Recipients").fill("client@example.com")
    client.get_by_label("Link in the mail").fill("https://example.com/share/1")
    page.get_by_role("button", name="Preview").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("For Sunrise Dental. Next: ")
    expect(dialog).to_contain_text("07:00 (America/New_York)")
    mail = page.frame_locator("iframe.mail")
    expect(mail.get_by_role("heading")).to_have_text(f"{name} · Sunrise Dental")
    expect(mail.get_by_role("row", name="Revenue")).to_be_visible()
    expect(mail.get_by_role("table")).to_have_css("border-collapse", "collapse")
    assert page.locator("iframe.mail").get_attribute("sandbox") == "allow-same-origin"
    dialog.get_by_text("As text").click()
    expect(dialog.get_by_role("region", name="As text")).to_contain_text("Revenue")
    troubles = look(opened, "report-preview")
    dialog.get_by_role("button", name="Close").click()
    troubles += look(opened, "report-new")
    page.get_by_role("button", name="Save").click()
    heading(page, "Reports")
    row = page.get_by_role("row").filter(has_text="On the last day")
    expect(row).to_contain_text("On the last day of the month at 7:00")
    expect(row).to_contain_text("07:00 (America/New_York)")
    [report] = ask(filled, "GET", "/reports/v1")["reports"]
    assert [each["location_id"] for each in report["recipients"]] == ["loc-ny"]
    row.get_by_role("button", name="Send now").click()
    dialog.get_by_label("To", exact=True).select_option("Only these addresses")
    dialog.get_by_label("E-mail addresses").fill("me@example.com")
    dialog.get_by_role("button", name="Send now").click()
    expect(page.locator("#announcer")).to_have_text("It goes out within a minute")
    assert (
        ask(filled, "GET", "/reports/v1/1")["is_asked"]
        or ask(filled, "GET", "/messages/v1?about=report%201")["messages"]
    )
    troubles += look(opened, "reports")
    row.get_by_role("button", name="Pause").click()
    dialog.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused")
    assert ask(filled, "GET", "/reports/v1/1")["paused"]
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("07:00 (America/New_York)")
    row.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No reports yet")).to_be_visible()
    assert not troubles, "\n".join(troubles)


def test_each_kind_of_alert_is_stored_as_it_was_set_up(server, visit):
    key = make_key(server, "ingest", name="Workflows")
    terms = [term(aggregation="avg", property="seconds")]
    speed = {"name": "Speed", "format": {"style": "duration"}, "terms": terms}
    metric = ask(server, "POST", "/metrics/v1", speed)
    opened = visit(server.url)
    opened.allow(422)
    page = opened.sign_in()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Alerts").click()

    def set_up(name: str, kind: str) -> None:
        page.get_by_role("link", name="New alert").first.click()
        heading(page, "New alert")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("It tells you when").select_option(kind)

    def save() -> None:
        page.get_by_role("button", name="Save").click()
        heading(page, "Alerts")

    set_up("By key", "Nothing comes for too long")
    page.get_by_label("What does not come").select_option("Requests with an API key")
    page.get_by_label("API key").select_option("Workflows")
    page.get_by_label("For", exact=True).fill("2")
    page.get_by_label("Unit").select_option("days")
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        page.get_by_label(day).uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("group", name="On").locator(".error")).not_to_be_empty()
    page.get_by_label("Monday").check()
    save()
    set_up("Refused", "Many bodies are refused")
    page.get_by_label("More than so many within an hour").fill("5")
    save()
    set_up("Health", "The server is in trouble")
    page.get_by_label("Free space below, in MB").fill("2000")
    page.get_by_label("Newest backup older than").fill("2")
    page.get_by_role("button", name="Save").click()
    old = page.locator(".field", has=page.get_by_label("Newest backup older than"))
    expect(old.locator(".error")).to_contain_text("--backup-folder")
    page.get_by_label("Newest backup older than").fill("")
    save()
    set_up("Slow", "A metric is too high or too low")
    page.get_by_label("It is", exact=True).select_option("above")
    page.get_by_label("Value", exact=True).fill("an hour")
    page.get_by_role("button", name="Save").click()
    value = page.locator(".field", has=page.get_by_label("Value", exact=True))
    expect(value.locator(".error")).to_contain_text("Enter a time such as")
    page.get_by_label("Value", exact=True).fill("1 h 30 m")
    save()
    expect(page.get_by_role("row", name="Slow")).to_contain_text("is above 1 h 30 m")
    stored = {each["name"]: each["watch"] for each in ask(server, "GET", "/alerts/v1")["alerts"]}
    kept = {name: {k: v for k, v in watch.items() if v} for name, watch in stored.items()}
    assert kept["By key"] | {"locations": "all"} == {
        "kind": "silence",
        "key_id": key["key_id"],
        "for": "2d",
        "weekdays": [1],
        "locations": "all",
    }
    slow = kept["Slow"]
    assert (slow["metric_id"], slow["above"]) == (metric["metric_id"], 5400)
    assert kept["Refused"] == {"kind": "refusals", "more_than": 5}
    assert kept["Health"] == {"kind": "health", "free_mb": 2000}


def test_what_to_do_is_said_where_no_way_to_send_is_set_up(start, tmp_path, visit):
    opened = visit(start(tmp_path / "nobody.db").url)
    opened.page.clock.install()
    page = opened.sign_in(address="#/settings/reports")

    def send_test() -> None:
        page.get_by_label("Address, or URL of a webhook").fill("ann@example.com")
        page.get_by_role("button", name="Send a test").click()

    send_test()
    told = page.get_by_role("status").filter(has_text=re.compile("waits|mail server"))
    expect(told).to_have_text("It waits for the sender …")
    page.clock.fast_forward(11_000)
    expect(told).to_contain_text("nobody sends")
    told.get_by_role("link", name="how to set up sending").click()
    expect(page.get_by_role("heading", name="Sending mails and webhooks")).to_be_in_viewport()
    page = visit(start(tmp_path / "nowhere.db", "--send").url).sign_in(address="#/settings/alerts")
    send_test()
    told = page.get_by_role("status").filter(has_text=re.compile("waits|mail server"))
    expect(told).to_contain_text("put its address into STREAMLINED_SMTP_URL", timeout=20_000)
    page.reload()
    expect(page.locator(".warnings")).to_contain_text("No mail server is set", ignore_case=True)


def test_a_read_key_sees_neither_alerts_nor_reports(filled, visit):
    token = make_key(filled, "read")["token"]
    opened = visit(filled.url)
    page = opened.sign_in(token)
    expect(page.get_by_role("link", name="Send …")).to_have_count(0)
    for address in ("alerts", "alerts/new", "reports", "reports/new"):
        opened.open(f"#/settings/{address}")
        expect(page.get_by_text("Only for admins")).to_be_visible()
