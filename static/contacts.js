// Contacts: search, and one with its events.

import { get, isAdmin, locationName, pathOf } from "./api.js";
import { locationField, tagField } from "./choices.js";
import { askingButton } from "./dialog.js";
import { facts, h, hint, link } from "./dom.js";
import { contactAddress, eventList } from "./events.js";
import { debounce, textField } from "./fields.js";
import { ago, count, time, viewerZone } from "./format.js";
import { confirmRemoval } from "./removal.js";
import { empty, pages } from "./states.js";
import { table } from "./table.js";

const TYPING_MS = 250;
const COLUMNS = [
  { head: "Name", cell: contact => link(nameOf(contact), contactAddress(contact)) },
  { head: "E-mail", cell: "email" },
  { head: "Phone", cell: "phone" },
  { head: "Tags", cell: contact => tagList(contact.tags) },
  { head: "Location", cell: contact => locationName(contact.location_id) },
  { head: "Changed", cell: contact => ago(contact.updated_at) },
];

// The last search, to which deleting a contact leads back.
let lastSearch = { address: "#/contacts" };

const nameOf = contact => contact.name ?? contact.contact_id;

export function showContacts(view) {
  lastSearch = view;
  const { box, load } = pages(
    "contacts",
    (cursor, signal) => get("/contacts/v1", { ...state, cursor }, signal),
    contacts => table("Contacts", COLUMNS, contacts, noContacts(state)),
  );
  const { state, changed } = view.state({ q: "", tag: "", location_id: "" }, load);
  view.begin(
    "Contacts",
    [],
    h(
      "div.range",
      textField("Name, e-mail or phone", {
        state,
        name: "q",
        changed: debounce(TYPING_MS, changed),
        type: "search",
        placeholder: "A part of it",
      }),
      tagField({ state, name: "tag", changed, placeholder: "Any tag" }),
      locationField({ state, changed }),
    ),
    box,
  );
  load();
}

function noContacts({ q, tag, location_id }) {
  if (!(q || tag || location_id)) {
    return empty(
      "No contacts yet",
      "They come with HighLevel’s webhooks, or with events that name them.",
    );
  }
  return empty(
    "No contact found",
    tag
      ? "A tag is taken whole: choose one from the list."
      : "A part of the name, e-mail address or phone number is enough.",
    link("Show all contacts", "#/contacts", "button"),
  );
}

function tagList(tags) {
  if (!tags.length) return "–";
  return h(
    "span.tags",
    tags.map(tag => h("span.badge", tag)),
  );
}

export async function showContact(view) {
  const contact = await get(`/contacts/v1/${pathOf(...view.parts)}`);
  view.begin(
    nameOf(contact),
    isAdmin() && deleteButton(contact),
    h("div.columns", contactCard(contact), eventsCard(contact)),
  );
}

function deleteButton(contact) {
  const ask = () =>
    confirmRemoval({
      title: "Delete this contact?",
      text: `${nameOf(contact)} is deleted for good, with all events.`,
      label: "Delete contact",
      path: `/contacts/v1/${pathOf(contact.location_id, contact.contact_id)}`,
    });
  const onDone = () => {
    location.hash = lastSearch.address;
  };
  return askingButton("Delete", { ask, onDone });
}

function contactCard(contact) {
  const customFields = Object.entries(contact.fields);
  return h(
    "section.card",
    h("h2", "Contact"),
    facts([
      ["E-mail", contact.email],
      ["Phone", contact.phone],
      ["Source", contact.source],
      ["Type", contact.type],
      ["Tags", tagList(contact.tags)],
      ["Date created", time(contact.date_created)],
      ["Location", locationName(contact.location_id)],
      ["Contact ID", contact.contact_id],
      ["Last changed", time(contact.updated_at)],
    ]),
    customFields.length > 0 && [h("h2", "Custom fields"), facts(customFields)],
  );
}

function eventsCard({ location_id, contact_id, events }) {
  const list = eventList(
    "Events of this contact",
    (cursor, signal) => get("/events/v1", { location_id, contact_id, cursor }, signal),
    {
      without: ["Contact", "Location"],
      nothing: hint("This contact has no events."),
      lead: () => hint(`Times in ${viewerZone()}.`),
    },
  );
  return h("section.card", h("h2", count(events, "event")), list);
}
