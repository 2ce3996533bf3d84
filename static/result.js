// What a calculation brought: the number, its change, the chart, the tables; and which events are behind each.

import { locationName } from "./api.js";
import { chart } from "./chart.js";
import { button, h, table } from "./dom.js";
import { cut, openEvidence } from "./events.js";
import { bucketName, change, number, span, time } from "./format.js";
import { warnings } from "./states.js";

const ROWS = 100; // of a table of buckets, until all are asked for

/** `shown`: {definition, query, answer, view, kind}. */
export function result(shown) {
  const { answer } = shown;
  return [headline(shown), warnings(answer.warnings), answer.buckets.length > 1 || answer.breakdown ? resultChart(shown) : null].filter(Boolean);
}

export function rangeText({ from, to, timezone }) {
  return `${span(from, new Date(to) - 1, timezone)} · ${timezone}`;
}

function headline({ definition, query, answer, view }) {
  const { total, compare, format } = answer;
  const title = definition.name ?? "This metric";
  return h("div.headline",
    button(number(total.value, format), () => openEvidence({ definition, query, view, cell: { title: `Events behind ${title}` } }), "value",
      { "aria-label": `${number(total.value, format)}: show its events` }),
    compare ? h("span.change", changeMark(total.value, compare.total.value, format),
      h("span.hint", `${number(compare.total.value, format)} in ${span(compare.from, new Date(compare.to) - 1, answer.timezone)}`)) : null,
    h("span.hint", rangeText(answer), total.complete ? "" : " · not over yet"));
}

export function changeMark(value, other, format) {
  const { sign, text } = change(value, other, format);
  return h("span.delta", h("span", { "aria-hidden": "true" }, ["▼", "", "▲"][sign + 1]), sign ? h("span.hidden", sign > 0 ? "up " : "down ") : null,
    sign ? ` ${text}` : text);
}

// The chart

export function groupName(group, by) {
  if (group.other) return "Other";
  if (group.key === null) return "(none)";
  return by === "location" ? locationName(group.key) : group.key;
}

export function seriesOf({ answer, definition }) {
  if (!answer.breakdown) return [{ name: definition.name ?? "Value", values: answer.buckets.map((each) => each.value) }];
  return answer.breakdown.groups.map((group) => ({ name: groupName(group, answer.breakdown.by), values: group.buckets.map((each) => each.value) }));
}

const COMPARED = { previous_period: "Period before", previous_year: "Year before" };

function resultChart(shown) {
  const { answer, definition, query, view, kind, height } = shown;
  const compare = answer.compare && !answer.breakdown
    ? { name: COMPARED[answer.compare.kind], buckets: answer.compare.buckets, values: answer.compare.buckets.map((each) => each.value) } : null;
  const pick = (index, place) => {
    const bucket = answer.buckets[index];
    const cell = { bucket: bucket.start, title: `Events of ${bucketName(bucket, answer.interval, answer.timezone)}` };
    const group = answer.breakdown?.groups[place];
    if (!group) openEvidence({ definition, query, view, cell });
    else if (!group.other) openEvidence({ definition, query, view, cell: { ...cell, by: answer.breakdown.by, group: group.key } });
  };
  return chart({ buckets: answer.buckets, series: seriesOf(shown), compare, kind, interval: answer.interval, zone: answer.timezone, format: answer.format, height,
    label: `Chart of ${definition.name ?? "this metric"}, ${rangeText(answer)}`, onpick: pick });
}

// Tables

/** Heads of columns must not be wider than the numbers below them by much. */
const title = (definition) => cut(definition.name ?? "Value", 40);

