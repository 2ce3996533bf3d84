"""The units of systemd/, and an address that outlives its server."""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import streamlined_lite as lite
from conftest import Answers, ServerProcess, event, exchange, request_bytes

UNITS = Path(lite.__file__).parent / "systemd"
SERVICES = ["streamlined-lite.service", "streamlined-lite-backup.service"]


def lines(unit: str, name: str) -> list[str]:
    """What a unit says about a setting."""
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text("utf-8"), re.MULTILINE)


def analyze(*arguments: str) -> subprocess.CompletedProcess:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    return subprocess.run(["systemd-analyze", *arguments], text=True, capture_output=True, timeout=60)


def test_systemd_understands_every_line_of_the_units(tmp_path):
    for path in UNITS.iterdir():
        program = "/opt/streamlined-lite/bin/streamlined-lite"  # verify wants it to exist
        (tmp_path / path.name).write_text(path.read_text("utf-8").replace(program, sys.executable), "utf-8")
    done = analyze("verify", "--man=no", *map(str, sorted(tmp_path.iterdir())))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_systemd_rates_the_exposure_of_the_services_at_1_0_or_below(unit):
    done = analyze("security", "--offline=true", "--threshold=10", str(UNITS / unit))  # in tenths
    assert done.returncode == 0, done.stdout[-300:]


def test_both_services_are_locked_up_alike():
    def locks(unit: str) -> set[str]:
        text = (UNITS / unit).read_text("utf-8")
        return {line for line in text[text.index("\nUser="):].splitlines() if re.match(r"\w+=", line) and "StateDirectory=" not in line
                and "WantedBy=" not in line}

    assert len(locks(SERVICES[0])) > 25
    assert locks(SERVICES[0]) == locks(SERVICES[1])


@pytest.mark.parametrize("unit", SERVICES)
def test_the_services_run_commands_and_settings_that_there_are_on_files_of_their_owner_only(unit):
    [command] = lines(unit, "ExecStart")
    lite.parser().parse_args(shlex.split(command)[1:])
    config = lite.load_config(dict(each.split("=", 1) for each in lines(unit, "Environment")), {})
    assert config.database == "%S/streamlined-lite/streamlined-lite.db" and not config.log_requests
    assert (lines(unit, "StateDirectoryMode"), lines(unit, "UMask"), lines(unit, "DynamicUser")) == (["0700"], ["0077"], ["yes"])


# Like systemd, which hands over its sockets from number 3 on and says for whom they are
HAND_OVER = ("import os, sys; os.dup2(int(sys.argv[1]), 3);"
             "os.execve(sys.argv[2], sys.argv[2:], os.environ | {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'})")


@pytest.fixture
def activate(tmp_path):
    """Starts servers on one socket, which stays open while they come and go."""
    started = []
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        class Activated(ServerProcess):
            program = [sys.executable, "-c", HAND_OVER, str(listener.fileno()), *ServerProcess.program]
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


def test_a_new_connection_may_still_send_its_first_request_to_a_server_that_stops(server):
    with server.connect() as connection:
        exchange(server, request_bytes(b"", method="GET", path="/healthz"))  # the one before it is accepted, too
        server.process.terminate()
        with pytest.raises(ConnectionRefusedError):  # it has begun to stop
            while True:
                server.connect().close()
        connection.sendall(request_bytes(event()))
        assert Answers(connection).next()[0] == 201
    assert server.stop() == (0, "")
