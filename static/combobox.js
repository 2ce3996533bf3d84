// A text field that suggests; what is not suggested may still be typed.

import { button, field, fill, h, inputOf, newId } from "./dom.js";

const SHOWN = 60;

/**
 * `options()` gives, or promises, [{value, text, hint}]. `typed(text)` follows every keystroke and choice, `chosen(text)` only choices,
 * Enter, and leaving what was typed.
 */
export function combobox(label, value, { options, typed = () => {}, chosen = () => {}, placeholder = "", ...more }) {
  const list = h("ul", { role: "listbox", id: newId(), hidden: true, "aria-label": "Suggestions" });
  const input = h("input", { type: "text", role: "combobox", autocomplete: "off", "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": list.id, placeholder, value, onkeydown: press, onblur: () => show(false),
    onchange: () => chosen(input.value.trim()), oninput: () => { typed(input.value.trim()); open(); },
    onclick: () => { if (list.hidden) open(true); } });

  async function open(all) {
    const text = input.value;
    const found = await options();
    if (document.activeElement !== input || input.value !== text) return;
    const wanted = all ? "" : text.trim().toLowerCase();
    const fitting = found.filter((each) => `${each.text ?? each.value} ${each.hint ?? ""}`.toLowerCase().includes(wanted));
    fill(list, fitting.slice(0, SHOWN).map((each) => h("li", { role: "option", id: newId(),
      onpointerdown: (event) => event.preventDefault(), onclick: () => choose(each.value) },
    h("span.option", each.text ?? each.value), each.hint && h("span.hint", each.hint))));
    show(fitting.length > 0);
  }

  function show(yes) {
    list.hidden = !yes;
    input.setAttribute("aria-expanded", yes);
    activate(null);
  }

  function activate(item) {
    for (const each of list.children) each.ariaSelected = each === item;
    input.setAttribute("aria-activedescendant", item?.id ?? "");
    item?.scrollIntoView({ block: "nearest" });
  }

  function choose(text) {
    input.value = text;
    show(false);
    typed(text);
    chosen(text);
  }

  function press(event) {
    const { key } = event;
    const items = [...list.children];
    const at = items.findIndex((each) => each.ariaSelected === "true");
    if (key === "ArrowDown" || key === "ArrowUp") {
      if (list.hidden) open(true);
      else activate(items.at(key === "ArrowDown" ? (at + 1) % items.length : Math.max(at, 0) - 1));
    } else if (key === "Enter" && at >= 0) items[at].click();
    else if (key === "Enter") choose(input.value.trim());
    else if (key === "Escape" && !list.hidden) {
      event.stopPropagation(); // the dialog around it stays
      show(false);
    } else return;
    event.preventDefault();
  }

  return field(label, h("div.combobox", input, list), more);
}

/** Several values: each is a chip that can be taken away, and one more can be chosen or typed. `named(value)` is what a chip says. */
export function several(label, values, { options, changed, placeholder, named = String, ...more }) {
  const chips = h("ul.tags");
  const add = (text) => put(text && !values.includes(text) ? [...values, text] : values);
  const box = combobox(label, "", { ...more, chosen: add,
    options: async () => (await options()).filter((each) => !values.includes(each.value)) });
  const input = inputOf(box);
  const put = (next) => {
    if (next !== values) changed(next);
    values = next;
    input.value = "";
    input.placeholder = values.length ? "and …" : placeholder;
    fill(chips, values.map((value) => h("li.badge", named(value), button("×", () => {
      put(values.filter((each) => each !== value));
      input.focus();
    }, "plain", { "aria-label": `Remove ${named(value)}` }))));
  };
  input.parentElement.before(chips);
  put(values);
  return box;
}
