"""The commands as a person meets them: the first start, keys, exit codes, one line an error."""

import argparse
import contextlib
import csv
import fcntl
import http.client
import io
import itertools
import json
import math
import os
import pty
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import apsw
import pytest
import tzdata
from conftest import (
    ADMIN,
    NOW,
    PROGRAM,
    Api,
    Clock,
    ServerProcess,
    clean_environment,
    event,
    exchange,
    fill,
    request_bytes,
    unprivileged,
)
from older_files import dump, of_release

import streamlined_lite as lite


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in this process, in an empty folder: (exit code, its output, its errors)."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STREAMLINED_")]:
        monkeypatch.delenv(name)

    def command(*argv: str) -> tuple[int, str, str]:
        try:
            code = lite.main(list(argv))
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def database(tmp_path) -> str:
    path = str(tmp_path / "events.db")
    lite.Database(lite.Config(database=path)).close()
    return path


def fetch(url: str, token: str | None = None) -> tuple[int, dict]:
    request = urllib.request.Request(url, headers={"X-API-Key": token} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


# Keys


def test_a_key_is_created_listed_and_revoked(run, database):
    code, out, err = run(
        "keys",
        "create",
        "Forms and such",
        "--location",
        "loc-1",
        "--location",
        "loc-2",
        "--database",
        database,
    )
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"Key 1, Forms and such \(ingest\)\. Its token is shown only now:\nsl_[\w-]{40}\n", out
    )
    token = out.split()[-1]
    code, out, err = run("keys", "list", "--database", database)
    assert (code, err) == (0, "") and token not in out and token[:9] in out
    assert all(
        each in out for each in ("ID", "SCOPE", "Forms and such", "ingest", "loc-1, loc-2", "never")
    )
    assert run("keys", "revoke", "1", "--database", database) == (
        0,
        "Key 1, Forms and such, is revoked.\n",
        "",
    )
    assert run("keys", "revoke", "1", "--database", database)[0] == 0
    assert len(run("keys", "list", "--database", database)[1].splitlines()) == 2


@pytest.mark.parametrize(
    "flags, address",
    [
        ([], "http://127.0.0.1:8080"),
        (["--public-url", "https://events.example.com"], "https://events.example.com"),
        (["--host", "0.0.0.0", "--port", "81"], "http://127.0.0.1:81"),
        (["--host", "::1"], "http://[::1]:8080"),
        (["--port", "0"], None),
    ],
)
@pytest.mark.parametrize("scope", ["ingest", "sync", "read", "admin"])
def test_a_key_for_the_page_comes_with_a_link_that_signs_in(run, database, scope, flags, address):
    flags = [*flags, "--scope", scope, "--database", database]
    code, out, _ = run("keys", "create", "a", *flags)
    token = out.split()[-1]
    links = re.findall("^http.*", out, re.MULTILINE)
    is_expected = address and scope in ("read", "admin")
    assert (code, links) == (0, [f"{address}/#key={token}"] if is_expected else [])
    made = json.loads(run("keys", "create", "a", *flags, "--json")[1])
    assert made.get("sign_in") == (f"{address}/#key={made['token']}" if is_expected else None)


def test_with_json_every_answer_is_json(run, database):
    made = json.loads(
        run(
            "keys",
            "create",
            "a",
            "--scope",
            "sync",
            "--generate-distinct-ids",
            "--json",
            "--database",
            database,
        )[1]
    )
    assert (made["scope"], made["distinct_id_rule"], made["locations"], made["token"][:3]) == (
        "sync",
        "generate",
        None,
        "sl_",
    )
    listed = json.loads(run("keys", "list", "--json", "--database", database)[1])
    assert listed == [{name: value for name, value in made.items() if name != "token"}]
    assert (
        json.loads(run("keys", "revoke", "1", "--json", "--database", database)[1])["revoked_at"]
        is not None
    )


def test_the_database_may_be_named_by_its_variable_or_be_the_one_in_the_folder(
    run, database, tmp_path, monkeypatch
):
    monkeypatch.setenv("STREAMLINED_DATABASE", database)
    assert run("keys", "create", "a")[0] == 0
    monkeypatch.delenv("STREAMLINED_DATABASE")
    os.rename(database, tmp_path / "streamlined-lite.db")
    assert "sl_" in run("keys", "list")[1]


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "create", "a"),
        ("keys", "list"),
        ("keys", "revoke", "1"),
        ("export", "events"),
        ("backup", "copy.db"),
        ("delete-events", "--name", "x", "--yes"),
    ],
)
@pytest.mark.parametrize(
    "path, said",
    [
        (
            "missing.db",
            "there is no database missing.db; name it with --database or STREAMLINED_DATABASE",
        ),
        (":memory:", "--database or STREAMLINED_DATABASE"),
        ("text.db", "text.db is not a Streamlined Lite database"),
        (".", "cannot read the database ."),
    ],
)
def test_a_database_that_is_not_there_or_not_ours_is_refused_by_its_name_and_left(
    run, tmp_path, command, path, said
):
    (tmp_path / "text.db").write_text("hello")
    code, out, err = run(*command, "--database", path)
    assert (
        (code, out, err.count("\n")) == (2, "", 1)
        and said in err
        and err.startswith("streamlined-lite: ")
    )
    assert [each.name for each in tmp_path.iterdir()] == ["text.db"] and (
        tmp_path / "text.db"
    ).read_text() == "hello"


@pytest.mark.parametrize(
    "command",
    [
        ["keys", "create", "a"],
        ["export", "events"],
        ["import", "in.ndjson"],
        ["delete-events", "--name", "x", "--yes"],
        ["backup", "copy.db"],
        ["check"],
        ["restore", "events.db"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_a_database_with_a_strangers_trigger(run, database, command):
    change_database(
        database, "create trigger thief after insert on events begin delete from events; end"
    )
    before = Path(database).read_bytes()
    Path("in.ndjson").write_text(json.dumps(event()))
    target = "new.db" if command[0] == "restore" else database
    code, out, err = run(*command, "--database", target)
    assert code == 2 and "the trigger thief is not ours; drop it" in out + err
    assert len((out + err).splitlines()) == (len(out.splitlines()) or 1)
    assert Path(database).read_bytes() == before and files(".") == {"events.db", "in.ndjson"}


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["create", " "], 1, "/name: must not be blank"),
        (["create", "a", "--location", ""], 1, "must not be blank"),
        (["create", "a", "--scope", "root"], 2, "invalid choice"),
        (
            ["create", "a", "--scope", "admin", "--location", "x"],
            1,
            "an admin key is for all locations",
        ),
        (["create"], 2, "required"),
        (["revoke", "9"], 1, "there is no key 9"),
        (["revoke", "9" * 30], 1, "there is no key"),
        (["revoke", "one"], 2, "invalid int value"),
        (["destroy"], 2, "invalid choice"),
        ([], 2, "required"),
        (["list", "--nonsense"], 2, "--nonsense"),
        (["list", "--port", "1"], 2, "--port"),
    ],
)
def test_a_wrong_keys_command_is_one_clear_line(run, database, arguments, code, said):
    ended, out, err = run("keys", *arguments, *(["--database", database] if arguments else []))
    assert (ended, out, err.count("\n")) == (code, "", 1) and said in err
    assert "sl_" not in run("keys", "list", "--database", database)[1]


# Backups


TABLES = (
    "locations",
    "event_names",
    "contacts",
    "contact_tags",
    "events",
    "metrics",
    "rejections",
)


def stored(path) -> list[tuple]:
    """All that a database holds, apart from the use of keys."""
    with closing(apsw.Connection(str(path))) as look:
        return [
            (name, *found)
            for name in TABLES
            for found in look.execute(f"select * from {name} order by 1, 2")
        ]


@pytest.fixture
def filled(database) -> str:
    api = Api(database)
    for number in range(5):
        api.post(event(f"d-{number}", contact_id="c-1", properties={"value": number}))
    api.app.close()
    return database


def files(folder) -> set[str]:
    return {each.name for each in Path(folder).iterdir()}


def test_a_backup_holds_what_the_database_holds_and_is_its_owners_alone(run, filled, tmp_path):
    assert run("backup", "copy.db", "--database", filled) == (
        0,
        f"copy.db: {os.path.getsize(filled):,} bytes, verified\n",
        "",
    )
    assert stored("copy.db") == stored(filled) and files(tmp_path) == {"events.db", "copy.db"}
    assert os.stat("copy.db").st_mode & 0o777 == 0o600
    assert json.loads(run("backup", "other.db", "--json", "--database", filled)[1]) == {
        "file": "other.db",
        "bytes": os.path.getsize("copy.db"),
        "deleted": [],
    }


def test_a_folder_keeps_the_newest_backups_and_all_else_in_it(run, filled, tmp_path):
    (folder := tmp_path / "backups").mkdir()
    (folder / "notes.db").touch()
    left = folder / "events-20260101T000000.000Z.db.abc.partial"
    left.touch()
    os.utime(left, (0, 0))
    made = [
        json.loads(run("backup", str(folder), "--keep", "2", "--json", "--database", filled)[1])
        for _ in range(3)
    ]
    assert files(folder) == {"notes.db", *(os.path.basename(each["file"]) for each in made[1:])}
    assert [each["deleted"] for each in made] == [[str(left)], [], [made[0]["file"]]]
    assert run("backup", str(folder), "--database", filled)[0] == 0 and len(files(folder)) == 4


def test_backups_of_another_database_of_the_same_name_stay(run, filled, tmp_path):
    """An identity in the file tells them apart, which a restored backup has, too."""
    folder = tmp_path / "backups"
    (tmp_path / "other").mkdir()
    folder.mkdir()
    other = str(tmp_path / "other" / "events.db")
    lite.Database(lite.Config(database=other)).close()
    before = of_release(folder / "events-20260101T000000.000Z.db")
    (folder / "events-20260102T000000.000Z.db").write_text("not a database")
    victim = tmp_path / "victim.db"
    run("backup", str(victim), "--database", filled)
    (folder / "events-20260103T000000.000Z.db").symlink_to(victim)
    left = files(folder)

    def backup(database: str) -> dict:
        flags = ("--keep", "1", "--json", "--database", database)
        return json.loads(run("backup", str(folder), *flags)[1])

    theirs = backup(other)
    ours = backup(filled)
    assert (theirs["deleted"], ours["deleted"]) == ([], [])
    code, out, _ = run("backup", str(folder), "--keep", "2", "--database", other)
    assert code == 0 and f"1 in {folder} are of earlier versions" in out
    run("restore", ours["file"], "--database", filled)
    assert backup(filled)["deleted"] == [ours["file"]]
    assert len(files(folder) - left) == 3 and left <= files(folder)
    assert dump(folder / "events-20260101T000000.000Z.db") == before


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([".", "--keep", "0"], "--keep takes 1 or more"),
        (["new", "--keep", "3"], "goes with a folder that exists; this makes it: mkdir -p new"),
        (["events.db"], "events.db exists already"),
        (["no/such/folder.db"], "cannot create no/such/folder.db: No such file or directory"),
        ([], "required"),
    ],
)
def test_a_backup_that_cannot_be_made_is_one_line_and_leaves_no_file(
    run, filled, tmp_path, arguments, said
):
    code, out, err = run("backup", *arguments, "--database", filled)
    assert (
        code in (1, 2)
        and (out, err.count("\n")) == ("", 1)
        and said in err
        and files(tmp_path) == {"events.db"}
    )


def test_a_backup_of_a_damaged_database_is_refused(run, filled, tmp_path):
    damage(filled)
    before = Path(filled).read_bytes()
    code, out, err = run("backup", "copy.db", "--database", filled)
    assert (code, out, err.count("\n")) == (1, "", 1) and (
        "is damaged" in err or "malformed" in err
    )
    assert files(tmp_path) == {"events.db"} and Path(filled).read_bytes() == before


def damage(path: str) -> None:
    """Overwrites a page in the middle with noise."""
    with open(path, "rb+") as file:
        file.seek(4096 * 3)
        file.write(b"\x05noise" * 600)


def limited(*command: str, bytes_: int, cwd) -> subprocess.CompletedProcess:
    """Runs a command on a disk that is full at so many bytes a file."""
    return subprocess.run(
        [*PROGRAM, *command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=clean_environment(),
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_)),
    )


