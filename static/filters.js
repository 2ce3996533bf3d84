// The filters of a term: conditions, and groups of them.

import { chipsField, combobox } from "./combobox.js";
import {
  fieldChoices,
  fieldFrom,
  fieldName,
  firstValue,
  groupOf,
  isGroup,
  isProperty,
  isSent,
  kindOf,
  operatorsOf,
  propertyKey,
  SPANS,
} from "./definition.js";
import { actions, button, fill, h } from "./dom.js";
import { selectField, textField } from "./fields.js";
import { toast } from "./notices.js";

/**
 * What filters need of their term.
 * @typedef {{term: object, contactFields: {field: string}[], properties: () => {key: string, kinds: string}[],
 *   propertyNote: (key: string) => string | null, suggestValues: (field: string) => Promise<Suggestion[]>,
 *   changed: () => void, draw: (pointer?: string) => void}} FilterContext draw() draws the whole editor anew, with the focus
 *   on a pointer
 */

const newCondition = () => ({ field: "", op: "is", value: "" });

/**
 * The editor of a group, which it edits in place.
 * @param {object} group
 * @param {string} at its JSON pointer
 * @param {FilterContext} context
 * @param {() => void} [onEmpty] takes the group away once it is empty; the outermost group has none
 */
export function groupEditor(group, at, context, onEmpty) {
  const { kind, members } = groupOf(group);
  const otherKind = kind === "all" ? "any" : "all";
  // What is not sent yet does not count in the API's pointers.
  const pointer = index => `${at}/${kind}/${members.slice(0, index).filter(isSent).length}`;

  const add = (member, pointerEnd) => {
    members.push(member);
    context.draw(pointer(members.length - 1) + pointerEnd);
  };
  const drop = index => {
    members.splice(index, 1);
    if (members.length) context.draw(`${pointer(0)}/field`);
    else if (onEmpty) onEmpty();
    else context.draw(at);
  };
  const changeKind = () => {
    delete group[kind];
    group[otherKind] = members;
    context.draw();
  };
  const addCondition = () => add(newCondition(), "/field");
  const addGroup = () => add({ [otherKind]: [newCondition()] }, `/${otherKind}/0/field`);

  return h(
    "fieldset.group",
    { "data-pointer": at },
    h("legend", onEmpty ? "Group" : "Filters"),
    (onEmpty || members.length > 1) && kindField(kind, at, changeKind),
    members.map((member, index) => {
      const editor = isGroup(member) ? groupEditor : conditionEditor;
      return editor(member, pointer(index), context, () => drop(index));
    }),
    actions(
      button("Add a filter", addCondition, "small add"),
      members.length > 0 && button("Add a group", addGroup, "small add"),
    ),
  );
}

const kindField = (kind, at, changed) =>
  selectField("Events match", {
    choices: { all: "all of these", any: "any of these" },
    state: { kind },
    name: "kind",
    changed,
    at,
  });

// A condition

const conditionEditor = (condition, at, context, onRemove) =>
  new ConditionEditor(condition, at, context, onRemove).element;

class ConditionEditor {
  test = h("div.test"); // the operator and the value

  constructor(condition, at, context, onRemove) {
    this.condition = condition;
    this.at = at;
    this.context = context;
    this.typed = { field: condition.field && fieldName(condition.field) };
    this.drawTest();
    const name = `Remove the filter ${this.typed.field}`.trim();
    this.element = h(
      "div.condition",
      this.fieldField(),
      this.test,
      button("×", onRemove, "plain close", name),
    );
  }

  get choices() {
    const { context } = this;
    return fieldChoices(context.properties(), context.contactFields);
  }

  fieldField() {
    return combobox("Field", {
      state: this.typed,
      name: "field",
      changed: () => this.takeField(),
      at: this.at,
      labelHidden: true,
      placeholder: "contact’s tags, value …",
      suggest: () => this.choices.map(({ field, hint }) => ({ value: fieldName(field), hint })),
      note: () => {
        const { field } = this.condition;
        return isProperty(field) ? this.context.propertyNote(propertyKey(field)) : null;
      },
    });
  }

  takeField() {
    const { condition } = this;
    const offered = this.choices.map(({ field }) => field);
    const field = fieldFrom(this.typed.field, offered);
    if (field === condition.field) return;
    const operators = operatorsOf(field);
    condition.field = field;
    if (!(condition.op in operators)) condition.op = Object.keys(operators)[0];
    this.adjustValue();
    if (field.startsWith("contact.") && offered.includes(field)) this.needContact();
  }

  // Only events with a contact have fields of one.
  needContact() {
    const { term, draw } = this.context;
    if (term.type === "contact") return;
    term.type = "contact";
    toast(`Term ${term.key} takes events with a contact now`);
    draw();
  }

  // A text stays where the operator takes one; else the value begins anew.
  adjustValue() {
    const { field, op, value } = this.condition;
    const keepsText =
      typeof value === "string" && kindOf(field) !== "date" && firstValue(op) === "";
    if (!keepsText) this.condition.value = firstValue(op);
    this.drawTest();
    this.context.changed();
  }

  drawTest() {
    const { condition } = this;
    fill(this.test, condition.field && [this.operatorField(), this.valueField()]);
  }

  operatorField() {
    return selectField("Operator", {
      choices: operatorsOf(this.condition.field),
      state: this.condition,
      name: "op",
      labelHidden: true,
      at: this.at,
      changed: () => {
        this.adjustValue();
        this.test.querySelector("select").focus();
      },
    });
  }

  // The value, as its operator takes it.
  valueField() {
    const { condition, at, context } = this;
    const { op, field, value } = condition;
    const isDate = kindOf(field) === "date";
    const options = {
      state: condition,
      name: "value",
      changed: context.changed,
      at,
      labelHidden: true,
      suggest: () => context.suggestValues(field),
    };
    if (value === undefined) return null;
    if (op === "in_last") return this.spanField();
    if (op === "between") return this.betweenField(isDate ? "date" : "text");
    if (Array.isArray(value)) {
      return chipsField("Value", { ...options, placeholder: "A value, then Enter" });
    }
    if (isDate) return textField("Value", { ...options, type: "date", listen: "change" });
    return combobox("Value", options);
  }

  // A number and a unit, such as 30d.
  spanField() {
    const { condition, context, at } = this;
    const span = { value: parseInt(condition.value, 10), unit: condition.value.at(-1) };
    const changed = () => {
      condition.value = span.value + span.unit;
      context.changed();
    };
    const options = { state: span, changed, at, labelHidden: true };
    return h(
      "div.pair",
      textField("How many", { ...options, name: "value", type: "number", min: "1" }),
      selectField("Unit", { ...options, name: "unit", choices: SPANS }),
    );
  }

  betweenField(type) {
    const { condition, context, at } = this;
    const options = {
      state: condition.value,
      changed: context.changed,
      at: `${at}/value`,
      type,
      labelHidden: true,
    };
    return h(
      type === "date" ? "div.pair.days" : "div.pair",
      textField("From", { ...options, name: 0 }),
      textField("To", { ...options, name: 1 }),
    );
  }
}
