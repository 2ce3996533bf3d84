"""The outbox: what is queued reaches a mail server or a webhook, or it is told why it does not."""

import asyncio
import base64
import email
import email.policy
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
from collections import Counter
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from conftest import (
    NOW,
    PROGRAM,
    Api,
    clean_environment,
    errors,
    event,
    exchange,
    request_bytes,
    wait_until,
)

import streamlined_lite as lite

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
MAIL = {"subject": "A subject", "text": "Text.\n", "html": None, "unsubscribe": None}


# Other sides


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """For localhost and 127.0.0.1, signed by itself: its file and that of its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", "/CN=test", "-addext", names]
        + ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def server_tls(certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


class Post:
    """A mail server on a thread: aiosmtpd, whose answers to a recipient can be set."""

    def __init__(self, tls: ssl.SSLContext | None = None, first: bool = False, login: bool = False):
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.replies: dict[str, str] = {}
        self.logins: list[tuple[bytes, bytes]] = []
        self.loop = asyncio.new_event_loop()
        starttls = tls if tls and not first else None

        def protocol():
            return SMTP(
                self,
                hostname="mail.test",
                loop=self.loop,
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=login,
                auth_require_tls=starttls is not None,
                authenticator=self.authenticate,
            )

        making = self.loop.create_server(protocol, "0.0.0.0", 0, ssl=tls if first else None)
        self.server = self.loop.run_until_complete(making)
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"pass:word", handled=False)

    async def handle_MAIL(self, server, session, envelope, address, options):
        reply = self.replies.get(address)
        if reply is None:
            envelope.mail_from = address
        return reply or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.replies.get(address)
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.replies.get("data", "250 2.0.0 queued as 4F2")

    def close(self) -> None:
        async def end():
            self.server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def post(certificate):
    """post(tls, login=…) starts a mail server; tls is starttls, on or off."""
    started = []

    def start(tls: str = "off", login: bool = False) -> Post:
        context = server_tls(certificate) if tls != "off" else None
        started.append(Post(context, tls == "on", login))
        return started[-1]

    yield start
    for each in started:
        each.close()


class Hook(BaseHTTPRequestHandler):
    """A webhook that does what its path says."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        self.server.arrived.set()
        getattr(self, self.path.split("/")[1].partition("?")[0])()

    do_GET = do_POST

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ok(self):
        self.answer(200, b"ok")

    def broken(self):
        self.answer(500, b"the <b>workflow</b>\r\n\x1b[31m failed " + b"x" * 1000)

    def gone(self):
        self.answer(410)

    def busy(self):
        self.answer(429, Retry_After="1800")

    def moved(self):
        self.answer(302, Location=f"http://127.0.0.1:{self.server.server_port}/ok")

    def reset(self):
        linger = b"\1\0\0\0\0\0\0\0"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def garbage(self):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    def hang(self):
        self.server.released.wait(60)

    def drip(self):
        """A header without end, a byte of which comes often enough for each single read."""
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.server.released.wait(0.02):
                self.wfile.write(b"x")

    def dribble(self):
        """The same in the body of a failure."""
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.0 503 Busy\r\n\r\n")
            while not self.server.released.wait(0.02):
                self.wfile.write(b"x")

    def pour(self):
        """A gigabyte, as much of it as is taken."""
        status = b"200 OK" if self.path.endswith("/200") else b"500 Internal Server Error"
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1073741824\r\n\r\n")
            for _ in range(1024):
                self.wfile.write(bytes(1024 * 1024))
                self.server.poured += 1

    def held(self):
        """Answers when the test says so."""
        self.server.released.wait(60)
        self.ok()

    def log_message(self, *_):
        pass


class Hooks(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, tls: ssl.SSLContext | None = None):
        super().__init__(("0.0.0.0", 0), Hook)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.received: list[tuple[str, dict, bytes]] = []
        self.arrived = threading.Event()
        self.released = threading.Event()
        self.poured = 0
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def at(self, number: int) -> str:
        """The same under another host of this machine."""
        return self.url.replace("127.0.0.1", f"127.0.0.{number}")

    def handle_error(self, *_):  # who ends a connection is no error of a test
        pass

    def close(self) -> None:
        self.released.set()
        self.shutdown()
        self.thread.join(10)
        self.server_close()

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.received]


@pytest.fixture
def hooks():
    with closing(Hooks()) as started:
        yield started