@pytest.mark.parametrize("command", [["backup", "copy.db"], ["restore", "before.db"]])
def test_a_full_disk_is_one_line_and_leaves_all_as_it_was(run, filled, tmp_path, command):
    shutil.copy(filled, "before.db")
    before = stored(filled)
    done = limited(*command, "--database", "events.db", bytes_=50_000, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (
        1,
        "",
        1,
    ) and "cannot copy" in done.stderr
    assert files(tmp_path) == {"events.db", "before.db"} and stored(filled) == before


def nearly_full(disk: Path) -> Path:
    """Leaves 64 kB of it."""
    with open(filler := fill(disk / "filler"), "rb+") as file:
        file.truncate(filler.stat().st_size - 65_536)
    return disk


@pytest.mark.parametrize(
    "command, source",
    [(["backup", "{disk}"], "{filled}"), (["restore", "{filled}"], "{disk}/new.db")],
)
def test_on_a_disk_that_is_really_full_no_copy_leaves_a_file(
    run, filled, small_disk, command, source
):
    """SQLite's messages and remains differ from those of a limit."""
    names = {"disk": nearly_full(small_disk), "filled": filled}
    code, out, err = run(*(each.format(**names) for each in [*command, "--database", source]))
    assert (code, out, err) == (
        1,
        "",
        f"streamlined-lite: cannot copy {filled}: the disk is full; "
        "make room, or take another disk\n",
    )
    assert files(small_disk) == {"filler"}


def test_rejected_lines_go_through_no_link(run, tmp_path, monkeypatch):
    """Neither through one that lies there, nor one that somebody puts there meanwhile."""
    source = tmp_path / "in.ndjson"
    source.write_text('{"event_name": 1}\n')
    victim = tmp_path / "victim"
    victim.write_text("mine")
    rejected = tmp_path / "in.ndjson.rejected"
    rejected.symlink_to(victim)
    assert run("import", str(source), "--database", "new.db")[0] == 3
    assert not rejected.is_symlink() and b'"line":1' in rejected.read_bytes()
    next_step = lite.next_step

    def put_link_there(*arguments):
        with contextlib.suppress(FileExistsError):
            rejected.symlink_to(victim)
        return next_step(*arguments)

    monkeypatch.setattr(lite, "next_step", put_link_there)
    code, out, err = run("import", str(source), "--database", "new.db")
    assert (code, err) == (
        1,
        f"streamlined-lite: {rejected}: File exists; what was committed before is stored\n",
    )
    assert victim.read_text() == "mine"


def test_whatever_is_written_beside_files_of_others_follows_no_link(
    run, filled, tmp_path, monkeypatch
):
    """Exports, copies and what an upgrade rebuilds, where others may write into the folder."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    os.chmod(victim, 0o600)
    whole_file = lite.whole_file

    @contextlib.contextmanager
    def swapped(*arguments):
        with whole_file(*arguments) as partial:
            os.unlink(partial)
            os.symlink(victim, partial)
            yield partial

    monkeypatch.setattr(lite, "whole_file", swapped)
    older = tmp_path / "older.db"
    before = of_release(older)
    for arguments in (
        ["export", "events", "--output", "out.ndjson", "--database", filled],
        ["backup", str(tmp_path / "copy.db"), "--database", filled],
        ["restore", filled, "--database", str(tmp_path / "new.db")],
        ["keys", "create", "a", "--database", str(older)],
    ):
        assert run(*arguments)[0] in (1, 2)
    os.chmod(older, 0o644)
    link = tmp_path / "link"
    link.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        lite.inherit_owner(str(link), str(older))
    link.unlink()
    assert victim.read_text() == "mine" and victim.stat().st_mode & 0o777 == 0o600
    assert dump(older) == before
    assert files(tmp_path) == {"events.db", "older.db", "victim"}


def test_rejected_lines_for_which_there_is_no_room_are_told(run, small_disk):
    source = small_disk / "in.ndjson"
    source.write_text('{"event_name": 1}\n' * 1_000)
    nearly_full(small_disk)
    assert run("import", str(source), "--database", "new.db") == (
        1,
        "",
        f"streamlined-lite: {source}.rejected: No space left on device; "
        "what was committed before is stored\n",
    )


def test_a_backup_made_while_events_arrive_is_one_sound_state(start, run, tmp_path):
    """Events are posted one after the other, so every state holds the first so many of them."""
    server, posting, failed = start(tmp_path / "events.db"), threading.Event(), []
    posting.set()

    def post():
        with closing(
            http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        ) as connection:
            for number in itertools.count():
                if not posting.is_set():
                    break
                connection.request(
                    "POST",
                    "/events/ingestion/v1",
                    json.dumps(event(f"{number:06}", properties={"text": "x" * 3000})),
                    {"X-API-Key": ADMIN},
                )
                with connection.getresponse() as answer:
                    failed.extend([answer.read()] if answer.status != 201 else [])

    thread = threading.Thread(target=post)
    thread.start()
    try:
        made = [
            run("backup", f"copy-{number}.db", "--database", server.database)[0]
            for number in range(4)
        ]
    finally:
        posting.clear()
        thread.join()
    sizes = []
    for number in range(4):
        with closing(apsw.Connection(f"copy-{number}.db")) as look:
            names = [row[0] for row in look.execute("select distinct_id from events order by 1")]
            assert look.execute("pragma integrity_check").get == "ok" and names == [
                f"{each:06}" for each in range(len(names))
            ]
            sizes.append(len(names))
    assert made == [0] * 4 and failed == [] and sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_a_restored_backup_takes_the_place_of_the_database_which_is_kept(run, filled, tmp_path):
    run("backup", "copy.db", "--database", filled)
    then = stored(filled)
    api = Api(filled)
    api.post(event("later"))
    api.app.close()
    now = stored(filled)
    answer = json.loads(run("restore", "copy.db", "--json", "--database", filled)[1])
    assert (
        answer["database"] == filled
        and stored(filled) == then
        and stored(answer["replaced"]) == now
    )
    assert files(tmp_path) == {"events.db", "copy.db", os.path.basename(answer["replaced"])}
    assert os.stat(filled).st_mode & 0o777 == 0o600


def test_a_backup_is_restored_where_there_is_no_database(run, filled, tmp_path):
    run("backup", "copy.db", "--database", filled)
    code, out, err = run("restore", "copy.db", "--database", "new.db")
    assert (code, err) == (0, "") and "kept" not in out and stored("new.db") == stored(filled)


def test_every_command_takes_a_link_for_the_file_that_it_leads_to(run, filled, tmp_path):
    """Also before there is that file; only the names of backups follow the link's."""
    events = sorted(exported(run, "events", filled).splitlines())
    Path("e.ndjson").write_text("\n".join(events))
    os.mkdir("data")
    os.mkdir("backups")
    os.symlink("data/real.db", "link.db")
    link = ("--database", "link.db")
    assert run("import", "e.ndjson", *link)[0] == 0
    assert files(tmp_path / "data") == {"real.db"}
    assert sorted(exported(run, "events", "link.db").splitlines()) == events
    assert os.stat("data/real.db").st_mode & 0o777 == 0o600
    assert run("backup", "backups", *link)[0] == 0
    (backup,) = Path("backups").iterdir()
    assert backup.name.startswith("link-")
    assert [each["level"] for each in findings(run, *link) if each["about"] == "backups"] == ["ok"]
    os.symlink(backup.absolute(), "backup.db")
    answer = json.loads(run("restore", "backup.db", "--json", *link)[1])
    assert os.path.dirname(answer["replaced"]) == str(tmp_path / "data")
    os.chmod("data", 0o777)
    warned = [each["message"] for each in findings(run, *link) if each["about"] == "files"]
    assert warned == [f"others can replace what is in {tmp_path}/data"]
    shutil.rmtree("data")
    code, out, err = run("restore", "backup.db", *link)
    assert (code, out, err) == (
        2,
        "",
        f"streamlined-lite: link.db is a link to {tmp_path}/data/real.db, whose folder is not "
        "there; make the folder, or mount the disk that has it\n",
    )
    os.mkdir("data")
    assert run("restore", "backup.db", *link)[0] == 0 and os.path.islink("link.db")
    assert sorted(exported(run, "events", "data/real.db").splitlines()) == events


def findings(run, *flags: str) -> list[dict]:
    return json.loads(run("check", "--backups", "backups", "--json", *flags)[1])["findings"]


def test_what_a_crash_left_in_the_wal_is_kept_with_the_replaced_database(run, filled, tmp_path):
    run("backup", "copy.db", "--database", filled)
    crash(filled)
    answer = json.loads(run("restore", "copy.db", "--json", "--database", filled)[1])
    assert stored(filled) == stored("copy.db") and not os.path.exists(filled + "-wal")
    replaced = dump(answer["replaced"])["rows"]["events"]
    assert {row[3] for row in replaced} == {"In the WAL"}


def crash(path: str) -> None:
    """Leaves a database whose newest rows are in its WAL."""
    script = (
        f"import apsw, os; c = apsw.Connection({path!r}); "
        "c.execute(\"update event_names set event_name = 'In the WAL'\"); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script], timeout=30, check=True)
    assert os.path.getsize(path + "-wal") > 0


@pytest.mark.parametrize("lose", [os.unlink, lambda path: os.truncate(path, 0)])
@pytest.mark.parametrize(
    "command",
    [["check"], ["keys", "list"], ["import", "in.csv"], ["export", "events"]],
    ids=" ".join,
)
def test_a_wal_without_its_file_is_left_for_who_puts_that_back(
    run, filled, tmp_path, command, lose
):
    """SQLite would delete it."""
    Path("in.csv").write_text("event_name,location_id,distinct_id\nA,b,c\n")
    crash(filled)
    lose(filled)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    code, out, err = run(*command, "--database", filled)
    said = (
        f"{filled} is missing or empty, and {filled}-wal has what was stored last; put the file "
        "back to which it belongs, or move it away, or restore a backup; both were left as they are"
    )
    assert code == 2 and said in out + err
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


@pytest.mark.parametrize("lose", [os.unlink, lambda path: os.truncate(path, 0)])
def test_a_restore_takes_an_old_wal_away_and_keeps_it(run, filled, tmp_path, lose):
    """Else SQLite would replay it into the restored file."""
    run("backup", "copy.db", "--database", filled)
    crash(filled)
    wal = Path(filled + "-wal").read_bytes()
    lose(filled)
    code, out, err = run("restore", "copy.db", "--database", filled)
    assert (code, err) == (0, "")
    (kept,) = tmp_path.glob("events.db.*.replaced-wal")
    assert kept.read_bytes() == wal
    assert str(kept).removesuffix("-wal") in out
    assert stored(filled) == stored("copy.db") and files(tmp_path) >= {"events.db", "copy.db"}
    assert not {"events.db-wal", "events.db-shm"} & files(tmp_path)


def test_a_damaged_database_can_be_replaced(run, filled, tmp_path):
    run("backup", "copy.db", "--database", filled)
    Path(filled).write_bytes(b"noise" * 5000)
    answer = json.loads(run("restore", "copy.db", "--json", "--database", filled)[1])
    assert (
        stored(filled) == stored("copy.db")
        and Path(answer["replaced"]).read_bytes() == b"noise" * 5000
    )


def a_newer_schema(path) -> None:
    shutil.copy("events.db", path)
    with closing(apsw.Connection(path)) as connection:
        connection.pragma("user_version", 999)


def a_damaged_one(path) -> None:
    shutil.copy("events.db", path)
    damage(path)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda path: None, "there is no file"),
        (os.mkdir, "there is no file"),
        (lambda path: Path(path).write_text("text"), "is not a Streamlined Lite database"),
        (lambda path: Path(path).touch(), "is not a Streamlined Lite database"),
        (a_newer_schema, "newer Streamlined Lite"),
        (a_damaged_one, "damaged"),
        (lambda path: os.symlink("events.db", path), "is the database itself"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_is_no_sound_backup_is_not_restored(run, filled, tmp_path, make, said):
    make("copy.db")
    before = stored(filled)
    code, out, err = run("restore", "copy.db", "--database", filled)
    assert (
        code in (1, 2)
        and (out, err.count("\n")) == ("", 1)
        and (said in err or said == "damaged" and "malformed" in err)
    )
    assert stored(filled) == before and files(tmp_path) <= {"events.db", "copy.db"}


def test_nothing_is_restored_under_a_running_server(run, start, tmp_path):
    server = start()
    run("backup", "copy.db", "--database", server.database)
    code, out, err = run("restore", "copy.db", "--database", server.database)
    assert (code, out) == (1, "")
    assert err == (
        f"streamlined-lite: another process has {server.database} open, a server perhaps; "
        "stop it first\n"
    )
    assert fetch(f"{server.url}/healthz")[0] == 200 and server.stop() == (0, "")
    assert run("restore", "copy.db", "--database", server.database)[0] == 0


def test_a_file_that_is_replaced_while_it_is_opened_is_noticed(filled, tmp_path, monkeypatch):
    """A server that waited for a restore would else go on with the database that was put away."""
    shutil.copy(filled, tmp_path / "copy.db")
    monkeypatch.setattr(lite, "migrate", lambda *_: os.replace(tmp_path / "copy.db", filled))
    with pytest.raises(lite.ConfigError, match="was replaced in this moment"):
        lite.open_writer(filled)


def check_stop(command: list[str], number: int, code: int, folder: Path, patches: str) -> None:
    """A command that gets this signal whenever it shows its progress says that it was stopped."""
    script = (
        "import os, sys, streamlined_lite as lite\n"
        f"lite.Progress.advance = lambda *_: os.kill(os.getpid(), {int(number)})\n"
        f"{patches}\n"
        f"sys.exit(lite.main({command!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=30,
        env=clean_environment() | {"PYTHONPATH": os.path.dirname(lite.__file__)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        code,
        "",
        "streamlined-lite: stopped before the end; it can be started again\n",
    )


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", [["backup", "copy.db"], ["restore", "before.db"]])
def test_a_signal_ends_a_copy_by_one_line_and_leaves_all_as_it_was(
    filled, tmp_path, command, number, code
):
    """The copy is stopped at its first step, and told to stop again while it clears up."""
    shutil.copy(filled, tmp_path / "before.db")
    before = stored(filled)
    command = [*command, "--database", filled]
    check_stop(command, number, code, tmp_path, "lite.Progress.__exit__ = lite.Progress.advance")
    assert files(tmp_path) == {"events.db", "before.db"} and stored(filled) == before


# Export and import


AWKWARD = [
    "=1+1",
    "+49 30 1",
    "-5",
    "@home",
    "\tab",
    "'=quoted",
    "''-twice",
    "'plain",
    "a,b;c",
    'say "x"',
    "two\nlines",
    "cr\rlf\r\n",
    "Zoë 💶",
    "＝full width",
    "{",
    "[1]",
]


@pytest.fixture
def rich(database) -> str:
    """A database with all that could suffer on its way: formulas, JSON, several lines."""
    api = Api(database)
    for number, text in enumerate(AWKWARD):
        api.post(
            event(
                f"d-{number} {text}",
                event_name=text if text.strip() == text else "Name",
                contact_id=f"c-{number}" if number % 3 else None,
                location_id=f"loc-{number % 2}",
                timestamp=NOW + number * 3_600_000,
                properties={text: text, "value": number, "rate": 1.5, "blank": ""},
            )
        )
        if number % 3:
            api(
                "PUT",
                f"/contacts/v1/loc-{number % 2}/c-{number}",
                {
                    "name": text,
                    "tags": [text, "vip"],
                    "date_created": NOW,
                    "fields": {text: text, "n": 1, "b": True},
                },
            )
    for name in ("=Sum", "Rate"):
        api(
            "POST",
            "/metrics/v1",
            {
                "name": name,
                "formula": "A / 2",
                "format": {"style": "percent"},
                "terms": [
                    {
                        "key": "A",
                        "event": 'Sale, "big"',
                        "type": "account",
                        "aggregation": "sum",
                        "property": "value",
                    }
                ],
            },
        )
    api.app.close()
    return database


def objects(lines: str) -> list[dict]:
    return [json.loads(line) for line in lines.splitlines()]


def exported(run, what: str, database: str) -> str:
    code, out, err = run("export", what, "--database", database)
    assert (code, err) == (0, "") and out
    return out


@pytest.mark.parametrize("what", ["events", "contacts", "metrics"])
@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_what_is_exported_is_imported_unchanged_and_again_does_no_harm(run, rich, what, form):
    before = exported(run, what, rich)
    assert run("export", what, "--format", form, "--output", f"out.{form}", "--database", rich)[
        :2
    ] == (0, f"out.{form}: {len(before.splitlines()):,} {what}\n")
    number = len(before.splitlines())
    for status in ("created", "unchanged"):
        (result,) = json.loads(run("import", f"out.{form}", "--json", "--database", "new.db")[1])
        assert result == {
            "file": f"out.{form}",
            "kind": what,
            "created": 0,
            "updated": 0,
            "unchanged": 0,
            "rejected": 0,
            "rejected_file": None,
            "warnings": {},
        } | {status: number}
    assert sorted(exported(run, what, "new.db").splitlines()) == sorted(before.splitlines())
    assert os.stat(f"out.{form}").st_mode & 0o777 == 0o600 == os.stat("new.db").st_mode & 0o777


def test_an_exported_event_is_what_any_compatible_gateway_takes(run, rich, tmp_path):
    lines = [json.loads(line) for line in exported(run, "events", rich).splitlines()]
    assert len(lines) == len(AWKWARD) and all(
        each.keys() <= set(lite.EVENT_FIELDS) for each in lines
    )
    other = Api()
    for each in lines:
        answer = other.post(each)
        assert (answer.status_int, answer.json["warnings"]) == (201, [])
        assert {
            name: value for name, value in answer.json["event"].items() if value is not None
        } | each == {
            name: value for name, value in answer.json["event"].items() if value is not None
        }
    other.app.close()


def test_no_cell_is_a_formula_to_a_spreadsheet(run, rich):
    for what in ("events", "contacts", "metrics"):
        with closing(
            io.StringIO(run("export", what, "--format", "csv", "--database", rich)[1], newline="")
        ) as text:
            cells = [cell for row in csv.reader(text) for cell in row]
        assert [cell for cell in cells if cell[:1] and cell[0] in "=+-@\t\r\n＝"] == [] and any(
            cell.startswith("'=") for cell in cells if what != "contacts"
        ) | (what == "contacts")


@pytest.mark.parametrize(
    "flags, expected",
    [
        (["--location", "loc-1"], 8),
        (["--name", "=1+1"], 1),
        (["--contact", "c-1", "--location", "loc-1"], 1),
        (["--from", "2026-01-01T10:00:00Z"], 6),
        (["--to", "2026-01-01T10:00:00Z"], 10),
        (["--from", "2026-01-01", "--to", "2026-01-02", "--location", "loc-0"], 8),
        (["--location", "nowhere"], 0),
        (["--from", "2026-01-01", "--timezone", "America/New_York"], 11),
        (["--from", "2026-01-01T10:00:00", "--timezone", "Europe/Berlin"], 7),
    ],
)
def test_an_export_can_be_filtered(run, rich, flags, expected):
    code, out, _ = run("export", "events", *flags, "--database", rich)
    assert (code, len(out.splitlines())) == (0, expected)


def test_all_that_is_kept_of_one_contact_is_exported(run, database):
    api = Api(database=database)
    api("PUT", "/contacts/v1/loc-1/c-1", {"name": "Ann", "tags": ["vip"]})
    api.post(event("d-1", contact_id="c-1"))
    api.post(event("d-2", contact_id="c-2"))
    api.post(event("d-3", contact_id="c-1", location_id="loc-2"))
    api.post(event("d-4", contact_id="c-1", timestamp="soon"))
    api.app.close()
    code, out, _ = run("export", "contact", "c-1", "--database", database)
    found = [next(iter(json.loads(line).items())) for line in out.splitlines()]
    assert (code, [noun for noun, _ in found]) == (
        0,
        ["contact", "event", "rejection", "contact", "event"],
    )
    assert (found[0][1]["tags"], found[1][1]["distinct_id"]) == (["vip"], "d-1")
    assert json.loads(found[2][1]["body"])["distinct_id"] == "d-4"
    for arguments, told in (
        (["contact"], "export contact ID"),
        (["contact", "c-9"], "nothing is kept of a contact c-9"),
        (["contact", "c-1", "--format", "csv"], "not as CSV"),
        (["contact", "c-1", "--name", "x"], "--name"),
        (["events", "c-1"], "an ID goes"),
    ):
        code, out, err = run("export", *arguments, "--database", database)
        assert code != 0 and told in err and not out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["events", "--from", "soon"], "--from must be UNIX seconds"),
        (["events", "--timezone", "Mars/X"], "--timezone must be an IANA time zone"),
        (["contacts", "--timezone", "UTC"], "--timezone does not go with contacts"),
        (["contacts", "--name", "x"], "--name does not go with contacts"),
        (
            ["metrics", "--location", "x", "--to", "2026-01-01"],
            "--location, --to does not go with metrics",
        ),
        (["events", "--output", "events.db"], "events.db exists already"),
        (["keys"], "invalid choice"),
        (["events", "--output", "no/folder/x"], "cannot create no/folder/x"),
    ],
)
def test_a_wrong_export_is_one_clear_line(run, rich, tmp_path, arguments, said):
    code, out, err = run("export", *arguments, "--database", rich)
    assert (
        code in (1, 2)
        and (out, err.count("\n")) == ("", 1)
        and said in err
        and files(tmp_path) == {"events.db"}
    )


