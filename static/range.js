// The range that metrics are calculated over.

import { withState } from "./address.js";
import { findLocation, locations, session } from "./api.js";
import { locationsField, zoneField } from "./choices.js";
import { button, fill, h, hint, newId } from "./dom.js";
import { mark, selectField, textField } from "./fields.js";
import { dayOf, isZone, span } from "./format.js";

const INTERVALS = {
  "": "Automatic",
  total: "Whole range",
  hour: "Hour",
  day: "Day",
  week: "Week",
  month: "Month",
};

export const COMPARISONS = {
  previous_period: "Previous period",
  previous_year: "Previous year",
  none: "Nothing",
};

// What stands behind Options.
const OPTIONS = { interval: "", compare: "previous_period", zone: "" };

/** The state of a range, as an address has it. */
export const RANGE = { locations: "", range: "30d", ...OPTIONS };

// From the first day of the unit that is `first` units after today's up to the one that is `end` units after it.
const PRESETS = {
  today: { label: "Today", unit: "day", first: 0, end: 1 },
  yesterday: { label: "Yesterday", unit: "day", first: -1, end: 0 },
  "7d": { label: "Last 7 days", unit: "day", first: -6, end: 1 },
  "30d": { label: "Last 30 days", unit: "day", first: -29, end: 1 },
  "90d": { label: "Last 90 days", unit: "day", first: -89, end: 1 },
  "this-week": { label: "This week", unit: "week", first: 0, end: 1 },
  "this-month": { label: "This month", unit: "month", first: 0, end: 1 },
  "last-month": { label: "Last month", unit: "month", first: -1, end: 0 },
  "12m": { label: "Last 12 months", unit: "month", first: -11, end: 1 },
  "this-year": { label: "This year", unit: "year", first: 0, end: 1 },
  "last-year": { label: "Last year", unit: "year", first: -1, end: 0 },
};
const CUSTOM = "custom";
const DAY_MS = 86_400_000;

// The first day (2026-01-31) of the calendar unit that is `amount` units after that of a day.
function unitStart(unit, day, amount) {
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

// The days of a preset's name, or of two days with two dots between them; `to` is not in the range.
function daysOf(name, today) {
  const custom = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(name);
  if (custom) return { from: custom[1], to: unitStart("day", custom[2], 1) };
  const { unit, first, end } = PRESETS[name] ?? PRESETS[RANGE.range];
  return { from: unitStart(unit, today, first), to: unitStart(unit, today, end) };
}

const locationIds = range => String(range.locations).split(",").filter(Boolean);

/** The API's query of a range, without a metric. */
export function queryOf(range) {
  const ids = locationIds(range);
  const timezone = zoneOf(range, ids);
  const { from, to } = daysOf(range.range, dayOf(Date.now(), timezone));
  const query = {
    locations: ids.length ? ids : "all",
    from,
    to,
    interval: range.interval || intervalFor(from, to),
    timezone,
  };
  if (range.compare !== "none") query.compare = range.compare;
  return query;
}

// The chosen zone, the only location's, or the server's.
function zoneOf(range, ids) {
  if (isZone(range.zone)) return range.zone;
  const queried = ids.length ? ids : locations.map(({ location_id }) => location_id);
  const only = queried.length === 1 ? findLocation(queried[0]) : null;
  return only?.timezone || session.timezone;
}

function intervalFor(from, to) {
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  if (days <= 2) return "hour";
  if (days <= 100) return "day";
  if (days <= 400) return "week";
  return "month";
}

export const withRange = (address, range) => withState(address, range, RANGE);

// The controls

/**
 * The controls of a range, which they change, and the range in words. Locations and dates are in sight, the others behind
 * Options, which says how many of them are not as they are by default.
 * @param {object} range
 * @param {() => void} changed
 * @param {{beside?: (changed: () => void) => any, options?: (changed: () => void) => any, defaults?: object}} [others]
 *   controls of the view, which stand in sight and behind Options; `defaults` is the state of the latter
 */
export function rangeBar(range, changed, { beside, options, defaults } = {}) {
  const words = hint();
  const more = moreControls(range, { ...OPTIONS, ...defaults });
  const follow = () => {
    fill(words, rangeWords(range));
    more.showChanges();
    changed();
  };
  range.locations = locationIds(range);
  fill(words, rangeWords(range));
  fill(
    more.panel,
    selectField("Interval", {
      choices: INTERVALS,
      state: range,
      name: "interval",
      changed: follow,
    }),
    selectField("Compare with", {
      choices: COMPARISONS,
      state: range,
      name: "compare",
      changed: follow,
    }),
    zoneField({ state: range, name: "zone", changed: follow }),
    options?.(follow),
  );
  return h(
    "div.range",
    { role: "group", "aria-label": "Range" },
    locationsField({ state: range, changed: follow, placeholder: "All locations" }),
    dateFields(range, follow),
    beside?.(follow),
    h("div.range-line", words, more.opener),
    more.panel,
  );
}

// A panel that a button opens, and showChanges(), which puts onto the button how many controls are not at their default.
function moreControls(state, defaults) {
  const panel = h("div.more", { id: newId(), hidden: true });
  const opener = button("", toggle, "small options");
  opener.setAttribute("aria-controls", panel.id);
  opener.ariaExpanded = "false";
  showChanges();
  return { opener, panel, showChanges };

  function toggle() {
    panel.hidden = !panel.hidden;
    opener.ariaExpanded = String(!panel.hidden);
  }

  function showChanges() {
    const changes = Object.entries(defaults).filter(([name, value]) => state[name] !== value);
    const sign = h("span.badge", `${changes.length}`, h("span.hidden", " changed"));
    fill(opener, "Options ", changes.length > 0 && sign);
  }
}

function dateFields(range, changed) {
  const customDays = h("div.custom");
  const dates = { name: range.range.includes("..") ? CUSTOM : range.range };
  const showCustomDays = () =>
    fill(customDays, dates.name === CUSTOM && customDaysFields(range, changed));
  const choose = () => {
    const { from, to } = queryOf(range);
    const isCustom = dates.name === CUSTOM;
    range.range = isCustom ? `${from}..${unitStart("day", to, -1)}` : dates.name;
    showCustomDays();
    changed();
  };
  showCustomDays();
  const choices = dateChoices();
  return [
    selectField("Dates", { choices, state: dates, name: "name", changed: choose }),
    customDays,
  ];
}

// The days, their zone, and what they are compared with.
function rangeWords(range) {
  const { from, to, timezone, compare } = queryOf(range);
  const days = span(from, to, "UTC"); // a date is read as its midnight there
  const compared = compare && ` · compared with the ${COMPARISONS[compare].toLowerCase()}`;
  return [`${days} · ${timezone}`, compared];
}

function dateChoices() {
  const presets = Object.entries(PRESETS).map(([value, { label }]) => ({ value, text: label }));
  return [...presets, { value: CUSTOM, text: "Custom range" }];
}

function customDaysFields(range, changed) {
  const [first, last] = range.range.split("..");
  const days = { first, last };
  const follow = () => {
    const isReversed = days.first > days.last;
    mark(lastField, isReversed && "Must not be before From.");
    if (!days.first || isReversed) return;
    range.range = `${days.first}..${days.last}`;
    changed();
  };
  const options = { state: days, changed: follow, type: "date", listen: "change" };
  const lastField = textField("Through", { ...options, name: "last" });
  return [textField("From", { ...options, name: "first" }), lastField];
}
