// The filters of a term: conditions, and groups of them of which all or any must hold.

import { combobox, several } from "./combobox.js";
import { fieldChoices, fieldFrom, fieldName, firstValue, isGroup, kindOf, members, operatorsOf, SPANS } from "./definition.js";
import { actions, button, entry, field, fill, h, select } from "./dom.js";

const fresh = () => ({ field: "", op: "is", value: "" });
const isSent = (each) => isGroup(each) || each.field; // a condition without a field is not, and does not count for pointers

/**
 * Edits term.filters in place. `at` is their JSON pointer; `context`: {properties(), fields, values(field), changed(), draw(focus)}, of
 * which draw draws all anew and puts the focus on a pointer.
 */
export function filterBox(term, at, context) {
  const begin = () => { term.filters = { all: [fresh()] }; context.draw(`${at}/all/0/field`); };
  const end = () => { delete term.filters; context.draw(at); };
  return term.filters ? groupBox(term, term.filters, at, context, end) : button("Add a filter", begin, "small add", { "data-pointer": at });
}

function groupBox(term, group, at, context, ongone) {
  const [way, list] = members(group);
  const root = group === term.filters;
  const pointer = (index) => `${at}/${way}/${list.slice(0, index).filter(isSent).length}`;
  const add = (made, end) => { list.push(made); context.draw(pointer(list.length - 1) + end); };
  const drop = (index) => {
    list.splice(index, 1);
    if (list.length) context.draw(`${pointer(0)}/field`);
    else ongone();
  };
  const turn = (value) => {
    delete group[way];
    group[value] = list;
    context.draw();
  };
  const other = way === "all" ? "any" : "all";
  return h("fieldset.group", h("legend", root ? "Filters" : "Group"),
    (!root || list.length > 1) && select("Events match", [["all", "all of these"], ["any", "any of these"]], way, turn, { pointer: at }),
    list.map((each, index) => (isGroup(each) ? groupBox(term, each, pointer(index), context, () => drop(index))
      : conditionBox(term, each, pointer(index), context, () => drop(index)))),
    actions(button("Add a filter", () => add(fresh(), "/field"), "small add"),
      button("Add a group", () => add({ [other]: [fresh()] }, `/${other}/0/field`), "small add")));
}

function conditionBox(term, condition, at, context, ondrop) {
  const offered = () => fieldChoices(term.type, context.properties(), context.fields);
  const rest = h("div.rest");
  const draw = () => fill(rest, condition.field && [
    select("Operator", operatorsOf(condition.field), condition.op, (op) => { turn(op); rest.querySelector("select").focus(); },
      { hidden: true, pointer: `${at}/op` }),
    valueField(condition, context, `${at}/value`)]);
  const turn = (op) => {
    const kept = typeof condition.value === "string" && kindOf(condition.field) !== "date" && firstValue(op) === "";
    Object.assign(condition, { op, value: kept ? condition.value : firstValue(op) });
    draw();
    context.changed();
  };
  const choose = (text) => {
    const chosen = fieldFrom(text, offered());
    if (chosen === condition.field) return;
    condition.field = chosen;
    const ops = operatorsOf(chosen).map(([op]) => op);
    turn(ops.includes(condition.op) ? condition.op : ops[0]);
  };
  draw();
  return h("div.condition", combobox("Field",
    { value: offered().find((each) => each.value === condition.field)?.text ?? fieldName(condition.field),
    placeholder: "Tags, source, value …", hidden: true, pointer: `${at}/field`, onchange: choose,
    options: () => offered().map(({ text, hint }) => ({ value: text, hint })) }), rest,
  button("×", ondrop, "plain close", { "aria-label": `Remove the filter ${fieldName(condition.field)}`.trim() }));
}

/** The value, as its operator takes it. */
function valueField(condition, context, pointer) {
  const { op, field: name, value } = condition;
  const date = kindOf(name) === "date";
  const set = (next) => { condition.value = next; context.changed(); };
  const part = (label, now, oninput, more) => entry(label, now, oninput, { hidden: true, pointer, ...more });
  const options = () => context.values(name);
  if (value === undefined) return null;
  if (op === "in_last") {
    let [amount, unit] = [parseInt(value, 10), value.at(-1)];
    return h("div.pair", part("How many", amount, (text) => { amount = text; set(amount + unit); }, { type: "number", min: "1" }),
      select("Unit", SPANS, unit, (text) => { unit = text; set(amount + unit); }, { hidden: true }));
  }
  if (op === "between") {
    return h("div.pair", ["From", "To"].map((label, index) => part(label, value[index], (text) => set(condition.value.with(index, text)),
      { type: date ? "date" : "text", pointer: `${pointer}/${index}` })));
  }
  if (Array.isArray(value)) return several("Value", value, { options, onchange: set, placeholder: "A value, then Enter", hidden: true,
    pointer });
  if (date) return part("Value", value, set, { type: "date", on: "onchange" });
  return combobox("Value", { value: String(value), options, onchange: set, hidden: true, pointer });
}
