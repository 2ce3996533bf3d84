// The evidence: which events a number counts.

import { locations, post } from "./api.js";
import { dialog } from "./dialog.js";
import { button, fill, h, hint } from "./dom.js";
import { eventList } from "./events.js";
import { selectField } from "./fields.js";
import { count, cut, number } from "./format.js";
import { empty } from "./states.js";

/**
 * Which of a metric's events; what is left out does not narrow.
 * @typedef {{term?: string, bucket?: string, compared?: boolean, skipped?: boolean,
 *   group?: {key: string | null} | {other: true}, locations?: string[]}} Selection as the API takes it
 */

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
  const build = () => {
    const box = h("div");
    const show = () => fill(box, evidenceList(body));
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

function evidenceList(body) {
  const queried = body.locations === "all" ? locations : body.locations;
  return eventList(
    "Events behind this number",
    (cursor, signal) => post("/metrics/v1/events", { ...body, cursor }, signal),
    {
      zone: body.timezone,
      without: queried.length === 1 ? ["Event", "Location"] : ["Event"],
      nothing: empty("No events", "This term has no events in this range."),
      lead: page => hint(`${count(page.count, "event")}, newest first. Times in ${body.timezone}.`),
    },
  );
}

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
