"""What the benchmarks could get wrong without anybody noticing: what counts, what is divided by what, and what is missing."""

import contextlib
import json
import re
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest
from benchmarks import compare, growth, peer
from benchmarks.load import Load, is_whole, posts
from benchmarks.peer import FastAPI, InfluxDB, Ours, Peer, running


@pytest.mark.parametrize(
    "share, value", [(0.5, 50), (0.99, 99), (0.991, 100), (1, 100), (0.001, 1)]
)
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share, value):
    ordered = list(range(1, 101))
    assert compare.percentile(ordered, share) == value
    assert (
        sum(each <= value for each in ordered)
        >= share * 100
        > sum(each < value for each in ordered)
    )


def test_a_percentile_of_one_value_is_that_value():
    assert compare.percentile([7.5], 0.5) == compare.percentile([7.5], 0.99) == 7.5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nServer: a\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n",
    ],
)
def test_an_answer_is_whole_at_its_last_byte_and_not_before(answer):
    assert is_whole(answer)
    assert not any(is_whole(answer[:length]) for length in range(len(answer)))


@pytest.fixture
def answering():
    """Servers that answer each request with the next of these: answering([status, ...]) -> port."""
    listeners = []

    def make(statuses: list[bytes]) -> int:
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=answer, args=(listeners[-1], statuses), daemon=True).start()
        return listeners[-1].getsockname()[1]

    def answer(listener: socket.socket, statuses: list[bytes]) -> None:
        connection, _ = listener.accept()
        with connection:
            for status in statuses:
                if not connection.recv(65_536):
                    break
                connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)

    yield make
    for each in listeners:
        each.close()


def test_only_a_2xx_counts(answering):
    load = Load(
        answering([b"201 Created", b"500 Broken"] * 100_000), "", 1, lambda: b"x", refusable=True
    )
    rate, took = load.run(0.1)
    load.close()
    assert load.stored == len(took) > 0 and abs(load.refused - len(took)) <= 1
    assert took == sorted(took) and rate == pytest.approx(len(took) / 0.1, rel=0.5)


@pytest.mark.parametrize(
    "statuses, reason",
    [([b"201 Created", b"404 Not Found"], "not a 2xx.*404"), ([b"201 Created"] * 3, "closed")],
)
def test_a_load_ends_with_what_was_wrong(answering, statuses, reason):
    load = Load(answering(statuses), "", 1, lambda: b"x")
    with pytest.raises(SystemExit, match=reason):
        load.run(10)
    load.close()


def test_no_two_posts_have_the_same_distinct_id():
    following = posts(b"%d\r\n\r\n")
    made = [following() for _ in range(10_000)]
    assert len({re.search(rb'"distinct_id":"(\w+)"', each)[1] for each in made}) == 10_000
    assert all(
        int(each.partition(b"\r\n")[0]) == len(each.partition(b"\r\n\r\n")[2]) for each in made
    )


def test_the_processor_time_of_a_server_has_that_of_its_children_also_after_they_ended(tmp_path):
    burn = "import time\nwhile time.process_time() < 0.25: pass"
    code = f"import subprocess, sys, time\nfor _ in '12': subprocess.run([sys.executable, '-c', {burn!r}])\ntime.sleep(60)"
    measured = Peer(tmp_path)
    measured.spawn([sys.executable, "-c", code])
    until, seen = time.monotonic() + 20, 0.0
    while (now := measured.processor_seconds()) < 0.4 and time.monotonic() < until:
        assert now >= seen
        seen = now
    measured.stop()
    assert 0.4 <= now < 2
    assert (
        measured.pids() == [measured.processes[0].pid]
        and measured.processes[0].returncode is not None
    )


def rounds(*pairs: tuple[float, float]) -> list[list[dict]]:
    """Of ours and of a peer: their rates in each round."""
    other = {
        "load": "32 connections",
        "durable": "yes",
        "p50": 1.0,
        "p99": 2.0,
        "processor": 3.0,
        "memory": 4.0,
        "generator": 0.1,
    }
    return [
        [
            other | {"server": Ours.name, "rate": ours, "refused": 0},
            other | {"server": "peer", "rate": rate, "refused": 2},
        ]
        for ours, rate in pairs
    ]


def test_a_ratio_is_of_the_same_round_and_their_median_is_shown():
    ours, other = compare.summarize(rounds((1000.0, 500.0), (9000.0, 1000.0), (4000.0, 2000.0)))
    assert other["times"] == (2.0, 2.0, 9.0)  # the ratio of the medians would be 4
    assert (ours["rate"], other["rate"], other["refused"]) == (
        (4000.0, 1000.0, 9000.0),
        (1000.0, 500.0, 2000.0),
        6,
    )


def test_the_table_has_the_fastest_first_and_leaves_nothing_out():
    lines = compare.table(
        compare.summarize(rounds((1000.0, 1500.0), (1000.0, 2500.0)))
    ).splitlines()
    assert lines[2:] == [
        "| 32 connections | peer | yes | 2,000 (1,500–2,500, 4 refused) | 0.53 (0.40–0.67) | 1.0 | 2.0 | 3 | 4 |",
        "| 32 connections | **Streamlined Lite** | yes | 1,000 (1,000–1,000) |  | 1.0 | 2.0 | 3 | 4 |",
    ]
    assert {line.count("|") for line in lines} == {len(compare.COLUMNS) + 1}


