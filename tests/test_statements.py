"""The statements: what SQLite does to answer each; each is used, and named as the others are."""

import re
from pathlib import Path

import apsw
import pytest

import streamlined_lite as lite

STATEMENTS = sorted(lite.SQL)

RANKED = {"USE TEMP B-TREE FOR ORDER BY": "a row of each location, the newest"}
OF_EPOCHS = {"USE TEMP B-TREE FOR ORDER BY": "the events of one contact, which lie in epochs"}
# What a plan may do beside searching an index, and why. Nothing else may scan a table or sort.
ALLOWED = {
    "contacts.rank": RANKED,
    "contacts.rank_by_tag": RANKED,
    "contacts.rank_search": RANKED,
    "contacts.rank_search_by_tag": RANKED,
    "events.rank_by_arrival": RANKED,
    "events.rank_by_arrival_and_name": RANKED,
    "events.rank_by_contact": RANKED,
    "events.rank_by_contact_and_name": RANKED,
    "events.rank_by_name": RANKED,
    "events.rank_by_time": RANKED,
    "events.list_by_contact": OF_EPOCHS,
    "events.list_by_contact_and_name": OF_EPOCHS,
    "event_names.insert_missing_many": {
        "USE TEMP B-TREE FOR DISTINCT": "the few names of many events, each tried once"
    },
    "event_names.list": {
        # An index for the contacts of a name would cost each event more than it saves.
        "USE TEMP B-TREE FOR count(DISTINCT)": "the contacts of a name",
        "USE TEMP B-TREE FOR ORDER BY": "the names, a few, of the common table expression",
    },
    "event_names.properties": {
        "USE TEMP B-TREE FOR DISTINCT": "property keys out of the JSON of 200 events at most"
    },
    "contact_fields.list": {
        "USE TEMP B-TREE FOR GROUP BY": "field names out of the JSON of 1,000 contacts at most",
        "USE TEMP B-TREE FOR json_group_array(DISTINCT)": "the kinds of their values",
    },
    "contact_fields.tags": {
        "USE TEMP B-TREE FOR GROUP BY": "the tags of several locations, merged",
        "USE TEMP B-TREE FOR ORDER BY": "by how many contacts have them, which is counted here",
    },
    "contact_tags.find": {"USE TEMP B-TREE FOR DISTINCT": "a tag of several locations"},
    "locations.insert_missing_many": {
        "USE TEMP B-TREE FOR DISTINCT": "the few locations of many events, each tried once"
    },
    "metrics.count_unknown_contacts": {
        "USE TEMP B-TREE FOR DISTINCT": "the contacts of a range of time, in no index's order"
    },
    "metrics.count": {
        "SCAN metrics USING COVERING INDEX metrics_by_position": "their number has a limit"
    },
    "dashboards.list_ids": {
        "SCAN dashboards USING COVERING INDEX dashboards_by_position": "all of them"
    },
    "deletions.next": {"SCAN deletions": "the first of them; there are few"},
    "rejections.count_by_sender": {
        "SCAN rejections USING INDEX rejections_by_sender": "all of them; their number has a limit"
    },
    "metrics.list": {
        "SCAN metrics USING INDEX metrics_by_position": "all of them, and the index has their order"
    },
    "metrics.list_by_event": {
        "SCAN metrics USING INDEX metrics_by_position": "each definition must be looked into"
    },
    "metrics.rename_event": {"SCAN metrics": "the same"},
    "shares.count": {
        "SCAN shares USING COVERING INDEX sqlite_autoindex_shares_1": "their number has a limit"
    },
    "shares.count_of_dashboard": {"SCAN s": "all shares; their number has a limit"},
    "shares.delete_ended": {"SCAN s": "the same, and only where there are as many as there may be"},
    "shares.revoke_of_dashboard": {"SCAN shares": "all shares; their number has a limit"},
    "schema.list": {
        "USE TEMP B-TREE FOR ORDER BY": "all objects of the file, which are some dozens"
    },
}

