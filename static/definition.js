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

/** Those of a term with `then`. The times are from a start to what follows. */
export const THEN_AGGREGATIONS = {
  conversion: "Conversion rate",
  conversions: "How many converted",
  contact_conversion: "Contacts who converted",
  median: "Median time",
  avg: "Average time",
  p90: "90th percentile of the time",
  p95: "95th percentile of the time",
  min: "Shortest time",
  max: "Longest time",
};

export const takesProperty = ({ aggregation = "count", then }) =>
  !then && !["count", "unique_contacts"].includes(aggregation);

/** Whether a term reads numbers, which texts may write in one of several ways. */
export const takesNumbers = term => takesProperty(term) && term.aggregation !== "count_distinct";

/** Whether a term with `then` gives a time, in seconds. */
export const isOfTime = ({ aggregation, then }) => Boolean(then) && !/conversion/.test(aggregation);

/** How the numbers of a term are shown where nobody has chosen. @returns {Format} of format.js */
export function usualFormat(term) {
  if (!term.then || term.aggregation === "conversions") return { style: "number" };
  return isOfTime(term) ? { style: "duration" } : { style: "percent", decimals: 1 };
}

/** Whether the values of groups add up to that of all: sums and counts, in which no event is in two groups. */
export const addsUp = ({ terms, formula = "" }, by) =>
  by !== "tag" &&
  !/[*/]/.test(formula) &&
  terms.every(({ aggregation = "count" }) => ["count", "sum", "conversions"].includes(aggregation));

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

/** How long a term waits for what follows; others may be typed. */
export const WINDOWS = {
  "5m": "5 minutes",
  "1h": "1 hour",
  "1d": "1 day",
  "3d": "3 days",
  "7d": "7 days",
  "14d": "14 days",
  "30d": "30 days",
  "90d": "90 days",
};

/** Such as 7 days, of 7d. */
export function windowText(within = "") {
  const amount = parseInt(within, 10);
  const unit = WINDOW_SPANS[within.at(-1)] ?? "";
  return `${amount || "…"} ${amount === 1 ? unit.slice(0, -1) : unit}`;
}

/** What follows, as a term begins with it. */
export const newThen = () => ({ event: "", within: "30d", filters: { all: [] } });

/** A definition as it is edited: without ids and times, and with all that may be left out. */
export const editable = ({ name = "", format, terms, formula }) =>
  structuredClone({
    name,
    format: { style: "number", ...format },
    terms: terms.map(term => withThen(withFilters(term), term.then && withFilters(term.then))),
    formula: formula ?? "",
  });

/** A term with what follows. */
export const withThen = (term, then) => ({ ...term, then });

const withFilters = filtered => ({ ...filtered, filters: filtered.filters ?? { all: [] } });

/** A definition as it is sent: what was left empty is undefined, and so not in its JSON. */
export const cleanDefinition = ({ name, format, terms, formula }) => ({
  name: name || undefined,
  format: cleanFormat(format ?? {}),
  terms: terms.map(cleanTerm),
  formula: formula || undefined,
});

/** A format as it is sent. Without decimals a number has as many as it needs, which is what a definition without one means. */
export function cleanFormat({ style = "number", decimals = "", currency }) {
  if (style === "number" && decimals === "") return undefined;
  if (style === "duration") return { style };
  return {
    style,
    decimals: decimals === "" ? undefined : Number(decimals),
    currency: style === "currency" ? currency : undefined,
  };
}

function cleanTerm(term) {
  const { key, event, type, then, aggregation = "count", property, numbers, filters } = term;
  const cleaned = {
    key,
    event,
    type,
    aggregation,
    property: takesProperty(term) ? (property ?? "") : undefined,
    numbers: takesNumbers(term) && numbers ? numbers : undefined,
    filters: cleanGroup(filters ?? {}),
  };
  return withThen(cleaned, then ? cleanThen(then) : undefined);
}

const cleanThen = ({ event, filters, within }) => ({
  event,
  filters: cleanGroup(filters ?? {}),
  within,
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
export const WINDOW_SPANS = { m: "minutes", ...SPANS };
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
