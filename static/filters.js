// The filters of a term: conditions, and groups of them of which all or any must hold.

import { combobox } from "./combobox.js";
import { fieldChoices, fieldFrom, fieldName, firstValue, isGroup, kindOf, members, operatorsOf } from "./definition.js";
import { button, field, h, select } from "./dom.js";

const SPANS = [["h", "hours"], ["d", "days"], ["w", "weeks"]];

/**
 * `context`: {term, at (its JSON pointer), seen() (what is known of its event), suggestions, values(field), onchange}.
 * Edits term.filters in place.
 */
export function filterGroup(context) {
  const box = h("div.filters");
  drawRoot(box, context);
  return box;
}

function drawRoot(box, context) {
  const { term } = context;
  if (!term.filters) {
    box.replaceChildren(button("Add a filter", () => {
      term.filters = { all: [{ field: "", op: "is", value: "" }] };
      drawRoot(box, context);
      box.querySelector("input")?.focus();
      context.onchange();
    }, "small add"));
    return;
  }
  const gone = () => {
    delete term.filters;
    drawRoot(box, context);
    box.querySelector("button").focus();
    context.onchange();
  };
  box.replaceChildren(groupBox(term.filters, context, context.at, gone, true));
}

function groupBox(group, context, at, ongone, root = false) {
  const box = h("fieldset.group");
  const draw = () => {
    const [way, list] = members(group);
    const drop = (index) => {
      list.splice(index, 1);
      if (!list.length) { ongone(); return; }
      draw();
      box.querySelector("input, select")?.focus();
      context.onchange();
    };
    const add = (made) => {
      list.push(made);
      draw();
      [...box.querySelectorAll(".condition")].at(-1)?.querySelector("input")?.focus();
      context.onchange();
    };
    const turn = (value) => {
      delete group[way];
      group[value] = list;
      draw();
      box.querySelector("select").focus();
      context.onchange();
    };
    box.replaceChildren(h("legend", root ? "Filters" : "Group"),
      list.length > 1 || !root ? field("Events match", select([["all", "all of these"], ["any", "any of these"]], way, turn), "", { pointer: at }) : "",
      ...list.map((each, index) => {
        // empty conditions are not sent, so that they do not count for the pointer
        const place = list.slice(0, index).filter((other) => isGroup(other) || other.field).length;
        const pointer = `${at}/${way}/${place}`;
        return isGroup(each) ? groupBox(each, context, pointer, () => drop(index)) : conditionBox(each, context, pointer, () => drop(index), root);
      }),
      h("div.actions", button("Add a filter", () => add({ field: "", op: "is", value: "" }), "small add"),
        button("Add a group", () => add({ [way === "all" ? "any" : "all"]: [{ field: "", op: "is", value: "" }] }), "small add")));
  };
  draw();
  return box;
}

function conditionBox(condition, context, at, ondrop) {
  const box = h("div.condition");
  const choicesNow = () => fieldChoices(context.term.type, [...(context.seen()?.properties ?? [])].map(([key, kinds]) => ({ key, kinds })), context.suggestions.fields);
  const refield = (text) => {
    const choices = choicesNow();
    const name = fieldFrom(text, choices);
    if (name === condition.field) return;
    condition.field = name;
    const offered = name ? operatorsOf(name) : [];
    if (name && !offered.some(([op]) => op === condition.op)) reop(offered[0][0]);
    drawRest();
    context.onchange();
  };
  const reop = (op) => {
    const before = condition.value;
    condition.op = op;
    condition.value = firstValue(condition.field, op);
    if (typeof condition.value === "string" && typeof before === "string" && kindOf(condition.field) !== "date") condition.value = before;
    if (condition.value === undefined) delete condition.value;
  };
  const name = field("Field", combobox({ value: condition.field && fieldLabel(condition.field, choicesNow()), placeholder: "Tags, source, value …",
    options: () => choicesNow().map((each) => ({ value: each.text, hint: each.hint })), onchange: refield }), "", { hideLabel: true, pointer: `${at}/field` });
  const rest = h("div.rest");
  const drawRest = () => {
    if (!condition.field) { rest.replaceChildren(); return; }
    const op = field("Operator", select(operatorsOf(condition.field), condition.op, (value) => {
      reop(value);
      drawRest();
      rest.querySelector("select").focus();
      context.onchange();
    }), "", { hideLabel: true, pointer: `${at}/op` });
    rest.replaceChildren(...[op, valueField(condition, context, at)].filter(Boolean));
  };
  drawRest();
  box.append(name, rest, button("×", ondrop, "plain close", { "aria-label": `Remove the filter ${condition.field ? fieldName(condition.field) : ""}`.trim() }));
  return box;
}