# A search for one row by its whole key; nothing could be found otherwise.
LOOK_UPS = {
    "INTEGER PRIMARY KEY (rowid=?)",
    "contacts_by_id (location_key=? AND contact_id=?)",
    "events_by_distinct_id (location_key=? AND distinct_id=?)",
    "sqlite_autoindex_dashboards_1 (name=?)",
    "sqlite_autoindex_event_names_1 (event_name=?)",
    "sqlite_autoindex_keys_1 (token_hash=?)",
    "sqlite_autoindex_locations_1 (location_id=?)",
    "sqlite_autoindex_metrics_1 (name=?)",
    "sqlite_autoindex_shares_1 (public_id=?)",
}
# In each epoch; the last of these is that of the newest event, the last row of the table.
OF_CONTACT = {"events", "events_by_contact (<expr>=? AND contact_key=?)"}
WITH_CONTACT = OF_CONTACT | {  # what the triggers delete
    "contact_tags PRIMARY KEY (contact_key=?)",
    "events_by_arrival (location_key=?)",  # whether its location has any
    "rejections_by_contact (location_id=? AND contact_id=?)",
}
BY_CONTACT = {
    "events",
    "events_by_contact (<expr>=? AND contact_key=? AND timestamp>? AND timestamp<?)",
}
BY_NAME = "events_by_name (location_key=? AND name_key=? AND timestamp>? AND timestamp<?)"
BY_TIME = "events_by_time (location_key=? AND timestamp>? AND timestamp<?)"
BY_ARRIVAL = "events_by_arrival (location_key=? AND updated_at<?)"
BY_LOCATION = "contacts_by_location (location_key=? AND rowid<?)"
BY_TAG = "contact_tags_by_tag (location_key=? AND tag=? AND contact_key<?)"
# All other searches of every statement and its triggers, each by its index and as much of the key
# as it must bind. With a shorter key, or by another index, SQLite would go through a whole
# location, and its plan would still say SEARCH.
SEARCHES = {
    "contact_fields.list": {"contacts_by_location (location_key=?)"},
    "contact_fields.tags": {"contact_tags_by_tag (location_key=?)"},
    "contact_tags.delete_others": {"contact_tags PRIMARY KEY (contact_key=?)"},
    "contact_tags.find": {
        "contact_tags_by_tag (location_key=?)",  # the first tag, and from it the next
        "contact_tags_by_tag (location_key=? AND tag>?)",
    },
    "contact_tags.list": {"contact_tags PRIMARY KEY (contact_key=?)"},
    "contacts.count_dependents": OF_CONTACT | {"contact_tags PRIMARY KEY (contact_key=?)"},
    "contacts.delete": WITH_CONTACT,
    "contacts.delete_events": OF_CONTACT,
    "contacts.list": {BY_LOCATION},
    "contacts.list_by_tag": {BY_TAG},
    "contacts.rank": {BY_LOCATION},
    "contacts.rank_by_tag": {BY_TAG},
    "contacts.rank_search": {BY_LOCATION},
    "contacts.rank_search_by_tag": {BY_TAG},
    "contacts.search": {BY_LOCATION},
    "contacts.search_by_tag": {BY_TAG},
    "event_names.advance_merge": {
        "events_by_name (location_key=? AND name_key=?)",
        "locations INTEGER PRIMARY KEY (rowid>?)",  # from the one that the merge has come to
    },
    "event_names.begin_merge": {"event_names_by_alias (alias_of=?)"},
    "event_names.count_events": {
        "events_by_name (location_key=? AND name_key=?)",
        "locations INTEGER PRIMARY KEY (rowid>?)",
    },
    "event_names.find": {"event_names_by_alias (alias_of=?)"},
    "event_names.find_merge": {"event_names_moving (moving_from>?)"},
    "event_names.move_events": {
        "events_by_name (location_key=? AND name_key=?)",
        "locations INTEGER PRIMARY KEY (rowid>?)",
    },
    "event_names.list": {
        "event_names_by_alias (alias_of=?)",
        "events_by_name (location_key=?)",  # the first name, and from it the next
        "events_by_name (location_key=? AND name_key>?)",
        "events_by_name (location_key=? AND name_key=?)",
    },
    "event_names.properties": {"events_by_name (location_key=? AND name_key=?)"},
    "events.count_by_contact": BY_CONTACT,
    "events.count_by_contact_and_name": BY_CONTACT,
    "events.count_by_name": {BY_NAME},
    "events.count_by_time": {BY_TIME},
    "events.delete_by_contact": BY_CONTACT,
    "events.delete_by_contact_and_name": BY_CONTACT,
    "events.delete_by_name": {BY_NAME},
    "events.delete_by_time": {BY_TIME},
    "events.list_by_arrival": {BY_ARRIVAL},
    "events.list_by_arrival_and_name": {BY_ARRIVAL},
    "events.list_by_contact": BY_CONTACT,
    "events.list_by_contact_and_name": BY_CONTACT,
    "events.list_by_name": {BY_NAME},
    "events.list_by_time": {BY_TIME},
    "events.list_newer": {"events INTEGER PRIMARY KEY (rowid>?)"},
    "events.newest": {"events"},  # its last row
    "events.rank_by_arrival": {BY_ARRIVAL},
    "events.rank_by_arrival_and_name": {BY_ARRIVAL},
    "events.rank_by_contact": BY_CONTACT,
    "events.rank_by_contact_and_name": BY_CONTACT,
    "events.rank_by_name": {BY_NAME},
    "events.rank_by_time": {BY_TIME},
    "keys.list": {"keys INTEGER PRIMARY KEY (rowid<?)"},
    "locations.count_dependents": {
        "contact_tags_by_tag (location_key=?)",
        "contacts_by_location (location_key=?)",
        "events_by_arrival (location_key=?)",  # any index of a location's events
        "rejections_by_location (location_id=?)",
    },
    "locations.delete": WITH_CONTACT
    | {"contacts_by_location (location_key=?)", "rejections_by_location (location_id=?)"},
    "locations.delete_contacts": WITH_CONTACT | {"contacts_by_location (location_key=?)"},
    "locations.delete_events": {"events_by_arrival (location_key=?)"},
    "locations.find_deletion": {"locations_being_deleted (former_id=?)"},
    "locations.next_deletion": {"locations_being_deleted (former_id>?)"},
    "locations.list": {"sqlite_autoindex_locations_1 (location_id>?)"},
    "metrics.count_unknown_contacts": {
        BY_NAME,
        "contact_tags PRIMARY KEY (contact_key=?)",
        "contacts_bare (location_key=?)",  # whether there is any
        "contacts_bare (location_key=? AND rowid=?)",
    },
    "dashboards.insert": {"dashboards_by_position"},  # its last row
    "locations.last_arrivals": {"events_by_arrival (location_key=?)"},  # its last row
    "metrics.insert": {"metrics_by_position"},  # its last row
    "metrics.see_event": {"events_by_name (location_key=? AND name_key=?)"},
    "metrics.upsert": {"metrics_by_position"},
    "rejections.list": {"rejections INTEGER PRIMARY KEY (rowid<?)"},
    "rejections.count_by_contact": {"rejections_by_contact (location_id=? AND contact_id=?)"},
    "rejections.list_by_contact": {"rejections_by_contact (location_id=? AND contact_id=?)"},
    "rejections.delete_by_contact": {"rejections_by_contact (location_id=? AND contact_id=?)"},
    "rejections.delete_by_location": {"rejections_by_location (location_id=?)"},
    "rejections.list_by_location": {"rejections_by_location (location_id=? AND rejection_id<?)"},
    "rejections.newest": {"rejections"},  # its last row
    "rejections.prune_by_age": {"rejections_by_age (received_at<?)"},
    "rejections.prune_by_sender": {"rejections_by_sender (key_id=? AND location_id=?)"},
    "shares.list": {"shares INTEGER PRIMARY KEY (rowid<?)"},
}


