// Builds a metric: its definition, and beside it what that gives.

import { withState } from "./address.js";
import { get, isAdmin, post, put, session } from "./api.js";
import { changeMark } from "./calculation.js";
import { cardChart } from "./card.js";
import { combobox } from "./combobox.js";
import {
  AGGREGATIONS,
  addsUp,
  cleanDefinition,
  cleanFormat,
  editable,
  NUMBERS,
  newTerm,
  newThen,
  THEN_AGGREGATIONS,
  takesNumbers,
  takesProperty,
  usualFormat,
  withThen,
} from "./definition.js";
import { actions, button, fill, h, hint, link } from "./dom.js";
import { debounce, field, inputOf, mark, markAll, selectField, textField } from "./fields.js";
import { groupEditor } from "./filters.js";
import { ago, count, number } from "./format.js";
import { dashboardOf, metricPane } from "./metric.js";
import { toast } from "./notices.js";
import { METRIC_STATE, queryOf, StateLinks, viewOfCard } from "./range.js";
import { SIGNS, sentence } from "./sentence.js";
import { curlSnippet } from "./snippet.js";
import { failure } from "./states.js";
import { templatesFrom } from "./templates.js";
import { thenEditor } from "./then.js";

const TERMS_MAX = 20;
const TYPING_MS = 300;
const KEY_PREFIX_LENGTH = 9; // as much of a token as the server shows
const CARD_INTERVALS = ["hour", "day", "week", "month"];
const EMPTY_VIEW = { by: METRIC_STATE.by, chart: METRIC_STATE.chart };
const STYLES = { number: "Number", percent: "Percent", currency: "Currency", duration: "Duration" };
const FIRST_FORMATS = {
  number: { decimals: "" },
  percent: { decimals: 1 },
  currency: { decimals: 2, currency: "USD" },
  duration: { decimals: "" },
};
// What is said beside a field, by its error's pointer and code, where the API speaks to programs.
const ADVICE = [
  [/\/event (required|blank)$/, "Choose an event."],
  [/\/then\/within duration$/, "Enter a time of 366 days at most."],
  [/\/formula required$/, "Enter how the terms become one number, such as A / B."],
  [/\/decimals /, "Enter a whole number from 0 to 10, or nothing."],
  [/\/currency /, "Enter the three letters of a currency, such as EUR."],
  [/ not_a_number$/, "Enter a number."],
  [/ list$/, "Choose at least one value, and 1,000 at most."],
  [/\/value blank$/, "Enter a text."],
];

export async function showBuilder(view) {
  const [id, action] = view.parts;
  const isNew = id === "new"; // and perhaps from a template
  const [{ event_names: names }, { fields, tags }, saved] = await Promise.all([
    get("/event-names/v1"),
    get("/contact-fields/v1"),
    isNew ? { terms: [newTerm([])] } : get(`/metrics/v1/${id}`),
  ]);
  const seen = { events: mergedNames(names), fields, tags };
  const templates = isNew ? templatesFrom(seen.events) : [];
  const template = templates.find(each => each.id === action);
  const draft = editable(template?.definition ?? saved);
  if (action === "copy") draft.name += " (copy)";
  const builder = new Builder(view, { id: action === "edit" ? id : null, draft, seen, templates });
  builder.draw(null);
}

/**
 * The names over all locations, the most frequent first.
 * @returns {Map<string, {amount: number, lastSeen: string, properties: Map<string, string>}>} `properties` are kinds by key
 */
function mergedNames(names) {
  const events = new Map();
  for (const { event_name: name, count: amount, last_seen: lastSeen, properties } of names) {
    const event = events.get(name) ?? { amount: 0, lastSeen, properties: new Map() };
    event.amount += amount;
    if (lastSeen > event.lastSeen) event.lastSeen = lastSeen;
    for (const { key, kinds } of properties) event.properties.set(key, kinds.join(", "));
    events.set(name, event);
  }
  return new Map([...events].sort(([, one], [, other]) => other.amount - one.amount));
}

const seenText = ({ amount, lastSeen }) => `${count(amount, "event")}, last ${ago(lastSeen)}`;

