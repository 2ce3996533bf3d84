"""What strangers send on purpose: shapes that smuggle, connections that hold, bodies without end;
and what keys must not open."""

import csv
import errno
import functools
import gc
import http.server
import json
import logging
import math
import re
import resource
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from urllib.parse import quote, urlencode

import pytest
from benchmarks.hostile import Strangers, megabytes
from benchmarks.kill9 import Posting, stored_ids
from browser import expect, needs_browser
from conftest import (
    ADMIN,
    Answers,
    Api,
    Served,
    ServerProcess,
    clean_environment,
    errors,
    event,
    exchange,
    request_bytes,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_application import METRIC
from test_server import (
    chunked,
    get,
    is_silent,
    on_loop,
    post,
    problem_of,
    reset,
    stored,
    wait_until,
)

import streamlined_lite as lite

########################################################################################################
# Shapes
########################################################################################################

INNER = request_bytes(event("smuggled"))


def shape(*lines: str, body: bytes = b"", version: str = "1.1") -> bytes:
    head = "\r\n".join(
        [f"POST /events/ingestion/v1 HTTP/{version}", f"X-API-Key: {ADMIN}", *lines, "", ""]
    )
    return head.encode("latin-1") + body


CHUNKED = "Transfer-Encoding: chunked"
SMUGGLING = {
    "a length and chunks": shape("Content-Length: 6", CHUNKED, body=b"0\r\n\r\n" + INNER),
    "chunks and a length": shape(
        CHUNKED, f"Content-Length: {len(INNER) + 5}", body=b"0\r\n\r\n" + INNER
    ),
    "two lengths": shape("Content-Length: 0", f"Content-Length: {len(INNER)}", body=INNER),
    "twice the same length": shape("Content-Length: 0", "Content-Length: 0", body=INNER),
    "a list of lengths": shape(f"Content-Length: 0, {len(INNER)}", body=INNER),
    "a negative length": shape("Content-Length: -1", body=INNER),
    "a signed length": shape("Content-Length: +0", body=INNER),
    "a length in other digits": shape("Content-Length: 0x0", body=INNER),
    "a length of 5,000 digits": shape("Content-Length: " + "0" * 4_999 + "1", body=b"{" + INNER),
    "a length with a vertical tab": shape("Content-Length: \x0b0", body=INNER),
    "an encoding on the next line": shape(
        "Transfer-Encoding:", " chunked", "Content-Length: 0", body=b"0\r\n\r\n" + INNER
    ),
    "a header on two lines": shape("X: a", "\tContent-Length: 9", body=INNER),
    "an unknown encoding": shape("Transfer-Encoding: xchunked", "Content-Length: 0", body=INNER),
    "two encodings": shape("Transfer-Encoding: identity, chunked", body=b"0\r\n\r\n" + INNER),
    "an encoding with a vertical tab": shape(
        "Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + INNER
    ),
    "chunks in HTTP/1.0": shape(
        CHUNKED, "Connection: keep-alive", body=b"0\r\n\r\n" + INNER, version="1.0"
    ),
    "blank before the colon": shape("Transfer-Encoding : chunked", body=b"0\r\n\r\n" + INNER),
    "a bare LF in a header": shape("X: a\nContent-Length: 0", body=INNER),
    "a bare CR in a header": shape("X: a\rContent-Length: 0", body=INNER),
    "a bare CR in the first line": b"POST /events/ingestion/v1\r HTTP/1.1\r\n\r\n" + INNER,
    "NUL in a header": shape("X: \0", body=INNER),
    "a chunk of negative size": shape(CHUNKED, body=b"-1\r\n\r\n" + INNER),
    "a chunk size with 0x": shape(CHUNKED, body=b"0x0\r\n\r\n" + INNER),
    "a chunk size with a blank": shape(CHUNKED, body=b" 0\r\n\r\n" + INNER),
    "a broken chunk extension": shape(CHUNKED, body=b"0;\0\r\n\r\n" + INNER),
    "a bare LF behind a chunk size": shape(CHUNKED, body=b"0\n\r\n\r\n" + INNER),
    "a chunk longer than it says": shape(CHUNKED, body=b"1\r\n{}\r\n0\r\n\r\n" + INNER),
    "an address that is none": b"POST http://[/events HTTP/1.1\r\n\r\n" + INNER,
    "an address with a bad port": b"GET http://[::1:x]/ HTTP/1.1\r\n\r\n" + INNER,
    "no method": b" /events/ingestion/v1 HTTP/1.1\r\n\r\n" + INNER,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + INNER,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + INNER,
}


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """One server for all of the shapes, told that it serves no more than a few at once."""
    served = Served(tmp_path_factory.mktemp("shapes") / "events.db")
    yield served
    served.close()


@pytest.mark.parametrize("sent", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_a_shape_that_a_proxy_may_read_otherwise_is_refused_and_ends_the_connection(
    target, caplog, sent
):
    with caplog.at_level(logging.INFO), target.connect() as connection:
        connection.sendall(sent)
        answers = Answers(connection)
        answer = answers.next()
        assert answer[0] in (400, 404, 501, 505) and problem_of(answer)
        assert answer[1]["connection"] == "close" and answers.next()[0] == 0
        assert {name.lower(): answer[1].get(name.lower()) for name in lite.SECURITY_HEADERS} == {
            name.lower(): value for name, value in lite.SECURITY_HEADERS.items()
        }
    assert stored(target) == [] and caplog.records == []


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost:99999",
        "a b",
        "'; drop table events --",
        "[::1",
        "\xff",
        "x" * 1_000,
    ],
)
def test_a_host_header_decides_nothing(target, host):
    before = exchange(target, get("/openapi.json"))[0]
    answer = exchange(target, get("/openapi.json", Host=host).decode().encode("latin-1"))[0]
    assert (answer[0], answer[2]) == (200, before[2]) and not any(
        host in value for value in answer[1].values() if len(host) > 3
    )


ENDLESS = {
    "a head": (b"GET / HTTP/1.1\r\nX: ", b"x" * 8_000, lite.HEADER_LIMIT, 431),
    "headers": (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 1_000, lite.HEADER_LIMIT, 431),
    "a first line": (b"GET /", b"x" * 8_000, lite.HEADER_LIMIT, 431),
    "a chunk's size": (shape(CHUNKED), b"0" * 1_000, lite.CHUNK_LIMIT, 400),
    "a chunk's extension": (shape(CHUNKED) + b"1;a=", b"x" * 1_000, lite.CHUNK_LIMIT, 400),
    "a trailer": (shape(CHUNKED) + b"0\r\n", b"x: y\r\n" * 100, lite.CHUNK_LIMIT, 400),
}