def binds_of(connection: apsw.Connection, statement: str) -> set[str]:
    found = []
    cursor = connection.cursor()
    cursor.exec_trace = lambda cursor, sql, binds: found.extend(cursor.bindings_names) or False
    with pytest.raises(apsw.ExecTraceAbort):
        cursor.execute(
            lite.SQL[statement], dict.fromkeys(re.findall(r":(\w+)", lite.SQL[statement]))
        )
    return set(found)


def plan_of(connection: apsw.Connection, statement: str) -> list[str]:
    connection.config(apsw.SQLITE_DBCONFIG_TRIGGER_EQP, 1)
    sql = "explain query plan " + lite.SQL[statement]
    return [row[3] for row in connection.execute(sql, dict.fromkeys(re.findall(r":(\w+)", sql)))]


def named_tables(connection: apsw.Connection, sql: str) -> dict[str, str]:
    """Alias -> table, for those that the statement reads or writes; a table is its own alias."""
    tables = [
        name
        for (name,) in connection.execute(
            "select name from sqlite_schema where type in ('table', 'view')"
        )
    ]
    aliases = re.findall(
        rf"\b(?:from|join|update|into)\s+({'|'.join(tables)})\s+(?:as\s+)?(\w+)", sql
    )
    return {alias: table for table, alias in aliases} | {table: table for table in tables}


