// Builds a metric: its definition, and beside it what that gives.

import { get, isAdmin, post, put, session } from "./api.js";
import {
  AGGREGATIONS,
  clean,
  editable,
  newTerm,
  sentence,
  takesProperty,
  WORDS,
} from "./definition.js";
import {
  actions,
  button,
  combobox,
  entry,
  field,
  fill,
  h,
  hint,
  inputOf,
  later,
  link,
  mark,
  markAll,
  select,
  toast,
  withState,
} from "./dom.js";
import { groupBox } from "./filters.js";
import { ago, count } from "./format.js";
import { metricPane, SHOWN } from "./metric.js";
import { queryOf, withRange } from "./range.js";
import { curlSnippet } from "./settings.js";
import { failure } from "./states.js";

const TERMS = 20;
const FORMATS = {
  number: { decimals: "" },
  percent: { decimals: 1 },
  currency: { decimals: 2, currency: "USD" },
};

export async function showBuilder(view) {
  const [id, way] = view.parts;
  const [{ event_names: names }, known, saved] = await Promise.all([
    get("/event-names/v1"),
    get("/contact-fields/v1"),
    way ? get(`/metrics/v1/${id}`) : { terms: [newTerm([])] },
  ]);
  const draft = editable(saved);
  if (way === "copy") draft.name += " (copy)";
  new Builder(view, way === "edit" ? id : null, draft, { ...known, events: merged(names) }).draw(
    null,
  );
}

// One entry a name, over all locations, the most frequent first: {amount, last, properties: {key: kinds}}.
function merged(names) {
  const found = new Map();
  for (const { event_name: name, count: amount, last_seen: last, properties } of names) {
    const each = found.get(name) ?? { amount: 0, last, properties: {} };
    each.amount += amount;
    if (last > each.last) each.last = last;
    for (const { key, kinds } of properties) each.properties[key] = kinds.join(", ");
    found.set(name, each);
  }
  return new Map([...found].sort(([, a], [, b]) => b.amount - a.amount));
}

const seenText = ({ amount, last }) => `${count(amount, "event")}, last ${ago(last)}`;

class Builder {
  editor = h("div.stack");
  words = h("p.lead", { role: "status" });
  outcome = h("div");
  source = h("details.card", h("summary", "As JSON and curl"), h("div.stack"));
  soon = later(300, () => {
    this.mark({});
    this.pane.calculate();
  });

  constructor(view, id, draft, known) {
    const troubled = (error, again) =>
      this.mark(error)
        ? hint("Correct what is marked, and the numbers appear here.")
        : failure(error, again);
    Object.assign(this, {
      view,
      id,
      draft,
      known,
      pane: metricPane(view, () => clean(this.draft), { changed: this.changed, troubled }),
    });
    this.saved = this.text();
    view.unsaved = () => isAdmin() && this.text() !== this.saved;
    const back = link(
      isAdmin() ? "Cancel" : "Back",
      withRange(id ? `#/metrics/${id}` : "#/dashboard", this.pane.state),
      "button",
    );
    view.begin(
      !id ? "New metric" : isAdmin() ? "Edit metric" : "Definition",
      [back, isAdmin() && button("Save", () => this.save(), "primary")],
      this.outcome,
      this.pane.controls,
      h(
        "div.columns",
        h("div.stack", this.editor, this.source),
        h("div.stack", this.words, this.pane.box),
      ),
    );
  }

  text() {
    return JSON.stringify(clean(this.draft));
  }

  // The focus stays with what has the same pointer, or goes to the one named.
  draw = (focus = document.activeElement.closest("[data-pointer]")?.dataset.pointer) => {
    const { terms } = this.draft;
    fill(
      this.editor,
      this.head(),
      terms.map((term, index) => this.termCard(term, index)),
      terms.length < TERMS && button("Add a term", () => this.grow(terms.length), "add"),
      this.formula(),
    );
    const place = [...this.editor.querySelectorAll("[data-pointer]")].findLast(
      each => each.dataset.pointer === focus,
    );
    place?.querySelector("input, select, button")?.focus();
    this.changed();
  };

  // What was calculated is old, until the answer to this state is here.
  changed = () => {
    fill(this.words, sentence(this.draft));
    this.pane.box.ariaBusy = "true";
    if (!this.source.contains(document.activeElement)) this.showSource();
    this.soon();
  };

  // Name and format

  head() {
    const {
      draft,
      changed,
      draft: { format },
    } = this;
    const turn = () => {
      Object.assign(format, FORMATS[format.style]);
      this.draw();
    };
    return h(
      "div.card",
      entry("Name", draft, "name", changed),
      h(
        "div.pair",
        select(
          "Format",
          { number: "Number", percent: "Percent", currency: "Currency" },
          format,
          "style",
          turn,
          { at: "/format" },
        ),
        entry("Decimals", format, "decimals", changed, {
          at: "/format",
          type: "number",
          min: "0",
          placeholder: "As needed",
        }),
        format.style === "currency" &&
          entry("Currency", format, "currency", changed, { at: "/format" }),
      ),
    );
  }

  // Terms

  // Two terms need a formula; most people come for the first over the second.
  grow(index, like) {
    const { draft } = this;
    draft.terms.splice(index, 0, newTerm(draft.terms, like));
    if (!draft.formula || draft.formula === draft.terms[0].key)
      draft.formula = draft.terms.map(({ key }) => key).join(" / ");
    this.draw(`/terms/${index}/event`);
  }

