"""Follows the README's "On a server", word by word, in a booted container with an empty Debian, and looks at what comes of it.

    sudo python tests/ops/container.py FOLDER [SUITE]

SUITE is bookworm. FOLDER is kept, so that a second run need not fetch Debian again. Needs debootstrap and systemd-container. Two things
are not as in the README: the certificate is Caddy's own (`tls internal`), and only what installs packages sees a network.
"""

import itertools
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
        """Runs a block of the README; what it printed."""
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
    return (
        f"curl --silent --insecure --resolve {NAME}:443:127.0.0.1 'https://{NAME}/events/ingestion/v1?api_key={token}' "
        f"-H 'X-API-Key: {token}' -H 'Content-Type: application/json' -d '{body}' -o /dev/null -w '%{{http_code}}'"
    )


def expect(what: str, found: object, expected: object) -> None:
    print(f"{'ok ' if found == expected else 'NOT'} {what}: {found}", flush=True)
    if found != expected:
        raise SystemExit(f"expected {expected}")


def main(folder: str, suite: str = "bookworm") -> None:
    readme = (
        (CHECKOUT / "README.md")
        .read_text("utf-8")
        .split("\n## On a server\n")[1]
        .split("\n### ")[0]
    )
    install, service, look, upgrade, restore, remove = re.findall(
        r"```sh\n(.*?)```", readme, re.DOTALL
    )
    [caddyfile] = re.findall(r"```caddyfile\n(.*?)```", readme, re.DOTALL)
    container = Container(Path(folder), suite)
    try:
        container.follow(install)
        token = container.follow(service).split()[-1]
        site = caddyfile.replace(f"{NAME} {{", f"{NAME} {{\n\ttls internal")
        container.run(f"cat > /etc/caddy/Caddyfile <<'END'\n{site}END\nsystemctl reload caddy")
        expect(
            "a post over HTTPS",
            container.wait_for(
                f"test $({post('before the backup', token)}) = 201 && echo 201"
            ).strip(),
            "201",
        )
        expect(
            "files that others may read", container.run(f"find -L {DATA} -perm /077").strip(), ""
        )
        container.follow(look)
        expect("backups", container.run(f"ls {DATA}/backups | wc --lines").strip(), "1")
        container.run("systemctl kill --signal=KILL streamlined-lite.service")
        expect("a post right after kill -9", container.run(post("after the backup", token)), "201")
        printed = container.run(
            "journalctl --unit streamlined-lite.service | grep --only-matching 'sudo .*'"
        )
        expect(
            "a key by the command in the journal",
            len(container.run(printed).split()[-1]),
            len(token),
        )
        container.follow(upgrade)
        expect("a post after the upgrade", container.run(post("before the backup", token)), "200")
        container.run("sleep 1; systemctl stop streamlined-lite.socket streamlined-lite.service")
        other = f"streamlined-lite keys create other --database {DATA}/streamlined-lite.db"
        expect(
            "a key made by root while nothing serves",
            len(container.run(other).split()[-1]),
            len(token),
        )
        container.run("systemctl start streamlined-lite.socket")
        expect(
            "a post of what was there, from the address alone",
            container.run(post("after the backup", token)),
            "200",
        )
        container.follow(restore)
        expect(
            "a post that the backup knows", container.run(post("before the backup", token)), "200"
        )
        expect(
            "a post that it does not know", container.run(post("after the backup", token)), "201"
        )
        expect(
            "keys in the journal",
            container.run(
                f"journalctl --no-pager | grep --count --fixed-strings {token} || true"
            ).strip(),
            "0",
        )
        expect(
            "units that failed",
            container.run("systemctl list-units --failed --plain --no-legend").strip(),
            "",
        )
        container.follow(remove)
        expect(
            "what is left",
            container.run(
                "find / -xdev -name '*streamlined*' -not -path '/root/*' -not -path '/proc/*'"
            ).strip(),
            "",
        )
    finally:
        container.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