/** The name under which a field is offered; two fields may share one, then the API's own name tells them apart. */
function fieldLabel(name, choices) {
  const text = choices.find((each) => each.value === name)?.text;
  return text && choices.find((each) => each.text === text).value === name ? text : name;
}

// Values by operator

function valueField(condition, context, at) {
  const { op, field: name } = condition;
  const set = (value) => { condition.value = value; context.onchange(); };
  const pointer = `${at}/value`;
  if (op === "is_set" || op === "is_not_set") return null;
  if (op === "in_last") return spanField(condition, set, pointer);
  if (Array.isArray(condition.value)) return op === "between" ? betweenField(condition, set, pointer) : listField(condition, context, set, pointer);
  if (kindOf(name) === "date") return field("Value", h("input", { type: "date", value: dayIn(condition.value), onchange: (event) => set(event.target.value) }), "", { hideLabel: true, pointer });
  return field("Value", combobox({ value: String(condition.value ?? ""), options: () => context.values(name), onchange: set }), "", { hideLabel: true, pointer });
}

const dayIn = (value) => (/^\d{4}-\d{2}-\d{2}$/.test(value) ? value : "");

function spanField(condition, set, pointer) {
  const [, amount, unit] = /^(\d+)([hdw])$/.exec(condition.value ?? "") ?? [null, "30", "d"];
  const now = { amount, unit };
  const change = (part) => { Object.assign(now, part); set(`${now.amount}${now.unit}`); };
  return h("div.pair",
    field("How many", h("input", { type: "number", min: "1", max: "999999", value: amount, oninput: (event) => change({ amount: event.target.value }) }), "", { hideLabel: true, pointer }),
    field("Unit", select(SPANS, unit, (value) => change({ unit: value })), "", { hideLabel: true }));
}

function betweenField(condition, set, pointer) {
  const type = kindOf(condition.field) === "date" ? "date" : "text";
  const part = (label, index) => field(label, h("input", { type, inputmode: type === "text" ? "decimal" : null, value: String(condition.value[index] ?? ""), oninput: (event) => {
    set(condition.value.map((each, place) => (place === index ? event.target.value : each)));
  } }), "", { hideLabel: true, pointer: `${pointer}/${index}` });
  return h("div.pair", part("From", 0), part("To", 1));
}

/** Several values: each becomes a chip that can be taken away. */
function listField(condition, context, set, pointer) {
  const box = h("div.values", { "data-list": "" });
  const add = (text) => {
    const value = text.trim();
    if (!value || condition.value.includes(value)) return;
    set([...condition.value, value]);
    draw();
    box.querySelector("input").focus();
  };
  const draw = () => {
    const entry = combobox({ placeholder: condition.value.length ? "and …" : "A value, then Enter", options: async () =>
      (await context.values(condition.field)).filter((each) => !condition.value.includes(each.value)), onchange: () => {}, onchoose: add });
    const input = entry.querySelector("input");
    input.addEventListener("blur", () => { if (input.isConnected && input.value.trim()) { const text = input.value; input.value = ""; set([...new Set([...condition.value, text.trim()])]); draw(); } });
    box.replaceChildren(h("ul.tags", condition.value.map((value) => h("li.badge", String(value), button("×", () => {
      set(condition.value.filter((each) => each !== value));
      draw();
      box.querySelector("input").focus();
    }, "plain", { "aria-label": `Remove ${value}` })))), field("Value", entry, "", { hideLabel: true, pointer }));
  };
  draw();
  return box;
}
