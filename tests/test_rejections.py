"""Nothing that an authenticated sender posts is lost: it is kept, shown, and can be sent again."""

import base64
import json
from urllib.parse import quote

import pytest
from conftest import NOW, Api, event

import streamlined_lite as lite

DAY = 86_400_000


def refused(api, body=None, **rest) -> int:
    """Posts what cannot be stored; its rejection_id."""
    return api.post(event(timestamp="soon") if body is None else body, **rest).json["rejection_id"]


def kept(api, rejection_id: int) -> dict:
    return next(
        each
        for each in api.get("/rejections/v1?limit=500")["rejections"]
        if each["rejection_id"] == rejection_id
    )


def replay(api, rejection_id: int, body=None, **rest):
    return api("POST", f"/rejections/v1/{rejection_id}/replay", body, **rest)


@pytest.mark.parametrize(
    "body, kind, encoding",
    [
        (b'{"event_name": 1,', "application/json", "utf-8"),
        (b"event_name=a&b=%C3%A9", "application/x-www-form-urlencoded", "utf-8"),
        ("ünïcode 🎉 \0 end".encode(), "text/plain", "utf-8"),
        (b"\xff\xfe\x00\x80", "application/json", "base64"),
        (b"", "", "utf-8"),
        (b"\xef\xbb\xbf[]", "application/json", "utf-8"),
        (b"  \r\n", "application/json; charset=utf-8", "utf-8"),
    ],
)
def test_a_body_is_kept_byte_for_byte(api, body, kind, encoding):
    found = kept(api, refused(api, body, kind=kind))
    assert api.rows("select body from rejections") == [(body,)]
    assert (found["encoding"], found["content_type"], found["truncated"]) == (encoding, kind, False)
    assert (
        found["body"].encode() if encoding == "utf-8" else base64.b64decode(found["body"])
    ) == body


def test_a_rejection_tells_the_whole_story(api):
    key = api.key(locations=["loc-1"])
    answer = api(
        "POST",
        f"/events/ingestion/v1?api_key={key}&source=form%20a&API_KEY=x",
        event(location_id="loc-2", contact_id="c-1"),
        key=None,
    )
    assert kept(api, answer.json["rejection_id"]) == {
        "rejection_id": 1,
        "received_at": "2026-01-01T00:00:00.000Z",
        "code": "location_not_allowed",
        "path": "/events/ingestion/v1",
        "query": "source=form+a",
        "content_type": "application/json",
        "body": json.dumps(event(location_id="loc-2", contact_id="c-1")),
        "encoding": "utf-8",
        "truncated": False,
        "key_id": 1,
        "location_id": None,  # else it could be written into the list of a location of others
        "contact_id": None,
        "replayed_at": None,
        "problem": {name: value for name, value in answer.json.items() if name != "rejection_id"},
    }
    assert key not in api("GET", "/rejections/v1").text


@pytest.mark.parametrize("size, truncated", [(65_536, False), (65_537, True), (1_048_577, True)])
def test_of_a_long_body_the_first_64_kb_are_kept(api, size, truncated):
    body = b'{"x": "' + b"y" * (size - 7)
    found = kept(api, refused(api, body))
    assert (found["truncated"], found["body"]) == (truncated, body[:65_536].decode())
    assert (replay(api, found["rejection_id"]).json["code"] == "truncated") is truncated
    assert replay(api, found["rejection_id"], event()).status_int == 201


def test_a_text_that_was_cut_within_a_character_is_still_shown_as_text(api):
    found = kept(api, refused(api, b"x" * 65_535 + "é".encode() + b"y"))
    assert (found["encoding"], found["body"]) == ("utf-8", "x" * 65_535)


@pytest.mark.parametrize(
    "method, path, body, is_kept",
    [
        ("POST", "/events/ingestion/v1", {}, True),
        ("POST", "/contacts/ingestion/v1", {}, True),
        ("PUT", "/contacts/v1/l/c", {"tags": 1}, True),
        ("POST", "/keys/v1", {}, False),
        ("PATCH", "/locations/v1/l", {"x": 1}, False),
        ("DELETE", "/events/v1", None, False),
        ("GET", "/events/v1?x=1", None, False),
        ("POST", "/rejections/v1/1/replay", {}, False),
    ],
)
def test_only_what_senders_post_is_kept(api, method, path, body, is_kept):
    assert (
        ("rejection_id" in api(method, path, body).json)
        is is_kept
        is bool(api.rows("select * from rejections"))
    )


