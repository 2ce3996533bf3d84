"""The database: which files it takes, its schema and its triggers, readers and the turn."""

import json
import os
import re
import resource
import shutil
import stat
import struct
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from conftest import NOW, Api, clean_environment, event, unprivileged

import streamlined_lite as lite


def opened(path: Path | str, **settings) -> lite.Database:
    return lite.Database(lite.Config(database=str(path), **settings), lambda: NOW)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


########################################################################################################
# Which files it takes
########################################################################################################


def a_text(path: Path) -> None:
    path.write_text("select 'not a database';\n")


def a_foreign_database(path: Path, mode: str = "delete") -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("journal_mode", mode)
        connection.execute("create table notes (note)")


def a_foreign_wal_database(path: Path) -> None:
    a_foreign_database(path, "wal")


def a_foreign_wal_database_after_a_crash(path: Path) -> None:
    """Its newest rows are in a WAL that is still there."""
    with closing(apsw.Connection(str(path.with_name("elsewhere.db")))) as connection:
        connection.pragma("journal_mode", "wal")
        connection.execute("create table notes (note); insert into notes values ('newest')")
        shutil.copy(path.with_name("elsewhere.db"), path)
        shutil.copy(path.with_name("elsewhere.db-wal"), path.with_name(path.name + "-wal"))
    path.with_name("elsewhere.db").unlink()


def a_newer_database(path: Path) -> None:
    opened(path).close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("user_version", 999)


def a_newer_database_after_a_crash(path: Path) -> None:
    """Its newer version is in a WAL that is still there."""
    elsewhere = path.with_name("elsewhere.db")
    opened(elsewhere).close()
    with closing(apsw.Connection(str(elsewhere))) as connection:
        connection.pragma("user_version", 999)
        shutil.copy(elsewhere, path)
        shutil.copy(f"{elsewhere}-wal", f"{path}-wal")
    elsewhere.unlink()


NOT_OURS = "is not a Streamlined Lite database; it was left as it is"
NEWER = (
    r"was written by a newer Streamlined Lite "
    rf"\(schema 999, this one knows {len(lite.migrations())}\); upgrade the program"
)


@pytest.mark.parametrize(
    "make, reason",
    [
        (a_text, NOT_OURS),
        (lambda path: path.write_bytes(b"x"), NOT_OURS),
        (lambda path: path.write_bytes(b"SQLite format 3\0"), NOT_OURS),
        (a_foreign_database, NOT_OURS),
        (a_foreign_wal_database, NOT_OURS),
        (a_foreign_wal_database_after_a_crash, NOT_OURS),
        (a_newer_database, NEWER),
        (a_newer_database_after_a_crash, NEWER),
        (lambda path: path.mkdir(), "cannot read the database .*: Is a directory"),
        (lambda path: path.symlink_to(path), "cannot create the database"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path, make, reason):
    path = tmp_path / "events.db"
    make(path)
    before = contents(tmp_path)
    with pytest.raises(lite.ConfigError, match=reason) as refused:
        opened(path)
    assert "\n" not in str(refused.value) and str(path) in str(refused.value)
    after = contents(tmp_path)
    after.pop("events.db-shm", None)  # where there is a WAL, who reads it needs this
    assert after == before


def test_a_refused_file_is_one_line_and_exit_code_2(tmp_path):
    a_text(tmp_path / "events.db")
    command = [
        os.sys.executable,
        "-W",
        "error",
        lite.__file__,
        "--port",
        "0",
        "--database",
        str(tmp_path / "events.db"),
    ]
    ended = subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(), timeout=30
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"streamlined-lite: {tmp_path}/events.db {NOT_OURS}\n"


def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "events.db"
    opened(path).close()
    tmp_path.chmod(0o755)
    path.chmod(0)
    with (
        unprivileged(tmp_path),
        pytest.raises(lite.ConfigError, match="cannot read the database .*: Permission denied"),
    ):
        opened(path)


def test_a_file_that_cannot_be_created_is_refused(tmp_path):
    with pytest.raises(
        lite.ConfigError, match="cannot create the database .*: No such file or directory"
    ):
        opened(tmp_path / "no-folder" / "events.db")


def test_a_missing_file_is_only_created_for_who_may(tmp_path):
    with pytest.raises(
        lite.ConfigError,
        match="there is no database .*; name it with --database or STREAMLINED_DATABASE",
    ):
        lite.Database(lite.Config(database=str(tmp_path / "events.db")), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_and_its_companions_are_for_their_owner_only(tmp_path):
    before = os.umask(0)
    try:
        database = opened(tmp_path / "events.db")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("events.db", "events.db-wal", "events.db-shm"), 384)


def test_an_empty_file_becomes_a_database(tmp_path):
    """As `mktemp` makes one."""
    (tmp_path / "events.db").touch()
    opened(tmp_path / "events.db").close()
    assert (tmp_path / "events.db").stat().st_size > 0


def test_a_file_whose_first_transaction_was_cut_by_a_power_failure_is_begun_anew(tmp_path):
    """Its journal says that there was no page before; nothing in it was ever committed."""
    (tmp_path / "events.db").write_bytes(b"torn" * 1024)
    journal = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 0, 1, 0, 512, 4096)
    (tmp_path / "events.db-journal").write_bytes(journal.ljust(512, b"\0"))
    opened(tmp_path / "events.db").close()
    assert [path.name for path in tmp_path.iterdir()] == ["events.db"]


def test_a_foreign_file_with_the_journal_of_a_change_is_refused(tmp_path):
    """As after a crash of its own program, which may still put it right."""
    a_foreign_database(tmp_path / "events.db")
    journal = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 0, 1, 2, 512, 4096)
    (tmp_path / "events.db-journal").write_bytes(journal.ljust(512, b"\0"))
    before = contents(tmp_path)
    with pytest.raises(lite.ConfigError, match=NOT_OURS):
        opened(tmp_path / "events.db")
    assert contents(tmp_path) == before


