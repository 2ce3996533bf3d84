// Settings: integrations (keys) and locations.

import { call, findLocation, get, isAdmin, loadLocations, locationName, post, remove } from "./api.js";
import { actions, button, entry, fill, h, hint, link, select, snippet, table } from "./dom.js";
import { count, date, time } from "./format.js";
import { locationsField, zoneField } from "./range.js";
import { confirm, dialog, empty, form, loader, toast } from "./states.js";
import { ways } from "./waiting.js";

const INTEGRATIONS = "#/settings/integrations";
const SCOPES = [["ingest", "Ingest: posts events and contacts"], ["sync", "Sync: that, and deletes contacts"],
  ["read", "Read: sees everything but keys and refused events"], ["admin", "Admin: does everything"]];
const RULES = [["refuse", "is refused (recommended)"], ["generate", "gets one: each delivery counts"]];

function begin(view, title, buttons, ...content) {
  const tabs = [["Integrations", INTEGRATIONS], ["Locations", "#/settings/locations"]];
  view.begin(title, buttons, h("nav.tabs", { "aria-label": "Settings" }, tabs.map(([text, href]) =>
    h("a", { href, "aria-current": title === "Locations" === (text === "Locations") ? "page" : null }, text))), content);
}

const onlyAdmins = () => empty("Only for admins", "Your key reads. To see and change integrations, sign in with an admin key.");

// Integrations

export function showIntegrations(view) {
  const box = h("div");
  const make = () => isAdmin() && link("New integration", `${INTEGRATIONS}/new`, "button primary");
  begin(view, "Integrations", make(), h("p.lead", "An integration is a key with which another program sends events here, or reads them."), box);
  const load = loader(box, view.signal);
  const show = () => load(() => get("/keys/v1"), ({ keys }) => (keys.length ? table("Integrations", [
    ["Name", (key) => key.name], ["Scope", (key) => key.scope], ["Locations", (key) => key.locations?.map(locationName).join(", ") ?? "All"],
    ["Token", (key) => h("code", `${key.token_prefix}…`)], ["Created", (key) => date(key.created_at)],
    ["Last used", (key) => (key.last_used_at ? time(key.last_used_at) : "never")],
    ["Actions", (key) => (key.revoked_at ? h("span.badge", "revoked")
      : button("Revoke …", () => revoke(key, show), "danger-plain small", { "aria-label": `Revoke ${key.name}` }))],
  ], keys) : empty("No integrations yet", "Create one for your CRM, and its token goes with each event.", make())));
  if (isAdmin()) show();
  else fill(box, onlyAdmins());
}

async function revoke(key, again) {
  if (!await confirm("Revoke this integration?",
    `Whatever sends with the token of “${key.name}” (${key.token_prefix}…) is refused from now on. This cannot be taken back.`, "Revoke",
    () => remove(`/keys/v1/${key.key_id}`), () => (key.last_used_at ? `It was last used ${time(key.last_used_at)}.` : "It was never used."))) return;
  toast("Integration revoked");
  again();
}

export function showNewIntegration(view) {
  const box = h("div.card.stack.narrow");
  begin(view, "New integration", [], isAdmin() ? box : onlyAdmins());
  fill(box, h("p", "You will get a token. It is shown only once, so have the program that will use it at hand, such as a HighLevel workflow."),
    actions(button("Next", () => askForKey(box), "primary"), cancel()));
}

const cancel = () => link("Cancel", INTEGRATIONS, "button");

function askForKey(box) {
  const made = { name: "", scope: "ingest", locations: null, distinct_id_rule: "refuse" };
  const set = (name) => (value) => { made[name] = value; };
  fill(box, form([
    entry("Name", "", set("name"), { hint: "What it is for.", pointer: "/name", placeholder: "HighLevel workflows" }),
    select("Scope", SCOPES, made.scope, set("scope")),
    locationsField([], (ids) => { made.locations = ids.length ? ids : null; }, { placeholder: "All locations, also those to come", pointer: "/locations",
      hint: "Choose or type; also the location_id of one that has sent nothing yet." }),
    select("An event without distinct_id", RULES, made.distinct_id_rule, set("distinct_id_rule"),
      { hint: "A sender that tries again after a failure is counted twice without its own distinct_id." }),
  ], "Create integration", async () => showToken(box, await post("/keys/v1", made)), cancel()));
  box.querySelector("input").focus();
}

function showToken(box, key) {
  const title = h("h2", { tabindex: "-1" }, "Your token");
  box.classList.remove("narrow");
  fill(box, title, snippet(key.token, "Token"), h("p.note", h("strong", "Copy it now. "), "It cannot be shown again; only its first characters are kept."),
    (key.scope === "ingest" || key.scope === "sync") && [h("h2", "Use it"), ways(key.token)],
    actions(link("Done", INTEGRATIONS, "button primary"), link("Watch events arrive", "#/activity", "button")));
  title.focus();
}

// Locations

export function showLocations(view) {
  const box = h("div");
  begin(view, "Locations", [], h("p.lead", "Locations come with their first event or contact. Their time zone says where a day begins."), box);
  const load = loader(box, view.signal);
  const act = (label, does, each, kind) => button(`${label}${does === removeLocation ? " …" : ""}`, () => does(each.location_id, show), `small ${kind}`,
    { "aria-label": `${label} ${locationName(each.location_id)}` });
  const show = () => load(loadLocations, (found) => (found.length ? table("Locations", [["Name", (each) => each.name ?? "–"],
    ["location_id", (each) => h("code", each.location_id)], ["Time zone", (each) => each.timezone ?? "–"], ["First seen", (each) => date(each.first_seen_at)],
    ...(isAdmin() ? [["Actions", (each) => actions(act("Edit", editLocation, each, ""), act("Remove", removeLocation, each, "danger-plain"))]] : []),
  ], found) : empty("No locations yet", "The first event brings its location.")));
  show();
}

const pathOf = (id) => `/locations/v1/${encodeURIComponent(id)}`;

async function editLocation(id, again) {
  const { name, timezone } = findLocation(id);
  const said = {};
  const set = (field) => (text) => { said[field] = text || null; };
  if (!await dialog("Edit location", (close) => form([hint(id),
    entry("Name", name ?? "", set("name"), { hint: "Left empty: as the CRM names it.", pointer: "/name" }),
    zoneField(timezone ?? "", set("timezone"), "Left empty: as the CRM says, else the server’s own.")], "Save", async () => {
    if (Object.keys(said).length) await call("PATCH", pathOf(id), { body: said });
    close(true);
  }, button("Cancel", () => close())))) return;
  toast("Location saved");
  again();
}

async function removeLocation(id, again) {
  const preview = async () => {
    const gone = await remove(pathOf(id), { dry_run: true });
    return `${count(gone.events, "event")}, ${count(gone.contacts, "contact")}, ${count(gone.tags, "tag")}`;
  };
  if (!await confirm("Remove this location and all in it?", `${locationName(id)}: its contacts and events are deleted for good. This cannot be taken back.`,
    "Remove all", async (tell) => {
      for (let remaining = 1; remaining > 0;) {
        ({ remaining } = await remove(pathOf(id)));
        tell(`${count(remaining, "row")} left …`);
      }
    }, preview)) return;
  toast("Location removed");
  again();
}
