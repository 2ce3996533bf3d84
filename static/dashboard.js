// A dashboard: its metrics as cards, over one range. Refreshes itself.

import { withState } from "./address.js";
import { get, isAdmin, loadLocations, locations, Problem, post, put } from "./api.js";
import { cardContent } from "./card.js";
import { dialog } from "./dialog.js";
import { actions, button, fill, h, link } from "./dom.js";
import { selectField } from "./fields.js";
import { ago, count } from "./format.js";
import { toast } from "./notices.js";
import {
  METRIC_STATE,
  queryOf,
  RANGE,
  rangeBar,
  StateLinks,
  viewOfCard,
  withRange,
} from "./range.js";
import { download } from "./snippet.js";
import { empty, failure, loader } from "./states.js";

const CARDS_PER_REQUEST = 25; // of 50, two processors are busy at once
const TABS_MOST = 6; // more dashboards are chosen from a list
const REFRESH_MS = 60_000;
const LOOK_MS = 1000; // how often it is seen to that the age is told, and that it is time to refresh

/**
 * A dashboard's numbers, as cards or as a table. `state` begins with its `defaults`; calculate() fills `element` anew, quietly
 * where the numbers are only to be newer; `updatedAt` are the milliseconds of what is shown, null before that.
 * @typedef {{element: HTMLElement, defaults: object, updatedAt: number | null,
 *   calculate: (state: object, options?: {isQuiet?: boolean}) => void}} Board
 */

export async function showDashboard(view) {
  const [id, part] = view.parts;
  const [{ dashboards }, { metrics }] = await Promise.all([
    get("/dashboards/v1"),
    get("/metrics/v1"),
  ]);
  const dashboard = id
    ? dashboards.find(({ dashboard_id }) => String(dashboard_id) === id)
    : dashboards[0];
  if (!dashboard) {
    view.begin("There is no such dashboard", link("Dashboard", "#/dashboard", "button"));
    return;
  }
  if (!metrics.length && !locations.length) await loadLocations(); // the first event may have come
  const isTable = part === "locations";
  const board = isTable
    ? await tableOf(dashboard, () => changed(() => {}))
    : new Cards(dashboard, metrics);
  const { state, changed } = view.state(board.defaults, () => calculate());
  const links = new StateLinks(state);
  let askedAt;
  const calculate = options => {
    askedAt = Date.now();
    links.follow();
    board.calculate(state, options);
  };
  const hasCards = dashboard.cards.length > 0;
  if (hasCards) calculate(); // it takes longest
  const age = h("span.hint.age");
  view.begin(
    dashboard.name,
    metrics.length > 0 && headActions(dashboard, links, isTable),
    switcher(dashboards, dashboard, links, isTable ? "/locations" : ""),
    isAdmin() && removedNote(dashboard, view),
    hasCards
      ? [rangeBar(state, changed, { note: age }), board.element]
      : nothing(dashboard, metrics, links),
    !isTable && fileActions(metrics, view),
  );
  if (!hasCards) return;
  keepFresh(age, board, () => {
    if (Date.now() - askedAt >= REFRESH_MS) calculate({ isQuiet: true });
  });
}

async function tableOf(dashboard, keepState) {
  const { LocationTable } = await import("./locationtable.js");
  return new LocationTable(dashboard, keepState);
}

/** A part of a dashboard, over a range. @param {number} id @param {"" | "/locations" | "/edit"} [part] */
const partOf =
  (id, part = "") =>
  range =>
    withRange(`#/dashboard/${id}${part}`, range);

const newMetric = (dashboard, links) =>
  isAdmin() &&
  links.make(
    "New metric",
    range =>
      withState("#/metrics/new", { ...range, dashboard: dashboard.dashboard_id }, METRIC_STATE),
    "button primary",
  );

function headActions(dashboard, links, isTable) {
  const { dashboard_id: id, cards } = dashboard;
  return [
    cards.length > 0 &&
      (isTable
        ? links.make("As cards", partOf(id), "button")
        : links.make("By location", partOf(id, "/locations"), "button")),
    isAdmin() && cards.length > 0 && button("Share", () => share(dashboard)),
    isAdmin() &&
      cards.length > 0 &&
      link("Send …", `#/settings/reports/new?dashboard=${id}`, "button"),
    isAdmin() && links.make("Edit dashboard", partOf(id, "/edit"), "button"),
    newMetric(dashboard, links),
  ];
}

async function share(dashboard) {
  try {
    const { openShareDialog } = await import("./sharing.js");
    await openShareDialog(dashboard);
  } catch (error) {
    dialog("Share", () => failure(error));
  }
}

// The other dashboards, over the same range.
function switcher(dashboards, { dashboard_id: openId }, links, part) {
  if (dashboards.length < 2) return null;
  if (dashboards.length > TABS_MOST) {
    const choice = { id: openId };
    const choices = dashboards.map(({ dashboard_id: value, name: text }) => ({ value, text }));
    const changed = () => {
      location.hash = partOf(choice.id, part)(links.state);
    };
    return h(
      "div.switcher",
      selectField("Dashboard", { choices, state: choice, name: "id", changed }),
    );
  }
  const tab = ({ dashboard_id: id, name }) => {
    const anchor = links.make(name, partOf(id, part));
    if (id === openId) anchor.ariaCurrent = "page";
    return anchor;
  };
  return h("nav.tabs", { "aria-label": "Dashboards" }, dashboards.map(tab));
}

