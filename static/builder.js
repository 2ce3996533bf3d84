// Builds a metric: terms, formula, name and format on one side, what it gives on the other. It edits a definition and nothing else.

import { get, isAdmin, newest, post, put, session } from "./api.js";
import { combobox } from "./combobox.js";
import { AGGREGATIONS, clean, newTerm, sentence, takesProperty } from "./definition.js";
import { button, choices, field, h, later, link, mark, select, snippet, table } from "./dom.js";
import { ago, count } from "./format.js";
import { filterGroup } from "./filters.js";
import { queryOf, rangeBar, readRange, withRange, writeRange } from "./range.js";
import { bucketTable, result } from "./result.js";
import { failure, loading, toast } from "./states.js";

const TYPING_MS = 300;
const TERMS_MOST = 20;

export async function showBuilder(view) {
  const id = view.parts[0] ?? null;
  const copied = view.params.get("copy");
  const source = id ?? copied;
  const [saved, suggestions] = await Promise.all([source ? get(`/metrics/v1/${source}`, {}, view.signal) : null, loadSuggestions(view.signal)]);
  const draft = saved ? editable(saved) : { name: "", terms: [newTerm([])], formula: "" };
  if (copied && !id) draft.name = `${saved.name} (copy)`;
  new Builder(view, id, draft, suggestions).show();
}

/** A saved definition, with the parts that it may leave out. */
function editable(definition) {
  const { name, format, terms, formula } = structuredClone(definition);
  return { name: name ?? "", format, terms, formula: formula ?? "" };
}

// What is suggested

async function loadSuggestions(signal) {
  const [{ event_names: names }, { fields, tags }] = await Promise.all([get("/event-names/v1", {}, signal), get("/contact-fields/v1", {}, signal)]);
  return { events: merged(names), fields, tags };
}

