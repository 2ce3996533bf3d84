"""The database: which files it takes, its schema and its triggers, readers and the turn."""

import itertools
import json
import os
import re
import resource
import shutil
import stat
import struct
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from conftest import NOW, Api, broken_relations, clean_environment, event, unprivileged
from older_files import RELEASES, dump, dump_of, of_release, of_today

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
        (lambda path: path.symlink_to(path), "cannot create the database .* leads to itself"),
        (lambda path: path.symlink_to("gone/real.db"), "a link to .*/gone/real.db, whose folder"),
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


ENDLESS = """
    drop view epochs;
    create view epochs as
    with recursive numbers(epoch) as (select 0 union all select epoch + 1 from numbers)
    select epoch from numbers
"""
DISGUISED = """
    pragma writable_schema = on;
    insert into sqlite_schema values ('table', 'notes', 'notes', 0, 'create trigger notes after '
    || 'insert on events begin delete from events; end')
"""
# What a stranger may have made of a database of ours, and what is said of it
STRANGE = {
    "create trigger thief after insert on events begin delete from events; end": (
        "the trigger thief is not ours; drop it"
    ),
    'create trigger "no\nend" after insert on keys begin insert into keys select 1; end': (
        r"the trigger no\\nend is not ours; drop it"
    ),
    "create unique index once on events (name_key)": (
        "the index once is not ours, and may refuse what is stored; drop it"
    ),
    "create index costly on events (hex(zeroblob(event_id)))": "the index costly is not ours",
    "create index some on events (name_key) where json_valid(properties)": "the index some is not",
    "drop table metrics": "its index metrics_by_position is missing|its table metrics is missing",
    "drop index events_by_time": "its index events_by_time is missing",
    "drop trigger contacts_delete_events": "its trigger contacts_delete_events is missing",
    "alter table events add column note text": "its table events is another one",
    "drop table rejections; create view rejections as select 1 as rejection_id": (
        "its view rejections is another one"
    ),
    ENDLESS: "its view epochs is another one",
    DISGUISED: "malformed database schema",
}


@pytest.mark.parametrize("is_crashed", [False, True], ids=["settled", "with a WAL"])
@pytest.mark.parametrize("sql, said", STRANGE.items(), ids=lambda text: text.split("\n")[-1][:30])
def test_a_schema_that_is_not_ours_is_refused_by_name_and_left_as_it_is(
    tmp_path, sql, said, is_crashed
):
    """The header of a file says little about what is in it."""
    path = tmp_path / "events.db"
    opened(path).close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_crashed)
        connection.execute(sql)
    before = contents(tmp_path)
    with pytest.raises(lite.ConfigError, match=said) as refused:
        opened(path)
    assert "\n" not in str(refused.value) and str(path) in str(refused.value)
    after = contents(tmp_path)
    after.pop("events.db-shm", None)
    before.pop("events.db-shm", None)
    assert after == before


def test_a_file_that_has_our_header_and_nothing_else_is_refused(tmp_path):
    path = tmp_path / "events.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("application_id", lite.APPLICATION_ID)
        connection.pragma("user_version", len(lite.migrations()))
    with pytest.raises(lite.ConfigError, match="is missing; it was left as it is"):
        opened(path)
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("user_version", 0)
        connection.execute("create view events as select 1 as event_id")
    with pytest.raises(lite.ConfigError, match="its view events is not ours"):
        opened(path)


def test_tables_views_and_plain_indexes_beside_ours_do_no_harm(tmp_path):
    """Litestream makes two tables; a person may add a view, or an index for their own queries."""
    path = tmp_path / "events.db"
    opened(path).close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("""
            create table _litestream_seq (id integer primary key, seq integer);
            create table _litestream_lock (id integer);
            create unique index notes_once on _litestream_seq (seq);
            create view buyers as select * from events_with_texts where event_name = 'Sale';
            create index by_properties on events (properties desc, distinct_id collate nocase);
            analyze
        """)
    api = Api(str(path))
    assert api.post(event()).status_int == 201
    api.app.close()


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


########################################################################################################
# Upgrades
########################################################################################################

# Steps behind the newest, made up so that upgrades of narrow files are always tried.
NEXT_STEPS = [
    "alter table events add column note text; update events set note = 'none'",
    "create index events_by_note on events (note)",
]


@pytest.mark.parametrize("release", RELEASES)
def test_the_steps_of_a_release_still_make_its_schema(tmp_path, release):
    """A step that was released is never edited: files that have made it would stay behind."""
    released = of_release(tmp_path / "old.db", release)
    with closing(apsw.Connection(":memory:")) as connection:
        lite.take_steps(connection, released["version"])
        assert dump_of(connection)["schema"] == released["schema"]


