"""Keys: what each may do; its token is seen once, and it ends the moment it is revoked."""

import hashlib
import json
import re

import pytest
from conftest import ADMIN, Api, ServerProcess, event, exchange, request_bytes

import streamlined_lite as lite

SCOPES = ["ingest", "sync", "read", "admin"]


def statuses(api, key, **rest) -> dict[str, int]:
    return {
        name: api(method, path, body, key=key, **rest).status_int
        for name, method, path, body in [
            ("ingest", "POST", "/events/ingestion/v1", event()),
            ("sync", "DELETE", "/contacts/v1/loc-1/nobody", None),
            ("read", "GET", "/events/v1", None),
            ("admin", "GET", "/keys/v1", None),
        ]
    }


@pytest.mark.parametrize(
    "scope, allowed",
    [
        ("ingest", {"ingest"}),
        ("sync", {"ingest", "sync"}),
        ("read", {"read"}),
        ("admin", set(SCOPES)),
    ],
)
def test_a_scope_allows_this_and_no_more(api, scope, allowed):
    found = statuses(api, api.key(scope=scope))
    assert {name for name, status in found.items() if status != 403} == allowed
    assert all(status in (200, 201, 404) for name, status in found.items() if name in allowed)


def test_a_refusal_says_what_is_needed_and_what_was_sent(api):
    problem = api("GET", "/keys/v1", key=api.key(scope="read")).json
    assert (problem["status"], problem["code"]) == (403, "scope")
    assert problem["detail"] == "this needs a key of scope admin; the key sent has read"


@pytest.mark.parametrize(
    "key, code",
    [
        (None, "key_missing"),
        ("", "key_missing"),
        ("sl_unknown", "key_unknown"),
        ("x" * 10_000, "key_unknown"),
        (ADMIN[:-1], "key_unknown"),
        (ADMIN + "x", "key_unknown"),
        ("\xe9\xff", "key_unknown"),
    ],
)
def test_without_a_working_key_nothing_happens(api, key, code):
    answer = api.post(event(), key=None, headers={} if key is None else {"X-API-Key": key})
    assert (
        answer.status_int,
        answer.json["code"],
        api.rows("select * from events"),
        api.rows("select * from rejections"),
    ) == (401, code, [], [])


def test_a_key_for_some_locations_writes_to_no_other(api):
    key = api.key(locations=["loc-1", "loc-2", "loc-1"])
    assert [
        api.post(event(location_id=each), key=key).status_int
        for each in ("loc-1", "loc-2", " loc-1 ", "loc-3", "LOC-1")
    ] == [201, 201, 200, 403, 403]
    assert api.rows("select location_id from events_with_texts order by 1") == [
        ("loc-1",),
        ("loc-2",),
    ]
    assert api.get("/keys/v1")["keys"][0]["locations"] == ["loc-1", "loc-2"]


@pytest.mark.parametrize("rule, status", [("refuse", 422), ("generate", 201)])
def test_the_key_chooses_what_becomes_of_a_missing_distinct_id(api, rule, status):
    key = api.key(distinct_id_rule=rule)
    body = event()
    for blank in (body.pop("distinct_id") and {}, {"distinct_id": None}, {"distinct_id": " "}):
        answer = api.post(body | blank, key=key)
        assert answer.status_int == status
        if status == 201:
            assert [each["code"] for each in answer.json["warnings"]] == ["distinct_id_generated"]
    assert len(api.rows("select distinct distinct_id from events")) == (
        3 if rule == "generate" else 0
    )
    assert api.post(event("mine"), key=key).json["event"]["distinct_id"] == "mine"


def test_a_generated_distinct_id_does_not_hide_an_unresolved_one(api):
    assert (
        api.post(event("{{opportunity.id}}"), key=api.key(distinct_id_rule="generate")).status_int
        == 422
    )


def test_an_admin_key_is_for_all_locations(api):
    answer = api("POST", "/keys/v1", {"name": "x", "scope": "admin", "locations": ["loc-1"]})
    assert (answer.status_int, answer.json["errors"][0]["pointer"]) == (422, "/locations")


