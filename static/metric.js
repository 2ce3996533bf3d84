// One metric: its chart, its numbers by time, location and group, and files of them; as its own view and as the builder show it.

import { get, isAdmin, post, remove } from "./api.js";
import { svgText } from "./chart.js";
import { combobox } from "./combobox.js";
import { clean, fieldName, sentence } from "./definition.js";
import { button, choices, download, h, hint, link } from "./dom.js";
import { time } from "./format.js";
import { queryOf, RANGE, rangeBar, withRange } from "./range.js";
import { csv, result, resultTable, TABLES } from "./result.js";
import { confirm, loader } from "./states.js";

export async function showMetric(view) {
  const path = `/metrics/v1/${view.parts[0]}`;
  const metric = await get(path);
  const pane = metricPane(view, () => clean(metric));
  const to = (address) => withRange(address, pane.state);
  const drop = async () => {
    const text = `“${metric.name}” leaves the dashboard. No event is deleted.`;
    if (await confirm("Delete this metric?", text, "Delete metric", { act: () => remove(path),
      done: "Metric deleted" })) location.hash = to("#/dashboard");
  };
  const edit = to(`#/metrics/${metric.metric_id}/edit`);
  view.begin(metric.name, isAdmin() ? [link("Edit", edit, "button primary"),
    link("Duplicate", to(`#/metrics/${metric.metric_id}/copy`), "button"),
    button("Delete …", drop, "danger-plain")] : link("Definition", edit, "button"), h("p.lead", sentence(metric)), pane.controls, pane.box);
  pane.calculate();
}

/** The controls and a box for the numbers, which calculate() fills; `changed()` follows a control, `refused(errors)` may show what is wrong. */
export function metricPane(view, definition, { changed, refused, height = 320 } = {}) {
  const [box, load] = loader(view.signal);
  const [state, set] = view.state({ ...RANGE, by: "", chart: "line", table: "time" }, changed ?? calculate);
  const controls = [rangeBar(state, set), h("div.range.second", breakdownField(definition, state.by, set("by")),
    choices("Kind of chart", [["line", "Lines"], ["bar", "Bars"]], state.chart, set("chart")))];
  return { state, controls, box, calculate };

  function calculate() {
    const metric = definition();
    const query = { ...queryOf(state), ...(state.by && { breakdown: state.by }) };
    const ask = (signal) => post("/metrics/v1/query", { ...query, metric }, signal)
      .catch((error) => { if (refused && error.errors?.length) return error; throw error; });
    load((signal) => metric.terms.every((term) => term.event) && ask(signal), (answer) => {
      if (!answer) return hint("Choose an event, and its numbers appear here.");
      if (answer.errors) return refused(answer.errors);
      return content({ definition: metric, query, view, answer, height, kind: state.chart }, state, set);
    });
  }
}

function content(shown, state, set) {
  const { definition: { name = "metric" }, answer } = shown;
  const parts = result(shown);
  const figure = parts.at(-1);
  const tables = h("div.card.stack");
  const drawTable = () => {
    const kinds = Object.entries(TABLES).filter(([kind]) => kind !== "group" || answer.breakdown).map(([kind, [label]]) => [kind, label]);
    const kind = state.table === "group" && !answer.breakdown ? "time" : state.table;
    tables.replaceChildren(choices("Table", kinds, kind, set("table", drawTable)), resultTable(shown, kind));
  };
  const file = (suffix, type, text) => download(`${name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60)}.${suffix}`, type, text);
  drawTable();
  return [h("div.card.stack", parts, h("div.actions.foot", hint(`Calculated ${time(answer.calculated_at)}`),
    button("Download CSV", () => file("csv", "text/csv", csv(shown)), "small"),
    figure && button("Download SVG", () => file("svg", "image/svg+xml", svgText(figure, name)), "small"))), tables];
}

/** Location always; fields of contacts where all terms are of contacts; properties that the events have. */
function breakdownField(definition, value, choose) {
  const options = async () => {
    const { terms } = definition();
    const [{ event_names: names }, { fields }] = await Promise.all([get("/event-names/v1"), get("/contact-fields/v1")]);
    const seen = names.filter((each) => terms.some((term) => term.event === each.event_name)).flatMap((each) => each.properties);
    const contact = terms.every((term) => term.type === "contact") ? ["tag", ...fields.map((each) => each.field)] : [];
    return ["location", ...new Set(seen.map(({ key }) => `property.${key}`)), ...contact.filter((each) => each !== "contact.date_created")]
      .map((each) => ({ value: each, hint: each.includes(".") ? fieldName(each) : "" }));
  };
  return combobox("Break down by", { value, placeholder: "Nothing", options, onchoose: (text) => choose(text.trim()),
    onchange: (text) => { if (!text) choose(""); } });
}
