"""How each server of the comparison is started, loaded, measured and stopped.

peers/ has what a user of each would write.
"""

from __future__ import annotations

import contextlib
import glob
import http.client
import importlib.util
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.load import event_bytes, head_bytes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = HERE / "peers"
VENV = ROOT / ".venv-peers" / "bin"
PIP = (
    "python3 -m venv .venv-peers && "
    ".venv-peers/bin/pip install -r tests/benchmarks/peers/requirements.txt"
)
NPM = "npm install --no-package-lock --prefix tests/benchmarks/peers"
TOKEN = "a-key-for-the-benchmark"
START_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")

Body = Callable[[bytes, int], bytes]


class Peer:
    """A server that takes events.

    `path` and `body` are of one event a request, `bulk_path` and `bulk` of many.
    """

    name: str
    durable = "yes"
    needs: list[tuple[Path | str, str]] = []  # (a file or a command, what gets it)
    path = "/events/ingestion/v1"
    headers: dict[str, str] = {"X_API_Key": TOKEN}
    kind = "application/json"
    bulk_path: str | None = None  # None: it has no way of its own to take many
    stores = True

    def __init__(self, folder: Path):
        self.folder = folder
        self.database: Path | str = folder / "events.db"
        self.port = free_port()
        self.processes: list[subprocess.Popen] = []

    @classmethod
    def lacks(cls) -> str | None:
        """The command that gets what is not there."""
        return next((how for what, how in cls.needs if not is_there(what)), None)

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def prepare(self) -> None:
        """What must be there before the server is started."""

    def ready(self) -> None:
        """What must be set once it listens."""

    def start(self) -> None:
        """Returns when it takes requests."""
        self.prepare()
        self.spawn(self.command(), DATABASE=str(self.database))
        self.wait_until(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close())
        self.ready()

    def spawn(
        self, command: list[str | Path], user: str | None = None, **settings: str
    ) -> subprocess.Popen:
        settings |= {"PORT": str(self.port), "API_KEY": TOKEN, "STREAMLINED_ADMIN_KEY": TOKEN}
        with open(self.folder / "log", "ab") as log:
            self.processes.append(
                subprocess.Popen(
                    list(map(str, command)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=user,
                    cwd=self.folder,
                    env=os.environ | settings,
                    start_new_session=True,
                )
            )
        return self.processes[-1]

    def wait_until(self, works: Callable[[], object]) -> None:
        until = time.monotonic() + START_SECONDS
        while self.processes[-1].poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError, http.client.HTTPException):
                works()
                return
            time.sleep(0.01)
        log = (self.folder / "log").read_text(errors="replace")
        raise SystemExit(f"{self.name} did not start:\n{log[-3000:]}")

    def stop(self) -> None:
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            # Children that outlived it; the group is its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def head(self, path: str) -> bytes:
        return head_bytes(self.port, path, self.kind, **self.headers)

    def body(self, distinct_id: bytes, number: int) -> bytes:
        return event_bytes(distinct_id, number)

    def bulk(self, events: list[bytes]) -> bytes:
        """One body of many; each was made by `body`."""
        return b"[" + b",".join(events) + b"]"

    def stored(self) -> int:
        """The number of events that it holds."""
        with contextlib.closing(sqlite3.connect(self.database)) as look:
            return look.execute("select count(*) from events").fetchone()[0]

    def request(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise SystemExit(
                f"{self.name}: {method} {path} answered {answer.status} {content[:300]!r}"
            )
        return content

    def pids(self) -> list[int]:
        """All of its processes, with their children."""
        children: dict[int, list[int]] = {}
        for stat in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError):
                children.setdefault(int(stat_fields(stat)[1]), []).append(int(stat.split("/")[2]))
        found = [process.pid for process in self.processes]
        for pid in found:
            found += children.get(pid, [])
        return found

    def processor_seconds(self) -> float:
        """User and system time of all its processes, and of those that have ended."""
        while True:
            ticks = 0
            pids = self.pids()
            for pid in pids:
                with contextlib.suppress(OSError):
                    ticks += sum(map(int, stat_fields(f"/proc/{pid}/stat")[11:15]))
            # One that ended meanwhile may count nowhere, or twice.
            if self.pids() == pids:
                return ticks / TICKS

    def megabytes(self) -> float:
        """The most that its processes have held (peak RSS); what they share counts once."""
        peaks = list(filter(None, map(self.peak_kilobytes, self.pids())))
        total = sum(peak for peak, _ in peaks)
        if len(peaks) > 1:
            total -= sum(shared for _, shared in peaks)
        return total / 1024

    def peak_kilobytes(self, pid: int) -> tuple[int, int] | None:
        """(peak RSS, what of it belongs to the others that share it)."""
        with contextlib.suppress(OSError):
            memory = kilobytes(f"/proc/{pid}/smaps_rollup")
            return kilobytes(f"/proc/{pid}/status")["VmHWM"], memory["Rss"] - memory["Pss"]
        return None


