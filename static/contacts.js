// Contacts: search, and one with its events.

import { get, isAdmin, locationName, newest, remove } from "./api.js";
import { button, entry, facts, h, hint, later, link, table } from "./dom.js";
import { contactAddress, eventList } from "./events.js";
import { ago, count, exactTime, viewerZone } from "./format.js";
import { oneLocation } from "./range.js";
import { confirm, empty, pages, toast } from "./states.js";

const TYPING_MS = 250;

export async function showContacts(view) {
  const state = Object.fromEntries(["q", "tag", "location_id"].map((name) => [name, view.params.get(name) ?? ""]));
  const box = h("div.stack");
  const starting = newest(view.signal);
  const changed = () => {
    const signal = starting();
    view.keep(Object.entries(state).filter(([, value]) => value));
    pages(box, signal, "contacts", (cursor) => get("/contacts/v1", { ...state, cursor }, signal), (contacts) => (contacts.length ? contactTable(contacts) : nothing(state)));
  };
  const typed = later(TYPING_MS, changed);
  const search = (label, name) => entry(label, state[name], (text) => { state[name] = text; typed(); }, { type: "search" });
  view.begin("Contacts", [], h("div.range", { role: "search" }, search("Name, e-mail or phone", "q"), search("Tag", "tag"),
    oneLocation(state.location_id, (value) => { state.location_id = value; changed(); })), box);
  changed();
}

const nothing = (state) => (Object.values(state).some(Boolean) ? empty("No contact found", "Try a part of the name, the e-mail address or the phone number.")
  : empty("No contacts yet", "Contacts come with the bodies of HighLevel’s webhooks, or with the first event that names them."));

const contactTable = (contacts) => table("Contacts", ["Name", "E-mail", "Phone", "Tags", "Location", "Changed"], contacts.map((each) => [
  link(each.name ?? each.contact_id, contactAddress(each.location_id, each.contact_id)), each.email ?? "–", each.phone ?? "–", tags(each.tags), locationName(each.location_id),
  ago(each.updated_at)]));

const tags = (list) => (list.length ? h("span.tags", list.map((tag) => h("span.badge", tag))) : "–");

export async function showContact(view) {
  const [location_id, contact_id] = view.parts;
  const path = `/contacts/v1/${encodeURIComponent(location_id)}/${encodeURIComponent(contact_id)}`;
  const contact = await get(path, {}, view.signal);
  const zone = viewerZone();
  const fields = Object.entries(contact.fields);
  view.begin(contact.name ?? contact_id, isAdmin() ? button("Delete …", async () => {
    if (!await confirm("Delete this contact?", `${contact.name ?? contact_id} is deleted for good, with all of its events. Metrics are calculated without them.`, "Delete contact",
      () => remove(path), async () => {
        const gone = await remove(path, { dry_run: true });
        return `${count(gone.events, "event")} and ${count(gone.tags, "tag")} go with it.`;
      })) return;
    toast("Contact deleted");
    location.hash = "#/contacts";
  }, "danger-plain") : [], h("div.columns",
    h("section.card.stack", h("h2", "Contact"), facts([["E-mail", contact.email], ["Phone", contact.phone], ["Source", contact.source], ["Type", contact.type],
      ["Tags", tags(contact.tags)], ["Date created", exactTime(contact.date_created, zone)], ["Location", locationName(location_id)], ["contact_id", contact_id],
      ["Changed", exactTime(contact.updated_at, zone)]]),
    fields.length ? table("Custom fields", ["Field", "Value"], fields.map(([name, value]) => [name, String(value)]), false) : null),
    h("section.card.stack", h("h2", count(contact.events, "event")), eventList("Events of this contact", view.signal,
      (cursor) => get("/events/v1", { location_id, contact_id, cursor }, view.signal), { zone, shows: ["event"], nothing: hint("No event names this contact.") }))));
}
