"""Calculation of metrics: every number beside an oracle, the calendar, evidence, and the limits."""

import json
import math
import os
import random
import re
import threading
import time
import tracemalloc
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import oracle
import pytest
from conftest import Answers, event, exchange, request_bytes
from metric_store import BERLIN, NOW, YEAR, Store, condition, errors_of, metric, ms, term, value

import streamlined_lite as lite
from streamlined_lite import Forbidden, Invalid, iso, validate

# The oracle

PLACES = [
    ("Europe/Berlin", "2025-03-30"),
    ("Europe/Berlin", "2025-10-26"),
    ("America/New_York", "2025-11-02"),
    ("America/New_York", "2025-03-09"),
    ("Asia/Kathmandu", "2025-06-15"),
    ("Australia/Lord_Howe", "2025-04-06"),
    ("Australia/Lord_Howe", "2025-10-05"),
    ("America/St_Johns", "2025-03-09"),
    ("America/St_Johns", "2025-11-02"),
    ("Pacific/Apia", "2011-12-30"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("Pacific/Chatham", "2025-09-28"),
    ("America/Havana", "2024-11-03"),
    ("Asia/Beirut", "2025-03-30"),
    ("Africa/Cairo", "2024-10-31"),
    ("Asia/Tehran", "2022-03-22"),
    ("Antarctica/Troll", "2025-10-26"),
    ("Africa/Casablanca", "2025-02-23"),
    ("UTC", "2024-02-29"),
]
TEXTS = [
    "5",
    "5.0",
    "",
    "abc",
    "Abc",
    " 12 ",
    "12abc",
    "1e3",
    "-.5",
    "+7",
    "0x10",
    "grün 😀",
    "%_\"'\\",
    "7.",
    "nan",
    "1e999",
]
NUMBERS = [5, 5.0, 0, -3, 2.25, 12, 7, 1000, -0.5, 100.75, 3, 4]
# Numbers and texts that look alike, and texts that are blank or differ in case
ALIKE = [
    [1e16, 10**16, "10000000000000000"],
    [200 / 3, "66.66666666666667", "66.666666666666671"],
    [1e21, "1e+21", "1e21"],
    [1e-7, "0.0000001", "1e-7", "0.00000010"],
    [0.1, "0.1", "0.10", ".1", "+0.1", "00.1"],
    [12.5, "12.5", "12.50", "12.50 "],
    [1, 1.0, "1", "1.0", "1.", "01", "-1.0"],
    [2**60, float(2**60), "1152921504606846976", "1152921504606846976.0"],
    ["12345678901234567890", 12345678901234567890.0],
    [-1.5, "-1.5", "-1.50"],
    ["", " ", "\t\n", "\u00a0", "\u3000", "\u200b", "007", "7.0"],
    ["\u00d1and\u00fa", "\u00f1AND\u00da", "nandu", "STRASSE", "stra\u00dfe"],
]
AMOUNTS = [
    *("$1,200.50", "1.200,50 \u20ac", "(USD 3,000)", "EUR 7", "1 200,5", "1'000", "- 2", "1,23"),
    *("1.234", "1,234", "12.34", "0,5", "5 kr", "1,234,567", "1.2.3", "12,3456", "", "n/a", 5, 2.5),
]
KEYS = ["value", "we ird.\"k'ey", "😀", "[0]", "$", "back\\slash"]
NAMES, TAGS, SOURCES = (
    ["Paid", "Offer", "Call", "Rare"],
    ["vip", "new", "a,b", "é"],
    ["web", "ads", "Web", "5", ""],
)
LOCATIONS = ["loc", "two", "loc 3"]


def fill(store, chance, center):
    for location in LOCATIONS:
        for number in range(12):
            if chance.random() < 0.8:
                fields = {
                    key: chance.choice([True, False, *TEXTS, *NUMBERS])
                    for key in KEYS[:3]
                    if chance.random() < 0.6
                }
                fields["name"] = chance.choice(chance.choice(ALIKE))
                store.contact(
                    location,
                    f"c{number}",
                    chance.sample(TAGS + [f"t{n}" for n in range(12)], chance.randint(0, 4)),
                    fields,
                    source=chance.choice([None, *SOURCES]),
                    name=chance.choice([None, "Ann", "Bob"]),
                    date_created=chance.choice(
                        [None, center + chance.randint(-40 * 96, 40 * 96) * 900_000]
                    ),
                )
    for _ in range(260):
        spread = chance.choice([90, 500, 4_000, 36_000])  # quarters of an hour
        moment = (
            center
            + chance.randint(-spread, spread) * 900_000
            + chance.choice([0, 0, 1, -1, 899_999])
        )
        properties = {
            key: chance.choice(TEXTS + NUMBERS * 2) for key in KEYS if chance.random() < 0.7
        }
        properties["big"] = chance.choice([2**62, 2**62 + 1, 3, "9223372036854775807", 1e300])
        properties["many"] = f"g{chance.randint(1, 14)}"
        properties["alike"] = chance.choice(chance.choice(ALIKE))
        properties["amount"] = chance.choice(AMOUNTS)
        store.event(
            chance.choice(NAMES[:3]),
            moment,
            chance.choice([None, *(f"c{n}" for n in range(14))]),
            chance.choice(LOCATIONS),
            **properties,
        )


def random_condition(chance, type, center):
    def day():
        moment = datetime.fromtimestamp(center / 1000, timezone.utc)
        moment += timedelta(days=chance.randint(-40, 40))
        forms = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S+01:00", "%Y-%m-%dT%H:%M:%S"]
        return moment.strftime(chance.choice(forms))

    fields = [f"property.{chance.choice(KEYS)}", "contact_id", "distinct_id", "property.alike"] + [
        "contact.tags",
        "contact.date_created",
        "contact.source",
        f"contact.{chance.choice(KEYS[:3])}",
        f"contact.fields.{chance.choice([*KEYS[:3], 'name', 'name'])}",
    ] * 2 * (type == "contact")
    field = chance.choice(fields)
    kind = lite.kind_of(field)
    op = chance.choice(sorted(lite.OPS[kind]))
    one = {
        "contact": lambda: f"c{chance.randint(0, 13)}",
        "text": lambda: chance.choice(SOURCES + ["d3", "c"]),
        "value": lambda: chance.choice(chance.choice([TEXTS + NUMBERS, *ALIKE])),
        "tags": lambda: chance.choice(TAGS),
        "date": day,
    }[kind]
    if op in lite.SET_OPS:
        return {"field": field, "op": op}
    if op in ("contains", "not_contains"):
        wanted = chance.choice(
            ["a", "A", "1", "B", "5", "😀", '"', "%", "\u00d1a", "nd\u00fa", " "]
        )
    elif op in ("in", "not_in") or kind == "tags" and chance.random() < 0.8:
        wanted = [one() for _ in range(chance.randint(1, 3))]
    elif op == "in_last":
        wanted = chance.choice(["12h", "7d", "30d", "4w"])
    elif op == "between":
        wanted = (
            [day(), day()] if kind == "date" else [chance.choice(NUMBERS), chance.choice(NUMBERS)]
        )
    else:
        wanted = chance.choice(NUMBERS) if op in lite.NUMBER_OPS else one()
    return {"field": field, "op": op, "value": wanted}


def random_filters(chance, type, center, depth=0):
    parts = [
        random_filters(chance, type, center, depth + 1)
        if depth < 2 and chance.random() < 0.25
        else random_condition(chance, type, center)
        for _ in range(chance.randint(1, 3))
    ]
    return {chance.choice(["all", "any"]): parts}


USUAL = [name for name in lite.AGGREGATES if name not in lite.OF_CONVERSIONS]  # without `then`


def random_term(chance, key, center):
    aggregation, type = chance.choice(USUAL), chance.choice(["account", "contact"])
    found = term(aggregation, key, chance.choice(NAMES[:2] * 3 + NAMES), type)
    if aggregation not in lite.WITHOUT_PROPERTY:
        special = ["alike"] * 4 if aggregation in ("count_distinct", "min", "max", "latest") else []
        numeric = KEYS + ["big"] * (aggregation != "count_distinct")
        found["property"] = chance.choice(KEYS[:1] * 4 + numeric + special)
    if chance.random() < 0.6:
        found["filters"] = random_filters(chance, type, center)
    if aggregation not in lite.OF_ANY_VALUES and chance.random() < 0.2:
        found["property"] = "amount"
        found["numbers"] = chance.choice(["1,234.5", "1.234,5"])
        if chance.random() < 0.3:
            op = chance.choice(["gt", "lte", "neq"])
            found["filters"] = {"all": [condition("property.amount", op, 3)]}
    return found


def random_formula(chance, keys, depth=0):
    if depth == 3 or chance.random() < 0.3:
        return chance.choice([*keys, *keys, str(chance.randint(0, 9)), "1.5"])
    left, right = (random_formula(chance, keys, depth + 1) for _ in range(2))
    return chance.choice(
        [
            f"{left} {chance.choice('+-*/')} {right}",
            f"({left} {chance.choice('+-*/')} {right})",
            f"-{left}",
            f"-({right})",
        ]
    )


def random_query(chance, zone, center):
    keys = ["A", "B", "C_1"][: chance.randint(1, 3)]
    terms = [random_term(chance, key, center) for key in keys]
    interval = chance.choice(["total", "hour", "day", "week", "month"])
    most = {"hour": 3, "day": 20, "week": 60, "month": 200, "total": 200}[interval]
    middle = datetime.fromtimestamp(center / 1000, zone)
    start, end = (
        middle - timedelta(days=chance.randint(0, most)),
        middle + timedelta(days=chance.randint(1, most)),
    )
    form = chance.choice(
        [
            "%Y-%m-%d",
            "%Y-%m-%d",
            "%Y-%m-01" if interval == "month" else "%Y-%m-%d",
            "%Y-%m-%dT%H:30:00Z",
            "%Y-%m-%dT%H:30:00",
        ]
    )
    query = {
        "metric": metric(*terms),
        "locations": chance.choice([["loc"], ["two", "loc"], list(LOCATIONS)]),
        "from": start.strftime(form),
        "to": end.strftime(form),
        "interval": interval,
        "timezone": zone.key,
    }
    if len(keys) > 1 or chance.random() < 0.3:
        query["metric"]["formula"] = random_formula(chance, keys)
    if chance.random() < 0.5:
        query["compare"] = chance.choice(["previous_period", "previous_year"])
    if chance.random() < 0.5:
        choices = ["location", "property.value", "property.many", f"property.{KEYS[1]}"]
        choices += ["property.alike"] * 2
        of_contacts = ["tag", "tag", "contact.source", "contact.value", "contact.tags"]
        of_contacts += ["contact.fields.name"]
        contact_choices = of_contacts * all(t["type"] == "contact" for t in terms)
        query["breakdown"] = chance.choice(choices + contact_choices)
    return query if query["from"] < query["to"] else random_query(chance, zone, center)


def same(ours, theirs):
    if isinstance(theirs, dict):
        return same(ours["value"], theirs["value"]) and all(
            same(ours["terms"][key], theirs["terms"][key]) for key in theirs["terms"]
        )
    if ours is None or theirs is None:
        return ours is theirs
    return type(ours) in (int, float) and math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)


def same_of_range(ours, theirs):
    """Also what is not over, which is not shown of what something is compared with."""
    return same(ours, theirs) and ours.get("maturing", {}) == theirs["maturing"]


def check_against_oracle(store, query, now, zone):
    ranges = oracle.Ranges(query, now, zone)
    ours, theirs = (
        store.query(now, **query),
        oracle.answer(query, store.events, now, zone, ranges.start, ranges.end, ranges.read),
    )
    assert (ours["from"], ours["to"]) == (iso(ranges.start), iso(ranges.end))
    check_buckets(ours["buckets"], theirs, now, ranges.end)
    assert same_of_range(ours["total"], theirs["total"])
    assert [each["location_id"] for each in ours["locations"]] == query["locations"]
    for each in ours["locations"]:
        assert same_of_range(each, theirs["locations"][each["location_id"]])
    assert counts_of(ours, "skipped") == {k: n for k, n in theirs["skipped"].items() if n}
    assert counts_of(ours, "events_ahead") == {k: n for k, n in theirs["ahead"].items() if n}
    answers = [theirs]
    if "compare" in query:
        answers.append(check_comparison(ours, query, store.events, now, zone, ranges, theirs))
    else:
        assert "compare" not in {*ours, *(key for bucket in ours["buckets"] for key in bucket)}
    if "breakdown" in query:
        check_groups(ours["breakdown"]["groups"], answers)


def counts_of(answer, code):
    return {w["term"]: w["count"] for w in answer["warnings"] if w["code"] == code}


def check_buckets(ours, theirs, now, end):
    assert [bucket["start"] for bucket in ours] == [iso(each) for each in theirs["starts"]]
    ends = [*theirs["starts"][1:], end] if theirs["starts"] else []
    assert [bucket["end"] for bucket in ours] == [iso(each) for each in ends]
    assert all(bucket["complete"] == (ms(bucket["end"]) <= now) for bucket in ours)
    assert all(map(same_of_range, ours, theirs["buckets"]))


def check_comparison(ours, query, events, now, zone, ranges, current):
    """The oracle's answer for the earlier range."""
    compare, start, last = ours["compare"], ranges.earlier_start, ranges.earlier_read
    end, as_of = ranges.earlier_end, ranges.earlier_as_of
    theirs = oracle.answer(query, events, now, zone, start, end, last, as_of)
    begun = [each for each in theirs["starts"] if each <= last]
    assert (compare["from"], compare["to"]) == (iso(start), iso(last + 1))
    assert compare["to_date"] is ranges.is_to_date
    check_buckets(compare["buckets"], theirs | {"starts": begun}, now, last + 1)
    assert same_of_range(compare["total"], theirs["total"])
    for each in ours["locations"]:
        assert same(each["compare"], theirs["locations"][each["location_id"]])
    indexes = oracle.partners(ranges, current["starts"], theirs["starts"], query["interval"], zone)
    partners = [None if index is None else compare["buckets"][index] for index in indexes]
    assert [bucket["compare"] for bucket in ours["buckets"]] == [
        partner and {name: partner[name] for name in ("start", "end", "value", "terms")}
        for partner in partners
    ]
    return theirs


def check_groups(ours, answers):
    """By the oracle's answers for the range, and for the earlier one where there is one."""
    ranges = [answer["groups"] for answer in answers]
    ranked = list(dict.fromkeys(key for keys, _ in ranges for key in keys))
    top, rest = ranked[:10], ranked[10:]
    named = [group for group in ours if not group["other"]]
    others = ours[len(named) :]
    assert {group["key"] for group in named} == set(top) and len(named) == len(top)
    assert [group["other"] for group in others] == [True] * bool(rest)
    values = [group["value"] for group in named if group["value"] is not None]
    assert values == sorted(values, reverse=True)
    assert all(group["value"] is None for group in named[len(values) :])
    for group, keys in [
        *((group, {group["key"]}) for group in named),
        *((o, set(rest)) for o in others),
    ]:
        shown = [group, group.get("compare")]
        for numbers, (_, numbers_of) in zip(shown, ranges, strict=False):
            assert same(numbers, numbers_of(keys))
        assert same_of_range(group, ranges[0][1](keys))
        buckets = answers[0]["group_buckets"](keys)
        assert all(map(same_of_range, group["buckets"], buckets))


