// Builds a metric: terms, formula, name and format on one side, what it gives on the other. It edits a definition and nothing else.

import { get, isAdmin, post, put, session } from "./api.js";
import { combobox } from "./combobox.js";
import { AGGREGATIONS, clean, newTerm, sentence, takesProperty } from "./definition.js";
import { actions, button, choices, entry, field, fill, h, hint, inputOf, later, link, mark, markAll, select, snippet } from "./dom.js";
import { filterBox } from "./filters.js";
import { ago, count } from "./format.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { result, resultTable } from "./result.js";
import { failure, loader, problemList, toast } from "./states.js";

const TYPING_MS = 300;
const TERMS = 20;
const FORMATS = { number: {}, percent: { decimals: 1 }, currency: { decimals: 2, currency: "USD" } };

export async function showBuilder(view) {
  const [id, way] = view.parts;
  const [{ event_names: names }, known, saved] = await Promise.all([get("/event-names/v1"), get("/contact-fields/v1"),
    id ? get(`/metrics/v1/${id}`) : { terms: [newTerm([])] }]);
  const draft = editable(saved);
  if (way === "copy") draft.name += " (copy)";
  new Builder(view, way === "edit" ? id : null, draft, { ...known, events: merged(names) }).show();
}

const editable = ({ name = "", format, terms, formula = "" }) => structuredClone({ name, format, terms, formula: formula ?? "" });

