// Elements. What comes from data becomes a text node or an attribute, never HTML.

const SVG = "http://www.w3.org/2000/svg";

let lastId = 0;

/** An id that no other element of the page has. */
export function newId() {
  lastId += 1;
  return `e${lastId}`;
}

/**
 * An HTML element: h("div.card.wide", {attributes}, ...children); the attributes may be left out.
 * `on…` is a listener, `value` a property, and `true` an attribute without a value. Children are texts, elements and
 * arrays of them. Attributes and children that are null, undefined or false are left out.
 * @returns {HTMLElement}
 */
export function h(name, ...content) {
  const [tag, ...classes] = name.split(".");
  return furnish(document.createElement(tag), classes, content);
}

/** The same for SVG. @returns {SVGElement} */
export function svg(name, ...content) {
  const [tag, ...classes] = name.split(".");
  return furnish(document.createElementNS(SVG, tag), classes, content);
}

function furnish(element, classes, content) {
  const hasAttributes = content[0]?.constructor === Object;
  const attributes = hasAttributes ? content[0] : {};
  const children = hasAttributes ? content.slice(1) : content;
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  return fill(element, children);
}

function setAttribute(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else if (value === true) element.setAttribute(name, "");
  else if (!isNothing(value)) element.setAttribute(name, value);
}

const isNothing = value => value === null || value === undefined || value === false;

/** Replaces an element's children, given as to h(); returns the element. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** The same for children that are elements: those that are there already are not put in anew, and so lose neither the focus
 * nor a selection, and begin no animation again. */
export function refill(element, ...children) {
  const wanted = present(children);
  const stay = new Set(wanted);
  for (const child of [...element.children]) if (!stay.has(child)) child.remove();
  wanted.forEach((child, index) => {
    const there = element.children[index];
    if (there !== child) element.insertBefore(child, there ?? null);
  });
  return element;
}

const present = children => children.flat(Infinity).filter(child => !isNothing(child));

/** `spokenName` is what a screen reader says where the label alone says too little. */
export const button = (label, onclick, kind, spokenName) =>
  h("button", { type: "button", class: kind, onclick, "aria-label": spokenName }, label);

export const link = (label, href, kind) => h("a", { href, class: kind }, label);
export const actions = (...children) => h("div.actions", children);
export const hint = (...children) => h("p.hint", children);

/** A list of names and their values; pairs that are nothing are left out. @param {[name, value][]} pairs */
export const facts = pairs =>
  h(
    "dl.facts",
    pairs.filter(Boolean).map(([name, value]) => [h("dt", name), h("dd", value ?? "–")]),
  );
