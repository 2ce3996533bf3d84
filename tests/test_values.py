"""What a field may hold (timestamps, identifiers, properties, tags, cursors), and nothing else."""

import base64
import json
import os
import subprocess
import sys
import unicodedata
from datetime import datetime, timezone
from importlib import resources

import pytest
from conftest import clean_environment, event
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

import streamlined_lite as lite

SECOND = 1_767_225_600  # 2026-01-01T00:00:00Z
MS = SECOND * 1000
LAST = lite.YEAR_2200 - 1  # 2199-12-31T23:59:59.999Z


def code_of(reader, *arguments) -> str:
    with pytest.raises(PydanticCustomError) as error:
        reader(*arguments)
    return error.value.type


@pytest.mark.parametrize(
    "value, milliseconds",
    [
        (SECOND, MS),
        (SECOND + 0.25, MS + 250),
        (f"{SECOND}", MS),
        (f" {SECOND} ", MS),
        (f"+{SECOND}.5", MS + 500),
        (f"{SECOND}.", MS),
        (MS, MS),
        (float(MS), MS),
        (MS + 1, MS + 1),
        (f"{MS}", MS),
        (f"{MS}.4", MS),
        (f"{MS}.0000001", MS),
        (MS + 0.6, MS + 1),
        (100_000_000, 100_000_000_000),
        ("100000000.5", 100_000_000_500),
        (LAST, LAST),
        (LAST / 1000, LAST),
        (LAST // 1000, LAST - 999),
        (99_999_999_999 / 100, 999_999_999_990 // 1000 * 1000 + 990),
        (100_000_000_000, 100_000_000_000),  # the switch: 1e11 is 1973 in ms
        ("2026-01-01T00:00:00Z", MS),
        ("2026-01-01T00:00:00z", MS),
        ("2026-01-01T00:00:00.123Z", MS + 123),
        ("2026-01-01T00:00:00.123999Z", MS + 123),
        ("2026-01-01T02:00:00+02:00", MS),
        ("2025-12-31T19:00:00-05:00", MS),
        ("2026-01-01T05:45:00+0545", MS),
        ("2026-01-01", MS),
        ("2026-01-01 00:00:00", MS),
        ("2026-01-01T00:00", MS),
        ("20260101T000000Z", MS),
        (" 2026-01-01T00:00:00Z\n", MS),
        ("\u200b2026-01-01\ufeff", MS),
        (f"\u200e{SECOND}\u200b", MS),
        ("1970-01-01T00:00:00Z", 0),
        ("2199-12-31T23:59:59.999Z", LAST),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1970-01-01T00:00:01Z", 1000),
        (197_013_010_000, 197_013_010_000),  # digits that are no date: the 13th month of 1970
        (202_601_312_500, 202_601_312_500),
    ],
)
def test_a_timestamp_is_seconds_milliseconds_or_iso(value, milliseconds):
    assert lite.read_timestamp(value) == milliseconds


@pytest.mark.parametrize(
    "text, second_after",
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31t23:59:60z", "2017-01-01T00:00:00Z"),
        (" 2016-12-31 23:59:60 ", "2017-01-01T00:00:00Z"),
        ("20161231T235960Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.250Z", "2017-01-01T00:00:00.250Z"),
        ("2016-12-31T23:59:60,5Z", "2017-01-01T00:00:00.5Z"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00Z"),
        ("2017-01-01T05:29:60.5+0530", "2017-01-01T00:00:00.5Z"),
        ("2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60-05:00", "2017-01-01T05:00:00Z"),
        ("1969-12-31T23:59:60Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_leap_second_is_the_next_second(text, second_after):
    moment = datetime.fromisoformat(second_after)
    assert lite.read_timestamp(text) == round(moment.timestamp() * 1000)


LOOKS_LIKE = {
    "date": [20251003, "20251003", " 20251003 ", 20251003.0, "19700101", 21991231],
    "date and time": [202510031200, "202510031200", "20251003120000", 20251003120059],
    "spreadsheet": [46024, "46024", 46024.5, "46024.25", 25569],
    "year": [2026, "2026", 1970, 2199.0],
    "small": [0, "0", -0.0, 1, 0.001, 5, 251003, "03102025", 20251332, 99_999_999, "99999999.9"],
}


@pytest.mark.parametrize("kind", LOOKS_LIKE)
def test_a_number_that_is_plausibly_no_unix_time_is_asked_back(kind):
    for value in LOOKS_LIKE[kind]:
        with pytest.raises(PydanticCustomError) as error:
            lite.read_timestamp(value)
        hint, _, forms = error.value.message().partition("; must be UNIX seconds (1767225600)")
        assert error.value.type == "timestamp" and kind in hint and "2026-01-01T00:00:00Z" in forms


@pytest.mark.parametrize(
    "value",
    [
        -1,
        -46024,
        "-20251003",
        -0.001,
        "-1",
        lite.YEAR_2200,
        lite.YEAR_2200 / 1000,
        99_999_999_999,
        1e17,
        10**400,
        -(10**400),
        "9" * 20,
        1.7e308,
        "1969-12-31T23:59:59.999Z",
        "2200-01-01",
        "2199-12-31T23:59:60Z",
        "9999-12-31T23:59:60Z",
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_timestamp_outside_of_1970_to_2199_is_an_error(value):
    assert code_of(lite.read_timestamp, value) == "timestamp_range"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "now",
        "01/02/2026",
        "2026-13-01",
        "2026-02-30",
        "0000-01-01",
        "60000-01-01T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T12:30:60+01:00",
        "2026-01-01T23:59:61Z",
        "2026-01-01T23:59:600Z",
        "2026-02-30T23:59:60Z",
        "2026-01-01T23:60:00Z",
        "2026-01-01T01:00:00+23:59:60",
        "2026-01-01\x0023:59:60Z",
        "1.7e9",
        "0x10",
        "1_767_225_600",
        "1,767,225,600",
        "٢٠٢٦-٠١-٠١",
        "NaN",
        "Infinity",
        "9" * 21,
        "{{now}}",
        "1767225600\0",
        "2026-01-01T00:00:00Z\0",
        "2026-01-01\x0000:00:00Z",
        True,
        False,
        None,
        [],
        {},
        [SECOND],
        {"seconds": SECOND},
        float("nan"),
        float("inf"),
        float("-inf"),
        "Jan 1st 2026",
        "2026-01-01T00:00:00 UTC",
        "2026-01-01+02:00",
        "2026-01-01-05:00",
        "20260101-0500",
        "20260101+02",
    ],
)
def test_a_timestamp_that_cannot_be_read_is_an_error_that_shows_the_three_forms(value):
    with pytest.raises(PydanticCustomError) as error:
        lite.read_timestamp(value)
    assert error.value.type == "timestamp"
    assert all(
        form in error.value.message()
        for form in ("1767225600)", "1767225600000", "2026-01-01T00:00:00Z")
    )


def is_date_without_separators(number):
    """Such as 203607272100, which is refused; it would be a moment in 1976."""
    try:
        return 1970 <= datetime.strptime(str(number), "%Y%m%d%H%M").year < 2200
    except ValueError:
        return False


@settings(max_examples=200, deadline=None)
@given(st.integers(0, LAST))
@example(203_607_272_100)
def test_every_millisecond_comes_back_as_it_went(milliseconds):
    text = lite.iso(milliseconds)
    assert lite.read_timestamp(text) == milliseconds
    assert datetime.fromisoformat(text) == datetime.fromtimestamp(
        milliseconds // 1000, timezone.utc
    ).replace(microsecond=milliseconds % 1000 * 1000)
    if milliseconds >= 1e11 and not is_date_without_separators(milliseconds):
        assert (
            lite.read_timestamp(milliseconds)
            == lite.read_timestamp(str(milliseconds))
            == milliseconds
        )


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.none(),
        st.binary(),
        st.lists(st.integers()),
    )
)
def test_no_value_breaks_a_reader(value):
    for reader in (
        lite.read_timestamp,
        lite.read_identifier,
        lite.read_name,
        lite.read_property,
        lite.read_tags,
        lite.read_scalar,
        lite.read_zone,
    ):
        try:
            reader(value)
        except PydanticCustomError as error:
            assert not isinstance(value, str) or len(value) < 5 or value not in error.message()


@pytest.mark.parametrize(
    "value, text",
    [
        ("a", "a"),
        ("  a b\t", "a b"),
        (7, "7"),
        (-3, "-3"),
        (10**30, str(10**30)),
        ("é🎉", "é🎉"),
        ("{{", "{{"),
        ("}}{{", "}}{{"),
        ("x" * 1000, "x" * 1000),
        ("{x}", "{x}"),
        ("../..", "../.."),
        ("' or 1=1 --", "' or 1=1 --"),
    ],
)
def test_an_identifier_is_trimmed_text_and_an_integer_becomes_text(value, text):
    assert lite.read_identifier(value) == text


@pytest.mark.parametrize(
    "value, code",
    [
        ("", "blank"),
        (" \t\n", "blank"),
        ("\u00a0", "blank"),
        (None, "not_text"),
        (True, "not_text"),
        (1.5, "not_text"),
        ([], "not_text"),
        ({}, "not_text"),
        ("a\0b", "nul_character"),
        ("\ud800", "not_unicode"),
        ("x" * 1001, "too_long"),
        ("{{contact.id}}", "unresolved_merge_field"),
        ("{{ contact.id }}", "unresolved_merge_field"),
        ("id-{{a}}-x", "unresolved_merge_field"),
        ("{{\n}}", "unresolved_merge_field"),
        ("{{}}", "unresolved_merge_field"),
    ],
)
def test_what_is_no_identifier_is_an_error(value, code):
    assert code_of(lite.read_identifier, value) == code


def test_a_name_may_be_longer_than_an_identifier():
    assert lite.read_name("x" * 10_000) and code_of(lite.read_name, "x" * 10_001) == "too_long"


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "0",
        "text",
        "x" * 60_000,
        "é🎉\n",
        "{{unresolved}}",
        0,
        -1,
        1.5,
        -0.0,
        1e308,
        5e-324,
        2**63 - 1,
        -(2**63),
    ],
)
def test_properties_are_texts_and_finite_numbers_as_they_came(api, value):
    answer = api.post(event(properties={"value": value}))
    assert (answer.status_int, answer.json["event"]["properties"]) == (201, {"value": value})
    assert type(answer.json["event"]["properties"]["value"]) is type(value)


@pytest.mark.parametrize(
    "value, code",
    [
        (None, "property_type"),
        (True, "property_type"),
        (False, "property_type"),
        ([], "property_type"),
        ({}, "property_type"),
        (b"x", "property_type"),
        (float("nan"), "number_too_large"),
        (float("inf"), "number_too_large"),
        (2**63, "number_too_large"),
        (-(2**63) - 1, "number_too_large"),
        ("a\0", "nul_character"),
        ("\udfff", "not_unicode"),
    ],
)
def test_what_is_no_property_is_an_error(value, code):
    assert code_of(lite.read_property, value) == code


@pytest.mark.parametrize("blank", [None, "", "  "])
@pytest.mark.parametrize("name", ["contact_id", "timestamp", "properties"])
def test_a_blank_optional_field_counts_as_left_out(api, name, blank):
    stored = api.post(event(**{name: blank})).json["event"]
    assert (stored["contact_id"], stored["timestamp"], stored["properties"]) == (
        None,
        "2026-01-01T00:00:00.000Z",
        {},
    )


@pytest.mark.parametrize("name", ["event_name", "location_id", "distinct_id"])
@pytest.mark.parametrize(
    "value, code",
    [
        ("left out", "required"),
        (None, "required"),
        ("", "required"),
        (" ", "required"),
        (True, "not_text"),
        ({}, "not_text"),
        (1.5, "not_text"),
        ("{{a.b}}", "unresolved_merge_field"),
        ("x" * 10_001, "too_long"),
    ],
)
def test_a_required_field_is_required(api, name, value, code):
    body = event(**{name: value})
    if value == "left out":
        del body[name]
    answer = api.post(body)
    assert answer.status_int == 422
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [
        ("/" + name, code)
    ]


def test_integer_identifiers_become_text(api):
    stored = api.post({"event_name": 1, "location_id": 2, "distinct_id": 3, "contact_id": 4}).json[
        "event"
    ]
    assert [
        stored[name] for name in ("event_name", "location_id", "distinct_id", "contact_id")
    ] == ["1", "2", "3", "4"]


# Amounts


@pytest.mark.parametrize(
    ("text", "with_point", "with_comma"),
    [
        ("$1,200.50", 1200.5, None),
        ("1.200,50 €", None, 1200.5),
        ("1,200.50 $", 1200.5, None),
        ("US$ 1,200.50", 1200.5, None),
        ("USD 1,200.50", 1200.5, None),
        ("$1,200.50 USD", 1200.5, None),
        ("1.200,50\u00a0kr.", None, 1200.5),
        ("1\u202f200,50 zł", None, 1200.5),
        ("CHF 1'200.50", 1200.5, None),
        ("CHF 1’200", 1200, 1200),
        ("R$ 1.200,50", None, 1200.5),
        ("₹1,23,456.50", 123456.5, None),
        ("￥5", 5, 5),
        ("-$5", -5, -5),
        ("$-5", -5, -5),
        ("− $ 5", -5, -5),
        ("\u200f1,200.50\u00a0\u200f₪", 1200.5, None),
        ("\u200b5\ufeff", 5, 5),
        ("+5", 5, 5),
        ("($1,200.50)", -1200.5, None),
        ("$ (1,200.50)", -1200.5, None),
        ("(1.200,50 €)", None, -1200.5),
        ("1.200,-", None, 1200),
        ("1.200,– €", None, 1200),
        ("1,200", 1200, 1.2),
        ("1.200", 1.2, 1200),
        ("0,123", None, 0.123),
        ("12.50", 12.5, None),
        ("1200.5", 1200.5, None),
        ("1200,5", None, 1200.5),
        ("  5\n", 5, 5),
        (".5", 0.5, None),
        ("$,5", None, 0.5),
        ("5.", 5, None),
        ("0012", 12, 12),
        ("-0", 0, 0),
        ("9,007,199,254,740,993", 9_007_199_254_740_993, None),
        ("99.999.999.999.999.999.999", None, 1e20),
        *(
            (text, None, None)
            for text in [
                *("", " ", "$", "-", ".", "()", "n/a", "USD", "1e3", "0x10", "inf", "nan", "٣"),
                *("10k", "5 kg", "5 %", "2026-01-31", "12:30", "555-1234", "1 2", "1 23", "1,2,3"),
                *("--5", "5-", "-(5)", "(-5)", "(5", "5)", "$5$5", "1,234.567.8", "1.234,567,8"),
                *("1,200 500", "1 200'500", "12,34,567.8.9", "5.-5", "1" * 101, "$" + " " * 50_000),
            ]
        ),
    ],
)
def test_an_amount_is_read_as_the_term_says_it_is_written(text, with_point, with_comma):
    for numbers, expected in (("1,234.5", with_point), ("1.234,5", with_comma)):
        found = lite.read_amount(text, numbers)
        assert (found, type(found)) == (expected, type(expected))


def test_every_sign_of_a_currency_is_known():
    signs = [c for c in map(chr, range(0x10000)) if unicodedata.category(c) == "Sc"]
    assert [sign for sign in signs if lite.read_amount(f"{sign} 5", "1,234.5") != 5] == []


def test_statements_know_white_space_as_python_does():
    everything = map(chr, range(sys.maxunicode + 1))
    assert {character for character in everything if not character.strip()} == set(lite.WHITE_SPACE)


@pytest.mark.parametrize(
    "value, tags",
    [("a, b ,,a", ["a", "b"]), (["b", " a ", "", "b"], ["b", "a"]), ("", []), ([], [])],
)
def test_tags_are_a_set_from_a_list_or_from_text_with_commas(value, tags):
    assert lite.read_tags(value) == tags


@pytest.mark.parametrize(
    "value, code",
    [
        (None, "tags"),
        (1, "tags"),
        ([1], "tags"),
        ({}, "tags"),
        (["x" * 1001], "too_long"),
        ("a\0", "nul_character"),
        ([str(n) for n in range(1001)], "too_many"),
    ],
)
def test_what_are_no_tags_is_an_error(value, code):
    assert code_of(lite.read_tags, value) == code


def encoded(place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "=",
        "é",
        "bm9wZQ==",
        encoded([1]),
        encoded([1, 2, 3]),
        encoded(["1", 2]),
        encoded([True, 1]),
        encoded([1.0, 1]),
        encoded({"a": 1}),
        encoded([2**63, 1]),
        encoded([1, -(2**63) - 1]),
        encoded([[1], 2]),
        "W" * 100_000,
    ],
)
def test_a_cursor_that_is_none_of_ours_is_an_error(text):
    with pytest.raises(ValidationError) as error:
        TypeAdapter(lite.cursor_of(int, int)).validate_python(text)
    assert error.value.errors()[0]["type"] == "cursor"


