// A metric's definition as a plain sentence.

import {
  AGGREGATIONS,
  fieldName,
  groupOf,
  isGroup,
  isOfTime,
  isProperty,
  isSent,
  operatorsOf,
  SPANS,
  THEN_AGGREGATIONS,
  takesNoValue,
  takesNumbers,
  windowText,
} from "./definition.js";

/** The words for a formula's signs. */
export const SIGNS = { "+": "plus", "-": "minus", "*": "times", "/": "divided by" };

export function sentence({ name, terms, formula }) {
  const subject = name ? quoted(name) : "This metric";
  const [{ key }] = terms;
  const isTermAlone = terms.length === 1 && (formula || key) === key;
  if (isTermAlone) return ended(`${subject} is ${termPhrase(terms[0])}`);
  const meanings = terms.map(term => `${term.key} is ${termPhrase(term)}`);
  return ended(
    `${subject} is ${formulaPhrase(formula || key)}, where ${joined(meanings, ", and ")}`,
  );
}

const ended = text => (text.endsWith("…") ? text : `${text}.`);

const quoted = (text = "") => `“${text === "" ? "…" : text}”`;

function joined(texts, lastGlue) {
  if (texts.length < 2) return texts.join("");
  return `${texts.slice(0, -1).join(", ")}${lastGlue}${texts.at(-1)}`;
}

function formulaPhrase(formula) {
  const tokens = formula.match(/[A-Za-z_]\w*|[\d.]+|[-+*/()]/g) ?? [];
  if (tokens.at(-1) in SIGNS) tokens.push("…");
  return tokens
    .map(token => SIGNS[token] ?? token)
    .join(" ")
    .replaceAll("( ", "(")
    .replaceAll(" )", ")");
}

// % stands for the property.
const AMOUNTS = {
  count: "the number of",
  unique_contacts: "the number of unique contacts with",
  count_distinct: "the number of unique values of % in",
};

function termPhrase(term) {
  if (term.then) return thenPhrase(term);
  const { event, type, aggregation = "count", property, numbers, filters } = term;
  const name = AGGREGATIONS[aggregation] ?? aggregation;
  const amount = AMOUNTS[aggregation] ?? `the ${name.toLowerCase()} of % over`;
  const contact = type === "contact" ? " that have a contact" : "";
  const writing = takesNumbers(term) && numbers ? ` (written like ${numbers})` : "";
  const conditions = groupPhrase(filters ?? {});
  const where = conditions ? `, where ${conditions}` : "";
  const of = quoted(property) + writing;
  return `${amount.replace("%", () => of)} ${quoted(event)} events${contact}${where}`;
}

function thenPhrase(term) {
  const { event, then, aggregation = "count", filters } = term;
  const start = quoted(event) + aside(filters);
  const end = quoted(then.event) + aside(then.filters);
  const window = `within ${windowText(then.within)}`;
  if (isOfTime(term)) {
    const name = (THEN_AGGREGATIONS[aggregation] ?? aggregation).toLowerCase();
    return `the ${name} from ${start} to the next ${end} of the same contact, ${window}`;
  }
  const ofContact = `${end} of the same contact ${window}`;
  return {
    conversions: `the number of ${start} events that were followed by ${ofContact}`,
    conversion: `the share of ${start} events that were followed by ${ofContact}`,
    contact_conversion: `the share of contacts whose ${start} was followed by ${end} ${window}`,
  }[aggregation];
}

function aside(filters) {
  const conditions = groupPhrase(filters ?? {});
  return conditions ? ` (where ${conditions})` : "";
}

function groupPhrase(group) {
  const { kind, members } = groupOf(group);
  return members
    .filter(isSent)
    .map(filter => (isGroup(filter) ? `(${groupPhrase(filter)})` : conditionPhrase(filter)))
    .join(kind === "any" ? " or " : " and ");
}

function conditionPhrase({ field, op, value }) {
  const name = fieldName(field);
  const subject = isProperty(field) ? quoted(name) : `the ${name}`;
  return `${subject} ${operatorsOf(field)[op] ?? op}${valuePhrase(op, value)}`;
}

function valuePhrase(op, value) {
  if (takesNoValue(op)) return "";
  if (op === "in_last") return ` ${parseInt(value, 10) || "…"} ${SPANS[value.at(-1)] ?? ""}`;
  if (op === "between") return ` ${value[0] || "…"} and ${value[1] || "…"}`;
  if (Array.isArray(value)) return ` ${joined(value.map(quoted), " or ") || "…"}`;
  return ` ${quoted(value)}`;
}
