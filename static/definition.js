// What a metric is made of, and how it reads as a plain sentence.

export const AGGREGATIONS = {
  count: "Number of events",
  unique_contacts: "Different contacts",
  count_distinct: "Different values",
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

// Like another one, or new; its key is the first that is free.
export function newTerm(
  terms,
  like = { event: "", type: "account", aggregation: "count", filters: { all: [] } },
) {
  const key = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].find(
    each => !terms.some(term => term.key === each),
  );
  return { ...structuredClone(like), key };
}

// As it is edited, without ids and times.
export const editable = ({ name = "", format, terms, formula }) =>
  structuredClone({
    name,
    format: { style: "number", ...format },
    terms: terms.map(term => ({ ...term, filters: term.filters ?? { all: [] } })),
    formula: formula ?? "",
  });

// As it is sent: what is left empty is undefined, and so not in its JSON.
export const clean = ({ name, format, terms, formula }) => ({
  name: name || undefined,
  format: cleanFormat(format ?? {}),
  terms: terms.map(cleanTerm),
  formula: formula || undefined,
});

// Without decimals a number has as many as it needs, which is what no format says.
function cleanFormat({ style = "number", decimals = "", currency }) {
  if (style === "number" && decimals === "") return undefined;
  return {
    style,
    decimals: decimals === "" ? undefined : Number(decimals),
    currency: style === "currency" ? currency : undefined,
  };
}

const cleanTerm = ({ key, event, type, aggregation = "count", property = "", filters }) => ({
  key,
  event,
  type,
  aggregation,
  property: takesProperty(aggregation) ? property : undefined,
  filters: cleanGroup(filters ?? {}),
});

// A filter without a field is not yet one, and a group without filters is none.
export const isSent = each => (isGroup(each) ? members(each)[1].some(isSent) : each.field);

function cleanGroup(group) {
  const [way, list] = members(group);
  const kept = list.filter(isSent).map(each => (isGroup(each) ? cleanGroup(each) : each));
  return kept.length ? { [way]: kept } : undefined;
}

export const isGroup = each => Array.isArray(each.all) || Array.isArray(each.any);
export const members = group =>
  Array.isArray(group.any) ? ["any", group.any] : ["all", group.all ?? []];

// Fields and operators

export const SPANS = { h: "hours", d: "days", w: "weeks" };
const SET = { is_set: "is known", is_not_set: "is not known" };
const TEXT = {
  is: "is",
  is_not: "is not",
  contains: "contains",
  not_contains: "does not contain",
  in: "is one of",
  not_in: "is none of",
};
const NUMBER = { eq: "=", neq: "≠", gt: ">", gte: "≥", lt: "<", lte: "≤", between: "is between" };
const OPERATORS = {
  text: { ...TEXT, ...SET },
  value: { ...TEXT, ...NUMBER, ...SET },
  contact: { is: "is", ...SET },
  date: {
    in_last: "is in the last",
    before: "is before",
    after: "is after",
    between: "is between",
    ...SET,
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

export const kindOf = field => KINDS[field] ?? "value";
export const operatorsOf = field => OPERATORS[kindOf(field)];

// A property is called by its key alone, and no two fields by one name.
export const fieldName = field =>
  field.startsWith("property.")
    ? field.slice(9)
    : field === "tag"
      ? "contact’s tags"
      : field.startsWith("contact.")
        ? `contact’s ${field.slice(8).replace("date_created", "date created")}`
        : `event’s ${field}`;

// What a term can be filtered by: [field, hint]; `properties` is [key, kinds].
export const fieldChoices = (properties, contactFields) => [
  ...properties.map(([key, kinds]) => [`property.${key}`, kinds]),
  ...[...new Set([...Object.keys(KINDS), ...contactFields.map(({ field }) => field)])].map(
    field => [field],
  ),
];

// Its name here or in the API, or a property that was not seen yet.
export function fieldFrom(typed, offered) {
  const isField = !typed || offered.includes(typed) || /^(property|contact)\./.test(typed);
  return (
    offered.find(field => fieldName(field) === typed) ?? (isField ? typed : `property.${typed}`)
  );
}

export function firstValue(op) {
  if (op in SET) return undefined;
  if (op === "between") return ["", ""];
  return /^(in|not_in|has_.*)$/.test(op) ? [] : op === "in_last" ? "30d" : "";
}

// The sentence

const quoted = (text = "") => `“${text === "" ? "…" : text}”`;
const joined = (list, last) =>
  list.length < 2 ? list.join("") : `${list.slice(0, -1).join(", ")}${last}${list.at(-1)}`;

export function sentence({ name, terms, formula }) {
  const subject = name ? quoted(name) : "This metric";
  const [{ key }] = terms;
  if (terms.length === 1 && (formula || key) === key)
    return `${subject} is ${termPhrase(terms[0])}.`;
  return `${subject} is ${formulaPhrase(formula || key)}, where ${joined(
    terms.map(term => `${term.key} is ${termPhrase(term)}`),
    ", and ",
  )}.`;
}

export const WORDS = { "+": "plus", "-": "minus", "*": "times", "/": "divided by" };

const formulaPhrase = formula =>
  (formula.match(/[A-Za-z_]\w*|[\d.]+|[-+*/()]/g) ?? [])
    .map(token => WORDS[token] ?? token)
    .join(" ")
    .replaceAll("( ", "(")
    .replaceAll(" )", ")");

const AMOUNTS = {
  count: "the number of",
  unique_contacts: "the number of different contacts with",
  count_distinct: "the number of different values of % in",
};

function termPhrase({ event, type, aggregation = "count", property, filters }) {
  const events = `${quoted(event)} events${type === "contact" ? " that have a contact" : ""}`;
  const conditions = groupPhrase(filters ?? {});
  const amount =
    AMOUNTS[aggregation] ??
    `the ${(AGGREGATIONS[aggregation] ?? aggregation).toLowerCase()} of % over`;
  return `${amount.replace("%", () => quoted(property))} ${events}${conditions ? `, where ${conditions}` : ""}`;
}

function groupPhrase(group) {
  const [way, list] = members(group);
  return list
    .filter(isSent)
    .map(each => (isGroup(each) ? `(${groupPhrase(each)})` : conditionPhrase(each)))
    .join(way === "any" ? " or " : " and ");
}

function conditionPhrase({ field, op, value }) {
  const name = fieldName(field);
  return `${field.startsWith("property.") ? quoted(name) : `the ${name}`} ${operatorsOf(field)[op] ?? op}${valuePhrase(op, value)}`;
}

function valuePhrase(op, value) {
  if (op in SET) return "";
  if (op === "in_last") return ` ${parseInt(value, 10) || "…"} ${SPANS[value.at(-1)] ?? ""}`;
  if (op === "between") return ` ${value[0] || "…"} and ${value[1] || "…"}`;
  return ` ${Array.isArray(value) ? joined(value.map(quoted), " or ") || "…" : quoted(value)}`;
}