def test_the_file_says_whose_it_is_and_of_which_version(tmp_path):
    opened(tmp_path / "events.db").close()
    header = (tmp_path / "events.db").read_bytes()[:100]
    assert header[68:72] == b"SLIT" and int.from_bytes(header[60:64], "big") == len(
        lite.migrations()
    )
    assert [path.name for path in tmp_path.iterdir()] == ["events.db"]


def test_our_own_file_opens_again_with_what_it_holds(tmp_path):
    for expected in ("created", "unchanged"):
        api = Api(str(tmp_path / "events.db"))
        assert api.post(event(timestamp=NOW)).json["status"] == expected
        api.app.close()


def test_every_commit_is_on_disk_before_it_returns(tmp_path):
    database = opened(tmp_path / "events.db")
    settings = {
        name: database.writer.pragma(name)
        for name in ("journal_mode", "synchronous", "recursive_triggers")
    }
    database.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "recursive_triggers": 1}


# A database of each release, as `sqlite3 FILE .dump` and the two pragmas show it: a new release
# adds its own, and none is ever changed.
# The steps behind the newest are made up, so that upgrades are always tried.
RELEASES = {
    each.stem: each
    for each in sorted(
        Path(__file__).with_name("releases").iterdir(),
        key=lambda each: [*map(int, each.stem.split("."))],
    )
}
NEXT_STEPS = [
    "alter table events add column note text; update events set note = 'none'",
    "create index events_by_note on events (note)",
]


def of_release(path: Path, release: str = lite.__version__) -> dict:
    """A database as that release left it; what it holds."""
    with closing(apsw.Connection(str(path))) as made:
        made.execute(RELEASES[release].read_text("utf-8"))
    return dump(path)


def dump(path: Path) -> dict:
    """All that it holds, but for what a made-up step adds."""
    with closing(apsw.Connection(str(path))) as look:
        rows = {
            name: list(look.execute(f"select * from {name}"))
            for name in ("locations", "contacts", "contact_tags", "keys", "rejections", "metrics")
        }
        rows["events"] = list(
            look.execute(
                "select event_id, location_id, distinct_id, event_name, contact_id, timestamp, "
                "properties from events"
            )
        )
        schema = look.execute(
            "select name, sql from sqlite_schema where sql is not null and name not like '%note%'"
        )
        return {
            "version": look.pragma("user_version"),
            "rows": rows,
            "schema": {name: " ".join(re.sub("--.*", "", sql).split()) for name, sql in schema},
        }


