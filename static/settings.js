// Settings: integrations (keys) and locations.

import { findLocation, get, isAdmin, loadLocations, locationName, locations, patch, post, publicAddress, remove } from "./api.js";
import { button, checkbox, field, h, link, mark, select, snippet, table } from "./dom.js";
import { count, date, time } from "./format.js";
import { forgetZones, zoneField } from "./range.js";
import { confirm, dialog, empty, failure, load, toast } from "./states.js";
import { ways } from "./waiting.js";

const SCOPES = [["ingest", "Ingest: posts events and contacts"], ["sync", "Sync: that, and deletes contacts"], ["read", "Read: sees everything but keys and refused events"],
  ["admin", "Admin: does everything"]];

function tabs(current) {
  const entries = [["Integrations", "#/settings/integrations"], ["Locations", "#/settings/locations"]];
  return h("nav.tabs", { "aria-label": "Settings" }, entries.map(([text, href]) => {
    const made = link(text, href);
    if (text === current) made.setAttribute("aria-current", "page");
    return made;
  }));
}

// Integrations

export async function showIntegrations(view) {
  const box = h("div");
  const make = isAdmin() ? link("New integration", "#/settings/integrations/new", "button primary") : null;
  view.begin("Integrations", tabs("Integrations"), (heading) => h("div.page-head", heading, make),
    h("p.lead", "An integration is a key with which another program sends events here, or reads them."), box);
  if (!isAdmin()) {
    box.replaceChildren(empty("Only for admins", "Your key reads. To see and change integrations, sign in with an admin key."));
    return;
  }
  const show = () => load(box, view.signal, (signal) => get("/keys/v1", {}, signal), ({ keys }) => (keys.length ? keyTable(keys, show)
    : empty("No integrations yet", "Create one for your CRM, and its token goes with each event.", link("New integration", "#/settings/integrations/new", "button primary"))));
  await show();
}

function keyTable(keys, again) {
  return table("Integrations", ["Name", "Scope", "Locations", "Token", "Created", "Last used", { text: "Actions", hidden: true }], keys.map((key) =>
    h("tr", { class: key.revoked_at ? "over" : null },
      h("th", { scope: "row" }, key.name, key.revoked_at ? h("span.badge", "revoked") : null),
      h("td", key.scope),
      h("td.wrap", key.locations ? key.locations.map(locationName).join(", ") : "All"),
      h("td", h("code", `${key.token_prefix}…`)),
      h("td.nowrap", date(key.created_at)),
      h("td.nowrap", key.last_used_at ? time(key.last_used_at) : "never"),
      h("td.end", key.revoked_at ? null : button("Revoke …", () => revoke(key, again), "danger-plain small", { "aria-label": `Revoke ${key.name}` })))), { hideCaption: true });
}

async function revoke(key, again) {
  const done = await confirm("Revoke this integration?", `Whatever sends with the token of “${key.name}” (${key.token_prefix}…) is refused from now on. This cannot be taken back.`, "Revoke", {
    preview: async () => (key.last_used_at ? `It was last used ${time(key.last_used_at)}.` : "It was never used."),
    act: () => remove(`/keys/v1/${key.key_id}`) });
  if (!done) return;
  toast("Integration revoked");
  again();
}

export async function showNewIntegration(view) {
  const box = h("div.card.narrow");
  view.begin("New integration", tabs("Integrations"), (heading) => heading, box);
  if (!isAdmin()) {
    box.replaceChildren(empty("Only for admins", "Your key reads. Sign in with an admin key to create an integration."));
    return;
  }
  box.append(h("p", "You will get a token. It is shown only once, so have the program that will use it at hand, such as a HighLevel workflow."),
    h("div.actions", button("Next", () => newKeyForm(box, view), "primary"), link("Cancel", "#/settings/integrations", "button")));
}

function newKeyForm(box, view) {
  const made = { scope: "ingest", locations: [], distinct_id_rule: "refuse" };
  const name = field("Name", h("input", { type: "text", required: true, placeholder: "HighLevel workflows", autocomplete: "off" }), "What it is for.", { pointer: "/name" });
  const extra = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const places = h("fieldset.group", h("legend", "Locations"), h("p.hint", "None chosen: all locations, also those to come."),
    locations().map((each) => checkbox(each.name ?? each.location_id, false, (yes) => {
      made.locations = yes ? [...made.locations, each.location_id] : made.locations.filter((id) => id !== each.location_id);
    })), field("Another location_id", extra, "One that has sent nothing yet; several with commas between them.", { pointer: "/locations" }));
  const rule = field("An event without distinct_id", select([["refuse", "is refused (recommended)"], ["generate", "gets one: each delivery counts"]], "refuse",
    (value) => { made.distinct_id_rule = value; }), "A sender that tries again after a failure would be counted twice without its own distinct_id.");
  const outcome = h("div");
  const go = h("button.primary", "Create integration");
  const form = h("form.stack", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    outcome.replaceChildren();
    for (const each of form.querySelectorAll("[data-pointer]")) mark(each, "");
    const all = [...made.locations, ...extra.value.split(",").map((id) => id.trim()).filter(Boolean)];
    try {
      const key = await post("/keys/v1", { ...made, name: name.querySelector("input").value, locations: all.length ? all : null });
      await showToken(box, key, view);
    } catch (error) {
      go.disabled = false;
      if (!markAll(form, error)) outcome.replaceChildren(failure(error));
    }
  } }, name, field("Scope", select(SCOPES, "ingest", (value) => { made.scope = value; })), places, rule, outcome,
  h("div.actions", go, link("Cancel", "#/settings/integrations", "button")));
  box.replaceChildren(form);
  name.querySelector("input").focus();
}

