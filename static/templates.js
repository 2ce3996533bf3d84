// Starting points for a new metric, made from the events that have come.

// What such events and properties are usually called, in words.
const LEAD =
  /\b(leads?|opt ?in|forms?|sign ?up|inquiry|enquiry|subscribed|contact (created|added)|new contact)\b/i;
const SALE = /\b(paid|payments?|sales?|sold|purchased?|orders?|checkout|invoices?|deals?|won)\b/i;
const AMOUNT = /\b(value|amount|total|price|revenue)\b/i;
const SOURCE = /\b(source|channel|campaign|medium|referrer)\b/i;

// Of form_submitted and formSubmitted.
const wordsOf = name => name.replaceAll(/[_-]+/g, " ").replaceAll(/([a-z])([A-Z])/g, "$1 $2");
const isCalled = (name, pattern) => pattern.test(wordsOf(name));

/**
 * @param {Map<string, {properties: Map<string, string>}>} events by name, the most frequent first; `properties` are kinds
 *   by key
 * @returns {{id: string, definition: object, view: {by?: string, chart?: string}}[]} definitions, and how each is looked at
 */
export function templatesFrom(events) {
  return [...leadTemplates(events), ...saleTemplates(events)];
}

function leadTemplates(events) {
  const name = [...events.keys()].find(each => isCalled(each, LEAD));
  if (!name) return [];
  const source = [...events.get(name).properties.keys()].find(key => isCalled(key, SOURCE));
  // Else the contact's own.
  const [type, by] = source ? ["account", `property.${source}`] : ["contact", "contact.source"];
  const definition = { name: "Leads by source", terms: [{ key: "A", event: name, type }] };
  return [{ id: "leads", definition, view: { by, chart: "bar" } }];
}

function saleTemplates(events) {
  const sale = saleOf(events);
  if (!sale) return [];
  const term = aggregation => ({ key: "A", type: "account", aggregation, ...sale });
  const revenue = name => ({ name, terms: [term("sum")] });
  return [
    { id: "revenue", definition: revenue("Revenue"), view: {} },
    { id: "average", definition: { name: "Average sale", terms: [term("avg")] }, view: {} },
    {
      id: "clients",
      definition: revenue("Revenue by client"),
      view: { by: "location", chart: "bar" },
    },
  ];
}

// An event with an amount: best one that is called like a sale. Workflows send numbers as texts, which tell nothing but their
// name.
function saleOf(events) {
  const candidates = [...events].flatMap(([event, { properties }]) =>
    [...properties].map(([property, kinds]) => {
      const isAmount = isCalled(property, AMOUNT);
      const isNumber = kinds.includes("number");
      const rank = 3 * isCalled(event, SALE) + 2 * isAmount + isNumber;
      return { event, property, rank: isAmount || isNumber ? rank : 0 };
    }),
  );
  const [best] = candidates.sort((one, other) => other.rank - one.rank);
  if (!best || best.rank < 3) return null;
  return { event: best.event, property: best.property };
}
