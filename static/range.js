// What metrics are calculated over.

import { findLocation, locationName, locations, session } from "./api.js";
import { combobox, entry, fill, h, mark, select, several, withState } from "./dom.js";
import { dayOf, isZone, viewerZone } from "./format.js";

const INTERVALS = {
  "": "Automatic",
  total: "Whole range",
  hour: "Hour",
  day: "Day",
  week: "Week",
  month: "Month",
};
export const COMPARISONS = {
  previous_period: "Period before",
  previous_year: "Year before",
  none: "Nothing",
};
export const RANGE = {
  locations: "",
  range: "30d",
  interval: "",
  zone: "",
  compare: "previous_period",
};
const DAY_MS = 86_400_000;

// The first day (2026-01-31) of the calendar unit that is `amount` units after that of a day.
function begin(unit, day, amount) {
  const [year, month, date] = day.split("-").map(Number);
  const monday = date - ((new Date(day).getUTCDay() + 6) % 7);
  const parts = {
    day: [year, month - 1, date + amount],
    week: [year, month - 1, monday + 7 * amount],
    month: [year, month - 1 + amount],
    year: [year + amount, 0],
  }[unit];
  return new Date(Date.UTC(...parts)).toISOString().slice(0, 10);
}

// The unit, and how many after that of today the first day and the one after the last begin.
const PRESETS = {
  today: ["Today", "day", 0, 1],
  yesterday: ["Yesterday", "day", -1, 0],
  "7d": ["Last 7 days", "day", -6, 1],
  "30d": ["Last 30 days", "day", -29, 1],
  "90d": ["Last 90 days", "day", -89, 1],
  "this-week": ["This week", "week", 0, 1],
  "this-month": ["This month", "month", 0, 1],
  "last-month": ["Last month", "month", -1, 0],
  "12m": ["Last 12 months", "month", -11, 1],
  "this-year": ["This year", "year", 0, 1],
  "last-year": ["Last year", "year", -1, 0],
};

// Of a preset's name, or of two days with two dots between them.
function days(name, today) {
  const [, from, to] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(name) ?? [];
  if (to) return [from, begin("day", to, 1)];
  const [, unit, first, end] = PRESETS[name] ?? PRESETS[RANGE.range];
  return [begin(unit, today, first), begin(unit, today, end)];
}

const chosen = range => String(range.locations).split(",").filter(Boolean);

// The query without its metric. The zone: the chosen one, the only location's, or the server's.
export function queryOf(range) {
  const ids = chosen(range);
  const [only, ...others] = ids.length ? ids : locations.map(each => each.location_id);
  const timezone = isZone(range.zone)
    ? range.zone
    : (!others.length && findLocation(only)?.timezone) || session.timezone;
  const [from, to] = days(range.range, dayOf(Date.now(), timezone));
  return {
    locations: ids.length ? ids : "all",
    from,
    to,
    interval: range.interval || intervalFor(from, to),
    timezone,
    ...(range.compare !== "none" && { compare: range.compare }),
  };
}

export const withRange = (address, range) => withState(address, range, RANGE);

function intervalFor(from, to) {
  const length = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  return length <= 2 ? "hour" : length <= 100 ? "day" : length <= 400 ? "week" : "month";
}

// The controls

export function rangeBar(range, changed, ...more) {
  const custom = h("div.custom");
  const showDays = () => {
    const ends = range.range.split("..");
    const take = () => {
      mark(custom.lastChild, ends[0] > ends[1] && "Must not be before From.");
      if (!ends[0] || ends[0] > ends[1]) return;
      range.range = ends.join("..");
      changed();
    };
    fill(
      custom,
      ends[1] &&
        ["From", "Through"].map((label, index) =>
          entry(label, ends, index, take, { type: "date", on: "onchange" }),
        ),
    );
  };
  const dates = { name: range.range.includes("..") ? "custom" : range.range };
  const choose = () => {
    const { from, to } = queryOf(range);
    range.range = dates.name === "custom" ? `${from}..${begin("day", to, -1)}` : dates.name;
    showDays();
    changed();
  };
  range.locations = chosen(range);
  showDays();
  return h(
    "div.range",
    { role: "group", "aria-label": "Range" },
    locationsField(range, changed, { placeholder: "All locations" }),
    select(
      "Dates",
      [
        ...Object.entries(PRESETS).map(([name, [label]]) => [name, label]),
        ["custom", "From … to …"],
      ],
      dates,
      "name",
      choose,
    ),
    custom,
    select("Interval", INTERVALS, range, "interval", changed),
    select("Compare with", COMPARISONS, range, "compare", changed),
    zoneField(range, "zone", changed),
    more,
  );
}

export function zoneField(state, name, changed, hint) {
  const box = combobox("Time zone", state, name, null, {
    placeholder: "Automatic",
    hint,
    chosen: () => {
      mark(box, state[name] && !isZone(state[name]) && "There is no such zone.");
      changed?.();
    },
    options: () =>
      [...new Set([viewerZone(), "UTC", ...Intl.supportedValuesOf("timeZone")])].map(zone => [
        zone,
      ]),
  });
  return box;
}

// Locations

export const locationsField = (state, changed, more) =>
  several("Locations", state, "locations", changed, {
    ...more,
    named: locationName,
    options: () => locations.map(({ location_id: id, name }) => [id, name ? id : "", name ?? id]),
  });

export function oneLocation(state, changed) {
  const ids = new Set(["", ...locations.map(each => each.location_id), state.location_id]); // also one that only the address knows
  return select(
    "Location",
    [...ids].map(id => [id, id ? locationName(id) : "All locations"]),
    state,
    "location_id",
    changed,
  );
}