def kept_by_upgrade(path: Path) -> Path:
    """The only file beside it."""
    (kept,) = set(path.parent.iterdir()) - {path}
    assert re.fullmatch(
        rf"{re.escape(path.name)}\.schema-\d+\.\d{{8}}T\d{{6}}\.\d{{3}}Z", kept.name
    )
    return kept


@pytest.mark.parametrize("release", RELEASES)
def test_a_wide_database_of_every_release_is_rebuilt_and_kept(tmp_path, caplog, release):
    path = tmp_path / "events.db"
    before = of_release(path, release)
    path.chmod(0o640)
    opened(tmp_path / "new.db").close()
    new = dump(tmp_path / "new.db")
    (tmp_path / "new.db").unlink()
    # Upgrades that were killed
    (tmp_path / "events.db.0123456789abcdef.partial").touch()
    (tmp_path / "events.db.0123456789abcdef.partial-journal").touch()
    os.link(path, tmp_path / "events.db.schema-1.20260101T000000.000Z")
    for _ in range(2):  # the second start finds nothing to do
        opened(path).close()
    kept = kept_by_upgrade(path)
    assert f".schema-{before['version']}." in kept.name
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, kept)] == [0o640, 0o640]
    assert dump(kept) == before and all(before["rows"].values())
    after = dump(path)
    assert after["rows"] == before["rows"]
    assert (after["version"], after["schema"]) == (new["version"], new["schema"])
    with closing(apsw.Connection(str(path))) as look:
        assert look.pragma("integrity_check") == "ok"
        [[name, cards]] = look.execute("select name, cards from dashboards")
    metrics = sorted(before["rows"]["metrics"], key=lambda metric: (metric[3], metric[0]))
    assert (name, json.loads(cards)) == (
        "Dashboard",
        [{"metric_id": metric[0]} for metric in metrics],
    )
    start, end = caplog.messages
    assert start == (
        f"{path} has an earlier schema and is rebuilt, which may take minutes; as it is, it stays "
        f"beside the new file as {kept}"
    )
    assert re.fullmatch(rf"{re.escape(str(path))} is rebuilt: 0\.\d MB instead of 0\.\d MB", end)


# Contacts' fields as they were stored before all spellings of HighLevel's had one name; clocks.
SPELT = [
    ({"City": "Miami", "Pool": True, "note": 'it\'s "5 %"'}, {".City": 5, "name": 4}),
    ({"City": "Miami", "city": "Miami"}, {".City": 5, ".city": 7}),
    ({"City": "Miami", "city": "Rome"}, {".City": 5}),
    ({"Business Name": "B", "Company Name": "C", "companyName": "C"}, {}),
    ({"POSTAL CODE": 33101.5, "Website": True}, {}),
    ({"Time Zone": "(GMT-05:00) Eastern"}, {".Time Zone": 5}),
    ({"Time Zone": "Europe/Berlin"}, {}),
    ({"A name that is far too long for one": "x", "city": "Rome"}, {".city": 1}),
    *(({name.title(): "x"}, {"." + name.title(): 5}) for name in lite.FIELD_SPELLINGS),
    *(({name.title().replace("_", "-"): "x"}, {}) for name in lite.KNOWN_FIELDS[:-1]),
]


def test_the_fields_of_stored_contacts_get_the_names_of_today(tmp_path):
    path = tmp_path / "events.db"
    with closing(apsw.Connection(str(path))) as older:
        older.pragma("application_id", lite.APPLICATION_ID)
        lite.take_steps(older, 5)
        older.execute("insert into locations (location_id, first_seen_at) values ('loc-1', 1)")
        for number, (fields, clocks) in enumerate(SPELT):
            older.execute(
                "insert into contacts (location_key, contact_id, fields, field_times, created_at, "
                "updated_at) values (1, ?, ?, ?, 1, 1)",
                (f"c-{number}", json.dumps(fields), json.dumps(clocks)),
            )
    opened(path).close()
    with closing(apsw.Connection(str(path))) as look:
        query = "select json(fields), json(field_times), updated_at from contacts order by rowid"
        stored = [(json.loads(a), json.loads(b), c) for a, b, c in look.execute(query)]
    assert [fields for fields, _, _ in stored] == [lite.name_fields(each) for each, _ in SPELT]
    assert [clocks for _, clocks, _ in stored[:6]] == [
        {".city": 5, "name": 4},
        {".city": 7},
        {".City": 5},
        {},
        {},
        {".Time Zone": 5},
    ]
    assert {updated_at for _, _, updated_at in stored} == {1}
    api = Api(str(path))
    api.post(event(contact_id="c-0"))
    term = {"key": "A", "event": "Offer Made", "type": "contact", "aggregation": "count"}
    term["filters"] = {"all": [{"field": "contact.city", "op": "is", "value": "Miami"}]}
    metric = {"terms": [term], "formula": "A"}
    query = {"metric": metric, "locations": "all", "from": "2026-01-01", "to": "2027-01-01"}
    assert api("POST", "/metrics/v1/query", query).json["total"]["value"] == 1