def test_an_export_on_a_full_disk_leaves_no_file(rich, tmp_path):
    api = Api(rich)
    api.post(event("large", properties={"text": "x" * 60_000}))
    api.app.close()
    # SQLite's own file for the WAL has 32 kB.
    done = limited(
        "export",
        "events",
        "--output",
        "out.csv",
        "--database",
        "events.db",
        bytes_=50_000,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "streamlined-lite: cannot write out.csv: File too large\n",
    )
    assert files(tmp_path) == {"events.db"}


HIGHLEVEL = """\
Contact Id,First Name,Last Name,Phone,Email,Created,Last Activity,Tags,Country,Opportunities\r
ocQHyuzHvysMo5N5VsXc,Ann,O'Hara,+15550100,ann@example.com,2026-06-08T10:28:39-07:00,\
Jul 22 2026 02:09 PM,"vip, new lead",Mexico,"open Sales Lead
second line"\r
VsXcocQHyuzHvysMo5N5,Bo,,,,,,,,\r
"""
ANN = {
    "name": "Ann O'Hara",
    "phone": "+15550100",
    "email": "ann@example.com",
    "date_created": "2026-06-08T17:28:39.000Z",
    "tags": ["new lead", "vip"],
    "fields": {
        "first_name": "Ann",
        "last_name": "O'Hara",
        "Last Activity": "Jul 22 2026 02:09 PM",
        "country": "Mexico",  # as webhooks call it
        "Opportunities": "open Sales Lead\r\nsecond line",
    },
}


@pytest.mark.parametrize(
    "encoded",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: (
            text.replace("Opportunities\r", "Opportunities\r")
            .replace(",", ";")
            .replace("vip; new", "vip, new")
            .encode()
        ),
    ],
    ids=["plain", "byte order mark", "semicolons"],
)
def test_highlevels_export_of_contacts_is_understood(run, tmp_path, encoded):
    (tmp_path / "contacts.csv").write_bytes(encoded(HIGHLEVEL.replace("\nsecond", "\r\nsecond")))
    assert run("import", "contacts.csv", "--location", "loc-1") == (
        0,
        "contacts.csv: contacts: 2 created\n",
        "",
    )
    found = {
        each["contact_id"]: each
        for each in map(json.loads, exported(run, "contacts", "streamlined-lite.db").splitlines())
    }
    assert (
        found["ocQHyuzHvysMo5N5VsXc"]
        == {"location_id": "loc-1", "contact_id": "ocQHyuzHvysMo5N5VsXc"} | ANN
    )
    assert (
        found["VsXcocQHyuzHvysMo5N5"]["name"] == "Bo"
        and run("import", "contacts.csv", "--location", "loc-1")[1]
        == "contacts.csv: contacts: 2 unchanged\n"
    )


def test_blank_cells_erase_nothing_but_tags(run, tmp_path):
    (tmp_path / "contacts.csv").write_text(HIGHLEVEL, newline="")
    run("import", "contacts.csv", "--location", "loc-1")
    (tmp_path / "contacts.csv").write_text(
        "Contact Id,First Name,Email,Tags,Country\nocQHyuzHvysMo5N5VsXc,,,,\n"
    )
    assert (
        run("import", "contacts.csv", "--location", "loc-1")[1]
        == "contacts.csv: contacts: 1 updated\n"
    )
    contacts = map(json.loads, exported(run, "contacts", "streamlined-lite.db").splitlines())
    found = {each["contact_id"]: each for each in contacts}["ocQHyuzHvysMo5N5VsXc"]
    assert (found["name"], found["email"], found["fields"]["country"], found["tags"]) == (
        "Ann O'Hara",
        "ann@example.com",
        "Mexico",
        [],
    )


def test_what_windows_writes_is_read_and_told(run, tmp_path):
    (tmp_path / "contacts.csv").write_bytes(
        "Contact Id,Name\nc-1,Zoë 1 €\nc-2,Bo\n".encode("cp1252")
    )
    assert (
        run("import", "contacts.csv", "--location", "loc-1")[1]
        == "contacts.csv: contacts: 2 created\n  warning read_as_windows_1252: 1\n"
    )
    assert "Zoë 1 €" in exported(run, "contacts", "streamlined-lite.db")


def test_columns_can_be_mapped_and_fields_set(run, tmp_path):
    (tmp_path / "deals.csv").write_text(
        "Deal ID,Client,Closed,Amount,a=b\n7,c-1,2026-01-31T12:00:00Z,99.5,x\n8,,2026-01-31,,\n"
    )
    code, out, err = run(
        "import",
        "deals.csv",
        "--location",
        "loc-1",
        "--set",
        "event_name=Payment Received",
        "--map",
        "Deal ID=distinct_id",
        "--map",
        "Client=contact_id",
        "--map",
        "Closed=timestamp",
        "--map",
        "a=b=properties.odd",
    )
    assert (code, out, err) == (0, "deals.csv: events: 2 created\n", "")
    assert [
        json.loads(line) for line in exported(run, "events", "streamlined-lite.db").splitlines()
    ] == [
        {
            "event_name": "Payment Received",
            "location_id": "loc-1",
            "distinct_id": "7",
            "contact_id": "c-1",
            "timestamp": "2026-01-31T12:00:00.000Z",
            "properties": {"Amount": "99.5", "odd": "x"},
        },
        {
            "event_name": "Payment Received",
            "location_id": "loc-1",
            "distinct_id": "8",
            "timestamp": "2026-01-31T00:00:00.000Z",
            "properties": {},
        },
    ]