class Office:
    """A database, its outbox, and a clock."""

    def __init__(self, path, clock, **settings):
        settings = {"allow_private_webhooks": True} | settings
        self.config = lite.Config(database=str(path), **settings)
        self.clock = clock
        self.database = lite.Database(self.config, clock)
        self.database.writer.set_busy_handler(lite.wait_for_lock)
        self.outbox = lite.Outbox(self.database, self.config, clock)

    def queue(self, recipient: str, purpose: str = "p", content=None, **rest) -> bool:
        channel = "mail" if "://" not in recipient else "webhook"
        if content is None:
            content = MAIL if channel == "mail" else {"body": {"text": "Hello"}}
        with self.database.turn():
            return lite.queue_message(
                self.database.writer,
                purpose=purpose,
                channel=channel,
                recipient=recipient,
                content=content,
                now=self.clock(),
                **{"about": "test"} | rest,
            )

    def send(self) -> Counter:
        return self.outbox.send_due()

    def messages(self) -> list[dict]:
        """As answers show them, the oldest first."""
        found = lite.rows(self.database.writer, "messages.list", before=2**62, limit=10_000)
        return [lite.message_out(each, self.clock()) for each in reversed(found)]

    def try_once(self, recipient: str, **rest) -> dict:
        self.queue(recipient, **rest)
        self.send()
        return self.messages()[-1]


@pytest.fixture
def office(tmp_path, clock):
    """office(**settings), on one file."""
    opened = []

    def make(**settings) -> Office:
        opened.append(Office(tmp_path / "events.db", clock, **settings))
        return opened[-1]

    yield make
    for each in opened:
        each.database.close()


@contextmanager
def deaf_port():
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# Mail


@pytest.mark.parametrize(
    "tls, url",
    [
        ("starttls", "smtp://me%40acme.com:pass%3Aword@localhost:{}"),
        ("on", "smtps://me%40acme.com:pass%3Aword@127.0.0.1:{}"),
        ("off", "smtp://localhost:{}?tls=off"),
    ],
)
def test_a_mail_arrives_as_text_and_html_with_and_without_tls_and_login(
    office, post, trusted, tls, url
):
    server = post(tls, login=tls == "starttls")
    link = f"https://events.example.com/unsubscribe/{'a' * 300}?token={'b' * 100}"
    content = {
        "subject": "Umsätze der Woche: 1.200 € " + "x" * 100 + "\r\nBcc: eve@example.com",
        "text": "Grüße\n.\n" + "y" * 3000 + "\nFrom me\n",
        "html": "<p>Grüße</p>" + "<b>z</b>" * 500,
        "unsubscribe": link,
    }
    ours = office(smtp_url=url.format(server.port), mail_from="Äcme, Inc <reports@acme.com>")
    shown = ours.try_once("ana@example.com", content=content)
    assert (shown["state"], shown["sent_at"], shown["attempts"]) == ("sent", lite.iso(NOW), 1)
    assert shown["outcome"] == "the mail server took it: 250 2.0.0 queued as 4F2"
    [(sender, recipients, data)] = server.mails
    assert (sender, recipients) == ("reports@acme.com", ["ana@example.com"])
    assert data.isascii() and max(map(len, data.split(b"\r\n"))) < 998
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert mail["From"].addresses[0].display_name == "Äcme, Inc"
    assert mail["To"] == "ana@example.com" and "Bcc" not in mail
    assert mail["Subject"] == " ".join(content["subject"].split())
    assert mail["Date"].datetime.timestamp() * 1000 == NOW
    assert f"List-Unsubscribe: <{link}>".encode() in data.splitlines()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = (mail.get_body([kind]).get_content() for kind in ("plain", "html"))
    assert text.splitlines() == content["text"].splitlines()
    assert html.strip() == content["html"]
    assert server.logins == ([(b"me@acme.com", b"pass:word")] if tls != "off" else [])
    assert ours.database.writer.execute("select content from messages").get == "{}"


def test_a_mail_has_the_same_id_in_each_attempt_and_another_one_in_other_messages(office, post):
    server = post()
    server.replies["data"] = "451 try again"
    ours = office(smtp_url=f"smtp://localhost:{server.port}?tls=off", mail_from="a@acme.com")
    ours.try_once("ana@example.com")
    ours.clock.advance(MINUTE)
    ours.queue("bob@example.com", "another")
    ours.send()
    ids = [email.message_from_bytes(data)["Message-ID"] for _, _, data in server.mails]
    assert sorted(Counter(ids).values()) == [1, 2]
    assert all(re.fullmatch("<[0-9a-f]{32}@acme.com>", each) for each in ids)


REFUSED = {
    "bob@example.com": ("550 5.1.1 no such user", "failed", "refused the recipient: 550 5.1.1"),
    "cat@example.com": ("450 4.2.0 greylisted", "waiting", "refused the recipient: 450 4.2.0"),
    "data": ("554 5.7.1 looks like spam", "failed", "refused the mail: 554 5.7.1 looks like spam"),
    "me@acme.com": ("553 5.7.1 not yours", "waiting", "refused the sender's address: 553"),
}


