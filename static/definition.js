// What a metric is made of, and how it reads as a plain sentence.

export const AGGREGATIONS = [["count", "Number of events"], ["unique_contacts", "Number of different contacts"],
  ["count_distinct", "Number of different values"],
  ["sum", "Sum"], ["avg", "Average"], ["min", "Smallest value"], ["max", "Largest value"], ["median", "Median"], ["p90", "90th percentile"],
    ["p95", "95th percentile"],
  ["latest", "Latest value"]];

export const takesProperty = (aggregation = "count") => aggregation !== "count" && aggregation !== "unique_contacts";

/** Like another one, or new; its key is the first that is free. */
export function newTerm(terms, like = { event: "", type: "account", aggregation: "count" }) {
  const key = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].find((each) => !terms.some((term) => term.key === each));
  return { ...structuredClone(like), key };
}

/** A definition as it is sent: without what is left empty, and without ids and times of a saved one. */
export function clean({ name, format, terms, formula }) {
  const text = { ...(name?.trim() && { name: name.trim() }), ...(format && { format }) };
  return { ...text, terms: terms.map(cleanTerm), ...(formula?.trim() && { formula }) };
}

function cleanTerm({ key, event, type, aggregation = "count", property = "", filters }) {
  const group = filters && cleanGroup(filters);
  return { key, event, type, aggregation, ...(takesProperty(aggregation) && { property }), ...(group && { filters: group }) };
}

/** A filter without a field is not yet one, and a group without filters is none. */
function cleanGroup(group) {
  const [way, list] = members(group);
  const kept = list.map((each) => (isGroup(each) ? cleanGroup(each) : each.field && each)).filter(Boolean);
  return kept.length ? { [way]: kept } : null;
}

export const isGroup = (each) => Array.isArray(each.all) || Array.isArray(each.any);
export const members = (group) => (Array.isArray(group.any) ? ["any", group.any] : ["all", group.all ?? []]);

// Fields and operators

export const SPANS = [["h", "hours"], ["d", "days"], ["w", "weeks"]];
const SET = [["is_set", "is known"], ["is_not_set", "is not known"]];
const TEXT = [["is", "is"], ["is_not", "is not"], ["contains", "contains"], ["not_contains", "does not contain"], ["in", "is one of"],
  ["not_in", "is none of"]];
const NUMBER = [["eq", "="], ["neq", "≠"], ["gt", ">"], ["gte", "≥"], ["lt", "<"], ["lte", "≤"], ["between", "is between"]];
const OPERATORS = {
  text: [...TEXT, ...SET],
  value: [...TEXT, ...NUMBER, ...SET],
  contact: [["is", "is"], ...SET],
  date: [["in_last", "is in the last"], ["before", "is before"], ["after", "is after"], ["between", "is between"], ...SET],
  tags: [["has_any", "include any of"], ["has_all", "include all of"], ["has_none", "include none of"], ["is_set", "are known"],
    ["is_not_set", "are not known"]],
};
const NAMES = { "contact.tags": "Tags", "contact.date_created": "Date created", "contact.source": "Source", "contact.name": "Name",
  "contact.email": "E-mail", "contact.phone": "Phone", "contact.type": "Type", contact_id: "Contact" };

/** Which operators a field takes. */
export function kindOf(field) {
  const known = { "contact.tags": "tags", "contact.date_created": "date", contact_id: "contact", distinct_id: "text" }[field];
  return known ?? (/^contact\.(name|email|phone|source|type)$/.test(field) ? "text" : "value");
}

export const operatorsOf = (field) => OPERATORS[kindOf(field)];
export const fieldName = (field) => NAMES[field] ?? field.replace(/^(property|contact)\./, "");

/** What a term can be filtered by: [{value, text, hint}], of which no two have one text; `properties` is [[key, kinds]]. */
export function fieldChoices(type, properties, contactFields) {
  const seen = properties.map(([key, kinds]) => [`property.${key}`, `property · ${kinds.join(", ")}`]);
  const known = Object.keys(NAMES).filter((field) => field.startsWith("contact."));
  const custom = contactFields.map(({ field }) => field).filter((field) => !known.includes(field));
  const contact = type === "contact" ? [...known.map((field) => [field, "contact"]),
    ...custom.map((field) => [field, "contact · custom field"])] : [];
  const texts = new Set();
  return [...contact, ...seen, ["contact_id", "of the event"], ["distinct_id", "of the event"]].map(([value, hint]) => {
    const text = texts.has(fieldName(value)) ? value : fieldName(value);
    texts.add(text);
    return { value, text, hint };
  });
}