def test_lines_that_cannot_be_stored_go_to_a_file_with_their_reasons(run, tmp_path):
    good, wrong = json.dumps(event("d-1")), json.dumps({"event_name": "x", "timestamp": "soon"})
    (tmp_path / "e.ndjson").write_bytes(
        b"\n".join(
            [
                good.encode(),
                wrong.encode(),
                b"",
                b"{not json",
                b'{"event_name": "\xff"}',
                b"{" + b" " * lite.WIRE_LIMIT * 2 + b"}",
                good.encode(),
            ]
        )
    )
    code, out, err = run("import", "e.ndjson")
    assert (code, out, err) == (
        3,
        "e.ndjson: events: 1 created, 1 unchanged, 4 rejected (see e.ndjson.rejected)\n",
        "",
    )
    rejected = [
        json.loads(line) for line in (tmp_path / "e.ndjson.rejected").read_text().splitlines()
    ]
    assert [each["line"] for each in rejected] == [2, 4, 5, 6]
    assert [each["pointer"] for each in rejected[0]["reasons"]] == [
        "/location_id",
        "/distinct_id",
        "/timestamp",
    ] and rejected[0]["text"] == wrong
    assert [each["reasons"][0]["code"] for each in rejected[1:]] == [
        "not_json",
        "not_json",
        "too_large",
    ] and "\\xff" in rejected[2]["text"]
    assert os.stat("e.ndjson.rejected").st_mode & 0o777 == 0o600
    (tmp_path / "e.ndjson").write_text(good)
    assert run("import", "e.ndjson")[0] == 0 and not os.path.exists("e.ndjson.rejected")


# Import: CSV

HEADER = "Contact Id,Name,Note\n"


@pytest.fixture
def contacts_of(run, tmp_path):
    """Imports a CSV of contacts: the name and note of each, and the lines of what was refused."""

    def import_csv(content: str | bytes, *flags: str) -> tuple[dict, list]:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "c.csv").write_bytes(data)
        code, out, err = run("import", "c.csv", "--location", "loc-1", "--json", *flags)
        assert err == ""
        (result,) = json.loads(out)
        refused = []
        if result["rejected"]:
            refused = objects(Path(result["rejected_file"]).read_text())
        assert (code, len(refused)) == (3 if refused else 0, result["rejected"])
        found = {}
        for contact in objects(run("export", "contacts")[1]):
            found[contact["contact_id"]] = (
                contact.get("name"),
                contact.get("fields", {}).get("Note"),
            )
        return found, [each["line"] for each in refused]

    return import_csv


def test_a_refused_row_is_named_by_its_first_line_and_kept_whole(run, tmp_path):
    (tmp_path / "c.csv").write_text(
        'Contact Id,Name,Created\nc-1,"Ann\nO",soon\nc-2,Bo,\n'
        'c-3,Cy,,surplus\n,Di,\nc-5,"open quote,\nof two lines'
    )
    code, out, _ = run("import", "c.csv", "--location", "loc-1")
    refused = objects((tmp_path / "c.csv.rejected").read_text())
    assert (code, [each["line"] for each in refused]) == (3, [2, 5, 6, 7])
    assert [each["text"] for each in refused] == [
        'c-1,"Ann\nO",soon',
        "c-3,Cy,,surplus",
        ",Di,",
        'c-5,"open quote,\nof two lines',
    ]
    reasons = [each["reasons"][0] for each in refused]
    assert [each["pointer"] for each in reasons] == ["/date_created", "", "/contact_id", ""]
    assert reasons[1]["message"] == "has 4 cells, and the header has 3"
    assert reasons[3]["message"] == (
        "a quote is not closed, or is not written twice within a cell that has quotes around it; "
        "1 more lines may belong to it"
    )


ROWS = {"c-1": ("Ann", "x"), "c-2": ("Bo", "y"), "c-3": ("Cy", "z"), "c-4": ("Di", "1")}


@pytest.mark.parametrize(
    "rows, refused, kept",
    [
        # to the end of the file
        ('c-1,"Ann,x\nc-2,Bo,y\nc-3,Cy,z\n', [2], ["c-2", "c-3"]),
        ('c-1,Ann,x\nc-2,Bo,y\nc-3,Cy,"z', [4], ["c-1", "c-2"]),
        # to the next quote, which opens a cell
        ('c-1,"Ann,x\nc-2,"Bo",y\nc-3,Cy,z\n', [2], ["c-2", "c-3"]),
        ('c-1,"Ann,x\nc-2,Bo,y\nc-3,"Cy",z\n', [2], ["c-2", "c-3"]),
        ('"c-1","Ann,"x"\n"c-2","Bo","y"\n', [2], ["c-2"]),
        ('"c-1","Ann","x\n"c-2","Bo","y"\n', [2], ["c-2"]),
        ('c-1,"Ann,x\nc-2,"Bo,y\nc-3,"Cy,z\nc-4,Di,1\n', [2, 3, 4], ["c-4"]),
        # to a quote that stands by chance where a cell ends
        ('c-1,"Ann,x\nc-2,Bo,y\nc-5,Ed,5"\nc-3,Cy,z\n', [2], ["c-2", "c-3", "c-5"]),
        ('c-1,"Ann,x\nc-2,Bo,y\nc-5,Ed 5",e\nc-3,Cy,z\n', [2], ["c-2", "c-3", "c-5"]),
        # a quote that is not written twice
        ('c-1,"Ann "The" Hun",x\nc-2,Bo,y\n', [2], ["c-2"]),
        ('c-1,"5" pipe",x\r\nc-2,Bo,y\r\n', [2], ["c-2"]),
    ],
)
def test_a_bad_row_of_a_csv_takes_no_other_with_it(contacts_of, rows, refused, kept):
    found, lines = contacts_of(HEADER + rows)
    assert (lines, sorted(found)) == (refused, kept)
    for contact_id in {*kept} - {"c-5"}:
        assert found[contact_id] == ROWS[contact_id]


def test_the_text_of_a_bad_row_is_read_as_no_rows(contacts_of):
    """What is left of a file that was cut off within a long text."""
    text = "Hello Ann,\nthis is\n\nthe text, of a note\n"
    found, lines = contacts_of(f'{HEADER}c-1,Ann,x\nc-2,Bo,"{text}')
    assert (sorted(found), lines) == (["c-1"], [3])
    found, lines = contacts_of(f'{HEADER}c-2,Bo,"say "hi"\n{text}"\nc-3,Cy,z\n')
    assert (sorted(found), lines) == (["c-1", "c-3"], [2])


@pytest.mark.parametrize(
    "row, expected",
    [
        ('c-1,5" pipe,12"', ('5" pipe', '12"')),
        ('c-1,say "hi" now,a""b', ('say "hi" now', 'a""b')),
        ('c-1,"say ""hi"" now","""x"""', ('say "hi" now', '"x"')),
        ('"c-1", "Ann, Bo", x', ("Ann, Bo", "x")),
        (
            'c-1,"Ann","one\ntwo, three, four\n\n,five,six,"',
            ("Ann", "one\ntwo, three, four\n\n,five,six,"),
        ),
        ('c-1,Ann,"one\r\ntwo\rthree"', ("Ann", "one\r\ntwo\rthree")),
        ('c-1,Ann,"one, two\nthree"', ("Ann", "one, two\nthree")),
        ("c-1,'Ann',it's", ("'Ann'", "it's")),
        ("c-1,Ann,,,,", ("Ann", None)),
        ("c-1,Ann", ("Ann", None)),
        ("c-1", (None, None)),
    ],
)
def test_quotes_breaks_and_missing_cells_are_read_as_they_are_meant(contacts_of, row, expected):
    assert contacts_of(f"{HEADER}{row}\nc-2,Bo,y\n") == ({"c-1": expected, "c-2": ("Bo", "y")}, [])


@pytest.mark.parametrize(
    "content",
    [
        "Contact Id,Name,Note\rc-1,Ann,x\rc-2,Bo,y\r",
        "Contact Id,Name,Note\r\nc-1,Ann,x\nc-2,Bo,y",
        "Contact Id,Name,Note\nc-1,Ann,x\rc-2,Bo,y\r\n",
        "Contact Id,Name,Note\rc-1,Ann,x\nc-2,Bo,y\r\n",
        "\r\n\r\nContact Id,Name,Note\r\n\r\nc-1,Ann,x\r\n,,\r\n , ,\r\nc-2,Bo,y\r\n,,,,\r\n\r\n",
    ],
)
def test_a_csv_has_line_ends_of_any_kind_and_blank_rows(contacts_of, content):
    assert contacts_of(content) == ({"c-1": ("Ann", "x"), "c-2": ("Bo", "y")}, [])


def test_a_carriage_return_in_a_cell_without_quotes_makes_no_row(contacts_of):
    found, lines = contacts_of(f"{HEADER}c-1,Ann\rO,x\nc-2,Bo,y\n")
    assert (found, lines) == ({"c-2": ("Bo", "y")}, [2])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoted", ["Pick: a; b; c; d", "a,b,c,d", "a|b|c|d", "a\tb\tc\td"])
def test_a_separator_is_told_by_the_rows_and_not_by_what_is_in_quotes(
    contacts_of, separator, quoted
):
    rows = [
        [f'"{quoted}"', "Contact Id", "Name", "Note"],
        ["1,5", "c-1", "Ann", f'"{quoted}"'],
        ["", "c-2", "Bo", "y"],
    ]
    found, lines = contacts_of("\n".join(separator.join(row) for row in rows if row))
    if separator == ",":
        assert lines == [2] and found == {"c-2": ("Bo", "y")}
    else:
        assert found == {"c-1": ("Ann", quoted), "c-2": ("Bo", "y")} and lines == []


def test_a_header_with_other_separators_in_it_is_read_by_those_of_its_rows(contacts_of):
    content = "Contact Id,Name,Pick: a; b; c; d,Note\nc-1,Ann,a,x\nc-2,Bo,b,y\n"
    assert contacts_of(content) == ({"c-1": ("Ann", "x"), "c-2": ("Bo", "y")}, [])


@pytest.mark.parametrize("separator", [",", ";", "tab", "|"])
def test_a_separator_can_be_set(run, contacts_of, separator):
    character = {"tab": "\t"}.get(separator, separator)
    others = "".join({",", ";", "\t", "|"} - {character})
    content = f"Contact Id{character}Name{others * 3}\nc-1{character}Ann"
    contacts_of(content, "--separator", separator, "--map", f"Name{others * 3}=name".strip())
    assert "Ann" in exported(run, "contacts", "streamlined-lite.db")


def test_a_separator_that_is_none_is_refused(run, tmp_path):
    (tmp_path / "c.csv").write_text("Contact Id:Name\nc-1:Ann\n")
    code, out, err = run("import", "c.csv", "--separator", ":")
    assert (code, out, err.count("\n")) == (2, "", 1) and "--separator: invalid choice" in err


@pytest.mark.parametrize(
    "first", ["sep=;\r\n", '"sep=;"\n', "\ufeffSEP=;\n", "sep=^\n", "sep=:\n", "sep=\t\n"]
)
def test_excels_line_about_the_separator_is_understood(contacts_of, first):
    (separator,) = re.findall("[;^:\t]", first)
    rows = "Contact Id;Name\nc-1;Ann, Bo, Cy\n;x\n".replace(";", separator)
    found, lines = contacts_of(first + rows)
    assert (found, lines) == ({"c-1": ("Ann, Bo, Cy", None)}, [4])


def test_what_cannot_be_seen_in_a_header_does_not_matter(run, tmp_path):
    (tmp_path / "c.csv").write_text(
        "\ufeff\ufeffContact\u00a0Id\u200b,\u00a0Name ,City\u200b,\u200b\nc-1,Ann,Bonn,x\n"
    )
    code, out, _ = run("import", "c.csv", "--location", "loc-1")
    assert (code, out.splitlines()[1:]) == (0, ["  warning cell_without_column_name: 1"])
    (found,) = objects(exported(run, "contacts", "streamlined-lite.db"))
    assert (found["contact_id"], found["name"], found["fields"]) == ("c-1", "Ann", {"city": "Bonn"})


def test_what_is_in_no_named_column_is_told(run, tmp_path):
    (tmp_path / "c.csv").write_text("Contact Id,,Name,\nc-1,7,Ann,\nc-2,,Bo,x\n")
    assert run("import", "c.csv", "--location", "loc-1") == (
        0,
        "c.csv: contacts: 2 created\n  warning cell_without_column_name: 2\n",
        "",
    )


def test_columns_of_one_name_lose_no_value(run, tmp_path):
    """Tags and custom fields are joined, with each value once; a blank cell hides none."""
    (tmp_path / "c.csv").write_text(
        "Contact Id,Tags,Pet,tags,Pet,Pet\n"
        'c-1,"vip, new",Cat,"new, ""big""",,Dog\n'
        'c-2,,Cat,"[""a,b""]",Cat,\n'
        "c-3,vip,,,,\n"
    )
    assert run("import", "c.csv", "--location", "loc-1")[:2] == (0, "c.csv: contacts: 3 created\n")
    found = objects(exported(run, "contacts", "streamlined-lite.db"))
    assert {each["contact_id"]: (each["tags"], each["fields"]) for each in found} == {
        "c-1": (['"big"', "new", "vip"], {"Pet": "Cat, Dog"}),
        "c-2": (["a,b"], {"Pet": "Cat"}),
        "c-3": (["vip"], {}),
    }


