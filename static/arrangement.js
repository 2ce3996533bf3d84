// Edits a dashboard: its name, its cards, how each shows its metric, and what that should reach.

import { isDurationText, readAmount, typedAmount, WRONG_DURATION } from "./amounts.js";
import { get, isAdmin, locationName, locations, Problem, post, put, remove } from "./api.js";
import { combobox } from "./combobox.js";
import { addsUp, fieldName } from "./definition.js";
import { askingButton, confirm } from "./dialog.js";
import { actions, button, fill, h, hint, link } from "./dom.js";
import { mark, markAll, selectField, textField, unmark } from "./fields.js";
import { count, number } from "./format.js";
import { breakdownField } from "./metric.js";
import { toast } from "./notices.js";
import { RANGE, withRange } from "./range.js";
import { failure } from "./states.js";

const CHARTS = {
  number: "Number",
  line: "Lines",
  bar: "Bars",
  stacked: "Stacked bars",
  table: "Table",
};
const SIZES = { small: "Small", wide: "Wide" };
const INTERVALS = {
  "": "As the dashboard",
  hour: "Hour",
  day: "Day",
  week: "Week",
  month: "Month",
};
const UNITS = { week: "Week", month: "Month", quarter: "Quarter", year: "Year" };
const DIRECTIONS = { "": "Not told", higher: "Higher", lower: "Lower" };

export async function showArrangement(view) {
  const [part] = view.parts;
  const isNew = part === "new";
  const [{ dashboards }, { metrics }] = await Promise.all([
    get("/dashboards/v1"),
    get("/metrics/v1"),
  ]);
  const stored = dashboards.find(({ dashboard_id }) => String(dashboard_id) === part);
  if ((!stored && !isNew) || !isAdmin()) {
    view.begin("There is nothing to edit", link("Dashboard", "#/dashboard", "button"));
    return;
  }
  new Arrangement(view, stored ?? { name: "", cards: [] }, dashboards, metrics).begin();
}

/** A dashboard as it is edited: as it is stored, but what may be left out is an empty text. */
class Arrangement {
  list = h("ol.arrange");
  adder = h("div");
  outcome = h("div");
  opened = new Set(); // cards whose look is edited
  dragged = null; // the index of a card

  constructor(view, dashboard, dashboards, metrics) {
    this.view = view;
    this.id = dashboard.dashboard_id; // undefined for a new one
    this.metrics = new Map(metrics.map(metric => [metric.metric_id, metric]));
    this.others = dashboards.filter(({ dashboard_id }) => dashboard_id !== this.id);
    const place = dashboards.indexOf(dashboard);
    this.draft = {
      name: dashboard.name,
      position: place < 0 ? dashboards.length + 1 : place + 1,
      cards: dashboard.cards.map(card => editableCard(card, this.metrics.get(card.metric_id))),
    };
    this.savedText = this.text();
    this.range = view.state(RANGE, () => {}).state;
  }

  begin() {
    const { draft, view } = this;
    view.hasUnsavedChanges = () => this.text() !== this.savedText;
    const back = this.id ? `#/dashboard/${this.id}` : "#/dashboard";
    this.head = h(
      "div.card",
      { oninput: unmark },
      h(
        "div.pair",
        textField("Name", { state: draft, name: "name", placeholder: "Sales" }),
        this.placeField(),
      ),
    );
    view.begin(
      this.id ? "Edit dashboard" : "New dashboard",
      [
        this.id && this.others.length > 0 && this.deleteButton(),
        link("Cancel", withRange(back, this.range), "button"),
        button("Save", () => this.save(), "primary"),
      ],
      this.outcome,
      this.head,
      h(
        "section.card",
        { oninput: unmark },
        h("h2", "Cards"),
        hint("Drag them, or use the arrows."),
        this.list,
        this.adder,
      ),
    );
    this.draw();
  }

  text() {
    return JSON.stringify([this.draft.name, this.draft.position, this.cleanCards()]);
  }