class Builder {
  editor = h("div.stack", { onfocusout: ({ target }) => this.leaveField(target) });
  glance = h("div.glance", { "aria-hidden": "true" }); // the preview in small, where that is out of sight
  words = h("p.lead", { role: "status" });
  outcome = h("div");
  source = h("details.card", h("summary", "As JSON and curl"), h("div.stack"));
  problem = {}; // with what is wrong in the definition
  left = new Set(); // pointers of the fields that somebody was in
  wasRefused = false; // when it was to be saved

  constructor(view, { id, draft, seen, templates }) {
    this.id = id; // of the metric that is saved; null for a new one
    this.draft = draft;
    this.seen = seen;
    this.usual = usualFormatOf(draft);
    this.savedText = this.text();
    this.pane = metricPane(view, () => cleanDefinition(this.draft), {
      changed: () => this.changed(),
      shown: answer => this.showGlance(answer),
      onError: (...error) => this.calculationError(...error),
    });
    this.links = new StateLinks(this.pane.state);
    this.calculateSoon = debounce(TYPING_MS, () => {
      this.markErrors({});
      this.pane.calculate();
    });
    view.hasUnsavedChanges = () => isAdmin() && this.text() !== this.savedText;
    view.begin(
      this.title(),
      [this.glance, this.backLink(), isAdmin() && button("Save", () => this.save(), "primary")],
      this.outcome,
      templates.length > 0 && this.templateLinks(templates, view.parts[1]),
      this.pane.controls,
      h(
        "div.columns.builder",
        h("div.stack", this.editor, this.source),
        h(
          "div.stack.preview",
          { tabindex: "0", role: "region", "aria-label": "Preview" }, // it may scroll
          this.words,
          this.pane.box,
        ),
      ),
    );
  }

  title() {
    if (!this.id) return "New metric";
    return isAdmin() ? "Edit metric" : "Definition";
  }

  backLink() {
    const { state } = this.pane;
    const address = this.id
      ? withState(`#/metrics/${this.id}`, state, METRIC_STATE)
      : dashboardOf(state);
    return link(isAdmin() ? "Cancel" : "Back", address, "button");
  }

  templateLinks(templates, chosen) {
    const blank = { definition: { name: "Blank" }, view: {} };
    return h(
      "nav.tabs",
      { "aria-label": "Start with" },
      h("span.hint", { "aria-hidden": "true" }, "Start with"),
      [blank, ...templates].map(({ id, definition, view }) => {
        const path = id ? `#/metrics/new/${id}` : "#/metrics/new";
        const address = state =>
          withState(path, { ...state, ...EMPTY_VIEW, ...view }, METRIC_STATE);
        const anchor = this.links.make(definition.name, address);
        if (id === chosen) anchor.ariaCurrent = "page";
        return anchor;
      }),
    );
  }

  text() {
    return JSON.stringify(cleanDefinition(this.draft));
  }

  // Draws the editor anew. The focus goes to a pointer, or stays with the one that has it.
  draw(focusPointer = document.activeElement.closest("[data-pointer]")?.dataset.pointer) {
    const { terms } = this.draft;
    const canGrow = terms.length < TERMS_MAX;
    fill(
      this.editor,
      this.headCard(),
      terms.map((term, index) => this.termCard(term, index)),
      canGrow && button("Add a term", () => this.addTerm(terms.length), "add"),
      this.formulaCard(),
    );
    const focused = [...this.editor.querySelectorAll("[data-pointer]")].findLast(
      element => element.dataset.pointer === focusPointer,
    );
    focused?.querySelector("input, select, button")?.focus();
    this.changed();
  }

  // What was calculated is old, until the answer to this state is here.
  changed() {
    this.links.follow();
    fill(this.words, sentence(this.draft));
    this.pane.box.ariaBusy = "true";
    this.glance.classList.add("old");
    if (!this.source.contains(document.activeElement)) this.showSource();
    this.calculateSoon();
  }

  // Name and format

  headCard() {
    const { draft } = this;
    const { format } = draft;
    const changed = () => this.changed();
    const changeStyle = () => {
      Object.assign(format, FIRST_FORMATS[format.style]);
      this.draw();
    };
    const options = { state: format, changed, at: "/format" };
    return h(
      "div.card",
      textField("Name", { state: draft, name: "name", changed }),
      h(
        "div.pair",
        selectField("Format", { ...options, name: "style", choices: STYLES, changed: changeStyle }),
        format.style !== "duration" &&
          textField("Decimals", {
            ...options,
            name: "decimals",
            type: "number",
            min: "0",
            placeholder: "As needed",
          }),
        format.style === "currency" && textField("Currency", { ...options, name: "currency" }),
      ),
      format.style === "duration" && hint("Of numbers that are seconds: 252 is 4 m 12 s."),
    );
  }