def test_what_a_read_key_posts_is_kept_too_and_what_a_stranger_posts_is_not(api):
    assert refused(api, event(), key=api.key(scope="read")) == 1
    assert "rejection_id" not in api.post(event(), key="wrong").json
    assert len(api.rows("select * from rejections")) == 1


@pytest.mark.parametrize(
    "body, location, contact",
    [
        (event(timestamp="x"), "loc-1", None),
        ({"location_id": " a ", "contact_id": 5}, "a", "5"),
        ({"customData": {"contact_id": "e"}, "location": {"id": "b"}}, "b", "e"),
        ({"customData": {}, "location": {"id": "b"}, "contact_id": "c"}, "b", "c"),
        ({"type": "ContactCreate", "locationId": "c", "id": "d", "email": {}}, "c", "d"),
        ({"type": "x", "locationId": "c", "id": "opportunity"}, "c", None),
        ({"location_id": {}, "contact_id": []}, None, None),
        ({}, None, None),
        ([], None, None),
        (b"{", None, None),
        ({"location_id": "x" * 2000}, None, None),
        (b"location_id=d&contact_id=e", "d", "e"),
    ],
)
def test_the_location_and_contact_are_noted_that_the_body_names(api, body, location, contact):
    refused(api, body, kind="application/x-www-form-urlencoded")
    assert api.rows("select location_id, contact_id from rejections") == [(location, contact)]


def test_the_location_and_contact_are_noted_that_the_path_names(api):
    api("PUT", "/contacts/v1/loc%20a/c%2Fb", {"tags": 1})
    assert api.rows("select location_id, contact_id from rejections") == [("loc a", "c/b")]


def test_the_list_has_the_newest_first_a_filter_and_pages(api):
    for number in range(7):
        refused(api, event(location_id=f"loc-{number % 2}", timestamp="x"))
    assert [each["rejection_id"] for each in api.get("/rejections/v1")["rejections"]] == [
        7,
        6,
        5,
        4,
        3,
        2,
        1,
    ]
    for where, expected in (
        ("", [7, 6, 5, 4, 3, 2, 1]),
        ("&location_id=loc-0", [7, 5, 3, 1]),
        ("&location_id=none", []),
    ):
        found, cursor = [], ""
        while cursor is not None:
            answer = api.get(
                f"/rejections/v1?limit=2{where}" + (f"&cursor={cursor}" if cursor else "")
            )
            found += [each["rejection_id"] for each in answer["rejections"]]
            cursor = answer["next"]
        assert found == expected


def test_a_replay_as_it_was_is_stored_and_marked(api, clock):
    key = api.key(locations=["loc-1"])
    rejection = refused(api, event(location_id="loc-2"), key=key)
    clock.advance(DAY)
    answer = replay(api, rejection)
    assert (answer.status_int, answer.json["status"], answer.json["event"]["location_id"]) == (
        201,
        "created",
        "loc-2",
    )
    assert kept(api, rejection)["replayed_at"] == "2026-01-02T00:00:00.000Z"
    again = replay(api, rejection)
    assert (again.status_int, again.json["code"]) == (409, "already_replayed")


def test_a_replayed_event_counts_from_the_time_of_its_refusal(api, clock):
    rejection = refused(api, event(contact_id={}))
    clock.advance(DAY)
    stored = replay(api, rejection, event()).json["event"]
    assert (stored["timestamp"], stored["received_at"]) == ("2026-01-01T00:00:00.000Z",) * 2
    assert stored["updated_at"] == "2026-01-02T00:00:00.000Z"  # by which it is the newest arrival
    other = refused(api, event("d-2", contact_id={}))
    assert (
        replay(api, other, event("d-2", timestamp="1970-01-01T00:00:05Z")).json["event"][
            "timestamp"
        ]
        == "1970-01-01T00:00:05.000Z"
    )


