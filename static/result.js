// What a calculation brought: the number, its change, the chart, the tables; and which events are behind each.

import { locationName } from "./api.js";
import { chart } from "./chart.js";
import { button, h, table } from "./dom.js";
import { cut, openEvidence } from "./events.js";
import { bucketName, change, number, span } from "./format.js";
import { warnings } from "./states.js";

const ROWS = 100; // of a table, until all are asked for
const COMPARED = { previous_period: "Period before", previous_year: "Year before" };

/** `shown`: {definition, query, answer, view, kind, height}. */
export const result = (shown) => [headline(shown), warnings(shown.answer.warnings), shown.answer.buckets.length > 1 || shown.answer.breakdown ? resultChart(shown) : null].filter(Boolean);

export const rangeText = ({ from, to, timezone }) => `${span(from, to, timezone)} · ${timezone}`;

function headline(shown) {
  const { total, compare, format, timezone } = shown.answer;
  const text = number(total.value, format);
  return h("div.headline",
    button(text, () => openEvidence(shown, { title: "Events behind this number" }), "value", { "aria-label": `${text}: show its events` }),
    compare && h("span.change", changeMark(total.value, compare.total.value, format),
      h("span.hint", `${number(compare.total.value, format)} in ${span(compare.from, compare.to, timezone)}`)),
    h("span.hint", rangeText(shown.answer), total.complete ? "" : " · not over yet"));
}

export function changeMark(value, other, format) {
  const { sign, text } = change(value, other, format);
  return h("span.delta", sign ? [h("span", { "aria-hidden": "true" }, sign > 0 ? "▲ " : "▼ "), h("span.hidden", sign > 0 ? "up " : "down ")] : null, text);
}

// The chart

const groupName = ({ key, other }, by) => (other ? "Other" : key === null ? "(none)" : by === "location" ? locationName(key) : key);

function seriesOf({ answer: { breakdown, buckets }, definition }) {
  const values = (list) => list.map((each) => each.value);
  return breakdown ? breakdown.groups.map((group) => ({ name: groupName(group, breakdown.by), values: values(group.buckets) }))
    : [{ name: definition.name ?? "Value", values: values(buckets) }];
}

function resultChart(shown) {
  const { answer, definition, kind, height } = shown;
  const { buckets, breakdown, interval, timezone: zone, format } = answer;
  const compare = !breakdown && answer.compare;
  return chart({ buckets, series: seriesOf(shown), kind, interval, zone, format, height, label: `Chart of ${definition.name ?? "this metric"}, ${rangeText(answer)}`,
    compare: compare && { name: COMPARED[compare.kind], buckets: compare.buckets, values: compare.buckets.map((each) => each.value) },
    onpick: (index, place) => {
      const group = breakdown?.groups[place];
      const cell = { bucket: buckets[index].start, title: `Events of ${bucketName(buckets[index], interval, zone)}` };
      if (!group?.other) openEvidence(shown, group ? { ...cell, by: breakdown.by, group: group.key } : cell);
    } });
}

// Tables

const valueHead = (definition) => `#${cut(definition.name ?? "Value", 40)}`;
const termHeads = (terms) => (terms.length > 1 ? terms.map((term) => `#${cut(`${term.key}: ${term.event}`, 40)}`) : []);

/** A number that shows its events when it is clicked. */
function cell(shown, value, format, title, place) {
  const text = number(value, format);
  return value === null ? text : button(text, () => openEvidence(shown, { title: `Events of ${title}`, ...place }), "inline", { "aria-label": `${text}: show its events` });
}

/** A row's numbers: the value, and where there are several terms each of them. */
const cells = (shown, numbers, title, place, between = []) => [cell(shown, numbers.value, shown.answer.format, title, place), ...between,
  ...(shown.definition.terms.length > 1 ? shown.definition.terms.map(({ key }) => cell(shown, numbers.terms[key], null, title, { ...place, term: key })) : [])];

/** The buckets, the newest first, below the whole range. */
export function bucketTable(shown) {
  const { definition, answer: { buckets, total, compare, interval, timezone, format } } = shown;
  const row = (title, place, numbers, other) => [title, ...cells(shown, numbers, title, place, compare ? [number(other?.value, format)] : [])];
  const rows = buckets.map((bucket, index) => () => row(`${bucketName(bucket, interval, timezone)}${bucket.complete ? "" : " (not over yet)"}`, { bucket: bucket.start }, bucket,
    compare?.buckets[index]));
  return longTable("Values by time", ["Time", valueHead(definition), ...(compare ? [`#${COMPARED[compare.kind]}`] : []), ...termHeads(definition.terms)],
    [() => row("Whole range", {}, total, compare?.total), ...rows.reverse()]);
}

function longTable(caption, heads, rows) {
  const shown = (list) => table(caption, heads, list.map((make) => make()), false);
  const made = h("div.stack", shown(rows.slice(0, ROWS)));
  if (rows.length > ROWS) made.append(button(`Show all ${rows.length} rows`, () => made.replaceChildren(shown(rows))));
  return made;
}

const changeCell = (answer, each) => (answer.compare ? [each.compare ? changeMark(each.value, each.compare.value, answer.format) : "–"] : []);

export function locationTable(shown) {
  const { definition, answer } = shown;
  const ordered = [...answer.locations].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  return longTable("Values by location", ["Location", valueHead(definition), ...(answer.compare ? ["#Change"] : []), ...termHeads(definition.terms)], ordered.map((each) => () => {
    const title = each.name ?? each.location_id;
    return [title, ...cells(shown, each, title, { locations: [each.location_id] }, changeCell(answer, each))];
  }));
}

export function groupTable(shown) {
  const { answer, definition } = shown;
  const { by, groups } = answer.breakdown;
  return longTable("Values by group", [cut(by.replace(/^\w+\./, ""), 40), valueHead(definition), ...(answer.compare ? ["#Change"] : [])], groups.map((group) => () => {
    const title = groupName(group, by);
    return [title, group.other ? number(group.value, answer.format) : cell(shown, group.value, answer.format, title, { by, group: group.key }), ...changeCell(answer, group)];
  }));
}

// As a file

export function csv(shown) {
  const { answer: { buckets, breakdown }, definition: { terms } } = shown;
  const series = seriesOf(shown);
  const named = breakdown ? [] : terms;
  const lines = buckets.map((bucket, index) => [bucket.start, bucket.end, bucket.complete, ...series.map((each) => each.values[index]), ...named.map(({ key }) => bucket.terms[key])]);
  return [["start", "end", "complete", ...series.map((each) => each.name), ...named.map((term) => `${term.key}: ${term.event}`)], ...lines]
    .map((line) => line.map(csvCell).join(",")).join("\r\n");
}

/** A text that a spreadsheet would take for a formula gets an apostrophe. */
function csvCell(value) {
  const text = `${typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? "'" : ""}${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