  // What is shown as usual stays so, also when something else is.
  followFormat() {
    const { draft } = this;
    const usual = usualFormatOf(draft);
    if (isSameFormat(draft.format, this.usual)) draft.format = { ...usual };
    this.usual = usual;
  }

  // Terms

  // Two terms need a formula; most people want the first over the second.
  addTerm(index, like) {
    const { draft } = this;
    draft.terms.splice(index, 0, newTerm(draft.terms, like));
    const hasNoFormula = !draft.formula || draft.formula === draft.terms[0].key;
    if (hasNoFormula) draft.formula = draft.terms.map(({ key }) => key).join(" / ");
    this.followFormat();
    this.draw(`/terms/${index}/event`);
  }

  removeTerm(index) {
    this.draft.terms.splice(index, 1);
    if (this.draft.terms.length === 1) this.draft.formula = "";
    this.followFormat();
    this.draw("/terms/0/event");
  }

  termCard(term, index) {
    const at = `/terms/${index}`;
    return h(
      "section.card",
      { "aria-label": `Term ${term.key}` },
      this.termHead(term, index),
      this.eventField(term, at),
      this.amountFields(term, at),
      groupEditor(term.filters, `${at}/filters`, this.filterContext(term)),
      term.then
        ? this.thenEditor(term, at)
        : button("Then …", () => this.addThen(term, at), "add", `Then … after term ${term.key}`),
    );
  }

  /** @returns {FilterContext} of filters.js */
  filterContext(term) {
    return {
      term,
      contactFields: this.seen.fields,
      properties: () => this.propertiesOf(term),
      propertyNote: key => this.propertyNote(term, key),
      suggestValues: name => this.suggestValues(term, name),
      changed: () => this.changed(),
      draw: pointer => this.draw(pointer),
    };
  }

  // What follows is asked of contacts.
  addThen(term, at) {
    const index = this.draft.terms.indexOf(term);
    const asked = { ...term, type: "contact", aggregation: "conversion" };
    if (term.type !== "contact") toast(`Term ${term.key} takes events with a contact now`);
    this.draft.terms[index] = withThen(asked, newThen());
    this.followFormat();
    this.draw(`${at}/then/event`);
  }

  removeThen(term, at) {
    delete term.then;
    term.aggregation = "count";
    this.followFormat();
    this.draw(`${at}/event`);
  }

  thenEditor(term, at) {
    const { then } = term;
    return thenEditor({
      then,
      at: `${at}/then`,
      event: this.eventOptions(then, "Reply Sent"),
      filters: this.filterContext(Object.assign(then, { type: "contact" })),
      changed: () => this.changed(),
      draw: () => this.draw(),
      remove: () => this.removeThen(term, at),
    });
  }

  termHead({ key }, index) {
    const { terms } = this.draft;
    const duplicate = () => this.addTerm(index + 1, terms[index]);
    const remove = () => this.removeTerm(index);
    return h(
      "div.page-head",
      h("h2", "Term ", h("span.badge", key)),
      actions(
        terms.length < TERMS_MAX &&
          button("Duplicate", duplicate, "small", `Duplicate term ${key}`),
        terms.length > 1 && button("Remove", remove, "small", `Remove term ${key}`),
      ),
    );
  }

  eventField(term, at) {
    const options = { state: term, name: "event", changed: () => this.changed(), at };
    return combobox("Event", { ...options, ...this.eventOptions(term, "Offer Made") });
  }

  // Those of a combobox that chooses the event of a term, or the one that follows.
  eventOptions(chosen, placeholder) {
    const { events } = this.seen;
    const note = () => {
      if (events.has(chosen.event)) return seenText(events.get(chosen.event));
      return chosen.event ? "No such event yet. It counts as soon as one arrives." : " ";
    };
    const suggest = () => [...events].map(([value, event]) => ({ value, hint: seenText(event) }));
    return { placeholder, note, suggest };
  }