/** Shows each error beside its field; whether every one has found it. */
function markAll(form, { errors = [] }) {
  const found = errors.map(({ pointer, message }) => [[...form.querySelectorAll("[data-pointer]")].find((each) => pointer.startsWith(each.dataset.pointer)), message]);
  for (const [box, message] of found) if (box) mark(box, message);
  return errors.length > 0 && found.every(([box]) => box);
}

async function showToken(box, key, view) {
  const title = h("h2", { tabindex: "-1" }, "Your token");
  const guide = h("div");
  box.classList.remove("narrow");
  box.replaceChildren(title, snippet(key.token, "Token"), h("p.note", h("strong", "Copy it now. "), "It cannot be shown again; only its first characters are kept."),
    guide, h("div.actions", link("Done", "#/settings/integrations", "button primary"), link("Watch events arrive", "#/activity", "button")));
  title.focus();
  if (key.scope === "read" || key.scope === "admin") return;
  await load(guide, view.signal, publicAddress, (address) => [h("h2", "Use it"), ways(address, key.token)]);
}

// Locations

export async function showLocations(view) {
  const box = h("div");
  view.begin("Locations", tabs("Locations"), (heading) => h("div.page-head", heading),
    h("p.lead", "Locations come with their first event or contact. Their time zone says where a day begins."), box);
  const show = () => load(box, view.signal, loadLocations, (found) => (found.length ? locationTable(found, show) : empty("No locations yet", "The first event brings its location.")));
  await show();
}

function locationTable(found, again) {
  return table("Locations", ["Name", "location_id", "Time zone", "First seen", { text: "Actions", hidden: true }], found.map((each) => h("tr",
    h("th", { scope: "row" }, each.name ?? "–"), h("td.wrap", h("code", each.location_id)), h("td", each.timezone ?? "–"),
    h("td.nowrap", date(each.first_seen_at)),
    h("td.end.nowrap", isAdmin() ? [button("Edit", () => editLocation(each.location_id, again), "small", { "aria-label": `Edit ${locationName(each.location_id)}` }), " ",
      button("Remove …", () => removeLocation(each, again), "danger-plain small", { "aria-label": `Remove ${locationName(each.location_id)}` })] : null))), { hideCaption: true });
}

async function editLocation(id, again) {
  const { name, timezone } = findLocation(id);
  const said = {};
  const done = await dialog("Edit location", (close) => {
    const outcome = h("div");
    const title = field("Name", h("input", { type: "text", value: name ?? "", oninput: (event) => { said.name = event.target.value.trim() || null; } }),
      "Left empty: as the CRM names it.", { pointer: "/name" });
    const form = h("form.stack", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        if (Object.keys(said).length) await patch(`/locations/v1/${encodeURIComponent(id)}`, said);
        close(true);
      } catch (error) {
        if (!markAll(form, error)) outcome.replaceChildren(failure(error));
      }
    } }, h("p.hint.wrap", id), title,
    zoneField("Time zone", timezone ?? "", (zone) => { said.timezone = zone || null; }, { hint: "Left empty: as the CRM says, else the server’s own." }),
    outcome, h("div.actions", h("button.primary", "Save"), button("Cancel", () => close())));
    return form;
  });
  if (!done) return;
  forgetZones();
  toast("Location saved");
  again();
}

async function removeLocation(each, again) {
  const path = `/locations/v1/${encodeURIComponent(each.location_id)}`;
  const done = await confirm("Remove this location and all in it?", `${each.name ?? each.location_id}: its contacts and events are deleted for good. This cannot be taken back.`, "Remove all", {
    preview: async () => {
      const gone = await remove(path, { dry_run: true });
      return `${count(gone.events, "event")}, ${count(gone.contacts, "contact")}, ${count(gone.tags, "tag")}`;
    },
    act: async (tell) => {
      for (let remaining = 1; remaining > 0;) {
        ({ remaining } = await remove(path));
        tell(`${count(remaining, "row")} left …`);
      }
    } });
  if (!done) return;
  toast("Location removed");
  again();
}