  placeField() {
    if (!this.others.length) return null;
    const after = this.others.map(({ name }, index) => ({
      value: index + 2,
      text: `After ${name}`,
    }));
    const choices = [{ value: 1, text: "First" }, ...after];
    return selectField("Place", { choices, state: this.draft, name: "position" });
  }

  // The list

  draw() {
    fill(
      this.list,
      this.draft.cards.map((card, index) => this.row(card, index)),
    );
    fill(this.adder, this.addField());
  }

  row(card, index) {
    const { name } = this.metrics.get(card.metric_id);
    const words = hint();
    const tell = () => fill(words, lookWords(card, this.metrics.get(card.metric_id)));
    const attributes = {
      ondragover: event => {
        if (this.dragged !== null) event.preventDefault(); // takes cards, and no files
      },
      ondrop: event => {
        event.preventDefault();
        this.move(this.dragged, index);
        this.dragged = null;
      },
    };
    const grip = {
      draggable: "true",
      ondragstart: () => {
        this.dragged = index;
      },
      ondragend: () => {
        this.dragged = null;
      },
    };
    const panel = h("div.look", { hidden: !this.opened.has(card) });
    if (this.opened.has(card)) fill(panel, this.lookFields(card, index, tell));
    tell();
    return h(
      "li",
      attributes,
      h(
        "div.grip",
        grip,
        h("div.what", h("span.strong", name), words),
        actions(
          this.lookButton(card, index, panel, tell),
          this.arrow(index, index - 1, "up", "↑"),
          this.arrow(index, index + 1, "down", "↓"),
          button("×", () => this.removeCard(index), "plain close", `Remove ${name}`),
        ),
      ),
      panel,
    );
  }

  lookButton(card, index, panel, tell) {
    const { name } = this.metrics.get(card.metric_id);
    const toggle = () => {
      const isOpen = !this.opened.delete(card);
      if (isOpen) this.opened.add(card);
      fill(panel, isOpen && this.lookFields(card, index, tell));
      panel.hidden = !isOpen;
      opener.ariaExpanded = String(isOpen);
    };
    const opener = button("Look and target", toggle, "small", `Look and target of ${name}`);
    opener.ariaExpanded = String(this.opened.has(card));
    return opener;
  }

  arrow(from, to, direction, sign) {
    const { cards } = this.draft;
    const attributes = {
      type: "button",
      disabled: !cards[to],
      "aria-label": `Move ${this.metrics.get(cards[from].metric_id).name} ${direction}`,
      onclick: () => {
        this.move(from, to);
        // The same arrow or, at an end of the list, the other one.
        const { children } = this.list;
        children[to].querySelector(`.${direction}:enabled, :is(.up, .down):enabled`).focus();
      },
    };
    return h(`button.small.${direction}`, attributes, sign);
  }

  move(from, to) {
    const { cards } = this.draft;
    const [card] = cards.splice(from, 1);
    cards.splice(to, 0, card);
    this.draw();
  }

  removeCard(index) {
    const { cards } = this.draft;
    cards.splice(index, 1);
    this.draw();
    const next = this.list.children[Math.min(index, cards.length - 1)] ?? this.adder;
    next.querySelector("button, input").focus();
  }

  addField() {
    const typed = { metric: "" };
    const shown = new Set(this.draft.cards.map(({ metric_id }) => metric_id));
    const found = [...this.metrics.values()];
    const field = combobox("Add a metric", {
      state: typed,
      name: "metric",
      placeholder: "Its name",
      suggest: () =>
        found.map(({ metric_id: id, name }) => ({
          value: name,
          hint: shown.has(id) ? "has a card" : "",
        })),
      chosen: () => {
        if (!typed.metric) return;
        const metric = found.find(({ name }) => name === typed.metric);
        typed.metric = ""; // leaving the field chooses once more
        if (metric) this.add(metric);
        else mark(field, "There is no such metric.");
      },
    });
    return field;
  }

  add(metric) {
    const card = editableCard(
      { metric_id: metric.metric_id, chart: "line", size: "small" },
      metric,
    );
    this.draft.cards.push(card);
    this.draw();
    this.list.lastChild.querySelector("button").focus();
  }

  // The look of a card