def heavy_lines(connection: apsw.Connection, statement: str) -> set[str]:
    """Those lines of its plan that scan a table, under its own name or another, or sort."""
    scan = re.compile(rf"SCAN ({'|'.join(named_tables(connection, lite.SQL[statement]))})\b")
    return {
        line for line in plan_of(connection, statement) if scan.match(line) or "TEMP B-TREE" in line
    }


def searches(connection: apsw.Connection, statement: str) -> set[str]:
    """What its plan searches, but for look-ups: each index, or table, and the part of its key."""
    tables = named_tables(connection, lite.SQL[statement])
    found = set()
    for line in plan_of(connection, statement):
        search = re.fullmatch(
            r"SEARCH (\w+)(?: USING (?:COVERING )?(?:INDEX )?(.*?))?(?: LEFT-JOIN)?", line
        )
        if search is None or search[2] in LOOK_UPS:
            continue
        alias, key = search.groups()
        if key is None:
            found.add(tables[alias])
        elif key.startswith(("PRIMARY KEY", "INTEGER PRIMARY KEY")):
            found.add(f"{tables[alias]} {key}")
        else:
            found.add(key)
    return found


@pytest.mark.parametrize("statement", sorted(lite.SQL.keys() | ALLOWED.keys()))
def test_no_statement_scans_a_table_or_sorts(connection, statement):
    assert heavy_lines(connection, statement) == set(ALLOWED.get(statement, {})), plan_of(
        connection, statement
    )


@pytest.mark.parametrize("statement", sorted(lite.SQL.keys() | SEARCHES.keys()))
def test_a_search_uses_its_own_index_and_as_much_of_the_key_as_it_can(connection, statement):
    """The plan says SEARCH also where that goes through all events of a location."""
    assert searches(connection, statement) == SEARCHES.get(statement, set()), plan_of(
        connection, statement
    )


def test_every_index_serves_a_statement(connection):
    """An index that serves none would only cost each insert."""
    indexes = {
        name
        for (name,) in connection.execute(
            "select name from sqlite_schema where type = 'index' and sql is not null"
        )
    }
    plans = " ".join(line for statement in STATEMENTS for line in plan_of(connection, statement))
    assert indexes - set(plans.split()) == set()


def test_every_statement_is_used():
    """By its name; some names are put together from parts."""
    source = Path(lite.__file__).read_text("utf-8")
    beginnings = tuple(re.findall(r'f"(\w+\.[a-z_]*)\{', source))
    unused = {name for name in STATEMENTS if f'"{name}"' not in source}
    assert {name for name in unused if not name.startswith(beginnings)} == set()


PAGE = {"before_timestamp", "before_id", "limit"}


@pytest.mark.parametrize(
    "query", [{}, {"event_name": "n"}, {"contact_id": "c"}, {"event_name": "n", "contact_id": "c"}]
)
@pytest.mark.parametrize(
    "verb, more",
    [
        ("list", {"location_id"} | PAGE),
        ("rank", {"locations"} | PAGE),
        ("count", {"locations", "most"}),
        ("delete", {"locations", "limit"}),
    ],
)
def test_the_statement_for_a_filter_gets_all_of_its_binds(connection, query, verb, more):
    """Others may be there; a missing one would be an error, an unused one a lost filter."""
    index, binds = lite.event_index(lite.EventQuery(**query))
    wanted = binds_of(connection, f"events.{verb}_by_{index}")
    assert wanted - more <= binds.keys()
    assert set(query) <= wanted


SOURCES = {"metrics.events", "metrics.starts"}  # what other templates have their events from


def test_every_file_of_sql_begins_with_what_it_is_for():
    for path in (lite.data_folder() / "sql").rglob("*.sql"):
        text = path.read_text("utf-8")
        assert re.match(r"-- [A-Z].*([.:]\n|\n-- )", text), path
        assert text.endswith("\n" if path.stem in SOURCES else ";\n") and "\t" not in text, path
        assert text == "\n".join(line.rstrip() for line in text.split("\n")), path


def test_every_file_is_one_statement_named_by_its_noun_and_verb():
    for name, statement in lite.SQL.items():
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)
        assert statement.count(";") == 1 and statement.endswith(";"), name
