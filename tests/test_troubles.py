"""Troubles of the disk: full, broken, read-only, or a database that another process holds; a file
that goes away under the running server, or is damaged.

A writer is asked to try again, and learns why; reads go on; nothing that was acknowledged is lost,
nothing that was refused is there; and when the trouble is over, all goes on without a restart.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from benchmarks.kill9 import stored_ids
from conftest import Api, Clock, event, exchange, fill, request_bytes
from test_power_cuts import Load
from vfs import Answer, Stepped, remembering

import streamlined_lite as lite


class Trouble:
    """Meets the n-th step of these kinds, or all from it on, until it is over."""

    def __init__(self, error: Exception, *kinds: str, lasting: bool = False):
        self.error, self.kinds, self.lasting = error, kinds, lasting
        self.left, self.met = 10**9, 0

    def begin(self, number: int) -> None:
        self.left = number

    def end(self) -> None:
        self.left = 10**9

    def __call__(self, kind: str, name: str) -> Exception | None:
        if kind not in self.kinds or (
            kind == "read" and threading.current_thread() is not threading.main_thread()
        ):
            return None  # of the reads only the writer's
        self.left -= 1
        if self.left == 0 or (self.lasting and self.left < 0):
            self.met += self.left == 0
            return self.error
        return None


def io_error(extended: int) -> apsw.IOError:
    error = apsw.IOError("disk I/O error")
    error.extendedresult = extended
    return error


def check_refusal(answer: Answer, code: str) -> None:
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"], problem["code"]) == (429, 429, code), answer
    assert int(answer.headers["retry-after"]) > 0 and "Nothing was stored" in problem["detail"]


TROUBLES = {
    "a full disk, once": ("disk_full", lambda: Trouble(apsw.FullError("full"), "write")),
    "a full disk": (
        "disk_full",
        lambda: Trouble(apsw.FullError("full"), "write", "truncate", lasting=True),
    ),
    "a write fails, once": (
        "storage_error",
        lambda: Trouble(io_error(apsw.SQLITE_IOERR_WRITE), "write"),
    ),
    "a read fails, once": (
        "storage_error",
        lambda: Trouble(io_error(apsw.SQLITE_IOERR_READ), "read"),
    ),
    "a sync fails, once": (
        "storage_error",
        lambda: Trouble(io_error(apsw.SQLITE_IOERR_FSYNC), "sync"),
    ),
    "all I/O fails": (
        "storage_error",
        lambda: Trouble(
            io_error(apsw.SQLITE_IOERR_WRITE), "write", "sync", "truncate", lasting=True
        ),
    ),
    "read-only": (
        "database_read_only",
        lambda: Trouble(
            apsw.ReadOnlyError("attempt to write a readonly database"), "write", lasting=True
        ),
    ),
}


def work(served: Stepped, load: Load, code: str | None) -> list[int]:
    """The statuses of three requests of a turn, of which some may be refused, for this reason."""
    asked, statuses = [load.request() for _ in range(3)], []
    for number, answer in served.together(*[request for request, _ in asked]):
        statuses.append(answer.status)
        if answer.status == 429 and code:
            check_refusal(answer, code)
        else:
            asked[number][1](answer)
    return statuses


def health(served: Stepped) -> str:
    """The writer's state, with which the status agrees."""
    answer = served.get("/healthz")
    state = json.loads(answer.body)["writer"]
    assert answer.status == (200 if state == "ok" else 503)
    return state