def test_a_new_database_has_the_schema_of_the_newest_release(tmp_path):
    """A step that was released is never edited: files that have made it would stay behind."""
    opened(tmp_path / "new.db").close()
    newest = of_release(tmp_path / "old.db")
    assert [*RELEASES][-1] == lite.__version__ and dump(tmp_path / "new.db") | {
        "rows": None
    } == newest | {"rows": None}


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_of_every_release_is_upgraded_after_a_copy(
    tmp_path, monkeypatch, caplog, release
):
    path, newest = tmp_path / "events.db", [*lite.migrations(), *NEXT_STEPS]
    before = of_release(path, release)
    version = before["version"]
    (
        tmp_path / f"events.db.schema-{version}.20260101T000000.000Z.0123.partial-journal"
    ).touch()  # an upgrade was killed
    monkeypatch.setattr(lite, "migrations", lambda: newest)
    for _ in range(2):  # the second start finds nothing to do
        opened(path).close()
    (copy,) = set(tmp_path.iterdir()) - {path}
    assert (
        re.fullmatch(rf"events\.db\.schema-{version}\.\d{{8}}T\d{{6}}\.\d{{3}}Z", copy.name)
        and stat.S_IMODE(copy.stat().st_mode) == 0o600
    )
    assert caplog.messages == [
        f"{path} has schema {version} and gets a newer one, which may take minutes; "
        f"first it is copied to {copy}"
    ]
    assert dump(copy) == before
    with closing(apsw.Connection(str(path))) as look:
        assert (look.pragma("user_version"), look.pragma("integrity_check")) == (len(newest), "ok")
        assert set(look.execute("select note from events").get) == {"none"}
    assert dump(path)["rows"] == before["rows"] and all(before["rows"].values())


def test_an_older_program_refuses_the_upgraded_file_and_takes_the_copy(tmp_path, monkeypatch):
    path, older = tmp_path / "events.db", lite.migrations()
    of_release(path)
    monkeypatch.setattr(lite, "migrations", lambda: [*older, *NEXT_STEPS])
    opened(path).close()
    monkeypatch.setattr(lite, "migrations", lambda: older)
    with pytest.raises(lite.ConfigError, match="was written by a newer Streamlined Lite"):
        opened(path)
    (copy,) = set(tmp_path.iterdir()) - {path}
    opened(copy).close()


@pytest.mark.parametrize(
    "step",
    [
        "update events set event_name = 'x'; create table more (one); create table more (two)",
        "update events set nothing = 1",
        "select raise(abort, 'x')",
    ],
)
def test_a_step_that_fails_leaves_all_as_it_was_and_the_next_start_goes_on_there(
    tmp_path, monkeypatch, step
):
    path, steps = tmp_path / "events.db", lite.migrations()
    before = of_release(path)
    monkeypatch.setattr(lite, "migrations", lambda: [*steps, step])
    with pytest.raises(lite.ConfigError, match="cannot open the database") as refused:
        opened(path)
    assert (
        "\n" not in str(refused.value)
        and dump(path) == before
        and not [*tmp_path.glob("*.schema-*")]
    )
    monkeypatch.setattr(lite, "migrations", lambda: [*steps, NEXT_STEPS[0], step])
    with pytest.raises(lite.ConfigError):
        opened(path)
    assert dump(path)["version"] == len(steps) + 1  # the step before has its own transaction
    monkeypatch.setattr(lite, "migrations", lambda: [*steps, *NEXT_STEPS])
    opened(path).close()
    assert dump(path)["version"] == len(steps) + 2 and dump(path)["rows"] == before["rows"]


