// A text field that suggests; what is not suggested may still be typed.

import { h, newId } from "./dom.js";

const SHOWN = 60;

/**
 * `options()` gives, or promises, [{value, text, hint}]; `onchange(value)` follows every keystroke and choice, `onchoose`
 * choices and Enter. To be labelled by `field`.
 */
export function combobox({ value = "", options, onchange = () => {}, onchoose = () => {}, placeholder = "" }) {
  const id = newId();
  let shown = [];
  let active = -1;
  let asked = 0;
  const list = h("ul", { role: "listbox", id, hidden: true, "aria-label": "Suggestions" });
  const input = h("input", { type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-expanded": "false",
    "aria-controls": id, placeholder, value, oninput: () => { onchange(input.value); open(); }, onclick: () => { if (list.hidden) open(true); }, onkeydown: press,
    onblur: () => show(false) });

  async function open(all) {
    const asking = (asked += 1);
    const found = await options();
    if (asking !== asked || document.activeElement !== input) return;
    const wanted = all ? "" : input.value.trim().toLowerCase();
    shown = found.filter((each) => `${each.text ?? each.value} ${each.hint ?? ""}`.toLowerCase().includes(wanted)).slice(0, SHOWN);
    list.replaceChildren(...shown.map((each, index) => h("li", { role: "option", id: `${id}-${index}`, "aria-selected": "false",
      onpointerdown: (event) => event.preventDefault(), onclick: () => choose(index) }, h("span.option", each.text ?? each.value), each.hint && h("span.hint", each.hint))));
    show(shown.length > 0);
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
    input.removeAttribute("aria-activedescendant");
    const chosen = list.children[index];
    if (!chosen) return;
    chosen.setAttribute("aria-selected", "true");
    chosen.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", chosen.id);
  }

  function choose(index) {
    input.value = shown[index].value;
    show(false);
    onchange(input.value);
    onchoose(input.value);
  }

  function press(event) {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      if (list.hidden) open(true);
      else activate(key === "ArrowDown" ? (active + 1) % shown.length : (active < 1 ? shown.length : active) - 1);
    } else if (key === "Enter" && !list.hidden && active >= 0) choose(active);
    else if (key === "Escape" && !list.hidden) {
      event.stopPropagation(); // the dialog around it stays
      show(false);
    } else {
      if (key === "Enter") onchoose(input.value);
      return;
    }
    event.preventDefault();
  }

  return h("div.combobox", input, list);
}
