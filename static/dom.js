// Makes elements. What comes from data becomes a text node or an attribute; there is no way to HTML here.

import { failure } from "./states.js";

let ids = 0;
export const newId = () => `e${(ids += 1)}`;

/** h("div.card", {attributes}, …children); attributes may be left out, and children that are nothing. */
export const h = (name, ...rest) => make(document.createElement(name.split(".")[0]), name, rest);
export const svg = (name, ...rest) => make(document.createElementNS("http://www.w3.org/2000/svg", name.split(".")[0]), name, rest);

function make(element, name, rest) {
  const classes = name.split(".").slice(1).join(" ");
  if (classes) element.setAttribute("class", classes);
  if (Object.getPrototypeOf(rest[0] ?? "") === Object.prototype) for (const [key, value] of Object.entries(rest.shift())) put(element, key, value);
  element.append(...rest.flat(9).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

function put(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else if (typeof value === "boolean") element.toggleAttribute(name, value);
  else if (value !== null && value !== undefined) element.setAttribute(name, value);
}

export const button = (label, onclick, kind = "", more = {}) => h("button", { type: "button", class: kind || null, onclick, ...more }, label);
export const link = (label, href, kind = null) => h("a", { href, class: kind }, label);
export const actions = (...children) => h("div.actions", children);
export const hint = (...children) => h("p.hint", children);

// Fields

/** A control under its label, with a place for a hint and for what is wrong; `pointer` is where errors point. */
export function field(label, control, { hint: said, hidden, pointer } = {}) {
  const input = inputOf(control);
  input.id ||= newId();
  input.setAttribute("aria-describedby", `${input.id}n`);
  return h("div.field", { "data-pointer": pointer }, h("label", { for: input.id, class: hidden ? "hidden" : null }, label), control,
    h("div.notes", { id: `${input.id}n` }, said && h("span.hint", said)));
}

export const inputOf = (box) => (box.matches("input, select, textarea") ? box : box.querySelector("input, select, textarea"));

/** A labelled input; `oninput` gets its text. */
export function entry(label, value, oninput, { type = "text", hint: said, hidden, pointer, on = "oninput", ...more } = {}) {
  return field(label, h("input", { type, value, autocomplete: "off", [on]: (event) => oninput(event.target.value.trim()), ...more }), { hint: said, hidden, pointer });
}

/** Shows what is wrong with a field, or with "" that nothing is. */
export function mark(box, message) {
  const notes = box.querySelector(".notes");
  notes.querySelector(".wrong")?.remove();
  if (message) notes.append(h("span.wrong", message));
  put(inputOf(box), "aria-invalid", message ? "true" : "false");
}

/** Shows each error beside the field it points at; returns those that have none. */
export function markAll(within, errors) {
  const boxes = [...within.querySelectorAll(".field[data-pointer]")];
  for (const box of boxes) mark(box, "");
  return errors.filter(({ pointer, message }) => {
    const [box] = boxes.filter((each) => `${pointer}/`.startsWith(`${each.dataset.pointer}/`)).sort((a, b) => b.dataset.pointer.length - a.dataset.pointer.length);
    if (box) mark(box, message);
    return !box;
  });
}

/** A form that tells what the API finds wrong, where it is. */
export function form(content, label, act, ...others) {
  const outcome = h("div");
  const go = h("button.primary", label);
  const made = h("form.stack", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    outcome.replaceChildren();
    try {
      await act();
    } catch (error) {
      if (markAll(made, error.errors ?? []).length || !error.errors?.length) outcome.replaceChildren(failure(error));
    }
    go.disabled = false;
  } }, content, outcome, actions(go, others));
  return made;
}

export const select = (options, value, onchange, more = {}) => h("select", { ...more, onchange: (event) => onchange(event.target.value) },
  options.map(([each, label]) => h("option", { value: each, selected: each === value }, label)));

export const checkbox = (label, checked, onchange) => h("label.check", h("input", { type: "checkbox", checked, onchange: (event) => onchange(event.target.checked) }),
  h("span", label));

/** A few exclusive choices beside each other. */
export function choices(legend, options, value, onchange) {
  const name = newId();
  return h("fieldset.choices", h("legend.hidden", legend), options.map(([each, label]) =>
    h("label", h("input", { type: "radio", name, value: each, checked: each === value, onchange: () => onchange(each) }), h("span", label))));
}

// Tables and texts

/** `heads` are texts, with # before a column of numbers; a row is a list of cells, of which the first names it. */
export function table(caption, heads, rows, hideCaption = true) {
  const cell = (content, index) => (index ? h(heads[index].startsWith("#") ? "td.number" : "td", content) : h("th", { scope: "row" }, content));
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": caption }, h("table",
    h("caption", { class: hideCaption ? "hidden" : null }, caption),
    h("thead", h("tr", heads.map((head) => (head.startsWith("#") ? h("th.number", { scope: "col" }, head.slice(1)) : h("th", { scope: "col" }, head))))),
    h("tbody", rows.map((row) => h("tr", row.map(cell))))));
}

export const facts = (pairs) => h("dl.facts", pairs.filter(Boolean).map(([name, value]) => [h("dt", name), h("dd", value ?? "–")]));

/** Text to be copied, with its button. */
export function snippet(text, label) {
  const copy = button("Copy", async () => {
    copy.textContent = await navigator.clipboard?.writeText(text).then(() => "Copied", () => "") || "Copy it by hand"; // no clipboard without https
    announce(copy.textContent);
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  }, "small");
  return h("div.snippet", h("pre", { tabindex: "0", role: "region", "aria-label": label }, h("code", text)), copy);
}

/** Tells people who use a screen reader. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

export function download(name, type, text) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

export function later(milliseconds, act) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
}
