// The events behind a number of a shared dashboard.

import { groupName } from "./calculation.js";
import { dialog } from "./dialog.js";
import { fill, h, hint } from "./dom.js";
import { selectField } from "./fields.js";
import { bucketName, count, duration, propertiesText, time } from "./format.js";
import { empty, pages } from "./states.js";
import { table } from "./table.js";

/**
 * Shows them, of the whole range or of a part that is chosen.
 * @param {{card: object, data: object, hasLocations: boolean, get: (selection: object, signal: AbortSignal) => Promise}} shown
 *   the card with its terms, its numbers, whether these may be of several locations, and what asks for a page
 */
export function openSources({ card, data, hasLocations, get }) {
  const chosen = { term: card.terms[0].key, bucket: "", group: "" };
  const box = h("div");
  const show = () =>
    fill(
      box,
      eventList(data, hasLocations, (cursor, signal) =>
        get({ ...selection(chosen, data), cursor }, signal),
      ),
    );
  show();
  return dialog(
    card.name,
    () => [
      h(
        "div.pair",
        card.terms.length > 1 && termField(card.terms, chosen, show),
        data.buckets.length > 1 && timeField(data, chosen, show),
        data.breakdown && groupField(data, chosen, show),
      ),
      box,
    ],
    { isWide: true },
  );
}

// As the API takes it. A group is chosen by its place; one without a value is null.
function selection({ term, bucket, group }, { breakdown }) {
  const selected = { term, bucket };
  if (group === "") return selected;
  const { key, other } = breakdown.groups[group];
  return other ? { ...selected, other } : { ...selected, group: key };
}

const termField = (terms, chosen, changed) =>
  selectField("Event", {
    choices: terms.map(({ key, event }) => ({ value: key, text: event })),
    state: chosen,
    name: "term",
    changed,
  });

function timeField({ buckets, interval, timezone, calculated_at: now }, chosen, changed) {
  const begun = buckets.filter(({ start }) => start <= now).reverse();
  const choices = begun.map(bucket => ({
    value: bucket.start,
    text: bucketName(bucket, interval, timezone),
  }));
  const all = { value: "", text: "Whole range" };
  return selectField("Time", {
    choices: [all, ...choices],
    state: chosen,
    name: "bucket",
    changed,
  });
}

function groupField(data, chosen, changed) {
  const choices = data.breakdown.groups.map((group, index) => ({
    value: String(index),
    text: groupName(group, data),
  }));
  const all = { value: "", text: "All groups" };
  return selectField("Group", {
    choices: [all, ...choices],
    state: chosen,
    name: "group",
    changed,
  });
}

function eventList({ timezone }, hasLocations, request) {
  const columnsOf = hasOutcomes => [
    { head: "Time", cell: event => time(event.time, timezone) },
    { head: "Contact", cell: "contact_name" },
    hasOutcomes && { head: "Followed", cell: outcomeText },
    hasLocations && { head: "Location", cell: "location" },
    { head: "Properties", cell: event => h("div.clamp", propertiesText(event.properties)) },
  ];
  const nothing = empty("No events", "There are none behind this number.");
  const { box, load } = pages("events", request, (events, { count: amount }) => [
    events.length > 0 && hint(`${count(amount, "event")}, newest first. Times in ${timezone}.`),
    table("Events behind this number", columnsOf(events.some(({ then }) => then)), events, nothing),
  ]);
  load();
  return box;
}

function outcomeText({ then: { outcome, seconds } }) {
  if (outcome === "converted") return `${duration(seconds)} later`;
  return outcome === "never" ? "never" : "not yet";
}