@pytest.mark.parametrize(
    "body, pointers",
    [
        ({}, ["/name"]),
        ({"name": " "}, ["/name"]),
        ({"name": "a", "scope": "root"}, ["/scope"]),
        ({"name": "a", "locations": []}, ["/locations"]),
        ({"name": "a", "locations": ["", {}]}, ["/locations/0", "/locations/1"]),
        ({"name": "a", "location": ["x"]}, ["/location"]),
        (
            {"name": "a", "distinct_id_rule": "invent", "scope": None},
            ["/scope", "/distinct_id_rule"],
        ),
        ([], [""]),
    ],
)
def test_a_wrong_key_is_not_made(api, body, pointers):
    answer = api("POST", "/keys/v1", body)
    assert (
        answer.status_int,
        [error["pointer"] for error in answer.json["errors"]],
        api.rows("select * from keys"),
    ) == (422, pointers, [])


def test_a_new_key_is_answered_whole_and_listed_without_its_token(api):
    answer = api(
        "POST",
        "/keys/v1",
        {"name": " Forms ", "locations": ["b", "a"], "distinct_id_rule": "generate"},
    )
    made = answer.json
    token = made.pop("token")
    assert (answer.status_int, made) == (
        201,
        {
            "key_id": 1,
            "name": "Forms",
            "scope": "ingest",
            "locations": ["a", "b"],
            "distinct_id_rule": "generate",
            "token_prefix": token[:9],
            "created_at": "2026-01-01T00:00:00.000Z",
            "last_used_at": None,
            "revoked_at": None,
        },
    )
    assert api.get("/keys/v1") == {"keys": [made]}
    assert token not in api("GET", "/keys/v1").text and len(token) == 43 and token.startswith("sl_")
    assert api.key() != api.key()


def test_only_the_hash_of_a_token_is_in_the_file(tmp_path, clock):
    api = Api(str(tmp_path / "events.db"), clock)
    tokens = [api.key(scope=scope) for scope in SCOPES]
    for token in tokens:
        statuses(api, token)
        api.post(event(location_id={}), key=token)
        api("POST", f"/events/ingestion/v1?api_key={token}&a=1", event(location_id={}), key=None)
    clock.advance(lite.MAINTENANCE_SECONDS * 1000)
    api.post(event())
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert (tmp_path / "events.db-wal").stat().st_size > 0
    api.app.close()
    content += (tmp_path / "events.db").read_bytes()
    for token in tokens:
        assert token.encode() not in content and token[10:].encode() not in content
        assert hashlib.sha256(token.encode()).hexdigest().encode() in content
    assert (
        ADMIN.encode() not in content
        and hashlib.sha256(ADMIN.encode()).hexdigest().encode() not in content
    )


def test_a_revoked_key_ends_at_once_and_stays_listed(api, clock):
    key = api.key()
    clock.advance(5_000)
    revoked = api("DELETE", "/keys/v1/1").json
    assert revoked["revoked_at"] == "2026-01-01T00:00:05.000Z"
    refused = api.post(event(), key=key)
    assert (refused.status_int, refused.json["code"], refused.json["detail"]) == (
        401,
        "key_revoked",
        f"the key sent ({key[:9]}…) was revoked",
    )
    clock.advance(5_000)
    assert api("DELETE", "/keys/v1/1").json == revoked == api.get("/keys/v1")["keys"][0]


@pytest.mark.parametrize("key_id", ["7", "0", "9" * 18, "9" * 19, "9" * 400])
def test_revoking_what_is_not_there_is_a_404(api, key_id):
    assert api("DELETE", f"/keys/v1/{key_id}").status_int == 404