def is_there(what: Path | str) -> bool:
    return what.exists() if isinstance(what, Path) else shutil.which(what) is not None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def stat_fields(path: str) -> list[str]:
    """Without the pid and the name, which may hold anything: the state is the first."""
    return Path(path).read_text().rpartition(")")[2].split()


def kilobytes(path: str) -> dict[str, int]:
    lines = (line.split() for line in Path(path).read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) for line in lines if line[-1] == "kB"}


class Ours(Peer):
    name = "**Streamlined Lite**"
    bulk_path = "/events/ingestion/v1/batch"
    root = ROOT

    @classmethod
    def lacks(cls) -> str | None:
        found = all(map(importlib.util.find_spec, ("apsw", "bottle", "pydantic", "waitress")))
        return None if found else f"{sys.executable} -m pip install -e ."

    def command(self) -> list[str | Path]:
        program = self.root / "streamlined_lite.py"
        return [sys.executable, program, "--port", str(self.port), "--database", self.database]


def other_checkout(folder: Path) -> type[Ours]:
    """The server of another checkout of this project, with the packages of this Python."""

    class Before(Ours):
        name = "Streamlined Lite, before"
        root = folder.resolve()

    return Before


class PythonPeer(Peer):
    program: str
    needs = [(VENV / "fastapi", PIP)]

    def command(self) -> list[str | Path]:
        return [VENV / "python", PEERS / self.program]


class BottleConstant(PythonPeer):
    name = "waitress + Bottle, constant answer"
    program = "bottle_constant.py"
    durable = "–"
    stores = False


class BottleSQLite(PythonPeer):
    name = "Bottle, a commit a request"
    program = "bottle_sqlite.py"


class FastAPI(PythonPeer):
    name = "FastAPI + uvicorn + sqlite3"

    def command(self) -> list[str | Path]:
        return [
            VENV / "uvicorn",
            "fastapi_sqlite:app",
            "--app-dir",
            PEERS,
            "--port",
            str(self.port),
            "--no-access-log",
        ]


class Flask(PythonPeer):
    name = "Flask + gunicorn + SQLAlchemy"

    def command(self) -> list[str | Path]:
        return [
            VENV / "gunicorn",
            "flask_sqlalchemy:app",
            "--chdir",
            PEERS,
            "--preload",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--worker-class",
            "gthread",
            "--workers",
            "2",
            "--threads",
            "4",
        ]


class PocketBase(Peer):
    name = "PocketBase, records API"
    durable = "no (NORMAL)"
    needs = [(VENV / "pocketbase", PIP)]
    path = "/api/collections/events/records"

    def command(self) -> list[str | Path]:
        return [
            VENV / "pocketbase",
            "serve",
            "--http",
            f"127.0.0.1:{self.port}",
            "--dir",
            self.folder / "data",
            "--migrationsDir",
            PEERS / "pocketbase",
            "--automigrate=false",
        ]

    def stored(self) -> int:
        self.database = self.folder / "data" / "data.db"
        return super().stored()


class Datasette(Peer):
    name = "Datasette, JSON write API"
    needs = [(VENV / "datasette", PIP)]
    path = bulk_path = "/events/events/-/upsert"

    def prepare(self) -> None:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.execute("pragma journal_mode = wal")  # synchronous is FULL by default
            connection.executescript((PEERS / "datasette.sql").read_text())
        created = subprocess.run(
            [VENV / "datasette", "create-token", "sender", "--secret", TOKEN],
            capture_output=True,
            text=True,
            check=True,
        )
        self.headers = {"Authorization": f"Bearer {created.stdout.strip()}"}

    def command(self) -> list[str | Path]:
        allowed = [
            part
            for action in ("insert-row", "update-row")
            for part in ("--setting", f"permissions.{action}.id", "sender")
        ]
        return [
            VENV / "datasette",
            "serve",
            self.database,
            "--port",
            str(self.port),
            "--secret",
            TOKEN,
            "--setting",
            "max_insert_rows",
            "1000",
            *allowed,
        ]

    def body(self, distinct_id: bytes, number: int) -> bytes:
        return b'{"rows":[%s]}' % event_bytes(distinct_id, number)

    def bulk(self, events: list[bytes]) -> bytes:
        return b'{"rows":[' + b",".join(each[9:-2] for each in events) + b"]}"


