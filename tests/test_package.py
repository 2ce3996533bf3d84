"""The package and its documents: what they say is so, and what is so they say."""

import ast
import bisect
import itertools
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import symtable
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
import tzdata
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

SOURCE = (ROOT / "streamlined_lite.py").read_text("utf-8")
FOLDERS = ("sql", "static", "systemd", "tests")
README = (ROOT / "README.md").read_text("utf-8")


def document_paths() -> list[Path]:
    paths = [*ROOT.glob("*.md")]
    for folder in FOLDERS:
        paths += (ROOT / folder).rglob("*.md")
    return [path for path in paths if "node_modules" not in path.parts]


DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in document_paths()
}
each_document = pytest.mark.parametrize("name", DOCUMENTS)


def blocks(language: str, name: str) -> list[str]:
    """What stands in a document between fences of a language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENTS[name], re.DOTALL)


def shell_lines(name: str) -> list[str]:
    """The commands of a document, each whole where it goes over several lines."""
    text = "".join(blocks("sh", name)).replace("\\\n", "")
    return [line for line in text.splitlines() if line.strip()]


def test_each_folder_has_a_document_for_those_who_open_it():
    expected = {f"{folder}/README.md" for folder in (*FOLDERS, "tests/benchmarks")}
    assert set(DOCUMENTS) == expected | {"README.md", "CHANGELOG.md"}


@each_document
def test_every_link_of_a_document_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[name]):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\s-]", "", text).lower().replace(" ", "-") for text in headings}
            assert anchor in anchors, target


def test_the_readme_leads_to_every_document():
    named = set(re.findall(r"\]\(([\w/.]+\.md)", README))
    assert named == set(DOCUMENTS) - {"README.md"}


@each_document
def test_a_document_names_only_files_that_exist(name):
    named = set(re.findall(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w/.-]+\.\w+", DOCUMENTS[name]))
    assert {file for file in named if not (ROOT / file).is_file()} == set()


@each_document
def test_a_document_names_only_routes_that_exist(name):
    named = set(re.findall(r"(?:/[a-z-]+)+/v1(?:/[\w{}-]+)*", DOCUMENTS[name]))
    assert named <= {route.path for route in lite.ROUTES}


@each_document
def test_a_document_names_only_settings_that_exist(name):
    settings = {f"STREAMLINED_{setting.upper()}" for setting in lite.Config.model_fields}
    named = set(re.findall(r"STREAMLINED_\w+", DOCUMENTS[name]))
    assert named <= settings | {"STREAMLINED_REQUIRE_ALL"}


def command_lines(name: str) -> list[str]:
    """What a document gives our program to do: its lines for a shell, and those in its text."""
    program = re.compile(r"(?:uvx --from \. |pipx run --spec \. |\S+/bin/)?streamlined-lite( .*)?")
    text = re.sub(r"```.*?```", "", DOCUMENTS[name], flags=re.DOTALL)
    lines = shell_lines(name) + re.findall(r"`(streamlined-lite [^`]+)`", text)
    return [
        re.split(" [>|] ", found[1] or "serve")[0]
        for line in lines
        for part in line.split(" && ")
        if (found := program.fullmatch(part))
    ]


@each_document
def test_every_command_line_of_a_document_is_understood(name):
    for line in command_lines(name):
        if line.strip() in lite.EXAMPLES:  # it only names the command
            continue
        lite.command_parser().parse_args(shlex.split(line.replace(" ID", " 1")))


@pytest.mark.parametrize("name", ["README.md", "static/help.html"])
def test_no_comment_stands_behind_a_command(name):
    """A macOS terminal (zsh) takes a pasted # for a part of the command."""
    text = (ROOT / name).read_text("utf-8")
    examples = re.findall(r"```sh\n(.*?)```|<pre[^>]*><code>(.*?)</code>", text, re.DOTALL)
    assert len(examples) >= 5
    assert [line for each in examples for line in "".join(each).splitlines() if " #" in line] == []


def test_every_command_is_in_a_document():
    lines = [line for name in DOCUMENTS for line in command_lines(name)]
    assert len(lines) >= 20
    for command in lite.EXAMPLES:
        assert any(line.split()[: len(command.split())] == command.split() for line in lines), (
            command
        )