def check_evidence(store, query, now, zone, chance):
    chosen = chance.choice(query["metric"]["terms"])
    asked = query | {
        "term": chosen["key"],
        "compared": "compare" in query and chance.random() < 0.5,
    }
    answer = store.query(now, **query)
    period = answer["compare"] if asked["compared"] else answer
    bucket = chance.choice([None, *period["buckets"]])
    asked |= {"bucket": bucket["start"]} if bucket else {}
    start, end = (
        (ms(bucket[name]) for name in ("start", "end"))
        if bucket
        else (ms(period["from"]), ms(period["to"]))
    )
    if "compare" in query:
        end = min(end, now + 1)
    theirs = [
        event
        for event in store.events
        if start <= event["timestamp"] < end and event["location_id"] in query["locations"]
    ]
    asked["skipped"] = chance.random() < 0.2
    listed = is_skipped if asked["skipped"] else contributes
    theirs = [
        event for event in oracle.term_events(chosen, theirs, now, zone) if listed(chosen, event)
    ]
    numbers = bucket or period["total"]
    if (groups := answer.get("breakdown", {}).get("groups")) and chance.random() < 0.7:
        numbers = chance.choice([groups[-1], *groups])
        asked["group"] = {"key": numbers["key"], "other": numbers["other"]}
        named = {group["key"] for group in groups if not group["other"]}

        def is_in_group(event):
            keys = set(oracle.group_keys(event, query["breakdown"]))
            return keys - named if numbers["other"] else numbers["key"] in keys

        theirs = list(filter(is_in_group, theirs))
        places = [each["start"] for each in period["buckets"]]
        if bucket and not asked["compared"]:
            numbers = numbers["buckets"][places.index(bucket["start"])]
        elif asked["compared"]:
            numbers = None if bucket else numbers["compare"]
    theirs.sort(key=lambda event: (event["timestamp"], event["event_id"]), reverse=True)
    found, page = [], store.evidence(now, limit=7, **asked)
    found += page["events"]
    while page["next"]:
        page = store.evidence(now, limit=7, cursor=page["next"], **asked)
        found += page["events"]
    assert [event["event_id"] for event in found] == [event["event_id"] for event in theirs]
    assert page["count"] == len(theirs)
    if chosen["aggregation"] == "count" and numbers and not asked["skipped"]:
        assert page["count"] == (numbers["terms"][chosen["key"]] or 0)


def contributes(chosen, event):
    if chosen["aggregation"] == "count":
        return True
    if chosen["aggregation"] == "unique_contacts":
        return event["contact_id"] is not None
    value = event["properties"].get(chosen["property"])
    if chosen["aggregation"] == "count_distinct":
        return oracle.as_key(value) is not None
    return oracle.as_number(value, chosen.get("numbers")) is not None


def is_skipped(chosen, event):
    if chosen["aggregation"] in lite.OF_ANY_VALUES or contributes(chosen, event):
        return False
    return event["properties"].get(chosen["property"]) is not None


DEFINITIONS_A_PLACE = 105  # times 20 places


@pytest.mark.parametrize(("place", "day"), PLACES)
def test_random_definitions_have_the_numbers_of_the_oracle(tmp_path, place, day):
    seed = os.environ.get("METRICS_SEED", f"{place} {day}")
    chance, zone = random.Random(seed), oracle.zone_of(place)
    center = ms(day)
    store = Store(tmp_path / "events.db")
    store.writer.execute("begin")
    fill(store, chance, center)
    store.writer.execute("commit")
    for number in range(DEFINITIONS_A_PLACE):
        query = random_query(chance, zone, center)
        now = (
            center + chance.randint(-30 * 96, 30 * 96) * 900_000 + chance.choice([0, 0, -1, 1, 77])
        )
        try:
            check_against_oracle(store, query, now, zone)
            if number % 4 == 0:
                check_evidence(store, query, now, zone, chance)
        except BaseException:
            print(f"seed {seed!r}, definition {number}, now {now}: {json.dumps(query)}")
            raise
    store.close()


# What came of events

STEPS = ["Lead", "Reply"]
FORMS = ["%Y-%m-%d"] * 4 + ["%Y-%m-%dT%H:30:00Z", "%Y-%m-%dT%H:30:00"]


def fill_histories(store, chance, center):
    """Few contacts with much in little time: repeats, ties in any order of arrival, both names."""
    for location in LOCATIONS:
        for number in range(4):
            tags = chance.sample(TAGS, chance.randint(0, 3))
            source = chance.choice([None, "web", "ads"])
            store.contact(location, f"c{number}", tags, {"value": number % 2}, source=source)
    moments = [center + chance.randint(-250, 250) * 3_600_000 for _ in range(60)]
    for _ in range(330):
        store.event(
            chance.choice(STEPS),
            chance.choice(moments) + chance.choice([0, 0, 0, 1, -1, 300_000, -86_400_000]),
            chance.choice([None, *(f"c{n}" for n in range(5))]),
            chance.choice(LOCATIONS),
            value=chance.choice([1, 2, "3", "x"]),
        )


def change_histories(store, chance):
    """Updates and deletions, as the statements of the API store them."""
    for each in list(store.events):
        fate = chance.random()
        if fate < 0.1:
            store.events.remove(each)
            store.writer.execute("delete from events where event_id = ?", (each["event_id"],))
        elif fate < 0.3:
            each["event_name"] = chance.choice(STEPS)
            each["contact_id"] = f"c{chance.randint(0, 3)}"
            each["contact"] = store.contacts[each["location_id"], each["contact_id"]]
            each["properties"] = {"value": chance.choice([1, 2, "3"])}
            store.writer.execute(
                "update events set name_key = ?, contact_key = ?, properties = ? "
                "where event_id = ?",
                (
                    store.name_key(each["event_name"]),
                    store.contact_key(each["location_id"], each["contact_id"]),
                    json.dumps(each["properties"]),
                    each["event_id"],
                ),
            )


def random_outcome(chance, key):
    """A term with `then`."""

    def some_filters():
        one = chance.choice(
            [
                condition("property.value", "in", [1, chance.choice([2, "3", "x"])]),
                condition("property.value", "is", chance.choice([1, 2])),
                condition("property.value", "is_not", 2),
                condition("contact.tags", "has_any", chance.sample(TAGS, 2)),
                condition("contact.source", "is_not", "web"),
                condition("contact.value", "is_not", 1),
            ]
        )
        return {"filters": {chance.choice(["all", "any"]): [one]}} if chance.random() < 0.4 else {}

    within = chance.choice(["1m", "5m", "30m", "1h", "6h", "1d", "36h", "3d", "7d", "2w", "366d"])
    then = {"event": chance.choice(STEPS), "within": within} | some_filters()
    aggregation = chance.choice(sorted(lite.OF_CONVERSIONS | lite.OF_SECONDS))
    event_name = chance.choice(STEPS)
    return term(aggregation, key, event_name, "contact", then=then, **some_filters())


def random_outcomes(chance, zone, center):
    """A query whose first term, and perhaps others, have `then`."""
    interval = chance.choice(["total", "hour", "day", "week", "month"])
    most = {"hour": 3, "day": 12}.get(interval, 40)
    middle = datetime.fromtimestamp(center / 1000, zone)
    start = middle - timedelta(days=chance.randint(0, most))
    end = middle + timedelta(days=chance.randint(1, most))
    forms = FORMS + ["%Y-%m-01"] * 8 * (interval == "month")
    form = chance.choice(forms)
    others = [random_outcome(chance, "B"), term("count", "B", "Lead", "contact")]
    query = {
        "metric": metric(random_outcome(chance, "A")),
        "locations": chance.choice([["loc"], ["two", "loc"], list(LOCATIONS)]),
        "from": start.strftime(form),
        "to": end.strftime(form),
        "interval": interval,
        "timezone": zone.key,
    }
    if chance.random() < 0.4:
        query["metric"]["terms"].append(chance.choice(others))
        query["metric"]["formula"] = random_formula(chance, ["A", "B"])
    if chance.random() < 0.5:
        query["compare"] = chance.choice(["previous_period", "previous_year"])
    if chance.random() < 0.6:
        breakdowns = ["location", "property.value", "tag", "contact.source", "contact.value"]
        query["breakdown"] = chance.choice(breakdowns)
    return query if query["from"] < query["to"] else random_outcomes(chance, zone, center)


def random_part(answer, query, chance):
    """Of a calculation what evidence can be asked for, the numbers of that, and its filter."""
    asked = {"term": "A", "compared": "compare" in query and chance.random() < 0.5}
    period = answer["compare"] if asked["compared"] else answer
    numbers, index = period["total"], None
    if period["buckets"] and chance.random() < 0.7:
        index = chance.randrange(len(period["buckets"]))
        numbers = period["buckets"][index]
        asked["bucket"] = numbers["start"]
    groups = answer["breakdown"]["groups"] if "breakdown" in query else []
    if groups and chance.random() < 0.8 and not (asked["compared"] and index is not None):
        group = chance.choice(groups)
        asked["group"] = {"key": group["key"], "other": group["other"]}
        numbers = group["compare"] if asked["compared"] else group
        if index is not None:
            numbers = group["buckets"][index]
    return asked, numbers


def all_pages(store, now, asked):
    found, page = [], {"next": None}
    while not found or page["next"]:
        page = store.evidence(now, limit=5, **asked, **({"cursor": page["next"]} if found else {}))
        if not page["events"]:
            break
        found += page["events"]
    assert page["count"] == len(found)
    return found


def check_outcomes(store, query, now, chance):
    """That the evidence adds up to a number of the term A, whichever order it comes in."""
    asked, numbers = random_part(store.query(now, **query), query, chance)
    asked |= query
    listed = all_pages(store, now, asked)
    slowest = all_pages(store, now, asked | {"order": "slowest"})
    assert {e["event_id"] for e in listed} == {e["event_id"] for e in slowest}
    moments = [(event["timestamp"], event["event_id"]) for event in listed]
    assert moments == sorted(moments, reverse=True)
    waits = [seconds_of(event) for event in slowest]
    assert waits == sorted(waits, reverse=True)
    chosen = query["metric"]["terms"][0]
    for start in listed:
        end = start["then"]["event"]
        assert (end is None) == (start["then"]["outcome"] != "converted")
        if end is not None:
            assert end["event_name"] == chosen["then"]["event"]
            assert end["event_id"] != start["event_id"]
            assert (end["location_id"], end["contact_id"]) == oracle.person(start)
            between = ms(end["timestamp"]) - ms(start["timestamp"])
            assert start["then"]["seconds"] == between / 1000
    number = number_of(chosen["aggregation"], listed)
    assert same(number, numbers["terms"]["A"]) or number == 0  # of a bucket that has not begun
    converted = [event for event in listed if event["then"]["outcome"] == "converted"]
    assert all_pages(store, now, asked | {"outcome": "converted"}) == converted
    never = all_pages(store, now, asked | {"outcome": "never"})
    assert {event["then"]["outcome"] for event in never} <= {"never"}
    if "conversion" in chosen["aggregation"].split("_"):  # of which they are a part
        assert never == [event for event in listed if event not in converted]
    elif not asked.get("group", {}).get("other"):  # else the groups are others
        chosen["aggregation"], own = "conversion", chosen["aggregation"]
        rate = all_pages(store, now, asked)
        chosen["aggregation"] = own
        assert never == [event for event in rate if event["then"]["outcome"] == "never"]
    if "maturing" in numbers and "A" in numbers["maturing"]:
        counts = numbers["maturing"]["A"]
        waiting = all_pages(store, now, asked | {"outcome": "not_yet"})
        assert len(waiting) == counts["starts"] - counts["conversions"]


def seconds_of(event):
    seconds = event["then"]["seconds"]
    return -1 if seconds is None else seconds


def number_of(aggregation, listed):
    """What a term comes to by its evidence."""
    seconds = [event["then"]["seconds"] for event in listed if event["then"]["event"]]
    if aggregation == "conversions":
        return len(listed)
    if aggregation == "conversion":
        assert {event["then"]["outcome"] for event in listed} <= {"converted", "never"}
        return len(seconds) / len(listed) if listed else None
    if aggregation == "contact_conversion":
        contacts = {oracle.person(event) for event in listed}
        converted = {oracle.person(event) for event in listed if event["then"]["event"]}
        return len(converted) / len(contacts) if contacts else None
    assert len(seconds) == len(listed)
    return oracle.summary(aggregation, seconds) if seconds else None


def check_bucket_alone(store, query, now, chance):
    """That a bucket's numbers are those of a range that is nothing but the bucket."""
    query = {name: value for name, value in query.items() if name != "compare"}
    bucket = chance.choice(store.query(now, **query)["buckets"])
    alone = query | {"from": bucket["start"], "to": bucket["end"], "interval": "total"}
    if ms(bucket["start"]) <= now:
        assert same(store.query(now, **alone)["total"], bucket | {"maturing": None})


OUTCOMES_A_PLACE = int(os.environ.get("OUTCOMES", 4))  # times 20 places


@pytest.mark.parametrize(("place", "day"), PLACES)
def test_random_terms_with_then_have_the_numbers_of_the_oracle(tmp_path, place, day):
    seed = os.environ.get("METRICS_SEED", f"then {place} {day}")
    chance, zone = random.Random(seed), oracle.zone_of(place)
    center = ms(day)
    store = Store(tmp_path / "events.db")
    store.writer.execute("begin")
    fill_histories(store, chance, center)
    store.writer.execute("commit")
    for number in range(OUTCOMES_A_PLACE):
        if number == OUTCOMES_A_PLACE // 2:
            store.writer.execute("begin")
            change_histories(store, chance)
            store.writer.execute("commit")
        query = random_outcomes(chance, zone, center)
        now = center + chance.randint(-200, 500) * 3_600_000 + chance.choice([0, 0, -1, 1, 77])
        try:
            check_against_oracle(store, query, now, zone)
            check_outcomes(store, query, now, chance)
            check_bucket_alone(store, query, now, chance)
        except BaseException:
            print(f"seed {seed!r}, definition {number}, now {now}: {json.dumps(query)}")
            raise
    store.close()


def followed(aggregation="conversions", key="A", event="Lead", then="Reply", within="7d", **rest):
    """A term with `then`."""
    then = {"event": then, "within": within} | rest.pop("then_filters", {})
    return term(aggregation, key, event, "contact", then=then, **rest)


def outcomes(store, now=NOW, **rest):
    """Of the starts of the year, the oldest first: how many seconds passed, or what else came."""
    listed = {}
    for aggregation, outcome in (("conversion", None), ("conversions", None), ("min", "not_yet")):
        query = {"metric": metric(followed(aggregation, **rest)), "term": "A"} | YEAR
        for each in store.evidence(now, **query, outcome=outcome)["events"]:
            listed[each["timestamp"], each["event_id"]] = each["then"]
    found = [then for _, then in sorted(listed.items())]
    return [then["outcome"] if then["seconds"] is None else then["seconds"] for then in found]


@pytest.mark.parametrize("names", [("Lead", "Reply"), ("Reply", "Lead")])
def test_what_follows_in_the_same_millisecond_counts_whichever_arrived_first(store, names):
    for name in names:
        store.event(name, "2025-05-05T10:00", "c1")
    store.event("Lead", "2025-05-06T10:00", "c1")  # the first one was followed
    for name in names:
        store.event(name, "2025-05-07T10:00", "c1")  # the second Lead only repeats the last one
    assert outcomes(store) == [0, 86_400]


def test_an_event_that_is_both_ends_what_was_open_and_then_starts(store):
    for day in ("2025-05-05", "2025-05-06", "2025-05-06", "2025-05-12", "2025-05-31"):
        store.event("Lead", day, "c1")
    assert outcomes(store, then="Lead") == [86_400, 0, 0, "never", "never"]
    assert outcomes(store, then="Lead", within="6d") == [86_400, 0, 0, "never", "never"]
    assert value(store, followed(then="Lead", within="25d")) == 4


