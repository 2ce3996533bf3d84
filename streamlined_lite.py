#!/usr/bin/env python3
"""Streamlined Lite: a custom events API and metric builder on one SQLite file.

The way of one event, which is the way of every request that writes:

    Channel           has a complete request; the Dispatcher queues it          [server]
    FairQueue         has a line for each key, and serves them in turn          [server]
    Server.turn       BEGIN IMMEDIATE, then for each request in the queue:      [server]
      App.serve       calls `write`, which opens a savepoint                    [application]
      App.admit       checks key, scope, query and the body's size              [application]
      ingest_event    the handler of the route                                  [ingestion]
      parse_body      JSON or a form -> a dictionary                            [http]
      read_event      its own fields, or a HighLevel body -> Event, a model     [HighLevel bodies]
      store_event     events.insert.sql, at times with what it names first;     [events]
                      of a stored one find, compare, events.upsert.sql
      keep_rejection  instead, after a rollback, when the body is refused       [rejections]
    Server.turn       COMMIT; only now Channel.release lets the answers leave   [server]

The way of a metric, on a thread for reads:

    query_metric      its body -> MetricQuery, checked as a whole               [metric calculation]
    resolve_frame     locations that the key may see, zone, ranges up to now    [metric calculation]
    compile_term      a term -> one statement, every value bound                [metric calculation]
    Table             the terms' values, and the formula over them              [metric calculation]
    calculate         range, buckets, locations, comparison, breakdown          [metric calculation]

Reads go to waitress's worker threads, each with a read-only connection of its own; health, the
session and the page's files are answered by the loop itself, and wait for no query.

The way of an alert, about once a minute, beside the loop:

    Watcher           on a thread: what has come, then each alert               [server]
    evaluate          an alert's watch -> the state of each subject             [alerts]
    decide            states of before and now -> what is told, what is stored  [alerts]
    write_outcome     in a turn of the loop: states, and messages               [alerts]
    queue_message     a message waits for whoever sends it                      [outbox]

The way of a message to somebody, which the server queues and never sends itself:

    queue_message     in the transaction of what it is about                    [outbox]
    send_command      or a thread of `serve --send`, until nothing is due       [command line]
    Outbox.claim      a message of each host in turn, which no other gets       [outbox]
    Delivery          a thread with a time limit: send_mail or post_webhook     [outbox]
    Outbox.note       sent, to be tried again, or given up, with the reason     [outbox]

The sections, each under a banner, in an order in which none needs a later one; the files in sql/
and tests/ carry the same nouns: errors, values, configuration, statements, database, http, keys,
locations, events, contacts, HighLevel bodies, rejections, ingestion, metric definitions,
dashboards, metric calculation, shares, outbox, alerts, reports, application, server, command line.

Times inside are integer milliseconds UTC; days, and times without an offset, are naive until their
zone is known. Times in answers are ISO 8601 UTC with milliseconds.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    sys.exit("streamlined-lite runs on Linux and macOS, and on Windows inside WSL")

import argparse
import base64
import bisect
import codecs
import contextlib
import csv
import email.policy
import email.utils
import fcntl
import functools
import gc
import glob
import gzip
import hashlib
import heapq
import hmac
import html
import inspect
import io
import ipaddress
import itertools
import json
import logging
import math
import operator
import os
import random
import re
import resource
import secrets
import select
import shlex
import shutil
import signal
import smtplib
import socket
import ssl
import stat
import tempfile
import threading
import time
import traceback
import uuid
import zlib
import zoneinfo
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NoReturn, get_args
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import apsw
import bottle
import waitress
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    RootModel,
    Tag,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.json_schema import models_json_schema
from pydantic_core import InitErrorDetails, PydanticCustomError, from_json, to_json
from waitress import receiver, rfc7230, wasyncore
from waitress.buffers import BytesIOBasedBuffer
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import RequestEntityTooLarge, RequestHeaderFieldsTooLarge, build_http_date

# The system's zones are often older than ours, and others on a server than on a laptop.
try:
    import tzdata
except ImportError:
    tzdata = None  # then the system's are used, as `check` tells
else:
    zoneinfo.reset_tzpath(to=())

__version__ = "0.2.0"


####################################################################################################
# errors
####################################################################################################


class ConfigError(Exception):
    """The program cannot start or go on; one line says why and what to do."""

    exit_code = 2


class WrongSettings(ConfigError, ValueError):
    """`messages` has the settings by their names in Python; the command line names flags."""

    def __init__(self, messages: dict[str, str]):
        lines = [f"{name}: {message}" for name, message in messages.items()]
        super().__init__("wrong setting " + "; ".join(lines))
        self.messages = messages


class CommandError(ConfigError):
    """The command was right, and could not be carried out."""

    exit_code = 1


class Problem(Exception):
    """An answer other than success, as RFC 9457 problem+json.

    Problem                 status  when
    ├─ Malformed               400  the body cannot be read at all
    ├─ Unauthorized            401  no key, or not a working one
    ├─ Forbidden               403  the key's scope or locations do not allow it
    ├─ NotFound                404
    ├─ MethodNotAllowed        405
    ├─ TooSlowly               408  the request did not arrive in time
    ├─ Conflict                409
    ├─ TooLarge                413
    ├─ UnsupportedType         415  neither JSON nor a form
    ├─ Invalid                 422  read, and its fields are wrong: all of them in `errors`
    ├─ TryLater                429  a temporary trouble of ours, for a writer (503 for a reader)
    └─ Broken                  500  a defect of ours
    """

    status, title, code = 500, "Internal error", "internal_error"

    def __init__(
        self,
        detail: str,
        code: str = "",
        errors: list[dict] | None = None,
        headers: dict | None = None,
    ):
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors = errors or []
        self.headers = headers or {}
        self.rejection_id: int | None = None

    def as_dict(self) -> dict:
        body = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = self.errors
        if self.rejection_id is not None:
            body["rejection_id"] = self.rejection_id
        return body


class Malformed(Problem):
    status, title, code = 400, "Not readable", "malformed"


class Unauthorized(Problem):
    status, title, code = 401, "No valid key", "unauthorized"


class Forbidden(Problem):
    status, title, code = 403, "Not allowed", "forbidden"


class NotFound(Problem):
    status, title, code = 404, "Not found", "not_found"


class MethodNotAllowed(Problem):
    status, title, code = 405, "Method not allowed", "method_not_allowed"


class TooSlowly(Problem):
    status, title, code = 408, "Request timeout", "request_timeout"


class Conflict(Problem):
    status, title, code = 409, "Conflict", "conflict"


class TooLarge(Problem):
    status, title, code = 413, "Too large", "too_large"


class UnsupportedType(Problem):
    status, title, code = 415, "Unsupported content", "unsupported_content"


class Broken(Problem):
    pass


DEFECT = "The server failed to do this; its log says where. Nothing was stored."


class Invalid(Problem):
    """Fields are wrong; `errors` names them all, each `{pointer, code, message}`."""

    status, title, code = 422, "Invalid", "invalid"

    def __init__(self, errors: list[dict], code: str = ""):
        parts = [f"{error['pointer'] or 'body'}: {error['message']}" for error in errors[:5]]
        if len(errors) > 5:
            parts.append(f"and {len(errors) - 5} more")
        if errors and errors[-1]["code"] == MORE_ERRORS:
            parts[-1] = f"and {errors[-1]['message']}"
        super().__init__("; ".join(parts), code, errors)


class TryLater(Problem):
    status, title, code = 429, "Try again later", "unavailable"

    def __init__(self, detail: str, code: str = "", seconds: int = 5):
        super().__init__(detail, code, headers={"Retry-After": str(seconds)})


def field_error(pointer: str, code: str, message: str) -> dict:
    return {"pointer": pointer, "code": code, "message": message}


def answer_too_large(pointer: str, message: str) -> Invalid:
    return Invalid([field_error(pointer, "answer_too_large", message)], "answer_too_large")


def warning(code: str, message: str) -> dict:
    return {"code": code, "message": message}


# Bounds on what a hostile body can put into an answer and a rejection, and on the time it takes.
ERRORS_LIMIT = 100
POINTER_LIMIT = 500
MORE_ERRORS = "more_errors"


def first_errors(errors: Iterable[dict], limit: int = ERRORS_LIMIT) -> list[dict]:
    """The errors that are listed; where there are more than the limit, the last one says so."""
    listed = list(itertools.islice(errors, limit + 1))
    if len(listed) > limit:
        listed[limit] = field_error("", MORE_ERRORS, "there are more errors; checking stopped here")
    return listed


class FileGone(apsw.CantOpenError):
    """What the names of the open database lead to is no longer what is open."""


DAMAGE = (apsw.CorruptError, apsw.NotADBError)
STORAGE_TROUBLES = {
    FileGone: (
        "database_gone",
        "The database file was moved, deleted or replaced while the server runs; its log says what "
        "to do.",
    ),
    **dict.fromkeys(
        DAMAGE,
        ("database_damaged", "The database file is damaged; the server's log says what to do."),
    ),
    apsw.FullError: ("disk_full", "The server's disk is full."),
    apsw.BusyError: ("database_locked", "Another process holds the database."),
    apsw.LockedError: ("database_locked", "Another process holds the database."),
    apsw.ReadOnlyError: ("database_read_only", "The database file cannot be written."),
    apsw.PermissionsError: ("database_read_only", "The database file cannot be written."),
    apsw.CantOpenError: ("storage_error", "The database file cannot be opened."),
    apsw.IOError: ("storage_error", "Reading or writing the database file failed."),
    apsw.NoMemError: ("out_of_memory", "The server is out of memory."),
}


def problem_of(error: Exception) -> Problem:
    """The answer to an exception: itself, SQLite's temporary trouble by its cause, or Broken.

    What is Broken is logged as a defect of ours.
    """
    if isinstance(error, Problem):
        # Their frames hold the whole request and the problem itself: a cycle, which would stay in
        # memory until the next collection.
        error.__traceback__ = None
        error.__context__ = None
        return error
    for kind, (code, detail) in STORAGE_TROUBLES.items():
        if isinstance(error, kind):
            return TryLater(f"{detail} Nothing was stored; send it again.", code)
    if isinstance(error, apsw.TooBigError):
        return answer_too_large("", "a record that this would read is too large for an answer")
    log_defect(error)
    return Broken(DEFECT)


def explain(error: apsw.Error) -> str:
    """For a command: what SQLite met, and what to do about it."""
    if isinstance(error, apsw.FullError):  # whose own message may be "not an error"
        return "the disk is full; make room, or take another disk"
    if isinstance(error, FileGone):
        return str(error)
    if isinstance(error, DAMAGE):
        return f"{error}; restore a backup that is whole"
    if isinstance(error, apsw.BusyError):
        return f"{error} by another process; try again later"
    if isinstance(error, apsw.CantOpenError):
        return f"{error}; its folder must be readable and writable"
    return str(error)


def log_defect(error: BaseException) -> None:
    """Logs where a defect arose, without its message, which could hold a stranger's data."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger("streamlined_lite").error("defect: %s\n%s", type(error).__name__, frames)


# pydantic's error types that we word ourselves, as the end of a sentence: our code and message
WHOLE_NUMBER = ("int_type", "must be a whole number")
TRUE_OR_FALSE = ("bool_type", "must be true or false")
MESSAGES = {
    "missing": ("required", "is required"),
    "dict_type": ("object_type", "must be a JSON object"),
    "model_type": ("object_type", "must be a JSON object"),
    "extra_forbidden": ("unknown", "is not known here"),
    "literal_error": ("literal_error", "must be {expected}"),
    "string_type": ("string_type", "must be text"),
    "list_type": ("list_type", "must be a list"),
    "int_type": WHOLE_NUMBER,
    "int_parsing": WHOLE_NUMBER,
    "int_from_float": WHOLE_NUMBER,
    "bool_type": TRUE_OR_FALSE,
    "bool_parsing": TRUE_OR_FALSE,
    "greater_than_equal": ("greater_than_equal", "must be {ge} or more"),
    "less_than_equal": ("less_than_equal", "must be {le} or less"),
}


def validate(model: type[BaseModel], value: Any, pointers: Mapping[tuple, str] = {}) -> Any:
    """The model's instance. Raises Invalid with all errors, their pointers into the body."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(field_errors(error, pointers)) from None


def field_errors(
    error: ValidationError, pointers: Mapping[tuple, str] = {}, limit: int = ERRORS_LIMIT
) -> list[dict]:
    """pydantic's errors as ours: one a field, none with the value that was sent."""
    return first_errors(unique_errors(error, pointers), limit)


def unique_errors(error: ValidationError, pointers: Mapping[tuple, str]) -> Iterator[dict]:
    seen = set()
    for finding in error.errors(include_url=False, include_input=False):
        pointer = pointer_of(finding["loc"], pointers)
        if pointer in seen:
            continue
        seen.add(pointer)
        context = finding.get("ctx", {})
        code = finding["type"]
        message = re.sub("^List should have (.*) after validation", r"must have \1", finding["msg"])
        if code in MESSAGES:
            code, message = MESSAGES[code]
            message = message.format(**context)
        found = field_error(pointer, code, message)
        column = context.get("column")  # in a formula
        if column:
            found["column"] = column
        yield found


# pydantic's marks of which of several models was read
CHOICES = ("[condition]", "[group]", "[silence]", "[threshold]", "[refusals]", "[health]")


def pointer_of(location: tuple, pointers: Mapping[tuple, str]) -> str:
    """The JSON pointer of a model's field in the body that it was read from.

    `pointers` has the JSON pointers of fields that the body has elsewhere than the model.
    """
    # An error of a name itself, unless it is about a property of that name
    if location[-1:] == ("[key]",) and len(location) > 2:
        location = location[:-1]
    location = tuple(part for part in location if part not in CHOICES)
    for length in range(len(location), -1, -1):
        start = pointers.get(location[:length])
        if start is not None:
            return start + "".join(map(pointer_part, location[length:]))
    return "".join(map(pointer_part, location))


def pointer_part(part: str | int) -> str:
    return "/" + str(part)[:POINTER_LIMIT].replace("~", "~0").replace("/", "~1")


def refusal(pointer: str, error: PydanticCustomError) -> Invalid:
    return Invalid([field_error(pointer, error.type, error.message())])


####################################################################################################
# values
####################################################################################################

# Limits exist so that no index entry can grow without bound.
NAME_LIMIT = 10_000  # characters; people put sentences into names
ID_LIMIT = 1_000  # characters
TAG_LIMIT = 1_000  # characters
TAGS_LIMIT = 1_000  # of a contact
TAGS_BYTES = 65_536  # of all of them
FIELDS_LIMIT = 2_000  # of a form, a contact or an object customData
KEY_LOCATIONS_LIMIT = 10_000  # that a key is for; one for all has none
BATCH_LIMIT = 1_000  # events
PROPERTY_LIMIT = 1_000  # properties of an event
PROPERTIES_LIMIT = 65_536  # bytes of their JSON
NEEDLE_LIMIT = 1_000  # characters that are looked for inside of texts
# From these sizes on, a statement looks at the clock before it looks into a text, or into JSON.
LARGE_TEXT = 1_000  # bytes
LARGE_JSON = 10_000  # bytes
KEY_LIMIT = 400  # bytes of a text that is kept for every event, to group or to tell apart

YEAR_2200 = 7_258_118_400_000  # milliseconds UTC
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MEGABYTE = 1024 * 1024
TIMESTAMP_FORMS = (
    "UNIX seconds (1767225600), UNIX milliseconds (1767225600000) or ISO 8601 "
    "(2026-01-01T00:00:00Z), from 1970 to 2199"
)
# Below it a number is hardly a UNIX time, but a year, a spreadsheet's date or 20260131.
LEAST_UNIX_SECONDS = 1e8
NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]*)?")
# A day of XML with an offset, which ISO 8601 does not have and Python reads as a time of day
DAY_WITH_OFFSET = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[+-]")
LEAP_SECOND = re.compile(r"(.{7,10}.[0-9]{2}:?[0-9]{2}:?)60(?![0-9])(.*)")
ASCII_BLANKS = " \t\n\r\f\v"
# What Python's strip() takes away, for statements.
WHITE_SPACE = (
    ASCII_BLANKS + "\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
# What shows nothing at the ends of a text: beside white space soft hyphens, characters without
# width, marks of direction, byte order marks, and the blanks of Hangul, Khmer and Braille.
BLANKS = WHITE_SPACE + "".join(
    chr(code)
    for first, last in (
        (0xAD, 0xAD),
        (0x34F, 0x34F),
        (0x61C, 0x61C),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180E, 0x180E),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0),
    )
    for code in range(first, last + 1)
)
# wrong(code, message) is what the functions below raise, and field_errors collects.
wrong = PydanticCustomError


class Several(list):
    """The values that came under one name, each another.

    As text they are one with commas where a list makes sense; else no reader takes them.
    """

    def __init__(self, first: Any):
        super().__init__([first])
        self.texts = {str(first).strip()}

    def add(self, value: Any) -> None:
        """Unless the same text is there already; of thousands of values, each takes the same."""
        text = str(value).strip()
        if text not in self.texts:
            self.texts.add(text)
            self.append(value)


def twice() -> PydanticCustomError:
    return wrong("twice", "is there several times, with different values; send it once")


def together(old: Any, new: Any) -> Any:
    """What two values of one name are: the one that is not blank, or both."""
    if isinstance(new, Several):
        return functools.reduce(together, new, old)
    if is_blank(new):
        return new if old is None else old
    if is_blank(old):
        return new
    values = old if isinstance(old, Several) else Several(old)
    values.add(new)
    return old if len(values) == 1 else values


def joined(value: Any) -> Any:
    """Several texts as one; any other value as it is."""
    if isinstance(value, Several) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value


def is_blank(value: Any) -> bool:
    """Null and what shows nothing count as left out wherever a field is optional."""
    if isinstance(value, str):
        return not value.strip() or (not value.isascii() and not value.strip(BLANKS))
    return value is None


def trim(text: str) -> str:
    """A text as it was sent, without what shows nothing at its ends."""
    text = text.strip()
    return text if text.isascii() else text.strip(BLANKS)


def read_text(value: Any, limit: int) -> str:
    """Trimmed text; an integer becomes text. Blank, NUL and over-long are errors."""
    if not isinstance(value, str):
        if isinstance(value, Several):
            raise twice()
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong("not_text", "must be text")
        value = str(value)
    value = value.strip()
    if not value:
        raise wrong("blank", "must not be blank")
    if len(value) > limit:
        raise wrong("too_long", f"must have {limit:,} characters at most, not {len(value):,}")
    return check_characters(value)


def check_characters(value: str) -> str:
    """NUL ends texts in C and in SQL functions; a lone surrogate has no UTF-8."""
    if "\0" in value:
        raise wrong("nul_character", "must not contain the NUL character")
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise wrong("not_unicode", "must not contain half of a surrogate pair")
    return value


def is_unfilled(value: str) -> bool:
    """Whether a merge field such as {{contact.id}} arrived as it stands in the workflow."""
    return "{{" in value and "}}" in value.partition("{{")[2]


def read_identifier(value: Any, limit: int = ID_LIMIT) -> str:
    value = read_text(value, limit)
    if is_unfilled(value):
        raise wrong(
            "unresolved_merge_field",
            "holds a merge field such as {{contact.id}} that the sender did not fill in; "
            "check its spelling in the workflow, and that the trigger provides it",
        )
    return value


def read_name(value: Any) -> str:
    return read_identifier(value, NAME_LIMIT)


def read_line(value: Any) -> str:
    return read_text(value, NAME_LIMIT)


def read_needle(value: Any) -> str:
    return read_text(value, NEEDLE_LIMIT)


# What senders post loses more at its ends than what callers ask for, so that all that is stored
# can be asked for.


def read_sent_identifier(value: Any, limit: int = ID_LIMIT) -> str:
    if isinstance(value, str):
        if value.isascii():
            text = value.strip()
            # Nearly all are so, and four of them are in every event.
            if 0 < len(text) <= limit and "\0" not in text and "{{" not in text:
                return text
        else:
            value = value.strip(BLANKS)
    if isinstance(value, Several):
        for each in value:  # whatever is wrong with one of them comes first
            read_identifier(each, limit)
    return read_identifier(value, limit)


def read_sent_name(value: Any) -> str:
    return read_sent_identifier(value, NAME_LIMIT)


def read_sent_line(value: Any) -> str:
    return read_line(trim(value) if isinstance(value, str) else value)


def read_sent_key(value: Any) -> str:
    if value.isascii():
        if len(value) <= NAME_LIMIT and "\0" not in value:  # as nearly all
            return value
    else:
        value = trim_key(value)
    return read_key(value)


def trim_key(name: str) -> str:
    """A property's or field's name without what cannot be seen at its ends; plain blanks stay."""
    trimmed = name.strip(BLANKS)
    return name if trimmed == name.strip(ASCII_BLANKS) else trimmed


def read_timestamp(value: Any) -> int:
    """Milliseconds UTC from UNIX seconds (below 1e11 in size), UNIX milliseconds or ISO 8601.

    A number that is plausibly something else is an error, and never a moment in 1970.
    """
    if isinstance(value, str):
        text = trim(value)
        if not NUMBER.fullmatch(text):
            return read_iso(text)
        value = float(text)
    if not is_number(value):
        if isinstance(value, Several):
            raise twice()
        raise wrong("timestamp", f"must be {TIMESTAMP_FORMS}")
    if 0 <= value < LEAST_UNIX_SECONDS:
        raise wrong("timestamp", f"{seeming_date(value)}; must be {TIMESTAMP_FORMS}")
    # 12 digits, which would be a moment in 1976, or 14
    has_time = 1.97e11 < value < 2.2e11 or 1.97e13 < value < 2.2e13
    if has_time and is_written_out(value, "%Y%m%d%H%M", "%Y%m%d%H%M%S"):
        hint = "looks like a date and time without separators (write 2026-01-31T12:00:00Z)"
        raise wrong("timestamp", f"{hint}; must be {TIMESTAMP_FORMS}")
    milliseconds = value * 1000 if abs(value) < 1e11 else value
    return check_range(round(milliseconds))


def seeming_date(value: float) -> str:
    """What a number seems to be that is too small for a UNIX time."""
    if is_written_out(value, "%Y%m%d"):
        return "looks like a date without separators (write 2026-01-31)"
    if 1900 <= value < 2200 and value == int(value):
        return "looks like a year alone (write 2026-01-31)"
    if 20_000 <= value < 110_000:  # from 1954 to 2201
        return (
            "looks like the number by which a spreadsheet stores a date (46024 is 2026-01-02; "
            "give the cells the format of a date, such as 2026-01-31)"
        )
    return "is too small for a UNIX time of today"


def is_written_out(value: float, *layouts: str) -> bool:
    """Whether a number's digits are a date from 1970 to 2199 in one of these layouts."""
    if value != int(value):
        return False
    digits = str(int(value))
    for layout in layouts:
        with contextlib.suppress(ValueError):
            moment = datetime.strptime(digits, layout)
            # strptime takes a digit for a month, too
            if 1970 <= moment.year < 2200 and moment.strftime(layout) == digits:
                return True
    return False


def is_number(value: Any) -> bool:
    """Whether the value is a finite number; booleans are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def read_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(check_characters(text).upper())  # t and z may be small
    except ValueError:
        return check_range(read_leap_second(text))
    if moment.tzinfo is None and DAY_WITH_OFFSET.match(text):
        hint = "is a day with an offset (write 2026-01-31T00:00:00+02:00)"
        raise wrong("timestamp", f"{hint}; must be {TIMESTAMP_FORMS}")
    return check_range(since_epoch(moment))


def read_leap_second(text: str) -> int:
    """23:59:60 of a day, in UTC or of the sender's own, as the second after it."""
    match = LEAP_SECOND.fullmatch(text.upper())
    try:
        before = f"{match[1]}59{match[2]}" if match else ""
        moment = datetime.fromisoformat(check_characters(before))
    except ValueError:
        raise wrong("timestamp", f"must be {TIMESTAMP_FORMS}") from None
    milliseconds = since_epoch(moment)
    is_last_minute = milliseconds % DAY_MS >= DAY_MS - 60_000
    if not is_last_minute and (moment.hour, moment.minute) != (23, 59):
        raise wrong("timestamp", f"must be {TIMESTAMP_FORMS}")
    return milliseconds + 1000


def since_epoch(moment: datetime) -> int:
    """Milliseconds; one without an offset is in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def check_range(milliseconds: int) -> int:
    if not 0 <= milliseconds < YEAR_2200:
        raise wrong("timestamp_range", f"is outside of 1970 to 2199; must be {TIMESTAMP_FORMS}")
    return milliseconds


@functools.lru_cache(4096)  # an event shows one time twice, and every query the same buckets
def iso(milliseconds: int | None) -> str | None:
    """2026-01-02T03:04:05.678Z"""
    if milliseconds is None:
        return None
    seconds, fraction = divmod(milliseconds, 1000)
    return f"{iso_second(seconds)}.{fraction:03}Z"


@functools.lru_cache(4096)  # what arrives together shares its second: a third of the time
def iso_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def read_property(value: Any) -> str | int | float:
    if isinstance(value, str):
        return check_characters(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise wrong("number_too_large", "is not a finite number")
        return value
    if isinstance(value, Several):
        raise twice()
    if isinstance(value, bool) or not isinstance(value, int):
        kind = JSON_KINDS.get(type(value), "this")
        raise wrong("property_type", f"must be text or a number, not {kind}")
    if not is_sqlite_integer(value):
        raise wrong("number_too_large", "is too large for an exact number; send it as text")
    return value


def check_properties(properties: dict[str, Any]) -> dict[str, Any]:
    """Every query over an event's name reads them, and answers show them."""
    if len(properties) > PROPERTY_LIMIT:
        raise wrong(
            "too_many", f"must be {PROPERTY_LIMIT:,} properties at most, not {len(properties):,}"
        )
    size = len(to_json(properties))
    if size > PROPERTIES_LIMIT:
        raise wrong(
            "too_large", f"must have {PROPERTIES_LIMIT:,} bytes as JSON at most, not {size:,}"
        )
    return properties


def read_entries(
    value: Any, read_value: Callable[[Any], Any], limit: int = ERRORS_LIMIT
) -> dict[str, Any]:
    """An object, of which each value is read. Raises a ValidationError with all that are wrong.

    Of more than `limit` wrong ones it has one more than that.
    """
    if not isinstance(value, dict):
        raise wrong("object_type", "must be a JSON object")
    entries = {}
    faults: list[InitErrorDetails] = []
    for name, each in value.items():
        try:
            key = read_sent_key(name)
            entries[key] = read_value(each)
        except PydanticCustomError as error:
            faults.append(fault_at((name,), error))
            if len(faults) > limit:
                break
    if faults:
        raise ValidationError.from_exception_data("object", faults)
    return entries


def fault_at(location: tuple[str | int, ...], error: PydanticCustomError) -> InitErrorDetails:
    """An error of a part of a model, as pydantic takes it."""
    return {"type": error, "loc": location, "input": None}


def read_event_properties(value: Any, info: ValidationInfo) -> dict[str, Any]:
    """The context may say of how many errors there are to be told at most."""
    limit = info.context["errors_limit"] if info.context else ERRORS_LIMIT
    return check_properties(read_entries(value, read_property, limit))


JSON_KINDS = {type(None): "null", bool: "true or false", dict: "an object", list: "a list"}


def is_sqlite_integer(value: int) -> bool:
    """Whether it fits into the 64 bits of SQLite's integers."""
    return -(2**63) <= value < 2**63


def number_text(value: float) -> str:
    """The shortest text that reads back as the number, written as JavaScript writes it."""
    text = repr(value).removesuffix(".0")
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(text), "f")
    return text.replace("e-0", "e-")


# Amounts: numbers as people write them

AMOUNT_LIMIT = 100  # characters
HIDDEN = dict.fromkeys(map(ord, set(BLANKS) - set(WHITE_SPACE)))  # as around signs in Hebrew
CURRENCY_SIGNS = (
    r"$\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20c0"
    r"\ua838\ufdfc\ufe69\uff04\uffe0\uffe1\uffe5\uffe6"
)
CURRENCY = rf"(?:[A-Z]{{0,3}}[{CURRENCY_SIGNS}]|[A-Z]{{3}}|(?:kr|zł|Kč|Ft|Fr|Rs|R)\.?)"
MINUS = "-\u2212"


def amount_pattern(comma: str, point: str) -> re.Pattern:
    """An amount whose thousands are parted by the comma, or by blanks or apostrophes."""
    grouped = (
        rf"[1-9][0-9]{{0,2}}(?:(?P<comma>[{comma}\s'\u2019])[0-9]{{3}})(?:(?P=comma)[0-9]{{3}})*"
    )
    indian = rf"[1-9][0-9]?(?:[{comma}][0-9]{{2}})+[{comma}][0-9]{{3}}"
    return re.compile(
        rf"(?:(?P<sign>[{MINUS}+])\s*{CURRENCY}?|{CURRENCY}?\s*(?P<inner>[{MINUS}+]?)"
        rf"|{CURRENCY}?\s*(?P<open>\()\s*{CURRENCY}?)\s*"
        rf"(?=[{point}]?[0-9])(?P<whole>{grouped}|{indian}|[0-9]*)"
        rf"(?:[{point}](?P<fraction>[0-9]*|[-\u2013\u2014]{{1,2}}))?"
        rf"\s*{CURRENCY}?\s*(?(open)\))"
    )


AMOUNTS = {"1,234.5": amount_pattern(",", "."), "1.234,5": amount_pattern(".", ",")}


def read_amount(text: str | None, numbers: str) -> int | float | None:
    """The number that a text such as "$1,200.50" or "1.200,50 €" spells, where numbers are written
    like `numbers`; None where it spells none.

    A currency's sign or code may stand before or after it; a minus or parentheses make it negative.
    """
    if text is None or len(text) > AMOUNT_LIMIT:
        return None
    match = AMOUNTS[numbers].fullmatch(text.translate(HIDDEN).strip())
    if match is None:
        return None
    whole = "".join(re.findall("[0-9]", match["whole"]))
    fraction = (match["fraction"] or "").strip("-\u2013\u2014")
    amount = float(f"{whole or 0}.{fraction}") if fraction else int(whole)
    if not is_sqlite_integer(round(amount)):
        amount = float(amount)
    is_negative = match["open"] or (match["sign"] or match["inner"] or "+") in MINUS
    return -amount if is_negative else amount


def read_key(value: Any) -> str:
    """A property's or field's name, as it came."""
    if len(value) > NAME_LIMIT:
        raise wrong("too_long", f"is a name of more than {NAME_LIMIT:,} characters")
    return check_characters(value)


# Files of the system's database that are no zone of their own, but a server's setting, a stand-in,
# or another reckoning of the same zones; browsers know none of them.
NO_ZONES = re.compile(r"(localtime|posixrules|Factory)$|(posix|right)/")


@functools.lru_cache(1024)  # every contact that is posted may name one
def is_time_zone(name: str) -> bool:
    """Whether the name is a zone of the IANA database."""
    if not name or NO_ZONES.match(name):
        return False
    try:
        return ZoneInfo(name).key == name
    except (KeyError, ValueError, OSError):  # unknown, not a plain name, a folder of the database
        return False


def is_zone(value: Any) -> bool:
    """Any text may come here, and is_time_zone remembers what it is asked: not a long one."""
    return isinstance(value, str) and len(value) <= ID_LIMIT and is_time_zone(trim(value))


def check_zone(name: str) -> str:
    if not is_time_zone(name):
        raise wrong("time_zone", "must be an IANA time zone such as Europe/Berlin")
    return name


def read_zone(value: Any) -> str:
    return check_zone(read_sent_identifier(value))


# Times of a zone

# Days and times without an offset are read as naive: which moments they are depends on a zone.
LocalTime = date | datetime
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
OFFSET = re.compile(r"(Z|[+-][0-9]{2}(:?[0-9]{2}){0,2}(\.[0-9]+)?)$", re.IGNORECASE)


def read_day_or_time(value: Any) -> LocalTime | int:
    """A date (2026-01-31) or a time without an offset (2026-01-31T09:00), which count in the zone
    of the query, or the milliseconds UTC of any other timestamp."""
    if isinstance(value, str):
        value = trim(value)
        if not value:
            raise wrong("timestamp", "must be a day such as 2026-01-31, or a time")
        if DAY.fullmatch(value):
            return read_day(value)
    milliseconds = read_timestamp(value)
    if is_without_offset(value):
        return datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)
    return milliseconds


def read_day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong("date", "is not a day of the calendar") from None
    if not 1970 <= day.year < 2200 and day != date(2200, 1, 1):
        raise wrong("timestamp_range", "is outside of 1970 to 2199")
    return day


def is_without_offset(timestamp: Any) -> bool:
    """Whether a timestamp that can be read is an ISO 8601 time that names no offset."""
    if not isinstance(timestamp, str):
        return False
    text = trim(timestamp)
    return not NUMBER.fullmatch(text) and not OFFSET.search(text)


def is_local(moment: LocalTime | int | None) -> bool:
    return isinstance(moment, date)  # of which a datetime is a kind


def is_day(moment: LocalTime | int) -> bool:
    return isinstance(moment, date) and not isinstance(moment, datetime)


def clock_time(local: LocalTime) -> datetime:
    """A time on the clock; of a day its midnight."""
    return local if isinstance(local, datetime) else datetime(local.year, local.month, local.day)


def local_time(milliseconds: int, zone: ZoneInfo) -> datetime:
    """To the second."""
    return datetime.fromtimestamp(milliseconds // 1000, zone)


def first_second(seconds: range, holds: Callable[[int], bool]) -> int:
    """The first of these seconds at which something holds that holds from then on; else their end.

    How the clock of a zone changes is known only by asking what it shows.
    """
    return seconds.start + bisect.bisect_left(seconds, True, key=holds)


def moment_at(clock: datetime, zone: Any) -> int:
    """When the clock of a zone shows a time: the first time that it does, unless `fold` says the
    second. Where it skips the time, the moment after the skip. Milliseconds UTC."""
    local = clock.replace(microsecond=0, tzinfo=zone)
    second = int(local.timestamp())
    if shown_time(second, zone) == local.replace(tzinfo=None):
        return second * 1000 + clock.microsecond // 1000
    # It is never shown. Read with the offset from after the skip (fold=1), it is a second before
    # the skip; with the offset from before it, a second after.
    before = int(local.replace(fold=1).timestamp())
    after = int(local.replace(fold=0).timestamp())
    wanted = local.replace(tzinfo=None)
    return 1000 * first_second(range(before, after), lambda each: shown_time(each, zone) >= wanted)


def shown_time(second: int, zone: Any) -> datetime:
    """What the clock shows, without the zone."""
    return datetime.fromtimestamp(second, zone).replace(tzinfo=None)


def exact_clock(milliseconds: int, zone: ZoneInfo) -> datetime:
    """What the clock shows, without the zone but for `fold`."""
    clock = local_time(milliseconds, zone)
    return clock.replace(microsecond=milliseconds % 1000 * 1000, tzinfo=None)


def day_start(day: date, zone: ZoneInfo) -> int:
    """The first midnight of a day in its zone; where the clock skips midnight, or the day, the
    moment after the skip."""
    return moment_at(datetime(day.year, day.month, day.day), zone)


def moment_of(moment: LocalTime | int, zone: Any) -> int:
    """Milliseconds UTC. A day begins in the zone, and a time without an offset is there."""
    return moment_at(clock_time(moment), zone) if is_local(moment) else moment


def read_tags(value: Any) -> list[str]:
    """All the contact's tags, from HighLevel's comma-separated text or from a list of texts."""
    value = joined(value)
    sent = value.split(",") if isinstance(value, str) else value
    if not isinstance(sent, list) or not all(isinstance(tag, str) for tag in sent):
        raise wrong("tags", "must be a list of texts, or one text with commas")
    trimmed = map(trim, sent)
    tags = list(dict.fromkeys(tag for tag in trimmed if tag))
    if len(tags) > TAGS_LIMIT:
        raise wrong("too_many", f"must be {TAGS_LIMIT:,} tags at most, not {len(tags):,}")
    if sum(len(tag.encode("utf-8", "replace")) for tag in tags) > TAGS_BYTES:
        raise wrong("too_long", f"must have {TAGS_BYTES:,} bytes at most, all tags together")
    return [read_text(tag, TAG_LIMIT) for tag in tags]


def read_scalar(value: Any) -> Any:
    """A contact's field: text, number or boolean, or null to clear it."""
    if value is None or isinstance(value, bool):
        return value
    return read_property(value)


def read_contact_fields(value: Any) -> dict[str, Any]:
    """All that are wrong are told, for the others are stored."""
    if isinstance(value, dict) and len(value) > FIELDS_LIMIT:
        raise wrong("too_many", f"must be {FIELDS_LIMIT:,} at most, not {len(value):,}")
    return read_entries(value, read_scalar, FIELDS_LIMIT)


# Addresses of mail, and hosts

MAIL_ADDRESS_LIMIT = 254  # characters, which SMTP takes
MAIL_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
MAIL_NAME = re.compile(rf"(?=.{{1,64}}$){MAIL_ATOM}(?:\.{MAIL_ATOM})*")
HOST_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
HOST = re.compile(rf"(?=.{{1,253}}$){HOST_LABEL}(?:\.{HOST_LABEL})*")


def check_one_line(text: str) -> str:
    """What becomes a part of a header must not begin another one."""
    if not text.isprintable():
        raise wrong("line_break", "must not contain a line break or what cannot be printed")
    return text


def ascii_host(name: str) -> str | None:
    """A host's name in ASCII and small letters; None where it is none."""
    try:
        host = name.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return None
    return host if HOST.fullmatch(host) else None


def url_host(url: SplitResult) -> str:
    """The host of a URL, a name in ASCII or an address, and "" without one. Raises ValueError."""
    host = url.hostname or ""
    return host and (ascii_host(host) or str(ipaddress.ip_address(host)))


def read_mail_address(value: Any) -> str:
    """One address and nothing beside it, its host in ASCII."""
    text = check_one_line(read_text(trim(value) if isinstance(value, str) else value, ID_LIMIT))
    if text.count("@") > 1 or "," in text or ";" in text:
        raise wrong("several", "must be one address; give each an entry of its own")
    name, _, host_name = text.partition("@")
    host = ascii_host(host_name)
    if not MAIL_NAME.fullmatch(name) or host is None or len(text) > MAIL_ADDRESS_LIMIT:
        raise wrong("mail_address", "must be an address alone, such as ana@example.com")
    return f"{name}@{host}"


def plain(reader: Callable, schema: dict) -> Any:
    """An annotated type that is read by our function and described by this JSON schema."""
    return Annotated[Any, PlainValidator(reader), WithJsonSchema(schema)]


ID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": ID_LIMIT}
NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT}
Identifier = plain(read_identifier, ID_SCHEMA)
SentIdentifier = plain(read_sent_identifier, ID_SCHEMA)
Name = plain(read_name, NAME_SCHEMA)
SentName = plain(read_sent_name, NAME_SCHEMA)
Timestamp = plain(
    read_timestamp,
    {"anyOf": [{"type": "number"}, {"type": "string"}], "description": TIMESTAMP_FORMS},
)
PROPERTY_SCHEMA = {
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}],
    "description": "null counts as left out",
}
EventProperties = plain(
    read_event_properties,
    {
        "type": "object",
        "additionalProperties": PROPERTY_SCHEMA,
        "maxProperties": PROPERTY_LIMIT,
    },
)
SCALAR_SCHEMA = {
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]
}
ContactFields = plain(
    read_contact_fields,
    {"type": "object", "additionalProperties": SCALAR_SCHEMA, "maxProperties": FIELDS_LIMIT},
)
Zone = plain(read_zone, {"type": "string", "description": "an IANA time zone"})
DayOrTime = plain(
    read_day_or_time,
    {
        "anyOf": [{"type": "string"}, {"type": "number"}],
        "description": "a date or a time without an offset, which are those of the zone, or a time",
    },
)
Tags = plain(read_tags, {"type": "array", "items": {"type": "string"}, "maxItems": TAGS_LIMIT})
Line = plain(read_line, NAME_SCHEMA)
SentLine = plain(read_sent_line, NAME_SCHEMA)
Needle = plain(read_needle, {"type": "string", "minLength": 1, "maxLength": NEEDLE_LIMIT})
MailAddress = plain(
    read_mail_address, {"type": "string", "format": "email", "maxLength": MAIL_ADDRESS_LIMIT}
)
Moment = Annotated[Any, WithJsonSchema({"type": "string", "format": "date-time"})]
Limit = Annotated[int, Field(ge=1, le=500)]


def cursor_of(*kinds: type) -> Any:
    """The type of a list's `next`, opaque to callers: the last row's sort key, of these types."""
    return plain(functools.partial(read_cursor, kinds=kinds), {"type": "string"})


def read_cursor(value: Any, kinds: tuple[type, ...]) -> list:
    try:
        sort_key = from_json(base64.urlsafe_b64decode(value))
    except (TypeError, ValueError):
        sort_key = None
    if not isinstance(sort_key, list) or tuple(map(type, sort_key)) != kinds:
        raise wrong("cursor", "must be the `next` of an earlier answer")
    if not all(is_sqlite_integer(part) for part in sort_key if isinstance(part, int)):
        raise wrong("cursor", "must be the `next` of an earlier answer")
    return sort_key


def write_cursor(sort_key: tuple) -> str:
    return base64.urlsafe_b64encode(to_json(sort_key)).decode()


def as_answer(record: Mapping[str, Any], columns: Mapping[str, Callable | None]) -> dict:
    """A row as answers show it: these columns in this order, each through its converter, if any."""
    content = {}
    for name, convert in columns.items():
        content[name] = record[name] if convert is None else convert(record[name])
    return content


# Of texts, at which a page ends, lest it fill the memory: JSON may take fifteen times as much as
# objects of Python.
PAGE_BYTES = 2 * MEGABYTE
NAMES_LIMIT = 20_000  # of property keys, of contact fields, of tags in an answer
WHOLE_LIST_LIMIT = 50_000  # rows of a list without pages
NAMED_BYTES = MEGABYTE  # of JSON, out of which such names are read


def page(
    noun: str,
    lists: Iterable[Iterable[dict]],
    limit: int,
    order: tuple[str, ...],
    out: Callable[[dict], dict],
    read: Callable[[dict], dict] = lambda key: key,
) -> dict:
    """The first `limit` rows of several lists, which are ordered by these columns, newest first.

    Each list must hold a row more than `limit` if there is a next page. One that several lists hold
    is there once. Several lists hold only what `read` finds a row by, for the next row of each
    waits in memory. A page of large rows ends early, at PAGE_BYTES.
    """

    def sort_key(record: dict) -> tuple:
        return tuple(record[name] for name in order)

    shown: list[dict] = []
    size = 0
    last = None
    cursor = None
    for key in heapq.merge(*lists, key=sort_key, reverse=True):
        if sort_key(key) == last:
            continue
        if len(shown) == limit or size > PAGE_BYTES:
            cursor = write_cursor(last)
            break
        last = sort_key(key)
        record = read(key)
        shown.append(out(record))
        size += size_of(record)
    return {noun: shown, "next": cursor}


class Room:
    """How much an answer may hold of what can be as many, and as long, as senders like."""

    def __init__(self, names: int = NAMES_LIMIT, characters: int = PAGE_BYTES):
        self.names = names
        self.characters = characters

    def take(self, name: str) -> bool:
        """Whether there is room for one more, which then is taken."""
        self.names -= 1
        self.characters -= len(name)
        return not self.is_exceeded

    @property
    def is_exceeded(self) -> bool:
        return self.names < 0 or self.characters < 0


def too_many(nouns: str) -> Invalid:
    return answer_too_large(
        "?location_id", f"there are too many {nouns} for one answer; ask for one location_id"
    )


def size_of(record: Mapping[str, Any]) -> int:
    """How long the texts of a row are, and those of its lists."""
    size = 0
    for value in record.values():
        if isinstance(value, (str, bytes)):
            size += len(value)
        elif isinstance(value, list):
            size += sum(map(len, value))
    return size


# So that a turn stays short:
DELETE_STEP = 1_000  # rows that one request deletes at most
SEARCH_SECONDS = 1  # in which they must be found
MOVE_STEP = 1_000  # events that it moves at most to another name
PREVIEW_LIMIT = 1_000_000  # rows that a preview counts at most
COUNT_LIMIT = 10_000  # rows that it counts at most of what remains


####################################################################################################
# configuration
####################################################################################################

ENV_PREFIX = "STREAMLINED_"


def check_admin_key(token: str) -> str:
    """A token that a header can carry as it stands."""
    if token and not re.fullmatch("[!-~]{16,}", token):
        raise wrong(
            "admin_key", "needs 16 characters or more, all of them ASCII and none of them a blank"
        )
    return token


def check_public_url(text: str) -> str:
    """Without a slash at its end, its host in ASCII, as a header takes it. The page and the API
    have their paths from the root on."""
    if not text:
        return ""
    form = r"(https?://)([\w.-]+|\[[0-9a-fA-F:.]{2,45}\])(:[0-9]{1,5})?/?"
    parts = re.fullmatch(form, text)
    host = parts and (parts[2] if parts[2].startswith("[") else ascii_host(parts[2]))
    if not host:
        raise wrong(
            "public_url",
            "must be http:// or https:// and a host, perhaps with a port, and nothing behind it, "
            "such as https://events.example.com",
        )
    return f"{parts[1]}{host}{parts[3] or ''}"


def check_time(text: str) -> str:
    if text:
        read_timestamp(text)
    return text


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    tls: Literal["starttls", "on", "off"]
    user: str = ""
    password: str = field(default="", repr=False)


SMTP_URL_FORM = "must be smtp://user:password@host:587, or smtps:// for a port that begins with TLS"


def read_smtp_url(text: str) -> MailServer:
    """Raises errors whose messages have no part of the text, for that holds a password."""
    try:
        url = urlsplit(text)
        host, port = url_host(url), url.port
    except ValueError:
        raise wrong("smtp_url", SMTP_URL_FORM) from None
    is_known = url.scheme in ("smtp", "smtps") and url.path in ("", "/") and not url.fragment
    if not is_known or not host or port == 0 or url.query not in ("", "tls=off"):
        raise wrong("smtp_url", SMTP_URL_FORM)
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if not (user + password).isprintable() or bool(user) != bool(password):
        raise wrong(
            "smtp_url",
            "needs both a user and a password, or none; write @ : / # % in them as %40"
            " %3A %2F %23 %25",
        )
    tls = "on" if url.scheme == "smtps" else "starttls"
    if url.query:
        if tls == "on" or not is_this_machine(host):
            raise wrong(
                "smtp_url", "tls=off is for smtp:// and a mail server on this machine (localhost)"
            )
        tls = "off"
    return MailServer(host, port or (465 if tls == "on" else 587), tls, user, password)


def is_this_machine(host: str) -> bool:
    """Whether a host says of itself that it is this one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_smtp_url(text: str) -> str:
    if text:
        read_smtp_url(text)
    return text


def read_sender(text: str) -> Address:
    """An address, or a name and an address: Acme Reports <reports@acme.com>."""
    name, bracket, rest = check_one_line(text.strip()).rpartition("<")
    if not bracket:
        return Address(addr_spec=read_mail_address(rest))
    if not rest.endswith(">"):
        raise wrong("mail_address", "must be like Acme Reports <reports@acme.com>")
    return Address(name.strip(' "'), addr_spec=read_mail_address(rest[:-1]))


def check_sender(text: str) -> str:
    if text:
        read_sender(text)
    return text


def read_webhook_secret(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise wrong(
            "webhook_secret",
            "must be 24 to 64 random bytes in base64, as openssl rand -base64 32 "
            "prints them, with or without whsec_ before them",
        )
    return key


def check_webhook_secret(text: str) -> str:
    if text:
        read_webhook_secret(text)
    return text


class Config(BaseModel):
    """Every setting, once.

    Flags (`--public-url`), variables (`STREAMLINED_PUBLIC_URL`), their help and the README's table
    derive from these fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str = Field(
        "./streamlined-lite.db",
        min_length=1,
        description="the SQLite file; for serve also :memory:",
    )
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: Annotated[str, AfterValidator(check_public_url)] = Field(
        "",
        description="address that links and curl lines show, without a path, such as "
        "https://events.example.com",
    )
    admin_key: Annotated[str, AfterValidator(check_admin_key)] = Field(
        "",
        repr=False,
        description="an admin key that works while set (16 characters or more) and is never "
        "stored; only as a variable, for CI and containers",
    )
    admin_key_file: str = Field(
        "",
        description="a file with an admin key (16 characters or more) that works while this runs "
        "and is never stored",
    )
    time_zone: Annotated[str, AfterValidator(check_zone)] = Field(
        "UTC", description="IANA time zone for days and weeks where no location has one"
    )
    connection_limit: int = Field(
        1000,
        ge=10,
        le=100_000,
        description="connections open at once; beyond that, those of unknown senders that have "
        "been idle longest are closed",
    )
    buffer_limit: int = Field(
        64,
        ge=16,
        le=100_000,
        description="megabytes of large requests that arrive and of answers that are not taken, of "
        "all connections together; one key may have half of them",
    )
    idle_timeout: int = Field(
        120, ge=1, le=3600, description="seconds after which a silent connection is closed"
    )
    request_timeout: int = Field(
        60, ge=1, le=3600, description="seconds in which a request must have arrived"
    )
    read_threads: int = Field(
        4,
        ge=1,
        le=64,
        description="threads that answer reads; fewer where a quarter of the memory has less than "
        "64 MB for each",
    )
    keep_rejections: int = Field(
        10_000, ge=1, le=1_000_000, description="refused bodies to keep at most"
    )
    keep_rejections_mb: int = Field(
        100, ge=1, le=100_000, description="megabytes of refused bodies to keep at most"
    )
    keep_rejections_days: int = Field(
        90, ge=1, le=36_500, description="days to keep a refused body"
    )
    backup_folder: str = Field(
        "",
        description="where backup writes to, so that an alert, and check, can tell that the newest "
        "is old",
    )
    log_requests: bool = Field(False, description="print a line for every request")
    send: bool = Field(
        False,
        description="also send what alerts and reports have to tell, as streamlined-lite send does",
    )
    smtp_url: Annotated[str, AfterValidator(check_smtp_url)] = Field(
        "",
        repr=False,
        description="the mail server, smtp://user:password@host:587, with TLS from STARTTLS on; "
        "smtps:// for TLS from the beginning; ?tls=off behind it for none, on this machine only; "
        "only as a variable",
    )
    mail_from: Annotated[str, AfterValidator(check_sender)] = Field(
        "",
        description="the sender of mails, such as Acme Reports <reports@acme.com>; left out, the "
        "user of the mail server where that is an address",
    )
    webhook_secret: Annotated[str, AfterValidator(check_webhook_secret)] = Field(
        "",
        repr=False,
        description="signs webhooks by HMAC-SHA256, as in Standard Webhooks: 24 to 64 bytes in "
        "base64; only as a variable",
    )
    allow_private_webhooks: bool = Field(
        False, description="webhooks may go to this machine and to private networks"
    )
    fixed_time: Annotated[str, AfterValidator(check_time)] = Field(
        "",
        description="the server's clock stands still at this time, such as 2026-01-01T00:00:00Z, "
        "for runs that can be repeated",
    )

    def __init__(self, **settings: Any):
        """Raises WrongSettings, which names all that are wrong."""
        try:
            super().__init__(**settings)
        except ValidationError as error:
            findings = error.errors(include_input=False)
            messages = {str(finding["loc"][0]): finding["msg"] for finding in findings}
            raise WrongSettings(messages) from None


# Settings without a flag, which other users of the machine could read.
SECRETS = ("admin_key", "smtp_url", "webhook_secret")


def load_config(environ: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """Flags before variables before defaults. Raises ConfigError that names every wrong setting."""
    names = {ENV_PREFIX + name.upper(): name for name in Config.model_fields}
    variables = {name: value for name, value in environ.items() if name.startswith(ENV_PREFIX)}
    unknown = sorted(variables.keys() - names.keys())
    if unknown:
        raise ConfigError(f"unknown setting {', '.join(unknown)}; known are {', '.join(names)}")
    values = {names[name]: value for name, value in variables.items()} | dict(flags)
    troubles = []
    try:
        values |= read_admin_key(values.get("admin_key_file", ""))
    except ConfigError as error:
        troubles.append(str(error))
    try:
        config = Config(**values)
    except WrongSettings as error:
        troubles += [f"{setting_name(name)}: {message}" for name, message in error.messages.items()]
    if troubles:
        raise ConfigError(f"wrong setting {'; '.join(troubles)}")
    return config


def setting_name(name: str) -> str:
    """--idle-timeout (STREAMLINED_IDLE_TIMEOUT)"""
    variable = ENV_PREFIX + name.upper()
    if name in SECRETS:
        return variable
    return f"--{name.replace('_', '-')} ({variable})"


def read_admin_key(path: str) -> dict[str, str]:
    """The setting that comes from the file, if one is named."""
    if not path:
        return {}
    try:
        token = Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise unreadable_admin_key(path, error.strerror) from None
    except ValueError:  # not UTF-8, or a path with NUL
        raise unreadable_admin_key(path, "not UTF-8 text") from None
    if not token:
        raise ConfigError(f"{setting_name('admin_key_file')}: {path!r} is empty")
    return {"admin_key": token}


def unreadable_admin_key(path: str, reason: str) -> ConfigError:
    return ConfigError(f"{setting_name('admin_key_file')}: cannot read {path!r}: {reason}")


def system_clock() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def clock_of(config: Config) -> Callable[[], int]:
    """The system's clock, or one that stands still."""
    if not config.fixed_time:
        return system_clock
    now = read_timestamp(config.fixed_time)
    return lambda: now


####################################################################################################
# statements
####################################################################################################


def data_folder() -> Path:
    """Where sql/ and static/ are: streamlined_lite_data in a wheel, else beside this file."""
    here = Path(__file__).resolve().parent
    installed = here / "streamlined_lite_data"
    return installed if installed.is_dir() else here


def load_statements(folder: Path) -> dict[str, str]:
    """sql/events.upsert.sql is SQL["events.upsert"], without the comments."""
    statements = {}
    for path in sorted(folder.glob("*.sql")):
        text = re.sub(r"^--.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
        statements[path.stem] = text.strip()
    return statements


SQL = load_statements(data_folder() / "sql")
# Statements with named holes such as {filters}, which only the metric compiler fills.
TEMPLATES = load_statements(data_folder() / "sql" / "templates")
HOLE = re.compile(r"\{(\w+)\}")  # no statement of SQL has braces but in texts, and then not these


def fill_template(template: str, **fragments: str) -> str:
    return HOLE.sub(lambda hole: fragments[hole[1]], TEMPLATES[template])


def rows(connection: apsw.Connection, statement: str, **binds: Any) -> list[dict]:
    """All rows of a statement of sql/ as dictionaries; the statement has run to its end."""
    return list(stream(connection, statement, **binds))


def stream(connection: apsw.Connection, statement: str, **binds: Any) -> Iterator[dict]:
    """The same, one at a time, as the statement finds them."""
    return dictionaries(connection.execute(SQL[statement], binds))


def dictionaries(cursor: apsw.Cursor) -> Iterator[dict]:
    """Raises CorruptError for a text that nobody can have stored."""
    names: list[str] = []
    try:
        for values in cursor:
            names = names or [column[0] for column in cursor.description]
            yield dict(zip(names, values, strict=True))
    except UnicodeDecodeError:
        raise apsw.CorruptError("a text is not UTF-8") from None


def row(connection: apsw.Connection, statement: str, **binds: Any) -> dict | None:
    """The only row, or the first; the statement has run to its end, as one with RETURNING must."""
    records = rows(connection, statement, **binds)
    return records[0] if records else None


def row_of_id(connection: apsw.Connection, statement: str, **key: int) -> dict | None:
    """The row that an id from a body names; none has one beyond SQLite's integers."""
    (number,) = key.values()
    return row(connection, statement, **key) if is_sqlite_integer(number) else None


def scalar(connection: apsw.Connection, statement: str, **binds: Any) -> Any:
    """The only column of the only row, or None without a row; the statement has run to its end."""
    return connection.execute(SQL[statement], binds).get


def change(connection: apsw.Connection, statement: str, **binds: Any) -> int:
    """Runs a statement that writes; how many rows it touched itself, its triggers aside."""
    connection.execute(SQL[statement], binds).fetchall()
    return connection.changes()


####################################################################################################
# database
####################################################################################################

APPLICATION_ID = 0x534C4954  # "SLIT"
BUSY_SECONDS = 5  # how long a writer waits for another process before its request gets 429
# A checkpoint begins whenever the WAL has grown by as many pages (16 MB), and from this size on
# (64 MB) one that also starts the WAL anew, for a moment without writers.
CHECKPOINT_PAGES = 4_000
RESTART_PAGES = 16_000
KEPT_MESSAGES = 10_000  # beside those that wait
KEPT_MESSAGES_DAYS = 90
PRUNE_STEP = 100  # rejections that may be over their number until they are pruned
TRIGGER_DEPTH = 10  # of ours, a location's takes three
# How often turns and reads look whether the file and its WAL still have their names; what goes away
# within that might as well have done so after the answer. And how often they compare all of it.
FILE_LOOK_SECONDS = 0.0005
FILE_COMPARE_SECONDS = 0.02
# From this size on (128 MB) reads are stopped for that, and the WAL is cut.
LARGE_PAGES = 32_000
HOLD_SECONDS = 0.2  # that new reads wait at most for those under way, lest the WAL become large
GRACE_SECONDS = 1  # that those have when it is large, and then again to end
# After which reads are held again, where somebody else's keep the WAL
FOREIGN_READ_SECONDS = 30
BEGIN_ATTEMPTS = 10  # of 20 ms, to begin the WAL anew beside a busy writer
RETRY_SECONDS = 5  # after which a large WAL is looked at again, though it has not grown
READ_LIMIT = 4 * MEGABYTE  # of a text or a row that a reader takes; fewer are stored
MAINTENANCE_SECONDS = 60  # how often last_used_at is written and rejections are pruned
# How long the system's clock must have gone evenly before anything is deleted for its age: since
# the start, and since it was last set.
EVEN_SECONDS = 3_600
EVEN_SECONDS_AFTER_SETTING = 86_400


class Database:
    """One SQLite file: the only writing connection, a reading one for each thread, and the turn.

    A *turn* is one transaction that many requests share; a request is a savepoint in it. The server
    opens turns itself (`take_turns`); under any other WSGI server each write is a turn of its own,
    under a lock. `:memory:` has one connection, which also reads.
    """

    def __init__(
        self,
        config: Config,
        clock: Callable[[], int] | None = None,
        create: bool = True,
        show: Callable[..., None] | None = None,
        is_open: bool = False,
    ):
        """Opens the file, and upgrades one of an earlier schema. Raises ConfigError.

        `is_open`: another Database of this process has the file open, which is then left to SQLite
        alone: closing it otherwise would end the locks of both (fcntl(2)), and the next process
        that leaves would take the WAL away.

        `show` is called with what is done of a long upgrade and its total; by default the log has
        a line every ten seconds.
        """
        self.config = config
        self.clock = clock or clock_of(config)
        self.path = real_path(config.database)
        self.memory = config.database == ":memory:"
        self.lock = threading.RLock()
        self.turn_thread: int | None = None
        # Why the last turn, or a request in it, failed; None: it did not
        self.trouble: Problem | None = None
        # key_id -> time: not yet written, and written in the running turn
        self.last_used: dict[int, int] = {}
        self.touched: dict[int, int] = {}
        # None: in memory
        self.file: OpenFile | None = None
        # What a request of the running turn met in the file or its disk
        self.fault: apsw.Error | None = None
        # By token, for the running turn: until its end nobody else changes a key
        self.callers: dict[str, Caller] = {}
        # Never for a command, whose settings are not the server's
        self.next_maintenance = time.monotonic() + MAINTENANCE_SECONDS if create else math.inf
        self.next_rejections = 0  # the rejection_id from which on they are pruned again
        self.clock_watch = ClockWatch(self.clock())
        self.readers: list[Connection] = []
        self.reads = Reads()
        self.local = threading.local()
        if not self.memory and not is_open:
            check_file(self.path, create)
        self.writer = open_writer(self.path, show)
        self.writer.set_wal_hook(self._wal_grew)
        self.checkpointer: Checkpointer | None = None
        if not self.memory:
            self.file = OpenFile(self.path)
            self.checkpointer = Checkpointer(self.path, self.file, self.reads)

    # Reading

    @contextlib.contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """A connection that sees one state of the database from the first statement to the last.

        Raises FileGone, from the first damage on that anybody met CorruptError, and TryLater for a
        read that is stopped so that a checkpoint can be.
        """
        if self.memory:
            with self.lock:
                yield self.writer
            return
        self.check_file()
        try:
            if self.turn_thread == threading.get_ident():
                # What the loop reads itself takes no time, and waits for nobody.
                yield self.writer
            else:
                with self.reads.reading(), self._snapshot() as connection:
                    yield connection
        except DAMAGE:
            self.file.is_damaged = True
            raise
        except apsw.InterruptError:
            raise TryLater(READ_STOPPED, "read_stopped", seconds=1) from None

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        connection = self._reader()
        connection.execute("begin")
        try:
            yield connection
        finally:
            if connection.in_transaction:  # a failed read may have ended it
                connection.execute("rollback")

    def _reader(self) -> Connection:
        """The connection of this thread."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = open_connection(self.path, apsw.SQLITE_OPEN_READONLY)
            try:
                self.file.compare()  # another file may just have come under its name
            except apsw.Error:
                connection.close()
                raise
            connection.set_busy_timeout(1000)  # only recovery after a crash can make a reader wait
            connection.limit(apsw.SQLITE_LIMIT_LENGTH, READ_LIMIT)
            connection.add_limit(self.reads.are_to_end)
            self.local.connection = connection
            self.readers.append(connection)
        return connection

    # Writing

    def take_turns(self) -> None:
        """From now on this thread begins and commits the turns, and nobody waits inside SQLite."""
        self.turn_thread = threading.get_ident()
        self.writer.set_busy_timeout(0)

    def in_turn(self) -> bool:
        """Whether a turn of the server is running, which the server commits."""
        if self.turn_thread is None:
            return False
        if self.turn_thread != threading.get_ident() or not self.writer.in_transaction:
            raise RuntimeError("a write outside of a turn")
        return True

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """A turn of our own, where no server takes turns: committed at the end."""
        if self.turn_thread is not None:
            raise RuntimeError("a write outside of a turn of the server")
        with self.lock:
            self.begin()
            try:
                yield
            except BaseException:
                self.roll_back()
                raise
            self.commit()

    def savepoint(self) -> Savepoint:
        """All or nothing for one request."""
        return Savepoint(self)

    def begin(self) -> None:
        """Begins a turn, with the due maintenance in it. Raises apsw.Error, with no turn begun."""
        self.callers.clear()
        try:
            self.check_file()
            self.writer.execute("begin immediate")
            if self.is_maintenance_due():
                self.next_maintenance = time.monotonic() + MAINTENANCE_SECONDS
                self.maintain(self.clock())
        except apsw.Error as error:
            self.roll_back()
            if not isinstance(error, apsw.BusyError):  # a lock may pass before anybody is refused
                self.fail(error)
            raise

    def commit(self) -> None:
        """Returns when the turn is on disk. Raises apsw.Error, with nothing stored that stays."""
        try:
            if isinstance(self.fault, DAMAGE) or not self.writer.in_transaction:
                raise self.fault or apsw.IOError("the turn was rolled back")
            self.limit_rejections()
            self.writer.execute("commit")
            self.check_file()  # what went into a file that has lost its name is not stored
        except apsw.Error as error:
            self.roll_back()
            self.fail(error)
            raise
        self.trouble = None if self.fault is None else problem_of(self.fault)
        self.touched = {}
        self.fault = None

    def check_file(self) -> None:
        """Raises FileGone and CorruptError."""
        if self.file:
            self.file.look()

    def fail(self, error: apsw.Error) -> None:
        """The trouble that writers and /healthz are told of until a write succeeds again."""
        if isinstance(error, DAMAGE) and self.file:
            self.file.is_damaged = True
        problem = problem_of(error)
        is_new = self.trouble is None or self.trouble.code != problem.code
        self.trouble = problem
        if is_new and isinstance(error, FileGone) and self.file.is_in_place():
            # The WAL has lost its name, and the server may be killed: what is in it is saved now.
            with contextlib.suppress(apsw.Error):
                self.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def roll_back(self) -> None:
        self.last_used = self.touched | self.last_used
        self.touched = {}
        self.fault = None
        # A turn that a signal interrupts at its first step ends only after the command has closed.
        with contextlib.suppress(apsw.ConnectionClosedError):
            if self.writer.in_transaction:
                self.writer.execute("rollback")

    def is_maintenance_due(self) -> bool:
        return time.monotonic() >= self.next_maintenance

    def maintain(self, now: int) -> None:
        """What is due once a minute, and not worth a write for every request."""
        self.write_last_used()
        is_even = self.clock_watch.is_even(now)
        prune_rejections(self.writer, self.config, now, is_even)
        prune_messages(self.writer, now, is_even)

    def limit_rejections(self) -> None:
        """As often as some have come, which a trigger may have written, too."""
        newest = scalar(self.writer, "rejections.newest")
        if newest >= self.next_rejections:
            self.next_rejections = newest + PRUNE_STEP
            share_rejections(self.writer, self.config)

    def write_last_used(self) -> None:
        self.touched = self.last_used
        self.last_used = {}
        for key_id, at in list(self.touched.items()):  # a reader's thread may still add to it
            change(self.writer, "keys.touch", key_id=key_id, last_used_at=at)

    def idle(self) -> None:
        """Between turns: due maintenance; after trouble a real write, to see whether it is over."""
        try:
            if self.file:
                self.file.check()
        except apsw.Error as error:
            self.fail(error)
            return
        if self.trouble is None and not self.is_maintenance_due():
            return
        with contextlib.suppress(apsw.Error):  # the next turn meets the same and says so
            self.begin()
            if self.trouble is not None:
                self.writer.pragma("user_version", self.writer.pragma("user_version"))
            self.commit()
        self.roll_back()

    def summary(self) -> str:
        """The line at start and stop: program, file, newest event."""
        try:
            newest = str(scalar(self.writer, "events.newest"))
        except apsw.Error as error:
            newest = f"unknown ({error})"
        return f"Streamlined Lite {__version__}, database {self.path}, newest event_id {newest}"

    def close(self) -> None:
        """Writes what memory holds, moves the WAL into the file and closes."""
        if self.checkpointer:
            self.checkpointer.stop()
        for reader in self.readers:
            with contextlib.suppress(apsw.Error):  # one that is still at work ends with the process
                reader.close()
        with contextlib.suppress(apsw.Error):
            self.roll_back()
            if self.last_used:
                self.begin()
                self.write_last_used()
                self.commit()
        if self.file and not self.file.is_in_place():
            # Else SQLite would delete what has the name of our WAL now.
            self.writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self.file.put_wal_aside()
        self.writer.close()

    def _wal_grew(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if self.checkpointer:
            self.checkpointer.grew(pages)
        return apsw.SQLITE_OK


class Savepoint:
    """All or nothing for one request, as a context manager that gives the writing connection.

    SQLite itself may already have rolled back the whole turn. A class, for a generator would take
    twice the time, and every event passes here.
    """

    __slots__ = ("database",)

    def __init__(self, database: Database):
        self.database = database

    def __enter__(self) -> apsw.Connection:
        self.database.writer.execute("savepoint request")
        return self.database.writer

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        writer = self.database.writer
        if error is None:
            writer.execute("release request")
        elif isinstance(error, Exception):  # a KeyboardInterrupt ends the whole turn
            if isinstance(error, tuple(STORAGE_TROUBLES)):
                self.database.fault = error
            if writer.in_transaction:
                writer.execute("rollback to request; release request")


class ClockWatch:
    """Whether the system's clock can be trusted with what is old enough to be deleted.

    One that was set, by mistake perhaps, runs away from the monotonic clock, or falls behind it.
    """

    def __init__(self, now: int):
        self.ahead = self.lead(now)
        self.even_from = time.monotonic() + EVEN_SECONDS

    def is_even(self, now: int) -> bool:
        """Asked now and then, with the time in milliseconds UTC."""
        ahead = self.lead(now)
        if abs(ahead - self.ahead) > MAINTENANCE_SECONDS:
            self.even_from = time.monotonic() + EVEN_SECONDS_AFTER_SETTING
        self.ahead = ahead
        return time.monotonic() >= self.even_from

    def lead(self, now: int) -> float:
        """By how many seconds the clock is ahead of the monotonic one."""
        return now / 1000 - time.monotonic()


def prune_rejections(
    connection: apsw.Connection, config: Config, now: int, by_age: bool = True
) -> None:
    share_rejections(connection, config)
    if by_age:
        before = now - config.keep_rejections_days * DAY_MS
        change(connection, "rejections.prune_by_age", before=before)


def prune_messages(connection: apsw.Connection, now: int, by_age: bool = True) -> None:
    change(connection, "messages.prune_by_number", number=KEPT_MESSAGES)
    if by_age:
        change(connection, "messages.prune_by_age", before=now - KEPT_MESSAGES_DAYS * DAY_MS)


def share_rejections(connection: apsw.Connection, config: Config) -> None:
    """Prunes the rejections to their number and bytes, the oldest of those who have most first.

    So that what one key or one location has sent takes no other's place, each key has the same
    share, and within it each location.
    """
    senders = rows(connection, "rejections.count_by_sender")
    numbers = sender_shares(senders, "number", config.keep_rejections)
    sizes = sender_shares(senders, "size", config.keep_rejections_mb * 1_000_000)
    for sender, number, size in zip(senders, numbers, sizes, strict=True):
        if number < sender["number"] or size < sender["size"]:
            ids = {"key_id": sender["key_id"], "location_id": sender["location_id"]}
            change(connection, "rejections.prune_by_sender", **ids, number=number, size=size)


def sender_shares(senders: list[dict], measure: str, total: int) -> list[int]:
    """What each of the senders may keep of a total. They are in the order of their keys."""
    amounts = []
    for _, locations in itertools.groupby(senders, key=operator.itemgetter("key_id")):
        amounts.append([location[measure] for location in locations])
    shares = []
    for own_amounts, share in zip(
        amounts, fair_shares(list(map(sum, amounts)), total), strict=True
    ):
        shares += fair_shares(own_amounts, share)
    return shares


def fair_shares(wanted: list[int], total: int) -> list[int]:
    """Divides a total evenly; of what one does not want the others have more."""
    shares = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    for position, index in enumerate(order):
        shares[index] = min(wanted[index], total // (len(wanted) - position))
        total -= shares[index]
    return shares


class OpenFile:
    """The file of an open database, and its WAL and shared memory.

    SQLite goes on with what it has open, whatever happens to the names: then all that is written
    would be gone with the next start, or a file of others be damaged.
    """

    def __init__(self, path: str):
        self.path = path
        self.wal = path + "-wal"
        self.shared_memory = path + "-shm"
        self.numbers = self.find_numbers()
        self.is_damaged = False  # somebody met damage, which only a restart with another file ends
        # time.monotonic() when all was last found in its place, at a look and by its number
        self.looked = -math.inf
        self.compared = -math.inf
        self.told = ""  # what the log said last

    def find_numbers(self) -> list[tuple | None]:
        return [
            file_number(self.path, least_size=1),
            file_number(self.wal),
            file_number(self.shared_memory),
        ]

    def is_in_place(self) -> bool:
        """Whether the file itself is, apart from its WAL."""
        return file_number(self.path, least_size=1) == self.numbers[0]

    def look(self) -> None:
        """Raises FileGone and CorruptError; the log says once what to do.

        Every turn and every read passes here. It asks the WAL for its name alone: after a stat,
        Linux makes the next write dearer, since it is to have a time of its own.
        """
        self.check()
        now = time.monotonic()
        if now - self.looked >= FILE_LOOK_SECONDS:
            if not self.is_in_place() or not os.access(self.wal, os.F_OK):
                self.compare()
            self.looked = now

    def check(self) -> None:
        """The same, for whom a while matters less."""
        if self.is_damaged or time.monotonic() - self.compared >= FILE_COMPARE_SECONDS:
            self.compare()

    def compare(self) -> None:
        """The same, whenever that was last done."""
        if self.is_damaged:
            self.tell(
                f"{self.path} is damaged, so nothing is stored or read any more; stop the server, "
                "restore a backup (streamlined-lite restore), and start it again"
            )
            raise apsw.CorruptError("the database file is damaged")
        numbers = self.find_numbers()
        if numbers != self.numbers:
            self.compared = -math.inf
            advice = self.advice(numbers[0])
            self.tell(advice)
            raise FileGone(advice)
        self.compared = self.looked = time.monotonic()
        self.told = ""

    def advice(self, number: tuple | None) -> str:
        """What happened, where the file's name has this number now, and what to do."""
        if number is None:
            return (
                f"{self.path} was moved, deleted or emptied while it was open, so nothing is "
                "stored or read; put it back with its -wal and -shm, and all goes on, or stop the "
                "server and restore a backup"
            )
        if number != self.numbers[0]:
            return (
                f"another file is at {self.path} now than the one that is open, so nothing is read "
                "or stored in either; put back the first with its -wal and -shm, and all goes on, "
                "or restart the server to go on with the other (the WAL of the first is then kept "
                "beside it, as .replaced-wal)"
            )
        return (
            f"{self.wal} or {self.shared_memory} was moved, deleted or replaced while it was open, "
            "so nothing is stored or read; restart the server, which saves what is in them"
        )

    def tell(self, line: str) -> None:
        if line != self.told:
            self.told = line
            logging.getLogger("streamlined_lite").error("%s", line)

    def put_wal_aside(self) -> None:
        """At the end, where another file has the name of ours: with our WAL it would be damaged."""
        if file_number(self.path, least_size=1) is None:
            return
        kept = f"{self.path}.{stamp(system_clock())}.replaced"
        for suffix, number in (("-wal", self.numbers[1]), ("-shm", self.numbers[2])):
            if number is None or file_number(self.path + suffix) != number:
                continue
            try:
                os.rename(self.path + suffix, kept + suffix)
            except OSError as error:
                self.tell(
                    f"{self.path}{suffix} belongs to the file before, and cannot be moved away "
                    f"({error.strerror}); do so before you start the server again"
                )


def file_number(path: str, least_size: int = 0) -> tuple[int, int] | None:
    """What tells a file from all others, whatever its name; None: there is none of that size."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size >= least_size else None


READ_STOPPED = (
    "The read was stopped: reads that follow one another without a gap keep the file's log (its "
    "-wal) from being emptied, and it had become large. Ask again."
)


class Reads:
    """The reads under way. When a checkpoint needs a moment without them, new ones wait.

    The WAL begins anew only where nobody reads from it: as long as reads overlap, it would grow.
    """

    def __init__(self):
        self.changed = threading.Condition()
        self.number = 0
        self.held_back = False
        self.stopped = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        with self.changed:
            self.changed.wait_for(lambda: not self.held_back)
            self.number += 1
        try:
            yield
        finally:
            with self.changed:
                self.number -= 1
                self.changed.notify_all()

    def are_to_end(self) -> bool:
        return self.stopped

    @contextlib.contextmanager
    def hold_back(self, stop: bool) -> Iterator[bool]:
        """Meanwhile no new read begins. Gives whether none is under way, after a short wait; those
        that take longer are stopped, if they are to be."""
        with self.changed:
            self.held_back = True
        try:
            yield self._end(stop)
        finally:
            with self.changed:
                self.held_back = False
                self.stopped = False
                self.changed.notify_all()

    def _end(self, stop: bool) -> bool:
        with self.changed:
            have_ended = self.changed.wait_for(
                lambda: not self.number, GRACE_SECONDS if stop else HOLD_SECONDS
            )
            if stop and not have_ended:
                self.stopped = True
                have_ended = self.changed.wait_for(lambda: not self.number, GRACE_SECONDS)
            return have_ended


class Checkpointer(threading.Thread):
    """Moves the WAL into the file beside the writer, on a thread and a connection of its own."""

    def __init__(self, path: str, file: OpenFile, reads: Reads):
        super().__init__(name="checkpointer", daemon=True)
        self.path = path
        self.file = file
        self.reads = reads
        self.next_hold = 0.0  # of the reads, by time.monotonic()
        self.pages = 0  # of the WAL when it last woke us; 0 since it began anew
        self.stopped = False
        self.connection: apsw.Connection | None = None
        self.woken = threading.Event()
        self.start()

    def grew(self, pages: int) -> None:
        """After each commit. A checkpoint for each would sync more than it moves."""
        if pages <= self.pages:  # the WAL began anew
            self.pages = 0
        if pages - self.pages >= CHECKPOINT_PAGES:
            self.wake(pages)

    def wake(self, pages: int) -> None:
        self.pages = pages
        self.woken.set()

    def run(self) -> None:
        while True:
            # A large WAL is to be cut, also where nothing more is written.
            is_large = self.pages >= LARGE_PAGES
            self.woken.wait(RETRY_SECONDS if is_large else None)
            if self.stopped:
                break
            self.woken.clear()
            self.attempt()
        if self.connection:
            self.connection.close()

    def attempt(self) -> None:
        """What fails is tried again when the WAL has grown further."""
        try:
            self.file.compare()
            self.connection = self.connection or self.open()
            self.file.compare()
            self.checkpoint(self.connection)
        except (apsw.BusyError, FileGone):  # a reader or another checkpoint; what the log has said
            pass
        except DAMAGE:
            self.file.is_damaged = True
        except apsw.Error as error:
            logging.getLogger("streamlined_lite").error(
                "checkpoint failed: %s", type(error).__name__
            )

    def open(self) -> apsw.Connection:
        connection = open_connection(self.path, apsw.SQLITE_OPEN_READWRITE)
        # Milliseconds. RESTART holds the writer's lock while it waits for readers.
        connection.set_busy_timeout(20)
        connection.pragma("synchronous", "full")
        return connection

    def checkpoint(self, connection: apsw.Connection) -> None:
        # Before the first read of a connection, a checkpoint does nothing.
        connection.execute("select 1 from sqlite_schema").fetchall()
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if self.pages < RESTART_PAGES or time.monotonic() < self.next_hold:
            return
        is_large = self.pages >= LARGE_PAGES
        # What follows holds reads, and then the writer, while it moves what came meanwhile: less
        # after each of these.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        with self.reads.hold_back(stop=is_large) as is_quiet:
            if is_quiet:
                self.begin_anew(connection, cut=is_large)

    def begin_anew(self, connection: apsw.Connection, cut: bool) -> None:
        """Of reads of ours there are none; while another process keeps pages back, this would only
        hold the writer."""
        pages, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if moved < pages:
            self.next_hold = time.monotonic() + FOREIGN_READ_SECONDS
            return
        # A WAL that stays as long as it was is written faster.
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if cut else apsw.SQLITE_CHECKPOINT_RESTART
        for attempt in range(1, BEGIN_ATTEMPTS + 1):
            try:
                connection.wal_checkpoint(mode=mode)
                break
            except apsw.BusyError:  # between two turns the writer's lock is free for a moment
                if attempt == BEGIN_ATTEMPTS:
                    raise
        self.pages = 0

    def stop(self) -> None:
        self.stopped = True
        self.woken.set()
        self.join()


class Connection(apsw.Connection):
    """A connection with our functions, whose statements can have a time limit."""

    def __init__(self, path: str, flags: int):
        super().__init__(path, flags=flags | apsw.SQLITE_OPEN_NOMUTEX, statementcachesize=200)
        self.limits: list[Callable[[], bool]] = []
        add_functions(self)
        self.create_scalar_function("in_time", functools.partial(in_time, self.limits), 0)

    def add_limit(self, is_over: Callable[[], bool]) -> None:
        """From when on statements are stopped, with apsw.InterruptError."""
        self.limits.append(is_over)
        # Its own id leaves those of other limits in place.
        self.set_progress_handler(is_over, 20_000, id=is_over)

    def remove_limit(self, is_over: Callable[[], bool]) -> None:
        self.limits.remove(is_over)
        self.set_progress_handler(None, id=is_over)


def in_time(limits: list[Callable[[], bool]]) -> bool:
    """For statements: true. Raises apsw.InterruptError after a limit of the connection.

    SQLite asks after so many steps, and does not know that one with a large value takes long: a
    statement that meets one asks here.
    """
    if any(is_over() for is_over in limits):
        raise apsw.InterruptError
    return True


def open_connection(path: str, flags: int) -> Connection:
    connection = Connection(path, flags)
    # Whoever made the file: it calls no function of ours, and no trigger that goes on for ever.
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.limit(apsw.SQLITE_LIMIT_TRIGGER_DEPTH, TRIGGER_DEPTH)
    connection.set_busy_timeout(BUSY_SECONDS * 1000)  # first: the pragmas look into the file
    try:
        connection.pragma("cache_size", -2_000)  # kB; the system's own cache has the rest
        connection.pragma("recursive_triggers", True)
        connection.pragma("cell_size_check", True)
    except apsw.Error:
        abandon(connection)
        raise
    return connection


def abandon(connection: apsw.Connection) -> None:
    """Closes one that has looked at a file of others, which stays as it is, as does its WAL."""
    has_wal = file_number(connection.filename_wal, least_size=1) is not None
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_wal)
    connection.close()


def open_ours(path: str, flags: int, uri: str = "") -> apsw.Connection:
    """The same, on a file whose schema is ours. Raises ConfigError, with the file left as it is."""
    connection = open_connection(uri or path, flags)
    try:
        refuse_strange_schema(connection, path)
    except (ConfigError, apsw.Error):
        abandon(connection)
        raise
    return connection


def refuse_strange_schema(connection: apsw.Connection, path: str) -> None:
    """Raises ConfigError where the schema is not as our migrations make it.

    Other tables and views may be there, and indexes that refuse no row; no other trigger.
    """
    connection.execute("begin")  # another process may be upgrading the file
    try:
        version = connection.pragma("user_version")
        found = rows(connection, "schema.list")
    finally:
        if connection.in_transaction:
            connection.execute("rollback")
    steps = tuple(migrations())
    if version > len(steps):
        raise newer_schema(path, version)
    # A file without a schema yet must have room for it.
    names = objects_made_by(steps).keys() if version == 0 else ()
    strange = strange_object(found, objects_made_by(steps[:version]), names)
    if strange:
        raise ConfigError(
            f"{path} is not as Streamlined Lite makes its databases: {strange}; it was left as it "
            "is"
        )


def strange_object(found: list[dict], ours: Mapping[str, tuple], names: Iterable[str]) -> str:
    """What is not as it should be; "" where all is. `ours` is what the file's version has, and no
    other object may have one of the `names`."""
    missing = dict(ours)
    for each in found:
        name = each["name"].lower()
        called = f"{each['type']} {printable(each['name'])}"
        if name in ours:
            if missing.pop(name, None) != essence(each):
                return f"its {called} is another one"
        elif each["type"] == "trigger":
            return f"the {called} is not ours; drop it"
        elif each["type"] == "index" and each["is_rule"] and each["tbl_name"].lower() in ours:
            return f"the {called} is not ours, and may refuse what is stored; drop it"
        elif name in names:
            return f"its {called} is not ours"
    for name, (kind, _, _) in missing.items():
        return f"its {kind} {name} is missing"
    return ""


def printable(name: str) -> str:
    """A name of others in one line."""
    return json.dumps(name[:100], ensure_ascii=False).strip('"')


@functools.lru_cache(4)
def objects_made_by(steps: tuple[str, ...]) -> dict[str, tuple]:
    """What these migrations make of an empty file: name -> type, table and text of an object."""
    with contextlib.closing(apsw.Connection(":memory:")) as connection:
        for script in steps:
            connection.execute(script)
        return {each["name"]: essence(each) for each in rows(connection, "schema.list")}


def essence(found: dict) -> tuple[str, str, str]:
    """Type, table and text of an object. sqlite3's .dump adds an empty line to some texts."""
    return found["type"], found["tbl_name"], (found["sql"] or "").strip()


def add_functions(connection: apsw.Connection) -> None:
    """Ours beside SQLite's own. Each of their calls holds Python's lock, so that they are only
    where SQLite has nothing that would do."""
    for name, function, arguments in (
        ("casefold", casefold, 1),
        ("count_unique", count_unique, 1),
        ("number_text", number_text, 1),
        ("read_amount", read_amount, 2),
        ("short_key", short_key, 1),
    ):
        connection.create_scalar_function(name, function, arguments, deterministic=True)


def casefold(text: str | None) -> str | None:
    """What texts that differ in case alone have in common, in all alphabets."""
    return None if text is None else text.casefold()


def short_key(text: str) -> str | None:
    """What stands for a long text where texts are told apart: its beginning, and a hash of all of
    it; None for one that is blank."""
    if not text.strip():
        return None
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return f"{text[: KEY_LIMIT // 4]}… ({digest})"


def count_unique(values: str) -> int:
    """How many values a JSON array has, each counted once, and null not."""
    unique = set(from_json(values))
    unique.discard(None)
    return len(unique)


def open_writer(path: str, show: Callable[..., None] | None = None) -> apsw.Connection:
    """The writing connection on a migrated database. Raises ConfigError when it cannot be had.

    `show` is called with what is done of a long upgrade and its total.
    """
    try:
        if path != ":memory:" and stored_version(path) in WIDE_SCHEMAS:
            upgrade(path, show or LoggedProgress(path).advance)
        number = file_number(path)
        connection = open_ours(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        try:
            prepare_writer(connection, path)
        except BaseException:
            connection.close()
            raise
    except apsw.ReadOnlyError:
        raise ConfigError(
            f"the database {path} cannot be written; make the file and its folder writable for "
            "this user"
        ) from None
    except apsw.Error as error:
        raise ConfigError(f"cannot open the database {path}: {explain(error)}") from None
    if file_number(path) != number:
        connection.close()
        raise ConfigError(f"{path} was replaced in this moment, by a restore perhaps; start again")
    return connection


def prepare_writer(connection: apsw.Connection, path: str) -> None:
    connection.pragma("cache_size", -8_000)  # kB
    if connection.readonly("main"):
        raise apsw.ReadOnlyError
    if connection.pragma("application_id") == 0:
        # Before WAL, so that the first page of the file itself has it
        connection.pragma("application_id", APPLICATION_ID)
    begin_wal(connection)
    connection.pragma("synchronous", "full")  # every commit is on disk before it returns
    connection.wal_autocheckpoint(0)  # the checkpointer does it
    migrate(connection, path)
    # The journals of savepoints and statements. Only now, for what a migration sorts may be large.
    connection.pragma("temp_store", "memory")


def begin_wal(connection: apsw.Connection) -> None:
    """Waits where another process does the same, for which SQLite itself does not."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


class TooSlow(Exception):
    """The time of a calculation is over."""


def never() -> bool:
    return False


@contextlib.contextmanager
def time_limit(
    connection: Connection, seconds: float, is_abandoned: Callable[[], bool] = never
) -> Iterator[float]:
    """Stops statements on this connection that run beyond the time: Invalid, query_too_slow.

    Gives the deadline (time.monotonic()); who raises TooSlow after it gets the same answer. What
    nobody waits for any more is stopped, too.
    """
    deadline = time.monotonic() + seconds

    def is_over() -> bool:
        return time.monotonic() > deadline or is_abandoned()

    connection.add_limit(is_over)
    try:
        yield deadline
    except (apsw.InterruptError, TooSlow) as error:
        if isinstance(error, apsw.InterruptError) and not is_over():
            raise  # another limit's
        message = (
            f"this took more than {seconds:.2g} seconds and was stopped; "
            "take a shorter range, fewer locations or fewer filters"
        )
        too_slow = field_error("", "query_too_slow", message)
        raise Invalid([too_slow], "query_too_slow") from None
    finally:
        connection.remove_limit(is_over)


def migrations() -> list[str]:
    """The schema's steps; the n-th makes user_version n."""
    folder = data_folder() / "sql" / "migrations"
    return [path.read_text("utf-8") for path in sorted(folder.glob("*.sql"))]


def migrate(connection: apsw.Connection, path: str) -> None:
    """Takes the missing steps.

    A new file takes them all in one transaction, so that no other process finds it half made. A
    file that holds an earlier schema is copied first; then each step commits with its record.
    """
    newest = len(migrations())
    first = connection.pragma("user_version")
    versions = range(first + 1, newest + 1) if first else [newest]
    for version in versions:
        connection.execute("begin immediate")
        copy = ""
        try:
            # Asked inside the transaction, in case two processes start at once
            present = connection.pragma("user_version")
            if first and present == first and version == first + 1:
                copy = keep_copy(path, first)
            take_steps(connection, version)
        except BaseException:
            if connection.in_transaction:  # SQLite itself may have ended it, on a full disk
                connection.execute("rollback")
            if copy:
                os.unlink(copy)
            raise
        connection.execute("commit")


def take_steps(connection: apsw.Connection, version: int) -> None:
    """Those that lead from the schema that is there to this one."""
    scripts = migrations()
    for number in range(connection.pragma("user_version"), version):
        connection.execute(scripts[number])
        connection.pragma("user_version", number + 1)


def keep_copy(path: str, version: int) -> str:
    """Copies a database beside itself before its schema changes; returns the copy's path.

    Raises CommandError, with nothing changed.
    """
    copy = f"{path}.schema-{version}.{stamp(system_clock())}"
    logging.getLogger("streamlined_lite").warning(
        "%s has schema %d and gets a newer one, which may take minutes; first it is copied to %s",
        path,
        version,
        copy,
    )
    # What an upgrade that was killed left; nobody else is at it, for we hold the lock.
    for partial in glob.glob(glob.escape(f"{path}.schema-") + "*.partial*"):
        os.unlink(partial)
    with whole_file(copy) as partial:
        copy_database(path, partial)
    return copy


def real_path(path: str) -> str:
    """Where a link leads, to a file that may be missing, and any other path as it is.

    SQLite keeps a WAL beside the file itself. Raises ConfigError for a link that leads nowhere.
    """
    if not os.path.islink(path):
        return path
    target = os.path.realpath(path)
    if os.path.islink(target):
        raise ConfigError(f"cannot create the database {path}: it is a link that leads to itself")
    if not os.path.isdir(os.path.dirname(target)):
        raise ConfigError(
            f"{path} is a link to {target}, whose folder is not there; make the folder, or mount "
            "the disk that has it"
        )
    return target


def check_file(path: str, create: bool) -> None:
    """Refuses what is not a database of ours, or a newer one, without opening it for writing.

    Raises ConfigError. With `create`, a missing file is created, readable by its owner only.
    """
    check_lone_wal(path)
    if not os.path.exists(path):
        if not create:
            raise ConfigError(
                f"there is no database {path}; name it with --database or {ENV_PREFIX}DATABASE"
            )
        create_file(path)
    try:
        with open(path, "rb") as file:
            header = file.read(100)
    except OSError as error:
        raise ConfigError(f"cannot read the database {path}: {error.strerror}") from None
    if header and not was_never_stored(path):
        check_header(path, header)


def check_lone_wal(path: str) -> None:
    """Raises ConfigError for a WAL whose file is missing or empty: SQLite would delete it."""
    wal = os.path.realpath(path) + "-wal"
    if file_number(path, least_size=1) is None and file_number(wal, least_size=1):
        raise ConfigError(
            f"{path} is missing or empty, and {wal} has what was stored last; put the file back to "
            "which it belongs, or move it away, or restore a backup; both were left as they are"
        )


def create_file(path: str) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        if not os.path.exists(path):  # else another process has just made it
            raise ConfigError(f"cannot create the database {path}: {error.strerror}") from None


JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"


def was_never_stored(path: str) -> bool:
    """Whether a power cut met the first transaction on the file.

    Its journal then says that there was no page before, and SQLite empties the file again.
    """
    try:
        with open(os.path.realpath(path) + "-journal", "rb") as file:
            header = file.read(20)
    except OSError:
        return False
    pages_before = header[16:20]
    return header.startswith(JOURNAL_MAGIC) and pages_before == bytes(4)


def check_header(path: str, header: bytes) -> None:
    """Raises ConfigError for a database that is not ours, or is of a newer version."""
    is_sqlite = header[:16] == b"SQLite format 3\0"
    if not is_sqlite or int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ConfigError(f"{path} is not a Streamlined Lite database; it was left as it is")
    version = stored_version(path)
    if version > len(migrations()):
        raise newer_schema(path, version)


def newer_schema(path: str, version: int) -> ConfigError:
    return ConfigError(
        f"{path} was written by a newer Streamlined Lite (schema {version}, this one knows "
        f"{len(migrations())}); upgrade the program, the file was left as it is"
    )


def stored_version(path: str) -> int:
    """The schema of a database; 0 for an empty file."""
    full_path = os.path.realpath(path)
    has_wal = os.path.exists(full_path + "-wal")
    has_journal = os.path.exists(full_path + "-journal")
    if has_wal and not has_journal:  # the WAL may hold a newer version than the header
        return read_version(path)
    with open(path, "rb") as file:
        header = file.read(100)
    return int.from_bytes(header[60:64], "big")


def read_version(path: str) -> int:
    """user_version as SQLite sees it.

    Only for a database with a WAL: SQLite would leave an empty one beside a file without, which we
    may not touch.
    """
    try:
        with contextlib.closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as reader:
            reader.set_busy_timeout(BUSY_SECONDS * 1000)
            return reader.pragma("user_version")
    except apsw.Error as error:
        raise ConfigError(f"cannot read the database {path}: {error}") from None


# Whole files: copies, backups, what a command writes


def stamp(now: int) -> str:
    """20260102T030405.678Z, for names of files: they sort by time."""
    return iso(now).replace("-", "").replace(":", "")


@contextlib.contextmanager
def whole_file(path: str, place: Callable[[str, str], None] = os.rename) -> Iterator[str]:
    """A file beside `path` to write into, readable by its owner only.

    When it is whole and on disk, `place` gives it its final name; when anything fails, it is
    deleted. Raises ConfigError and CommandError. Unless `place` does, it replaces no file. Open it
    so that no link is followed: others may write into the folder, and put one there.
    """
    if place is os.rename and os.path.lexists(path):
        raise ConfigError(f"{path} exists already; name another file")
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(os.path.realpath(folder), f"{name}.{secrets.token_hex(8)}.partial")
    action = "create"
    try:
        with open(partial, "xb", opener=for_owner) as file:
            action = "write"
            yield partial
            os.fsync(file.fileno())
            place(partial, path)
            sync_folder(os.path.dirname(partial))
    except OSError as error:
        raise CommandError(f"cannot {action} {path}: {error.strerror}") from None
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):  # SQLite's own stay where its disk is full
            with contextlib.suppress(OSError):  # it has its name, or never was
                os.unlink(partial + suffix)


def for_owner(path: str, flags: int) -> int:
    """Opens a file, and none through a link; a new one is readable by its owner only."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def sync_folder(folder: str) -> None:
    """A new name is on disk only after this."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def open_reader(path: str) -> apsw.Connection:
    """For a command, which only reads.

    It opens the file for writing where it may, since the last connection to close then takes the
    WAL away with it; one of SQLITE_OPEN_READONLY would leave it.
    """
    check_file(path, create=False)
    full_path = os.path.realpath(path)
    folder_is_writable = os.access(os.path.dirname(full_path), os.W_OK, effective_ids=True)
    if folder_is_writable or os.path.exists(full_path + "-wal"):
        connection = open_ours(path, apsw.SQLITE_OPEN_READWRITE)
    else:  # on a read-only disk, where SQLite cannot make the files that it shares with others
        uri = f"file:{quote(full_path)}?immutable=1"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = open_ours(path, flags, uri)
    connection.pragma("query_only", True)
    return connection


def check_schema(connection: apsw.Connection, path: str) -> None:
    """Raises ConfigError for an earlier schema, which our statements cannot read."""
    version = connection.pragma("user_version")
    if version < len(migrations()):
        raise ConfigError(
            f"{path} has an earlier schema ({version}); start the server once, which upgrades it"
        )


def show_nothing(done: int = 0, total: int = 0) -> None:
    """The progress of what nobody watches."""


WITHOUT_LINK = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW


def copy_database(source: str, target: str, show: Callable[..., None] = show_nothing) -> None:
    """One state of a database, whoever writes to it meanwhile, as one sound file.

    `show` is called with the pages copied and all pages. Raises CommandError.
    """
    try:
        with (
            contextlib.closing(open_reader(source)) as old,
            contextlib.closing(open_connection(target, WITHOUT_LINK)) as new,
        ):
            # Without a read transaction, each write would start the copy anew.
            old.execute("begin; select 1 from sqlite_schema").fetchall()
            # Until it is whole it may as well be lost.
            new.execute("pragma synchronous = off; pragma journal_mode = off")
            with new.backup("main", old, "main") as backup:
                while not backup.done:
                    backup.step(1000)
                    show(backup.page_count - backup.remaining, backup.page_count)
            new.pragma("journal_mode", "delete")  # one file, which a read-only disk may hold
            damage = find_damage(new, show)
    except apsw.Error as error:
        raise CommandError(f"cannot copy {source}: {explain(error)}") from None
    if damage:
        raise CommandError(
            f"{source} is damaged ({damage}); it was left as it is, and no copy was made"
        )


def find_damage(connection: apsw.Connection, show: Callable[..., None] = show_nothing) -> str:
    """The first that SQLite finds wrong in the whole file; "" for a sound database of ours."""

    def on_progress() -> bool:
        """Python sees a signal only while it runs: without this, Ctrl-C would wait to the end."""
        show()
        return False

    connection.set_progress_handler(on_progress, 100_000)
    if connection.pragma("application_id") != APPLICATION_ID:
        return "it is not a Streamlined Lite database"
    finding = connection.execute("pragma integrity_check(1)").get
    return "" if finding == "ok" else " ".join(str(finding).split())


STAMPED = r"-\d{8}T\d{6}\.\d{3}Z\.db"
NAMELESS = ""  # the identity of a database of an earlier schema


def named_backups(folder: Path, name: str) -> Iterator[Path]:
    """What backups of a database of this name are called, the oldest first."""
    for path in sorted(folder.iterdir()):
        is_named = re.fullmatch(re.escape(name) + STAMPED, path.name)
        if is_named and path.is_file() and not path.is_symlink():
            yield path


def find_backups(folder: Path, name: str) -> dict[Path, str | None]:
    """The same by their identities: a database of the same name may keep its backups in the same
    folder."""
    return {path: identity_of(path) for path in named_backups(folder, name)}


def identity_of(path: Path | str) -> str | None:
    """What tells a database from others; None for what cannot be read as one of ours."""
    try:
        with contextlib.closing(open_reader(str(path))) as connection:
            return scalar(connection, "identity.find")
    except apsw.SQLError:  # no such table
        return NAMELESS
    except (ConfigError, apsw.Error):
        return None


# The bytes that every connection to a file in WAL mode locks for reading, from its first statement
# to its end (SHARED_FIRST and SHARED_SIZE of SQLite's file format)
SQLITE_LOCK_START = 0x4000_0002
SQLITE_LOCK_LENGTH = 510


@contextlib.contextmanager
def nobody_else(path: str) -> Iterator[None]:
    """While this lasts, no process has the database open. Raises CommandError where one has."""
    with open(path, "rb+") as file:
        exclusive = fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.lockf(file, exclusive, SQLITE_LOCK_LENGTH, SQLITE_LOCK_START)
        except OSError:
            raise CommandError(
                f"another process has {path} open, a server perhaps; stop it first"
            ) from None
        yield


def settle(path: str) -> None:
    """Moves a WAL that a crash left into its file, where the two are sound."""
    if os.path.getsize(path) == 0:  # SQLite would delete it
        return
    with (
        contextlib.suppress(apsw.Error),
        contextlib.closing(open_connection(path, apsw.SQLITE_OPEN_READWRITE)) as connection,
    ):
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def replace_database(new: str, path: str, kept: str) -> None:
    """Puts `new` in the place of a database that nobody has open, which is kept as `kept`."""
    before = os.stat(path)
    with contextlib.suppress(PermissionError):  # root restores for whom the service runs as
        os.chown(new, before.st_uid, before.st_gid, follow_symlinks=False)
    os.link(path, kept)
    put_wal_away(path, kept)
    os.replace(new, path)


def place_database(new: str, path: str, kept: str) -> None:
    """Gives `new` the name of a database that is not there."""
    put_wal_away(path, kept)
    os.rename(new, path)


def put_wal_away(path: str, kept: str) -> None:
    """A WAL that could not be settled is the old file's; SQLite would take it for the new one's."""
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(path + suffix, kept + suffix)
    # A power cut must not undo what happened to the old file's names, and keep the new one's.
    sync_folder(os.path.dirname(os.path.abspath(path)))


# Upgrade: an older file is rebuilt beside itself

WIDE_SCHEMAS = (1, 2)  # they have texts in every row, where later ones have keys
NARROW_TABLES = 3  # the schema that has the tables, without their indexes
COPY_STEP = 20_000  # events that are copied at once
INDEX_STATEMENT = re.compile("^create +(unique +)?index ", re.MULTILINE)


def upgrade(path: str, show: Callable[..., None]) -> None:
    """Puts a new file with narrow rows in the place of a database of a wide schema, which is kept.

    Whatever ends this, and whenever, `path` is the old file or the new one, and whole. Raises
    ConfigError and apsw.Error, with what is stored as it was.
    """
    path = os.path.realpath(path)
    if not os.access(os.path.dirname(path), os.W_OK, effective_ids=True):
        raise apsw.ReadOnlyError
    open_ours(path, apsw.SQLITE_OPEN_READWRITE).close()
    kept = f"{path}.schema-{stored_version(path)}.{stamp(system_clock())}"
    place = functools.partial(replace_database, kept=kept)
    # The connection is closed after the new file has its name, for it locks the old one.
    with contextlib.ExitStack() as lock, whole_file(path, place) as partial:
        connection = open_connection(partial, WITHOUT_LINK)
        lock.enter_context(contextlib.closing(connection))
        lock_old_file(connection, path)
        remove_leftovers(path, partial)
        inherit_owner(partial, path)
        check_room(path)
        logging.getLogger("streamlined_lite").warning(
            "%s has an earlier schema and is rebuilt, which may take minutes; as it is, it stays "
            "beside the new file as %s",
            path,
            kept,
        )
        # What sorting takes lies in the room that was looked at, and not in a small /tmp.
        connection.pragma("temp_store_directory", os.path.dirname(path))
        lock.callback(connection.pragma, "temp_store_directory", "")
        Upgrade(connection, path, show).run()
    logging.getLogger("streamlined_lite").warning(
        "%s is rebuilt: %s instead of %s", path, megabytes(path), megabytes(kept)
    )


def lock_old_file(connection: apsw.Connection, path: str) -> None:
    """Attaches it as `old`, with its WAL moved into it, for this connection alone until its end.

    Waits for others, for which SQLite itself does not. Raises ConfigError.
    """
    file_number = os.stat(path).st_ino
    until = time.monotonic() + BUSY_SECONDS
    while True:
        connection.execute("attach :path as old", {"path": path})
        try:
            # So it has no WAL that could be taken for the new file's.
            connection.execute("pragma old.journal_mode = delete").fetchall()
            connection.execute("pragma old.locking_mode = exclusive").fetchall()
            connection.execute("begin exclusive; commit")
            break
        except apsw.BusyError:
            connection.execute("detach old")  # two that wait for each other would do so to the end
            if time.monotonic() > until:
                raise CommandError(
                    f"{path} has an earlier schema and must be rebuilt, but another process has it "
                    "open, a server perhaps; stop it first"
                ) from None
            time.sleep(0.01)
    mode = connection.execute("pragma old.journal_mode").get
    version = connection.execute("pragma old.user_version").get
    is_the_same = os.stat(path).st_ino == file_number and version in WIDE_SCHEMAS
    if mode != "delete" or not is_the_same:
        raise ConfigError(f"another process has just changed {path}; start again")


def remove_leftovers(path: str, partial: str) -> None:
    """What upgrades that were killed left: unfinished files, and second names of the old file.

    Nobody else is at one, for we hold the lock.
    """
    name = glob.escape(path)
    digits = "[0-9a-f]" * 16
    for pattern in (f"{name}.{digits}.partial*", f"{name}.schema-*.partial*"):
        for leftover in glob.glob(pattern):
            if not leftover.startswith(partial):
                os.unlink(leftover)
    for kept in glob.glob(f"{name}.schema-*"):
        if os.path.samefile(kept, path):
            os.unlink(kept)


def inherit_owner(new: str, path: str) -> None:
    before = os.stat(path)
    with open(new, "rb", opener=for_owner) as file:
        try:
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
        except PermissionError:
            raise ConfigError(
                f"{path} belongs to another user and must be rebuilt; start as that user, or as "
                "root"
            ) from None
        os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))


def check_room(path: str) -> None:
    """Raises CommandError. The new file and what sorting takes are together below the old one."""
    folder = os.path.dirname(path)
    if shutil.disk_usage(folder).free < os.path.getsize(path):
        raise CommandError(
            f"{path} has an earlier schema and must be rebuilt, which takes up to "
            f"{megabytes(path)}; in {folder} {shutil.disk_usage(folder).free // MEGABYTE:,} MB are "
            "free, so make room; the file was left as it is"
        )


def megabytes(path: str) -> str:
    return f"{os.path.getsize(path) / MEGABYTE:,.1f} MB"


class LoggedProgress:
    """How far an upgrade has come, a line in the log every ten seconds."""

    SECONDS = 10

    def __init__(self, path: str):
        self.path = path
        self.next_line = time.monotonic() + self.SECONDS

    def advance(self, done: float, total: float) -> None:
        now = time.monotonic()
        if now < self.next_line:
            return
        self.next_line = now + self.SECONDS
        logging.getLogger("streamlined_lite").warning(
            "%s is being rebuilt: %.0f %%", self.path, 100 * done / total
        )


class Upgrade:
    """What an older file holds, attached as `old`, in the new and empty file of the connection.

    The percentages are the steps' shares of the time for a file of 10 million events.
    """

    def __init__(self, connection: apsw.Connection, path: str, show: Callable[..., None]):
        self.connection = connection
        self.path = path
        self.show = show
        self.percent = 0.0
        self.statements = load_statements(data_folder() / "sql" / "upgrade")
        # Progress, and a signal is seen, also while one statement runs for long.
        connection.set_progress_handler(self.on_progress, 100_000)

    def on_progress(self) -> bool:
        self.show(self.percent, 100)
        return False

    def advance(self, percent: float) -> None:
        self.percent = percent
        self.show(percent, 100)

    def run(self) -> None:
        """Raises CommandError where the new file would not hold what the old one does."""
        self.prepare()
        self.name_foreign_objects()
        self.copy_small_tables()
        self.advance(10)
        self.copy_events(until=30)
        self.add_indexes(until=75)
        self.compare(until=90)
        self.check()

    def prepare(self) -> None:
        connection = self.connection
        connection.pragma("application_id", APPLICATION_ID)
        # Until it is whole it may as well be lost.
        connection.pragma("journal_mode", "off")
        connection.pragma("synchronous", "off")
        # The new file's is also what each sorting may take. kB
        connection.execute("pragma main.cache_size = -32000; pragma old.cache_size = -8000")
        take_steps(connection, NARROW_TABLES)

    def name_foreign_objects(self) -> None:
        names = self.connection.execute(self.statements["foreign_objects.list"]).fetchall()
        if names:
            logging.getLogger("streamlined_lite").warning(
                "these tables and views are not ours and stay in the file before: %s",
                ", ".join(name for (name,) in names),
            )

    def copy_small_tables(self) -> None:
        """All but the events, which refer to them."""
        for nouns in (
            "sequences",
            "locations",
            "event_names",
            "contacts",
            "contact_tags",
            "keys",
            "rejections",
            "metrics",
        ):
            self.connection.execute(self.statements[f"{nouns}.copy"]).fetchall()

    def copy_events(self, until: float) -> None:
        start = self.percent
        last = self.connection.execute(self.statements["events.last"]).get or 0
        copied = 0
        while copied < last:
            binds = {"after": copied, "limit": COPY_STEP}
            step_end = self.connection.execute(self.statements["events.step"], binds).get
            binds = {"after": copied, "until": step_end}
            self.connection.execute(self.statements["events.copy"], binds).fetchall()
            copied = step_end
            self.advance(start + (until - start) * copied / last)

    def add_indexes(self, until: float) -> None:
        """With all else that the steps behind the tables bring."""
        start = self.percent
        scripts = migrations()[NARROW_TABLES:]
        total = sum(len(INDEX_STATEMENT.findall(script)) for script in scripts)
        begun = 0

        def on_statement(cursor: apsw.Cursor, statement: str, binds: Any) -> bool:
            nonlocal begun
            if INDEX_STATEMENT.search(statement):
                self.advance(start + (until - start) * begun / total)
                begun += 1
            return True

        self.connection.exec_trace = on_statement
        take_steps(self.connection, len(migrations()))
        self.connection.exec_trace = None
        self.advance(until)

    def compare(self, until: float) -> None:
        """Raises CommandError where the two files differ."""
        start = self.percent
        old = dict(self.connection.execute(self.statements["totals.old"]))
        self.advance(start + (until - start) / 3)
        new = dict(self.connection.execute(self.statements["totals.new"]))
        self.advance(start + (until - start) * 2 / 3)
        for noun, totals in old.items():
            if new[noun] != totals:
                raise self.differs(f"{noun}: {totals} before and {new[noun]} after")
        different = self.connection.execute(self.statements["events.differ"]).fetchall()
        if different:
            raise self.differs(f"events: {different[0]} before and not after")
        self.advance(until)

    def differs(self, what: str) -> CommandError:
        return CommandError(
            f"{self.path} was left as it is, since the rebuilt file would hold something else "
            f"({what})"
        )

    def check(self) -> None:
        """The new file alone: `old` is attached, and would be checked too."""
        finding = self.connection.execute("pragma main.quick_check(1)").get
        if finding != "ok":
            raise CommandError(f"the rebuilt file of {self.path} is damaged ({finding})")


####################################################################################################
# http
####################################################################################################

BODY_LIMIT = 1 * MEGABYTE  # of what is stored
# Of what is read at all, to refuse it in our words and keep its beginning
WIRE_LIMIT = 4 * MEGABYTE
QUERY_SECONDS = 10  # after which a read is stopped

JSON = "application/json"
HTML = "text/html"
PROBLEM_JSON = "application/problem+json"
FORM = "application/x-www-form-urlencoded"
MULTIPART_FORM = "multipart/form-data"
NDJSON = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json-lines",
)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP_MARK = b"\x1f\x8b"

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


# Bodies and queries


@dataclass(slots=True)
class Body:
    """What was sent: its bytes, its content type, and the path and query that it was sent to.

    `ids` are those that stand in the path, as ids_in_path has them.
    """

    data: bytes
    content_type: str = ""
    path: str = ""
    query: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)


# In a request's environment: nothing of its body was kept, since its key was not known.
BODY_DROPPED = "streamlined_lite.body_dropped"
CLIENT_DISCONNECTED = "waitress.client_disconnected"  # asks whether the client has gone


def sent_body(environ: Mapping[str, Any]) -> Body:
    data = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return Body(
        data, environ.get("CONTENT_TYPE", ""), environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    )


def parse_body(body: Body, exact: bool = True) -> Any:
    """The parsed JSON, or a form's fields. Raises Malformed, UnsupportedType or Invalid.

    Unless it is `exact`, of a name that JSON has twice the last value counts.
    """
    data = body.data.removeprefix(BYTE_ORDER_MARK)
    first = data.lstrip()[:1]
    if not first:
        raise Malformed("the body is empty; post a JSON object", "empty")
    if first in b"{[":  # whatever its content type says
        return parse_json(data, exact)
    media_type = body.content_type.partition(";")[0].strip().lower()
    if media_type == JSON or media_type.endswith("+json"):
        return parse_json(data, exact)
    if media_type == FORM:
        return parse_form(data)
    if media_type == MULTIPART_FORM:
        return parse_multipart(data, body.content_type)
    if data.startswith(GZIP_MARK):
        raise UnsupportedType(
            "the body is compressed with gzip; send it as it is", "content_encoding"
        )
    raise UnsupportedType(
        "send JSON (Content-Type: application/json) or a form (application/x-www-form-urlencoded "
        "or multipart/form-data)"
    )


def parse_object(body: Body, exact: bool = True) -> dict:
    parsed = parse_body(body, exact)
    if not isinstance(parsed, dict):
        raise Invalid([field_error("", "object_type", "must be a JSON object")])
    return parsed


# JSON


def parse_json(data: bytes, exact: bool = True) -> Any:
    try:
        parsed = read_json(data)
    except ValueError as error:  # its message has the position and nothing of the text
        raise Malformed(f"the body is not JSON: {error}", "not_json") from None
    if exact:
        check_names(data, parsed)
    return parsed


def read_json(data: bytes) -> Any:
    """Raises ValueError.

    Line breaks and tabs that stand in a text as they are, as a merge field brings them, are read
    though JSON forbids them.
    """
    try:
        return from_json(data, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        if b"\0" in data:
            raise
        with contextlib.suppress(ValueError, RecursionError):
            # From there once more by the strict parser, whose other rules hold.
            loose = to_json(json.loads(data.decode(), strict=False))
            return from_json(loose, allow_inf_nan=False, cache_strings="keys")
        raise


def check_names(data: bytes, parsed: Any, pointer: str = "") -> None:
    """Raises Invalid for names that are twice in an object, with different values.

    Written anew, JSON has as many quotes as before, unless a name was there twice, or a quote was
    not written as one. `pointer` is where the text stands.
    """
    has_spelt_quotes = b"\\" in data and b"\\u0022" in data
    if to_json(parsed).count(b'"') == data.count(b'"') and not has_spelt_quotes:
        return
    pairs = json.loads(
        data.decode(),
        strict=False,
        object_pairs_hook=Pairs,
        # as they are written, and unlike any text
        parse_int=lambda digits: (digits,),
        parse_float=lambda digits: (digits,),
    )
    message = twice().message()
    repeated = (field_error(each, "twice", message) for each in repeated_names(pairs, pointer))
    errors = first_errors(repeated)
    if errors:
        raise Invalid(errors)


class Pairs(list):
    """An object of JSON as it is written: the names, each with its value."""


def repeated_names(value: Any, pointer: str) -> Iterator[str]:
    """The pointers of names that have different values within one object."""
    if isinstance(value, Pairs):
        values: dict[str, Any] = {}
        for name, inner in value:
            inner_pointer = pointer + pointer_part(name)
            if values.setdefault(name, inner) != inner:
                yield inner_pointer
            else:
                yield from repeated_names(inner, inner_pointer)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from repeated_names(inner, pointer + pointer_part(index))


# Forms


class Form(dict):
    """A form's fields by their names: texts, or Several. `files` are the names of others."""

    files: tuple[str, ...] = ()


# tags[], as forms for PHP call what may have several values; of properties see PROPERTY_NAME
LIST_NAME = re.compile(r"(?!properties)(.+)\[\]", re.DOTALL)


def form_of(fields: Iterable[tuple[str, str]]) -> Form:
    form = Form()
    for name, value in fields:
        list_name = LIST_NAME.fullmatch(name)
        if list_name:
            name = list_name[1]
        form[name] = together(form.get(name), value)
    return form


def parse_form(data: bytes) -> Form:
    try:
        fields = parse_qsl(
            data.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS_LIMIT,
        )
    except UnicodeDecodeError:
        raise Malformed("the form is not UTF-8", "not_utf8") from None
    except ValueError:
        raise Malformed(f"the form has more than {FIELDS_LIMIT:,} fields", "too_many") from None
    return form_of(fields)


BOUNDARY = re.compile(r';\s*boundary=("?)([^";]{1,70})\1', re.IGNORECASE)
PART_NAME = re.compile(r';\s*name=(?:"((?:[^"\\]|\\.)*)"|([^";\s]+))', re.IGNORECASE)
PART_FILE = re.compile(r";\s*filename\*?=", re.IGNORECASE)


def parse_multipart(data: bytes, content_type: str) -> Form:
    """The fields; of files the names alone, for nothing here stores them."""
    fields = []
    files = []
    for head, content in parts_of(data, content_type):
        try:
            disposition = part_disposition(head.decode())
            name = PART_NAME.search(disposition)
            if name is None:
                raise Malformed("a field of the form has no name", "multipart")
            plain_name = name[2] if name[1] is None else re.sub(r"\\(.)", r"\1", name[1])
            if PART_FILE.search(disposition):
                files.append(plain_name)
            else:
                fields.append((plain_name, content.decode()))
        except UnicodeDecodeError:
            raise Malformed("the form is not UTF-8", "not_utf8") from None
    form = form_of(fields)
    form.files = tuple(files)
    return form


def parts_of(data: bytes, content_type: str) -> Iterator[tuple[bytes, bytes]]:
    """The headers and the content of each part of a form."""
    boundary = BOUNDARY.search(content_type)
    if boundary is None:
        raise Malformed("the form's Content-Type names no boundary", "multipart")
    delimiter = b"\r\n--" + boundary[2].encode()
    _, *parts = (b"\r\n" + data).split(delimiter, FIELDS_LIMIT + 1)
    for number, part in enumerate(parts):
        if part.startswith(b"--"):  # the last delimiter
            return
        if number == FIELDS_LIMIT:
            raise Malformed(f"the form has more than {FIELDS_LIMIT:,} fields", "too_many")
        head, _, content = part.partition(b"\r\n\r\n")
        yield head, content
    raise Malformed("the form ends before its last boundary", "multipart")


def part_disposition(head: str) -> str:
    """The Content-Disposition of a part of a form, or nothing."""
    for line in head.split("\r\n"):
        if line.lower().startswith("content-disposition:"):
            return line
    return ""


class Query(BaseModel):
    """The fields behind `?`. Unknown ones are errors: a misspelt filter would widen a deletion."""

    model_config = ConfigDict(extra="forbid")


class DryRun(Query):
    dry_run: bool = False


class LocationFilter(Query):
    location_id: Identifier | None = None


def sent_token(environ: Mapping[str, Any], query: list[tuple[str, str]]) -> str:
    """The key that came with a request, in the header or else in the URL."""
    token = environ.get("HTTP_X_API_KEY", "")
    if token:
        return token
    for name, value in query:
        if name == "api_key":
            return value
    return ""


def is_preview(method: str, query: str) -> bool:
    """Whether a request only counts what it would delete or move: a read, which may take long."""
    return method in ("DELETE", "PATCH") and "dry_run=true" in query.split("&")


def split_query(text: str, errors: str = "strict") -> tuple[list[tuple[str, str]], str]:
    """The query's fields, and the query as it may be kept: without a key."""
    if not text:
        return [], ""
    try:
        fields = parse_qsl(text, keep_blank_values=True, errors=errors, max_num_fields=100)
    except ValueError:  # UnicodeDecodeError is one
        raise Malformed(
            "the part of the URL behind ? is not UTF-8, or has more than 100 fields", "query"
        ) from None
    return fields, urlencode([(name, value) for name, value in fields if name.lower() != "api_key"])


def read_query(model: type[BaseModel], fields: list[tuple[str, str]]) -> Any:
    """The query as its model. Raises Invalid whose pointers are the fields' names behind `?`."""
    values: dict[str, str] = {}
    repeated = set()
    for name, value in fields:
        if name in values:
            repeated.add(name)
        values[name] = value
    if repeated and model.model_config.get("extra") == "forbid":
        raise Invalid(
            [field_error("?" + name, "twice", "is there twice") for name in sorted(repeated)]
        )
    try:
        return model.model_validate(values) if values else empty_query(model)
    except ValidationError as error:
        raise Invalid(behind_question_mark(field_errors(error))) from None


@functools.cache
def empty_query(model: type[BaseModel]) -> Any:
    """The query of a URL that has none, which nobody changes. Raises ValidationError."""
    return model()


def behind_question_mark(errors: list[dict]) -> list[dict]:
    """Errors of fields that came in the URL: ?limit instead of /limit."""
    return [error | {"pointer": "?" + error["pointer"].removeprefix("/")} for error in errors]


def check_path(environ: Mapping[str, Any]) -> None:
    """Raises NotFound for a path of which decoding or routing lost a part."""
    path = environ["PATH_INFO"]
    if path.encode() != environ["streamlined_lite.raw_path"].encode("latin-1"):
        raise NotFound("the path is not UTF-8")
    if "\0" in path or "\n" in path:  # Bottle's routes end before a line feed
        raise NotFound("the path contains the NUL character or a line feed")


def ids_in_path(environ: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, str]:
    """The ids that the router found in a path, as its sender means them.

    Blanks at an id's ends do not count: browsers and proxies resolve /../ however it is encoded,
    and leave "..%20" alone. A slash that is encoded belongs to the id of a location, too.
    """
    if "contact_id" in ids:
        sent_path = environ.get("REQUEST_URI", "").partition("?")[0]
        location_id, slash, contact_id = sent_path.partition("/contacts/v1/")[2].partition("/")
        if slash and "%2f" in location_id.lower():
            ids = {"location_id": unquote(location_id), "contact_id": unquote(contact_id)}
    return {name: trim(value) for name, value in ids.items()}


# Routes and calls


OWN_IDS = r"\{(alert_id|dashboard_id|event_id|key_id|metric_id|rejection_id|report_id|share_id)\}"


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path: what it needs, takes and answers. OpenAPI is made from these."""

    method: str
    path: str  # as in OpenAPI: /events/v1/{event_id}
    handler: Callable[[Call], Any]
    scope: str | None = None  # None: no key is needed
    knows_key: bool = False  # a key that is sent, though none is needed, is looked up
    query: type[BaseModel] = Query
    body: Any = None  # the model that describes a JSON body; bytes: it is a file
    other_bodies: tuple[str, ...] = ()  # media types that the body may have beside JSON
    answers: Mapping[int, Any] = field(default_factory=dict)
    media_type: str = JSON  # of its answers
    writes: bool = False
    keeps: bool = False  # a body that is refused is kept as a rejection
    url_key: bool = False  # the key may come as ?api_key=
    is_quick: bool = False  # the server's loop answers it, so that it waits for no query
    limit: int = BODY_LIMIT  # bytes of a body

    @property
    def rule(self) -> str:
        """The path as Bottle writes it.

        Our own ids are digits; a sender's id at the end may contain slashes.
        """
        rule = re.sub(OWN_IDS, r"<\1:re:[0-9]+>", self.path)
        return re.sub(r"\{(\w+)\}$", r"<\1:path>", rule).replace("{", "<").replace("}", ">")

    @property
    def operation_id(self) -> str:
        suffix = "_at_older_path" if self.path.startswith("/custom-events/") else ""
        return self.handler.__name__ + suffix


ROUTES: list[Route] = []


def route(method: str, *paths: str, **options: Any) -> Callable:
    """Declares the decorated function as the handler of a method on these paths."""

    def declare(handler: Callable[[Call], Any]) -> Callable[[Call], Any]:
        ROUTES.extend(Route(method, path, handler, **options) for path in paths)
        return handler

    return declare


@dataclass(slots=True)
class Call:
    """One request as its handler sees it."""

    route: Route
    environ: Mapping[str, Any]
    connection: apsw.Connection
    database: Database
    config: Config
    attempts: deque
    kept_answers: KeptAnswers
    now: int
    body: Body
    caller: Caller | None = None
    query: Any = None
    path: dict[str, str] = field(default_factory=dict)
    deadline: float = math.inf  # of a read, by time.monotonic()
    known_callers: dict[str, Caller] = field(default_factory=dict)  # by token

    def json(self, model: type[BaseModel]) -> Any:
        return validate(model, parse_body(self.body))

    def number(self, name: str) -> int:
        """One of our own ids in the path; 0, which nothing has, for too large a number."""
        digits = self.path[name]
        return int(digits) if len(digits) <= 18 else 0


# Answers


class Answer(BaseModel):
    """What an answer holds, for the OpenAPI document; built only when somebody asks for that."""

    model_config = ConfigDict(defer_build=True)


def answer(title: str, base: type[BaseModel] = Answer, /, **fields: Any) -> type[BaseModel]:
    """A model of an answer; a field that may be left out is written as (type, None)."""
    definitions = {}
    for name, kind in fields.items():
        definitions[name] = kind if isinstance(kind, tuple) else (kind, ...)
    return create_model(title, __base__=base, **definitions)


Note = answer("Warning", code=str, message=str)
FieldError = answer("FieldError", pointer=str, code=str, message=str, column=(int | None, None))
ProblemOut = answer(
    "Problem",
    type=str,
    title=str,
    status=int,
    detail=str,
    code=str,
    errors=(list[FieldError] | None, None),
    rejection_id=(int | None, None),
)


@dataclass(slots=True)
class Response:
    """What leaves: one piece of bytes under headers that are ours, which WSGI takes as they are."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def status_line(self) -> str:
        return f"{self.status} {bottle.HTTP_CODES[self.status]}"


def respond(answer: Any, reading: bool = False) -> Response:
    """A handler's answer (a dictionary, or a status and one) or a problem, as JSON."""
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, Problem):
        return respond_problem(answer, reading)
    status, content = answer if isinstance(answer, tuple) else (200, answer)
    return json_response(status, content, JSON)


def respond_problem(problem: Problem, reading: bool) -> Response:
    """A temporary trouble is 429 to a writer, which HighLevel sends again, and 503 to a reader."""
    content = problem.as_dict()
    if reading and isinstance(problem, TryLater):
        content["status"] = 503
    response = json_response(content["status"], content, PROBLEM_JSON)
    response.headers |= problem.headers
    return response


def json_response(status: int, content: Any, media_type: str) -> Response:
    return bytes_response(status, to_json(content), media_type)


def bytes_response(status: int, body: bytes, media_type: str) -> Response:
    length = str(len(body))
    headers = {**SECURITY_HEADERS, "Content-Type": media_type, "Content-Length": length}
    return Response(status, headers, body)


# The page's files

# No other file of static/ is served.
ASSET_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file of the page."""

    content: bytes
    content_type: str
    tag: str  # a weak ETag, which both forms share

    @functools.cached_property
    def compressed(self) -> bytes:
        """By gzip; made when it is first asked for, and not at each start."""
        return gzip.compress(self.content, mtime=0)


def load_assets(folder: Path) -> dict[str, Asset]:
    """The page's files by their paths in the folder."""
    assets = {}
    for path in folder.rglob("*"):
        if path.suffix in ASSET_TYPES:
            content = path.read_bytes()
            tag = f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'
            name = path.relative_to(folder).as_posix()
            assets[name] = Asset(content, ASSET_TYPES[path.suffix], tag)
    return assets


def first_modules(assets: dict[str, Asset], first: str) -> list[str]:
    """The scripts that a page needs before it can begin: its first one and what that imports,
    directly or not. Those that a view imports when it is opened (`import("./help.js")`) are not
    among them."""
    names = [first]
    for name in names:  # which grows meanwhile
        for imported in re.findall(rb' from "\./([^"]+)";', assets[name].content):
            if imported.decode() not in names:
                names.append(imported.decode())
    return names


def preloads(scripts: list[str]) -> str:
    """The header Link of a page that needs these scripts: without it the browser finds one only in
    another that imports it."""
    return ", ".join(f"</static/{name}>; rel=modulepreload" for name in scripts)


def send_asset(
    asset: Asset, environ: Mapping[str, Any], headers: dict[str, str], status: int = 200
) -> Response:
    content = asset.content
    if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
        content = asset.compressed
        headers["Content-Encoding"] = "gzip"
    headers["Content-Type"] = asset.content_type
    headers["Content-Length"] = str(len(content))
    return Response(status, headers, content)


# OpenAPI


@functools.cache  # anybody may ask for it, and it takes long to make
def openapi(public_url: str) -> dict:
    """OpenAPI 3.1 from the routes and their models."""
    models = {ProblemOut}
    paths: dict[str, dict] = {}
    for route in ROUTES:
        models.update(filter(is_model, (route.body, *route.answers.values())))
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    by_name = sorted(models, key=operator.attrgetter("__name__"))
    _, schemas = models_json_schema(
        [(model, "validation") for model in by_name],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Streamlined Lite", "version": __version__},
        "servers": [{"url": public_url or "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "url_key": {"type": "apiKey", "in": "query", "name": "api_key"},
            },
        },
    }


def is_model(described: Any) -> bool:
    return isinstance(described, type) and issubclass(described, BaseModel)


def schema_of(described: Any) -> dict:
    if described is str:
        return {"type": "string"}
    if not is_model(described):
        return {"type": "object"}
    return {"$ref": f"#/components/schemas/{described.__name__}"}


def operation(route: Route) -> dict:
    """What OpenAPI says of one method on one path."""
    summary, _, description = inspect.cleandoc(route.handler.__doc__ or "").partition("\n\n")
    problem = {
        "description": "a problem",
        "content": {PROBLEM_JSON: {"schema": schema_of(ProblemOut)}},
    }
    described = {
        "operationId": route.operation_id,
        "summary": summary,
        "parameters": parameters(route),
        "responses": responses(route, problem) | {"4XX": problem, "5XX": problem},
        "security": security(route),
    }
    if description:
        described["description"] = " ".join(description.split())
    if route.body is not None:
        content = {} if route.body is bytes else {JSON: {"schema": schema_of(route.body)}}
        for media_type in route.other_bodies:
            kind = "object" if media_type in (FORM, MULTIPART_FORM) else "string"
            content[media_type] = {"schema": {"type": kind}}
        described["requestBody"] = {"content": content}
    if route.scope is not None:
        described["x-scope"] = route.scope
    return described


def responses(route: Route, problem: dict) -> dict[str, dict]:
    described = {}
    for status, model in route.answers.items():
        content = {route.media_type: {"schema": schema_of(model)}}
        if status >= 400:
            content = problem["content"] | content
        described[str(status)] = {"description": "the answer", "content": content}
    return described


def security(route: Route) -> list[dict]:
    """The ways to send a key, one of which is needed; {} stands for none."""
    ways = []
    if route.scope or route.knows_key:
        ways.append({"key": []})
    if route.url_key:
        ways.append({"url_key": []})
    if route.knows_key:
        ways.append({})
    return ways


def parameters(route: Route) -> list[dict]:
    described = []
    for name in re.findall(r"\{(\w+)\}", route.path):
        kind = "string" if name in ("location_id", "contact_id") else "integer"
        described.append({"name": name, "in": "path", "required": True, "schema": {"type": kind}})
    query = route.query.model_json_schema()
    required = query.get("required", [])
    for name, schema in query.get("properties", {}).items():
        if name != "api_key":
            is_required = name in required
            described.append(
                {"name": name, "in": "query", "required": is_required, "schema": schema}
            )
    return described


####################################################################################################
# keys
####################################################################################################

PREFIX_LENGTH = 9  # the visible first characters: "sl_" and six more, of 43
ALLOWED = {
    "ingest": {"ingest", "sync", "admin"},
    "sync": {"sync", "admin"},
    "read": {"read", "admin"},
    "admin": {"admin"},
    "share": {"share"},
}
NEEDS = {
    "ingest": "ingest, sync or admin",
    "sync": "sync or admin",
    "read": "read or admin",
    "admin": "admin",
    "share": "share",
}
Scope = Literal["ingest", "sync", "read", "admin"]  # a key of scope share comes with its share


class NewKey(BaseModel):
    """A key (an integration) to create. An admin key is for all locations."""

    model_config = ConfigDict(extra="forbid")

    name: Line
    scope: Scope = "ingest"
    locations: list[SentIdentifier] | None = Field(
        None, min_length=1, max_length=KEY_LOCATIONS_LIMIT
    )
    distinct_id_rule: Literal["refuse", "generate"] = "refuse"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: a key of the database, or the configured admin key (key_id None)."""

    key_id: int | None
    scope: str
    locations: frozenset[str] | None = None  # None: all
    distinct_id_rule: str = "refuse"
    name: str = "the admin key of the settings"

    def may(self, scope: str) -> bool:
        return self.scope in ALLOWED[scope]

    def check_scope(self, scope: str) -> None:
        if not self.may(scope):
            raise Forbidden(
                f"this needs a key of scope {NEEDS[scope]}; the key sent has {self.scope}", "scope"
            )

    @property
    def is_viewer(self) -> bool:
        """Whether it holds no more than the link of a share."""
        return self.scope == "share"

    def may_see(self, location_id: str | None) -> bool:
        return self.locations is None or location_id in self.locations

    def check_location(self, location_id: str) -> None:
        if not self.may_see(location_id):
            raise Forbidden("the key sent is not for this location_id", "location_not_allowed")


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def authenticate(connection: apsw.Connection, token: str, admin_key: str) -> Caller:
    """Who holds this token. Raises Unauthorized with a reason that never repeats the token."""
    if not token:
        raise Unauthorized("send a key in the X-API-Key header", "key_missing")
    hashed = hash_token(token)
    if admin_key and hmac.compare_digest(hashed, hash_token(admin_key)):
        return Caller(None, "admin")
    key = row(connection, "keys.find", token_hash=hashed)
    if key is None:
        raise Unauthorized("the key sent is not known here", "key_unknown")
    if key["revoked_at"] is not None:
        raise Unauthorized(f"the key sent ({key['token_prefix']}…) was revoked", "key_revoked")
    return caller_of(key)


def caller_of(key: dict) -> Caller:
    locations = key_locations(key["locations"])
    return Caller(
        key["key_id"],
        key["scope"],
        None if locations is None else frozenset(locations),
        key["distinct_id_rule"],
        key["name"],
    )


def key_locations(stored: str | None) -> list[str] | None:
    """The locations that a key is for; None: all."""
    return json.loads(stored) if stored else None


def create_key(connection: apsw.Connection, new: NewKey, now: int) -> dict:
    """The new key with its token, which is shown here and never again."""
    if new.scope == "admin" and new.locations:
        message = "an admin key is for all locations; leave them out"
        raise Invalid([field_error("/locations", "admin_is_for_all", message)])
    key, token = insert_key(
        connection, new.name, new.scope, new.locations, new.distinct_id_rule, now
    )
    return as_answer(key, KEY_COLUMNS) | {"token": token}


def insert_key(
    connection: apsw.Connection,
    name: str,
    scope: str,
    locations: list[str] | None,
    distinct_id_rule: str,
    now: int,
) -> tuple[dict, str]:
    """The row of a new key, and its token."""
    token = "sl_" + secrets.token_urlsafe(30)
    key = row(
        connection,
        "keys.create",
        name=name,
        token_hash=hash_token(token),
        token_prefix=token[:PREFIX_LENGTH],
        scope=scope,
        locations=json.dumps(sorted(set(locations))) if locations else None,
        distinct_id_rule=distinct_id_rule,
        created_at=now,
    )
    return key, token


def list_keys(connection: apsw.Connection, last_used: Mapping[int, int] = {}) -> list[dict]:
    """All keys, those of shares included, the newest first; `last_used` has the uses that are not
    yet written."""
    keys = rows(connection, "keys.list", below=2**62)
    for key in keys:
        key["last_used_at"] = last_used.get(key["key_id"], key["last_used_at"])
    return [as_answer(key, KEY_COLUMNS) for key in keys]


def revoke_key(connection: apsw.Connection, key_id: int, now: int) -> dict:
    """The key, revoked now or already. Raises NotFound."""
    revoked = None
    if is_sqlite_integer(key_id):
        revoked = row(connection, "keys.revoke", key_id=key_id, now=now)
    if revoked is None:
        raise NotFound(f"there is no key {key_id}")
    return as_answer(revoked, KEY_COLUMNS)


def key_command(config: Config) -> str:
    """The command that makes an admin key for this database, as this program was started."""
    script = shlex.quote(os.path.abspath(sys.argv[0]))
    if script.endswith(".py"):
        program = f"{shlex.quote(sys.executable)} {script}"
    elif shutil.which("streamlined-lite"):
        program = "streamlined-lite"
    else:
        program = script
    if "STATE_DIRECTORY" in os.environ:  # systemd's: only the unit's own user and root may read it
        program = f"sudo {program}"
    flags = {"--database": os.path.abspath(config.database), "--public-url": config.public_url}
    words = [f"{flag} {shlex.quote(value)}" for flag, value in flags.items() if value]
    return f"{program} keys create admin --scope admin {' '.join(words)}"


KeyOut = answer(
    "StoredKey",
    key_id=int,
    name=str,
    scope=Scope,
    locations=list[str] | None,
    distinct_id_rule=str,
    token_prefix=str,
    created_at=Moment,
    last_used_at=Moment | None,
    revoked_at=Moment | None,
)
CreatedKey = answer("CreatedKey", KeyOut, token=str)
KeyList = answer("KeyList", keys=list[KeyOut])


KEY_COLUMNS = {
    "key_id": None,
    "name": None,
    "scope": None,
    "locations": key_locations,
    "distinct_id_rule": None,
    "token_prefix": None,
    "created_at": iso,
    "last_used_at": iso,
    "revoked_at": iso,
}


@route("GET", "/keys/v1", scope="admin", answers={200: KeyList})
def get_keys(call: Call) -> dict:
    """The keys (integrations), without their tokens. Those of shares are in their own list."""
    keys = list_keys(call.connection, dict(call.database.last_used))
    return {"keys": [key for key in keys if key["scope"] != "share"]}


@route("POST", "/keys/v1", scope="admin", body=NewKey, answers={201: CreatedKey}, writes=True)
def post_key(call: Call) -> tuple[int, dict]:
    """Creates a key. Its token is in this one answer and nowhere else."""
    return 201, create_key(call.connection, call.json(NewKey), call.now)


@route("DELETE", "/keys/v1/{key_id}", scope="admin", answers={200: KeyOut}, writes=True)
def delete_key(call: Call) -> dict:
    """Revokes a key, at once."""
    key_id = call.number("key_id")
    key = row(call.connection, "keys.find_by_id", key_id=key_id)
    if key is not None and key["scope"] == "share":
        raise NotFound(f"{key_id} is a share; delete it at /shares/v1/{key_id}")
    call.database.callers.clear()
    return revoke_key(call.connection, key_id, call.now)


# The session and wrong keys

SessionKey = answer(
    "SessionKey", key_id=int | None, name=str, scope=Scope, locations=list[str] | None
)
Session = answer(
    "Session",
    public_url=(str | None, None),
    timezone=(str, None),
    version=(str, None),
    key=SessionKey | None,
)


@route("GET", "/session/v1", answers={200: Session}, knows_key=True, is_quick=True)
def get_session(call: Call) -> dict:
    """Whose key was sent; without a key, that there is none."""
    caller = call.caller
    if caller is None:
        return {"key": None}
    return {
        "key": {
            "key_id": caller.key_id,
            "name": caller.name,
            "scope": caller.scope,
            "locations": None if caller.locations is None else sorted(caller.locations),
        },
        "public_url": call.config.public_url or None,
        "timezone": call.config.time_zone,
        "version": __version__,
    }


Attempt = answer("Attempt", time=Moment, path=str, reason=str)
AttemptList = answer("AttemptList", attempts=list[Attempt])
ATTEMPT_COLUMNS = {"time": iso, "path": None, "reason": None}


@route("GET", "/attempts/v1", scope="admin", answers={200: AttemptList})
def get_attempts(call: Call) -> dict:
    """The last 100 requests without a valid key, also those to a path that does not exist."""
    newest_first = reversed(list(call.attempts))
    return {"attempts": [as_answer(attempt, ATTEMPT_COLUMNS) for attempt in newest_first]}


####################################################################################################
# locations
####################################################################################################


class LocationBody(BaseModel):
    """PATCH of a location: what is set here bodies no longer change; null lets them again."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = None
    timezone: Zone | None = None


class SentLocation(BaseModel):
    """What a body says of the location around its contact or event."""

    location_id: SentIdentifier
    location_name: SentLine | None = None
    location_timezone: Zone | None = None


def learn_location(connection: apsw.Connection, sent: SentLocation, now: int) -> None:
    """Stores what a body says of the location itself; what a person set stays."""
    if sent.location_name or sent.location_timezone:
        change(
            connection,
            "locations.learn",
            location_id=sent.location_id,
            name=sent.location_name,
            timezone=sent.location_timezone,
            now=now,
        )


def list_location_ids(connection: apsw.Connection) -> list[str]:
    """Raises Invalid where they are too many for an answer about all of them."""
    room = Room(WHOLE_LIST_LIMIT)
    location_ids = []
    for location in stream(connection, "locations.list", after=""):
        location_ids.append(location["location_id"])
        if not room.take(location_ids[-1]):
            raise too_many("locations")
    return location_ids


def visible_locations(
    connection: apsw.Connection, requested: list[str] | None, allowed: frozenset[str] | None
) -> list[str]:
    """The requested locations, or all (None): those of the key, where it is bound to some.

    Raises Forbidden.
    """
    if requested is None:
        return list_location_ids(connection) if allowed is None else sorted(allowed)
    if allowed is not None and not allowed.issuperset(requested):
        raise Forbidden(
            "the key sent is not for every location_id asked for", "location_not_allowed"
        )
    return requested


def queried_locations(call: Call) -> list[str]:
    """The query's location_id, or without one all that the key may see. Raises Forbidden."""
    location_id = call.query.location_id
    requested = None if location_id is None else [location_id]
    return visible_locations(call.connection, requested, call.caller.locations)


def location_names(
    connection: apsw.Connection, location_ids: Iterable[str]
) -> dict[str, str | None]:
    """The names of those that are there, by their ids; None where one has none."""
    listed = to_json(list(location_ids)).decode()
    found = rows(connection, "locations.list_names", locations=listed)
    return {location["location_id"]: location["name"] for location in found}


def own_zones(connection: apsw.Connection, locations: list[str], default_zone: str) -> set[str]:
    """The zones of some locations; of one without a zone of its own, and of none, it is the
    default."""
    found = rows(connection, "locations.list_zones", locations=to_json(locations).decode())
    if not found:
        return {default_zone}
    zones = set()
    for location in found:
        name = location["timezone"] or ""
        zones.add(name if is_time_zone(name) else default_zone)
    return zones


def rank_locations(
    connection: apsw.Connection, statement: str, locations: list[str], binds: dict[str, Any]
) -> list[str]:
    """Those of many locations that a page of a list can come from: as many as it has rows at most.

    So a page costs a look at the newest row of each location, and not a list of each.
    """
    found = rows(connection, statement, locations=to_json(locations).decode(), **binds)
    return [location["location_id"] for location in found]


def edit_location(connection: apsw.Connection, location_id: str, body: LocationBody) -> dict | None:
    """The location after the edit; None where there is no such location."""
    for name in body.model_fields_set:
        value = getattr(body, name)
        change(
            connection,
            f"locations.set_{name}",
            location_id=location_id,
            value=value,
            edited=value is not None,
        )
    return row(connection, "locations.find", location_id=location_id)


def delete_location(connection: apsw.Connection, location_id: str, dry_run: bool) -> dict | None:
    """Deletes a location and all in it, or begins to: what is deleted now, and what remains.

    None: there is no such location. Where more remains than a step deletes, the location is no
    longer there for anybody else, and the server goes on; a further call tells how far that is.
    """
    location = row(connection, "locations.find", location_id=location_id)
    found = location or row(connection, "locations.find_deletion", location_id=location_id)
    if found is None:
        return None
    key = {"location_key": found["location_key"]}
    if dry_run:
        counts = row(connection, "locations.count_dependents", **key, most=PREVIEW_LIMIT)
        return counts | {"remaining": counts["events"] + counts["contacts"]}
    rejections = 0
    if location is not None:
        rejections = change(connection, "rejections.delete_by_location", location_id=location_id)
        change(connection, "locations.begin_deletion", **key)
    counts = delete_from_location(connection, found["location_key"])
    left = row(connection, "locations.count_dependents", **key, most=COUNT_LIMIT)
    return counts | {"rejections": rejections, "remaining": left["events"] + left["contacts"]}


def delete_from_location(connection: apsw.Connection, location_key: int) -> dict:
    """A step: up to 1,000 events, then as many contacts, then the location; what was deleted."""
    key = {"location_key": location_key}
    changes_before = connection.total_changes()
    contacts = tags = 0
    events = change(connection, "locations.delete_events", **key, limit=DELETE_STEP)
    if events < DELETE_STEP:
        contacts = change(connection, "locations.delete_contacts", **key, limit=DELETE_STEP)
        # A trigger deletes the tags.
        tags = connection.total_changes() - changes_before - events - contacts
        if contacts < DELETE_STEP:
            change(connection, "locations.delete", **key)
    return {"events": events, "contacts": contacts, "tags": tags}


LocationOut = answer(
    "Location", location_id=str, name=str | None, timezone=str | None, first_seen_at=Moment
)
LocationList = answer("LocationList", locations=list[LocationOut])


LOCATION_COLUMNS = {"location_id": None, "name": None, "timezone": None, "first_seen_at": iso}


@route("GET", "/locations/v1", scope="read", answers={200: LocationList})
def get_locations(call: Call) -> dict:
    """The locations that the key may see."""
    allowed = call.caller.locations
    room = Room(WHOLE_LIST_LIMIT, 4 * PAGE_BYTES)
    locations = []
    for location in stream(call.connection, "locations.list", after=""):
        if allowed is not None and location["location_id"] not in allowed:
            continue
        if not room.take(location["location_id"] + (location["name"] or "")):
            raise too_many("locations")
        locations.append(as_answer(location, LOCATION_COLUMNS))
    return {"locations": locations}


@route(
    "PATCH",
    "/locations/v1/{location_id}",
    scope="admin",
    body=LocationBody,
    answers={200: LocationOut},
    writes=True,
)
def patch_location(call: Call) -> dict:
    """Sets name or time zone, which bodies then no longer change; null lets them again."""
    body = call.json(LocationBody)
    location = edit_location(call.connection, call.path["location_id"], body)
    if location is None:
        raise NotFound("there is no such location")
    return as_answer(location, LOCATION_COLUMNS)


DeletedLocation = answer(
    "DeletedLocation", events=int, contacts=int, tags=int, rejections=int, remaining=int
)


@route(
    "DELETE",
    "/locations/v1/{location_id}",
    scope="admin",
    query=DryRun,
    answers={200: DeletedLocation},
    writes=True,
)
def remove_location(call: Call) -> dict:
    """Deletes a location, all in it and the rejections that name it.

    It is gone at once; of more than 1,000 events, the rest goes step by step, a step for each such
    request too, until none remain. What arrives meanwhile is in a new location. At most 10,000
    remaining ones are counted, in a dry run a million.
    """
    counts = delete_location(call.connection, call.path["location_id"], call.query.dry_run)
    if counts is None:
        raise NotFound("there is no such location")
    return counts


####################################################################################################
# events
####################################################################################################


class Event(BaseModel):
    """What a sender posts. `timestamp` becomes milliseconds UTC; None: left out."""

    event_name: SentName
    location_id: SentIdentifier
    distinct_id: SentIdentifier
    contact_id: SentIdentifier | None = None
    timestamp: Timestamp | None = None
    properties: EventProperties | None = None


class EventFilter(Query):
    """`from` is inclusive, `to` is exclusive; both are about the events' own timestamps.

    Days, and times without an offset, are those of `timezone`, or else of the location.
    """

    location_id: Identifier | None = None
    event_name: Name | None = None
    contact_id: Identifier | None = None
    from_: DayOrTime | None = Field(None, alias="from")
    to: DayOrTime | None = None
    timezone: Zone | None = None

    def names_events(self) -> bool:
        """Whether anything narrows it; a time zone alone does not."""
        filters = (self.location_id, self.event_name, self.contact_id, self.from_, self.to)
        return any(value is not None for value in filters)


class EventQuery(EventFilter):
    """`order=arrival` is by each event's arrival or last change, the newest first.

    It goes with location_id and event_name alone.
    """

    order: Literal["timestamp", "arrival"] = "timestamp"
    limit: Limit = 50
    cursor: cursor_of(int, int) | None = None


class EventDeletion(EventFilter):
    dry_run: bool = False


# Storing


def store_event(
    connection: apsw.Connection, event: Event, now: int, arrived: int, warnings: Sequence[dict] = ()
) -> tuple[str, dict, list[dict]]:
    """Upserts by (location_id, distinct_id).

    Returns created, updated or unchanged; the event's row as it is now; and further warnings. The
    timestamp of the first request stays; left out, it is when that `arrived`. A field that is sent
    replaces the stored one, a field left out keeps its value.
    """
    created = new_event(event, now, arrived)
    created["warnings"] = noted(warnings)
    created["event_id"] = scalar(connection, "events.insert", **created)
    if created["event_id"] is not None:
        return "created", created, []
    # It is stored already, or names what is not there yet, or an alias.
    insert_missing(connection, event, arrived)
    event_name = stored_name(connection, event)
    further = alias_warnings(event.event_name, event_name)
    created["event_name"] = event_name
    created["event_id"] = scalar(connection, "events.insert", **created)
    if created["event_id"] is not None:
        return "created", created, further
    status, stored, update_warnings = update_event(connection, event, event_name, now)
    return status, stored, further + update_warnings


def insert_missing(connection: apsw.Connection, event: Event, now: int) -> None:
    """Webhooks arrive in any order: what an event names exists from then on, bare."""
    location_id = event.location_id
    change(connection, "locations.insert_missing", location_id=location_id, now=now)
    change(connection, "event_names.insert_missing", event_name=event.event_name)
    if event.contact_id is not None:
        contact = {"location_id": location_id, "contact_id": event.contact_id}
        change(connection, "contacts.insert_missing", **contact, now=now)


def stored_name(connection: apsw.Connection, event: Event) -> str:
    """The event's name, or the one that it is an alias of."""
    return scalar(connection, "event_names.resolve", event_name=event.event_name)


def stored_names(connection: apsw.Connection, events: list[Event]) -> dict[str, str]:
    """By each of the events' names that is an alias, the name under which its events are stored."""
    names = {event.event_name for event in events}
    aliases = rows(connection, "event_names.list_aliases", event_names=json.dumps(list(names)))
    return {alias["event_name"]: alias["stored_name"] for alias in aliases}


def alias_warnings(event_name: str, stored_name: str) -> list[dict]:
    """What the sender of an event should know whose name is an alias; nothing where it is none."""
    if event_name == stored_name:
        return []
    message = f"events of this name are stored as {quoted(stored_name)}"
    return [warning("event_name_alias", message)]


def quoted(name: str) -> str:
    """A name as a message shows it: the beginning of a long one."""
    return f"“{name[:100]}”"


def insert_events(
    connection: apsw.Connection, events: list[Event], now: int
) -> Iterable[int | None]:
    """Inserts by one statement all events that are new: the event_ids, in the events' order.

    None stands for an event whose distinct_id is stored, or comes before it in the list.
    """
    newest = scalar(connection, "events.newest")
    # The models themselves would take twice as long to write as their fields.
    sent = to_json([vars(event) for event in events]).decode()
    sent = scalar(connection, "events.parse_many", events=sent)
    change(connection, "locations.insert_missing_many", events=sent, now=now)
    change(connection, "event_names.insert_missing_many", events=sent)
    change(connection, "contacts.insert_missing_many", events=sent, now=now)
    inserted = change(connection, "events.insert_many", events=sent, now=now)
    if inserted == len(events):
        # Their ids follow one another; to read them back takes as long as to parse the events.
        last = connection.last_insert_rowid()
        return range(last - inserted + 1, last + 1)
    event_ids = {
        (stored["location_id"], stored["distinct_id"]): stored["event_id"]
        for stored in rows(connection, "events.list_newer", event_id=newest)
    }
    return [event_ids.pop((event.location_id, event.distinct_id), None) for event in events]


def update_event(
    connection: apsw.Connection, event: Event, event_name: str, now: int
) -> tuple[str, dict, list[dict]]:
    """As store_event, for an event whose distinct_id is stored: updated or unchanged.

    What it names is there; `event_name` is the name that it is stored under.
    """
    old = row(
        connection,
        "events.find_by_distinct_id",
        location_id=event.location_id,
        distinct_id=event.distinct_id,
    )
    new = updated_event(old, event) | {"event_name": event_name}
    warnings = update_warnings(old, new, event)
    if new == old:
        return "unchanged", old, warnings
    new["updated_at"] = now
    new["update_count"] += 1
    change(connection, "events.upsert", **new)
    return "updated", new, warnings


def new_event(event: Event, now: int, arrived: int) -> dict:
    """The row of an event that is not stored yet, without its event_id."""
    return vars(event) | {
        "timestamp": arrived if event.timestamp is None else event.timestamp,
        "properties": to_json(event.properties or {}).decode(),
        "received_at": arrived,
        "updated_at": now,
        "update_count": 0,
        "warnings": None,
    }


def updated_event(old: dict, event: Event) -> dict:
    """The stored row with what is sent anew; equal to it where that changes nothing."""
    sent = {name: value for name, value in vars(event).items() if value is not None}
    new = old | sent
    new["timestamp"] = old["timestamp"]
    new["properties"] = old["properties"]
    if event.properties is not None and event.properties != from_json(old["properties"]):
        new["properties"] = to_json(event.properties).decode()
    return new


def update_warnings(old: dict, new: dict, event: Event) -> list[dict]:
    """What the sender of an event should know that met a stored one."""
    warnings = []
    if event.timestamp is not None and event.timestamp != old["timestamp"]:
        warnings.append(
            warning(
                "timestamp_kept",
                f"the event keeps the timestamp of its first request, {iso(old['timestamp'])}",
            )
        )
    if new["event_name"] != old["event_name"]:
        warnings.append(
            warning(
                "event_name_changed",
                "this distinct_id belonged to an event of another name, which this one "
                "replaces; the replaced one is kept in the rejections",
            )
        )
    if old["contact_id"] not in (None, new["contact_id"]):
        warnings.append(
            warning(
                "contact_changed",
                "this distinct_id belonged to an event of another contact, which this one "
                "replaces; the replaced one is kept in the rejections",
            )
        )
    return warnings


def note_warnings(connection: apsw.Connection, stored: dict, warnings: list[dict]) -> None:
    """Keeps with a stored event what its last sender was warned of."""
    text = noted(warnings)
    if text != stored["warnings"]:
        change(connection, "events.note_warnings", event_id=stored["event_id"], warnings=text)


def noted(warnings: Sequence[dict]) -> str | None:
    return json.dumps(warnings) if warnings else None


# Listing, counting, deleting


def in_moments(
    connection: apsw.Connection, query: EventFilter, locations: list[str], default_zone: str
) -> EventFilter:
    """The filter with `from` and `to` as milliseconds UTC. Raises Invalid where that depends on
    which of the locations is meant."""
    local = {
        name: value for name, value in (("from_", query.from_), ("to", query.to)) if is_local(value)
    }
    if not local:
        return query
    zones = {query.timezone}
    if query.timezone is None:
        zones = own_zones(connection, locations, default_zone)
    if len(zones) > 1:
        message = (
            "is a day or a time without an offset, and these locations have different time zones; "
            "add a timezone, or an offset to the time"
        )
        raise Invalid(
            [field_error("?" + name.rstrip("_"), "timezone_required", message) for name in local]
        )
    zone = ZoneInfo(zones.pop())
    return query.model_copy(update={name: moment_of(value, zone) for name, value in local.items()})


def list_events(connection: apsw.Connection, query: EventQuery, locations: list[str]) -> dict:
    """A page of the locations' events by their timestamp or by their arrival, the newest first."""
    if query.order == "arrival":
        order = "updated_at"
        index, binds = arrival_index(query)
    else:
        order = "timestamp"
        index, binds = event_index(query)
    before_timestamp, before_id = query.cursor or (2**62, 0)
    binds |= {
        "before_timestamp": before_timestamp,
        "before_id": before_id,
        "limit": query.limit + 1,
    }
    if len(locations) > query.limit:
        locations = rank_locations(connection, f"events.rank_by_{index}", locations, binds)
    lists = [
        stream(connection, f"events.list_by_{index}", location_id=location_id, **binds)
        for location_id in locations
    ]
    read = functools.partial(find_event, connection)
    return page("events", lists, query.limit, (order, "event_id"), event_detail_out, read)


def find_event(connection: apsw.Connection, key: Mapping[str, Any]) -> dict:
    """The row of an event whose event_id a statement has found."""
    return row(connection, "events.find", event_id=key["event_id"])


def arrival_index(query: EventQuery) -> tuple[str, dict]:
    """As event_index. Raises Invalid for the filters that no index serves in this order."""
    unserved = {"contact_id": query.contact_id, "from": query.from_, "to": query.to}
    errors = [
        field_error("?" + name, "unserved", "does not go with order=arrival")
        for name, value in unserved.items()
        if value is not None
    ]
    if errors:
        raise Invalid(errors)
    if query.event_name is None:
        return "arrival", {}
    return "arrival_and_name", {"event_name": query.event_name}


# By whether a filter names an event_name, and a contact_id.
EVENT_INDEXES = {
    (False, False): "time",
    (True, False): "name",
    (False, True): "contact",
    (True, True): "contact_and_name",
}


def event_index(query: EventFilter) -> tuple[str, dict]:
    """How the statements are named that look for events by just these filters, and their binds.

    There is one for each combination, so that each is served by its index.
    """
    index = EVENT_INDEXES[query.event_name is not None, query.contact_id is not None]
    binds = {
        "event_name": query.event_name,
        "contact_id": query.contact_id,
        "from": query.from_ or 0,
        "to": YEAR_2200 if query.to is None else query.to,
    }
    return index, binds


def count_events(
    connection: apsw.Connection, query: EventFilter, locations: list[str], most: int = -1
) -> int:
    """How many match; `most` are counted, where that is not negative."""
    index, binds = event_index(query)
    sought = to_json(locations).decode()
    return scalar(connection, f"events.count_by_{index}", locations=sought, most=most, **binds)


def delete_events(connection: apsw.Connection, query: EventDeletion, locations: list[str]) -> dict:
    """Deletes up to 1,000 events by filter and says how many remain; a dry run only counts.

    Raises Invalid for a query without a filter, and for one that takes too long.
    """
    if not query.names_events():
        message = "name at least one of location_id, event_name, contact_id, from, to"
        raise Invalid([field_error("?", "filter_required", message)])
    most = -1 if query.dry_run else DELETE_STEP + COUNT_LIMIT
    # What is to be deleted is looked for first, and stopped there: a deletion that was stopped
    # would take the whole turn with it.
    with time_limit(connection, SEARCH_SECONDS):
        matching = count_events(connection, query, locations, most)
    if query.dry_run:
        return {"events": matching, "remaining": matching}
    deleted = delete_step(connection, query, locations)
    return {"events": deleted, "remaining": matching - deleted}


def delete_step(connection: apsw.Connection, query: EventFilter, locations: list[str]) -> int:
    """Deletes up to 1,000 events; fewer where no more match. Returns how many."""
    index, binds = event_index(query)
    return change(
        connection,
        f"events.delete_by_{index}",
        locations=to_json(locations).decode(),
        limit=DELETE_STEP,
        **binds,
    )


# Answers and routes

EventOut = answer(
    "StoredEvent",
    event_id=int,
    event_name=str,
    location_id=str,
    distinct_id=str,
    contact_id=str | None,
    timestamp=Moment,
    properties=dict[str, str | int | float],
    received_at=Moment,
    updated_at=Moment,
    update_count=int,
)
EVENT_COLUMNS = {
    "event_id": None,
    "event_name": None,
    "location_id": None,
    "distinct_id": None,
    "contact_id": None,
    "timestamp": iso,
    "properties": from_json,
    "received_at": iso,
    "updated_at": iso,
    "update_count": None,
}


def event_out(event: dict) -> dict:
    """A stored event's row as answers show it."""
    return as_answer(event, EVENT_COLUMNS)


EventDetail = answer("EventDetail", EventOut, contact_name=str | None, warnings=list[Note])
EventList = answer("EventList", events=list[EventDetail], next=str | None)


def event_detail_out(event: dict) -> dict:
    """A row of events.find as answers show it, with the warnings that its last sender got."""
    details = {
        "contact_name": event["contact_name"],
        "warnings": json.loads(event["warnings"] or "[]"),
    }
    return event_out(event) | details


@route("GET", "/events/v1", scope="read", query=EventQuery, answers={200: EventList})
def get_events(call: Call) -> dict:
    """Events by their timestamp, the newest first.

    A page of more than 2 MB ends before `limit`.
    """
    return list_events(call.connection, *queried_events(call))


def queried_events(call: Call) -> tuple[Any, list[str]]:
    """The query with its times as milliseconds UTC, and the locations. Raises Forbidden and
    Invalid."""
    locations = queried_locations(call)
    query = in_moments(call.connection, call.query, locations, call.config.time_zone)
    return query, locations


@route("GET", "/events/v1/{event_id}", scope="read", answers={200: EventDetail})
def get_event(call: Call) -> dict:
    """One event, with the warnings that its last sender got."""
    return event_detail_out(visible_event(call))


def visible_event(call: Call) -> dict:
    """The row of the path's event. Raises NotFound, also for one that the key may not see."""
    event = row(call.connection, "events.find", event_id=call.number("event_id"))
    allowed = call.caller.locations
    if event is None or (allowed is not None and event["location_id"] not in allowed):
        raise NotFound(f"there is no event {call.path['event_id']}")
    return event


DeletedEvents = answer("DeletedEvents", events=int, remaining=int)


@route(
    "DELETE",
    "/events/v1",
    scope="admin",
    query=EventDeletion,
    answers={200: DeletedEvents},
    writes=True,
)
def delete_events_by_filter(call: Call) -> dict:
    """Deletes up to 1,000 of the events that match; repeat until `remaining` is 0.

    At most 10,000 remaining ones are counted.
    """
    return delete_events(call.connection, *queried_events(call))


@route(
    "DELETE",
    "/events/v1/{event_id}",
    scope="admin",
    query=DryRun,
    answers={200: DeletedEvents},
    writes=True,
)
def delete_event(call: Call) -> dict:
    """Deletes one event."""
    event = visible_event(call)
    if call.query.dry_run:
        return {"events": 1, "remaining": 1}
    change(call.connection, "events.delete", event_id=event["event_id"])
    return {"events": 1, "remaining": 0}


# Event names

EVENT_NAMES_PATH = "/event-names/v1"


class RenameBody(BaseModel):
    """PATCH of an event name: the name as it is, and as it is to be."""

    model_config = ConfigDict(extra="forbid")

    event_name: Name
    new_name: SentName


class AliasDeletion(DryRun):
    event_name: Name


# Listing event names


def list_event_names(
    connection: apsw.Connection, locations: Iterable[str], with_aliases: bool
) -> dict:
    """The names seen, each with its property keys and their kinds among its newest events.

    Aliases are of all locations: a key for some of them is not to see what others have sent. Raises
    Invalid where there are too many names; for properties there is only so much room.
    """
    names = []
    room = Room(WHOLE_LIST_LIMIT)
    room_for_keys = Room()
    for location_id in locations:
        for name in stream(connection, "event_names.list", location_id=location_id):
            name["location_id"] = location_id
            name["last_seen"] = iso(name["last_seen"])
            name["aliases"] = sorted(json.loads(name["aliases"])) if with_aliases else []
            name["properties"] = list_property_keys(
                connection, location_id, name["event_name"], room_for_keys
            )
            names.append(name)
            if not room.take("".join([name["event_name"], *name["aliases"]])):
                raise too_many("event names")
    return {"event_names": names}


def list_property_keys(
    connection: apsw.Connection, location_id: str, event_name: str, room: Room
) -> list[dict]:
    """The property keys of an event name's newest events, with the kinds of their values, while
    there is room for them."""
    binds = {"location_id": location_id, "event_name": event_name}
    limits = {"most": PROPERTY_LIMIT, "most_bytes": NAMED_BYTES}
    keys: list[dict] = []
    if room.is_exceeded:
        return keys
    for found in stream(connection, "event_names.properties", **binds, **limits):
        if not room.take(found["key"]):
            break
        keys.append({"key": found["key"], "kinds": json.loads(found["kinds"])})
    return keys


# Renaming, merging, aliases


def find_event_name(connection: apsw.Connection, event_name: str) -> dict:
    """Raises NotFound."""
    name = row(connection, "event_names.find", event_name=event_name)
    if name is None:
        raise NotFound(f"there is no event name {quoted(event_name)}")
    return name


def rename_event_name(
    connection: apsw.Connection, body: RenameBody, dry_run: bool, now: int
) -> dict:
    """Renames an event name or, where the new one exists, merges it into that; an alias stays.

    A rename is one row. A merge makes the alias first, then moves up to 1,000 events; the same
    request again goes on where the last one ended. Saved metrics follow in the same transaction. A
    dry run counts all events of the name. Raises NotFound, and Conflict.
    """
    name = find_event_name(connection, body.event_name)
    target = row(connection, "event_names.find", event_name=body.new_name)
    check_rename(name, target, body.new_name)
    metrics = metrics_of_event(connection, body.event_name)
    moved = remaining = 0
    if dry_run:
        moved = remaining = count_events_of(connection, name, most=-1)
    else:
        rename_in_metrics(connection, body.event_name, body.new_name, now)
        if target is None:
            replace_name(connection, name, body.new_name)
        else:
            moved = merge_names(connection, name, target)
            remaining = count_events_of(connection, name, most=COUNT_LIMIT)
    return {
        "events": moved,
        "remaining": remaining,
        "metrics": metrics,
        "merged": target is not None,
    }


def count_events_of(connection: apsw.Connection, name: dict, most: int) -> int:
    """The events under a name itself, or those of an alias that are still to be moved."""
    return scalar(connection, "event_names.count_events", name_key=name["name_key"], most=most)


def replace_name(connection: apsw.Connection, name: dict, new_name: str) -> None:
    name_key = name["name_key"]
    change(connection, "event_names.rename", name_key=name_key, new_name=new_name)
    alias = {"event_name": name["event_name"], "alias_of": name_key}
    change(connection, "event_names.insert_alias", **alias)


def merge_names(connection: apsw.Connection, name: dict, target: dict) -> int:
    """Begins a merge, or goes on with it. Returns how many events have moved."""
    name_key = name["name_key"]
    if name["alias_of"] is None:
        target_key = target["name_key"]
        change(connection, "event_names.begin_merge", name_key=name_key, alias_of=target_key)
    return move_events(connection, name_key)


def check_rename(name: dict, target: dict | None, new_name: str) -> None:
    """Raises Conflict, unless the name can be renamed, be merged into the target, or go on so."""
    if new_name == name["event_name"]:
        raise rename_conflict("/new_name", "same_name", "must be another name than the present one")
    if name["alias_of"] is not None:
        check_merge_goes_on(name, target)
        return
    if name["is_filling"]:
        message = "has another name's events still being moved to it; wait until that has ended"
        raise rename_conflict("/event_name", "merge_running", message)
    if target is None or target["alias_of"] is None:
        return
    if target["alias_of"] == name["name_key"]:
        message = "is an alias of this very name; remove the alias first"
    else:
        message = f"is an alias of {quoted(target['stored_name'])}; name that one"
    raise rename_conflict("/new_name", "is_alias", message)


def check_merge_goes_on(alias: dict, target: dict | None) -> None:
    """Raises Conflict where an alias is to be renamed to another name than it stands for."""
    if target is not None and target["name_key"] == alias["alias_of"]:
        return
    stored_name = quoted(alias["stored_name"])
    if alias["moving_from"] is not None:
        message = f"is being merged into {stored_name}; wait until that has ended"
        raise rename_conflict("/event_name", "merge_running", message)
    message = f"is an alias of {stored_name}; rename that one, or remove the alias first"
    raise rename_conflict("/event_name", "is_alias", message)


def rename_conflict(pointer: str, code: str, message: str) -> Conflict:
    return Conflict(f"{pointer}: {message}", code, [field_error(pointer, code, message)])


def metrics_of_event(connection: apsw.Connection, event_name: str) -> list[str]:
    """The names of the saved metrics with a term of this event name."""
    metrics = rows(connection, "metrics.list_by_event", event_name=event_name)
    return [metric["name"] for metric in metrics]


def rename_in_metrics(
    connection: apsw.Connection, event_name: str, new_name: str, now: int
) -> None:
    binds = {"event_name": event_name, "new_name": new_name, "now": now}
    change(connection, "metrics.rename_event", **binds)


def move_events(connection: apsw.Connection, name_key: int) -> int:
    """A step of a merge: up to 1,000 events of an alias move to the name that it is an alias of."""
    moved = change(connection, "event_names.move_events", name_key=name_key, limit=MOVE_STEP)
    change(connection, "event_names.advance_merge", name_key=name_key)
    return moved


def delete_alias(connection: apsw.Connection, event_name: str, dry_run: bool, now: int) -> dict:
    """Removes an alias; saved metrics that name it name what it stood for. Raises NotFound and
    Conflict."""
    name = find_event_name(connection, event_name)
    if name["alias_of"] is None:
        raise Conflict(f"{quoted(event_name)} is no alias, but a name of its own", "not_an_alias")
    if name["moving_from"] is not None:
        raise Conflict(
            f"the events of {quoted(event_name)} are still being moved to "
            f"{quoted(name['stored_name'])}; wait until that has ended",
            "merge_running",
        )
    metrics = metrics_of_event(connection, event_name)
    if not dry_run:
        rename_in_metrics(connection, event_name, name["stored_name"], now)
        change(connection, "event_names.delete_alias", name_key=name["name_key"])
    return {"aliases": 1, "metrics": metrics}


# Routes of event names

PropertyKey = answer("PropertyKey", key=str, kinds=list[Literal["text", "number"]])
EventName = answer(
    "EventName",
    event_name=str,
    location_id=str,
    count=int,
    contact_count=int,
    last_seen=Moment,
    alias_of=str | None,
    aliases=list[str],
    properties=list[PropertyKey],
)
EventNameList = answer("EventNameList", event_names=list[EventName])


@route("GET", EVENT_NAMES_PATH, scope="read", query=LocationFilter, answers={200: EventNameList})
def get_event_names(call: Call) -> dict:
    """The event names seen: how often, with how many contacts, when last, and their properties.

    The property keys are those of the newest 200 events of a name in a location, out of a megabyte
    of these; an answer has 20,000 property keys at most.
    """
    with_aliases = call.caller.locations is None
    return list_event_names(call.connection, queried_locations(call), with_aliases)


RenamedEventName = answer(
    "RenamedEventName", events=int, remaining=int, metrics=list[str], merged=bool
)


@route(
    "PATCH",
    EVENT_NAMES_PATH,
    scope="admin",
    query=DryRun,
    body=RenameBody,
    answers={200: RenamedEventName},
    writes=True,
)
def patch_event_name(call: Call) -> dict:
    """Renames an event name, or merges it into another: repeat until `remaining` is 0."""
    body = call.json(RenameBody)
    return rename_event_name(call.connection, body, call.query.dry_run, call.now)


DeletedAlias = answer("DeletedAlias", aliases=int, metrics=list[str])


@route(
    "DELETE",
    EVENT_NAMES_PATH,
    scope="admin",
    query=AliasDeletion,
    answers={200: DeletedAlias},
    writes=True,
)
def remove_alias(call: Call) -> dict:
    """Removes an alias of an event name: what is posted under it is then an event of that name."""
    query = call.query
    return delete_alias(call.connection, query.event_name, query.dry_run, call.now)


####################################################################################################
# contacts
####################################################################################################

CONTACT_TEXTS = ("name", "email", "phone", "source", "type")
STANDARD_FIELDS = (*CONTACT_TEXTS, "date_created")  # a column each; custom fields share one
# HighLevel's standard fields by the names of its webhooks. Its app and its exports spell them
# otherwise (postalCode, Postal Code), and have other words for two of them.
KNOWN_FIELDS = (
    "first_name",
    "last_name",
    "address1",
    "city",
    "state",
    "country",
    "postal_code",
    "full_address",
    "company_name",
    "website",
    "date_of_birth",
    "timezone",
)
FIELD_SPELLINGS = {name.replace("_", ""): name for name in KNOWN_FIELDS} | {
    "businessname": "company_name",
    "streetaddress": "address1",
}
SPELLING_LIMIT = 20  # characters of a name that may be one of these
CONTACT_BYTES = 131_072  # of all fields that a contact has gathered, and of their clocks
CLOCK_TOLERANCE_MS = 60_000  # by which the clocks of two machines may differ without a word


class ContactIds(BaseModel):
    location_id: SentIdentifier
    contact_id: SentIdentifier


class ContactBody(BaseModel):
    """PUT of a contact: fields sent replace, fields left out stay, null clears.

    `tags` is the full set.
    """

    name: SentLine | None = None
    email: SentLine | None = None
    phone: SentLine | None = None
    source: SentLine | None = None
    type: SentLine | None = None
    date_created: Timestamp | None = None
    tags: Tags | None = None
    fields: ContactFields = {}


class Contact(ContactBody, SentLocation, ContactIds):
    """What a body says of a contact; `as_of` is the body's own date, None for an undated body."""

    timezone: Zone | None = None
    as_of: Timestamp | None = None


class ContactQuery(Query):
    """`q` finds a part of the name, e-mail address or phone number, `tag` a whole tag, both in
    whatever case."""

    location_id: Identifier | None = None
    q: Needle | None = None
    tag: Line | None = None
    limit: Limit = 50
    cursor: cursor_of(int) | None = None


# Storing


def find_contact(connection: apsw.Connection, location_id: str, contact_id: str) -> dict | None:
    """The contact as complete_contact has it, None where there is none."""
    stored = row(connection, "contacts.find", location_id=location_id, contact_id=contact_id)
    return None if stored is None else complete_contact(connection, stored)


def complete_contact(connection: apsw.Connection, stored: dict) -> dict:
    """A contact's row, with `fields` and `field_times` as dictionaries and `tags` as a list."""
    return stored | {
        "fields": json.loads(stored["fields"]),
        "field_times": json.loads(stored["field_times"]),
        "tags": list_tags(connection, stored["contact_key"]),
    }


def list_tags(connection: apsw.Connection, contact_key: int) -> list[str]:
    tags = rows(connection, "contact_tags.list", contact_key=contact_key)
    return [each["tag"] for each in tags]


def bare_contact(location_id: str, contact_id: str, now: int) -> dict:
    """A complete contact of whom nothing but the id is known."""
    return dict.fromkeys(STANDARD_FIELDS) | {
        "location_id": location_id,
        "contact_id": contact_id,
        "fields": {},
        "field_times": {},
        "tags": [],
        "as_of": None,
        "created_at": now,
        "updated_at": now,
    }


@functools.lru_cache(4096)  # each body has the same names; of those that come here none is long
def known_field(name: str) -> str:
    """A field's own name, by any of its spellings; another name as it is."""
    return FIELD_SPELLINGS.get(re.sub("[ _-]", "", name).lower(), name)


def field_name(name: str) -> str:
    """The one name of HighLevel's standard fields, whether it is city, City or CITY."""
    return known_field(name) if len(name) <= SPELLING_LIMIT else name


def name_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A contact's fields by the names under which they are stored.

    One that is beside the field that it may be, with another value, is a field of its own; so is a
    time zone that is none.
    """
    spelt = [name for name in fields if len(name) <= SPELLING_LIMIT and known_field(name) != name]
    named = dict(fields)
    for name in spelt:
        del named[name]
    for name in sorted(spelt, key=is_other_word):
        own_name = field_name(name)
        value = fields[name]
        is_its_own = own_name == "timezone" and not (value is None or is_zone(value))
        if is_its_own or named.setdefault(own_name, value) != value or value is None:
            named[name] = value
    return named


def is_other_word(name: str) -> bool:
    """Whether it is not spelt as the field's own name is, such as Business Name."""
    return re.sub("[ _-]", "", name).lower() != field_name(name).replace("_", "")


def store_contact(connection: apsw.Connection, sent: Contact, now: int) -> tuple[str, dict]:
    """Applies what a body says: created, updated or unchanged, and the contact as it is now.

    Where the body is dated, a field whose value came from a newer dated body stays, so that dated
    bodies end in the same state in whatever order they arrive. An undated body applies on arrival
    and moves no clock. No body is newer than now. Raises Invalid where the contact would have too
    many fields in all.
    """
    limit_date(sent, now)
    old = find_contact(connection, sent.location_id, sent.contact_id)
    known = old or bare_contact(sent.location_id, sent.contact_id, now)
    new = apply_contact(limit_clocks(known, now), sent)
    if old is not None and is_same(old, new):
        return "unchanged", old
    check_size(known, new)
    if old is None:
        status = "created"
    elif looks_the_same(old, new):  # only clocks have moved
        status = "unchanged"
    else:
        status = "updated"
        new["updated_at"] = now
    contact_key = write_contact(connection, new, now)
    if new["tags"] != (old["tags"] if old else []):
        write_tags(connection, contact_key, new["tags"])
    return status, new


def check_size(old: dict, new: dict) -> None:
    """Raises Invalid where a contact's fields have grown beyond what each further body can read.

    They gather: no single body need be large.
    """
    number = len(new["fields"])
    size = fields_size(new)
    if number > FIELDS_LIMIT and number > len(old["fields"]):
        message = f"the contact would have {number:,} fields, of {FIELDS_LIMIT:,} that it may have"
    elif size > CONTACT_BYTES and size > fields_size(old):
        message = (
            f"the contact's fields would have {size:,} bytes, of {CONTACT_BYTES:,} that they may "
            "have together"
        )
    else:
        return
    raise Invalid([field_error("/fields", "too_large", message)])


def fields_size(contact: dict) -> int:
    return len(to_json(contact["fields"])) + len(to_json(contact["field_times"]))


def store_contact_around(
    connection: apsw.Connection, sent: Contact, now: int
) -> tuple[str, dict, list[dict]]:
    """As store_contact, for a body that nobody can correct: what is too large is left out.

    Returns warnings, too.
    """
    try:
        return *store_contact(connection, sent, now), []
    except Invalid as problem:
        left_out = warning("contact_field_ignored", problem.errors[0]["message"])
    sent.fields = {}
    return *store_contact(connection, sent, now), [left_out]


def limit_date(sent: Contact, arrived: int) -> list[dict]:
    """A body that is dated after its arrival counts as of that; a warning of more than a minute.

    Else the contact would be deaf to all that follows until that date.
    """
    ahead = 0 if sent.as_of is None else sent.as_of - arrived
    if ahead > 0:
        sent.as_of = arrived
    if ahead <= CLOCK_TOLERANCE_MS:
        return []
    message = f"the body is dated after its arrival, and counts as of that ({iso(arrived)})"
    return [warning("date_ahead", message)]


def limit_clocks(contact: dict, now: int) -> dict:
    """The contact with clocks that are ahead set to its last change, which they came with."""
    if (contact["as_of"] or 0) <= now:
        return contact
    changed = min(contact["updated_at"], now)
    clocks = contact["field_times"].items()
    return contact | {
        "as_of": changed,
        "field_times": {name: changed if time > now else time for name, time in clocks},
    }


def apply_contact(contact: dict, sent: Contact) -> dict:
    """The contact with those fields of the body that are not older than what it has."""
    new = contact | {"fields": dict(contact["fields"]), "field_times": dict(contact["field_times"])}
    clocks = new["field_times"]
    for name in (*STANDARD_FIELDS, "tags"):
        if name in sent.model_fields_set and advance_clock(clocks, name, sent.as_of):
            value = getattr(sent, name)
            new[name] = sorted(value or []) if name == "tags" else value
    custom = name_fields(sent.fields)
    if "timezone" in sent.model_fields_set:
        custom["timezone"] = sent.timezone
    for name, value in custom.items():
        # The dot keeps a custom field "email" from the clock of the column.
        if sent.as_of is None or advance_clock(clocks, "." + name, sent.as_of):
            new["fields"][name] = value
    if None in custom.values():
        new["fields"] = {name: value for name, value in new["fields"].items() if value is not None}
    if sent.as_of is not None:
        new["as_of"] = max(sent.as_of, new["as_of"] or 0)
    return new


def advance_clock(clocks: dict[str, int], name: str, as_of: int | None) -> bool:
    """Whether a body of this date sets this field, whose clock then stands at this date.

    A repeated or older body does not; an undated one does, and moves no clock.
    """
    if as_of is None:
        return True
    if as_of <= clocks.get(name, -1):
        return False
    clocks[name] = as_of
    return True


def is_same(old: dict, new: dict) -> bool:
    """Whether two complete contacts are equal, also where to Python 1 is True."""
    return old == new and kinds_of(old["fields"]) == kinds_of(new["fields"])


def kinds_of(fields: Mapping[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in fields.items()}


def looks_the_same(old: dict, new: dict) -> bool:
    """Whether answers show no difference, but for the date of the newest body."""
    undated = {"as_of": None}
    return to_json(contact_out(old) | undated) == to_json(contact_out(new) | undated)


def write_contact(connection: apsw.Connection, contact: dict, now: int) -> int:
    """Stores all of a complete contact but its tags, and its location, bare; the contact_key."""
    change(connection, "locations.insert_missing", location_id=contact["location_id"], now=now)
    binds = contact | {
        "fields": to_json(contact["fields"]).decode(),
        "field_times": to_json(contact["field_times"]).decode(),
    }
    return scalar(connection, "contacts.upsert", **binds)


def write_tags(connection: apsw.Connection, contact_key: int, tags: list[str]) -> None:
    """Makes the tags the whole set of the contact's."""
    binds = {"contact_key": contact_key, "tags": json.dumps(tags)}
    change(connection, "contact_tags.delete_others", **binds)
    change(connection, "contact_tags.insert", **binds)


# Deleting and listing


def delete_contact(
    connection: apsw.Connection, location_id: str, contact_id: str, dry_run: bool = False
) -> dict | None:
    """What goes with the contact: {"events", "tags", "rejections"}. None: there is nothing of it.

    Of more than 1,000 events some remain, which the server goes on to delete; what arrives
    meanwhile is of a new contact.
    """
    ids = {"location_id": location_id, "contact_id": contact_id}
    contact = row(connection, "contacts.find", **ids)
    rejections = scalar(connection, "rejections.count_by_contact", **ids)
    if contact is None and not rejections:
        return None
    counts = {"events": 0, "tags": 0} | (row(connection, "contacts.count_dependents", **ids) or {})
    if not dry_run:
        change(connection, "rejections.delete_by_contact", **ids)
        if contact is not None:
            begin_contact_deletion(connection, contact["contact_key"], counts["events"])
    return counts | {"rejections": rejections}


def begin_contact_deletion(connection: apsw.Connection, contact_key: int, events: int) -> None:
    key = {"contact_key": contact_key}
    if events <= DELETE_STEP:
        change(connection, "contacts.delete", **key)
        return
    write_tags(connection, contact_key, [])
    change(connection, "contacts.begin_deletion", **key)
    change(connection, "deletions.insert", **key)
    delete_from_contact(connection, contact_key)


def delete_from_contact(connection: apsw.Connection, contact_key: int) -> None:
    """A step: up to 1,000 events, then the contact."""
    key = {"contact_key": contact_key}
    if change(connection, "contacts.delete_events", **key, limit=DELETE_STEP) < DELETE_STEP:
        change(connection, "contacts.delete", **key)
        change(connection, "deletions.delete", **key)


def list_contacts(connection: apsw.Connection, query: ContactQuery, locations: list[str]) -> dict:
    """A page of the locations' contacts, the newest first."""
    verb = "list" if query.q is None else "search"
    rank = "rank" if query.q is None else "rank_search"
    filtered = "" if query.tag is None else "_by_tag"
    (before_key,) = query.cursor or (2**62,)
    binds = {"before_key": before_key, "limit": query.limit + 1, **search_binds(query.q or "")}
    tags: list[str | None] = [None]
    if query.tag is not None:
        tags = find_tags(connection, query.tag, locations)
    if len(locations) > query.limit:
        ranked = f"contacts.{rank}{filtered}"
        locations = rank_locations(
            connection, ranked, locations, binds | {"tags": json.dumps(tags)}
        )
    lists = [
        stream(connection, f"contacts.{verb}{filtered}", location_id=location_id, tag=tag, **binds)
        for location_id in locations
        for tag in tags
    ]
    read = functools.partial(find_listed_contact, connection)
    return page("contacts", lists, query.limit, ("contact_key",), listed_contact_out, read)


def find_listed_contact(connection: apsw.Connection, key: Mapping[str, Any]) -> dict:
    """The row of a contact whose contact_key a statement has found, with its tags."""
    contact_key = key["contact_key"]
    stored = row(connection, "contacts.find_by_key", contact_key=contact_key)
    return stored | {"tags": list_tags(connection, contact_key)}


def search_binds(text: str) -> dict:
    """What a search for a part of a text binds. SQLite itself ignores the case of ASCII; else
    Python does, at a higher price."""
    if text.isascii():
        pattern = "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"
        return {"pattern": pattern, "folded": None, "large": LARGE_TEXT}
    return {"pattern": None, "folded": casefold(text), "large": LARGE_TEXT}


def find_tags(connection: apsw.Connection, tag: str, locations: list[str]) -> list[str]:
    """How a tag is written in these locations, which may be in several cases."""
    folded = None if tag.isascii() else casefold(tag)
    binds = {"locations": json.dumps(locations), "tag": tag, "folded": folded}
    return [each["tag"] for each in rows(connection, "contact_tags.find", **binds)]


# Answers and routes

ContactOut = answer(
    "StoredContact",
    location_id=str,
    contact_id=str,
    name=str | None,
    email=str | None,
    phone=str | None,
    source=str | None,
    type=str | None,
    tags=list[str],
    fields=dict[str, str | int | float | bool],
    date_created=Moment | None,
    as_of=Moment | None,
    created_at=Moment,
    updated_at=Moment,
)
CONTACT_COLUMNS = {
    "location_id": None,
    "contact_id": None,
    "name": None,
    "email": None,
    "phone": None,
    "source": None,
    "type": None,
    "tags": None,
    "fields": None,
    "date_created": iso,
    "as_of": iso,
    "created_at": iso,
    "updated_at": iso,
}


def contact_out(contact: dict) -> dict:
    """A complete contact as answers show it."""
    return as_answer(contact, CONTACT_COLUMNS)


def listed_contact_out(stored: dict) -> dict:
    """A contact of a list as answers show it."""
    return contact_out(stored | {"fields": json.loads(stored["fields"])})


ContactList = answer("ContactList", contacts=list[ContactOut], next=str | None)


@route("GET", "/contacts/v1", scope="read", query=ContactQuery, answers={200: ContactList})
def get_contacts(call: Call) -> dict:
    """Contacts, the newest first; `q` searches name, e-mail address and phone number.

    `tag` is a whole tag. Both ignore case. A page of more than 2 MB ends before `limit`.
    """
    return list_contacts(call.connection, call.query, queried_locations(call))


ContactDetail = answer("ContactDetail", ContactOut, events=int)


@route("GET", "/contacts/v1/{location_id}/{contact_id}", scope="read", answers={200: ContactDetail})
def get_contact(call: Call) -> dict:
    """One contact, and how many events it has."""
    call.caller.check_location(call.path["location_id"])
    contact = find_contact(call.connection, **call.path)
    if contact is None:
        raise NotFound("there is no such contact")
    counts = row(call.connection, "contacts.count_dependents", **call.path)
    return contact_out(contact) | {"events": counts["events"]}


DeletedContact = answer("DeletedContact", events=int, tags=int, rejections=int)


@route(
    "DELETE",
    "/contacts/v1/{location_id}/{contact_id}",
    scope="sync",
    query=DryRun,
    answers={200: DeletedContact},
    writes=True,
)
def remove_contact(call: Call) -> dict:
    """Deletes a contact with its tags, all of its events and the rejections that name it.

    It is gone at once; of more than 1,000 events, the rest goes step by step. A dry run only
    counts.
    """
    call.caller.check_location(call.path["location_id"])
    counts = delete_contact(call.connection, **call.path, dry_run=call.query.dry_run)
    if counts is None:
        raise NotFound("there is no such contact")
    return counts


# Contact fields


def list_contact_fields(connection: apsw.Connection, locations: Iterable[str]) -> dict:
    """What filters can name: all tags, and the fields in use among the newest contacts.

    Each field comes with the kinds of its values, each tag with the number of its contacts, while
    there is room for them.
    """
    locations = list(locations)
    kinds: dict[str, set] = {}
    room = Room()
    for location_id in locations:
        binds = {"location_id": location_id, "most_bytes": NAMED_BYTES}
        for used in stream(connection, "contact_fields.list", **binds):
            field = f"contact.{used['field']}"
            if field not in kinds and not room.take(field):
                break
            kinds.setdefault(field, set()).update(json.loads(used["kinds"]))
        if room.is_exceeded:
            break
    room = Room()
    tags = stream(connection, "contact_fields.tags", locations=json.dumps(locations))
    return {
        "fields": [{"field": field, "kinds": sorted(kinds[field])} for field in sorted(kinds)],
        "tags": list(itertools.takewhile(lambda used: room.take(used["tag"]), tags)),
    }


ContactField = answer("ContactField", field=str, kinds=list[str])
TagCount = answer("TagCount", tag=str, contacts=int)
ContactFieldList = answer("ContactFieldList", fields=list[ContactField], tags=list[TagCount])


@route(
    "GET", "/contact-fields/v1", scope="read", query=LocationFilter, answers={200: ContactFieldList}
)
def get_contact_fields(call: Call) -> dict:
    """The contact fields and the tags in use, for filters to name."""
    return list_contact_fields(call.connection, queried_locations(call))


####################################################################################################
# HighLevel bodies
####################################################################################################
#
# Four kinds of body: an event's own fields as JSON or as a form; the body of a workflow's Webhook
# action, known by an object under customData, with the contact and the location around it; and an
# app's webhook, known by its type and what only those have, flat and in camelCase.

EVENT_FIELDS = frozenset(Event.model_fields)
CONTACT_WEBHOOKS = {
    "ContactCreate",
    "ContactUpdate",
    "ContactTagUpdate",
    "ContactDndUpdate",
    "ContactDelete",
}
# For each kind of body: where the contact's fields are, and which fields beside them belong to an
# opportunity or to the delivery.
WORKFLOW_CONTACT = {
    "contact_id": "contact_id",
    "email": "email",
    "phone": "phone",
    "source": "contact_source",
    "type": "contact_type",
    "date_created": "date_created",
    "timezone": "timezone",
    "tags": "tags",
    "as_of": "timestamp",
}
WORKFLOW_OTHERS = {
    *WORKFLOW_CONTACT.values(),
    "location_id",
    "full_name",
    "name",
    "id",
    "status",
    "source",
}
# The third is HighLevel's own spelling.
OPPORTUNITY_PREFIXES = ("opportunity_", "pipeline_", "pipleline_", "lost_reason")
OPPORTUNITY_FIELDS = {"lead_value", "monetary_value", "owner"}  # in what a workflow sends
# What a workflow sends as objects and is not the contact's
WORKFLOW_OBJECTS = {
    "location",
    "workflow",
    "triggerData",
    "customData",
    "contact",
    "user",
    "attributionSource",
    "lastAttributionSource",
    "opportunity",
    "calendar",
    "appointment",
    "payment",
    "invoice",
    "order",
    "product",
    "estimate",
    "document",
    "form",
    "survey",
    "campaign",
    "message",
    "conversation",
    "call",
    "task",
    "note",
    "affiliate",
    "membership",
    "certificate",
}
APP_CONTACT = {
    "location_id": "locationId",
    "contact_id": "id",
    "email": "email",
    "phone": "phone",
    "source": "source",
    "type": "contactType",
    "date_created": "dateAdded",
    "timezone": "timezone",
    "tags": "tags",
    "as_of": "timestamp",
}
APP_OTHERS = {
    "type",
    "versionId",
    "appId",
    "companyId",
    "webhookId",
    "traceId",
    "name",
    "customFields",
    "attributionSource",
    "lastAttributionSource",
    "attributions",
    "dndSettings",
}


@dataclass(slots=True)
class Reading:
    """Fields found in a body, unchecked, and warnings to their sender.

    `pointers` maps a field's location in the model to its JSON pointer in the body; the entry () is
    the prefix of all others.
    """

    fields: dict[str, Any]
    pointers: dict[tuple, str] = field(default_factory=dict)
    warnings: list[dict] = field(default_factory=list)

    def take(self, name: str, value: Any, pointer: str) -> None:
        """Notes where a field is or would be, and takes its value unless it is blank."""
        self.pointers[(name,)] = pointer
        if not is_blank(value):
            self.fields[name] = value


def listed(names: Iterable[str]) -> str:
    """Names as a message shows them: the first of many, the beginning of a long one."""
    first = [name[:60] for name in itertools.islice(names, 11)]
    return ", ".join(first[:10]) + (" …" if len(first) > 10 else "")


def unknown_warnings(names: list[str]) -> list[dict]:
    """One warning about all names that a body has and nothing here knows; none for no names."""
    if not names:
        return []
    return [warning("unknown_fields", f"not known here and not stored: {listed(names)}")]


def file_warnings(parsed: dict) -> list[dict]:
    """The sender of a form with files is told that nothing here stores them."""
    if not isinstance(parsed, Form) or not parsed.files:
        return []
    return [warning("file_ignored", f"files are not stored: {listed(parsed.files)}")]


# Events


def read_event(
    parsed: Any, caller: Caller, errors_limit: int = ERRORS_LIMIT
) -> tuple[Event, list[dict], Reading | None]:
    """The event of a parsed body of any kind, warnings, and its contact.

    The contact is what the body around the event says of it, unchecked; None: nothing. Raises
    Invalid with all that is wrong, Forbidden for a location that is not the caller's.
    """
    reading = read_fields(parsed)
    if caller.distinct_id_rule == "generate" and is_blank(reading.fields.get("distinct_id")):
        reading.fields["distinct_id"] = str(uuid.uuid4())
        reading.warnings.append(
            warning(
                "distinct_id_generated",
                "no distinct_id was sent; sent again, this is another event",
            )
        )
    event = validate_event(reading, errors_limit)
    caller.check_location(event.location_id)
    warn_unmeant(reading, event)
    contact = read_event_contact(parsed, event.location_id) if is_workflow(parsed) else None
    return event, reading.warnings, contact


def validate_event(reading: Reading, errors_limit: int = ERRORS_LIMIT) -> Event:
    """The event, without what is blank or null. Raises Invalid with all that is wrong."""
    properties = reading.fields.get("properties")
    if isinstance(properties, dict) and None in properties.values():
        properties = drop_nulls(reading)
    try:
        context = None if errors_limit == ERRORS_LIMIT else {"errors_limit": errors_limit}
        event = Event.model_validate(reading.fields, context=context)
    except ValidationError as error:
        if drop_blanks(reading):
            return validate_event(reading, errors_limit)
        raise Invalid(field_errors(error, reading.pointers, errors_limit)) from None
    if event.properties and len(event.properties) < len(properties):
        # Names that are one without what cannot be seen at their ends
        reading.fields["properties"] = gathered(properties.items(), trim_key)
        return validate_event(reading, errors_limit)
    return event


def drop_blanks(reading: Reading) -> bool:
    """Whether there was a blank field, which counts as left out."""
    blank = [name for name, value in reading.fields.items() if is_blank(value)]
    for name in blank:
        del reading.fields[name]
    return bool(blank)


def drop_nulls(reading: Reading) -> dict[str, Any]:
    """The properties without those that are null, as automations send what is empty."""
    properties = reading.fields["properties"]
    nulls = [name for name, value in properties.items() if value is None]
    message = f"properties that are null count as left out: {listed(nulls)}"
    reading.warnings.append(warning("property_null", message))
    reading.fields["properties"] = {
        name: value for name, value in properties.items() if value is not None
    }
    return reading.fields["properties"]


def read_fields(parsed: Any) -> Reading:
    """The event's fields in a body of any kind. Raises Invalid where it is no object."""
    if not isinstance(parsed, dict):
        raise Invalid([field_error("", "object_type", "must be a JSON object, with one event")])
    return read_workflow_event(parsed) if is_workflow(parsed) else read_plain_event(parsed)


def read_plain_event(parsed: dict) -> Reading:
    """As published; properties may also come as forms need them.

    That is as `properties.value`, as `properties[value]`, or as JSON text.
    """
    reading = Reading(dict(parsed))
    if EVENT_FIELDS.issuperset(parsed) and isinstance(parsed.get("properties", {}), dict):
        return reading
    reading.warnings += file_warnings(parsed)
    others = {name: reading.fields.pop(name) for name in parsed if name not in EVENT_FIELDS}
    drop_blanks(reading)
    if others or "properties" in reading.fields:
        take_own_fields(reading, others, "")
        unknown = read_properties(reading, others, "")
        reading.warnings += unknown_warnings(unknown)
    return reading


def take_own_fields(reading: Reading, entries: dict[str, Any], prefix: str) -> None:
    """Takes out of the entries what is a field of the event, but for blanks around its name.

    `prefix` points to the entries.
    """
    for name in list(entries):
        own_name = trim(name)
        if own_name not in EVENT_FIELDS:
            continue
        value = entries.pop(name)
        if not is_blank(value) or own_name not in reading.fields:
            value = together(reading.fields.get(own_name), value)
            reading.take(own_name, value, prefix + pointer_part(name))


def read_properties(reading: Reading, entries: Mapping[str, Any], prefix: str) -> list[str]:
    """Gathers the properties from an object or JSON text and from `properties.x` entries.

    `prefix` points to the entries. Returns the names of those that are no properties.
    """
    written_out = []
    others = []
    for name, value in entries.items():
        key = property_key(name)
        if key is None:
            others.append(name)
        else:
            written_out.append((key, value))
            reading.pointers["properties", key] = prefix + pointer_part(name)
    whole = read_whole_properties(reading, prefix)
    if written_out and (whole is None or isinstance(whole, dict)):
        reading.fields["properties"] = gathered(written_out, str)
    if isinstance(whole, dict):
        add_properties(reading, whole)
    elif whole is not None:  # wrong, for the model to refuse
        reading.fields["properties"] = whole
    return others


def read_whole_properties(reading: Reading, prefix: str) -> Any:
    """The object that was sent as `properties`, taken out of the reading's fields.

    None: there was none. What should be one and is none comes as it is.
    """
    sent = reading.fields.pop("properties", None)
    pointer = reading.pointers.get(("properties",), prefix + "/properties")
    whole = None
    for value in sent if isinstance(sent, Several) else [sent]:
        parsed = parse_properties(value, pointer)
        if parsed == []:  # what PHP makes of an empty object
            parsed = {}
        if parsed is not None and not isinstance(parsed, dict):
            return parsed
        whole = (
            parsed if whole is None else gathered([*whole.items(), *(parsed or {}).items()], str)
        )
    return whole


def add_properties(reading: Reading, further: Mapping[str, Any]) -> None:
    """Adds properties to those that are there, whose values count, with a warning of others."""
    properties = reading.fields.setdefault("properties", {})
    different = []
    for name, value in further.items():
        both = together(properties.get(name), value)
        if isinstance(both, Several) and name in properties:
            different.append(name)
        else:
            properties[name] = both
    if different:
        message = (
            "several values came, of which properties.x counts before one of the object "
            f"properties, and this before x alone: {listed(different)}"
        )
        reading.warnings.append(warning("property_repeated", message))


def gathered(entries: Iterable[tuple[str, Any]], read_name: Callable[[str], str]) -> dict[str, Any]:
    """Values by their names as they are read; several texts of one name are one with commas."""
    values: dict[str, Any] = {}
    for name, value in entries:
        key = read_name(name)
        values[key] = together(values.get(key), value)
    return {key: joined(value) for key, value in values.items()}


# Lists of a form end in [], or as PHP numbers them.
PROPERTY_NAME = re.compile(r"properties(?:\.(.+?)(?:\[\])?|\[(.+?)\](?:\[[0-9]*\])?)", re.DOTALL)


def property_key(name: str) -> str | None:
    """`x` of `properties.x`, `properties[x]` and `properties[x][]`, else None."""
    match = PROPERTY_NAME.fullmatch(trim(name)) if "properties" in name else None
    return trim(match[1] or match[2]) if match else None


def parse_properties(value: Any, pointer: str = "") -> Any:
    """What JSON text says, or any other value as it is. `pointer` is where it stands.

    Text that is not JSON stays, and the model refuses it with all else that is wrong. Raises
    Invalid for a name that is there twice.
    """
    if not isinstance(value, str):
        return value
    try:
        data = value.encode()
        parsed = read_json(data)
    except ValueError:
        return value
    check_names(data, parsed, pointer)
    return parsed


def is_workflow(parsed: dict) -> bool:
    """Whether this is the body of a workflow's Webhook action."""
    return isinstance(parsed.get("customData"), dict)


def read_workflow_event(body: dict) -> Reading:
    """customData holds the event; its location and contact may be those of the body around it."""
    reading = read_custom_data(body["customData"])
    location_id, pointer = body_location(body)
    if "location_id" not in reading.fields and not is_blank(location_id):
        reading.take("location_id", location_id, pointer)
    names_contact = ("contact_id",) in reading.pointers  # even if it is empty there
    if (
        not names_contact
        and not is_blank(body.get("contact_id"))
        and same_location(reading.fields.get("location_id"), location_id)
    ):
        reading.take("contact_id", body["contact_id"], "/contact_id")
        reading.warnings.append(
            warning(
                "contact_from_body",
                "the contact is the one of the workflow; for an event of the account "
                "alone, send contact_id empty in customData",
            )
        )
    return reading


def read_custom_data(custom: dict) -> Reading:
    """The event's own fields; every other entry is a property.

    One that is written out as `properties.x` wins over one that is just `x`.
    """
    if len(custom) > FIELDS_LIMIT:
        message = f"may have {FIELDS_LIMIT:,} entries, this one has {len(custom):,}"
        raise Invalid([field_error("/customData", "too_many", message)])
    reading = Reading({}, {(): "/customData"})
    others = dict(custom)
    take_own_fields(reading, others, "/customData")
    names = read_properties(reading, others, "/customData")
    properties = reading.fields.get("properties", {})
    if not names or not isinstance(properties, dict):  # nothing to add, or nothing to add it to
        return reading
    for name in names:
        if trim(name) not in properties:
            reading.pointers["properties", trim(name)] = "/customData" + pointer_part(name)
    add_properties(reading, gathered(((name, custom[name]) for name in names), trim))
    return reading


def body_location(body: dict) -> tuple[Any, str]:
    """The location_id that a body is about, and the pointer to where it is, or should be.

    That is location.id, or location_id in a body that was made by hand.
    """
    location = body.get("location")
    if isinstance(location, dict) and (
        is_blank(body.get("location_id")) or not is_blank(location.get("id"))
    ):
        return location.get("id"), "/location/id"
    return body.get("location_id"), "/location_id"


def same_location(location_id: Any, location_of_body: Any) -> bool:
    """Whether what is around the event is of the event's own location."""
    return is_blank(location_of_body) or trim(str(location_id)) == trim(str(location_of_body))


def warn_unmeant(reading: Reading, event: Event) -> None:
    """Warns of likely mistakes that are no errors: merge fields unfilled, or empty."""
    unfilled = []
    for key, value in (event.properties or {}).items():
        if isinstance(value, str) and is_unfilled(value):
            unfilled.append(key[:60])
    if unfilled:
        reading.warnings.append(
            warning(
                "unresolved_merge_field",
                f"the sender did not fill in a merge field in: {', '.join(unfilled[:10])}",
            )
        )
    sent = reading.fields["distinct_id"]
    if isinstance(sent, str) and sent != event.distinct_id:
        reading.warnings.append(
            warning(
                "distinct_id_trimmed",
                "the distinct_id began or ended with a blank, or with what cannot be seen, perhaps "
                "from an empty merge field; it was trimmed, and events with the same trimmed "
                "distinct_id are one event",
            )
        )


# Contacts


def read_own_fields(body: dict, origins: Mapping[str, str]) -> Reading:
    """The contact's own fields, from where this kind of body has them.

    Blank tags are a set too: the empty one.
    """
    reading = Reading({})
    for name, origin in origins.items():
        reading.take(name, body.get(origin), pointer_part(origin))
    if isinstance(body.get("tags"), str):
        reading.fields["tags"] = body["tags"]
    name, pointer = whole_name(body)
    reading.take("name", name, pointer)
    return reading


def whole_name(body: dict) -> tuple[Any, str]:
    """The contact's name and the pointer to it; without one, the first and the last name."""
    for origin in ("full_name", "name"):
        if not is_blank(body.get(origin)):
            return body[origin], pointer_part(origin)
    parts = [body.get(part) for part in ("first_name", "firstName", "last_name", "lastName")]
    texts = [trim(part) for part in parts if isinstance(part, str) and not is_blank(part)]
    return " ".join(texts), "/name"


def read_custom_fields(reading: Reading, entries: Iterable[tuple[str, Any, str]]) -> None:
    """Takes each entry (name, value, pointer) that is a scalar as a field of its name.

    A list of scalars (several choices) is text with commas. A warning names what cannot be stored,
    such as files.
    """
    fields = reading.fields["fields"] = {}
    unstorable = []
    for label, value, pointer in entries:
        name = trim(label)
        if isinstance(value, (dict, list)):
            scalars = scalars_in(value)
            if len(scalars) < len(value):
                unstorable.append(name)
            value = ", ".join(map(str, scalars))
        if name and not is_blank(value):
            if name in fields:
                value = joined(together(fields[name], value))
            fields[name] = value
            reading.pointers["fields", name] = pointer
    if unstorable:
        message = f"not stored, or only in part, since they are no texts: {listed(unstorable)}"
        reading.warnings.append(warning("contact_field_ignored", message))


def scalars_in(value: dict | list) -> list:
    """The scalars of a list; an object, such as a file, has none that are the contact's."""
    if isinstance(value, dict):
        return []
    return [each for each in value if isinstance(each, (str, int, float))]


def read_workflow_contact(body: dict) -> Reading:
    """The contact around customData: its root fields, of which custom ones go by their labels."""
    reading = read_own_fields(body, WORKFLOW_CONTACT)
    reading.warnings += file_warnings(body)
    location_id, pointer = body_location(body)
    reading.take("location_id", location_id, pointer)
    location = body.get("location")
    if isinstance(location, dict):
        reading.take("location_name", location.get("name"), "/location/name")
        reading.take("location_timezone", location.get("timezone"), "/location/timezone")
    others = WORKFLOW_OTHERS
    if "customData" in body or "workflow" in body:
        others = others | OPPORTUNITY_FIELDS
    entries = [
        (name, value, pointer_part(name))
        for name, value in body.items()
        if value not in (None, "")
        and name not in others
        and not name.startswith(OPPORTUNITY_PREFIXES)
        and not (isinstance(value, (dict, list)) and name in WORKFLOW_OBJECTS)
    ]
    read_custom_fields(reading, entries)
    return reading


def read_event_contact(body: dict, location_id: str) -> Reading | None:
    """The contact and the location around a workflow's event; None: they are another location's."""
    location_of_body, _ = body_location(body)
    if not same_location(location_id, location_of_body):
        return None
    reading = read_workflow_contact(body)
    reading.fields["location_id"] = location_id
    return reading


def read_app_contact(body: dict) -> Reading:
    """An app's webhook: camelCase becomes the names of workflow bodies, customFields go by id."""
    reading = read_own_fields(body, APP_CONTACT)
    standard = {*APP_CONTACT.values(), *APP_OTHERS}
    entries = [
        (snake_case(name), value, pointer_part(name))
        for name, value in body.items()
        if name not in standard
    ]
    custom = body.get("customFields")
    for index, entry in enumerate(custom if isinstance(custom, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            value = entry.get("value", entry.get("fieldValue"))
            entries.append((entry["id"], value, f"/customFields/{index}/value"))
    read_custom_fields(reading, entries)
    return reading


def snake_case(name: str) -> str:
    """snake_case of snakeCase."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda capital: "_" + capital[1].lower(), name)


def is_app_webhook(parsed: dict) -> bool:
    """Whether it has a type, and what only an app's webhook has; not all are about a location."""
    kind = parsed.get("type")
    if is_blank(kind) or not isinstance(kind, str) or is_workflow(parsed):
        return False
    marks = ("locationId", "companyId", "appId", "webhookId")
    return kind in CONTACT_WEBHOOKS or any(name in parsed for name in marks)


def is_deletion(custom: Mapping[str, Any]) -> bool:
    """Whether a workflow's customData has action = delete.

    Raises Invalid for another action, which nobody would see ignored.
    """
    found = False
    for name, value in custom.items():
        if trim(name).lower() != "action" or is_blank(value):
            continue
        if trim(str(value)).lower() != "delete":
            pointer = "/customData" + pointer_part(name)
            raise Invalid([field_error(pointer, "unknown_action", "must be delete, or left out")])
        found = True
    return found


def check_contact(reading: Reading) -> tuple[Contact, list[dict]]:
    """The contact without the fields that are wrong, and the reading's warnings with one for each.

    Nothing else must be lost with a wrong field, which stays as it was. Raises Invalid with all
    that is wrong where it is not said whose contact this is.
    """
    try:
        return Contact.model_validate(reading.fields), reading.warnings
    except ValidationError as error:
        errors = field_errors(error, reading.pointers)
        right = drop_wrong_fields(reading.fields, error)
        if not right.keys() >= ContactIds.model_fields.keys():
            raise Invalid(errors) from None
    return Contact.model_validate(right), reading.warnings + ignored_warnings(errors)


def check_event_contact(reading: Reading) -> tuple[Contact | SentLocation, list[dict]]:
    """As check_contact, for the contact around an event: without an id, the location alone."""
    fields = reading.fields
    model = Contact if "contact_id" in fields else SentLocation
    try:
        return model.model_validate(fields), reading.warnings
    except ValidationError as error:
        errors = field_errors(error, reading.pointers)
        right = drop_wrong_fields(fields, error)
    model = Contact if "contact_id" in right else SentLocation
    return model.model_validate(right), reading.warnings + ignored_warnings(errors)


def ignored_warnings(errors: list[dict]) -> list[dict]:
    """What is wrong in a contact that was stored without it."""
    told = [
        warning("contact_field_ignored", f"{each['pointer']}: {each['message']}")
        for each in errors[:20]
    ]
    if len(errors) > 20:
        told.append(warning("contact_field_ignored", f"and {len(errors) - 20} more fields"))
    return told


def drop_wrong_fields(fields: dict, error: ValidationError) -> dict:
    """A contact's fields without those that the error is about."""
    right = fields | {"fields": dict(fields["fields"])}
    for wrong_field in error.errors(include_url=False, include_input=False):
        name, *inner = wrong_field["loc"]
        if name != "fields":
            right.pop(name, None)
        elif inner:
            right["fields"].pop(inner[0], None)
        else:
            right["fields"] = {}
    return right


####################################################################################################
# rejections
####################################################################################################

KEPT_BYTES = 65_536


class RejectionQuery(Query):
    location_id: Identifier | None = None
    limit: Limit = 50
    cursor: cursor_of(int) | None = None


def keep_rejection(
    connection: apsw.Connection,
    body: Body,
    problem: Problem,
    caller: Caller,
    now: int,
) -> None:
    """Stores what could not be taken, and gives the problem the rejection_id of it."""
    location_id, contact_id = named_by(body)
    if not caller.may_see(location_id):  # else a key could write into another location's list
        location_id = contact_id = None
    problem.rejection_id = scalar(
        connection,
        "rejections.insert",
        received_at=now,
        code=problem.code,
        path=body.path[:1000],
        query=body.query[:1000],
        content_type=body.content_type[:200],
        body=body.data[:KEPT_BYTES],
        truncated=len(body.data) > KEPT_BYTES,
        problem=to_json(problem.as_dict()).decode(),
        key_id=caller.key_id,
        location_id=location_id,
        contact_id=contact_id,
    )


def named_by(body: Body) -> tuple[str | None, str | None]:
    """The location and the contact that a refused body or its path names, None if unreadable."""
    if "contact_id" in body.ids:
        ids = body.ids
        return readable_identifier(ids["location_id"]), readable_identifier(ids["contact_id"])
    path = body.path.split("/", 4)
    if path[1:3] == ["contacts", "v1"] and len(path) == 5:
        return readable_identifier(path[3]), readable_identifier(path[4])
    try:
        parsed = parse_object(body, exact=False)
    except Problem:
        return None, None
    event = Reading({})
    take_own_fields(event, dict(parsed["customData"] if is_workflow(parsed) else parsed), "")
    location_id = event.fields.get("location_id") or body_location(parsed)[0]
    contact_id = event.fields.get("contact_id") or parsed.get("contact_id")
    if is_app_webhook(parsed):
        location_id = parsed.get("locationId")
        contact_id = parsed.get("id") if parsed["type"] in CONTACT_WEBHOOKS else contact_id
    return readable_identifier(location_id), readable_identifier(contact_id)


def readable_identifier(value: Any) -> str | None:
    try:
        return read_sent_identifier(value)
    except PydanticCustomError:
        return None


def find_rejection(call: Call) -> dict:
    """The row of the path's rejection. Raises NotFound."""
    rejection_id = call.number("rejection_id")
    rejection = row(call.connection, "rejections.find", rejection_id=rejection_id)
    if rejection is None:
        raise NotFound(f"there is no rejection {call.path['rejection_id']}")
    return rejection


RejectionOut = answer(
    "Rejection",
    rejection_id=int,
    received_at=Moment,
    code=str,
    path=str,
    query=str,
    content_type=str,
    body=str,
    encoding=Literal["utf-8", "base64"],
    truncated=bool,
    problem=dict,
    key_id=int | None,
    location_id=str | None,
    contact_id=str | None,
    replayed_at=Moment | None,
)
REJECTION_COLUMNS = {
    "rejection_id": None,
    "received_at": iso,
    "code": None,
    "path": None,
    "query": None,
    "content_type": None,
    "body": None,
    "encoding": None,
    "truncated": bool,
    "problem": json.loads,
    "key_id": None,
    "location_id": None,
    "contact_id": None,
    "replayed_at": iso,
}


def rejection_out(rejection: dict) -> dict:
    """A rejection's row as answers show it."""
    body, encoding = body_out(rejection["body"], bool(rejection["truncated"]))
    return as_answer(rejection | {"body": body, "encoding": encoding}, REJECTION_COLUMNS)


def body_out(data: bytes, truncated: bool) -> tuple[str, str]:
    """A kept body as text, and whether that is utf-8 or base64.

    Of one that is truncated the last character may be cut, and is left out.
    """
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        return decoder.decode(data, final=not truncated), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), "base64"


RejectionList = answer("RejectionList", rejections=list[RejectionOut], next=str | None)


@route("GET", "/rejections/v1", scope="admin", query=RejectionQuery, answers={200: RejectionList})
def get_rejections(call: Call) -> dict:
    """What authenticated senders posted and was not stored, the newest first.

    A page of more than 2 MB ends before `limit`.
    """
    query = call.query
    binds = {"before": query.cursor[0] if query.cursor else 2**62, "limit": query.limit + 1}
    statement = "rejections.list"
    if query.location_id is not None:
        statement = "rejections.list_by_location"
        binds["location_id"] = query.location_id
    rejections = stream(call.connection, statement, **binds)
    return page("rejections", [rejections], query.limit, ("rejection_id",), rejection_out)


DeletedRejection = answer("DeletedRejection", rejections=int)


@route(
    "DELETE",
    "/rejections/v1/{rejection_id}",
    scope="admin",
    answers={200: DeletedRejection},
    writes=True,
)
def dismiss_rejection(call: Call) -> dict:
    """Removes a refused body."""
    rejection_id = find_rejection(call)["rejection_id"]
    return {"rejections": change(call.connection, "rejections.delete", rejection_id=rejection_id)}


####################################################################################################
# ingestion
####################################################################################################

# Events

EVENT_PATHS = ("/events/ingestion/v1", "/custom-events/ingestion/v1")


class IngestQuery(BaseModel):
    """Senders append what they like to their URLs; only the key is read."""

    api_key: str | None = None


IngestAnswer = answer(
    "IngestAnswer",
    status=Literal["created", "updated", "unchanged"],
    event=EventOut,
    warnings=list[Note],
)


@route(
    "POST",
    *EVENT_PATHS,
    scope="ingest",
    query=IngestQuery,
    body=Event,
    other_bodies=(FORM, MULTIPART_FORM),
    answers={201: IngestAnswer, 200: IngestAnswer},
    writes=True,
    keeps=True,
    url_key=True,
)
def ingest_event(call: Call) -> tuple[int, dict]:
    """Stores one event: JSON, a form, or the body of HighLevel's workflow Webhook action.

    A body may have 1 MB.
    """
    return receive_event(call.connection, call.body, call.caller, call.now, arrived=call.now)


def receive_event(
    connection: apsw.Connection, body: Body, caller: Caller, now: int, arrived: int
) -> tuple[int, dict]:
    """Stores a body's event, with its contact: the status and the content of the answer.

    `arrived` is when the body first arrived: before `now` if it is replayed.
    """
    event, warnings, contact = read_event(parse_body(body), caller)
    if contact is not None:
        warnings += store_event_contact(connection, contact, now, arrived)
    status, stored, update_warnings = store_event(connection, event, now, arrived, warnings)
    warnings += update_warnings
    note_warnings(connection, stored, warnings)
    content = {"status": status, "event": event_out(stored), "warnings": warnings}
    return 201 if status == "created" else 200, content


def store_event_contact(
    connection: apsw.Connection, reading: Reading, now: int, arrived: int
) -> list[dict]:
    """Stores the contact and the location around an event as far as they are right; warnings."""
    contact, warnings = check_event_contact(reading)
    learn_location(connection, contact, now)
    if isinstance(contact, Contact):
        warnings += limit_date(contact, arrived)
        _, _, more = store_contact_around(connection, contact, now)
        warnings += more
    return warnings


# Batches

BATCH_PATH = "/events/ingestion/v1/batch"


class BatchQuery(IngestQuery):
    """`atomic=true` stores all or nothing.

    Written by programmers: a misspelt one must not store a part.
    """

    model_config = ConfigDict(extra="forbid")

    atomic: bool = False


class Batch(RootModel[Annotated[list[Event], Field(max_length=BATCH_LIMIT)]]):
    """Many events. For the OpenAPI document alone: a wrong event does not refuse the others."""


@dataclass(slots=True)
class BatchItem:
    """One event of a batch: how it came, how it was read, what became of it."""

    source: Any  # a line of NDJSON as bytes, or what was parsed of an array
    parsed: Any = None
    event: Event | None = None  # None: it is refused ...
    problem: Problem | None = None  # ... for this
    warnings: list[dict] = field(default_factory=list)
    result: dict = field(default_factory=dict)


BatchResult = answer(
    "BatchResult",
    status=Literal["created", "updated", "unchanged", "refused", "not_stored"],
    distinct_id=str | None,
    event_id=(int, None),
    warnings=(list[Note], None),
    errors=(list[FieldError], None),
    rejection_id=(int, None),
)
BatchAnswer = answer("BatchAnswer", results=list[BatchResult])


@route(
    "POST",
    BATCH_PATH,
    scope="ingest",
    query=BatchQuery,
    body=Batch,
    other_bodies=(NDJSON[0],),
    answers={200: BatchAnswer, 207: BatchAnswer, 422: BatchAnswer},
    writes=True,
    keeps=True,
    url_key=True,
    limit=WIRE_LIMIT,
)
def ingest_batch(call: Call) -> tuple[int, dict]:
    """Stores up to 1,000 events, an array or NDJSON: 200 all, 207 some, 422 none (see `atomic`).

    A body may have 4 MB.
    """
    items = read_batch(parse_batch(call.body), call.caller)
    readable = [item for item in items if item.event is not None]
    if len(readable) == len(items):
        status = 200
    elif readable and not call.query.atomic:
        status = 207
    else:
        status = 422
    if status == 422:
        for item in readable:
            item.result = {"status": "not_stored", "distinct_id": item.event.distinct_id}
    else:
        store_items(call.connection, readable, call.now)
    for item in items:
        if item.event is None:
            refuse_item(call, item)
    return status, {"results": [item.result for item in items]}


def parse_batch(body: Body) -> list:
    """The sources of a batch's items: parsed from an array, of NDJSON each line that is not blank.

    Raises Invalid for what is neither, and for too many.
    """
    lines = [line for line in body.data.removeprefix(BYTE_ORDER_MARK).split(b"\n") if line.strip()]
    sources = lines if is_ndjson(body, lines) else parse_body(body, exact=False)
    if not isinstance(sources, list):
        message = (
            "must be a JSON array of events, or NDJSON (application/x-ndjson): an event a line"
        )
        raise Invalid([field_error("", "list_type", message)])
    if len(sources) > BATCH_LIMIT:
        message = f"a batch may have {BATCH_LIMIT:,} events, this one has {len(sources):,}"
        raise Invalid([field_error("", "too_many", message)])
    return sources


def is_ndjson(body: Body, lines: list[bytes]) -> bool:
    """By its content type; where that says nothing (curl's default is a form), by its beginning."""
    kind = body.content_type.partition(";")[0].strip().lower()
    return bool(lines) and (kind in NDJSON or (kind != JSON and lines[0].lstrip().startswith(b"{")))


def read_batch(sources: list, caller: Caller) -> list[BatchItem]:
    """The items. When as many errors were found as a body may have, each has its first one only."""
    items = []
    errors_left = ERRORS_LIMIT
    for source in sources:
        item = read_item(source, caller, max(errors_left, 1))
        items.append(item)
        if item.problem is not None:
            errors_left -= len(item.problem.errors)
    return items


def read_item(source: Any, caller: Caller, errors_limit: int) -> BatchItem:
    """An item with its event and warnings, or with the problem for which it is refused."""
    item = BatchItem(source)
    try:
        item.parsed = parse_json(source, exact=False) if isinstance(source, bytes) else source
        if isinstance(item.parsed, dict) and is_workflow(item.parsed):
            message = f"a workflow's body is posted alone, to {EVENT_PATHS[0]}"
            raise Invalid([field_error("/customData", "alone", message)])
        item.event, item.warnings, _ = read_event(item.parsed, caller, errors_limit)
    except Problem as problem:
        item.problem = problem_of(problem)
    return item


def store_items(connection: apsw.Connection, items: list[BatchItem], now: int) -> None:
    """Stores the items' events, in order; all that are new take one statement."""
    events = [item.event for item in items]
    event_ids = insert_events(connection, events, now)
    names = stored_names(connection, events)
    for item, event_id in zip(items, event_ids, strict=True):
        event = item.event
        event_name = names.get(event.event_name, event.event_name)
        item.warnings += alias_warnings(event.event_name, event_name)
        if event_id is None:
            status, stored, update_warnings = update_event(connection, event, event_name, now)
            item.warnings += update_warnings
        else:
            status = "created"
            stored = {"event_id": event_id, "warnings": None}
        note_warnings(connection, stored, item.warnings)
        item.result = {
            "status": status,
            "distinct_id": item.event.distinct_id,
            "event_id": stored["event_id"],
        }
        if item.warnings:
            item.result["warnings"] = item.warnings


def refuse_item(call: Call, item: BatchItem) -> None:
    """Keeps the item as if it had been posted alone, so that it can be replayed alone."""
    data = item.source if isinstance(item.source, bytes) else to_json(item.source)
    keep_rejection(
        call.connection,
        Body(data, JSON, EVENT_PATHS[0]),
        item.problem,
        call.caller,
        call.now,
    )
    distinct_id = item.parsed.get("distinct_id") if isinstance(item.parsed, dict) else None
    problem = item.problem
    item.result = {
        "status": "refused",
        "distinct_id": distinct_id if isinstance(distinct_id, str) else None,
        "errors": problem.errors or [field_error("", problem.code, problem.detail)],
        "rejection_id": problem.rejection_id,
    }


# Contacts

CONTACT_PATH = "/contacts/ingestion/v1"
ContactIngestAnswer = answer(
    "ContactIngestAnswer",
    status=Literal["created", "updated", "unchanged", "deleted", "ignored"],
    warnings=list[Note],
    contact=(ContactOut | None, None),
    type=(str | None, None),
    events=(int | None, None),
    tags=(int | None, None),
    rejections=(int | None, None),
)


@route(
    "POST",
    CONTACT_PATH,
    scope="ingest",
    query=IngestQuery,
    body=dict,
    other_bodies=(FORM, MULTIPART_FORM),
    answers={200: ContactIngestAnswer},
    writes=True,
    keeps=True,
    url_key=True,
)
def ingest_contact(call: Call) -> dict:
    """Takes HighLevel's contact webhooks and workflow bodies; a deletion needs a sync key."""
    return receive_contact(call.connection, call.body, call.caller, call.now, arrived=call.now)


def receive_contact(
    connection: apsw.Connection, body: Body, caller: Caller, now: int, arrived: int
) -> dict:
    """Stores or deletes a webhook's contact, or ignores a type that is about something else.

    `arrived` is as in receive_event.
    """
    parsed = parse_object(body)
    if is_app_webhook(parsed):
        if parsed["type"] not in CONTACT_WEBHOOKS:
            return {"status": "ignored", "type": parsed["type"][:100], "warnings": []}
        reading = read_app_contact(parsed)
        custom = {}
        deletion = parsed["type"] == "ContactDelete"
    else:
        reading = read_workflow_contact(parsed)
        custom = parsed["customData"] if is_workflow(parsed) else {}
        deletion = is_deletion(custom)
    if deletion:
        return receive_deletion(connection, reading, custom, caller)
    contact, warnings = check_contact(reading)
    caller.check_location(contact.location_id)
    learn_location(connection, contact, now)
    warnings += limit_date(contact, arrived)
    status, stored, more = store_contact_around(connection, contact, now)
    warnings += more
    warnings += unknown_warnings([f"customData.{name}" for name in custom])
    return {"status": status, "contact": contact_out(stored), "warnings": warnings}


def receive_deletion(
    connection: apsw.Connection, reading: Reading, custom: dict, caller: Caller
) -> dict:
    """Deletes whom the body names; ids in customData win over those around it."""
    named: dict[str, Any] = {}
    for name, value in custom.items():
        id_name = trim(name)
        if id_name in ContactIds.model_fields and not is_blank(value):
            named[id_name] = together(named.get(id_name), value)
            reading.take(id_name, named[id_name], "/customData" + pointer_part(name))
    ids = validate(ContactIds, reading.fields, reading.pointers)
    caller.check_location(ids.location_id)
    caller.check_scope("sync")
    counts = delete_contact(connection, ids.location_id, ids.contact_id)
    if counts is None:
        unknown = warning("contact_unknown", "there was no such contact to delete")
        return {"status": "unchanged", "warnings": [unknown]}
    return {"status": "deleted", **counts, "warnings": []}


ContactAnswer = answer(
    "ContactAnswer",
    status=Literal["created", "updated", "unchanged"],
    contact=ContactOut,
    warnings=list[Note],
)


@route(
    "PUT",
    "/contacts/v1/{location_id}/{contact_id}",
    scope="ingest",
    body=ContactBody,
    answers={201: ContactAnswer, 200: ContactAnswer},
    writes=True,
    keeps=True,
)
def put_contact(call: Call) -> tuple[int, dict]:
    """Creates or changes a contact: fields sent replace, fields left out stay, null clears."""
    call.caller.check_location(call.path["location_id"])
    content = receive_fields(call.connection, parse_object(call.body), call.path, call.now)
    return 201 if content["status"] == "created" else 200, content


def receive_fields(
    connection: apsw.Connection, parsed: dict, ids: Mapping[str, Any], now: int
) -> dict:
    """Stores a contact in the format of PUT; `ids` come from the path or the record."""
    sent = {name: parsed[name] for name in ContactBody.model_fields if name in parsed}
    fields = sent.get("fields")
    if fields == []:  # what PHP makes of an empty object
        sent["fields"] = {}
    if isinstance(fields, dict):
        sent["fields"] = gathered(fields.items(), trim_key)
        if "timezone" in fields:
            sent["timezone"] = fields["timezone"]
    contact = validate(Contact, sent | ids, {("timezone",): "/fields/timezone"})
    warnings = limit_date(contact, now)
    status, stored = store_contact(connection, contact, now)
    unknown = [name for name in parsed if name not in ContactDetail.model_fields]
    return {
        "status": status,
        "contact": contact_out(stored),
        "warnings": warnings + unknown_warnings(unknown),
    }


# Refused bodies, sent again


@route(
    "POST",
    "/rejections/v1/{rejection_id}/replay",
    scope="admin",
    body=dict,
    answers={200: dict, 201: IngestAnswer},
    writes=True,
)
def replay_rejection(call: Call) -> tuple[int, dict]:
    """Sends a refused body again: as it was, or edited where this request has a body."""
    rejection = find_rejection(call)
    body = body_to_replay(rejection, call.body)
    status, content = replay(call, rejection, body)
    change(
        call.connection,
        "rejections.mark_replayed",
        rejection_id=rejection["rejection_id"],
        replayed_at=call.now,
    )
    return status, content


def body_to_replay(rejection: dict, edited: Body) -> Body:
    """The edited body, or without one the kept one.

    Raises Conflict where it was replayed before, or was not kept whole.
    """
    if rejection["replayed_at"] is not None:
        raise Conflict("this one was already replayed", "already_replayed")
    if edited.data.strip():
        return Body(edited.data, edited.content_type or JSON)
    if rejection["truncated"]:
        raise Conflict("only its first 64 kB were kept; replay it with a whole body", "truncated")
    return Body(rejection["body"], rejection["content_type"])


def replay(call: Call, rejection: dict, body: Body) -> tuple[int, dict]:
    """Receives the body where it was posted: the status and the content of the answer.

    It counts as sent by its first sender, at the time of the refusal, with the admin's right to all
    locations. Raises Conflict for what was posted elsewhere.
    """
    caller = caller_of_replay(call.connection, rejection["key_id"])
    arrived = rejection["received_at"]
    # One slash too many is no other path.
    path = "/" + "/".join(filter(None, rejection["path"].split("/")))
    if path == CONTACT_PATH:
        return 200, receive_contact(call.connection, body, caller, call.now, arrived)
    if path not in EVENT_PATHS:
        raise Conflict(
            f"what was posted to {path[:100]} cannot be replayed; send it there again",
            "not_replayable",
        )
    if rejection["code"] == "event_replaced":
        check_new_distinct_id(call.connection, body)
    return receive_event(call.connection, body, caller, call.now, arrived)


def caller_of_replay(connection: apsw.Connection, key_id: int | None) -> Caller:
    """An admin whose distinct_id_rule is that of the first sender's key."""
    key = row(connection, "keys.find_by_id", key_id=key_id)
    return Caller(key_id, "admin", None, key["distinct_id_rule"] if key else "refuse")


def check_new_distinct_id(connection: apsw.Connection, body: Body) -> None:
    """A replaced event under its old distinct_id would replace the one that replaced it."""
    fields = read_fields(parse_body(body)).fields
    ids = {name: trim(str(fields.get(name) or "")) for name in ("location_id", "distinct_id")}
    if row(connection, "events.find_by_distinct_id", **ids) is not None:
        raise Conflict(
            "there is an event with this distinct_id, which this one would replace in turn; "
            "replay it with another distinct_id",
            "distinct_id_taken",
        )


####################################################################################################
# metric definitions
####################################################################################################

TERM_LIMIT = 20  # of a definition
CONDITION_LIMIT = 100  # of a term
LIST_LIMIT = 1_000  # of values in a condition, locations in a query, metrics in an import


# Formulas

DEFINITION_LIMIT = 100_000  # characters, where it is saved
FORMULA_LIMIT = 2_000  # characters
DEPTH_LIMIT = 100  # of parentheses and minus signs within each other
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<key>[A-Za-z_]\w*)|(?P<sign>[-+*/()])|(?P<other>\S))",
    re.ASCII,
)
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}


def wrong_formula(column: int, message: str) -> PydanticCustomError:
    return PydanticCustomError("formula", f"column {column}: {message}", {"column": column})


def read_tokens(text: str) -> Iterator[tuple[int, str, str]]:
    """Column, kind and text of each token, and of the end.

    Too long a text is an error only after its first characters: what is wrong among them comes
    first.
    """
    for match in TOKEN.finditer(text, 0, FORMULA_LIMIT):
        kind = match.lastgroup
        yield match.start(kind) + 1, kind, match[kind]
    if len(text) > FORMULA_LIMIT:
        message = f"the formula is longer than {FORMULA_LIMIT:,} characters"
        raise wrong_formula(FORMULA_LIMIT + 1, message)
    yield len(text) + 1, "end", ""


class Formula:
    """Numbers, term keys, + - * /, parentheses and unary minus.

    Read by recursive descent into steps in postfix order. Raises PydanticCustomError with the
    column, from 1, of the first thing that is wrong.
    """

    def __init__(self, text: str, keys: Iterable[str]):
        self.keys = set(keys)
        self.steps: list[Any] = []
        self._tokens = read_tokens(text)
        self.token = ""
        self._advance()
        self._read_expression(depth=0)

    def _advance(self) -> None:
        self.previous = self.token
        self.column, self.kind, self.token = next(self._tokens)

    def _read_expression(self, depth: int, opened: int = 0) -> None:
        """Up to the ) of the ( in column `opened`, or without one to the end of the text."""
        self._read_operations(0, depth)
        if opened and self.kind == "end":
            raise wrong_formula(opened, "this ( is never closed")
        if self.token == (")" if opened else ""):
            return
        if self.token == ")":
            raise wrong_formula(self.column, "this ) closes nothing")
        message = f"{self.token[:40]} stands where one of + - * / should"
        raise wrong_formula(self.column, message)

    def _read_operations(self, strength: int, depth: int) -> None:
        """A value, and all that is bound to it by operators stronger than this."""
        self._read_value(depth)
        while STRENGTH.get(self.token, 0) > strength:
            sign = self.token
            self._advance()
            self._read_operations(STRENGTH[sign], depth)
            self.steps.append(OPERATIONS[sign])

    def _read_value(self, depth: int) -> None:
        self._check_value(depth)
        column = self.column
        kind = self.kind
        token = self.token
        self._advance()
        if token == "(":
            self._read_expression(depth + 1, column)
            self._advance()
        elif token == "-":
            self.steps.append(0)
            self._read_value(depth + 1)
            self.steps.append(operator.sub)
        elif kind == "key":
            self.steps.append(token)
        elif token.isdigit():
            self.steps.append(int(token))
        else:
            self.steps.append(float(token))

    def _check_value(self, depth: int) -> None:
        """Raises unless a value can begin with this token."""
        token = self.token
        if token in ("(", "-") and depth >= DEPTH_LIMIT:
            raise wrong_formula(self.column, f"nested more than {DEPTH_LIMIT} deep")
        if self.kind == "end":
            message = (
                f"unfinished after {self.previous}" if self.previous else "nothing stands here"
            )
            raise wrong_formula(self.column, message)
        if self.kind == "key" and token not in self.keys:
            raise wrong_formula(self.column, f"there is no term {token[:40]}")
        if self.kind == "number" and not math.isfinite(float(token)):
            raise wrong_formula(self.column, "this number is too large")
        if self.kind in ("sign", "other") and token not in ("(", "-"):
            message = f"{token} stands where a number, a term or ( should"
            raise wrong_formula(self.column, message)

    def value(self, terms: Mapping[str, float | None]) -> float | None:
        """The result; None where a term is None.

        Raises ZeroDivisionError, and OverflowError beyond all floats.
        """
        stack: list[Any] = []
        for step in self.steps:
            if callable(step):
                right = stack.pop()
                left = stack.pop()
                result = None if left is None or right is None else step(left, right)
            elif isinstance(step, str):
                result = terms[step]
            else:
                result = step
            # isfinite itself raises OverflowError for a huge integer
            if result is not None and not math.isfinite(result):
                raise OverflowError("too large")
            stack.append(result)
        return stack[0]


# Fields and operators of filters

Aggregation = Literal[
    "count",
    "unique_contacts",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "median",
    "p90",
    "p95",
    "latest",
    "conversions",
    "conversion",
    "contact_conversion",
]
OF_CONVERSIONS = {"conversions", "conversion", "contact_conversion"}  # only with `then`
OF_SECONDS = {"avg", "median", "p90", "p95", "min", "max"}  # with `then`: from a start to its end
WITHOUT_PROPERTY = {"count", "unique_contacts"} | OF_CONVERSIONS
PERCENTILES = {"median", "p90", "p95"}
ADDED_UP = {"count", "unique_contacts", "count_distinct", "sum", "conversions"}  # more events, more
OF_ANY_VALUES = WITHOUT_PROPERTY | {"count_distinct"}  # all others are of numbers
EQUALITY_OPS = {"is", "is_not", "in", "not_in"}
TEXT_OPS = EQUALITY_OPS | {"contains", "not_contains"}
NUMBER_OPS = {"eq", "neq", "gt", "gte", "lt", "lte", "between"}
SET_OPS = {"is_set", "is_not_set"}
OPS = {
    "text": TEXT_OPS | SET_OPS,
    "value": TEXT_OPS | NUMBER_OPS | SET_OPS,
    "contact": {"is"} | SET_OPS,
    "date": {"before", "after", "between", "in_last"} | SET_OPS,
    "tags": {"has_any", "has_all", "has_none"} | SET_OPS,
}
ALL_OPS = set().union(*OPS.values())
FIELD_KINDS = {
    "contact.tags": "tags",
    "contact.date_created": "date",
    "contact_id": "contact",
    "distinct_id": "text",
    **{f"contact.{name}": "text" for name in CONTACT_TEXTS},
}
NUMERIC = re.compile(
    r"[ \t\n\v\f\r]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\v\f\r]*"
)
DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
DURATION_UNITS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
DURATION_NOUNS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
LONGEST_WINDOW = 366 * DAY_MS


def kind_of(name: str) -> str | None:
    """Which operators a filter's field takes: a name of OPS. "value" is text or number."""
    if name in FIELD_KINDS:
        return FIELD_KINDS[name]
    if name.startswith(("contact.", "property.")) and key_of(name).strip():
        return "value"
    return None


def key_of(name: str) -> str:
    """The key of a property, or of a contact's custom field: `contact.<key>`, or, where that is a
    field of ours, `contact.fields.<key>`."""
    _, _, key = name.partition(".")
    return key.removeprefix("fields.") if name.startswith("contact.") else key


def is_of_contact(name: Any) -> bool:
    return isinstance(name, str) and (name.startswith("contact.") or name == "tag")


def read_field(value: Any) -> str:
    if not isinstance(value, str) or kind_of(value) is None:
        raise wrong(
            "unknown_field",
            "must be contact.tags, contact.date_created, contact.source, contact.name, "
            "contact.email, contact.phone, contact.type, contact.<custom field>, "
            "contact.fields.<custom field>, property.<key>, contact_id or distinct_id",
        )
    return read_key(value)


def read_numeric(value: Any) -> int | float:
    """A number, or a text that is one by the rule for properties."""
    if isinstance(value, str):
        if not NUMERIC.fullmatch(value):
            raise wrong("not_a_number", "must be a number")
        value = read_exactly(value.strip())
    return read_property(value)


def read_exactly(text: str) -> int | float:
    """An integer where the text spells one that SQLite has."""
    is_short = len(text) <= len(str(-(2**63)))
    if is_short and text.lstrip("+-").isdigit() and is_sqlite_integer(int(text)):
        return int(text)
    return float(text)


def read_duration(value: Any) -> int:
    """Milliseconds."""
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        message = "must be a number of minutes, hours, days or weeks such as 5m, 12h, 30d or 4w"
        raise wrong("duration", message)
    number, unit = match.groups()
    return int(number) * DURATION_UNITS[unit]


def read_window(value: Any) -> str:
    """As it was sent."""
    if read_duration(value) > LONGEST_WINDOW:
        raise wrong("duration", "must be 366 days at most, such as 5m, 1h, 7d or 90d")
    return value


def read_filter_tag(value: Any) -> str:
    return read_text(value, NAME_LIMIT)


def check_list(value: Any, least: int = 1, most: int = LIST_LIMIT) -> list:
    if isinstance(value, list) and least <= len(value) <= most:
        return value
    if least == most:
        raise wrong("list", f"must be a list of {most} values")
    raise wrong("list", f"must be a list of {least} to {most:,} values")


def read_items(values: list, read: Callable) -> list:
    """Raises a ValidationError that points at the first item that is wrong."""
    items: list = []
    for value in values:
        try:
            items.append(read(value))
        except PydanticCustomError as error:
            fault = fault_at((len(items),), error)
            raise ValidationError.from_exception_data("list", [fault]) from None
    return items


def read_operand(op: str, kind: str, value: Any) -> Any:
    """What a condition compares with: a value, a list, a pair (between), or None (is_set).

    It is read twice: to check it, and when the query is compiled.
    """
    if op in SET_OPS:
        if value is not None:
            raise wrong("value", "takes no value")
        return None
    if op in ("contains", "not_contains"):
        return read_part(value)
    if kind == "tags" and isinstance(value, str):
        return [read_filter_tag(value)]
    if kind == "tags":
        return read_items(check_list(value), read_filter_tag)
    if op in ("in", "not_in"):
        return read_items(check_list(value), read_property)
    read = operand_reader(op, kind)
    if op == "between":
        return read_items(check_list(value, 2, 2), read)
    return read(value)


def read_part(value: Any) -> str | int | float:
    """What a text is to contain, blanks included."""
    if value == "":
        raise wrong("blank", "must not be empty: every text contains it")
    if isinstance(value, str) and len(value) > NEEDLE_LIMIT:
        raise wrong(
            "too_long", f"must have {NEEDLE_LIMIT:,} characters at most, not {len(value):,}"
        )
    return read_property(value)


def operand_reader(op: str, kind: str) -> Callable[[Any], Any]:
    if op == "in_last":
        return read_duration
    if kind == "date":
        return read_day_or_time
    if op in NUMBER_OPS:
        return read_numeric
    return read_property


# Definitions


def faults_of(error: ValidationError) -> Iterator[InitErrorDetails]:
    """What pydantic found, in a form in which it can be raised again."""
    for line in error.errors(include_url=False, include_input=False)[: ERRORS_LIMIT + 1]:
        fault = PydanticCustomError(line["type"], line["msg"], line.get("ctx"))
        yield fault_at(line["loc"], fault)


class Strict(BaseModel):
    """A model that knows all of its keys, and whose errors are all found at once.

    pydantic lets one field look at another only where that one is right. What depends on a part
    that may itself be wrong (a formula, on the keys of terms whose filters are wrong) is therefore
    checked in the body as it was sent, by `faults_between`, and joins the fields' own errors.
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        """What is wrong between the fields of a body, any part of which may be of any type."""
        return iter(())

    @model_validator(mode="wrap")
    @classmethod
    def _find_all_faults(cls, sent: Any, handler: Callable[[Any], Any]) -> Any:
        model = None
        faults: list[InitErrorDetails] = []
        try:
            model = handler(sent)
        except ValidationError as error:
            faults.extend(faults_of(error))
        if isinstance(sent, dict):
            faults.extend(itertools.islice(cls.faults_between(sent), ERRORS_LIMIT + 1))
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return model


class Condition(Strict):
    """One test. `property.<key>` and `contact.<custom>` take operators of text and of numbers."""

    field: plain(read_field, {"type": "string"})
    op: str
    value: Any = Field(None, validate_default=True)

    @field_validator("op")
    @classmethod
    def _check_op(cls, op: str, info: ValidationInfo) -> str:
        """Where the field is wrong, any operator may be right."""
        name = info.data.get("field")
        known = ALL_OPS if name is None else OPS[kind_of(name)]
        if op not in known:
            names = ", ".join(sorted(known))
            field = "" if name is None else f" for {name[:60]}"
            raise wrong("unknown_operator", f"must be one of {names}{field}")
        return op

    @field_validator("value")
    @classmethod
    def _check_value(cls, value: Any, info: ValidationInfo) -> Any:
        """The value is kept as it was sent: its operand depends on the time of the query."""
        name = info.data.get("field")
        op = info.data.get("op")
        if name is not None and op is not None:
            read_operand(op, kind_of(name), value)
        return value

    def operand(self) -> Any:
        return read_operand(self.op, kind_of(self.field), self.value)


def is_group(value: Any) -> bool:
    if isinstance(value, dict):
        return "all" in value or "any" in value
    return isinstance(value, Group)


# pydantic puts the tag into an error's location; the brackets are for pointer_of, which drops it.
Filter = Annotated[
    Annotated[Condition, Tag("[condition]")] | Annotated["Group", Tag("[group]")],
    Discriminator(lambda value: "[group]" if is_group(value) else "[condition]"),
]


class Group(Strict):
    """Conditions and groups, of which all or any must hold. An empty `all` restricts nothing."""

    all: list[Filter] | None = Field(None, max_length=CONDITION_LIMIT)
    any: list[Filter] | None = Field(None, min_length=1, max_length=CONDITION_LIMIT)

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        if (sent.get("all") is None) == (sent.get("any") is None):
            yield fault_at((), wrong("all_or_any", "must have either all or any"))

    def conditions(self) -> Iterator[Condition]:
        for part in self.all or self.any or ():
            if isinstance(part, Group):
                yield from part.conditions()
            else:
                yield part


CONTACT_TERMS_ONLY = wrong(
    "contact_field",
    "is a field of contacts; an account term counts events without a contact too, "
    "so set the term's type to contact",
)


class Then(Strict):
    """What may follow an event of a contact: the first such event of the same contact after it,
    no later than `within`."""

    event: Name
    filters: Group | None = None
    within: plain(
        read_window,
        {
            "type": "string",
            "description": "minutes, hours, days or weeks, such as 5m, 1h, 7d; 366d at most",
        },
    )

    @property
    def milliseconds(self) -> int:
        return read_duration(self.within)

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        yield from too_many_conditions(sent)


THEN_OF_CONTACTS = wrong(
    "then_of_contacts",
    "asks what the same contact did next; an account term has no contacts, so set the term's type "
    "to contact",
)


class Term(Strict):
    """The events of one name: all of them (account), or those with a contact, which it can be
    filtered by (contact). With `then` it is about what came of those that are starts."""

    key: str = Field(pattern="^[A-Za-z_][A-Za-z0-9_]{0,19}$")
    event: Name
    type: Literal["account", "contact"]
    then: Then | None = None
    aggregation: Aggregation = "count"
    property: Annotated[str, AfterValidator(read_key)] | None = Field(None, validate_default=True)
    numbers: Literal["1,234.5", "1.234,5"] | None = Field(
        None,
        description="how the property's texts write numbers, perhaps with a currency; left out, "
        "they are plain, such as 1234.5",
    )
    filters: Group | None = None

    @field_validator("property")
    @classmethod
    def _check_property(cls, name: str | None, info: ValidationInfo) -> str | None:
        aggregation = info.data.get("aggregation")
        if is_blank(name):
            name = None
        if aggregation is None or "then" not in info.data:
            return name
        if info.data["then"]:
            if name is not None:
                message = "a term with then is about what follows, and takes no property"
                raise wrong("property_unused", message)
            return name
        if aggregation in WITHOUT_PROPERTY and name is not None:
            raise wrong("property_unused", f"{aggregation} takes no property")
        if aggregation not in WITHOUT_PROPERTY and name is None:
            raise wrong("required", f"choose the property to calculate the {aggregation} from")
        return name

    @field_validator("numbers")
    @classmethod
    def _check_numbers(cls, numbers: str | None, info: ValidationInfo) -> str | None:
        aggregation = info.data.get("aggregation")
        if numbers is not None and (aggregation in OF_ANY_VALUES or info.data.get("then")):
            raise wrong("numbers_unused", f"{aggregation} reads no numbers")
        return numbers

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        yield from too_many_conditions(sent)
        yield from cls.faults_of_then(sent)
        if sent.get("type") != "account":
            return
        for location, condition in conditions_in(sent.get("filters"), ("filters",)):
            if is_of_contact(condition.get("field")):
                yield fault_at((*location, "field"), CONTACT_TERMS_ONLY)

    @classmethod
    def faults_of_then(cls, sent: dict) -> Iterator[InitErrorDetails]:
        aggregation = sent.get("aggregation", "count")
        if sent.get("then") is None:
            if aggregation in OF_CONVERSIONS:
                message = f"is required with {aggregation}, to say which event may follow"
                yield fault_at(("then",), wrong("required", message))
            return
        if sent.get("type") == "account":
            yield fault_at(("then",), THEN_OF_CONTACTS)
        if aggregation not in OF_CONVERSIONS | OF_SECONDS and aggregation in get_args(Aggregation):
            names = ", ".join(sorted(OF_CONVERSIONS | OF_SECONDS))
            error = wrong("not_with_then", f"must be one of {names}, since the term has then")
            yield fault_at(("aggregation",), error)

    def conditions(self) -> Iterator[Condition]:
        """Of its own events; what follows has conditions of its own."""
        return self.filters.conditions() if self.filters else iter(())

    def all_conditions(self) -> Iterator[Condition]:
        yield from self.conditions()
        if self.then and self.then.filters:
            yield from self.then.filters.conditions()

    def event_names(self) -> list[str]:
        return [self.event, self.then.event] if self.then else [self.event]


def too_many_conditions(sent: dict) -> Iterator[InitErrorDetails]:
    if len(list(conditions_in(sent.get("filters"), ("filters",)))) > CONDITION_LIMIT:
        message = f"must have {CONDITION_LIMIT} conditions at most"
        yield fault_at(("filters",), wrong("too_many", message))


def conditions_in(filters: Any, location: tuple) -> Iterator[tuple[tuple, dict]]:
    """The conditions of filters as they were sent, each with its location."""
    if not isinstance(filters, dict):
        return
    if not is_group(filters):
        yield location, filters
        return
    for name in ("all", "any"):
        parts = filters.get(name)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            yield from conditions_in(part, (*location, name, index))


def check_currency(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        raise wrong("currency", "must be three capital letters, such as USD")
    return code


class Format(Strict):
    """How a number is shown; percent shows 0.125 as 12.5 %, duration 252 seconds as 4 m 12 s."""

    style: Literal["number", "percent", "currency", "duration"] = "number"
    decimals: int = Field(0, ge=0, le=10)
    currency: Annotated[str, AfterValidator(check_currency)] | None = Field(
        None, description="an ISO 4217 code, for style currency"
    )


class Definition(Strict):
    """A metric as portable JSON. One term alone needs no formula."""

    name: Line | None = None
    format: Format | None = None
    terms: list[Term] = Field(min_length=1, max_length=TERM_LIMIT)
    formula: str | None = None

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        keys = [term.get("key") for term in terms_in(sent)]
        for index in repeated(keys):
            error = wrong("duplicate", "is the key of an earlier term")
            yield fault_at(("terms", index, "key"), error)
        formula = sent.get("formula")
        if formula is None and len(keys) > 1:
            yield fault_at(("formula",), wrong("required", "is required with several terms"))
        if isinstance(formula, str):
            try:
                Formula(formula, [key for key in keys if isinstance(key, str)])
            except PydanticCustomError as error:
                yield fault_at(("formula",), error)

    def compiled(self) -> Formula:
        keys = [term.key for term in self.terms]
        return Formula(keys[0] if self.formula is None else self.formula, keys)


class SavedDefinition(Definition):
    """What is kept. `position` is the place in the list, from 1; left out: at the end, or where
    it was."""

    name: Line
    position: int | None = Field(None, ge=1, le=1_000_000)


def objects_in(sent: Any, most: int) -> list[dict]:
    """The first items of what should be a list of objects; {} stands for one that is none."""
    if not isinstance(sent, list):
        return []
    return [item if isinstance(item, dict) else {} for item in sent[:most]]


def terms_in(definition: Any) -> list[dict]:
    """The terms of a definition as they were sent."""
    if not isinstance(definition, dict):
        return []
    return objects_in(definition.get("terms"), TERM_LIMIT)


def repeated(values: list) -> Iterator[int]:
    """The indexes of the texts that stood in the list before."""
    earlier = set()
    for index, value in enumerate(values):
        if not isinstance(value, str):
            continue
        if value in earlier:
            yield index
        earlier.add(value)


# Intervals and breakdowns

Interval = Literal["total", "hour", "day", "week", "month"]
CONTACTS_ONLY = wrong("contact_field", "is a field of contacts; all terms must be contact terms")


def read_breakdown(value: Any) -> str:
    if not can_be_broken_down_by(value):
        raise wrong("unknown_field", "must be property.<key>, contact.<field>, tag or location")
    return "tag" if value == "contact.tags" else read_key(value)


def can_be_broken_down_by(name: Any) -> bool:
    if not isinstance(name, str) or name == "distinct_id":
        return False
    return name in ("location", "tag") or kind_of(name) in ("text", "value", "tags")


Breakdown = plain(
    read_breakdown,
    {"type": "string", "description": "property.<key>, contact.<field>, tag or location"},
)


####################################################################################################
# dashboards
####################################################################################################

METRICS_LIMIT = 1_000  # that are saved
DASHBOARDS_LIMIT = 100
CARDS_LIMIT = METRICS_LIMIT  # of a dashboard


# Cards and targets


class Target(Strict):
    """What a metric should reach in each calendar unit: all locations together (`value`), or one of
    them. Without any number it says only which direction is better."""

    value: float | None = None
    per: Literal["week", "month", "quarter", "year"] = "month"
    better: Literal["higher", "lower"] = "higher"
    locations: dict[SentIdentifier, float] = Field({}, max_length=LIST_LIMIT)


class Look(Strict):
    """How a card shows its metric. Without an interval of its own it has the dashboard's."""

    chart: Literal["number", "line", "bar", "stacked", "table"] = "line"
    size: Literal["small", "wide"] = "small"
    interval: Literal["hour", "day", "week", "month"] | None = None
    breakdown: Breakdown | None = None
    target: Target | None = None

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        if sent.get("chart") == "stacked" and sent.get("breakdown") is None:
            message = "is required: stacked bars are those of groups"
            yield fault_at(("breakdown",), wrong("required", message))


class Card(Look):
    """A metric on a dashboard."""

    metric_id: int


class NamedCard(Look):
    """The same in an export, where metrics have no ids."""

    metric: Line


class PlacedCard(Look):
    """The same beside a metric's definition."""

    dashboard_id: int


class NewMetric(SavedDefinition):
    """A metric to save, and its card on a dashboard. Left out, a new metric has one at the end of
    the first dashboard that is not shared; null: none."""

    card: PlacedCard | None = None


class Dashboard(Strict):
    """A dashboard to save. `position` is its place among them, from 1; left out: at the end, or
    where it was."""

    name: Line
    cards: list[Card] = Field([], max_length=CARDS_LIMIT)
    position: int | None = Field(None, ge=1, le=1_000_000)


class NamedDashboard(Strict):
    """A dashboard in an export."""

    name: Line
    cards: list[NamedCard] = Field([], max_length=CARDS_LIMIT)


class DefinitionList(Strict):
    """An export, which is also the body of an import."""

    metrics: list[SavedDefinition] = Field(max_length=LIST_LIMIT)
    dashboards: list[NamedDashboard] = Field([], max_length=DASHBOARDS_LIMIT)

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        for noun, most in (("metrics", LIST_LIMIT), ("dashboards", DASHBOARDS_LIMIT)):
            names = [each.get("name") for each in objects_in(sent.get(noun), most)]
            for index in repeated(names):
                error = wrong("duplicate", f"is the name of an earlier {noun[:-1]}")
                yield fault_at((noun, index, "name"), error)


# Saved metrics


def find_metric(connection: apsw.Connection, metric_id: int) -> dict:
    """Raises NotFound."""
    metric = row(connection, "metrics.find", metric_id=metric_id)
    if metric is None:
        raise NotFound(f"there is no metric {metric_id}")
    return metric


def definition_json(definition: Definition) -> str:
    """A definition as it is stored: without its name, its place and what was left out.

    Raises Invalid for one that is too large to be saved.
    """
    text = definition.model_dump_json(
        exclude={"name", "position", "card"}, exclude_none=True, by_alias=True
    )
    check_length(text)
    return text


def check_length(text: str) -> None:
    """Raises Invalid for a definition that is too large to be saved."""
    if len(text) > DEFINITION_LIMIT:
        message = f"must have {DEFINITION_LIMIT:,} characters at most, not {len(text):,}"
        raise Invalid([field_error("", "too_long", message)])


def check_metric_number(connection: apsw.Connection) -> None:
    """Raises Conflict where there are as many metrics as there may be."""
    if scalar(connection, "metrics.count") >= METRICS_LIMIT:
        message = f"there are {METRICS_LIMIT:,} metrics, as many as there may be; delete one first"
        raise Conflict(message, "too_many")


def store_metric(
    connection: apsw.Connection, metric_id: int | None, definition: NewMetric, now: int
) -> dict:
    """Creates a metric, or with an id replaces that one, and places its card.

    Raises Conflict where another has the name, NotFound, and Invalid for a card that cannot be.
    """
    if metric_id is not None:
        find_metric(connection, metric_id)
    namesake = row(connection, "metrics.find_name", name=definition.name)
    if namesake and namesake["metric_id"] != metric_id:
        message = "another metric has this name already"
        raise Conflict(message, "name_taken", [field_error("/name", "name_taken", message)])
    binds = {"name": definition.name, "definition": definition_json(definition), "now": now}
    if metric_id is None:
        check_metric_number(connection)
        metric_id = row(connection, "metrics.insert", **binds)["metric_id"]
        if "card" not in definition.model_fields_set:
            add_to_first_dashboard(connection, [metric_id], now)
    else:
        change(connection, "metrics.replace", metric_id=metric_id, **binds)
    if definition.position is not None:
        place_metric(connection, metric_id, definition.position)
    if definition.card is not None:
        place_card(connection, metric_id, definition.card, now)
    return metric_out(find_metric(connection, metric_id))


def place_metric(connection: apsw.Connection, metric_id: int, position: int) -> None:
    """Moves a metric to a place in the list, from 1; beyond its end, to the end."""
    order = [metric["metric_id"] for metric in rows(connection, "metrics.list")]
    order.remove(metric_id)
    order.insert(position - 1, metric_id)
    change(connection, "metrics.place", order=json.dumps(order))


# Stored dashboards


def find_dashboard(connection: apsw.Connection, dashboard_id: int) -> dict:
    """Raises NotFound."""
    dashboard = row(connection, "dashboards.find", dashboard_id=dashboard_id)
    if dashboard is None:
        raise NotFound(f"there is no dashboard {dashboard_id}")
    return dashboard


def list_dashboards(connection: apsw.Connection) -> list[dict]:
    """All of them, in their order."""
    ids = rows(connection, "dashboards.list_ids")
    return [find_dashboard(connection, found["dashboard_id"]) for found in ids]


def store_dashboard(
    connection: apsw.Connection, dashboard_id: int | None, dashboard: Dashboard, now: int
) -> dict:
    """Creates a dashboard, or with an id replaces that one.

    Raises Conflict where another has the name, NotFound, and Invalid for cards that cannot be.
    """
    if dashboard_id is not None:
        find_dashboard(connection, dashboard_id)
    namesake = row(connection, "dashboards.find_name", name=dashboard.name)
    if namesake and namesake["dashboard_id"] != dashboard_id:
        message = "another dashboard has this name already"
        raise Conflict(message, "name_taken", [field_error("/name", "name_taken", message)])
    check_cards(connection, dashboard.cards)
    cards = cards_json([stored_card(card) for card in dashboard.cards])
    if dashboard_id is None:
        dashboard_id = insert_dashboard(connection, dashboard.name, cards, now)
    else:
        change(
            connection,
            "dashboards.replace",
            dashboard_id=dashboard_id,
            name=dashboard.name,
            cards=cards,
            now=now,
        )
    if dashboard.position is not None:
        place_dashboard(connection, dashboard_id, dashboard.position)
    return dashboard_out(find_dashboard(connection, dashboard_id))


def insert_dashboard(connection: apsw.Connection, name: str, cards: str, now: int) -> int:
    """Returns its id. Raises Conflict where there are as many as there may be."""
    if len(rows(connection, "dashboards.list_ids")) >= DASHBOARDS_LIMIT:
        message = (
            f"there are {DASHBOARDS_LIMIT} dashboards, as many as there may be; delete one first"
        )
        raise Conflict(message, "too_many")
    created = row(connection, "dashboards.insert", name=name, cards=cards, now=now)
    return created["dashboard_id"]


def place_dashboard(connection: apsw.Connection, dashboard_id: int, position: int) -> None:
    """Moves a dashboard to a place among them, from 1; beyond their end, to the end."""
    order = [dashboard["dashboard_id"] for dashboard in rows(connection, "dashboards.list_ids")]
    order.remove(dashboard_id)
    order.insert(position - 1, dashboard_id)
    change(connection, "dashboards.place", order=json.dumps(order))


def check_cards(connection: apsw.Connection, cards: Sequence[Card]) -> None:
    """Raises Invalid for cards of metrics that are not there, or that have no such breakdown."""
    errors = []
    for index, card in enumerate(cards):
        metric = row_of_id(connection, "metrics.find", metric_id=card.metric_id)
        if metric is None:
            message = f"there is no metric {card.metric_id}"
            errors.append(field_error(f"/cards/{index}/metric_id", "unknown_metric", message))
        elif is_of_contact(card.breakdown) and has_account_terms(metric):
            message = CONTACTS_ONLY.message()
            errors.append(field_error(f"/cards/{index}/breakdown", "contact_field", message))
    if errors:
        raise Invalid(errors)


def has_account_terms(metric: dict) -> bool:
    return any(term["type"] == "account" for term in definition_out(metric)["terms"])


def stored_card(card: Look) -> dict:
    """A card as it is stored: without what was left out, its metric by its id."""
    return card.model_dump(exclude_defaults=True, exclude={"dashboard_id", "metric"})


def cards_json(cards: list[dict]) -> str:
    """Raises Invalid where they are too many, or too large, to be saved."""
    if len(cards) > CARDS_LIMIT:
        message = f"a dashboard has {CARDS_LIMIT:,} cards at most"
        raise Invalid([field_error("/cards", "too_many", message)])
    text = json.dumps(cards, ensure_ascii=False, separators=(",", ":"))
    check_length(text)
    return text


def place_card(connection: apsw.Connection, metric_id: int, placed: PlacedCard, now: int) -> None:
    """Puts a metric's card in place of the one that it has on this dashboard, or at its end."""
    dashboard = row_of_id(connection, "dashboards.find", dashboard_id=placed.dashboard_id)
    if dashboard is None:
        message = f"there is no dashboard {placed.dashboard_id}"
        raise Invalid([field_error("/card/dashboard_id", "unknown_dashboard", message)])
    metric = find_metric(connection, metric_id)
    if is_of_contact(placed.breakdown) and has_account_terms(metric):
        raise refusal("/card/breakdown", CONTACTS_ONLY)
    card = {"metric_id": metric_id} | stored_card(placed)
    cards = json.loads(dashboard["cards"])
    places = [index for index, each in enumerate(cards) if each["metric_id"] == metric_id]
    if places:
        cards[places[0]] = card
    else:
        cards.append(card)
    set_cards(connection, dashboard["dashboard_id"], cards, now)


def add_to_first_dashboard(connection: apsw.Connection, metric_ids: list[int], now: int) -> None:
    """Gives new metrics cards where they are looked for, as long as there is room.

    A dashboard that clients see is passed over: nothing appears there that nobody put there.
    """
    for found in rows(connection, "dashboards.list_ids"):
        if scalar(connection, "shares.count_of_dashboard", **found) > 0:
            continue
        cards = json.loads(find_dashboard(connection, found["dashboard_id"])["cards"])
        cards += [{"metric_id": metric_id} for metric_id in metric_ids]
        set_cards(connection, found["dashboard_id"], cards[:CARDS_LIMIT], now)
        return


def set_cards(connection: apsw.Connection, dashboard_id: int, cards: list[dict], now: int) -> None:
    text = cards_json(cards)
    change(connection, "dashboards.set_cards", dashboard_id=dashboard_id, cards=text, now=now)


def delete_dashboard(
    connection: apsw.Connection, dashboard_id: int, now: int, dry_run: bool
) -> dict:
    """Its metrics stay, and its shares are revoked. Raises NotFound, and Conflict for the only
    one."""
    find_dashboard(connection, dashboard_id)
    if len(rows(connection, "dashboards.list_ids")) == 1:
        message = "this is the only dashboard, where new metrics appear; rename it instead"
        raise Conflict(message, "last_dashboard")
    key = {"dashboard_id": dashboard_id}
    if dry_run:
        return {"dashboards": 1, "shares": scalar(connection, "shares.count_of_dashboard", **key)}
    shares = change(connection, "shares.revoke_of_dashboard", **key, now=now)
    return {"dashboards": change(connection, "dashboards.delete", **key), "shares": shares}


# Export and import


def export_metrics(connection: apsw.Connection, allowed: frozenset[str] | None = None) -> dict:
    """All definitions and dashboards in their order, without the ids and times of this file: what
    an import takes. Targets of locations are those of the allowed ones (None: all)."""
    metrics = rows(connection, "metrics.list")
    names = {metric["metric_id"]: metric["name"] for metric in metrics}
    dashboards = []
    for dashboard in list_dashboards(connection):
        cards = [
            {"metric": names[card.pop("metric_id")], **card}
            for card in cards_of(dashboard, allowed)
        ]
        dashboards.append({"name": dashboard["name"], "cards": cards})
    return {"metrics": [definition_out(metric) for metric in metrics], "dashboards": dashboards}


def import_metrics(connection: apsw.Connection, definitions: DefinitionList, now: int) -> dict:
    """Upserts by name. New ones go to the end of the list, in their order; the others stay where
    they are. A new metric that is on none of the dashboards of the import joins the first
    one that is not shared.

    Raises Invalid for cards of metrics that are neither here nor in the import.
    """
    counts = {"created": 0, "updated": 0, "unchanged": 0}
    new = []
    for definition in definitions.metrics:
        outcome = import_metric(connection, definition, now)
        counts[outcome] += 1
        if outcome == "created":
            new.append(definition.name)
    shown = {card.metric for dashboard in definitions.dashboards for card in dashboard.cards}
    ids = [metric_id_of(connection, name) for name in new if name not in shown]
    if ids:
        add_to_first_dashboard(connection, ids, now)
    for index, dashboard in enumerate(definitions.dashboards):
        outcome = import_dashboard(connection, dashboard, f"/dashboards/{index}", now)
        counts[outcome] += 1
    return counts


def import_metric(connection: apsw.Connection, definition: SavedDefinition, now: int) -> str:
    """created, updated or unchanged."""
    name = definition.name
    text = definition_json(definition)
    stored = row(connection, "metrics.find_name", name=name)
    if stored and stored["definition"] == text:
        return "unchanged"
    if not stored:
        check_metric_number(connection)
    change(connection, "metrics.upsert", name=name, definition=text, now=now)
    return "updated" if stored else "created"


def metric_id_of(connection: apsw.Connection, name: str) -> int | None:
    metric = row(connection, "metrics.find_name", name=name)
    return metric and metric["metric_id"]


def import_dashboard(
    connection: apsw.Connection, dashboard: NamedDashboard, pointer: str, now: int
) -> str:
    """created, updated or unchanged. Cards that only the stored one has stay, after the others.

    Raises Invalid.
    """
    stored = row(connection, "dashboards.find_name", name=dashboard.name)
    stored_cards = json.loads(stored["cards"]) if stored else []
    cards = []
    errors = []
    for index, card in enumerate(dashboard.cards):
        metric_id = metric_id_of(connection, card.metric)
        if metric_id is None:
            message = "there is no metric of this name, neither here nor in the import"
            errors.append(field_error(f"{pointer}/cards/{index}/metric", "unknown_metric", message))
        cards.append({"metric_id": metric_id} | stored_card(card))
    if errors:
        raise Invalid(errors)
    imported = {card["metric_id"] for card in cards}
    cards += [card for card in stored_cards if card["metric_id"] not in imported]
    if stored is None:
        insert_dashboard(connection, dashboard.name, cards_json(cards), now)
        return "created"
    if cards == stored_cards:
        return "unchanged"
    set_cards(connection, stored["dashboard_id"], cards, now)
    return "updated"


MetricOut = answer(
    "StoredMetric",
    metric_id=int,
    position=int,
    name=str,
    terms=list[dict],
    formula=(str | None, None),
    format=(dict | None, None),
    created_at=Moment,
    updated_at=Moment,
)
MetricList = answer("MetricList", metrics=list[MetricOut])
DeletedMetric = answer("DeletedMetric", metrics=int)
DashboardOut = answer(
    "StoredDashboard",
    dashboard_id=int,
    position=int,
    name=str,
    cards=list[Card],
    removed=int,
    updated_at=Moment | None,
)
DashboardList = answer("DashboardList", dashboards=list[DashboardOut])
DeletedDashboard = answer("DeletedDashboard", dashboards=int, shares=int)
MetricExport = answer("MetricExport", metrics=list[dict], dashboards=list[dict])
ImportedMetrics = answer("ImportedMetrics", created=int, updated=int, unchanged=int)


def definition_out(metric: dict) -> dict:
    """A definition as an import takes it."""
    return {"name": metric["name"], **json.loads(metric["definition"])}


def metric_out(metric: dict) -> dict:
    return {
        "metric_id": metric["metric_id"],
        "position": metric["position"],
        **definition_out(metric),
        "created_at": iso(metric["created_at"]),
        "updated_at": iso(metric["updated_at"]),
    }


def cards_of(dashboard: dict, allowed: frozenset[str] | None) -> list[dict]:
    """The cards as they are stored, with the targets of these locations alone (None: of all)."""
    cards = json.loads(dashboard["cards"])
    for card in cards:
        targets = card.get("target", {}).get("locations")
        if targets and allowed is not None:
            visible = {name: value for name, value in targets.items() if name in allowed}
            card["target"]["locations"] = visible
    return cards


def dashboard_out(dashboard: dict, allowed: frozenset[str] | None = None) -> dict:
    """As a key for these locations (None: for all) sees it.

    `removed` cards are those whose metrics were deleted after the dashboard was saved.
    """
    cards = cards_of(dashboard, allowed)
    return {
        "dashboard_id": dashboard["dashboard_id"],
        "position": dashboard["position"],
        "name": dashboard["name"],
        "cards": [validate(Card, card).model_dump() for card in cards],  # with all defaults
        "removed": dashboard["removed"],
        "updated_at": iso(dashboard["updated_at"]),
    }


@route("GET", "/metrics/v1", scope="read", answers={200: MetricList})
def get_metrics(call: Call) -> dict:
    """The saved metrics, in their order."""
    return {"metrics": [metric_out(metric) for metric in rows(call.connection, "metrics.list")]}


@route(
    "POST",
    "/metrics/v1",
    scope="admin",
    body=NewMetric,
    answers={201: MetricOut},
    writes=True,
)
def post_metric(call: Call) -> tuple[int, dict]:
    """Saves a metric under a name of its own, and its `card` on a dashboard."""
    return 201, store_metric(call.connection, None, call.json(NewMetric), call.now)


@route("GET", "/metrics/v1/{metric_id}", scope="read", answers={200: MetricOut})
def get_metric(call: Call) -> dict:
    """One saved metric."""
    return metric_out(find_metric(call.connection, call.number("metric_id")))


@route(
    "PUT",
    "/metrics/v1/{metric_id}",
    scope="admin",
    body=NewMetric,
    answers={200: MetricOut},
    writes=True,
)
def put_metric(call: Call) -> dict:
    """Replaces a saved metric; moves it to `position`, and shows it as its `card` says."""
    metric_id = call.number("metric_id")
    definition = call.json(NewMetric)
    return store_metric(call.connection, metric_id, definition, call.now)


@route(
    "DELETE", "/metrics/v1/{metric_id}", scope="admin", answers={200: DeletedMetric}, writes=True
)
def remove_metric(call: Call) -> dict:
    """Deletes a saved metric and its cards; no event goes with it."""
    metric_id = call.number("metric_id")
    find_metric(call.connection, metric_id)
    return {"metrics": change(call.connection, "metrics.delete", metric_id=metric_id)}


@route("GET", "/metrics/v1/export", scope="read", answers={200: MetricExport})
def get_metric_export(call: Call) -> dict:
    """The definitions and dashboards: what an import takes, here or on another server."""
    return export_metrics(call.connection, call.caller.locations)


@route(
    "POST",
    "/metrics/v1/import",
    scope="admin",
    body=DefinitionList,
    answers={200: ImportedMetrics},
    writes=True,
)
def post_metric_import(call: Call) -> dict:
    """Saves definitions and dashboards, in place of those that have the same names."""
    return import_metrics(call.connection, call.json(DefinitionList), call.now)


@route("GET", "/dashboards/v1", scope="read", answers={200: DashboardList})
def get_dashboards(call: Call) -> dict:
    """The dashboards, in their order."""
    dashboards = list_dashboards(call.connection)
    allowed = call.caller.locations
    return {"dashboards": [dashboard_out(dashboard, allowed) for dashboard in dashboards]}


@route(
    "POST",
    "/dashboards/v1",
    scope="admin",
    body=Dashboard,
    answers={201: DashboardOut},
    writes=True,
)
def post_dashboard(call: Call) -> tuple[int, dict]:
    """Saves a dashboard under a name of its own."""
    return 201, store_dashboard(call.connection, None, call.json(Dashboard), call.now)


@route("GET", "/dashboards/v1/{dashboard_id}", scope="read", answers={200: DashboardOut})
def get_dashboard(call: Call) -> dict:
    """One dashboard."""
    dashboard = find_dashboard(call.connection, call.number("dashboard_id"))
    return dashboard_out(dashboard, call.caller.locations)


@route(
    "PUT",
    "/dashboards/v1/{dashboard_id}",
    scope="admin",
    body=Dashboard,
    answers={200: DashboardOut},
    writes=True,
)
def put_dashboard(call: Call) -> dict:
    """Replaces a dashboard, and with `position` moves it there."""
    dashboard_id = call.number("dashboard_id")
    return store_dashboard(call.connection, dashboard_id, call.json(Dashboard), call.now)


@route(
    "DELETE",
    "/dashboards/v1/{dashboard_id}",
    scope="admin",
    query=DryRun,
    answers={200: DeletedDashboard},
    writes=True,
)
def remove_dashboard(call: Call) -> dict:
    """Deletes a dashboard and revokes its shares; its metrics stay."""
    call.database.callers.clear()
    dashboard_id = call.number("dashboard_id")
    return delete_dashboard(call.connection, dashboard_id, call.now, call.query.dry_run)


####################################################################################################
# metric calculation
####################################################################################################

BUCKET_LIMIT = 10_000  # of a range
GROUP_LIMIT = 10  # of a breakdown; all others are one group
# Of an answer: each bucket, group and location has one for each term, and takes as much as four
# more. With all that goes with them, 200,000 take 64 MB.
NUMBERS_LIMIT = 200_000


# Queries

LONGEST_UNIT_MS = {"hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS, "month": 31 * DAY_MS}
BACKWARDS = wrong("range", "must be later than from")
TOO_MANY_BUCKETS = wrong(
    "too_many_buckets",
    f"gives more than {BUCKET_LIMIT:,} buckets; take a longer one, or a shorter range",
)


def read_locations(value: Any) -> list[str] | None:
    """Each location once; None: all that the key may see."""
    if value == "all":
        return None
    return list(dict.fromkeys(read_identifier(item) for item in check_list(value)))


def read_locations_text(text: str) -> list[str] | None:
    """The same as it stands in a URL."""
    return read_locations(text if text == "all" else text.split(","))


def read_numbers(text: str, digits: int, error: PydanticCustomError) -> list[int]:
    """Each once, of at most so many digits, from a text with commas between them."""
    numbers = {}
    for item in check_list(text.split(",")):
        if not re.fullmatch("[0-9]+", item) or len(item) > digits:
            raise error
        numbers[int(item)] = None
    return list(numbers)


def read_metric_ids(text: str) -> list[int]:
    error = wrong("metric_id", "must be metric_ids with commas between them")
    return read_numbers(text, 18, error)


class Range(Strict):
    """`to` is exclusive. Left out: to the end of today, and from 30 days before that. `compare`
    adds the period before, or the same days a year before; both up to now if the range is not
    over."""

    origin: ClassVar[str] = "/"  # what the pointer of a field begins with
    locations: plain(
        read_locations,
        {"anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "string"}}]},
    ) = None
    from_: DayOrTime | None = Field(None, alias="from")
    to: DayOrTime | None = None
    interval: Interval = "total"
    timezone: Zone | None = None
    compare: Literal["previous_period", "previous_year"] | None = None

    # Only what is wrong in any zone can be refused here, beside all else that is wrong;
    # `resolve_frame`, which knows the zone, refuses the rest.

    @field_validator("to")
    @classmethod
    def _check_order(
        cls, end: LocalTime | int | None, info: ValidationInfo
    ) -> LocalTime | int | None:
        start = info.data.get("from_")
        if start is None or end is None or is_local(start) is not is_local(end):
            return end
        if moment_of(end, timezone.utc) <= moment_of(start, timezone.utc):
            raise BACKWARDS
        return end

    @field_validator("interval")
    @classmethod
    def _check_number_of_buckets(cls, interval: str, info: ValidationInfo) -> str:
        start = info.data.get("from_")
        end = info.data.get("to")
        if start is None or end is None or interval == "total":
            return interval
        length = moment_of(end, timezone.utc) - moment_of(start, timezone.utc)
        if length > (BUCKET_LIMIT + 100) * LONGEST_UNIT_MS[interval]:
            raise TOO_MANY_BUCKETS
        return interval


class MetricQuery(Range):
    """A definition over a range."""

    metric: Definition
    breakdown: Breakdown | None = None

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        types = [term.get("type") for term in terms_in(sent.get("metric"))]
        if is_of_contact(sent.get("breakdown")) and "account" in types:
            yield fault_at(("breakdown",), CONTACTS_ONLY)


class UrlRange(Range):
    """The same as it stands in a URL."""

    origin = "?"
    locations: plain(
        read_locations_text,
        {"type": "string", "description": "all, or location_ids with commas between them"},
    ) = None


class DataQuery(UrlRange):
    breakdown: Breakdown | None = None


class MetricsQuery(UrlRange):
    ids: plain(
        read_metric_ids,
        {"type": "string", "description": "metric_ids with commas between them"},
    ) = None


def read_card_indexes(text: str) -> list[int]:
    error = wrong("card", "must be numbers of cards, from 0, with commas between them")
    return read_numbers(text, 4, error)


class CardsQuery(UrlRange):
    """Of a dashboard; the cards are numbered from 0, in their order."""

    cards: plain(
        read_card_indexes,
        {"type": "string", "description": "numbers of cards, from 0, with commas between them"},
    ) = None


class TableQuery(UrlRange):
    """Of a dashboard's locations, for which there are no buckets."""

    interval: Literal["total"] = "total"


class GroupChoice(Strict):
    """A group of a breakdown, as the answer names it."""

    key: str | None = None
    other: bool = False


class EvidenceQuery(MetricQuery):
    """Which events are behind a term's number: of the whole range (`compared`: of the one it is
    compared with), or of its bucket that starts at `bucket`; with `group` those of a group of the
    breakdown; with `skipped` those that are left out, since their property is not a number.

    Behind a term with `then` are its starts (behind contact_conversion all of its events), with an
    `outcome` those of them that were followed. Those that never were, or were not yet, can be
    listed behind any of its numbers.
    """

    term: str
    bucket: DayOrTime | None = None
    compared: bool = False
    skipped: bool = False
    outcome: Literal["converted", "never", "not_yet"] | None = None
    order: Literal["newest", "slowest"] = "newest"
    group: GroupChoice | None = None
    limit: Limit = 50
    cursor: cursor_of(int, int) | None = None

    def chosen_term(self) -> Term:
        return next(term for term in self.metric.terms if term.key == self.term)

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        yield from super().faults_between(sent)
        term = sent.get("term")
        keys = [sent_term.get("key") for sent_term in terms_in(sent.get("metric"))]
        if isinstance(term, str) and term not in keys:
            error = wrong("unknown_term", "must be the key of a term of the metric")
            yield fault_at(("term",), error)
        chosen = [each for each in terms_in(sent.get("metric")) if each.get("key") == term]
        for name in ("outcome", "order"):
            is_usual = sent.get(name) in (None, "newest")
            if not is_usual and chosen and chosen[0].get("then") is None:
                message = "goes with a term that has then"
                yield fault_at((name,), wrong("not_without_then", message))
        for name, needed in (("compared", "compare"), ("group", "breakdown")):
            is_used = sent.get(name) not in (None, False)  # an empty group is one, too
            if is_used and sent.get(needed) is None:
                yield fault_at((needed,), wrong("required", f"is required with {name}"))


# Calendar

MONTHS = {"month": 1, "quarter": 3, "year": 12}


def moment_after(end: LocalTime | int, zone: ZoneInfo) -> int:
    """Milliseconds at which a day of the zone, or a time, is over."""
    if is_day(end):
        return day_start(end + timedelta(days=1), zone)
    return moment_of(end, zone) + 1


def next_hour(start: int, zone: ZoneInfo) -> int:
    """When the clock next shows a full hour, or jumps into another one. An hour can last 30 or 90
    minutes."""
    second = start // 1000
    clock = datetime.fromtimestamp(second, zone)
    offset = clock.utcoffset()
    full_hour = second + 3600 - clock.minute * 60 - clock.second
    if datetime.fromtimestamp(full_hour, zone).utcoffset() == offset:
        return full_hour * 1000
    # Before that the clock is changed.
    change = first_second(
        range(second, full_hour),
        lambda each: datetime.fromtimestamp(each, zone).utcoffset() != offset,
    )
    changed = datetime.fromtimestamp(change, zone)
    same_hour = (changed.date(), changed.hour) == (clock.date(), clock.hour)
    if same_hour and (changed.minute or changed.second):
        # It was moved within its hour, as by the half hours of Lord Howe: the hour goes on.
        return next_hour(change * 1000, zone)
    return change * 1000


def next_unit(start: int, interval: str, zone: ZoneInfo) -> int:
    """When the next hour, day, week (from Monday), month, quarter or year of the zone begins."""
    if interval == "hour":
        return next_hour(start, zone)
    day = local_time(start, zone).date()
    moment = start
    while moment <= start:  # a day that the zone skipped begins with the one after it
        day = next_first_day(day, interval)
        moment = day_start(day, zone)
    return moment


def next_first_day(day: date, interval: str) -> date:
    """The first day of the next day, week, month, quarter or year."""
    if interval == "day":
        return day + timedelta(days=1)
    if interval == "week":
        return day + timedelta(days=7 - day.weekday())
    months = MONTHS[interval]
    return first_of_month((month_number(day) // months + 1) * months)


def month_number(day: date) -> int:
    """The months since January of the year 0."""
    return day.year * 12 + day.month - 1


def first_of_month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


# The buckets of a range in milliseconds, ends exclusive, which cover it without gap or overlap.
Buckets = tuple[tuple[int, int], ...]


# The requests of a dashboard share their range; many buckets take long, and a megabyte.
@functools.lru_cache(8)
def split_range(
    start: int, end: int, interval: str, zone: ZoneInfo, most: int = 2 * BUCKET_LIMIT
) -> Buckets:
    """The first and the last bucket may be part of a unit. There are `most` at most; then they do
    not reach the end."""
    buckets = []
    while start < end and len(buckets) < most:
        following = end if interval == "total" else min(next_unit(start, interval, zone), end)
        buckets.append((start, following))
        start = following
    return tuple(buckets)


# Ranges and what they are compared with


@dataclass(frozen=True, slots=True)
class Span:
    """A range of time in a zone, in milliseconds, its end exclusive.

    `first` is the day in which it begins, `following` the day after its last one, None where it is
    not of whole days. On either, a zone may have no time at all.
    """

    start: int
    end: int
    first: date
    following: date | None

    @property
    def is_of_months(self) -> bool:
        return self.following is not None and self.first.day == self.following.day == 1


def span_of_days(first: date, following: date, zone: ZoneInfo) -> Span:
    return Span(day_start(first, zone), day_start(following, zone), first, following)


def span_between(start: LocalTime | int, end: LocalTime | int, zone: ZoneInfo) -> Span:
    """Times that are midnights of the zone are days."""
    start_ms = moment_of(start, zone)
    end_ms = moment_of(end, zone)
    first = day_of(start, zone)
    following = day_of(end, zone)
    if first is None or following is None:
        return Span(start_ms, end_ms, local_time(start_ms, zone).date(), None)
    return Span(start_ms, end_ms, first, following)


def day_of(moment: LocalTime | int, zone: ZoneInfo) -> date | None:
    """The day that begins then."""
    if is_day(moment):
        return moment
    milliseconds = moment_of(moment, zone)
    return local_time(milliseconds, zone).date() if is_midnight(milliseconds, zone) else None


def is_midnight(milliseconds: int, zone: ZoneInfo) -> bool:
    """Whether a day of the zone begins then."""
    return day_start(local_time(milliseconds, zone).date(), zone) == milliseconds


def span_before(span: Span, kind: str, zone: ZoneInfo) -> Span:
    """What a range is compared with.

    previous_period: as many days directly before, for whole months as many months. previous_year:
    for whole months the same months a year before, for other days the first and the last one, of
    which the 29th of February is then the 28th. A range with times of day keeps its length:
    directly before, or from the same time of the same day a year before.
    """
    is_year_before = kind == "previous_year"
    first = span.first
    following = span.following
    if following is None:
        length = span.end - span.start
        start = year_before(span.start, zone) if is_year_before else span.start - length
        return Span(start, start + length, local_time(start, zone).date(), None)
    if span.is_of_months:
        months = month_number(following) - month_number(first)
        back = 12 if is_year_before else months
        first = first_of_month(month_number(first) - back)
        following = first_of_month(month_number(following) - back)
    elif is_year_before:
        last = following - timedelta(days=1)
        first = day_a_year_before(first)
        following = day_a_year_before(last) + timedelta(days=1)
    else:
        first, following = first - (following - first), first
    return span_of_days(first, following, zone)


def day_a_year_before(day: date) -> date:
    if (day.month, day.day) == (2, 29):
        day = day.replace(day=28)
    return day.replace(year=day.year - 1)


def year_before(milliseconds: int, zone: ZoneInfo) -> int:
    """The same time of the same day a year before."""
    day = local_time(milliseconds, zone).date()
    return same_time(milliseconds, day_a_year_before(day), zone)


def same_time(milliseconds: int, day: date, zone: ZoneInfo) -> int:
    """When the clock shows on a day what it shows at another moment."""
    clock = exact_clock(milliseconds, zone)
    return moment_at(datetime.combine(day, clock.time()), zone)


def cut_before(span: Span, earlier: Span, now: int, zone: ZoneInfo) -> int:
    """Where the earlier span is as far as the later one is now, included: at the same time of the
    day that is as many days from its first one, or for months of the same day of the month, whose
    end it is where the month has no such day. With times of day it is as long after its start."""
    day = local_time(now, zone).date()
    if span.following is None:
        cut = earlier.start + now - span.start + 1
    elif not span.is_of_months:
        cut = same_time(now, earlier.first + (day - span.first), zone) + 1
    else:
        number = month_number(day) - month_number(span.first) + month_number(earlier.first)
        earlier_day = first_of_month(number) + timedelta(days=day.day - 1)
        if month_number(earlier_day) == number:
            cut = same_time(now, earlier_day, zone) + 1
        else:
            cut = day_start(first_of_month(number + 1), zone)
    return min(max(earlier.start, cut), earlier.end)


# Rows of a comparison: which buckets belong together


@functools.lru_cache(4)
def row_keys(first: date, buckets: Buckets, interval: str, zone: ZoneInfo) -> tuple[tuple, ...]:
    """What each bucket of a span has in common with its partner in another span: its place, and
    what part of a unit it is (see part_of).

    The place of a week or a month is its number among the whole ones; of a day its distance from
    the first; of an hour that of its day, and what the clock shows, for the first or second time.
    """
    keys: list[tuple] = []
    wholes = 0
    for index, (start, end) in enumerate(buckets):
        part = None
        if index in (0, len(buckets) - 1):
            part = part_of(start, end, interval, zone)
        place: Any = None
        if interval in ("hour", "day"):
            place = place_of(start, first, interval, zone)
        elif part is None:
            place = wholes
            wholes += 1
        keys.append((place, part))
    return tuple(keys)


def place_of(start: int, first: date, interval: str, zone: ZoneInfo) -> tuple:
    clock = local_time(start, zone)
    distance = (clock.date() - first).days
    if interval == "hour":
        return distance, clock.hour, clock.fold
    return (distance,)


def part_of(start: int, end: int, interval: str, zone: ZoneInfo) -> tuple | None:
    """Which part of an hour, day, week or month a bucket is: from and to how long after the
    beginning of that on the clock. None: it is all of it."""
    if next_unit(start - 1, interval, zone) == start and next_unit(start, interval, zone) == end:
        return None
    clock = exact_clock(start, zone)
    began = unit_start(clock, interval)
    return clock - began, exact_clock(end - 1, zone) - began


def unit_start(clock: datetime, interval: str) -> datetime:
    """When on the clock the hour, day, week, month, quarter or year of a time began."""
    if interval == "hour":
        return clock.replace(minute=0, second=0, microsecond=0)
    midnight = clock.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "week":
        return midnight - timedelta(days=midnight.weekday())
    if interval in MONTHS:
        months = MONTHS[interval]
        return midnight.replace(month=(midnight.month - 1) // months * months + 1, day=1)
    return midnight


# Where and when a query looks


@dataclass(frozen=True, slots=True)
class Period:
    """A range as it is read: what lies at its `cut` or after it is not."""

    span: Span
    cut: int
    buckets: Buckets  # of all of it
    read: Buckets  # those that begin before the cut, where the last one ends at the latest

    def row_keys(self, interval: str, zone: ZoneInfo) -> tuple[tuple, ...]:
        """Of the buckets as they are read. One that is cut is a part."""
        keys = row_keys(self.span.first, self.buckets, interval, zone)[: len(self.read)]
        if not keys or self.read[-1] == self.buckets[len(keys) - 1]:
            return keys
        place, _ = keys[-1]
        if interval in ("week", "month"):
            place = None
        return *keys[:-1], (place, part_of(*self.read[-1], interval, zone))


def period_of(span: Span, cut: int, buckets: Buckets) -> Period:
    read = buckets
    if cut < span.end:
        read = tuple((start, min(end, cut)) for start, end in buckets if start < cut)
    return Period(span, cut, buckets, read)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where and when a query looks: the same for all of its terms."""

    locations: list[str]
    is_everywhere: bool  # they are all that there are
    zone: ZoneInfo
    now: int
    interval: str
    compare: str | None
    periods: list[Period]  # the range, and the one it is compared with

    def buckets(self) -> list[tuple[int, int, int]]:
        """As they are read, those of the first period first: start, end, number of the period."""
        return [
            (start, end, number)
            for number, period in enumerate(self.periods)
            for start, end in period.read
        ]

    def ends(self, number: int) -> tuple[int, int]:
        """From where to where a period is read."""
        period = self.periods[number]
        return period.span.start, period.cut

    def as_of(self, number: int) -> int:
        """Until when a period's starts had time: until now; those of the one it is compared with
        until the same distance after it, so that both had as long."""
        if number == 0:
            return self.now
        period, earlier = self.periods
        return earlier.cut + self.now - period.cut

    def is_to_date(self) -> bool:
        """Whether both ranges of a comparison are cut, since the first one is not over."""
        return self.compare is not None and self.periods[0].span.end > self.now

    def partners(self) -> list[int | None]:
        """For each bucket of the range which one of the other range stands beside it, if any."""
        period, earlier = self.periods
        is_of_months = self.interval == "month" and period.span.is_of_months
        if self.interval == "total" or is_of_months:
            # whatever their lengths
            number = min(len(period.read), len(earlier.read))
            partners: list[int | None] = list(range(number))
        else:
            places = {
                key: index for index, key in enumerate(earlier.row_keys(self.interval, self.zone))
            }
            partners = [places.get(key) for key in period.row_keys(self.interval, self.zone)]
        return partners + [None] * (len(period.buckets) - len(partners))

    def location_index(self, location_id: str | None) -> int:
        """Its place among the locations, -1 for one that is none of them."""
        return self.locations.index(location_id) if location_id in self.locations else -1


def frame_of(call: Call, query: Range) -> Frame:
    return resolve_frame(
        call.connection, query, call.now, call.config.time_zone, call.caller.locations
    )


def resolve_frame(
    connection: apsw.Connection,
    query: Range,
    now: int,
    default_zone: str,
    allowed: frozenset[str] | None,
) -> Frame:
    """Raises Forbidden for a location that the key must not see, and Invalid for a range that
    cannot be."""
    locations = visible_locations(connection, query.locations, allowed)
    zone_name = query.timezone or default_zone
    if query.timezone is None and len(locations) == 1:
        (zone_name,) = own_zones(connection, locations, default_zone)
    zone = ZoneInfo(zone_name)
    span = queried_span(query, now, zone)
    buckets = split_range(span.start, span.end, query.interval, zone, BUCKET_LIMIT)
    if buckets and buckets[-1][1] < span.end:
        raise refusal(query.origin + "interval", TOO_MANY_BUCKETS)
    if query.compare is None:
        periods = [period_of(span, span.end, buckets)]
    else:
        periods = compared_periods(span, buckets, query, now, zone)
    is_everywhere = query.locations is None and allowed is None
    return Frame(locations, is_everywhere, zone, now, query.interval, query.compare, periods)


def queried_span(query: Range, now: int, zone: ZoneInfo) -> Span:
    """Raises Invalid. A range of days that the zone skipped is empty, and none is wrong."""
    end = query.to
    if end is None:
        end = local_time(now, zone).date() + timedelta(days=1)
    start = query.from_
    if start is None:
        last = clock_time(end) if is_local(end) else local_time(end, zone)
        start = last.date() - timedelta(days=30)
    span = span_between(start, end, zone)
    if is_local(start) and is_local(end):
        is_backwards = clock_time(end) <= clock_time(start)
    else:
        is_backwards = span.end <= span.start
    if is_backwards:
        raise refusal(query.origin + "to", BACKWARDS)
    return span


def compared_periods(
    span: Span, buckets: Buckets, query: Range, now: int, zone: ZoneInfo
) -> list[Period]:
    """The range and the one it is compared with, both up to now where the range is not over."""
    earlier = span_before(span, query.compare, zone)
    earlier_buckets = split_range(earlier.start, earlier.end, query.interval, zone)
    cut, earlier_cut = span.end, earlier.end
    if span.end > now:
        cut = max(span.start, now + 1)
        earlier_cut = cut_before(span, earlier, now, zone)
    return [
        period_of(span, cut, buckets),
        period_of(earlier, earlier_cut, earlier_buckets),
    ]


# The compiler
#
# A statement is a template of sql/templates/ whose holes are filled here with fragments of SQL,
# and SQL is put together nowhere else. The fragments are our own texts; all that comes from outside
# (names, keys of JSON as quoted paths, lists as JSON) is bound. The joins are `cross join` and the
# index is named so that the plan is the same for every file: buckets, then locations, then a range
# of (location, name, timestamp), then what hangs on an event by its key.


class Binds(dict):
    """The values of a statement of a term, under construction."""

    def __init__(self, term: Term, frame: Frame):
        super().__init__(event_name=term.event, locations=bound(frame.locations))
        self.term = term

    def add(self, value: Any) -> str:
        """Its placeholder; a list becomes JSON."""
        name = f"v{len(self)}"
        self[name] = bound(value)
        return ":" + name


def bound(value: Any) -> Any:
    return to_json(value).decode() if isinstance(value, list) else value


def once(x: str, expression: str) -> str:
    """An expression in which v is x, which is thus evaluated once."""
    return f"(select {expression} from (select {x} as v))"


def number_of(x: str) -> str:
    """The number that x is or that its text spells, else null: only a text that spells one equals
    its own cast."""
    number = f"cast({x} as numeric)"
    return (  # every number is less than every text
        f"case when {x} < '' then {x} when {number} = {x} and {number} "
        f"between -1.7976931348623157e308 and 1.7976931348623157e308 then {number} end"
    )


def amount_of(x: str, numbers: str) -> str:
    """The same where texts are amounts, written like `numbers`."""
    return once(x, f"case when v < '' then v else read_amount(v, '{numbers}') end")


def text_of_real(x: str) -> str:
    """The text of a number that is no integer to SQLite; of 5.0 it is 5, as that of 5."""
    digits = f"printf('%.15g', {x})"
    return (
        f"case when {x} = cast({x} as integer) then cast(cast({x} as integer) as text) "
        f"when abs({x}) between 1e-4 and 1e15 and cast({digits} as real) = {x} then {digits} "
        f"else number_text({x}) end"
    )


def is_blank_sql(x: str) -> str:
    return f"({x} = '' or {x} glob '[{BLANKS}]*' and trim({x}, '{BLANKS}') = '')"


def key_of_text(x: str) -> str:
    """The text, null where it is blank. The usual one begins with a letter."""
    return f"case when {x} between '!' and '~' then {x} when not {is_blank_sql(x)} then {x} end"


# What follows is of v. A text that begins with a letter is neither blank nor a number.
IS_SET = f"case when v between '!' and '~' or v < '' then true else not {is_blank_sql('v')} end"
TEXT_OF_NUMBER = f"case when typeof(v) = 'real' then {text_of_real('v')} else cast(v as text) end"
SHOWN = f"case when v < '' then {TEXT_OF_NUMBER} else v end"
# Of at most 15 digits, without leading zeros, sign or exponent, and not the text of its number.
IS_OTHER_DECIMAL = (
    "(v glob '*.*0' or v glob '0.000000*') and v glob '[0-9]*.*[0-9]' and v not glob '*[^0-9.]*' "
    "and v not glob '*.*.*' and v not glob '0[0-9]*' and length(v) <= 16"
)
TEXT_OF_DECIMAL = (
    "case when v glob '0.000000*' then number_text(cast(v as real)) "
    "else rtrim(rtrim(v, '0'), '.') end"
)
VALUE_KEY = (
    f"case when v between ':' and '~' then v when v < '' then {TEXT_OF_NUMBER} "
    f"when v < ':' and {IS_OTHER_DECIMAL} then {TEXT_OF_DECIMAL} else {key_of_text('v')} end"
)


def value_of(name: str, binds: Binds) -> str:
    """A field of an event e or of a contact c: text, number or null."""
    if name == "distinct_id":
        return "e.distinct_id"
    kind, _, column = name.partition(".")
    if column in STANDARD_FIELDS and kind == "contact":
        return f"c.{column}"
    key = key_of(name)
    if kind == "property":
        return f"({in_time_sql('e.properties')} ->> {binds.add(json_path(key))})"
    if field_name(key) == key:
        return contact_field_of(key, binds)
    # What was called City before all spellings of it became city; or a field of its own beside it
    return f"coalesce({contact_field_of(key, binds)}, {contact_field_of(field_name(key), binds)})"


def contact_field_of(name: str, binds: Binds) -> str:
    path = binds.add(json_path(name))
    return (
        f"case json_type({in_time_sql('c.fields')}, {path}) when 'true' then 'true' "
        f"when 'false' then 'false' else c.fields ->> {path} end"
    )


def in_time_sql(column: str) -> str:
    """A column of JSON, which takes long to read where it is large."""
    return f"iif(octet_length({column}) < {LARGE_JSON} or in_time(), {column}, null)"


def json_path(key: str) -> str:
    return "$." + json.dumps(key)  # quoted, whatever characters the name has


def key_sql(name: str, binds: Binds) -> str:
    """The text by which a field is compared, counted and grouped. Numbers are as they are shown,
    and so are texts that show a number, 1.0 as 1; of what is blank it is null."""
    x = value_of(name, binds)
    return once(x, VALUE_KEY) if kind_of(name) == "value" else key_of_text(x)


def short_key_sql(name: str, binds: Binds) -> str:
    """The same for statements that keep the texts of all events until their end."""
    key = VALUE_KEY if kind_of(name) == "value" else key_of_text("v")
    return once(value_of(name, binds), shortened("short_key(v)", key))


def shortened(short: str, key: str) -> str:
    """Of v, if it is a text of more than KEY_LIMIT bytes, something short; else another expression.

    A number is less than every text, and to measure it would make a text of it.
    """
    return f"case when v >= '' and octet_length(v) > {KEY_LIMIT} then {short} else {key} end"


def number_sql(name: str, binds: Binds) -> str:
    """The number of a field, as the term reads it."""
    x = value_of(name, binds)
    if binds.term.numbers and name == f"property.{binds.term.property}":
        return amount_of(x, binds.term.numbers)
    return once(x, number_of("v"))


# Conditions

NEGATIVE = {
    "is_not": "is",
    "not_contains": "contains",
    "not_in": "in",
    "neq": "eq",
    "has_none": "has_any",
    "is_not_set": "is_set",
}
COMPARISONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OWN_TAGS = "from contact_tags as t where t.contact_key = c.contact_key"


def condition_sql(condition: Condition, frame: Frame, binds: Binds) -> str:
    """True, false or null of an event e or a contact c. A negative operator is true wherever the
    positive one is not, so too without the field."""
    op = NEGATIVE.get(condition.op, condition.op)
    kind = kind_of(condition.field)
    operand = condition.operand()
    if kind == "tags":
        test = tags_test(op, operand, binds)
    elif kind == "contact":
        test = contact_id_test(op, operand, binds)
    elif kind == "date":
        test = date_test(op, value_of(condition.field, binds), operand, frame, binds)
    elif condition.op in NUMBER_OPS:
        test = number_test(op, number_sql(condition.field, binds), operand, binds)
    else:
        test = text_test(op, condition.field, operand, binds)
    return f"(({test}) is not true)" if condition.op in NEGATIVE else f"({test})"


def tags_test(op: str, tags: list[str] | None, binds: Binds) -> str:
    if op == "is_set":
        return f"exists (select 1 {OWN_TAGS})"
    own = f"{OWN_TAGS} and {is_among(tags, binds)}"
    if op == "has_all":
        return f"(select count(*) {own}) = {binds.add(len(set(tags)))}"
    return f"exists (select 1 {own} limit 1)"  # with the limit SQLite looks here first


def is_among(tags: list[str], binds: Binds) -> str:
    """A list takes twice as long as a single tag."""
    if len(tags) == 1:
        return f"t.tag = {binds.add(tags[0])}"
    return f"t.tag in (select value from json_each({binds.add(tags)}))"


def contact_id_test(op: str, contact_id: Any, binds: Binds) -> str:
    if op == "is_set":
        return "e.contact_key is not null"
    return (
        "e.contact_key in (select c.contact_key from queried_locations as q "
        "cross join contacts as c indexed by contacts_by_id where c.location_key = q.location_key "
        f"and c.contact_id = {once(binds.add(contact_id), SHOWN)})"
    )


def date_test(op: str, x: str, operand: Any, frame: Frame, binds: Binds) -> str:
    """A date is the whole day in the zone: before it, after it, through it."""
    if op == "is_set":
        return f"{x} is not null"
    if op == "in_last":
        first, last = frame.now - operand, frame.now
    elif op == "between":
        first, last = operand
    else:
        first = last = operand
    start = binds.add(moment_of(first, frame.zone))
    end = binds.add(moment_after(last, frame.zone))
    if op == "before":
        return f"{x} < {start}"
    if op == "after":
        return f"{x} >= {end}"
    return f"{x} >= {start} and {x} < {end}"


def number_test(op: str, x: str, operand: Any, binds: Binds) -> str:
    if op == "between":
        least, most = operand
        return f"{x} between {binds.add(least)} and {binds.add(most)}"
    return f"{x} {COMPARISONS[op]} {binds.add(operand)}"


def text_test(op: str, name: str, operand: Any, binds: Binds) -> str:
    """A blank text is not set, so that nothing is equal to it and nothing in it."""
    if op == "is_set":
        return once(value_of(name, binds), IS_SET)
    if op == "contains":
        return contains_sql(name, operand, binds)
    key = VALUE_KEY if kind_of(name) == "value" else SHOWN  # of the operand
    if op == "in":
        keys = f"select {once('value', key)} from json_each({binds.add(operand)})"
        return f"{key_sql(name, binds)} in ({keys})"
    return f"{key_sql(name, binds)} = {once(binds.add(operand), key)}"


def contains_sql(name: str, needle: str | float, binds: Binds) -> str:
    """In whatever case. SQLite knows that of ASCII; else Python does, at a higher price."""
    x = key_sql(name, binds) if is_blank(needle) else once(value_of(name, binds), SHOWN)
    if isinstance(needle, str) and not needle.isascii():
        return f"instr(casefold({x}), {binds.add(casefold(needle))}) > 0"
    return f"instr(lower({x}), lower({once(binds.add(needle), SHOWN)})) > 0"


def joined_sql(group: Group, tests: list[str]) -> str:
    joint = " or " if group.any else " and "
    return "(" + joint.join(tests or ["true"]) + ")"


# Filters by contacts
#
# What a group says of contacts alone can be decided in two ways: the contacts that match are a set,
# which is made once and in which each event seeks its contact; or each event looks up its contact.
# `is_set_cheaper` chooses, for the whole term.


def is_about_contacts(part: Condition | Group) -> bool:
    conditions = list(part.conditions()) if isinstance(part, Group) else [part]
    return bool(conditions) and all(is_of_contact(condition.field) for condition in conditions)


def split_group(group: Group) -> tuple[Group | None, list[Condition | Group]]:
    """What a group says of contacts alone, and its other parts."""
    parts = group.all or group.any or []
    about_contacts = [part for part in parts if is_about_contacts(part)]
    others = [part for part in parts if not is_about_contacts(part)]
    if not about_contacts:
        return None, others
    return regrouped(group, about_contacts), others


def regrouped(group: Group, parts: list[Condition | Group]) -> Group:
    if group.any and len(parts) > 1:
        return Group.model_construct(any=parts)
    return Group.model_construct(all=parts)


def contact_groups(group: Group) -> Iterator[Group]:
    """All that a term's filters say of contacts alone, as they will be compiled."""
    about_contacts, others = split_group(group)
    if about_contacts:
        yield about_contacts
    for part in others:
        if isinstance(part, Group):
            yield from contact_groups(part)


def filter_sql(group: Group, frame: Frame, binds: Binds, by_set: bool) -> str:
    """A condition on an event e."""
    about_contacts, others = split_group(group)
    tests = []
    if about_contacts and by_set:
        tests.append(f"e.contact_key in ({contact_set_sql(about_contacts, frame, binds)})")
    elif about_contacts:
        tests.append(contact_lookup_sql(about_contacts, "e", frame, binds))
    for part in others:
        if isinstance(part, Group):
            tests.append(filter_sql(part, frame, binds, by_set))
        else:
            tests.append(condition_sql(part, frame, binds))
    return joined_sql(group, tests)


def contact_filter_sql(group: Group, frame: Frame, binds: Binds) -> str:
    """A condition on a contact c."""
    tests = []
    for part in group.all or group.any or []:
        if isinstance(part, Group):
            tests.append(contact_filter_sql(part, frame, binds))
        else:
            tests.append(condition_sql(part, frame, binds))
    return joined_sql(group, tests)


def contact_lookup_sql(group: Group, owner: str, frame: Frame, binds: Binds) -> str:
    """Whether the contact of an event or a tag, the owner, matches."""
    return (
        f"exists (select 1 from contacts as c where c.contact_key = {owner}.contact_key "
        f"and {contact_filter_sql(group, frame, binds)})"
    )


def leading_tags(group: Group) -> Condition | None:
    """A condition that only contacts with certain tags can meet, which an index finds."""
    for part in group.all or []:
        if isinstance(part, Condition) and part.op in ("has_any", "has_all"):
            return part
    return None


def candidates_sql(group: Group, binds: Binds) -> str:
    """The contacts of which a group may be true: those with a tag, or all."""
    leading = leading_tags(group)
    if leading is None:
        return (
            "select c.contact_key from queried_locations as q "
            "cross join contacts as c indexed by contacts_by_location "
            "where c.location_key = q.location_key"
        )
    tags = leading.operand()
    if leading.op == "has_all":
        tags = tags[:1]
    return (
        "select t.contact_key from queried_locations as q "
        "cross join contact_tags as t indexed by contact_tags_by_tag "
        f"where t.location_key = q.location_key and {is_among(tags, binds)}"
    )


def contact_set_sql(group: Group, frame: Frame, binds: Binds) -> str:
    """The contacts that match."""
    candidates = candidates_sql(group, binds)
    leading = leading_tags(group)
    if leading is None:
        return f"{candidates} and {contact_filter_sql(group, frame, binds)}"
    undecided = [part for part in group.all if part is not leading or leading.op == "has_all"]
    if not undecided:
        return candidates
    return f"{candidates} and {contact_lookup_sql(regrouped(group, undecided), 't', frame, binds)}"


# While one event looks up its contact (0.9 µs), so many are read in the order of their keys (0.3 µs
# each).
CONTACTS_A_LOOKUP = 3


def is_set_cheaper(connection: apsw.Connection, term: Term, frame: Frame) -> bool:
    """Whether it takes less to look at all contacts that may match a term's filters than to look up
    the contact of each of its events.

    Both are counted along their indexes, up to a limit that grows until one of them stays below
    it: so this costs little beside the statement itself.
    """
    compiled = compile_weighing(term, frame)
    if compiled is None:
        return False
    statement, binds = compiled
    for most in (100, 1_000, 10_000, 100_000):
        events, contacts = connection.execute(statement, binds | {"most": most}).get
        if contacts < events * CONTACTS_A_LOOKUP:
            return True
        if events < most:
            return False
    return True


def compile_weighing(term: Term, frame: Frame) -> tuple[str, Binds] | None:
    """What counts a term's events and the contacts that may match its filters; `most` is left to
    be bound. None where the filters say nothing of contacts."""
    groups = list(contact_groups(term.filters)) if term.filters else []
    if not groups:
        return None
    binds = Binds(term, frame)
    binds["most"] = 0
    binds["periods"] = bound([frame.ends(number) for number in range(len(frame.periods))])
    binds["contacts_a_lookup"] = CONTACTS_A_LOOKUP
    candidates = " union all ".join(candidates_sql(group, binds) for group in groups)
    return fill_template("metrics.weigh_filters", candidates=candidates), binds


# Plans


class Plan(NamedTuple):
    """How a term's statements go about it."""

    by_set: bool = False  # its filters look at contacts first, as is_set_cheaper says
    in_order: bool = False  # what its percentile is of comes in order


PLAIN = Plan()
# Numbers of a percentile. SQLite holds them in memory, with 8 bytes each, or for a moment twice as
# many where the system does not let them grow in their place.
PERCENTILE_LIMIT = 4_000_000
# SQLite sorts them in one step, which cannot be stopped, and which takes quadratic time where they
# come in certain orders: 0.7 s for these. More are put in order before.
SORTED_AT_ONCE = 50_000


def plan_terms(connection: apsw.Connection, metric: Definition, frame: Frame) -> dict[str, Plan]:
    """By their keys. Raises Invalid for a percentile of too many numbers."""
    return {term.key: plan_term(connection, term, frame) for term in metric.terms}


def plan_term(connection: apsw.Connection, term: Term, frame: Frame) -> Plan:
    by_set = is_set_cheaper(connection, term, frame)
    if term.aggregation not in PERCENTILES:
        return Plan(by_set)
    events = most_events(connection, term, frame, lambda binds: "true")  # takes hardly any time
    if events > PERCENTILE_LIMIT:
        refuse_many_numbers(connection, term, frame, by_set)
    return Plan(by_set, in_order=events > SORTED_AT_ONCE)


def refuse_many_numbers(
    connection: apsw.Connection, term: Term, frame: Frame, by_set: bool
) -> None:
    """Raises Invalid where a percentile has too many."""
    test = f"({x_sql(term, 'v')}) is not null"

    def has_number(binds: Binds) -> str:
        filters = term_sql(term, frame, binds, by_set)
        if term.then:  # it may have
            return filters
        return f"{filters} and {once(raw_sql(term, binds), test)}"

    count = most_events(connection, term, frame, has_number)
    if count > PERCENTILE_LIMIT:
        raise answer_too_large(
            "",
            f"term {term.key}: its {term.aggregation} is of {count:,} numbers, and may be of "
            f"{PERCENTILE_LIMIT:,} at most; take a shorter range, fewer locations or a filter",
        )


def most_events(
    connection: apsw.Connection, term: Term, frame: Frame, filters: Callable[[Binds], str]
) -> int:
    """How many of a term's events match the filters, in that period which has most of them. None
    of its buckets, locations and groups has more."""
    most = 0
    for number in range(len(frame.periods)):
        binds = Binds(term, frame)
        binds["start"], binds["end"] = frame.ends(number)
        most = max(most, count_events_behind(connection, filters(binds), binds))
    return most


def count_events_behind(connection: apsw.Connection, filters: str, binds: Binds) -> int:
    """How many of a term's events between `start` and `end` match the filters."""
    statement = fill_template("metrics.evidence_count", counted="*", tags="", filters=filters)
    return connection.execute(statement, binds).get


# Statements

# What one term makes of its facts, whose column x is the count, the number, the text or the contact
# they are about. A sum that does not fit into a float, in whatever order, is 9e999, infinity: a
# total may depend on the order.
# The columns behind the value are its size, or that of its parts, from which follows whether it is
# exact; and what else SQLite needs.
SIZE = "total(abs(x + 0.0))"
LARGEST = "max(abs(x + 0.0))"
AGGREGATES = {
    "count": "count(x)",
    "unique_contacts": "count(distinct x)",
    "count_distinct": "count(distinct x)",
    "sum": f"iif({SIZE} < 9e999, total(x), 9e999), {SIZE}",
    "avg": f"iif({SIZE} < 9e999, avg(x), 9e999), {SIZE}",
    "min": "min(x)",
    "max": "max(x)",
    "median": f"median(x), {LARGEST}",
    "p90": f"percentile_cont(x, 0.9), {LARGEST}",
    "p95": f"percentile_cont(x, 0.95), {LARGEST}",
    "latest": "x, max(iif(x is null, null, beside))",  # the x of the row of the newest moment
    "conversions": "count(x), null",
    "conversion": "avg(x), null",
    # Of contact keys, each doubled, and one more where an event of this contact was followed
    "contact_conversion": "count(distinct iif(x % 2, x, null)) * 1.0 "
    "/ nullif(count(distinct x / 2), 0), null",
}
# What an event of a term with `then` comes to: 1 for each that counts, or what is calculated of it.
OUTCOMES = {
    "conversions": "iif(is_start and ended_at is not null, 1, null)",
    "conversion": "iif(is_start and is_over, ended_at is not null, null)",
    "contact_conversion": "iif(is_over, s.contact_key * 2 + (ended_at is not null), null)",
}
SECONDS_BETWEEN = "iif(is_start and is_over, (ended_at - s.timestamp) / 1000.0, null)"
# Starts whose window is not over: 2 where something has followed so far, else 1
MATURING = "iif(is_start and not is_over, 1 + (ended_at is not null), null)"
COUNT_MATURING = "count(beside), count(iif(beside = 2, 1, null))"
# Calculated in floats, also where all are integers
IN_FLOATS = {"sum", "avg", *PERCENTILES}
EXACT = 2**53  # up to which each integer has a float of its own
# Events whose contacts are counted in Python's memory, which takes about 20 MB for these.
UNIQUE_AT_ONCE = 250_000
PARTNER_FIELDS = ("start", "end", "value", "terms")
EMPTY = {"count": 0, "unique_contacts": 0, "count_distinct": 0, "sum": 0, "conversions": 0}
MOMENT = "printf('%013d%019d', e.timestamp, e.event_id)"
JOINED_TAGS = "left join contact_tags as t on t.contact_key = e.contact_key"


def fact_fragments(term: Term, binds: Binds, plan: Plan) -> dict[str, str]:
    """What of an event its term is about, and what it makes of that."""
    in_order = plan.in_order and term.aggregation in PERCENTILES
    if term.then:
        return {
            "raw": OUTCOMES.get(term.aggregation, SECONDS_BETWEEN),
            "beside": MATURING,
            "x": "raw",
            "kept": "materialized" if in_order else "not materialized",
            "order": "order by x" if in_order else "",
            "aggregate": f"{AGGREGATES[term.aggregation]}, {COUNT_MATURING}",
        }
    return {
        "raw": raw_sql(term, binds),
        "beside": MOMENT if term.aggregation == "latest" else "null",
        "x": x_sql(term, "raw"),
        # Each of its uses would read an amount anew, or sort.
        "kept": "materialized" if term.numbers or in_order else "not materialized",
        "order": "order by x" if in_order else "",
        "aggregate": AGGREGATES[term.aggregation],
    }


def raw_sql(term: Term, binds: Binds) -> str:
    """What of an event its term is about."""
    if term.aggregation == "count":
        return "1"
    if term.aggregation == "unique_contacts":
        return "e.contact_key"
    name = f"property.{term.property}"
    if term.aggregation == "count_distinct":
        return short_key_sql(name, binds)
    # A long text is no number, and any other that is none counts as skipped like it.
    return once(value_of(name, binds), shortened("'-'", "v"))


def x_sql(term: Term, raw: str) -> str:
    """The same as its aggregation takes it; null does not count."""
    if term.aggregation in OF_ANY_VALUES:
        return raw
    return amount_of(raw, term.numbers) if term.numbers else number_of(raw)


def term_sql(term: Term, frame: Frame, binds: Binds, by_set: bool) -> str:
    """Which events of its name a term takes."""
    tests = []
    if term.type == "contact":
        tests.append("e.contact_key is not null")
    if any(term.conditions()):
        tests.append(filter_sql(term.filters, frame, binds, by_set))
    return " and ".join(tests) or "true"


def group_sql(breakdown: str, groups: list[str | None] | None, frame: Frame, binds: Binds) -> str:
    """An event's group: its key (of a location its index), or with a list of keys the index of that
    in the list, null for none of them."""
    if breakdown == "location":
        key = "location"
    elif breakdown == "tag":
        key = once("t.tag", shortened("short_key(v)", "v"))
    elif is_of_contact(breakdown):
        field = short_key_sql(breakdown, binds)
        key = f"(select {field} from contacts as c where c.contact_key = e.contact_key)"
    else:
        key = short_key_sql(breakdown, binds)
    if groups is None:
        return key
    cases = ""
    for index, group in enumerate(groups):
        stored = frame.location_index(group) if breakdown == "location" else group or ""
        cases += f" when {binds.add(stored)} then {index}"
    # No key is blank.
    return f"case coalesce({key}, ''){cases} end" if cases else "null"


def compile_term(term: Term, frame: Frame, plan: Plan = PLAIN) -> tuple[str, Binds]:
    """The statement of one term: (grouping, its two keys, skipped, value) for each group of the
    groupings total, bucket and, of several locations, location."""
    binds = Binds(term, frame)
    binds["buckets"] = bound(frame.buckets())
    binds["several"] = len(frame.locations) > 1
    filters = term_sql(term, frame, binds, plan.by_set)
    if term.aggregation == "count":
        return fill_template("metrics.count", filters=filters), binds
    if term.aggregation == "unique_contacts":
        binds["most"] = UNIQUE_AT_ONCE
        return fill_template("metrics.unique_contacts", filters=filters), binds
    binds["compared"] = len(frame.periods) > 1
    facts = fact_fragments(term, binds, plan)
    source = source_sql(term, frame, filters, binds)
    return fill_template("metrics.term", source=source, **facts), binds


def source_sql(
    term: Term,
    frame: Frame,
    filters: str,
    binds: Binds,
    tags: str = "",
    with_event: bool = False,
    spans: list[tuple[int, int, int]] | None = None,
) -> str:
    """Where a term has its facts from: what follows `select … `, with columns bucket, period and
    location; `with_event` also with the event e, which those of a term without `then` are.

    The spans are the ranges that the buckets cover, each with the number of its period: left out,
    those of the frame.
    """
    if term.then is None:
        return fill_template("metrics.events", filters=filters, tags=tags)
    within = term.then.milliseconds
    binds["within"] = within
    binds["then_name"] = term.then.event
    spans = spans or [(*frame.ends(number), number) for number in range(len(frame.periods))]
    binds["spans"] = bound([then_span(frame, *span, within) for span in spans])
    then_filters = then_sql(term.then, frame, binds)
    joined = f"cross join events as e on e.event_id = s.event_id {tags}" if with_event else ""
    return fill_template(
        "metrics.starts", filters=filters, then_filters=then_filters, joined=joined
    )


def then_span(frame: Frame, start: int, end: int, number: int, within: int) -> tuple[int, ...]:
    """From where on the events of a range are read, where it starts, until when what follows is
    read, and as of when it counts."""
    as_of = frame.as_of(number)
    return start - within, start, min(end + within, as_of), as_of


def then_sql(then: Then, frame: Frame, binds: Binds) -> str:
    """Which events of its name may follow."""
    if then.filters is None or not any(then.filters.conditions()):
        return "true"
    return filter_sql(then.filters, frame, binds, by_set=False)


def compile_groups(
    term: Term,
    frame: Frame,
    breakdown: str,
    groups: list[str | None],
    plan: Plan = PLAIN,
) -> tuple[str, Binds]:
    """The same for the groupings group and group_bucket of a breakdown's `groups`. Their keys are
    their indexes in that list, None for all that are not in it."""
    binds = Binds(term, frame)
    binds["buckets"] = bound(frame.buckets())
    return fill_groups("metrics.groups", term, frame, breakdown, groups, plan, binds), binds


def compile_ranking(
    term: Term, frame: Frame, breakdown: str, plan: Plan = PLAIN
) -> tuple[str, Binds]:
    """What lists all groups of a breakdown in the order of their keys, which are their values as
    text: (key, number of the period, value) for each period that has any of its events."""
    binds = Binds(term, frame)
    ranges = [(*frame.ends(number), number) for number in range(len(frame.periods))]
    binds["buckets"] = bound(ranges)
    return fill_groups("metrics.rank_groups", term, frame, breakdown, None, plan, binds), binds


def fill_groups(
    template: str,
    term: Term,
    frame: Frame,
    breakdown: str,
    groups: list[str | None] | None,
    plan: Plan,
    binds: Binds,
) -> str:
    filters = term_sql(term, frame, binds, plan.by_set)
    tags = JOINED_TAGS if breakdown == "tag" else ""
    return fill_template(
        template,
        distinct="distinct" if breakdown == "tag" else "",
        group=group_sql(breakdown, groups, frame, binds),
        source=source_sql(term, frame, filters, binds, tags, with_event=True),
        **fact_fragments(term, binds, plan),
    )


def compile_inexact(
    term: Term, frame: Frame, number: int, by_set: bool = False, of_any_size: bool = False
) -> tuple[str, Binds]:
    """What counts a term's events of a period whose whole numbers it cannot calculate exactly, for
    they are beyond EXACT or, where it keeps integers as they are, beyond these; or with
    `of_any_size` all that have whole numbers."""
    binds = Binds(term, frame)
    binds["start"], binds["end"] = frame.ends(number)
    x = x_sql(term, "v")
    test = f"(typeof({x}) = 'integer' or v not glob '*[.eE]*')"
    if not of_any_size:
        test += f" and {x} not between -{EXACT} and {EXACT}"
    if term.aggregation not in IN_FLOATS:
        test += f" and typeof({x}) = 'real'"
    filters = f"{term_sql(term, frame, binds, by_set)} and {once(raw_sql(term, binds), test)}"
    return fill_template("metrics.evidence_count", counted="*", tags="", filters=filters), binds


SAMPLE = 1_000  # events


def compile_sample(term: Term, frame: Frame, by_set: bool = False) -> tuple[str, Binds]:
    """What lists texts that a term skips."""
    binds = Binds(term, frame)
    binds["start"], binds["end"] = frame.ends(0)
    binds["most"] = SAMPLE
    filters = term_sql(term, frame, binds, by_set)
    raw = raw_sql(term, binds)
    x = x_sql(term, "raw")
    return fill_template("metrics.sample", filters=filters, raw=raw, x=x), binds


# Answers


def calculate(
    connection: apsw.Connection,
    metric: Definition,
    frame: Frame,
    breakdown: str | None = None,
    deadline: float = math.inf,
    most: int = NUMBERS_LIMIT,
) -> dict:
    """The formula's value and each term's: for the range, every bucket, every location, and for
    the comparison and the breakdown where there is one.

    The connection is in a read transaction, so that all numbers are of one state. Raises Invalid,
    also for more than `most` numbers, and TooSlow after the deadline (of time_limit, which also
    stops its statements).
    """
    if count_numbers(metric, frame, breakdown) > most:
        raise answer_too_large(
            "",
            "these are too many numbers for one answer; take a longer interval, a shorter range or "
            "fewer locations",
        )
    types = [term.type for term in metric.terms]
    if is_of_contact(breakdown) and "account" in types:
        # A saved metric was stored without a breakdown; a query was checked with its own.
        raise refusal("?breakdown", CONTACTS_ONLY)
    table = Table(connection, metric, frame, deadline)
    table.fill()
    period = table.period(0)
    compared = table.comparison(period["buckets"]) if frame.compare else None
    calculation = {
        "name": metric.name,
        "format": metric.format and metric.format.model_dump(),
        "timezone": frame.zone.key,
        "interval": frame.interval,
        "calculated_at": iso(frame.now),
        **period,
        "locations": table.locations(),
    }
    if compared:
        calculation["compare"] = compared
    if breakdown:
        calculation["breakdown"] = {"by": breakdown, "groups": table.groups(breakdown)}
    calculation["warnings"] = [
        *table.warnings(),
        *blank_values(metric),
        *events_ahead(connection, metric, frame, table.plans),
        *unseen_events(connection, metric, frame),
        *unknown_contacts(connection, metric, breakdown, frame),
    ]
    return calculation


def count_numbers(metric: Definition, frame: Frame, breakdown: str | None) -> int:
    """Of a calculation, by which it takes memory."""
    buckets = len(frame.periods[0].buckets)
    rows = buckets + len(frame.locations) * len(frame.periods)
    if len(frame.periods) > 1:
        rows += len(frame.periods[1].read)
    if breakdown:
        rows += (GROUP_LIMIT + 1) * buckets
    return rows * (len(metric.terms) + 4)


def json_number(value: Any) -> int | float | None:
    """A number that JSON has, whole where it is whole; null is what is none, or beyond the largest
    float."""
    if value is None or not math.isfinite(value):
        return None
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


@dataclass(slots=True)
class Evaluation:
    """What a group of events comes to."""

    numbers: dict  # the formula's `value`, and the `terms` by their keys
    divisions: int  # by zero among them
    overflows: int  # of them: too large for a number


class Table:
    """The terms' values for every group of some groupings, and the formula over them.

    A group is known by its grouping and that one's two keys: the range as a whole is
    ("total", 0, None), its first bucket ("bucket", 0, None). `divisions` and `overflows` count
    what went wrong in all numbers that were read.
    """

    def __init__(
        self, connection: apsw.Connection, metric: Definition, frame: Frame, deadline: float
    ):
        self.connection = connection
        self.metric = metric
        self.frame = frame
        self.deadline = deadline
        self.formula = metric.compiled()
        self.plans = plan_terms(connection, metric, frame)
        self.empty = {term.key: EMPTY.get(term.aggregation) for term in metric.terms}
        self.nothing = {"value": None, "terms": dict.fromkeys(self.empty)}
        self.values: dict[tuple[str, Any, Any], dict] = {}  # of the terms, by group
        self.skipped: dict[str, int] = {}  # events of the range, by term
        self.maturing: dict[tuple[str, Any, Any], dict] = {}  # by group and term
        self.large: set[str] = set()  # terms with numbers so large that they may be inexact
        # By values, which many groups share; None: a group has none
        self.evaluations: dict[tuple | None, Evaluation] = {}
        self.divisions = 0
        self.overflows = 0

    def fill(self) -> None:
        """Calculates each term for the range, its buckets and its locations."""
        for term in self.metric.terms:
            self.read_values(term, *compile_term(term, self.frame, self.plans[term.key]))

    def fill_groups(self, breakdown: str, groups: list[str | None]) -> None:
        """Calculates each term for the groups of a breakdown, as compile_groups does."""
        for term in self.metric.terms:
            plan = self.plans[term.key]
            self.read_values(term, *compile_groups(term, self.frame, breakdown, groups, plan))

    def read_values(self, term: Term, statement: str, binds: Binds) -> None:
        key = term.key
        for row in self.connection.execute(statement, binds):
            group = row[:3]
            values = self.values.get(group)
            if values is None:
                values = self.values[group] = self.empty.copy()
            values[key] = row[4]
            if row[3]:
                self.skipped[key] = row[3]
            if term.then:
                *_, starts, conversions = row
                if starts:
                    counts = {"starts": starts, "conversions": conversions}
                    self.maturing.setdefault(group, {})[key] = counts
            elif is_large(term, row):
                self.large.add(key)

    def numbers(self, group: tuple[str, Any, Any]) -> dict:
        """`value` and `terms` of one group; and `maturing`, by term, where starts of it have
        windows that are not over: rates and times leave them out. Raises TooSlow after the
        deadline."""
        if time.monotonic() > self.deadline:
            raise TooSlow
        values = self.values.get(group)
        shared = None if values is None else tuple(values.values())
        evaluation = self.evaluations.get(shared)
        if evaluation is None:
            evaluation = self.evaluations[shared] = self.evaluate(values or self.empty)
        self.divisions += evaluation.divisions
        self.overflows += evaluation.overflows
        if group in self.maturing:
            return evaluation.numbers | {"maturing": self.maturing[group]}
        return evaluation.numbers

    def evaluate(self, values: Mapping[str, Any]) -> Evaluation:
        terms = {}
        divisions = 0
        overflows = 0
        for key, value in values.items():
            number = json_number(value)
            terms[key] = number
            if number is None and value is not None:
                overflows += 1
        value = None
        try:
            value = json_number(self.formula.value(terms))
        except ZeroDivisionError:
            divisions += 1
        except OverflowError:
            overflows += 1
        return Evaluation({"value": value, "terms": terms}, divisions, overflows)

    def period(self, number: int) -> dict:
        """The range (0) or the one it is compared with (1): total and buckets."""
        period = self.frame.periods[number]
        end = period.cut if number else period.span.end
        total = {
            "complete": end <= self.frame.now,
            **self.numbers(("total", number, None)),
        }
        return {
            "from": iso(period.span.start),
            "to": iso(end),
            "total": total,
            "buckets": self.buckets(number),
        }

    def buckets(self, number: int, grouping: str = "bucket", second: Any = None) -> list[dict]:
        """Of the period with this number. `complete` says that a bucket's time is over; one that
        has not begun has no numbers, unless there are events in it."""
        period = self.frame.periods[number]
        now = self.frame.now
        first_index = number * len(self.frame.periods[0].read)
        buckets = []
        for index, (start, end) in enumerate(period.read if number else period.buckets):
            group = (grouping, first_index + index, second)
            bucket = {"start": iso(start), "end": iso(end), "complete": end <= now}
            if start <= now or (index < len(period.read) and group in self.values):
                bucket.update(self.numbers(group))
            else:
                bucket.update(self.nothing)
            buckets.append(bucket)
        return buckets

    def comparison(self, buckets: list[dict]) -> dict:
        """The range to compare with. Each of the buckets of the range gets the numbers of its
        partner as its own `compare`."""
        frame = self.frame
        compared = self.period(1)
        for bucket, index in zip(buckets, frame.partners(), strict=True):
            bucket["compare"] = None
            if index is not None:
                partner = compared["buckets"][index]
                bucket["compare"] = {name: partner[name] for name in PARTNER_FIELDS}
        return {"kind": frame.compare, "to_date": frame.is_to_date(), **compared}

    def compared(self, grouping: str, second: Any = None) -> dict:
        """The numbers of a group in the range, and beside them those in the range to compare
        with."""
        numbers = self.numbers((grouping, 0, second))
        if len(self.frame.periods) == 1:
            return numbers
        compared = self.numbers((grouping, 1, second))
        return numbers | {"compare": {name: compared[name] for name in ("value", "terms")}}

    def locations(self) -> list[dict]:
        """A row for each; the row of a single location is the total."""
        location_ids = self.frame.locations
        names = location_names(self.connection, location_ids)
        locations = []
        for index, location_id in enumerate(location_ids):
            location = {"location_id": location_id, "name": names.get(location_id)}
            if len(location_ids) == 1:
                location |= self.compared("total")
            else:
                location |= self.compared("location", index)
            locations.append(location)
        return locations

    def groups(self, breakdown: str) -> list[dict]:
        """The 10 groups whose first term is the largest in the range, in the order of their values,
        and all others as one, by its own aggregation.

        Groups that only the comparison has come after those of the range. A group's key is the
        value as text, null where it is lacking. With tags an event is in every group whose tag its
        contact has; in that of all others it is there once.
        """
        keys = rank_groups(
            self.connection, self.metric, breakdown, self.frame, self.plans, self.deadline
        )
        top = keys[:GROUP_LIMIT]
        self.fill_groups(breakdown, top)
        groups = [self.group(index, key, other=False) for index, key in enumerate(top)]
        groups.sort(key=lambda group: descending(group["value"]))
        if len(keys) > GROUP_LIMIT:
            groups.append(self.group(None, None, other=True))
        return groups

    def group(self, index: int | None, key: str | None, other: bool) -> dict:
        return {
            "key": key,
            "other": other,
            **self.compared("group", index),
            "buckets": self.buckets(0, "group_bucket", index),
        }

    def warnings(self) -> Iterator[dict]:
        if self.divisions:
            message = "a division by zero has no value"
            yield warning("division_by_zero", message) | {"count": self.divisions}
        if self.overflows:
            message = "a result was too large for a number, so it has no value"
            yield warning("number_too_large", message) | {"count": self.overflows}
        for term in self.metric.terms:
            if term.key in self.skipped:
                yield self.skipped_warning(term)
            if term.key in self.large:
                yield from self.inexact_warnings(term)

    def skipped_warning(self, term: Term) -> dict:
        """With an example of texts that would count if the term said how they are written."""
        skipped = self.skipped[term.key]
        events = "event" if skipped == 1 else "events"
        message = f"term {term.key}: skipped {skipped:,} {events} whose property is not a number"
        told = {"term": term.key, "count": skipped}
        sample = compile_sample(term, self.frame, self.plans[term.key].by_set)
        for (text,) in self.connection.execute(*sample):
            readings = [f'"{each}"' for each in AMOUNTS if read_amount(text, each) is not None]
            if readings:
                message += f'; “{text}” is one if the term has "numbers": {" or ".join(readings)}'
                return warning("skipped", message) | told | {"example": text}
        return warning("skipped", message) | told

    def inexact_warnings(self, term: Term) -> Iterator[dict]:
        """Of a term whose numbers are large, if they are whole."""
        name = f"term {term.key}: its {term.aggregation}"
        count = self.count_inexact(term)
        if count:
            limit = EXACT if term.aggregation in IN_FLOATS else 2**63 - 1
            events = "event has a whole number" if count == 1 else "events have whole numbers"
            message = f"{name} is not exact: {count:,} {events} beyond {limit:,}"
            yield warning("inexact", message) | {"term": term.key, "count": count}
        elif term.aggregation == "sum" and self.count_inexact(term, of_any_size=True):
            message = f"{name} is not exact: it has reached {EXACT:,}"
            yield warning("inexact", message) | {"term": term.key}

    def count_inexact(self, term: Term, of_any_size: bool = False) -> int:
        """Of all periods."""
        by_set = self.plans[term.key].by_set
        count = 0
        for number in range(len(self.frame.periods)):
            compiled = compile_inexact(term, self.frame, number, by_set, of_any_size)
            count += self.connection.execute(*compiled).get
        return count


def is_large(term: Term, row: tuple) -> bool:
    """Whether integers behind the value of a row may have been rounded."""
    if term.aggregation in IN_FLOATS:
        return (row[5] or 0) >= EXACT
    return isinstance(row[4], float) and abs(row[4]) >= 2**63


def descending(value: float | None) -> tuple[bool, float]:
    """Where a value stands among others: the largest first, none last."""
    return value is None, -(value or 0)


def rank_groups(
    connection: apsw.Connection,
    metric: Definition,
    breakdown: str,
    frame: Frame,
    plans: Mapping[str, Plan],
    deadline: float,
) -> list[str | None]:
    """The keys of the first groups, and of one more if there are any: those whose first term is the
    largest, that of rates the many come before the rare. Those that only the range to compare with
    has come after all others.

    There may be as many groups as events, and only these are kept. Raises TooSlow.
    """
    found = []
    for index, term in enumerate(metric.terms):
        if index > 0:  # of the others only which groups they have
            term = term.model_copy(update={"aggregation": "count"})
        compiled = compile_ranking(term, frame, breakdown, plans[term.key])
        found.append(found_groups(connection.execute(*compiled), index))
    ranked = rank_found(heapq.merge(*found), metric.terms[0], deadline)
    if breakdown == "location":
        ranked = ((rank, frame.locations[key]) for rank, key in ranked)
    first = heapq.nsmallest(GROUP_LIMIT + 1, ranked, key=lambda each: rank_key(*each))
    return [name for _, name in first]


def found_groups(cursor: apsw.Cursor, index: int) -> Iterator[tuple]:
    """In an order in which those of several terms can be merged: no key comes before all keys."""
    for key, number, value, *_ in cursor:
        yield (key is not None, "" if key is None else key), number, index, value


def rank_found(found: Iterable[tuple], first_term: Term, deadline: float) -> Iterator[tuple]:
    """Each group's rank and key: by the first range that has it, and by its value there."""
    for (has_key, key), entries in itertools.groupby(found, key=operator.itemgetter(0)):
        if time.monotonic() > deadline:
            raise TooSlow
        _, number, index, value = next(entries)
        if index > 0:
            value = EMPTY.get(first_term.aggregation)
        yield (number, *descending(json_number(value))), key if has_key else None


def rank_key(rank: tuple, name: str | None) -> tuple:
    """Groups of the same rank are in the order of their names, the one without a name last."""
    return *rank, name is None, name or ""


def blank_values(metric: Definition) -> Iterator[dict]:
    """A warning for each term with a filter that looks for an empty text, which none has."""
    for term in metric.terms:
        for condition in term.all_conditions():
            value = condition.value
            values = value if isinstance(value, list) else [value]
            if condition.op in EQUALITY_OPS and any(is_blank(each) for each in values):
                message = (
                    f"term {term.key}: the filter on {condition.field[:60]} has an empty value, "
                    "which counts as not set; use is_set or is_not_set instead"
                )
                yield warning("blank_value", message) | {"term": term.key}


def events_ahead(
    connection: apsw.Connection, metric: Definition, frame: Frame, plans: Mapping[str, Plan]
) -> Iterator[dict]:
    """A warning for each term with events of the range that a comparison leaves out, since they
    are dated after now."""
    if not frame.is_to_date():
        return
    span = frame.periods[0].span
    for term in metric.terms:
        binds = Binds(term, frame)
        binds |= {"start": max(span.start, frame.now + 1), "end": span.end}
        filters = term_sql(term, frame, binds, plans[term.key].by_set)
        count = count_events_behind(connection, filters, binds)
        if count:
            events = "event is" if count == 1 else "events are"
            message = (
                f"term {term.key}: {count:,} {events} dated in the future and left out, since a "
                "comparison counts both ranges up to now"
            )
            yield warning("events_ahead", message) | {"term": term.key, "count": count}


def unseen_events(connection: apsw.Connection, metric: Definition, frame: Frame) -> Iterator[dict]:
    """A warning for each name under which no event ever came, whose numbers look like any 0."""
    locations = json.dumps(frame.locations)
    names = itertools.chain.from_iterable(term.event_names() for term in metric.terms)
    for name in dict.fromkeys(names):
        if not row(connection, "metrics.see_event", locations=locations, event_name=name):
            message = f"no event named “{name[:100]}” has arrived in these locations yet"
            yield warning("event_not_seen", message) | {"event": name}


def unknown_contacts(
    connection: apsw.Connection, metric: Definition, breakdown: str | None, frame: Frame
) -> Iterator[dict]:
    """A warning for each term filtered or grouped by fields that some of its contacts lack."""
    start, end = frame.ends(0)
    for term in metric.terms:
        fields = [breakdown, *(condition.field for condition in term.conditions())]
        if not any(is_of_contact(name) for name in fields):
            continue
        counts = row(
            connection,
            "metrics.count_unknown_contacts",
            locations=json.dumps(frame.locations),
            event_name=term.event,
            start=start,
            end=end,
        )
        if counts["unknown"]:
            message = (
                f"term {term.key}: we know only the ID of {counts['unknown']:,} of "
                f"{counts['contacts']:,} contacts, so contact filters skip them"
            )
            count = {"count": counts["unknown"], "of": counts["contacts"]}
            yield warning("contacts_unknown", message) | {"term": term.key} | count


def calculate_saved(
    connection: apsw.Connection,
    metric_id: int,
    frame: Frame,
    breakdown: str | None,
    deadline: float,
) -> dict:
    definition = saved_definition(connection, metric_id)
    return calculate(connection, definition, frame, breakdown, deadline)


def saved_definition(connection: apsw.Connection, metric_id: int) -> Definition:
    """Raises NotFound, and Invalid for one that is no longer valid."""
    return validate(Definition, definition_out(find_metric(connection, metric_id)))


@dataclass(frozen=True, slots=True)
class Calculable:
    """A saved metric, over one range. What makes its frame may raise a Problem."""

    metric_id: int
    make_frame: Callable[[], Frame]
    breakdown: str | None = None
    complete: Callable[[Definition, Frame, dict], dict] = lambda metric, frame, data: {}


def calculate_each(
    connection: apsw.Connection, wanted: Sequence[Calculable], deadline: float
) -> Iterator[dict]:
    """For each its `data`, and what completes it, or the `problem` of this one.

    None of them but the last may take more than half of the time that is left. All share the limit
    of numbers.
    """
    most = NUMBERS_LIMIT
    for index, each in enumerate(wanted):
        seconds = max(0, deadline - time.monotonic())
        if index < len(wanted) - 1:
            seconds /= 2
        try:
            with time_limit(connection, seconds) as until:
                definition = saved_definition(connection, each.metric_id)
                frame = each.make_frame()
                data = calculate(connection, definition, frame, each.breakdown, until, most)
                completion = each.complete(definition, frame, data)
        except Problem as problem:
            yield {"metric_id": each.metric_id, "problem": problem.as_dict()}
        else:
            most -= count_numbers(definition, frame, each.breakdown)
            yield {"metric_id": each.metric_id, "data": data, **completion}


def calculate_metrics(
    connection: apsw.Connection, ids: list[int] | None, frame: Frame, deadline: float
) -> Iterator[dict]:
    """Saved metrics (None: all), each with its `data`, or the `problem` of this one."""
    if ids is None:
        ids = [metric["metric_id"] for metric in rows(connection, "metrics.list")]
    wanted = [Calculable(metric_id, lambda: frame) for metric_id in ids]
    return calculate_each(connection, wanted, deadline)


# Targets


@dataclass(frozen=True, slots=True)
class Scale:
    """How many calendar units of a target lie between two times, parts of them by their length."""

    units: list[int]  # when they begin, the first one before all times that are asked for

    def position(self, moment: int) -> float:
        index = bisect.bisect_right(self.units, moment) - 1
        start, end = self.units[index : index + 2]
        return index + (moment - start) / (end - start)

    def between(self, start: int, end: int) -> float:
        return self.position(end) - self.position(start)


@functools.lru_cache(8)  # a table has the same for each of its cells
def scale_of(per: str, start: int, end: int, zone: ZoneInfo) -> Scale:
    """For times from start to end."""
    units = [day_start(unit_start(local_time(start, zone), per).date(), zone)]
    while units[-1] <= end:
        units.append(next_unit(units[-1], per, zone))
    return Scale(units)


def is_amount(metric: Definition) -> bool:
    """Whether twice as many events give twice the value, as of sums but not of rates: a target of
    such a metric is divided among the days, that of others holds for any range."""
    chance = random.Random(1)
    once = {term.key: chance.uniform(1, 2) for term in metric.terms}
    twice = {}
    for term in metric.terms:
        factor = 2 if term.aggregation in ADDED_UP else 1
        twice[term.key] = factor * once[term.key]
    formula = metric.compiled()
    try:
        return math.isclose(2 * formula.value(once), formula.value(twice), rel_tol=1e-9)
    except (ZeroDivisionError, OverflowError):
        return False


def target_value(target: dict, frame: Frame, is_of_amounts: bool) -> float | None:
    """Of one unit, for the locations that are looked at: all of them, one, or the sum of several
    where each has a target of its own."""
    if frame.is_everywhere and target["value"] is not None:
        return target["value"]
    values = [target["locations"].get(location_id) for location_id in frame.locations]
    if len(values) == 1:
        return values[0]
    if not is_of_amounts or not values or None in values:
        return None
    return sum(values)


def measure_target(target: dict, is_of_amounts: bool, frame: Frame, data: dict) -> dict:
    """A card's target beside its numbers: for the whole range, and how much of it is due by now.

    `share` is how much of it is reached; `buckets` is the line of a chart.
    """
    period = frame.periods[0]
    unit_value = target_value(target, frame, is_of_amounts)
    measured = {"better": target["better"], "per": target["per"]}
    if unit_value is None:
        return measured | dict.fromkeys(("value", "due", "share", "status", "buckets"))
    value = due = unit_value
    lines = [unit_value] * len(period.buckets)
    if is_of_amounts:
        start, end = period.span.start, period.span.end
        scale = scale_of(target["per"], start, end, frame.zone)
        value = unit_value * scale.between(start, end)
        due = unit_value * scale.between(start, min(max(frame.now, start), end))
        lines = [unit_value * scale.between(*bucket) for bucket in period.buckets]
    total = data["total"]
    share = None
    if total["value"] is not None and value > 0:
        share = total["value"] / value
    return measured | {
        "value": json_number(value),
        "due": json_number(due),
        "share": json_number(share),
        "status": target_status(target["better"], total, value, due),
        "buckets": [json_number(line) for line in lines],
    }


def target_status(better: str, total: dict, value: float, due: float) -> str | None:
    """Higher is better: reached, else missed after the range, and ahead or behind before its end.
    Lower is better: exceeded, else within, and behind where more came than is due by now."""
    reached = total["value"]
    if reached is None:
        return None
    if better == "higher":
        if reached >= value:
            return "reached"
        if total["complete"]:
            return "missed"
        return "ahead" if reached >= due else "behind"
    if reached > value:
        return "exceeded"
    return "within" if total["complete"] or reached <= due else "behind"


# Dashboards


def card_interval(card: dict, query: Range) -> str:
    """The card's own, or else that of the dashboard; a number alone has no buckets."""
    if card["chart"] == "number":
        return "total"
    return card["interval"] or query.interval


def calculate_cards(
    connection: apsw.Connection,
    dashboard: dict,
    query: CardsQuery,
    make_frame: Callable[[Range], Frame],
    deadline: float,
) -> list[dict]:
    """The cards of a dashboard, as dashboard_out gives it, each with its `data` and `target`, or
    its `problem`. Raises Invalid for cards that it does not have."""
    cards = dashboard["cards"]
    indexes = list(range(len(cards))) if query.cards is None else query.cards
    if indexes and max(indexes) >= len(cards):
        message = f"this dashboard has {len(cards)}, numbered from 0"
        raise refusal("?cards", wrong("unknown_card", message))
    frames: dict[str, Frame] = {}

    def frame_of_card(card: dict) -> Frame:
        interval = card_interval(card, query)
        if interval not in frames:
            frames[interval] = make_frame(query.model_copy(update={"interval": interval}))
        return frames[interval]

    wanted = []
    for index in indexes:
        card = cards[index]
        make = functools.partial(frame_of_card, card)
        complete = functools.partial(measure_card, card["target"])
        wanted.append(Calculable(card["metric_id"], make, card["breakdown"], complete))
    calculated = calculate_each(connection, wanted, deadline)
    return [{"card": index} | found for index, found in zip(indexes, calculated, strict=True)]


def measure_card(target: dict | None, metric: Definition, frame: Frame, data: dict) -> dict:
    """What completes a card."""
    return {"target": target and measure_target(target, is_amount(metric), frame, data)}


def calculate_table(
    connection: apsw.Connection, dashboard: dict, frame: Frame, deadline: float
) -> dict:
    """A column a metric of the dashboard, as its first card has it; a row a location, and one of
    all: the values, what they are compared with, and their targets."""
    first_cards = {}
    for card in dashboard["cards"]:
        first_cards.setdefault(card["metric_id"], card)
    cards = list(first_cards.values())
    frames = row_frames(frame)
    wanted = []
    for card in cards:
        complete = functools.partial(column_of, card["target"], frames)
        wanted.append(Calculable(card["metric_id"], lambda: frame, complete=complete))
    columns = []
    metrics = []
    for found in calculate_each(connection, wanted, deadline):
        definition = definition_out(find_metric(connection, found["metric_id"]))
        metric = {"metric_id": found["metric_id"], "name": definition["name"]}
        metric["format"] = definition.get("format")
        if "problem" in found:
            metric["problem"] = found["problem"]
        metrics.append(metric)
        columns.append(found.get("cells") or [{"value": None}] * len(frames))
    cells = list(zip(*columns, strict=True)) if columns else [()] * len(frames)
    about = rows(connection, "locations.last_arrivals", locations=to_json(frame.locations).decode())
    known = {location["location_id"]: location for location in about}
    locations = []
    for location_id, numbers in zip(frame.locations, cells[1:], strict=True):
        location = known.get(location_id, {})
        locations.append(
            {
                "location_id": location_id,
                "name": location.get("name"),
                "last_event_at": iso(location.get("last_event_at")),
                "numbers": numbers,
            }
        )
    return {"metrics": metrics, "total": cells[0], "locations": locations}


def row_frames(frame: Frame) -> list[Frame]:
    """Of all locations together, then of each; an only one is all there are."""
    if len(frame.locations) == 1:
        return [frame, frame]
    single = [replace(frame, locations=[each], is_everywhere=False) for each in frame.locations]
    return [frame, *single]


def column_of(
    target: dict | None, frames: list[Frame], metric: Definition, _: Frame, data: dict
) -> dict:
    """What completes a column: its `cells`, one for each of the frames."""
    complete = data["total"]["complete"]
    is_of_amounts = is_amount(metric)
    total = {"value": data["total"]["value"]}
    if "compare" in data:
        total["compare"] = data["compare"]["total"]
    cells = []
    for frame, found in zip(frames, [total, *data["locations"]], strict=True):
        cell = {"value": found["value"]}
        if "compare" in found:
            cell["compare"] = {"value": found["compare"]["value"]}
        if target is not None:
            numbers = {"total": {"value": found["value"], "complete": complete}}
            measured = measure_target(target, is_of_amounts, frame, numbers)
            del measured["buckets"]
            cell["target"] = measured
        cells.append(cell)
    return {"cells": cells}


def list_evidence(
    connection: apsw.Connection, query: EvidenceQuery, frame: Frame, deadline: float = math.inf
) -> dict:
    """The events behind a term's number, the newest first: those that have what the term
    aggregates. Count terms count them all; those of a term with `then` come with what followed."""
    count, keys = find_evidence(connection, query, frame, deadline)
    order = ("timestamp", "event_id")
    read = functools.partial(find_event, connection)
    out = event_detail_out
    term = query.chosen_term()
    if term.then:
        order = ("rank", "event_id")
        read = functools.partial(find_start, connection, term, frame)
        out = start_out
    return {"count": count, **page("events", [keys], query.limit, order, out, read)}


def find_evidence(
    connection: apsw.Connection, query: EvidenceQuery, frame: Frame, deadline: float
) -> tuple[int, Iterator[dict]]:
    """How many they are, and the keys of those of a page and of one more."""
    groups = None
    if query.group and query.group.other:  # the events of none of the first groups
        plans = plan_terms(connection, query.metric, frame)
        ranked = rank_groups(connection, query.metric, query.breakdown, frame, plans, deadline)
        groups = ranked[:GROUP_LIMIT]
    elif query.group:
        groups = [query.group.key]
    term = query.chosen_term()
    by_set = is_set_cheaper(connection, term, frame)
    compiled = compile_starts if term.then else compile_evidence
    counting, listing, binds = compiled(query, term, frame, groups, by_set)
    count = connection.execute(counting, binds).get
    return count, dictionaries(connection.execute(listing, binds))


def compile_evidence(
    query: EvidenceQuery,
    term: Term,
    frame: Frame,
    groups: list[str | None] | None = None,
    by_set: bool = False,
) -> tuple[str, str, Binds]:
    """What counts the events, and what lists a page of those before the cursor."""
    binds = Binds(term, frame)
    binds["start"], binds["end"] = evidence_ends(query, frame)
    timestamp, event_id = query.cursor or (YEAR_2200, 0)
    binds |= {"before_timestamp": timestamp, "before_id": event_id, "limit": query.limit + 1}
    filters = term_sql(term, frame, binds, by_set)
    x = x_sql(term, "v")
    test = f"v is not null and ({x}) is null" if query.skipped else f"({x}) is not null"
    filters += f" and {once(raw_sql(term, binds), test)}"
    by_tag = False
    if query.group:
        index = "null" if query.group.other else "0"
        filters += f" and {group_sql(query.breakdown, groups, frame, binds)} is {index}"
        by_tag = query.breakdown == "tag"  # a contact may have several of the tags
    tags = JOINED_TAGS if by_tag else ""
    counting = fill_template(
        "metrics.evidence_count",
        counted="distinct e.event_id" if by_tag else "*",
        tags=tags,
        filters=filters,
    )
    listing = fill_template(
        "metrics.evidence", distinct="distinct" if by_tag else "", tags=tags, filters=filters
    )
    return counting, listing, binds


# Which events are behind a number of a term with `then`; the others are seconds.
COUNTED = {
    "conversions": "is_start and ended_at is not null",
    "conversion": "is_start and is_over",
    "contact_conversion": "is_over",
}
COUNTED_SECONDS = "is_start and is_over and ended_at is not null"
NEVER = "is_start and is_over and ended_at is null"  # also where the number has none of these
NOT_YET = "is_start and not is_over and ended_at is null"
RANKS = {"newest": "s.timestamp", "slowest": "coalesce(ended_at - s.timestamp, -1)"}


def compile_starts(
    query: EvidenceQuery,
    term: Term,
    frame: Frame,
    groups: list[str | None] | None,
    by_set: bool,
) -> tuple[str, str, Binds]:
    """What counts them, and what lists a page of those before the cursor."""
    binds = Binds(term, frame)
    span = (*evidence_ends(query, frame), 1 if query.compared else 0)
    binds["buckets"] = bound([(*span[:2], 0)])
    rank, event_id = query.cursor or (2**62, 0)
    binds |= {"before_rank": rank, "before_id": event_id, "limit": query.limit + 1}
    filters = term_sql(term, frame, binds, by_set)
    by_group = query.group is not None
    by_tag = by_group and query.breakdown == "tag"  # a contact may have several of the tags
    tags = JOINED_TAGS if by_tag else ""
    source = source_sql(term, frame, filters, binds, tags, with_event=by_group, spans=[span])
    wanted = COUNTED.get(term.aggregation, COUNTED_SECONDS)
    if query.outcome == "not_yet":
        wanted = NOT_YET
    elif query.outcome == "converted":
        wanted += " and ended_at is not null"
    elif query.outcome == "never" and term.aggregation == "contact_conversion":
        wanted += " and ended_at is null"
    elif query.outcome == "never":
        wanted = NEVER
    if query.group:
        index = "null" if query.group.other else "0"
        wanted += f" and {group_sql(query.breakdown, groups, frame, binds)} is {index}"
    facts = {"source": source, "filters": wanted}
    counted = "distinct s.event_id" if by_tag else "*"
    counting = fill_template("metrics.starts_count", counted=counted, **facts)
    rank = RANKS[query.order]
    distinct = "distinct" if by_tag else ""
    listing = fill_template("metrics.starts_evidence", distinct=distinct, rank=rank, **facts)
    return counting, listing, binds


def find_start(connection: apsw.Connection, term: Term, frame: Frame, found: dict) -> dict:
    """The event, as find_event gives it, with its contact's `email` and `phone`, and its `end`,
    such an event or None."""
    event = find_event(connection, found)
    contact = row(connection, "contacts.find_by_key", contact_key=found["contact_key"])
    reach = {"email": contact["email"], "phone": contact["phone"]}
    end = None
    if found["ended_at"] is not None:
        statement, binds = compile_end(term, frame)
        binds |= found
        end = find_event(connection, {"event_id": connection.execute(statement, binds).get})
    return event | found | reach | {"end": end}


def outcome_of(start: dict) -> dict:
    """What came of a start that metrics.starts_evidence has found, and after how many seconds."""
    if start["ended_at"] is None:
        return {"outcome": "never" if start["is_over"] else "not_yet", "seconds": None}
    seconds = json_number((start["ended_at"] - start["timestamp"]) / 1000)
    return {"outcome": "converted", "seconds": seconds}


def compile_end(term: Term, frame: Frame) -> tuple[str, Binds]:
    """What finds the event that followed a start, which is bound, too."""
    binds = Binds(term, frame)
    binds["then_name"] = term.then.event
    return fill_template("metrics.end", filters=then_sql(term.then, frame, binds)), binds


def start_out(start: dict) -> dict:
    end = start["end"]
    then = {**outcome_of(start), "event": end and event_out(end)}
    contact = {"name": start["contact_name"], "email": start["email"], "phone": start["phone"]}
    return event_detail_out(start) | {"contact": contact, "then": then}


def evidence_ends(query: EvidenceQuery, frame: Frame) -> tuple[int, int]:
    """From where to where the events lie. Raises Invalid for a bucket that is none."""
    number = 1 if query.compared else 0
    if query.bucket is None:
        return frame.ends(number)
    start = moment_of(query.bucket, frame.zone)
    period = frame.periods[number]
    for bucket in period.read if query.compared else period.buckets:
        if bucket[0] == start:
            return start, min(bucket[1], period.cut)
    message = "must be the start of a bucket of this range and interval"
    raise refusal("/bucket", wrong("unknown_bucket", message))


Maturing = answer("Maturing", starts=int, conversions=int)
Numbers = answer(
    "Numbers",
    value=float | int | None,
    terms=dict[str, float | int | None],
    maturing=(dict[str, Maturing] | None, None),
)
RangeNumbers = answer("RangeNumbers", Numbers, complete=bool)
BucketNumbers = answer("BucketNumbers", RangeNumbers, start=Moment, end=Moment)
PeriodNumbers = answer(
    "PeriodNumbers", **{"from": Moment}, to=Moment, total=RangeNumbers, buckets=list[BucketNumbers]
)
Comparison = answer("Comparison", PeriodNumbers, kind=str, to_date=bool)
PartnerNumbers = answer("PartnerNumbers", Numbers, start=Moment, end=Moment)
ComparedBucket = answer("ComparedBucket", BucketNumbers, compare=(PartnerNumbers | None, None))
LocationNumbers = answer(
    "LocationNumbers", Numbers, location_id=str, name=str | None, compare=(Numbers | None, None)
)
GroupNumbers = answer(
    "GroupNumbers",
    Numbers,
    key=str | None,
    other=bool,
    compare=(Numbers | None, None),
    buckets=list[BucketNumbers],
)
BreakdownNumbers = answer("Breakdown", by=str, groups=list[GroupNumbers])
MetricNote = answer(
    "MetricWarning",
    Note,
    term=(str, None),
    event=(str, None),
    count=(int, None),
    of=(int, None),
    example=(str, None),
)
Calculation = answer(
    "Calculation",
    PeriodNumbers,
    name=str | None,
    format=dict | None,
    timezone=str,
    interval=str,
    buckets=list[ComparedBucket],
    calculated_at=Moment,
    locations=list[LocationNumbers],
    compare=(Comparison | None, None),
    breakdown=(BreakdownNumbers | None, None),
    warnings=list[MetricNote],
)
MetricData = answer(
    "MetricData", metric_id=int, data=(Calculation, None), problem=(ProblemOut, None)
)
MetricDataList = answer("MetricDataList", metrics=list[MetricData])
TargetNumbers = answer(
    "TargetNumbers",
    better=str,
    per=str,
    value=float | int | None,
    due=float | int | None,
    share=float | int | None,
    status=str | None,
)
TargetLine = answer("TargetLine", TargetNumbers, buckets=list[float | int | None] | None)
CardData = answer("CardData", MetricData, card=int, target=(TargetLine | None, None))
CardDataList = answer("CardDataList", cards=list[CardData])
CellValue = answer("CellValue", value=float | int | None)
Cell = answer(
    "Cell", CellValue, compare=(CellValue | None, None), target=(TargetNumbers | None, None)
)
TableColumn = answer(
    "TableColumn", metric_id=int, name=str, format=dict | None, problem=(ProblemOut, None)
)
TableRow = answer(
    "TableRow",
    location_id=str,
    name=str | None,
    last_event_at=Moment | None,
    numbers=list[Cell],
)
LocationTable = answer(
    "LocationTable",
    **{"from": Moment},
    to=Moment,
    timezone=str,
    metrics=list[TableColumn],
    total=list[Cell],
    locations=list[TableRow],
)
FollowedBy = answer("FollowedBy", outcome=str, seconds=float | int | None, event=EventOut | None)
ContactReach = answer("ContactReach", name=str | None, email=str | None, phone=str | None)
EvidenceEvent = answer(
    "EvidenceEvent", EventDetail, contact=(ContactReach, None), then=(FollowedBy, None)
)
EvidenceList = answer("EvidenceList", events=list[EvidenceEvent], next=str | None, count=int)


@route("POST", "/metrics/v1/query", scope="read", body=MetricQuery, answers={200: Calculation})
def query_metric(call: Call) -> dict:
    """Calculates a definition over a range: total, buckets, locations, comparison, breakdown.

    What takes longer than 10 seconds is stopped with 422 `query_too_slow`.
    """
    query = call.json(MetricQuery)
    frame = frame_of(call, query)
    return calculate(call.connection, query.metric, frame, query.breakdown, call.deadline)


@route(
    "GET", "/metrics/v1/{metric_id}/data", scope="read", query=DataQuery, answers={200: Calculation}
)
def get_metric_data(call: Call) -> dict:
    """Calculates a saved metric.

    What takes longer than 10 seconds is stopped with 422 `query_too_slow`.
    """
    metric_id = call.number("metric_id")
    frame = frame_of(call, call.query)
    return calculate_saved(call.connection, metric_id, frame, call.query.breakdown, call.deadline)


@route("GET", "/metrics/v1/data", scope="read", query=MetricsQuery, answers={200: MetricDataList})
def get_metrics_data(call: Call) -> dict:
    """Calculates saved metrics, all of one state of the data.

    One that cannot be calculated, or takes too much of the 10 seconds, keeps no other back.
    """
    frame = frame_of(call, call.query)
    metrics = calculate_metrics(call.connection, call.query.ids, frame, call.deadline)
    return {"metrics": list(metrics)}


@route(
    "GET",
    "/dashboards/v1/{dashboard_id}/data",
    scope="read",
    query=CardsQuery,
    answers={200: CardDataList},
)
def get_dashboard_data(call: Call) -> dict:
    """Calculates the metrics of a dashboard as its cards show them, all of one state of the data.

    One that cannot be calculated, or takes too much of the 10 seconds, keeps no other back.
    """
    dashboard = get_dashboard(call)
    make_frame = functools.partial(frame_of, call)
    cards = calculate_cards(call.connection, dashboard, call.query, make_frame, call.deadline)
    return {"cards": cards}


@route(
    "GET",
    "/dashboards/v1/{dashboard_id}/locations",
    scope="read",
    query=TableQuery,
    answers={200: LocationTable},
)
def get_dashboard_locations(call: Call) -> dict:
    """Calculates the metrics of a dashboard for each location: a table of clients and metrics."""
    frame = frame_of(call, call.query)
    span = frame.periods[0].span
    return {
        "from": iso(span.start),
        "to": iso(span.end),
        "timezone": frame.zone.key,
        **calculate_table(call.connection, get_dashboard(call), frame, call.deadline),
    }


@route("POST", "/metrics/v1/events", scope="read", body=EvidenceQuery, answers={200: EvidenceList})
def query_metric_events(call: Call) -> dict:
    """The events behind a term's number, of the range, a bucket, a group or the comparison."""
    query = call.json(EvidenceQuery)
    return list_evidence(call.connection, query, frame_of(call, query), call.deadline)


####################################################################################################
# shares
####################################################################################################

# A share is a key of scope `share` and what belongs to it: who has its link sees one dashboard, of
# the key's locations, and nothing else.

SHARES_LIMIT = 10_000  # that are stored; beyond it, those that have ended make room
ENDED_STEP = 100  # of these go at once
SHARE_PATH = "/share/"
LINK_PATH = re.compile(r"/*share(?![a-z0-9_-])/*(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
PUBLIC_ID = re.compile(r"[0-9a-f]{20}(?![0-9A-Za-z])")
FRAME_HOSTS_LIMIT = 20
FRAME_HOST_LIMIT = 128  # characters: a proxy's buffer for headers may have 4 kB
# Whose pages show a client's own CRM
HIGHLEVEL_HOSTS = (
    "https://*.gohighlevel.com",
    "https://*.leadconnectorhq.com",
    "https://*.msgsndr.com",
)
LOGO_LIMIT = 64 * 1024  # bytes
LOGO_SIDE = 2_000  # pixels


# Whose pages may frame it

LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
FRAME_HOST = re.compile(rf"https://(\*\.{LABEL}\.)?{LABEL}(\.{LABEL})*(:(?P<port>[0-9]{{1,5}}))?")
LOCAL_HOST = re.compile(r"http://(localhost|127\.0\.0\.1)(:(?P<port>[0-9]{1,5}))?")


def read_frame_host(value: Any) -> str:
    """A host as Content-Security-Policy names it: whatever else could stand there is refused."""
    text = read_text(value, NAME_LIMIT)
    host = text.lower().removesuffix("/") if text.isascii() else text
    found = FRAME_HOST.fullmatch(host) or LOCAL_HOST.fullmatch(host)
    if found and len(host) <= FRAME_HOST_LIMIT and 0 < int(found["port"] or 443) < 65_536:
        return host
    raise wrong("frame_host", frame_host_fault(host))


def frame_host_fault(host: str) -> str:
    """What is wrong with it, without its text."""
    scheme, _, rest = host.partition("://")
    if not host.isascii():
        return "must be written in ASCII, an international name as xn--…"
    if not rest or scheme not in ("http", "https") or re.search(r"[\s;,'\"]", host):
        return "must be one host, such as https://crm.example.com or https://*.example.com"
    if "@" in rest:
        return "must have no user name"
    if re.search("[/?#]", rest):
        return "must be a host alone, without a path"
    if "*" in rest:
        return "may have one star, before a name of two parts or more: https://*.example.com"
    if scheme == "http":
        return "must begin with https:// (http:// is for localhost and 127.0.0.1)"
    return "must be a host, perhaps with a port, such as https://crm.example.com"


FrameHost = plain(
    read_frame_host,
    {
        "type": "string",
        "description": "https:// and a host, perhaps with a port; https://*.example.com is any "
        "host of that name",
    },
)


def default_frame_hosts(branding: dict) -> list[str]:
    """HighLevel's, and the agency's own."""
    return list(dict.fromkeys([*HIGHLEVEL_HOSTS, *json.loads(branding["frame_hosts"])]))


def framed_by(frame_hosts: list[str]) -> dict[str, str]:
    """The headers of a page that these hosts' pages may frame, and no others."""
    hosts = " ".join(frame_hosts) or "'none'"
    policy = SECURITY_HEADERS["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors {hosts}"
    )
    return SECURITY_HEADERS | {"Content-Security-Policy": policy}


# Colours

LEAST_CONTRAST = 4.5  # of text, as WCAG 2 has it for level AA
WHITE = (255, 255, 255)
DARK = (0x1A, 0x1E, 0x26)  # of cards, the lighter one of the dark backgrounds of style.css

Colour = tuple[int, ...]  # red, green, blue


def colour_of(text: str) -> Colour:
    return tuple(bytes.fromhex(text.removeprefix("#")))


def colour_text(colour: Iterable[float]) -> str:
    return "#" + bytes(round(part) for part in colour).hex()


def luminance(colour: Colour) -> float:
    light = []
    for part in colour:
        x = part / 255
        light.append(x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4)
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]


def contrast(one: Colour, other: Colour) -> float:
    """From 1 to 21, as WCAG 2 defines it."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def shade_that_reads(colour: Colour, towards: int, background: Colour) -> str:
    """The nearest mixture with black (0) or white (255) that has enough contrast."""
    for percent in range(101):
        mixed = colour_of(colour_text(part + (towards - part) * percent / 100 for part in colour))
        if contrast(mixed, background) >= LEAST_CONTRAST:
            break
    return colour_text(mixed)


def read_accent(value: Any) -> str:
    """A colour in which text can be read on white, and white text on it."""
    text = read_text(value, NAME_LIMIT).lower()
    if re.fullmatch("#[0-9a-f]{3}", text):
        text = "#" + "".join(2 * digit for digit in text[1:])
    if not re.fullmatch("#[0-9a-f]{6}", text):
        raise wrong("colour", "must be a colour such as #1a56db")
    colour = colour_of(text)
    found = contrast(colour, WHITE)
    if found < LEAST_CONTRAST:
        darker = shade_that_reads(colour, 0, WHITE)
        # Never rounded up to what would do
        shown = math.floor(found * 10) / 10
        raise wrong(
            "contrast",
            f"is too light to be read on white: its contrast is {shown:.1f} : 1, and text needs "
            f"{LEAST_CONTRAST} : 1; {darker} would do",
        )
    return text


Accent = plain(
    read_accent, {"type": "string", "description": "#rrggbb, with a contrast of 4.5 : 1 on white"}
)


# Logos
#
# What a file is, it says itself. It is read just as far as to know that it is one whole image of a
# modest size with nothing behind it; what draws it is the viewer's browser.


class NotAnImage(Exception):
    """It is damaged, or no image of its kind."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    sizes: list[tuple[int, int]]  # width and height in pixels, wherever they are told
    frames: int


def number_at(data: bytes, position: int, length: int, order: Literal["big", "little"]) -> int:
    part = data[position : position + length]
    if len(part) < length:
        raise NotAnImage
    return int.from_bytes(part, order)


def read_png(data: bytes) -> ImageFacts:
    """Chunks, each with its length before and its checksum behind it, from IHDR to IEND."""
    sizes = []
    kinds = set()
    position = 8
    while b"IEND" not in kinds:
        length = number_at(data, position, 4, "big")
        kind = data[position + 4 : position + 8]
        content_end = position + 8 + length
        checksum = number_at(data, content_end, 4, "big")
        if zlib.crc32(data[position + 4 : content_end]) != checksum:
            raise NotAnImage
        if (kind == b"IHDR") is (position > 8):  # it is the first one, and no other
            raise NotAnImage
        if kind == b"IHDR":
            width = number_at(data, position + 8, 4, "big")
            sizes.append((width, number_at(data, position + 12, 4, "big")))
        kinds.add(kind)
        position = content_end + 4
    if position != len(data) or b"IDAT" not in kinds:
        raise NotAnImage
    return ImageFacts(sizes, 2 if b"acTL" in kinds else 1)  # acTL: it is animated


def read_jpeg(data: bytes) -> ImageFacts:
    """Segments, each with its marker and length before it, and the data of scans between them."""
    sizes = []
    has_scan = False
    position = 2
    while True:
        if number_at(data, position, 1, "big") != 0xFF:
            raise NotAnImage
        marker = number_at(data, position + 1, 1, "big")
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == 0xD9:  # the end
            break
        if marker in (0xC0, 0xC1, 0xC2):  # a frame, of the kinds that browsers know
            height = number_at(data, position + 5, 2, "big")
            sizes.append((number_at(data, position + 7, 2, "big"), height))
        position += 2 + number_at(data, position + 2, 2, "big")
        if marker == 0xDA:
            has_scan = True
            position = scan_end(data, position)
    if position + 2 != len(data) or not has_scan:
        raise NotAnImage
    return ImageFacts(sizes, len(sizes))


def scan_end(data: bytes, position: int) -> int:
    """Where the next marker is that does not belong to the data of a scan."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise NotAnImage
        marker = number_at(data, position + 1, 1, "big")
        if marker != 0 and not 0xD0 <= marker <= 0xD7:
            return position
        position += 2


def read_webp(data: bytes) -> ImageFacts:
    """Chunks of RIFF: VP8X has the size of the canvas, VP8 or VP8L that of the image itself."""
    if number_at(data, 4, 4, "little") + 8 != len(data):
        raise NotAnImage
    sizes = []
    frames = 0
    position = 12
    while position < len(data):
        kind = data[position : position + 4]
        length = number_at(data, position + 4, 4, "little")
        content = position + 8
        if kind == b"VP8X":
            width = 1 + number_at(data, content + 4, 3, "little")
            sizes.append((width, 1 + number_at(data, content + 7, 3, "little")))
        elif kind == b"VP8 ":
            if data[content + 3 : content + 6] != b"\x9d\x01\x2a":
                raise NotAnImage
            width = number_at(data, content + 6, 2, "little") & 0x3FFF
            sizes.append((width, number_at(data, content + 8, 2, "little") & 0x3FFF))
            frames += 1
        elif kind == b"VP8L":
            if number_at(data, content, 1, "little") != 0x2F:
                raise NotAnImage
            bits = number_at(data, content + 1, 4, "little")
            sizes.append((1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)))
            frames += 1
        elif kind in (b"ANIM", b"ANMF"):
            frames += 2
        position = content + length + length % 2
    if position != len(data):
        raise NotAnImage
    return ImageFacts(sizes, frames)


class ImageKind(NamedTuple):
    media_type: str
    beginning: re.Pattern[bytes]
    read: Callable[[bytes], ImageFacts]


IMAGE_KINDS = (
    ImageKind("image/png", re.compile(rb"\x89PNG\r\n\x1a\n"), read_png),
    ImageKind("image/jpeg", re.compile(rb"\xff\xd8\xff"), read_jpeg),
    ImageKind("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL), read_webp),
)


def image_type(data: bytes) -> str:
    """The media type of a logo. Raises Invalid for what is none."""
    kinds = [kind for kind in IMAGE_KINDS if kind.beginning.match(data)]
    if not kinds:
        message = "is no PNG, JPEG or WebP image (SVG and GIF are not taken)"
        raise Invalid([field_error("", "not_an_image", message)])
    try:
        facts = kinds[0].read(data)
    except NotAnImage:
        facts = ImageFacts([], 0)
    if not facts.frames or not facts.sizes or 0 in itertools.chain(*facts.sizes):
        message = (
            "is damaged, cut off, or has something behind its end; save it anew as PNG, JPEG or "
            "WebP"
        )
        raise Invalid([field_error("", "damaged_image", message)])
    if facts.frames > 1:
        message = "is animated; take an image that stands still"
        raise Invalid([field_error("", "animated_image", message)])
    if max(itertools.chain(*facts.sizes)) > LOGO_SIDE:
        width, height = max(facts.sizes)
        message = (
            f"may have {LOGO_SIDE:,} by {LOGO_SIDE:,} pixels at most, not {width:,} by {height:,}"
        )
        raise Invalid([field_error("", "too_many_pixels", message)])
    return kinds[0].media_type


# Branding

TITLE_LIMIT = 100  # characters: it stands in a line above the numbers


def read_title(value: Any) -> str:
    return read_text(value, TITLE_LIMIT)


Title = plain(read_title, {"type": "string", "minLength": 1, "maxLength": TITLE_LIMIT})


class NewBranding(Strict):
    """What shared dashboards look like. What is left out is unset; the logo is a file of its own,
    and stays."""

    title: Title | None = None
    accent: Accent | None = None
    frame_hosts: list[FrameHost] = Field(
        [],
        max_length=FRAME_HOSTS_LIMIT - len(HIGHLEVEL_HOSTS),
        description="whose pages may frame new shares, beside HighLevel's",
    )


NO_BRANDING = {"title": None, "accent": None, "frame_hosts": "[]", "logo": None, "updated_at": None}


def find_branding(connection: apsw.Connection) -> dict:
    return row(connection, "branding.find") or NO_BRANDING


def logo_tag(logo: bytes) -> str:
    return hashlib.sha256(logo).hexdigest()[:16]


def look_of(branding: dict) -> dict:
    """The part of it that viewers see."""
    logo, accent = branding["logo"], branding["accent"]
    return {
        "title": branding["title"],
        "logo": logo and f"{SHARE_PATH}logo?v={logo_tag(logo)}",
        "accent": accent,
        "accent_dark": accent and shade_that_reads(colour_of(accent), 255, DARK),
    }


def branding_out(connection: apsw.Connection) -> dict:
    branding = find_branding(connection)
    return {
        **look_of(branding),
        "frame_hosts": json.loads(branding["frame_hosts"]),
        "updated_at": iso(branding["updated_at"]),
    }


BrandingLook = answer(
    "BrandingLook",
    title=str | None,
    logo=str | None,
    accent=str | None,
    accent_dark=str | None,
)
BrandingOut = answer("Branding", BrandingLook, frame_hosts=list[str], updated_at=Moment | None)


@route("GET", "/branding/v1", scope="read", answers={200: BrandingOut})
def get_branding(call: Call) -> dict:
    """What shared dashboards look like, and whose pages may frame new ones."""
    return branding_out(call.connection)


@route(
    "PUT",
    "/branding/v1",
    scope="admin",
    body=NewBranding,
    answers={200: BrandingOut},
    writes=True,
)
def put_branding(call: Call) -> dict:
    """Replaces title, accent and hosts; the logo stays."""
    new = call.json(NewBranding)
    change(
        call.connection,
        "branding.upsert",
        title=new.title,
        accent=new.accent,
        frame_hosts=json.dumps(list(dict.fromkeys(new.frame_hosts))),
        now=call.now,
    )
    return branding_out(call.connection)


@route(
    "PUT",
    "/branding/v1/logo",
    scope="admin",
    body=bytes,
    other_bodies=tuple(kind.media_type for kind in IMAGE_KINDS),
    answers={200: BrandingOut},
    writes=True,
    limit=LOGO_LIMIT,
)
def put_logo(call: Call) -> dict:
    """Stores a logo: a PNG, JPEG or WebP image, as its own bytes tell."""
    logo = call.body.data
    media_type = image_type(logo)
    change(call.connection, "branding.set_logo", logo=logo, logo_type=media_type, now=call.now)
    return branding_out(call.connection)


@route("DELETE", "/branding/v1/logo", scope="admin", answers={200: BrandingOut}, writes=True)
def remove_logo(call: Call) -> dict:
    """Removes the logo."""
    change(call.connection, "branding.set_logo", logo=None, logo_type=None, now=call.now)
    return branding_out(call.connection)


# Stored shares


class May(Strict):
    """What viewers may do beside looking at numbers: choose dates, open the events behind a number,
    download tables."""

    dates: bool = Field(True, strict=True)
    events: bool = Field(False, strict=True)
    download: bool = Field(False, strict=True)


class NewShare(Strict):
    """A share to create. Without `frame_hosts` it may be framed by HighLevel and by the hosts of
    the branding."""

    dashboard_id: int = Field(strict=True)
    name: Line | None = None
    locations: plain(
        read_locations,
        {"anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "string"}}]},
    )
    may: May = Field(default_factory=May)
    expires_at: Timestamp | None = None
    frame_hosts: list[FrameHost] | None = Field(None, max_length=FRAME_HOSTS_LIMIT)


class ShareQuery(Query):
    limit: Limit = 50
    cursor: cursor_of(int) | None = None


def create_share(connection: apsw.Connection, new: NewShare, now: int) -> tuple[dict, str]:
    """The row of a new share, and its token, which is known here and never again.

    Raises Invalid for what is not there or lies in the past, and Conflict where there are as many
    as there may be.
    """
    errors = []
    dashboard = row_of_id(connection, "dashboards.find", dashboard_id=new.dashboard_id)
    if dashboard is None:
        message = f"there is no dashboard {new.dashboard_id}"
        errors.append(field_error("/dashboard_id", "unknown_dashboard", message))
    names = shown_names(connection, new.locations or [])
    for index, location_id in enumerate(new.locations or []):
        if location_id not in names:
            message = "nothing has come from such a location"
            errors.append(field_error(f"/locations/{index}", "unknown_location", message))
    if new.expires_at is not None and new.expires_at <= now:
        errors.append(field_error("/expires_at", "past", "must be in the future"))
    if errors:
        raise Invalid(first_errors(errors))
    make_room_for_share(connection, now)
    name = new.name or share_name(dashboard["name"], new.locations, names)
    key, token = insert_key(connection, name, "share", new.locations, "refuse", now)
    hosts = new.frame_hosts
    if hosts is None:
        hosts = default_frame_hosts(find_branding(connection))
    change(
        connection,
        "shares.insert",
        key_id=key["key_id"],
        public_id=secrets.token_hex(10),
        dashboard_id=new.dashboard_id,
        may=json.dumps([name for name, allowed in new.may if allowed]),
        frame_hosts=json.dumps(list(dict.fromkeys(hosts))),
        expires_at=new.expires_at,
    )
    return row(connection, "shares.find", share_id=key["key_id"]), token


def shown_names(connection: apsw.Connection, location_ids: Iterable[str]) -> dict[str, str]:
    """Those of them that are there: by their ids their names, or their ids where they have none."""
    names = location_names(connection, location_ids)
    return {location_id: name or location_id for location_id, name in names.items()}


def share_name(dashboard: str, location_ids: list[str] | None, names: dict[str, str]) -> str:
    """For lists of shares, where none is given."""
    if location_ids is None:
        whose = "all locations"
    elif len(location_ids) == 1:
        whose = names[location_ids[0]]
    else:
        whose = f"{len(location_ids)} locations"
    return f"{dashboard} · {whose}"[:NAME_LIMIT]


def make_room_for_share(connection: apsw.Connection, now: int) -> None:
    """Where there are as many as there may be, the oldest that have ended go."""
    if scalar(connection, "shares.count") < SHARES_LIMIT:
        return
    ended = rows(connection, "shares.delete_ended", now=now, limit=ENDED_STEP)
    if not ended:
        message = f"there are {SHARES_LIMIT:,} shares, as many as there may be; revoke one first"
        raise Conflict(message, "too_many")
    key_ids = json.dumps([share["key_id"] for share in ended])
    change(connection, "keys.delete_of_shares", key_ids=key_ids)


def origin_of(environ: Mapping[str, Any], config: Config) -> str:
    """Where viewers find this server: the public_url, or else as whoever asks has found it."""
    host = environ.get("HTTP_HOST", "")
    asked = f"{environ.get('wsgi.url_scheme', 'http')}://{host}"
    for origin in (config.public_url, environ.get("HTTP_ORIGIN", ""), asked):
        with contextlib.suppress(PydanticCustomError):
            if check_public_url(origin):
                return check_public_url(origin)
    return ""


def may_out(stored: str) -> dict[str, bool]:
    allowed = json.loads(stored)
    return {name: name in allowed for name in May.model_fields}


SHARE_COLUMNS = {
    "share_id": None,
    "public_id": None,
    "name": None,
    "dashboard_id": None,
    "locations": lambda stored: key_locations(stored) or "all",
    "may": may_out,
    "expires_at": iso,
    "frame_hosts": json.loads,
    "token_prefix": None,
    "created_at": iso,
    "last_used_at": iso,
    "revoked_at": iso,
}


def share_out(share: dict, last_used: Mapping[int, int] = {}) -> dict:
    """`last_used` has the uses that are not yet written."""
    used_at = last_used.get(share["share_id"], share["last_used_at"])
    return as_answer(share | {"last_used_at": used_at}, SHARE_COLUMNS)


MayOut = answer("ShareMay", dates=bool, events=bool, download=bool)
ShareOut = answer(
    "StoredShare",
    share_id=int,
    public_id=str,
    name=str,
    dashboard_id=int,
    locations=Literal["all"] | list[str],
    may=MayOut,
    expires_at=Moment | None,
    frame_hosts=list[str],
    token_prefix=str,
    created_at=Moment,
    last_used_at=Moment | None,
    revoked_at=Moment | None,
)
CreatedShare = answer("CreatedShare", ShareOut, url=str, token=str)
ShareList = answer("ShareList", shares=list[ShareOut], next=str | None)


@route("GET", "/shares/v1", scope="admin", query=ShareQuery, answers={200: ShareList})
def get_shares(call: Call) -> dict:
    """The shares, without their tokens, the newest first."""
    query = call.query
    before = query.cursor[0] if query.cursor else 2**62
    shares = stream(call.connection, "shares.list", before=before, limit=query.limit + 1)
    out = functools.partial(share_out, last_used=dict(call.database.last_used))
    return page("shares", [shares], query.limit, ("share_id",), out)


@route("POST", "/shares/v1", scope="admin", body=NewShare, answers={201: CreatedShare}, writes=True)
def post_share(call: Call) -> tuple[int, dict]:
    """Creates a link to a dashboard. Link and token are in this one answer and nowhere else."""
    share, token = create_share(call.connection, call.json(NewShare), call.now)
    link = f"{origin_of(call.environ, call.config)}{SHARE_PATH}{share['public_id']}#{token}"
    return 201, share_out(share) | {"url": link, "token": token}


@route("DELETE", "/shares/v1/{share_id}", scope="admin", answers={200: ShareOut}, writes=True)
def delete_share(call: Call) -> dict:
    """Revokes a share, at once."""
    share_id = call.number("share_id")
    if row(call.connection, "shares.find", share_id=share_id) is None:
        raise NotFound(f"there is no share {share_id}")
    call.database.callers.clear()
    revoke_key(call.connection, share_id, call.now)
    revoked = row(call.connection, "shares.find", share_id=share_id)
    return share_out(revoked, call.database.last_used)


# What viewers see

NUMBERS_SECONDS = 15  # that an answer to viewers is kept
NUMBERS_BYTES = 8 * MEGABYTE  # of all of them together; one has an eighth at most
ANSWER_OVERHEAD = 500  # of each
# Warnings that a number lacks some of what it should be made of
OF_MISSING_VALUES = {"skipped", "number_too_large", "contacts_unknown"}


class ViewQuery(CardsQuery):
    """Viewers choose no locations."""

    locations: ClassVar[None] = None


class ViewEventsQuery(ViewQuery):
    """Which events are behind a number of a card: as of a metric, but `group` is the name that the
    card shows, empty where the value is lacking, and `other` stands for all other groups."""

    card: int = Field(ge=0, lt=CARDS_LIMIT)
    cards: ClassVar[None] = None
    term: str | None = Field(None, description="left out: the first one")
    bucket: DayOrTime | None = None
    group: str | None = None
    other: bool = False
    compared: bool = False
    limit: Limit = 50
    cursor: cursor_of(int, int) | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What the viewers of a share see at this moment."""

    dashboard: dict  # as dashboard_out gives it
    locations: dict[str, str] | None  # their names by their ids; None: all
    may: dict[str, bool]
    expires_at: int | None

    def frame(self, call: Call, query: Range) -> Frame:
        allowed = None if self.locations is None else frozenset(self.locations)
        return resolve_frame(call.connection, query, call.now, call.config.time_zone, allowed)


def view_of(call: Call) -> View:
    """Raises Forbidden where there is no longer anything to see."""
    connection = call.connection
    share = row(connection, "shares.find", share_id=call.caller.key_id)
    if share["expires_at"] is not None and share["expires_at"] <= call.now:
        raise Forbidden("this link has expired", "share_expired")
    dashboard = row(connection, "dashboards.find", dashboard_id=share["dashboard_id"])
    if dashboard is None:
        raise Forbidden("the dashboard of this link was deleted", "dashboard_deleted")
    names = None
    if call.caller.locations is not None:
        names = shown_names(connection, sorted(call.caller.locations))
        if not names:
            raise Forbidden("the location of this link was removed", "location_deleted")
    return View(dashboard_out(dashboard), names, may_out(share["may"]), share["expires_at"])


def check_dates(view: View, query: ViewQuery) -> None:
    """Raises Forbidden where viewers may not choose the range."""
    if not view.may["dates"] and query.model_fields_set & {"from_", "to", "timezone"}:
        raise Forbidden("the dates of this link are fixed", "dates_fixed")


class KeptAnswers:
    """What viewers were answered lately, in bytes, for all who ask the same within 15 seconds.

    Who asks for what is just being calculated waits for it, so that it is calculated once.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        # By what was asked: until when it is kept, and the answer; the oldest first
        self.answers: dict[bytes, tuple[float, bytes]] = {}
        self.size = 0
        self.under_way: set[bytes] = set()

    def answer(self, question: bytes, calculate: Callable[[], bytes], deadline: float) -> bytes:
        """The kept answer, or a new one. Raises TooSlow, and what the calculation raises."""
        with self.changed:
            while question in self.under_way:
                if not self.changed.wait(max(0, deadline - time.monotonic())):
                    raise TooSlow
            self.forget_old()
            if question in self.answers:
                return self.answers[question][1]
            self.under_way.add(question)
        try:
            content = calculate()
        except BaseException:
            self.finish(question)
            raise
        self.finish(question, content)
        return content

    def finish(self, question: bytes, content: bytes | None = None) -> None:
        with self.changed:
            self.under_way.discard(question)
            if content is not None and len(content) <= NUMBERS_BYTES // 8:
                self.answers[question] = (time.monotonic() + NUMBERS_SECONDS, content)
                self.size += ANSWER_OVERHEAD + len(content)
            while self.size > NUMBERS_BYTES:
                self.forget_oldest()
            self.changed.notify_all()

    def forget_old(self) -> None:
        now = time.monotonic()
        while self.answers and next(iter(self.answers.values()))[0] <= now:
            self.forget_oldest()

    def forget_oldest(self) -> None:
        question = next(iter(self.answers))
        _, content = self.answers.pop(question)
        self.size -= ANSWER_OVERHEAD + len(content)


def card_view(found: dict) -> dict:
    """Of a calculated card what its viewers see: numbers and names, neither ids nor definitions."""
    if "problem" in found:
        return {"card": found["card"], "problem": {"title": "could not be calculated"}}
    data = found["data"]
    names = {each["location_id"]: each["name"] or each["location_id"] for each in data["locations"]}
    shown = {
        "name": data["name"],
        "format": data["format"],
        "timezone": data["timezone"],
        "interval": data["interval"],
        "calculated_at": data["calculated_at"],
        **period_view(data),
        "values_missing": any(each["code"] in OF_MISSING_VALUES for each in data["warnings"]),
    }
    if "compare" in data:
        compared = data["compare"]
        shown["compare"] = {
            "kind": compared["kind"],
            "to_date": compared["to_date"],
            **period_view(compared),
        }
    if "breakdown" in data:
        by_location = data["breakdown"]["by"] == "location"
        groups = data["breakdown"]["groups"]
        shown["breakdown"] = {
            "groups": [group_view(group, names if by_location else {}) for group in groups]
        }
    if len(data["locations"]) > 1:
        shown["locations"] = [
            {"name": names[each["location_id"]], **value_view(each)} for each in data["locations"]
        ]
    return {"card": found["card"], "data": shown, "target": found["target"]}


def period_view(period: dict) -> dict:
    total = period["total"]
    return {
        "from": period["from"],
        "to": period["to"],
        "total": {"value": total["value"], "complete": total["complete"], **maturing_view(total)},
        "buckets": [bucket_view(bucket) for bucket in period["buckets"]],
    }


def bucket_view(bucket: dict) -> dict:
    shown = {name: bucket[name] for name in ("start", "end", "complete", "value")}
    shown |= maturing_view(bucket)
    if "compare" in bucket:
        partner = bucket["compare"]
        shown["compare"] = partner and {name: partner[name] for name in ("start", "end", "value")}
    return shown


def maturing_view(numbers: dict) -> dict:
    """Of all terms together: their keys are a part of the definition."""
    if "maturing" not in numbers:
        return {}
    counts = Counter()
    for term in numbers["maturing"].values():
        counts.update(term)
    return {"maturing": dict(counts)}


def value_view(numbers: dict) -> dict:
    shown = {"value": numbers["value"], **maturing_view(numbers)}
    if "compare" in numbers:
        shown["compare"] = {"value": numbers["compare"]["value"]}
    return shown


def group_view(group: dict, names: dict[str, str]) -> dict:
    return {
        "key": names.get(group["key"], group["key"]),
        "other": group["other"],
        **value_view(group),
        "buckets": [bucket_view(bucket) for bucket in group["buckets"]],
    }


def event_view(event: dict, names: dict[str, str]) -> dict:
    return {
        "time": iso(event["timestamp"]),
        "event_name": event["event_name"],
        "contact_name": event["contact_name"],
        "properties": from_json(event["properties"]),
        "location": names[event["location_id"]],
    }


def calculate_view(call: Call, view: View) -> bytes:
    """The answer to viewers, of the cards that they ask for; by gzip, which makes it a tenth."""
    make_frame = functools.partial(view.frame, call)
    cards = calculate_cards(call.connection, view.dashboard, call.query, make_frame, call.deadline)
    content = to_json({"cards": [card_view(found) for found in cards]})
    return gzip.compress(content, 5, mtime=0)


def list_viewed_events(call: Call, view: View) -> dict:
    """The events behind a number of a card, the newest first.

    Its cursor names a time and how many events of it were shown: our own ids would tell how much
    others send. Raises Invalid for what the card does not have.
    """
    asked = call.query
    cards = view.dashboard["cards"]
    if asked.card >= len(cards):
        message = f"this dashboard has {len(cards)}, numbered from 0"
        raise refusal("?card", wrong("unknown_card", message))
    card = cards[asked.card]
    metric = saved_definition(call.connection, card["metric_id"])
    asked = asked.model_copy(update={"interval": card_interval(card, asked)})
    frame = view.frame(call, asked)
    names = shown_names(call.connection, frame.locations)
    query = evidence_query(asked, card, metric, names)
    before, shown = asked.cursor or (YEAR_2200, 0)
    shown = min(max(shown, 0), PREVIEW_LIMIT)
    query.cursor = [before, 2**62]  # of that time all events; those that were shown are skipped
    query.limit = asked.limit + shown
    count, found = find_evidence(call.connection, query, frame, call.deadline)
    keys = itertools.islice(found, shown, None)
    events = []
    following = None
    size = 0
    for key in keys:
        if len(events) == asked.limit or size > PAGE_BYTES:
            following = write_cursor((before, shown))
            break
        shown = shown + 1 if key["timestamp"] == before else 1
        before = key["timestamp"]
        event = find_event(call.connection, key)
        shown_event = event_view(event, names)
        if "ended_at" in key:
            shown_event["then"] = outcome_of(key)
        events.append(shown_event)
        size += size_of(event)
    return {"count": count, "events": events, "next": following}


def evidence_query(
    asked: ViewEventsQuery, card: dict, metric: Definition, names: dict[str, str]
) -> EvidenceQuery:
    """What is asked of the card's metric, with the locations of `names`. Raises Invalid."""
    terms = [term.key for term in metric.terms]
    errors = []
    if asked.term is not None and asked.term not in terms:
        message = "must be the key of a term of the card"
        errors.append(field_error("?term", "unknown_term", message))
    if asked.compared and asked.compare is None:
        errors.append(field_error("?compare", "required", "is required with compared"))
    group = None
    if asked.group is not None or asked.other:
        key = asked.group or None
        if card["breakdown"] is None:
            errors.append(field_error("?group", "no_groups", "this card has no groups"))
        elif card["breakdown"] == "location" and key is not None:
            # By the name that is shown; one that is none of theirs has no events.
            ids = (location_id for location_id, name in names.items() if name == key)
            key = next(ids, "")
        group = GroupChoice(key=None if asked.other else key, other=asked.other)
    if errors:
        raise Invalid(errors)
    return EvidenceQuery.model_construct(
        metric=metric,
        term=asked.term or terms[0],
        breakdown=card["breakdown"],
        group=group,
        **{name: getattr(asked, name) for name in ("interval", "compare", "bucket", "compared")},
    )


ViewTerm = answer("ViewTerm", key=str, event=str)
ViewCard = answer(
    "ViewCard",
    card=int,
    name=str,
    chart=str,
    size=str,
    format=dict | None,
    breakdown=bool,
    terms=(list[ViewTerm], None),
)
ViewedDashboard = answer("ViewedDashboard", name=str, cards=list[ViewCard])
CurrentShare = answer(
    "CurrentShare",
    BrandingLook,
    dashboard=ViewedDashboard,
    may=MayOut,
    locations=list[str] | None,
    timezone=str,
    expires_at=Moment | None,
)
ViewValue = answer("ViewValue", value=float | int | None)
ViewTotal = answer("ViewTotal", ViewValue, complete=bool, maturing=(Maturing | None, None))
ViewPartner = answer("ViewPartner", ViewValue, start=Moment, end=Moment)
ViewBucket = answer(
    "ViewBucket", ViewTotal, start=Moment, end=Moment, compare=(ViewPartner | None, None)
)
ViewPeriod = answer(
    "ViewPeriod", **{"from": Moment}, to=Moment, total=ViewTotal, buckets=list[ViewBucket]
)
ViewComparison = answer("ViewComparison", ViewPeriod, kind=str, to_date=bool)
ViewCompared = answer(
    "ViewCompared",
    ViewValue,
    maturing=(Maturing | None, None),
    compare=(ViewValue | None, None),
)
ViewGroup = answer("ViewGroup", ViewCompared, key=str | None, other=bool, buckets=list[ViewBucket])
ViewGroups = answer("ViewGroups", groups=list[ViewGroup])
ViewLocation = answer("ViewLocation", ViewCompared, name=str)
ViewNumbers = answer(
    "ViewNumbers",
    ViewPeriod,
    name=str | None,
    format=dict | None,
    timezone=str,
    interval=str,
    calculated_at=Moment,
    values_missing=bool,
    compare=(ViewComparison | None, None),
    breakdown=(ViewGroups | None, None),
    locations=(list[ViewLocation] | None, None),
)
ViewProblem = answer("ViewProblem", title=str)
ViewCardData = answer(
    "ViewCardData",
    card=int,
    data=(ViewNumbers, None),
    target=(TargetLine | None, None),
    problem=(ViewProblem, None),
)
ViewData = answer("ViewData", cards=list[ViewCardData])
ViewOutcome = answer("ViewOutcome", outcome=str, seconds=float | int | None)
ViewEvent = answer(
    "ViewEvent",
    time=Moment,
    event_name=str,
    contact_name=str | None,
    properties=dict,
    location=str,
    then=(ViewOutcome, None),
)
ViewEvents = answer("ViewEvents", events=list[ViewEvent], next=str | None, count=int)


@route("GET", "/shares/v1/current", scope="share", answers={200: CurrentShare})
def get_current_share(call: Call) -> dict:
    """What the holder of a link sees: the dashboard's name and cards, and what it looks like."""
    view = view_of(call)
    cards = []
    for index, card in enumerate(view.dashboard["cards"]):
        metric = definition_out(find_metric(call.connection, card["metric_id"]))
        shown = {
            "card": index,
            "name": metric["name"],
            "chart": card["chart"],
            "size": card["size"],
            "format": metric.get("format"),
            "breakdown": card["breakdown"] is not None,
        }
        if view.may["events"]:
            shown["terms"] = [
                {"key": term["key"], "event": term["event"]} for term in metric["terms"]
            ]
        cards.append(shown)
    return {
        **look_of(find_branding(call.connection)),
        "dashboard": {"name": view.dashboard["name"], "cards": cards},
        "may": view.may,
        "locations": None if view.locations is None else list(view.locations.values()),
        "timezone": view.frame(call, ViewQuery()).zone.key,
        "expires_at": iso(view.expires_at),
    }


@route("GET", "/shares/v1/current/data", scope="share", query=ViewQuery, answers={200: ViewData})
def get_current_data(call: Call) -> Response:
    """The numbers of a shared dashboard, which may be 15 seconds old.

    Without range parameters they are of the last 30 days and today.
    """
    view = view_of(call)
    query = call.query
    check_dates(view, query)
    view.frame(call, query)  # raises Invalid for a range that no card could have
    asked = repr((view.dashboard, view.locations, query))
    question = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).digest()
    calculate = functools.partial(calculate_view, call, view)
    compressed = call.kept_answers.answer(question, calculate, call.deadline)
    if "gzip" in call.environ.get("HTTP_ACCEPT_ENCODING", ""):
        response = bytes_response(200, compressed, JSON)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = bytes_response(200, gzip.decompress(compressed), JSON)
    response.headers["Vary"] = "Accept-Encoding"
    return response


@route(
    "GET",
    "/shares/v1/current/events",
    scope="share",
    query=ViewEventsQuery,
    answers={200: ViewEvents},
)
def get_current_events(call: Call) -> dict:
    """The events behind a number of a card, where the share allows it."""
    view = view_of(call)
    if not view.may["events"]:
        raise Forbidden("this link does not show events", "events_not_shown")
    check_dates(view, call.query)
    return list_viewed_events(call, view)


# Its page

# How a link fares, which static/share.html shows in words; in all but the first there is no more
# to see.
LINK_STATES = {"works": 200, "unknown": 401, "revoked": 403, "expired": 403}
LINK_REASONS = {
    "unknown": "the link is not known here",
    "revoked": "the link was revoked",
    "expired": "the link has expired",
}


def share_pages(page: Asset) -> dict[str, Asset]:
    """The page of a link for each of its states, which `data-link` of its root element has."""
    pages = {}
    for state in LINK_STATES:
        content = page.content.replace(b'data-link="works"', f'data-link="{state}"'.encode())
        pages[state] = Asset(content, page.content_type, page.tag)
    return pages


def link_of(connection: apsw.Connection, public_id: str, now: int) -> tuple[str, list[str]]:
    """How the link fares (see LINK_STATES), and whose pages may frame it."""
    share = row(connection, "shares.find_by_public_id", public_id=public_id)
    if share is None:
        return "unknown", default_frame_hosts(find_branding(connection))
    frame_hosts = json.loads(share["frame_hosts"])
    if share["revoked_at"] is not None:
        return "revoked", frame_hosts
    if share["expires_at"] is not None and share["expires_at"] <= now:
        return "expired", frame_hosts
    return "works", frame_hosts


def hide_token(environ: dict[str, Any]) -> None:
    """Of a link's path and query keeps the public_id alone, so that nothing can note its token.

    That is in the path where somebody has encoded the # before it, and in the query where the
    link was made so; there only the page looks for it.
    """
    found = LINK_PATH.fullmatch(environ["PATH_INFO"])
    if found is None or found["rest"] == "logo":
        return
    public_id = PUBLIC_ID.match(found["rest"])
    environ["PATH_INFO"] = SHARE_PATH + (public_id[0] if public_id else "unknown")
    environ["QUERY_STRING"] = ""


####################################################################################################
# outbox
####################################################################################################

# What there is to tell somebody is queued as a message, in the transaction of what it is about. The
# server opens no connection to anyone: an Outbox, in a process or on a thread of its own, claims
# what is due, delivers it, and notes what came of it. Each of these is a short transaction.

MESSAGE_BYTES = 512 * 1024  # of one
WAITING_LIMIT = 5_000  # that wait
WAITING_BYTES = 64 * MEGABYTE  # of them
RECIPIENT_LIMIT = 1_000  # to one recipient in a day
URL_LIMIT = 2_000  # characters of a webhook's
SUBJECT_LIMIT = 200  # characters of a subject, and of what a list shows of a message
SAID_LIMIT = 200  # characters of what the other side said
ANSWER_BYTES = 4_096  # that are read of a webhook's answer
REPLIES_BYTES = 65_536  # that a mail server may say in a connection
SENDERS_LIMIT = 8  # deliveries at once, each to another host
SEND_PAUSE = 2  # seconds between two looks of `serve --send`
DELIVERY_SECONDS = {"mail": 60, "webhook": 30}  # for all of a delivery
CONNECT_SECONDS = 10  # for one address
LAST_SECONDS = 2  # for deliveries that are under way when the sender is asked to stop
TURN_PAUSE = 0.015  # seconds that posts have between two transactions of a sender
LOOK_AGAIN_SECONDS = 0.25  # how often it looks whether it is
# After which another sender may try what one has claimed, which was killed or has lost its file
CLAIM_MS = 10 * MINUTE_MS
LONGEST_WAIT_MS = 4 * HOUR_MS  # between two attempts, which begin a minute apart
UNATTENDED_MS = 5 * MINUTE_MS  # after which a message that nobody has tried is told


# Recipients


def read_webhook_url(value: Any) -> str:
    """A URL as a request can carry it, its host in ASCII. Where it leads is looked at later."""
    text = check_one_line(read_text(trim(value) if isinstance(value, str) else value, URL_LIMIT))
    example = "must be a URL such as https://hooks.example.com/path"
    try:
        url = urlsplit(text)
        host, port = url_host(url), url.port
    except ValueError:
        raise wrong("webhook_url", example) from None
    if url.scheme not in ("http", "https") or not host or port == 0:
        raise wrong("webhook_url", example)
    if url.username is not None or url.password is not None:
        raise wrong("webhook_url", "must not contain a user or a password")
    path = url.path + url.query
    if not path.isascii() or " " in path or "\\" in path:
        raise wrong("webhook_url", "must have blanks and letters like ä percent-encoded (%20)")
    place = f"[{host}]" if ":" in host else host
    return urlunsplit(
        (url.scheme, place if port is None else f"{place}:{port}", url.path, url.query, "")
    )


WebhookUrl = plain(read_webhook_url, {"type": "string", "format": "uri", "maxLength": URL_LIMIT})


class Recipient(Strict):
    """Whom a message goes to: `mail`, an address, or `webhook`, a URL."""

    mail: MailAddress | None = None
    webhook: WebhookUrl | None = None

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        if (sent.get("mail") is None) == (sent.get("webhook") is None):
            message = "must have either mail, an address, or webhook, a URL"
            yield fault_at((), wrong("recipient", message))

    @property
    def channel(self) -> Literal["mail", "webhook"]:
        return "webhook" if self.mail is None else "mail"

    @property
    def address(self) -> str:
        return self.webhook or self.mail


def check_webhook(url: str, config: Config) -> str:
    """Raises wrong() for one that leads back here, or to a network that is not allowed, as far as
    the URL alone tells: who sends there looks at the address that the name of the host has then."""
    host = urlsplit(url).hostname
    if host == urlsplit(config.public_url).hostname:
        raise wrong("webhook_loop", "leads to this server itself, which must not tell itself")
    if not config.allow_private_webhooks and (is_this_machine(host) or not is_public(host, True)):
        raise wrong("webhook_private", f"leads to {PRIVATE}")
    return url


PRIVATE = (
    "this machine or a private network, which the setting --allow-private-webhooks "
    f"({ENV_PREFIX}ALLOW_PRIVATE_WEBHOOKS) would allow"
)
# IPv4 addresses within IPv6, behind a translator
TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def is_public(host: str, otherwise: bool = False) -> bool:
    """Whether an address is one of the internet; `otherwise` for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return otherwise
    if address.version == 6:
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in TRANSLATED):
            inner = ipaddress.ip_address(int(address) & 0xFFFFFFFF)
        if address.teredo or not int(address) >> 32:  # ::a.b.c.d, which nobody uses any more
            return False
        address = inner or address
    return address.is_global and not address.is_multicast


# The queue

LINK = re.compile("https?://[!-;=?-~]{0,900}")  # as it may stand in a header


def queue_message(
    connection: apsw.Connection,
    *,
    purpose: str,
    channel: Literal["mail", "webhook"],
    recipient: str,
    content: dict,
    about: str,
    now: int,
    until: int | None = None,
) -> bool:
    """Queues a message in the caller's transaction; False where its purpose was queued before.

    `recipient` is as MailAddress or WebhookUrl read it. The content of a mail is {"subject",
    "text", "html", "unsubscribe"}, the last two perhaps None; that of a webhook is {"body"}, an
    object. `until` is when to give up, in milliseconds UTC; by default in a day. A message beyond
    the limits is kept as failed, and says why.
    """
    if not LINK.fullmatch(content.get("unsubscribe") or "https://"):
        raise ValueError("the link to unsubscribe cannot stand in a header")
    text = to_json(content).decode()
    size = len(text.encode())
    title = content["subject"] if channel == "mail" else content["body"].get("text", "")
    first_line = str(title).strip().partition("\n")[0]
    refusal = refusal_of(connection, recipient, size, now)
    created = row(
        connection,
        "messages.insert",
        purpose=purpose,
        channel=channel,
        host="" if channel == "mail" else urlsplit(recipient).hostname,
        recipient=recipient,
        title=one_line(first_line, SUBJECT_LIMIT),
        content="{}" if refusal else text,
        size=2 if refusal else size,
        about=about,
        now=now,
        due_at=None if refusal else now,
        until=now + DAY_MS if until is None else until,
        failed_at=now if refusal else None,
        outcome=refusal,
    )
    return created is not None


def refusal_of(connection: apsw.Connection, recipient: str, size: int, now: int) -> str | None:
    """Why a message is not even tried; None: it is."""
    if size > MESSAGE_BYTES:
        return f"it has {size:,} bytes, and a message may have {MESSAGE_BYTES:,}"
    waiting = row(connection, "messages.count_waiting")
    if waiting["number"] >= WAITING_LIMIT:
        return f"{waiting['number']:,} messages wait already, as many as may"
    if waiting["bytes"] + size > WAITING_BYTES:
        return (
            f"the messages that wait have {waiting['bytes']:,} bytes already, as many as they may"
        )
    binds = {"recipient": recipient, "since": now - DAY_MS}
    if scalar(connection, "messages.count_by_recipient", **binds) >= RECIPIENT_LIMIT:
        return f"this recipient had {RECIPIENT_LIMIT:,} messages within a day, as many as may be"
    return None


def one_line(text: str, limit: int) -> str:
    """The beginning of a text of others, without what could not be shown in a line."""
    shown = "".join(each if each.isprintable() else " " for each in text[: 4 * limit])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


# Deliveries


class Undelivered(Exception):
    """A message did not reach its recipient: why, in our words, and what was said there.

    `is_final`: there is no use in another attempt. `of_host`: all others to the host fail as well.
    `wait_ms`: how long the other side wants to be left alone.
    """

    def __init__(
        self,
        words: str,
        said: str = "",
        is_final: bool = False,
        of_host: bool = False,
        wait_ms: int = 0,
    ):
        super().__init__(words)
        self.words = words
        self.said = one_line(said, SAID_LIMIT)
        self.is_final = is_final
        self.of_host = of_host
        self.wait_ms = wait_ms

    @property
    def outcome(self) -> str:
        return f"{self.words}: {self.said}" if self.said else self.words


NOT_OFFERED = "does not offer what is needed"
NOT_REACHED = "cannot be reached"
# The first that fits is what the other side did.
TROUBLES = {
    TimeoutError: "did not answer in time",
    socket.gaierror: "is a name without an address, or the network is away",
    ssl.SSLCertVerificationError: "has a certificate that is not valid",
    ssl.SSLError: "does not speak TLS as it should; is the port right?",
    ConnectionRefusedError: "refused the connection; is the port right?",
    ConnectionError: "ended the connection without an answer",
    smtplib.SMTPServerDisconnected: "ended the connection without an answer",
    smtplib.SMTPException: NOT_OFFERED,  # of encryption and ways to log in
    HTTPException: "gave an answer that is not HTTP",
    OSError: NOT_REACHED,
}


class Delivery(threading.Thread):
    """An attempt to deliver one message, of which the sender ends what takes too long.

    When `is_finished`, it was acknowledged, in the words of `outcome`, or there is a `failure`.
    """

    def __init__(self, message: dict, outbox: Outbox):
        super().__init__(name=f"message {message['message_id']}", daemon=True)
        self.message = message
        self.config = outbox.config
        self.tls = outbox.tls
        self.now = outbox.clock()
        digest = hashlib.sha256(f"{outbox.identity} {message['purpose']}".encode())
        # The same in each attempt, so that who gets a message twice can tell.
        self.public_id = digest.hexdigest()[:32]
        self.wake = outbox.wake
        self.deadline = time.monotonic() + DELIVERY_SECONDS[message["channel"]]
        self.whom = message["host"] or "the mail server"
        self.socket: socket.socket | None = None
        self.has_reached_host = False
        self.is_hurried = False  # for the sender is to stop
        self.is_abandoned = False
        self.is_finished = False
        self.is_noted = False
        self.outcome = ""
        self.failure: Undelivered | None = None

    def run(self) -> None:
        try:
            self.outcome = self.deliver()
        except Undelivered as failure:
            self.failure = failure
        except (OSError, HTTPException) as error:  # smtplib's are of the first
            self.failure = self.explain(error)
        except Exception as error:
            log_defect(error)
            self.failure = Undelivered("the sender failed; its log says where")
        self.is_finished = True
        self.wake.set()

    def deliver(self) -> str:
        if self.now > self.message["until"] + HOUR_MS:
            raise Undelivered("nobody sent it in time, and now it is too late", is_final=True)
        return send_mail(self) if self.message["channel"] == "mail" else post_webhook(self)

    def go_on(self) -> None:
        """Before each step that may follow a long one. Raises Undelivered."""
        if self.is_abandoned:
            raise self.too_slow()

    def too_slow(self) -> Undelivered:
        if self.is_hurried:
            return Undelivered(f"the sender was stopped before {self.whom} had answered")
        seconds = DELIVERY_SECONDS[self.message["channel"]]
        words = f"{self.whom} did not answer within {seconds} seconds"
        return Undelivered(words, of_host=not self.has_reached_host)

    def explain(self, error: Exception) -> Undelivered:
        """A failure of the network, or of the other side's protocol."""
        if self.is_abandoned or time.monotonic() >= self.deadline:
            return self.too_slow()
        if isinstance(error, smtplib.SMTPResponseException):
            return mail_refusal(self, error)
        words = next(words for kind, words in TROUBLES.items() if isinstance(error, kind))
        said = ""
        if isinstance(error, ssl.SSLCertVerificationError):
            said = error.verify_message
        elif words == NOT_OFFERED:
            said = str(error)
        elif words == NOT_REACHED:
            said = error.strerror or ""
        return Undelivered(f"{self.whom} {words}", said, of_host=not self.has_reached_host)

    def abandon(self) -> None:
        """Ends what blocks the thread, whose own finding then counts if it has one."""
        self.is_abandoned = True
        if self.socket is not None:
            with contextlib.suppress(OSError):
                # Not TLS's own, which would take the socket from under the thread.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        self.join(LOOK_AGAIN_SECONDS)


# Webhooks


def post_webhook(delivery: Delivery) -> str:
    """Follows no redirect. Raises Undelivered, OSError and HTTPException."""
    message = delivery.message
    url = urlsplit(message["recipient"])
    body = to_json(message["content"]["body"])
    is_tls = url.scheme == "https"
    port = url.port or (443 if is_tls else 80)
    if is_tls:
        connection = HTTPSConnection(url.hostname, port, context=delivery.tls)
    else:
        connection = HTTPConnection(url.hostname, port)
    with contextlib.closing(connection):
        connected = connect_to_webhook(delivery, url.hostname, port)
        if is_tls:
            connected = delivery.tls.wrap_socket(connected, server_hostname=url.hostname)
        connection.sock = delivery.socket = connected
        delivery.go_on()
        delivery.has_reached_host = True
        path = urlunsplit(("", "", url.path or "/", url.query, ""))
        connection.request("POST", path, body, webhook_headers(delivery, body))
        with connection.getresponse() as response:
            delivery.go_on()  # else the part of a header that came in time would count
            return read_answer(delivery, response)


def connect_to_webhook(delivery: Delivery, host: str, port: int) -> socket.socket:
    """A connection to an address that was looked at: another look could give another one."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(each[4][0] for each in found))
    if not delivery.config.allow_private_webhooks:
        addresses = [each for each in addresses if is_public(each)]
        if not addresses:
            raise Undelivered(f"{host} leads to {PRIVATE}", of_host=True)
    for address in addresses[:4]:
        delivery.go_on()
        try:
            connected = socket.create_connection((address, port), CONNECT_SECONDS)
        except OSError as error:
            failure = error
            continue
        connected.settimeout(DELIVERY_SECONDS["webhook"])
        return connected
    raise failure


def webhook_headers(delivery: Delivery, body: bytes) -> dict[str, str]:
    """Id, time and signature as Standard Webhooks has them, for which there are libraries."""
    message_id = f"msg_{delivery.public_id}"
    seconds = str(delivery.now // 1000)
    headers = {
        "Content-Type": JSON,
        "User-Agent": f"Streamlined-Lite/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
    }
    if delivery.config.webhook_secret:
        key = read_webhook_secret(delivery.config.webhook_secret)
        signed = f"{message_id}.{seconds}.".encode() + body
        digest = hmac.digest(key, signed, "sha256")
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def read_answer(delivery: Delivery, response: HTTPResponse) -> str:
    """What a 2xx is in words; Undelivered for any other status. Of a body little is read."""
    status = response.status
    answered = f"{delivery.whom} answered {status} {bottle.HTTP_CODES.get(status, '')}".rstrip()
    if 200 <= status < 300:
        return answered
    said = b""
    with contextlib.suppress(OSError, HTTPException):
        said = response.read(ANSWER_BYTES)
    text = said.decode("utf-8", "replace")
    if 300 <= status < 400:
        text = response.getheader("Location", "")
        answered += ", and redirects are not followed; set the address that it names"
    wait = response.getheader("Retry-After", "")
    wait_ms = int(wait) * 1000 if re.fullmatch("[0-9]{1,6}", wait) else 0
    raise Undelivered(answered, text, is_final=status == 410, wait_ms=wait_ms)


# Mail


class Replies:
    """The lines that a mail server says, as many as it needs: smtplib keeps all of a reply."""

    def __init__(self, file: io.BufferedReader):
        self.file = file
        self.close = file.close
        self.room = REPLIES_BYTES

    def readline(self, limit: int) -> bytes:
        line = self.file.readline(limit)
        self.room -= len(line)
        if self.room < 0:
            raise ConnectionAbortedError
        return line


class MailConnection(smtplib.SMTP):
    """smtplib's, which a Delivery can end, and with TLS from the beginning where that is wanted."""

    def __init__(self, server: MailServer, domain: str, delivery: Delivery):
        self.server = server
        self.delivery = delivery
        # The sender ends what takes too long; smtplib would say that the server has gone.
        super().__init__(server.host, server.port, domain, 2 * DELIVERY_SECONDS["mail"])

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = socket.create_connection((host, port), CONNECT_SECONDS)
        connected.settimeout(timeout)
        if self.server.tls == "on":
            connected = self.delivery.tls.wrap_socket(connected, server_hostname=host)
        self.delivery.socket = connected
        return connected

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = Replies(self.sock.makefile("rb"))
        return super().getreply()


def send_mail(delivery: Delivery) -> str:
    """Raises Undelivered, and OSError, of which smtplib's errors are."""
    server, sender = mail_settings(delivery.config)
    mail = mail_of(delivery, sender)
    smtp = MailConnection(server, sender.domain, delivery)
    try:
        delivery.go_on()
        if server.tls == "starttls":
            smtp.starttls(context=delivery.tls)
            delivery.socket = smtp.sock
        smtp.ehlo_or_helo_if_needed()
        if server.user:
            smtp.login(server.user, server.password)
        delivery.go_on()
        expect(delivery, smtp.mail(sender.addr_spec), "refused the sender's address")
        delivery.has_reached_host = True
        expect(delivery, smtp.rcpt(delivery.message["recipient"]), "refused the recipient")
        reply = smtp.data(mail)
        expect(delivery, reply, "refused the mail")
        with contextlib.suppress(OSError):  # it has been taken
            smtp.quit()
        return f"the mail server took it: {one_line(reply_text(*reply), SAID_LIMIT)}"
    finally:
        smtp.close()


def mail_settings(config: Config) -> tuple[MailServer, Address]:
    """Raises Undelivered where they are not set."""
    if not config.smtp_url:
        words = f"no mail server is set; put its address into {ENV_PREFIX}SMTP_URL of the sender"
        raise Undelivered(words, of_host=True)
    server = read_smtp_url(config.smtp_url)
    try:
        return server, read_sender(config.mail_from or server.user)
    except PydanticCustomError:
        words = f"no sender's address is set; put it into {ENV_PREFIX}MAIL_FROM"
        raise Undelivered(words, of_host=True) from None


def expect(delivery: Delivery, reply: tuple[int, bytes], refusal: str) -> None:
    """Raises Undelivered unless the mail server agreed."""
    if not 200 <= reply[0] < 300:
        raise mail_refusal(delivery, smtplib.SMTPResponseException(*reply), refusal)


def mail_refusal(
    delivery: Delivery, error: smtplib.SMTPResponseException, refusal: str = "refused"
) -> Undelivered:
    """What a mail server has against a recipient or a mail (5xx) is for good. What it has against
    the user or the sender is a setting, which may be changed."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        refusal = "refused the user or the password"
    elif isinstance(error, smtplib.SMTPDataError):
        refusal = "refused the mail"
    elif error.smtp_code == -1:
        refusal = "does not speak SMTP as it should; is the port right?"
    of_host = not delivery.has_reached_host or error.smtp_code == 421
    return Undelivered(
        f"the mail server {refusal}",
        reply_text(error.smtp_code, error.smtp_error),
        is_final=not of_host and 500 <= error.smtp_code < 600,
        of_host=of_host,
    )


def reply_text(code: int, said: bytes | str) -> str:
    """421 4.3.2 Try again later"""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {text}"


# As every mail server takes it, also one without 8BITMIME.
MAIL_POLICY = email.policy.SMTP.clone(cte_type="7bit")


def mail_of(delivery: Delivery, sender: Address) -> bytes:
    """The mail as it travels: text, and HTML beside it."""
    content = delivery.message["content"]
    mail = EmailMessage(MAIL_POLICY)
    mail["From"] = sender
    mail["To"] = Address(addr_spec=delivery.message["recipient"])
    mail["Subject"] = one_line(content["subject"], SUBJECT_LIMIT)
    mail["Date"] = email.utils.format_datetime(EPOCH + timedelta(milliseconds=delivery.now))
    mail["Message-ID"] = f"<{delivery.public_id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    first = b""
    if content.get("unsubscribe"):
        # EmailMessage would encode what is longer than a line, and mail programs not decode it.
        first = f"List-Unsubscribe: <{content['unsubscribe']}>\r\n".encode()
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(content["text"])
    if content.get("html"):
        mail.add_alternative(content["html"], subtype="html")
    return first + mail.as_bytes()


# Sending

# Gets a message, its new state, and the reason for it.
Tell = Callable[[dict, str, str], None]


class Outbox:
    """Delivers what is due, several messages at once, but of each host one after the other: what
    hangs or fails there holds up nothing else. Hosts take turns."""

    def __init__(self, database: Database, config: Config, clock: Callable[[], int]):
        self.database = database
        self.config = config
        self.clock = clock
        self.identity = scalar(database.writer, "identity.find")
        self.wake = threading.Event()
        self.running: dict[str, Delivery] = {}  # by host, until its thread has ended
        self.turns = itertools.count(1)
        self.last_turns: dict[str, int] = {}  # of the hosts for which messages wait

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        """Checks certificates by the system's authorities; loading them takes a moment."""
        return ssl.create_default_context()

    def send_due(
        self,
        is_stopping: Callable[[], bool] = never,
        tell: Tell = lambda *_: None,
    ) -> Counter:
        """Until nothing is due, or it is to stop. How many were sent, are waiting, have failed.

        `tell` gets each message, with its new state and the reason. Raises apsw.Error; what was
        delivered and not noted is noted by the next call.
        """
        counts: Counter = Counter()
        while True:
            if is_stopping():
                self.hurry()
            self.take_turn(counts, tell, may_claim=not is_stopping())
            if all(each.is_noted for each in self.running.values()):
                return counts
            self.wake.wait(LOOK_AGAIN_SECONDS)
            self.wake.clear()
            time.sleep(TURN_PAUSE)

    def take_turn(self, counts: Counter, tell: Tell, may_claim: bool) -> None:
        """One transaction: notes what has ended, and claims as much as there is room for."""
        ended = self.find_ended()
        hosts = self.due_hosts() if may_claim else []
        if ended or hosts:
            now = self.clock()
            with self.database.turn():
                states = [self.note(*each, now) for each in ended]
                claimed = [self.claim(host, now) for host in hosts]
            for (delivery, failure), state in zip(ended, states, strict=True):
                delivery.is_noted = True
                counts[state] += 1
                tell(delivery.message, state, f", {failure.words}" if failure else "")
        for host, delivery in list(self.running.items()):
            if delivery.is_finished and delivery.is_noted:
                del self.running[host]
        if ended or hosts:
            self.start(claimed)

    def find_ended(self) -> list[tuple[Delivery, Undelivered | None]]:
        """What is to be noted: the deliveries that have ended, or whose time has."""
        ended = []
        for delivery in self.running.values():
            if not delivery.is_finished and time.monotonic() >= delivery.deadline:
                delivery.abandon()
            if delivery.is_noted:
                continue
            if delivery.is_finished:
                ended.append((delivery, delivery.failure))
            elif delivery.is_abandoned:
                # Stuck in a step that cannot be ended, such as the search for a name
                ended.append((delivery, delivery.too_slow()))
        return ended

    def due_hosts(self) -> list[str]:
        """For which messages are due and none is under way, as many as there is room for: those
        whose last turn is longest ago."""
        now = self.clock()
        busy = {host for host, each in self.running.items() if not each.is_finished}
        waiting = rows(self.database.writer, "messages.list_hosts")
        self.last_turns = {each["host"]: self.last_turns.get(each["host"], 0) for each in waiting}
        due = [
            each["host"]
            for each in waiting
            if each["host"] not in busy and (each["first"] <= now or each["last"] > latest_due(now))
        ]
        return heapq.nsmallest(SENDERS_LIMIT - len(busy), due, key=self.last_turns.get)

    def claim(self, host: str, now: int) -> dict | None:
        """The message of a host that is due first, if no other sender was faster."""
        self.last_turns[host] = next(self.turns)
        self.change("messages.make_due", host=host, now=now, latest=latest_due(now))
        binds = {"host": host, "now": now, "until": now + CLAIM_MS}
        return row(self.database.writer, "messages.claim", **binds)

    def start(self, claimed: list[dict | None]) -> None:
        for message in filter(None, claimed):
            message["content"] = json.loads(message["content"])
            self.running[message["host"]] = delivery = Delivery(message, self)
            delivery.start()

    def note(self, delivery: Delivery, failure: Undelivered | None, now: int) -> str:
        """Returns its new state."""
        message = delivery.message
        binds = {"message_id": message["message_id"], "claimed_at": message["claimed_at"]}
        if failure is None:
            outcome = delivery.outcome
            self.change("messages.note_end", outcome=outcome, sent_at=now, failed_at=None, **binds)
            return "sent"
        binds["outcome"] = failure.outcome
        if failure.is_final or now >= message["until"]:
            self.change("messages.note_end", sent_at=None, failed_at=now, **binds)
            return "failed"
        wait = min(max(wait_after(message["attempts"]), failure.wait_ms), LONGEST_WAIT_MS)
        due_at = min(now + wait, message["until"])
        self.change("messages.note_failure", due_at=due_at, **binds)
        self.postpone(message, failure, now)
        return "waiting"

    def postpone(self, message: dict, failure: Undelivered, now: int) -> None:
        """What would fail just so is not tried for a minute, lest each takes as long to fail."""
        binds = {"host": message["host"], "due_at": now + MINUTE_MS, "outcome": failure.outcome}
        if failure.of_host:
            self.change("messages.postpone_host", **binds)
        else:
            self.change("messages.postpone_recipient", recipient=message["recipient"], **binds)

    def change(self, statement: str, **binds: Any) -> None:
        change(self.database.writer, statement, **binds)

    def hurry(self) -> None:
        """What is under way has little time to end. It may be tried again when it was delivered."""
        until = time.monotonic() + LAST_SECONDS
        for delivery in self.running.values():
            if delivery.deadline > until:
                delivery.deadline = until
                delivery.is_hurried = True


def latest_due(now: int) -> int:
    """After which nothing is due, unless a clock was wrong."""
    return now + LONGEST_WAIT_MS + HOUR_MS


def wait_after(attempts: int) -> int:
    """Milliseconds until the next attempt: one minute, two, four and so on, up to four hours."""
    return min(MINUTE_MS * 2 ** min(attempts - 1, 20), LONGEST_WAIT_MS)


# What came of it

MessageOut = answer(
    "Message",
    message_id=int,
    channel=Literal["mail", "webhook"],
    recipient=str,
    title=str,
    about=str,
    state=Literal["waiting", "sending", "sent", "failed"],
    outcome=str | None,
    attempts=int,
    created_at=Moment,
    due_at=Moment | None,
    sent_at=Moment | None,
    failed_at=Moment | None,
)
MessageList = answer("MessageList", messages=list[MessageOut], next=str | None)
MESSAGE_COLUMNS = {
    "message_id": None,
    "channel": None,
    "recipient": None,
    "title": None,
    "about": None,
    "state": None,
    "outcome": None,
    "attempts": None,
    "created_at": iso,
    "due_at": iso,
    "sent_at": iso,
    "failed_at": iso,
}
UNATTENDED = "nobody sends; enable streamlined-lite-send.timer, or start serve with --send"


class MessageQuery(Query):
    about: Line | None = None
    limit: Limit = 50
    cursor: cursor_of(int) | None = None


def message_out(message: dict, now: int) -> dict:
    """A row as answers show it. The path of a webhook's URL often is its password."""
    found = {"state": state_of(message, now), "outcome": message["outcome"]}
    is_unattended = message["due_at"] and message["created_at"] < now - UNATTENDED_MS
    if is_unattended and message["attempts"] == 0:
        found["outcome"] = message["outcome"] or UNATTENDED
    if message["channel"] == "webhook":
        url = urlsplit(message["recipient"])
        found["recipient"] = f"{url.scheme}://{url.netloc}/…"
    return as_answer(message | found, MESSAGE_COLUMNS)


def state_of(message: dict, now: int) -> str:
    if message["sent_at"] is not None:
        return "sent"
    if message["failed_at"] is not None:
        return "failed"
    is_claimed = message["claimed_at"] is not None and message["due_at"] > now
    return "sending" if is_claimed else "waiting"


@route("GET", "/messages/v1", scope="admin", query=MessageQuery, answers={200: MessageList})
def get_messages(call: Call) -> dict:
    """What alerts, reports and tests had to tell, the newest first, and what came of it.

    `about` is where it was set up: `alert 1`, `report 2`, `test`. `outcome` says in words what the
    other side answered last, or why it was not asked.
    """
    query = call.query
    binds = {"before": query.cursor[0] if query.cursor else 2**62, "limit": query.limit + 1}
    statement = "messages.list"
    if query.about is not None:
        statement = "messages.list_by_about"
        binds["about"] = query.about
    messages = stream(call.connection, statement, **binds)

    def out(message: dict) -> dict:
        return message_out(message, call.now)

    return page("messages", [messages], query.limit, ("message_id",), out)


@route(
    "POST",
    "/messages/v1/test",
    scope="admin",
    body=Recipient,
    answers={201: MessageOut},
    writes=True,
)
def post_test_message(call: Call) -> tuple[int, dict]:
    """Queues a test, which is tried once. GET /messages/v1 shows what came of it."""
    recipient = call.json(Recipient)
    if recipient.webhook:
        try:
            check_webhook(recipient.webhook, call.config)
        except PydanticCustomError as error:
            raise refusal("/webhook", error) from None
    text = f"This is a test of Streamlined Lite {call.config.public_url}".strip()
    content = {"subject": "A test of Streamlined Lite", "text": text}
    if recipient.webhook:
        content = {"body": {"type": "test", "text": text}}
    purpose = f"test {secrets.token_hex(16)}"
    queue_message(
        call.connection,
        purpose=purpose,
        channel=recipient.channel,
        recipient=recipient.address,
        content=content,
        about="test",
        now=call.now,
        until=call.now,
    )
    return 201, message_out(row(call.connection, "messages.find", purpose=purpose), call.now)


####################################################################################################
# alerts
####################################################################################################

# An alert watches one thing, or the same in each location. What is watched is a subject: a
# location, a part of the server's health, or "" for all together. Each subject has a state, and
# beside it what was told of it last: a message says what has changed since.

ALERTS_LIMIT = 200
RECIPIENTS_LIMIT = 20  # of an alert
SILENCE_LIMIT = 92 * DAY_MS
REMINDER_MS = DAY_MS
# An alert speaks at once, but not more often than so many times in so long; then once an hour.
MESSAGES_AT_ONCE = 4
MESSAGES_MS = 4 * HOUR_MS
PATIENT_MS = HOUR_MS
TOLD_LIMIT = 40  # times that are kept of it; those of a day at least
# A subject that fires more often than so within a day is unsteady, and nothing is told of it until
# it has been well for a day. So a webhook that makes its own alert fire ends by itself.
FIRINGS_LIMIT = 6
UPTIMES_LIMIT = 1_000
ARRIVALS_STEP = 50_000  # event_ids that are looked at in a round
ARRIVALS_TURN = 2_000  # arrivals that a turn writes
FAILED_HERE = "the server failed at it; its log says where"
EACH_LIMIT = 1_000  # locations that an alert looks at by themselves
ALERT_SECONDS = 5  # that the evaluation of an alert takes at most
NAMED_LIMIT = 50  # subjects that a message names, or an answer
CHANGES_LIMIT = 300  # that the body of a webhook lists
SUGGESTION_DAYS = 28
SUGGESTION_NAMES = 100
SUGGESTION_LOCATIONS = 200


# What is watched


def read_silence(value: Any) -> str:
    length = read_duration(value)
    if length > SILENCE_LIMIT:
        raise wrong("duration", "must be 92 days at most")
    return value


LocationChoice = plain(
    read_locations,
    {"anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "string"}}]},
)
Duration = plain(
    read_silence,
    {"type": "string", "description": "minutes, hours, days or weeks, such as 30m, 12h, 2d or 1w"},
)


class Hours(Strict):
    """Full hours of the day, from one to before the other; 22 to 6 goes over midnight."""

    from_: int = Field(alias="from", ge=0, le=23)
    to: int = Field(ge=1, le=24)

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        if "from" in sent and sent.get("from") == sent.get("to"):
            yield fault_at(("to",), wrong("range", "must be another hour than from"))


def check_weekdays(days: list[int]) -> list[int]:
    return sorted(set(days))


class Watched(Strict):
    """What all kinds share: where, and when it counts, by the clock of the location, or of
    `timezone` where several are looked at together."""

    locations: LocationChoice = None
    each: bool = Field(False, description="each location by itself, or all together")
    timezone: Zone | None = None
    hours: Hours | None = None
    weekdays: (
        Annotated[
            list[Annotated[int, Field(ge=1, le=7)]],
            Field(min_length=1, max_length=7),
            AfterValidator(check_weekdays),
        ]
        | None
    ) = Field(None, description="1 is Monday")


class Silence(Watched):
    """No new event of a name (left out: of any), or no request with a key, `for` so long. It is
    counted within the hours and on the weekdays, and only while the server listens."""

    kind: Literal["silence"]
    event: Name | None = None
    key_id: int | None = None
    for_: Duration = Field(alias="for")

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        if sent.get("key_id") is None:
            return
        for name in ("event", "each", "locations"):
            if sent.get(name) not in (None, False, "all"):
                yield fault_at((name,), wrong("key_alone", "must be left out with key_id"))


class Threshold(Watched):
    """A saved metric over a period is above or below a value; with hours or weekdays, looked at
    only then."""

    kind: Literal["threshold"]
    metric_id: int
    period: Literal[
        "today",
        "yesterday",
        "last_7_days",
        "last_30_days",
        "this_week",
        "last_week",
        "this_month",
        "last_month",
    ]
    above: float | None = None
    below: float | None = None

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        if (sent.get("above") is None) == (sent.get("below") is None):
            yield fault_at((), wrong("above_or_below", "must have either above or below"))


class Refusals(Strict):
    """More refused bodies than so many within an hour."""

    kind: Literal["refusals"]
    more_than: int = Field(ge=0, le=5_000)


class ServerHealth(Strict):
    """The disk is nearly full, the newest backup is old, or the database could not be written."""

    kind: Literal["health"]
    free_mb: int | None = Field(
        500, ge=1, le=100_000_000, description="megabytes that are to be free; null: whatever is"
    )
    backup_age: Duration | None = Field(
        None, description="how old the newest in the folder of --backup-folder may be"
    )


WATCHES = {"silence": Silence, "threshold": Threshold, "refusals": Refusals, "health": ServerHealth}


def kind_of_watch(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"[{kind}]" if isinstance(kind, str) and kind in WATCHES else None


UNKNOWN_KIND = "must have a kind: silence, threshold, refusals or health"
Watch = Annotated[
    Annotated[Silence, Tag("[silence]")]
    | Annotated[Threshold, Tag("[threshold]")]
    | Annotated[Refusals, Tag("[refusals]")]
    | Annotated[ServerHealth, Tag("[health]")],
    Discriminator(
        kind_of_watch,
        custom_error_type="unknown_kind",
        custom_error_message=UNKNOWN_KIND,
    ),
]


class Alert(Strict):
    """What is watched, and who is told. Without recipients, only the page shows it."""

    name: Line
    watch: Watch
    mail: list[MailAddress] = Field([], max_length=RECIPIENTS_LIMIT)
    webhooks: list[WebhookUrl] = Field([], max_length=RECIPIENTS_LIMIT)
    reminders: bool = Field(True, description="once a day, as long as it fires")


class AlertPause(Strict):
    """null ends the pause."""

    until: Timestamp | None


# Stored alerts


def find_alert(connection: apsw.Connection, alert_id: int) -> dict:
    """Raises NotFound."""
    alert = row(connection, "alerts.find", alert_id=alert_id)
    if alert is None:
        raise NotFound(f"there is no alert {alert_id}")
    return alert


def alert_model(alert: dict) -> Alert:
    """Raises Invalid for one that is no longer valid."""
    return read_alert(alert["name"], alert["definition"])


@functools.lru_cache(ALERTS_LIMIT)
def read_alert(name: str, definition: str) -> Alert:
    """Nobody changes it."""
    return validate(Alert, {"name": name, **json.loads(definition)})


def stored_json(model: BaseModel) -> str:
    """A definition as it is stored: without its name, and what was left out. Raises Invalid."""
    text = model.model_dump_json(exclude={"name"}, exclude_none=True, by_alias=True)
    check_length(text)
    return text


def store_alert(
    connection: apsw.Connection, alert_id: int | None, alert: Alert, config: Config, now: int
) -> dict:
    """Creates an alert, or with an id replaces that one; where it watches something else, its
    states begin anew.

    Raises Conflict where another has the name, NotFound, and Invalid for what cannot be watched.
    """
    stored = None if alert_id is None else find_alert(connection, alert_id)
    namesake = row(connection, "alerts.find_name", name=alert.name)
    if namesake and namesake["alert_id"] != alert_id:
        message = "another alert has this name already"
        raise Conflict(message, "name_taken", [field_error("/name", "name_taken", message)])
    errors = [
        *watch_errors(connection, alert.watch, config),
        *webhook_errors(alert.webhooks, "/webhooks", config),
    ]
    if errors:
        raise Invalid(first_errors(errors))
    definition = stored_json(alert)
    if stored is None:
        if len(rows(connection, "alerts.list")) >= ALERTS_LIMIT:
            message = f"there are {ALERTS_LIMIT} alerts, as many as there may be; delete one first"
            raise Conflict(message, "too_many")
        alert_id = row(
            connection, "alerts.insert", name=alert.name, definition=definition, now=now
        )["alert_id"]
    else:
        if json.loads(stored["definition"])["watch"] != json.loads(definition)["watch"]:
            change(connection, "alert_states.clear", alert_id=alert_id)
        change(
            connection,
            "alerts.replace",
            alert_id=alert_id,
            name=alert.name,
            definition=definition,
            now=max(now, stored["updated_at"] + 1),
        )
    return alert_out(connection, find_alert(connection, alert_id), now)


def watch_errors(connection: apsw.Connection, watch: Any, config: Config) -> Iterator[dict]:
    """What it names that is not there."""
    if isinstance(watch, Threshold) and not find_by_id(
        connection, "metrics.find", metric_id=watch.metric_id
    ):
        message = f"there is no metric {watch.metric_id}"
        yield field_error("/watch/metric_id", "unknown_metric", message)
    if isinstance(watch, Silence) and watch.key_id is not None:
        key = find_by_id(connection, "keys.find_by_id", key_id=watch.key_id)
        if key is None or key["revoked_at"] is not None:
            message = f"there is no key {watch.key_id} that works"
            yield field_error("/watch/key_id", "unknown_key", message)
    if isinstance(watch, ServerHealth) and watch.backup_age and not config.backup_folder:
        message = "needs the folder of the backups: start the server with --backup-folder"
        yield field_error("/watch/backup_age", "no_backup_folder", message)
    listed = getattr(watch, "locations", None)
    if listed:
        known = location_names(connection, listed)
        for index, location_id in enumerate(listed):
            if location_id not in known:
                message = "nothing has come from such a location"
                yield field_error(f"/watch/locations/{index}", "unknown_location", message)


def webhook_errors(urls: Sequence[str], pointer: str, config: Config) -> Iterator[dict]:
    """Of those that lead where nothing may be sent."""
    for index, url in enumerate(urls):
        try:
            check_webhook(url, config)
        except PydanticCustomError as error:
            yield field_error(f"{pointer}/{index}", error.type, error.message())


def find_by_id(connection: apsw.Connection, statement: str, **key: int) -> dict | None:
    """None also for a number that SQLite does not have."""
    return row(connection, statement, **key) if all(map(is_sqlite_integer, key.values())) else None


# When it counts


@functools.lru_cache(10_000)
def counted_hours(day: date, zone: ZoneInfo, first: int, last: int) -> tuple[int, int]:
    """From when to when the hours of a day are counted, in milliseconds UTC."""
    following = day + timedelta(days=1)
    end_day = following if last == 24 or last <= first else day
    start = datetime(day.year, day.month, day.day, first)
    end = datetime(end_day.year, end_day.month, end_day.day, last % 24)
    return moment_at(start, zone), moment_at(end, zone)


def counted_parts(watch: Watched, zone: ZoneInfo, start: int, end: int) -> Iterator[tuple]:
    """The parts of a time within the hours and on the weekdays that count, the last one first."""
    if watch.hours is None and watch.weekdays is None:
        if start < end:
            yield start, end
        return
    hours = (watch.hours.from_, watch.hours.to) if watch.hours else (0, 24)
    weekdays = watch.weekdays or range(1, 8)
    day = local_time(end, zone).date()
    before = local_time(start, zone).date() - timedelta(days=1)  # its hours may go over midnight
    while day >= before:
        if day.isoweekday() in weekdays:
            first, last = counted_hours(day, zone, *hours)
            if max(first, start) < min(last, end):
                yield max(first, start), min(last, end)
        day -= timedelta(days=1)


def is_counted(watch: Watched, zone: ZoneInfo, now: int) -> bool:
    return any(counted_parts(watch, zone, now, now + 1))


def listened(uptimes: Sequence[Mapping[str, int]], now: int) -> tuple[list[tuple], int | None]:
    """When the server listened, as times without overlap, and when the clock was last set back.

    What lies after that in an earlier reckoning is left out.
    """
    times: list[tuple[int, int]] = []
    set_back_at = None
    for uptime in uptimes:
        start, end = uptime["started_at"], uptime["seen_at"]
        if times and start < times[-1][1]:
            set_back_at = start
            times = [(first, min(last, start)) for first, last in times if first < start]
        times.append((start, end))
    return [(start, min(end, now)) for start, end in times if start < now], set_back_at


def quiet_from(
    watch: Silence, zone: ZoneInfo, times: Sequence[tuple[int, int]], until: int
) -> int | None:
    """From when on nothing may have come, for it to be a silence now. None: so much time has not
    been counted yet."""
    left = read_duration(watch.for_)
    for start, end in reversed(times):
        for first, last in counted_parts(watch, zone, start, min(end, until)):
            if last - first >= left:
                return last - left
            left -= last - first
    return None


# What is found


class CannotEvaluate(Exception):
    """Something that an alert names is no longer there."""


@dataclass(frozen=True, slots=True)
class Found:
    """The state of a subject now. What `detail` holds is for messages and the page."""

    state: str
    detail: dict


@dataclass(slots=True)
class Surroundings:
    """What the alerts of a round look at together, read once."""

    connection: apsw.Connection
    config: Config
    now: int
    path: str  # of the database; "": in memory
    locations: dict[str, dict]  # by their ids, without those that are being deleted
    times: list[tuple[int, int]]  # when the server listened
    set_back_at: int | None  # when the clock was last set back
    last_used: Mapping[int, int]  # uses of keys that are not yet written
    trouble: str = ""  # of the database, since the round before
    is_preview: bool = False  # before anybody has listened
    arrivals: dict[str, dict[str, int]] = field(default_factory=dict)  # by name and location

    def watched_locations(self, watch: Watched) -> list[str]:
        """Those that are there. Raises CannotEvaluate where they are too many."""
        found = list(self.locations)
        if watch.locations is not None:
            found = [each for each in watch.locations if each in self.locations]
        if watch.each and len(found) > EACH_LIMIT:
            raise CannotEvaluate(
                f"there are more than {EACH_LIMIT:,} locations; list those that it is about"
            )
        return found

    def zone_of(self, watch: Watched, location_id: str | None = None) -> ZoneInfo:
        name = watch.timezone
        if name is None and location_id is None and watch.locations and len(watch.locations) == 1:
            location_id = watch.locations[0]
        if name is None and location_id in self.locations:
            own = self.locations[location_id]["timezone"] or ""
            name = own if is_time_zone(own) else None
        return ZoneInfo(name or self.config.time_zone)

    def heard(self, event_name: str) -> dict[str, int]:
        """When an event of a name last came, by location."""
        if event_name not in self.arrivals:
            found: dict[str, int] = {}
            for each in self.find_arrivals(event_name):
                if each["arrived_at"] is None:
                    continue
                location_id = each["location_id"]
                found[location_id] = max(found.get(location_id, 0), self.at(each["arrived_at"]))
            self.arrivals[event_name] = found
        return self.arrivals[event_name]

    def find_arrivals(self, event_name: str) -> Iterator[dict]:
        """Before anybody has listened, by the newest events, which need not have come last."""
        if not self.is_preview:
            return stream(self.connection, "arrivals.list_by_name", event_name=event_name)
        listed = to_json(list(self.locations)).decode()
        binds = {"event_name": event_name, "locations": listed, "now": self.now}
        return stream(self.connection, "arrivals.guess", **binds)

    def heard_any(self) -> dict[str, int]:
        """When any event last came, or came again, by location."""
        if "" not in self.arrivals:
            listed = to_json(list(self.locations)).decode()
            found = rows(self.connection, "locations.last_arrivals", locations=listed)
            self.arrivals[""] = {
                each["location_id"]: self.at(each["last_event_at"])
                for each in found
                if each["last_event_at"] is not None
            }
        return self.arrivals[""]

    def at(self, moment: int) -> int:
        """What came by a clock that was ahead came before it was set back."""
        if moment <= self.now:
            return moment
        return self.now if self.set_back_at is None else self.set_back_at


def evaluate(watch: Any, around: Surroundings, deadline: float) -> dict[str, Found]:
    """The state of each subject. What is not to be looked at now is left out, as None.

    Raises CannotEvaluate, and Invalid for a metric that cannot be calculated, also in that time.
    """
    if isinstance(watch, Silence):
        return evaluate_silence(watch, around)
    if isinstance(watch, Threshold):
        return evaluate_threshold(watch, around, deadline)
    if isinstance(watch, Refusals):
        return evaluate_refusals(watch, around)
    return dict(evaluate_health(watch, around))


def evaluate_silence(watch: Silence, around: Surroundings) -> dict[str, Found]:
    @functools.cache
    def quiet(zone: ZoneInfo) -> int | None:
        return quiet_from(watch, zone, around.times, around.now)

    def found(zone: ZoneInfo, heard_at: int | None) -> Found:
        if heard_at is None:
            return Found("no_data", {})
        silence = quiet(zone)
        is_silent = silence is not None and heard_at <= silence
        return Found("firing" if is_silent else "ok", {"heard_at": heard_at, "zone": zone.key})

    if watch.key_id is not None:
        return {"": found(around.zone_of(watch), last_use(watch.key_id, around))}
    heard = around.heard_any() if watch.event is None else around.heard(watch.event)
    location_ids = around.watched_locations(watch)
    if watch.each:
        return {each: found(around.zone_of(watch, each), heard.get(each)) for each in location_ids}
    last = max((heard[each] for each in location_ids if each in heard), default=None)
    return {"": found(around.zone_of(watch), last)}


def last_use(key_id: int, around: Surroundings) -> int | None:
    """When a key was last used. Raises CannotEvaluate for one that was revoked."""
    key = row(around.connection, "keys.find_by_id", key_id=key_id)
    if key is None or key["revoked_at"] is not None:
        raise CannotEvaluate(f"key {key_id} was revoked")
    used = [key["last_used_at"], around.last_used.get(key_id)]
    return max((around.at(at) for at in used if at is not None), default=None)


def days_of(period: str, today: date) -> tuple[date, date]:
    """The first day of a period, and the day after its last one."""
    tomorrow = today + timedelta(days=1)
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    return {
        "today": (today, tomorrow),
        "yesterday": (today - timedelta(days=1), today),
        "last_7_days": (today - timedelta(days=7), today),
        "last_30_days": (today - timedelta(days=30), today),
        "this_week": (monday, monday + timedelta(days=7)),
        "last_week": (monday - timedelta(days=7), monday),
        "this_month": (first, next_first_day(today, "month")),
        "last_month": (first_of_month(month_number(first) - 1), first),
    }[period]


def evaluate_threshold(watch: Threshold, around: Surroundings, deadline: float) -> dict[str, Found]:
    try:
        metric = saved_definition(around.connection, watch.metric_id)
    except NotFound:
        raise CannotEvaluate("its metric was deleted") from None
    location_ids = around.watched_locations(watch)
    has_come = {each for term in metric.terms for each in around.heard(term.event)}
    if not watch.each:
        zone = around.zone_of(watch)
        if not is_counted(watch, zone, around.now):
            return {"": None}
        value = None
        if not has_come.isdisjoint(location_ids):
            chosen = None if watch.locations is None else location_ids
            value = calculate_period(watch, metric, around, zone, chosen, deadline)[""]
        return {"": threshold_found(watch, metric, zone, value)}
    found: dict[str, Found] = dict.fromkeys(location_ids)
    by_zone: dict[ZoneInfo, list[str]] = defaultdict(list)
    for location_id in location_ids:
        zone = around.zone_of(watch, location_id)
        if not is_counted(watch, zone, around.now):
            continue
        found[location_id] = Found("no_data", {})
        if location_id in has_come:
            by_zone[zone].append(location_id)
    for zone, chosen in by_zone.items():
        values = calculate_period(watch, metric, around, zone, chosen, deadline)
        for location_id in chosen:
            found[location_id] = threshold_found(watch, metric, zone, values[location_id])
    return found


def calculate_period(
    watch: Threshold,
    metric: Definition,
    around: Surroundings,
    zone: ZoneInfo,
    location_ids: list[str] | None,
    deadline: float,
) -> dict[str, float | None]:
    """A metric's values by location, and under "" of all of them (None: all there are)."""
    first, following = days_of(watch.period, local_time(around.now, zone).date())
    query = Range(
        **{"from": first.isoformat(), "to": following.isoformat()},
        locations="all" if location_ids is None else location_ids,
        timezone=zone.key,
    )
    frame = resolve_frame(
        around.connection, query, around.now, around.config.time_zone, allowed=None
    )
    table = Table(around.connection, metric, frame, deadline)
    table.fill()
    values = {"": table.period(0)["total"]["value"]}
    if location_ids is not None:
        values |= {each["location_id"]: each["value"] for each in table.locations()}
    return values


def threshold_found(
    watch: Threshold, metric: Definition, zone: ZoneInfo, value: float | None
) -> Found:
    if value is None:
        return Found("no_data", {})
    is_beyond = value > watch.above if watch.below is None else value < watch.below
    style = metric.format.model_dump() if metric.format else None
    detail = {"value": value, "format": style, "zone": zone.key}
    return Found("firing" if is_beyond else "ok", detail)


def evaluate_refusals(watch: Refusals, around: Surroundings) -> dict[str, Found]:
    count = scalar(
        around.connection,
        "rejections.count_since",
        after=around.now - HOUR_MS,
        until=around.now,
        most=10 * watch.more_than + 1_000,
    )
    return {"": Found("firing" if count > watch.more_than else "ok", {"count": count})}


def evaluate_health(watch: ServerHealth, around: Surroundings) -> Iterator[tuple[str, Found]]:
    state = "firing" if around.trouble else "ok"
    yield "database", Found(state, {"trouble": around.trouble} if around.trouble else {})
    if not around.path:
        return
    if watch.free_mb is not None:
        free = shutil.disk_usage(os.path.dirname(around.path)).free // MEGABYTE
        yield "disk", Found("firing" if free < watch.free_mb else "ok", {"free_mb": free})
    if watch.backup_age is not None:
        made_at = newest_backup(around)
        if made_at is None:
            yield "backups", Found("firing", {"made_at": None})
        else:
            is_old = around.now - made_at > read_duration(watch.backup_age)
            yield "backups", Found("firing" if is_old else "ok", {"made_at": made_at})


def newest_backup(around: Surroundings) -> int | None:
    """When the newest backup of this database was made, by its file's time, in milliseconds."""
    config = around.config
    folder = Path(config.backup_folder)
    if not config.backup_folder or not folder.is_dir():
        return None
    identity = scalar(around.connection, "identity.find")
    for backup in reversed(list(named_backups(folder, Path(config.database).stem))):
        if identity_of(backup) in (identity, NAMELESS):
            return int(backup.stat().st_mtime * 1000)
    return None


# What is told


@dataclass(slots=True)
class Change:
    """What a message says of a subject."""

    subject: str
    kind: str  # firing, recovered, no_data, unsteady, or reminder
    since: int
    detail: dict


@dataclass(slots=True)
class Outcome:
    """What is to be written of an alert after a look at it, in one turn."""

    alert_id: int
    updated_at: int  # of the definition that was evaluated; another one makes this void
    states: list[dict] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    note: dict = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    messages: list[dict] = field(default_factory=list)


def next_states(
    stored: Mapping[str, dict], found: Mapping[str, Found | None], now: int
) -> dict[str, dict]:
    """The states after a look: what is not looked at now stays, what is no longer there goes."""
    states = {}
    for subject, each in found.items():
        before = stored.get(subject)
        if each is None:
            if before:
                states[subject] = before
        elif before and before["state"] == each.state:
            states[subject] = before
        else:
            told, fired = (before["told"], before["fired"]) if before else ("ok", [])
            states[subject] = {
                "subject": subject,
                "state": each.state,
                "since": now,
                "told": told,
                "fired": fired,
                "detail": each.detail,
            }
    return states


def kind_of_change(state: dict) -> str | None:
    """What is to be told of a subject; None: nothing."""
    if state["told"] in ("unsteady", state["state"]):
        return None
    if state["state"] == "firing":
        return "firing"
    if state["state"] == "ok":
        return "recovered"
    return "no_data" if state["told"] == "firing" else None


def may_tell(told: Sequence[int], now: int) -> bool:
    recent = [at for at in told if now - MESSAGES_MS < at <= now]
    return len(recent) < MESSAGES_AT_ONCE or max(recent) <= now - PATIENT_MS


def is_reminder_due(told: Sequence[int], now: int) -> bool:
    return all(at <= now - REMINDER_MS for at in told if at <= now)


def decide(
    alert: Mapping[str, Any],
    reminders: bool,
    stored: Mapping[str, dict],
    found: Mapping[str, Found | None],
    now: int,
) -> Outcome:
    """What is told and what is stored, after a look at an alert as it is stored."""
    outcome = Outcome(alert["alert_id"], alert["updated_at"])
    states = next_states(stored, found, now)
    outcome.gone = [subject for subject in stored if subject not in states]
    for subject, state in states.items():
        is_well = state["state"] != "firing" and now - state["since"] >= DAY_MS
        if state["told"] == "unsteady" and is_well:
            # Without a word, which might begin it all again
            states[subject] = state | {"told": state["state"], "fired": []}
    told = json.loads(alert["told"])
    is_paused = alert["paused_until"] is not None and now < alert["paused_until"]
    if not is_paused and may_tell(told, now):
        outcome.changes = tell_changes(states, found, now)
    if not is_paused and not outcome.changes and reminders and is_reminder_due(told, now):
        outcome.changes = [
            Change(subject, "reminder", state["since"], state["detail"])
            for subject, state in states.items()
            if state["state"] == state["told"] == "firing"
        ]
    outcome.states = [
        state for subject, state in states.items() if state is not stored.get(subject)
    ]
    if outcome.changes:
        told = [*told[-TOLD_LIMIT:], now]
    outcome.note = {
        "told": json.dumps(told),
        "problem": None,
        "problem_at": None,
        "problem_told": 0,
    }
    return outcome


def tell_changes(
    states: dict[str, dict], found: Mapping[str, Found | None], now: int
) -> list[Change]:
    """What has changed since it was told; from now on it is told."""
    changes = []
    for subject, state in states.items():
        kind = kind_of_change(state)
        if kind is None:
            continue
        fired = state["fired"]
        told = state["state"]
        if kind == "firing":
            fired = [at for at in fired if now - DAY_MS < at <= now] + [now]
            if len(fired) > FIRINGS_LIMIT:
                kind = told = "unsteady"
        states[subject] = state | {"told": told, "fired": fired}
        detail = found[subject].detail if found.get(subject) else state["detail"]
        changes.append(Change(subject, kind, state["since"], detail))
    return changes


def note_problem(alert: Mapping[str, Any], problem: str, is_lasting: bool, now: int) -> Outcome:
    """That an alert cannot be evaluated: what ends only if somebody does something is told at
    once, all else after an hour. Its states stay."""
    since = alert["problem_at"] if alert["problem"] == problem else now
    has_lasted = is_lasting or now - since >= HOUR_MS
    was_told = alert["problem"] == problem and alert["problem_told"]
    outcome = Outcome(alert["alert_id"], alert["updated_at"])
    outcome.note = {
        "told": alert["told"],
        "problem": problem,
        "problem_at": since,
        "problem_told": int(was_told or has_lasted),
    }
    if has_lasted and not was_told:
        outcome.changes = [Change("", "problem", since, {"problem": problem})]
    return outcome


def is_as_stored(alert: Mapping[str, Any], outcome: Outcome) -> bool:
    """Whether nothing need be written."""
    is_same = all(alert[name] == value for name, value in outcome.note.items())
    return is_same and not outcome.states and not outcome.gone


def look_at_alert(alert: dict, around: Surroundings) -> Outcome:
    """Evaluates an alert, and words what is to be told. A defect of ours holds up no other."""
    connection = around.connection
    model = None
    try:
        model = alert_model(alert)
        stored = stored_states(connection, alert["alert_id"])
        with time_limit(connection, ALERT_SECONDS) as deadline:
            found = evaluate(model.watch, around, deadline)
        outcome = decide(alert, model.reminders, stored, found, around.now)
    except CannotEvaluate as error:
        outcome = note_problem(alert, str(error), True, around.now)
    except Invalid as problem:
        words = "; ".join(error["message"] for error in problem.errors[:3]) or problem.detail
        is_lasting = problem.code != "query_too_slow"
        outcome = note_problem(alert, words[:NAME_LIMIT], is_lasting, around.now)
    except (apsw.Error, TryLater):
        raise
    except Exception as error:
        log_defect(error)
        outcome = note_problem(alert, FAILED_HERE, False, around.now)
    if outcome.changes and model is not None:
        outcome.messages = list(alert_messages(alert, model, outcome, around))
    return outcome


def stored_states(connection: apsw.Connection, alert_id: int) -> dict[str, dict]:
    states = {}
    for state in stream(connection, "alert_states.list", alert_id=alert_id):
        state["fired"] = json.loads(state["fired"])
        state["detail"] = json.loads(state["detail"])
        states[state["subject"]] = state
    return states


def write_outcome(connection: apsw.Connection, outcome: Outcome, now: int) -> None:
    """In a turn. What was found for a definition that is no longer the alert's is dropped."""
    alert = row(connection, "alerts.find", alert_id=outcome.alert_id)
    if alert is None or alert["updated_at"] != outcome.updated_at:
        return
    alert_id = outcome.alert_id
    if outcome.states:
        states = to_json(outcome.states).decode()
        change(connection, "alert_states.upsert", alert_id=alert_id, states=states)
    if outcome.gone:
        subjects = to_json(outcome.gone).decode()
        change(connection, "alert_states.delete", alert_id=alert_id, subjects=subjects)
    change(connection, "alerts.note", alert_id=alert_id, **outcome.note)
    for message in outcome.messages:
        queue_message(connection, **message, now=now)


# Messages

MARKS = {
    "firing": "Firing",
    "unsteady": "Changes too often: nothing more is told until it has been well for a day",
    "no_data": "No data any more",
    "recovered": "Recovered",
    "reminder": "Still firing",
    "problem": "Cannot be evaluated",
}
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTH_NAMES = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
HEALTH_WORDS = {"disk": "The disk", "backups": "Backups", "database": "The database"}


def alert_messages(
    alert: dict, model: Alert, outcome: Outcome, around: Surroundings
) -> Iterator[dict]:
    """One for each recipient."""
    content, body = alert_content(alert["alert_id"], model, outcome.changes, around)
    recipients = [("mail", each, content) for each in dict.fromkeys(model.mail)]
    recipients += [("webhook", each, {"body": body}) for each in dict.fromkeys(model.webhooks)]
    about = f"alert {alert['alert_id']}"
    for channel, recipient, words in recipients:
        yield {
            "purpose": f"{about} {around.now} {channel} {recipient}",
            "channel": channel,
            "recipient": recipient,
            "content": words,
            "about": about,
        }


def alert_content(
    alert_id: int, model: Alert, changes: Sequence[Change], around: Surroundings
) -> tuple[dict, dict]:
    """A message as a mail, and as the body of a webhook, whose `text` is for a chat."""
    groups: dict[str, list[Change]] = {}
    for kind in MARKS:
        of_kind = [each for each in changes if each.kind == kind]
        if of_kind:
            groups[kind] = of_kind
    first = next(iter(groups))
    subject = f"{MARKS[first].partition(':')[0]}: {model.name}"
    subjects = len(changes)
    if subjects > 1:
        nouns = "parts" if isinstance(model.watch, ServerHealth) else "locations"
        subject += f" ({subjects} {nouns})"
    lines = [model.name, watch_words(around.connection, model.watch)]
    page = [
        f"<h1 style='font-size:20px'>{html.escape(model.name)}</h1>",
        f"<p>{html.escape(lines[1])}</p>",
    ]
    for kind, of_kind in groups.items():
        items = [change_words(model.watch, each, around) for each in of_kind[:NAMED_LIMIT]]
        if len(of_kind) > NAMED_LIMIT:
            items.append(f"and {len(of_kind) - NAMED_LIMIT:,} more")
        lines += ["", f"{MARKS[kind]}:", *(f"- {item}" for item in items)]
        listed = "".join(f"<li>{html.escape(item)}</li>" for item in items)
        page.append(f"<h2 style='font-size:16px'>{html.escape(MARKS[kind])}</h2><ul>{listed}</ul>")
    url = None
    if around.config.public_url:
        url = f"{around.config.public_url}/#/settings/alerts"
        lines += ["", url]
        page.append(f"<p><a href='{html.escape(url)}'>Settings &gt; Alerts</a></p>")
    text = "\n".join(lines)
    body = {
        "text": text,
        "type": "alert",
        "alert_id": alert_id,
        "name": model.name,
        "kind": model.watch.kind,
        "state": first,
        "time": iso(around.now),
        "url": url,
        "changes": [change_out(each, around) for each in changes[:CHANGES_LIMIT]],
    }
    mail = {"subject": subject, "text": text, "html": mail_page("".join(page)), "unsubscribe": None}
    return mail, body


def mail_page(content: str) -> str:
    """HTML as mail programs show it."""
    style = (
        "font:15px/1.5 sans-serif;color:#222;background:#fff;"
        "max-width:40em;margin:1em auto;padding:0 1em"
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'></head>"
        f"<body style='{style}'>{content}</body></html>"
    )


def subject_name(subject: str, around: Surroundings) -> str:
    """A location by its name and id, in one line whatever a sender has put into the name."""
    location = around.locations.get(subject)
    if location and location["name"]:
        return f"{one_line(location['name'], TITLE_LIMIT)} ({subject})"
    return HEALTH_WORDS.get(subject, subject)


def change_out(change: Change, around: Surroundings) -> dict:
    location = around.locations.get(change.subject)
    return {
        "subject": change.subject or None,
        "name": location["name"] if location else None,
        "change": change.kind,
        "since": iso(change.since),
        "detail": detail_out(change.detail),
    }


def detail_out(detail: dict) -> dict:
    """Times as ISO 8601."""
    return {
        name: iso(value) if name in ("heard_at", "made_at") else value
        for name, value in detail.items()
        if name not in ("zone", "format")
    }


def change_words(watch: Any, change: Change, around: Surroundings) -> str:
    words = detail_words(watch, change)
    if change.kind == "reminder":
        words += f"; since {time_words(change.since, around.config.time_zone)}"
    if not change.subject:
        return words[:1].upper() + words[1:]
    return f"{subject_name(change.subject, around)}: {words}"


def detail_words(watch: Any, change: Change) -> str:
    """What was found, as the end of a sentence."""
    detail = change.detail
    if "problem" in detail:
        return detail["problem"]
    if "heard_at" in detail:
        heard = time_words(detail["heard_at"], detail["zone"])
        again = change.kind == "recovered"
        if watch.key_id is not None:
            return (
                f"the key was used again on {heard}"
                if again
                else f"the key was last used on {heard}"
            )
        name = "an event" if watch.event is None else watch.event
        return f"{name} came again on {heard}" if again else f"{name} last came on {heard}"
    if "value" in detail:
        return number_words(detail["value"], detail["format"])
    if "count" in detail:
        return f"{detail['count']:,} refused within an hour"
    if "free_mb" in detail:
        return f"{detail['free_mb']:,} MB are free"
    if "made_at" in detail:
        if detail["made_at"] is None:
            return "there is none of this database in the folder"
        return f"the newest was made on {time_words(detail['made_at'], 'UTC')}"
    if detail.get("trouble"):
        return detail["trouble"]
    return "works again" if isinstance(watch, ServerHealth) else "there is nothing to look at"


def watch_words(connection: apsw.Connection, watch: Any) -> str:
    """What an alert watches, as a sentence."""
    if isinstance(watch, Silence):
        return silence_words(watch)
    if isinstance(watch, Threshold):
        metric = row(connection, "metrics.find", metric_id=watch.metric_id)
        name = metric["name"] if metric else f"metric {watch.metric_id}"
        side, limit = ("above", watch.above) if watch.below is None else ("below", watch.below)
        style = json.loads(metric["definition"]).get("format") if metric else None
        side += f" {limit_words(limit, style)}"
        period = watch.period.replace("_", " ")
        when = when_words(watch, "looked at")
        return f"{name}, {period}, is {side}{where_words(watch)}{when}."
    if isinstance(watch, Refusals):
        return f"More than {watch.more_than:,} bodies are refused within an hour."
    parts = ["the database cannot be written"]
    if watch.free_mb is not None:
        parts.append(f"less than {watch.free_mb:,} MB are free")
    if watch.backup_age is not None:
        parts.append(f"the newest backup is older than {duration_words(watch.backup_age)}")
    return f"One of these: {', '.join(parts)}."


def limit_words(limit: float, style: Mapping[str, Any] | None) -> str:
    """A limit in the metric's unit, with all its decimals."""
    kind = style.get("style") if style else None
    if kind == "duration":
        return seconds_words(limit)
    if kind == "percent":
        return f"{limit * 100:,.12g} %"
    return with_currency(f"{limit:,.12g}", style) if kind == "currency" else f"{limit:,.12g}"


def silence_words(watch: Silence) -> str:
    what = f"No {watch.event or 'event'}{where_words(watch)}"
    if watch.key_id is not None:
        what = f"No request with key {watch.key_id}"
    return f"{what} for {duration_words(watch.for_)}{when_words(watch, 'counted')}."


def when_words(watch: Watched, verb: str) -> str:
    """When it is counted, or looked at."""
    words = ""
    if watch.hours is not None:
        words += f", {verb} from {watch.hours.from_}:00 to {watch.hours.to}:00"
    if watch.weekdays is not None:
        days = [DAY_NAMES[day - 1] for day in watch.weekdays]
        words += f", on {', '.join(days)}"
    return words


def where_words(watch: Watched) -> str:
    if watch.each:
        return " in a location"
    if watch.locations and len(watch.locations) == 1:
        return f" in {watch.locations[0]}"
    return "" if watch.locations is None else f" in {len(watch.locations):,} locations together"


def duration_words(text: str) -> str:
    number, unit = DURATION.fullmatch(text).groups()
    noun = DURATION_NOUNS[unit]
    return f"{number} {noun}" if number == "1" else f"{int(number):,} {noun}s"


def day_words(day: date) -> str:
    return f"{DAY_NAMES[day.weekday()]} {day.day} {MONTH_NAMES[day.month - 1]} {day.year}"


def time_words(moment: int, zone: str) -> str:
    clock = local_time(moment, ZoneInfo(zone))
    return f"{day_words(clock.date())} at {clock:%H:%M} ({zone})"


MONEY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def number_words(value: float | None, style: Mapping[str, Any] | None) -> str:
    """A number as a metric's format shows it; without one, with two decimals at most."""
    if value is None:
        return "–"
    if style is None:
        return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
    decimals = style.get("decimals", 0)
    if style.get("style") == "percent":
        return f"{value * 100:,.{decimals}f} %"
    if style.get("style") == "duration":
        return seconds_words(value)
    number = f"{value:,.{decimals}f}"
    return with_currency(number, style) if style.get("style") == "currency" else number


def with_currency(number: str, style: Mapping[str, Any]) -> str:
    currency = style.get("currency") or "USD"
    sign = MONEY_SIGNS.get(currency, currency + " ")
    return f"-{sign}{number[1:]}" if number.startswith("-") else f"{sign}{number}"


def seconds_words(value: float) -> str:
    """Seconds in their two largest units, such as 4 m 12 s, as the page shows them."""
    size = abs(value)
    if size < 10:
        return f"{round(value, 1):g} s"
    units = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    lengths = list(units.values())
    largest = next(index for index, length in enumerate(lengths) if size >= length)
    exactness = lengths[min(largest + 1, len(lengths) - 1)]
    rest = math.floor(size / exactness + 0.5) * exactness
    parts = []
    for sign, length in units.items():
        amount, rest = divmod(rest, length)
        if amount:
            parts.append(f"{amount:,} {sign}")
    return ("-" if value < 0 else "") + " ".join(parts)


# Suggestions


def suggest_alerts(connection: apsw.Connection, config: Config, now: int) -> list[dict]:
    """Alerts that nobody has set up yet, from what has come regularly."""
    models = []
    for alert in rows(connection, "alerts.list"):
        with contextlib.suppress(Invalid):
            models.append(alert_model(alert))
    kinds = {model.watch.kind for model in models}
    watched = {model.watch.event for model in models if isinstance(model.watch, Silence)}
    suggestions = list(suggest_silences(connection, config, now, watched))
    if "refusals" not in kinds:
        watch = {"kind": "refusals", "more_than": 20}
        text = "Tell me when more than 20 bodies are refused within an hour."
        suggestions.append(suggestion(text, "Many refusals", watch))
    if "health" not in kinds:
        watch = {"kind": "health", "free_mb": 500}
        text = "Tell me when the disk is nearly full or the database cannot be written."
        if config.backup_folder:
            watch["backup_age"] = "2d"
            text = text.replace("nearly full or", "nearly full, backups are old or")
        suggestions.append(suggestion(text, "Health of the server", watch))
    return suggestions


def suggest_silences(
    connection: apsw.Connection, config: Config, now: int, watched: set[str | None]
) -> Iterator[dict]:
    zone = ZoneInfo(config.time_zone)
    today = local_time(now, zone).date()
    days = [today - timedelta(days=number) for number in range(1, SUGGESTION_DAYS + 1)]
    spans = [[day_start(day, zone), day_start(day + timedelta(days=1), zone)] for day in days]
    location_ids = itertools.islice(
        stream(connection, "locations.list", after=""), SUGGESTION_LOCATIONS
    )
    found = rows(
        connection,
        "event_names.count_days",
        days=json.dumps(spans),
        locations=to_json([each["location_id"] for each in location_ids]).decode(),
        most=SUGGESTION_NAMES,
    )
    for each in found:
        name = each["event_name"]
        came = {days[index] for index in json.loads(each["days"])}
        words = regularity(came, days)
        if words is None or name in watched:
            continue
        how_often, unit, silence = words
        text = f"{name} has come {how_often}; tell me when {unit} is without."
        watch = {"kind": "silence", "event": name, "timezone": config.time_zone} | silence
        yield suggestion(text, f"No {name}"[:NAME_LIMIT], watch)


def regularity(came: set[date], days: Sequence[date]) -> tuple[str, str, dict] | None:
    """How often something came on these days, the newest first, and what would be silence."""
    missed = [day for day in days if day not in came]
    if len(missed) <= 2 and days[0] in came:
        return "daily", "a day", {"for": "24h"}
    workdays = [day for day in days if day.weekday() < 5]
    missed_workdays = [day for day in missed if day.weekday() < 5]
    if len(missed_workdays) <= 2 and workdays[0] in came:
        return "on every working day", "one", {"for": "24h", "weekdays": [1, 2, 3, 4, 5]}
    weeks = [days[number : number + 7] for number in range(0, len(days), 7)]
    if all(came.intersection(week) for week in weeks):
        return "every week", "a week", {"for": "7d"}
    return None


def suggestion(text: str, name: str, watch: dict) -> dict:
    return {"text": text, "alert": {"name": name, "watch": watch}}


# Answers and routes

SubjectState = answer(
    "SubjectState",
    subject=str | None,
    name=str | None,
    state=Literal["ok", "firing", "no_data"],
    since=Moment | None,
    detail=dict,
)
AlertOut = answer(
    "StoredAlert",
    alert_id=int,
    name=str,
    watch=dict,
    mail=list[str],
    webhooks=list[str],
    reminders=bool,
    description=str,
    state=str,
    since=Moment | None,
    states=dict[str, int],
    firing=list[SubjectState],
    problem=str | None,
    paused_until=Moment | None,
    told_at=Moment | None,
    created_at=Moment,
    updated_at=Moment,
)
AlertList = answer("AlertList", alerts=list[AlertOut])
DeletedAlert = answer("DeletedAlert", alerts=int)
AlertPreview = answer(
    "AlertPreview",
    description=str,
    states=dict[str, int],
    subjects=list[SubjectState],
    message=dict | None,
)
Suggestion = answer("Suggestion", text=str, alert=dict)
SuggestionList = answer("SuggestionList", suggestions=list[Suggestion])


def alert_out(connection: apsw.Connection, alert: dict, now: int) -> dict:
    """`state` is the worst of its subjects', "problem" where it cannot be evaluated, and
    "waiting" before it was. `since` is when the first of them came into it; or the last, where all
    are ok."""
    definition = json.loads(alert["definition"])
    problem = alert["problem"]
    try:
        model = alert_model(alert)
        definition = model.model_dump(mode="json", by_alias=True, exclude={"name"})
        description = watch_words(connection, model.watch)
        if definition["watch"].get("locations", "") is None:
            definition["watch"]["locations"] = "all"
    except Invalid as error:
        description = ""
        problem = error.detail
    states = stored_states(connection, alert["alert_id"])
    counts = Counter(state["state"] for state in states.values())
    firing = [state for state in states.values() if state["state"] == "firing"]
    firing.sort(key=operator.itemgetter("since"), reverse=True)
    names = location_names(connection, [state["subject"] for state in firing[:NAMED_LIMIT]])
    state = next((each for each in ("firing", "no_data", "ok") if counts[each]), "waiting")
    moments = [each["since"] for each in states.values() if each["state"] == state]
    since = (max if state == "ok" else min)(moments, default=None)
    is_paused = alert["paused_until"] is not None and now < alert["paused_until"]
    told = json.loads(alert["told"])
    return {
        "alert_id": alert["alert_id"],
        "name": alert["name"],
        **definition,
        "description": description,
        "state": "problem" if problem else state,
        "since": iso(since),
        "states": {each: counts[each] for each in ("ok", "firing", "no_data")},
        "firing": [state_out(each, names) for each in firing[:NAMED_LIMIT]],
        "problem": problem,
        "paused_until": iso(alert["paused_until"]) if is_paused else None,
        "told_at": iso(max(told, default=None)),
        "created_at": iso(alert["created_at"]),
        "updated_at": iso(alert["updated_at"]),
    }


def state_out(state: Mapping[str, Any], names: Mapping[str, str | None]) -> dict:
    return {
        "subject": state["subject"] or None,
        "name": names.get(state["subject"]),
        "state": state["state"],
        "since": iso(state["since"]),
        "detail": detail_out(state["detail"]),
    }


def surroundings_of(database: Database, connection: apsw.Connection, now: int) -> Surroundings:
    """As they are now."""
    uptimes = rows(connection, "uptimes.list")
    times, set_back_at = listened(uptimes, now)
    locations = {
        location["location_id"]: location
        for location in itertools.islice(
            stream(connection, "locations.list", after=""), WHOLE_LIST_LIMIT
        )
    }
    return Surroundings(
        connection=connection,
        config=database.config,
        now=now,
        path="" if database.memory else database.path,
        locations=locations,
        times=times,
        set_back_at=set_back_at,
        last_used=dict(database.last_used),
        trouble=database.trouble.detail if database.trouble else "",
    )


@route("GET", "/alerts/v1", scope="admin", answers={200: AlertList})
def get_alerts(call: Call) -> dict:
    """The alerts, and what each found last."""
    alerts = rows(call.connection, "alerts.list")
    return {"alerts": [alert_out(call.connection, alert, call.now) for alert in alerts]}


@route("POST", "/alerts/v1", scope="admin", body=Alert, answers={201: AlertOut}, writes=True)
def post_alert(call: Call) -> tuple[int, dict]:
    """Sets up an alert under a name of its own. It is evaluated about once a minute."""
    return 201, store_alert(call.connection, None, call.json(Alert), call.config, call.now)


@route("GET", "/alerts/v1/suggestions", scope="admin", answers={200: SuggestionList})
def get_alert_suggestions(call: Call) -> dict:
    """Alerts to set up, from what has come regularly; recipients are to be added."""
    return {"suggestions": suggest_alerts(call.connection, call.config, call.now)}


@route("POST", "/alerts/v1/preview", scope="admin", body=Alert, answers={200: AlertPreview})
def preview_alert(call: Call) -> dict:
    """What an alert would find now, and say, if it had been set up long ago.

    Nothing is stored, and nobody is told.
    """
    alert = call.json(Alert)
    errors = list(watch_errors(call.connection, alert.watch, call.config))
    if errors:
        raise Invalid(first_errors(errors))
    around = surroundings_of(call.database, call.connection, call.now)
    around.is_preview = True
    around.times = [(0, call.now)]
    try:
        evaluated = evaluate(alert.watch, around, call.deadline)
    except CannotEvaluate as error:
        raise refusal("/watch", wrong("cannot_evaluate", str(error))) from None
    found = {subject: each for subject, each in evaluated.items() if each is not None}
    states = next_states({}, found, call.now)
    counts = Counter(state["state"] for state in states.values())
    order = sorted(
        states.values(), key=lambda state: (state["state"] != "firing", state["subject"])
    )
    names = location_names(call.connection, [state["subject"] for state in order[:NAMED_LIMIT]])
    changes = tell_changes(states, found, call.now)
    message = None
    if changes:
        mail, _ = alert_content(0, alert, changes, around)
        message = {"subject": mail["subject"], "text": mail["text"], "html": mail["html"]}
    return {
        "description": watch_words(call.connection, alert.watch),
        "states": {each: counts[each] for each in ("ok", "firing", "no_data")},
        "subjects": [state_out(state, names) | {"since": None} for state in order[:NAMED_LIMIT]],
        "message": message,
    }


@route("GET", "/alerts/v1/{alert_id}", scope="admin", answers={200: AlertOut})
def get_alert(call: Call) -> dict:
    """One alert, and what it found last."""
    alert = find_alert(call.connection, call.number("alert_id"))
    return alert_out(call.connection, alert, call.now)


@route(
    "PUT", "/alerts/v1/{alert_id}", scope="admin", body=Alert, answers={200: AlertOut}, writes=True
)
def put_alert(call: Call) -> dict:
    """Replaces an alert. Where it watches something else from now on, its states begin anew."""
    alert_id = call.number("alert_id")
    return store_alert(call.connection, alert_id, call.json(Alert), call.config, call.now)


@route("DELETE", "/alerts/v1/{alert_id}", scope="admin", answers={200: DeletedAlert}, writes=True)
def remove_alert(call: Call) -> dict:
    """Deletes an alert. What it has told stays in the list of messages."""
    alert_id = call.number("alert_id")
    find_alert(call.connection, alert_id)
    return {"alerts": change(call.connection, "alerts.delete", alert_id=alert_id)}


@route(
    "POST",
    "/alerts/v1/{alert_id}/pause",
    scope="admin",
    body=AlertPause,
    answers={200: AlertOut},
    writes=True,
)
def pause_alert(call: Call) -> dict:
    """Until then an alert tells nothing. What is still so afterwards is told then."""
    alert_id = call.number("alert_id")
    find_alert(call.connection, alert_id)
    until = call.json(AlertPause).until
    if until is not None and until <= call.now:
        raise refusal("/until", wrong("past", "must be in the future"))
    change(call.connection, "alerts.pause", alert_id=alert_id, until=until)
    return alert_out(call.connection, find_alert(call.connection, alert_id), call.now)


####################################################################################################
# reports
####################################################################################################

# A report is a dashboard as a mail, each day, week or month: for all locations together, or for
# one, to recipients of its own. It covers the days before the one on which it is due.

REPORTS_LIMIT = 200
RECIPIENT_GROUPS_LIMIT = 1_000  # of a report
ADDRESSES_LIMIT = 20  # of each
LATE_MS = HOUR_MS  # after which a report says that it is late
REPORT_SECONDS = 20  # that its numbers take at most
REPORT_RETRY_MS = 15 * MINUTE_MS  # after which a report that took longer is tried again


def read_link(value: Any) -> str:
    text = read_text(value, NAME_LIMIT)
    if not re.fullmatch(r"https?://[^\s<>\"']+", text):
        raise wrong("link", "must be a link that begins with https:// or http://")
    return text


class Recipients(Strict):
    """To whom a report of a location goes, or of all together."""

    location_id: SentIdentifier | None = None
    mail: list[MailAddress] = Field([], max_length=ADDRESSES_LIMIT)
    webhooks: list[WebhookUrl] = Field([], max_length=ADDRESSES_LIMIT)
    link: plain(read_link, {"type": "string", "format": "uri"}) | None = Field(
        None, description="of a share that shows the same"
    )

    @classmethod
    def faults_between(cls, sent: dict) -> Iterator[InitErrorDetails]:
        if not sent.get("mail") and not sent.get("webhooks"):
            yield fault_at(("mail",), wrong("required", "needs an address, or a webhook"))


class Report(Strict):
    """What is sent, when, and to whom. Hours and days are those of `timezone`, or else of the
    server's."""

    name: Line
    dashboard_id: int
    every: Literal["day", "week", "month"] = "week"
    weekday: int = Field(1, ge=1, le=7, description="for every week; 1 is Monday")
    day: int = Field(1, ge=1, le=31, description="for every month, or its last day")
    hour: int = Field(8, ge=0, le=23)
    timezone: Zone | None = None
    recipients: list[Recipients] = Field(min_length=1, max_length=RECIPIENT_GROUPS_LIMIT)
    paused: bool = False

    def zone(self, config: Config) -> ZoneInfo:
        return ZoneInfo(self.timezone or config.time_zone)


class ReportPreview(Report):
    """A report that need not be saved; `location_id` chooses one of its recipients, else it is the
    first."""

    location_id: SentIdentifier | None = None


class ReportSending(Strict):
    """To these addresses alone, or left out, to all recipients."""

    mail: list[MailAddress] | None = Field(None, min_length=1, max_length=ADDRESSES_LIMIT)


# When it is due


def is_due_on(report: Report, day: date) -> bool:
    if report.every == "day":
        return True
    if report.every == "week":
        return day.isoweekday() == report.weekday
    last = (next_first_day(day, "month") - timedelta(days=1)).day
    return day.day == min(report.day, last)


def due_at(report: Report, day: date, zone: ZoneInfo) -> int:
    """At the hour, or where the clock skips it, after the skip; at the first of two."""
    return moment_at(datetime(day.year, day.month, day.day, report.hour), zone)


def due_days(report: Report, day: date, step: int) -> Iterator[date]:
    """The days on which it is due, from one on, forwards or backwards."""
    while True:
        if is_due_on(report, day):
            yield day
        day += timedelta(days=step)


def next_due(report: Report, after: int, zone: ZoneInfo) -> int:
    """Milliseconds UTC."""
    today = local_time(after, zone).date()
    for day in due_days(report, today - timedelta(days=1), 1):
        moment = due_at(report, day, zone)
        if moment > after:
            return moment


def last_due_day(report: Report, now: int, zone: ZoneInfo) -> date:
    """The last day on which it was due by now."""
    today = local_time(now, zone).date()
    for day in due_days(report, today, -1):
        if due_at(report, day, zone) <= now:
            return day


def missed_before(report: Report, since: int, last_day: date, zone: ZoneInfo) -> int:
    """How often it was due from a time on, before the last day; up to a thousand."""
    earlier = due_days(report, last_day - timedelta(days=1), -1)
    missed = itertools.takewhile(lambda day: due_at(report, day, zone) >= since, earlier)
    return len(list(itertools.islice(missed, 1_000)))


def covered_days(report: Report, day: date) -> tuple[date, date]:
    """The first day of the range of a report that is due on a day, and the one after its last."""
    if report.every == "day":
        return day - timedelta(days=1), day
    if report.every == "week":
        return day - timedelta(days=7), day
    first = first_of_month(month_number(day))
    return first_of_month(month_number(day) - 1), first


# Stored reports


def find_report(connection: apsw.Connection, report_id: int) -> dict:
    """Raises NotFound."""
    report = row(connection, "reports.find", report_id=report_id)
    if report is None:
        raise NotFound(f"there is no report {report_id}")
    return report


def report_model(report: dict) -> Report:
    """Raises Invalid for one that is no longer valid."""
    definition = json.loads(report["definition"])
    definition.pop("origin", None)
    return validate(Report, {"name": report["name"], **definition})


def report_errors(connection: apsw.Connection, report: Report, config: Config) -> Iterator[dict]:
    """What it names that is not there, or where nothing may be sent."""
    for index, each in enumerate(report.recipients):
        yield from webhook_errors(each.webhooks, f"/recipients/{index}/webhooks", config)
    if not find_by_id(connection, "dashboards.find", dashboard_id=report.dashboard_id):
        message = f"there is no dashboard {report.dashboard_id}"
        yield field_error("/dashboard_id", "unknown_dashboard", message)
    chosen = [each.location_id for each in report.recipients]
    known = location_names(connection, [each for each in chosen if each is not None])
    for index, location_id in enumerate(chosen):
        if location_id is not None and location_id not in known:
            message = "nothing has come from such a location"
            pointer = f"/recipients/{index}/location_id"
            yield field_error(pointer, "unknown_location", message)


def store_report(
    connection: apsw.Connection,
    report_id: int | None,
    report: Report,
    config: Config,
    origin: str,
    now: int,
) -> dict:
    """Creates a report, or with an id replaces that one. It is due next after now.

    Raises Conflict where another has the name, NotFound, and Invalid for what is not there.
    """
    if report_id is not None:
        find_report(connection, report_id)
    namesake = row(connection, "reports.find_name", name=report.name)
    if namesake and namesake["report_id"] != report_id:
        message = "another report has this name already"
        raise Conflict(message, "name_taken", [field_error("/name", "name_taken", message)])
    errors = list(report_errors(connection, report, config))
    if errors:
        raise Invalid(first_errors(errors))
    definition = json.loads(stored_json(report)) | {"origin": origin}
    binds = {
        "name": report.name,
        "definition": to_json(definition).decode(),
        "next_at": None if report.paused else next_due(report, now, report.zone(config)),
        "now": now,
    }
    if report_id is not None:
        change(connection, "reports.replace", report_id=report_id, **binds)
    else:
        if len(rows(connection, "reports.list")) >= REPORTS_LIMIT:
            message = (
                f"there are {REPORTS_LIMIT} reports, as many as there may be; delete one first"
            )
            raise Conflict(message, "too_many")
        report_id = row(connection, "reports.insert", **binds)["report_id"]
    return report_out(connection, find_report(connection, report_id))


# Its numbers


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report as it is sent: of which days, and what it says beside its numbers."""

    dashboard: str
    first: date
    following: date
    zone: ZoneInfo
    metrics: list[dict]  # each its name, its format, and perhaps a problem
    total: Sequence[dict]  # a cell for each metric
    locations: dict[str, dict]  # by their ids: name, and numbers, which are cells
    notes: list[str]

    def cells(self, location_id: str | None) -> Sequence[dict]:
        return self.total if location_id is None else self.locations[location_id]["numbers"]

    def title(self, location_id: str | None) -> str:
        if location_id is None:
            return self.dashboard
        name = self.locations[location_id]["name"] or location_id
        return f"{self.dashboard} · {one_line(name, TITLE_LIMIT)}"

    def days(self) -> str:
        last = self.following - timedelta(days=1)
        if last == self.first:
            return day_words(last)
        return f"{day_words(self.first)} to {day_words(last)}"


def fill_sheet(
    connection: apsw.Connection,
    report: Report,
    config: Config,
    day: date,
    notes: list[str],
    now: int,
) -> Sheet:
    """The numbers of a report that is due on a day. Raises CannotEvaluate, and Invalid."""
    dashboard = find_by_id(connection, "dashboards.find", dashboard_id=report.dashboard_id)
    if dashboard is None:
        raise CannotEvaluate("its dashboard was deleted")
    zone = report.zone(config)
    first, following = covered_days(report, day)
    chosen = [each.location_id for each in report.recipients]
    is_of_all = None in chosen
    known = location_names(connection, [each for each in chosen if each is not None])
    listed = list(dict.fromkeys(each for each in chosen if each in known))
    if not listed and not is_of_all:
        raise CannotEvaluate("its locations were removed")
    query = TableQuery(
        **{"from": first.isoformat(), "to": following.isoformat()},
        timezone=zone.key,
        compare="previous_period",
    )
    if not is_of_all:  # not as the text of a URL, since an id may have a comma
        query = query.model_copy(update={"locations": listed})
    frame = resolve_frame(connection, query, now, config.time_zone, allowed=None)
    with time_limit(connection, REPORT_SECONDS) as deadline:
        table = calculate_table(connection, dashboard_out(dashboard), frame, deadline)
    locations = {each["location_id"]: each for each in table["locations"]}
    return Sheet(
        dashboard["name"],
        first,
        following,
        zone,
        table["metrics"],
        table["total"],
        locations,
        notes,
    )


# As texts

SHEET_HEAD = ("Metric", "Now", "Before", "Change", "Target")


def sheet_rows(sheet: Sheet, location_id: str | None) -> list[tuple[str, ...]]:
    """The cells of the table as texts, under SHEET_HEAD."""
    lines = []
    for metric, cell in zip(sheet.metrics, sheet.cells(location_id), strict=True):
        if "problem" in metric:
            lines.append((metric["name"], "cannot be calculated", "", "", ""))
            continue
        style = metric["format"]
        before = (cell.get("compare") or {}).get("value")
        lines.append(
            (
                metric["name"],
                number_words(cell["value"], style),
                number_words(before, style),
                change_of(cell["value"], before, style),
                target_words(cell.get("target"), style),
            )
        )
    return lines


def sheet_table(sheet: Sheet, location_id: str | None) -> list[tuple[str, ...]]:
    """With its head; the column of targets only where there are some, since phones are narrow."""
    lines = sheet_rows(sheet, location_id)
    width = 5 if any(line[4] for line in lines) else 4
    return [line[:width] for line in (SHEET_HEAD, *lines)]


def change_of(now: float | None, before: float | None, style: Mapping[str, Any] | None) -> str:
    """By how much it has changed: of rates the points, of all else the share."""
    if now is None or before is None:
        return "–"
    if style and style.get("style") == "percent":
        return f"{(now - before) * 100:+,.{style.get('decimals', 0)}f} points"
    if before == 0:
        return "–" if now else "±0 %"
    share = (now - before) / abs(before)
    return f"{share * 100:+,.0f} %" if round(share * 100) else "±0 %"


def target_words(target: Mapping[str, Any] | None, style: Mapping[str, Any] | None) -> str:
    if not target or target["value"] is None:
        return ""
    words = number_words(target["value"], style)
    if target["status"]:
        words += f", {target['status']}"
    if target["share"] is not None:
        words += f" ({target['share'] * 100:,.0f} %)"
    return words


def report_content(
    sheet: Sheet, report: Report, delivery: Recipients, unsubscribe: str | None
) -> dict:
    """A report as a mail to one address."""
    title = sheet.title(delivery.location_id)
    about = f"{sheet.days()}, compared with {before_words(report)} before ({sheet.zone.key})"
    lines = sheet_table(sheet, delivery.location_id)
    text = [title, about, *sheet.notes, "", *plain_table(lines)]
    page = [
        f"<h1 style='font-size:20px;margin-bottom:0'>{html.escape(title)}</h1>",
        f"<p style='margin-top:0;color:#555'>{html.escape(about)}</p>",
        *(f"<p><strong>{html.escape(note)}</strong></p>" for note in sheet.notes),
        html_table(lines),
    ]
    if not sheet.metrics:
        text.append("This dashboard has no metrics.")
        page.append("<p>This dashboard has no metrics.</p>")
    if delivery.link:
        text += ["", f"See it: {delivery.link}"]
        page.append(f"<p><a href='{html.escape(delivery.link)}'>Open the dashboard</a></p>")
    if unsubscribe:
        text += ["", f"No more of these: {unsubscribe}"]
        page.append(
            "<p style='font-size:13px;color:#555'>You get this report "
            f"{frequency_words(report)}. <a href='{html.escape(unsubscribe)}'>Unsubscribe</a></p>"
        )
    return {
        "subject": f"{title}: {sheet.days()}",
        "text": "\n".join(text) + "\n",
        "html": mail_page("".join(page)),
        "unsubscribe": unsubscribe,
    }


def before_words(report: Report) -> str:
    return {"day": "the day", "week": "the 7 days", "month": "the month"}[report.every]


def frequency_words(report: Report) -> str:
    return {"day": "every day", "week": "every week", "month": "every month"}[report.every]


def plain_table(lines: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns under each other, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:4], widths[1:4], strict=True)]
        texts.append("  ".join([*cells, *line[4:]]).rstrip())
    return texts


def html_table(lines: Sequence[tuple[str, ...]]) -> str:
    cell = "padding:4px 10px 4px 0;border-bottom:1px solid #ddd"
    head = "".join(
        f"<th scope='col' style='{cell};text-align:{'left' if name == 'Metric' else 'right'}'>"
        f"{name}</th>"
        for name in lines[0]
    )
    rows_of_html = []
    for line in lines[1:]:
        numbers = "".join(
            f"<td style='{cell};text-align:right'>{html.escape(text)}</td>" for text in line[1:]
        )
        name = html.escape(line[0])
        rows_of_html.append(
            f"<tr><th scope='row' style='{cell};text-align:left;font-weight:normal'>{name}</th>"
            f"{numbers}</tr>"
        )
    return (
        "<table style='border-collapse:collapse'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows_of_html)}</tbody></table>"
    )


def report_body(sheet: Sheet, report: Report, report_id: int, delivery: Recipients) -> dict:
    """A report as the body of a webhook."""
    location_id = delivery.location_id
    content = report_content(sheet, report, delivery, None)
    metrics = []
    for metric, cell in zip(sheet.metrics, sheet.cells(location_id), strict=True):
        metrics.append({"name": metric["name"], **cell})
    return {
        "text": content["text"],
        "type": "report",
        "report_id": report_id,
        "name": report.name,
        "location_id": location_id,
        "from": sheet.first.isoformat(),
        "to": sheet.following.isoformat(),
        "timezone": sheet.zone.key,
        "metrics": metrics,
        "url": delivery.link,
    }


# Unsubscribing


def unsubscribe_signature(connection: apsw.Connection, report_id: int, address: str) -> str:
    """What only this database can have written: its identity is in no answer."""
    secret = scalar(connection, "identity.find").encode()
    words = f"unsubscribe\0{report_id}\0{address}".encode()
    return hmac.new(secret, words, hashlib.sha256).hexdigest()[:40]


def unsubscribe_link(
    connection: apsw.Connection, origin: str, report_id: int, address: str
) -> str | None:
    """None where nobody knows the address of this server."""
    if not origin:
        return None
    address = address.casefold()
    fields = {
        "report": report_id,
        "address": address,
        "signature": unsubscribe_signature(connection, report_id, address),
    }
    return f"{origin}/unsubscribe/v1?{urlencode(fields)}"


# Writing it

MESSAGES_STEP = 50  # that a turn writes


@dataclass(slots=True)
class Mailing:
    """The messages of a report, and what is to be noted of it when all are written."""

    report: dict  # as it is stored
    note: dict
    messages: list[dict] = field(default_factory=list)


def prepare_report(connection: apsw.Connection, report: dict, config: Config, now: int) -> Mailing:
    """What is to be sent of a report that is due, or that somebody wants now."""
    asked = json.loads(report["asked"]) if report["asked"] else None
    note = {
        "next_at": report["next_at"],
        "asked": None,
        "sent_at": report["sent_at"],
        "problem": None,
    }
    mailing = Mailing(report, note)
    try:
        model = report_model(report)
        zone = model.zone(config)
        day = last_due_day(model, now, zone)
        if report["next_at"] is not None:
            note["next_at"] = next_due(model, now, zone)
        if report["next_at"] is not None and report["next_at"] <= now:
            notes = late_notes(model, report["next_at"], day, zone, now)
            occasion = f"{model.every} {day.isoformat()}"
            write_mailing(connection, mailing, model, config, day, notes, occasion, None, now)
        if asked is not None:
            occasion = f"asked {asked['at']}"
            only = asked["mail"]
            write_mailing(connection, mailing, model, config, day, [], occasion, only, now)
        note["sent_at"] = now
    except CannotEvaluate as error:
        note["problem"] = str(error)
    except Invalid as problem:
        note["problem"] = problem.detail[:NAME_LIMIT]
        if problem.code == "query_too_slow":
            try_again_soon(note, report, now)
    except (apsw.Error, TryLater):
        raise
    except Exception as error:
        log_defect(error)
        note["problem"] = FAILED_HERE
        try_again_soon(note, report, now)
    if note["problem"] is not None and note["next_at"] is not None and note["next_at"] <= now:
        note["next_at"] = None  # nobody knows when
    return mailing


def try_again_soon(note: dict, report: dict, now: int) -> None:
    """Of a report that is due and may be written later, lest its period be without."""
    if report["next_at"] is not None and report["next_at"] <= now:
        note["next_at"] = min(note["next_at"], now + REPORT_RETRY_MS)


def late_notes(report: Report, was_due_at: int, day: date, zone: ZoneInfo, now: int) -> list[str]:
    """What a report says of itself that is sent late, as after the server was off."""
    moment = due_at(report, day, zone)
    if now - moment <= LATE_MS:
        notes = []
    else:
        notes = [f"This report is late: it was due on {time_words(moment, zone.key)}."]
    missed = missed_before(report, was_due_at, day, zone)
    if missed:
        reports = "report was" if missed == 1 else "reports were"
        notes.append(f"{missed} earlier {reports} not sent, while the server was off.")
    return notes


def write_mailing(
    connection: apsw.Connection,
    mailing: Mailing,
    model: Report,
    config: Config,
    day: date,
    notes: list[str],
    occasion: str,
    only: list[str] | None,
    now: int,
) -> None:
    """Adds the messages to a mailing. Raises CannotEvaluate, and Invalid."""
    report_id = mailing.report["report_id"]
    origin = config.public_url or json.loads(mailing.report["definition"]).get("origin", "")
    sheet = fill_sheet(connection, model, config, day, notes, now)
    about = f"report {report_id}"
    purpose = f"{about} {occasion}"
    left = {each["address"] for each in rows(connection, "unsubscribed.list", report_id=report_id)}
    for delivery in model.recipients:
        location_id = delivery.location_id
        if location_id is not None and location_id not in sheet.locations:
            continue  # a location that was removed
        addresses = list(dict.fromkeys(only or delivery.mail))
        for address in addresses:
            if only is None and address.casefold() in left:
                continue
            link = unsubscribe_link(connection, origin, report_id, address)
            mailing.messages.append(
                {
                    "purpose": f"{purpose} {address} {location_id or ''}",
                    "channel": "mail",
                    "recipient": address,
                    "content": report_content(sheet, model, delivery, link),
                    "about": about,
                }
            )
        for url in dict.fromkeys([] if only else delivery.webhooks):
            mailing.messages.append(
                {
                    "purpose": f"{purpose} {url} {location_id or ''}",
                    "channel": "webhook",
                    "recipient": url,
                    "content": {"body": report_body(sheet, model, report_id, delivery)},
                    "about": about,
                }
            )


def mailing_steps(mailing: Mailing, now: int) -> Iterator[Callable[[apsw.Connection], None]]:
    """What is written, a step a turn; the last one notes that all of it was.

    After a crash in between all of it is written again, and what has its purpose stays.
    """
    messages = mailing.messages
    for start in range(0, len(messages), MESSAGES_STEP):
        yield functools.partial(queue_messages, messages[start : start + MESSAGES_STEP], now)
    yield functools.partial(note_mailing, mailing)


def queue_messages(messages: Sequence[dict], now: int, connection: apsw.Connection) -> None:
    for message in messages:
        queue_message(connection, **message, now=now)


def note_mailing(mailing: Mailing, connection: apsw.Connection) -> None:
    """Unless somebody has changed the report since."""
    report_id = mailing.report["report_id"]
    stored = row(connection, "reports.find", report_id=report_id)
    if stored is None or stored["updated_at"] != mailing.report["updated_at"]:
        return
    note = mailing.note
    if stored["asked"] != mailing.report["asked"]:
        note = note | {"asked": stored["asked"]}
    change(connection, "reports.note", report_id=report_id, **note)


# Answers and routes

Unsubscriber = answer("Unsubscriber", address=str, at=Moment)
ReportOut = answer(
    "StoredReport",
    report_id=int,
    name=str,
    dashboard_id=int,
    every=str,
    weekday=int,
    day=int,
    hour=int,
    timezone=str | None,
    recipients=list[dict],
    paused=bool,
    next_at=Moment | None,
    is_asked=bool,
    sent_at=Moment | None,
    problem=str | None,
    unsubscribed=list[Unsubscriber],
    created_at=Moment,
    updated_at=Moment,
)
ReportList = answer("ReportList", reports=list[ReportOut])
DeletedReport = answer("DeletedReport", reports=int)
PreviewedMail = answer(
    "PreviewedMail", location_id=str | None, subject=str, text=str, html=str, next_at=Moment | None
)


def report_out(connection: apsw.Connection, report: dict) -> dict:
    definition = json.loads(report["definition"])
    problem = report["problem"]
    try:
        definition = report_model(report).model_dump(mode="json", exclude={"name"})
    except Invalid as error:
        definition.pop("origin", None)
        problem = error.detail
    left = rows(connection, "unsubscribed.list", report_id=report["report_id"])
    return {
        "report_id": report["report_id"],
        "name": report["name"],
        **definition,
        "next_at": iso(report["next_at"]),
        "is_asked": report["asked"] is not None,
        "sent_at": iso(report["sent_at"]),
        "problem": problem,
        "unsubscribed": [{"address": each["address"], "at": iso(each["at"])} for each in left],
        "created_at": iso(report["created_at"]),
        "updated_at": iso(report["updated_at"]),
    }


@route("GET", "/reports/v1", scope="admin", answers={200: ReportList})
def get_reports(call: Call) -> dict:
    """The reports, and when each is due next."""
    reports = rows(call.connection, "reports.list")
    return {"reports": [report_out(call.connection, report) for report in reports]}


@route("POST", "/reports/v1", scope="admin", body=Report, answers={201: ReportOut}, writes=True)
def post_report(call: Call) -> tuple[int, dict]:
    """Sets up a report under a name of its own."""
    origin = origin_of(call.environ, call.config)
    report = call.json(Report)
    return 201, store_report(call.connection, None, report, call.config, origin, call.now)


@route(
    "POST", "/reports/v1/preview", scope="admin", body=ReportPreview, answers={200: PreviewedMail}
)
def preview_report(call: Call) -> dict:
    """A report as it would be sent now, to the first of its recipients or for `location_id`."""
    report = call.json(ReportPreview)
    errors = list(report_errors(call.connection, report, call.config))
    deliveries = [
        each
        for each in report.recipients
        if report.location_id is None or each.location_id == report.location_id
    ]
    if not deliveries:
        message = "none of the recipients is for this location"
        errors.append(field_error("/location_id", "unknown_location", message))
    if errors:
        raise Invalid(first_errors(errors))
    report = report.model_copy(update={"recipients": deliveries[:1]})
    zone = report.zone(call.config)
    day = last_due_day(report, call.now, zone)
    try:
        sheet = fill_sheet(call.connection, report, call.config, day, [], call.now)
    except CannotEvaluate as error:
        raise refusal("", wrong("cannot_evaluate", str(error))) from None
    origin = origin_of(call.environ, call.config)
    link = f"{origin}/unsubscribe/v1" if origin else None
    content = report_content(sheet, report, deliveries[0], link)
    return {
        "location_id": deliveries[0].location_id,
        "subject": content["subject"],
        "text": content["text"],
        "html": content["html"],
        "next_at": None if report.paused else iso(next_due(report, call.now, zone)),
    }


@route("GET", "/reports/v1/{report_id}", scope="admin", answers={200: ReportOut})
def get_report(call: Call) -> dict:
    """One report."""
    return report_out(call.connection, find_report(call.connection, call.number("report_id")))


@route(
    "PUT",
    "/reports/v1/{report_id}",
    scope="admin",
    body=Report,
    answers={200: ReportOut},
    writes=True,
)
def put_report(call: Call) -> dict:
    """Replaces a report, which is due next after now; no period is sent twice."""
    origin = origin_of(call.environ, call.config)
    report_id = call.number("report_id")
    report = call.json(Report)
    return store_report(call.connection, report_id, report, call.config, origin, call.now)


@route(
    "DELETE", "/reports/v1/{report_id}", scope="admin", answers={200: DeletedReport}, writes=True
)
def remove_report(call: Call) -> dict:
    """Deletes a report; its dashboard stays."""
    report_id = call.number("report_id")
    find_report(call.connection, report_id)
    return {"reports": change(call.connection, "reports.delete", report_id=report_id)}


@route(
    "POST",
    "/reports/v1/{report_id}/send",
    scope="admin",
    body=ReportSending,
    answers={202: ReportOut},
    writes=True,
)
def send_report(call: Call) -> tuple[int, dict]:
    """Sends a report now, beside its times: what was due last, to all recipients or to `mail`."""
    report_id = call.number("report_id")
    find_report(call.connection, report_id)
    asked = {"at": call.now, "mail": call.json(ReportSending).mail}
    change(call.connection, "reports.ask", report_id=report_id, asked=json.dumps(asked))
    return 202, report_out(call.connection, find_report(call.connection, report_id))


class Unsubscription(Query):
    """What the link of a mail carries; `again` takes it back."""

    report: int
    address: str = Field(max_length=254)
    signature: str = Field(max_length=100)
    again: bool = False


UNSUBSCRIBE_HEADERS = SECURITY_HEADERS | {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
}


def checked_subscription(call: Call) -> dict:
    """The report that a signed link is about. Raises NotFound."""
    sent = call.query
    report = find_by_id(call.connection, "reports.find", report_id=sent.report)
    expected = unsubscribe_signature(call.connection, sent.report, sent.address)
    is_ours = hmac.compare_digest(sent.signature.encode(), expected.encode())
    if report is None or not is_ours:
        raise NotFound(
            "this link is not complete, or its report has ended; then nothing more is sent"
        )
    return report


def unsubscribe_form(call: Call, button: str, again: bool) -> str:
    """A button, which posts to the link again."""
    sent = call.query
    fields = {"report": sent.report, "address": sent.address, "signature": sent.signature}
    if again:
        fields["again"] = "true"
    action = html.escape(f"/unsubscribe/v1?{urlencode(fields)}")
    return f"<form method='post' action='{action}'><button>{html.escape(button)}</button></form>\n"


def unsubscribe_page(title: str, words: str, form: str = "", status: int = 200) -> Response:
    body = (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<meta name='color-scheme' content='light dark'>\n<meta name='robots' content='noindex'>\n"
        f"<title>{html.escape(title)}</title>\n"
        "<link rel='stylesheet' href='/static/style.css'>\n</head>\n<body>\n<main id='main'>\n"
        f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(words)}</p>\n"
        f"{form}</main>\n</body>\n</html>\n"
    ).encode()
    headers = {"Content-Type": f"{HTML}; charset=utf-8", "Content-Length": str(len(body))}
    return Response(status, UNSUBSCRIBE_HEADERS | headers, body)


@route(
    "GET", "/unsubscribe/v1", query=Unsubscription, answers={200: str, 404: str}, media_type=HTML
)
def get_unsubscription(call: Call) -> Response:
    """The page of a mail's link, with a button.

    Mail programs may open links themselves, so that nothing happens yet.
    """
    try:
        report = checked_subscription(call)
    except NotFound as problem:
        words = f"{problem.detail[:1].upper()}{problem.detail[1:]}."
        return unsubscribe_page("This link does not work", words, status=problem.status)
    words = f"“{report['name']}” is sent to {call.query.address}."
    form = unsubscribe_form(call, "Unsubscribe", False)
    return unsubscribe_page("Unsubscribe from this report?", words, form)


@route(
    "POST",
    "/unsubscribe/v1",
    query=Unsubscription,
    answers={200: str},
    media_type=HTML,
    writes=True,
)
def post_unsubscription(call: Call) -> Response:
    """Unsubscribes an address from a report, or subscribes it again."""
    report = checked_subscription(call)
    key = {"report_id": report["report_id"], "address": call.query.address}
    name = report["name"]
    if call.query.again:
        change(call.connection, "unsubscribed.delete", **key)
        words = f"“{name}” is sent to {call.query.address} again."
        form = unsubscribe_form(call, "Unsubscribe", False)
        return unsubscribe_page("You get this report again", words, form)
    change(call.connection, "unsubscribed.insert", **key, now=call.now)
    words = f"“{name}” is no longer sent to {call.query.address}."
    return unsubscribe_page("You are unsubscribed", words, unsubscribe_form(call, "Undo", True))


####################################################################################################
# application
####################################################################################################


def create_app(
    config: Config, clock: Callable[[], int] | None = None, database: Database | None = None
) -> bottle.Bottle:
    """The WSGI application, under any server.

    `app.database` is its database, `app.close()` closes it. The clock gives milliseconds UTC;
    without one it is the system's, or `fixed_time`.
    """
    database = database or Database(config, clock)
    app = App(config, database, clock or database.clock)
    for route in ROUTES:
        app.route(route.rule, route.method, functools.partial(app.serve, route))
    app.route("/", "GET", app.asset)
    app.route("/static/<name:path>", "GET", app.asset)
    app.route(SHARE_PATH + "logo", "GET", app.logo)
    app.route(SHARE_PATH + "<public_id>", "GET", app.share_page)
    return app


class App(bottle.Bottle):
    """Bottle's router under our own answers: whatever is no success is problem+json."""

    def __init__(self, config: Config, database: Database, clock: Callable[[], int]):
        super().__init__()
        self.uninstall(True)  # Bottle's plugins for JSON and templates: our answers are bytes
        self.settings = config
        self.database = database
        self.clock = clock
        self.attempts: deque = deque(maxlen=100)
        self.kept_answers = KeptAnswers()
        self.assets = load_assets(data_folder() / "static")
        self.share_pages = share_pages(self.assets["share.html"])
        self.preloads = preloads(first_modules(self.assets, "app.js"))
        self.share_preloads = preloads(first_modules(self.assets, "share.js"))

    def close(self) -> None:
        self.database.close()

    def wsgi(self, environ: dict, start_response: Callable) -> list[bytes]:
        """Serves a request by Bottle's router, bypassing Bottle's own handling of answers."""
        hide_token(environ)
        raw_path = environ["PATH_INFO"]
        environ["streamlined_lite.raw_path"] = raw_path
        environ["PATH_INFO"] = raw_path.encode("latin-1").decode("utf-8", "ignore")
        response = self.route_request(environ)
        if self.settings.log_requests:
            self.log_request(environ, response)
        start_response(response.status_line, list(response.headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    def route_request(self, environ: dict) -> Response:
        try:
            matched, path = self.router.match(environ)
            return matched.callback(environ, **path)
        except bottle.HTTPError as error:
            return self.refuse(environ, error)
        except Exception as error:
            return respond(problem_of(error))

    def refuse(self, environ: dict, error: bottle.HTTPError) -> Response:
        """The answer to what the router refuses: unknown paths and methods."""
        error.__traceback__ = None  # as in problem_of
        if error.status_code == 405:
            problem = MethodNotAllowed(
                "the path does not know this method; events are sent with POST",
                headers={"Allow": error.get_header("Allow", "")},
            )
        else:
            problem = NotFound(
                "there is nothing at this path; events are posted to /events/ingestion/v1"
            )
        is_post = environ["REQUEST_METHOD"] in ("POST", "PUT", "PATCH")
        # A sender with a wrong URL must not be invisible, either.
        if is_post and not self.keep_misdirected(environ, problem):
            self.remember_attempt(environ, problem)
        return respond(problem)

    def keep_misdirected(self, environ: dict, problem: Problem) -> bool:
        """Keeps what was sent, with a key for posts, to a path or by a method that takes none.

        Returns whether there was such a key.
        """
        if self.database.turn_thread is None:
            with self.database.turn():
                return self.keep_of_sender(environ, problem)
        if self.database.turn_thread == threading.get_ident():
            return self.keep_of_sender(environ, problem)
        # Its path is one of those that only read, on a thread that cannot write.
        return False

    def keep_of_sender(self, environ: dict, problem: Problem) -> bool:
        call = self.call(MISDIRECTED, {}, environ, self.database.writer)
        try:
            query, call.body.query = split_query(call.body.query, "replace")
            call.caller = self.caller(call, sent_token(environ, query))
            if not environ.get("HTTP_X_API_KEY"):
                check_url_key(call.route, call.caller)
            call.caller.check_scope(call.route.scope)
        except (Malformed, Unauthorized, Forbidden, TryLater):
            return False
        self.keep(call, problem)
        return True

    def remember_attempt(self, environ: dict, problem: Problem) -> None:
        path = request_path(environ)[:200]
        self.attempts.append({"time": self.clock(), "path": path, "reason": problem.detail})

    def asset(self, environ: dict, name: str = "index.html") -> Response:
        """A file of the page; its name in the browser's cache is its content's hash."""
        asset = self.assets.get(name)
        if asset is None:
            return respond(NotFound("there is nothing at this path"))
        headers = SECURITY_HEADERS | {
            "ETag": asset.tag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
        }
        if name == "index.html":
            headers["Link"] = self.preloads
        if environ.get("HTTP_IF_NONE_MATCH") == asset.tag:
            return Response(304, headers, b"")
        return send_asset(asset, environ, headers)

    def share_page(self, environ: dict, public_id: str) -> Response:
        """The page of a link, which asks for its numbers with the token that only it has.

        While the database cannot be read, the page says so in its own words, and tries again.
        """
        status = None
        try:
            with self.database.read() as connection:
                state, frame_hosts = link_of(connection, public_id, self.clock())
        except (apsw.Error, TryLater):
            state, frame_hosts, status = "works", list(HIGHLEVEL_HOSTS), 503
        if state != "works":
            self.remember_attempt(environ, Unauthorized(LINK_REASONS[state]))
        headers = framed_by(frame_hosts) | {"Vary": "Accept-Encoding"}
        if state == "works":
            headers["Link"] = self.share_preloads
        return send_asset(self.share_pages[state], environ, headers, status or LINK_STATES[state])

    def logo(self, environ: dict) -> Response:
        """The logo of shared dashboards, a file that no browser takes for anything else."""
        try:
            with self.database.read() as connection:
                branding = find_branding(connection)
        except (apsw.Error, TryLater) as error:
            return respond(problem_of(error), reading=True)
        logo = branding["logo"]
        if logo is None:
            return respond(NotFound("there is no logo"))
        headers = SECURITY_HEADERS | {
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "no-cache",
            "ETag": f'"{logo_tag(logo)}"',
        }
        if environ.get("HTTP_IF_NONE_MATCH") == headers["ETag"]:
            return Response(304, headers, b"")
        headers["Content-Type"] = branding["logo_type"]
        headers["Content-Length"] = str(len(logo))
        return Response(200, headers, logo)

    def serve(self, route: Route, environ: dict, **path: str) -> Response:
        """A request to a route. Every exception becomes an answer; a defect of ours is logged."""
        writes = route.writes and not is_preview(route.method, environ.get("QUERY_STRING", ""))
        handle = self.write if writes else self.read
        try:
            answer = handle(route, path, environ)
        except Exception as error:
            answer = problem_of(error)
            if route.handler is get_health and isinstance(answer, TryLater):
                answer = health_of(answer)
        return respond(answer, reading=not writes)

    def log_request(self, environ: dict, response: Response) -> None:
        """A line for every answer; in the path there is neither query nor token."""
        method = environ["REQUEST_METHOD"]
        path = json.dumps(request_path(environ))
        line = f"{iso(self.clock())} {method} {path} {response.status}"
        print(line, file=sys.stderr, flush=True)

    def read(self, route: Route, path: dict[str, str], environ: dict) -> Any:
        # The loop closes the connection of a client that has gone, also while a thread serves it.
        is_abandoned = environ.get(CLIENT_DISCONNECTED, never)
        with (
            self.database.read() as connection,
            time_limit(connection, QUERY_SECONDS, is_abandoned) as deadline,
        ):
            call = self.call(route, path, environ, connection)
            call.deadline = deadline
            self.admit(call)
            return route.handler(call)

    def write(self, route: Route, path: dict[str, str], environ: dict) -> Any:
        """In the server's turn; under any other WSGI server, in a turn of its own."""
        if self.database.in_turn():
            return self.write_in_turn(route, path, environ)
        with self.database.turn():
            return self.write_in_turn(route, path, environ)

    def write_in_turn(self, route: Route, path: dict[str, str], environ: dict) -> Any:
        """A problem rolls back to before the request; what was posted is kept apart."""
        call = self.call(route, path, environ, self.database.writer)
        call.known_callers = self.database.callers
        try:
            with self.database.savepoint():
                self.admit(call)
                return route.handler(call)
        except apsw.Error:  # trouble with the file, which could not keep a rejection either
            raise
        except Exception as error:
            problem = problem_of(error)
            if route.keeps and call.caller is not None and not call.caller.is_viewer:
                self.keep(call, problem)
            return problem

    def keep(self, call: Call, problem: Problem) -> None:
        with self.database.savepoint() as connection:
            keep_rejection(
                connection,
                call.body,
                problem,
                call.caller,
                call.now,
            )

    def call(
        self, route: Route, path: dict[str, str], environ: dict, connection: apsw.Connection
    ) -> Call:
        body = sent_body(environ)
        body.ids = ids_in_path(environ, path)
        return Call(
            route,
            environ,
            connection,
            self.database,
            self.settings,
            self.attempts,
            self.kept_answers,
            self.clock(),
            body,
            path=body.ids,
        )

    def admit(self, call: Call) -> None:
        """Checks the query's encoding, key, scope, query, path and body, in this order."""
        environ = call.environ
        route = call.route
        is_strict = "extra" in route.query.model_config
        query, call.body.query = split_query(call.body.query, "strict" if is_strict else "replace")
        if route.scope is not None:
            call.caller = self.authenticate(call, query)
            call.caller.check_scope(route.scope)
        elif route.knows_key and environ.get("HTTP_X_API_KEY"):
            call.caller = self.authenticate(call, query)
            if call.caller.is_viewer:
                raise Forbidden("the key sent is for a shared dashboard and nothing else", "scope")
        call.query = read_query(route.query, query)
        check_path(environ)
        check_body(call)

    def authenticate(self, call: Call, query: list[tuple[str, str]]) -> Caller:
        """The caller. Failed attempts are remembered, without a token: they must be visible."""
        try:
            caller = self.caller(call, sent_token(call.environ, query))
            if not call.environ.get("HTTP_X_API_KEY"):
                check_url_key(call.route, caller)
        except Unauthorized as problem:
            self.remember_attempt(call.environ, problem)
            raise
        if caller.key_id is not None:
            self.database.last_used[caller.key_id] = call.now
        return caller

    def caller(self, call: Call, token: str) -> Caller:
        """Who holds the token; writes look it up once a turn."""
        caller = call.known_callers.get(token)
        if caller is None:
            caller = authenticate(call.connection, token, self.settings.admin_key)
            call.known_callers[token] = caller
        if BODY_DROPPED in call.environ and not caller.is_viewer:
            raise TryLater("The key is new. Nothing was stored; send it again.", "key_new")
        return caller


# Stands for the route that a sender meant.
MISDIRECTED = Route("POST", "", ingest_event, scope="ingest", query=IngestQuery, url_key=True)


def request_path(environ: Mapping[str, Any]) -> str:
    return "/" + environ["PATH_INFO"].lstrip("/")


def check_url_key(route: Route, caller: Caller) -> None:
    """Raises Unauthorized where a key may not come in the URL, which logs and histories keep."""
    if not route.url_key or caller.scope not in ("ingest", "sync"):
        raise Unauthorized(
            "a key in the URL is taken from senders of events and contacts only, and only one of "
            "scope ingest or sync; send this one in the X-API-Key header",
            "key_in_url",
        )


def check_body(call: Call) -> None:
    """Raises UnsupportedType, Invalid or TooLarge for a body that need not be read."""
    encoding = call.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedType(
            "send the body as it is, without Content-Encoding", "content_encoding"
        )
    if call.route.method == "DELETE" and call.body.data.strip():
        # Else a dry_run in there would be overlooked.
        message = "a DELETE takes no body; write ?dry_run=true behind the path"
        raise Invalid([field_error("", "body_unused", message)])
    size = len(call.body.data)
    if size > call.route.limit:
        raise TooLarge(f"a body may have {call.route.limit:,} bytes, this one has {size:,}")


Health = answer("Health", status=Literal["ok", "failing"], version=str, writer=str)


@route("GET", "/healthz", answers={200: Health, 503: Health}, is_quick=True)
def get_health(call: Call) -> tuple[int, dict]:
    """200 if the database answers a read and stored the last turn of writes, else 503."""
    row(call.connection, "locations.find", location_id="")
    return health_of(call.database.trouble)


def health_of(trouble: Problem | None) -> tuple[int, dict]:
    state = {
        "status": "failing" if trouble else "ok",
        "version": __version__,
        "writer": trouble.code if trouble else "ok",
    }
    return (503 if trouble else 200), state


@route("GET", "/openapi.json", answers={200: dict})
def get_openapi(call: Call) -> dict:
    """This API as OpenAPI 3.1."""
    return openapi(call.config.public_url)


####################################################################################################
# server
####################################################################################################

LONG_WRITES = {("POST", BATCH_PATH), ("PATCH", EVENT_NAMES_PATH)}
STEP_PAUSE = 0.1  # seconds between steps of a merge or a deletion, which take a tenth of that
# After this time a turn takes no further request, so that a post waits for two batches at the most.
TURN_SECONDS = 0.010
LINE_SECONDS = 0.002  # that a sender has of it before others are looked at
# Who sends no more while a thread answers it has gone, or waits for the answer:
LOOK_SECONDS = 0.25  # how often it is asked which
ASK_SECONDS = 0.5  # after which a client on another machine is sent something, to see
SENDS_NO_MORE = getattr(select, "POLLRDHUP", 0)  # elsewhere than on Linux it is POLLHUP
TCP_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
POLL_SECONDS = 1.0  # that a poll takes at most
# A round of the loop that takes longer than this was interrupted: the process was stopped.
STOPPED_SECONDS = POLL_SECONDS + 0.25
STOP_SECONDS = 10  # to finish what has arrived, when asked to stop
ARRIVAL_SECONDS = 1  # for the first request of a connection that is new then
DRAIN_LIMIT = 64 * MEGABYTE  # read of a body that is too large, so that its sender reads our answer
SMALL_BODY = 16 * 1024  # bytes; such bodies have a reserve of an eighth
# That a body waits for room, or a connection for its client, until somebody has to go for others
PATIENCE_SECONDS = 1
CLOSING_SECONDS = 0.1  # how often connections are closed where no more may be opened
# Of a connection, in the system's memory: else it would be megabytes.
SEND_BUFFER = 64 * 1024
RECEIVE_BUFFER = 128 * 1024
READ_MEMORY = 64 * MEGABYTE  # that a read takes at most
# A parsed header takes about a hundred times its bytes in memory.
HEADER_LIMIT = 32 * 1024  # bytes of all headers
HEADERS_LIMIT = 100
KEPT_HEAD = 1024  # bytes of a request's head; what was read of a longer one is not kept
# Each chunk takes its time: around a body's chunks (sizes, extensions, trailer) there may be as
# many bytes as this and a sixteenth of the body.
CHUNK_LIMIT = 1024
READ_POSTS = {route.path for route in ROUTES if route.method == "POST" and not route.writes}
QUICK_READS = {"/", *(route.path for route in ROUTES if route.is_quick)}


class Viewers(NamedTuple):
    """Who hold the link of one share: known, and trusted no more than strangers."""

    share_id: int


# Whom a request is from, as far as its key tells: a key_id, or a word for what has none. None: a
# stranger.
Sender = int | str | Viewers | None


def is_stranger(sender: Sender) -> bool:
    return sender is None or isinstance(sender, Viewers)


def require_crlf_after_chunk_sizes() -> None:
    """Makes waitress refuse a chunk's size or extension that ends in a bare LF.

    Its `$` also matches before a last LF. A proxy before us that reads such a line otherwise would
    see another end of the request, and behind it another request (request smuggling).
    """
    receiver.ONLY_HEXDIG_RE = matching_the_end(rfc7230.ONLY_HEXDIG_RE)
    receiver.CHUNK_EXT_RE = matching_the_end(rfc7230.CHUNK_EXT_RE)


def matching_the_end(pattern: re.Pattern[bytes]) -> re.Pattern[bytes]:
    return re.compile(pattern.pattern.removesuffix(b"$") + rb"\Z")


class NullBuffer:
    """A body's buffer that only counts the bytes: nobody will read them."""

    length = 0

    def append(self, data: bytes) -> None:
        self.length += len(data)

    def getfile(self) -> io.BytesIO:
        return io.BytesIO()

    def close(self) -> None:
        pass

    def __len__(self) -> int:
        return self.length


class Parser(HTTPRequestParser):
    """Waitress's parser, which does not answer a client that is still sending.

    A body over the limit is read to its end, or to DRAIN_LIMIT, before its 413: else the client
    would meet a reset. Nothing is read for a client that asked first (Expect). A request without a
    body, or one that is refused, gets no 100 Continue, after which waitress would wait for a body
    that never comes.
    """

    is_admitted = False  # there is room for its body
    drained: int | None = None  # bytes of the body that were thrown away; None: it is kept
    # Of a request whose head could not be read:
    version = "1.1"
    path = ""
    kind: Kind = "quick"

    def parse_header(self, head: bytes) -> None:
        read = read_head if len(head) <= KEPT_HEAD else read_head.__wrapped__
        self.__dict__.update(read(head, self.adj))
        self.headers = self.headers.copy()
        if self.body_rcv is None:
            return
        buffer = BytesIOBasedBuffer()
        if self.chunked:
            self.body_rcv = receiver.ChunkedReceiver(buffer)
        else:
            self.body_rcv = receiver.FixedStreamReceiver(self.content_length, buffer)

    def received(self, data: bytes) -> int:
        if self.chunked:
            data = data[: 2 * CHUNK_LIMIT]
        if self.drained is not None:
            return self.drain(data)
        consumed = super().received(data)
        if self.is_too_large():
            self.discard()
        elif not self.completed and self.has_small_chunks(self.body_bytes_received):
            self.error = small_chunks()
            self.completed = True
        if self.completed:
            self.expect_continue = False
        return consumed

    def is_too_large(self) -> bool:
        """Whether the client goes on sending a body that is over the limit."""
        return (
            isinstance(self.error, RequestEntityTooLarge)
            and not self.expect_continue
            and not self.body_rcv.completed
        )

    def has_small_chunks(self, received: int) -> bool:
        """Whether too little of what was received of a body is the body itself."""
        if not self.chunked:
            return False
        size = len(self.body_rcv)
        return received - size > CHUNK_LIMIT + size // 16

    def awaits_decision(self) -> bool:
        """Whether its body is still to come, and may be kept or not."""
        return self.headers_finished and not self.is_admitted and self.drained is None

    def needed_bytes(self) -> int:
        """What it may take until it is answered. How large chunks are is known at their end."""
        return 4 * self.header_bytes_received + (
            WIRE_LIMIT if self.chunked else self.content_length
        )

    def discard(self) -> None:
        """From now on, what arrives of the body is thrown away.

        One that waits to be asked for is not read at all.
        """
        self.body_rcv.getbuf().close()
        self.body_rcv.buf = NullBuffer()
        self.drained = 0
        self.completed = self.expect_continue

    def drop_body(self) -> None:
        """A stranger's request, of which is kept what refuses it."""
        self.discard()
        self.headers = {
            name: value for name, value in self.headers.items() if name in STRANGER_HEADERS
        }
        if self.expect_continue:
            self.headers["CONNECTION"] = "close"  # what may come all the same is no request
        self.first_line = self.request_uri = ""
        self.kept_environ = {}

    def drain(self, data: bytes) -> int:
        consumed = self.body_rcv.received(data)
        self.drained += consumed
        has_small_chunks = self.has_small_chunks(self.drained)
        if self.error is None:
            if self.body_rcv.error:
                self.error = self.body_rcv.error
            elif has_small_chunks:
                self.error = small_chunks()
            elif self.drained > WIRE_LIMIT:
                self.error = RequestEntityTooLarge("")
        self.completed = bool(
            self.body_rcv.completed
            or self.body_rcv.error
            or self.drained > DRAIN_LIMIT
            or has_small_chunks
        )
        return consumed


STRANGER_HEADERS = ("X_API_KEY", "CONNECTION")


def small_chunks() -> Malformed:
    return Malformed("the chunks are too small for their overhead; send larger ones", "http_error")


def no_room() -> TryLater:
    return TryLater(
        "The server holds as many requests as it may. Nothing was stored; send it again.", "no_room"
    )


@functools.lru_cache(256)
def read_head(head: bytes, adjustments: Any) -> dict[str, Any]:
    """The attributes that waitress's parser gets from a request's head.

    Those of short heads are kept, since the heads of one sender are alike. Raises ParsingError for
    what a proxy before us may understand otherwise, and for what waitress would not survive.
    """
    parser = HTTPRequestParser(adjustments)
    if head.count(b"\n") > HEADERS_LIMIT + 2:  # the first line, and the blank one
        parser.error = RequestHeaderFieldsTooLarge("")
        head = b"GET / HTTP/1.0\r\n"
    try:
        parser.parse_header(head)
    except ValueError:  # an address or a length that Python does not read
        raise ParsingError("not valid") from None
    if b"\r\n " in head or b"\r\n\t" in head:
        raise ParsingError("a header on two lines")
    has_length = parser.chunked and "CONTENT_LENGTH" in parser.headers
    if has_length or "TRANSFER_ENCODING" in parser.headers:  # waitress keeps it for HTTP/1.0
        raise ParsingError("two ways to say where the body ends")
    parser.kind = request_kind(parser)
    parser.kept_environ = {}  # made from it when it is first needed
    return vars(parser)


class ProblemTask(ErrorTask):
    """The answer to what waitress itself refuses, as problem+json."""

    def execute(self) -> None:
        problem = wire_problem(self.request.error)
        content = to_json(problem.as_dict())
        self.status = f"{problem.status} {problem.title}"
        self.response_headers.extend(
            (SECURITY_HEADERS | problem.headers | {"Content-Type": PROBLEM_JSON}).items()
        )
        self.request.headers.pop("CONNECTION", None)  # the connection ends, whatever was asked for
        self.set_close_on_finish()
        self.content_length = len(content)
        self.write(content)


def wire_problem(error: Any) -> Problem:
    """Our words for waitress's errors, which could repeat a header's text."""
    if isinstance(error, Problem):
        return error
    detail = WIRE_DETAILS.get(error.code, "the request is not valid HTTP/1.1")
    problem = Problem(detail, TooLarge.code if error.code == 413 else "http_error")
    problem.status = error.code
    problem.title = error.reason
    return problem


WIRE_DETAILS = {
    413: f"a body may have {BODY_LIMIT:,} bytes, a batch {WIRE_LIMIT:,}; "
    f"of one with more than {WIRE_LIMIT:,} nothing is kept",
    431: f"there may be {HEADERS_LIMIT} headers, of {HEADER_LIMIT:,} bytes together",
    501: "this transfer encoding is not known here; send chunked, or a Content-Length",
    500: "the server failed to do this; its log says where",
}


class Task(WSGITask):
    """Waitress's task for our app, whose answers are one piece under headers that are our own."""

    def get_environment(self) -> dict[str, Any]:
        """As waitress makes it; what comes from the head is made once for heads that are alike."""
        request = self.request
        if request.chunked:  # its length is in no head
            return super().get_environment()
        if not request.kept_environ:
            whole = super().get_environment()
            request.kept_environ.update(whole | dict.fromkeys(("wsgi.input", CLIENT_DISCONNECTED)))
        channel = self.channel
        address, port = channel.addr[:2]
        return request.kept_environ | {
            "REMOTE_ADDR": address,
            "REMOTE_HOST": address,
            "REMOTE_PORT": str(port),
            "SERVER_NAME": channel.server.server_name,
            "SERVER_PORT": str(channel.server.effective_port),
            "wsgi.input": request.get_body_stream(),
            CLIENT_DISCONNECTED: channel.check_client_disconnected,
        }

    def execute(self) -> None:
        environ = self.get_environment()
        if self.request.drained is not None:
            environ[BODY_DROPPED] = True
        content = self.channel.server.application(environ, self.start_response)
        answer = b"".join((self.build_response_header(), *content))
        self.wrote_header = True
        self.channel.write_soon(answer)

    def start_response(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.response_headers = status, headers

    def build_response_header(self) -> bytes:
        connection = self.request.headers.get("CONNECTION", "").lower()
        if self.version == "1.0" and connection == "keep-alive":
            self.response_headers.append(("Connection", "Keep-Alive"))
        elif self.version == "1.0" or connection == "close":
            self.set_close_on_finish()
        lines = [f"HTTP/{self.version} {self.status}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in self.response_headers]
        lines.append(f"Date: {http_date(int(self.start_time))}\r\n\r\n")
        return "".join(lines).encode("latin-1")


http_date = functools.lru_cache(2)(build_http_date)


class LoopClock:
    """The seconds that the loop has been at work, by which clients are late.

    Setting the system's clock does not change them. They stand still while the process is stopped,
    so that nobody is late with what had arrived meanwhile.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.seen = time.monotonic()

    def tick(self) -> None:
        """Once a round, when the poll returns."""
        seen = time.monotonic()
        if seen - self.seen < STOPPED_SECONDS:
            self.now += seen - self.seen
        self.seen = seen


class Channel(HTTPChannel):
    """A connection. While `held` is a list, all that would leave it waits there for COMMIT.

    It reads one request, and the next only when the client has taken the answer: pipelined requests
    wait as bytes, which take less memory than parsed requests and answers, and no thread ever waits
    for a client.
    """

    parser_class = Parser
    task_class = Task
    error_task_class = ProblemTask
    held: list[bytes] | None = None
    pipelined = b""  # what the client has sent behind the request that is being served
    version = "1.1"
    has_spoken = False  # anything has come from its client
    sender: Sender = None  # of its last request
    awaits_room = False  # for the body of a request, whose head is there
    reserved = 0  # bytes for a body that is still to come
    held_bytes = 0  # of the buffers' total ...
    holder: Sender = None  # ... for which this sender counts
    is_read = False  # that request waits for a thread or is with one, until it is answered
    has_answered = False  # a part of its answer is written
    ended_at: float | None = None  # when its client began to send no more
    was_asked = False  # whether it is still there

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        # By the loop's clock, which waitress's last_activity is not
        self.opened_at = self.active_at = self.server.clock.now
        # When the wait for its client began: for a request, or for the rest of one
        self.since = self.opened_at

    def write_soon(self, data: bytes) -> int:
        self.has_answered = True
        if self.held is None:
            return super().write_soon(data)
        self.held.append(data)
        return len(data)

    def is_ready(self) -> bool:
        """Whether every request is answered, and the client has taken the answers."""
        return not (
            self.requests or self.total_outbufs_len or self.will_close or self.close_when_flushed
        )

    def readable(self) -> bool:
        return not self.pipelined and self.is_ready() and not self.awaits_room

    def received(self, data: bytes) -> None:
        """Reads one request; what stands behind it waits in `pipelined`."""
        self.has_spoken = True
        self.active_at = self.server.clock.now
        self.pipelined += data
        with self.requests_lock:
            while self.pipelined and self.is_ready() and not self.awaits_room:
                if self.request is None:
                    self.request = self.parser_class(self.adj)
                    self.since = self.active_at
                request = self.request
                consumed = request.received(self.pipelined)
                self.pipelined = self.pipelined[consumed:]
                if request.completed:
                    self.queue_request()
                elif not self.pipelined or request.expect_continue:
                    self.expect_body(request)

    def expect_body(self, request: Parser) -> None:
        """Not all of the request is there. Once its head is, it is decided about its body.

        That of a stranger is read to nowhere; another one waits until there is room.
        """
        if not request.awaits_decision():
            return
        self.sender = self.server.sender_of(request)
        if not is_stranger(self.sender):
            self.since = self.server.clock.now
            self.awaits_room = True
            self.server.admit(self)
        else:
            request.drop_body()
            if request.completed:
                self.queue_request()

    def begin_body(self, size: int) -> None:
        """There is room for it."""
        self.awaits_room = False
        self.since = self.server.clock.now
        self.request.is_admitted = True
        self.reserved = size
        self.account()
        if self.request.expect_continue:
            self.send_continue()

    def refuse_body(self) -> None:
        """There is no room for it; it is read to nowhere before the answer."""
        self.awaits_room = False
        self.reserved = 0
        self.account()
        self.request.error = no_room()
        self.request.discard()
        if self.request.completed:
            self.queue_request()
        self.proceed()

    def account(self) -> None:
        """Counts what it holds: an answer that is not taken, and the body that it expects."""
        with self.outbuf_lock:
            self.server.buffers.hold(self, self.reserved + self.total_outbufs_len)

    def queue_request(self) -> None:
        """The request has arrived whole, and is queued."""
        request = self.request
        self.request = None
        self.sent_continue = False
        self.reserved = 0  # counts until it is served
        if not request.empty:
            self.requests.append(request)
            self.has_answered = False
            self.sender = self.server.sender_of(request)
            self.server.add_task(self)

    def proceed(self) -> None:
        if self.pipelined:
            self.received(b"")

    def handle_write(self) -> None:
        untaken = self.total_outbufs_len
        super().handle_write()
        if self.total_outbufs_len < untaken:
            self.active_at = self.server.clock.now
        if self.held_bytes and self.is_ready():  # an answer counts until it is taken
            self.account()
        self.proceed()

    def handle_expt(self) -> None:
        """Urgent bytes, which HTTP does not have; unread, they would end every poll at once."""
        self.handle_close()

    def is_with_thread(self) -> bool:
        return self.is_read and bool(self.requests)

    def ask(self) -> None:
        """Sends, once, what HTTP/1.1 allows before an answer: who has gone answers with a reset."""
        is_late = self.server.clock.now >= self.ended_at + ASK_SECONDS
        if self.was_asked or not is_late or self.requests[0].version != "1.1":
            return
        self.was_asked = True
        with self.outbuf_lock, contextlib.suppress(OSError):
            if not self.has_answered:
                self.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def handle_close(self) -> None:
        super().handle_close()
        if self.request is not None:
            self.request.close()
            self.reserved = 0
        if self.held_bytes and not self.requests:
            self.account()

    def service(self) -> None:
        super().service()
        self.since = self.active_at = self.server.clock.now
        if self.held_bytes or self.total_outbufs_len:
            self.account()
        if self.pipelined and self.held is None:  # the loop itself may be within its poll
            self.server.trigger.pull_trigger(self.proceed)

    def serve(self) -> None:
        """Serves the queued request, inside the turn; nothing leaves before release().

        What has arrived whole is served, also when its sender no longer waits for the answer.
        """
        self.held = []
        self.version = self.requests[0].version
        connected = self.connected
        self.connected = True
        self.service()
        self.connected = connected

    def release(self) -> None:
        """After COMMIT: the answer leaves, then whatever waited behind it goes on."""
        answer = b"".join(self.held or ())
        self.held = None
        try:
            if self.connected and not self.total_outbufs_len:
                # What the client takes at once needs no buffer.
                answer = answer[self.send(answer, do_close=False) :]
            if answer:
                self.write_soon(answer)
                self.account()
        except (ClientDisconnected, OSError):  # noqa: SIM105 - suppress() takes a microsecond
            pass  # a broken connection is the poll's to close
        if self.pipelined:
            with contextlib.suppress(OSError):
                self.proceed()

    def refuse(self, problem: Problem) -> None:
        """Instead of what was held, if anything: the problem, and the end of the connection."""
        self.held = None
        request = self.parser_class(self.adj)
        request.version = self.requests[0].version if self.requests else self.version
        request.error = problem
        with contextlib.suppress(ClientDisconnected):
            self.error_task_class(self, request).service()
        with self.requests_lock:
            self.close_when_flushed = True
            for queued in self.requests:
                queued.close()
            self.requests = []
        self.reserved = 0
        self.account()


class Buffers:
    """How many bytes of requests and answers wait, of all connections and of each sender.

    A body that was not there with its head counts from its head on until it is answered, and an
    answer until it is taken. Beside that, each connection may hold what one read brings.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self.total = 0
        self.by_sender: Counter = Counter()
        self.lock = threading.Lock()

    def hold(self, channel: Channel, size: int) -> None:
        """So much the channel holds from now on; for its sender, unless it holds something."""
        with self.lock:
            if not channel.held_bytes:
                channel.holder = None if is_stranger(channel.sender) else channel.sender
            change = size - channel.held_bytes
            channel.held_bytes = size
            self.total += change
            self.by_sender[channel.holder] += change
            if not self.by_sender[channel.holder]:
                del self.by_sender[channel.holder]

    def has_room(self, sender: Sender, size: int) -> bool:
        """Whether a body may come."""
        if size <= SMALL_BODY:
            return self.total + size <= self.limit + self.limit // 8
        held = self.by_sender[sender]
        return self.total + size <= self.limit and held + size <= self.share(sender)

    def share(self, sender: Sender) -> int:
        """What one sender may have; all strangers together are one."""
        return self.limit // (4 if sender is None else 2)

    def who_gives_way(self, waiting: Channel | None) -> list[Sender]:
        """Who holds more than its share; else who holds most, where all together hold too much, or
        where a body waits whose sender would still hold less."""
        with self.lock:  # a thread may add to it
            by_sender = self.by_sender.copy()
        excessive = [sender for sender, held in by_sender.items() if held > self.share(sender)]
        if excessive or not by_sender:
            return excessive
        largest, held = by_sender.most_common(1)[0]
        if self.total > self.limit:
            return [largest]
        if waiting is None:
            return []
        wanted = by_sender[waiting.sender] + waiting.request.needed_bytes()
        return [largest] if held > wanted else []


class WaitingLine:
    """What one sender waits for, and what it has had."""

    __slots__ = ("had", "is_listed", "is_of_viewers", "served", "waiting")

    def __init__(self, is_of_viewers: bool):
        self.waiting: deque = deque()
        self.is_of_viewers = is_of_viewers
        self.served = 0  # how many are being served
        self.had = 0.0  # seconds
        self.is_listed = False  # in a queue's order


class FairQueue:
    """Channels, or reads, that wait in a line for each sender. Next is who has had the least time.

    Who comes anew has had as much as the one that was last served: nobody saves up time.
    """

    def __init__(self, at_once: int = 1):
        """Of one sender, so many may be served at the same time, and of the viewers of all shares
        together; of those of one share one, as the next are then often answered with the same."""
        self.at_once = at_once
        self.viewed = 0  # how many of viewers are being served
        self.lines: dict[Sender, WaitingLine] = {}
        # Of the lines from which one may be served, as a heap: (seconds had, number, line)
        self.order: list[tuple[float, int, WaitingLine]] = []
        self.viewers: list[tuple[float, int, WaitingLine]] = []  # the same of viewers
        self.numbers = itertools.count()
        self.level = 0.0
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def __bool__(self) -> bool:
        """Whether one may be served."""
        return self.length > 0 and bool(self.first_lines())

    def first_lines(self) -> list[tuple[float, int, WaitingLine]]:
        """The heap whose first line is the next one; empty where none may be served."""
        if not self.viewers or self.viewed >= self.at_once:
            return self.order
        return min(self.order, self.viewers) if self.order else self.viewers

    def append(self, each: Channel | Read) -> None:
        line = self.lines.get(each.sender) or self.add_line(each.sender)
        line.waiting.append(each)
        self.length += 1
        self.enlist(line)

    def add_line(self, sender: Sender) -> WaitingLine:
        line = self.lines[sender] = WaitingLine(isinstance(sender, Viewers))
        return line

    def enlist(self, line: WaitingLine) -> None:
        most = 1 if line.is_of_viewers else self.at_once
        if line.waiting and line.served < most and not line.is_listed:
            line.had = max(line.had, self.level)
            line.is_listed = True
            order = self.viewers if line.is_of_viewers else self.order
            heapq.heappush(order, (line.had, next(self.numbers), line))

    def next_line(self) -> WaitingLine:
        self.level, _, line = heapq.heappop(self.first_lines())
        line.is_listed = False
        return line

    def take(self, until: float) -> Iterator[Channel]:
        """One channel at least, and others until this time.monotonic()."""
        now = -math.inf
        while self and now < until:
            line = self.next_line()
            began = time.monotonic()
            end = min(until, began + LINE_SECONDS)
            try:
                while line.waiting and now < end:
                    self.length -= 1
                    yield line.waiting.popleft()
                    now = time.monotonic()
            finally:
                line.had += time.monotonic() - began
                self.enlist(line)

    def popleft(self) -> Read:
        """The next one, for a thread, which says when it has finished."""
        line = self.next_line()
        line.served += 1
        self.viewed += line.is_of_viewers
        self.length -= 1
        read = line.waiting.popleft()
        self.enlist(line)
        return read

    def finish(self, sender: Sender, seconds: float) -> None:
        line = self.lines[sender]
        line.served -= 1
        self.viewed -= line.is_of_viewers
        line.had += seconds
        self.enlist(line)


class Read:
    """A request that one of waitress's threads answers."""

    def __init__(self, channel: Channel, finish: Callable[[Sender, float], None]):
        self.channel = channel
        self.sender = channel.sender  # that of the channel may by then be of its next request
        self.finish = finish

    def service(self) -> None:
        began = time.monotonic()
        self.channel.service()
        self.finish(self.sender, time.monotonic() - began)

    def cancel(self) -> None:
        self.channel.cancel()


class Dispatcher(ThreadedTaskDispatcher):
    """Sorts requests: reads to waitress's worker threads, others to queues of the loop.

    Of these the quick ones are answered at once, and writes in the next turn.
    """

    def __init__(self, memory: bool, threads: int):
        super().__init__()
        self.memory = memory  # one connection: the loop serves reads, too
        self.queue = FairQueue(at_once=max(1, threads // 2))
        self.quick = FairQueue()
        self.writes = FairQueue()
        self.long_writes = FairQueue()

    def add_task(self, channel: Channel) -> None:
        request = channel.requests[0]
        kind = request.kind if request.error is None else "quick"
        channel.is_read = kind == "read" and not self.memory
        if kind == "quick":
            self.quick.append(channel)
        elif channel.is_read:
            super().add_task(Read(channel, self.finish))
        elif kind == "long":
            self.long_writes.append(channel)
        else:
            self.writes.append(channel)

    def finish(self, sender: Sender, seconds: float) -> None:
        """A thread has served a read. Another may take the next one of its sender."""
        with self.lock:
            self.queue.finish(sender, seconds)
            self.queue_cv.notify()

    def has_writes(self) -> bool:
        return bool(self.writes or self.long_writes)

    def queued(self, until: float) -> Iterator[Channel]:
        """The channels that a turn serves until this time.monotonic().

        The short ones, then the long ones; one of each at least.
        """
        for queue in (self.writes, self.long_writes):
            yield from queue.take(until)

    def shutdown(self, timeout: float) -> None:
        """Waits so many seconds for the reads that are under way; who waits for one is let go."""
        self.set_thread_count(0)
        until = time.monotonic() + timeout
        with self.lock:
            while self.threads and time.monotonic() < until:
                self.thread_exit_cv.wait(0.1)
            if self.threads:
                self.logger.warning("%d thread(s) still running", len(self.threads))
            while self.queue:
                self.queue.popleft().cancel()

    def __len__(self) -> int:
        """How many the loop has to serve."""
        return self.quick.length + self.writes.length + self.long_writes.length


Kind = Literal["quick", "read", "long", "write"]


def request_kind(request: HTTPRequestParser) -> Kind:
    """By which queue a request goes, as far as its head tells."""
    if is_quick(request):
        return "quick"
    if is_read(request):
        return "read"
    return "long" if is_long(request) else "write"


def is_quick(request: HTTPRequestParser) -> bool:
    """Whether it is health, the session, a file of the page, or a link."""
    if request.command not in ("GET", "HEAD"):
        return False
    path = "/" + request.path.lstrip("/")
    return path in QUICK_READS or path.startswith(("/static/", SHARE_PATH))


def is_long(request: HTTPRequestParser) -> bool:
    """Whether it may write a thousand rows, and must not delay what writes a few."""
    path = "/" + request.path.lstrip("/")
    return request.command == "DELETE" or (request.command, path) in LONG_WRITES


def is_read(request: HTTPRequestParser) -> bool:
    """Whether it needs no turn: by method and path as the router sees it."""
    if request.command in ("GET", "HEAD"):
        return True
    if is_preview(request.command, request.query):
        return True
    return request.command == "POST" and "/" + request.path.lstrip("/") in READ_POSTS


def unfinished_step(connection: apsw.Connection) -> Callable[[], Any] | None:
    """A step of what has begun and goes on by itself: a merge of event names, or a deletion."""
    for statement, step in (
        ("event_names.find_merge", move_events),
        ("deletions.next", delete_from_contact),
        ("locations.next_deletion", delete_from_location),
    ):
        key = scalar(connection, statement)
        if key is not None:
            return functools.partial(step, connection, key)
    return None


def go_on(database: Database) -> bool:
    """Takes the next step of what has begun, in a turn of its own; whether there was one.

    Raises apsw.Error, with nothing changed.
    """
    step = unfinished_step(database.writer)
    if step is None:
        return False
    database.begin()
    try:
        step()
    except apsw.Error:
        database.roll_back()
        raise
    database.commit()
    return True


# What is watched while it serves

ROUND_SECONDS = 60  # from one evaluation of all alerts to the next
TICK_SECONDS = 1
COST_FACTOR = 100  # an evaluation pauses so many times as long as it took of the processor
JUMP_SECONDS = 60  # by which the clock was set, rather than corrected
SETTLED_SECONDS = 600  # for which it must have gone evenly since
WRITE_SECONDS = 30  # that a step waits for its turn


class Watcher:
    """Evaluates the alerts and writes the reports that are due, on a thread of its own.

    It reads on that thread's connection, and each step that it writes is a turn of the loop. Under
    any other WSGI server, and in tests, `tick` does it where it is called.
    """

    def __init__(self, database: Database):
        self.database = database
        self.clock = database.clock
        self.steps: deque[Step] = deque()  # that wait for the loop
        self.wake: Callable[[], None] = lambda: None
        self.has_ended = threading.Event()
        self.thread: threading.Thread | None = None
        self.uptime_id: int | None = None  # of the time without a break that goes on
        self.event_id = 0  # up to which arrivals are known
        self.lead: float | None = None  # of the clock over the monotonic one, in seconds
        self.next_round = 0.0
        self.settled_at = 0.0
        self.trouble = ""  # of the database, since the last round

    # The thread

    def start(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.thread = threading.Thread(target=self.run, name="watcher", daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.pause():
            self.tick()

    def pause(self) -> bool:
        """Until the next tick; whether it is to end. Where it took long, the process was stopped,
        and nothing could come."""
        began = time.monotonic()
        has_ended = self.has_ended.wait(TICK_SECONDS)
        if time.monotonic() - began > JUMP_SECONDS:
            self.uptime_id = None
        return has_ended

    def stop(self) -> None:
        """What it reads is interrupted, and the step that it waits for is not written any more."""
        self.has_ended.set()
        for step in list(self.steps):
            step.is_done.set()
        if self.thread:
            self.thread.join(STOP_SECONDS)

    def write_next(self) -> None:
        """On the loop, between turns: the next step, in a turn of its own."""
        if not self.steps:
            return
        step = self.steps[0]
        try:
            self.write_here(step.write)
            step.is_written = True
        except apsw.BusyError:
            return  # another process holds the database: the next pass tries again
        except apsw.Error as error:
            step.error = error
        except Exception as error:
            log_defect(error)
        with contextlib.suppress(ValueError):  # who waits may have given it up meanwhile
            self.steps.remove(step)
        step.is_done.set()

    def write_here(self, write: Callable[[apsw.Connection], None]) -> None:
        self.database.begin()
        try:
            write(self.database.writer)
        except BaseException:
            self.database.roll_back()
            raise
        self.database.commit()

    def write(self, write: Callable[[apsw.Connection], None]) -> None:
        """Returns when it is on disk. Raises NotWritten."""
        database = self.database
        try:
            if database.turn_thread is None:
                with database.turn():
                    write(database.writer)
                return
            if database.turn_thread == threading.get_ident():
                self.write_here(write)
                return
        except apsw.Error as error:
            raise NotWritten from error
        step = Step(write)
        self.steps.append(step)
        self.wake()
        step.is_done.wait(WRITE_SECONDS)
        if not step.is_done.is_set():
            with contextlib.suppress(ValueError):
                self.steps.remove(step)
        if not step.is_written:
            raise NotWritten from step.error

    @contextlib.contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """Raises TryLater as soon as the thread is to end."""
        with self.database.read() as connection:
            if self.database.memory:
                yield connection
                return
            has_ended = self.has_ended.is_set
            connection.add_limit(has_ended)
            try:
                yield connection
            finally:
                connection.remove_limit(has_ended)

    # What it does

    def tick(self) -> None:
        """Once a second. Trouble ends it until the next one; a defect of ours is logged."""
        try:
            self.watch_clock()
            self.watch_trouble()
            if time.monotonic() >= self.next_round:
                self.take_round()
            if time.monotonic() >= self.settled_at:
                self.send_reports()
        except TryLater:  # a read that made way
            self.next_round = time.monotonic() + RETRY_SECONDS
        except (NotWritten, apsw.Error):
            self.uptime_id = None  # while nothing can be written, nobody knows what comes
            self.next_round = time.monotonic() + RETRY_SECONDS
        except Exception as error:
            log_defect(error)
            self.next_round = time.monotonic() + ROUND_SECONDS

    def watch_clock(self) -> None:
        """A clock that was set begins a new reckoning, and is not believed for a while."""
        lead = self.clock() / 1000 - time.monotonic()
        if self.lead is not None and abs(lead - self.lead) > JUMP_SECONDS:
            self.uptime_id = None
            self.settled_at = time.monotonic() + SETTLED_SECONDS
            self.next_round = 0.0
        self.lead = lead

    def watch_trouble(self) -> None:
        if self.database.trouble is not None:
            self.trouble = self.database.trouble.detail
            self.uptime_id = None

    def take_round(self) -> None:
        """Looks at all alerts once, where there are any."""
        began = time.thread_time()
        now = self.clock()
        with self.read() as connection:
            alerts = rows(connection, "alerts.list")
            reports = rows(connection, "reports.list")
        self.correct_reports(reports, now)
        is_complete = True
        if alerts:
            is_complete = self.listen(now)
            if time.monotonic() >= self.settled_at:
                self.evaluate_alerts(alerts, now, is_complete)
        else:
            self.uptime_id = None
        self.trouble = ""
        took = time.thread_time() - began
        pause = max(COST_FACTOR * took, ROUND_SECONDS if is_complete else 0)
        self.next_round = time.monotonic() + pause

    def listen(self, now: int) -> bool:
        """Notes that the server listens, and what has come; whether that is all."""
        with self.read() as connection:
            uptimes = rows(connection, "uptimes.list")
            newest = scalar(connection, "events.newest")
            last = uptimes[-1] if uptimes else {"event_id": 0, "seen_at": 0}
            if self.uptime_id is None:
                self.event_id = last["event_id"]
            if now < last["seen_at"] - JUMP_SECONDS * 1000 and self.uptime_id is None:
                self.settled_at = max(self.settled_at, time.monotonic() + SETTLED_SECONDS)
            until = min(newest, self.event_id + ARRIVALS_STEP)
            found = rows(connection, "arrivals.find", after=self.event_id, until=until)
        arrivals = [[each["name_key"], each["location_key"], each["received_at"]] for each in found]
        for start in range(0, len(arrivals), ARRIVALS_TURN):
            part = json.dumps(arrivals[start : start + ARRIVALS_TURN])
            self.write(lambda writer, part=part: change(writer, "arrivals.upsert", arrivals=part))
        self.write(functools.partial(self.note_listening, until, now))
        return until >= newest

    def note_listening(self, until: int, now: int, connection: apsw.Connection) -> None:
        if self.uptime_id is None:
            begun = row(connection, "uptimes.insert", now=now, event_id=until)
            self.uptime_id = begun["uptime_id"]
            change(connection, "uptimes.prune", newest=self.uptime_id, most=UPTIMES_LIMIT)
        else:
            change(
                connection,
                "uptimes.extend",
                uptime_id=self.uptime_id,
                now=now,
                event_id=until,
            )
        self.event_id = until

    def evaluate_alerts(self, alerts: list[dict], now: int, is_complete: bool) -> None:
        """Each in a read of its own, so that no long one keeps the WAL."""
        for alert in alerts:
            if self.has_ended.is_set():
                break
            with self.read() as connection:
                around = self.around(connection, now)
                if not is_complete and needs_arrivals(alert):
                    continue
                outcome = look_at_alert(alert, around)
            if not is_as_stored(alert, outcome):
                self.write(lambda writer, found=outcome: write_outcome(writer, found, now))
        self.surroundings = None

    surroundings: Surroundings | None = None  # of this round

    def around(self, connection: apsw.Connection, now: int) -> Surroundings:
        if self.surroundings is None or self.surroundings.now != now:
            self.surroundings = surroundings_of(self.database, connection, now)
            self.surroundings.trouble = self.surroundings.trouble or self.trouble
        self.surroundings.connection = connection
        return self.surroundings

    def correct_reports(self, reports: list[dict], now: int) -> None:
        """Where the clock was set back, none is due later than it would be by now."""
        for report in reports:
            if report["next_at"] is None:
                continue
            with contextlib.suppress(Invalid):
                model = report_model(report)
                expected = next_due(model, now, model.zone(self.database.config))
                if report["next_at"] > expected:
                    binds = {"report_id": report["report_id"], "next_at": expected}
                    self.write(lambda writer, b=binds: change(writer, "reports.postpone", **b))

    def send_reports(self) -> None:
        """Writes the messages of the reports that are due."""
        now = self.clock()
        with self.read() as connection:
            due = [each["report_id"] for each in rows(connection, "reports.find_due", now=now)]
        for report_id in dict.fromkeys(due):
            with self.read() as connection:
                report = row(connection, "reports.find", report_id=report_id)
                if report is None:
                    continue
                mailing = prepare_report(connection, report, self.database.config, now)
            for step in mailing_steps(mailing, now):
                self.write(step)


class NotWritten(Exception):
    """A step of the watcher found no turn, or the turn failed. Nothing of it is stored."""


@dataclass(slots=True, eq=False)
class Step:
    """What the watcher wants written, in a turn of the loop."""

    write: Callable[[apsw.Connection], None]
    is_done: threading.Event = field(default_factory=threading.Event)
    is_written: bool = False
    error: apsw.Error | None = None


def needs_arrivals(alert: dict) -> bool:
    return json.loads(alert["definition"])["watch"]["kind"] in ("silence", "threshold")


class Server:
    """Waitress with a loop of our own: a poll, or two where several requests came, then a turn."""

    def __init__(self, app: App, config: Config):
        self.app = app
        self.config = config
        self.database = app.database
        self.stopping = False
        self.waiting_since: float | None = None  # for another process that holds the database
        self.map: dict[int, Any] = {}
        self.senders: dict[str, Sender] = {}  # by their tokens; no more than there are keys
        self.dispatcher = Dispatcher(self.database.memory, config.read_threads)
        try:
            self.http = self.listen()
        except (OSError, ValueError) as error:
            wasyncore.close_all(self.map, ignore_all=True)
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"cannot listen on {config.host} port {config.port}: {reason}; "
                "choose another with --host or --port"
            ) from None
        self.limit = config.connection_limit + len(self.map)  # the map has the listeners, too
        self.clock = LoopClock()
        self.next_check = 0.0  # of connections that are overdue
        self.buffers = Buffers(config.buffer_limit * MEGABYTE)
        self.waiting: list[Channel] = []  # for room for a body, the longest first
        self.next_closing = 0.0  # of connections, where no more may be opened
        self.ended: list[Channel] = []  # that send no more while a thread answers them
        self.next_look = 0.0  # at these
        self.has_begun = False  # a merge of event names or a deletion that goes on by itself
        self.next_step = 0.0
        self.watcher = Watcher(self.database)
        self.next_tick = 0.0  # of a watcher without a thread
        self.dispatcher.set_thread_count(possible_readers(config.read_threads))
        self.listeners = [
            dispatcher
            for dispatcher in self.map.values()
            if isinstance(dispatcher, waitress.server.TcpWSGIServer)
        ]
        for listener in self.listeners:
            listener.channel_class = Channel
            listener.clock = self.clock
            listener.sender_of = self.sender_of
            listener.buffers = self.buffers
            listener.admit = self.admit
            listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            listener.handle_accept = functools.partial(self.accept, listener)
            listener.pull_trigger = self.wake
            listener.readable = self.has_room

    def listen(self) -> Any:
        require_crlf_after_chunk_sizes()
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue of reads is no news
        sockets = inherited_sockets()
        if sockets:
            address = {"sockets": sockets}
        else:
            address = {"host": self.config.host, "port": self.config.port}
        return waitress.create_server(
            self.app,
            map=self.map,
            _dispatcher=self.dispatcher,
            **address,
            asyncore_use_poll=True,  # select() ends at file descriptor 1,023
            max_request_header_size=HEADER_LIMIT,
            max_request_body_size=WIRE_LIMIT + 1,  # waitress refuses what has as many bytes
            recv_bytes=16_384,  # of a poll's time, and of memory for pipelined requests
            # Nothing that waits is in a file: what may wait has a limit, and /tmp is often memory.
            outbuf_overflow=sys.maxsize,
            log_socket_errors=False,  # a client that hangs up is no error of ours
            clear_untrusted_proxy_headers=False,  # we read none of them
            ident=None,
        )

    @property
    def address(self) -> str:
        """http://HOST:PORT as it really listens."""
        host = self.listeners[0].effective_host
        port = self.listeners[0].effective_port
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def has_room(self) -> bool:
        """Whether another connection may be opened."""
        return len(self.map) < self.limit

    def accept(self, listener: Any) -> None:
        """Accepts all new connections.

        Waitress accepts one a poll, and each would wait for a turn of the others.
        """
        while self.has_room():
            before = len(listener.active_channels)
            type(listener).handle_accept(listener)
            if len(listener.active_channels) == before:
                break

    def wake(self) -> None:
        """Worker threads wake the loop; the loop itself is awake."""
        if threading.get_ident() != self.database.turn_thread:
            self.listeners[0].trigger.pull_trigger()

    def run(self) -> None:
        """Serves until stop()."""
        self.database.take_turns()
        if not self.database.memory:  # which has only one connection
            self.watcher.start(self.wake)
        while not self.stopping:
            self.poll(STEP_PAUSE if self.has_begun else POLL_SECONDS)
            if len(self.dispatcher) > 1:
                self.poll(0)  # what came while these were read shares their COMMIT
            self.turn()
            self.database.idle()
            if time.monotonic() >= self.next_step:
                self.go_on()
            self.watch()
            if self.buffers.total or self.waiting:
                self.admit_waiting()
                self.make_room()
            if self.ended and self.clock.now >= self.next_look:
                self.close_abandoned()
            if not self.has_room() and self.clock.now >= self.next_closing:
                self.close_longest_waiting(self.clock.now)
            if self.clock.now >= self.next_check:
                self.close_overdue(self.clock.now)
        self.finish()

    def poll(self, timeout: float) -> None:
        """Waits so many seconds at most for clients and threads, and lets waitress handle them."""
        if self.dispatcher:
            timeout = 0.01 if self.waiting_since else 0
        elif self.ended or self.waiting:
            timeout = min(timeout, LOOK_SECONDS)
        elif not self.has_room():
            timeout = min(timeout, CLOSING_SECONDS)
        poll = select.poll()
        for number, each in self.map.items():
            events = events_of(each)
            if events is not None:
                poll.register(number, events)
        ready = poll.poll(timeout * 1000)
        self.clock.tick()
        for number, events in ready:
            each = self.map.get(number)
            if each is None:  # closed by what came before it
                continue
            if events & SENDS_NO_MORE:
                each.ended_at = self.clock.now
                self.ended.append(each)
            wasyncore.readwrite(each, events)

    def close_abandoned(self) -> None:
        """Closes connections of clients that have gone while a thread answers them.

        One that has only ended its own side still wants the answer. Both look alike from here, so
        that the system is asked, or else the client.
        """
        self.next_look = self.clock.now + LOOK_SECONDS
        self.ended = [channel for channel in self.ended if channel.connected]
        waiting = [channel for channel in self.ended if channel.is_with_thread()]
        has_gone = gone_from_here(waiting)
        for channel in waiting:
            if has_gone.get(channel):
                channel.handle_close()
            elif channel not in has_gone:
                channel.ask()

    def go_on(self) -> None:
        """Between turns: a merge or a deletion that has begun ends, though nobody asks again."""
        if self.database.trouble is None:
            try:
                self.has_begun = go_on(self.database)
            except DAMAGE as error:
                self.database.fail(error)
            except apsw.Error:  # the next turn meets the same and says so
                pass
        self.next_step = time.monotonic() + STEP_PAUSE

    def watch(self) -> None:
        """Between turns: writes what the watcher has found, a step at a time."""
        if not self.database.memory:
            self.watcher.write_next()
        elif time.monotonic() >= self.next_tick:
            self.watcher.tick()
            self.next_tick = time.monotonic() + TICK_SECONDS

    def close_overdue(self, now: float) -> None:
        """Once a second: closes connections that are silent or slow beyond their time.

        An answer must be taken as fast as a body must come.
        """
        self.next_check = now + 1
        timeout = self.config.request_timeout
        for channel in self.waiting_for_clients():
            time_to_take = timeout * max(1, channel.held_bytes / WIRE_LIMIT)
            is_untaken = channel.total_outbufs_len and channel.since < now - time_to_take
            if is_untaken or channel.active_at < now - self.config.idle_timeout:
                channel.handle_close()
            elif channel.request is not None and channel.since < now - timeout:
                channel.refuse(TooSlowly(f"a request must arrive within {timeout} seconds"))

    def close_longest_waiting(self, now: float) -> None:
        """When no more connections may be opened: closes those that have waited longest for their
        clients, a quarter of the strangers, or of all where there are none."""
        self.next_closing = now + CLOSING_SECONDS
        waiting = self.waiting_for_clients()
        strangers = [channel for channel in waiting if is_stranger(channel.sender)]
        first = sorted(strangers or waiting, key=operator.attrgetter("since"))
        for channel in first[: len(first) // 4 + 1]:
            if channel.since <= now - PATIENCE_SECONDS:
                channel.handle_close()

    def waiting_for_clients(self) -> list[Channel]:
        return [
            channel
            for channel in self.channels()
            if not channel.requests and not channel.awaits_room
        ]

    def admit(self, channel: Channel) -> None:
        """Lets a body come, or wait."""
        size = channel.request.needed_bytes()
        if self.buffers.has_room(channel.sender, size):
            channel.begin_body(size)
        else:
            self.waiting.append(channel)

    def admit_waiting(self) -> None:
        """Lets bodies come for which there is room now; those that waited too long get 429."""
        waiting = self.waiting
        self.waiting = []
        for channel in waiting:
            if channel.connected and channel.since < self.clock.now - BUSY_SECONDS:
                channel.refuse_body()
            elif channel.connected:
                self.admit(channel)
                channel.proceed()

    def make_room(self) -> None:
        """Whoever holds too much gives way, or most where a body has waited for a while."""
        late = self.clock.now - PATIENCE_SECONDS
        waiting = [channel for channel in self.waiting if channel.since <= late]
        neediest = min(
            waiting, key=lambda channel: self.buffers.by_sender[channel.sender], default=None
        )
        while any(self.give_way(each) for each in self.buffers.who_gives_way(neediest)):
            neediest = None

    def give_way(self, sender: Sender) -> bool:
        """Ends what this sender has held longest. Whether there was something.

        The only answer that it waits for may be larger than its share.
        """
        holding = [
            channel
            for channel in self.waiting_for_clients()
            if channel.held_bytes and channel.holder == sender
        ]
        may_stay = len(holding) == 1 and self.buffers.total <= self.buffers.limit + READ_MEMORY
        if may_stay or not holding:
            return False
        channel = min(holding, key=operator.attrgetter("since"))
        if channel.reserved:
            channel.refuse_body()
        else:
            channel.handle_close()
        return True

    def sender_of(self, request: HTTPRequestParser) -> Sender:
        """By the key, which the request's turn looks up once more."""
        known = self.senders.get(request.headers.get("X_API_KEY"))
        if known is not None:
            return known
        token = "" if request.error is not None else request_token(request)
        if not token:
            return None
        if token not in self.senders:
            try:
                caller = authenticate(self.database.writer, token, self.config.admin_key)
            except Unauthorized:
                return None
            except apsw.Error:  # the turn meets the same and says so
                return "unknown"
            sender: Sender = "admin" if caller.key_id is None else caller.key_id
            self.senders[token] = Viewers(caller.key_id) if caller.is_viewer else sender
        return self.senders[token]

    def answer_quickly(self) -> None:
        """What takes no query, also while writes wait for another process."""
        for channel in self.dispatcher.quick.take(time.monotonic() + TURN_SECONDS):
            channel.service()

    def turn(self) -> None:
        """One transaction for all queued writes; their answers leave after its COMMIT."""
        if self.dispatcher.quick:
            self.answer_quickly()
        served: list[Channel] = []
        if not self.dispatcher.has_writes() or not self.begin():
            return
        for channel in self.dispatcher.queued(until=time.monotonic() + TURN_SECONDS):
            served.append(channel)
            channel.serve()
            # SQLite may roll back the whole turn inside a statement.
            if not self.database.writer.in_transaction:
                break
        try:
            self.database.commit()
        except apsw.Error as error:
            self.refuse(served, problem_of(error))
        else:
            for channel in served:
                channel.release()

    def begin(self) -> bool:
        """Whether a turn has begun. While another process holds the database, the loop polls on."""
        try:
            self.database.begin()
        except apsw.BusyError as error:
            self.waiting_since = self.waiting_since or time.monotonic()
            if time.monotonic() - self.waiting_since > BUSY_SECONDS:
                self.refuse_all(error)
            return False
        except apsw.Error as error:
            self.refuse_all(error)
            return False
        self.waiting_since = None
        return True

    def refuse_all(self, error: apsw.Error) -> None:
        self.waiting_since = None
        self.database.trouble = problem_of(error)
        self.refuse(list(self.dispatcher.queued(until=math.inf)), self.database.trouble)

    def refuse(self, channels: Iterable[Channel], problem: Problem) -> None:
        for channel in channels:
            channel.refuse(problem)

    def stop(self) -> None:
        """Ends run() when what has arrived is answered; also for signal handlers and threads."""
        self.stopping = True

    def finish(self) -> None:
        """Takes no more connections, answers what has arrived and closes, which empties the WAL."""
        for listener in self.listeners:
            self.accept(listener)
            wasyncore.dispatcher.close(listener)
        until = time.monotonic() + STOP_SECONDS
        self.poll(0)
        while (self.channels() or self.dispatcher) and time.monotonic() < until:
            self.turn()
            self.admit_waiting()
            for channel in self.channels():
                channel.will_close = channel.will_close or is_idle(channel, self.clock.now)
            self.poll(0.05)
        self.watcher.stop()
        self.dispatcher.shutdown(timeout=STOP_SECONDS)
        self.summary = self.database.summary()
        self.app.close()
        wasyncore.close_all(self.map, ignore_all=True)

    def channels(self) -> list[Channel]:
        return [channel for channel in self.map.values() if isinstance(channel, Channel)]


def request_token(request: HTTPRequestParser) -> str:
    """The key that comes with a request."""
    token = request.headers.get("X_API_KEY", "")
    if token or "api_key=" not in request.query:
        return token
    try:
        query, _ = split_query(request.query, "replace")
    except Malformed:
        return ""
    return sent_token({}, query)


def events_of(each: Any) -> int | None:
    """What a poll is to tell of a connection, a listener or a trigger; None: nothing.

    With 0 it tells of an abrupt end.
    """
    if each.readable():  # then nothing of its waits to be sent
        return select.POLLIN | select.POLLPRI
    if not each.accepting and each.writable():
        return select.POLLOUT
    if not isinstance(each, Channel) or not each.is_with_thread():
        return None
    return SENDS_NO_MORE if each.ended_at is None else 0


def gone_from_here(channels: list[Channel]) -> dict[Channel, bool]:
    """Of those whose clients are on this machine, such as a proxy: whether they have gone.

    No process has the other end any more. Empty where the system does not tell.
    """
    inodes = {}
    ends = {}
    for path in TCP_TABLES if channels else ():
        with contextlib.suppress(OSError), open(path) as table:
            next(table)
            for line in table:
                fields = line.split()
                inodes[fields[1], fields[2]] = int(fields[9])
                ends[int(fields[9])] = fields[1], fields[2]
    has_gone = {}
    for channel in channels:
        local, remote = ends.get(os.fstat(channel.socket.fileno()).st_ino, (None, None))
        inode = inodes.get((remote, local))
        if inode is not None:
            has_gone[channel] = inode == 0
    return has_gone


def inherited_sockets() -> list[socket.socket]:
    """What systemd listens on for us, also while we restart, so that nobody is refused."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ["LISTEN_FDS"])
    return [socket.socket(fileno=3 + number) for number in range(count)]


def is_idle(channel: Channel, now: float) -> bool:
    """Whether nothing of it is under way, as the first request on a new connection is."""
    is_new = not channel.has_spoken and channel.opened_at > now - ARRIVAL_SECONDS
    is_reading = channel.request or channel.pipelined
    is_answering = channel.requests or channel.total_outbufs_len
    return not (is_new or is_reading or is_answering)


def possible_readers(threads: int) -> int:
    """As many threads as wanted, if together they take no more than a quarter of the memory."""
    return max(1, min(threads, memory_limit() // 4 // READ_MEMORY))


def memory_limit() -> int:
    """Bytes that there are: the machine's, or fewer where a control group of ours has fewer."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                sizes += group_limits(Path("/sys/fs/cgroup"), path, "memory.max")
            elif "memory" in controllers.split(","):
                sizes += group_limits(Path("/sys/fs/cgroup/memory"), path, "memory.limit_in_bytes")
    return min(sizes)


def group_limits(root: Path, path: str, name: str) -> Iterator[int]:
    """Of a control group and of those around it; where there is none, the file has a word."""
    folder = root / path.lstrip("/")
    for each in (folder, *folder.parents):
        if each.is_relative_to(root):
            with contextlib.suppress(OSError, ValueError):
                yield int((each / name).read_text("utf-8"))


def allow_many_files(connections: int) -> int:
    """Raises the limit of open files for so many connections; returns for how many it is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + 100
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(connections, max(1, soft - 100))


####################################################################################################
# command line
####################################################################################################

EXAMPLES = {
    "serve": "streamlined-lite serve --port 8080 --database ./streamlined-lite.db",
    "demo": "streamlined-lite demo --port 8080",
    "send": "streamlined-lite send",
    "keys": 'streamlined-lite keys create "HighLevel workflows" --scope ingest',
    "keys create": (
        'streamlined-lite keys create "HighLevel workflows" --location ve9EPM428h8vShlRW1KT'
    ),
    "keys list": "streamlined-lite keys list --json",
    "keys revoke": "streamlined-lite keys revoke 3",
    "export": "streamlined-lite export events --from 2026-01-01 --output january.ndjson",
    "import": "streamlined-lite import contacts.csv --location ve9EPM428h8vShlRW1KT",
    "delete-events": (
        "streamlined-lite delete-events --location ve9EPM428h8vShlRW1KT --to 2024-01-01"
    ),
    "backup": "streamlined-lite backup /var/backups/streamlined-lite --keep 14",
    "restore": "streamlined-lite restore before.db --database streamlined-lite.db",
    "check": "streamlined-lite check --backups /var/backups/streamlined-lite",
}
EXIT_CODES = {
    "0": "done",
    "1": "not done (check: warnings)",
    "2": "a wrong command or setting (check: errors)",
    "3": "imported, except for the lines in FILE.rejected",
    "130, 143": "stopped by Ctrl-C or SIGTERM (serve then ends with 0)",
    "141": "the reader of the output stopped reading, as head does",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; one line on standard error says what failed."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        with ended_by_signals():
            code = run(arguments)
            sys.stdout.flush()
            return code
    except ConfigError as error:
        return fail(error.exit_code, str(error))
    except Problem as problem:
        return fail(1, problem.detail)
    except apsw.Error as error:
        reason = f"the database cannot be used: {explain(error)}"
        return fail(1, f"{reason} (what was not yet committed is not stored)")
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0]
        return fail(128 + number, "stopped before the end; it can be started again")
    except BrokenPipeError:
        # as in `keys list | head`: the reader has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        return fail(1, f"{error.filename or 'standard output'}: {error.strerror}")


def fail(exit_code: int, reason: str) -> int:
    print(f"streamlined-lite: {reason}", file=sys.stderr)
    return exit_code


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """The first SIGINT or SIGTERM raises KeyboardInterrupt(its number); those that follow are
    ignored, so that they do not disturb the clearing up."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int, frame: Any) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def run(argv: list[str]) -> int:
    """Calls the command with the settings and its own arguments; without a command it serves."""
    about_the_program = ("-h", "--help", "--version")
    if not argv or (argv[0].startswith("-") and argv[0] not in about_the_program):
        argv = ["serve", *argv]
    arguments = vars(command_parser().parse_args(argv))
    command = arguments.pop("command")
    settings = {}
    for name in Config.model_fields:
        value = arguments.pop(name, None)
        if value is not None:
            settings[name] = value
    return command(load_config(os.environ, settings), **arguments)


# Parsing the arguments


class CommandParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        raise ConfigError(f"{message}; see {self.prog} --help")


def command_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="streamlined-lite",
        description=(
            "A custom events API and metric builder on one SQLite file.\n"
            "Without a command it serves."
        ),
        epilog=f"{exit_code_help()}\n\nexample: {EXAMPLES['serve']}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"streamlined-lite {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_serve(commands)
    add_demo(commands)
    add_send(commands)
    add_keys(commands)
    add_export(commands)
    add_import(commands)
    add_delete_events(commands)
    add_backup(commands)
    add_restore(commands)
    add_check(commands)
    return parser


def exit_code_help() -> str:
    lines = [f"  {code:8}  {meaning}" for code, meaning in EXIT_CODES.items()]
    return "\n".join(["exit codes:", *lines])


def add_command(
    commands: Any, name: str, command: Callable, settings: Iterable[str] = ("database",)
) -> CommandParser:
    """A command with flags for these settings. The docstring of its function is its help."""
    description = inspect.getdoc(command)
    parser = commands.add_parser(
        name.split()[-1],
        help=description.partition("\n")[0].rstrip("."),
        description=description,
        epilog=f"example: {EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # otherwise --admin-key would be taken for --admin-key-file
        allow_abbrev=False,
    )
    parser.set_defaults(command=command)
    for setting in settings:
        add_setting(parser, setting)
    return parser


def add_setting(parser: CommandParser, name: str) -> None:
    """A setting's flag; its value is checked together with those of variables, by Config."""
    setting = Config.model_fields[name]
    notes = [] if setting.default == "" else [f"default: {setting.default}"]
    notes.append(ENV_PREFIX + name.upper())
    # argparse fills in what follows a percent sign
    description = f"{setting.description} ({'; '.join(notes)})".replace("%", "%%")
    flag = "--" + name.replace("_", "-")
    if isinstance(setting.default, bool):
        action = argparse.BooleanOptionalAction
        parser.add_argument(flag, action=action, default=None, help=description)
    else:
        parser.add_argument(flag, metavar=name.upper(), help=description)


def flag_settings() -> list[str]:
    return [name for name in Config.model_fields if name not in SECRETS]


def add_json_flag(parser: CommandParser) -> None:
    parser.add_argument("--json", dest="as_json", action="store_true", help="answer in JSON")


# What commands share


def print_result(result: Any, as_json: bool, text: str) -> int:
    """For a program or for a person. Returns the exit code of a command that is done."""
    print(to_json(result, indent=2).decode() if as_json else text)
    return 0


def format_table(table: list[tuple[str, ...]]) -> str:
    """The columns, two blanks apart; the first row is the header."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def database_path(config: Config) -> str:
    """Where the file is, behind a link.

    Raises ConfigError for a database in memory, which no other process can see.
    """
    if config.database == ":memory:":
        raise ConfigError(
            ":memory: is seen by one process only; name a file with --database or "
            f"{ENV_PREFIX}DATABASE"
        )
    return real_path(config.database)


def existing_database(config: Config, is_open: bool = False) -> contextlib.closing:
    database_path(config)
    return contextlib.closing(open_database(config, create=False, is_open=is_open))


def open_database(config: Config, create: bool = True, is_open: bool = False) -> Database:
    """With the progress of an upgrade on a terminal, else in the log."""
    with Progress("upgrading") as progress:
        show = progress.advance if progress.is_visible else None
        return Database(config, create=create, show=show, is_open=is_open)


@contextlib.contextmanager
def shared_database(config: Config, is_open: bool = False) -> Iterator[Database]:
    """For many transactions, one after the other, perhaps beside a server; with `is_open` beside
    one of this process."""
    with existing_database(config, is_open) as database:
        database.writer.set_busy_handler(wait_for_lock)
        # Checkpoints happen between the transactions: one that runs beside them would never reach
        # the end of the WAL.
        database.writer.wal_autocheckpoint(4 * RESTART_PAGES)
        database.writer.pragma("cache_size", -48_000)  # kB
        yield database


def wait_for_lock(attempt: int) -> bool:
    """Waits up to a minute for another process. A signal ends it, unlike SQLite's own waiting."""
    time.sleep(0.01)
    return attempt < 6_000


class Progress:
    """How far a long command has come, on standard error where that is a terminal.

    Python runs signal handlers between its own steps only, so whatever works long in C calls
    advance() now and then, also to be stopped.
    """

    def __init__(self, activity: str, unit: str = ""):
        self.activity = activity
        self.unit = unit
        self.count = 0
        self.started = time.monotonic()
        self.next_draw = self.started
        self.is_visible = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: Any) -> None:
        self.draw("")

    def advance(self, done: int = 0, total: int = 0) -> None:
        """Draws five times a second. `done` of `total`, where known, is the share of the work."""
        now = time.monotonic()
        if not self.is_visible or now < self.next_draw:
            return
        self.next_draw = now + 0.2
        seconds = max(now - self.started, 0.001)
        parts = [self.activity]
        if total:
            parts.append(f"{done / total:.0%}")
        if self.unit:
            parts.append(f"{self.count:,} {self.unit}, {self.count / seconds:,.0f}/s")
        if total and done:
            remaining = round(seconds * (total - done) / done)
            parts.append(f"{timedelta(seconds=remaining)} left")
        self.draw("  ".join(parts))

    def draw(self, line: str) -> None:
        if self.is_visible:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)


# Serve


def add_serve(commands: Any) -> None:
    add_command(commands, "serve", serve_command, flag_settings())


def serve_command(config: Config) -> int:
    """Serve the API and the page.

    It runs until Ctrl-C or SIGTERM; then it answers what has arrived and ends with exit code 0.
    The first start on a terminal creates an admin key and shows how to sign in.
    """
    return serve(config, introduce_server)


def serve(config: Config, introduce: Callable[[Database, Config, str], None]) -> int:
    """Serves until SIGTERM or SIGINT; `introduce` prints what a person needs at the start."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if config.send:
        database_path(config)  # which the thread that sends opens for itself
    config = config.model_copy(update={"connection_limit": possible_connections(config)})
    app = create_app(config, database=open_database(config))
    try:
        server = Server(app, config)
    except ConfigError:
        app.close()
        raise
    tune_interpreter()
    # before anybody can read that it listens
    stop_on_signals(server)
    introduce(app.database, config, server.address)
    with sending(config):
        server.run()
    print(f"stopped at {server.address}: {server.summary}", flush=True)
    return 0


def possible_connections(config: Config) -> int:
    """The limit of connections, or with a warning as many as the limit of open files allows."""
    limit = config.connection_limit
    possible = allow_many_files(limit)
    if possible < limit:
        print(
            f"streamlined-lite: the limit of open files is enough for {possible:,} connections, "
            f"not {limit:,}; raise it (ulimit -n, LimitNOFILE= of systemd) "
            "or lower --connection-limit",
            file=sys.stderr,
        )
    return possible


def tune_interpreter() -> None:
    # What start-up made is never garbage, and little of what a request makes is in a cycle.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # seconds, after which a read that is busy in Python makes way for the loop
    sys.setswitchinterval(0.0005)


def stop_on_signals(server: Server) -> None:
    """A signal only sets a flag and wakes the poll; it never is an exception within a turn."""
    wakeup = server.listeners[0].trigger.trigger
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())


def introduce_server(database: Database, config: Config, address: str) -> None:
    """Where it listens and, on a terminal or where there is no key yet, how to sign in."""
    print(database.summary())
    if not config.admin_key and not list_keys(database.writer):
        if sys.stdout.isatty():
            introduce_key(database, page_url(config, address))
        else:
            print(f"There is no key yet; {key_advice(database, config)}")
    elif sys.stdout.isatty() and not database.memory:
        print(f"\nSign in: {page_url(config, address)}/")
        print(f"Lost the admin key? This command makes another: {key_command(config)}\n")
    print(f"listening on {address}", flush=True)


def page_url(config: Config, address: str) -> str:
    return config.public_url or address


def key_advice(database: Database, config: Config) -> str:
    if database.memory:
        return f"set {ENV_PREFIX}ADMIN_KEY, since no other process sees :memory:"
    return f"this command makes one: {key_command(config)}"


def introduce_key(database: Database, url: str) -> None:
    """Creates the first admin key, and shows it only now."""
    token = create_admin_key(database, "first admin key")
    example = {
        "event_name": "Offer Made",
        "location_id": "my-location",
        "distinct_id": "offer-1",
        "properties": {"value": 100},
    }
    print(
        f"\nThis is your admin key, shown only now: {token}\n\n"
        f"Sign in: {url}/#key={token}\n\n"
        "Post an event:\n"
        f"curl {url}/events/ingestion/v1 -H 'X-API-Key: {token}'"
        f" -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(example))}\n"
    )


def create_admin_key(database: Database, name: str) -> str:
    """Its token."""
    new = NewKey(name=name, scope="admin")
    with database.turn():
        return create_key(database.writer, new, database.clock())["token"]


# Send


def add_send(commands: Any) -> None:
    settings = ("database", "mail_from", "allow_private_webhooks", "fixed_time")
    add_json_flag(add_command(commands, "send", send_command, settings))


def send_command(config: Config, as_json: bool) -> int:
    """Send the messages that are due, by mail and webhooks, and end.

    A timer calls it every minute; beside another sender nothing is sent twice. What cannot be sent
    now is tried again for a day, less and less often, and GET /messages/v1 says why. The variable
    STREAMLINED_SMTP_URL names the mail server.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    check_current_schema(config)
    with shared_database(config) as database:
        counts = Outbox(database, config, database.clock).send_due(tell=tell_delivery)
    result = {name: counts[name] for name in ("sent", "waiting", "failed")}
    text = "{sent:,} sent, {waiting:,} to be tried again, {failed:,} given up".format(**result)
    return print_result(result, as_json, text)


def check_current_schema(config: Config) -> None:
    """Raises ConfigError for a file of an earlier schema: the server upgrades it, at its start."""
    path = database_path(config)
    check_file(path, create=False)
    version = stored_version(path)
    if version < len(migrations()):
        raise ConfigError(
            f"{path} has an earlier schema ({version}); start the server once, which upgrades it"
        )


def tell_delivery(message: dict, state: str, reason: str) -> None:
    """A line for the log, without the address and what was said there."""
    by = f"webhook to {message['host']}" if message["host"] else "mail"
    about = f" ({message['about']})" if message["about"] else ""
    print(f"message {message['message_id']}{about} by {by}: {state}{reason}", file=sys.stderr)


@contextlib.contextmanager
def sending(config: Config) -> Iterator[None]:
    """Beside the server, a thread that sends, if that is wanted."""
    if not config.send:
        yield
        return
    stopped = threading.Event()
    thread = threading.Thread(target=send_until, args=(config, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(STOP_SECONDS)


def send_until(config: Config, stopped: threading.Event) -> None:
    """Looks every few seconds for what is due. What goes wrong is told once, and may pass."""
    told = ""
    while not stopped.is_set():
        try:
            with shared_database(config, is_open=True) as database:
                outbox = Outbox(database, config, database.clock)
                while not stopped.wait(SEND_PAUSE):
                    told = send_round(outbox, stopped, told)
        except (apsw.Error, ConfigError) as error:
            told = tell_once(error, told)
        except Exception as error:
            log_defect(error)
        stopped.wait(SEND_PAUSE)


def send_round(outbox: Outbox, stopped: threading.Event, told: str) -> str:
    """What went wrong in it, which was told; "" where nothing did."""
    try:
        outbox.send_due(stopped.is_set)
    except apsw.Error as error:
        return tell_once(error, told)
    return ""


def tell_once(error: Exception, told: str) -> str:
    reason = explain(error) if isinstance(error, apsw.Error) else str(error)
    if reason != told:
        logging.getLogger("streamlined_lite").error("messages are not sent: %s", reason)
    return reason


# Demo: three locations, where leads come in every day, are answered, and some of them buy: 90 days
# that are over, and a week that arrives while the demo runs. It is all one list of posts. Those of
# the past are received one after the other as they would have been; the others are sent when they
# are due.

DEMO_DAYS = 90
DEMO_DAYS_AHEAD = 7
DEMO_PAUSE = 2  # seconds from post to post, also where many are due, as after a laptop's sleep


@dataclass(frozen=True, slots=True)
class DemoLocation:
    location_id: str
    name: str
    time_zone: str
    leads_a_day: int


@dataclass(frozen=True, slots=True)
class DemoStage:
    """A step on a lead's path to a payment: which share takes it of those of the step before, and
    after how many days on average."""

    event_name: str
    share: float
    days: int


@dataclass(frozen=True, slots=True)
class DemoLead:
    body: dict  # what HighLevel's workflows send of the contact
    deal_value: int


@dataclass(frozen=True, slots=True)
class DemoPost:
    sent_at: int  # milliseconds UTC
    location_id: str
    body: dict

    def event_fields(self) -> dict:
        return self.body.get("customData", self.body)

    def with_fields(self, minutes: int, fields: Mapping[str, Any]) -> DemoPost:
        """The post that many minutes later, with other fields, and with further properties."""
        old = self.event_fields()
        new = old | fields
        new["properties"] = old["properties"] | fields.get("properties", {})
        body = self.body | {"customData": new} if "customData" in self.body else new
        return DemoPost(self.sent_at + minutes * 60_000, self.location_id, body)


DEMO_LOCATIONS = (
    DemoLocation("demo-new-york", "Harbor Dental, New York", "America/New_York", leads_a_day=20),
    DemoLocation("demo-berlin", "Spree Physio, Berlin", "Europe/Berlin", leads_a_day=14),
    DemoLocation("demo-sydney", "Bondi Fitness, Sydney", "Australia/Sydney", leads_a_day=10),
)
DEMO_FUNNEL = (
    DemoStage("Lead", share=1, days=0),
    DemoStage("Offer Made", share=0.6, days=2),
    DemoStage("Appointment", share=0.7, days=3),
    DemoStage("Payment Received", share=0.65, days=2),
)
DEMO_REPLY = "Reply Sent"
DEMO_REPLIED = 0.93  # of the leads
DEMO_REPLY_HOURS = (8, 19)  # at night nobody answers
DEMO_REPLY_MINUTES = 6  # the median, while somebody is there
DEMO_WEEKDAYS = (1.15, 1.2, 1.15, 1.1, 1.1, 0.7, 0.6)  # Monday to Sunday; 1 is the average
DEMO_FIRST_NAMES = ("Ada", "Ben", "Carla", "Dev", "Elif", "Hugo", "Ines", "Maya", "Noah", "Olga")
DEMO_LAST_NAMES = ("Adams", "Berger", "Costa", "Diaz", "Garcia", "Ito", "Kaya", "Nguyen", "Patel")
DEMO_SOURCES = {"Google Ads": 4, "Facebook": 3, "Referral": 2, "Website": 1}  # how often
DEMO_TAGS = ("vip", "newsletter", "trial", "no show")

# One of so many posts has a mistake: the list's next one.
DEMO_MISTAKE_EVERY = 25
# These are refused, and sent again when they are corrected.
DEMO_REFUSED: tuple[dict, ...] = (
    {"distinct_id": "{{opportunity.id}}"},
    {"distinct_id": ""},
    {"timestamp": "next Tuesday at 3"},
    {"location_id": "demo-oslo"},
    {"properties": {"items": ["first visit", "cleaning"]}},
)
# These come again after the right ones, and are stored with a warning.
DEMO_WARNED: tuple[dict, ...] = (
    {"properties": {"campaign": "{{contact.campaign}}"}},
    {"properties": {"coupon": None}},
)

DEMO_LEADS = {"event": "Lead", "type": "contact", "aggregation": "count"}
DEMO_REVENUE = {
    "event": "Payment Received",
    "type": "contact",
    "aggregation": "sum",
    "property": "value",
}
DEMO_APPOINTMENTS = {"event": "Appointment", "type": "contact", "aggregation": "count"}
DEMO_PERCENT = {"style": "percent", "decimals": 1}
DEMO_DOLLARS = {"style": "currency", "currency": "USD"}
DEMO_METRICS = [
    {
        "name": "Leads",
        "terms": [{"key": "A", **DEMO_LEADS}],
    },
    {
        "name": "Revenue",
        "format": DEMO_DOLLARS,
        "terms": [{"key": "A", **DEMO_REVENUE}],
    },
    {
        "name": "Close rate",
        "format": DEMO_PERCENT,
        "terms": [
            {
                "key": "A",
                "event": "Offer Made",
                "type": "contact",
                "aggregation": "conversion",
                "then": {"event": "Payment Received", "within": "14d"},
            }
        ],
    },
    {
        "name": "Speed to lead",
        "format": {"style": "duration"},
        "terms": [
            {
                "key": "A",
                **DEMO_LEADS,
                "aggregation": "median",
                "then": {"event": DEMO_REPLY, "within": "3d"},
            }
        ],
    },
    {
        "name": "Answered within 5 minutes",
        "format": DEMO_PERCENT,
        "terms": [
            {
                "key": "A",
                **DEMO_LEADS,
                "aggregation": "conversion",
                "then": {"event": DEMO_REPLY, "within": "5m"},
            }
        ],
    },
    {
        "name": "Median deal",
        "format": DEMO_DOLLARS,
        "terms": [{"key": "A", **DEMO_REVENUE, "aggregation": "median"}],
    },
    {
        "name": "Revenue of VIPs",
        "format": DEMO_DOLLARS,
        "terms": [
            {
                "key": "A",
                **DEMO_REVENUE,
                "filters": {"all": [{"field": "contact.tags", "op": "has_any", "value": ["vip"]}]},
            }
        ],
    },
    {
        "name": "Contacts with an appointment",
        "terms": [{"key": "A", **DEMO_APPOINTMENTS, "aggregation": "unique_contacts"}],
    },
]
DEMO_LEADS_TARGET = {
    "value": 1_500,
    "locations": {"demo-new-york": 650, "demo-berlin": 480, "demo-sydney": 370},
}
DEMO_REVENUE_TARGET = {
    "value": 160_000,
    "locations": {"demo-new-york": 70_000, "demo-berlin": 55_000, "demo-sydney": 35_000},
}
DEMO_LEADS_CARD = {
    "metric": "Leads",
    "chart": "stacked",
    "size": "wide",
    "breakdown": "property.source",
    "target": DEMO_LEADS_TARGET,
}
DEMO_REVENUE_CARD = {"metric": "Revenue", "target": DEMO_REVENUE_TARGET}
DEMO_SPEED_CARD = {"metric": "Speed to lead", "target": {"value": 300, "better": "lower"}}
DEMO_CLOSE_CARD = {"metric": "Close rate", "target": {"better": "higher"}}
DEMO_DASHBOARDS = [
    {
        "name": "Dashboard",
        "cards": [
            DEMO_LEADS_CARD,
            DEMO_REVENUE_CARD,
            DEMO_CLOSE_CARD,
            DEMO_SPEED_CARD,
            {"metric": "Answered within 5 minutes", "target": {"better": "higher"}},
            {"metric": "Median deal"},
            {"metric": "Revenue of VIPs", "chart": "bar", "interval": "week"},
            {"metric": "Contacts with an appointment"},
        ],
    },
    {
        "name": "For clients",
        "cards": [DEMO_LEADS_CARD, DEMO_REVENUE_CARD, DEMO_CLOSE_CARD, DEMO_SPEED_CARD],
    },
]


def add_demo(commands: Any) -> None:
    settings = ("host", "port", "public_url", "time_zone", "log_requests", "fixed_time")
    demo = add_command(commands, "demo", demo_command, settings)
    demo.add_argument(
        "--keep",
        metavar="FILE",
        help="a new file for the database, which then stays (default: a temporary one)",
    )


def demo_command(config: Config, keep: str | None) -> int:
    """Serve a temporary database with 90 days of made-up events.

    More arrive while it runs, at the usual rate. It runs until Ctrl-C or SIGTERM, ends with exit
    code 0, and deletes the database then. With --fixed-time every run has the same events, and no
    more arrive.
    """
    if keep and os.path.lexists(keep):
        raise ConfigError(f"{keep} exists already; name another file")
    with tempfile.TemporaryDirectory(prefix="streamlined-lite-") as folder:
        config = config.model_copy(update={"database": keep or os.path.join(folder, "demo.db")})
        with contextlib.closing(open_database(config)) as database:
            token = create_admin_key(database, "demo")
            with database.turn():
                tokens, coming = fill_demo(database, database.clock())
        stopped = threading.Event()
        sender: threading.Thread | None = None

        def introduce_demo(database: Database, config: Config, address: str) -> None:
            nonlocal sender
            ending = "Ctrl-C ends it" if keep else "Ctrl-C ends it, and the database is deleted"
            print(
                f"{database.summary()}\n\n"
                f"Sign in: {page_url(config, address)}/#key={token}\n\n"
                f"{ending}.\nlistening on {address}",
                flush=True,
            )
            if not config.fixed_time:
                arguments = (coming, tokens, address, database.clock, stopped)
                sender = threading.Thread(target=send_demo, args=arguments, daemon=True)
                sender.start()

        try:
            return serve(config, introduce_demo)
        finally:
            stopped.set()
            if sender is not None:
                sender.join()


def fill_demo(database: Database, now: int) -> tuple[dict[str, str], list[DemoPost]]:
    """Stores all that has happened until now.

    Returns by each location its sender's token, and what is still to come, in order.
    """
    tokens = {}
    callers = {}
    for location in DEMO_LOCATIONS:
        new = NewKey(name=f"Workflows of {location.name}", locations=[location.location_id])
        created = create_key(database.writer, new, now - DEMO_DAYS * DAY_MS)
        tokens[location.location_id] = token = created["token"]
        callers[location.location_id] = authenticate(database.writer, token, "")
    posts = demo_posts(now)
    number_until_now = bisect.bisect_right(posts, now, key=operator.attrgetter("sent_at"))
    for post in posts[:number_until_now]:
        receive_demo(database, post, callers[post.location_id])
    definitions = DefinitionList(metrics=DEMO_METRICS, dashboards=DEMO_DASHBOARDS)
    import_metrics(database.writer, definitions, now)
    return tokens, posts[number_until_now:]


def receive_demo(database: Database, post: DemoPost, caller: Caller) -> None:
    """As the server would have received it then."""
    body = Body(to_json(post.body), JSON, EVENT_PATHS[0])
    database.last_used[caller.key_id] = post.sent_at
    try:
        with database.savepoint() as connection:
            receive_event(connection, body, caller, post.sent_at, arrived=post.sent_at)
    except Problem as problem:
        keep_rejection(database.writer, body, problem, caller, post.sent_at)


def send_demo(
    posts: list[DemoPost],
    tokens: Mapping[str, str],
    address: str,
    clock: Callable[[], int],
    stopped: threading.Event,
) -> None:
    """Sends each post when it is due, until `stopped` is set."""
    for post in posts:
        wait = DEMO_PAUSE
        while not stopped.wait(wait):
            # Not all at once: somebody may set the clock, or put the machine to sleep.
            wait = min((post.sent_at - clock()) / 1000, 60)
            if wait <= 0 and was_received(address, post, tokens[post.location_id]):
                break
            wait = max(wait, DEMO_PAUSE)
        else:
            return


def was_received(address: str, post: DemoPost, token: str) -> bool:
    """Sends it; whether there was an answer that is not to send it later."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
    headers = {"X-API-Key": token, "Content-Type": JSON, "Connection": "close"}
    try:
        with contextlib.closing(connection):
            connection.request("POST", EVENT_PATHS[0], to_json(post.body), headers)
            return connection.getresponse().status != TryLater.status
    except (OSError, HTTPException):  # the server ends, or has no room
        return False


def demo_posts(now: int) -> list[DemoPost]:
    """All of them, in order, with their senders' mistakes."""
    posts: list[DemoPost] = []
    for location in DEMO_LOCATIONS:
        right = sorted(location_posts(location, now), key=operator.attrgetter("sent_at"))
        posts += with_mistakes(right)
    return sorted(posts, key=operator.attrgetter("sent_at"))


def location_posts(location: DemoLocation, now: int) -> Iterator[DemoPost]:
    """Day by day, of each stage the share that is due of those who have come so far.

    Each stage's posts are spread over the hours of the day, so that no hour has a burst of them.
    """
    chance = random.Random(location.location_id)
    reply_chance = random.Random(f"{location.location_id} replies")
    zone = ZoneInfo(location.time_zone)
    today = local_time(now, zone).date()
    waiting: list[list[DemoLead]] = [[] for _ in DEMO_FUNNEL]
    for days_ago in range(DEMO_DAYS - 1, -DEMO_DAYS_AHEAD - 1, -1):
        day = today - timedelta(days=days_ago)
        midnight = day_start(day, zone)
        # The last stage first: a lead takes one step a day at most.
        for number, stage in reversed(list(enumerate(DEMO_FUNNEL))):
            expected = expected_leads(location, day, days_ago)
            if number > 0:
                expected = len(waiting[number]) / stage.days * DEMO_WEEKDAYS[day.weekday()]
            times = working_times(midnight, int(expected + chance.random()), chance)
            for timestamp in times:
                if number == 0:
                    lead = demo_lead(location, timestamp, chance)
                    if reply_chance.random() < DEMO_REPLIED:
                        replied = demo_reply_time(timestamp, zone, reply_chance)
                        yield demo_reply(location, lead, replied)
                elif waiting[number]:
                    lead = waiting[number].pop(chance.randrange(len(waiting[number])))
                else:
                    break
                goes_on = stage is not DEMO_FUNNEL[-1] and (
                    chance.random() < DEMO_FUNNEL[number + 1].share
                )
                if goes_on:
                    waiting[number + 1].append(lead)
                yield demo_post(location, stage, lead, timestamp, goes_on)


def expected_leads(location: DemoLocation, day: date, days_ago: int) -> float:
    """Business grows from month to month, follows the week, and has a season."""
    weekday = DEMO_WEEKDAYS[day.weekday()]
    season = 1 + 0.1 * math.sin(day.timetuple().tm_yday / 58)
    growth = 1.2 - days_ago / 300
    return location.leads_a_day * weekday * season * growth


def working_times(midnight: int, number: int, chance: random.Random) -> list[int]:
    """So many moments of a day from 7 to 21 o'clock, most of them around noon, none in a heap."""
    times = []
    for position in range(number):
        share = (position + chance.uniform(0.3, 0.7)) / number
        if share < 0.35:
            hour = 7 + 5 * math.sqrt(share / 0.35)
        else:
            hour = 21 - 9 * math.sqrt((1 - share) / 0.65)
        times.append(midnight + round(hour * HOUR_MS))
    return times


def demo_reply_time(arrived: int, zone: ZoneInfo, chance: random.Random) -> int:
    """Minutes after a lead, seldom hours; of one that comes at night, after somebody is there."""
    opens, closes = DEMO_REPLY_HOURS
    local = local_time(arrived, zone)
    begun = arrived
    if local.hour < opens:
        begun = day_start(local.date(), zone) + opens * HOUR_MS
    elif local.hour >= closes:
        begun = day_start(local.date() + timedelta(days=1), zone) + opens * HOUR_MS
    minutes = chance.lognormvariate(math.log(DEMO_REPLY_MINUTES), 1.1)
    return begun + round(minutes * MINUTE_MS)


def demo_lead(location: DemoLocation, created: int, chance: random.Random) -> DemoLead:
    contact_id = f"{chance.getrandbits(48):012x}"
    first_name = chance.choice(DEMO_FIRST_NAMES)
    last_name = chance.choice(DEMO_LAST_NAMES)
    [source] = chance.choices(list(DEMO_SOURCES), DEMO_SOURCES.values())
    number_of_tags = chance.choice((0, 1, 1, 2))
    body = {
        "contact_id": contact_id,
        "full_name": f"{first_name} {last_name}",
        "email": f"{first_name}.{last_name}.{contact_id[:3]}@example.com".lower(),
        "phone": f"+1555{chance.randrange(10**7):07}",
        "contact_source": source,
        "tags": ",".join(chance.sample(DEMO_TAGS, number_of_tags)),
        "date_created": iso(created),
        "location": {
            "id": location.location_id,
            "name": location.name,
            "timezone": location.time_zone,
        },
    }
    return DemoLead(body, deal_value=round(chance.lognormvariate(6, 0.3)))


def demo_post(
    location: DemoLocation, stage: DemoStage, lead: DemoLead, timestamp: int, goes_on: bool
) -> DemoPost:
    """New leads are sent by HighLevel's Webhook action, with the contact; the others as JSON."""
    contact_id = lead.body["contact_id"]
    event = {
        "event_name": stage.event_name,
        "location_id": location.location_id,
        "distinct_id": f"{stage.event_name} {contact_id}",
        "contact_id": contact_id,
        "timestamp": iso(timestamp),
        "properties": {"value": lead.deal_value},
    }
    if stage.event_name == "Appointment":
        no_sale = "no show" if lead.deal_value % 3 == 0 else "no sale"
        event["properties"] = {"outcome": "sale" if goes_on else no_sale}
    if stage.event_name == "Lead":
        event["properties"] = {"source": lead.body["contact_source"]}
        return DemoPost(timestamp, location.location_id, lead.body | {"customData": event})
    return DemoPost(timestamp, location.location_id, event)


def demo_reply(location: DemoLocation, lead: DemoLead, timestamp: int) -> DemoPost:
    contact_id = lead.body["contact_id"]
    event = {
        "event_name": DEMO_REPLY,
        "location_id": location.location_id,
        "distinct_id": f"{DEMO_REPLY} {contact_id}",
        "contact_id": contact_id,
        "timestamp": iso(timestamp),
        "properties": {"channel": "SMS" if int(contact_id, 16) % 3 else "Email"},
    }
    return DemoPost(timestamp, location.location_id, event)


def with_mistakes(posts: list[DemoPost]) -> Iterator[DemoPost]:
    """The posts of a location, and what was posted by mistake, which changes no number in the end.

    Every kind comes in turn: what is refused and corrected, what is stored with a warning, and one
    distinct_id for the events of two contacts, of which the later replaces the earlier.
    """
    before: DemoPost | None = None
    kinds = itertools.cycle(range(len(DEMO_REFUSED) + len(DEMO_WARNED) + 1))
    for number, post in enumerate(posts, 1):
        if before is None or number % DEMO_MISTAKE_EVERY:
            yield post
        elif (kind := next(kinds)) < len(DEMO_REFUSED):
            yield post.with_fields(0, DEMO_REFUSED[kind])
            yield post.with_fields(4, {})
        elif kind < len(DEMO_REFUSED) + len(DEMO_WARNED):
            yield post
            yield post.with_fields(2, DEMO_WARNED[kind - len(DEMO_REFUSED)])
        else:
            yield post.with_fields(0, {"contact_id": before.event_fields()["contact_id"]})
            yield post.with_fields(1, {})
        before = post


# Keys


def add_keys(commands: Any) -> None:
    keys = commands.add_parser(
        "keys",
        help="Create, list and revoke keys (integrations)",
        description="Create, list and revoke keys (integrations).",
        epilog=f"example: {EXAMPLES['keys']}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = keys.add_subparsers(title="actions", metavar="ACTION", required=True)
    add_keys_create(actions)
    add_json_flag(add_command(actions, "keys list", list_keys_command))
    revoke = add_command(actions, "keys revoke", revoke_key_command)
    revoke.add_argument("key_id", type=int, metavar="ID", help="the number that keys list shows")
    add_json_flag(revoke)


def add_keys_create(actions: Any) -> None:
    settings = ("database", "host", "port", "public_url")
    create = add_command(actions, "keys create", create_key_command, settings)
    create.add_argument("name", metavar="NAME", help="what the key is for")
    create.add_argument(
        "--scope",
        choices=get_args(Scope),
        default="ingest",
        help=(
            "ingest posts events and contacts, sync also deletes contacts, read reads, "
            "admin does everything (default: ingest)"
        ),
    )
    create.add_argument(
        "--location",
        dest="locations",
        action="append",
        metavar="ID",
        help="a location_id that the key is for; repeat for more (default: all locations)",
    )
    create.add_argument(
        "--generate-distinct-ids",
        dest="distinct_id_rule",
        action="store_const",
        const="generate",
        default="refuse",
        help="take events without a distinct_id, each as a new one (default: refuse them)",
    )
    add_json_flag(create)


def create_key_command(
    config: Config,
    name: str,
    scope: str,
    locations: list[str] | None,
    distinct_id_rule: str,
    as_json: bool,
) -> int:
    """Create a key; its token is printed once.

    It works at once, also where a server runs. With a key of scope read or admin comes a link that
    signs in to the page; --public-url, or --host and --port, say where that is.
    """
    fields = {
        "name": name,
        "scope": scope,
        "locations": locations,
        "distinct_id_rule": distinct_id_rule,
    }
    new = validate(NewKey, fields)
    with existing_database(config) as database, database.turn():
        created = create_key(database.writer, new, database.clock())
    text = f"Key {created['key_id']}, {created['name']} ({created['scope']}). "
    link = sign_in_link(config, created["token"]) if new.scope in PAGE_SCOPES else None
    if link:
        created["sign_in"] = link
        text += f"This link signs in with it:\n{link}\n"
    text += f"Its token is shown only now:\n{created['token']}"
    return print_result(created, as_json, text)


PAGE_SCOPES = ("read", "admin")  # with which one can sign in
ANY_ADDRESS = ("0.0.0.0", "::")


def sign_in_link(config: Config, token: str) -> str | None:
    """The page's address with a key; None where only the server knows its port."""
    host = "127.0.0.1" if config.host in ANY_ADDRESS else config.host
    if not config.public_url and not config.port:
        return None
    shown_host = f"[{host}]" if ":" in host else host
    return f"{page_url(config, f'http://{shown_host}:{config.port}')}/#key={token}"


def list_keys_command(config: Config, as_json: bool) -> int:
    """List the keys, without their tokens."""
    with existing_database(config) as database, database.read() as connection:
        keys = list_keys(connection)
    header = ("ID", "NAME", "SCOPE", "LOCATIONS", "TOKEN", "CREATED", "LAST USED", "REVOKED")
    table = format_table([header, *(key_row(key) for key in keys)])
    return print_result(keys, as_json, table)


def key_row(key: dict) -> tuple[str, ...]:
    day = slice(len("2026-01-31"))
    minute = slice(len("2026-01-31T12:00"))
    return (
        str(key["key_id"]),
        key["name"][:40],
        key["scope"],
        ", ".join(key["locations"] or ["all"])[:40],
        key["token_prefix"] + "…",
        key["created_at"][day],
        (key["last_used_at"] or "never")[minute],
        (key["revoked_at"] or "")[day],
    )


def revoke_key_command(config: Config, key_id: int, as_json: bool) -> int:
    """Revoke a key at once."""
    with existing_database(config) as database, database.turn():
        revoked = revoke_key(database.writer, key_id, database.clock())
    return print_result(revoked, as_json, f"Key {key_id}, {revoked['name']}, is revoked.")


# Filters of events, for export and delete-events


@dataclass(frozen=True, slots=True)
class FilterFlag:
    flag: str
    field: str  # of EventFilter
    metavar: str
    help: str
    default: str = "all"


FILTER_FLAGS = (
    FilterFlag("--location", "location_id", "ID", "only of this location"),
    FilterFlag("--name", "event_name", "NAME", "only events of this name"),
    FilterFlag("--contact", "contact_id", "ID", "only events of this contact"),
    FilterFlag("--from", "from", "TIME", "not before this day or time, such as 2026-01-31"),
    FilterFlag("--to", "to", "TIME", "before this day or time, such as 2026-01-31T12:00:00Z"),
    FilterFlag(
        "--timezone",
        "timezone",
        "ZONE",
        "of days, and of times without an offset",
        "the location's",
    ),
)


def add_filters(parser: CommandParser) -> None:
    for each in FILTER_FLAGS:
        help_text = f"{each.help} (default: {each.default})"
        parser.add_argument(each.flag, dest=each.field, metavar=each.metavar, help=help_text)


def read_filters(filters: Mapping[str, str | None]) -> EventFilter:
    """Raises ConfigError."""
    fields = {name: value for name, value in filters.items() if value is not None}
    with named_flags():
        return validate(EventFilter, fields)


def filtered_events(
    connection: apsw.Connection, query: EventFilter, default_zone: str
) -> tuple[EventFilter, list[str]]:
    """The filter with its times as milliseconds UTC, and the locations. Raises ConfigError."""
    locations = [query.location_id] if query.location_id else list_location_ids(connection)
    with named_flags():
        return in_moments(connection, query, locations, default_zone), locations


@contextlib.contextmanager
def named_flags() -> Iterator[None]:
    """Raises ConfigError that names flags where a problem names fields."""
    try:
        yield
    except Invalid as problem:
        flags = {each.field: each.flag for each in FILTER_FLAGS}
        messages = [f"{flags[each['pointer'][1:]]} {each['message']}" for each in problem.errors]
        raise ConfigError("; ".join(messages)) from None


# Export

EXPORTED_FIELDS = {
    "events": ("event_name", "location_id", "distinct_id", "contact_id", "timestamp", "properties"),
    "contacts": ("location_id", "contact_id", *STANDARD_FIELDS, "as_of", "tags", "fields"),
    "metrics": ("name", "terms", "formula", "format"),
    "dashboards": ("name", "cards"),
}
ONE_CONTACT = "contact"  # all that is kept of it, each line under its noun
EXPORT_FILTERS = {
    "events": {each.field for each in FILTER_FLAGS},
    "contacts": {"location_id"},
    "metrics": set(),
    "dashboards": set(),
    ONE_CONTACT: {"location_id"},
}
# What a spreadsheet would calculate, or shorten as a number: leading zeros, more digits than it
# keeps, an exponent; perhaps with our quotes before it already.
SPREADSHEET_VALUE = re.compile(
    r"'*([=+\-@\t\r\n＝＋－＠]|(0[0-9]+|[0-9]{16,}|[0-9]+(\.[0-9]+)?E[+-]?[0-9]+)\Z)", re.IGNORECASE
)


def add_export(commands: Any) -> None:
    export = add_command(commands, "export", export_command)
    export.add_argument(
        "kind",
        metavar="WHAT",
        choices=list(EXPORT_FILTERS),
        help="events, contacts or metrics; or contact, with its ID",
    )
    export.add_argument(
        "contact", metavar="ID", nargs="?", help="the contact of whom all is written that is kept"
    )
    export.add_argument(
        "--format",
        dest="file_format",
        choices=("ndjson", "csv"),
        default="ndjson",
        help="a JSON object a line, or CSV with a header (default: ndjson)",
    )
    export.add_argument(
        "--output",
        metavar="FILE",
        help="a new file, which gets its name when it is complete (default: standard output)",
    )
    add_filters(export)
    add_json_flag(export)


def export_command(
    config: Config,
    kind: str,
    contact: str | None,
    file_format: str,
    output: str | None,
    as_json: bool,
    **filters: str | None,
) -> int:
    """Write events, contacts, metrics or dashboards; or all of one contact.

    Events and contacts come newest first. All are of one moment, also while a server writes.
    Events can be filtered by all of the filters, contacts by --location. `import` takes what this
    writes. Of one contact, each line has the contact, an event of it, or a rejection that names it.
    """
    query = read_filters(filters)
    check_export_filters(kind, filters)
    check_one_contact(kind, contact, file_format)
    path = database_path(config)
    with contextlib.closing(open_reader(path)) as connection:
        check_schema(connection, path)
        # one state from the first record to the last
        connection.execute("begin")
        query, locations = filtered_events(connection, query, config.time_zone)
        if contact is None:
            records = exported_records(connection, kind, query, locations)
        else:
            records = exported_contact(connection, contact, locations)
        if not output:
            write_export(sys.stdout.buffer, file_format, kind, records)
            return 0
        with whole_file(output) as partial, open(partial, "wb", opener=for_owner) as file:
            number = write_export(file, file_format, kind, records)
    noun = "records" if contact else kind
    return print_result({"file": output, noun: number}, as_json, f"{output}: {number:,} {noun}")


def check_one_contact(kind: str, contact: str | None, file_format: str) -> None:
    """Raises ConfigError unless one contact is named for `export contact`, and only there."""
    if kind != ONE_CONTACT:
        if contact is not None:
            raise ConfigError(f"an ID goes with “export contact” alone, not with {kind}")
    elif contact is None:
        raise ConfigError("name the contact: export contact ID")
    elif file_format != "ndjson":
        raise ConfigError("one contact is written as a JSON object a line, not as CSV")


def check_export_filters(kind: str, filters: Mapping[str, str | None]) -> None:
    """Raises ConfigError for flags that this kind has no use for."""
    useless = []
    for each in FILTER_FLAGS:
        if filters[each.field] and each.field not in EXPORT_FILTERS[kind]:
            useless.append(each.flag)
    if useless:
        raise ConfigError(f"{', '.join(useless)} does not go with {kind}")


def exported_records(
    connection: apsw.Connection, kind: str, query: EventFilter, locations: list[str]
) -> Iterator[dict]:
    if kind in ("metrics", "dashboards"):
        yield from export_metrics(connection)[kind]
        return
    for location_id in locations:
        if kind == "events":
            yield from exported_events(connection, location_id, query)
        else:
            yield from exported_contacts(connection, location_id)


def exported_events(
    connection: apsw.Connection, location_id: str, query: EventFilter
) -> Iterator[dict]:
    index, binds = event_index(query)
    statement = f"events.list_by_{index}"
    from_the_start = {"before_timestamp": 2**62, "before_id": 0, "limit": -1}
    for key in stream(connection, statement, location_id=location_id, **binds, **from_the_start):
        yield event_out(find_event(connection, key))


def exported_contacts(connection: apsw.Connection, location_id: str) -> Iterator[dict]:
    from_the_start = {"before_key": 2**62, "limit": -1}
    for key in stream(connection, "contacts.list", location_id=location_id, **from_the_start):
        yield listed_contact_out(find_listed_contact(connection, key))


def exported_contact(
    connection: apsw.Connection, contact_id: str, locations: list[str]
) -> Iterator[dict]:
    """All that is kept of a contact: {"contact": …}, {"event": …} and {"rejection": …}.

    Raises CommandError where that is nothing.
    """
    found = False
    for location_id in locations:
        for record in all_of_contact(connection, location_id, contact_id):
            found = True
            yield record
    if not found:
        raise CommandError(f"nothing is kept of a contact {contact_id}")


def all_of_contact(
    connection: apsw.Connection, location_id: str, contact_id: str
) -> Iterator[dict]:
    contact = find_contact(connection, location_id, contact_id)
    if contact is not None:
        yield {"contact": contact_out(contact)}
    query = EventFilter(location_id=location_id, contact_id=contact_id)
    for event in exported_events(connection, location_id, query):
        yield {"event": event}
    ids = {"location_id": location_id, "contact_id": contact_id}
    for rejection in stream(connection, "rejections.list_by_contact", **ids):
        yield {"rejection": rejection_out(rejection)}


def write_export(file: Any, file_format: str, kind: str, records: Iterator[dict]) -> int:
    """Returns how many records it wrote."""
    fields = EXPORTED_FIELDS.get(kind, ("contact", "event", "rejection"))
    write = csv_writer(file, fields) if file_format == "csv" else ndjson_writer(file)
    with Progress("exporting", kind) as progress:
        for record in records:
            write({name: record[name] for name in fields if record.get(name) is not None})
            progress.count += 1
            progress.advance()
    return progress.count


def ndjson_writer(file: Any) -> Callable[[dict], Any]:
    def write(record: dict) -> None:
        file.write(to_json(record) + b"\n")

    return write


def csv_writer(file: Any, fields: tuple[str, ...]) -> Callable[[dict], Any]:
    """Writes the header at once, and returns what writes a record.

    Excel takes a file without a byte order mark for Windows-1252.
    """
    file.write(BYTE_ORDER_MARK)
    text_file = SimpleNamespace(write=lambda text: file.write(text.encode()))
    lines = csv.writer(text_file)
    lines.writerow(fields)

    def write(record: dict) -> None:
        lines.writerow([csv_cell(record.get(name, "")) for name in fields])

    return write


def csv_cell(value: Any) -> str:
    """Text as it is, tags with commas, all else as JSON. What a spreadsheet would change gets a
    quote before it, which an import takes away again."""
    if isinstance(value, list) and all(is_plain_tag(each) for each in value):
        value = ", ".join(value)
    text = value if isinstance(value, str) else to_json(value).decode()
    return "'" + text if SPREADSHEET_VALUE.match(text) else text


def is_plain_tag(value: Any) -> bool:
    """Whether it can stand between commas, and is not taken for JSON at the beginning."""
    return isinstance(value, str) and not re.search(r"^\s*\[|,", value)


def unquoted_cell(cell: str) -> str:
    """The text that csv_cell() wrote."""
    return cell[1:] if cell.startswith("'") and SPREADSHEET_VALUE.match(cell) else cell


# Import: the rows of a CSV

SEPARATORS = {",": ",", ";": ";", "tab": "\t", "|": "|"}  # by what --separator calls them
SAMPLE_BYTES = 65_536  # of a file's beginning, which tells how it is written
# So many separators in the lines that a quote joins, in each as many as in the header, are no
# chance: the lines are rows.
TELLING_SEPARATORS = 4
# What a file may make us read again before each quote must close on its own line
PATIENCE_BYTES = 16 * MEGABYTE
OPEN_QUOTE = (
    "a quote is not closed, or is not written twice within a cell that has quotes around it"
)
BARE_RETURN = "a carriage return is in a cell that has no quotes around it"


@dataclass(slots=True)
class Row:
    """Of a CSV: the number of its first line, its lines, and its cells or what is wrong."""

    line_number: int
    lines: list[bytes] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    problem: Problem | None = None
    size: int = 0  # of the lines
    added: int = 0  # lines that may belong to one that is wrong
    is_windows_1252: bool = False

    def take(self, line: bytes) -> None:
        self.lines.append(line)
        self.size += len(line)

    def add(self, other: Row) -> None:
        """Of very many lines it keeps the first."""
        self.added += len(other.lines)
        if self.size <= BODY_LIMIT:
            self.lines += other.lines
            self.size += other.size


class TableReader:
    """Reads a CSV with Python's csv, so that a bad row takes no others with it.

    To csv, a quote that nobody closes goes on to the next quote or to the end of the file. Here the
    line in which a row is wrong is refused, with the lines behind it that have not enough cells for
    a row, and reading goes on behind those.
    """

    def __init__(self, lines: Iterator[bytes], separator: str, line_number: int = 1):
        self.lines = lines
        self.separator = separator
        self.line_number = line_number
        self.width = 0  # cells of the header
        self.returned: deque[bytes] = deque()  # lines to be read again
        self.bytes_read = 0
        self.bytes_returned = 0

    def rows(self) -> Iterator[Row]:
        """All that are not blank, the header first."""
        csv.field_size_limit(2 * BODY_LIMIT)  # more than a row may have
        bad = None
        while (row := self.read_row()).lines:
            if bad and self.is_part(row):
                bad.add(row)
                continue
            if bad:
                yield bad
            bad = row if row.problem else None
            if not bad and not all(map(is_blank, row.cells)):
                self.width = self.width or len(row.cells)
                yield row
        if bad:
            yield bad

    def read_row(self) -> Row:
        """Of no lines at the end of the file; one that is wrong has only its first line."""
        row = Row(self.line_number)
        try:
            row.cells = next(self.cells(self.take_lines(row)), [])
            if self.joins_rows(row):
                row.problem = Malformed(OPEN_QUOTE, "not_csv")
        except csv.Error as error:
            if self.split_at_returns(row):
                return self.read_row()
            has_return = str(error).startswith("new-line character")
            row.problem = Malformed(BARE_RETURN if has_return else OPEN_QUOTE, "not_csv")
        except Problem as problem:
            row.problem = problem
        if row.problem:
            self.return_lines(row.lines[1:])
            row.lines = row.lines[:1]
            row.size = len(b"".join(row.lines))
        self.line_number += len(row.lines)
        return row

    def is_part(self, row: Row) -> bool:
        """Whether it has not enough cells, so that it may be a part of the row before."""
        if row.problem:
            return self.separators(row.lines[0]) < self.width - 1
        return len(row.cells) < self.width

    def cells(self, lines: Iterable[str], strict: bool = True) -> Iterator[list[str]]:
        """Blanks behind a separator are skipped, for `"Ann", "Bo"`. Raises csv.Error."""
        return csv.reader(lines, delimiter=self.separator, skipinitialspace=True, strict=strict)

    def next_line(self) -> bytes:
        """b"" at the end of the file."""
        if self.returned:
            return self.returned.popleft()
        line = next(self.lines, b"")
        self.bytes_read += len(line)
        return line

    def return_lines(self, lines: list[bytes]) -> None:
        self.returned.extendleft(reversed(lines))
        self.bytes_returned += sum(map(len, lines))

    def take_lines(self, row: Row) -> Iterator[str]:
        """As many as the row takes. Raises TooLarge and Malformed."""
        while not row.lines or self.bytes_returned < 8 * self.bytes_read + PATIENCE_BYTES:
            line = self.next_line()
            if not line:
                return
            row.take(line)
            if row.size > BODY_LIMIT:
                raise TooLarge(f"a record may have {BODY_LIMIT:,} bytes; is a quote not closed?")
            yield self.decode(row, line)

    def decode(self, row: Row, line: bytes) -> str:
        """From UTF-8, or from what a spreadsheet on Windows writes by default."""
        try:
            return line.decode()
        except UnicodeDecodeError:
            row.is_windows_1252 = True
        try:
            return line.decode("cp1252")
        except UnicodeDecodeError:
            raise Malformed("is neither UTF-8 nor Windows-1252", "not_utf8") from None

    def separators(self, line: bytes) -> int:
        """How many there are, within quotes and outside."""
        return line.count(self.separator.encode())

    def joins_rows(self, row: Row) -> bool:
        """Whether a quote seems to join several rows: each line has as many cells as the header."""
        joined = row.lines[1:]
        if not joined or any(self.separators(line) != self.width - 1 for line in joined):
            return False
        # Alone, the first ends within the quote.
        *before, rest = next(self.cells([self.decode(row, row.lines[0])], strict=False))
        if len(before) + rest.count(self.separator) != self.width - 1:
            return False
        return len(row.cells) != self.width or len(joined) * (self.width - 1) >= TELLING_SEPARATORS

    def split_at_returns(self, row: Row) -> bool:
        """Whether carriage returns, which end no line elsewhere in the file, end rows here."""
        lines = b"".join(row.lines).splitlines(keepends=True)
        if len(lines) == len(row.lines):
            return False
        if any(self.separators(line) != self.width - 1 for line in lines):
            return False
        self.return_lines(lines)
        return True


def take_sample(lines: Iterator[bytes]) -> list[bytes]:
    sample = []
    size = 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size >= SAMPLE_BYTES:
            break
    return sample


def stated_separator(line: bytes) -> str:
    """What a first line `sep=;` says, which Excel understands; "" for another line."""
    match = re.fullmatch(rb'"?sep=([\t!#-/:-@[-`{-~])"?\s*', line, re.IGNORECASE)
    return match[1].decode() if match else ""


def guess_separator(sample: list[bytes]) -> str:
    """By which most rows have as many cells as the header; among equals, by which it has most."""

    def fitness(separator: str) -> tuple[bool, int, int]:
        widths = [len(row.cells) for row in TableReader(iter(sample), separator).rows()]
        width = widths[0] if widths else 0
        return width > 1, widths.count(width), width

    return max(SEPARATORS.values(), key=fitness)


# Import: reading the file

# How many bytes of records, and how many records, are stored in one transaction: beside a server,
# which waits for its turn meanwhile, as much as takes about a tenth of a second; else more, for
# then each page of an index is written less often.
SHARED_STEP_BYTES = 250_000
ALONE_STEP_BYTES = 2 * MEGABYTE
STEP_RECORDS = 10_000
# What is kept of a longer line, which is more than a record may have
LINE_LIMIT = BODY_LIMIT + len(BYTE_ORDER_MARK) + 1
RECORD_TOO_LARGE = (
    f"a record may have {BODY_LIMIT:,} bytes; of a larger one only the beginning stands here"
)
# The gap between two transactions, in which a server takes its turn.
PAUSE_SECONDS = 0.015

UNREADABLE_STARTS = {
    codecs.BOM_UTF16_LE: "UTF-16; save it as CSV in UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16; save it as CSV in UTF-8",
    b"[": "a JSON array; write one object a line, as jq -c '.[]' does",
    GZIP_MARK: "compressed; unpack it: zcat FILE | streamlined-lite import -",
    b"PK": "a spreadsheet or archive; save it as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save it as CSV in UTF-8",
}
# The first of these fields that a file has decides what the file holds.
KIND_BY_FIELD = {
    "event_name": "events",
    "customData": "events",
    "terms": "metrics",
    "metrics": "metrics",
    "cards": "dashboards",
    "contact_id": "contacts",
}
# Which field a CSV's column is, by its name in small letters with underscores.
FIELD_BY_COLUMN = {kind: {name: name for name in names} for kind, names in EXPORTED_FIELDS.items()}
FIELD_BY_COLUMN["contacts"] |= {
    "full_name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "contact_source": "source",
    "contact_type": "type",
    "created": "date_created",
}
FIELD_NAMES = {kind: set(fields.values()) for kind, fields in FIELD_BY_COLUMN.items()}
NESTED_FIELDS = ("tags", "fields", "terms", "format")
ID_FIELDS = ("location_id", "contact_id", "distinct_id")
DATE_FIELDS = ("timestamp", "date_created", "as_of")
# What a spreadsheet makes of a number that has more digits than it shows
SHORTENED_NUMBER = re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+")


@dataclass(slots=True)
class Record:
    """One of a file: the number of its first line, its bytes, and what was read of them."""

    line_number: int
    text: bytes
    fields: dict | None = None  # of a CSV's record; the text of others is JSON
    problem: Problem | None = None


def lines_of_any_end(file: Any) -> Iterator[bytes]:
    """Its lines, whatever ends them; one that is far too long in parts."""
    rest = b""
    while chunk := file.read1(SAMPLE_BYTES):
        lines = (rest + chunk).splitlines(keepends=True)
        rest = lines.pop()  # it may go on in the next chunk
        yield from lines
        if len(rest) >= LINE_LIMIT:
            yield rest
            rest = b""
    if rest:
        yield rest


class SourceFile:
    """Reads a file of NDJSON or CSV record by record.

    `columns` says which fields columns are (--map), `defaults` has the values of fields that a
    record lacks (--set), `separator` is what stands between cells, "" to find it out.
    """

    def __init__(
        self,
        name: str,
        file: Any,
        columns: dict[str, str],
        defaults: dict[str, str],
        separator: str,
    ):
        self.name = name
        self.file = file
        self.columns = columns
        self.defaults = defaults
        self.separator = separator
        self.kind = ""  # known from the first record on that is not too large
        self.size = os.fstat(file.fileno()).st_size
        self.position = 0
        self.line_number = 0
        self.warnings: Counter[str] = Counter()

    def records(self) -> Iterator[Record]:
        """Raises ConfigError, before the first record, for what cannot be imported at all."""
        beginning = self.file.peek()
        start = beginning.removeprefix(BYTE_ORDER_MARK).lstrip()
        for magic, explanation in UNREADABLE_STARTS.items():
            if start.startswith(magic):
                raise ConfigError(f"{self.name} is {explanation}")
        if b"\0" in start[:2]:  # without its byte order mark
            raise ConfigError(f"{self.name} is {UNREADABLE_STARTS[codecs.BOM_UTF16_LE]}")
        if start.startswith(b"{"):
            return self.json_records()
        first_end = re.search(rb"\r?\n|\r", beginning)
        return self.csv_records(by_returns=first_end is not None and first_end[0] == b"\r")

    def lines(self, by_returns: bool = False) -> Iterator[bytes]:
        """Each line without a byte order mark; of one that is far too long only the beginning.

        `by_returns`: also a carriage return alone ends a line, as in old files of a Mac.
        """
        parts = iter(functools.partial(self.file.readline, LINE_LIMIT), b"")
        ends: tuple[bytes, ...] = (b"\n",)
        if by_returns:
            parts = lines_of_any_end(self.file)
            ends = (b"\n", b"\r")
        is_cut = False
        for part in parts:
            self.position += len(part)
            if not is_cut:
                self.line_number += 1
                yield part.removeprefix(BYTE_ORDER_MARK) if self.line_number == 1 else part
            is_cut = not part.endswith(ends)

    def set_kind(self, field_names: Iterable[str]) -> None:
        names = {*self.defaults, *field_names}
        for name, kind in KIND_BY_FIELD.items():
            if name in names:
                self.kind = kind
                return
        raise ConfigError(
            f"{self.name}: neither events (event_name), contacts (contact_id) nor metrics (terms) "
            "are named there; give a CSV's column a field's name with --map 'COLUMN=FIELD'"
        )

    # NDJSON

    def json_records(self) -> Iterator[Record]:
        for line in self.lines():
            if not line.strip():
                continue
            is_whole = len(line) <= BODY_LIMIT
            if is_whole and not self.kind:
                self.set_kind(self.first_names(line))
            yield Record(self.line_number, line)

    def first_names(self, line: bytes) -> Iterable[str]:
        try:
            return parse_object(Body(line, JSON), exact=False).keys()
        except Problem as problem:
            raise ConfigError(
                f"{self.name}: the first line is no JSON object ({problem.detail}); "
                "write one object a line"
            ) from None

    # CSV

    def csv_records(self, by_returns: bool) -> Iterator[Record]:
        lines = self.lines(by_returns)
        sample = take_sample(lines)
        stated = stated_separator(sample[0]) if sample else ""
        first_line = 2 if stated else 1
        del sample[: first_line - 1]
        separator = self.separator or stated or guess_separator(sample)
        rows = TableReader(itertools.chain(sample, lines), separator, first_line).rows()
        header = next(rows, None)
        if header is None:
            raise ConfigError(f"{self.name} is empty")
        if header.problem:
            raise ConfigError(
                f"{self.name} is not CSV: line {header.line_number}: {header.problem.detail}"
            )
        names = self.read_header(header.cells)
        self.check_dates(header.cells, names, list(TableReader(iter(sample), separator).rows()))
        for row in rows:
            yield self.read_row(names, row)

    def read_header(self, cells: list[str]) -> list[str]:
        """The columns' fields, or their own names.

        Raises ConfigError for a --map of no column, and for two columns that would be one field.
        """
        headers = list(map(trim, cells))
        missing = self.columns.keys() - set(headers)
        if missing:
            raise ConfigError(
                f"{self.name} has no column {', '.join(sorted(missing))}; "
                f"it has {', '.join(headers)}"
            )
        plain_names = []
        for header in headers:
            plain_names.append(self.columns.get(header, "_".join(header.lower().split())))
        self.set_kind(plain_names)
        fields = FIELD_BY_COLUMN[self.kind]
        names = []
        for header, plain_name in zip(headers, plain_names, strict=True):
            own_name = self.own_name(self.columns.get(header, header))
            names.append(fields.get(plain_name, own_name))
        self.check_columns(headers, names)
        return names

    def own_name(self, name: str) -> str:
        """Of a column that is no field: a property of an event, a custom field of a contact."""
        if name and self.kind == "events":
            return f"properties.{property_key(name) or name}"
        return name

    def check_columns(self, headers: list[str], names: list[str]) -> None:
        """Raises ConfigError for two columns of one field, unless its texts can be joined."""
        columns: dict[str, list[str]] = {}
        for header, name in zip(headers, names, strict=True):
            columns.setdefault(name, []).append(header)
        for name, same in columns.items():
            if len(same) > 1 and name in FIELD_NAMES[self.kind] and name != "tags":
                raise ConfigError(
                    f"{self.name}: the columns {' and '.join(same)} are one field, {name}; "
                    "rename one of them, or take it out"
                )

    def check_dates(self, headers: list[str], names: list[str], rows: list[Row]) -> None:
        """Raises ConfigError for a column of times that clearly has only numbers that are none."""
        for index, name in enumerate(names):
            if name not in DATE_FIELDS:
                continue
            cells = [row.cells[index].strip() for row in rows[1:] if index < len(row.cells)]
            cells = [cell for cell in cells if cell]
            if cells and all(map(wrong_time, cells)):
                raise ConfigError(
                    f"{self.name}: the column {headers[index]} has numbers that are no times: "
                    f"{cells[0]} {wrong_time(cells[0])}"
                )

    def read_row(self, names: list[str], row: Row) -> Record:
        record = Record(row.line_number, b"".join(row.lines), problem=row.problem)
        if row.added:
            record.problem.detail += f"; {row.added:,} more lines may belong to it"
        if record.problem is None:
            if row.is_windows_1252:
                self.warnings["read_as_windows_1252"] += 1
            try:
                record.fields = self.read_cells(names, row.cells)
            except Problem as problem:
                record.problem = problem
        return record

    def read_cells(self, names: list[str], cells: list[str]) -> dict:
        """A record by its fields. Raises Problem."""
        if not all(map(is_blank, cells[len(names) :])):
            raise Malformed(f"has {len(cells)} cells, and the header has {len(names)}", "not_csv")
        filled: dict[str, list[str]] = {}
        for name, cell in zip(names, map(unquoted_cell, cells), strict=False):
            # blank cells erase nothing, but blank tags are the empty set
            if is_blank(cell) and name != "tags":
                continue
            if name:
                filled.setdefault(name, []).append(cell)
            else:
                self.warnings["cell_without_column_name"] += 1
        fields = {}
        others = {}
        for name, same in filled.items():
            if name == "tags":
                fields[name] = join_tags(same)
            elif name in FIELD_NAMES[self.kind]:
                fields[name] = parse_cell(name, same[0])
            else:
                others[name] = ", ".join(dict.fromkeys(same))
        if self.kind == "contacts":
            return self.defaults | contact_fields(fields, others)
        return self.defaults | fields | others


def wrong_time(cell: str) -> str:
    """Why a number is no timestamp; "" for one that is, and for other texts."""
    number = cell.replace(",", ".")
    if not NUMBER.fullmatch(number):
        return ""
    try:
        read_timestamp(number)
    except wrong as error:
        return error.message()
    return ""


def parse_cell(name: str, cell: str) -> Any:
    """A value that nests stands as JSON in its cell. Raises Invalid for an id without its end."""
    if name in ID_FIELDS and SHORTENED_NUMBER.fullmatch(cell.strip()):
        message = "is a long number that a spreadsheet has shortened; format it as text there"
        raise Invalid([field_error(f"/{name}", "shortened_number", message)])
    is_json = name in NESTED_FIELDS and cell.lstrip()[:1] in ("[", "{")
    return parse_properties(cell) if is_json else cell


def join_tags(cells: list[str]) -> Any:
    """The tags of one cell as it is, and of several cells together."""
    if len(cells) == 1:
        return parse_cell("tags", cells[0])
    tags = []
    for cell in cells:
        value = parse_cell("tags", cell)
        tags += value if isinstance(value, list) else cell.split(",")
    return tags


def contact_fields(fields: dict, others: dict[str, str]) -> dict:
    """The body of a contact: its name in one, and other columns as custom fields.

    So are first_name and last_name, as in HighLevel's webhooks. Raises Malformed.
    """
    name, _ = whole_name(fields)
    custom_fields = fields.get("fields", {})
    if not isinstance(custom_fields, dict):
        custom_fields = {"fields": custom_fields}
    parts = {key: fields[key] for key in ("first_name", "last_name") if key in fields}
    contact = {key: fields[key] for key in fields if key not in parts}
    for key, text in (others | parts).items():
        if str(custom_fields.setdefault(key, text)) != text:
            raise Malformed(f"has {key} as a column and, with another value, in fields", "twice")
    contact["fields"] = custom_fields
    if name:
        contact["name"] = name
    return contact


# Import: storing the records


def add_import(commands: Any) -> None:
    parser = add_command(commands, "import", import_command)
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="NDJSON or CSV of events, contacts or metrics; - is standard input",
    )
    parser.add_argument(
        "--location", metavar="ID", help="the location_id of records that have none"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="defaults",
        help="a field of records that lack it, such as event_name=Sale; repeat for more",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        dest="columns",
        help=(
            "the field that a column of a CSV is, such as 'Deal ID=distinct_id'; repeat for more"
        ),
    )
    parser.add_argument(
        "--separator",
        choices=list(SEPARATORS),
        help="what stands between the cells of a CSV (default: what most rows agree on)",
    )
    add_json_flag(parser)


def import_command(
    config: Config,
    files: list[str],
    location: str | None,
    defaults: list[str],
    columns: list[str],
    separator: str | None,
    as_json: bool,
) -> int:
    """Store what export wrote, or a CSV such as HighLevel's export of contacts.

    Records are stored by the rules of the API, so that what is there already is unchanged; a
    server may run meanwhile. Those that cannot be stored go to FILE.rejected with their reasons,
    and the exit code is 3 then. A file that cannot be read at all is refused before any is
    imported. A database that is not there is created.
    """
    if location is not None:
        defaults = [*defaults, f"location_id={location}"]
    values = read_pairs("--set", [pair.partition("=") for pair in defaults])
    # A column's name may have a = in it, a field's has none.
    fields = read_pairs("--map", [pair.rpartition("=") for pair in columns])
    read = functools.partial(
        SourceFile, columns=fields, defaults=values, separator=SEPARATORS.get(separator, "")
    )
    check_sources(files, read)
    path = database_path(config)
    check_file(path, create=True)
    step_bytes = ALONE_STEP_BYTES if is_alone(path) else SHARED_STEP_BYTES
    results = []
    try:
        with shared_database(config) as database:
            for name in files:
                results.append(import_file(database, name, read, step_bytes))
    finally:
        # also of those that came before one that failed
        if results:
            text = "\n".join(import_summary(result) for result in results)
            print_result(results, as_json, text)
    return 3 if any(result["rejected"] for result in results) else 0


def read_pairs(flag: str, pairs: list[tuple[str, str, str]]) -> dict[str, str]:
    """Raises ConfigError unless there is text around each =, and for two values of one name."""
    values: dict[str, str] = {}
    for left, separator, right in pairs:
        name = left.strip()
        value = right.strip()
        if not name or not value:
            raise ConfigError(f"{flag} {left}{separator}{right}: write NAME=VALUE")
        if values.get(name, value) != value:
            raise ConfigError(f"{flag}: {name} is {values[name]}, and {value} a second time")
        values[name] = value
    return values


def check_sources(names: list[str], read: Callable[..., SourceFile]) -> None:
    """Before the first is imported. Raises ConfigError."""
    unreadable = []
    for name in names:
        is_readable = os.access(name, os.R_OK, effective_ids=True) and not os.path.isdir(name)
        if name != "-" and not is_readable:
            unreadable.append(name)
    if unreadable:
        raise ConfigError(
            f"cannot read {', '.join(unreadable)}: there is no such file, or you may not read it"
        )
    for name in names:
        if os.path.isfile(name):  # what a pipe has can be read only once
            with open(name, "rb") as file:
                next(read(name, file).records(), None)


def is_alone(path: str) -> bool:
    """Whether no other process has the database open."""
    try:
        with nobody_else(path):
            return True
    except (CommandError, OSError):
        return False


def import_summary(result: dict) -> str:
    parts = []
    for outcome in ("created", "updated", "unchanged"):
        if result[outcome]:
            parts.append(f"{result[outcome]:,} {outcome}")
    if result["rejected"]:
        parts.append(f"{result['rejected']:,} rejected (see {result['rejected_file']})")
    lines = [f"{result['file']}: {result['kind']}: {', '.join(parts) or 'nothing'}"]
    for code, count in result["warnings"].items():
        lines.append(f"  warning {code}: {count:,}")
    return "\n".join(lines)


def import_file(
    database: Database, name: str, read: Callable[..., SourceFile], step_bytes: int
) -> dict:
    """Returns counts by outcome and by warning. Raises ConfigError and CommandError."""
    is_pipe = name == "-"
    rejected_name = ("stdin" if is_pipe else name) + ".rejected"
    try:
        with open(0 if is_pipe else name, "rb", closefd=not is_pipe) as file:
            with contextlib.suppress(FileNotFoundError):
                # that of an earlier import
                os.unlink(rejected_name)
            with Rejected(rejected_name) as rejected:
                return Import(database, read(name, file), rejected).run(step_bytes)
    except OSError as error:
        raise CommandError(
            f"{error.filename or rejected_name}: {error.strerror}; "
            "what was committed before is stored"
        ) from None


class Rejected:
    """FILE.rejected, made anew when there is a first record for it, and through no link."""

    def __init__(self, name: str):
        self.name = name
        self.opened = contextlib.ExitStack()
        self.file: Any = None

    def __enter__(self) -> Rejected:
        return self

    def __exit__(self, *_: Any) -> None:
        with contextlib.suppress(OSError):  # of a full disk, which write() has told
            self.opened.close()

    def write(self, line: dict) -> None:
        """Raises OSError, also where somebody else has made a file of that name meanwhile."""
        if self.file is None:
            descriptor = for_owner(self.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self.file = self.opened.enter_context(os.fdopen(descriptor, "wb"))
        self.file.write(to_json(line) + b"\n")
        self.file.flush()


class Import:
    """Stores the records of one file as the API would, in small transactions."""

    def __init__(self, database: Database, source: SourceFile, rejected: Rejected):
        self.database = database
        self.source = source
        self.rejected = rejected
        self.outcomes = Counter(created=0, updated=0, unchanged=0, rejected=0)
        self.warnings: Counter[str] = Counter()

    def run(self, step_bytes: int) -> dict:
        records = self.source.records()
        with Progress("importing", "lines") as progress:
            # The records of a transaction are read before it begins, since a pipe may make us
            # wait, and no server should wait with us.
            while step := next_step(records, step_bytes):
                with self.database.turn():
                    for record in step:
                        self.store_or_reject(record)
                progress.count = self.source.line_number
                progress.advance(self.source.position, self.source.size)
                time.sleep(PAUSE_SECONDS)
        return {
            "file": self.source.name,
            "kind": self.source.kind or "records",
            **self.outcomes,
            "rejected_file": self.rejected.name if self.outcomes["rejected"] else None,
            "warnings": dict(self.source.warnings + self.warnings),
        }

    def store_or_reject(self, record: Record) -> None:
        try:
            if len(record.text) > BODY_LIMIT:
                raise TooLarge(RECORD_TOO_LARGE)
            with self.database.savepoint() as connection:
                outcomes, warnings = self.store(connection, record)
        except apsw.Error:
            raise
        except Exception as error:
            self.reject(record, problem_of(error))
        else:
            self.outcomes.update(outcomes)
            self.warnings.update(each["code"] for each in warnings)

    def store(
        self, connection: apsw.Connection, record: Record
    ) -> tuple[dict[str, int], list[dict]]:
        """Counts by outcome, and warnings. Raises Problem."""
        if record.problem:
            raise record.problem
        now = self.database.clock()
        if self.source.kind in ("metrics", "dashboards"):
            return store_definitions(connection, self.fields(record), now), []
        if self.source.kind == "contacts":
            answer = store_contact_record(connection, self.fields(record), now)
        else:
            body = Body(self.event_json(record), JSON)
            _, answer = receive_event(connection, body, Caller(None, "admin"), now, arrived=now)
        return {answer["status"]: 1}, answer["warnings"]

    def reject(self, record: Record, problem: Problem) -> None:
        line = {
            "line": record.line_number,
            "reasons": problem.errors or [field_error("", problem.code, problem.detail)],
            "text": record.text.decode("utf-8", "backslashreplace").rstrip("\r\n"),
        }
        self.rejected.write(line)
        self.outcomes["rejected"] += 1

    def fields(self, record: Record) -> dict:
        if record.fields is not None:
            return record.fields
        return self.source.defaults | parse_object(Body(record.text, JSON))

    def event_json(self, record: Record) -> bytes:
        if record.fields is None and not self.source.defaults:
            return record.text
        return to_json(self.fields(record))


def next_step(records: Iterator[Record], step_bytes: int) -> list[Record]:
    """Records of about so many bytes, and not too many; none at the end of the file."""
    step = []
    size = 0
    for record in records:
        step.append(record)
        size += len(record.text)
        if size >= step_bytes or len(step) == STEP_RECORDS:
            break
    return step


def store_definitions(connection: apsw.Connection, fields: dict, now: int) -> dict[str, int]:
    """One metric, one dashboard, or a whole export of the API."""
    export = fields
    if "cards" in fields:
        export = {"metrics": [], "dashboards": [fields]}
    elif "metrics" not in fields:
        export = {"metrics": [fields]}
    return import_metrics(connection, validate(DefinitionList, export), now)


def store_contact_record(connection: apsw.Connection, fields: dict, now: int) -> dict:
    ids = {}
    for name in ("location_id", "contact_id", "as_of"):
        if not is_blank(fields.get(name)):
            ids[name] = fields[name]
    return receive_fields(connection, fields, ids, now)


# Deletion of events


def add_delete_events(commands: Any) -> None:
    parser = add_command(commands, "delete-events", delete_events_command)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_filters(parser)
    add_json_flag(parser)


def delete_events_command(config: Config, yes: bool, as_json: bool, **filters: str | None) -> int:
    """Delete events by filter, after showing how many.

    At least one filter must be named. Without --yes it asks on the terminal, and ends with exit
    code 1 unless the answer is yes. A server may run meanwhile.
    """
    query = read_filters(filters)
    if not query.names_events():
        flags = ", ".join(each.flag for each in FILTER_FLAGS if each.field != "timezone")
        raise ConfigError(f"name what to delete, by one or more of {flags}")
    with shared_database(config) as database, Progress("deleting", "events") as progress:
        with database.read() as connection:
            query, locations = filtered_events(connection, query, config.time_zone)
            matching = count_events(connection, query, locations)
        if matching and not yes:
            confirm(f"This deletes {matching:,} events for good")
        while progress.count < matching:
            with database.turn():
                deleted = delete_step(database.writer, query, locations)
            progress.count += deleted
            progress.advance(progress.count, matching)
            if deleted < DELETE_STEP:
                break
            time.sleep(PAUSE_SECONDS)
    deleted = progress.count
    return print_result({"events": deleted}, as_json, f"{deleted:,} events deleted")


def confirm(consequence: str) -> None:
    """Raises ConfigError where nobody can be asked, and CommandError unless a person says yes."""
    if not sys.stdin.isatty():
        raise ConfigError(f"{consequence}; nobody can be asked here, so say --yes")
    print(f"{consequence}. Write yes to go on: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        raise CommandError("nothing was deleted")


# Backups


def add_backup(commands: Any) -> None:
    backup = add_command(commands, "backup", backup_command)
    backup.add_argument(
        "file",
        metavar="FILE",
        help="a new file, or a folder, in which each backup gets a name with its time",
    )
    backup.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="in a folder: delete all backups of this database but the newest N (default: none)",
    )
    add_json_flag(backup)


def backup_command(config: Config, file: str, keep: int | None, as_json: bool) -> int:
    """Copy the database to a file, also while the server runs, and verify the copy.

    The copy gets its name when it is complete and sound; nothing is overwritten.
    """
    database = database_path(config)
    is_folder = os.path.isdir(file)
    check_file(database, create=False)
    if keep is not None and keep < 1:
        raise ConfigError("--keep takes 1 or more")
    if keep is not None and not is_folder:
        advice = f"{file} is a file"
        if not os.path.lexists(file):
            advice = f"this makes it: mkdir -p {shlex.quote(file)}"
        raise ConfigError(f"--keep goes with a folder that exists; {advice}")
    name = Path(config.database).stem
    path = file
    if is_folder:
        path = os.path.join(file, f"{name}-{stamp(system_clock())}.db")
    with whole_file(path) as partial, Progress("copying") as progress:
        copy_database(database, partial, progress.advance)
    size = os.path.getsize(path)
    lines = [f"{path}: {size:,} bytes, verified"]
    deleted = []
    if keep:
        backups = find_backups(Path(file), name)
        deleted = delete_backups(backups, Path(path), keep)
        deleted += delete_leftovers(Path(file), name)
        lines += [f"deleted {each}" for each in deleted]
        nameless = sum(identity == NAMELESS for identity in backups.values())
        if nameless:
            lines.append(
                f"{nameless} in {file} are of earlier versions, which do not say of which database "
                "they are: they stay, until you delete them"
            )
    result = {"file": path, "bytes": size, "deleted": deleted}
    return print_result(result, as_json, "\n".join(lines))


def delete_backups(backups: Mapping[Path, str | None], newest: Path, keep: int) -> list[str]:
    """Those of the database of the newest but `keep`; returns the deleted."""
    earlier = []
    for path, identity in backups.items():
        if path != newest and identity and identity == backups[newest]:
            earlier.append(path)
    surplus = earlier[: max(len(earlier) + 1 - keep, 0)]
    for path in surplus:
        path.unlink()
    return [str(path) for path in surplus]


def delete_leftovers(folder: Path, name: str) -> list[str]:
    """What a killed backup left a day ago or earlier; returns the deleted."""
    partial = re.compile(rf"{re.escape(name)}{STAMPED}\.\w+\.partial")
    leftovers = []
    for path in folder.iterdir():
        if partial.fullmatch(path.name) and is_a_day_old(path):
            path.unlink()
            leftovers.append(str(path))
    return leftovers


def is_a_day_old(path: Path) -> bool:
    return path.lstat().st_mtime < time.time() - 86_400


def add_restore(commands: Any) -> None:
    restore = add_command(commands, "restore", restore_command)
    restore.add_argument("file", metavar="FILE", help="what backup wrote")
    add_json_flag(restore)


def restore_command(config: Config, file: str, as_json: bool) -> int:
    """Put a backup in the place of the database, which is kept beside it.

    The server must be stopped. A file that is damaged, or that a newer version wrote, is refused.
    """
    path = os.path.realpath(database_path(config))
    if not os.path.isfile(file):
        raise ConfigError(f"there is no file {file} to restore")
    if os.path.exists(path) and os.path.samefile(file, path):
        raise ConfigError(f"{file} is the database itself")
    check_file(file, create=False)
    kept = f"{path}.{stamp(system_clock())}.replaced"
    if not os.path.exists(path):
        copy_to(path, file, functools.partial(place_database, kept=kept))
        result = {"database": path, "replaced": None}
        text = f"{path} is now what {file} holds"
        if os.path.exists(kept + "-wal"):
            text += f"; what a database before left there is kept as {kept}-wal"
        return print_result(result, as_json, text)
    settle(path)
    with nobody_else(path):
        copy_to(path, file, functools.partial(replace_database, kept=kept))
    result = {"database": path, "replaced": kept}
    text = f"{path} is now what {file} holds; the database before is kept as {kept}"
    return print_result(result, as_json, text)


def copy_to(path: str, source: str, place: Callable[[str, str], None]) -> None:
    """`place` gives the complete copy its name."""
    with whole_file(path, place) as partial, Progress("copying") as progress:
        copy_database(source, partial, progress.advance)


# Check

LEVELS = ("ok", "warning", "error")  # the index of the worst one is the exit code
LEAST_FREE = 200 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Finding:
    level: str
    about: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.level:7}  {self.about}: {self.message}"
        return f"{line}; {self.remedy}" if self.remedy else line


def add_check(commands: Any) -> None:
    check = add_command(commands, "check", check_command, flag_settings())
    check.add_argument(
        "--backups",
        metavar="FOLDER",
        help=(
            "where backup writes to; the newest must not be older than two days "
            "(default: the setting --backup-folder; without either, backups are not looked at)"
        ),
    )
    check.add_argument(
        "--quick", action="store_true", help="do not read the whole file for its integrity"
    )
    add_json_flag(check)


def check_command(config: Config, backups: str | None, quick: bool, as_json: bool) -> int:
    """Look for what an operator should know, and say what to do about it.

    It looks at settings, time zones, permissions, disk, content, clock, messages and keys, and
    changes nothing. The exit code is 0 if all is well, 1 for warnings, 2 for errors.
    """
    path = database_path(config)
    findings = [
        *or_ok("settings", check_settings(config)),
        check_zones(),
        *or_ok("files", check_files(config, path)),
        *or_ok("disk", check_disk(path)),
    ]
    backups = backups or config.backup_folder
    if backups:
        findings += or_ok("backups", check_backups(Path(backups), config, path))
    findings += check_database(config, path, quick)
    worst = max(LEVELS.index(finding.level) for finding in findings)
    result = {"status": LEVELS[worst], "findings": [asdict(finding) for finding in findings]}
    print_result(result, as_json, "\n".join(map(str, findings)))
    return worst


def or_ok(about: str, findings: Iterable[Finding]) -> list[Finding]:
    return list(findings) or [Finding("ok", about, "nothing to do")]


def check_settings(config: Config) -> Iterator[Finding]:
    is_local = config.host in ("127.0.0.1", "::1", "localhost")
    if not is_local and not config.public_url.startswith("https://"):
        yield Finding(
            "warning",
            "settings",
            f"listens on {config.host}, where anyone on the network path can read the keys",
            "put a proxy with TLS before it and set --public-url to its https:// address",
        )
    if config.fixed_time:
        yield Finding(
            "error",
            "settings",
            f"--fixed-time: the clock stands still at {config.fixed_time}",
            "that is for tests; leave it out",
        )


def check_zones() -> Finding:
    """Which zone data are in use."""
    if tzdata:
        version = f"{tzdata.IANA_VERSION}, of the package tzdata {tzdata.__version__}"
        return Finding("ok", "time zones", version)
    folders = ", ".join(zoneinfo.TZPATH)
    message = f"the package tzdata is missing, so those in {folders} are used, which may be older"
    return Finding("warning", "time zones", message, "pip install tzdata")


def check_files(config: Config, path: str) -> Iterator[Finding]:
    wal = path + "-wal"
    for name in (path, wal, path + "-shm", config.admin_key_file):
        if name and os.path.exists(name) and os.stat(name).st_mode & 0o077:
            yield Finding(
                "warning",
                "files",
                f"{name} can be opened by others than its owner",
                f"chmod 600 {shlex.quote(name)}",
            )
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(folder) and os.stat(folder).st_mode & 0o022:
        yield Finding(
            "warning",
            "files",
            f"others can replace what is in {folder}",
            f"chmod go-w {shlex.quote(folder)}",
        )
    wal_size = os.path.getsize(wal) if os.path.exists(wal) else 0
    if wal_size > 8 * RESTART_PAGES * 4096:
        yield Finding(
            "warning",
            "files",
            f"the WAL has {wal_size // MEGABYTE:,} MB, since something has been reading for long",
            "end a command that hangs, or restart the server",
        )


def check_disk(path: str) -> Iterator[Finding]:
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return
    free = shutil.disk_usage(folder).free
    size = os.path.getsize(path) if os.path.exists(path) else 0
    if free < LEAST_FREE:
        yield Finding(
            "error",
            "disk",
            f"{free // MEGABYTE:,} MB are free; on a full disk nothing is stored",
            "make room now",
        )
    elif free < 2 * size:
        yield Finding(
            "warning",
            "disk",
            f"{free // MEGABYTE:,} MB are free, and the database has {size // MEGABYTE:,} MB; "
            "a copy before an upgrade, or a restore, needs as much",
            "make room",
        )


def check_backups(folder: Path, config: Config, path: str) -> Iterator[Finding]:
    identity = identity_of(path)
    times = []
    if folder.is_dir():
        for backup, its_identity in find_backups(folder, Path(config.database).stem).items():
            if identity is None or its_identity in (identity, NAMELESS):
                times.append(backup.stat().st_mtime)
    if not times:
        remedy = f"streamlined-lite backup {shlex.quote(str(folder))} makes one"
        if not folder.is_dir():
            remedy = f"make that folder, then {remedy}"
        yield Finding("error", "backups", f"there is none of this database in {folder}", remedy)
        return
    days = (time.time() - max(times)) / 86_400
    if days > 2:
        yield Finding(
            "error",
            "backups",
            f"the newest in {folder} is {days:.0f} days old",
            "see whether the timer still runs",
        )


def check_database(config: Config, path: str, quick: bool) -> list[Finding]:
    """What is in it; where it cannot be read, that is the finding."""
    now = system_clock()
    findings: list[Finding] = []
    try:
        with contextlib.closing(open_reader(path)) as connection:
            findings += or_ok("content", check_content(connection, quick))
            if connection.pragma("user_version") == len(migrations()):
                findings += or_ok("clock", check_clock(connection, now))
                findings += or_ok("messages", check_messages(connection, now))
            findings += or_ok("keys", check_keys(connection, config, now))
    except (ConfigError, apsw.Error) as error:
        remedy = (
            "see that --database names yours and that you may read it; "
            "if it is damaged, restore a backup"
        )
        findings.append(Finding("error", "content", str(error), remedy))
    return findings


def check_content(connection: apsw.Connection, quick: bool) -> Iterator[Finding]:
    damage = ""
    if not quick:
        with Progress("checking") as progress:
            damage = find_damage(connection, progress.advance)
    if damage:
        yield Finding(
            "error",
            "content",
            f"the file is damaged: {damage}",
            "stop the server and restore a backup",
        )
    version = connection.pragma("user_version")
    newest = len(migrations())
    if version < newest:
        yield Finding(
            "warning",
            "content",
            f"the schema is {version}, this program's is {newest}",
            "the next start brings it there, and keeps the file before",
        )


def check_messages(connection: apsw.Connection, now: int) -> Iterator[Finding]:
    hosts = rows(connection, "messages.list_hosts")
    if any(host["first"] < now - UNATTENDED_MS for host in hosts):
        waiting = row(connection, "messages.count_waiting")["number"]
        yield Finding(
            "warning",
            "messages",
            f"nobody sends: {waiting:,} wait, of which some are due since more than "
            f"{UNATTENDED_MS // MINUTE_MS} minutes",
            "enable streamlined-lite-send.timer, or start serve with --send",
        )
    failed = scalar(connection, "messages.count_failed", since=now - 7 * DAY_MS)
    if failed:
        yield Finding(
            "warning",
            "messages",
            f"{failed:,} of the last seven days were given up",
            "GET /messages/v1 says why, of each",
        )


def check_clock(connection: apsw.Connection, now: int) -> Iterator[Finding]:
    query = EventQuery(order="arrival", limit=1)
    newest = list_events(connection, query, list_location_ids(connection))["events"]
    if not newest:
        return
    seconds = (read_timestamp(newest[0]["updated_at"]) - now) // 1000
    if seconds > 300:
        yield Finding(
            "error",
            "clock",
            f"an event arrived {timedelta(seconds=seconds)} in the future",
            "set the clock (timedatectl)",
        )


def check_keys(connection: apsw.Connection, config: Config, now: int) -> Iterator[Finding]:
    keys = [key for key in list_keys(connection) if not key["revoked_at"]]
    admins = [key for key in keys if key["scope"] == "admin"]
    if not admins and not config.admin_key:
        yield Finding(
            "warning",
            "keys",
            "there is no admin key",
            "streamlined-lite keys create admin --scope admin",
        )
    if len(admins) > 3:
        yield Finding(
            "warning",
            "keys",
            f"{len(admins)} admin keys work",
            "revoke those that nobody needs (keys list, keys revoke)",
        )
    for key in keys:
        disuse = "" if key["scope"] == "share" else key_disuse(key, now)
        if disuse:
            yield Finding(
                "warning",
                "keys",
                f"key {key['key_id']} ({key['name'][:40]}) was {disuse}",
                f"streamlined-lite keys revoke {key['key_id']}",
            )


def key_disuse(key: dict, now: int) -> str:
    """Why nobody may need the key any more; "" for one in use."""
    if key["last_used_at"]:
        days = (now - read_timestamp(key["last_used_at"])) // DAY_MS
        return f"not used for {days} days" if days >= 180 else ""
    age = now - read_timestamp(key["created_at"])
    return "never used" if age > 30 * DAY_MS else ""


if __name__ == "__main__":
    sys.exit(main())
