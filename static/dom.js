// Makes elements. What comes from data becomes a text node or an attribute; there is no way to HTML here.

const SVG = "http://www.w3.org/2000/svg";
let lastId = 0;

/** h("div.card", {attributes}, …children); the attributes may be left out. */
export function h(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  return complete(document.createElement(tag), classes, rest);
}

export function svg(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  return complete(document.createElementNS(SVG, tag), classes, rest);
}

function complete(element, classes, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  if (Object.getPrototypeOf(children[0] ?? "") === Object.prototype) for (const [name, value] of Object.entries(children.shift())) put(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function put(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else if (typeof value === "boolean" && !name.startsWith("aria-")) element.toggleAttribute(name, value);
  else if (value !== null && value !== undefined) element.setAttribute(name, value);
}

export function newId(stem = "e") {
  lastId += 1;
  return `${stem}-${lastId}`;
}

export function button(text, onclick, kind = "", attributes = {}) {
  return h("button", { type: "button", class: kind, onclick, ...attributes }, text);
}

export function link(text, href, kind = "") {
  return h("a", { href, class: kind || null }, text);
}

/** A control under its label, with a hint and a place for what is wrong with it. */
export function field(label, control, hint = "", { hideLabel = false, pointer = null } = {}) {
  const input = control.matches("input, select, textarea") ? control : control.querySelector("input, select, textarea");
  input.id ||= newId("field");
  const notes = h("div.notes", { id: `${input.id}-notes` }, hint && h("span.hint", hint));
  input.setAttribute("aria-describedby", notes.id);
  return h("div.field", { "data-pointer": pointer },
    h("label", { for: input.id, class: hideLabel ? "hidden" : null }, label), control, notes);
}

/** Shows what is wrong with a field, or with "" that nothing is. */
export function mark(box, message) {
  const input = box.querySelector("input, select, textarea");
  const notes = box.querySelector(".notes");
  notes.querySelector(".wrong")?.remove();
  if (message) notes.append(h("span.wrong", message));
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

export function select(options, value, onchange, attributes = {}) {
  return h("select", { ...attributes, onchange: (event) => onchange(event.target.value) },
    options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)));
}

export function checkbox(label, checked, onchange) {
  return h("label.check", h("input", { type: "checkbox", checked, onchange: (event) => onchange(event.target.checked) }),
    h("span", label));
}

/** Two or three exclusive choices beside each other. */
export function choices(legend, options, value, onchange) {
  const name = newId("choice");
  return h("fieldset.choices", h("legend.hidden", legend), options.map(([each, text]) =>
    h("label", h("input", { type: "radio", name, value: each, checked: each === value, onchange: () => onchange(each) }), h("span", text))));
}

/** A table with a caption; `heads` are texts, or {text, number: true} for columns of numbers. */
export function table(caption, heads, rows, { hideCaption = false } = {}) {
  const columns = heads.map((head) => (typeof head === "string" ? { text: head } : head));
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": caption },
    h("table",
      h("caption", { class: hideCaption ? "hidden" : null }, caption),
      h("thead", h("tr", columns.map((column) =>
        h("th", { scope: "col", class: column.number ? "number" : null }, column.hidden ? h("span.hidden", column.text) : column.text)))),
      h("tbody", rows)));
}

export function facts(pairs) {
  return h("dl.facts", pairs.filter(Boolean).map(([name, value]) => [h("dt", name), h("dd", value ?? "–")]));
}

export function copyButton(read, label = "Copy") {
  const made = button(label, async () => {
    try {
      await navigator.clipboard.writeText(read());
      made.textContent = "Copied";
    } catch {
      made.textContent = "Select and copy it by hand"; // no clipboard without https
    }
    announce(made.textContent);
    setTimeout(() => { made.textContent = label; }, 2000);
  }, "small");
  return made;
}

/** Text to be copied, with its button. */
export function snippet(text, label) {
  return h("div.snippet", h("pre", { tabindex: "0", role: "region", "aria-label": label }, h("code", text)), copyButton(() => text));
}

/** Tells people who use a screen reader. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function later(milliseconds, act) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), milliseconds);
  };
}