def test_a_window_ends_with_its_last_millisecond_and_a_repeat_within_it_is_no_start(store):
    last = ms("2025-05-12")
    for contact_id, end in ("c1", last), ("c2", last + 1):
        store.event("Lead", "2025-05-05", contact_id)
        store.event("Lead", end, contact_id)
        store.event("Reply", end, contact_id)
    assert outcomes(store) == [7 * 86_400, "never", 0]
    assert outcomes(store, now=last) == [7 * 86_400, "not_yet", "not_yet"]
    assert outcomes(store, now=last - 1) == ["not_yet", "not_yet", "not_yet"]
    rate = followed("conversion")
    assert value(store, rate, now=last) is None
    assert value(store, rate, now=last + 1) == 0.5


def test_rates_and_times_are_right_while_windows_are_open(store):
    """Of leads who come in evenly 30 % reply, after a half of the seven days in the middle."""
    chance, day = random.Random(30), 86_400_000
    waits = []  # with the age of each lead
    store.writer.execute("begin")
    for number in range(4_000):
        age, wait = chance.uniform(0, 14 * day), chance.uniform(0, 7 * day)
        store.event("Lead", NOW - int(age), f"c{number}")
        if chance.random() < 0.3:
            waits.append((age, wait))
            store.event("Reply", NOW - int(age) + int(wait), f"c{number}")
    store.writer.execute("commit")
    weeks = {"from": "2025-12-18", "to": "2026-01-01"}
    terms = followed("conversion"), followed("median", "B"), followed("conversions", "C")
    total = store.query(metric=metric(*terms, formula="A"), **weeks)["total"]
    assert total["terms"]["A"] == pytest.approx(0.3, abs=0.02)
    assert total["terms"]["B"] == pytest.approx(3.5 * 86_400, rel=0.05)
    # What it would have been
    is_over = total["terms"]["C"], 4_000 - total["maturing"]["A"]["starts"]
    assert is_over[0] / 4_000 == pytest.approx(0.22, abs=0.01)
    never = is_over[1] * (1 - total["terms"]["A"])
    assert is_over[0] / (is_over[0] + never) == pytest.approx(0.39, abs=0.02)
    young = sorted(wait / day for age, wait in waits if wait <= age <= 7 * day)
    assert oracle.quantile(young, 0.5) == pytest.approx(2, abs=0.2)


def test_the_earlier_range_had_no_longer_than_the_range(store):
    for contact_id, month, reply in (
        ("c1", "04", "2025-05-06"),
        ("c2", "04", "2025-05-15"),
        ("c3", "05", "2025-06-05"),
    ):
        store.event("Lead", f"2025-{month}-28", contact_id)
        store.event("Reply", reply, contact_id)
    asked = {"from": "2025-05-01", "to": "2025-06-01", "compare": "previous_period"}
    term = followed("conversions", within="30d")
    answer = store.query(ms("2025-06-11"), metric=metric(term), **asked)
    # Ten days after May, and so ten days after April
    assert (answer["total"]["value"], answer["compare"]["total"]["value"]) == (1, 1)
    assert answer["compare"]["total"]["maturing"] == {"A": {"starts": 2, "conversions": 1}}


def test_a_bucket_that_has_not_begun_has_no_open_windows_of_another_range(store):
    for day in range(1, 29):
        store.event("Lead", f"2025-05-{day:02}", f"c{day}")
    asked = {"from": "2025-05-11", "to": "2025-05-21", "interval": "day"}
    answer = store.query(
        ms("2025-05-15T12:00"), metric=metric(followed()), compare="previous_period", **asked
    )
    marked = ["maturing" in bucket for bucket in answer["buckets"]]
    assert marked == [True] * 5 + [False] * 5


def test_what_may_follow_is_looked_for_in_the_locations_of_the_key_alone(store):
    for place in ("loc", "two"):
        store.event("Lead", "2025-05-05", "c1", place)
    store.event("Reply", "2025-05-06", "c1", "two")
    own = frozenset({"loc"})
    asked = {"metric": metric(followed("conversions"))} | YEAR
    answer = store.query(allowed=own, **asked)
    assert answer["total"]["value"] == 0
    (unseen,) = [each for each in answer["warnings"] if each["code"] == "event_not_seen"]
    assert unseen["event"] == "Reply"
    listed = store.evidence(
        allowed=own, term="A", **asked | {"metric": metric(followed("conversion"))}
    )
    assert [each["then"]["outcome"] for each in listed["events"]] == ["never"]
    assert (store.query(**asked)["total"]["value"], store.query(**asked)["warnings"]) == (1, [])


def test_what_may_follow_is_found_by_an_alias_of_its_name(store):
    for day in ("2025-05-05", "2025-05-06"):
        store.event("Lead", day, "c1")
    store.writer.execute(
        "insert into event_names (event_name, alias_of) values ('Led', ?)",
        (store.name_key("Lead"),),
    )
    for names in ({"then": "Led"}, {"event": "Led"}, {"event": "Led", "then": "Led"}):
        assert outcomes(store, **{"then": "Lead"} | names) == [86_400, "never"]


# Numbers


def test_an_empty_range_counts_zero_and_has_no_average(store):
    names = {
        each: term(
            each, event="Nothing", **({} if each in lite.WITHOUT_PROPERTY else {"property": "x"})
        )
        for each in USUAL
    }
    for name, each in names.items():
        assert value(store, each) == (
            0 if name in ("count", "unique_contacts", "count_distinct", "sum") else None
        )


def test_a_total_is_calculated_over_the_range_and_not_from_buckets(store):
    for day, x in (("2025-01-01", 1), ("2025-01-02", 2), ("2025-01-02", 30)):
        store.event("Paid", day, "c1", x=x)
    answer = store.query(
        metric=metric(
            term("unique_contacts"),
            term("median", "B", property="x"),
            term("avg", "C", property="x"),
            formula="A + B + C",
        ),
        interval="day",
        **{"from": "2025-01-01", "to": "2025-01-03"},
    )
    assert answer["total"]["terms"] == {"A": 1, "B": 2, "C": 11}
    assert [bucket["terms"] for bucket in answer["buckets"]] == [
        {"A": 1, "B": 1, "C": 1},
        {"A": 1, "B": 16, "C": 16},
    ]


def test_a_division_by_zero_is_null_and_warns(store):
    for _ in range(2):
        store.event("Paid", "2025-05-05", x=1.7e308)
    terms = term(), term(key="B", event="Never"), term("sum", "C", property="x")
    answer = store.query(metric=metric(*terms, formula="1 + A / B"), interval="month", **YEAR)
    assert answer["total"]["value"] is None and answer["total"]["terms"] == {
        "A": 2,
        "B": 0,
        "C": None,
    }
    # A division each for the total, the months and the location.
    assert {warning["code"]: warning.get("count") for warning in answer["warnings"]} == {
        "division_by_zero": 1 + 12 + 1,
        "number_too_large": 3,
        "event_not_seen": None,
    }


def test_null_goes_through_a_formula(store):
    store.event("Paid", "2025-05-05")
    assert value(store, term(), term("avg", "B", property="x"), formula="A + 0 * B") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" 12\t", 12),
        ("+1.5", 1.5),
        ("-.5", -0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("1E-1", 0.1),
    ],
)
def test_a_numeric_text_counts_as_a_number(store, text, number):
    store.event("Paid", "2025-05-05", x=text)
    found = value(store, term("sum", property="x"))
    assert (found, type(found)) == (number, type(number))
    assert (
        value(store, term(filters={"all": [{"field": "property.x", "op": "eq", "value": number}]}))
        == 1
    )


@pytest.mark.parametrize(
    "text",
    [
        "12abc",
        "",
        " ",
        "abc",
        "0x10",
        "1_0",
        "1,5",
        "1e",
        "inf",
        "nan",
        "1e999",
        "\u0663",
        "- 5",
        "--5",
    ],
)
def test_what_is_not_a_number_is_skipped_and_reported(store, text):
    store.event("Paid", "2025-05-05", x=text)
    store.event("Paid", "2025-05-05", x=7)
    store.event("Paid", "2025-05-05")
    answer = store.query(metric=metric(term("avg", property="x")), **YEAR)
    assert answer["total"]["value"] == 7
    assert [
        (warning["code"], warning["term"], warning["count"]) for warning in answer["warnings"]
    ] == [("skipped", "A", 1)]


KEYS_OF_VALUES = [
    (5, "5"),
    (5.0, "5"),
    (-0.0, "0"),
    (12.5, "12.5"),
    (-1.5, "-1.5"),
    (200 / 3, "66.66666666666667"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e-6, "0.000001"),
    (1.5e-7, "1.5e-7"),
    (1e16, "10000000000000000"),
    (10**16, "10000000000000000"),
    (2**53 + 1, "9007199254740993"),
    (2.0**60, "1152921504606846976"),
    (-(2**63), "-9223372036854775808"),
    (2.0**63, "9223372036854776000"),
    (1e20, "100000000000000000000"),
    (1e21, "1e+21"),
    (1.5e300, "1.5e+300"),
    ("1.0", "1"),
    ("1.50", "1.5"),
    ("0.50", "0.5"),
    ("0.00", "0"),
    ("100", "100"),
    ("0.0000001", "1e-7"),
    ("99999999999999.0", "99999999999999"),
    ("999999999999999.0", "999999999999999.0"),  # of 16 digits
    ("66.66666666666667", "66.66666666666667"),
    ("12345678901234567890", "12345678901234567890"),
    *(
        (text, text)
        for text in ("007", "00.50", "-1.50", "+1.0", "1e3", "1.", ".5", " 1.0", "1.0x")
    ),
    *(
        (text, text)
        for text in ("1.0.0", "1,0", "v1.0", "1_0.0", "\u0661.0", "Abc", "\u00d1", " a ")
    ),
]


@pytest.mark.parametrize(("value", "key"), KEYS_OF_VALUES)
def test_a_number_has_one_text_and_a_text_that_shows_it_is_the_same(store, value, key):
    store.contact("loc", "c1", fields={"x": value})
    store.event("Paid", "2025-05-05", "c1", x=value)
    store.event("Paid", "2025-05-05", "c2", x="another")
    for field in ("property.x", "contact.x"):
        query = YEAR | {"breakdown": field, "metric": metric(term(type="contact"))}
        answer = store.query(**query)
        assert key in [group["key"] for group in answer["breakdown"]["groups"]]
        assert store.evidence(term="A", group={"key": key}, **query)["count"] == 1
        for op, wanted in (("is", key), ("is", value), ("in", ["?", value]), ("in", [key])):
            found = term(type="contact", filters={"all": [condition(field, op, wanted)]})
            assert store.query(metric=metric(found), **YEAR)["total"]["value"] == 1


def test_values_with_one_key_are_one_value_and_one_group(store):
    for x in (10**16, 1e16, "10000000000000000", 1, 1.0, "1", "1.0", "1.00", "01", "", " "):
        store.event("Paid", "2025-05-05", x=x)
    assert value(store, term("count_distinct", property="x")) == 3
    answer = store.query(metric=metric(), breakdown="property.x", **YEAR)
    assert [(group["key"], group["value"]) for group in answer["breakdown"]["groups"]] == [
        ("1", 5),
        ("10000000000000000", 3),
        (None, 2),
        ("01", 1),
    ]


def test_every_number_has_the_text_that_javascript_gives_it(store):
    chance = random.Random(18)
    numbers = [chance.uniform(-1, 1) * 10 ** chance.randint(-12, 25) for _ in range(3000)]
    numbers += [round(number, chance.randint(0, 15)) for number in numbers]
    for number in numbers:
        found = store.reader.execute(f"select {lite.once('?', lite.VALUE_KEY)}", (number,)).get
        assert found == oracle.as_key(number), number


def test_each_group_has_as_many_events_as_it_counts(tmp_path):
    chance, center = random.Random(18), ms("2025-03-30")
    store = Store(tmp_path / "events.db")
    store.writer.execute("begin")
    fill(store, chance, center)
    store.writer.execute("commit")
    query = {"locations": LOCATIONS, "from": "2024-01-01", "to": "2026-01-01"}
    for breakdown in ("property.alike", "property.value", "contact.fields.name", "contact.source"):
        asked = query | {"metric": metric(term(type="contact")), "breakdown": breakdown}
        for group in store.query(**asked)["breakdown"]["groups"]:
            chosen = {"key": group["key"], "other": group["other"]}
            assert store.evidence(term="A", group=chosen, **asked)["count"] == group["value"] > 0
    store.close()


BLANKS = ["", " ", "\t\n\r", "\u00a0", "\u2003\u3000", "\x1f", "\u200b", " \ufeff\u2060", "\u3164"]


@pytest.mark.parametrize("blank", BLANKS)
def test_an_empty_text_counts_as_not_set(store, blank):
    store.contact("loc", "c1", fields={"x": blank}, source=blank)
    store.event("Paid", "2025-05-05", "c1", x=blank)

    def count(field, op, *wanted):
        filters = {"all": [condition(field, op, *wanted)]}
        return value(store, term(type="contact", filters=filters))

    for field in ("property.x", "contact.x", "contact.source"):
        assert (count(field, "is_set"), count(field, "is_not_set")) == (0, 1)
        for op, wanted in (("is", blank), ("is", "a"), ("in", [blank, "a"]), ("contains", " ")):
            assert count(field, op, wanted) == 0
        for op, wanted in (("is_not", blank), ("not_in", [blank]), ("not_contains", " ")):
            assert count(field, op, wanted) == 1
        store.event("Paid", "2024-05-05", "c2")  # who lacks the field
        answer = store.query(
            metric=metric(term(type="contact")),
            breakdown=field,
            **YEAR | {"from": "2024-01-01"},
        )
        assert [group["key"] for group in answer["breakdown"]["groups"]] == [None]
    answer = store.query(metric=metric(term("count_distinct", property="x")), **YEAR)
    assert (answer["total"]["value"], answer["warnings"]) == (0, [])
    evidence = store.evidence(metric=metric(), term="A", **YEAR)["events"]
    assert [each["properties"] for each in evidence] == [{"x": blank}]


def test_a_text_with_something_in_it_is_set(store):
    texts = [" a", "a ", "\u00e9", "\u00a0\u00e9", "0", "!", "~", "\u200ba", 0, 0.0, -1.5]
    for text in texts:
        store.event("Paid", "2025-05-05", x=text)
    filters = {"all": [condition("property.x", "is_set")]}
    assert value(store, term(filters=filters)) == len(texts)


@pytest.mark.parametrize(
    ("op", "wanted"), [("is", ""), ("is_not", " "), ("in", ["a", ""]), ("not_in", ["\u00a0"])]
)
def test_a_filter_that_looks_for_an_empty_text_is_told(store, op, wanted):
    store.event("Paid", "2025-05-05", x="a")
    filters = {"any": [{"all": [condition("property.x", op, wanted)]}]}
    [told] = store.query(metric=metric(term(filters=filters)), **YEAR)["warnings"]
    assert (told["code"], told["term"]) == ("blank_value", "A")
    assert "is_not_set" in told["message"]


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("Ñandú SL", "ñandú"),
        ("ÑANDÚ", "Ñandú"),
        ("ñandú", "ANDÚ"),
        ("Gold Plan", "gold p"),
        ("gold plan", "GOLD"),
        ("ПРИВЕТ", "привет"),
        ("Straße", "STRASSE"[:4]),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("100 % A", "% a"),
        (1e21, "E+21"),
        (12.5, 12.5),
    ],
)
def test_contains_ignores_case(store, text, needle):
    store.contact("loc", "c1", fields={"x": text}, name=str(text))
    store.event("Paid", "2025-05-05", "c1", x=text)

    def count(field, op, *wanted):
        filters = {"all": [condition(field, op, *wanted)]}
        return value(store, term(type="contact", filters=filters))

    for field in ("property.x", "contact.x", "contact.name"):
        assert (count(field, "contains", needle), count(field, "not_contains", needle)) == (1, 0)
        assert count(field, "contains", "Ω") == 0
        if isinstance(needle, str) and needle != text:
            assert (count(field, "is", needle), count(field, "in", [needle])) == (0, 0)