  drop(index) {
    this.draft.terms.splice(index, 1);
    if (this.draft.terms.length === 1) this.draft.formula = "";
    this.draw("/terms/0/event");
  }

  termCard(term, index) {
    const {
      draft: { terms },
      known,
      changed,
      draw,
    } = this;
    const { key } = term;
    const at = `/terms/${index}`;
    const seen = () => known.events.get(term.event);
    const properties = () => Object.entries(seen()?.properties ?? {});
    const unseen = name =>
      name &&
      !properties().some(([key]) => key === name) &&
      "Not seen in the newest of these events.";
    const note = () =>
      seen() ? seenText(seen()) : term.event ? "Not seen yet. It counts as soon as it comes." : " ";
    const act = (label, does) => button(label, does, "small", `${label} term ${key}`);
    return h(
      "section.card",
      { "aria-label": `Term ${key}` },
      h(
        "div.page-head",
        h("h2", "Term ", h("span.badge", key)),
        actions(
          terms.length < TERMS && act("Duplicate", () => this.grow(index + 1, term)),
          terms.length > 1 && act("Remove", () => this.drop(index)),
        ),
      ),
      combobox("Event", term, "event", changed, {
        at,
        placeholder: "Offer Made",
        note,
        options: () => [...known.events].map(([name, each]) => [name, seenText(each)]),
      }),
      h(
        "div.pair",
        select("Type", { account: "All events", contact: "With a contact" }, term, "type", draw, {
          at,
        }),
        select("Calculate", AGGREGATIONS, term, "aggregation", draw, { at }),
        takesProperty(term.aggregation) &&
          combobox("Property", term, "property", changed, {
            at,
            placeholder: "value",
            options: properties,
            note: () => unseen(term.property),
          }),
      ),
      groupBox(term.filters, `${at}/filters`, {
        term,
        properties,
        unseen,
        fields: known.fields,
        values: name => this.values(term, name),
        draw,
        changed,
      }),
    );
  }

  // The most frequent values of a field.
  async values({ event, type }, breakdown) {
    if (breakdown === "contact.tags")
      return this.known.tags.map(({ tag, contacts }) => [tag, count(contacts, "contact")]);
    if (!event || !/^(property|contact)\./.test(breakdown)) return [];
    const query = {
      ...queryOf(this.pane.state),
      interval: "total",
      breakdown,
      metric: { terms: [{ key: "A", event, type }] },
    };
    const found = await post("/metrics/v1/query", query).catch(() => null); // suggestions are a help, not a need
    return (found?.breakdown.groups ?? [])
      .filter(({ key }) => key !== null)
      .map(({ key, value }) => [key, count(value, "event")]);
  }

  // Formula

  formula() {
    const { draft, changed } = this;
    const box = entry("Formula", draft, "formula", changed);
    const input = inputOf(box);
    const chip = (text, label) =>
      button(
        text.trim(),
        () => {
          input.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
          input.focus();
          input.dispatchEvent(new Event("input"));
        },
        "small",
        label,
      );
    return h(
      "div.card",
      { hidden: draft.terms.length < 2 && !draft.formula },
      box,
      h("code.formula-error"),
      h(
        "div.actions",
        { role: "group", "aria-label": "Insert" },
        draft.terms.map(({ key }) => chip(key, `term ${key}`)),
        Object.entries(WORDS).map(([sign, word]) => chip(` ${sign} `, word)),
        chip("(", "open parenthesis"),
        chip(")", "close parenthesis"),
      ),
    );
  }

  // What is wrong, and saving

  // Tells whether all errors stand beside what they are about; a formula shows its column.
  mark(error) {
    const { formula } = this.draft;
    const column = error.errors?.find(({ pointer }) => pointer.endsWith("/formula"))?.column;
    fill(
      this.editor.querySelector(".formula-error"),
      column && [
        formula.slice(0, column - 1),
        h("mark", formula.slice(column - 1, column) || " "),
        formula.slice(column),
      ],
    );
    return markAll(this.editor, error);
  }

  async save() {
    const metric = clean(this.draft);
    fill(this.outcome);
    try {
      const saved = this.id
        ? await put(`/metrics/v1/${this.id}`, metric)
        : await post("/metrics/v1", metric);
      this.saved = this.text();
      toast("Metric saved");
      location.hash = withState(`#/metrics/${saved.metric_id}`, this.pane.state, SHOWN);
    } catch (error) {
      fill(this.outcome, !this.mark(error) && failure(error));
      this.editor.querySelector("[aria-invalid=true]")?.focus();
    }
  }

  // As JSON and curl

  showSource() {
    const metric = clean(this.draft);
    const text = h("textarea.code", {
      rows: 14,
      value: JSON.stringify(metric, null, 2),
      oninput: () => this.takeJson(text.value, box),
    });
    const box = field("Definition", text, "json", {});
    fill(
      this.source.lastChild,
      box,
      hint("With curl, and your whole key:"),
      curlSnippet(`${session.address}/metrics/v1/query`, `${session.key.slice(0, 9)}…`, {
        ...queryOf(this.pane.state),
        metric,
      }),
    );
  }

  takeJson(text, box) {
    try {
      const parsed = JSON.parse(text);
      const texts = parsed.terms.flatMap(({ key, event }) => [key, event]);
      if (!texts.length || texts.some(each => typeof each !== "string")) throw new Error();
      this.draft = editable(parsed);
      mark(box, "");
      this.draw(null);
    } catch {
      mark(box, "Not a definition yet: JSON with “terms”, each with a “key” and an “event”.");
    }
  }
}
