// What all metrics are calculated over: locations, dates, interval, time zone and comparison. Its state is in the address.

import { findLocation, locationName, locations, post } from "./api.js";
import { combobox } from "./combobox.js";
import { button, checkbox, entry, field, h, select } from "./dom.js";
import { dayOf, viewerZone } from "./format.js";

const PRESETS = [["today", "Today"], ["yesterday", "Yesterday"], ["7d", "Last 7 days"], ["30d", "Last 30 days"], ["90d", "Last 90 days"],
  ["this-week", "This week"], ["this-month", "This month"], ["last-month", "Last month"], ["12m", "Last 12 months"], ["this-year", "This year"],
  ["last-year", "Last year"], ["custom", "From … to …"]];
const INTERVALS = [["", "Automatic"], ["total", "Whole range"], ["hour", "Hour"], ["day", "Day"], ["week", "Week"], ["month", "Month"]];
const COMPARISONS = [["previous_period", "Period before"], ["previous_year", "Year before"], ["none", "Nothing"]];
const DEFAULTS = { range: "30d", interval: "", zone: "", compare: "previous_period" };
const DAY_MS = 86_400_000;

let last = ""; // the range of the view before, so that links between views keep it

// In the address

export function readRange(params) {
  const range = { locations: params.getAll("location") };
  for (const [name, value] of Object.entries(DEFAULTS)) range[name] = params.get(name) ?? value;
  last = new URLSearchParams(writeRange(range)).toString();
  return range;
}

export const writeRange = (range) => [...range.locations.map((id) => ["location", id]),
  ...Object.keys(DEFAULTS).filter((name) => range[name] !== DEFAULTS[name]).map((name) => [name, range[name]])];

/** An address with the range that was chosen last. */
export const withRange = (address) => (last ? `${address}?${last}` : address);

// As the API takes it

const zones = new Map(); // the zone that the server takes where none is named
const wanted = (range) => (range.locations.length ? range.locations : "all");

/** The zone that counts: the chosen one, else what the server takes: the single location's, or its own. */
async function zoneOf(range, signal) {
  const name = range.locations.join();
  if (!range.zone && !zones.has(name)) {
    const metric = { terms: [{ key: "A", event: "-", type: "account" }] };
    zones.set(name, (await post("/metrics/v1/query", { metric, locations: wanted(range) }, signal)).timezone);
  }
  return range.zone || zones.get(name);
}

/** A location's zone was edited. */
export const forgetZones = () => zones.clear();

/** The query without its metric. Throws what the API throws. */
export async function queryOf(range, signal) {
  const timezone = await zoneOf(range, signal);
  const [from, to] = days(range.range, dayOf(Date.now(), timezone));
  const query = { locations: wanted(range), from, to, interval: range.interval || intervalFor(from, to), timezone };
  return range.compare === "none" ? query : { ...query, compare: range.compare };
}

function intervalFor(from, to) {
  const length = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  return length <= 2 ? "hour" : length <= 100 ? "day" : length <= 400 ? "week" : "month";
}

/** The first day and the day after the last of a range's name. */
export function days(name, today) {
  const [year, month] = today.split("-").map(Number);
  const monday = add(today, -((new Date(today).getUTCDay() + 6) % 7));
  const tomorrow = add(today, 1);
  const named = {
    today: [today, tomorrow], yesterday: [add(today, -1), today], "7d": [add(today, -6), tomorrow], "30d": [add(today, -29), tomorrow],
    "90d": [add(today, -89), tomorrow], "this-week": [monday, add(monday, 7)], "this-month": [first(year, month), first(year, month + 1)],
    "last-month": [first(year, month - 1), first(year, month)], "12m": [first(year, month - 11), first(year, month + 1)],
    "this-year": [first(year, 1), first(year + 1, 1)], "last-year": [first(year - 1, 1), first(year, 1)],
  };
  const [from, until] = name.split("..");
  return named[name] ?? (until ? [from, add(until, 1)] : named["30d"]);
}

