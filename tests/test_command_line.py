"""The commands as a person meets them: the first start, keys, exit codes, one clear line for each error."""

import argparse
import http.client
import itertools
import json
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
import threading
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import streamlined_lite as lite
from conftest import ADMIN, Api, ServerProcess, clean_environment, event

PROGRAM = [sys.executable, "-W", "error", lite.__file__]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in this process, in an empty folder: (exit code, what it printed, its errors)."""
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
    code, out, err = run("keys", "create", "Forms and such", "--location", "loc-1", "--location", "loc-2", "--database", database)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"Key 1, Forms and such \(ingest\)\. Its token is shown only now:\nsl_[\w-]{40}\n", out)
    token = out.split()[-1]
    code, out, err = run("keys", "list", "--database", database)
    assert (code, err) == (0, "") and token not in out and token[:9] in out
    assert all(each in out for each in ("ID", "SCOPE", "Forms and such", "ingest", "loc-1, loc-2", "never"))
    assert run("keys", "revoke", "1", "--database", database) == (0, "Key 1, Forms and such, is revoked.\n", "")
    assert run("keys", "revoke", "1", "--database", database)[0] == 0
    assert len(run("keys", "list", "--database", database)[1].splitlines()) == 2


def test_with_json_every_answer_is_json(run, database):
    made = json.loads(run("keys", "create", "a", "--scope", "sync", "--generate-distinct-ids", "--json", "--database", database)[1])
    assert (made["scope"], made["distinct_id_rule"], made["locations"], made["token"][:3]) == ("sync", "generate", None, "sl_")
    listed = json.loads(run("keys", "list", "--json", "--database", database)[1])
    assert listed == [{name: value for name, value in made.items() if name != "token"}]
    assert json.loads(run("keys", "revoke", "1", "--json", "--database", database)[1])["revoked_at"] is not None


def test_the_database_may_be_named_by_its_variable_or_be_the_one_in_the_folder(run, database, tmp_path, monkeypatch):
    monkeypatch.setenv("STREAMLINED_DATABASE", database)
    assert run("keys", "create", "a")[0] == 0
    monkeypatch.delenv("STREAMLINED_DATABASE")
    os.rename(database, tmp_path / "streamlined-lite.db")
    assert "sl_" in run("keys", "list")[1]


@pytest.mark.parametrize("command", [("keys", "create", "a"), ("keys", "list"), ("keys", "revoke", "1")])
@pytest.mark.parametrize("path, said", [("missing.db", "there is no database missing.db; name it with --database or STREAMLINED_DATABASE"),
                                        (":memory:", "--database or STREAMLINED_DATABASE"), ("text.db", "text.db is not a Streamlined Lite database"),
                                        (".", "cannot read the database .")])
def test_a_database_that_is_not_there_or_not_ours_is_refused_by_its_name_and_left(run, tmp_path, command, path, said):
    (tmp_path / "text.db").write_text("hello")
    code, out, err = run(*command, "--database", path)
    assert (code, out, err.count("\n")) == (2, "", 1) and said in err and err.startswith("streamlined-lite: ")
    assert [each.name for each in tmp_path.iterdir()] == ["text.db"] and (tmp_path / "text.db").read_text() == "hello"


@pytest.mark.parametrize("arguments, code, said", [
    (["create", " "], 1, "/name: must not be blank"), (["create", "a", "--location", ""], 1, "must not be blank"), (["create", "a", "--scope", "root"], 2, "invalid choice"),
    (["create", "a", "--scope", "admin", "--location", "x"], 1, "an admin key is for all locations"), (["create"], 2, "required"), (["revoke", "9"], 1, "there is no key 9"),
    (["revoke", "9" * 30], 1, "there is no key"), (["revoke", "one"], 2, "invalid int value"), (["destroy"], 2, "invalid choice"), ([], 2, "required"),
    (["list", "--nonsense"], 2, "--nonsense"), (["list", "--port", "1"], 2, "--port"),
])
def test_a_wrong_keys_command_is_one_clear_line(run, database, arguments, code, said):
    ended, out, err = run("keys", *arguments, *(["--database", database] if arguments else []))
    assert (ended, out) == (code, "") and said in err.splitlines()[-1]
    assert code == 2 or err.count("\n") == 1
    assert "sl_" not in run("keys", "list", "--database", database)[1]


# Backups


def stored(path) -> list[tuple]:
    """All that a database holds, apart from the use of keys."""
    with closing(apsw.Connection(str(path))) as look:
        return [(name, *found) for name in ("events", "contacts", "contact_tags", "locations", "metrics", "rejections")
                for found in look.execute(f"select * from {name} order by 1, 2")]


@pytest.fixture
def filled(database) -> str:
    api = Api(database)
    for number in range(5):
        api.post(event(f"d-{number}", contact_id="c-1", properties={"value": number}))
    api.app.close()
    return database


def files(folder) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_a_backup_holds_what_the_database_holds_and_is_its_owners_alone(run, filled, tmp_path):
    assert run("backup", "copy.db", "--database", filled) == (0, f"copy.db: {os.path.getsize(filled):,} bytes, verified\n", "")
    assert stored("copy.db") == stored(filled) and files(tmp_path) == {"events.db", "copy.db"}
    assert os.stat("copy.db").st_mode & 0o777 == 0o600
    assert json.loads(run("backup", "other.db", "--json", "--database", filled)[1]) \
        == {"file": "other.db", "bytes": os.path.getsize("copy.db"), "deleted": []}


def test_a_folder_keeps_the_newest_backups_and_all_else_in_it(run, filled, tmp_path):
    (folder := tmp_path / "backups").mkdir()
    (folder / "notes.db").touch()
    left = folder / "events-20260101T000000.000Z.db.abc.partial"
    left.touch()
    os.utime(left, (0, 0))
    made = [json.loads(run("backup", str(folder), "--keep", "2", "--json", "--database", filled)[1]) for _ in range(3)]
    assert files(folder) == {"notes.db", *(os.path.basename(each["file"]) for each in made[1:])}
    assert [each["deleted"] for each in made] == [[str(left)], [], [made[0]["file"]]]
    assert run("backup", str(folder), "--database", filled)[0] == 0 and len(files(folder)) == 4


@pytest.mark.parametrize("arguments, said", [
    (["."  , "--keep", "0"], "--keep takes 1 or more"), (["new.db", "--keep", "3"], "goes with a folder"), (["events.db"], "events.db exists already"),
    (["no/such/folder.db"], "cannot create no/such/folder.db: No such file or directory"), ([], "required")])
def test_a_backup_that_cannot_be_made_is_one_line_and_leaves_no_file(run, filled, tmp_path, arguments, said):
    code, out, err = run("backup", *arguments, "--database", filled)
    assert code in (1, 2) and out == "" and said in err.splitlines()[-1] and files(tmp_path) == {"events.db"}


def test_a_backup_of_a_damaged_database_is_refused(run, filled, tmp_path):
    damage(filled)
    before = Path(filled).read_bytes()
    code, out, err = run("backup", "copy.db", "--database", filled)
    assert (code, out, err.count("\n")) == (1, "", 1) and ("is damaged" in err or "malformed" in err)
    assert files(tmp_path) == {"events.db"} and Path(filled).read_bytes() == before


def damage(path: str) -> None:
    """Overwrites a page in the middle with noise."""
    with open(path, "rb+") as file:
        file.seek(4096 * 3)
        file.write(b"\x05noise" * 600)


def limited(*command: str, bytes_: int, cwd) -> subprocess.CompletedProcess:
    """Runs a command on a disk that is full at so many bytes a file."""
    return subprocess.run([*PROGRAM, *command], capture_output=True, text=True, cwd=cwd, env=clean_environment(), timeout=60,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_)))


@pytest.mark.parametrize("command", [["backup", "copy.db"], ["restore", "before.db"]])
def test_a_full_disk_is_one_line_and_leaves_all_as_it_was(run, filled, tmp_path, command):
    shutil.copy(filled, "before.db")
    before = stored(filled)
    done = limited(*command, "--database", "events.db", bytes_=50_000, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1) and "cannot copy" in done.stderr
    assert files(tmp_path) == {"events.db", "before.db"} and stored(filled) == before


def test_a_backup_made_while_events_arrive_is_one_sound_state(start, run, tmp_path):
    """Events are posted one after the other, so every state holds the first so many of them."""
    server, posting, failed = start(tmp_path / "events.db"), threading.Event(), []
    posting.set()

    def post():
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
            for number in itertools.count():
                if not posting.is_set():
                    break
                connection.request("POST", "/events/ingestion/v1", json.dumps(event(f"{number:06}", properties={"text": "x" * 3000})), {"X-API-Key": ADMIN})
                with connection.getresponse() as answer:
                    failed.extend([answer.read()] if answer.status != 201 else [])

    thread = threading.Thread(target=post)
    thread.start()
    try:
        made = [run("backup", f"copy-{number}.db", "--database", server.database)[0] for number in range(4)]
    finally:
        posting.clear()
        thread.join()
    sizes = []
    for number in range(4):
        with closing(apsw.Connection(f"copy-{number}.db")) as look:
            names = [row[0] for row in look.execute("select distinct_id from events order by 1")]
            assert look.execute("pragma integrity_check").get == "ok" and names == [f"{each:06}" for each in range(len(names))]
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
    assert answer["database"] == filled and stored(filled) == then and stored(answer["replaced"]) == now
    assert files(tmp_path) == {"events.db", "copy.db", os.path.basename(answer["replaced"])}
    assert os.stat(filled).st_mode & 0o777 == 0o600


def test_a_backup_is_restored_where_there_is_no_database(run, filled, tmp_path):
    run("backup", "copy.db", "--database", filled)
    code, out, err = run("restore", "copy.db", "--database", "new.db")
    assert (code, err) == (0, "") and "kept" not in out and stored("new.db") == stored(filled)


def test_what_a_crash_left_in_the_wal_is_kept_with_the_replaced_database(run, filled, tmp_path):
    run("backup", "copy.db", "--database", filled)
    crashed = subprocess.run([sys.executable, "-c", f"import apsw, os; c = apsw.Connection({filled!r}); "
                              "c.execute(\"update events set event_name = 'In the WAL'\"); os._exit(0)"], timeout=30)
    assert crashed.returncode == 0 and os.path.getsize(filled + "-wal") > 0
    answer = json.loads(run("restore", "copy.db", "--json", "--database", filled)[1])
    assert stored(filled) == stored("copy.db") and not os.path.exists(filled + "-wal")
    assert {row[4] for row in stored(answer["replaced"]) if row[0] == "events"} == {"In the WAL"}


def test_a_damaged_database_can_be_replaced(run, filled, tmp_path):
    run("backup", "copy.db", "--database", filled)
    Path(filled).write_bytes(b"noise" * 5000)
    answer = json.loads(run("restore", "copy.db", "--json", "--database", filled)[1])
    assert stored(filled) == stored("copy.db") and Path(answer["replaced"]).read_bytes() == b"noise" * 5000


def a_newer_schema(path) -> None:
    shutil.copy("events.db", path)
    with closing(apsw.Connection(path)) as connection:
        connection.pragma("user_version", 999)


def a_damaged_one(path) -> None:
    shutil.copy("events.db", path)
    damage(path)


@pytest.mark.parametrize("make, said", [
    (lambda path: None, "there is no file"), (os.mkdir, "there is no file"), (lambda path: Path(path).write_text("text"), "is not a Streamlined Lite database"),
    (lambda path: Path(path).touch(), "is not a Streamlined Lite database"), (a_newer_schema, "newer Streamlined Lite"), (a_damaged_one, "damaged"),
    (lambda path: os.symlink("events.db", path), "is the database itself")], ids=lambda each: getattr(each, "__name__", ""))
def test_what_is_no_sound_backup_is_not_restored(run, filled, tmp_path, make, said):
    make("copy.db")
    before = stored(filled)
    code, out, err = run("restore", "copy.db", "--database", filled)
    assert code in (1, 2) and (out, err.count("\n")) == ("", 1) and (said in err or said == "damaged" and "malformed" in err)
    assert stored(filled) == before and files(tmp_path) <= {"events.db", "copy.db"}


def test_nothing_is_restored_under_a_running_server(run, start, tmp_path):
    server = start()
    run("backup", "copy.db", "--database", server.database)
    code, out, err = run("restore", "copy.db", "--database", server.database)
    assert (code, out) == (1, "") and err == f"streamlined-lite: another process has {server.database} open, a server perhaps; stop it first\n"
    assert fetch(f"{server.url}/healthz")[0] == 200 and server.stop() == (0, "")
    assert run("restore", "copy.db", "--database", server.database)[0] == 0


def test_a_file_that_is_replaced_while_it_is_opened_is_noticed(filled, tmp_path, monkeypatch):
    """A server that waited for a restore would else go on with the database that was put away."""
    shutil.copy(filled, tmp_path / "copy.db")
    monkeypatch.setattr(lite, "migrate", lambda *_: os.replace(tmp_path / "copy.db", filled))
    with pytest.raises(lite.ConfigError, match="was replaced in this moment"):
        lite.open_writer(filled)


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", [["backup", "copy.db"], ["restore", "before.db"]])
def test_a_signal_ends_a_copy_by_one_line_and_leaves_all_as_it_was(filled, tmp_path, command, number, code):
    """The copy is stopped at its first step, and told to stop again while it clears up."""
    shutil.copy(filled, tmp_path / "before.db")
    before = stored(filled)
    script = (f"import os, sys, streamlined_lite as lite\nlite.Progress.__call__ = lambda *_: os.kill(os.getpid(), {int(number)})\n"
              f"lite.Progress.__exit__ = lite.Progress.__call__\nsys.exit(lite.main({[*command, '--database', filled]!r}))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=30,
                          env=clean_environment() | {"PYTHONPATH": os.path.dirname(lite.__file__)})
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "streamlined-lite: stopped before the end; it can be started again\n")
    assert files(tmp_path) == {"events.db", "before.db"} and stored(filled) == before


# Help and settings


@pytest.mark.parametrize("command", ["keys list", "keys list --json"])
def test_a_reader_that_has_read_enough_is_no_error(database, run, command):
    for number in range(3):
        run("keys", "create", f"{number}" + "x" * 10_000, "--database", database)
    program = " ".join(map(shlex.quote, PROGRAM))
    line = f"{program} {command} --database {shlex.quote(database)} | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=clean_environment(), timeout=30)
    assert done.returncode in (0, 141) and done.stderr == ""


def test_an_output_that_cannot_be_written_is_one_line(database):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*PROGRAM, "keys", "list", "--database", database], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=clean_environment(), timeout=30)
    assert (done.returncode, done.stderr) == (1, "streamlined-lite: standard output: No space left on device\n")


def commands(parser: argparse.ArgumentParser, name: str = "") -> dict[str, argparse.ArgumentParser]:
    """All commands under their names, with those that only group others."""
    found = {name: parser} if name else {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child, each in action.choices.items():
                found |= commands(each, f"{name} {child}".strip())
    return found


def test_every_command_has_a_help_with_an_example_that_it_understands():
    found = commands(lite.parser())
    assert set(found) == set(lite.EXAMPLES)
    for name, each in found.items():
        assert lite.EXAMPLES[name] in " ".join(each.format_help().split())
        assert lite.EXAMPLES[name].startswith(f"streamlined-lite {name}")
        assert callable(lite.parser().parse_args(shlex.split(lite.EXAMPLES[name])[1:]).command)


def test_every_setting_has_a_flag_of_serve_with_its_variable_and_default_in_the_help(run):
    code, out, _ = run("serve", "--help")
    words = " ".join(out.split())
    for name, setting in lite.Config.model_fields.items():
        assert ("--" + name.replace("_", "-") + " " in words) is (name != "admin_key")
        assert name == "admin_key" or f"STREAMLINED_{name.upper()}" in words and str(setting.default) in words
    assert code == 0 and "--admin-key " not in words


def test_the_version_and_the_help_are_asked_of_the_program_itself(run):
    assert run("--version") == (0, f"streamlined-lite {lite.__version__}\n", "")
    for flag in ("--help", "-h"):
        code, out, _ = run(flag)
        assert code == 0 and all(name.split()[0] in out for name in lite.EXAMPLES) and lite.EXAMPLES["serve"] in " ".join(out.split())


@pytest.mark.parametrize("variable, said", [("STREAMLINED_PROT", "unknown setting STREAMLINED_PROT; known are STREAMLINED_DATABASE, "), ("STREAMLINED_PORT", "wrong setting --port (STREAMLINED_PORT): ")])
@pytest.mark.parametrize("command", [(), ("serve",), ("keys", "list"), ("--port", "0")])
def test_a_wrong_variable_ends_every_command_that_reads_it_with_code_2(run, tmp_path, monkeypatch, variable, said, command):
    monkeypatch.setenv(variable, "x")
    if "--port" in command and variable == "STREAMLINED_PORT":
        command = ("--port", "y")
    code, out, err = run(*command)
    assert (code, out, err.count("\n"), list(tmp_path.iterdir())) == (2, "", 1, []) and said in err


@pytest.mark.parametrize("arguments", [["--nonsense"], ["serve", "extra"], ["fly"], ["--admin-key", "x" * 20]])
def test_a_command_that_is_not_understood_ends_with_code_2(run, tmp_path, arguments):
    code, out, err = run(*arguments)
    assert (code, out, list(tmp_path.iterdir())) == (2, "", []) and err.startswith("usage: streamlined-lite")


# Serving


@pytest.mark.parametrize("flags, said", [(["--database", "/nowhere/at/all.db"], "cannot create the database /nowhere/at/all.db: No such file or directory"),
                                         (["--host", "no.such.host.invalid", "--port", "0"], "cannot listen on no.such.host.invalid"),
                                         (["--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1")])
def test_what_cannot_be_served_is_one_line_with_code_2(run, flags, said):
    code, out, err = run(*flags)
    assert (code, err.count("\n")) == (2, 1) and said in err and "listening" not in out


def test_a_port_in_use_is_one_line_with_code_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run([*PROGRAM, "--port", str(port), "--database", str(tmp_path / "x.db")], capture_output=True, text=True, env=clean_environment(), timeout=30)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"streamlined-lite: cannot listen on 127.0.0.1 port {port}: Address already in use; choose another with --host or --port\n"


class Terminal:
    """A server started by a person: its output is a terminal."""

    def __init__(self, *flags: str, **settings: str):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([*PROGRAM, "serve", "--port", "0", *flags], stdin=slave, stdout=slave, stderr=slave, env=clean_environment(**settings))
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
    assert "sl_" not in second.text and "curl" not in second.text and "key" not in second.text.lower()
    assert fetch(f"{second.address}/keys/v1", token)[0] == 200


def test_the_curl_line_works_as_pasted(terminal, tmp_path):
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    server = terminal("--database", str(tmp_path / "events.db"))
    line = re.search(r"^curl .*$", server.text.replace("\r", ""), re.MULTILINE)[0]
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30)
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "created"), done.stderr
    assert json.loads(subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30).stdout)["status"] == "unchanged"


def test_links_show_the_public_address(terminal, tmp_path):
    server = terminal("--database", str(tmp_path / "events.db"), public_url="https://events.example.com/")
    assert "Sign in: https://events.example.com/#key=sl_" in server.text and "curl https://events.example.com/events/ingestion/v1 " in server.text
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
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd="/", env=clean_environment(), timeout=30)
    assert done.returncode == 0, done.stderr
    assert fetch(f"{server.url}/keys/v1", done.stdout.split()[-1])[0] == 200
    assert server.stop() == (0, "")
    again = start(tmp_path / "it's a file.db", admin_key="")
    assert "key" not in "".join(again.output)


def test_in_memory_no_other_process_could_make_a_key(start):
    server = start(":memory:", admin_key="")
    assert "set STREAMLINED_ADMIN_KEY" in "".join(server.output) and "keys create" not in "".join(server.output)


def test_port_0_takes_a_free_port_and_names_it(start, tmp_path):
    servers = [start(tmp_path / name) for name in ("a.db", "b.db")]
    assert len({each.port for each in servers}) == 2 and all(fetch(f"{each.url}/healthz")[0] == 200 for each in servers)


def test_the_admin_key_may_come_from_a_file(start, tmp_path):
    (tmp_path / "key").write_text("a-key-out-of-a-file\n")
    server = start(tmp_path / "events.db", "--admin-key-file", str(tmp_path / "key"), admin_key="")
    assert fetch(f"{server.url}/keys/v1", "a-key-out-of-a-file") == (200, {"keys": []})
    assert "a-key" not in "".join(server.output)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0_and_leaves_one_file(start, tmp_path, number):
    server = start()
    assert server.stop(number) == (0, "")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["events.db"]
    assert (tmp_path / "events.db").stat().st_mode & 0o777 == 0o600
