// Settings: integrations (keys) and locations.

import {
  call,
  findLocation,
  get,
  isAdmin,
  loadLocations,
  locationName,
  post,
  remove,
  session,
} from "./api.js";
import {
  actions,
  button,
  entry,
  facts,
  fill,
  h,
  hint,
  link,
  select,
  snippet,
  table,
  toast,
} from "./dom.js";
import { ago, time } from "./format.js";
import { locationsField, zoneField } from "./range.js";
import { asking, cancel, confirm, confirmRemoval, dialog, empty, form, loader } from "./states.js";

const INTEGRATIONS = "#/settings/integrations";
const SCOPES = {
  ingest: "Ingest: posts data",
  sync: "Sync: deletes contacts, too",
  read: "Read: sees the metrics",
  admin: "Admin: does everything",
};
const CUSTOM_DATA = {
  event_name: "Offer Made",
  distinct_id: "Offer Made {{contact.id}}",
  location_id: "{{location.id}}",
  "properties.value": "{{opportunity.lead_value}}",
};
const LOCAL = /^(localhost$|\[::1\]|(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\.)|\.local$/;
const RULES = {
  refuse: "is refused (recommended)",
  generate: "gets one: what is sent twice counts twice",
};

function begin(view, title, buttons, lead, ...content) {
  const tab = (text, href) =>
    h("a", { href, "aria-current": view.address.startsWith(href) && "page" }, text);
  view.begin(
    title,
    buttons,
    h(
      "nav",
      { "aria-label": "Settings" },
      tab("Integrations", INTEGRATIONS),
      tab("Locations", "#/settings/locations"),
    ),
    h("p.lead", lead),
    content,
  );
}

const onlyAdmins = () => empty("Only for admins", "Sign in with an admin key to see integrations.");

// Integrations

export function showIntegrations(view) {
  const [box, load] = loader();
  const make = link("New integration", `${INTEGRATIONS}/new`, "button primary");
  begin(
    view,
    "Integrations",
    isAdmin() && make,
    "An integration is a key with which a program sends or reads events.",
    box,
  );
  if (!isAdmin()) return fill(box, onlyAdmins());
  const columns = [
    ["Name", "name"],
    ["Scope", "scope"],
    ["Locations", key => key.locations?.map(locationName).join(", ") ?? "All"],
    ["Token", key => h("code", `${key.token_prefix}…`)],
    ["Created", key => ago(key.created_at)],
    ["Last used", key => (key.last_used_at ? time(key.last_used_at) : "never")],
    [
      "Actions",
      key =>
        key.revoked_at
          ? h("span.badge", "revoked")
          : asking("Revoke", () => revoke(key), show, "small danger", `Revoke ${key.name}`),
    ],
  ];
  const show = () =>
    load(
      () => get("/keys/v1"),
      ({ keys }) =>
        table(
          "Integrations",
          columns,
          keys,
          empty("No integrations yet", "Create one for your CRM."),
        ),
    );
  return show();
}

const revoke = key =>
  confirm(
    "Revoke this integration?",
    `Whatever sends with the token of “${key.name}” (${key.token_prefix}…) is refused for good.`,
    "Revoke",
    () => remove(`/keys/v1/${key.key_id}`),
    () => (key.last_used_at ? `It was last used ${time(key.last_used_at)}.` : "It was never used."),
  );

export function showNewIntegration(view) {
  const box = h("div.card");
  begin(view, "New integration", [], "", isAdmin() ? box : onlyAdmins());
  const made = { name: "", scope: "ingest", locations: [], distinct_id_rule: "refuse" };
  const leave = link("Cancel", INTEGRATIONS, "button");
  const ask = () =>
    fill(
      box,
      form(
        [
          entry("Name", made, "name", null, { placeholder: "HighLevel workflows" }),
          select("Scope", SCOPES, made, "scope"),
          locationsField(made, null, {
            placeholder: "All, also those to come",
            hint: "Or type a new location_id.",
          }),
          select("An event without distinct_id", RULES, made, "distinct_id_rule"),
        ],
        "Create integration",
        async () => {
          showToken(
            box,
            await post("/keys/v1", {
              ...made,
              locations: made.locations.length ? made.locations : null,
            }),
          );
        },
        leave,
      ),
    )
      .querySelector("input")
      .focus();
  fill(
    box,
    h("p", "You get a token, shown only once: have the program at hand that uses it."),
    actions(button("Next", ask, "primary"), leave),
  );
}

function showToken(box, { token, scope }) {
  const title = h("h2", { tabindex: "-1" }, "Your token");
  fill(
    box,
    title,
    snippet(token, "Token"),
    h("p.warnings", h("strong", "Copy it now. "), "It cannot be shown again."),
    (scope === "ingest" || scope === "sync") && [h("h2", "Use it"), ways(token)],
    actions(
      link("Done", INTEGRATIONS, "button primary"),
      link("Watch events arrive", "#/activity", "button"),
    ),
  );
  title.focus();
}

// How to send events here
export function ways(token = "YOUR_TOKEN") {
  const url = `${session.address}/events/ingestion/v1`;
  const { host, hostname } = new URL(url);
  const event = {
    event_name: "Offer Made",
    location_id: "my-location",
    distinct_id: "offer-1",
    properties: { value: 100 },
  };
  const way = (title, more, ...steps) => h("details", more, h("summary", title), steps);
  return h(
    "div.stack",
    LOCAL.test(hostname) &&
      h(
        "p.warnings",
        h("strong", "HighLevel cannot reach this address. "),
        `${host} is known to this computer only. `,
        "It needs a public https:// address, told by --public-url. Until then, try curl.",
      ),
    way(
      "HighLevel, key in a header",
      { open: true },
      h(
        "ol",
        h(
          "li",
          "In the workflow, add the action ",
          h("strong", "Webhook"),
          " (not Custom Webhook), with method ",
          h("code", "POST"),
          " and this URL:",
          snippet(url, "URL"),
        ),
        h(
          "li",
          "Under Headers, add ",
          h("code", "X-API-Key"),
          " with the token:",
          snippet(token, "Token"),
        ),
        h(
          "li",
          "Under Custom Data, add:",
          facts(Object.entries(CUSTOM_DATA).map(pair => pair.map(text => h("code", text)))),
        ),
        h("li", "HighLevel warns that it does not know {{location.id}}. That is safe to ignore."),
      ),
    ),
    way(
      "HighLevel, key in the URL",
      {},
      h("p", "Where headers cannot be set: the same Custom Data, and this URL:"),
      snippet(`${url}?api_key=${encodeURIComponent(token)}`, "URL with the key"),
    ),
    way("curl", {}, curlSnippet(url, token, event)),
  );
}

export const curlSnippet = (url, key, body) =>
  snippet(
    `curl ${url} -H 'X-API-Key: ${key}' -H 'Content-Type: application/json' -d '${JSON.stringify(
      body,
    ).replaceAll("'", "'\\''")}'`,
    "curl command",
  );

// Locations

export function showLocations(view) {
  const [box, load] = loader();
  begin(
    view,
    "Locations",
    [],
    "Locations come with their first event. Their time zone says where a day begins.",
    box,
  );
  const columns = [
    ["Name", each => locationName(each.location_id)],
    ["location_id", each => h("code", each.location_id)],
    ["Time zone", "timezone"],
    ["First seen", each => ago(each.first_seen_at)],
    isAdmin() && [
      "Actions",
      ({ location_id: id }) =>
        actions(
          asking("Edit", () => editLocation(id), show, "small", `Edit ${locationName(id)}`),
          asking(
            "Remove",
            () => removeLocation(id),
            show,
            "small danger",
            `Remove ${locationName(id)}`,
          ),
        ),
    ],
  ];
  const show = () =>
    load(loadLocations, found =>
      table(
        "Locations",
        columns,
        found,
        empty("No locations yet", "The first event brings its location."),
      ),
    );
  show();
}

const pathOf = id => `/locations/v1/${encodeURIComponent(id)}`;

function editLocation(id) {
  const said = { ...findLocation(id) };
  const body = {}; // what is sent is no longer as the CRM says
  const keep = name => () => {
    body[name] = said[name] || null;
  };
  return dialog("Edit location", close =>
    form(
      [
        hint(id),
        entry("Name", said, "name", keep("name"), { hint: "Left empty: as the CRM names it." }),
        zoneField(
          said,
          "timezone",
          keep("timezone"),
          "Left empty: as the CRM says, else the server’s own.",
        ),
      ],
      "Save",
      async () => {
        await call("PATCH", pathOf(id), { body });
        close(true);
        toast("Location saved");
      },
      cancel(close),
    ),
  );
}

const removeLocation = id =>
  confirmRemoval(
    "Remove this location and all in it?",
    `${locationName(id)}: its contacts and events are deleted for good.`,
    "Remove all",
    pathOf(id),
  );
