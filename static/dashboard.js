// All saved metrics as cards, over one range.

import { get, isAdmin, loadLocations, newest, post, put } from "./api.js";
import { sparkline } from "./chart.js";
import { clean } from "./definition.js";
import { button, h, link } from "./dom.js";
import { bucketName, number } from "./format.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { changeMark, rangeText } from "./result.js";
import { empty, failure, loading, toast } from "./states.js";
import { waiting } from "./waiting.js";

const AT_ONCE = 6; // what a browser sends to one server at a time; more would only wait in it

export async function showDashboard(view) {
  const range = readRange(view.params);
  const [{ metrics }, places] = await Promise.all([get("/metrics/v1", {}, view.signal), loadLocations(view.signal)]);
  const make = isAdmin() ? link("New metric", withRange("#/metrics/new"), "button primary") : null;
  if (!metrics.length) return showNone(view, places, make);
  const cards = metrics.map(card);
  const grid = h("div.cards", cards.map((each) => each.element));
  const starting = newest(view.signal);
  const calculate = () => calculateAll(cards, range, starting(), view);
  const bar = rangeBar(range, () => { view.keep(writeRange(range)); relink(cards, make); calculate(); });
  const arrange = isAdmin() && metrics.length > 1 ? button("Arrange", () => toggleArranging(grid, arrange), "", { "aria-pressed": "false" }) : null;
  view.begin("Dashboard", (heading) => h("div.page-head", heading, h("div.actions", arrange, make)), bar, grid);
  for (const each of cards) each.onmove = (step) => move(cards, each, step, grid);
  calculate();
  return undefined;
}

function showNone(view, places, make) {
  const box = places.length ? empty("No metrics yet", "A metric is a number calculated from your events, such as a close rate.", make) : h("div");
  view.begin("Dashboard", (heading) => h("div.page-head", heading), box);
  if (!places.length) waiting(box, view, () => { location.hash = "#/activity"; });
}

// Cards

function card(metric) {
  const name = link(metric.name, withRange(`#/metrics/${metric.metric_id}`));
  const body = h("div.card-body");
  const each = { metric, name, body };
  const moves = h("div.moves", button("←", () => each.onmove(-1), "small", { "aria-label": `Move ${metric.name} forward` }),
    button("→", () => each.onmove(1), "small", { "aria-label": `Move ${metric.name} back` }));
  each.element = h("section.card.metric", h("h2", name), body, moves);
  return each;
}

function relink(cards, make) {
  for (const { name, metric } of cards) name.setAttribute("href", withRange(`#/metrics/${metric.metric_id}`));
  make?.setAttribute("href", withRange("#/metrics/new"));
}

/** Every card at once loses its old number, then they are calculated in their order. */
async function calculateAll(cards, range, signal, view) {
  for (const each of cards) {
    each.body.replaceChildren(loading("Calculating …"));
    each.body.setAttribute("aria-busy", "true");
  }
  let query;
  try {
    query = await queryOf(range, signal);
  } catch (error) {
    if (!signal.aborted) for (const each of cards) show(each, failure(error, () => calculateAll(cards, range, signal, view), signal));
    return;
  }
  const line = [...cards];
  const work = async () => { while (line.length && !signal.aborted) await calculateOne(line.shift(), query, signal); };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function calculateOne(each, query, signal) {
  try {
    const answer = await post("/metrics/v1/query", { ...query, metric: clean(each.metric) }, signal);
    if (!signal.aborted) show(each, ...summary(answer, each.metric.name));
  } catch (error) {
    if (!signal.aborted) show(each, failure(error, () => calculateOne(each, query, signal), signal));
  }
}

function show(each, ...content) {
  each.body.replaceChildren(...content);
  each.body.removeAttribute("aria-busy");
}

function summary(answer, name) {
  const { total, compare, format, buckets } = answer;
  const line = h("div.figures", h("span.value", number(total.value, format)),
    compare ? changeMark(total.value, compare.total.value, format) : null);
  const unseen = answer.warnings.find((each) => each.code === "event_not_seen");
  const spark = sparkline({ buckets, values: buckets.map((each) => each.value), compare: compare?.buckets.map((each) => each.value), label: describe(answer, name) });
  return [line, unseen ? h("p.hint", unseen.message) : spark, h("p.hint", rangeText(answer))];
}

/** The chart in words. */
function describe({ buckets, format, interval, timezone }, name) {
  const known = buckets.filter((each) => each.value !== null);
  if (!known.length) return `${name}: no values`;
  const highest = known.reduce((a, b) => (b.value > a.value ? b : a));
  const lowest = known.reduce((a, b) => (b.value < a.value ? b : a));
  const at = (bucket) => `${number(bucket.value, format)} (${bucketName(bucket, interval, timezone)})`;
  return `${name} by ${interval}: highest ${at(highest)}, lowest ${at(lowest)}, last ${at(known.at(-1))}`;
}

// The order

function toggleArranging(grid, toggle) {
  const on = grid.classList.toggle("arranging");
  toggle.setAttribute("aria-pressed", String(on));
  toggle.textContent = on ? "Done" : "Arrange";
}

async function move(cards, each, step, grid) {
  const from = cards.indexOf(each);
  const to = from + step;
  if (to < 0 || to >= cards.length) return;
  const focused = document.activeElement;
  cards.splice(from, 1);
  cards.splice(to, 0, each);
  grid.replaceChildren(...cards.map(({ element }) => element));
  focused.focus();
  try {
    await put(`/metrics/v1/${each.metric.metric_id}`, { ...clean(each.metric), position: to + 1 });
  } catch (error) {
    toast(error.message);
  }
}