def test_a_custom_field_that_is_called_like_a_field_of_ours_is_reached(store):
    custom = {name: f"own {name}" for name in ("name", "email", "type", "tags", "date_created")}
    store.contact("loc", "c1", ["vip"], custom | {"fields.x": "deep"}, name="Ann", date_created=5)
    store.event("Paid", "2025-05-05", "c1")
    for name, text in (custom | {"fields.x": "deep"}).items():
        filters = {"all": [condition(f"contact.fields.{name}", "is", text)]}
        answer = store.query(
            metric=metric(term(type="contact", filters=filters)),
            breakdown=f"contact.fields.{name}",
            **YEAR,
        )
        assert [group["key"] for group in answer["breakdown"]["groups"]] == [text]
    filters = {"all": [condition("contact.name", "is", "Ann")]}
    assert value(store, term(type="contact", filters=filters)) == 1


# Numbers of people

AMOUNT_TEXTS = ("$1,200.50", "(USD 200)", "1.200,50 €", "n/a", 0.5)


def test_a_term_says_how_its_property_writes_numbers(store):
    for x in AMOUNT_TEXTS:
        store.event("Paid", "2025-05-05", x=x)
    for numbers, total, rest in (("1,234.5", 1001, 2), ("1.234,5", 1001, 2), (None, 0.5, 4)):
        writing = {"numbers": numbers} if numbers else {}
        query = YEAR | {"metric": metric(term("sum", property="x", **writing))}
        answer = store.query(**query)
        assert answer["total"]["value"] == total
        assert [told["count"] for told in answer["warnings"]] == [rest]
        assert store.evidence(term="A", **query)["count"] == 5 - rest
        skipped = store.evidence(term="A", skipped=True, **query)["events"]
        assert len(skipped) == rest and "n/a" in [each["properties"]["x"] for each in skipped]


def test_filters_of_a_term_read_its_property_as_it_does(store):
    for x in ("1.500", "2,5", "1.5"):
        store.event("Paid", "2025-05-05", x=x, y="1.500")
    filters = {"all": [condition("property.x", "gt", 100), condition("property.y", "lt", 2)]}
    found = term("sum", property="x", numbers="1.234,5", filters=filters)
    assert value(store, found) == 1500


@pytest.mark.parametrize(
    ("texts", "example", "readings"),
    [
        (["n/a", "$1,200.50", 5], "$1,200.50", '"1,234.5"'),
        (["1.200,50 €"], "1.200,50 €", '"1.234,5"'),
        (["€ 5"], "€ 5", '"1,234.5" or "1.234,5"'),
        (["n/a", "", " ", "10k"], None, None),
    ],
)
def test_skipped_texts_that_are_amounts_come_with_an_example(store, texts, example, readings):
    for x in texts:
        store.event("Paid", "2025-05-05", x=x)
    [told] = store.query(metric=metric(term("avg", property="x")), **YEAR)["warnings"]
    assert told.get("example") == example
    if example:
        assert told["message"].endswith(f'“{example}” is one if the term has "numbers": {readings}')


# Large whole numbers

LARGE = 2**53 + 1


def test_a_sum_of_whole_numbers_beyond_floats_says_that_it_is_not_exact(store):
    for month, x in ((4, LARGE), (5, str(LARGE)), (5, f" -{LARGE} "), (5, 1.5), (5, 7), (5, 1e300)):
        store.event("Paid", f"2025-{month:02}-05", x=x)
    for aggregation in lite.IN_FLOATS:
        asked = YEAR | {"metric": metric(term(aggregation, property="x"))}
        [told] = store.query(**asked)["warnings"]
        assert (told["code"], told["term"], told["count"]) == ("inexact", "A", 3)
        assert "9,007,199,254,740,992" in told["message"]
    asked["from"] = "2025-05-01"
    asked["to"] = "2025-06-01"
    for compare, count in ((None, 2), ("previous_period", 3)):
        [told] = store.query(compare=compare, **asked)["warnings"]
        assert told["count"] == count


@pytest.mark.parametrize(
    ("numbers", "aggregation"),
    [
        ([1e300, 1e16, 2.5], "sum"),
        ([2**52, 2**52 - 6, 5], "sum"),
        ([LARGE, 5], "count_distinct"),
        ([2**53, -(2**53)], "median"),
    ],
)
def test_what_is_exact_or_never_was_is_not_called_inexact(store, numbers, aggregation):
    for x in numbers:
        store.event("Paid", "2025-05-05", x=x)
    assert not store.query(metric=metric(term(aggregation, property="x")), **YEAR)["warnings"]


def test_a_sum_of_small_whole_numbers_that_grows_too_large_says_so(store):
    for x in (2**53, 1):
        store.event("Paid", "2025-05-05", x=x)
    [told] = store.query(metric=metric(term("sum", property="x")), **YEAR)["warnings"]
    assert (told["code"], told.get("count")) == ("inexact", None)


@pytest.mark.parametrize("written", [int, str, "+{}".format, " {} ".format, "000{}".format])
@pytest.mark.parametrize("number", [LARGE, 2**62 + 1, 2**63 - 1])
def test_whole_numbers_stay_exact_where_they_are_only_chosen(store, number, written):
    for x in (number - 1, number):
        store.event("Paid", "2025-05-05", x=written(x))
    for aggregation, expected in (("min", number - 1), ("max", number), ("latest", number)):
        each = term(aggregation, property="x")
        answer = store.query(metric=metric(each, formula="A"), breakdown="location", **YEAR)
        [group] = answer["breakdown"]["groups"]
        assert answer["total"]["value"] == group["value"] == expected
        assert answer["warnings"] == []
        assert json.loads(json.dumps(answer))["total"]["terms"]["A"] == expected
    for op, wanted, count in (
        ("eq", number, 1),
        ("eq", str(number), 1),
        ("gte", f" {number}", 1),
        ("lt", number, 1),
        ("between", [number - 1, str(number)], 2),
    ):
        filters = {"all": [condition("property.x", op, wanted)]}
        assert value(store, term(filters=filters)) == count


@pytest.mark.parametrize("aggregation", ["min", "max", "latest"])
def test_a_whole_number_that_no_integer_holds_says_that_it_is_not_exact(store, aggregation):
    store.event("Paid", "2025-05-05", x="12345678901234567891")
    answer = store.query(metric=metric(term(aggregation, property="x")), **YEAR)
    assert answer["total"]["value"] == 12345678901234567891.0
    assert [(told["code"], told["count"]) for told in answer["warnings"]] == [("inexact", 1)]


def test_a_sum_beyond_64_bits_becomes_a_float(store):
    for x in (2**63 - 1, 2**63 - 1, -5):
        store.event("Paid", "2025-05-05", x=x)
    assert value(store, term("sum", property="x")) == pytest.approx(2**64, rel=1e-12)
    assert value(store, term("avg", property="x")) == pytest.approx(2**64 / 3, rel=1e-12)
    assert value(store, term("max", property="x")) == 2**63 - 1
    assert isinstance(value(store, term("max", property="x"), formula="A + 1"), float)


def test_a_sum_beyond_all_floats_is_null_and_warns(store):
    for name, month, x in [("Paid", 5, 1.7e308), ("Paid", 6, -1.7e308), ("Offer", 5, 1.7e308)] * 2:
        store.event(name, f"2025-{month:02}-05", x=x)
    terms = (
        term("sum", property="x"),
        term("max", "B", property="x"),
        term("avg", "C", "Offer", property="x"),
    )
    answer = store.query(metric=metric(*terms, formula="B * 10"), interval="month", **YEAR)
    assert (
        answer["total"]["terms"] == {"A": None, "B": 1.7e308, "C": None}
        and answer["total"]["value"] is None
    )
    # June has no C.
    assert [(warning["code"], warning["count"]) for warning in answer["warnings"]] == [
        ("number_too_large", 3 + 3 + 2 + 3)
    ]
    json.dumps(answer, allow_nan=False)


def test_a_sum_does_not_depend_on_the_interval(store):
    days = ("2025-01-01", "2025-01-02", "2025-02-01")
    for day, x in zip(days, (1 - 2**53, 0.5, 2**53 - 1), strict=True):
        store.event("Paid", day, x=x, by="all")
    for interval in ("total", "hour", "day", "week", "month"):
        for aggregation, number in (("sum", 0.5), ("avg", 0.5 / 3)):
            answer = store.query(
                metric=metric(term(aggregation, property="x")),
                breakdown="property.by",
                interval=interval,
                **{"from": "2025-01-01", "to": "2025-03-01"},
            )
            [group] = answer["breakdown"]["groups"]
            assert answer["total"]["value"] == group["value"] == number
    store.event("Paid", "2025-01-01", location_id="two", x=0)
    assert [
        location["value"]
        for location in store.query(
            metric=metric(term("sum", property="x")), locations=["loc", "two"], **YEAR
        )["locations"]
    ] == [0.5, 0]


@pytest.mark.parametrize("order", [(1, 1, -1, -1), (1, -1, 1, -1), (-1, 1, 1, -1)])
def test_a_sum_of_too_large_parts_is_null_in_every_order(store, order):
    for sign in order:
        store.event("Paid", "2025-05-05", x=sign * 1.7e308)
    for aggregation in ("sum", "avg"):
        answer = store.query(metric=metric(term(aggregation, property="x")), **YEAR)
        assert answer["total"]["value"] is None
        assert answer["warnings"][0]["code"] == "number_too_large"


def test_the_least_integer_can_be_summed(store):
    store.event("Paid", "2025-05-05", x=-(2**63))
    store.event("Paid", "2025-05-05", x=2**62)
    assert value(store, term("sum", property="x")) == -(2**62)


def test_events_of_an_aliased_name_are_found_by_both_names(store):
    store.event("Paid", "2025-05-05", x=1)
    store.writer.execute(
        "insert into event_names (event_name, alias_of) values ('Payed', ?)",
        (store.name_key("Paid"),),
    )
    for each in (term(event="Payed"), term("sum", event="Payed", property="x")):
        answer = store.query(metric=metric(each), breakdown="location", **YEAR)
        assert (answer["total"]["value"], answer["warnings"]) == (1, [])
        assert answer["breakdown"]["groups"][0]["value"] == 1
    assert store.evidence(metric=metric(term(event="Payed")), term="A", **YEAR)["count"] == 1


def test_a_sum_does_not_depend_on_the_order_of_its_events(tmp_path):
    amounts, sums = [1e16, 1.0, -1e16, 0.1, 0.2, 1e-9] * 40, set()
    for seed in range(4):
        store = Store(tmp_path / f"{seed}.db")
        random.Random(seed).shuffle(amounts)
        for x in amounts:
            store.event("Paid", "2025-05-05", x=x)
        sums.add(value(store, term("sum", property="x")))
        store.close()
    assert max(sums) - min(sums) <= 1e-12 * math.fsum(amounts)


def test_latest_takes_the_newest_number_and_among_equal_times_the_last_stored(store):
    store.event("Paid", "2025-05-05", x=1)
    store.event("Paid", "2025-05-06", x=2)
    store.event("Paid", "2025-05-06", x="3")
    store.event("Paid", "2025-05-04", x=4)
    store.event("Paid", "2025-05-07", x="later")
    assert value(store, term("latest", property="x")) == 3


def test_a_contact_of_two_locations_is_two_contacts(store):
    store.event("Paid", "2025-05-05", "c1")
    store.event("Paid", "2025-05-05", "c1", "two")
    store.event("Paid", "2025-05-05", "c1", "two")
    answer = store.query(metric=metric(term("unique_contacts")), **YEAR)
    assert answer["total"]["value"] == 2 and [each["value"] for each in answer["locations"]] == [
        1,
        1,
    ]


@pytest.mark.parametrize("at_once", [0, 1, 2, 100])
def test_contacts_are_counted_once_however_many_are_counted_at_once(store, monkeypatch, at_once):
    monkeypatch.setattr(lite, "UNIQUE_AT_ONCE", at_once)
    for day, contact in (("05", "c1"), ("05", "c1"), ("05", None), ("06", "c1"), ("06", "c2")):
        store.event("Paid", f"2025-05-{day}", contact)
    store.event("Paid", "2025-05-06", "c1", "two")
    asked = YEAR | {"from": "2025-05-04", "to": "2025-05-07", "interval": "day"}
    answer = store.query(metric=metric(term("unique_contacts")), **asked)
    assert [bucket["value"] for bucket in answer["buckets"]] == [0, 1, 3]
    assert answer["total"]["value"] == 3
    assert [location["value"] for location in answer["locations"]] == [2, 1]


def test_percentiles_interpolate(store):
    for x in range(1, 11):
        store.event("Paid", "2025-05-05", x=x)
    assert [
        value(store, term(name, property="x")) for name in ("median", "p90", "p95")
    ] == pytest.approx([5.5, 9.1, 9.55])


def test_account_terms_take_all_events_and_contact_terms_those_with_a_contact(store):
    store.event("Paid", "2025-05-05")
    store.event("Paid", "2025-05-05", "c1")
    assert (value(store, term()), value(store, term(type="contact"))) == (2, 1)


def test_contact_filters_see_contacts_as_they_are_today(store):
    store.event("Paid", "2025-05-05", "c1")
    vip = term(
        type="contact",
        filters={"all": [{"field": "contact.tags", "op": "has_any", "value": "vip"}]},
    )
    assert value(store, vip) == 0
    store.tag(store.contact_key("loc", "c1"), "vip", store.location_key("loc"))
    assert value(store, vip) == 1


@pytest.mark.parametrize(
    ("op", "wanted"),
    [("is_not", "x"), ("not_contains", "x"), ("not_in", ["x"]), ("neq", 1), ("is_not_set", None)],
)
def test_negative_operators_match_what_lacks_the_field(store, op, wanted):
    store.event("Paid", "2025-05-05", "c1")
    for field in ("property.x", "contact.x"):
        condition = {"field": field, "op": op} | ({} if wanted is None else {"value": wanted})
        assert value(store, term(type="contact", filters={"all": [condition]})) == 1


def test_a_false_custom_field_is_not_zero(store):
    store.contact("loc", "c1", fields={"ok": False})
    store.event("Paid", "2025-05-05", "c1")

    def count(op, wanted):
        filters = {"all": [condition("contact.ok", op, wanted)]}
        return value(store, term(type="contact", filters=filters))

    assert (count("is", "false"), count("is", "0"), count("eq", 0)) == (1, 0, 0)