def test_without_room_for_a_copy_nothing_is_upgraded(tmp_path, monkeypatch):
    path, steps = tmp_path / "events.db", lite.migrations()
    before = of_release(path)
    monkeypatch.setattr(lite, "migrations", lambda: [*steps, *NEXT_STEPS])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(lite.CommandError, match="cannot copy .*events.db"):
            opened(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert dump(path) == before and [each.name for each in tmp_path.iterdir()] == ["events.db"]


def test_a_new_database_needs_no_copy(tmp_path, monkeypatch, caplog):
    steps = [*lite.migrations(), *NEXT_STEPS]
    monkeypatch.setattr(lite, "migrations", lambda: steps)
    opened(tmp_path / "events.db").close()
    assert [each.name for each in tmp_path.iterdir()] == ["events.db"] and caplog.messages == []


def test_who_makes_a_file_while_another_process_makes_it_waits_and_shares_it(tmp_path):
    """SQLite itself does not wait here: the other writes before the file is in WAL mode."""
    path = tmp_path / "events.db"
    for _ in range(2):
        lite.create_file(str(path))  # as one that was missing a moment ago
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as other:
        other.pragma("application_id", lite.APPLICATION_ID)
        other.execute("begin immediate")
        with (
            pytest.raises(apsw.BusyError),
            closing(lite.open_connection(str(path), apsw.SQLITE_OPEN_READWRITE)) as impatient,
        ):
            impatient.pragma("journal_mode", "wal")
        ending = threading.Timer(0.05, lambda: other.execute("rollback"))
        ending.start()
        with closing(lite.open_writer(str(path))) as writer:
            ending.join()
            assert (writer.pragma("journal_mode"), writer.pragma("user_version")) == (
                "wal",
                len(lite.migrations()),
            )


def test_processes_that_start_at_once_share_one_migration(tmp_path):
    """Each finds a version that is missing; one of them makes it, and the others find that done."""
    path, together, opened_by = tmp_path / "events.db", threading.Barrier(4), []
    path.touch()
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("application_id", lite.APPLICATION_ID)
        connection.pragma("journal_mode", "wal")

    def start():
        together.wait()
        opened_by.append(lite.open_writer(str(path)))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    versions = [each.pragma("user_version") for each in opened_by]
    for each in opened_by:
        each.close()
    assert versions == [len(lite.migrations())] * 4


def test_who_opens_a_busy_file_waits_for_it(tmp_path):
    """As when the server before is still closing: from the first look at the file on."""
    path = tmp_path / "events.db"
    opened(path).close()
    with closing(apsw.Connection(str(path))) as other:
        other.pragma("locking_mode", "exclusive")
        other.execute("begin exclusive")
        ending = threading.Timer(0.05, other.close)
        ending.start()
        opened(path).close()
        ending.join()


########################################################################################################
# Debian's sqlite3
########################################################################################################


@pytest.fixture
def shell(tmp_path):
    """shell(sql): what the sqlite3 command answers on a file with one event."""
    if shutil.which("sqlite3") is None:
        pytest.skip("needs the sqlite3 shell (apt-get install sqlite3)")
    api = Api(str(tmp_path / "events.db"))
    api.post(event("d-1", contact_id="c-1"))
    api.app.close()

    def run(sql: str) -> list[str]:
        command = ["sqlite3", str(tmp_path / "events.db"), sql]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=30
        ).stdout.split()

    return run


def test_debians_sqlite3_opens_the_file(shell):
    texts = "select distinct_id, contact_id from events_with_texts"
    assert shell(f"pragma integrity_check; {texts}") == ["ok", "d-1|c-1"]


def test_triggers_work_in_debians_sqlite3(shell):
    counts = (
        "select (select count(*) from events), (select count(*) from contacts), "
        "(select count(*) from rejections);"
    )
    insert = (
        "insert into locations (location_id, first_seen_at) values ('loc-2', 1);"
        "insert into event_names (event_name) values ('Sold'), ('Other');"
        "insert into contacts (location_key, contact_id, created_at, updated_at) "
        "values (2, 'c-2', 1, 1);"
        "insert into events (location_key, distinct_id, name_key, contact_key, timestamp, "
        "received_at, updated_at) values (2, 'd-2', 2, 2, 1, 1, 1);"
    )
    assert shell(insert + counts) == ["2|2|0"]
    assert shell("update events set name_key = 3 where distinct_id = 'd-2';" + counts) == ["2|2|1"]
    assert shell("delete from contacts where contact_id = 'c-1';" + counts) == ["1|1|1"]
    assert shell(
        "pragma recursive_triggers = 1; delete from locations where location_id = 'loc-2';" + counts
    ) == ["0|0|1"]


########################################################################################################
# The schema and its triggers
########################################################################################################


def test_tables_are_strict_and_relations_hold_in_the_file(connection):
    tables = {
        row[1]: row
        for row in connection.execute("pragma table_list")
        if row[2] == "table" and not row[1].startswith("sqlite_")
    }
    assert set(tables) == {
        "locations",
        "event_names",
        "contacts",
        "contact_tags",
        "events",
        "rejections",
        "metrics",
        "keys",
    }
    assert all(row[5] == 1 for row in tables.values())


def insert_event(
    connection, distinct_id="d-1", contact_id="c-1", location_id="loc-1", at=1_000, **fields
):
    """As the program does it."""
    given = {
        "event_name": "Sold",
        "timestamp": at,
        "properties": "{}",
        "received_at": at,
        "updated_at": at,
    } | fields
    ids = {"location_id": location_id, "distinct_id": distinct_id, "contact_id": contact_id}
    event = lite.Event(**ids, event_name=given["event_name"])
    lite.insert_missing(connection, event, given["received_at"])
    event_id = lite.scalar(connection, "events.upsert", **ids, **given)
    return lite.row(connection, "events.find", event_id=event_id)