def test_the_readme_names_every_scope():
    assert {scope for scope in lite.ALLOWED if f"`{scope}`" not in README} == set()


def test_every_route_is_in_the_openapi_document_with_what_it_does_and_who_may(api):
    paths = api.get("/openapi.json", key=None)["paths"]
    for route in lite.ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert operation["summary"].endswith("."), route.path
        assert operation.get("x-scope") == route.scope, route.path


def test_the_lines_for_tests_of_others_work():
    [lines] = blocks("python", "README.md")
    assert len(lines.splitlines()) == 5
    names = {}
    exec(lines, names)
    names["now"][0] += 60_000
    again = names["web"].post_json(
        "/events/ingestion/v1", {"event_name": "Sale", "location_id": "l", "distinct_id": "2"}
    )
    assert again.json["event"]["timestamp"] == "2026-01-01T00:01:00.000Z"
    names["app"].close()


def follow(lines: str, server: ServerProcess) -> str:
    """What a shell prints for lines of a document that talk to a server with a key."""
    script = lines.replace("http://127.0.0.1:8080", server.url).replace("sl_…", ADMIN)
    done = subprocess.run(
        ["sh", "-eu"], input=script, text=True, capture_output=True, timeout=60, check=True
    )
    return done.stdout


def test_the_posts_and_the_query_of_the_readme_work(server):
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    one, many, query = [block for block in blocks("sh", "README.md") if "curl " in block]
    assert json.loads(follow(one, server))["status"] == "created"
    results = json.loads(follow(many, server))["results"]
    assert [result["status"] for result in results] == ["created"] * 16
    assert json.loads(follow(query, server))["total"]["value"] == 99.5
    again = json.loads(follow(one, server))
    assert (again["status"], again["warnings"]) == ("unchanged", [])


def test_the_document_of_the_data_names_all_of_the_schema(api):
    names = {
        name for (name,) in api.rows("select name from sqlite_schema where name not like 'sqlite%'")
    }
    assert {name for name in names if f"`{name}`" not in DOCUMENTS["sql/README.md"]} == set()


def test_the_looks_into_the_file_work_while_a_server_has_it_open_and_afterwards(server, tmp_path):
    if not shutil.which("sqlite3"):
        pytest.skip("needs sqlite3")
    refused = exchange(server, request_bytes(event()), request_bytes(event(timestamp="soon")))
    assert [status for status, *_ in refused] == [201, 422]
    script = "".join(blocks("sh", "sql/README.md"))
    script = script.replace("streamlined-lite.db", str(server.database))
    command = ["bash", "-euo", "pipefail", "-c", script]
    during = subprocess.run(command, text=True, capture_output=True, check=True, cwd=tmp_path)
    assert "CREATE TABLE events" in during.stdout
    assert "Offer Made|1|" in during.stdout and "/timestamp" in during.stdout
    assert server.stop() == (0, "")
    after = subprocess.run(command, text=True, capture_output=True, check=True, cwd=tmp_path)
    assert after.stdout == during.stdout


def test_the_document_of_the_benchmarks_names_each_of_them():
    folder = ROOT / "tests" / "benchmarks"
    programs = {path.name for path in folder.glob("*.py") if "__main__" in path.read_text("utf-8")}
    named = re.findall(r"^\| `(\w+\.py)` \|", DOCUMENTS["tests/benchmarks/README.md"], re.MULTILINE)
    assert set(named) == programs


def test_documents_are_not_served(api):
    assert (ROOT / "static" / "README.md").is_file()
    for path in ("/static/README.md", "/README.md", "/static/../README.md"):
        assert api("GET", path).status_int == 404


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


def definitions() -> list[tuple[str, int]]:
    """The names that the module defines, with their lines."""
    found = []
    for node in ast.parse(SOURCE).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append((node.name, node.lineno))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in getattr(node, "targets", None) or [node.target]:
                names = [each.id for each in ast.walk(target) if isinstance(each, ast.Name)]
                found += [(name, node.lineno) for name in names]
    return found


def scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """The functions and classes of a module, at any depth."""
    for child in table.get_children():
        yield child
        yield from scopes(child)


def test_no_name_of_the_module_is_given_twice():
    """In a file of this length one section could unknowingly take another's."""
    names = [name for name, _ in definitions()]
    assert [name for name in names if names.count(name) > 1] == []


