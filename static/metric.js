// One metric: its number, change, chart, tables and files; as its own view, and in the builder.

import { get, isAdmin, locationName, post, remove } from "./api.js";
import { chart, svgText } from "./chart.js";
import { clean, fieldFrom, fieldName, sentence } from "./definition.js";
import { button, combobox, download, fill, h, hint, link, select, table } from "./dom.js";
import { cut, openEvidence } from "./contacts.js";
import { bucketName, change, number, span, time } from "./format.js";
import { COMPARISONS, queryOf, RANGE, rangeBar, withRange } from "./range.js";
import { asking, confirm, loader, warnings } from "./states.js";

const ROWS = 100; // of a table, until all are asked for

export async function showMetric(view) {
  const path = `/metrics/v1/${view.parts[0]}`;
  const metric = await get(path);
  const pane = metricPane(view, () => clean(metric));
  const to = (address) => withRange(address, pane.state);
  const drop = () => confirm("Delete this metric?", `“${metric.name}” leaves the dashboard. No event is deleted.`, "Delete metric",
    () => remove(path));
  const edit = to(`#/metrics/${metric.metric_id}/edit`);
  view.begin(metric.name, isAdmin() ? [link("Edit", edit, "button primary"),
    link("Duplicate", to(`#/metrics/${metric.metric_id}/copy`), "button"), asking("Delete", drop, () => { location.hash = to("#/dashboard"); })]
    : link("Definition", edit, "button"), h("p.lead", sentence(metric)), pane.controls, pane.box);
  pane.calculate();
}

// The controls, and a box that calculate() fills; `changed` follows a control, `troubled` is as of load().
export function metricPane(view, definition, { changed, troubled } = {}) {
  const [box, load] = loader();
  const [state, follow] = view.state({ ...RANGE, by: "", chart: "line", table: "time" }, changed ?? calculate);
  const controls = rangeBar(state, follow, breakdownField(definition, state, follow),
    select("Chart", { line: "Lines", bar: "Bars" }, state, "chart", follow));
  return { state, controls, box, calculate };

  function calculate() {
    const metric = definition();
    const query = { ...queryOf(state), ...(state.by && { breakdown: state.by }) };
    load((signal) => metric.terms.every((term) => term.event) && post("/metrics/v1/query", { ...query, metric }, signal),
      (answer) => (answer ? result({ definition: metric, query, answer, state, follow })
        : hint("Choose an event, and its numbers appear here.")), troubled);
  }
}

// Location always; fields of contacts where all terms are of contacts; properties that the events have.
function breakdownField(definition, state, changed) {
  const said = { by: state.by && fieldName(state.by) };
  let offered = ["location", "tag"];
  const options = async () => {
    const { terms } = definition();
    const [{ event_names: names }, { fields }] = await Promise.all([get("/event-names/v1"), get("/contact-fields/v1")]);
    const seen = names.filter((each) => terms.some((term) => term.event === each.event_name)).flatMap((each) => each.properties);
    const contact = terms.every((term) => term.type === "contact") ? ["tag", ...fields.map((each) => each.field)] : [];
    offered = ["location", ...new Set(seen.map(({ key }) => `property.${key}`)), ...contact.filter((each) => each !== "contact.date_created")];
    return offered.map((each) => [fieldName(each)]);
  };
  const chosen = () => { state.by = fieldFrom(said.by, offered); changed(); };
  return combobox("Break down by", said, "by", null, { placeholder: "Nothing", options, chosen });
}

// `shown`: {definition, query, answer, state, follow}.

function result(shown) {
  const { answer, definition: { name = "metric" } } = shown;
  const figure = (answer.buckets.length > 1 || answer.breakdown) && resultChart(shown);
  const save = (suffix, type, text) => button(`Download ${suffix.toUpperCase()}`,
    () => download(`${name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60)}.${suffix}`, type, text()), "small");
  return [h("div.card", headline(shown), warnings(answer.warnings), figure,
    h("div.actions.foot", hint(`Calculated ${time(answer.calculated_at)}`), save("csv", "text/csv", () => csv(shown)),
      figure && save("svg", "image/svg+xml", () => svgText(figure, name)))), tables(shown)];
}

export const rangeText = ({ from, to, timezone }) => `${span(from, to, timezone)} · ${timezone}`;

function headline(shown) {
  const { total, compare, format, timezone } = shown.answer;
  return h("div.headline", evidence(shown, total.value, format, "this number", {}, "value"),
    compare && h("span.change", changeMark(total.value, compare.total.value, format),
      h("span.hint", evidence(shown, compare.total.value, format, "the comparison", { compared: true }),
        ` in ${span(compare.from, compare.to, timezone)}`)),
    h("span.hint", rangeText(shown.answer), !total.complete && " · not over yet"));
}

export function changeMark(value, other, format) {
  const { sign, text } = change(value, other, format);
  return h("span.delta", ["▼ ", "", "▲ "][sign + 1], text);
}

