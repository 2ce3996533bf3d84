// What all metrics are calculated over: locations, dates, interval, time zone and comparison. Its state is in the address.

import { findLocation, locationName, locations, post } from "./api.js";
import { combobox } from "./combobox.js";
import { button, checkbox, field, h, select } from "./dom.js";
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
  for (const name of Object.keys(DEFAULTS)) range[name] = params.get(name) ?? DEFAULTS[name];
  last = new URLSearchParams(writeRange(range)).toString();
  return range;
}

export function writeRange(range) {
  const given = Object.keys(DEFAULTS).filter((name) => range[name] !== DEFAULTS[name]).map((name) => [name, range[name]]);
  return [...range.locations.map((id) => ["location", id]), ...given];
}

/** An address with the range that was chosen last. */
export function withRange(address) {
  return last ? `${address}?${last}` : address;
}

// As the API takes it

const zones = new Map(); // the zone that the server takes where none is named

/** The zone that counts: the chosen one, else the single location's, else the server's own. */
async function zoneOf(range, signal) {
  if (range.zone) return range.zone;
  const name = range.locations.join(",");
  if (!zones.has(name)) {
    const metric = { terms: [{ key: "A", event: "-", type: "account" }] };
    zones.set(name, (await post("/metrics/v1/query", { metric, locations: wanted(range) }, signal)).timezone);
  }
  return zones.get(name);
}

/** A location's zone was edited. */
export function forgetZones() {
  zones.clear();
}

const wanted = (range) => (range.locations.length ? range.locations : "all");

/** The query without its metric. Throws what the API throws. */
export async function queryOf(range, signal) {
  const zone = await zoneOf(range, signal);
  const [from, to] = days(range.range, dayOf(Date.now(), zone));
  const query = { locations: wanted(range), from, to, interval: range.interval || intervalFor(from, to), timezone: zone };
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
    today: [today, tomorrow],
    yesterday: [add(today, -1), today],
    "7d": [add(today, -6), tomorrow],
    "30d": [add(today, -29), tomorrow],
    "90d": [add(today, -89), tomorrow],
    "this-week": [monday, add(monday, 7)],
    "this-month": [first(year, month), first(year, month + 1)],
    "last-month": [first(year, month - 1), first(year, month)],
    "12m": [first(year, month - 11), first(year, month + 1)],
    "this-year": [first(year, 1), first(year + 1, 1)],
    "last-year": [first(year - 1, 1), first(year, 1)],
  };
  const [from, until] = name.split("..");
  return named[name] ?? (until ? [from, add(until, 1)] : named["30d"]);
}

function add(day, amount) {
  const moment = Date.parse(day);
  return Number.isNaN(moment) ? day : new Date(moment + amount * DAY_MS).toISOString().slice(0, 10);
}

const first = (year, month) => new Date(Date.UTC(year, month - 1, 1)).toISOString().slice(0, 10);

// The controls

/** The bar of controls; `onchange(range)` follows each change. */
export function rangeBar(range, onchange) {
  const set = (change) => { Object.assign(range, change); last = new URLSearchParams(writeRange(range)).toString(); onchange(range); };
  const custom = h("div.custom");
  showCustom(custom, range, set);
  const name = range.range.includes("..") ? "custom" : range.range;
  return h("div.range", { role: "group", "aria-label": "What the numbers cover" },
    locationField(range, set),
    field("Dates", select(PRESETS, name, (value) => choosePreset(value, custom, range, set))),
    custom,
    field("Interval", select(INTERVALS, range.interval, (interval) => set({ interval }))),
    field("Compare with", select(COMPARISONS, range.compare, (compare) => set({ compare }))),
    zoneField("Time zone", range.zone, (zone) => set({ zone })));
}

function choosePreset(value, custom, range, set) {
  const [from, to] = days(range.range, dayOf(Date.now(), range.zone || viewerZone()));
  set({ range: value === "custom" ? `${from}..${add(to, -1)}` : value });
  showCustom(custom, range, set);
}

function showCustom(box, range, set) {
  const [from, to] = range.range.split("..");
  box.hidden = to === undefined;
  if (to === undefined) return box.replaceChildren();
  const pick = () => {
    const [start, end] = [...box.querySelectorAll("input")].map((input) => input.value);
    if (start && end && start <= end) set({ range: `${start}..${end}` });
  };
  box.replaceChildren(...[["From", from], ["To and with", to]].map(([label, value]) =>
    field(label, h("input", { type: "date", value, min: "1970-01-01", max: "2199-12-31", onchange: pick }))));
  return undefined;
}

export function zoneField(label, value, onchange, { hint = "" } = {}) {
  const known = Intl.supportedValuesOf("timeZone");
  const names = known.includes("UTC") ? known : ["UTC", ...known];
  const valid = (zone) => zone === "" || names.includes(zone) || isZone(zone);
  return field(label, combobox({ value, placeholder: "Automatic", options: () => names.map((zone) => ({ value: zone })),
    onchange: (zone) => { if (valid(zone.trim())) onchange(zone.trim()); } }), hint);
}

function isZone(zone) {
  try {
    return Boolean(new Intl.DateTimeFormat(undefined, { timeZone: zone }));
  } catch {
    return false;
  }
}

// Locations: one, several or all

function locationField(range, set) {
  const summary = h("summary");
  const boxes = h("div.options");
  const name = () => { summary.replaceChildren(h("span.label", "Locations"), h("span.value", chosen(range))); };
  const choose = (ids) => { set({ locations: ids }); name(); };
  const list = (wanted_ = "") => boxes.replaceChildren(...known(range).filter((each) => locationText(each).includes(wanted_.toLowerCase())).map((each) =>
    checkbox(each.name ?? each.location_id, range.locations.includes(each.location_id),
      (yes) => choose(yes ? [...range.locations, each.location_id] : range.locations.filter((id) => id !== each.location_id)))));
  const filter = locations().length > 8 ? field("Find a location", h("input", { type: "search", oninput: (event) => list(event.target.value) })) : null;
  const all = button("All locations", () => { choose([]); list(); }, "small");
  name();
  list();
  return menu(summary, h("div.panel", all, filter, boxes));
}

const locationText = (each) => `${each.name ?? ""} ${each.location_id}`.toLowerCase();

/** All locations, with those of the address that are not known here. */
function known(range) {
  return [...locations(), ...range.locations.filter((id) => !findLocation(id)).map((id) => ({ location_id: id, name: null }))];
}

function chosen({ locations: ids }) {
  if (!ids.length) return "All locations";
  return ids.length === 1 ? locationName(ids[0]) : `${ids.length} locations`;
}

/** A panel under its button; Escape and a click elsewhere close it. */
function menu(summary, panel) {
  const box = h("details.menu", summary, panel);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    box.open = false;
    summary.focus();
  });
  box.addEventListener("focusout", (event) => { if (event.relatedTarget && !box.contains(event.relatedTarget)) box.open = false; });
  const outside = (event) => {
    if (!box.isConnected) document.removeEventListener("pointerdown", outside);
    else if (!box.contains(event.target)) box.open = false;
  };
  document.addEventListener("pointerdown", outside);
  return box;
}

/** A choice of one location or all, for lists. */
export function oneLocation(value, onchange) {
  return field("Location", select([["", "All locations"], ...known({ locations: value ? [value] : [] }).map((each) =>
    [each.location_id, each.name ?? each.location_id])], value, onchange));
}
