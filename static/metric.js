// One metric, large: its chart, its numbers by time, location and group, and files of them.

import { get, isAdmin, post, remove } from "./api.js";
import { svgText } from "./chart.js";
import { combobox } from "./combobox.js";
import { clean, fieldName, sentence } from "./definition.js";
import { actions, button, choices, download, fill, h, hint, link } from "./dom.js";
import { time } from "./format.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { csv, result, resultTable, TABLES } from "./result.js";
import { confirm, loader, toast } from "./states.js";

const DEFAULTS = { by: "", chart: "line", table: "time" };

export async function showMetric(view) {
  const path = `/metrics/v1/${view.parts[0]}`;
  const metric = await get(path, {}, view.signal);
  const definition = clean(metric);
  const range = readRange(view.params);
  const state = Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, view.params.get(name) ?? value]));
  const box = h("div.card.stack");
  const tables = h("div.card.stack");
  const load = loader(box, view.signal);
  let shown = null;
  const drawTable = () => {
    const kinds = Object.entries(TABLES).filter(([name]) => name !== "group" || state.by).map(([name, [label]]) => [name, label]);
    if (!kinds.some(([name]) => name === state.table)) state.table = "time";
    fill(tables, choices("Table", kinds, state.table, set("table", drawTable)), resultTable(shown, state.table));
  };
  const drawChart = () => { if (shown) fill(box, content(shown, state, metric)); };
  const calculate = () => {
    shown = null;
    tables.replaceChildren();
    const query = { ...queryOf(range), ...(state.by && { breakdown: state.by }) };
    load((signal) => post("/metrics/v1/query", { ...query, metric: definition }, signal), (answer) => {
      shown = { definition, query, view, answer };
      drawTable();
      return content(shown, state, metric);
    });
  };
  const keep = () => view.keep([...writeRange(range), ...Object.entries(state).filter(([name, value]) => value !== DEFAULTS[name])]);
  const set = (name, draw) => (value) => {
    if (value === state[name]) return;
    state[name] = value;
    if (name === "by") state.table = value ? "group" : "time";
    keep();
    draw();
  };
  const edit = withRange(`#/metrics/${metric.metric_id}/edit`);
  const drop = async () => {
    if (!await confirm("Delete this metric?", `“${metric.name}” leaves the dashboard. No event is deleted.`, "Delete metric", () => remove(path))) return;
    toast("Metric deleted");
    location.hash = withRange("#/dashboard");
  };
  view.begin(metric.name, isAdmin() ? [link("Edit", edit, "button primary"), link("Duplicate", withRange(`#/metrics/${metric.metric_id}/copy`), "button"),
    button("Delete …", drop, "danger-plain")] : link("Definition", edit, "button"), h("p.lead", sentence(metric)),
  rangeBar(range, () => { keep(); calculate(); }), h("div.range.second", breakdownField(definition, state.by, view.signal, set("by", calculate)),
    choices("Kind of chart", [["line", "Lines"], ["bar", "Bars"]], state.chart, set("chart", drawChart))), box, tables);
  calculate();
}

function content(shown, { chart: kind }, { name }) {
  const parts = result({ ...shown, kind, height: 320 });
  const figure = parts.at(-1);
  const file = (suffix, type, text) => download(`${name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "metric"}.${suffix}`, type, text);
  return [...parts, h("div.actions.foot", hint(`Calculated ${time(shown.answer.calculated_at)}`),
    button("Download CSV", () => file("csv", "text/csv", csv(shown)), "small"),
    figure && button("Download SVG", () => file("svg", "image/svg+xml", svgText(figure, name)), "small"))];
}

/** Location always; fields of contacts where all terms are of contacts; properties that the events have. */
function breakdownField({ terms }, value, signal, choose) {
  const options = async () => {
    const [{ event_names: names }, { fields }] = await Promise.all([get("/event-names/v1", {}, signal), get("/contact-fields/v1", {}, signal)]);
    const seen = names.filter((each) => terms.some((term) => term.event === each.event_name)).flatMap((each) => each.properties);
    const contact = terms.every((term) => term.type === "contact") ? ["tag", ...fields.map((each) => each.field)] : [];
    return ["location", ...new Set(seen.map(({ key }) => `property.${key}`)), ...contact.filter((each) => each !== "contact.date_created")]
      .map((each) => ({ value: each, hint: each.includes(".") ? fieldName(each) : "" }));
  };
  return combobox("Break down by", { value, placeholder: "Nothing", options, onchoose: (text) => choose(text.trim()),
    onchange: (text) => { if (!text) choose(""); } });
}