// A number that shows its events; `place` says which.
function evidence(shown, value, format, title, place, kind = "inline") {
  const text = number(value, format);
  return value === null ? h("span.value", text)
    : button(text, () => openEvidence(shown, `Events behind ${title}`, place), kind, `${text}: show its events`);
}

const groupName = ({ key, other }, by) => (other ? "Other" : key === null ? "(none)" : by === "location" ? locationName(key) : key);
const placeOf = ({ key, other }) => ({ group: other ? { other } : { key } });
export const valuesOf = (buckets) => buckets.map((each) => each.value);

const seriesOf = ({ answer: { breakdown, buckets }, definition: { name = "Value" } }) =>
  breakdown?.groups.map((group) => ({ name: groupName(group, breakdown.by), values: valuesOf(group.buckets) }))
    ?? [{ name, values: valuesOf(buckets) }];

function resultChart(shown) {
  const { answer, definition, state } = shown;
  const { buckets, breakdown, compare, interval, timezone: zone, format } = answer;
  return chart({ buckets, series: seriesOf(shown), kind: state.chart, interval, zone, format, height: 300,
    label: `Chart of ${definition.name ?? "this metric"}, ${rangeText(answer)}`,
    compare: breakdown ? null : compare && { name: COMPARISONS[compare.kind], buckets: compare.buckets, values: valuesOf(compare.buckets) },
    onpick: (index, series) => openEvidence(shown, `Events of ${bucketName(buckets[index], interval, zone)}`,
      { bucket: buckets[index].start, ...(breakdown?.groups[series] && placeOf(breakdown.groups[series])) }) });
}

// Tables. A row: {title, value, terms, compare} as the API gives them, and the place of its events.

// The buckets, the newest first, below the whole range.
function timeRows({ buckets, total, compare, interval, timezone }) {
  const row = (bucket, index) => ({ ...bucket, compare: compare?.buckets[index], place: { bucket: bucket.start },
    title: `${bucketName(bucket, interval, timezone)}${bucket.complete ? "" : " (not over yet)"}` });
  return ["Time", [{ ...total, title: "Whole range", compare: compare?.total, place: {} }, ...buckets.map(row).reverse()]];
}

const locationRows = ({ locations }) => ["Location", locations.toSorted((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity))
  .map((each) => ({ ...each, title: each.name ?? each.location_id, place: { locations: [each.location_id] } }))];

const groupRows = ({ breakdown: { by, groups } }) => [cut(fieldName(by), 40),
  groups.map((group) => ({ ...group, title: groupName(group, by), place: placeOf(group) }))];

const ROWS_BY = { time: timeRows, location: locationRows, group: groupRows };

function tables(shown) {
  const { answer: { breakdown }, state, follow } = shown;
  const box = h("div.stack");
  const kinds = { time: "By time", location: "By location", ...(breakdown && { group: "By group" }) };
  const draw = () => fill(box, resultTable(shown, state.table));
  if (!(state.table in kinds)) state.table = "time";
  draw();
  return h("div.card", h("div.cards", select("Table", kinds, state, "table", () => follow(draw))), box);
}

function resultTable(shown, kind) {
  const { answer, definition: { name = "Value", terms } } = shown;
  const { compare, format } = answer;
  const [head, rows] = ROWS_BY[kind](answer);
  const compared = ({ compare: before, title, place }) => before && evidence(shown, before.value, format,
    `${title}: ${COMPARISONS[compare.kind]}`, { ...place, compared: true, ...(before.start && { bucket: before.start }) });
  const changed = (row) => row.compare && changeMark(row.value, row.compare.value, format);
  const ofTerm = ({ key, event }) => [`#${cut(`${key}: ${event}`, 40)}`,
    (row) => evidence(shown, row.terms[key], null, row.title, { ...row.place, term: key })];
  const columns = [[head, "title"], [`#${cut(name, 40)}`, (row) => evidence(shown, row.value, format, row.title, row.place)],
    compare && [`#${COMPARISONS[compare.kind]}`, compared], compare && ["#Change", changed], ...(terms.length > 1 ? terms.map(ofTerm) : [])];
  const box = h("div.stack");
  const draw = (list) => table(`Values by ${kind}`, columns, list);
  return fill(box, draw(rows.slice(0, ROWS)), rows.length > ROWS && button(`Show all ${rows.length} rows`, () => fill(box, draw(rows))));
}

// As a file

function csv(shown) {
  const { answer: { buckets, breakdown }, definition: { terms } } = shown;
  const series = seriesOf(shown);
  const named = breakdown ? [] : terms;
  const heads = ["start", "end", "complete", ...series.map((each) => each.name), ...named.map(({ key, event }) => `${key}: ${event}`)];
  const lines = buckets.map((bucket, index) => [bucket.start, bucket.end, bucket.complete, ...series.map((each) => each.values[index]),
    ...named.map(({ key }) => bucket.terms[key])]);
  return [heads, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n");
}

// A text that a spreadsheet would take for a formula gets an apostrophe.
function csvCell(value) {
  const text = `${typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? "'" : ""}${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
