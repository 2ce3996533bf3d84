"""Metrics in plain Python over rows: what the engine must answer.

It is written from the description and not from the engine, and takes its time zones from the files
of the system where it has them.

Rows are dictionaries; an event has the row of its contact under "contact", None without one.
"""

import ast
import bisect
import calendar
import functools
import math
import re
import sysconfig
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
DECIMAL = re.compile(r"(0|[1-9]\d*)(\.\d+)?", re.ASCII)
NUMBER_OPS = ("eq", "neq", "gt", "gte", "lt", "lte", "between")
TEXT_FIELDS = (
    "distinct_id",
    *(f"contact.{name}" for name in ("name", "email", "phone", "source", "type")),
)
STEP = 15 * 60  # every change of a clock in these tests lies on a quarter of an hour
# Characters without width that texts from the web have
WITHOUT_WIDTH = "\u200b\u2060\ufeff"
HOURS_OF_A_DAY = 30  # at most, with some to spare


@functools.cache
def zone_of(name):
    for folder in sysconfig.get_config_var("TZPATH").split(":"):
        path = Path(folder) / name
        if path.is_file():
            with path.open("rb") as file:
                return ZoneInfo.from_file(file, key=name)
    return ZoneInfo(name)


# Values


def as_number(value, writing=None):
    """`writing` is how texts write numbers, such as 1.234,5."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return value
    if writing:
        return as_amount(value.strip(), comma=writing[1], point=writing[5])
    if not NUMBER.fullmatch(value):
        return None
    if value.strip().lstrip("+-").isdigit() and abs(int(value)) < 2**63:
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def as_amount(text, comma, point):
    """Of the few currencies that these tests have."""
    for mark in ("USD", "EUR", "$", "€", "kr"):
        text = text.removeprefix(mark).removesuffix(mark).strip()
    if text.startswith("(") and text.endswith(")"):
        inner = as_amount(text[1:-1].strip(), comma, point)
        return None if inner is None or text[1] == "-" else -inner
    if text.startswith("-"):
        inner = as_amount(text[1:].strip(), comma, point)
        return None if inner is None or "-" in text[1:] else -inner
    whole, _, fraction = text.partition(point)
    for separator in (comma, " ", "'"):
        first, *others = whole.split(separator)
        if others and first and first[0] != "0" and {len(group) for group in others} == {3}:
            whole = first + "".join(others)
            if len(first) > 3:
                return None
            break
    digits = whole + fraction
    if not digits.isascii() or not digits.isdigit():
        return None
    return float(f"{whole or 0}.{fraction}") if fraction else int(whole)


def is_blank(value):
    """Whether there is nothing to be seen of it."""
    if not isinstance(value, str):
        return value is None
    return all(character.isspace() or character in WITHOUT_WIDTH for character in value)


def as_text(value):
    """As it is shown: numbers as JavaScript's specification writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value)
    return None if value is None else str(value)


def float_text(number):
    if number.is_integer() and abs(number) < 2**63:
        return str(int(number))
    for places in range(17):
        shortest = f"{abs(number):.{places}e}"
        if float(shortest) == abs(number):
            break
    mantissa, _, power = shortest.partition("e")
    digits = mantissa.replace(".", "")
    point = int(power) + 1
    if 0 < point <= 21:
        text = digits[:point].ljust(point, "0") + "." * (len(digits) > point) + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + "." * (len(digits) > 1) + digits[1:] + f"e{int(power):+}"
    return "-" * (number < 0) + text


def as_key(value):
    """What makes values the same, None for a blank one."""
    if is_blank(value):
        return None
    digits = sum(character.isdigit() for character in str(value))
    if isinstance(value, str) and DECIMAL.fullmatch(value) and digits <= 15:
        return float_text(float(value))
    return as_text(value)


def field_key(event, field):
    """The same of a field; some fields have nothing but texts, which are as they are."""
    value = field_value(event, field)
    if field in TEXT_FIELDS:
        return None if is_blank(value) else value
    return as_key(value)


def field_value(event, field):
    if field in ("contact_id", "distinct_id"):
        return event[field]
    kind, _, key = field.partition(".")
    if kind == "property":
        return event["properties"].get(key)
    contact = event["contact"]
    if contact is None:
        return None
    if key in ("name", "email", "phone", "source", "type", "date_created", "tags"):
        return contact[key]
    custom = key[len("fields.") :] if key.startswith("fields.") else key
    return contact["fields"].get(custom)


