"""The server: one turn, one commit, an answer only after it; what waitress refuses; how it ends.

Troubles are put under a server in this process (`serve`); what a process does, dies of or leaves
behind is asked of a process (`start`).
"""

import errno
import json
import logging
import os
import resource
import signal
import socket
import struct
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import apsw
import pytest
from benchmarks.kill9 import Posting, kill_and_look, losses, stored_ids
from conftest import ADMIN, Answers, event, exchange, request_bytes
from waitress.channel import ClientDisconnected, HTTPChannel

import streamlined_lite as lite

INGEST = "/events/ingestion/v1"
KILLS = 3  # tests/benchmarks/kill9.py does as many as it is told


def get(path: str = "/healthz", **headers) -> bytes:
    return request_bytes(b"", path=path, method="GET", **headers)


def post(distinct_id: str = "d-1", **fields) -> bytes:
    return request_bytes(event(distinct_id, **fields))


def asks_first(data: bytes, **headers) -> tuple[bytes, bytes]:
    """A request's head that expects 100 Continue, and its body."""
    head, _, body = request_bytes(data, Expect="100-continue", **headers).partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing comes; whoever would speak now needs no more than a moment for it."""
    connection.settimeout(0.15)
    try:
        connection.recv(1, socket.MSG_PEEK)
        return False
    except TimeoutError:
        return True
    finally:
        connection.settimeout(30)


def reset(connection: socket.socket) -> None:
    """Its end, when it is closed, is abrupt."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stored(served) -> list[str]:
    return stored_ids(served.config.database)


def problem_of(answer: tuple[int, dict, bytes]) -> dict:
    """The answer as problem+json, which agrees with its status line."""
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json", body
    problem = json.loads(body)
    assert problem["status"] == status
    assert {"type", "title", "detail", "code"} <= problem.keys()
    return problem


def on_loop(served, work) -> object:
    """Runs it on the server's own thread, between two turns, and returns its result."""
    done, results = threading.Event(), []
    served.server.listeners[0].trigger.pull_trigger(lambda: (results.append(work()), done.set()))
    assert done.wait(30)
    return results[0]


def wait_until(served, condition) -> None:
    """Asks on the server's own thread, after each of its polls."""
    until = time.monotonic() + 30
    while not on_loop(served, condition):
        assert time.monotonic() < until, "it never came true"


class Gate:
    """Stops the turns of a served database before their COMMIT, but for those without a request."""

    def __init__(self, served):
        self.server, self.commit = served.server, served.app.database.commit
        self.reached, self.opened, self.turns = threading.Event(), threading.Event(), 0
        served.app.database.commit = self.stop

    def stop(self) -> None:
        if any(channel.held is not None for channel in self.server.channels()):
            self.turns += 1
            self.reached.set()
            assert self.opened.wait(30)
        self.commit()

    def open(self) -> None:
        self.opened.set()


@pytest.fixture
def gate(serve, monkeypatch):
    """gate(served): its next turn stops before COMMIT."""
    # On a busy machine, too, a turn is all that has arrived.
    monkeypatch.setattr(lite, "TURN_SECONDS", 30)
    made = []

    def make(served) -> Gate:
        made.append(Gate(served))
        return made[-1]

    yield make
    for each in made:
        each.open()


@contextmanager
def one_turn(served, gate):
    """Requests sent inside are all served by one turn, in the order of their connections."""
    held = gate(served)
    with served.connect() as first:
        first.sendall(request_bytes(b"", path="/keys/v1/99", method="DELETE"))
        assert held.reached.wait(30)  # the loop is busy with this one, so that the others gather
        yield held
        held.open()
        assert Answers(first).next()[0] == 404


class Writer:
    """The writing connection, whose COMMIT fails while `error` is set."""

    def __init__(self, connection: apsw.Connection):
        self.connection, self.error = connection, None

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def execute(self, sql, *binds):
        if sql == "commit" and self.error:
            raise self.error
        return self.connection.execute(sql, *binds)


########################################################################################################
# No byte of an answer leaves before COMMIT
########################################################################################################

BEFORE_COMMIT = {
    "a post": (post(), [201]),
    "HTTP/1.0": (request_bytes(event(), version="1.0"), [201]),
    "a post that ends its connection": (request_bytes(event(), Connection="close"), [201]),
    "a refused body": (request_bytes(b"{"), [400]),
    "a post, then a get": (post() + get("/events/v1"), [201, 200]),
    "a post, then what is not HTTP": (post() + b"\0\r\n\r\n", [201, 400]),
    "two posts": (post("d-1") + post("d-2"), [201, 201]),
    "a post, then half a post": (post() + post("d-2")[:-1], [201]),
}


@pytest.mark.parametrize("sent, expected", BEFORE_COMMIT.values(), ids=BEFORE_COMMIT.keys())
def test_no_answer_leaves_before_commit(serve, gate, sent, expected):
    served = serve()
    held = gate(served)
    with served.connect() as connection:
        connection.sendall(sent)
        assert held.reached.wait(30)
        assert is_silent(connection)
        assert stored(served) == []
        held.open()
        answers = Answers(connection)
        assert [answers.next()[0] for _ in expected] == expected


def test_no_100_continue_leaves_before_commit(serve, gate):
    """It would stand before the answer of the post, and be read as that post's."""
    served = serve()
    held = gate(served)
    head, body = asks_first(json.dumps(event("d-2")).encode())
    with served.connect() as connection:
        connection.sendall(post("d-1") + head)
        assert held.reached.wait(30)
        assert is_silent(connection)
        held.open()
        answers = Answers(connection)
        assert [answers.next()[0], answers.next()[0]] == [201, 100]
        connection.sendall(body)
        assert answers.next()[0] == 201
    assert stored(served) == ["d-1", "d-2"]