/** One entry a name, over all locations, the most frequent first. */
function merged(names) {
  const found = new Map();
  for (const { event_name: name, count: amount, last_seen: last, properties } of names) {
    const each = found.get(name) ?? { name, count: 0, last: "", properties: new Map() };
    each.count += amount;
    if (last > each.last) each.last = last;
    for (const { key, kinds } of properties) each.properties.set(key, [...new Set([...(each.properties.get(key) ?? []), ...kinds])]);
    found.set(name, each);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

const seenText = (each) => `${count(each.count, "event")}, last ${ago(each.last)}`;

class Builder {
  editor = h("div.stack");
  words = h("p.lead", { role: "status" });
  preview = h("div.stack");
  outcome = h("div");
  json = h("div.stack");
  source = h("details.card", { ontoggle: () => this.showSource() }, h("summary", "As JSON and curl"), this.json);

  constructor(view, id, draft, known) {
    Object.assign(this, { view, id, draft, known, range: readRange(view.params), load: loader(this.preview, view.signal) });
    this.saved = this.text();
    this.soon = later(TYPING_MS, () => this.calculate());
    view.unsaved = () => isAdmin() && this.text() !== this.saved;
  }

  text() {
    return JSON.stringify(clean(this.draft));
  }

  show() {
    const back = link(isAdmin() ? "Cancel" : "Back", withRange(this.id ? `#/metrics/${this.id}` : "#/dashboard"), "button");
    this.view.begin(!this.id ? "New metric" : isAdmin() ? "Edit metric" : "Definition", [back, isAdmin() && button("Save", () => this.save(), "primary")], this.outcome,
      rangeBar(this.range, () => { this.view.keep(writeRange(this.range)); this.changed(); }),
      h("div.builder", h("div.stack", this.editor, this.source), h("div.stack", this.words, this.preview)));
    this.draw(null);
  }

  /** After a change of what the parts are. The focus stays with what has the same pointer, or goes to the one named. */
  draw(focus = document.activeElement.closest("[data-pointer]")?.dataset.pointer) {
    const { terms } = this.draft;
    fill(this.editor, this.head(), terms.map((term, index) => this.termCard(term, index)),
      terms.length < TERMS && button("Add a term", () => this.grow(terms.length, newTerm(terms)), "add"), this.formula());
    const place = [...this.editor.querySelectorAll("[data-pointer]")].findLast((each) => each.dataset.pointer === focus);
    if (place) (place.querySelector("input:checked") ?? inputOf(place)).focus();
    this.changed();
  }

  /** After every change: what was calculated is old, until the answer to this state is here. */
  changed() {
    this.words.textContent = sentence(this.draft);
    this.preview.ariaBusy = "true";
    if (!this.source.contains(document.activeElement)) this.showSource();
    this.soon();
  }

  // Name and format

  head() {
    const { draft } = this;
    const format = draft.format ?? { style: "number" };
    const set = (change) => {
      draft.format = { ...format, ...change };
      this.draw();
    };
    const places = [...(format.style === "number" ? [["", "As needed"]] : []), ...["0", "1", "2", "3", "4"].map((each) => [each, each])];
    const name = entry("Name", draft.name, (text) => { draft.name = text; this.changed(); }, { pointer: "/metric/name" });
    return h("div.card.stack", name, h("div.pair",
      select("Format", [["number", "Number"], ["percent", "Percent"], ["currency", "Currency"]], format.style, (style) => {
        draft.format = style === "number" ? undefined : { style, ...FORMATS[style] };
        this.draw();
      }, { pointer: "/metric/format/style" }),
      select("Decimals", places, String(format.decimals ?? ""), (value) => set({ decimals: value ? Number(value) : undefined }), { pointer: "/metric/format/decimals" }),
      format.style === "currency" && combobox("Currency", { value: format.currency, options: currencies, pointer: "/metric/format/currency",
        onchange: (value) => { draft.format.currency = value.trim().toUpperCase(); this.changed(); } })));
  }

  // Terms

  /** Two terms need a formula: the first one over the second is what most people come for. */
  grow(index, term) {
    const { draft } = this;
    draft.terms.splice(index, 0, term);
    if (!draft.formula.trim() || draft.formula.trim() === draft.terms[0].key) draft.formula = draft.terms.map(({ key }) => key).join(" / ");
    this.draw(`/metric/terms/${index}/event`);
  }

  drop(index) {
    this.draft.terms.splice(index, 1);
    if (this.draft.terms.length === 1) this.draft.formula = "";
    this.draw("/metric/terms/0/event");
  }

  termCard(term, index) {
    const { terms } = this.draft;
    const at = `/metric/terms/${index}`;
    const seen = () => this.known.events.find((each) => each.name === term.event);
    const properties = () => [...(seen()?.properties ?? [])];
    const said = () => (seen() ? seenText(seen()) : term.event ? "Not seen yet. It counts as soon as it comes." : " ");
    const set = (name) => (value) => { term[name] = value; this.draw(); };
    const event = combobox("Event", { value: term.event, placeholder: "Offer Made", hint: said(), pointer: `${at}/event`,
      options: () => this.known.events.map((each) => ({ value: each.name, hint: seenText(each) })),
      onchange: (text) => {
        term.event = text.trim();
        event.querySelector(".hint").textContent = said();
        this.changed();
      } });
    return h("section.card.stack", { "aria-label": `Term ${term.key}` },
      h("div.page-head", h("h2", h("span.chip", { "aria-hidden": "true" }, term.key), ` Term ${term.key}`), actions(
        terms.length < TERMS && button("Duplicate", () => this.grow(index + 1, newTerm(terms, term)), "small", { "aria-label": `Duplicate term ${term.key}` }),
        terms.length > 1 && button("Remove", () => this.drop(index), "small", { "aria-label": `Remove term ${term.key}` }))), event,
      choices("Which events", [["account", "All events"], ["contact", "Only events with a contact"]], term.type, set("type"), { "data-pointer": `${at}/type` }),
      h("div.pair", select("Calculate", AGGREGATIONS, term.aggregation ?? "count", set("aggregation"), { pointer: `${at}/aggregation` }),
        takesProperty(term.aggregation) && combobox("Property", { value: term.property, placeholder: "value", pointer: `${at}/property`,
          options: () => properties().map(([value, kinds]) => ({ value, hint: kinds.join(", ") })), onchange: (text) => { term.property = text; this.changed(); } })),
      filterBox(term, `${at}/filters`, { properties, fields: this.known.fields, values: (name) => this.values(term, name),
        draw: (focus) => this.draw(focus), changed: () => this.changed() }));
  }

  /** The most frequent values of a property or field in this term's events, from the data themselves. */
  async values({ event, type }, name) {
    if (name === "contact.tags") return this.known.tags.map(({ tag, contacts }) => ({ value: tag, hint: count(contacts, "contact") }));
    if (!event || !/^(property|contact)\./.test(name)) return [];
    try {
      const query = queryOf({ ...this.range, interval: "total", compare: "none" });
      const { breakdown } = await post("/metrics/v1/query", { ...query, breakdown: name, metric: { terms: [{ key: "A", event, type }] } });
      return breakdown.groups.filter((each) => each.key !== null).map((each) => ({ value: each.key, hint: count(each.value, "event") }));
    } catch {
      return []; // suggestions are a help, not a need
    }
  }

  // Formula

  formula() {
    const { draft } = this;
    const changed = () => { draft.formula = input.value; this.changed(); };
    const input = h("input.code", { type: "text", value: draft.formula, autocomplete: "off", spellcheck: "false", oninput: changed });
    const chip = (text, label, shown = text) => button(shown, () => {
      input.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
      input.focus();
      changed();
    }, "chip", { "aria-label": label });
    input.setSelectionRange(input.value.length, input.value.length);
    return h("div.card", { hidden: draft.terms.length < 2 && !draft.formula }, field("Formula", input, { pointer: "/metric/formula" }), h("div.formula-error"),
      h("div.actions", { role: "group", "aria-label": "Insert into the formula" }, draft.terms.map(({ key }) => chip(key, `Insert term ${key}`)),
        chip(" + ", "plus", "+"), chip(" - ", "minus", "−"), chip(" * ", "times", "×"), chip(" / ", "divided by", "÷"),
        chip("(", "open parenthesis"), chip(")", "close parenthesis")));
  }

  // What it gives

  calculate() {
    const metric = clean(this.draft);
    const query = queryOf(this.range);
    const refused = (error) => { if (error.errors?.length) return error; throw error; };
    this.markErrors([]);
    this.load((signal) => metric.terms.every((term) => term.event) && post("/metrics/v1/query", { ...query, metric }, signal).catch(refused), (answer) => {
      if (!answer) return hint("Choose an event, and its numbers appear here.");
      if (answer.errors) return this.trouble(answer);
      const shown = { definition: metric, query, answer, view: this.view, height: 240 };
      return [h("div.card.stack", result(shown)), h("div.card", resultTable(shown))];
    });
  }

  /** Errors stand beside what they are about; those that have no place, instead of the numbers. */
  trouble({ errors }) {
    const rest = this.markErrors(errors);
    return rest.length ? problemList({ errors: rest }) : hint("The numbers appear here once what is marked is corrected.");
  }

  /** Returns those that belong to no field. The formula is shown again, with what stands at the column marked. */
  markErrors(errors) {
    const { formula } = this.draft;
    const column = errors.find((each) => each.pointer === "/metric/formula")?.column;
    fill(this.editor.querySelector(".formula-error"), column && h("code", formula.slice(0, column - 1), h("mark", formula.slice(column - 1, column) || " "), formula.slice(column)));
    return markAll(this.view.main, errors);
  }

  async save() {
    const metric = clean(this.draft);
    fill(this.outcome);
    if (!metric.name) {
      const name = this.editor.querySelector(".field");
      mark(name, "Give it a name, under which it stands on the dashboard.");
      inputOf(name).focus();
      return;
    }
    try {
      const saved = this.id ? await put(`/metrics/v1/${this.id}`, metric) : await post("/metrics/v1", metric);
      this.saved = this.text();
      toast("Metric saved");
      location.hash = withRange(`#/metrics/${saved.metric_id}`);
    } catch (error) {
      const errors = this.markErrors((error.errors ?? []).map((each) => ({ ...each, pointer: `/metric${each.pointer}` })));
      if (errors.length || !error.errors?.length) fill(this.outcome, errors.length ? problemList({ errors }) : failure(error));
    }
  }

  // As JSON and curl

  showSource() {
    if (!this.source.open) return;
    const metric = clean(this.draft);
    const body = JSON.stringify({ ...queryOf(this.range), metric }).replaceAll("'", "'\\''");
    const text = h("textarea.code", { rows: 14, spellcheck: "false", value: JSON.stringify(metric, null, 2), oninput: () => this.takeJson(text.value, box) });
    const box = field("Definition", text, { hint: isAdmin() && "Edit it here, too." });
    fill(this.json, box, hint("With curl; put your whole key in place of its first characters:"), snippet(
      `curl ${session.address}/metrics/v1/query -H 'X-API-Key: ${session.key.slice(0, 9)}…' -H 'Content-Type: application/json' -d '${body}'`, "curl command"));
  }

  takeJson(text, box) {
    try {
      const parsed = JSON.parse(text);
      if (!parsed.terms.length || parsed.terms.some((term) => typeof term.key !== "string" || typeof term.event !== "string")) throw new Error();
      this.draft = editable(parsed);
      mark(box, "");
      this.draw(null);
    } catch {
      mark(box, "Not a definition yet: it is JSON with “terms”, a list of objects that have a “key” and an “event”.");
    }
  }
}

function currencies() {
  const names = new Intl.DisplayNames(undefined, { type: "currency" });
  return Intl.supportedValuesOf("currency").map((value) => ({ value, hint: names.of(value) }));
}
