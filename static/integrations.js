// Integrations: the keys with which programs send and read events.

import { get, isAdmin, locationName, post, remove, session } from "./api.js";
import { locationsField } from "./choices.js";
import { askingButton, confirm } from "./dialog.js";
import { actions, button, fill, h, link } from "./dom.js";
import { selectField, textField } from "./fields.js";
import { form } from "./form.js";
import { time } from "./format.js";
import { sendingInstructions, testEvent } from "./sending.js";
import { beginSettings, onlyAdmins } from "./settings.js";
import { snippet } from "./snippet.js";
import { empty, loader } from "./states.js";
import { table } from "./table.js";

const ADDRESS = "#/settings/integrations";
const SCOPES = {
  ingest: "Ingest: posts data",
  sync: "Sync: also deletes contacts",
  read: "Read: sees all the data",
  admin: "Admin: may do everything",
};
const DISTINCT_ID_RULES = {
  refuse: "is refused (recommended)",
  generate: "gets one: what is sent twice counts twice",
};

export function showIntegrations(view) {
  const { box, load } = loader();
  const head = {
    title: "Integrations",
    buttons: isAdmin() && link("New integration", `${ADDRESS}/new`, "button primary"),
    lead: "An integration is an API key, with which another program sends or reads data.",
  };
  beginSettings(view, head, box);
  if (!isAdmin()) {
    fill(box, onlyAdmins("integrations"));
    return;
  }
  const nothing = empty("No integrations yet", "Create one for your CRM.");
  const show = () =>
    load(
      () => get("/keys/v1"),
      ({ keys }) => table("Integrations", keyColumns(show), keys, nothing),
    );
  show();
}

const keyColumns = reload => [
  { head: "Name", cell: "name" },
  { head: "Scope", cell: "scope" },
  { head: "Locations", cell: key => key.locations?.map(locationName).join(", ") ?? "All" },
  { head: "Token", cell: key => h("code", `${key.token_prefix}…`) },
  { head: "Created", cell: key => time(key.created_at) },
  { head: "Last used", cell: key => (key.last_used_at ? time(key.last_used_at) : "never") },
  { head: "Actions", cell: key => revocation(key, reload) },
];

function revocation(key, reload) {
  if (key.revoked_at) return h("span.badge", "revoked");
  const ask = () =>
    confirm({
      title: "Revoke this integration?",
      text: `Whatever uses the token of “${key.name}” (${key.token_prefix}…) is refused for good.`,
      label: "Revoke",
      act: () => remove(`/keys/v1/${key.key_id}`),
      preview: () =>
        key.last_used_at ? `It was last used ${time(key.last_used_at)}.` : "It was never used.",
    });
  const spokenName = `Revoke ${key.name}`;
  return askingButton("Revoke", { ask, onDone: reload, kind: "small danger", spokenName });
}

// A new one

export function showNewIntegration(view) {
  const box = h("div.card");
  beginSettings(view, { title: "New integration" }, isAdmin() ? box : onlyAdmins("integrations"));
  const next = () => {
    fill(box, newIntegrationForm(box));
    box.querySelector("input").focus();
  };
  fill(
    box,
    h("p", "You get a token, which is shown only once: have the program at hand that will use it."),
    actions(button("Next", next, "primary"), cancelLink()),
  );
}

const cancelLink = () => link("Cancel", ADDRESS, "button");

function newIntegrationForm(box) {
  const key = { name: "", scope: "ingest", locations: [], distinct_id_rule: "refuse" };
  return form({
    content: [
      textField("Name", { state: key, name: "name", placeholder: "HighLevel workflows" }),
      selectField("Scope", { choices: SCOPES, state: key, name: "scope" }),
      locationsField({
        state: key,
        placeholder: "All, including future ones",
        hint: "Or type the ID of a new one.",
      }),
      selectField("An event without distinct_id", {
        choices: DISTINCT_ID_RULES,
        state: key,
        name: "distinct_id_rule",
      }),
    ],
    label: "Create integration",
    submit: async () => {
      const locations = key.locations.length ? key.locations : null;
      showToken(box, await post("/keys/v1", { ...key, locations }));
    },
    other: cancelLink(),
  });
}

function showToken(box, { token, scope, locations }) {
  const title = h("h2", { tabindex: "-1" }, "Your token");
  const isForSending = scope === "ingest" || scope === "sync";
  const test = { key: token, location_id: locations?.[0] };
  fill(
    box,
    title,
    snippet(token, "Token"),
    h("p.warnings", h("strong", "Copy it now. "), "It cannot be shown again."),
    isForSending
      ? [h("h2", "Use it"), sendingInstructions(token), testEvent(test)]
      : [
          h("p", "It goes into the header X-API-Key. This link signs in to this page with it:"),
          snippet(`${session.address}/#key=${token}`, "Sign-in link"),
        ],
    actions(
      link("Done", ADDRESS, "button primary"),
      link("Watch events arrive", "#/activity", "button"),
    ),
  );
  title.focus();
}
