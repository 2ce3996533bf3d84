// Events as people read them: in lists, one alone, and those behind a number.

import { get, isAdmin, locationName, post } from "./api.js";
import { actions, button, choices, facts, fill, h, hint, link, table } from "./dom.js";
import { count, exactTime, time, viewerZone } from "./format.js";
import { confirmRemoval, dialog, empty, loader, pages, warnings } from "./states.js";

export const contactAddress = ({ location_id: place, contact_id: id }) => `#/contacts/${[place, id].map(encodeURIComponent).join("/")}`;

export function propertiesText(properties) {
  const shown = Object.entries(properties).map(([key, value]) => `${cut(key, 40)}: ${cut(String(value), 60)}`);
  return [...shown.slice(0, 4), ...(shown.length > 4 ? [`and ${shown.length - 4} more`] : [])].join(" · ");
}

export function cut(text, length) {
  const characters = Array.from(text.slice(0, length * 2)); // not between the halves of an emoji
  return characters.length > length ? `${characters.slice(0, length).join("")}…` : text;
}

// One event

export function openEvent(eventId, signal, ondelete) {
  return dialog("Event", (close) => {
    const [box, load] = loader(signal);
    load(() => get(`/events/v1/${eventId}`, {}, signal), (event) => detail(event, () => { close(); ondelete?.(); }));
    return box;
  }, { signal });
}

function detail(event, ondelete) {
  const zone = viewerZone();
  const properties = Object.entries(event.properties);
  const drop = async () => {
    const text = `“${cut(event.event_name, 80)}” of ${time(event.timestamp)} is gone for good, and all metrics are calculated without it.`;
    if (await confirmRemoval("Delete this event?", text, "Delete", `/events/v1/${event.event_id}`)) ondelete();
  };
  return [h("p.strong", event.event_name), warnings(event.warnings),
    facts([["Time", `${exactTime(event.timestamp, zone)} (${zone})`], ["Location", locationName(event.location_id)],
      ["Contact", event.contact_id ? link(event.contact_id, contactAddress(event)) : "none: an event of the account"],
      ["distinct_id", event.distinct_id], ["Arrived", exactTime(event.received_at, zone)],
      event.update_count > 0 && ["Updated", `${exactTime(event.updated_at, zone)}, ${count(event.update_count, "time")} in all`]]),
    properties.length > 0 && [h("h3", "Properties"), facts(properties)],
    isAdmin() && actions(button("Delete this event …", drop, "danger-plain"))];
}

// Lists

/** Pages of events; `ask(cursor)` brings one. `without` is the head of a column that would say the same in all. */
export function eventList(caption, signal, ask, { zone = viewerZone(), without = "", nothing, lead = () => null }) {
  const list = loader(signal);
  const columns = [["Time", (event) => button(time(event.timestamp, zone), () => openEvent(event.event_id, signal, show), "inline")],
    ["Event", "event_name"], ["Contact", (event) => (event.contact_id ? link(event.contact_name ?? event.contact_id, contactAddress(event)) : "–")],
    ["Properties", (event) => propertiesText(event.properties)]].filter(([head]) => head !== without);
  const show = () => pages(list, "events", ask,
    (events, page) => (events.length ? [lead(page), table(caption, columns, events)] : nothing));
  show();
  return list[0];
}

// The evidence: which events a number counts

/** `place`: {term, bucket, compared, group}, as the API takes them; what is left out does not narrow. */
export function openEvidence({ definition, query, view: { signal } }, title, place) {
  const { terms } = definition;
  return dialog(title, () => {
    const box = h("div");
    const asked = { ...query, metric: definition, term: terms[0].key, ...place };
    const show = () => fill(box, eventList("Events behind this number", signal,
      (cursor) => post("/metrics/v1/events", { ...asked, ...(cursor && { cursor }) }, signal), {
        zone: query.timezone, without: "Event", nothing: empty("No events", "No event of this term lies in this time."),
        lead: (page) => hint(`${count(page.count, "event")}, the newest first. Times in ${query.timezone}.`) }));
    show();
    return [terms.length > 1 && choices("Term", terms.map(({ key, event }) => [key, `${key}: ${cut(event, 40)}`]), asked, "term", show), box];
  }, { wide: true, signal });
}
