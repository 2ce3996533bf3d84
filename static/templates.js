// Starting points for a new metric, made from the events that have come.

// What such events and properties are usually called.
const LEAD =
  /lead|opt.?in|form|sign.?up|inquir|enquir|subscri|contact (created|added)|new contact/i;
const SALE = /pa(id|y)|sale|sold|purchase|order|checkout|invoice|revenue|deal|won|closed/i;
const AMOUNT = /value|amount|total|price|revenue|paid/i;
const SOURCE = /source|channel|campaign|medium|referr/i;

/**
 * @param {Map<string, {properties: Map<string, string>}>} events by name, the most frequent first; `properties` are kinds
 *   by key
 * @returns {{id: string, definition: object, view: {by?: string, chart?: string}}[]} definitions, and how each is looked at
 */
export function templatesFrom(events) {
  return [...leadTemplates(events), ...saleTemplates(events)];
}

function leadTemplates(events) {
  const name = [...events.keys()].find(each => LEAD.test(each));
  if (!name) return [];
  const source = [...events.get(name).properties.keys()].find(key => SOURCE.test(key));
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

// An event with a number: best one that is called like a sale, with a property that is called like an amount.
function saleOf(events) {
  const candidates = [...events].flatMap(([event, { properties }]) =>
    [...properties]
      .filter(([, kinds]) => kinds.includes("number"))
      .map(([property]) => ({ event, property })),
  );
  const rank = ({ event, property }) => 2 * SALE.test(event) + AMOUNT.test(property);
  const [best] = candidates.sort((one, other) => rank(other) - rank(one));
  return best && rank(best) > 0 ? best : null;
}