def insert_contact(connection, contact_id="c-1", location_id="loc-1", tags=()):
    lite.change(connection, "locations.insert_missing", location_id=location_id, now=5)
    contact = lite.bare_contact(location_id, contact_id, 5) | {"name": "Ann"}
    contact_key = lite.write_contact(connection, contact, 5)
    lite.write_tags(connection, contact_key, list(tags))


def table(connection, name: str, *columns: str) -> list[tuple]:
    return list(
        connection.execute(f"select {', '.join(columns)} from {name} order by {', '.join(columns)}")
    )


def test_an_event_creates_its_location_and_a_bare_contact(connection):
    insert_event(connection, at=7)
    assert table(connection, "locations", "location_id", "name", "first_seen_at") == [
        ("loc-1", None, 7)
    ]
    assert table(
        connection,
        "contacts_with_texts",
        "location_id",
        "contact_id",
        "name",
        "fields",
        "as_of",
        "created_at",
        "updated_at",
    ) == [("loc-1", "c-1", None, "{}", None, 7, 7)]


def test_an_event_without_a_contact_creates_none(connection):
    insert_event(connection, contact_id=None)
    assert table(connection, "contacts", "contact_id") == []


def test_an_event_leaves_a_known_contact_and_location_as_they_are(connection):
    insert_contact(connection, tags=["vip"])
    insert_event(connection, at=9)
    assert table(connection, "contacts", "contact_id", "name", "created_at", "updated_at") == [
        ("c-1", "Ann", 5, 5)
    ]
    assert table(connection, "locations", "location_id", "first_seen_at") == [("loc-1", 5)]
    assert table(connection, "contact_tags", "tag") == [("vip",)]


def test_an_update_creates_the_contact_that_it_names(connection):
    insert_event(connection, contact_id=None)
    insert_event(connection, contact_id="c-2", at=8)
    assert table(connection, "contacts", "contact_id", "created_at") == [("c-2", 8)]


@pytest.mark.parametrize("clause", ["or ignore", "or replace", "or abort"])
def test_triggers_hold_under_every_conflict_clause(connection, clause):
    """SQLite applies the clause of the statement to what its triggers do."""
    insert_contact(connection, "c-1", tags=["vip"])
    insert_contact(connection, "c-2")
    insert_event(connection, contact_id="c-1")
    connection.execute(f"update {clause} events set contact_key = 2")
    assert table(connection, "contacts", "contact_id", "name") == [("c-1", "Ann"), ("c-2", "Ann")]
    assert table(connection, "contact_tags", "tag") == [("vip",)]
    assert table(connection, "rejections", "code") == [("event_replaced",)]


def test_a_deleted_contact_takes_its_tags_and_its_events_and_no_others(connection):
    insert_contact(connection, "c-1", tags=["vip", "new"])
    insert_contact(connection, "c-2", tags=["vip"])
    insert_contact(connection, "c-1", "loc-2", tags=["vip"])
    for distinct_id, contact_id, location_id in [
        ("d-1", "c-1", "loc-1"),
        ("d-2", "c-2", "loc-1"),
        ("d-3", None, "loc-1"),
        ("d-4", "c-1", "loc-2"),
    ]:
        insert_event(connection, distinct_id, contact_id, location_id)
    lite.change(connection, "contacts.delete", location_id="loc-1", contact_id="c-1")
    assert table(connection, "events", "distinct_id") == [("d-2",), ("d-3",), ("d-4",)]
    assert table(connection, "contacts_with_texts", "location_id", "contact_id", "tags") == [
        ("loc-1", "c-2", '["vip"]'),
        ("loc-2", "c-1", '["vip"]'),
    ]
    assert len(table(connection, "contact_tags", "tag")) == 2
    assert table(connection, "locations", "location_id") == [("loc-1",), ("loc-2",)]


def test_a_deleted_location_takes_all_that_is_in_it(connection):
    for location_id in ("loc-1", "loc-2"):
        insert_contact(connection, "c-1", location_id, tags=["vip"])
        insert_event(connection, "d-1", "c-1", location_id)
        insert_event(connection, "d-2", None, location_id)
    lite.change(connection, "locations.delete", location_id="loc-1")
    for name in ("events", "contacts", "contact_tags", "locations"):
        assert set(table(connection, name, "location_key")) == {(2,)}, name


