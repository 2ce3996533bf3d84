"""The package and its documents: what they say is so, and what is so they say."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from conftest import (
    ADMIN,
    NOW,
    ROOT,
    Api,
    ServerProcess,
    clean_environment,
    event,
    exchange,
    request_bytes,
)

import streamlined_lite as lite

README = (ROOT / "README.md").read_text("utf-8")
SOURCE = (ROOT / "streamlined_lite.py").read_text("utf-8")


def table_after(heading: str) -> list[list[str]]:
    """The cells of the first table behind a heading of the README."""
    text = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_the_readme_lists_every_route_with_its_scope_and_no_other():
    written = {
        (*cells[0].replace("`", "").split(" "), cells[1]) for cells in table_after("The API")
    }
    assert written == {(each.method, each.path, each.scope or "none") for each in lite.ROUTES}


def test_the_readme_lists_every_setting_with_its_flag_variable_and_default_and_no_other():
    written = {(cells[0], cells[1], cells[2]) for cells in table_after("Settings")}
    flags = {
        name: "" if name == "admin_key" else "--" + name.replace("_", "-")
        for name in lite.Config.model_fields
    }
    assert written == {
        (flags[name], "STREAMLINED_" + name.upper(), str(setting.default))
        for name, setting in lite.Config.model_fields.items()
    }


def test_the_readme_lists_every_scope():
    assert {cells[0] for cells in table_after("Keys")} == set(lite.ALLOWED)


def test_every_command_line_of_the_readme_is_understood():
    ours = re.compile(r"(?:uvx --from \. |pipx run --spec \. |\S+/bin/)?streamlined-lite( .*)?")
    commands = [
        re.split(" [>|] ", found[1] or "serve")[0]
        for found in map(ours.fullmatch, shell_lines())
        if found
    ]
    assert len(commands) >= 5
    for command in commands:
        lite.command_parser().parse_args(shlex.split(command, comments=True))


def test_the_readme_lists_every_command_and_every_exit_code():
    assert {
        name
        for name in lite.EXAMPLES
        if not re.search(rf"(streamlined-lite|`) ?{name}\b|`{name}`", README)
    } == set()
    written = {code: meaning.replace("`", "") for code, meaning in table_after("Exit codes")}
    assert written == lite.EXIT_CODES


def test_the_lines_for_tests_of_others_work():
    (lines,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(lines.splitlines()) == 5
    exec(lines, names := {})
    names["now"][0] += 60_000
    again = names["web"].post_json(
        "/events/ingestion/v1", {"event_name": "Sale", "location_id": "l", "distinct_id": "2"}
    )
    assert again.json["event"]["timestamp"] == "2026-01-01T00:01:00.000Z"
    names["app"].close()


def test_every_warning_that_the_code_gives_is_in_the_readme():
    codes = set(re.findall(r'warning\("(\w+)"', SOURCE))
    assert codes and {code for code in codes if f"`{code}`" not in README} == set()


def test_every_command_shows_an_example_in_its_help(capsys):
    for command in lite.EXAMPLES:
        with pytest.raises(SystemExit) as ended:
            lite.main([*command.split(), "--help"])
        assert ended.value.code == 0
        assert (
            f"example: {lite.EXAMPLES[command]}".split()
            == capsys.readouterr().out.split()[-len(f"example: {lite.EXAMPLES[command]}".split()) :]
        )


def test_the_map_names_the_sections_in_their_order():
    banners = re.findall(r"^#{20,}\n# (.+)\n#{20,}$", SOURCE, re.MULTILINE)
    named = re.search(r"carry the same nouns: (.*?)\.", lite.__doc__, re.DOTALL)[1]
    assert [name.strip() for name in named.replace("\n", " ").split(",")] == banners


def test_every_name_of_the_map_exists():
    names = re.findall(r"^    (?:  )?(\w+)(?:\.(\w+))? {2,}", lite.__doc__, re.MULTILINE)
    assert len(names) >= 5
    for owner, member in names:
        found = getattr(lite, owner, None) or getattr(lite.App, owner)
        assert not member or hasattr(found, member)


def test_no_name_of_the_module_is_given_twice():
    """In a file of this length one section could unknowingly take another's."""
    body = ast.parse(SOURCE).body
    names = [node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    names += [
        name.id
        for node in body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in getattr(node, "targets", None) or [node.target]
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    ]
    assert [name for name in names if names.count(name) > 1] == []


def test_the_page_asks_nobody_else():
    files = [path for path in (ROOT / "static").iterdir() if path.is_file()]
    assert {
        path.name
        for path in files
        if re.search(r"(?:src|href|url\()=?[\"']?(?:https?:)?//", path.read_text("utf-8"))
    } == set()


def test_ci_runs_the_command_that_the_readme_gives():
    if not (ci := ROOT / ".ci" / "run").exists():
        pytest.skip("needs a checkout")
    [command] = [line for line in shell_lines() if "pytest -n" in line]
    assert ci.read_text("utf-8").splitlines()[-1].replace(" --quiet", "") == command


def test_the_wheel_carries_what_the_module_needs_and_works_from_elsewhere(tmp_path):
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True, env=clean_environment())
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    data = tmp_path / "installed" / "streamlined_lite_data"
    for folder in ("sql", "static"):
        ours = {
            path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()
        }
        assert {
            path.relative_to(data / folder) for path in (data / folder).rglob("*") if path.is_file()
        } == ours
    script = (
        "import streamlined_lite as lite; app = lite.create_app(lite.Config(database=':memory:'));"
        "print(lite.__file__, len(lite.SQL), 'index.html' in app.assets); app.close()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env=clean_environment()
        | {"PYTHONPATH": str(tmp_path / "installed"), "PYTHONSAFEPATH": "1"},
    )
    assert run.stdout.split() == [
        str(tmp_path / "installed" / "streamlined_lite.py"),
        str(len(lite.SQL)),
        "True",
    ], run.stderr