@pytest.mark.parametrize(
    "header, flags, said",
    [
        ("Contact Id,Phone,Phone", [], "Phone and Phone are one field, phone"),
        ("Contact Id,Phone,phone ", [], "Phone and phone are one field, phone"),
        ("Contact Id,contact_id,Name", [], "Contact Id and contact_id are one field, contact_id"),
        ("Contact Id,Name,Full Name", [], "Name and Full Name are one field, name"),
        ("Contact Id,Created,Date Created", [], "Created and Date Created are one field"),
        ("Contact Id,Name,Cell", ["--map", "Cell=name"], "Name and Cell are one field, name"),
        (
            "event_name,distinct_id,Timestamp,timestamp",
            [],
            "Timestamp and timestamp are one field, timestamp",
        ),
    ],
)
def test_two_columns_of_one_field_are_refused_before_anything_is_stored(
    run, tmp_path, header, flags, said
):
    (tmp_path / "good.ndjson").write_text(json.dumps(event("d-1")))
    (tmp_path / "c.csv").write_text(f"{header}\n1,2,3,4\n")
    code, out, err = run("import", "good.ndjson", "c.csv", "--location", "loc-1", *flags)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"c.csv: the columns {said}" in err
    assert files(tmp_path) == {"good.ndjson", "c.csv"}


def test_a_field_that_is_a_column_and_in_the_column_fields_is_refused_where_they_differ(
    run, tmp_path
):
    (tmp_path / "c.csv").write_text(
        "Contact Id,Pet,fields\n"
        'c-1,Cat,"{""Pet"": ""Dog""}"\nc-2,7,"{""Pet"": 7}"\nc-3,,"{""Pet"": ""Dog""}"\n'
    )
    code, out, _ = run("import", "c.csv", "--location", "loc-1")
    assert (code, out) == (3, "c.csv: contacts: 2 created, 1 rejected (see c.csv.rejected)\n")
    (refused,) = objects(Path("c.csv.rejected").read_text())
    assert (refused["line"], refused["reasons"][0]["code"]) == (2, "twice")


def test_files_before_one_that_fails_are_told(tmp_path):
    """What comes through a pipe can be looked at only when its turn comes."""
    (tmp_path / "e.ndjson").write_text(json.dumps(event("d-1")))
    done = subprocess.run(
        [*PROGRAM, "import", "e.ndjson", "-"],
        input="[1]",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, "e.ndjson: events: 1 created\n")
    assert done.stderr.startswith("streamlined-lite: - is a JSON array;")


def test_columns_that_become_one_property_are_joined(run, tmp_path):
    (tmp_path / "e.csv").write_text(
        "event_name,distinct_id,service,properties.service,properties[service],value\n"
        "Sale,1,roof,gutter,roof,5\nSale,2,,,wall,6\n"
    )
    assert run("import", "e.csv", "--location", "loc-1")[0] == 0
    found = objects(exported(run, "events", "streamlined-lite.db"))
    assert {each["distinct_id"]: each["properties"] for each in found} == {
        "1": {"service": "roof, gutter", "value": "5"},
        "2": {"service": "wall", "value": "6"},
    }


@pytest.mark.parametrize(
    "header, cells, said",
    [
        (
            "event_name,distinct_id,Closed",
            ["46024", "46025.5", "46026,25"],
            "the column Closed has numbers that are no times: 46024 looks like the number by which "
            "a spreadsheet stores a date (46024 is 2026-01-02; give the cells the format of a date",
        ),
        (
            "event_name,distinct_id,Closed",
            ["20251003", "", "20260101"],
            "the column Closed has numbers that are no times: 20251003 looks like a date without "
            "separators (write 2026-01-31)",
        ),
        ("x,Contact Id,Created", ["45000,75"], "the column Created has numbers that are no times"),
    ],
)
def test_a_column_of_a_spreadsheets_dates_is_told_once_and_nothing_is_stored(
    run, tmp_path, header, cells, said
):
    rows = [f'Sale,d-{number},"{cell}"' for number, cell in enumerate(cells)]
    (tmp_path / "e.csv").write_text("\n".join([header, *rows]))
    flags = ["--map", "Closed=timestamp"] if "Closed" in header else []
    code, out, err = run("import", "e.csv", "--location", "loc-1", *flags)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err and files(tmp_path) == {"e.csv"}


def test_dates_of_which_not_all_are_a_spreadsheets_are_read_one_by_one(run, tmp_path):
    (tmp_path / "e.csv").write_text(
        "event_name,distinct_id,timestamp\nSale,1,2026-01-31\nSale,2,soon\nSale,3,1767225600\n"
    )
    code, out, _ = run("import", "e.csv", "--location", "loc-1")
    assert (code, out) == (3, "e.csv: events: 2 created, 1 rejected (see e.csv.rejected)\n")


def test_an_id_that_a_spreadsheet_has_shortened_is_refused(run, tmp_path):
    """Two such ids would else be one event."""
    (tmp_path / "e.csv").write_text(
        "event_name,distinct_id,Reference\nSale,1.23457E+19,1\nSale,1E5,1.5E+20\n"
    )
    code, out, _ = run("import", "e.csv", "--location", "loc-1")
    assert (code, out) == (3, "e.csv: events: 1 created, 1 rejected (see e.csv.rejected)\n")
    (refused,) = objects(Path("e.csv.rejected").read_text())
    assert refused["reasons"][0]["pointer"] == "/distinct_id"


@pytest.mark.parametrize(
    "content, said",
    [
        (b"Contact Id,Name\nc-1,\x81\nc-2,Bo\n", "is neither UTF-8 nor Windows-1252"),
        (b"Contact Id,Name\nc-1,A\0nn\nc-2,Bo\n", "must not contain the NUL character"),
    ],
)
def test_bytes_that_are_no_text_refuse_their_row_alone(contacts_of, tmp_path, content, said):
    assert contacts_of(content) == ({"c-2": ("Bo", None)}, [2])
    assert said in (tmp_path / "c.csv.rejected").read_text()


# Each takes far more memory as objects of Python than as bytes.
HUGE_ROWS = [
    b'c-x,Ann,"' + b"x y\n" * 300_000 + b'"\n',
    b"c-x" + b',"x\n"' * 300_000 + b"\n",
    b"c-x,Ann," + b"\xff" * 4_000_000 + b"\n",
    b"," * 4_000_000 + b"\n",
]
MEASURED_IMPORT = """
import re, sys, streamlined_lite as lite
code = lite.main(["import", *sys.argv[1:]])
print(re.search("VmHWM:.*?([0-9]+) kB", open("/proc/self/status").read())[1])
"""


def measured_import(folder: Path, *arguments: str) -> tuple[str, int]:
    """The summary, and the most memory that it took, in kB."""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("needs Linux")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED_IMPORT, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment() | {"PYTHONPATH": os.path.dirname(lite.__file__)},
        timeout=100,
    )
    assert done.stderr == ""
    summary, kilobytes = done.stdout.splitlines()
    return summary, int(kilobytes)


def test_a_huge_record_is_refused_by_its_line_unread_and_the_others_are_stored(tmp_path):
    """Also as the first, by which else the kind of the file is known."""
    names = ",".join(f'"k{number}":{number}' for number in range(1_300_000))  # 20 MB
    huge = json.dumps(event("huge"))[:-1] + f', "properties": {{{names}}}}}'
    lines = [huge, json.dumps(event("d-1")), huge, json.dumps(event("d-2"))]
    (tmp_path / "e.ndjson").write_text("\n".join(lines))
    summary, kilobytes = measured_import(tmp_path, "e.ndjson")
    assert summary == "e.ndjson: events: 2 created, 2 rejected (see e.ndjson.rejected)"
    assert kilobytes < 100_000  # it takes 71 MB, and 119 MB if it reads the first line
    refused = objects((tmp_path / "e.ndjson.rejected").read_text())
    assert [(each["line"], each["reasons"][0]["code"]) for each in refused] == [
        (1, "too_large"),
        (3, "too_large"),
    ]
    assert huge.startswith(refused[0]["text"]) and len(refused[0]["text"]) > 1_000_000


def test_huge_rows_are_refused_in_little_memory_and_the_others_are_stored(tmp_path):
    rows = [row + b"c-%d,Bo,y\n" % number for number, row in enumerate(HUGE_ROWS)]
    (tmp_path / "c.csv").write_bytes(HEADER.encode() + b"".join(rows))
    summary, kilobytes = measured_import(tmp_path, "c.csv", "--location", "loc-1")
    assert summary == "c.csv: contacts: 4 created, 4 rejected (see c.csv.rejected)"
    assert kilobytes < 200_000
    refused = objects((tmp_path / "c.csv.rejected").read_text())
    assert refused[0]["line"] == 2 and all(len(each["text"]) > 1_000_000 for each in refused)


def test_an_export_as_csv_opens_in_a_spreadsheet_as_it_is(run, database, tmp_path):
    """Excel takes what has no byte order mark for Windows-1252, and numbers for numbers."""
    ids = ["007", "12345678901234567890", "12E5", "1.5e+7", "0", "12.5", "Zoë"]
    api = Api(database)
    for each in ids:
        api.post(event(each))
    api.app.close()
    assert (
        run("export", "events", "--format", "csv", "--output", "e.csv", "--database", database)[0]
        == 0
    )
    data = (tmp_path / "e.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfevent_name,") and "Zoë".encode() in data
    table = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    cells = [row["distinct_id"] for row in table]
    assert sorted(cells) == sorted(
        ["'007", "'12345678901234567890", "'12E5", "'1.5e+7", "0", "12.5", "Zoë"]
    )
    assert run("import", "e.csv", "--database", "new.db")[1] == "e.csv: events: 7 created\n"
    lines = exported(run, "events", "new.db").splitlines()
    assert {json.loads(line)["distinct_id"] for line in lines} == {*ids}


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "e.csv is empty"),
        (b"\n\r\n \n", "e.csv is empty"),
        ("a,b\n".encode("utf-16"), "is UTF-16; save it as CSV in UTF-8"),
        ("a,b\n".encode("utf-16-le"), "is UTF-16; save it as CSV in UTF-8"),
        ("a,b\n".encode("utf-16-be"), "is UTF-16; save it as CSV in UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "save it as CSV"),
        (b"PK\x03\x04", "save it as CSV"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b'[{"event_name": 1}]', "one object a line"),
        (b'\xef\xbb\xbf\n[{"event_name": 1}]', "one object a line"),
        (b'{\n "event_name": 1}', "the first line is no JSON object"),
        (b'{"a": 1}\n', "neither events (event_name)"),
        (b"a,b\n1,2\n", "--map 'COLUMN=FIELD'"),
        (b'"event_name\n' + b"x" * lite.WIRE_LIMIT, "is not CSV: line 1: a record may have"),
        (b'"event_name,b\n1,2\n', "is not CSV: line 1: a quote is not closed"),
    ],
)
def test_what_is_no_import_is_told_in_one_line(run, tmp_path, content, said):
    (tmp_path / "e.csv").write_bytes(content)
    code, out, err = run("import", "e.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err and files(tmp_path) == {"e.csv"}


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["missing.csv"], "cannot read missing.csv"),
        (["."], "cannot read .: there is no such file"),
        (["c.csv", "--set", "x"], "--set x: write NAME=VALUE"),
        (["c.csv", "--set", "a=1", "--set", "a=2"], "--set: a is 1, and 2 a second time"),
        (
            ["c.csv", "--location", "l", "--set", "location_id=m"],
            "--set: location_id is m, and l a second time",
        ),
        (
            ["c.csv", "--map", "Name=email", "--map", "Name=phone"],
            "--map: Name is email, and phone a second time",
        ),
        (
            ["c.csv", "--map", "Nope=contact_id"],
            "c.csv has no column Nope; it has Contact Id, Name",
        ),
    ],
)
def test_a_wrong_import_is_told_in_one_line(run, database, tmp_path, arguments, said):
    (tmp_path / "c.csv").write_text("Contact Id,Name\nc-1,Ann\n")
    code, out, err = run("import", *arguments, "--database", database)
    assert (code, out, err.count("\n")) == (2, "", 1) and said in err


def test_what_one_server_exports_another_imports_through_a_pipe(rich, tmp_path):
    program = " ".join(map(shlex.quote, PROGRAM))
    line = (
        f"set -o pipefail; {program} export events --database {shlex.quote(rich)} "
        f"| {program} import - --json --database new.db"
    )
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "") and json.loads(done.stdout)[0][
        "created"
    ] == len(AWKWARD)