// Says that cards went with their metrics, until an admin has seen it.
function removedNote({ dashboard_id: id, removed }, view) {
  if (!removed) return null;
  const dismiss = async () => {
    try {
      const path = `/dashboards/v1/${id}`;
      const { name, cards } = await get(path); // somebody may have changed it since
      await put(path, { name, cards });
      view.reload();
    } catch (error) {
      dialog("This was not saved", () => failure(error));
    }
  };
  const gone =
    removed === 1
      ? "1 card is gone, as its metric was deleted."
      : `${count(removed, "card")} are gone, as their metrics were deleted.`;
  return h("aside.removed", h("span", gone), button("OK", dismiss, "small"));
}

// Nobody can build from events before the first one is here.
function nothing(dashboard, metrics, links) {
  if (metrics.length) {
    return empty(
      "No cards yet",
      "A card shows a metric as a number, a chart or a table.",
      isAdmin() &&
        links.make("Add metrics", partOf(dashboard.dashboard_id, "/edit"), "button primary"),
    );
  }
  return locations.length
    ? empty(
        "No metrics yet",
        "A metric is a number from your events, such as a close rate.",
        newMetric(dashboard, links),
      )
    : empty(
        "No events yet",
        "Send the first one. Then build metrics from your events, such as a close rate.",
        link("Send your first event", "#/activity", "button primary"),
      );
}

// How old the numbers are, and new ones once a minute while somebody can see them.
function keepFresh(note, board, refreshIfDue) {
  const timer = setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);

  function look() {
    if (!note.isConnected) {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
      return;
    }
    if (!document.hidden) refreshIfDue();
    fill(note, board.updatedAt && `Updated ${ago(board.updatedAt)}`);
  }
}

// Cards

/** @implements {Board} */
class Cards {
  defaults = RANGE;

  constructor({ dashboard_id: id, cards }, metrics) {
    this.id = id;
    const names = new Map(metrics.map(({ metric_id, name }) => [metric_id, name]));
    this.cards = cards.map((look, index) => new Card(index, look, names.get(look.metric_id)));
    this.element = h(
      "div.cards",
      this.cards.map(({ element }) => element),
    );
  }

  get updatedAt() {
    const times = this.cards.map(card => card.updatedAt);
    return times.includes(null) ? null : Math.min(...times);
  }

  calculate(range, { isQuiet } = {}) {
    for (const card of this.cards) card.leadTo(this.id, range);
    for (let start = 0; start < this.cards.length; start += CARDS_PER_REQUEST) {
      const some = this.cards.slice(start, start + CARDS_PER_REQUEST);
      this.calculateTogether(some, queryOf(range), isQuiet);
    }
  }

  // One request for all: the first card begins it, the others wait for it. One that tries again begins another.
  calculateTogether(cards, query, isQuiet) {
    const indexes = cards.map(({ index }) => index);
    let answer = null;
    const request = signal => {
      const path = `/dashboards/v1/${this.id}/data`;
      answer ??= get(path, { ...query, cards: indexes }, signal).finally(() => {
        answer = null;
      });
      return answer;
    };
    for (const card of cards) card.show(request, isQuiet);
  }
}

class Card {
  updatedAt = null;

  constructor(index, look, name = "") {
    this.index = index;
    this.look = look;
    this.loader = loader();
    this.title = link(name, "");
    this.element = h(
      `section.card.metric.${look.size}`,
      h("h2.clamp", this.title),
      this.loader.box,
    );
  }

  leadTo(dashboardId, range) {
    const state = { ...range, ...viewOfCard(this.look), dashboard: dashboardId };
    this.title.href = withState(`#/metrics/${this.look.metric_id}`, state, METRIC_STATE);
  }

  show(request, isQuiet) {
    const draw = ({ data, target }) => {
      this.updatedAt = Date.now();
      return cardContent(data, this.look, target);
    };
    const numbers = async signal => this.ownOf(await request(signal));
    if (isQuiet) this.loader.refresh(numbers, draw);
    else this.loader.load(numbers, draw);
  }

  // Throws the card's own Problem.
  ownOf({ cards }) {
    const { metric_id: id } = this.look;
    const own = cards.find(({ card, metric_id }) => card === this.index && metric_id === id);
    if (!own) throw new Problem(null, { detail: "This dashboard was changed. Reload the page." });
    if (own.problem) throw new Problem(own.problem.status, own.problem);
    return own;
  }
}

// Files, and more dashboards

const fileActions = (metrics, view) =>
  actions(
    isAdmin() && metrics.length > 0 && link("New dashboard", "#/dashboard/new", "button small"),
    isAdmin() && importButton(view),
    metrics.length > 0 && button("Export definitions", exportAll, "small"),
  );

async function exportAll() {
  const metrics = await get("/metrics/v1/export");
  download("metrics.json", "application/json", JSON.stringify(metrics, null, 2));
}

// A metric or dashboard whose name is known here is replaced.
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
