// The filters of a term: conditions, and groups of them.

import {
  fieldChoices,
  fieldFrom,
  fieldName,
  firstValue,
  isGroup,
  isSent,
  kindOf,
  members,
  operatorsOf,
  SPANS,
} from "./definition.js";
import { actions, button, combobox, entry, fill, h, select, several, toast } from "./dom.js";

const fresh = () => ({ field: "", op: "is", value: "" });

/**
 * Edits the group in place. `at` is its JSON pointer; `context` is of its term, and its draw(focus) draws all anew, with the focus on
 * a pointer. Without `ongone` it is the outermost.
 */
export function groupBox(group, at, context, ongone) {
  const [way, list] = members(group);
  const other = way === "all" ? "any" : "all";
  const pointer = index => `${at}/${way}/${list.slice(0, index).filter(isSent).length}`;
  const adder = (label, made, end) =>
    button(
      label,
      () => {
        list.push(made());
        context.draw(pointer(list.length - 1) + end);
      },
      "small add",
    );
  const drop = index => () => {
    list.splice(index, 1);
    if (list.length || !ongone) context.draw(list.length ? `${pointer(0)}/field` : at);
    else ongone();
  };
  const turn = () => {
    delete group[way];
    group[other] = list;
    context.draw();
  };
  return h(
    "fieldset.group",
    { "data-pointer": at },
    h("legend", ongone ? "Group" : "Filters"),
    (ongone || list.length > 1) &&
      select("Events match", { all: "all of these", any: "any of these" }, { way }, "way", turn, {
        at,
      }),
    list.map((each, index) =>
      (isGroup(each) ? groupBox : conditionBox)(each, pointer(index), context, drop(index)),
    ),
    actions(
      adder("Add a filter", fresh, "/field"),
      list.length > 0 && adder("Add a group", () => ({ [other]: [fresh()] }), `/${other}/0/field`),
    ),
  );
}

function conditionBox(condition, at, context, ondrop) {
  const { term } = context;
  const offered = () => fieldChoices(context.properties(), context.fields);
  const rest = h("div.field");
  const draw = () =>
    fill(
      rest,
      condition.field && [
        select(
          "Operator",
          operatorsOf(condition.field),
          condition,
          "op",
          () => {
            settle();
            rest.querySelector("select").focus();
          },
          { hidden: true, at },
        ),
        valueField(condition, context, at),
      ],
    );
  const settle = () => {
    const { field, op, value } = condition;
    if (typeof value !== "string" || kindOf(field) === "date" || firstValue(op) !== "")
      condition.value = firstValue(op);
    draw();
    context.changed();
  };
  const said = { field: condition.field && fieldName(condition.field) };
  const choose = () => {
    const known = offered().map(([each]) => each);
    const field = fieldFrom(said.field, known);
    const ops = operatorsOf(field);
    if (field === condition.field) return;
    Object.assign(condition, {
      field,
      op: condition.op in ops ? condition.op : Object.keys(ops)[0],
    });
    settle();
    if (term.type === "contact" || !field.startsWith("contact.") || !known.includes(field)) return;
    term.type = "contact"; // others have no such field
    toast(`Term ${term.key} takes events with a contact now`);
    context.draw();
  };
  draw();
  return h(
    "div.condition",
    combobox("Field", said, "field", choose, {
      hidden: true,
      at,
      placeholder: "contact’s tags, value …",
      note: () =>
        condition.field.startsWith("property.") && context.unseen(condition.field.slice(9)),
      options: () => offered().map(([each, kinds]) => [fieldName(each), kinds]),
    }),
    rest,
    button("×", ondrop, "plain close", `Remove the filter ${said.field}`.trim()),
  );
}

// The value, as its operator takes it.
function valueField(condition, { changed, values }, at) {
  const { op, field, value } = condition;
  const type = kindOf(field) === "date" ? "date" : "text";
  const more = { hidden: true, at, options: () => values(field) };
  if (value === undefined) return null;
  if (op === "in_last") {
    const span = { value: parseInt(value, 10), unit: value.at(-1) };
    const put = () => {
      condition.value = span.value + span.unit;
      changed();
    };
    return h(
      "div.pair",
      entry("How many", span, "value", put, { type: "number", min: "1", ...more }),
      select("Unit", SPANS, span, "unit", put, more),
    );
  }
  if (op === "between") {
    return h(
      "div.pair",
      ["From", "To"].map((label, index) =>
        entry(label, value, index, changed, { type, ...more, at: `${at}/value` }),
      ),
    );
  }
  if (Array.isArray(value))
    return several("Value", condition, "value", changed, {
      ...more,
      placeholder: "A value, then Enter",
    });
  return type === "date"
    ? entry("Value", condition, "value", changed, { type, on: "onchange", ...more })
    : combobox("Value", condition, "value", changed, more);
}