  amountFields(term, at) {
    const options = { state: term, at };
    const redraw = {
      ...options,
      changed: () => {
        this.followFormat();
        this.draw();
      },
    };
    const numbers = { ...options, name: "numbers", changed: () => this.changed() };
    const choices = term.then ? THEN_AGGREGATIONS : AGGREGATIONS;
    return h(
      "div.pair",
      selectField("Type", { ...redraw, name: "type", choices: typesOf(term) }),
      selectField("Calculate", { ...redraw, name: "aggregation", choices }),
      takesProperty(term) && this.propertyField(term, at),
      takesNumbers(term) && selectField("Numbers in texts", { ...numbers, choices: NUMBERS }),
    );
  }

  propertyField(term, at) {
    return combobox("Property", {
      state: term,
      name: "property",
      changed: () => this.changed(),
      at,
      placeholder: "value",
      note: () => this.propertyNote(term, term.property),
      suggest: () => this.propertiesOf(term).map(({ key, kinds }) => ({ value: key, hint: kinds })),
    });
  }

  propertiesOf({ event }) {
    const properties = this.seen.events.get(event)?.properties ?? new Map();
    return [...properties].map(([key, kinds]) => ({ key, kinds }));
  }

  propertyNote(term, key) {
    if (!key || this.propertiesOf(term).some(property => property.key === key)) return null;
    return "None of the newest events has it.";
  }

  // The most frequent values of a field.
  async suggestValues({ event, type }, name) {
    if (name === "contact.tags") {
      return this.seen.tags.map(({ tag, contacts }) => ({
        value: tag,
        hint: count(contacts, "contact"),
      }));
    }
    if (!event || !/^(property|contact)\./.test(name)) return [];
    const query = {
      ...queryOf(this.pane.state),
      interval: "total",
      breakdown: name,
      metric: { terms: [{ key: "A", event, type }] },
    };
    try {
      const { breakdown } = await post("/metrics/v1/query", query);
      return breakdown.groups
        .filter(({ key }) => key !== null)
        .map(({ key, value }) => ({ value: key, hint: count(value, "event") }));
    } catch {
      return []; // suggestions are a help, not a need
    }
  }

  // Formula

  formulaCard() {
    const { draft } = this;
    const changed = () => this.changed();
    const box = textField("Formula", { state: draft, name: "formula", changed });
    const input = inputOf(box);
    const chip = (text, spokenName) => {
      const insert = () => {
        input.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
        input.focus();
        input.dispatchEvent(new Event("input"));
      };
      return button(text.trim(), insert, "small", spokenName);
    };
    return h(
      "div.card",
      { hidden: draft.terms.length < 2 && !draft.formula },
      box,
      h("code.formula-error"),
      h(
        "div.actions",
        { role: "group", "aria-label": "Insert" },
        draft.terms.map(({ key }) => chip(key, `term ${key}`)),
        Object.entries(SIGNS).map(([sign, word]) => chip(` ${sign} `, word)),
        chip("(", "open parenthesis"),
        chip(")", "close parenthesis"),
      ),
    );
  }

  showGlance(calculation) {
    const { total, compare, format } = calculation;
    this.glance.classList.remove("old");
    fill(
      this.glance,
      h("span.strong", number(total.value, format)),
      compare && changeMark(total.value, compare.total.value, format),
      cardChart(calculation, this.pane.state.chart),
    );
  }

  // Errors and saving

  // The last numbers stay, dimmed, where there are any.
  calculationError(error, again, last) {
    if (!this.markErrors(error)) return failure(error, again);
    const advice = hint("Not finished yet. New numbers appear once it is.");
    return [advice, last && h("div.stack.old", { inert: true }, last)];
  }

  markErrors(problem) {
    this.problem = problem;
    return this.showErrors();
  }

  leaveField(target) {
    const fieldBox = target.closest(".field");
    if (fieldBox) this.left.add(fieldBox.dataset.pointer);
    // By then the focus is where it goes.
    setTimeout(() => this.showErrors());
  }

  // Returns whether all errors stand beside what they are about. That of a formula also shows its column.
  showErrors() {
    const { formula } = this.draft;
    const errors = (this.problem.errors ?? []).map(error => ({
      ...error,
      message: adviceOn(error),
    }));
    const column = errors.find(({ pointer }) => pointer.endsWith("/formula"))?.column;
    fill(
      this.editor.querySelector(".formula-error"),
      column && [
        formula.slice(0, column - 1),
        h("mark", formula.slice(column - 1, column) || " "),
        formula.slice(column),
      ],
    );
    return markAll(this.editor, { errors }, fieldBox => this.certaintyOf(fieldBox));
  }

