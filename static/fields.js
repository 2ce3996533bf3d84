// Form fields. Each edits `state[name]` and then calls `changed`. A field's pointer, by which errors of the API find it,
// is `at` and its name.

import { fill, h, newId } from "./dom.js";
import { capitalized } from "./format.js";

/**
 * A labelled control with room for a hint and an error.
 * @param {{name: string, at?: string, hint?: string, labelHidden?: boolean}} options
 */
export function field(label, control, { name, at = "", hint, labelHidden }) {
  const input = inputOf(control);
  const notes = h("div.notes", { id: newId() }, hint && h("span.hint", hint), h("span.error"));
  input.id = newId();
  input.setAttribute("aria-describedby", notes.id);
  return h(
    "div.field",
    { "data-pointer": `${at}/${name}` },
    h("label", { for: input.id, class: labelHidden && "hidden" }, label),
    control,
    notes,
  );
}

/** The control inside of a field, or the element itself where it is one. */
export const inputOf = element => element.querySelector("input, select, textarea") ?? element;

/**
 * A field of one line. It follows every keystroke or, with `listen: "change"`, what is finished.
 * @param {{state: object, name: string, changed?: () => void, listen?: "input" | "change", type?: string, min?: string,
 *   required?: boolean, placeholder?: string}} options and those of field()
 */
export function textField(label, options) {
  const { state, name, changed, listen = "input", type = "text" } = options;
  const { min, required, placeholder } = options;
  const input = h("input", {
    type,
    min,
    required,
    placeholder,
    value: state[name] ?? "",
    autocomplete: "off",
    [`on${listen}`]: () => {
      state[name] = input.value.trim();
      changed?.();
    },
  });
  return field(label, input, options);
}

/**
 * A field that chooses one of a few values.
 * @param {{choices: Object<string, string> | {value: string, text: string}[], state: object, name: string,
 *   changed?: () => void}} options `choices` are texts by value; and the options of field()
 */
export function selectField(label, options) {
  const { choices, state, name, changed } = options;
  const list = Array.isArray(choices)
    ? choices
    : Object.entries(choices).map(([value, text]) => ({ value, text }));
  const control = h(
    "select",
    {
      onchange: () => {
        state[name] = control.value;
        changed?.();
      },
    },
    list.map(({ value, text }) =>
      h("option", { value, selected: String(value) === String(state[name]) }, text),
    ),
  );
  return field(label, control, options);
}

/** Choices for a field whose value may have been deleted: then another one is to be chosen. */
export const choicesFor = (value, choices) =>
  choices.some(choice => choice.value === value)
    ? choices
    : [{ value: "", text: "Choose one" }, ...choices];

// Errors

/** Shows what is wrong with a field, or only not finished; without a message, that nothing is. */
export function mark(fieldBox, message, isUnfinished = false) {
  const note = fieldBox.querySelector(".error");
  note.classList.toggle("unfinished", isUnfinished);
  fill(note, message);
  inputOf(fieldBox).setAttribute("aria-invalid", Boolean(message) && !isUnfinished);
}

/** Listens to input: what is being corrected is no error any more. */
export function unmark({ target }) {
  const fieldBox = target.closest("[data-pointer]");
  if (fieldBox) mark(fieldBox, "");
}

/**
 * Shows each error of a Problem beside the field that it points at; returns whether all of them have such a field.
 * @param {HTMLElement} container
 * @param {{errors?: {pointer: string, message: string}[]}} problem
 * @param {(fieldBox: HTMLElement) => "wrong" | "unfinished" | "empty"} [certaintyOf] what is unfinished is told quietly, and
 *   of what is empty nothing is said
 */
export function markAll(container, { errors = [] }, certaintyOf = () => "wrong") {
  const fields = [...container.querySelectorAll(".field[data-pointer]")];
  for (const fieldBox of fields) mark(fieldBox, "");
  let unmarked = 0;
  const texts = new Map(); // of each field, which may have several
  for (const { pointer, message } of errors) {
    const fieldBox = fieldAt(fields, pointer);
    if (fieldBox) {
      texts.set(fieldBox, [...(texts.get(fieldBox) ?? []), errorText(message, fieldBox)]);
    } else {
      unmarked += 1;
    }
  }
  for (const [fieldBox, all] of texts) markAs(certaintyOf(fieldBox), fieldBox, all.join(" "));
  return errors.length > 0 && unmarked === 0;
}

function markAs(certainty, fieldBox, message) {
  if (certainty !== "empty") mark(fieldBox, message, certainty === "unfinished");
}

const MISSING = ["is required", "must not be blank"];

// The API's messages are what follows a name, such as "must be a number".
function errorText(message, fieldBox) {
  if (!MISSING.includes(message)) {
    return capitalized(message) + (/[\p{L}\p{N})”]$/u.test(message) ? "." : "");
  }
  const label = fieldBox.querySelector("label, legend").textContent;
  const name = /^[A-Z][a-z]/.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label;
  return `Enter ${/^[aeio]/i.test(name) ? "an" : "a"} ${name}.`;
}

function fieldAt(fields, pointer) {
  const path = `${pointer.replace(/^\/metric/, "")}/`;
  return fields.find(fieldBox => path.startsWith(`${fieldBox.dataset.pointer}/`));
}

/** A function that runs `act` once it was not called again for so many milliseconds. */
export function debounce(milliseconds, act) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
}
