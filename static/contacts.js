// Contacts: search, and one with its events.

import { get, isAdmin, locationName } from "./api.js";
import { button, entry, facts, h, hint, later, link, table } from "./dom.js";
import { contactAddress, eventList } from "./events.js";
import { ago, count, time } from "./format.js";
import { oneLocation } from "./range.js";
import { confirmRemoval, empty, loader, pages } from "./states.js";

export function showContacts(view) {
  const list = loader(view.signal);
  const show = () => pages(list, "contacts", (cursor, signal) => get("/contacts/v1", { ...state, cursor }, signal),
    (contacts) => (contacts.length ? table("Contacts", COLUMNS, contacts) : nothing(state)));
  const [state, changed] = view.state({ q: "", tag: "", location_id: "" }, show);
  const search = (label, name) => entry(label, state, name, later(250, changed), { type: "search" });
  view.begin("Contacts", [], h("div.range", { role: "search" }, search("Name, e-mail or phone", "q"), search("Tag", "tag"),
    oneLocation(state, changed)), list[0]);
  show();
}

const nothing = ({ q, tag, location_id: place }) => (q || tag || place
  ? empty("No contact found", "Try a part of the name, the e-mail address or the phone number.")
  : empty("No contacts yet", "Contacts come with the bodies of HighLevel’s webhooks, or with the first event that names them."));

const tags = (list) => (list.length ? h("span.tags", list.map((tag) => h("span.badge", tag))) : "–");

const COLUMNS = [["Name", (each) => link(each.name ?? each.contact_id, contactAddress(each))], ["E-mail", "email"], ["Phone", "phone"],
  ["Tags", (each) => tags(each.tags)], ["Location", (each) => locationName(each.location_id)], ["Changed", (each) => ago(each.updated_at)]];

export async function showContact(view) {
  const [location_id, contact_id] = view.parts;
  const path = `/contacts/v1/${view.parts.map(encodeURIComponent).join("/")}`;
  const { name, fields, events, ...contact } = await get(path);
  const title = name ?? contact_id;
  const custom = Object.entries(fields);
  const drop = async () => {
    const text = `${title} is deleted for good, with all of its events. Metrics are calculated without them.`;
    if (await confirmRemoval("Delete this contact?", text, "Delete contact", path)) location.hash = "#/contacts";
  };
  view.begin(title, isAdmin() && button("Delete …", drop, "danger-plain"), h("div.columns",
    h("section.card.stack", h("h2", "Contact"), facts([["E-mail", contact.email], ["Phone", contact.phone], ["Source", contact.source],
      ["Type", contact.type], ["Tags", tags(contact.tags)], ["Date created", time(contact.date_created)],
      ["Location", locationName(location_id)], ["contact_id", contact_id], ["Changed", time(contact.updated_at)]]),
    custom.length > 0 && [h("h2", "Custom fields"), facts(custom)]),
    h("section.card.stack", h("h2", count(events, "event")), eventList("Events of this contact", view.signal,
      (cursor) => get("/events/v1", { location_id, contact_id, cursor }),
      { without: "Contact", nothing: hint("No event names this contact.") }))));
}