def test_a_replay_that_fails_again_changes_nothing_and_may_be_repeated(api):
    rejection = refused(api)
    before = api.rows("select * from rejections")
    for body in (None, event(timestamp="later"), b"{", []):
        answer = replay(api, rejection, body)
        assert 400 <= answer.status_int < 500 and "rejection_id" not in answer.json
    assert (api.rows("select * from rejections"), api.rows("select * from events")) == (before, [])
    assert replay(api, rejection, event()).status_int == 201


def test_an_edited_replay_may_be_a_form_and_needs_no_content_type(api):
    first, second = refused(api), refused(api)
    form = b"event_name=a&location_id=b&distinct_id=c"
    assert replay(api, first, form, kind="application/x-www-form-urlencoded").status_int == 201
    assert replay(api, second, event(), headers={"Content-Type": ""}).status_int == 201


def test_a_form_is_replayed_as_the_form_that_it_was(api):
    key = api.key(locations=["elsewhere"])
    rejection = refused(
        api,
        b"event_name=a&location_id=b&distinct_id=c",
        key=key,
        kind="application/x-www-form-urlencoded",
    )
    assert replay(api, rejection).json["event"]["event_name"] == "a"


def test_a_replay_follows_the_rule_of_the_key_it_came_with(api):
    rejections = [
        refused(
            api,
            {"event_name": "a", "location_id": "x"},
            key=api.key(distinct_id_rule=rule, locations=["l"]),
        )
        for rule in ("generate", "refuse")
    ]
    assert [replay(api, each).status_int for each in rejections] == [201, 422]


def test_contact_webhooks_are_replayed_and_other_bodies_are_not(api):
    webhook = {"type": "ContactCreate", "locationId": "l", "id": "c", "email": "a@example.com"}
    contact = api("POST", "/contacts/ingestion/v1", webhook, key=api.key(locations=["x"])).json[
        "rejection_id"
    ]
    assert replay(api, contact).json["status"] == "created"
    put = api("PUT", "/contacts/v1/l/c", {"tags": 1}).json["rejection_id"]
    assert (replay(api, put).status_int, replay(api, put).json["code"]) == (409, "not_replayable")


def test_a_body_that_came_to_the_older_path_is_replayed_too(api):
    rejection = api("POST", "/custom-events/ingestion/v1", event(timestamp="x")).json[
        "rejection_id"
    ]
    assert replay(api, rejection, event()).status_int == 201


@pytest.mark.parametrize(
    "method, path", [("POST", "/rejections/v1/{}/replay"), ("DELETE", "/rejections/v1/{}")]
)
@pytest.mark.parametrize("rejection_id", ["2", "0", "9" * 30])
def test_what_is_not_there_is_a_404(api, method, path, rejection_id):
    refused(api)
    assert api(method, path.format(rejection_id)).status_int == 404


def test_a_dismissed_one_is_gone(api):
    first, second = refused(api), refused(api)
    assert api("DELETE", f"/rejections/v1/{first}").json == {"rejections": 1}
    assert [each["rejection_id"] for each in api.get("/rejections/v1")["rejections"]] == [second]
    assert api("DELETE", f"/rejections/v1/{first}").status_int == 404


# What an update replaced


def replaced(api, timestamp=NOW - 1, **fields) -> int:
    """Stores an event and replaces it by one of another name; the rejection of the first."""
    api.post(event(timestamp=timestamp, **fields))
    assert (
        api.post(event(event_name="Payment Received")).json["warnings"][0]["code"]
        == "event_name_changed"
    )
    return api.get("/rejections/v1")["rejections"][0]["rejection_id"]


def test_a_replaced_event_is_kept_in_the_wire_format(api, clock):
    fields = {"contact_id": "c-1", "properties": {"a/b": 'quote " é', "n": 1.5, "big": 2**63 - 1}}
    found = kept(api, replaced(api, 1_234_567_890_123, **fields))
    assert json.loads(found["body"]) == event(**fields, timestamp="2009-02-13T23:31:30.123Z")
    assert (found["code"], found["location_id"], found["problem"]["status"], found["encoding"]) == (
        "event_replaced",
        "loc-1",
        409,
        "utf-8",
    )


def test_another_contact_replaces_as_another_name_does_and_the_first_contact_does_not(api):
    codes = [
        [each["code"] for each in api.post(event(contact_id=contact)).json["warnings"]]
        for contact in (None, "c-1", "c-1", "c-2")
    ]
    assert codes == [[], [], [], ["contact_changed"]]
    assert len(api.rows("select * from rejections where code = 'event_replaced'")) == 1


