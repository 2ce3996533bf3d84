// Elements, fields and tables. What comes from data becomes a text node or an attribute, never HTML.

const SHOWN = 60; // of suggestions

let ids = 0;
const newId = () => `e${(ids += 1)}`;

// h("div.card", {attributes}, …children); attributes may be left out; children that are nothing are.
export const h = (name, ...rest) => make(tag => document.createElement(tag), name, rest);
export const svg = (name, ...rest) =>
  make(tag => document.createElementNS("http://www.w3.org/2000/svg", tag), name, rest);

function make(create, name, rest) {
  const [tag, ...classes] = name.split(".");
  const attributes = rest[0]?.constructor === Object ? rest.shift() : {};
  const element = create(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) put(element, key, value);
  return fill(element, rest);
}

export function fill(box, ...children) {
  box.replaceChildren(...children.flat(9).filter(each => (each ?? false) !== false));
  return box;
}

function put(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else if ((value ?? false) !== false) element.setAttribute(name, value === true ? "" : value);
}

// `name` is read out where the label says too little.
export const button = (label, onclick, kind, name) =>
  h("button", { type: "button", class: kind, onclick, "aria-label": name }, label);
export const link = (label, href, kind) => h("a", { href, class: kind }, label);
export const actions = (...children) => h("div.actions", children);
export const hint = (...children) => h("p.hint", children);

// Fields. They edit `state[name]`, and call `changed`; errors of the API point at `at` and the name.

export function field(label, control, name, { at = "", hint: said, hidden }) {
  const input = inputOf(control);
  const notes = h("div.notes", { id: newId() }, said && h("span.hint", said), h("span.wrong"));
  input.id = newId();
  input.setAttribute("aria-describedby", notes.id);
  return h(
    "div.field",
    { "data-pointer": `${at}/${name}` },
    h("label", { for: input.id, class: hidden && "hidden" }, label),
    control,
    notes,
  );
}

export const inputOf = box => box.querySelector("input, select, textarea") ?? box;

// At every keystroke or, with `on`, at another event.
export function entry(
  label,
  state,
  name,
  changed,
  { on = "oninput", type = "text", min, required, placeholder, ...more } = {},
) {
  const put = event => {
    state[name] = event.target.value.trim();
    changed?.();
  };
  return field(
    label,
    h("input", {
      type,
      min,
      required,
      placeholder,
      value: state[name] ?? "",
      autocomplete: "off",
      [on]: put,
    }),
    name,
    more,
  );
}

// `options`: {value: label}, or a list of such pairs.
export function select(label, options, state, name, changed, more = {}) {
  const onchange = event => {
    state[name] = event.target.value;
    changed?.();
  };
  return field(
    label,
    h(
      "select",
      { onchange },
      (Array.isArray(options) ? options : Object.entries(options)).map(([value, text]) =>
        h("option", { value, selected: value === String(state[name]) }, text),
      ),
    ),
    name,
    more,
  );
}

// A text field that suggests; what is not suggested may still be typed

/**
 * `options()` gives, or promises, [value, hint, text]; `note()` tells of what stands there. `changed` follows every keystroke and
 * choice, `chosen` only choices, Enter, and leaving what was typed.
 */
export function combobox(
  label,
  state,
  name,
  changed,
  { options, chosen, note, placeholder = "", ...more },
) {
  const list = h("ul", { role: "listbox", id: newId(), "aria-label": "Suggestions" });
  const input = h("input", {
    type: "text",
    role: "combobox",
    autocomplete: "off",
    "aria-controls": list.id,
    placeholder,
    value: state[name] ?? "",
    onkeydown: press,
    onblur: () => show(false),
    onchange: () => chosen?.(),
    oninput: () => {
      put();
      open();
    },
    onclick: () => {
      if (list.hidden) open(true);
    },
  });

  const box = field(
    label,
    h("div.combobox", input, list),
    name,
    note ? { ...more, hint: " " } : more,
  );
  const tell = () => note && fill(box.querySelector(".notes .hint"), note());
  let turn = 0; // of what happens to the list: suggestions that come late are not shown
  show(false);
  tell();
  return box;

  async function open(all) {
    show(false);
    const asked = turn;
    const found = await options();
    if (asked !== turn) return;
    const text = input.value.trim();
    const wanted = all ? "" : text.toLowerCase();
    const fitting = found
      .filter(each => each.join(" ").toLowerCase().includes(wanted))
      .sort(([one], [other]) => (other === text) - (one === text))
      .slice(0, SHOWN);
    fill(
      list,
      fitting.map(([value, hint, text = value]) =>
        h(
          "li",
          {
            role: "option",
            id: newId(),
            onclick: () => choose(value),
            onpointerdown: event => event.preventDefault(),
          },
          h("span.clamp", text),
          hint && h("span.hint", hint),
        ),
      ),
    );
    show(fitting.length > 0);
  }

  function show(yes) {
    turn += 1;
    list.hidden = !yes;
    input.ariaExpanded = yes;
    activate(null);
  }

  function activate(item) {
    for (const each of list.children) each.ariaSelected = each === item;
    input.setAttribute("aria-activedescendant", item?.id ?? "");
    item?.scrollIntoView({ block: "nearest" });
  }

  function put() {
    state[name] = input.value.trim();
    mark(box, "");
    changed?.();
    tell();
  }

  function choose(text) {
    input.value = text;
    show(false);
    put();
    chosen?.();
  }

  function press(event) {
    const { key } = event;
    const items = list.hidden ? [] : [...list.children];
    const item =
      items.find(each => each.ariaSelected === "true") ??
      (input.value && items.length === 1 && items[0]);
    const [next, first] =
      { ArrowDown: ["nextSibling", "firstChild"], ArrowUp: ["previousSibling", "lastChild"] }[
        key
      ] ?? [];
    if (next && list.hidden) open(true);
    else if (next) activate(item?.[next] ?? list[first]);
    else if (key === "Enter" && item) item.click();
    else if (key === "Enter") choose(input.value);
    else if (key === "Escape" && !list.hidden) {
      event.stopPropagation(); // the dialog around it stays
      show(false);
    } else return;
    event.preventDefault();
  }
}

