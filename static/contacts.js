// Contacts: search, and one with its events.

import { contactPath, get, isAdmin, locationName, newest, remove } from "./api.js";
import { button, facts, field, h, later, link, table } from "./dom.js";
import { contactAddress, eventPages } from "./events.js";
import { ago, count, exactTime, time, viewerZone } from "./format.js";
import { oneLocation } from "./range.js";
import { confirm, empty, failure, load, toast } from "./states.js";

const TYPING_MS = 250;

export async function showContacts(view) {
  const state = { q: view.params.get("q") ?? "", tag: view.params.get("tag") ?? "", location_id: view.params.get("location") ?? "" };
  const box = h("div");
  const starting = newest(view.signal);
  const changed = () => {
    view.keep([["q", state.q], ["tag", state.tag], ["location", state.location_id]].filter(([, value]) => value));
    find(box, state, starting());
  };
  const typed = later(TYPING_MS, changed);
  const text = (label, name, type) => field(label, h("input", { type, value: state[name], autocomplete: "off", oninput: (event) => { state[name] = event.target.value.trim(); typed(); } }));
  view.begin("Contacts", (heading) => h("div.page-head", heading),
    h("div.range", { role: "search" }, text("Name, e-mail or phone", "q", "search"), text("Tag", "tag", "search"),
      oneLocation(state.location_id, (value) => { state.location_id = value; changed(); })), box);
  changed();
}

function find(box, state, signal) {
  let contacts = [];
  const ask = (cursor) => get("/contacts/v1", { ...state, cursor }, signal);
  const draw = (page) => {
    contacts = [...contacts, ...page.contacts];
    if (!contacts.length) return nothing(state);
    return [contactTable(contacts), page.next ? more(page.next) : null].filter(Boolean);
  };
  const more = (cursor) => {
    const made = button("Show more", async () => {
      made.disabled = true;
      try {
        box.replaceChildren(...[draw(await ask(cursor))].flat());
      } catch (error) {
        if (!signal.aborted) made.replaceWith(failure(error, () => box.replaceChildren(contactTable(contacts), more(cursor))));
      }
    });
    return made;
  };
  load(box, signal, () => ask(null), draw);
}

function nothing({ q, tag, location_id: location }) {
  return q || tag || location ? empty("No contact found", "Try a part of the name, the e-mail address or the phone number.")
    : empty("No contacts yet", "Contacts come with the bodies of HighLevel’s webhooks, or with the first event that names them.");
}

function contactTable(contacts) {
  return table("Contacts", ["Name", "E-mail", "Phone", "Tags", "Location", "Changed"], contacts.map((each) => h("tr",
    h("th", { scope: "row" }, link(each.name ?? each.contact_id, contactAddress(each.location_id, each.contact_id))),
    h("td.wrap", each.email ?? "–"), h("td.nowrap", each.phone ?? "–"), h("td", tags(each.tags)),
    h("td.wrap", locationName(each.location_id)), h("td.nowrap", { title: time(each.updated_at) }, ago(each.updated_at)))), { hideCaption: true });
}

function tags(list) {
  return list.length ? h("span.tags", list.map((tag) => h("span.badge", tag))) : "–";
}

// One

export async function showContact(view) {
  const [location, id] = view.parts;
  const contact = await get(contactPath(location, id), {}, view.signal);
  const zone = viewerZone();
  const listed = Object.entries(contact.fields);
  view.begin(contact.name ?? contact.contact_id,
    link("← Contacts", "#/contacts", "back"),
    (heading) => h("div.page-head", heading, isAdmin() ? button("Delete …", () => deleteContact(contact), "danger-plain") : null),
    h("div.columns",
      h("section.card", h("h2", "Contact"), facts([
        ["E-mail", contact.email], ["Phone", contact.phone], ["Source", contact.source], ["Type", contact.type], ["Tags", tags(contact.tags)],
        ["Date created", exactTime(contact.date_created, zone)], ["Location", locationName(contact.location_id)], ["contact_id", contact.contact_id],
        ["Changed", exactTime(contact.updated_at, zone)]]),
      listed.length ? table("Custom fields", ["Field", "Value"], listed.map(([name, value]) => h("tr", h("th", { scope: "row" }, name), h("td.wrap", String(value))))) : null),
      h("section.card", h("h2", count(contact.events, "event")),
        eventPages("Events of this contact", view.signal, (cursor, signal) => get("/events/v1", { location_id: location, contact_id: id, cursor }, signal),
          { zone, contact: false, nothing: h("p.hint", "No event names this contact.") }))));
}

async function deleteContact(contact) {
  const path = contactPath(contact.location_id, contact.contact_id);
  const done = await confirm("Delete this contact?", `${contact.name ?? contact.contact_id} is deleted for good, with all of its events. Metrics are calculated without them.`, "Delete contact", {
    preview: async () => {
      const gone = await remove(path, { dry_run: true });
      return `${count(gone.events, "event")} and ${count(gone.tags, "tag")} go with it.`;
    },
    act: () => remove(path) });
  if (!done) return;
  toast("Contact deleted");
  location.hash = "#/contacts";
}