def test_unknown_contacts_are_told(store):
    store.contact("loc", "known", source="web")
    store.contact("loc", "tagged", tags=["vip"])
    for contact in ("known", "tagged", "bare", "bare", "bare 2"):
        store.event("Paid", "2025-05-05", contact)
    filters = {"all": [{"field": "contact.source", "op": "is", "value": "web"}]}
    answer = store.query(metric=metric(term(type="contact", filters=filters)), **YEAR)
    told = [(warning["code"], warning["count"], warning["of"]) for warning in answer["warnings"]]
    assert told == [("contacts_unknown", 2, 4)]
    assert answer["warnings"][0]["message"] == (
        "term A: we know only the ID of 2 of 4 contacts, so contact filters skip them"
    )
    assert not store.query(metric=metric(term(type="contact")), **YEAR)["warnings"]


def test_the_newest_bucket_is_not_complete(store):
    answer = store.query(
        ms("2025-01-02T12:00"),
        metric=metric(),
        interval="day",
        **{"from": "2025-01-01", "to": "2025-01-04"},
    )
    assert [bucket["complete"] for bucket in answer["buckets"]] == [
        True,
        False,
        False,
    ] and not answer["total"]["complete"]


# Calendar


def lengths(interval, start, end, zone):
    zone = ZoneInfo(zone)
    buckets = lite.split_range(
        lite.moment_of(date.fromisoformat(start), zone),
        lite.moment_of(date.fromisoformat(end), zone),
        interval,
        zone,
    )
    return [(end - start) / 3_600_000 for start, end in buckets]


@pytest.mark.parametrize(
    ("zone", "start", "end", "hours"),
    [
        ("Europe/Berlin", "2025-03-29", "2025-04-01", [24, 23, 24]),
        ("Europe/Berlin", "2025-10-25", "2025-10-28", [24, 25, 24]),
        ("Australia/Lord_Howe", "2025-04-05", "2025-04-08", [24, 24.5, 24]),
        ("Australia/Lord_Howe", "2025-10-04", "2025-10-07", [24, 23.5, 24]),
        ("Asia/Kathmandu", "2025-06-15", "2025-06-17", [24, 24]),
        ("America/St_Johns", "2025-03-08", "2025-03-11", [24, 23, 24]),
        ("Pacific/Apia", "2011-12-29", "2012-01-01", [24, 24]),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-06", [24, 23, 24]),
        ("America/Sao_Paulo", "2018-02-16", "2018-02-19", [24, 25, 24]),
        ("America/Havana", "2024-11-02", "2024-11-05", [24, 25, 24]),
        ("Antarctica/Troll", "2025-03-29", "2025-04-01", [24, 22, 24]),
    ],
)
def test_a_day_has_the_hours_that_its_zone_gives_it(zone, start, end, hours):
    assert lengths("day", start, end, zone) == hours


def test_hours_follow_the_clock_through_both_changes():
    assert lengths("hour", "2025-10-26", "2025-10-27", "Europe/Berlin") == [1] * 25
    assert lengths("hour", "2025-03-30", "2025-03-31", "Europe/Berlin") == [1] * 23
    assert lengths("hour", "2025-04-06", "2025-04-07", "Australia/Lord_Howe") == [1, 1.5, *[1] * 22]
    assert lengths("hour", "2025-10-05", "2025-10-06", "Australia/Lord_Howe") == [
        1,
        1,
        0.5,
        *[1] * 21,
    ]


def test_weeks_begin_on_monday_and_months_have_their_length():
    assert lengths("week", "2025-01-01", "2025-01-20", "UTC") == [5 * 24, 7 * 24, 7 * 24]
    assert lengths("month", "2024-01-01", "2024-05-01", "UTC") == [
        31 * 24,
        29 * 24,
        31 * 24,
        30 * 24,
    ]


def test_a_midnight_inside_a_skipped_time_begins_the_day_after_the_skip():
    toronto = ZoneInfo("America/Toronto")  # 1919-03-30 23:30 became 00:30
    assert (
        datetime.fromtimestamp(lite.day_start(date(1919, 3, 31), toronto) / 1000, toronto).strftime(
            "%d %H:%M"
        )
        == "31 00:30"
    )


def test_the_zone_is_the_single_locations_then_the_settings(store):
    store.event("Paid", "2025-05-05")
    store.event("Paid", "2025-05-05", location_id="two")
    store.writer.execute("update locations set timezone = 'Asia/Tokyo' where location_id = 'loc'")

    def zone(**fields):
        answer = store.query(metric=metric(), default_zone="Europe/Berlin", **(YEAR | fields))
        return answer["timezone"]

    assert zone(locations=["loc"]) == "Asia/Tokyo"
    assert zone(locations=["two"]) == zone(locations=["loc", "two"]) == zone() == "Europe/Berlin"
    assert zone(locations=["loc"], timezone="America/New_York") == "America/New_York"


def test_a_range_left_out_is_the_last_thirty_days_and_today(store):
    answer = store.query(ms("2025-05-05T12:00"), metric=metric())
    assert (answer["from"], answer["to"]) == (
        "2025-04-06T00:00:00.000Z",
        "2025-05-06T00:00:00.000Z",
    )


# The range to compare with


def local_ends(answer, zone):
    """Where a range begins and ends on the zone's clock."""
    return tuple(
        oracle.shown(ms(answer[name]), oracle.zone_of(zone)).isoformat(" ", "milliseconds")
        for name in ("from", "to")
    )


def compared_ends(store, kind, start, end, zone="UTC", now="2026-01-01"):
    query = {"metric": metric(), "from": start, "to": end, "timezone": zone, "compare": kind}
    compare = store.query(ms(now), **query)["compare"]
    ends = local_ends(compare, zone)
    return tuple(text.removesuffix(" 00:00:00.000") for text in ends), compare["to_date"]


@pytest.mark.parametrize(
    ("kind", "start", "end", "earlier"),
    [
        ("previous_period", "2025-11-01", "2025-12-01", ("2025-10-01", "2025-11-01")),
        ("previous_period", "2025-01-01", "2025-04-01", ("2024-10-01", "2025-01-01")),
        ("previous_period", "2025-11-02", "2025-12-02", ("2025-10-03", "2025-11-02")),
        ("previous_year", "2025-02-28", "2025-03-01", ("2024-02-28", "2024-02-29")),
        ("previous_year", "2024-02-29", "2024-03-01", ("2023-02-28", "2023-03-01")),
        ("previous_year", "2024-02-01", "2024-02-29", ("2023-02-01", "2023-03-01")),
        ("previous_year", "2025-02-01", "2025-03-01", ("2024-02-01", "2024-03-01")),
        ("previous_year", "2024-02-01", "2024-03-01", ("2023-02-01", "2023-03-01")),
        ("previous_year", "2024-02-20", "2024-03-10", ("2023-02-20", "2023-03-10")),
        ("previous_year", "2025-01-01", "2026-01-01", ("2024-01-01", "2025-01-01")),
        ("previous_year", "2025-03-30", "2025-03-31", ("2024-03-30", "2024-03-31")),
        (  # the day of 23 hours is another one
            "previous_year",
            "2025-03-30T00:00:00",
            "2025-03-31T00:00:00",
            ("2024-03-30", "2024-03-31"),
        ),
        (
            "previous_year",
            "2025-03-30T00:00:00",
            "2025-03-30T12:00:00",
            ("2024-03-30", "2024-03-30 11:00:00.000"),
        ),
        (
            "previous_year",
            "2024-02-29T06:00:00",
            "2024-03-01T06:00:00",
            ("2023-02-28 06:00:00.000", "2023-03-01 06:00:00.000"),
        ),
        (
            "previous_period",
            "2025-03-30T00:00:00",
            "2025-03-30T12:00:00",
            ("2025-03-29 13:00:00.000", "2025-03-30"),
        ),
        (
            "previous_year",
            "2025-03-31T02:30:00",  # at which the clock jumped a year before
            "2025-03-31T04:30:00",
            ("2024-03-31 03:00:00.000", "2024-03-31 05:00:00.000"),
        ),
    ],
)
def test_a_range_is_compared_with_months_with_days_or_with_as_long_a_time(
    store, kind, start, end, earlier
):
    assert compared_ends(store, kind, start, end, "Europe/Berlin") == (earlier, False)


@pytest.mark.parametrize(
    ("kind", "start", "end", "now", "earlier_start", "cut"),
    [
        # today, this week, this month, this quarter, this year
        ("previous_period", "2025-06-03", "2025-06-04", "2025-06-03 09:00", "2025-06-02", "06-02"),
        ("previous_period", "2025-06-02", "2025-06-09", "2025-06-04 09:00", "2025-05-26", "05-28"),
        ("previous_period", "2025-06-01", "2025-07-01", "2025-06-03 09:00", "2025-05-01", "05-03"),
        ("previous_period", "2025-04-01", "2025-07-01", "2025-06-03 09:00", "2025-01-01", "03-03"),
        ("previous_period", "2025-01-01", "2026-01-01", "2025-06-03 09:00", "2024-01-01", "06-03"),
        ("previous_year", "2025-06-01", "2025-07-01", "2025-06-03 09:00", "2024-06-01", "06-03"),
        ("previous_year", "2025-05-05", "2025-06-04", "2025-06-03 09:00", "2024-05-05", "06-03"),
        # a leap day lies between, and days count from the first one
        ("previous_year", "2024-02-20", "2024-03-10", "2024-03-05 09:00", "2023-02-20", "03-06"),
        # a month that ends before, all of which counts
        ("previous_period", "2025-03-01", "2025-04-01", "2025-03-31 09:00", "2025-02-01", None),
        ("previous_period", "2025-03-01", "2025-04-01", "2025-03-29 09:00", "2025-02-01", None),
        ("previous_period", "2025-03-01", "2025-04-01", "2025-03-28 09:00", "2025-02-01", "02-28"),
        ("previous_year", "2024-02-01", "2024-03-01", "2024-02-29 09:00", "2023-02-01", None),
        # one that goes on is not read further
        ("previous_period", "2025-02-01", "2025-03-01", "2025-02-28 09:00", "2025-01-01", "01-28"),
        # the day after a day of 25 hours, and that of 23
        ("previous_period", "2025-10-27", "2025-10-28", "2025-10-27 09:00", "2025-10-26", "10-26"),
        ("previous_period", "2025-03-30", "2025-03-31", "2025-03-30 09:00", "2025-03-29", "03-29"),
    ],
)
def test_a_range_that_is_not_over_is_compared_with_the_same_time_before(
    store, kind, start, end, now, earlier_start, cut
):
    moment = iso(oracle.showing(datetime.fromisoformat(now), BERLIN))
    ends, is_to_date = compared_ends(store, kind, start, end, "Europe/Berlin", moment)
    last = f"{earlier_start[:5]}{cut} 09:00:00.001"  # now included
    if cut is None:
        last = str(date.fromisoformat(start).replace(month=3, day=1)).replace(
            start[:4], earlier_start[:4]
        )
    assert (ends, is_to_date) == ((earlier_start, last), True)


def test_a_range_with_times_is_compared_with_as_much_of_the_time_before(store):
    times = ("2025-06-03T00:30:00Z", "2025-06-03T08:30:00Z")
    now = "2025-06-03T03:00:00Z"
    before = compared_ends(store, "previous_period", *times, now=now)
    assert before == (("2025-06-02 16:30:00.000", "2025-06-02 19:00:00.001"), True)
    year_before = compared_ends(store, "previous_year", *times, now=now)
    assert year_before == (("2024-06-03 00:30:00.000", "2024-06-03 03:00:00.001"), True)


@pytest.mark.parametrize("now", ["2025-06-02T12:00:00Z", "2024-01-01"])
def test_a_range_that_has_not_begun_is_compared_with_nothing(store, now):
    store.event("Paid", "2025-06-02T12:00:00Z")
    store.event("Paid", "2025-06-03T12:00:00Z")
    query = {"metric": metric(), "from": "2025-06-03", "to": "2025-06-04", "interval": "hour"}
    answer = store.query(ms(now), compare="previous_period", **query)
    compare = answer["compare"]
    assert compare["from"] == compare["to"] == "2025-06-02T00:00:00.000Z"
    assert (answer["total"]["value"], compare["total"]["value"], compare["buckets"]) == (0, 0, [])
    assert [(bucket["value"], bucket["compare"]) for bucket in answer["buckets"]] == [
        (None, None)
    ] * 24
    assert counts_of(answer, "events_ahead") == {"A": 1}


JUNE = {"from": "2025-06-01", "to": "2025-07-01", "interval": "day"}
NINE_ON_THE_THIRD = ms("2025-06-03T09:00:00Z")


def fill_june(store):
    """One event each at the ends of what is read of May and June on the third at nine, and one
    after each."""
    for number, moment in enumerate(
        [
            ms("2025-05-01"),
            ms("2025-05-03T09:00:00Z"),
            ms("2025-05-03T09:00:00Z") + 1,
            ms("2025-06-01"),
            NINE_ON_THE_THIRD,
            NINE_ON_THE_THIRD + 1,
            ms("2025-06-20"),
        ]
    ):
        store.event("Paid", moment, "c1", ["loc", "two"][number % 2], by="all")


def test_both_sides_of_a_comparison_are_read_up_to_now(store):
    fill_june(store)
    answer = store.query(
        NINE_ON_THE_THIRD,
        metric=metric(term(type="contact")),
        compare="previous_period",
        breakdown="property.by",
        **JUNE,
    )
    assert (answer["to"], answer["compare"]["to"]) == (
        "2025-07-01T00:00:00.000Z",
        "2025-05-03T09:00:00.001Z",
    )
    assert (answer["total"]["value"], answer["compare"]["total"]["value"]) == (2, 2)
    assert not answer["total"]["complete"]
    assert [(each["value"], each["compare"]["value"]) for each in answer["locations"]] == [
        (1, 1),
        (1, 1),
    ]
    [group] = answer["breakdown"]["groups"]
    assert (group["value"], group["compare"]["value"]) == (2, 2)
    for buckets in (answer["buckets"], group["buckets"]):
        assert [bucket["value"] for bucket in buckets] == [1, 0, 1] + [None] * 27
        assert buckets[3]["terms"] == {"A": None}
        assert [bucket["complete"] for bucket in buckets] == [True, True] + [False] * 28
    assert [bucket["value"] for bucket in answer["compare"]["buckets"]] == [1, 0, 1]
    assert counts_of(answer, "events_ahead") == {"A": 2}


def test_without_a_comparison_events_that_are_dated_ahead_count(store):
    fill_june(store)
    answer = store.query(NINE_ON_THE_THIRD, metric=metric(), breakdown="property.by", **JUNE)
    values = [1, 0, 2] + [None] * 27
    values[19] = 1
    assert [bucket["value"] for bucket in answer["buckets"]] == values
    [group] = answer["breakdown"]["groups"]
    assert [bucket["value"] for bucket in group["buckets"]] == values
    assert (answer["total"]["value"], group["value"]) == (4, 4)
    assert counts_of(answer, "events_ahead") == {}


@pytest.mark.parametrize("aggregation", sorted(USUAL))
def test_a_bucket_that_has_not_begun_has_numbers_only_where_events_lie_in_it(store, aggregation):
    store.event("Paid", "2025-06-20")
    each = term(aggregation)
    if aggregation not in lite.WITHOUT_PROPERTY:
        each["property"] = "x"
    answer = store.query(NINE_ON_THE_THIRD, metric=metric(each, formula="A + 1"), **JUNE)
    found = {bucket["start"][8:10]: bucket["terms"]["A"] for bucket in answer["buckets"]}
    empty = 1 if aggregation == "count" else lite.EMPTY.get(aggregation)
    assert found.pop("20") == empty
    begun = {day: lite.EMPTY.get(aggregation) for day in ("01", "02", "03")}
    assert {day: number for day, number in found.items() if number is not None} == {
        day: number for day, number in begun.items() if number is not None
    }
    assert not [w for w in answer["warnings"] if w["code"] == "division_by_zero"]


