// Why a link shows no dashboard, and whom to ask.

import { fill, h } from "./dom.js";

const ASK = "Please ask whoever sent it to you for a new one.";
const ENDINGS = {
  unknown: ["This link is not valid", `Perhaps it was copied only in part. ${ASK}`],
  incomplete: ["This link is incomplete", `What stands after its # is missing. ${ASK}`],
  revoked: ["This link was revoked", ASK],
  expired: ["This link has expired", ASK],
  dashboard_deleted: ["This dashboard was deleted", ASK],
  location_deleted: ["There are no more numbers for this account", ASK],
  unfilled: [
    "No dashboard is set up here yet",
    "The CRM has no link for this account. Please ask your agency to fill in its custom value.",
  ],
};
// The API's codes, where they are others
const CODES = { key_revoked: "revoked", share_expired: "expired" };

/** @param {string} name of an ending, or the API's code; whatever else it refuses is no link */
export function showEnding(main, name) {
  const [title, advice] = ENDINGS[CODES[name] ?? name] ?? ENDINGS.unknown;
  document.title = title;
  fill(main, h("div.empty", h("h1", title), h("p", advice)));
}
