// Dates that numbers are calculated over: presets and days, and the fields that choose them.

import { fill, h } from "./dom.js";
import { mark, selectField, textField } from "./fields.js";

export const COMPARISONS = {
  previous_period: "Previous period",
  previous_year: "Previous year",
  none: "Nothing",
};

export const DEFAULT_DATES = "30d";

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

/** The days of a preset's name, or of two days with two dots between them; `to` is not in the range. */
export function daysOf(name, today) {
  const custom = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(name);
  if (custom) return { from: custom[1], to: unitStart("day", custom[2], 1) };
  const { unit, first, end } = PRESETS[name] ?? PRESETS[DEFAULT_DATES];
  return { from: unitStart(unit, today, first), to: unitStart(unit, today, end) };
}

/** The interval in which a chart of these days says most. */
export function intervalFor(from, to) {
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  if (days <= 2) return "hour";
  if (days <= 100) return "day";
  if (days <= 400) return "week";
  return "month";
}

/**
 * The fields that choose the dates of a range.
 * @param {{range: string}} range what daysOf() reads
 * @param {() => {from: string, to: string}} daysNow the days as they are
 * @param {() => void} changed
 */
export function dateFields(range, daysNow, changed) {
  const customDays = h("div.custom");
  const dates = { name: range.range.includes("..") ? CUSTOM : range.range };
  const showCustomDays = () =>
    fill(customDays, dates.name === CUSTOM && customDaysFields(range, changed));
  const choose = () => {
    const { from, to } = daysNow();
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
