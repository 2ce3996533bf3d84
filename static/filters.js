// The filters of a term: conditions, and groups of them of which all or any must hold.

import { combobox } from "./combobox.js";
import { fieldChoices, fieldFrom, fieldName, firstValue, isGroup, kindOf, members, operatorsOf } from "./definition.js";
import { actions, button, entry, field, h, select } from "./dom.js";

const SPANS = [["h", "hours"], ["d", "days"], ["w", "weeks"]];
const fresh = () => ({ field: "", op: "is", value: "" });

/** `context`: {term, at (its JSON pointer), properties(), fields, values(field), onchange}. Edits term.filters in place. */
export function filterBox(context) {
  const { term, at, onchange } = context;
  const box = h("div");
  const draw = () => box.replaceChildren(term.filters ? groupBox(term.filters, context, at, () => {
    delete term.filters;
    draw();
    box.querySelector("button").focus();
    onchange();
  }, true) : button("Add a filter", () => {
    term.filters = { all: [fresh()] };
    draw();
    box.querySelector("input").focus();
  }, "small add"));
  draw();
  return box;
}

function groupBox(group, context, at, ongone, root) {
  const box = h("fieldset.group");
  const draw = (focus) => {
    const [way, list] = members(group);
    const changed = (next) => { draw(next); context.onchange(); };
    const drop = (index) => {
      list.splice(index, 1);
      if (list.length) changed("input, select");
      else ongone();
    };
    const add = (made) => { list.push(made); draw(".condition:last-of-type input"); };
    const turn = (value) => {
      delete group[way];
      group[value] = list;
      changed("select");
    };
    box.replaceChildren(h("legend", root ? "Filters" : "Group"),
      root && list.length < 2 ? "" : field("Events match", select([["all", "all of these"], ["any", "any of these"]], way, turn), { pointer: at }),
      ...list.map((each, index) => {
        // empty conditions are not sent, so that they do not count for the pointer
        const pointer = `${at}/${way}/${list.slice(0, index).filter((other) => isGroup(other) || other.field).length}`;
        return isGroup(each) ? groupBox(each, context, pointer, () => drop(index)) : conditionBox(each, context, pointer, () => drop(index));
      }),
      actions(button("Add a filter", () => add(fresh()), "small add"), button("Add a group", () => add({ [way === "all" ? "any" : "all"]: [fresh()] }), "small add")));
    if (focus) [...box.querySelectorAll(focus)].at(-1)?.focus();
  };
  draw();
  return box;
}

function conditionBox(condition, context, at, ondrop) {
  const offered = () => fieldChoices(context.term.type, context.properties(), context.fields);
  const turn = (op) => {
    const keep = typeof condition.value === "string" && kindOf(condition.field) !== "date" && firstValue(op) === "" ? condition.value : firstValue(op);
    Object.assign(condition, { op, value: keep });
    draw();
    context.onchange();
  };
  const rest = h("div.rest");
  const draw = () => rest.replaceChildren(...(condition.field ? [field("Operator", select(operatorsOf(condition.field), condition.op, (op) => {
    turn(op);
    rest.querySelector("select").focus();
  }), { hidden: true, pointer: `${at}/op` }), valueField(condition, context, `${at}/value`)] : []));
  const name = combobox({ value: shownName(condition.field, offered()), placeholder: "Tags, source, value …", options: () => offered().map((each) => ({ value: each.text, hint: each.hint })),
    onchange: (text) => {
      const chosen = fieldFrom(text, offered());
      if (chosen === condition.field) return;
      condition.field = chosen;
      turn(chosen && !operatorsOf(chosen).some(([op]) => op === condition.op) ? operatorsOf(chosen)[0][0] : condition.op);
    } });
  draw();
  return h("div.condition", field("Field", name, { hidden: true, pointer: `${at}/field` }), rest,
    button("×", ondrop, "plain close", { "aria-label": `Remove the filter ${fieldName(condition.field)}`.trim() }));
}

/** Two fields may share a name; then the second goes by the API's own. */
function shownName(name, offered) {
  const text = fieldName(name);
  return (offered.find((each) => each.text === text)?.value ?? name) === name && offered.some((each) => each.value === name) ? text : name;
}

// Values by operator

function valueField(condition, context, pointer) {
  const { op, field: name, value } = condition;
  const date = kindOf(name) === "date";
  const set = (next) => { condition.value = next; context.onchange(); };
  const part = (label, now, oninput, more) => entry(label, now ?? "", oninput, { hidden: true, pointer, ...more });
  if (value === undefined) return "";
  if (op === "in_last") {
    let [amount, unit] = [parseInt(value, 10), value.at(-1)];
    return h("div.pair", part("How many", amount, (text) => { amount = text; set(amount + unit); }, { type: "number", min: "1" }),
      field("Unit", select(SPANS, unit, (text) => { unit = text; set(amount + unit); }), { hidden: true }));
  }
  if (op === "between") {
    return h("div.pair", ["From", "To"].map((label, index) => part(label, value[index], (text) => set(condition.value.map((each, place) => (place === index ? text : each))),
      { type: date ? "date" : "text", pointer: `${pointer}/${index}` })));
  }
  if (Array.isArray(value)) return listField(condition, context, set, pointer);
  if (date) return part("Value", value, set, { type: "date", on: "onchange" });
  return field("Value", combobox({ value: String(value), options: () => context.values(name), onchange: set }), { hidden: true, pointer });
}

/** Several values: each becomes a chip that can be taken away. */
function listField(condition, context, set, pointer) {
  const box = h("div.rest");
  const put = (values, focus = true) => {
    set(values);
    draw();
    if (focus) box.querySelector("input").focus();
  };
  const add = (text, focus) => { if (text.trim() && !condition.value.includes(text.trim())) put([...condition.value, text.trim()], focus); };
  const draw = () => {
    const more = combobox({ placeholder: condition.value.length ? "and …" : "A value, then Enter", onchoose: add, options: async () =>
      (await context.values(condition.field)).filter((each) => !condition.value.includes(each.value)) });
    const input = more.querySelector("input");
    input.addEventListener("blur", () => { if (input.isConnected) add(input.value, false); });
    box.replaceChildren(h("ul.tags", condition.value.map((value) => h("li.badge", String(value), button("×", () => put(condition.value.filter((each) => each !== value)), "plain",
      { "aria-label": `Remove ${value}` })))), field("Value", more, { hidden: true, pointer }));
  };
  draw();
  return box;
}
