// Settings: integrations (keys) and locations.

import { call, findLocation, get, isAdmin, loadLocations, locationName, locations, post, publicAddress, remove } from "./api.js";
import { actions, button, checkbox, entry, field, form, h, hint, link, select, snippet, table } from "./dom.js";
import { count, date, time } from "./format.js";
import { forgetZones, zoneField } from "./range.js";
import { confirm, dialog, empty, load, toast } from "./states.js";
import { ways } from "./waiting.js";

const INTEGRATIONS = "#/settings/integrations";
const SCOPES = [["ingest", "Ingest: posts events and contacts"], ["sync", "Sync: that, and deletes contacts"], ["read", "Read: sees everything but keys and refused events"],
  ["admin", "Admin: does everything"]];
const RULES = [["refuse", "is refused (recommended)"], ["generate", "gets one: each delivery counts"]];

const tabs = (current) => h("nav.tabs", { "aria-label": "Settings" }, [["Integrations", INTEGRATIONS], ["Locations", "#/settings/locations"]].map(([text, href]) =>
  h("a", { href, "aria-current": text === current ? "page" : null }, text)));

// Integrations

export async function showIntegrations(view) {
  const box = h("div");
  const make = () => isAdmin() && link("New integration", `${INTEGRATIONS}/new`, "button primary");
  view.begin("Integrations", make(), tabs("Integrations"), h("p.lead", "An integration is a key with which another program sends events here, or reads them."), box);
  if (!isAdmin()) box.append(onlyAdmins());
  else await showKeys(box, view, make);
}

const showKeys = (box, view, make) => load(box, view.signal, (signal) => get("/keys/v1", {}, signal), ({ keys }) => (keys.length
  ? table("Integrations", ["Name", "Scope", "Locations", "Token", "Created", "Last used", "Actions"], keys.map((key) => [
    key.name, key.scope, key.locations ? key.locations.map(locationName).join(", ") : "All", h("code", `${key.token_prefix}…`), date(key.created_at),
    key.last_used_at ? time(key.last_used_at) : "never",
    key.revoked_at ? h("span.badge", "revoked") : button("Revoke …", () => revoke(key, () => showKeys(box, view, make)), "danger-plain small", { "aria-label": `Revoke ${key.name}` })]))
  : empty("No integrations yet", "Create one for your CRM, and its token goes with each event.", make())));

const onlyAdmins = () => empty("Only for admins", "Your key reads. To see and change integrations, sign in with an admin key.");

async function revoke(key, again) {
  if (!await confirm("Revoke this integration?", `Whatever sends with the token of “${key.name}” (${key.token_prefix}…) is refused from now on. This cannot be taken back.`, "Revoke",
    () => remove(`/keys/v1/${key.key_id}`), () => (key.last_used_at ? `It was last used ${time(key.last_used_at)}.` : "It was never used."))) return;
  toast("Integration revoked");
  again();
}

export async function showNewIntegration(view) {
  const box = h("div.card.stack.narrow");
  view.begin("New integration", [], tabs("Integrations"), box);
  if (!isAdmin()) box.append(onlyAdmins());
  else box.append(h("p", "You will get a token. It is shown only once, so have the program that will use it at hand, such as a HighLevel workflow."),
    actions(button("Next", () => askForKey(box, view), "primary"), cancel()));
}

const cancel = () => link("Cancel", INTEGRATIONS, "button");

function askForKey(box, view) {
  const made = { name: "", scope: "ingest", distinct_id_rule: "refuse" };
  const chosen = new Set();
  let others = "";
  box.replaceChildren(form([
    entry("Name", "", (text) => { made.name = text; }, { hint: "What it is for.", pointer: "/name", placeholder: "HighLevel workflows" }),
    field("Scope", select(SCOPES, made.scope, (value) => { made.scope = value; })),
    h("fieldset.group", h("legend", "Locations"), hint("None chosen: all locations, also those to come."),
      locations().map(({ location_id: id }) => checkbox(locationName(id), false, (yes) => chosen[yes ? "add" : "delete"](id))),
      entry("Another location_id", "", (text) => { others = text; }, { hint: "One that has sent nothing yet; several with commas between them.", pointer: "/locations" })),
    field("An event without distinct_id", select(RULES, made.distinct_id_rule, (value) => { made.distinct_id_rule = value; }),
      { hint: "A sender that tries again after a failure is counted twice without its own distinct_id." }),
  ], "Create integration", async () => {
    const ids = [...chosen, ...others.split(",").map((id) => id.trim()).filter(Boolean)];
    showToken(box, await post("/keys/v1", { ...made, locations: ids.length ? ids : null }), view);
  }, cancel()));
  box.querySelector("input").focus();
}

function showToken(box, key, view) {
  const title = h("h2", { tabindex: "-1" }, "Your token");
  const guide = h("div.stack");
  box.classList.remove("narrow");
  box.replaceChildren(title, snippet(key.token, "Token"), h("p.note", h("strong", "Copy it now. "), "It cannot be shown again; only its first characters are kept."),
    guide, actions(link("Done", INTEGRATIONS, "button primary"), link("Watch events arrive", "#/activity", "button")));
  title.focus();
  if (key.scope === "ingest" || key.scope === "sync") load(guide, view.signal, publicAddress, (address) => [h("h2", "Use it"), ways(address, key.token)]);
}

// Locations

export async function showLocations(view) {
  const box = h("div");
  view.begin("Locations", [], tabs("Locations"), h("p.lead", "Locations come with their first event or contact. Their time zone says where a day begins."), box);
  const show = () => load(box, view.signal, loadLocations, (found) => (found.length
    ? table("Locations", ["Name", "location_id", "Time zone", "First seen", "Actions"], found.map((each) => [each.name ?? "–", h("code", each.location_id), each.timezone ?? "–", date(each.first_seen_at),
      isAdmin() ? actions(button("Edit", () => editLocation(each.location_id, show), "small", { "aria-label": `Edit ${locationName(each.location_id)}` }),
        button("Remove …", () => removeLocation(each, show), "danger-plain small", { "aria-label": `Remove ${locationName(each.location_id)}` })) : null]))
    : empty("No locations yet", "The first event brings its location.")));
  await show();
}

const pathOf = (id) => `/locations/v1/${encodeURIComponent(id)}`;

async function editLocation(id, again) {
  const { name, timezone } = findLocation(id);
  const said = {};
  if (!await dialog("Edit location", (close) => form([hint(id),
    entry("Name", name ?? "", (text) => { said.name = text || null; }, { hint: "Left empty: as the CRM names it.", pointer: "/name" }),
    zoneField(timezone ?? "", (zone) => { said.timezone = zone || null; }, "Left empty: as the CRM says, else the server’s own.")], "Save", async () => {
    if (Object.keys(said).length) await call("PATCH", pathOf(id), { body: said });
    close(true);
  }, button("Cancel", () => close())))) return;
  forgetZones();
  toast("Location saved");
  again();
}

async function removeLocation({ location_id: id }, again) {
  if (!await confirm("Remove this location and all in it?", `${locationName(id)}: its contacts and events are deleted for good. This cannot be taken back.`, "Remove all", async (tell) => {
    for (let remaining = 1; remaining > 0;) {
      ({ remaining } = await remove(pathOf(id)));
      tell(`${count(remaining, "row")} left …`);
    }
  }, async () => {
    const gone = await remove(pathOf(id), { dry_run: true });
    return `${count(gone.events, "event")}, ${count(gone.contacts, "contact")}, ${count(gone.tags, "tag")}`;
  })) return;
  toast("Location removed");
  again();
}