const isoDay = (moment) => new Date(moment).toISOString().slice(0, 10);
const add = (day, amount) => (Number.isNaN(Date.parse(day)) ? day : isoDay(Date.parse(day) + amount * DAY_MS));
const first = (year, month) => isoDay(Date.UTC(year, month - 1, 1));

// The controls

/** The bar of controls; `onchange()` follows each change of `range`. */
export function rangeBar(range, onchange) {
  const set = (change) => {
    Object.assign(range, change);
    last = new URLSearchParams(writeRange(range)).toString();
    onchange();
  };
  const custom = h("div.custom");
  const showCustom = () => {
    const [from, to] = range.range.split("..");
    const pick = () => {
      const [start, end] = [...custom.querySelectorAll("input")].map((input) => input.value);
      if (start && end && start <= end) set({ range: `${start}..${end}` });
    };
    const day = (label, value) => entry(label, value, pick, { type: "date", on: "onchange", min: "1970-01-01", max: "2199-12-31" });
    custom.hidden = !to;
    custom.replaceChildren(...(to ? [day("From", from), day("To and with", to)] : []));
  };
  showCustom();
  return h("div.range", { role: "group", "aria-label": "What the numbers cover" }, locationMenu(range, set),
    field("Dates", select(PRESETS, range.range.includes("..") ? "custom" : range.range, (value) => {
      const [from, to] = days(range.range, dayOf(Date.now(), range.zone || viewerZone()));
      set({ range: value === "custom" ? `${from}..${add(to, -1)}` : value });
      showCustom();
    })), custom,
    field("Interval", select(INTERVALS, range.interval, (interval) => set({ interval }))),
    field("Compare with", select(COMPARISONS, range.compare, (compare) => set({ compare }))),
    zoneField(range.zone, (zone) => set({ zone })));
}

export function zoneField(value, onchange, hint) {
  const options = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")].map((zone) => ({ value: zone }));
  return field("Time zone", combobox({ value, placeholder: "Automatic", options: () => options, onchange: (zone) => { if (!zone.trim() || isZone(zone.trim())) onchange(zone.trim()); } }), { hint });
}

function isZone(timeZone) {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone }));
  } catch {
    return false;
  }
}

// Locations

/** All locations, with those of the address that are not known here. */
const known = (ids) => [...locations(), ...ids.filter((id) => id && !findLocation(id)).map((id) => ({ location_id: id }))];

/** One, several or all, in a panel that Escape and a click elsewhere close. */
function locationMenu(range, set) {
  const summary = h("summary");
  const boxes = h("div.options");
  const choose = (ids) => { set({ locations: ids }); name(); };
  const name = () => summary.replaceChildren(h("span.label", "Locations"), h("span.value",
    !range.locations.length ? "All locations" : range.locations.length === 1 ? locationName(range.locations[0]) : `${range.locations.length} locations`));
  const list = (text = "") => boxes.replaceChildren(...known(range.locations).filter((each) => `${each.name} ${each.location_id}`.toLowerCase().includes(text.toLowerCase()))
    .map(({ location_id: id }) => checkbox(locationName(id), range.locations.includes(id), (yes) => choose(yes ? [...range.locations, id] : range.locations.filter((each) => each !== id)))));
  name();
  list();
  const menu = h("details.menu", {
    onkeydown: (event) => { if (event.key === "Escape" && menu.open) { menu.open = false; summary.focus(); } },
    onfocusout: (event) => { if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false; },
  }, summary, h("div.panel", button("All locations", () => { choose([]); list(); }, "small"), locations().length > 8 && entry("Find a location", "", list, { type: "search" }), boxes));
  const outside = (event) => {
    if (!menu.isConnected) document.removeEventListener("pointerdown", outside);
    else if (!menu.contains(event.target)) menu.open = false;
  };
  document.addEventListener("pointerdown", outside);
  return menu;
}

/** One location or all, for lists. */
export const oneLocation = (value, onchange) => field("Location", select([["", "All locations"],
  ...known([value]).map((each) => [each.location_id, locationName(each.location_id)])], value, onchange));
