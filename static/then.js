// What follows an event of a term: its event, how long it may take, and its filters.

import { combobox } from "./combobox.js";
import { WINDOW_SPANS, WINDOWS } from "./definition.js";
import { actions, button, h, hint } from "./dom.js";
import { selectField, textField } from "./fields.js";
import { groupEditor } from "./filters.js";

const OTHER = "other";

/**
 * The editor of a term's `then`, which it edits in place.
 * @param {{then: object, at: string, event: object, filters: object, changed: () => void, draw: () => void,
 *   remove: () => void}} options `at` is its JSON pointer; `event` are options of combobox(), `filters` a FilterContext of
 *   filters.js; draw() draws the whole editor anew, and remove() takes `then` away
 */
export function thenEditor({ then, at, event, filters, changed, draw, remove }) {
  return h(
    "fieldset.group",
    { "data-pointer": at },
    h("legend", "Then"),
    h(
      "div.pair",
      combobox("Followed by", { ...event, state: then, name: "event", changed, at }),
      windowField(then, at, draw),
    ),
    isOther(then) && otherWindow(then, at, changed),
    hint("The first one of the same contact counts, if it comes in time."),
    groupEditor(then.filters, `${at}/filters`, filters),
    actions(button("Remove what follows", remove, "small")),
  );
}

const isOther = ({ within, isTyped }) => isTyped || !(within in WINDOWS);

// Where it is typed, the number has the pointer of what is sent, and so its errors.
function windowField(then, at, draw) {
  const name = isOther(then) ? "choice" : "within";
  const choice = { [name]: isOther(then) ? OTHER : then.within };
  const changed = () => {
    then.isTyped = choice[name] === OTHER;
    if (!then.isTyped) then.within = choice[name];
    draw();
  };
  const choices = { ...WINDOWS, [OTHER]: "Other …" };
  return selectField("Within", { choices, state: choice, name, changed, at });
}

// A number and a unit, such as 45m.
function otherWindow(then, at, changed) {
  const span = { within: parseInt(then.within, 10), unit: then.within.at(-1) };
  const follow = () => {
    then.within = `${span.within}${span.unit}`;
    changed();
  };
  const options = { state: span, changed: follow, at };
  return h(
    "div.pair",
    textField("How many", { ...options, name: "within", type: "number", min: "1" }),
    selectField("Unit", { ...options, name: "unit", choices: WINDOW_SPANS }),
  );
}
