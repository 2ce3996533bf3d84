// Links to dashboards: which there are, and what their pages look like.

import { get, isAdmin, locationName, remove } from "./api.js";
import { brandingCard } from "./branding.js";
import { askingButton, confirm } from "./dialog.js";
import { button, h } from "./dom.js";
import { time } from "./format.js";
import { beginSettings, onlyAdmins } from "./settings.js";
import { isAlive, openShareDialog } from "./sharing.js";
import { empty, pages } from "./states.js";
import { table } from "./table.js";

const RIGHTS = { dates: "change dates", events: "open events", download: "download" };

export async function showSharing(view) {
  const head = {
    title: "Sharing",
    lead: "Links that show a dashboard to your clients, in a browser or inside their CRM. Nobody has to sign in.",
  };
  if (!isAdmin()) {
    beginSettings(view, head, onlyAdmins("links"));
    return;
  }
  const [{ dashboards }, branding] = await Promise.all([
    get("/dashboards/v1"),
    get("/branding/v1"),
  ]);
  const names = new Map(dashboards.map(({ dashboard_id, name }) => [dashboard_id, name]));
  const nothing = empty(
    "No links yet",
    "Give each client its own numbers. A link can be revoked at any time.",
  );
  const { box, load } = pages(
    "shares",
    (cursor, signal) => get("/shares/v1", { cursor }, signal),
    shares => table("Links", shareColumns(names, load), shares, nothing),
  );
  const share = async () => {
    await openShareDialog(dashboards[0], dashboards);
    load();
  };
  load();
  beginSettings(
    view,
    { ...head, buttons: button("Share a dashboard", share, "primary") },
    box,
    brandingCard(branding),
  );
}

const shareColumns = (names, reload) => [
  { head: "Dashboard", cell: ({ dashboard_id: id }) => names.get(id) ?? "deleted" },
  { head: "Whose numbers", cell: ({ locations }) => whoseText(locations) },
  { head: "Viewers may", cell: ({ may }) => rightsText(may) },
  { head: "Created", cell: share => time(share.created_at) },
  { head: "Last used", cell: share => (share.last_used_at ? time(share.last_used_at) : "never") },
  { head: "Expires", cell: share => (share.expires_at ? time(share.expires_at) : "never") },
  { head: "Actions", cell: share => revocation(share, names, reload) },
];

const whoseText = locations =>
  locations === "all" ? "All locations" : locations.map(locationName).join(", ");

const rightsText = may =>
  Object.keys(RIGHTS)
    .filter(name => may[name])
    .map(name => RIGHTS[name])
    .join(", ") || "only look";

function revocation(share, names, reload) {
  if (share.revoked_at) return h("span.badge", "revoked");
  if (!isAlive(share)) return h("span.badge", "expired");
  const what = `${names.get(share.dashboard_id)}, ${whoseText(share.locations)}`;
  const ask = () =>
    confirm({
      title: "Revoke this link?",
      text: `It shows no more numbers, at once and for good: ${what}.`,
      label: "Revoke",
      act: () => remove(`/shares/v1/${share.share_id}`),
      preview: () =>
        share.last_used_at ? `It was last used ${time(share.last_used_at)}.` : "It was never used.",
    });
  const spokenName = `Revoke the link to ${what}`;
  return askingButton("Revoke", { ask, onDone: reload, kind: "small danger", spokenName });
}