def build_executable(folder: Path) -> None:
    """As the README says, with PyInstaller."""
    for each in ("sql", "static"):
        shutil.copytree(ROOT / each, folder / each)
    shutil.copy(ROOT / "streamlined_lite.py", folder)
    [command] = re.findall(r"^\.venv/bin/pyinstaller .*\\\n.*", README, re.MULTILINE)
    build = [
        str(Path(sys.executable).with_name("pyinstaller")),
        *shlex.split(command.replace("\\\n", ""))[1:],
        "--log-level",
        "ERROR",
        *("--exclude-module=" + each for each in ("hypothesis", "pygments", "rich")),
    ]  # pydantic would take them along; the README's has none
    subprocess.run(
        build,
        cwd=folder,
        check=True,
        timeout=300,
        env=clean_environment() | {"PYINSTALLER_CONFIG_DIR": str(folder)},
    )


def test_one_file_serves_posts_the_page_and_time_zones_where_there_is_no_python(tmp_path):
    if not shutil.which("objcopy"):
        pytest.skip("needs binutils, as PyInstaller does")
    (source := tmp_path / "source").mkdir()
    (home := tmp_path / "home").mkdir()
    build_executable(source)
    shutil.move(source / "dist" / "streamlined-lite", home / "lite")
    shutil.rmtree(source)
    assert (home / "lite").stat().st_size < 20_000_000

    class Single(ServerProcess):
        program = [
            "env",
            "-i",
            f"--chdir={home}",
            f"STREAMLINED_ADMIN_KEY={ADMIN}",
            str(home / "lite"),
        ]

    server = Single("events.db")
    asked = {
        "metric": {
            "terms": [
                {"key": "A", "event": "Offer Made", "type": "account", "aggregation": "count"}
            ]
        },
        "from": "2026-01-01",
        "to": "2026-01-03",
        "interval": "day",
        "timezone": "Europe/Berlin",
    }
    paths = [
        "/",
        *(
            f"/static/{path.name}"
            for path in (ROOT / "static").iterdir()
            if path.name != "index.html"
        ),
    ]
    stored, calculated, *page = exchange(
        server,
        request_bytes(event(timestamp="2026-01-01T23:30:00Z")),
        request_bytes(asked, path="/metrics/v1/query"),
        *(request_bytes(b"", path=path, method="GET") for path in paths),
    )
    assert server.stop() == (0, "")
    assert stored[0] == 201
    assert [each["value"] for each in json.loads(calculated[2])["buckets"]] == [0, 1]
    assert [(status, body) for status, _, body in page] == [
        (
            200,
            (
                ROOT / "static" / (path.removeprefix("/static/").strip("/") or "index.html")
            ).read_bytes(),
        )
        for path in paths
    ]
    contents = subprocess.run(
        [
            sys.executable,
            "-m",
            "PyInstaller.utils.cliutils.archive_viewer",
            "--list",
            str(home / "lite"),
        ],
        text=True,
        capture_output=True,
        check=True,
    )
    assert (
        "tzdata/zoneinfo/Europe/Berlin" in contents.stdout
    )  # the machine of this test may have zones of its own


def test_duckdb_calculates_from_an_export_what_the_api_calculates(tmp_path, monkeypatch):
    api, values = Api(str(tmp_path / "events.db")), [7, -2.5, "12.25", "1e2", "12abc", "", 0]
    for number in range(100):
        api.post(
            event(
                f"d-{number}",
                event_name="Payment Received",
                timestamp=(NOW + number * 3_000_000) // 1000,
                properties={"value": values[number % len(values)]},
            )
        )
    api.post(event("another"))
    asked = {
        "metric": {
            "terms": [
                {
                    "key": "A",
                    "event": "Payment Received",
                    "type": "account",
                    "aggregation": "sum",
                    "property": "value",
                }
            ]
        },
        "from": "2026-01-01",
        "to": "2026-01-06",
        "interval": "day",
        "timezone": "Europe/Berlin",
    }
    answer = api("POST", "/metrics/v1/query", asked).json
    api.app.close()
    monkeypatch.chdir(tmp_path)
    assert (
        lite.main(["export", "events", "--output", "events.ndjson", "--database", "events.db"]) == 0
    )
    load, query = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)[0].split("\n\n")
    with duckdb.connect() as connection:
        connection.execute(load)
        calculated = connection.execute(query).fetchall()
    assert len(calculated) == 4
    berlin = ZoneInfo("Europe/Berlin")
    assert {day.replace(tzinfo=berlin).timestamp(): value for day, value in calculated} == {
        datetime.fromisoformat(each["start"]).timestamp(): each["value"]
        for each in answer["buckets"]
        if each["value"]
    }


def test_nothing_is_left_that_only_this_machine_knows():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True)
    if tracked.returncode:
        pytest.skip("needs git and a checkout")
    home = os.path.expanduser("~")
    for name in tracked.stdout.split():
        text = (ROOT / name).read_text("utf-8", errors="replace")
        assert str(ROOT) + "/" not in text, name
        assert len(home) < 6 or home not in text, name


def test_the_readme_names_only_tests_that_exist():
    named = set(re.findall(r"tests/[\w/]+\.py", README))
    assert named and all((ROOT / each).is_file() for each in named)
