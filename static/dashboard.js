// All saved metrics as cards, over one range.

import { get, isAdmin, loadLocations, newest, post } from "./api.js";
import { sparkline } from "./chart.js";
import { clean } from "./definition.js";
import { h, hint, link } from "./dom.js";
import { bucketName, number } from "./format.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { changeMark, rangeText } from "./result.js";
import { empty, failure, loading } from "./states.js";
import { waiting } from "./waiting.js";

const AT_ONCE = 6; // what a browser sends to one server at a time; more would only wait in it

export async function showDashboard(view) {
  const range = readRange(view.params);
  const [{ metrics }, places] = await Promise.all([get("/metrics/v1", {}, view.signal), loadLocations(view.signal)]);
  const make = isAdmin() ? link("New metric", withRange("#/metrics/new"), "button primary") : null;
  if (!metrics.length) {
    const box = h("div", places.length ? empty("No metrics yet", "A metric is a number calculated from your events, such as a close rate.", make) : null);
    view.begin("Dashboard", [], box);
    if (!places.length) waiting(box, view, () => { location.hash = "#/activity"; });
    return;
  }
  const cards = metrics.map((metric) => ({ metric, body: h("div.stack") }));
  const starting = newest(view.signal);
  const calculate = () => calculateAll(cards, range, starting());
  view.begin("Dashboard", make, rangeBar(range, () => {
    view.keep(writeRange(range));
    for (const each of view.main.querySelectorAll("a[href^='#/metrics/']")) each.setAttribute("href", withRange(each.getAttribute("href").split("?")[0]));
    calculate();
  }), h("div.cards", cards.map(({ metric, body }) => h("section.card.metric", h("h2", link(metric.name, withRange(`#/metrics/${metric.metric_id}`))), body))));
  calculate();
}

/** Every card at once loses its old number, then they are calculated in their order. */
async function calculateAll(cards, range, signal) {
  const again = () => calculateAll(cards, range, signal);
  for (const { body } of cards) show(body, signal, loading("Calculating …")).setAttribute("aria-busy", "true");
  let query;
  try {
    query = await queryOf(range, signal);
  } catch (error) {
    for (const { body } of cards) show(body, signal, failure(error, body === cards[0].body ? again : null, signal));
    return;
  }
  const line = [...cards];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (line.length && !signal.aborted) await calculateOne(line.shift(), query, signal); }));
}

async function calculateOne({ metric, body }, query, signal) {
  try {
    show(body, signal, ...summary(await post("/metrics/v1/query", { ...query, metric: clean(metric) }, signal), metric.name));
  } catch (error) {
    show(body, signal, failure(error, () => calculateOne({ metric, body }, query, signal), signal));
  }
}

function show(body, signal, ...content) {
  if (!signal.aborted) body.replaceChildren(...content);
  body.removeAttribute("aria-busy");
  return body;
}

function summary(answer, name) {
  const { total, compare, format, buckets } = answer;
  const values = (list) => list.map((each) => each.value);
  const unseen = answer.warnings.find((each) => each.code === "event_not_seen");
  return [h("div.headline", h("span.value", number(total.value, format)), compare && changeMark(total.value, compare.total.value, format)),
    unseen ? hint(unseen.message) : sparkline({ buckets, format, series: [{ values: values(buckets) }], compare: compare && { values: values(compare.buckets) }, label: describe(answer, name) }),
    hint(rangeText(answer))];
}

/** The chart in words. */
function describe({ buckets, format, interval, timezone }, name) {
  const known = buckets.filter((each) => each.value !== null);
  if (!known.length) return `${name}: no values`;
  const at = (bucket) => `${number(bucket.value, format)} (${bucketName(bucket, interval, timezone)})`;
  return `${name} by ${interval}: highest ${at(known.reduce((a, b) => (b.value > a.value ? b : a)))}, lowest ${at(known.reduce((a, b) => (b.value < a.value ? b : a)))}, last ${
    at(known.at(-1))}`;
}
