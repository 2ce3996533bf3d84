// The evidence: which events a number counts.

import { locations, post } from "./api.js";
import { dialog } from "./dialog.js";
import { button, fill, h, hint } from "./dom.js";
import { eventList, openEvent } from "./events.js";
import { selectField } from "./fields.js";
import { count, cut, duration, number, time } from "./format.js";
import { saveStarts } from "./starts.js";
import { empty, failure } from "./states.js";

/**
 * Which of a metric's events; what is left out does not narrow. `outcome` and `order` are of terms with `then`.
 * @typedef {{term?: string, bucket?: string, compared?: boolean, skipped?: boolean,
 *   group?: {key: string | null} | {other: true}, locations?: string[], outcome?: "converted" | "never" | "not_yet",
 *   order?: "newest" | "slowest"}} Selection as the API takes it
 */

const OUTCOMES = {
  "": "What the number counts",
  converted: "Converted",
  never: "Never converted",
  not_yet: "Not yet",
};
const ORDERS = { newest: "Newest first", slowest: "Slowest first" };

/**
 * Shows the events behind a number.
 * @param {{definition: object, query: object}} result the metric, and over what it was calculated
 * @param {string} title
 * @param {Selection} selection
 */
export function openEvidence({ definition, query }, title, selection) {
  const body = {
    ...query,
    metric: definition,
    term: definition.terms[0].key,
    ...selection,
  };
  const chosen = { outcome: body.outcome ?? "", order: body.order ?? "newest" };
  const build = () => {
    const box = h("div.stack");
    const show = () => {
      const term = definition.terms.find(({ key }) => key === body.term);
      fill(box, term.then ? startsList(body, term, chosen, show) : eventsList(body));
    };
    show();
    return [definition.terms.length > 1 && termField(definition.terms, body, show), box];
  };
  return dialog(title, build, { isWide: true });
}

const termField = (terms, body, changed) =>
  selectField("Term", {
    choices: terms.map(({ key, event }) => ({ value: key, text: `${key}: ${cut(event, 40)}` })),
    state: body,
    name: "term",
    changed,
  });

function eventsList({ outcome: _, order: __, ...body }) {
  return evidenceList(body, {
    nothing: empty("No events", "This term has no events in this range."),
    order: "newest first",
  });
}

function evidenceList(body, { nothing, order, more }) {
  const queried = body.locations === "all" ? locations : body.locations;
  const without = queried.length === 1 ? ["Event", "Location"] : ["Event"];
  return eventList(
    "Events behind this number",
    (cursor, signal) => post("/metrics/v1/events", { ...body, cursor }, signal),
    {
      zone: body.timezone,
      without,
      more,
      nothing,
      lead: page => hint(`${count(page.count, "event")}, ${order}. Times in ${body.timezone}.`),
    },
  );
}

// Of a term with `then`: what came of its events

function startsList(body, { then }, chosen, changed) {
  const { outcome } = chosen;
  const hasEnds = !["never", "not_yet"].includes(outcome);
  const order = hasEnds ? chosen.order : "newest";
  const asked = { ...body, order, outcome: outcome || undefined };
  const options = { state: chosen, changed };
  const trouble = h("div");
  const save = async () => {
    fill(trouble);
    try {
      await saveStarts(asked, OUTCOMES[outcome]);
    } catch (error) {
      fill(trouble, failure(error));
    }
  };
  return [
    h(
      "div.table-head",
      selectField("Show", { ...options, choices: OUTCOMES, name: "outcome" }),
      hasEnds && selectField("Order", { ...options, choices: ORDERS, name: "order" }),
      button("Download CSV", save, "small"),
    ),
    trouble,
    evidenceList(asked, {
      order: ORDERS[order].toLowerCase(),
      more: [
        { head: cut(then.event, 40), cell: event => endCell(event, body.timezone) },
        hasEnds && { head: "After", cell: each => each.then.event && duration(each.then.seconds) },
      ].filter(Boolean),
      nothing: empty("None", NOTHING[outcome]),
    }),
  ];
}

function endCell({ then: { outcome, event } }, zone) {
  if (!event) return outcome === "never" ? "never" : "not yet";
  return button(time(event.timestamp, zone), () => openEvent(event), "inline");
}

const NOTHING = {
  "": "Nothing counts in this number yet.",
  converted: "None was followed in time.",
  never: "All were followed in time, or still have time.",
  not_yet: "None waits for what follows.",
};

/**
 * A number that shows its events when it is clicked.
 * @param {{definition: object, query: object}} result
 * @param {{value: number | null, format: object | null, title: string, selection: Selection, kind?: string}} options
 *   `title` says what it is the number of
 */
export function evidenceNumber(result, { value, format, title, selection, kind = "inline" }) {
  const text = number(value, format);
  if (value === null || value === undefined) return h("span.value", text);
  const open = () => openEvidence(result, `Events behind ${title}`, selection);
  return button(text, open, kind, `${text}: show its events`);
}
