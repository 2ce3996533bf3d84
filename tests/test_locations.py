"""Locations: what bodies and people say of them, and what goes with one that is removed."""

import pytest
from conftest import (
    PLACE,
    TABLES,
    errors,
    event,
    ingest,
    offer,
    sample,
    store_events,
    tables,
    workflow,
)

import streamlined_lite as lite


def location(api, location_id: str = "loc-1") -> tuple:
    return next(
        (each["name"], each["timezone"])
        for each in api.get("/locations/v1")["locations"]
        if each["location_id"] == location_id
    )


def test_name_and_time_zone_of_a_location_are_learned_and_a_persons_stay(api):
    api.post(
        offer(
            location={"id": "loc-1", "name": "One", "timezone": "Europe/Berlin"},
            timezone="Asia/Karachi",
        )
    )
    assert location(api) == ("One", "Europe/Berlin")
    ingest(api, workflow(location={"id": "loc-1", "name": "Two"}))
    ingest(api, workflow(location={"id": "loc-1", "name": " ", "timezone": ""}))
    assert location(api) == ("Two", "Europe/Berlin")
    assert api("PATCH", "/locations/v1/loc-1", {"name": "Mine"}).json == {
        "location_id": "loc-1",
        "name": "Mine",
        "timezone": "Europe/Berlin",
        "first_seen_at": "2026-01-01T00:00:00.000Z",
    }
    ingest(api, workflow(location={"id": "loc-1", "name": "Three", "timezone": "Europe/Rome"}))
    assert location(api) == ("Mine", "Europe/Rome")
    api("PATCH", "/locations/v1/loc-1", {"name": None, "timezone": "UTC"})
    ingest(api, workflow(location={"id": "loc-1", "name": "Four", "timezone": "Europe/Rome"}))
    assert location(api) == ("Four", "UTC")


@pytest.mark.parametrize(
    "body",
    [
        sample("app-ContactDelete") | {"type": "ContactUpdate"},
        sample("workflow-webhook-custom-fields"),
    ],
)
def test_the_zone_of_a_contact_is_not_the_one_of_its_location(api, body):
    assert ingest(api, body)["contact"]["fields"]["timezone"] == body["timezone"]
    assert location(api, PLACE)[1] is None


@pytest.mark.parametrize(
    "body, wrong",
    [
        ({"timezone": "Mars/Olympus", "name": " "}, {"/timezone": "time_zone", "/name": "blank"}),
        ({"time_zone": "UTC"}, {"/time_zone": "unknown"}),
        ({"name": ["x"]}, {"/name": "not_text"}),
        ([], {"": "object_type"}),
    ],
)
def test_a_wrong_edit_of_a_location_changes_nothing(api, body, wrong):
    api.post(event())
    before = tables(api)
    assert errors(api("PATCH", "/locations/v1/loc-1", body)) == wrong
    assert tables(api) == before
    assert api("PATCH", "/locations/v1/loc-1", {}).status_int == 200
    assert api("PATCH", "/locations/v1/loc-9", {"name": "x"}).status_int == 404
    assert (
        api("DELETE", "/locations/v1/loc-9").status_int
        == api("DELETE", "/locations/v1/loc-9?dry_run=true").status_int
        == 404
    )


def test_a_location_goes_in_steps_with_all_that_is_in_it(api):
    writer = api.app.database.writer
    store_events(
        writer,
        (
            event(
                str(number),
                location_id=location,
                contact_id=f"c-{number % 1200}" if number % 1200 else None,
            )
            for number in range(2400)
            for location in ("loc-1", "loc-2")
        ),
    )
    writer.execute("insert into contact_tags select contact_key, 'a', location_key from contacts")
    ((stays,),) = api.rows("select location_key from locations where location_id = 'loc-2'")
    before, path = tables(api), "/locations/v1/loc-1"
    assert api("DELETE", path + "?dry_run=true").json == {
        "events": 2400,
        "contacts": 1199,
        "tags": 1199,
        "rejections": 0,
        "remaining": 3599,
    }
    assert tables(api) == before
    answers = [api("DELETE", path).json for _ in range(4)]
    assert answers[-1]["remaining"] == 0 and all(each["remaining"] for each in answers[:-1])
    assert {
        noun: sum(each[noun] for each in answers) for noun in ("events", "contacts", "tags")
    } == {"events": 2400, "contacts": 1199, "tags": 1199}
    assert all(each["events"] <= 1000 and each["contacts"] <= 1000 for each in answers)
    assert api("DELETE", path).status_int == 404
    for table, rows_before, rows in zip(TABLES, before, tables(api), strict=True):
        columns = [name for (name,) in api.rows(f"select name from pragma_table_info('{table}')")]
        place = columns.index("location_key")
        assert rows == [row for row in rows_before if row[place] == stays] != []


def test_a_location_that_is_being_deleted_is_gone_for_everybody(api):
    store_events(
        api.app.database.writer,
        (event(f"d-{number}", contact_id=f"c-{number % 5}") for number in range(1_500)),
    )
    api.post(event(timestamp="soon"))
    api.post(event(location_id="loc-2"))
    first = api("DELETE", "/locations/v1/loc-1").json
    assert (first["events"], first["rejections"], first["remaining"]) == (1000, 1, 505)
    assert [each["location_id"] for each in api.get("/locations/v1")["locations"]] == ["loc-2"]
    assert [each["location_id"] for each in api.get("/events/v1")["events"]] == ["loc-2"]
    api.post(event(timestamp="soon"))
    api.post(event("new", contact_id="c-1"))
    assert api.get("/contacts/v1/loc-1/c-1")["events"] == 1
    # What has come since is of the new location
    assert api("DELETE", "/locations/v1/loc-1?dry_run=true").json["events"] == 1
    while lite.go_on(api.app.database):
        pass
    assert [each["distinct_id"] for each in api.get("/events/v1")["events"]] == ["new", "d-1"]
    assert len(api.get("/rejections/v1")["rejections"]) == 1