  lookFields(card, index, changed) {
    const metric = this.metrics.get(card.metric_id);
    const at = `/cards/${index}`;
    const options = { state: card, at, changed };
    return [
      h(
        "div.pair",
        selectField("Shown as", { ...options, name: "chart", choices: chartsOf(metric) }),
        selectField("Size", { ...options, name: "size", choices: SIZES }),
        breakdownField(() => metric, card, changed, { name: "breakdown", at }),
        selectField("Interval", { ...options, name: "interval", choices: INTERVALS }),
      ),
      this.targetFields(card, `${at}/target`, changed),
    ];
  }

  targetFields({ target, style }, at, changed) {
    const isDuration = style === "duration";
    const kind = isDuration ? { placeholder: "5 m, 2 d 3 h" } : { type: "number" };
    const numberField = (label, state, name, more) =>
      textField(label, { state, name, at, ...kind, ...more });
    const directionField = selectField("Better is", {
      state: target,
      at,
      changed,
      name: "better",
      choices: DIRECTIONS,
    });
    // A number means nothing without a direction, and mostly this one.
    const follow = () => {
      if (!target.better) {
        target.better = isDuration ? "lower" : "higher";
        directionField.querySelector("select").value = target.better;
      }
      changed();
    };
    const unit = style === "percent" ? " in %" : "";
    const own = h("div.stack");
    const drawOwn = () =>
      fill(
        own,
        target.locations.map((each, place) =>
          h(
            "div.own-target",
            numberField(`${locationName(each.location_id)}${unit}`, each, "value", {
              at: `${at}/locations/${place}`,
              changed: follow,
            }),
            button(
              "×",
              () => removeOwn(place),
              "plain close",
              `Remove ${locationName(each.location_id)}`,
            ),
          ),
        ),
        this.locationAdder(target, drawOwn),
      );
    const removeOwn = place => {
      target.locations.splice(place, 1);
      drawOwn();
      own.querySelector("[role=combobox]").focus();
      changed();
    };
    drawOwn();
    return h(
      "fieldset.stack",
      h("legend", "Target"),
      h(
        "div.pair",
        numberField(`All locations together${unit}`, target, "value", { changed: follow }),
        selectField("Each", { state: target, at, changed, name: "per", choices: UNITS }),
        directionField,
      ),
      hint(
        "Counts and sums are shared out by the calendar. Rates and averages hold for any range.",
      ),
      own,
    );
  }

  locationAdder({ locations: own }, draw) {
    const typed = { id: "" };
    const field = combobox("Target of one location", {
      state: typed,
      name: "id",
      placeholder: "Location",
      suggest: () =>
        locations
          .filter(({ location_id }) => !own.some(each => each.location_id === location_id))
          .map(({ location_id: value, name }) => ({
            value,
            text: name ?? value,
            hint: name ? value : "",
          })),
      chosen: () => {
        if (!typed.id) return;
        const known = locations.find(({ location_id, name }) =>
          [location_id, name].includes(typed.id),
        );
        typed.id = "";
        if (!known) {
          mark(field, "There is no such location.");
          return;
        }
        const isThere = own.some(({ location_id }) => location_id === known.location_id);
        if (!isThere) own.push({ location_id: known.location_id, value: "" });
        draw();
        // The number of the new one.
        [...this.list.querySelectorAll(".own-target input")].at(-1)?.focus();
      },
    });
    return field;
  }

  // Saving

  cleanCards() {
    return this.draft.cards.map(card => ({
      metric_id: card.metric_id,
      chart: card.chart,
      size: card.size,
      interval: card.interval || null,
      breakdown: card.breakdown || null,
      target: cleanTarget(card),
    }));
  }

  async save() {
    const { name, position } = this.draft;
    fill(this.outcome);
    try {
      this.check();
      const body = { name, position: Number(position), cards: this.cleanCards() };
      const saved = this.id
        ? await put(`/dashboards/v1/${this.id}`, body)
        : await post("/dashboards/v1", body);
      this.savedText = this.text();
      toast("Dashboard saved");
      location.hash = withRange(`#/dashboard/${saved.dashboard_id}`, this.range);
    } catch (error) {
      this.showError(error);
    }
  }