def test_a_deleted_event_leaves_its_contact(connection):
    insert_event(connection)
    lite.change(connection, "events.delete", event_id=1)
    assert (
        table(connection, "events", "event_id"),
        table(connection, "contacts", "contact_id"),
    ) == ([], [("c-1",)])


def test_an_id_is_never_given_twice(connection):
    insert_event(connection)
    lite.change(connection, "events.delete", event_id=1)
    assert insert_event(connection)["event_id"] == 2


@pytest.mark.parametrize("changed", [{"event_name": "Other"}, {"contact_id": "c-2"}])
def test_an_event_that_becomes_another_keeps_the_replaced_one(connection, changed):
    insert_event(connection, properties='{"value":1.5,"plan":"Gold"}', timestamp=1_767_225_600_123)
    insert_event(
        connection,
        **{"contact_id": "c-1", "at": 2_000, "timestamp": 5, "properties": '{"value":2}'} | changed,
    )
    (kept,) = lite.rows(connection, "rejections.list", before=2**62, limit=10)
    assert (kept["code"], kept["path"], kept["content_type"], kept["location_id"]) == (
        "event_replaced",
        "/events/ingestion/v1",
        "application/json",
        "loc-1",
    )
    assert (kept["received_at"], kept["truncated"], kept["key_id"], kept["replayed_at"]) == (
        2_000,
        0,
        None,
        None,
    )
    assert json.loads(kept["body"]) == {
        "event_name": "Sold",
        "location_id": "loc-1",
        "distinct_id": "d-1",
        "contact_id": "c-1",
        "timestamp": "2026-01-01T00:00:00.123Z",
        "properties": {"value": 1.5, "plan": "Gold"},
    }
    problem = json.loads(kept["problem"])
    assert lite.ProblemOut.model_validate(problem) and (problem["status"], problem["code"]) == (
        409,
        "event_replaced",
    )
    assert table(connection, "events", "timestamp", "properties") == [
        (1_767_225_600_123, '{"value":2}')
    ]


@pytest.mark.parametrize(
    "before, after",
    [
        ({"properties": '{"a":1}'}, {"properties": '{"a":2}'}),
        ({"contact_id": None}, {"contact_id": "c-1"}),
        ({}, {"timestamp": 5}),
    ],
)
def test_an_event_that_stays_the_same_one_replaces_nothing(connection, before, after):
    insert_event(connection, **before)
    insert_event(connection, **after)
    assert table(connection, "rejections", "code") == []


def test_the_first_timestamp_stays_and_updates_are_counted(connection):
    insert_event(connection, at=10)
    again = insert_event(connection, at=20)
    assert (
        again["timestamp"],
        again["received_at"],
        again["updated_at"],
        again["update_count"],
    ) == (10, 10, 20, 1)


@pytest.mark.parametrize(
    "column, value",
    [
        ("location_key", "null"),
        ("distinct_id", "''"),
        ("name_key", "'Sold'"),
        ("contact_key", "'c-1'"),
        ("timestamp", "-1"),
        ("timestamp", str(lite.YEAR_2200)),
        ("timestamp", "'soon'"),
        ("properties", "'{'"),
        ("name_key", "null"),
    ],
)
def test_the_file_itself_refuses_what_is_no_event(connection, column, value):
    insert_event(connection)
    with pytest.raises(apsw.ConstraintError):
        connection.execute(f"update events set {column} = {value}")


########################################################################################################
# Readers and turns
########################################################################################################


@pytest.fixture
def database(tmp_path):
    made = opened(tmp_path / "events.db")
    yield made
    made.close()


def names(connection: apsw.Connection) -> list[str]:
    return [row[0] for row in connection.execute("select distinct_id from events order by 1")]


def store(database: lite.Database, distinct_id: str) -> None:
    with database.turn(), database.savepoint() as connection:
        insert_event(connection, distinct_id)


def test_a_reader_sees_one_state_from_beginning_to_end(database):
    store(database, "d-1")
    with database.read() as connection:
        assert names(connection) == ["d-1"]
        store(database, "d-2")
        assert names(connection) == ["d-1"]
    with database.read() as connection:
        assert names(connection) == ["d-1", "d-2"]


def test_a_reader_cannot_write(database):
    with database.read() as connection, pytest.raises(apsw.ReadOnlyError):
        connection.execute("delete from events")


