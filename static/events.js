// Events as people read them: one, and lists of them.

import { get, isAdmin, locationName, pathOf } from "./api.js";
import { askingButton, dialog } from "./dialog.js";
import { actions, button, facts, h, link } from "./dom.js";
import { count, cut, exactTime, propertiesText, time, viewerZone } from "./format.js";
import { confirmRemoval } from "./removal.js";
import { loader, pages, warnings } from "./states.js";
import { table } from "./table.js";

/** The address of a contact's view; of a contact or of an event. */
export const contactAddress = ({ location_id, contact_id }) =>
  `#/contacts/${pathOf(location_id, contact_id)}`;

/** Shows an event; resolves to true where it was deleted. @returns {Promise<boolean | undefined>} */
export const openEvent = ({ event_id: id }) =>
  dialog("Event", close => {
    const { box, load } = loader();
    load(
      () => get(`/events/v1/${id}`),
      event => eventDetail(event, close),
    );
    return box;
  });

function eventDetail(event, close) {
  const properties = Object.entries(event.properties);
  return [
    h("p.strong", event.event_name),
    warnings(event.warnings),
    facts([
      ["Time", `${exactTime(event.timestamp)} (${viewerZone()})`],
      ["Location", locationName(event.location_id)],
      ["Contact", event.contact_id ? contactLink(event) : "none"],
      ["distinct_id", event.distinct_id],
      ["Arrived", exactTime(event.received_at)],
      event.update_count > 0 && ["Updated", updatesText(event)],
    ]),
    properties.length > 0 && [h("h3", "Properties"), facts(properties)],
    isAdmin() && actions(deleteButton(event, close)),
  ];
}

const updatesText = ({ updated_at, update_count }) =>
  `${exactTime(updated_at)} (${count(update_count, "update")})`;

function deleteButton(event, close) {
  const name = `“${cut(event.event_name, 80)}” of ${time(event.timestamp)}`;
  const ask = () =>
    confirmRemoval({
      title: "Delete this event?",
      text: `${name} is gone for good, also from all metrics.`,
      label: "Delete",
      path: `/events/v1/${event.event_id}`,
    });
  return askingButton("Delete this event", { ask, onDone: () => close(true) });
}

/**
 * A list of events, a page at a time.
 * @param {string} caption
 * @param {(cursor: string | undefined, signal: AbortSignal) => Promise<object>} request brings a page
 * @param {{zone?: string, without: string[], more?: Column[], nothing: HTMLElement, lead?: (page: object) => any}} options
 *   `without` are the heads of columns that would say the same in every row; `more` are further ones, beside the contact; `lead` stands above
 *   the table
 */
export function eventList(caption, request, { zone, without, more = [], nothing, lead }) {
  const open = async event => {
    const isDeleted = await openEvent(event);
    if (isDeleted) load();
  };
  const columns = eventColumns(zone, open).filter(({ head }) => !without.includes(head));
  columns.splice(columns.findIndex(({ head }) => head === "Contact") + 1, 0, ...more);
  const { box, load } = pages("events", request, (events, page) => [
    events.length > 0 && lead?.(page),
    table(caption, columns, events, nothing),
  ]);
  load();
  return box;
}

const eventColumns = (zone, open) => [
  {
    head: "Time",
    cell: event => button(time(event.timestamp, zone), () => open(event), "inline"),
  },
  { head: "Event", cell: "event_name" },
  { head: "Contact", cell: contactLink },
  { head: "Location", cell: event => locationName(event.location_id) },
  { head: "Properties", cell: event => h("div.clamp", propertiesText(event.properties)) },
];

function contactLink(event) {
  if (!event.contact_id) return "–";
  return link(event.contact_name ?? event.contact_id, contactAddress(event));
}