def test_no_section_uses_a_name_of_a_later_one():
    """Annotations aside. What runs at the import itself could not."""
    banners = re.finditer(r"^#{20,}\n# (.+)\n#{20,}$", SOURCE, re.MULTILINE)
    starts = [SOURCE.count("\n", 0, banner.start()) + 1 for banner in banners]
    section_of = {name: bisect.bisect(starts, line) for name, line in definitions()}
    module = symtable.symtable(SOURCE, "streamlined_lite.py", "exec")
    forward = [
        f"{scope.get_name()} (line {scope.get_lineno()}): {symbol.get_name()}"
        for scope in scopes(module)
        for symbol in scope.get_symbols()
        if symbol.is_global()
        and symbol.is_referenced()
        and section_of.get(symbol.get_name(), 0) > bisect.bisect(starts, scope.get_lineno())
    ]
    assert forward == []


def test_on_windows_it_says_in_one_line_where_it_runs():
    script = "import sys; sys.platform = 'win32'; import streamlined_lite"
    started = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=clean_environment() | {"PYTHONPATH": str(ROOT)},
    )
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr == "streamlined-lite runs on Linux and macOS, and on Windows inside WSL\n"


def page_files() -> list[Path]:
    """What the page is served from."""
    files = [path for path in (ROOT / "static").rglob("*") if path.is_file()]
    return [path for path in files if path.suffix != ".md"]


def test_the_page_asks_nobody_else():
    assert {
        path.name
        for path in page_files()
        if re.search(r"(?:src|href|url\()=?[\"']?(?:https?:)?//", path.read_text("utf-8"))
    } == set()


def test_ci_runs_the_commands_that_the_documents_give():
    ci = ROOT / ".ci" / "run"
    if not ci.exists():
        pytest.skip("needs a checkout")
    lines = ci.read_text("utf-8").splitlines()
    [command] = [line for line in shell_lines("tests/README.md") if "pytest -n" in line]
    assert lines[-1].replace(" --quiet", "") == command
    for name in ("tests/README.md", "static/README.md"):
        [biome] = [line for line in shell_lines(name) if " ci static" in line]
        assert biome in lines
    [ruff] = [line for line in shell_lines("tests/README.md") if "ruff format" in line]
    assert ruff in lines


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
            path.relative_to(ROOT / folder)
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix != ".md"
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


