"""Follows systemd/README.md word by word, in a booted container with an empty Debian.

    sudo python tests/ops/container.py FOLDER [SUITE]

SUITE is bookworm. FOLDER is kept, so that a second run need not fetch Debian again. Needs
debootstrap and systemd-container. Two things are not as in the guide: the certificate is Caddy's
own (`tls internal`), and only what installs packages sees a network.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "events.example.com"
DATA = "/var/lib/streamlined-lite"


class Container:
    """A Debian that is booted, as a copy of what is kept in FOLDER."""

    def __init__(self, folder: Path, suite: str):
        debian, root = folder / suite, folder / "machine"
        if not debian.exists():
            packages = "--include=systemd,systemd-sysv,dbus,ca-certificates"
            subprocess.run(
                ["debootstrap", "--variant=minbase", packages, suite, f"{debian}.part"], check=True
            )
            os.rename(f"{debian}.part", debian)
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "--archive", debian, root], check=True)
        shutil.copytree(
            "/usr/local/share/ca-certificates",
            root / "usr/local/share/ca-certificates",
            dirs_exist_ok=True,
        )
        files = subprocess.run(
            ["git", "archive", "HEAD", "--prefix=streamlined-lite/"],
            cwd=CHECKOUT,
            check=True,
            capture_output=True,
        )
        subprocess.run(
            ["tar", "--extract", "--directory", root / "root"], input=files.stdout, check=True
        )
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--resolv-conf=copy-host",
            "--directory",
            str(root),
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self.wait_for("systemctl is-system-running --wait 2>&1")
        self.run("update-ca-certificates 2>&1", online=True)

    def run(self, script: str, online: bool = False) -> str:
        """What it printed, as root in the container. Raises where any of its commands fails."""
        init = (
            Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            .read_text()
            .split()[0]
        )
        enter = [
            "nsenter",
            f"--target={init}",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            *([] if online else ["--net"]),
            "--root",
        ]
        environment = [
            "env",
            "-i",
            "HOME=/root",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND=noninteractive",
            "PIP_CERT=/etc/ssl/certs/ca-certificates.crt",
        ]
        done = subprocess.run(
            [*enter, *environment, "bash", "-euo", "pipefail", "-c", f"cd\n{script}"],
            text=True,
            stdout=subprocess.PIPE,
        )
        if done.returncode:
            raise SystemExit(f"failed with {done.returncode}: {script}\n{done.stdout}")
        return done.stdout

    def wait_for(self, script: str) -> str:
        """What it printed when it succeeded at last."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                return self.run(script)
            except (SystemExit, IndexError, FileNotFoundError):  # not there yet
                time.sleep(0.2)
        return self.run(script)

    def follow(self, block: str) -> str:
        """Runs a block of the guide; what it printed."""
        print(block, flush=True)
        parts = itertools.groupby(
            block.splitlines(), lambda line: bool(re.search("apt-get|/pip ", line))
        )
        return "".join(self.run("\n".join(lines), online) for online, lines in parts)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def post(distinct_id: str, token: str) -> str:
    """The command that posts an event over HTTPS and prints the status."""
    body = f'{{"event_name": "Offer Made", "location_id": "loc-1", "distinct_id": "{distinct_id}"}}'
    url = f"https://{NAME}/events/ingestion/v1?api_key={token}"
    return (
        f"curl --silent --insecure --resolve {NAME}:443:127.0.0.1 '{url}' -d '{body}' "
        f"-H 'X-API-Key: {token}' -H 'Content-Type: application/json' "
        "-o /dev/null -w '%{http_code}'"
    )


def expect(what: str, found: object, expected: object) -> None:
    print(f"{'ok ' if found == expected else 'NOT'} {what}: {found}", flush=True)
    if found != expected:
        raise SystemExit(f"expected {expected}")


def read_guide() -> tuple[list[str], str]:
    """The blocks of shell lines that set up and run a server, in their order, and the Caddyfile."""
    guide = (CHECKOUT / "systemd" / "README.md").read_text("utf-8")
    server = guide.split("\n## A replica")[0]
    [caddyfile] = re.findall(r"```caddyfile\n(.*?)```", server, re.DOTALL)
    return re.findall(r"```sh\n(.*?)```", server, re.DOTALL), caddyfile


