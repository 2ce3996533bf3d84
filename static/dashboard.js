// All saved metrics as cards, over one range; their order, and files of them.

import { get, isAdmin, locations, post, Problem, put } from "./api.js";
import { sparkline } from "./chart.js";
import { clean } from "./definition.js";
import { button, download, fill, h, hint, link, toast } from "./dom.js";
import { count, number } from "./format.js";
import { changeMark, rangeText, valuesOf } from "./metric.js";
import { queryOf, RANGE, rangeBar, withRange } from "./range.js";
import { dialog, empty, failure, loader } from "./states.js";

const TOGETHER = 25; // metrics a request: 50 keep two processors busy

export async function showDashboard(view) {
  const { metrics } = await get("/metrics/v1");
  const cards = metrics.map(({ name, metric_id: id }) => {
    const [box, load] = loader();
    const title = link(name, "");
    return { id, title, load, element: h("section.card.metric", h("h2.clamp", title), box) };
  });
  const calculate = () => {
    for (const { id, title } of cards) title.href = withRange(`#/metrics/${id}`, range);
    calculateAll(cards, queryOf(range));
  };
  const [range, changed] = view.state(RANGE, calculate);
  const make = isAdmin() && link("New metric", withRange("#/metrics/new", range), "button primary");
  const some = metrics.length > 0;
  calculate(); // it takes longest
  view.begin(
    "Dashboard",
    some && make,
    some
      ? [
          rangeBar(range, changed),
          h(
            "div.cards",
            cards.map(({ element }) => element),
          ),
        ]
      : empty(
          "No metrics yet",
          "A metric is a number from your events, such as a close rate.",
          make,
          !locations.length && link("Send your first event", "#/activity", "button"),
        ),
    h(
      "div.actions",
      isAdmin() && [
        metrics.length > 1 && button("Arrange …", () => arrange(metrics, view), "small"),
        importButton(view),
      ],
      some && button("Export", exportAll, "small"),
    ),
  );
}

function calculateAll(cards, query) {
  for (let from = 0; from < cards.length; from += TOGETHER) {
    const some = cards.slice(from, from + TOGETHER);
    const ids = some.map(({ id }) => id).join();
    let asked = null; // by the first card, for all; anew when one tries again
    const ask = signal =>
      get("/metrics/v1/data", { ...query, ids }, signal).finally(() => {
        asked = null;
      });
    for (const { id, load } of some)
      load(async signal => dataOf(await (asked ??= ask(signal)), id), summary);
  }
}

function dataOf({ metrics }, id) {
  const { data, problem } = metrics.find(each => each.metric_id === id);
  if (problem) throw new Problem(problem.status, problem);
  return data;
}

function summary(answer) {
  const { total, compare, format, buckets, interval } = answer;
  const unseen = answer.warnings.find(each => each.code === "event_not_seen");
  const skipped = answer.warnings.reduce(
    (sum, each) => sum + (each.code === "skipped" ? each.count : 0),
    0,
  );
  const series = [{ values: valuesOf(buckets) }];
  return [
    h(
      "div.headline",
      h("span.value", number(total.value, format)),
      compare && changeMark(total.value, compare.total.value, format),
    ),
    unseen
      ? hint(unseen.message)
      : sparkline({
          label: `Chart by ${interval}`,
          buckets,
          format,
          series,
          compare: compare && { values: valuesOf(compare.buckets) },
        }),
    hint(
      rangeText(answer),
      buckets.at(-2)?.complete === false && " · not over yet",
      skipped > 0 && ` · ${count(skipped, "event")} skipped`,
    ),
  ];
}

// Their order

// Each move is saved at once, after the one before.
async function arrange(metrics, view) {
  const list = h("ol.arrange");
  const outcome = h("div");
  let saved = Promise.resolve();
  let dragged;
  const move = (from, to) => {
    const [metric] = metrics.splice(from, 1);
    metrics.splice(to, 0, metric);
    draw();
    const save = () =>
      put(`/metrics/v1/${metric.metric_id}`, { ...clean(metric), position: to + 1 });
    saved = saved.then(save).catch(error => {
      fill(outcome, failure(error));
    });
  };
  const step = (from, to, sign, way) =>
    h(
      `button.small.${way}`,
      {
        disabled: !metrics[to],
        "aria-label": `Move ${metrics[from].name} ${way}`,
        onclick: () => {
          move(from, to);
          list.children[to].querySelector(`.${way}:enabled, :enabled`).focus();
        },
      },
      sign,
    );
  const draw = () =>
    fill(
      list,
      metrics.map(({ name }, index) =>
        h(
          "li",
          {
            draggable: "true",
            ondragstart: () => {
              dragged = index;
            },
            ondragover: event => event.preventDefault(),
            ondrop: () => move(dragged, index),
          },
          h("span.strong", name),
          step(index, index - 1, "↑", "up"),
          step(index, index + 1, "↓", "down"),
        ),
      ),
    );
  draw();
  await dialog("Arrange the metrics", () => [hint("Drag them, or use the arrows."), list, outcome]);
  await saved;
  view.reload();
}

const exportAll = async () =>
  download(
    "metrics.json",
    "application/json",
    JSON.stringify(await get("/metrics/v1/export"), null, 2),
  );

// A metric whose name is known here is replaced.
function importButton(view) {
  const take = async () => {
    try {
      const { created, updated, unchanged } = await post(
        "/metrics/v1/import",
        await file.files[0].text(),
      );
      toast(`Imported: ${created} new, ${updated} replaced, ${unchanged} unchanged`);
      view.reload();
    } catch (error) {
      dialog("This file was not imported", () => failure(error));
    }
    file.value = "";
  };
  const file = h("input", { type: "file", accept: ".json", hidden: true, onchange: take });
  return [file, button("Import …", () => file.click(), "small")];
}