@pytest.mark.parametrize(
    "timestamp",
    [
        0,
        1,
        999,
        1_001,
        59_999,
        1_234_567_890_123,
        1_767_225_600_007,
        4_102_444_799_999,
        lite.YEAR_2200 - 1,
    ],
)
def test_a_replaced_event_is_replayed_under_a_new_distinct_id_at_its_very_millisecond(
    api, timestamp
):
    rejection = replaced(api, lite.iso(timestamp), contact_id="c-1", properties={"value": 0.1})
    for taken in (None, event(), event("  d-1 "), event("d-1", location_id=" loc-1")):
        assert (answer := replay(api, rejection, taken)).status_int == 409 and answer.json[
            "code"
        ] == "distinct_id_taken"
    body = json.loads(kept(api, rejection)["body"]) | {"distinct_id": "d-2"}
    stored = replay(api, rejection, body).json["event"]
    assert (
        stored["timestamp"],
        stored["event_name"],
        stored["contact_id"],
        stored["properties"],
    ) == (lite.iso(timestamp), "Offer Made", "c-1", {"value": 0.1})
    assert api.rows(
        "select distinct_id, event_name, timestamp from events_with_texts order by 1"
    ) == [
        ("d-1", "Payment Received", timestamp),
        ("d-2", "Offer Made", timestamp),
    ]


def test_once_the_replacing_event_is_deleted_the_replaced_one_may_return_as_it_was(api):
    rejection = replaced(api)
    api("DELETE", "/events/v1/1")
    assert replay(api, rejection).json["event"]["event_name"] == "Offer Made"


# Bounds


def test_the_newest_are_kept_in_number(clock):
    api = Api(clock=clock, keep_rejections=5)
    for _ in range(12):
        refused(api)
    clock.advance(lite.MAINTENANCE_SECONDS * 1000)
    api.post(event())
    assert [each["rejection_id"] for each in api.get("/rejections/v1")["rejections"]] == [
        12,
        11,
        10,
        9,
        8,
    ]
    for _ in range(300):
        refused(api)
    assert len(api.rows("select * from rejections")) < 5 + 100
    api.app.close()


def numbers_by_sender(api) -> dict:
    return dict(
        api.rows("select key_id || ' ' || location_id, count(*) from rejections group by 1")
    )


def test_what_one_key_or_location_sends_takes_no_place_of_others(clock):
    api = Api(clock=clock, keep_rejections=100)
    keys = [api.key(name=f"key {number}") for number in range(3)]
    for key, location_id, times in ((0, "a", 10), (1, "b", 30), (2, "c", 20), (2, "d", 50)):
        for _ in range(times):
            refused(api, event(location_id=location_id, timestamp="x"), key=keys[key])
    rubbish = [event(f"d-{number}", location_id="e", timestamp="x") for number in range(300)]
    api("POST", "/events/ingestion/v1/batch", rubbish, key=keys[2])
    clock.advance(lite.MAINTENANCE_SECONDS * 1000)
    api.post(event())
    # 60 of the third key: 20 of each of its locations
    assert numbers_by_sender(api) == {"1 a": 10, "2 b": 30, "3 c": 20, "3 d": 20, "3 e": 20}
    assert api.rows("select max(rejection_id) from rejections") == [(410,)]
    api.app.close()


def test_the_bytes_of_all_rejections_have_a_limit_that_is_shared_too(clock):
    api = Api(clock=clock, keep_rejections_mb=1)
    first, second = (api.key(name=name) for name in ("first", "second"))
    refused(api, event(location_id="a", timestamp="x"), key=first)
    for _ in range(120):
        large = event(location_id="b", timestamp="x", properties={"x": "y" * 60_000})
        refused(api, large, key=second)
    assert api.rows("select sum(size) < 1000000 + 20 * 62000 from rejections") == [(1,)]
    clock.advance(lite.MAINTENANCE_SECONDS * 1000)
    api.post(event())
    assert numbers_by_sender(api) == {"1 a": 1, "2 b": 16}
    api.app.close()