def check_installation(container: Container, install: str, service: str, caddyfile: str) -> str:
    """The token of the key that the last of the guide's lines makes."""
    container.follow(install)
    token = container.follow(service).split()[-1]
    site = caddyfile.replace(f"{NAME} {{", f"{NAME} {{\n\ttls internal")
    container.run(f"cat > /etc/caddy/Caddyfile <<'END'\n{site}END\nsystemctl reload caddy")
    first = f"test $({post('before the backup', token)}) = 201 && echo 201"
    expect("a post over HTTPS", container.wait_for(first).strip(), "201")
    readable = container.run(f"find -L {DATA} -perm /077").strip()
    expect("files that others may read", readable, "")
    folder = "/etc/systemd/system"
    other = container.run(f"ls {folder} | grep --count README || true").strip()
    expect("documents among the units", other, "0")
    return token


def check_days(container: Container, look: str, token: str) -> None:
    """A backup, a crash, and a key of root's while the server runs."""
    container.follow(look)
    expect("backups", container.run(f"ls {DATA}/backups | wc --lines").strip(), "1")
    container.run("systemctl kill --signal=KILL streamlined-lite.service")
    expect("a post right after kill -9", container.run(post("after the backup", token)), "201")
    journal = "journalctl --unit streamlined-lite.service"
    command = container.run(f"{journal} | grep --only-matching 'sudo .*'")
    made = container.run(command).split()[-1]
    expect("a key by the command in the journal", len(made), len(token))


RECEIVER = """
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        open("/root/received", "ab").write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()
"""


def check_messages(container: Container, mails: str, token: str) -> None:
    """A webhook to this machine is sent by the unit, and a mail fails in words."""
    container.follow(mails)
    container.run(
        "echo STREAMLINED_ALLOW_PRIVATE_WEBHOOKS=true >> /etc/streamlined-lite.conf\n"
        "systemctl restart streamlined-lite.service\n"
        f"cat > receiver.py <<'END'\n{RECEIVER}END\n"
        "systemd-run --quiet --unit=receiver python3 /root/receiver.py"
    )
    ask = f"curl --silent --fail -H 'X-API-Key: {token}' http://127.0.0.1:8080/messages/v1"
    for body in ('{"webhook": "http://127.0.0.1:9000/"}', '{"mail": "ana@example.com"}'):
        container.wait_for(f"{ask}/test -H 'Content-Type: application/json' -d '{body}'")
    container.run("systemctl start streamlined-lite-send.service")
    received = container.wait_for("cat received")
    expect("a webhook's type", json.loads(received)["type"], "test")
    mail, webhook = json.loads(container.run(ask))["messages"]
    expect("the webhook", webhook["outcome"], "127.0.0.1 answered 204 No Content")
    expect("the mail, without a network", mail["state"], "failed")
    print(mail["outcome"])
    shown = "journalctl --unit streamlined-lite-send.service --output cat"
    print(container.run(shown))
    container.run("systemctl stop receiver; rm received receiver.py")


def check_stop(container: Container, token: str) -> None:
    container.run("sleep 1; systemctl stop streamlined-lite.socket streamlined-lite.service")
    answer = container.run(post("while it is stopped", token))
    expect("a post while nothing serves", answer, "429")
    create = f"streamlined-lite keys create other --database {DATA}/streamlined-lite.db"
    made = container.run(create).split()[-1]
    expect("a key made by root while nothing serves", len(made), len(token))
    container.run("systemctl start streamlined-lite.socket")
    answer = container.run(post("after the backup", token))
    expect("a post of what was there, from the address alone", answer, "200")


def check_restored(container: Container, token: str) -> None:
    answer = container.run(post("before the backup", token))
    expect("a post that the backup knows", answer, "200")
    answer = container.run(post("after the backup", token))
    expect("a post that it does not know", answer, "201")
    count = f"journalctl --no-pager | grep --count --fixed-strings {token} || true"
    expect("keys in the journal", container.run(count).strip(), "0")
    failed = "systemctl list-units --failed --plain --no-legend"
    expect("units that failed", container.run(failed).strip(), "")


def main(folder: str, suite: str = "bookworm") -> None:
    [install, service, look, mails, upgrade, restore, remove], caddyfile = read_guide()
    container = Container(Path(folder), suite)
    try:
        token = check_installation(container, install, service, caddyfile)
        check_days(container, look, token)
        check_messages(container, mails, token)
        container.follow(upgrade)
        expect("a post after the upgrade", container.run(post("before the backup", token)), "200")
        check_stop(container, token)
        container.follow(restore)
        check_restored(container, token)
        container.follow(remove)
        find = "find / -xdev -name '*streamlined*' -not -path '/root/*' -not -path '/proc/*'"
        expect("what is left", container.run(find).strip(), "")
    finally:
        container.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
