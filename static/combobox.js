// Text fields that suggest. What is not suggested may still be typed.

import { button, fill, h, newId } from "./dom.js";
import { field, inputOf, mark } from "./fields.js";

const SUGGESTIONS_MAX = 60;

/**
 * A suggestion. `text` is what the list shows where that is not the value itself, `hint` stands beside it.
 * @typedef {{value: string, text?: string, hint?: string}} Suggestion
 */

/**
 * A text field with suggestions.
 * @param {{state: object, name: string, suggest: () => Suggestion[] | Promise<Suggestion[]>, changed?: () => void,
 *   chosen?: () => void, note?: () => string | null | false, placeholder?: string}} options `changed` follows every
 *   keystroke and choice; `chosen` only choices, Enter, and leaving what was typed; `note` says something about the value,
 *   under the field; and the options of field()
 */
export const combobox = (label, options) => new Combobox(label, options).field;

class Combobox {
  // Counts what happens to the list: suggestions that arrive after something else has happened are not shown.
  generation = 0;

  constructor(label, options) {
    this.options = options;
    this.list = h("ul", { role: "listbox", id: newId(), "aria-label": "Suggestions" });
    this.input = h("input", {
      type: "text",
      role: "combobox",
      autocomplete: "off",
      "aria-controls": this.list.id,
      placeholder: options.placeholder ?? "",
      value: options.state[options.name] ?? "",
      onkeydown: event => this.press(event),
      onblur: () => this.close(),
      onchange: () => options.chosen?.(),
      oninput: () => {
        this.store();
        this.open(this.input.value.trim());
      },
      onclick: () => {
        if (this.list.hidden) this.open("");
      },
    });
    const hint = options.note ? " " : options.hint; // a place for the note
    this.field = field(label, h("div.combobox", this.input, this.list), { ...options, hint });
    this.close();
    this.showNote();
  }

  // The list

  async open(search) {
    this.close();
    const { generation } = this;
    const suggestions = await this.options.suggest();
    if (generation !== this.generation) return;
    const fitting = suggestions
      .filter(suggestion => fits(suggestion, search.toLowerCase()))
      .sort(sameFirst(this.input.value.trim()))
      .slice(0, SUGGESTIONS_MAX);
    fill(
      this.list,
      fitting.map(suggestion => this.item(suggestion)),
    );
    this.setOpen(fitting.length > 0);
  }

  item({ value, text = value, hint }) {
    const attributes = {
      role: "option",
      id: newId(),
      onclick: () => this.choose(value),
      onpointerdown: event => event.preventDefault(), // the input keeps the focus
    };
    return h("li", attributes, h("span.clamp", text), hint && h("span.hint", hint));
  }

  close() {
    this.setOpen(false);
  }

  setOpen(isOpen) {
    this.generation += 1;
    this.list.hidden = !isOpen;
    this.input.ariaExpanded = isOpen;
    this.activate(null);
  }

  activate(item) {
    for (const other of this.list.children) other.ariaSelected = other === item;
    this.input.setAttribute("aria-activedescendant", item?.id ?? "");
    item?.scrollIntoView({ block: "nearest" });
  }

  get items() {
    return this.list.hidden ? [] : [...this.list.children];
  }

  get activeItem() {
    return this.items.find(item => item.ariaSelected === "true");
  }

  // The value

  store() {
    const { state, name, changed } = this.options;
    state[name] = this.input.value.trim();
    mark(this.field, "");
    changed?.();
    this.showNote();
  }

  choose(value) {
    this.input.value = value;
    this.close();
    this.store();
    this.options.chosen?.();
  }

  showNote() {
    const { note } = this.options;
    if (note) fill(this.field.querySelector(".notes .hint"), note());
  }

  // The keyboard

  press(event) {
    const act = this.actionOf(event.key);
    if (!act) return;
    event.preventDefault();
    if (event.key === "Escape") event.stopPropagation(); // the dialog around it stays open
    act();
  }

  actionOf(key) {
    if (key === "ArrowDown") return () => this.step(1);
    if (key === "ArrowUp") return () => this.step(-1);
    if (key === "Enter") return () => this.enter();
    if (key === "Escape" && !this.list.hidden) return () => this.close();
    return null;
  }

  step(direction) {
    if (this.list.hidden) {
      this.open("");
      return;
    }
    const { items } = this;
    const index = items.indexOf(this.activeItem);
    const next = index === -1 && direction === -1 ? items.length - 1 : index + direction;
    this.activate(items.at(next % items.length));
  }

  // Enter takes the active suggestion, or the only one; else what was typed.
  enter() {
    const { items, input } = this;
    const only = input.value && items.length === 1 ? items[0] : null;
    const item = this.activeItem ?? only;
    if (item) item.click();
    else this.choose(input.value);
  }
}

const fits = ({ value, text, hint }, search) =>
  [value, hint, text].join(" ").toLowerCase().includes(search);

const sameFirst = text => (one, other) => (other.value === text) - (one.value === text);

/**
 * A field of several values, shown as chips; `state[name]` is their array.
 * @param {{state: object, name: string, suggest: () => Suggestion[] | Promise<Suggestion[]>, changed?: () => void,
 *   nameOf?: (value: string) => string, placeholder?: string}} options `nameOf` is what a chip shows; and those of field()
 */
export function chipsField(label, options) {
  const { state, name, suggest, changed, nameOf = String, placeholder } = options;
  const chips = h("ul.tags");
  const typed = {};
  const box = combobox(label, {
    ...options,
    state: typed,
    changed: undefined,
    suggest: async () => (await suggest()).filter(({ value }) => !state[name].includes(value)),
    chosen: () => {
      if (typed[name]) set([...new Set([...state[name], typed[name]])]);
      else draw();
    },
  });
  const input = inputOf(box);

  function set(values) {
    state[name] = values;
    draw();
    changed?.();
  }

  function draw() {
    typed[name] = "";
    input.value = "";
    input.placeholder = state[name].length ? "Add another …" : placeholder;
    fill(chips, state[name].map(chip));
  }

  function chip(value) {
    const drop = () => {
      set(state[name].filter(other => other !== value));
      input.focus();
    };
    return h("li.badge", nameOf(value), button("×", drop, "plain", `Remove ${nameOf(value)}`));
  }

  input.parentElement.after(chips);
  draw();
  return box;
}