def test_the_source_distribution_has_all_that_its_documents_name(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist"]
    subprocess.run(
        [*build, "--directory", str(tmp_path)], cwd=ROOT, check=True, capture_output=True
    )
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert set(DOCUMENTS) <= names
    assert {"LICENSE", "streamlined_lite.py", "systemd/streamlined-lite.socket"} <= names


def build_executable(folder: Path) -> None:
    """As the guide for servers says, with PyInstaller."""
    for each in ("sql", "static"):
        shutil.copytree(ROOT / each, folder / each)
    shutil.copy(ROOT / "streamlined_lite.py", folder)
    [command] = [line for line in shell_lines("systemd/README.md") if "pyinstaller" in line]
    build = [
        str(Path(sys.executable).with_name("pyinstaller")),
        *shlex.split(command)[1:],
        "--log-level",
        "ERROR",
        *("--exclude-module=" + each for each in ("hypothesis", "pygments", "rich")),
    ]  # pydantic would take them along; a user's has none
    subprocess.run(
        build,
        cwd=folder,
        check=True,
        timeout=300,
        env=clean_environment() | {"PYINSTALLER_CONFIG_DIR": str(folder)},
    )


@pytest.mark.long
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
        *(f"/static/{path.name}" for path in page_files() if path.name != "index.html"),
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
    assert "tzdata/zoneinfo/Europe/Berlin" in contents.stdout
    check = subprocess.run(
        ["env", "-i", str(home / "lite"), "check", "--quick", "--json", "--database", "events.db"],
        cwd=home,
        text=True,
        capture_output=True,
    )
    [zones] = [
        each for each in json.loads(check.stdout)["findings"] if each["about"] == "time zones"
    ]
    assert zones["level"] == "ok" and f"the package tzdata {tzdata.__version__}" in zones["message"]


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
    load, query = blocks("sql", "sql/README.md")[0].split("\n\n")
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


# What follows by its definition: each start looks for its end, and each event for what it repeats.
OUTCOMES = """
with leads as (
  select *, epoch_ms(timestamp) as ms
  from events where event_name = 'Lead' and contact_id is not null),
replies as (
  select *, epoch_ms(timestamp) as ms
  from events where event_name = 'Reply' and contact_id is not null and ms <= $now),
starts as (
  select *
  from leads as s
  where not exists (
    select 1
    from leads as x
    where x.location_id = s.location_id and x.contact_id = s.contact_id
      and x.ms < s.ms and x.ms >= s.ms - $within
      and not exists (
        select 1
        from replies as y
        where y.location_id = s.location_id and y.contact_id = s.contact_id
          and y.ms >= x.ms and y.ms < s.ms))),
outcomes as (
  select s.ms, s.ms + $within < $now as is_over, (min(y.ms) - s.ms) / 1000 as seconds
  from starts as s
  left join replies as y
    on y.location_id = s.location_id and y.contact_id = s.contact_id
    and y.ms >= s.ms and y.ms <= s.ms + $within
  group by s.location_id, s.contact_id, s.ms)
select (ms - $start) // (7 * 86400000) as week,
       count(seconds), avg((seconds is not null)::int) filter (is_over),
       median(seconds) filter (is_over), quantile_cont(seconds, 0.9) filter (is_over),
       max(seconds) filter (is_over),
       count(*) filter (not is_over), count(seconds) filter (not is_over)
from outcomes
where ms >= $start
group by rollup (week) order by week nulls first
"""


def test_duckdb_finds_in_an_export_what_followed_as_the_api_does(tmp_path, monkeypatch):
    api, chance = Api(str(tmp_path / "events.db")), random.Random(1)
    start, within = NOW - 56 * 86_400_000, 4 * 86_400_000
    moments = random.Random(2).sample(range(start - within, NOW), 3_000)
    events = [
        event(
            str(number),
            event_name=chance.choice(["Lead", "Lead", "Reply"]),
            location_id=chance.choice(["loc-1", "loc-2"]),
            contact_id=chance.choice([None, *(f"c-{n}" for n in range(40))]),
            timestamp=moment,
        )
        for number, moment in enumerate(moments)
    ]
    for first in range(0, len(events), 500):
        answer = api("POST", "/events/ingestion/v1/batch", events[first : first + 500])
        assert answer.status_int == 200
    names = ["conversions", "conversion", "median", "p90", "max"]
    then = {"event": "Reply", "within": "4d"}
    asked = {
        "metric": {
            "terms": [
                {"key": name, "event": "Lead", "type": "contact", "aggregation": name, "then": then}
                for name in names
            ],
            "formula": "max",
        },
        "from": lite.iso(start),
        "to": lite.iso(NOW),
        "interval": "day",
        "timezone": "UTC",
    }
    weeks = [start + number * 7 * 86_400_000 for number in range(9)]
    ranges = [(start, NOW), *itertools.pairwise(weeks)]
    ours = []
    for first, last in ranges:
        query = asked | {"from": lite.iso(first), "to": lite.iso(last), "interval": "total"}
        total = api("POST", "/metrics/v1/query", query).json["total"]
        maturing = total.get("maturing", {}).get("max", {"starts": 0, "conversions": 0})
        ours.append([*total["terms"].values(), *maturing.values()])
    api.app.close()
    monkeypatch.chdir(tmp_path)
    exported = ["export", "events", "--output", "events.ndjson", "--database", "events.db"]
    assert lite.main(exported) == 0
    load, _ = blocks("sql", "sql/README.md")[0].split("\n\n")
    binds = {"now": NOW, "within": within, "start": start}
    with duckdb.connect() as connection:
        connection.execute(load)
        theirs = [list(row[1:]) for row in connection.execute(OUTCOMES, binds).fetchall()]
    assert len(theirs) == len(ours) == 9 and all(number > 10 for number, *_ in ours)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other)


def test_nothing_is_left_that_only_this_machine_knows():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True)
    if tracked.returncode:
        pytest.skip("needs git and a checkout")
    home = os.path.expanduser("~")
    for name in tracked.stdout.split():
        text = (ROOT / name).read_text("utf-8", errors="replace")
        assert str(ROOT) + "/" not in text, name
        assert len(home) < 6 or home not in text, name
