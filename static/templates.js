// Starting points for a new metric, made from the events that have come.

import { usualFormat, withThen } from "./definition.js";

// What such events and properties are usually called, in words.
const LEAD =
  /\b(leads?|opt ?in|forms?|sign ?up|inquiry|enquiry|subscribed|contact (created|added)|new contact)\b/i;
const REPLY =
  /\b(repl(y|ied)|respon(se|ded)|answer(ed)?|contacted|call(ed)?|(message|sms|text|email) sent|outbound|first touch)\b/i;
const OFFER = /\b(offers?|proposals?|quotes?|quoted|estimates?|opportunit(y|ies)|pitch(ed)?)\b/i;
const SALE = /\b(paid|payments?|sales?|sold|purchased?|orders?|checkout|invoices?|deals?|won)\b/i;
const UNDONE = /\b(no|not|lost|failed|refund(ed)?|cancel(l?ed)?|declined|missed)\b/i;
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
  return [...leadTemplates(events), ...saleTemplates(events), ...followTemplates(events)];
}

// An event that is called so and not in another way, the most frequent first; undefined where there is none.
const eventCalled = (events, pattern, ...others) =>
  [...events.keys()].find(
    name => isCalled(name, pattern) && ![UNDONE, ...others].some(other => isCalled(name, other)),
  );

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

// What came of a lead or an offer, and how fast. The windows are so short that a month tells something about most of it, and
// so long that a weekend is not in the way.
function followTemplates(events) {
  const lead = eventCalled(events, LEAD, REPLY, SALE);
  const reply = eventCalled(events, REPLY, SALE);
  const offer = eventCalled(events, OFFER, SALE) ?? lead;
  const sale = eventCalled(events, SALE);
  const templates = [];
  if (lead && reply) {
    templates.push(
      followTemplate("speed", "Speed to lead", "median", lead, reply, "3d"),
      followTemplate("answered", "Answered within 5 minutes", "conversion", lead, reply, "5m"),
    );
  }
  if (offer && sale) {
    templates.push(followTemplate("close", "Close rate", "conversion", offer, sale, "14d"));
  }
  return templates;
}

function followTemplate(id, name, aggregation, event, following, within) {
  const term = withThen(
    { key: "A", event, type: "contact", aggregation },
    { event: following, within },
  );
  return { id, definition: { name, format: usualFormat(term), terms: [term] }, view: {} };
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