  check() {
    const errors = this.draft.cards.flatMap(({ chart, breakdown }, index) => {
      if (chart !== "stacked" || breakdown) return [];
      const message = "Choose what the bars are stacked by.";
      return { pointer: `/cards/${index}/breakdown`, message };
    });
    errors.push(...this.draft.cards.flatMap(durationErrors));
    if (!this.draft.name) errors.push({ pointer: "/name", message: "Enter a name." });
    if (errors.length) throw new Problem(422, { errors });
  }

  // Opens the cards that are wrong.
  showError(error) {
    for (const { pointer } of error.errors ?? []) {
      const [, noun, index] = pointer.split("/");
      if (noun === "cards" && this.draft.cards[index]) this.opened.add(this.draft.cards[index]);
    }
    this.draw();
    const main = this.head.parentElement;
    if (!markAll(main, error)) fill(this.outcome, failure(error));
    main.querySelector("[aria-invalid=true]")?.focus();
  }

  deleteButton() {
    const path = `/dashboards/v1/${this.id}`;
    const ask = () =>
      confirm({
        title: "Delete this dashboard?",
        text: `“${this.draft.name}” goes, and links that share it stop working at once. Its metrics stay.`,
        label: "Delete dashboard",
        preview: async () => {
          const { shares } = await remove(path, { dry_run: true });
          return shares > 0 && `${count(shares, "link")} ${shares === 1 ? "shares" : "share"} it.`;
        },
        act: () => remove(path),
      });
    const onDone = () => {
      this.savedText = this.text();
      location.hash = withRange("#/dashboard", this.range);
    };
    return askingButton("Delete", { ask, onDone });
  }
}

// Bars of groups are stacked where they add up.
function chartsOf(metric) {
  const { stacked, ...others } = CHARTS;
  return addsUp(metric, "") ? { ...others, stacked } : others;
}

// Cards as they are edited. Targets of percentages are typed in percent, those of durations as these are shown.

function editableCard({ metric_id, chart, size, interval, breakdown, target }, { format }) {
  const style = format?.style;
  const { value = null, per = "month", better = "", locations: own = {} } = target ?? {};
  return {
    metric_id,
    chart,
    size,
    interval: interval ?? "",
    breakdown: breakdown ?? "",
    style,
    target: {
      value: typedAmount(value, style),
      per,
      better,
      locations: Object.entries(own).map(([id, amount]) => ({
        location_id: id,
        value: typedAmount(amount, style),
      })),
    },
  };
}

function cleanTarget({ style, target: { value, per, better, locations: own } }) {
  const filled = own.filter(each => each.value !== "");
  if (value === "" && !filled.length && !better) return null;
  return {
    value: value === "" ? null : readAmount(value, style),
    per,
    better: better || "higher",
    locations: Object.fromEntries(
      filled.map(each => [each.location_id, readAmount(each.value, style)]),
    ),
  };
}

function durationErrors({ style, target }, index) {
  if (style !== "duration") return [];
  const at = `/cards/${index}/target`;
  const typed = [
    [`${at}/value`, target.value],
    ...target.locations.map(({ value }, place) => [`${at}/locations/${place}/value`, value]),
  ];
  return typed
    .filter(([, value]) => value !== "" && !isDurationText(value))
    .map(([pointer]) => ({ pointer, message: WRONG_DURATION }));
}

function lookWords({ chart, breakdown, size, interval, target, style }, metric) {
  const { value, per, better, locations: own } = target;
  const amount = style === "duration" ? value : number(Number(value));
  const unit = style === "percent" ? "%" : "";
  const each = addsUp(metric, "") ? ` a ${per}` : "";
  const parts = [
    CHARTS[chart] + (breakdown ? ` by ${fieldName(breakdown)}` : ""),
    size === "wide" && "wide",
    interval && `by ${interval}`,
    value && `target ${amount}${unit}${each}`,
    own.some(each => each.value) && "targets of locations",
    !value && better && `${better} is better`,
  ];
  return parts.filter(Boolean).join(" · ");
}
