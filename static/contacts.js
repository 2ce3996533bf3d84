// Contacts: search, and one with its events.

import { get, isAdmin, locationName, remove } from "./api.js";
import { button, entry, facts, h, hint, later, link, table } from "./dom.js";
import { contactAddress, eventList } from "./events.js";
import { ago, count, exactTime } from "./format.js";
import { oneLocation } from "./range.js";
import { confirm, empty, loader, pages, toast } from "./states.js";

export function showContacts(view) {
  const state = Object.fromEntries(["q", "tag", "location_id"].map((name) => [name, view.params.get(name) ?? ""]));
  const box = h("div.stack");
  const load = loader(box, view.signal);
  const changed = () => {
    view.keep(Object.entries(state).filter(([, value]) => value));
    pages(box, load, "contacts", (cursor, signal) => get("/contacts/v1", { ...state, cursor }, signal), (contacts) => (contacts.length ? contactTable(contacts) : nothing(state)));
  };
  const set = (name, then) => (text) => { state[name] = text; then(); };
  const search = (label, name) => entry(label, state[name], set(name, typed), { type: "search" });
  const typed = later(250, changed);
  view.begin("Contacts", [], h("div.range", { role: "search" }, search("Name, e-mail or phone", "q"), search("Tag", "tag"),
    oneLocation(state.location_id, set("location_id", changed))), box);
  changed();
}

const nothing = (state) => (Object.values(state).some(Boolean) ? empty("No contact found", "Try a part of the name, the e-mail address or the phone number.")
  : empty("No contacts yet", "Contacts come with the bodies of HighLevel’s webhooks, or with the first event that names them."));

const contactTable = (contacts) => table("Contacts", [["Name", (each) => link(each.name ?? each.contact_id, contactAddress(each.location_id, each.contact_id))],
  ["E-mail", (each) => each.email ?? "–"], ["Phone", (each) => each.phone ?? "–"], ["Tags", (each) => tags(each.tags)],
  ["Location", (each) => locationName(each.location_id)], ["Changed", (each) => ago(each.updated_at)]], contacts);

const tags = (list) => (list.length ? h("span.tags", list.map((tag) => h("span.badge", tag))) : "–");

export async function showContact(view) {
  const [location_id, contact_id] = view.parts;
  const path = `/contacts/v1/${encodeURIComponent(location_id)}/${encodeURIComponent(contact_id)}`;
  const contact = await get(path);
  const name = contact.name ?? contact_id;
  const fields = Object.entries(contact.fields);
  const preview = async () => {
    const gone = await remove(path, { dry_run: true });
    return `${count(gone.events, "event")} and ${count(gone.tags, "tag")} go with it.`;
  };
  const drop = async () => {
    if (!await confirm("Delete this contact?", `${name} is deleted for good, with all of its events. Metrics are calculated without them.`, "Delete contact",
      () => remove(path), preview)) return;
    toast("Contact deleted");
    location.hash = "#/contacts";
  };
  view.begin(name, isAdmin() && button("Delete …", drop, "danger-plain"), h("div.columns",
    h("section.card.stack", h("h2", "Contact"), facts([["E-mail", contact.email], ["Phone", contact.phone], ["Source", contact.source], ["Type", contact.type],
      ["Tags", tags(contact.tags)], ["Date created", exactTime(contact.date_created)], ["Location", locationName(location_id)], ["contact_id", contact_id],
      ["Changed", exactTime(contact.updated_at)]]), fields.length > 0 && [h("h2", "Custom fields"), facts(fields)]),
    h("section.card.stack", h("h2", count(contact.events, "event")), eventList("Events of this contact", view.signal,
      (cursor) => get("/events/v1", { location_id, contact_id, cursor }), { without: "Contact", nothing: hint("No event names this contact.") }))));
}