def test_what_is_lacking_is_named_with_the_command_that_gets_it(monkeypatch):
    monkeypatch.setattr(FastAPI, "needs", [(Path("/nowhere/fastapi"), "pip install it")])
    monkeypatch.setattr(InfluxDB, "needs", [("no-such-command", "apt install it")])
    peers, lacking = compare.find_peers(["fastapi", "influxdb"])
    assert peers == [Ours]
    assert lacking == [
        "FastAPI + uvicorn + sqlite3 is left out, get it with: pip install it",
        "InfluxDB 1.6, /write is left out, get it with: apt install it",
    ]


def test_every_file_of_a_peer_is_there_and_started_by_one():
    started = " ".join(Path(module.__file__).read_text() for module in (peer, compare))
    for each in peer.PEERS.iterdir():
        if each.suffix in (".py", ".js") and each.stem not in ("event", "fastify"):
            assert each.stem in started, each


def test_an_unknown_peer_and_a_round_of_nothing_are_refused(capsys):
    for wrong, said in (
        (["--peers", "ours,oracle"], "oracle; there are ours,"),
        (["--rounds", "0"], "greater than 0"),
    ):
        with pytest.raises(SystemExit) as ended:
            compare.read_options(wrong)
        assert ended.value.code == 2 and said in capsys.readouterr().err.replace(
            "ours, constant", "ours,"
        )


def test_ours_is_measured_on_an_empty_database_and_stopped(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(compare, "WARM_SECONDS", 0.1)
    assert (
        compare.main(
            [
                "--peers",
                "ours",
                "--rounds",
                "2",
                "--seconds",
                "0.2",
                "--connections",
                "4",
                "--folder",
                str(tmp_path),
            ]
        )
        == 0
    )
    row = next(
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("| 4 connections | **Streamlined Lite**")
    )
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert float(cells[3].partition(" ")[0].replace(",", "")) > 100 and float(cells[5]) <= float(
        cells[6]
    )
    assert 10 < float(cells[8]) < 200 and list(tmp_path.iterdir()) == []


def test_a_server_that_holds_less_than_it_acknowledged_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "WARM_SECONDS", 0.05)
    monkeypatch.setattr(Ours, "stored", lambda self: Peer.stored(self) - 1)
    with (
        pytest.raises(SystemExit, match=r"acknowledged [\d,]+ events and holds [\d,]+"),
        running(Ours, tmp_path / "round") as started,
    ):
        compare.measure_peer(started, [2], 0.1)
    assert started.processes[0].returncode == 0


def test_growth_is_measured_on_files_that_are_filled_as_posts_would_have(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(growth, "WARM_SECONDS", 0.05)
    monkeypatch.setattr(growth.BottleSQLite, "needs", [("no-such-command", "pip install it")])
    held = []
    monkeypatch.setattr(
        growth,
        "time_start",
        lambda peer, folder: held.append(content(folder / "events.db")) or 0.25,
    )
    assert (
        growth.main(
            ["--sizes", "3000", "--rounds", "1", "--seconds", "0.2", "--folder", str(tmp_path)]
        )
        == 0
    )
    said = capsys.readouterr()
    assert "a commit a request is left out, get it with: pip install it" in said.err
    lines = said.out.splitlines()
    assert lines[2].startswith("| 3,000 | **Streamlined Lite** |") and "(200 after" in lines[3]
    assert {line.count("|") for line in lines[:4]} == {len(growth.COLUMNS) + 1}
    assert (
        held == [(3000, 3000, growth.LOCATIONS, 0)] * 3
        and " 0.25 |" in lines[2]
        and list(tmp_path.iterdir()) == []
    )


def content(database: Path) -> tuple:
    """(events, their distinct_ids, locations, contacts that no trigger made)."""
    with contextlib.closing(sqlite3.connect(database)) as look:
        return look.execute(
            "select count(*), count(distinct distinct_id), (select count(*) from locations), "
            "count(*) filter (where not exists (select 1 from contacts where contacts.contact_id = events.contact_id)) from events"
        ).fetchone()


def test_the_scanning_metric_reads_every_event(api):
    total = 40
    for location_id, distinct_id, event_name, contact_id, moment, properties in growth.events(
        0, total
    ):
        assert (
            api.post(
                {
                    "location_id": location_id,
                    "distinct_id": distinct_id,
                    "event_name": event_name,
                    "contact_id": contact_id,
                    "timestamp": moment,
                    "properties": json.loads(properties),
                }
            ).status_int
            == 201
        )
    assert api.post(growth.body(b"one-more", 0)).status_int == 201
    answer = api("POST", "/metrics/v1/query", growth.SCAN).json
    assert answer["total"]["value"] == pytest.approx(99.5 * (total + 1))