def test_the_evidence_of_a_comparison_is_what_was_counted(store):
    fill_june(store)

    def count(**fields):
        query = {"metric": metric(), "term": "A", "compare": "previous_period"} | JUNE
        return store.evidence(NINE_ON_THE_THIRD, **(query | fields))["count"]

    assert (count(), count(compared=True)) == (2, 2)
    assert count(bucket="2025-06-03") == count(compared=True, bucket="2025-05-03") == 1
    assert count(bucket="2025-06-20") == 0
    assert (count(compare=None), count(compare=None, bucket="2025-06-20")) == (4, 1)
    with pytest.raises(Invalid) as caught:
        count(compared=True, bucket="2025-05-04")
    assert caught.value.errors[0]["code"] == "unknown_bucket"


def test_a_dashboard_is_compared_to_date(api, clock):
    clock.now = NINE_ON_THE_THIRD
    api("POST", "/metrics/v1", metric() | {"name": "Paid"})
    for number, moment in enumerate(("2025-05-02", "2025-05-20", "2025-06-02", "2025-06-20")):
        api.post(event(str(number), event_name="Paid", timestamp=moment))
    url = "/metrics/v1/data?from=2025-06-01&to=2025-07-01&compare=previous_period"
    [data] = [each["data"] for each in api.get(url)["metrics"]]
    assert (data["total"]["value"], data["compare"]["total"]["value"]) == (1, 1)
    assert counts_of(data, "events_ahead") == {"A": 1}
    assert data["compare"]["to_date"] is True


# Rows of a comparison


def partners(store, interval, start, end, kind="previous_period", zone="Europe/Berlin", now=NOW):
    """Which bucket stands beside which: both by where they begin on the zone's clock."""
    query = {"metric": metric(), "interval": interval, "timezone": zone, "compare": kind}
    answer = store.query(now, **query, **{"from": start, "to": end})

    def begin(bucket):
        clock = oracle.shown(ms(bucket["start"]), oracle.zone_of(zone))
        return clock.isoformat(" ", "minutes").removesuffix(" 00:00")

    for bucket in answer["buckets"]:
        partner = bucket["compare"]
        assert partner is None or partner.items() <= next(
            each.items()
            for each in answer["compare"]["buckets"]
            if each["start"] == partner["start"]
        )
    return {
        begin(bucket): bucket["compare"] and begin(bucket["compare"])
        for bucket in answer["buckets"]
    }


def test_whole_weeks_stand_beside_whole_weeks_in_their_order(store):
    for days_ago in range(740):
        store.event("Paid", NOW - days_ago * 86_400_000 - 1)
    found = partners(store, "week", "2025-01-01", "2026-01-01")
    assert found.pop("2025-01-01") is None  # from a Wednesday on
    assert found.pop("2025-12-29") is None  # up to a Wednesday
    assert list(found.items())[:2] == [("2025-01-06", "2024-01-01"), ("2025-01-13", "2024-01-08")]
    assert list(found.items())[-1] == ("2025-12-22", "2024-12-16")
    answer = store.query(
        metric=metric(), interval="week", compare="previous_year", timezone="Europe/Berlin", **YEAR
    )
    assert {
        (bucket["value"], bucket["compare"]["value"])
        for bucket in answer["buckets"]
        if bucket["compare"]
    } == {(7, 7)}


def test_a_part_of_a_week_stands_beside_the_same_weekdays(store):
    assert partners(store, "week", "2025-06-04", "2025-06-18") == {
        "2025-06-04": "2025-05-21",
        "2025-06-09": "2025-05-26",
        "2025-06-16": "2025-06-02",
    }
    assert partners(store, "week", "2025-06-04", "2025-06-05") == {"2025-06-04": None}
    thursday = ms("2025-06-12T10:00:00Z")
    assert partners(store, "week", "2025-06-04", "2025-06-18", now=thursday) == {
        "2025-06-04": "2025-05-21",
        "2025-06-09": "2025-05-26",  # both up to their Thursday
        "2025-06-16": None,
    }
    # A year before, the part up to now is of other weekdays.
    assert partners(store, "week", "2025-06-02", "2025-06-16", "previous_year", now=thursday) == {
        "2025-06-02": "2024-06-03",
        "2025-06-09": None,
    }


def test_whole_months_stand_beside_each_other_whatever_their_length(store):
    months = {"2025-02-01": "2024-12-01", "2025-03-01": "2025-01-01"}
    assert partners(store, "month", "2025-02-01", "2025-04-01") == months
    last_of_march = ms("2025-03-31T09:00:00Z")
    assert partners(store, "month", "2025-02-01", "2025-04-01", now=last_of_march) == months
    # The month that is not over, and all of February
    march = {"2025-03-01": "2025-02-01"}
    assert partners(store, "month", "2025-03-01", "2025-04-01", now=last_of_march) == march
    assert partners(store, "total", "2025-03-01", "2025-04-01", now=last_of_march) == march
    assert partners(store, "month", "2025-03-10", "2025-06-08") == {
        "2025-03-10": "2024-12-10",  # both from the 10th to the 31st
        "2025-04-01": "2025-01-01",
        "2025-05-01": "2025-02-01",
        "2025-06-01": None,  # 7 days, and 9
    }


def test_days_stand_beside_days_by_their_distance_from_the_first(store):
    found = partners(store, "day", "2025-03-01", "2025-04-01")
    assert (found["2025-03-01"], found["2025-03-28"]) == ("2025-02-01", "2025-02-28")
    assert found["2025-03-29"] is found["2025-03-31"] is None
    found = partners(store, "day", "2024-02-27", "2024-03-03", "previous_year")
    assert found == {
        "2024-02-27": "2023-02-27",
        "2024-02-28": "2023-02-28",
        "2024-02-29": "2023-03-01",
        "2024-03-01": "2023-03-02",
        "2024-03-02": None,
    }
    noon = ms("2025-06-03T10:00:00Z")
    assert partners(store, "day", "2025-06-02", "2025-06-05", now=noon) == {
        "2025-06-02": "2025-05-30",
        "2025-06-03": "2025-05-31",
        "2025-06-04": None,
    }
    # May is cut on its 15th, and the 45th day of the quarter is not the 14th of February's part.
    quarter = partners(store, "day", "2025-04-01", "2025-07-01", now=ms("2025-05-15T10:00:00Z"))
    assert (quarter["2025-05-14"], quarter["2025-05-15"]) == ("2025-02-13", None)


def test_hours_stand_beside_hours_by_what_the_clock_shows(store):
    after_23 = partners(store, "hour", "2025-03-31", "2025-04-01")
    assert [hour for hour, partner in after_23.items() if partner is None] == ["2025-03-31 02:00"]
    assert after_23["2025-03-31 03:00"] == "2025-03-30 03:00"
    of_23 = partners(store, "hour", "2025-03-30", "2025-03-31")
    assert len(of_23) == 23 and of_23["2025-03-30 03:00"] == "2025-03-29 03:00"

    query = {"metric": metric(), "interval": "hour", "timezone": "Europe/Berlin"}
    query["compare"] = "previous_period"
    of_25 = store.query(**query, **{"from": "2025-10-26", "to": "2025-10-27"})["buckets"]
    starts = [bucket["compare"] and bucket["compare"]["start"] for bucket in of_25]
    assert starts[2:5] == ["2025-10-25T00:00:00.000Z", None, "2025-10-25T01:00:00.000Z"]
    after_25 = store.query(**query, **{"from": "2025-10-27", "to": "2025-10-28"})["buckets"]
    starts = [bucket["compare"]["start"] for bucket in after_25]
    assert starts[2:4] == ["2025-10-26T00:00:00.000Z", "2025-10-26T02:00:00.000Z"]


def test_the_hour_that_is_not_over_stands_beside_the_same_part_of_an_hour(store):
    for moment in ("2025-06-02T09:29:00", "2025-06-02T09:31:00", "2025-06-03T09:29:00"):
        store.event("Paid", moment)
    query = {"metric": metric(), "interval": "hour", "compare": "previous_period"}
    answer = store.query(
        ms("2025-06-03T09:30:00"), **query, **{"from": "2025-06-03", "to": "2025-06-04"}
    )
    current = answer["buckets"][9]
    assert (current["value"], current["compare"]) == (
        1,
        {
            "start": "2025-06-02T09:00:00.000Z",
            "end": "2025-06-02T09:30:00.001Z",
            "value": 1,
            "terms": {"A": 1},
        },
    )
    assert [bucket["compare"] for bucket in answer["buckets"][10:]] == [None] * 14


def test_parts_at_the_ends_of_a_range_stand_beside_the_same_hours(store):
    assert partners(store, "day", "2025-06-03T09:00:00", "2025-06-05T09:00:00") == {
        "2025-06-03 09:00": "2025-06-01 09:00",
        "2025-06-04": "2025-06-02",
        "2025-06-05": "2025-06-03",
    }
    assert partners(store, "day", "2025-06-03T09:00:00", "2025-06-04T21:00:00") == {
        "2025-06-03 09:00": None,
        "2025-06-04": None,
    }


# Days that a zone skipped


SKIPPED = [
    ("Pacific/Apia", "2011-12-29", "2011-12-30", "2011-12-31"),
    ("Pacific/Fakaofo", "2011-12-29", "2011-12-30", "2011-12-31"),
    ("Pacific/Kwajalein", "1993-08-20", "1993-08-21", "1993-08-22"),
    ("Pacific/Kiritimati", "1994-12-30", "1994-12-31", "1995-01-01"),
]


@pytest.mark.parametrize(("zone", "before", "skipped", "after"), SKIPPED)
@pytest.mark.parametrize("interval", ["total", "hour", "day", "week", "month"])
def test_a_day_that_a_zone_skipped_is_empty(store, zone, before, skipped, after, interval):
    for hours in range(-36, 60, 12):
        store.event("Paid", ms(skipped) + hours * 3_600_000, "c1", x=1)
    following = str(date.fromisoformat(after) + timedelta(days=1))
    query = {
        "metric": metric(
            term("unique_contacts", type="contact"),
            term("avg", "B", type="contact", property="x"),
            formula="A / B",
        ),
        "timezone": zone,
        "interval": interval,
        "breakdown": "tag",
        "locations": ["loc", "two"],
    }
    answer = store.query(**query, compare="previous_period", **{"from": after, "to": following})
    compare = answer["compare"]
    assert answer["total"]["terms"]["A"] == 1
    assert (compare["from"], compare["to"]) == (answer["from"], answer["from"])
    assert compare["total"]["terms"] == {"A": 0, "B": None} and compare["buckets"] == []
    assert {bucket["compare"] for bucket in answer["buckets"]} == {None}
    evidence = {"term": "A", "compare": "previous_period", "from": after, "to": following}
    assert store.evidence(**query, **evidence, compared=True)["count"] == 0

    only = {"from": skipped, "to": after}
    answer = store.query(**query, compare="previous_period", **only)
    assert (answer["from"], answer["buckets"]) == (answer["to"], [])
    assert answer["total"]["terms"] == {"A": 0, "B": None}
    (group,) = answer["breakdown"]["groups"]  # that only the day before has
    assert (group["terms"]["A"], group["compare"]["terms"]["A"]) == (0, 1)
    assert answer["compare"]["total"]["terms"]["A"] == 1
    assert local_ends(answer["compare"], zone)[0].startswith(before)
    assert store.evidence(**query, term="A", **only)["count"] == 0
    answer = store.query(**query, compare="previous_year", **only)
    assert answer["compare"]["total"]["terms"] == {"A": 0, "B": None}

    up_to = store.query(**query, compare="previous_period", **{"from": before, "to": skipped})
    assert (
        datetime.fromisoformat(up_to["compare"]["to"])
        - datetime.fromisoformat(up_to["compare"]["from"])
    ) == timedelta(days=1)


def test_a_day_beside_one_that_was_skipped_has_no_partner(store):
    found = partners(
        store, "day", "2012-01-02", "2012-01-07", zone="Pacific/Apia"
    )  # the period before: 28, 29, (30), 31 December and 1 January
    assert found == {
        "2012-01-02": "2011-12-28",
        "2012-01-03": "2011-12-29",
        "2012-01-04": None,
        "2012-01-05": "2011-12-31",
        "2012-01-06": "2012-01-01",
    }


@pytest.mark.parametrize("ends", [("2025-06-03", "2025-06-03"), ("2025-06-04", "2025-06-03T12:00")])
def test_a_range_whose_end_is_not_later_is_refused(store, ends):
    start, end = ends
    with pytest.raises(Invalid) as caught:
        store.query(metric=metric(), **{"from": start, "to": end})
    [error] = caught.value.errors
    assert (error["pointer"], error["code"]) == ("/to", "range")


# Times without an offset


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-03-01", "2026-02-28T23:00:00.000Z"),
        ("2026-03-01T00:00:00", "2026-02-28T23:00:00.000Z"),
        ("2026-03-01 00:00", "2026-02-28T23:00:00.000Z"),
        ("20260301T000000", "2026-02-28T23:00:00.000Z"),
        ("2026-W09-7", "2026-02-28T23:00:00.000Z"),
        ("2026-07-01t00:00:00.250", "2026-06-30T22:00:00.250Z"),
        ("2026-03-29T02:30:00", "2026-03-29T01:00:00.000Z"),  # never shown: when the skip is over
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00.000Z"),  # shown twice: the first time
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01T00:00:00z", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01T00:00:00-05:00", "2026-03-01T05:00:00.000Z"),
        ("2026-03-01T00:00:00+0530", "2026-02-28T18:30:00.000Z"),
        ("2026-03-01T00:00-05", "2026-03-01T05:00:00.000Z"),
        (1772323200, "2026-03-01T00:00:00.000Z"),
        ("1772323200000", "2026-03-01T00:00:00.000Z"),
    ],
)
def test_a_time_without_an_offset_is_one_of_the_zone(store, sent, moment):
    query = {"metric": metric(), "timezone": "Europe/Berlin"}
    assert store.query(**query, **{"from": sent, "to": "2027-01-01"})["from"] == moment
    assert store.query(**query, **{"from": "2025-01-01", "to": sent})["to"] == moment
    at, *around = moment, iso(ms(moment) - 1), iso(ms(moment) + 1)
    for number, created in enumerate((at, *around)):
        store.contact("loc", f"c{number}", date_created=ms(created))
        store.event("Paid", "2025-06-01", f"c{number}")

    def count(op, wanted):
        filters = {"all": [condition("contact.date_created", op, wanted)]}
        return value(store, term(type="contact", filters=filters), timezone="Europe/Berlin")

    if len(str(sent)) != 10 or str(sent).isdigit():
        assert (count("before", sent), count("after", sent)) == (1, 1)
        assert count("between", [sent, sent]) == 1


def test_a_bucket_may_be_named_by_its_time_in_the_zone(store):
    store.event("Paid", "2025-06-01T22:30:00Z")
    query = {"metric": metric(), "term": "A", "interval": "day", "timezone": "Europe/Berlin"} | YEAR
    for bucket in ("2025-06-02", "2025-06-02T00:00:00", "2025-06-01T22:00:00Z"):
        assert store.evidence(**query, bucket=bucket)["count"] == 1


def test_an_event_without_an_offset_is_still_utc(api):
    answer = api.post(event(timestamp="2026-03-01T00:00:00"))
    assert answer.json["event"]["timestamp"] == "2026-03-01T00:00:00.000Z"