// Several values as chips. `named(value)` is what one says.
export function several(
  label,
  state,
  name,
  changed,
  { options, placeholder, named = String, ...more },
) {
  const chips = h("ul.tags");
  const typed = {};
  const has = value => state[name].includes(value);
  const box = combobox(label, typed, name, null, {
    ...more,
    options: async () => (await options()).filter(([value]) => !has(value)),
    chosen: () => put([...new Set([...state[name], typed[name]])].filter(Boolean)),
  });
  const input = inputOf(box);
  const draw = () => {
    input.value = typed[name] = "";
    input.placeholder = state[name].length ? "and …" : placeholder;
    fill(
      chips,
      state[name].map(value =>
        h(
          "li.badge",
          named(value),
          button(
            "×",
            () => {
              put(state[name].filter(each => each !== value));
              input.focus();
            },
            "plain",
            `Remove ${named(value)}`,
          ),
        ),
      ),
    );
  };
  const put = values => {
    state[name] = values;
    draw();
    changed?.();
  };
  input.parentElement.after(chips);
  draw();
  return box;
}

// What is wrong with a field, or with "" that nothing is.
export function mark(box, message) {
  fill(box.querySelector(".wrong"), message);
  inputOf(box).setAttribute("aria-invalid", Boolean(message));
}

// Each error beside the field it points at; tells whether that shows all.
export function markAll(within, { errors = [] }) {
  const boxes = [...within.querySelectorAll(".field[data-pointer]")];
  for (const box of boxes) mark(box, "");
  const found = errors.map(({ pointer }) =>
    boxes.find(box => `${pointer.replace(/^\/metric/, "")}/`.startsWith(`${box.dataset.pointer}/`)),
  );
  found.forEach((box, index) => {
    if (box) mark(box, errors[index].message);
  });
  return found.length > 0 && found.every(Boolean);
}

// Tables and texts

/**
 * `columns` are [head, cell(row) or a key of the row], with a # before the head of numbers; the first names the row. On a narrow
 * screen each row becomes a card. Without rows `otherwise` is shown.
 */
export function table(caption, listed, rows, otherwise) {
  if (!rows.length) return otherwise;
  const columns = listed.filter(Boolean);
  const heads = columns.map(([head]) => ({
    class: head[0] === "#" && "number",
    text: head.replace(/^#/, ""),
  }));
  const cell =
    row =>
    ([, content], index) =>
      h(
        index ? "td" : "th",
        { scope: !index && "row", class: heads[index].class, "data-head": heads[index].text },
        h("div", typeof content === "string" ? (row[content] ?? "–") : content(row)),
      );
  return h(
    "div.scroll",
    { tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      h("caption.hidden", caption),
      h(
        "thead",
        h(
          "tr",
          heads.map(({ text, ...more }) => h("th", { scope: "col", ...more }, text)),
        ),
      ),
      h(
        "tbody",
        rows.map(row => h("tr", columns.map(cell(row)))),
      ),
    ),
  );
}

export const facts = pairs =>
  h(
    "dl.facts",
    pairs.filter(Boolean).map(([name, value]) => [h("dt", name), h("dd", value ?? "–")]),
  );

// An address with what of a state differs from its defaults.
export function withState(path, state, defaults) {
  const query = new URLSearchParams(
    Object.entries(state).filter(
      ([name, value]) => name in defaults && `${value}` !== defaults[name],
    ),
  );
  return query.size ? `${path}?${query}` : path;
}

export function snippet(text, label) {
  const copy = async () =>
    toast(
      (await navigator.clipboard?.writeText(text).then(
        () => "Copied",
        () => "",
      )) || "Copy it by hand",
    ); // no clipboard without https
  return h(
    "div.snippet",
    h("pre", { tabindex: "0", role: "region", "aria-label": label }, h("code", text)),
    button("Copy", copy, "small"),
  );
}

export const announce = text => fill(document.getElementById("announcer"), text);

// A short note that goes by itself, or for the next one.
export function toast(text) {
  document.querySelector(".toast")?.remove();
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