/** A field as typed: its name in the API, or a property that was not seen yet. */
export function fieldFrom(text, offered) {
  const typed = text.trim();
  const found = offered.find((each) => each.value === typed || each.text === typed);
  return found?.value ?? (typed && !/^(property|contact)\./.test(typed) ? `property.${typed}` : typed);
}

/** The value with which an operator begins. */
export function firstValue(op) {
  if (op === "is_set" || op === "is_not_set") return undefined;
  if (op === "between") return ["", ""];
  return ["in", "not_in", "has_any", "has_all", "has_none"].includes(op) ? [] : op === "in_last" ? "30d" : "";
}

// The sentence

const quoted = (text) => `“${text === 0 ? 0 : text || "…"}”`;

/** “Close rate” is A divided by B, where A is the number of … and B is … */
export function sentence({ name, terms, formula }) {
  const subject = name?.trim() ? quoted(name.trim()) : "This metric";
  if (terms.length === 1 && (!formula?.trim() || formula.trim() === terms[0].key)) return `${subject} is ${termPhrase(terms[0])}.`;
  const phrases = terms.map((term) => `${term.key} is ${termPhrase(term)}`);
  return `${subject} is ${formulaPhrase(formula)}, where ${joined(phrases, ", and ")}.`;
}

const WORDS = { "+": "plus", "-": "minus", "*": "times", "/": "divided by" };

function formulaPhrase(formula) {
  const tokens = (formula ?? "").match(/[A-Za-z_]\w*|[\d.]+|[-+*/()]/g) ?? ["…"];
  return tokens.map((token) => WORDS[token] ?? token).join(" ").replaceAll("( ", "(").replaceAll(" )", ")");
}

const AMOUNTS = { count: "the number of", unique_contacts: "the number of different contacts with",
  count_distinct: "the number of different values of % in" };

function termPhrase({ event, type, aggregation = "count", property, filters }) {
  const events = `${quoted(event)} events${type === "contact" ? " that have a contact" : ""}`;
  const conditions = filters && groupPhrase(filters);
  const name = () => AGGREGATIONS.find(([each]) => each === aggregation)?.[1] ?? aggregation;
  const amount = AMOUNTS[aggregation] ?? `the ${name().toLowerCase()} of % over`;
  return `${amount.replace("%", () => quoted(property))} ${events}${conditions ? `, where ${conditions}` : ""}`;
}

function groupPhrase(group) {
  const [way, list] = members(group);
  const phrases = list.map((each) => (isGroup(each) ? `(${groupPhrase(each)})` : each.field && conditionPhrase(each)));
  return phrases.filter((each) => each && each !== "()").join(way === "any" ? " or " : " and ");
}

function conditionPhrase({ field, op, value }) {
  const [, words] = operatorsOf(field).find(([each]) => each === op) ?? [op, op];
  return `${fieldPhrase(field)} ${words}${valuePhrase(op, value)}`;
}

const fieldPhrase = (field) => (field.startsWith("contact.") ? `the contact’s ${fieldName(field).toLowerCase()}`
  : field.startsWith("property.") ? quoted(fieldName(field))
  : `the ${fieldName(field).toLowerCase()}`);

function valuePhrase(op, value) {
  if (op === "is_set" || op === "is_not_set") return "";
  if (op === "in_last") return ` ${parseInt(value, 10) || "…"} ${SPANS.find(([unit]) => unit === value.at(-1))?.[1] ?? ""}`;
  if (op === "between") return ` ${value[0] || "…"} and ${value[1] || "…"}`;
  return ` ${Array.isArray(value) ? joined(value.map(quoted), " or ") || "…" : quoted(value)}`;
}

const joined = (list, last) => (list.length < 2 ? list.join("") : `${list.slice(0, -1).join(", ")}${last}${list.at(-1)}`);
