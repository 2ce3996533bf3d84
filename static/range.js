// What all metrics are calculated over: locations, dates, interval, time zone and comparison. Its state is in the address.

import { findLocation, locationName, locations, session } from "./api.js";
import { combobox, several } from "./combobox.js";
import { entry, fill, h, select, withState } from "./dom.js";
import { dayOf } from "./format.js";

const INTERVALS = [["", "Automatic"], ["total", "Whole range"], ["hour", "Hour"], ["day", "Day"], ["week", "Week"], ["month", "Month"]];
const COMPARISONS = [["previous_period", "Period before"], ["previous_year", "Year before"], ["none", "Nothing"]];
export const RANGE = { locations: "", range: "30d", interval: "", zone: "", compare: "previous_period" };
const DAY_MS = 86_400_000;

export const comparisonName = (kind) => COMPARISONS.find(([each]) => each === kind)[1];

// Days, as texts like 2026-01-31

const isoDay = (moment) => new Date(moment).toISOString().slice(0, 10);
const add = (day, amount) => (Number.isNaN(Date.parse(day)) ? day : isoDay(Date.parse(day) + amount * DAY_MS));
const month = (day, months) => isoDay(Date.UTC(day.slice(0, 4), day.slice(5, 7) - 1 + months, 1));
const year = (day, years) => `${day.slice(0, 4) - -years}-01-01`;
const monday = (day) => add(day, -((new Date(day).getUTCDay() + 6) % 7));

// The first day, and the day after the last.
const PRESETS = {
  today: ["Today", (today) => [today, add(today, 1)]],
  yesterday: ["Yesterday", (today) => [add(today, -1), today]],
  "7d": ["Last 7 days", (today) => [add(today, -6), add(today, 1)]],
  "30d": ["Last 30 days", (today) => [add(today, -29), add(today, 1)]],
  "90d": ["Last 90 days", (today) => [add(today, -89), add(today, 1)]],
  "this-week": ["This week", (today) => [monday(today), add(monday(today), 7)]],
  "this-month": ["This month", (today) => [month(today, 0), month(today, 1)]],
  "last-month": ["Last month", (today) => [month(today, -1), month(today, 0)]],
  "12m": ["Last 12 months", (today) => [month(today, -11), month(today, 1)]],
  "this-year": ["This year", (today) => [year(today, 0), year(today, 1)]],
  "last-year": ["Last year", (today) => [year(today, -1), year(today, 0)]],
};

/** Of a preset's name, or of two days with two dots between them. */
function days(name, today) {
  const [from, to] = name.split("..");
  return to ? [from, add(to, 1)] : (PRESETS[name] ?? PRESETS[RANGE.range])[1](today);
}

// As the API takes it

const chosen = (range) => range.locations.split(",").filter(Boolean);

/** The chosen zone, else that of the only location, else the server's own: what the server itself would take. */
function zoneOf(range) {
  const ids = range.locations ? chosen(range) : locations().map((each) => each.location_id);
  return range.zone || (ids.length === 1 && findLocation(ids[0])?.timezone) || session.timezone;
}

/** The query without its metric. */
export function queryOf(range) {
  const timezone = zoneOf(range);
  const [from, to] = days(range.range, dayOf(Date.now(), timezone));
  return { locations: range.locations ? chosen(range) : "all", from, to, interval: range.interval || intervalFor(from, to), timezone,
    ...(range.compare !== "none" && { compare: range.compare }) };
}

export const withRange = (address, range) => withState(address, range, RANGE);

function intervalFor(from, to) {
  const length = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  return length <= 2 ? "hour" : length <= 100 ? "day" : length <= 400 ? "week" : "month";
}

// The controls

/** `set(name)` makes what follows a control. */
export function rangeBar(range, set) {
  const custom = h("div.custom");
  const showCustom = () => {
    const ends = range.range.split("..");
    const day = (label, index) => entry(label, ends[index], (value) => {
      ends[index] = value;
      if (ends[0] && ends[0] <= ends[1]) set("range")(ends.join(".."));
    }, { type: "date", on: "onchange", min: "1970-01-01", max: "2199-12-31" });
    custom.hidden = !ends[1];
    fill(custom, ends[1] && [day("From", 0), day("To and with", 1)]);
  };
  const presets = [...Object.entries(PRESETS).map(([name, [label]]) => [name, label]), ["custom", "From … to …"]];
  showCustom();
  return h("div.range", { role: "group", "aria-label": "What the numbers cover" },
    locationsField(chosen(range), (ids) => set("locations")(ids.join()), { placeholder: "All locations" }),
    select("Dates", presets, range.range.includes("..") ? "custom" : range.range, (value) => {
      const { from, to } = queryOf(range);
      set("range")(value === "custom" ? `${from}..${add(to, -1)}` : value);
      showCustom();
    }), custom,
    select("Interval", INTERVALS, range.interval, set("interval")),
    select("Compare with", COMPARISONS, range.compare, set("compare")),
    zoneField(range.zone, set("zone")));
}

/** `onchange` gets what is a zone, or nothing. */
export function zoneField(value, onchange, said) {
  const zones = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")].map((zone) => ({ value: zone }));
  const changed = (typed) => { if (!typed.trim() || isZone(typed.trim())) onchange(typed.trim()); };
  return combobox("Time zone", { value, placeholder: "Automatic", options: () => zones, onchange: changed, hint: said });
}

function isZone(timeZone) {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone }));
  } catch {
    return false;
  }
}

// Locations

/** Several locations; also such as are not known here. */
export const locationsField = (ids, onchange, more) => several("Locations", ids, { ...more, onchange, named: locationName,
  options: () => locations().map(({ location_id: value, name }) => ({ value, text: name ?? value, hint: name && value })) });

/** One location or all, for lists. */
export function oneLocation(value, onchange) {
  const ids = new Set([...locations().map((each) => each.location_id), value]); // one that is known to the address alone is chosen, too
  return select("Location", [["", "All locations"], ...[...ids].filter(Boolean).map((id) => [id, locationName(id)])], value, onchange);
}
