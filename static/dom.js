// Makes elements. What comes from data becomes a text node or an attribute; there is no way to HTML here.

let ids = 0;
export const newId = () => `e${(ids += 1)}`;

/** h("div.card", {attributes}, …children); attributes may be left out, and children that are nothing. */
export const h = (name, ...rest) => make(document.createElement(name.split(".")[0]), name, rest);
export const svg = (name, ...rest) => make(document.createElementNS("http://www.w3.org/2000/svg", name.split(".")[0]), name, rest);

function make(element, name, rest) {
  const classes = name.split(".").slice(1).join(" ");
  if (classes) element.setAttribute("class", classes);
  const attributes = Object.getPrototypeOf(rest[0] ?? "") === Object.prototype ? rest.shift() : {};
  for (const [key, value] of Object.entries(attributes)) put(element, key, value);
  return fill(element, rest);
}

/** Puts these in place of what is in the box. */
export function fill(box, ...children) {
  box.replaceChildren(...children.flat(9).filter((each) => each !== null && each !== undefined && each !== false));
  return box;
}

function put(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else if (typeof value === "boolean") element.toggleAttribute(name, value);
  else if (value !== null && value !== undefined) element.setAttribute(name, value);
}

export const button = (label, onclick, kind = null, more = {}) => h("button", { type: "button", class: kind, onclick, ...more }, label);
export const link = (label, href, kind = null) => h("a", { href, class: kind }, label);
export const actions = (...children) => h("div.actions", children);
export const hint = (...children) => h("p.hint", children);

// Fields

/** A control under its label, with a place for a hint and for what is wrong; `pointer` is where errors of the API point. */
export function field(label, control, { hint: said, hidden, pointer } = {}) {
  const input = inputOf(control);
  input.id ||= newId();
  input.setAttribute("aria-describedby", `${input.id}n`);
  return h("div.field", { "data-pointer": pointer }, h("label", { for: input.id, class: hidden ? "hidden" : null }, label), control,
    h("div.notes", { id: `${input.id}n` }, said && h("span.hint", said)));
}

export const inputOf = (box) => box.querySelector("input, select, textarea") ?? box;

/** `oninput` gets the text, at every keystroke or, with `on`, at another event. */
export const entry = (label, value, oninput, { type = "text", on = "oninput", hint: said, hidden, pointer, ...more } = {}) =>
  field(label, h("input", { type, value, autocomplete: "off", [on]: (event) => oninput(event.target.value.trim()), ...more }),
    { hint: said, hidden, pointer });

/** `options` are [value, label]. */
export const select = (label, options, value, onchange, more) => field(label,
  h("select", { onchange: (event) => onchange(event.target.value) },
  options.map(([each, text]) => h("option", { value: each, selected: each === value }, text))), more);

/** A few exclusive choices beside each other. */
export function choices(legend, options, value, onchange, more = {}) {
  const name = newId();
  return h("fieldset.choices", more, h("legend.hidden", legend), options.map(([each, label]) =>
    h("label", h("input", { type: "radio", name, checked: each === value, onchange: () => onchange(each) }), h("span", label))));
}

/** Shows what is wrong with a field, or with "" that nothing is. */
export function mark(box, message) {
  const notes = box.querySelector(".notes");
  notes.querySelector(".wrong")?.remove();
  if (message) notes.append(h("span.wrong", message));
  inputOf(box).setAttribute("aria-invalid", Boolean(message));
}

/** Shows each error beside the field it points at; returns those that have none. */
export function markAll(within, errors) {
  const boxes = [...within.querySelectorAll(".field[data-pointer]")];
  for (const box of boxes) mark(box, "");
  return errors.filter(({ pointer, message }) => {
    const [box] = boxes.filter((each) => `${pointer}/`.startsWith(`${each.dataset.pointer}/`))
      .sort((a, b) => b.dataset.pointer.length - a.dataset.pointer.length);
    if (box) mark(box, message);
    return !box;
  });
}

// Tables and texts

/**
 * `columns` are [head, cell(row) or the name of what is shown]; a # before the head says that it holds numbers, and the first
 * column names the row. On a narrow screen each row becomes a card, in which the cells carry their heads.
 */
export function table(caption, columns, rows) {
  const cell = ([head, content], index) => (row) => h(index ? "td" : "th",
    { scope: index ? null : "row", class: head.startsWith("#") ? "number" : null,
    "data-head": head.replace(/^#/, "") }, h("div", typeof content === "string" ? row[content] ?? "–" : content(row)));
  const cells = columns.map(cell);
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": caption }, h("table", h("caption.hidden", caption),
    h("thead", h("tr", columns.map(([head]) => h(head.startsWith("#") ? "th.number" : "th", { scope: "col" }, head.replace(/^#/, ""))))),
    h("tbody", rows.map((row) => h("tr", cells.map((make) => make(row)))))));
}

export const facts = (pairs) => h("dl.facts", pairs.filter(Boolean).map(([name, value]) => [h("dt", name), h("dd", value ?? "–")]));

/** An address with what of a state differs from its defaults. */
export function withState(path, state, defaults) {
  const query = new URLSearchParams(Object.keys(defaults).filter((name) => state[name] !== defaults[name]).map((name) => [name,
    state[name]]));
  return query.size ? `${path}?${query}` : path;
}

/** Text to be copied, with its button. */
export function snippet(text, label) {
  const copy = async () => toast(await navigator.clipboard?.writeText(text).then(() => "Copied", () => "")
    || "Copy it by hand"); // no clipboard without https
  return h("div.snippet", h("pre", { tabindex: "0", role: "region", "aria-label": label }, h("code", text)), button("Copy", copy, "small"));
}

/** Tells people who use a screen reader. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** A short note that goes by itself. */
export function toast(text) {
  const note = h("div.toast", text);
  document.body.append(note);
  announce(text);
  setTimeout(() => note.remove(), 4000);
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