# Filters


def matches(event, group, now, zone, term):
    if group is None:
        return True
    if "all" in group:
        return all(matches(event, each, now, zone, term) for each in group["all"])
    if "any" in group:
        return any(matches(event, each, now, zone, term) for each in group["any"])
    value = field_value(event, group["field"])
    wanted = group.get("value")
    if group["field"] == f"property.{term.get('property')}" and group["op"] in NUMBER_OPS:
        value = as_number(value, term.get("numbers"))
    if group["field"] in TEXT_FIELDS and group["op"] in ("is", "is_not", "in", "not_in"):
        texts = map(as_text, wanted if isinstance(wanted, list) else [wanted])
        found = not is_blank(value) and value in texts
        return found == (group["op"] in ("is", "in"))
    return holds(value, group["op"], wanted, now, zone)


def holds(value, op, wanted, now, zone):
    if is_blank(value):
        value = None
    for negative, positive in (
        ("is_not", "is"),
        ("not_contains", "contains"),
        ("not_in", "in"),
        ("neq", "eq"),
        ("has_none", "has_any"),
        ("is_not_set", "is_set"),
    ):
        if op == negative:
            return not holds(value, positive, wanted, now, zone)
    if op in ("has_any", "has_all"):
        tags, wanted = value or set(), {wanted} if isinstance(wanted, str) else set(wanted)
        return bool(tags & wanted) if op == "has_any" else wanted <= tags
    if op == "is_set":
        return value not in (None, set())
    if value is None:
        return False
    if op in ("before", "after", "in_last") or (
        op == "between" and isinstance(wanted[0], str) and "-" in wanted[0][1:]
    ):
        return date_holds(value, op, wanted, now, zone)
    if op in ("is", "in", "contains"):
        return {
            "is": lambda: as_key(value) == as_key(wanted),
            "in": lambda: as_key(value) in map(as_key, wanted),
            "contains": lambda: as_text(wanted).casefold() in as_text(value).casefold(),
        }[op]()
    number = as_number(value)
    if number is None:
        return False
    return {
        "eq": lambda: number == wanted,
        "gt": lambda: number > wanted,
        "gte": lambda: number >= wanted,
        "lt": lambda: number < wanted,
        "lte": lambda: number <= wanted,
        "between": lambda: wanted[0] <= number <= wanted[1],
    }[op]()