def test_an_import_is_done_in_small_steps_beside_a_server(start, run, tmp_path):
    """Posts are answered while it runs, none is refused, none waits longer than a step or two."""
    server = start(tmp_path / "events.db")
    slowest = 0.0
    statuses = set()
    lines = [json.dumps(event(f"i-{number}", contact_id=f"c-{number}")) for number in range(2_000)]
    (tmp_path / "e.ndjson").write_text("\n".join(lines))
    importing = subprocess.Popen(
        [*PROGRAM, "import", "e.ndjson", "--database", server.database],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        for number in itertools.count():
            began = time.monotonic()
            connection.request(
                "POST",
                "/events/ingestion/v1",
                json.dumps(event(f"p-{number}")),
                {"X-API-Key": ADMIN},
            )
            with connection.getresponse() as answer:
                statuses.add((answer.status, bool(answer.read())))
            slowest = max(slowest, time.monotonic() - began)
            if importing.poll() is not None:
                break
    assert (importing.communicate()[0], importing.returncode) == (
        "e.ndjson: events: 2,000 created\n",
        0,
    )
    assert statuses == {(201, True)} and number > 3 and slowest < 2
    assert len(exported(run, "events", server.database).splitlines()) == 2_000 + number + 1


def test_a_pipe_that_has_nothing_to_say_lets_others_write(start, tmp_path):
    server = start(tmp_path / "events.db")
    importing = subprocess.Popen(
        [*PROGRAM, "import", "-", "--database", server.database],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    importing.stdin.write(json.dumps(event("i-1")) + "\n")
    importing.stdin.flush()
    until = time.monotonic() + 30
    # It has not read it yet.
    while fcntl.ioctl(importing.stdin, termios.FIONREAD, bytes(4)) != bytes(4):
        assert time.monotonic() < until
    assert [exchange(server, request_bytes(event(f"p-{number}")))[0][0] for number in range(3)] == [
        201
    ] * 3
    assert importing.communicate(timeout=30)[0] == "-: events: 1 created\n"


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    "command, left",
    [
        (["import", "in.ndjson"], {"in.ndjson"}),
        (["export", "events", "--output", "out.ndjson"], {"in.ndjson"}),
        (["delete-events", "--location", "loc-0", "--yes"], {"in.ndjson"}),
    ],
)
def test_a_signal_between_any_two_steps_leaves_whole_ones(
    rich, run, tmp_path, command, left, number, code
):
    (tmp_path / "in.ndjson").write_text(
        "".join(json.dumps(event(f"i-{each}")) + "\n" for each in range(50))
    )
    before = len(exported(run, "events", rich).splitlines())
    command = [*command, "--database", rich]
    check_stop(command, number, code, tmp_path, "lite.ALONE_STEP_BYTES = 1; lite.DELETE_STEP = 3")
    after = len(exported(run, "events", rich).splitlines())
    assert files(tmp_path) == {"events.db"} | left and after - before == {
        "import": 1,
        "export": 0,
    }.get(command[0], -3)


def test_a_signal_at_the_first_step_of_a_transaction_is_one_line(tmp_path):
    """It meets the turn, or the savepoint, before anybody could have left it."""
    (tmp_path / "in.ndjson").write_text(json.dumps(event("d-1")))
    turn = "contextlib._GeneratorContextManager"
    for entered in (turn, "lite.Savepoint"):
        script = (
            "import contextlib, os, sys, streamlined_lite as lite\n"
            f"enter = {entered}.__enter__\n"
            "def stopped(self):\n"
            "    entered = enter(self)\n"
            "    if not hasattr(self, 'gen') or self.gen.__name__ == 'turn':\n"
            "        os.kill(os.getpid(), 2)\n"
            "    return entered\n"
            f"{entered}.__enter__ = stopped\n"
            "sys.exit(lite.main(['import', 'in.ndjson', '--database', 'new.db']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=30,
            env=clean_environment() | {"PYTHONPATH": os.path.dirname(lite.__file__)},
        )
        assert (done.returncode, done.stderr) == (
            130,
            "streamlined-lite: stopped before the end; it can be started again\n",
        )
        assert stored(tmp_path / "new.db") == [] and files(tmp_path) == {"in.ndjson", "new.db"}


def test_an_import_waits_for_another_writer_and_can_be_stopped_meanwhile(database, tmp_path):
    (tmp_path / "in.ndjson").write_text(json.dumps(event("d-1")))
    script = (
        "import sys, streamlined_lite as lite\n"
        "wait = lite.wait_for_lock\n"
        "lite.wait_for_lock = lambda attempt: print('waits', flush=True) or wait(attempt)\n"
        f"sys.exit(lite.main(['import', 'in.ndjson', '--database', {database!r}]))"
    )
    with closing(apsw.Connection(database)) as other:
        other.execute("begin immediate")
        importing = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | {"PYTHONPATH": os.path.dirname(lite.__file__)},
        )
        assert [importing.stdout.readline() for _ in range(5)] == ["waits\n"] * 5
        importing.send_signal(signal.SIGINT)
        _, err = importing.communicate(timeout=30)
    assert (importing.returncode, err.count("\n")) == (130, 1)


# Deleting events


def test_events_are_deleted_by_filter_in_steps(run, rich, monkeypatch):
    monkeypatch.setattr(lite, "DELETE_STEP", 3)
    assert run(
        "delete-events",
        "--location",
        "loc-1",
        "--from",
        "2026-01-01T02:00:00Z",
        "--yes",
        "--database",
        rich,
    ) == (0, "7 events deleted\n", "")
    assert len(exported(run, "events", rich).splitlines()) == 9
    assert (
        run("delete-events", "--location", "loc-1", "--yes", "--json", "--database", rich)[1]
        == '{\n  "events": 1\n}\n'
    )
    assert run("delete-events", "--location", "loc-1", "--database", rich)[:2] == (
        0,
        "0 events deleted\n",
    )


def test_a_day_of_an_export_or_a_deletion_is_one_of_the_location(run, rich, monkeypatch):
    with closing(apsw.Connection(rich)) as connection:
        connection.execute(
            "update locations set timezone = 'Asia/Tokyo' where location_id = 'loc-1'"
        )
    monkeypatch.setenv("STREAMLINED_TIME_ZONE", "America/New_York")

    def number(*flags):
        code, out, _ = run("export", "events", *flags, "--database", rich)
        return len(out.splitlines()) if code == 0 else None

    def delete(*flags):
        return run("delete-events", *flags, "--yes", "--database", rich)

    day = ("--to", "2026-01-01T12:00:00")
    assert (number(*day, "--location", "loc-1"), number(*day, "--location", "loc-0")) == (1, 8)
    for refused in (run("export", "events", *day, "--database", rich), delete(*day)):
        code, out, err = refused
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "--to is a day or a time without an offset" in err and "add a timezone" in err
    assert delete("--timezone", "UTC")[0] == 2
    assert number() == 16
    assert delete(*day, "--location", "loc-1") == (0, "1 events deleted\n", "")
    assert delete(*day, "--timezone", "UTC") == (0, "11 events deleted\n", "")


@pytest.mark.parametrize(
    "answer, code, left", [("yes\n", 0, 8), ("no\n", 1, 16), ("\n", 1, 16), ("", 1, 16)]
)
def test_who_deletes_is_asked_first(run, rich, monkeypatch, answer, code, left):
    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    ended, out, err = run("delete-events", "--location", "loc-1", "--database", rich)
    assert ended == code and err.startswith("This deletes 8 events for good. Write yes to go on: ")
    assert len(exported(run, "events", rich).splitlines()) == left


@pytest.mark.parametrize(
    "flags, said",
    [
        ([], "name what to delete, by one or more of --location, --name, --contact, --from, --to"),
        (["--to", "x"], "--to must be"),
        (
            ["--location", "loc-1"],
            "This deletes 8 events for good; nobody can be asked here, so say --yes",
        ),
    ],
)
def test_a_deletion_that_is_not_meant_is_refused(run, rich, monkeypatch, flags, said):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, out, err = run("delete-events", *flags, "--database", rich)
    assert (code, out, err.count("\n")) == (2, "", 1) and said in err
    assert len(exported(run, "events", rich).splitlines()) == 16


# Check


def check(run, *flags: str) -> tuple[int, set[tuple[str, str]], str]:
    """(exit code, (level, about) of what is to be told, all messages and remedies)"""
    code, out, err = run("check", "--json", *flags)
    answer = json.loads(out)
    assert err == "" and answer["status"] == lite.LEVELS[code] == max(
        (each["level"] for each in answer["findings"]), key=lite.LEVELS.index
    )
    assert all(each["remedy"] for each in answer["findings"] if each["level"] != "ok")
    told = {(each["level"], each["about"]) for each in answer["findings"] if each["level"] != "ok"}
    return (
        code,
        told,
        "\n".join(f"{each['message']} {each['remedy']}" for each in answer["findings"]),
    )


