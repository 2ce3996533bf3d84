// One metric, large: its chart, its numbers by time, location and group, and files of them.

import { get, isAdmin, newest, post, remove } from "./api.js";
import { svgText } from "./chart.js";
import { combobox } from "./combobox.js";
import { clean, fieldName, sentence } from "./definition.js";
import { button, choices, download, field, h, link } from "./dom.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { bucketTable, calculatedAt, csv, groupTable, locationTable, result } from "./result.js";
import { confirm, load, toast } from "./states.js";

const TABLES = [["time", "By time"], ["location", "By location"], ["group", "By group"]];

export async function showMetric(view) {
  const [id] = view.parts;
  const metric = await get(`/metrics/v1/${id}`, {}, view.signal);
  const state = { range: readRange(view.params), by: view.params.get("by") ?? "", kind: view.params.get("chart") ?? "line", table: view.params.get("table") ?? "time" };
  const definition = clean(metric);
  const box = h("div.card.result");
  const tables = h("div.card.tables");
  const starting = newest(view.signal);
  let shown = null;
  const keep = () => view.keep([...writeRange(state.range), ...extras(state)]);
  const drawTable = () => { if (shown) tables.replaceChildren(tableChoice(shown, state, () => { keep(); drawTable(); }), tableOf(shown, state)); };
  const redraw = () => box.replaceChildren(...content(shown, state, metric));
  const calculate = () => {
    shown = null;
    tables.replaceChildren();
    load(box, starting(), async (signal) => {
      const query = { ...await queryOf(state.range, signal), ...(state.by ? { breakdown: state.by } : {}) };
      return { definition, query, view, answer: await post("/metrics/v1/query", { ...query, metric: definition }, signal) };
    }, (found) => {
      shown = found;
      if (state.by && state.table === "time") state.table = "group";
      if (!state.by && state.table === "group") state.table = "time";
      drawTable();
      return content(shown, state, metric);
    });
  };
  const changed = () => { keep(); calculate(); };
  view.begin(metric.name, (heading) => h("div.page-head", heading, actions(view, metric)), h("p.lead.wrap", sentence(metric)),
    rangeBar(state.range, changed),
    h("div.range.second", breakdownField(definition, state, view, changed),
      choices("Kind of chart", [["line", "Lines"], ["bar", "Bars"]], state.kind, (kind) => { state.kind = kind; keep(); if (shown) redraw(); })),
    box, tables);
  calculate();
}

function extras({ by, kind, table }) {
  return [["by", by], ["chart", kind === "line" ? "" : kind], ["table", table === "time" ? "" : table]].filter(([, value]) => value);
}

function content(shown, { kind }, metric) {
  const parts = result({ ...shown, kind, height: 320 });
  const save = (suffix, type, text) => download(`${fileName(metric.name)}.${suffix}`, type, text);
  const figure = parts.find((part) => part.matches("figure"));
  return [...parts, h("div.actions.foot", h("span.hint", calculatedAt(shown.answer)),
    button("Download CSV", () => save("csv", "text/csv;charset=utf-8", csv(shown)), "small"),
    figure ? button("Download SVG", () => save("svg", "image/svg+xml", svgText(figure, metric.name)), "small") : null)];
}

const fileName = (name) => name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "metric";

// What stands above

function actions(view, metric) {
  const edit = withRange(`#/metrics/${metric.metric_id}/edit`);
  if (!isAdmin()) return h("div.actions", link("Definition", edit, "button"));
  return h("div.actions", link("Edit", edit, "button primary"), link("Duplicate", `#/metrics/new?copy=${metric.metric_id}`, "button"),
    button("Delete …", () => deleteMetric(metric), "danger-plain"));
}

async function deleteMetric(metric) {
  const gone = await confirm("Delete this metric?", `“${metric.name}” leaves the dashboard. No event is deleted.`, "Delete metric",
    { act: () => remove(`/metrics/v1/${metric.metric_id}`) });
  if (!gone) return;
  toast("Metric deleted");
  location.hash = withRange("#/dashboard");
}

/** Location always; fields of contacts where all terms are of contacts; properties that the events have. */
function breakdownField(definition, state, view, changed) {
  const options = async () => {
    const [{ event_names: names }, { fields }] = await Promise.all([get("/event-names/v1", {}, view.signal), get("/contact-fields/v1", {}, view.signal)]);
    const wanted = new Set(definition.terms.map((term) => term.event));
    const keys = new Set(names.filter((each) => wanted.has(each.event_name)).flatMap((each) => each.properties.map(({ key }) => `property.${key}`)));
    const contact = definition.terms.every((term) => term.type === "contact")
      ? ["tag", ...fields.map((each) => each.field).filter((each) => each !== "contact.date_created")] : [];
    return ["location", ...keys, ...contact].map((value) => ({ value, text: value, hint: value.includes(".") ? fieldName(value) : "" }));
  };
  const choose = (value) => {
    if (value === state.by) return;
    state.by = value;
    changed();
  };
  return field("Break down by", combobox({ value: state.by, placeholder: "Nothing", options, onchange: (value) => { if (!value) choose(""); }, onchoose: (value) => choose(value.trim()) }));
}

function tableChoice({ answer }, state, changed) {
  const offered = TABLES.filter(([name]) => name !== "group" || answer.breakdown);
  return choices("Table", offered, state.table, (name) => { state.table = name; changed(); });
}

function tableOf(shown, { table }) {
  if (table === "location") return locationTable(shown);
  return table === "group" && shown.answer.breakdown ? groupTable(shown) : bucketTable(shown);
}
