// Events as people read them: in lists, one alone, and those behind a number.

import { get, isAdmin, locationName, post, remove } from "./api.js";
import { button, choices, facts, h, link, table } from "./dom.js";
import { ago, count, exactTime, time, viewerZone } from "./format.js";
import { isGroup, members } from "./definition.js";
import { confirm, dialog, empty, failure, load, toast, warnings } from "./states.js";

const SHOWN_PROPERTIES = 4;

/** The address of a contact's page. */
export function contactAddress(locationId, contactId) {
  return `#/contacts/${encodeURIComponent(locationId)}/${encodeURIComponent(contactId)}`;
}

export function propertiesText(properties) {
  const entries = Object.entries(properties);
  const shown = entries.slice(0, SHOWN_PROPERTIES).map(([key, value]) => `${cut(key, 40)}: ${cut(String(value), 60)}`).join(" · ");
  return entries.length > SHOWN_PROPERTIES ? `${shown} · and ${entries.length - SHOWN_PROPERTIES} more` : shown;
}

export function cut(text, length) {
  const characters = Array.from(text.slice(0, length * 2)); // not between the halves of an emoji
  return characters.length > length || text.length > length * 2 ? `${characters.slice(0, length).join("")}…` : text;
}

// One event

export function openEvent(eventId, { signal, ondelete = () => {} }) {
  return dialog("Event", (close) => {
    const box = h("div");
    load(box, signal, (ends) => get(`/events/v1/${eventId}`, {}, ends), (event) => eventDetail(event, close, ondelete));
    return box;
  }, { signal });
}

function eventDetail(event, close, ondelete) {
  const zone = viewerZone();
  const properties = Object.entries(event.properties);
  return [
    h("p.strong.wrap", event.event_name),
    warnings(event.warnings),
    facts([
      ["Time", `${exactTime(event.timestamp, zone)} (${zone})`],
      ["Location", locationName(event.location_id)],
      ["Contact", event.contact_id ? link(event.contact_id, contactAddress(event.location_id, event.contact_id)) : "none: an event of the account"],
      ["distinct_id", event.distinct_id],
      ["Arrived", exactTime(event.received_at, zone)],
      event.update_count ? ["Updated", `${exactTime(event.updated_at, zone)}, ${count(event.update_count, "time")} in all`] : null,
    ]),
    properties.length ? table("Properties", ["Property", "Value"], properties.map(([key, value]) =>
      h("tr", h("th", { scope: "row" }, key), h("td", { class: typeof value === "number" ? "number" : "wrap" }, String(value))))) : h("p.hint", "No properties."),
    isAdmin() ? h("div.actions", button("Delete this event …", async () => {
      if (await deleteEvent(event)) { close(); ondelete(event); }
    }, "danger-plain")) : null,
  ];
}

function deleteEvent(event) {
  return confirm("Delete this event?", "It is gone for good, and all metrics are calculated without it.", "Delete", {
    preview: async () => `${count((await remove(`/events/v1/${event.event_id}`, { dry_run: true })).events, "event")}: ${cut(event.event_name, 80)}, ${time(event.timestamp)}`,
    act: async () => { await remove(`/events/v1/${event.event_id}`); toast("Event deleted"); },
  });
}

// Lists

/** A table of events; `contacts` says whether their contacts are of interest. */
export function eventTable(caption, events, { zone = viewerZone(), contact = true, name = true, signal, ondelete }) {
  const heads = ["Time", name && "Event", contact && "Contact", "Properties"].filter(Boolean);
  return table(caption, heads, events.map((event) => h("tr",
    h("td.nowrap", button(time(event.timestamp, zone), () => openEvent(event.event_id, { signal, ondelete }), "inline", { title: ago(event.timestamp) })),
    name ? h("td.wrap", event.event_name) : null,
    contact ? h("td.wrap", event.contact_id ? link(event.contact_name ?? event.contact_id, contactAddress(event.location_id, event.contact_id)) : "–") : null,
    h("td.wrap", propertiesText(event.properties)))), { hideCaption: true });
}

/** Pages of events under each other. `ask(cursor)` brings {events, next}. */
export function eventPages(caption, signal, ask, options) {
  const box = h("div");
  let events = [];
  const draw = (page) => {
    events = [...events, ...page.events];
    if (!events.length) return options.nothing ?? empty("No events", "");
    return [options.lead?.(page), eventTable(caption, events, { ...options, signal, ondelete: (gone) => { events = events.filter((each) => each.event_id !== gone.event_id); redraw({ ...page, events: [] }); } }),
      page.next ? more(page) : null].filter(Boolean);
  };
  const redraw = (page) => box.replaceChildren(...[draw(page)].flat());
  const more = (page) => {
    const made = button("Show more", async () => {
      made.disabled = true;
      try {
        const next = await ask(page.next, signal);
        redraw({ ...page, ...next });
      } catch (error) {
        if (!signal.aborted) made.replaceWith(failure(error, () => redraw({ ...page, events: [] })));
      }
    });
    return made;
  };
  load(box, signal, (ends) => ask(null, ends), draw);
  return box;
}

// The evidence: which events a number counts

/** `cell`: {term, bucket, title, locations, by, group}; what is left out does not narrow. */
export function openEvidence({ definition, query, cell, view }) {
  return dialog(cell.title, () => {
    const box = h("div");
    const terms = definition.terms;
    const show = (key) => box.replaceChildren(evidenceOf(definition, query, cell, key, view));
    show(cell.term ?? terms[0].key);
    const pick = terms.length > 1 ? choices("Term", terms.map((term) => [term.key, `${term.key}: ${cut(term.event, 40)}`]), cell.term ?? terms[0].key, show) : null;
    return [pick, box];
  }, { wide: true, signal: view.signal });
}

function evidenceOf(definition, query, cell, key, view) {
  const { compare, breakdown, ...range } = query;
  const locations = cell.locations ?? (cell.by === "location" ? [cell.group] : range.locations);
  const metric = cell.by && cell.by !== "location" ? narrowed(definition, key, cell.by, cell.group) : definition;
  const ask = (cursor, signal) => post("/metrics/v1/events", { ...range, metric, locations, term: key, ...(cell.bucket ? { bucket: cell.bucket } : {}),
    ...(cursor ? { cursor } : {}) }, signal);
  return eventPages("Events behind this number", view.signal, ask, {
    zone: query.timezone, name: false,
    nothing: empty("No events", "No event of this term lies in this time."),
    lead: (page) => h("p.hint", `${count(page.count, "event")}, the newest first. Times in ${query.timezone}.`),
  });
}

/** The definition whose term counts one group of a breakdown alone. */
function narrowed(definition, key, by, group) {
  const field = by === "tag" ? "contact.tags" : by;
  const condition = group === null ? { field, op: "is_not_set" } : by === "tag" ? { field, op: "has_any", value: [group] } : { field, op: "is", value: group };
  const terms = definition.terms.map((term) => (term.key === key ? { ...term, filters: { all: [condition, ...existing(term)] } } : term));
  return { ...definition, terms };
}

function existing({ filters }) {
  if (!filters) return [];
  return isGroup(filters) && members(filters)[0] === "all" ? filters.all : [filters];
}