@pytest.mark.parametrize("address", REFUSED)
def test_what_a_mail_server_refuses_is_told_and_tried_again_where_that_may_help(
    office, post, address
):
    server = post()
    reply, state, words = REFUSED[address]
    server.replies[address] = reply
    ours = office(smtp_url=f"smtp://localhost:{server.port}?tls=off", mail_from="me@acme.com")
    shown = ours.try_once(address if address in list(REFUSED)[:2] else "ana@example.com")
    assert shown["state"] == state and shown["outcome"].startswith(f"the mail server {words}")
    server.replies.clear()
    assert ours.try_once("dan@example.com", purpose="other")["state"] == "sent"


def test_wrong_settings_for_mail_are_told_in_words_without_the_password(office, post, certificate):
    secret = "hidden-secret"
    plain, starttls, first = post(), post("starttls", login=True), post("on")
    with deaf_port() as closed:
        pass
    expected = {
        "": "no mail server is set; put its address into STREAMLINED_SMTP_URL of the sender",
        f"smtp://me:{secret}@localhost:{starttls.port}": "has a certificate that is not valid: ",
        f"smtps://me:{secret}@127.0.0.1:{first.port}": "has a certificate that is not valid: ",
        f"smtp://me:{secret}@localhost:{plain.port}": "does not offer what is needed: STARTTLS",
        f"smtps://me:{secret}@localhost:{plain.port}": "does not speak TLS as it should",
        f"smtp://me:{secret}@localhost:{closed}": "refused the connection; is the port right?",
        f"smtp://me:{secret}@nowhere.invalid": "is a name without an address",
    }
    for number, (url, words) in enumerate(expected.items()):
        ours = office(smtp_url=url, mail_from="me@acme.com")
        shown = ours.try_once("ana@example.com", purpose=str(number))
        assert shown["state"] == "waiting" and words in shown["outcome"], shown
        assert secret not in json.dumps(ours.messages())
    assert (plain.mails, starttls.mails, first.mails) == ([], [], [])


@pytest.mark.parametrize(
    "says, words",
    [
        (None, "did not answer within 0.3 seconds"),
        (b"", "ended the connection without an answer"),
        (b"220-" + b"x" * 20 + b"\r\n", "ended the connection without an answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SMTP as it should"),
        (b"554 go away\r\n", "refused: 554 go away"),
    ],
)
def test_a_mail_server_that_hangs_or_talks_without_end_holds_up_nothing(
    office, hooks, monkeypatch, says, words
):
    monkeypatch.setitem(lite.DELIVERY_SECONDS, "mail", 0.3 if says is None else 20)
    endless = says is not None and says.startswith(b"220-")
    said = []

    def serve(listener):
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            if says is None:
                connection.recv(1)
            for _ in range(1_000_000 if endless else 1):
                connection.sendall(says or b"")
                said.append(says)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        ours = office(smtp_url=f"smtp://localhost:{port}", mail_from="me@acme.com")
        ours.queue(f"{hooks.url}/ok", "webhook")
        shown = ours.try_once("ana@example.com")
        thread.join(30)
    assert [each["state"] for each in ours.messages()] == ["sent", "waiting"]
    assert f"the mail server {words}" in shown["outcome"], shown
    assert len(said) < 900_000


def test_a_wrong_password_is_told_and_the_next_mail_goes_out_when_it_is_right(
    office, post, trusted
):
    server = post("starttls", login=True)
    wrong = office(
        smtp_url=f"smtp://me:wrong-secret@localhost:{server.port}", mail_from="a@acme.com"
    )
    shown = wrong.try_once("ana@example.com")
    assert shown["state"] == "waiting"
    assert shown["outcome"].startswith("the mail server refused the user or the password: 535")
    elsewhere = office(smtp_url=f"smtp://127.0.0.2:{server.port}", mail_from="a@acme.com")
    assert elsewhere.send() == {}
    wrong.clock.advance(MINUTE)
    assert elsewhere.send() == {"waiting": 1}
    assert "has a certificate that is not valid: " in elsewhere.messages()[0]["outcome"]
    wrong.clock.advance(2 * MINUTE)
    no_sender = office(smtp_url=f"smtp://me:pass%3Aword@localhost:{server.port}")
    assert no_sender.send() == {"waiting": 1}
    assert "STREAMLINED_MAIL_FROM" in no_sender.messages()[0]["outcome"]
    wrong.clock.advance(4 * MINUTE)
    right = office(smtp_url=f"smtp://me%40acme.com:pass%3Aword@localhost:{server.port}")
    assert right.send() == {"sent": 1}
    assert server.mails[0][0] == "me@acme.com"  # the user, where no sender is set


# Webhooks


