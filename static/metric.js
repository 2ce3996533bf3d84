// One metric, large: its chart, its numbers by time, location and group, and files of them.

import { get, isAdmin, newest, post, remove } from "./api.js";
import { svgText } from "./chart.js";
import { combobox } from "./combobox.js";
import { clean, fieldName, sentence } from "./definition.js";
import { actions, button, choices, download, field, h, hint, link } from "./dom.js";
import { time } from "./format.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { bucketTable, csv, groupTable, locationTable, result } from "./result.js";
import { confirm, load, toast } from "./states.js";

const TABLES = { time: ["By time", bucketTable], location: ["By location", locationTable], group: ["By group", groupTable] };
const DEFAULTS = { by: "", chart: "line", table: "time" };

export async function showMetric(view) {
  const path = `/metrics/v1/${view.parts[0]}`;
  const metric = await get(path, {}, view.signal);
  const definition = clean(metric);
  const range = readRange(view.params);
  const state = Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, view.params.get(name) ?? value]));
  const box = h("div.card.stack");
  const tables = h("div.card.stack");
  const starting = newest(view.signal);
  let shown = null;
  const keep = () => view.keep([...writeRange(range), ...Object.entries(state).filter(([name, value]) => value !== DEFAULTS[name])]);
  const drawTable = () => {
    const offered = Object.entries(TABLES).filter(([name]) => name !== "group" || state.by).map(([name, [label]]) => [name, label]);
    if (!offered.some(([name]) => name === state.table)) state.table = "time";
    tables.replaceChildren(choices("Table", offered, state.table, (name) => { state.table = name; keep(); drawTable(); }), TABLES[state.table][1](shown));
  };
  const calculate = () => {
    shown = null;
    tables.replaceChildren();
    load(box, starting(), async (signal) => {
      const query = { ...await queryOf(range, signal), ...(state.by && { breakdown: state.by }) };
      return { definition, query, view, answer: await post("/metrics/v1/query", { ...query, metric: definition }, signal) };
    }, (found) => {
      shown = found;
      drawTable();
      return content(shown, state, metric);
    });
  };
  const changed = () => { keep(); calculate(); };
  const edit = withRange(`#/metrics/${metric.metric_id}/edit`);
  view.begin(metric.name, isAdmin() ? [link("Edit", edit, "button primary"), link("Duplicate", `#/metrics/new?copy=${metric.metric_id}`, "button"), button("Delete …", async () => {
    if (!await confirm("Delete this metric?", `“${metric.name}” leaves the dashboard. No event is deleted.`, "Delete metric", () => remove(path))) return;
    toast("Metric deleted");
    location.hash = withRange("#/dashboard");
  }, "danger-plain")] : link("Definition", edit, "button"), h("p.lead", sentence(metric)), rangeBar(range, changed), h("div.range.second", breakdownField(definition, state, view, changed),
    choices("Kind of chart", [["line", "Lines"], ["bar", "Bars"]], state.chart, (kind) => { state.chart = kind; keep(); if (shown) box.replaceChildren(...content(shown, state, metric)); })),
  box, tables);
  calculate();
}

function content(shown, { chart: kind }, { name }) {
  const parts = result({ ...shown, kind, height: 320 });
  const figure = parts.find((part) => part.matches("figure"));
  const file = (suffix, type, text) => download(`${name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "metric"}.${suffix}`, type, text);
  return [...parts, h("div.actions.foot", hint(`Calculated ${time(shown.answer.calculated_at)}`), button("Download CSV", () => file("csv", "text/csv", csv(shown)), "small"),
    figure && button("Download SVG", () => file("svg", "image/svg+xml", svgText(figure, name)), "small"))];
}

/** Location always; fields of contacts where all terms are of contacts; properties that the events have. */
function breakdownField({ terms }, state, view, changed) {
  const options = async () => {
    const [{ event_names: names }, { fields }] = await Promise.all([get("/event-names/v1", {}, view.signal), get("/contact-fields/v1", {}, view.signal)]);
    const seen = names.filter((each) => terms.some((term) => term.event === each.event_name)).flatMap((each) => each.properties.map(({ key }) => `property.${key}`));
    const contact = terms.every((term) => term.type === "contact") ? ["tag", ...fields.map((each) => each.field).filter((each) => each !== "contact.date_created")] : [];
    return ["location", ...new Set(seen), ...contact].map((value) => ({ value, hint: value.includes(".") ? fieldName(value) : "" }));
  };
  const choose = (value) => {
    if (value === state.by) return;
    Object.assign(state, { by: value, table: value ? "group" : "time" });
    changed();
  };
  return field("Break down by", combobox({ value: state.by, placeholder: "Nothing", options, onchange: (value) => { if (!value) choose(""); }, onchoose: (value) => choose(value.trim()) }));
}
