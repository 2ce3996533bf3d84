"""The commands as a person meets them: the first start, keys, exit codes, one clear line for each error."""

import argparse
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

import streamlined_lite as lite
from conftest import ADMIN, ServerProcess, clean_environment

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


# Help and settings


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
