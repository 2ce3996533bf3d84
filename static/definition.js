// What a metric is made of, and how it reads as a plain sentence.

export const AGGREGATIONS = [["count", "Number of events"], ["unique_contacts", "Number of different contacts"], ["count_distinct", "Number of different values"],
  ["sum", "Sum"], ["avg", "Average"], ["min", "Smallest"], ["max", "Largest"], ["median", "Median"], ["p90", "90th percentile"], ["p95", "95th percentile"],
  ["latest", "Latest value"]];

export const takesProperty = (aggregation) => aggregation !== "count" && aggregation !== "unique_contacts";

const KEYS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The first key that no term has. */
export function freeKey(terms) {
  return [...KEYS].find((key) => !terms.some((term) => term.key === key)) ?? `T${terms.length + 1}`;
}

export function newTerm(terms, copied = {}) {
  return { event: "", type: "account", aggregation: "count", ...structuredClone(copied), key: freeKey(terms) };
}

/** A definition as it is sent: without what is left empty, and without ids and times of a saved one. */
export function clean({ name, format, terms, formula }) {
  const made = {};
  if (name?.trim()) made.name = name.trim();
  if (format) made.format = format;
  made.terms = terms.map(cleanTerm);
  if (formula?.trim()) made.formula = formula;
  return made;
}

function cleanTerm({ key, event, type, aggregation, property, filters }) {
  const made = { key, event, type, aggregation: aggregation ?? "count" };
  if (takesProperty(made.aggregation)) made.property = property ?? "";
  const group = cleanGroup(filters);
  if (group) made.filters = group;
  return made;
}

/** A filter without a field is not yet one, and a group without filters is none. */
function cleanGroup(group) {
  if (!group) return null;
  const [way, list] = members(group);
  const kept = list.map((each) => (isGroup(each) ? cleanGroup(each) : each.field ? each : null)).filter(Boolean);
  return kept.length ? { [way]: kept } : null;
}

export const isGroup = (each) => Array.isArray(each.all) || Array.isArray(each.any);
export const members = (group) => (Array.isArray(group.any) ? ["any", group.any] : ["all", group.all]);

// Fields and operators

const SET = [["is_set", "is known"], ["is_not_set", "is not known"]];
const TEXT = [["is", "is"], ["is_not", "is not"], ["contains", "contains"], ["not_contains", "does not contain"], ["in", "is one of"], ["not_in", "is none of"]];
const NUMBER = [["eq", "="], ["neq", "≠"], ["gt", ">"], ["gte", "≥"], ["lt", "<"], ["lte", "≤"], ["between", "is between"]];
const OPERATORS = {
  text: [...TEXT, ...SET],
  value: [...TEXT, ...NUMBER, ...SET],
  contact: [["is", "is"], ...SET],
  date: [["in_last", "is in the last"], ["before", "is before"], ["after", "is after"], ["between", "is between"], ...SET],
  tags: [["has_any", "include any of"], ["has_all", "include all of"], ["has_none", "include none of"], ["is_set", "are known"], ["is_not_set", "are not known"]],
};
const NAMES = { "contact.tags": "Tags", "contact.date_created": "Date created", "contact.source": "Source", "contact.name": "Contact name", "contact.email": "E-mail",
  "contact.phone": "Phone", "contact.type": "Contact type", contact_id: "Contact", distinct_id: "distinct_id" };
const TEXT_FIELDS = ["name", "email", "phone", "source", "type"];

/** Which operators a field takes. */
export function kindOf(field) {
  if (field === "contact.tags") return "tags";
  if (field === "contact.date_created") return "date";
  if (field === "contact_id") return "contact";
  if (field === "distinct_id") return "text";
  if (field.startsWith("contact.")) return TEXT_FIELDS.includes(field.slice(8)) ? "text" : "value";
  return "value";
}

export function operatorsOf(field, numeric = true) {
  const all = OPERATORS[kindOf(field)];
  return kindOf(field) === "value" && !numeric ? OPERATORS.text : all;
}

export function fieldName(field) {
  return NAMES[field] ?? field.replace(/^(property|contact)\./, "");
}

/** Which fields a term can be filtered by: those always there, then those seen in the data. */
export function fieldChoices(type, properties, contactFields) {
  const of = (field, hint) => ({ value: field, text: fieldName(field), hint });
  const seen = properties.map(({ key, kinds }) => of(`property.${key}`, `property · ${kinds.join(", ")}`));
  const always = [of("contact_id", "the event's contact"), of("distinct_id", "the event's own id")];
  if (type === "account") return [...seen, ...always];
  const known = ["contact.tags", "contact.date_created", "contact.source", "contact.name", "contact.email", "contact.phone", "contact.type"];
  const custom = contactFields.map(({ field }) => field).filter((field) => !known.includes(field));
  return [...known.map((field) => of(field, "contact")), ...custom.map((field) => of(field, "contact · custom field")), ...seen, ...always];
}