  // What is being typed is not wrong yet, and what nobody has filled in is only missing.
  certaintyOf(fieldBox) {
    if (this.wasRefused) return "wrong";
    if (fieldBox.contains(document.activeElement)) return "unfinished";
    return this.left.has(fieldBox.dataset.pointer) ? "wrong" : "empty";
  }

  async save() {
    fill(this.outcome);
    try {
      const metric = { ...cleanDefinition(this.draft), card: await this.card() };
      const saved = this.id
        ? await put(`/metrics/v1/${this.id}`, metric)
        : await post("/metrics/v1", metric);
      this.savedText = this.text();
      toast("Metric saved");
      location.hash = withState(`#/metrics/${saved.metric_id}`, this.pane.state, METRIC_STATE);
    } catch (error) {
      this.wasRefused = true;
      if (!this.markErrors(error)) fill(this.outcome, failure(error));
      this.editor.querySelector("[aria-invalid=true]")?.focus();
    }
  }

  // How it is looked at, for its card on the dashboard that it was opened from; undefined where it has none.
  async card() {
    const { state } = this.pane;
    const { dashboards } = await get("/dashboards/v1");
    const opened = dashboards.find(({ dashboard_id }) => String(dashboard_id) === state.dashboard);
    const dashboard = opened ?? (this.id ? null : dashboards[0]);
    const existing = dashboard?.cards.find(({ metric_id }) => String(metric_id) === this.id);
    if (!dashboard || (this.id && !existing)) return undefined;
    const { metric_id: _, ...kept } = existing ?? {};
    return { ...kept, ...this.look(existing), dashboard_id: dashboard.dashboard_id };
  }

  // Where nothing was changed, the card stays as it is, also as what this view does not draw.
  look(existing) {
    const { by, chart, interval } = this.pane.state;
    const view = existing && viewOfCard(existing);
    const isSame = view && view.by === by && view.chart === chart;
    const isStacked = chart === "bar" && by && addsUp(this.draft, by);
    const drawn = isStacked ? "stacked" : chart;
    return {
      chart: isSame ? existing.chart : drawn,
      breakdown: by || null,
      interval: CARD_INTERVALS.includes(interval) ? interval : null,
    };
  }

  // As JSON and curl

  showSource() {
    const metric = cleanDefinition(this.draft);
    const json = JSON.stringify(metric, null, 2);
    const text = h("textarea.code", {
      rows: 14,
      value: json,
      oninput: () => this.takeJson(text.value, box),
    });
    const box = field("Definition", text, { name: "json" });
    fill(
      this.source.lastChild,
      box,
      hint("With curl, once you put in your whole API key:"),
      curlSnippet({
        url: `${session.address}/metrics/v1/query`,
        key: `${session.key.slice(0, KEY_PREFIX_LENGTH)}…`,
        body: { ...queryOf(this.pane.state), metric },
      }),
    );
  }

  takeJson(text, box) {
    try {
      this.draft = editable(parseDefinition(text));
      mark(box, "");
      this.draw(null);
    } catch {
      mark(box, "Not a definition yet. It is JSON with “terms”, each with a “key” and an “event”.");
    }
  }
}

// What follows is asked of contacts alone.
function typesOf({ type, then }) {
  const contact = "With a contact";
  return then && type === "contact" ? { contact } : { account: "All events", contact };
}

// Of one term alone, that of its numbers.
function usualFormatOf({ terms, formula }) {
  const isAlone = terms.length === 1 && (!formula || formula === terms[0].key);
  return isAlone ? usualFormat(terms[0]) : { style: "number" };
}

const isSameFormat = (one, other) =>
  JSON.stringify(cleanFormat(one)) === JSON.stringify(cleanFormat(other));

function adviceOn({ pointer, code, message }) {
  const known = ADVICE.find(([pattern]) => pattern.test(`${pointer} ${code}`));
  return known ? known[1] : message.replace(/^column \d+: /, ""); // which is marked
}

// Throws where the text has not what the editor needs.
function parseDefinition(text) {
  const definition = JSON.parse(text);
  const texts = definition.terms.flatMap(({ key, event }) => [key, event]);
  if (!texts.length || texts.some(value => typeof value !== "string")) {
    throw new TypeError("no terms");
  }
  return definition;
}