def test_replaced_events_are_pruned_though_nothing_is_refused(clock):
    api = Api(clock=clock, keep_rejections=5)
    for number in range(250):
        api.post(event(event_name=f"Name {number % 2}"))
    assert len(api.rows("select * from rejections")) <= 5 + lite.PRUNE_STEP
    api.app.close()


@pytest.mark.parametrize(
    "wanted, total, shares",
    [
        ([], 5, []),
        ([3, 4], 10, [3, 4]),
        ([1, 50, 60], 61, [1, 30, 30]),
        ([7, 1], 4, [3, 1]),
        ([2, 2, 2], 2, [0, 1, 1]),
    ],
)
def test_shares_are_even_and_leave_nothing_over(wanted, total, shares):
    assert lite.fair_shares(wanted, total) == shares


def test_the_old_go(clock):
    api = Api(clock=clock, keep_rejections_days=2)
    refused(api)
    clock.advance(2 * DAY)
    refused(api)
    assert len(api.rows("select * from rejections")) == 2
    clock.advance(lite.MAINTENANCE_SECONDS * 1000)
    refused(api)
    assert [each["rejection_id"] for each in api.get("/rejections/v1")["rejections"]] == [3, 2]
    api.app.close()


@pytest.mark.parametrize("ahead", [100 * DAY, -DAY // 24])
def test_nothing_goes_because_the_clock_was_set(clock, ahead):
    """Until it has gone evenly for a day: then it will be right."""
    api = Api(clock=clock, keep_rejections_days=90)
    refused(api)
    clock.advance(DAY)
    for moved in (ahead, -ahead, ahead):
        clock.set_ahead(moved)
        clock.advance(lite.MAINTENANCE_SECONDS * 1000)
        refused(api)
    kept = [4, 3, 2, 1]
    assert [each["rejection_id"] for each in api.get("/rejections/v1")["rejections"]] == kept
    clock.advance(DAY)
    refused(api)
    kept = [5, 4, 2] if ahead > 0 else [5, *kept]
    assert [each["rejection_id"] for each in api.get("/rejections/v1")["rejections"]] == kept
    api.app.close()


def test_a_rejection_id_is_never_given_twice(api):
    api("DELETE", f"/rejections/v1/{refused(api)}")
    assert refused(api) == 2


# The request that failed leaves nothing else


TABLES = ("events", "contacts", "contact_tags", "locations", "keys", "metrics")


def tables(api) -> dict[str, list]:
    return {name: api.rows(f"select * from {name}") for name in TABLES}


def test_a_refusal_in_the_middle_of_a_request_leaves_the_data_untouched(api, monkeypatch):
    body = {
        "customData": event(),
        "contact_id": "c",
        "location": {"id": "loc-1", "name": "One"},
        "email": "a@example.com",
        "tags": "x,y",
    }
    before = tables(api)

    def fail(*_):
        assert tables(api) != before  # the contact has been written
        raise lite.Conflict("not now")

    monkeypatch.setattr(lite, "store_event", fail)
    answer = api.post(body)
    assert (answer.status_int, tables(api)) == (409, before)
    assert kept(api, answer.json["rejection_id"])["code"] == "conflict"
    monkeypatch.undo()
    assert replay(api, answer.json["rejection_id"]).status_int == 201
    assert api.rows("select name from locations") == [("One",)]


def test_a_failed_statement_undoes_the_request_and_not_the_others(api, caplog):
    api.post(event("before"))
    api.app.database.writer.execute(
        "create temp trigger trouble after insert on events when new.distinct_id = 'bad' "
        "begin select raise(abort, 'x'); end"
    )
    answer = api.post({"customData": event("bad"), "contact_id": "c", "location": {"id": "loc-2"}})
    assert (
        answer.status_int,
        api.rows("select distinct_id from events"),
        api.rows("select * from contacts"),
    ) == (500, [("before",)], [])
    assert "ConstraintError" in caplog.text
    assert api.post(event("after")).status_int == 201


@pytest.mark.parametrize("text", ["%", "é&=?#", "a b", "\n"])
def test_the_query_is_kept_so_that_it_can_be_read_again(api, text):
    answer = api("POST", f"/events/ingestion/v1?a={quote(text)}&api_key=x", {})
    assert lite.parse_qsl(kept(api, answer.json["rejection_id"])["query"]) == [("a", text)]