def test_ten_thousand_buckets_are_calculated(store):
    store.event("Paid", "2025-02-20T15:30:00")
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    query = {
        "metric": metric(),
        "from": start.isoformat(),
        "to": (start + timedelta(hours=10_000)).isoformat(),
        "interval": "hour",
    }
    answer = store.query(**query)
    assert (
        len(answer["buckets"]) == 10_000
        and sum(bucket["value"] for bucket in answer["buckets"]) == 1
    )
    query["to"] = (start + timedelta(hours=10_000, seconds=1)).isoformat()
    with pytest.raises(Invalid) as caught:
        store.query(**query)
    assert (
        caught.value.errors[0]["pointer"] == "/interval"
        and caught.value.errors[0]["code"] == "too_many_buckets"
    )


# What a key may see


def test_a_key_of_one_location_neither_sees_nor_touches_another(store):
    store.event("Paid", "2025-05-05", "c1", x=1)
    store.event("Paid", "2025-05-05", "c2", "secret", x=2)
    own = frozenset({"loc"})
    answer = store.query(
        allowed=own, metric=metric(term("sum", property="x")), breakdown="location", **YEAR
    )
    assert answer["total"]["value"] == 1 and [
        each["location_id"] for each in answer["locations"]
    ] == ["loc"]
    assert [group["key"] for group in answer["breakdown"]["groups"]] == [
        "loc"
    ] and "secret" not in json.dumps(answer)
    for asked in (["secret"], ["loc", "secret"]):
        with pytest.raises(Forbidden):
            store.query(allowed=own, metric=metric(), locations=asked, **YEAR)
        with pytest.raises(Forbidden):
            store.evidence(allowed=own, metric=metric(), locations=asked, term="A", **YEAR)
    assert {
        event["location_id"]
        for event in store.evidence(allowed=own, metric=metric(), term="A", **YEAR)["events"]
    } == {"loc"}
    store.event("Other", "2025-05-05", None, "secret")
    [unseen] = store.query(allowed=own, metric=metric(term(event="Other")), **YEAR)["warnings"]
    assert (unseen["code"], unseen["message"]) == (
        "event_not_seen",
        "no event named “Other” has arrived in these locations yet",
    )


# Evidence


def test_evidence_shows_the_events_with_their_contacts_names(store):
    store.contact("loc", "c1", name="Ann")
    store.event("Paid", "2025-05-05", "c1", x=1)
    store.event("Paid", "2025-05-06", x="none")
    found = store.evidence(
        metric=metric(), term="A", interval="day", bucket="2025-05-05T00:00:00.000Z", **YEAR
    )
    assert (
        found["count"] == 1
        and found["events"][0]["contact_name"] == "Ann"
        and found["events"][0]["properties"] == {"x": 1}
    )
    assert [
        event["contact_name"]
        for event in store.evidence(metric=metric(), term="A", **YEAR)["events"]
    ] == [None, "Ann"]
    assert store.evidence(metric=metric(term("sum", property="x")), term="A", **YEAR)["count"] == 1
    skipped = store.evidence(
        metric=metric(term("sum", property="x")), term="A", skipped=True, **YEAR
    )
    assert [event["properties"] for event in skipped["events"]] == [{"x": "none"}]


@pytest.mark.parametrize("group", [{}, {"key": None}, {"key": "x"}, {"other": True}])
def test_evidence_of_a_group_needs_a_breakdown(group):
    body = {"metric": metric(), "term": "A", "group": group}
    assert errors_of(lite.EvidenceQuery, body)["/breakdown"]["code"] == "required"


def test_evidence_of_an_unknown_term_or_bucket_is_refused(store):
    assert (
        errors_of(lite.EvidenceQuery, {"metric": metric(), "term": "B"} | YEAR)["/term"]["code"]
        == "unknown_term"
    )
    found = errors_of(
        lite.EvidenceQuery,
        {"metric": metric(), "term": "A", "compared": True, "group": {"other": True}} | YEAR,
    )
    assert {pointer: error["code"] for pointer, error in found.items()} == {
        "/compare": "required",
        "/breakdown": "required",
    }
    with pytest.raises(Invalid) as caught:
        store.evidence(
            metric=metric(), term="A", bucket="2025-05-05T12:00:00Z", interval="day", **YEAR
        )
    assert caught.value.errors[0]["pointer"] == "/bucket"


# Statements


def plan(connection, statement, binds=None):
    return [step[3] for step in connection.execute("explain query plan " + statement, binds or {})]


# How each table may be searched, by its alias, and which common table expressions are read whole.
SEARCHES = {
    "e": "INDEX events_by_name (location_key=? AND name_key=? AND timestamp>? AND timestamp<?)",
    "event_names": "INDEX sqlite_autoindex_event_names_1 (event_name=?)",
    "l": "INDEX sqlite_autoindex_locations_1 (location_id=?)",
}
SEARCHES_OF_STARTS = {
    "contacts USING INTEGER PRIMARY KEY (rowid=?)",
    "e USING INTEGER PRIMARY KEY (rowid=?)",
    "e USING INDEX events_by_name (location_key=? AND name_key=? AND timestamp=?)",
}
SEARCHES_OF_FILTERS = {
    "c USING INTEGER PRIMARY KEY (rowid=?)",
    "c USING INDEX contacts_by_id (location_key=? AND contact_id=?)",
    "c USING INDEX contacts_by_location (location_key=?)",
    "t USING INDEX contact_tags_by_tag (location_key=? AND tag=?)",
    "t USING PRIMARY KEY (contact_key=?)",
    "t USING PRIMARY KEY (contact_key=? AND tag=?)",
}
SCANS = re.compile(
    r"SCAN (buckets|b|sizes|spans|s|n|h|found|r|periods|p|queried_locations|l|q|counts|moments|"
    r"raws|facts|newest|lookups|"
    r"CONSTANT ROW|\(subquery-\d+\)|\w+ VIRTUAL TABLE INDEX 1:)"
)
START_KEYS = ("event_id", "contact_key", "ended_at")
LARGEST_OF = ("SEARCH raws", "SEARCH facts")  # the least or the largest of all
# What sorts, and why no index can have the order.
SORTS = {
    "metrics.count": {"GROUP BY": "the numbers of several locations add up"},
    "metrics.unique_contacts": {
        "GROUP BY": "the same",
        "ORDER BY": "the buckets, by their period and location",
        "count(DISTINCT)": "contacts in a range of time, in no index's order, where they are many",
    },
    "metrics.term": {
        "GROUP BY": "the facts, read once for several groupings",
        "ORDER BY": "what a percentile is of, where it is many",
        "count(DISTINCT)": "values of properties",
    },
    "metrics.groups": {
        "GROUP BY": "the same, by what only the events or their contacts have",
        "ORDER BY": "what a percentile is of, where it is many",
        "count(DISTINCT)": "values of properties, and contacts of a group",
        "DISTINCT": "events with several tags of one group",
    },
    "metrics.rank_groups": {
        "GROUP BY": "the same",
        "ORDER BY": "what a percentile is of, where it is many",
        "count(DISTINCT)": "values of properties, and contacts of a group",
        "DISTINCT": "events with several tags of one group",
    },
    "metrics.evidence": {
        "ORDER BY": "events of several locations, by time",
        "DISTINCT": "events with several tags of one group",
    },
    "metrics.evidence_count": {"count(DISTINCT)": "events with several tags of one group"},
    "metrics.sample": {"DISTINCT": "the texts of 1,000 events at most"},
    "metrics.starts_evidence": {
        "ORDER BY": "what happened of a contact, and starts by what came of them",
        "LAST TERM OF ORDER BY": "the same",
        "DISTINCT": "events with several tags of one group",
    },
    "metrics.starts_count": {
        "ORDER BY": "what happened of a contact",
        "count(DISTINCT)": "events with several tags of one group",
    },
    "metrics.end": {},
    "metrics.weigh_filters": {},
}


def check_plan(connection, template, statement, binds):
    """The statement searches by the indexes it is meant for, and sorts only what is in no order."""
    for step in plan(connection, statement, binds):
        if step.startswith("SEARCH") and step not in LARGEST_OF:
            search = step.removeprefix("SEARCH ").replace(" COVERING", "").replace(" EXISTS", "")
            search = search.removesuffix(" LEFT-JOIN")
            alias, _, index = search.partition(" USING ")
            allowed = SEARCHES.get(alias) == index or search in SEARCHES_OF_FILTERS
            if ":within" in statement or template == "metrics.end":
                allowed |= search in SEARCHES_OF_STARTS
            assert allowed, (template, step)
        elif step.startswith("SCAN"):
            assert SCANS.fullmatch(step), (template, step)
        elif "TEMP B-TREE" in step:
            assert step.removeprefix("USE TEMP B-TREE FOR ") in SORTS[template], (template, step)
        assert "AUTOMATIC" not in step, (template, step)


def compiled_statements(query, each, where, breakdown):
    """All that a term is compiled to: (template, statement, binds)."""
    template = {"count": "metrics.count", "unique_contacts": "metrics.unique_contacts"}.get(
        each.aggregation, "metrics.term"
    )
    for by_set in (False, True):
        way = lite.Plan(by_set, in_order=by_set)
        yield template, *lite.compile_term(each, where, way)
        yield "metrics.rank_groups", *lite.compile_ranking(each, where, breakdown, way)
        for groups in (["x"], ["x", None]):
            compiled = lite.compile_groups(each, where, breakdown, groups, way)
            yield "metrics.groups", *compiled
        compile_listing, noun = lite.compile_evidence, "evidence"
        if each.then:
            compile_listing, noun = lite.compile_starts, "starts_evidence"
        for group in (None, lite.GroupChoice(other=True)):
            asked = lite.EvidenceQuery.model_construct(
                **dict(query) | {"term": each.key, "group": group, "breakdown": breakdown}
            )
            counting, listing, binds = compile_listing(asked, each, where, ["x"], by_set)
            yield f"metrics.{noun.replace('s_evidence', 's')}_count", counting, binds
            yield f"metrics.{noun}", listing, binds
        if each.then:
            statement, binds = lite.compile_end(each, where)
            yield "metrics.end", statement, binds | dict.fromkeys(START_KEYS, 0)
        elif each.aggregation not in lite.OF_ANY_VALUES:
            yield "metrics.evidence_count", *lite.compile_inexact(each, where, 0, by_set)
            yield "metrics.sample", *lite.compile_sample(each, where, by_set)
    if compiled := lite.compile_weighing(each, where):
        yield "metrics.weigh_filters", *compiled


def test_compiled_statements_search_by_the_indexes_that_they_are_meant_for(store):
    chance, center = random.Random(7), ms("2025-03-30")
    templates = set()
    for number in range(200):
        make_query = random_outcomes if number % 4 == 0 else random_query
        query = validate(lite.MetricQuery, make_query(chance, BERLIN, center))
        where = lite.resolve_frame(store.reader, query, NOW, "UTC", None)
        for each in query.metric.terms:
            for template, statement, binds in compiled_statements(
                query, each, where, query.breakdown or "location"
            ):
                check_plan(store.reader, template, statement, binds)
                assert not lite.HOLE.search(statement)
                templates.add(template)
    assert templates == SORTS.keys() == lite.TEMPLATES.keys() - {"metrics.events", "metrics.starts"}


def test_the_wishes_of_a_query_are_always_bound(store):
    odd = "'\"{filters}:v0\\"
    filters = {
        "any": [
            condition("contact.tags", "has_any", odd),
            condition("contact.source", "is", odd),
            condition(f"contact.{odd}", "contains", odd),
            {"all": [condition(f"property.{odd}", "is", odd), condition("contact_id", "is", odd)]},
        ]
    }
    each = term("count_distinct", event=odd, type="contact", property=odd, filters=filters)
    query = validate(lite.MetricQuery, {"metric": metric(each), "locations": [odd]} | YEAR)
    where = lite.resolve_frame(store.reader, query, NOW, "UTC", None)
    for breakdown in (f"property.{odd}", f"contact.{odd}"):
        for _, statement, _ in compiled_statements(query, query.metric.terms[0], where, breakdown):
            assert odd not in statement


@pytest.mark.parametrize("aggregation", ["count", "unique_contacts"])
@pytest.mark.parametrize("filters", [{"all": []}, {"any": [{"all": []}]}])
def test_empty_groups_of_filters_cost_nothing(store, aggregation, filters):
    compiled = []
    for each in (term(aggregation), term(aggregation, filters=filters)):
        query = validate(lite.MetricQuery, {"metric": metric(each)} | YEAR)
        where = lite.resolve_frame(store.reader, query, NOW, "UTC", None)
        compiled.append(lite.compile_term(query.metric.terms[0], where))
    assert compiled[0] == compiled[1]
    searches = [step for step in plan(store.reader, *compiled[0]) if step.startswith("SEARCH e ")]
    # Each bucket is counted once; its contacts after its events, in one of two ways.
    assert len(searches) == (1 if aggregation == "count" else 3)
    assert "COVERING INDEX events_by_name" in searches[0]


@pytest.mark.parametrize("by_set, at_once", [(False, 0), (True, 1)])
def test_how_a_term_is_planned_changes_none_of_its_numbers(tmp_path, monkeypatch, by_set, at_once):
    """Contact filters by a set and by look-ups, percentiles of what comes in order and does not."""
    chance, center = random.Random(11), ms("2025-03-30")
    store = Store(tmp_path / "events.db")
    store.writer.execute("begin")
    fill(store, chance, center)
    store.writer.execute("commit")
    monkeypatch.setattr(lite, "is_set_cheaper", lambda connection, term, frame: by_set)
    monkeypatch.setattr(lite, "SORTED_AT_ONCE", at_once)
    for _ in range(60):
        query = random_query(chance, BERLIN, center)
        check_against_oracle(store, query, center, BERLIN)
        check_evidence(store, query, center, BERLIN, chance)
    store.close()


def test_a_set_of_contacts_is_made_where_they_are_few_beside_the_events(store):
    def is_set_cheaper(*conditions):
        each = term(type="contact", filters={"all": conditions})
        query = validate(lite.MetricQuery, {"metric": metric(each)} | YEAR)
        where = lite.resolve_frame(store.reader, query, NOW, "UTC", None)
        return lite.is_set_cheaper(store.reader, query.metric.terms[0], where)

    store.writer.execute("begin")
    for number in range(2_000):
        store.contact("loc", f"c{number}", ["vip"] if number < 1_000 else ["lead"])
    for number in range(500):
        store.event("Paid", "2025-05-05", f"c{number}")
    store.writer.execute("commit")
    vip = condition("contact.tags", "has_any", ["vip"])
    source = condition("contact.source", "is", "web")
    assert is_set_cheaper(vip) and is_set_cheaper(source, vip)
    assert not is_set_cheaper(source)  # any of 2,000 contacts may match
    assert not is_set_cheaper(condition("property.x", "is", 1))
    assert not is_set_cheaper()


def test_a_query_that_runs_too_long_is_stopped_and_the_connection_works_on(store):
    store.writer.execute("begin")
    for number in range(20_000):
        store.event("Paid", NOW - number * 1000 - 1, x=number)
    store.writer.execute("commit")
    slow = validate(
        lite.MetricQuery,
        {"metric": metric(term("count_distinct", property="x")), "breakdown": "property.x"} | YEAR,
    )
    with (
        pytest.raises(Invalid) as caught,
        store.reader,
        lite.time_limit(store.reader, 0.01) as deadline,
    ):
        lite.calculate(
            store.reader,
            slow.metric,
            lite.resolve_frame(store.reader, slow, NOW, "UTC", None),
            slow.breakdown,
            deadline,
        )
    assert (
        caught.value.code == "query_too_slow"
        and "0.01 seconds" in caught.value.errors[0]["message"]
    )
    started = time.monotonic()
    assert (
        store.query(metric=metric(), **YEAR)["total"]["value"] == 20_000
        and time.monotonic() - started < 2
    )


