// All saved metrics as cards, over one range; their order, and files of them.

import { get, isAdmin, loadLocations, locations, Problem, post, put } from "./api.js";
import { cardContent } from "./card.js";
import { cleanDefinition } from "./definition.js";
import { dialog } from "./dialog.js";
import { actions, button, fill, h, hint, link } from "./dom.js";
import { toast } from "./notices.js";
import { queryOf, RANGE, rangeBar, withRange } from "./range.js";
import { download } from "./snippet.js";
import { empty, failure, loader } from "./states.js";

const LOOK = { chart: "line", size: "small" };
const METRICS_PER_REQUEST = 25; // of 50, two processors are busy at once

export async function showDashboard(view) {
  const { metrics } = await get("/metrics/v1");
  if (!metrics.length && !locations.length) await loadLocations(); // the first event may have come
  const cards = metrics.map(card);
  const { state: range, changed } = view.state(RANGE, calculate);

  function calculate() {
    for (const { id, title } of cards) title.href = withRange(`#/metrics/${id}`, range);
    calculateAll(cards, queryOf(range));
  }

  const newMetric =
    isAdmin() && link("New metric", withRange("#/metrics/new", range), "button primary");
  const hasMetrics = metrics.length > 0;
  calculate(); // it takes longest
  view.begin(
    "Dashboard",
    hasMetrics && newMetric,
    hasMetrics ? [rangeBar(range, changed), cardList(cards)] : noMetrics(newMetric),
    fileActions(metrics, view),
  );
}

const cardList = cards =>
  h(
    "div.cards",
    cards.map(({ element }) => element),
  );

// Nobody can build from events before the first one is here.
const noMetrics = newMetric =>
  locations.length
    ? empty(
        "No metrics yet",
        "A metric is a number from your events, such as a close rate.",
        newMetric,
      )
    : empty(
        "No events yet",
        "Send the first one. Then build metrics from your events, such as a close rate.",
        link("Send your first event", "#/activity", "button primary"),
      );

const fileActions = (metrics, view) =>
  actions(
    isAdmin() && metrics.length > 1 && button("Arrange …", () => arrange(metrics, view), "small"),
    isAdmin() && importButton(view),
    metrics.length > 0 && button("Export definitions", exportAll, "small"),
  );

// Cards

function card({ name, metric_id: id }) {
  const { box, load } = loader();
  const title = link(name, "");
  return { id, title, load, element: h("section.card.metric", h("h2.clamp", title), box) };
}

function calculateAll(cards, query) {
  for (let start = 0; start < cards.length; start += METRICS_PER_REQUEST) {
    calculateTogether(cards.slice(start, start + METRICS_PER_REQUEST), query);
  }
}

// One request for all: the first card begins it, the others wait for it. One that tries again begins another.
function calculateTogether(cards, query) {
  const ids = cards.map(({ id }) => id).join();
  let answer = null;
  const request = signal => {
    answer ??= get("/metrics/v1/data", { ...query, ids }, signal).finally(() => {
      answer = null;
    });
    return answer;
  };
  for (const { id, load } of cards) {
    load(
      async signal => dataOf(await request(signal), id),
      data => cardContent(data, LOOK),
    );
  }
}

function dataOf({ metrics }, id) {
  const { data, problem } = metrics.find(({ metric_id }) => metric_id === id);
  if (problem) throw new Problem(problem.status, problem);
  return data;
}

// Their order

async function arrange(metrics, view) {
  const arrangement = new Arrangement(metrics);
  await dialog("Arrange metrics", () => [
    hint("Drag them, or use the arrows."),
    arrangement.list,
    arrangement.outcome,
  ]);
  await arrangement.saved;
  view.reload();
}

/** A list to put in order. Each move is saved at once, after the one before; `saved` is the last of them. */
class Arrangement {
  list = h("ol.arrange");
  outcome = h("div");
  saved = Promise.resolve();

  constructor(metrics) {
    this.metrics = metrics;
    this.draw();
  }

  draw() {
    fill(
      this.list,
      this.metrics.map((metric, index) => this.row(metric, index)),
    );
  }

  row({ name }, index) {
    const attributes = {
      draggable: "true",
      ondragstart: () => {
        this.dragged = index;
      },
      ondragover: event => event.preventDefault(),
      ondrop: () => this.move(this.dragged, index),
    };
    return h(
      "li",
      attributes,
      h("span.strong", name),
      this.arrow(index, index - 1, "up", "↑"),
      this.arrow(index, index + 1, "down", "↓"),
    );
  }

  arrow(from, to, direction, sign) {
    const attributes = {
      disabled: !this.metrics[to],
      "aria-label": `Move ${this.metrics[from].name} ${direction}`,
      onclick: () => {
        this.move(from, to);
        // The same arrow or, at an end of the list, the other one.
        this.list.children[to].querySelector(`.${direction}:enabled, :enabled`).focus();
      },
    };
    return h(`button.small.${direction}`, attributes, sign);
  }

  move(from, to) {
    const [metric] = this.metrics.splice(from, 1);
    this.metrics.splice(to, 0, metric);
    this.draw();
    this.saved = this.saved.then(() => this.save(metric, to + 1));
  }

  async save(metric, position) {
    try {
      await put(`/metrics/v1/${metric.metric_id}`, { ...cleanDefinition(metric), position });
    } catch (error) {
      fill(this.outcome, failure(error));
    }
  }
}

// Files

async function exportAll() {
  const metrics = await get("/metrics/v1/export");
  download("metrics.json", "application/json", JSON.stringify(metrics, null, 2));
}

// A metric whose name is known here is replaced.
function importButton(view) {
  const file = h("input", { type: "file", accept: ".json", hidden: true, onchange });
  return [file, button("Import definitions …", () => file.click(), "small")];

  async function onchange() {
    try {
      const text = await file.files[0].text();
      const { created, updated, unchanged } = await post("/metrics/v1/import", text);
      toast(`Imported: ${created} new, ${updated} replaced, ${unchanged} unchanged`);
      view.reload();
    } catch (error) {
      dialog("This file was not imported", () => failure(error));
    }
    file.value = "";
  }
}
