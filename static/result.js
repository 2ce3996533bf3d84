// What a calculation brought: the number, its change, the chart, the tables; and which events are behind each.

import { locationName } from "./api.js";
import { chart } from "./chart.js";
import { button, fill, h, table } from "./dom.js";
import { cut, openEvidence } from "./events.js";
import { bucketName, change, number, span } from "./format.js";
import { comparisonName } from "./range.js";
import { warnings } from "./states.js";

const ROWS = 100; // of a table, until all are asked for

/** `shown`: {definition, query, answer, view, kind, height}. */
export const result = (shown) => [headline(shown), warnings(shown.answer.warnings),
  (shown.answer.buckets.length > 1 || shown.answer.breakdown) && resultChart(shown)];

export const rangeText = ({ from, to, timezone }) => `${span(from, to, timezone)} · ${timezone}`;

function headline(shown) {
  const { total, compare, format, timezone } = shown.answer;
  return h("div.headline", evidenceButton(shown, total.value, format, "this number", {}, "value"),
    compare && h("span.change", changeMark(total.value, compare.total.value, format),
      h("span.hint", evidenceButton(shown, compare.total.value, format, "the comparison", { compared: true }),
        ` in ${span(compare.from, compare.to, timezone)}`)),
    h("span.hint", rangeText(shown.answer), !total.complete && " · not over yet"));
}

export function changeMark(value, other, format) {
  const { sign, text } = change(value, other, format);
  return h("span.delta", sign !== 0 && [h("span", { "aria-hidden": "true" }, sign > 0 ? "▲ " : "▼ "),
    h("span.hidden", sign > 0 ? "up " : "down ")], text);
}

/** A number that shows its events; `place` says which. */
function evidenceButton(shown, value, format, title, place, kind = "inline") {
  const text = number(value, format);
  return value === null ? h("span.value", text)
    : button(text, () => openEvidence(shown, `Events behind ${title}`, place), kind, { "aria-label": `${text}: show its events` });
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
  return chart({ buckets, series: seriesOf(shown), kind, interval, zone, format, height,
    label: `Chart of ${definition.name ?? "this metric"}, ${rangeText(answer)}`,
    compare: compare && { name: comparisonName(compare.kind), buckets: compare.buckets, values: compare.buckets.map((each) => each.value) },
    onpick: (index, series) => openEvidence(shown, `Events of ${bucketName(buckets[index], interval, zone)}`,
      { bucket: buckets[index].start, ...(breakdown && placeOf(breakdown.groups[series])) }) });
}

// Tables. A row: {title, value, terms, compare} as the API gives them, and the place of its events.

const placeOf = ({ key, other }) => ({ group: other ? { other } : { key } });

/** The buckets, the newest first, below the whole range. */
function timeRows({ buckets, total, compare, interval, timezone }) {
  const row = (bucket, index) => ({ ...bucket,
    title: `${bucketName(bucket, interval, timezone)}${bucket.complete ? "" : " (not over yet)"}`,
    compare: compare?.buckets[index], place: { bucket: bucket.start } });
  return ["Time", [{ ...total, title: "Whole range", compare: compare?.total, place: {} }, ...buckets.map(row).reverse()]];
}

const locationRows = ({ locations }) => ["Location", [...locations].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity))
  .map((each) => ({ ...each, title: each.name ?? each.location_id, place: { locations: [each.location_id] } }))];

const groupRows = ({ breakdown: { by, groups } }) => [cut(by.replace(/^\w+\./, ""), 40),
  groups.map((group) => ({ ...group, title: groupName(group, by), place: placeOf(group) }))];

/** How the numbers can be listed: [label, rows]. */
export const TABLES = { time: ["By time", timeRows], location: ["By location", locationRows], group: ["By group", groupRows] };

export function resultTable(shown, kind = "time") {
  const { answer, definition: { name, terms } } = shown;
  const { compare, format } = answer;
  const [label, rowsOf] = TABLES[kind];
  const [head, rows] = rowsOf(answer);
  const compared = ({ compare: before, title, place }) => before && evidenceButton(shown, before.value, format,
    `${title}: ${comparisonName(compare.kind)}`, { ...place, compared: true, ...(before.start && { bucket: before.start }) });
  const columns = [[head, "title"], [`#${cut(name ?? "Value", 40)}`,
    (row) => evidenceButton(shown, row.value, format, row.title, row.place)],
    ...(compare ? [[`#${comparisonName(compare.kind)}`, compared], ["#Change",
      (row) => row.compare && changeMark(row.value, row.compare.value, format)]] : []),
    ...(terms.length > 1 ? terms.map(({ key, event }) => [`#${cut(`${key}: ${event}`, 40)}`,
      (row) => evidenceButton(shown, row.terms[key], null, row.title, { ...row.place, term: key })]) : [])];
  const box = h("div.stack");
  const draw = (list) => table(`Values ${label.toLowerCase()}`, columns, list);
  return fill(box, draw(rows.slice(0, ROWS)), rows.length > ROWS && button(`Show all ${rows.length} rows`, () => fill(box, draw(rows))));
}

// As a file

export function csv(shown) {
  const { answer: { buckets, breakdown }, definition: { terms } } = shown;
  const series = seriesOf(shown);
  const named = breakdown ? [] : terms;
  const lines = buckets.map((bucket, index) => [bucket.start, bucket.end, bucket.complete, ...series.map((each) => each.values[index]),
    ...named.map(({ key }) => bucket.terms[key])]);
  return [["start", "end", "complete", ...series.map((each) => each.name), ...named.map((term) => `${term.key}: ${term.event}`)], ...lines]
    .map((line) => line.map(csvCell).join(",")).join("\r\n");
}

/** A text that a spreadsheet would take for a formula gets an apostrophe. */
function csvCell(value) {
  const text = `${typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? "'" : ""}${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
