// Builds a metric: terms, formula, name and format on one side, what it gives on the other. It edits a definition and nothing else.

import { get, isAdmin, newest, post, put, session } from "./api.js";
import { combobox } from "./combobox.js";
import { AGGREGATIONS, clean, newTerm, sentence, takesProperty } from "./definition.js";
import { actions, button, choices, entry, field, h, hint, later, link, mark, markAll, select, snippet } from "./dom.js";
import { filterBox } from "./filters.js";
import { ago, count } from "./format.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { bucketTable, result } from "./result.js";
import { failure, problemList, toast } from "./states.js";

const TYPING_MS = 300;
const DECIMALS = { number: undefined, percent: 1, currency: 2 };

export async function showBuilder(view) {
  const [id] = view.parts;
  const copied = view.params.get("copy");
  const [{ event_names: names }, known, saved] = await Promise.all([get("/event-names/v1", {}, view.signal), get("/contact-fields/v1", {}, view.signal),
    id || copied ? get(`/metrics/v1/${id ?? copied}`, {}, view.signal) : { name: "", terms: [newTerm([])] }]);
  new Builder(view, id, copied, editable(copied ? { ...saved, name: `${saved.name} (copy)` } : saved), { ...known, events: merged(names) }).show();
}

const editable = ({ name = "", format, terms, formula = "" }) => structuredClone({ name, format, terms, formula });

