"""The statements: what SQLite does to answer each; each is used, and named as the others are."""

import re
from pathlib import Path

import apsw
import pytest

import streamlined_lite as lite

STATEMENTS = sorted(lite.SQL)

# What a plan may do beside searching an index, and why. Nothing else may scan a table or sort.
ALLOWED = {
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
    "metrics.count_unknown_contacts": {
        "USE TEMP B-TREE FOR DISTINCT": "the contacts of a range of time, in no index's order"
    },
    "events.list_by_contact": {
        "USE TEMP B-TREE FOR ORDER BY": "the events of a contact, of several epochs, by time"
    },
    "events.list_by_contact_and_name": {"USE TEMP B-TREE FOR ORDER BY": "the same"},
    "metrics.list": {
        "SCAN metrics USING INDEX metrics_by_position": "all of them, and the index has their order"
    },
    "metrics.list_by_event": {
        "SCAN metrics USING INDEX metrics_by_position": "each definition must be looked into"
    },
    "metrics.rename_event": {"SCAN metrics": "the same"},
}
# Statements of which SQLite could choose another index, at a price that only many rows show.
EXPECTED_INDEX = {
    "events.list_by_time": "events_by_time",
    "events.count_by_time": "events_by_time",
    "events.list_by_name": "events_by_name",
    "events.count_by_name": "events_by_name",
    "events.list_by_arrival": "events_by_arrival",
    "contacts.list": "contacts_by_update",
    "contacts.search": "contacts_by_update",
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


def heavy_lines(connection: apsw.Connection, statement: str) -> set[str]:
    """Those lines of its plan that scan a table, under its own name or another, or sort."""
    tables = "|".join(
        row[0] for row in connection.execute("select name from sqlite_schema where type = 'table'")
    )
    aliases = re.findall(
        rf"\b(?:from|join|update|into)\s+(?:{tables})\s+(?:as\s+)?(\w+)", lite.SQL[statement]
    )
    scan = re.compile(rf"SCAN ({'|'.join([tables, *aliases])})\b")
    return {
        line for line in plan_of(connection, statement) if scan.match(line) or "TEMP B-TREE" in line
    }


@pytest.mark.parametrize("statement", sorted(lite.SQL.keys() | ALLOWED.keys()))
def test_no_statement_scans_a_table_or_sorts(connection, statement):
    assert heavy_lines(connection, statement) == set(ALLOWED.get(statement, {})), plan_of(
        connection, statement
    )


@pytest.mark.parametrize("statement, index", EXPECTED_INDEX.items())
def test_a_filter_is_served_by_its_own_index(connection, statement, index):
    (search,) = [
        line
        for line in plan_of(connection, statement)
        if not line.startswith(("CO-ROUTINE", "SCAN (subquery"))
    ]
    assert re.match(rf"SEARCH \w+ USING (COVERING )?INDEX {index} ", search)


BY_CONTACT = [name for name in STATEMENTS if "indexed by events_by_contact" in lite.SQL[name]]


@pytest.mark.parametrize("statement", [*BY_CONTACT, "contacts.delete"])
def test_the_events_of_a_contact_are_looked_up_in_each_epoch(connection, statement):
    """By the whole key; the trigger cannot name its index."""
    assert len(BY_CONTACT) == 5
    assert [
        line
        for line in plan_of(connection, statement)
        if re.match(
            r"SEARCH \w+ USING (COVERING )?INDEX events_by_contact "
            r"\(location_id=\? AND <expr>=\? AND contact_id=\?",
            line,
        )
    ]


def test_every_statement_is_used():
    """By its name; some names of a noun are put together from parts."""
    source = Path(lite.__file__).read_text("utf-8")
    composed = set(re.findall(r'f"(\w+)\.[a-z_]*\{', source))
    unused = {name for name in STATEMENTS if f'"{name}"' not in source}
    assert {name for name in unused if name.partition(".")[0] not in composed} == set()


@pytest.mark.parametrize(
    "query", [{}, {"event_name": "n"}, {"contact_id": "c"}, {"event_name": "n", "contact_id": "c"}]
)
@pytest.mark.parametrize(
    "verb, more", [("list", {"before_timestamp", "before_id", "limit"}), ("count", {"most"})]
)
def test_the_statement_for_a_filter_gets_all_of_its_binds(connection, query, verb, more):
    """Others may be there; a missing one would be an error, an unused one a lost filter."""
    statement, binds = lite.event_statement(verb, lite.EventQuery(**query))[:2]
    wanted = binds_of(connection, statement)
    assert wanted - more - {"location_id"} <= binds.keys()
    assert set(query) <= wanted


def test_every_file_of_sql_begins_with_what_it_is_for():
    for path in (lite.data_folder() / "sql").rglob("*.sql"):
        text = path.read_text("utf-8")
        assert re.match(r"-- [A-Z].*([.:]\n|\n-- )", text), path
        assert text.endswith(";\n") and "\t" not in text, path
        assert text == "\n".join(line.rstrip() for line in text.split("\n")), path


def test_every_file_is_one_statement_named_by_its_noun_and_verb():
    for name, statement in lite.SQL.items():
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)
        assert statement.count(";") == 1 and statement.endswith(";"), name