@pytest.mark.parametrize("begin, more, limit, status", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_has_no_end_is_refused_when_its_limit_is_reached(target, begin, more, limit, status):
    with target.connect() as connection:
        connection.sendall(begin)
        for _ in range(limit // len(more)):
            connection.sendall(more)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):  # so much is allowed, and waited for
            connection.recv(1)
        connection.settimeout(30)
        connection.sendall(more)
        assert problem_of(Answers(connection).next())["status"] == status


@pytest.mark.parametrize("more, status", [(0, 404), (1, 431)])
def test_headers_are_counted(target, more, status):
    """For each takes a hundred times its few bytes to keep."""
    lines = b"A:\r\n" * (lite.HEADERS_LIMIT + more)
    assert (
        problem_of(exchange(target, b"GET /nothing HTTP/1.1\r\n" + lines + b"\r\n")[0])["status"]
        == status
    )


@pytest.mark.parametrize(
    "before, status",
    [(b"", 400), (b"400000\r\n" + b"x" * 0x400000 + b"\r\n", 413)],
    ids=["at once", "behind a large one"],
)
def test_chunks_of_a_byte_are_refused_before_they_take_much_time(target, before, status):
    with target.connect() as connection:
        connection.sendall(shape(CHUNKED) + before)
        connection.sendall(b"1\r\nx\r\n" * (lite.CHUNK_LIMIT + len(before) // 16))
        answer = Answers(connection).next()
    assert (problem_of(answer)["status"], answer[1]["connection"]) == (status, "close")


def test_a_piece_of_a_chunked_body_is_small(target):
    """Else so many chunks as one packet has would be read before they are counted."""
    parser = lite.Parser(target.server.http.adj)
    parser.received(shape(CHUNKED))
    assert parser.received(b"1\r\nx\r\n" * 10_000) == 2 * lite.CHUNK_LIMIT and parser.error


def test_events_that_are_chunks_of_their_own_are_taken(target):
    lines = [json.dumps(event(f"chunk {number}")).encode() + b"\n" for number in range(1_000)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines) + b"0\r\n\r\n"
    head = shape(CHUNKED, "Content-Type: application/x-ndjson").replace(b"/v1 ", b"/v1/batch ")
    assert exchange(target, head + sent)[0][0] == 200


def test_of_a_long_head_nothing_is_kept(target):
    lite.read_head.cache_clear()
    for more, kept in (("x" * lite.KEPT_HEAD, 0), ("x", 1), ("x", 1)):
        assert exchange(target, get(X=more))[0][0] == 200
        assert lite.read_head.cache_info().currsize == kept


def test_a_refused_request_leaves_nothing_in_memory(api):
    """A body of a megabyte in a cycle of exception and frames would stay until the collection."""
    gc.collect()
    gc.disable()
    try:
        for body, key in (
            (event(), "unknown"),
            (event(timestamp="soon"), ADMIN),
            (b"{", ADMIN),
            ([{}], ADMIN),
        ):
            for path in ("/events/ingestion/v1", "/events/ingestion/v1/batch", "/metrics/v1/query"):
                assert api("POST", path, body, key=key).status_int >= 400
        assert api("POST", "/nothing", event()).status_int == 404
        assert [
            each
            for each in gc.get_objects()
            if isinstance(each, (lite.Body, lite.bottle.HTTPError))
        ] == []
    finally:
        gc.enable()


def test_a_page_of_large_events_ends_before_it_fills_the_memory(api):
    """Those that it leaves out are on the next ones."""
    for number in range(80):
        api.post(
            event(str(number), timestamp=1_700_000_000 + number, properties={"a": "x" * 65_000})
        )
    seen, cursor = [], ""
    while cursor is not None:
        answer = api("GET", f"/events/v1?limit=500{cursor and '&cursor=' + cursor}")
        assert len(answer.body) < lite.PAGE_BYTES + 100_000
        seen, cursor = (
            seen + [each["distinct_id"] for each in answer.json["events"]],
            answer.json["next"],
        )
    assert seen == [str(number) for number in reversed(range(80))]


def store_large_rows(path):
    """As releases took them that had fewer limits: each of these is nearly a megabyte, and the
    newest one of its location."""
    moment = 1_700_000_000_000
    rows = []
    with closing(lite.open_writer(path)) as writer, writer:
        for number in range(12):
            for name, properties in (
                ("Many keys", {f"{number}-{key}": 1 for key in range(75_000)}),
                ("Long text", {"x": f"{number}" + "x" * 900_000}),
            ):
                lite.insert_events(
                    writer,
                    [
                        lite.Event.model_construct(
                            event_name=name,
                            location_id=f"loc-{number}",
                            distinct_id=name,
                            contact_id="c-1",
                            timestamp=moment + number,
                            properties=properties,
                        )
                    ],
                    moment,
                )
            fields = json.dumps({f"{number}-{field}": 1 for field in range(65_000)})
            rows.append((fields, f"loc-{number}"))
        writer.executemany(
            "update contacts set fields = ? where location_key = "
            "(select location_key from locations where location_id = ?)",
            rows,
        )


def metric_of(name, **more):
    term = {"key": "A", "event": name, "type": "account", "aggregation": "count"} | more
    return {"metric": {"terms": [term]}, "from": "2023-11-01", "to": "2023-12-01"}


def test_no_answer_takes_the_memory(start, tmp_path):
    """Neither what reads large rows nor what calculates with them, several at once; twice as much
    as a server takes that has done nothing."""
    path = tmp_path / "events.db"
    path.touch()
    store_large_rows(str(path))
    server = start(path)
    before = megabytes(server.process.pid, "VmHWM")
    long, keys = metric_of("Long text"), metric_of("Many keys")
    distinct = metric_of("Long text", aggregation="count_distinct", property="x")
    requests = [
        *(
            request_bytes(b"", path=f"{path}", method="GET")
            for path in (
                "/event-names/v1",
                "/contact-fields/v1",
                "/events/v1?limit=1",
                "/events/v1?limit=500",
                "/events/v1?limit=500&order=arrival",
                "/contacts/v1?limit=500",
                "/contacts/v1/loc-1/c-1",
            )
        ),
        *(
            request_bytes(body, path="/metrics/v1/query")
            for body in (distinct, *(each | {"breakdown": "property.x"} for each in (long, keys)))
        ),
        request_bytes(long | {"term": "A", "limit": 500}, path="/metrics/v1/events"),
    ]
    with ThreadPoolExecutor(4) as readers:
        answers = list(readers.map(lambda request: exchange(server, request)[0], requests))
    assert [body[:300] for status, _, body in answers if status != 200] == []
    assert max(len(body) for _, _, body in answers) < lite.PAGE_BYTES + 2_000_000
    assert megabytes(server.process.pid, "VmHWM") < 2 * before + 64


def test_a_row_that_is_too_large_to_read_is_told(start, tmp_path):
    path = tmp_path / "events.db"
    path.touch()
    with closing(lite.open_writer(str(path))) as writer:
        writer.execute("insert into locations (location_id, first_seen_at) values ('loc-1', 0)")
        writer.execute(
            "insert into contacts (location_key, contact_id, fields, created_at, updated_at) "
            "values (1, 'c-1', ?, 0, 0)",
            (json.dumps({"x": "x" * lite.READ_LIMIT}),),
        )
    server = start(path)
    for path in ("/contacts/v1", "/contacts/v1/loc-1/c-1"):
        answer = exchange(server, request_bytes(b"", path=path, method="GET"))[0]
        assert (answer[0], problem_of(answer)["code"]) == (422, "answer_too_large")
    assert (
        exchange(server, request_bytes(b"", path="/contact-fields/v1", method="GET"))[0][0] == 200
    )


def test_a_list_without_pages_that_is_too_long_is_refused(api, monkeypatch):
    for number in range(3):
        api.post(event(str(number), location_id=f"loc-{number}", properties={"a": 1, "b": 2}))
    monkeypatch.setattr(lite, "WHOLE_LIST_LIMIT", 2)
    for path in ("/locations/v1", "/event-names/v1", "/events/v1"):
        answer = api("GET", path)
        assert (answer.status_int, answer.json["code"]) == (422, "answer_too_large")
    assert len(api.get("/event-names/v1?location_id=loc-1")["event_names"]) == 1


@pytest.mark.parametrize(
    "properties, code",
    [
        ({f"k{number}": 1 for number in range(1_000)}, None),
        ({f"k{number}": 1 for number in range(1_001)}, "too_many"),
        ({"x": "x" * 65_528}, None),
        ({"x": "x" * 65_529}, "too_large"),
        ({"x": "é" * 32_765}, "too_large"),
        ({"x": "\n" * 32_765}, "too_large"),
        ({"x" * 9_990 + str(number): 1 for number in range(7)}, "too_large"),
    ],
)
def test_properties_have_a_limit_that_suits_their_use(api, properties, code):
    answer = api.post(event(properties=properties))
    if code is None:
        assert answer.status_int == 201
        assert api.get("/events/v1")["events"][0]["properties"] == properties
    else:
        assert errors(answer) == {"/properties": code}


@pytest.mark.parametrize("version", [1, 2])
def test_reads_take_a_quarter_of_the_memory_at_most(monkeypatch, tmp_path, version):
    """Of the machine's, or of what a control group around ours allows."""
    (tmp_path / "our" / "own").mkdir(parents=True)
    name = "memory.max" if version == 2 else "memory.limit_in_bytes"
    (tmp_path / "our" / "own" / name).write_text("max\n")
    (tmp_path / "our" / name).write_text("600000000\n")
    assert list(lite.group_limits(tmp_path, "/our/own", name)) == [600_000_000]
    for memory, threads in ((600_000_000, 2), (100_000_000, 1), (2**40, 8)):
        monkeypatch.setattr(lite, "memory_limit", lambda memory=memory: memory)
        assert lite.possible_readers(8) == threads


def test_a_deletion_of_many_pages_has_its_limit(api, monkeypatch):
    monkeypatch.setattr(lite, "PAGE_BYTES", 6_000)
    for first in (0, 700):
        api(
            "POST",
            "/events/ingestion/v1/batch",
            [event(str(number)) for number in range(first, first + 700)],
        )
    assert len(api.get("/events/v1?limit=500")["events"]) < 400
    assert api("DELETE", "/events/v1?location_id=loc-1").json == {"events": 1_000, "remaining": 400}


def test_an_error_about_a_long_name_is_short(api):
    problem = api.post(event(properties={"x" * 1_000_000: 1})).json
    assert len(str(problem)) < 5_000 and problem["errors"][0]["pointer"].startswith(
        "/properties/xxx"
    )


LARGE = json.dumps([event(f"d-{number}", properties={"a": "x" * 60_000}) for number in range(5)])


def batch(data: str = LARGE, key: str = ADMIN, **headers) -> bytes:
    return request_bytes(data.encode(), key, path=lite.BATCH_PATH, **headers)


@pytest.mark.parametrize("encode", [batch, chunked], ids=["with a length", "in chunks"])
def test_a_large_body_needs_no_room_on_a_disk(serve, monkeypatch, encode):
    """Where /tmp is full, or is memory."""

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer.newfile", full)
    sent = encode(LARGE.encode() if encode is chunked else LARGE)
    sent = sent.replace(b" /events/ingestion/v1 ", f" {lite.BATCH_PATH} ".encode())
    assert exchange(serve(), sent)[0][0] == 200


########################################################################################################
# What waits
########################################################################################################


def requests_of(served) -> list[lite.Parser]:
    """Those of which a part has arrived."""
    channels = on_loop(served, served.server.channels)
    return [channel.request for channel in channels if channel.request is not None]


@pytest.mark.parametrize("encode", [request_bytes, chunked], ids=["with a length", "in chunks"])
def test_nothing_is_kept_of_the_body_of_a_stranger(serve, connect, encode):
    """He reads the usual answer, and the attempt is there to be seen."""
    served = serve()
    sent = encode(b"x" * 1_000_000).replace(ADMIN.encode(), b"unknown")
    connections = connect(served, 5)
    for each in connections:
        each.sendall(sent[:-1])
    wait_until(served, lambda: len(served.server.channels()) == 5)
    wait_until(
        served,
        lambda: all((each.request.drained or 0) > 900_000 for each in served.server.channels()),
    )
    for request in requests_of(served):
        assert isinstance(request.body_rcv.getbuf(), lite.NullBuffer)
        assert request.headers.keys() <= {"X_API_KEY"}
    assert served.server.buffers.total == 0
    for each in connections:
        each.sendall(sent[-1:] + post("next"))
        answers = Answers(each)
        assert problem_of(answers.next())["code"] == "key_unknown" and answers.next()[0] in (
            200,
            201,
        )
    attempts = json.loads(exchange(served, get("/attempts/v1"))[0][2])["attempts"]
    assert [each["reason"] for each in attempts] == ["the key sent is not known here"] * 5


@pytest.mark.parametrize(
    "begin, more, status",
    [
        (shape(CHUNKED).replace(ADMIN.encode(), b"unknown"), b"zz\r\n", 400),
        (shape(CHUNKED).replace(ADMIN.encode(), b"unknown"), b"1\r\nx\r\n" * 1_000, 400),
        (
            shape(CHUNKED).replace(ADMIN.encode(), b"unknown"),
            b"400001\r\n" + b"x" * 0x400001 + b"\r\n0\r\n\r\n",
            413,
        ),
        (
            shape("Content-Length: 9", "Expect: 100-continue").replace(ADMIN.encode(), b"no"),
            b"",
            401,
        ),
    ],
    ids=["no chunks", "small chunks", "too much", "who asks first"],
)
def test_the_body_of_a_stranger_keeps_the_rules(target, begin, more, status):
    with target.connect() as connection:
        connection.sendall(begin)
        assert exchange(target, get())[0][0] == 200  # the head is read
        connection.sendall(more)
        answers = Answers(connection)
        answer = answers.next()
        assert problem_of(answer)["status"] == status and answer[1]["connection"] == "close"


def test_a_body_that_was_dropped_is_not_taken_for_an_empty_one(serve, monkeypatch):
    """Its key was made after its head came; its sender sends it again."""
    served = serve()
    with monkeypatch.context() as patch, served.connect() as connection:
        patch.setattr(served.server.listeners[0], "sender_of", lambda request: None)
        wrong_path = request_bytes({}, path="/nothing")
        for sent, expected in ((post(), (429, "key_new")), (wrong_path, (404, "not_found"))):
            connection.sendall(sent[:-1])
            assert exchange(served, get())[0][0] == 200
            connection.sendall(sent[-1:])
            answer = Answers(connection).next()
            assert (answer[0], problem_of(answer)["code"]) == expected
    assert stored(served) == []
    assert json.loads(exchange(served, get("/rejections/v1"))[0][2])["rejections"] == []


@pytest.fixture
def keys():
    """keys(served, number): tokens."""

    def make(served, number: int) -> list[str]:
        sent = request_bytes({"name": "a key"}, path="/keys/v1")
        return [json.loads(exchange(served, sent)[0][2])["token"] for _ in range(number)]

    return make


OF_4_MB = LARGE + " " * (4_000_000 - len(LARGE))


def test_what_waits_has_a_total_of_which_one_key_has_half(serve, connect, keys, monkeypatch):
    """Beyond it bodies wait and are then told to come again; small ones are stored meanwhile."""
    served = serve(buffer_limit=16)
    monkeypatch.setattr(lite, "PATIENCE_SECONDS", 60)
    first, second, third = keys(served, 3)
    connections = connect(served, 6)
    whole = [batch(OF_4_MB, key) for key in (first, first, first, second, second, third)]
    for connection, sent in zip(connections, whole, strict=True):
        connection.sendall(sent[:20_000])
    held = [channel.reserved > 0 for channel in wait_for_heads(served, 6)]
    assert sorted(held) == [False] * 2 + [True] * 4 and len(served.server.waiting) == 2
    assert 15_900_000 < served.server.buffers.total < 16 * lite.MEGABYTE
    with served.connect() as small:  # as many clients send: the head, and then the body
        sent = request_bytes(event("small"), third)
        small.sendall(sent[:-10])
        assert exchange(served, get())[0][0] == 200
        small.sendall(sent[-10:])
        assert Answers(small).next()[0] == 201
    connections[0].sendall(whole[0][20_000:])
    assert Answers(connections[0]).next()[0] == 200  # and makes room for the next of its key
    wait_until(served, lambda: len(served.server.waiting) == 1)
    monkeypatch.setattr(lite, "BUSY_SECONDS", 0)
    for number in range(1, 6):
        connections[number].sendall(whole[number][20_000:])
    answers = [Answers(each).next() for each in connections[1:]]
    assert sorted(answer[0] for answer in answers) == [200] * 4 + [429]
    refused = next(answer for answer in answers if answer[0] == 429)
    assert problem_of(refused)["code"] == "no_room" and int(refused[1]["retry-after"]) > 0
    assert served.server.buffers.total == 0 and not served.server.buffers.by_sender


def wait_for_heads(served, number: int) -> list[lite.Channel]:
    """The channels with a request whose body has begun, or waits."""

    def have_come() -> list[lite.Channel]:
        return [
            channel
            for channel in served.server.channels()
            if channel.request is not None and channel.request.headers_finished
        ]

    wait_until(served, lambda: len(have_come()) == number)
    return on_loop(served, have_come)


def test_who_holds_most_gives_way_to_who_holds_less(serve, connect, keys):
    """Two keys that send slowly cannot keep a third one out."""
    served = serve(buffer_limit=16)
    first, second, third = keys(served, 3)
    connections = connect(served, 4)
    for connection, key in zip(connections, (first, first, second, second), strict=True):
        connection.sendall(batch(OF_4_MB, key)[:20_000])
    wait_for_heads(served, 4)
    assert exchange(served, batch(OF_4_MB, third))[0][0] == 200
    by_sender = served.server.buffers.by_sender
    assert sorted(round(held / 1e6) for held in by_sender.values()) == [4, 8]


def read_nothing(stack: ExitStack, served, number: int, path: str, key: str = "") -> None:
    """So many clients that ask for this and take no answer."""
    served.server.listeners[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    for _ in range(number):
        each = stack.enter_context(served.connect())
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        each.sendall(get(path, key=key))


@pytest.mark.parametrize("is_known", [False, True])
def test_answers_that_nobody_takes_have_a_total(serve, keys, is_known):
    """Those that have waited longest go, of whoever has most."""
    served = serve(buffer_limit=16)
    events = [event(str(number), properties={"a": "x" * 60_000}) for number in range(60)]
    path, key = "/openapi.json", ""
    if is_known:
        assert exchange(served, request_bytes(json.dumps(events).encode(), path=lite.BATCH_PATH))
        path, key = "/events/v1?limit=500", ADMIN
    share = served.server.buffers.share("admin" if is_known else None)
    size = len(exchange(served, get(path, key=key))[0][2])
    number = 2 * share // size
    with ExitStack() as stack:
        read_nothing(stack, served, number, path, key)
        assert exchange(served, get())[0][0] == 200  # all are accepted
        wait_until(served, lambda: len(served.server.channels()) < number)
        wait_until(
            served,
            lambda: all(
                each.total_outbufs_len and not each.requests for each in served.server.channels()
            ),
        )
        wait_until(served, lambda: served.server.buffers.total <= share)  # the last one gives way
        held = on_loop(served, lambda: served.server.buffers.total)
        assert share - 2 * size < held <= share
        assert exchange(served, post("stored"))[0][0] in (200, 201)
    wait_until(served, lambda: served.server.buffers.total == 0)


def test_an_answer_is_to_be_taken_in_time(serve):
    """However alive its connection is."""
    served = serve(request_timeout=1, idle_timeout=60)
    with ExitStack() as stack:
        read_nothing(stack, served, 1, "/openapi.json")
        wait_until(served, lambda: any(each.total_outbufs_len for each in served.server.channels()))
        (channel,) = on_loop(served, served.server.channels)
        ends = threading.Event()
        while channel.connected:
            channel.active_at = channel.server.clock.now  # a byte was taken
            assert not ends.wait(0.05)


def test_urgent_bytes_end_the_connection_and_nothing_else(target, caplog):
    """They would wake the poll again and again, each time with a line in the log."""
    with caplog.at_level(logging.INFO), target.connect() as connection:
        connection.send(b"!", socket.MSG_OOB)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert caplog.records == []


########################################################################################################
# Connections
########################################################################################################


def test_a_request_must_arrive_in_time(serve):
    """However alive its connection is; between two requests it may rest for longer."""
    served = serve(request_timeout=1, idle_timeout=60)
    with served.connect() as slow, served.connect() as resting:
        answers = Answers(resting)
        resting.sendall(post("rests"))
        assert answers.next()[0] == 201
        slow.sendall(post("slow")[:-100])
        ends = threading.Event()
        feeder = threading.Thread(
            target=lambda: [slow.send(b" ") for _ in range(60) if not ends.wait(0.05)]
        )
        feeder.start()
        answer = Answers(slow).next()
        ends.set()
        feeder.join()
        assert (answer[0], problem_of(answer)["code"], answer[1]["connection"]) == (
            408,
            "request_timeout",
            "close",
        )
        resting.sendall(post("rested"))
        assert answers.next()[0] == 201
    assert stored(served) == ["rests", "rested"]


def test_at_the_limit_strangers_who_wait_longest_make_room(serve):
    """Neither who is served has to go, nor a sender whose post was stored, however long ago."""
    served = serve(connection_limit=40)
    with ExitStack() as stack:
        resting, busy = (stack.enter_context(served.connect()) for _ in range(2))
        answers, rested = Answers(busy), Answers(resting)
        resting.sendall(post("first"))
        busy.sendall(post("0"))
        assert rested.next()[0] == answers.next()[0] == 201
        held = [stack.enter_context(served.connect()) for _ in range(60)]  # silent, ...
        for each in held[30:]:
            each.sendall(post("never")[:-1])  # ... or keeping what they have begun
        for number in range(1, 30):
            busy.sendall(post(str(number)))
            assert answers.next()[0] == 201
            assert len(on_loop(served, served.server.channels)) <= 40
        assert exchange(served, post("newcomer"))[0][0] == 201
        for connection, read in ((busy, answers), (resting, rested)):
            connection.sendall(post(f"last of {id(read)}"))
            assert read.next()[0] == 201
    assert len(stored(served)) == 34 and "never" not in stored(served)


def look_again(served, at: float) -> None:
    """When connections are next closed for others; never at infinity."""
    on_loop(served, lambda: setattr(served.server, "next_closing", at))


def test_a_client_that_takes_nothing_is_closed_at_the_limit_too(serve):
    """Its socket is never writable, so that waiting for a moment to close it would have no end."""
    served = serve(connection_limit=10)
    look_again(served, math.inf)
    served.server.listeners[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    with ExitStack() as stack:
        for _ in range(10):
            each = stack.enter_context(served.connect())
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            each.sendall(get("/openapi.json") * 50)
        wait_until(
            served,
            lambda: (
                sum(
                    bool(each.total_outbufs_len and each.pipelined and not each.requests)
                    for each in served.server.channels()
                )
                == 10
            ),
        )
        look_again(served, 0)
        assert exchange(served, post())[0][0] == 201


def test_a_full_server_sleeps_while_others_wait(serve):
    """They are not asked for before a place is free, else each poll would end at once."""
    served = serve(connection_limit=10)
    look_again(served, math.inf)
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(served.connect())
        wait_until(served, lambda: len(served.server.channels()) == 10)
        newcomer = stack.enter_context(served.connect())
        newcomer.sendall(post())
        polls, poll = [], served.server.poll
        served.server.poll = lambda timeout: (polls.append(timeout), poll(timeout))
        assert is_silent(newcomer) and len(polls) < 5
        look_again(served, 0)
        assert Answers(newcomer).next()[0] == 201


def test_what_is_sent_ahead_waits_as_bytes(serve):
    """Thousands of requests fit into a packet, and each would be a thousand bytes once parsed."""
    served = serve(":memory:")
    with served.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20_000)
        for _ in range(20):
            assert all(
                len(channel.requests) <= 1 and len(channel.pipelined) <= 65_536
                for channel in on_loop(served, served.server.channels)
            )
        reset(connection)
    assert exchange(served, post())[0][0] == 201


def test_honest_senders_are_answered_amid_strangers(start):
    """tests/benchmarks/hostile.py measures how fast."""
    server = start(connection_limit="300", request_timeout="5")
    requests = [post(f"d-{number}") for number in range(2_000)]
    with Strangers(server.port, part=5):
        answers = Posting(server.port, ADMIN, 32).post_all(requests)
    assert [answer.split()[1] for answer in answers] == [b"201"] * len(requests)
    assert megabytes(server.process.pid, "VmHWM") < 150
    assert server.stop()[0] == 0


########################################################################################################
# Files
########################################################################################################


@pytest.fixture
def files():
    """files(soft): so many files may be open, for now."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft, hard=before[1]: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_serve_raises_the_limit_of_open_files(files):
    files(1_024)
    assert lite.allow_many_files(3_000) == 3_000
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 3_100


def test_a_limit_of_open_files_that_cannot_be_raised_is_said_and_kept(tmp_path):
    """Else accepting would fail again and again, without an end."""
    command = [
        sys.executable,
        lite.__file__,
        "--port",
        "0",
        "--database",
        str(tmp_path / "events.db"),
    ]
    with subprocess.Popen(
        ["sh", "-c", 'ulimit -n 200 && exec "$@"', "sh", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(admin_key=ADMIN),
    ) as process:
        try:
            port = int(
                next(line for line in process.stdout if line.startswith("listening")).split(":")[2]
            )
            connect = functools.partial(socket.create_connection, ("127.0.0.1", port), timeout=30)
            with ExitStack() as stack:
                for _ in range(150):
                    stack.enter_context(connect())
                last = stack.enter_context(connect())
                last.sendall(post())
                assert Answers(last).next()[0] == 201
        finally:
            process.terminate()
        errors = process.stderr.read()
    assert (
        process.returncode == 0
        and "enough for 100 connections, not 1,000" in errors
        and "ulimit -n" in errors
    )


########################################################################################################
# Keys for one location
########################################################################################################

MINE, OTHERS = "loc-1", "loc-2"
LOCATIONS = st.sampled_from(
    [MINE, OTHERS, "", " loc-2", "LOC-2", "loc-2/", "loc-1,loc-2", "all", "*", "%", "loc-2\u200b"]
)
IDS = st.integers(1, 12).map(str)
CURSORS = st.sampled_from(
    [
        lite.write_cursor(place)
        for place in (
            (0,),
            (1,),
            (10**15,),
            (1, 1),
            (10**15, 10**6),
            (10**15, MINE, "c-1"),
            (10**15, OTHERS, "c-1"),
            (10**15, "zzz", "zzz"),
        )
    ]
)
QUERY_VALUES = {
    "location_id": LOCATIONS,
    "locations": LOCATIONS,
    "cursor": CURSORS,
    "contact_id": st.sampled_from(["c-1", "c-2"]),
    "tag": st.sampled_from(["vip", "secret"]),
    "event_name": st.sampled_from(["Offer Made", "Secret Deal"]),
    "q": st.sampled_from(["", "a", "secret", "%", "c-2"]),
    "limit": st.sampled_from(["1", "500"]),
    "order": st.sampled_from(["arrival", "timestamp"]),
    "breakdown": st.sampled_from(["location", "contact.tags", "contact.name", "property.note"]),
    "compare": st.just("previous_period"),
    "interval": st.sampled_from(["day", "total"]),
    "ids": IDS,
    "cards": st.sampled_from(["0", "1,0", "9"]),
    "from": st.just("1970-01-01"),
    "to": st.just("2027-01-01"),
    "dry_run": st.just("true"),
    "timezone": st.just("UTC"),
    "report": st.sampled_from(["1", "9"]),
    "address": st.just("ann@example.com"),
    "signature": st.just("0" * 40),
    "again": st.just("true"),
}
FILTERS = st.sampled_from(
    [
        {},
        {
            "filters": {
                "all": [{"field": "contact.tags", "op": "has_any", "value": ["secret", "vip"]}]
            }
        },
        {
            "filters": {
                "any": [
                    {"field": "contact.name", "op": "contains", "value": "e"},
                    {"field": "contact.Plan", "op": "is_set"},
                ]
            }
        },
    ]
)
QUESTIONS = st.fixed_dictionaries(
    {
        "metric": FILTERS.flatmap(
            lambda filters: st.sampled_from(["Offer Made", "Secret Deal"]).map(
                lambda name: {"terms": [{"key": "A", "event": name, "type": "contact"} | filters]}
            )
        )
    },
    optional={
        "locations": st.lists(LOCATIONS.filter(bool), min_size=1, max_size=2) | st.just("all"),
        "term": st.just("A"),
        "breakdown": QUERY_VALUES["breakdown"],
        "from": st.just("1970-01-01"),
        "to": st.just("2027-01-01"),
        "limit": st.just(500),
        "cursor": CURSORS,
    },
)


def one_location(secrets: bool) -> tuple[Api, dict[str, str]]:
    """A world with a location of its key's own, with or without what lies in another.

    The keys are made last.
    """
    api = Api()
    for number in range(3):
        api.post(
            event(
                f"d-{number}",
                contact_id=f"c-{number}",
                timestamp=1_700_000_000 + number,
                properties={"value": number, "note": "mine"},
            )
        )
    api("PUT", "/contacts/v1/loc-1/c-1", {"name": "Ann", "tags": ["vip"], "fields": {"Age": 44}})
    api("POST", "/metrics/v1", METRIC)
    keys = {scope: api.key(scope=scope, locations=[MINE]) for scope in ("read", "ingest", "sync")}
    if secrets:
        for number in range(4):
            api.post(
                event(
                    f"d-{number}",
                    location_id=OTHERS,
                    contact_id=f"c-{number}",
                    event_name=["Offer Made", "Secret Deal"][number % 2],
                    properties={"value": 1e6, "note": "secret", "code": "secret"},
                )
            )
        api(
            "PUT",
            "/contacts/v1/loc-2/c-1",
            {
                "name": "A secret",
                "email": "secret@example.com",
                "tags": ["secret", "vip"],
                "fields": {"Plan": "secret"},
            },
        )
        api("PATCH", "/locations/v1/loc-2", {"name": "Secret Inc.", "timezone": "Asia/Tokyo"})
        api.post(event("refused", location_id=OTHERS, timestamp="soon"))
    return api, keys


@pytest.fixture(scope="module")
def worlds():
    with_secrets, without = one_location(True), one_location(False)
    yield with_secrets, without
    for api, _ in (with_secrets, without):
        api.app.close()


def filled_path(route: lite.Route, draw) -> str:
    parts = {
        "location_id": LOCATIONS.filter(bool),
        "contact_id": st.sampled_from(["c-1", "c-2", "c-9"]),
    }
    return re.sub(r"\{(\w+)\}", lambda name: quote(draw(parts.get(name[1], IDS))), route.path)


@functools.cache
def names_of(query: type) -> list[str]:
    return list(query.model_json_schema().get("properties", {}))


@functools.cache
def queries(query: type) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {}, optional={name: QUERY_VALUES[name] for name in names_of(query) if name in QUERY_VALUES}
    )


READS = [each for each in lite.ROUTES if each.scope in (None, "read")]


@settings(
    max_examples=250,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def attack_by_reading(worlds, data):
    route = data.draw(st.sampled_from(READS))
    fields = data.draw(queries(route.query))
    path = f"{filled_path(route, data.draw)}?{urlencode(fields)}"
    body = data.draw(QUESTIONS) if route.method == "POST" else None
    answers = [api(route.method, path, body, key=keys["read"]) for api, keys in worlds]
    assert answers[0].status_int == answers[1].status_int and answers[0].json == answers[1].json
    assert (
        "ecret"
        not in answers[0]
        .text.replace("no event named “Secret Deal”", "")
        .replace('"event":"Secret Deal"', "")
        or route.path == "/openapi.json"
    )


def test_what_another_location_holds_changes_no_answer(worlds):
    """Through no parameter, filter, cursor, id or metric: answers are as if it were empty."""
    assert set(QUERY_VALUES) >= {name for route in READS for name in names_of(route.query)}
    attack_by_reading(worlds)


def test_the_secrets_of_these_tests_are_there(worlds):
    """An admin meets them at every place that a bound key is kept from."""
    (api, _), _ = worlds
    for path in (
        "/events/v1",
        "/contacts/v1",
        "/locations/v1",
        "/event-names/v1",
        "/contact-fields/v1",
        "/events/v1/5",
        "/contacts/v1/loc-2/c-1",
    ):
        assert "ecret" in api("GET", path).text, path


def workflow(custom: dict, location: str) -> dict:
    return {
        "contact_id": "c-1",
        "full_name": "Mallory",
        "tags": "stolen",
        "location": {"id": location, "name": "Stolen"},
        "customData": custom,
    }


EVENT_BODIES = st.one_of(
    st.builds(
        lambda where, number: event(
            f"d-{number}", location_id=where, contact_id="c-1", event_name="Stolen"
        ),
        LOCATIONS,
        st.integers(0, 4),
    ),
    st.builds(
        lambda where, around: workflow(event("d-1", location_id=where), around),
        LOCATIONS,
        LOCATIONS,
    ),
    st.builds(
        lambda around: workflow({"event_name": "Stolen", "distinct_id": "d-1"}, around), LOCATIONS
    ),
)
CONTACT_BODIES = st.one_of(
    st.builds(
        lambda kind, where, more: (
            {"type": kind, "locationId": where, "id": "c-1", "tags": ["stolen"]} | more
        ),
        st.sampled_from(["ContactCreate", "ContactDelete", "ContactTagUpdate"]),
        LOCATIONS,
        st.sampled_from([{}, {"location_id": OTHERS}, {"location": {"id": OTHERS}}]),
    ),
    st.builds(
        lambda action, where, around: workflow({"action": action, "location_id": where}, around),
        st.sampled_from(["delete", ""]),
        LOCATIONS,
        LOCATIONS,
    ),
    st.builds(
        lambda action, around: workflow({"action": action}, around),
        st.sampled_from(["delete", ""]),
        LOCATIONS,
    ),
    st.just({"name": "Stolen", "tags": ["stolen"], "location_id": OTHERS, "contact_id": "c-2"}),
)
WRITES = [each for each in lite.ROUTES if each.writes]
OF_OTHERS = ("events", "contacts", "contact_tags", "locations")


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def attack_by_writing(worlds, data):
    (api, keys), _ = worlds
    route = data.draw(st.sampled_from(WRITES))
    body = (
        data.draw(EVENT_BODIES if "/events/" in route.path else CONTACT_BODIES)
        if route.body is not None
        else None
    )
    if route.path.endswith("/batch"):
        body = [body, event("mine"), data.draw(EVENT_BODIES)]
    fields = data.draw(queries(route.query))

    def of_others():
        return [
            api.rows(
                f"select t.* from {table} as t join locations using (location_key) "
                "where locations.location_id <> ?",
                (MINE,),
            )
            for table in OF_OTHERS
        ]

    before = of_others()
    answer = api(
        route.method,
        f"{filled_path(route, data.draw)}?{urlencode(fields)}",
        body,
        key=keys[data.draw(st.sampled_from(["ingest", "sync", "read"]))],
    )
    assert of_others() == before and answer.status_int < 500
    assert "ecret" not in answer.text


def test_nothing_of_another_location_is_changed_or_made(worlds):
    attack_by_writing(worlds)


def test_no_statement_ever_sees_a_token(api):
    """Keys are found by their SHA-256: how long it takes tells nothing."""
    token, seen = api.key(), []
    api.app.database.writer.exec_trace = lambda cursor, sql, binds: seen.append(str(binds)) or True
    for sent in (token, ADMIN, "sl_unknown-token"):
        api.post(event(), key=sent)
    assert seen and not any(
        each in binds for binds in seen for each in (token, ADMIN, "sl_unknown-token")
    )


def test_the_admin_key_is_compared_in_constant_time(api, monkeypatch):
    compared, compare = [], lite.hmac.compare_digest
    monkeypatch.setattr(
        lite.hmac, "compare_digest", lambda a, b: compared.append({a, b}) or compare(a, b)
    )
    assert api.post(event(), key=ADMIN[:-1] + "x").status_int == 401
    assert compared == [{lite.hash_token(ADMIN), lite.hash_token(ADMIN[:-1] + "x")}]


########################################################################################################
# The browser
########################################################################################################

SCRIPT = (
    "=1+1 <script>xss=1</script>\"><img src=x onerror=xss=1>'><svg onload=xss=1></textarea></title>"
    "<iframe srcdoc='<script>parent.xss=1</script>'><base href=//evil.example>"
    "<meta http-equiv=refresh content='0;url=//evil.example'><form action=//evil.example>"
    "<style>*{display:none}</style><a href='javascript:xss=1'>${xss=1}{xss=1}</a>"
)
# Without a slash, so that it can stand in an address.
PLACE = SCRIPT.split("</")[0] + "<svg onload=xss=1><img src=x onerror=xss=1>"
ADDRESS = "javascript:xss=1"
INJECTED = (
    "script:not([src^='static/']):not([src^='/static/']), img, iframe, base, form[action], "
    "a[href^='javascript'], meta[http-equiv=refresh], main style, [onload], [onerror]"
)
VIEWS = [
    "#/dashboard",
    "#/dashboard?by=location",
    "#/activity",
    "#/contacts",
    "#/settings/integrations",
    "#/settings/locations",
    "#/metrics/1",
    "#/metrics/1/edit",
    "#/metrics/new?copy=1",
    "#/metrics/2?by=location",
    "#/metrics/2?by=contact.source",
    f"#/contacts/{quote(PLACE, safe='')}/{quote(ADDRESS, safe='')}",
    f"#/{quote(SCRIPT)}",
    f"#/metrics/new?copy={quote(SCRIPT)}",
    f"#/dashboard?from={quote(SCRIPT)}&by={quote(SCRIPT)}",
    f"#/contacts?q={quote(SCRIPT)}",
]


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    """A server with the script in every text that a sender or an admin can set."""
    contact = f"/contacts/v1/{quote(PLACE, safe='')}/{quote(ADDRESS, safe='')}"
    texts = dict.fromkeys(("name", "email", "phone", "source", "type"), SCRIPT)
    term = {
        "key": "A",
        "event": SCRIPT,
        "type": "contact",
        "aggregation": "sum",
        "property": SCRIPT,
        "filters": {
            "any": [
                {"field": f"contact.{SCRIPT}", "op": "is_not_set"},
                {"field": "contact.tags", "op": "has_any", "value": [SCRIPT]},
            ]
        },
    }
    sent = event(
        SCRIPT,
        event_name=SCRIPT,
        location_id=PLACE,
        contact_id=ADDRESS,
        properties={SCRIPT: SCRIPT, "value": 1, "link": ADDRESS},
    )
    fields = {SCRIPT: SCRIPT, "website": ADDRESS}
    definition = {"terms": [term], "formula": "A"}
    location = f"/locations/v1/{quote(PLACE, safe='')}"
    requests = [
        (201, request_bytes(sent)),
        (200, request_bytes(sent | {"event_name": ADDRESS})),
        (422, request_bytes(sent | {"timestamp": SCRIPT})),
        (415, request_bytes(SCRIPT.encode(), Content_Type="text/html")),
        (401, request_bytes(sent, key=SCRIPT.split(">")[0])),
        (
            200,
            request_bytes(
                texts | {"tags": [SCRIPT, ADDRESS], "fields": fields}, method="PUT", path=contact
            ),
        ),
        (200, request_bytes({"name": SCRIPT}, method="PATCH", path=location)),
        (201, request_bytes({"name": SCRIPT, "locations": [SCRIPT, PLACE]}, path="/keys/v1")),
        (201, request_bytes(definition | {"name": SCRIPT}, path="/metrics/v1")),
        (201, request_bytes(definition | {"name": "-" + SCRIPT}, path="/metrics/v1")),
        (404, request_bytes({}, path=f"/{quote(SCRIPT)}")),
    ]
    started = ServerProcess(tmp_path_factory.mktemp("scripted") / "events.db")
    answers = exchange(started, *[request for _, request in requests])
    assert [answer[0] for answer in answers] == [status for status, _ in requests]
    yield started
    started.stop()


@needs_browser
def test_no_text_becomes_a_part_of_the_page(scripted, visit):
    """Whatever a sender writes is shown as it is: nothing runs, nothing is fetched or added."""
    opened = visit(scripted.url)
    opened.allow(404, 422)  # addresses that name nothing
    page = opened.sign_in()
    for address in VIEWS:
        opened.open(address)
        page.locator("h1").wait_for()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        for row in page.get_by_role("button", name=re.compile("^(accepted|refused) ")).all()[:3]:
            row.click()
            page.get_by_role("dialog").wait_for()
            assert (
                page.evaluate(
                    f'[...document.querySelectorAll("{INJECTED}")].map((each) => each.outerHTML)'
                )
                == []
            )
            page.keyboard.press("Escape")
        assert (
            page.evaluate(
                f'[...document.querySelectorAll("{INJECTED}")].map((each) => each.outerHTML)'
            )
            == []
        ), address
        assert page.evaluate("typeof xss") == "undefined" and page.url.startswith(scripted.url), (
            address
        )


@needs_browser
def test_a_table_opened_in_a_spreadsheet_has_no_formulas(scripted, visit):
    opened = visit(scripted.url)
    opened.sign_in()
    for address in ("#/metrics/1", "#/metrics/2"):
        opened.open(address)
        with opened.page.expect_download() as download:
            opened.page.get_by_role("button", name="Download CSV").click()
        with open(download.value.path(), encoding="utf-8", newline="") as file:
            cells = [cell for line in csv.reader(file) for cell in line]
        assert any("<script>" in cell for cell in cells)
        assert [cell for cell in cells if re.match("[=+@\t\r\n＝＋－＠]|-(?![0-9])", cell)] == []


CROSS_SITE = """async ([target, key]) => {
  const path = "/events/ingestion/v1";
  const body = JSON.stringify({
    event_name: "forged", location_id: "loc-1", distinct_id: "forged",
  });
  const blind = {method: "POST", mode: "no-cors"};
  const outcomes = {};
  const attempt = async (name, address, options) => {
    try {
      const answer = await fetch(target + address, options);
      outcomes[name] = await answer.text();
    } catch (error) {
      outcomes[name] = error.name;
    }
  };
  await attempt("plain post", path, {...blind, body});
  await attempt("guessed key", path + "?api_key=guess", {...blind, body});
  await attempt("the admin's key in the URL", path + "?api_key=" + key, {...blind, body});
  const form = {...blind, credentials: "include", body: new URLSearchParams({a: 1})};
  await attempt("form", "/contacts/ingestion/v1", form);
  await attempt("header", path, {method: "POST", headers: {"X-API-Key": key}, body});
  await attempt("delete", "/events/v1?location_id=loc-1", {method: "DELETE"});
  await attempt("read", "/healthz", {});
  await attempt("read what needs no key", "/openapi.json", {credentials: "include"});
  for (const [tag, attribute] of [["img", "src"], ["script", "src"], ["iframe", "src"]]) {
    outcomes[tag] = await new Promise((resolve) => {
      const element = document.createElement(tag);
      element.onload = () => resolve("load");
      element.onerror = () => resolve("error");
      element[attribute] = target + (tag === "iframe" ? "/" : "/openapi.json");
      document.body.append(element);
    });
  }
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const sent = make("form", {
    method: "POST", action: target + path, enctype: "text/plain", target: "frame",
  });
  sent.append(make("input", {name: body.slice(0, -1) + ', "x": "', value: '"}'}));
  const frame = make("iframe", {name: "frame"});
  document.body.append(frame, sent);
  sent.submit();
  await new Promise((resolve) => {
    frame.onload = resolve;
  });
  return outcomes;
}"""

STATUSES = """(paths) => Promise.all(
  paths.map(async (path) => (await fetch(path.replace(/{.*?}/g, 1))).status),
)"""
STATUS_OF_POST = """async () => {
  const answer = await fetch("/events/ingestion/v1", {method: "POST", body: "{}"});
  return answer.status;
}"""


@pytest.fixture
def elsewhere():
    """The address of another site."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>elsewhere</title>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever).start()
        yield f"http://localhost:{site.server_address[1]}"
        site.shutdown()


@needs_browser
def test_another_site_in_the_same_browser_achieves_nothing(server, browser, elsewhere):
    """Its requests do arrive, and are refused for want of a key; the admin beside it sees them."""
    context = browser.new_context()
    try:
        mine = context.new_page()
        mine.goto(f"{server.url}/#key={ADMIN}")
        mine.locator("nav").first.wait_for()
        page = context.new_page()
        page.goto(elsewhere)
        outcomes = page.evaluate(CROSS_SITE, [server.url, ADMIN])
        blocked = {"header", "delete", "read", "read what needs no key"}
        assert {name: outcomes[name] for name in blocked} == dict.fromkeys(blocked, "TypeError")
        assert {
            outcomes[name]
            for name in ("plain post", "guessed key", "the admin's key in the URL", "form")
        } == {""}  # opaque
        assert outcomes["img"] == outcomes["script"] == "error"
        assert len(page.frames) == 3
        for frame in page.frames[1:]:
            frame.wait_for_url("chrome-error://chromewebdata/")
    finally:
        context.close()
    assert stored_ids(server.database) == []
    attempts = json.loads(exchange(server, get("/attempts/v1"))[0][2])["attempts"]
    assert [each["path"] for each in attempts].count("/events/ingestion/v1") == 4 and any(
        each["path"] == "/contacts/ingestion/v1" for each in attempts
    )


@needs_browser
def test_another_name_for_this_server_is_another_site(server, browser):
    """DNS rebinding makes a stranger's page and this server one site, without a key or a cookie."""
    rebound = server.url.replace("127.0.0.1", "localhost")
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"{server.url}/#key={ADMIN}")
        page.locator("nav").first.wait_for()
        page.goto(rebound)
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [
            0,
            0,
            "",
        ]
        routes = [route for route in lite.ROUTES if route.method == "GET"]
        statuses = page.evaluate(STATUSES, [route.path for route in routes])
        for route, status in zip(routes, statuses, strict=True):
            is_open = route.scope is None and route.path != "/unsubscribe/v1"  # without a signature
            assert (status == 200) == is_open, route.path
        assert page.evaluate(STATUS_OF_POST) == 401
    finally:
        context.close()