def test_a_key_made_or_revoked_by_another_process_counts_at_once(server: ServerProcess, capsys):
    assert lite.main(["keys", "create", "forms", "--database", server.database, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert exchange(server, request_bytes(event(), made["token"]))[0][0] == 201
    assert lite.main(["keys", "revoke", str(made["key_id"]), "--database", server.database]) == 0
    assert [
        exchange(server, request_bytes(event(), made["token"], path=path))[0][0]
        for path in ("/events/ingestion/v1", "/contacts/ingestion/v1")
    ] == [401, 401]
    ((status, _, body),) = exchange(
        server, request_bytes(b"", made["token"], method="GET", path="/events/v1")
    )
    assert (status, json.loads(body)["code"]) == (401, "key_revoked")


def test_the_last_use_is_known_at_once_and_written_now_and_then(tmp_path, clock):
    api = Api(str(tmp_path / "events.db"), clock)
    token = api.key(scope="read")
    clock.advance(1_000)
    api("GET", "/events/v1", key=token)

    def listed():
        return api.get("/keys/v1")["keys"][0]["last_used_at"]

    def written():
        return api.rows("select last_used_at from keys")

    assert (listed(), written()) == ("2026-01-01T00:00:01.000Z", [(None,)])
    clock.advance(lite.MAINTENANCE_SECONDS * 1000)
    api.post(event())
    assert (listed(), written()) == (
        "2026-01-01T00:00:01.000Z",
        [(clock.now - lite.MAINTENANCE_SECONDS * 1000,)],
    )
    api("GET", "/events/v1", key=token)
    api.app.close()
    with_again = Api(str(tmp_path / "events.db"), clock)
    assert with_again.rows("select last_used_at from keys") == [(clock.now,)]
    with_again.app.close()


def test_a_refused_attempt_is_no_use_of_a_key(api, clock):
    key = api.key(scope="read")
    api("GET", "/events/v1?api_key=" + key, key=None)
    api("DELETE", "/keys/v1/1")
    api("GET", "/events/v1", key=key)
    assert api.get("/keys/v1")["keys"][0]["last_used_at"] is None


INGESTION = ["/events/ingestion/v1", "/contacts/ingestion/v1"]


@pytest.mark.parametrize("path", INGESTION)
@pytest.mark.parametrize(
    "scope, taken", [("ingest", True), ("sync", True), ("read", False), ("admin", False)]
)
def test_a_key_in_the_url_is_taken_of_senders_only(api, path, scope, taken):
    body = {"customData": event(), "contact_id": "c", "location": {"id": "loc-1"}}
    answer = api("POST", f"{path}?x=1&api_key={api.key(scope=scope)}", body, key=None)
    assert (answer.status_int in (200, 201)) is taken
    assert taken or (answer.status_int, answer.json["code"]) == (401, "key_in_url")


def test_the_admin_key_is_not_taken_from_the_url(api):
    assert (
        api("POST", f"/events/ingestion/v1?api_key={ADMIN}", event(), key=None).json["code"]
        == "key_in_url"
    )


def test_a_key_in_the_url_is_taken_on_the_routes_of_senders_only(api):
    key = api.key(scope="sync")
    for route in lite.ROUTES:
        if route.scope is not None:
            path = re.sub(r"\{\w+\}", "1", route.path)
            answer = api(
                route.method, f"{path}?api_key={key}", {} if route.body else None, key=None
            )
            assert route.url_key == (answer.status_int != 401), route.path
            assert route.url_key or answer.json["code"] == "key_in_url"
    assert {route.path for route in lite.ROUTES if route.url_key} >= set(INGESTION)


def test_the_header_comes_before_the_url(api):
    key = api.key()
    assert (
        api("POST", f"/events/ingestion/v1?api_key={key}", event(), key="wrong").status_int == 401
    )
    assert api("POST", "/events/ingestion/v1?api_key=wrong", event(), key=key).status_int == 201


def test_attempts_without_a_key_are_remembered_without_any_token(api, clock):
    wrong = "sl_not-a-key-of-ours"
    revoked = api.key()
    api("DELETE", "/keys/v1/1")
    clock.advance(1_000)
    api.post(event(), key=None)
    api("GET", "/events/v1?location_id=secret", key=wrong)
    api("POST", f"/contacts/ingestion/v1?api_key={wrong}", {}, key=None)
    api.post(event(), key=revoked)
    answer = api("GET", "/attempts/v1")
    assert [(each["path"], each["time"]) for each in answer.json["attempts"]] == [
        (path, "2026-01-01T00:00:01.000Z")
        for path in (
            "/events/ingestion/v1",
            "/contacts/ingestion/v1",
            "/events/v1",
            "/events/ingestion/v1",
        )
    ]
    assert [each["reason"] for each in answer.json["attempts"]] == [
        f"the key sent ({revoked[:9]}…) was revoked",
        "the key sent is not known here",
        "the key sent is not known here",
        "send a key in the X-API-Key header",
    ]
    assert wrong not in answer.text and revoked not in answer.text and "secret" not in answer.text


def test_at_most_a_hundred_attempts_are_remembered(api):
    for number in range(105):
        api("GET", f"/events/v1/{number}", key=None)
    attempts = api.get("/attempts/v1")["attempts"]
    assert [attempts[0]["path"], attempts[-1]["path"], len(attempts)] == [
        "/events/v1/104",
        "/events/v1/5",
        100,
    ]


def test_no_log_line_holds_a_token(start):
    server = start(log_requests="1")
    for path in (
        "/events/ingestion/v1?api_key=sl_in-the-url",
        "/nowhere?api_key=sl_in-the-url",
        "/?key=sl_in-the-url",
    ):
        exchange(server, request_bytes(event(), key="sl_in-the-header", path=path))
    exchange(server, request_bytes(b"", method="GET", path="/events/v1"))
    code, log = server.stop()
    assert code == 0 and 'POST "/events/ingestion/v1" 401' in log and 'GET "/events/v1" 200' in log
    assert "sl_in" not in log and ADMIN not in log and "key=" not in log


def test_a_key_that_is_revoked_within_a_turn_is_refused_in_the_rest_of_it(api):
    token = api.key()
    ((key_id,),) = api.rows("select key_id from keys")
    database = api.app.database
    database.take_turns()
    database.begin()
    assert api.post(event("d-1"), key=token).status_int == 201
    assert api("DELETE", f"/keys/v1/{key_id}").status_int == 200
    assert api.post(event("d-2"), key=token).json["code"] == "key_revoked"
    database.commit()


def test_a_preview_of_a_deletion_leaves_the_keys_that_a_turn_knows_alone(api):
    token = api.key(scope="admin")
    api.app.database.callers.clear()
    assert api("DELETE", "/events/v1?event_name=x&dry_run=true", key=token).status_int == 200
    assert api.app.database.callers == {}


# The session


def test_a_session_tells_who_the_key_is_and_strangers_nothing(api):
    key = api.key(name="One client", scope="read", locations=["loc-2", "loc-1"])
    assert api.get("/session/v1", key=key) == {
        "public_url": None,
        "timezone": "UTC",
        "version": lite.__version__,
        "key": {
            "key_id": 1,
            "name": "One client",
            "scope": "read",
            "locations": ["loc-1", "loc-2"],
        },
    }
    assert api.get("/session/v1")["key"] == {
        "key_id": None,
        "name": "the admin key of the settings",
        "scope": "admin",
        "locations": None,
    }
    assert api.get("/session/v1", key=None) == {"key": None}
    refused = api("GET", "/session/v1", key="sl_wrong")
    assert (refused.status_int, refused.json["code"], len(api.get("/attempts/v1")["attempts"])) == (
        401,
        "key_unknown",
        1,
    )


def test_under_systemd_the_command_for_a_lost_key_is_for_root(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/streamlined-lite")
    config = lite.Config(
        database="/var/lib/streamlined-lite/streamlined-lite.db",
        public_url="https://events.example.com",
    )
    assert re.fullmatch(
        r"sudo .+ keys create admin --scope admin "
        r"--database /var/lib/streamlined-lite/streamlined-lite.db "
        r"--public-url https://events.example.com",
        lite.key_command(config),
    )