def test_a_cursor_comes_back_as_it_went():
    read = TypeAdapter(lite.cursor_of(int, str)).validate_python
    assert read(lite.write_cursor((2**63 - 1, "é/+?"))) == [2**63 - 1, "é/+?"]


# Time zones


@pytest.mark.parametrize(
    ("before", "offset"),
    [("", "1:00:00"), ("import sys; sys.modules['tzdata'] = None; ", "0:00:00")],
)
def test_our_zones_come_before_the_systems_which_stand_in_where_ours_are_missing(
    tmp_path, before, offset
):
    (tmp_path / "Europe").mkdir()
    zones = resources.files("tzdata") / "zoneinfo"
    (tmp_path / "Europe" / "Berlin").write_bytes((zones / "UTC").read_bytes())
    script = (
        f"{before}import streamlined_lite as lite; from datetime import datetime; "
        "zone = lite.ZoneInfo('Europe/Berlin'); "
        "print(lite.is_time_zone('Europe/Berlin'), datetime(2026, 1, 1, tzinfo=zone).utcoffset())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=clean_environment()
        | {"PYTHONTZPATH": str(tmp_path), "PYTHONPATH": os.path.dirname(lite.__file__)},
    )
    assert done.stdout.split() == ["True", offset], done.stderr


def test_a_long_text_that_is_no_zone_is_not_remembered():
    before = lite.is_time_zone.cache_info()
    assert not lite.is_zone("x" * (lite.ID_LIMIT + 1))
    assert lite.is_time_zone.cache_info() == before