/** One entry a name, over all locations, the most frequent first. */
function merged(names) {
  const found = new Map();
  for (const { event_name: name, count: amount, last_seen: last, properties } of names) {
    const each = found.get(name) ?? { name, count: 0, last: "", properties: new Map() };
    each.count += amount;
    each.last = last > each.last ? last : each.last;
    for (const { key, kinds } of properties) each.properties.set(key, [...new Set([...(each.properties.get(key) ?? []), ...kinds])]);
    found.set(name, each);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

const seenText = (each) => `${count(each.count, "event")}, last ${ago(each.last)}`;

class Builder {
  constructor(view, id, copied, draft, known) {
    Object.assign(this, { view, id, copied, draft, known, range: readRange(view.params), starting: newest(view.signal) });
    this.before = JSON.stringify(clean(draft));
    this.soon = later(TYPING_MS, () => this.calculate());
    view.unsaved = () => isAdmin() && JSON.stringify(clean(this.draft)) !== this.before;
  }

  show() {
    this.head = h("div.card.stack");
    this.terms = h("div.stack");
    this.formula = h("div.card");
    this.words = h("p.lead", { role: "status" });
    this.preview = h("div.card.stack");
    this.numbers = h("div.card", { hidden: true });
    this.outcome = h("div");
    this.source = h("details.card", { ontoggle: () => this.showSource() }, h("summary", "As JSON and curl"), h("div.stack"));
    this.saving = isAdmin() && button("Save", () => this.save(), "primary");
    this.view.begin(!this.id ? "New metric" : isAdmin() ? "Edit metric" : "Definition",
      [link(isAdmin() ? "Cancel" : "Back", withRange(this.id ? `#/metrics/${this.id}` : "#/dashboard"), "button"), this.saving], this.outcome,
      rangeBar(this.range, () => { this.view.keep([...(this.copied ? [["copy", this.copied]] : []), ...writeRange(this.range)]); this.changed(); }),
      h("div.builder", h("div.stack", this.head, this.terms, this.formula, this.source), h("div.stack", this.words, this.preview, this.numbers)));
    this.redraw();
    this.calculate();
  }

  /** After a change of what the parts are, not of what they say: everything is drawn anew. */
  redraw() {
    const { terms } = this.draft;
    this.drawHead();
    this.terms.replaceChildren(...terms.map((term, index) => this.termCard(term, index)), terms.length < 20 ? button("Add a term", () => this.grow(terms.length, newTerm(terms)), "add") : "");
    this.drawFormula();
    this.changed();
  }

  /** After every change: what was calculated is old, until the answer to this state is here. */
  changed() {
    this.words.textContent = sentence(this.draft);
    this.preview.classList.add("old");
    this.numbers.hidden = true;
    this.starting();
    if (!this.source.contains(document.activeElement)) this.showSource();
    this.soon();
  }

  // Name and format

  drawHead() {
    const { draft } = this;
    const { style, decimals, currency } = draft.format ?? { style: "number" };
    const set = (change, part) => {
      const format = { style, decimals, currency, ...change };
      draft.format = format.style === "number" && format.decimals === undefined ? undefined : JSON.parse(JSON.stringify(format));
      this.drawHead();
      this.changed();
      this.head.querySelector(`[data-part=${part}]`).focus();
    };
    const places = [...(style === "number" ? [["", "As needed"]] : []), ...["0", "1", "2", "3", "4"].map((each) => [each, each])];
    this.head.replaceChildren(entry("Name", draft.name, (text) => { draft.name = text; this.changed(); }, { pointer: "/metric/name" }), h("div.pair",
      field("Format", select([["number", "Number"], ["percent", "Percent"], ["currency", "Currency"]], style, (value) =>
        set({ style: value, decimals: DECIMALS[value], currency: value === "currency" ? "USD" : undefined }, "style"), { "data-part": "style" })),
      field("Decimals", select(places, String(decimals ?? ""), (value) => set({ decimals: value ? Number(value) : undefined }, "decimals"), { "data-part": "decimals" })),
      style === "currency" ? field("Currency", combobox({ value: currency, options: currencies, onchange: (value) => {
        draft.format.currency = value.trim().toUpperCase();
        this.changed();
      } }), { pointer: "/metric/format/currency" }) : ""));
  }

  // Terms

  /** Two terms need a formula: the first one over the second is what most people come for. */
  grow(index, term) {
    const { draft } = this;
    draft.terms.splice(index, 0, term);
    if (!draft.formula.trim() || draft.formula.trim() === draft.terms[0].key) draft.formula = draft.terms.map(({ key }) => key).join(" / ");
    this.redraw();
    this.terms.children[index].querySelector("input").focus();
  }

  drop(index) {
    this.draft.terms.splice(index, 1);
    if (this.draft.terms.length === 1) this.draft.formula = "";
    this.redraw();
    this.terms.querySelector("input").focus();
  }

  termCard(term, index) {
    const { terms } = this.draft;
    const at = `/metric/terms/${index}`;
    const redraw = (focus) => {
      this.terms.children[index].replaceWith(this.termCard(term, index));
      this.terms.children[index].querySelector(focus).focus();
      this.changed();
    };
    const seen = () => this.known.events.find((each) => each.name === term.event);
    const properties = () => [...(seen()?.properties ?? [])];
    const said = () => (seen() ? seenText(seen()) : term.event ? "Not seen yet. It counts as soon as it comes." : " ");
    const event = field("Event", combobox({ value: term.event, placeholder: "Offer Made", options: () => this.known.events.map((each) => ({ value: each.name, hint: seenText(each) })),
      onchange: (text) => {
        term.event = text.trim();
        event.querySelector(".hint").textContent = said();
        this.changed();
      } }), { hint: said(), pointer: `${at}/event` });
    return h("section.card.stack", { "aria-label": `Term ${term.key}` },
      h("div.page-head", h("h2", h("span.chip", { "aria-hidden": "true" }, term.key), ` Term ${term.key}`), actions(
        terms.length < 20 && button("Duplicate", () => this.grow(index + 1, newTerm(terms, term)), "small", { "aria-label": `Duplicate term ${term.key}` }),
        terms.length > 1 && button("Remove", () => this.drop(index), "small", { "aria-label": `Remove term ${term.key}` }))),
      event,
      choices("Which events", [["account", "All events"], ["contact", "Only events with a contact"]], term.type, (type) => { term.type = type; redraw(":checked"); }),
      h("div.pair", field("Calculate", select(AGGREGATIONS, term.aggregation ?? "count", (value) => { term.aggregation = value; redraw("select"); }), { pointer: `${at}/aggregation` }),
        takesProperty(term.aggregation ?? "count") && field("Property", combobox({ value: term.property ?? "", placeholder: "value",
          options: () => properties().map(([value, kinds]) => ({ value, hint: kinds.join(", ") })), onchange: (text) => { term.property = text; this.changed(); } }), { pointer: `${at}/property` })),
      filterBox({ term, at: `${at}/filters`, properties, fields: this.known.fields, values: (name) => this.values(term, name), onchange: () => this.changed() }));
  }

  /** The most frequent values of a property or field in this term's events, from the data themselves. */
  async values({ event, type }, name) {
    if (name === "contact.tags") return this.known.tags.map(({ tag, contacts }) => ({ value: tag, hint: count(contacts, "contact") }));
    if (!event || !/^(property|contact)\./.test(name)) return [];
    try {
      const query = await queryOf({ ...this.range, interval: "total", compare: "none" }, this.view.signal);
      const { breakdown } = await post("/metrics/v1/query", { ...query, breakdown: name, metric: { terms: [{ key: "A", event, type }] } }, this.view.signal);
      return breakdown.groups.filter((each) => each.key !== null).map((each) => ({ value: each.key, hint: count(each.value, "event") }));
    } catch {
      return []; // suggestions are a help, not a need
    }
  }

  // Formula

  drawFormula() {
    const { draft } = this;
    this.formula.hidden = draft.terms.length < 2 && !draft.formula;
    const changed = () => { draft.formula = input.value; this.changed(); };
    const input = h("input.code", { type: "text", value: draft.formula, autocomplete: "off", spellcheck: "false", oninput: changed });
    const chip = (text, label, shown = text) => button(shown, () => {
      input.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
      input.focus();
      changed();
    }, "chip", { "aria-label": label });
    this.formula.replaceChildren(field("Formula", input, { pointer: "/metric/formula" }), h("div.formula-error"), h("div.actions", { role: "group", "aria-label": "Insert into the formula" },
      draft.terms.map(({ key }) => chip(key, `Insert term ${key}`)), chip(" + ", "plus", "+"), chip(" - ", "minus", "−"), chip(" * ", "times", "×"), chip(" / ", "divided by", "÷"),
      chip("(", "open parenthesis"), chip(")", "close parenthesis")));
    input.setSelectionRange(input.value.length, input.value.length);
  }

  // What it gives

  async calculate() {
    const signal = this.starting();
    const metric = clean(this.draft);
    this.markErrors([]);
    if (metric.terms.some((term) => !term.event)) return this.fill(hint("Choose an event, and its numbers appear here."));
    this.preview.setAttribute("aria-busy", "true");
    try {
      const query = await queryOf(this.range, signal);
      const answer = await post("/metrics/v1/query", { ...query, metric }, signal);
      if (signal.aborted) return undefined;
      const shown = { definition: metric, query, answer, view: this.view, height: 240 };
      this.fill(...result(shown));
      this.numbers.hidden = false;
      this.numbers.replaceChildren(bucketTable(shown));
    } catch (error) {
      if (!signal.aborted) this.showTrouble(error, signal);
    }
    return undefined;
  }

  fill(...content) {
    this.preview.removeAttribute("aria-busy");
    this.preview.classList.remove("old");
    this.preview.replaceChildren(...content);
  }

  /** Errors stand beside what they are about, and those that have no place above the preview. */
  showTrouble(error, signal) {
    const errors = this.markErrors(error.errors ?? []);
    this.fill(!error.errors?.length ? failure(error, () => this.calculate(), signal)
      : errors.length ? problemList({ errors }) : hint("The numbers appear here once what is marked is corrected."));
  }

  /** Returns those that belong to no field. The formula is shown again, with what stands at the column marked. */
  markErrors(errors) {
    const column = errors.find((each) => each.pointer === "/metric/formula")?.column;
    const { formula } = this.draft;
    this.formula.querySelector(".formula-error").replaceChildren(...(column
      ? [h("code", formula.slice(0, column - 1), h("mark", formula.slice(column - 1, column) || " "), formula.slice(column))] : []));
    return markAll(this.view.main, errors);
  }

  async save() {
    const metric = clean(this.draft);
    this.outcome.replaceChildren();
    if (!metric.name) {
      mark(this.head.firstChild, "Give it a name, under which it stands on the dashboard.");
      this.head.querySelector("input").focus();
      return;
    }
    this.saving.disabled = true;
    try {
      const saved = this.id ? await put(`/metrics/v1/${this.id}`, metric) : await post("/metrics/v1", metric);
      this.before = JSON.stringify(clean(this.draft));
      toast("Metric saved");
      location.hash = withRange(`#/metrics/${saved.metric_id}`);
    } catch (error) {
      const errors = this.markErrors((error.errors ?? []).map((each) => ({ ...each, pointer: `/metric${each.pointer}` })));
      if (errors.length || !error.errors?.length) this.outcome.replaceChildren(errors.length ? problemList({ errors }) : failure(error));
    }
    this.saving.disabled = false;
  }

  // As JSON and curl

  async showSource() {
    if (!this.source.open) return;
    const metric = clean(this.draft);
    const text = h("textarea.code", { rows: 14, spellcheck: "false", value: JSON.stringify(metric, null, 2), oninput: () => this.takeJson(text.value, json) });
    const json = field("Definition", text, { hint: isAdmin() ? "Edit it here, too." : "" });
    this.source.lastChild.replaceChildren(json);
    const query = await queryOf(this.range, this.view.signal).catch(() => null);
    if (!query || !json.isConnected) return;
    const body = JSON.stringify({ ...query, metric }).replaceAll("'", "'\\''");
    json.after(hint("With curl; put your whole key in place of its first characters:"),
      snippet(`curl ${location.origin}/metrics/v1/query -H 'X-API-Key: ${session.key.slice(0, 9)}…' -H 'Content-Type: application/json' -d '${body}'`, "curl command"));
  }

  takeJson(text, box) {
    try {
      const parsed = JSON.parse(text);
      if (!parsed.terms.length || parsed.terms.some((term) => typeof term.key !== "string" || typeof term.event !== "string")) throw new Error();
      this.draft = editable(parsed);
      mark(box, "");
      this.redraw();
    } catch {
      mark(box, "Not a definition yet: it is JSON with “terms”, a list of objects that have a “key” and an “event”.");
    }
  }
}

function currencies() {
  const names = new Intl.DisplayNames(undefined, { type: "currency" });
  return Intl.supportedValuesOf("currency").map((value) => ({ value, hint: names.of(value) }));
}