def test_each_thread_has_its_own_reader(database):
    found = []

    def read():
        with database.read() as connection:
            found.append(connection)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(map(id, found))) == 3 and database.writer not in found


def test_a_failed_read_tells_its_own_error(database):
    """Some errors end the read's transaction, and there is nothing left to roll back."""
    with pytest.raises(apsw.IOError), database.read() as connection:
        connection.execute("rollback")
        raise apsw.IOError("disk I/O error")
    with database.read() as connection:
        assert names(connection) == []


def test_in_memory_there_is_one_connection():
    database = opened(":memory:")
    store(database, "d-1")
    with database.read() as connection:
        assert connection is database.writer and names(connection) == ["d-1"]
    database.close()


def test_a_failed_request_leaves_no_trace_in_its_turn(database):
    with database.turn():
        with database.savepoint() as connection:
            insert_event(connection, "before")
        with pytest.raises(ValueError), database.savepoint() as connection:
            insert_event(connection, "failed")
            raise ValueError
        with database.savepoint() as connection:
            insert_event(connection, "after")
    with database.read() as connection:
        assert names(connection) == ["after", "before"]
        assert table(connection, "contacts", "contact_id") == [("c-1",)]


def test_a_failed_turn_stores_nothing(database):
    with pytest.raises(ValueError), database.turn():
        with database.savepoint() as connection:
            insert_event(connection, "d-1")
        raise ValueError
    store(database, "d-2")
    with database.read() as connection:
        assert names(connection) == ["d-2"]


def test_a_turn_that_sqlite_rolled_back_does_not_commit_and_names_its_cause(database):
    store(database, "before")
    database.writer.pragma("max_page_count", database.writer.pragma("page_count"))
    database.begin()
    with pytest.raises(apsw.FullError), database.savepoint() as connection:
        lite.change(
            connection, "locations.set_name", location_id="loc-1", value="x" * 50_000, edited=1
        )
    assert not database.writer.in_transaction  # SQLite did it
    with pytest.raises(apsw.FullError):
        database.commit()
    assert database.trouble.code == "disk_full"
    database.writer.pragma("max_page_count", 2**31)
    store(database, "after")
    assert database.trouble is None
    with database.read() as connection:
        assert names(connection) == ["after", "before"]


def test_under_a_server_nobody_else_begins_a_turn(database):
    """A write on a reader's thread, or between turns, is a defect of ours, no silent commit."""
    database.take_turns()
    with pytest.raises(RuntimeError, match="a write outside of a turn"), database.turn():
        pass


def test_a_writer_of_another_process_is_waited_for(tmp_path, monkeypatch):
    """On the command line and under other servers SQLite itself waits, at most so long."""
    monkeypatch.setattr(lite, "BUSY_SECONDS", 0)
    database = opened(tmp_path / "events.db")
    with closing(apsw.Connection(database.path)) as other:
        other.execute("begin immediate")
        with pytest.raises(apsw.BusyError):
            store(database, "d-1")
        database.writer.set_busy_timeout(30_000)
        ending = threading.Timer(0.05, lambda: other.execute("rollback"))
        ending.start()
        store(database, "d-2")
        ending.join()
    with database.read() as connection:
        assert names(connection) == ["d-2"]
    database.close()


