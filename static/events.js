// Events as people read them: in lists, one alone, and those behind a number.

import { get, isAdmin, locationName, post, remove } from "./api.js";
import { isGroup, members } from "./definition.js";
import { actions, button, choices, facts, h, hint, link, table } from "./dom.js";
import { count, exactTime, time, viewerZone } from "./format.js";
import { confirm, dialog, empty, load, pages, toast, warnings } from "./states.js";

export const contactAddress = (locationId, contactId) => `#/contacts/${encodeURIComponent(locationId)}/${encodeURIComponent(contactId)}`;

export function propertiesText(properties) {
  const shown = Object.entries(properties).map(([key, value]) => `${cut(key, 40)}: ${cut(String(value), 60)}`);
  return shown.length > 4 ? `${shown.slice(0, 4).join(" · ")} · and ${shown.length - 4} more` : shown.join(" · ");
}

export function cut(text, length) {
  const characters = Array.from(text.slice(0, length * 2)); // not between the halves of an emoji
  return characters.length > length ? `${characters.slice(0, length).join("")}…` : text;
}

// One event

export function openEvent(eventId, signal, ondelete) {
  return dialog("Event", (close) => {
    const box = h("div.stack");
    load(box, signal, () => get(`/events/v1/${eventId}`, {}, signal), (event) => detail(event, () => { close(); ondelete?.(); }));
    return box;
  }, { signal });
}

function detail(event, ondelete) {
  const zone = viewerZone();
  const properties = Object.entries(event.properties);
  return [
    h("p.strong", event.event_name), warnings(event.warnings) ?? "",
    facts([["Time", `${exactTime(event.timestamp, zone)} (${zone})`], ["Location", locationName(event.location_id)],
      ["Contact", event.contact_id ? link(event.contact_id, contactAddress(event.location_id, event.contact_id)) : "none: an event of the account"],
      ["distinct_id", event.distinct_id], ["Arrived", exactTime(event.received_at, zone)],
      event.update_count && ["Updated", `${exactTime(event.updated_at, zone)}, ${count(event.update_count, "time")} in all`]]),
    properties.length ? table("Properties", ["Property", "Value"], properties.map(([key, value]) => [key, String(value)]), false) : hint("No properties."),
    isAdmin() ? actions(button("Delete this event …", async () => {
      const path = `/events/v1/${event.event_id}`;
      if (await confirm("Delete this event?", "It is gone for good, and all metrics are calculated without it.", "Delete", () => remove(path), async () =>
        `${count((await remove(path, { dry_run: true })).events, "event")}: ${cut(event.event_name, 80)}, ${time(event.timestamp)}`)) {
        toast("Event deleted");
        ondelete();
      }
    }, "danger-plain")) : "",
  ];
}

// Lists

/** Pages of events; `ask(cursor)` brings one. `shows` may leave out the columns event and contact. */
export function eventList(caption, signal, ask, { zone = viewerZone(), shows = ["event", "contact"], nothing, lead = () => [] }) {
  const box = h("div.stack");
  const row = (event) => [button(time(event.timestamp, zone), () => openEvent(event.event_id, signal, show), "inline"),
    shows.includes("event") && event.event_name,
    shows.includes("contact") && (event.contact_id ? link(event.contact_name ?? event.contact_id, contactAddress(event.location_id, event.contact_id)) : "–"),
    propertiesText(event.properties)].filter((cell) => cell !== false);
  const heads = ["Time", shows.includes("event") && "Event", shows.includes("contact") && "Contact", "Properties"].filter(Boolean);
  const show = () => pages(box, signal, "events", ask, (events, page) => (events.length ? [lead(page), table(caption, heads, events.map(row))].flat() : nothing));
  show();
  return box;
}

// The evidence: which events a number counts

/** `cell`: {title, term, bucket, locations, by, group}; what is left out does not narrow. */
export function openEvidence({ definition, query, view }, cell) {
  const { terms } = definition;
  return dialog(cell.title, () => {
    const box = h("div");
    const show = (key) => box.replaceChildren(evidence(definition, query, cell, key, view));
    const key = cell.term ?? terms[0].key;
    show(key);
    return [terms.length > 1 && choices("Term", terms.map((term) => [term.key, `${term.key}: ${cut(term.event, 40)}`]), key, show), box];
  }, { wide: true, signal: view.signal });
}

function evidence(definition, { compare, breakdown, ...range }, { locations, by, group, bucket }, term, { signal }) {
  const narrow = by && by !== "location";
  const body = { ...range, term, ...(bucket && { bucket }), metric: narrow ? narrowed(definition, term, by, group) : definition,
    locations: by === "location" ? [group] : locations ?? range.locations };
  return eventList("Events behind this number", signal, (cursor) => post("/metrics/v1/events", cursor ? { ...body, cursor } : body, signal), {
    zone: range.timezone, shows: ["contact"], nothing: empty("No events", "No event of this term lies in this time."),
    lead: (page) => hint(`${count(page.count, "event")}, the newest first. Times in ${range.timezone}.`) });
}

/** The definition whose term counts one group of a breakdown alone. */
function narrowed(definition, key, by, group) {
  const field = by === "tag" ? "contact.tags" : by;
  const condition = group === null ? { field, op: "is_not_set" } : by === "tag" ? { field, op: "has_any", value: [group] } : { field, op: "is", value: group };
  const others = ({ filters }) => (!filters ? [] : isGroup(filters) && members(filters)[0] === "all" ? filters.all : [filters]);
  return { ...definition, terms: definition.terms.map((term) => (term.key === key ? { ...term, filters: { all: [condition, ...others(term)] } } : term)) };
}
