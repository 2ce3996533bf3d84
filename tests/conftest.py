"""What the tests share: an app with a settable clock, and a real server on a real file."""

import base64
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from urllib.parse import urlsplit

import apsw
import pytest
from browser import MISSING, Visit, launch_browser
from metric_store import Store
from webtest import TestApp

import streamlined_lite as lite

ROOT = Path(lite.__file__).parent
BODIES = Path(__file__).parent / "bodies"
ADMIN = "an-admin-key-for-tests"
NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z
INGEST = "/contacts/ingestion/v1"
PLACE, PERSON = "LOCATIONidPLACEHLD01", "CONTACTidPLACEHOLD01"
# Of two by three pixels, as a browser writes it
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAYAAAC56t6BAAAAFElEQVR4AWKSCrv9H4SZGKAAzgAAAAD//2uInWEAAAAG"
    "SURBVAMAZFUEm2vgaKkAAAAASUVORK5CYII="
)
TABLES = ("locations", "contacts", "contact_tags", "events")
# As a module: Python keeps what it compiled, which takes as long as half of a start.
PROGRAM = [sys.executable, "-W", "error", "-m", "streamlined_lite"]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Under another name for the workers of -n, since no setting of ours stays below.
if "STREAMLINED_REQUIRE_ALL" in os.environ:
    os.environ["PYTEST_REQUIRE_ALL"] = os.environ["STREAMLINED_REQUIRE_ALL"]
REQUIRE_ALL = os.environ.get("PYTEST_REQUIRE_ALL")
for _name in [name for name in os.environ if name.startswith("STREAMLINED_")]:
    # No setting of whoever runs the tests may change what they show.
    del os.environ[_name]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where everything must run (CI), a skip is a failure."""
    report = yield
    if report.skipped and REQUIRE_ALL and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr[2]}"
    return report


class Clock:
    """Milliseconds that pass when a test says so, also for the monotonic clock; or it is set."""

    def __init__(self, now: int = NOW):
        self.now = now
        self.passed = 0.0  # seconds

    def __call__(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return time.monotonic() + self.passed

    def advance(self, milliseconds: int) -> None:
        """So much time passes."""
        self.now += milliseconds
        self.passed += milliseconds / 1000

    def set_ahead(self, milliseconds: int) -> None:
        """Somebody sets the clock, and no time has passed."""
        self.now += milliseconds


# A new database costs more than most tests: its schema is copied, and the page's files are kept.
MIGRATED = lite.open_writer(":memory:")
kept_assets = functools.cache(lite.load_assets)


def copy_schema(connection: apsw.Connection, path: str = ":memory:") -> None:
    """In place of the migrations, as they have left a new database."""
    with connection.backup("main", MIGRATED, "main") as copy:
        copy.step()


class Api:
    """The app under WebTest, which calls it as any WSGI server would.

    Every answer is returned, also a refusal.
    """

    def __init__(self, database: str = ":memory:", clock=None, **settings):
        self.clock = clock or Clock()
        config = lite.Config(database=database, admin_key=ADMIN, **settings)
        with mock.patch.object(lite, "load_assets", kept_assets), ExitStack() as stack:
            if database == ":memory:":
                stack.enter_context(mock.patch.object(lite, "migrate", copy_schema))
            self.app = lite.create_app(config, self.clock)
        self.web = TestApp(self.app)

    def __call__(
        self,
        method: str,
        path: str,
        body=None,
        key: str | None = ADMIN,
        kind: str = "application/json",
        headers=None,
    ):
        data = b""
        sent_headers = {"X-API-Key": key} if key else {}
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent_headers["Content-Type"] = kind
        sent_headers |= headers or {}
        return self.web.request(
            path, method=method, body=data, headers=sent_headers, expect_errors=True
        )

    def post(self, body, **rest):
        return self("POST", "/events/ingestion/v1", body, **rest)

    def get(self, path: str, **rest):
        return self("GET", path, **rest).json

    def key(self, **new) -> str:
        return self("POST", "/keys/v1", {"name": "a key"} | new).json["token"]

    def rows(self, sql: str, binds=()) -> list[tuple]:
        return list(self.app.database.writer.execute(sql, binds))


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    ours = SimpleNamespace(**vars(time) | {"monotonic": clock.monotonic})
    monkeypatch.setattr(lite, "time", ours)
    return clock


@pytest.fixture
def api(clock):
    api = Api(clock=clock)
    yield api
    api.app.close()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "events.db")
    yield store
    store.close()


@pytest.fixture
def connection():
    """A connection of ours on the schema alone."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    with closing(lite.open_connection(":memory:", flags)) as connection:
        copy_schema(connection)
        yield connection


def store_events(connection: apsw.Connection, events: Iterable[dict], now: int = NOW) -> None:
    """Many new events at once, as a batch of posts stores them, with all that they name."""
    batch = [lite.Event.model_construct(**fields) for fields in events]
    assert None not in lite.insert_events(connection, batch, now)


def broken_relations(connection: apsw.Connection) -> list[tuple]:
    """Rows that name what is not there, and those of another location than their contact."""
    strangers = """
        select 'events', event_id
        from events as e join contacts as c using (contact_key)
        where e.location_key <> c.location_key
        union all
        select 'contact_tags', contact_key
        from contact_tags as t join contacts as c using (contact_key)
        where t.location_key <> c.location_key
    """
    missing = connection.execute("pragma foreign_key_check").fetchall()
    return missing + connection.execute(strangers).fetchall()


def event(distinct_id="d-1", **fields) -> dict:
    return {"event_name": "Offer Made", "location_id": "loc-1", "distinct_id": distinct_id} | fields