@pytest.mark.parametrize("release", RELEASES)
def test_the_api_answers_from_a_rebuilt_database(tmp_path, release):
    of_release(tmp_path / "events.db", release)
    api = Api(str(tmp_path / "events.db"))
    newest, oldest = api.get("/events/v1?location_id=loc-1")["events"]
    assert (newest["distinct_id"], newest["event_name"], newest["contact_id"]) == (
        "d-1",
        "Offer Made",
        "c-1",
    )
    assert newest["properties"] == {"value": 1.5, "note": "it's 5 %"}
    assert (oldest["distinct_id"], oldest["contact_id"]) == ("d-2", None)
    (contact,) = api.get("/contacts/v1?location_id=loc-1")["contacts"]
    assert (contact["contact_id"], contact["name"], sorted(contact["tags"])) == (
        "c-1",
        "Ann",
        ["new lead", "vip"],
    )
    (location,) = api.get("/locations/v1")["locations"]
    assert (location["name"], location["timezone"]) == ("Berlin", "Europe/Berlin")
    assert [metric["name"] for metric in api.get("/metrics/v1")["metrics"]] == ["Sales"]
    assert [key["name"] for key in api.get("/keys/v1")["keys"]] == ["Workflows"]
    assert [each["code"] for each in api.get("/rejections/v1")["rejections"]] == ["invalid"]
    # The file gave 3 and deleted it; it is not given again.
    api.post(event("d-4"))
    assert api.rows("select max(event_id) from events") == [(4,)]
    api.app.close()


def test_what_a_crash_left_in_the_wal_is_rebuilt_too(tmp_path):
    path = tmp_path / "events.db"
    of_release(path)
    with closing(apsw.Connection(str(path))) as crashed:
        crashed.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        crashed.pragma("journal_mode", "wal")
        crashed.execute("update events set event_name = 'In the WAL'")
    assert path.with_name("events.db-wal").stat().st_size > 0
    opened(path).close()
    assert {row[3] for row in dump(path)["rows"]["events"]} == {"In the WAL"}
    assert dump(kept_by_upgrade(path))["rows"] == dump(path)["rows"]


@pytest.mark.parametrize("release", RELEASES)
def test_an_empty_wide_database_is_rebuilt(tmp_path, release):
    path = tmp_path / "events.db"
    version = of_release(path, release)["version"]
    path.unlink()
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("application_id", lite.APPLICATION_ID)
        lite.take_steps(connection, version)
    opened(path).close()
    assert dump(path)["version"] == len(lite.migrations())
    assert dump(kept_by_upgrade(path))["version"] == version


def test_a_wide_database_is_rebuilt_with_all_later_steps(tmp_path, monkeypatch):
    path = tmp_path / "events.db"
    before = of_release(path)
    steps = [*lite.migrations(), *NEXT_STEPS]
    monkeypatch.setattr(lite, "migrations", lambda: steps)
    opened(path).close()
    assert dump(kept_by_upgrade(path)) == before
    assert (dump(path)["version"], dump(path)["rows"]) == (len(steps), before["rows"])


def test_events_are_copied_over_gaps_of_their_ids_and_progress_is_shown_and_logged(
    tmp_path, monkeypatch, caplog
):
    path = tmp_path / "events.db"
    of_release(path)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("""
            with recursive numbers (n) as (select 1 union all select n + 1 from numbers limit 500)
            insert into events (event_id, location_id, distinct_id, event_name, contact_id,
                                timestamp, received_at, updated_at)
            select 10 + n * n * 1000000, 'loc-' || n % 7, 'distinct ' || n, 'Name ' || n % 5,
                   'contact ' || n % 20, n, n, n
            from numbers
        """)
    before = dump(path)
    monkeypatch.setattr(lite, "COPY_STEP", 30)
    monkeypatch.setattr(lite.LoggedProgress, "SECONDS", 0)
    with closing(apsw.Connection(str(path))) as source:
        source.execute("vacuum into ?", (str(tmp_path / "second.db"),))
    opened(path).close()
    assert dump(path)["rows"] == before["rows"]
    percents = [int(text) for text in re.findall(r"is being rebuilt: (\d+) %", caplog.text)]
    assert percents == sorted(percents) and {10, 30, 75, 90} <= {*percents} and len(percents) > 20
    caplog.clear()
    shown = []
    config = lite.Config(database=str(tmp_path / "second.db"))
    lite.Database(config, show=lambda *step: shown.append(step)).close()
    assert len(caplog.messages) == 2 and [round(done) for done, _ in shown] == percents
    assert {total for _, total in shown} == {100}