/** One entry a name, over all locations, the most frequent first. */
function merged(names) {
  const found = new Map();
  for (const each of names) {
    const entry = found.get(each.event_name) ?? { name: each.event_name, count: 0, contacts: 0, last: "", properties: new Map() };
    entry.count += each.count;
    entry.contacts += each.contact_count;
    if (each.last_seen > entry.last) entry.last = each.last_seen;
    for (const { key, kinds } of each.properties) entry.properties.set(key, [...new Set([...(entry.properties.get(key) ?? []), ...kinds])]);
    found.set(each.event_name, entry);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

class Builder {
  constructor(view, id, draft, suggestions) {
    Object.assign(this, { view, id, draft, suggestions, range: readRange(view.params) });
    this.before = JSON.stringify(clean(draft));
    this.starting = newest(view.signal);
    this.soon = later(TYPING_MS, () => this.calculate());
    view.unsaved = () => isAdmin() && JSON.stringify(clean(this.draft)) !== this.before;
  }

  show() {
    this.terms = h("div.terms");
    this.formula = h("div.card");
    this.words = h("p.lead.wrap", { role: "status" });
    this.preview = h("div.card.result");
    this.numbers = h("div.card", { hidden: true });
    this.source = h("details.card.source", { ontoggle: () => this.showSource() }, h("summary", "As JSON and curl"), h("div"));
    this.outcome = h("div");
    const title = this.id ? (isAdmin() ? "Edit metric" : "Definition") : "New metric";
    this.view.begin(title, (heading) => h("div.page-head", heading, this.actions()), this.outcome,
      rangeBar(this.range, () => { this.view.keep([...this.kept(), ...writeRange(this.range)]); this.calculate(); }),
      h("div.builder",
        h("div.edit", this.head(), this.terms, this.formula, this.source),
        h("div.seen", this.words, this.preview, this.numbers)));
    this.redraw();
    this.calculate();
  }

  kept() {
    return this.view.params.has("copy") ? [["copy", this.view.params.get("copy")]] : [];
  }

  actions() {
    const back = link(isAdmin() ? "Cancel" : "Back", withRange(this.id ? `#/metrics/${this.id}` : "#/dashboard"), "button");
    this.saving = isAdmin() ? button("Save", () => this.save(), "primary") : null;
    return h("div.actions", back, this.saving);
  }

  /** After a change of what the parts are, not of what they say: everything is drawn anew. */
  redraw() {
    this.drawHead();
    this.terms.replaceChildren(...this.draft.terms.map((term, index) => this.termCard(term, index)),
      ...(this.draft.terms.length < TERMS_MOST ? [button("Add a term", () => this.add(), "add")] : []));
    this.drawFormula();
    this.changed();
  }

  /** After every change. */
  changed() {
    this.words.textContent = sentence(this.draft);
    this.preview.classList.add("old"); // until the answer to this state is here
    this.starting();
    if (this.source.open && !this.source.contains(document.activeElement)) this.showSource();
    this.soon();
  }

  // Name and format

  head() {
    this.heading = h("div.card.stack");
    return this.heading;
  }

  drawHead() {
    const { draft } = this;
    const format = draft.format ?? { style: "number" };
    const set = (change) => {
      const made = { ...format, ...change };
      draft.format = made.style === "number" && made.decimals === undefined ? undefined : made;
      this.drawHead();
      this.changed();
      this.heading.querySelector(`[data-part="${Object.keys(change)[0]}"]`)?.focus();
    };
    const defaults = { number: undefined, percent: 1, currency: 2 };
    const style = (value) => set({ style: value, decimals: defaults[value], currency: value === "currency" ? "USD" : undefined });
    const decimals = [...(format.style === "number" ? [["", "As needed"]] : []), ...[0, 1, 2, 3, 4].map((each) => [String(each), String(each)])];
    this.heading.replaceChildren(
      field("Name", h("input", { type: "text", value: draft.name, autocomplete: "off", oninput: (event) => { draft.name = event.target.value; this.changed(); } }), "", { pointer: "/metric/name" }),
      h("div.pair",
        field("Format", select([["number", "Number"], ["percent", "Percent"], ["currency", "Currency"]], format.style, style, { "data-part": "style" })),
        field("Decimals", select(decimals, String(format.decimals ?? ""), (value) => set({ decimals: value === "" ? undefined : Number(value) }), { "data-part": "decimals" })),
        format.style === "currency" ? field("Currency", combobox({ value: format.currency ?? "", options: currencies, onchange: (value) => {
          if (/^[A-Za-z]{3}$/.test(value.trim())) { draft.format.currency = value.trim().toUpperCase(); this.changed(); }
        } })) : null));
  }

  // Terms

  add() {
    this.draft.terms.push(newTerm(this.draft.terms));
    this.grown();
  }

  duplicate(index) {
    this.draft.terms.splice(index + 1, 0, newTerm(this.draft.terms, this.draft.terms[index]));
    this.grown(index + 1);
  }

  /** Two terms need a formula: the first one over the second is what most people come for. */
  grown(index = this.draft.terms.length - 1) {
    const { terms } = this.draft;
    const plain = !this.draft.formula.trim() || (terms.length === 2 && terms.some((term) => term.key === this.draft.formula.trim()));
    if (plain) this.draft.formula = terms.map((term) => term.key).join(" / ");
    this.redraw();
    this.terms.children[index].querySelector("input")?.focus();
  }

  drop(index) {
    this.draft.terms.splice(index, 1);
    if (this.draft.terms.length === 1) this.draft.formula = "";
    this.redraw();
    this.terms.querySelector("input")?.focus();
  }

  termCard(term, index) {
    const several = this.draft.terms.length > 1;
    const redraw = (part) => {
      const made = this.termCard(term, index);
      this.terms.children[index].replaceWith(made);
      made.querySelector(`[data-part="${part}"]`)?.focus();
      this.changed();
    };
    const at = `/metric/terms/${index}`;
    return h("section.card.term", { "data-pointer": at, "aria-label": `Term ${term.key}` },
      h("div.term-head", h("span.chip", { "aria-hidden": "true" }, term.key), h("h2", `Term ${term.key}`),
        h("div.actions", this.draft.terms.length < TERMS_MOST ? button("Duplicate", () => this.duplicate(index), "small", { "aria-label": `Duplicate term ${term.key}` }) : null,
          several ? button("Remove", () => this.drop(index), "small", { "aria-label": `Remove term ${term.key}` }) : null)),
      this.eventField(term, at),
      choices("Which events", [["account", "All events"], ["contact", "Only events with a contact"]], term.type, (type) => { term.type = type; redraw(); }),
      h("div.pair",
        field("Calculate", select(AGGREGATIONS, term.aggregation ?? "count", (value) => {
          term.aggregation = value;
          if (!takesProperty(value)) delete term.property;
          redraw("aggregation");
        }, { "data-part": "aggregation" }), "", { pointer: `${at}/aggregation` }),
        takesProperty(term.aggregation ?? "count") ? this.propertyField(term, at) : null),
      filterGroup({ term, at: `${at}/filters`, seen: () => this.seen(term), suggestions: this.suggestions, values: (name) => this.values(term, name),
        onchange: () => this.changed() }));
  }

  seen(term) {
    return this.suggestions.events.find((each) => each.name === term.event);
  }

  eventField(term, at) {
    const hint = () => {
      const known = this.seen(term);
      if (known) return `${count(known.count, "event")}, last ${ago(known.last)}`;
      return term.event.trim() ? "Not seen yet. It counts as soon as it comes." : "";
    };
    const options = () => this.suggestions.events.map((each) => ({ value: each.name, hint: `${count(each.count, "event")}, last ${ago(each.last)}` }));
    const box = field("Event", combobox({ value: term.event, options, placeholder: "Offer Made", onchange: (value) => {
      term.event = value.trim();
      box.querySelector(".hint").textContent = hint();
      this.changed();
    } }), hint() || " ", { pointer: `${at}/event` });
    return box;
  }

  propertyField(term, at) {
    const numeric = !["count_distinct"].includes(term.aggregation);
    const options = () => [...(this.seen(term)?.properties ?? [])].map(([key, kinds]) => ({ value: key, hint: kinds.join(", ") }))
      .sort((a, b) => numeric * (b.hint.includes("number") - a.hint.includes("number")));
    return field("Property", combobox({ value: term.property ?? "", options, placeholder: "value", onchange: (value) => { term.property = value; this.changed(); } }), "",
      { pointer: `${at}/property` });
  }

  /** The most frequent values of a property or field in this term's events, from the data themselves. */
  async values(term, name) {
    if (name === "contact.tags") return this.suggestions.tags.map((each) => ({ value: each.tag, hint: count(each.contacts, "contact") }));
    if (!term.event || !/^(property|contact)\./.test(name) || name === "contact.date_created") return [];
    const metric = { terms: [{ key: "A", event: term.event, type: name.startsWith("contact.") ? "contact" : term.type }] };
    try {
      const { breakdown } = await post("/metrics/v1/query", { ...await queryOf({ ...this.range, interval: "total", compare: "none" }, this.view.signal), metric, breakdown: name }, this.view.signal);
      return breakdown.groups.filter((each) => each.key !== null).map((each) => ({ value: each.key, hint: count(each.value, "event") }));
    } catch {
      return []; // suggestions are a help, not a need
    }
  }

  // Formula

  drawFormula() {
    const { draft } = this;
    this.formula.hidden = draft.terms.length < 2 && !draft.formula;
    const input = h("input", { type: "text", class: "code", value: draft.formula, autocomplete: "off", spellcheck: "false", oninput: () => { draft.formula = input.value; this.changed(); } });
    const insert = (text) => {
      input.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
      input.focus();
      draft.formula = input.value;
      this.changed();
    };
    const chip = (text, label, shown = text) => button(shown, () => insert(text), "chip", { "aria-label": label });
    this.formula.replaceChildren(field("Formula", input, "", { pointer: "/metric/formula" }), h("div.formula-error", { hidden: true }),
      h("div.chips", { role: "group", "aria-label": "Insert into the formula" },
        draft.terms.map(({ key }) => chip(key, `Insert term ${key}`)), chip(" + ", "plus", "+"), chip(" - ", "minus", "−"), chip(" * ", "times", "×"), chip(" / ", "divided by", "÷"),
        chip("(", "open parenthesis"), chip(")", "close parenthesis")));
    input.setSelectionRange(input.value.length, input.value.length);
  }

  /** The formula again, with what stands at the column marked. */
  markFormula(error) {
    const box = this.formula.querySelector(".formula-error");
    box.hidden = !error?.column;
    if (!error?.column) return;
    const at = error.column - 1;
    const text = this.draft.formula;
    box.replaceChildren(h("code", text.slice(0, at), h("mark", text.slice(at, at + 1) || " "), text.slice(at + 1)));
  }

  // What it gives

  async calculate() {
    const signal = this.starting();
    const definition = clean(this.draft);
    this.markErrors([]);
    if (definition.terms.some((term) => !term.event)) {
      this.preview.classList.remove("old");
      this.numbers.hidden = true;
      this.preview.replaceChildren(h("p.hint", "Choose an event, and its numbers appear here."));
      return;
    }
    this.preview.setAttribute("aria-busy", "true");
    try {
      const query = await queryOf(this.range, signal);
      const answer = await post("/metrics/v1/query", { ...query, metric: definition }, signal);
      if (!signal.aborted) this.showResult({ definition, query, answer, view: this.view, kind: "line", height: 240 });
    } catch (error) {
      if (!signal.aborted) this.showTrouble(error, signal);
    }
  }

  showResult(shown) {
    this.preview.removeAttribute("aria-busy");
    this.preview.classList.remove("old");
    this.preview.replaceChildren(...result(shown), shown.definition.terms.length > 1 ? termTable(shown) : "");
    this.numbers.hidden = shown.answer.buckets.length < 2;
    this.numbers.replaceChildren(bucketTable(shown));
  }

  /** Errors stand beside what they are about; the rest, and what has no place, above the preview. */
  showTrouble(error, signal) {
    this.preview.removeAttribute("aria-busy");
    this.preview.classList.remove("old");
    this.numbers.hidden = true;
    const homeless = this.markErrors(error.errors ?? []);
    if (error.errors?.length && !homeless.length) this.preview.replaceChildren(h("p.hint", "The numbers appear here once what is marked is corrected."));
    else if (homeless.length) this.preview.replaceChildren(h("ul.failure", homeless.map((each) => h("li", each.message))));
    else this.preview.replaceChildren(failure(error, () => this.calculate(), signal));
  }

  /** Returns those that belong to no field. */
  markErrors(errors) {
    const boxes = [...this.view.main.querySelectorAll(".field[data-pointer]")];
    for (const box of boxes) mark(box, "");
    this.markFormula(errors.find((each) => each.pointer === "/metric/formula"));
    return errors.filter(({ pointer, message }) => {
      const box = boxes.filter((each) => pointer === each.dataset.pointer || pointer.startsWith(`${each.dataset.pointer}/`))
        .sort((a, b) => b.dataset.pointer.length - a.dataset.pointer.length)[0];
      if (box) mark(box, message);
      return !box;
    });
  }

  // Saving

  async save() {
    const definition = clean(this.draft);
    this.outcome.replaceChildren();
    if (!definition.name) {
      const box = this.heading.querySelector(".field");
      mark(box, "Give it a name, under which it stands on the dashboard.");
      box.querySelector("input").focus();
      return;
    }
    this.saving.disabled = true;
    try {
      const saved = this.id ? await put(`/metrics/v1/${this.id}`, definition) : await post("/metrics/v1", definition);
      this.before = JSON.stringify(clean(this.draft));
      toast("Metric saved");
      location.hash = withRange(`#/metrics/${saved.metric_id}`);
    } catch (error) {
      this.saving.disabled = false;
      const homeless = this.markErrors((error.errors ?? []).map((each) => ({ ...each, pointer: `/metric${each.pointer}` })));
      if (!error.errors?.length || homeless.length) this.outcome.replaceChildren(failure(homeless.length ? { status: error.status, message: homeless.map((each) => each.message).join("; ") } : error));
      this.outcome.scrollIntoView({ block: "nearest" });
    }
  }

  // As JSON and curl

  async showSource() {
    if (!this.source.open) return;
    const box = this.source.lastChild;
    const text = h("textarea.code", { rows: 14, spellcheck: "false" });
    text.value = JSON.stringify(clean(this.draft), null, 2);
    const json = field("Definition", text, isAdmin() ? "Edit it here, too." : "");
    text.addEventListener("input", () => this.takeJson(text.value, json));
    box.replaceChildren(json, loading());
    const query = await queryOf(this.range, this.view.signal).catch(() => null);
    const command = query && `curl ${location.origin}/metrics/v1/query -H 'X-API-Key: ${session.key.slice(0, 9)}…' -H 'Content-Type: application/json' -d ${shellQuoted(
      JSON.stringify({ ...query, metric: clean(this.draft) }))}`;
    box.replaceChildren(json, ...(command ? [h("h3", "With curl"), h("p.hint", "Put your whole key in place of its first characters."), snippet(command, "curl command")] : []));
  }

  takeJson(text, box) {
    let parsed;
    try {
      parsed = JSON.parse(text);
      if (!Array.isArray(parsed?.terms) || !parsed.terms.length || !parsed.terms.every((term) => typeof term?.key === "string" && typeof term.event === "string")) {
        throw new SyntaxError("a metric needs “terms”, a list of objects with a “key” and an “event”");
      }
    } catch (error) {
      mark(box, `Not a definition yet: ${error.message}`);
      return;
    }
    mark(box, "");
    Object.assign(this.draft, { format: undefined }, editable(parsed));
    this.redraw();
  }
}

const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function currencies() {
  const names = new Intl.DisplayNames(undefined, { type: "currency" });
  return Intl.supportedValuesOf("currency").map((code) => ({ value: code, hint: names.of(code) }));
}

/** What each term is over the whole range. */
function termTable({ definition, answer }) {
  return table("Terms over the whole range", ["Term", "Event", { text: "Value", number: true }], definition.terms.map((term) => h("tr",
    h("td", h("span.chip", term.key)), h("th", { scope: "row" }, term.event), h("td.number", String(answer.total.terms[term.key] ?? "–")))));
}
