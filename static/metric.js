// One metric: as a view, and as the pane of the builder.

import { withState } from "./address.js";
import { get, isAdmin, post, remove } from "./api.js";
import { combobox } from "./combobox.js";
import { cleanDefinition, fieldFrom, fieldName } from "./definition.js";
import { askingButton, confirm } from "./dialog.js";
import { h, hint } from "./dom.js";
import { selectField } from "./fields.js";
import { METRIC_STATE, queryOf, rangeBar, StateLinks, viewOfCard, withRange } from "./range.js";
import { showResult } from "./result.js";
import { sentence } from "./sentence.js";
import { loader } from "./states.js";

const CHARTS = { line: "Lines", bar: "Bars" };

export async function showMetric(view) {
  const metric = await get(`/metrics/v1/${view.parts[0]}`);
  const changed = () => {
    links.follow();
    pane.calculate();
  };
  const target = (...range) => targetOf(metric, ...range);
  const pane = metricPane(view, () => cleanDefinition(metric), { changed, target });
  const links = new StateLinks(pane.state);
  view.begin(
    metric.name,
    metricActions(metric, links),
    h("p.lead", sentence(metric)),
    pane.controls,
    pane.box,
  );
  pane.calculate();
}

/** The dashboard from which a metric was opened, over the range of now. */
export const dashboardOf = state =>
  withRange(state.dashboard ? `#/dashboard/${state.dashboard}` : "#/dashboard", state);

/**
 * What is reached of the target on the card from which the metric was opened; null where it has none.
 * @param {object} state @param {object} query the range
 */
async function targetOf({ metric_id: id }, state, query, signal) {
  const { dashboard } = state;
  if (!dashboard) return null;
  const { dashboards } = await get("/dashboards/v1", {}, signal);
  const opened = dashboards.find(({ dashboard_id }) => String(dashboard_id) === dashboard);
  const own = opened?.cards.filter(card => card.metric_id === id && card.target) ?? [];
  const card = own.find(each => looksAs(each, state)) ?? own[0];
  if (!card) return null;
  const index = opened.cards.indexOf(card);
  const path = `/dashboards/v1/${dashboard}/data`;
  const { cards } = await get(path, { ...query, cards: index }, signal);
  return cards[0].target ?? null; // or its problem, which the metric has, too
}

function looksAs(card, { by, chart }) {
  const view = viewOfCard(card);
  return card.chart !== "number" && view.by === by && view.chart === chart;
}

function metricActions(metric, links) {
  const path = `#/metrics/${metric.metric_id}`;
  const action = (label, name, kind) =>
    links.make(label, state => withState(`${path}/${name}`, state, METRIC_STATE), kind);
  if (!isAdmin()) return action("Definition", "edit", "button");
  return [
    deleteButton(metric, () => dashboardOf(links.state)), // far from where Save was
    action("Duplicate", "copy", "button"),
    action("Edit", "edit", "button primary"),
  ];
}

function deleteButton(metric, nextAddress) {
  const ask = () =>
    confirm({
      title: "Delete this metric?",
      text: `“${metric.name}” leaves all dashboards. No event is deleted.`,
      label: "Delete metric",
      act: () => remove(`/metrics/v1/${metric.metric_id}`),
    });
  const onDone = () => {
    location.hash = nextAddress();
  };
  return askingButton("Delete", { ask, onDone });
}

/**
 * The controls of a metric, and a box that shows it once calculate() is called.
 * @param view whose state it keeps
 * @param {() => object} definition the metric as it is sent
 * @param {{changed?: () => void, shown?: (answer: object) => void, onError?: (error: Error, again: () => void, last) => any,
 *   target?: (state: object, query: object, signal: AbortSignal) => Promise<object | null>}} [options] `changed` follows a
 *   control; without it the metric is calculated anew. `shown` follows the numbers, `onError` makes what is shown instead
 *   of them, as in loader(), and `target` brings what they should reach
 */
export function metricPane(view, definition, { changed, shown, onError, target } = {}) {
  const { box, load } = loader();
  const { state, changed: stateChanged } = view.state(METRIC_STATE, changed ?? calculate);
  const controls = rangeBar(state, stateChanged, {
    beside: follow => breakdownField(definition, state, follow),
    options: follow =>
      selectField("Chart", { choices: CHARTS, state, name: "chart", changed: follow }),
    defaults: { chart: METRIC_STATE.chart },
  });
  return { state, controls, box, calculate };

  function calculate() {
    const metric = definition();
    const query = queryOf(state);
    if (state.by) query.breakdown = state.by;
    const isWhole = metric.terms.every(term => term.event);
    const ask = signal =>
      Promise.all([
        isWhole ? post("/metrics/v1/query", { ...query, metric }, signal) : null,
        target?.(state, queryOf(state), signal),
      ]);
    const draw = ([answer, reached]) => {
      if (!answer) return hint("Choose an event, and its numbers appear here.");
      shown?.(answer);
      return showResult({
        definition: metric,
        query,
        answer,
        target: reached,
        state,
        stateChanged,
      });
    };
    load(ask, draw, onError);
  }
}

/**
 * What a metric is broken down by, at `state[name]`; empty for nothing.
 * @param {() => object} definition
 * @param {{name?: string, at?: string}} [options] as of field()
 */
export function breakdownField(definition, state, changed, { name = "by", at } = {}) {
  const typed = { [name]: state[name] && fieldName(state[name]) };
  const suggest = async () => {
    const fields = await breakdownFields(definition().terms);
    return fields.map(field => ({ value: fieldName(field) }));
  };
  const chosen = async () => {
    // Enter may be faster than the suggestions.
    state[name] = fieldFrom(typed[name], await breakdownFields(definition().terms));
    changed();
  };
  const options = { state: typed, name, at, placeholder: "Nothing", suggest, chosen };
  return combobox("Break down by", options);
}

// What the metric can be broken down by; contact fields where all terms have contacts.
async function breakdownFields(terms) {
  const [{ event_names: names }, { fields }] = await Promise.all([
    get("/event-names/v1"),
    get("/contact-fields/v1"),
  ]);
  const events = terms.map(({ event }) => event);
  const properties = names
    .filter(({ event_name }) => events.includes(event_name))
    .flatMap(name => name.properties)
    .map(({ key }) => `property.${key}`);
  const isOfContacts = terms.every(({ type }) => type === "contact");
  const contactFields = isOfContacts ? ["tag", ...fields.map(({ field }) => field)] : [];
  return [
    "location",
    ...new Set(properties),
    ...contactFields.filter(field => field !== "contact.date_created"),
  ];
}