/** The rows of the buckets, the newest first, with a column for each term; and the whole range. */
export function bucketTable(shown) {
  const { definition, answer } = shown;
  const { terms } = definition;
  const several = terms.length > 1;
  const compare = answer.compare?.buckets;
  const heads = ["Time", { text: title(definition), number: true }, compare && { text: COMPARED[answer.compare.kind], number: true },
    ...(several ? terms.map((term) => ({ text: cut(`${term.key}: ${term.event}`, 40), number: true })) : [])].filter(Boolean);
  const row = (name, bucket, numbers, other) => h("tr", h("th", { scope: "row" }, name),
    cell(shown, numbers.value, answer.format, name, { bucket }),
    compare ? h("td.number", number(other?.value ?? null, answer.format)) : null,
    several ? terms.map(({ key }) => cell(shown, numbers.terms[key], null, name, { bucket, term: key })) : null);
  const rows = answer.buckets.map((bucket, index) => () => row(bucketTitle(bucket, answer), bucket.start, bucket, compare?.[index])).reverse();
  const whole = row("Whole range", null, answer.total, answer.compare?.total);
  whole.className = "total";
  return longTable("Values by time", heads, rows, whole);
}

function bucketTitle(bucket, { interval, timezone }) {
  const name = bucketName(bucket, interval, timezone);
  return bucket.complete ? name : `${name} (not over yet)`;
}

/** A number that shows its events when it is clicked. */
function cell({ definition, query, view }, value, format, name, place) {
  const text = number(value, format);
  return h("td.number", value === null ? h("span", { title: "no value" }, text)
    : button(text, () => openEvidence({ definition, query, view, cell: { title: `Events of ${name}`, ...place } }), "inline", { "aria-label": `${text}: show its events` }));
}

function longTable(caption, heads, rows, total = null) {
  const made = table(caption, heads, [total, ...rows.slice(0, ROWS).map((make) => make())].filter(Boolean));
  if (rows.length > ROWS) {
    const all = button(`Show all ${rows.length} rows`, () => {
      made.querySelector("tbody").append(...rows.slice(ROWS).map((make) => make()));
      all.remove();
    });
    return h("div", made, all);
  }
  return made;
}

export function locationTable(shown) {
  const { definition, answer } = shown;
  const several = definition.terms.length > 1;
  const heads = ["Location", { text: title(definition), number: true }, answer.compare && { text: "Change", number: true },
    ...(several ? definition.terms.map((term) => ({ text: cut(`${term.key}: ${term.event}`, 40), number: true })) : [])].filter(Boolean);
  const ordered = [...answer.locations].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  const rows = ordered.map((each) => () => {
    const name = each.name ?? each.location_id;
    const place = { locations: [each.location_id] };
    return h("tr", h("th", { scope: "row" }, name), cell(shown, each.value, answer.format, name, place),
      answer.compare ? h("td.number", changeMark(each.value, each.compare.value, answer.format)) : null,
      several ? definition.terms.map(({ key }) => cell(shown, each.terms[key], null, name, { ...place, term: key })) : null);
  });
  return longTable("Values by location", heads, rows);
}

export function groupTable(shown) {
  const { definition, answer } = shown;
  const { by, groups } = answer.breakdown;
  const heads = [by === "location" ? "Location" : by.replace(/^\w+\./, ""), { text: title(definition), number: true },
    answer.compare && { text: "Change", number: true }].filter(Boolean);
  const rows = groups.map((group) => () => {
    const name = groupName(group, by);
    return h("tr", h("th", { scope: "row" }, name),
      group.other ? h("td.number", number(group.value, answer.format)) : cell(shown, group.value, answer.format, name, { by, group: group.key }),
      answer.compare ? h("td.number", group.compare ? changeMark(group.value, group.compare.value, answer.format) : "–") : null);
  });
  return longTable("Values by group", heads, rows);
}

// As a file

export function csv({ definition, answer }) {
  const names = seriesOf({ answer, definition }).map((each) => each.name);
  const terms = answer.breakdown ? [] : definition.terms;
  const head = ["start", "end", "complete", ...names, ...terms.map((term) => `${term.key}: ${term.event}`)];
  const lines = answer.buckets.map((bucket, index) => [bucket.start, bucket.end, bucket.complete,
    ...(answer.breakdown ? answer.breakdown.groups.map((group) => group.buckets[index].value) : [bucket.value]), ...terms.map((term) => bucket.terms[term.key])]);
  return [head, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n");
}

/** A text that a spreadsheet would take for a formula gets an apostrophe. */
function csvCell(value) {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function calculatedAt(answer) {
  return `Calculated ${time(answer.calculated_at)}`;
}