def test_a_webhook_gets_json_that_is_signed_as_standard_webhooks_are(office, hooks):
    ours = office(webhook_secret=f"whsec_{SECRET}")
    body = {"type": "alert", "text": "Nothing came für 2 hours", "locations": ["a", "b"]}
    shown = ours.try_once(f"{hooks.url}/ok?token=1", content={"body": body})
    assert shown["state"] == "sent" and shown["outcome"] == "127.0.0.1 answered 200 OK"
    assert shown["title"] == body["text"]
    [(path, headers, data)] = hooks.received
    assert (path, json.loads(data)) == ("/ok?token=1", body)
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"127.0.0.1:{hooks.server_port}"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + data
    digest = hmac.new(base64.b64decode(SECRET), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["webhook-timestamp"] == str(NOW // 1000)
    assert office().try_once(f"{hooks.url}/ok", purpose="unsigned")["state"] == "sent"
    assert "webhook-signature" not in hooks.received[-1][1]


FAILURES = {
    "broken": "127.0.0.1 answered 500 Internal Server Error: the <b>workflow</b> [31m failed xx",
    "moved": "127.0.0.1 answered 302 Found, and redirects are not followed; set the address that "
    "it names: http://127.0.0.1:",
    "reset": "127.0.0.1 ended the connection without an answer",
    "garbage": "127.0.0.1 gave an answer that is not HTTP",
    "busy": "127.0.0.1 answered 429 Too Many Requests",
    "hang": "127.0.0.1 did not answer within 0.3 seconds",
    "drip": "127.0.0.1 did not answer within 0.3 seconds",
    "dribble": "127.0.0.1 answered 503 Service Unavailable",
    "pour/500": "127.0.0.1 answered 500 Internal Server Error",
}


@pytest.mark.parametrize("path", FAILURES)
def test_a_webhook_that_fails_is_told_in_words_and_tried_again(office, hooks, monkeypatch, path):
    if path in ("hang", "drip", "dribble"):
        monkeypatch.setitem(lite.DELIVERY_SECONDS, "webhook", 0.3)
    shown = office().try_once(f"{hooks.url}/{path}")
    assert shown["state"] == "waiting" and shown["outcome"].startswith(FAILURES[path]), shown
    assert shown["outcome"].isprintable() and len(shown["outcome"]) < 400
    wait = 30 * MINUTE if path == "busy" else MINUTE
    assert shown["due_at"] == lite.iso(NOW + wait)
    assert hooks.paths() == [f"/{path}"] and hooks.poured <= 16


def test_a_webhook_that_is_gone_is_given_up_and_an_endless_answer_of_200_is_enough(office, hooks):
    ours = office()
    assert ours.try_once(f"{hooks.url}/gone")["state"] == "failed"
    assert ours.try_once(f"{hooks.url}/pour/200", purpose="q")["state"] == "sent"
    assert hooks.poured <= 16


def test_a_webhooks_certificate_is_checked(office, certificate, monkeypatch):
    with closing(Hooks(server_tls(certificate))) as hooks:
        shown = office().try_once(f"{hooks.url}/ok")
        assert "has a certificate that is not valid: self" in shown["outcome"]
        assert hooks.received == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert office().try_once(f"{hooks.url}/ok", purpose="q")["state"] == "sent"
        wrong_name = office().try_once(f"{hooks.at(2)}/ok", purpose="r")
        assert "has a certificate that is not valid: " in wrong_name["outcome"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_nothing_goes_to_this_machine_unless_a_setting_allows_it(office, hooks, host):
    shown = office(allow_private_webhooks=False).try_once(f"http://{host}:{hooks.server_port}/ok")
    assert shown["state"] == "waiting"
    assert "leads to this machine or a private network, which the setting" in shown["outcome"]
    assert hooks.received == []


@pytest.mark.parametrize(
    "address, public",
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("10.1.2.3", False),
        ("172.31.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:192.168.1.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:c0a8:101::1", False),
        ("2001:0:1:2:3:4:5:6", False),
        ("::127.0.0.1", False),
    ],
)
def test_an_address_is_public_only_where_it_leads_into_the_internet(address, public):
    assert lite.is_public(address) is public


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(office, hooks, monkeypatch):
    """A name that leads elsewhere when it is asked for again (DNS rebinding) gains nothing."""
    asked, connected = [], []

    def resolve(host, *rest, **more):
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, hooks.server_port))]

    def connect(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    ours = office(allow_private_webhooks=False)
    assert "refused the connection" in ours.try_once("http://rebind.example.com/ok")["outcome"]
    assert (asked, connected) == (["rebind.example.com"], [("93.184.216.34", 80)])
    ours.clock.advance(MINUTE)
    ours.send()
    assert "leads to this machine" in ours.messages()[0]["outcome"] and len(connected) == 1


# One holds up no other


def test_who_hangs_holds_up_nobody_else(office, hooks, monkeypatch):
    """Seven hosts hang until their time is over; all others get theirs while they do."""
    monkeypatch.setitem(lite.DELIVERY_SECONDS, "webhook", 20)
    ours = office()
    for number in range(7):
        for message in range(3):
            ours.queue(f"{hooks.at(10 + number)}/held", f"hang {number} {message}")
    for number in range(20):
        ours.queue(f"{hooks.at(100 + number % 4)}/ok", f"ok {number}")

    def release():
        wait_until(lambda: hooks.paths().count("/ok") == 20)
        assert hooks.paths().count("/held") == 7
        hooks.released.set()

    thread = threading.Thread(target=release)
    thread.start()
    assert ours.send() == {"sent": 41}
    thread.join()
    assert hooks.released.is_set()


def test_a_name_that_is_searched_for_without_end_holds_up_nothing(office, hooks, monkeypatch):
    found = threading.Event()
    resolve = socket.getaddrinfo

    def search(host, *rest, **more):
        if host == "slow.example.com":
            found.wait(60)
            host = "127.0.0.1"
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", search)
    monkeypatch.setitem(lite.DELIVERY_SECONDS, "webhook", 0.3)
    ours = office()
    ours.queue(f"http://slow.example.com:{hooks.server_port}/ok", "slow")
    ours.queue(f"{hooks.url}/ok", "quick")
    assert ours.send() == {"waiting": 1, "sent": 1}
    [stuck] = ours.outbox.running.values()
    found.set()
    stuck.join(10)
    assert hooks.paths() == ["/ok"]  # what was given up is not sent after all
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert ours.send() == {} and ours.outbox.running == {}


def test_hosts_take_turns_and_one_that_is_away_is_asked_once(office, hooks):
    with deaf_port() as closed:
        pass
    ours = office()
    for number in range(5):
        ours.queue(f"{hooks.at(2)}/ok?{number}", f"many {number}")
        ours.queue(f"http://127.0.0.5:{closed}/x", f"away {number}")
    ours.queue(f"{hooks.at(3)}/ok?one", "one")
    assert sorted(ours.outbox.due_hosts()) == ["127.0.0.2", "127.0.0.3", "127.0.0.5"]
    assert ours.send() == {"sent": 6, "waiting": 1}
    assert hooks.paths().index("/ok?one") < 2
    away = [each for each in ours.messages() if each["recipient"].startswith("http://127.0.0.5")]
    assert sorted(each["attempts"] for each in away) == [0, 0, 0, 0, 1]
    assert {each["outcome"] for each in away} == {
        "127.0.0.5 refused the connection; is the port right?"
    }


def test_a_recipient_that_fails_leaves_others_of_its_host_alone(office, hooks):
    ours = office()
    for number in range(3):
        ours.queue(f"{hooks.url}/broken", f"broken {number}")
        ours.queue(f"{hooks.url}/ok", f"ok {number}")
    assert ours.send() == {"waiting": 1, "sent": 3}
    assert hooks.paths().count("/broken") == 1


# Again and again, but not twice


def test_what_fails_is_tried_for_a_day_at_longer_and_longer_intervals(office, hooks):
    ours = office()
    ours.queue(f"{hooks.url}/broken")
    waits, last = [], NOW
    while True:
        ours.send()
        [shown] = ours.messages()
        if shown["state"] == "failed":
            break
        due = lite.read_timestamp(shown["due_at"])
        ours.clock.advance(due - 1 - ours.clock.now)
        assert ours.send() == {}
        ours.clock.advance(1)
        waits.append(due - last)
        last = due
    assert waits[:9] == [MINUTE * 2**n for n in range(8)] + [4 * HOUR]
    assert sum(waits) == DAY and max(waits) == 4 * HOUR
    assert shown["outcome"].startswith("127.0.0.1 answered 500 Internal Server Error")
    assert shown["attempts"] == len(hooks.received) == len(waits) + 1
    assert shown["failed_at"] == lite.iso(NOW + DAY) and shown["due_at"] is None


def test_what_nobody_sent_in_time_is_given_up_untried(office, hooks):
    ours = office()
    ours.queue(f"{hooks.url}/ok")
    ours.clock.advance(DAY + 2 * HOUR)
    assert ours.send() == {"failed": 1}
    assert ours.messages()[0]["outcome"] == "nobody sent it in time, and now it is too late"
    assert hooks.received == []


def test_a_clock_that_was_wrong_leaves_nothing_waiting_for_the_time_it_showed(office, hooks):
    ours = office()
    ours.clock.set_ahead(400 * DAY)
    ours.try_once(f"{hooks.url}/broken")
    ours.clock.set_ahead(-400 * DAY)
    assert ours.send() == {"waiting": 1}
    assert len(hooks.received) == 2


def test_a_link_that_would_begin_another_header_is_never_queued(office):
    for link in ("https://e.com/\r\nBcc: eve@example.com", "https://e.com/>", "javascript:1"):
        with pytest.raises(ValueError):
            office().queue("ana@example.com", content=MAIL | {"unsubscribe": link})


def test_a_purpose_is_told_once(office, hooks):
    ours = office()
    queued = [ours.queue(f"{hooks.url}/ok", each) for each in ("a", "b", "a")]
    assert queued == [True, True, False]
    assert ours.send() == {"sent": 2}
    assert (ours.queue(f"{hooks.url}/ok", "a"), ours.send()) == (False, {})


def test_two_senders_at_once_send_everything_once(office, hooks, tmp_path):
    ours = office()
    for number in range(60):
        ours.queue(f"{hooks.at(2 + number % 3)}/ok?{number}", str(number))
    counts = Counter()

    def send():
        with closing(lite.Database(ours.config, ours.clock)) as database:
            database.writer.set_busy_handler(lite.wait_for_lock)
            counts.update(lite.Outbox(database, ours.config, ours.clock).send_due())

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counts == {"sent": 60}
    assert sorted(hooks.paths()) == sorted(f"/ok?{number}" for number in range(60))


def send_process(path, now: int, **settings) -> subprocess.Popen:
    settings = {"allow_private_webhooks": "true"} | settings
    return subprocess.Popen(
        [*PROGRAM, "send", "--json", "--database", str(path), "--fixed-time", lite.iso(now)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(**settings),
    )


def result(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def test_a_sender_that_was_too_slow_takes_nothing_from_the_one_that_came_after_it(office, hooks):
    slow, next_one = office(), office()
    slow.queue(f"{hooks.url}/held")
    for each in (slow, next_one):
        each.outbox.take_turn(Counter(), lambda *_: None, may_claim=True)
        assert len(each.outbox.running) == 1
        if each is slow:
            slow.clock.advance(lite.CLAIM_MS)
    slow.send()  # which has given up by now
    [shown] = slow.messages()
    assert (shown["state"], shown["attempts"], shown["outcome"]) == ("sending", 2, None)
    hooks.released.set()
    assert next_one.send() == {"sent": 1}


def test_a_sender_that_is_killed_before_it_notes_leaves_its_message_to_the_next_one(
    office, hooks, tmp_path
):
    ours = office()
    path = ours.config.database
    ours.queue(f"{hooks.at(2)}/ok", "acknowledged")
    ours.queue(f"{hooks.at(3)}/held", "not noted")
    nothing = {"sent": 0, "waiting": 0, "failed": 0}
    killed = send_process(path, NOW)
    wait_until(lambda: sorted(each["state"] for each in ours.messages()) == ["sending", "sent"])
    wait_until(lambda: "/held" in hooks.paths())
    assert result(send_process(path, NOW + MINUTE)) == nothing  # while the first is at work
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    hooks.released.set()
    claim = lite.CLAIM_MS
    assert result(send_process(path, NOW + claim - 1)) == nothing
    assert result(send_process(path, NOW + claim)) == nothing | {"sent": 1}
    assert result(send_process(path, NOW + 2 * claim)) == nothing
    assert Counter(hooks.paths()) == {"/ok": 1, "/held": 2}
    ids = [headers["webhook-id"] for path, headers, _ in hooks.received if path == "/held"]
    assert len(set(ids)) == 1


# Limits


def test_everything_that_is_kept_has_a_limit_and_says_so(office, hooks, monkeypatch):
    ours = office()
    monkeypatch.setattr(lite, "RECIPIENT_LIMIT", 2)
    for number in range(4):
        ours.queue(f"{hooks.url}/ok", f"loop {number}")
    assert ours.send() == {"sent": 2}
    shown = ours.messages()
    assert [each["state"] for each in shown] == ["sent", "sent", "failed", "failed"]
    assert shown[3]["outcome"] == ("this recipient had 2 messages within a day, as many as may be")
    ours.clock.advance(DAY)
    ours.queue(f"{hooks.url}/ok", "next day")
    assert ours.send() == {"sent": 1}
    large = MAIL | {"text": "x" * lite.MESSAGE_BYTES}
    assert ours.queue("ana@example.com", "large", large)
    assert re.match("it has 524,3.. bytes", ours.messages()[-1]["outcome"])
    monkeypatch.setattr(lite, "WAITING_BYTES", 300)
    ours.queue("bob@example.com", "first", MAIL | {"text": "x" * 200})
    ours.queue("bob@example.com", "second", MAIL | {"text": "x" * 200})
    assert "the messages that wait have" in ours.messages()[-1]["outcome"]
    monkeypatch.setattr(lite, "WAITING_LIMIT", 1)
    ours.queue("cat@example.com", "third")
    assert ours.messages()[-1]["outcome"] == "1 messages wait already, as many as may"
    monkeypatch.setattr(lite, "KEPT_MESSAGES", 3)
    with ours.database.turn():
        lite.prune_messages(ours.database.writer, ours.clock(), by_age=False)
    kept = [each["message_id"] for each in ours.messages()]
    assert kept == [7, 8, 9]
    ours.clock.advance(91 * DAY)
    with ours.database.turn():
        lite.prune_messages(ours.database.writer, ours.clock())
    assert [each["state"] for each in ours.messages()] == ["waiting"]


# The API


def test_a_test_is_queued_and_its_outcome_shown(tmp_path, clock, hooks, post):
    server = post()
    api = Api(str(tmp_path / "api.db"), clock, allow_private_webhooks=True)
    with closing(api.app):
        asked = [{"mail": " Ana@Example.com "}, {"webhook": f"{hooks.url}/ok/T0/secret"}]
        made = [api("POST", "/messages/v1/test", each) for each in asked]
        assert [each.status_int for each in made] == [201, 201]
        assert made[0].json == {
            "message_id": 1,
            "channel": "mail",
            "recipient": "Ana@example.com",
            "title": "A test of Streamlined Lite",
            "about": "test",
            "state": "waiting",
            "outcome": None,
            "attempts": 0,
            "created_at": lite.iso(NOW),
            "due_at": lite.iso(NOW),
            "sent_at": None,
            "failed_at": None,
        }
        clock.advance(6 * MINUTE)
        [second, first] = api.get("/messages/v1")["messages"]
        assert first["outcome"] == second["outcome"] == lite.UNATTENDED
        assert "secret" not in json.dumps(second)
        ours = Office(
            tmp_path / "api.db",
            clock,
            smtp_url=f"smtp://localhost:{server.port}?tls=off",
            mail_from="me@acme.com",
        )
        server.replies["Ana@example.com"] = "450 later"
        assert ours.send() == {"sent": 1, "failed": 1}  # a test is tried once
        ours.database.close()
        page = api.get("/messages/v1?about=test&limit=1")
        assert page["messages"][0]["outcome"] == "127.0.0.1 answered 200 OK"
        [first] = api.get(f"/messages/v1?limit=1&cursor={page['next']}")["messages"]
        assert first["state"] == "failed"
        assert first["outcome"] == "the mail server refused the recipient: 450 later"
        assert api.get("/messages/v1?about=alert 1") == {"messages": [], "next": None}


@pytest.mark.parametrize(
    "body, found",
    [
        ({}, {"": "recipient"}),
        ({"mail": "a@b.c", "webhook": "https://h.com/"}, {"": "recipient"}),
        ({"mail": "ana@example.com\r\nBcc: eve@example.com"}, {"/mail": "line_break"}),
        ({"mail": "ana@example.com\u2028x"}, {"/mail": "line_break"}),
        ({"mail": "ana@example.com, bob@example.com"}, {"/mail": "several"}),
        ({"mail": "Ana <ana@example.com>"}, {"/mail": "mail_address"}),
        ({"mail": "ana"}, {"/mail": "mail_address"}),
        ({"mail": "ana@"}, {"/mail": "mail_address"}),
        ({"mail": "änä@example.com"}, {"/mail": "mail_address"}),
        ({"mail": f"{'a' * 65}@example.com"}, {"/mail": "mail_address"}),
        ({"mail": "a..b@example.com"}, {"/mail": "mail_address"}),
        ({"mail": ".a@example.com"}, {"/mail": "mail_address"}),
        ({"mail": "a@exa mple.com"}, {"/mail": "mail_address"}),
        ({"mail": 7}, {"/mail": "mail_address"}),
        ({"webhook": "https://h.com/\r\nX-Evil: 1"}, {"/webhook": "line_break"}),
        ({"webhook": "hooks.example.com"}, {"/webhook": "webhook_url"}),
        ({"webhook": "ftp://hooks.example.com/"}, {"/webhook": "webhook_url"}),
        ({"webhook": "https://h.com:0/"}, {"/webhook": "webhook_url"}),
        ({"webhook": "https://[::1/"}, {"/webhook": "webhook_url"}),
        ({"webhook": "https://me:secret@h.com/"}, {"/webhook": "webhook_url"}),
        ({"webhook": "https://h.com/a b"}, {"/webhook": "webhook_url"}),
        ({"webhook": "https://h.com/" + "x" * 2000}, {"/webhook": "too_long"}),
        ({"webhook": "http://127.0.0.1/"}, {"/webhook": "webhook_private"}),
        ({"webhook": "http://[::1]/"}, {"/webhook": "webhook_private"}),
        ({"webhook": "http://app.localhost/"}, {"/webhook": "webhook_private"}),
        ({"webhook": "https://events.example.com/x"}, {"/webhook": "webhook_loop"}),
        ({"sms": "1"}, {"": "recipient", "/sms": "unknown"}),
    ],
)
def test_a_recipient_that_cannot_be_is_refused_with_the_reason(body, found):
    api = Api(public_url="https://events.example.com")
    with closing(api.app):
        answer = api("POST", "/messages/v1/test", body)
        assert errors(answer) == found and "secret" not in answer.text
        assert api.get("/messages/v1")["messages"] == []


def test_names_of_hosts_in_other_alphabets_are_sent_in_ascii():
    assert lite.read_mail_address("ana@Bücher.example") == "ana@xn--bcher-kva.example"
    assert lite.read_webhook_url("https://Bücher.example:8443/x?y#z") == (
        "https://xn--bcher-kva.example:8443/x?y"
    )


# The command, and the thread of serve


def test_the_command_tells_what_it_did_and_no_secret(office, hooks):
    ours = office()
    ours.queue(f"{hooks.url}/ok/path-secret", "a", about="alert 1")
    ours.queue(f"{hooks.at(2)}/broken/path-secret", "b")
    ours.queue("ana@example.com", "c")
    command = [*PROGRAM, "send", "--database", ours.config.database]
    command += ["--fixed-time", lite.iso(NOW), "--allow-private-webhooks"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=clean_environment(smtp_url="smtp://me:mail-secret@localhost:1", mail_from="a@b.c"),
    )
    assert (done.returncode, done.stdout) == (0, "1 sent, 2 to be tried again, 0 given up\n")
    assert sorted(done.stderr.splitlines()) == [
        "message 1 (alert 1) by webhook to 127.0.0.1: sent",
        "message 2 (test) by webhook to 127.0.0.2: waiting, 127.0.0.2 answered 500 Internal Server "
        "Error",
        "message 3 (test) by mail: waiting, the mail server refused the connection; is the port "
        "right?",
    ]


def test_check_says_when_nobody_sends_and_when_messages_were_given_up(office, capsys):
    ours = office()
    ours.clock.now = lite.system_clock() - DAY
    ours.queue("ana@example.com", "a", until=ours.clock.now)
    command = ["check", "--quick", "--json", "--database", ours.config.database]

    def findings() -> list[str]:
        lite.main(command)
        found = json.loads(capsys.readouterr().out)["findings"]
        return [each["message"] for each in found if each["about"] == "messages"]

    assert findings() == ["nobody sends: 1 wait, of which some are due since more than 5 minutes"]
    ours.send()
    assert findings() == ["1 of the last seven days were given up"]


def test_the_command_leaves_the_upgrade_of_a_file_to_the_server(tmp_path):
    path = tmp_path / "old.db"
    with closing(lite.Database(lite.Config(database=str(path)))) as database:
        database.writer.pragma("user_version", len(lite.migrations()) - 1)
    code, _, err = run_send(path)
    assert code == 2 and err.endswith("; start the server once, which upgrades it\n")
    assert lite.stored_version(str(path)) == len(lite.migrations()) - 1
    assert run_send(tmp_path / "none.db")[0] == 2
    assert not (tmp_path / "none.db").exists()


def run_send(path) -> tuple[int, str, str]:
    command = [*PROGRAM, "send", "--database", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    return done.returncode, done.stdout, done.stderr


def call(server, method: str, path: str, body=None) -> dict:
    data = b"" if body is None else json.dumps(body).encode()
    [(status, _, answer)] = exchange(server, request_bytes(data, path=path, method=method))
    assert status < 300, answer
    return json.loads(answer)


def test_serve_sends_beside_posts_and_stops_at_once_while_somebody_hangs(start, hooks):
    server = start(send="true", allow_private_webhooks="true")
    for path in ("ok", "hang"):
        call(server, "POST", "/messages/v1/test", {"webhook": f"{hooks.at(2)}/{path}"})
    wait_until(lambda: hooks.paths() == ["/ok", "/hang"])
    with closing(sqlite3.connect(server.database)) as connection:  # another process comes and goes
        connection.execute("select * from alerts").fetchall()
    call(server, "POST", "/events/ingestion/v1", event())
    states = [each["state"] for each in call(server, "GET", "/messages/v1")["messages"]]
    assert states == ["sending", "sent"]
    assert server.stop() == (0, "")
    with closing(lite.open_reader(server.database)) as connection:
        [hanging, _] = lite.rows(connection, "messages.list", before=2**62, limit=9)
    assert hanging["outcome"] == "the sender was stopped before 127.0.0.2 had answered"


def test_a_server_without_a_file_cannot_send():
    done = subprocess.run(
        [*PROGRAM, "--database", ":memory:", "--send", "--port", "0"],
        capture_output=True,
        text=True,
        env=clean_environment(),
    )
    assert done.returncode == 2 and ":memory: is seen by one process only" in done.stderr


def test_the_server_itself_opens_no_connection(start, hooks):
    """Only what is asked to send does."""
    server = start(allow_private_webhooks="true")
    call(server, "POST", "/messages/v1/test", {"webhook": f"{hooks.url}/ok"})
    assert server.stop() == (0, "")
    assert hooks.received == []
    assert os.path.exists(server.database)