def test_without_room_for_the_new_file_nothing_is_rebuilt(tmp_path, monkeypatch):
    path = tmp_path / "events.db"
    before = of_release(path)
    monkeypatch.setattr(lite.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 9))
    message = (
        r"has an earlier schema and must be rebuilt, which takes up to 0\.1 MB; "
        r"in .* 0 MB are free, so make room; the file was left as it is"
    )
    with pytest.raises(lite.CommandError, match=message):
        opened(path)
    assert dump(path) == before and [*tmp_path.iterdir()] == [path]


def test_a_disk_that_is_full_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "events.db"
    before = of_release(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(lite.ConfigError, match="cannot open the database .*"):
            opened(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert dump(path) == before and [*tmp_path.iterdir()] == [path]


def test_a_wide_database_that_another_process_has_open_is_not_rebuilt(tmp_path, monkeypatch):
    path = tmp_path / "events.db"
    before = of_release(path)
    monkeypatch.setattr(lite, "BUSY_SECONDS", 0)
    with closing(apsw.Connection(str(path))) as other:
        other.pragma("journal_mode", "wal")
        other.execute("select * from events").fetchall()
        with pytest.raises(lite.ConfigError, match="another process has it open"):
            opened(path)
        assert {each.suffix for each in tmp_path.iterdir()} == {".db", ".db-wal", ".db-shm"}
    assert dump(path) == before
    with closing(apsw.Connection(str(path))) as other:
        ending = threading.Timer(0.05, other.close)
        other.execute("select * from events").fetchall()
        monkeypatch.setattr(lite, "BUSY_SECONDS", 5)
        ending.start()
        opened(path).close()
        ending.join()
    assert dump(path)["rows"] == before["rows"]


def test_nobody_opens_the_old_file_while_it_is_rebuilt(tmp_path):
    path = tmp_path / "events.db"
    of_release(path)
    script = f"import apsw; apsw.Connection({str(path)!r}).execute('select * from keys').fetchall()"
    command = [os.sys.executable, "-c", script]
    found = []

    def show(done: float, total: float) -> None:
        if done == 75:
            found.append(subprocess.run(command, capture_output=True, text=True, timeout=30).stderr)

    lite.Database(lite.Config(database=str(path)), show=show).close()
    assert "BusyError" in found[0]


def test_a_link_to_a_file_that_is_not_there_yet_makes_that_file(tmp_path):
    """Also behind a second link; what SQLite keeps beside the file is not beside the link."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "link.db").symlink_to("real.db")
    link = tmp_path / "events.db"
    link.symlink_to("data/link.db")
    with closing(opened(link)) as database:
        assert {each.name for each in data.iterdir()} == {
            "link.db",
            "real.db",
            "real.db-wal",
            "real.db-shm",
        }
        assert database.path == str(data / "real.db")
    assert link.is_symlink() and {*tmp_path.iterdir()} == {link, data}
    assert (data / "real.db").stat().st_mode & 0o777 == 0o600
    opened(link).close()


def test_a_link_that_changes_under_a_running_server_changes_nothing(tmp_path):
    """Readers that open later would else read another file than the writer writes."""
    link = tmp_path / "events.db"
    link.symlink_to("one.db")
    with closing(opened(link)) as database:
        opened(tmp_path / "other.db").close()
        link.unlink()
        link.symlink_to("other.db")
        with database.turn():
            lite.create_key(database.writer, lite.NewKey(name="one"), 1)
        with database.read() as connection:
            assert len(lite.list_keys(connection)) == 1


def test_a_link_to_a_wide_database_stays_one(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "real.db"
    before = of_release(path)
    link = tmp_path / "events.db"
    link.symlink_to(path)
    opened(link).close()
    assert link.is_symlink() and {*tmp_path.iterdir()} == {link, path.parent}
    assert dump(kept_by_upgrade(path)) == before and dump(link)["rows"] == before["rows"]


def test_a_wide_database_in_a_folder_that_cannot_be_written_is_left_as_it_is(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    before = of_release(folder / "events.db")
    (folder / "events.db").chmod(0o666)
    folder.chmod(0o555)
    tmp_path.chmod(0o755)
    with (
        unprivileged(tmp_path),
        pytest.raises(lite.ConfigError, match="make the file and its folder writable"),
    ):
        opened(folder / "events.db")
    assert dump(folder / "events.db") == before
    assert [each.name for each in folder.iterdir()] == ["events.db"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's file")
def test_a_wide_database_of_another_user_is_not_taken_from_them(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    before = of_release(folder / "events.db")
    for each in (tmp_path, folder, folder / "events.db"):
        each.chmod(0o777)
    with unprivileged(tmp_path), pytest.raises(lite.ConfigError, match="belongs to another user"):
        opened(folder / "events.db")
    assert dump(folder / "events.db") == before
    assert [each.name for each in folder.iterdir()] == ["events.db"]
    os.chown(folder / "events.db", 65_534, 65_534)
    opened(folder / "events.db").close()
    assert (folder / "events.db").stat().st_uid == 65_534


@pytest.mark.parametrize(
    "change, difference",
    [
        ("delete from locations", "locations"),
        ("delete from events where event_id = 2", "events"),
        ("update events set contact_key = null", "events"),
        ("update events set timestamp = 5", "events"),
        ("delete from contact_tags where tag = 'vip'", "contact_tags"),
        ("update event_names set event_name = 'Other'", "events: .*Offer Made"),
    ],
)
def test_a_new_file_that_differs_is_not_put_in_place(tmp_path, monkeypatch, change, difference):
    path = tmp_path / "events.db"
    before = of_release(path)
    copy_events = lite.Upgrade.copy_events

    def copy_wrongly(upgrade, until):
        copy_events(upgrade, until)
        upgrade.connection.execute(change)

    monkeypatch.setattr(lite.Upgrade, "copy_events", copy_wrongly)
    with pytest.raises(lite.CommandError, match=rf"would hold something else \({difference}"):
        opened(path)
    assert dump(path) == before and [*tmp_path.iterdir()] == [path]


def test_tables_that_are_not_ours_stay_in_the_old_file_and_are_named(tmp_path, caplog):
    path = tmp_path / "events.db"
    of_release(path)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(
            "create table remarks (remark); create view ours as select * from events"
        )
    opened(path).close()
    assert "not ours and stay in the file before: ours, remarks" in caplog.text
    assert "remarks" in dump(kept_by_upgrade(path))["schema"]


# Upgrades copies of ARGV[1] as ARGV[2], killed at many moments. The first two are known: before and
# after the new file gets its name. After each kill the file is whole, and the next start, killed or
# not, goes on.
KILLED = """
import glob, os, random, shutil, signal, sys, time
import apsw
import streamlined_lite as lite
from older_files import dump
from pathlib import Path

before, path = map(Path, sys.argv[1:])
rows = dump(before)["rows"]
lite.logging.disable()


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def place_and_die(*names, place=lite.replace_database, **kept):
    place(*names, **kept)
    die()


started = time.monotonic()
shutil.copy(before, path)
lite.Database(lite.Config(database=str(path))).close()
duration = time.monotonic() - started
versions = []
for number in range(40):
    if number % 4 == 0:
        for each in glob.glob(f"{path}*"):
            os.unlink(each)
        shutil.copy(before, path)
    child = os.fork()
    if child == 0:
        if number == 0:
            lite.Upgrade.check = die
        elif number == 1:
            lite.replace_database = place_and_die
        else:
            # Its default action ends the process as a SIGKILL does.
            moment = duration * random.Random(number).uniform(0.01, 1.1)
            signal.setitimer(signal.ITIMER_REAL, moment)
        lite.Database(lite.Config(database=str(path)))
        os._exit(0)
    os.waitpid(child, 0)
    found = dump(path)
    versions.append(found["version"])
    assert found["rows"] == rows
    if number % 4 == 3:
        lite.Database(lite.Config(database=str(path))).close()
        assert dump(path)["rows"] == rows and dump(path)["version"] == len(lite.migrations())
        (kept,) = {*glob.glob(f"{path}*")} - {str(path)}
        assert dump(kept) == dump(before)
assert versions[:2] == [2, len(lite.migrations())], versions
assert {*versions} == {*versions[:2]}, versions
"""


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    of_release(tmp_path / "before.db")
    with closing(apsw.Connection(str(tmp_path / "before.db"))) as connection:
        connection.execute("""
            with recursive numbers (n) as (select 1 union all select n + 1 from numbers limit 3000)
            insert into events (location_id, distinct_id, event_name, contact_id, timestamp,
                                received_at, updated_at)
            select 'loc-' || n % 7, 'distinct ' || n, 'Name ' || n % 5, 'contact ' || n % 200,
                   n, n, n
            from numbers
        """)
    (tmp_path / "data").mkdir()
    places = [str(tmp_path / "before.db"), str(tmp_path / "data" / "events.db")]
    folders = [Path(lite.__file__).parent, Path(__file__).parent]
    done = subprocess.run(
        [os.sys.executable, "-c", KILLED, *places],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment() | {"PYTHONPATH": os.pathsep.join(map(str, folders))},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_narrow_database_is_changed_in_place_after_a_copy(tmp_path, monkeypatch, caplog):
    path, newest = tmp_path / "events.db", [*lite.migrations(), *NEXT_STEPS]
    before = of_today(path)
    version = before["version"]
    (
        tmp_path / f"events.db.schema-{version}.20260101T000000.000Z.0123.partial-journal"
    ).touch()  # an upgrade was killed
    monkeypatch.setattr(lite, "migrations", lambda: newest)
    caplog.clear()
    for _ in range(2):  # the second start finds nothing to do
        opened(path).close()
    copy = kept_by_upgrade(path)
    assert copy.name.startswith(f"events.db.schema-{version}.")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
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
    of_today(path)
    monkeypatch.setattr(lite, "migrations", lambda: [*older, *NEXT_STEPS])
    opened(path).close()
    monkeypatch.setattr(lite, "migrations", lambda: older)
    with pytest.raises(lite.ConfigError, match="was written by a newer Streamlined Lite"):
        opened(path)
    opened(kept_by_upgrade(path)).close()


@pytest.mark.parametrize(
    "step",
    [
        "update events set distinct_id = 'x' where event_id = 1; create table more (one); "
        "create table more (two)",
        "update events set nothing = 1",
        "select raise(abort, 'x')",
    ],
)
def test_a_step_that_fails_leaves_all_as_it_was_and_the_next_start_goes_on_there(
    tmp_path, monkeypatch, step
):
    path, steps = tmp_path / "events.db", lite.migrations()
    before = of_today(path)
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


def test_without_room_for_a_copy_nothing_is_changed(tmp_path, monkeypatch):
    path, steps = tmp_path / "events.db", lite.migrations()
    before = of_today(path)
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


########################################################################################################
# Who opens it at once
########################################################################################################


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
        ).stdout.splitlines()

    return run


def test_debians_sqlite3_opens_the_file(shell):
    events = "select location_id, distinct_id, event_name, contact_id from events_with_texts"
    contacts = "select location_id, contact_id, tags from contacts_with_texts"
    assert shell(f"pragma integrity_check; {events}; {contacts}") == [
        "ok",
        "loc-1|d-1|Offer Made|c-1",
        "loc-1|c-1|[]",
    ]


def test_triggers_work_in_debians_sqlite3(shell):
    counts = (
        "select (select count(*) from events), (select count(*) from contacts), "
        "(select count(*) from rejections);"
    )
    insert = """
        insert into locations (location_key, location_id, first_seen_at) values (7, 'loc-2', 1);
        insert into event_names (name_key, event_name) values (8, 'Sold'), (9, 'Other');
        insert into contacts (contact_key, location_key, contact_id, created_at, updated_at)
        values (3, 7, 'c-2', 1, 1);
        insert into contact_tags (contact_key, tag, location_key) values (3, 'vip', 7);
        insert into events (location_key, name_key, contact_key, distinct_id, timestamp,
                            received_at, updated_at) values (7, 8, 3, 'd-2', 1, 1, 1);
    """
    assert shell(insert + counts) == ["2|2|0"]
    assert shell("update events set name_key = 9 where distinct_id = 'd-2';" + counts) == ["2|2|1"]
    assert shell("delete from contacts where contact_id = 'c-1';" + counts) == ["1|1|1"]
    assert shell(
        "pragma recursive_triggers = 1; delete from locations where location_id = 'loc-2';" + counts
    ) == ["0|0|0"]
    assert shell("select count(*) from contact_tags; pragma foreign_key_check") == ["0"]


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
        "identity",
        "locations",
        "event_names",
        "contacts",
        "contact_tags",
        "events",
        "rejections",
        "metrics",
        "keys",
        "deletions",
        "dashboards",
        "shares",
        "branding",
        "alerts",
        "alert_states",
        "arrivals",
        "uptimes",
        "reports",
        "unsubscribed",
        "messages",
    }
    assert all(row[5] == 1 for row in tables.values())


def insert_event(
    connection, distinct_id="d-1", contact_id="c-1", location_id="loc-1", at=1_000, **fields
):
    """As the program does it, at a time of its own: the row as it is then."""
    sent = {
        "event_name": "Sold",
        "location_id": location_id,
        "distinct_id": distinct_id,
        "contact_id": contact_id,
    } | fields
    _, stored, _ = lite.store_event(connection, lite.Event.model_construct(**sent), at, at)
    return stored


def insert_contact(connection, contact_id="c-1", location_id="loc-1", tags=()):
    """As the program does it."""
    sent = lite.Contact(location_id=location_id, contact_id=contact_id, name="Ann", tags=list(tags))
    lite.store_contact(connection, sent, 5)


def table(connection, name: str, *columns: str) -> list[tuple]:
    """Its rows; a table with the texts of its keys, where it has any."""
    texts = {
        "events": "events_with_texts",
        "contacts": "contacts_with_texts",
        "contact_tags": (
            "(select t.*, l.location_id, c.contact_id from contact_tags as t "
            "join locations as l using (location_key) join contacts as c using (contact_key))"
        ),
    }
    selected = ", ".join(columns)
    source = texts.get(name, name)
    return list(connection.execute(f"select {selected} from {source} order by {selected}"))


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


def test_a_text_that_repeats_is_stored_once(connection):
    for number in range(4):
        insert_event(connection, f"d-{number}", f"c-{number % 2}", f"loc-{number % 2}")
    assert table(connection, "event_names", "name_key", "event_name") == [(1, "Sold")]
    assert table(connection, "locations", "location_key", "location_id") == [
        (1, "loc-0"),
        (2, "loc-1"),
    ]
    keys = connection.execute(
        "select location_key, contact_key, name_key from events order by event_id"
    )
    assert list(keys) == [(1, 1, 1), (2, 2, 1), (1, 1, 1), (2, 2, 1)]


def test_the_same_contact_id_in_two_locations_is_two_contacts(connection):
    for location_id in ("loc-1", "loc-2"):
        insert_event(connection, "d-1", "c-1", location_id)
    assert table(connection, "contacts", "contact_key", "location_id", "contact_id") == [
        (1, "loc-1", "c-1"),
        (2, "loc-2", "c-1"),
    ]
    assert table(connection, "events", "location_id", "contact_id") == [
        ("loc-1", "c-1"),
        ("loc-2", "c-1"),
    ]
    assert broken_relations(connection) == []


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
    assert table(connection, "events", "contact_id", "updated_at") == [("c-2", 8)]


@pytest.mark.parametrize("clause", ["", "or ignore", "or replace", "or abort"])
def test_triggers_hold_under_every_conflict_clause(connection, clause):
    """SQLite applies the outer clause to what a trigger inserts."""
    insert_event(connection, "d-1", "c-1")
    insert_event(connection, "d-2", "c-2")
    connection.execute(f"update {clause} events set contact_key = 2 where distinct_id = 'd-1'")
    assert table(connection, "events", "distinct_id", "contact_id") == [
        ("d-1", "c-2"),
        ("d-2", "c-2"),
    ]
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
    connection.execute("delete from contacts where location_key = 1 and contact_id = 'c-1'")
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
    connection.execute("delete from locations where location_id = 'loc-1'")
    for name in ("events", "contacts", "contact_tags", "locations"):
        assert set(table(connection, name, "location_id")) == {("loc-2",)}, name


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
    insert_event(connection, properties={"value": 1.5, "plan": "Gold"}, timestamp=1_767_225_600_123)
    insert_event(
        connection,
        **{"contact_id": "c-1", "at": 2_000, "timestamp": 5, "properties": {"value": 2}} | changed,
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
        ({"properties": {"a": 1}}, {"properties": {"a": 2}}),
        ({"contact_id": None}, {"contact_id": "c-1"}),
        ({}, {"timestamp": 5}),
    ],
)
def test_an_event_that_stays_the_same_one_replaces_nothing(connection, before, after):
    insert_event(connection, **before)
    insert_event(connection, **after)
    assert table(connection, "rejections", "code") == []


def test_an_event_that_moves_to_the_name_that_its_own_became_an_alias_of_is_not_replaced(
    connection,
):
    insert_event(connection, "d-1", event_name="Sold")
    insert_event(connection, "d-2", event_name="Other")
    connection.execute("update event_names set alias_of = 2 where event_name = 'Sold'")
    connection.execute("update events set name_key = 2")
    assert table(connection, "rejections", "code") == []
    connection.execute("update events set name_key = 1")  # the other way, both become another
    assert table(connection, "rejections", "code") == [("event_replaced",)] * 2


def test_the_first_timestamp_stays_and_updates_are_counted(connection):
    insert_event(connection, at=10)
    again = insert_event(connection, at=20, timestamp=15, properties={"value": 2})
    assert (
        again["timestamp"],
        again["received_at"],
        again["updated_at"],
        again["update_count"],
    ) == (10, 10, 20, 1)


@pytest.mark.parametrize(
    "name, column, value",
    [
        ("locations", "location_id", "''"),
        ("event_names", "event_name", "''"),
        ("contacts", "contact_id", "''"),
        ("contacts", "location_key", "null"),
        ("contact_tags", "tag", "''"),
        ("events", "location_key", "null"),
        ("events", "location_key", "'loc-1'"),
        ("events", "name_key", "null"),
        ("events", "name_key", "'Sold'"),
        ("events", "contact_key", "'c-1'"),
        ("events", "distinct_id", "''"),
        ("events", "timestamp", "-1"),
        ("events", "timestamp", str(lite.YEAR_2200)),
        ("events", "timestamp", "'soon'"),
        ("events", "properties", "'{'"),
    ],
)
def test_the_file_itself_refuses_what_is_no_event(connection, name, column, value):
    insert_contact(connection, tags=["vip"])
    insert_event(connection)
    with pytest.raises(apsw.ConstraintError):
        connection.execute(f"update {name} set {column} = {value}")


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


PASSIVE, RESTART, TRUNCATE = (
    apsw.SQLITE_CHECKPOINT_PASSIVE,
    apsw.SQLITE_CHECKPOINT_RESTART,
    apsw.SQLITE_CHECKPOINT_TRUNCATE,
)


@pytest.mark.parametrize(
    "pages, kept_back, modes",
    [
        (lite.RESTART_PAGES - 1, 0, [PASSIVE]),
        # Little is left for the one that holds the writer.
        (lite.RESTART_PAGES, 0, [PASSIVE, PASSIVE, PASSIVE, RESTART]),
        (lite.LARGE_PAGES, 0, [PASSIVE, PASSIVE, PASSIVE, TRUNCATE]),
        # By a read of another process, for which ours need not wait again soon.
        (lite.LARGE_PAGES, 1, [PASSIVE, PASSIVE, PASSIVE, PASSIVE]),
    ],
)
def test_a_large_wal_is_begun_anew(database, pages, kept_back, modes):
    """PASSIVE alone, beside a busy writer, lets it grow."""

    class Connection:
        def execute(self, sql):
            return database.writer.execute(sql)

        def wal_checkpoint(self, mode):
            used.append(mode)
            return pages, pages - kept_back

    used: list[int] = []
    database.checkpointer.pages = pages
    database.checkpointer.checkpoint(Connection())
    if kept_back:
        database.checkpointer.checkpoint(Connection())
    assert used == modes


@pytest.fixture
def small_wal(monkeypatch):
    """What is large elsewhere is a hundred pages here."""
    for name, pages in (("CHECKPOINT_PAGES", 10), ("RESTART_PAGES", 50), ("LARGE_PAGES", 100)):
        monkeypatch.setattr(lite, name, pages)
    monkeypatch.setattr(lite, "GRACE_SECONDS", 0.1)


def grow(database, until):
    """Stores until something has happened."""
    end = time.monotonic() + 30
    for number in itertools.count():
        if until():
            return
        assert time.monotonic() < end, "it does not happen"
        store(database, f"d-{number}" + "x" * 900)


def count_cuts(database):
    """A list that gets longer each time that the WAL is begun anew."""
    cuts: list[bool] = []
    begin_anew = database.checkpointer.begin_anew

    def counted(connection, cut):
        begin_anew(connection, cut)
        if not database.checkpointer.pages:
            cuts.append(cut)

    database.checkpointer.begin_anew = counted
    return cuts


@pytest.mark.usefixtures("small_wal")
def test_reads_give_way_to_a_large_wal_which_is_cut(database):
    """Each of two begins while the other one goes on, as on a busy dashboard; so do two that would
    go on for ever, which get 503."""
    endless = (
        "with recursive numbers (n) as (select 1 union all select n + 1 from numbers) "
        "select max(n) from numbers"
    )
    answers: list[lite.Problem] = []
    stopping = threading.Event()
    cuts = count_cuts(database)

    def read(seconds):
        while not stopping.is_set():
            try:
                with database.read() as connection, lite.time_limit(connection, seconds):
                    connection.execute(endless).fetchall()
            except lite.Problem as problem:
                answers.append(problem)

    for seconds in (0.02, 1):
        threads = [threading.Thread(target=read, args=(seconds,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        before = len(cuts)
        grow(database, lambda before=before: len(cuts) >= before + 2)
        stopping.set()
        for thread in threads:
            thread.join()
        stopping.clear()
    assert True in cuts
    codes = {problem.code for problem in answers}
    assert codes == {"query_too_slow", "read_stopped"}
    stopped = next(problem for problem in answers if problem.code == "read_stopped")
    assert lite.respond(stopped, reading=True).status == 503
    with database.read() as connection:
        assert connection.execute("select 1").get == 1


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