def test_a_pipelined_read_sees_what_was_posted_before_it(serve):
    answers = exchange(serve(), post("d-1"), get("/events/v1"), post("d-2"), get("/events/v1"))
    assert [status for status, _, _ in answers] == [201, 200, 201, 200]
    assert [len(json.loads(body)["events"]) for _, _, body in answers[1::2]] == [1, 2]


MUTATIONS = {
    "an answer is written at once": ("write_soon", HTTPChannel.write_soon),
    "what was sent ahead is taken up at once": ("is_ready", lambda channel: True),
}


@pytest.mark.parametrize("name, method", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_these_tests_would_see_a_byte_before_commit(serve, gate, monkeypatch, name, method):
    """Without the channel's holding back, the same requests do speak too early."""
    monkeypatch.setattr(lite.Channel, name, method)
    served = serve()
    held = gate(served)
    with served.connect() as connection:
        connection.sendall(post("d-1") + asks_first(b"{}")[0])
        assert held.reached.wait(30)
        assert not is_silent(connection)


def test_a_post_whose_sender_hung_up_in_the_turn_is_stored(serve, gate):
    served = serve()
    held = gate(served)
    with served.connect() as connection:
        connection.sendall(post("gone"))
        assert held.reached.wait(30)
    held.open()
    assert exchange(served, post("d-2"))[0][0] == 201
    assert stored(served) == ["gone", "d-2"]


def test_posts_whose_sender_hung_up_before_their_turn_are_stored(serve, gate):
    """They had arrived whole, and a sender that waits no longer will often not send again."""
    served = serve()
    held = gate(served)
    with served.connect() as connection:
        connection.sendall(post("d-1") + post("d-2") + post("d-3"))  # three turns
        assert held.reached.wait(30)
        reset(connection)
    held.open()
    wait_until(served, lambda: not served.server.channels() and not served.server.dispatcher)
    assert stored(served) == ["d-1", "d-2", "d-3"]


def test_a_sender_that_only_closes_its_writing_side_reads_its_answer(serve):
    with serve().connect() as connection:
        connection.sendall(post())
        connection.shutdown(socket.SHUT_WR)
        assert Answers(connection).next()[0] == 201


########################################################################################################
# A COMMIT that fails
########################################################################################################


def fail_commits(served) -> Writer:
    database = served.app.database
    writer = Writer(database.writer)
    on_loop(served, lambda: setattr(database, "writer", writer))
    return writer


FAILURES = {"disk_full": apsw.FullError("full"), "storage_error": apsw.IOError("disk I/O error")}


@pytest.mark.parametrize("code, error", FAILURES.items())
def test_a_failed_commit_answers_429_and_stores_nothing(serve, code, error):
    served = serve()
    writer = fail_commits(served)
    writer.error = error
    with served.connect() as connection:
        connection.sendall(post("d-1") + get("/events/v1"))
        answers = Answers(connection)
        status, headers, body = answers.next()
        assert status == 429 and problem_of((status, headers, body))["code"] == code
        assert int(headers["retry-after"]) > 0 and headers["connection"] == "close"
        assert answers.next()[0] == 0  # what waited behind it has gone with the connection
    assert stored(served) == []
    assert [answer[0] for answer in exchange(served, get("/events/v1"), get("/healthz"))] == [
        200,
        503,
    ]
    writer.error = None
    assert exchange(served, post("d-2"))[0][0] == 201
    assert json.loads(exchange(served, get("/healthz"))[0][2]) == {
        "status": "ok",
        "version": lite.__version__,
        "writer": "ok",
    }
    assert stored(served) == ["d-2"]


def test_a_failed_commit_refuses_every_request_of_its_turn(serve, gate, connect):
    served = serve()
    writer = fail_commits(served)
    connections = connect(served, 3)
    with one_turn(served, gate) as held:
        for number, connection in enumerate(connections):
            connection.sendall(post(f"d-{number}"))
        held.commit = lambda commit=held.commit: (
            setattr(writer, "error", apsw.FullError("full") if held.turns == 2 else None),
            commit(),
        )
    assert [Answers(each).next()[0] for each in connections] == [429, 429, 429]
    assert stored(served) == []


def test_the_trouble_of_a_failed_commit_ends_without_a_writer(serve):
    """Health tells of it until a write of the server's own succeeds."""
    served = serve()
    writer = fail_commits(served)
    writer.error = FAILURES["disk_full"]
    assert exchange(served, post())[0][0] == 429
    assert json.loads(exchange(served, get())[0][2])["writer"] == "disk_full"
    writer.error = None
    wait_until(served, lambda: served.app.database.trouble is None)
    assert exchange(served, get())[0][0] == 200


def limit_pages(served, more: int | None) -> None:
    """The file may have so many pages more than it has; None: as many as it likes."""
    writer = served.app.database.writer
    on_loop(
        served,
        lambda: writer.pragma(
            "max_page_count", 2**31 if more is None else writer.pragma("page_count") + more
        ),
    )


def test_a_full_file_refuses_what_does_not_fit(serve):
    served = serve()
    assert exchange(served, post("before"))[0][0] == 201
    limit_pages(served, 0)
    answer = exchange(served, post("large", properties={"text": "x" * 60_000}))[0]
    assert answer[0] == 429 and problem_of(answer)["code"] == "disk_full"
    assert exchange(served, get("/events/v1"))[0][0] == 200
    limit_pages(served, None)
    assert exchange(served, post("after"))[0][0] == 201
    assert stored(served) == ["before", "after"]


def test_a_turn_that_sqlite_rolled_back_by_itself_is_refused_whole(serve, gate, connect):
    """A statement without a journal of its own takes the whole turn with it in a full file."""
    served = serve()
    before, too_large, behind = connect(served, 3)
    assert exchange(served, post("first"))[0][0] == 201  # the three are accepted, in this order
    with one_turn(served, gate):
        writer = served.app.database.writer  # the loop is at the gate and does not use it
        writer.pragma("max_page_count", writer.pragma("page_count") + 1)
        before.sendall(post("before"))
        too_large.sendall(
            request_bytes({"name": "x" * 9_900}, path="/locations/v1/loc-1", method="PATCH")
        )
        behind.sendall(post("behind"))
    answers = [Answers(each).next() for each in (before, too_large)]
    assert [problem_of(each)["code"] for each in answers] == ["disk_full", "disk_full"]
    assert [(each[0], each[1]["connection"]) for each in answers] == [
        (429, "close"),
        (429, "close"),
    ]
    assert Answers(behind).next()[0] == 201  # its turn was the next one
    assert stored(served) == ["first", "behind"]


def test_an_io_error_under_a_running_server_passes_without_a_restart(start, tmp_path):
    """The process may not make any file longer: COMMIT fails, reads go on, and it recovers."""
    server = start()
    assert exchange(server, post("before"))[0][0] == 201
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(
        server.process.pid,
        resource.RLIMIT_FSIZE,
        (os.path.getsize(server.database + "-wal"), limits[1]),
    )
    answer = exchange(server, post("refused"))[0]
    assert answer[0] == 429 and problem_of(answer)["code"] == "storage_error"
    assert answer[1]["connection"] == "close" and int(answer[1]["retry-after"]) > 0
    reads = exchange(server, get("/events/v1"), get("/healthz"))
    assert [len(json.loads(reads[0][2])["events"]), reads[1][0]] == [1, 503]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    assert exchange(server, post("after"))[0][0] == 201
    assert exchange(server, get())[0][0] == 200
    assert stored_ids(server.database) == ["before", "after"]
    assert server.stop() == (0, "")


def test_a_broken_connection_does_not_end_the_server(serve, gate, monkeypatch):
    """Sending to a client that has vanished fails in many ways, also 100 Continue."""
    served = serve()
    held = gate(served)
    with served.connect() as connection:
        connection.sendall(post("d-1") + asks_first(b"{}")[0])
        assert held.reached.wait(30)
        with monkeypatch.context() as patch:

            def vanished(*_, **__):
                raise OSError(errno.ETIMEDOUT, "timed out")

            patch.setattr(lite.Channel, "send", vanished)
            held.open()
            wait_until(served, lambda: True)
    assert exchange(served, post("d-2"))[0][0] == 201
    assert stored(served) == ["d-1", "d-2"]


########################################################################################################
# Turns
########################################################################################################


def test_what_arrives_together_shares_one_commit(serve, gate, connect):
    served = serve()
    connections = connect(served, 20)
    exchange(served, get())
    with one_turn(served, gate) as held:
        for number, connection in enumerate(connections):
            connection.sendall(post(f"d-{number}"))
    assert {Answers(each).next()[0] for each in connections} == {201}
    assert held.turns == 2  # the one that they waited for, and theirs


def test_pipelined_posts_of_one_connection_take_one_place_a_turn(serve, gate, connect):
    served = serve()
    many, one = connect(served, 2)
    exchange(served, get())
    with one_turn(served, gate):
        many.sendall(b"".join(post(f"many-{number}") for number in range(5)))
        one.sendall(post("one"))
    answers = Answers(many)
    assert [answers.next()[0] for _ in range(5)] == [201] * 5 and Answers(one).next()[0] == 201
    assert stored(served) == ["many-0", "one", "many-1", "many-2", "many-3", "many-4"]


def test_pipelined_requests_are_answered_in_order(server):
    requests = [
        post("a"),
        get(),
        get("/nothing"),
        request_bytes(b"{"),
        post("b"),
        get("/events/v1"),
        post("a"),
    ]
    assert [answer[0] for answer in exchange(server, *requests)] == [
        201,
        200,
        404,
        400,
        201,
        200,
        200,
    ]


def test_of_requests_with_the_same_head_each_has_a_body_and_a_length_of_its_own(
    serve, gate, connect
):
    served, names = serve(), ["d-1", "d-2", "a longer one", "less"]
    sent = [post(name) for name in names[:2]] + [
        chunked(json.dumps(event(name)).encode()) for name in names[2:]
    ]
    connections = connect(served, 4)
    with one_turn(served, gate):
        for connection, request in zip(connections, sent, strict=True):
            connection.sendall(request)
    assert [
        json.loads(Answers(each).next()[2])["event"]["distinct_id"] for each in connections
    ] == names
    wrong = request_bytes(b"", Content_Length="ten")
    assert [exchange(served, wrong)[0][0] for _ in range(2)] == [400, 400]


def test_a_rejection_is_kept_in_the_turn_of_the_good_ones(serve, gate, connect):
    served = serve()
    connections = connect(served, 3)
    exchange(served, get())
    bodies = [event("before"), event("broken", timestamp="soon", contact_id="c-1"), event("after")]
    with one_turn(served, gate) as held:
        for body, connection in zip(bodies, connections, strict=True):
            connection.sendall(request_bytes(body))
    before, broken, after = (Answers(each).next() for each in connections)
    assert [before[0], broken[0], after[0], held.turns] == [201, 422, 201, 2]
    kept = json.loads(exchange(served, get("/rejections/v1"))[0][2])["rejections"]
    assert [each["rejection_id"] for each in kept] == [problem_of(broken)["rejection_id"]]
    assert json.loads(kept[0]["body"]) == bodies[1]
    assert stored(served) == ["before", "after"]


def test_a_long_turn_leaves_the_rest_to_the_next(serve, gate, monkeypatch, connect):
    served = serve()
    connections = connect(served, 4)
    exchange(served, get())
    monkeypatch.setattr(lite, "TURN_SECONDS", -1)  # every request is a long one
    with one_turn(served, gate) as held:
        for number, connection in enumerate(connections):
            connection.sendall(post(f"d-{number}"))
    assert {Answers(each).next()[0] for each in connections} == {201}
    assert held.turns == 1 + len(connections)


def test_no_long_write_is_served_before_a_short_one(serve, gate, monkeypatch, connect):
    served = serve()
    connections = connect(served, 5)
    order = []
    serve_one = lite.Channel.serve
    monkeypatch.setattr(
        lite.Channel,
        "serve",
        lambda channel: (order.append(channel.requests[0].path), serve_one(channel)),
    )
    batch = request_bytes(b"[]", path=lite.BATCH_PATH)
    monkeypatch.setattr(lite, "TURN_SECONDS", -1)  # of each line a turn takes one
    with one_turn(served, gate) as held:
        requests = [batch, batch, batch, post("d-1"), post("d-2")]
        for connection, request in zip(connections, requests, strict=True):
            connection.sendall(request)
    assert {Answers(each).next()[0] for each in connections} == {200, 201}
    single = "/events/ingestion/v1"
    assert order[1:] == [single, single + "/batch", single, single + "/batch", single + "/batch"]
    assert held.turns == 1 + 3


@pytest.fixture
def threads_of(monkeypatch):
    """Which thread called each method of the app: threads_of["read"] is the list of their names."""
    names: dict[str, list[str]] = {"read": [], "write": [], "refuse": []}

    def record(name):
        method = getattr(lite.App, name)

        def recorded(*args):
            names[name].append(threading.current_thread().name)
            return method(*args)

        monkeypatch.setattr(lite.App, name, recorded)

    for each in names:
        record(each)
    return names


@pytest.mark.parametrize(
    "path", ["/events/v1", "//events/v1", "///events/v1?limit=1", "http://a-proxy/events/v1"]
)
def test_reads_are_served_beside_the_loop_and_writes_by_it(serve, threads_of, path):
    served = serve()
    with served.connect() as connection:
        connection.sendall(
            get(path) + request_bytes(b"", path=path, method="HEAD", Connection="close")
        )
        answers = Answers(connection)
        assert answers.next()[0] == 200
        assert answers.file.read().startswith(b"HTTP/1.1 200 ")
    assert exchange(served, post())[0][0] == 201
    assert len(threads_of["read"]) == 2 and all(
        name.startswith("waitress-") for name in threads_of["read"]
    )
    assert threads_of["write"] == [served.thread.name]


def test_what_a_deletion_would_take_is_counted_beside_the_loop(serve, threads_of):
    served = serve()
    exchange(served, post())
    answers = exchange(
        served,
        request_bytes(b"", path="/events/v1/1?dry_run=true", method="DELETE"),
        request_bytes(b"", path="/locations/v1/loc-1?dry_run=true", method="DELETE"),
        request_bytes(b"", path="/events/v1/1?dry_run=false", method="DELETE"),
    )
    assert [status for status, _, _ in answers] == [200] * 3
    assert json.loads(answers[1][2])["events"] == 1
    assert len(threads_of["read"]) == 2 and all(
        name.startswith("waitress-") for name in threads_of["read"]
    )
    assert threads_of["write"] == [served.thread.name] * 2


@pytest.mark.parametrize(
    "path, is_read",
    [
        ("/a-query/v1/query", True),
        ("//a-query/v1/query", True),
        ("/%61-query/v1/query?x=1", True),
        ("/a-query/v1/query/", False),
        ("/a-query/v1/other", False),
    ],
)
def test_posts_that_only_read_are_told_by_their_path(serve, threads_of, monkeypatch, path, is_read):
    monkeypatch.setattr(lite, "READ_POSTS", {"/a-query/v1/query"})
    served = serve()
    assert exchange(served, request_bytes({}, path=path))[0][0] == 404
    (name,) = threads_of["refuse"]
    assert name.startswith("waitress-") == is_read and (name == served.thread.name) != is_read


def test_every_post_that_only_reads_is_told_from_the_routes():
    posts = [route for route in lite.ROUTES if route.method == "POST"]
    assert {route.path for route in posts if not route.writes} == lite.READ_POSTS
    assert not lite.READ_POSTS & {each.path for each in lite.ROUTES if each.writes}


def test_readers_have_their_own_connections_which_cannot_write(serve):
    served = serve()
    exchange(served, get("/events/v1"))
    (reader, *_) = served.app.database.readers
    assert reader.readonly("main") and not served.app.database.writer.readonly("main")


@pytest.mark.parametrize("database", ["a file", ":memory:"])
def test_a_client_that_takes_no_answer_costs_one_answer_and_no_thread(tmp_path, serve, database):
    """What it sent ahead waits as bytes; more such clients than threads stop nobody."""
    served = serve(":memory:" if database == ":memory:" else tmp_path / "events.db")
    # All that it accepts inherit this.
    served.server.listeners[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    with ExitStack() as stack:
        silent = [
            stack.enter_context(served.connect()) for _ in range(served.config.read_threads + 2)
        ]
        for each in silent:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
            each.sendall(get("/openapi.json") * 10)
        wait_until(
            served,
            lambda: (
                len(served.server.channels()) == len(silent)
                and all(
                    each.total_outbufs_len and not each.requests
                    for each in served.server.channels()
                )
            ),
        )
        assert [answer[0] for answer in exchange(served, post(), get("/events/v1"))] == [201, 200]
        channels = on_loop(
            served, lambda: [each for each in served.server.channels() if each.pipelined]
        )
        one = len(exchange(served, get("/openapi.json"))[0][2]) + 1_000
        assert len(channels) == len(silent) and all(
            0 < each.total_outbufs_len < one for each in channels
        )
        answers = Answers(silent[0])
        assert [answers.next()[0] for _ in range(10)] == [200] * 10


def test_requests_with_the_same_head_share_no_connection_and_no_body(serve, monkeypatch):
    served = serve()
    seen = []
    application = served.app.wsgi

    def watched(environ, start_response):
        seen.append(environ.copy())
        return application(environ, start_response)

    monkeypatch.setattr(served.app, "wsgi", watched)
    sent = [post(name) for name in ("d-1", "d-2")]
    sent += [chunked(json.dumps(event(name)).encode()) for name in ("d-3", "d-4 is longer")]
    ports = []
    lite.read_head.cache_clear()
    for each in sent:
        with served.connect() as connection:
            connection.sendall(each)
            assert Answers(connection).next()[0] == 201
            ports.append(str(connection.getsockname()[1]))
    assert stored(served) == ["d-1", "d-2", "d-3", "d-4 is longer"]
    assert [environ["REMOTE_PORT"] for environ in seen] == ports
    lengths = [str(len(each.partition(b"\r\n\r\n")[2])) for each in sent[:2]]
    lengths += [str(len(json.dumps(event(name)))) for name in ("d-3", "d-4 is longer")]
    assert [environ["CONTENT_LENGTH"] for environ in seen] == lengths
    inputs = {id(environ["wsgi.input"]) for environ in seen}
    assert len(inputs) == 4 and lite.read_head.cache_info().hits == 2


########################################################################################################
# Between senders
########################################################################################################


@pytest.fixture
def new_key():
    """new_key(served): the token of a new admin key."""

    def make(served) -> str:
        sent = request_bytes({"name": "a key", "scope": "admin"}, path="/keys/v1")
        return json.loads(exchange(served, sent)[0][2])["token"]

    return make


def test_turns_go_to_the_key_that_has_had_the_least_time(
    serve, gate, connect, clock, new_key, monkeypatch
):
    """Thirty large refusals of one key do not keep the posts of another waiting."""
    served = serve(clock=clock)
    costs = {new_key(served): ("dear", 5_000), new_key(served): ("cheap", 1)}
    order = []
    serve_one = lite.Channel.serve

    def serve_slowly(channel) -> None:
        name, cost = costs.get(channel.requests[0].headers["X_API_KEY"], ("a stranger", 0))
        order.append(name)
        serve_one(channel)
        clock.advance(cost)

    monkeypatch.setattr(lite, "TURN_SECONDS", 0.01)
    requests = [
        request_bytes(event(f"{name} {number}"), token)
        for token, (name, _) in costs.items()
        for number in range(5)
    ] + [request_bytes(event(), f"unknown {number}") for number in range(3)]
    connections = connect(served, len(requests))  # which are polled in this order
    exchange(served, get())
    with one_turn(served, gate):
        monkeypatch.setattr(lite.Channel, "serve", serve_slowly)
        for request, connection in zip(requests, connections, strict=True):
            connection.sendall(request)
    wait_until(served, lambda: len(order) == 13 and not served.server.dispatcher)
    assert order[0] == "dear" and order[-4:] == ["dear"] * 4
    assert len(stored(served)) == 10 and len(served.server.dispatcher.writes.lines) == 4


class Queries:
    """What GET /slow/v1 did: each runs without end, or until `opened`, if it is /slow/v1?waits."""

    def __init__(self):
        self.begun, self.opened = threading.Semaphore(0), threading.Event()
        self.number = 0

    def serve(self, call) -> dict:
        self.number += 1
        self.begun.release()
        if call.environ["QUERY_STRING"]:
            assert self.opened.wait(30)
            return {}
        endless = "with recursive n(i) as (select 1 union all select i from n) select sum(i) from n"
        return {"sum": call.connection.execute(endless).get}


@pytest.fixture
def queries(monkeypatch):
    made = Queries()
    slow = lite.Route("GET", "/slow/v1", made.serve, scope="read", query=lite.IngestQuery)
    monkeypatch.setattr(lite, "ROUTES", [*lite.ROUTES, slow])
    yield made
    made.opened.set()


@pytest.mark.parametrize("end", ["closed", "reset"])
def test_who_hangs_up_is_asked_for_no_further(serve, connect, queries, new_key, end):
    """Neither what runs goes on, nor what waits begins; meanwhile others do not wait."""
    served = serve(read_threads=2)
    token = new_key(served)
    connections = connect(served, 12)
    for each in connections:
        each.sendall(get("/slow/v1", key=token))
    assert queries.begun.acquire(timeout=30)
    wait_until(served, lambda: len(served.server.dispatcher.queue) == 11)
    paths = ("/healthz", "/", "/static/app.js", "/session/v1", "/events/v1")
    assert [exchange(served, get(path))[0][0] for path in paths] == [200] * 5
    for each in connections if end == "reset" else ():
        reset(each)
    on_loop(served, lambda: [each.close() for each in connections])
    wait_until(served, lambda: not served.server.channels())
    assert exchange(served, get("/events/v1", key=token))[0][0] == 200
    assert queries.number <= 3  # the loop closes one after the other


@pytest.mark.parametrize("is_local", [True, False])
def test_who_only_ends_its_side_reads_the_answer_of_a_query(serve, monkeypatch, queries, is_local):
    """One on another machine is sent 100 Continue first, which whoever has gone would reset."""
    if not is_local:
        monkeypatch.setattr(lite, "TCP_TABLES", ())
    monkeypatch.setattr(lite, "ASK_SECONDS", 0)
    served = serve()
    with served.connect() as gone, served.connect() as waiting:
        gone.sendall(get("/slow/v1"))
        waiting.sendall(get("/slow/v1?waits"))
        waiting.shutdown(socket.SHUT_WR)
        for _ in range(2):
            assert queries.begun.acquire(timeout=30)
        gone.close()
        wait_until(served, lambda: len(served.server.channels()) == 1)
        queries.opened.set()
        assert Answers(waiting).statuses() == ([200] if is_local else [100, 200])


########################################################################################################
# Another process holds the database
########################################################################################################


@pytest.fixture
def other_process():
    """with other_process(served) as lock: nobody else may write."""

    @contextmanager
    def hold(served):
        lock = apsw.Connection(
            str(served.config.database if hasattr(served, "config") else served.database)
        )
        lock.execute("begin immediate")
        try:
            yield lock
        finally:
            if lock.in_transaction:
                lock.execute("rollback")
            lock.close()

    return hold


def test_while_another_process_writes_posts_wait_and_reads_do_not(serve, other_process):
    served = serve()
    with other_process(served) as lock, served.connect() as writer:
        writer.sendall(post())
        wait_until(served, lambda: served.server.waiting_since)
        assert [answer[0] for answer in exchange(served, get("/events/v1"), get("/healthz"))] == [
            200,
            200,
        ]
        assert is_silent(writer)
        lock.execute("rollback")
        assert Answers(writer).next()[0] == 201
    assert stored(served) == ["d-1"]


def test_a_post_that_waited_too_long_for_another_process_gets_429(
    serve, other_process, monkeypatch
):
    served = serve()
    monkeypatch.setattr(lite, "BUSY_SECONDS", 1)
    with other_process(served):
        answer = exchange(served, post("refused"))[0]
        assert answer[0] == 429 and problem_of(answer)["code"] == "database_locked"
        assert answer[1]["connection"] == "close" and int(answer[1]["retry-after"]) > 0
        assert [each[0] for each in exchange(served, get("/events/v1"), get("/healthz"))] == [
            200,
            503,
        ]
    assert exchange(served, post("after"))[0][0] == 201
    assert exchange(served, get())[0][0] == 200
    assert stored(served) == ["after"]


########################################################################################################
# What is refused before it is a request
########################################################################################################

OVER = lite.WIRE_LIMIT + 1


def chunked(data: bytes, size: int = 50_000) -> bytes:
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    head = request_bytes(b"", Content_Length=None, Transfer_Encoding="chunked")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


REFUSED = {
    "not HTTP": (b"HELLO\r\n\r\n", 400),
    "a method in lower case": (b"get / HTTP/1.1\r\n\r\n", 400),
    "a broken header": (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    "a length that is no number": (request_bytes(b"{}", Content_Length="two"), 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "a broken chunk": (
        request_bytes(b"zz\r\n\r\n", Content_Length=None, Transfer_Encoding="chunked"),
        400,
    ),
    "an unknown transfer encoding": (request_bytes(b"", Transfer_Encoding="gzip, chunked"), 501),
    "too large a header": (get(X_Large="x" * (lite.HEADER_LIMIT - len(get(X_Large="")))), 431),
    "too large a body": (request_bytes(b"x" * OVER), 413),
    "a much too large body": (request_bytes(b"x" * 8 * OVER), 413),
    "too large a body in chunks": (chunked(b"x" * OVER), 413),
    "a much too large body in chunks": (chunked(b"x" * 8 * OVER), 413),
    "too large a body, then another request": (request_bytes(b"x" * OVER) + post(), 413),
}


@pytest.mark.parametrize("database", ["a file", ":memory:"])
@pytest.mark.parametrize("sent, expected", REFUSED.values(), ids=REFUSED.keys())
def test_what_waitress_refuses_is_problem_json(tmp_path, serve, database, sent, expected):
    """The sender sends all of it before it reads, and meets the answer and not a reset."""
    served = serve(":memory:" if database == ":memory:" else tmp_path / "events.db")
    with served.connect() as connection:
        connection.sendall(sent)
        answers = Answers(connection)
        answer = answers.next()
        assert answer[0] == expected and problem_of(answer)["code"] == (
            "too_large" if expected == 413 else "http_error"
        )
        assert answer[1]["connection"] == "close" and answers.next()[0] == 0
    assert exchange(served, post())[0][0] == 201


def test_a_head_that_cannot_be_read_is_answered_in_http_1_1(server):
    with server.connect() as connection:
        connection.sendall(request_bytes(b"{}", Content_Length="two"))
        assert connection.makefile("rb").readline() == b"HTTP/1.1 400 Bad Request\r\n"


def test_who_hung_up_before_a_refusal_of_the_head_is_let_go(serve, monkeypatch, caplog):
    def hang_up(task) -> None:
        raise ClientDisconnected

    served = serve()
    monkeypatch.setattr(lite.ProblemTask, "execute", hang_up)
    assert exchange(served, request_bytes(b"{}", Content_Length="two"))[0][0] == 0
    assert caplog.records == []


def test_the_largest_body_is_not_too_large(server):
    filled = json.dumps(event()).encode().ljust(lite.BODY_LIMIT)
    assert exchange(server, request_bytes(filled))[0][0] == 201


def test_who_asks_before_sending_too_much_is_refused_at_once(server):
    head, _ = asks_first(b"", Content_Length=str(OVER))
    answer = exchange(server, head)[0]
    assert answer[0] == 413 and problem_of(answer)["code"] == "too_large"


def test_who_asked_and_sends_too_much_in_chunks_reads_a_413(server):
    head, _, body = chunked(b"x" * 4 * OVER).partition(b"\r\n\r\n")
    with server.connect() as connection:
        connection.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        answers = Answers(connection)
        assert answers.next()[0] == 100
        connection.sendall(body)
        assert problem_of(answers.next())["status"] == 413


@pytest.mark.parametrize(
    "headers",
    [{"Content_Length": "0"}, {"Content_Length": None}, {"Content_Length": None, "version": "1.0"}],
)
def test_an_empty_body_with_expect_does_not_hang(server, headers):
    """There is nothing to continue with: the answer is the final one."""
    head, _ = asks_first(b"", **headers)
    answers = exchange(server, head, post())
    assert answers[0][0] == 400 and problem_of(answers[0])["code"] == "empty"
    assert answers[1][0] == (201 if "version" not in headers else 0)


def test_a_get_with_expect_is_answered_at_once(server):
    assert [answer[0] for answer in exchange(server, get(Expect="100-continue"), post())] == [
        200,
        201,
    ]


def test_who_asks_first_may_send_and_is_stored(server):
    head, body = asks_first(json.dumps(event()).encode())
    with server.connect() as connection:
        connection.sendall(head)
        answers = Answers(connection)
        assert answers.next()[0] == 100
        connection.sendall(body)
        assert answers.next()[0] == 201


def test_draining_has_an_end(serve, monkeypatch):
    """Who sends on after more than anybody sends by mistake is cut off, and may meet a reset."""
    monkeypatch.setattr(lite, "DRAIN_LIMIT", 2 * OVER)
    served = serve()
    with served.connect() as connection, suppress(ConnectionError):
        connection.sendall(request_bytes(b"", Content_Length=str(100 * OVER)) + b"x" * 3 * OVER)
        assert Answers(connection).next()[0] == 413
    wait_until(served, lambda: not served.server.channels())


def test_a_silent_connection_is_closed(start):
    with start(idle_timeout="1").connect() as connection:
        connection.sendall(post()[:-1])
        assert connection.recv(1) == b""


@pytest.mark.parametrize("seconds", [-3_600, 3_600])
def test_a_clock_that_is_set_closes_nobody_and_keeps_nobody(serve, monkeypatch, seconds):
    served = serve(idle_timeout=1)
    with served.connect() as silent, served.connect() as busy:
        answers = Answers(busy)
        busy.sendall(post("before"))
        assert answers.next()[0] == 201
        silent.sendall(post()[:-1])
        monkeypatch.setattr(time, "time", lambda now=time.time: now() + seconds)
        on_loop(served, lambda: setattr(served.server, "next_check", 0))
        assert exchange(served, get())[0][0] == 200
        busy.sendall(post("after"))
        assert answers.next()[0] == 201
        silent.settimeout(5)
        assert silent.recv(1) == b""
    assert stored(served) == ["before", "after"]


def test_what_had_arrived_is_not_late_when_a_stopped_process_goes_on(start):
    server = start(request_timeout="1")
    sent = post("large", properties={"text": "x" * 60_000})
    with server.connect() as connection:
        connection.sendall(sent[:30_000])
        assert exchange(server, get())[0][0] == 200  # so much has been read
        server.process.send_signal(signal.SIGSTOP)
        connection.sendall(sent[30_000:])
        connection.settimeout(1.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        server.process.send_signal(signal.SIGCONT)
        connection.settimeout(30)
        assert Answers(connection).next()[0] == 201


def test_more_connections_than_select_could_watch(start, connect):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(3_000, hard)), hard))
    server = start(connection_limit="2000")
    connections = connect(server, 1_100)
    connections[-1].sendall(post())
    assert Answers(connections[-1]).next()[0] == 201


########################################################################################################
# Many at once
########################################################################################################


def test_a_thousand_posts_of_one_distinct_id_leave_one_event_with_the_first_timestamp(server):
    """Each says another time; the one that was first in is the one that stays."""
    bodies = [event("the-one", timestamp=1_700_000_000_000 + number) for number in range(1_000)]
    answers = Posting(server.port, ADMIN, 32).post_all([request_bytes(body) for body in bodies])
    statuses = [int(answer.split()[1]) for answer in answers]
    assert statuses.count(201) == 1 and statuses.count(200) == 999
    (found,) = json.loads(exchange(server, get("/events/v1"))[0][2])["events"]
    assert found["timestamp"] == lite.iso(bodies[statuses.index(201)]["timestamp"])
    assert stored_ids(server.database) == ["the-one"]


def test_ten_thousand_posts_of_different_distinct_ids_leave_ten_thousand_events(server):
    requests = [post(f"d-{number}") for number in range(10_000)]
    answers = Posting(server.port, ADMIN, 32).post_all(requests)
    assert {answer.split()[1] for answer in answers} == {b"201"}
    assert sorted(stored_ids(server.database)) == sorted(f"d-{number}" for number in range(10_000))


########################################################################################################
# How it ends
########################################################################################################


def ended(server) -> tuple[int, str]:
    """The exit code and standard error of one that is ending: a second signal could kill it."""
    _, errors = server.process.communicate(timeout=30)
    return server.process.returncode, errors


def test_after_kill_9_under_load_every_acknowledged_event_is_there_once(start, tmp_path):
    for number in range(KILLS):
        acknowledged, wrong, *_ = kill_and_look(
            start, tmp_path / "events.db", ADMIN, after=100 + 150 * number
        )
        assert acknowledged >= 100 and wrong == []


def test_sigterm_under_load_keeps_every_acknowledged_event(start):
    server = start()
    posting = Posting(server.port, ADMIN, 16)
    sent, acknowledged = posting.post_until_closed(
        lambda count: count == 300 and server.process.send_signal(signal.SIGTERM)
    )
    assert ended(server) == (0, "") and acknowledged.total() >= 300
    assert os.listdir(os.path.dirname(server.database)) == ["events.db"]  # no WAL
    assert losses(server.database, sent, acknowledged) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_had_arrived_before_the_signal_is_answered(start, number, connect):
    """The process sleeps while requests reach it, then meets them and its end at once."""
    server = start()
    (open_before,) = connect(server, 1)
    server.process.send_signal(signal.SIGSTOP)
    connections = [open_before] + connect(server, 20)
    for index, connection in enumerate(connections):
        connection.sendall(post(f"d-{index}") + get("/events/v1"))
    server.process.send_signal(number)
    server.process.send_signal(signal.SIGCONT)
    assert [Answers(each).statuses() for each in connections] == [[201, 200]] * len(connections)
    assert ended(server) == (0, "") and len(stored_ids(server.database)) == len(connections)


def test_what_waits_for_another_process_at_the_end_is_answered(start, other_process):
    server = start()
    with other_process(server) as lock, server.connect() as connection:
        connection.sendall(post())
        assert exchange(server, get())[0][0] == 200
        server.process.send_signal(signal.SIGTERM)
        lock.execute("rollback")
        assert Answers(connection).statuses() == [201]
    assert ended(server) == (0, "") and stored_ids(server.database) == ["d-1"]


def test_what_had_arrived_of_a_sender_that_hung_up_is_stored_before_the_end(serve, gate):
    served = serve()
    held = gate(served)
    with served.connect() as connection:
        connection.sendall(post("d-1") + post("d-2") + post("d-3"))  # three turns
        assert held.reached.wait(30)
        reset(connection)
    served.server.stop()
    held.open()
    served.thread.join(30)
    assert stored(served) == ["d-1", "d-2", "d-3"]


def test_an_idle_keep_alive_connection_does_not_delay_the_end(start):
    server = start()
    with server.connect() as connection:
        connection.sendall(post())
        answers = Answers(connection)
        assert answers.next()[0] == 201
        server.process.send_signal(signal.SIGTERM)
        assert answers.next()[0] == 0
        assert server.process.wait(5) == 0


def test_a_stopped_server_takes_no_more_connections(serve):
    served = serve()
    served.close()
    with pytest.raises(ConnectionRefusedError):
        served.connect()


def test_a_taken_port_is_one_clear_line(server, tmp_path):
    config = lite.Config(database=str(tmp_path / "other.db"), port=server.port)
    app = lite.create_app(config)
    try:
        with pytest.raises(
            lite.ConfigError, match=f"cannot listen on 127.0.0.1 port {server.port}: .*--port"
        ):
            lite.Server(app, config)
    finally:
        app.close()


########################################################################################################
# In memory
########################################################################################################


def test_in_memory_every_reader_sees_the_same_data(start, connect):
    server = start(":memory:")
    assert exchange(server, post("d-1"), post("d-2"))[1][0] == 201
    connections = connect(server, 8)
    for each in connections:
        each.sendall(get("/events/v1"))
    seen = [json.loads(Answers(each).next()[2])["events"] for each in connections]
    assert all(each == seen[0] for each in seen) and len(seen[0]) == 2
    assert server.stop() == (0, "")
    assert not Path(":memory:").exists()


def test_in_memory_answers_wait_for_commit_too(serve, gate):
    served = serve(":memory:")
    held = gate(served)
    with served.connect() as connection:
        connection.sendall(post() + get("/events/v1"))
        assert held.reached.wait(30) and is_silent(connection)
        held.open()
        answers = Answers(connection)
        assert [answers.next()[0], len(json.loads(answers.next()[2])["events"])] == [201, 1]


########################################################################################################
# What is kept without a write a request
########################################################################################################


def test_the_last_use_of_a_key_is_written_now_and_then(serve, clock):
    served = serve(clock=clock)
    key = json.loads(
        exchange(served, request_bytes({"name": "reader", "scope": "read"}, path="/keys/v1"))[0][2]
    )
    with closing(apsw.Connection(served.config.database)) as look:

        def used():
            return look.execute("select last_used_at from keys").get

        exchange(served, get("/events/v1", key=key["token"]))
        version = look.pragma("data_version")
        clock.advance(1_000)
        exchange(served, *[get("/events/v1", key=key["token"])] * 10)
        assert used() is None and look.pragma("data_version") == version
        listed = json.loads(exchange(served, get("/keys/v1"))[0][2])["keys"]
        assert listed[0]["last_used_at"] == lite.iso(clock.now)  # told before it is written
        at = clock.now
        clock.advance(lite.MAINTENANCE_SECONDS * 1000)
        wait_until(served, lambda: not served.app.database.last_used)
        assert used() == at
        exchange(served, get("/events/v1", key=key["token"]))
    served.close()
    with closing(apsw.Connection(served.config.database)) as look:
        assert look.execute("select last_used_at from keys").get == clock.now


def test_the_last_use_of_a_key_survives_a_failed_commit(serve, clock):
    served = serve(clock=clock)
    key = json.loads(
        exchange(served, request_bytes({"name": "reader", "scope": "read"}, path="/keys/v1"))[0][2]
    )
    exchange(served, get("/events/v1", key=key["token"]))
    at = clock.now
    writer = fail_commits(served)
    writer.error = FAILURES["disk_full"]
    clock.advance(lite.MAINTENANCE_SECONDS * 1000)
    assert exchange(served, post())[0][0] == 429
    writer.error = None
    served.close()
    with closing(apsw.Connection(served.config.database)) as look:
        assert look.execute("select last_used_at from keys").get == at


def test_an_old_rejection_goes_with_the_maintenance(serve, clock):
    served = serve(clock=clock, keep_rejections_days=1)
    assert exchange(served, request_bytes(b"{"))[0][0] == 400
    clock.advance(2 * 86_400_000)
    assert exchange(served, post())[0][0] == 201
    assert json.loads(exchange(served, get("/rejections/v1"))[0][2])["rejections"] == []


def test_nothing_that_clients_do_is_logged_as_an_error(serve, caplog):
    """A reset, half a request and a read that nobody waits for are everyday matters."""
    with caplog.at_level(logging.WARNING):
        served = serve()
        for sent in (
            post()[:-1],
            get("/events/v1"),
            b"GET",
            post(),
            request_bytes(b"x" * OVER)[:-1],
        ):
            with served.connect() as connection:
                connection.sendall(sent)
                reset(connection)
        wait_until(served, lambda: not served.server.channels())
        assert exchange(served, post())[0][0] in (200, 201)
    assert [record.getMessage() for record in caplog.records] == []