@pytest.mark.parametrize(
    "query",
    [
        {"metric": metric(term("sum", property="long"))},
        {"metric": metric(term()), "breakdown": "property.long"},
        *(
            {
                "metric": metric(
                    term(type="contact", filters={"all": [condition(field, op, needle)]})
                )
            }
            for field in ("property.long", "contact.Long")
            for op, needle in (("is", "x"), ("contains", "x"), ("contains", "é"), ("gt", 1))
        ),
    ],
)
def test_a_statement_that_meets_a_large_record_looks_at_the_clock(store, query):
    """SQLite itself does so only after many steps, and any of these may take long."""
    store.contact("loc", "c-1", fields={"Long": "x" * lite.LARGE_JSON})
    store.event("Paid", NOW - 1, "c-1", long="x" * lite.LARGE_JSON)
    with pytest.raises(Invalid) as caught, lite.time_limit(store.reader, 0):
        store.query(**query, **YEAR)
    assert caught.value.code == "query_too_slow"
    store.query(**query, **YEAR)


def test_no_order_of_its_numbers_makes_a_percentile_slow(store):
    """SQLite's own sort would take a time that grows as the square of how many they are."""
    most = lite.SORTED_AT_ONCE + 10_000
    worst = [most, 2, 0, *range(3, most - 2, 2), *range(4, most - 1, 2), most - 1]
    store.writer.execute(
        "insert into events (location_key, name_key, distinct_id, timestamp, properties, "
        "received_at, updated_at) "
        "select ?, ?, key, ? + key, json_object('x', value), 0, 0 from json_each(?)",
        (store.location_key("loc"), store.name_key("Paid"), NOW - most, json.dumps(worst)),
    )

    def seconds(aggregation):
        began = time.thread_time()
        found = value(store, term(aggregation, property="x"))
        assert 0 < found < most
        return time.thread_time() - began

    assert seconds("median") < 6 * seconds("avg")


def test_a_percentile_has_so_many_numbers_at_most(store, monkeypatch):
    """SQLite holds them in memory, and while they grow it may hold them twice."""
    assert lite.PERCENTILE_LIMIT * 2 * 8 <= lite.READ_MEMORY
    monkeypatch.setattr(lite, "PERCENTILE_LIMIT", 3)
    for x in (1, 2, 3, "no number", None):
        store.event("Paid", "2025-05-05", "c1", x=x, by=x)
        store.event("Paid", "2024-05-05", x=x)
    median = term("median", property="x")
    asked = YEAR | {"breakdown": "property.by", "compare": "previous_year"}
    answer = store.query(metric=metric(median), **asked)
    assert (answer["total"]["value"], answer["compare"]["total"]["value"]) == (2, 2)
    store.event("Paid", "2024-06-05", x=4)  # in the range to compare with
    other = {"term": "A", "group": {"other": True}}
    for ask, more in ((store.query, {}), (store.evidence, other)):
        with pytest.raises(Invalid) as caught:
            ask(metric=metric(median), **asked, **more)
        assert caught.value.code == "answer_too_large"
        assert "its median is of 4 numbers, and may be of 3 at most" in str(caught.value)
    assert store.query(metric=metric(median), **YEAR)["total"]["value"] == 2
    with_contact = median | {"type": "contact"}
    answer = store.query(metric=metric(with_contact), **asked)
    assert answer["compare"]["total"]["value"] is None
    store.query(metric=metric(term("sum", property="x")), **asked)


# Breakdowns


def test_the_rest_of_a_breakdown_has_its_own_aggregation(store):
    for number in range(13):
        store.event("Paid", "2025-05-05", x=100 - number, by=f"g{number}")
    groups = store.query(
        metric=metric(term("median", property="x")), breakdown="property.by", **YEAR
    )["breakdown"]["groups"]
    assert [group["key"] for group in groups] == [*(f"g{number}" for number in range(10)), None]
    assert [group["other"] for group in groups] == [False] * 10 + [True] and groups[-1][
        "value"
    ] == 89


def test_groups_are_in_the_order_of_the_number_that_is_shown(store):
    for number in range(13):
        for _ in range(20 - number):
            store.event("Paid", "2025-05-05", by=f"g{number:02}", x=number % 5)
    terms = term(), term("sum", "B", property="x")
    answer = store.query(metric=metric(*terms, formula="A / B"), breakdown="property.by", **YEAR)
    groups = answer["breakdown"]["groups"]
    # Of the ten with the most events: a share of 1, a half, a third, a quarter, and those without
    assert [group["key"] for group in groups] == [
        *("g01", "g06", "g02", "g07", "g03", "g08", "g04", "g09", "g00", "g05"),
        None,
    ]
    assert [group["value"] for group in groups[-3:-1]] == [None, None] and groups[-1]["other"]


def test_groups_that_only_the_comparison_has_are_there(store):
    for key, months in (("both", (4, 5)), ("new", (5, 5)), ("gone", (4,)), ("lost", (4, 4, 4))):
        for month in months:
            store.event("Paid", f"2025-{month:02}-05", by=key, x=5)
    store.event("Paid", "2025-04-05", x=5)
    query = {"from": "2025-05-01", "to": "2025-06-01", "breakdown": "property.by"}
    query["metric"] = metric(term("sum", property="x"))
    groups = store.query(compare="previous_period", **query)["breakdown"]["groups"]
    assert [(each["key"], each["value"], each["compare"]["value"]) for each in groups] == [
        ("new", 10, 0),
        ("both", 5, 5),
        ("lost", 0, 15),
        ("gone", 0, 5),
        (None, 0, 5),
    ]
    lost = {"key": "lost"}
    found = store.evidence(compare="previous_period", compared=True, term="A", group=lost, **query)
    assert found["count"] == 3
    assert [each["key"] for each in store.query(**query)["breakdown"]["groups"]] == ["new", "both"]


def test_groups_of_the_range_go_before_those_that_only_the_comparison_has(store):
    for number in range(9):
        store.event("Paid", "2025-05-05", by=f"g{number}")
    for number in range(9, 12):
        for _ in range(number):
            store.event("Paid", "2025-04-05", by=f"g{number:02}")
    asked = {"from": "2025-05-01", "to": "2025-06-01", "compare": "previous_period"}
    answer = store.query(metric=metric(), breakdown="property.by", **asked)
    groups = answer["breakdown"]["groups"]
    assert [group["key"] for group in groups] == [*(f"g{n}" for n in range(9)), "g11", None]
    assert (groups[-1]["value"], groups[-1]["compare"]["value"]) == (0, 9 + 10)
    other = {"other": True}
    evidence = asked | {"metric": metric(), "breakdown": "property.by", "term": "A", "group": other}
    assert store.evidence(**evidence)["count"] == 0
    assert store.evidence(compared=True, **evidence)["count"] == 9 + 10


def test_a_division_by_zero_is_told_only_of_numbers_in_the_answer(store):
    for number in range(12):
        store.event("Paid", "2025-05-05", by=f"g{number:02}")
        store.event("Paid", "2025-05-05", by=f"g{number:02}")
        if number < 10:
            store.event("Offer", "2025-05-05", by=f"g{number:02}")
    store.event("Offer", "2025-05-05", by="g11")
    terms = term(), term(key="B", event="Offer")
    query = {"from": "2025-05-05", "to": "2025-05-06", "breakdown": "property.by"}
    answer = store.query(metric=metric(*terms, formula="A / B"), **query)
    # g10 alone would be divided by zero, and is a part of all others.
    assert [group["value"] for group in answer["breakdown"]["groups"]] == [2] * 10 + [4]
    assert answer["warnings"] == []


@pytest.mark.parametrize(
    "formula", ["A / B", "A / A", "A / (A - A)", "C * 10 / B", "(C - C * 10) / B", "B / (C * 10)"]
)
def test_what_is_too_large_is_told_as_that_and_not_as_a_division(store, formula):
    for _ in range(2):
        store.event("Paid", "2025-05-05", x=1.7e308)
    store.event("Offer", "2025-05-05", x=0)
    terms = (
        term("sum", property="x"),
        term("sum", "B", event="Offer", property="x"),
        term("max", "C", property="x"),
    )
    answer = store.query(metric=metric(*terms, formula=formula), **YEAR)
    assert answer["total"]["value"] is None
    assert [told["code"] for told in answer["warnings"]] == ["number_too_large"]


def test_long_texts_are_groups_of_their_own_under_short_keys(store):
    """Those of all events are kept until all are counted."""
    long = "x" * 5_000
    for text in (long + "a", long + "b", long + "b", "short", " " * 5_000):
        store.event("Paid", NOW - 1, text=text)
    asked = YEAR | {"breakdown": "property.text"}
    groups = store.query(metric=metric(), **asked)["breakdown"]["groups"]
    assert [group["value"] for group in groups] == [2, 1, 1, 1]
    assert all(group["key"] is None or len(group["key"]) < 200 for group in groups)
    assert {group["key"] for group in groups if group["value"] == 1} >= {"short", None}
    assert value(store, term("count_distinct", property="text")) == 3
    # The events of a group are found by its key.
    chosen = {"term": "A", "group": {"key": groups[0]["key"]}}
    found = store.evidence(metric=metric(), **asked, **chosen)
    assert {each["properties"]["text"] for each in found["events"]} == {long + "b"}
    # As a number a long text counts as any other that is none.
    answer = store.query(metric=metric(term("sum", property="text")), **YEAR)
    assert [(each["code"], each["count"]) for each in answer["warnings"]] == [("skipped", 5)]


def test_of_many_groups_only_the_first_are_kept(store):
    """Each of two terms has groups of its own, and each event is one."""
    store.writer.execute("begin")
    for number in range(20_000):
        store.event("Paid", NOW - 1, x=f"value {number:05}", y=number - 10_000)
        if number % 2:
            store.event("Refunded", NOW - 1, x=f"refund {number:05}")
    store.writer.execute("commit")
    terms = (term("sum", property="y"), term(key="B", event="Refunded"))
    tracemalloc.start()
    try:
        answer = store.query(metric=metric(*terms, formula="A"), breakdown="property.x", **YEAR)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    groups = answer["breakdown"]["groups"]
    assert [group["key"] for group in groups[:10]] == [f"value {19_999 - n:05}" for n in range(10)]
    assert groups[10]["other"] and groups[10]["terms"]["B"] == 10_000
    assert peak < 1_000_000


def test_an_answer_has_so_many_numbers_at_most(api):
    """Else a dashboard of many buckets could take all of the memory."""
    terms = [term(key=key) for key in "ABCDEFGH"]
    for name in ("One", "Two"):
        api("POST", "/metrics/v1", metric(*terms, formula="A") | {"name": name})
    span = "from=2025-01-01&to=2026-01-01&interval=hour"
    refused = api("GET", f"/metrics/v1/1/data?{span}&breakdown=property.x")
    assert (refused.status_int, refused.json["code"]) == (422, "answer_too_large")
    first, second = api.get(f"/metrics/v1/data?{span}")["metrics"]
    assert "data" in first and second["problem"]["code"] == "answer_too_large"


def test_an_event_counts_once_among_the_other_tags(store):
    tags = [f"t{number:02}" for number in range(12)]
    store.contact("loc", "all", tags)
    for tag in tags[:10]:
        store.contact("loc", tag, [tag])
        store.event("Paid", "2025-05-05", tag)
    store.event("Paid", "2025-05-05", "all")
    store.event("Paid", "2025-05-05", "untagged")
    groups = store.query(metric=metric(term(type="contact")), breakdown="tag", **YEAR)["breakdown"][
        "groups"
    ]
    assert [(group["key"], group["value"]) for group in groups] == [
        (tag, 2) for tag in tags[:10]
    ] + [(None, 2)]


# Time


def test_a_calculation_that_takes_long_stops_no_post(serve, monkeypatch):
    began, go_on = threading.Event(), threading.Event()
    calculate = lite.calculate

    def slow(*arguments):
        began.set()
        assert go_on.wait(30)
        return calculate(*arguments)

    monkeypatch.setattr(lite, "calculate", slow)
    served = serve()
    question = request_bytes(
        {"metric": {"terms": [{"key": "A", "event": "Offer Made", "type": "account"}]}},
        path="/metrics/v1/query",
    )
    with served.connect() as asking:
        asking.sendall(question)
        assert began.wait(30)
        assert exchange(served, request_bytes(event()))[0][0] == 201
        go_on.set()
        assert Answers(asking).next()[0] == 200


@pytest.mark.parametrize(
    "text", ["1" * 50_000 + "x", "." * 50_000, "1" * 200 + "e" + "1" * 50_000 + "x"]
)
def test_a_long_text_that_is_no_number_is_refused_at_once(text):
    started = time.monotonic()
    errors_of(lite.Definition, metric(term(filters={"all": [condition("property.x", "gt", text)]})))
    # It would take minutes if the pattern could match it in many ways.
    assert lite.NUMERIC.fullmatch(text) is None and time.monotonic() - started < 10


def test_a_body_with_very_many_errors_tells_of_a_hundred(api):
    answer = api.post(event(properties={str(number): True for number in range(50_000)}))
    assert answer.status_int == 422 and len(answer.body) < 50_000
    *listed, last = answer.json["errors"]
    assert len(listed) == lite.ERRORS_LIMIT and last["code"] == lite.MORE_ERRORS
    assert len(errors_of(lite.Definition, metric(*[{}] * 10_000))) <= 2 * lite.ERRORS_LIMIT


def test_what_python_calculates_is_stopped_too(store):
    query = validate(lite.MetricQuery, {"metric": metric()} | YEAR)
    where = lite.resolve_frame(store.reader, query, NOW, "UTC", None)
    # The statements end in time; what Python does with their rows does not.
    with (
        pytest.raises(Invalid) as caught,
        store.reader,
        lite.time_limit(store.reader, 60),
    ):
        lite.calculate(store.reader, query.metric, where, deadline=0)
    assert caught.value.code == "query_too_slow"


@pytest.mark.parametrize(
    "query, pointer",
    [
        ("breakdown=tag", "?breakdown"),
        ("from=2026-01-02&to=2026-01-01", "?to"),
        ("interval=hour&from=2020-01-01&to=2026-01-01", "?interval"),
        ("interval=x", "?interval"),
    ],
)
def test_errors_of_a_saved_metrics_url_point_behind_the_question_mark(api, query, pointer):
    api("POST", "/metrics/v1", metric() | {"name": "Paid"})
    answer = api("GET", f"/metrics/v1/1/data?{query}")
    assert answer.status_int == 422 and [error["pointer"] for error in answer.json["errors"]] == [
        pointer
    ]


def test_every_read_has_its_time(api, monkeypatch):
    monkeypatch.setattr(lite, "QUERY_SECONDS", -1)
    api.app.database.writer.executemany(
        "insert into locations (location_id, first_seen_at) values (?, 0)",
        [(str(n),) for n in range(20_000)],
    )
    for answer in (
        api("GET", "/locations/v1"),
        api("POST", "/metrics/v1/query", {"metric": metric()}),
    ):
        assert (answer.status_int, answer.json["code"]) == (422, "query_too_slow")
    # A write has no such limit, in memory on the same connection either.
    assert api("POST", "/events/ingestion/v1", event()).status_int == 201
