// A text field that suggests: what is not suggested may still be typed.

import { h, newId } from "./dom.js";

const SHOWN = 60;

/**
 * `options()` gives, or promises, [{value, text, hint}]; `onchange(value)` follows every keystroke and choice.
 * Returns the box, to be labelled by `field`.
 */
export function combobox({ value = "", options, onchange, onchoose = () => {}, placeholder = "", attributes = {} }) {
  const id = newId("list");
  let shown = [];
  let active = -1;
  let asked = 0;
  const list = h("ul", { role: "listbox", id, hidden: true, "aria-label": "Suggestions" });
  const input = h("input", { type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-expanded": "false",
    "aria-controls": id, placeholder, value, ...attributes });

  async function open(all) {
    const asking = (asked += 1);
    const found = await options();
    if (asking !== asked || document.activeElement !== input) return;
    const wanted = all ? "" : input.value.trim().toLowerCase();
    shown = found.filter((each) => `${each.text ?? each.value} ${each.hint ?? ""}`.toLowerCase().includes(wanted)).slice(0, SHOWN);
    active = -1;
    list.replaceChildren(...shown.map(option));
    show(shown.length > 0);
  }

  function option(each, index) {
    return h("li", { role: "option", id: `${id}-${index}`, "aria-selected": "false", onpointerdown: (event) => event.preventDefault(), onclick: () => choose(index) },
      h("span.option", each.text ?? each.value), each.hint && h("span.hint", each.hint));
  }

  function show(yes) {
    list.hidden = !yes;
    input.setAttribute("aria-expanded", String(yes));
    if (!yes) asked += 1;
    activate(-1);
  }

  function activate(index) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = index;
    const chosen = list.children[index];
    chosen?.setAttribute("aria-selected", "true");
    chosen?.scrollIntoView({ block: "nearest" });
    if (chosen) input.setAttribute("aria-activedescendant", chosen.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    input.value = shown[index].value;
    show(false);
    onchange(input.value);
    onchoose(input.value);
  }

  function press(event) {
    const open_ = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (!open_) open(true);
      else activate((active + step + shown.length + (active < 0 && step < 0 ? 1 : 0)) % shown.length);
    } else if (event.key === "Enter" && open_ && active >= 0) {
      event.preventDefault();
      choose(active);
    } else if (event.key === "Enter") {
      show(false);
      onchoose(input.value);
    } else if (event.key === "Escape" && open_) {
      event.preventDefault(); // and the dialog around it stays
      event.stopPropagation();
      show(false);
    }
  }

  input.addEventListener("input", () => { onchange(input.value); open(false); });
  input.addEventListener("click", () => { if (list.hidden) open(true); });
  input.addEventListener("keydown", press);
  input.addEventListener("blur", () => show(false));
  return h("div.combobox", input, list);
}