def test_another_server_writes_one_turn_a_request(tmp_path):
    """Under WebTest, or any other server, from several threads."""
    api = Api(str(tmp_path / "events.db"))
    threads = [
        threading.Thread(target=lambda number=number: Api.post(api, event(f"d-{number}")))
        for number in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(api.get("/events/v1")["events"]) == 8
    api.app.close()


########################################################################################################
# Maintenance and checkpoints
########################################################################################################


def test_the_checkpointer_moves_the_wal_into_the_file(tmp_path, monkeypatch):
    """On a thread of its own, so that no writer waits; what it has moved is then overwritten."""
    monkeypatch.setattr(lite, "CHECKPOINT_PAGES", 1)
    done, threads, checkpoint = threading.Event(), set(), lite.Checkpointer.checkpoint

    def recorded(self, connection):
        checkpoint(self, connection)
        threads.add(threading.current_thread().name)
        done.set()

    monkeypatch.setattr(lite.Checkpointer, "checkpoint", recorded)
    database = opened(tmp_path / "events.db")
    before = os.path.getsize(database.path)
    for number in range(100):
        store(database, f"d-{number}" + "x" * 500)
        assert done.wait(30)
        done.clear()
    after, wal = (os.path.getsize(database.path + suffix) for suffix in ("", "-wal"))
    database.close()
    assert threads == {"checkpointer"} and after > before + 50_000 and wal < 500_000  # 3 MB without


def test_a_checkpoint_begins_whenever_the_wal_has_grown_by_so_many_pages(database, monkeypatch):
    """Not after each commit beyond them: its syncs would cost more than it moves."""
    woken: list[int] = []
    monkeypatch.setattr(lite, "CHECKPOINT_PAGES", 1_000)
    checkpointer = database.checkpointer
    monkeypatch.setattr(checkpointer.woken, "set", lambda: woken.append(checkpointer.pages))
    # At 8 the WAL has begun anew.
    for pages in (
        999,
        1_000,
        1_001,
        1_999,
        2_000,
        2_500,
        3_010,
        8,
        999,
        1_007,
        2_010,
    ):
        checkpointer.grew(pages)
    assert woken == [1_000, 2_000, 3_010, 1_007, 2_010]
    monkeypatch.undo()


@pytest.mark.parametrize(
    "pages, moved, begun_anew",
    [
        (lite.RESTART_PAGES - 1, lite.RESTART_PAGES - 1, False),
        (lite.RESTART_PAGES, lite.RESTART_PAGES, True),
        (lite.RESTART_PAGES, lite.RESTART_PAGES - 1, False),
    ],
)
def test_a_large_wal_is_begun_anew(database, pages, moved, begun_anew):
    """PASSIVE alone, beside a busy writer, lets it grow. A long read of it is waited for."""

    class Connection:
        def execute(self, sql):
            return database.writer.execute(sql)

        def wal_checkpoint(self, mode):
            modes.append(mode)
            return pages, moved

    modes: list[int] = []
    database.checkpointer.pages = pages
    database.checkpointer.checkpoint(Connection())
    passive, restart = apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_RESTART
    # Little is left for the one that holds the writer.
    assert modes == ([passive, passive, passive, restart] if begun_anew else [passive])


def test_closing_leaves_one_file(tmp_path):
    database = opened(tmp_path / "events.db")
    store(database, "d-1")
    assert (tmp_path / "events.db-wal").stat().st_size > 0
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["events.db"]


def test_the_last_use_that_memory_holds_is_written_at_the_end(tmp_path):
    database = opened(tmp_path / "events.db")
    with database.turn():
        lite.create_key(database.writer, lite.NewKey(name="a key", scope="read"), NOW)
    database.last_used[1] = NOW + 5
    database.close()
    with closing(apsw.Connection(str(tmp_path / "events.db"))) as look:
        assert look.execute("select last_used_at from keys").get == NOW + 5


def test_an_earlier_use_never_replaces_a_later_one(connection):
    lite.create_key(connection, lite.NewKey(name="a key", scope="read"), NOW)
    for at in (NOW + 5, NOW):
        lite.change(connection, "keys.touch", key_id=1, last_used_at=at)
    assert table(connection, "keys", "last_used_at") == [(NOW + 5,)]


def test_a_reader_that_uses_a_key_during_maintenance_does_no_harm(database):
    """Its thread may still hold the dictionary that is being written."""
    with database.turn():
        for _ in range(3):
            lite.create_key(database.writer, lite.NewKey(name="a key", scope="read"), NOW)
    held = database.last_used
    held.update({1: NOW, 2: NOW})
    written = []

    def use_another(kind, *_):
        written.append(kind)
        held[100 + len(written)] = NOW
        return apsw.SQLITE_OK

    database.next_maintenance = 0
    database.writer.authorizer = use_another  # is asked as each statement is prepared
    database.begin()
    database.writer.authorizer = None
    database.commit()
    assert written and table(database.writer, "keys", "key_id", "last_used_at") == [
        (1, NOW),
        (2, NOW),
        (3, None),
    ]


def test_a_command_does_not_do_the_servers_maintenance(tmp_path):
    """Its settings, such as how many rejections to keep, are not those of the server."""
    api = Api(str(tmp_path / "events.db"))
    for _ in range(3):
        api.post(b"{")
    api.app.close()
    lite.Database(
        lite.Config(database=str(tmp_path / "events.db"), keep_rejections=1), create=False
    ).close()
    with closing(apsw.Connection(str(tmp_path / "events.db"))) as look:
        assert look.execute("select count(*) from rejections").get == 3