/** A field as typed: its name in the API, or a property or custom field that was not seen yet. */
export function fieldFrom(text, choices) {
  const typed = text.trim();
  const found = choices.find((each) => each.value === typed || each.text === typed);
  if (found || !typed) return found?.value ?? "";
  return /^(property|contact)\./.test(typed) ? typed : `property.${typed}`;
}

/** The value with which an operator begins. */
export function firstValue(field, op) {
  if (op === "is_set" || op === "is_not_set") return undefined;
  if (op === "between") return ["", ""];
  if (["in", "not_in", "has_any", "has_all", "has_none"].includes(op)) return [];
  return op === "in_last" ? "30d" : "";
}

// The sentence

const quoted = (text) => `“${text || "…"}”`;

/** “Close rate” is A divided by B, where A is the number of … and B is … */
export function sentence({ name, terms, formula }) {
  const subject = name?.trim() ? quoted(name.trim()) : "This metric";
  if (terms.length === 1 && (!formula?.trim() || formula.trim() === terms[0].key)) return `${subject} is ${termPhrase(terms[0])}.`;
  const phrases = terms.map((term) => `${term.key} is ${termPhrase(term)}`);
  return `${subject} is ${formulaPhrase(formula)}, where ${joined(phrases, ", and ", ", ")}.`;
}

const WORDS = { "+": "plus", "-": "minus", "*": "times", "/": "divided by" };

function formulaPhrase(formula) {
  const tokens = (formula ?? "").match(/[A-Za-z_]\w*|[\d.]+|[-+*/()]/g) ?? ["…"];
  return tokens.map((token) => WORDS[token] ?? token).join(" ").replaceAll("( ", "(").replaceAll(" )", ")");
}

function termPhrase({ event, type, aggregation, property, filters }) {
  const events = `${quoted(event)} events${type === "contact" ? " that have a contact" : ""}`;
  const conditions = filters ? groupPhrase(filters) : "";
  const restricted = conditions ? `, where ${conditions}` : "";
  return `${AMOUNTS[aggregation ?? "count"](events, quoted(property))}${restricted}`;
}

const AMOUNTS = {
  count: (events) => `the number of ${events}`,
  unique_contacts: (events) => `the number of different contacts with ${events}`,
  count_distinct: (events, property) => `the number of different values of ${property} in ${events}`,
  sum: (events, property) => `the sum of ${property} over ${events}`,
  avg: (events, property) => `the average ${property} of ${events}`,
  min: (events, property) => `the smallest ${property} of ${events}`,
  max: (events, property) => `the largest ${property} of ${events}`,
  median: (events, property) => `the median ${property} of ${events}`,
  p90: (events, property) => `the 90th percentile of ${property} of ${events}`,
  p95: (events, property) => `the 95th percentile of ${property} of ${events}`,
  latest: (events, property) => `the latest ${property} of ${events}`,
};

function groupPhrase(group) {
  const [way, list] = members(group);
  const phrases = list.map((each) => (isGroup(each) ? (groupPhrase(each) ? `(${groupPhrase(each)})` : "") : each.field ? conditionPhrase(each) : "")).filter(Boolean);
  return phrases.join(way === "any" ? " or " : " and ");
}

function conditionPhrase({ field, op, value }) {
  const [, words] = operatorsOf(field).find(([each]) => each === op) ?? [op, op];
  return `${fieldPhrase(field)} ${words}${valuePhrase(op, value)}`;
}

function fieldPhrase(field) {
  if (field === "contact.tags") return "the contact’s tags";
  if (field === "contact_id") return "the contact";
  if (field === "distinct_id") return "the distinct_id";
  return field.startsWith("contact.") ? `the contact’s ${fieldName(field).toLowerCase().replace(/^contact /, "")}` : quoted(fieldName(field));
}

function valuePhrase(op, value) {
  if (op === "is_set" || op === "is_not_set") return "";
  if (op === "in_last") return ` ${durationPhrase(value)}`;
  if (op === "between") return ` ${value[0] || "…"} and ${value[1] || "…"}`;
  return ` ${Array.isArray(value) ? joined(value.map(quoted), " or ", ", ") || "…" : quoted(String(value))}`;
}

function durationPhrase(value) {
  const [, amount, unit] = /^(\d+)([hdw])$/.exec(value ?? "") ?? [null, "…", "d"];
  return `${amount} ${{ h: "hours", d: "days", w: "weeks" }[unit]}`;
}

function joined(list, last, between) {
  return list.length < 2 ? list.join("") : `${list.slice(0, -1).join(between)}${last}${list.at(-1)}`;
}
