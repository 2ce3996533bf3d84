// What a metric is made of: its terms, their filters, and the operators that fields take.

export const AGGREGATIONS = {
  count: "Number of events",
  unique_contacts: "Unique contacts",
  count_distinct: "Unique values",
  sum: "Sum",
  avg: "Average",
  min: "Smallest value",
  max: "Largest value",
  median: "Median",
  p90: "90th percentile",
  p95: "95th percentile",
  latest: "Latest value",
};

export const takesProperty = (aggregation = "count") =>
  !["count", "unique_contacts"].includes(aggregation);

/** Whether it reads numbers, which texts may write in one of several ways. */
export const takesNumbers = aggregation =>
  takesProperty(aggregation) && aggregation !== "count_distinct";

/** Whether the values of groups add up to that of all: sums and counts, in which no event is in two groups. */
export const addsUp = ({ terms, formula = "" }, by) =>
  by !== "tag" &&
  !/[*/]/.test(formula) &&
  terms.every(({ aggregation = "count" }) => ["count", "sum"].includes(aggregation));

/** How texts may write numbers; the plain way goes without saying. */
export const NUMBERS = {
  "": "1234.5",
  "1,234.5": "1,234.5 or $1,234.5",
  "1.234,5": "1.234,5 or 1.234,5 €",
};

const EMPTY_TERM = { event: "", type: "account", aggregation: "count", filters: { all: [] } };

/** A term under the first key that is free; like another one, or empty. */
export function newTerm(terms, like = EMPTY_TERM) {
  const key = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].find(
    letter => !terms.some(term => term.key === letter),
  );
  return { ...structuredClone(like), key };
}

/** A definition as it is edited: without ids and times, and with all that may be left out. */
export const editable = ({ name = "", format, terms, formula }) =>
  structuredClone({
    name,
    format: { style: "number", ...format },
    terms: terms.map(term => ({ ...term, filters: term.filters ?? { all: [] } })),
    formula: formula ?? "",
  });

/** A definition as it is sent: what was left empty is undefined, and so not in its JSON. */
export const cleanDefinition = ({ name, format, terms, formula }) => ({
  name: name || undefined,
  format: cleanFormat(format ?? {}),
  terms: terms.map(cleanTerm),
  formula: formula || undefined,
});

// Without decimals a number has as many as it needs, which is what a definition without a format means.
function cleanFormat({ style = "number", decimals = "", currency }) {
  if (style === "number" && decimals === "") return undefined;
  return {
    style,
    decimals: decimals === "" ? undefined : Number(decimals),
    currency: style === "currency" ? currency : undefined,
  };
}

const cleanTerm = ({ key, event, type, aggregation = "count", property, numbers, filters }) => ({
  key,
  event,
  type,
  aggregation,
  property: takesProperty(aggregation) ? (property ?? "") : undefined,
  numbers: takesNumbers(aggregation) && numbers ? numbers : undefined,
  filters: cleanGroup(filters ?? {}),
});

// Filters: conditions {field, op, value}, and groups of them, {all: [...]} or {any: [...]}

export const isGroup = filter => Array.isArray(filter.all) || Array.isArray(filter.any);

/** A group's kind ("all" or "any") and its members. */
export const groupOf = group =>
  Array.isArray(group.any)
    ? { kind: "any", members: group.any }
    : { kind: "all", members: group.all ?? [] };

/** A condition without a field is not yet one, and a group without conditions is none. */
export const isSent = filter =>
  isGroup(filter) ? groupOf(filter).members.some(isSent) : Boolean(filter.field);

function cleanGroup(group) {
  const { kind, members } = groupOf(group);
  const sent = members
    .filter(isSent)
    .map(filter => (isGroup(filter) ? cleanGroup(filter) : filter));
  return sent.length ? { [kind]: sent } : undefined;
}

// Fields and operators

export const SPANS = { h: "hours", d: "days", w: "weeks" };
const SET_OPS = { is_set: "has a value", is_not_set: "has no value" };
const TEXT_OPS = {
  is: "is",
  is_not: "is not",
  contains: "contains",
  not_contains: "does not contain",
  in: "is one of",
  not_in: "is none of",
};
const NUMBER_OPS = {
  eq: "=",
  neq: "≠",
  gt: ">",
  gte: "≥",
  lt: "<",
  lte: "≤",
  between: "is between",
};
const OPERATORS = {
  text: { ...TEXT_OPS, ...SET_OPS },
  value: { ...TEXT_OPS, ...NUMBER_OPS, ...SET_OPS },
  contact: { is: "is", ...SET_OPS },
  date: {
    in_last: "is in the last",
    before: "is before",
    after: "is after",
    between: "is between",
    ...SET_OPS,
  },
  tags: {
    has_any: "include any of",
    has_all: "include all of",
    has_none: "include none of",
    is_set: "are known",
    is_not_set: "are not known",
  },
};
const KINDS = {
  "contact.tags": "tags",
  "contact.date_created": "date",
  "contact.source": "text",
  "contact.name": "text",
  "contact.email": "text",
  "contact.phone": "text",
  "contact.type": "text",
  contact_id: "contact",
  distinct_id: "text",
};

/** Which operators a field takes. @returns {"text" | "value" | "contact" | "date" | "tags"} */
export const kindOf = field => KINDS[field] ?? "value";

/** Their texts by operator. */
export const operatorsOf = field => OPERATORS[kindOf(field)];

export const takesNoValue = op => op in SET_OPS;

/** The value with which an operator begins; undefined where it takes none. */
export function firstValue(op) {
  if (takesNoValue(op)) return undefined;
  if (op === "between") return ["", ""];
  if (op === "in_last") return "30d";
  const takesList = /^(in|not_in|has_.*)$/.test(op);
  return takesList ? [] : "";
}

/** How a field is called here: a property by its key alone, and no two fields by one name. */
export function fieldName(field) {
  if (field.startsWith("property.")) return propertyKey(field);
  if (field === "tag") return "contact’s tags";
  if (field.startsWith("contact.fields.")) {
    return `contact’s custom field “${field.slice("contact.fields.".length)}”`;
  }
  if (field === "contact.date_created") return "contact’s date created";
  if (field.startsWith("contact.")) return `contact’s ${field.slice("contact.".length)}`;
  return `event’s ${field}`;
}

export const isProperty = field => field.startsWith("property.");
export const propertyKey = field => field.slice("property.".length);

/**
 * What a term can be filtered by.
 * @param {{key: string, kinds: string}[]} properties
 * @param {{field: string}[]} contactFields
 * @returns {{field: string, hint?: string}[]}
 */
export function fieldChoices(properties, contactFields) {
  const fields = new Set([...Object.keys(KINDS), ...contactFields.map(({ field }) => field)]);
  return [
    ...properties.map(({ key, kinds }) => ({ field: `property.${key}`, hint: kinds })),
    ...[...fields].map(field => ({ field })),
  ];
}

/** The field that was typed: by its name here or in the API, or else a property that was not seen yet. */
export function fieldFrom(typed, offered) {
  const named = offered.find(field => fieldName(field) === typed);
  if (named) return named;
  const isField = !typed || offered.includes(typed) || /^(property|contact)\./.test(typed);
  return isField ? typed : `property.${typed}`;
}