def sample(name: str, **custom) -> dict:
    """A body as HighLevel sends it, with these entries in its customData."""
    body = json.loads((BODIES / f"highlevel-{name}.json").read_text("utf-8"))
    if custom:
        body["customData"] = body.get("customData", {}) | custom
    return body


def workflow(**root) -> dict:
    """A body of a step that syncs a contact."""
    return {"contact_id": "c-1", "location": {"id": "loc-1"}, "customData": {}} | root


def offer(**root) -> dict:
    """The same around an event."""
    return workflow(**root, customData={"event_name": "Offer Made", "distinct_id": "d-1"})


def ingest(api, body, status: int = 200, **rest):
    answer = api("POST", INGEST, body, **rest)
    assert answer.status_int == status, answer.text
    return answer.json


def tables(api, *names: str) -> list[list[tuple]]:
    return [api.rows(f"select * from {name} order by 1, 2, 3") for name in names or TABLES]


def errors(answer) -> dict[str, str]:
    """Pointer -> code."""
    assert answer.status_int == 422, answer.text
    return {each["pointer"]: each["code"] for each in answer.json["errors"]}


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment without settings of ours, but for these."""
    ours = {f"STREAMLINED_{name.upper()}": value for name, value in settings.items()}
    others = {
        name: value for name, value in os.environ.items() if not name.startswith("STREAMLINED_")
    }
    return others | ours


@contextmanager
def unprivileged(folder: Path):
    """As a user who owns nothing here, for nothing is unreadable to root."""
    for parent in (folder, *folder.parents):
        if parent.name.startswith(("pytest-", "popen-")):  # the latter of a worker
            parent.chmod(0o755)
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of six megabytes."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> Path:
    """With a file that takes all the space there is."""
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    return path


class ServerProcess:
    """The program as a process of its own, on a free port."""

    program = PROGRAM
    sockets: tuple[int, ...] = ()  # what it inherits

    def __init__(self, database: Path | str, *flags: str, **settings: str):
        self.database = str(database)
        command = [*self.program, "--port", "0", "--database", self.database, *flags]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=self.sockets,
            env=clean_environment(admin_key=ADMIN) | clean_environment(**settings),
        )
        self.output: list[str] = []
        self.url = self.wait_for_address()
        self.port = urlsplit(self.url).port

    def wait_for_address(self) -> str:
        for line in self.process.stdout:
            self.output.append(line)
            listening = re.match(r"listening on (http://\S+)", line)
            if listening:
                return listening[1]
        raise AssertionError(f"did not start: {self.output} {self.process.stderr.read()}")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and all that was written to standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def start(tmp_path):
    """Starts servers: start(database, *flags, **settings); all are stopped at the end."""
    started = []

    def make(database=tmp_path / "events.db", *flags, **settings) -> ServerProcess:
        started.append(ServerProcess(database, *flags, **settings))
        return started[-1]

    yield make
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture
def server(start):
    return start()


@pytest.fixture(scope="module")
def browser():
    if MISSING:
        pytest.skip(MISSING)
    with launch_browser() as launched:
        yield launched


@pytest.fixture
def visit(browser):
    """Opens pages: visit(server.url); their complaints fail the test."""
    opened = []

    def open_page(url: str, **options) -> Visit:
        opened.append(Visit(browser, url, ADMIN, **options))
        return opened[-1]

    yield open_page
    for page in opened:
        page.context.close()
    assert [complaint for page in opened for complaint in page.complaints] == []


class Served:
    """The server in this process, on a thread, so that a test can put a trouble under it."""

    def __init__(self, database: Path | str, clock=lite.system_clock, **settings):
        self.config = lite.Config(database=str(database), port=0, admin_key=ADMIN, **settings)
        self.app = lite.create_app(self.config, clock)
        self.server = lite.Server(self.app, self.config)
        self.port = urlsplit(self.server.address).port
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def close(self) -> None:
        # On its own thread, as a signal would.
        self.server.listeners[0].trigger.pull_trigger(self.server.stop)
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def serve(tmp_path):
    """Serves from a thread: serve(database, **settings)."""
    served = []

    def make(database=tmp_path / "events.db", **settings) -> Served:
        served.append(Served(database, **settings))
        return served[-1]

    yield make
    for server in served:
        if server.thread.is_alive():
            server.close()


@pytest.fixture
def connect():
    """connect(served, number): as many connections, closed at the end."""
    with ExitStack() as stack:
        yield lambda served, number: [stack.enter_context(served.connect()) for _ in range(number)]


def request_bytes(
    body: bytes | dict,
    key: str = ADMIN,
    path="/events/ingestion/v1",
    method="POST",
    version="1.1",
    **headers,
) -> bytes:
    """A request as it stands on the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {
        "Host": "test",
        "X-API-Key": key,
        "Content-Type": "application/json",
        "Content-Length": str(len(data)),
    }
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {path} HTTP/{version}\r\n{head}\r\n".encode() + data


class Answers:
    """Reads answers from a connection, one after the other."""

    def __init__(self, connection: socket.socket):
        self.file = connection.makefile("rb")

    def next(self) -> tuple[int, dict[str, str], bytes]:
        """(status, headers in lower case, body); (0, {}, b"") when the connection has ended."""
        first = self.file.readline()
        if not first:
            return 0, {}, b""
        status = int(first.split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0)) if status != 100 else 0
        return status, headers, self.file.read(length)

    def statuses(self) -> list[int]:
        """All that come until the connection ends."""
        statuses = []
        while status := self.next()[0]:
            statuses.append(status)
        return statuses


def exchange(target, *requests: bytes) -> list[tuple[int, dict, bytes]]:
    """Sends requests over one new connection at once, and reads as many answers."""
    with target.connect() as connection:
        connection.sendall(b"".join(requests))
        answers = Answers(connection)
        return [answers.next() for _ in requests]


def wait_until(is_so, seconds=30) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)