@pytest.fixture
def sound(filled, tmp_path, run, monkeypatch) -> str:
    """A database about which there is nothing to tell, named by its variable."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("STREAMLINED_DATABASE", filled)
    monkeypatch.setattr(
        lite.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**12, 0, 10**12)
    )
    run("keys", "create", "admin", "--scope", "admin")
    return filled


def test_of_a_sound_database_every_subject_is_ok(run, sound, tmp_path):
    code, out, err = run("check")
    settings, zones, *others = out.splitlines()
    assert (code, err) == (0, "") and [settings, *others] == [
        f"ok       {each}: nothing to do"
        for each in ("settings", "files", "disk", "content", "clock", "messages", "keys")
    ]
    assert zones == (
        f"ok       time zones: {tzdata.IANA_VERSION}, of the package tzdata {tzdata.__version__}"
    )
    assert check(run, "--quick", "--admin-key-file", "")[:2] == (0, set()) and files(tmp_path) == {
        "events.db"
    }


def test_zones_of_the_system_are_told_where_the_package_is_missing(run, sound, monkeypatch):
    monkeypatch.setattr(lite, "tzdata", None)
    code, told, messages = check(run)
    assert (code, told) == (1, {("warning", "time zones")})
    assert "which may be older pip install tzdata" in messages


def change_database(path: str, sql: str) -> None:
    with closing(apsw.Connection(path)) as connection:
        connection.execute(sql)


DAYS_AGO = "(unixepoch() - 86400 * {}) * 1000"


def an_older_one(path: str) -> None:
    os.unlink(path)
    of_release(Path(path))
    os.chmod(path, 0o600)
    change_database(path, f"update keys set scope = 'admin', last_used_at = {DAYS_AGO.format(0)}")


@pytest.mark.parametrize(
    "trouble, found, said",
    [
        (damage, ("error", "content"), "restore a backup"),
        (
            lambda path: Path(path).write_text("text"),
            ("error", "content"),
            "is not a Streamlined Lite database",
        ),
        (os.unlink, ("error", "content"), "there is no database"),
        (
            lambda path: change_database(path, "pragma user_version = 999"),
            ("error", "content"),
            "newer Streamlined Lite",
        ),
        (
            an_older_one,
            ("warning", "content"),
            "the next start brings it there",
        ),
        (
            lambda path: change_database(
                path, "update events set updated_at = (unixepoch() + 3600) * 1000"
            ),
            ("error", "clock"),
            "in the future set the clock",
        ),
        (lambda path: os.chmod(path, 0o640), ("warning", "files"), "chmod 600 /"),
        (lambda path: os.chmod(os.path.dirname(path), 0o777), ("warning", "files"), "chmod go-w /"),
        (
            lambda path: change_database(path, "update keys set revoked_at = 1"),
            ("warning", "keys"),
            "there is no admin key",
        ),
        (
            lambda path: change_database(
                path, f"update keys set created_at = {DAYS_AGO.format(31)}"
            ),
            ("warning", "keys"),
            "key 1 (admin) was never used streamlined-lite keys revoke 1",
        ),
        (
            lambda path: change_database(
                path, f"update keys set last_used_at = {DAYS_AGO.format(200)}"
            ),
            ("warning", "keys"),
            "was not used for 200 days",
        ),
        (
            lambda path: change_database(
                path,
                "insert into keys (name, token_hash, token_prefix, scope, created_at) "
                f"select value, value, '', 'admin', {DAYS_AGO.format(0)} from json_each('[1,2,3]')",
            ),
            ("warning", "keys"),
            "4 admin keys work",
        ),
    ],
    ids=range(12),
)
def test_a_trouble_is_found_with_what_to_do_about_it(run, sound, trouble, found, said):
    trouble(sound)
    code, told, text = check(run)
    assert code == lite.LEVELS.index(found[0]) and told == {found} and said in text


@pytest.mark.parametrize(
    "free, level", [(100 * 1024**2, "error"), (300 * 1024**2, "warning"), (10**12, "ok")]
)
def test_a_disk_that_fills_is_told_before_it_is_full(run, sound, monkeypatch, free, level):
    monkeypatch.setattr(
        lite.shutil,
        "disk_usage",
        lambda folder: shutil._ntuple_diskusage(10**12, 10**12 - free, free),
    )
    monkeypatch.setattr(lite.os.path, "getsize", lambda path: 200 * 1024**2)
    assert check(run)[:2] == (lite.LEVELS.index(level), {(level, "disk")} - {("ok", "disk")})


@pytest.mark.parametrize(
    "flags, found",
    [
        (["--host", "0.0.0.0"], {("warning", "settings")}),
        (["--host", "0.0.0.0", "--public-url", "https://e.example.com"], set()),
        (["--fixed-time", "2026-01-01"], {("error", "settings")}),
    ],
)
def test_settings_that_harm_are_told(run, sound, flags, found):
    assert check(run, *flags)[1] == found


def test_a_wal_that_only_grows_is_told(run, sound, monkeypatch):
    monkeypatch.setattr(lite, "RESTART_PAGES", 0)
    with closing(apsw.Connection(sound)) as reader:
        reader.execute("begin; select * from events").fetchall()
        api = Api(sound)
        api.post(event("more"))
        assert check(run)[1] == {("warning", "files")}
        reader.execute("rollback")
        api.app.close()


def test_backups_that_are_missing_or_old_are_told(run, sound, tmp_path):
    folder = tmp_path / "backups"
    for is_missing in (True, False):
        _, told, text = check(run, "--backups", str(folder))
        assert (
            told == {("error", "backups")} and f"streamlined-lite backup {folder} makes one" in text
        )
        assert ("make that folder, then" in text) == is_missing
        folder.mkdir(exist_ok=True)
    (tmp_path / "other").mkdir()
    other = str(tmp_path / "other" / "events.db")
    lite.Database(lite.Config(database=other)).close()
    run("backup", str(folder), "--database", other)
    assert check(run, "--backups", str(folder))[1] == {("error", "backups")}
    for each in folder.iterdir():
        each.unlink()
    run("backup", str(folder))
    assert check(run, "--backups", str(folder))[:2] == (0, set())
    os.utime(next(folder.iterdir()), (time.time() - 86_400 * 3,) * 2)
    code, told, text = check(run, "--backups", str(folder))
    assert (code, told) == (2, {("error", "backups")}) and "is 3 days old" in text


# Demo


@pytest.fixture
def demo(tmp_path):
    """demo(*flags): a running demo and what it printed until it listened."""
    started = []

    def start(*flags: str, **settings: str) -> tuple[subprocess.Popen, str]:
        started.append(
            subprocess.Popen(
                [*PROGRAM, "demo", "--port", "0", *flags],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
                env=clean_environment(**settings) | {"TMPDIR": str(tmp_path)},
            )
        )
        lines = list(
            itertools.takewhile(lambda line: not line.startswith("listening"), started[-1].stdout)
        )
        return started[-1], "".join(lines)

    yield start
    for each in started:
        each.kill()
        each.communicate(timeout=30)


def test_a_demo_shows_believable_numbers_and_is_gone_afterwards(demo, tmp_path):
    # What has happened until now differs by the hour; at this time it is always the same.
    process, text = demo("--fixed-time", "2026-07-15T12:00:00Z")
    url, token = re.search(r"Sign in: (http://\S+)/#key=(sl_\S+)\n", text).groups()
    names = {
        (each["location_id"], each["event_name"]): each["count"]
        for each in fetch(f"{url}/event-names/v1", token)[1]["event_names"]
    }
    for location in lite.DEMO_LOCATIONS:
        funnel = [names[location.location_id, stage.event_name] for stage in lite.DEMO_FUNNEL]
        assert funnel == sorted(funnel, reverse=True) and funnel[0] > 400 and funnel[-1] > 50
    assert (
        len({each["timezone"] for each in fetch(f"{url}/locations/v1", token)[1]["locations"]}) == 3
    )
    # Whole days alone: of a day that has just begun there may be no lead yet, and so no rate.
    query = "interval=day&to=2026-07-15"
    totals = {}
    for metric in fetch(f"{url}/metrics/v1", token)[1]["metrics"]:
        status, answer = fetch(f"{url}/metrics/v1/{metric['metric_id']}/data?{query}", token)
        totals[metric["name"]] = answer["total"]["value"]
        # Of offers made these days nobody knows yet whether they will be paid.
        known = [bool(each["value"]) for each in answer["buckets"] if "maturing" not in each]
        assert status == 200 and len(known) > 15 and sum(known) > len(known) - 5, metric["name"]
        assert answer["warnings"] == []
    assert 0.3 < totals["Close rate"] < 0.6 and 180 < totals["Speed to lead"] < 1800
    assert 0.2 < totals["Answered within 5 minutes"] < 0.6
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err, files(tmp_path)) == (0, "", set()) and out.startswith(
        f"stopped at {url}: Streamlined Lite "
    )


def test_a_demo_at_a_fixed_time_is_always_the_same_and_can_be_kept(demo, run, tmp_path):
    for name in ("a.db", "b.db"):
        process, text = demo("--keep", name, "--fixed-time", "2026-01-01T00:00:00Z")
        assert f"database {name}, newest event_id" in text
        process.terminate()
        process.communicate(timeout=30)
    assert (
        files(tmp_path) == {"a.db", "b.db"}
        and stored("a.db") == stored("b.db")
        and len(stored("a.db")) > 5_000
    )
    assert max(row[6] for row in stored("a.db") if row[0] == "events") <= NOW
    assert run("demo", "--keep", "a.db")[::2] == (
        2,
        "streamlined-lite: a.db exists already; name another file\n",
    )


@pytest.mark.parametrize(
    "now", ["2026-03-29T03:10:00Z", "2026-07-15T11:40:00Z", "2026-10-31T22:30:00Z"]
)
def test_today_looks_in_a_demo_as_the_same_hours_do_on_other_days(now):
    api = Api(clock=Clock(lite.read_timestamp(now)))
    with api.app.database.turn():
        lite.fill_demo(api.app.database, api.clock())
    [newest] = api.rows("select max(timestamp), max(received_at) from events")
    assert max(newest) <= api.clock()
    metrics = {each["name"]: each["metric_id"] for each in api.get("/metrics/v1")["metrics"]}

    def buckets(name: str, **query: str) -> list[dict]:
        path = f"/metrics/v1/{metrics[name]}/data?{urllib.parse.urlencode(query)}"
        return [each for each in api.get(path)["buckets"] if each["value"] is not None]

    for zone in ("UTC", "America/New_York", "Europe/Berlin", "Australia/Sydney"):
        local_now = lite.local_time(api.clock(), ZoneInfo(zone))
        first = (local_now - timedelta(days=28)).date()
        revenue = Counter()
        for each in buckets("Revenue", interval="hour", timezone=zone, **{"from": str(first)}):
            local = lite.local_time(lite.read_timestamp(each["start"]), ZoneInfo(zone))
            if local.hour <= local_now.hour:
                revenue[local.date()] += each["value"]
        today = revenue.pop(local_now.date(), 0)
        usual = sum(revenue.values()) / 28
        # 500 is a sale: in the small hours there is one on some days only.
        assert today <= 2 * usual + 500, (zone, today, usual)
    for locations in ("all", "demo-new-york", "demo-berlin", "demo-sydney"):
        for interval in ("hour", "day", "week"):
            query = {"locations": locations, "interval": interval}
            rates = [each["value"] for each in buckets("Close rate", **query)]
            assert rates and max(rates) <= 1, query
    api.app.close()


def test_a_demo_has_what_real_senders_do_wrong(api):
    database = api.app.database
    with database.turn():
        lite.fill_demo(database, api.clock())
    refusals = {
        (problem["code"], each["pointer"].removeprefix("/customData"), each["code"])
        for (text,) in api.rows("select problem from rejections")
        for problem in [json.loads(text)]
        for each in problem.get("errors") or [{"pointer": "", "code": ""}]
    }
    assert refusals == {
        ("invalid", "/distinct_id", "unresolved_merge_field"),
        ("invalid", "/distinct_id", "required"),
        ("invalid", "/timestamp", "timestamp"),
        ("invalid", "/properties/items", "property_type"),
        ("location_not_allowed", "", ""),
        ("event_replaced", "", ""),
    }
    for location in lite.DEMO_LOCATIONS:
        path = f"/rejections/v1?location_id={location.location_id}&limit=2"
        assert all(each["received_at"] > "2025-12-2" for each in api.get(path)["rejections"])
    warned = "select distinct value->>'code' from events, json_each(warnings) order by 1"
    assert api.rows(warned) == [
        ("contact_changed",),
        ("property_null",),
        ("unresolved_merge_field",),
    ]
    # None of it is in the numbers: what was refused came again, five minutes later at most.
    contacts = dict(
        api.rows("select distinct_id, contact_id from events join contacts using (contact_key)")
    )
    for location in lite.DEMO_LOCATIONS:
        for post in lite.location_posts(location, api.clock()):
            if post.sent_at <= api.clock() - 300_000:
                sent = post.event_fields()
                assert contacts.pop(sent["distinct_id"]) == sent["contact_id"]
    assert len(contacts) < 10


def test_what_comes_while_a_demo_runs_comes_when_it_is_due(start, demo, tmp_path, monkeypatch):
    path = tmp_path / "events.db"
    clock = Clock()
    database = lite.Database(lite.Config(database=str(path)), clock=clock)
    with database.turn():
        tokens, coming = lite.fill_demo(database, clock())
    database.close()
    server = start(path)
    end = NOW + lite.DAY_MS
    due = [post for post in coming if post.sent_at < end]
    waits = []
    sent = []  # (how late, whether it was received)
    send = lite.was_received

    class Stopped:
        def wait(self, seconds: float) -> bool:
            """Takes no time, but for the clock; in one of the waits the machine sleeps."""
            waits.append(seconds)
            asleep = lite.HOUR_MS if len(waits) == 900 else 0
            clock.advance(math.ceil(seconds * 1000) + asleep)
            return clock() >= end

    def was_received(address: str, post: lite.DemoPost, token: str) -> bool:
        # The first time, nobody is there.
        received = send(address if sent else "http://127.0.0.1:1", post, token)
        sent.append((clock() - post.sent_at, received))
        return received

    monkeypatch.setattr(lite, "was_received", was_received)
    lite.send_demo(coming, tokens, server.url, clock, Stopped())
    assert [received for _, received in sent] == [False] + [True] * len(due) and len(due) > 100
    late = [milliseconds for milliseconds, _ in sent]
    assert min(late) >= 0 and sorted(late)[len(late) // 2] < 5_000 and max(late) > 60_000
    assert min(waits) >= lite.DEMO_PAUSE
    url = f"{server.url}/events/v1?from={lite.iso(NOW + 1)}&limit=500"
    arrived = {each["distinct_id"] for each in fetch(url, ADMIN)[1]["events"]}
    assert arrived <= {post.event_fields()["distinct_id"] for post in due} and len(arrived) > 90

    process, _ = demo()
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


# Troubles of the machine


@pytest.mark.parametrize(
    "command, said",
    [
        (
            ["serve", "--port", "0"],
            "cannot be written; make the file and its folder writable for this user",
        ),
        (["keys", "create", "a"], "cannot be written"),
        (["import", "in.ndjson"], "cannot be written"),
        (["delete-events", "--location", "loc-1", "--yes"], "cannot be written"),
        (["backup", "copy.db"], "cannot create copy.db: Permission denied"),
        (["export", "events", "--output", "out"], "cannot create out: Permission denied"),
        (["restore", "events.db", "--database", "other.db"], "cannot create "),
        (
            ["demo", "--keep", "demo.db", "--port", "0"],
            "cannot create the database demo.db: Permission denied",
        ),
    ],
)
def test_on_a_read_only_disk_what_writes_is_one_line(filled, run, tmp_path, command, said):
    (tmp_path / "in.ndjson").write_text(json.dumps(event("d-1")))
    os.chmod(filled, 0o444)
    tmp_path.chmod(0o555)
    before = Path(filled).read_bytes()
    with unprivileged(tmp_path):
        code, out, err = run(
            *command,
            *([] if "--database" in command or "demo" in command else ["--database", "events.db"]),
        )
    assert (code in (1, 2), out, err.count("\n")) == (True, "", 1) and said in err
    assert files(tmp_path) == {"events.db", "in.ndjson"} and Path(filled).read_bytes() == before


def test_from_a_read_only_disk_can_be_read(filled, run, tmp_path):
    expected = exported(run, "events", filled)
    (elsewhere := tmp_path / "elsewhere").mkdir()
    elsewhere.chmod(0o777)
    os.chmod(filled, 0o444)
    tmp_path.chmod(0o555)
    with unprivileged(tmp_path):
        assert exported(run, "events", "events.db") == expected
        assert (
            run("backup", "elsewhere", "--database", "events.db")[::2] == (0, "")
            and len(files(elsewhere)) == 1
        )


def test_a_file_that_may_not_be_read_is_told(filled, run, tmp_path):
    os.chmod(filled, 0)
    (tmp_path / "in.ndjson").touch(0o000)
    tmp_path.chmod(0o777)
    with unprivileged(tmp_path):
        for command in (
            ["serve", "--port", "0"],
            ["export", "events"],
            ["backup", "copy.db"],
            ["restore", "events.db", "--database", "new.db"],
        ):
            assert run(
                *command, *([] if "--database" in command else ["--database", "events.db"])
            ) == (
                2,
                "",
                "streamlined-lite: cannot read the database events.db: Permission denied\n",
            )
        assert run("import", "in.ndjson", "--database", "new.db") == (
            2,
            "",
            "streamlined-lite: cannot read in.ndjson: "
            "there is no such file, or you may not read it\n",
        )


def test_an_import_on_a_full_disk_keeps_what_was_committed(filled, tmp_path):
    (tmp_path / "in.ndjson").write_text(
        "".join(
            json.dumps(event(f"i-{number}", properties={"text": "x" * 1000})) + "\n"
            for number in range(2_000)
        )
    )
    done = limited("import", "in.ndjson", "--database", "events.db", bytes_=1_000_000, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (
        1,
        "",
        1,
    ) and "the database cannot be used: " in done.stderr
    with closing(apsw.Connection(filled)) as look:
        assert (
            look.execute("pragma integrity_check").get == "ok"
            and 5 <= look.execute("select count(*) from events").get < 2_005
        )
    assert (
        subprocess.run(
            [*PROGRAM, "import", "in.ndjson", "--database", "events.db"],
            cwd=tmp_path,
            env=clean_environment(),
            timeout=60,
            capture_output=True,
        ).returncode
        == 0
    )
    assert len(stored(filled)) == 2_005 + 3  # and a contact, a location and an event name


def test_progress_is_shown_where_a_person_looks_and_gone_afterwards(tmp_path):
    (tmp_path / "in.ndjson").write_text(
        "".join(json.dumps(event(f"i-{number}")) + "\n" for number in range(3_000))
    )
    parent, child = pty.openpty()
    with os.fdopen(parent, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [*PROGRAM, "import", "in.ndjson"],
            stdout=subprocess.PIPE,
            stderr=child,
            text=True,
            cwd=tmp_path,
            env=clean_environment(),
            timeout=60,
        )
        os.close(child)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal has ended
            while more := terminal.read(1000):
                shown += more
    assert (done.returncode, done.stdout) == (0, "in.ndjson: events: 3,000 created\n")
    assert re.search(
        rb"\rimporting  \d+%  [\d,]+ lines, [\d,]+/s  0:00:\d\d left\x1b\[K", shown
    ) and shown.endswith(b"\r\x1b[K")


# Databases of earlier releases


def test_the_first_command_that_writes_upgrades_an_older_database(tmp_path):
    before = of_release(tmp_path / "events.db")
    command = [*PROGRAM, "keys", "list", "--database", "events.db"]
    settings = {"capture_output": True, "text": True, "cwd": tmp_path, "timeout": 60}
    done = subprocess.run(command, env=clean_environment(), **settings)
    assert done.returncode == 0 and "Workflows" in done.stdout
    (kept,) = tmp_path.glob("events.db.schema-2.*")
    assert len(done.stderr.splitlines()) == 2 and str(kept) in done.stderr
    assert dump(tmp_path / "events.db")["rows"] == before["rows"] and dump(kept) == before
    assert subprocess.run(command, env=clean_environment(), **settings).stderr == ""


def test_the_progress_of_an_upgrade_is_shown_on_a_terminal(tmp_path, terminal):
    of_release(tmp_path / "events.db")
    server = terminal("--database", str(tmp_path / "events.db"))
    assert re.search(r"\rupgrading  \d+%  0:00:\d\d left\x1b\[K", server.text)
    assert "is being rebuilt" not in server.text and server.stop() == 0


def test_a_signal_ends_an_upgrade_by_one_line_and_leaves_all_as_it_was(tmp_path):
    before = of_release(tmp_path / "events.db")
    script = (
        "import os, signal, sys, streamlined_lite as lite\n"
        "lite.Upgrade.advance = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "lite.logging.disable()\n"
        "sys.exit(lite.main(['keys', 'list', '--database', 'events.db']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
        env=clean_environment() | {"PYTHONPATH": os.path.dirname(lite.__file__)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        143,
        "",
        "streamlined-lite: stopped before the end; it can be started again\n",
    )
    assert files(tmp_path) == {"events.db"} and dump(tmp_path / "events.db") == before


def test_commands_that_only_read_leave_an_older_database_as_it_is(tmp_path, run):
    before = of_release(tmp_path / "events.db")
    flags = ["--database", "events.db"]
    code, out, err = run("export", "events", *flags)
    assert (code, out, err) == (
        2,
        "",
        "streamlined-lite: events.db has an earlier schema (2); start the server once, "
        "which upgrades it\n",
    )
    assert run("backup", "copy.db", *flags)[0] == 0 and dump(tmp_path / "copy.db") == before
    findings = json.loads(run("check", "--json", *flags)[1])["findings"]
    (content,) = [each for each in findings if each["about"] == "content"]
    assert content["level"] == "warning" and "the schema is 2" in content["message"]
    assert {each["about"] for each in findings} == {
        "settings",
        "time zones",
        "files",
        "disk",
        "content",
        "keys",
    }
    assert files(tmp_path) == {"events.db", "copy.db"} and dump(tmp_path / "events.db") == before


def test_a_backup_of_an_earlier_release_is_restored_and_then_upgraded(tmp_path, run, database):
    before = of_release(tmp_path / "old.db", "0.1.0")
    assert run("restore", "old.db", "--database", database)[0] == 0
    assert dump(database) == before
    assert run("keys", "list", "--database", database)[0] == 0
    assert dump(database)["rows"] == before["rows"]


# Help and settings


@pytest.mark.parametrize("command", ["keys list", "keys list --json"])
def test_a_reader_that_has_read_enough_is_no_error(database, run, command):
    for number in range(3):
        run("keys", "create", f"{number}" + "x" * 10_000, "--database", database)
    program = " ".join(map(shlex.quote, PROGRAM))
    line = (
        f"{program} {command} --database {shlex.quote(database)} | head -c 1 > /dev/null; "
        "exit ${PIPESTATUS[0]}"
    )
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=clean_environment(), timeout=30
    )
    assert done.returncode in (0, 141) and done.stderr == ""


def test_an_output_that_cannot_be_written_is_one_line(database):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "keys", "list", "--database", database],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
            timeout=30,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "streamlined-lite: standard output: No space left on device\n",
    )


def commands(parser: argparse.ArgumentParser, name: str = "") -> dict[str, argparse.ArgumentParser]:
    """All commands under their names, with those that only group others."""
    found = {name: parser} if name else {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child, each in action.choices.items():
                found |= commands(each, f"{name} {child}".strip())
    return found


def test_every_command_has_a_help_with_an_example_that_it_understands():
    found = commands(lite.command_parser())
    assert set(found) == set(lite.EXAMPLES)
    for name, each in found.items():
        assert lite.EXAMPLES[name] in " ".join(each.format_help().split())
        assert lite.EXAMPLES[name].startswith(f"streamlined-lite {name}")
        assert callable(
            lite.command_parser().parse_args(shlex.split(lite.EXAMPLES[name])[1:]).command
        )


def test_every_setting_has_a_flag_of_serve_with_its_variable_and_default_in_the_help(run):
    code, out, _ = run("serve", "--help")
    words = " ".join(out.split())
    for name, setting in lite.Config.model_fields.items():
        assert ("--" + name.replace("_", "-") + " " in words) is (name not in lite.SECRETS)
        assert (
            name in lite.SECRETS
            or f"STREAMLINED_{name.upper()}" in words
            and str(setting.default) in words
        )
    assert code == 0 and "--admin-key " not in words


def test_the_version_and_the_help_are_asked_of_the_program_itself(run):
    assert run("--version") == (0, f"streamlined-lite {lite.__version__}\n", "")
    for flag in ("--help", "-h"):
        code, out, _ = run(flag)
        assert (
            code == 0
            and all(name.split()[0] in out for name in lite.EXAMPLES)
            and lite.EXAMPLES["serve"] in " ".join(out.split())
        )
        for exit_code, meaning in lite.EXIT_CODES.items():
            assert re.search(rf"^ +{exit_code} +{re.escape(meaning)}$", out, re.MULTILINE)


@pytest.mark.parametrize(
    "variable, said",
    [
        ("STREAMLINED_PROT", "unknown setting STREAMLINED_PROT; known are STREAMLINED_DATABASE, "),
        ("STREAMLINED_PORT", "wrong setting --port (STREAMLINED_PORT): "),
    ],
)
@pytest.mark.parametrize("command", [(), ("serve",), ("keys", "list"), ("--port", "0")])
def test_a_wrong_variable_ends_every_command_that_reads_it_with_code_2(
    run, tmp_path, monkeypatch, variable, said, command
):
    monkeypatch.setenv(variable, "x")
    if "--port" in command and variable == "STREAMLINED_PORT":
        command = ("--port", "y")
    code, out, err = run(*command)
    assert (code, out, err.count("\n"), list(tmp_path.iterdir())) == (2, "", 1, []) and said in err


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["serve", "extra"], ["fly"], ["--admin-key", "x" * 20]]
)
def test_a_command_that_is_not_understood_ends_with_code_2(run, tmp_path, arguments):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n"), list(tmp_path.iterdir())) == (
        2,
        "",
        1,
        [],
    ) and err.endswith("; see streamlined-lite --help\n")


# Serving


@pytest.mark.parametrize(
    "flags, said",
    [
        (
            ["--database", "/nowhere/at/all.db"],
            "cannot create the database /nowhere/at/all.db: No such file or directory",
        ),
        (
            ["--host", "no.such.host.invalid", "--port", "0"],
            "cannot listen on no.such.host.invalid",
        ),
        (["--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_one_line_with_code_2(run, flags, said):
    code, out, err = run(*flags)
    assert (code, err.count("\n")) == (2, 1) and said in err and "listening" not in out


def test_a_port_in_use_is_one_line_with_code_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*PROGRAM, "--port", str(port), "--database", str(tmp_path / "x.db")],
            capture_output=True,
            text=True,
            env=clean_environment(),
            timeout=30,
        )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"streamlined-lite: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "choose another with --host or --port\n"
    )


class Terminal:
    """A server started by a person: its output is a terminal."""

    def __init__(self, *flags: str, **settings: str):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", "--port", "0", *flags],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=clean_environment(**settings),
        )
        os.close(slave)
        self.text = ""
        while not re.search(r"listening on \S+\r?\n", self.text):
            self.text += os.read(self.master, 65_536).decode()
        self.address = re.search(r"listening on (\S+)", self.text)[1]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        os.close(self.master)
        return code


@pytest.fixture
def terminal():
    started = []

    def start(*flags: str, **settings: str) -> Terminal:
        started.append(Terminal(*flags, **settings))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.stop()


def test_the_first_start_on_a_terminal_shows_the_way_in_and_the_second_no_key(terminal, tmp_path):
    database = str(tmp_path / "my events.db")
    first = terminal("--database", database)
    token = re.search(r"admin key, shown only now: (sl_[\w-]{40})\r?\n", first.text)[1]
    assert f"Sign in: {first.address}/#key={token}" in first.text and database in first.text
    assert fetch(f"{first.address}/keys/v1", token)[1]["keys"][0]["scope"] == "admin"
    assert first.stop() == 0
    second = terminal("--database", database)
    assert "sl_" not in second.text and "curl" not in second.text
    assert f"Sign in: {second.address}/\r\n" in second.text
    assert "keys create admin --scope admin --database" in second.text
    assert fetch(f"{second.address}/keys/v1", token)[0] == 200


def test_the_curl_line_works_as_pasted(terminal, tmp_path):
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    server = terminal("--database", str(tmp_path / "events.db"))
    line = re.search(r"^curl .*$", server.text.replace("\r", ""), re.MULTILINE)[0]
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30)
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "created"), done.stderr
    assert (
        json.loads(
            subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30).stdout
        )["status"]
        == "unchanged"
    )


def test_links_show_the_public_address(terminal, tmp_path):
    server = terminal(
        "--database", str(tmp_path / "events.db"), public_url="https://events.example.com/"
    )
    assert (
        "Sign in: https://events.example.com/#key=sl_" in server.text
        and "curl https://events.example.com/events/ingestion/v1 " in server.text
    )
    assert server.address.startswith("http://127.0.0.1:")


def test_with_an_admin_key_of_the_environment_no_other_is_made(terminal, tmp_path):
    server = terminal("--database", str(tmp_path / "events.db"), admin_key=ADMIN)
    assert "sl_" not in server.text and ADMIN not in server.text
    assert fetch(f"{server.address}/keys/v1", ADMIN) == (200, {"keys": []})


def test_without_a_terminal_no_secret_is_printed_but_the_command_that_makes_a_key(start, tmp_path):
    server: ServerProcess = start(tmp_path / "it's a file.db", admin_key="")
    text = "".join(server.output)
    assert "sl_" not in text and "curl" not in text
    command = re.search(r"There is no key yet; this command makes one: (.*)\n", text)[1]
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd="/",
        env=clean_environment(),
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert fetch(f"{server.url}/keys/v1", done.stdout.split()[-1])[0] == 200
    assert server.stop() == (0, "")
    again = start(tmp_path / "it's a file.db", admin_key="")
    assert "key" not in "".join(again.output)


def test_in_memory_no_other_process_could_make_a_key(start):
    server = start(":memory:", admin_key="")
    assert "set STREAMLINED_ADMIN_KEY" in "".join(server.output) and "keys create" not in "".join(
        server.output
    )


def test_port_0_takes_a_free_port_and_names_it(start, tmp_path):
    servers = [start(tmp_path / name) for name in ("a.db", "b.db")]
    assert len({each.port for each in servers}) == 2 and all(
        fetch(f"{each.url}/healthz")[0] == 200 for each in servers
    )


def test_the_admin_key_may_come_from_a_file(start, tmp_path):
    (tmp_path / "key").write_text("a-key-out-of-a-file\n")
    server = start(tmp_path / "events.db", "--admin-key-file", str(tmp_path / "key"), admin_key="")
    assert fetch(f"{server.url}/keys/v1", "a-key-out-of-a-file") == (200, {"keys": []})
    assert "a-key" not in "".join(server.output)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0_and_leaves_one_file(start, tmp_path, number):
    server = start()
    assert (
        server.output[0]
        == f"Streamlined Lite {lite.__version__}, database {server.database}, newest event_id 0\n"
    )
    (answer,) = exchange(server, request_bytes(event()))
    assert answer[0] == 201
    server.process.send_signal(number)
    out, err = server.process.communicate(timeout=30)
    assert (server.process.returncode, err) == (0, "")
    assert out == (
        f"stopped at {server.url}: Streamlined Lite {lite.__version__}, "
        f"database {server.database}, newest event_id 1\n"
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["events.db"]
    assert (tmp_path / "events.db").stat().st_mode & 0o777 == 0o600