@pytest.mark.parametrize("code, make", TROUBLES.values(), ids=TROUBLES.keys())
def test_whichever_step_meets_the_trouble(tmp_path, monkeypatch, code, make):
    """The first, the second, ... of a turn and a checkpoint; the server goes on all the while."""
    # What arrives together shares a turn, however slow the machine.
    monkeypatch.setattr(lite, "TURN_SECONDS", 30)
    load, trouble, clock, number = Load(random.Random(1)), make(), Clock(), 0
    with remembering(trouble):
        served = Stepped(tmp_path / "events.db", clock)
        served.database.writer.pragma("cache_size", 5)  # so that it also writes before COMMIT
        while trouble.met > number - 5:
            trouble.begin(number := number + 1)
            statuses = work(served, load, code)
            state = health(served)
            # Where no request met it, the question itself may; an idle turn may have ended it
            failing = {"ok", code} if 429 in statuses or trouble.left <= 0 else {"ok"}
            assert state in failing
            served.checkpoint(lite.RESTART_PAGES)
            assert len(json.loads(served.get("/events/v1?limit=500").body)["events"]) == len(
                load.events
            )
            served.database.idle()
            assert health(served) in (failing if trouble.lasting else {"ok"})
            trouble.end()
            clock.advance(70_000)
            served.database.idle()
            assert health(served) == "ok"
            load.check(served.database.writer)
            work(served, load, None)
            load.check(served.database.writer)
        served.close()
    assert trouble.met > 1
    with closing(apsw.Connection(str(tmp_path / "events.db"))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        load.check(connection)


@pytest.mark.parametrize("kind", ["open", "write", "sync"])
def test_a_creation_that_meets_a_trouble_says_so_and_can_be_tried_again(tmp_path, kind):
    trouble, number = Trouble(io_error(apsw.SQLITE_IOERR), kind, lasting=True), 0
    with remembering(trouble):
        while trouble.met == number:
            trouble.begin(number := number + 1)
            first = create(tmp_path / "events.db", trouble)
            assert create(tmp_path / "events.db", trouble) == "created"
            for left in tmp_path.iterdir():
                left.unlink()
            assert re.fullmatch(
                f"cannot open the database {tmp_path}/events.db: .*"
                if trouble.met == number
                else "created",
                first,
            )
    assert number > 1


def create(path: Path, trouble: Trouble) -> str:
    lite.check_file(str(path), create=True)
    try:
        connection = lite.open_writer(str(path))
    except lite.ConfigError as error:
        return str(error)
    finally:
        trouble.end()
    connection.close()
    return "created"


########################################################################################################
# A disk that is really full
########################################################################################################


def post(server, number: int) -> tuple[int, dict, bytes]:
    body = event(f"d-{number}", contact_id=f"c-{number}", properties={"text": "x" * 20_000})
    return exchange(server, request_bytes(body))[0]


def get(server, path: str) -> tuple[int, dict]:
    status, _, body = exchange(server, request_bytes(b"", path=path, method="GET"))[0]
    return status, json.loads(body)


def becomes_healthy(server) -> bool:
    """Before long, and by itself."""
    until = time.monotonic() + 30
    while get(server, "/healthz")[0] != 200 and time.monotonic() < until:
        time.sleep(0.05)
    return get(server, "/healthz")[0] == 200


def test_a_full_disk_is_named_reads_go_on_and_with_space_all_goes_on(start, small_disk):
    """Also when it is told to end while there is none."""
    server, number, acknowledged = start(small_disk / "events.db"), 0, []
    for filled in (True, False):
        filler = fill(small_disk / "filler") if filled else None
        while get(server, "/healthz")[0] == 200:  # a small write may still find a place
            if (answer := post(server, number := number + 1))[0] == 201:
                acknowledged.append(f"d-{number}")
            else:
                check_refusal(Answer(*answer), "disk_full")
        assert get(server, "/healthz")[1]["writer"] == "disk_full"
        assert len(get(server, "/events/v1?limit=500")[1]["events"]) == min(len(acknowledged), 500)
        if filler:
            filler.unlink()
            assert becomes_healthy(server)
    assert len(acknowledged) > 50
    code, errors = server.stop()
    assert code == 0 and set(errors.splitlines()) <= {"checkpoint failed: FullError"}
    assert stored_ids(server.database) == acknowledged


########################################################################################################
# Another process holds the database
########################################################################################################

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("begin immediate")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_database_that_another_process_holds_is_named_and_waited_for(serve, monkeypatch):
    server = serve()
    monkeypatch.setattr(lite, "BUSY_SECONDS", 1)
    assert post(server, 1)[0] == 201
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, server.config.database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        check_refusal(Answer(*post(server, 2)), "database_locked")
        assert get(server, "/healthz")[1]["writer"] == "database_locked"
        assert len(get(server, "/events/v1")[1]["events"]) == 1
    assert becomes_healthy(server) and post(server, 3)[0] == 201
    assert stored_ids(server.config.database) == ["d-1", "d-3"]


########################################################################################################
# The file goes away under the running server
########################################################################################################


def other_database(path: Path) -> Path:
    """Another database, whose only event is d-other."""
    api = Api(str(path))
    api.post(event("d-other"))
    api.app.close()
    return path


def move_away(path: str) -> None:
    os.rename(path, path + ".away")


def replace(path: str) -> None:
    os.replace(other_database(Path(path).with_name("other.db")), path)


# What is done to the file, and what the log says to do
GOES_AWAY = {
    "deleted": (os.unlink, "put it back .* or stop the server and restore a backup"),
    "moved": (move_away, "put it back with its -wal and -shm, and all goes on"),
    "emptied": (lambda path: os.truncate(path, 0), "moved, deleted or emptied while it was open"),
    "replaced": (replace, "another file is at .* restart the server to go on with the other"),
    "its WAL deleted": (lambda path: os.unlink(path + "-wal"), "restart the server, which saves"),
    "its WAL replaced": (
        lambda path: os.replace(other_database(Path(path + ".other")), path + "-wal"),
        "restart the server, which saves",
    ),
    "its shared memory deleted": (lambda path: os.unlink(path + "-shm"), "restart the server"),
}


def check_outage(server, code: str) -> None:
    """Writers, readers and /healthz are told, and none of them by a bare 500."""
    check_refusal(Answer(*post(server, 900)), code)
    status, problem = get(server, "/events/v1")
    assert (status, problem["status"], problem["code"]) == (503, 503, code)
    assert get(server, "/healthz") == (
        503,
        {"status": "failing", "version": lite.__version__, "writer": code},
    )


@pytest.mark.parametrize("done, advice", GOES_AWAY.values(), ids=GOES_AWAY.keys())
def test_a_file_that_goes_away_is_told_and_takes_nothing_acknowledged_with_it(
    serve, caplog, monkeypatch, done, advice
):
    monkeypatch.setattr(lite, "FILE_COMPARE_SECONDS", 0)
    server = serve()
    assert post(server, 1)[0] == 201
    done(server.config.database)
    for _ in range(3):
        check_outage(server, "database_gone")
    server.close()
    (line,) = caplog.messages
    assert re.search(advice, line) and server.config.database in line


def test_whoever_only_reads_is_told_of_a_file_that_is_gone(serve, caplog):
    server = serve()
    os.unlink(server.config.database)
    assert get(server, "/healthz")[1]["writer"] == "database_gone"
    assert get(server, "/events/v1")[0] == 503
    assert len(caplog.messages) == 1


def test_a_server_that_nobody_asks_says_by_itself_that_its_file_is_gone(tmp_path, caplog):
    served = Stepped(tmp_path / "events.db")
    os.unlink(tmp_path / "events.db")
    served.database.file.compared -= 1  # a second ago
    served.database.idle()
    assert served.database.trouble.code == "database_gone" and len(caplog.messages) == 1
    served.close()


def test_a_file_that_comes_back_goes_on_without_a_restart(serve, monkeypatch):
    monkeypatch.setattr(lite, "FILE_COMPARE_SECONDS", 0)
    server = serve()
    path = server.config.database
    assert post(server, 1)[0] == 201
    for suffix in ("", "-wal", "-shm"):
        os.rename(path + suffix, path + ".away" + suffix)
    check_outage(server, "database_gone")
    for suffix in ("", "-wal", "-shm"):
        os.rename(path + ".away" + suffix, path + suffix)
    assert becomes_healthy(server) and post(server, 2)[0] == 201
    server.close()
    assert stored_ids(path) == ["d-1", "d-2"]


def test_a_file_that_goes_away_amid_a_turn_is_noticed_before_the_answers_leave(serve, monkeypatch):
    """Its names are looked at after COMMIT, and not only before."""
    monkeypatch.setattr(lite, "FILE_LOOK_SECONDS", 0)
    server = serve()
    writer = server.app.database.writer

    class Writer:
        def __getattr__(self, name):
            return getattr(writer, name)

        def execute(self, sql, *binds):
            if sql == "commit":
                Path(server.config.database).unlink(missing_ok=True)
            return writer.execute(sql, *binds)

    monkeypatch.setattr(server.app.database, "writer", Writer())
    check_refusal(Answer(*post(server, 1)), "database_gone")


def test_the_file_that_took_its_place_is_left_as_it_is(serve, tmp_path):
    """Also at the end, and at the next start: SQLite would replay the first one's WAL into it."""
    server = serve()
    path = server.config.database
    assert post(server, 1)[0] == 201
    move_away(path)
    replace(path)
    before = Path(path).read_bytes()
    check_outage(server, "database_gone")
    server.close()
    assert Path(path).read_bytes() == before and stored_ids(path) == ["d-other"]
    (wal,) = tmp_path.glob("events.db.*.replaced-wal")
    os.rename(wal, path + ".away-wal")
    assert stored_ids(path + ".away") == ["d-1"]


def test_a_deleted_wal_takes_nothing_with_it_though_the_server_is_killed(start):
    server = start()
    assert post(server, 1)[0] == 201
    os.unlink(server.database + "-wal")
    check_outage(server, "database_gone")
    server.stop(signal.SIGKILL)
    assert "d-1" in stored_ids(server.database)


########################################################################################################
# The file is damaged under the running server
########################################################################################################


def overwrite(path: str, at: int, noise: bytes) -> None:
    with open(path, "rb+") as file:
        file.seek(at)
        file.write(noise)


DAMAGES = {
    "all but the first page": lambda path: overwrite(
        path, 4096, b"\x05noise" * ((os.path.getsize(path) - 4096) // 6)
    ),
    "the first page": lambda path: overwrite(path, 0, b"noise" * 800),
    "the texts": lambda path: overwrite_texts(path),
    "cut off": lambda path: os.truncate(path, 8192),
}


def overwrite_texts(path: str) -> None:
    """With bytes that are no UTF-8, where the B-trees stay as they are."""
    content = Path(path).read_bytes()
    for name in (b"Offer Made", b"loc-1"):
        for found in re.finditer(name, content):
            overwrite(path, found.start(), b"\xff" * len(name))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_file_that_is_damaged_is_told_until_it_is_replaced(start, tmp_path, damage):
    api = Api(str(tmp_path / "events.db"))
    for number in range(50):
        api.post(event(f"d-{number}", contact_id=f"c-{number}", properties={"text": "x" * 2_000}))
    api.app.close()
    server = start()
    damage(server.database)
    assert get(server, "/events/v1")[0] == 503
    check_outage(server, "database_damaged")
    code, errors = server.stop()
    assert code == 0 and errors.count("\n") == 1
    assert "is damaged, so nothing is stored or read any more; stop the server, restore" in errors