class FastifySQLite(Peer):
    name = "Fastify + better-sqlite3"
    program = "fastify_sqlite.js"
    needs = [("node", "apt install nodejs npm"), (PEERS / "node_modules" / "better-sqlite3", NPM)]

    def command(self) -> list[str | Path]:
        return ["node", PEERS / self.program]


class FastifyPostgreSQL(FastifySQLite):
    name = "Fastify + PostgreSQL"
    program = "fastify_postgres.js"
    needs = [("pg_ctlcluster", "apt install postgresql"), *FastifySQLite.needs]

    def prepare(self) -> None:
        """A new cluster with the defaults, which are durable; PostgreSQL does not run as root."""
        programs = Path(max(glob.glob("/usr/lib/postgresql/*/bin")))
        user = "postgres" if os.getuid() == 0 else None
        data = self.folder / "postgres"
        port = free_port()
        data.mkdir()
        if user:
            for folder in (self.folder, self.folder.parent):
                folder.chmod(0o711)  # so that it may pass
            shutil.chown(data, user)
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale",
                "C.UTF-8",
            ],
            user=user,
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.spawn(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", data, "-h", "127.0.0.1"],
            user,
        )
        self.wait_until(lambda: self.query(port, "select 1"))
        self.database = f"postgres://postgres@127.0.0.1:{port}/postgres"
        self.database_port = port

    def query(self, port: int, sql: str) -> str:
        ended = subprocess.run(
            ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-Atc", sql],
            capture_output=True,
            text=True,
        )
        if ended.returncode:
            raise OSError(ended.stderr)
        return ended.stdout

    def stored(self) -> int:
        return int(self.query(self.database_port, "select count(*) from events"))


class InfluxDB(Peer):
    name = "InfluxDB 1.6, /write"
    needs = [("influxd", "apt install influxdb")]
    path = bulk_path = "/write?db=events&precision=ms"
    kind = "text/plain"
    headers: dict[str, str] = {}

    def command(self) -> list[str | Path]:
        return ["influxd", "-config", "/dev/null"]

    def spawn(
        self, command: list[str | Path], user: str | None = None, **settings: str
    ) -> subprocess.Popen:
        names = {
            "META_DIR": self.folder / "meta",
            "DATA_DIR": self.folder / "data",
            "DATA_WAL_DIR": self.folder / "wal",
            "BIND_ADDRESS": f"127.0.0.1:{free_port()}",
            "HTTP_BIND_ADDRESS": f"127.0.0.1:{self.port}",
            "HTTP_LOG_ENABLED": "false",
            "REPORTING_DISABLED": "true",
            "MONITOR_STORE_ENABLED": "false",
            # Else it refuses ids from the 100,001st on.
            "DATA_MAX_VALUES_PER_TAG": "0",
            "DATA_MAX_SERIES_PER_DATABASE": "0",
        }
        return super().spawn(
            command,
            user,
            **settings,
            **{f"INFLUXDB_{name}": str(value) for name, value in names.items()},
        )

    def ready(self) -> None:
        self.request("POST", "/query?" + urlencode({"q": "create database events"}))

    def body(self, distinct_id: bytes, number: int) -> bytes:
        """The distinct_id is a tag: what makes a point unique is its tags and its time."""
        return (
            b"Payment\\ Received,location_id=ve9EPM428h8vShlRW1KT,distinct_id=%s "
            b'contact_id="ocQHyuzHvysMo5N%05d",value=99.5,product="Gold plan" %d'
            % (distinct_id, number % 5000, 1767225600000 + number)
        )

    def bulk(self, events: list[bytes]) -> bytes:
        return b"\n".join(events)

    def stored(self) -> int:
        answer = self.request(
            "GET",
            "/query?"
            + urlencode({"db": "events", "q": 'select count(value) from "Payment Received"'}),
        )
        return int(answer.rpartition(b",")[2].strip(b"]}\n"))


ALL: dict[str, type[Peer]] = {
    "ours": Ours,
    "constant": BottleConstant,
    "bottle": BottleSQLite,
    "fastapi": FastAPI,
    "flask": Flask,
    "pocketbase": PocketBase,
    "datasette": Datasette,
    "fastify-sqlite": FastifySQLite,
    "fastify-postgres": FastifyPostgreSQL,
    "influxdb": InfluxDB,
}


@contextlib.contextmanager
def running(peer: type[Peer], folder: Path) -> Iterator[Peer]:
    """Started in this folder, and stopped whatever happens."""
    folder.mkdir(parents=True, exist_ok=True)
    started = peer(folder)
    try:
        started.start()
        yield started
    finally:
        started.stop()