def date_holds(value, op, wanted, now, zone):
    """Days compare as days of the local calendar, times as moments."""
    if op == "in_last":
        return (
            now - int(wanted[:-1]) * {"h": 1, "d": 24, "w": 168}[wanted[-1]] * 3_600_000
            <= value
            <= now
        )
    if op == "between":
        return not date_holds(value, "before", wanted[0], now, zone) and not date_holds(
            value, "after", wanted[1], now, zone
        )
    if len(wanted) == 10:
        day = datetime.fromtimestamp(value // 1000, zone).date()
        return (
            day < date.fromisoformat(wanted) if op == "before" else day > date.fromisoformat(wanted)
        )
    moment = moment_of(wanted, zone)
    return value < moment if op == "before" else value > moment


# Terms


def term_events(term, events, now, zone):
    return [
        event
        for event in events
        if event["event_name"] == term["event"]
        and (term["type"] == "account" or event["contact"] is not None)
        and matches(event, term.get("filters"), now, zone, term)
    ]


def chosen_events(term, events, everything, now, zone, as_of):
    """Those of a term among some; with `then`, each with what came of it up to `as_of`: `end`,
    `seconds`, whether the time for it `is_over`, and whether the event `is_start`."""
    found = term_events(term, events, now, zone)
    if "then" not in term:
        return found
    of_term = term_events(term, everything, now, zone)
    ends = term_events(term["then"] | {"type": "contact"}, everything, now, zone)
    histories = histories_of(of_term, ends, as_of)
    within = window(term["then"]["within"])
    return [
        event
        | what_came(event, histories[person(event)], within)
        | {"is_over": as_of > event["timestamp"] + within}
        for event in found
    ]


def person(event):
    return event["location_id"], event["contact_id"]


def histories_of(of_term, ends, as_of):
    """Of each contact (event, is it of the term, is it an end) in order. Within a millisecond an
    end comes after what it may end: what only starts is first, and what only ends is last. What
    lies after `as_of` ends nothing."""
    roles = {}
    for role, events in enumerate([of_term, ends]):
        for event in events:
            roles.setdefault(event["event_id"], [event, False, False])[1 + role] = True
    ranked = sorted(
        roles.values(),
        key=lambda each: (each[0]["timestamp"], each[2] - each[1], each[0]["event_id"]),
    )
    histories = {}
    for event, is_of_term, is_end in ranked:
        moment = event, is_of_term, is_end and event["timestamp"] <= as_of
        histories.setdefault(person(event), []).append(moment)
    return histories


def what_came(event, history, within):
    place = [other["event_id"] for other, _, _ in history].index(event["event_id"])

    def is_repeat_of(index):
        other, is_of_term, _ = history[index]
        if not is_of_term or event["timestamp"] - other["timestamp"] > within:
            return False
        return not any(is_end for _, _, is_end in history[index + 1 : place + 1])

    came = {"is_start": not any(map(is_repeat_of, range(place))), "end": None, "seconds": None}
    followers = [
        (other["timestamp"] - event["timestamp"], other["event_id"], other)
        for other, _, is_end in history
        if is_end and other["event_id"] != event["event_id"]
    ]
    followers = [each for each in followers if 0 <= each[0] <= within]
    if followers:
        later, _, came["end"] = min(followers)
        came["seconds"] = later / 1000
    return came


def window(text):
    return int(text[:-1]) * {"m": 1, "h": 60, "d": 1440, "w": 10_080}[text[-1]] * 60_000


def outcome(term, events):
    """An aggregation of a term with `then`."""
    name = term["aggregation"]
    starts = [event for event in events if event["is_start"]]
    if name == "conversions":
        return len([event for event in starts if event["end"]])
    if name == "contact_conversion":
        over = [event for event in events if event["is_over"]]
        contacts = {person(event) for event in over}
        converted = {person(event) for event in over if event["end"]}
        return len(converted) / len(contacts) if contacts else None
    over = [event for event in starts if event["is_over"]]
    seconds = [event["seconds"] for event in over if event["end"]]
    if name == "conversion":
        return len(seconds) / len(over) if over else None
    return summary(name, seconds) if seconds else None


def maturing(terms, events):
    """By the keys of terms with `then`, the starts whose windows are not over, where there are."""
    found = {}
    for key, some in events.items():
        starts = [e for e in some if "then" in terms[key] and e["is_start"] and not e["is_over"]]
        if starts:
            converted = [start for start in starts if start["end"]]
            found[key] = {"starts": len(starts), "conversions": len(converted)}
    return found


def aggregate(term, events):
    name = term["aggregation"]
    if "then" in term:
        return outcome(term, events)
    if name == "count":
        return len(events)
    if name == "unique_contacts":
        return len(
            {
                (event["location_id"], event["contact_id"])
                for event in events
                if event["contact_id"] is not None
            }
        )
    values = [event["properties"].get(term["property"]) for event in events]
    if name == "count_distinct":
        return len({as_key(value) for value in values} - {None})
    writing = term.get("numbers")
    read = [as_number(value, writing) for value in values]
    numbers = [number for number in read if number is not None]
    if name == "sum":
        return math.fsum(numbers)
    if not numbers:
        return None
    if name == "latest":
        moments = [(event["timestamp"], event["event_id"]) for event in events]
        found = zip(moments, read, strict=True)
        return max((moment, number) for moment, number in found if number is not None)[1]
    return summary(name, numbers)


def summary(name, numbers):
    if name in ("min", "max", "avg"):
        return {"min": min, "max": max, "avg": lambda n: math.fsum(n) / len(n)}[name](numbers)
    return quantile(sorted(numbers), {"median": 0.5, "p90": 0.9, "p95": 0.95}[name])


def quantile(ordered, fraction):
    place = fraction * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def skipped(term, events):
    if "then" in term or term["aggregation"] in ("count", "unique_contacts", "count_distinct"):
        return 0
    values = [event["properties"].get(term["property"]) for event in events]
    read = [as_number(value, term.get("numbers")) for value in values if value is not None]
    return read.count(None)


# Formulas, by Python's own grammar


def evaluate(formula, terms):
    return walk(parse(formula), terms)


@functools.cache
def parse(formula):
    return ast.parse(formula.strip(), mode="eval").body


def walk(node, terms):
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return terms[node.id]
    if isinstance(node, ast.UnaryOp):
        value = walk(node.operand, terms)
        return None if value is None else -value
    left, right = walk(node.left, terms), walk(node.right, terms)
    if left is None or right is None or (isinstance(node.op, ast.Div) and right == 0):
        return None
    value = {
        ast.Add: lambda: left + right,
        ast.Sub: lambda: left - right,
        ast.Mult: lambda: left * right,
        ast.Div: lambda: left / right,
    }[type(node.op)]()
    return value if math.isfinite(value) else None


# Calendar: the clock is watched in small steps


def label(second, interval, zone):
    clock = datetime.fromtimestamp(second, zone)
    if interval == "hour":
        return clock.date(), clock.hour
    if interval == "week":
        return clock.date() - timedelta(days=clock.weekday())
    return clock.date() if interval == "day" else (clock.year, clock.month)


def starts(start, end, interval, zone):
    """When buckets begin, in milliseconds: where the clock's label changes or shows a full hour."""
    found, second = [start], (start // 1000 // STEP + 1) * STEP
    before = label(start // 1000, interval, zone) if interval != "total" else None
    while interval != "total" and second * 1000 < end:
        # Six hours later it is still the same unit.
        if interval != "hour" and label(second + 24 * STEP, interval, zone) == before:
            second += 24 * STEP
            continue
        now = label(second, interval, zone)
        if now != before or (
            interval == "hour" and datetime.fromtimestamp(second, zone).minute == 0
        ):
            found.append(second * 1000)
        before, second = now, second + STEP
    return found


def first_moment(day, zone):
    """Of a local day, or of the first after it that exists."""
    second = (
        int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()) - 26 * 3600
    )
    while datetime.fromtimestamp(second, zone).date() < day:
        second += STEP
    return second * 1000


def shown(moment, zone):
    """What the clock shows at a millisecond."""
    clock = datetime.fromtimestamp(moment // 1000, zone).replace(tzinfo=None)
    return clock + timedelta(milliseconds=moment % 1000)


def showing(wanted, zone, again=False):
    """The millisecond at which the clock shows a time; or, where it skips it, what comes next."""
    quarter = wanted.replace(minute=wanted.minute // 15 * 15, second=0, microsecond=0)
    midnight = first_moment(wanted.date(), zone)
    steps = range(midnight, midnight + HOURS_OF_A_DAY * 3_600_000, STEP * 1000)
    found = [moment for moment in steps if shown(moment, zone) == quarter]
    if not found:
        return next(moment for moment in steps if shown(moment, zone) > quarter)
    return found[-1 if again else 0] + (wanted - quarter) // timedelta(milliseconds=1)


def moment_of(text, zone):
    """A day, a time of the zone, or a time with an offset."""
    if len(text) == 10:
        return first_moment(date.fromisoformat(text), zone)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return showing(moment, zone)
    return round(moment.timestamp() * 1000)


# The range to compare with


class Ranges:
    """A query's range and the one it is compared with: `start`, `end` and their days, if any; and
    `read`, the last millisecond that counts of each."""

    def __init__(self, query, now, zone):
        self.start, self.end = (moment_of(query[name], zone) for name in ("from", "to"))
        self.days = days_between(query["from"], query["to"], zone)
        self.read = self.end - 1
        self.is_to_date = False
        kind = query.get("compare")
        if kind is None:
            return
        self.earlier_days = self.days and days_before(self.days, kind)
        if self.days:
            first, last = self.earlier_days[0], self.earlier_days[-1]
            self.earlier_start = first_moment(first, zone)
            self.earlier_end = first_moment(last + timedelta(days=1), zone)
        elif kind == "previous_period":
            self.earlier_start = self.start - (self.end - self.start)
            self.earlier_end = self.start
        else:
            clock = shown(self.start, zone)
            is_again = datetime.fromtimestamp(self.start // 1000, zone).fold == 1
            clock = datetime.combine(year_earlier(clock.date()), clock.time())
            self.earlier_start = showing(clock, zone, is_again)
            self.earlier_end = self.earlier_start + self.end - self.start
        self.earlier_read = self.earlier_end - 1
        self.is_to_date = now < self.end
        if self.is_to_date:
            self.read = now
            moment = self.as_far(now, zone)
            self.earlier_read = max(self.earlier_start - 1, min(self.earlier_read, moment))
        # What follows the earlier range counts as far as what follows the range can be known.
        self.earlier_as_of = self.earlier_read + now - self.read

    def as_far(self, now, zone):
        """The last millisecond of the earlier range when it was as old as the range is now."""
        if not self.days:
            return self.earlier_start + now - self.start
        clock = shown(now, zone)
        if clock.date() < self.days[0]:
            return self.earlier_start - 1
        day = self.earlier_days[0] + (clock.date() - self.days[0])
        if are_months(self.days):
            months = [each for each in self.days if each.day == 1 and each <= clock.date()]
            earlier = [each for each in self.earlier_days if each.day == 1][len(months) - 1]
            if clock.day > calendar.monthrange(earlier.year, earlier.month)[1]:
                following = (earlier + timedelta(days=32)).replace(day=1)
                return first_moment(following, zone) - 1
            day = earlier.replace(day=clock.day)
        is_again = datetime.fromtimestamp(now // 1000, zone).fold == 1
        return showing(datetime.combine(day, clock.time()), zone, is_again)


def days_between(start, end, zone):
    """All days of a range; None where it begins or ends within one."""
    days = []
    for text in (start, end):
        moment = moment_of(text, zone)
        day = date.fromisoformat(text) if len(text) == 10 else shown(moment, zone).date()
        if first_moment(day, zone) != moment:
            return None
        days.append(day)
    return [days[0] + timedelta(days=number) for number in range((days[1] - days[0]).days)]


def are_months(days):
    return days[0].day == 1 and (days[-1] + timedelta(days=1)).day == 1


def days_before(days, kind):
    """All days of the range to compare with."""
    if kind == "previous_year":
        first, last = year_earlier(days[0]), year_earlier(days[-1])
        if are_months(days):
            last = last.replace(day=calendar.monthrange(last.year, last.month)[1])
    else:
        last = days[0] - timedelta(days=1)
        first = days[0] - timedelta(days=len(days))
        if are_months(days):
            first = days[0]
            for _ in [day for day in days if day.day == 1]:
                first = (first - timedelta(days=1)).replace(day=1)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def year_earlier(day):
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return date(day.year - 1, 2, 28)


# Rows: which buckets of two ranges belong together


class Row:
    """A bucket up to the last millisecond that is read, and what tells with which one it goes."""

    def __init__(self, start, last, first_day, interval, zone):
        clocks = shown(start, zone), shown(last, zone)
        fold = datetime.fromtimestamp(start // 1000, zone).fold
        self.distance = (clocks[0].date() - first_day).days
        self.hour = clocks[0].hour, fold
        self.interval = interval
        self.is_whole = is_edge(start, interval, zone) and is_edge(last + 1, interval, zone)
        self.number = None  # among the whole ones
        self.clocks = tuple(
            {
                "hour": lambda clock: clock.time(),
                "day": lambda clock: clock.time(),
                "week": lambda clock: (clock.weekday(), clock.time()),
                "month": lambda clock: (clock.day, clock.time()),
            }[interval](clock)
            for clock in clocks
        )

    def goes_with(self, other):
        if self.is_whole != other.is_whole:
            return False
        if self.interval == "hour" and self.hour != other.hour:
            return False
        if self.interval in ("hour", "day") and self.distance != other.distance:
            return False
        if self.is_whole:
            return self.interval in ("hour", "day") or self.number == other.number
        return self.clocks == other.clocks


def is_edge(moment, interval, zone):
    def unit(each):
        fold = datetime.fromtimestamp(each // 1000, zone).fold if interval == "hour" else 0
        return label(each // 1000, interval, zone), fold

    return unit(moment - 1) != unit(moment)


def rows_of(bounds, read, first_day, interval, zone):
    begun = [start for start in bounds if start <= read]
    ends = [*(start - 1 for start in bounds[1:]), read]
    found = [
        Row(start, min(last, read), first_day, interval, zone)
        for start, last in zip(begun, ends, strict=False)
    ]
    for number, row in enumerate(row for row in found if row.is_whole):
        row.number = number
    return found


def partners(ranges, bounds, earlier_bounds, interval, zone):
    """For each bucket of the range the index of the one beside it, None where there is none."""
    begun, earlier_begun = (
        [start for start in some if start <= read]
        for some, read in ((bounds, ranges.read), (earlier_bounds, ranges.earlier_read))
    )
    if interval == "total" or (interval == "month" and ranges.days and are_months(ranges.days)):
        found = [index if index < len(earlier_begun) else None for index in range(len(begun))]
    else:
        first_days = (
            ranges.days[0] if ranges.days else shown(ranges.start, zone).date(),
            ranges.earlier_days[0] if ranges.days else shown(ranges.earlier_start, zone).date(),
        )
        rows = rows_of(bounds, ranges.read, first_days[0], interval, zone)
        earlier = rows_of(earlier_bounds, ranges.earlier_read, first_days[1], interval, zone)
        found = []
        for row in rows:
            fitting = [i for i, each in enumerate(earlier) if row.goes_with(each)]
            assert len(fitting) <= 1
            found.append(fitting[0] if fitting else None)
    return found + [None] * (len(bounds) - len(found))


# The answer


def answer(query, events, now, zone, start, end, read=None, as_of=None):
    """Values of the range, of each bucket and of each location; `read` is the last millisecond
    that counts, if that is not the last one of the range, and `as_of` the last one of what follows
    on its events, if that is not `now`."""
    read = end - 1 if read is None else read
    as_of = now if as_of is None else as_of
    everything = events
    metric = query["metric"]
    formula = metric.get("formula", metric["terms"][0]["key"])
    bounds = starts(start, end, query.get("interval", "total"), zone) if start < end else []
    in_range = [
        event
        for event in events
        if start <= event["timestamp"] < end and event["location_id"] in query["locations"]
    ]
    events = [event for event in in_range if event["timestamp"] <= read]
    ahead = [event for event in in_range if event["timestamp"] > read]
    chosen = {
        term["key"]: chosen_events(term, events, everything, now, zone, as_of)
        for term in metric["terms"]
    }

    by_key = {term["key"]: term for term in metric["terms"]}

    def numbers(of_terms):
        terms = {key: whole(aggregate(by_key[key], some)) for key, some in of_terms.items()}
        return {
            "value": evaluate(formula, terms),
            "terms": terms,
            "maturing": maturing(by_key, of_terms),
        }

    def bucket(start, of_terms):
        if start > now and not any(of_terms.values()):
            return {"value": None, "terms": dict.fromkeys(chosen), "maturing": {}}
        return numbers(of_terms)

    in_buckets = [{key: [] for key in chosen} for _ in bounds]
    for key, some in chosen.items():
        for event in some:
            place = bisect.bisect_right(bounds, event["timestamp"]) - 1
            in_buckets[place][key].append(event)
    breakdown = query.get("breakdown")
    keys_of = {
        event["event_id"]: group_keys(event, breakdown)
        for some in chosen.values()
        for event in some
        if breakdown
    }

    def in_group(keys, of_terms):
        return only(lambda event: keys & keys_of[event["event_id"]], of_terms)

    return {
        "total": numbers(chosen),
        "starts": bounds,
        "buckets": list(map(bucket, bounds, in_buckets)),
        "locations": {
            each: numbers(only(lambda event, each=each: event["location_id"] == each, chosen))
            for each in query["locations"]
        },
        "skipped": {
            key: skipped(term, chosen[key])
            for key, term in ((t["key"], t) for t in metric["terms"])
        },
        "ahead": {
            term["key"]: len(term_events(term, ahead, now, zone)) for term in metric["terms"]
        },
        "groups": breakdown
        and groups(set().union(*keys_of.values()), lambda keys: numbers(in_group(keys, chosen))),
        "group_buckets": lambda keys: [
            bucket(start, in_group(keys, of_terms))
            for start, of_terms in zip(bounds, in_buckets, strict=True)
        ],
    }


def only(test, of_terms):
    """Those of each term's events that the test takes."""
    return {key: list(filter(test, events)) for key, events in of_terms.items()}


def whole(number):
    """An integer where it is one: a formula may be exact then."""
    is_whole = isinstance(number, float) and number.is_integer() and abs(number) < 2**53
    return int(number) if is_whole else number


def group_keys(event, breakdown):
    if breakdown in ("tag", "contact.tags"):
        tags = event["contact"]["tags"] if event["contact"] else set()
        return tags or {None}
    if breakdown == "location":
        return {event["location_id"]}
    return {field_key(event, breakdown)}


def groups(keys, numbers_of):
    """The keys, that with the largest first term first; and what gives the numbers of some."""
    values = {key: numbers_of({key}) for key in keys}

    def rank(key):
        first_term = next(iter(values[key]["terms"].values()))
        return first_term is None, -(first_term or 0), key is None, key or ""

    return sorted(keys, key=rank), numbers_of
