// Events and contacts as people read them, and the events behind a number.

import { get, isAdmin, locationName, locations, post } from "./api.js";
import { actions, button, entry, facts, fill, h, hint, later, link, select, table } from "./dom.js";
import { ago, count, exactTime, time, viewerZone } from "./format.js";
import { oneLocation } from "./range.js";
import { asking, confirmRemoval, dialog, empty, loader, pages, warnings } from "./states.js";

const pathOf = (...parts) => parts.map(encodeURIComponent).join("/");
const contactAddress = ({ location_id: place, contact_id: id }) =>
  `#/contacts/${pathOf(place, id)}`;

export const propertiesText = properties =>
  Object.entries(properties)
    .map(pair => pair.join(": "))
    .join(" · ");

export function cut(text, length) {
  const characters = [...text]; // not the halves of an emoji
  return characters.length > length ? `${characters.slice(0, length).join("")}…` : text;
}

// Resolves to true when deleted.
export const openEvent = ({ event_id: id }) =>
  dialog("Event", close => {
    const [box, load] = loader();
    load(
      () => get(`/events/v1/${id}`),
      event => detail(event, close),
    );
    return box;
  });

function detail(event, close) {
  const properties = Object.entries(event.properties);
  const text = `“${cut(event.event_name, 80)}” of ${time(event.timestamp)} is gone for good, also from all metrics.`;
  const drop = () =>
    confirmRemoval("Delete this event?", text, "Delete", `/events/v1/${event.event_id}`);
  return [
    h("p.strong", event.event_name),
    warnings(event.warnings),
    facts([
      ["Time", `${exactTime(event.timestamp)} (${viewerZone()})`],
      ["Location", locationName(event.location_id)],
      ["Contact", event.contact_id ? link(event.contact_id, contactAddress(event)) : "none"],
      ["distinct_id", event.distinct_id],
      ["Arrived", exactTime(event.received_at)],
      event.update_count > 0 && [
        "Updated",
        `${exactTime(event.updated_at)}, ${count(event.update_count, "time")} in all`,
      ],
    ]),
    properties.length > 0 && [h("h3", "Properties"), facts(properties)],
    isAdmin() && actions(asking("Delete this event", drop, () => close(true))),
  ];
}

// `ask(cursor)` brings a page; the columns headed `without` would say the same in all.
function eventList(caption, ask, { zone, without, nothing, lead = () => null }) {
  const open = async event => {
    if (await openEvent(event)) show();
  };
  const columns = [
    ["Time", event => button(time(event.timestamp, zone), () => open(event), "inline")],
    ["Event", "event_name"],
    [
      "Contact",
      event =>
        event.contact_id
          ? link(event.contact_name ?? event.contact_id, contactAddress(event))
          : "–",
    ],
    ["Location", event => locationName(event.location_id)],
    ["Properties", event => h("div.clamp", propertiesText(event.properties))],
  ].filter(([head]) => !without.includes(head));
  const [box, show] = pages("events", ask, (events, page) => [
    events.length > 0 && lead(page),
    table(caption, columns, events, nothing),
  ]);
  show();
  return box;
}

// The evidence: which events a number counts

// `place`: {term, bucket, compared, skipped, group, locations}, as the API takes them; what is left out does not narrow.
export function openEvidence({ definition, query }, title, place) {
  const { terms } = definition;
  return dialog(
    title,
    () => {
      const box = h("div");
      const asked = { ...query, metric: definition, term: terms[0].key, ...place };
      const places = asked.locations === "all" ? locations : asked.locations;
      const show = () =>
        fill(
          box,
          eventList(
            "Events behind this number",
            (cursor, signal) => post("/metrics/v1/events", { ...asked, cursor }, signal),
            {
              zone: query.timezone,
              without: ["Event", places.length === 1 && "Location"],
              nothing: empty("No events", "No event of this term lies in this time."),
              lead: page =>
                hint(
                  `${count(page.count, "event")}, the newest first. Times in ${query.timezone}.`,
                ),
            },
          ),
        );
      show();
      return [
        terms.length > 1 &&
          select(
            "Term",
            terms.map(({ key, event }) => [key, `${key}: ${cut(event, 40)}`]),
            asked,
            "term",
            show,
          ),
        box,
      ];
    },
    "wide",
  );
}

// Contacts: search, and one with its events

let searched = { address: "#/contacts" }; // the last such view

export function showContacts(view) {
  searched = view;
  const [box, show] = pages(
    "contacts",
    (cursor, signal) => get("/contacts/v1", { ...state, cursor }, signal),
    contacts => table("Contacts", COLUMNS, contacts, nothing(state)),
  );
  const [state, changed] = view.state({ q: "", tag: "", location_id: "" }, show);
  const search = (label, name) =>
    entry(label, state, name, later(250, changed), { type: "search" });
  view.begin(
    "Contacts",
    [],
    h(
      "div.range",
      search("Name, e-mail or phone", "q"),
      search("Tag", "tag"),
      oneLocation(state, changed),
    ),
    box,
  );
  show();
}

const nothing = ({ q, tag, location_id: place }) =>
  empty(
    q || tag || place ? "No contact found" : "No contacts yet",
    "They come with HighLevel’s webhooks, or with events that name them.",
  );

const tags = list =>
  list.length
    ? h(
        "span.tags",
        list.map(tag => h("span.badge", tag)),
      )
    : "–";

const COLUMNS = [
  ["Name", each => link(each.name ?? each.contact_id, contactAddress(each))],
  ["E-mail", "email"],
  ["Phone", "phone"],
  ["Tags", each => tags(each.tags)],
  ["Location", each => locationName(each.location_id)],
  ["Changed", each => ago(each.updated_at)],
];

export async function showContact(view) {
  const [location_id, contact_id] = view.parts;
  const path = `/contacts/v1/${pathOf(...view.parts)}`;
  const contact = await get(path);
  const title = contact.name ?? contact_id;
  const custom = Object.entries(contact.fields);
  const drop = () =>
    confirmRemoval(
      "Delete this contact?",
      `${title} is deleted for good, with all of its events.`,
      "Delete contact",
      path,
    );
  view.begin(
    title,
    isAdmin() &&
      asking("Delete", drop, () => {
        location.hash = searched.address;
      }),
    h(
      "div.columns",
      h(
        "section.card",
        h("h2", "Contact"),
        facts([
          ["E-mail", contact.email],
          ["Phone", contact.phone],
          ["Source", contact.source],
          ["Type", contact.type],
          ["Tags", tags(contact.tags)],
          ["Date created", time(contact.date_created)],
          ["Location", locationName(location_id)],
          ["contact_id", contact_id],
          ["Changed", time(contact.updated_at)],
        ]),
        custom.length > 0 && [h("h2", "Custom fields"), facts(custom)],
      ),
      h(
        "section.card",
        h("h2", count(contact.events, "event")),
        eventList(
          "Events of this contact",
          cursor => get("/events/v1", { location_id, contact_id, cursor }),
          {
            without: ["Contact", "Location"],
            nothing: hint("No event names this contact."),
            lead: () => hint(`Times in ${viewerZone()}.`),
          },
        ),
      ),
    ),
  );
}
